package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"importbot/imports"
)

// Why a term is over.
var (
	errReleased = errors.New("it was given away")
	errReplaced = errors.New("it was taken again by this process")
	errClosed   = errors.New("the store was closed")
)

// Lead is one term of leading. It goes on until Done is closed: lost, given away, or closed with its store.
type Lead struct {
	epoch imports.Epoch
	held  func() error // nil on SQLite: the file is this process's as long as it lives
	give  func(ctx context.Context) error
	done  chan struct{}

	once sync.Once
	why  error // set before done is closed
}

func newLead(epoch imports.Epoch) *Lead {
	return &Lead{epoch: epoch, done: make(chan struct{})}
}

// end closes Done, the first time with the reason.
func (l *Lead) end(why error) {
	l.once.Do(func() {
		l.why = why
		close(l.done)
	})
}

// over is the reason for which Done is closed, nil as long as it is not.
func (l *Lead) over() error {
	select {
	case <-l.done:
		return l.why
	default:
		return nil
	}
}

// Lead is what the reconcilers of this term carry.
func (l *Lead) Lead() imports.Lead { return imports.Lead{Epoch: l.epoch, Held: l.held} }

// Done is closed when this process leads no more. What was started for the term has to stop then; what it still writes
// is refused.
func (l *Lead) Done() <-chan struct{} { return l.done }

// Release gives the lead to whoever waits for it, at once. The reconcilers of the term must have ended before. A lead
// that is lost already is released without error.
func (l *Lead) Release(ctx context.Context) error { return l.give(ctx) }

// Lead waits until this process leads: until ctx ends, and through any failure of the database. On SQLite whoever
// holds the file may lead, at once.
//
// On PostgreSQL the leader holds a session advisory lock on a connection of its own, which the server gives free when
// that process or its connection dies, and after 20 s in which nothing was heard of it. Held of the term says no from
// 12 s after the last time the server is known to have heard of it, so that it is over before another one begins,
// however a process was frozen or cut off.
func (s *Store) Lead(ctx context.Context) (*Lead, error) {
	term, err := s.dialect.lead(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	before := s.term
	s.term = term
	s.mu.Unlock()
	if before != nil {
		before.end(errReplaced)
	}
	s.log.WithField("epoch", term.epoch).Info("this process leads")
	return term, nil
}

// current is the last term that was taken here, nil where none was.
func (s *Store) current() *Lead {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.term
}

// raiseEpoch begins the next epoch, at the time $1, with the replica $2, called $3, as its leader, in the run $4 of the
// database server.
const raiseEpoch = `
	UPDATE lead SET epoch = epoch + 1, taken_at = $1, holder = $2, holder_name = $3, run = $4 WHERE id = 1 RETURNING epoch`

// Leader is who leads.
type Leader struct {
	Name  string        // of the replica that leads or did last; "" where none ever did, or the last one gave it away
	Epoch imports.Epoch // 0 where none ever led
	Since time.Time     // by the leader's clock
	Held  bool          // whether it leads now, as far as the database can tell
}

// Leader returns who leads.
func (s *Store) Leader(ctx context.Context) (Leader, error) {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	const doing = "reading who leads"
	var l Leader
	var since int64
	err := s.read.QueryRowContext(ctx, `SELECT holder_name, epoch, taken_at FROM lead WHERE id = 1`).Scan(&l.Name, &l.Epoch, &since)
	if err != nil {
		return Leader{}, s.explain(doing, err)
	}
	l.Since = fromMillis(since)
	if l.Held, err = s.dialect.held(ctx); err != nil {
		return Leader{}, s.explain(doing, err)
	}
	return l, nil
}

// Replica is a process that uses this database.
type Replica struct {
	Name, Version string
	Since, Seen   time.Time // by the database's clock
}

// Replicas returns the processes that use this database now, the oldest first: those which said so in the last 30 s.
func (s *Store) Replicas(ctx context.Context) ([]Replica, error) {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	found, err := s.dialect.replicas(ctx)
	return found, s.explain("reading the replicas", err)
}

// Shares is how many processes use this database, as last read; 1 at least. Slack's limits are shared by so many.
func (s *Store) Shares() int { return s.dialect.shares() }

// notLeading is what Held says once a term is over.
func notLeading(why error) error { return fmt.Errorf("%w: %w", imports.ErrNotLeader, why) }
