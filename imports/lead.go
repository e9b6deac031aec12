package imports

import (
	"errors"
	"fmt"
)

// Lead is one process's time as the leader. Whatever reconciles gets one when its time begins, and ends with it: the
// next time needs a new Engine, for nothing that one knew in memory outlives it.
//
// Two things keep a leader that was replaced without knowing it from speaking twice. Its Epoch travels with all it
// writes, and the store refuses it. And for what leaves for a server or for Slack, which no store can refuse, Check is
// asked right before it leaves.
type Lead struct {
	// Epoch is the one that was taken with the lead.
	Epoch Epoch
	// Held returns nil for as long as this process may count on leading, and ErrNotLeader (wrapped, with why) from the
	// moment on at which it can't be sure any more, because it was frozen, say. It is cheap and does no I/O. Nil means
	// always: nobody else can lead on a database that only this process has open.
	Held func() error
}

// Check returns nil while this process leads, else an error that is ErrNotLeader.
func (l Lead) Check() error {
	if l.Held == nil {
		return nil
	}
	err := l.Held()
	if err == nil || errors.Is(err, ErrNotLeader) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNotLeader, err)
}
