package bigfixtest

import (
	"cmp"
	"slices"
	"time"

	"importbot/bigfix"
)

// course is an import under way.
type course struct {
	total time.Duration
	ends  time.Time
	plan  Plan
	mark  time.Time // last_import_time that was shown for it before it began
}

// start is an import that is to begin.
type start struct {
	typ    bigfix.ImportType
	origin Origin
	asked  time.Time
	moved  bool // last_import_time has moved to asked already
}

// event is something that happens by itself.
type event struct {
	at   time.Time
	rank int // of events at the same moment, the lowest comes first
	do   func()
}

const (
	rankEnd = iota
	rankRecord
	rankBack
	rankStart
	rankSchedule
)

// on notes an event for the time at, or for now if that is past.
func (s *Sim) on(at time.Time, rank int, do func()) {
	if at.Before(s.now) {
		at = s.now
	}
	s.events = append(s.events, event{at: at.UTC(), rank: rank, do: do})
}

// advance lets everything happen that is due until now, in its order.
func (s *Sim) advance(now time.Time) {
	for {
		at, do := s.next()
		if do == nil || at.After(now) {
			break
		}
		s.now = at
		do()
	}
	if now.After(s.now) {
		s.now = now.UTC()
	}
}

// next is what happens next by itself, the daily import included. Do is nil
// when nothing ever will.
func (s *Sim) next() (at time.Time, do func()) {
	i := s.nextEvent()
	daily := !s.set.schedule.Off
	switch {
	case daily && (i < 0 || s.nextDue.Before(s.events[i].at)):
		return s.nextDue, s.scheduled
	case i < 0:
		return time.Time{}, nil
	}
	e := s.events[i]
	return e.at, func() {
		s.events = slices.Delete(s.events, i, i+1)
		e.do()
	}
}

// nextEvent is the index of the earliest event, -1 if there is none.
func (s *Sim) nextEvent() int {
	first := -1
	for i, e := range s.events {
		if first < 0 || e.at.Before(s.events[first].at) || e.at.Equal(s.events[first].at) && e.rank < s.events[first].rank {
			first = i
		}
	}
	return first
}

// scheduled is the moment at which the daily import is due. A server that is
// away misses it, one that imports passes it over.
func (s *Sim) scheduled() {
	s.nextDue = s.dueAfter(s.now)
	if !s.doubts.ScheduleDead {
		s.begin(start{typ: cmp.Or(s.set.schedule.Type, bigfix.TypeComplete), origin: Scheduled})
	}
}

// dueAfter is when the next daily import is due, in true time.
func (s *Sim) dueAfter(t time.Time) time.Time {
	return s.set.schedule.after(s.serverTime(t)).Add(-s.doubts.Skew).UTC()
}

// serverTime is what the server's clock shows at the true time t.
func (s *Sim) serverTime(t time.Time) time.Time { return t.Add(s.doubts.Skew) }

func (s *Sim) down() bool { return s.now.Before(s.downTill) }

// begin begins an import, unless the server is away or busy.
func (s *Sim) begin(st start) {
	if s.down() {
		return
	}
	if s.running != nil {
		if st.origin == Requested && s.doubts.WhileRunning == RunQueued {
			s.queue = append(s.queue, st)
		}
		return
	}
	s.begun++
	imp := Import{ID: s.begun, Type: st.typ, Origin: st.origin, Asked: st.asked, Began: s.now, Outcome: Running}
	s.imports = append(newest(s.imports, s.set.journal), imp)
	c := &course{plan: s.planFor(imp)}
	if st.moved {
		c.mark = st.asked
	} else if s.doubts.MovedBeforeRunning {
		s.move(st.typ)
	}
	c.total = c.plan.Duration + c.plan.RestFor
	c.ends = s.now.Add(c.total)
	s.running = c
	s.on(c.ends, rankEnd, func() { s.reach(c) })
	if after := c.plan.RestartAfter; after > 0 && after < c.total {
		s.on(s.now.Add(after), rankBack, func() {
			if s.running == c {
				s.restart(c.plan.DownFor)
			}
		})
	}
}

// latest is the truth about the import that began last, which is the one that runs if any does.
func (s *Sim) latest() *Import { return &s.imports[len(s.imports)-1] }

func (s *Sim) planFor(imp Import) Plan {
	var p Plan
	switch {
	case len(s.planned) > 0:
		p = s.planned[0]
		s.planned = s.planned[1:]
	case s.set.plan != nil:
		p = s.set.plan(imp)
	}
	if p.Duration <= 0 {
		p.Duration = s.set.durations[imp.Type]
	}
	if p.Duration <= 0 {
		p.Duration = s.set.durations[bigfix.TypeComplete]
	}
	return p
}

// done is the share of its work that an import has done, 0 to 1, and the work
// goes on evenly save while it rests.
func (s *Sim) done(c *course) float64 {
	passed, work := c.total-c.ends.Sub(s.now), c.total-c.plan.RestFor
	if c.plan.RestFor > 0 {
		rests := time.Duration(float64(work) * s.doubts.Progress.reaches(c.plan.RestAt))
		passed = max(min(passed, rests), passed-c.plan.RestFor)
	}
	return min(max(float64(passed)/float64(work), 0), 1)
}

// reach is the planned end of an import, which a restart may have moved.
func (s *Sim) reach(c *course) {
	if s.running != c || s.now.Before(c.ends) {
		return
	}
	imp := s.latest()
	imp.Outcome, imp.Word = Succeeded, cmp.Or(s.doubts.SuccessWord, string(bigfix.StatusSuccessful))
	if c.plan.Fails {
		imp.Outcome, imp.Word = Failed, cmp.Or(s.doubts.FailureWord, "failed")
	}
	s.finish()
	s.record(c, *imp)
	s.follow(*imp)
}

func (s *Sim) finish() {
	s.latest().Ended = s.now
	s.running = nil
	s.ended = s.now
}

// follow begins what waited for an end, or comes right behind it.
func (s *Sim) follow(imp Import) {
	if len(s.queue) > 0 {
		next := s.queue[0]
		s.queue = s.queue[1:]
		s.begin(next)
		return
	}
	if d := s.doubts; d.RightBehind && imp.Origin != ByHand {
		typ := cmp.Or(d.BehindType, bigfix.TypeComplete)
		s.on(s.now.Add(d.BehindGap), rankStart, func() { s.begin(start{typ: typ, origin: ByHand}) })
	}
}

// record writes an ended import into what the server remembers, after EndLag.
func (s *Sim) record(c *course, imp Import) {
	d := s.doubts
	success := imp.Outcome == Succeeded
	began := imp.Began
	if !c.mark.IsZero() {
		began = c.mark
	}
	at := s.serverTime(momentOf(d.ImportTime, began, imp.Ended))
	succeededAt := at
	if d.SuccessTime != MomentDefault {
		succeededAt = s.serverTime(momentOf(d.SuccessTime, began, imp.Ended))
	}
	write := func() {
		if success && imp.Type == bigfix.TypeComplete {
			s.pending = false
		}
		if success || d.OnFailure != FailureSilent {
			s.last.Status = bigfix.LastStatus(imp.Word)
		}
		if success || d.OnFailure == FailureMoves {
			s.last.ImportTime, s.last.Type = at, imp.Type
		}
		if success {
			s.last.SuccessTime = succeededAt
		}
	}
	if d.EndLag <= 0 {
		write()
		return
	}
	s.on(s.now.Add(d.EndLag), rankRecord, write)
}

func momentOf(m Moment, began, ended time.Time) time.Time {
	if m == MomentStart {
		return began
	}
	return ended
}

// restart takes the server away for down.
func (s *Sim) restart(down time.Duration) {
	s.downs++
	s.downTill = s.now.Add(down)
	s.queue = nil
	c := s.running
	if c == nil {
		return
	}
	imp := s.latest()
	imp.Restarts++
	if s.doubts.AfterRestart == RestartResumes {
		c.ends = c.ends.Add(down)
		s.on(c.ends, rankEnd, func() { s.reach(c) })
		return
	}
	imp.Outcome = Interrupted
	s.finish()
	cutOff := *imp
	switch s.doubts.AfterRestart {
	case RestartFails:
		imp.Word = cmp.Or(s.doubts.FailureWord, "failed")
		cutOff.Word, cutOff.Ended = imp.Word, s.downTill
		s.on(s.downTill, rankRecord, func() { s.record(c, cutOff) })
	case RestartAnew:
		s.on(s.downTill, rankStart, func() { s.begin(start{typ: cutOff.Type, origin: Restarted, asked: cutOff.Asked}) })
	}
}
