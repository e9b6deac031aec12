package audit

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// Config is what a Log is made of.
type Config struct {
	// Path is a file, made with mode 0600 where there is none and opened anew for each line, so that it can be rotated by renaming it;
	// or "stderr"; or "" for no lines.
	Path string
	// Stderr takes the lines where Path is "stderr".
	Stderr io.Writer
	// Sink takes the rows; nil for none.
	Sink Sink
	// Replica is the name of this process, for entries that bring none.
	Replica string
	// Redact cuts secrets out of what people wrote, for they paste into the wrong window; nil for none.
	Redact func(text string) string
	// Now is the clock, [time.Now] by default.
	Now func() time.Time
	// Log is told of what could not be kept.
	Log logrus.FieldLogger
}

// Log takes entries and writes them where they are kept.
type Log struct {
	redact  func(string) string
	replica string
	now     func() time.Time
	keepers []*keeper
}

// New checks that the file can be written to, making it where there is none, and starts nothing. Its error says in words what to do.
func New(c Config) (*Log, error) {
	l := &Log{redact: c.Redact, replica: c.Replica, now: c.Now}
	if l.redact == nil {
		l.redact = func(text string) string { return text }
	}
	if l.now == nil {
		l.now = time.Now
	}
	switch c.Path {
	case "":
	case "stderr":
		l.keepers = append(l.keepers, newKeeper("line", lines(c.Stderr), c.Log))
	default:
		f := file(c.Path)
		if err := f.check(); err != nil {
			return nil, err
		}
		l.keepers = append(l.keepers, newKeeper("line", f.write, c.Log))
	}
	if c.Sink != nil {
		l.keepers = append(l.keepers, newKeeper("row", c.Sink.Audit, c.Log))
	}
	return l, nil
}

// Note keeps an entry. It never waits: what it is given is written by Run. (Noted after Run has ended, while the program stops, it
// is written at once, which takes two seconds at most.)
func (l *Log) Note(e Entry) {
	e = e.kept(l.now(), l.replica, l.redact)
	for _, k := range l.keepers {
		k.note(e)
	}
}

// Run writes what is noted until ctx ends, then for two seconds at most what still waits. Its error is always nil: an audit that can't be
// written is told to the logger, and stops nothing.
func (l *Log) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, k := range l.keepers {
		all.Go(func() { k.run(ctx) })
	}
	all.Wait()
	<-ctx.Done()
	return nil
}
