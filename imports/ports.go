package imports

import (
	"context"
	"errors"
	"time"

	"importbot/bigfix"
)

// Epoch counts who led. Taking the lead raises it in the store, and every write of a reconciler carries the one it
// took: a leader that was frozen, replaced and woken again finds its writes refused with ErrNotLeader.
type Epoch int64

var (
	// ErrNotLeader is returned by a write that carries an epoch which is no longer the store's. Whoever gets it stops
	// at once: somebody else leads.
	ErrNotLeader = errors.New("this process does not lead")
	// ErrNotFound is returned where an import with that id is not stored.
	ErrNotFound = errors.New("no such import")
	// ErrDuplicate is returned where an import with that id, but another request key, is stored already.
	ErrDuplicate = errors.New("an import with this id is stored already")
	// ErrStore is returned (wrapped, with the cause) where a wish could not be stored and so does not count.
	ErrStore = errors.New("the database did not take it")
	// ErrUnsure is returned (wrapped, with the cause) where a wish may be stored or may not be: the answer to its commit was
	// lost, and nothing else was found out. Where it is stored, what becomes of it is told to whoever asked.
	ErrUnsure = errors.New("the database may have taken it, or not")
	// ErrNoCard is what an Announcer returns (wrapped, with the cause) where the channel will never take a card:
	// the start is refused. Any other error of an Announcer is tried again until the intent expires.
	ErrNoCard = errors.New("the channel takes no card")
	// ErrNotWaiting is returned (wrapped) where an import that was to be taken back does not wait any more.
	ErrNotWaiting = errors.New("the import does not wait any more")
	// ErrRepeated is returned where a wish was followed before: it was delivered a second time, perhaps to another replica.
	ErrRepeated = errors.New("the same wish was followed before")
)

// Store is the truth about imports. It is safe for concurrent use. An error means that nothing of the call was stored,
// nor will be; unless it is ErrUnsure: then the connection to the database broke during the commit.
type Store interface {
	// Accept stores an intent. Where its RequestKey is stored already, it changes nothing and returns the import
	// stored then, and created is false. So it does where the intent is Waiting and one of that server and type is: then
	// it makes who asked a follower of that one. ErrDuplicate where the ID is taken.
	Accept(ctx context.Context, imp Import) (stored Import, created bool, err error)
	// Follow adds a user to those who are told of the end: mentioned, or by direct message. Adding one twice is harmless,
	// and changes how. ErrNotFound.
	Follow(ctx context.Context, importID, userID string, direct bool, at time.Time) error
	// Refresh asks the publisher to show on an import's card what is known now, and says whether it has to be told: not where
	// it has an earlier wish before it.
	Refresh(ctx context.Context, importID string) (asked bool, err error)
	// Change stores an import if it stands in the state from, and says whether it did: of several who change it at once, one
	// does. Epoch 0 is any replica's. Where AnsweredAt is set the answer counts as given. ErrNotFound; ErrNotLeader.
	Change(ctx context.Context, epoch Epoch, imp Import, from State) (changed bool, err error)
	// Answered notes that the person who asked has the answer. The first time stays. ErrNotFound.
	Answered(ctx context.Context, importID string, at time.Time) error
	// Import returns one import with its Followers. ErrNotFound.
	Import(ctx context.Context, id string) (Import, error)
	// Active returns the imports of a server that have not ended, oldest first.
	Active(ctx context.Context, server string) ([]Import, error)
	// Recent returns the newest n imports of a server that began or ended, newest first.
	Recent(ctx context.Context, server string, n int) ([]Import, error)
	// Succeeded returns the newest n imports of a type that succeeded on a server, newest first, however many of other
	// types lie between them.
	Succeeded(ctx context.Context, server string, t bigfix.ImportType, n int) ([]Import, error)
	// Server returns what was last recorded of a server; the zero value (with its Name) where it was never seen.
	Server(ctx context.Context, name string) (Server, error)
	// ActiveServers returns the names of all servers that have imports which have not ended, also of those that are
	// not configured any more.
	ActiveServers(ctx context.Context) ([]string, error)
	// Record stores a server and imports of it in one transaction, inserting or updating. It leaves Followers and
	// AnsweredAt alone, and never changes an import that is stored as ended. ErrNotLeader where the epoch is not the store's.
	Record(ctx context.Context, epoch Epoch, srv Server, imps []Import) error
	// Purge deletes what ended before that time, and says how many imports that were. ErrNotLeader.
	Purge(ctx context.Context, epoch Epoch, before time.Time) (int64, error)
}

// Client asks one server; *bigfix.Client is one.
type Client interface {
	// Status looks. It never changes anything on the server.
	Status(ctx context.Context) (bigfix.Status, error)
	// Start sends run= once. Whatever it returns, it must not be called again for the same import.
	Start(ctx context.Context, t bigfix.ImportType) (bigfix.Status, error)
}

// Announcer puts up the card of an import that is about to be started: no import starts that nobody could follow.
type Announcer interface {
	// Announce returns nil once the card stands, and may be called again for a card that stands. ErrNoCard where it
	// never will; other errors are tried again.
	Announce(ctx context.Context, imp Import) error
}

// Clock is the time the engine lives by; where none is given it is the machine's.
type Clock interface {
	Now() time.Time
	// Until returns a channel that is closed when the clock shows t or later; stop gives it up and must be called.
	Until(t time.Time) (reached <-chan struct{}, stop func())
}

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now is time.Now.
func (SystemClock) Now() time.Time { return time.Now() }

// Until waits on the machine's clock.
func (SystemClock) Until(t time.Time) (<-chan struct{}, func()) {
	reached := make(chan struct{})
	timer := time.AfterFunc(time.Until(t), func() { close(reached) })
	return reached, func() { timer.Stop() }
}
