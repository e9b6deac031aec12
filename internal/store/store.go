// Package store keeps what Importbot knows in a database, through database/sql: imports, those who follow them, the
// servers, what was shown of each import, and who leads.
//
// The store is the truth. Whatever a process was doing when it died, the next one reads the store and goes on:
//
//	s, err := store.Open(ctx, "importbot.db", store.Options{Log: log})
//	if err != nil {
//		return err // says in words what to do: the file is held by another process, the disk is full, …
//	}
//	defer s.Close()
//	epoch, err := s.Lead(ctx)
//	…
//	engine.Run(ctx, epoch)
//
// One process leads, and taking the lead raises the epoch. Record, SaveThread and Purge, the writes of reconcilers,
// carry the epoch they were given and fail with imports.ErrNotLeader once it is not the store's any more. Accept,
// Follow and Answered need none: they are what any replica writes down for the leader to find.
//
// The SQL is the same for SQLite and PostgreSQL ($1 placeholders, TEXT and BIGINT, ON CONFLICT, RETURNING). What
// differs (opening, locking, pools, the words for errors) stands in sqlite.go.
package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/imports"
)

// never is the due of a thread with nothing to do.
const never = math.MaxInt64

// Store is an open database. It is safe for concurrent use.
type Store struct {
	path  string
	write *sql.DB // one connection: writes queue in this process instead of failing in the file
	read  *sql.DB
	close func() error // what the dialect has to give back at the end: the file lock
	now   func() time.Time
	log   logrus.FieldLogger
}

var _ imports.Store = (*Store)(nil)

// Options are the parts that tests replace; the zero value is right for everybody else.
type Options struct {
	// Log gets the place of the database at start. Nil is silence.
	Log logrus.FieldLogger
	// Now is the clock that due work is compared with; nil is time.Now.
	Now func() time.Time
}

// Open opens the database and brings its schema up to date. databaseURL is the path of an SQLite file, which is made
// where there is none; its directory must exist. The error says in words what is wrong and what can be done.
func Open(ctx context.Context, databaseURL string, opts Options) (*Store, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		opts.Log = silent
	}
	scheme, _, isURL := strings.Cut(databaseURL, "://")
	switch {
	case databaseURL == "":
		return nil, errors.New("no database: set DATABASE_URL to the path of a file, such as importbot.db")
	case isURL && (scheme == "postgres" || scheme == "postgresql"):
		return nil, errors.New("this version of Importbot keeps its state in an SQLite file only: set DATABASE_URL to a path, such as importbot.db")
	case isURL || strings.HasPrefix(databaseURL, "file:") || strings.HasPrefix(databaseURL, ":memory:"):
		return nil, errors.New("DATABASE_URL must be the path of a file, such as importbot.db or /var/lib/importbot/importbot.db")
	}
	s, err := openSQLite(ctx, databaseURL, opts)
	if err != nil {
		return nil, err
	}
	version, err := migrate(ctx, s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.log.WithFields(logrus.Fields{"path": s.path, "schema": version}).Info("database opened")
	return s, nil
}

// Path is the absolute path of the database file.
func (s *Store) Path() string { return s.path }

// Close gives the database back. Calls that are under way fail.
func (s *Store) Close() error {
	return errors.Join(s.read.Close(), s.write.Close(), s.close())
}

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var epoch int64
	err := s.read.QueryRowContext(ctx, `SELECT epoch FROM lead WHERE id = 1`).Scan(&epoch)
	return s.explain("asking the database", err)
}

// Lead takes the lead: it raises the epoch, and from then on writes with an earlier one are refused. On SQLite whoever
// holds the file may lead.
func (s *Store) Lead(ctx context.Context) (imports.Epoch, error) {
	var epoch imports.Epoch
	err := s.write.QueryRowContext(ctx,
		`UPDATE lead SET epoch = epoch + 1, taken_at = $1 WHERE id = 1 RETURNING epoch`, millis(s.now())).Scan(&epoch)
	if err != nil {
		return 0, s.explain("taking the lead", err)
	}
	s.log.WithField("epoch", epoch).Info("this process leads")
	return epoch, nil
}

// inTx runs f in one write transaction.
func (s *Store) inTx(ctx context.Context, doing string, f func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.explain(doing, err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // the first error says what went wrong
		return s.explain(doing, err)
	}
	return s.explain(doing, tx.Commit())
}

// guard makes a transaction that of the leader or of nobody. It locks the row, so that a write of the leader before
// is either seen by the one that takes the lead, or refused.
func guard(ctx context.Context, tx *sql.Tx, epoch imports.Epoch) error {
	res, err := tx.ExecContext(ctx, `UPDATE lead SET epoch = epoch WHERE id = 1 AND epoch = $1`, int64(epoch))
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		return imports.ErrNotLeader
	}
	return nil
}

// millis is how times stand in columns: Unix milliseconds, 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// fromMillis is the time of a column.
func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// nullable is NULL for the empty string, so that UNIQUE lets several of them be.
func nullable(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// encode makes the body of a row.
func encode(what string, v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encoding %s: %w", what, err)
	}
	return string(b), nil
}
