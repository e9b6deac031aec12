//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"importbot/imports"
	"importbot/internal/pgtest"
)

// Nobody waits for one who is dead as for one who says nothing. It takes seconds: the log says how many.
func TestAKilledLeaderIsReplacedAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Server(t).Database(t)
	victim := startReplica(t, url, "usual")
	epoch := victim.hears("leading", patience).Epoch
	s := openURL(t, url, Options{})
	next := leading(t, s)
	if l, err := s.Leader(t.Context()); err != nil || l.Epoch != epoch || !l.Held || !strings.HasSuffix(l.Name, pidOf(victim)) {
		t.Errorf("the leader is %+v, %v", l, err)
	}
	select {
	case <-next:
		t.Fatal("two lead")
	case <-time.After(2 * usualPace.try):
	}
	began := time.Now()
	victim.kill()
	term := await(t, "replacing it", next, usualPace.held)
	t.Logf("replaced after %s", time.Since(began))
	if term.epoch != epoch+1 || term.Lead().Check() != nil {
		t.Errorf("epoch %d after %d, held: %v", term.epoch, epoch, term.Lead().Check())
	}
}

func pidOf(r *replica) string { return fmt.Sprintf(":%d", r.cmd.Process.Pid) }

// The times as they are in production, for one who was frozen while it waited, and for one in the middle of a write.
func TestAFrozenLeaderIsReplacedAndKnows(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"idle", "writing"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Server(t).Database(t)
			frozen := startReplica(t, url, "usual")
			frozen.hears("leading", patience)
			s := openURL(t, url, Options{})
			if _, _, err := s.Accept(t.Context(), imports.Import{ID: "1", Server: "prod", RequestKey: "1", State: imports.Accepted}); err != nil {
				t.Fatal(err)
			}
			next := leading(t, s)
			began := time.Now()
			if how == "idle" {
				frozen.signal(syscall.SIGSTOP)
			} else {
				frozen.tell("freeze")
				frozen.hears("freezing", patience)
				blocked := time.Now()
				soon(t, "writing what the frozen one had locked", func() bool { return s.Follow(t.Context(), "1", "Uana", false, blocked) == nil })
				t.Logf("it blocked another's for %s", time.Since(blocked))
			}
			await(t, "replacing it", next, time.Minute)
			took := time.Since(began)
			t.Logf("replaced after %s", took)
			if took < usualPace.held {
				t.Errorf("replaced after %s, while it may count on leading", took)
			}
			if err := s.SaveThread(t.Context(), s.current().epoch, imports.Thread{ImportID: "1", Shown: 1}); err != nil {
				t.Errorf("the new leader can't write: %v", err)
			}
			frozen.signal(syscall.SIGCONT)
			if frozen.hears("woke", patience).Held {
				t.Error("it woke up and believed to lead")
			}
			if how == "writing" {
				if l := frozen.hears("freeze", patience); l.Error == "" {
					t.Error("it went on writing when it woke up")
				}
			}
			frozen.hears("lost", patience)
			frozen.refused()
			if srv, err := s.Server(t.Context(), "prod"); err != nil || srv.DownLooks != 0 {
				t.Errorf("it wrote: %+v, %v", srv, err)
			}
		})
	}
}

// A network that is gone tells neither side.
func TestACutOffLeaderIsReplacedAndKnows(t *testing.T) {
	t.Parallel()
	direct := pgtest.Server(t).Database(t)
	proxy, through := pgtest.Proxied(t, direct)
	cut := openURL(t, through, Options{pace: quickPace})
	term := mustLead(t, cut, patience)
	s := openURL(t, direct, Options{pace: quickPace})
	next := leading(t, s)
	began := time.Now()
	proxy.Freeze()
	after := await(t, "replacing it", next, patience)
	if err := term.Lead().Check(); !errors.Is(err, imports.ErrNotLeader) {
		t.Errorf("cut off and replaced, Held says %v", err)
	}
	t.Logf("replaced after %s", time.Since(began))
	await(t, "knowing that it is cut off", term.Done(), patience)
	proxy.Thaw()
	if err := cut.Record(t.Context(), term.epoch, imports.Server{Name: "prod", DownLooks: 99}, nil); !errors.Is(err, imports.ErrNotLeader) {
		t.Errorf("when it was back it could write: %v", err)
	}
	if err := after.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustLead(t, cut, patience)
}

// Nobody polls here: who waits is told.
func TestTheLeadIsGivenAwayAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Server(t).Database(t)
	patient := usualPace
	patient.try = 10 * time.Minute
	one, two := openURL(t, url, Options{}), openURL(t, url, Options{pace: patient})
	term := mustLead(t, one, patience)
	next := leading(t, two)
	awaitWaiter(t, one)
	began := time.Now()
	if err := term.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := term.Lead().Check(); !errors.Is(err, imports.ErrNotLeader) {
		t.Errorf("given away, Held says %v", err)
	}
	if err := term.Release(t.Context()); err != nil {
		t.Errorf("giving it away again: %v", err)
	}
	after := await(t, "leading", next, patience)
	t.Logf("taken after %s", time.Since(began))
	if after.epoch != term.epoch+1 {
		t.Errorf("epoch %d after %d", after.epoch, term.epoch)
	}
	if err := after.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l, err := one.Leader(t.Context()); err != nil || l.Held || l.Name != "" || l.Epoch != after.epoch {
		t.Errorf("nobody leads: %+v, %v", l, err)
	}
}

// awaitWaiter waits until a session listens for the lead, and then waits itself.
func awaitWaiter(t *testing.T, s *Store) {
	t.Helper()
	soon(t, "somebody who waits for the lead", func() bool {
		var n int
		err := s.read.QueryRow(`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle'
			AND query LIKE 'SELECT pg_try_advisory_lock%'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n > 0
	})
}

func TestTheServerIsRestarted(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*pgtest.Cluster) error{"stopped": (*pgtest.Cluster).Stop, "killed": (*pgtest.Cluster).Kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := pgtest.New(t)
			url := c.Database(t)
			s := openURL(t, url, Options{})
			term := mustLead(t, s, patience)
			if err := end(c); err != nil {
				t.Fatal(err)
			}
			await(t, "noticing", term.Done(), usualPace.held)
			again := leading(t, s)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			began := time.Now()
			_, _, err := s.Accept(ctx, imports.Import{ID: "1", Server: "prod", RequestKey: "1", State: imports.Accepted})
			if err == nil || !strings.Contains(err.Error(), "PostgreSQL at 127.0.0.1:") || errors.Is(err, imports.ErrUnsure) {
				t.Errorf("accepting without a server: %v", err)
			}
			if took := time.Since(began); took >= callWithin {
				t.Errorf("it took %s to say so, as if its caller had set no deadline", took)
			}
			if err := c.Restart(); err != nil {
				t.Fatal(err)
			}
			after := await(t, "leading again", again, patience)
			if after.epoch != term.epoch+1 {
				t.Errorf("epoch %d after %d", after.epoch, term.epoch)
			}
			if _, _, err := s.Accept(t.Context(), imports.Import{ID: "1", Server: "prod", RequestKey: "1", State: imports.Accepted}); err != nil {
				t.Errorf("with the server back: %v", err)
			}
		})
	}
}

// A holder who was frozen when the server was restarted does not know that its session is gone: who comes next waits
// until that one's time is over by its own clock.
func TestAfterARestartAnotherReplicaWaits(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t)
	url := c.Database(t)
	frozen := startReplica(t, url, "quick")
	frozen.hears("leading", patience)
	frozen.signal(syscall.SIGSTOP)
	if err := c.Restart(); err != nil {
		t.Fatal(err)
	}
	slow := quickPace
	slow.outlive = 3 * time.Second // long enough to be seen on a busy machine
	s := openURL(t, url, Options{pace: slow})
	began := time.Now()
	term := mustLead(t, s, patience)
	if took := time.Since(began); took < slow.outlive {
		t.Errorf("it led after %s, while the other one may count on leading", took)
	}
	if err := term.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	slow.outlive = time.Hour // who gave the lead away is not waited for
	mustLead(t, openURL(t, url, Options{pace: slow}), patience)
}

// Whoever freezes, wakes and dies when: no two hold the lead in one moment.
func TestTwoNeverLeadAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Server(t).Database(t)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	replicas := []*replica{startReplica(t, url, "quick"), startReplica(t, url, "quick"), startReplica(t, url, "quick")}
	stopped := make([]time.Time, len(replicas))                            // until when; zero: it runs
	enough, ending := time.Now().Add(12*time.Second), time.After(patience) // for four terms, on a busy machine
	terms := make(map[imports.Epoch]bool)
	for running := true; running; {
		for _, r := range replicas {
			r.read()
			for _, l := range r.heard {
				if l.Says == "leading" {
					terms[l.Epoch] = true
				}
			}
		}
		running = len(terms) < 4 || time.Now().Before(enough)
		i := random.IntN(len(replicas))
		switch {
		case stopped[i].IsZero():
			replicas[i].signal(syscall.SIGSTOP)
			stopped[i] = time.Now().Add(time.Duration(random.IntN(4000)) * time.Millisecond)
		case time.Now().After(stopped[i]):
			replicas[i].signal(syscall.SIGCONT)
			stopped[i] = time.Time{}
		}
		select {
		case <-ending:
			running = false
		case <-time.After(time.Duration(random.IntN(700)) * time.Millisecond):
		}
	}
	for _, r := range replicas {
		r.signal(syscall.SIGCONT)
	}
	type held struct {
		epoch imports.Epoch
		span
	}
	var all []held
	for _, r := range replicas {
		r.tell("spans")
		for epoch, s := range r.hears("spans", patience).Spans {
			all = append(all, held{epoch, *s})
		}
	}
	slices.SortFunc(all, func(a, b held) int { return int(a.epoch - b.epoch) })
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if a.epoch == b.epoch || a.Last > b.First {
			t.Errorf("epoch %d was held until %s after epoch %d was", a.epoch, time.Duration(a.Last-b.First), b.epoch)
		}
	}
	if len(all) < 3 {
		t.Errorf("only %d terms in which anything was done", len(all))
	}
	t.Logf("%d terms", len(all))
}

// Held compares two clocks: one stands still while the machine sleeps, the other can be put back.
func TestHeldByBothClocks(t *testing.T) {
	heard := time.Now()
	for _, row := range []struct {
		name string
		now  time.Time
		want bool
	}{
		{"just heard", heard, true},
		{"12 s later", heard.Add(usualPace.held), true},
		{"a moment more", heard.Add(usualPace.held + time.Millisecond), false},
		{"asleep for an hour, by the wall clock alone", heard.Round(0).Add(time.Hour), false},
		{"the wall clock put back for an hour", heard.Round(0).Add(-time.Hour), true},
	} {
		silent := openFile(t)
		now := row.now
		tn := &tenure{Lead: newLead(1), p: &postgres{s: silent, pace: usualPace}, heard: heard, now: func() time.Time { return now }}
		tn.held = tn.stillHeld
		err := tn.Lead.Lead().Check()
		if (err == nil) != row.want || err != nil && !errors.Is(err, imports.ErrNotLeader) {
			t.Errorf("%s: %v", row.name, err)
		}
		now = heard
		if again := tn.Lead.Lead().Check(); (again == nil) != row.want {
			t.Errorf("%s: a lead that was lost came back: %v", row.name, again)
		}
	}
}

func TestTwoInstallationsInOneDatabase(t *testing.T) {
	t.Parallel()
	c := pgtest.Server(t)
	url := c.Database(t)
	if err := c.ExecIn(url, `CREATE SCHEMA other AUTHORIZATION bot`); err != nil {
		t.Fatal(err)
	}
	var otherSignal imports.Signal
	woken, cancel := otherSignal.Subscribe("1")
	defer cancel()
	one, other := openURL(t, url, Options{}), openURL(t, url+"&search_path=other", Options{Signal: &otherSignal})
	mustLead(t, one, patience)
	mustLead(t, other, patience)
	await(t, "waking all when listening began", woken, patience)
	if _, _, err := one.Accept(t.Context(), imports.Import{ID: "1", Server: "prod", RequestKey: "1", State: imports.Accepted}); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Import(t.Context(), "1"); !errors.Is(err, imports.ErrNotFound) {
		t.Errorf("the other one has it: %v", err)
	}
	select {
	case <-woken:
		t.Error("the other one was told")
	case <-time.After(500 * time.Millisecond):
	}
}
