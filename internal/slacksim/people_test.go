package slacksim

import (
	"fmt"
	"strings"
	"testing"
)

// typed types a command and returns what the app gets of it.
func (c *client) typed(s *Sim, userID, channelID string) map[string]any {
	c.t.Helper()
	if _, err := s.Type(Typed{UserID: userID, ChannelID: channelID, Command: "/import"}); err != nil {
		c.t.Fatal(err)
	}
	envelope := c.next()
	c.ack(envelope["envelope_id"], nil)
	return envelope["payload"].(map[string]any)
}

func TestGuestsAndPeopleOfOtherWorkspaces(t *testing.T) {
	s := workspace(t)
	s.AddUser("U3", "gus", Guest())
	s.AddUser("U4", "sue", SingleChannelGuest())
	s.AddUser("U5", "lee", Deactivated())
	s.AddUser("U6", "eve", Foreign("T9"))
	s.AddUser("U7", "fay", Foreign("T9"))
	s.AddSharedChannel("C9", "both-of-us", "U1", "U7")
	for id, want := range map[string]string{
		"U1": "T0SIM false false <nil> false",
		"U3": "T0SIM true false <nil> false",
		"U4": "T0SIM true true <nil> false",
		"U5": "T0SIM <nil> <nil> <nil> true",
		"U6": "T9 <nil> <nil> true false", // who shares no channel with the bot
		"U7": "T9 <nil> <nil> false false",
	} {
		u := api(t, s, "users.info", map[string]any{"user": id}).body["user"].(map[string]any)
		got := fmt.Sprint(u["team_id"], " ", u["is_restricted"], " ", u["is_ultra_restricted"], " ", u["is_stranger"], " ", u["deleted"])
		if got != want {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
	for _, wrong := range []Typed{{UserID: "U6", ChannelID: "C9"}, {UserID: "U7", ChannelID: "C1"}, {UserID: "U5", ChannelID: "C1"}} {
		wrong.Command = "/import"
		if _, err := s.Type(wrong); err == nil {
			t.Errorf("%+v was possible", wrong)
		}
	}
	info := api(t, s, "conversations.info", map[string]any{"channel": "C9"}).body["channel"].(map[string]any)
	if info["is_ext_shared"] != true {
		t.Errorf("the shared channel is %v", info)
	}
}

// In a shared channel the payload tells whose people they are, each kind in its own way.
func TestWhereSomebodyIsFrom(t *testing.T) {
	s := workspace(t)
	s.AddUser("U7", "fay", Foreign("T9"))
	s.AddSharedChannel("C9", "both-of-us")
	c := connect(t, s)
	if got := c.typed(s, "U7", "C9"); got["team_id"] != "T9" {
		t.Errorf("the command is from %v", got["team_id"])
	}
	if got := c.typed(s, "U1", "C9"); got["team_id"] != s.TeamID {
		t.Errorf("ana's command is from %v", got["team_id"])
	}
	ts := api(t, s, "chat.postMessage", map[string]any{"channel": "C9", "text": "x", "blocks": []any{map[string]any{
		"type": "actions", "elements": []any{map[string]any{"type": "button", "action_id": "go", "text": map[string]any{"type": "plain_text", "text": "Go"}}},
	}}}).str("ts")
	for user, want := range map[string]string{"U7": "T0SIM T9", "U1": "T0SIM T0SIM"} {
		_, payload := pressed(t, s, c, Pressed{UserID: user, ChannelID: "C9", TS: ts, ActionID: "go"})
		got := fmt.Sprint(payload["team"].(map[string]any)["id"], " ", payload["user"].(map[string]any)["team_id"])
		if got != want {
			t.Errorf("%s presses from %s, want %s", user, got, want)
		}
	}
	s.Check(t)
}

// Every way to show blocks refuses those that the workspace does not know.
func TestRefuseBlocks(t *testing.T) {
	s := workspace(t, WithoutLimits())
	inv := acked(t, s, connect(t, s), nil)
	const chart = `{"type":"data_visualization","title":"t","chart":{"type":"pie","segments":[{"label":"a","value":1}]}}`
	card := api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "card"}).str("ts")
	ways := map[string]func() answer{
		"chat.postMessage": func() answer {
			return api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "x", "blocks": "[" + chart + "]"})
		},
		"chat.update": func() answer {
			return api(t, s, "chat.update", map[string]any{"channel": "C1", "ts": card, "text": "x", "blocks": "[" + chart + "]"})
		},
		"chat.postEphemeral": func() answer {
			return api(t, s, "chat.postEphemeral", map[string]any{"channel": "C1", "user": "U1", "text": "x", "blocks": "[" + chart + "]"})
		},
		"views.publish": func() answer {
			return api(t, s, "views.publish", map[string]any{"user_id": "U1", "view": `{"type":"home","blocks":[` + chart + `]}`})
		},
		ResponseURL: func() answer { return respond(t, inv, `{"text":"x","blocks":[`+chart+`]}`) },
	}
	s.RefuseBlocks("data_visualization", "table")
	for name, show := range ways {
		if a := show(); a.str("error") != "invalid_blocks" || !strings.Contains(fmt.Sprint(a.body["response_metadata"]), "unsupported type: data_visualization") {
			t.Errorf("%s: %d %v", name, a.Status, a.body)
		}
	}
	s.RefuseBlocks()
	for name, show := range ways {
		if a := show(); a.body["ok"] != true {
			t.Errorf("%s knows them again: %d %v", name, a.Status, a.body)
		}
	}
	s.Check(t) // to be refused is nothing that the bot does wrong
}

func TestHomeTab(t *testing.T) {
	s := workspace(t)
	c := connect(t, s)
	s.AddUser("U5", "lee", Deactivated())
	publish := func(user, blocks string) answer {
		return api(t, s, "views.publish", map[string]any{"user_id": user, "view": `{"type":"home","blocks":[` + blocks + `]}`})
	}
	const divider = `{"type":"divider"}`
	opened := func() map[string]any {
		inv := s.OpenHome("U1")
		envelope := c.next()
		c.ack(envelope["envelope_id"], nil)
		if err := inv.Wait(soon(t)); err != nil {
			t.Fatal(err)
		}
		payload := envelope["payload"].(map[string]any)
		if payload["type"] != "event_callback" || !strings.HasPrefix(fmt.Sprint(payload["event_id"]), "Ev") {
			t.Errorf("the app got %v", payload)
		}
		return payload["event"].(map[string]any)
	}
	if event := opened(); event["tab"] != "home" || event["view"] != nil || event["event_ts"] == nil {
		t.Errorf("opened first: %v", event)
	}
	id := publish("U1", divider).body["view"].(map[string]any)["id"]
	if view, _ := opened()["view"].(map[string]any); view == nil || view["id"] != id {
		t.Errorf("opened again: %v, want the view %v", view, id)
	}
	s.Check(t)
	for _, test := range []struct {
		name, user, blocks, want string
		off                      bool
	}{
		{"nobody", "U404", divider, "user_not_found", false},
		{"somebody who left", "U5", divider, "user_not_found", false},
		{"a bot", s.BotUserID, divider, "user_not_found", false},
		{"switched off", "U1", divider, "not_enabled", true},
		{"most", "U1", many(100, divider), "", false},
		{"too many", "U1", many(101, divider), "invalid_arguments", false},
		{"too large", "U1", many(90, `{"type":"section","text":{"type":"mrkdwn","text":"`+strings.Repeat("x", 3000)+`"}}`), "view_too_large", false},
	} {
		s.SetHomeTab(!test.off)
		if got := publish(test.user, test.blocks).str("error"); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	wantRules(t, s, BadBlocks, BadBlocks)
}
