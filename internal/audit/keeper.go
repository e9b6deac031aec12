package audit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	most        = 1000             // entries that may wait
	firstRetry  = time.Second      // after a failure, and twice as long after each further one
	lastRetry   = 30 * time.Second // at most
	drainWithin = 2 * time.Second  // how long the end may take for what still waits
)

// keeper brings entries to one place, in their order, and holds them while that place does not take them.
type keeper struct {
	what  string // "line" or "row", for the log
	write func(context.Context, Entry) error
	log   logrus.FieldLogger
	more  chan struct{} // holds a token when there may be something to do

	mu      sync.Mutex
	waiting []Entry
	lost    int   // entries that found no room since the last one that did
	gap     Entry // tells of them
	ended   bool  // nobody reads waiting any more
}

func newKeeper(what string, write func(context.Context, Entry) error, log logrus.FieldLogger) *keeper {
	return &keeper{what: what, write: write, log: log, more: make(chan struct{}, 1)}
}

// note takes an entry in, or counts it as lost.
func (k *keeper) note(e Entry) {
	if k.take(e) {
		select {
		case k.more <- struct{}{}:
		default:
		}
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	if err := k.write(ctx, e); err != nil {
		k.log.WithError(err).Errorf("An audit %s noted while stopping is lost", k.what)
	}
}

// take returns false once nobody would bring the entry where it belongs.
func (k *keeper) take(e Entry) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return false
	}
	k.mindTheGap()
	if len(k.waiting) < most {
		k.waiting = append(k.waiting, e)
		return true
	}
	if k.lost == 0 {
		k.gap = Entry{At: e.At, Kind: Lost, Result: Failed, Replica: e.Replica}
		k.log.Errorf("Audit %ss are lost: %d wait already", k.what, most)
	}
	k.lost++
	return true
}

// mindTheGap puts an entry about those that were lost where they would stand, as soon as there is room for it. It is called with mu held.
func (k *keeper) mindTheGap() {
	if k.lost == 0 || len(k.waiting) >= most {
		return
	}
	k.gap.Reason = fmt.Sprintf("%d %ss found no room from this time on", k.lost, k.what)
	k.waiting = append(k.waiting, k.gap)
	k.lost = 0
}

// run brings what waits until ctx ends, and the rest within drainWithin of that.
func (k *keeper) run(ctx context.Context) {
	var failures int
	for ctx.Err() == nil {
		e, ok := k.first()
		if !ok {
			wait(ctx, k.more, nil)
			continue
		}
		err := k.write(ctx, e)
		switch {
		case err == nil:
			k.done()
			if failures > 0 {
				k.log.WithField("tries", failures+1).Infof("Audit %ss are written again", k.what)
			}
			failures = 0
		case ctx.Err() == nil:
			if failures == 0 {
				k.log.WithError(err).Errorf("An audit %s can't be written; it and those behind it wait in memory, and I keep trying", k.what)
			}
			pause(ctx, failures)
			failures++
		}
	}
	k.drain(context.WithoutCancel(ctx))
}

func wait(ctx context.Context, more <-chan struct{}, timer <-chan time.Time) {
	select {
	case <-more:
	case <-timer:
	case <-ctx.Done():
	}
}

// pause waits longer the more failures there were.
func pause(ctx context.Context, failures int) {
	timer := time.NewTimer(min(firstRetry<<min(failures, 10), lastRetry))
	defer timer.Stop()
	wait(ctx, nil, timer.C)
}

// drain writes what still waits, and after it nothing: what is noted from then on is written by whoever notes it.
func (k *keeper) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	for {
		e, ok := k.firstOrEnd()
		if !ok {
			return
		}
		if err := k.write(ctx, e); err != nil {
			k.log.WithError(err).Errorf("%d audit %ss are lost: they could not be written before the end", k.abandon(), k.what)
			return
		}
		k.done()
	}
}

// first returns the entry whose turn it is.
func (k *keeper) first() (Entry, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.waiting) == 0 {
		return Entry{}, false
	}
	return k.waiting[0], true
}

// firstOrEnd is first, and ends the keeping where nothing waits.
func (k *keeper) firstOrEnd() (Entry, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.waiting) == 0 {
		k.ended = true
		return Entry{}, false
	}
	return k.waiting[0], true
}

// done drops the entry whose turn it was.
func (k *keeper) done() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting = k.waiting[1:]
	k.mindTheGap()
}

// abandon ends the keeping and returns how many entries are lost by it.
func (k *keeper) abandon() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = true
	return len(k.waiting) + k.lost
}
