package imports

import (
	"slices"
	"time"
)

const (
	// alertsKept is how many alerts are kept, and alertsKeptFor how long those that are over.
	alertsKept    = 100
	alertsKeptFor = 7 * 24 * time.Hour
	// flapping is in which time alerts of a kind are counted, and the more there were the longer the next must last.
	flapping = 24 * time.Hour
	// mostDoubled is how often that is doubled at most: to eight times as long.
	mostDoubled = 3
	// reopenWithin is how soon after its end an alert that comes again is the same one.
	reopenWithin = 10 * time.Minute
)

// Watch judges what a look means for the server's alerts, and returns Server.Alerts as they stand after it: those that
// are over are ended, and new ones raised. before and srv are the server before and after See took account of the look,
// active and recent its imports after Next and Arrivals did: those that have not ended, and those that have, newest
// first, up to 60 and whatever older ones are to tell what is usual. Nothing that is handed in is changed.
//
// A failed look ends no alert: it says nothing about what the server would have reported.
func (r Rules) Watch(before, srv Server, active, recent []Import, o Observation, now time.Time) []Alert {
	w := alarms{
		Rules: r.withDefaults(), last: before, srv: srv, active: active, recent: recent,
		look: o, now: now.UTC(), alerts: slices.Clone(srv.Alerts),
	}
	w.answered = o.Status != nil && o.Status.Mode.Known()
	if c, ok := clockOf(o); ok {
		w.clock, w.clocked = c, true
	} else {
		w.clock, w.clocked = srv.Quiet.clock()
	}
	w.ended = w.endings()
	w.end()
	w.raiseAll()
	return w.kept()
}

// alarms is one look in the course of being judged for alerts.
type alarms struct {
	Rules
	last, srv      Server
	active, recent []Import
	look           Observation
	now            time.Time
	answered       bool        // and says whether something runs
	clock          serverClock // of the server, where clocked
	clocked        bool
	ended          []Import // with this look
	alerts         []Alert
}

// watching is how one kind of alert is raised and ended.
type watching struct {
	raise func(*alarms) []Alert
	over  func(*alarms, Alert) (endedBy string, over bool)
	// failing says that looks which fail raise it; others are raised by what the server reports.
	failing bool
	// always says that any look raises it: an import is given up by one that is not answered.
	always bool
	// single says that there is one of the kind at a time.
	single bool
	// damped says that it may come and go, so that it must last longer each time to be raised again.
	damped bool
	// off says that people switched it off; nil where it can't be.
	off func(Rules) bool
}

// watchings has a row for each kind.
var watchings = map[AlertKind]watching{
	AlertFailed: {raise: (*alarms).failed, over: (*alarms).failedOver, always: true},
	AlertMissed: {raise: (*alarms).missed, over: (*alarms).missedOver, off: func(r Rules) bool { return r.MissedAfter < 0 }},
	AlertStale: {
		raise: (*alarms).stale, over: (*alarms).staleOver, single: true,
		off: func(r Rules) bool { return r.StaleAfter < 0 },
	},
	AlertStalled: {
		raise: (*alarms).stalled, over: (*alarms).stalledOver, single: true, damped: true,
		off: func(r Rules) bool { return r.StallAfter < 0 },
	},
	AlertOverrun: {raise: (*alarms).overrun, over: (*alarms).overrunOver, single: true},
	AlertBrief:   {raise: (*alarms).brief, over: (*alarms).briefOver, single: true},
	AlertUnreachable: {
		raise: (*alarms).unreachable, over: (*alarms).unreachableOver, failing: true, single: true, damped: true,
		off: func(r Rules) bool { return r.UnreachableAfter < 0 },
	},
	AlertCredentials: {raise: (*alarms).credentials, over: (*alarms).credentialsOver, failing: true, single: true, damped: true},
	AlertPending:     {raise: (*alarms).pending, over: (*alarms).pendingOver, single: true},
}

// end ends what is over.
func (w *alarms) end() {
	for i, a := range w.alerts {
		kind := watchings[a.Kind]
		if !a.Open() || kind.over == nil {
			continue
		}
		by, off := "", kind.off != nil && kind.off(w.Rules)
		over := off
		if answered := w.answered || kind.failing && w.look.Status != nil; answered && !off {
			by, over = kind.over(w, a)
		}
		if over {
			w.alerts[i].OverAt, w.alerts[i].EndedBy, w.alerts[i].SwitchedOff = w.now, by, off
		}
	}
}

// raiseAll raises what was not raised yet.
func (w *alarms) raiseAll() {
	for _, name := range AlertKinds {
		kind := watchings[name]
		fits := w.answered
		if kind.failing {
			fits = w.look.Failure != nil
		}
		if !fits && !kind.always || kind.single && w.stands(name) {
			continue
		}
		for _, a := range kind.raise(w) {
			a.Kind = name
			w.raise(a, kind.damped)
		}
	}
}

// stands says whether an alert of a kind is open.
func (w *alarms) stands(kind AlertKind) bool {
	return slices.ContainsFunc(w.alerts, func(a Alert) bool { return a.Kind == kind && a.Open() })
}

// raise adds an alert, unless it was raised before. One that comes again right after it was over is the same one.
func (w *alarms) raise(a Alert, damped bool) {
	about := a.ID
	if about == "" {
		about = stamp(a.Since)
	}
	a.ID = string(a.Kind) + ":" + w.srv.Name + ":" + about
	if slices.ContainsFunc(w.alerts, func(old Alert) bool { return old.ID == a.ID }) {
		return
	}
	a.Server, a.RaisedAt, a.Success = w.srv.Name, w.now, w.srv.Fresh
	a.Times = w.lately(a.Kind) + 1
	if i := w.before(a); damped && i >= 0 {
		old := w.alerts[i]
		a.ID, a.RaisedAt = old.ID, old.RaisedAt
		a.Reopened, a.ReopenedAt = old.Reopened+1, w.now
		w.alerts[i] = a
		return
	}
	w.alerts = append(w.alerts, a)
}

// before finds the alert that was over a moment before this one began, and about the same; -1 where there is none.
func (w *alarms) before(a Alert) int {
	return slices.IndexFunc(w.alerts, func(old Alert) bool {
		return old.Kind == a.Kind && old.ImportID == a.ImportID && !old.Open() && a.Since.Sub(old.OverAt).Abs() <= reopenWithin
	})
}

// lately counts how often alerts of a kind were raised within a day.
func (w *alarms) lately(kind AlertKind) (n int) {
	for _, a := range w.alerts {
		if last := later(a.RaisedAt, a.ReopenedAt); a.Kind == kind && w.now.Sub(last).Abs() < flapping {
			n += 1 + a.Reopened
		}
	}
	return n
}

// longer is how long, or how often, something must last that came and went before within a day.
func longer[T time.Duration | int](limit T, times int) T { return limit << min(times, mostDoubled) }

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// kept are the alerts without those that were over long ago. Of too many, those that are over go first.
func (w *alarms) kept() []Alert {
	kept := slices.DeleteFunc(w.alerts, func(a Alert) bool { return !a.Open() && w.now.Sub(a.OverAt) >= alertsKeptFor })
	for len(kept) > alertsKept {
		oldest := max(slices.IndexFunc(kept, func(a Alert) bool { return !a.Open() }), 0)
		kept = slices.Delete(kept, oldest, oldest+1)
	}
	if len(kept) == 0 {
		return nil
	}
	return kept
}

// there is a time of ours by the server's clock, and ours the other way round. Only where that is known.
func (w *alarms) there(ours time.Time) time.Time { return ours.Add(w.clock.ahead) }
func (w *alarms) ours(there time.Time) time.Time { return there.Add(-w.clock.ahead).UTC() }

// endings are the imports that ended with this look, or since the one before.
func (w *alarms) endings() (list []Import) {
	for i := range w.recent {
		if w.justEnded(&w.recent[i]) {
			list = append(list, w.recent[i])
		}
	}
	return list
}

// justEnded goes by what an import's end leaves of the look that it was seen by. Our clock may have been put back since
// the look before.
func (w *alarms) justEnded(imp *Import) bool {
	since := w.last.Last.At
	if imp.State != Ended || since.IsZero() {
		return false
	}
	now := func(at time.Time) bool { return at.After(since) || at.Equal(w.look.At) }
	return now(imp.EndedAt) || now(imp.LastLook) || imp.LastFailure != nil && now(imp.LastFailure.At)
}
