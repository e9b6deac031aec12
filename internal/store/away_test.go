package store

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/imports"
	"importbot/internal/pgtest"
)

func TestADatabaseThatIsAwayAtTheStart(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t)
	url := c.Database(t)
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatalf("a database that is merely away: %v", err)
	}
	defer s.Close()
	stop := runStore(t, s)
	term := leading(t, s)
	calls := map[string]func(context.Context) error{
		"Accept": func(ctx context.Context) error { return acceptOne(ctx, s, "1") },
		"Ping":   s.Ping,
		"Import": func(ctx context.Context) error { _, err := s.Import(ctx, "1"); return err },
		"Leader": func(ctx context.Context) error { _, err := s.Leader(ctx); return err },
		"Record": func(ctx context.Context) error { return s.Record(ctx, 1, imports.Server{Name: "prod"}, nil) },
	}
	for name, call := range calls {
		began := time.Now()
		err := call(t.Context())
		if err == nil || !strings.Contains(err.Error(), "can't be reached: connection refused") || errors.Is(err, imports.ErrUnsure) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took >= callWithin {
			t.Errorf("%s took %s to say so, as if it had been waited for", name, took)
		}
	}
	if s.Shares() != 1 {
		t.Errorf("%d shares", s.Shares())
	}
	if err := c.Restart(); err != nil {
		t.Fatal(err)
	}
	await(t, "leading once it is there", term, patience)
	for _, name := range []string{"Accept", "Ping", "Import", "Leader"} {
		if err := calls[name](t.Context()); err != nil {
			t.Errorf("%s with the database there: %v", name, err)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A network that is gone lets nobody wait for ever.
func TestANetworkThatIsGone(t *testing.T) {
	t.Parallel()
	proxy, through := pgtest.Proxied(t, pgtest.Server(t).Database(t))
	s := openURL(t, through, Options{})
	proxy.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	began := time.Now()
	if err := acceptOne(ctx, s, "1"); err == nil || !strings.Contains(err.Error(), "does not answer in time") || errors.Is(err, imports.ErrUnsure) {
		t.Errorf("Accept: %v", err)
	}
	if took := time.Since(began); took >= callWithin {
		t.Errorf("Accept took %s, as if its caller had set no deadline", took)
	}
	answered := make(chan error, 1)
	go func() { _, err := s.Import(context.WithoutCancel(t.Context()), "1"); answered <- err }()
	if err := await(t, "a call without a deadline", answered, patience); err == nil {
		t.Error("Import answered")
	}
	proxy.Thaw()
	soon(t, "storing with the network back", func() bool { return acceptOne(t.Context(), s, "1") == nil })
}

// The connection is cut when the COMMIT is on its way: once before the server has it, once when it has done it. From
// outside these can't be told apart, and both are said to be unsure; whoever asks again finds out.
func TestALostAnswerToACommit(t *testing.T) {
	t.Parallel()
	for name, stored := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, through := pgtest.Proxied(t, pgtest.Server(t).Database(t))
			s := openURL(t, through, Options{})
			if err := acceptOne(t.Context(), s, "0"); err != nil { // a connection is there
				t.Fatal(err)
			}
			var committing atomic.Bool
			proxy.Watch(func(fromServer bool, b []byte) bool {
				if !fromServer && bytes.Contains(b, []byte("commit\x00")) {
					committing.Store(true)
					return stored // cut it before the server gets it, or let it through
				}
				return !fromServer || !committing.Load() // and cut its answer
			})
			err := acceptOne(t.Context(), s, "1")
			proxy.Watch(nil)
			if !committing.Load() {
				t.Fatal("no COMMIT was seen")
			}
			if !errors.Is(err, imports.ErrUnsure) {
				t.Errorf("the answer to COMMIT was lost: %v", err)
			}
			_, err = s.Import(t.Context(), "1")
			if got := err == nil; got != stored {
				t.Errorf("stored: %v, want %v (%v)", got, stored, err)
			}
			if err := acceptOne(t.Context(), s, "1"); err != nil {
				t.Errorf("asking again: %v", err)
			}
			if got, err := s.Active(t.Context(), "prod"); err != nil || len(got) != 2 {
				t.Errorf("%d imports, %v", len(got), err)
			}
		})
	}
}

// What fails before the COMMIT was not stored, for sure.
func TestACutBeforeTheCommitIsSure(t *testing.T) {
	t.Parallel()
	proxy, through := pgtest.Proxied(t, pgtest.Server(t).Database(t))
	s := openURL(t, through, Options{})
	proxy.Watch(func(fromServer bool, b []byte) bool {
		return fromServer || !bytes.Contains(b, []byte("INSERT INTO imports"))
	})
	if err := acceptOne(t.Context(), s, "1"); err == nil || errors.Is(err, imports.ErrUnsure) {
		t.Errorf("cut before the COMMIT: %v", err)
	}
	proxy.Watch(nil)
	if _, err := s.Import(t.Context(), "1"); !errors.Is(err, imports.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
}

// A fault that comes up while running ends Run only if it lasts: somebody may be at it.
func TestAFaultThatLasts(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t)
	proxy, through := pgtest.Proxied(t, c.Database(t))
	for _, row := range []struct {
		name  string
		pace  pace
		lasts bool
	}{{"mended", usualPace, false}, {"stays", quickPace, true}} {
		t.Run(row.name, func(t *testing.T) {
			log, out := logrus.New(), new(syncBuffer)
			log.SetOutput(out)
			s, err := Open(t.Context(), through, Options{pace: row.pace, Log: log})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ended := make(chan error, 1)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go func() { ended <- s.Run(ctx) }()
			soon(t, "a replica", func() bool { return len(mustReplicas(t, s)) > 0 })
			if err := c.Exec(`ALTER ROLE bot PASSWORD 'another'`); err != nil {
				t.Fatal(err)
			}
			proxy.Cut()
			if row.lasts {
				if err := await(t, "Run", ended, patience); err == nil || !strings.Contains(err.Error(), `rejects the password of the role "bot"`) {
					t.Errorf("Run ended with %v", err)
				}
				return
			}
			soon(t, "word of the fault", func() bool { return strings.Contains(out.String(), "rejects the password") })
			if err := c.Exec(`ALTER ROLE bot PASSWORD '` + c.Password() + `'`); err != nil {
				t.Fatal(err)
			}
			soon(t, "word of its end", func() bool { return strings.Contains(out.String(), "the database is back") })
			cancel()
			if err := await(t, "Run", ended, patience); err != nil {
				t.Errorf("Run ended with %v", err)
			}
			if n := strings.Count(out.String(), "rejects the password"); n != 1 {
				t.Errorf("it said %d times that the password is rejected:\n%s", n, out)
			}
		})
	}
}
