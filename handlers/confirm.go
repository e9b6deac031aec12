package handlers

import (
	"context"
	"time"

	"github.com/slack-go/slack"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// Confirm says which starts that somebody typed are asked about once more.
type Confirm string

// The policies, each asking more than the one before, but for ConfirmNever.
const (
	ConfirmNever    Confirm = "never"
	ConfirmOverlap  Confirm = "overlap"  // those that may still run when the next scheduled import is due
	ConfirmComplete Confirm = "complete" // besides, every complete one
	ConfirmAll      Confirm = "all"
)

const (
	// questionLives is how long a question may be answered: it was asked about the moment.
	questionLives = time.Minute
	// overlapUnknown is how near the next scheduled import must be for a start to be asked about where nobody knows how long
	// it takes.
	overlapUnknown = 10 * time.Minute
	// overdueFor is how long after its time a scheduled import may still begin: the server's schedule is not to the second.
	overdueFor = 5 * time.Minute
)

// question is why a start is asked about.
type question string

const (
	askNothing question = ""
	askOverlap question = "overlap"
	askPolicy  question = "policy"
)

// question says whether to ask before an import of the scene's type is started, given what a dialog said before.
func (srv Server) question(s scene, before warned) question {
	if srv.Confirm == ConfirmNever {
		return askNothing
	}
	if _, overlaps := s.overlaps(); overlaps && before != toldOverlap {
		return askOverlap
	}
	every := srv.Confirm == ConfirmAll || srv.Confirm == ConfirmComplete && s.imp.Type == bigfix.TypeComplete
	if every && before == toldNothing {
		return askPolicy
	}
	return askNothing
}

// overlaps says whether an import of the scene's type that is started now may still run when the next scheduled one is due,
// and in how long that is: negative where its time has just come.
func (s scene) overlaps() (away time.Duration, ok bool) {
	b := s.known.Quiet
	if b == nil || b.NextImportTime.IsZero() {
		return 0, false
	}
	reach := overlapUnknown
	if usual, ok := s.usual(); ok {
		reach = usual.High
	}
	away = b.NextImportTime.Sub(s.serverNow())
	return away, away > -overdueFor && away <= reach
}

// usualLine says how long an import of the scene's type takes.
func (s scene) usualLine(p pen) string {
	usual, ok := s.usual()
	if !ok {
		return ""
	}
	return "It usually takes " + p.between(usual.Low, usual.High) + "."
}

// nextLine says when the next scheduled import is.
func (s scene) nextLine(p pen) string {
	b := s.known.Quiet
	if b == nil || b.NextImportTime.IsZero() {
		return ""
	}
	away := b.NextImportTime.Sub(s.serverNow())
	if away <= 0 {
		return s.nextWord(p) + " was due " + p.when(b.NextImportTime) + "."
	}
	return s.nextWord(p) + " is due " + p.when(b.NextImportTime) + ", in " + p.span(away) + "."
}

// nextDate says it in words that stay true.
func (s scene) nextDate(p pen) string {
	b := s.known.Quiet
	if b == nil || b.NextImportTime.IsZero() {
		return ""
	}
	return s.nextWord(p) + ": " + b.NextImportTime.UTC().Format("2 Jan 15:04 UTC") + "."
}

// nextWord names the next scheduled import.
func (s scene) nextWord(p pen) string {
	if t := s.known.Quiet.NextImportType; t != "" {
		return "The next scheduled import (" + p.typeWord(t) + ")"
	}
	return "The next scheduled import"
}

// overlapLine says what is overlapped.
func (s scene) overlapLine(p pen) string {
	away, ok := s.overlaps()
	_, usual := s.usual()
	switch {
	case !ok:
		return ""
	case away <= 0:
		return "That one may begin any moment; a server runs one import at a time."
	case !usual:
		return "This one may still run by then, and the scheduled one would not begin on time."
	}
	return "This one is likely to run still by then, and the scheduled one would not begin on time."
}

// ask says whether a start is asked about before it is accepted, given what a dialog said before, and the question. Where an
// import runs it is not: then nothing is started, and the person joins.
func (h *Handlers) ask(ctx context.Context, c *call, srv Server, t bigfix.ImportType, before warned) (bool, bot.Message) {
	v := h.views(ctx, []Server{srv}, c.UserID)[0]
	if v.busy() {
		return false, bot.Message{}
	}
	s := v.scene
	s.imp = imports.Import{Server: srv.Name, Type: t}
	why := srv.question(s, before)
	if why == askNothing {
		return false, bot.Message{}
	}
	c.asked(whyConfirm)
	return true, questionMessage(s, memo{Server: srv.Name, Type: t, Key: c.ID, Drawn: s.now.Unix()})
}

// questionMessage asks about a start. Its button lives for a minute.
func questionMessage(s scene, about memo) bot.Message {
	m := simple(s.now, func(p pen) []string {
		return []string{
			join("Really start "+s.wanted(p)+" now?", s.usualLine(p)),
			join(s.nextLine(p), s.overlapLine(p)),
			"Nothing was started. The button works for a minute, once.",
		}
	})
	return withRow(m, s.server.Name, button(actConfirm, about, "Start it now").WithStyle(slack.StylePrimary))
}

// withRow is a message with buttons under it.
func withRow(m bot.Message, server string, buttons ...slack.BlockElement) bot.Message {
	m.Blocks = append(m.Blocks, row(server, buttons)...)
	return m
}

// confirmed is the press that answers the question. Pressed twice it starts one import: both presses are the same wish.
func (h *Handlers) confirmed(ctx context.Context, c *call, srv Server, m memo) error {
	c.replaces = c.Ephemeral
	s := scene{now: h.Now(), server: srv, imp: imports.Import{Type: m.Type}}
	switch {
	case m.Key == "" || m.Type != bigfix.TypeRaw && m.Type != bigfix.TypeComplete:
		c.refuse(whyUnknownButton)
		return c.Answer(ctx, h.unknownButtonMessage())
	case h.Now().Sub(m.drawn()) > questionLives:
		c.refuse(whyTooLate)
		return c.Answer(ctx, h.tooLateMessage(s))
	}
	if no := h.mayStart(ctx, c, srv, m.Type); no != nil {
		return c.Answer(ctx, *no)
	}
	return h.accept(ctx, c, srv, m.Type, "confirmed "+m.Key)
}

// tooLateMessage takes the place of a question that was answered too late.
func (h *Handlers) tooLateMessage(s scene) bot.Message {
	word := "complete"
	if s.isRaw() {
		word = "raw"
	}
	return simple(s.now, func(p pen) []string {
		return []string{"I asked about " + s.wanted(p) + " more than a minute ago, and things may stand differently now. " + nothing,
			"If you still want it, ask again: " + p.code(join(h.Command, word, s.server.Name)) + "."}
	})
}
