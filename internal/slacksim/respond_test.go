package slacksim

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// acked types a command, acks it and returns it.
func acked(t *testing.T, s *Sim, c *client, payload any) *Invocation {
	t.Helper()
	inv := mustType(t, s, "raw")
	c.ack(c.next()["envelope_id"], payload)
	if err := inv.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	return inv
}

// respond answers by a response_url.
func respond(t *testing.T, inv *Invocation, body string) answer {
	t.Helper()
	a, err := post(inv.ResponseURL, "", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestResponseURLHasFiveUses(t *testing.T) {
	s := workspace(t)
	inv := acked(t, s, connect(t, s), nil)
	for i := range 5 {
		if a := respond(t, inv, `{"text":"x"}`); a.Status != 200 {
			t.Errorf("use %d: %d", i+1, a.Status)
		}
	}
	s.Check(t)
	if a := respond(t, inv, `{"text":"x"}`); a.Status != 404 || a.str("error") != "used_url" {
		t.Errorf("use 6: %d %v", a.Status, a.body)
	}
	wantRules(t, s, WornResponseURL)
	if got := len(s.Calls(ResponseURL)); got != 6 {
		t.Errorf("the journal has %d calls", got)
	}
}

func TestResponseURLLivesHalfAnHour(t *testing.T) {
	clock := NewManualClock(time.Unix(1_700_000_000, 0))
	s := workspace(t, WithClock(clock))
	inv := acked(t, s, connect(t, s), nil)
	clock.Advance(30 * time.Minute)
	if a := respond(t, inv, `{"text":"x"}`); a.Status != 200 {
		t.Errorf("after 30 minutes: %d", a.Status)
	}
	clock.Advance(time.Second)
	if a := respond(t, inv, `{"text":"x"}`); a.Status != 404 || a.str("error") != "expired_url" {
		t.Errorf("a second later: %d %v", a.Status, a.body)
	}
	wantRules(t, s, WornResponseURL)
}

func TestWhatAResponseDoes(t *testing.T) {
	for _, test := range []struct {
		name   string
		option []Option
		ack    any
		bodies []string
		// What then stands there: ephemeral ones to ana, and what all can read.
		own, all []string
	}{
		{"ack alone", nil, map[string]any{"text": "one"}, nil, []string{"one"}, nil},
		{"ack for all", nil, map[string]any{"text": "one", "response_type": "in_channel"}, nil, nil, []string{"one"}},
		{"silent ack", nil, nil, []string{`{"text":"two"}`}, []string{"two"}, nil},
		{"one more", nil, map[string]any{"text": "one"}, []string{`{"text":"two","replace_original":false}`}, []string{"one", "two"}, nil},
		{"replaced", nil, map[string]any{"text": "one"}, []string{`{"text":"two","replace_original":true}`}, []string{"two"}, nil},
		{"replaced, said as a text", nil, map[string]any{"text": "one"}, []string{`{"text":"two","replace_original":"true"}`}, []string{"two"}, nil},
		{"nothing to replace", nil, nil, []string{`{"text":"two","replace_original":true}`}, []string{"two"}, nil},
		{"replaced twice", nil, nil, []string{`{"text":"two"}`, `{"text":"three","replace_original":true}`}, []string{"three"}, nil},
		{"where commands can't replace", []Option{WithoutCommandReplace()}, map[string]any{"text": "one"}, []string{`{"text":"two","replace_original":true}`}, []string{"one", "two"}, nil},
		{"deleted", nil, map[string]any{"text": "one"}, []string{`{"delete_original":true}`}, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := workspace(t, test.option...)
			s.RemoveBot("C1") // a response_url needs no membership
			inv := acked(t, s, connect(t, s), test.ack)
			for _, body := range test.bodies {
				if a := respond(t, inv, body); a.Status != 200 {
					t.Errorf("%s: %d %v", body, a.Status, a.body)
				}
			}
			wantTexts(t, "ana alone reads", s.Ephemerals("U1"), test.own)
			wantTexts(t, "all read", s.Messages("C1"), test.all)
			s.Check(t)
		})
	}
}

func wantTexts(t *testing.T, what string, got []Message, want []string) {
	t.Helper()
	var texts []string
	for _, m := range got {
		texts = append(texts, m.Text)
	}
	if strings.Join(texts, "|") != strings.Join(want, "|") {
		t.Errorf("%s %q, want %q", what, texts, want)
	}
}

func TestResponseRefusals(t *testing.T) {
	s := workspace(t)
	inv := acked(t, s, connect(t, s), nil)
	for body, want := range map[string]string{
		`{"text":""}`: "no_text",
		`{"text":"x","blocks":[{"type":"alert"}]}`:       "invalid_blocks",
		`{"text":"` + strings.Repeat("x", 40_001) + `"}`: "msg_too_long",
		`{`: "invalid_payload",
	} {
		if a := respond(t, inv, body); a.Status != 400 || a.str("error") != want {
			t.Errorf("%.40s: %d %v, want %s", body, a.Status, a.body, want)
		}
	}
	if a, _ := post(s.URL()+"/commands/T/none", "", "application/json", "{}"); a.Status != 404 {
		t.Errorf("an address nobody was given: %d", a.Status)
	}
}

func TestResponseURLFaults(t *testing.T) {
	s := workspace(t)
	inv := acked(t, s, connect(t, s), nil)
	s.Fail(ResponseURL, Fault{Status: 500})
	if a := respond(t, inv, `{"text":"x"}`); a.Status != 500 || len(inv.Answers()) != 0 {
		t.Errorf("%d, %v", a.Status, inv.Answers())
	}
}

// card posts a message with a button, a menu and a link.
func card(t *testing.T, s *Sim) string {
	t.Helper()
	blocks := `[{"type":"section","text":{"type":"mrkdwn","text":"card"}},
		{"type":"actions","elements":[
			{"type":"button","action_id":"go","value":"v7","text":{"type":"plain_text","text":"Go"}},
			{"type":"static_select","action_id":"pick","options":[{"text":{"type":"plain_text","text":"A"},"value":"a"},{"text":{"type":"plain_text","text":"B"},"value":"b"}]}]}]`
	return api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "card", "blocks": blocks}).str("ts")
}

// pressed presses and returns the payload that the app got.
func pressed(t *testing.T, s *Sim, c *client, p Pressed) (*Invocation, map[string]any) {
	t.Helper()
	inv, err := s.Tap(p)
	if err != nil {
		t.Fatal(err)
	}
	envelope := c.next()
	c.ack(envelope["envelope_id"], nil)
	if err := inv.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	return inv, envelope["payload"].(map[string]any)
}

func TestPress(t *testing.T) {
	s := workspace(t)
	c := connect(t, s)
	ts := card(t, s)
	inv, payload := pressed(t, s, c, Pressed{UserID: "U1", ChannelID: "C1", TS: ts, ActionID: "go"})
	action := payload["actions"].([]any)[0].(map[string]any)
	if action["value"] != "v7" || action["block_id"] == nil || payload["trigger_id"] != inv.TriggerID || payload["message"] == nil {
		t.Errorf("the app got %v", payload)
	}
	respond(t, inv, `{"text":"pressed","replace_original":true}`)
	if m, _ := s.Message("C1", ts); m.Text != "pressed" || m.Blocks != nil {
		t.Errorf("the card is %+v", m)
	}
	s.Check(t)
}

// What a person presses may have been changed before the press arrives: it is the one that they saw.
func TestPressOfWhatWasThereBefore(t *testing.T) {
	s := workspace(t)
	c := connect(t, s)
	button := func(value string) string {
		return `[{"type":"actions","block_id":"b","elements":[{"type":"button","action_id":"go","value":"` + value + `","text":{"type":"plain_text","text":"Go"}}]}]`
	}
	ts := api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "one", "blocks": button("1")}).str("ts")
	publish := func(blocks string) {
		api(t, s, "views.publish", map[string]any{"user_id": "U1", "view": `{"type":"home","blocks":` + blocks + `}`})
	}
	publish(button("1"))
	api(t, s, "chat.update", map[string]any{"channel": "C1", "ts": ts, "text": "two", "blocks": button("2")})
	publish(button("2"))
	api(t, s, "chat.update", map[string]any{"channel": "C1", "ts": ts, "text": "three", "blocks": "[]"})
	publish(`[{"type":"divider"}]`)
	for what, p := range map[string]Pressed{
		"the message":  {UserID: "U1", ChannelID: "C1", TS: ts, ActionID: "go", BlockID: "b"},
		"the Home tab": {UserID: "U1", ActionID: "go", BlockID: "b"},
	} {
		if _, err := s.Tap(p); err == nil {
			t.Errorf("%s has nothing to press any more", what)
		}
		p.Old = true
		for _, value := range []string{"1", "2"} {
			p.Value = value
			_, payload := pressed(t, s, c, p)
			if got := payload["actions"].([]any)[0].(map[string]any)["value"]; got != value {
				t.Errorf("%s: the app got %v, want %s", what, got, value)
			}
		}
		p.Value = "3"
		if _, err := s.Tap(p); err == nil {
			t.Errorf("%s never had a button 3", what)
		}
	}
}

func TestPressMenu(t *testing.T) {
	s := workspace(t)
	c := connect(t, s)
	ts := card(t, s)
	_, payload := pressed(t, s, c, Pressed{UserID: "U1", ChannelID: "C1", TS: ts, ActionID: "pick", Value: "b"})
	raw, _ := json.Marshal(payload["actions"])
	if !strings.Contains(string(raw), `"selected_option":{"text":{"text":"B","type":"plain_text"},"value":"b"}`) {
		t.Errorf("the app got %s", raw)
	}
	for _, wrong := range []Pressed{
		{UserID: "U1", ChannelID: "C1", TS: ts, ActionID: "pick", Value: "z"},
		{UserID: "U1", ChannelID: "C1", TS: ts, ActionID: "gone"},
		{UserID: "U1", ChannelID: "C1", TS: "1.0", ActionID: "go"},
		{UserID: "U9", ChannelID: "C1", TS: ts, ActionID: "go"},
		{UserID: "U1", ViewID: "V1", ActionID: "go"},
	} {
		if _, err := s.Tap(wrong); err == nil {
			t.Errorf("%+v was possible", wrong)
		}
	}
}

func TestTriggersOpenOneModalInThreeSeconds(t *testing.T) {
	clock := NewManualClock(time.Unix(1_700_000_000, 0))
	s := workspace(t, WithClock(clock))
	c := connect(t, s)
	open := func(inv *Invocation) answer {
		return api(t, s, "views.open", map[string]any{"trigger_id": inv.TriggerID, "view": modal("Title")})
	}
	inv := acked(t, s, c, nil)
	if a := open(inv); a.body["ok"] != true {
		t.Errorf("first: %v", a.body)
	}
	if a := open(inv); a.str("error") != "exchanged_trigger_id" {
		t.Errorf("again: %v", a.body)
	}
	late := acked(t, s, c, nil)
	clock.Advance(3*time.Second + time.Millisecond)
	if a := open(late); a.str("error") != "expired_trigger_id" {
		t.Errorf("late: %v", a.body)
	}
}

func TestModalsPushUpdateAndClose(t *testing.T) {
	s := workspace(t)
	c := connect(t, s)
	view := modal("First")
	view["notify_on_close"] = true
	opened := api(t, s, "views.open", map[string]any{"trigger_id": acked(t, s, c, nil).TriggerID, "view": view})
	first := opened.body["view"].(map[string]any)
	api(t, s, "views.push", map[string]any{"trigger_id": acked(t, s, c, nil).TriggerID, "view": modal("Second")})
	if got := s.Views("U1"); len(got) != 2 || got[1].Title != "Second" {
		t.Fatalf("ana sees %+v", got)
	}
	stale := map[string]any{"view_id": first["id"], "hash": "old", "view": modal("New")}
	if a := api(t, s, "views.update", stale); a.str("error") != "hash_conflict" {
		t.Errorf("with an old hash: %v", a.body)
	}
	stale["hash"] = first["hash"]
	view["title"] = map[string]any{"type": "plain_text", "text": "New"}
	stale["view"] = view
	if a := api(t, s, "views.update", stale); a.body["ok"] != true {
		t.Errorf("with its hash: %v", a.body)
	}
	if inv, err := s.CloseView(soon(t), "U1", s.Views("U1")[1].ID); inv != nil || err != nil {
		t.Errorf("closing without notify_on_close: %v %v", inv, err)
	}
	done := make(chan error, 1)
	ctx, id := soon(t), s.Views("U1")[0].ID
	go func() {
		_, err := s.CloseView(ctx, "U1", id)
		done <- err
	}()
	envelope := c.next()
	c.ack(envelope["envelope_id"], nil)
	if err := <-done; err != nil || envelope["payload"].(map[string]any)["type"] != "view_closed" {
		t.Errorf("%v, %v", err, envelope)
	}
	if a := api(t, s, "views.update", stale); a.str("error") != "not_found" {
		t.Errorf("a closed one: %v", a.body)
	}
}
