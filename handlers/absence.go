package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"importbot/imports"
)

// awayPrefix begins the ids of the jobs, and of the notices, of what a channel is told of absences. The channel's ID is
// the rest.
const awayPrefix = "away:"

const (
	// awayWithin is how long after an absence its message waits until all servers of the channel were looked at.
	awayWithin = time.Minute
	// awayAtMost is how long after an absence a channel is still told of it where nothing was written down of it.
	awayAtMost = 24 * time.Hour
	// keptAbsences is how many absences a channel's record keeps.
	keptAbsences = 8
	// lookBack is how many imports of a server are read for what happened in an absence.
	lookBack = 20
)

// heard is which absences the channels have been told of, as far as memory knows; guarded by Publisher.mu.
type heard struct {
	resumed bool                 // what an earlier process left to do is known
	until   map[string]time.Time // by server: the end of the last absence that needs nothing any more
	waits   map[string]time.Time // by channel: until when it waits for looks at its other servers
}

// unheardChannels are the channels with a server whose last absence may not have been told of.
func (p *Publisher) unheardChannels(ctx context.Context) ([]string, error) {
	if err := p.resume(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var channels []string
	for _, srv := range p.Servers {
		known, ok := p.Board.Server(srv.Name)
		until := known.Absence.Until
		heard := !ok || srv.Channel == "" || until.IsZero() || p.heard.until[srv.Name].Equal(until)
		if heard || p.heard.waits[srv.Channel].After(p.Clock.Now()) || slices.Contains(channels, srv.Channel) {
			continue
		}
		channels = append(channels, srv.Channel)
	}
	return channels, nil
}

// resume takes up what an earlier process left to do.
func (p *Publisher) resume(ctx context.Context) error {
	p.mu.Lock()
	resumed := p.heard.resumed
	p.mu.Unlock()
	if resumed {
		return nil
	}
	left, err := p.Store.Notices(ctx)
	if err != nil {
		return fmt.Errorf("reading what is left to say: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard.resumed = true
	for _, n := range left {
		if n.Kind == kindAway || n.Kind == kindAlert || n.Kind == kindDigest {
			p.job(n.ID).due = latest(n.NextTry, p.Clock.Now().Add(-time.Nanosecond))
		}
	}
	return nil
}

// awayRecord is what a channel has been told of absences, the newest last. It is kept as the body of an imports.Notice.
type awayRecord struct {
	Absences []absence
}

// readRecord reads a channel's record, an empty one where there is none.
func readRecord(ctx context.Context, store Store, channel string) (awayRecord, imports.Notice, error) {
	stored, err := store.Notice(ctx, awayPrefix+channel)
	if errors.Is(err, imports.ErrNotFound) {
		return awayRecord{}, imports.Notice{}, nil
	}
	var r awayRecord
	if err == nil && len(stored.Body) > 0 {
		err = json.Unmarshal(stored.Body, &r)
	}
	if err != nil {
		return r, stored, fmt.Errorf("reading what channel %s was told of absences: %w", channel, err)
	}
	return r, stored, nil
}

// has says whether an absence of a server is written down.
func (r awayRecord) has(server string, a imports.Absence) bool {
	return slices.ContainsFunc(r.Absences, func(told absence) bool {
		return slices.ContainsFunc(told.Servers, func(s awayServer) bool {
			// One that was not looked at in time was told of as such.
			late := s.Until.IsZero() && a.Since.Before(told.Until)
			return s.Name == server && (s.Until.Equal(a.Until) || late)
		})
	})
}

// tells says whether one of the messages tells of the end of an import.
func (r awayRecord) tells(imp imports.Import) bool {
	return slices.ContainsFunc(r.Absences, func(a absence) bool { return a.tells(imp) })
}

// herald tells a channel of absences.
type herald struct {
	courier
	channel string
	servers []Server // of the channel
	told    awayRecord
	stored  imports.Notice
}

// tellAway does what is to be done about a channel.
func (p *Publisher) tellAway(ctx context.Context, channel string) error {
	return p.alone(ctx, awayPrefix+channel, p.Log.WithField("channel", channel), func(c courier) error {
		h := &herald{courier: c, channel: channel}
		h.courier.record = h.note
		for _, srv := range p.Servers {
			if srv.Channel == channel {
				h.servers = append(h.servers, srv)
			}
		}
		return h.run(ctx)
	})
}

// run reconciles: it writes down what is new, and then posts what is not posted yet, one after the other.
func (h *herald) run(ctx context.Context) error {
	var err error
	h.told, h.stored, err = readRecord(ctx, h.Store, h.channel)
	var wait time.Time
	if err == nil {
		wait, err = h.writeDown(ctx)
	}
	for err == nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err = h.lead.Check(); err != nil {
			break
		}
		a, at := h.next()
		if a == nil || at.After(h.Clock.Now()) {
			return h.settle(ctx, soonest(wait, at))
		}
		err = h.post(ctx, a)
	}
	return h.rested(ctx, err)
}

// next is the oldest message that is not posted, and when that is due; nil where all are.
func (h *herald) next() (a *absence, at time.Time) {
	h.mu.Lock()
	hold := h.holdPost
	h.mu.Unlock()
	for i := range h.told.Absences {
		a := &h.told.Absences[i]
		refused := a.Refused
		if !refused.IsZero() && h.Clock.Now().Sub(a.Until) > refusedAtMost {
			a.Post.State = GivenUp
		}
		if a.Post.over() {
			continue
		}
		if !refused.IsZero() {
			refused = refused.Add(refusedFor)
		}
		return a, latest(hold, refused, a.Post.Again)
	}
	return nil, time.Time{}
}

// post posts one message, by the rules of a card.
func (h *herald) post(ctx context.Context, a *absence) error {
	h.messages = &a.Messages
	refusal, err := h.deliver(ctx, delivery{
		post: &a.Post, message: awayMessage(h.Clock.Now(), *a, h.Servers), channel: h.channel, kind: kindAway,
		countIn: true, most: maxMessages - keptMessages, keep: func() {},
	})
	h.heed(&a.Refused, refusal, a.Post.State == Sent)
	if err == nil && !a.Refused.IsZero() {
		err = h.noteSurely(ctx)
	}
	return err
}

// settle notes that nothing is left to do now; the rest at a time, where there is one.
func (h *herald) settle(ctx context.Context, at time.Time) error {
	next, left := h.next()
	pending := slices.ContainsFunc(h.told.Absences, func(a absence) bool { return !a.Post.over() })
	if err := h.save(ctx, !pending, left); err != nil {
		return err
	}
	h.settled(at)
	if next != nil {
		h.refusedBefore(next.Refused)
	}
	return nil
}

// note records the state while work on it goes on: whoever finds it goes on at once.
func (h *herald) note(ctx context.Context) error { return h.save(ctx, false, time.Time{}) }

func (h *herald) save(ctx context.Context, done bool, next time.Time) error {
	if len(h.told.Absences) == 0 {
		return nil
	}
	body, err := json.Marshal(h.told)
	if err != nil {
		return fmt.Errorf("writing down an absence: %w", err)
	}
	n := imports.Notice{ID: awayPrefix + h.channel, Kind: kindAway, CreatedAt: h.stored.CreatedAt, Done: done, NextTry: next, Body: body}
	if len(h.servers) == 1 {
		n.Server = h.servers[0].Name
	}
	if n.CreatedAt.IsZero() {
		n.CreatedAt = h.Clock.Now().UTC()
	}
	if n.Done == h.stored.Done && n.NextTry.Equal(h.stored.NextTry) && bytes.Equal(n.Body, h.stored.Body) {
		return nil
	}
	if err := h.Store.SaveNotice(ctx, h.lead.Epoch, n); err != nil {
		return fmt.Errorf("noting what is said of an absence: %w", err)
	}
	h.stored = n
	return nil
}

// writeDown makes the messages about absences that are new, and stores them. wait is until when it has to wait for
// looks at other servers of the channel.
func (h *herald) writeDown(ctx context.Context) (wait time.Time, err error) {
	for {
		fresh := h.fresh()
		if len(fresh) == 0 {
			return time.Time{}, nil
		}
		first := slices.MinFunc(fresh, func(a, b imports.Server) int { return a.Absence.Until.Compare(b.Absence.Until) }).Absence
		now := h.Clock.Now()
		if !h.allLookedAt(first.Until) && now.Before(first.Until.Add(awayWithin)) {
			return h.wait(now.Add(time.Second)), nil
		}
		a, err := h.gatherAbsence(ctx, first, fresh)
		if err != nil {
			return time.Time{}, err
		}
		h.told.Absences = append(h.told.Absences, a)
		h.forgetOld()
		if err := h.note(ctx); err != nil {
			return time.Time{}, err
		}
	}
}

// wait leaves an absence alone for a while.
func (h *herald) wait(until time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard.waits[h.channel] = until
	return until
}

// fresh are the channel's servers with an absence that is not written down. The others are noted as dealt with.
func (h *herald) fresh() []imports.Server {
	var out []imports.Server
	for _, srv := range h.servers {
		known, ok := h.Board.Server(srv.Name)
		a := known.Absence
		switch {
		case !ok || a.Until.IsZero():
			continue
		case !h.told.has(srv.Name, a) && h.Clock.Now().Sub(a.Until) <= awayAtMost:
			out = append(out, known)
			continue
		}
		h.mu.Lock()
		h.heard.until[srv.Name] = a.Until
		h.mu.Unlock()
	}
	return out
}

// allLookedAt says whether all servers of the channel have been looked at since a time.
func (h *herald) allLookedAt(since time.Time) bool {
	return !slices.ContainsFunc(h.servers, func(srv Server) bool { return !h.lookedAt(srv, since) })
}

func (h *herald) lookedAt(srv Server, since time.Time) bool {
	known, ok := h.Board.Server(srv.Name)
	return ok && !known.Last.At.Before(since)
}

// gatherAbsence collects what happened on the servers that were not looked at in the same time as the first one.
func (h *herald) gatherAbsence(ctx context.Context, first imports.Absence, fresh []imports.Server) (absence, error) {
	a := absence{Since: first.Since, Until: first.Until, Whole: true}
	if len(h.servers) == 1 {
		a.Server = h.servers[0].Name
	}
	for _, srv := range h.servers {
		i := slices.IndexFunc(fresh, func(s imports.Server) bool { return s.Name == srv.Name && s.Absence.Since.Before(first.Until) })
		looked := i >= 0 || h.lookedAt(srv, first.Until)
		if i < 0 && looked {
			a.Whole = false // somebody looked at it all the while, or it is new
			continue
		}
		m := aftermath{server: srv, now: h.Clock.Now(), looked: looked}
		if looked {
			m.known = fresh[i]
			a.Since = latest(a.Since, m.known.Absence.Since)
			if err := h.gatherServer(ctx, &m); err != nil {
				return a, err
			}
		}
		a.Servers = append(a.Servers, m.story())
	}
	return a, nil
}

// gatherServer reads what is known of the imports of a server. One that ends between the two readings is in both of them, where the other
// order would find it in neither: it counts as ended.
func (h *herald) gatherServer(ctx context.Context, a *aftermath) (err error) {
	name, since := a.server.Name, a.known.Absence.Since
	if a.active, err = h.Store.Active(ctx, name); err != nil {
		return fmt.Errorf("reading the imports of %s: %w", name, err)
	}
	if a.recent, err = h.Store.Recent(ctx, name, lookBack); err != nil {
		return fmt.Errorf("reading the imports of %s: %w", name, err)
	}
	a.active = slices.DeleteFunc(a.active, func(imp imports.Import) bool {
		return slices.ContainsFunc(a.recent, func(other imports.Import) bool { return other.ID == imp.ID && other.State == imports.Ended })
	})
	if a.expired, err = h.Store.Expired(ctx, name, since); err != nil {
		return fmt.Errorf("reading the starts on %s: %w", name, err)
	}
	a.cards = make(map[string]string)
	for _, imp := range slices.Concat(a.recent, a.active) {
		if imp.State == imports.Ended && !imp.EndedAt.After(since) {
			continue
		}
		card, err := h.gather.card(ctx, imp.ID)
		if err != nil {
			return err
		}
		if card != "" {
			a.cards[imp.ID] = card
		}
	}
	return nil
}

// forgetOld drops the oldest of those that are over.
func (h *herald) forgetOld() {
	for i := 0; len(h.told.Absences) > keptAbsences && i < len(h.told.Absences)-1; {
		if !h.told.Absences[i].Post.over() {
			i++
			continue
		}
		h.told.Absences = slices.Delete(h.told.Absences, i, i+1)
	}
}

// soonest is the earlier of two times, of which zero is none.
func soonest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// hear finds out whether the message about an absence tells of the end of an import that nobody here asked for: then it
// gets neither card nor notice of its own. Until that message is written down it is not known.
func (w *worker) hear(ctx context.Context) error {
	s := &w.s
	s.told, s.undecided = false, time.Time{}
	foreign := s.imp.Origin == imports.Scheduled || s.imp.Origin == imports.Elsewhere
	if s.imp.State != imports.Ended || !foreign || len(s.imp.Followers) > 0 || s.thread.Card.State != Pending ||
		s.server.Channel == "" || s.server.Announce == AnnounceNone {
		return nil
	}
	known, err := w.Store.Server(ctx, s.imp.Server)
	if err != nil {
		return fmt.Errorf("reading what is known of %s: %w", s.imp.Server, err)
	}
	a := known.Absence
	if a.Until.IsZero() || !s.imp.EndedAt.After(a.Since) || s.imp.Baseline != nil && s.imp.Baseline.Span.At.After(a.Until) {
		return nil
	}
	r, _, err := readRecord(ctx, w.Store, s.server.Channel)
	if err != nil {
		return err
	}
	now := w.Clock.Now()
	s.told = r.tells(s.imp)
	if !s.told && !r.has(s.imp.Server, a) && now.Before(a.Until.Add(awayWithin+awayGrace)) {
		s.undecided = now.Add(time.Second)
	}
	return nil
}

// awayGrace is how long beyond its time a message about an absence is waited for.
const awayGrace = time.Minute
