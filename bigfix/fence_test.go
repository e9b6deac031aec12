package bigfix_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

var errReplaced = errors.New("another one leads")

// tap is a server that keeps what it is sent once a connection stands, and answers looks.
type tap struct {
	cfg    bigfix.Config
	stands chan struct{} // one for each connection, after the TLS handshake if there is one
	over   chan struct{} // one for each connection that is closed, and read to its end
	dialed int
	mu     sync.Mutex
	heard  strings.Builder
}

func newTap(t *testing.T, secure bool) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tp := &tap{cfg: bigfix.Config{URL: "http://" + l.Addr().String(), Token: "abcdef"}, stands: make(chan struct{}, 10), over: make(chan struct{}, 10)}
	tp.cfg.Dial = tp.dial
	if secure {
		pair, ca := certificateFor(t, []string{"localhost"}, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		tp.cfg.URL, tp.cfg.CAFile = fmt.Sprintf("https://localhost:%d", l.Addr().(*net.TCPAddr).Port), ca
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go tp.serve(conn)
		}
	}()
	t.Cleanup(func() { l.Close(); <-accepting })
	return tp
}

// dial counts the connections.
func (tp *tap) dial(ctx context.Context, network, address string) (net.Conn, error) {
	tp.dialed++
	return new(net.Dialer).DialContext(ctx, network, address)
}

func (tp *tap) serve(conn net.Conn) {
	defer func() { conn.Close(); tp.over <- struct{}{} }()
	if secure, ok := conn.(*tls.Conn); ok && secure.Handshake() != nil {
		return
	}
	tp.stands <- struct{}{}
	in := bufio.NewReader(io.TeeReader(conn, tp))
	for {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		const body = `{"mode":"idle"}`
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
}

// Write notes what was heard.
func (tp *tap) Write(b []byte) (int, error) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return tp.heard.Write(b)
}

// all is everything that the server was sent: the client's connections are closed, and read to their end.
func (tp *tap) all(c *bigfix.Client) string {
	c.Close()
	for range tp.dialed {
		<-tp.over
	}
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return tp.heard.String()
}

func start(ctx context.Context, c *bigfix.Client) error {
	_, err := c.Start(ctx, bigfix.TypeRaw)
	return err
}

func look(ctx context.Context, c *bigfix.Client) error {
	_, err := c.Status(ctx)
	return err
}

var calls = map[string]func(context.Context, *bigfix.Client) error{"start": start, "look": look}

// A fence is asked once the connection stands, and of what it refuses no byte is on the wire.
func TestFenceIsAskedWhenTheConnectionStands(t *testing.T) {
	for name, call := range calls {
		for _, secure := range []bool{false, true} {
			for _, login := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, TLS %t, login %t", name, secure, login), func(t *testing.T) {
					srv := newTap(t, secure)
					if login {
						srv.cfg.Token, srv.cfg.User, srv.cfg.Password = "", "importer", "password"
					}
					c := newClient(t, srv.cfg)
					asked := 0
					err := call(bigfix.WithFence(patient(t), func() error {
						asked++
						select {
						case <-srv.stands:
						case <-time.After(patience):
							return errors.New("asked before there was a connection")
						}
						return errReplaced
					}), c)
					if e := asError(t, err); !errors.Is(err, errReplaced) || !e.NotSent() || asked != 1 {
						t.Errorf("%v, not sent %t, asked %d times", err, e.NotSent(), asked)
					}
					if got := srv.all(c); got != "" {
						t.Errorf("sent all the same: %q", got)
					}
					if _, held := c.LoginRejectedUntil(); held {
						t.Error("what was never sent counts as a rejected login")
					}
				})
			}
		}
	}
}

// On a connection that is kept the fence is asked for each request, and refuses each by itself.
func TestFenceOnAKeptConnection(t *testing.T) {
	for _, secure := range []bool{false, true} {
		srv := newTap(t, secure)
		c := newClient(t, srv.cfg)
		var verdicts []error
		fenced := func() context.Context {
			return bigfix.WithFence(patient(t), func() error {
				verdict := verdicts[0]
				verdicts = verdicts[1:]
				return verdict
			})
		}
		verdicts = []error{nil, nil, errReplaced}
		for i, want := range []error{nil, nil, errReplaced} {
			if err := look(fenced(), c); !errors.Is(err, want) {
				t.Errorf("TLS %t, look %d: %v", secure, i, err)
			}
		}
		if err := look(patient(t), c); err != nil {
			t.Errorf("TLS %t: a look without a fence, after one that was refused: %v", secure, err)
		}
		if got := strings.Count(srv.all(c), "GET "); got != 3 || len(verdicts) != 0 {
			t.Errorf("TLS %t: %d requests were sent, want 3", secure, got)
		}
	}
}

// A start that has to fetch a token first asks before both, and the second time may be the one that refuses.
func TestFenceBetweenTokenAndStart(t *testing.T) {
	srv := newServer(t)
	c := newClient(t, srv.LoginConfig())
	asked := 0
	err := start(bigfix.WithFence(patient(t), func() error {
		if asked++; asked > 1 {
			return errReplaced
		}
		return nil
	}), c)
	if e := asError(t, err); !errors.Is(err, errReplaced) || !e.NotSent() || asked != 2 {
		t.Errorf("%v, not sent %t, asked %d times", err, e.NotSent(), asked)
	}
	if j := srv.Journal(); len(j.Requests) != 1 || len(j.Runs()) != 0 {
		t.Errorf("sent: %+v", j.Requests)
	}
}

// A fence that lets a request pass changes nothing; of two, one within the other, the outer one is asked first.
func TestFencesWithinEachOther(t *testing.T) {
	srv := newServer(t)
	c := newClient(t, srv.Config())
	var order []string
	fence := func(name string, verdict error) func() error {
		return func() error { order = append(order, name); return verdict }
	}
	ctx := bigfix.WithFence(bigfix.WithFence(patient(t), fence("outer", nil)), fence("inner", nil))
	if err := start(ctx, c); err != nil || strings.Join(order, " ") != "outer inner" {
		t.Errorf("asked %v, %v", order, err)
	}
	order = nil
	ctx = bigfix.WithFence(bigfix.WithFence(patient(t), fence("outer", errReplaced)), fence("inner", nil))
	if err := start(ctx, c); !errors.Is(err, errReplaced) || strings.Join(order, " ") != "outer" {
		t.Errorf("asked %v, %v", order, err)
	}
	if got := len(srv.Journal().Runs()); got != 1 {
		t.Errorf("%d run= requests", got)
	}
}

// wall is a clock on the wall that jumps.
type wall struct {
	mu     sync.Mutex
	jumped time.Duration
}

func (w *wall) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Round(0).Add(w.jumped)
}

func (w *wall) jump(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jumped += d
}

// A process that is frozen while it dials, or whose machine sleeps then, does not send what it had in hand when it wakes,
// though none of its timers has fired.
func TestFrozenWhileDialling(t *testing.T) {
	for name, call := range calls {
		for _, secure := range []bool{false, true} {
			for _, frozen := range []time.Duration{time.Second, time.Hour} {
				t.Run(fmt.Sprintf("%s, TLS %t, %s", name, secure, frozen), func(t *testing.T) {
					srv, clock := newTap(t, secure), new(wall)
					srv.cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
						conn, err := srv.dial(ctx, network, address)
						clock.jump(frozen)
						return conn, err
					}
					c := newClient(t, srv.cfg)
					bigfix.SetWall(c, clock.now)
					err := call(patient(t), c)
					if frozen == time.Second {
						if err != nil {
							t.Errorf("in time, and %v", err)
						}
						return
					}
					e := asError(t, err)
					if !e.NotSent() || !errors.Is(err, context.DeadlineExceeded) || e.Reason() != "could not be sent in time" {
						t.Errorf("%v, not sent %t, %q", err, e.NotSent(), e.Reason())
					}
					if got := srv.all(c); got != "" {
						t.Errorf("sent all the same: %q", got)
					}
				})
			}
		}
	}
}

// ended is a context that has ended without anybody having been told: the timer of its deadline has not fired.
type ended struct{ context.Context }

func (ended) Err() error { return context.DeadlineExceeded }

func TestNothingIsSentOnceTheContextHasEnded(t *testing.T) {
	for name, call := range calls {
		srv := newTap(t, false)
		c := newClient(t, srv.cfg)
		err := call(ended{patient(t)}, c)
		if e := asError(t, err); !e.NotSent() || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, not sent %t", name, err, e.NotSent())
		}
		if got := srv.all(c); got != "" {
			t.Errorf("%s: sent all the same: %q", name, got)
		}
	}
}

// An answer that lay there while the process was frozen is none: it says how the server was, nobody knows when.
func TestFrozenWhileWaiting(t *testing.T) {
	for name, call := range calls {
		srv, clock := newServer(t), new(wall)
		srv.Intercept(func(at bigfixtest.Point, _ bigfixtest.Request) bigfixtest.Verdict {
			if at == bigfixtest.Taken {
				clock.jump(time.Hour)
			}
			return bigfixtest.Pass
		})
		c := newClient(t, srv.Config())
		bigfix.SetWall(c, clock.now)
		err := call(patient(t), c)
		if e := asError(t, err); e.NotSent() || !errors.Is(err, bigfix.ErrUnavailable) || e.Reason() != "no answer within 20s" {
			t.Errorf("%s: %v, not sent %t", name, err, e.NotSent())
		}
	}
}

// net/http asks again by itself where a kept connection breaks. The fence is asked again too, and what had left before
// it refused does not count as unsent.
func TestFenceBeforeARequestIsSentAgain(t *testing.T) {
	srv := newServer(t)
	c := newClient(t, srv.Config())
	mustStatus(t, c)
	srv.Intercept(func(at bigfixtest.Point, _ bigfixtest.Request) bigfixtest.Verdict {
		if at == bigfixtest.Arrived {
			return bigfixtest.Cut
		}
		return bigfixtest.Pass
	})
	asked := 0
	err := look(bigfix.WithFence(patient(t), func() error {
		if asked++; asked > 1 {
			return errReplaced
		}
		return nil
	}), c)
	if e := asError(t, err); !errors.Is(err, errReplaced) || e.NotSent() || asked != 2 {
		t.Errorf("%v, not sent %t, asked %d times", err, e.NotSent(), asked)
	}
	if got := len(srv.Journal().Requests); got != 2 {
		t.Errorf("%d requests arrived, want the first look and the one that was cut", got)
	}
}
