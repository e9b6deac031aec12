package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// front stands between the bot and a server. It passes requests on, or answers them itself as badly as it can: with what it was sent,
// which holds the bot's secrets.
type front struct {
	*httptest.Server
	pass    *httputil.ReverseProxy
	needles *needles // gets the tickets that pass

	mu    sync.Mutex
	trick string
	only  string        // the beginning of the paths that the trick is played on
	done  int           // how often it was
	more  chan struct{} // closed and replaced when it was played once more
}

// trick answers a request with what was echoed, on the connection itself where it has to.
type trick func(w http.ResponseWriter, echo string)

// raw is a trick below HTTP.
func raw(answer func(echo string) string) trick {
	return func(w http.ResponseWriter, echo string) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, answer(echo)) //nolint:errcheck // whoever asked may be gone
	}
}

// page is a trick that is an answer.
func page(status int, kind, text string) trick {
	return func(w http.ResponseWriter, echo string) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		fmt.Fprintf(w, text, echo) //nolint:errcheck // whoever asked may be gone
	}
}

// line is an echo without line ends: what fits into a header.
func line(echo string) string {
	return strings.Join(strings.Fields(echo), " ")
}

// tricks are the ways in which a server can make a client quote what it sent.
var tricks = map[string]trick{
	"200 of HTML":    page(http.StatusOK, "text/html", "<html><title>Sign in</title><p>%s"),
	"400":            page(http.StatusBadRequest, "text/plain", "Bad request: %s"),
	"401":            page(http.StatusUnauthorized, "application/json", `{"error":"%[1]s","message":"%[1]s"}`),
	"403":            page(http.StatusForbidden, "text/html", "<h1>Forbidden</h1>%s"),
	"404":            page(http.StatusNotFound, "text/html", "no such page: %s"),
	"500":            page(http.StatusInternalServerError, "application/json", "{\"error\":\"Exception: %s\"}"),
	"500 at length":  page(http.StatusInternalServerError, "text/html", strings.Repeat("<p>at com.bigfix.Import ", 7)+"%s"),
	"not ok":         page(http.StatusOK, "application/json", `{"ok":false,"error":%q}`),
	"odd JSON":       page(http.StatusOK, "application/json", `{"ok":true,"mode":%[1]q,"ts":%[1]q,"channel":%[1]q,"url":%[1]q,"last_status":%[1]q,"error":%[1]q}`),
	"a number":       page(http.StatusOK, "application/json", `{"ok":%[1]q,"mode":7,"progress":%[1]q}`),
	"nothing at all": raw(func(string) string { return "" }),
	"another tongue": raw(func(echo string) string { return line(echo) + "\r\n\r\n" }),
	"an odd status":  raw(func(echo string) string { return "HTTP/1.1 " + line(echo) + "\r\n\r\n" }),
	"an odd reason":  raw(func(echo string) string { return "HTTP/1.1 407 " + line(echo) + "\r\nContent-Length: 0\r\n\r\n" }),
	"an odd header": raw(func(echo string) string {
		return "HTTP/1.1 200 OK\r\n" + line(strings.ReplaceAll(echo, ":", "=")) + "\r\n\r\n"
	}),
	"an odd length":   raw(func(echo string) string { return "HTTP/1.1 200 OK\r\nContent-Length: " + line(echo) + "\r\n\r\n" }),
	"an odd encoding": raw(func(echo string) string { return "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + line(echo) + "\r\n\r\n" }),
	"an odd chunk": raw(func(echo string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + line(echo) + "\r\n"
	}),
	"cut": raw(func(echo string) string {
		return "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{\"ok\":false,\"error\":\"" + line(echo)
	}),
	"said unasked": raw(func(echo string) string {
		return "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}" + "HTTP/1.1 200 OK\r\n" + line(echo) + "\r\n\r\n"
	}),
	"an odd wait": func(w http.ResponseWriter, echo string) {
		w.Header().Set("Retry-After", line(echo))
		w.WriteHeader(http.StatusTooManyRequests)
	},
	"sent elsewhere": func(w http.ResponseWriter, echo string) {
		w.Header().Set("Location", "http://127.0.0.1:1/login?"+url.Values{"from": {echo}}.Encode())
		w.WriteHeader(http.StatusFound)
	},
	"sent to nowhere": func(w http.ResponseWriter, echo string) {
		w.Header().Set("Location", "http://[::1"+line(echo))
		w.WriteHeader(http.StatusTemporaryRedirect)
	},
}

// newFront starts a front before a server; before nothing at all where target is "".
func newFront(t *testing.T, n *needles, target string) *front {
	t.Helper()
	f := &front{needles: n, more: make(chan struct{})}
	if target != "" {
		to, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		f.pass = &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, ModifyResponse: f.opened,
			ErrorLog: stdlog.New(io.Discard, "", 0), ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		}
	}
	f.Server = httptest.NewUnstartedServer(f)
	f.Config.ErrorLog = stdlog.New(io.Discard, "", 0)
	f.Start()
	t.Cleanup(func() { f.CloseClientConnections(); f.Close() })
	return f
}

// play plays a trick from now on, on requests whose path begins so; the trick "" is none.
func (f *front) play(name, only string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := tricks[name]; !known && name != "" {
		panic("no trick " + name)
	}
	f.trick, f.only, f.done = name, only, 0
}

// await waits until the trick was played.
func (f *front) await(t *testing.T, times int) {
	t.Helper()
	if !f.played(t, times, 30*time.Second) {
		t.Fatalf("%q was not played %d times", f.trick, times)
	}
}

// played waits until the trick was played, though not longer than that.
func (f *front) played(t *testing.T, times int, within time.Duration) bool {
	t.Helper()
	enough := time.NewTimer(within)
	defer enough.Stop()
	for {
		f.mu.Lock()
		done, more := f.done, f.more
		f.mu.Unlock()
		if done >= times {
			return true
		}
		select {
		case <-more:
		case <-enough.C:
			return false
		}
	}
}

func (f *front) chosen(path string) (trick, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.trick == "" || !strings.HasPrefix(path, f.only) {
		return nil, false
	}
	f.done++
	close(f.more)
	f.more = make(chan struct{})
	return tricks[f.trick], true
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	play, chosen := f.chosen(r.URL.Path)
	switch {
	case chosen:
		play(w, echoOf(r))
	case f.pass != nil:
		f.pass.ServeHTTP(w, r)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// echoOf is all that a request says, as servers quote it that were badly made.
func echoOf(r *http.Request) string {
	body, _ := io.ReadAll(r.Body) //nolint:errcheck // what has come is echoed
	var all bytes.Buffer
	fmt.Fprintf(&all, "%s %s\n", r.Method, r.RequestURI)
	if query, err := url.QueryUnescape(r.URL.RawQuery); err == nil {
		fmt.Fprintf(&all, "%s\n", query)
	}
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Token"} {
		if value := r.Header.Get(name); value != "" {
			fmt.Fprintf(&all, "%s: %s\n", name, value)
		}
	}
	if user, password, ok := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth(); ok {
		fmt.Fprintf(&all, "%s:%s\n", user, password)
	}
	fmt.Fprintf(&all, "%s", body)
	return all.String()
}

// opened notes the ticket of an answer to apps.connections.open, and leads its address to this front.
func (f *front) opened(r *http.Response) error {
	if !strings.HasSuffix(r.Request.URL.Path, "/apps.connections.open") {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body.Close()
	var answer map[string]any
	if json.Unmarshal(body, &answer) == nil {
		if text, ok := answer["url"].(string); ok {
			to, err := url.Parse(text)
			if err != nil {
				return err
			}
			ticket := to.Query().Get("ticket")
			f.needles.add("the ticket "+ticket[:8], ticket)
			to.Host = f.Listener.Addr().String()
			answer["url"] = to.String()
		}
		if body, err = json.Marshal(answer); err != nil {
			return err
		}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", fmt.Sprint(len(body)))
	return nil
}

// refusingDatabase speaks enough of PostgreSQL's protocol to ask for the password in the clear, and to refuse it by quoting it.
func refusingDatabase(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { refuseLogin(conn) })
		}
	})
	t.Cleanup(func() { listener.Close(); running.Wait() })
	return listener.Addr().String()
}

func refuseLogin(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	read := func(kinds int) string {
		head := make([]byte, kinds+4)
		if _, err := io.ReadFull(in, head); err != nil {
			return ""
		}
		length := int(head[kinds])<<24 | int(head[kinds+1])<<16 | int(head[kinds+2])<<8 | int(head[kinds+3])
		body := make([]byte, min(max(length-4, 0), 1<<16))
		io.ReadFull(in, body) //nolint:errcheck // what has come is echoed
		return strings.Trim(string(body), "\x00")
	}
	read(0)                                                       // the startup message
	conn.Write([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 3})               //nolint:errcheck // cleartext password, please
	password := read(1)                                           // what it was told
	text := "SFATAL\x00VFATAL\x00C28P01\x00Mpassword " + password // as no real server says it
	text += " is wrong\x00Dtried " + password + "\x00Htry another than " + password + "\x00\x00"
	length := len(text) + 4
	conn.Write(append([]byte{'E', byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}, text...)) //nolint:errcheck // it may be gone
}
