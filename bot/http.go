package bot

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// maxAnswer bounds what is read of one answer of Slack's.
const maxAnswer = 16 << 20

// newHTTPClient makes the client for everything but the WebSocket. It follows
// no redirect, for a token must not go where it was not sent, and it resends
// nothing that may have arrived. It speaks HTTP/1.1 only: there a connection
// belongs to one request at a time, and can be asked whether that may leave.
func newHTTPClient(timeout time.Duration) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = gated(transport.DialContext)
	transport.MaxIdleConnsPerHost = 8
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	return &http.Client{
		Timeout:       timeout,
		Transport:     tripper{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// trip is what this package wants to know of one call and the library does
// not tell: whether the request left, and what a 429 said.
type trip struct {
	wrote            atomic.Bool
	status           atomic.Int64
	retryAfterHeader atomic.Pointer[string]
	unsent           atomic.Pointer[unsent]
}

type tripKey struct{}

// withTrip returns a context whose one request fills in the trip.
func withTrip(ctx context.Context) (context.Context, *trip) {
	t := &trip{}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaderField: func(string, []string) { t.wrote.Store(true) },
		WroteHeaders:     func() { t.wrote.Store(true) },
	})
	return context.WithValue(ctx, tripKey{}, t), t
}

// left tells whether the request may have reached Slack.
func (t *trip) left() bool { return t == nil || t.wrote.Load() }

// heldBack is why the request was not sent, nil where nothing held it back.
func (t *trip) heldBack() *unsent {
	if t == nil {
		return nil
	}
	return t.unsent.Load()
}

func (t *trip) limited() bool { return t != nil && t.status.Load() == http.StatusTooManyRequests }

// retryAfter is how long Slack wants to be left alone. A header that is absent
// or makes no sense counts as defaultRetryAfter.
func (t *trip) retryAfter() time.Duration {
	if t == nil || t.retryAfterHeader.Load() == nil {
		return defaultRetryAfter
	}
	return parseRetryAfter(*t.retryAfterHeader.Load())
}

func parseRetryAfter(header string) time.Duration {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(header), 64)
	if err != nil || !(seconds > 0) || seconds > 24*60*60 {
		return defaultRetryAfter
	}
	return time.Duration(seconds * float64(time.Second))
}

type tripper struct{ *http.Transport }

func (t tripper) RoundTrip(req *http.Request) (*http.Response, error) {
	req, err := (&hold{ctx: req.Context()}).request(req)
	if err != nil {
		return nil, err
	}
	resp, err := t.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if trip, ok := req.Context().Value(tripKey{}).(*trip); ok {
		trip.status.Store(int64(resp.StatusCode))
		if header := resp.Header.Get("Retry-After"); header != "" {
			trip.retryAfterHeader.Store(&header)
		}
	}
	resp.Body = limitedBody{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

type limitedBody struct {
	io.Reader
	io.Closer
}
