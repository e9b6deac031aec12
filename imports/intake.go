package imports

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"importbot/bigfix"
)

const (
	// storeWithin is how long a person waits for their wish to be stored before they are told that it was not.
	storeWithin = 2 * time.Second
	// settleWithin is how long it may take beyond that to find out whether it was, where that is open.
	settleWithin = time.Second
	// awaitPoll is the slow look at the store behind the Signal, for a replica that does not lead.
	awaitPoll = 2 * time.Second
)

// Wish is an import somebody asks for.
type Wish struct {
	Server    string
	Type      bigfix.ImportType
	UserID    string
	ChannelID string
	// Key is unique for each wish, and the same for the same wish delivered twice.
	Key string
	// After is the import that runs now, where it is known; for a wish that is to wait for its end.
	After string
}

// Intake takes wishes, on whichever replica they arrive. It only writes them down: the leader's Engine does what
// they ask for.
type Intake struct {
	store  Store
	signal *Signal
	clock  Clock
}

// NewIntake returns an Intake on the store. signal is woken after each wish; a nil clock is the machine's.
func NewIntake(store Store, signal *Signal, clock Clock) *Intake {
	if clock == nil {
		clock = SystemClock{}
	}
	return &Intake{store: store, signal: signal, clock: clock}
}

// Start accepts a wish: once it returns without error the wish is stored, and will be started, refused or expire, each
// in words. It returns within 3 s, whatever the store does. A wish whose Key was accepted before returns the import of
// that time, and created is false.
//
// ErrStore where the store did not take it, within 2 s: then nothing was stored, nor will be, and nothing is started.
// ErrUnsure where the store may have taken it: the answer to its commit was lost, and a further second did not tell.
// Whoever asked must not be told that nothing happens, nor asked to try again. If it is stored, it is started like any
// other, and what becomes of it is told to them by whoever leads.
func (in *Intake) Start(ctx context.Context, w Wish) (stored Import, created bool, err error) {
	return in.take(ctx, w, func(imp *Import, now time.Time) { imp.State, imp.AcceptedAt = Accepted, now })
}

// take stores a wish in the state that begin gives it.
func (in *Intake) take(ctx context.Context, w Wish, begin func(imp *Import, now time.Time)) (stored Import, created bool, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Import{}, false, fmt.Errorf("making an id for the import: %w", err)
	}
	imp := Import{
		ID: id.String(), Server: w.Server, Type: w.Type, Origin: Here,
		RequestedBy: w.UserID, RequestKey: w.Key, RequestedIn: w.ChannelID, Revision: 1,
	}
	begin(&imp, in.clock.Now().UTC())
	type answer struct {
		imp Import
		err error
	}
	answered := make(chan answer, 1)
	go func() { // a disk that hangs lets nobody go
		stored, err := in.accept(ctx, imp)
		answered <- answer{stored, err}
	}()
	enough := time.NewTimer(storeWithin + settleWithin)
	defer enough.Stop()
	select {
	case a := <-answered:
		return a.imp, a.err == nil && a.imp.ID == imp.ID, a.err
	case <-enough.C:
		return Import{}, false, fmt.Errorf("%w: it has not answered for %s", ErrUnsure, storeWithin+settleWithin)
	}
}

// accept stores a wish. Where the store can't tell whether it did, it is asked to do so once more: it takes no wish
// twice, and where the first commit is still under way in there, the second try waits for its end. So its answer
// settles the matter, which that of merely looking whether the wish is there would not.
func (in *Intake) accept(ctx context.Context, imp Import) (Import, error) {
	stored, err := in.acceptWithin(ctx, imp, storeWithin)
	if errors.Is(err, ErrUnsure) {
		again, retryErr := in.acceptWithin(context.WithoutCancel(ctx), imp, settleWithin)
		if retryErr != nil { // says of itself at most that it stored nothing
			return Import{}, err
		}
		return again, nil
	}
	if err != nil {
		return Import{}, fmt.Errorf("%w: %w", ErrStore, err)
	}
	return stored, nil
}

func (in *Intake) acceptWithin(ctx context.Context, imp Import, within time.Duration) (Import, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	stored, _, err := in.store.Accept(ctx, imp)
	if err == nil {
		in.wake(stored)
	}
	return stored, err
}

// wake tells the leader of a wish, and where it waits also who mirrors its server.
func (in *Intake) wake(imp Import) {
	if imp.State == Accepted {
		in.signal.Wake(imp.ID)
		return
	}
	in.signal.Wake(imp.ID, ServerSignal(imp.Server))
}

// Follow adds a person to those who are told of the end of an import, on whichever replica they ask for it, and tells the
// leader: direct by direct message, else by being mentioned in its thread. Doing it again is harmless, and changes how. ErrNotFound where there is no such import; any other error is to be
// told: it was not stored within 2 s, or nobody knows.
func (in *Intake) Follow(ctx context.Context, importID, userID string, direct bool) error {
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	if err := in.store.Follow(ctx, importID, userID, direct, in.clock.Now().UTC()); err != nil {
		return fmt.Errorf("following the import: %w", err)
	}
	in.signal.Wake(importID)
	return nil
}

// Refresh asks for a card that shows what is known now, on whichever replica, and tells the leader, unless it has been told
// already. An error means that it was not stored within 2 s, or nobody knows.
func (in *Intake) Refresh(ctx context.Context, importID string) error {
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	asked, err := in.store.Refresh(ctx, importID)
	if err != nil {
		return fmt.Errorf("asking for a fresh card: %w", err)
	}
	if asked {
		in.signal.Wake(importID)
	}
	return nil
}

// Await returns an import once it is decided: it was sent, or it ended without. It waits as long as ctx lets it, also
// through failures of the store, and then returns the import as it was last read with the context's error.
// ErrNotFound where there is no such import.
//
// Whoever waits to give the answer looks at AnsweredAt of what comes back: where it is set, the person has the answer
// already, by another process to which the same command was delivered, or by the leader's direct message, and must not
// get it twice. Whoever gives it notes that with Store.Answered, at once: the leader sends its direct message some
// seconds after the decision unless it finds that noted.
func (in *Intake) Await(ctx context.Context, importID string) (Import, error) {
	changed, cancel := in.signal.Subscribe(importID)
	defer cancel()
	var imp Import
	for {
		now, err := in.store.Import(ctx, importID)
		switch {
		case errors.Is(err, ErrNotFound):
			return Import{}, fmt.Errorf("waiting for the import: %w", err)
		case err == nil:
			imp = now
		}
		if err == nil && !slices.Contains([]State{Waiting, Accepted, Sending}, imp.State) {
			return imp, nil
		}
		poll, stop := in.clock.Until(in.clock.Now().Add(awaitPoll))
		select {
		case <-ctx.Done():
			stop()
			return imp, ctx.Err()
		case <-changed:
		case <-poll:
		}
		stop()
	}
}
