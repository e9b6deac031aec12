package handlers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"importbot/bot"
	"importbot/imports"
)

// ask has somebody press Refresh on the card.
func (tl *tale) ask() {
	tl.store.ask(tl.imp.ID)
	tl.survive(tl.pump)
}

// halfway is an import of which the card shows 10 percent, while 12 are known.
func halfway(s *stage) *tale {
	tl := begin(s)
	tl.send()
	tl.pass(10 * time.Second)
	tl.run(10)
	tl.pass(2 * time.Minute)
	tl.run(12)
	return tl
}

// says says whether the card shows so much.
func (tl *tale) says(percent int) bool {
	return strings.Contains(tl.posts(kindCard)[0].text, fmt.Sprintf("running, %d percent", percent))
}

func TestACardIsFreshWhereSomebodyAsks(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := halfway(s)
	if !tl.says(10) {
		t.Fatalf("the card is edited for two points of progress:\n%s", s.slack)
	}
	tl.ask()
	if !tl.says(12) {
		t.Errorf("asked for, and not edited:\n%s", s.slack)
	}
	before := s.slack.updates
	tl.pass(time.Minute)
	tl.ask()
	if s.slack.updates != before {
		t.Errorf("%d edits of a card that shows all there is to know", s.slack.updates-before)
	}
	tl.run(12)
	tl.ask() // a newer look alone
	tl.run(13)
	tl.ask() // too soon after that
	if s.slack.updates != before+1 || tl.says(13) {
		t.Errorf("%d edits at once; want one, and the next after %s", s.slack.updates-before, refreshApart)
	}
	tl.pass(refreshApart)
	if !tl.says(13) || s.slack.updates != before+2 {
		t.Errorf("%d edits, want two:\n%s", s.slack.updates-before, s.slack)
	}
	tl.end(imports.Succeeded)
	tl.pass(5 * time.Minute)
	tl.expect(1, 1, 1)
	before = s.slack.updates
	tl.ask()
	tl.pass(time.Hour)
	if s.slack.updates != before {
		t.Error("the card of an import that is over was edited")
	}
	if th := s.store.threads[tl.imp.ID]; th.Asked != th.Refreshed || !th.Done {
		t.Errorf("%+v is left to be done", th)
	}
}

// look is a look whose word the publisher does not wait for: something else is under way.
func (tl *tale) look(percent int) {
	tl.imp.LastLook, tl.imp.LastRun, tl.imp.Progress = tl.clock.Now(), tl.clock.Now(), &percent
	tl.store.put(tl.imp)
}

// At every call of the store and of Slack that a press leads to, there is a newer look and another press.
func TestAPressWhileTheOneBeforeIsWorkedOn(t *testing.T) {
	t.Parallel()
	tell := func(at int) (calls int) {
		s := newStage(t)
		tl := halfway(s)
		before := s.calls
		s.meanwhile = func(call int) {
			if call == before+at {
				tl.look(13)
				s.store.ask(tl.imp.ID)
			}
		}
		tl.ask()
		calls = s.calls - before
		tl.pass(2 * refreshApart)
		if th := tl.shown(); at > 0 && (!tl.says(13) || th.asked != 2 || th.refreshed != 2) {
			t.Errorf("pressed again at call %d of %d: %d of %d wishes taken account of\n%s", at, calls, th.refreshed, th.asked, s.slack)
		}
		return calls
	}
	calls := tell(0)
	if calls < 4 {
		t.Fatalf("a press leads to %d calls", calls)
	}
	for at := 1; at <= calls; at++ {
		tell(at)
	}
}

// An edit that was asked for keeps its distance also from the one of the card's own before it.
func TestAFreshCardKeepsItsDistance(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := halfway(s)
	tl.run(20)
	tl.run(21)
	if before := s.slack.updates; !tl.says(20) || before != 2 {
		t.Fatalf("%d edits of the card's own:\n%s", before, s.slack)
	}
	tl.ask()
	tl.pass(refreshApart - time.Second)
	if !tl.says(20) {
		t.Errorf("edited %s after its own edit:\n%s", refreshApart-time.Second, s.slack)
	}
	tl.pass(time.Second)
	if !tl.says(21) {
		t.Errorf("not edited %s after its own edit:\n%s", refreshApart, s.slack)
	}
}

// However often people ask, there is one edit in refreshApart, and the card's own edits and its end come as if nobody had.
func TestAThousandWantAFreshCard(t *testing.T) {
	t.Parallel()
	tell := func(askers int) (*stage, *tale) {
		s := newStage(t)
		tl := begin(s)
		tl.send()
		for look := range 80 { // 20 minutes; Slack takes few edits in the second five
			s.slack.fail = nil
			if look >= 20 && look < 40 {
				s.slack.fail = func(method, _, _, _ string) (error, bool) {
					if method != "update" {
						return nil, false
					}
					return &bot.RateLimitedError{After: 40 * time.Second}, false
				}
			}
			tl.run(look)
			for range 15 {
				for range askers {
					s.store.ask(tl.imp.ID)
				}
				tl.pass(time.Second)
			}
		}
		tl.end(imports.Failed)
		tl.pass(5 * time.Minute)
		tl.expect(1, 3, 1)
		return s, tl
	}
	_, quiet := tell(0)
	s, tl := tell(5)
	own, ownQuiet := tl.shown().Edits, quiet.shown().Edits
	if own > ownQuiet || own == 0 {
		t.Errorf("%d edits of the card's own; want %d at most, as where nobody asks", own, ownQuiet)
	}
	if most := int(20*time.Minute/refreshApart) + maxEdits; s.slack.updates > most || s.slack.updates < 40 {
		t.Errorf("%d edits for %d wishes; want between 40 and %d", s.slack.updates, 5*15*80, most)
	}
	asked := 0
	for i, at := range s.slack.editedAt {
		if i > 0 && at.Sub(s.slack.editedAt[i-1]) < refreshApart {
			asked++ // one of the card's own may come right behind one that was asked for
		}
	}
	if asked > own {
		t.Errorf("%d edits came less than %s after another; %d are the card's own", asked, refreshApart, own)
	}
	if !strings.Contains(s.posts(kindCard)[0].text, "failed") {
		t.Errorf("the card says %q at the end", s.posts(kindCard)[0].text)
	}
}

// However many cards people want fresh at once, the edits for it come one by one, and each card has its turn.
func TestManyFreshCards(t *testing.T) {
	t.Parallel()
	const cards = 12
	s := newStage(t)
	tales := make([]*tale, cards)
	for i := range tales {
		tl := begin(s)
		tl.imp.ID = fmt.Sprintf("imp-%02d", i)
		tl.send()
		tl.run(10)
		tales[i] = tl
	}
	s.pass(time.Minute)
	before, limited := len(s.slack.editedAt), false
	s.slack.fail = func(method, _, _, _ string) (error, bool) {
		if !limited || method != "update" {
			return nil, false
		}
		return &bot.RateLimitedError{After: 20 * time.Second}, false
	}
	for second := range 150 {
		limited = second >= 30 && second < 60
		for _, tl := range tales {
			tl.look(11)
			s.store.ask(tl.imp.ID)
		}
		s.pass(time.Second)
	}
	edits := s.slack.editedAt[before:]
	for i := range edits[1:] {
		if apart := edits[i+1].Sub(edits[i]); apart < freshTurn {
			t.Errorf("two edits within %s", apart)
		}
	}
	for _, tl := range tales {
		if ago := s.clock.Now().Sub(tl.shown().RefreshedAt); ago > (cards+1)*freshTurn {
			t.Errorf("the card of %s was edited %s ago, though somebody asked each second", tl.imp.ID, ago)
		}
	}
}

// A turn that a card did not need, or could not use, is no turn at a later time.
func TestAMissedTurn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	take := func(w *worker, want bool) {
		t.Helper()
		if got := w.takeTurn(); got != want {
			t.Errorf("its turn: %t, want %t", got, want)
		}
	}
	var of [3]*worker
	for i := range of {
		of[i] = &worker{courier: courier{Publisher: s.p, job: new(job)}}
	}
	take(of[0], true)
	take(of[1], false)
	s.clock.advance(10 * time.Second)
	take(of[2], true)
	take(of[1], false)
	s.clock.advance(freshTurn)
	take(of[1], true)
}

// shown is what is noted of the card.
func (tl *tale) shown() thread {
	tl.t.Helper()
	th, err := decode(tl.store.threads[tl.imp.ID])
	must(tl.t, err)
	return th
}

// A wish outlives whoever leads: at every call of the store and of Slack, before and after its effect, a process dies or stands still.
func TestAFreshCardThoughProcessesDie(t *testing.T) {
	t.Parallel()
	tell := func(s *stage) *tale {
		tl := halfway(s)
		tl.ask()
		tl.pass(refreshApart + time.Minute)
		s.wakeAll()
		tl.pass(time.Minute)
		return tl
	}
	reference := newStage(t)
	tell(reference)
	for _, after := range []bool{false, true} {
		for at := 1; at <= reference.calls; at++ {
			for _, stands := range []bool{false, true} {
				s := newStage(t)
				s.after, s.kills = after, []int{at}
				if stands {
					s.kills, s.freezes = nil, []int{at}
				}
				tl := tell(s)
				if th := tl.shown(); !tl.says(12) || th.asked != th.refreshed || s.slack.updates > 4 {
					t.Fatalf("call %d, after %t, stands still %t: %d edits, %d of %d wishes\n%s", at, after, stands, s.slack.updates, th.refreshed, th.asked, s.slack)
				}
			}
		}
	}
}

// An edit that Slack did not take is tried again; one that it may have taken is not.
func TestAFreshCardThatSlackDoesNotTake(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err   error
		taken bool
		want  int // tries
	}{
		"limited":     {&bot.RateLimitedError{After: 3 * time.Second}, false, 2},
		"refused":     {refusal("msg_too_long", bot.ErrInvalid), false, 2},
		"answer lost": {errLost, true, 1},
	} {
		s := newStage(t)
		tl := halfway(s)
		tries := 0
		s.slack.fail = func(method, _, _, _ string) (error, bool) {
			if method != "update" {
				return nil, false
			}
			if tries++; tries > 1 {
				return nil, false
			}
			return row.err, row.taken
		}
		tl.ask()
		for _, wait := range []time.Duration{5 * time.Second, time.Minute} { // what was surely not taken keeps no distance
			tl.pass(wait)
			if !tl.says(12) || tries != row.want {
				t.Errorf("%s: tried %d times %s later, want %d; the card says %q", name, tries, wait, row.want, s.posts(kindCard)[0].text)
			}
		}
	}
}

// Nothing overtakes the end notice, not even what somebody asked for.
func TestAFreshCardWaitsForTheEndNotice(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := halfway(s)
	held := true
	s.slack.fail = func(method, _, kind, _ string) (error, bool) {
		if held && kind == kindFinished {
			return &bot.RateLimitedError{After: 5 * time.Second}, false
		}
		return nil, false
	}
	before := s.slack.updates
	tl.end(imports.Succeeded)
	tl.ask()
	tl.pass(time.Minute)
	if s.slack.updates != before || len(s.posts(kindFinished)) != 0 {
		t.Errorf("%d edits before the end notice:\n%s", s.slack.updates-before, s.slack)
	}
	held = false
	tl.pass(time.Minute)
	tl.expect(1, 1, 1)
	if th := tl.shown(); s.slack.updates != before+1 || th.asked != th.refreshed {
		t.Errorf("%d edits behind it, want its own; %d of %d wishes", s.slack.updates-before, th.refreshed, th.asked)
	}
}

// A channel that is not tried any more is not tried for a press either.
func TestNoFreshCardInAChannelThatIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := halfway(s)
	tries := 0
	s.slack.fail = func(_, channel, _, _ string) (error, bool) {
		if channel != "C0PROD" {
			return nil, false
		}
		tries++
		return refusal("is_archived", bot.ErrChannel), false
	}
	tl.end(imports.Succeeded)
	tl.pass(time.Minute)
	if tries == 0 {
		t.Fatal("the channel was never tried")
	}
	s.clock.advance(refusedAtMost + time.Hour)
	s.survive(s.pump)
	tries = 0
	tl.ask()
	tl.pass(2 * refusedFor)
	if th := s.store.threads[tl.imp.ID]; tries != 0 || th.Asked != 1 || th.Refreshed != 1 || !th.Done {
		t.Errorf("tried %d times; %d of %d wishes taken account of, done: %t", tries, th.Refreshed, th.Asked, th.Done)
	}
}
