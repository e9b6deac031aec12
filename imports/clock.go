package imports

import (
	"time"

	"importbot/bigfix"
)

const (
	// giveOrTake is allowed between two times of one server, which writes some of them down a little late.
	giveOrTake = 5 * time.Second
	// rounding is what a server's times lose by being given in whole seconds.
	rounding = time.Second
	// sameMinutes is how long after its time a scheduled import may begin and still be that one.
	sameMinutes = 2 * time.Minute
)

// serverClock turns times of ours into the server's, as one of its answers showed its clock. Server times are compared
// with server times only: clocks are wrong by hours often enough.
type serverClock struct {
	ahead time.Duration // of ours
	slop  time.Duration // how wrong that may be: the answer was written some time between asking and its arrival
}

// clockOf reads the server's clock from an answer: what is left until the next scheduled import, where the server says
// both, else the Date header. ok is false where it gave neither.
func clockOf(o Observation) (c serverClock, ok bool) {
	if o.Status == nil {
		return serverClock{}, false
	}
	there := o.Status.Date
	// A time left of zero may be a due time long past, cut off at zero, and says nothing about the clock.
	if in := o.Status.NextImportIn; in != nil && *in > 0 && !o.Status.NextImportTime.IsZero() {
		there = o.Status.NextImportTime.Add(-*in)
	}
	if there.IsZero() {
		return serverClock{}, false
	}
	return serverClock{ahead: there.Sub(o.middle()), slop: o.half() + rounding}, true
}

// clock is the server's clock as the baseline's look showed it.
func (b *Baseline) clock() (c serverClock, ok bool) {
	if b == nil || b.Ahead == nil {
		return serverClock{}, false
	}
	return serverClock{ahead: *b.Ahead, slop: b.Span.half() + rounding}, true
}

// within says whether a time of the server's lies between two of ours, give or take.
func (c serverClock) within(there, from, to time.Time) bool {
	tolerance := giveOrTake + c.slop
	return !there.Before(from.Add(c.ahead-tolerance)) && !there.After(to.Add(c.ahead+tolerance))
}

// after says whether a time of the server's is certainly later than one of ours.
func (c serverClock) after(there, ours time.Time) bool {
	return there.After(ours.Add(c.ahead + giveOrTake + c.slop))
}

// asked is when the request left, or the best that is known.
func (s Span) asked() time.Time {
	if s.Asked.IsZero() {
		return s.At
	}
	return s.Asked
}

// half is half of how long the request took.
func (s Span) half() time.Duration { return max(s.At.Sub(s.asked()), 0) / 2 }

func (s Span) middle() time.Time { return s.asked().Add(s.half()) }

// dueBetween returns the schedule's entry that came, or comes, between two times of ours, and in the minutes before;
// ok is false where none did. A server that shows no clock is taken to have ours: a schedule only ever raises a doubt.
func (b *Baseline) dueBetween(from, to time.Time) (due scheduled, ok bool) {
	if b == nil {
		return scheduled{}, false
	}
	clock, _ := b.clock()
	for _, due := range []scheduled{{b.NextImportTime, b.NextImportType}, {b.DueTime, b.DueType}} {
		if !due.at.IsZero() && clock.within(due.at, from.Add(-sameMinutes), to) {
			return due, true
		}
	}
	return scheduled{}, false
}

// dueUntil is dueBetween from the baseline's own look on.
func (b *Baseline) dueUntil(to time.Time) (scheduled, bool) {
	if b == nil {
		return scheduled{}, false
	}
	return b.dueBetween(b.Span.asked(), to)
}

// scheduled is one entry of a server's schedule, by its clock.
type scheduled struct {
	at   time.Time
	kind bigfix.ImportType
}
