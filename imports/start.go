package imports

import (
	"context"
	"errors"
	"slices"
	"time"

	"importbot/bigfix"
)

const (
	// freshness is how old the look before a start may be when the start is sent.
	freshness = 5 * time.Second
	// announceWithin bounds one try to put up a card.
	announceWithin = 15 * time.Second
	// drain is how long a run= request that is under way may take to be answered, and what came of it to be stored,
	// once this process has to end.
	drain = 5 * time.Second
)

// attempt is how far the start of an intent has come. It lives in memory: a new process goes through all of it again,
// and finds that the card stands.
type attempt struct {
	announced bool
	tries     backoff
	next      time.Time // not before
}

// expire ends the intents that are too old to be sent. It needs no look, so that nothing old waits for one.
func (w *watcher) expire(ctx context.Context) error {
	for _, imp := range w.intents() {
		if w.tooLate(imp) {
			if err := w.finish(ctx, imp, Expired, w.whyLate(imp)); err != nil {
				return err
			}
		}
	}
	return nil
}

// tooLate says that an intent can't be sent any more.
func (w *watcher) tooLate(imp Import) bool { return w.now().Sub(imp.AcceptedAt) >= sendWithin }

// whyLate is what held an intent up, as far as that is known.
func (w *watcher) whyLate(imp Import) Reason {
	why := Reason{Kind: ReasonTooLate, Failure: w.srv.Last.Failure}
	if other := w.inTheWay(); other != imp.ID {
		why.Other = other
	}
	return why
}

// intents are the accepted imports, oldest first.
func (w *watcher) intents() []Import {
	var list []Import
	for _, imp := range w.active {
		if imp.State == Accepted {
			list = append(list, imp)
		}
	}
	return list
}

// start works on the intents one after the other, each to the end of what can be done now: the second of two is
// decided when the first was sent, and finds it under way.
func (w *watcher) start(ctx context.Context) error {
	for _, imp := range w.intents() {
		if ctx.Err() != nil || w.storeRests() {
			return nil // what can't be recorded is not sent
		}
		a := w.attempts[imp.ID]
		if a == nil {
			a = new(attempt)
			w.attempts[imp.ID] = a
		}
		if w.waits(a.next, max(backoffMax, w.slowest())) {
			return nil
		}
		if err := w.startOne(ctx, imp, a); err != nil {
			return err
		}
		if w.attempts[imp.ID] != nil {
			return nil // not decided yet
		}
	}
	return nil
}

// startOne looks, decides, announces, and sends. An error is ErrNotLeader; what else came up was noted, and the intent
// is due again later.
func (w *watcher) startOne(ctx context.Context, imp Import, a *attempt) error {
	if reason, no := w.hopeless(imp); no {
		return w.finish(ctx, imp, Refused, reason)
	}
	if ok, err := w.ready(ctx, imp, a); !ok || err != nil {
		return err
	}
	if !a.announced {
		if err := w.announce(ctx, imp, a); err != nil || !a.announced {
			return err
		}
		if w.tooLate(imp) {
			return w.finish(ctx, imp, Expired, w.whyLate(imp))
		}
		// Slack may have taken its time: what was seen before it may not be true any more.
		if ok, err := w.ready(ctx, imp, a); !ok || err != nil {
			return err
		}
	}
	return w.send(ctx, imp, a)
}

// hopeless says why there is no point in asking the server at all.
func (w *watcher) hopeless(imp Import) (Reason, bool) {
	switch {
	case w.cfg.Edition == bigfix.ILMT && imp.Type == bigfix.TypeRaw:
		return Reason{Kind: ReasonBadRequest, Detail: "License Metric Tool knows one kind of import only"}, true
	case w.rejected() && !w.lookDue():
		return refusalOf(w.srv.Last.Failure), true
	}
	return Reason{}, false
}

// ready looks, unless that was done a moment ago, and says whether the import can be sent now. Where it can't ever, it
// has ended when ready returns.
func (w *watcher) ready(ctx context.Context, imp Import, a *attempt) (bool, error) {
	if !w.freshFor(imp) {
		if err := w.look(ctx); err != nil || ctx.Err() != nil {
			return false, err
		}
	}
	if w.storeRests() {
		return false, nil
	}
	reason, no := w.refusal()
	if no {
		return false, w.finish(ctx, imp, Refused, reason)
	}
	if w.inTheWay() != "" {
		a.next = w.nextLook // the one before is being settled; its evidence and this one's must not mix
		return false, nil
	}
	return true, nil
}

// freshFor says whether the last look can stand before this start. An answer must have been asked for after the wish was
// accepted, for an import that began in between would be run into; a failure serves whoever asks at about the same
// time, so that a server that hangs is not asked once for each of them.
func (w *watcher) freshFor(imp Import) bool {
	last := w.srv.Last
	age := w.now().Sub(last.At)
	return age >= 0 && age <= freshness && (last.Status == nil || !last.Asked.Before(imp.AcceptedAt))
}

// refusal reads the last look: why nothing may be started after it.
func (w *watcher) refusal() (Reason, bool) {
	o := w.srv.Last
	if o.Status == nil {
		return refusalOf(o.Failure), true
	}
	for _, imp := range w.underWay() {
		if imp.State != Settling {
			return Reason{Kind: ReasonRunning, Other: imp.ID}, true
		}
	}
	switch {
	case o.Status.Mode == bigfix.ModeRunning:
		return Reason{Kind: ReasonRunning, Other: w.inTheWay()}, true
	case !o.Status.Mode.NotRunning():
		return Reason{Kind: ReasonUnknownMode, Detail: string(o.Status.Mode)}, true
	case o.Status.CanRunImports != nil && !*o.Status.CanRunImports:
		return Reason{Kind: ReasonNotPermitted}, true
	}
	return Reason{}, false
}

// refusalOf is the reason that a failed look or start gives.
func refusalOf(f *Failure) Reason {
	kinds := map[FailureKind]ReasonKind{
		FailUnauthorized: ReasonUnauthorized,
		FailForbidden:    ReasonNotPermitted,
		FailNotServer:    ReasonNotServer,
		FailBadRequest:   ReasonBadRequest,
		FailUnavailable:  ReasonUnreachable,
	}
	if f == nil {
		return Reason{Kind: ReasonUnreachable}
	}
	kind, ok := kinds[f.Kind]
	if !ok {
		kind = ReasonUnreachable
	}
	return Reason{Kind: kind, Failure: f}
}

// inTheWay is the import that has not ended yet, the newest if there are several.
func (w *watcher) inTheWay() string {
	busy := w.underWay()
	if len(busy) == 0 {
		return ""
	}
	return busy[len(busy)-1].ID
}

// announce puts up the card.
func (w *watcher) announce(ctx context.Context, imp Import, a *attempt) error {
	ctxOne, cancel := context.WithTimeout(ctx, announceWithin)
	defer cancel()
	err := w.e.cfg.Announcer.Announce(ctxOne, imp)
	if errors.Is(err, ErrNotLeader) {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	if errors.Is(err, ErrNoCard) {
		return w.finish(ctx, imp, Refused, Reason{Kind: ReasonNoCard, Detail: err.Error()})
	}
	w.e.trouble(w.announcing(), err)
	a.announced = err == nil
	w.retry(a, err)
	return nil
}

// retry notes how a try went, and when the next one is due if it failed.
func (w *watcher) retry(a *attempt, err error) {
	a.tries.note(err)
	if err != nil {
		a.next = w.now().Add(a.tries.delay())
	}
}

func (w *watcher) announcing() string { return w.cfg.Name + ": putting up a card" }

// forget drops what was noted of the start of an import: it is decided.
func (w *watcher) forget(id string) {
	if _, ok := w.attempts[id]; ok {
		delete(w.attempts, id)
		w.e.settle(w.announcing())
	}
}

// send marks the intent as being sent, and sends it if that could be stored. From there on nothing sends it again:
// this loop moves on, and a new one finds it marked. A process that has to end in between sends it still, for whoever
// finds the mark takes it for sent; one that has lost the lead, or woke up too late, does not.
func (w *watcher) send(ctx context.Context, imp Import, a *attempt) error {
	if err := w.lead.Check(); err != nil {
		return err // not marked yet: the new leader starts it
	}
	marked := imp
	marked.State, marked.SendingAt = Sending, w.now()
	marked.Baseline = w.srv.Quiet
	marked.Revision++
	w.keep(marked, true)
	if err := w.save(ctx); err != nil {
		w.unkeep(imp)
		w.retry(a, err)
		return w.leaderOnly(err)
	}
	w.forget(imp.ID)
	late, cancel := draining(ctx)
	defer cancel()
	err := w.runOnce(late, marked)
	if errors.Is(err, ErrNotLeader) {
		return err
	}
	if err := w.sent(late, marked, err); err != nil || ctx.Err() != nil || w.rejected() {
		return err
	}
	return w.look(ctx)
}

// runOnce sends run=, unless it turns out at the last moment that it must not leave any more: this process, or the
// database, may have been held up for any length of time since it was marked. A lost lead is nobody's to record here:
// the new leader finds the mark, takes it for sent, and watches.
func (w *watcher) runOnce(ctx context.Context, marked Import) error {
	fence := func() error {
		if err := w.lead.Check(); err != nil {
			return err
		}
		if w.tooLate(marked) {
			return errTooLate
		}
		return nil
	}
	if err := fence(); err != nil {
		return &bigfix.Error{Kind: bigfix.ErrUnavailable, Op: "start " + string(marked.Type), Unsent: true, Err: err}
	}
	w.log.WithField("import", marked.ID).WithField("type", marked.Type).Info("starting an import")
	_, err := w.cfg.Client.Start(bigfix.WithFence(ctx, fence), marked.Type)
	return err
}

// errTooLate is in the error of a request that did not leave because its intent had expired.
var errTooLate = errors.New("accepted too long ago")

// unkeep takes an intent back to what it was: marking it could not be stored, and so nothing was sent.
func (w *watcher) unkeep(imp Import) {
	w.active = put(w.active, imp)
	for i, u := range w.unsaved {
		if u.ID == imp.ID {
			w.unsaved = append(w.unsaved[:i:i], w.unsaved[i+1:]...)
			break
		}
	}
}

// sent notes how run= was answered.
func (w *watcher) sent(ctx context.Context, imp Import, err error) error {
	failure := FailureOf(err, w.now())
	var answer *bigfix.Error
	if errors.As(err, &answer) && answer.NotSent() {
		if w.tooLate(imp) {
			return w.finish(ctx, imp, Expired, w.whyLate(imp))
		}
		return w.finish(ctx, imp, Refused, refusalOf(failure))
	}
	imp.State, imp.SendAnswer = Sent, failure
	imp.Revision++
	w.keep(imp, true, Event{Kind: EventSent, ImportID: imp.ID})
	if failure != nil {
		w.log.WithField("import", imp.ID).WithError(err).Warn("the start was not answered as it should be; looking what came of it")
	}
	if failure != nil && failure.Kind == FailUnauthorized {
		w.hush(failure)
	}
	return w.leaderOnly(w.save(ctx))
}

// hush keeps credentials that were just rejected from being tried again before an idle server is looked at.
func (w *watcher) hush(f *Failure) {
	w.srv = w.cfg.Rules.See(w.srv, Observation{Span: Span{Asked: f.At, At: f.At}, Failure: f})
	w.nextLook = f.At.Add(w.cfg.Rules.PollIdle)
}

// finish ends an import that was not sent. Who asked for one while another runs is told at that one's end.
func (w *watcher) finish(ctx context.Context, imp Import, how Outcome, why Reason) error {
	if why.Kind == ReasonRunning && why.Other != "" && imp.RequestedBy != "" {
		if joined, err := w.join(ctx, why.Other, imp); !joined || err != nil {
			return err
		}
	}
	imp.State, imp.Outcome, imp.Reason = Ended, how, why
	imp.EndedAt = w.now()
	imp.Revision++
	w.keep(imp, true, Event{Kind: EventEnded, ImportID: imp.ID})
	return w.leaderOnly(w.save(ctx))
}

// join makes who asked, and who followed them, followers of the import that runs instead. That is stored before the refusal
// is, so that a crash between the two does it again. Who follows it already goes on as they chose.
func (w *watcher) join(ctx context.Context, other string, imp Import) (bool, error) {
	if len(w.unsaved) > 0 { // the other one may be new
		if err := w.save(ctx); err != nil {
			return false, w.leaderOnly(err)
		}
	}
	for _, user := range w.strangers(other, imp) {
		err := w.e.cfg.Store.Follow(ctx, other, user, slices.Contains(imp.Direct, user), w.now())
		w.noteStore(ctx, err)
		if err != nil {
			return false, nil
		}
	}
	return true, nil
}

// strangers are who asked for an import and who follows it, without those who follow the other one already.
func (w *watcher) strangers(other string, imp Import) (users []string) {
	var known []string
	if i := slices.IndexFunc(w.active, func(a Import) bool { return a.ID == other }); i >= 0 {
		known = w.active[i].Followers
	}
	for _, user := range append([]string{imp.RequestedBy}, imp.Followers...) {
		if !slices.Contains(known, user) && !slices.Contains(users, user) {
			users = append(users, user)
		}
	}
	return users
}

// draining returns a context that outlives the end of this process a little: a run= request that has left should be
// answered, and its answer stored.
func draining(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(drain, cancel)
		context.AfterFunc(late, func() { timer.Stop() })
	})
	return late, func() { stop(); cancel() }
}
