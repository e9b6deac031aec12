package imports

import "time"

// Thread is what a publisher notes about what it has shown of an import. The store keeps it beside the import, so
// that whoever leads next goes on in the same place; what is in Body is the publisher's own.
type Thread struct {
	ImportID string
	// Shown is the revision that this thread has taken account of: shown it, or decided to show it later or not at all.
	Shown int64
	// Followers is how many followers it has taken account of.
	Followers int
	// Asked is how often somebody wanted to see on the card what is known now, as the store counts it; it is not for the
	// publisher to write. Refreshed is how many of these wishes it has taken account of.
	Asked, Refreshed int64
	// Done says that nothing is left to do until there is something new.
	Done bool
	// NextTry is when unfinished work is due; zero means at once. It does not hold back what is new.
	NextTry time.Time
	// Body is the publisher's own record, which the store never looks into. It holds no secrets.
	Body []byte
}
