package imports

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// waitWithin is how long after it was asked for with "after" an import may be accepted; then it expires.
const waitWithin = 12 * time.Hour

// After accepts a wish for an import that is to begin right after what runs now is over. It is Waiting until then, on
// whichever replica it was asked for. Whoever leads accepts it after a look that says that nothing runs, one at a time, the
// oldest first; from then on it goes the way of every start, with two minutes to be sent. One that has waited for 12 h
// expires, also when nobody led meanwhile.
//
// One of that server and type that waits already is joined: who asks follows it, it is returned, and created is false. For
// the rest, errors included, it is as Start. Whether there is anything to wait for is for the caller to see: where nothing
// runs, it is accepted at once.
func (in *Intake) After(ctx context.Context, w Wish) (stored Import, created bool, err error) {
	return in.take(ctx, w, func(imp *Import, now time.Time) { imp.State, imp.WishedAt, imp.After = Waiting, now, w.After })
}

// Cancel takes back an import that waits, on whichever replica that is asked for, and returns it as it then stands. Of a
// cancel and the acceptance by the leader one wins. Whoever takes back what they asked for themselves has the answer with
// that; of what somebody else takes back, the person who asked is told by direct message.
//
// ErrNotWaiting (wrapped) with the import as it stands where it does not wait any more; ErrNotFound; ErrUnsure where it may
// be taken back or not, and a second try did not tell. Any other error: it was not taken back within 2 s.
func (in *Intake) Cancel(ctx context.Context, importID, userID string, at time.Time) (Import, error) {
	imp, err := in.cancelWithin(ctx, storeWithin, importID, userID, at)
	if errors.Is(err, ErrUnsure) {
		again, retryErr := in.cancelWithin(context.WithoutCancel(ctx), settleWithin, importID, userID, at)
		switch {
		case retryErr == nil, errors.Is(retryErr, ErrNotWaiting) && again.Reason.By == userID: // the first try did it
			imp, err = again, nil
		case errors.Is(retryErr, ErrNotWaiting):
			imp, err = again, retryErr
		}
	}
	if err != nil {
		return imp, fmt.Errorf("taking back the import: %w", err)
	}
	in.wake(imp)
	return imp, nil
}

func (in *Intake) cancelWithin(ctx context.Context, within time.Duration, importID, userID string, at time.Time) (Import, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	imp, err := in.store.Import(ctx, importID)
	if err != nil {
		return Import{}, err
	}
	if imp.State != Waiting {
		return imp, ErrNotWaiting
	}
	next := imp
	next.State, next.Outcome, next.Reason = Ended, Cancelled, Reason{Kind: ReasonCancelled, By: userID}
	next.EndedAt = at.UTC()
	next.Revision++
	if userID == imp.RequestedBy {
		next.AnsweredAt = next.EndedAt
	}
	changed, err := in.store.Change(ctx, 0, next, Waiting)
	switch {
	case err != nil:
		return imp, err
	case changed:
		return next, nil
	}
	if imp, err = in.store.Import(ctx, importID); err != nil { // somebody else was faster
		return Import{}, err
	}
	return imp, ErrNotWaiting
}

// unsent says that nothing of it has left for the server: it waits, or is accepted.
func (i Import) unsent() bool { return i.State == Waiting || i.State == Accepted }

// waiting are the imports that wait for what runs to end, in the order in which they were asked for.
func (w *watcher) waiting() []Import {
	list := slices.DeleteFunc(slices.Clone(w.active), func(i Import) bool { return i.State != Waiting })
	slices.SortStableFunc(list, func(a, b Import) int { return a.WishedAt.Compare(b.WishedAt) })
	return list
}

// expireWaiting ends those that have waited for too long. It needs no look and comes before any: a bot that was away for days
// starts nothing old.
func (w *watcher) expireWaiting(ctx context.Context) error {
	for _, imp := range w.waiting() {
		if age := w.now().Sub(imp.WishedAt); age < waitWithin && age > -waitWithin { // further ahead: the clock was put back
			continue
		}
		next := imp
		next.State, next.Outcome, next.Reason = Ended, Expired, Reason{Kind: ReasonWaited, Other: w.inTheWay(), Failure: w.srv.Last.Failure}
		next.EndedAt = w.now()
		next.Revision++
		if err := w.change(ctx, next, Event{Kind: EventEnded, ImportID: imp.ID}); err != nil {
			return err
		}
	}
	return nil
}

// release accepts the oldest import that waits, where nothing is under way: neither seen by the last look, nor waiting for
// evidence of its end, nor about to be started. The next one waits until this one is over.
func (w *watcher) release(ctx context.Context) error {
	list := w.waiting()
	if len(list) == 0 || !w.quiet() {
		return nil
	}
	next := list[0]
	next.State, next.AcceptedAt = Accepted, w.now()
	next.Revision++
	return w.change(ctx, next)
}

// quiet says that this process has seen that nothing runs, and that nothing is about to.
func (w *watcher) quiet() bool {
	last := w.srv.Last.Status
	return w.looked && last != nil && last.Mode.NotRunning() && len(w.underWay()) == 0 && len(w.intents()) == 0
}

// change moves an import that waits on, in the store and then in memory. Where somebody took it back meanwhile, or the store
// did not take it, memory is left as it is: what the store has comes with the next sync.
func (w *watcher) change(ctx context.Context, next Import, events ...Event) error {
	if w.storeRests() || ctx.Err() != nil {
		return nil
	}
	if err := w.lead.Check(); err != nil {
		return err
	}
	changed, err := w.e.cfg.Store.Change(ctx, w.lead.Epoch, next, Waiting)
	w.noteStore(ctx, err)
	if err != nil || !changed {
		return w.leaderOnly(err)
	}
	w.log.WithField("import", next.ID).WithField("state", next.State).Info("an import that was to come after another waits no more")
	w.active = slices.DeleteFunc(w.active, func(a Import) bool { return a.ID == next.ID })
	if next.State != Ended {
		w.active = append(w.active, next)
	}
	for _, ev := range events {
		w.logEvent(happened{next, ev})
		w.e.cfg.OnEvent(next, ev)
	}
	w.e.cfg.Signal.Wake(next.ID, ServerSignal(next.Server))
	return nil
}

// mergeWaiting takes over what the store has of imports that wait: other replicas add to them and take them back, so there
// the store is always right.
func (w *watcher) mergeWaiting(stored []Import) {
	w.active = slices.DeleteFunc(w.active, func(a Import) bool {
		return a.State == Waiting && !slices.ContainsFunc(stored, func(s Import) bool { return s.ID == a.ID && s.State == Waiting })
	})
}
