package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// ErrFenced: a fence (see [WithFence]) refused a call, and nothing of it was
// sent. The fence's own error is wrapped.
var ErrFenced = errors.New("the call was not sent")

type fenceKey struct{}

// WithFence returns a context whose calls ask fence right before their first
// byte is written: after waiting, dialling and the TLS handshake. If it returns
// an error, the call is not sent and fails with ErrFenced and that error; it is
// surely not taken. A process that was frozen can so be kept from saying what it
// has no right to say any more. fence is called from another goroutine than the
// caller's and must not block. Where ctx has a fence already, both are asked.
func WithFence(ctx context.Context, fence func() error) context.Context {
	if outer := fenceOf(ctx); outer != nil {
		inner := fence
		fence = func() error {
			if err := outer(); err != nil {
				return err
			}
			return inner()
		}
	}
	return context.WithValue(ctx, fenceKey{}, fence)
}

func fenceOf(ctx context.Context) func() error {
	fence, _ := ctx.Value(fenceKey{}).(func() error)
	return fence
}

// unsent is why a request was held back.
type unsent struct{ kind, cause error }

// mayLeave asks whether a request may be written now. The timer that ends a
// context fires late in a process that was frozen, or not at all on a machine
// that was suspended: so the deadline is compared with the clocks.
func mayLeave(ctx context.Context) *unsent {
	if deadline, ok := ctx.Deadline(); ok && isPast(deadline, time.Now()) {
		return &unsent{ErrUnavailable, fmt.Errorf("not sent, its time was over: %w", context.DeadlineExceeded)}
	}
	if err := ctx.Err(); err != nil {
		return &unsent{ErrUnavailable, fmt.Errorf("not sent: %w", context.Cause(ctx))}
	}
	if fence := fenceOf(ctx); fence != nil {
		if err := fence(); err != nil {
			return &unsent{ErrFenced, err}
		}
	}
	return nil
}

// hold decides about one request, when its first byte is about to be written.
// Once refused it stays so.
type hold struct {
	ctx    context.Context
	unsent atomic.Pointer[unsent]
}

func (h *hold) ask() error {
	if h.unsent.Load() == nil {
		refused := mayLeave(h.ctx)
		if refused == nil {
			return nil
		}
		h.unsent.Store(refused)
		if trip, ok := h.ctx.Value(tripKey{}).(*trip); ok {
			trip.unsent.Store(refused)
		}
	}
	return h.refusal()
}

func (h *hold) refusal() error {
	if refused := h.unsent.Load(); refused != nil {
		return fmt.Errorf("%w: %w", refused.kind, refused.cause)
	}
	return nil
}

// request returns req so that h is asked by the connection that it gets. A
// refusal costs that connection, which is closed; so h is asked here as well,
// before there is one.
func (h *hold) request(req *http.Request) (*http.Request, error) {
	if err := h.ask(); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	held := req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			if gated := gatedUnder(info.Conn); gated != nil {
				gated.next.Store(h)
			}
		},
	}))
	if req.GetBody != nil { // net/http begins anew where a kept connection turned out to be dead
		held.GetBody = func() (io.ReadCloser, error) {
			if err := h.refusal(); err != nil {
				return nil, err // and would else try every connection that it kept
			}
			return req.GetBody()
		}
	}
	return held, nil
}

// gatedConn is a connection that asks before it writes the first byte of a
// request. It stands below TLS, whose handshake is over by then, so that
// proxies make no difference.
type gatedConn struct {
	net.Conn
	next atomic.Pointer[hold] // of the request that is written next
}

func (c *gatedConn) Write(p []byte) (int, error) {
	if h := c.next.Swap(nil); h != nil {
		if err := h.ask(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// gatedUnder finds it below the layers of TLS.
func gatedUnder(conn net.Conn) *gatedConn {
	for {
		switch c := conn.(type) {
		case *gatedConn:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}

// gated makes a dialer's connections ask.
func gated(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &gatedConn{Conn: conn}, nil
	}
}
