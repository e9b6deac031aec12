package slacksim

import (
	"time"
)

// anyMethod stands for every method without an entry of its own.
const anyMethod = "*"

// Limit is how often a method may be called.
type Limit struct {
	Calls int           // within Per; 0 lifts the limit
	Per   time.Duration // the window
	// Burst, if set, makes it a bucket: Calls within Per in the long run, and as
	// many as Burst at once after a pause.
	Burst int
	// PerChannel counts each channel for itself.
	PerChannel bool
}

// defaultLimits are Slack's, per method and workspace.
var defaultLimits = map[string]Limit{
	"chat.postMessage": {Calls: 1, Per: time.Second, Burst: 3, PerChannel: true},
	"chat.update":      {Calls: 50, Per: time.Minute},
	anyMethod:          {Calls: 100, Per: time.Minute},
}

// refusal is why a call is not admitted; the zero value admits it.
type refusal struct {
	wait     time.Duration
	own      bool // by the limits, and not because of a Fault
	hammered bool // the caller had been told to wait and did not
}

// hammerGrace is how long after a 429 a call may still arrive that was under
// way when it was answered. Real time: it is about networks and schedulers.
const hammerGrace = 500 * time.Millisecond

// limiter counts calls. The simulator's lock guards it.
type limiter struct {
	limits map[string]Limit
	counts map[string]*count
}

type count struct {
	calls []time.Time // of the window, oldest first
	level float64     // of the bucket
	last  time.Time
	// After a 429: when the next call may come, and when we said so to whom.
	blocked time.Time
	told    map[string]time.Time // by process; real
	byFault bool
}

func newLimiter(own map[string]Limit) limiter {
	l := limiter{limits: map[string]Limit{}, counts: map[string]*count{}}
	for method, limit := range defaultLimits {
		l.limits[method] = limit
	}
	for method, limit := range own {
		l.limits[method] = limit
	}
	return l
}

func (l *limiter) of(method, channelID string) (Limit, *count) {
	limit, ok := l.limits[method]
	if !ok {
		limit = l.limits[anyMethod]
	}
	key := method
	if limit.PerChannel {
		key += " " + channelID
	}
	c := l.counts[key]
	if c == nil {
		c = &count{level: float64(limit.Burst)}
		l.counts[key] = c
	}
	return limit, c
}

// admit counts a call, of whichever process: limits hold for all together.
func (l *limiter) admit(method, channelID, process string, now time.Time) refusal {
	limit, c := l.of(method, channelID)
	if now.Before(c.blocked) {
		return refusal{wait: c.blocked.Sub(now), own: !c.byFault, hammered: c.hammered(process)}
	}
	if limit.Calls == 0 {
		return refusal{}
	}
	var wait time.Duration
	if limit.Burst > 0 {
		wait = c.pour(limit, now)
	} else {
		wait = c.slide(limit, now)
	}
	if wait > 0 {
		wait = wholeSeconds(wait)
		c.block(now, wait, process)
	}
	return refusal{wait: wait, own: wait > 0}
}

// block refuses the method until wait has passed, and tells one process so.
func (c *count) block(now time.Time, wait time.Duration, process string) {
	c.blocked, c.byFault = now.Add(wait), false
	c.told = map[string]time.Time{process: time.Now()}
}

// hammered reports whether a process that calls while the method is blocked
// was told so before. The others can't know; now this one does.
func (c *count) hammered(process string) bool {
	at, knew := c.told[process]
	if !knew {
		c.told[process] = time.Now()
	}
	return knew && time.Since(at) > hammerGrace
}

// pour takes one from a bucket, or says how long until there is one.
func (c *count) pour(limit Limit, now time.Time) time.Duration {
	perCall := limit.Per / time.Duration(limit.Calls)
	if !c.last.IsZero() {
		c.level = min(float64(limit.Burst), c.level+float64(now.Sub(c.last))/float64(perCall))
	}
	c.last = now
	if c.level < 1 {
		return time.Duration((1 - c.level) * float64(perCall))
	}
	c.level--
	return 0
}

// slide counts within a sliding window, or says how long until its oldest call
// leaves it.
func (c *count) slide(limit Limit, now time.Time) time.Duration {
	start := now.Add(-limit.Per)
	for len(c.calls) > 0 && !c.calls[0].After(start) {
		c.calls = c.calls[1:]
	}
	if len(c.calls) >= limit.Calls {
		return c.calls[0].Sub(start)
	}
	c.calls = append(c.calls, now)
	return 0
}

// wholeSeconds rounds up, as Retry-After has it: one at least.
func wholeSeconds(d time.Duration) time.Duration {
	return max(time.Second, (d+time.Second-1)/time.Second*time.Second)
}
