package slackweb

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"importbot/internal/slacksim"
)

func TestWorkspaceIsWhatOnePersonKnows(t *testing.T) {
	w := newWorld(t, nil)
	w.sim.Say("U1", "C1", "hello", "")
	if got, want := w.ask(http.MethodGet, "/api/workspace", "", nil), w.ask(http.MethodGet, "/api/workspace?user=U1", "", nil); got.body != want.body {
		t.Errorf("at first one is %s", got.body)
	}
	for user, channels := range map[string]string{
		"U1": `{"id":"C2","name":"cellar","topic":"","dm":false,"read_only":false},{"id":"C1","name":"kitchen","topic":"Tea","dm":false,"read_only":false}`,
		"U2": `{"id":"C1","name":"kitchen","topic":"Tea","dm":false,"read_only":false}`,
	} {
		got := w.ask(http.MethodGet, "/api/workspace?user="+user, "", nil)
		want := fmt.Sprintf(`{"run":%q,"seq":1,"forgotten":0,"user":%q,"team":{"id":"T1","name":"works","url":"https://works.slack.com/"},`+
			`"app":{"name":"Kettle","user_id":"U0BOT","description":"Boils water","home":true},`+
			`"users":[{"id":"U0BOT","name":"kettle","title":"","bot":true},{"id":"U1","name":"ana","title":"Makes tea","bot":false},`+
			`{"id":"U2","name":"ben","title":"","bot":false}],"people":["U1","U2"],"groups":[{"id":"S1","handle":"drinkers","mine":%t}],`+
			`"channels":[%s,{"id":%q,"name":"Kettle","topic":"","dm":true,"read_only":true}],`+
			`"commands":[{"command":"/boil","description":"Boil water","usage_hint":"now | later"}],"panel":false}`, w.run(), user, user == "U1", channels, w.sim.DM(user))
		if diff := cmp.Diff(want, got.body); got.status != http.StatusOK || diff != "" {
			t.Errorf("%s: %d, -want +got:\n%s", user, got.status, diff)
		}
	}
}

func TestFromACommandToAnEditedMessage(t *testing.T) {
	w := newWorld(t, nil)
	w.boil()
	ana, ben := w.stream("/api/events?user=U1"), w.stream("/api/events?user=U2")

	trigger := w.do("/api/command", map[string]string{"user": "U1", "channel": "C1", "text": "/boil now"})["trigger"]
	seen := ana.until(says(slacksim.MessagePosted, "Water is cold"))
	if len(seen) != 3 || !says(slacksim.CommandTyped, "/boil now")(seen[0]) || seen[0].Trigger != trigger ||
		!says(slacksim.EphemeralShown, "You said now")(seen[1]) || !seen[1].Message.Ephemeral || seen[1].Message.Trigger != trigger {
		t.Fatalf("ana sees %+v", seen)
	}
	card := seen[2].Message
	var blocks []struct {
		ID       string `json:"block_id"`
		Elements []struct {
			Action string `json:"action_id"`
		} `json:"elements"`
	}
	if err := json.Unmarshal(card.Blocks, &blocks); err != nil || len(blocks) != 3 || blocks[2].ID == "" {
		t.Fatalf("the blocks are %s: %v", card.Blocks, err)
	}
	w.do("/api/press", map[string]string{
		"user": "U2", "channel": "C1", "ts": card.TS, "action_id": blocks[2].Elements[0].Action, "block_id": blocks[2].ID, "value": "less",
	})
	hot := says(slacksim.MessageEdited, "Water is hot")
	// Of what ana did and was answered, and of who pressed, the other sees nothing.
	want := []slacksim.EventKind{slacksim.MessagePosted, slacksim.ActionPressed, slacksim.MessageEdited}
	pressed := ben.until(hot)
	if diff := cmp.Diff(want, kindsOf(pressed)); diff != "" {
		t.Fatalf("ben sees, -want +got:\n%s", diff)
	}
	if pressed[1].Text != "Heat less" || pressed[2].Message.TS != card.TS || pressed[2].Message.Edited.IsZero() {
		t.Errorf("ben sees %+v", pressed)
	}
	if diff := cmp.Diff([]slacksim.EventKind{slacksim.MessageEdited}, kindsOf(ana.until(hot))); diff != "" {
		t.Errorf("ana sees, -want +got:\n%s", diff)
	}
	w.sim.Check(t)
}

func kindsOf(events []event) (out []slacksim.EventKind) {
	for _, e := range events {
		out = append(out, e.Kind)
	}
	return out
}

func TestHomeTab(t *testing.T) {
	w := newWorld(t, nil)
	w.boil()
	ana := w.stream("/api/events?user=U1")
	w.do("/api/home", map[string]string{"user": "U1"})
	home := ana.until(says(slacksim.HomePublished, "Kettle is on"))
	if v := home[0].View; len(home) != 1 || v.Type != "home" || v.ID == "" {
		t.Errorf("got %+v", home)
	}
	w.do("/api/press", map[string]string{"user": "U1", "action_id": "off"})
	want := []slacksim.EventKind{slacksim.ActionPressed, slacksim.HomePublished}
	if diff := cmp.Diff(want, kindsOf(ana.until(says(slacksim.HomePublished, "Kettle is off")))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := w.ask(http.MethodPost, "/api/press", `{"user":"U2","action_id":"off"}`, nil); got.status != http.StatusUnprocessableEntity {
		t.Errorf("another's Home tab: %d %s", got.status, got.body)
	}
	w.sim.SetHomeTab(false)
	if got := w.ask(http.MethodPost, "/api/home", `{"user":"U1"}`, nil); got.status != http.StatusUnprocessableEntity {
		t.Errorf("an app without: %d %s", got.status, got.body)
	}
}

func TestWithoutTheAppThePersonIsTold(t *testing.T) {
	w := newWorld(t, nil)
	ana := w.stream("/api/events?user=U1")
	w.do("/api/command", map[string]string{"user": "U1", "channel": "C1", "text": "/boil"})
	seen := ana.until(func(e event) bool { return e.Kind == slacksim.CommandFailed })
	const reason = "The app is not connected, so it never heard of this."
	if got := seen[len(seen)-1]; got.Error != slacksim.DispatchFailed || got.Text == "" || got.Reason != reason || got.Channel != "C1" {
		t.Errorf("got %+v", got)
	}
	_, ts, err := w.api.PostMessageContext(w.ctx, "C1", kettle("Water is cold"))
	if err != nil {
		t.Fatal(err)
	}
	got := w.ask(http.MethodPost, "/api/press", fmt.Sprintf(`{"user":"U1","channel":"C1","ts":%q,"action_id":"heat","value":"more"}`, ts), nil)
	if got.status != http.StatusUnprocessableEntity || got.body != fmt.Sprintf(`{"error":%q}`, reason) {
		t.Errorf("a press: %d %s", got.status, got.body)
	}
}

// Whoever presses what was changed under their hand presses what they saw; the app answers that.
func TestAPressOfWhatWasThereBefore(t *testing.T) {
	w := newWorld(t, nil)
	w.boil()
	_, ts, err := w.api.PostMessageContext(w.ctx, "C1", kettle("Water is cold"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := w.api.UpdateMessageContext(w.ctx, "C1", ts, slack.MsgOptionText("Out of water", false)); err != nil {
		t.Fatal(err)
	}
	if m, _ := w.sim.Message("C1", ts); m.Blocks != nil {
		t.Fatalf("it still has %s", m.Blocks)
	}
	ana := w.stream("/api/events?user=U1")
	w.do("/api/press", map[string]string{"user": "U1", "channel": "C1", "ts": ts, "action_id": "heat", "block_id": "sim02", "value": "less"})
	seen := ana.until(says(slacksim.MessageEdited, "Water is hot"))
	pressed := seen[len(seen)-2]
	if pressed.Kind != slacksim.ActionPressed || pressed.Text != "Heat less" {
		t.Errorf("ana sees %+v", seen)
	}
	got := w.ask(http.MethodPost, "/api/press", fmt.Sprintf(`{"user":"U1","channel":"C1","ts":%q,"action_id":"heat","value":"never"}`, ts), nil)
	if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "nothing to press") {
		t.Errorf("what was never there: %d %s", got.status, got.body)
	}
}

// A press is answered when the app took it, and not before.
func TestAPressWaitsForTheApp(t *testing.T) {
	for _, test := range []struct {
		what            string
		delay, answered time.Duration
		status          int
		answer          string
	}{
		{"an app that is slow", 2 * time.Second, 2 * time.Second, http.StatusOK, `{"trigger":`},
		{"an app that is too slow", time.Hour, 3 * time.Second, http.StatusUnprocessableEntity, `{"error":"The app did not answer in time."}`},
	} {
		t.Run(test.what, func(t *testing.T) {
			clock := slacksim.NewManualClock(time.Date(2026, 6, 22, 2, 14, 0, 0, time.UTC))
			w := newWorld(t, nil, slacksim.WithClock(clock))
			w.boil()
			_, ts, err := w.api.PostMessageContext(w.ctx, "C1", kettle("Water is cold"))
			if err != nil {
				t.Fatal(err)
			}
			ana := w.stream("/api/events?user=U1")
			w.sim.FailEnvelopes(slacksim.EnvelopeFault{Delay: test.delay})
			answered := make(chan reply, 1)
			go func() {
				answered <- w.ask(http.MethodPost, "/api/press", fmt.Sprintf(`{"user":"U1","channel":"C1","ts":%q,"action_id":"heat","value":"more"}`, ts), nil)
			}()
			ana.until(func(e event) bool { return e.Kind == slacksim.ActionPressed })
			select {
			case got := <-answered:
				t.Fatalf("answered %d %s before the app was", got.status, got.body)
			default:
			}
			clock.Advance(test.answered)
			if got := <-answered; got.status != test.status || !strings.HasPrefix(got.body, test.answer) {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}

func TestMessagesAndThreads(t *testing.T) {
	w := newWorld(t, nil)
	ben := w.stream("/api/events?user=U2")
	w.do("/api/message", map[string]string{"user": "U1", "channel": "C2", "text": "not for ben"})
	ts := w.do("/api/message", map[string]string{"user": "U1", "channel": "C1", "text": "tea, @ben? <!channel>"})["ts"]
	w.do("/api/message", map[string]string{"user": "U2", "channel": "C1", "text": " /boil", "thread_ts": ts})
	first, second := next[event](ben), next[event](ben)
	if m := first.Message; m.TS != ts || m.User != "U1" || m.Text != "tea, <@U2>? &lt;!channel&gt;" || string(m.Blocks) != "[]" {
		t.Errorf("got %+v", m)
	}
	if m := second.Message; m.ThreadTS != ts || m.User != "U2" || m.Text != "/boil" {
		t.Errorf("got %+v", m)
	}
}

func TestDirectMessagesAreForOne(t *testing.T) {
	w := newWorld(t, nil)
	ana, ben := w.stream("/api/events?user=U1"), w.stream("/api/events?user=U2")
	for _, to := range []string{"U1", "U2"} {
		if _, _, err := w.api.PostMessageContext(w.ctx, to, slack.MsgOptionText("for "+to, false)); err != nil {
			t.Fatal(err)
		}
	}
	if got := next[event](ana); got.Message.Text != "for U1" || got.Channel != w.sim.DM("U1") {
		t.Errorf("ana sees %+v", got)
	}
	if got := next[event](ben); got.Message.Text != "for U2" {
		t.Errorf("ben sees %+v", got)
	}
}

// What anybody writes stays data: there is no tag in what is sent, whatever a browser may take it for.
func TestMarkupStaysText(t *testing.T) {
	const hostile = `</script><img src=x onerror=alert(1)>`
	w := newWorld(t, &fakePanel{log: []PanelLine{{Seq: 1, Text: hostile}}})
	w.sim.AddUser("U1", hostile)
	w.sim.SetTopic("C1", hostile)
	if _, _, err := w.api.PostMessageContext(w.ctx, "C1", kettle(hostile)); err != nil {
		t.Fatal(err)
	}
	ana := w.stream("/api/events?user=U1")
	if got := next[event](ana); got.Message.Text != hostile || !strings.Contains(string(got.Message.Blocks), "onerror") {
		t.Errorf("got %+v", got)
	}
	if got := ana.panel(); got.Log[0].Text != hostile {
		t.Errorf("got %+v", got)
	}
	for what, got := range map[string]string{
		"the stream":    ana.raw.String(),
		"the workspace": w.ask(http.MethodGet, "/api/workspace?user=U1", "", nil).body,
		"a refusal":     w.ask(http.MethodPost, "/api/message", `{"user":"<img src=x onerror=y>"}`, nil).body,
	} {
		if !strings.Contains(got, "onerror") || strings.ContainsAny(got, "<>") {
			t.Errorf("%s: %s", what, got)
		}
	}
}

func TestNothingOutlivesTheSimulator(t *testing.T) {
	w := newWorld(t, nil)
	ana := w.stream("/api/events?user=U1")
	w.sim.Say("U2", "C1", "last words", "")
	ana.until(says(slacksim.MessagePosted, "last words"))
	w.sim.Close()
	if data, err := ana.data("event"); err == nil {
		t.Errorf("the stream goes on with %s", data)
	}
}
