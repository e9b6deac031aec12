package bot

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits keeps this bot inside Slack's rate limits, method by method, and
// remembers what Slack said with a 429. It never waits: whoever is refused
// knows better than it what has become of the thing meanwhile.
//
// Slack counts per workspace and app, all processes together. What every
// process calls is divided among them. Posting and editing is the leader's
// alone, and not divided; there a new leader must not begin with an allowance
// that the one before may just have used.
type limits struct {
	born time.Time

	mu      sync.Mutex
	share   int                  // processes that share what is shared, 1 or more
	buckets map[string]*bucket   // by method, or method and what it is divided by
	blocked map[string]time.Time // by method
	swept   time.Time
}

type bucket struct {
	*rate.Limiter
	allowance
}

func newLimits(born time.Time) *limits {
	return &limits{born: born, share: 1, buckets: map[string]*bucket{}, blocked: map[string]time.Time{}}
}

// allowance is how often a method may be called. A bucket that holds burst and
// refills so many a minute lets at most both through in any minute.
type allowance struct {
	perMinute, burst int
	shared           bool // every process calls it
	empty            bool // when the process starts
}

// allowanceOf adds up to Slack's figures: 60 a minute and channel, 50 for all
// edits together, 100 elsewhere. Edits have next to no burst, so that three
// leaders within one minute stay below 50 together.
func allowanceOf(method string) allowance {
	switch method {
	case methodPost:
		return allowance{perMinute: 60, burst: 1, empty: true}
	case methodUpdate:
		return allowance{perMinute: 46, burst: 1, empty: true}
	case methodHistory, methodReplies:
		return allowance{perMinute: 80, burst: 10}
	case methodAuth:
		return allowance{perMinute: 40, burst: 5, shared: true} // for each of the two tokens
	}
	return allowance{perMinute: 80, burst: 10, shared: true}
}

// rates are the bucket's, for one of so many processes.
func (a allowance) rates(share int) (rate.Limit, int) {
	if !a.shared {
		share = 1
	}
	return rate.Every(time.Minute * time.Duration(share) / time.Duration(a.perMinute)), max(1, a.burst/share)
}

func (l *limits) newBucket(method string) *bucket {
	a := allowanceOf(method)
	b := &bucket{rate.NewLimiter(a.rates(l.share)), a}
	if a.empty {
		b.AllowN(l.born, b.Burst())
	}
	return b
}

// setShare divides what every process calls by n.
func (l *limits) setShare(n int, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.share = n
	for _, b := range l.buckets {
		every, burst := b.rates(n)
		b.SetLimitAt(now, every)
		b.SetBurstAt(now, burst)
	}
}

// take asks for one call of method, now: by is the channel that it posts to, or the token
// that it tries, so that neither of them takes the other's turns. It returns how long to wait
// before asking again, zero when the call may be made.
func (l *limits) take(method, by string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := l.blocked[method]; until.After(now) {
		return until.Sub(now)
	}
	l.sweep(now)
	key := method
	if method == methodPost || method == methodAuth {
		key += " " + by
	}
	bucket := l.buckets[key]
	if bucket == nil {
		bucket = l.newBucket(method)
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
