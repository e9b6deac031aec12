package bigfixtest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"importbot/bigfix"
)

// Sim is the mind of the server without HTTP: it is told the time with every
// call and answers what [bigfix.Client] would have made of the server's answer.
// Time doesn't pass between calls and never goes back: an earlier time counts
// as the latest that was told. So nothing is slow here: delays count over HTTP
// only, and what would hang has timed out already. It is safe for concurrent
// use and quick enough to play a hundred thousand imports in a second or two.
type Sim struct {
	mu       sync.Mutex
	set      *settings
	doubts   Doubts
	rng      *rand.Rand
	now      time.Time
	imports  []Import
	begun    int // how many imports have, with those that are not kept
	running  *course
	queue    []start
	events   []event
	last     Last
	pending  bool
	downTill time.Time
	downs    int // counts restarts: what was under way before is void
	ended    time.Time
	nextDue  time.Time
	planned  []Plan // the courses of the imports that begin next
	faults   []*Fault
}

// NewSim returns a server on which nothing is running at the time begin.
func NewSim(begin time.Time, opts ...Option) *Sim {
	set := newSettings(opts)
	s := &Sim{set: set, doubts: set.doubts, rng: set.rand(), now: begin.UTC()}
	s.nextDue = s.dueAfter(s.now)
	if set.last != nil {
		s.last = *set.last
	} else {
		s.last = s.lastNight()
	}
	return s
}

// lastNight is the memory of a scheduled import that went well.
func (s *Sim) lastNight() Last {
	typ := cmp.Or(s.set.schedule.Type, bigfix.TypeComplete)
	took := s.set.durations[typ]
	end := s.set.schedule.before(s.serverTime(s.now).Add(-took)).Add(took).UTC()
	return Last{Status: bigfix.StatusSuccessful, SuccessTime: end, ImportTime: end, Type: typ}
}

// Status looks at the server.
func (s *Sim) Status(now time.Time) (bigfix.Status, error) {
	return s.ask(now, question{}).result("status")
}

// Run sends run= for an import of that type.
func (s *Sim) Run(now time.Time, t bigfix.ImportType) (bigfix.Status, error) {
	return s.ask(now, question{run: t}).result("start " + string(t))
}

// Set changes the answers to the open questions from now on.
func (s *Sim) Set(change func(*Doubts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	skew := s.doubts.Skew
	change(&s.doubts)
	if s.doubts.Skew != skew {
		s.nextDue = s.dueAfter(s.now)
	}
}

// Doubts returns how the open questions are answered now.
func (s *Sim) Doubts() Doubts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doubts
}

// Fail adds a fault. Of several that fit a request, the first one counts.
func (s *Sim) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal takes away all faults.
func (s *Sim) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Imports returns the truth about every import that began before now and is
// kept; see [WithJournal].
func (s *Sim) Imports(now time.Time) []Import {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(now)
	return slices.Clone(s.imports)
}

// Latest returns the truth about the import that began last, without copying
// all of them. Ok is false when none did.
func (s *Sim) Latest(now time.Time) (imp Import, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(now)
	if len(s.imports) == 0 {
		return Import{}, false
	}
	return *s.latest(), true
}

// Busy reports whether an import runs, whatever the answers show of it.
func (s *Sim) Busy(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(now)
	return s.running != nil
}

// StartByHand starts an import as somebody in the web pages would, at the time
// at, which may be in the future. The web pages refuse it silently while
// another one runs.
func (s *Sim) StartByHand(at time.Time, t bigfix.ImportType) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on(at, rankStart, func() { s.begin(start{typ: t, origin: ByHand}) })
	s.advance(s.now)
}

// PlanNext decides the course of the next import that begins, whoever starts
// it, in place of [WithPlan]. Several calls are for as many imports, in order.
func (s *Sim) PlanNext(p Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.planned = append(s.planned, p)
}

// SetSchedule moves the daily import, or takes it away, as somebody in the web
// pages would, at the time now. What was due and did not begin yet is not due
// any more.
func (s *Sim) SetSchedule(now time.Time, daily Schedule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(now)
	s.set.schedule = daily
	s.nextDue = s.dueAfter(s.now)
}

// Schedule returns the daily import as it is set now.
func (s *Sim) Schedule() Schedule {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set.schedule
}

// RestartAt restarts the server at the time at, which may be in the future.
// It doesn't answer for down, and what becomes of a running import is one of
// the doubts.
func (s *Sim) RestartAt(at time.Time, down time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on(at, rankBack, func() { s.restart(down) })
	s.advance(s.now)
}

// SetPending makes the server say pending in place of idle, as if somebody had
// changed something in the web pages. A complete import that succeeds ends it.
func (s *Sim) SetPending(pending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = pending
}

// SetLast changes what the server remembers of its last import: history that
// somebody cleaned up or restored.
func (s *Sim) SetLast(l Last) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = l
}
