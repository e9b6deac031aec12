package handlers

import (
	"slices"
	"time"

	"importbot/bigfix"
	"importbot/imports"
)

// aftermath is what is known of one server after an absence, and what was before.
type aftermath struct {
	server Server
	known  imports.Server // after the first look, or before it where there was none yet
	looked bool           // somebody has looked at it since
	now    time.Time
	// active have not ended, recent are over, newest first, expired are starts that came to nothing in that time.
	active, recent, expired []imports.Import
	cards                   map[string]string // links to the cards of those that have one
}

// missedAfter is how long after its time an import is missed that there is no sign of.
const missedAfter = 15 * time.Minute

// story is what happened on the server, as far as there is evidence for it.
func (a aftermath) story() awayServer {
	s := awayServer{Name: a.server.Name}
	if !a.looked {
		s.Happened = []happening{{Kind: sawNotYet}}
		return s
	}
	s.Until = a.known.Absence.Until
	for _, imp := range a.expired {
		s.Happened = append(s.Happened, happening{Kind: sawExpired, ID: imp.ID, Type: imp.Type, At: imp.AcceptedAt})
	}
	s.Happened = append(s.Happened, a.ended()...)
	s.Happened = append(s.Happened, a.underWay()...)
	s.Happened = append(s.Happened, a.seen()...)
	s.Happened = append(s.Happened, a.due(s.Happened)...)
	if len(s.Happened) == 0 {
		s.Happened = []happening{a.nothing()}
	}
	if a.server.Announce == AnnounceNone {
		for i := range s.Happened {
			s.Happened[i].Alarm = ""
		}
	}
	return s
}

// before is the server's last report from before the absence with which later ones can be compared; nil where there is none.
func (a aftermath) before() *imports.Baseline {
	b := a.known.Absence.Before
	if b == nil || b.LastImportTime.IsZero() && b.Mode != bigfix.ModeNone {
		return nil
	}
	return b
}

// after is the server's report since; nil while it gives none.
func (a aftermath) after() *imports.Baseline {
	b := a.known.Quiet
	if b == nil || b.Span.At.Before(a.known.Absence.Until) || a.known.Last.Status == nil || !a.known.Last.Status.Mode.NotRunning() {
		return nil
	}
	return b
}

// wasUnderWay says whether an import had been sent, or seen, when the absence began.
func (a aftermath) wasUnderWay(imp imports.Import) bool {
	for _, sign := range []time.Time{imp.SendingAt, imp.FirstRunning.At} {
		if !sign.IsZero() && !sign.After(a.known.Absence.Since) {
			return true
		}
	}
	return false
}

// ended are the known imports of which it turned out since that they are over, oldest first.
func (a aftermath) ended() []happening {
	var out []happening
	for _, imp := range slices.Backward(a.recent) {
		if imp.State != imports.Ended || !imp.EndedAt.After(a.known.Absence.Since) {
			continue
		}
		h := happening{Kind: sawEnd, ID: imp.ID, Type: imp.Type, Outcome: imp.Outcome, At: imp.EndedAt, Began: imp.SendingAt, Card: a.cards[imp.ID]}
		if imp.End != nil {
			h.Status, h.Success = imp.End.Status, imp.End.SuccessTime
		}
		switch {
		case a.wasUnderWay(imp):
			h.Alarm = alarmOf(imp)
		case imp.End != nil && imp.FirstRunning.At.IsZero() && imp.Origin != imports.Here:
			h = a.report(imp.End.Type, imp.End.Status, imp.End.ImportTime, imp.End.SuccessTime)
			h.ID = imp.ID
		default:
			continue // it began since, and is told like any other
		}
		if h.Card != "" || len(imp.Followers) > 0 {
			h.Alarm = "" // its own end notice tells it
		}
		out = append(out, h)
	}
	return out
}

// alarmOf says whether somebody has to look at an import that is over.
func alarmOf(imp imports.Import) alarm {
	switch {
	case !imp.NeedsAttention():
		return ""
	case imp.Outcome == imports.Failed, imp.Outcome == imports.Unclear && imp.End != nil && imp.End.Status != "":
		return alarmFailed
	}
	return alarmUnknown
}

// underWay are the imports that have not ended.
func (a aftermath) underWay() []happening {
	var out []happening
	for _, imp := range a.active {
		h := happening{ID: imp.ID, Type: imp.Type, At: imp.LastLook, Progress: imp.Progress, Card: a.cards[imp.ID]}
		switch before := a.wasUnderWay(imp); {
		case imp.State == imports.Accepted:
			continue
		case a.known.Last.Status == nil && !before:
			continue
		case a.known.Last.Status == nil:
			h.Kind = sawBefore
		case imp.State == imports.Running && before:
			h.Kind = sawStill
		case imp.State == imports.Running:
			h.Kind, h.At = sawRunning, imp.BegunAt
		case imp.FirstRunning.At.IsZero():
			h.Kind, h.Began, h.At = sawStart, imp.SendingAt, a.known.Last.At
		default:
			h.Kind = sawStopped
		}
		out = append(out, h)
	}
	return out
}

// seen is what the last look shows.
func (a aftermath) seen() []happening {
	last := a.known.Last
	switch {
	case last.Status == nil:
		return []happening{{Kind: sawUnseen, At: last.At, Failure: last.Failure}}
	case last.Status.Mode == bigfix.ModeRunning && len(a.active) == 0:
		return []happening{{Kind: sawRunning, At: last.At, Progress: last.Status.Progress}}
	case last.Status.Mode == bigfix.ModeRunning:
		return nil
	case !last.Status.Mode.NotRunning():
		return []happening{{Kind: sawMode, Mode: last.Status.Mode}}
	}
	return a.newReport()
}

// newReport is what the server reports now and did not before, unless a known import ended with it.
func (a aftermath) newReport() []happening {
	b, before := a.after(), a.before()
	if b == nil || a.isKnown(b) {
		return nil
	}
	h := a.report(b.LastImportType, b.LastStatus, b.LastImportTime, b.LastSuccessTime)
	switch {
	case before == nil:
		if b.LastImportTime.IsZero() {
			return nil
		}
		if b.Ahead == nil || !b.LastImportTime.After(a.known.Absence.Since.Add(*b.Ahead)) {
			h.Kind, h.Alarm = sawLast, ""
		}
	case b.LastImportTime.After(before.LastImportTime):
	case !b.LastImportTime.IsZero() && b.LastImportTime.Before(before.LastImportTime):
		h.Kind, h.Alarm = sawHistory, ""
	case b.LastStatus != "" && b.LastStatus != before.LastStatus:
		h.Kind = sawChanged
		if h.Alarm != "" {
			h.Alarm = alarmUnknown // of which import the new word is, nobody can say
		}
	default:
		return nil
	}
	if slices.ContainsFunc(a.active, func(imp imports.Import) bool { return a.cards[imp.ID] != "" || len(imp.Followers) > 0 }) {
		h.Alarm = "" // it is the end of that one, which is about to be told, or not far from it
	}
	return []happening{h}
}

// isKnown says whether a report is that of an import which is told of already, or was before the absence.
func (a aftermath) isKnown(b *imports.Baseline) bool {
	return slices.ContainsFunc(a.recent, func(imp imports.Import) bool {
		return imp.State == imports.Ended && imp.End != nil && !imp.End.ImportTime.IsZero() &&
			imp.End.ImportTime.Equal(b.LastImportTime) && imp.End.Status == b.LastStatus
	})
}

// report is an import as the server reports it.
func (a aftermath) report(t bigfix.ImportType, word bigfix.LastStatus, at, success time.Time) happening {
	h := happening{Kind: sawReport, Type: t, Status: word, At: at, Success: success}
	if before := a.before(); before != nil && word == bigfix.StatusSuccessful && !success.IsZero() && success.Before(at) && success.Equal(before.LastSuccessTime) {
		h.Outcome = imports.Unclear // the word may be the one that stood there before
	}
	switch h.success() {
	case imports.Failed:
		h.Alarm = alarmFailed
	case imports.Unknown:
		h.Alarm = alarmUnknown
	}
	return h
}

// due is the scheduled import whose time came in the absence: noted with the report of one that may be it, or by itself.
func (a aftermath) due(happened []happening) []happening {
	before := a.known.Absence.Before
	if before == nil || before.NextImportTime.IsZero() {
		return nil
	}
	ahead := time.Duration(0)
	for _, b := range []*imports.Baseline{before, a.known.Quiet} {
		if b != nil && b.Ahead != nil {
			ahead = *b.Ahead
		}
	}
	at := before.NextImportTime
	if at.After(a.known.Absence.Until.Add(ahead)) {
		return nil
	}
	for i, h := range happened {
		switch {
		case h.Kind == sawReport && !h.At.Before(at.Add(-dueGiveOrTake)):
			happened[i].Due = at
			return nil
		case h.Kind == sawEnd, h.Kind == sawStill, h.Kind == sawRunning, h.Kind == sawStopped, h.Kind == sawStart, h.Kind == sawHistory,
			h.Kind == sawLast, h.Kind == sawUnseen, h.Kind == sawMode, h.Kind == sawChanged:
			return []happening{{Kind: sawMaybe, Due: at, DueType: before.NextImportType}}
		}
	}
	b := a.after()
	if b == nil {
		return []happening{{Kind: sawMaybe, Due: at, DueType: before.NextImportType}}
	}
	h := happening{Kind: sawDue, Due: at, DueType: before.NextImportType, At: b.LastImportTime}
	if a.now.Add(ahead).Sub(at) > missedAfter {
		h.Alarm = alarmMissed
	}
	return []happening{h}
}

// dueGiveOrTake is allowed between two times of one server, which writes some of them down a little late.
const dueGiveOrTake = 5 * time.Second

// nothing is what the server reports where nothing happened.
func (a aftermath) nothing() happening {
	b := a.after()
	if b == nil {
		return happening{Kind: sawNotYet}
	}
	return happening{Kind: sawNothing, Type: b.LastImportType, Status: b.LastStatus, Mode: b.Mode, At: b.LastImportTime, Success: b.LastSuccessTime}
}
