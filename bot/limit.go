package bot

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits keeps this bot inside Slack's rate limits, method by method, and
// remembers what Slack said with a 429. It never waits: whoever is refused
// knows better than it what has become of the thing meanwhile.
type limits struct {
	mu      sync.Mutex
	buckets map[string]*rate.Limiter // by method, or method and channel
	blocked map[string]time.Time     // by method
	swept   time.Time
}

func newLimits() *limits {
	return &limits{buckets: map[string]*rate.Limiter{}, blocked: map[string]time.Time{}}
}

// bucketFor gives a method's allowance. A bucket that holds b and refills r a
// minute lets at most b+r through in any minute, so they add up to Slack's figure:
// 60 a minute and channel, 50 for all edits together, 100 elsewhere.
func bucketFor(method string) *rate.Limiter {
	switch method {
	case methodPost:
		return rate.NewLimiter(1, 1)
	case methodUpdate:
		return rate.NewLimiter(rate.Every(time.Minute/40), 10)
	}
	return rate.NewLimiter(rate.Every(time.Minute/80), 20)
}

// take asks for one call of method, now. It returns how long to wait before
// asking again, zero when the call may be made.
func (l *limits) take(method, channel string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := l.blocked[method]; until.After(now) {
		return until.Sub(now)
	}
	l.sweep(now)
	key := method
	if method == methodPost {
		key += " " + channel
	}
	bucket := l.buckets[key]
	if bucket == nil {
		bucket = bucketFor(method)
		l.buckets[key] = bucket
	}
	reservation := bucket.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

// block notes Slack's Retry-After. A later moment is never brought forward.
func (l *limits) block(method string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.blocked[method]) {
		l.blocked[method] = until
	}
}

// sweep forgets, once a minute, the buckets that are full again: there is one
// for every channel and person ever written to.
func (l *limits) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Minute {
		return
	}
	l.swept = now
	for key, bucket := range l.buckets {
		if bucket.TokensAt(now) >= float64(bucket.Burst()) {
			delete(l.buckets, key)
		}
	}
}
