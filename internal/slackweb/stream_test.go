package slackweb

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"importbot/internal/slacksim"
)

// These tests play a stream over a connection in memory, in the time of a bubble, so that the minutes in them take none.

// hijacked is the answer to a request that came over a connection.
type hijacked struct {
	http.ResponseWriter
	conn net.Conn
	read *bufio.ReadWriter
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, h.read, nil }

// connected is a stream over the server's end of a connection, and the browser at the other end.
func connected(t *testing.T, here, there net.Conn) (*stream, *websocket.Conn) {
	t.Helper()
	opened := make(chan *stream, 1)
	go func() {
		defer close(opened)
		read := bufio.NewReadWriter(bufio.NewReader(here), bufio.NewWriter(here))
		r, err := http.ReadRequest(read.Reader)
		if err != nil {
			t.Error(err)
			return
		}
		if s, _, ok := open(hijacked{nil, here, read}, r); ok {
			opened <- s
		}
	}()
	dialer := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return there, nil }}
	browser, _, err := dialer.Dial("ws://localhost", nil)
	if err != nil {
		t.Fatal(err)
	}
	s := <-opened
	if s == nil {
		t.Fatal("it was not opened")
	}
	return s, browser
}

func overPipe(t *testing.T) (*stream, *websocket.Conn) {
	t.Helper()
	here, there := net.Pipe()
	return connected(t, here, there)
}

// followed lets a page send what happens until that or the browser is given up, which closes the connection.
func followed(s *stream, happens <-chan slacksim.Event) (over chan struct{}) {
	over = make(chan struct{})
	go func() {
		defer close(over)
		defer s.close()
		(&Page{slack: &slacksim.Sim{}}).follow(s, "U1", happens)
	}()
	return over
}

func TestASilentStreamSaysThatItIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, browser := overPipe(t)
		happens := make(chan slacksim.Event)
		over := followed(s, happens)
		began, pings := time.Now(), 0
		browser.SetPingHandler(func(string) error {
			if pings++; time.Since(began) != time.Duration(pings)*keepAlive {
				t.Errorf("it says so for the %d. time after %s", pings, time.Since(began))
			}
			if pings == 3 {
				return browser.Close()
			}
			return nil
		})
		browser.SetReadDeadline(began.Add(time.Hour)) //nolint:errcheck // it never fails
		if _, message, err := browser.ReadMessage(); err == nil {
			t.Errorf("it says %s", message)
		}
		browser.Close()
		close(happens)
		if <-over; pings != 3 {
			t.Errorf("it says so %d times", pings)
		}
	})
}

// A browser that takes nothing in is given up, whether something happens or not.
func TestABrowserThatTakesNothingIn(t *testing.T) {
	for name, tc := range map[string]struct {
		happens []slacksim.Event
		within  time.Duration
	}{
		"while something happens": {[]slacksim.Event{{Seq: 1, Kind: slacksim.CommandTyped, User: "U1"}}, takenIn},
		"while nothing happens":   {nil, keepAlive + takenIn},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, browser := overPipe(t)
				defer browser.Close()
				happens := make(chan slacksim.Event, 1)
				for _, e := range tc.happens {
					happens <- e
				}
				began := time.Now()
				select {
				case <-followed(s, happens):
				case <-time.After(time.Hour):
					t.Fatal("it is waited for")
				}
				if d := time.Since(began); d != tc.within {
					t.Errorf("it is given up after %s, want %s", d, tc.within)
				}
			})
		})
	}
}

// lingering is a connection whose reader does not notice that it was closed until it is let go.
type lingering struct {
	net.Conn
	let chan struct{}
}

func (l lingering) Read(to []byte) (n int, err error) {
	if n, err = l.Conn.Read(to); err != nil {
		<-l.let
	}
	return n, err
}

func TestAClosedStreamListensToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		here, there := net.Pipe()
		s, browser := connected(t, lingering{here, let}, there)
		defer browser.Close()
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			s.close()
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("it is closed, and still listens")
		default:
		}
		close(let)
		<-closed
	})
}
