package bigfixtest

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"importbot/bigfix"
)

// Import is the truth about one import: what a real server's API never tells.
// Times are true ones, without the server's skew.
type Import struct {
	ID     int // 1, 2, 3, … in the order in which they began
	Type   bigfix.ImportType
	Origin Origin
	// Asked is when run= was taken, for imports of origin Requested.
	Asked time.Time
	Began time.Time
	// Ended is zero while it runs.
	Ended   time.Time
	Outcome Outcome
	// Word is last_status as the server had it for this import, whether or not
	// the answers showed it; "" while it runs and when nothing was recorded.
	Word string
	// Restarts counts the restarts of the server that it lived through.
	Restarts int
}

// Origin is who started an import.
type Origin string

// Origins.
const (
	Requested Origin = "requested" // by run=
	Scheduled Origin = "scheduled"
	ByHand    Origin = "by hand"   // by somebody in the web pages
	Restarted Origin = "restarted" // by the server, in place of one that a restart cut off
)

// Outcome is how an import ended in truth.
type Outcome string

// Outcomes.
const (
	Running     Outcome = "running"
	Succeeded   Outcome = "succeeded"
	Failed      Outcome = "failed"
	Interrupted Outcome = "interrupted" // by a restart of the server
)

// Plan is the course of an import. The zero value is one that takes as long as
// its type does and succeeds.
type Plan struct {
	Duration time.Duration // 0: as WithDuration says
	Fails    bool
	// RestartAfter, if not zero, restarts the server that long after the
	// import began. It is away for DownFor.
	RestartAfter, DownFor time.Duration
}

// Schedule is the daily import.
type Schedule struct {
	At   time.Duration     // after midnight UTC by the server's clock
	Type bigfix.ImportType // complete if empty
	Off  bool              // no import is scheduled; next_… are absent
}

// Last is what the server remembers of its last import, by its own clock.
type Last struct {
	Status      bigfix.LastStatus
	SuccessTime time.Time
	ImportTime  time.Time
	Type        bigfix.ImportType
}

// Sim is the mind of the server without HTTP: it is told the time with every
// call and answers what [bigfix.Client] would have made of the server's answer.
// Time doesn't pass between calls and never goes back: an earlier time counts
// as the latest that was told. It is safe for concurrent use and quick enough
// to play a hundred thousand imports in a few seconds.
type Sim struct {
	mu       sync.Mutex
	set      *settings
	doubts   Doubts
	rng      *rand.Rand
	now      time.Time
	imports  []Import
	running  *course
	queue    []start
	events   []event
	last     Last
	pending  bool
	downTill time.Time
	downs    int // counts restarts: what was under way before is void
	ended    time.Time
	nextDue  time.Time
	faults   []*Fault
}

// course is an import under way.
type course struct {
	index int // in imports
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

// NewSim returns a server on which nothing is running at the time start.
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
	due := s.nextDue.AddDate(0, 0, -1)
	end := due.Add(s.set.durations[typ])
	if !end.Before(s.now) {
		end = end.AddDate(0, 0, -1)
	}
	end = s.serverTime(end)
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

// Imports returns the truth about every import that began before now.
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
	return s.imports[len(s.imports)-1], true
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
		i := s.nextEvent()
		if i < 0 {
			if s.set.schedule.Off || s.nextDue.After(now) {
				break
			}
		} else if s.set.schedule.Off || !s.nextDue.Before(s.events[i].at) {
			e := s.events[i]
			if e.at.After(now) {
				break
			}
			s.events = slices.Delete(s.events, i, i+1)
			s.now = e.at
			e.do()
			continue
		} else if s.nextDue.After(now) {
			break
		}
		s.now = s.nextDue
		s.scheduled()
	}
	if now.After(s.now) {
		s.now = now.UTC()
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
	local := s.serverTime(t)
	due := local.Truncate(24 * time.Hour).Add(s.set.schedule.At)
	for !due.After(local) {
		due = due.Add(24 * time.Hour)
	}
	return due.Add(-s.doubts.Skew)
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
	imp := Import{ID: len(s.imports) + 1, Type: st.typ, Origin: st.origin, Asked: st.asked, Began: s.now, Outcome: Running}
	s.imports = append(s.imports, imp)
	c := &course{index: len(s.imports) - 1, plan: s.planFor(imp)}
	if st.moved {
		c.mark = st.asked
	} else if s.doubts.MovedBeforeRunning {
		s.move(st.typ)
	}
	c.total = c.plan.Duration
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

func (s *Sim) planFor(imp Import) Plan {
	var p Plan
	if s.set.plan != nil {
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

// reach is the planned end of an import, which a restart may have moved.
func (s *Sim) reach(c *course) {
	if s.running != c || s.now.Before(c.ends) {
		return
	}
	imp := &s.imports[c.index]
	imp.Outcome, imp.Word = Succeeded, cmp.Or(s.doubts.SuccessWord, string(bigfix.StatusSuccessful))
	if c.plan.Fails {
		imp.Outcome, imp.Word = Failed, cmp.Or(s.doubts.FailureWord, "failed")
	}
	s.finish(c)
	s.record(c, *imp)
	s.follow(*imp)
}

func (s *Sim) finish(c *course) {
	s.imports[c.index].Ended = s.now
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
	imp := &s.imports[c.index]
	imp.Restarts++
	if s.doubts.AfterRestart == RestartResumes {
		c.ends = c.ends.Add(down)
		s.on(c.ends, rankEnd, func() { s.reach(c) })
		return
	}
	imp.Outcome = Interrupted
	s.finish(c)
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

// question is a request as the core sees it.
type question struct {
	run    bigfix.ImportType // "" is a look
	denied bool              // the token is wrong
	bare   bool              // there is none
}

// reply is the server's answer, before it is written in JSON or XML.
type reply struct {
	answer  Answer
	status  bigfix.Status
	message string
	delay   time.Duration
	down    bool   // nobody answers at all
	did     string // what a run= request did, for the journal
}

// ask answers a request: the one place where its fate is decided.
func (s *Sim) ask(now time.Time, q question) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(now)
	if s.down() {
		return reply{down: true}
	}
	on := Looks
	if q.run != "" {
		on = Runs
	}
	if f := s.strike(on); f != nil {
		r := reply{status: s.status()}
		if f.Answer == AnswerStatus || f.Taken {
			r = s.plain(q)
		}
		if f.Answer != AnswerStatus {
			r.answer, r.message = f.Answer, f.Message
		}
		r.delay += f.Delay
		return r
	}
	return s.plain(q)
}

// glance is a reply of which only the clock and whether the server is away
// matter: for requests that are no business of the import API.
func (s *Sim) glance(now time.Time) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(now)
	return reply{status: s.status(), down: s.down(), delay: s.doubts.Latency}
}

// plain answers a request that no fault strikes.
func (s *Sim) plain(q question) reply {
	d := s.doubts
	r := reply{delay: d.Latency, status: s.status()}
	switch {
	case q.bare:
		r.answer, r.message = cmp.Or(d.NoToken, Answer500), "Bad Request: parameter token is missing"
	case q.denied:
		r.answer = cmp.Or(d.WrongToken, Answer401)
	case d.Permission == PermissionAll403:
		r.answer = Answer403
	case q.run == "":
		if s.flaky() {
			r.answer, r.message = Answer500, "CDPHT0001E The connection to the database was lost."
		}
	default:
		s.run(q.run, &r)
	}
	return r
}

// run takes a run= request.
func (s *Sim) run(t bigfix.ImportType, r *reply) {
	d := s.doubts
	switch {
	case d.Permission == PermissionRun403:
		r.answer, r.did = Answer403, "refused: no permission"
		return
	case d.Permission == PermissionFlag:
		r.did = "ignored: no permission"
		return
	case s.running != nil && d.WhileRunning == RunRefused:
		r.answer, r.did = Answer500, "refused: an import is running"
		r.message = "An import is already running."
		return
	case s.running != nil && d.WhileRunning == RunQueued:
		s.queue = append(s.queue, start{typ: t, origin: Requested, asked: s.now})
		r.did = "queued"
	case s.running != nil:
		r.did = "dropped: an import is running"
	case d.DropRun:
		r.did = "dropped"
	default:
		r.did = s.accept(t)
	}
	if r.answer = d.RunAnswer; r.answer == AnswerStatus {
		r.status = s.status()
	}
}

// accept takes a request that will start an import, now or after StartLag.
func (s *Sim) accept(t bigfix.ImportType) string {
	st := start{typ: t, origin: Requested, asked: s.now}
	if s.doubts.MovedBeforeRunning {
		st.moved = true
		s.move(t)
	}
	if s.doubts.StartLag <= 0 {
		s.begin(st)
		return fmt.Sprintf("started import %d", len(s.imports))
	}
	downs := s.downs
	s.on(s.now.Add(s.doubts.StartLag), rankStart, func() {
		if s.downs == downs {
			s.begin(st)
		}
	})
	return "taken"
}

// move shows an import in last_… before it has ended.
func (s *Sim) move(t bigfix.ImportType) {
	s.last.ImportTime, s.last.Type = s.serverTime(s.now), t
}

// flaky decides whether this look is one of those that fail around imports.
func (s *Sim) flaky() bool {
	const around = 30 * time.Second
	busy := s.running != nil || !s.ended.IsZero() && s.now.Sub(s.ended) < around
	return busy && s.doubts.LooksFail > 0 && s.rng.Float64() < s.doubts.LooksFail
}

func (s *Sim) strikeOn(on Target) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.strike(on)
}

// strike returns the fault that fits, and uses it up.
func (s *Sim) strike(on Target) *Fault {
	for i, f := range s.faults {
		if f.On != Everything && f.On != on {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return f
	}
	return nil
}

// status is what the server says of itself, to the second as it writes it.
func (s *Sim) status() bigfix.Status {
	d := s.doubts
	local := s.serverTime(s.now)
	st := bigfix.Status{
		Mode:            s.mode(),
		CanRunImports:   new(d.Permission == PermissionGranted),
		ImportStatusURL: "/import_status", ImportCreateURL: "/management/imports",
		Date: local.Truncate(time.Second),
	}
	switch st.Mode {
	case bigfix.ModeRunning:
		st.Progress = s.progress()
		return st
	case bigfix.ModeNone:
		return st
	}
	st.LastSuccessTime = s.last.SuccessTime.Truncate(time.Second)
	st.LastImportTime = s.last.ImportTime.Truncate(time.Second)
	if !d.NoLastStatus {
		st.LastStatus = s.last.Status
	}
	if !d.NoLastType {
		st.LastImportType = s.last.Type
	}
	if !s.set.schedule.Off {
		next := s.serverTime(s.nextDue).Truncate(time.Second)
		st.NextImportTime, st.NextImportType = next, cmp.Or(s.set.schedule.Type, bigfix.TypeComplete)
		st.NextImportIn = new(next.Sub(local.Truncate(time.Second)))
	}
	return st
}

func (s *Sim) mode() bigfix.Mode {
	switch {
	case s.running != nil && !s.doubts.HideRunning && s.now.Sub(s.imports[s.running.index].Began) >= s.doubts.ShowLag:
		return bigfix.ModeRunning
	case s.last == Last{}:
		return bigfix.ModeNone
	case s.pending:
		return bigfix.ModePending
	}
	return bigfix.ModeIdle
}

func (s *Sim) progress() *int {
	c := s.running
	if s.doubts.Progress == ProgressAbsent || c.total <= 0 {
		return nil
	}
	done := 1 - float64(c.ends.Sub(s.now))/float64(c.total)
	return new(s.doubts.Progress.at(min(max(done, 0), 1)))
}

// result is what a bigfix.Client makes of the reply.
func (r reply) result(op string) (bigfix.Status, error) {
	fail := func(kind bigfix.Kind, status int, words string) (bigfix.Status, error) {
		e := &bigfix.Error{Kind: kind, Op: op, Status: status, Message: r.said()}
		if words != "" {
			e.Err = errors.New(words)
		}
		return bigfix.Status{}, e
	}
	if r.down {
		return bigfix.Status{}, &bigfix.Error{Kind: bigfix.ErrUnavailable, Op: op, Unsent: true, Err: errors.New("connection refused")}
	}
	run := op != "status"
	switch r.answer {
	case AnswerStatus, AnswerStale:
		return r.status, nil
	case AnswerOddMode:
		r.status.Mode = oddMode
		return r.status, nil
	case AnswerEmpty, AnswerText, AnswerNoMode:
		if run {
			return bigfix.Status{Date: r.status.Date}, nil
		}
		return fail(bigfix.ErrUnavailable, 200, "answer has no mode")
	case AnswerHTML:
		return fail(bigfix.ErrNotThisServer, 200, "answers with an HTML page")
	case AnswerRedirect:
		return fail(bigfix.ErrNotThisServer, 302, "redirects to /login (HTTP 302)")
	case AnswerCut:
		return fail(bigfix.ErrUnavailable, 200, "answer cut short")
	case AnswerHuge:
		return fail(bigfix.ErrUnavailable, 200, "answer over 1 MiB")
	case AnswerDrop:
		return fail(bigfix.ErrUnavailable, 0, "connection closed without an answer")
	case AnswerHang:
		return fail(bigfix.ErrUnavailable, 0, "no answer within 20s")
	case Answer400, Answer500:
		return fail(bigfix.ErrBadRequest, r.answer.code(), "")
	case Answer401:
		return fail(bigfix.ErrUnauthorized, 401, "")
	case Answer403:
		return fail(bigfix.ErrForbidden, 403, "")
	case Answer404:
		return fail(bigfix.ErrNotThisServer, 404, "no such API at this address (HTTP 404)")
	}
	return fail(bigfix.ErrUnavailable, r.answer.code(), "")
}
