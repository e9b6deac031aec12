package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"importbot/internal/config"
	"importbot/internal/health"
)

// probes find out whether this process can be relied on. What is behind or out of sight is told as well, and leaves it ready: another
// replica would not do better.
func (p *parts) probes() []health.Probe {
	one := func(name string, ask func(context.Context) health.Check) health.Probe {
		return health.Probe{Name: name, Ask: func(ctx context.Context) []health.Check { return []health.Check{ask(ctx)} }}
	}
	return []health.Probe{
		{Name: "slack", Ask: p.slackChecks},
		one("database", p.databaseCheck),
		one("leader", p.leaderCheck),
		{Name: "servers", Ask: p.serverChecks},
		one("work", p.workCheck),
		one("running", p.runningCheck),
	}
}

func (p *parts) slackChecks(context.Context) []health.Check {
	var all []health.Check
	for _, c := range p.bot.Health().Checks(time.Now()) {
		all = append(all, health.Check{Name: c.Name, OK: c.Problem == "", Detail: c.Problem})
	}
	return all
}

func (p *parts) runningCheck(context.Context) health.Check {
	if p.stopping.Load() {
		return health.Check{Name: "running", Detail: "this process was told to stop"}
	}
	return health.Check{Name: "running", OK: true}
}

func (p *parts) databaseCheck(ctx context.Context) health.Check {
	err := p.store.Ping(ctx)
	if err == nil {
		err = p.notStored()
	}
	return health.Result("database", err, "answers")
}

// notStored is why the database takes nothing, as far as this process knows, which does as long as it leads: one whose disk is full, or
// that another program holds, still answers who only asks.
func (p *parts) notStored() error {
	t := p.term.Load()
	if t == nil {
		return nil
	}
	return t.engine.StoreTrouble()
}

// leaderCheck says who watches the servers. Between two leaders nobody does, for seconds.
func (p *parts) leaderCheck(ctx context.Context) health.Check {
	c := health.Check{Name: "leader"}
	leader, err := p.store.Leader(ctx)
	switch {
	case err != nil:
		c.Detail = "not known: the database does not answer"
	case !leader.Held:
		c.Detail = "nobody leads: imports are neither watched nor started"
	case p.leads():
		c.OK, c.Detail = true, "this process, since "+leader.Since.Format(time.RFC3339)
	default:
		c.OK, c.Detail = true, leader.Name+", since "+leader.Since.Format(time.RFC3339)
	}
	return c
}

func (p *parts) serverChecks(context.Context) []health.Check {
	var all []health.Check
	for _, s := range p.cfg.Servers {
		all = append(all, p.serverCheck(s, time.Now()))
	}
	return all
}

// serverCheck says when a server was last looked at. One that does not answer was looked at all the same.
func (p *parts) serverCheck(s config.Server, now time.Time) health.Check {
	c := health.Check{Name: "server " + s.Name}
	known, ok := p.board.Server(s.Name)
	lately := 3*max(s.PollIdle, s.PollRunning) + s.Timeout
	last := known.Last
	switch {
	case !ok || last.At.IsZero():
		c.Detail = "not looked at yet"
	case now.Sub(last.At).Abs() > lately: // in the future: our clock was put back, and nobody has looked since
		c.Detail = "nobody has looked at it since " + last.At.Format(time.RFC3339)
	case last.Failure != nil:
		c.OK, c.Detail = true, fmt.Sprintf("not seen since %s: %s", known.DownSince.Format(time.RFC3339), last.Failure.Reason)
	default:
		c.OK, c.Detail = true, "seen "+last.At.Format(time.RFC3339)
	}
	return c
}

// workCheck tells what is tried again and again. It is never dropped, and another process would fare no better, so it does not decide.
func (p *parts) workCheck(context.Context) health.Check {
	c := health.Check{Name: "work", OK: true}
	t := p.term.Load()
	if t == nil {
		c.Detail = "this process does not lead"
		return c
	}
	var behind []string
	for _, trouble := range t.engine.Troubles() {
		behind = append(behind, fmt.Sprintf("%s fails since %s, %d times: %v", trouble.Work, trouble.Since.Format(time.RFC3339), trouble.Tries, trouble.Err))
	}
	b := t.publisher.Backlog()
	if b.Failing > 0 {
		behind = append(behind, fmt.Sprintf("%s can't be shown since %s: %s", messages(b.Failing), b.Since.Format(time.RFC3339), b.Reason))
	}
	if b.Refused > 0 {
		behind = append(behind, fmt.Sprintf("waiting for a channel that refuses: %s, since %s: %s", messages(b.Refused), b.RefusedSince.Format(time.RFC3339), b.Refusal))
	}
	c.Detail = strings.Join(behind, "; ")
	return c
}

func messages(n int) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}

// backlog is what is behind, for the metrics.
func (p *parts) backlog() (waiting, failing int) {
	t := p.term.Load()
	if t == nil {
		return 0, 0
	}
	b := t.publisher.Backlog()
	return b.Waiting, b.Failing + len(t.engine.Troubles())
}
