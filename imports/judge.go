package imports

import (
	"slices"
	"time"

	"importbot/bigfix"
)

// Rules are the judge's patience. The zero value has the defaults; all durations must not be negative.
type Rules struct {
	// StartGrace is how long a start may show no sign: 5 min.
	StartGrace time.Duration
	// EndGrace is how long an end without full evidence must hold: 60 s.
	EndGrace time.Duration
	// PollRunning and PollIdle are the time between two looks while an import runs, and otherwise: 30 s, 60 s.
	PollRunning, PollIdle time.Duration
	// Gap is how far two answered looks may lie apart without leaving a doubt: 2 min, or twice PollRunning if that is more.
	Gap time.Duration
	// GiveUp is after how long without an answer an import is given up: 24 h.
	GiveUp time.Duration
	// AwayAfter is how far two looks must lie apart, answered or not, for the time between to be an Absence: 15 times as
	// long as the longer of the two polls, 15 min with the defaults.
	AwayAfter time.Duration
	// OneKind says that the server knows one kind of import only, and documents no word for it (License Metric Tool).
	// Then whatever type it reports fits, and so does none.
	OneKind bool

	// StaleAfter is how long reports may be without a success that counts. Auto: the gap between scheduled imports, what
	// the longest of them usually take, and 2 h; nothing where no import is scheduled.
	StaleAfter Threshold
	// StallAfter is how long the progress of an import may stand still. Auto: twice its longest rest in the imports that are
	// known, 45 min at least; nothing until three are known.
	StallAfter Threshold
	// UnreachableAfter is how long a server may be out of sight, MissedAfter how late a scheduled import may begin. Auto: 15 min.
	UnreachableAfter, MissedAfter Threshold
}

// lostLooks is how many looks in a row must fail for the server to be called out of sight. One lost poll is no news.
const lostLooks = 3

// twoLooks is how many answered looks it takes at least to conclude something from seeing nothing.
const twoLooks = 2

func (r Rules) withDefaults() Rules {
	set := func(d *time.Duration, standard time.Duration) {
		if *d <= 0 {
			*d = standard
		}
	}
	set(&r.StartGrace, 5*time.Minute)
	set(&r.EndGrace, time.Minute)
	set(&r.PollRunning, 30*time.Second)
	set(&r.PollIdle, time.Minute)
	set(&r.Gap, max(2*time.Minute, 2*r.PollRunning))
	set(&r.GiveUp, 24*time.Hour)
	set(&r.AwayAfter, 15*max(r.PollIdle, r.PollRunning))
	return r
}

// Observe turns a look into an Observation: what the client's Status returned, and when it was asked and answered.
func Observe(span Span, st bigfix.Status, err error) Observation {
	if err != nil {
		return Observation{Span: span, Failure: FailureOf(err, span.At)}
	}
	return Observation{Span: span, Status: &st}
}

// Next judges one look at the server of an import: it returns the import as it stands after the look, and what
// happened to it. Imports that are only accepted, or over, come back unchanged. Nothing that imp points to is changed.
//
// Looks come in the order in which they were taken, and none that was asked for before run= was sent. Next does not
// compare times to check that: a clock that is put back would make it deaf for as long.
func (r Rules) Next(imp Import, o Observation, now time.Time) (Import, []Event) {
	switch imp.State {
	case Sending, Sent, Running, Settling:
	default:
		return imp, nil
	}
	s := step{Rules: r.withDefaults(), Import: imp, look: o, now: now}
	s.judge()
	if s.shown() != (&step{Import: imp}).shown() {
		s.Revision++
	}
	return s.Import, s.events
}

// step is one look in the course of being judged.
type step struct {
	Rules
	Import
	look   Observation
	now    time.Time
	events []Event
}

func (s *step) judge() {
	switch {
	case s.look.Status == nil:
		s.missed()
	case s.look.Status.Mode == bigfix.ModeRunning:
		s.answered()
		s.running()
	case s.look.Status.Mode.NotRunning():
		s.answered()
		s.quiet()
	default:
		s.unknownMode()
	}
}

// missed takes account of a failed look, which says nothing about the import. Only after a day of them is it given up.
func (s *step) missed() {
	row := Missed{Since: s.look.At}
	if s.Missed != nil {
		row = *s.Missed
	}
	row.Looks++
	row.Since = s.notAhead(row.Since)
	s.Missed, s.LastFailure = &row, s.look.Failure
	if s.Lost.IsZero() && row.Looks >= lostLooks && s.look.At.Sub(earlier(s.lastSeen(), row.Since)) >= 2*s.PollRunning {
		s.Lost = row.Since
		s.milestone(Milestone{Kind: MilestoneLost, At: row.Since, Failure: s.look.Failure})
		s.event(EventLost)
	}
	if s.look.At.Sub(row.Since) >= s.GiveUp {
		s.unknown(ReasonOutOfSight)
	}
}

// unknownMode takes account of an answer in a mode we don't know: neither running nor not. It is no sight of the
// import, and after a day of them it is given up, whether it was ever seen or not.
func (s *step) unknownMode() {
	s.inSight()
	seen := s.lastSeen()
	if seen.IsZero() {
		seen = s.SendingAt
	}
	if s.look.At.Sub(seen) >= s.GiveUp {
		s.unknown(ReasonUnknownMode)
	}
}

// notAhead is a time that a wait began at. One that lies ahead of this look was noted before our clock was put back:
// then the wait begins anew.
func (s *step) notAhead(since time.Time) time.Time { return earlier(since, s.look.At) }

// earlier returns the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// answered takes account of an answer that says whether something runs.
func (s *step) answered() {
	s.inSight()
	s.doubtGap(s.lastSeen(), s.look.At, s.Gap)
	s.LastLook = s.look.At
}

func (s *step) inSight() {
	s.Missed = nil
	if s.Lost.IsZero() {
		return
	}
	s.Lost = time.Time{}
	s.milestone(Milestone{Kind: MilestoneSeen, At: s.look.At})
	s.event(EventSeen)
}

// lastSeen is when the look before this one was answered: the baseline's, for the first.
func (s *step) lastSeen() time.Time {
	if s.LastLook.IsZero() && s.Baseline != nil {
		return s.Baseline.Span.At
	}
	return s.LastLook
}

// running takes account of a look that says that an import runs.
func (s *step) running() {
	switch s.State {
	case Sending, Sent:
		if s.endedBefore(s.Settle) {
			s.replaced()
			return
		}
		s.begin()
	case Running:
		if s.Settle != nil && s.Settle.End != nil {
			s.replaced()
			return
		}
		if s.Settle != nil {
			s.doubt(Doubt{Kind: DoubtAnother}) // idle for one look, and nothing to show for it
		}
	case Settling:
		s.replaced()
		return
	}
	s.Settle = nil
	s.rest()
	s.LastRun, s.LastRunning = s.look.At, s.look.Span
	s.progress()
}

// begin notes that the import was seen running for the first time.
func (s *step) begin() {
	if s.Settle != nil {
		s.Early = s.Settle.End
	}
	s.State, s.BegunAt, s.FirstRunning = Running, s.look.At, s.look.Span
	s.doubtNightly(s.earliest(), s.look.At)
	s.milestone(Milestone{Kind: MilestoneStarted, At: s.look.At})
	s.event(EventBegan)
}

// endedBefore says whether what was reported before an import was seen running is more than the time at which it
// began, written down early: a word or a success that was not there before is an end.
func (s *step) endedBefore(settle *Settle) bool {
	return settle != nil && settle.End != nil && !s.Baseline.onlyTimeMoved(*settle.End)
}

// replaced ends an import whose end was still waited on when another one was seen running: its own report is gone for
// good, for a server that runs an import says nothing of the past.
func (s *step) replaced() {
	settle := s.Settle
	if settle != nil && settle.End != nil && s.compare(*settle.End) == moved {
		s.doubt(Doubt{Kind: DoubtAnother})
		s.doubts(s.against(*settle.End))
		s.end(Unclear, settle.End)
		return
	}
	s.unknown(ReasonNothingMoved)
}

// progress takes account of the percentage. It proves nothing, but a deep fall may be another import's beginning.
func (s *step) progress() {
	now, ok := percentOf(s.look)
	if !ok {
		return
	}
	if s.Progress != nil {
		before := *s.Progress
		if before-now > 10 || 2*now < before {
			s.doubt(Doubt{Kind: DoubtFellBack})
		}
		s.passed(before, now)
		if before != now {
			s.event(EventProgress)
		}
	}
	s.Progress = &now
}

// passed notes the highest quarter that lies between two percentages, once.
func (s *step) passed(before, now int) {
	for _, mark := range []int{75, 50, 25} {
		if before >= mark || now < mark {
			continue
		}
		if !slices.ContainsFunc(s.Milestones, func(n Milestone) bool { return n.Kind == MilestoneProgress && n.Progress >= mark }) {
			s.milestone(Milestone{Kind: MilestoneProgress, At: s.look.At, Progress: mark})
		}
		return
	}
}

// quiet takes account of a look that says that nothing runs.
func (s *step) quiet() {
	report := reportOf(s.look)
	sign := s.compare(report)
	s.settle(report, sign)
	switch {
	case sign == moved:
		s.believe()
	case s.FirstRunning.At.IsZero() && sign != changed:
		s.noSign(sign)
	case s.Settle.Looks >= twoLooks && s.held(s.Settle.Since) && s.endHeld():
		s.unknown(reasonFor(sign))
	}
}

// settle counts the quiet look, and notes since when the server reports this end.
func (s *step) settle(report End, sign sign) {
	row := Settle{Since: s.look.At}
	if s.Settle != nil {
		row = *s.Settle
	}
	row.Looks++
	row.Since = s.notAhead(row.Since)
	if end := row.End; end != nil && end.SeenAt.After(s.look.At) {
		again := *end
		again.SeenAt = s.look.At
		row.End = &again
	}
	switch {
	case sign != moved && sign != changed:
		row.End = nil
	case row.End == nil || !row.End.same(report):
		if row.End != nil && sign == moved && s.compare(*row.End) == moved && !s.Baseline.completes(*row.End, report) {
			s.doubt(Doubt{Kind: DoubtAnother})
		}
		row.End = &report
	}
	s.Settle = &row
	if s.State == Running && row.Looks >= twoLooks {
		s.State = Settling
		s.event(EventSettling)
	}
}

// held says whether something that began at a time has held for the end grace.
func (s *step) held(since time.Time) bool { return s.look.At.Sub(since) >= s.EndGrace }

// endHeld says whether the end that is waited on, if there is one, has held.
func (s *step) endHeld() bool { return s.Settle.End == nil || s.held(s.Settle.End.SeenAt) }

// noSign gives up a start that nothing was seen of: at once where the server refused it, else after the start grace.
func (s *step) noSign(sign sign) {
	if reason := s.refused(); reason != "" && sign == nothing {
		s.Reason = Reason{Kind: reason, Failure: s.SendAnswer}
		s.end(NotBegun, nil)
		return
	}
	if s.Settle.Looks < twoLooks || s.sinceSent() < s.StartGrace {
		return
	}
	switch {
	case sign == backwards:
		s.unknown(ReasonHistory)
	case s.has(DoubtGap): // it may have begun, and been interrupted, while nobody saw it
		s.unknown(ReasonNoSign)
	default:
		s.Reason = Reason{Kind: ReasonNoSign, Failure: s.SendAnswer}
		s.end(NotBegun, nil)
	}
}

// refused says whether the server's answer to run= was a definite refusal, and which; empty where it was not. Whatever
// else it answered, an import may have begun.
func (s *step) refused() ReasonKind {
	switch {
	case s.SendAnswer == nil:
		return ""
	case s.SendAnswer.Kind == FailUnauthorized:
		return ReasonUnauthorized
	case s.SendAnswer.Kind == FailForbidden:
		return ReasonNotPermitted
	}
	return ""
}

// believe judges an end that is later than the baseline: whose it is, and how it went. Where the report alone is not
// enough, it has to hold first: it may be half written.
func (s *step) believe() {
	report := *s.Settle.End // with the look that saw it first
	against := s.against(report)
	outcome := s.outcome(report)
	incomplete := s.FirstRunning.At.IsZero() || len(against) > 0 || outcome == Unknown || s.stale(report)
	if incomplete && !s.endHeld() || s.mayBegin(report) {
		return
	}
	s.doubtNightly(s.latest(), report.SeenAt)
	s.doubts(against)
	if s.Type == "" {
		s.Type = report.Type
	}
	switch {
	case outcome == Unknown:
		s.unknown(ReasonNoWord)
	case len(s.Doubts) > 0:
		s.end(Unclear, &report)
	default:
		s.end(outcome, &report)
	}
}

// outcome reads the server's word for an end. No word is success only if the time of the last success says so.
func (s *step) outcome(report End) Outcome {
	switch {
	case report.Status == bigfix.StatusSuccessful:
		return Succeeded
	case report.Status != "":
		return Failed
	case report.SuccessTime.Equal(report.ImportTime) && s.successMoved(report):
		return Succeeded
	}
	return Unknown
}

// stale says whether a failure's word was there before this import: it may still be the last one's.
func (s *step) stale(report End) bool {
	return s.outcome(report) == Failed && s.Baseline != nil && s.Baseline.LastStatus == report.Status
}

// mayBegin says whether what was reported of an import that was never seen running may be its beginning, written down
// early: it gets as long to be seen running as one without any sign.
func (s *step) mayBegin(report End) bool {
	return (s.State == Sending || s.State == Sent) && s.Baseline.onlyTimeMoved(report) &&
		s.sinceSent() < s.StartGrace
}

// sinceSent is how long ago run= was sent; where our clock was put back since, how long ago that was noticed.
func (s *step) sinceSent() time.Duration {
	if s.SendingAt.After(s.look.At) {
		return s.look.At.Sub(s.Settle.Since)
	}
	return s.look.At.Sub(s.SendingAt)
}

func (s *step) successMoved(report End) bool {
	return s.Baseline == nil || report.SuccessTime.After(s.Baseline.LastSuccessTime)
}

// end is the one way out.
func (s *step) end(outcome Outcome, report *End) {
	s.EndedAt = s.now.UTC()
	if s.Settle != nil && !s.FirstRunning.At.IsZero() {
		s.EndedAt = s.Settle.Since
	}
	if s.BegunAt.IsZero() && (outcome == Succeeded || outcome == Failed || outcome == Unclear) {
		s.BegunAt = s.earliest()
	}
	s.EndUnseen = !s.LastRunning.At.IsZero() && s.EndedAt.Sub(s.LastRunning.At) > lostLooks*s.PollRunning+s.PollRunning/2
	s.State, s.Outcome, s.End, s.Settle = Ended, outcome, report, nil
	s.event(EventEnded)
}

// unknown ends the import without knowing how it went, with what the server said nevertheless.
func (s *step) unknown(why ReasonKind) {
	s.Reason = Reason{Kind: why, Failure: s.LastFailure}
	if why != ReasonOutOfSight {
		s.Reason.Failure = nil
	}
	var report *End
	if s.Settle != nil {
		report = s.Settle.End
	}
	s.end(Unknown, report)
}

func reasonFor(sign sign) ReasonKind {
	if sign == backwards {
		return ReasonHistory
	}
	return ReasonNothingMoved
}

func (s *step) milestone(n Milestone) { s.Milestones = append(slices.Clip(s.Milestones), n) }

func (s *step) event(kind EventKind) {
	s.events = append(s.events, Event{Kind: kind, ImportID: s.ID})
}

// shown is what people may see of an import: when it changes, the revision rises.
type shown struct {
	state            State
	outcome          Outcome
	kind             bigfix.ImportType
	begun, end, lost time.Time
	progress         int
	doubts, notices  int
}

func (s *step) shown() shown {
	out := shown{s.State, s.Outcome, s.Type, s.BegunAt, s.EndedAt, s.Lost, -1, len(s.Doubts), len(s.Milestones)}
	if s.Progress != nil {
		out.progress = *s.Progress
	}
	return out
}
