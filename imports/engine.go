package imports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"importbot/bigfix"
)

const (
	// Keep is how long imports that ended are kept.
	Keep = 400 * 24 * time.Hour
	// purgeEvery is how often older ones are deleted.
	purgeEvery = 24 * time.Hour
	// sendWithin is how long after it was accepted an intent may be sent; then it expires.
	sendWithin = 2 * time.Minute
	// backoffMin and backoffMax are the waits between tries of work that fails.
	backoffMin = time.Second
	backoffMax = time.Minute
)

// ServerConfig is one server to watch.
type ServerConfig struct {
	Name    string
	Client  Client
	Edition bigfix.Edition
	Rules   Rules
}

// EngineConfig is what an Engine works with. Store, Announcer and at least one server are required.
type EngineConfig struct {
	Store     Store
	Servers   []ServerConfig
	Announcer Announcer
	// Signal is woken when something that people see was stored, and wakes the engine when a wish was.
	Signal *Signal
	// Board gets what is known of each server after each step.
	Board *Board
	// Clock is the machine's where it is nil.
	Clock Clock
	// Log is silent where it is nil.
	Log logrus.FieldLogger
	// OnEvent is told what happened, once it is stored, by the goroutine that watches the server: it must not block.
	OnEvent func(Import, Event)
	// OnLook is told of each look, answered or not, by the goroutine that watches the server, before it is judged: it must
	// not block.
	OnLook func(server string, o Observation)
	// OnAlert is told of each alert once it is stored that it was raised, and again that it is over, by the goroutine that
	// watches the server: it must not block.
	OnAlert func(Alert)
	// NewID makes ids for imports that nobody started here; they sort by age. UUIDs of version 7 where it is nil.
	NewID func() string
}

// Engine is what the leader runs: for each server one loop that looks, judges what it sees, starts what was asked for
// and writes it all down. One loop does everything about one server, so that no look races a start and nobody asks
// the server more often because more people watch.
//
// The store is the truth. The loop keeps what it judged in memory only until the store has it: while the store fails
// it goes on looking (evidence that is not seen now can't be had later), starts nothing, and tries to store again
// with growing waits. Whatever dies in between, a new Engine on the same store goes on where the old one was.
type Engine struct {
	cfg EngineConfig

	mu       sync.Mutex
	troubles map[string]Trouble
}

// Trouble is work that fails at present and is tried again.
type Trouble struct {
	// Work says what: "prod: storing what was seen".
	Work  string
	Since time.Time
	Tries int
	Err   error
	// Store says that it is the database which does not give or take what a server's loop lives on.
	Store bool
}

// NewEngine returns an engine that does nothing until Run.
func NewEngine(cfg EngineConfig) *Engine {
	if cfg.Signal == nil {
		cfg.Signal = new(Signal)
	}
	if cfg.Board == nil {
		cfg.Board = new(Board)
	}
	if cfg.Clock == nil {
		cfg.Clock = SystemClock{}
	}
	if cfg.Log == nil {
		cfg.Log = silentLog()
	}
	if cfg.OnEvent == nil {
		cfg.OnEvent = func(Import, Event) {}
	}
	if cfg.OnLook == nil {
		cfg.OnLook = func(string, Observation) {}
	}
	if cfg.OnAlert == nil {
		cfg.OnAlert = func(Alert) {}
	}
	if cfg.NewID == nil {
		cfg.NewID = func() string { return uuid.Must(uuid.NewV7()).String() }
	}
	return &Engine{cfg: cfg, troubles: make(map[string]Trouble)}
}

// silentLog is for those who want none.
func silentLog() logrus.FieldLogger {
	silent := logrus.New()
	silent.SetOutput(io.Discard)
	return silent
}

// Run leads, for one term: it watches and starts until ctx ends, then returns nil; or until the lead is lost, then it
// returns ErrNotLeader. Nothing leaves for a server once the lead can't be counted on. Run returns when all its
// goroutines have, and must not be called again: a new term takes a new Engine.
//
// A run= request that is under way when ctx ends is waited for, and what came of it stored, for up to 5 s. Give the
// lead away only after Run has returned.
func (e *Engine) Run(ctx context.Context, lead Lead) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, cfg := range e.cfg.Servers {
		g.Go(func() error { return newWatcher(e, cfg, lead).run(ctx) })
	}
	g.Go(func() error { return e.finishOrphans(ctx, lead) })
	g.Go(func() error { return e.purge(ctx, lead.Epoch) })
	return g.Wait()
}

// Troubles returns the work that fails at present, sorted by name; empty when all is well.
func (e *Engine) Troubles() []Trouble {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []Trouble
	for _, t := range e.troubles {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b Trouble) int { return strings.Compare(a.Work, b.Work) })
	return all
}

// StoreTrouble is why the database does not give or take what the engine lives on, nil while it does. One whose disk is full,
// or that another program holds, still answers who only asks: so this is known to nobody else.
func (e *Engine) StoreTrouble() error {
	for _, t := range e.Troubles() {
		if t.Store {
			return t.Err
		}
	}
	return nil
}

// storeTrouble is trouble for what a server's loop has from the store.
func (e *Engine) storeTrouble(work string, err error) {
	e.trouble(work, err)
	e.mu.Lock()
	defer e.mu.Unlock()
	if t, failing := e.troubles[work]; failing {
		t.Store = true
		e.troubles[work] = t
	}
}

// trouble notes how work went. The first failure of a row is logged as a warning, the others and the recovery quietly.
func (e *Engine) trouble(work string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, failing := e.troubles[work]
	switch {
	case err != nil && !failing:
		e.troubles[work] = Trouble{Work: work, Since: e.cfg.Clock.Now().UTC(), Tries: 1, Err: err}
		e.cfg.Log.WithError(err).Warn(work + " failed; it is tried again")
	case err != nil:
		t.Tries++
		t.Err = err
		e.troubles[work] = t
		e.cfg.Log.WithError(err).WithField("tries", t.Tries).Debug(work + " failed again")
	case failing:
		delete(e.troubles, work)
		e.cfg.Log.WithField("tries", t.Tries).Info(work + " works again")
	}
}

// settle drops a trouble that is no more, because there is nothing left to try.
func (e *Engine) settle(work string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.troubles, work)
}

// sleep waits on the engine's clock; false means that ctx ended.
func (e *Engine) sleep(ctx context.Context, d time.Duration) bool {
	c, stop := e.cfg.Clock.Until(e.cfg.Clock.Now().Add(d))
	defer stop()
	select {
	case <-ctx.Done():
		return false
	case <-c:
		return true
	}
}

// purge deletes what is too old, at once and then daily.
func (e *Engine) purge(ctx context.Context, epoch Epoch) error {
	var wait backoff
	for {
		now := e.cfg.Clock.Now()
		n, err := e.cfg.Store.Purge(ctx, epoch, now.Add(-Keep))
		switch {
		case errors.Is(err, ErrNotLeader):
			return err
		case ctx.Err() != nil:
			return nil
		}
		e.trouble("deleting old imports", err)
		wait.note(err)
		if n > 0 {
			e.cfg.Log.WithField("imports", n).Infof("deleted what ended more than %d days ago", int(Keep.Hours()/24))
		}
		next := purgeEvery
		if err != nil {
			next = wait.delay()
		}
		if !e.sleep(ctx, next) {
			return nil
		}
	}
}

// finishOrphans looks after imports of servers that are not configured any more: nobody can be asked how they end, so
// they are out of sight until they are given up, and then their followers are told.
func (e *Engine) finishOrphans(ctx context.Context, lead Lead) error {
	names, ok := e.orphans(ctx)
	if !ok || len(names) == 0 {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, name := range names {
		e.cfg.Log.WithField("server", name).Warn("this server is not configured any more, and has imports that have not ended")
		cfg := ServerConfig{Name: name, Client: goneServer(name), Edition: bigfix.BFI, Rules: e.cfg.Servers[0].Rules}
		cfg.Rules.PollIdle, cfg.Rules.PollRunning = 15*time.Minute, 15*time.Minute
		cfg.Rules.AwayAfter = 0 // by their own pace
		g.Go(func() error { return newWatcher(e, cfg, lead).run(ctx) })
	}
	return g.Wait()
}

// orphans are the servers with imports that have not ended and that nobody watches.
func (e *Engine) orphans(ctx context.Context) (names []string, ok bool) {
	var wait backoff
	for {
		names, err := e.cfg.Store.ActiveServers(ctx)
		if ctx.Err() != nil {
			return nil, false
		}
		e.trouble("looking for imports of other servers", err)
		if err == nil {
			return slices.DeleteFunc(names, e.watches), len(e.cfg.Servers) > 0
		}
		wait.note(err)
		if !e.sleep(ctx, wait.delay()) {
			return nil, false
		}
	}
}

func (e *Engine) watches(name string) bool {
	return slices.ContainsFunc(e.cfg.Servers, func(s ServerConfig) bool { return s.Name == name })
}

// goneServer is the client of a server that is not configured any more.
type goneServer string

func (g goneServer) err(op string) error {
	return &bigfix.Error{Kind: bigfix.ErrUnavailable, Op: op, Unsent: true, Err: fmt.Errorf("%s is not configured any more", string(g))}
}

func (g goneServer) Status(context.Context) (bigfix.Status, error) {
	return bigfix.Status{}, g.err("status")
}

func (g goneServer) Start(_ context.Context, t bigfix.ImportType) (bigfix.Status, error) {
	return bigfix.Status{}, g.err("start " + string(t))
}

// backoff counts failures in a row.
type backoff struct{ tries int }

// note counts a failure, or forgets them all after a success.
func (b *backoff) note(err error) {
	if err == nil {
		b.tries = 0
		return
	}
	b.tries++
}

// delay is how long to wait before the next try: a second, doubled with each failure, a minute at most.
func (b *backoff) delay() time.Duration {
	d := backoffMin
	for range b.tries - 1 {
		if d *= 2; d >= backoffMax {
			return backoffMax
		}
	}
	return d
}
