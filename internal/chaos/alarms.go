//go:build unix

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"importbot/imports"
)

// These are the rules about alerts and mutes.

// fleeting is how soon an alert may be over without having been told: what is over before its turn comes needs nobody.
const fleeting = 3 * time.Second

// alarmed follows each alert from its being raised to its being over.
func (e *Evidence) alarmed() (found []string) {
	posts := e.posts()
	for _, a := range e.Alerts {
		told := e.telling(posts, a)
		found = append(found, e.course(a, told)...)
		direct := slices.ContainsFunc(posts, func(p post) bool { return p.alert == a.ID && p.direct && p.Taken })
		switch {
		case len(told) > 0, direct, e.excused(a):
		case e.turnedAway(e.concerning(a)):
			found = append(found, fmt.Sprintf("%s was refused by its channel, and %s got no direct message", name(a), oncall))
		default:
			found = append(found, name(a)+" was told to nobody")
		}
	}
	for _, p := range posts {
		if p.alert != "" && !slices.ContainsFunc(e.Alerts, func(a imports.Alert) bool { return a.ID == p.alert }) {
			found = append(found, fmt.Sprintf("the %s message of %s is about an alert that is not in the database, %s", p.kind, clock(p.Time), p.alert))
		}
	}
	return found
}

// excused reports whether nobody needed to be told of an alert: it is muted to this day, or it was over soon, or before whoever was to
// tell could.
func (e *Evidence) excused(a imports.Alert) bool {
	if a.Open() {
		return e.mayBeMuted(a.Server, e.At, e.At)
	}
	return a.OverAt.Sub(a.RaisedAt) < fleeting || e.mayBeMuted(a.Server, a.RaisedAt, a.OverAt) || e.disturbed(a.RaisedAt, a.OverAt)
}

// disturbed reports whether the harness broke something between two times, or shortly before.
func (e *Evidence) disturbed(from, to time.Time) bool {
	return slices.ContainsFunc(e.Deeds, func(d Deed) bool { return within(d.At, from.Add(-fleeting), to) })
}

// telling are the messages that a channel took about an alert, in order: the alert itself and its recovery. The finished message of an
// import that failed is the alert, where it goes to the same channel and calls for whoever is on call.
func (e *Evidence) telling(posts []post, a imports.Alert) []post {
	of := func(tells func(post) bool) []post {
		return slices.DeleteFunc(slices.Clone(posts), func(p post) bool { return !p.Taken || p.direct || !tells(p) })
	}
	told := of(func(p post) bool { return p.alert == a.ID || e.stands(p, a) })
	slices.SortStableFunc(told, func(p, q post) int { return p.Time.Compare(q.Time) })
	return told
}

// stands reports whether a finished message stands for an alert.
func (e *Evidence) stands(p post, a imports.Alert) bool {
	return a.Kind == imports.AlertFailed && p.kind == "finished" && p.id == a.ImportID && e.AlertChannel == "" &&
		strings.Contains(p.Args["text"], "<@"+oncall+">")
}

// tellsOfAbsence reports whether a message tells what happened on a server while nobody looked, about until a time: an import that failed by
// then has its end told there. It calls for nobody, so that the alert comes besides.
func (p post) tellsOfAbsence(server string, at time.Time) bool {
	return p.Taken && p.kind == "away" && strings.Contains(p.Args["text"], server) && p.Time.After(at.Add(-absenceSlack))
}

// absenceSlack is how much earlier than an alert the message about an absence may be that tells it.
const absenceSlack = 5 * time.Second

// course holds what was told of an alert against how it went: the alert, its recovery in its thread, and so on where it came again.
func (e *Evidence) course(a imports.Alert, told []post) (found []string) {
	var row []post // of the same kind, one behind the other
	recovered := func(p post) bool { return p.kind == "recovered" }
	for i, p := range told {
		switch {
		case recovered(p) && i == 0:
			found = append(found, fmt.Sprintf("%s is said to be over at %s, and was never told", name(a), clock(p.Time)))
		case recovered(p) && !e.inThread(p, told[:i]):
			found = append(found, fmt.Sprintf("the recovery of %s at %s is in no thread of its alert (%q)", name(a), clock(p.Time), p.Args["thread_ts"]))
		}
		if i > 0 && recovered(p) != recovered(told[i-1]) {
			row = nil
		}
		row = append(row, p)
		if len(row) > 1 {
			found = append(found, e.doubled(name(a), p.kind+" message", row[len(row)-2:])...)
		}
	}
	n := len(told)
	if n == 0 || e.threadless(told) {
		return found
	}
	switch over := recovered(told[n-1]); {
	case a.Open() && over && !e.mayBeMuted(a.Server, e.At, e.At):
		found = append(found, fmt.Sprintf("%s is said to be over at %s, and is open", name(a), clock(told[n-1].Time)))
	case !a.Open() && !over && !e.turnedAway(e.concerning(a)):
		found = append(found, fmt.Sprintf("%s is over since %s, and nobody was told", name(a), clock(a.OverAt)))
	}
	return found
}

// concerning are the messages about an alert, whether or not the channel took them.
func (e *Evidence) concerning(a imports.Alert) []post {
	return slices.DeleteFunc(e.posts(), func(p post) bool { return p.alert != a.ID })
}

// threadless reports whether people deleted the message in whose thread an alert's recovery would stand.
func (e *Evidence) threadless(told []post) bool {
	return slices.ContainsFunc(told, func(p post) bool { return e.gone(cmp.Or(p.Args["thread_ts"], p.TS)) })
}

// inThread reports whether a message is in the thread of one of those before it, or in the thread that one of them is in. Where people
// deleted that, it may stand anywhere.
func (e *Evidence) inThread(p post, before []post) bool {
	return slices.ContainsFunc(before, func(b post) bool {
		root := cmp.Or(b.Args["thread_ts"], b.TS)
		return p.Args["thread_ts"] == root || e.gone(root)
	})
}

func name(a imports.Alert) string {
	return fmt.Sprintf("the alert %s (%s on %s, raised %s)", a.ID, a.Kind, a.Server, clock(a.RaisedAt))
}

// unattended looks for imports that somebody has to look at, which nobody here had asked for, and of which nothing was said.
func (e *Evidence) unattended() (found []string) {
	posts := e.posts()
	for _, imp := range e.Imports {
		if imp.Origin == imports.Here || !imp.NeedsAttention() || e.refused(posts, imp.ID) {
			continue
		}
		finished := len(taken(posts, imp.ID, "finished", false)) > 0 ||
			slices.ContainsFunc(posts, func(p post) bool { return p.tellsOfAbsence(imp.Server, imp.EndedAt) })
		i := slices.IndexFunc(e.Alerts, func(a imports.Alert) bool { return a.Kind == imports.AlertFailed && a.ImportID == imp.ID })
		switch {
		case e.Announce != "none" && !finished:
			found = append(found, fmt.Sprintf("%s needs somebody, and has no finished message", describe(imp)))
		case i < 0 && !finished:
			found = append(found, fmt.Sprintf("%s needs somebody, and neither a finished message nor an alert is there", describe(imp)))
		}
	}
	return found
}

// Words in the answers that confirm what they are about.
const (
	saysMuted     = "are quiet until"
	saysUnmuted   = "are told again"
	saysTakenBack = "taken back: "
)

// quiets and wakes say whether a command asks for a mute, or for its end, and of which server.
func (c Command) quiets(server string) bool {
	return c.Operator && strings.HasPrefix(c.Text, "mute "+server+" ")
}
func (c Command) wakes(server string) bool {
	return c.Operator && strings.TrimSpace(c.Text) == "unmute "+server
}

// says reports whether an answer has these words.
func (c Command) says(words string) bool {
	return slices.ContainsFunc(c.Answers, func(text string) bool { return strings.Contains(strings.ToLower(text), words) })
}

// mayBeMuted reports whether a server may have been muted at some moment between two times: somebody asked for that, and nobody has been
// told since that it is over.
func (e *Evidence) mayBeMuted(server string, from, to time.Time) bool {
	muted := false
	for _, c := range e.Commands {
		switch {
		case c.At.After(to):
		case c.quiets(server):
			muted = true
		case c.wakes(server) && c.says(saysUnmuted) && c.At.Before(from):
			muted = false
		}
	}
	return muted
}

// settles is how long after it was asked for a mute may still be on its way to whoever leads.
const settles = 2 * time.Second

// unmuted looks for confirmed mutes that are not there, and for alerts while one was.
func (e *Evidence) unmuted() (found []string) {
	posts := e.posts()
	for server := range e.Servers {
		asked := slices.DeleteFunc(slices.Clone(e.Commands), func(c Command) bool { return !c.quiets(server) && !c.wakes(server) })
		for i, c := range asked {
			until := e.At
			if i+1 < len(asked) {
				until = asked[i+1].At
			}
			if c.quiets(server) && c.says(saysMuted) {
				found = append(found, e.loud(posts, server, c.At.Add(settles), until)...)
			}
			if i+1 == len(asked) {
				found = append(found, e.forgotten(server, c)...)
			}
		}
	}
	return found
}

// loud are the alerts of a server between two times in which it was muted.
func (e *Evidence) loud(posts []post, server string, from, to time.Time) (found []string) {
	for _, p := range posts {
		late := len(e.deeds(from.Add(-time.Minute), p.Time, didFreeze)) > 0 // it had left before
		if p.kind == "alert" && p.server == server && p.Taken && within(p.Time, from, to) && !late {
			found = append(found, fmt.Sprintf("%s was muted at %s, and alerted at %s: %.80q", server, clock(from.Add(-settles)), clock(p.Time), p.Args["text"]))
		}
	}
	return found
}

// forgotten holds the last word about a server's mute against what is stored of it.
func (e *Evidence) forgotten(server string, last Command) []string {
	holds := slices.ContainsFunc(e.Mutes, func(m imports.Mute) bool { return m.Server == server && m.Active(e.At) })
	switch {
	case last.quiets(server) && last.says(saysMuted) && !holds:
		return []string{fmt.Sprintf("%s was told at %s that %s is muted, and it is not", last.User, clock(last.At), server)}
	case last.wakes(server) && last.says(saysUnmuted) && holds:
		return []string{fmt.Sprintf("%s was told at %s that %s is not muted any more, and it is", last.User, clock(last.At), server)}
	}
	return nil
}
