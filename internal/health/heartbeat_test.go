package health

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asked is a dead man's switch without a wire: it notes when it was asked.
type asked struct {
	begin time.Time
	at    []time.Duration
	fail  atomic.Bool
}

func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	a.at = append(a.at, time.Since(a.begin))
	if a.fail.Load() {
		return nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: errors.New("dialling " + r.URL.Host)}
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("OK")), Request: r}, nil
}

const secretURL = "https://secret-host.invalid/secret-path?secret-query=1"

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sw := &asked{begin: time.Now()}
		log, _ := noted()
		var ready atomic.Bool
		var sent int
		h := Heartbeat{URL: secretURL, Ready: func(context.Context) bool { return ready.Load() }, Transport: sw, Log: log,
			Sent: func(ok bool) {
				if ok {
					sent++
				}
			}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()

		after(10*time.Second + time.Millisecond) // not ready
		ready.Store(true)
		after(130 * time.Second)
		ready.Store(false)
		after(5 * time.Minute)
		ready.Store(true)
		after(30 * time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []time.Duration{11 * time.Second, 71 * time.Second, 131 * time.Second, 441 * time.Second}
		if diff := cmp.Diff(want, sw.at); diff != "" || sent != len(want) {
			t.Errorf("%d sent; asked at:%s", sent, diff)
		}
	})
}

func TestARowOfFailuresIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sw := &asked{begin: time.Now()}
		log, said := noted()
		var failed int
		h := Heartbeat{URL: secretURL, Ready: func(context.Context) bool { return true }, Transport: sw, Log: log,
			Sent: func(ok bool) {
				if !ok {
					failed++
				}
			}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		after(30 * time.Second) // between two beats
		for range 2 {
			sw.fail.Store(true)
			after(5 * time.Minute)
			sw.fail.Store(false)
			after(5 * time.Minute)
		}
		cancel()
		<-done
		if failed != 10 {
			t.Errorf("%d beats failed, want 10", failed)
		}
		if got := strings.Count(said.String(), "level=warning"); got != 2 {
			t.Errorf("two rows of failures made %d warnings:\n%s", got, said)
		}
		if got := strings.Count(said.String(), "is taken again, after 5 that failed in 5m0s"); got != 2 {
			t.Errorf("the end of a row was told %d times:\n%s", got, said)
		}
		noSecret(t, said.String())
	})
}

func noSecret(t *testing.T, s string) {
	t.Helper()
	if strings.Contains(s, "secret") {
		t.Errorf("the address shows: %s", s)
	}
}

func TestABeatThatFailsTellsWhyAndNothingOfTheAddress(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		conn.Close()
	}
	rubbish := func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		io.WriteString(conn, "you asked for "+r.URL.String()+"\r\n\r\n")
		conn.Close()
	}
	moved := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	var other atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { other.Add(1) }))
	defer elsewhere.Close()
	elsewhereURL := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)

	for _, c := range []struct {
		name   string
		handle http.HandlerFunc
		tls    bool
		want   string // empty: it is well
	}{
		{"well", status(200), false, ""},
		{"no content", status(204), false, ""},
		{"unknown", status(404), false, "it answered 404 Not Found"},
		{"down", status(503), false, "it answered 503 Service Unavailable"},
		{"cut", cut, false, "it closed the connection without an answer"},
		{"rubbish", rubbish, false, "no usable answer"},
		{"elsewhere", moved(elsewhereURL + "/secret"), false, errElsewhere.Error()},
		{"in circles", moved("/secret-path"), false, "it redirects in circles"},
		{"untrusted", status(200), true, "its certificate is signed by nobody this machine trusts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(c.handle)
			log, _ := noted()
			server.Config.ErrorLog = stdlog.New(debugging{log}, "", 0)
			if c.tls {
				server.StartTLS()
			} else {
				server.Start()
			}
			defer server.Close()
			got := oneBeat(t, server.URL+"/secret-path?key=secret-key")
			if c.want == "" && got != nil || c.want != "" && (got == nil || got.Error() != c.want) {
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
	if other.Load() != 0 {
		t.Error("another host was told the address")
	}
}

// oneBeat asks once, and checks that the error shows nothing.
func oneBeat(t *testing.T, address string) error {
	t.Helper()
	client, done := Heartbeat{}.client()
	defer done()
	err := beat(t.Context(), client, address)
	if err != nil {
		u, _ := url.Parse(address)
		for _, part := range []string{"secret", u.Host, u.Hostname(), u.Port()} {
			if part != "" && strings.Contains(err.Error(), part) {
				t.Errorf("%q shows %q", err, part)
			}
		}
	}
	return err
}

func TestAHostThatCantBeReached(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	plainHTTP := httptest.NewServer(someMetrics)
	defer plainHTTP.Close()
	for _, c := range []struct{ address, want string }{
		{"http://" + address + "/secret", "connection refused"},
		{"https://secret-host.invalid/secret", "its host name can't be resolved"},
		{strings.Replace(plainHTTP.URL, "http:", "https:", 1) + "/secret", "it does not speak TLS; is it http:// perhaps?"},
	} {
		if err := oneBeat(t, c.address); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.address, err, c.want)
		}
	}
}

func TestASlowSwitchIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, said := noted()
		ctx, cancel := context.WithTimeout(t.Context(), beatWithin+time.Second)
		defer cancel()
		h := Heartbeat{URL: secretURL, Ready: func(context.Context) bool { return true }, Log: log, Transport: hanging{}}
		if err := h.Run(ctx); err != nil {
			t.Error(err)
		}
		if !strings.Contains(said.String(), "no answer within 10s") {
			t.Errorf("the log says %q", said)
		}
		noSecret(t, said.String())
	})
}

// hanging never answers.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestStoppingIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, said := noted()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		h := Heartbeat{URL: secretURL, Ready: func(context.Context) bool { return true }, Log: log, Transport: hanging{},
			Sent: func(bool) { t.Error("a beat cut short by the end was counted") }}
		if err := h.Run(ctx); err != nil || said.Len() > 0 {
			t.Errorf("got %v and %q", err, said)
		}
	})
}

func TestAnAddressThatIsNone(t *testing.T) {
	for _, address := range []string{"", "secret", "ftp://secret/", "https://", "http://[secret", "https://secret:port/"} {
		err := Heartbeat{URL: address}.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "HEARTBEAT_URL") {
			t.Errorf("%q: got %v", address, err)
			continue
		}
		noSecret(t, err.Error())
	}
}

func TestARedirectIsFollowedOnTheSameHostOnly(t *testing.T) {
	to := func(s string) *http.Request {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Request{URL: u}
	}
	for _, c := range []struct {
		from, to string
		follows  bool
	}{
		{"https://a.example/x", "https://a.example/y", true},
		{"http://a.example/x", "https://a.example/x", true},
		{"https://a.example/x", "https://a.example:8443/x", true},
		{"https://a.example/x", "http://a.example/x", false},
		{"https://a.example/x", "https://b.example/x", false},
		{"https://a.example/x", "https://a.example.evil.example/x", false},
	} {
		if got := stay(to(c.to), []*http.Request{to(c.from)}) == nil; got != c.follows {
			t.Errorf("%s to %s: followed %t", c.from, c.to, got)
		}
	}
}

// TLS alerts and the like name no host; an unknown kind of error might.
func TestErrorsNobodyThoughtOf(t *testing.T) {
	for _, err := range []error{
		errors.New("secret"), &url.Error{Op: "Get", URL: "https://secret", Err: errors.New("secret")},
		&tls.CertificateVerificationError{Err: errors.New("secret")}, &net.OpError{Op: "proxyconnect", Err: errors.New("secret")},
	} {
		noSecret(t, plain(err))
	}
}
