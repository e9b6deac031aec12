package imports

import "time"

// Notice is something to be said in Slack that belongs to no import, such as "I was away 02:10–08:30". The publisher
// makes it, the store keeps it, so that whoever leads next goes on in the same place and says nothing twice.
type Notice struct {
	// ID is unique, and the same for the same occasion whoever notices it.
	ID string
	// Kind is the publisher's word for what it is, and Server whom it concerns; empty for all.
	Kind, Server string
	CreatedAt    time.Time
	// Done says that nothing is left to do.
	Done bool
	// NextTry is when unfinished work is due; zero means at once.
	NextTry time.Time
	// Body is the publisher's own record, which the store never looks into. It holds no secrets.
	Body []byte
}
