package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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

// isPast compares by the monotonic clock and by the wall clock: the first
// stands still while a machine is suspended.
func isPast(deadline, now time.Time) bool {
	return !now.Before(deadline) || !now.Round(0).Before(deadline.Round(0))
}

// guarded returns the request with a body that asks mayLeave when its first
// byte is read. net/http reads it once the connection stands, and has written
// nothing by then: the header waits in a buffer for the body. What is refused
// leaves no byte on the network, and costs the pool that one connection; so
// mayLeave is asked here as well, before there is one.
func guarded(req *http.Request) (*http.Request, error) {
	h := &hold{ctx: req.Context()}
	if err := h.ask(); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	if req.Body == nil || req.Body == http.NoBody {
		return req, nil
	}
	held := new(http.Request)
	*held = *req
	held.Body = &heldBody{ReadCloser: req.Body, hold: h}
	if req.GetBody != nil { // net/http begins anew where a kept connection turned out to be dead
		held.GetBody = func() (io.ReadCloser, error) {
			if err := h.refusal(); err != nil {
				return nil, err // and would else try every connection that it kept
			}
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			return &heldBody{ReadCloser: body, hold: h}, nil
		}
	}
	return held, nil
}

// hold decides about one request. Once refused it stays so.
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

// heldBody is a body that may be forbidden to leave.
type heldBody struct {
	io.ReadCloser
	hold    *hold
	begun   bool
	refused error
}

func (b *heldBody) Read(p []byte) (int, error) {
	if !b.begun {
		b.begun, b.refused = true, b.hold.ask()
	}
	if b.refused != nil {
		return 0, b.refused
	}
	return b.ReadCloser.Read(p)
}
