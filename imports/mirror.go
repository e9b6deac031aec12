package imports

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
)

// MirrorConfig is what Mirror works with. Store and Board are required.
type MirrorConfig struct {
	Store interface {
		Server(ctx context.Context, name string) (Server, error)
		Active(ctx context.Context, server string) ([]Import, error)
	}
	Board *Board
	// Signal tells of each time that one of the servers was recorded (see ServerSignal). Without it, or where a wake-up is
	// lost, the slow look at the store is behind it.
	Signal *Signal
	// Servers are the names of those that are mirrored.
	Servers []string
	// Clock is the machine's where it is nil.
	Clock Clock
	// Log is silent where it is nil.
	Log logrus.FieldLogger
}

// ServerSignal is what a Signal is woken with in every process that does not lead when a server was recorded.
func ServerSignal(name string) string { return "server/" + name }

// Mirror keeps the Board as the store has it, on a process that does not lead: so each replica answers from memory, and
// nobody asks a server more often because more of them run. What was never recorded is not on the board. While the
// store can't be read the board stays as it is: what stands there says itself when it was seen.
//
// It returns nil when ctx ends. A Board has one writer: Mirror has to have returned when an Engine that writes on the
// same one is run.
func Mirror(ctx context.Context, cfg MirrorConfig) error {
	if cfg.Signal == nil {
		cfg.Signal = new(Signal)
	}
	if cfg.Clock == nil {
		cfg.Clock = SystemClock{}
	}
	if cfg.Log == nil {
		cfg.Log = silentLog()
	}
	var g errgroup.Group
	for _, name := range cfg.Servers {
		m := mirror{MirrorConfig: cfg, server: name}
		g.Go(func() error { m.run(ctx); return nil })
	}
	return g.Wait()
}

// mirror keeps one server's row.
type mirror struct {
	MirrorConfig
	server string
	wait   backoff
}

func (m *mirror) run(ctx context.Context) {
	changed, cancel := m.Signal.Subscribe(ServerSignal(m.server))
	defer cancel()
	for {
		next := storePoll
		if !m.refresh(ctx) {
			next = m.wait.delay()
		}
		c, stop := m.Clock.Until(m.Clock.Now().Add(next))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-c:
		}
		stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// refresh copies the row, and says whether the store could be read.
func (m *mirror) refresh(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, mirrorWithin)
	defer cancel()
	srv, active, err := m.read(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return true
	}
	log := m.Log.WithField("server", m.server)
	switch {
	case err != nil && m.wait.tries == 0:
		log.WithError(err).Warn("what the leader sees could not be read; it is tried again")
	case err == nil && m.wait.tries > 0:
		log.Info("what the leader sees can be read again")
	}
	m.wait.note(err)
	if err == nil && !srv.Last.At.IsZero() {
		m.Board.Set(srv, active)
	}
	return err == nil
}

// mirrorWithin bounds one read of a row.
const mirrorWithin = 10 * time.Second

func (m *mirror) read(ctx context.Context) (Server, []Import, error) {
	srv, err := m.Store.Server(ctx, m.server)
	if err != nil {
		return Server{}, nil, err
	}
	active, err := m.Store.Active(ctx, m.server)
	return srv, active, err
}
