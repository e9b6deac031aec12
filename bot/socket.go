package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/sirupsen/logrus"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

const (
	helloWithin      = 30 * time.Second // from asking for a socket to its hello
	handshakeTimeout = 15 * time.Second
	writeBuffer      = 32 << 10 // an ack has to leave in one frame: Slack does not join continuations
	readLimit        = 8 << 20  // bytes of one envelope
	ackTimeout       = 2 * time.Second
	unsureFor        = 300 * time.Millisecond
)

var (
	errDisconnected = errors.New("closed by Slack")
	errSilent       = errors.New("nothing was heard from Slack")
	errNoHello      = errors.New("no hello in time")
	errStuck        = errors.New("an ack could not be written")
	errSecondOpen   = errors.New("one socket a connection")
)

// socket is one WebSocket, from apps.connections.open to its end.
type socket struct {
	bot    *Bot
	link   *link
	client *socketmode.Client
	log    logrus.FieldLogger

	ctx      context.Context
	cancel   context.CancelCauseFunc
	lastRead atomic.Int64 // unix nanoseconds; zero before the first byte

	mu     sync.Mutex
	unsure []sentAnswer // answers that travelled in acks of the last moments
}

type sentAnswer struct {
	request *Request
	at      time.Time
}

// converse opens one socket for l and serves it until it ends. It returns how
// long it lasted after its hello, and why it ended: a *FatalError when the
// app's token is refused, a *RateLimitedError when Slack says so.
func (b *Bot) converse(parent context.Context, l *link) (lasted time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	s := &socket{bot: b, link: l, ctx: ctx, cancel: cancel, log: b.log.WithField("connection", l.number)}
	s.client = s.newClient()
	l.opening(s)

	ended := make(chan error, 1)
	go func() { ended <- s.client.RunContext(ctx) }()
	watch := time.AfterFunc(helloWithin, func() { cancel(errNoHello) })
	defer func() { watch.Stop() }()

	var hello time.Time
	for {
		select {
		case event := <-s.client.Events:
			if event.Type == socketmode.EventTypeHello && hello.IsZero() {
				hello = time.Now()
				watch.Stop()
				watch = s.watchSilence()
				s.greet(event.Request)
			}
			s.handle(event)
		case err := <-ended:
			s.handleRest()
			if parent.Err() == nil {
				s.repeatUnsure()
			}
			if !hello.IsZero() {
				lasted = time.Since(hello)
			}
			return lasted, s.why(parent, err)
		}
	}
}

// newClient makes a client that can open one socket. Every socket has its own,
// so that an ack that was meant for one never goes out on the next.
func (s *socket) newClient() *socketmode.Client {
	cfg := s.bot.cfg
	api := slack.New(cfg.BotToken, slack.OptionAppLevelToken(cfg.AppToken), slack.OptionAPIURL(cfg.APIURL),
		slack.OptionHTTPClient(&onceClient{client: s.bot.http}))
	dialer := &websocket.Dialer{
		Proxy:            http.ProxyFromEnvironment,
		HandshakeTimeout: handshakeTimeout,
		WriteBufferSize:  writeBuffer,
		NetDialContext:   s.dial,
	}
	return socketmode.New(api,
		socketmode.OptionDialer(dialer),
		socketmode.OptionReadLimit(readLimit),
		// The library gives up a connection on which pings are late, even
		// while envelopes come. Bytes are a better witness: see watchSilence.
		socketmode.OptionPingInterval(time.Hour))
}

// onceClient lets one request through: the library may not open a second socket.
type onceClient struct {
	client *http.Client
	spent  atomic.Bool
}

func (c *onceClient) Do(req *http.Request) (*http.Response, error) {
	if c.spent.Swap(true) {
		return nil, errSecondOpen
	}
	return c.client.Do(req)
}

func (s *socket) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: handshakeTimeout, KeepAlive: 15 * time.Second}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &tappedConn{Conn: conn, lastRead: &s.lastRead}, nil
}

// tappedConn notes when bytes were read. It stands below TLS and the
// WebSocket, so pings count, and a proxy that keeps an end alive doesn't.
type tappedConn struct {
	net.Conn
	lastRead *atomic.Int64
}

func (c *tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.lastRead.Store(time.Now().UnixNano())
	}
	return n, err
}

// watchSilence ends the socket when no byte was read for Config.Silence. The
// timer that it returns sets itself again for as long as bytes come.
func (s *socket) watchSilence() *time.Timer {
	var mu sync.Mutex // the timer may fire before it is assigned
	mu.Lock()
	defer mu.Unlock()
	silence := s.bot.cfg.Silence
	var timer *time.Timer
	timer = time.AfterFunc(silence, func() {
		mu.Lock()
		defer mu.Unlock()
		quiet := time.Since(time.Unix(0, s.lastRead.Load()))
		if quiet >= silence {
			s.cancel(fmt.Errorf("%w for %s", errSilent, quiet.Round(time.Second)))
		} else if s.ctx.Err() == nil {
			timer.Reset(silence - quiet)
		}
	})
	return timer
}

func (l *link) opening(s *socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.socket, l.hello = s, time.Time{}
	l.opened++
}

func (s *socket) greet(hello *socketmode.Request) {
	s.link.mu.Lock()
	s.link.hello = time.Now()
	s.link.mu.Unlock()
	s.bot.gate.greeted(s.link)
	s.bot.greeted.Do(func() { close(s.bot.ready) })
	s.log.WithFields(logrus.Fields{"app": hello.ConnectionInfo.AppID, "open": hello.NumConnections}).Info("Connected to Slack")
}

// handle looks at one event. It must not block: behind it wait all others.
func (s *socket) handle(event socketmode.Event) {
	switch event.Type {
	case socketmode.EventTypeConnecting:
		// A second connect means that the first socket is gone; its reason
		// stays in the library.
		if c, ok := event.Data.(*slack.ConnectingEvent); ok && (c.ConnectionCount > 0 || c.Attempt > 1) {
			s.cancel(errDisconnected)
		}
	case socketmode.EventTypeConnectionError:
		if c, ok := event.Data.(*slack.ConnectionErrorEvent); ok {
			s.cancel(c.ErrorObj)
		}
	case socketmode.EventTypeErrorWriteFailed:
		s.cancel(errStuck)
	case socketmode.EventTypeErrorBadMessage:
		if bad, ok := event.Data.(*socketmode.ErrorBadMessage); ok {
			s.bot.unreadable(s, bad)
		}
	case socketmode.EventTypeSlashCommand, socketmode.EventTypeInteractive, socketmode.EventTypeEventsAPI:
		s.bot.receive(s, event)
	}
}

// handleRest serves the envelopes that came but were not looked at before the
// socket ended. They can't be acked any more, but they can be answered.
func (s *socket) handleRest() {
	s.cancel(errDisconnected)
	for {
		select {
		case event := <-s.client.Events:
			s.handle(event)
		default:
			return
		}
	}
}

// why tells the reason of the socket's end, once RunContext returned err.
func (s *socket) why(parent context.Context, err error) error {
	if parent.Err() != nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		err = context.Cause(s.ctx)
	}
	for _, own := range []error{errDisconnected, errSilent, errNoHello, errStuck} {
		if errors.Is(err, own) {
			return err
		}
	}
	err = classify(methodOpen, err, nil)
	if api := (*APIError)(nil); errors.As(err, &api) && (api.kind == ErrAuth || api.kind == ErrNoScope) {
		return newFatal(VarAppToken, api.Code, "")
	}
	return s.bot.wrongAddress(err)
}

// ack sends an ack, with payload unless that is nil. An error means that it
// surely won't arrive; nil means that it probably will.
func (s *socket) ack(envelopeID string, payload json.RawMessage) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	response := socketmode.Response{EnvelopeID: envelopeID}
	if payload != nil {
		response.Payload = payload
	}
	ctx, cancel := context.WithTimeout(s.ctx, ackTimeout)
	defer cancel()
	err := s.client.SendCtx(ctx, response)
	if errors.Is(err, context.DeadlineExceeded) {
		s.cancel(errStuck)
	}
	return err
}

// remember notes an answer that travels in an ack.
func (s *socket) remember(r *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for len(s.unsure) > 0 && now.Sub(s.unsure[0].at) > unsureFor {
		s.unsure = s.unsure[1:]
	}
	s.unsure = append(s.unsure, sentAnswer{r, now})
}

// repeatUnsure says again, by response_url, what was put into acks just
// before the socket ended: nobody can tell whether those still got out. The
// second saying replaces the first where there was one.
func (s *socket) repeatUnsure() {
	s.mu.Lock()
	unsure := s.unsure
	s.unsure = nil
	s.mu.Unlock()
	for _, sent := range unsure {
		if time.Since(sent.at) <= unsureFor {
			s.bot.chores.submit(sent.request.repeat)
		}
	}
}
