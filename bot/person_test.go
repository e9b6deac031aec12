package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"importbot/internal/slacksim"
)

func TestPerson(t *testing.T) {
	w := posting(t)
	w.sim.AddUser("U3", "gus", slacksim.Guest())
	w.sim.AddUser("U4", "sue", slacksim.SingleChannelGuest())
	w.sim.AddUser("U5", "lee", slacksim.Deactivated())
	w.sim.AddUser("U6", "eve", slacksim.Foreign("T9")) // met in no channel
	w.sim.AddUser("U7", "fay", slacksim.Foreign("T9"))
	w.sim.AddSharedChannel("C9", "both-of-us", "U1", "U7")
	team := w.sim.TeamID
	for _, want := range []Person{
		{ID: "U1", Name: "ana", TeamID: team},
		{ID: "U3", Name: "gus", TeamID: team, Guest: true},
		{ID: "U4", Name: "sue", TeamID: team, Guest: true},
		{ID: "U5", Name: "lee", TeamID: team, Deleted: true},
		{ID: "U6", Name: "eve", TeamID: "T9", Foreign: true},
		{ID: "U7", Name: "fay", TeamID: "T9", Foreign: true},
		{ID: w.sim.BotUserID, Name: w.sim.BotName, TeamID: team, Bot: true},
	} {
		if got, err := w.bot.Person(w.ctx(), want.ID); got != want || err != nil {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if _, err := w.bot.Person(w.ctx(), "U404"); !errors.Is(err, ErrChannel) {
		t.Errorf("somebody unknown: %v, want ErrChannel", err)
	}
}

// In an Enterprise organisation people belong to any of its workspaces.
func TestColleaguesOfAnOrganisation(t *testing.T) {
	for name, tt := range map[string]struct {
		bot    Identity
		answer string
		want   bool
	}{
		"own workspace":              {Identity{TeamID: "T1"}, `"team_id":"T1"`, false},
		"another":                    {Identity{TeamID: "T1"}, `"team_id":"T2"`, true},
		"another, an organisation's": {Identity{TeamID: "T1"}, `"team_id":"T2","enterprise_user":{"enterprise_id":"E2"}`, true},
		"the same organisation's":    {Identity{TeamID: "T1", EnterpriseID: "E1"}, `"team_id":"T2","enterprise_user":{"enterprise_id":"E1"}`, false},
		"the organisation":           {Identity{TeamID: "T1", EnterpriseID: "E1"}, `"team_id":"E1"`, false},
		"another organisation's":     {Identity{TeamID: "T1", EnterpriseID: "E1"}, `"team_id":"T2","enterprise_user":{"enterprise_id":"E2"}`, true},
		"a stranger":                 {Identity{TeamID: "T1", EnterpriseID: "E1"}, `"team_id":"T1","is_stranger":true`, true},
	} {
		b := answering(t, `{"ok":true,"user":{"id":"U1",`+tt.answer+`}}`)
		b.identity.Store(&tt.bot)
		if got, err := b.Person(t.Context(), "U1"); err != nil || got.Foreign != tt.want {
			t.Errorf("%s: %+v, %v, want foreign: %t", name, got, err, tt.want)
		}
	}
}

// answering is a bot to which everything is answered with the same.
func answering(t *testing.T, answer string) *Bot {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, answer) //nolint:errcheck // the other side tells
	}))
	t.Cleanup(server.Close)
	b, err := New(Config{BotToken: "xoxb-1", AppToken: "xapp-1", Command: "/import", APIURL: server.URL + "/"}, echo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.http.CloseIdleConnections)
	b.identity.Store(&Identity{TeamID: "T1"})
	return b
}

// Who may do what hangs on the answer.
func TestPersonBelievesNoAnswerAboutSomebodyElse(t *testing.T) {
	for _, answer := range []string{`{"ok":true,"user":{"id":"U2","team_id":"T1"}}`, `{"ok":true}`, `{"ok":true,"user":null}`, `<html>`} {
		if got, err := answering(t, answer).Person(t.Context(), "U1"); !errors.Is(err, ErrUnavailable) || got != (Person{}) {
			t.Errorf("%s: %+v, %v, want ErrUnavailable", answer, got, err)
		}
	}
}

func TestPersonNeedsAScope(t *testing.T) {
	w := posting(t, slacksim.WithScopes("chat:write", "commands"))
	if _, err := w.bot.Person(w.ctx(), "U1"); !errors.Is(err, ErrNoScope) {
		t.Errorf("got %v, want ErrNoScope", err)
	}
	if n := len(w.sim.Calls(methodPerson)); n != 0 {
		t.Errorf("Slack was asked %d times", n)
	}
}

// What Slack said is believed for ten minutes, and for an hour while Slack says
// nothing.
func TestPersonIsRememberedForAWhile(t *testing.T) {
	w := posting(t)
	clock := time.Now()
	w.bot.now = func() time.Time { return clock }
	for _, step := range []struct {
		name  string
		after time.Duration
		fault slacksim.Fault
		guest bool
		want  error
		asked int
	}{
		{name: "first", asked: 1},
		{name: "still fresh", after: 9*time.Minute + 59*time.Second, asked: 1},
		{name: "asked again", after: time.Second, guest: true, asked: 2},
		{name: "Slack is down", after: 30 * time.Minute, fault: slacksim.Fault{Status: 503}, guest: true, asked: 3},
		{name: "Slack is busy", after: 29 * time.Minute, fault: slacksim.Fault{Error: "ratelimited"}, guest: true, asked: 4},
		{name: "too old", after: 2 * time.Minute, fault: slacksim.Fault{Status: 503}, want: ErrUnavailable, asked: 5},
		{name: "back", guest: true, asked: 6},
		{name: "a refusal is one", after: 20 * time.Minute, fault: slacksim.Fault{Error: "user_not_visible"}, want: ErrChannel, asked: 7},
	} {
		clock = clock.Add(step.after)
		if _, ok := w.bot.Known("U1"); ok == (step.asked == 1 && step.after == 0 || step.want == ErrUnavailable || step.name == "back") {
			t.Errorf("%s: known before: %t", step.name, ok)
		}
		w.bot.limits = newLimits(longAgo())
		if step.guest {
			w.sim.AddUser("U1", "ana", slacksim.Guest())
		}
		if step.fault.Status != 0 || step.fault.Error != "" {
			w.sim.Fail(methodPerson, step.fault)
		}
		got, err := w.bot.Person(w.ctx(), "U1")
		if !errors.Is(err, step.want) || err == nil && got.Guest != step.guest {
			t.Errorf("%s: %+v, %v", step.name, got, err)
		}
		if known, ok := w.bot.Known("U1"); ok == (step.want == ErrUnavailable) || ok && known.Guest != (step.guest || step.want != nil) {
			t.Errorf("%s: known as %+v, %t", step.name, known, ok)
		}
		if n := len(w.sim.Calls(methodPerson)); n != step.asked {
			t.Errorf("%s: Slack was asked %d times, want %d", step.name, n, step.asked)
		}
	}
}

// holding stops the first users.info before Slack looks at it.
func (w *world) holding() (reached <-chan struct{}, release func()) {
	arrived, going := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	var once sync.Once
	stop := w.sim.Intercept(func(at slacksim.Point, call slacksim.Call) slacksim.Verdict {
		if at == slacksim.Arrived && call.Method == methodPerson && held.CompareAndSwap(false, true) {
			close(arrived)
			<-going
		}
		return slacksim.Pass
	})
	w.t.Cleanup(stop)
	release = func() { once.Do(func() { close(going) }) }
	w.t.Cleanup(release)
	return arrived, release
}

func TestManyWhoAskForOnePersonAskSlackOnce(t *testing.T) {
	w := posting(t)
	held, release := w.holding()
	var asking sync.WaitGroup
	var begun atomic.Int32
	for range 20 {
		asking.Go(func() {
			begun.Add(1)
			if got, err := w.bot.Person(w.ctx(), "U1"); got.Name != "ana" || err != nil {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	<-held
	w.wait("all to ask", func() bool { return begun.Load() == 20 })
	release()
	asking.Wait()
	if n := len(w.sim.Calls(methodPerson)); n != 1 {
		t.Errorf("Slack was asked %d times, want once", n)
	}
}

// Who asked first and went away takes the answer from nobody.
func TestPersonIsAskedAgainWhereTheFirstGaveUp(t *testing.T) {
	w := posting(t)
	held, _ := w.holding()
	ctx, leave := context.WithCancel(w.ctx())
	first := make(chan error, 1)
	go func() {
		_, err := w.bot.Person(ctx, "U1")
		first <- err
	}()
	<-held
	second := make(chan error, 1)
	go func() {
		_, err := w.bot.Person(w.ctx(), "U1")
		second <- err
	}()
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first got %v, want context.Canceled", err)
	}
	if err := <-second; err != nil {
		t.Errorf("the second got %v", err)
	}
}

func TestPeopleAreForgotten(t *testing.T) {
	t.Parallel()
	p, now := people{}, time.Now()
	for i := range 3 * maxPeople {
		id := fmt.Sprint("U", i)
		_, asking, mine := p.find(id, now)
		if !mine {
			t.Fatalf("%s was known", id)
		}
		p.learn(id, asking, now)
	}
	if n := len(p.now) + len(p.old); n > 2*maxPeople || len(p.asking) != 0 {
		t.Errorf("%d people are remembered, %d asked for", n, len(p.asking))
	}
	if _, _, mine := p.find(fmt.Sprint("U", 3*maxPeople-1), now); mine {
		t.Error("the last is not remembered")
	}
}
