package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"importbot/bot"
	"importbot/handlers"
	"importbot/imports"
	"importbot/internal/config"
	"importbot/internal/store"
)

// How long stopping may take: all of it, under the 10 s after which a supervisor gets impatient, and the parts that go first.
const (
	stopWithin   = 9500 * time.Millisecond
	drainBot     = 5 * time.Second
	drainAnswers = time.Second
)

func (p Program) run(ctx context.Context, args []string) error {
	if _, err := p.parse(p.flags("run"), args, 0, 0); err != nil {
		return err
	}
	cfg, err := config.Bot(p.source())
	if err != nil {
		return err
	}
	log := newLogger(cfg, p.Stderr)
	log.WithFields(logrus.Fields{"version": Version(), "servers": names(cfg.Servers)}).Info("Importbot starts")
	for _, line := range cfg.Warnings {
		log.Warn(line)
	}
	return runBot(ctx, cfg, log, func() { log.Info("Ready: Slack has greeted the bot") })
}

// runBot is the bot: it wires the parts and runs them until ctx ends, or until one of them can't go on. ready is called when commands
// arrive.
func runBot(ctx context.Context, cfg *config.Config, log *logrus.Logger, ready func()) error {
	redact(log, cfg)
	db, err := store.Open(ctx, cfg.Database.Reveal(), store.Options{Log: log})
	if err != nil {
		return misused("The database can't be used: %w", err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			log.WithError(err).Warn("The database was not closed cleanly")
		}
	}()
	lead, err := db.Lead(ctx)
	if err != nil {
		return failed("The lead can't be taken: %w", err)
	}
	parts, err := wire(ctx, cfg, db, log)
	if err != nil {
		return err
	}
	defer parts.close()
	return parts.run(ctx, lead.Lead(), ready)
}

// parts are what the bot is made of.
type parts struct {
	log       logrus.FieldLogger
	servers   []string
	bot       *bot.Bot
	handlers  *handlers.Handlers
	operators *handlers.Operators
	publisher *handlers.Publisher
	engine    *imports.Engine
	signal    *imports.Signal
	board     *imports.Board
	close     func()
}

// wire makes the parts and ties them together. Nothing is dialled yet.
func wire(ctx context.Context, cfg *config.Config, db *store.Store, log logrus.FieldLogger) (*parts, error) {
	p := &parts{log: log, servers: names(cfg.Servers), signal: new(imports.Signal), board: new(imports.Board), close: func() {}}
	var err error
	p.bot, err = bot.New(bot.Config{
		BotToken: cfg.Slack.BotToken.Reveal(), AppToken: cfg.Slack.AppToken.Reveal(), APIURL: cfg.Slack.APIURL,
		Command: cfg.Slack.Command, Connections: cfg.Slack.Connections, Log: log, DrainWithin: drainBot,
	}, func(ctx context.Context, r *bot.Request) error { return p.handlers.Handle(ctx, r) })
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	watched, shown, err := p.watch(ctx, db, cfg.Servers)
	if err != nil {
		return nil, err
	}
	p.publisher, err = handlers.NewPublisher(handlers.PublisherConfig{
		Servers: shown, Store: db, Board: p.board, Slack: p.bot, Signal: p.signal, Log: log,
	})
	if err != nil {
		return nil, err
	}
	p.engine = imports.NewEngine(imports.EngineConfig{
		Store: db, Servers: watched, Announcer: p.publisher, Signal: p.signal, Board: p.board, Log: log,
	})
	p.operators = handlers.NewOperators(shown, p.bot, time.Now, log)
	p.handlers, err = handlers.New(handlers.Config{
		Servers: shown, Command: cfg.Slack.Command, Intake: imports.NewIntake(db, p.signal, nil), Board: p.board, Store: db,
		Slack: p.bot, Operators: p.operators, Log: log,
	})
	return p, err
}

// watch makes of each configured server what the engine watches and what people are shown.
func (p *parts) watch(ctx context.Context, db *store.Store, configured []config.Server) ([]imports.ServerConfig, []handlers.Server, error) {
	var watched []imports.ServerConfig
	var shown []handlers.Server
	for _, s := range configured {
		c, err := remembering(ctx, db, s, p.log)
		if err != nil {
			return nil, nil, err
		}
		before := p.close
		p.close = func() { c.Close(); before() }
		watched = append(watched, imports.ServerConfig{Name: s.Name, Client: c, Edition: s.Edition, Rules: rules(s)})
		shown = append(shown, handlers.Server{
			Name: s.Name, Channel: s.Channel, Edition: s.Edition, Operators: s.Operators, Announce: handlers.Announce(s.Announce),
			PollRunning: s.PollRunning, Insecure: s.Insecure, ImportsPage: c.ImportsPage(), TokenVariable: s.TokenVariable,
			OperatorsVariable: s.OperatorsVariable, InsecureVariable: s.InsecureVariable,
		})
	}
	return watched, shown, nil
}

// run starts everything at once: nothing waits for Slack, so that imports are watched while it is down. It stops in the order in which
// parts need each other: first what takes commands, with the answers under way, then what reacts to them.
func (p *parts) run(ctx context.Context, lead imports.Lead, ready func()) error {
	reacting, stopReacting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReacting()
	listening, stopListening := context.WithCancelCause(ctx)
	defer stopListening(nil)

	react, _ := errgroup.WithContext(reacting)
	part := func(name string, run func(context.Context) error) {
		react.Go(func() error {
			err := run(reacting)
			if err == nil && reacting.Err() == nil {
				err = errEarly
			}
			if err != nil {
				err = fmt.Errorf("%s stopped: %w", name, err)
				stopListening(err)
			}
			return err
		})
	}
	part("watching", func(ctx context.Context) error { return p.engine.Run(ctx, lead) })
	part("publishing", func(ctx context.Context) error { return p.publisher.Run(ctx, lead.Epoch) })
	part("knowing the operators", p.operators.Run)
	go func() {
		if p.awaitReady(listening) {
			ready()
		}
	}()

	asked := make(chan time.Time, 1)
	defer context.AfterFunc(listening, func() {
		asked <- time.Now()
		p.log.Info("Stopping; a second signal ends it at once")
	})()
	err := p.bot.Run(listening)
	began := time.Now()
	select {
	case began = <-asked:
	default: // the bot ended by itself
	}
	answers, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainAnswers)
	defer cancel()
	p.handlers.Close(answers)
	stopReacting()
	if reactErr := within(stopWithin-time.Since(began), react.Wait); err == nil {
		err = reactErr
	}
	return p.told(err)
}

// firstLooks is how long being ready waits for the first look at every server: about as long as one takes that is answered. A server
// that is down does not make the bot unready.
const firstLooks = 500 * time.Millisecond

// awaitReady returns true once commands arrive and can be answered from memory, and false when that is not to be any more.
func (p *parts) awaitReady(ctx context.Context) bool {
	select {
	case <-p.bot.Ready():
	case <-ctx.Done():
		return false
	}
	changed, cancel := p.signal.Subscribe()
	defer cancel()
	enough := time.NewTimer(firstLooks)
	defer enough.Stop()
	for !p.lookedAtAll() {
		select {
		case <-changed:
		case <-enough.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (p *parts) lookedAtAll() bool {
	for _, name := range p.servers {
		if known, ok := p.board.Server(name); !ok || known.Last.At.IsZero() {
			return false
		}
	}
	return true
}

// errEarly is in the error of a part that ended before it was told to.
var errEarly = errors.New("it ended by itself")

// errSlow is a part that did not stop in time. What it was doing is in the store, and goes on at the next start.
var errSlow = errors.New("not everything stopped in time")

// within waits for f, but not for ever.
func within(d time.Duration, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errSlow
	}
}

// told gives an error its exit status.
func (p *parts) told(err error) error {
	var fatal *bot.FatalError
	switch {
	case errors.Is(err, errSlow):
		p.log.Warn("Stopped, though not everything ended in time; it goes on at the next start")
		return nil
	case errors.As(err, &fatal):
		return &exit{exitUsage, err}
	case err != nil:
		return &exit{exitFailed, err}
	}
	p.log.Info("Stopped")
	return nil
}

func names(servers []config.Server) []string {
	var names []string
	for _, s := range servers {
		names = append(names, s.Name)
	}
	return names
}
