package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"importbot/handlers"
	"importbot/imports"
	"importbot/internal/store"
)

// leaderTerm is one time of leading: what watches the servers and shows their imports. Every term has parts of its own, so that nothing is
// left in memory of the one before, in which another process may have led.
type leaderTerm struct {
	epoch     imports.Epoch
	engine    *imports.Engine
	publisher *handlers.Publisher
	close     func()
}

// lead leads whenever it is this process's turn, and follows otherwise, until ctx ends.
func (p *parts) lead(ctx context.Context) error {
	for ctx.Err() == nil {
		lead, err := p.campaign(ctx)
		if err != nil {
			return err
		}
		if lead == nil {
			return nil
		}
		if err := p.serve(ctx, lead); err != nil {
			return err
		}
	}
	return nil
}

// campaign waits until this process leads. Meanwhile it knows of the servers what the leader wrote down. nil where ctx ended first.
func (p *parts) campaign(ctx context.Context) (*store.Lead, error) {
	following, stop := context.WithCancel(ctx)
	mirrored := make(chan error, 1)
	go func() {
		mirrored <- imports.Mirror(following, imports.MirrorConfig{
			Store: p.store, Board: p.board, Signal: p.signal, Servers: names(p.cfg.Servers), Log: p.log,
		})
	}()
	lead, err := p.store.Lead(ctx)
	stop()
	if failed := <-mirrored; err == nil {
		err = failed
	}
	switch {
	case ctx.Err() != nil:
		if lead != nil {
			p.release(ctx, lead)
		}
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("taking the lead: %w", err)
	}
	return lead, nil
}

// releaseWithin bounds giving the lead away. Where it can't be given, the database takes it when this process ends.
const releaseWithin = time.Second

func (p *parts) release(ctx context.Context, lead *store.Lead) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWithin)
	defer cancel()
	if err := lead.Release(ctx); err != nil {
		p.log.WithError(err).Debug("The lead could not be given away; it is free when this process has ended")
	}
}

// serve leads until ctx ends or the lead is lost, which is no error: somebody else leads then, or this process again.
func (p *parts) serve(ctx context.Context, lead *store.Lead) error {
	defer p.release(ctx, lead)
	t, err := p.newTerm(ctx, lead.Lead())
	if err != nil {
		p.log.WithError(err).Warn("The lead was taken and can't be used; giving it away")
		pause(ctx, time.Second)
		return nil
	}
	defer t.close()
	p.auditMissed(ctx)
	p.led.Store(int64(t.epoch))
	p.term.Store(t)
	defer p.term.Store(nil)

	g, ctx := errgroup.WithContext(ctx)
	part := func(name string, run func(context.Context, imports.Lead) error) {
		g.Go(func() error {
			err := run(ctx, lead.Lead())
			if err == nil && ctx.Err() == nil {
				err = errEarly
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
			return err
		})
	}
	part("watching", t.engine.Run)
	part("publishing", t.publisher.Run)
	g.Go(func() error {
		select {
		case <-lead.Done():
			return imports.ErrNotLeader
		case <-ctx.Done():
			return nil
		}
	})
	err = g.Wait()
	if errors.Is(err, imports.ErrNotLeader) {
		p.log.WithError(err).Debug("The term is over; this process goes on answering commands")
		return nil
	}
	return err
}

// newTerm makes the parts of a term.
func (p *parts) newTerm(ctx context.Context, lead imports.Lead) (*leaderTerm, error) {
	t := &leaderTerm{epoch: lead.Epoch, close: func() {}}
	var watched []imports.ServerConfig
	for _, s := range p.cfg.Servers {
		c, err := remembering(ctx, p.store, s, p.log)
		if err != nil {
			t.close()
			return nil, err
		}
		before := t.close
		t.close = func() { c.Close(); before() }
		watched = append(watched, imports.ServerConfig{Name: s.Name, Client: c, Edition: s.Edition, Rules: rules(s)})
	}
	var err error
	t.publisher, err = handlers.NewPublisher(handlers.PublisherConfig{
		Servers: p.shown, Store: p.store, Board: p.board, Slack: p.bot, Signal: p.signal, Log: p.log,
		Command: p.cfg.Slack.Command, Digest: (*handlers.Digest)(p.cfg.Digest),
	})
	if err != nil {
		t.close()
		return nil, err
	}
	t.engine = imports.NewEngine(imports.EngineConfig{
		Store: p.store, Servers: watched, Announcer: t.publisher, Signal: p.signal, Board: p.board, Log: p.log,
		OnEvent: p.happened, OnLook: p.metrics.Looked, OnAlert: p.metrics.Alerted,
	})
	return t, nil
}

// happened is told what happened to imports, once it is stored.
func (p *parts) happened(imp imports.Import, ev imports.Event) {
	p.metrics.Happened(imp, ev)
	if e, ok := handlers.StartEntry(imp, ev); ok {
		p.audit.Note(e)
	}
}

const (
	// missedWithin bounds looking for what the audit lacks: nobody leads meanwhile.
	missedWithin = 2 * time.Second
	// missedBack is how far back it is looked for: longer than a weekend without any process.
	missedBack = 7 * 24 * time.Hour
)

// auditMissed notes what became of starts whose process stored it, and did not live to note it.
func (p *parts) auditMissed(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, missedWithin)
	defer cancel()
	missed, err := p.store.Unaudited(within, time.Now().Add(-missedBack))
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		p.log.WithError(err).Warn("What the audit may lack could not be read; the next leader looks again")
		return
	}
	for _, imp := range missed {
		if e, ok := handlers.MissedEntry(imp); ok {
			p.audit.Note(e)
		}
	}
}

// leads says whether this process leads now.
func (p *parts) leads() bool { return p.term.Load() != nil }

// epoch is that of the present term or of the last one here, 0 before the first.
func (p *parts) epoch() imports.Epoch { return imports.Epoch(p.led.Load()) }

// pause waits, though not longer than ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
