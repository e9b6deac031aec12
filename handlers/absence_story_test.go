package handlers

import (
	"strings"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/internal/slacksim"
)

// rests waits until nothing is left to be shown, and no import is under way.
func (tn *town) rests() {
	tn.t.Helper()
	tn.until(func() bool {
		ids, err := tn.store.Unpublished(tn.patience(), 10)
		servers, err2 := tn.store.ActiveServers(tn.patience())
		return err == nil && err2 == nil && len(ids) == 0 && len(servers) == 0 && tn.p.Backlog() == (Backlog{})
	})
}

// ofKind are the messages of a kind in a channel.
func (tn *town) ofKind(channel, kind string) (out []slacksim.Message) {
	for _, m := range tn.slack.Messages(channel) {
		if m.Metadata != nil && m.Metadata.Payload["kind"] == kind {
			out = append(out, m)
		}
	}
	return out
}

// TestStoryOfAnAbsence stops the bot in mid-import for six hours. On the other server an import fails meanwhile that
// nobody here asked for.
func TestStoryOfAnAbsence(t *testing.T) {
	t.Parallel()
	tn := newTown(t, slowly) // it must not be over before the bot stops
	tn.types("U0BEN", "C0PROD", "complete")
	card := tn.sees("C0PROD", kindCard, "prod: running, ")
	tn.reads("U0BEN", "Starting a complete import")
	tn.until(func() bool { known, ok := tn.board.Server("lab"); return ok && known.Good.Status != nil })
	tn.stop()

	tn.lab.StartByHand(tn.clock.Now().Add(3*time.Hour), bigfix.TypeComplete) // by hand they fail
	tn.clock.Advance(6*time.Hour + 20*time.Minute)
	tn.start()

	away := tn.sees("C0PROD", kindAway, "I was away from", "(6 hours 20 minutes)", "its card (https://")
	if away.Broadcast || away.ThreadTS != "" || away.Metadata.Payload["id"] != "" || away.Metadata.Payload["server"] != "prod" {
		t.Errorf("away = %+v; want a message of its own about prod", away)
	}
	finished := tn.sees("C0PROD", kindFinished, "<@U0BEN>")
	if finished.ThreadTS != card.TS {
		t.Errorf("finished = %+v; want it in the thread of %s", finished, card.TS)
	}
	tn.sees("C0LAB", kindAway, "An import failed on lab while I was away.")
	// The judge makes an import of it a moment later. It is told already.
	tn.until(func() bool {
		known, err := tn.store.Recent(tn.patience(), "lab", 5)
		return err == nil && len(known) == 1 && known[0].NeedsAttention()
	})
	tn.rests()
	if got := tn.slack.Messages("C0LAB"); len(got) != 1 {
		t.Errorf("want one message in lab's channel:\n%s", texts(got))
	}
	if len(tn.ofKind("C0PROD", kindAway)) != 1 || len(tn.ofKind("C0PROD", kindFinished)) != 1 || len(tn.ofKind("C0PROD", kindCard)) != 1 {
		t.Errorf("want one message of each kind:\n%s", texts(tn.slack.Messages("C0PROD")))
	}

	tn.stop()
	tn.start() // a restart alone is no news
	tn.settled()
	tn.rests()
	if len(tn.ofKind("C0PROD", kindAway)) != 1 || len(tn.ofKind("C0LAB", kindAway)) != 1 {
		t.Errorf("told again:\n%s%s", texts(tn.slack.Messages("C0PROD")), texts(tn.slack.Messages("C0LAB")))
	}
}

// TestStoryOfASuspension: the machine slept with the bot on it.
func TestStoryOfASuspension(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	tn.settled()
	tn.lab.Stop()
	tn.until(func() bool { known, _ := tn.board.Server("lab"); return known.Last.Failure != nil })
	tn.clock.Advance(8 * time.Hour)
	tn.sees("C0PROD", kindAway, "I was away from", "prod: it reports no import newer than")
	tn.sees("C0LAB", kindAway, "lab: not seen at", "connection refused", "I can't say what happened there")
}

// TestStoryOfAReplica types commands where nobody leads: the answers come as quickly as on the leader, because it is
// told of them, and out of what the database has.
func TestStoryOfAReplica(t *testing.T) {
	t.Parallel()
	tn := newTown(t, unhurried, func(tn *town) { tn.apart = true })
	tn.until(func() bool { known, ok := tn.board.Server("prod"); return ok && known.Good.Status != nil })
	tn.types("U0EVE", "C0PROD", "status")
	tn.reads("U0EVE", "prod: idle", "Last look")
	tn.types("U0BEN", "C0PROD", "complete")
	tn.reads("U0BEN", "Starting a complete import on prod", "/archives/C0PROD/p")
	tn.types("U0ANA", "C0OTHER", "raw prod")
	tn.reads("U0ANA", "already", "I'll mention you", "/archives/C0PROD/p")
	tn.clock.Advance(halfMinute)
	tn.sees("C0PROD", kindFinished, "succeeded", "<@U0BEN> <@U0ANA>")
}

// TestStoryOfAWishThatCameTwice: Slack delivers a command again, to another replica, after it was answered. It is the
// same wish, and its answer stands.
func TestStoryOfAWishThatCameTwice(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	first := tn.types("U0BEN", "C0PROD", "raw")
	tn.reads("U0BEN", "Starting a raw import on prod")
	tn.until(func() bool {
		imps, err := tn.store.Recent(tn.patience(), "prod", 1)
		return err == nil && len(imps) == 1 && !imps[0].AnsweredAt.IsZero()
	})
	tn.stop()
	tn.start() // a process that has not seen the command
	if !first.Redeliver() {
		t.Fatal("Slack can't deliver it again")
	}
	tn.reads("U0BEN", "I have answered your wish for a raw import on prod already")
	tn.rests()
	starting := 0
	for _, m := range tn.slack.Ephemerals("U0BEN") {
		if strings.Contains(m.Text, "Starting a raw import") {
			starting++
		}
	}
	if runs := tn.prod.Journal().Runs(); len(runs) != 1 || starting != 1 {
		t.Errorf("%d run= requests, %d answers; want one of each", len(runs), starting)
	}
}

// TestStoryOfAMuteThatCameTwice: a mute that was ended does not come back when Slack delivers its command again.
func TestStoryOfAMuteThatCameTwice(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	first := tn.types("U0BEN", "C0PROD", "mute 2h")
	tn.reads("U0BEN", "The alerts of prod are quiet until")
	tn.types("U0BEN", "C0PROD", "unmute")
	tn.reads("U0BEN", "Alerts of prod are told again")
	tn.stop()
	tn.start() // a process that has not seen the command
	if !first.Redeliver() {
		t.Fatal("Slack can't deliver it again")
	}
	tn.reads("U0BEN", "I have done that already; it counts once.", "The alerts of prod are not muted now.")
}

// TestStoryOfAnAnswerThatSomebodyElseGave: this process stood still between the decision and its answer, and the leader
// gave it meanwhile.
func TestStoryOfAnAnswerThatSomebodyElseGave(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	tn.intake.decided = func(id string) { must(t, tn.store.Answered(tn.patience(), id, tn.clock.Now())) }
	tn.types("U0BEN", "C0PROD", "raw")
	tn.reads("U0BEN", "I have answered your wish for a raw import on prod already")
	tn.rests()
	for _, m := range tn.slack.Ephemerals("U0BEN") {
		for _, said := range append([]string{m.Text}, was(m)...) {
			if strings.Contains(said, "Starting") {
				t.Errorf("Ben reads %q", said)
			}
		}
	}
}

// was is what a message said before its edits.
func was(m slacksim.Message) (out []string) {
	for _, e := range m.Edits {
		out = append(out, e.Text)
	}
	return out
}

// TestStoryOfADecisionThatDoesNotCome: the line "Asking prod …" does not stand for ever.
func TestStoryOfADecisionThatDoesNotCome(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	tn.intake.silent, tn.h.patience = true, 100*time.Millisecond
	tn.types("U0BEN", "C0PROD", "raw")
	tn.reads("U0BEN", "I can't tell yet what became of your wish for an import on prod", "You hear from me")
	tn.sees("C0PROD", kindFinished, "<@U0BEN>") // which is what they were to hear
	tn.rests()
}
