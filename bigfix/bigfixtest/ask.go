package bigfixtest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"importbot/bigfix"
)

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
		return fmt.Sprintf("started import %d", s.begun)
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

// strikeOn is strike for requests that never reach ask.
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
	case s.running != nil && !s.doubts.HideRunning && s.now.Sub(s.latest().Began) >= s.doubts.ShowLag:
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
	return new(s.doubts.Progress.at(s.done(c)))
}

// spoiled is what a bigfix.Client makes of an answer that hides the status.
var spoiled = map[Answer]struct {
	kind  bigfix.Kind
	words string // "" where the HTTP status says it all
}{
	AnswerEmpty:    {bigfix.ErrUnavailable, "answer cut short"},
	AnswerText:     {bigfix.ErrUnavailable, "answer is not JSON"},
	AnswerNoMode:   {bigfix.ErrUnavailable, "answer has no mode"},
	AnswerHTML:     {bigfix.ErrNotThisServer, "answers with an HTML page"},
	AnswerRedirect: {bigfix.ErrNotThisServer, "redirects to /login (HTTP 302)"},
	AnswerCut:      {bigfix.ErrUnavailable, "answer cut short"},
	AnswerHuge:     {bigfix.ErrUnavailable, "answer over 1 MiB"},
	AnswerDrop:     {bigfix.ErrUnavailable, "connection closed without an answer"},
	AnswerHang:     {bigfix.ErrUnavailable, "no answer within 20s"},
	Answer400:      {bigfix.ErrBadRequest, ""},
	Answer401:      {bigfix.ErrUnauthorized, ""},
	Answer403:      {bigfix.ErrForbidden, ""},
	Answer404:      {bigfix.ErrNotThisServer, "no such API at this address (HTTP 404)"},
	Answer500:      {bigfix.ErrBadRequest, ""},
	Answer500Bare:  {bigfix.ErrUnavailable, ""},
	Answer502:      {bigfix.ErrUnavailable, ""},
	Answer503:      {bigfix.ErrUnavailable, ""},
}

// result is what a bigfix.Client makes of the reply to a look or, with the
// operation "start …", to run=. TestSimAgreesWithTheWire holds it to that.
func (r reply) result(op string) (bigfix.Status, error) {
	if r.down {
		return bigfix.Status{}, &bigfix.Error{Kind: bigfix.ErrUnavailable, Op: op, Unsent: true, Err: errors.New("connection refused")}
	}
	switch r.answer {
	case AnswerStatus, AnswerStale:
		return r.status, nil
	case AnswerOddMode:
		r.status.Mode = oddMode
		return r.status, nil
	case AnswerEmpty, AnswerText, AnswerNoMode:
		if op != "status" { // a start takes any 200 for an answer
			return bigfix.Status{Date: r.status.Date}, nil
		}
	}
	as, ok := spoiled[r.answer]
	if !ok {
		as.kind = bigfix.ErrUnavailable
	}
	e := &bigfix.Error{Kind: as.kind, Op: op, Status: r.code(), Message: r.said()}
	if as.words != "" {
		e.Err = errors.New(as.words)
	}
	return bigfix.Status{}, e
}

// code is the HTTP status that goes over the wire, 0 where none does.
func (r reply) code() int {
	if r.down || r.answer == AnswerDrop || r.answer == AnswerHang {
		return 0
	}
	return r.answer.code()
}
