package handlers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"importbot/bigfix"
	"importbot/imports"
)

// Digest is when the week's report is posted: a weekday and a time of day in a zone.
type Digest struct {
	Weekday      time.Weekday
	Hour, Minute int
	Location     *time.Location // nil: UTC
}

// digestLate is how late a digest is still posted where nobody led when it was due. What is older is left out: the next
// one is nearer.
const digestLate = 24 * time.Hour

// digestPrefix begins the ids of the jobs, and of the notices, of digests. The channel's ID and the date are the rest.
const digestPrefix = "digest:"

// last is when a digest was due last, up to now. A time of day that clocks leave out when they are put forward comes as
// much later or earlier as they are put, but on the same day; one that comes twice counts once.
func (d Digest) last(now time.Time) time.Time {
	loc := d.zone()
	year, month, day := now.In(loc).Date()
	for back := range 8 {
		noon := time.Date(year, month, day-back, 12, 0, 0, 0, loc)
		due := latest(time.Date(year, month, day-back, d.Hour, d.Minute, 0, 0, loc), imports.StartOfDay(year, month, day-back, loc))
		if noon.Weekday() == d.Weekday && !due.After(now) {
			return due
		}
	}
	return time.Time{}
}

func (d Digest) zone() *time.Location {
	if d.Location == nil {
		return time.UTC
	}
	return d.Location
}

// week is what a digest that was due then tells of: the seven days before that day.
func (d Digest) week(due time.Time) (from, to time.Time) {
	year, month, day := due.In(d.zone()).Date()
	return imports.StartOfDay(year, month, day-7, d.zone()), imports.StartOfDay(year, month, day, d.zone())
}

// dueDigests are the jobs of the digests that may have to be posted.
func (p *Publisher) dueDigests() []string {
	if p.Digest == nil {
		return nil
	}
	now := p.Clock.Now()
	due := p.Digest.last(now)
	if due.IsZero() || now.Sub(due) > digestLate {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []string
	for _, srv := range p.Servers {
		id := digestPrefix + srv.Channel + ":" + due.In(p.Digest.zone()).Format(time.DateOnly)
		if srv.Channel != "" && !p.digested[id] && !slices.Contains(ids, id) && p.waitsNoMore(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// waitsNoMore says whether a job is not put off; p.mu is held.
func (p *Publisher) waitsNoMore(id string) bool {
	j := p.jobs[id]
	return j == nil || !j.due.After(p.Clock.Now())
}

// digestRecord is what is noted of a digest. It tells of the days from From up to To, however late it is posted.
type digestRecord struct {
	From, To time.Time
	Nothing  bool `json:",omitempty"` // there was nothing to tell
	Post     Post
	Sent     int
	Refused  time.Time
}

// gazette posts one digest to one channel.
type gazette struct {
	jotter
	told digestRecord
}

// tellDigest does what is to be done about a digest.
func (p *Publisher) tellDigest(ctx context.Context, id string) error {
	channel := id[len(digestPrefix) : len(id)-len(":")-len(time.DateOnly)]
	return p.alone(ctx, id, p.Log.WithField("channel", channel), func(c courier) error {
		g := &gazette{jotter: jotter{courier: c, notice: imports.Notice{ID: id, Kind: kindDigest}}}
		g.body, g.courier.record = &g.told, g.note
		if err := g.run(ctx, channel); err != nil {
			return g.rested(ctx, err)
		}
		return nil
	})
}

func (g *gazette) run(ctx context.Context, channel string) error {
	found, err := g.read(ctx)
	if err != nil {
		return err
	}
	if !found {
		if g.Digest == nil {
			g.setDue(time.Time{})
			return nil
		}
		g.told.From, g.told.To = g.Digest.week(g.Digest.last(g.Clock.Now()))
	}
	for !g.over() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := g.lead.Check(); err != nil {
			return err
		}
		if at := g.held(g.told.Post, g.told.Refused); at.After(g.Clock.Now()) {
			return g.settle(ctx, false, at)
		}
		if err := g.postDigest(ctx, channel); err != nil {
			return err
		}
	}
	if err := g.settle(ctx, true, time.Time{}); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.digested[g.notice.ID] = true
	return nil
}

// over says whether nothing is left to do: a channel that refuses a digest for a day is left without it.
func (g *gazette) over() bool {
	t := g.told
	return t.Nothing || t.Post.over() || !t.Refused.IsZero() && t.Post.State == Pending && g.Clock.Now().Sub(t.To) > 2*digestLate
}

func (g *gazette) postDigest(ctx context.Context, channel string) error {
	d, err := g.gatherDigest(ctx, channel)
	if err != nil {
		return err
	}
	if len(d.servers) == 0 {
		g.told.Nothing = true
		return nil
	}
	_, err = g.post(ctx, say{
		post: &g.told.Post, sent: &g.told.Sent, refused: &g.told.Refused,
		message: digestMessage(d), channel: channel, kind: kindDigest,
	})
	return err
}

// gatherDigest collects what a digest tells of. Servers that were not watched in that week, and had no import, are left out: they are new.
func (g *gazette) gatherDigest(ctx context.Context, channel string) (digestScene, error) {
	d := digestScene{now: g.Clock.Now(), command: g.Command, from: g.told.From, to: g.told.To, loc: time.UTC}
	if g.Digest != nil {
		d.loc = g.Digest.zone()
	}
	mutes, err := g.Store.Mutes(ctx)
	if err != nil {
		return d, fmt.Errorf("reading what is muted: %w", err)
	}
	for _, srv := range g.Servers {
		if srv.Channel != channel {
			continue
		}
		one, known, err := g.gatherServer(ctx, srv, d)
		if err != nil {
			return d, err
		}
		one.mute = muteOf(mutes, srv.Name, d.now)
		if known {
			d.servers = append(d.servers, one)
		}
	}
	return d, nil
}

func (g *gazette) gatherServer(ctx context.Context, srv Server, d digestScene) (one digestServer, known bool, err error) {
	one.server = srv
	imps, err := g.Store.History(ctx, srv.Name, d.from, d.to)
	if err != nil {
		return one, false, fmt.Errorf("reading the week of %s: %w", srv.Name, err)
	}
	watched, err := g.Store.Watched(ctx, srv.Name, d.from, d.to)
	if err != nil {
		return one, false, fmt.Errorf("reading when %s was watched: %w", srv.Name, err)
	}
	state, err := g.Store.Server(ctx, srv.Name)
	if err != nil {
		return one, false, fmt.Errorf("reading what is known of %s: %w", srv.Name, err)
	}
	one.alerts = state.Open()
	one.report = imports.ReportOf(imports.ReportInput{
		Server: srv.Name, From: d.from, To: d.to, Location: d.loc, OneKind: srv.Edition == bigfix.ILMT, Imports: imps, Watched: watched,
	})
	return one, len(imps)+len(watched) > 0, nil
}
