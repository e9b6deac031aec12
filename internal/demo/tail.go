package demo

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
)

// kept is how many lines of a log are remembered.
const kept = 100

// tail passes a log on and remembers its last lines.
type tail struct {
	to io.Writer // nil for nowhere

	mu      sync.Mutex
	lines   []string
	partial []byte
}

func (t *tail) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.to != nil {
		t.to.Write(text) //nolint:errcheck // a log that nobody can read is no reason to stop the bot
	}
	rest := append(t.partial, text...)
	for {
		line, behind, complete := bytes.Cut(rest, []byte("\n"))
		if !complete {
			break
		}
		t.lines = append(t.lines, string(line))
		rest = behind
	}
	t.partial = bytes.Clone(rest)
	if extra := len(t.lines) - kept; extra > 0 {
		t.lines = t.lines[extra:]
	}
	return len(text), nil
}

// last returns why a program ended, as far as it says so: what is written behind the last line of the log proper is an error or a panic,
// and its first line says which. Logged is that last line of the log.
func (t *tail) last() (words, logged string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := append(t.lines[:len(t.lines):len(t.lines)], string(t.partial))
	for _, line := range slices.Backward(lines) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, logLine):
			return clean(words), clean(line)
		case line != "":
			words = line
		}
	}
	return clean(words), ""
}

// logLine is how a line of the bot's log begins where it is text.
const logLine = "time="
