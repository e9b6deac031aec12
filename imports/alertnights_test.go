package imports

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

// On the nights on which clocks are changed the nightly comes 23 or 25 hours after the one before, by the server's times,
// which are in UTC. Nobody is woken for that; and who would be on another night, is on these.
func TestAlertsWhenClocksAreChanged(t *testing.T) {
	t.Parallel()
	type change struct {
		zone string
		day  time.Time // the noon two days before
	}
	changes := []change{
		{"Europe/Berlin", time.Date(2026, 3, 27, 11, 0, 0, 0, time.UTC)},
		{"Europe/Berlin", time.Date(2026, 10, 23, 10, 0, 0, 0, time.UTC)},
		{"America/New_York", time.Date(2026, 3, 6, 17, 0, 0, 0, time.UTC)},
		{"America/New_York", time.Date(2026, 10, 30, 16, 0, 0, 0, time.UTC)},
		{"Australia/Lord_Howe", time.Date(2026, 4, 3, 1, 0, 0, 0, time.UTC)}, // by half an hour
	}
	if underRace || testing.Short() {
		changes = changes[:2]
	}
	for _, change := range changes {
		for _, hour := range []string{"00:00", "02:30"} {
			for _, row := range []struct{ name, story, want string }{
				{"all is well", "usual 120h", ""},
				{"nothing is known yet", "120h", ""},
				{"weekdays only", "usual weekdays 168h", ""},
				{"the import of the changed night does not run", "usual 28h dead 25h alive 48h", "missed stale"},
				{"nor the one after", "usual 53h dead 23h alive 48h", "missed stale"},
			} {
				t.Run(fmt.Sprint(change.zone, change.day.Format(" 01-02 "), hour, " ", row.name), func(t *testing.T) {
					t.Parallel()
					zone, err := time.LoadLocation(change.zone)
					if err != nil {
						t.Fatal(err)
					}
					n := newNight(change.day, zone)
					n.idle, n.desk.rules.PollIdle = 2*time.Minute, 2*time.Minute
					n.tell(t, "move="+hour+" "+row.story)
					if got := n.kinds(); got != row.want {
						t.Errorf("%s: got %q, want %q", row.story, n, row.want)
					}
					if open := n.desk.srv.Open(); len(open) > 0 {
						t.Errorf("not over: %v", open)
					}
				})
			}
		}
	}
}

// kinds are the kinds of all alerts, in the order in which they were raised.
func (n *night) kinds() string {
	var kinds []string
	for _, a := range n.desk.srv.Alerts {
		kinds = append(kinds, string(a.Kind))
	}
	return strings.Join(kinds, " ")
}

// What each kind of alert says of itself: since when, and what about.
func TestAlertSays(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ story, want string }{
		{"usual stale=off fail=12m 36h30m", "failed:prod:import 1 about import 1 since 00:12:00 success 00:42:00"},
		{"usual stale=off fail=12m 40h", "failed:prod:import 1 about import 1 since 00:12:00 ended by import 2 success 00:42:00"},
		{"usual dead @00:20", "missed:prod:1772496000 since 00:00:00 due 00:00:00 complete success 00:42:00"},
		{"usual dead missed=off 20h", "stale:prod:1772412120 since 03:26:00 limit 26h44m0s success 00:42:00"},
		{"usual dead missed=off 20h complete 1h", "stale:prod:1772412120 since 03:26:00 ended by import 1 limit 26h44m0s success 00:42:00"},
		{"usual rest=50/50m 13h15m", "stalled:prod:import 1:1772497350 about import 1 since 00:22:30 limit 45m0s at 50 % success 00:42:00"},
		{"usual stall=off next=3h 14h", "overrun:prod:import 1 about import 1 since 01:24:00 limit 1h24m0s usually 40m0s–42m0s–44m0s success 00:42:00"},
		{"usual next=5m 13h", "brief:prod:import 1 about import 1 since 00:05:00 limit 13m20s usually 40m0s–42m0s–44m0s success 00:05:00"},
		{"usual 1m x=30m", "unreachable:prod:1772452920 since 12:02:00 limit 15m0s: unavailable success 00:42:00"},
		{"usual 1m 401=30m", "credentials:prod:1772452920 since 12:02:00: unauthorized 401 success 00:42:00"},
		{"off pending 25h", "pending:prod:1772452860 since 12:01:00 limit 24h0m0s success 00:42:00"},
		{"off pending 25h complete 1h", "pending:prod:1772452860 since 12:01:00 ended by import 1 limit 24h0m0s success 00:42:00"},
	} {
		n := newNight(firstNoon, time.UTC)
		n.tell(t, row.story)
		if len(n.desk.srv.Alerts) != 1 {
			t.Errorf("%s: %s", row.story, n)
			continue
		}
		if got := says(n.desk.srv.Alerts[0]); got != row.want {
			t.Errorf("%s\ngot  %s\nwant %s", row.story, got, row.want)
		}
	}
}

// says is an alert in words.
func says(a Alert) string {
	var out strings.Builder
	out.WriteString(a.ID)
	add := func(known bool, format string, args ...any) {
		if known {
			fmt.Fprintf(&out, format, args...)
		}
	}
	add(a.ImportID != "", " about %s", a.ImportID)
	add(true, " since %s", a.Since.Format(time.TimeOnly))
	add(a.EndedBy != "", " ended by %s", a.EndedBy)
	add(!a.Due.IsZero(), " due %s %s", a.Due.Format(time.TimeOnly), a.DueType)
	add(a.Limit > 0, " limit %s", a.Limit)
	if a.Usual != nil {
		add(true, " usually %s–%s–%s", a.Usual.Low, a.Usual.Median, a.Usual.High)
	}
	if a.Progress != nil {
		add(true, " at %d %%", *a.Progress)
	}
	if f := a.Failure; f != nil {
		add(true, ": %s", f.Kind)
		add(f.HTTP > 0, " %d", f.HTTP)
	}
	add(true, " success %s", a.Success.Format(time.TimeOnly))
	return out.String()
}

// chronicle checks with each look what must hold of alerts whatever happens, and counts.
type chronicle struct {
	*night
	t       *testing.T
	rng     *rand.Rand
	lost    int // looks
	looks   int
	raised  map[AlertKind][]time.Time // oldest first
	first   []string
	ended   int
	already map[string]bool // IDs
}

func newChronicle(t *testing.T, seed uint64, opts ...bigfixtest.Option) *chronicle {
	c := &chronicle{t: t, rng: rand.New(rand.NewPCG(seed, 0xa1e)), raised: map[AlertKind][]time.Time{}, already: map[string]bool{}}
	c.night = newNight(firstNoon, time.UTC, append(opts, bigfixtest.WithSeed(seed))...)
	before := c.desk.srv.Alerts
	c.seen = func(o Observation) {
		c.compare(before, c.desk.srv.Alerts, o)
		before = c.desk.srv.Alerts
	}
	return c
}

// compare looks at what one look did.
func (c *chronicle) compare(before, after []Alert, o Observation) {
	c.looks++
	if o.Status == nil {
		c.lost++
	}
	open := map[AlertKind]int{}
	for _, a := range after {
		i := slices.IndexFunc(before, func(b Alert) bool { return b.ID == a.ID })
		switch {
		case i < 0 && c.already[a.ID]:
			c.t.Errorf("raised twice: %s", a.ID)
		case i < 0:
			c.raise(a, a.RaisedAt)
		case !before[i].Open() && a.Open():
			if a.Reopened != before[i].Reopened+1 || !a.RaisedAt.Equal(before[i].RaisedAt) {
				c.t.Errorf("open again, and not the same: %+v, before %+v", a, before[i])
			}
			c.raise(a, a.ReopenedAt)
		case before[i].Open() && !a.Open():
			c.ended++
			if o.Status == nil {
				c.t.Errorf("a look that failed ended %s", a.ID)
			}
		}
		if a.Open() {
			open[a.Kind]++
		}
	}
	for kind, n := range open {
		if n > 1 && watchings[kind].single {
			c.t.Errorf("%d alerts at once: %s", n, kind)
		}
	}
	if len(after) > alertsKept {
		c.t.Errorf("%d alerts are kept", len(after))
	}
}

// raise notes an alert, and checks that it did not come too soon after others of its kind.
func (c *chronicle) raise(a Alert, at time.Time) {
	c.already[a.ID] = true
	lately := 0
	for _, b := range c.raised[a.Kind] {
		if at.Sub(b) < flapping {
			lately++
		}
	}
	if lasted, least := at.Sub(a.Since), longer(standardAfter, lately); a.Kind == AlertUnreachable && lasted < least {
		c.t.Errorf("unreachable after %s, the %d. time in a day", lasted, lately+1)
	}
	if lasted, least := at.Sub(a.Since), longer(stallFloor, lately); a.Kind == AlertStalled && lasted < least {
		c.t.Errorf("stalled after %s, the %d. time in a day", lasted, lately+1)
	}
	if a.Times != lately+1 {
		c.t.Errorf("%s is the %d. time in a day, and says %d", a.ID, lately+1, a.Times)
	}
	c.raised[a.Kind] = append(c.raised[a.Kind], at)
	if len(c.first) < 5 {
		c.first = append(c.first, fmt.Sprintf("%s %s", c.now.Format(time.DateTime), a.ID))
	}
}

func (c *chronicle) count() (n int) {
	for _, times := range c.raised {
		n += len(times)
	}
	return n
}

func (c *chronicle) chance(p float64) bool { return c.rng.Float64() < p }

func (c *chronicle) between(low, high time.Duration) time.Duration {
	return low + time.Duration(c.rng.Int64N(int64(high-low)))
}

// A year on an ordinary server: every night an import that takes its time, some raw ones by hand and from here, and one
// look in four not answered while something runs and around its end. Nobody is told of anything.
func TestAlertsInAnOrdinaryYear(t *testing.T) {
	t.Parallel()
	for _, year := range []struct {
		days   int
		doubts bigfixtest.Doubts
	}{
		{365, bigfixtest.Doubts{LooksFail: 0.25}},
		{60, bigfixtest.Doubts{
			LooksFail: 0.25, ImportTime: bigfixtest.MomentStart, Progress: bigfixtest.ProgressRests,
			ShowLag: 20 * time.Second, EndLag: 20 * time.Second, Skew: -3 * time.Hour,
		}},
	} {
		days := year.days
		if underRace || testing.Short() {
			days = 7
		}
		var c *chronicle
		c = newChronicle(t, 1, bigfixtest.WithDoubts(year.doubts), bigfixtest.WithPlan(func(imp bigfixtest.Import) bigfixtest.Plan {
			if imp.Type == bigfix.TypeRaw {
				return bigfixtest.Plan{Duration: c.between(2*time.Minute, 5*time.Minute)}
			}
			return bigfixtest.Plan{Duration: c.between(35*time.Minute, 55*time.Minute)}
		}))
		c.idle, c.desk.rules.PollIdle = 2*time.Minute, 2*time.Minute
		for range days {
			c.day()
		}
		t.Logf("%d days, %d looks, of which %d were not answered; %d imports, %d alerts", days, c.looks, c.lost, len(c.desk.all), c.count())
		if c.count() > 0 {
			t.Errorf("there were alerts: %s", strings.Join(c.first, "\n"))
		}
		if len(c.desk.all) < days {
			t.Errorf("only %d imports in %d days", len(c.desk.all), days)
		}
	}
}

// day is an ordinary one, from noon to noon.
func (c *chronicle) day() {
	noon := c.now.Truncate(24 * time.Hour).Add(36 * time.Hour)
	if c.chance(0.3) {
		c.pass(c.between(0, 8*time.Hour))
		if c.chance(0.5) {
			c.sim.StartByHand(c.now, bigfix.TypeRaw)
		} else if len(c.desk.active) == 0 && c.desk.srv.Last.Status != nil {
			c.run(c.t, bigfix.TypeRaw)
		}
	}
	c.pass(noon.Sub(c.now))
}

// Whatever befalls strange servers, each alert is raised once and over once, never comes sooner than damping allows, and
// is over when three nights have gone well.
func TestAlertsOnStrangeServers(t *testing.T) {
	t.Parallel()
	runs := 12
	if underRace || testing.Short() {
		runs = 1
	}
	counts, looks, ended := map[AlertKind]int{}, 0, 0
	for seed := range uint64(runs) {
		c := newChronicle(t, seed)
		doubts := bigfixtest.Random(c.rng)
		c.sim.Set(func(d *bigfixtest.Doubts) { *d = doubts })
		if c.chance(0.7) {
			c.tell(t, "usual")
		}
		for range 30 {
			c.disturb()
		}
		c.sim.Heal()
		c.sim.SetPending(false)
		c.sim.Set(func(d *bigfixtest.Doubts) { *d = bigfixtest.Doubts{Skew: doubts.Skew} })
		c.tell(t, "1h daily on alive "+strings.Repeat("complete 4h ", 10)+"72h")
		for _, a := range c.desk.srv.Open() {
			t.Errorf("seed %d: not over at the end: %+v", seed, a)
		}
		if c.ended != c.count() {
			t.Errorf("seed %d: %d raised, and %d over", seed, c.count(), c.ended)
		}
		for kind, times := range c.raised {
			counts[kind] += len(times)
		}
		looks, ended = looks+c.looks, ended+c.ended
		if t.Failed() {
			return
		}
	}
	t.Logf("%d runs, %d looks, %d alerts raised and over: %v", runs, looks, ended, counts)
	for _, kind := range AlertKinds {
		if counts[kind] == 0 && runs > 1 {
			t.Errorf("none of kind %s", kind)
		}
	}
}

// disturb lets something happen, and some hours go by.
func (c *chronicle) disturb() {
	long := []string{"2m", "12m", "25m", "50m", "3h", "9h"}[c.rng.IntN(6)]
	words := []string{
		"x=" + long, "401=" + long, "403=" + long, "odd=" + long, "away=" + long, "flap=4/20m/7m", "flap=3/50m/3m",
		"raw", "complete", "fail=12m complete", "fail=2m raw", "next=5m", "next=3h", "next=9h", "cut=20m", "rest=50/2h", "rest=70/6h",
		"dead", "alive", "alive", "off", "on", "on", "move=06:00", "move=21:30", "weekdays", "pending", "lost", "clock=-2h", "clock=2h", "18h", "30h",
	}
	c.tell(c.t, words[c.rng.IntN(len(words))])
	c.pass(c.between(time.Minute, 9*time.Hour))
}
