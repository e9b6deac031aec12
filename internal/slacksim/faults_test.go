package slacksim

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestShapesOfRateLimits(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  Fault
		status int
		header string
	}{
		{"documented", Fault{Status: 429, RetryAfter: 7 * time.Second}, 429, "7"},
		{"without Retry-After", Fault{Status: 429, RetryAfter: 7 * time.Second, Shape: NoRetryAfter}, 429, ""},
		{"as ok false", Fault{Status: 429, Shape: OKFalse}, 200, ""},
		{"as ok false with Retry-After", Fault{RetryAfter: 1500 * time.Millisecond, Shape: OKFalse}, 200, "2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := workspace(t)
			s.Fail("chat.postMessage", test.fault)
			got := api(t, s, "chat.postMessage", map[string]any{"channel": "C1", "text": "x"})
			if got.Status != test.status || got.Header.Get("Retry-After") != test.header || got.str("error") != "ratelimited" || got.body["ok"] != false {
				t.Errorf("got %d %q %v", got.Status, got.Header.Get("Retry-After"), got.body)
			}
			if len(s.Messages("C1")) != 0 {
				t.Error("the message is there all the same")
			}
		})
	}
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		fault  Fault
		status int    // 0: no answer
		err    string // Slack's
		there  bool   // the message
	}{
		{"error", Fault{Error: "fatal_error"}, 200, "fatal_error", false},
		{"error with a status", Fault{Error: "internal_error", Status: 500}, 500, "internal_error", false},
		{"page of HTML", Fault{Status: 503}, 503, "", false},
		{"dropped", Fault{Drop: true}, 0, "", false},
		{"taken, then dropped", Fault{TakeThenDrop: true}, 0, "", true},
		{"delayed", Fault{Delay: 20 * time.Millisecond}, 200, "", true},
		{"for another channel", Fault{Error: "no", Match: func(args map[string]string) bool { return args["channel"] == "C2" }}, 200, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := workspace(t)
			s.Fail("chat.postMessage", test.fault)
			got, err := tryAPI(s, s.BotToken, "chat.postMessage", map[string]any{"channel": "C1", "text": "x"})
			if got.Status != test.status || got.str("error") != test.err || (err == nil) != (test.status != 0) {
				t.Errorf("got %d %v %v", got.Status, got.body, err)
			}
			if there := len(s.Messages("C1")) == 1; there != test.there {
				t.Errorf("the message is there: %v, want %v", there, test.there)
			}
			if call := s.Calls("chat.postMessage")[0]; call.Taken != test.there || call.Status != test.status {
				t.Errorf("the journal has %+v", call)
			}
		})
	}
}

func TestHangingCallsEndWithTheClientOrTheSimulator(t *testing.T) {
	s := workspace(t)
	s.Fail("chat.postMessage", Fault{TakeThenHang: true})
	s.Fail("chat.update", Fault{Hang: true})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	for _, method := range []string{"chat.postMessage", "chat.update"} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.APIURL()+method, strings.NewReader("channel=C1&text=x"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.BotToken)
		go func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			_, err := client.Do(req)
			done <- err
		}()
	}
	if _, err := s.WaitMessage(soon(t), func(m Message) bool { return m.Text == "x" }); err != nil {
		t.Fatal(err)
	}
	cancel()
	for range 2 {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

func TestFaultsWaitInLineUntilHealed(t *testing.T) {
	s := workspace(t)
	s.Fail("users.info", Fault{Error: "one"})
	s.Fail("users.info", Fault{Error: "two", Times: 2})
	s.Fail(anyMethod, Fault{Error: "any", Times: -1})
	for _, want := range []string{"one", "two", "two", "any", "any"} {
		if got := api(t, s, "users.info", map[string]any{"user": "U1"}).str("error"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	s.Heal()
	if got := api(t, s, "users.info", map[string]any{"user": "U1"}); got.body["ok"] != true {
		t.Errorf("after healing: %v", got.body)
	}
}
