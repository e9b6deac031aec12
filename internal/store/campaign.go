package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"importbot/imports"
)

// pace are the times of PostgreSQL that tests can't wait for. Those of leading fit together: a leader that hears nothing says that it does not
// lead any more (held) before the server ends its session (idle), and asks often enough (ping) that one slow answer
// costs it nothing.
type pace struct {
	idle   time.Duration // after which the server ends the session that holds the lock
	held   time.Duration // how long after the last answer a leader counts on leading
	ping   time.Duration // how often it asks
	answer time.Duration // how long an answer may take
	try    time.Duration // how often the lock is tried, besides at once when a leader gives it away
	// outlive is how long a new leader waits where it can't know that the one before it has been told of its end.
	outlive time.Duration
	// mend is how long a fault that came up while running may last before Run ends: a database that is being restored
	// or a password that is being changed looks like one for a while.
	mend time.Duration
}

var usualPace = pace{
	idle: 20 * time.Second, held: 12 * time.Second, ping: 3 * time.Second, answer: 5 * time.Second, try: time.Second, outlive: 13 * time.Second,
	mend: 5 * time.Minute,
}

// session are the settings of a session that holds the lead or waits for it.
func (p pace) session() string {
	return fmt.Sprintf(`%s; SET lock_timeout = '15s'; SET statement_timeout = '15s'; SET idle_session_timeout = '%dms'`, anySession, p.idle.Milliseconds())
}

// giveWithin is how long giving the lead away may take.
const giveWithin = 2 * time.Second

// errUnheard is why a term is over whose pings had no answer in time, or whose process was frozen.
var errUnheard = errors.New("the database has not answered for too long, or this process stood still")

// handover is a lead that was not given away, and whose server runs no more: a restart or a failover ended the
// holder's session, not the holder. It may count on leading a little longer.
type handover struct {
	epoch imports.Epoch
	run   string // the server's now
	seen  time.Time
}

// lead waits until this process holds the lock.
func (p *postgres) lead(ctx context.Context) (*Lead, error) {
	said := ""
	for {
		term, err := p.campaign(ctx)
		if term != nil {
			return term, nil
		}
		select {
		case <-p.closing:
			return nil, &failure{"taking the lead: the store was closed", errClosed}
		default:
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("taking the lead: %w", ctx.Err())
		}
		if err = p.inWords("taking the lead", err); err.Error() != said {
			said = err.Error()
			p.s.log.Debugf("%s; trying again", said)
		}
		select {
		case <-ctx.Done():
		case <-p.closing:
		case <-time.After(p.pace.try):
		}
	}
}

// campaign tries for the lead on one connection, until it has it or the connection ends.
func (p *postgres) campaign(ctx context.Context) (*Lead, error) {
	inst, err := p.installed()
	if err != nil {
		return nil, err
	}
	conn, err := p.connect(ctx, p.pace.session())
	if err != nil {
		return nil, err
	}
	if err := within(ctx, p.pace.answer, func(ctx context.Context) error {
		_, err := conn.Exec(ctx, `LISTEN `+inst.free)
		return err
	}); err != nil {
		hangUp(conn)
		return nil, err
	}
	for {
		term, err := p.try(ctx, conn, inst)
		if err != nil {
			hangUp(conn)
			return nil, err
		}
		if term != nil {
			return term, nil
		}
		err = within(ctx, p.pace.try, func(ctx context.Context) error {
			_, err := conn.WaitForNotification(ctx)
			return err
		})
		if err != nil && !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil || p.isClosing() {
			hangUp(conn)
			return nil, err
		}
	}
}

func (p *postgres) isClosing() bool {
	select {
	case <-p.closing:
		return true
	default:
		return false
	}
}

// within runs f for so long at most.
func within(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}

// takeWithin is how long raising the epoch may take: longer than the server lets a leader that was frozen in the
// middle of a write keep the row.
const takeWithin = 20 * time.Second

// try takes the lock if it is free, and the lead with it. nil, nil: not now.
func (p *postgres) try(ctx context.Context, conn *pgx.Conn, inst *installation) (*Lead, error) {
	var got bool
	err := within(ctx, p.pace.answer, func(ctx context.Context) error {
		wait, _, err := p.mustWait(ctx, conn, ``)
		if err != nil || wait {
			return err
		}
		return conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, inst.lock).Scan(&got)
	})
	if err != nil || !got {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, takeWithin)
	defer cancel()
	epoch, heard, err := p.take(ctx, conn)
	if err != nil {
		return nil, err
	}
	if epoch == 0 {
		_, err := conn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, inst.lock)
		return nil, err
	}
	return p.begin(conn, inst, epoch, heard)
}

// take raises the epoch, on the connection that holds the lock, so that it can't be raised by one that has lost it. 0:
// somebody else led and was cut off between our look and our lock. The term counts from the moment that the server is
// known to have heard this process after.
func (p *postgres) take(ctx context.Context, conn *pgx.Conn) (epoch imports.Epoch, heard time.Time, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		wait, run, err := p.mustWait(ctx, tx, `FOR UPDATE`)
		if err != nil || wait {
			return err
		}
		heard = time.Now()
		return tx.QueryRow(ctx, raiseEpoch, millis(p.s.now()), p.s.id, p.s.name, run).Scan(&epoch)
	})
	return epoch, heard, err
}

// thisRun names one run of the server: it differs after a restart, after a failover, and, by the counters that are
// reset then, after a crash of one backend that ended all others too.
const thisRun = `(SELECT CAST(EXTRACT(EPOCH FROM pg_postmaster_start_time()) AS TEXT) || ' ' ||
	COALESCE(CAST(EXTRACT(EPOCH FROM stats_reset) AS TEXT), '') FROM pg_stat_bgwriter)`

// mustWait says whether the last leader may still count on leading although its lock is gone: when the server ended
// its session, and not the other way round. A process that died, was silent for 20 s, or gave the lead away can't.
func (p *postgres) mustWait(ctx context.Context, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, lock string) (wait bool, run string, err error) {
	var epoch imports.Epoch
	var holder, then string
	err = db.QueryRow(ctx, `SELECT epoch, holder, run, `+thisRun+` FROM lead WHERE id = 1 `+lock).Scan(&epoch, &holder, &then, &run)
	if err != nil {
		return false, "", err
	}
	if holder == "" || holder == p.s.id || then == run {
		return false, run, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.passed.epoch != epoch || p.passed.run != run {
		p.passed = handover{epoch, run, time.Now()}
		p.s.log.WithField("epoch", epoch).Infof("the database was restarted while another replica led; waiting %s for that one to notice", p.pace.outlive)
	}
	return time.Since(p.passed.seen) < p.pace.outlive, run, nil
}

// tenure is a term on PostgreSQL, kept by a goroutine that owns the connection with the lock.
type tenure struct {
	*Lead
	p       *postgres
	conn    *pgx.Conn
	inst    *installation
	now     func() time.Time
	stopped chan struct{} // closed when the keeper has ended

	mu    sync.Mutex
	heard time.Time // when the last ping that was answered began
	err   error     // of giving it away
}

// begin starts the keeper of a new term.
func (p *postgres) begin(conn *pgx.Conn, inst *installation, epoch imports.Epoch, heard time.Time) (*Lead, error) {
	t := &tenure{Lead: newLead(epoch), p: p, conn: conn, inst: inst, now: time.Now, stopped: make(chan struct{}), heard: heard}
	t.held, t.give = t.stillHeld, t.giveAway
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isClosing() {
		return nil, errClosed
	}
	keeping, stop := context.WithCancel(context.Background())
	waiting, hurry := context.WithCancel(keeping)
	p.keepers.Go(func() {
		defer close(t.stopped)
		defer hangUp(conn)
		defer stop()
		t.keep(keeping, waiting)
	})
	p.keepers.Go(func() { // whoever ends the term ends the keeper
		defer hurry()
		select {
		case <-t.done:
		case <-p.closing:
			t.end(errClosed)
		}
		if t.over() != errReleased {
			stop()
		}
	})
	return t.Lead, nil
}

// stillHeld is Held of the term. It asks nobody: it compares the time since the server last heard of this process, by
// the clock that goes on while a process is frozen and by the one that goes on while a machine sleeps.
func (t *tenure) stillHeld() error {
	if why := t.over(); why != nil {
		return notLeading(why)
	}
	if t.unheardFor() > t.p.pace.held {
		t.lose(errUnheard)
		return notLeading(errUnheard)
	}
	return nil
}

func (t *tenure) unheardFor() time.Duration {
	t.mu.Lock()
	heard := t.heard
	t.mu.Unlock()
	now := t.now()
	return max(now.Sub(heard), now.Round(0).Sub(heard.Round(0)))
}

// lose ends the term for good, and logs why.
func (t *tenure) lose(why error) {
	t.once.Do(func() {
		t.why = why
		close(t.done)
		t.p.s.log.WithField("epoch", t.epoch).Warnf("this process leads no more: %v", why)
	})
}

// keep holds the lock until the term or the connection ends. Between the pings it reads, so that a connection which
// the server closes is noticed at once; waiting ends where the lead is to be given away, and only that.
func (t *tenure) keep(ctx, waiting context.Context) {
	next := time.Now().Add(t.p.pace.ping)
	for {
		until, cancel := context.WithDeadline(waiting, next)
		_, err := t.conn.WaitForNotification(until)
		cancel()
		switch {
		case waiting.Err() != nil:
			t.settle()
			return
		case err == nil: // news of the lead, which are for those who wait for it
			continue
		case time.Now().Before(next):
			t.lose(t.p.inWords("holding the lead", err))
			return
		}
		asked := t.now()
		if err := t.ping(ctx); err != nil {
			t.lose(t.p.inWords("holding the lead", err))
			return
		}
		t.mu.Lock()
		t.heard = asked
		t.mu.Unlock()
		next = time.Now().Add(t.p.pace.ping)
	}
}

// errTaken is a lock that this session does not hold any more, or an epoch that is another's: a pooler that was not
// recognised, or somebody's hand in the table.
var errTaken = errors.New("another replica took the lead")

// lockHeld finds the advisory lock with the key $1 in this database.
const lockHeld = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
	AND ((classid::bigint << 32) | objid::bigint) = $1`

// ping asks whether this session still holds the lock and this replica the epoch.
func (t *tenure) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.p.pace.answer)
	defer cancel()
	var mine bool
	err := t.conn.QueryRow(ctx, `
		SELECT epoch = $2 AND holder = $3 AND EXISTS (`+lockHeld+` AND pid = pg_backend_pid()) FROM lead WHERE id = 1`,
		t.inst.lock, int64(t.epoch), t.p.s.id).Scan(&mine)
	if err == nil && !mine {
		return &failure{errTaken.Error(), errTaken}
	}
	return err
}

// giveAway is Release of the term.
func (t *tenure) giveAway(ctx context.Context) error {
	t.end(errReleased) // from here on Held says no
	select {
	case <-t.stopped:
	case <-ctx.Done():
		return fmt.Errorf("giving the lead away: %w", ctx.Err())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// settle is the keeper's last act in a term that was ended from here. The row first, in one transaction with the lock
// and the news: whoever is woken finds both.
func (t *tenure) settle() {
	if t.over() != errReleased {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), giveWithin)
	defer cancel()
	err := pgx.BeginFunc(ctx, t.conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE lead SET holder = '', holder_name = '' WHERE id = 1 AND epoch = $1 AND holder = $2`, int64(t.epoch), t.p.s.id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT pg_notify($1, '')`, t.inst.free); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `SELECT pg_advisory_unlock($1)`, t.inst.lock)
		return err
	})
	if err != nil {
		err = t.p.inWords("giving the lead away", err)
	} else {
		t.p.s.log.WithField("epoch", t.epoch).Info("this process gave the lead away")
	}
	t.mu.Lock()
	t.err = err
	t.mu.Unlock()
}

// held says whether any session holds the lock.
func (p *postgres) held(ctx context.Context) (bool, error) {
	inst, err := p.installed()
	if err != nil {
		return false, err
	}
	var held bool
	err = p.s.read.QueryRowContext(ctx, `SELECT EXISTS (`+lockHeld+`)`, inst.lock).Scan(&held)
	return held, err
}
