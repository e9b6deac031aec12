package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"importbot/internal/slacksim"
)

// actions is a message's blocks with buttons that say so.
func actions(labels ...string) string {
	var elements []string
	for _, label := range labels {
		confirm := ""
		if label == "Start raw" {
			confirm = `,"confirm":{"title":{"type":"plain_text","text":"Start it?"},"text":{"type":"mrkdwn","text":"It takes *3 min*."},` +
				`"confirm":{"type":"plain_text","text":"Start"},"deny":{"type":"plain_text","text":"Cancel"}}`
		}
		elements = append(elements, fmt.Sprintf(`{"type":"button","action_id":%q,"text":{"type":"plain_text","text":%q}%s}`,
			strings.ToLower(strings.ReplaceAll(label, " ", "_")), label, confirm))
	}
	return `[{"type":"section","text":{"type":"mrkdwn","text":"x"}},{"type":"actions","block_id":"b","elements":[` + strings.Join(elements, ",") + `]}]`
}

// call asks the simulated Slack as the bot would.
func call(t *testing.T, slack *slacksim.Sim, method string, args url.Values) (ts string) {
	t.Helper()
	args.Set("token", slack.BotToken)
	resp, err := http.PostForm(slack.APIURL()+method, args)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	var answer struct {
		OK        bool
		Error, TS string
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || !answer.OK {
		t.Fatalf("%s: %v, %+v", method, err, answer)
	}
	http.DefaultClient.CloseIdleConnections()
	return answer.TS
}

// A button is looked for in what a person sees, the newest first: messages in the channel, what only they see, their direct messages, and
// the Home tab as of when they opened it.
func TestFind(t *testing.T) {
	slack, err := slacksim.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer slack.Close()
	for _, p := range people {
		slack.AddUser(p.id, p.name)
	}
	slack.AddChannel(channel, "bigfix-imports")
	anna, ben := people[0], people[1]
	var out bytes.Buffer
	s := &stage{slack: slack, screen: newScreen(&out, testReader(), ana, false, func() int { return 90 }, func() int { return 24 })}

	old := call(t, slack, "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "blocks": {actions("Refresh", "Start raw")}})
	call(t, slack, "views.publish", url.Values{"user_id": {ana}, "view": {`{"type":"home","blocks":` + actions("Refresh", "Status") + `}`}})
	s.visits = map[string]int{ana: slack.Seq()}
	card := call(t, slack, "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "blocks": {actions("Refresh")}})
	call(t, slack, "chat.update", url.Values{"channel": {channel}, "ts": {old}, "text": {"y"}, "blocks": {actions("Refresh", "Notify me")}})
	call(t, slack, "chat.postMessage", url.Values{"channel": {slack.DM(ben.id)}, "text": {"x"}, "blocks": {actions("Cancel")}})

	for _, tc := range []struct {
		who   person
		label string
		nth   int
		want  string // where: a ts, "home", or "" for nowhere
	}{
		{anna, "Refresh", 1, card},
		{anna, "refresh", 2, "home"},
		{anna, "Refresh", 3, old},
		{anna, "Refresh", 4, ""},
		{ben, "Refresh", 2, old}, // he has not opened the Home tab
		{anna, "Status", 1, "home"},
		{ben, "Status", 1, ""},
		{anna, "Start raw", 1, ""}, // an edit took it away
		{anna, "Notify me", 1, old},
		{anna, "Cancel", 1, ""}, // in somebody else's direct messages
	} {
		p, labels := s.find(tc.who, tc.label, tc.nth)
		got := ""
		switch {
		case p != nil && p.on.TS == "":
			got = "home"
		case p != nil:
			got = p.on.TS
		case !slices.Contains(labels, "Refresh"):
			t.Errorf("%s for %s: it does not say what there is: %q", tc.label, tc.who.name, labels)
		}
		if got != tc.want {
			t.Errorf("%s for %s, number %d: got %q, want %q", tc.label, tc.who.name, tc.nth, got, tc.want)
		}
	}
	s.enter(t.Context(), "press Nonsense")
	s.enter(t.Context(), "as carla /import raw")
	s.enter(t.Context(), "server burns")
	for _, want := range []string{"No button says `Nonsense`. These do: [Refresh] [Status] [Notify me].", "Here are ana, ben, and gus, a guest.", "`server nightly`"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// A Home tab that somebody opened is found behind all messages, and after what came before it is forgotten.
func TestFindAfterForgetting(t *testing.T) {
	const kept = 8
	slack, err := slacksim.Start(slacksim.WithRetention(kept))
	if err != nil {
		t.Fatal(err)
	}
	defer slack.Close()
	slack.AddUser(ana, "ana")
	slack.AddChannel(channel, "bigfix-imports")
	var out bytes.Buffer
	size := func() int { return 80 }
	s := &stage{slack: slack, screen: newScreen(&out, testReader(), ana, false, size, size)}
	call(t, slack, "views.publish", url.Values{"user_id": {ana}, "view": {`{"type":"home","blocks":` + actions("Status") + `}`}})
	s.visits = map[string]int{ana: slack.Seq()}
	for range 2 * kept {
		slack.Say(ana, channel, "hello", "")
	}
	if p, labels := s.find(people[0], "Status", 1); slack.Forgotten() < s.visits[ana] || p == nil || p.on.TS != "" {
		t.Errorf("found %+v, there are %q, and %d events are forgotten", p, labels, slack.Forgotten())
	}
}

// A button that asks first is pressed on a yes alone, where somebody can say one.
func TestDialog(t *testing.T) {
	slack, err := slacksim.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer slack.Close()
	slack.AddUser(ana, "ana")
	slack.AddChannel(channel, "bigfix-imports")
	call(t, slack, "chat.postMessage", url.Values{"channel": {channel}, "text": {"x"}, "blocks": {actions("Start raw")}})
	for _, answer := range []string{"n", "", "No", "/other"} {
		var out bytes.Buffer
		s := &stage{slack: slack, terminal: os.Stdin, screen: newScreen(&out, testReader(), ana, false, func() int { return 90 }, func() int { return 24 })}
		s.enter(t.Context(), "press start raw")
		s.enter(t.Context(), answer)
		for _, want := range []string{"Slack asks: Start it?", "It takes 3 min.", "[Start] [Cancel]  y or n:", "othing was pressed."} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q: no %q in\n%s", answer, want, out.String())
			}
		}
		if s.asked != nil {
			t.Errorf("%q: it still asks", answer)
		}
	}
	if n := len(slack.Invocations()); n != 0 {
		t.Errorf("%d presses", n)
	}
}
