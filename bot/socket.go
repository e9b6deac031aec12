package bot

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	errFrozen       = errors.New("this process stood still")
	errSecondOpen   = errors.New("one socket a connection")
)

// socket is one WebSocket, from apps.connections.open to its end.
type socket struct {
	bot    *Bot
	link   *link
	client *socketmode.Client
	log    logrus.FieldLogger
	breaks int // how often the process had stood still when it was opened

	ctx      context.Context
	cancel   context.CancelCauseFunc
	lastRead moment                     // when a byte was last read
	greeted  moment                     // what lastRead was at the hello
	wire     atomic.Pointer[framedConn] // nil until it stands, and where a proxy is between

	sending chan struct{} // held while an ack is queued, so that they are written in the order of queue
	mu      sync.Mutex
	queue   []sentAck    // acks that are not written yet, oldest first
	unsure  []sentAnswer // answers that travelled in acks of the last moments
}

// sentAck is an ack on its way to the network.
type sentAck struct {
	kind     Kind // empty for what no handler serves
	received time.Time
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
	s := &socket{
		bot: b, link: l, ctx: ctx, cancel: cancel, log: b.log.WithField("connection", l.number),
		sending: make(chan struct{}, 1),
	}
	s.client = s.newClient()
	l.opening(s) // from here on a standstill ends it
	s.breaks = b.pulse.look()

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
			if parent.Err() == nil && !b.leaving.Load() {
				s.repeatUnsure()
			}
			if !hello.IsZero() {
				lasted = time.Since(hello)
			}
			err = s.why(parent, err)
			if !hello.IsZero() {
				b.cfg.Observer.disconnected(s.word(parent, err))
			}
			return lasted, err
		}
	}
}

// newClient makes a client that can open one socket. Every socket has its own,
// so that an ack that was meant for one never goes out on the next.
func (s *socket) newClient() *socketmode.Client {
	cfg := s.bot.cfg
	dialer := &websocket.Dialer{
		Proxy:            http.ProxyFromEnvironment,
		HandshakeTimeout: handshakeTimeout,
		WriteBufferSize:  writeBuffer,
		WriteBufferPool:  &ackBuffer{wrote: s.wroteAck},
		NetDialContext:   s.dialTapped,
		TLSClientConfig:  s.bot.tlsConfig(""),
	}
	api := slack.New(cfg.BotToken, slack.OptionAppLevelToken(cfg.AppToken), slack.OptionAPIURL(cfg.APIURL),
		slack.OptionHTTPClient(&opener{bot: s.bot, dialer: dialer, socket: s}))
	return socketmode.New(api,
		socketmode.OptionDialer(dialer),
		socketmode.OptionReadLimit(readLimit),
		// The library gives up a connection on which pings are late, even
		// while envelopes come. Bytes are a better witness: see watchSilence.
		socketmode.OptionPingInterval(time.Hour))
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
		quiet := s.bot.now().Sub(s.lastRead.get())
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
	s.greeted.set(s.lastRead.get())
	s.bot.accept(&s.bot.appToken, func(string, *FatalError) bool { return true })
	s.bot.cfg.Observer.connected()
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
// socket ended. They can't be acked any more, but they can be answered. Where
// there are other processes they are left alone: Slack gives them to one of those.
func (s *socket) handleRest() {
	s.cancel(errDisconnected)
	for {
		select {
		case event := <-s.client.Events:
			if s.bot.alone() {
				s.handle(event)
			}
		default:
			return
		}
	}
}

// why tells the reason of the socket's end, once RunContext returned err.
func (s *socket) why(parent context.Context, err error) error {
	if parent.Err() != nil || s.bot.leaving.Load() {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		err = context.Cause(s.ctx)
	}
	if errors.Is(err, errDisconnected) {
		if word := s.slacksWord(); word != "" {
			return fmt.Errorf("%w (%s)", errDisconnected, word)
		}
		return err
	}
	for _, own := range []error{errSilent, errNoHello, errStuck, errFrozen} {
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

// slacksWord is Slack's reason for closing, empty where it gave none.
func (s *socket) slacksWord() string {
	if wire := s.wire.Load(); wire != nil {
		return wire.reason()
	}
	return ""
}

// word is why a socket ended, for [Observer].Disconnected.
func (s *socket) word(parent context.Context, err error) string {
	switch {
	case parent.Err() != nil || s.bot.leaving.Load():
		return "stopping"
	case errors.Is(err, errSilent):
		return "silent"
	case errors.Is(err, errStuck):
		return "stuck"
	case errors.Is(err, errFrozen):
		return "frozen"
	case !errors.Is(err, errDisconnected):
		return "error"
	}
	return cmp.Or(s.slacksWord(), "closed")
}

// ack sends an ack, with payload unless that is nil. An error means that it
// surely won't arrive; nil means that it probably will.
func (s *socket) ack(envelopeID string, payload json.RawMessage, of sentAck) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	response := socketmode.Response{EnvelopeID: envelopeID}
	if payload != nil {
		response.Payload = payload
	}
	ctx, cancel := context.WithTimeout(s.ctx, ackTimeout)
	defer cancel()
	err := s.enqueue(ctx, response, of)
	if errors.Is(err, context.DeadlineExceeded) {
		s.cancel(errStuck)
	}
	return err
}

func (s *socket) enqueue(ctx context.Context, response socketmode.Response, of sentAck) error {
	select {
	case s.sending <- struct{}{}:
		defer func() { <-s.sending }()
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	s.queue = append(s.queue, of)
	s.mu.Unlock()
	err := s.client.SendCtx(ctx, response)
	if err != nil {
		s.mu.Lock()
		s.queue = s.queue[:len(s.queue)-1]
		s.mu.Unlock()
	}
	return err
}

// wroteAck notes that the oldest ack in the queue left.
func (s *socket) wroteAck() {
	s.mu.Lock()
	if len(s.queue) == 0 {
		s.mu.Unlock()
		return
	}
	written := s.queue[0]
	s.queue = s.queue[1:]
	s.mu.Unlock()
	if written.kind != "" {
		s.bot.cfg.Observer.ack(written.kind, time.Since(written.received))
	}
}

// queued tells how many acks are not written yet, of a socket that stands.
func (s *socket) queued() int {
	if s.ctx.Err() != nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
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
