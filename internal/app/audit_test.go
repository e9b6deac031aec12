package app

import (
	"database/sql"
	"path/filepath"
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
		p.exit(t, 5*time.Second)

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
	if got := p.exit(t, 10*time.Second); got != exitWell {
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
