package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// lines writes entries to a stream, each line in one write.
func lines(w io.Writer) func(context.Context, Entry) error {
	return func(_ context.Context, e Entry) error {
		line, err := lineOf(e)
		if err != nil {
			return err
		}
		_, err = w.Write(line)
		return err
	}
}

// lineOf is the entry with a line's end.
func lineOf(e Entry) ([]byte, error) {
	line, err := e.MarshalJSON()
	return append(line, '\n'), err
}

// file is the path of one that lines are appended to. It is held open by nobody, so that whoever rotates logs renames it and is done.
type file string

// check makes the file where there is none. Its error is for whoever configured it.
func (f file) check() error {
	if info, err := os.Stat(string(f)); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("AUDIT_LOG names %s, which is no file: name a file, or stderr", string(f))
	}
	opened, err := f.open()
	if err == nil {
		err = opened.Close()
	}
	if err != nil {
		return fmt.Errorf("AUDIT_LOG names %s, which can't be written to: %w", string(f), reasonOf(err))
	}
	return nil
}

func (f file) open() (*os.File, error) {
	return os.OpenFile(string(f), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
}

// write appends an entry. A disk that was full, or a machine that lost its power, may have left half a line: then this one begins on a
// line of its own.
func (f file) write(_ context.Context, e Entry) (err error) {
	line, err := lineOf(e)
	if err != nil {
		return err
	}
	opened, err := f.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	if torn(opened) {
		line = append([]byte("\n"), line...)
	}
	_, err = opened.Write(line)
	return err
}

// torn says whether the file ends in the middle of a line.
func torn(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] != '\n'
}

// reasonOf is the system's word, without the path that the message has already.
func reasonOf(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
