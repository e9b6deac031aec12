package app

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"importbot/bigfix"
)

// at shows a time in the zone of whoever reads it, with the day only where it is not today.
func at(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	midnight := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	clock := t.Format("15:04")
	switch midnight(t).Sub(midnight(now)) {
	case 0:
		return "today " + clock
	case -24 * time.Hour:
		return "yesterday " + clock
	case 24 * time.Hour:
		return "tomorrow " + clock
	}
	return t.Format("Mon 2 Jan 2006 15:04")
}

// about shows how long something lasts, in the unit that a person would say it in.
func about(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 90*time.Second:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < 90*time.Minute:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Round(time.Hour).Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Round(24*time.Hour).Hours())/24)
}

// typeWords is what people call an import's type; what the server calls it where that is unknown.
func typeWords(t bigfix.ImportType) string {
	switch t {
	case bigfix.TypeRaw:
		return "raw"
	case bigfix.TypeComplete:
		return "complete"
	case "":
		return "of unknown type"
	}
	return fmt.Sprintf("of type %q", printable(string(t)))
}

func product(e bigfix.Edition) string {
	if e == bigfix.ILMT {
		return "License Metric Tool"
	}
	return "BigFix Inventory"
}

// printable takes out of a server's words what could move the cursor or colour the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}
