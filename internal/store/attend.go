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
	// mendWithin is how long a fault that came up while running may last: a database that is being restored or a
	// standby that is about to be promoted looks like one for a while.
	mendWithin = 5 * time.Minute
	// leaveWithin is how long saying good-bye may take.
	leaveWithin = time.Second
	// retryFirst and retryMost are the pauses between two tries to connect.
	retryFirst = 250 * time.Millisecond
	retryMost  = 2 * time.Second
)

// run attends to the database, again and again.
func (p *postgres) run(ctx context.Context) error {
	pause := retryFirst
	var failing, faulty time.Time // since when
	for {
		began := time.Now()
		err := p.attend(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if worked := time.Since(began) > beatWithin; worked || failing.IsZero() {
			pause, failing, faulty = retryFirst, began, time.Time{}
			p.s.log.WithField("database", p.s.path).Warnf("%v; trying again", err)
		} else {
			p.s.log.WithField("database", p.s.path).Debugf("%v; trying again", err)
		}
		mend := new(fault)
		switch {
		case !errors.As(err, &mend):
			faulty = time.Time{}
		case faulty.IsZero():
			faulty = time.Now()
		}
		if newer := new(newerError); errors.As(err, &newer) || !faulty.IsZero() && time.Since(faulty) > mendWithin {
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
// returns the reason in words.
func (p *postgres) attend(ctx context.Context) error {
	inst, err := p.installed()
	if err != nil {
		if err := p.prepare(ctx); err != nil {
			return err
		}
		if inst, err = p.installed(); err != nil {
			return err
		}
	}
	conn, err := p.connect(ctx, listenSession)
	if err != nil {
		return p.inWords("listening to the database", err)
	}
	defer hangUp(conn)
	err = p.listen(ctx, conn, inst)
	if ctx.Err() != nil {
		p.leave()
	}
	return p.inWords("listening to the database", err)
}

// listen passes on what others tell until ctx or the connection ends, with a beat now and then.
func (p *postgres) listen(ctx context.Context, conn *pgx.Conn, inst *installation) error {
	if err := p.join(ctx, conn, inst); err != nil {
		return err
	}
	p.s.signal.Wake() // anything may have happened before we listened
	p.s.log.WithField("database", p.s.path).Debug("listening for what other replicas change")
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
