package store

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// probes is how often two sessions are compared: a pooler that deals out its connections in turn may give each of two
// clients what it gave it before, by chance.
const probes = 4

// probe finds out what stands between this program and PostgreSQL: nothing, a pooler that gives each client a session
// of its own, which is fine, or one that shares sessions (PgBouncer's pool_mode transaction or statement), on which no
// lock that belongs to a session can be held and nothing can be listened for.
//
// A pooler shows in the process id that the protocol announced, which is not that of the backend. Whether it shares is
// seen in the backends: one client's changes from statement to statement, or is the same as the other's while that one
// is in the middle of a transaction.
func (p *postgres) probe(ctx context.Context, a *pgconn.PgConn) (pooled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	b, err := pgconn.ConnectConfig(ctx, &p.cfg.Copy().Config)
	if errors.Is(err, context.DeadlineExceeded) {
		return false, errNoSecond
	}
	if err != nil {
		return false, err
	}
	defer hangUp(b)
	for range probes {
		shared, err := p.compare(ctx, a, b)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return false, errNoSecond
		case err != nil:
			return false, err
		case shared:
			return false, newFault(nil, "%s is a connection pooler that shares sessions between clients (PgBouncer: pool_mode = transaction): use session mode for this database, or connect to PostgreSQL itself", p.s.path)
		}
	}
	pid, err := backend(ctx, a)
	return pid != a.PID(), err
}

// errNoSecond is a server, or rather a pooler, that lets one client wait for another.
var errNoSecond = errors.New("a second connection gets no answer while a first one is open: each replica needs up to 8 at once (PgBouncer: default_pool_size)")

func (p *postgres) compare(ctx context.Context, a, b *pgconn.PgConn) (shared bool, err error) {
	before, err := backend(ctx, a)
	if err != nil {
		return false, err
	}
	if err := b.Exec(ctx, `BEGIN`).Close(); err != nil {
		var pe *pgconn.PgError
		if errors.As(err, &pe) && strings.Contains(pe.Message, "statement pooling") {
			return true, nil
		}
		return false, err
	}
	other, err := backend(ctx, b)
	if err != nil || other == before {
		return err == nil, err
	}
	after, err := backend(ctx, a)
	if err != nil || after != before {
		return err == nil, err
	}
	return false, b.Exec(ctx, `COMMIT`).Close()
}

// backend is the process that serves a connection right now.
func backend(ctx context.Context, conn *pgconn.PgConn) (uint32, error) {
	row, err := one(ctx, conn, `SELECT pg_backend_pid()`)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.ParseUint(row[0], 10, 32)
	return uint32(pid), err
}
