package imports

import (
	"cmp"
	"slices"
	"time"

	"importbot/bigfix"
)

// WatchedPause is the longest pause between two answered looks over which a server counts as watched all the same. What
// happened in a shorter one shows in the next look.
const WatchedPause = 30 * time.Minute

// Watched is a stretch in which a server was looked at and answered without a longer pause, from the first answered look to
// the last.
type Watched struct{ From, To time.Time }

// ReportInput is what a report is made of.
type ReportInput struct {
	// Server is the one that is reported on; imports of others are left out.
	Server string
	// From and To bound the time that is reported on: From is in it, To is not.
	From, To time.Time
	// Location decides when a day begins; nil is UTC.
	Location *time.Location
	// OneKind says that every import of the server counts for its reports, as those of License Metric Tool do.
	OneKind bool
	// Imports are those that began or ended in that time, in any order; others are left out.
	Imports []Import
	// Watched are the stretches in which the server was watched, in any order.
	Watched []Watched
}

// Report is what an auditor asks for: on which days the reports got fresh data, why they did not on the others, how imports
// ended, how long they took, and who started them.
//
// An import belongs to the day in which it was seen to be over, by Importbot's clock: after a time in which nobody watched
// that may be later than it was.
type Report struct {
	Server   string
	From, To time.Time
	// Days are those that the time reaches into, the oldest first; Covered is how many of them are.
	Days    []Day
	Covered int
	// Gaps are the days that are not covered, those that lie beside each other for the same reason in one.
	Gaps []Gap
	// Outcomes counts the imports that ended, ByType those of each type; Running is how many had begun and not ended by To.
	Outcomes map[Outcome]int
	ByType   map[bigfix.ImportType]map[Outcome]int
	Running  int
	// Started says who set the imports going that began in that time, whenever they ended: persons by how many, then the
	// schedule, others, and late ones.
	Started []Started
	// Durations are those of successful imports that were seen from beginning to end, by type; types without one are left out.
	Durations []Durations
}

// Day is one day of a report, by the clocks of its Location: 23 to 25 hours.
type Day struct {
	// Date is its beginning, Until that of the next one. The first and the last day of a report may be in it in part only.
	Date, Until time.Time
	// Covered says that an import which counts for the reports succeeded.
	Covered bool
	// Succeeded counts those; RawOnly the successful ones that do not count; Failed those that somebody had to look at, failed
	// and unknown ones; Unclear those of which the server reports a success that may be another's.
	Succeeded, RawOnly, Failed, Unclear int
	// Watched is for how much of the day, as far as it is in the report, the server was watched. Seen says that it was all the
	// time, with no pause longer than WatchedPause.
	Watched time.Duration
	Seen    bool
}

// GapReason is why a day is not covered.
type GapReason string

const (
	// GapFailed: an import failed, or ended unknown.
	GapFailed GapReason = "failed"
	// GapUnclear: a success was reported that may be another import's.
	GapUnclear GapReason = "unclear"
	// GapUnwatched: nothing is known to have failed, and the server was not watched all the time: more can't be said.
	GapUnwatched GapReason = "unwatched"
	// GapRaw: only imports succeeded that do not count for the reports.
	GapRaw GapReason = "raw"
	// GapNone: the server was watched all the time, and no import ended.
	GapNone GapReason = "none"
)

// Gap is a row of days that are not covered, for one reason.
type Gap struct {
	From, To time.Time // the beginning of the first day, and of the day after the last
	Days     int
	Why      GapReason
}

// Started counts the imports of one person, or of one origin where no person is known.
type Started struct {
	Origin   Origin
	UserID   string // for Here
	Imports  int
	ByType   map[bigfix.ImportType]int
	Outcomes map[Outcome]int // those that have ended
}

// Durations are how long the imports of one type took.
type Durations struct {
	Type              bigfix.ImportType
	N                 int
	Low, Median, High time.Duration
}

// ReportOf makes a report. It claims of no day that nothing ran unless the server was watched all through it.
func ReportOf(in ReportInput) Report {
	r := Report{
		Server: in.Server, From: in.From, To: in.To,
		Outcomes: make(map[Outcome]int), ByType: make(map[bigfix.ImportType]map[Outcome]int),
		Days: daysOf(in),
	}
	list := in.imports()
	for _, imp := range list {
		r.count(in, imp)
	}
	for _, d := range r.Days {
		r.close(d)
	}
	r.Started, r.Durations = startedBy(in, list), durationsOf(in, list)
	return r
}

// within says whether a time is one that is reported on.
func (in ReportInput) within(t time.Time) bool {
	return !t.IsZero() && !t.Before(in.From) && t.Before(in.To)
}

// imports are those to be reported on, the oldest first. What was never sent is none.
func (in ReportInput) imports() []Import {
	var list []Import
	for _, imp := range in.Imports {
		switch {
		case imp.Server != in.Server, imp.unsent():
		case imp.Outcome == Refused, imp.Outcome == Expired, imp.Outcome == Cancelled:
		case in.within(imp.BegunAt), in.within(imp.EndedAt):
			list = append(list, imp)
		}
	}
	slices.SortStableFunc(list, func(a, b Import) int { return firstOf(a).Compare(firstOf(b)) })
	return list
}

// firstOf is when an import began, as far as that is known.
func firstOf(imp Import) time.Time {
	if imp.BegunAt.IsZero() {
		return imp.EndedAt
	}
	return imp.BegunAt
}

// count adds an import to the day and the outcomes it belongs to.
func (r *Report) count(in ReportInput, imp Import) {
	if imp.State != Ended || !imp.EndedAt.Before(in.To) {
		r.Running++
		return
	}
	if !in.within(imp.EndedAt) {
		return // its times are at odds: a clock was put back
	}
	r.Outcomes[imp.Outcome]++
	if r.ByType[imp.Type] == nil {
		r.ByType[imp.Type] = make(map[Outcome]int)
	}
	r.ByType[imp.Type][imp.Outcome]++
	i := slices.IndexFunc(r.Days, func(d Day) bool { return imp.EndedAt.Before(d.Until) })
	day := &r.Days[i]
	switch {
	case imp.NeedsAttention():
		day.Failed++
	case imp.Outcome == Unclear:
		day.Unclear++
	case imp.Outcome != Succeeded:
	case in.OneKind || imp.Type != bigfix.TypeRaw:
		day.Succeeded++
		day.Covered = true
	default:
		day.RawOnly++
	}
}

// close adds a day to those that are covered, or to the gaps.
func (r *Report) close(d Day) {
	if d.Covered {
		r.Covered++
		return
	}
	why := d.why()
	if last := len(r.Gaps) - 1; last >= 0 && r.Gaps[last].To.Equal(d.Date) && r.Gaps[last].Why == why {
		r.Gaps[last].To = d.Until
		r.Gaps[last].Days++
		return
	}
	r.Gaps = append(r.Gaps, Gap{From: d.Date, To: d.Until, Days: 1, Why: why})
}

func (d Day) why() GapReason {
	switch {
	case d.Failed > 0:
		return GapFailed
	case d.Unclear > 0:
		return GapUnclear
	case !d.Seen:
		return GapUnwatched
	case d.RawOnly > 0:
		return GapRaw
	}
	return GapNone
}

// daysOf are the days that are reported on, with how long the server was watched in each.
func daysOf(in ReportInput) (days []Day) {
	loc := in.Location
	if loc == nil {
		loc = time.UTC
	}
	watched := slices.SortedFunc(slices.Values(in.Watched), func(a, b Watched) int { return a.From.Compare(b.From) })
	year, month, date := in.From.In(loc).Date()
	for start := StartOfDay(year, month, date, loc); start.Before(in.To); {
		date++
		next := StartOfDay(year, month, date, loc)
		if next.After(in.From) { // a day may begin twice where clocks go back at midnight
			d := Day{Date: start, Until: next}
			d.Watched, d.Seen = watchedIn(watched, later(start, in.From), earlier(next, in.To))
			days = append(days, d)
		}
		start = next
	}
	return days
}

// StartOfDay is the first moment of a day; date may be before the beginning of the month, or beyond its end. Where clocks are
// put forward at midnight that is not 00:00.
func StartOfDay(year int, month time.Month, date int, loc *time.Location) time.Time {
	want := time.Date(year, month, date, 12, 0, 0, 0, loc).Day()
	start := time.Date(year, month, date, 0, 0, 0, 0, loc)
	const step = 15 * time.Minute // all clocks differ by multiples of that, and no more than a day's length
	for range 24 * time.Hour / step {
		if start.Day() == want {
			break
		}
		start = start.Add(step)
	}
	return start
}

// watchedIn is for how much of a time a server was watched, and whether it was all through it. The stretches are sorted.
func watchedIn(list []Watched, from, to time.Time) (sum time.Duration, seen bool) {
	seen = from.Before(to)
	at := from // up to which everything is counted
	for _, w := range list {
		begin, end := later(w.From, at), earlier(w.To, to)
		if !begin.Before(end) {
			continue
		}
		seen = seen && begin.Sub(at) <= WatchedPause
		sum += end.Sub(begin)
		at = end
	}
	return sum, seen && to.Sub(at) <= WatchedPause
}

// startedBy counts who set imports going.
func startedBy(in ReportInput, list []Import) (all []Started) {
	for _, imp := range list {
		if !in.within(firstOf(imp)) {
			continue // belongs to the report before
		}
		who := Started{Origin: imp.Origin}
		if imp.Origin == Here {
			who.UserID = imp.RequestedBy
		}
		i := slices.IndexFunc(all, func(s Started) bool { return s.Origin == who.Origin && s.UserID == who.UserID })
		if i < 0 {
			who.ByType, who.Outcomes = make(map[bigfix.ImportType]int), make(map[Outcome]int)
			i, all = len(all), append(all, who)
		}
		all[i].Imports++
		all[i].ByType[imp.Type]++
		if imp.State == Ended {
			all[i].Outcomes[imp.Outcome]++
		}
	}
	order := []Origin{Here, Scheduled, Elsewhere, Late}
	slices.SortFunc(all, func(a, b Started) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.Origin), slices.Index(order, b.Origin)),
			cmp.Compare(b.Imports, a.Imports), cmp.Compare(a.UserID, b.UserID))
	})
	return all
}

// durationsOf are those of the successful imports that ended in the time of the report.
func durationsOf(in ReportInput, list []Import) (all []Durations) {
	types := []bigfix.ImportType{bigfix.TypeComplete, bigfix.TypeRaw} // the order in which they are shown
	for _, imp := range list {
		if !slices.Contains(types, imp.Type) {
			types = append(types, imp.Type)
		}
	}
	for _, t := range types {
		var took []time.Duration
		for _, imp := range list {
			if d, ok := imp.Duration(); ok && imp.Type == t && imp.Outcome == Succeeded && in.within(imp.EndedAt) {
				took = append(took, d)
			}
		}
		if len(took) > 0 {
			slices.Sort(took)
			all = append(all, Durations{Type: t, N: len(took), Low: took[0], Median: median(took), High: took[len(took)-1]})
		}
	}
	return all
}
