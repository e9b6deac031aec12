package slacksim

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// burst calls until the first refusal and returns how many went through.
func burst(t *testing.T, s *Sim, method string, args map[string]any) (went int, refusal answer) {
	t.Helper()
	for {
		a := api(t, s, method, args)
		if a.Status == http.StatusTooManyRequests {
			return went, a
		}
		if went++; went > 500 {
			t.Fatalf("%s has no limit", method)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, test := range []struct {
		method string
		went   int // at once
		after  string
		again  int // after Retry-After
	}{
		{"chat.postMessage", 3, "1", 1},
		{"chat.update", 50, "60", 50},
		{"users.info", 100, "60", 100},
	} {
		t.Run(test.method, func(t *testing.T) {
			clock := NewManualClock(time.Unix(1_700_000_000, 0))
			s := workspace(t, WithClock(clock))
			args := map[string]any{"channel": "C1", "text": "x", "ts": s.Say(s.BotUserID, "C1", "card", ""), "user": "U1"}
			went, refusal := burst(t, s, test.method, args)
			if went != test.went || refusal.Header.Get("Retry-After") != test.after || refusal.str("error") != "ratelimited" {
				t.Errorf("%d went, then %v with Retry-After %q", went, refusal.body, refusal.Header.Get("Retry-After"))
			}
			clock.Advance(60 * time.Second)
			if test.went == 3 { // the bucket fills again, up to its brim
				test.again = 3
			}
			if again, _ := burst(t, s, test.method, args); again != test.again {
				t.Errorf("%d went a minute later, want %d", again, test.again)
			}
			s.Check(t)
		})
	}
}

func TestPostingIsLimitedPerChannel(t *testing.T) {
	clock := NewManualClock(time.Unix(1_700_000_000, 0))
	s := workspace(t, WithClock(clock))
	s.AddChannel("C2", "other")
	burst(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "x"})
	if a := api(t, s, "chat.postMessage", map[string]any{"channel": "C2", "text": "x"}); a.Status != 200 {
		t.Errorf("the other channel answered %d", a.Status)
	}
	clock.Advance(time.Second)
	if went, _ := burst(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "x"}); went != 1 {
		t.Errorf("%d went after a second, want 1", went)
	}
}

func TestHammeringIsToldFromHavingBeenUnderWay(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l := newLimiter(nil)
	for range 3 {
		l.admit("chat.postMessage", "C1", "a", now)
	}
	if got := l.admit("chat.postMessage", "C1", "a", now); got != (refusal{wait: time.Second, own: true}) {
		t.Errorf("the first refusal: %+v", got)
	}
	if l.admit("chat.postMessage", "C1", "a", now).hammered {
		t.Error("a call that may have been under way counts as hammering")
	}
	_, c := l.of("chat.postMessage", "C1")
	c.told["a"] = c.told["a"].Add(-2 * hammerGrace)
	if !l.admit("chat.postMessage", "C1", "a", now).hammered {
		t.Error("a call that had been told to wait does not count as hammering")
	}
	if l.admit("chat.postMessage", "C1", "b", now).hammered {
		t.Error("another process could not know, and counts as hammering")
	}
	c.told["b"] = c.told["b"].Add(-2 * hammerGrace)
	if !l.admit("chat.postMessage", "C1", "b", now).hammered {
		t.Error("the other process was told then, and does not count as hammering")
	}
	if got := l.admit("chat.postMessage", "C1", "a", now.Add(time.Second)); got != (refusal{}) {
		t.Errorf("after Retry-After: %+v", got)
	}
}

func TestOwnLimits(t *testing.T) {
	s := workspace(t, WithLimit("chat.postMessage", Limit{}), WithLimit("users.info", Limit{Calls: 2, Per: time.Minute}))
	for i := range 20 {
		if a := api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": fmt.Sprint(i)}); a.Status != 200 {
			t.Fatalf("the lifted limit refused call %d", i)
		}
	}
	if went, _ := burst(t, s, "users.info", map[string]any{"user": "U1"}); went != 2 {
		t.Errorf("%d went, want 2", went)
	}
}
