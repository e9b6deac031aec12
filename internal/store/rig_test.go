package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"importbot/imports"
)

const patience = time.Minute

// quickPace is usualPace ten times as fast, for tests of what does not depend on the times themselves.
var quickPace = pace{
	idle: 2 * time.Second, held: 1200 * time.Millisecond, ping: 300 * time.Millisecond, answer: 500 * time.Millisecond,
	try: 100 * time.Millisecond, outlive: 1300 * time.Millisecond, mend: time.Second,
}

// openURL opens a store that closes with the test, runs it, and leaves the lead to others.
func openURL(t *testing.T, url string, opts Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done // what it says is for the tests of Run
		_ = s.Close()
	})
	return s
}

func mustLead(t *testing.T, s *Store, within time.Duration) *Lead {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	term, err := s.Lead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return term
}

// leading takes the lead in the background, and says when.
func leading(t *testing.T, s *Store) <-chan *Lead {
	taken := make(chan *Lead, 1)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() {
		if term, err := s.Lead(ctx); err == nil {
			taken <- term
		}
	}()
	return taken
}

func await[T any](t *testing.T, what string, c <-chan T, within time.Duration) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(within):
		t.Fatalf("%s: not within %s", what, within)
		panic("unreachable")
	}
}

// runStore runs a store until stop is called, which returns what Run did.
func runStore(t *testing.T, s *Store) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var err error
	stopped := false
	stop = func() error {
		cancel()
		if !stopped {
			err, stopped = <-done, true
		}
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

func awaitReplicas(t *testing.T, s *Store, n int) {
	t.Helper()
	soon(t, fmt.Sprintf("%d replicas", n), func() bool { return s.Shares() == n && len(mustReplicas(t, s)) == n })
}

func mustReplicas(t *testing.T, s *Store) []Replica {
	t.Helper()
	found, err := s.Replicas(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func wished(id string) imports.Import {
	return imports.Import{ID: id, Server: "prod", RequestKey: id, RequestedBy: "Uana", State: imports.Accepted, AcceptedAt: time.Now()}
}

func drain(c <-chan struct{}) {
	select {
	case <-c:
	default:
	}
}

// soon waits until something holds, and leaves the machine to those who work meanwhile.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}
