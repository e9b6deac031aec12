// Package bot is Slack's side of the wire: it holds the connections, acks
// every envelope, hands each request on once, and posts within Slack's limits.
// What is said and done is the handler's.
//
// # How Slack talks to a bot
//
// In Socket Mode the bot dials out: apps.connections.open, with the app's
// token, returns the address of a WebSocket. Slack greets with a hello and then
// sends envelopes, each of them to any one of the app's connections: a slash
// command that somebody typed, a button pressed, a form sent, the app's Home tab
// opened. An envelope has to be acked within three seconds or the person sees an
// error. Words may travel in the ack; later ones go to the envelope's response_url,
// five at most within half an hour. Everything else is said through the Web API,
// with the bot's token.
//
// A WebSocket that is open proves nothing: Slack closes it when it likes, a
// firewall forgets it without telling. So a Bot holds two, started apart, each
// replaced when no byte came from it for a while, with a backoff so that a Slack
// which closes every connection at once is not stormed.
//
// # How to use it
//
//	b, err := bot.New(bot.Config{
//		BotToken: "xoxb-…", AppToken: "xapp-…", Command: "/import", Log: log,
//	}, func(ctx context.Context, r *bot.Request) error {
//		return r.Answer(ctx, bot.Message{Text: "Hello " + bot.Escape(r.UserName)})
//	})
//	if err != nil {
//		return err
//	}
//	return b.Run(ctx) // until ctx ends or a token is refused for good
//
// A handler that answers from memory just answers: its words travel in the ack.
// One that has to ask somebody first calls [Request.Ack], so that nobody waits
// for the ack; after Config.AckWithin the bot does that itself. A handler that
// fails or panics is answered for, with a reference that also stands in the log, and
// so is one that says nothing to a command. A press needs no words: its answer may
// be a card that changes ([Request.Replace]), a Home tab published again
// ([Bot.PublishHome]), or nothing, where the button is a link.
//
// # Who they are
//
// A channel may be shared with other workspaces (Slack Connect). Their people are
// turned away in words, but for those whom Config.Serves names, and Request.Foreign
// says so of them. Guests are people of this workspace, as far as an envelope tells;
// who has to know asks [Bot.Person].
//
// # Several processes
//
// Any number of bots may run beside each other, up to Slack's ten connections:
// tell each how many there are ([Bot.SetShare]), so that together they keep
// Slack's limits. Where only one of them may speak, let it do so under a fence
// ([WithFence]): a process that was frozen, and has lost that right meanwhile,
// then sends nothing.
package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/slack-go/slack"
)

// Handler serves one request. Handlers run concurrently, at most
// Config.Workers of them. ctx ends after Config.HandleWithin, or when the bot
// stops. A command's handler must answer, or return an error and be answered for;
// any other request may be left without words.
type Handler func(ctx context.Context, r *Request) error

// Config says how to reach Slack. Every zero value but the tokens' and the
// command's means the default in brackets.
type Config struct {
	BotToken string // xoxb-…
	AppToken string // xapp-…
	APIURL   string // ends with a slash [https://slack.com/api/]
	Command  string // the slash command served: "/import"; others are answered in words

	// Serves names the people of other workspaces (Slack Connect) whose requests
	// are handed on all the same, with Foreign set. It is asked for every request of
	// such a person and must return at once. [none]
	Serves func(userID string) bool

	Connections int // Socket Mode connections held, 1 to 10 [2]
	Log         logrus.FieldLogger

	AckWithin    time.Duration // an envelope that no handler acked is acked then [500ms]
	HandleWithin time.Duration // how long a handler may take, waiting in line included [1m]
	Workers      int           // handlers at work at a time [64]
	QueueLength  int           // requests in line behind them, acked already [256]

	Stagger    time.Duration // how far apart connections are opened [5s]
	BackoffMin time.Duration // pause after a connection's first failure; doubles [1s]
	BackoffMax time.Duration // longest pause [30s]
	Stable     time.Duration // a connection that lasted this long did not fail [1m]
	Silence    time.Duration // a connection without a byte read for this long is replaced [45s]

	HTTPTimeout time.Duration // one Web API call [10s]
	CheckEvery  time.Duration // the bot token is tried when no call went well for this long [30s]
	RefusedFor  time.Duration // a token that worked and is refused now may be so this long before Run ends [5m]
	DrainWithin time.Duration // how long Run may take to end [10s]

	Observer Observer
}

// Bot is one app in one workspace. Its methods are safe for concurrent use.
type Bot struct {
	cfg     Config
	handler Handler
	log     logrus.FieldLogger
	now     func() time.Time // time.Now, but in tests of clocks that are set
	http    *http.Client
	dial    dialFunc // for WebSockets: a net.Dialer's, but in tests on a moved clock
	api     *slack.Client
	appAPI  *slack.Client // with the app's token

	limits   *limits
	people   people
	gate     *gate
	seen     seen
	handlers pool // requests at work
	chores   pool // words the bot owes somebody, off the connections' path
	links    []*link
	open     func(context.Context, *link) (lasted time.Duration, err error) // converse, but in tests of the schedule
	identity atomic.Pointer[Identity]
	lastCall moment // when the last Web API call that went well began

	botToken, appToken token
	doubt              chan struct{} // asks keepIdentity to look now
	pulse              pulse
	share              atomic.Int64 // processes that share Slack's limits
	unacked            atomic.Int64 // requests taken and not acked yet
	atWork             sync.Map     // context.CancelFunc by *Request

	running  atomic.Bool
	draining atomic.Bool
	leaving  atomic.Bool // the sockets end because the bot ends them
	ready    chan struct{}
	greeted  sync.Once
	checked  chan struct{} // closed when the first auth.test was answered or failed
	fatal    chan error
	work     context.Context // what handlers run under; set by Run before any envelope can come
}

// New checks the configuration. It does not dial.
func New(cfg Config, handler Handler) (*Bot, error) {
	if err := cfg.check(handler); err != nil {
		return nil, err
	}
	cfg.fill()
	b := &Bot{
		cfg:     cfg,
		handler: handler,
		log:     cfg.Log,
		now:     time.Now,
		http:    newHTTPClient(cfg.HTTPTimeout),
		dial:    (&net.Dialer{Timeout: handshakeTimeout, KeepAlive: 15 * time.Second}).DialContext,
		limits:  newLimits(time.Now()),
		gate:    newGate(cfg.Stagger),
		doubt:   make(chan struct{}, 1),
		ready:   make(chan struct{}),
		checked: make(chan struct{}),
		fatal:   make(chan error, 1),
	}
	b.botToken.variable, b.appToken.variable = VarBotToken, VarAppToken
	b.share.Store(1)
	b.handlers = pool{max: cfg.Workers, wait: cfg.QueueLength, broke: b.broke}
	b.chores = pool{max: maxChores, wait: maxChores * 16, broke: b.broke}
	b.pulse.now, b.pulse.broke = func() time.Time { return b.now() }, b.stoodStill
	b.api = slack.New(cfg.BotToken, slack.OptionAPIURL(cfg.APIURL), slack.OptionHTTPClient(b.http))
	b.appAPI = slack.New(cfg.AppToken, slack.OptionAPIURL(cfg.APIURL), slack.OptionHTTPClient(b.http))
	b.open = b.converse
	for i := range cfg.Connections {
		b.links = append(b.links, &link{number: i + 1})
	}
	return b, nil
}

// maxChores bounds the goroutines that bring words to people.
const maxChores = 16

func (c *Config) check(handler Handler) error {
	switch {
	case handler == nil:
		return errors.New("bot: no handler")
	case c.Command == "" || c.Command[0] != '/':
		return fmt.Errorf("bot: the command %q has to begin with a slash", c.Command)
	case c.Connections < 0 || c.Connections > 10:
		return fmt.Errorf("bot: %d connections: Slack allows 1 to 10", c.Connections)
	case c.APIURL != "" && !strings.HasSuffix(c.APIURL, "/"):
		return fmt.Errorf("bot: %s has to end with a slash: %s", VarAPIURL, c.APIURL)
	case !strings.HasPrefix(c.BotToken, "xoxb-"):
		return newFatal(VarBotToken, "not_allowed_token_type", "")
	case !strings.HasPrefix(c.AppToken, "xapp-"):
		return newFatal(VarAppToken, "not_allowed_token_type", "")
	}
	return nil
}

func (c *Config) fill() {
	if c.APIURL == "" {
		c.APIURL = slack.APIURL
	}
	if c.Log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		c.Log = silent
	}
	orInt(&c.Connections, 2)
	orInt(&c.Workers, 64)
	orInt(&c.QueueLength, 256)
	or(&c.AckWithin, 500*time.Millisecond)
	or(&c.HandleWithin, time.Minute)
	or(&c.Stagger, 5*time.Second)
	or(&c.BackoffMin, time.Second)
	or(&c.BackoffMax, 30*time.Second)
	or(&c.Stable, time.Minute)
	or(&c.Silence, 45*time.Second)
	or(&c.HTTPTimeout, 10*time.Second)
	or(&c.CheckEvery, 30*time.Second)
	or(&c.RefusedFor, 5*time.Minute)
	or(&c.DrainWithin, 10*time.Second)
}

func or(d *time.Duration, fallback time.Duration) {
	if *d <= 0 {
		*d = fallback
	}
}

func orInt(n *int, fallback int) {
	if *n <= 0 {
		*n = fallback
	}
}

// Run holds the connections until ctx ends, and then returns nil, or until
// Slack refuses a token for good, and then returns a *FatalError. A token that
// Slack never took ends it at once, one that worked before after
// Config.RefusedFor; until then the bot tries on, and Health says so. Either way
// it first lets handlers finish, within Config.DrainWithin. It runs once.
func (b *Bot) Run(ctx context.Context) error {
	if !b.running.CompareAndSwap(false, true) {
		return errors.New("bot: Run was called before")
	}
	ctx, endChecks := context.WithCancel(ctx)
	defer endChecks()
	// What is at work outlives ctx a little: that is what draining means.
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	conns, closeConns := context.WithCancel(context.WithoutCancel(ctx))
	defer closeConns()
	b.work = work

	var group sync.WaitGroup
	group.Go(func() { b.pulse.run(conns) })
	group.Go(func() { b.keepIdentity(ctx) })
	b.awaitFirstCheck(ctx)
	group.Go(func() { b.keepAppToken(ctx) })
	for i, l := range b.links {
		group.Go(func() { b.supervise(conns, l, time.Duration(i)*b.cfg.Stagger) })
	}

	var err error
	select {
	case <-ctx.Done():
	case err = <-b.fatal:
		b.log.WithError(err).Error("Slack ends the bot's work")
	}
	endChecks()
	b.drain(stopWork, closeConns, &group)
	b.http.CloseIdleConnections()
	return err
}

// SetShare says how many processes of this bot run side by side now, this one
// included. Slack's limits hold for all together, so what each of them calls is
// divided by it. What only one calls at a time, the leader, is not: posting,
// editing, reading history. It also tells a bot that stops, or loses a
// connection, whether there is another to take what it has not begun. Below 1
// counts as 1.
func (b *Bot) SetShare(n int) {
	n = max(1, n)
	if b.share.Swap(int64(n)) != int64(n) {
		b.limits.setShare(n, time.Now())
		b.gate.setShare(n)
	}
}

// alone tells whether there is no other process of this bot.
func (b *Bot) alone() bool { return b.share.Load() <= 1 }

// drain goes from soft to hard: nothing new is begun, handlers may finish, then
// their context ends, then what is owed to people is said. Moments within
// Config.DrainWithin bound each step, so that whatever hangs is left behind.
//
// The sockets are closed once every request that was taken is acked. Where
// there are other processes, that is at once: what comes until then is left
// unacked, and Slack gives it to one of them. A bot that is alone keeps its
// sockets to the end and says in words that it is stopping.
func (b *Bot) drain(stopWork, closeConns context.CancelFunc, group *sync.WaitGroup) {
	begin := time.Now()
	b.draining.Store(true)
	until := func(share float64, done func(context.Context) int) int {
		ctx, cancel := context.WithDeadline(context.Background(), begin.Add(time.Duration(share*float64(b.cfg.DrainWithin))))
		defer cancel()
		return done(ctx)
	}
	closeSockets := func(ctx context.Context) (left int) {
		left = b.acksLeft(ctx)
		b.leaving.Store(true)
		b.goodbye(ctx)
		closeConns()
		return left
	}
	left := 0
	if !b.alone() {
		left += until(0.3, closeSockets)
	}
	if working := until(0.5, b.handlers.drain); working > 0 {
		b.log.WithField("requests", working).Warn("Stopping requests that are still at work")
		stopWork()
		left += until(0.7, b.handlers.drain)
	}
	left += until(0.85, b.chores.drain)
	left += until(0.9, closeSockets)
	left += until(1, func(ctx context.Context) int { return waitFor(ctx, group) })
	if left > 0 {
		b.log.WithField("left", left).Warn("Not everything stopped in time")
	}
}

// acksLeft waits until what was taken is acked and the acks are written, or
// until ctx ends, and returns how many are left.
func (b *Bot) acksLeft(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.AckWithin+ackTimeout)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		left := int(b.unacked.Load())
		for _, s := range b.sockets() {
			left += s.queued()
		}
		if left == 0 {
			return 0
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return left
		}
	}
}

// stoodStill replaces every socket: what lies unread in one may be old. It ends
// handlers whose time was over meanwhile: the timers that should have done so
// stood still as well. And it asks anew whether the bot token is taken: what
// was known of that may be old, too.
func (b *Bot) stoodStill(d time.Duration) {
	b.log.WithField("for", d.Round(time.Second)).Warn("This process stood still; its connections to Slack are replaced")
	for _, s := range b.sockets() {
		s.cancel(errFrozen)
	}
	b.atWork.Range(func(request, cancel any) bool {
		if isPast(request.(*Request).received.Add(b.cfg.HandleWithin), b.now()) {
			cancel.(context.CancelFunc)()
		}
		return true
	})
	b.recheck()
}

// goodbye tells Slack on every socket that it ends, and waits for Slack to end
// it: a socket that is closed with something unread may take back what was
// written last.
func (b *Bot) goodbye(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, goodbyeWithin)
	defer cancel()
	var farewells sync.WaitGroup
	for _, s := range b.sockets() {
		wire := s.wire.Load()
		if wire == nil || s.ctx.Err() != nil {
			continue
		}
		farewells.Go(func() {
			if err := wire.goodbye(); err != nil {
				s.log.WithError(err).Debug("Could not say goodbye")
				return
			}
			select {
			case <-s.ctx.Done():
			case <-ctx.Done():
			}
		})
	}
	farewells.Wait()
}

// sockets are those that are open or being opened.
func (b *Bot) sockets() []*socket {
	var open []*socket
	for _, l := range b.links {
		l.mu.Lock()
		if l.socket != nil {
			open = append(open, l.socket)
		}
		l.mu.Unlock()
	}
	return open
}

func waitFor(ctx context.Context, group *sync.WaitGroup) (left int) {
	ended := make(chan struct{})
	go func() { group.Wait(); close(ended) }()
	select {
	case <-ended:
		return 0
	case <-ctx.Done():
		return 1
	}
}

// Ready is closed at the first hello: from then on commands arrive.
func (b *Bot) Ready() <-chan struct{} { return b.ready }

// stop ends Run because of err. Only the first one counts.
func (b *Bot) stop(err error) {
	select {
	case b.fatal <- err:
	default:
	}
}
