package slacksim

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSubscribersSeeEverythingInOrder(t *testing.T) {
	s := workspace(t, WithoutLimits())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.Say("U1", "C1", "before", "")
	fresh, all := s.Subscribe(ctx), s.SubscribeAfter(ctx, 0)

	ts := api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "card"}).str("ts")
	api(t, s, "chat.update", map[string]any{"channel": "C1", "ts": ts, "text": "card 2"})
	api(t, s, "chat.postEphemeral", map[string]any{"channel": "C1", "user": "U1", "text": "psst"})
	s.DeleteMessage("C1", ts)

	want := []EventKind{MessagePosted, MessageEdited, EphemeralShown, MessageDeleted}
	var got []EventKind
	for range want {
		got = append(got, (<-fresh).Kind)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for seq := 1; seq <= 5; seq++ {
		e := <-all
		if e.Seq != seq {
			t.Errorf("event %d has the number %d", seq, e.Seq)
		}
		if e.Kind == MessageEdited && (e.Before.Text != "card" || e.Message.Text != "card 2") {
			t.Errorf("the edit shows %q, then %q", e.Before.Text, e.Message.Text)
		}
	}
	cancel()
	if _, open := <-fresh; open {
		t.Error("the subscription outlives its context")
	}
}

func TestWaitMessageSaysWhatThereWas(t *testing.T) {
	s := workspace(t)
	s.Say("U1", "C1", "something else", "")
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := s.WaitMessage(ctx, func(m Message) bool { return m.Text == "never" })
	if err == nil || !strings.Contains(err.Error(), "something else") {
		t.Errorf("got %v", err)
	}
}

func TestStateOutlivesTheBot(t *testing.T) {
	s := workspace(t)
	first := connect(t, s)
	ts := api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "card"}).str("ts")
	first.ws.Close()
	if err := s.Wait(soon(t), func() bool { return s.Connections() == 0 }); err != nil {
		t.Fatal(err)
	}
	connect(t, s)
	if a := api(t, s, "chat.update", map[string]any{"channel": "C1", "ts": ts, "text": "card 2"}); a.body["ok"] != true {
		t.Errorf("got %v", a.body)
	}
	s.Check(t)
}

// recorder is a TB that keeps what it was told.
type recorder struct{ faults int }

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.faults++ }

func TestContentRulesAndCheck(t *testing.T) {
	for _, test := range []struct {
		name string
		args map[string]any
		want []Rule
	}{
		{"all well", map[string]any{"text": "hi <@U1>, &lt;!channel&gt;"}, nil},
		{"broadcast in the text", map[string]any{"text": "hi <!channel>"}, []Rule{Broadcast}},
		{"broadcast in a block", map[string]any{"text": "hi", "blocks": []any{section("<!here|here> x")}}, []Rule{Broadcast}},
		{"only blocks", map[string]any{"blocks": []any{section("x")}}, []Rule{NoText}},
		{"too long", map[string]any{"text": strings.Repeat("x", 40_001)}, []Rule{LongText}},
		{"unknown block", map[string]any{"text": "x", "blocks": []any{map[string]any{"type": "task_card"}}}, []Rule{BadBlocks}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := workspace(t)
			test.args["channel"] = "C1"
			api(t, s, "chat.postMessage", test.args)
			wantRules(t, s, test.want...)
			var told recorder
			s.Check(&told)
			if told.faults != len(test.want) {
				t.Errorf("Check told %d", told.faults)
			}
			s.Allow(test.want...)
			s.Check(t)
		})
	}
}

func TestTokensInTheWrongPlace(t *testing.T) {
	s := workspace(t)
	if a, _ := post(s.APIURL()+"auth.test?token="+s.BotToken, "", "application/x-www-form-urlencoded", ""); a.str("error") != "not_authed" {
		t.Errorf("in the URL: %v", a.body)
	}
	if a, _ := post(s.APIURL()+"auth.test", "", "application/json", `{"token":"`+s.BotToken+`"}`); a.str("error") != "not_authed" {
		t.Errorf("in a JSON body: %v", a.body)
	}
	wantRules(t, s, LooseToken, LooseToken)
}
