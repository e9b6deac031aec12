package bigfix_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

// Both editions are asked as they document it.
func TestRequest(t *testing.T) {
	for _, tt := range []struct {
		name    string
		edition bigfix.Edition
		in      bigfix.TokenIn
		via     bigfixtest.TokenVia
		token   string
		run     string
	}{
		{name: "inventory", edition: bigfix.BFI, token: "query", run: "complete"},
		{name: "inventory, header", edition: bigfix.BFI, in: bigfix.TokenInHeader, via: bigfixtest.TokenEither, token: "header", run: "complete"},
		{name: "metric tool", edition: bigfix.ILMT, token: "header", run: "true"},
		{name: "metric tool, query", edition: bigfix.ILMT, in: bigfix.TokenInQuery, token: "query", run: "true"},
		{name: "metric tool without tokens in URLs", edition: bigfix.ILMT, via: bigfixtest.TokenHeaderOnly, token: "header", run: "true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := newServer(t, bigfixtest.WithEdition(tt.edition), bigfixtest.WithDoubts(bigfixtest.Doubts{TokenVia: tt.via}))
			cfg := srv.Config()
			cfg.TokenIn = tt.in
			c := newClient(t, cfg)
			if got := mustStatus(t, c); got.Mode != bigfix.ModeIdle || got.ServerTime() != midday {
				t.Errorf("status is %q at %s, want idle at %s", got.Mode, got.ServerTime(), midday)
			}
			if s, err := c.Start(patient(t), bigfix.TypeComplete); err != nil || s.Mode != bigfix.ModeRunning {
				t.Errorf("start: %q, %v", s.Mode, err)
			}
			got := srv.Journal().Requests
			if len(got) != 2 {
				t.Fatalf("%d requests, want 2", len(got))
			}
			for i, run := range []string{"", tt.run} {
				r := got[i]
				if r.Method != "GET" || r.Path != "/api/import_status.json" || r.Format != "json" || r.Language != "en-US" ||
					r.Token != tt.token || r.Run != run || r.Proto != "HTTP/1.1" {
					t.Errorf("request %d is %+v", i+1, r)
				}
			}
		})
	}
}

// A token in the query is never offered to a server that refuses it there, and
// the other way round: falling back would put it where it was forbidden.
func TestTokenIsNotMoved(t *testing.T) {
	srv := newServer(t, bigfixtest.WithEdition(bigfix.ILMT), bigfixtest.WithDoubts(bigfixtest.Doubts{TokenVia: bigfixtest.TokenQueryOnly}))
	c := newClient(t, srv.Config())
	if _, err := c.Status(patient(t)); !errors.Is(err, bigfix.ErrUnauthorized) {
		t.Errorf("got %v, want not authorized", err)
	}
	if got := srv.Journal().Requests; len(got) != 1 || got[0].Token != "header" {
		t.Errorf("requests: %+v", got)
	}
}

func TestServerBelowAPath(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		w.Write([]byte(`{"mode":"idle","import_create_url":"/management/imports?run=complete"}`))
	}))
	defer srv.Close()
	c := newClient(t, bigfix.Config{URL: srv.URL + "/inventory/", Token: "abcdef"})
	mustStatus(t, c)
	if asked[0] != "/inventory/api/import_status.json" {
		t.Errorf("asked %q", asked[0])
	}
	if got, want := c.ImportsPage(), srv.URL+"/inventory/management/imports"; got != want {
		t.Errorf("imports page is %q, want %q", got, want)
	}
}

// A look tries the alias where the path isn't there, and remembers. A start
// goes where the last look was answered and nowhere else.
func TestAlias(t *testing.T) {
	srv := newServer(t, bigfixtest.WithDoubts(bigfixtest.Doubts{NoMainPath: true}))
	c := newClient(t, srv.Config())

	_, err := c.Start(patient(t), bigfix.TypeRaw)
	if e := asError(t, err); e.Kind != bigfix.ErrNotThisServer || e.Status != 404 {
		t.Errorf("start before any look: %v, want 404", err)
	}
	mustStatus(t, c)
	mustStatus(t, c)
	if _, err := c.Start(patient(t), bigfix.TypeRaw); err != nil {
		t.Errorf("start after a look: %v", err)
	}
	// The server is updated, and the first path is back alone.
	srv.Set(func(d *bigfixtest.Doubts) { d.NoMainPath, d.NoAliasPath = false, true })
	mustStatus(t, c)

	const first, alias = "/api/import_status.json", "/api/management/imports.json"
	want := []string{first, first, alias, alias, alias, alias, first}
	var got []string
	for _, r := range srv.Journal().Requests {
		got = append(got, r.Path)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNeitherPath(t *testing.T) {
	srv := newServer(t, bigfixtest.WithDoubts(bigfixtest.Doubts{NoMainPath: true, NoAliasPath: true}))
	_, err := newClient(t, srv.Config()).Status(patient(t))
	if e := asError(t, err); e.Kind != bigfix.ErrNotThisServer || e.Reason() != "no such API at this address (HTTP 404)" {
		t.Errorf("got %v", err)
	}
}

// Each way to answer means one thing, for a look and for a start.
func TestAnswers(t *testing.T) {
	const gone = ""
	for _, tt := range []struct {
		answer  bigfixtest.Answer
		kind    bigfix.Kind
		status  int
		reason  string
		message string
		start   bigfix.Kind // where it differs
	}{
		{answer: bigfixtest.AnswerEmpty, kind: bigfix.ErrUnavailable, status: 200, reason: "answer cut short", start: gone},
		{answer: bigfixtest.AnswerText, kind: bigfix.ErrUnavailable, status: 200, reason: "answer is not JSON: invalid character 'O' looking for beginning of value", start: gone},
		{answer: bigfixtest.AnswerNoMode, kind: bigfix.ErrUnavailable, status: 200, reason: "answer has no mode", start: gone},
		{answer: bigfixtest.AnswerHTML, kind: bigfix.ErrNotThisServer, status: 200, reason: "answers with an HTML page", start: bigfix.ErrNotThisServer},
		{answer: bigfixtest.AnswerRedirect, kind: bigfix.ErrNotThisServer, status: 302, reason: "redirects to /login (HTTP 302)", start: bigfix.ErrNotThisServer},
		{answer: bigfixtest.AnswerCut, kind: bigfix.ErrUnavailable, status: 200, reason: "answer cut short", start: bigfix.ErrUnavailable},
		{answer: bigfixtest.AnswerHuge, kind: bigfix.ErrUnavailable, status: 200, reason: "answer over 1 MiB", start: bigfix.ErrUnavailable},
		{answer: bigfixtest.AnswerDrop, kind: bigfix.ErrUnavailable, reason: "connection closed without an answer", start: bigfix.ErrUnavailable},
		{answer: bigfixtest.Answer400, kind: bigfix.ErrBadRequest, status: 400, reason: "HTTP 400", message: "Bad Request", start: bigfix.ErrBadRequest},
		{answer: bigfixtest.Answer401, kind: bigfix.ErrUnauthorized, status: 401, reason: "HTTP 401", message: "Invalid token", start: bigfix.ErrUnauthorized},
		{answer: bigfixtest.Answer403, kind: bigfix.ErrForbidden, status: 403, reason: "HTTP 403", message: "Permission denied", start: bigfix.ErrForbidden},
		{answer: bigfixtest.Answer404, kind: bigfix.ErrNotThisServer, status: 404, reason: "no such API at this address (HTTP 404)", start: bigfix.ErrNotThisServer},
		{answer: bigfixtest.Answer500, kind: bigfix.ErrBadRequest, status: 500, reason: "HTTP 500", message: "Bad Request", start: bigfix.ErrBadRequest},
		{answer: bigfixtest.Answer500Bare, kind: bigfix.ErrUnavailable, status: 500, reason: "HTTP 500", start: bigfix.ErrUnavailable},
		{answer: bigfixtest.Answer502, kind: bigfix.ErrUnavailable, status: 502, reason: "HTTP 502", start: bigfix.ErrUnavailable},
		{answer: bigfixtest.Answer503, kind: bigfix.ErrUnavailable, status: 503, reason: "HTTP 503", start: bigfix.ErrUnavailable},
	} {
		t.Run(string(tt.answer), func(t *testing.T) {
			srv := newServer(t)
			c := newClient(t, srv.Config())
			srv.Fail(bigfixtest.Fault{Answer: tt.answer})

			s, err := c.Status(patient(t))
			e := asError(t, err)
			if !errors.Is(err, tt.kind) || e.Status != tt.status || e.Reason() != tt.reason || e.Message != tt.message || e.NotSent() {
				t.Errorf("look: kind %q, status %d, reason %q, message %q, not sent %t", e.Kind, e.Status, e.Reason(), e.Message, e.NotSent())
			}
			if s.Mode != "" {
				t.Errorf("look: an error came with mode %q", s.Mode)
			}
			_, err = c.Start(patient(t), bigfix.TypeRaw)
			switch {
			case tt.start == gone && err != nil:
				t.Errorf("start: %v, want no error", err)
			case tt.start != gone && !errors.Is(err, tt.start):
				t.Errorf("start: %v, want %q", err, tt.start)
			case tt.start != gone && asError(t, err).NotSent():
				t.Errorf("start: claims that it was not sent")
			}
		})
	}
}

func TestOddMode(t *testing.T) {
	srv := newServer(t)
	srv.Fail(bigfixtest.Fault{Answer: bigfixtest.AnswerOddMode})
	got := mustStatus(t, newClient(t, srv.Config())).Mode
	if got.Known() || got.NotRunning() || got == bigfix.ModeRunning || got != "maintenance" {
		t.Errorf("mode is %q, known %t, not running %t", got, got.Known(), got.NotRunning())
	}
}

// A redirect is an answer like any other: nobody goes where it points to.
func TestRedirectIsNotFollowed(t *testing.T) {
	var elsewhere int
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer target.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target.URL+"/login?back="+r.URL.String(), http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	c := newClient(t, bigfix.Config{URL: srv.URL, Token: "abcdef"})
	_, err := c.Status(patient(t))
	if want := "redirects to " + target.URL + "/login (HTTP 307)"; asError(t, err).Reason() != want {
		t.Errorf("reason is %q, want %q", asError(t, err).Reason(), want)
	}
	if _, err := c.Start(patient(t), bigfix.TypeRaw); !errors.Is(err, bigfix.ErrNotThisServer) {
		t.Errorf("start: %v", err)
	}
	if elsewhere != 0 {
		t.Errorf("followed a redirect %d times", elsewhere)
	}
}

func TestLicenseMetricToolHasNoRaw(t *testing.T) {
	srv := newServer(t, bigfixtest.WithEdition(bigfix.ILMT))
	c := newClient(t, srv.Config())
	for _, typ := range []bigfix.ImportType{bigfix.TypeRaw, "everything", ""} {
		_, err := c.Start(patient(t), typ)
		if e := asError(t, err); e.Kind != bigfix.ErrUnsupported || !e.NotSent() {
			t.Errorf("%q: %v", typ, err)
		}
	}
	if n := len(srv.Journal().Requests); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestNoAnswer(t *testing.T) {
	srv := newServer(t)
	cfg := srv.Config()
	cfg.Timeout = 50 * time.Millisecond
	c := newClient(t, cfg)
	srv.Fail(bigfixtest.Fault{Answer: bigfixtest.AnswerHang})
	for name, ask := range both(c) {
		err := ask(patient(t))
		e := asError(t, err)
		if e.Kind != bigfix.ErrUnavailable || e.Reason() != "no answer within 50ms" || e.NotSent() || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, not sent %t", name, err, e.NotSent())
		}
	}
}

// A body that trickles is no answer either: the timeout covers the last byte.
func TestTrickle(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"mode":`))
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer srv.Close()
	c := newClient(t, bigfix.Config{URL: srv.URL, Token: "abcdef", Timeout: 50 * time.Millisecond})
	if _, err := c.Status(patient(t)); asError(t, err).Reason() != "no answer within 50ms" {
		t.Errorf("got %v", err)
	}
}

func TestCancelled(t *testing.T) {
	srv := newServer(t)
	srv.Fail(bigfixtest.Fault{Answer: bigfixtest.AnswerHang})
	c := newClient(t, srv.Config())
	for name, ask := range both(c) {
		ctx, cancel := context.WithCancel(patient(t))
		before := len(srv.Journal().Requests)
		go func() {
			defer cancel()
			_, _ = srv.Wait(patient(t), func(r bigfixtest.Request) bool { return r.N > before })
		}()
		err := ask(ctx)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, bigfix.ErrUnavailable) || asError(t, err).Reason() != "cancelled" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// both are the two things to ask, for what is the same for both.
func both(c *bigfix.Client) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"look":  func(ctx context.Context) error { _, err := c.Status(ctx); return err },
		"start": func(ctx context.Context) error { _, err := c.Start(ctx, bigfix.TypeRaw); return err },
	}
}

// What can't have reached the server is said to be so, and nothing else is.
func TestNotSent(t *testing.T) {
	srv := newServer(t)
	c := newClient(t, srv.Config())
	mustStatus(t, c) // leaves a connection open, which a start must not use
	srv.Stop()
	_, lookErr := newClient(t, srv.Config()).Status(patient(t))
	_, startErr := c.Start(patient(t), bigfix.TypeRaw)
	for name, err := range map[string]error{"look": lookErr, "start": startErr} {
		if e := asError(t, err); e.Kind != bigfix.ErrUnavailable || e.Reason() != "connection refused" || !e.NotSent() {
			t.Errorf("%s: %v, not sent %t", name, e, e.NotSent())
		}
	}
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	mustStatus(t, c)

	for words, cause := range map[string]error{
		"no such host name":              &net.DNSError{IsNotFound: true},
		"host name can't be resolved":    &net.DNSError{IsTemporary: true},
		"no route to the server":         syscall.EHOSTUNREACH,
		"no answer in time":              os.ErrDeadlineExceeded,
		"the tunnel is closed on Sunday": errors.New("the tunnel is closed on Sunday"),
	} {
		cfg := srv.Config()
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, cause }
		_, err := newClient(t, cfg).Start(patient(t), bigfix.TypeRaw)
		if e := asError(t, err); !e.NotSent() || e.Reason() != words || !errors.Is(err, cause) {
			t.Errorf("%v, not sent %t; want %q", err, e.NotSent(), words)
		}
	}
}

func TestCertificates(t *testing.T) {
	srv := bigfixtest.NewTLSServer(bigfixtest.WithClock(bigfixtest.NewClock(midday)))
	defer srv.Close()
	ca, err := srv.WriteCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.pem")
	if err := os.WriteFile(other, otherCertificate(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(*bigfix.Config)
		want   string
	}{
		{"unknown", func(*bigfix.Config) {}, "certificate not trusted"},
		{"CA file", func(c *bigfix.Config) { c.CAFile = ca }, ""},
		{"wrong CA file", func(c *bigfix.Config) { c.CAFile = other }, "certificate not trusted"},
		{"insecure", func(c *bigfix.Config) { c.Insecure = true }, ""},
		{"not TLS there", func(c *bigfix.Config) {
			c.URL = "https://" + strings.TrimPrefix(newServer(t).URL, "http://")
		}, "it does not speak TLS there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := srv.Config()
			tt.change(&cfg)
			c := newClient(t, cfg)
			for name, ask := range both(c) {
				err := ask(patient(t))
				if tt.want == "" {
					if err != nil {
						t.Errorf("%s: %v", name, err)
					}
					continue
				}
				if e := asError(t, err); e.Reason() != tt.want || e.Kind != bigfix.ErrUnavailable || !e.NotSent() {
					t.Errorf("%s: %v, not sent %t; want %q", name, err, e.NotSent(), tt.want)
				}
			}
		})
	}
}

func otherCertificate(t *testing.T) []byte {
	t.Helper()
	srv := bigfixtest.NewTLSServer()
	defer srv.Close()
	return srv.CertificatePEM()
}

// The page that is shown to people is never one that could start an import.
func TestImportsPage(t *testing.T) {
	var create string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"mode":"idle","import_create_url":` + create + `}`))
	}))
	defer srv.Close()
	for create1, want := range map[string]string{
		`null`:                  "/management/imports",
		`"/management/imports"`: "/management/imports",
		`"management/imports"`:  "/management/imports",
		`"/sam/imports"`:        "/sam/imports",
		`"/sam/imports?token=abcdef&run=complete#x"`: "/sam/imports",
		`"/sam/abcdef"`:                           "/management/imports",
		`"/api/import_status.json?run=complete"`:  "/management/imports",
		`"/x/../API/import_status.json"`:          "/management/imports",
		`"/%61pi/import_status.json"`:             "/management/imports",
		`"https://elsewhere.example.com/imports"`: "/management/imports",
		`"//elsewhere.example.com/imports"`:       "/management/imports",
		`"javascript:alert(1)"`:                   "/management/imports",
		`"/"`:                                     "/management/imports",
	} {
		create = create1
		c := newClient(t, bigfix.Config{URL: srv.URL, Token: "abcdef"})
		mustStatus(t, c)
		if got := c.ImportsPage(); got != srv.URL+want {
			t.Errorf("%s: page is %q, want %q", create1, got, want)
		}
	}
}

// New names every fault, and none of the secrets.
func TestNewNamesEveryFault(t *testing.T) {
	_, err := bigfix.New(bigfix.Config{
		URL: "http://inventory.example.com:9081?token=geheim1", Edition: "sam", TokenIn: "cookie",
		Token: "geheim1 geheim2", CAFile: "no-such-file.pem", Timeout: -time.Second,
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"query or a fragment", `unknown edition "sam"`, `"cookie" for the token`, "white space", "no-such-file.pem", "negative"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "geheim") {
		t.Errorf("a secret shows in\n%v", err)
	}
	for url, want := range map[string]string{
		"":                                "no URL",
		"inventory.example.com":           "is no URL",
		"ftp://inventory.example.com":     "neither https:// nor http://",
		"http://inventory.example.com":    "in clear",
		"https://me:geheim@inv.example":   "has a user in it",
		"https://:9081":                   "is no URL",
		"https://inventory.example.com#x": "query or a fragment",
	} {
		_, err := bigfix.New(bigfix.Config{URL: url, Token: "abcdef"})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: %v, want %q", url, err, want)
		}
	}
	for _, url := range []string{"http://localhost:9081", "http://[::1]:9081", "https://inventory.example.com/x/"} {
		if _, err := bigfix.New(bigfix.Config{URL: url, Token: "abcdef"}); err != nil {
			t.Errorf("%q: %v", url, err)
		}
	}
	notPEM := filepath.Join(t.TempDir(), "ca.der")
	if err := os.WriteFile(notPEM, []byte{0x30, 0x82}, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bigfix.New(bigfix.Config{URL: "https://x.example", Token: "abcdef", CAFile: notPEM}); err == nil || !strings.Contains(err.Error(), "PEM") {
		t.Errorf("CA file in DER: %v", err)
	}
}
