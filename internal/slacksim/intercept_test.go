package slacksim

import (
	"slices"
	"testing"
)

// passed is a point that a call came by.
type passed struct {
	at     Point
	method string
	taken  bool
	status int
}

func TestInterceptSeesEveryPoint(t *testing.T) {
	s := workspace(t)
	seen := make(chan passed, 10)
	cancel := s.Intercept(func(at Point, c Call) Verdict {
		seen <- passed{at, c.Method, c.Taken, c.Status}
		return Pass
	})
	for channel, want := range map[string][]passed{
		"C1": {{Arrived, "chat.postMessage", false, 0}, {Taken, "chat.postMessage", true, 0}, {Answered, "chat.postMessage", true, 200}},
		"C9": {{Arrived, "chat.postMessage", false, 0}, {Answered, "chat.postMessage", false, 200}}, // refused: it had no effect
	} {
		api(t, s, "chat.postMessage", map[string]any{"channel": channel, "text": "x"})
		for _, want := range want { // the last comes when the client goes on already
			if got := <-seen; got != want {
				t.Errorf("to %s: saw %v, want %v", channel, got, want)
			}
		}
	}
	cancel()
	api(t, s, "api.test", nil)
	s.Close()
	if len(seen) != 0 {
		t.Errorf("saw %v after cancel", <-seen)
	}
}

func TestInterceptCuts(t *testing.T) {
	for _, tt := range []struct {
		at              Point
		there, answered bool
	}{{Arrived, false, false}, {Taken, true, false}, {Answered, true, true}} {
		t.Run(tt.at.String(), func(t *testing.T) {
			s := workspace(t)
			s.Intercept(func(at Point, c Call) Verdict {
				if at == tt.at {
					return Cut
				}
				return Pass
			})
			_, err := tryAPI(s, s.BotToken, "chat.postMessage", map[string]any{"channel": "C1", "text": "x"})
			if tt.at != Answered && err == nil { // there the answer is under way, and may get through or not
				t.Error("it was answered")
			}
			if got := len(s.Messages("C1")) == 1; got != tt.there {
				t.Errorf("the message is there: %v, want %v", got, tt.there)
			}
			if err := s.Wait(soon(t), func() bool { return s.Calls("chat.postMessage")[0].Faulty }); err != nil {
				t.Error("the call does not count as faulty:", err)
			}
		})
	}
}

// What the chaos suite does: the bot is killed while the call stands still.
func TestInterceptMayBlock(t *testing.T) {
	s := workspace(t)
	reached, killed := make(chan struct{}), make(chan struct{})
	s.Intercept(func(at Point, c Call) Verdict {
		if at == Taken && c.Method == "chat.postMessage" {
			close(reached)
			<-killed
			return Cut
		}
		return Pass
	})
	failed := make(chan error, 1)
	go func() {
		_, err := tryAPI(s, s.BotToken, "chat.postMessage", map[string]any{"channel": "C1", "text": "x"})
		failed <- err
	}()
	<-reached
	if n := len(s.Messages("C1")); n != 1 {
		t.Errorf("%d messages are there meanwhile, want 1", n)
	}
	if a := api(t, s, "auth.test", nil); a.body["ok"] != true { // nothing else stands still
		t.Errorf("auth.test: %v", a.body)
	}
	close(killed)
	if err := <-failed; err == nil {
		t.Error("it was answered")
	}
}

func TestInterceptSeesAnswersByResponseURL(t *testing.T) {
	s := workspace(t)
	c := connect(t, s)
	inv := mustType(t, s, "raw")
	c.ack(c.next()["envelope_id"], nil)
	if err := inv.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	points := make(chan Point, 10)
	s.Intercept(func(at Point, c Call) Verdict {
		if c.Method != ResponseURL {
			t.Errorf("saw %s", c.Method)
		}
		points <- at
		return Pass
	})
	if _, err := post(inv.ResponseURL, "", "application/json", `{"text":"x"}`); err != nil {
		t.Fatal(err)
	}
	for _, want := range []Point{Arrived, Taken, Answered} {
		if got := <-points; got != want {
			t.Errorf("saw %s, want %s", got, want)
		}
	}
}

// A 429 that is Slack's own can be told from one that a test made.
func TestJournalTellsOwnLimitsFromFaults(t *testing.T) {
	s := workspace(t)
	text := map[string]any{"channel": "C1", "text": "x"}
	s.Fail("chat.postMessage", Fault{RetryAfter: 1})
	api(t, s, "chat.postMessage", text) // by the fault
	api(t, s, "chat.postMessage", text) // because the fault wants to be waited for
	s.AddChannel("C2", "other")
	for range 4 { // three at once are allowed
		api(t, s, "chat.postMessage", map[string]any{"channel": "C2", "text": "x"})
	}
	var limited, refused []int
	for i, c := range s.Journal() {
		if c.Limited {
			limited = append(limited, i)
		}
		if c.Status == 429 {
			refused = append(refused, i)
		}
	}
	if !slices.Equal(limited, []int{5}) || !slices.Equal(refused, []int{0, 1, 5}) {
		t.Errorf("limited %v of the refused %v, want [5] of [0 1 5]", limited, refused)
	}
}
