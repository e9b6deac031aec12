package bigfix_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"importbot/bigfix"
)

// cutter is a server on bare TCP that answers looks, keeps connections open,
// and does with a run= request what it is told.
type cutter struct {
	url  string
	runs chan string // how each run= came
	mu   sync.Mutex
	then func(net.Conn)
	all  []net.Conn
}

func newCutter(t *testing.T, then func(net.Conn)) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{url: "http://" + l.Addr().String(), runs: make(chan string, 100), then: then}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			c.all = append(c.all, conn)
			c.mu.Unlock()
			serving.Go(func() { c.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		c.mu.Lock()
		for _, conn := range c.all {
			conn.Close()
		}
		c.mu.Unlock()
		serving.Wait()
	})
	return c
}

func (c *cutter) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for looks := 0; ; looks++ {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if run := req.URL.Query().Get("run"); run != "" {
			c.runs <- fmt.Sprintf("run=%s by %s after %d looks on its connection", run, req.Proto, looks)
			c.then(conn)
			return
		}
		const body = `{"mode":"idle"}`
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
}

// seen empties the journal. Whatever resends does so before it gives up, so
// when a call has returned, all that will come has come.
func (c *cutter) seen() []string {
	var runs []string
	for {
		select {
		case r := <-c.runs:
			runs = append(runs, r)
		default:
			return runs
		}
	}
}

// endings are the ways in which a server can drop a request that it has read.
var endings = map[string]func(net.Conn){
	"closes": func(net.Conn) {},
	"resets": func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
	"half a status line": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 20")
	},
	"half a header": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Ty")
	},
	"half a body": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"mode\":")
	},
	"408 by itself": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	},
	"503, retry at once": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	},
	"421, use another connection": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 421 Misdirected Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	},
	"redirect to itself": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 307 Temporary Redirect\r\nLocation: /api/import_status.json?run=complete\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	},
	"401": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	},
	"404": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	},
	"another protocol": func(c net.Conn) {
		fmt.Fprint(c, "220 mail.example.com ESMTP\r\n")
	},
}

// Invariant: one Start, at most one run= on the wire, on a connection that
// carried nothing before, whatever becomes of it.
func TestRunGoesOutOnce(t *testing.T) {
	for name, ending := range endings {
		t.Run(name, func(t *testing.T) {
			srv := newCutter(t, ending)
			c := newClient(t, bigfix.Config{URL: srv.url, Token: "abcdef"})
			idleConnections(t, c)

			_, err := c.Start(patient(t), bigfix.TypeComplete)
			if e := asError(t, err); e.NotSent() {
				t.Errorf("%v: claims that it was not sent", err)
			}
			got := srv.seen()
			if len(got) != 1 {
				t.Fatalf("run= came %d times:\n%s", len(got), strings.Join(got, "\n"))
			}
			if want := "run=complete by HTTP/1.1 after 0 looks on its connection"; got[0] != want {
				t.Errorf("got  %s\nwant %s", got[0], want)
			}
			mustStatus(t, c)
			if late := srv.seen(); len(late) != 0 {
				t.Errorf("run= came again later: %v", late)
			}
		})
	}
}

// The other half of the proof: under these very conditions an ordinary client
// does send the request twice, so the server above would have seen it.
func TestOrdinaryClientSendsTwice(t *testing.T) {
	srv := newCutter(t, endings["closes"])
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	get := func(query string) error {
		req, err := http.NewRequestWithContext(patient(t), "GET", srv.url+"/api/import_status.json?"+query, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		_, err = bufio.NewReader(resp.Body).ReadString('}')
		return errors.Join(err, resp.Body.Close())
	}
	if err := get("format=json"); err != nil {
		t.Fatal(err)
	}
	if err := get("run=complete"); err == nil {
		t.Fatal("no error")
	}
	if got := srv.seen(); len(got) < 2 {
		t.Errorf("net/http sent run= %d times: it no longer resends, or this server no longer provokes it", len(got))
	}
}

// idleConnections leaves two connections open behind looks.
func idleConnections(t *testing.T, c *bigfix.Client) {
	t.Helper()
	var looks sync.WaitGroup
	for range 2 {
		looks.Go(func() { _, _ = c.Status(patient(t)) })
	}
	looks.Wait()
	mustStatus(t, c)
}

// A start gives up at its timeout and says that it may have been taken.
func TestStartThatHangsIsNotRepeated(t *testing.T) {
	release := make(chan struct{})
	srv := newCutter(t, func(net.Conn) { <-release })
	defer close(release)
	c := newClient(t, bigfix.Config{URL: srv.url, Token: "abcdef", Timeout: 50 * time.Millisecond})
	idleConnections(t, c)
	_, err := c.Start(patient(t), bigfix.TypeComplete)
	if e := asError(t, err); e.NotSent() || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, not sent %t", err, e.NotSent())
	}
	if got := srv.seen(); len(got) != 1 {
		t.Errorf("run= came %d times: %v", len(got), got)
	}
}

// Where every connection breaks before the request can be written, nothing is
// sent, and nothing is tried again.
func TestOneDialAStart(t *testing.T) {
	var dials int
	c := newClient(t, bigfix.Config{URL: "http://127.0.0.1:9", Token: "abcdef",
		Dial: func(context.Context, string, string) (net.Conn, error) {
			dials++
			near, far := net.Pipe()
			far.Close()
			return near, nil
		}})
	_, err := c.Start(patient(t), bigfix.TypeComplete)
	if err == nil || dials != 1 {
		t.Errorf("%d dials, %v", dials, err)
	}
}
