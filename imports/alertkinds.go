package imports

import (
	"slices"
	"time"

	"importbot/bigfix"
)

const (
	// standardAfter is how long a server may be out of sight, and how late a scheduled import may begin.
	standardAfter = 15 * time.Minute
	// unseenLooks is how many looks must fail at least for a server to be called unreachable.
	unseenLooks = 5
	// shortlyBefore is how long before it is due an import counts for a scheduled one.
	shortlyBefore = 5 * time.Minute
	// staleSlack is what reports may be late on top of the gap between imports and of what an import takes.
	staleSlack = 2 * time.Hour
	// stallFloor is how long progress may rest in any case, where nobody said otherwise.
	stallFloor = 45 * time.Minute
	// pendingAfter is how long changes may wait for an import.
	pendingAfter = 24 * time.Hour
	// briefFor is how long an import that was over too soon stays an alert, and oldNews is how long ago an import may have
	// ended and still be raised as failed.
	briefFor = 24 * time.Hour
	oldNews  = 24 * time.Hour
)

// failed raises the imports that this look ended and that somebody has to look at.
func (w *alarms) failed() (raised []Alert) {
	for _, imp := range w.ended {
		if imp.NeedsAttention() && !w.endedLongAgo(imp) {
			raised = append(raised, Alert{ID: imp.ID, ImportID: imp.ID, Type: imp.Type, Since: imp.EndedAt})
		}
	}
	return raised
}

// endedLongAgo says whether an import had been over for long, by the server's own time, when that was noticed.
func (w *alarms) endedLongAgo(imp Import) bool {
	return imp.End != nil && w.clocked && w.there(w.now).Sub(imp.End.ImportTime) > oldNews+longest(imp)
}

// longest is how long an import may have taken, for the time of its end may be that of its beginning.
func longest(imp Import) time.Duration { return max(imp.EndedAt.Sub(imp.BegunAt), 0) }

func (w *alarms) failedOver(a Alert) (string, bool) {
	i := slices.IndexFunc(w.recent, func(i Import) bool { return i.ID == a.ImportID })
	return w.succeeded(a, i >= 0 && w.recent[i].Type == bigfix.TypeRaw)
}

// missed raises a scheduled import that did not run, where everything since shortly before it was due was seen.
func (w *alarms) missed() []Alert {
	limit, on := w.MissedAfter.Of(standardAfter)
	sched := w.srv.Schedule
	if !on || !w.clocked || sched.Due.IsZero() || w.there(w.now).Sub(sched.Due) < limit {
		return nil
	}
	due := w.ours(sched.Due)
	if w.srv.SeenSince.After(due) || w.ran(due.Add(-shortlyBefore)) {
		return nil
	}
	return []Alert{{ID: stamp(sched.Due), Since: due, Due: sched.Due, DueType: sched.DueType}}
}

// ran says whether anything ran, or may have, since a time.
func (w *alarms) ran(since time.Time) bool {
	if !w.srv.Quiet.LastImportTime.Before(w.there(since)) {
		return true
	}
	mayHave := func(i Import) bool {
		return !later(i.SendingAt, later(i.BegunAt, i.LastRun)).Before(since)
	}
	return slices.ContainsFunc(w.active, mayHave) || slices.ContainsFunc(w.recent, mayHave)
}

func (w *alarms) missedOver(a Alert) (string, bool) {
	return w.succeeded(a, a.DueType == bigfix.TypeRaw)
}

// stale raises reports that are older than they should be.
func (w *alarms) stale() []Alert {
	from := later(w.srv.Fresh, w.srv.FreshFrom)
	if !w.clocked || from.IsZero() || w.there(w.now).Sub(from) <= w.leastStale() {
		return nil
	}
	limit, on := w.staleAfter()
	if !on || w.there(w.now).Sub(from) <= limit+w.onItsWay() || w.justDue() || w.unseenRun() {
		return nil
	}
	return []Alert{{ID: stamp(from), Since: w.ours(from.Add(limit)), Limit: limit}}
}

// leastStale is how old reports may be in any case. It takes no time to find out.
func (w *alarms) leastStale() time.Duration {
	gap, _ := w.srv.Gap()
	least, _ := w.StaleAfter.Of(gap + staleSlack)
	return least
}

// staleAfter is how old reports may be; ok is false where nothing says so.
func (w *alarms) staleAfter() (limit time.Duration, ok bool) {
	limit, ok = w.StaleAfter.Of(0)
	if !ok || limit > 0 {
		return limit, ok
	}
	gap, ok := w.srv.Gap()
	usual, _ := w.usual(bigfix.TypeComplete)
	return gap + usual.High + staleSlack, ok
}

// justDue says whether the time of a scheduled import came so short a while ago that it may still make the reports
// fresh. A limit that people set holds all the same.
func (w *alarms) justDue() bool {
	usual, _ := w.usual(bigfix.TypeComplete)
	came := w.srv.Schedule.Came
	return w.StaleAfter == Auto && !came.IsZero() && w.there(w.now).Sub(came) < usual.High+staleSlack
}

// unseenRun says whether an import runs of which nobody knows what ended before it: there was a success, perhaps.
func (w *alarms) unseenRun() bool {
	return w.look.Status.Mode == bigfix.ModeRunning && w.srv.WatchedSince.After(w.srv.Quiet.Span.At)
}

// onItsWay is how much longer to wait while an import runs that may make the reports fresh.
func (w *alarms) onItsWay() time.Duration {
	if w.look.Status.Mode != bigfix.ModeRunning || w.running().Type == bigfix.TypeRaw {
		return 0
	}
	if usual, ok := w.usual(bigfix.TypeComplete); ok {
		return usual.High
	}
	return oneDay
}

func (w *alarms) staleOver(a Alert) (string, bool) {
	if !w.srv.Fresh.After(a.Success) && !w.srv.Fresh.Before(a.Success) || w.settling() {
		return "", false
	}
	limit, on := w.staleAfter()
	if on && w.clocked && w.there(w.now).Sub(w.srv.Fresh) > limit {
		return "", false
	}
	return w.lastSuccess(a.RaisedAt, false), true
}

// stalled raises an import whose progress stands still.
func (w *alarms) stalled() []Alert {
	imp := w.running()
	rest := w.look.At.Sub(imp.RestSince)
	if imp.RestSince.IsZero() || imp.Progress == nil || w.StallAfter == Auto && rest < stallFloor {
		return nil
	}
	limit, on := w.stallAfter(imp.Type)
	if !on || rest < longer(limit, w.lately(AlertStalled)) {
		return nil
	}
	at := *imp.Progress
	return []Alert{{ID: imp.ID + ":" + stamp(imp.RestSince), ImportID: imp.ID, Type: imp.Type, Since: imp.RestSince, Limit: limit, Progress: &at}}
}

// stallAfter is how long the progress of an import of a type may rest; ok is false where that is not known.
func (w *alarms) stallAfter(kind bigfix.ImportType) (limit time.Duration, ok bool) {
	limit, ok = w.StallAfter.Of(0)
	if !ok || limit > 0 {
		return limit, ok
	}
	rest, ok := LongestRest(w.recent, kind)
	return max(stallFloor, 2*rest), ok
}

func (w *alarms) stalledOver(a Alert) (string, bool) {
	imp, ok := w.under(a.ImportID)
	moved := imp.Progress != nil && a.Progress != nil && *imp.Progress != *a.Progress
	return "", !ok || moved
}

// overrun raises an import that takes too long.
func (w *alarms) overrun() []Alert {
	imp := w.running()
	if imp.BegunAt.IsZero() || imp.doubted(DoubtFellBack) {
		return nil // it may be another one by now
	}
	usual, ok := w.usualFor(imp.Type)
	limit, from := usual.TooLong(), w.seenFrom(imp)
	if !ok || w.look.At.Sub(from) <= limit {
		return nil
	}
	return []Alert{{ID: imp.ID, ImportID: imp.ID, Type: imp.Type, Since: from.Add(limit), Limit: limit, Usual: &usual}}
}

// usualFor is what is usual for an import of a type. While that is unknown it is what takes longest of all that it may be.
func (w *alarms) usualFor(kind bigfix.ImportType) (slowest Usual, ok bool) {
	if kind != "" || w.OneKind {
		return w.usual(kind)
	}
	kinds := []bigfix.ImportType{bigfix.TypeComplete}
	for _, imp := range w.recent {
		if imp.Outcome == Succeeded && !slices.Contains(kinds, imp.Type) {
			kinds = append(kinds, imp.Type)
		}
	}
	for _, kind := range kinds {
		usual, ok := w.usual(kind)
		if !ok {
			return Usual{}, false
		}
		if usual.TooLong() > slowest.TooLong() {
			slowest = usual
		}
	}
	return slowest, true
}

func (w *alarms) overrunOver(a Alert) (string, bool) {
	_, ok := w.under(a.ImportID)
	return "", !ok
}

// brief raises an import that this look ended and that succeeded sooner than it should.
func (w *alarms) brief() []Alert {
	for _, imp := range w.ended {
		usual, ok := w.usualBut(imp)
		took, known := imp.atMost()
		if ok && known && imp.Outcome == Succeeded && took < usual.TooShort() {
			return []Alert{{ID: imp.ID, ImportID: imp.ID, Type: imp.Type, Since: imp.EndedAt, Limit: usual.TooShort(), Usual: &usual}}
		}
	}
	return nil
}

func (w *alarms) briefOver(a Alert) (string, bool) {
	i := slices.IndexFunc(w.recent, func(i Import) bool { return i.ID == a.ImportID })
	for _, imp := range w.recent[:max(i, 0)] {
		if took, known := imp.Duration(); known && imp.Outcome == Succeeded && w.sameKind(imp, w.recent[i].Type) && took >= a.Limit {
			return imp.ID, true
		}
	}
	return "", w.now.Sub(a.RaisedAt) >= briefFor
}

// unreachable raises a server that is not seen.
func (w *alarms) unreachable() []Alert {
	limit, on := w.UnreachableAfter.Of(standardAfter)
	row := w.srv.Unseen
	if !on || w.look.Failure.denied() || row.Looks < unseenLooks || w.look.At.Sub(row.Since) < longer(limit, w.lately(AlertUnreachable)) {
		return nil
	}
	return []Alert{{Since: row.Since, Limit: limit, Failure: w.look.Failure}}
}

func (w *alarms) unreachableOver(Alert) (string, bool) { return "", w.last.Last.Status != nil }

// credentials raises rejected credentials, or a missing permission.
func (w *alarms) credentials() []Alert {
	row := w.srv.Denied
	if !w.look.Failure.denied() || row.Looks < longer(twoLooks, w.lately(AlertCredentials)) {
		return nil
	}
	return []Alert{{Since: row.Since, Failure: w.look.Failure}}
}

func (w *alarms) credentialsOver(Alert) (string, bool) { return "", true }

// pending raises changes that wait for an import.
func (w *alarms) pending() []Alert {
	since := w.srv.PendingSince
	if since.IsZero() || w.look.At.Sub(since) < pendingAfter {
		return nil
	}
	return []Alert{{Since: since, Limit: pendingAfter}}
}

func (w *alarms) pendingOver(a Alert) (string, bool) {
	if !w.look.Status.Mode.NotRunning() || w.settling() {
		return "", false
	}
	over := w.look.Status.Mode != bigfix.ModePending || w.srv.Fresh.After(a.Success)
	return w.lastSuccess(a.RaisedAt, false), over
}
