package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"importbot/bot"
	"importbot/imports"
	"importbot/internal/config"
	"importbot/internal/store"
)

// How long stopping may take: all of it, under the 10 s after which a supervisor gets impatient, and the parts that go first.
const (
	stopWithin   = 9500 * time.Millisecond
	drainBot     = 5 * time.Second
	drainAnswers = time.Second
	lastMoments  = time.Second // kept for each layer behind one that hangs
)

func (p Program) run(ctx context.Context, args []string) error {
	set := p.flags("run")
	held := set.Bool(whileHeld, false, "")
	if _, err := p.parse(set, args, 0, 0); err != nil {
		return err
	}
	if *held {
		ctx = untilReleased(ctx, p.Stdin)
	}
	cfg, err := config.Bot(p.source())
	if err != nil {
		return err
	}
	log := newLogger(cfg, p.Stderr)
	defer adoptStandardLog(log)()
	log.WithFields(logrus.Fields{"version": Version(), "servers": names(cfg.Servers)}).Info("Importbot starts")
	for _, line := range cfg.Warnings {
		log.Warn(line)
	}
	err = runBot(ctx, cfg, log, func() { log.Info("Taking commands: Slack has greeted the bot") })
	return lastWord(log, newRedactor(cfg).error(err))
}

// lastWord puts what ended the program into the log where that is JSON, which whoever reads it could not parse otherwise. People at a terminal
// are told it plainly.
func lastWord(log *logrus.Logger, err error) error {
	if err == nil || isText(log) {
		return err
	}
	log.Error(err.Error())
	return silent(statusOf(err))
}

// runBot is the bot: it wires the parts and runs them until ctx ends, or until one of them can't go on. ready is called when commands
// arrive.
func runBot(ctx context.Context, cfg *config.Config, log *logrus.Logger, ready func()) error {
	redact(log, cfg)
	signal := new(imports.Signal)
	name := replicaName()
	db, err := store.Open(ctx, cfg.Database.Reveal(), store.Options{Log: log, Signal: signal, Name: name, Version: Version()})
	if err != nil {
		return misused("The database can't be used: %w", err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			log.WithError(err).Warn("The database was not closed cleanly")
		}
	}()
	parts, err := wire(cfg, db, signal, name, log)
	if err != nil {
		return err
	}
	return parts.run(ctx, ready)
}

// replicaName tells this process from the others on the same database, for people who look for its log.
func replicaName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// run starts everything at once: nothing waits for Slack, so that imports are watched while it is down. It stops in the order in which
// parts need each other: first what takes commands, with the answers under way, then what reacts to them, then what all of them use.
func (p *parts) run(ctx context.Context, ready func()) error {
	listening, stopListening := context.WithCancelCause(ctx)
	defer stopListening(nil)
	reacting := p.newLayer(ctx, stopListening)
	reacting.run("leading", p.lead)
	reacting.run("knowing the operators", p.operators.Run)
	reacting.run("keeping Home tabs fresh", p.handlers.Run)
	if p.heartbeat != nil {
		reacting.run("the heartbeat", p.heartbeat.Run)
	}
	serving := p.newLayer(ctx, stopListening)
	serving.run("using the database", p.keepStore)
	serving.run("sharing Slack's limits", p.share)
	serving.run("auditing", p.audit.Run)
	if p.health != nil {
		serving.run("answering HTTP", p.health.Run)
	}
	go func() {
		if p.awaitReady(listening) {
			ready()
		}
	}()

	asked := make(chan time.Time, 1)
	defer context.AfterFunc(listening, func() {
		asked <- time.Now()
		p.stopping.Store(true)
		p.log.Info("Stopping; a second signal ends it at once")
	})()
	p.bot.SetShare(p.store.Shares()) // before the first connection is opened
	err := p.bot.Run(listening)
	began := time.Now()
	select {
	case began = <-asked:
	default: // the bot ended by itself
	}
	answers, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainAnswers)
	defer cancel()
	p.handlers.Close(answers)
	if ended := endAll(began.Add(stopWithin), reacting, serving); err == nil {
		err = ended
	}
	return p.told(err)
}

// endAll ends layers, one after the other, until that time. One that hangs leaves to those behind it what they need for their last words.
func endAll(until time.Time, layers ...*layer) (err error) {
	for i, layer := range layers {
		behind := time.Duration(len(layers)-1-i) * lastMoments
		if ended := layer.end(time.Until(until) - behind); err == nil {
			err = ended
		}
	}
	return err
}

// layer are parts that end together. One that ends before it was told to stops the whole program.
type layer struct {
	ctx   context.Context
	stop  context.CancelFunc
	group errgroup.Group
	fail  func(error)
}

// newLayer makes a layer that outlives ctx: it ends when it is told to.
func (p *parts) newLayer(ctx context.Context, fail context.CancelCauseFunc) *layer {
	l := &layer{fail: fail}
	l.ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	return l
}

func (l *layer) run(name string, run func(context.Context) error) {
	l.group.Go(func() error {
		err := run(l.ctx)
		if err == nil && l.ctx.Err() == nil {
			err = errEarly
		}
		if known := (*exit)(nil); err != nil && !errors.As(err, &known) {
			err = fmt.Errorf("%s stopped: %w", name, err)
		}
		if err != nil {
			l.fail(err)
		}
		return err
	})
}

// end stops the layer, and waits for it, though not longer than that.
func (l *layer) end(within time.Duration) error {
	l.stop()
	done := make(chan error, 1)
	go func() { done <- l.group.Wait() }()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errSlow
	}
}

// keepStore keeps what the database needs to be kept. What a person has to mend ends the program like a faulty configuration.
func (p *parts) keepStore(ctx context.Context) error {
	if err := p.store.Run(ctx); err != nil {
		return misused("The database can't be used: %w", err)
	}
	return nil
}

// shareEvery is how often this process finds out how many share Slack's limits with it.
const shareEvery = 5 * time.Second

// share tells the bot how many processes there are.
func (p *parts) share(ctx context.Context) error {
	tick := time.NewTicker(shareEvery)
	defer tick.Stop()
	for {
		p.bot.SetShare(p.store.Shares())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
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
	for _, srv := range p.cfg.Servers {
		if known, ok := p.board.Server(srv.Name); !ok || known.Last.At.IsZero() {
			return false
		}
	}
	return true
}

// errEarly is in the error of a part that ended before it was told to.
var errEarly = errors.New("it ended by itself")

// errSlow is a part that did not stop in time. What it was doing is in the store, and goes on at the next start.
var errSlow = errors.New("not everything stopped in time")

// told gives an error its exit status.
func (p *parts) told(err error) error {
	var fatal *bot.FatalError
	var known *exit
	switch {
	case errors.Is(err, errSlow):
		p.log.Warn("Stopped, though not everything ended in time; it goes on at the next start")
		return nil
	case errors.As(err, &fatal):
		return &exit{exitUsage, err}
	case errors.As(err, &known):
		return &exit{known.code, err}
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
