package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/internal/slacksim"
)

// BenchmarkHours is a demo that is left alone: an operation is an hour of what the simulators are asked, with ten imports that run, are
// told and are drawn in it. With few hours and with many (-benchtime 30x, 100x; before, the simulators still fill) the memory in use
// afterwards is the same.
func BenchmarkHours(b *testing.B) {
	h := newHours(b)
	for b.Loop() {
		h.pass()
	}
	runtime.GC()
	var in runtime.MemStats
	runtime.ReadMemStats(&in)
	b.ReportMetric(float64(in.HeapAlloc)/1e6, "MB-in-use")
	runtime.KeepAlive(h)
}

// hours are what a demo consists of that is left alone, without the bot.
type hours struct {
	b       *testing.B
	slack   *slacksim.Sim
	servers [2]*server
	screen  *screen
	now     time.Time
}

func newHours(b *testing.B) *hours {
	b.Helper()
	app, err := manifest(settings())
	if err != nil {
		b.Fatal(err)
	}
	slack, err := workspace(app, slacksim.WithoutLimits()) // they would count an hour's calls in the seconds that it takes here
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(http.DefaultClient.CloseIdleConnections)
	b.Cleanup(slack.Close)
	size := func() int { return 80 }
	now := time.Now()
	h := &hours{b: b, slack: slack, servers: Demo{Pace: pace}.servers(now), now: now,
		screen: newScreen(io.Discard, reader{names: slack, now: time.Now}, ana, false, size, size)}
	for _, srv := range h.servers {
		srv.start(now, srv.takes)
		srv.SetSchedule(now, bigfixtest.Schedule{Off: true}) // the nights would come between
		b.Cleanup(srv.Close)
	}
	return h
}

// read decodes an answer, which has to be a good one.
func (h *hours) read(resp *http.Response, err error, into any) {
	if err != nil {
		h.b.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it is read
	body, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil || resp.StatusCode != http.StatusOK {
		h.b.Fatalf("%s %s: %v", resp.Status, body, err)
	}
}

// look looks at a server.
func (h *hours) look(srv *server) {
	resp, err := http.Get(srv.URL + "/api/import_status.json?token=" + srv.Token)
	h.read(resp, err, &struct{}{})
}

// call calls a method as the bot does, and returns the message's ts.
func (h *hours) call(method string, args url.Values) (ts string) {
	args.Set("token", h.slack.BotToken)
	resp, err := http.PostForm(h.slack.APIURL()+method, args)
	var answer struct {
		OK        bool
		Error, TS string
	}
	if h.read(resp, err, &answer); !answer.OK {
		h.b.Fatalf("%s: %s", method, answer.Error)
	}
	return answer.TS
}

func (h *hours) pass() {
	for i := range 3600 {
		for _, srv := range h.servers {
			h.look(srv)
		}
		if i%60 == 0 {
			h.call("auth.test", url.Values{})
		}
	}
	for range 10 {
		h.tell()
		h.now = h.now.Add(time.Hour / 10)
	}
}

// tell is an import on each server, and what the bot tells of one: a card, its edits, and what comes in its thread.
func (h *hours) tell() {
	for _, srv := range h.servers {
		srv.StartByHand(h.now, bigfix.TypeRaw)
		if imp, _ := srv.Latest(h.now.Add(srv.takes)); imp.Outcome != bigfixtest.Succeeded {
			h.b.Fatalf("the import is %+v", imp)
		}
	}
	text := strings.Repeat("x", 3000)
	card := h.call("chat.postMessage", url.Values{"channel": {channel}, "text": {text}})
	for i := range 20 {
		h.call("chat.update", url.Values{"channel": {channel}, "ts": {card}, "text": {fmt.Sprint(i, text)}})
	}
	for range 7 {
		h.call("chat.postMessage", url.Values{"channel": {channel}, "text": {text}, "thread_ts": {card}})
	}
	_, drawn := h.screen.until()
	for _, e := range h.slack.EventsAfter(drawn) {
		h.screen.show(e)
	}
}

// The terminal remembers the lines of as many messages as there can be in the workspace, the newest ones.
func TestRememberedLines(t *testing.T) {
	size := func() int { return 80 }
	s := newScreen(io.Discard, testReader(), ana, false, size, size)
	for i := range 2 * remembered {
		m := slacksim.Message{Channel: "C1", TS: fmt.Sprint(i), User: "U1", Text: "hello"}
		s.show(slacksim.Event{Seq: 2*i + 1, Kind: slacksim.MessagePosted, Message: m})
		m.Text = "edited"
		s.show(slacksim.Event{Seq: 2*i + 2, Kind: slacksim.MessageEdited, Message: m})
	}
	if n := len(s.shown); n != remembered || s.shown["C1 "+fmt.Sprint(2*remembered-1)] != "edited" || s.shown["C1 "+fmt.Sprint(remembered)] != "edited" {
		t.Errorf("%d lines are remembered, the last is %q", n, s.shown["C1 "+fmt.Sprint(2*remembered-1)])
	}
}
