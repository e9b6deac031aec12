package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	"github.com/sirupsen/logrus"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"importbot/imports"
)

const (
	// fileMode is that of the database and of all files beside it: who imports what and when is nobody else's business.
	fileMode fs.FileMode = 0o600
	// busyTimeout is how long a write waits for another program that holds the file (a backup, a shell). It is less
	// than the two seconds after which a person is told that the request was not stored.
	busyTimeout = 1500 * time.Millisecond
	// readers is how many reads run beside each other and beside the one writer.
	readers = 4
)

// sqliteFile is the dialect of a file that nobody but this process may use.
type sqliteFile struct {
	s    *Store
	lock *flock.Flock
}

// openSQLite opens or makes the file, takes its lock, and brings its schema up to date.
func (s *Store) openSQLite(ctx context.Context, path string, migrations fs.FS) error {
	path, err := resolve(path)
	if err != nil {
		return err
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return err
	}
	s.path, s.dialect = path, &sqliteFile{s, lock}
	if err := s.openFile(ctx, path); err != nil {
		return errors.Join(err, lock.Unlock())
	}
	version, err := migrate(ctx, s.write.DB, goose.DialectSQLite3, migrations)
	if err != nil {
		return errors.Join(s.explain("preparing the database "+s.path, err), s.Close())
	}
	s.log.WithFields(logrus.Fields{"path": s.path, "schema": version}).Info("database opened")
	return nil
}

// openFile opens the two pools.
func (s *Store) openFile(ctx context.Context, path string) (err error) {
	if err := s.prepareFiles(); err != nil {
		return err
	}
	if s.write, err = openPool(dsn(path, "journal_mode(WAL)", "synchronous(FULL)")); err != nil {
		return s.explain("opening the database", err)
	}
	s.write.SetMaxOpenConns(1)
	if err := s.write.PingContext(ctx); err != nil {
		return errors.Join(s.explain("opening the database", err), s.write.Close())
	}
	if s.read, err = openPool(dsn(path, "query_only(1)")); err != nil {
		return errors.Join(s.explain("opening the database", err), s.write.Close())
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	return nil
}

func (f *sqliteFile) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return ctx, func() {} // a file answers or fails; busyTimeout bounds the waiting
}

// guard needs no lock: a write transaction holds the file from its beginning.
func (f *sqliteFile) guard() string {
	return `SELECT 1 FROM lead WHERE id = 1 AND epoch = $1 AND holder = $2`
}

func (f *sqliteFile) tell(context.Context, *transaction, []string) error { return nil }
func (f *sqliteFile) again(error) bool                                   { return false }
func (f *sqliteFile) unsure(error) bool                                  { return false }

func (f *sqliteFile) run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (f *sqliteFile) lead(ctx context.Context) (*Lead, error) {
	epoch, err := f.raise(ctx)
	for said := ""; passes(err) && ctx.Err() == nil; epoch, err = f.raise(ctx) {
		if inWords := f.s.explain("taking the lead", err).Error(); inWords != said {
			said = inWords
			f.s.log.Warnf("%s; trying again", said)
		}
		select {
		case <-ctx.Done():
		case <-time.After(raiseAgain):
		}
	}
	if err != nil {
		return nil, f.s.explain("taking the lead", err)
	}
	term := newLead(epoch)
	term.give = func(ctx context.Context) error {
		if term.over() != nil {
			return nil
		}
		term.end(errReleased)
		_, err := f.s.write.ExecContext(ctx, `UPDATE lead SET holder = '', holder_name = '' WHERE id = 1 AND epoch = $1 AND holder = $2`,
			int64(epoch), f.s.id)
		return f.s.explain("giving the lead away", err)
	}
	return term, nil
}

// raiseAgain is how long after a failed try the lead is tried again.
const raiseAgain = 500 * time.Millisecond

// raise tries to take the lead.
func (f *sqliteFile) raise(ctx context.Context) (epoch imports.Epoch, err error) {
	err = f.s.write.QueryRowContext(ctx, raiseEpoch, millis(f.s.now()), f.s.id, f.s.name, "").Scan(&epoch)
	return epoch, err
}

// passes says whether an error may pass without anybody stopping the program: the file is held by a backup, the disk is full.
func passes(err error) bool {
	var sqliteErr *sqlite.Error
	if !errors.As(err, &sqliteErr) {
		return false
	}
	switch sqliteErr.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR:
		return true
	}
	return false
}

func (f *sqliteFile) held(context.Context) (bool, error) {
	term := f.s.current()
	return term != nil && term.over() == nil, nil
}

func (f *sqliteFile) replicas(context.Context) ([]Replica, error) {
	return []Replica{{Name: f.s.name, Version: f.s.version, Since: f.s.opened, Seen: f.s.now()}}, nil
}

func (f *sqliteFile) shares() int  { return 1 }
func (f *sqliteFile) close() error { return f.lock.Unlock() }

// dsn is the file as an SQLite URI, so that no character of the path can be read as a parameter.
func dsn(path string, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}}
	q.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()))
	q.Add("_pragma", "foreign_keys(1)")
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}
	return u.String()
}

// resolve makes the path absolute and follows links, so that two names of one file meet in one lock.
func resolve(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("DATABASE_URL %s: %w", path, err)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("the directory %s for the database does not exist: create it, or set DATABASE_URL to another path", filepath.Dir(abs))
	case err != nil:
		return "", fmt.Errorf("the directory for the database: %w", err)
	}
	abs = filepath.Join(dir, filepath.Base(abs))
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return abs, nil
	case err != nil:
		return "", fmt.Errorf("the database file: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a file: set DATABASE_URL to the path of the database file, such as %s", abs, filepath.Join(abs, "importbot.db"))
	}
	return filepath.EvalSymlinks(abs)
}

// lockFile keeps other processes away from the database for as long as this one lives. The system gives it free when
// the process dies, however it dies; the file itself stays.
func lockFile(path string) (*flock.Flock, error) {
	lock := flock.New(path, flock.SetPermissions(fileMode), flock.SetFlag(os.O_CREATE|os.O_RDWR))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking the database: %w (the directory must be writable for the user Importbot runs as)", err)
	}
	if !ok {
		return nil, fmt.Errorf("the database %s is in use%s: only one Importbot can use it at a time. Stop the other one, or give this one its own DATABASE_URL",
			strings.TrimSuffix(path, ".lock"), holder(path))
	}
	if err := os.WriteFile(path, fmt.Appendf(nil, "%d\n", os.Getpid()), fileMode); err != nil {
		return nil, errors.Join(fmt.Errorf("locking the database: %w", err), lock.Unlock())
	}
	if err := os.Chmod(path, fileMode); err != nil {
		return nil, errors.Join(fmt.Errorf("locking the database: %w", err), lock.Unlock())
	}
	return lock, nil
}

// holder says which process holds a lock, as far as the lock file tells.
func holder(path string) string {
	b, err := os.ReadFile(path)
	pid := strings.TrimSpace(string(b))
	if err != nil || pid == "" {
		return ""
	}
	return " by process " + pid
}

// prepareFiles makes the file before SQLite does, so that it is never readable for others, not even for a moment.
// SQLite gives the files beside it the mode of the database.
func (s *Store) prepareFiles() error {
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	for _, path := range []string{s.path, s.path + "-wal", s.path + "-shm"} {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("opening the database: %w", err)
		}
		if info.Mode().Perm() == fileMode {
			continue
		}
		s.log.WithField("path", path).Warnf("the mode was %#o, now it is %#o: only its owner may read the database", info.Mode().Perm(), fileMode)
		if err := os.Chmod(path, fileMode); err != nil {
			return fmt.Errorf("opening the database: %w", err)
		}
	}
	return nil
}

// explain adds words for whoever runs the bot to SQLite's errors.
func (f *sqliteFile) explain(doing string, err error) error {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return nil
	}
	if words := f.words(se.Code() & 0xff); words != "" { // the low byte is the kind, the rest details
		return fmt.Errorf("%s: %s: %w", doing, words, err)
	}
	return nil
}

// words are what is wrong and what can be done, for the kinds of errors that somebody can do something about.
func (f *sqliteFile) words(code int) string {
	dir := filepath.Dir(f.s.path)
	switch code {
	case sqlite3.SQLITE_FULL:
		return fmt.Sprintf("the disk with %s is full; make room there", dir)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Sprintf("another program holds the database %s; close it there", f.s.path)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return fmt.Sprintf("%s and its directory must be writable for the user Importbot runs as", f.s.path)
	case sqlite3.SQLITE_CANTOPEN:
		return fmt.Sprintf("%s can't be opened; check that it and its directory belong to the user Importbot runs as", f.s.path)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Sprintf("%s is not a database; set DATABASE_URL to another path", f.s.path)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Sprintf("the database %s is damaged; restore it from a backup, or move it away and start with a new one", f.s.path)
	case sqlite3.SQLITE_IOERR:
		return fmt.Sprintf("the disk with %s fails to read or write; see the system's log", dir)
	}
	return ""
}
