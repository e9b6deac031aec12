package bigfixtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"importbot/bigfix"
)

// Server is a simulated server on a port of the loopback interface. It is a
// thin shell around a [Sim], whose switches it shares: Set, Fail, StartByHand
// and the rest may be called at any time. Safe for concurrent use.
type Server struct {
	*Sim
	// URL is the server's address, such as "http://127.0.0.1:40123".
	URL string
	// Token is the API token that it takes.
	Token string

	set   *settings
	clock *Clock
	addr  string
	conns atomic.Int64

	mu           sync.Mutex
	cert         *certificate  // nil without TLS
	http         *http.Server  // nil while it is stopped
	gone         chan struct{} // closed when it stops: what hangs lets go
	requests     []Request
	asked        int           // how many came, with those that are not kept
	more         chan struct{} // closed and replaced when requests grow
	issued       map[string]time.Time
	rejecting    bool // no token is right
	interceptors []*func(Point, Request) Verdict
}

// NewServer starts a server that speaks HTTP. Like httptest.NewServer it
// panics if there is no port to listen on. Close it after use.
func NewServer(opts ...Option) *Server { return launch(nil, opts) }

// NewTLSServer starts a server that speaks HTTPS with a self-signed
// certificate, as real ones do when they are new: see [Server.CertificatePEM].
func NewTLSServer(opts ...Option) *Server { return launch(newCertificate(), opts) }

func launch(cert *certificate, opts []Option) *Server {
	set := newSettings(opts)
	clock := set.clock
	if clock == nil {
		clock = RealClock()
	}
	s := &Server{
		Sim: NewSim(clock.Now(), opts...), Token: set.token,
		set: set, clock: clock, cert: cert, addr: "127.0.0.1:0",
		more: make(chan struct{}), issued: make(map[string]time.Time),
	}
	if err := s.Start(); err != nil {
		panic(err)
	}
	return s
}

// Start makes a stopped server answer again, on the same port.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil {
		return nil
	}
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("bigfixtest: %w", err)
	}
	s.addr = l.Addr().String()
	s.URL = "http://" + s.addr
	if s.cert != nil {
		s.URL = "https://" + s.addr
		l = tls.NewListener(l, &tls.Config{GetCertificate: s.handshake, SessionTicketsDisabled: true})
	}
	s.gone = make(chan struct{})
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, &connection{n: int(s.conns.Add(1))})
		},
	}
	go s.http.Serve(l) //nolint:errcheck // it ends with Stop
	return nil
}

// Stop takes the server off the network: connections are cut, new ones are
// refused. The simulation goes on underneath, and Start brings it back.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http == nil {
		return
	}
	close(s.gone)
	s.http.Close() //nolint:errcheck // nothing to lose
	s.http = nil
}

// Close stops the server for good.
func (s *Server) Close() { s.Stop() }

// Clock is the clock that the server lives by.
func (s *Server) Clock() *Clock { return s.clock }

// Config is how to reach the server with its token. The password is in Login.
func (s *Server) Config() bigfix.Config {
	return bigfix.Config{URL: s.URL, Edition: s.set.edition, Token: s.set.token}
}

// LoginConfig is how to reach the server with user and password.
func (s *Server) LoginConfig() bigfix.Config {
	return bigfix.Config{URL: s.URL, Edition: s.set.edition, User: s.set.user, Password: s.set.password}
}

// RejectTokens makes the server take every token for wrong from now on, as if
// its owner's rights had been withdrawn, until AcceptTokens. How it says so is
// one of the doubts: WrongToken. User and password still get new ones.
func (s *Server) RejectTokens() { s.setRejecting(true) }

// AcceptTokens ends RejectTokens: the same tokens are good again.
func (s *Server) AcceptTokens() { s.setRejecting(false) }

func (s *Server) setRejecting(rejecting bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejecting = rejecting
}

// RevokeTokens makes every token that get_token gave worthless.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.issued)
}

// Journal returns what the server was asked and did so far, as far as
// [WithJournal] keeps it.
func (s *Server) Journal() Journal {
	imports := s.Imports(s.clock.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	return Journal{Requests: slices.Clone(s.requests), Imports: imports}
}

// Wait blocks until a request fits, one that came before and is kept included,
// or ctx ends.
func (s *Server) Wait(ctx context.Context, fits func(Request) bool) (Request, error) {
	for {
		s.mu.Lock()
		more := s.more
		i := slices.IndexFunc(s.requests, fits)
		if i >= 0 {
			r := s.requests[i]
			s.mu.Unlock()
			return r, nil
		}
		s.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return Request{}, fmt.Errorf("bigfixtest: no such request: %w", ctx.Err())
		}
	}
}

// note writes a request into the journal and returns it with its number.
func (s *Server) note(r Request) Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(r)
}

// add is note for who holds the lock.
func (s *Server) add(r Request) Request {
	s.asked++
	r.N = s.asked
	s.requests = append(newest(s.requests, s.set.journal), r)
	close(s.more)
	s.more = make(chan struct{})
	return r
}

type connKey struct{}

type connection struct {
	n    int
	used atomic.Bool
}

// serve takes a request apart, has it answered and writes the answer.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	in := Request{
		Time: s.clock.Now(), Method: r.Method, Path: r.URL.Path, Proto: r.Proto, Close: r.Close,
		Format: r.URL.Query().Get("format"), Run: r.URL.Query().Get("run"), Language: r.Header.Get("Accept-Language"),
	}
	if c, ok := r.Context().Value(connKey{}).(*connection); ok {
		in.Conn, in.Reused = c.n, c.used.Swap(true)
	}
	in.Token, in.Right = s.tokenIn(r)
	if !s.glance(in.Time).down && s.cuts(Arrived, in) {
		s.drop(in)
	}
	var rep reply
	var write func(http.ResponseWriter)
	switch r.URL.Path {
	case "/api/import_status.json", "/api/management/imports.json":
		rep, write = s.importStatus(&in)
	case "/api/get_token":
		rep, write = s.getToken(r, &in)
	default:
		rep, write = s.page(&in)
	}
	in.Answer, in.Down, in.Did = rep.answer, rep.down, rep.did
	s.deliver(w, r, rep, in, write)
}

// deliver waits as long as the answer has to, notes it and sends it.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request, rep reply, in Request, write func(http.ResponseWriter)) {
	in.Status = rep.code()
	in = s.note(in)
	if !rep.down && s.cuts(Taken, in) {
		s.drop(in)
	}
	s.mu.Lock()
	gone := s.gone
	s.mu.Unlock()
	if rep.delay > 0 && !rep.down {
		reached, stop := s.clock.Until(in.Time.Add(rep.delay))
		defer stop()
		select {
		case <-reached:
		case <-gone:
		case <-r.Context().Done():
		}
	}
	switch {
	case rep.answer == AnswerHang:
		select {
		case <-gone:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	case rep.down, rep.answer == AnswerDrop:
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Date", rep.date(s.clock.Now()).Format(http.TimeFormat))
	w.Header().Set("Content-Language", "en-US")
	write(w)
	s.left(w, in)
}

// tokenIn finds the token and tells whether the server takes it.
func (s *Server) tokenIn(r *http.Request) (where string, right bool) {
	query, header := r.URL.Query().Get("token"), r.Header.Get("Token")
	via := s.Doubts().TokenVia
	if via == TokenByEdition {
		via = TokenQueryOnly
		if s.set.edition == bigfix.ILMT {
			via = TokenEither
		}
	}
	switch {
	case query != "" && header != "":
		where = "both"
	case query != "":
		where = "query"
	case header != "":
		where = "header"
	}
	token := query
	if via == TokenHeaderOnly || via == TokenEither && header != "" {
		token = header
	}
	return where, s.takes(token)
}

// takes reports whether a token is the configured one or one that was issued
// and still lives.
func (s *Server) takes(token string) bool {
	lifetime := s.Doubts().TokenLifetime
	s.mu.Lock()
	defer s.mu.Unlock()
	issued, ok := s.issued[token]
	if ok && lifetime > 0 && s.clock.Now().Sub(issued) >= lifetime {
		return false
	}
	return token != "" && !s.rejecting && (ok || token == s.set.token)
}

// importStatus answers the import API.
func (s *Server) importStatus(in *Request) (reply, func(http.ResponseWriter)) {
	now := s.clock.Now()
	d := s.Doubts()
	if alias := in.Path != "/api/import_status.json"; alias && d.NoAliasPath || !alias && d.NoMainPath {
		return s.plainReply(now, Answer404)
	}
	if in.Method != http.MethodGet {
		return s.plainReply(now, Answer404)
	}
	run, err := s.runType(in.Run)
	if err == nil && in.Format != "" && in.Format != "json" && in.Format != "xml" {
		err = fmt.Errorf("invalid value of parameter format: %s", strconv.Quote(in.Format))
	}
	if err != nil {
		rep, _ := s.plainReply(now, Answer500)
		rep.message, rep.did = "Bad Request: "+err.Error(), "refused: bad parameter"
		return rep, s.writer(rep, in.Format)
	}
	rep := s.ask(now, question{run: run, denied: !in.Right, bare: in.Token == ""})
	return rep, s.writer(rep, in.Format)
}

// runType reads run= as the edition documents it.
func (s *Server) runType(run string) (bigfix.ImportType, error) {
	switch {
	case run == "":
		return "", nil
	case s.set.edition == bigfix.ILMT && run == "true":
		return bigfix.TypeComplete, nil
	case s.set.edition != bigfix.ILMT && bigfix.ImportType(run).Known():
		return bigfix.ImportType(run), nil
	}
	return "", fmt.Errorf("invalid value of parameter run: %s", strconv.Quote(run))
}

// plainReply is a reply that the simulation has no part in, except that it may
// be away.
func (s *Server) plainReply(now time.Time, a Answer) (reply, func(http.ResponseWriter)) {
	rep := s.glance(now)
	rep.answer = a
	return rep, s.writer(rep, "")
}

// getToken answers api/get_token.
func (s *Server) getToken(r *http.Request, in *Request) (reply, func(http.ResponseWriter)) {
	now := s.clock.Now()
	rep, fault := s.loginFault(now)
	if rep.down || fault {
		return rep, s.writer(rep, "")
	}
	var login struct{ User, Password string }
	err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&login)
	d := s.Doubts()
	in.Right = err == nil && r.Method == http.MethodPost && login.User == s.set.user && login.Password == s.set.password
	if !in.Right || d.SingleSignOn {
		rep.answer = cmp.Or(d.LoginAnswer, s.documentedLoginAnswer())
		rep.message = "Incorrect user name or password"
		return rep, s.writer(rep, "")
	}
	token := s.issue(now)
	return rep, func(w http.ResponseWriter) {
		send(w, 200, "application/json", fmt.Sprintf("{%q:%q}\n", "token", token))
	}
}

// documentedLoginAnswer is how the edition answers a wrong password.
func (s *Server) documentedLoginAnswer() Answer {
	if s.set.edition == bigfix.ILMT {
		return Answer500
	}
	return Answer401
}

func (s *Server) loginFault(now time.Time) (reply, bool) {
	rep := s.glance(now)
	if rep.down {
		return rep, false
	}
	f := s.strikeOn(Logins)
	if f == nil {
		return rep, false
	}
	rep.answer, rep.message, rep.delay = f.Answer, f.Message, rep.delay+f.Delay
	return rep, f.Answer != AnswerStatus
}

func (s *Server) issue(now time.Time) string {
	var b [20]byte
	rand.Read(b[:]) //nolint:errcheck // never fails
	token := hex.EncodeToString(b[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued[token] = now
	return token
}
