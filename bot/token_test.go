package bot

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"importbot/internal/slacksim"
)

// check returns the problem of one of the checks.
func (w *world) check(name string) string {
	for _, c := range w.bot.Health().Checks(time.Now()) {
		if c.Name == name {
			return c.Problem
		}
	}
	w.t.Fatalf("there is no check %s", name)
	return ""
}

func TestBotOutlivesARevokedToken(t *testing.T) {
	say := func(w *world, channel string) error { // each of its own: Slack takes a message a second
		_, _, err := w.bot.Post(w.ctx(), Post{Channel: channel, Message: words("x")})
		return err
	}
	for name, tt := range map[string]struct {
		check, variable, code string
		revoke, restore       func(w *world)
	}{
		"bot token, idle": {"slack_web_api", VarBotToken, "token_revoked",
			func(w *world) { w.sim.RevokeBotToken() },
			func(w *world) { w.sim.RestoreBotToken() }},
		"bot token, on a post": {"slack_web_api", VarBotToken, "token_revoked",
			func(w *world) {
				w.sim.RevokeBotToken()
				if err := say(w, "C1"); !errors.Is(err, ErrAuth) {
					w.t.Errorf("got %v", err)
				}
			},
			func(w *world) { w.sim.RestoreBotToken() }},
		"scope taken away": {"slack_web_api", VarBotToken, "missing_scope",
			func(w *world) { w.sim.SetScopes("commands") },
			func(w *world) { w.sim.SetScopes("commands", "chat:write") }},
		"account inactive": {"slack_web_api", VarBotToken, "account_inactive",
			func(w *world) { w.sim.Fail(methodAuth, slacksim.Fault{Error: "account_inactive", Times: -1}) },
			func(w *world) { w.sim.Heal() }},
		"app token, sockets stand": {"slack_connections", VarAppToken, "token_revoked",
			func(w *world) { w.sim.RevokeAppToken() },
			func(w *world) { w.sim.RestoreAppToken() }},
		"app token, sockets cut": {"slack_connections", VarAppToken, "token_revoked",
			func(w *world) { w.sim.RevokeAppToken(); w.sim.CutSockets(0) },
			func(w *world) { w.sim.RestoreAppToken() }},
		"opening is refused": {"slack_connections", VarAppToken, "missing_scope",
			func(w *world) {
				w.sim.Fail(opens, slacksim.Fault{Error: "missing_scope", Times: -1})
				w.sim.CutSockets(0)
			},
			func(w *world) { w.sim.Heal() }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startMoved(t, echo, nil)
				w.sim.AddChannel("C2", "others")
				tt.revoke(w)
				w.wait("the refusal to show", func() bool {
					p := w.check(tt.check)
					return strings.Contains(p, tt.variable) && strings.Contains(p, tt.code)
				})
				if w.sim.Ready() > 0 { // a bot that can hear goes on answering
					w.expectsEcho("still there")
				}
				tt.restore(w)
				w.wait("readiness", func() bool { return len(problems(w.bot.Health(), time.Now())) == 0 && w.sim.Ready() == 2 })
				w.expectsEcho("back")
				if err := say(w, "C2"); err != nil {
					t.Error(err)
				}
				if n := w.logged("a token that worked before", "variable="+tt.variable); n != 1 {
					t.Errorf("the log says %d times that a token is refused, want once", n)
				}
				if w.logged("takes the token again") == 0 {
					t.Error("the log does not say that it is over")
				}
			})
		})
	}
}

// logged counts the lines of the log that hold all these words.
func (w *world) logged(words ...string) (n int) {
	for line := range strings.Lines(w.log.String()) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			n++
		}
	}
	return n
}

// RefusedFor counts from the first refusal, without a break.
func TestARefusalThatIsInterruptedBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startMoved(t, echo, nil)
		refused := func() bool { return w.bot.botToken.refusal() != nil }
		for range 3 {
			w.sim.RevokeBotToken()
			w.wait("the refusal", refused)
			w.waits(4 * time.Minute)
			w.sim.RestoreBotToken()
			w.wait("its end", func() bool { return !refused() })
		}
		w.sim.RevokeBotToken()
		w.wait("the refusal", refused)
		since := w.bot.botToken.refusal().Since
		w.checkFatal(w.ended(), VarBotToken, "token_revoked")
		if d := time.Since(since); d < 5*time.Minute || d > 5*time.Minute+15*time.Second {
			t.Errorf("ended %s after the refusal, want 5m", d)
		}
	})
}

// A Slack whose auth.test takes no app tokens says nothing about ours.
func TestAppTokenIsNotJudgedByAMethodThatNeverTookIt(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"ok":false,"error":"invalid_auth"}`)
	}))
	defer api.Close()
	w := newWorld(t, echo, func(c *Config) { c.APIURL = api.URL + "/api/" })
	t.Cleanup(w.bot.http.CloseIdleConnections)
	w.bot.appToken.works = true
	close(w.bot.ready)
	w.bot.keepAppToken(w.ctx()) // returns: it does not ask again
	if got := w.bot.appToken.refusal(); got != nil {
		t.Errorf("got %+v", got)
	}
}
