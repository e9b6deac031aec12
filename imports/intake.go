package imports

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"importbot/bigfix"
)

const (
	// storeWithin is how long a person waits for their wish to be stored before they are told that it was not.
	storeWithin = 2 * time.Second
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
// in words. ErrStore where the store did not take it within 2 s: then nothing will be started. A wish whose Key was
// accepted before returns the import of that time.
func (in *Intake) Start(ctx context.Context, w Wish) (Import, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Import{}, fmt.Errorf("making an id for the import: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	imp := Import{
		ID: id.String(), Server: w.Server, Type: w.Type, Origin: Here, State: Accepted,
		RequestedBy: w.UserID, RequestKey: w.Key, RequestedIn: w.ChannelID,
		AcceptedAt: in.clock.Now().UTC(), Revision: 1,
	}
	stored, created, err := in.store.Accept(ctx, imp)
	if err != nil {
		return Import{}, fmt.Errorf("%w: %w", ErrStore, err)
	}
	if created {
		in.signal.Wake(stored.ID)
	}
	return stored, nil
}

// Follow adds a person to those who are mentioned at the end of an import.
func (in *Intake) Follow(ctx context.Context, importID, userID string) error {
	ctx, cancel := context.WithTimeout(ctx, storeWithin)
	defer cancel()
	if err := in.store.Follow(ctx, importID, userID, in.clock.Now().UTC()); err != nil {
		return fmt.Errorf("following the import: %w", err)
	}
	in.signal.Wake(importID)
	return nil
}

// Answered notes that the person who asked for an import has the answer, so that nobody gives it again.
func (in *Intake) Answered(ctx context.Context, importID string) error {
	if err := in.store.Answered(ctx, importID, in.clock.Now().UTC()); err != nil {
		return fmt.Errorf("noting that the command was answered: %w", err)
	}
	return nil
}

// Await returns an import once it is decided: it was sent, or it ended without. It waits as long as ctx lets it, also
// through failures of the store, and then returns the import as it was last read with the context's error.
// ErrNotFound where there is no such import.
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
		if err == nil && imp.State != Accepted && imp.State != Sending {
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
