package handlers

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
	"importbot/internal/audit"
	"importbot/internal/store"
)

// TestStoryOfTheAudit types all that can come to something, and reads what was kept of it: one entry for each.
func TestStoryOfTheAudit(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	tn.settled()
	cases := []struct {
		user, channel, text string
		server, result, why string
		before              func()
	}{
		{"U0EVE", "C0OTHER", "", "", audit.Answered, "", nil},
		{"U0EVE", "C0OTHER", "help", "", audit.Answered, "", nil},
		{"U0EVE", "C0PROD", "status", "prod", audit.Answered, "", nil},
		{"U0EVE", "C0OTHER", "status", "", audit.Answered, "", nil},
		{"U0EVE", "C0OTHER", "cancel", "", audit.Refused, whyNotWaiting, nil},
		{"U0EVE", "C0OTHER", "unmute prod", "prod", audit.Refused, whyNotOperator, nil},
		{"U0BEN", "C0OTHER", "unmute prod", "prod", audit.Refused, whyNotMuted, nil},
		{"U0BEN", "C0PROD", "mute 5m", "prod", audit.Refused, whyDuration, nil},
		{"U0BEN", "C0PROD", "raw after", "prod", audit.Refused, whyNothingRuns, nil},
		{"U0EVE", "C0OTHER", "statsu", "", audit.Refused, whyUnknownCommand, nil},
		{"U0EVE", "C0OTHER", "status moon", "", audit.Refused, whyUnknownServer, nil},
		{"U0EVE", "C0OTHER", "status prod lab", "", audit.Refused, whyTooManyWords, nil},
		{"U0EVE", "C0OTHER", "stop moon", "", audit.Refused, whyUnknownServer, nil},
		{"U0BEN", "C0OTHER", "raw", "", audit.Refused, whyWhichServer, nil},
		{"U0BEN", "C0OTHER", "raw moon", "", audit.Refused, whyUnknownServer, nil},
		{"U0BEN", "C0OTHER", "raw prod now", "", audit.Refused, whyTooManyWords, nil},
		{"U0EVE", "C0LAB", "raw", "lab", audit.Refused, whyOneKind, nil},
		{"U0EVE", "C0PROD", "raw", "prod", audit.Refused, whyNotOperator, nil},
		{"U0BEN", "C0PROD", "raw", "prod", audit.Refused, whyStore, func() { tn.intake.broken = true }},
		{"U0BEN", "C0PROD", "complete", "prod", audit.Accepted, "", func() { tn.intake.broken = false }},
	}
	for i, c := range cases {
		if c.before != nil {
			c.before()
		}
		tn.types(c.user, c.channel, c.text)
		tn.until(func() bool { return len(tn.audit.of(audit.Command, "")) > i })
		got := tn.audit.of(audit.Command, "")
		e := got[len(got)-1]
		want := audit.Entry{
			At: e.At, Kind: audit.Command, UserID: c.user, UserName: e.UserName, TeamID: tn.slack.TeamID, ChannelID: c.channel,
			Command: "/import", Text: c.text, Server: c.server, ImportID: e.ImportID, Result: c.result, Reason: c.why,
		}
		if e != want || len(got) != i+1 || e.At.IsZero() || e.UserName == "" || (e.ImportID != "") != (c.result == audit.Accepted) {
			t.Errorf("/import %s: entry %d = %+v; want %+v", c.text, len(got), e, want)
		}
	}
	accepted := tn.audit.of(audit.Command, audit.Accepted)[0]
	tn.until(func() bool { return len(tn.audit.of(audit.Start, "")) > 0 })
	if got := tn.audit.of(audit.Start, ""); len(got) != 1 || got[0].Result != audit.Sent || got[0].ImportID != accepted.ImportID || got[0].UserID != "U0BEN" {
		t.Errorf("what became of the start: %+v", got)
	}
	tn.rests()
}

// TestAnAnswerThatFailsIsAudited: what was asked for and could not be answered is in the record as well; a refusal stays
// a refusal.
func TestAnAnswerThatFailsIsAudited(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"help":   audit.Failed + " " + bot.ErrUnanswerable.Error(),
		"statsu": audit.Refused + " " + whyUnknownCommand,
	} {
		var log ledger
		h := offline(t, prod)
		h.Audit = log.note
		err := h.Handle(t.Context(), &bot.Request{Kind: bot.Command, Text: text, UserID: "U0EVE"}) // nothing carries an answer to it
		got := log.of(audit.Command, "")
		if err == nil || len(got) != 1 || got[0].Result+" "+got[0].Reason != want {
			t.Errorf("%s: %v, %+v; want %s", text, err, got, want)
		}
	}
	var log ledger
	h := offline(t, prod)
	h.Audit, h.Now = log.note, func() time.Time { return now }
	h.commands = []command{{name: "help", run: nil}} // which panics
	func() {
		defer func() { _ = recover() }()
		_ = h.Handle(t.Context(), &bot.Request{Kind: bot.Command, Text: "help", UserID: "U0EVE"})
		t.Error("want the panic to go on: the bot answers for it")
	}()
	if got := log.of(audit.Command, audit.Failed); len(got) != 1 || got[0].Reason != whyPanic {
		t.Errorf("after a panic: %+v", got)
	}
}

// TestAStartThatComesTwiceIsAuditedAsOne: Slack may deliver a command to two replicas. Decided or not, answered or not, it
// is new once.
func TestAStartThatComesTwiceIsAuditedAsOne(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "importbot.db"), store.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	lead, err := db.Lead(t.Context())
	must(t, err)
	var log ledger
	deliver := func(name, why string) (id string) {
		t.Helper()
		h := offline(t, prod)
		h.Intake, h.Store, h.gather.store, h.Audit = imports.NewIntake(db, new(imports.Signal), nil), db, db, log.note
		before := len(log.of("", ""))
		_ = h.Handle(t.Context(), &bot.Request{Kind: bot.Command, ID: "once", Text: "raw", UserID: "U0BEN", ChannelID: "C0PROD"}) // nothing carries an answer
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		h.Close(gone)
		got := log.of(audit.Command, audit.Accepted)[before:]
		if len(got) != 1 || got[0].Reason != why {
			t.Fatalf("%s: %+v, want one with reason %q", name, got, why)
		}
		return got[0].ImportID
	}
	id := deliver("first", "")
	imp, err := db.Import(t.Context(), id)
	must(t, err)
	again := func(name string) {
		t.Helper()
		if got := deliver(name, whyRepeated); got != id {
			t.Errorf("%s: it is import %s, want %s", name, got, id)
		}
	}
	again("nobody has decided")
	imp.State, imp.Revision = imports.Sent, 2
	must(t, db.Record(t.Context(), lead.Lead().Epoch, imports.Server{Name: "prod"}, []imports.Import{imp}))
	again("decided")
	must(t, db.Answered(t.Context(), id, now))
	again("answered")
}

func TestStartEntry(t *testing.T) {
	t.Parallel()
	sent := with(started(imports.Sent), func(i *imports.Import) { i.SendingAt = day(2, 14) })
	ended := func(how imports.Outcome, why imports.ReasonKind) imports.Import {
		return with(started(imports.Ended), func(i *imports.Import) {
			i.Outcome, i.EndedAt, i.Reason.Kind = how, day(2, 15), why
		})
	}
	for _, c := range []struct {
		imp  imports.Import
		ev   imports.EventKind
		want string // empty: none
	}{
		{sent, imports.EventSent, "sent  02:14"},
		{with(sent, func(i *imports.Import) { i.SendAnswer = &imports.Failure{Kind: imports.FailForbidden} }), imports.EventSent, "sent answered forbidden 02:14"},
		{with(sent, func(i *imports.Import) { i.State, i.Unconfirmed = imports.Sending, true }), imports.EventSent, "sent unconfirmed 02:14"},
		{ended(imports.Refused, imports.ReasonRunning), imports.EventEnded, "refused running 02:15"},
		{ended(imports.Expired, imports.ReasonTooLate), imports.EventEnded, "expired too_late 02:15"},
		{ended(imports.NotBegun, imports.ReasonNoSign), imports.EventEnded, ""}, // it was sent
		{over(imports.Succeeded), imports.EventEnded, ""},
		{sent, imports.EventBegan, ""},
		{with(over(imports.Failed), func(i *imports.Import) { i.Origin = imports.Scheduled }), imports.EventEnded, ""},
	} {
		e, ok := StartEntry(c.imp, imports.Event{Kind: c.ev, ImportID: c.imp.ID})
		got := ""
		if ok {
			got = fmt.Sprintf("%s %s %s", e.Result, e.Reason, e.At.Format("15:04"))
		}
		if got != c.want {
			t.Errorf("%s, %s: %q; want %q", c.ev, c.imp.Outcome, got, c.want)
		}
		if ok && (e.Kind != audit.Start || e.UserID != "U0ANA" || e.ChannelID != "C0PROD" || e.Server != "prod" || e.ImportID != "imp-1" || e.Text != string(bigfix.TypeComplete)) {
			t.Errorf("entry = %+v", e)
		}
	}
}

func TestMissedEntry(t *testing.T) {
	t.Parallel()
	at := func(state imports.State, how imports.Outcome, unconfirmed bool) imports.Import {
		return with(started(state), func(i *imports.Import) { i.Outcome, i.Unconfirmed = how, unconfirmed })
	}
	for _, c := range []struct {
		imp  imports.Import
		want string // empty: none
	}{
		{at(imports.Accepted, "", false), ""},
		{at(imports.Sending, "", false), ""},
		{at(imports.Sending, "", true), audit.Sent},
		{at(imports.Sent, "", false), audit.Sent},
		{at(imports.Running, "", false), audit.Sent},
		{at(imports.Ended, imports.Succeeded, false), audit.Sent},
		{at(imports.Ended, imports.NotBegun, true), audit.Sent},
		{at(imports.Ended, imports.Refused, false), audit.Refused},
		{at(imports.Ended, imports.Expired, true), audit.Expired},
		{with(at(imports.Running, "", false), func(i *imports.Import) { i.Origin = imports.Elsewhere }), ""},
	} {
		e, ok := MissedEntry(c.imp)
		if e.Result != c.want || ok != (c.want != "") {
			t.Errorf("%s %s: %+v, %t; want %q", c.imp.State, c.imp.Outcome, e, ok, c.want)
		}
	}
}

func TestRefusedEntry(t *testing.T) {
	t.Parallel()
	e := RefusedEntry(&bot.Request{Kind: bot.Command, Command: "/import", Text: "raw", UserID: "U0EVE", ChannelID: "C0PROD"}, "team")
	if e.Result != audit.Refused || e.Reason != "team" || e.UserID != "U0EVE" || e.Text != "raw" || e.At.IsZero() {
		t.Errorf("entry = %+v", e)
	}
}
