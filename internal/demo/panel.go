package demo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/internal/slackweb"
)

// panel is what the page shows beside the workspace: how the server, Slack and the bot stand in truth, and the table of happenings as
// switches.
type panel struct{ *stage }

// diary is what was done here and what came of it.
type diary struct {
	sync.Mutex
	lines []slackweb.PanelLine
}

// diaryLines is how many lines are kept: those that the page shows.
const diaryLines = 50

// note tells of something that happens behind the workspace: the panel, and quietly the terminal.
func (s *stage) note(sentence string) {
	s.diary.Lock()
	seq := uint64(1)
	if n := len(s.diary.lines); n > 0 {
		seq = s.diary.lines[n-1].Seq + 1
	}
	s.diary.lines = append(s.diary.lines, slackweb.PanelLine{Seq: seq, Time: time.Now(), Text: sentence})
	s.diary.lines = s.diary.lines[max(0, len(s.diary.lines)-diaryLines):]
	s.diary.Unlock()
	s.screen.aside(sentence)
}

// Flip implements [slackweb.Panel].
func (p panel) Flip(_ context.Context, id string) (told string, err error) {
	i := slices.IndexFunc(happenings, func(h happening) bool { return h.id() == id && h.label != "" })
	if i < 0 {
		return "", slackweb.ErrNoSwitch
	}
	h := happenings[i]
	p.behind.Lock()
	back := h.on != nil && h.on(p.stage)
	p.behind.Unlock()
	if back {
		h, _ = named(h.whom, h.undo)
	}
	return p.befall(h)
}

// State implements [slackweb.Panel].
func (p panel) State() slackweb.PanelState {
	p.behind.Lock()
	sections := []slackweb.PanelSection{p.botSection(), p.prod().section(), p.lab().section(), p.pagesSection(), p.slackSection()}
	for i := range sections {
		sections[i].Switches = p.switches(sections[i].ID)
	}
	p.behind.Unlock()
	p.diary.Lock()
	defer p.diary.Unlock()
	return slackweb.PanelState{Title: "Behind the scenes", Sections: sections, Log: slices.Clone(p.diary.lines)}
}

// switches are those of a section. The lock is held.
func (p panel) switches(section string) []slackweb.PanelSwitch {
	var all []slackweb.PanelSwitch
	for _, h := range happenings {
		if h.label == "" || h.section() != section {
			continue
		}
		one := slackweb.PanelSwitch{ID: h.id(), Label: h.label, Hint: sentence(h.does)}
		switch {
		case h.on != nil && h.on(p.stage):
			back, _ := named(h.whom, h.undo)
			one.On, one.Hint = new(true), sentence(back.does)
		case h.on != nil:
			one.On = new(false)
		case h.cant != nil:
			one.Disabled = h.cant(p.stage)
		}
		all = append(all, one)
	}
	return all
}

// section is the truth about a simulated server, of which the bot knows what it sees. The lock is held.
func (s *server) section() slackweb.PanelSection {
	now := s.now()
	is := slackweb.PanelSection{ID: s.whom, Title: s.product + " " + s.name, Tone: slackweb.ToneGood, Summary: "No import runs."}
	status, err := s.Status(now)
	imp, any := s.Latest(now)
	runs := any && imp.Outcome == bigfixtest.Running
	switch {
	case err == nil && runs:
		is.Tone, is.Progress = slackweb.ToneBusy, status.Progress
		is.Summary = fmt.Sprintf("Running a %s import.", typeWord(imp.Type))
		if status.Progress != nil {
			is.Summary = fmt.Sprintf("Running a %s import: %d %%.", typeWord(imp.Type), *status.Progress)
		}
	case err == nil && status.Mode == bigfix.ModePending:
		is.Summary = "No import runs; changes made in the web pages wait for a complete one."
	}
	if err != nil {
		is.Tone, is.Summary = slackweb.ToneBad, "Restarting: nobody answers."
	}
	if s.rejecting {
		is.Tone = slackweb.ToneBad
		is.Summary += " It rejects Importbot's token."
	}
	if s.away {
		is.Tone = slackweb.ToneBad
		is.Summary = "Gone from the network. Unseen from there: " + uncapitalised(is.Summary)
	}
	is.Facts = s.facts(now, imp, runs)
	return is
}

func (s *server) facts(now time.Time, imp bigfixtest.Import, runs bool) (facts []slackweb.PanelFact) {
	fact := func(label, value string) { facts = append(facts, slackweb.PanelFact{Label: label, Value: value}) }
	moment := func(label string, at time.Time) {
		facts = append(facts, slackweb.PanelFact{Label: label, Time: at.Truncate(time.Second)})
	}
	if runs {
		fact("Started by", startedBy(imp.Origin))
		moment("Running since", imp.Began)
	}
	last, ended := s.lastImport(now)
	fact("Last import", last)
	moment("It ended", ended)
	if word := s.planned(); word != "" {
		fact("Next import", "will "+word)
	}
	moment("Next scheduled", s.nextDue(now))
	return facts
}

// lastImport is the newest that is over, and how it ended in truth.
func (s *server) lastImport(now time.Time) (what string, ended time.Time) {
	for _, imp := range slices.Backward(s.Imports(now)) {
		switch imp.Outcome {
		case bigfixtest.Running:
			continue
		case bigfixtest.Interrupted:
			return typeWord(imp.Type) + ", interrupted by the restart", imp.Ended
		}
		return typeWord(imp.Type) + ", " + string(imp.Outcome), imp.Ended
	}
	return typeWord(s.last.Type) + ", succeeded", s.last.ImportTime
}

func startedBy(origin bigfixtest.Origin) string {
	switch origin {
	case bigfixtest.Requested:
		return "Importbot"
	case bigfixtest.Scheduled:
		return "the schedule"
	case bigfixtest.ByHand:
		return "somebody in the web pages"
	}
	return "the server"
}

// pagesSection is what others do, past Importbot.
func (p panel) pagesSection() slackweb.PanelSection {
	return slackweb.PanelSection{ID: inThePage, Title: "The web pages of " + prod, Summary: "What people do past Importbot.", Facts: []slackweb.PanelFact{}}
}

// slackSection is the simulated Slack. The lock is held.
func (p panel) slackSection() slackweb.PanelSection {
	n := p.slack.Ready()
	is := slackweb.PanelSection{
		ID: toSlack, Title: "Slack", Tone: slackweb.ToneGood, Summary: "The bot is connected.",
		Facts: []slackweb.PanelFact{{Label: "Connections of the bot", Value: strconv.Itoa(n)}},
	}
	if n == 0 {
		is.Tone, is.Summary = slackweb.ToneBad, "The bot is not connected: whoever types a command is told that it failed."
	}
	if now := time.Now(); now.Before(p.refuses) {
		is.Tone = slackweb.ToneBad
		is.Summary = fmt.Sprintf("Everything that the bot asks for is refused, for %d s more.", int(p.refuses.Sub(now)/time.Second)+1)
	}
	return is
}

// botSection is the bot's process.
func (p panel) botSection() slackweb.PanelSection {
	b := p.bot.stands()
	is := slackweb.PanelSection{ID: toBot, Title: "Importbot", Facts: []slackweb.PanelFact{}}
	since := "Running since"
	switch b.state {
	case starting:
		is.Tone, is.Summary = slackweb.ToneBusy, "Starting."
	case serving:
		is.Tone, is.Summary = slackweb.ToneGood, "Running, and taking commands."
	case killed:
		is.Tone, is.Summary, since = slackweb.ToneBad, "Killed. What happens now it will find out when it is started again.", "Killed"
	case fallen:
		is.Tone, is.Summary, since = slackweb.ToneBad, "Ended by itself: "+b.words, "Ended"
	case stopping:
		is.Tone, is.Summary = slackweb.ToneBusy, "Stopping."
	case stopped:
		is.Tone, is.Summary, since = slackweb.ToneBad, "Stopped.", "Stopped"
	}
	if b.starts > 0 {
		is.Facts = []slackweb.PanelFact{
			{Label: "Process", Value: strconv.Itoa(b.pid)},
			{Label: since, Time: b.since.Truncate(time.Second)},
		}
	}
	if b.starts > 1 {
		is.Facts = append(is.Facts, slackweb.PanelFact{Label: "Started", Value: counted(b.starts, "time")})
	}
	return is
}

// sentence makes one of a line of the help.
func sentence(does string) string {
	first, rest := does[:1], does[1:]
	return strings.ToUpper(first) + rest + "."
}

func uncapitalised(text string) string {
	return strings.ToLower(text[:1]) + text[1:]
}
