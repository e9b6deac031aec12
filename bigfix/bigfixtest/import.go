package bigfixtest

import (
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
	// RestartAfter, if not zero, restarts the server that long after the
	// import began. It is away for DownFor.
	RestartAfter, DownFor time.Duration
}

// Schedule is the daily import.
type Schedule struct {
	At   time.Duration     // after midnight UTC by the server's clock
	Type bigfix.ImportType // complete if empty
	Off  bool              // no import is scheduled; next_… are absent
}

// Last is what the server remembers of its last import, by its own clock.
type Last struct {
	Status      bigfix.LastStatus
	SuccessTime time.Time
	ImportTime  time.Time
	Type        bigfix.ImportType
}
