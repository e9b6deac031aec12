package imports_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/imports"
)

// halt holds an engine up at a point, as a machine does that is frozen there.
type halt struct {
	at      string
	armed   atomic.Bool
	once    sync.Once
	reached chan struct{}
	release chan struct{}
}

func haltAt(point string) *halt {
	return &halt{at: point, reached: make(chan struct{}), release: make(chan struct{})}
}

func (h *halt) pass(point string) {
	if h.armed.Load() && point == h.at {
		h.once.Do(func() {
			close(h.reached)
			<-h.release
		})
	}
}

func (h *halt) gone() bool { return false }

// lease is a lead that can be lost without anybody being told.
type lease struct{ lost atomic.Bool }

var errFrozen = errors.New("nothing was heard of the database for 13 s")

func (l *lease) held() error {
	if l.lost.Load() {
		return fmt.Errorf("%w: %w", imports.ErrNotLeader, errFrozen)
	}
	return nil
}

// term is an engine at work that is held up in the midst of a start.
type term struct {
	*running
	halt  *halt
	lease *lease
	asked imports.Import
}

// halted runs an engine until a start has come to the point.
func (r *rig) halted(point string) *term {
	r.t.Helper()
	h, l := haltAt(point), new(lease)
	cfg := r.server.Config()
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		h.pass("dialled")
		return conn, err
	}
	r.server.Intercept(func(at bigfixtest.Point, req bigfixtest.Request) bigfixtest.Verdict {
		if req.Run != "" {
			h.pass("run " + at.String())
		}
		return bigfixtest.Pass
	})
	engine := r.config()
	engine.Servers[0].Client = r.clientWith(cfg)
	engine.Signal, engine.Board = new(imports.Signal), new(imports.Board)
	engine = mortal(engine, h)
	lead, err := r.store.Lead(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	e := r.runAs(engine, imports.Lead{Epoch: lead.Lead().Epoch, Held: l.held})
	r.rest(engine)
	r.pass(engine, 30*time.Second)
	h.armed.Store(true) // from here on: the looks and connections before are others
	asked := r.ask("ana", bigfix.TypeRaw)
	engine.Signal.Wake(asked.ID)
	select {
	case <-h.reached:
	case <-time.After(patience):
		r.t.Fatal("it never came to that point")
	}
	return &term{running: e, halt: h, lease: l, asked: asked}
}

// over waits for the end of a term that nobody told to end.
func (e *running) over(t *testing.T) error {
	t.Helper()
	select {
	case <-e.done:
	case <-time.After(patience):
		t.Fatal("the old leader goes on")
	}
	return e.stop()
}

// A term may end at any point of a start, because this process is told to end or because it was frozen there for so long
// that another one leads: the import is asked for once at most, its card is put up once, and it comes to the right end.
func TestATermEndsInMidStart(t *testing.T) {
	t.Parallel()
	for i, tt := range []struct {
		at     string
		frozen imports.Outcome // what it ends as where the lead was lost; where the process was told to end it succeeds
		runs   int
	}{
		{"looked", imports.Succeeded, 1},
		{"announced", imports.Succeeded, 1},
		{"stored as sending", imports.NotBegun, 0},
		{"dialled", imports.NotBegun, 0},
		{"run arrived", imports.Succeeded, 1},
		{"run taken", imports.Succeeded, 1},
		{"run answered", imports.Succeeded, 1},
		{"answered", imports.Succeeded, 1},
		{"stored as sent", imports.Succeeded, 1},
	} {
		// Under the race detector each point is met in one way of three: see Thinned.
		run := func(way int, name string, test func(*testing.T)) {
			if !imports.UnderRace || way == i%3 {
				t.Run(name+", "+tt.at, test)
			}
		}
		run(0, "told to end", func(t *testing.T) {
			r := newRig(t)
			old := r.halted(tt.at)
			go func() {
				<-old.ending
				close(old.halt.release)
			}()
			if err := old.stop(); err != nil {
				t.Errorf("the term ended with %v", err)
			}
			r.mustEnd(t, old.asked, imports.Succeeded, 1)
		})
		run(1, "cut off, and nobody leads yet", func(t *testing.T) {
			r := newRig(t)
			old := r.halted(tt.at)
			old.lease.lost.Store(true)
			close(old.halt.release)
			if err := old.over(t); !errors.Is(err, imports.ErrNotLeader) {
				t.Errorf("the term ended with %v", err)
			}
			r.mustEnd(t, old.asked, tt.frozen, tt.runs)
		})
		run(2, "frozen", func(t *testing.T) {
			r := newRig(t)
			old := r.halted(tt.at)
			old.lease.lost.Store(true)
			cfg := r.config()
			next := r.run(cfg)
			r.soon("the new leader has looked", func() bool { _, ok := r.board.Server("prod"); return ok })
			if tt.frozen == imports.Succeeded {
				r.soon("the new leader sees it run", func() bool { return r.stored(old.asked.ID).State == imports.Running || tt.at == "run arrived" })
			}
			before := r.looks()
			close(old.halt.release)
			if err := old.over(t); !errors.Is(err, imports.ErrNotLeader) {
				t.Errorf("the term ended with %v", err)
			}
			if got := r.looks(); got != before {
				t.Errorf("%d looks by a process that does not lead", got-before)
			}
			if err := next.stop(); err != nil {
				t.Error(err)
			}
			r.mustEnd(t, old.asked, tt.frozen, tt.runs)
		})
	}
}

// mustEnd runs one more term until an import has ended.
func (r *rig) mustEnd(t *testing.T, asked imports.Import, want imports.Outcome, runs int) {
	t.Helper()
	r.step = 20 * time.Second
	cfg := r.config()
	r.run(cfg)
	end := r.ended(cfg, asked.ID)
	if end.Outcome != want || r.runs() != runs {
		t.Errorf("ended %s (%v %v) with %d run= requests, want %s with %d", end.Outcome, end.Reason, end.Doubts, r.runs(), want, runs)
	}
	if got := r.cards.up; len(got) != 1 || got[0] != asked.ID {
		t.Errorf("cards that were put up: %v", got)
	}
}

// A process that is held up just before run= leaves, until more than two minutes after the wish, does not send it.
func TestTooLateAtTheLastMoment(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"announced", "stored as sending", "dialled"} {
		t.Run(at, func(t *testing.T) {
			r := newRig(t)
			held := r.halted(at)
			r.clock.Advance(2*time.Minute + time.Second)
			close(held.halt.release)
			r.soon("it has ended", func() bool { return r.stored(held.asked.ID).State == imports.Ended })
			end := r.stored(held.asked.ID)
			if end.Outcome != imports.Expired || end.Reason.Kind != imports.ReasonTooLate || end.Reason.Other != "" || r.runs() != 0 {
				t.Errorf("ended %s (%+v) with %d run= requests", end.Outcome, end.Reason, r.runs())
			}
		})
	}
}

// A look, or the login before it, that was about to leave when the lead was lost does not, and says nothing of the server.
func TestNoLookWithoutTheLead(t *testing.T) {
	r := newRig(t)
	for name, server := range map[string]bigfix.Config{"token": r.server.Config(), "login": r.server.LoginConfig()} {
		t.Run(name, func(t *testing.T) {
			l := new(lease)
			server.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				l.lost.Store(true)
				return conn, err
			}
			cfg := r.config()
			cfg.Servers[0].Client = r.clientWith(server)
			cfg.OnLook = func(_ string, o imports.Observation) { t.Errorf("told of a look: %+v", o) }
			lead, err := r.store.Lead(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			e := r.runAs(cfg, imports.Lead{Epoch: lead.Lead().Epoch, Held: l.held})
			if err := e.over(t); !errors.Is(err, imports.ErrNotLeader) || !errors.Is(err, errFrozen) {
				t.Errorf("the term ended with %v", err)
			}
			if got := r.server.Journal().Requests; len(got) != 0 {
				t.Errorf("asked all the same: %+v", got)
			}
			if srv, err := r.store.Server(t.Context(), "prod"); err != nil || !srv.Last.At.IsZero() {
				t.Errorf("recorded %+v, %v", srv.Last, err)
			}
		})
	}
}

// A leader that wakes up without the lead ends at its first step, whatever is due.
func TestALeaderWakesUpWithoutTheLead(t *testing.T) {
	r := newRig(t)
	cfg, l := r.config(), new(lease)
	lead, err := r.store.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e := r.runAs(cfg, imports.Lead{Epoch: lead.Lead().Epoch, Held: l.held})
	r.rest(cfg)
	asked := r.ask("ana", bigfix.TypeRaw)
	r.soon("it runs", func() bool { return r.stored(asked.ID).State == imports.Running })
	before := r.looks()
	l.lost.Store(true)
	r.clock.Advance(time.Second) // no look is due; something else wakes it
	r.signal.Wake()
	if err := e.over(t); !errors.Is(err, imports.ErrNotLeader) {
		t.Errorf("the term ended with %v", err)
	}
	if r.looks() != before {
		t.Errorf("it went on: %d looks", r.looks()-before)
	}
}

func TestLeadCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		held func() error
		want error
	}{
		{"always", nil, nil},
		{"held", func() error { return nil }, nil},
		{"lost", func() error { return fmt.Errorf("%w: %w", imports.ErrNotLeader, errFrozen) }, errFrozen},
		{"lost, and it does not say so", func() error { return errFrozen }, errFrozen},
	} {
		err := imports.Lead{Held: tt.held}.Check()
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || err != nil && !errors.Is(err, imports.ErrNotLeader) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// What became of an accepted start is told once, whatever became of the process that sent it: the next leader tells of one
// that was marked and not recorded, and says that it can't be sure.
func TestASendThatNobodyRecorded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at          string
		unconfirmed bool
	}{
		{"announced", false},
		{"stored as sending", true},
		{"answered", true},
	} {
		t.Run("killed, "+tt.at, func(t *testing.T) {
			r, sent := newRig(t), new(sends)
			r.heard = sent.hear
			asked := r.killed(tt.at)
			r.open()
			r.threeTerms(t, sent)
			sent.must(t, asked, tt.unconfirmed)
		})
		t.Run("frozen, "+tt.at, func(t *testing.T) {
			r, sent := newRig(t), new(sends)
			r.heard = sent.hear
			old := r.halted(tt.at)
			old.lease.lost.Store(true)
			r.threeTerms(t, sent)
			close(old.halt.release)
			if err := old.over(t); tt.unconfirmed && !errors.Is(err, imports.ErrNotLeader) {
				t.Errorf("the old term ended with %v", err)
			}
			sent.must(t, old.asked, tt.unconfirmed)
		})
	}
}

// threeTerms runs one leader after the other.
func (r *rig) threeTerms(t *testing.T, sent *sends) {
	t.Helper()
	r.step = 20 * time.Second
	for range 3 {
		cfg := r.config()
		next := r.run(cfg)
		r.soon("it is told what became of the start", func() bool { return sent.count() > 0 })
		r.pass(cfg, time.Minute)
		if err := next.stop(); err != nil {
			t.Error(err)
		}
	}
}

// sends are the starts of which it was told that they were sent.
type sends struct {
	mu   sync.Mutex
	told []imports.Import
}

func (s *sends) hear(imp imports.Import, ev imports.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ev.Kind == imports.EventSent {
		s.told = append(s.told, imp)
	}
}

func (s *sends) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.told)
}

func (s *sends) must(t *testing.T, asked imports.Import, unconfirmed bool) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.told) != 1 || s.told[0].ID != asked.ID || s.told[0].Unconfirmed != unconfirmed || s.told[0].SendingAt.IsZero() {
		t.Errorf("told of %d requests that were sent, want one, unconfirmed %t: %+v", len(s.told), unconfirmed, s.told)
	}
}

// The database is in trouble when a loop can't store or read, not when something else fails.
func TestStoreTrouble(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	db := &failing{Store: r.store, now: r.clock.Now}
	cfg.Store = db
	r.cards.failWith(errFrozen)
	e := r.run(cfg)
	r.ask("ana", bigfix.TypeRaw)
	r.soon("the card can't be put up", func() bool { return len(e.Troubles()) == 1 })
	if err := e.StoreTrouble(); err != nil {
		t.Errorf("the database is blamed for a card: %v", err)
	}
	db.broken.Store(true)
	r.until(cfg, 5*time.Minute, "the database is in trouble", func() bool { return errors.Is(e.StoreTrouble(), errFull) })
	db.broken.Store(false)
	r.until(cfg, 5*time.Minute, "it is over", func() bool { return e.StoreTrouble() == nil })
}
