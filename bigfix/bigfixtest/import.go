package bigfixtest

import (
	"slices"
	"time"

	"importbot/bigfix"
)

// Import is the truth about one import: what a real server's API never tells.
// Times are true ones, without the server's skew.
type Import struct {
	ID     int // 1, 2, 3, … in the order in which they began
	Type   bigfix.ImportType
	Origin Origin
	// Asked is when run= was taken, for imports of origin Requested.
	Asked time.Time
	Began time.Time
	// Ended is zero while it runs.
	Ended   time.Time
	Outcome Outcome
	// Word is last_status as the server had it for this import, whether or not
	// the answers showed it; "" while it runs and when nothing was recorded.
	Word string
	// Restarts counts the restarts of the server that it lived through.
	Restarts int
}

// Origin is who started an import.
type Origin string

// Origins.
const (
	Requested Origin = "requested" // by run=
	Scheduled Origin = "scheduled"
	ByHand    Origin = "by hand"   // by somebody in the web pages
	Restarted Origin = "restarted" // by the server, in place of one that a restart cut off
)

// Outcome is how an import ended in truth.
type Outcome string

// Outcomes.
const (
	Running     Outcome = "running"
	Succeeded   Outcome = "succeeded"
	Failed      Outcome = "failed"
	Interrupted Outcome = "interrupted" // by a restart of the server
)

// Plan is the course of an import. The zero value is one that takes as long as
// its type does and succeeds.
type Plan struct {
	Duration time.Duration // 0: as WithDuration says
	Fails    bool
	// RestFor, if not zero, is how long the import rests, which it takes
	// longer by: its progress stays where it was when it first reached RestAt
	// percent. One that rests for a year hangs, until the server restarts.
	RestAt  int
	RestFor time.Duration
	// RestartAfter, if not zero, restarts the server that long after the
	// import began. It is away for DownFor.
	RestartAfter, DownFor time.Duration
}

// Schedule is the daily import.
type Schedule struct {
	// At is what the clocks in Location show then, as the time since midnight:
	// on the days on which daylight saving time begins or ends, the imports
	// before and behind lie 23 or 25 hours apart. It is below 24 hours.
	At time.Duration
	// Location is the zone that the server is set to; nil is UTC. What it tells
	// of is in UTC all the same.
	Location *time.Location
	Days     []time.Weekday    // on these days only; empty: every day
	Type     bigfix.ImportType // complete if empty
	Off      bool              // no import is scheduled; next_… are absent
}

// on is when the import is due on the day on which t lies, or days later. Ok
// is false where that day has none.
func (d Schedule) on(t time.Time, days int) (due time.Time, ok bool) {
	zone := d.Location
	if zone == nil {
		zone = time.UTC
	}
	year, month, day := t.In(zone).Date()
	due = time.Date(year, month, day+days, 0, 0, int(d.At/time.Second), int(d.At%time.Second), zone)
	return due, len(d.Days) == 0 || slices.Contains(d.Days, due.Weekday())
}

// after is the first time behind t at which the import is due.
func (d Schedule) after(t time.Time) time.Time {
	for days := 0; ; days++ {
		if due, ok := d.on(t, days); ok && due.After(t) {
			return due
		}
	}
}

// before is the last time before t at which the import was due.
func (d Schedule) before(t time.Time) time.Time {
	for days := 0; ; days-- {
		if due, ok := d.on(t, days); ok && due.Before(t) {
			return due
		}
	}
}

// Last is what the server remembers of its last import, by its own clock.
type Last struct {
	Status      bigfix.LastStatus
	SuccessTime time.Time
	ImportTime  time.Time
	Type        bigfix.ImportType
}
