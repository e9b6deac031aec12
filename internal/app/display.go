package app

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// display shows what happens to an import: on a terminal lines that stay with one below them that is redrawn, elsewhere plain lines.
type display struct {
	w        io.Writer
	terminal bool
	current  func(now time.Time) string // the line at the bottom; nil where there is none
}

func newDisplay(w io.Writer) *display {
	return &display{w: w, terminal: isTerminal(w)}
}

// clearLine takes the line at the bottom away.
const clearLine = "\r\x1b[K"

// line writes what stays.
func (d *display) line(format string, args ...any) {
	if d.terminal {
		fmt.Fprint(d.w, clearLine)
	}
	fmt.Fprintf(d.w, format+"\n", args...)
	d.redraw()
}

// plain writes what a terminal shows in its bar anyway.
func (d *display) plain(format string, args ...any) {
	if !d.terminal {
		d.line(format, args...)
	}
}

// show sets the line at the bottom.
func (d *display) show(line func(now time.Time) string) {
	d.current = line
	d.redraw()
}

// redraw draws the line at the bottom again, for the time in it.
func (d *display) redraw() {
	if !d.terminal || d.current == nil {
		return
	}
	text := d.current(time.Now())
	if f, ok := d.w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 1 {
			if runes := []rune(text); len(runes) > width-1 {
				text = string(runes[:width-1])
			}
		}
	}
	fmt.Fprint(d.w, clearLine+text)
}

// finish takes the line at the bottom away for good.
func (d *display) finish() {
	if d.terminal && d.current != nil {
		fmt.Fprint(d.w, clearLine)
	}
	d.current = nil
}
