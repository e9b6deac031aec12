package imports

import (
	"errors"
	"strings"
	"time"

	"importbot/bigfix"
)

// tape turns a row of the truth table into looks at a server, and has them judged.
type tape struct {
	someServer
	desk   desk
	now    time.Time // of the last look, by our clock
	before bigfix.Status
	began  time.Time // by our clock; zero until the import shows
	sent   time.Time
	ended  time.Time // by our clock; zero while it runs
	due    time.Time // when a scheduled import is due, by our clock
}

const (
	lookEvery = 30 * time.Second
	anHour    = time.Hour
)

// tapeStart is when the first look is answered.
var tapeStart = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

func newTape(srv someServer, looks []string) *tape {
	tp := &tape{someServer: srv, now: tapeStart}
	tp.desk.rules = Rules{StartGrace: 3 * time.Minute}
	tp.desk.srv.Name = "prod"
	yesterday := tp.there(tapeStart.Add(-20 * time.Hour))
	tp.before = bigfix.Status{
		Mode: bigfix.ModeIdle, LastStatus: bigfix.StatusSuccessful, LastImportType: bigfix.TypeComplete,
		LastImportTime: yesterday, LastSuccessTime: yesterday,
	}
	tp.due = tp.dueIn(looks)
	return tp
}

// there is a time of ours by the server's clock, in whole seconds as it writes them.
func (tp *tape) there(t time.Time) time.Time { return t.Add(tp.ahead).Truncate(time.Second) }

// dueIn is when a scheduled import is due: where the row has its "!", else in the evening.
func (tp *tape) dueIn(looks []string) time.Time {
	at := tapeStart
	for _, look := range looks {
		switch {
		case look == "!":
			return at.Add(-lookEvery + time.Second)
		case look == "~":
			at = at.Add(anHour)
		case !strings.HasSuffix(look, ">"):
			at = at.Add(lookEvery)
		}
	}
	return tapeStart.Add(20 * time.Hour)
}

// step plays one word of a row.
func (tp *tape) step(word string) {
	switch {
	case word == "!":
	case word == "~":
		tp.now = tp.now.Add(anHour)
	case strings.HasSuffix(word, ">"):
		tp.send(strings.TrimSuffix(word, ">"))
	default:
		if !tp.desk.srv.Last.At.IsZero() {
			tp.now = tp.now.Add(lookEvery)
		}
		tp.look(word)
	}
}

// send sends run= two seconds after the last look.
func (tp *tape) send(answer string) {
	tp.sent = tp.now.Add(2 * time.Second)
	failures := map[string]*Failure{
		"403": {Kind: FailForbidden, HTTP: 403},
		"500": {Kind: FailBadRequest, HTTP: 500},
	}
	tp.desk.start(Import{Server: "prod", Type: bigfix.TypeComplete}, tp.sent, failures[answer])
	if answer == "crash" {
		tp.desk.active[0].State = Sending
	}
}

func (tp *tape) look(word string) {
	span := Span{Asked: tp.now.Add(-tp.latency), At: tp.now}
	if word == "x" {
		tp.desk.look(Observe(span, bigfix.Status{}, errors.New("connection refused")))
		return
	}
	tp.desk.look(Observe(span, tp.clocked(tp.answer(word)), nil))
}

// answer is the status that a word of a row stands for.
func (tp *tape) answer(word string) bigfix.Status {
	st := tp.before
	switch {
	case word == "R":
		tp.begin()
		return bigfix.Status{Mode: bigfix.ModeRunning}
	case word >= "1" && word <= "9":
		tp.begin()
		percent := int(word[0]-'0') * 10
		return bigfix.Status{Mode: bigfix.ModeRunning, Progress: &percent}
	case word == "?":
		return bigfix.Status{Mode: "maintenance"}
	case word == ".":
		tp.quiet()
		return st
	case word == "p":
		tp.quiet()
		st.Mode = bigfix.ModePending
		return st
	case word == "n":
		tp.before = bigfix.Status{Mode: bigfix.ModeNone}
		return tp.before
	case word == "f":
		st.LastStatus = "failed"
		if tp.desk.srv.Last.At.IsZero() {
			tp.before = st // it had failed before
		}
		return st
	}
	return tp.end(word)
}

// quiet notes when the import ended: five seconds before the look that first showed nothing running.
func (tp *tape) quiet() {
	if tp.ended.IsZero() && !tp.began.IsZero() {
		tp.ended = tp.now.Add(-5 * time.Second)
	}
}

// begin notes when the import began: twenty seconds ago, but after run= was sent.
func (tp *tape) begin() {
	tp.ended = time.Time{}
	if !tp.began.IsZero() {
		return
	}
	tp.began = tp.now.Add(-20 * time.Second)
	if earliest := tp.sent.Add(time.Second); tp.began.Before(earliest) {
		tp.began = earliest
	}
}

// end is a report of this import's end.
func (tp *tape) end(word string) bigfix.Status {
	if tp.began.IsZero() {
		tp.begin()
	}
	tp.quiet()
	if word == "E" {
		st := tp.before
		st.LastImportTime = tp.there(tp.began)
		return st
	}
	at := tp.there(tp.ended)
	if tp.timeIs == "begin" {
		at = tp.there(tp.began)
	}
	old := tp.before
	st := bigfix.Status{
		Mode: bigfix.ModeIdle, LastStatus: bigfix.StatusSuccessful, LastImportType: bigfix.TypeComplete,
		LastImportTime: at, LastSuccessTime: at,
	}
	switch word {
	case "F":
		st.LastStatus, st.LastSuccessTime = "failed", old.LastSuccessTime
	case "T":
		st.LastImportTime = at.Add(-anHour)
		st.LastSuccessTime = st.LastImportTime
	case "O":
		st.LastImportType = bigfix.TypeRaw
	case "U":
		st.LastImportType = ""
	case "W":
		st.LastStatus = ""
	case "w":
		st.LastStatus, st.LastSuccessTime = "", old.LastSuccessTime
	case "C":
		st.LastSuccessTime = old.LastSuccessTime
	case "A":
		st.LastStatus = "failed"
	case "B":
		st.LastImportTime = old.LastImportTime.Add(-anHour)
	}
	return st
}

// clocked adds to an answer what the server shows of its clock and its schedule.
func (tp *tape) clocked(st bigfix.Status) bigfix.Status {
	answered := tp.now.Add(-tp.latency / 2)
	if tp.clock == "date" {
		st.Date = tp.there(answered)
	}
	if !st.Mode.NotRunning() || st.Mode == bigfix.ModeNone {
		return st
	}
	due := tp.due
	for !due.After(answered) {
		due = due.Add(24 * time.Hour)
	}
	st.NextImportTime, st.NextImportType = tp.there(due), bigfix.TypeComplete
	if tp.clock == "schedule" {
		in := due.Sub(answered).Truncate(time.Second)
		st.NextImportIn = &in
	}
	return st
}
