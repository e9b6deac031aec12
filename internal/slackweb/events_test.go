package slackweb

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"importbot/internal/slacksim"
)

// A browser whose connection breaks after every few events, while more of them come, misses none and has none twice.
func TestBrokenConnectionsLoseNothing(t *testing.T) {
	const connections, each = 30, 4
	w := newWorld(t, nil)
	var got, want []string
	last := ""
	for cut := range connections {
		written := make(chan struct{})
		go func() { // while the connection is made
			defer close(written)
			for i := range each {
				w.sim.Say("U2", "C1", fmt.Sprint("message ", cut*each+i), "")
			}
		}()
		ana := w.stream("/api/events?user=U1&after=" + last)
		for range min(1+cut%(2*each), (cut+1)*each-len(got)) {
			got = append(got, next[event](ana).Message.Text)
		}
		ana.socket.Close()
		last = ana.last
		<-written
	}
	const all = connections * each
	rest := w.stream("/api/events?user=U1&after=" + last)
	for len(got) < all {
		got = append(got, next[event](rest).Message.Text)
	}
	for i := range all {
		want = append(want, fmt.Sprint("message ", i))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	w.sim.Say("U2", "C1", "the end", "")
	if got := next[event](w.stream("/api/events?user=U1&after=" + rest.last)).Message.Text; got != "the end" {
		t.Errorf("behind the last comes %q", got)
	}
	if got := next[event](w.stream(fmt.Sprintf("/api/events?user=U1&after=%d", all))).Message.Text; got != "the end" {
		t.Errorf("after %d comes %q", all, got)
	}
}

// brief is an event in a word or two.
func brief(e event) string {
	text := e.Text
	if e.Message != nil {
		text = e.Message.Text
	}
	if e.View != nil {
		text = string(e.View.Blocks)
		text = text[strings.Index(text, `"text":"Kettle`)+8:]
		text = text[:strings.Index(text, `"`)]
	}
	return fmt.Sprintf("%d %s %s", e.Seq, e.Kind, text)
}

func TestOfThePastTheLastEditStands(t *testing.T) {
	w := newWorld(t, nil)
	post := func(text string) string {
		t.Helper()
		_, ts, err := w.api.PostMessageContext(w.ctx, "C1", slack.MsgOptionText(text, false))
		if err != nil {
			t.Fatal(err)
		}
		return ts
	}
	edit := func(ts, text string) {
		t.Helper()
		if _, _, _, err := w.api.UpdateMessageContext(w.ctx, "C1", ts, slack.MsgOptionText(text, false)); err != nil {
			t.Fatal(err)
		}
	}
	home := func(user, text string) {
		t.Helper()
		if err := w.publish(w.ctx, user, text); err != nil {
			t.Fatal(err)
		}
	}
	card := post("card 1")                           // 1
	gone := post("gone")                             // 2
	edit(card, "card 2")                             // 3
	home("U1", "Kettle 1")                           // 4
	post("still")                                    // 5
	edit(card, "card 3")                             // 6
	home("U2", "Kettle 2")                           // 7
	if w.sim.DeleteMessage("C1", gone); t.Failed() { // 8
		return
	}
	home("U1", "Kettle 3")              // 9
	w.sim.Say("U1", "C1", "newest", "") // 10

	ana := w.stream("/api/events?user=U1")
	past := ana.until(says(slacksim.MessagePosted, "newest"))
	check := func(what string, events []event, want ...string) {
		t.Helper()
		var got []string
		for _, e := range events {
			got = append(got, brief(e))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", what, diff)
		}
	}
	check("the past", past, "5 message still", "6 edit card 3", "8 delete gone", "9 home Kettle 3", "10 message newest")

	behind := w.stream("/api/events?user=U1&after=3")
	check("the past behind 3", behind.until(says(slacksim.MessagePosted, "newest")),
		"5 message still", "6 edit card 3", "8 delete gone", "9 home Kettle 3", "10 message newest")
	behind = w.stream("/api/events?user=U1&after=6")
	check("the past behind 6", behind.until(says(slacksim.MessagePosted, "newest")), "8 delete gone", "9 home Kettle 3", "10 message newest")

	edit(card, "card 4") // 11
	edit(card, "card 5") // 12
	check("as it happens", ana.until(says(slacksim.MessageEdited, "card 5")), "11 edit card 4", "12 edit card 5")
}

// What one person alone sees stays so when it is edited or taken away.
func TestEphemeralMessagesAreForOne(t *testing.T) {
	w := newWorld(t, nil)
	w.boil()
	ana, ben := w.stream("/api/events?user=U1"), w.stream("/api/events?user=U2")
	w.do("/api/command", map[string]string{"user": "U1", "channel": "C1", "text": "/boil now"})
	ana.until(says(slacksim.MessagePosted, "Water is cold"))
	hook := w.sim.Invocations()[0].ResponseURL
	for _, body := range []string{`{"replace_original":true,"text":"You said something"}`, `{"delete_original":true}`} {
		resp, err := http.Post(hook, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	w.sim.Say("U1", "C1", "seen by all", "")
	seen := ana.until(says(slacksim.MessagePosted, "seen by all"))
	if len(seen) != 3 || seen[0].Kind != slacksim.EphemeralEdited || seen[1].Kind != slacksim.MessageDeleted || !seen[1].Message.Ephemeral {
		t.Errorf("ana sees %+v", seen)
	}
	want := []slacksim.EventKind{slacksim.MessagePosted, slacksim.MessagePosted}
	if diff := cmp.Diff(want, kindsOf(ben.until(says(slacksim.MessagePosted, "seen by all")))); diff != "" {
		t.Errorf("ben sees, -want +got:\n%s", diff)
	}
}

// A workspace that forgets goes on for who has seen all that is forgotten, and begins anew, with what it remembers, for everybody else.
func TestWhatIsForgotten(t *testing.T) {
	const kept = 8
	w := newWorld(t, nil, slacksim.WithRetention(kept))
	ana := w.stream("/api/events?user=U1")
	for i := range 100 {
		w.sim.Say("U2", "C1", fmt.Sprint("message ", i+1), "")
		if got := next[event](ana); got.Seq != i+1 {
			t.Fatalf("who is there sees %s, want number %d", brief(got), i+1)
		}
	}
	var about workspace
	if err := json.Unmarshal([]byte(w.ask(http.MethodGet, "/api/workspace?user=U1", "", nil).body), &about); err != nil {
		t.Fatal(err)
	}
	if about.Seq != 100 || about.Forgotten < 100-kept-kept/4 || about.Forgotten > 100-kept {
		t.Errorf("it is at %d, and has forgotten %d", about.Seq, about.Forgotten)
	}
	for after, want := range map[int]int{1: http.StatusGone, about.Forgotten - 1: http.StatusGone, 101: http.StatusGone} {
		if got := w.ask(http.MethodGet, fmt.Sprintf("/api/events?user=U1&after=%d", after), "", nil); got.status != want {
			t.Errorf("behind %d: %d %s, want %d", after, got.status, got.body, want)
		}
	}
	for _, after := range []int{0, about.Forgotten} {
		first := next[event](w.stream(fmt.Sprintf("/api/events?user=U1&after=%d", after)))
		if want := about.Forgotten + 1; first.Seq != want || first.Message.Text != fmt.Sprint("message ", want) {
			t.Errorf("behind %d comes %s, want number %d", after, brief(first), want)
		}
	}
	if got := w.sim.Messages("C1"); len(got) < kept || len(got) > kept+kept/4 || got[len(got)-1].Text != "message 100" {
		t.Errorf("the channel has %d messages", len(got))
	}
}

// meanwhile is an answer during whose handshake something happens.
type meanwhile struct {
	http.ResponseWriter
	happens func()
}

func (m meanwhile) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	m.happens()
	return http.NewResponseController(m.ResponseWriter).Hijack()
}

// Where the workspace forgets while a browser comes back, that is told nothing behind a hole, but that what it goes on behind is gone.
func TestWhatIsForgottenDuringTheHandshake(t *testing.T) {
	const kept = 8
	w := newWorld(t, nil, slacksim.WithRetention(kept))
	say := func() {
		for range 2 * kept {
			w.sim.Say("U2", "C1", "hello", "")
		}
	}
	say()
	last := w.sim.Seq()
	busy := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) { w.page.ServeHTTP(meanwhile{out, say}, r) }))
	defer busy.Close()
	quiet := w.web
	w.web = busy
	ana := w.stream(fmt.Sprintf("/api/events?user=U1&after=%d", last))
	w.web = quiet
	if e, err := ana.data("event"); err == nil {
		t.Errorf("behind number %d comes %s", last, e)
	}
	if got := w.ask(http.MethodGet, fmt.Sprintf("/api/events?user=U1&after=%d", last), "", nil); got.status != http.StatusGone {
		t.Errorf("who comes back is told %d %s", got.status, got.body)
	}
}

func TestStreamsOfAnotherRunEnd(t *testing.T) {
	w := newWorld(t, nil)
	w.sim.Say("U1", "C1", "hello", "")
	ana := w.stream("/api/events?user=U1")
	next[event](ana)
	other := newWorld(t, nil)
	other.sim.Say("U1", "C1", "hello", "")
	if run := w.run(); !strings.HasPrefix(ana.last, run+"-") || run == other.run() {
		t.Errorf("the event %s is of the run %q, the other run is %q", ana.last, run, other.run())
	}
	for id, want := range map[string]int{
		ana.last: http.StatusGone, "2": http.StatusGone, "x": http.StatusBadRequest, "-1": http.StatusGone, "1.5": http.StatusBadRequest,
	} {
		got := other.ask(http.MethodGet, "/api/events?user=U1&after="+id, "", nil)
		if got.status != want {
			t.Errorf("behind %q: %d %s, want %d", id, got.status, got.body, want)
		}
	}
}
