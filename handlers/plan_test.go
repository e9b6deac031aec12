package handlers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// tale is an import that somebody asked for, step by step, as an engine records it.
type tale struct {
	*stage
	imp imports.Import
}

// begin tells of an import until it was sent.
func begin(s *stage) *tale {
	tl := &tale{stage: s, imp: started(imports.Accepted)}
	tl.imp.AcceptedAt = s.clock.Now()
	return tl
}

// set changes the import, and stores it.
func (tl *tale) set(change func(*imports.Import)) {
	change(&tl.imp)
	tl.put(tl.imp)
}

func (tl *tale) send() {
	tl.t.Helper()
	if err := tl.announce(tl.imp); err != nil {
		tl.t.Fatalf("Announce: %v", err)
	}
	tl.set(func(i *imports.Import) { i.State, i.SendingAt = imports.Sending, tl.clock.Now() })
	tl.set(func(i *imports.Import) { i.State = imports.Sent })
}

// run is a look that says running.
func (tl *tale) run(percent int) {
	at := tl.clock.Now()
	tl.set(func(i *imports.Import) {
		i.LastLook, i.LastRun, i.Progress, i.Lost = at, at, &percent, time.Time{}
		if i.State != imports.Running {
			i.State, i.BegunAt, i.FirstRunning = imports.Running, at, imports.Span{Asked: at, At: at}
			i.Milestones = append(i.Milestones, imports.Milestone{Kind: imports.MilestoneStarted, At: at})
		}
		for _, quarter := range []int{25, 50, 75} {
			if percent >= quarter && !told(i.Milestones, quarter) {
				i.Milestones = append(i.Milestones, imports.Milestone{Kind: imports.MilestoneProgress, At: at, Progress: quarter})
			}
		}
	})
}

func told(notices []imports.Milestone, quarter int) bool {
	for _, n := range notices {
		if n.Progress >= quarter {
			return true
		}
	}
	return false
}

func (tl *tale) lose() {
	at := tl.clock.Now()
	tl.set(func(i *imports.Import) {
		i.Lost, i.LastFailure = at, refused
		i.Milestones = append(i.Milestones, imports.Milestone{Kind: imports.MilestoneLost, At: at, Failure: refused})
	})
}

func (tl *tale) find() {
	tl.imp.Milestones = append(tl.imp.Milestones, imports.Milestone{Kind: imports.MilestoneSeen, At: tl.clock.Now()})
	tl.run(*tl.imp.Progress)
}

func (tl *tale) end(outcome imports.Outcome) { tl.ends(outcome, "") }

// ends lets it end with a word of the server's.
func (tl *tale) ends(outcome imports.Outcome, word bigfix.LastStatus) {
	at := tl.clock.Now()
	tl.set(func(i *imports.Import) {
		i.State, i.Outcome, i.EndedAt = imports.Ended, outcome, at
		i.End = &imports.End{Status: bigfix.StatusSuccessful, Type: i.Type, ImportTime: at, SuccessTime: at}
		if outcome == imports.Failed {
			i.End.Status = "failed"
		}
		if word != "" {
			i.End.Status = word
		}
	})
}

// whole is a tale of an ordinary import of 30 minutes, in which the server goes out of sight once.
func (tl *tale) whole() {
	tl.send()
	tl.pass(10 * time.Second)
	for percent := 2; percent < 100; percent += 3 {
		switch percent {
		case 41:
			tl.lose()
		case 47:
			tl.find()
		default:
			if tl.imp.Lost.IsZero() {
				tl.run(percent)
			}
		}
		tl.pass(time.Minute)
	}
	tl.end(imports.Succeeded)
	tl.pass(5 * time.Minute)
}

func TestAnImportIsShownFromCardToEnd(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := begin(s)
	tl.whole()
	s.expect(1, 4, 1)
	card, finished := s.posts(kindCard)[0], s.posts(kindFinished)[0]
	if !strings.Contains(card.text, "succeeded") || card.channel != "C0PROD" {
		t.Errorf("the card says %q in %s at the end", card.text, card.channel)
	}
	if finished.thread != card.ts || !finished.broadcast || !strings.Contains(finished.text, "<@U0ANA>") {
		t.Errorf("finished = %+v; want a broadcast reply to the card that mentions who asked", finished)
	}
	if b := s.p.Backlog(); b != (Backlog{}) {
		t.Errorf("Backlog() = %+v; want nothing", b)
	}
	if len(s.posts(kindAnswer)) != 0 && s.store.answered["imp-1"].IsZero() {
		t.Error("answered, and not noted")
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Second, 30 * time.Second, 10 * time.Minute} {
		t.Run(step.String(), func(t *testing.T) {
			s := newStage(t)
			tl := begin(s)
			tl.send()
			for look := range 200 {
				switch {
				case look%7 == 3:
					tl.lose()
				case look%7 == 4:
					tl.find()
				default:
					tl.run(look * 37 % 100)
				}
				s.clock.advance(step)
				s.pump()
			}
			tl.end(imports.Failed)
			s.pass(2 * time.Minute)
			if s.slack.updates > maxEdits || s.slack.updates == 0 {
				t.Errorf("%d edits, want 1 to %d", s.slack.updates, maxEdits)
			}
			messages := len(s.slack.messages) - len(s.posts(kindAnswer))
			if messages > maxMessages {
				t.Errorf("%d messages, want %d at most\n%s", messages, maxMessages, s.slack)
			}
			if len(s.posts(kindFinished)) != 1 || !strings.Contains(s.posts(kindCard)[0].text, "failed") {
				t.Errorf("the end did not get through:\n%s", s.slack)
			}
			for i, at := range s.slack.editedAt {
				if i > 0 && at.Sub(s.slack.editedAt[i-1]) < editsApart*prod.PollRunning {
					t.Errorf("edits %d and %d lie %s apart", i, i+1, at.Sub(s.slack.editedAt[i-1]))
				}
			}
			milestones := s.posts(kindMilestone)
			for i := range milestones {
				if i > 0 && milestones[i].at.Sub(milestones[i-1].at) < toldApart*prod.PollRunning {
					t.Errorf("milestones lie %s apart", milestones[i].at.Sub(milestones[i-1].at))
				}
			}
		})
	}
}

// TestKilledAnywhere kills the process at every single call of the store and of Slack, before and after its effect, and
// looks what people saw in the end.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	reference := newStage(t)
	begin(reference).whole()
	for _, history := range []bool{true, false} {
		for _, after := range []bool{false, true} {
			for at := 1; at <= reference.calls; at++ {
				if rarely(at) {
					continue
				}
				s := newStage(t)
				s.kills, s.after, s.slack.noHistory = []int{at}, after, !history
				begin(s).whole()
				s.checkStory(fmt.Sprintf("history %v, killed at call %d (after: %v)", history, at, after), history)
				if t.Failed() {
					return
				}
			}
		}
	}
	t.Logf("%d points, each before and after, with and without history", reference.calls)
}

// TestKilledAgainAndAgain kills it many times at random. Where history may be read, everything still comes once.
func TestKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for round := range rounds(300) {
		s := newStage(t)
		s.after = round%2 == 0
		for call := 1; call < 400; call++ {
			if random.IntN(8) == 0 {
				s.kills = append(s.kills, call)
			}
		}
		begin(s).whole()
		s.pass(time.Hour) // an edit that was cut off is made again after 1, 3, 9 and 27 minutes
		s.checkStory(fmt.Sprintf("round %d, killed at %v", round, s.kills), true)
		if t.Failed() {
			return
		}
	}
}

// TestStandsStillAnywhere lets the process stand still at every single call, before and after its effect, while another
// one takes the lead and goes on; and then lets it go on as well: soon, later, and when all is over.
func TestStandsStillAnywhere(t *testing.T) {
	t.Parallel()
	reference := newStage(t)
	begin(reference).whole()
	for _, history := range []bool{true, false} {
		for _, after := range []bool{false, true} {
			for at := 1; at <= reference.calls; at++ {
				if rarely(at) {
					continue
				}
				s := newStage(t)
				s.freezes, s.after, s.slack.noHistory = []int{at}, after, !history
				s.sleeps = []int{1, 7, 0}[at%3]
				begin(s).whole()
				s.wakeAll()
				s.checkStory(fmt.Sprintf("history %v, stood still at call %d (after: %v) for %d calls", history, at, after, s.sleeps), history)
				if t.Failed() {
					return
				}
			}
		}
	}
	t.Logf("%d points, each before and after, with and without history", reference.calls)
}

// TestStandsStillAgainAndAgain mixes processes that die with such that stand still, and go on at any time.
func TestStandsStillAgainAndAgain(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for round := range rounds(300) {
		s := newStage(t)
		s.after, s.sleeps = round%2 == 0, random.IntN(40)
		for call := 1; call < 400; call++ {
			switch random.IntN(16) {
			case 0:
				s.kills = append(s.kills, call)
			case 1:
				s.freezes = append(s.freezes, call)
			}
		}
		begin(s).whole()
		s.wakeAll()
		s.checkStory(fmt.Sprintf("round %d, killed at %v, stood still at %v", round, s.kills, s.freezes), true)
		if t.Failed() {
			return
		}
	}
}

// TestALeadLostBeforeThePost stands still between the record that a card is on its way and the card.
func TestALeadLostBeforeThePost(t *testing.T) {
	t.Parallel()
	for _, history := range []bool{true, false} {
		s := newStage(t)
		s.slack.noHistory = !history
		tl := begin(s)
		if err := tl.announce(tl.imp); err != nil || len(s.slack.messages) != 1 {
			t.Fatal(err, s.slack)
		}
		posting := s.calls - 1 // its last calls: the record, the post, the record
		s = newStage(t)
		s.slack.noHistory = !history
		s.freezes, tl = []int{posting}, begin(s)
		tl.whole()
		if n := len(s.slack.messages); n == 0 {
			t.Fatal("nobody went on")
		}
		before := s.slack.String()
		s.wakeAll()
		if after := s.slack.String(); after != before {
			t.Errorf("who stood still has spoken:\n%s\nbefore:\n%s", after, before)
		}
		if len(s.posts(kindCard)) != 1 || len(s.posts(kindFinished)) != 1 {
			t.Errorf("want one card and one finished message:\n%s", s.slack)
		}
	}
}

// checkStory says what must hold of an import however often its process died.
func (s *stage) checkStory(name string, exact bool) {
	s.t.Helper()
	cards, finished := s.posts(kindCard), s.posts(kindFinished)
	most := 2 // where history can't be read, what Slack may have is sent once more
	if exact {
		most = 1
	}
	switch {
	case len(finished) < 1 || len(finished) > most:
		s.t.Errorf("%s: %d finished", name, len(finished))
	case len(cards) < 1 || len(cards) > most || len(cards)+len(finished) > most+1:
		s.t.Errorf("%s: %d cards, %d finished", name, len(cards), len(finished))
	case !strings.Contains(cards[len(cards)-1].text, "succeeded"):
		s.t.Errorf("%s: the card says %q", name, cards[len(cards)-1].text)
	}
	seen := map[string]bool{}
	for _, m := range s.posts(kindMilestone) {
		if seen[m.text] {
			s.t.Errorf("%s: told twice: %s", name, m.text)
		}
		seen[m.text] = true
	}
	if n := len(s.slack.messages) - len(s.posts(kindAnswer)); n > maxMessages {
		s.t.Errorf("%s: %d messages", name, n)
	}
	if s.slack.updates > maxEdits {
		s.t.Errorf("%s: %d edits", name, s.slack.updates)
	}
	if s.store.answered["imp-1"].IsZero() {
		s.t.Errorf("%s: who asked was never answered", name)
	}
	if s.t.Failed() {
		s.t.Log(s.slack)
	}
}

func TestAnnouncePolicies(t *testing.T) {
	t.Parallel()
	cases := []struct {
		policy    Announce
		outcome   imports.Outcome
		word      bigfix.LastStatus // the server's, where that is not the usual one
		followers []string
		cards     int
	}{
		{AnnounceAll, imports.Succeeded, "", nil, 1},
		{AnnounceAll, imports.Failed, "", nil, 1},
		{AnnounceFailures, imports.Succeeded, "", nil, 0},
		{AnnounceFailures, imports.Failed, "", nil, 1},
		{AnnounceFailures, imports.Unknown, "", nil, 1},
		{AnnounceFailures, imports.Unclear, "", nil, 0}, // its last word is "successful"
		{AnnounceFailures, imports.Unclear, "failed", nil, 1},
		{AnnounceNone, imports.Failed, "", nil, 0},
		{AnnounceNone, imports.Succeeded, "", []string{"U0BEN"}, 1},
		{AnnounceFailures, imports.Succeeded, "", []string{"U0BEN"}, 1},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s %s %s %v", c.policy, c.outcome, c.word, c.followers), func(t *testing.T) {
			s := newStage(t)
			s.p.Servers[0].Announce = c.policy
			tl := &tale{stage: s, imp: started(imports.Running)}
			tl.imp.Origin, tl.imp.RequestedBy, tl.imp.Followers = imports.Scheduled, "", nil
			tl.imp.State = imports.Sent // run() makes it a running one
			tl.run(10)
			tl.set(func(i *imports.Import) { i.Followers = c.followers })
			tl.pass(20 * time.Minute)
			tl.run(60)
			if early := len(s.slack.messages); early > 0 && c.policy != AnnounceAll && c.followers == nil {
				t.Errorf("%d messages while it runs", early)
			}
			tl.ends(c.outcome, c.word)
			tl.pass(2 * time.Minute)
			if got := len(s.posts(kindCard)); got != c.cards {
				t.Errorf("%d cards, want %d\n%s", got, c.cards, s.slack)
			}
			if got := len(s.posts(kindFinished)); got != c.cards {
				t.Errorf("%d finished, want %d\n%s", got, c.cards, s.slack)
			}
		})
	}
}

// failing makes calls of a kind go wrong, a number of times.
func failing(times int, kind string, err error, taken bool) func(string, string, string, string) (error, bool) {
	return func(method, _, k, _ string) (error, bool) {
		if times == 0 || method == "update" && kind != "edit" || method == "post" && k != kind {
			return nil, false
		}
		times--
		return err, taken
	}
}

func TestRateLimitsLoseNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := begin(s)
	tl.send()
	tl.run(10)
	other := with(running(), func(i *imports.Import) { i.ID, i.RequestKey = "imp-2", "key-2" })
	s.slack.fail = failing(1, kindFinished, &bot.RateLimitedError{Method: "chat.postMessage", After: 30 * time.Second}, false)
	tl.end(imports.Succeeded)
	s.expect(1, 1, 0)
	s.put(other) // another import goes on meanwhile
	s.expect(2, 1, 0)
	tl.pass(29 * time.Second)
	if len(s.posts(kindFinished)) != 0 {
		t.Error("Slack was asked again before its time")
	}
	tl.pass(2 * time.Second)
	if got := s.posts(kindFinished); len(got) != 1 || got[0].id != "imp-1" {
		t.Errorf("finished = %v, want that of imp-1", got)
	}
}

func TestTheEndGoesBeforeProgress(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := begin(s)
	tl.send()
	s.slack.fail = failing(-1, "edit", &bot.RateLimitedError{Method: "chat.update", After: time.Hour}, false)
	for percent := 5; percent < 100; percent += 5 {
		tl.run(percent)
		s.clock.advance(time.Minute)
	}
	tl.end(imports.Failed)
	s.expect(1, 2, 1) // though every edit is rate limited
	s.slack.fail = nil
	tl.pass(2 * time.Hour)
	if s.slack.updates != 1 {
		t.Errorf("%d edits, want one for all that was missed", s.slack.updates)
	}
}

func TestNothingOvertakesTheEnd(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := begin(s)
	tl.send()
	tl.run(10)
	tl.pass(5 * time.Minute) // an edit would be free to go
	s.slack.fail = failing(1, kindFinished, &bot.RateLimitedError{Method: "chat.postMessage", After: time.Minute}, false)
	edits := s.slack.updates
	tl.end(imports.Succeeded)
	tl.pass(50 * time.Second)
	if s.slack.updates != edits {
		t.Error("the card was edited while the end notice waits")
	}
	tl.pass(time.Minute)
	if len(s.posts(kindFinished)) != 1 || s.slack.updates != edits+1 {
		t.Errorf("want the end notice and then the edit:\n%s", s.slack)
	}
}

func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, history := range []bool{true, false} {
		want := 2 // a duplicate is the price, never a loss
		if history {
			want = 1
		}
		for _, kind := range []string{kindCard, kindFinished} {
			s := newStage(t)
			s.slack.noHistory = !history
			s.slack.fail = failing(1, kind, errLost, true)
			tl := begin(s)
			if kind == kindCard { // the engine asks again
				if err := s.announce(tl.imp); err == nil {
					t.Error("Announce says that the card stands, and nobody knows")
				}
				s.clock.advance(2 * time.Second)
			}
			tl.whole()
			if got := len(s.posts(kind)); got != want {
				t.Errorf("%d %s after a lost answer, want %d (history: %v)\n%s", got, kind, want, history, s.slack)
			}
		}
		s := newStage(t)
		s.slack.noHistory = !history
		s.slack.fail = failing(1, kindMilestone, errLost, true)
		begin(s).whole()
		s.expect(1, 4, 1)
	}
}

// A card whose answer was lost is found in the history later, when its import is over. It shows what it showed when it left.
func TestACardThatIsFoundLateIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := begin(s)
	tl.imp.Origin, tl.imp.State, tl.imp.RequestedBy = imports.Elsewhere, imports.Sent, ""
	tl.imp.Followers = []string{"U0ANA"}
	s.slack.fail = failing(1, kindCard, errLost, true)
	tl.run(20)
	s.pass(100 * time.Millisecond)
	tl.end(imports.Succeeded)
	s.pass(10 * time.Minute)
	s.expect(1, 0, 1)
	if got := s.posts(kindCard)[0].text; !strings.Contains(got, "succeeded") {
		t.Errorf("the import is over, and its card says %q", got)
	}
}

// Two processes died, each as it waited for Slack's answer to the same message, and history can't be read. Nobody waits an hour for the end.
func TestTheEndIsToldThoughProcessesDiedWithItsAnswer(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{kindCard, kindFinished} {
		s := newStage(t)
		s.slack.noHistory = true
		tl := begin(s)
		tl.imp.Origin, tl.imp.State, tl.imp.RequestedBy = imports.Elsewhere, imports.Sent, ""
		tl.imp.Followers = []string{"U0ANA"}
		died := Post{State: Sending, At: s.clock.Now(), Attempts: blindly, Unsure: blindly, Again: s.clock.Now().Add(refusedFor)}
		stored := thread{id: tl.imp.ID, Card: died, Messages: blindly}
		if kind == kindFinished {
			stored.Card, stored.Finished = Post{State: Sent, Channel: "C0PROD", TS: "1.000001"}, died
		}
		row, err := stored.encode(tl.imp, 0, new(time.Time))
		if err != nil {
			t.Fatal(err)
		}
		s.store.threads[tl.imp.ID] = row
		tl.run(20)
		tl.end(imports.Succeeded)
		s.pass(5 * time.Minute)
		direct := slices.ContainsFunc(s.posts(kindFinished), func(m *posted) bool { return m.channel == "U0ANA" })
		if !direct {
			t.Errorf("two answers to the %s were lost with their processes, and nobody is told of the end\n%s", kind, s.slack)
		}
	}
}

// Both answers to the end notice are lost. The card says how the import ended all the same, and does not wait for the third.
func TestACardDoesNotGoOnRunningWhileTheEndWaits(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.slack.noHistory = true
	tl := begin(s)
	tl.send()
	tl.run(20)
	s.slack.fail = failing(2, kindFinished, errLost, false)
	tl.end(imports.Succeeded)
	s.pass(2 * time.Minute)
	s.expect(1, 1, 1) // to the person who asked
	if got := s.posts(kindCard)[0].text; !strings.Contains(got, "succeeded") {
		t.Errorf("the import is over for two minutes, and its card says %q", got)
	}
	s.pass(4 * time.Minute)
	s.expect(1, 1, 2)
}

func TestACardTakesBackAPromiseThatWasNotKept(t *testing.T) {
	t.Parallel()
	tl := observed(t)
	s := tl.stage
	for percent := 0; percent <= 90; percent += 10 {
		tl.run(percent)
		tl.pass(4 * time.Minute)
	}
	tl.run(96)
	rests := s.clock.Now()
	tl.set(func(i *imports.Import) { i.RestSince = rests })
	tl.pass(time.Minute)
	if got := s.posts(kindCard)[0].text; !strings.Contains(got, "left") {
		t.Fatalf("the card says %q; want it to say how long it may take", got)
	}
	for range 60 {
		tl.run(96)
		tl.pass(time.Minute)
	}
	got := s.posts(kindCard)[0].text
	if want := "stands still since " + (pen{plain: true, now: s.clock.Now()}).at(rests); !strings.Contains(got, want) || strings.Contains(got, "left") {
		t.Errorf("at rest for an hour, the card says %q; want %q", got, want)
	}
	edits := s.slack.updates
	tl.pass(6 * time.Hour)
	if s.slack.updates != edits {
		t.Errorf("%d more edits of a card that has nothing new to say", s.slack.updates-edits)
	}
}

// observed has three imports be known, so that it is usual how long one takes and how long its progress rests, and one be sent.
func observed(t *testing.T) *tale {
	s := newStage(t)
	for _, old := range history(bigfix.TypeComplete) {
		old.RestSince, old.LongestRest = old.BegunAt, time.Minute
		s.put(old)
	}
	tl := begin(s)
	tl.send()
	return tl
}

// moves is a look that says running, and that the progress has moved.
func (tl *tale) moves(percent int) {
	tl.imp.RestSince = tl.clock.Now()
	tl.run(percent)
}

// percentShown is the progress that the card shows.
func (tl *tale) percentShown() int {
	tl.t.Helper()
	card := tl.posts(kindCard)[0].text
	var percent int
	if _, progress, ok := strings.Cut(card, "running, "); !ok {
		tl.t.Fatalf("the card shows no progress: %q", card)
	} else if _, err := fmt.Sscanf(progress, "%d percent", &percent); err != nil {
		tl.t.Fatalf("the card shows no progress: %q", card)
	}
	return percent
}

// TestProgressIsShownToTheEnd: however small the steps in which an import moves, its card follows it to the end.
func TestProgressIsShownToTheEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, step int }{{0, 1}, {2, 3}, {0, 5}, {3, 7}, {0, 10}, {40, 1}} {
		t.Run(fmt.Sprintf("from %d in steps of %d", c.from, c.step), func(t *testing.T) {
			tl := observed(t)
			behind := 0
			for percent := c.from; percent < 100; percent += c.step {
				tl.moves(percent)
				tl.pass(time.Duration(c.step) * 25 * time.Second)
				behind = max(behind, percent-tl.percentShown())
			}
			if behind > 10 {
				t.Errorf("the card was up to %d points behind, want 10 at most", behind)
			}
			if tl.slack.updates > editsUntilUntrue {
				t.Errorf("%d edits, want %d at most", tl.slack.updates, editsUntilUntrue)
			}
			tl.end(imports.Succeeded)
			tl.pass(2 * time.Minute)
			if got := tl.posts(kindCard)[0].text; !strings.Contains(got, "succeeded") {
				t.Errorf("the card says %q at the end", got)
			}
		})
	}
}

// TestACardOfAnImportThatHangs takes a promise back wherever the import stops, also after as many edits as progress has, and says
// when it moves again.
func TestACardOfAnImportThatHangs(t *testing.T) {
	t.Parallel()
	for _, stops := range []int{3, 57, 93, 96, 99} {
		t.Run(fmt.Sprintf("at %d percent", stops), func(t *testing.T) {
			tl := observed(t)
			for percent := 0; percent <= stops; percent++ {
				tl.moves(percent)
				tl.pass(25 * time.Second)
			}
			rests := tl.imp.RestSince
			for range 90 {
				tl.run(stops)
				tl.pass(time.Minute)
			}
			card := tl.posts(kindCard)[0]
			want := "stands still since " + (pen{plain: true, now: tl.clock.Now()}).at(rests)
			if tl.percentShown() != stops || !strings.Contains(card.text, want) || strings.Contains(card.text, "left") {
				t.Errorf("at rest for 90 minutes, the card says %q; want %d percent and %q", card.text, stops, want)
			}
			if stops < 90 {
				tl.moves(stops + 1)
				tl.pass(time.Minute)
				if strings.Contains(card.text, "stands still") {
					t.Errorf("it moves again, and the card says %q", card.text)
				}
			}
			if tl.slack.updates > editsUntilUntrue {
				t.Errorf("%d edits, want %d at most", tl.slack.updates, editsUntilUntrue)
			}
		})
	}
}

// TestACardThatCannotTakeItBackPromisesNothing lets an import crawl so slowly that each promise fails.
func TestACardThatCannotTakeItBackPromisesNothing(t *testing.T) {
	t.Parallel()
	tl := observed(t)
	for percent := range 90 {
		tl.moves(percent)
		tl.pass(25 * time.Second)
	}
	for percent := 90; percent < 100; percent++ {
		tl.moves(percent)
		for range 8 {
			tl.run(percent)
			tl.pass(2 * time.Minute)
		}
	}
	tl.pass(6 * time.Hour)
	if got := tl.posts(kindCard)[0].text; strings.Contains(got, "left") {
		t.Errorf("hours later the card says %q", got)
	}
	if tl.slack.updates > editsUntilUntrue {
		t.Errorf("%d edits, want %d at most", tl.slack.updates, editsUntilUntrue)
	}
}

func TestSlackIsDownForTenMinutes(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := begin(s)
	tl.send()
	tl.run(10)
	down := true
	s.slack.fail = func(string, string, string, string) (error, bool) {
		if down {
			return errLost, false
		}
		return nil, false
	}
	tl.pass(2 * time.Minute)
	tl.end(imports.Succeeded)
	tl.pass(10 * time.Minute)
	if b := s.p.Backlog(); b.Failing != 1 || b.Waiting != 1 || b.Since.IsZero() || !strings.Contains(b.Reason, "no answer") {
		t.Errorf("Backlog() = %+v; want one import that fails", b)
	}
	down = false
	tl.pass(longestBackoff + time.Second)
	s.expect(1, 1, 1)
	tl.pass(2 * time.Minute)
	if b := s.p.Backlog(); b != (Backlog{}) {
		t.Errorf("Backlog() = %+v; want nothing", b)
	}
}

func TestTheChannelRefuses(t *testing.T) {
	t.Parallel()
	t.Run("at the start", func(t *testing.T) {
		s := newStage(t)
		tl := begin(s)
		s.slack.fail = failing(-1, kindCard, refusal("is_archived", bot.ErrChannel), false)
		err := s.announce(tl.imp)
		if !errors.Is(err, imports.ErrNoCard) || !strings.Contains(err.Error(), "is_archived") {
			t.Fatalf("Announce() = %v; want ErrNoCard with Slack's word", err)
		}
		tl.set(func(i *imports.Import) {
			i.State, i.Outcome, i.EndedAt = imports.Ended, imports.Refused, s.clock.Now()
			i.Reason = imports.Reason{Kind: imports.ReasonNoCard, Detail: err.Error()}
		})
		tl.pass(time.Minute)
		s.expect(0, 0, 0)
		if got := s.posts(kindAnswer); len(got) != 1 || got[0].channel != "U0ANA" || !strings.Contains(got[0].text, "archived") {
			t.Errorf("answers = %v; want one to who asked\n%s", got, s.slack)
		}
	})
	t.Run("at the end", func(t *testing.T) {
		s := newStage(t)
		tl := begin(s)
		tl.send()
		tl.imp.Followers = []string{"U0ANA", "U0BEN"}
		tl.run(10)
		archived, tries := true, 0
		s.slack.fail = func(method, channel, kind, _ string) (error, bool) {
			if archived && channel == "C0PROD" {
				if kind == kindFinished {
					tries++
				}
				return refusal("is_archived", bot.ErrChannel), false
			}
			return nil, false
		}
		tl.pass(5 * time.Minute)
		tl.end(imports.Failed)
		tl.pass(time.Minute)
		finished := s.posts(kindFinished)
		if len(finished) != 2 || finished[0].channel != "U0ANA" || finished[1].channel != "U0BEN" {
			t.Fatalf("want the end notice to both by direct message:\n%s", s.slack)
		}
		tl.pass(5 * time.Hour)
		if tries < 4 || tries > 7 {
			t.Errorf("the channel was tried %d times in five hours, want hourly", tries)
		}
		archived = false
		tl.pass(time.Hour + time.Minute)
		if len(s.posts(kindFinished)) != 3 || !strings.Contains(s.posts(kindCard)[0].text, "failed") {
			t.Errorf("the channel takes messages again:\n%s", s.slack)
		}
	})
	t.Run("for good", func(t *testing.T) {
		s := newStage(t)
		tl := begin(s)
		tl.send()
		tl.run(10)
		s.slack.fail = func(_, channel, _, _ string) (error, bool) {
			if channel == "C0PROD" {
				return refusal("channel_not_found", bot.ErrChannel), false
			}
			return nil, false
		}
		tl.end(imports.Succeeded)
		s.clock.advance(8 * 24 * time.Hour)
		s.pump()
		s.pump()
		if b := s.p.Backlog(); b != (Backlog{}) {
			t.Errorf("Backlog() = %+v; want nothing after a week", b)
		}
	})
}

// TestAnAnswerThatNobodyKnows: a word that the program does not know must not keep the end from people.
func TestAnAnswerThatNobodyKnows(t *testing.T) {
	t.Parallel()
	for _, unknown := range []error{
		refusal("never_heard_of", bot.ErrInvalid),
		refusal("thread_not_found", bot.ErrMessageGone), // also without a thread
	} {
		t.Run(unknown.Error(), func(t *testing.T) {
			s := newStage(t)
			tl := begin(s)
			tl.send()
			tl.run(10)
			tl.pass(5 * time.Minute)
			tries := 0
			s.slack.fail = func(_, channel, _, _ string) (error, bool) {
				if channel == "C0PROD" {
					tries++
					return unknown, false
				}
				return nil, false
			}
			tl.end(imports.Failed)
			tl.pass(time.Minute)
			if got := s.posts(kindFinished); len(got) != 1 || got[0].channel != "U0ANA" {
				t.Errorf("want the end by direct message:\n%s", s.slack)
			}
			s.clock.advance(time.Minute)
			tl.pass(24 * time.Hour)
			if tries < 20 || tries > 32 {
				t.Errorf("the channel was tried %d times in a day, want hourly", tries)
			}
			s.slack.fail = nil
			tl.pass(time.Hour + time.Minute)
			if got := s.posts(kindFinished); len(got) != 2 || got[1].channel != "C0PROD" {
				t.Errorf("the channel takes messages again:\n%s", s.slack)
			}
		})
	}
	t.Run("a card's edits", func(t *testing.T) {
		s := newStage(t)
		tl := begin(s)
		tl.send()
		tl.run(10)
		tries := 0
		s.slack.fail = func(method, _, _, _ string) (error, bool) {
			if method == "update" {
				tries++
				return refusal("never_heard_of", bot.ErrInvalid), false
			}
			return nil, false
		}
		tl.end(imports.Succeeded)
		tl.pass(24 * time.Hour)
		if tries < 20 || tries > 30 || len(s.posts(kindFinished)) != 1 {
			t.Errorf("%d edits tried in a day, want them hourly\n%s", tries, s.slack)
		}
	})
}

// TestOnePersonInTheWay: whose direct message does not get through keeps it from nobody else.
func TestOnePersonInTheWay(t *testing.T) {
	t.Parallel()
	for _, trouble := range []error{refusal("never_heard_of", bot.ErrInvalid), refusal("cannot_dm_bot", bot.ErrChannel), errLost} {
		t.Run(trouble.Error(), func(t *testing.T) {
			s := newStage(t)
			tl := begin(s)
			tl.send()
			tl.imp.Followers = []string{"U0ANA", "U0BEN"}
			tl.run(10)
			tries := 0
			s.slack.fail = func(_, channel, kind, _ string) (error, bool) {
				switch channel {
				case "C0PROD":
					return refusal("is_archived", bot.ErrChannel), false
				case "U0ANA":
					if kind == kindFinished {
						tries++
					}
					return trouble, false
				}
				return nil, false
			}
			s.slack.noHistory = true
			tl.end(imports.Failed)
			tl.pass(time.Minute)
			if got := s.posts(kindFinished); len(got) != 1 || got[0].channel != "U0BEN" {
				t.Errorf("want the end for the second person:\n%s", s.slack)
			}
			tl.pass(10 * time.Hour)
			if tries > blindlyDirect {
				t.Errorf("the first person was tried %d times", tries)
			}
		})
	}
}

// TestLimitsHoldWhateverIsLost loses answers of every kind, with Slack having done it all the same and not.
func TestLimitsHoldWhateverIsLost(t *testing.T) {
	t.Parallel()
	for i, kind := range []string{kindCard, kindMilestone, kindFinished, "edit", "all"} {
		for n, lost := range []int{1, 3, 6, 10, -1} {
			if underRace && n != i {
				continue
			}
			for _, taken := range []bool{true, false} {
				t.Run(fmt.Sprintf("%d %s, taken %v", lost, kind, taken), func(t *testing.T) { loseAnswers(t, kind, lost, taken) })
			}
		}
	}
}

func loseAnswers(t *testing.T, kind string, lost int, taken bool) {
	s := newStage(t)
	s.slack.noHistory = true
	left, posts, edits := lost, 0, 0
	s.slack.fail = func(method, channel, k, _ string) (error, bool) {
		if method == "update" {
			k = "edit"
			edits++
		} else if channel == "C0PROD" {
			posts++
		}
		if left == 0 || kind != "all" && k != kind || channel != "C0PROD" {
			return nil, false
		}
		left--
		return errLost, taken
	}
	tl := &tale{stage: s, imp: started(imports.Sent)}
	tl.imp.SendingAt = s.clock.Now()
	for look := range 90 {
		tl.run(min(99, look*2))
		tl.pass(30 * time.Second)
	}
	tl.end(imports.Failed)
	tl.pass(10 * time.Minute)
	told := len(s.posts(kindFinished)) > 0
	for range 10 {
		s.clock.advance(time.Hour)
		s.survive(s.pump)
	}
	if posts > maxMessages || edits > maxEdits {
		t.Errorf("%d messages, %d edits left\n%s", posts, edits, s.slack)
	}
	if !told {
		t.Errorf("nobody was told of the end within ten minutes:\n%s", s.slack)
	}
	inChannel := slices.ContainsFunc(s.posts(kindFinished), func(m *posted) bool { return m.channel == "C0PROD" })
	if lost >= 0 && lost < 3 && !inChannel {
		t.Errorf("the channel was never told:\n%s", s.slack)
	}
	if cards := s.posts(kindCard); lost >= 0 && kind == "edit" && !strings.Contains(cards[0].text, "failed") {
		t.Errorf("the card says %q", cards[0].text)
	}
}

// TestWhatWasNotTakenWasNotTold: that a server answers again is no news where Slack did not take that it was lost.
func TestWhatWasNotTakenWasNotTold(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := begin(s)
	tl.send()
	tl.run(10)
	tl.pass(20 * time.Minute)
	s.slack.fail = failing(1, kindMilestone, &bot.RateLimitedError{Method: "chat.postMessage", After: time.Minute}, false)
	tl.lose()
	tl.pass(10 * time.Second)
	tl.find()
	tl.pass(time.Hour)
	if got := s.posts(kindMilestone); len(got) != 1 {
		t.Errorf("want the start alone:\n%s", s.slack)
	}
}

// TestAnAnswerFitsIntoItsTime: what the handler may take for an answer is over before the publisher gives it instead.
func TestAnAnswerFitsIntoItsTime(t *testing.T) {
	t.Parallel()
	if takes := hearWithin + askWithin + cardWithin + answerWithin + noteAnswerWithin; takes >= answerAfter {
		t.Errorf("an answer may take %s, and is given by direct message after %s", takes, answerAfter)
	}
}

func TestTheCardIsDeleted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := begin(s)
	tl.send()
	tl.run(10)
	tl.pass(2 * time.Minute)
	s.posts(kindCard)[0].deleted = true
	tl.run(30)
	tl.pass(2 * time.Minute)
	if got := s.posts(kindCard); len(got) != 1 || !strings.Contains(got[0].text, "30") {
		t.Fatalf("want the card afresh:\n%s", s.slack)
	}
	s.posts(kindCard)[0].deleted = true // somebody does not want it
	tl.run(60)
	tl.pass(2 * time.Minute)
	tl.end(imports.Succeeded)
	tl.pass(2 * time.Minute)
	if got := s.posts(kindFinished); len(s.posts(kindCard)) != 0 || len(got) != 1 || got[0].thread != "" {
		t.Errorf("want no third card, and the end by itself:\n%s", s.slack)
	}
}

func TestBlocksAreRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := begin(s)
	tl.send()
	tl.run(10)
	s.slack.fail = failing(1, kindFinished, refusal("invalid_blocks", bot.ErrInvalid), false)
	tl.end(imports.Succeeded)
	if got := s.posts(kindFinished); len(got) != 1 || got[0].blocks != 0 {
		t.Errorf("want the text alone:\n%s", s.slack)
	}
	s.slack.fail = failing(1, "edit", refusal("invalid_blocks", bot.ErrInvalid), false)
	tl.pass(2 * time.Minute)
	if got := s.posts(kindCard)[0]; got.blocks != 1 || !strings.Contains(got.text, "succeeded") {
		t.Errorf("want the card's text in one plain block: %+v", got)
	}
}

func TestWhatCantBeRecordedIsNotSent(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := begin(s)
	tl.send()
	tl.run(10)
	sent := len(s.slack.messages)
	s.epoch++ // another process leads now
	tl.imp.State, tl.imp.Outcome, tl.imp.EndedAt = imports.Ended, imports.Succeeded, s.clock.Now()
	s.store.put(tl.imp)
	if err := s.p.workOn(context.Background(), "imp-1"); !errors.Is(err, imports.ErrNotLeader) {
		t.Errorf("work() = %v; want ErrNotLeader", err)
	}
	if len(s.slack.messages) != sent {
		t.Errorf("a process that does not lead sent something:\n%s", s.slack)
	}

	s = newStage(t)
	tl = begin(s)
	tl.send()
	tl.run(10)
	sent = len(s.slack.messages)
	s.store.err, s.store.errs = errors.New("disk full"), -1
	tl.end(imports.Succeeded)
	if len(s.slack.messages) != sent {
		t.Errorf("sent without a record:\n%s", s.slack)
	}
	if b := s.p.Backlog(); b.Failing != 1 || !strings.Contains(b.Reason, "disk full") {
		t.Errorf("Backlog() = %+v", b)
	}
	s.p.dispatch(context.Background(), func(string) { t.Error("tried again at once, though the store fails") })
	s.store.errs = 0
	tl.pass(2 * time.Minute)
	s.expect(1, 1, 1)
}

func TestWhatWasSentIsRecordedBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := begin(s)
	tl.send()
	tl.run(10)
	s.store.err = errors.New("disk full")
	s.slack.fail = func(_, _, kind, _ string) (error, bool) {
		if kind == kindFinished {
			s.store.errs = 5 // the record of what is just being sent fails
		}
		return nil, false
	}
	tl.end(imports.Succeeded)
	tl.pass(5 * time.Minute)
	s.expect(1, 1, 1)
}

func TestUnansweredPeopleGetADirectMessage(t *testing.T) {
	t.Parallel()
	sentence := func(s *stage) string {
		if got := s.posts(kindAnswer); len(got) == 1 {
			return got[0].text
		}
		return fmt.Sprintf("%d answers", len(s.posts(kindAnswer)))
	}
	t.Run("Slack took no answer", func(t *testing.T) {
		s := newStage(t)
		tl := begin(s)
		tl.send()
		tl.pass(answerAfter - time.Second)
		if len(s.posts(kindAnswer)) != 0 {
			t.Error("answered before the handler had its time")
		}
		tl.pass(2 * time.Second)
		if got := sentence(s); !strings.Contains(got, "It was started") || s.store.answered["imp-1"].IsZero() {
			t.Errorf("answer = %q", got)
		}
	})
	t.Run("the process died", func(t *testing.T) {
		s := newStage(t)
		tl := begin(s)
		tl.send()
		s.clock.advance(time.Second)
		s.restart()
		tl.pass(answerAfter - 2*time.Second) // another replica may have taken the command, and be about to answer
		if len(s.posts(kindAnswer)) != 0 {
			t.Error("answered before the handler had its time")
		}
		tl.pass(2 * time.Second)
		if got := sentence(s); !strings.Contains(got, "It was started") {
			t.Errorf("answer = %q", got)
		}
	})
	t.Run("answered", func(t *testing.T) {
		s := newStage(t)
		tl := begin(s)
		tl.send()
		s.store.answered["imp-1"] = s.clock.Now()
		tl.pass(time.Minute)
		if len(s.posts(kindAnswer)) != 0 {
			t.Error("answered twice")
		}
	})
	t.Run("away for three days", func(t *testing.T) {
		s := newStage(t)
		tl := begin(s)
		s.store.put(tl.imp)
		s.clock.advance(3 * 24 * time.Hour)
		s.restart()
		tl.set(func(i *imports.Import) {
			i.State, i.Outcome, i.EndedAt, i.Reason.Kind = imports.Ended, imports.Expired, s.clock.Now(), imports.ReasonTooLate
		})
		tl.pass(time.Minute)
		s.expect(0, 0, 0)
		if got := sentence(s); !strings.Contains(got, "Nothing was started") {
			t.Errorf("answer = %q", got)
		}
	})
	t.Run("the end notice mentioned them", func(t *testing.T) {
		s := newStage(t)
		tl := begin(s)
		tl.send()
		tl.run(10)
		tl.end(imports.Succeeded)
		tl.pass(time.Minute)
		if len(s.posts(kindAnswer)) != 0 || s.store.answered["imp-1"].IsZero() {
			t.Errorf("want no answer beside the end notice, and that noted:\n%s", s.slack)
		}
	})
}

func TestMilestonesAfterAnAbsence(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := begin(s)
	tl.send()
	tl.run(5)
	tl.pass(time.Minute)
	// The publisher is away while all of this happens.
	for _, percent := range []int{26, 51, 60} {
		s.clock.advance(10 * time.Minute)
		tl.imp.Milestones = append(tl.imp.Milestones, imports.Milestone{Kind: imports.MilestoneProgress, At: s.clock.Now(), Progress: percent})
	}
	tl.imp.Milestones = append(tl.imp.Milestones,
		imports.Milestone{Kind: imports.MilestoneLost, At: s.clock.Now()}, imports.Milestone{Kind: imports.MilestoneSeen, At: s.clock.Now()})
	tl.put(tl.imp)
	tl.pass(time.Hour)
	got := s.posts(kindMilestone)
	if len(got) != 2 || !strings.Contains(got[1].text, "60 percent") {
		t.Errorf("want the newest that is worth telling, and no \"answers again\" for who never heard it was gone:\n%s", s.slack)
	}
}

func TestLateImportsMentionWhoAsked(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.store.put(with(notBegun(), func(i *imports.Import) { i.ID = "imp-0" }))
	s.store.threads["imp-0"] = imports.Thread{ImportID: "imp-0", Shown: 1, Followers: 9, Done: true}
	tl := &tale{stage: s, imp: started(imports.Sent)}
	tl.imp.Origin, tl.imp.RequestedBy, tl.imp.Followers, tl.imp.LateFor = imports.Late, "", nil, "imp-0"
	tl.run(10)
	tl.end(imports.Succeeded)
	tl.pass(time.Minute)
	if got := s.posts(kindFinished); len(got) != 1 || !strings.Contains(got[0].text, "<@U0ANA>") {
		t.Errorf("want who asked mentioned:\n%s", s.slack)
	}
}

func TestAServerThatIsNotConfiguredAnyMore(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	tl := begin(s)
	tl.send()
	tl.run(10)
	s.p.Servers = s.p.Servers[1:]
	tl.end(imports.Unknown)
	tl.pass(2 * time.Minute)
	s.expect(1, 1, 1) // where its card stands

	unseen := with(over(imports.Failed), func(i *imports.Import) { i.ID, i.Server = "imp-9", "gone" })
	s.put(unseen)
	tl.pass(time.Minute)
	if got := s.posts(kindFinished); len(got) != 2 || got[1].channel != "U0ANA" {
		t.Errorf("want the end by direct message where no channel is known:\n%s", s.slack)
	}
}

// A message whose answers were lost is sent at once, after five minutes, and then hourly; a channel that refused is left alone for an hour.
func TestHowLongAChannelIsLeftAlone(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 22, 2, 10, 0, 0, time.UTC)
	for unsure, want := range map[int]time.Duration{2: 5 * time.Minute, 3: time.Hour, 4: time.Hour} {
		if got := again(unsure, false, now).Sub(now); got != want {
			t.Errorf("after %d sendings without an answer: got %s, want %s", unsure, got, want)
		}
		s := situation{thread: thread{Refused: now, Finished: Post{State: Sending, Unsure: unsure}}}
		if got := s.heldByChannel().Sub(now); got != want {
			t.Errorf("the channel, after %d sendings without an answer: got %s, want %s", unsure, got, want)
		}
	}
	if got := again(1, false, now); !got.IsZero() {
		t.Errorf("after the first sending: got %s, want at once", got)
	}
	if got := (situation{thread: thread{Refused: now}}).heldByChannel().Sub(now); got != time.Hour {
		t.Errorf("a channel that refused: got %s, want an hour", got)
	}
}
