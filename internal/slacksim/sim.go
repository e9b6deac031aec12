package slacksim

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Scopes a bot token has unless [WithScopes] says otherwise: all that a method
// of this simulator may ask for.
var allScopes = []string{
	"commands", "chat:write", "chat:write.public", "im:write", "mpim:write", "users:read", "usergroups:read",
	"channels:read", "groups:read", "im:read", "mpim:read",
	"channels:history", "groups:history", "im:history", "mpim:history",
}

// Sim is one simulated workspace with one app installed. Make it with [New].
type Sim struct {
	// What the app is given by Slack. Set by options, not to be changed later.
	BotToken, AppToken string
	TeamID             string
	TeamName, TeamURL  string // TeamURL ends in a slash, as auth.test gives it
	AppID              string
	BotID, BotUserID   string
	BotName            string

	cfg      config
	methods  map[string]method
	listener net.Listener
	server   *http.Server
	running  sync.WaitGroup
	closing  context.Context
	shut     context.CancelFunc

	mu      sync.Mutex
	changed chan struct{} // closed, and made anew, at every change of state

	users    map[string]*user
	channels map[string]*channel
	groups   map[string]*userGroup
	lastTS   int64 // microseconds
	serial   int   // for every other kind of id

	story      []Event // all that was seen
	forgotten  int     // how many events before it are not remembered any more
	journal    []*Call
	violations []Violation
	allowed    map[Rule]bool

	botRevoked, appRevoked bool
	refused                []string // types of blocks
	homeOff                bool
	app                    App
	byManifest             bool
	limits                 limiter
	faults                 map[string][]*Fault
	envelopeFaults         []*EnvelopeFault
	interceptors           []*func(Point, Call) Verdict
	tickets                map[string]*ticket
	conns                  []*conn
	nextConn               int // round robin
	afterHello             helloFault
	pingsStopped           bool
	farewells              []int            // codes of the clients' close frames
	hooks                  map[string]*hook // response_urls by path
	triggers               map[string]*trigger
	views                  map[string]*view
	homes                  map[string]*view
	open                   []*Invocation // not settled yet
	invoked                []*Invocation // all there ever were
}

type config struct {
	clock           Clock
	scopes          []string
	manifest        []byte
	pingEvery       time.Duration
	ackDeadline     time.Duration
	triggerLife     time.Duration
	editWindow      time.Duration
	redeliveries    []time.Duration
	keepUndelivered bool
	commandsReplace bool
	limits          map[string]Limit
	retention       int // 0: all
	location        *time.Location
	listener        net.Listener
	setup           []func(*Sim)
}

// Option changes what [New] makes.
type Option func(*config)

// WithTeam sets the workspace's id and name.
func WithTeam(id, name string) Option {
	return func(c *config) {
		c.setup = append(c.setup, func(s *Sim) {
			s.TeamID, s.TeamName = id, name
			s.TeamURL = "https://" + name + ".slack.com/"
		})
	}
}

// WithScopes sets what the bot token was granted. The default is everything
// this simulator knows.
func WithScopes(scopes ...string) Option {
	return func(c *config) { c.scopes = scopes }
}

// WithClock sets the clock of limits, deadlines, expiries and timestamps.
func WithClock(clock Clock) Option { return func(c *config) { c.clock = clock } }

// WithPings sets how often a connection is pinged, in real time. The default is
// ten seconds. A connection from which nothing was heard for three of them is
// dropped, as Slack drops it.
func WithPings(every time.Duration) Option { return func(c *config) { c.pingEvery = every } }

// WithEditWindow sets after what age a message can't be edited any more, which
// is a setting of real workspaces. The default is never.
func WithEditWindow(d time.Duration) Option { return func(c *config) { c.editWindow = d } }

// WithoutHandover makes envelopes that were on a connection when it broke stay
// lost, where the default is to hand them to another connection at once, in a
// new envelope.
func WithoutHandover() Option { return func(c *config) { c.keepUndelivered = false } }

// WithoutCommandReplace makes replace_original of a slash command's
// response_url add a message instead of replacing the answer before: Slack
// documents it for interactions only.
func WithoutCommandReplace() Option { return func(c *config) { c.commandsReplace = false } }

// WithLocation sets the time zone in which people here read dates; the default
// is this machine's.
func WithLocation(zone *time.Location) Option { return func(c *config) { c.location = zone } }

// WithListener sets where the simulator listens, in place of a loopback port of
// its own: in memory, say, for a test on a moved clock (testing/synctest).
func WithListener(l net.Listener) Option { return func(c *config) { c.listener = l } }

// WithLimit replaces a method's rate limit; the zero [Limit] lifts it.
func WithLimit(method string, limit Limit) Option {
	return func(c *config) { c.limits[method] = limit }
}

// WithoutLimits lifts every rate limit.
func WithoutLimits() Option {
	return func(c *config) {
		c.limits[anyMethod] = Limit{}
		for method := range defaultLimits {
			c.limits[method] = Limit{}
		}
	}
}

// New returns a workspace that listens already. It panics where no loopback
// port can be had, as httptest does: there is no test without one.
func New(options ...Option) *Sim {
	s, err := Start(options...)
	if err != nil {
		panic("slacksim: " + err.Error())
	}
	return s
}

// Start is [New] for programs: it returns the error.
func Start(options ...Option) (*Sim, error) {
	cfg := config{
		clock: realClock{}, scopes: allScopes, pingEvery: 10 * time.Second,
		ackDeadline: 3 * time.Second, triggerLife: 3 * time.Second,
		redeliveries:    []time.Duration{0, time.Minute, 5 * time.Minute},
		location:        time.Local,
		keepUndelivered: true, commandsReplace: true, limits: map[string]Limit{},
	}
	for _, option := range options {
		option(&cfg)
	}
	s := &Sim{
		BotToken: "xoxb-sim-0000000001", AppToken: "xapp-1-A0SIM-0000000001",
		TeamID: "T0SIM", TeamName: "sim", TeamURL: "https://sim.slack.com/",
		AppID: "A0SIM", BotID: "B0SIM", BotUserID: "U0BOT", BotName: "importbot",
		cfg: cfg, methods: webAPI(), changed: make(chan struct{}),
		users: map[string]*user{}, channels: map[string]*channel{}, groups: map[string]*userGroup{},
		allowed: map[Rule]bool{}, faults: map[string][]*Fault{}, tickets: map[string]*ticket{},
		hooks: map[string]*hook{}, triggers: map[string]*trigger{}, views: map[string]*view{}, homes: map[string]*view{},
	}
	for _, set := range cfg.setup {
		set(s)
	}
	s.app = App{Name: s.BotName, MessagesTab: true, Interactive: true}
	if cfg.manifest != nil {
		if err := s.install(cfg.manifest); err != nil {
			return nil, err
		}
	}
	s.limits = newLimiter(cfg.limits)
	s.closing, s.shut = context.WithCancel(context.Background())
	s.users[s.BotUserID] = &user{id: s.BotUserID, name: s.BotName, bot: true}
	return s, s.listen()
}

func (s *Sim) listen() (err error) {
	s.listener = s.cfg.listener
	if s.listener == nil {
		if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return fmt.Errorf("listen for the simulated Slack: %w", err)
		}
	}
	s.server = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 30 * time.Second}
	s.running.Go(func() {
		s.server.Serve(s.listener) //nolint:errcheck // it ends with Close
	})
	return nil
}

func (s *Sim) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/", s.serveAPI)
	mux.HandleFunc("/of/{process}/api/", s.serveAPI)
	mux.HandleFunc("GET /link/", s.serveSocket)
	mux.HandleFunc("POST /commands/", s.serveHook)
	mux.HandleFunc("POST /actions/", s.serveHook)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Hijacked and hung requests outlive the server's own count.
		if !s.enter() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		defer s.running.Done()
		mux.ServeHTTP(w, r)
	})
}

// enter counts one more piece of work that Close waits for.
func (s *Sim) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Err() != nil {
		return false
	}
	s.running.Add(1)
	return true
}

// URL is where the simulator listens, without a slash at its end.
func (s *Sim) URL() string { return "http://" + s.listener.Addr().String() }

// APIURL is what a client gets for Slack's https://slack.com/api/.
func (s *Sim) APIURL() string { return s.URL() + "/api/" }

// APIURLOf is APIURL for a test with several processes of the bot: each that is
// given an address of its own is told apart from the others, in the journal
// ([Call].Process), among the connections and where it counts what Slack told
// whom. The name may hold what a path segment may; a process that is started
// anew is best given a new one.
func (s *Sim) APIURLOf(process string) string {
	return s.URL() + "/of/" + url.PathEscape(process) + "/api/"
}

// Now returns the simulator's time.
func (s *Sim) Now() time.Time { return s.cfg.clock.Now() }

// Close cuts every connection and waits until nothing of the simulator runs.
// What it remembers can still be read.
func (s *Sim) Close() {
	s.mu.Lock()
	if s.closing.Err() == nil {
		s.shut()
		for _, inv := range s.open {
			inv.stopTimers()
		}
		s.touch()
	}
	s.mu.Unlock()
	s.server.Close()
	s.running.Wait()
}

// touch tells whoever waits for a change that there was one. s.mu is held.
func (s *Sim) touch() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// id returns a new identifier with Slack's prefix. s.mu is held.
func (s *Sim) id(prefix string) string {
	s.serial++
	return fmt.Sprintf("%s0SIM%05d", prefix, s.serial)
}

// timestamp returns a message's ts: the time in microseconds, never twice the
// same in the whole workspace and never going back. s.mu is held.
func (s *Sim) timestamp() string {
	now := s.Now().UnixMicro()
	if now <= s.lastTS {
		now = s.lastTS + 1
	}
	s.lastTS = now
	return fmt.Sprintf("%d.%06d", now/1e6, now%1e6)
}
