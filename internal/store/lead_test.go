package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"importbot/imports"
	"importbot/internal/store"
)

// A term on either database, from its beginning to its end.
func TestATermOfLeading(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s, err := store.Open(t.Context(), url, store.Options{Now: (&clock{noon}).Now, Name: "here:1", Version: "v1"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		accept(t, s, "1")
		leader := func(want store.Leader) {
			t.Helper()
			if got, err := s.Leader(t.Context()); err != nil || got != want {
				t.Errorf("the leader is %+v, %v; want %+v", got, err, want)
			}
		}
		leader(store.Leader{})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for n := range imports.Epoch(2) {
			term, err := s.Lead(ctx)
			if err != nil {
				t.Fatal(err)
			}
			lead := term.Lead()
			if lead.Epoch != n+1 || lead.Check() != nil {
				t.Errorf("epoch %d, held: %v", lead.Epoch, lead.Check())
			}
			leader(store.Leader{Name: "here:1", Epoch: n + 1, Since: noon.Truncate(time.Millisecond), Held: true})
			th := imports.Thread{ImportID: "1", Shown: 1}
			if err := s.SaveThread(ctx, lead.Epoch, th); err != nil {
				t.Error(err)
			}
			select {
			case <-term.Done():
				t.Error("it is over before it ended")
			default:
			}
			if err := term.Release(ctx); err != nil {
				t.Error(err)
			}
			select {
			case <-term.Done():
			default:
				t.Error("it goes on after it was given away")
			}
			if err := s.SaveThread(ctx, lead.Epoch, th); !errors.Is(err, imports.ErrNotLeader) {
				t.Errorf("a write after it was given away: %v", err)
			}
			leader(store.Leader{Epoch: n + 1, Since: noon.Truncate(time.Millisecond)})
		}
		last, err := s.Lead(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		select {
		case <-last.Done():
		case <-time.After(5 * time.Second):
			t.Error("it goes on after the store was closed")
		}
		if err := s.Close(); err != nil && !strings.Contains(err.Error(), "closed") {
			t.Errorf("closing again: %v", err)
		}
	})
}

// Whoever gives up waiting is not led to believe that they lead.
func TestWaitingForTheLeadEnds(t *testing.T) {
	t.Parallel()
	url := databases["postgres"](t)
	one, two := openAt(t, url, &clock{noon}), openAt(t, url, &clock{noon})
	lead(t, one)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := two.Lead(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("giving up: %v", err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := two.Lead(context.WithoutCancel(t.Context()))
		ended <- err
	}()
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a closed store leads")
		}
	case <-time.After(10 * time.Second):
		t.Error("waiting goes on after the store was closed")
	}
}
