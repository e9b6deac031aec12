package bigfix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

const (
	// rejectedFor is how long a user and password that the server rejected are
	// left alone: accounts get locked after a few failures.
	rejectedFor = time.Hour
	// pausedFor is the same after an answer that may or may not have been a
	// rejection, such as a 500 from a server that is busy importing. A second
	// such answer in a row counts as a rejection.
	pausedFor = 5 * time.Minute
	// maxToken bounds a fetched token. The documented ones have 40 characters.
	maxToken = 4096
)

// login holds the token: the configured one, or the one fetched last.
type login struct {
	now   func() time.Time
	fixed string        // the configured token; never replaced
	fetch chan struct{} // held by the one caller that fetches

	mu       sync.Mutex
	token    string    // "" when there is none
	accepted bool      // a look with this token was answered
	since    time.Time // when it was fetched
	held     time.Time // no fetching before; zero when nothing holds it back
	why      *Error    // what held it back
	doubtful bool      // the last try was answered with what may be a rejection
}

func newLogin(cfg Config) *login {
	l := &login{now: cfg.Now, fixed: cfg.Token, fetch: make(chan struct{}, 1)}
	if cfg.Token == "" && cfg.NoLoginBefore.After(cfg.Now()) {
		l.held = cfg.NoLoginBefore
	}
	return l
}

func (l *login) heldUntil() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.now().Before(l.held) {
		return time.Time{}, false
	}
	return l.held, true
}

// current returns the token to use, "" when one has to be fetched, or why none
// may be fetched yet.
func (l *login) current() (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.fixed != "":
		return l.fixed, nil
	case l.token != "":
		return l.token, nil
	case l.now().Before(l.held):
		return "", l.refusal()
	}
	return "", nil
}

func (l *login) refusal() *Error {
	words := reason(fmt.Sprintf("user and password were rejected; not tried again before %s", l.held.UTC().Format("15:04 MST")))
	e := &Error{Kind: ErrUnauthorized, Op: "get token", Unsent: true, Err: words}
	if l.why != nil {
		e.Kind, e.Status, e.Message = l.why.Kind, l.why.Status, l.why.Message
		if e.Kind != ErrUnauthorized {
			e.Err = reason(fmt.Sprintf("no token to be had (%s); not tried again before %s", l.why.Reason(), l.held.UTC().Format("15:04 MST")))
		}
	}
	return e
}

func (l *login) fetched(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.token, l.accepted, l.since = token, false, l.now()
	l.held, l.why, l.doubtful = time.Time{}, nil, false
}

// failed notes how long user and password are left alone after a failure.
func (l *login) failed(why *Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case why.Kind == ErrUnauthorized, maybeRejected(why) && l.doubtful:
		l.held, l.why = l.now().Add(rejectedFor), why
	case maybeRejected(why):
		l.held, l.why, l.doubtful = l.now().Add(pausedFor), why, true
	}
}

// maybeRejected reports whether the server answered with what may have been a
// rejection: it read user and password, and gave no token. A server that is
// away, starting (502, 503) or without such a path (404) did not.
func maybeRejected(e *Error) bool {
	return e.Status >= 200 && e.Status <= http.StatusInternalServerError && e.Status != http.StatusNotFound
}

// worked notes that the server took the token.
func (l *login) worked(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if token == l.token {
		l.accepted = true
	}
}

// expired decides whether an error means that a fetched token is no longer
// good, drops it then, and reports whether another should be asked for.
//
// A token that was taken before is replaced at once. One that never was is
// replaced after an hour: the next would fare no better, and every one costs
// a login. Some servers show their login page in place of a 401, but so do
// some that are starting, so a page counts only when the token is not fresh.
func (l *login) expired(token string, err *Error) bool {
	page := err.Kind == ErrNotThisServer && err.Status != http.StatusNotFound
	if l.fixed != "" || !page && err.Kind != ErrUnauthorized {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	age := l.now().Sub(l.since)
	switch {
	case token != l.token:
		return true // somebody else was faster
	case !l.accepted && age < rejectedFor, page && age < pausedFor:
		return false
	}
	l.token, l.accepted = "", false
	return true
}

// token returns the token, fetching one with user and password if need be.
// However many callers wait, one of them fetches.
func (c *Client) token(ctx context.Context) (string, error) {
	if token, err := c.login.current(); token != "" || err != nil {
		return token, err
	}
	select {
	case c.login.fetch <- struct{}{}:
		defer func() { <-c.login.fetch }()
	case <-ctx.Done():
		return "", &Error{Kind: ErrUnavailable, Op: "get token", Unsent: true, Err: ctx.Err()}
	}
	if token, err := c.login.current(); token != "" || err != nil {
		return token, err
	}
	token, err := c.fetchToken(ctx)
	if err != nil {
		c.login.failed(err)
		return "", err
	}
	c.login.fetched(token)
	return token, nil
}

// fetchToken asks for a token with user and password.
func (c *Client) fetchToken(ctx context.Context) (string, *Error) {
	const op = "get token"
	body, err := json.Marshal(map[string]string{"user": c.cfg.User, "password": c.cfg.Password})
	if err != nil {
		return "", &Error{Kind: ErrUnsupported, Op: op, Unsent: true, Err: reason("user and password can't be written as JSON")}
	}
	req := &http.Request{Method: http.MethodPost, URL: c.at(tokenPath), Header: commonHeader(),
		Body: nopCloser{bytes.NewReader(body)}, ContentLength: int64(len(body))}
	req.Header.Set("Content-Type", "application/json")
	ans, failed := c.wire.once(ctx, op, req)
	if failed != nil {
		return "", failed
	}
	if failed := c.refusal(op, ans); failed != nil {
		return "", c.loginRefusal(failed)
	}
	var got struct{ Token string }
	if json.Unmarshal(ans.body, &got) != nil || got.Token == "" || len(got.Token) > maxToken || !printable(got.Token) {
		return "", &Error{Kind: ErrUnavailable, Op: op, Status: ans.status, Err: reason("answer has no token in it")}
	}
	c.secrets.add(got.Token)
	return got.Token, nil
}

// loginRefusal reads a refusal as the edition documents it: License Metric Tool
// answers a wrong password with status 500.
func (c *Client) loginRefusal(e *Error) *Error {
	switch {
	case e.Status == http.StatusForbidden, e.Status == http.StatusBadRequest,
		e.Status == http.StatusInternalServerError && c.cfg.Edition == ILMT:
		e.Kind = ErrUnauthorized
	case e.Kind == ErrNotThisServer && e.Status != http.StatusNotFound:
		e.Err = reason(e.Reason() + "; with single sign-on, only a token from the web pages works")
	}
	return e
}
