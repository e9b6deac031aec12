package imports_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/imports"
	"importbot/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is a time at which nothing is scheduled.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// patience is how long a test waits for what must happen at once.
const patience = 20 * time.Second

// rig is the real engine on a real database file, asking a simulated server over HTTP. Time passes only when the test
// moves the clock.
type rig struct {
	t      *testing.T
	clock  *bigfixtest.Clock
	server *bigfixtest.Server
	path   string
	store  *store.Store
	cards  *cards
	signal *imports.Signal
	board  *imports.Board
	rules  imports.Rules
	intake *imports.Intake
	step   time.Duration                       // in which time passes
	heard  func(imports.Import, imports.Event) // by all engines
}

// newRig makes a world of its own, whose test runs beside those of the others: most of what they do is wait for the disk.
func newRig(t *testing.T, opts ...bigfixtest.Option) *rig {
	t.Helper()
	t.Parallel()
	clock := bigfixtest.NewClock(noon)
	r := &rig{
		t: t, clock: clock, path: filepath.Join(t.TempDir(), "importbot.db"),
		server: bigfixtest.NewServer(append([]bigfixtest.Option{bigfixtest.WithClock(clock)}, opts...)...),
		step:   5 * time.Second, cards: new(cards), signal: new(imports.Signal), board: new(imports.Board),
	}
	t.Cleanup(r.server.Close)
	r.install()
	r.open()
	t.Cleanup(func() { _ = r.store.Close() })
	return r
}

// installed is a database as the first start leaves it, without anything in it. That start, which every one of these tests would
// otherwise make, is what the tests of store are about.
var installed = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "importbot-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "importbot.db")
	s, err := store.Open(context.Background(), path, store.Options{})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// install puts a new database into place.
func (r *rig) install() {
	r.t.Helper()
	file, err := installed()
	if err == nil {
		err = os.WriteFile(r.path, file, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// open opens the database, as a new process does.
func (r *rig) open() {
	r.t.Helper()
	s, err := store.Open(r.t.Context(), r.path, store.Options{Now: r.clock.Now})
	if err != nil {
		r.t.Fatal(err)
	}
	r.store = s
	r.intake = imports.NewIntake(s, r.signal, r.clock)
}

// client asks the simulated server.
func (r *rig) client() *bigfix.Client { return r.clientWith(r.server.Config()) }

func (r *rig) clientWith(cfg bigfix.Config) *bigfix.Client {
	r.t.Helper()
	c, err := bigfix.New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

// config is that of an engine with one server, "prod".
func (r *rig) config() imports.EngineConfig {
	return imports.EngineConfig{
		Store: r.store, Announcer: r.cards, Signal: r.signal, Board: r.board, Clock: r.clock, OnEvent: r.heard,
		Servers: []imports.ServerConfig{{Name: "prod", Client: r.client(), Edition: bigfix.BFI, Rules: r.rules}},
	}
}

// running is an engine at work.
type running struct {
	*imports.Engine
	stop   func() error    // ends it and returns what Run returned
	ending <-chan struct{} // it was told to end
	done   <-chan struct{}
}

// run takes the lead and runs an engine until the test ends or stops it. It returns when everything in it waits.
func (r *rig) run(cfg imports.EngineConfig) *running {
	r.t.Helper()
	lead, err := r.store.Lead(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	e := r.runAs(cfg, lead.Lead())
	r.rest(cfg)
	return e
}

// runAs runs an engine for that term, and does not wait.
func (r *rig) runAs(cfg imports.EngineConfig, lead imports.Lead) *running {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	e := imports.NewEngine(cfg)
	var err error
	go func() {
		defer close(done)
		err = e.Run(ctx, lead)
	}()
	stop := func() error {
		cancel()
		select {
		case <-done:
			return err
		case <-time.After(patience):
			return errors.New("the engine does not end")
		}
	}
	r.t.Cleanup(func() { _ = stop() })
	return &running{Engine: e, stop: stop, ending: ctx.Done(), done: done}
}

// rest waits until the engine waits for the clock: one loop a server, and the one that deletes.
func (r *rig) rest(cfg imports.EngineConfig) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if err := r.clock.Await(ctx, len(cfg.Servers)+1); err != nil {
		r.t.Fatal(err)
	}
}

// ask types a command.
func (r *rig) ask(key string, kind bigfix.ImportType) imports.Import {
	r.t.Helper()
	imp, _, err := r.intake.Start(r.t.Context(), imports.Wish{Server: "prod", Type: kind, UserID: "U" + key, ChannelID: "C1", Key: key})
	if err != nil {
		r.t.Fatal(err)
	}
	return imp
}

// stored is an import as the database has it.
func (r *rig) stored(id string) imports.Import {
	r.t.Helper()
	imp, err := r.store.Import(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return imp
}

// active are the imports that have not ended, as the database has them.
func (r *rig) active() []imports.Import {
	r.t.Helper()
	list, err := r.store.Active(r.t.Context(), "prod")
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// soon waits for something that needs no time to pass on the clock.
func (r *rig) soon(what string, holds func() bool) {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// pass lets time pass, in steps, with everything at rest before each.
func (r *rig) pass(cfg imports.EngineConfig, d time.Duration) {
	r.t.Helper()
	for passed := time.Duration(0); passed < d; passed += r.step {
		r.clock.Advance(min(r.step, d-passed))
		r.rest(cfg)
	}
}

// until lets time pass until something holds.
func (r *rig) until(cfg imports.EngineConfig, within time.Duration, what string, holds func() bool) {
	r.t.Helper()
	for end := r.clock.Now().Add(within); !holds(); r.pass(cfg, r.step) {
		if r.clock.Now().After(end) {
			r.t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// ended lets time pass until an import has ended.
func (r *rig) ended(cfg imports.EngineConfig, id string) imports.Import {
	r.t.Helper()
	r.until(cfg, 30*time.Hour, "the end of "+id, func() bool { return r.stored(id).State == imports.Ended })
	return r.stored(id)
}

// looks counts the requests without run=.
func (r *rig) looks() int { return len(r.server.Journal().Requests) - len(r.server.Journal().Runs()) }

// runs counts the requests with run=.
func (r *rig) runs() int { return len(r.server.Journal().Runs()) }

// cards is an announcer that remembers what it put up, and fails when it is told to.
type cards struct {
	mu   sync.Mutex
	fail error
	up   []string
}

func (c *cards) Announce(_ context.Context, imp imports.Import) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return c.fail
	}
	if !slices.Contains(c.up, imp.ID) {
		c.up = append(c.up, imp.ID)
	}
	return nil
}

func (c *cards) failWith(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = err
}

// grave swallows everything an engine does once it died: for the rest of the world that is a kill -9 at that point.
// The goroutines live on until the test stops them, but nothing they do has any effect.
type grave struct {
	at   atomic.Pointer[string]
	dead atomic.Bool
}

var errDead = errors.New("this process is dead")

// pass goes by a point at which the process may die.
func (g *grave) pass(point string) {
	if at := g.at.Load(); at != nil && *at == point {
		g.dead.Store(true)
	}
}

func (g *grave) gone() bool { return g.dead.Load() }

// fate meets an engine at the points around a start.
type fate interface {
	pass(point string)
	gone() bool // nothing it does has any effect any more
}

// mortal makes an engine that meets its fate.
func mortal(cfg imports.EngineConfig, g fate) imports.EngineConfig {
	cfg.Store = mortalStore{cfg.Store, g}
	cfg.Announcer = mortalAnnouncer{cfg.Announcer, g}
	cfg.Servers = slices.Clone(cfg.Servers)
	for i := range cfg.Servers {
		cfg.Servers[i].Client = mortalClient{cfg.Servers[i].Client, g}
	}
	return cfg
}

type mortalStore struct {
	imports.Store
	g fate
}

func (m mortalStore) Record(ctx context.Context, epoch imports.Epoch, srv imports.Server, imps []imports.Import) error {
	if m.g.gone() {
		return errDead
	}
	err := m.Store.Record(ctx, epoch, srv, imps)
	for _, imp := range imps {
		m.g.pass("stored as " + string(imp.State))
	}
	return err
}

func (m mortalStore) Follow(ctx context.Context, id, user string, direct bool, at time.Time) error {
	if m.g.gone() {
		return errDead
	}
	return m.Store.Follow(ctx, id, user, direct, at)
}

func (m mortalStore) Change(ctx context.Context, epoch imports.Epoch, imp imports.Import, from imports.State) (bool, error) {
	if m.g.gone() {
		return false, errDead
	}
	m.g.pass("changing from " + string(from))
	if m.g.gone() {
		return false, errDead
	}
	changed, err := m.Store.Change(ctx, epoch, imp, from)
	m.g.pass("changed to " + string(imp.State))
	return changed, err
}

func (m mortalStore) Purge(ctx context.Context, epoch imports.Epoch, before time.Time) (int64, error) {
	if m.g.gone() {
		return 0, errDead
	}
	return m.Store.Purge(ctx, epoch, before)
}

type mortalAnnouncer struct {
	imports.Announcer
	g fate
}

func (m mortalAnnouncer) Announce(ctx context.Context, imp imports.Import) error {
	if m.g.gone() {
		return errDead
	}
	err := m.Announcer.Announce(ctx, imp)
	m.g.pass("announced")
	return err
}

type mortalClient struct {
	imports.Client
	g fate
}

func (m mortalClient) Status(ctx context.Context) (bigfix.Status, error) {
	if m.g.gone() {
		return bigfix.Status{}, errDead
	}
	st, err := m.Client.Status(ctx)
	m.g.pass("looked")
	return st, err
}

func (m mortalClient) Start(ctx context.Context, t bigfix.ImportType) (bigfix.Status, error) {
	if m.g.gone() {
		return bigfix.Status{}, errDead
	}
	st, err := m.Client.Start(ctx, t)
	m.g.pass("answered")
	return st, err
}

// failing is a store whose writes fail for as long as it is told to.
type failing struct {
	imports.Store
	broken atomic.Bool
	mu     sync.Mutex
	tries  []time.Time
	now    func() time.Time
}

var errFull = errors.New("the disk is full")

func (f *failing) Record(ctx context.Context, epoch imports.Epoch, srv imports.Server, imps []imports.Import) error {
	if !f.broken.Load() {
		return f.Store.Record(ctx, epoch, srv, imps)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries = append(f.tries, f.now())
	return errFull
}
