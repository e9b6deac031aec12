package bigfix

import "time"

// Mode is the state of a server's data imports, as its answer names it. A
// value that this package doesn't know stays as the server wrote it, and is
// neither running nor not running: see [Mode.Known].
type Mode string

// The documented modes.
const (
	// ModeNone: no import has ever been started on this server.
	ModeNone Mode = "none"
	// ModeIdle: nothing is running.
	ModeIdle Mode = "idle"
	// ModeRunning: an import is running.
	ModeRunning Mode = "running"
	// ModePending does not mean queued. Somebody changed something in the web
	// pages that takes effect with the next import; nothing is running, and an
	// import may be started.
	ModePending Mode = "pending"
)

// Known reports whether m is one of the documented modes.
func (m Mode) Known() bool { return m == ModeRunning || m.NotRunning() }

// NotRunning reports whether the server says that nothing is running: none,
// idle or pending. It is false for a mode that this package doesn't know,
// because an unknown word is no proof of anything.
func (m Mode) NotRunning() bool {
	return m == ModeNone || m == ModeIdle || m == ModePending
}

// ImportType is the kind of an import. A value that this package doesn't know
// stays as the server wrote it.
type ImportType string

// The documented types. License Metric Tool documents neither: it knows one
// kind of import, which [Client.Start] starts for TypeComplete.
const (
	// TypeRaw retrieves raw scan results only. It is much quicker, and what it
	// brings is to be had through the REST API only: the web pages go on
	// showing the last complete import.
	TypeRaw ImportType = "raw_only"
	// TypeComplete is what the web pages start: retrieval and aggregation.
	TypeComplete ImportType = "complete"
)

// Known reports whether t is one of the documented types.
func (t ImportType) Known() bool { return t == TypeRaw || t == TypeComplete }

// LastStatus is the outcome of the last import in the server's own word.
// Only "successful" is documented. Any other word, also an unknown or a
// translated one, is not success.
type LastStatus string

// StatusSuccessful is the one documented outcome.
const StatusSuccessful LastStatus = "successful"

// Successful reports whether the word is the documented word for success.
func (s LastStatus) Successful() bool { return s == StatusSuccessful }

// Edition is the product that a server runs. Both answer the same API and
// differ in the parameters they document: see the package comment.
type Edition string

// The editions.
const (
	BFI  Edition = "bfi"  // BigFix Inventory
	ILMT Edition = "ilmt" // License Metric Tool
)

// Status is one answer of a server about its data imports. Everything but
// Mode is optional: the server leaves out what doesn't apply, and while an
// import runs that is nearly everything.
type Status struct {
	// Mode is always there.
	Mode Mode
	// CanRunImports tells whether the owner of the token may start imports.
	// Nil when the answer doesn't say.
	CanRunImports *bool
	// Progress is the running import's progress in percent, 0 to 100; nil when
	// the answer doesn't say. Nobody promises that it only rises or that it
	// reaches 100: conclude no end from it.
	Progress *int

	// LastStatus is the outcome of the last import, "" when absent.
	LastStatus LastStatus
	// LastSuccessTime is the time of the last successful import, raw ones
	// included; zero when absent.
	LastSuccessTime time.Time
	// LastImportTime is the time of the last import; zero when absent. Whether
	// it is the start or the end of that import is documented nowhere. That it
	// moved is the one evidence that an import ended.
	LastImportTime time.Time
	// LastImportType is the type of the last import, "" when absent.
	LastImportType ImportType

	// NextImportTime is when the next scheduled import is due; zero when absent.
	NextImportTime time.Time
	// NextImportIn is how long that was away when the server answered, to the
	// second; nil when absent.
	NextImportIn *time.Duration
	// NextImportType is the type of the next scheduled import, "" when absent.
	NextImportType ImportType

	// ImportStatusURL and ImportCreateURL are addresses of web pages as the
	// server wrote them, relative and without the /api prefix. To link to the
	// page on which people start imports, use [Client.ImportsPage].
	ImportStatusURL, ImportCreateURL string

	// Date is the Date header of the answer, to the second: the server's clock
	// where ServerTime has nothing better. Zero when absent, and from
	// ParseStatus, which sees no headers.
	Date time.Time

	// Unread names the fields that were there with a value that could not be
	// read, such as a date in words. They count as absent above; a program
	// that draws conclusions from an absent value may want to know.
	Unread []string
}

// ServerTime is the server's own clock at the moment of the answer, to
// compare its other times with: NextImportTime less NextImportIn where both
// are there, else the Date header, else the zero time. Compare times that came
// from a server with this and not with the local clock.
func (s Status) ServerTime() time.Time {
	if s.NextImportIn != nil && !s.NextImportTime.IsZero() {
		return s.NextImportTime.Add(-*s.NextImportIn)
	}
	return s.Date
}

// MayRun reports whether the answer leaves it open that the owner of the
// token may start imports: only an explicit "can_run_imports": false forbids.
func (s Status) MayRun() bool { return s.CanRunImports == nil || *s.CanRunImports }
