package handlers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// logPlace is where both editions keep the logs of their imports, under the folder they are installed in.
const logPlace = "<install dir>/wlp/usr/servers/server1/logs/imports"

// finishedMessage is the end notice: a new message, since edits notify nobody. It mentions who asked and who joined.
func finishedMessage(s scene) bot.Message {
	m := simple(s.now, func(p pen) []string {
		first := s.verdict(p)
		who := p.users(mentioned(s.imp))
		if s.alert != nil {
			who = join(who, p.mention(s.server.AlertMention))
		}
		return []string{join(first, who), s.late(), s.unseen(p), s.why(p), s.shownNow(p), s.whereToLook(p), s.next(p)}
	})
	if s.alert != nil {
		m.Blocks = append(m.Blocks, alertButtons(s, *s.alert)...)
	}
	return s.mark(m, kindFinished)
}

// late explains to people who had been told that nothing began why they hear of it again.
func (s scene) late() string {
	if s.imp.Origin != imports.Late {
		return ""
	}
	return "It began after a start had been given up, so it is perhaps the one that was asked for."
}

// unseen says why there is no word of how long it ran, where nobody looked when it ended.
func (s scene) unseen(p pen) string {
	if !s.imp.EndUnseen || s.imp.Outcome != imports.Succeeded && s.imp.Outcome != imports.Failed {
		return ""
	}
	return "I did not see it end, so I can't say how long it took: it ran still at " + p.at(s.imp.LastRunning.At) + ", and was over by " + p.at(s.imp.EndedAt) + "."
}

// mentioned are the people whom an import's end concerns: who asked first, then who joined. Those who want a direct message
// instead are left out.
func mentioned(imp imports.Import) []string {
	all := imp.Followers
	if imp.RequestedBy != "" && !slices.Contains(all, imp.RequestedBy) {
		all = append([]string{imp.RequestedBy}, all...)
	}
	return slices.DeleteFunc(slices.Clone(all), func(user string) bool { return slices.Contains(imp.Direct, user) })
}

// isTold says whether somebody is told of an import's end, in the channel or by direct message.
func isTold(imp imports.Import, userID string) bool {
	return slices.Contains(mentioned(imp), userID) || slices.Contains(imp.Direct, userID)
}

// verdict is the first line: what, where, who started it where that was nobody here, how it ended, after how long. It ends
// with a full stop.
func (s scene) verdict(p pen) string {
	imp := s.imp
	subject := capital(p.kind(imp.Type)) + " on " + p.name(s.server.Name)
	switch imp.Origin {
	case imports.Scheduled:
		subject = "Scheduled " + lowerFirst(subject)
	case imports.Elsewhere:
		subject += ", started elsewhere,"
	}
	switch imp.Outcome {
	case imports.Succeeded:
		return subject + " succeeded" + s.took(p) + "."
	case imports.Failed:
		return subject + " failed" + s.took(p) + s.serverSays(p) + "."
	case imports.Unclear:
		return subject + " is over; the server reports " + s.reported(p) + "."
	case imports.NotBegun:
		return subject + " did not begin."
	case imports.Refused, imports.Expired, imports.Cancelled:
		return subject + " was not started."
	}
	return strings.TrimSuffix(subject, ",") + ": I can't say how it ended."
}

// took is how long it ran, beside what is usual.
func (s scene) took(p pen) string {
	d, ok := s.imp.Duration()
	if !ok {
		return ""
	}
	took := " after " + p.span(d)
	usual, ok := s.usual()
	if !ok {
		return took
	}
	range_ := p.between(usual.Low, usual.High)
	switch {
	case d > usual.High+usual.High/4:
		return took + ", longer than usual (" + range_ + ")"
	case d < usual.Low-usual.Low/4:
		return took + ", shorter than usual (" + range_ + ")"
	}
	return took + " (usually " + range_ + ")"
}

// serverSays quotes the server's word for a failure.
func (s scene) serverSays(p pen) string {
	if s.imp.End == nil || s.imp.End.Status == "" {
		return ": the server gives no word for it, and its last success did not move"
	}
	return ": the server says " + p.quote(string(s.imp.End.Status))
}

// reported is the end that the server reports, for an end that may be another import's.
func (s scene) reported(p pen) string {
	end := s.imp.End
	if end == nil {
		return "an end"
	}
	what := articled(p.kind(end.Type))
	how := "whose outcome it does not name"
	switch {
	case end.Status == bigfix.StatusSuccessful:
		how = "that succeeded"
	case end.Status != "":
		how = "that ended as " + p.quote(string(end.Status))
	}
	if end.ImportTime.IsZero() {
		return what + " " + how
	}
	return what + " " + how + ", of " + p.at(end.ImportTime)
}

// why says what an outcome other than success rests on. The card shows it too.
func (s scene) why(p pen) string {
	switch s.imp.Outcome {
	case imports.Unclear:
		return s.doubts(p)
	case imports.Unknown:
		return s.unknown(p)
	case imports.NotBegun:
		return s.notBegun(p)
	case imports.Refused:
		return s.refusal(p)
	case imports.Cancelled:
		return s.cancelled(p)
	case imports.Expired:
		if s.imp.Reason.Kind == imports.ReasonWaited {
			return s.waitedInVain(p)
		}
		return s.expiry(p)
	}
	return ""
}

// doubts says why the end may not be this import's.
func (s scene) doubts(p pen) string {
	var words []string
	for _, d := range s.imp.Doubts {
		words = append(words, p.doubt(d))
	}
	if len(words) == 0 {
		return "I can't be sure that it is the same one."
	}
	return "I can't be sure that it is the same one: " + strings.Join(words, "; ") + "."
}

func (p pen) doubt(d imports.Doubt) string {
	switch d.Kind {
	case imports.DoubtGap:
		return "I saw nothing between " + p.at(d.From) + " and " + p.at(d.To)
	case imports.DoubtFellBack:
		return "its progress fell back on the way, as if another one had begun"
	case imports.DoubtNightly:
		return "a scheduled import was due in the same minutes"
	case imports.DoubtType:
		return "the type reported is not the one that was asked for"
	case imports.DoubtTime:
		return "the time reported fits neither its beginning nor its end"
	case imports.DoubtNoBaseline:
		return "I had not seen the server before it ran, so there is nothing to compare with"
	case imports.DoubtTypeUnknown:
		return "the server does not say of which type it was"
	case imports.DoubtAnother:
		return "another import seems to have run in the same minutes"
	case imports.DoubtStale:
		return "nothing moved but the time of the last import, so its word may still be that of the one before"
	case imports.DoubtRefused:
		return "the server had refused the request to start it"
	}
	return "something does not fit (" + p.quote(string(d.Kind)) + ")"
}

// unknown says what was seen of an import whose end nobody can tell.
func (s scene) unknown(p pen) string {
	imp := s.imp
	seen := "It was never seen running"
	if !imp.LastRun.IsZero() {
		seen = "It was running, " + s.soFar(p) + "at " + p.at(imp.LastRun)
	}
	switch imp.Reason.Kind {
	case imports.ReasonOutOfSight:
		reason := ""
		if imp.LastFailure != nil {
			reason = " (" + p.failure(*imp.LastFailure) + ")"
		}
		return seen + "; the server has not answered for a day since" + reason + ". I have given this import up, not the server: " +
			"I go on looking at it."
	case imports.ReasonHistory:
		return seen + "; then the server's own history went backwards, as after a restored database, so nothing can be concluded from it."
	}
	if imp.Reason.Kind == imports.ReasonNoWord {
		return seen + "; then the server reported an import that is over" + s.overAt(p) + ", without a word for how it ended."
	}
	since := ""
	if imp.Settle != nil {
		since = "since " + p.at(imp.Settle.Since) + " "
	}
	newer := "reports no import that is newer"
	if b := imp.Baseline; b != nil && !b.LastImportTime.IsZero() {
		newer = "reports no import newer than " + p.at(b.LastImportTime)
	}
	return seen + "; " + since + "nothing runs on the server, and it " + newer + ". It may have been interrupted."
}

// overAt is when the import was that the server reports, by its own clock.
func (s scene) overAt(p pen) string {
	if s.imp.End == nil || s.imp.End.ImportTime.IsZero() {
		return ""
	}
	return ", of " + p.at(s.imp.End.ImportTime)
}

// notBegun says what came of the request. A process that was killed just before it left can't be told from one that was
// killed just after, so it is not said that the request was made.
func (s scene) notBegun(p pen) string {
	at := ""
	if !s.imp.SendingAt.IsZero() {
		at = " " + p.when(s.imp.SendingAt)
	}
	answer := s.imp.Reason.Failure
	if answer == nil {
		answer = s.imp.SendAnswer
	}
	sign := "the server has shown no sign of an import since"
	if s.imp.Reason.Kind != imports.ReasonNoSign {
		sign = "nothing was started, as far as I can see"
	}
	if answer != nil {
		return "The request to start it" + at + " went wrong: " + p.failure(*answer) + "; " + sign + "."
	}
	return "It was to start" + at + "; " + sign + ". Should it begin late, I follow it all the same."
}

// shownNow says which data people look at after this import.
func (s scene) shownNow(p pen) string {
	imp := s.imp
	switch {
	case imp.Outcome == imports.Succeeded && s.isRaw():
		of := ""
		if t := s.lastComplete(); !t.IsZero() {
			of = ", of " + p.at(t)
		}
		return "The raw data is available through the REST API only; the web pages, but for the Metering Data report, still show the last complete import" + of + "."
	case imp.Outcome == imports.Succeeded && imp.End != nil:
		t := imp.End.SuccessTime
		if t.IsZero() {
			t = imp.End.ImportTime
		}
		if t.IsZero() {
			return ""
		}
		return "Reports now show the data of " + p.at(t) + "."
	case imp.Outcome == imports.Failed || imp.Outcome == imports.Unknown:
		if t := s.lastComplete(); !t.IsZero() {
			return "Reports still show the data of " + p.at(t) + "."
		}
		if t := s.lastSuccess(); !t.IsZero() {
			return "The last success that the server reports is of " + p.at(t) + "."
		}
	}
	return ""
}

// lastComplete is when the last complete import before this one succeeded, by the server's clock, where that is certain:
// the server names one success only, and does not say of which type it was unless it was the last import as well. Behind
// a raw one that it names it is known from what was seen.
func (s scene) lastComplete() time.Time {
	b := s.imp.Baseline
	if b == nil || b.LastSuccessTime.IsZero() {
		return time.Time{}
	}
	if b.LastImportType == bigfix.TypeComplete && b.LastStatus == bigfix.StatusSuccessful {
		return b.LastSuccessTime
	}
	for _, t := range []time.Time{b.LastSuccessTime, s.known.Fresh} {
		if !t.After(b.LastSuccessTime) && s.completed(t) {
			return t
		}
	}
	return time.Time{}
}

// completed says whether the success of a time is known to be a complete import's. License Metric Tool has no other.
func (s scene) completed(t time.Time) bool {
	if t.IsZero() || s.server.Edition == bigfix.ILMT {
		return !t.IsZero()
	}
	if b := s.known.Quiet; b != nil && b.LastImportType == bigfix.TypeComplete && b.LastStatus.Successful() && b.LastSuccessTime.Equal(t) {
		return true
	}
	return slices.ContainsFunc(s.recent, func(i imports.Import) bool {
		return i.ID != s.imp.ID && i.Outcome == imports.Succeeded && i.Type == bigfix.TypeComplete && i.End != nil && i.End.SuccessTime.Equal(t)
	})
}

// lastSuccess is the last success that the server named, by its clock.
func (s scene) lastSuccess() time.Time {
	if s.imp.End != nil && !s.imp.End.SuccessTime.IsZero() {
		return s.imp.End.SuccessTime
	}
	if s.imp.Baseline != nil {
		return s.imp.Baseline.LastSuccessTime
	}
	return time.Time{}
}

// whereToLook points at what the API does not tell.
func (s scene) whereToLook(p pen) string {
	page := p.dataImports(s.server)
	switch {
	case s.imp.Outcome == imports.Failed:
		return "The server gives no reason through its API: see " + page + ", or the log on the server under " + p.code(logPlace) + "."
	case s.imp.NeedsAttention(), s.imp.Outcome == imports.Unclear:
		return "See " + page + ", or the log on the server under " + p.code(logPlace) + "."
	case s.imp.Outcome == imports.NotBegun:
		return "See " + page + "."
	}
	return ""
}

// next names the next scheduled import.
func (s scene) next(p pen) string {
	b := s.known.Quiet
	if b == nil || b.NextImportTime.IsZero() || !b.NextImportTime.After(s.now) || s.isRaw() && s.imp.Outcome == imports.Succeeded {
		return ""
	}
	what := ""
	if b.NextImportType != "" {
		what = p.typeWord(b.NextImportType) + ", "
	}
	return fmt.Sprintf("Next scheduled: %s%s.", what, p.at(b.NextImportTime))
}

// httpCode is the status code of an answer, in brackets.
func httpCode(f imports.Failure) string {
	if f.HTTP == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d)", f.HTTP)
}

// reasonIn is the reason of a failure in brackets.
func reasonIn(p pen, f imports.Failure) string {
	if f.Reason == "" {
		return ""
	}
	return " (" + bot.Escape(bot.Cut(f.Reason, 100)) + ")"
}
