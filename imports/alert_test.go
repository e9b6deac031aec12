package imports

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // for those who have none

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

// night is a story about alerts: a simulated server, looked at each minute, half a minute while an import runs.
type night struct {
	desk  desk
	sim   *bigfixtest.Sim
	now   time.Time
	zone  *time.Location
	error error         // of every look, while there is one
	shift time.Duration // of our clock: it was moved by as much
	idle  time.Duration // between two looks while nothing runs
	odd   bool          // the mode is one that nobody documented
	seen  func(Observation)
}

// firstNoon is when stories begin: a Monday.
var firstNoon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

var (
	errSilent    = &bigfix.Error{Kind: bigfix.ErrUnavailable, Err: errors.New("connection refused")}
	errRejected  = &bigfix.Error{Kind: bigfix.ErrUnauthorized, Status: 401}
	errForbidden = &bigfix.Error{Kind: bigfix.ErrForbidden, Status: 403}
)

// newNight makes the server of a story; opts come first in its words.
func newNight(begin time.Time, zone *time.Location, opts ...bigfixtest.Option) *night {
	n := &night{now: begin, zone: zone, idle: time.Minute}
	n.desk.srv.Name, n.desk.alarms = "prod", true
	opts = append([]bigfixtest.Option{bigfixtest.WithSchedule(bigfixtest.Schedule{Location: zone})}, opts...)
	n.sim = bigfixtest.NewSim(begin, opts...)
	return n
}

// tell plays a story. Its words are
//
//	3h 90m      that long, with looks            @00:05      until the server's clock on the wall shows that
//	away=3h     nobody looks for as long         x=3h        no look is answered for as long
//	401=3m      looks are rejected               403=3m      for want of permission
//	flap=N/D/U  N times D down and U up          odd=3h      a mode that nobody documented
//	raw         somebody starts one in the web   complete    pages, and run-raw and run-complete are started here
//	next=2h     what begins next takes so long   fail=12m    and fails then
//	rest=50/2h  and rests at 50 % for so long    cut=5m      the server restarts so long after its beginning
//	dead alive  scheduled imports don't run      move=06:00  the schedule is moved
//	off on      no schedule any more             weekdays    from Monday to Friday only, and daily again
//	nightly-raw scheduled ones are raw           progress=…  the shape of the progress
//	pending     changes are made in the web      lost        the server's history is put back by three days
//	clock=-2h   our clock is moved               born        it never ran an import
//
// and usual, which gives it a history: complete ones take 40 to 44 min, raw ones 4 to 8; known=2, one of so many complete ones; short, one of imports of a
// minute; restful=40m, in which progress rested for as long; ilmt, which makes it License Metric Tool; and kind=off or
// kind=20m for a threshold.
func (n *night) tell(t *testing.T, story string) {
	t.Helper()
	for _, word := range strings.Fields(story) {
		name, arg, _ := strings.Cut(word, "=")
		if d, err := time.ParseDuration(word); err == nil {
			n.pass(d)
		} else if clock, ok := strings.CutPrefix(word, "@"); ok {
			n.until(t, clock)
		} else if !n.befall(t, name, arg) && !n.set(t, name, arg) {
			t.Fatalf("what is %q?", word)
		}
	}
}

// befall is what happens.
func (n *night) befall(t *testing.T, what, arg string) bool {
	t.Helper()
	switch what {
	case "away":
		n.now = n.now.Add(duration(t, arg))
	case "clock":
		n.shift += duration(t, arg)
	case "x":
		n.failing(errSilent, duration(t, arg))
	case "401":
		n.failing(errRejected, duration(t, arg))
	case "403":
		n.failing(errForbidden, duration(t, arg))
	case "flap":
		parts := strings.Split(arg, "/")
		times, _ := strconv.Atoi(parts[0])
		for range times {
			n.failing(errSilent, duration(t, parts[1]))
			n.pass(duration(t, parts[2]))
		}
	case "odd":
		n.odd = true
		n.pass(duration(t, arg))
		n.odd = false
	case "raw":
		n.sim.StartByHand(n.now, bigfix.TypeRaw)
	case "complete":
		n.sim.StartByHand(n.now, bigfix.TypeComplete)
	case "run-raw":
		n.run(t, bigfix.TypeRaw)
	case "run-complete":
		n.run(t, bigfix.TypeComplete)
	case "pending":
		n.sim.SetPending(true)
	case "lost":
		n.sim.SetLast(bigfixtest.Last{
			Status: bigfix.StatusSuccessful, Type: bigfix.TypeComplete,
			SuccessTime: n.now.Add(-72 * time.Hour), ImportTime: n.now.Add(-72 * time.Hour),
		})
	case "born":
		n.sim.SetLast(bigfixtest.Last{})
	default:
		return false
	}
	return true
}

// set changes how the server is from now on.
func (n *night) set(t *testing.T, what, arg string) bool {
	t.Helper()
	schedule := n.sim.Schedule()
	switch what {
	case "next":
		n.sim.PlanNext(bigfixtest.Plan{Duration: duration(t, arg)})
	case "fail":
		n.sim.PlanNext(bigfixtest.Plan{Duration: duration(t, arg), Fails: true})
	case "rest":
		at, long, _ := strings.Cut(arg, "/")
		percent, _ := strconv.Atoi(at)
		n.sim.PlanNext(bigfixtest.Plan{RestAt: percent, RestFor: duration(t, long)})
	case "cut":
		n.sim.PlanNext(bigfixtest.Plan{RestartAfter: duration(t, arg), DownFor: time.Minute})
	case "dead", "alive":
		n.sim.Set(func(d *bigfixtest.Doubts) { d.ScheduleDead = what == "dead" })
	case "progress":
		n.sim.Set(func(d *bigfixtest.Doubts) { d.Progress = bigfixtest.Progress(arg) })
	case "off", "on":
		schedule.Off = what == "off"
		n.sim.SetSchedule(n.now, schedule)
	case "daily", "weekdays":
		schedule.Days = nil
		if what == "daily" {
			n.sim.SetSchedule(n.now, schedule)
			break
		}
		schedule.Days = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
		n.sim.SetSchedule(n.now, schedule)
	case "nightly-raw":
		schedule.Type = bigfix.TypeRaw
		n.sim.SetSchedule(n.now, schedule)
	case "move":
		schedule.At = sinceMidnight(clockTime(t, arg))
		n.sim.SetSchedule(n.now, schedule)
	case "usual":
		n.desk.ended = append(past(bigfix.TypeComplete, 5, 40*time.Minute), past(bigfix.TypeRaw, 5, 4*time.Minute)...)
	case "known":
		count, _ := strconv.Atoi(arg)
		n.desk.ended = past(bigfix.TypeComplete, count, 40*time.Minute)
	case "restful":
		for i := range n.desk.ended {
			n.desk.ended[i].LongestRest = duration(t, arg)
		}
	case "short":
		n.desk.ended = append(past(bigfix.TypeComplete, 5, time.Minute), past(bigfix.TypeRaw, 5, time.Minute)...)
	case "ilmt":
		n.desk.rules.OneKind = true
	case "stale", "stall", "unreachable", "missed":
		threshold := Off
		if arg != "off" {
			threshold = Threshold(duration(t, arg))
		}
		rules := &n.desk.rules
		*map[string]*Threshold{
			"stale": &rules.StaleAfter, "stall": &rules.StallAfter,
			"unreachable": &rules.UnreachableAfter, "missed": &rules.MissedAfter,
		}[what] = threshold
	default:
		return false
	}
	return true
}

// past are imports of months ago that succeeded, each a minute longer than the one before, whose progress rested for
// a minute.
func past(kind bigfix.ImportType, count int, took time.Duration) (list []Import) {
	for i := range count {
		began := firstNoon.AddDate(0, -2, -i)
		list = append(list, Import{
			ID: fmt.Sprint("past ", kind, i), Server: "prod", Type: kind, State: Ended, Outcome: Succeeded, Origin: Scheduled,
			BegunAt: began, FirstRunning: Span{At: began}, EndedAt: began.Add(took + time.Duration(i)*time.Minute),
			LastLook: began.Add(took), RestSince: began, LongestRest: time.Minute,
		})
	}
	return list
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func clockTime(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse("15:04", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// until looks until the clock on the server's wall shows a time.
func (n *night) until(t *testing.T, clock string) {
	t.Helper()
	at := clockTime(t, clock)
	local := n.now.In(n.zone)
	next := time.Date(local.Year(), local.Month(), local.Day(), at.Hour(), at.Minute(), 0, 0, n.zone)
	if !next.After(local) {
		next = time.Date(local.Year(), local.Month(), local.Day()+1, at.Hour(), at.Minute(), 0, 0, n.zone)
	}
	n.pass(next.Sub(n.now))
}

func (n *night) failing(err error, d time.Duration) {
	n.error = err
	n.pass(d)
	n.error = nil
}

// pass looks for as long.
func (n *night) pass(d time.Duration) {
	for end := n.now.Add(d); n.now.Before(end); {
		pace := n.idle
		if len(n.desk.active) > 0 {
			pace = 30 * time.Second
		}
		n.now = n.now.Add(pace)
		n.look()
	}
}

func (n *night) look() {
	st, err := n.sim.Status(n.now)
	if n.error != nil {
		st, err = bigfix.Status{}, n.error
	}
	if n.odd {
		st = bigfix.Status{Mode: "maintenance"}
	}
	at := n.now.Add(n.shift)
	o := Observe(Span{Asked: at, At: at}, st, err)
	n.desk.look(o)
	if n.seen != nil {
		n.seen(o)
	}
}

// run starts an import here.
func (n *night) run(t *testing.T, kind bigfix.ImportType) {
	t.Helper()
	at := n.now.Add(n.shift)
	_, err := n.sim.Run(n.now, kind)
	n.desk.start(Import{Server: "prod", Type: kind}, at, FailureOf(err, at))
}

// String says which alerts were raised when, and over when, by the server's clock on the wall. The first day has no
// number.
func (n *night) String() string {
	var out []string
	for _, a := range n.desk.srv.Alerts {
		words := string(a.Kind) + " " + n.wall(a.RaisedAt)
		if a.Times > 1 {
			words += fmt.Sprintf(" ×%d", a.Times)
		}
		if a.Reopened > 0 {
			words += " again " + n.wall(a.ReopenedAt)
		}
		if a.SwitchedOff {
			words += " off"
		}
		if !a.Open() {
			words += " over " + n.wall(a.OverAt)
		}
		out = append(out, words)
	}
	return strings.Join(out, "; ")
}

// wall is a time of ours as the server's wall shows it.
func (n *night) wall(at time.Time) string {
	at = at.Add(-n.shift).In(n.zone)
	begin := firstNoon.In(n.zone)
	if day := at.YearDay() - begin.YearDay(); day != 0 && at.Year() == begin.Year() {
		return fmt.Sprintf("+%d %s", day, at.Format("15:04"))
	}
	return at.Format("15:04")
}

// stories has a row for each thing that an alert is raised or not raised for, and over or not over by. Unless a row says
// otherwise, a complete import is scheduled at midnight and takes 42 min, raw ones take 3, and all of them succeed.
var stories = []struct{ name, story, want string }{
	{"all is well", "usual 72h", ""},
	{"the first look ever, of a server that is well", "1m", ""},

	{"the nightly fails", "usual fail=12m @02:00", "failed +1 00:12"},
	{"over with the next night", "usual fail=12m 38h", "failed +1 00:12 over +2 00:43; stale +1 03:27 over +2 00:43"},
	{"over with one by hand", "usual fail=12m @02:00 complete 2h", "failed +1 00:12 over +1 02:43"},
	{"not over with a raw one", "usual fail=12m @02:00 raw 1h", "failed +1 00:12"},
	{"one by hand fails", "usual fail=3m complete 1h", "failed 12:04"},
	{"a raw one fails, and the next succeeds", "usual fail=3m raw 1h raw 1h", "failed 12:04 over 13:04"},
	{"a raw one fails, and a complete one succeeds", "usual fail=3m raw 1h complete 1h", "failed 12:04 over 13:43"},
	{"one that was started here fails", "usual 5m fail=12m run-complete 1h", "failed 12:17"},
	{"over with one that nobody saw, behind a raw one", "usual stale=off fail=12m @02:00 complete away=2h raw away=1h 5m", "failed +1 00:12 over +1 05:02"},
	{"each that fails", "usual stale=off fail=12m fail=10m 48h @12:00", "failed +1 00:12 over +3 00:43; failed +2 00:11 ×2 over +3 00:43"},
	{"cut off by a restart", "usual cut=5m @02:00", "failed +1 00:07"},
	{"the clock is put back as it fails", "usual fail=12m @00:11 clock=-2h 5m", "failed +1 00:12"},
	{"the clock is put forward as it fails", "usual fail=12m @00:11 clock=2h 5m", "failed +1 00:12"},
	{"it had failed before the first look", "usual fail=5m complete away=2h 3h", ""},
	{"failed while nobody looked, in the last hours", "usual 5m fail=12m away=16h 1h", "stale +1 04:06; failed +1 04:07"},
	{"failed while nobody looked, days ago", "usual 5m off fail=12m complete away=60h 1h", ""},
	{"out of sight for a day in mid-import", "usual stale=off @00:10 x=25h 2h", "unreachable +1 00:25 over +2 01:12; failed +2 00:10 over +2 01:12"},
	{"in a mode that nobody documented for a day in mid-import", "usual stale=off @00:10 odd=25h 2h", "failed +2 00:10 over +2 01:12"},
	{"out of sight does not end it", "usual fail=12m @08:00 complete x=2h 2h", "failed +1 00:12 over +1 10:02; stale +1 03:27 over +1 10:02; unreachable +1 08:16 over +1 10:02"},

	{"the nightly does not run", "usual dead @08:00", "missed +1 00:15; stale +1 03:27"},
	{"and is made up for", "usual dead @08:00 complete 1h", "missed +1 00:15 over +1 08:43; stale +1 03:27 over +1 08:43"},
	{"a raw one is none", "usual dead @01:00 raw 1h", "missed +1 00:15"},
	{"a raw one that was scheduled", "usual nightly-raw dead 20h raw 1h", "missed +1 00:15 over +1 08:04"},
	{"raw ones are scheduled, and nothing makes the reports fresh", "usual nightly-raw 96h", ""},
	{"for days", "usual dead 48h alive 24h", "missed +1 00:15 over +3 00:43; stale +1 03:27 over +3 00:43; missed +2 00:15 over +3 00:43"},
	{"later than others want to know", "usual missed=2h stale=off dead @08:00", "missed +1 02:00"},
	{"switched off", "usual missed=off stale=off dead @08:00", ""},
	{"begun late, in time", "usual dead @00:10 complete 1h", ""},
	{"begun a bit too late", "usual dead @00:16 complete 1h", "missed +1 00:15 over +1 00:59"},
	{"another ran until it was due", "usual dead @23:50 next=20m complete 2h", ""},
	{"another was over a moment before", "usual dead @23:54 complete next=2m 1h", ""},
	{"a raw one ran earlier", "usual dead @23:30 raw 1h", "missed +1 00:15"},
	{"it ran too quickly to be seen", "short away=30s next=20s 13h", ""},
	{"it ran, and it is not settled yet how", "short dead away=30s @00:14 next=20s raw 3m", ""},
	{"started here in those minutes", "usual dead @23:58 run-complete 30m", ""},
	{"out of sight at the time", "usual dead @23:55 x=14m 1h", ""},
	{"out of sight before the time", "usual dead @23:30 x=14m 1h", "missed +1 00:15"},
	{"one lost look at the time", "usual dead @23:59 x=1m 30m", "missed +1 00:15"},
	{"out of sight after the time", "usual dead @00:05 x=12m 30m", ""},
	{"nobody looked at the time", "usual dead @23:00 away=2h 30m", ""},
	{"a mode that nobody documented at the time", "usual dead @23:58 odd=10m 1h", ""},
	{"our clock is wrong by hours", "usual clock=-5h dead 12h30m", "missed +1 00:15"},
	{"the clocks are put back, and the server notices when the time comes", "usual dead @00:02 alive move=01:00 4h", ""},
	{"the clocks are put back, and it does not run then", "usual stale=off dead @00:02 move=01:00 4h", "missed +1 01:15"},
	{"the clocks are put forward, and the server notices a moment before", "usual @22:58 move=23:00 4h", ""},
	{"our clock is put forward by days", "usual clock=72h 12h", ""},
	{"our clock is put back by days", "usual clock=-72h 12h", ""},
	{"our clock is put forward over the time", "usual @23:30 clock=2h dead 2h", "missed +1 00:15"},
	{"our clock is put back in the night", "usual dead @23:30 clock=-2h 2h", "missed +1 00:15"},
	{"our clock is put back at the time", "usual dead @00:05 clock=-2h 2h", ""},
	{"the schedule is moved before the time", "usual @23:58 move=06:00 3h", ""},
	{"the schedule is moved in the last minute", "usual away=30s @23:59 move=06:00 1h", ""},
	{"it is named for the first time in the last minute", "usual away=30s off @23:58 on dead 1h", ""},
	{"it is named in time", "usual away=30s off @23:57 on dead 1h", "missed +1 00:15"},
	{"the schedule is removed after the time, and back in the morning", "usual stale=off dead @00:05 off 8h on 1h", ""},
	{"and does not run then", "usual @23:58 move=06:00 dead 9h", "missed +1 06:15; stale +1 08:44"},
	{"the schedule is removed before the time", "usual @23:58 off 6h", ""},
	{"the schedule is removed after the time", "usual dead @00:05 off 3h", ""},
	{"the schedule is moved after the time", "usual dead @00:05 move=06:00 3h", ""},
	{"the schedule has gone", "usual 24h off 96h", ""},
	{"no import on week-ends", "usual weekdays @12:00 168h", ""},
	{"no import on week-ends, from a Friday on", "usual away=96h weekdays 72h", ""},
	{"nor on a Friday", "usual weekdays 83h dead 20h", "missed +4 00:15"},
	{"the first bot of a server whose schedule is dead", "usual dead away=1m 11h", ""},
	{"a server that never ran an import names no night", "born dead 14h", ""},

	{"old when first seen, and nobody knows when it was last due", "dead away=72h 1h", ""},
	{"old when first seen, and the night before failed", "fail=12m away=61h 1h", ""},
	{"old when first seen, and a night goes by", "dead away=72h 16h", "missed +4 00:15; stale +4 02:00"},
	{"old when first seen, nothing scheduled", "off away=96h 1h", ""},
	{"old when first seen, nothing scheduled, and a limit", "off stale=30h away=96h 1h", "stale +4 12:01"},
	{"a limit", "usual stale=14h dead missed=off 3h", "stale 14:43"},
	{"a limit, and it runs", "usual stale=24h15m @01:00", ""},
	{"a limit, and it runs too long", "usual stale=24h15m next=3h stall=off @03:30", "overrun +1 01:24 over +1 03:00; stale +1 01:41 over +1 03:01"},
	{"raw successes are none", "usual dead missed=off @20:00 raw @02:00 raw @03:00 raw 2h", "stale +1 03:27"},
	{"raw successes are some, of License Metric Tool", "ilmt usual dead missed=off @20:00 raw 10h", ""},
	{"switched off while it stands", "usual dead missed=off @05:00 stale=off 1m", "stale +1 03:27 off over +1 05:01"},
	{"switched off while it can't be seen", "usual x=20m unreachable=off x=5m", "unreachable 12:16 off over 12:21"},
	{"switched off while it rests", "usual rest=50/3h @01:20 stall=off 1m", "stalled +1 01:07 off over +1 01:20"},
	{"the schedule goes while it stands", "usual dead missed=off @05:00 off 3h", "stale +1 03:27"},
	{"never imported", "born off 96h", ""},
	{"the history was put back", "usual lost 20h", ""},
	{"the history was put back, and no night makes it good", "usual 1h lost dead missed=off 36h", "stale +1 15:46"},
	{"out of sight, and old when seen again", "usual dead missed=off unreachable=off @02:00 x=6h 1h", "stale +1 08:01"},
	{"no night while nobody looked", "usual 1m away=72h 1h", ""},
	{"a raw one after hours that nobody saw", "usual 12h x=9h raw 12h", "unreachable +1 00:15 over +1 09:01"},

	{"progress rests", "usual stall=off rest=50/40m @02:00", ""},
	{"progress rests too long", "usual rest=50/3h @02:00", "stalled +1 01:07; overrun +1 01:24"},
	{"and goes on", "usual rest=50/65m @04:00", "stalled +1 01:07 over +1 01:27; overrun +1 01:24 over +1 01:47"},
	{"our clock is put forward meanwhile", "usual rest=50/40m @00:40 clock=2h 2h", ""},
	{"it always rests", "usual restful=40m rest=50/79m @04:00", "overrun +1 01:24 over +1 02:01"},
	{"it always rests, and not for so long", "usual restful=40m rest=50/3h @02:00", "overrun +1 01:24; stalled +1 01:42"},
	{"nothing known yet", "rest=50/3h @06:00", ""},
	{"two are known", "known=2 rest=50/3h @06:00", ""},
	{"three are known", "known=3 stale=off rest=50/3h @02:00", "stalled +1 01:07; overrun +1 01:22"},
	{"a limit", "stall=20m rest=50/30m @02:00", "stalled +1 00:42 over +1 00:52"},
	{"again within a day, and for longer", "usual stall=20m rest=50/30m rest=50/30m rest=50/41m complete 3h complete 3h complete 3h", "stalled 12:42 over 12:52; stalled 19:02 ×2 over 19:03"},
	{"the import ends while it rests", "usual cut=25m stall=5m rest=50/9h @02:00", "failed +1 00:27"},
	{"out of sight while it rests", "usual rest=50/65m @00:50 x=14m 4h", "stalled +1 01:07 over +1 01:27; overrun +1 01:24 over +1 01:47"},
	{"nobody looked while it rests", "usual rest=50/65m @00:25 away=50m 3h", ""},

	{"it takes long", "usual next=84m @04:00", ""},
	{"it takes more than twice as long", "usual stall=off next=100m @04:00", "overrun +1 01:24 over +1 01:40"},
	{"it may be another one by now", "usual stall=off progress=falls next=100m @04:00", ""},
	{"too few are known", "stall=off next=9h @12:00", ""},
	{"somebody else's, of either type", "usual stall=off next=80m complete 3h", ""},
	{"somebody else's, longer than any", "usual stall=off next=100m complete 3h", "overrun 13:25 over 13:40"},
	{"a raw one that was started here", "usual 5m stall=off next=20m run-raw 1h", "overrun 12:18 over 12:25"},
	{"of License Metric Tool, whatever its word for it", "ilmt usual stall=off 5m next=50m run-raw 1h", ""},
	{"nobody looked in between", "usual stall=off next=150m @00:10 away=1h 2h", ""},

	{"it is over too soon", "usual next=5m @12:00", "brief +1 00:05"},
	{"it is over soon", "usual next=20m @12:00", ""},
	{"over with one that took its time", "usual next=5m @12:00 complete 1h", "brief +1 00:05 over +1 12:42"},
	{"not over with a raw one", "usual next=5m @12:00 raw 1h", "brief +1 00:05"},
	{"not over with another that was too quick", "usual next=5m next=6m @12:00 complete 1h", "brief +1 00:05"},
	{"over after a day", "usual next=5m off @12:00 on @00:30 off 30h", "brief +2 00:05 over +3 00:05"},
	{"not even seen", "usual away=30s next=20s 13h", "brief +1 00:01"},
	{"a raw one that was not even seen", "usual away=30s 1h next=20s raw 5m", "brief 13:02"},
	{"quick ones are never too soon", "short next=10s 13h", ""},
	{"it failed soon", "usual fail=2m @02:00", "failed +1 00:02"},

	{"a lost look or two", "usual x=2m 1h", ""},
	{"out of sight for long", "usual x=14m 1h", ""},
	{"out of sight for longer", "usual x=20m 1h", "unreachable 12:16 over 12:22"},
	{"rejected once, when it has been out of sight for long", "usual x=15m 401=1m 5m", ""},
	{"seen once in between", "usual x=20m 1m x=20m 1h", "unreachable 12:16 over 12:43"},
	{"a limit of a minute is five looks", "usual unreachable=1m x=10m 1h", "unreachable 12:05 over 12:12"},
	{"flapping", "usual flap=8/20m/5m 2h", "unreachable 12:16 over 12:22"},
	{"again within ten minutes, and for longer", "usual x=20m 5m x=40m 1h", "unreachable 12:16 ×2 again 12:56 over 13:07"},
	{"again within a day", "usual x=20m 1h x=40m 1h x=70m 1h x=130m 1h x=130m 1h", "unreachable 12:16 over 12:22; unreachable 13:51 ×2 over 14:02; unreachable 16:01 ×3 over 16:12; unreachable 19:11 ×4 over 19:22; unreachable 22:21 ×5 over 22:32"},
	{"again the day after", "usual x=20m 25h x=20m 1h", "unreachable 12:16 over 12:22; unreachable +1 13:36 over +1 13:42"},
	{"switched off", "usual unreachable=off x=5h 1h", ""},
	{"while nobody looked", "usual x=5m away=3h x=10m 1h", ""},
	{"it was away too", "usual x=20m away=3h x=10m 1h", "unreachable 12:16 over 15:32"},

	{"rejected", "usual 401=10m 1h", "credentials 12:02 over 12:11"},
	{"rejected, then a mode that nobody documented", "usual 401=3m odd=10m", "credentials 12:02 over 12:04"},
	{"rejected once", "usual 401=1m 1h", ""},
	{"not permitted", "usual 403=10m 1h", "credentials 12:02 over 12:11"},
	{"not called unreachable", "usual 401=5h 5m", "credentials 12:02 over 17:01"},
	{"rejected, then gone", "usual 401=20m x=20m 1h", "credentials 12:02 over 12:41; unreachable 12:36 over 12:42"},
	{"rejected again and again", "usual 401=3m 20m 401=3m 20m 401=4m 20m 401=9m 1h", "credentials 12:02 over 12:04; credentials 12:50 ×2 over 12:51; credentials 13:18 ×3 over 13:20"},
	{"rejected again, within ten minutes", "usual 401=3m 5m 401=5m 1h", "credentials 12:02 ×2 again 12:12 over 12:14"},

	{"changes wait", "off pending 23h", ""},
	{"changes wait for a day", "off pending 25h", "pending +1 12:01"},
	{"until an import succeeds", "off pending 25h complete 2h", "pending +1 12:01 over +1 13:43"},
	{"not until it began", "off pending 25h complete 40m", "pending +1 12:01"},
	{"not until one that failed", "off pending 25h fail=12m complete 1h", "pending +1 12:01; failed +1 13:12"},
	{"not until a raw one", "off pending 25h raw 1h", "pending +1 12:01"},
	{"raw ones in between", "off pending 10h raw 10h raw 5h", "pending +1 12:01"},
	{"one that failed in between", "off stale=off pending 10h fail=12m complete 15h", "failed 22:12; pending +1 12:01"},
	{"a complete one in between, and others since", "off pending 10h complete 30m away=13m pending 23h", ""},
	{"out of sight meanwhile", "off pending 12h x=2h 12h", "unreachable +1 00:16 over +1 02:02; pending +1 12:01"},
	{"nobody looked meanwhile", "off pending 12h away=2h 12h", ""},
	{"our clock is put forward meanwhile", "off stale=off pending 1h clock=30h 2h", ""},
	{"our clock is put back meanwhile", "off stale=off pending 12h clock=-6h 13h", ""},
	{"each night clears them", "usual pending 12h pending 24h", ""},
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	for i, row := range stories {
		if underRace && i%4 > 0 {
			continue // nothing in them runs beside anything else
		}
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			n := newNight(firstNoon, time.UTC)
			n.tell(t, row.story)
			if got := n.String(); got != row.want {
				t.Errorf("%s\ngot  %s\nwant %s", row.story, got, row.want)
			}
		})
	}
}
