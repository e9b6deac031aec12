package slacksim

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A workspace that runs for days remembers so much and no more, of everything; what it remembers is the newest, and numbers go on.
func TestRetention(t *testing.T) {
	const keep = 20
	clock := NewManualClock(time.Date(2026, 6, 22, 2, 14, 0, 0, time.UTC))
	s := workspace(t, WithRetention(keep), WithClock(clock), WithoutLimits())
	s.Allow(LostBlocks, UsedTicket)
	c := connect(t, s)
	s.AddChannel("C9", "board")
	board := api(t, s, "chat.postMessage", map[string]any{"channel": "C9", "text": "always edited"}).str("ts")
	var first, last, hook string
	for i := range 10 * keep {
		inv := acked(t, s, c, nil)
		last = api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": fmt.Sprint("message ", i)}).str("ts")
		api(t, s, "chat.update", map[string]any{"channel": "C1", "ts": last, "text": fmt.Sprint("edited ", i)})
		api(t, s, "chat.update", map[string]any{"channel": "C9", "ts": board, "text": fmt.Sprint("state ", i)})
		api(t, s, "views.open", map[string]any{"trigger_id": inv.TriggerID, "view": modal("t")})
		api(t, s, "views.publish", map[string]any{"user_id": "U1", "view": `{"type":"home","blocks":[{"type":"divider"}]}`})
		if _, err := tryAPI(s, s.AppToken, "apps.connections.open", nil); err != nil {
			t.Fatal(err)
		}
		clock.Advance(ticketLife)
		if i == 0 {
			first, hook = last, inv.ResponseURL
		}
	}
	s.mu.Lock()
	for what, n := range map[string]int{
		"events": len(s.story), "calls": len(s.journal), "invocations": len(s.invoked), "messages": len(s.channels["C1"].messages),
		"edits":         len(s.channels["C9"].find(board).Edits),
		"response_urls": len(s.hooks), "trigger_ids": len(s.triggers), "tickets": len(s.tickets), "views": len(s.views),
	} {
		if n > keep+keep/4+1 || n == 0 {
			t.Errorf("%d %s are remembered", n, what)
		}
	}
	for _, conn := range s.conns {
		if n := len(conn.pending); n > keep+keep/4+1 {
			t.Errorf("%d envelopes are remembered", n)
		}
	}
	s.mu.Unlock()
	events := s.Events()
	if newest := events[len(events)-1].Seq; newest != s.Seq() || events[0].Seq != s.Forgotten()+1 || newest < 10*keep {
		t.Errorf("events %d to %d are remembered, %d are forgotten, and %d is the newest", events[0].Seq, newest, s.Forgotten(), s.Seq())
	}
	if m, _ := s.Message("C9", board); m.Text != fmt.Sprint("state ", 10*keep-1) || m.Edits[len(m.Edits)-1].Text != fmt.Sprint("state ", 10*keep-2) {
		t.Errorf("the newest edits of the board are not remembered: it says %q", m.Text)
	}
	if _, ok := s.Message("C1", last); !ok {
		t.Error("the newest message is forgotten")
	}
	if got, _ := tryAPI(s, s.BotToken, "chat.update", map[string]any{"channel": "C1", "ts": first, "text": "x"}); got.str("error") != "message_not_found" {
		t.Errorf("the oldest message: %v", got)
	}
	if resp, err := http.Post(hook, "application/json", strings.NewReader(`{"text":"late"}`)); err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("the oldest response_url: %v, %v", resp, err)
	}
}

// Who reads so slowly that what comes next is forgotten is not handed a story with a hole in it.
func TestRetentionEndsWhoIsTooSlow(t *testing.T) {
	const keep = 4
	s := workspace(t, WithRetention(keep))
	for range 10 * keep {
		s.Say("U1", "C1", "before", "")
	}
	slow := s.SubscribeAfter(t.Context(), 0)
	if e := <-slow; e.Seq != s.Forgotten()+1 {
		t.Errorf("it begins with %d, and %d are forgotten", e.Seq, s.Forgotten())
	}
	last := 0
	for range 10 * keep {
		s.Say("U1", "C1", "meanwhile", "")
	}
	for e := range slow {
		if last > 0 && e.Seq != last+1 {
			t.Errorf("%d comes behind %d", e.Seq, last)
		}
		last = e.Seq
	}
	if last >= s.Seq() {
		t.Errorf("it got all up to %d", last)
	}
}
