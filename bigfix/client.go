package bigfix

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// The two names of the one resource. The second is an alias, documented for
// BigFix Inventory only; looks try it where the first isn't there.
const (
	mainPath  = "/api/import_status.json"
	aliasPath = "/api/management/imports.json"
	tokenPath = "/api/get_token"
	// importsPath is the page Management > Data Imports, unless an answer
	// names another.
	importsPath = "/management/imports"
)

// Client asks one server. It is safe for concurrent use and keeps a connection
// or two open between looks; Close lets go of them.
type Client struct {
	cfg     Config
	base    *url.URL
	wire    *wire
	secrets *secrets
	login   *login

	path  atomic.Pointer[string] // where the last look was answered
	pages atomic.Pointer[string] // the path of the imports page, once an answer named it
}

// New checks the configuration and returns a client for it. It reads the CA
// file but never dials. The error names every fault at once.
func New(cfg Config) (*Client, error) {
	tlsConfig, err := cfg.tls()
	if err := errors.Join(cfg.check(), err); err != nil {
		return nil, err
	}
	cfg.Edition, cfg.TokenIn = cfg.edition(), cfg.tokenIn()
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	base, err := url.Parse(strings.TrimRight(cfg.URL, "/"))
	if err != nil {
		return nil, fmt.Errorf("bigfix: %q is no URL", shownURL(cfg.URL))
	}
	c := &Client{cfg: cfg, base: base, secrets: newSecrets(append([]string{cfg.Token, cfg.Password}, proxyLogin(base)...)...)}
	c.wire = newWire(cfg, tlsConfig, c.secrets)
	c.login = newLogin(cfg)
	c.path.Store(new(mainPath))
	c.pages.Store(new(importsPath))
	return c, nil
}

// String names the server, without secrets.
func (c *Client) String() string { return "bigfix.Client{" + c.base.String() + "}" }

// GoString is String: so that no verb of package fmt shows a secret.
func (c *Client) GoString() string { return c.String() }

// Close closes connections that are idle. The client can still be used.
func (c *Client) Close() { c.wire.looks.CloseIdleConnections() }

// ImportsPage is the address of the web page on which people see and start
// imports, Management > Data Imports. It is never an address of the API and
// has no query, so it can be shown: in a browser that is logged in, a link
// with run= in it would start an import.
func (c *Client) ImportsPage() string { return c.base.String() + *c.pages.Load() }

// LoginRejectedUntil reports until when the user and password are not tried
// again because the server rejected them. Ok is false when nothing holds them
// back. While something does, Status and Start return ErrUnauthorized without
// asking the server.
func (c *Client) LoginRejectedUntil() (until time.Time, ok bool) { return c.login.heldUntil() }

// Status asks how the server's imports stand. It changes nothing, may be asked
// again at any time, and may take several requests: for a token, for the alias
// of a path that isn't there, and once more with a new token where the server
// rejects one that was fetched with user and password. Errors are *Error.
//
// Around imports calls fail for no reason. A failed look says nothing about
// the import.
func (c *Client) Status(ctx context.Context) (Status, error) {
	const op = "status"
	token, err := c.token(ctx)
	if err != nil {
		return Status{}, err
	}
	s, failed := c.look(ctx, op, token)
	if failed != nil && c.login.expired(token, failed) {
		if token, err = c.token(ctx); err != nil {
			return Status{}, err
		}
		s, failed = c.look(ctx, op, token)
	}
	if failed != nil {
		return Status{}, failed
	}
	c.login.worked(token)
	return s, nil
}

// look asks the path that answered last and, where that isn't there, the other.
func (c *Client) look(ctx context.Context, op, token string) (Status, *Error) {
	path := *c.path.Load()
	s, err := c.ask(ctx, c.wire.look, op, path, token, "")
	if err == nil || err.Status != http.StatusNotFound {
		return s, err
	}
	other := aliasPath
	if path == aliasPath {
		other = mainPath
	}
	s, otherErr := c.ask(ctx, c.wire.look, op, other, token, "")
	if otherErr != nil && otherErr.Status == http.StatusNotFound {
		return Status{}, err
	}
	if otherErr == nil {
		c.path.Store(&other)
	}
	return s, otherErr
}

// Start asks the server to run an import. The request is sent once: on a
// connection of its own that is closed behind it, never again by this package
// and never by net/http, whatever happens to it. Nor should you send another
// because of an error: unless [Error.NotSent] says that it never left, the
// import may have begun, and only looking will tell.
//
// Look before you start: an import that is running is not reported as an
// error by every server. Start asks on the path that the last look found.
//
// The answer to such a request is documented nowhere. The Status is what its
// body says as far as it is a status, and may well still be idle; when it is
// none, its Mode is empty.
//
// On License Metric Tool, which knows one kind of import, TypeRaw is
// ErrUnsupported.
func (c *Client) Start(ctx context.Context, t ImportType) (Status, error) {
	op := "start " + bound(string(t))
	run, err := c.runValue(op, t)
	if err != nil {
		return Status{}, err
	}
	token, err := c.token(ctx)
	if err != nil {
		return Status{}, unsent(err)
	}
	s, failed := c.ask(ctx, c.wire.once, op, *c.path.Load(), token, run)
	if failed != nil {
		c.login.expired(token, failed) // the next look fetches another
		return Status{}, failed
	}
	return s, nil
}

// runValue is what the edition documents for starting that type.
func (c *Client) runValue(op string, t ImportType) (string, error) {
	refuse := func(words reason) error { return &Error{Kind: ErrUnsupported, Op: op, Unsent: true, Err: words} }
	switch {
	case !t.Known():
		return "", refuse(reason(fmt.Sprintf("unknown import type %q: use %q or %q", bound(string(t)), TypeRaw, TypeComplete)))
	case c.cfg.Edition != ILMT:
		return string(t), nil
	case t == TypeRaw:
		return "", refuse("License Metric Tool knows one kind of import only: start a complete one")
	}
	return "true", nil
}

// ask sends one request through send and reads the answer.
func (c *Client) ask(ctx context.Context, send sender, op, path, token, run string) (Status, *Error) {
	req := c.request(path, token, run)
	ans, err := send(ctx, op, req)
	if err != nil {
		return Status{}, err
	}
	if err := c.refusal(op, ans); err != nil {
		return Status{}, err
	}
	s, parseErr := parseStatus(ans.body, c.cleanWord)
	if parseErr != nil && run == "" {
		return Status{}, &Error{Kind: ErrUnavailable, Op: op, Status: ans.status, Err: c.secrets.clean(parseErr)}
	}
	s.Date = ans.date
	if path, ok := pagePath(s.ImportCreateURL); ok {
		c.pages.Store(&path)
	}
	return s, nil
}

// at is the address of a path on the server, below the path that the
// configured URL may have.
func (c *Client) at(path string) *url.URL {
	u := *c.base
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/")+path, ""
	return &u
}

func (c *Client) request(path, token, run string) *http.Request {
	query := url.Values{"format": {"json"}}
	if run != "" {
		query.Set("run", run)
	}
	header := commonHeader()
	if c.cfg.TokenIn == TokenInHeader {
		header.Set("Token", token)
	} else {
		query.Set("token", token)
	}
	u := c.at(path)
	u.RawQuery = query.Encode()
	return &http.Request{Method: http.MethodGet, URL: u, Header: header}
}

// documented are the words that stay what they are, also where one of them is
// somebody's password.
var documented = map[string]bool{
	string(ModeNone): true, string(ModeIdle): true, string(ModeRunning): true, string(ModePending): true,
	string(StatusSuccessful): true, string(TypeRaw): true, string(TypeComplete): true,
}

// cleanWord cuts secrets out of a text that the server chose.
func (c *Client) cleanWord(word string) string {
	if documented[word] {
		return word
	}
	return c.secrets.redact(word)
}

// pagePath takes the path of a page from an answer if it is one that may be
// shown: of this server, outside the API, and without a query.
func pagePath(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || s == "" || u.IsAbs() || u.Host != "" || u.Path == "" || strings.Contains(u.Path, cut) {
		return "", false
	}
	path := (&url.URL{Path: "/"}).JoinPath(u.Path).EscapedPath()
	lower := strings.ToLower(path)
	return path, path != "/" && lower != "/api" && !strings.HasPrefix(lower, "/api/")
}

// unsent marks an error that kept a request from being sent at all.
func unsent(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	marked := *e
	marked.Unsent = true
	return &marked
}
