//go:build unix

package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"importbot/internal/pgtest"
)

// ground is where all tests play, so that the program is built once.
var ground struct {
	once  sync.Once
	arena *arena
	err   error
}

func shared(t *testing.T) *arena {
	t.Helper()
	ground.once.Do(func() { ground.arena, ground.err = newArena("", "", raceDetector) })
	if ground.err != nil {
		t.Fatal(ground.err)
	}
	return ground.arena
}

// tests close the ground before goleak looks.
type tests struct{ *testing.M }

func (m tests) Run() int {
	code := m.M.Run()
	if ground.arena != nil {
		ground.arena.close()
	}
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(tests{m}) }

// TestWorlds is the short form of the suite: some worlds of a fixed and of a fresh seed, on both databases. `go run ./internal/chaos` plays
// as many as are wanted.
func TestWorlds(t *testing.T) {
	if testing.Short() {
		t.Skip("real processes are started and killed for half a minute")
	}
	const fixed = 7315
	fresh := rand.Uint64() >> 44
	t.Logf("the fresh seed is %d: go run ./internal/chaos -seed %d -worlds 3", fresh, fresh)
	a := shared(t)
	var results []result
	var mu sync.Mutex
	var playing sync.WaitGroup // worlds mostly wait: all run at once, however few processors there are
	for _, seed := range []uint64{fixed, fresh, fresh + 1} {
		for _, database := range []string{onSQLite, onPostgres} {
			playing.Go(func() {
				r := a.world(t.Context(), deal(seed, database, choice{quick: true}))
				mu.Lock()
				defer mu.Unlock()
				results = append(results, r)
			})
		}
	}
	playing.Wait()
	for _, r := range results {
		t.Run(r.plan.Database+" "+strings.Join(r.plan.Faults, ", "), func(t *testing.T) { tell(t, r) })
	}
}

// tell fails the test of a world in which something was found.
func tell(t *testing.T, r result) {
	switch {
	case errors.Is(r.err, pgtest.ErrMissing) && os.Getenv("CI_STRICT") != "1":
		t.Skip(r.err)
	case r.err != nil:
		t.Fatalf("%v\n%s", r.err, r.plan)
	case len(r.found) > 0:
		t.Errorf("%d finding(s)\n%s\nLogs: %s\nAgain: go run ./internal/chaos -seed %d -worlds 1 -db %s -quick -v", len(r.found), r.story(), r.dir, r.plan.Seed, r.plan.Database)
	}
}

// A plan hangs on its seed alone, and other seeds deal others.
func TestPlansComeFromTheirSeed(t *testing.T) {
	for _, database := range []string{onSQLite, onPostgres} {
		texts := map[string]bool{}
		for seed := range uint64(50) {
			text := deal(seed, database, choice{}).String()
			if again := deal(seed, database, choice{}).String(); again != text {
				t.Errorf("seed %d dealt this first:\n%s\nand then this:\n%s", seed, text, again)
			}
			texts[text] = true
		}
		if len(texts) != 50 {
			t.Errorf("50 seeds deal %d plans on %s", len(texts), database)
		}
	}
}

// Every fault of the table is dealt by some seed, alone and with others.
func TestEveryFaultIsDealt(t *testing.T) {
	alone, together := map[string]bool{}, map[string]bool{}
	for seed := range uint64(4000) {
		for _, database := range []string{onSQLite, onPostgres} {
			names := deal(seed, database, choice{}).Faults
			for _, name := range names {
				if len(names) == 1 {
					alone[name] = true
				} else {
					together[name] = true
				}
			}
		}
	}
	for _, f := range faults() {
		if f.possible != nil && f.possible() != nil {
			t.Logf("%q can't be dealt here: %v", f.name, f.possible())
			continue
		}
		if !alone[f.name] || !together[f.name] {
			t.Errorf("%q is dealt alone: %t, with others: %t", f.name, alone[f.name], together[f.name])
		}
	}
}

// A fault that is asked for by name is the only one, on every database that it needs.
func TestOneFaultByName(t *testing.T) {
	for _, f := range faults() {
		for _, database := range []string{onSQLite, onPostgres} {
			got := deal(1, database, choice{only: f.name}).Faults
			if f.on != "" && f.on != database {
				continue
			}
			if !slices.Equal(got, []string{f.name}) {
				t.Errorf("asked for %q on %s, got %q", f.name, database, got)
			}
		}
	}
}

// A harness that is told to stop stops, and leaves no process behind.
func TestInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("the program is built")
	}
	a := shared(t)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	r := a.world(ctx, deal(1, onSQLite, choice{only: "nothing"}))
	if !errors.Is(r.err, context.DeadlineExceeded) {
		t.Errorf("the world ended with %v", r.err)
	}
	os.RemoveAll(r.dir) //nolint:errcheck // at worst it is left
}
