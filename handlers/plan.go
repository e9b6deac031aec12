package handlers

import (
	"slices"
	"time"

	"importbot/imports"
)

// The limits of INTERFACE.md on one import.
const (
	maxEdits    = 20
	maxMessages = 8
	// keptForEnd edits are left for the last state, and keptForStates more for changes of state: progress takes the rest.
	keptForEnd    = 4
	keptForStates = 4
	// keptForUntrue of the latter may go to take back what is not true any more: a card must not promise an end for hours.
	keptForUntrue    = 2
	editsUntilUntrue = maxEdits - keptForEnd - keptForStates + keptForUntrue
	// keptMessages are left for the finished message: sent, blindly once more, and again after some minutes.
	keptMessages = 3
	// progressStep is how far progress moves at least before a card is edited, in percent.
	progressStep = 5
	// editsApart and toldApart are how far edits and milestones lie apart, in intervals of looking.
	editsApart = 2
	toldApart  = 20
)

// refreshApart is how far an edit that somebody asked for lies apart from any edit before it, whoever asks and however often.
const refreshApart = 15 * time.Second

// freshTurn is how far such edits of all cards together lie apart: they take less than half of what Slack takes of a process, and the
// rest is for what everybody needs.
const freshTurn = 3 * time.Second

const (
	// refusedFor is how long a channel that refused is left alone.
	refusedFor = time.Hour
	// unheardFor is how long it is left alone at first where it did not refuse, but the answers were lost: most outages of Slack's
	// are over by then.
	unheardFor = 5 * time.Minute
	// refusedAtMost is how long after an import's end its channel is still tried. Those mentioned have long been told
	// by direct message then.
	refusedAtMost = 7 * 24 * time.Hour
	// blindly is how often a message is sent to a channel at once where answers are lost and Slack can't be asked
	// whether it has it; after that the channel counts as one that refuses.
	blindly = 2
	// blindlyDirect is how often at most it is sent to a person, in growing distance.
	blindlyDirect = 8
	// answerAfter is how long after the decision the person who asked is answered by direct message, unless they were
	// before. What the handler takes for its answer, on any replica, fits into it: see answerWithin. The rest is for
	// clocks that differ.
	answerAfter = 20 * time.Second
)

// action is a kind of step.
type action int

const (
	doNothing   action = iota // until step.at, or until the import changes where that is zero
	doCard                    // post the card
	doFinished                // post the end notice in the card's thread
	doDirect                  // send the end notice to step.user
	doAnswer                  // send the answer to the person who asked
	doAnswered                // note that the person needs no answer any more
	doMilestone               // tell notice step.notice in the thread
	doEdit                    // edit the card
	doRefresh                 // edit the card because somebody asked for it
)

// step is what is to be done next about an import.
type step struct {
	do     action
	user   string
	notice int
	at     time.Time
}

// situation is all that decides what is to be done next about an import. What to do is a pure function of it (next), so
// that it is the same for an import that was watched throughout and for one that is found after a crash.
type situation struct {
	imp    imports.Import
	thread thread
	server Server
	now    time.Time
	// announcing: the card is wanted before anything was sent.
	announcing bool
	// told: the message about an absence told of this import's end, so it needs neither card nor notice of its own.
	// Until undecided it is not known yet whether that message does.
	told      bool
	undecided time.Time
	// holdPost and holdEdit: Slack is not asked before.
	holdPost, holdEdit time.Time
	// freshAt is when it is this card's turn among those that somebody wants fresh; zero while it has none.
	freshAt time.Time
}

// next is the first thing to do, in the order of what people need: the card (all else hangs on it), the end, the
// answer, and only then progress. Where something waits for its time, what is less urgent may go before it, except
// that nothing overtakes the end notice.
func (s situation) next() step {
	var later time.Time
	for _, candidate := range []func() (step, bool){s.card, s.finished, s.direct, s.answer, s.milestone, s.edit, s.refresh} {
		st, wanted := candidate()
		if !wanted {
			continue
		}
		if !st.at.After(s.now) {
			return st
		}
		if later.IsZero() || st.at.Before(later) {
			later = st.at
		}
	}
	return step{do: doNothing, at: later}
}

// announced says whether this import is shown in the channel.
func (s situation) announced() bool {
	imp := s.imp
	switch {
	case s.announcing, s.thread.Card.State != Pending:
		return true
	case s.told:
		return false
	case imp.Origin == imports.Here:
		return s.sent()
	case imp.Origin == imports.Late, len(imp.Followers) > 0, s.server.Announce == AnnounceAll:
		return true
	case s.server.Announce == AnnounceNone:
		return false
	}
	return imp.State == imports.Ended && imp.NeedsAttention()
}

// sent says whether a start left, or the import began: then it has an end that people wait for.
func (s situation) sent() bool {
	return !s.imp.SendingAt.IsZero() || s.imp.Begun() || s.imp.Origin != imports.Here
}

// channel is where this import is shown: where its card stands, else where the server's cards go.
func (s situation) channel() string {
	if s.thread.Card.Channel != "" {
		return s.thread.Card.Channel
	}
	return s.server.Channel
}

// heldByChannel is until when the channel is left alone, because it refused.
func (s situation) heldByChannel() time.Time {
	if s.thread.Refused.IsZero() || s.announcing {
		return time.Time{}
	}
	if s.thread.Card.Unsure == blindly || s.thread.Finished.Unsure == blindly {
		return s.thread.Refused.Add(unheardFor)
	}
	return s.thread.Refused.Add(refusedFor)
}

// refuses says whether the channel counts as one that refuses: it said so, or it left the card or the end notice without an answer as often
// as they are sent blindly. The process that waited for that answer may have died with it and noted nothing more.
func (s situation) refuses() bool {
	return !s.thread.Refused.IsZero() || s.thread.Card.unheard() || s.thread.Finished.unheard()
}

// abandoned says that the channel won't be tried any more.
func (s situation) abandoned() bool {
	if s.channel() == "" {
		return true
	}
	return !s.thread.Refused.IsZero() && s.imp.State == imports.Ended && s.now.Sub(s.imp.EndedAt) > refusedAtMost
}

func (s situation) card() (step, bool) {
	if !s.announced() || s.thread.Card.over() || s.abandoned() || s.undecidedStart() && !s.announcing {
		return step{}, false
	}
	return step{do: doCard, at: latest(s.holdPost, s.heldByChannel(), s.thread.Card.Again, s.undecided)}, true
}

// undecidedStart says whether it is a start that waits for another import to end, or for its turn.
func (s situation) undecidedStart() bool {
	return s.imp.State == imports.Waiting || s.imp.State == imports.Accepted
}

// finishedDue says whether the end notice is still to come.
func (s situation) finishedDue() bool {
	return s.imp.State == imports.Ended && s.announced() && s.sent() && !s.thread.Finished.over() && !s.abandoned()
}

// finishedRests says that the end notice was sent as often as it is sent blindly, and waits before it goes again: until then the card must
// not go on saying that the import runs.
func (s situation) finishedRests() bool {
	f := s.thread.Finished
	return f.unheard() && f.Again.After(s.now)
}

func (s situation) finished() (step, bool) {
	if !s.finishedDue() || !s.thread.Card.over() {
		return step{}, false
	}
	hold := s.heldByChannel()
	if s.thread.Finished.At.IsZero() {
		hold = time.Time{} // an edit may have been refused; the end is worth a try of its own
	}
	return step{do: doFinished, at: latest(s.holdPost, hold, s.thread.Finished.Again)}, true
}

// direct is the end notice by direct message: for those who want it so, and where the channel does not take it for all
// whom it mentions.
func (s situation) direct() (step, bool) {
	// Who was tried least comes first: nobody's message waits for another's that does not get through.
	var next step
	for _, user := range s.directly() {
		post := s.thread.Direct[user]
		if post.over() {
			continue
		}
		at := latest(s.holdPost, post.Again)
		if next.do == doNothing || at.Before(next.at) || at.Equal(next.at) && post.Attempts < s.thread.Direct[next.user].Attempts {
			next = step{do: doDirect, user: user, at: at}
		}
	}
	return next, next.do != doNothing
}

// directly are those who are told of the end by direct message.
func (s situation) directly() []string {
	switch {
	case s.imp.State != imports.Ended:
		return nil
	case !s.sent():
		return s.waitedInVain()
	case !s.announced():
		return nil
	}
	refused := s.refuses() || s.channel() == "" || s.thread.Finished.State == GivenUp
	asked := !s.thread.Card.over() || !s.thread.Finished.At.IsZero() || s.abandoned() // else the channel was not asked yet
	if refused && asked && s.thread.Finished.State != Sent {
		return append(mentioned(s.imp), s.imp.Direct...)
	}
	return s.imp.Direct
}

// waitedInVain are those who joined somebody else's start that waited, where nothing came of it. Who asked for it gets the answer, and
// who took it back knows. Where another import is in the way they have joined that one.
func (s situation) waitedInVain() []string {
	if s.imp.WishedAt.IsZero() || s.imp.Reason.Kind == imports.ReasonRunning {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.imp.Followers), func(user string) bool {
		return user == s.imp.RequestedBy || user == s.imp.Reason.By
	})
}

// again is until when a message is not sent once more that was sent now, and so many times in all without an answer.
// To a channel the second goes at once, the third after some minutes and the others hourly; to a person they go after 1, 2, 4 … minutes.
func again(unsure int, direct bool, now time.Time) time.Time {
	switch {
	case !direct && unsure == blindly:
		return now.Add(unheardFor)
	case !direct && unsure > blindly:
		return now.Add(refusedFor)
	case direct && unsure > 1:
		return now.Add(min(time.Minute<<(unsure-2), time.Hour))
	}
	return time.Time{}
}

// answer is the answer to the person who asked, where nobody gave it: the process that took the command died, or
// Slack took no answer from it. That process may be another one than this, so a change of the lead tells nothing about
// it: it gets its time in any case.
func (s situation) answer() (step, bool) {
	imp := s.imp
	decided, ok := decidedAt(imp)
	if !ok || imp.RequestedBy == "" || imp.Origin != imports.Here || !imp.AnsweredAt.IsZero() || s.thread.Answer.State == GivenUp {
		return step{}, false
	}
	switch {
	case s.thread.Answer.State == Sent:
		return step{do: doAnswered}, true
	case s.thread.Finished.State == Sent && imp.State == imports.Ended, s.thread.Direct[imp.RequestedBy].State == Sent:
		return step{do: doAnswered}, true
	case s.finishedDue() && !s.refuses():
		return step{}, false // the end notice mentions them, and comes first
	}
	return step{do: doAnswer, at: latest(decided.Add(answerAfter), s.holdPost, s.thread.Answer.Again)}, true
}

// decidedAt is when it was settled what becomes of a start.
func decidedAt(imp imports.Import) (time.Time, bool) {
	switch {
	case imp.State == imports.Waiting || imp.State == imports.Accepted || imp.State == imports.Sending:
		return time.Time{}, false
	case !imp.SendingAt.IsZero():
		return imp.SendingAt, true
	}
	return imp.EndedAt, true
}

func (s situation) milestone() (step, bool) {
	t := s.thread
	notice, ok := s.newest()
	if !ok || !s.announced() || t.Card.State != Sent || t.CardGone || s.imp.State == imports.Ended ||
		t.Messages+keptMessages >= maxMessages {
		return step{}, false
	}
	at := latest(s.holdPost, s.heldByChannel())
	if !t.ToldAt.IsZero() {
		at = latest(at, t.ToldAt.Add(toldApart*s.server.PollRunning))
	}
	return step{do: doMilestone, notice: notice, at: at}, true
}

// newest is the newest notice that was not heard yet and is worth telling: that a server is seen again is no news to
// those who were not told that it was lost.
func (s situation) newest() (int, bool) {
	for i := len(s.imp.Milestones) - 1; i >= s.thread.Heard; i-- {
		switch s.imp.Milestones[i].Kind {
		case imports.MilestoneSeen:
			if !s.toldLost() {
				continue
			}
		case imports.MilestoneLost:
			if s.imp.Lost.IsZero() {
				continue // it is seen again
			}
		}
		return i, true
	}
	return 0, false
}

// toldLost says whether the last milestone that was told said that the server was lost. One that Slack did not take
// was not told.
func (s situation) toldLost() bool {
	for i := len(s.thread.Milestones) - 1; i >= 0; i-- {
		told := s.thread.Milestones[i]
		if told.State != Pending {
			return told.Notice < len(s.imp.Milestones) && s.imp.Milestones[told.Notice].Kind == imports.MilestoneLost
		}
	}
	return false
}

func (s situation) edit() (step, bool) {
	t, face := s.thread, faceOf(s.imp)
	if t.Card.State != Sent || t.CardGone || s.finishedDue() && !s.finishedRests() {
		return step{}, false
	}
	limit, apart := maxEdits-keptForEnd, editsApart*s.server.PollRunning
	var from time.Time
	switch {
	case s.imp.State == imports.Ended && !t.Face.sameState(face):
		limit, apart = maxEdits, max(apart, lastEditsApart(t.LastEdits))
		if s.abandoned() {
			return step{}, false
		}
	case s.imp.State == imports.Ended:
		return step{}, false
	case t.Face.sameState(face):
		limit -= keptForStates
		if !farEnough(t.Face.Progress, face.Progress, limit-t.Edits) {
			limit = editsUntilUntrue
			var untrue bool
			if from, untrue = t.Face.untrueFrom(face, s.now); !untrue {
				return step{}, false
			}
		}
	}
	if t.Edits >= limit {
		return step{}, false
	}
	at := latest(s.holdEdit, from)
	if !s.finishedRests() { // otherwise it is the end's answers that were lost, and an edit may go well
		at = latest(at, s.heldByChannel())
	}
	if !t.EditedAt.IsZero() {
		at = latest(at, t.EditedAt.Add(apart))
	}
	return step{do: doEdit, at: at}, true
}

// farEnough says whether the progress that a card shows is so far behind that it is worth one of the edits left for that. They are spread
// evenly over the rest of the way, so that none is missing near the end.
func farEnough(shown, now, left int) bool {
	if left <= 0 {
		return false
	}
	due := max(progressStep, (100-max(shown, 0)+left)/(left+1))
	return now >= shown+due || now <= shown-progressStep
}

// refresh is the edit that somebody asked for with the card's button. There is none while the card shows all that is known, and it
// takes nothing from the card's own edits, which neither count it nor wait for it.
func (s situation) refresh() (step, bool) {
	t := s.thread
	if t.asked <= t.refreshed || t.Card.State != Sent || t.CardGone || s.finishedDue() || s.abandoned() || t.Face.shows(faceOf(s.imp), s.now) {
		return step{}, false
	}
	return step{do: doRefresh, at: latest(s.holdEdit, s.heldByChannel(), s.freshAt, t.EditedAt.Add(refreshApart), t.RefreshedAt.Add(refreshApart))}, true
}

// lastEditsApart is how long after so many edits that were to show the last state, and whose answers were lost, the
// next one goes: 1, 3, 9 … minutes, so that the few there are outlast a disturbance of Slack's.
func lastEditsApart(n int) time.Duration {
	apart := time.Minute
	for ; n > 1 && apart < time.Hour; n-- {
		apart *= 3
	}
	if n == 0 {
		return 0
	}
	return min(apart, time.Hour)
}

func latest(times ...time.Time) time.Time {
	var out time.Time
	for _, t := range times {
		if t.After(out) {
			out = t
		}
	}
	return out
}
