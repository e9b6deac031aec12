package bigfix

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxBody    = 1 << 20 // an answer has some 500 bytes
	maxHeader  = 64 << 10
	maxMessage = 300 // runes of a server's message
)

// answer is what came back: the status line, what is needed of the header, and
// the body, or why it could not be read.
type answer struct {
	status   int
	html     bool
	location string
	date     time.Time
	body     []byte
	bodyErr  error
}

// sender sends one request and returns the answer, whatever its status.
type sender func(context.Context, string, *http.Request) (*answer, *Error)

// wire speaks HTTP/1.1. It uses transports without an http.Client above them:
// so there is nothing that could follow a redirect, keep a cookie or wrap a URL
// with a token in it into an error.
type wire struct {
	cfg     Config
	tls     *tls.Config
	secrets *secrets
	looks   *http.Transport
	now     func() time.Time // on the wall
}

func newWire(cfg Config, tlsConfig *tls.Config, s *secrets) *wire {
	w := &wire{cfg: cfg, tls: tlsConfig, secrets: s, now: onTheWall}
	w.looks = w.transport()
	return w
}

// onTheWall is the time without the monotonic clock, which leaves out what a
// machine slept.
func onTheWall() time.Time { return time.Now().Round(0) }

func (w *wire) transport() *http.Transport {
	dial := w.cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  tunnelOnly,
		DialContext:            gated(dial),
		TLSClientConfig:        w.tls.Clone(),
		Protocols:              protocols,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// tunnelOnly takes the proxy of the environment for https, where it is a blind
// tunnel. A proxy that sees requests may repeat a GET.
func tunnelOnly(req *http.Request) (*url.URL, error) {
	if req.URL.Scheme != "https" {
		return nil, nil
	}
	return http.ProxyFromEnvironment(req)
}

// look sends a request that may be repeated, on a kept connection if there is
// one.
func (w *wire) look(ctx context.Context, op string, req *http.Request) (*answer, *Error) {
	return w.send(ctx, op, req, w.looks)
}

// once sends a request at most once. net/http resends a GET when a connection
// that it used before turns out to be broken, so this one gets a transport of
// its own, which has no connection to reuse, keeps none, and may dial a single
// time: resending would need a second connection, and there is none to be had.
func (w *wire) once(ctx context.Context, op string, req *http.Request) (*answer, *Error) {
	t := w.transport()
	t.DisableKeepAlives = true
	t.DialContext = onlyOnce(t.DialContext)
	defer t.CloseIdleConnections()
	return w.send(ctx, op, req, t)
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

func onlyOnce(dial dialFunc) dialFunc {
	var dialled atomic.Bool
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialled.Swap(true) {
			return nil, reason("a second connection for a request that may be sent only once")
		}
		return dial(ctx, network, address)
	}
}

func (w *wire) send(ctx context.Context, op string, req *http.Request, t *http.Transport) (*answer, *Error) {
	own, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	g := &gate{callers: ctx, own: own, cancel: cancel, now: w.now}
	traced := httptrace.WithClientTrace(own, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) { g.guard(got.Conn) },
	})
	resp, err := t.RoundTrip(req.WithContext(traced))
	if err != nil {
		// What was not let out to a connection was never sent. How much of the
		// rest arrived can't be known.
		sent, refused := g.seal()
		if refused == nil {
			refused = w.cause(ctx, own, err)
		}
		return nil, &Error{Kind: ErrUnavailable, Op: op, Unsent: !sent, Err: refused}
	}
	defer resp.Body.Close()
	ans := &answer{status: resp.StatusCode, location: resp.Header.Get("Location")}
	ans.date, _ = http.ParseTime(resp.Header.Get("Date"))
	ans.body, err = readBody(resp)
	if err != nil {
		ans.bodyErr = w.cause(ctx, own, err)
	}
	if g.late() { // nobody knows of when an answer is that lay here while this process was frozen
		return nil, &Error{Kind: ErrUnavailable, Op: op, Err: tooSlow(w.cfg.Timeout)}
	}
	ans.html = isHTML(resp.Header.Get("Content-Type"), ans.body)
	return ans, nil
}

// cause turns what the transport says into what happened: whose context ended
// and why, and nothing with a secret in it.
func (w *wire) cause(callers, own context.Context, err error) error {
	switch {
	case callers.Err() != nil:
		return callers.Err()
	case own.Err() != nil:
		return tooSlow(w.cfg.Timeout)
	}
	return w.secrets.clean(err)
}

// tooSlow is a timeout that says how long was waited.
type tooSlow time.Duration

func (d tooSlow) Error() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return "no answer within " + s
}

func (d tooSlow) Timeout() bool        { return true }
func (d tooSlow) Is(target error) bool { return target == context.DeadlineExceeded }

func readBody(resp *http.Response) ([]byte, error) {
	if resp.ContentLength > maxBody {
		return nil, reason("answer over 1 MiB")
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		return nil, reason("answer over 1 MiB")
	}
	return body, err
}

// refusal turns an answer other than 200 with a body of our kind into an
// error: the one place where that is decided. It is nil for what may be read.
func (c *Client) refusal(op string, ans *answer) *Error {
	e := &Error{Op: op, Status: ans.status}
	switch s := ans.status; {
	case s == http.StatusUnauthorized:
		e.Kind, e.Message = ErrUnauthorized, c.message(ans)
	case s == http.StatusForbidden:
		e.Kind, e.Message = ErrForbidden, c.message(ans)
	case s >= 300 && s < 400:
		e.Kind, e.Err = ErrNotThisServer, reason(c.redirectWords(ans))
	case s == http.StatusNotFound, s == http.StatusMethodNotAllowed, s == http.StatusGone:
		e.Kind, e.Err = ErrNotThisServer, reason(fmt.Sprintf("no such API at this address (HTTP %d)", s))
	case ans.bodyErr != nil:
		e.Kind, e.Err = ErrUnavailable, ans.bodyErr
	case s == http.StatusOK && ans.html:
		e.Kind, e.Err = ErrNotThisServer, reason("answers with an HTML page")
	case s == http.StatusOK:
		return nil
	default:
		e.Message = c.message(ans)
		e.Kind = kindOf(s, e.Message)
	}
	return e
}

// kindOf judges the statuses that are left. 500 with a message is how the
// servers say "bad request".
func kindOf(status int, message string) Kind {
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return ErrUnavailable
	case status >= 400 && status < 500, status == http.StatusInternalServerError && message != "":
		return ErrBadRequest
	}
	return ErrUnavailable
}

// redirectWords says where to, without the query: login pages like to carry
// the whole address they came from in it.
func (c *Client) redirectWords(ans *answer) string {
	to := oneLine(shownURL(c.secrets.redact(ans.location)))
	if to == "" {
		return fmt.Sprintf("redirects elsewhere (HTTP %d)", ans.status)
	}
	return fmt.Sprintf("redirects to %s (HTTP %d)", to, ans.status)
}

// message is the server's own explanation: a member of a JSON object by one of
// the usual names, or a text. An HTML page is none, and nor is a long dump.
func (c *Client) message(ans *answer) string {
	if ans.bodyErr != nil || ans.html || len(ans.body) > maxText || !utf8.Valid(ans.body) {
		return ""
	}
	text := string(bytes.TrimSpace(ans.body))
	var object map[string]any
	if json.Unmarshal(ans.body, &object) == nil {
		if said := sentence(object); said != "" {
			text = said
		}
	}
	return oneLine(c.secrets.redact(text))
}

// sentence looks for a message in an error object, one level deep in lists.
func sentence(object map[string]any) string {
	for _, name := range []string{"message", "error_message", "error_description", "error", "errors", "detail", "description"} {
		value := object[name]
		if list, ok := value.([]any); ok && len(list) > 0 {
			value = list[0]
		}
		if inner, ok := value.(map[string]any); ok {
			value = inner["message"]
		}
		if text, ok := value.(string); ok && strings.TrimSpace(text) != "" {
			return text
		}
	}
	return ""
}

// oneLine makes a server's text fit to be shown: no control characters, single
// spaces, at most maxMessage runes.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > maxMessage {
		s = string([]rune(s)[:maxMessage-1]) + "…"
	}
	return s
}

func isHTML(contentType string, body []byte) bool {
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(contentType)), "text/html") {
		return true
	}
	start := strings.ToLower(string(bytes.TrimSpace(body[:min(len(body), 256)])))
	return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

func commonHeader() http.Header {
	return http.Header{
		"Accept": {"application/json"},
		// The language of texts otherwise follows the profile of the token's owner.
		"Accept-Language": {"en-US"},
		"User-Agent":      {"importbot"},
	}
}

// nopCloser makes a body of which net/http knows no way to get a second copy.
type nopCloser struct{ io.Reader }

func (nopCloser) Close() error { return nil }
