package imports

import (
	"slices"
	"time"

	"importbot/bigfix"
)

// sign is what a server's report of its last import shows, compared with the report before this import.
type sign int

const (
	nothing   sign = iota // it is the same
	moved                 // its time is later: the evidence of an end
	changed               // its word changed, and its time did not: something ended, and nothing says what
	backwards             // its time is earlier: the server's history was changed
)

// reportOf is what a quiet look says of the last import.
func reportOf(o Observation) End {
	st := o.Status
	return End{
		Status: st.LastStatus, Type: st.LastImportType,
		ImportTime: st.LastImportTime, SuccessTime: st.LastSuccessTime, SeenAt: o.At,
	}
}

// same says whether two looks reported the same end.
func (e End) same(other End) bool {
	return e.Status == other.Status && e.Type == other.Type &&
		e.ImportTime.Equal(other.ImportTime) && e.SuccessTime.Equal(other.SuccessTime)
}

// BaselineOf is what a quiet look reports of the past and the schedule; nil for any other look.
func BaselineOf(o Observation) *Baseline {
	if o.Status == nil || !o.Status.Mode.NotRunning() {
		return nil
	}
	st := o.Status
	b := &Baseline{
		Span: o.Span, Mode: st.Mode, LastStatus: st.LastStatus,
		LastSuccessTime: st.LastSuccessTime, LastImportTime: st.LastImportTime, LastImportType: st.LastImportType,
		NextImportTime: st.NextImportTime, NextImportType: st.NextImportType,
	}
	if c, ok := clockOf(o); ok {
		b.Ahead = &c.ahead
	}
	return b
}

// firm says whether later reports can be compared with b: a server that had no import yet reports nothing, and that is
// a baseline; one that had some and gave no time for the last is none.
func (b *Baseline) firm() bool {
	return b != nil && (!b.LastImportTime.IsZero() || b.Mode == bigfix.ModeNone)
}

// compare says what a report shows that the baseline did not. What is absent from a report has not changed.
func (b *Baseline) compare(report End) sign {
	wordChanged := report.Status != "" && report.Status != b.LastStatus
	successChanged := !report.SuccessTime.IsZero() && !report.SuccessTime.Equal(b.LastSuccessTime)
	switch {
	case report.ImportTime.After(b.LastImportTime):
		return moved
	case report.ImportTime.Before(b.LastImportTime) && !report.ImportTime.IsZero():
		return backwards
	case wordChanged || successChanged:
		return changed
	}
	return nothing
}

// onlyTimeMoved says whether a report differs from the baseline in nothing that tells how an import went.
func (b *Baseline) onlyTimeMoved(report End) bool {
	return b != nil && report.Status == b.LastStatus && report.SuccessTime.Equal(b.LastSuccessTime)
}

// completes says whether a report is the one before it, with its word written later than its time.
func (b *Baseline) completes(before, report End) bool {
	return report.ImportTime.Equal(before.ImportTime) && b.onlyTimeMoved(before)
}

// compare says what a report shows about this import.
func (s *step) compare(report End) sign {
	if s.Early != nil && s.Early.same(report) {
		return nothing
	}
	if s.Baseline.firm() {
		return s.Baseline.compare(report)
	}
	if report.ImportTime.IsZero() {
		return nothing
	}
	clock, ok := s.clock()
	if !ok || clock.after(report.ImportTime, s.latestBegin()) {
		return moved // without a clock to tell by, a doubt goes with it
	}
	return nothing
}

// clock is the server's, as this look shows it, or else as the baseline did.
func (s *step) clock() (serverClock, bool) {
	if c, ok := clockOf(s.look); ok {
		return c, true
	}
	return s.Baseline.clock()
}

// earliest is before when this import did not begin: when run= was sent, or the last look at which nothing ran.
func (s *step) earliest() time.Time {
	switch {
	case !s.SendingAt.IsZero():
		return s.SendingAt
	case s.Baseline != nil:
		return s.Baseline.Span.asked()
	}
	return s.FirstRunning.asked()
}

// latestBegin is after when this import did not begin, as far as is known.
func (s *step) latestBegin() time.Time {
	if s.FirstRunning.At.IsZero() {
		return s.SendingAt
	}
	return s.FirstRunning.At
}

// latest is before when this import did not end: the last look at which it ran, or when it began at the earliest.
func (s *step) latest() time.Time {
	if s.LastRunning.At.IsZero() {
		return s.earliest()
	}
	return s.LastRunning.asked()
}

// against lists what a report says itself against being of this import's end.
func (s *step) against(report End) []Doubt {
	var kinds []DoubtKind
	switch {
	case s.OneKind || s.Type == "" || report.Type == s.Type:
	case report.Type == "":
		kinds = append(kinds, DoubtTypeUnknown)
	default:
		kinds = append(kinds, DoubtType)
	}
	clock, ok := s.clock()
	if ok && !s.timeFits(clock, report.ImportTime, report.SeenAt) {
		kinds = append(kinds, DoubtTime)
	} else if !ok && !s.Baseline.firm() {
		kinds = append(kinds, DoubtNoBaseline)
	}
	if s.Early != nil && !s.Early.ImportTime.Equal(report.ImportTime) || s.Baseline != nil && s.Baseline.Unsettled {
		kinds = append(kinds, DoubtAnother)
	}
	if s.refused() != "" {
		kinds = append(kinds, DoubtRefused)
	}
	if s.Baseline.firm() {
		kinds = append(kinds, s.contradictions(report)...)
	} else if ok && s.outcome(report) == Failed { // the word for a success may be another one here, and nothing tells
		kinds = append(kinds, DoubtNoBaseline)
	}
	out := make([]Doubt, len(kinds))
	for i, kind := range kinds {
		out[i].Kind = kind
	}
	return out
}

// contradictions compares the word with the time of the last success, which a success moves and a failure does not;
// and it mistrusts a word that was there before, where the import was not watched until its end.
func (s *step) contradictions(report End) []DoubtKind {
	known := !report.SuccessTime.IsZero()
	succeeded := known && s.successMoved(report)
	switch {
	case report.Status == bigfix.StatusSuccessful && known && !(succeeded && s.successFits(report)):
		return []DoubtKind{DoubtStale}
	case report.Status != bigfix.StatusSuccessful && report.Status != "" && succeeded:
		return []DoubtKind{DoubtAnother}
	case s.Baseline.onlyTimeMoved(report) && !s.watchedToTheEnd():
		return []DoubtKind{DoubtStale}
	}
	return nil
}

// successFits says whether the time of the last success, a beginning or an end too, can be this import's.
func (s *step) successFits(report End) bool {
	if clock, ok := s.clock(); ok {
		return s.timeFits(clock, report.SuccessTime, report.SeenAt)
	}
	apart := report.ImportTime.Sub(report.SuccessTime).Abs()
	return apart <= report.SeenAt.Sub(s.earliest())+2*giveOrTake
}

// watchedToTheEnd says whether the import was seen running, and no look failed between that and the first quiet one.
func (s *step) watchedToTheEnd() bool {
	return !s.LastRun.IsZero() && (s.LastFailure == nil || s.LastFailure.At.Before(s.LastRun))
}

// timeFits says whether a time of the server's, which may be an import's beginning or its end, can be this one's.
func (s *step) timeFits(clock serverClock, there, seenAt time.Time) bool {
	if s.FirstRunning.At.IsZero() {
		return clock.within(there, s.earliest(), seenAt)
	}
	atBegin := clock
	if c, ok := s.Baseline.clock(); ok {
		atBegin = c // the clock as it was then: it may have been set since
	}
	return atBegin.within(there, s.earliest(), s.FirstRunning.At) ||
		clock.within(there, s.LastRunning.asked(), s.endedBy(seenAt))
}

// endedBy is after when this import did not end: the first look at which it did not run any more.
func (s *step) endedBy(seenAt time.Time) time.Time {
	if s.Settle != nil {
		return s.Settle.Since
	}
	return seenAt
}

// doubtNightly notes a scheduled import that was due in the same minutes as something that happened between two times.
func (s *step) doubtNightly(from, to time.Time) {
	if s.Origin == Scheduled {
		return
	}
	if due, ok := s.Baseline.dueBetween(from, to); ok {
		s.doubt(Doubt{Kind: DoubtNightly, From: due.at})
	}
}

// doubtGap notes that nothing was seen between two answered looks. Of several gaps the longest stays.
func (s *step) doubtGap(from, to time.Time, allowed time.Duration) {
	if from.IsZero() || to.Sub(from) <= allowed {
		return
	}
	gap := Doubt{Kind: DoubtGap, From: from, To: to}
	i := slices.IndexFunc(s.Doubts, func(d Doubt) bool { return d.Kind == DoubtGap })
	if i < 0 {
		s.doubt(gap)
		return
	}
	if old := s.Doubts[i]; to.Sub(from) > old.To.Sub(old.From) {
		s.Doubts = slices.Clone(s.Doubts)
		s.Doubts[i] = gap
	}
}

// doubt notes what speaks against an end being this import's, each kind once.
func (s *step) doubt(d Doubt) {
	if !s.has(d.Kind) {
		s.Doubts = append(slices.Clip(s.Doubts), d)
	}
}

func (s *step) doubts(all []Doubt) {
	for _, d := range all {
		s.doubt(d)
	}
}

func (s *step) has(kind DoubtKind) bool {
	return slices.ContainsFunc(s.Doubts, func(d Doubt) bool { return d.Kind == kind })
}
