package health

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// Limits of the server. Whoever asks sends a line and a few headers; a scrape waits for the probes at most.
const (
	headerWithin = 5 * time.Second
	answerWithin = 15 * time.Second
	idleWithin   = time.Minute
	maxHeader    = 16 << 10
	// endWithin is how long answers under way may take when the server stops.
	endWithin = 2 * time.Second
)

// Config says what is served.
type Config struct {
	// Addr is host:port; port 0 takes any free one.
	Addr      string
	Readiness *Readiness
	Metrics   http.Handler
	Log       logrus.FieldLogger
}

// Server answers /healthz, /readyz and /metrics. It shows no secret and changes nothing.
type Server struct {
	log      logrus.FieldLogger
	listener net.Listener
	http     *http.Server
}

// New listens, so that an address which can't be had is known at once: the error names HTTP_ADDR and says what to do.
// Call Run or Close after it.
func New(cfg Config) (*Server, error) {
	if cfg.Readiness == nil || cfg.Metrics == nil || cfg.Log == nil {
		return nil, errors.New("health: the configuration is incomplete")
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, &AddrError{Addr: cfg.Addr, Err: err}
	}
	log := cfg.Log.WithField("part", "http")
	return &Server{log: log, listener: listener, http: &http.Server{
		Handler:           handler(cfg.Readiness, cfg.Metrics),
		ReadHeaderTimeout: headerWithin,
		ReadTimeout:       headerWithin,
		WriteTimeout:      answerWithin,
		IdleTimeout:       idleWithin,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          stdlog.New(debugging{log}, "", 0),
	}}, nil
}

// Addr is where the server listens: "127.0.0.1:9480".
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run serves until ctx ends; answers under way then have two seconds. It returns nil, or why nobody can ask any more.
// It runs once.
func (s *Server) Run(ctx context.Context) error {
	s.log.WithField("addr", s.Addr()).Infof("Health and metrics are served on http://%s", s.Addr())
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
		defer cancel()
		if s.http.Shutdown(within) != nil {
			s.http.Close() //nolint:errcheck // it is the end of it either way
		}
	})
	err := s.http.Serve(s.listener)
	if stop() { // ctx has not ended: serving did
		s.Close()
		return fmt.Errorf("serving health and metrics on %s: %w", s.Addr(), err)
	}
	<-ended
	return nil
}

// Close gives the address back, for a server that is not to run after all.
func (s *Server) Close() { s.http.Close(); s.listener.Close() } //nolint:errcheck // nothing can be lost

// AddrError is an address that can't be listened on.
type AddrError struct {
	Addr string
	Err  error
}

func (e *AddrError) Unwrap() error { return e.Err }

func (e *AddrError) Error() string {
	what, advice := e.words()
	return fmt.Sprintf("HTTP_ADDR=%s can't be used: %s. %s", e.Addr, what, advice)
}

// words are what is wrong, and what to do.
func (e *AddrError) words() (what, advice string) {
	const other = "set HTTP_ADDR to another address, such as 127.0.0.1:0 for any free port, or to off"
	var unknown *net.DNSError
	var bad *net.AddrError
	var parse *net.ParseError
	switch {
	case errors.Is(e.Err, errInUse):
		return "another program listens there already", "Stop that one (perhaps an Importbot that still runs), or " + other + "."
	case errors.Is(e.Err, errNotOurs):
		return "this machine has no such address", "Use 127.0.0.1 for this machine alone, 0.0.0.0 or [::] for all of its networks, or " + other + "."
	case errors.Is(e.Err, errDenied):
		return "this user may not listen there", "Ports below 1024 need privileges: use a higher one, 9480 for instance, or " + other + "."
	case errors.As(e.Err, &unknown) && unknown.Name != "" && !strings.Contains(unknown.Err, "unknown port"):
		return "its host name is not known", "Give an IP address of this machine, or " + other + "."
	case errors.As(e.Err, &bad), errors.As(e.Err, &parse), errors.As(e.Err, &unknown):
		return "it is not host:port", "Write it like 127.0.0.1:9480, or [::1]:9480, or " + other + "."
	}
	return e.Err.Error(), strings.ToUpper(other[:1]) + other[1:] + "."
}

// handler answers the three paths. There is no pprof, and nothing registers itself here.
func handler(ready *Readiness, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/healthz", reading(http.HandlerFunc(healthz)))
	mux.Handle("/readyz", reading(readyz(ready)))
	mux.Handle("/metrics", reading(metrics))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusNotFound, "There is nothing here. Importbot serves /healthz, /readyz and /metrics.\n")
	})
	return mux
}

// reading refuses every method that is not for reading.
func reading(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			say(w, http.StatusMethodNotAllowed, "Nothing can be changed here; ask with GET.\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func say(w http.ResponseWriter, status int, line string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, line) //nolint:errcheck // who asked has gone
}

func healthz(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok\n") }

func readyz(ready *Readiness) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		report, err := ready.Report(r.Context())
		if err != nil {
			return // who asked has gone
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if report.Ready {
			w.WriteHeader(http.StatusOK)
		} else {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		w.Write(lines(report)) //nolint:errcheck // who asked has gone
	})
}

// lines writes a report as JSON with a line a check, so that grep and a tired person can read it too.
func lines(r Report) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"ready":%t,"checks":[`, r.Ready)
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	separator := "\n"
	for _, c := range r.Checks {
		b.WriteString(separator)
		encoder.Encode(c)       //nolint:errcheck // strings and a bool can be written
		b.Truncate(b.Len() - 1) // the encoder ends the line before the comma
		separator = ",\n"
	}
	b.WriteString("\n]}\n")
	return b.Bytes()
}

// debugging is where net/http complains of what clients do to it, a broken request for instance.
type debugging struct{ log logrus.FieldLogger }

func (d debugging) Write(line []byte) (int, error) {
	d.log.Debug(strings.TrimSpace(string(line)))
	return len(line), nil
}
