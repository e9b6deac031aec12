package handlers

import (
	"fmt"
	"strings"
	"time"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// What kinds of message there are besides those about imports, as their metadata names them.
const (
	kindAlert     = "alert"
	kindRecovered = "recovered"
	kindDigest    = "digest"
)

// alertScene is what a message about an alert is written from.
type alertScene struct {
	now     time.Time
	server  Server
	alert   imports.Alert
	imp     *imports.Import // the import it is about; nil where none, or not known any more
	ended   *imports.Import // the import that ended it; nil
	known   imports.Server
	recent  []imports.Import // newest first
	card    string           // link to the card of imp; ""
	command string           // "/import"
	unmuted bool             // it is told because a mute is over, and was raised before
}

// alertMessage is an alert: what, where, since when, and what can be done. It mentions who is on call.
func alertMessage(s alertScene) bot.Message {
	m := compose(s.now, func(p pen) sheet {
		out := sheet{body: []string{join(s.headline(p), p.mention(s.server.AlertMention))}}
		out.body = append(out.body, s.facts(p)...)
		out.body = append(out.body, s.advice(p), s.cardLine(p))
		out.small = []string{s.again(), s.quieted(p), s.muteHint(p)}
		return out
	})
	sc, _ := s.about()
	m.Blocks = append(m.Blocks, alertButtons(sc, s.alert)...)
	return s.mark(m, kindAlert)
}

// recoveredMessage says, in the alert's thread, that it is over. Nobody is mentioned: there is nothing to do.
func recoveredMessage(s alertScene) bot.Message {
	m := simple(s.now, func(p pen) []string {
		if s.alert.SwitchedOff {
			return []string{s.switchedOff(p)}
		}
		return []string{s.overWord() + ": " + s.over(p), s.afterwards(p)}
	})
	return s.mark(m, kindRecovered)
}

// reopenedMessage says, in the alert's thread, that it is so again shortly after it was over.
func reopenedMessage(s alertScene) bot.Message {
	m := simple(s.now, func(p pen) []string {
		return []string{join("Again: "+lowerFirst(s.headline(p)), p.mention(s.server.AlertMention)), s.advice(p)}
	})
	return s.mark(m, kindAlert)
}

// mark puts the metadata on a message by which it can be found again.
func (s alertScene) mark(m bot.Message, kind string) bot.Message {
	m.Metadata = &bot.Metadata{EventType: eventType, Payload: map[string]any{
		"id": s.alert.ImportID, "server": s.server.Name, "kind": kind, "alert": s.alert.ID,
	}}
	return m
}

// mention mentions a user or a user group; "" for "".
func (p pen) mention(id string) string {
	switch {
	case id == "":
		return ""
	case isGroup(id):
		return p.group(id)
	}
	return p.user(id)
}

// about is the scene of the import that the alert is about; ok is false where there is none.
func (s alertScene) about() (sc scene, ok bool) {
	sc = scene{now: s.now, server: s.server, known: s.known, recent: s.recent}
	if s.imp == nil {
		return sc, false
	}
	sc.imp = *s.imp
	return sc, true
}

// subject names the import the alert is about: "Scheduled complete import on prod".
func (s alertScene) subject(p pen) string {
	kind, origin := p.kind(""), ""
	if s.imp != nil {
		kind = p.kind(s.imp.Type)
		if s.imp.Origin == imports.Scheduled {
			origin = "scheduled "
		}
	}
	return capital(origin+kind) + " on " + p.name(s.server.Name)
}

// headline is the first sentence, which is all that somebody reads who was just woken.
func (s alertScene) headline(p pen) string {
	a, server := s.alert, p.name(s.server.Name)
	switch a.Kind {
	case imports.AlertFailed:
		return s.failed(p)
	case imports.AlertMissed:
		return s.missed(p)
	case imports.AlertStale:
		if a.Success.IsZero() {
			return "No import of " + server + " has succeeded for too long: I know of none since " + p.at(a.Since.Add(-a.Limit)) + "."
		}
		return "Reports of " + server + " are out of date: their data is of " + p.at(a.Success) + ", " + s.age(p, a.Success) + " old."
	case imports.AlertStalled:
		return s.subject(p) + " stands still" + s.at(p) + " since " + p.clock(a.Since) + ", for " + s.since(p) + "."
	case imports.AlertOverrun:
		return s.subject(p) + " takes too long: " + s.running(p) + s.usually(p) + "."
	case imports.AlertBrief:
		return s.subject(p) + " succeeded suspiciously fast: " + s.took(p) + s.usually(p) + "."
	case imports.AlertUnreachable:
		silence := " has not answered since "
		if a.Failure != nil && a.Failure.HTTP != 0 {
			silence = " has given no usable answer since "
		}
		return server + silence + p.clock(a.Since) + ", for " + s.since(p) + s.failure(p) + "."
	case imports.AlertCredentials:
		return server + " " + s.denial() + s.code() + ", since " + p.clock(a.Since) + s.saying(p) + "."
	case imports.AlertPending:
		return "Changes made in the web pages of " + server + " have been waiting for an import since " + p.at(a.Since) + "."
	}
	return "Something is wrong with " + server + " since " + p.at(a.Since) + "."
}

// failed is the verdict on the import, as its end notice has it.
func (s alertScene) failed(p pen) string {
	sc, ok := s.about()
	if !ok {
		return "An import on " + p.name(s.server.Name) + " did not succeed, " + p.at(s.alert.Since) + "."
	}
	return sc.verdict(p)
}

func (s alertScene) missed(p pen) string {
	what := "import"
	if s.alert.DueType != "" {
		what = p.kind(s.alert.DueType)
	}
	line := "Scheduled " + what + " on " + p.name(s.server.Name) + " did not run: it was due " + p.at(s.alert.Due)
	b := s.known.Quiet
	if !s.alert.Open() || b == nil || b.LastImportTime.IsZero() || b.LastImportTime.After(s.alert.Due) {
		return line + "."
	}
	state := "nothing began then on the server"
	if st := s.known.Good.Status; st != nil && st.Mode.NotRunning() {
		state = "nothing runs on the server"
	}
	return line + ", " + state + ", and it reports nothing newer than " + p.at(b.LastImportTime) + "."
}

// since is how long it has been so.
func (s alertScene) since(p pen) string { return p.span(s.now.Sub(s.alert.Since)) }

// at is where a stalled import rests.
func (s alertScene) at(p pen) string {
	if s.alert.Progress == nil {
		return ""
	}
	return " at " + p.percent(*s.alert.Progress)
}

// running is for how long an import has been running that takes too long.
func (s alertScene) running(p pen) string {
	switch {
	case s.imp == nil || s.imp.BegunAt.IsZero():
		return "longer than " + p.span(s.alert.Limit)
	case s.imp.State == imports.Ended:
		return p.span(s.imp.EndedAt.Sub(s.imp.BegunAt))
	}
	return "it has been running for " + p.span(s.now.Sub(s.imp.BegunAt))
}

func (s alertScene) usually(p pen) string {
	u := s.alert.Usual
	if u == nil {
		return ""
	}
	return ", usually " + p.between(u.Low, u.High)
}

// took is how long an import ran that was over too soon.
func (s alertScene) took(p pen) string {
	if s.imp == nil {
		return "in less than " + p.span(s.alert.Limit)
	}
	if d, ok := s.imp.Duration(); ok {
		return "after " + p.span(d)
	}
	return "between two looks"
}

// failure is why a server is not seen.
func (s alertScene) failure(p pen) string {
	if s.alert.Failure == nil {
		return ""
	}
	return ": " + p.failure(*s.alert.Failure)
}

// denial says what is rejected.
func (s alertScene) denial() string {
	if f := s.alert.Failure; f != nil && f.Kind == imports.FailForbidden {
		return "does not let Importbot's user see imports"
	}
	return "rejects Importbot's credentials"
}

// code is the status code of the rejection.
func (s alertScene) code() string {
	if s.alert.Failure == nil {
		return ""
	}
	return httpCode(*s.alert.Failure)
}

// saying are the server's own words for it.
func (s alertScene) saying(p pen) string {
	if s.alert.Failure == nil {
		return ""
	}
	return saying(p, *s.alert.Failure)
}

// facts are what one has to know besides.
func (s alertScene) facts(p pen) []string {
	sc, _ := s.about()
	switch s.alert.Kind {
	case imports.AlertFailed:
		return []string{sc.why(p), s.lastSuccess(p), sc.next(p)}
	case imports.AlertMissed:
		return []string{s.lastSuccess(p), sc.next(p)}
	case imports.AlertStale:
		return []string{s.expected(p), s.rawSince(p), sc.next(p)}
	case imports.AlertBrief:
		return []string{"It may have had no data to import."}
	case imports.AlertUnreachable:
		return []string{s.lastProgress(p), "While I can't see it, I can't say whether its imports run."}
	case imports.AlertCredentials:
		return []string{"Until that is mended I see no import of it, and start none."}
	case imports.AlertPending:
		return []string{sc.next(p)}
	}
	return nil
}

// lastSuccess is how fresh the reports are.
func (s alertScene) lastSuccess(p pen) string {
	if s.alert.Success.IsZero() {
		return "The server names no success so far."
	}
	last, age := p.at(s.alert.Success), s.age(p, s.alert.Success)
	if sc, _ := s.about(); sc.completed(s.alert.Success) && !s.known.Fresh.After(s.alert.Success) {
		return "Reports still show the data of " + last + ", " + age + " old."
	}
	if b := s.known.Quiet; b != nil && !s.known.Fresh.IsZero() && b.LastSuccessTime.After(s.known.Fresh) {
		return "Last success that counts for the reports " + last + ", " + age + " ago: that of " + p.at(b.LastSuccessTime) + " was raw."
	}
	return "Last success " + last + ", " + age + " ago."
}

// age is how long ago a time by the server's clock is.
func (s alertScene) age(p pen, t time.Time) string {
	sc, _ := s.about()
	return p.span(sc.serverNow().Sub(t))
}

func (s alertScene) expected(p pen) string {
	if s.alert.Limit <= 0 {
		return ""
	}
	return "I expect a success at least every " + p.span(s.alert.Limit) + "."
}

// rawSince explains a last success that the status shows and that does not count.
func (s alertScene) rawSince(p pen) string {
	b := s.known.Quiet
	if b == nil || b.LastImportType != bigfix.TypeRaw || !b.LastSuccessTime.After(s.alert.Success) {
		return ""
	}
	return "The raw import that succeeded " + p.at(b.LastSuccessTime) + " does not change what reports show."
}

// lastProgress is how an import stood when the server was seen last.
func (s alertScene) lastProgress(p pen) string {
	st := s.known.Good.Status
	if st == nil || st.Mode != bigfix.ModeRunning {
		return ""
	}
	if st.Progress == nil {
		return "An import was running when I saw it last."
	}
	return "An import was running, " + p.percent(*st.Progress) + ", when I saw it last."
}

// advice is what can be done.
func (s alertScene) advice(p pen) string {
	sc, _ := s.about()
	page := p.dataImports(s.server)
	stopping := page + ", where it can be stopped, or the log on the server under " + p.code(logPlace)
	complete := p.code(s.command + " complete " + s.server.Name)
	switch s.alert.Kind {
	case imports.AlertFailed:
		again := p.code(s.command + " " + p.typeWord(sc.remedy()) + " " + s.server.Name)
		return join(sc.whereToLook(p), again+" starts a new one.")
	case imports.AlertMissed, imports.AlertStale:
		return "See " + page + " for the schedule; " + complete + " starts an import now."
	case imports.AlertStalled:
		return "See " + stopping + "."
	case imports.AlertOverrun:
		if still, ok := s.stalled(); ok {
			return "It stands still" + still.at(p) + " since " + p.clock(still.alert.Since) + ", which has an alert of its own. See " + stopping + "."
		}
		return "As long as its progress moves there is nothing to do; if it stands still, see " + stopping + "."
	case imports.AlertBrief:
		return "Compare its steps in " + page + " with those of the one before."
	case imports.AlertUnreachable:
		return "I keep looking. Check that the server and its service run, and that its address is reached from where Importbot runs."
	case imports.AlertCredentials:
		if s.denied() {
			return "That user needs the permission Manage Imports."
		}
		return s.server.renew(p)
	case imports.AlertPending:
		return complete + " brings them into effect."
	}
	return "See " + page + "."
}

// stalled is the open alert that the same import stands still; ok is false where there is none.
func (s alertScene) stalled() (still alertScene, ok bool) {
	for _, a := range s.known.Open() {
		if a.Kind == imports.AlertStalled && a.ImportID == s.alert.ImportID {
			s.alert = a
			return s, true
		}
	}
	return alertScene{}, false
}

func (s alertScene) denied() bool {
	return s.alert.Failure != nil && s.alert.Failure.Kind == imports.FailForbidden
}

func (s alertScene) cardLine(p pen) string {
	if s.card == "" {
		return ""
	}
	return "Its card is " + p.link(s.card, "here") + "."
}

// again says that it was so before.
func (s alertScene) again() string {
	switch n := s.alert.Times; {
	case n == 2:
		return "Second time within a day"
	case n == 3:
		return "Third time within a day"
	case n > 3:
		return fmt.Sprintf("%d times within a day", n)
	}
	return ""
}

// quieted explains why it comes late.
func (s alertScene) quieted(p pen) string {
	if !s.unmuted {
		return ""
	}
	return "Noticed " + p.when(s.alert.RaisedAt) + ", while alerts were muted"
}

func (s alertScene) muteHint(p pen) string {
	return p.code(s.command+" mute "+s.server.Name+" 2h") + " keeps its alerts quiet"
}

// over is the sentence that says why it is over.
func (s alertScene) over(p pen) string {
	a, server := s.alert, p.name(s.server.Name)
	lasted := p.span(a.OverAt.Sub(a.Since))
	switch a.Kind {
	case imports.AlertFailed, imports.AlertMissed, imports.AlertStale:
		return s.succeeded(p)
	case imports.AlertStalled:
		if s.imp != nil && s.imp.State != imports.Ended {
			return "the import on " + server + " moves again" + s.progress(p) + ", after " + lasted + "."
		}
		return s.importOver(p)
	case imports.AlertOverrun:
		return s.importOver(p)
	case imports.AlertBrief:
		if s.ended == nil {
			return "a day has passed, and I have seen nothing that is suspicious on " + server + " since."
		}
		return articled(p.kind(s.ended.Type)) + " on " + server + " took as long as usual" + s.endedTook(p) + "."
	case imports.AlertUnreachable:
		return server + " answers again, after " + lasted + " out of sight."
	case imports.AlertCredentials:
		return server + " lets Importbot in again, after " + lasted + "."
	case imports.AlertPending:
		if s.ended == nil {
			return "no changes wait on " + server + " any more, after " + lasted + "."
		}
		return "the changes that waited on " + server + " for " + lasted + " are in effect: " + articled(p.kind(s.ended.Type)) + " succeeded " + p.clock(s.ended.EndedAt) + "."
	}
	return "what was wrong with " + server + " is so no more."
}

// overWord begins a recovery. That an import does not run any more is no good news where it failed.
func (s alertScene) overWord() string {
	aboutRun := s.alert.Kind == imports.AlertStalled || s.alert.Kind == imports.AlertOverrun
	if aboutRun && s.imp != nil && s.imp.NeedsAttention() {
		return "Over, but not well"
	}
	return "Over"
}

// switchedOff says that nobody looks for it any more, and so nothing of how it is.
func (s alertScene) switchedOff(p pen) string {
	setting := map[imports.AlertKind]string{
		imports.AlertMissed: "MISSED_AFTER", imports.AlertStale: "STALE_AFTER", imports.AlertStalled: "STALL_AFTER",
		imports.AlertUnreachable: "UNREACHABLE_AFTER",
	}[s.alert.Kind]
	return "I don't watch for this on " + p.name(s.server.Name) + " any more: " + p.code(setting) + " was switched off. How it stands is another question: " +
		p.code(s.command+" status "+s.server.Name) + " says."
}

func (s alertScene) succeeded(p pen) string {
	server := p.name(s.server.Name)
	if s.ended != nil {
		return articled(p.kind(s.ended.Type)) + " on " + server + " succeeded " + p.clock(s.ended.EndedAt) + "."
	}
	if s.known.Fresh.After(s.alert.Success) {
		return server + " reports a success of " + p.at(s.known.Fresh) + "."
	}
	return "an import on " + server + " has succeeded since."
}

// importOver says how the import ended that took too long.
func (s alertScene) importOver(p pen) string {
	if s.imp == nil || s.imp.State != imports.Ended {
		return "the import on " + p.name(s.server.Name) + " is over."
	}
	sc, _ := s.about()
	if s.imp.Outcome == imports.Unknown {
		return "the " + p.kind(s.imp.Type) + " on " + p.name(s.server.Name) + " runs no more, and I can't say how it ended."
	}
	return lowerFirst(sc.verdict(p))
}

func (s alertScene) progress(p pen) string {
	if s.imp == nil || s.imp.Progress == nil {
		return ""
	}
	return ", " + p.percent(*s.imp.Progress)
}

func (s alertScene) endedTook(p pen) string {
	if d, ok := s.ended.Duration(); ok {
		return ": " + p.span(d)
	}
	return ""
}

// afterwards is for how long the reports had no fresh data, both times by the server's clock.
func (s alertScene) afterwards(p pen) string {
	switch s.alert.Kind {
	case imports.AlertFailed, imports.AlertMissed, imports.AlertStale:
	default:
		return ""
	}
	if s.ended != nil && s.ended.Type == bigfix.TypeRaw && s.server.Edition != bigfix.ILMT {
		return "It was raw: reports still show the data of before."
	}
	if s.alert.Success.IsZero() || !s.known.Fresh.After(s.alert.Success) {
		return ""
	}
	return "Reports were without fresh data for " + p.span(s.known.Fresh.Sub(s.alert.Success)) + "."
}

// alertLine is an open alert in a line: what is wrong, since when; or what went wrong, and when that was.
func alertLine(p pen, now time.Time, a imports.Alert) string {
	line, ago := "Alert: "+alertWord(p, a), ""
	if d := now.Sub(a.Since); d >= time.Minute {
		ago = p.span(d)
	}
	switch a.Kind {
	case imports.AlertFailed, imports.AlertMissed, imports.AlertBrief:
		line += " " + p.when(a.Since)
		if ago != "" {
			line += ", " + ago + " ago"
		}
		return line
	}
	line += ", since " + p.at(a.Since)
	if ago != "" {
		line += ", for " + ago
	}
	return line
}

// alertWord names what is wrong, in the middle of a line.
func alertWord(p pen, a imports.Alert) string {
	switch a.Kind {
	case imports.AlertFailed:
		return articled(p.kind(a.Type)) + " did not succeed"
	case imports.AlertMissed:
		return "a scheduled " + p.kind(a.DueType) + " did not run"
	case imports.AlertStale:
		return "reports are out of date"
	case imports.AlertStalled:
		if a.Progress != nil {
			return "the " + p.kind(a.Type) + " stands still at " + p.percent(*a.Progress)
		}
		return "the " + p.kind(a.Type) + " stands still"
	case imports.AlertOverrun:
		return "the " + p.kind(a.Type) + " takes much longer than usual"
	case imports.AlertBrief:
		return articled(p.kind(a.Type)) + " ended suspiciously fast"
	case imports.AlertUnreachable:
		if a.Failure != nil && a.Failure.HTTP != 0 {
			return "the server gives no usable answer"
		}
		return "the server does not answer"
	case imports.AlertCredentials:
		if a.Failure != nil && a.Failure.Kind == imports.FailForbidden {
			return "Importbot's user may not see imports"
		}
		return "Importbot's credentials are rejected"
	case imports.AlertPending:
		return "changes wait for an import"
	}
	return strings.ReplaceAll(bot.Escape(string(a.Kind)), "_", " ")
}
