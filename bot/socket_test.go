package bot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"importbot/internal/slacksim"
)

const opens = "apps.connections.open"

func TestReadyAndHealthy(t *testing.T) {
	w := newWorld(t, echo, nil)
	if got := problems(w.bot.Health(), time.Now()); len(got) != 2 {
		t.Errorf("before Run: %q", got)
	}
	w.run()
	<-w.bot.Ready()
	w.wait("health", func() bool {
		h := w.bot.Health()
		return len(problems(h, time.Now())) == 0 && !h.Connections[0].Hello.IsZero() && !h.Connections[1].Hello.IsZero()
	})
	for _, c := range w.bot.Health().Connections {
		if c.Hello.IsZero() || time.Since(c.LastRead) > time.Minute || c.Reconnects != 0 {
			t.Errorf("got %+v", c)
		}
	}
	id := w.bot.Identity()
	if id.TeamID != w.sim.TeamID || id.TeamURL != w.sim.TeamURL || id.UserID != w.sim.BotUserID || !slices.Contains(id.Scopes, "chat:write") {
		t.Errorf("got %+v", id)
	}
	if err := w.bot.Run(t.Context()); err == nil {
		t.Error("Run ran twice")
	}
}

// While Slack refreshes one connection, the other takes what comes.
func TestNothingIsLostWhileAConnectionIsReplaced(t *testing.T) {
	for _, reason := range []string{slacksim.Warning, slacksim.RefreshRequested, slacksim.LinkDisabled, slacksim.TooManyWebsockets} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			w := start(t, echo, nil)
			var people sync.WaitGroup
			enough := make(chan struct{})
			for person := range 4 {
				people.Go(func() {
					for i := 0; !closed(enough); i++ {
						w.expectsEcho(fmt.Sprintf("%d of %d.", i, person))
					}
				})
			}
			for n := range 5 {
				w.sim.Disconnect(reason, 1)
				w.wait("the replacement", func() bool { return len(w.sim.Calls(opens)) == 3+n && w.sim.Ready() == 2 })
			}
			close(enough)
			people.Wait()
		})
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// expectsEcho types a command and fails the test if it is not acked or not
// answered. Unlike types it may run in any goroutine.
func (w *world) expectsEcho(text string) {
	ctx, cancel := context.WithTimeout(w.t.Context(), w.patience)
	defer cancel()
	inv, err := w.sim.Command(ctx, slacksim.Typed{UserID: "U1", ChannelID: "C1", Command: "/import", Text: text})
	if err != nil {
		w.t.Error(err)
		return
	}
	if _, err := inv.WaitAnswer(ctx, func(m slacksim.Message) bool { return m.Text == "echo "+text }); err != nil {
		w.t.Error(err)
	}
}

func TestCutConnectionsComeBack(t *testing.T) {
	w := start(t, echo, nil)
	w.sim.CutSockets(0)
	w.wait("the cut to be noticed", func() bool { return len(w.sim.Calls(opens)) == 4 && w.sim.Ready() == 2 })
	w.types("again")
	for _, c := range w.bot.Health().Connections {
		if c.Reconnects != 1 || c.LastError == "" {
			t.Errorf("got %+v", c)
		}
	}
}

func TestHalfOpenConnectionsAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startMoved(t, echo, func(c *Config) { c.Silence = 250 * time.Millisecond }, slacksim.WithPings(50*time.Millisecond))
		w.sim.HalfOpen(1)
		w.wait("the dead one to be replaced", func() bool { return w.sim.Ready() == 2 })
		w.types("one")
		w.types("two")
		if n := len(w.sim.Calls(opens)); n != 3 {
			t.Errorf("%d opens, want 3: the one that lives has to stay", n)
		}
		if !strings.Contains(w.log.String(), errSilent.Error()) {
			t.Error("the log does not say why")
		}
	})
}

func TestSilentConnectionsAreReplacedEvenIfTheyStand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startMoved(t, echo, func(c *Config) { c.Connections, c.Silence = 1, 100*time.Millisecond }, slacksim.WithPings(20*time.Millisecond))
		w.sim.StopPings()
		w.wait("another connection", func() bool { return len(w.sim.Calls(opens)) > 1 })
		w.sim.ResumePings()
		w.wait("it to stand", func() bool { return w.sim.Ready() == 1 })
		w.types("still there")
	})
}

// A Slack that closes each connection straight after its hello is asked for at
// most 30 in a minute: the sockets too, not the schedule alone (TestNoStormWhateverSlackDoes).
func TestNoStormOverConnections(t *testing.T) {
	for _, reason := range []string{slacksim.TooManyWebsockets, slacksim.LinkDisabled, slacksim.RefreshRequested} {
		t.Run(reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := moved(t, echo, nil)
				w.sim.DisconnectAfterHello(reason, -1)
				w.run()
				w.waits(time.Minute)
				if n := len(w.sim.Calls(opens)); n > 30 || n < 6 {
					t.Errorf("%d opens in the first minute, want 6 to 30", n)
				}
				if got := problems(w.bot.Health(), time.Now()); len(got) == 0 {
					t.Error("the bot thinks it is well")
				}
				w.sim.DisconnectAfterHello(reason, 0)
				w.wait("both connections", func() bool { return w.sim.Ready() == 2 })
				w.types("well again")
			})
		})
	}
}

func TestRefusedTokensEndRun(t *testing.T) {
	codes := []string{"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type", "missing_scope"}
	for _, tt := range []struct{ method, variable string }{{"auth.test", VarBotToken}, {opens, VarAppToken}} {
		for _, code := range codes {
			t.Run(tt.variable+" "+code, func(t *testing.T) {
				w := newWorld(t, echo, nil)
				w.sim.Fail(tt.method, slacksim.Fault{Error: code, Times: -1})
				w.checkFatal(w.bot.Run(w.ctx()), tt.variable, code)
			})
		}
	}
	for name, tt := range map[string]struct {
		change   func(*Config)
		variable string
		code     string
	}{
		"wrong bot token": {func(c *Config) { c.BotToken = "xoxb-wrong" }, VarBotToken, "invalid_auth"},
		"wrong app token": {func(c *Config) { c.AppToken = "xapp-wrong" }, VarAppToken, "invalid_auth"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, echo, tt.change)
			w.checkFatal(w.bot.Run(w.ctx()), tt.variable, tt.code)
		})
	}
}

func (w *world) checkFatal(err error, variable, code string) {
	w.t.Helper()
	var fatal *FatalError
	if !errors.As(err, &fatal) || fatal.Variable != variable || fatal.Code != code || !strings.Contains(err.Error(), variable) {
		w.t.Errorf("Run returned %v, want that %s is refused with %s", err, variable, code)
	}
}

// A token that worked and is refused for good ends Run, though not at once.
func TestTokensRevokedLaterEndRun(t *testing.T) {
	for name, tt := range map[string]struct {
		revoke         func(w *world)
		variable, code string
		says           string
	}{
		"bot token, idle": {revoke: func(w *world) { w.sim.RevokeBotToken() }, variable: VarBotToken, code: "token_revoked"},
		"bot token, on a post": {revoke: func(w *world) {
			w.sim.RevokeBotToken()
			if _, _, err := w.bot.Post(w.ctx(), Post{Channel: "C1", Message: words("x")}); !errors.Is(err, ErrAuth) || MaybeTaken(err) {
				w.t.Errorf("Post: %v, want ErrAuth", err)
			}
		}, variable: VarBotToken, code: "token_revoked"},
		"scope to speak taken away": {revoke: func(w *world) {
			w.sim.SetScopes("commands")
			if _, _, err := w.bot.Post(w.ctx(), Post{Channel: "C1", Message: words("x")}); !errors.Is(err, ErrNoScope) {
				w.t.Errorf("Post: %v, want ErrNoScope", err)
			}
		}, variable: VarBotToken, code: "missing_scope", says: "chat:write"},
		"app token": {revoke: func(w *world) {
			w.sim.RevokeAppToken()
			w.types("goes on while the connections stand")
			w.sim.CutSockets(1)
		}, variable: VarAppToken, code: "token_revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startMoved(t, echo, nil)
				begin := time.Now()
				tt.revoke(w)
				err := w.ended()
				w.checkFatal(err, tt.variable, tt.code)
				if !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%v does not name the scope", err)
				}
				if took := time.Since(begin); took < 5*time.Minute || took > 6*time.Minute {
					t.Errorf("it ended after %s, want 5 minutes", took)
				}
			})
		})
	}
}

func TestBotWithoutTheScopeToSpeakDoesNotStart(t *testing.T) {
	w := newWorld(t, echo, nil, slacksim.WithScopes("commands"))
	w.checkFatal(w.bot.Run(w.ctx()), VarBotToken, "missing_scope")
}

func TestWrongAddressEndsRun(t *testing.T) {
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	w := newWorld(t, echo, func(c *Config) { c.APIURL = elsewhere.URL + "/nowhere/" })
	err := w.bot.Run(w.ctx())
	w.checkFatal(err, VarAPIURL, "404")
}

// A Web API that is down at start makes the bot neither deaf nor end.
func TestSlackDownAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := moved(t, echo, nil)
		w.sim.Fail("auth.test", slacksim.Fault{Status: 503, Times: -1})
		w.sim.Fail(opens, slacksim.Fault{Drop: true, Times: 2})
		w.run()
		w.wait("both connections", func() bool { return w.sim.Ready() == 2 })
		if inv := w.types("raw"); !strings.Contains(string(inv.AckPayload()), "only just started") {
			t.Errorf("answered %s", inv.AckPayload())
		}
		w.sim.Heal()
		w.wait("auth.test", func() bool { return w.bot.Identity().TeamID != "" })
		w.types("now")
		w.reads("echo now")
	})
}

func TestRetryAfterOfOpenIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := moved(t, echo, nil)
		w.sim.Fail(opens, slacksim.Fault{RetryAfter: 40 * time.Second})
		begin := time.Now()
		w.run()
		w.wait("both connections", func() bool { return w.sim.Ready() == 2 })
		if d := time.Since(begin); d < 40*time.Second {
			t.Errorf("connected after %s, before Retry-After had passed", d)
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{BotToken: "xoxb-1", AppToken: "xapp-1", Command: "/import"}
	for name, tt := range map[string]struct {
		change  func(*Config)
		handler Handler
		want    string
	}{
		"good":              {func(*Config) {}, echo, ""},
		"no handler":        {func(*Config) {}, nil, "handler"},
		"no command":        {func(c *Config) { c.Command = "" }, echo, "slash"},
		"bare command":      {func(c *Config) { c.Command = "import" }, echo, "slash"},
		"eleven":            {func(c *Config) { c.Connections = 11 }, echo, "1 to 10"},
		"no bot token":      {func(c *Config) { c.BotToken = "" }, echo, VarBotToken},
		"a user's token":    {func(c *Config) { c.BotToken = "xoxp-1" }, echo, VarBotToken},
		"swapped":           {func(c *Config) { c.BotToken, c.AppToken = c.AppToken, c.BotToken }, echo, VarBotToken},
		"no app token":      {func(c *Config) { c.AppToken = "" }, echo, VarAppToken},
		"API without slash": {func(c *Config) { c.APIURL = "https://slack.com/api" }, echo, VarAPIURL},
	} {
		cfg := good
		tt.change(&cfg)
		_, err := New(cfg, tt.handler)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// hanging acks, and goes on until it is stopped.
func hanging(ctx context.Context, r *Request) error {
	r.Ack()
	<-ctx.Done()
	return r.Answer(context.WithoutCancel(ctx), words("done"))
}

// latencies types n commands, so many a second, and returns how long each
// waited for its ack, shortest first.
func (w *world) latencies(n, perSecond int) []time.Duration {
	w.t.Helper()
	var mu sync.Mutex
	var people sync.WaitGroup
	var all []time.Duration
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for i := range n {
		<-tick.C
		people.Go(func() {
			inv, err := w.sim.Command(w.t.Context(), slacksim.Typed{UserID: "U1", ChannelID: "C1", Command: "/import", Text: fmt.Sprint(i)})
			if err != nil {
				w.t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, inv.AckLatency())
		})
	}
	people.Wait()
	slices.Sort(all)
	return all
}

// How long it takes in life is printed by BenchmarkEnvelopeToAck.
func TestAcksDoNotWaitForHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startMoved(t, hanging, nil)
		all := w.latencies(500, 500)
		if len(all) != 500 {
			t.Fatalf("%d of 500 commands were acked", len(all))
		}
		if longest := all[len(all)-1]; longest > 0 {
			t.Errorf("an ack waited %s for something", longest)
		}
	})
}
