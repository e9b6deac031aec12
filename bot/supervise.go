package bot

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// link is one of the connections that a Bot holds, through all the sockets
// that it will have. Its supervisor writes it, Health reads it.
type link struct {
	number int

	mu       sync.Mutex
	socket   *socket // the current one, nil between two
	hello    time.Time
	silent   bool // the socket before had fallen silent
	opened   int  // sockets tried so far
	failures int  // short-lived ones in a row
	lastErr  error
}

// supervise keeps one connection open until ctx ends or a token is refused for good.
//
// The library would reconnect by itself, at once and thousands of times a
// second when Slack closes every connection after its hello. So it gets to open
// one socket only, and what comes next is decided here: a connection that
// lasted is replaced at once, one that did not after a pause that doubles.
func (b *Bot) supervise(ctx context.Context, l *link, delay time.Duration) {
	log := b.log.WithField("connection", l.number)
	for pause(ctx, delay) && b.gate.wait(ctx, l) {
		lasted, err := b.open(ctx, l)
		b.gate.left(l)
		if ctx.Err() != nil || b.leaving.Load() {
			return
		}
		if fatal := (*FatalError)(nil); errors.As(err, &fatal) {
			if fatal.Variable != VarAppToken {
				b.stop(fatal)
				return
			}
			if b.refuse(&b.appToken, methodOpen, fatal); !b.awaitToken(ctx, l, fatal) {
				return
			}
			delay = 0
			continue
		}
		if limited := (*RateLimitedError)(nil); errors.As(err, &limited) {
			b.gate.block(time.Now().Add(limited.After))
		}
		failures := l.ended(err, lasted >= b.cfg.Stable)
		delay = b.backoff(failures)
		log.WithFields(map[string]any{
			"lasted": lasted.Round(time.Millisecond), "next_in": delay.Round(time.Millisecond), "failures": failures,
		}).WithError(err).Info("Slack connection ended")
	}
}

// awaitToken waits until it is this connection's turn to try a refused token
// again, or Slack takes it. It tells whether there is anything to go on for.
func (b *Bot) awaitToken(ctx context.Context, l *link, refused error) bool {
	l.mu.Lock()
	l.socket, l.lastErr = nil, refused
	l.mu.Unlock()
	wait, well := b.appToken.tryIn(b.retryRefused())
	b.log.WithField("connection", l.number).WithField("next_in", wait.Round(time.Millisecond)).Debug("Slack refuses the app token")
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-well:
	case <-ctx.Done():
		return false
	}
	return true
}

// ended notes the end of a socket and returns how many short-lived ones there
// were in a row.
func (l *link) ended(err error, lasted bool) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.socket, l.lastErr = nil, err
	l.silent = errors.Is(err, errSilent) || errors.Is(err, errNoHello)
	l.failures++
	if lasted {
		l.failures = 0
	}
	return l.failures
}

// backoff is the pause after so many failures in a row: none at first, then
// doubling from BackoffMin to BackoffMax, of which up to half is left to chance.
func (b *Bot) backoff(failures int) time.Duration {
	if failures == 0 {
		return 0
	}
	d := b.cfg.BackoffMax
	if shift := failures - 1; shift < 16 {
		d = min(d, b.cfg.BackoffMin<<shift)
	}
	return d - rand.N(d/2+1)
}

// The gate's rates hold for all connections of all processes together: at most
// openBurst + a minute's worth, 28, in any minute, however many connections there
// are, and 30 with ten processes.
const (
	openBurst = 8
	openEvery = 3 * time.Second
)

// gate stands before apps.connections.open, for all connections: it bounds how
// often that is asked, honours its Retry-After, and keeps the connections apart
// in age, because Slack refreshes a connection at a certain age, and two that
// are refreshed together leave a gap.
type gate struct {
	stagger time.Duration
	rate    *rate.Limiter

	mu      sync.Mutex
	blocked time.Time
	up      map[*link]time.Time // when the ones that are up said hello, or began to be opened
}

func newGate(stagger time.Duration) *gate {
	return &gate{
		stagger: stagger,
		rate:    rate.NewLimiter(rate.Every(openEvery), openBurst),
		up:      map[*link]time.Time{},
	}
}

// setShare divides the rate among so many processes.
func (g *gate) setShare(n int) {
	g.rate.SetLimit(rate.Every(openEvery * time.Duration(n)))
	g.rate.SetBurst(max(1, openBurst/n))
}

// wait returns true when l may open a socket now, false when ctx ended first.
func (g *gate) wait(ctx context.Context, l *link) bool {
	for {
		d := g.enter(l, time.Now())
		if d <= 0 {
			return g.rate.Wait(ctx) == nil
		}
		if !pause(ctx, d) {
			return false
		}
	}
}

// enter lets l through and returns zero, or returns for how long it has to wait.
// Who is let through is noted at once: two that were cut at the same moment would
// otherwise come through together. It is forgotten when the opening fails.
func (g *gate) enter(l *link, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	d := g.blocked.Sub(now)
	for other, hello := range g.up {
		if other != l {
			d = max(d, hello.Add(g.stagger).Sub(now))
		}
	}
	if d <= 0 {
		g.up[l] = now
	}
	return d
}

func (g *gate) block(until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until.After(g.blocked) {
		g.blocked = until
	}
}

func (g *gate) greeted(l *link) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.up[l] = time.Now()
}

func (g *gate) left(l *link) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.up, l)
}

// pause waits for d and tells whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
