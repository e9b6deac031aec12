package imports

import (
	"slices"
	"time"

	"importbot/bigfix"
)

const (
	// gapsKept is how many gaps between scheduled imports are remembered: a week of nights.
	gapsKept = 7
	// summerTime is how far the hour of a schedule moves when clocks are changed.
	summerTime = time.Hour
	// oneDay is the shortest time in which an entry of a daily schedule comes again, but for a change of clocks.
	oneDay = 24 * time.Hour
)

// Schedule is what the looks at a server showed of its schedule. The server names the next entry only, so that the rest
// is learned from how it moves on. All times are by the server's clock.
type Schedule struct {
	// Next and NextType are the entry that was named last, Named by how many looks (two at most are counted). Zero where none
	// is scheduled.
	Next     time.Time         `json:",omitzero"`
	NextType bigfix.ImportType `json:",omitempty"`
	Named    int               `json:",omitempty"`
	// Came is the last entry whose time came. Due and DueType are the same where it had been named by two looks before, was
	// not noticed too late, and the schedule was not moved or removed since; else they are zero.
	Came    time.Time         `json:",omitzero"`
	Due     time.Time         `json:",omitzero"`
	DueType bigfix.ImportType `json:",omitempty"`
	// Counted is the last entry whose time came and whose import counts for the reports.
	Counted time.Time `json:",omitzero"`
	// Gaps lie between those that do, the last seven, oldest first.
	Gaps []time.Duration `json:",omitempty"`
}

// Gap is how far scheduled imports that count for the reports lie apart at most, as far as is known; ok is false where
// none is scheduled. Until a gap was seen it is a day, or what lies between the last import and the next one.
func (s Server) Gap() (gap time.Duration, ok bool) {
	sched := s.Schedule
	if sched.Next.IsZero() || sched.NextType == bigfix.TypeRaw && len(sched.Gaps) == 0 && sched.Counted.IsZero() {
		return 0, false
	}
	last := sched.Counted
	if last.IsZero() && s.Quiet != nil {
		last = s.Quiet.LastImportTime
	}
	if !last.IsZero() && sched.NextType != bigfix.TypeRaw {
		gap = sched.Next.Sub(last)
	}
	if len(sched.Gaps) > 0 {
		return max(gap, slices.Max(sched.Gaps)), true
	}
	return max(gap, oneDay), true
}

// follow takes account of the entry that a look names. there is what the server's clock showed then at the latest, zero
// where it shows none, and every says that imports of any type count for the reports.
func (s Schedule) follow(next scheduled, there time.Time, every bool) Schedule {
	before := s.Next
	came := !before.IsZero() && !there.Before(before)
	if came && !s.Came.Equal(before) {
		s.come(scheduled{before, s.NextType}, there, every)
	}
	if next.at.Equal(before) {
		s.Named++
	} else {
		s.Named = 1
	}
	s.Next, s.NextType, s.Named = next.at, next.kind, min(s.Named, twoLooks)
	if !s.stands() {
		s.Due, s.DueType = time.Time{}, ""
	}
	switch {
	case next.at.IsZero(), next.at.Equal(before):
	case came && s.counts(next.kind, every) && !s.Counted.IsZero():
		gaps := append(slices.Clone(s.Gaps), next.at.Sub(s.Counted))
		s.Gaps = gaps[max(len(gaps)-gapsKept, 0):]
	case !came && !before.IsZero() && next.at.Sub(before).Abs() > summerTime:
		s.Gaps = nil // it was moved: what was learned of the old one does not hold
	}
	return s
}

// come notes that the time of an entry has come. Where that was too long ago for every entry since to have been named,
// nothing is learned of it.
func (s *Schedule) come(entry scheduled, there time.Time, every bool) {
	s.Came, s.Due, s.DueType = entry.at, time.Time{}, ""
	lately := there.Sub(entry.at) < oneDay-summerTime
	if s.Named >= twoLooks && lately {
		s.Due, s.DueType = entry.at, entry.kind
	}
	if !s.counts(entry.kind, every) {
		return
	}
	s.Counted = time.Time{}
	if lately {
		s.Counted = entry.at
	}
}

func (s *Schedule) counts(kind bigfix.ImportType, every bool) bool {
	return every || kind != bigfix.TypeRaw
}

// stands says whether the schedule still says what it said when its last entry came due: it is named still, or another
// at the same time of day or at a distance known before. Changes of the clocks move both by an hour.
func (s Schedule) stands() bool {
	if s.Next.IsZero() || s.Due.IsZero() {
		return false
	}
	gap := s.Next.Sub(s.Due)
	if gap < 0 {
		return false
	}
	days := gap.Round(oneDay)
	return gap == 0 || days > 0 && (gap-days).Abs() <= summerTime ||
		slices.ContainsFunc(s.Gaps, func(known time.Duration) bool { return (gap - known).Abs() <= summerTime })
}
