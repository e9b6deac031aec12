package handlers

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"importbot/bot"
	"importbot/imports"
)

// How long alerts may be muted, and for how long a button does.
const (
	shortestMute = 30 * time.Minute
	longestMute  = 14 * 24 * time.Hour
	buttonMute   = 2 * time.Hour
	maxReason    = 200 // characters
)

// noteWithinStore is how long a person waits for a change of a few words to be stored.
const noteWithinStore = 2 * time.Second

// muteCommand keeps a server's alerts quiet while its trouble is known.
func (h *Handlers) muteCommand() command {
	return command{
		name:    "mute",
		aliases: []string{"silence", "snooze"},
		usage:   "mute" + h.nameHint() + " 2h [reason]",
		says:    "keeps its alerts quiet for a while, from 30m to 14d. For operators.",
		example: "mute" + h.nameExample() + " 2h patching the database",
		run:     h.mute,
	}
}

// unmuteCommand ends that.
func (h *Handlers) unmuteCommand() command {
	return command{
		name:    "unmute",
		aliases: []string{"unsilence", "unsnooze"},
		usage:   "unmute" + h.nameHint(),
		says:    "has its alerts told again. For operators.",
		example: "unmute" + h.nameExample(),
		run:     h.unmute,
	}
}

// mute reads the server and the duration, in either order, and keeps what follows as it was typed.
func (h *Handlers) mute(ctx context.Context, c *call, args []string) error {
	srv, named := Server{}, false
	long, ok := time.Duration(0), false
	n := 0
	for ; n < len(args) && n < 2; n++ {
		if found, is := h.server(args[n]); is && !named {
			srv, named = found, true
			continue
		}
		if d, is := spanTyped(args[n]); is && !ok {
			long, ok = d, true
			continue
		}
		break
	}
	if !named {
		only, is := h.only(c.ChannelID)
		switch {
		case is:
			srv = only
		case len(args) > 0 && !ok:
			c.refuse(whyUnknownServer)
			return c.Answer(ctx, h.unknownServerMessage(args[0], "mute"))
		default:
			c.refuse(whyWhichServer)
			return c.Answer(ctx, h.whichMessage("mute", "2h"))
		}
	}
	c.entry.Server = srv.Name
	if !ok || long < shortestMute || long > longestMute {
		c.refuse(whyDuration)
		return c.Answer(ctx, h.muteDurationMessage(srv, first(args[n:]), ok))
	}
	return h.muteFor(ctx, c, srv, long, strings.Join(c.typed[n:], " "))
}

// spanTyped reads a length of time as people type it: Go's way, with days besides, "2h", "90m", "1d12h".
func spanTyped(word string) (time.Duration, bool) {
	m := spanForm.FindStringSubmatch(word)
	if m == nil || word == "" {
		return 0, false
	}
	var total time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.Atoi(m[i+1])
		if err != nil || n > 100_000 {
			return longestMute + time.Hour, true // too long in any unit
		}
		total += time.Duration(n) * unit
	}
	return total, true
}

var spanForm = regexp.MustCompile(`^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?:in)?)?$`)

// muteFor stores a mute that was typed. It takes the place of the one that holds.
func (h *Handlers) muteFor(ctx context.Context, c *call, srv Server, long time.Duration, reason string) error {
	if no := h.mayChange(ctx, c, srv, deedMute); no != nil {
		return c.Answer(ctx, *no)
	}
	c.Ack()
	noting, cancel := context.WithTimeout(ctx, noteWithinStore)
	defer cancel()
	before, err := h.muteNow(noting, srv)
	if err != nil {
		return h.notChanged(ctx, c, srv, err)
	}
	m := h.newMute(c, srv, long)
	m.Reason = cutRunes(reason, maxReason)
	if err := h.storeMute(noting, c, srv, m); err != nil {
		return h.notChanged(ctx, c, srv, err)
	}
	return c.Answer(ctx, h.mutedMessage(srv, h.lastKnown(ctx, srv), m, before))
}

// pressMute is the button on an alert. Where that is over it mutes nothing, and a mute that lasts longer stays as it is; a shorter
// one it makes longer, with its reason.
func (h *Handlers) pressMute(ctx context.Context, c *call, srv Server, about memo) error {
	if no := h.mayChange(ctx, c, srv, deedMute); no != nil {
		return c.Answer(ctx, *no)
	}
	c.Ack()
	noting, cancel := context.WithTimeout(ctx, noteWithinStore)
	defer cancel()
	known, err := h.Store.Server(noting, srv.Name)
	if err != nil {
		return h.notChanged(ctx, c, srv, err)
	}
	if over, since := alertOver(known, about.Alert); over {
		c.refuse(whyOldButton)
		return c.Answer(ctx, h.alertOverMessage(h.views(ctx, []Server{srv}, c.UserID)[0], since))
	}
	before, err := h.muteNow(noting, srv)
	if err != nil {
		return h.notChanged(ctx, c, srv, err)
	}
	m := h.newMute(c, srv, buttonMute)
	if before != nil && !before.Until.Before(m.Until) {
		c.refuse(whyMutedLonger)
		return c.Answer(ctx, h.mutedLongerMessage(srv, *before))
	}
	if before != nil {
		m.Reason = before.Reason
	}
	if err := h.storeMute(noting, c, srv, m); err != nil {
		return h.notChanged(ctx, c, srv, err)
	}
	return c.Answer(ctx, h.mutedMessage(srv, known, m, before))
}

// alertOver says whether the alert with this id is over, and since when; since is zero where it is forgotten by now. Buttons of
// earlier versions don't say which alert they are on.
func alertOver(known imports.Server, id string) (over bool, since time.Time) {
	if id == "" {
		return false, time.Time{}
	}
	for _, a := range known.Alerts {
		if a.ID == id {
			return !a.Open(), a.OverAt
		}
	}
	return true, time.Time{}
}

// muteNow is the mute of a server that holds now; nil where none does.
func (h *Handlers) muteNow(ctx context.Context, srv Server) (*imports.Mute, error) {
	mutes, err := h.Store.Mutes(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading what is muted: %w", err)
	}
	return muteOf(mutes, srv.Name, h.Now()), nil
}

// newMute is a mute from now on by whoever calls.
func (h *Handlers) newMute(c *call, srv Server, long time.Duration) imports.Mute {
	now := h.Now().UTC()
	return imports.Mute{Server: srv.Name, Since: now, Until: now.Add(long), UserID: c.UserID, Key: c.ID}
}

func (h *Handlers) storeMute(ctx context.Context, c *call, srv Server, m imports.Mute) error {
	if err := h.Store.Mute(ctx, m); err != nil {
		return err
	}
	c.changed("")
	h.Log.WithFields(map[string]any{"server": srv.Name, "user": c.UserID, "until": m.Until}).Info("Alerts were muted")
	return nil
}

func (h *Handlers) unmute(ctx context.Context, c *call, args []string) error {
	srv, no := h.startServer(c, "unmute", args)
	if no != nil {
		return c.Answer(ctx, *no)
	}
	c.entry.Server = srv.Name
	if no := h.mayChange(ctx, c, srv, deedMute); no != nil {
		return c.Answer(ctx, *no)
	}
	c.Ack()
	storing, cancel := context.WithTimeout(ctx, noteWithinStore)
	defer cancel()
	m, err := h.Store.Unmute(storing, srv.Name, h.Now().UTC(), c.ID)
	switch {
	case errors.Is(err, imports.ErrNotFound):
		c.refuse(whyNotMuted)
		return c.Answer(ctx, h.notMutedMessage(srv))
	case err != nil:
		return h.notChanged(ctx, c, srv, err)
	}
	c.changed("")
	h.Log.WithFields(map[string]any{"server": srv.Name, "user": c.UserID}).Info("Alerts are told again")
	return c.Answer(ctx, h.unmutedMessage(srv, h.lastKnown(ctx, srv), m))
}

// lastKnown is what is known of a server, from memory, else from the database as far as that answers at once.
func (h *Handlers) lastKnown(ctx context.Context, srv Server) imports.Server {
	known, ok := h.Board.Server(srv.Name)
	if !ok {
		ctx, cancel := context.WithTimeout(ctx, glance)
		defer cancel()
		known, _ = h.Store.Server(ctx, srv.Name)
	}
	return known
}

// notChanged tells a person that what they wanted was not stored, or may not have been.
func (h *Handlers) notChanged(ctx context.Context, c *call, srv Server, err error) error {
	if errors.Is(err, imports.ErrRepeated) {
		c.changed("")
		c.entry.Reason = whyRepeated
		return c.Answer(ctx, h.muteRepeatedMessage(h.views(ctx, []Server{srv}, c.UserID)[0]))
	}
	log := h.Log.WithError(err).WithField("server", srv.Name)
	if errors.Is(err, imports.ErrUnsure) {
		log.Error("The database did not say whether it took a change")
		c.fail(whyUnsure)
		return c.Answer(ctx, h.unsureChangeMessage(srv))
	}
	log.Error("A change could not be stored")
	c.refuse(whyStore)
	return c.Answer(ctx, h.notChangedMessage(srv))
}

// muteRepeatedMessage answers a command that was followed before, with how things stand by now.
func (h *Handlers) muteRepeatedMessage(v view) bot.Message {
	return simple(v.now, func(p pen) []string {
		stands := "The alerts of " + p.name(v.server.Name) + " are not muted now."
		if v.mute != nil {
			stands = "The alerts of " + p.name(v.server.Name) + " are muted until " + p.at(v.mute.Until) + " by " + p.user(v.mute.UserID) + reasonGiven(p, *v.mute) + "."
		}
		return []string{"I have done that already; it counts once.", stands}
	})
}

// notChangedMessage says that something could not be stored.
func (h *Handlers) notChangedMessage(srv Server) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{"My own database does not answer, so I could not note that for " + p.name(srv.Name) + ". Nothing was changed.",
			"Try again in a minute. If it goes on, tell whoever runs Importbot."}
	})
}

// unsureChangeMessage says that something may be stored or not.
func (h *Handlers) unsureChangeMessage(srv Server) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{"I could not make sure that my database noted that for " + p.name(srv.Name) + ": its answer was lost.",
			p.code(join(h.Command, "status", srv.Name)) + " tells how it stands; asking again does no harm."}
	})
}

// mutedMessage says until when it is quiet, in place of which mute, and what is being kept quiet at the moment.
func (h *Handlers) mutedMessage(srv Server, known imports.Server, m imports.Mute, before *imports.Mute) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		lines := []string{"The alerts of " + p.name(srv.Name) + " are quiet until " + p.at(m.Until) + ", for " + p.span(m.Until.Sub(m.Since)) + reasonGiven(p, m) + "."}
		if before != nil {
			lines = append(lines, "That takes the place of a mute until "+p.at(before.Until)+" by "+p.user(before.UserID)+reasonGiven(p, *before)+".")
		}
		lines = append(lines, openLines(p, known, "")...)
		return append(lines, "What is not over by then is told then. "+h.unmuteHint(p, srv))
	})
}

// mutedLongerMessage says that it is quiet for longer than a button would have it.
func (h *Handlers) mutedLongerMessage(srv Server, m imports.Mute) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{"The alerts of " + p.name(srv.Name) + " are quiet already, until " + p.at(m.Until) + " by " + p.user(m.UserID) + reasonGiven(p, m) +
			". Nothing was changed.", h.unmuteHint(p, srv)}
	})
}

func (h *Handlers) unmuteHint(p pen, srv Server) string {
	return p.code(join(h.Command, "unmute", srv.Name)) + " ends it before."
}

// alertOverMessage says that the alert is over that somebody wanted to have quiet about, and how the server stands now.
func (h *Handlers) alertOverMessage(v view, since time.Time) bot.Message {
	head := simple(v.now, func(p pen) []string {
		over := "That alert is over"
		if !since.IsZero() {
			over += ", since " + p.at(since)
		}
		return []string{over + ". Nothing was muted; " + p.code(join(h.Command, "mute", v.server.Name, "2h")) + " does it all the same. How " +
			p.name(v.server.Name) + " stands now:"}
	})
	return joined(head, h.statusMessage([]view{v}))
}

// openLines are the open alerts of a server, with words for where there are none.
func openLines(p pen, known imports.Server, none string) []string {
	lines := openAlerts(p, known)
	if len(lines) == 0 && none != "" {
		return []string{none}
	}
	return lines
}

func reasonGiven(p pen, m imports.Mute) string {
	if m.Reason == "" {
		return ""
	}
	return ": " + p.quote(m.Reason)
}

// unmutedMessage says that alerts are told again, and which are open.
func (h *Handlers) unmutedMessage(srv Server, known imports.Server, m imports.Mute) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		line := "Alerts of " + p.name(srv.Name) + " are told again. They were quiet since " + p.at(m.Since) + ", by " + p.user(m.UserID) + reasonGiven(p, m) + "."
		return append([]string{line}, openLines(p, known, "None is open now.")...)
	})
}

func (h *Handlers) notMutedMessage(srv Server) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{"The alerts of " + p.name(srv.Name) + " are not muted. Nothing was changed."}
	})
}

// muteDurationMessage asks for a duration, or for another one.
func (h *Handlers) muteDurationMessage(srv Server, typed string, given bool) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		first := "For how long?"
		switch {
		case given:
			first = "Alerts can be muted for 30 minutes to 14 days."
		case typed != "":
			first = "I don't read " + p.typed(typed) + " as a length of time."
		}
		name := ""
		if len(h.Servers) > 1 {
			name = srv.Name
		}
		return []string{first + " Nothing was muted.",
			"Say " + p.code(join(h.Command, "mute", name, "2h")) + ", with " + p.code("90m") + ", " + p.code("12h") + ", " + p.code("3d") +
				" or the like, and a reason behind it if you want."}
	})
}

// mutedLine says that a server's alerts are quiet: until when, by whom, why.
func mutedLine(p pen, m imports.Mute) string {
	return "Alerts are muted until " + p.at(m.Until) + " by " + p.user(m.UserID) + reasonGiven(p, m)
}
