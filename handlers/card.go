package handlers

import (
	"time"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// scene is what a message about an import is written from: the import, its server, and what is known besides.
type scene struct {
	now    time.Time
	imp    imports.Import
	server Server
	// known is what is known of the server; the zero value where it was never seen.
	known imports.Server
	// recent are earlier imports of the server, newest first: for what is usual, and for what the reports show.
	recent []imports.Import
	// alert is the open alert about the import, where the end notice tells it; nil otherwise.
	alert *imports.Alert
	// unrevised says that the card has no edit left by which it could take back what it says of the time left: then it says nothing.
	unrevised bool
}

// usual is how long imports of this type took lately; ok is false where too few are known.
func (s scene) usual() (imports.Usual, bool) {
	var earlier []imports.Import
	for _, imp := range s.recent {
		if imp.ID != s.imp.ID {
			earlier = append(earlier, imp)
		}
	}
	if s.server.Edition == bigfix.ILMT {
		earlier = imports.Alike(earlier, s.imp.Type)
	}
	return imports.UsualOf(earlier, s.imp.Type)
}

// left is how long the import may still take. Nothing is said of one that stands still, or whose progress has rested for
// as long as it was to take when it moved last: that promise was not kept, and the next one would be worth no more.
func (s scene) left() (time.Duration, bool) {
	usual, ok := s.usual()
	imp := s.imp
	if !ok || imp.State != imports.Running || imp.BegunAt.IsZero() || imp.Midway || s.unrevised || s.still() {
		return 0, false
	}
	if since := imp.RestSince; imp.Progress != nil && !since.IsZero() {
		then, ok := usual.Left(imp.Progress, since.Sub(imp.BegunAt))
		if !ok || s.now.Sub(since) >= then {
			return 0, false
		}
	}
	return usual.Left(imp.Progress, s.now.Sub(imp.BegunAt))
}

// still says whether the import stands still: there is an open alert that says so, or its progress rests for much longer
// than imports usually rest.
func (s scene) still() bool {
	if s.imp.State != imports.Running || s.imp.Progress == nil || s.imp.RestSince.IsZero() {
		return false
	}
	for _, a := range s.known.Open() {
		if a.Kind == imports.AlertStalled && a.ImportID == s.imp.ID {
			return true
		}
	}
	from, ok := s.stillFrom()
	return ok && !s.now.Before(from)
}

// stillFrom is when an import whose progress rests begins to count as standing still: after twice the longest rest known,
// a tenth of what it usually takes, and three looks. That is sooner than anybody is woken for it. ok is false where too
// little is known.
func (s scene) stillFrom() (from time.Time, ok bool) {
	usual, ok := s.usual()
	if !ok || s.imp.Progress == nil || s.imp.RestSince.IsZero() {
		return time.Time{}, false
	}
	rest, ok := imports.LongestRest(s.recent, s.imp.Type)
	return s.imp.RestSince.Add(max(2*rest, usual.Median/10, 3*s.server.PollRunning)), ok
}

// trueUntil is until when what is said of the rest of the way may stand unchanged: twice as long as it was to take, or
// until the import counts as standing still. Zero where nothing is said that time alone makes untrue.
func (s scene) trueUntil() (until time.Time) {
	if left, ok := s.left(); ok {
		until = s.now.Add(2 * left)
	}
	from, ok := s.stillFrom()
	if ok && s.imp.State == imports.Running && from.After(s.now) && (until.IsZero() || from.Before(until)) {
		return from
	}
	return until
}

// outlook is what can be said of the rest of the way: what is left, or since when nothing moves, and what is usual.
func (s scene) outlook(p pen) string {
	usually := ""
	if usual, ok := s.usual(); ok {
		usually = "usually " + p.between(usual.Low, usual.High)
	}
	said := ""
	if left, ok := s.left(); ok {
		said = "about " + p.span(left) + " left"
	} else if s.still() {
		said = "stands still since " + p.at(s.imp.RestSince)
	}
	switch {
	case said != "" && usually != "":
		return said + " (" + usually + ")"
	case s.imp.State != imports.Running || s.imp.BegunAt.IsZero() || s.imp.Midway:
		return said
	}
	return said + usually // one of them is empty
}

// cardMessage is the card: the one message that shows how an import stands, edited as it goes on.
func cardMessage(s scene) bot.Message {
	m := compose(s.now, func(p pen) sheet {
		headline := capital(p.kind(s.imp.Type))
		if !p.plain {
			headline = "*" + headline + "*"
		}
		headline += " on " + p.name(s.server.Name)
		out := sheet{body: []string{s.stands(p, headline)}}
		out.body = append(out.body, s.progressLine(p), s.beneath(p))
		out.small = append(s.origin(p), s.lookedAt(p))
		return out
	})
	m.Blocks = append(m.Blocks, cardButtons(s)...)
	return s.mark(m, kindCard)
}

// stands is the card's first line: what, where, how it stands.
func (s scene) stands(p pen, headline string) string {
	imp := s.imp
	switch {
	case imp.State == imports.Ended:
		return headline + p.sep() + s.ended(p)
	case !imp.Lost.IsZero() && imp.BegunAt.IsZero():
		return headline + p.sep() + "starting, the server is out of sight"
	case !imp.Lost.IsZero():
		return headline + p.sep() + "was running, " + s.soFar(p) + "when last seen " + p.when(imp.LastRun)
	}
	switch imp.State {
	case imports.Accepted, imports.Sending, imports.Sent:
		return headline + p.sep() + "starting, not seen running yet" // one wording for what takes seconds: no edit is spent on it
	case imports.Settling:
		if imp.BegunAt.IsZero() {
			return headline + p.sep() + "started, looking whether it is over already"
		}
		return headline + p.sep() + "not running any more, making sure of how it ended"
	}
	state := "running"
	if imp.Progress != nil {
		state += ", " + p.percent(*imp.Progress)
	}
	if left, ok := s.left(); ok && p.plain {
		state += ", about " + p.span(left) + " left"
	} else if s.still() && p.plain {
		state += ", stands still since " + p.at(imp.RestSince)
	}
	return headline + p.sep() + state
}

// soFar is the progress as it was last seen, with a comma.
func (s scene) soFar(p pen) string {
	if s.imp.Progress == nil {
		return ""
	}
	return p.percent(*s.imp.Progress) + ", "
}

// ended is the card's state once the import is over.
func (s scene) ended(p pen) string {
	after := ""
	if d, ok := s.imp.Duration(); ok {
		after = " after " + p.span(d)
	}
	switch s.imp.Outcome {
	case imports.Succeeded:
		return "succeeded" + after
	case imports.Failed:
		return "failed" + after + s.serverSays(p)
	case imports.Unclear:
		return "over, and not clear whether the end is this one's"
	case imports.NotBegun:
		return "was not begun by the server"
	case imports.Refused:
		return "was not started"
	case imports.Expired:
		return "was not started in time"
	}
	return "can't say how it ended"
}

// progressLine is the bar with the outlook. The bar stays as it was last seen and never moves by itself.
func (s scene) progressLine(p pen) string {
	if p.plain || s.imp.Progress == nil || s.imp.State == imports.Ended {
		return ""
	}
	line := p.bar(*s.imp.Progress)
	if outlook := s.outlook(p); outlook != "" && s.imp.Lost.IsZero() {
		line += "  " + outlook
	}
	return line
}

// beneath says what a reader of the state has to know besides.
func (s scene) beneath(p pen) string {
	imp := s.imp
	switch {
	case imp.State == imports.Ended:
		return s.why(p)
	case !imp.Lost.IsZero():
		since := "since then"
		if imp.LastRun.IsZero() {
			since = "since " + p.at(imp.Lost)
		}
		return s.silent(p, since, imp.LastFailure)
	}
	return ""
}

// silent says since when and why the server gives no answer, and what that means for the import.
func (s scene) silent(p pen, since string, f *imports.Failure) string {
	server := p.name(s.server.Name)
	switch {
	case f == nil:
		return server + " has not answered " + since + ". That is common in mid-import. I keep looking."
	case f.Kind == imports.FailUnauthorized:
		return server + " rejects Importbot's credentials " + since + httpCode(*f) + saying(p, *f) + ". " + s.server.renew(p) + " I keep looking."
	case f.Kind == imports.FailForbidden:
		return server + " does not let Importbot's user look " + since + httpCode(*f) + saying(p, *f) + ". It needs the permission Manage Imports. I keep looking."
	}
	return server + " has not answered " + since + ": " + p.failure(*f) + ". That is common in mid-import. I keep looking."
}

// origin says who set the import going, and since when it is known.
func (s scene) origin(p pen) []string {
	imp := s.imp
	began := imp.BegunAt
	if began.IsZero() {
		began = imp.AcceptedAt
	}
	if imp.Origin == imports.Here && !imp.SendingAt.IsZero() {
		began = imp.SendingAt
	}
	at := ""
	if !began.IsZero() {
		at = " " + p.when(began)
	}
	switch {
	case imp.Origin == imports.Scheduled:
		return []string{"Scheduled, seen running" + at}
	case imp.Origin == imports.Elsewhere:
		return []string{"Started elsewhere, seen" + at}
	case imp.Origin == imports.Late:
		return []string{"Begun late, perhaps from a start that had been given up, seen" + at}
	case imp.State == imports.Accepted, imp.State == imports.Ended && !imp.Begun():
		return []string{"Asked for by " + p.user(imp.RequestedBy) + at}
	}
	return []string{"Started by " + p.user(imp.RequestedBy) + at}
}

// lookedAt says how fresh the card is.
func (s scene) lookedAt(p pen) string {
	imp := s.imp
	switch {
	case imp.State == imports.Ended && !imp.EndedAt.IsZero() && p.plain:
		return "Ended " + p.when(imp.EndedAt)
	case imp.State == imports.Ended && !imp.EndedAt.IsZero():
		return "ended " + p.when(imp.EndedAt)
	case imp.State == imports.Ended || imp.LastLook.IsZero() || !imp.Lost.IsZero():
		return ""
	case p.plain:
		return "Last look at " + p.clock(imp.LastLook)
	}
	return "last look " + p.clock(imp.LastLook)
}

// failure says in a few words why a server did not answer, with its own words where it gave some.
func (p pen) failure(f imports.Failure) string {
	words := bot.Escape(bot.Cut(f.Reason, 100))
	switch f.Kind {
	case imports.FailUnauthorized:
		words = "it rejects the credentials" + httpCode(f)
	case imports.FailForbidden:
		words = "it refuses the permission" + httpCode(f)
	case imports.FailNotServer:
		words = "what answers there is not this server" + reasonIn(p, f)
	}
	if words == "" {
		words = "no usable answer"
	}
	if f.Message != "" {
		words += ", it says " + p.quote(f.Message)
	}
	return words
}

// What kinds of message there are, as their metadata names them.
const (
	kindCard      = "card"
	kindMilestone = "milestone"
	kindFinished  = "finished"
	kindAnswer    = "answer"
	kindAway      = "away" // about no import: its id is empty
)

// eventType is the metadata's event_type of every message about an import.
const eventType = "importbot_import"

// mark puts the metadata on a message by which it can be found again. Any app of the workspace can read it.
func (s scene) mark(m bot.Message, kind string) bot.Message {
	m.Metadata = &bot.Metadata{EventType: eventType, Payload: map[string]any{
		"id": s.imp.ID, "server": s.imp.Server, "kind": kind,
	}}
	return m
}

// isRaw says whether what the import brings is not to be seen in the web pages.
func (s scene) isRaw() bool { return s.imp.Type == bigfix.TypeRaw }
