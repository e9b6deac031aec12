package app

import (
	"strings"
	"testing"
	"time"

	"importbot/internal/slacksim"
)

// Buttons do what typing does, for those who may: the press decides, not the drawing.
func TestButtons(t *testing.T) {
	t.Parallel()
	w := newNight(t, 2*time.Second)
	p := w.start(t, w.environ("IMPORT_CONFIRM=all")).ready(t)

	// A typed start asks first. Pressed twice, and delivered twice, it starts one import.
	asked := w.mustAnswer(t, ana, "raw prod", "Really start a raw import")
	question := asked.Answers()[0]
	if got := runsOf(w.bigfix); got != 0 {
		t.Fatalf("it was started without asking: %d run= requests", got)
	}
	inv := w.press(t, ana, "confirm_start", question)
	inv.Redeliver()
	w.message(t, "card", saying("prod: running"))

	// Anybody may be told of the end, and be told alone.
	status := w.mustAnswer(t, ben, "status", "running").Answers()[0]
	told := mustSay(t, w.press(t, ben, "notify", status), "mention you")
	w.press(t, ben, "notify_direct", told)
	finished := w.message(t, "finished", func(m slacksim.Message) bool { return m.Channel == channel })
	mustMention(t, finished, ana)
	w.message(t, "finished", func(m slacksim.Message) bool { return m.Channel == w.slack.DM(ben) })

	// Who may not start is refused on the press, and told whom to ask.
	card := w.message(t, "card", saying("succeeded"))
	refused := mustSay(t, w.press(t, ben, "start_raw", card), "Only <@"+ana+"> may")
	if !strings.Contains(refused.Text+string(refused.Blocks), ana) {
		t.Errorf("the refusal names nobody to ask: %s", refused.Text)
	}
	if got := runsOf(w.bigfix); got != 1 {
		t.Errorf("got %d run= requests, want 1", got)
	}

	// With Slack's own dialog nobody is asked again. What the same message offers is old then.
	status = w.mustAnswer(t, ana, "status", "idle").Answers()[0]
	mustSay(t, w.press(t, ana, "start_complete", status), "Starting a complete import on prod")
	w.message(t, "finished", saying("Complete import on prod succeeded"))
	mustSay(t, w.press(t, ana, "start_raw", status), "That button is old")
	if got := runsOf(w.bigfix); got != 2 {
		t.Errorf("got %d run= requests, want 2", got)
	}
	w.stop(t, p)
}

// Everybody may start imports, but guests and people of other workspaces only where they are named.
func TestGuestsAndForeigners(t *testing.T) {
	t.Parallel()
	const (
		guest, named = "U0123GUEST", "U0123NAMED"
		foreign      = "U0456FAR"
		shared       = "C0123SHARED"
	)
	w := newNight(t, 500*time.Millisecond)
	w.slack.AddUser(guest, "gus", slacksim.Guest())
	w.slack.AddUser(named, "nora", slacksim.Guest())
	w.slack.AddUser(foreign, "fay", slacksim.Foreign("T0FAR"))
	w.slack.AddSharedChannel(shared, "shared")
	p := w.start(t, w.environ("IMPORT_OPERATORS=*,"+named)).ready(t)
	w.mustAnswer(t, guest, "raw prod", "Guests may")
	for _, text := range []string{"raw prod", "status prod"} {
		inv, err := w.slack.Type(slacksim.Typed{UserID: foreign, ChannelID: shared, Command: "/import", Text: text, TeamID: "T0FAR"})
		if err != nil {
			t.Fatal(err)
		}
		if err := inv.Wait(deadline(t)); err != nil {
			t.Fatal(err)
		}
		for _, m := range inv.Answers() {
			if strings.Contains(m.Text, "idle") {
				t.Errorf("somebody of another workspace is shown %q", m.Text)
			}
		}
	}
	if got := runsOf(w.bigfix); got != 0 {
		t.Errorf("got %d run= requests, want none", got)
	}
	w.mustAnswer(t, ben, "raw prod", "Starting a raw import")
	w.message(t, "finished", saying("succeeded"))
	status := w.mustAnswer(t, guest, "status", "idle").Answers()[0]
	mustSay(t, w.press(t, guest, "start_raw", status), "Guests may")
	w.mustAnswer(t, named, "raw prod", "Starting a raw import")
	w.stop(t, p)
	if got := runsOf(w.bigfix); got != 2 {
		t.Errorf("got %d run= requests, want 2", got)
	}
}
