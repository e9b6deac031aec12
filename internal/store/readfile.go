package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// fileReader is the dialect of a file that is only read, and may be another process's.
type fileReader struct {
	sqliteFile
	copied string // the directory of the copy that is read instead; "" where it is the file itself
}

// readFile opens a file that is there, to be read only.
func (s *Store) readFile(path string) error {
	path, err := existing(path)
	if err != nil {
		return err
	}
	f := &fileReader{sqliteFile: sqliteFile{s: s}}
	s.path, s.dialect = path, f
	if !inUse(path) {
		if f.copied, err = copyOf(path); err != nil {
			return err
		}
	}
	name := dsn(path, "query_only(1)") + "&mode=ro"
	if f.copied != "" { // may have to be made whole from its log first
		name = dsn(filepath.Join(f.copied, filepath.Base(path)), "query_only(1)")
	}
	if s.read, err = openPool(name); err != nil {
		return errors.Join(s.explain("opening the database", err), f.close())
	}
	s.read.SetMaxOpenConns(readers)
	s.write = s.read
	return nil
}

func (f *fileReader) close() error {
	if f.copied == "" {
		return nil
	}
	return os.RemoveAll(f.copied)
}

func (f *fileReader) explain(doing string, err error) error {
	var se *sqlite.Error
	if errors.As(err, &se) {
		switch se.Code() & 0xff {
		case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY:
			return unreadable(f.s.path, err)
		case sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("%s is not a database; set DATABASE_URL to the file that the bot uses: %w", f.s.path, err)
		}
	}
	return f.sqliteFile.explain(doing, err)
}

// existing is the absolute path of a database file that is there and may be read, links followed.
func existing(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("DATABASE_URL %s: %w", path, err)
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no database %s: set DATABASE_URL to the file that the bot uses", abs)
	case err != nil:
		return "", unreadable(abs, err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a file: set DATABASE_URL to the path of the database file, such as %s", abs, filepath.Join(abs, "importbot.db"))
	}
	f, err := os.Open(abs)
	if err != nil {
		return "", unreadable(abs, err)
	}
	if err := f.Close(); err != nil {
		return "", unreadable(abs, err)
	}
	return filepath.EvalSymlinks(abs)
}

func unreadable(path string, err error) error {
	return fmt.Errorf("the database %s can't be read; run this as the user Importbot runs as: %w", path, err)
}

// inUse says that a process has the file open, or died with it open: SQLite's shared memory lies beside it.
func inUse(path string) bool {
	_, err := os.Stat(path + "-shm")
	return err == nil
}

// copyTries is how often a file is copied that turns out to have been changed meanwhile.
const copyTries = 3

// copyOf copies a file that nobody uses, with the log of what is not yet in it, and returns the directory of the copy; "" where
// somebody began to use the file meanwhile: then it can be read itself.
func copyOf(path string) (dir string, err error) {
	dir, err = os.MkdirTemp("", "importbot-")
	if err != nil {
		return "", fmt.Errorf("copying the database %s to read it: %w; set TMPDIR to a directory with room", path, err)
	}
	for range copyTries {
		before := stateOf(path)
		err = copyInto(dir, path)
		if inUse(path) {
			return "", os.RemoveAll(dir)
		}
		if err == nil && stateOf(path) == before {
			return dir, nil
		}
	}
	if err == nil {
		err = errors.New("it changes all the time")
	}
	return "", errors.Join(fmt.Errorf("copying the database %s to read it: %w", path, err), os.RemoveAll(dir))
}

// stateOf is what shows that a database was written to: size and time of its files.
func stateOf(path string) (state [2]string) {
	for i, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			state[i] = fmt.Sprint(info.Size(), " ", info.ModTime().UnixNano())
		}
	}
	return state
}

func copyInto(dir, path string) error {
	for _, name := range []string{path, path + "-wal"} {
		to := filepath.Join(dir, filepath.Base(name))
		err := copyFile(to, name)
		if errors.Is(err, fs.ErrNotExist) && name != path {
			err = os.RemoveAll(to) // that of the try before
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
