package bigfixtest

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Clock is the time that a simulated server lives in. NewClock returns one
// that stands still until it is moved; RealClock and FastClock return clocks
// that run. All of them can be moved by hand besides. It is safe for
// concurrent use.
type Clock struct {
	mu      sync.Mutex
	base    time.Time // what the clock said at since
	since   time.Time // on the machine's clock
	factor  float64   // 0: stands still
	waiting map[*waiter]struct{}
	changed chan struct{} // closed and replaced when waiting changes
}

// waiter is somebody who waits for the clock to reach a time.
type waiter struct {
	due   time.Time
	ready chan struct{}
	timer *time.Timer // nil on a clock that stands still
}

// NewClock returns a clock that shows start until Advance or Set moves it.
func NewClock(start time.Time) *Clock { return newClock(start, 0) }

// RealClock returns a clock that shows the machine's time.
func RealClock() *Clock { return newClock(time.Now(), 1) }

// FastClock returns a clock that begins at start and runs factor times as fast
// as the machine's: with 120, an import of 40 minutes takes 20 seconds.
func FastClock(start time.Time, factor float64) *Clock { return newClock(start, max(factor, 0)) }

func newClock(start time.Time, factor float64) *Clock {
	return &Clock{
		base: start, since: time.Now(), factor: factor,
		waiting: make(map[*waiter]struct{}), changed: make(chan struct{}),
	}
}

// Now is the time on the clock, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	passed := time.Duration(float64(time.Since(c.since)) * c.factor)
	return c.base.Add(passed).UTC().Round(0)
}

// Advance moves the clock by d and wakes whoever waited for the time passed.
// A negative d moves it back, which wakes nobody.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base = c.base.Add(d)
	c.wake()
}

// Set moves the clock to t.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base, c.since = t, time.Now()
	c.wake()
}

// Until returns a channel that is closed when the clock shows t or later, and
// a function that gives up waiting, which must be called.
func (c *Clock) Until(t time.Time) (reached <-chan struct{}, stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &waiter{due: t, ready: make(chan struct{})}
	if !c.now().Before(t) {
		close(w.ready)
		return w.ready, func() {}
	}
	c.waiting[w] = struct{}{}
	c.arm(w)
	c.announce()
	return w.ready, func() { c.forget(w) }
}

// Waiters is how many wait for the clock: a server that was told to be slow
// waits here. A test that moves the clock looks first whether anybody waits.
func (c *Clock) Waiters() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting)
}

// Await blocks until at least n wait for the clock, or ctx ends.
func (c *Clock) Await(ctx context.Context, n int) error {
	for {
		c.mu.Lock()
		enough, changed := len(c.waiting) >= n, c.changed
		c.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("bigfixtest: fewer than %d wait for the clock: %w", n, ctx.Err())
		}
	}
}

func (c *Clock) announce() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Clock) forget(w *waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(w)
}

func (c *Clock) remove(w *waiter) {
	if w.timer != nil {
		w.timer.Stop()
	}
	delete(c.waiting, w)
	c.announce()
}

// wake lets go of everybody whose time has come and sets the others' timers
// anew.
func (c *Clock) wake() {
	now := c.now()
	for w := range c.waiting {
		if now.Before(w.due) {
			c.arm(w)
			continue
		}
		c.remove(w)
		close(w.ready)
	}
}

// arm sets the timer of a waiter on a clock that runs.
func (c *Clock) arm(w *waiter) {
	if c.factor == 0 {
		return
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	left := time.Duration(float64(w.due.Sub(c.now()))/c.factor) + time.Millisecond
	w.timer = time.AfterFunc(left, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.wake()
	})
}
