package bigfix

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// WithFence returns a context whose requests ask fence right before their
// first byte is written to a connection: after dialling and the TLS handshake,
// which may take their time, and on a kept connection too. If fence returns an
// error the request is not sent, and the method returns an *Error that is
// NotSent and wraps that error. A request for a token is a request like any
// other: a Start with user and password may ask twice.
//
// It is for programs of which one process acts and others stand by. One that
// was frozen, and replaced meanwhile, finds itself in the middle of a Start
// when it wakes, and must not go on:
//
//	ctx = bigfix.WithFence(ctx, func() error {
//		if !lease.Held() {
//			return errReplaced
//		}
//		return nil
//	})
//	_, err := client.Start(ctx, bigfix.TypeRaw)
//
// Of fences one within the other all are asked, the outermost first. A fence
// is called from another goroutine than the request's and must not block.
//
// Without a fence too, no request is written once its context has ended or
// its deadline is past on the wall clock, even where no timer has fired yet: a
// process that was frozen, or a machine that slept, may wake at any point.
func WithFence(ctx context.Context, fence func() error) context.Context {
	inner := fence
	if outer := fenceOf(ctx); outer != nil {
		fence = func() error {
			if err := outer(); err != nil {
				return err
			}
			return inner()
		}
	}
	return context.WithValue(ctx, fenceKey{}, fence)
}

type fenceKey struct{}

func fenceOf(ctx context.Context) func() error {
	fence, _ := ctx.Value(fenceKey{}).(func() error)
	return fence
}

// gate lets one request out to the wire, or doesn't.
type gate struct {
	callers context.Context
	own     context.Context // the callers', with the client's timeout
	cancel  context.CancelFunc
	now     func() time.Time // on the wall

	mu   sync.Mutex
	open bool  // what is written passes
	sent bool  // something has passed
	why  error // it is shut for good
}

// pass is asked before each write on the connection that the request got.
func (g *gate) pass() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open || g.why != nil {
		return g.why
	}
	if g.why = g.refusal(); g.why != nil {
		g.cancel() // no other connection has to be tried
		return g.why
	}
	g.open, g.sent = true, true
	return nil
}

// refusal says why the request must not leave now.
func (g *gate) refusal() error {
	if fence := fenceOf(g.callers); fence != nil {
		if err := fence(); err != nil {
			return err
		}
	}
	if err := g.callers.Err(); err != nil {
		return err
	}
	if g.late() || g.own.Err() != nil {
		return tooLate{}
	}
	return nil
}

// late says whether the time of the request is over, by the wall clock or by
// the machine's own, which may stand still while it sleeps.
func (g *gate) late() bool {
	end, _ := g.own.Deadline()
	return time.Until(end) <= 0 || !g.now().Before(end.Round(0))
}

// arm makes the next write ask again: it is the first one on its connection.
func (g *gate) arm() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = false
}

// seal keeps in what has not left, for whoever asked is told that the request
// failed. It reports whether any of it had left, and what had refused it.
func (g *gate) seal() (sent bool, refused error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	refused = g.why
	if !g.open && g.why == nil {
		g.why = errSealed
	}
	return g.sent, refused
}

const errSealed = reason("given up before it was sent")

// tooLate is a request whose time was over before it left.
type tooLate struct{}

func (tooLate) Error() string        { return "could not be sent in time" }
func (tooLate) Timeout() bool        { return true }
func (tooLate) Is(target error) bool { return target == context.DeadlineExceeded }

// gatedConn is a connection with the gate of the request that it carries: none
// while it is dialled, led through a proxy and shakes hands.
type gatedConn struct {
	net.Conn
	gate atomic.Pointer[gate]
}

func (c *gatedConn) Write(b []byte) (int, error) {
	if g := c.gate.Load(); g != nil {
		if err := g.pass(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}

// gated makes a dialer whose connections can be given a gate.
func gated(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &gatedConn{Conn: conn}, nil
	}
}

// guard puts a gate before a connection that a request got, below the TLS that
// may be on it.
func (g *gate) guard(conn net.Conn) {
	g.arm()
	for {
		switch c := conn.(type) {
		case *gatedConn:
			c.gate.Store(g)
			return
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default: // not one of ours: better nothing leaves than something unasked
			conn.Close() //nolint:errcheck // it has carried nothing
			return
		}
	}
}
