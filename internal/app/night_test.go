package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/internal/slacksim"
)

// What the tests of the nights have in common: somebody is on call, and the thresholds are at the pace of a test.

const (
	oncall = "U0123DORA"
	sirens = "C012SIRENS" // where alerts may go
	ben    = "U0123BEN"   // no operator
)

// newNight is a world with somebody on call. An import takes so long.
func newNight(t *testing.T, pace time.Duration) *world {
	t.Helper()
	w := newWorldOf(t, pace)
	w.slack.AddUser(oncall, "dora")
	w.slack.AddUser(ben, "ben")
	w.slack.AddChannel(sirens, "sirens")
	return w
}

// night is the configuration of somebody on call, with thresholds at the pace of a test.
func (w *world) night(more ...string) []string {
	return w.environ(append([]string{"ALERT_MENTION=" + oncall, "POLL_IDLE=100ms", "UNREACHABLE_AFTER=600ms"}, more...)...)
}

// looks waits until the server was asked that many times more.
func (w *world) looks(t *testing.T, n int) {
	t.Helper()
	before := len(w.bigfix.Journal().Requests)
	if _, err := w.bigfix.Wait(deadline(t), func(r bigfixtest.Request) bool { return r.N >= before+n }); err != nil {
		t.Fatal(err)
	}
}

// due schedules the nightly import for a moment from now.
func (w *world) due(in time.Duration) {
	now := w.bigfix.Clock().Now()
	at := now.Add(in).UTC()
	w.bigfix.SetSchedule(now, bigfixtest.Schedule{At: at.Sub(at.Truncate(24 * time.Hour)), Type: bigfix.TypeComplete})
}

// mustMention fails where a message does not mention exactly these people.
func mustMention(t *testing.T, m slacksim.Message, people ...string) {
	t.Helper()
	if got := m.Mentions(); !slices.Equal(got, people) {
		t.Errorf("it mentions %q, want %q: %s", got, people, m.Text)
	}
}

// mustCount fails where a channel does not hold exactly so many messages of each kind.
func (w *world) mustCount(t *testing.T, channelID string, want map[string]int) {
	t.Helper()
	got := map[string]int{}
	for _, m := range w.slack.Messages(channelID) {
		got[kindOf(m)]++
	}
	for _, kind := range []string{"card", "finished", "alert", "recovered"} {
		if got[kind] != want[kind] {
			t.Errorf("%d message(s) of the kind %q in %s, want %d: %v", got[kind], kind, w.slack.ChannelName(channelID), want[kind], got)
		}
	}
}

// byHand has somebody start a complete import in the web pages, the n-th of the server, and waits until the bot has seen its end.
func (w *world) byHand(t *testing.T, p *process, n int) {
	t.Helper()
	w.looks(t, 2)
	w.bigfix.StartByHand(w.bigfix.Clock().Now(), bigfix.TypeComplete)
	p.log.await(t, "end of the import", func(log string) bool { return strings.Count(log, `"event":"ended"`) >= n })
}

// mustAnswer types a command and waits for an answer that says something.
func (w *world) mustAnswer(t *testing.T, user, text, says string) *slacksim.Invocation {
	t.Helper()
	inv, err := w.slack.Command(deadline(t), slacksim.Typed{UserID: user, ChannelID: channel, Command: "/import", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inv.WaitAnswer(deadline(t), saying(says)); err != nil {
		t.Fatal(err)
	}
	return inv
}

// shown types a command, and returns what its first answer shows, line by line.
func (w *world) shown(t *testing.T, user, text string) string {
	t.Helper()
	inv, err := w.slack.Command(deadline(t), slacksim.Typed{UserID: user, ChannelID: channel, Command: "/import", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	m, err := inv.WaitAnswer(deadline(t), whatever)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(w.slack.Lines(m), "\n")
}

// await asks again and again until something is so.
func (w *world) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx := deadline(t)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for !so() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("no %s", what)
		}
	}
}

// press presses a button of a message.
func (w *world) press(t *testing.T, user, button string, m slacksim.Message) *slacksim.Invocation {
	t.Helper()
	inv, err := w.slack.Press(deadline(t), slacksim.Pressed{UserID: user, ChannelID: m.Channel, TS: m.TS, ActionID: button})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// mustSay waits for an answer to a press.
func mustSay(t *testing.T, inv *slacksim.Invocation, says string) slacksim.Message {
	t.Helper()
	m, err := inv.WaitAnswer(deadline(t), saying(says))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
