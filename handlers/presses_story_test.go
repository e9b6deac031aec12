package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/bot"
	"importbot/imports"
	"importbot/internal/audit"
	"importbot/internal/slacksim"
	"importbot/internal/store"
)

// presses has a person use a button of a message, and waits for the ack.
func (tn *town) presses(user string, m slacksim.Message, action string) {
	tn.t.Helper()
	_, err := tn.slack.Press(tn.patience(), slacksim.Pressed{UserID: user, ChannelID: m.Channel, TS: m.TS, ActionID: action})
	must(tn.t, err)
}

// pressesMaybe is a second press of a button, which may be gone by then.
func (tn *town) pressesMaybe(user string, m slacksim.Message, action string) {
	tn.t.Helper()
	_, err := tn.slack.Press(tn.patience(), slacksim.Pressed{UserID: user, ChannelID: m.Channel, TS: m.TS, ActionID: action})
	if err != nil && !strings.Contains(err.Error(), "nothing to press") {
		tn.t.Fatal(err)
	}
}

// pressesHome has a person use a button in their Home tab.
func (tn *town) pressesHome(user, block, action string) {
	tn.t.Helper()
	_, err := tn.slack.Press(tn.patience(), slacksim.Pressed{UserID: user, ActionID: action, BlockID: block})
	must(tn.t, err)
}

// seesHome waits until a person's Home tab says something.
func (tn *town) seesHome(user string, words ...string) string {
	tn.t.Helper()
	var blocks string
	tn.until(func() bool {
		view, ok := tn.slack.Home(user)
		blocks = string(view.Blocks)
		for _, w := range words {
			quoted, _ := json.Marshal(w)
			ok = ok && strings.Contains(blocks, strings.Trim(string(quoted), `"`))
		}
		return ok
	})
	return blocks
}

// slowly has imports take long enough to do something meanwhile.
func slowly(tn *town) {
	long := bigfixtest.WithDuration(bigfix.TypeComplete, time.Hour)
	tn.prod.Close()
	tn.prod = bigfixtest.NewServer(bigfixtest.WithClock(tn.clock), long, bigfixtest.WithDuration(bigfix.TypeRaw, takes),
		bigfixtest.WithSchedule(bigfixtest.Schedule{Off: true}))
}

func TestStoryOfAStartThatWaits(t *testing.T) {
	t.Parallel()
	tn := newTown(t, unhurried)
	tn.settled()
	tn.types("U0BEN", "C0PROD", "raw AFTER")
	nothingRuns := tn.reads("U0BEN", "Nothing runs on prod now")

	tn.presses("U0BEN", nothingRuns, actConfirm)      // starts it at once instead
	tn.pressesMaybe("U0BEN", nothingRuns, actConfirm) // once
	tn.sees("C0PROD", kindCard, "Raw import on prod")
	tn.types("U0ANA", "C0OTHER", "after complete prod")
	tn.reads("U0ANA", "I don't know `after`")
	tn.types("U0ANA", "C0OTHER", "complete after prod")
	mine := tn.reads("U0ANA", "I start a complete import on prod right after what runs now", "takes it back")
	tn.types("U0BEN", "C0PROD", "complete after")
	tn.reads("U0BEN", "waits already", "<@U0ANA> asked for it")
	tn.types("U0EVE", "C0PROD", "status")
	tn.reads("U0EVE", "Waiting: a complete import on prod", "<@U0ANA>")
	tn.types("U0EVE", "C0PROD", "cancel")
	tn.reads("U0EVE", "may take back what others asked for on prod", "It stays")

	tn.clock.Advance(halfMinute)
	tn.sees("C0PROD", kindFinished, "Raw import on prod succeeded")
	tn.sees("C0PROD", kindCard, "Complete import on prod: running")
	tn.clock.Advance(halfMinute)
	tn.sees("C0PROD", kindFinished, "Complete import on prod succeeded", "<@U0ANA> <@U0BEN>")
	tn.presses("U0ANA", mine, actTakeBack)
	tn.reads("U0ANA", "waits no more: it ran")
	if runs := tn.prod.Journal().Runs(); len(runs) != 2 {
		t.Errorf("%d run= requests, want 2", len(runs))
	}
	tn.until(func() bool { return len(tn.audit.of(audit.Start, audit.Sent)) == 2 })
}

func TestStoryOfWhatIsTakenBack(t *testing.T) {
	t.Parallel()
	tn := newTown(t, slowly)
	tn.settled()
	tn.types("U0ANA", "C0PROD", "cancel")
	tn.reads("U0ANA", "no start waits on prod, and I know of no import that runs there")
	tn.types("U0ANA", "C0PROD", "complete")
	tn.sees("C0PROD", kindCard, "Complete import on prod: running")
	tn.types("U0ANA", "C0PROD", "raw after")
	mine := tn.reads("U0ANA", "I start a raw import on prod right after what runs now. ")
	tn.types("U0ANA", "C0PROD", "raw after")
	tn.reads("U0ANA", "A raw import on prod waits already", "you asked for it at", "It counts once.")
	tn.types("U0BEN", "C0PROD", "complete after")
	tn.reads("U0BEN", "I start a complete import on prod right after what runs now and the raw import that waits. ")
	tn.types("U0GIN", "C0PROD", "status")
	tn.reads("U0GIN", "Waiting: a raw import on prod after what runs now, asked for by <@U0ANA>",
		"Waiting: a complete import on prod after what runs now and the raw import that waits, asked for by <@U0BEN>")
	tn.slack.OpenHome("U0GIN")
	tn.seesHome("U0GIN", "Waiting: a complete import on *prod* after what runs now and the raw import that waits, asked for by")
	tn.types("U0BEN", "C0PROD", "cancel complete")
	tn.reads("U0BEN", "Taken back: a complete import on prod")
	tn.types("U0BEN", "C0PROD", "cancel complete")
	tn.reads("U0BEN", "No complete import waits, and one that runs can't be stopped from here", "Waiting: a raw import on prod")
	tn.types("U0ANA", "C0PROD", "cancel raw prod lab")
	tn.reads("U0ANA", "I don't know what `lab` means behind `/import cancel prod`, so I did nothing")
	tn.presses("U0ANA", mine, actTakeBack)
	tn.reads("U0ANA", "Taken back: a raw import on prod")
	tn.presses("U0ANA", mine, actTakeBack)
	tn.reads("U0ANA", "was taken back already, by <@U0ANA>")
	tn.types("U0ANA", "C0PROD", "cancel")
	tn.reads("U0ANA", "No start waits here", "I can't stop an import that runs")

	tn.types("U0ANA", "C0PROD", "status")
	if own := tn.reads("U0ANA", "You are told when it ends"); strings.Contains(string(own.Blocks), `"Notify me"`) {
		t.Errorf("Ana started it, and is offered to be told: %s", own.Blocks)
	}
	tn.presses("U0ANA", tn.sees("C0PROD", kindCard, "running"), actNotify)
	tn.reads("U0ANA", "You asked for the complete import on prod, so I mention you anyway when it ends.")
	tn.types("U0EVE", "C0PROD", "status")
	status := tn.reads("U0EVE", "prod: running")
	tn.presses("U0EVE", status, actNotify)
	mentioned := tn.reads("U0EVE", "I'll mention you when the complete import on prod ends")
	tn.presses("U0EVE", mentioned, actNotifyDirect)
	tn.reads("U0EVE", "I'll send you a direct message when")
	if n := len(tn.slack.Ephemerals("U0EVE")); n != 2 {
		t.Errorf("Eve reads %d messages; want the second in place of the first:\n%s", n, texts(tn.slack.Ephemerals("U0EVE")))
	}
	tn.types("U0GIN", "C0PROD", "status")
	tn.presses("U0GIN", tn.reads("U0GIN", "prod: running"), actNotify)
	tn.reads("U0GIN", "Guests may ask to be told of imports on prod only where they are named")

	active, err := tn.store.Active(t.Context(), "prod")
	must(t, err)
	if len(active) != 1 || len(active[0].Followers) != 2 || len(active[0].Direct) != 1 {
		t.Errorf("%+v; want one import with Ana and Eve, Eve by direct message", active)
	}
}

func TestStoryOfAQuestion(t *testing.T) {
	t.Parallel()
	tn := newTown(t, func(tn *town) {
		due := tn.clock.Now().UTC().Add(8 * time.Minute)
		tn.prod.Close()
		tn.prod = bigfixtest.NewServer(bigfixtest.WithClock(tn.clock), bigfixtest.WithDuration(bigfix.TypeRaw, takes),
			bigfixtest.WithSchedule(bigfixtest.Schedule{At: due.Sub(due.Truncate(24 * time.Hour))}))
	})
	tn.settled()
	tn.types("U0BEN", "C0PROD", "raw")
	late := tn.reads("U0BEN", "Really start a raw import on prod now?", "Nothing was started")
	tn.clock.Advance(questionLives + time.Second)
	tn.presses("U0BEN", late, actConfirm)
	tn.reads("U0BEN", "more than a minute ago", "Nothing was started")
	if n := len(tn.slack.Ephemerals("U0BEN")); n != 1 {
		t.Errorf("Ben reads %d messages, want the words in place of the question", n)
	}
	tn.types("U0BEN", "C0PROD", "raw")
	asked := tn.reads("U0BEN", "Really start a raw import on prod now?")
	tn.presses("U0BEN", asked, actConfirm)
	tn.pressesMaybe("U0BEN", asked, actConfirm)
	tn.reads("U0BEN", "Starting a raw import on prod", "/archives/C0PROD/p")
	if n := len(tn.slack.Ephemerals("U0BEN")); n != 2 {
		t.Errorf("Ben reads %d messages, want the answer in place of the second question", n)
	}
	tn.sees("C0PROD", kindFinished, "Raw import on prod succeeded")
	if runs := tn.prod.Journal().Runs(); len(runs) != 1 {
		t.Errorf("%d run= requests, want one", len(runs))
	}
	if refused := tn.audit.of(audit.Action, audit.Refused); len(refused) != 1 || refused[0].Reason != whyTooLate {
		t.Errorf("the audit has %+v refused", refused)
	}
}

func TestStoryOfAStatusWithButtons(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	tn.settled()
	tn.types("U0BEN", "C0PROD", "status")
	first := tn.reads("U0BEN", "prod: idle")
	tn.presses("U0BEN", first, actStartRaw)
	tn.reads("U0BEN", "Starting a raw import on prod")
	if said := tn.slack.Ephemerals("U0BEN"); len(said) != 2 {
		t.Errorf("Ben reads %d messages; want the status and the answer to the press, with no line before that:\n%s", len(said), texts(said))
	}
	tn.sees("C0PROD", kindFinished, "Raw import on prod succeeded", "<@U0BEN>")
	tn.presses("U0BEN", first, actStartRaw)
	tn.reads("U0BEN", "That button is old: another import on prod has begun", "Nothing was started", "prod: idle")
	tn.presses("U0BEN", first, actRefresh)
	tn.until(func() bool {
		m, ok := tn.slack.Message(first.Channel, first.TS)
		return ok && strings.Contains(m.Text, "Last import: raw, succeeded")
	})
	tn.presses("U0BEN", first, actOpen)
	tn.clock.Advance(startButtonLives + time.Minute)
	tn.presses("U0BEN", first, actStartRaw)
	tn.reads("U0BEN", "more than 12 hours old")

	// Everybody may on lab, but guests.
	tn.types("U0GIN", "C0LAB", "status")
	tn.presses("U0GIN", tn.reads("U0GIN", "lab: ", "Everybody but guests can start one now: `/import complete lab`."), actStartComplete)
	tn.reads("U0GIN", "Guests may start imports on lab only where they are named. Nothing was started.")
	tn.types("U0GIN", "C0LAB", "status")
	tn.reads("U0GIN", "lab: ", "Imports are started by everybody but guests.")
	tn.types("U0GIN", "C0LAB", "complete")
	tn.until(func() bool { return len(tn.audit.of(audit.Command, audit.Refused)) == 1 })
	if runs := append(tn.prod.Journal().Runs(), tn.lab.Journal().Runs()...); len(runs) != 1 {
		t.Errorf("%d run= requests, want one", len(runs))
	}
}

// On a replica that does not lead and on one that does: who presses is shown how the server stands, and the card shows it, too.
func TestStoryOfARefreshedCard(t *testing.T) {
	t.Parallel()
	for apart, each := range map[bool]int{false: 1, true: rounds(40)} { // times that each of ten people press
		tn := newTown(t, slowly, func(tn *town) { tn.apart = apart })
		tn.settled()
		tn.types("U0BEN", "C0PROD", "complete")
		card := tn.sees("C0PROD", kindCard, "Complete import on prod: running, 0 percent")
		tn.clock.Advance(45 * time.Second) // one percent: no reason for the card to be edited
		tn.until(func() bool {
			tn.signal.Wake(imports.ServerSignal("prod")) // as PostgreSQL tells of each record
			active := tn.board.Active("prod")
			return len(active) == 1 && active[0].Progress != nil && *active[0].Progress == 1
		})
		tn.presses("U0EVE", card, actRefresh)
		tn.reads("U0EVE", "prod: running, 1 percent")
		tn.sees("C0PROD", kindCard, "Complete import on prod: running, 1 percent")

		edits, runs, looks, since := len(tn.slack.Calls("chat.update")), len(tn.prod.Journal().Runs()), len(tn.prod.Journal().Requests), tn.clock.Now()
		var crowd errgroup.Group
		for i := range 10 {
			crowd.Go(func() error {
				for range each {
					_, err := tn.slack.Press(tn.patience(), slacksim.Pressed{
						UserID: []string{"U0ANA", "U0BEN", "U0EVE"}[i%3], ChannelID: card.Channel, TS: card.TS, ActionID: actRefresh,
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		must(t, crowd.Wait())
		lasted := tn.clock.Now().Sub(since)
		tn.until(func() bool { return len(tn.audit.of(audit.Action, audit.Answered)) == 1+10*each })
		if n, most := len(tn.slack.Calls("chat.update"))-edits, 1+int(tn.clock.Now().Sub(since)/refreshApart); n > most {
			t.Errorf("%d edits in %s, want %d at most", n, lasted, most)
		}
		if n := len(tn.prod.Journal().Requests) - looks; n > 2+int(tn.clock.Now().Sub(since)/(50*time.Millisecond/3)) || len(tn.prod.Journal().Runs()) != runs {
			t.Errorf("the server was asked %d times in %s, want one look an interval", n, lasted)
		}
		answers := tn.slack.Ephemerals("U0EVE")
		if !strings.Contains(answers[len(answers)-1].Text, "prod: running, ") {
			t.Errorf("the last press shows %q", answers[len(answers)-1].Text)
		}
		if apart {
			continue
		}
		tn.clock.Advance(50 * time.Second)
		tn.intake.broken = true
		tn.presses("U0EVE", card, actRefresh)
		tn.reads("U0EVE", "This card stays as it is for now: my own database does not answer", "prod: running")
	}
}

func TestStoryOfACardThatIsOver(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	tn.settled()
	tn.types("U0BEN", "C0PROD", "raw")
	tn.sees("C0PROD", kindFinished, "Raw import on prod succeeded")
	card := tn.sees("C0PROD", kindCard, "succeeded")
	edits := len(tn.slack.Calls("chat.update"))
	tn.presses("U0EVE", card, actRefresh)
	tn.reads("U0EVE", "The import of this card is over. How prod stands now:", "prod: idle", "Last import: raw, succeeded")
	if n := len(tn.slack.Ephemerals("U0EVE")); n != 1 {
		t.Errorf("Eve reads %d messages, want one", n)
	}
	_, err := tn.store.Purge(t.Context(), tn.p.lead.Epoch, tn.clock.Now().Add(time.Hour))
	must(t, err)
	tn.presses("U0EVE", card, actRefresh)
	tn.reads("U0EVE", "I don't know the import of this card any more. How prod stands now:", "prod: idle")
	if n := len(tn.slack.Calls("chat.update")); n != edits {
		t.Errorf("%d edits of a card that is over", n-edits)
	}
}

func TestStoryOfAHistory(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	tn.settled()
	tn.types("U0EVE", "C0OTHER", "history")
	tn.reads("U0EVE", "On which server? Say `/import history prod`")
	tn.types("U0EVE", "C0PROD", "history")
	tn.reads("U0EVE", "I have seen no import on prod yet")
	tn.types("U0BEN", "C0PROD", "raw")
	tn.sees("C0PROD", kindFinished, "Raw import on prod succeeded")
	shows := func(user, block string) {
		t.Helper()
		tn.types(user, "C0OTHER", "history 20 prod")
		m := tn.reads(user, "The last import of prod", "raw succeeded after", "by <@U0BEN>")
		if got := string(m.Blocks); strings.Contains(got, "data_visualization") != (block == "data_visualization") || strings.Contains(got, `"table"`) != (block == "table") {
			t.Errorf("%s reads %s, want %q", user, got, block)
		}
		if strings.Contains(m.Text, "at most") {
			t.Errorf("%s asked for no more than there is room for, and reads %q", user, m.Text)
		}
	}
	shows("U0ANA", "data_visualization")
	tn.slack.RefuseBlocks("data_visualization")
	shows("U0BEN", "table")
	tn.slack.RefuseBlocks()
	shows("U0EVE", "table") // for an hour
	tn.clock.Advance(shapesHold + time.Minute)
	shows("U0GIN", "data_visualization")
	tn.types("U0GIN", "C0OTHER", "history 21 prod")
	tn.reads("U0GIN", "The last import of prod", "I show 20 at most here")
	tn.slack.RefuseBlocks("data_visualization", "table")
	defer tn.slack.RefuseBlocks()
	tn.slack.OpenHome("U0EVE")
	tn.seesHome("U0EVE", "Last import, begun", ": raw ")
}

func TestStoryOfAMute(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	tn.settled()
	tn.types("U0EVE", "C0PROD", "mute 2h")
	tn.reads("U0EVE", "may mute the alerts of prod")
	tn.types("U0BEN", "C0OTHER", "mute 2h")
	tn.reads("U0BEN", "On which server? Say `/import mute prod 2h`")
	tn.types("U0BEN", "C0OTHER", "MUTE Prod 2H Patching the DB, see CHG-7")
	tn.reads("U0BEN", `The alerts of prod are quiet until`, `for 2 hours: "Patching the DB, see CHG-7"`)
	tn.types("U0EVE", "C0PROD", "status")
	tn.reads("U0EVE", "Alerts are muted until", "by <@U0BEN>", "Patching the DB, see CHG-7")
	tn.types("U0ANA", "C0PROD", "mute 1d")
	tn.reads("U0ANA", "for 24 hours. That takes the place of a mute until", `by <@U0BEN>: "Patching the DB, see CHG-7".`)
	tn.types("U0BEN", "C0PROD", "unmute")
	tn.reads("U0BEN", "Alerts of prod are told again", "by <@U0ANA>", "None is open now")
	tn.types("U0BEN", "C0PROD", "unmute")
	tn.reads("U0BEN", "are not muted")
	if n := len(tn.slack.Messages("C0PROD")); n != 0 {
		t.Errorf("%d messages in the channel, want none", n)
	}
}

// The button on an alert makes no mute shorter, and mutes nothing once the alert is over.
func TestStoryOfAMuteByButton(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	tn.settled()
	tn.prod.RejectTokens()
	alert := tn.sees("C0PROD", kindAlert, "rejects Importbot's credentials")
	tn.types("U0BEN", "C0PROD", "mute 3d Migration")
	tn.reads("U0BEN", `for 3 days: "Migration".`)
	tn.presses("U0ANA", alert, actMute)
	tn.reads("U0ANA", "The alerts of prod are quiet already, until", `by <@U0BEN>: "Migration". Nothing was changed.`)
	tn.types("U0EVE", "C0PROD", "status")
	tn.reads("U0EVE", "Alerts are muted until", `by <@U0BEN>: "Migration"`)
	tn.types("U0BEN", "C0PROD", "mute 30m Restart")
	tn.reads("U0BEN", `for 30 minutes: "Restart". That takes the place of a mute until`, `by <@U0BEN>: "Migration".`)
	tn.presses("U0ANA", alert, actMute)
	tn.reads("U0ANA", `for 2 hours: "Restart". That takes the place of a mute until`, `by <@U0BEN>: "Restart".`)
	tn.types("U0BEN", "C0PROD", "unmute")
	tn.reads("U0BEN", "Alerts of prod are told again", `by <@U0ANA>: "Restart".`)

	tn.prod.AcceptTokens()
	tn.sees("C0PROD", kindRecovered, "lets Importbot in again")
	tn.presses("U0ANA", alert, actMute)
	tn.reads("U0ANA", "That alert is over, since", "Nothing was muted", "How prod stands now:")
	tn.types("U0BEN", "C0OTHER", "unmute prod")
	tn.reads("U0BEN", "are not muted")
	tn.until(func() bool { return len(tn.audit.of(audit.Action, audit.Refused)) == 2 })
	var reasons []string
	for _, e := range tn.audit.of(audit.Action, audit.Refused) {
		reasons = append(reasons, e.Reason)
	}
	if want := []string{whyMutedLonger, whyOldButton}; !slices.Equal(reasons, want) {
		t.Errorf("the audit has %q, want %q", reasons, want)
	}
}

func TestStoryOfAHomeTab(t *testing.T) {
	t.Parallel()
	tn := newTown(t, unhurried)
	tn.settled()
	tn.slack.OpenHome("U0BEN")
	tn.seesHome("U0BEN", "*prod* · idle", "*lab* · idle", "Start raw")
	tn.slack.OpenHome("U0EVE")
	tn.seesHome("U0EVE", "*prod* · idle", "Imports are started by <!subteam^S0ONCALL> and <@U0BEN>.")
	tn.pressesHome("U0EVE", "do/prod", actStartComplete)
	tn.seesHome("U0EVE", "Only <!subteam^S0ONCALL> and <@U0BEN> may start imports on *prod*. Nothing was started.")
	tn.pressesHome("U0BEN", "do/prod", actStartRaw)
	tn.seesHome("U0BEN", "Starting a raw import on *prod*")
	tn.clock.Advance(homeApart)
	tn.seesHome("U0EVE", "Notify me")
	tn.clock.Advance(halfMinute)
	tn.sees("C0PROD", kindFinished, "Raw import on prod succeeded", "<@U0BEN>")
	tn.until(func() bool {
		tn.clock.Advance(homeApart)
		view, _ := tn.slack.Home("U0EVE")
		return strings.Contains(string(view.Blocks), "Last import: raw, succeeded")
	})
	tn.types("U0BEN", "C0OTHER", "mute prod 3h Window")
	tn.until(func() bool {
		tn.clock.Advance(homeApart)
		view, _ := tn.slack.Home("U0EVE")
		return strings.Contains(string(view.Blocks), "Alerts are muted until")
	})
	tn.pressesHome("U0EVE", "", actRefresh)
	tn.pressesHome("U0EVE", "do/prod", actOpen)
	if entries := tn.audit.of("home", ""); len(entries) != 0 {
		t.Errorf("the audit has %+v; to look at the Home tab asks for nothing", entries)
	}
}

// TestPresses: who may, and what is too old, is found out on the press. What could not be answered here is in the audit.
func TestPresses(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "importbot.db"), store.Options{Now: func() time.Time { return now }})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	lead, err := db.Lead(t.Context())
	must(t, err)
	past := history(bigfix.TypeComplete)
	for i := range past {
		past[i].RequestKey = past[i].ID
	}
	must(t, db.Record(t.Context(), lead.Lead().Epoch, idle(), append(past, waits(), with(running(), func(i *imports.Import) { i.ID, i.RequestKey, i.Server = "imp-9", "key-9", "gone" }))))

	everybody := prod
	everybody.Operators = []string{"*"}
	button := func(m memo) string { m.Drawn = now.Unix(); return m.String() }
	start := button(memo{Server: "prod", Import: past[0].ID})
	question := button(memo{Server: "prod", Key: "key-9", Type: bigfix.TypeRaw})
	cases := []struct {
		name          string
		srv           Server
		user          string
		foreign       bool
		action, value string
		person        bot.Person
		personErr     error
		want          string
	}{
		{name: "named", srv: prod, user: "U0BEN", action: actStartRaw, value: start, want: "accepted "},
		{name: "named, of another workspace", srv: prod, user: "U0BEN", foreign: true, action: actStartComplete, value: start, want: "accepted "},
		{name: "in the group", srv: prod, user: "U0ANA", action: actStartRaw, value: start, want: "accepted "},
		{name: "in the group, a guest", srv: prod, user: "U0ANA", action: actStartRaw, value: start, person: bot.Person{Guest: true}, want: "refused guest"},
		{name: "in the group, foreign", srv: prod, user: "U0ANA", action: actStartRaw, value: start, person: bot.Person{Foreign: true}, want: "refused foreign"},
		{name: "in the group, no scope", srv: prod, user: "U0ANA", action: actStartRaw, value: start, personErr: bot.ErrNoScope, want: "refused person_unknown"},
		{name: "everybody, Slack is away", srv: everybody, user: "U0EVE", action: actMute, value: start, personErr: bot.ErrUnavailable, want: "refused person_unknown"},
		{name: "everybody", srv: everybody, user: "U0EVE", action: actMute, value: start, want: "accepted "},
		{name: "nobody special", srv: prod, user: "U0EVE", action: actStartRaw, value: start, want: "refused not_operator"},
		{name: "foreign and not named", srv: everybody, user: "U0FAY", foreign: true, action: actStatus, value: start, want: "refused foreign"},
		{name: "mutes what is forgotten", srv: prod, user: "U0BEN", action: actMute, value: button(memo{Server: "prod", Alert: "failed:prod:gone"}), want: "refused old_button"},
		{name: "mutes again, of an earlier version", srv: prod, user: "U0BEN", action: actMute, value: start, want: "refused muted_longer"},
		{name: "may not mute", srv: prod, user: "U0EVE", action: actMute, value: start, want: "refused not_operator"},
		{name: "may not take back", srv: prod, user: "U0EVE", action: actTakeBack, value: button(memo{Server: "prod", Import: "imp-2"}), want: "refused not_operator"},
		{name: "takes back as an operator", srv: prod, user: "U0BEN", action: actTakeBack, value: button(memo{Server: "prod", Import: "imp-2"}), want: "accepted "},
		{name: "takes back what is of another server", srv: prod, user: "U0BEN", action: actTakeBack, value: button(memo{Server: "prod", Import: "imp-9"}), want: "refused not_waiting"},
		{name: "notify, of another server", srv: prod, user: "U0BEN", action: actNotify, value: button(memo{Server: "prod", Import: "imp-9"}), want: "refused import_over"},
		{name: "notify, over", srv: prod, user: "U0EVE", action: actNotify, value: start, want: "refused import_over"},
		{name: "an old one", srv: prod, user: "U0BEN", action: actStartRaw, value: button(memo{Server: "prod", Import: "old-c"}), want: "refused old_button"},
		{name: "yesterday's", srv: prod, user: "U0BEN", action: actStartRaw, value: memo{Server: "prod", Import: past[0].ID, Drawn: yesterday(2, 0).Unix()}.String(), want: "refused old_button"},
		{name: "a server that is gone", srv: prod, user: "U0BEN", action: actStatus, value: button(memo{Server: "gone"}), want: "refused unknown_server"},
		{name: "a button nobody knows", srv: prod, user: "U0BEN", action: "explode", value: start, want: "refused unknown_button"},
		{name: "a value nobody wrote", srv: prod, user: "U0BEN", action: actStartRaw, value: "prod", want: "refused unknown_button"},
		{name: "a question without a key", srv: prod, user: "U0BEN", action: actConfirm, value: start, want: "refused unknown_button"},
		{name: "a question", srv: prod, user: "U0BEN", action: actConfirm, value: question, want: "accepted "},
		{name: "the question, pressed again", srv: prod, user: "U0BEN", action: actConfirm, value: question, want: "accepted repeated"},
		{name: "open", srv: prod, user: "U0EVE", action: actOpen, want: "answered "},
	}
	for i, c := range cases {
		var log ledger
		h := offline(t, c.srv)
		h.Intake, h.Store, h.gather.store, h.Audit = imports.NewIntake(db, new(imports.Signal), nil), db, db, log.note
		h.Board.Set(idle(), nil)
		h.Slack = acquainted{person: c.person, err: c.personErr}
		_ = h.Handle(t.Context(), &bot.Request{
			Kind: bot.Action, ID: "press " + string(rune('a'+i)), UserID: c.user, Foreign: c.foreign, ActionID: c.action, Value: c.value, ChannelID: "C0PROD",
		}) // nothing carries an answer
		h.replies.stop()
		got := log.of(audit.Action, "")
		if len(got) != 1 || got[0].Result+" "+got[0].Reason != c.want {
			t.Errorf("%s: %+v, want %s", c.name, got, c.want)
		}
	}
}

// What memory knows may be older than what somebody wants taken back: where the database does not answer, nothing is said to wait, nor
// not to.
func TestCancelWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	var log ledger
	h := offline(t, prod)
	h.Store, h.Audit = away{}, log.note
	h.Board.Set(idle(), []imports.Import{waits()})
	_ = h.Handle(t.Context(), &bot.Request{Kind: bot.Command, ID: "cancel", UserID: "U0ANA", Text: "cancel", ChannelID: "C0PROD"}) // nothing carries an answer
	if got := log.of(audit.Command, audit.Refused); len(got) != 1 || got[0].Reason != whyStore {
		t.Errorf("the audit has %+v", got)
	}
}

// A button that may be old starts nothing while nobody can tell.
func TestPressWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	var log ledger
	h := offline(t, prod)
	h.Store, h.gather.store, h.Audit = away{}, away{}, log.note
	h.Board.Set(idle(), nil)
	_ = h.Handle(t.Context(), &bot.Request{
		Kind: bot.Action, ID: "press", UserID: "U0BEN", ActionID: actStartRaw, Value: memo{Server: "prod", Import: "imp-1", Drawn: now.Unix()}.String(), ChannelID: "C0PROD",
	}) // nothing carries an answer
	if got := log.of(audit.Action, audit.Refused); len(got) != 1 || got[0].Reason != whyStore {
		t.Errorf("the audit has %+v", got)
	}
}

// What is muted, and whether an alert is over, only the database knows: a button changes nothing without it.
func TestMuteByButtonWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	var log ledger
	h := offline(t, prod)
	h.Store, h.Audit = away{}, log.note
	h.Board.Set(idle(), nil)
	_ = h.Handle(t.Context(), &bot.Request{
		Kind: bot.Action, ID: "press", UserID: "U0BEN", ActionID: actMute, Value: memo{Server: "prod", Drawn: now.Unix()}.String(), ChannelID: "C0PROD",
	}) // nothing carries an answer
	if got := log.of(audit.Action, audit.Refused); len(got) != 1 || got[0].Reason != whyStore {
		t.Errorf("the audit has %+v", got)
	}
}

// away is a database that does not answer.
type away struct{ Books }

func (away) Active(context.Context, string) ([]imports.Import, error) {
	return nil, errors.New("no answer")
}

func (away) Recent(context.Context, string, int) ([]imports.Import, error) {
	return nil, errors.New("no answer")
}

func (away) Server(context.Context, string) (imports.Server, error) {
	return imports.Server{}, errors.New("no answer")
}

func (away) Mutes(context.Context) ([]imports.Mute, error) { return nil, errors.New("no answer") }

// acquainted is a Slack that knows one person.
type acquainted struct {
	Workspace
	person bot.Person
	err    error
}

func (a acquainted) Person(context.Context, string) (bot.Person, error) { return a.person, a.err }
func (acquainted) Permalink(string, string) string                      { return "" }
func (acquainted) Known(string) (bot.Person, bool)                      { return bot.Person{}, false }
