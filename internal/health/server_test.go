package health

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// serve runs a server until the test ends.
func serve(t *testing.T, metrics http.Handler, probes ...Probe) (url string) {
	t.Helper()
	log, _ := noted()
	s, err := New(Config{Addr: "127.0.0.1:0", Readiness: NewReadiness(log, probes...), Metrics: metrics, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return "http://" + s.Addr()
}

var someMetrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "importbot_ready 1") })

func ask(t *testing.T, method, url string) (status int, header http.Header, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(b)
}

func TestPathsAndMethods(t *testing.T) {
	url := serve(t, someMetrics, well("slack"))
	const nothing = "There is nothing here. Importbot serves /healthz, /readyz and /metrics.\n"
	const readOnly = "Nothing can be changed here; ask with GET.\n"
	const ready = "{\"ready\":true,\"checks\":[\n{\"name\":\"slack\",\"ok\":true,\"detail\":\"fine\"}\n]}\n"
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/healthz", 200, "ok\n"},
		{"HEAD", "/healthz", 200, ""},
		{"GET", "/readyz", 200, ready},
		{"GET", "/readyz?verbose", 200, ready},
		{"HEAD", "/readyz", 200, ""},
		{"GET", "/metrics", 200, "importbot_ready 1\n"},
		{"POST", "/healthz", 405, readOnly},
		{"PUT", "/readyz", 405, readOnly},
		{"DELETE", "/metrics", 405, readOnly},
		{"OPTIONS", "/metrics", 405, readOnly},
		{"GET", "/", 404, nothing},
		{"GET", "/healthz/", 404, nothing},
		{"GET", "/debug/pprof/", 404, nothing},
		{"GET", "/debug/vars", 404, nothing},
		{"POST", "/elsewhere", 404, nothing},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			status, header, body := ask(t, c.method, url+c.path)
			if status != c.status || body != c.body {
				t.Errorf("got %d %q, want %d %q", status, body, c.status, c.body)
			}
			if c.status == http.StatusMethodNotAllowed && header.Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow: %q", header.Get("Allow"))
			}
			if c.path != "/metrics" && header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control: %q", header.Get("Cache-Control"))
			}
		})
	}
}

func TestReadyzHasALineACheckAndIsJSON(t *testing.T) {
	nasty := "line one\nline \"two\" <b>&amp; \u2028 \xff {"
	url := serve(t, someMetrics, well("slack_connections"), Probe{Name: "database", Ask: func(context.Context) []Check {
		return []Check{{"database", false, nasty}, {"lead", true, "held by this process"}}
	}})
	status, header, body := ask(t, "GET", url+"/readyz")
	if status != http.StatusServiceUnavailable || header.Get("Content-Type") != "application/json" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d with %v", status, header)
	}
	var got struct {
		Ready  bool
		Checks []Check
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	want := []Check{{"slack_connections", true, "fine"}, {"database", false, strings.ToValidUTF8(nasty, "\ufffd")}, {"lead", true, "held by this process"}}
	if diff := cmp.Diff(want, got.Checks); diff != "" || got.Ready {
		t.Error(got.Ready, diff)
	}
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	if len(lines) != len(want)+2 {
		t.Fatalf("%d lines for %d checks:\n%s", len(lines), len(want), body)
	}
	for i, c := range want {
		var line Check
		if err := json.Unmarshal([]byte(strings.TrimSuffix(lines[i+1], ",")), &line); err != nil || line != c {
			t.Errorf("line %d is %q (%v)", i+1, lines[i+1], err)
		}
	}
}

func TestNoCheckIsAnEmptyListInJSON(t *testing.T) {
	_, _, body := ask(t, "GET", serve(t, someMetrics)+"/readyz")
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil || got["ready"] != false {
		t.Errorf("%v: %s", err, body)
	}
}

func TestHealthzAnswersWhileTheProbesHang(t *testing.T) {
	hang := make(chan struct{})
	url := serve(t, someMetrics, Probe{Name: "database", Ask: func(context.Context) []Check { <-hang; return nil }})
	asked := make(chan int, 1)
	go func() {
		response, err := http.Get(url + "/readyz")
		if err != nil {
			asked <- 0
			return
		}
		response.Body.Close()
		asked <- response.StatusCode
	}()
	if status, _, _ := ask(t, "GET", url+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	if status := <-asked; status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", status)
	}
	close(hang)
}

// The probes of a real server are asked by people over real connections.
func TestManyAskReadyzAtOnce(t *testing.T) {
	var asked atomic.Int64
	release := make(chan struct{})
	url := serve(t, someMetrics, Probe{Name: "database", Ask: func(context.Context) []Check {
		asked.Add(1)
		<-release
		return []Check{{"database", true, ""}}
	}})
	answers := make(chan int)
	const many = 100
	for range many {
		go func() {
			response, err := http.Get(url + "/readyz")
			if err != nil {
				answers <- 0
				return
			}
			response.Body.Close()
			answers <- response.StatusCode
		}()
	}
	close(release)
	for range many {
		if status := <-answers; status != http.StatusOK {
			t.Errorf("got %d", status)
		}
	}
	if got := asked.Load(); got > 5 { // one, or one a second on a very slow machine
		t.Errorf("%d questions asked the database %d times", many, got)
	}
}

func TestAnswersUnderWayAreFinishedWhenItStops(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	log, _ := noted()
	s, err := New(Config{Addr: "127.0.0.1:0", Readiness: NewReadiness(log), Log: log,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(began)
			<-release
			io.WriteString(w, "all of it")
		})})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	body := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + s.Addr() + "/metrics")
		if err != nil {
			body <- err.Error()
			return
		}
		defer response.Body.Close()
		b, _ := io.ReadAll(response.Body)
		body <- string(b)
	}()
	<-began
	cancel()
	close(release)
	if got := <-body; got != "all of it" {
		t.Errorf("got %q", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", s.Addr()); err == nil {
		t.Error("it still listens")
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestAnAnswerThatNeverEndsDoesNotKeepItFromStopping(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	log, _ := noted()
	s, err := New(Config{Addr: "127.0.0.1:0", Readiness: NewReadiness(log), Log: log,
		Metrics: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(began); <-release })})
	if err != nil {
		t.Fatal(err)
	}
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	go http.Get("http://" + s.Addr() + "/metrics") //nolint:errcheck,bodyclose // it never gets one
	<-began
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(endWithin + 5*time.Second):
		t.Error("it did not stop")
	}
}

func TestHeadersWithoutEndAreRefused(t *testing.T) {
	url := serve(t, someMetrics)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: %s\r\n\r\n", strings.Repeat("a", 4*maxHeader))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d", response.StatusCode)
	}
}

func TestAServerHasLimits(t *testing.T) {
	log, _ := noted()
	s, err := New(Config{Addr: "127.0.0.1:0", Readiness: NewReadiness(log), Metrics: someMetrics, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.http.ReadHeaderTimeout <= 0 || s.http.ReadTimeout <= 0 || s.http.WriteTimeout <= ProbeWithin || s.http.IdleTimeout <= 0 {
		t.Errorf("a timeout is missing: %+v", s.http)
	}
}

func TestTheAddressIsLogged(t *testing.T) {
	log, said := noted()
	s, err := New(Config{Addr: "127.0.0.1:0", Readiness: NewReadiness(log), Metrics: someMetrics, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(s.Addr(), ":0") || !strings.Contains(said.String(), "http://"+s.Addr()) {
		t.Errorf("listening on %s, the log says %s", s.Addr(), said)
	}
}

func TestServingThatEndsByItselfIsAnError(t *testing.T) {
	log, _ := noted()
	s, err := New(Config{Addr: "127.0.0.1:0", Readiness: NewReadiness(log), Metrics: someMetrics, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s.listener.Close()
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), s.Addr()) {
		t.Errorf("got %v", err)
	}
}

func TestAddressesThatCantBeHad(t *testing.T) {
	taken := httptest.NewServer(someMetrics)
	defer taken.Close()
	inUse := taken.Listener.Addr().String()
	for _, c := range []struct{ addr, says string }{
		{inUse, "another program listens there already"},
		{"192.0.2.1:9480", "this machine has no such address"},
		{"127.0.0.1", "it is not host:port"},
		{"127.0.0.1:99999", "it is not host:port"},
		{"127.0.0.1:http-alt-nonsense", "it is not host:port"},
		{"::1:9480", "it is not host:port"},
		{"no-such-host.invalid:9480", "its host name is not known"},
	} {
		t.Run(c.addr, func(t *testing.T) {
			log, _ := noted()
			s, err := New(Config{Addr: c.addr, Readiness: NewReadiness(log), Metrics: someMetrics, Log: log})
			if err == nil {
				s.Close()
				t.Fatal("it listens")
			}
			var known *AddrError
			if !errors.As(err, &known) || !strings.HasPrefix(err.Error(), "HTTP_ADDR="+c.addr+" can't be used: "+c.says) || !strings.Contains(err.Error(), "127.0.0.1:0") {
				t.Errorf("got %q (%v)", err, errors.Unwrap(err))
			}
		})
	}
}

// A port below 1024 is forbidden to most, but not to those who test as root.
func TestAForbiddenPortIsSaidInWords(t *testing.T) {
	err := &AddrError{Addr: "127.0.0.1:80", Err: &net.OpError{Op: "listen", Err: errDenied}}
	if !strings.Contains(err.Error(), "this user may not listen there. Ports below 1024 need privileges") {
		t.Error(err)
	}
}

func BenchmarkReadyz(b *testing.B) {
	log, _ := noted()
	h := handler(NewReadiness(log, well("slack_connections"), well("slack_web_api"), well("database"), well("lead")), someMetrics)
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
