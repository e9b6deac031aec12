//go:build unix

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"importbot/bigfix/bigfixtest"
	"importbot/imports"
	"importbot/internal/slacksim"
)

// rule is one promise of Importbot's, and how to find in the evidence where it was broken. What it finds is told in words: what is
// wrong, about what.
type rule struct {
	name    string
	promise string
	find    func(*Evidence) []string
	// later: what it finds may only not have come yet, and a world waits for it.
	later bool
}

// rules is the list of everything that is checked after each world.
func rules() []rule {
	return []rule{
		{name: "rest", promise: "when all is well again, everything comes to its end", find: (*Evidence).restless},
		{name: "one run=", promise: "one accepted command, at most one run= request, on a fresh HTTP/1.1 connection", find: (*Evidence).runs},
		{name: "once", promise: "a command delivered twice is accepted once, and only from who may", find: (*Evidence).accepted},
		{name: "one end", promise: "every announced import that began gets its finished message, once", find: (*Evidence).ends, later: true},
		{name: "true outcome", promise: "the outcome is the server's, or unclear or unknown", find: (*Evidence).outcomes},
		{name: "alert", promise: "each alert is told once, each recovery once and in its thread, and none where the server is muted", find: (*Evidence).alarmed, later: true},
		{name: "unattended", promise: "an import that nobody started here and that needs somebody is told", find: (*Evidence).unattended, later: true},
		{name: "mute", promise: "a confirmed mute holds, whatever crashes, and nothing is alerted meanwhile", find: (*Evidence).unmuted},
		{name: "after", promise: "a start that waits is sent once, or taken back, expired or refused in words", find: (*Evidence).waited, later: true},
		{name: "followers", promise: "whoever asked to be told of an end is told", find: (*Evidence).untold, later: true},
		{name: "Home", promise: "whoever opens the Home tab sees it", find: (*Evidence).homeless, later: true},
		{name: "card", promise: "no card goes on saying that an import runs that is over", find: (*Evidence).staleCards, later: true},
		{name: "digest", promise: "the week's report is posted once in each channel that is due one, whoever dies", find: (*Evidence).weekly, later: true},
		{name: "ack", promise: "every command is acked within 3 s", find: (*Evidence).unacked},
		{name: "answer", promise: "every command is answered in words", find: (*Evidence).unanswered, later: true},
		{name: "few messages", promise: "an import makes at most 20 edits, besides those that people ask for, and 8 messages", find: (*Evidence).tooMany},
		{name: "said once", promise: "milestones are not said twice", find: (*Evidence).repeated},
		{name: "Slack's rules", promise: "no rule of Slack's is broken", find: (*Evidence).violations},
		{name: "Slack's limits", promise: "all processes together keep Slack's limits", find: (*Evidence).limited},
		{name: "secrets", promise: "no secret in any output", find: (*Evidence).secrets},
		{name: "stop", promise: "a process that is asked to stop exits with 0 within 10 s, and none ends by itself", find: (*Evidence).exits},
		{name: "sound", promise: "nothing panics, and no data race is seen", find: (*Evidence).unsound},
	}
}

// eventually are the rules that a world waits for.
func eventually() []rule {
	return slices.DeleteFunc(rules(), func(r rule) bool { return !r.later })
}

// Violation is one promise broken once.
type Violation struct{ Rule, Text string }

func (v Violation) String() string { return v.Rule + ": " + v.Text }

// check holds the evidence against all rules.
func check(e *Evidence) []Violation {
	var out []Violation
	for _, r := range rules() {
		for _, text := range r.find(e) {
			out = append(out, Violation{r.name, text})
		}
	}
	return out
}

func (e *Evidence) restless() []string {
	if e.Unsettled == "" {
		return nil
	}
	return []string{fmt.Sprintf("%s after all was well again: %s", settleWithin, e.Unsettled)}
}

// sendSlack is how much earlier than noted a request may have come: clocks are read one after the other.
const sendSlack = 5 * time.Millisecond

// sentBy are the run= requests that belong to an import: those between the moment before its own and the next one's. A server's imports
// are sent one after the other.
func (e *Evidence) sentBy(imp imports.Import) []bigfixtest.Request {
	if imp.SendingAt.IsZero() {
		return nil
	}
	var next time.Time
	for _, other := range e.Imports {
		if other.Server == imp.Server && other.SendingAt.After(imp.SendingAt) && (next.IsZero() || other.SendingAt.Before(next)) {
			next = other.SendingAt
		}
	}
	var out []bigfixtest.Request
	for _, r := range e.Servers[imp.Server].Runs() {
		if !r.Time.Before(imp.SendingAt.Add(-sendSlack)) && (next.IsZero() || r.Time.Before(next.Add(-sendSlack))) {
			out = append(out, r)
		}
	}
	return out
}

func (e *Evidence) runs() (found []string) {
	accounted := map[string]int{}
	for _, imp := range e.Imports {
		sent := e.sentBy(imp)
		accounted[imp.Server] += len(sent)
		if len(sent) > 1 {
			found = append(found, fmt.Sprintf("%d run= requests belong to %s, which was sent at %s: %s", len(sent), describe(imp), clock(imp.SendingAt), times(sent)))
		}
		if len(sent) > 0 && (imp.Outcome == imports.Refused || imp.Outcome == imports.Expired) {
			found = append(found, fmt.Sprintf("%s is said not to have been sent, but run= came at %s", describe(imp), times(sent)))
		}
		if len(sent) > 0 && imp.Origin != imports.Here {
			found = append(found, fmt.Sprintf("run= at %s belongs to %s, which nobody asked for", times(sent), describe(imp)))
		}
	}
	for name, journal := range e.Servers {
		runs := journal.Runs()
		if n := accounted[name]; n < len(runs) {
			found = append(found, fmt.Sprintf("%s got %d run= requests, and only %d belong to an import that was marked before: %s", name, len(runs), n, times(runs)))
		}
		for _, r := range runs {
			if r.Reused || r.Proto != "HTTP/1.1" {
				found = append(found, fmt.Sprintf("run= at %s came by %s on a connection that was used before (%t)", clock(r.Time), r.Proto, r.Reused))
			}
		}
	}
	return found
}

func times(requests []bigfixtest.Request) string {
	var out []string
	for _, r := range requests {
		out = append(out, clock(r.Time)+" ("+cmp.Or(r.Did, string(r.Answer), "no effect")+")")
	}
	return strings.Join(out, ", ")
}

func (e *Evidence) accepted() (found []string) {
	seen := map[string]string{}
	for _, imp := range e.Imports {
		if imp.RequestKey == "" {
			continue
		}
		if other, ok := seen[imp.RequestKey]; ok {
			found = append(found, fmt.Sprintf("one command became two imports: %s and %s", other, describe(imp)))
		}
		seen[imp.RequestKey] = describe(imp)
		switch c, ok := e.command(wish(imp)); {
		case !ok:
			found = append(found, fmt.Sprintf("%s was accepted, and nobody typed that", describe(imp)))
		case !c.Operator:
			found = append(found, fmt.Sprintf("%s was accepted from %s, who may not", describe(imp), c.User))
		case !c.starts():
			found = append(found, fmt.Sprintf("%s was accepted from %q", describe(imp), c.Text))
		}
	}
	return found
}

// post is a message that the bot sent.
type post struct {
	slacksim.Call
	id, kind, server string
	alert            string // the alert that it tells, or tells the end of
	direct           bool   // to one person
}

// lost reports whether Slack took it and its answer never left.
func (p post) lost() bool { return p.Taken && p.Status == 0 }

// posts are the messages about imports, alerts, absences and weeks that were sent, whether or not Slack took them.
func (e *Evidence) posts() []post {
	var out []post
	for _, c := range e.Calls {
		if c.Method != "chat.postMessage" {
			continue
		}
		var meta slacksim.Metadata
		if json.Unmarshal([]byte(c.Args["metadata"]), &meta) != nil {
			continue
		}
		p := post{Call: c, direct: strings.HasPrefix(c.Args["channel"], "U") || strings.HasPrefix(c.Args["channel"], "D")}
		p.id, _ = meta.Payload["id"].(string)
		p.kind, _ = meta.Payload["kind"].(string)
		p.alert, _ = meta.Payload["alert"].(string)
		p.server, _ = meta.Payload["server"].(string)
		if p.id != "" || p.alert != "" || p.kind == "away" || p.kind == "digest" {
			out = append(out, p)
		}
	}
	return out
}

// taken are those of one import and kind that Slack took; direct are the ones that went to one person.
func taken(posts []post, id, kind string, direct bool) []post {
	return slices.DeleteFunc(slices.Clone(posts), func(p post) bool {
		return p.id != id || p.kind != kind || p.direct != direct || !p.Taken
	})
}

// ends looks for the finished message of each import that was announced and began, or was sent.
func (e *Evidence) ends() (found []string) {
	posts := e.posts()
	for _, imp := range e.Imports {
		cards, finished := taken(posts, imp.ID, "card", false), taken(posts, imp.ID, "finished", false)
		found = append(found, e.doubled(describe(imp), "card", cards)...)
		found = append(found, e.doubled(describe(imp), "finished message", finished)...)
		direct := map[string][]post{}
		for _, p := range taken(posts, imp.ID, "finished", true) {
			direct[p.Args["channel"]] = append(direct[p.Args["channel"]], p)
		}
		for _, user := range slices.Sorted(maps.Keys(direct)) {
			found = append(found, e.doubled(describe(imp), "finished message to "+user, direct[user])...)
		}
		switch sent := !imp.SendingAt.IsZero(); {
		case len(cards) == 0 && !sent, !sent && !imp.Begun(), len(finished) > 0:
			continue
		case !e.refused(posts, imp.ID):
			found = append(found, fmt.Sprintf("%s has no finished message, and its channel took everything", describe(imp)))
			continue
		}
		for _, user := range concerned(imp) {
			if len(direct[user]) == 0 {
				found = append(found, fmt.Sprintf("%s has no finished message, its channel refused, and %s got no direct message", describe(imp), user))
			}
		}
	}
	return found
}

// concerned are those whom an import's end is told.
func concerned(imp imports.Import) []string {
	if imp.RequestedBy == "" || slices.Contains(imp.Followers, imp.RequestedBy) {
		return imp.Followers
	}
	return append([]string{imp.RequestedBy}, imp.Followers...)
}

// refused reports whether the channel did not take a message about an import.
func (e *Evidence) refused(posts []post, id string) bool {
	return e.turnedAway(slices.DeleteFunc(slices.Clone(posts), func(p post) bool { return p.id != id || p.alert != "" }))
}

// turnedAway reports whether a channel did not take one of these messages, or left two unanswered, which counts as the same. Unanswered is
// also what was answered to a process that was killed or frozen before it can be said to have noted that.
func (e *Evidence) turnedAway(posts []post) bool {
	unanswered := 0
	for _, p := range posts {
		if p.direct {
			continue
		}
		switch p.Error {
		case "is_archived", "not_in_channel", "channel_not_found":
			return true
		}
		if unheard(p.Call) || len(e.deeds(p.Time.Add(-sendSlack), p.Time.Add(noted), didKill, didFreeze)) > 0 {
			unanswered++
		}
	}
	return unanswered > 1
}

// unheard reports whether the bot can't know what became of a call: no answer came, or one of a server in trouble.
func unheard(c slacksim.Call) bool { return c.Status == 0 || c.Status >= 500 }

// noted is how long after Slack took a message a process may need to note that.
const noted = 500 * time.Millisecond

// doubled looks for a message that was sent again though it need not have been. Sent again it may be only where Slack took the one before
// and the answer was lost (on the way, or with the process that waited for it), and where history can't be read.
func (e *Evidence) doubled(about, what string, posts []post) (found []string) {
	for i := 1; i < len(posts); i++ {
		before, again := posts[i-1], posts[i]
		switch {
		case what == "card" && e.gone(before.TS):
		case !before.lost() && len(e.deeds(before.Time.Add(-sendSlack), again.Time, didKill, didFreeze, didDatabase)) == 0:
			found = append(found, fmt.Sprintf("%s has a second %s at %s, and Slack had answered the one of %s", about, what, clock(again.Time), clock(before.Time)))
		case e.History:
			found = append(found, fmt.Sprintf("%s has a second %s at %s, though the one of %s could be found in the history", about, what, clock(again.Time), clock(before.Time)))
		}
	}
	return found
}

// permitted counts the messages that were sent once more in the window in which they may be.
func (e *Evidence) permitted() int {
	n := 0
	posts := e.posts()
	for _, imp := range e.Imports {
		for _, what := range []string{"card", "finished"} {
			if all := taken(posts, imp.ID, what, false); len(all) > 1 {
				n += len(all) - 1 - len(e.doubled(describe(imp), what, all))
			}
		}
	}
	return n
}

// gone reports whether a message was deleted by people.
func (e *Evidence) gone(ts string) bool {
	return !slices.ContainsFunc(e.Messages, func(m slacksim.Message) bool { return m.TS == ts && !m.Deleted })
}

// startGrace is START_GRACE in the worlds.
const startGrace = 3 * time.Second

// own finds, in a server's journal, the import that a row's run= began; -1 where none did. Where it began none, and somebody else began one
// in the same moments (just before the request, so that it was dropped, or within the start grace after it), it is that one: the server
// tells nobody whose an import is, and what was shown is true of it.
func (e *Evidence) own(imp imports.Import) int {
	truth, sent := e.Servers[imp.Server].Imports, e.sentBy(imp)
	if len(sent) == 0 {
		return -1
	}
	at := sent[0].Time
	began := slices.IndexFunc(truth, func(t bigfixtest.Import) bool {
		return t.Origin == bigfixtest.Requested && t.Asked.Sub(at).Abs() < 20*time.Millisecond
	})
	if began >= 0 {
		return began
	}
	return slices.IndexFunc(truth, func(t bigfixtest.Import) bool {
		return t.Began.Before(at.Add(startGrace)) && (t.Ended.IsZero() || t.Ended.After(at))
	})
}

// became is how an import ended in truth. One that the server began anew after a restart counts as one with that; empty where it left
// nothing that anybody could see.
func became(truth []bigfixtest.Import, i int) imports.Outcome {
	switch t := truth[i]; {
	case t.Outcome == bigfixtest.Succeeded:
		return imports.Succeeded
	case t.Outcome == bigfixtest.Failed, t.Word != "":
		return imports.Failed
	case i+1 < len(truth) && truth[i+1].Origin == bigfixtest.Restarted:
		return became(truth, i+1)
	}
	return ""
}

func (e *Evidence) outcomes() (found []string) {
	for _, imp := range e.Imports {
		claimed := imp.Outcome == imports.Succeeded || imp.Outcome == imports.Failed
		if imp.Origin != imports.Here {
			if claimed && !slices.Contains(e.seen(imp), imp.Outcome) {
				found = append(found, fmt.Sprintf("%s is claimed, and no import that %s had in these minutes ended so: %v", describe(imp), imp.Server, e.seen(imp)))
			}
			continue
		}
		truth, i := imports.Outcome(""), e.own(imp)
		if i >= 0 {
			truth = became(e.Servers[imp.Server].Imports, i)
		}
		switch {
		case claimed && i < 0:
			found = append(found, fmt.Sprintf("%s is claimed, and its run= began nothing", describe(imp)))
		case claimed && truth != imp.Outcome && e.indistinct(imp, i):
		case claimed && truth != imp.Outcome:
			found = append(found, fmt.Sprintf("%s is claimed, and in truth it %s (import %d of the server)", describe(imp), cmp.Or(string(truth), "was cut off"), i+1))
		case imp.Outcome == imports.NotBegun && truth != "":
			found = append(found, fmt.Sprintf("%s is claimed, and in truth it began and %s (import %d of the server)", describe(imp), truth, i+1))
		}
	}
	return found
}

// indistinct reports whether what is claimed of an import is true of another one of the same type that ran behind it, and no look can tell
// these two apart (docs/decisions/0006): either no look was answered between the two ends; or none was between run= and the beginning of the
// other, which came within the start grace. Only the time that passed could tell, which here is that of a world in which an import takes a
// second: two minutes without a look are a doubt, seconds are not.
func (e *Evidence) indistinct(imp imports.Import, own int) bool {
	journal := e.Servers[imp.Server]
	for i, other := range journal.Imports {
		if i <= own || other.Type != journal.Imports[own].Type || other.Ended.IsZero() || became(journal.Imports, i) != imp.Outcome {
			continue
		}
		atOnce := other.Began.Before(imp.SendingAt.Add(startGrace)) && !answered(journal, imp.SendingAt, other.Began)
		if atOnce || !answered(journal, journal.Imports[own].Ended, other.Ended) {
			return true
		}
	}
	return false
}

// answered reports whether a server answered a look between two times.
func answered(journal bigfixtest.Journal, from, to time.Time) bool {
	return slices.ContainsFunc(journal.Requests, func(r bigfixtest.Request) bool {
		return r.Run == "" && r.Right && r.Status == 200 && r.Answer == "" && !r.Down && r.Time.After(from) && r.Time.Before(to)
	})
}

// indistinctClaims counts them.
func (e *Evidence) indistinctClaims() int {
	n := 0
	for _, imp := range e.Imports {
		if imp.Origin != imports.Here || imp.Outcome != imports.Succeeded && imp.Outcome != imports.Failed {
			continue
		}
		if i := e.own(imp); i >= 0 && became(e.Servers[imp.Server].Imports, i) != imp.Outcome && e.indistinct(imp, i) {
			n++
		}
	}
	return n
}

// seen are the true outcomes of the imports that an import which nobody started here may be.
func (e *Evidence) seen(imp imports.Import) []imports.Outcome {
	from, to := imp.FirstRunning.Asked, imp.EndedAt
	if from.IsZero() {
		from = imp.EndedAt.Add(-15 * time.Second)
		if imp.Baseline != nil { // the look it comes from may be the first one behind an end that nobody saw
			from = imp.Baseline.Span.Asked.Add(-5 * time.Second)
		}
	}
	var out []imports.Outcome
	truth := e.Servers[imp.Server].Imports
	for i, t := range truth {
		if !t.Began.After(to) && (t.Ended.IsZero() || !t.Ended.Before(from)) {
			out = append(out, became(truth, i))
		}
	}
	return out
}

// endings are the words of a card whose import is over.
var endings = []string{"succeeded", "failed", "over, and not clear", "was not begun", "was not started", "can't say how it ended"}

func (e *Evidence) staleCards() (found []string) {
	posts := e.posts()
	for _, imp := range e.Imports {
		cards := e.about(imp.ID, "card")
		if imp.State != imports.Ended || len(cards) == 0 || e.refused(posts, imp.ID) || e.editLost(cards) || e.lostCard(imp, posts) {
			continue
		}
		shows := slices.ContainsFunc(cards, func(m slacksim.Message) bool {
			return slices.ContainsFunc(endings, func(words string) bool { return strings.Contains(m.Text, words) })
		})
		if !shows {
			found = append(found, fmt.Sprintf("%s is over, and its card says %q", describe(imp), cards[0].Text))
		}
	}
	return found
}

// lostCard reports whether the bot can't know where the card of a start stands that came to nothing: Slack's answer to it was lost, and
// history can't be read. (Of one that was sent, the card is posted once more.)
func (e *Evidence) lostCard(imp imports.Import, posts []post) bool {
	cards := taken(posts, imp.ID, "card", false)
	if e.History || !imp.SendingAt.IsZero() || len(cards) == 0 {
		return false
	}
	last := cards[len(cards)-1]
	return last.lost() || len(e.deeds(last.Time.Add(-sendSlack), last.Time.Add(time.Second), didKill, didFreeze, didDatabase)) > 0
}

// editLost reports whether an edit of one of these messages went without an answer: then the last state may wait for minutes.
func (e *Evidence) editLost(cards []slacksim.Message) bool {
	return slices.ContainsFunc(e.Calls, func(c slacksim.Call) bool {
		return c.Method == "chat.update" && (unheard(c) || c.Error == "is_archived" || c.Error == "not_in_channel") &&
			slices.ContainsFunc(cards, func(m slacksim.Message) bool { return m.TS == c.Args["ts"] })
	})
}

// What a person sees of a command that nobody acked is no fault of the bot's where the harness kept it from hearing or from speaking.
const (
	ackWithin = 3 * time.Second
	// answerPatience is how long after a command its process may have been killed before it could answer.
	answerPatience = 30 * time.Second
)

func (e *Evidence) unacked() (found []string) {
	for _, c := range e.Commands {
		switch {
		case c.Acked && c.AckAfter <= ackWithin, e.deafAt(c), e.keptFromAcking(c):
			continue
		}
		found = append(found, fmt.Sprintf("%s typed %q at %s and saw %q (acked %t after %s), and nothing kept the bot from it",
			c.User, c.Text, clock(c.At), c.Failure, c.Acked, c.AckAfter))
	}
	return found
}

// deafAt reports whether a command was typed while no socket stood, for a reason that the harness gave.
func (e *Evidence) deafAt(c Command) bool {
	if c.Failure != slacksim.DispatchFailed {
		return false
	}
	return slices.ContainsFunc(e.Deaf, func(s Span) bool {
		in := !c.At.Before(s.From.Add(-50*time.Millisecond)) && (s.To.IsZero() || !c.At.After(s.To.Add(50*time.Millisecond)))
		return in && len(e.deeds(s.From.Add(-2*time.Second), c.At.Add(50*time.Millisecond), didKill, didStop, didFreeze, didThaw, didSockets, didToken, didStall)) > 0
	})
}

// keptFromAcking reports whether a socket was broken while the command's envelope could be on it, or whether the process that had the
// envelope was killed, stopped or frozen.
func (e *Evidence) keptFromAcking(c Command) bool {
	until := c.At.Add(ackWithin + 100*time.Millisecond)
	if slices.ContainsFunc(e.Stalls, func(s Span) bool { return !s.From.After(until) && !s.To.Before(c.At.Add(-time.Second)) }) {
		return true
	}
	if len(e.deeds(c.At.Add(-5*time.Second), until, didSockets)) > 0 {
		return true
	}
	return slices.ContainsFunc(e.Lives, func(l Life) bool {
		had := slices.ContainsFunc(c.Envelopes, func(v slacksim.Envelope) bool { return v.Process == l.Process })
		return had && (!l.Ended.IsZero() && l.Ended.Before(until) || within(l.Asked, c.At, until) || e.frozen(l, c.At, until))
	})
}

func within(t, from, to time.Time) bool { return !t.Before(from) && !t.After(to) }

// frozen reports whether a process was frozen at some moment between two times.
func (e *Evidence) frozen(l Life, from, to time.Time) bool {
	for _, d := range e.Deeds {
		if d.Kind == didFreeze && d.Replica == l.Replica && d.At.Before(to) && within(d.At, l.Started, endOf(l)) &&
			!slices.ContainsFunc(e.deeds(d.At, from, didThaw, didKill), func(t Deed) bool { return t.Replica == l.Replica }) {
			return true
		}
	}
	return false
}

// endOf is when a process ended; one that did not will.
func endOf(l Life) time.Time {
	if l.Ended.IsZero() {
		return time.Now()
	}
	return l.Ended
}

func (e *Evidence) unanswered() (found []string) {
	posts := e.posts()
	for _, c := range e.Commands {
		imp, accepted := e.row(c)
		switch {
		case e.answered(c, imp, posts), c.Private:
		case accepted:
			found = append(found, fmt.Sprintf("%s typed %q at %s, it became %s, and they were never told (answers: %q)", c.User, c.Text, clock(c.At), describe(imp), c.Answers))
		case !c.Acked: // the person saw Slack's own error; see the rule about acks
		case e.killedBefore(c):
		case e.hookRefused(c):
		default:
			found = append(found, fmt.Sprintf("%s typed %q at %s and got no answer (answers: %q), and no process was killed that could have had one", c.User, c.Text, clock(c.At), c.Answers))
		}
	}
	return found
}

// answered reports whether a person knows what became of a command: by an answer that only they see, by a direct message, or because the
// end notice mentions them.
func (e *Evidence) answered(c Command, imp imports.Import, posts []post) bool {
	if slices.ContainsFunc(c.Answers, func(text string) bool { return text != "" && !strings.HasPrefix(text, "Asking ") }) {
		return true
	}
	if imp.ID == "" {
		return false
	}
	return slices.ContainsFunc(posts, func(p post) bool {
		switch {
		case !p.Taken || p.id != imp.ID && (imp.Reason.Other == "" || p.id != imp.Reason.Other):
			return false
		case p.kind == "answer":
			return p.id == imp.ID
		case p.kind == "finished":
			return p.Args["channel"] == c.User || strings.Contains(p.Args["text"], "<@"+c.User+">")
		}
		return false
	})
}

// killedBefore reports whether the process that acked a command was killed before it can be said to have had the time to answer. A command
// that changed nothing is lost with it.
func (e *Evidence) killedBefore(c Command) bool {
	return slices.ContainsFunc(e.Lives, func(l Life) bool {
		had := slices.ContainsFunc(c.Envelopes, func(v slacksim.Envelope) bool { return v.Process == l.Process })
		return had && within(l.Killed, c.At, c.At.Add(answerPatience))
	})
}

// hookRefused reports whether Slack did not take the answer to a command that changed nothing.
func (e *Evidence) hookRefused(c Command) bool {
	return slices.ContainsFunc(e.Calls, func(call slacksim.Call) bool {
		return call.Method == slacksim.ResponseURL && c.Path != "" && call.Args["path"] == c.Path && call.Faulty
	})
}

func (e *Evidence) tooMany() (found []string) {
	edits, asked, messages := map[string]int{}, map[string]int{}, map[string]int{}
	for _, c := range e.Calls {
		if c.Method == "chat.update" && (c.Taken || c.Status == 0) {
			edits[c.Args["ts"]]++
		}
	}
	for _, c := range e.Commands {
		if c.Pressed == "refresh" {
			asked[c.TS]++
		}
	}
	for ts, n := range edits {
		if n > 20+asked[ts] {
			found = append(found, fmt.Sprintf("the message %s was edited %d times", ts, n))
		}
	}
	for _, p := range e.posts() {
		if p.Taken && !p.direct && p.alert == "" && p.id != "" {
			messages[p.id]++
		}
	}
	for id, n := range messages {
		if n > 8 {
			found = append(found, fmt.Sprintf("import %s made %d messages in its channel", id, n))
		}
	}
	return found
}

func (e *Evidence) repeated() (found []string) {
	said := map[string]int{}
	for _, p := range e.posts() {
		if p.kind == "milestone" && p.Taken {
			said[p.id+" "+p.Args["text"]]++
		}
	}
	for text, n := range said {
		if n > 1 {
			found = append(found, fmt.Sprintf("said %d times, of import %s", n, text))
		}
	}
	return found
}

func (e *Evidence) violations() (found []string) {
	for _, v := range e.Violations {
		if v.Rule == slacksim.LateAck && e.excusedLate(v.Time) {
			continue
		}
		found = append(found, fmt.Sprintf("%s, at %s", v, clock(v.Time)))
	}
	return found
}

// excusedLate reports whether every envelope that was due for its ack at a time was with a process that could not ack.
func (e *Evidence) excusedLate(at time.Time) bool {
	found := false
	for _, c := range e.Commands {
		due := slices.ContainsFunc(c.Envelopes, func(v slacksim.Envelope) bool {
			return !v.Acked && v.Sent.Add(ackWithin).Sub(at).Abs() < 200*time.Millisecond
		})
		if due && !e.keptFromAcking(c) {
			return false
		}
		found = found || due
	}
	return found
}

// limited looks for calls that came too often, and were not refused because of what the harness dealt.
func (e *Evidence) limited() (found []string) {
	for _, c := range e.Calls {
		if c.Limited {
			found = append(found, fmt.Sprintf("%s was called too often, at %s by %s", c.Method, clock(c.Time), c.Process))
		}
	}
	return found
}

func (e *Evidence) secrets() (found []string) {
	for _, where := range slices.Sorted(maps.Keys(e.Outputs)) {
		for _, what := range slices.Sorted(maps.Keys(e.Secrets)) {
			text, secret := e.Outputs[where], e.Secrets[what]
			if i := strings.Index(text, secret); secret != "" && i >= 0 {
				found = append(found, fmt.Sprintf("%s stands in %s: …%s…", what, where, strings.ReplaceAll(around(text, i, len(secret)), secret, "(it)")))
			}
		}
	}
	return found
}

func around(text string, i, n int) string { return text[max(0, i-80):min(len(text), i+n+40)] }

func (e *Evidence) exits() (found []string) {
	for _, l := range e.Lives {
		who := fmt.Sprintf("%s (process %d)", l.Replica, l.PID)
		switch took := l.Ended.Sub(l.Asked); {
		case l.Ended.IsZero():
			found = append(found, who+" never ended")
		case l.Second && len(l.Led) > 0 && e.alone(l): // the first one had just been killed, so it was not one too many
		case l.Second:
			if l.Status != 2 {
				found = append(found, fmt.Sprintf("%s, a second one on the same database, ended with status %d: %s", who, l.Status, l.Last))
			}
		case !l.Killed.IsZero() && (l.Asked.IsZero() || l.Killed.Sub(l.Asked) < stopWithin):
		case !l.Killed.IsZero():
			found = append(found, fmt.Sprintf("%s did not stop within %s of SIGTERM: %s", who, stopWithin, l.Last))
		case l.Asked.IsZero() && l.Ready.IsZero() && l.Status > 0 && e.keptFromStarting(l): // it says so and goes; a supervisor starts it again
		case l.Asked.IsZero():
			found = append(found, fmt.Sprintf("%s ended by itself with status %d: %s", who, l.Status, l.Last))
		case l.Status != 0:
			found = append(found, fmt.Sprintf("%s ended with status %d after SIGTERM: %s", who, l.Status, l.Last))
		case took > stopWithin:
			found = append(found, fmt.Sprintf("%s took %s to stop", who, took))
		}
	}
	return found
}

// alone reports whether no other process lived when this one started.
func (e *Evidence) alone(l Life) bool {
	return !slices.ContainsFunc(e.Lives, func(o Life) bool {
		return o.PID != l.PID && o.Started.Before(l.Led[0]) && endOf(o).After(l.Led[0])
	})
}

// keptFromStarting reports whether the harness had taken the database or a token away while a process started.
func (e *Evidence) keptFromStarting(l Life) bool {
	for _, d := range e.deeds(time.Time{}, l.Ended, didDatabase, didToken) {
		if len(e.deeds(d.At, l.Started, didHeal)) == 0 {
			return true
		}
	}
	return false
}

// alarms are the words that no sound program prints.
var alarms = []string{"panic", "DATA RACE", "goroutine 1 [", "fatal error:"}

func (e *Evidence) unsound() (found []string) {
	for _, where := range slices.Sorted(maps.Keys(e.Outputs)) {
		if !strings.HasPrefix(where, "the log of") {
			continue
		}
		for _, word := range alarms {
			if i := strings.Index(e.Outputs[where], word); i >= 0 {
				found = append(found, fmt.Sprintf("%s has %q: …%s…", where, word, around(e.Outputs[where], i, 300)))
			}
		}
	}
	return found
}
