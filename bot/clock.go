package bot

import (
	"sync/atomic"
	"time"
)

// A process has two clocks. The wall clock can be set, by hand or by NTP, and
// then jumps. The monotonic one can't; it goes on while a process is stopped, but
// stands still while its machine is suspended. A time.Time that comes from
// time.Now holds both readings, so times are kept as that and never as a number
// of seconds. Where it matters that a machine may have slept, both are asked, and
// the one that says that more time has passed is believed: put back, the wall
// clock then changes nothing, and put forward it costs what a sleep would have
// cost, which is moments.

// passed is how long ago then was, as seen at now, by the clock that says more.
func passed(then, now time.Time) time.Duration {
	return max(now.Sub(then), now.Round(0).Sub(then.Round(0)))
}

// isPast tells whether either clock has reached the deadline.
func isPast(deadline, now time.Time) bool { return passed(deadline, now) >= 0 }

// moment is when something last happened, by both clocks.
type moment struct{ at atomic.Pointer[time.Time] }

func (m *moment) set(t time.Time) { m.at.Store(&t) }

// advance is set, but never goes back.
func (m *moment) advance(t time.Time) {
	for {
		known := m.at.Load()
		if known != nil && !known.Before(t) || m.at.CompareAndSwap(known, &t) {
			return
		}
	}
}

// get returns the zero time for what never happened.
func (m *moment) get() time.Time {
	if t := m.at.Load(); t != nil {
		return *t
	}
	return time.Time{}
}
