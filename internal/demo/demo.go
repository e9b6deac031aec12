// Package demo shows Importbot on one machine, with nothing to set up.
//
// Three parts talk over real HTTP and WebSocket on loopback ports: two simulated servers (bigfixtest), a simulated Slack (slacksim), and
// between them the bot itself, a process of its own with the environment of an operator. Nothing is read from this
// environment or from .env, and what the bot stores goes to a temporary directory that is removed at the end.
//
// The person is Ana, an operator, in the channel #bigfix-imports. At a terminal she has a prompt; from a pipe each line is a command,
// typed when the one before was answered, and after the last one the demo waits for what runs. Where the pipe is empty it tells a story
// of its own. What she would see in Slack is drawn as text. In a browser the same workspace is drawn as Slack draws it (slackweb), where
// one can be others too.
//
// Besides slash commands a line can press a button, open the Home tab, let Ben do something, who is no operator, or let something befall
// the server, Slack or the bot: "help" lists them. The page has the same as switches.
package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"importbot/internal/slacksim"
	"importbot/internal/slackweb"
)

// Demo is one run of the demo.
type Demo struct {
	Stdin  io.Reader
	Stdout io.Writer
	// Bot is the command line that runs the bot until its standard input ends, or until it is asked to stop.
	Bot []string
	// Manifest writes the Slack app's manifest for a configuration, given as an environment.
	Manifest func(environ []string) ([]byte, error)
	// Look runs a command line of importbot that only reads, on the database with that URL.
	Look func(ctx context.Context, args []string, database string, out io.Writer)
	// Page is where the page in the browser is served; nil for no page. It is closed at the end.
	Page net.Listener
	// Log gets what the bot logs; nil is nowhere.
	Log io.Writer
	// Pace is how long a complete import takes on the server prod, and a raw one half of it; 0 means twenty seconds.
	Pace time.Duration
	// LabPace is how long an import takes on the server lab, where three minutes and more are usual; 0 means as long as usual.
	LabPace time.Duration
}

// The bot looks often enough that an import of twenty seconds has a course: a card that moves, and milestones in its thread.
const (
	pace      = 20 * time.Second
	pollShare = 200 // looks a complete import
)

// Run shows the demo until the person leaves, standard input is done, or ctx ends. All three are a good end.
func (d Demo) Run(ctx context.Context) error {
	if d.Page != nil {
		defer d.Page.Close() //nolint:errcheck // mostly the server has closed it
	}
	dir, err := os.MkdirTemp("", "importbot-demo-")
	if err != nil {
		return fmt.Errorf("making a directory for the demo's state: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system empties its temporary directory too
	s, err := d.stage(dir)
	if err != nil {
		return err
	}
	defer s.close()
	defer s.serve()()
	s.screen.say(s.greeting()...)
	if err := s.remember(ctx, time.Now()); err != nil {
		return err
	}
	return s.play(ctx)
}

// stage is everything that plays a part.
type stage struct {
	Demo
	behind
	slack    *slacksim.Sim
	servers  [2]*server
	bot      *supervisor
	strict   atomic.Bool // it is told that reports are old after a minute
	database string
	began    time.Time
	screen   *screen
	diary    diary
	terminal *os.File       // where a person types; nil for a pipe
	asked    *press         // a button that asks before it does something, and waits for a yes
	visits   map[string]int // by person: the newest event when they opened their Home tab
}

// prod is the server that all is about, and lab the other one.
func (s *stage) prod() *server { return s.servers[0] }
func (s *stage) lab() *server  { return s.servers[1] }

func (d Demo) stage(dir string) (*stage, error) {
	if d.Pace == 0 {
		d.Pace = pace
	}
	manifest, err := d.Manifest(settings())
	if err != nil {
		return nil, fmt.Errorf("writing the app's manifest: %w", err)
	}
	slack, err := workspace(manifest)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	s := &stage{Demo: d, slack: slack, database: filepath.Join(dir, "importbot.db"), began: now, servers: d.servers(now), visits: map[string]int{}}
	s.prod().start(now, d.Pace)
	s.lab().start(now, cmp.Or(d.LabPace, labTakes))
	if f, ok := d.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) && isTerminal(d.Stdout) {
		s.terminal = f
	}
	s.screen = newScreen(d.Stdout, reader{names: slack, now: time.Now}, ana, s.terminal != nil, s.width, s.height)
	s.screen.unread = aside
	s.screen.seen = slack.Seq() // what was said before is not drawn
	s.bot = &supervisor{
		command: d.Bot, dir: dir, environ: s.environ, slack: slack, servers: s.servers[:], log: s.logs(), told: s.note, fell: make(chan *process, 1),
	}
	return s, nil
}

func (s *stage) close() {
	s.behind.Lock()
	if s.heal != nil {
		s.heal.Stop()
	}
	s.behind.Unlock()
	for _, srv := range s.servers {
		srv.Close()
	}
	s.slack.Close()
}

// serve serves the page and says where. It returns what ends that.
func (s *stage) serve() (end func()) {
	if s.Page == nil {
		return func() {}
	}
	var everyone []string
	for _, p := range people {
		everyone = append(everyone, p.id)
	}
	page := &http.Server{
		Handler:           slackweb.New(slackweb.Options{Slack: s.slack, People: everyone, Panel: panel{s}}),
		ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		page.Serve(s.Page) //nolint:errcheck // it ends with Close
	}()
	s.screen.say("Open " + styled(linkOn, "http://"+s.Page.Addr().String()) + " in a browser: Slack, simulated; or stay here.")
	return func() {
		page.Close() //nolint:errcheck // there is nothing to lose
		<-done
	}
}

// settings are what an operator would set for this workspace, as far as it is known before anything runs.
func settings() []string {
	return []string{
		"SLACK_COMMAND=" + command, "SLACK_CHANNEL=" + channel, "IMPORT_OPERATORS=" + oncall, "ALERT_MENTION=" + oncall,
		"BIGFIX_SERVERS=" + prod + "," + lab, "BIGFIX_LAB_CHANNEL=" + labChannel, "BIGFIX_LAB_OPERATORS=" + oncall + "," + ben, "BIGFIX_LAB_EDITION=ilmt",
	}
}

// environ is all that the bot is told: the environment of the process that the simulated Slack is to know by this name. What takes
// minutes and hours in life takes seconds here.
func (s *stage) environ(name string) []string {
	dir := filepath.Dir(s.database)
	var told []string
	if s.strict.Load() {
		told = []string{s.strictness()}
	}
	return append(append(settings(), told...),
		"SLACK_BOT_TOKEN="+s.slack.BotToken, "SLACK_APP_TOKEN="+s.slack.AppToken, "SLACK_API_URL="+s.slack.APIURLOf(name),
		"BIGFIX_PROD_URL="+s.prod().URL, "BIGFIX_PROD_TOKEN="+s.prod().Token, "BIGFIX_LAB_URL="+s.lab().URL, "BIGFIX_LAB_TOKEN="+s.lab().Token,
		"BIGFIX_TIMEOUT=5s", "BIGFIX_LAB_POLL_RUNNING="+(labTakes/pollShare).String(), "BIGFIX_LAB_STALL_AFTER="+(labTakes/10).String(),
		"POLL_RUNNING="+(s.Pace/pollShare).String(), "POLL_IDLE=1s", "START_GRACE=10s", "END_GRACE=1s",
		"DIGEST="+strings.ToLower(s.began.UTC().Add(-time.Minute).Format("Mon 15:04"))+" UTC", // which is just now: the first thing to read
		"STALL_AFTER="+(s.Pace/4).String(), "UNREACHABLE_AFTER=8s", "MISSED_AFTER=5s",
		"DATABASE_URL="+s.database, "HTTP_ADDR=off", "LOG_FORMAT=text",
		"TMPDIR="+dir, "TEMP="+dir, "TMP="+dir, // for SQLite
	)
}

// greeting is what a newcomer reads first.
func (s *stage) greeting() []string {
	what := styled(boldOn, "Importbot") + " runs and watches BigFix data imports from Slack. Here the bot is real, and BigFix and Slack are simulated."
	if s.terminal == nil {
		return []string{what, "You are @ana, an operator, in #bigfix-imports. Each line of standard input is typed there."}
	}
	return []string{what, "You are @ana, an operator. Type " + styled(codeOn, "/import raw") + " and watch it for 10 s, or " +
		styled(codeOn, "/import help") + ". Tab completes, Ctrl-D leaves.",
		styled(codeOn, "help") + " says what else you can do: press buttons, open the Home tab, let a night go wrong."}
}

// play lets the bot and the person on the stage.
func (s *stage) play(ctx context.Context) error {
	drawing := make(chan struct{})
	watch, unwatch := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(drawing)
		for watch.Err() == nil { // a terminal that stood still for long goes on behind what is forgotten
			_, drawn := s.screen.until()
			for e := range s.slack.SubscribeAfter(watch, drawn) {
				s.screen.show(e)
			}
		}
	}()
	err := s.act(ctx)
	left := errors.Is(err, context.Canceled)
	if stopped := s.bot.stop(); err == nil && stopped != nil {
		err = fmt.Errorf("the bot stopped: %w", stopped)
	}
	unwatch()
	<-drawing
	if left {
		return nil
	}
	if err == nil {
		err = s.broken()
	}
	return err
}

// broken is an error where the bot broke a rule of Slack's: the demo shows what the product does, so it says that too.
func (s *stage) broken() error {
	var rules []string
	for _, v := range s.slack.Violations() {
		rules = append(rules, v.String())
	}
	if len(rules) == 0 {
		return nil
	}
	return fmt.Errorf("the bot broke a rule of Slack's: %s", strings.Join(rules, "; "))
}

// logs is where the bot's log goes.
func (s *stage) logs() io.Writer {
	if s.Log != nil && s.terminal != nil {
		return logs{s.screen}
	}
	return s.Log
}

// act starts the bot, waits for it, and takes in what the person types. A bot that ends by itself ends a demo that nobody sits at; a
// person may start it again.
func (s *stage) act(ctx context.Context) error {
	p, err := s.bot.start()
	if err != nil {
		return err
	}
	if err := s.bot.await(ctx, p); err != nil {
		return err
	}
	if s.terminal != nil {
		return s.prompt(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	typed := make(chan error, 1)
	go func() { typed <- s.script(ctx) }()
	select {
	case err := <-typed:
		return err
	case fell := <-s.bot.fell:
		cancel()
		<-typed
		return fmt.Errorf("the bot stopped: %s", fell.lastWords())
	}
}

func (s *stage) width() int {
	if w, _, ok := size(s.Stdout); ok {
		return w
	}
	return 120
}

func (s *stage) height() int {
	if _, h, ok := size(s.Stdout); ok {
		return h
	}
	return 24
}

func size(w io.Writer) (width, height int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile {
		return 0, 0, false
	}
	width, height, err := term.GetSize(int(f.Fd()))
	return width, height, err == nil && width > 0 && height > 0
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
