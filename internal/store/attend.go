package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// beat is how often a replica says that it lives, and looks who else does and whether it may still use the schema.
	beat = 5 * time.Second
	// beatWithin is how long a beat may take before the connection counts as cut.
	beatWithin = 5 * time.Second
	// aliveFor is how long after its last beat a replica counts as one.
	aliveFor = 30 * time.Second
	// forgetAfter is when the row of a replica that died is deleted.
	forgetAfter = 24 * time.Hour
	// leaveWithin is how long saying good-bye may take.
	leaveWithin = 2 * time.Second
	// retryFirst and retryMost are the pauses between two tries to connect.
	retryFirst = 250 * time.Millisecond
	retryMost  = 2 * time.Second
)

// run attends to the database, again and again.
func (p *postgres) run(ctx context.Context) error {
	pause := retryFirst
	var said string
	var faulty time.Time // since when a person would have to mend it
	for {
		attended, err := p.attend(ctx, said != "")
		if ctx.Err() != nil {
			return nil
		}
		if attended {
			pause, said, faulty = retryFirst, "", time.Time{}
		}
		if err.Error() != said {
			said = err.Error()
			p.s.log.WithField("database", p.s.path).Warnf("%s; trying again", said)
		}
		mend := new(fault)
		switch {
		case !errors.As(err, &mend):
			faulty = time.Time{}
		case faulty.IsZero():
			faulty = time.Now()
		}
		if newer := new(newerError); errors.As(err, &newer) || !faulty.IsZero() && time.Since(faulty) > p.pace.mend {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.closing:
			return &failure{"the store was closed", errClosed}
		case <-time.After(pause):
		}
		pause = min(2*pause, retryMost)
	}
}

// attend prepares the database where that is still to be done, and listens until ctx ends or the connection does. It
// returns whether it came to listening, and why it ended, in words.
func (p *postgres) attend(ctx context.Context, back bool) (attended bool, err error) {
	const doing = "listening to the database"
	inst, err := p.installed()
	if err != nil {
		if err := p.prepare(ctx); err != nil {
			return false, err
		}
		if inst, err = p.installed(); err != nil {
			return false, err
		}
	}
	conn, err := p.connect(ctx, listenSession)
	if err != nil {
		return false, p.inWords(doing, err)
	}
	defer hangUp(conn)
	if err := p.join(ctx, conn, inst); err != nil {
		return false, p.inWords(doing, err)
	}
	p.s.signal.Wake() // anything may have happened before we listened
	if back {
		p.s.log.WithField("database", p.s.path).Info("the database is back")
	}
	err = p.listen(ctx, conn)
	if ctx.Err() != nil {
		p.leave()
	}
	return true, p.inWords(doing, err)
}

// listen passes on what others tell until ctx or the connection ends, with a beat now and then.
func (p *postgres) listen(ctx context.Context, conn *pgx.Conn) error {
	next := time.Now().Add(beat)
	for {
		until, cancel := context.WithDeadline(ctx, next)
		told, err := conn.WaitForNotification(until)
		cancel()
		switch {
		case err == nil:
			p.hear(told.Payload)
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().Before(next):
			return err
		default:
			if err := p.beat(ctx, conn); err != nil {
				return err
			}
			next = time.Now().Add(beat)
		}
	}
}

// join begins to listen, and tells the others that there is one more to share with.
func (p *postgres) join(ctx context.Context, conn *pgx.Conn, inst *installation) error {
	within, cancel := context.WithTimeout(ctx, beatWithin)
	defer cancel()
	if _, err := conn.Exec(within, `LISTEN `+inst.news); err != nil { // made of letters, digits and _
		return err
	}
	return p.beat(ctx, conn)
}

// clock is the database's, by which replicas are compared whose own clocks differ: Unix milliseconds.
const clock = `CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)`

// beat says that this replica lives, counts those that do, and looks whether this program may still use the schema.
func (p *postgres) beat(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, beatWithin)
	defer cancel()
	_, err := conn.Exec(ctx, `
		INSERT INTO replicas (id, name, version, since, seen) VALUES ($1, $2, $3, `+clock+`, `+clock+`)
		ON CONFLICT (id) DO UPDATE SET seen = excluded.seen`, p.s.id, p.s.name, p.s.version)
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `DELETE FROM replicas WHERE seen < `+clock+` - $1::bigint`, forgetAfter.Milliseconds()); err != nil {
		return err
	}
	var live int32
	var oldest, have int64
	err = conn.QueryRow(ctx, `
		SELECT (SELECT COUNT(*) FROM replicas WHERE seen > `+clock+` - $1::bigint),
			(SELECT oldest FROM compat WHERE id = 1),
			(SELECT MAX(version_id) FROM goose_db_version)`, aliveFor.Milliseconds()).Scan(&live, &oldest, &have)
	if err != nil {
		return err
	}
	p.live.Store(live)
	if oldest > p.know {
		return &newerError{have, p.know, oldest}
	}
	return nil
}

// leave takes this replica from the list, so that the others know at their next beat. It counts no more after 30 s
// anyway. It asks on a connection of the pool: the end may have come in the middle of a question on the one that
// listened, which is broken by that.
func (p *postgres) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveWithin)
	defer cancel()
	if _, err := p.s.write.ExecContext(ctx, `DELETE FROM replicas WHERE id = $1`, p.s.id); err != nil {
		p.s.log.WithField("database", p.s.path).Debugf("leaving: %v", p.inWords("leaving the database", err))
	}
}

func (p *postgres) replicas(ctx context.Context) (found []Replica, err error) {
	rows, err := p.s.read.QueryContext(ctx, `
		SELECT name, version, since, seen FROM replicas WHERE seen > `+clock+` - $1::bigint ORDER BY since, id`, aliveFor.Milliseconds())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r Replica
		var since, seen int64
		if err := rows.Scan(&r.Name, &r.Version, &since, &seen); err != nil {
			return nil, err
		}
		r.Since, r.Seen = fromMillis(since), fromMillis(seen)
		found = append(found, r)
	}
	return found, rows.Err()
}
