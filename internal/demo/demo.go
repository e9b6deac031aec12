// Package demo shows Importbot on one machine, with nothing to set up.
//
// Three parts talk over real HTTP and WebSocket on loopback ports: a simulated BigFix server (bigfixtest), a simulated Slack
// (slacksim), and between them the bot itself, the one that runs in production, with a configuration of its own. Nothing is read from
// the environment or from .env, and what the bot stores goes to a temporary directory that is removed at the end.
//
// The person is Ana, an operator, in the channel #bigfix-imports. At a terminal she has a prompt; from a pipe each line is a command,
// typed when the one before was answered, and after the last one the demo waits for what runs. Where the pipe is empty it tells a story
// of its own. What she would see in Slack is drawn as text.
//
// Besides slash commands a line can press a button, open the Home tab, let Ben do something, who is no operator, or let something befall
// the server: "help" lists them.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/term"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/imports"
	"importbot/internal/config"
	"importbot/internal/slacksim"
)

// Demo is one run of the demo.
type Demo struct {
	Stdin  io.Reader
	Stdout io.Writer
	// Bot runs the bot until ctx ends, and calls ready once commands arrive.
	Bot func(ctx context.Context, cfg *config.Config, log *logrus.Logger, ready func()) error
	// Look runs a command line of importbot that only reads, on the database with that URL.
	Look func(ctx context.Context, args []string, database string, out io.Writer)
	// Log gets what the bot logs; nil is nowhere.
	Log io.Writer
	// Pace is how long a complete import takes on the simulated server, and a raw one half of it; 0 means twenty seconds.
	Pace time.Duration
}

// Who and where.
const (
	ana     = "U0ANA"
	oncall  = "S0ONCALL"
	channel = "C0IMPORTS"
	server  = "prod"
	command = "/import"
)

// The bot looks often enough that an import of twenty seconds has a course: a card that moves, and milestones in its thread.
const (
	pace        = 20 * time.Second
	pollShare   = 200 // looks a complete import
	readyWithin = 15 * time.Second
)

// Run shows the demo until the person leaves, standard input is done, or ctx ends. All three are a good end.
func (d Demo) Run(ctx context.Context) error {
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
	if err := s.remember(ctx, time.Now()); err != nil {
		return err
	}
	return s.play(ctx)
}

// stage is everything that plays a part.
type stage struct {
	Demo
	slack    *slacksim.Sim
	bigfix   *bigfixtest.Server
	screen   *screen
	cfg      *config.Config
	terminal *os.File // where a person types; nil for a pipe
	asked    *press   // a button that asks before it does something, and waits for a yes
	visits   []visit  // to Home tabs
}

func (d Demo) stage(dir string) (*stage, error) {
	slack, err := slacksim.Start(slacksim.WithTeam("T0DEMO", "demo"))
	if err != nil {
		return nil, fmt.Errorf("starting the simulated Slack: %w", err)
	}
	for _, p := range people {
		slack.AddUser(p.id, p.name, p.is...)
	}
	slack.AddUserGroup(oncall, "oncall", ana, "U0GUS") // who is a guest all the same
	slack.AddChannel(channel, "bigfix-imports")
	if d.Pace == 0 {
		d.Pace = pace
	}
	now := time.Now()
	s := &stage{Demo: d, slack: slack, bigfix: bigfixtest.NewServer(
		bigfixtest.WithDuration(bigfix.TypeRaw, d.usual(bigfix.TypeRaw)),
		bigfixtest.WithDuration(bigfix.TypeComplete, d.usual(bigfix.TypeComplete)),
		bigfixtest.WithSchedule(bigfixtest.Schedule{At: nightly(now), Type: bigfix.TypeComplete}),
		bigfixtest.WithLast(d.lastNight(now)),
	)}
	if f, ok := d.Stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) && isTerminal(d.Stdout) {
		s.terminal = f
	}
	s.screen = newScreen(d.Stdout, reader{names: slack, now: time.Now}, ana, s.terminal != nil, s.width, s.height)
	s.cfg = s.config(filepath.Join(dir, "importbot.db"))
	return s, nil
}

func (s *stage) close() {
	s.bigfix.Close()
	s.slack.Close()
}

// nightly is when the simulated server has its daily import: at midnight on this machine, or at four if midnight is near, so that it
// does not come into the story.
func nightly(now time.Time) time.Duration {
	hour := 0
	if h := now.Local().Hour(); h >= 23 || h < 1 {
		hour = 4
	}
	y, m, day := now.Local().Date()
	at := time.Date(y, m, day, hour, 0, 0, 0, time.Local).UTC()
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
}

// lastDue is when the last nightly import was due.
func lastDue(now time.Time) time.Time {
	due := now.UTC().Truncate(24 * time.Hour).Add(nightly(now))
	for due.After(now.Add(-time.Hour)) {
		due = due.AddDate(0, 0, -1)
	}
	return due.Local()
}

// lastNight is what the server remembers: the last import of the past.
func (d Demo) lastNight(now time.Time) bigfixtest.Last {
	end := lastDue(now).Add(d.usual(bigfix.TypeComplete) * 101 / 100).Truncate(time.Second)
	return bigfixtest.Last{Status: bigfix.StatusSuccessful, SuccessTime: end, ImportTime: end, Type: bigfix.TypeComplete}
}

// config is what the bot runs with: the same type that a real configuration is read into.
func (s *stage) config(database string) *config.Config {
	poll := s.Pace / pollShare
	return &config.Config{
		Slack: config.Slack{
			BotToken: config.NewSecret(s.slack.BotToken), AppToken: config.NewSecret(s.slack.AppToken),
			APIURL: s.slack.APIURL(), Command: command, Connections: 2,
		},
		Servers: []config.Server{{
			Name: server, Channel: channel, Operators: []string{oncall}, Announce: config.AnnounceFailures,
			URL: s.bigfix.URL, Edition: bigfix.BFI, Token: config.NewSecret(s.bigfix.Token), TokenIn: bigfix.TokenInQuery,
			TokenVariable: "BIGFIX_TOKEN", Timeout: 5 * time.Second,
			PollRunning: poll, PollIdle: time.Second, StartGrace: 10 * time.Second, EndGrace: time.Second,
			StallAfter: imports.Threshold(s.Pace / 4), UnreachableAfter: imports.Threshold(8 * time.Second),
			MissedAfter: imports.Threshold(5 * time.Second), AlertMention: oncall, Confirm: config.ConfirmOverlap,
		}},
		Database: config.NewSecret(database),
		Log:      config.Log{Level: logrus.InfoLevel},
	}
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
	ctx, cancel := context.WithCancel(ctx)
	drawing := make(chan struct{})
	watch, unwatch := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(drawing)
		for e := range s.slack.SubscribeAfter(watch, 0) {
			s.screen.show(e)
		}
	}()
	s.screen.say(s.greeting()...)
	ready := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- s.Bot(ctx, s.cfg, s.logger(), func() { close(ready) }) }()

	err := s.act(ctx, ready, ended)
	left := errors.Is(err, context.Canceled)
	cancel()
	if botErr := <-ended; err == nil && botErr != nil {
		err = fmt.Errorf("the bot stopped: %w", botErr)
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

func (s *stage) logger() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	switch {
	case s.Log != nil && s.terminal != nil:
		log.SetOutput(logs{s.screen})
	case s.Log != nil:
		log.SetOutput(s.Log)
	}
	return log
}

// act waits for the bot and takes in what the person types. Where the bot ends by itself, so does the demo.
func (s *stage) act(ctx context.Context, ready <-chan struct{}, ended chan error) error {
	wait := time.NewTimer(readyWithin)
	defer wait.Stop()
	select {
	case <-ready:
	case <-ctx.Done():
		return ctx.Err()
	case err := <-ended:
		select {
		case <-ready: // it was, and stopped at once: that is told below
			ended <- err
		default:
			ended <- nil
			return fmt.Errorf("the bot did not start: %w", err)
		}
	case <-wait.C:
		return errors.New("the bot was not ready in time; try `importbot demo --verbose`")
	}
	typed := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if s.terminal != nil {
			typed <- s.prompt(ctx)
		} else {
			typed <- s.script(ctx)
		}
	}()
	select {
	case err := <-typed:
		return err
	case err := <-ended:
		cancel()
		<-typed
		ended <- nil
		if err == nil {
			err = context.Canceled
		}
		return fmt.Errorf("the bot stopped: %w", err)
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
