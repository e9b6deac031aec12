package bot

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	pulseEvery = time.Second
	// slackWaits is how long Slack waits for an ack. After that it has told the
	// person of a failure, and may have sent the envelope to another process.
	slackWaits = 3 * time.Second
)

// pulse notices that this process stood still: stopped by a debugger or a
// scheduler, suspended with its machine. What lies unread in a socket by then
// was sent to a process that did not answer; it is not ours any more. The wall
// clock is asked, for the other one stands still as well.
type pulse struct {
	broke func(stoodStill time.Duration) // told once each time

	last   atomic.Int64 // unix nanoseconds of the last beat; zero before the first
	thawed atomic.Int64 // when it was last found to have stood still
}

// run beats until ctx ends.
func (p *pulse) run(ctx context.Context) {
	beat := time.NewTicker(pulseEvery)
	defer beat.Stop()
	for p.beat(time.Now()); ; p.beat(time.Now()) {
		select {
		case <-beat.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *pulse) beat(now time.Time) {
	p.look(now)
	p.last.Store(now.UnixNano())
}

// look compares with the last beat. Whoever wakes first finds out.
func (p *pulse) look(now time.Time) {
	last := p.last.Load()
	stood := time.Duration(now.UnixNano() - last)
	if last == 0 || stood <= slackWaits {
		return
	}
	p.thawed.Store(now.UnixNano())
	if p.last.CompareAndSwap(last, now.UnixNano()) && p.broke != nil {
		p.broke(stood)
	}
}

// stoodStillSince tells whether the process stood still for longer than Slack
// waits, at some time since then.
func (p *pulse) stoodStillSince(then time.Time) bool {
	p.look(time.Now())
	thawed := p.thawed.Load()
	return thawed != 0 && thawed >= then.UnixNano()
}
