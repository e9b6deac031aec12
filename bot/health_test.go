package bot

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"importbot/internal/slacksim"
)

func TestChecksSayWhatIsWrong(t *testing.T) {
	now := time.Now()
	up := ConnectionHealth{Hello: now.Add(-time.Hour), LastRead: now.Add(-10 * time.Second)}
	deaf := ConnectionHealth{Hello: up.Hello, LastRead: now.Add(-50 * time.Second)}
	doubtful := ConnectionHealth{Hello: now.Add(-5 * time.Second), LastRead: now.Add(-5 * time.Second), Doubtful: true}
	of := func(connections ...ConnectionHealth) Health { return Health{Connections: connections, LastCall: now} }
	refused := func(variable string) Health {
		h := of(up)
		h.Refused = []Refusal{{Variable: variable, Code: "token_revoked", Advice: "Renew it.", Since: now.Add(-time.Minute)}}
		return h
	}
	for name, tt := range map[string]struct {
		health Health
		want   map[string]string // by check, a part of its problem
	}{
		"well":            {of(up, up), nil},
		"one is up":       {of(ConnectionHealth{}, up), nil},
		"one is deaf":     {of(deaf, up), nil},
		"one in doubt":    {of(doubtful, up), nil},
		"deaf":            {of(deaf), map[string]string{"slack_connections": "heard from for 50s"}},
		"all in doubt":    {of(doubtful, ConnectionHealth{}), map[string]string{"slack_connections": "heard from for 5s"}},
		"no hello":        {of(ConnectionHealth{LastRead: now, LastError: "refused"}), map[string]string{"slack_connections": "up: refused"}},
		"storm":           {of(up, ConnectionHealth{Failures: 4, LastError: "closed"}), map[string]string{"slack_reconnects": "connection 2 to Slack failed 4 times"}},
		"mute":            {Health{Connections: []ConnectionHealth{up}, LastCall: now.Add(-55 * time.Second)}, map[string]string{"slack_web_api": "for 55s"}},
		"one call lost":   {Health{Connections: []ConnectionHealth{up}, LastCall: now.Add(-42 * time.Second)}, nil},
		"never spoke":     {Health{Connections: []ConnectionHealth{up}}, map[string]string{"slack_web_api": "yet"}},
		"nothing at all":  {Health{}, map[string]string{"slack_connections": "is up", "slack_web_api": "yet"}},
		"stopping though": {Health{Connections: []ConnectionHealth{up}, LastCall: now, Draining: true}, map[string]string{"slack_connections": "stopping"}},
		"bot token":       {refused(VarBotToken), map[string]string{"slack_web_api": VarBotToken + " (token_revoked) for 1m0s. Renew it."}},
		"app token":       {refused(VarAppToken), map[string]string{"slack_connections": VarAppToken + " (token_revoked) for 1m0s. Renew it."}},
	} {
		var names []string
		for _, c := range tt.health.Checks(now) {
			names = append(names, c.Name)
			if want := tt.want[c.Name]; (c.Problem == "") != (want == "") || !strings.Contains(c.Problem, want) {
				t.Errorf("%s: %s: %q, want %q", name, c.Name, c.Problem, want)
			}
		}
		if !slices.Equal(names, []string{"slack_connections", "slack_reconnects", "slack_web_api"}) {
			t.Errorf("%s: the checks are %q", name, names)
		}
	}
}

// Whatever breaks shows within a minute, and what is mended shows as well.
func TestBrokenShowsWithinAMinuteAndMendedToo(t *testing.T) {
	fail := func(f slacksim.Fault) func(*world) {
		return func(w *world) { f.Times = -1; w.sim.Fail("*", f) }
	}
	heal := func(w *world) { w.sim.Heal() }
	for name, tt := range map[string]struct {
		check        string
		breaks, mend func(*world)
	}{
		"bot token revoked": {"slack_web_api", func(w *world) { w.sim.RevokeBotToken() }, func(w *world) { w.sim.RestoreBotToken() }},
		"app token revoked": {"slack_connections", func(w *world) { w.sim.RevokeAppToken() }, func(w *world) { w.sim.RestoreAppToken() }},
		"half open":         {"slack_connections", func(w *world) { w.sim.HalfOpen(0) }, func(*world) {}},
		"half open, new ones too": {"slack_connections",
			func(w *world) { w.sim.HalfOpen(0); w.sim.HalfOpenAfterHello(-1) },
			func(w *world) { w.sim.HalfOpenAfterHello(0) }},
		"no pings":         {"slack_connections", func(w *world) { w.sim.StopPings() }, func(w *world) { w.sim.ResumePings() }},
		"Web API says 503": {"slack_web_api", fail(slacksim.Fault{Status: 503}), heal},
		"Web API says 429": {"slack_web_api", fail(slacksim.Fault{RetryAfter: 20 * time.Second}), heal},
		"Web API hangs":    {"slack_web_api", fail(slacksim.Fault{Hang: true}), heal},
		"sockets refused": {"slack_connections",
			func(w *world) { w.sim.Fail(opens, slacksim.Fault{Status: 503, Times: -1}); w.sim.CutSockets(0) }, heal},
		"storm": {"slack_reconnects",
			func(w *world) { w.sim.DisconnectAfterHello(slacksim.TooManyWebsockets, -1); w.sim.CutSockets(0) },
			func(w *world) { w.sim.DisconnectAfterHello("", 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startMoved(t, echo, nil)
				tt.breaks(w)
				w.within(time.Minute, "it to show", func() bool { return w.check(tt.check) != "" })
				tt.mend(w)
				w.within(time.Minute, "readiness", func() bool { return len(problems(w.bot.Health(), time.Now())) == 0 })
			})
		})
	}
}

// What belongs to a good day.
func TestReadyAllAlong(t *testing.T) {
	for name, happens := range map[string]func(w *world){
		"one connection is refreshed": func(w *world) { w.sim.Disconnect(slacksim.RefreshRequested, 1) },
		"one connection is cut":       func(w *world) { w.sim.CutSockets(1) },
		"one connection is half open": func(w *world) { w.sim.HalfOpen(1) },
		"auth.test is lost once":      func(w *world) { w.sim.Fail(methodAuth, slacksim.Fault{Hang: true}) },
		"auth.test fails once":        func(w *world) { w.sim.Fail(methodAuth, slacksim.Fault{Status: 503}) },
		"posting has to wait": func(w *world) {
			w.sim.Fail(methodPost, slacksim.Fault{RetryAfter: time.Hour})
			if _, _, err := w.bot.Post(w.ctx(), Post{Channel: "C1", Message: words("x")}); err == nil {
				w.t.Error("it was posted")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startMoved(t, echo, nil)
				happens(w)
				begin := time.Now()
				w.wait("five minutes to pass", func() bool {
					if found := problems(w.bot.Health(), time.Now()); len(found) > 0 {
						t.Fatalf("not ready after %s: %s", time.Since(begin), found)
					}
					return time.Since(begin) > 5*time.Minute
				})
			})
		})
	}
}

// A connection that lasted a while is no part of the storm before it.
func TestStormIsOverWhenAConnectionStands(t *testing.T) {
	l := &link{failures: 9, socket: &socket{}, hello: time.Now().Add(-16 * time.Second)}
	if got := l.health(15 * time.Second).Failures; got != 0 {
		t.Errorf("%d failures after 16 s", got)
	}
	l.hello = time.Now().Add(-14 * time.Second)
	if got := l.health(15 * time.Second).Failures; got != 9 {
		t.Errorf("%d failures after 14 s, want 9", got)
	}
}
