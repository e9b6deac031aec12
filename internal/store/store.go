// Package store keeps what Importbot knows in a database, through database/sql: imports, those who follow them, the
// servers, what was shown of each import, who asked for what, and who leads.
//
// The store is the truth. Whatever a process was doing when it died, the next one reads the store and goes on:
//
//	s, err := store.Open(ctx, "importbot.db", store.Options{Log: log})
//	if err != nil {
//		return err // says in words what to do: the file is held by another process, the password is wrong, …
//	}
//	defer s.Close()
//	go s.Run(ctx) // on PostgreSQL: connects again and again, listens, and says that this replica lives
//	for {
//		lead, err := s.Lead(ctx) // waits until this process leads
//		…
//		engine.Run(untilDone(ctx, lead.Done()), lead.Lead())
//	}
//
// One process leads, and taking the lead raises the epoch. Record, SaveThread, SaveNotice and Purge, the writes of
// reconcilers, carry the epoch they were given and fail with imports.ErrNotLeader once it is not the store's any more.
// Accept, Follow, Answered and Mute need none: they are what any replica writes down for the leader to find. Change is for both.
//
// Commands of a terminal read beside a bot that runs, or with none, through a Reader; nothing else opens the file twice.
//
// The database is an SQLite file for one process, or PostgreSQL for several. The SQL is the same for both ($1
// placeholders, TEXT and BIGINT, ON CONFLICT, RETURNING). What differs (opening, locking, pools, the words for errors)
// stands behind the dialect, in sqlite.go and postgres.go.
//
// An error of a write means that nothing was stored, unless it is imports.ErrUnsure: the connection broke while the
// database was committing, and it may have stored all of it or nothing. Every write can be tried again as it was.
package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"importbot/imports"
)

// never is the due of a thread with nothing to do.
const never = math.MaxInt64

// Store is an open database. It is safe for concurrent use.
type Store struct {
	id      string // of this replica, for other replicas; new at each start
	name    string // of this replica, for people
	version string
	opened  time.Time
	path    string // the file, or host and name of the database
	write   pool   // on SQLite one connection: writes queue in this process instead of failing in the file
	read    pool
	dialect dialect
	signal  *imports.Signal
	now     func() time.Time
	log     logrus.FieldLogger

	mu   sync.Mutex
	term *Lead // the last that was taken here
}

var _ imports.Store = (*Store)(nil)

// dialect is what the databases do differently.
type dialect interface {
	// bounded gives a call that the caller would wait for without end the time it may take.
	bounded(ctx context.Context) (context.Context, context.CancelFunc)
	// guard is a query that finds a row while the epoch $1 is held by the replica $2, and keeps it so until the end of
	// the transaction.
	guard() string
	// tell wakes the other processes once the transaction is committed.
	tell(ctx context.Context, tx *transaction, ids []string) error
	// explain puts an error of the database into words, or returns nil where it has none for it.
	explain(doing string, err error) error
	// again says whether an error is one that the same transaction need not meet again.
	again(err error) bool
	// unsure says whether an error of a commit leaves open whether there was one.
	unsure(err error) bool
	run(ctx context.Context) error
	lead(ctx context.Context) (*Lead, error)
	// held says whether the lead that is in the store is held by a process that lives.
	held(ctx context.Context) (bool, error)
	replicas(ctx context.Context) ([]Replica, error)
	shares() int
	close() error
}

// Options are what a store needs besides its database; the zero value is right for tests.
type Options struct {
	// Log gets the place of the database at start, and what becomes of the lead and the connections. Nil is silence.
	Log logrus.FieldLogger
	// Now is the clock that due work is compared with; nil is time.Now.
	Now func() time.Time
	// Signal is woken when another process changed something. Whoever changes something in this process wakes it.
	Signal *imports.Signal
	// Name is what people call this replica, such as host:pid, the default.
	Name string
	// Version is the program's, shown beside its name.
	Version string

	migrations fs.FS // instead of the embedded ones, for the tests of newer versions
	pace       pace  // instead of usualPace, for tests that can't wait
}

// Open opens the database and brings its schema up to date. databaseURL is the path of an SQLite file, which is made
// where there is none and whose directory must exist, or the URL of a PostgreSQL database (postgres://…), which must.
//
// The error says in words what is wrong and what can be done, and holds no password. A PostgreSQL that is merely away
// is no error: every call fails in words until Run has found and prepared it.
func Open(ctx context.Context, databaseURL string, opts Options) (*Store, error) {
	postgres, err := isPostgres(databaseURL)
	if err != nil {
		return nil, err
	}
	s, err := newStore(opts)
	if err != nil {
		return nil, err
	}
	if opts.pace == (pace{}) {
		opts.pace = usualPace
	}
	migrations, err := opts.schema()
	if err != nil {
		return nil, err
	}
	if postgres {
		err = s.openPostgres(ctx, databaseURL, migrations, opts.pace)
	} else {
		err = s.openSQLite(ctx, databaseURL, migrations)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// newStore is a store without its database.
func newStore(opts Options) (*Store, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Signal == nil {
		opts.Signal = new(imports.Signal)
	}
	if opts.Log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		opts.Log = silent
	}
	if opts.Name == "" {
		opts.Name = processName()
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return nil, fmt.Errorf("making an id for this process: %w", err)
	}
	return &Store{
		id: id.String(), name: plain(opts.Name), version: plain(opts.Version), opened: opts.Now(),
		signal: opts.Signal, now: opts.Now, log: opts.Log,
	}, nil
}

// schema is what the database is brought up to.
func (o Options) schema() (fs.FS, error) {
	if o.migrations != nil {
		return o.migrations, nil
	}
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, fmt.Errorf("reading the embedded migrations: %w", err)
	}
	return files, nil
}

// isPostgres says which of the two databases a URL is of. An error where it is of neither.
func isPostgres(databaseURL string) (bool, error) {
	scheme, _, isURL := strings.Cut(databaseURL, "://")
	switch {
	case databaseURL == "":
		return false, errors.New("no database: set DATABASE_URL to the path of a file, such as importbot.db, or to a postgres:// URL")
	case isURL && (scheme == "postgres" || scheme == "postgresql"):
		return true, nil
	case isURL || strings.HasPrefix(databaseURL, "file:") || strings.HasPrefix(databaseURL, ":memory:"):
		return false, errors.New("DATABASE_URL must be the path of a file, such as importbot.db or /var/lib/importbot/importbot.db, or a postgres:// URL")
	}
	return false, nil
}

// processName is the name of a process whom nobody gave one.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// Path says where the database is: the absolute path of its file, or host, port and name of it on PostgreSQL.
func (s *Store) Path() string { return s.path }

// Close gives the database and the lead back. Calls that are under way fail.
func (s *Store) Close() error {
	var errs []error
	if term := s.current(); term != nil {
		term.end(errClosed)
	}
	errs = append(errs, s.read.Close())
	if s.write != s.read {
		errs = append(errs, s.write.Close())
	}
	return errors.Join(append(errs, s.dialect.close())...)
}

// Run keeps the store at work until ctx ends, then it returns nil; any other end is an error that a person must mend.
// On PostgreSQL it prepares a database that was away at the start, listens for what other replicas change, and says
// every few seconds that this one lives. On SQLite there is nothing to do.
func (s *Store) Run(ctx context.Context) error { return s.dialect.run(ctx) }

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	var epoch int64
	err := s.read.QueryRowContext(ctx, `SELECT epoch FROM lead WHERE id = 1`).Scan(&epoch)
	return s.explain("asking the database", err)
}

// inTx runs f in one write transaction, and once more where the database chose it as the victim of a deadlock. It
// gives f the context that bounds the whole.
func (s *Store) inTx(ctx context.Context, doing string, f func(context.Context, *transaction) error) error {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	err := s.tryInTx(ctx, doing, f)
	if s.dialect.again(err) {
		err = s.tryInTx(ctx, doing, f)
	}
	return err
}

func (s *Store) tryInTx(ctx context.Context, doing string, f func(context.Context, *transaction) error) error {
	tx, err := s.write.begin(ctx, nil)
	if err != nil {
		return s.explain(doing, err)
	}
	if err := f(ctx, tx); err != nil {
		_ = tx.Rollback() // the first error says what went wrong
		return s.explain(doing, err)
	}
	err = tx.Commit()
	if err != nil && s.dialect.unsure(err) {
		return fmt.Errorf("%w: %w", imports.ErrUnsure, s.explain(doing, err))
	}
	return s.explain(doing, err)
}

// guard makes a transaction that of the leader or of nobody. It locks the row, so that a write of the leader before
// is either seen by the one that takes the lead, or refused.
func (s *Store) guard(ctx context.Context, tx *transaction, epoch imports.Epoch) error {
	var one int
	err := tx.QueryRowContext(ctx, s.dialect.guard(), int64(epoch), s.id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return imports.ErrNotLeader
	}
	return err
}

// explain wraps an error with what was being done and words for whoever runs the bot. Sentinels of imports pass as
// they are.
func (s *Store) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	for _, sentinel := range []error{imports.ErrNotLeader, imports.ErrNotFound, imports.ErrDuplicate} {
		if errors.Is(err, sentinel) {
			return err
		}
	}
	if inWords := s.dialect.explain(doing, err); inWords != nil {
		return inWords
	}
	return fmt.Errorf("%s: %w", doing, err)
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

// encode makes the body of a row, with plain texts.
func encode(what string, v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encoding %s: %w", what, err)
	}
	return string(plainJSON(b)), nil
}
