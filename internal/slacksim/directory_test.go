package slacksim

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhoAndWhatIsHere(t *testing.T) {
	s := workspace(t)
	s.AddUser("U1", "ana", Title("Makes tea"))
	s.AddUser("U3", "cem", Deactivated())
	s.AddUserGroup("S2", "zookeepers", "U2")
	s.AddUserGroup("S1", "drinkers", "U1", "U2")
	s.AddPrivateChannel("C2", "cellar", "U1")
	s.AddChannel("C3", "attic")
	s.SetTopic("C3", "What we no longer need")
	s.AddChannel("C4", "barn")
	s.SetArchived("C4", true)
	dm := s.DM("U1")

	users := []User{{ID: "U0BOT", Name: "importbot", Bot: true}, {ID: "U1", Name: "ana", Title: "Makes tea"}, {ID: "U2", Name: "ben"}, {ID: "U3", Name: "cem", Deleted: true}}
	if diff := cmp.Diff(users, s.Users()); diff != "" {
		t.Errorf("users, -want +got:\n%s", diff)
	}
	groups := []Group{{ID: "S1", Handle: "drinkers", Members: []string{"U1", "U2"}}, {ID: "S2", Handle: "zookeepers", Members: []string{"U2"}}}
	if diff := cmp.Diff(groups, s.Groups()); diff != "" {
		t.Errorf("groups, -want +got:\n%s", diff)
	}
	attic, imports := Channel{ID: "C3", Name: "attic", Topic: "What we no longer need"}, Channel{ID: "C1", Name: "imports"}
	for user, want := range map[string][]Channel{
		"U1": {attic, {ID: "C2", Name: "cellar", Private: true}, imports, {ID: dm, Name: "importbot", DM: true, Private: true}},
		"U2": {attic, imports},
		"U3": nil,
		"U9": nil,
	} {
		if diff := cmp.Diff(want, s.Channels(user)); diff != "" {
			t.Errorf("channels of %s, -want +got:\n%s", user, diff)
		}
	}
	if got := api(t, s, "users.info", map[string]any{"user": "U1"}).body["user"].(map[string]any)["profile"].(map[string]any)["title"]; got != "Makes tea" {
		t.Errorf("users.info has the title %v", got)
	}
	info := api(t, s, "conversations.info", map[string]any{"channel": "C3"}).body["channel"].(map[string]any)
	if got := info["topic"].(map[string]any)["value"]; got != "What we no longer need" {
		t.Errorf("conversations.info has the topic %v", got)
	}
}

func TestWriting(t *testing.T) {
	s := workspace(t)
	s.AddUserGroup("S1", "drinkers", "U1", "U2")
	s.AddPrivateChannel("C2", "cellar", "U1")
	write := func(user, channel, text, thread string) (string, error) {
		return s.Write(Written{UserID: user, ChannelID: channel, Text: text, ThreadTS: thread})
	}
	for typed, want := range map[string]string{
		"plain":                     "plain",
		"@ana and (@ben), @nobody":  "<@U1> and (<@U2>), @nobody",
		"tea for @drinkers.":        "tea for <!subteam^S1>.",
		"a@ana is an address":       "a@ana is an address",
		"<!channel> <@U1> a && b >": "&lt;!channel&gt; &lt;@U1&gt; a &amp;&amp; b &gt;",
	} {
		ts, err := write("U1", "C1", typed, "")
		if err != nil {
			t.Fatal(err)
		}
		if m, _ := s.Message("C1", ts); m.Text != want || m.User != "U1" {
			t.Errorf("%q is written as %q, want %q", typed, m.Text, want)
		}
	}
	parent, _ := write("U1", "C1", "thread", "")
	reply, err := write("U2", "C1", "reply", parent)
	if err != nil || len(s.Thread("C1", parent)) != 1 {
		t.Errorf("a reply: %v", err)
	}
	before := s.Seq()
	for _, refused := range []Written{
		{UserID: "U2", ChannelID: "C2", Text: "x"},
		{UserID: "U1", ChannelID: "C1", Text: " \n"},
		{UserID: "U1", ChannelID: "C1", Text: "x", ThreadTS: "1.000001"},
		{UserID: "U1", ChannelID: "C1", Text: "x", ThreadTS: reply},
		{UserID: "U9", ChannelID: "C1", Text: "x"},
	} {
		if _, err := s.Write(refused); err == nil {
			t.Errorf("%+v was written", refused)
		}
	}
	if got := s.Seq(); got != before {
		t.Errorf("%d events came of what was refused", got-before)
	}
}

func TestWhoSeesWhat(t *testing.T) {
	s := workspace(t)
	s.AddPrivateChannel("C2", "cellar", "U1")
	s.Say("U1", "C1", "open", "")
	s.Say("U1", "C2", "closed", "")
	for _, post := range []map[string]any{{"channel": "C1", "user": "U1"}, {"channel": "C1", "user": "U2"}} {
		post["text"] = "only you"
		api(t, s, "chat.postEphemeral", post)
	}
	api(t, s, "chat.postMessage", map[string]any{"channel": "U2", "text": "direct"})
	api(t, s, "views.publish", map[string]any{"user_id": "U1", "view": map[string]any{"type": "home", "blocks": []any{}}})
	if _, err := s.Type(Typed{UserID: "U2", ChannelID: "C1", Command: "/import"}); err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string][]int{"U1": {1, 2, 3, 6}, "U2": {1, 4, 5, 7, 8}, "U9": nil} {
		var got []int
		for _, e := range s.Events() {
			if s.Sees(user, e) {
				got = append(got, e.Seq)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s sees, -want +got:\n%s", user, diff)
		}
	}
}
