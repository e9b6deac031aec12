package demo

import (
	"slices"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

// site is what there is to say of a simulated server before it runs.
type site struct {
	name, channel string // as the bot's configuration has them
	whom          string // its word in the terminal, and its section of the panel
	product       string
	edition       bigfix.Edition
	hour          int // of the nightly import, on this machine's clocks
	past          []event
}

// sites are the servers: the one that all is about, and one that shows that there may be others. Its imports are slow enough for one that
// is over in seconds to be suspicious, which takes three minutes.
var (
	prodSite = site{name: prod, channel: channel, whom: toServer, product: "BigFix server", edition: bigfix.BFI, hour: 0, past: prodPast}
	labSite  = site{name: lab, channel: labChannel, whom: lab, product: "License Metric Tool", edition: bigfix.ILMT, hour: 2, past: labPast}
)

// labTakes is how long imports take on the other server.
const labTakes = 200 * time.Second

// server is a simulated server, and how it stands besides what it knows of itself, which the lock of behind guards.
type server struct {
	site
	*bigfixtest.Server
	takes time.Duration // a complete import, as the past has it
	fast  time.Duration // one that is over soon
	last  bigfixtest.Last

	away, rejecting bool
	back            time.Time // when it is back that restarts
	plans           []string  // what the next imports will do
	begun           int       // how many imports had begun before the first of them
	briefs          int       // how many of them were, or will be, suspiciously fast
}

// servers are those of this demo, which don't run yet.
func (d Demo) servers(now time.Time) (all [2]*server) {
	all[0] = &server{site: prodSite, takes: d.Pace, fast: d.Pace / 4}
	all[1] = &server{site: labSite, takes: labTakes, fast: d.Pace / 4}
	for _, s := range all {
		s.last = s.lastNight(now)
	}
	return all
}

// start lets the server run, where a complete import takes so long.
func (s *server) start(now time.Time, complete time.Duration) {
	s.Server = bigfixtest.NewServer(
		bigfixtest.WithEdition(s.edition),
		bigfixtest.WithDuration(bigfix.TypeRaw, s.usual(bigfix.TypeRaw)),
		bigfixtest.WithDuration(bigfix.TypeComplete, complete),
		bigfixtest.WithSchedule(bigfixtest.Schedule{At: s.nightly(now), Type: bigfix.TypeComplete}),
		bigfixtest.WithLast(s.last),
		bigfixtest.WithJournal(remembered),
	)
}

// usual is how long imports of a type take.
func (s *server) usual(kind bigfix.ImportType) time.Duration {
	if kind == bigfix.TypeRaw {
		return s.takes / 2
	}
	return s.takes
}

// now is the time on its clock.
func (s *server) now() time.Time { return s.Clock().Now() }

// nightly is when the server has its daily import: at its hour on this machine, or four hours later if that is near, so that it does not
// come into the story.
func (s *server) nightly(now time.Time) time.Duration {
	hour := s.hour
	if h := now.Local().Hour(); h == hour || (h+1)%24 == hour {
		hour += 4
	}
	y, m, day := now.Local().Date()
	at := time.Date(y, m, day, hour, 0, 0, 0, time.Local).UTC()
	return time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
}

// lastDue is when the last nightly import was due.
func (s *server) lastDue(now time.Time) time.Time {
	due := now.UTC().Truncate(24 * time.Hour).Add(s.nightly(now))
	for due.After(now.Add(-time.Hour)) {
		due = due.AddDate(0, 0, -1)
	}
	return due.Local()
}

// lastNight is what the server remembers: the last import of the past.
func (s *server) lastNight(now time.Time) bigfixtest.Last {
	i := slices.IndexFunc(s.past, func(e event) bool { return e.nights == 0 })
	_, end := s.when(s.past[i], now)
	return bigfixtest.Last{Status: bigfix.StatusSuccessful, SuccessTime: end, ImportTime: end, Type: bigfix.TypeComplete}
}

// nextDue is when the daily import begins next.
func (s *server) nextDue(now time.Time) time.Time {
	due := now.UTC().Truncate(24 * time.Hour).Add(s.Schedule().At)
	if !due.After(now) {
		due = due.AddDate(0, 0, 1)
	}
	return due
}

// running says whether it runs an import.
func (s *server) running() bool {
	imp, ok := s.Latest(s.now())
	return ok && imp.Outcome == bigfixtest.Running
}

func (s *server) passesOver() string {
	if s.running() {
		return "An import runs: the server would pass the nightly one over. Try this again when it has ended."
	}
	return ""
}

func (s *server) isBusy() string {
	if s.Busy(s.now()) {
		return "An import runs already; the web pages start no second one."
	}
	return ""
}

func (s *server) isRestarting() string {
	if s.now().Before(s.back) {
		return "The server is restarting."
	}
	return ""
}

// plan decides the course of the next import.
func (s *server) plan(word string, plan bigfixtest.Plan) {
	if s.planned() == "" {
		s.plans, s.begun = nil, s.beginnings()
	}
	s.plans = append(s.plans, word)
	s.PlanNext(plan)
}

// planned is what the next import will do, where it was decided.
func (s *server) planned() string {
	if len(s.plans) == 0 {
		return ""
	}
	begun := s.beginnings() - s.begun
	if begun >= len(s.plans) {
		return ""
	}
	return s.plans[begun]
}

// beginnings is how many imports have begun so far.
func (s *server) beginnings() int {
	imp, _ := s.Latest(s.now())
	return imp.ID
}

func (s *server) isPlanned() string {
	if word := s.planned(); word != "" {
		return "The next import is to " + word + " already."
	}
	return ""
}

// isNoWonder says why a fast import would not be told of: the one before it still is, or they have become usual. Of the shortest, one
// tenth counts for nothing, which is one of those that there are.
func (s *server) isNoWonder() string {
	last, ok := s.Latest(s.now())
	switch {
	case ok && last.Outcome == bigfixtest.Succeeded && last.Ended.Sub(last.Began) < s.takes/3:
		return "The last import on " + s.name + " was that fast, and its alert stands until an ordinary one has ended it."
	case s.briefs > 1:
		return "Imports on " + s.name + " were that fast twice. A third would surprise nobody: it is usual by now."
	}
	return ""
}

// nightlyAt moves the daily import, which then begins or does not.
func (s *server) nightlyAt(due time.Time, dead bool) {
	s.Set(func(d *bigfixtest.Doubts) { d.ScheduleDead = dead })
	s.SetSchedule(s.now(), bigfixtest.Schedule{At: due.Sub(due.Truncate(24 * time.Hour)), Type: bigfix.TypeComplete})
}

func (s *server) byHand(kind bigfix.ImportType) (string, error) {
	s.StartByHand(s.now(), kind)
	return "Somebody starts a " + typeWord(kind) + " import in the web pages of " + s.name + ".", nil
}
