package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
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

// openSQLite opens or makes the file, which nobody but this process may use.
func openSQLite(ctx context.Context, path string, opts Options) (*Store, error) {
	path, err := resolve(path)
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, now: opts.Now, log: opts.Log, close: lock.Unlock}
	if err := s.prepareFiles(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	if s.write, err = sql.Open("sqlite", dsn(path, "journal_mode(WAL)", "synchronous(FULL)")); err != nil {
		return nil, errors.Join(s.explain("opening the database", err), lock.Unlock())
	}
	s.write.SetMaxOpenConns(1)
	if err := s.write.PingContext(ctx); err != nil {
		return nil, errors.Join(s.explain("opening the database", err), s.write.Close(), lock.Unlock())
	}
	if s.read, err = sql.Open("sqlite", dsn(path, "query_only(1)")); err != nil {
		return nil, errors.Join(s.explain("opening the database", err), s.write.Close(), lock.Unlock())
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	return s, nil
}

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

// explain wraps an error with what was being done and, where it is SQLite's, with words for whoever runs the bot.
// Sentinels of imports pass as they are.
func (s *Store) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, imports.ErrNotLeader) || errors.Is(err, imports.ErrNotFound) || errors.Is(err, imports.ErrDuplicate) {
		return err
	}
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if words := s.words(se.Code() & 0xff); words != "" { // the low byte is the kind, the rest details
		return fmt.Errorf("%s: %s: %w", doing, words, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// words are what is wrong and what can be done, for the kinds of errors that somebody can do something about.
func (s *Store) words(code int) string {
	dir := filepath.Dir(s.path)
	switch code {
	case sqlite3.SQLITE_FULL:
		return fmt.Sprintf("the disk with %s is full; make room there", dir)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Sprintf("another program holds the database %s; close it there", s.path)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return fmt.Sprintf("%s and its directory must be writable for the user Importbot runs as", s.path)
	case sqlite3.SQLITE_CANTOPEN:
		return fmt.Sprintf("%s can't be opened; check that it and its directory belong to the user Importbot runs as", s.path)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Sprintf("%s is not a database; set DATABASE_URL to another path", s.path)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Sprintf("the database %s is damaged; restore it from a backup, or move it away and start with a new one", s.path)
	case sqlite3.SQLITE_IOERR:
		return fmt.Sprintf("the disk with %s fails to read or write; see the system's log", dir)
	}
	return ""
}
