package bot

import (
	"context"
	"sync"
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
// was sent to a process that did not answer; it is not ours any more. A wall
// clock that is put forward looks like a machine that slept, and is taken for
// one. So standstills are counted, and what is younger than the last one is told
// by the count: times would be wrong until the clock gets there again.
type pulse struct {
	now   func() time.Time
	broke func(stoodStill time.Duration) // told once each time

	mu     sync.Mutex
	last   time.Time // the last look at the clocks; zero before the first beat
	breaks int       // how often it was found to have stood still
}

// run beats until ctx ends.
func (p *pulse) run(ctx context.Context) {
	p.mu.Lock()
	p.last = p.now()
	p.mu.Unlock()
	beat := time.NewTicker(pulseEvery)
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			p.look()
		case <-ctx.Done():
			return
		}
	}
}

// look compares the clocks with what they said the last time, and returns how
// often the process stood still for longer than Slack waits. Whoever wakes
// first finds out.
func (p *pulse) look() (breaks int) {
	p.mu.Lock()
	now := p.now()
	stood := passed(p.last, now)
	broke := !p.last.IsZero() && stood > slackWaits
	if broke {
		p.breaks++
	}
	if !p.last.IsZero() {
		p.last = now
	}
	breaks = p.breaks
	p.mu.Unlock()
	if broke && p.broke != nil {
		p.broke(stood)
	}
	return breaks
}
