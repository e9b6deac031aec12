package imports

import (
	"slices"
	"time"

	"importbot/bigfix"
)

// lateWithin is how long after a start was given up without a sign an import that nobody else seems to have started is
// called "late, perhaps yours". A server that was busy enough to take longer is rare, and somebody else in the web
// pages is not.
const lateWithin = time.Hour

// See returns what is known of a server after a look at it.
func (r Rules) See(srv Server, o Observation) Server {
	r = r.withDefaults()
	before := srv
	if last, until := before.Last.At, r.backAt(o); !last.IsZero() && until.Sub(last) > r.AwayAfter {
		srv.Absence = Absence{Since: last, Until: until, Before: srv.Quiet}
	}
	r.heed(&srv, before, o)
	if o.Status == nil {
		if srv.DownLooks == 0 {
			srv.DownSince = o.At
		}
		srv.DownLooks++
		srv.Last = o
		return srv
	}
	switch b := BaselineOf(o); {
	case b != nil:
		b.DueTime, b.DueType = srv.pastDue(o, b)
		r.seeMove(&srv, o)
		b.Unsettled = srv.Moved != nil && srv.Moved.Unseen && srv.Moved.Before.onlyTimeMoved(srv.Moved.End)
		srv.Quiet = b
	case o.Status.Mode == bigfix.ModeRunning:
		srv.Moved = nil
	}
	srv.Last, srv.Good = o, o
	srv.DownSince, srv.DownLooks = time.Time{}, 0
	return srv
}

// backAt is from when on somebody looks who makes this look. Where it was asked before the machine slept and read after, it may tell of
// what was before: the next one counts.
func (r Rules) backAt(o Observation) time.Time {
	if o.At.Sub(o.asked()) > r.AwayAfter {
		return o.At.Add(time.Millisecond)
	}
	return o.asked()
}

// seeMove keeps account of an end that shows up while nothing is seen running, until it has held.
func (r Rules) seeMove(srv *Server, o Observation) {
	if srv.waitedOut(r) {
		srv.Told, srv.Moved = &srv.Moved.End, nil
	}
	report := reportOf(o)
	if m := srv.Moved; m != nil && m.End.same(report) {
		next := *m
		next.Looks++
		next.Since = earlier(next.Since, o.At) // our clock may have been put back
		srv.Moved = &next
		return
	}
	if !srv.Quiet.firm() {
		srv.Moved = nil
		return
	}
	switch srv.Quiet.compare(report) {
	case moved, changed:
		next := Moved{Before: *srv.Quiet, End: report, Since: o.At, Looks: 1, Unseen: srv.sawQuiet()}
		if srv.Moved != nil {
			next.Before = srv.Moved.Before
			next.Again = srv.Moved.Again || !next.Before.completes(srv.Moved.End, report)
		}
		srv.Moved = &next
	case backwards:
		srv.Moved = nil
	}
}

// held says whether an end was reported long enough, up to a look at that time, to be believed.
func (m *Moved) held(r Rules, at time.Time) bool {
	return m != nil && m.Looks >= twoLooks && at.Sub(m.Since) >= r.EndGrace
}

// sawQuiet says whether nothing ran at the last answered look.
func (srv *Server) sawQuiet() bool {
	return srv.Good.Status != nil && srv.Good.Status.Mode.NotRunning()
}

// waitedOut says whether the end that showed up had held when the server was last seen quiet.
func (srv *Server) waitedOut(r Rules) bool {
	return srv.Quiet != nil && srv.Moved.held(r, srv.Quiet.Span.At)
}

// pastDue is the schedule's entry whose time came before the look b was made of, and of which nothing was seen yet. It
// is kept for some minutes only: what has not begun by then was left out.
func (srv *Server) pastDue(o Observation, b *Baseline) (time.Time, bigfix.ImportType) {
	before := srv.Quiet
	if before == nil || !srv.sawQuiet() ||
		before.firm() && before.compare(reportOf(o)) != nothing {
		return time.Time{}, ""
	}
	due := scheduled{before.DueTime, before.DueType}
	if before.NextImportTime.Before(b.NextImportTime) {
		due = scheduled{before.NextImportTime, before.NextImportType}
	}
	clock, _ := b.clock()
	if due.at.IsZero() || !clock.within(due.at, o.At.Add(-sameMinutes), o.At) {
		return time.Time{}, ""
	}
	return due.at, due.kind
}

// Arrivals returns the imports that a look shows and that nobody started here: one that runs, and one that was over
// between two looks, once its end has held. srv is what was known of the server before the look; active are its imports
// that have not ended after the look was judged, and ended are recent ones, newest first, those that this very look
// ended among them.
func (r Rules) Arrivals(srv Server, active, ended []Import, o Observation, now time.Time, newID func() string) []Import {
	r = r.withDefaults()
	if o.Status == nil || slices.ContainsFunc(active, func(i Import) bool { return !i.unsent() && i.State != Ended }) {
		return nil
	}
	a := arrival{Rules: r, srv: srv, ended: ended, look: o, now: now, newID: newID}
	switch mode := o.Status.Mode; {
	case mode == bigfix.ModeRunning:
		return a.running()
	case mode.NotRunning():
		return a.over()
	}
	return nil
}

// arrival is one look at a server on which nothing is known to run.
type arrival struct {
	Rules
	srv   Server
	ended []Import
	look  Observation
	now   time.Time
	newID func() string
}

// running returns the import that is seen running, and before it one whose end was still waited on, if there is one.
func (a *arrival) running() []Import {
	var out []Import
	base, early := a.srv.Quiet, (*End)(nil)
	if m := a.srv.Moved; m != nil && !a.srv.waitedOut(a.Rules) && !a.accounted(m) {
		if m.Before.onlyTimeMoved(m.End) {
			base, early = &m.Before, &m.End
		} else {
			out = append(out, a.ending(m, true))
		}
	}
	imp := a.new(base)
	imp.Early, imp.Midway = early, base == nil
	s := step{Rules: a.Rules, Import: imp, look: a.look, now: a.now}
	if base != nil {
		s.doubtGap(base.Span.At, a.look.At, max(a.Gap, 2*a.PollIdle))
	}
	if a.unsettled(base) {
		s.doubt(Doubt{Kind: DoubtAnother})
	}
	s.LastLook = a.look.At
	s.State = Sent // for the blink of an eye: begin makes it Running
	s.running()
	return append(out, s.Import)
}

// over returns the import that was over between two looks, once its end has held.
func (a *arrival) over() []Import {
	m := a.See(a.srv, a.look).Moved
	if !m.held(a.Rules, a.look.At) || a.accounted(m) {
		return nil
	}
	return []Import{a.ending(m, false)}
}

// ending is an import that was never seen running, as its end shows it.
func (a *arrival) ending(m *Moved, replaced bool) Import {
	s := step{Rules: a.Rules, Import: a.new(&m.Before), look: a.look, now: a.now}
	s.State = Settling
	s.Settle = &Settle{Since: m.Since, Looks: m.Looks, End: &m.End}
	s.LastLook = a.look.At
	s.BegunAt = m.Since
	if due := s.Baseline.NextImportTime; s.Origin == Scheduled && s.compare(m.End) == moved && m.End.ImportTime.Before(due.Add(-giveOrTake)) {
		s.Origin, s.Type = Elsewhere, "" // it was over before it would have been due
	}
	s.doubtGap(m.Before.Span.At, m.Since, max(a.Gap, 2*a.PollIdle))
	if m.Again || a.wordless(&m.Before) {
		s.doubt(Doubt{Kind: DoubtAnother})
	}
	switch {
	case replaced:
		s.replaced()
	case s.compare(m.End) == moved:
		s.believe()
	default:
		s.unknown(ReasonNothingMoved)
	}
	return s.Import
}

// new is an import as far as the look before it tells: whether it was due.
func (a *arrival) new(base *Baseline) Import {
	imp := Import{ID: a.newID(), Server: a.srv.Name, Origin: Elsewhere, Baseline: base, Revision: 1}
	if due, ok := base.dueUntil(a.look.At); ok {
		imp.Origin, imp.Type = Scheduled, due.kind
		return imp
	}
	if id, ok := a.late(); ok {
		imp.Origin, imp.LateFor = Late, id
	}
	return imp
}

// unsettled says whether the import before this one ended a moment before the baseline, and not clearly: more may be
// written down of its end, and look like this one's.
func (a *arrival) unsettled(base *Baseline) bool {
	return base != nil && slices.ContainsFunc(a.ended, func(i Import) bool {
		return (i.Outcome == Unknown || i.Outcome == Unclear) && !i.LastLook.Add(a.EndGrace).Before(base.Span.At)
	})
}

// wordless says whether the import before the baseline ended without a word of its own: one that comes later, of an
// import that was never seen running, may be that one's.
func (a *arrival) wordless(base *Baseline) bool {
	return slices.ContainsFunc(a.ended, func(i Import) bool {
		stale := slices.ContainsFunc(i.Doubts, func(d Doubt) bool { return d.Kind == DoubtStale })
		return stale && i.End != nil && i.End.ImportTime.Equal(base.LastImportTime)
	})
}

// accounted says whether an import that is known has ended with this end, or was watched while it showed up.
func (a *arrival) accounted(m *Moved) bool {
	if a.srv.Told != nil && a.srv.Told.same(m.End) {
		return true
	}
	return slices.ContainsFunc(a.ended, func(i Import) bool {
		return i.State == Ended && (!i.LastLook.Before(m.Since) ||
			i.End != nil && i.End.ImportTime.Equal(m.End.ImportTime) && i.End.Status == m.End.Status)
	})
}

// late finds a start that was given up a short while ago, without a sign or because the server refused it, with no
// import since. A refusal is no proof that nothing began: what answers in the server's place may have passed it on.
func (a *arrival) late() (id string, ok bool) {
	for _, imp := range a.ended { // newest first
		if imp.Begun() {
			return "", false
		}
		if imp.Origin == Here && (imp.Outcome == NotBegun || imp.Reason.Kind == ReasonNoSign) {
			return imp.ID, a.look.At.Sub(imp.EndedAt) <= lateWithin
		}
	}
	return "", false
}
