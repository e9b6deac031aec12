package app

import (
	"context"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/bot"
	"importbot/handlers"
	"importbot/imports"
	"importbot/internal/audit"
	"importbot/internal/config"
	"importbot/internal/health"
	"importbot/internal/metrics"
	"importbot/internal/store"
)

// parts are what the bot is made of, for as long as the process lives. What it is made of while it leads is a term.
type parts struct {
	cfg       *config.Config
	log       logrus.FieldLogger
	stderr    io.Writer
	name      string    // of this process among the replicas
	redactor  *redactor // what leaves goes through it
	store     *store.Store
	signal    *imports.Signal
	board     *imports.Board
	shown     []handlers.Server
	bot       *bot.Bot
	handlers  *handlers.Handlers
	operators *handlers.Operators
	audit     *audit.Log
	metrics   *metrics.Metrics
	readiness *health.Readiness
	health    *health.Server    // nil where HTTP is off
	heartbeat *health.Heartbeat // nil where nobody is to hear it

	term     atomic.Pointer[leaderTerm] // nil while another process leads
	led      atomic.Int64               // the epoch of the last one
	stopping atomic.Bool
}

// wire makes the parts and ties them together. Nothing is dialled yet.
func wire(cfg *config.Config, db *store.Store, signal *imports.Signal, name string, log *logrus.Logger) (*parts, error) {
	p := &parts{
		cfg: cfg, log: log, stderr: log.Out, name: name, redactor: newRedactor(cfg),
		store: db, signal: signal, board: new(imports.Board),
	}
	steps := []func() error{p.wireServers, p.wireMetrics, p.wireAudit, p.wireBot, p.wireHandlers, p.wireHealth}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// wireServers makes of each configured server what people are shown.
func (p *parts) wireServers() error {
	for _, s := range p.cfg.Servers {
		c, err := client(s, time.Time{})
		if err != nil {
			return err
		}
		p.shown = append(p.shown, handlers.Server{
			Name: s.Name, Channel: s.Channel, Edition: s.Edition, Operators: s.Operators, Announce: handlers.Announce(s.Announce),
			PollRunning: s.PollRunning, PollIdle: s.PollIdle, Insecure: s.Insecure, ImportsPage: c.ImportsPage(), TokenVariable: s.TokenVariable,
			OperatorsVariable: s.OperatorsVariable, InsecureVariable: s.InsecureVariable,
			Confirm: handlers.Confirm(s.Confirm), AlertChannel: s.AlertChannel, AlertMention: s.AlertMention,
		})
		c.Close()
	}
	return nil
}

func (p *parts) wireMetrics() error {
	p.readiness = health.NewReadiness(p.log, p.redactor.probes(p.probes())...)
	p.metrics = metrics.New(metrics.Sources{
		Version: Version(), Servers: names(p.cfg.Servers), Commands: handlers.Commands(), CommandOf: handlers.Namer(), Actions: handlers.Actions(), Board: p.board,
		SlackHealth: func() bot.Health { return p.bot.Health() },
		Backlog:     p.backlog, Leading: p.leads, Epoch: p.epoch, Readiness: p.readiness, Muted: p.muted,
	})
	return nil
}

// mutedWithin bounds finding out whether a server's alerts are kept quiet, for a scrape.
const mutedWithin = 250 * time.Millisecond

// muted says whether a server's alerts are kept quiet; not where the database does not tell.
func (p *parts) muted(server string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), mutedWithin)
	defer cancel()
	mutes, err := p.store.Mutes(ctx)
	now := time.Now()
	return err == nil && slices.ContainsFunc(mutes, func(m imports.Mute) bool { return m.Server == server && m.Active(now) })
}

func (p *parts) wireAudit() error {
	var err error
	p.audit, err = audit.New(audit.Config{Path: p.cfg.AuditLog, Stderr: p.stderr, Sink: p.store, Replica: p.name,
		Redact: p.redactor.text, Log: p.log})
	if err != nil {
		return misused("The audit log can't be written: %w", err)
	}
	return nil
}

func (p *parts) wireBot() error {
	var err error
	slack := p.cfg.Slack
	p.bot, err = bot.New(bot.Config{
		BotToken: slack.BotToken.Reveal(), AppToken: slack.AppToken.Reveal(), APIURL: slack.APIURL,
		Command: slack.Command, Connections: slack.Connections, Log: p.log, DrainWithin: drainBot, Observer: p.observer(),
		Serves: func(userID string) bool { return p.handlers.Named(userID) },
	}, func(ctx context.Context, r *bot.Request) error {
		p.redactor.request(r)
		return p.handlers.Handle(ctx, r)
	})
	if err != nil {
		return &exit{exitUsage, err}
	}
	return nil
}

// observer adds to the metrics what is to be audited: who was refused before any handler saw the request. What was left
// alone is not: another replica may accept it.
func (p *parts) observer() bot.Observer {
	o := p.metrics.Observer()
	count := o.Refused
	o.Refused = func(r *bot.Request, why string) {
		if count != nil {
			count(r, why)
		}
		p.audited(handlers.RefusedEntry(r, why))
	}
	return o
}

// audited is told of everything that somebody asked for.
func (p *parts) audited(e audit.Entry) {
	p.audit.Note(e)
	p.metrics.Commanded(e)
}

func (p *parts) wireHandlers() error {
	var err error
	p.operators = handlers.NewOperators(p.shown, p.bot, time.Now, p.log)
	p.handlers, err = handlers.New(handlers.Config{
		Servers: p.shown, Command: p.cfg.Slack.Command, Intake: imports.NewIntake(p.store, p.signal, nil), Board: p.board, Store: p.store,
		Slack: p.bot, Signal: p.signal, Operators: p.operators, Audit: p.audited, Log: p.log,
	})
	return err
}

// wireHealth begins to listen, so that an address in use is found before anything is done.
func (p *parts) wireHealth() error {
	if p.cfg.HTTP.Addr != "" {
		var err error
		p.health, err = health.New(health.Config{
			Addr: p.cfg.HTTP.Addr, Readiness: p.readiness, Metrics: p.metrics.Handler(), Log: p.log,
		})
		if err != nil {
			return &exit{exitUsage, err}
		}
	}
	if url := p.cfg.HeartbeatURL.Reveal(); url != "" {
		p.heartbeat = &health.Heartbeat{URL: url, Ready: p.readiness.Ready, Sent: p.metrics.Beat, Log: p.log}
	}
	return nil
}
