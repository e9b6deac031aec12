package bot

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"importbot/internal/slacksim"
)

// set returns t as it would be if somebody had put the wall clock forward by d;
// the monotonic clock is left as it is. Nothing in package time does that: Add
// moves both, so the monotonic reading is moved back behind its back.
func set(t testing.TB, at time.Time, d time.Duration) time.Time {
	changed := at.Add(d)
	ext := (*int64)(unsafe.Add(unsafe.Pointer(&changed), unsafe.Sizeof(uint64(0)))) // the second of its fields
	*ext -= int64(d)
	if changed.Sub(at) != 0 || changed.Round(0).Sub(at.Round(0)) != d {
		t.Fatal("a time.Time is made in another way than this test knows")
	}
	return changed
}

// wallClock can be set while a bot runs by it.
type wallClock struct {
	t     testing.TB
	ahead atomic.Int64
}

func (c *wallClock) now() time.Time { return set(c.t, time.Now(), time.Duration(c.ahead.Load())) }

func (c *wallClock) put(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

// clocked is a bot whose clock can be set, once it is ready.
func clocked(t *testing.T, change func(*Config), options ...slacksim.Option) (*world, *wallClock) {
	t.Helper()
	clock := &wallClock{t: t}
	w := newWorld(t, echo, change, options...)
	w.bot.now = clock.now
	w.run()
	w.wait("readiness", func() bool {
		return w.sim.Ready() == w.bot.cfg.Connections && len(problems(w.bot.Health(), clock.now())) == 0
	})
	return w, clock
}

func TestDeadlinesAreReadOffBothClocks(t *testing.T) {
	now := time.Now()
	for name, tt := range map[string]struct {
		deadline time.Time
		want     bool
	}{
		"to come":                        {now.Add(time.Second), false},
		"past":                           {now.Add(-time.Second), true},
		"past, by the wall clock":        {now.Add(-time.Second).Round(0), true},
		"now":                            {now, true},
		"to come, by the wall clock too": {now.Add(time.Second).Round(0), false},
	} {
		if got := isPast(tt.deadline, now); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTimePassesByTheClockThatSaysMore(t *testing.T) {
	now := time.Now()
	for name, tt := range map[string]struct {
		then time.Time
		want time.Duration
	}{
		"nothing happened":           {now.Add(-time.Minute), time.Minute},
		"the machine slept":          {set(t, now.Add(-time.Second), -time.Hour), time.Hour + time.Second},
		"the clock was put forward":  {set(t, now, -time.Hour), time.Hour},
		"the clock was put back":     {set(t, now.Add(-time.Minute), time.Hour), time.Minute},
		"no monotonic reading":       {now.Add(-time.Minute).Round(0), time.Minute},
		"put back and no such thing": {now.Add(time.Minute).Round(0), -time.Minute},
	} {
		if got := passed(tt.then, now); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestMomentNeverGoesBack(t *testing.T) {
	var m moment
	if !m.get().IsZero() {
		t.Errorf("began at %s", m.get())
	}
	now := time.Now()
	later := set(t, now.Add(time.Second), -time.Hour) // it is later, though the clock was put back
	for _, at := range []time.Time{now, later, now} {
		m.advance(at)
	}
	if got := m.get(); got != later {
		t.Errorf("at %s, want %s", got, later)
	}
}

func TestPulseCountsStandstills(t *testing.T) {
	begin := time.Now()
	for name, tt := range map[string]struct {
		looks []time.Time
		want  int
	}{
		"it runs":                       {[]time.Time{begin.Add(time.Second), begin.Add(2 * time.Second), begin.Add(5 * time.Second)}, 0},
		"it was stopped":                {[]time.Time{begin.Add(4 * time.Second), begin.Add(5 * time.Second)}, 1},
		"its machine slept":             {[]time.Time{set(t, begin.Add(time.Second), time.Hour), set(t, begin.Add(2*time.Second), time.Hour)}, 1},
		"twice":                         {[]time.Time{begin.Add(time.Minute), set(t, begin.Add(time.Minute), time.Minute)}, 2},
		"the clock was put back":        {[]time.Time{set(t, begin.Add(time.Second), -time.Hour), set(t, begin.Add(2*time.Second), -time.Hour)}, 0},
		"it was stopped, and put back":  {[]time.Time{set(t, begin.Add(time.Minute), -time.Hour)}, 1},
		"put forward, and back again":   {[]time.Time{set(t, begin.Add(time.Second), time.Hour), begin.Add(2 * time.Second)}, 1},
		"a second back after the sleep": {[]time.Time{set(t, begin, time.Hour), set(t, begin.Add(time.Second), time.Hour-time.Second)}, 1},
	} {
		var told, got int
		now := begin
		p := pulse{now: func() time.Time { return now }, broke: func(time.Duration) { told++ }, last: begin}
		for _, now = range tt.looks {
			got = p.look()
		}
		if got != tt.want || told != tt.want {
			t.Errorf("%s: stood still %d times and told of %d, want %d", name, got, told, tt.want)
		}
	}
}

// A clock that jumps is taken for a standstill. What is opened after that is
// listened to, whatever the clock says by then.
func TestHearsThoughTheClockIsSet(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]time.Duration{
		"put forward, and it stays so":  time.Hour,
		"put forward, and corrected":    0,
		"set back a second after sleep": time.Hour - time.Second,
		"put forward, and far back":     -time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, clock := clocked(t, nil)
			clock.put(time.Hour)
			w.wait("the connections to be replaced", func() bool { return len(w.sim.Calls(opens)) >= 4 && w.sim.Ready() == 2 })
			clock.put(then)
			w.sim.CutSockets(0)
			w.wait("new connections", func() bool { return len(w.sim.Calls(opens)) >= 6 && w.sim.Ready() == 2 })
			for _, text := range []string{"one", "two", "three"} {
				if got := len(w.types(text).Envelopes()); got != 1 {
					t.Errorf("%s had to be sent %d times", text, got)
				}
				w.reads("echo " + text)
			}
			w.wait("readiness", func() bool { return len(problems(w.bot.Health(), clock.now())) == 0 })
		})
	}
}

// The process can be found to have stood still by a socket that was opened
// before that, and was not replaced: it does not stay.
func TestSocketFromBeforeAStandstillEnds(t *testing.T) {
	seen, watch := watching()
	w := start(t, echo, watch)
	w.bot.pulse.mu.Lock()
	w.bot.pulse.breaks++ // and nobody was told
	w.bot.pulse.mu.Unlock()
	w.types("raw")
	w.reads("echo raw")
	if seen.count("left late") == 0 || seen.count("disconnected frozen") == 0 {
		t.Errorf("saw %s", seen)
	}
}

// twentieth makes all times a twentieth of the real ones: a clock that is set can't be
// had in a bubble, where times hold no monotonic reading.
func twentieth(c *Config) {
	c.Stagger, c.BackoffMin, c.BackoffMax = 5*time.Second/20, time.Second/20, 30*time.Second/20
	c.Stable, c.Silence = time.Minute/20, 45*time.Second/20
	c.HTTPTimeout, c.CheckEvery = 10*time.Second/20, 30*time.Second/20
	c.RefusedFor = time.Hour
}

// However the clock was put back, what breaks after that shows soon, and not an hour later.
func TestBrokenShowsThoughTheClockWasPutBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		check  string
		breaks func(*slacksim.Sim)
	}{
		"bot token revoked": {"slack_web_api", (*slacksim.Sim).RevokeBotToken},
		"app token revoked": {"slack_connections", (*slacksim.Sim).RevokeAppToken},
		"half open":         {"slack_connections", func(s *slacksim.Sim) { s.HalfOpenAfterHello(-1); s.HalfOpen(0) }},
		"Web API says 503":  {"slack_web_api", func(s *slacksim.Sim) { s.Fail("*", slacksim.Fault{Status: 503, Times: -1}) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, clock := clocked(t, twentieth, slacksim.WithPings(10*time.Second/20))
			tt.breaks(w.sim)
			clock.put(-time.Hour)
			w.wait(tt.check, func() bool {
				for _, c := range w.bot.Health().Checks(clock.now()) {
					if c.Name == tt.check && c.Problem != "" {
						return true
					}
				}
				return false
			})
		})
	}
}

// Where every connection is half-open it is replaced, though the clock was put
// back after the last byte was read.
func TestSilenceIsNoticedThoughTheClockWasPutBack(t *testing.T) {
	t.Parallel()
	seen, watch := watching()
	w, clock := clocked(t, func(c *Config) { twentieth(c); watch(c) }, slacksim.WithPings(10*time.Second/20))
	w.sim.HalfOpen(0)
	clock.put(-time.Hour)
	w.wait("the connections to be replaced", func() bool { return seen.count("disconnected silent") == 2 && w.sim.Ready() == 2 })
}

// A clock that is put forward makes the last call look old. It is made again, so
// that the bot is not unready for as long as calls are apart.
func TestReadyAgainSoonAfterTheClockWasPutForward(t *testing.T) {
	t.Parallel()
	w, clock := clocked(t, nil)
	calls := len(w.sim.Calls(methodAuth))
	clock.put(time.Hour)
	w.wait("it to be asked who it is", func() bool { return len(w.sim.Calls(methodAuth)) > calls })
	w.wait("readiness", func() bool { return len(problems(w.bot.Health(), clock.now())) == 0 })
}

// What a person waits for while the clock is put forward is not answered in
// silence: the handler's time is over, and the person is told so.
func TestPersonIsToldThoughTheClockIsSet(t *testing.T) {
	t.Parallel()
	clock := &wallClock{t: t}
	begun := make(chan struct{})
	w := newWorld(t, func(ctx context.Context, r *Request) error {
		r.Ack()
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}, nil)
	w.bot.now = clock.now
	w.run()
	w.wait("all connections", func() bool { return w.sim.Ready() == 2 })
	inv, err := w.sim.Type(slacksim.Typed{UserID: "U1", ChannelID: "C1", Command: "/import", Text: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := inv.Wait(w.ctx()); err != nil {
		t.Fatal(err)
	}
	clock.put(time.Hour)
	w.reads("Something went wrong on my side")
}
