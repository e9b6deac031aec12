package app

import (
	"database/sql"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"importbot/bigfix/bigfixtest"
	"importbot/internal/audit"
	"importbot/internal/store"
)

// What became of an accepted start is in the audit, once, whatever became of the process that sent it.
func TestAuditOfAStartWhoseProcessDied(t *testing.T) {
	t.Parallel()
	t.Run("before the answer was recorded", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p := w.start(t, w.environ()).ready(t)
		sent := make(chan struct{})
		w.bigfix.Intercept(func(at bigfixtest.Point, r bigfixtest.Request) bigfixtest.Verdict {
			if at == bigfixtest.Taken && r.Run != "" { // the import runs, and nobody is told so
				close(sent)
				<-p.ended
			}
			return bigfixtest.Pass
		})
		w.command(t, "raw")
		select {
		case <-sent:
		case <-deadline(t).Done():
			t.Fatal("run= never came")
		}
		p.signal(t, syscall.SIGKILL)
		p.exit(t)

		p = w.start(t, w.environ()).ready(t)
		w.message(t, "finished", whatever)
		w.stop(t, p)
		w.mustAuditOneStart(t, "unconfirmed")
	})
	t.Run("before its entry was written", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p := w.start(t, w.environ()).ready(t)
		w.command(t, "raw")
		w.message(t, "finished", whatever)
		w.stop(t, p)
		w.mustAuditOneStart(t, "")
		db, err := sql.Open("sqlite", w.database())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), `DELETE FROM audit WHERE kind = 'start'`); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			before := len(w.bigfix.Journal().Requests)
			p := w.start(t, w.environ()).ready(t)
			if _, err := w.bigfix.Wait(deadline(t), func(r bigfixtest.Request) bool { return r.N > before }); err != nil {
				t.Fatal(err) // it leads once it looks
			}
			w.stop(t, p)
			w.mustAuditOneStart(t, "")
		}
	})
}

func (w *world) database() string { return filepath.Join(w.dir, "importbot.db") }

// stop tells a process to end, and waits for it.
func (w *world) stop(t *testing.T, p *process) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	if got := p.exit(t); got != exitWell {
		t.Fatalf("got exit status %d, want 0\n%s", got, p.log)
	}
}

// mustAuditOneStart reads the audit of a world in which one import was asked for and nothing runs now.
func (w *world) mustAuditOneStart(t *testing.T, why string) {
	t.Helper()
	s, err := store.Open(t.Context(), w.database(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := s.Audits(t.Context(), time.Time{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	starts := 0
	for _, e := range all {
		if e.Kind == audit.Start {
			starts++
			if e.Result != audit.Sent || e.Reason != why || e.UserID != ana || e.ImportID == "" {
				t.Errorf("the entry of the start is %+v, want it sent %q", e, why)
			}
		}
	}
	if starts != 1 {
		t.Errorf("%d entries of the start, want one: %+v", starts, all)
	}
}

// Whatever else people change is in the audit, whether they typed or pressed, and so is what they were refused.
func TestAuditOfChanges(t *testing.T) {
	t.Parallel()
	w := newNight(t, pace)
	p := w.start(t, w.environ()).ready(t)
	w.mustAnswer(t, ana, "raw prod", "Starting a raw import on prod")
	w.message(t, "card", saying("running"))
	waits := w.mustAnswer(t, ana, "complete prod after", "right after what runs now").Answers()[0]
	w.mustAnswer(t, ben, "cancel prod", "Only <@"+ana+"> may")
	status := w.mustAnswer(t, ben, "status prod", "running").Answers()[0]
	mustSay(t, w.press(t, ben, "notify", status), "mention you")
	mustSay(t, w.press(t, ana, "cancel_waiting", waits), "Taken back: ")
	w.mustAnswer(t, ana, "mute prod 1h", "are quiet until")
	w.mustAnswer(t, ben, "unmute prod", "Only <@"+ana+"> may")
	finished := w.message(t, "finished", saying("succeeded"))
	mustMention(t, finished, ana, ben)
	w.stop(t, p)

	got := w.audited(t)
	for _, want := range []string{
		"command U0123ANA prod accepted complete prod after", "start U0123ANA prod refused cancelled complete",
		"command U0123BEN prod refused not_operator cancel prod", "action U0123ANA cancel_waiting prod accepted",
		"action U0123BEN notify prod accepted",
		"command U0123ANA prod accepted mute prod 1h", "command U0123BEN prod refused not_operator unmute prod",
	} {
		if got[want] != 1 {
			t.Errorf("%q is there %d times in %q", want, got[want], slices.Sorted(maps.Keys(got)))
		}
	}
}

// audited reads the audit of a world in which nothing runs now: a line for each entry, and how often it is there.
func (w *world) audited(t *testing.T) map[string]int {
	t.Helper()
	s, err := store.Open(t.Context(), w.database(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := s.Audits(t.Context(), time.Time{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]int{}
	for _, e := range all {
		words := []string{e.Kind, e.UserID, e.ActionID, e.Server, e.Result, e.Reason}
		if e.Kind != "action" { // a button's value has the time in it
			words = append(words, e.Text)
		}
		lines[strings.Join(strings.Fields(strings.Join(words, " ")), " ")]++
	}
	return lines
}
