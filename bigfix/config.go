package bigfix

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"
)

// TokenIn is where the token travels.
type TokenIn string

// Where a token can travel. BigFix Inventory documents the query only. License
// Metric Tool documents a header and recommends it, and its administrators can
// forbid tokens in URLs. A client never falls back from one to the other.
const (
	TokenInQuery  TokenIn = "query"
	TokenInHeader TokenIn = "header"
)

// DefaultTimeout is how long one request may take when Config doesn't say.
const DefaultTimeout = 20 * time.Second

// Config says which server to ask and how. URL and either Token, or User and
// Password, are required; every other zero value means the default.
type Config struct {
	// URL is the server's address, such as "https://inventory.example.com:9081".
	// A path in it is kept, for servers behind a proxy. http:// is taken on
	// loopback or with Insecure only, because the token would travel in clear.
	URL string
	// Edition is BFI unless given.
	Edition Edition

	// Token is a user's API token, as the web pages show it under Profile.
	Token string
	// User and Password fetch a token where Token is empty: at the first
	// request, and again when the server rejects the one that was fetched.
	// Servers with single sign-on give no token this way.
	User, Password string
	// NoLoginBefore is what LoginRejectedUntil of an earlier Client said, for
	// programs that remember it: accounts get locked by programs that are
	// restarted again and again with a wrong password.
	NoLoginBefore time.Time

	// TokenIn is TokenInQuery for BFI and TokenInHeader for ILMT unless given.
	TokenIn TokenIn

	// CAFile names a PEM file of certificates to trust besides the system's.
	// Servers have a self-signed certificate unless somebody gave them another.
	CAFile string
	// Insecure switches the verification of certificates off.
	Insecure bool

	// Timeout bounds one request from dialling to the last byte of the answer;
	// 0 means DefaultTimeout.
	Timeout time.Duration

	// Dial opens the TCP connections, net.Dialer.DialContext unless given. It
	// is the seam for tunnels and tests; there is none for a whole
	// http.RoundTripper, because one that resends requests would start imports
	// twice.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is time.Now unless given.
	Now func() time.Time
}

// String shows the configuration without token and password.
func (c Config) String() string {
	with := "no credentials"
	switch {
	case c.Token != "":
		with = "token " + cut
	case c.User != "":
		with = fmt.Sprintf("user %q", c.User)
	}
	return fmt.Sprintf("bigfix.Config{%s %s %s}", c.edition(), shownURL(c.URL), with)
}

// GoString is String: so that no verb of package fmt shows a secret.
func (c Config) GoString() string { return c.String() }

// LogValue is String, for log/slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText is String, for what logs in JSON.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func (c Config) edition() Edition {
	if c.Edition == "" {
		return BFI
	}
	return c.Edition
}

func (c Config) tokenIn() TokenIn {
	switch {
	case c.TokenIn != "":
		return c.TokenIn
	case c.edition() == ILMT:
		return TokenInHeader
	}
	return TokenInQuery
}

// check returns every fault of the configuration at once, none of which shows
// a secret.
func (c Config) check() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("bigfix: "+format, args...)) }

	faults = append(faults, c.checkURL())
	if e := c.edition(); e != BFI && e != ILMT {
		fault("unknown edition %q: use %q or %q", e, BFI, ILMT)
	}
	if in := c.tokenIn(); in != TokenInQuery && in != TokenInHeader {
		fault("unknown place %q for the token: use %q or %q", in, TokenInQuery, TokenInHeader)
	}
	if c.Token == "" && (c.User == "" || c.Password == "") {
		fault("no credentials: give a token, or a user and a password")
	}
	if !printable(c.Token) {
		fault("the token has white space or control characters in it: copy it again")
	}
	if c.Timeout < 0 {
		fault("timeout %s is negative", c.Timeout)
	}
	return errors.Join(faults...)
}

func (c Config) checkURL() error {
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		return errors.New(`bigfix: no URL: give one like "https://inventory.example.com:9081"`)
	case err != nil || u.Host == "" || u.Hostname() == "":
		return fmt.Errorf(`bigfix: %q is no URL: give one like "https://inventory.example.com:9081"`, shownURL(c.URL))
	case u.User != nil:
		return errors.New("bigfix: the URL has a user in it: give user and password by themselves")
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("bigfix: the URL %q has a query or a fragment: give the server's address alone", shownURL(c.URL))
	case u.Scheme == "http" && !c.Insecure && !loopback(u.Hostname()):
		return fmt.Errorf("bigfix: %q would send the token in clear: use https://, or switch verification off if that is meant", shownURL(c.URL))
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("bigfix: %q begins with neither https:// nor http://", shownURL(c.URL))
	}
	return nil
}

// shownURL is a URL without what may be secret in it: user, query, fragment.
func shownURL(s string) string {
	s, _, _ = strings.Cut(s, "?")
	s, _, _ = strings.Cut(s, "#")
	if scheme, rest, ok := strings.Cut(s, "//"); ok {
		if authority, path, _ := strings.Cut(rest, "/"); strings.Contains(authority, "@") {
			return scheme + "//" + authority[strings.LastIndex(authority, "@")+1:] + "/" + path
		}
	}
	return s
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
}

// tls returns how certificates are verified. A CA file is read once.
func (c Config) tls() (*tls.Config, error) {
	conf := &tls.Config{InsecureSkipVerify: c.Insecure} //nolint:gosec // explicit, and said loudly by whoever sets it
	if c.CAFile == "" {
		return conf, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("bigfix: CA file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("bigfix: CA file %s has no certificate in PEM form: export it as Base64, not DER", c.CAFile)
	}
	conf.RootCAs = pool
	return conf, nil
}
