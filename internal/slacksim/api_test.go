package slacksim

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// section is a section block with that text.
func section(text string) map[string]any {
	return map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": text}}
}

func TestRefusals(t *testing.T) {
	s := workspace(t, WithoutLimits())
	s.AddChannel("C2", "old")
	s.AddChannel("C3", "public")
	s.AddPrivateChannel("G1", "secret")
	s.AddChannel("C4", "few", "U1")
	s.RemoveBot("C3")
	s.RemoveBot("G1")
	card := api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "card"}).str("ts")
	old := api(t, s, "chat.postMessage", map[string]any{"channel": "C2", "text": "old"}).str("ts")
	reply := api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "reply", "thread_ts": card}).str("ts")
	human := s.Say("U1", "C1", "hello", "")
	s.SetArchived("C2", true)

	type args = map[string]any
	for _, test := range []struct {
		name, method string
		args         args
		want         string
	}{
		{"unknown method", "chat.shout", args{}, "unknown_method"},
		{"no channel", "chat.postMessage", args{"text": "x"}, "channel_not_found"},
		{"unknown channel", "chat.postMessage", args{"channel": "C9", "text": "x"}, "channel_not_found"},
		{"private channel unseen", "chat.postMessage", args{"channel": "G1", "text": "x"}, "channel_not_found"},
		{"archived", "chat.postMessage", args{"channel": "C2", "text": "x"}, "is_archived"},
		{"nothing to say", "chat.postMessage", args{"channel": "C1"}, "no_text"},
		{"blank", "chat.postMessage", args{"channel": "C1", "text": " "}, "no_text"},
		{"too long", "chat.postMessage", args{"channel": "C1", "text": strings.Repeat("é", 40_001)}, "msg_too_long"},
		{"blocks that are none", "chat.postMessage", args{"channel": "C1", "text": "x", "blocks": "{"}, "invalid_blocks_format"},
		{"unknown block", "chat.postMessage", args{"channel": "C1", "text": "x", "blocks": []any{args{"type": "alert"}}}, "invalid_blocks"},
		{"metadata without payload", "chat.postMessage", args{"channel": "C1", "text": "x", "metadata": args{"event_type": "a"}}, "invalid_metadata_format"},
		{"metadata too large", "chat.postMessage", args{"channel": "C1", "text": "x", "metadata": args{"event_type": "a", "event_payload": args{"a": strings.Repeat("x", 9000)}}}, "metadata_too_large"},
		{"no such thread", "chat.postMessage", args{"channel": "C1", "text": "x", "thread_ts": "1.000000"}, "thread_not_found"},
		{"thread of a reply", "chat.postMessage", args{"channel": "C1", "text": "x", "thread_ts": reply}, "cannot_reply_to_message"},
		{"update of nothing", "chat.update", args{"channel": "C1", "ts": "1.000000", "text": "x"}, "message_not_found"},
		{"update of another's", "chat.update", args{"channel": "C1", "ts": human, "text": "x"}, "cant_update_message"},
		{"update, archived", "chat.update", args{"channel": "C2", "ts": old, "text": "x"}, "is_archived"},
		{"update too long", "chat.update", args{"channel": "C1", "ts": card, "text": strings.Repeat("x", 4001)}, "msg_too_long"},
		{"delete another's", "chat.delete", args{"channel": "C1", "ts": human}, "cant_delete_message"},
		{"ephemeral to nobody", "chat.postEphemeral", args{"channel": "C1", "user": "U9", "text": "x"}, "user_not_in_channel"},
		{"ephemeral to an outsider", "chat.postEphemeral", args{"channel": "C4", "user": "U2", "text": "x"}, "user_not_in_channel"},
		{"ephemeral as an outsider", "chat.postEphemeral", args{"channel": "C3", "user": "U1", "text": "x"}, "not_in_channel"},
		{"permalink of nothing", "chat.getPermalink", args{"channel": "C1", "message_ts": "1.0"}, "message_not_found"},
		{"history as an outsider", "conversations.history", args{"channel": "C3"}, "not_in_channel"},
		{"bad cursor", "conversations.history", args{"channel": "C1", "cursor": "x"}, "invalid_cursor"},
		{"no such thread to read", "conversations.replies", args{"channel": "C1", "ts": "1.0"}, "thread_not_found"},
		{"nobody's conversation", "conversations.open", args{"users": "U9"}, "user_not_found"},
		{"unknown user", "users.info", args{"user": "U9"}, "user_not_found"},
		{"unknown group", "usergroups.users.list", args{"usergroup": "S9"}, "no_such_subteam"},
		{"trigger never given", "views.open", args{"trigger_id": "1.2.3", "view": modal("t")}, "invalid_trigger_id"},
		{"modal without title", "views.open", args{"trigger_id": "1.2.3", "view": args{"type": "modal", "blocks": []any{}}}, "invalid_arguments"},
		{"home of nobody", "views.publish", args{"user_id": "U9", "view": args{"type": "home", "blocks": []any{}}}, "user_not_found"},
		{"app method, bot token", "apps.connections.open", args{}, "not_allowed_token_type"},
		{"error on demand", "api.test", args{"error": "oh"}, "oh"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := api(t, s, test.method, test.args).str("error"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if got := api(t, s, "chat.postMessage", map[string]any{"channel": "C3", "text": "x"}); got.body["ok"] != true {
		t.Errorf("a public channel, with chat:write.public: %v", got.body)
	}
	s.SetScopes("chat:write")
	if got := api(t, s, "chat.postMessage", map[string]any{"channel": "C3", "text": "x"}).str("error"); got != "not_in_channel" {
		t.Errorf("a public channel, without chat:write.public: %q", got)
	}
}

func modal(title string) map[string]any {
	return map[string]any{"type": "modal", "title": map[string]any{"type": "plain_text", "text": title}, "blocks": []any{}}
}

func TestTokens(t *testing.T) {
	s := workspace(t, WithScopes("chat:write", "commands"))
	for _, test := range []struct{ name, token, method, want string }{
		{"none", "", "auth.test", "not_authed"},
		{"wrong", "xoxb-nobody", "auth.test", "invalid_auth"},
		{"app token for a bot method", s.AppToken, "chat.postMessage", "not_allowed_token_type"},
		{"without scope", s.BotToken, "usergroups.list", "missing_scope"},
		{"app token", s.AppToken, "auth.test", ""},
		{"bot token", s.BotToken, "auth.test", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := tryAPI(s, test.token, test.method, nil)
			if err != nil || got.str("error") != test.want {
				t.Errorf("got %q, %v, want %q", got.str("error"), err, test.want)
			}
		})
	}
	if got := api(t, s, "auth.test", nil).Header.Get("X-OAuth-Scopes"); got != "chat:write,commands" {
		t.Errorf("the scopes are told as %q", got)
	}
	s.RevokeBotToken()
	if got := api(t, s, "auth.test", nil).str("error"); got != "token_revoked" {
		t.Errorf("after the bot token was revoked: %q", got)
	}
	s.RevokeAppToken()
	if got, _ := tryAPI(s, s.AppToken, "apps.connections.open", nil); got.str("error") != "token_revoked" {
		t.Errorf("after the app token was revoked: %v", got.body)
	}
	s.Check(t)
}

func TestFormsAndJSONAreTheSame(t *testing.T) {
	s := workspace(t)
	blocks := `[{"type":"section","text":{"type":"mrkdwn","text":"*hi*"}}]`
	form := url.Values{"token": {s.BotToken}, "channel": {"C1"}, "text": {"hi"}, "blocks": {blocks}}
	if a, err := post(s.APIURL()+"chat.postMessage", "", "application/x-www-form-urlencoded", form.Encode()); err != nil || a.body["ok"] != true {
		t.Fatalf("form: %v %v", err, a.body)
	}
	if a, err := post(s.APIURL()+"chat.postMessage", s.BotToken, "application/json", `{"channel":"C1","text":"hi","blocks":`+blocks+`}`); err != nil || a.body["ok"] != true {
		t.Fatalf("JSON: %v %v", err, a.body)
	}
	got := s.Messages("C1")
	if len(got) != 2 || string(got[0].Blocks) != string(got[1].Blocks) || got[0].TS >= got[1].TS {
		t.Errorf("got %+v", got)
	}
	for _, call := range s.Journal() {
		if _, ok := call.Args["token"]; ok || call.Args["blocks"] != blocks || !call.Taken || call.Status != 200 {
			t.Errorf("the journal has %+v", call)
		}
	}
	s.Check(t)
}

func TestUpdateWithTextAloneDropsTheBlocks(t *testing.T) {
	s := workspace(t)
	ts := api(t, s, "chat.postMessage", map[string]any{
		"channel": "C1", "text": "one", "blocks": []any{section("one")}, "metadata": map[string]any{"event_type": "e", "event_payload": map[string]any{"id": "1"}},
	}).str("ts")
	api(t, s, "chat.update", map[string]any{"channel": "C1", "ts": ts, "text": "two"})
	m, _ := s.Message("C1", ts)
	if m.Text != "two" || m.Blocks != nil || m.Metadata == nil || len(m.Edits) != 1 || m.Edits[0].Text != "one" {
		t.Errorf("got %+v", m)
	}
	if got := s.Violations(); len(got) != 1 || got[0].Rule != LostBlocks {
		t.Errorf("recorded %v", got)
	}
}

func TestEditWindow(t *testing.T) {
	clock := NewManualClock(time.Unix(1_700_000_000, 0))
	s := workspace(t, WithClock(clock), WithEditWindow(time.Hour))
	ts := api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "one"}).str("ts")
	clock.Advance(2 * time.Hour)
	if got := api(t, s, "chat.update", map[string]any{"channel": "C1", "ts": ts, "text": "two"}).str("error"); got != "edit_window_closed" {
		t.Errorf("got %q", got)
	}
}

func TestHistoryAndReplies(t *testing.T) {
	s := workspace(t, WithoutLimits())
	post := func(text string, more map[string]any) string {
		args := map[string]any{"channel": "C1", "text": text, "metadata": map[string]any{"event_type": "e", "event_payload": map[string]any{"id": text}}}
		for key, value := range more {
			args[key] = value
		}
		return api(t, s, "chat.postMessage", args).str("ts")
	}
	one := post("one", nil)
	post("two", nil)
	post("reply", map[string]any{"thread_ts": one})
	post("broadcast", map[string]any{"thread_ts": one, "reply_broadcast": true})
	three := post("three", nil)
	api(t, s, "chat.postEphemeral", map[string]any{"channel": "C1", "user": "U1", "text": "hidden"})
	api(t, s, "chat.delete", map[string]any{"channel": "C1", "ts": three})

	read := func(method string, args map[string]any) (texts []string, last answer) {
		args["channel"] = "C1"
		for cursor := ""; ; {
			args["cursor"] = cursor
			last = api(t, s, method, args)
			messages, _ := last.body["messages"].([]any)
			for _, m := range messages {
				texts = append(texts, m.(map[string]any)["text"].(string))
			}
			meta, _ := last.body["response_metadata"].(map[string]any)
			if cursor, _ = meta["next_cursor"].(string); cursor == "" {
				return texts, last
			}
		}
	}
	for _, test := range []struct {
		name, method string
		args         map[string]any
		want         []string
	}{
		{"newest first", "conversations.history", map[string]any{}, []string{"broadcast", "two", "one"}},
		{"in pages", "conversations.history", map[string]any{"limit": 1}, []string{"broadcast", "two", "one"}},
		{"after the first", "conversations.history", map[string]any{"oldest": one}, []string{"broadcast", "two"}},
		{"from the first", "conversations.history", map[string]any{"oldest": one, "inclusive": true}, []string{"broadcast", "two", "one"}},
		{"since a whole second", "conversations.history", map[string]any{"oldest": strings.Split(one, ".")[0]}, []string{"broadcast", "two", "one"}},
		{"until the first", "conversations.history", map[string]any{"latest": one, "inclusive": true}, []string{"one"}},
		{"a thread, oldest first", "conversations.replies", map[string]any{"ts": one}, []string{"one", "reply", "broadcast"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, _ := read(test.method, test.args); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	_, with := read("conversations.history", map[string]any{"include_all_metadata": true})
	_, without := read("conversations.history", map[string]any{})
	oldest := func(a answer) map[string]any {
		list := a.body["messages"].([]any)
		return list[len(list)-1].(map[string]any)
	}
	if oldest(with)["metadata"] == nil || oldest(without)["metadata"] != nil || oldest(with)["reply_count"] != 2.0 {
		t.Errorf("with metadata %v, without %v", oldest(with), oldest(without))
	}
}

func TestDirectMessages(t *testing.T) {
	s := workspace(t)
	posted := api(t, s, "chat.postMessage", map[string]any{"channel": "U1", "text": "psst"})
	opened := api(t, s, "conversations.open", map[string]any{"users": "U1"})
	id := opened.body["channel"].(map[string]any)["id"]
	if posted.str("channel") != id || id != s.DM("U1") || !strings.HasPrefix(s.DM("U1"), "D") {
		t.Errorf("posted to %s, opened %v, it is %s", posted.str("channel"), id, s.DM("U1"))
	}
	info := api(t, s, "conversations.info", map[string]any{"channel": id}).body["channel"].(map[string]any)
	if info["is_im"] != true || info["user"] != "U1" {
		t.Errorf("its info is %v", info)
	}
}

func TestPeopleAndGroups(t *testing.T) {
	s := workspace(t)
	s.AddUserGroup("S1", "oncall", "U1", "U2")
	got := api(t, s, "usergroups.users.list", map[string]any{"usergroup": "S1"}).body["users"]
	if raw, _ := json.Marshal(got); string(raw) != `["U1","U2"]` {
		t.Errorf("members: %s", raw)
	}
	groups := api(t, s, "usergroups.list", map[string]any{"include_users": true}).body["usergroups"].([]any)
	if len(groups) != 1 || groups[0].(map[string]any)["handle"] != "oncall" {
		t.Errorf("groups: %v", groups)
	}
	who := api(t, s, "users.info", map[string]any{"user": "U1"}).body["user"].(map[string]any)
	if who["name"] != "ana" || who["is_bot"] != false {
		t.Errorf("ana: %v", who)
	}
}

func TestPermalink(t *testing.T) {
	s := workspace(t)
	ts := api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "x"}).str("ts")
	reply := api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "y", "thread_ts": ts}).str("ts")
	bare := func(ts string) string { return strings.Replace(ts, ".", "", 1) }
	for ts, want := range map[string]string{
		ts:    s.TeamURL + "archives/C1/p" + bare(ts),
		reply: s.TeamURL + "archives/C1/p" + bare(reply) + "?thread_ts=" + ts + "&cid=C1",
	} {
		if got := api(t, s, "chat.getPermalink", map[string]any{"channel": "C1", "message_ts": ts}).str("permalink"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestTimestampsNeverRepeat(t *testing.T) {
	s := workspace(t, WithClock(NewManualClock(time.Unix(1_700_000_000, 0))))
	seen := map[string]bool{}
	for range 100 {
		ts := s.Say("U1", "C1", "x", "")
		if seen[ts] {
			t.Fatalf("%s came twice", ts)
		}
		seen[ts] = true
	}
}
