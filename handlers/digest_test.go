package handlers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

func berlin(t *testing.T) *time.Location { return zone(t, "Europe/Berlin") }

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	must(t, err)
	return loc
}

// TestWhenADigestIsDue, also where the clocks are changed: it tells of seven whole days, however long they are.
func TestWhenADigestIsDue(t *testing.T) {
	t.Parallel()
	const form = "2006-01-02T15:04Z"
	cases := []struct {
		name           string
		d              Digest
		now            string
		due            string // in UTC
		from, to       string // local
		hours          float64
		weekdayAndZone string
	}{
		{"the minute before", Digest{time.Monday, 9, 0, nil}, "2026-06-22T08:59Z", "2026-06-15T09:00Z", "2026-06-08 00:00", "2026-06-15 00:00", 168, "UTC"},
		{"the minute", Digest{time.Monday, 9, 0, nil}, "2026-06-22T09:00Z", "2026-06-22T09:00Z", "2026-06-15 00:00", "2026-06-22 00:00", 168, "UTC"},
		{"winter", Digest{time.Monday, 9, 0, berlin(t)}, "2026-03-23T08:00Z", "2026-03-23T08:00Z", "2026-03-16 00:00", "2026-03-23 00:00", 168, "CET"},
		{"summer, after the shortest week", Digest{time.Monday, 9, 0, berlin(t)}, "2026-03-30T07:00Z", "2026-03-30T07:00Z", "2026-03-23 00:00", "2026-03-30 00:00", 167, "CEST"},
		{"not yet by summer's clock", Digest{time.Monday, 9, 0, berlin(t)}, "2026-03-30T06:59Z", "2026-03-23T08:00Z", "2026-03-16 00:00", "2026-03-23 00:00", 168, "CEST"},
		{"winter, after the longest week", Digest{time.Monday, 9, 0, berlin(t)}, "2026-10-26T08:00Z", "2026-10-26T08:00Z", "2026-10-19 00:00", "2026-10-26 00:00", 169, "CET"},
		{"an hour that there is not", Digest{time.Sunday, 2, 30, berlin(t)}, "2026-03-29T12:00Z", "2026-03-29T01:30Z", "2026-03-22 00:00", "2026-03-29 00:00", 168, "CEST"},
		{"an hour that comes twice, between", Digest{time.Sunday, 2, 30, berlin(t)}, "2026-10-25T01:00Z", "2026-10-18T00:30Z", "2026-10-11 00:00", "2026-10-18 00:00", 168, "CET"},
		{"an hour that comes twice, after", Digest{time.Sunday, 2, 30, berlin(t)}, "2026-10-25T12:00Z", "2026-10-25T01:30Z", "2026-10-18 00:00", "2026-10-25 00:00", 168, "CET"},
		{"a midnight that there is not", Digest{time.Friday, 0, 0, zone(t, "Africa/Cairo")}, "2026-04-24T12:00Z", "2026-04-23T22:00Z", "2026-04-17 00:00", "2026-04-24 01:00", 168, "EEST"},
		{"far in the east it is tomorrow", Digest{time.Monday, 0, 30, zone(t, "Pacific/Auckland")}, "2026-06-21T13:00Z", "2026-06-21T12:30Z", "2026-06-15 00:00", "2026-06-22 00:00", 168, "NZST"},
	}
	for _, c := range cases {
		at, err := time.Parse(form, c.now)
		must(t, err)
		due := c.d.last(at)
		from, to := c.d.week(due)
		got := fmt.Sprint(due.UTC().Format(form), " ", from.Format("2006-01-02 15:04"), " ", to.Format("2006-01-02 15:04"), " ", to.Sub(from).Hours(), " ", at.In(c.d.zone()).Format("MST"))
		if want := fmt.Sprint(c.due, " ", c.from, " ", c.to, " ", c.hours, " ", c.weekdayAndZone); got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, want)
		}
	}
}

// aWeek is one of prod: Monday the 15th to Sunday the 21st of June.
func aWeek(loc *time.Location, imps []imports.Import, watched ...imports.Watched) (from, to time.Time, r imports.Report) {
	from, to = imports.StartOfDay(2026, 6, 15, loc), imports.StartOfDay(2026, 6, 22, loc)
	if watched == nil {
		watched = []imports.Watched{{From: from, To: to}}
	}
	return from, to, imports.ReportOf(imports.ReportInput{Server: "prod", From: from, To: to, Location: loc, Imports: imps, Watched: watched})
}

// byNight is a complete import of a night in June that the schedule started.
func byNight(date, minutes int, outcome imports.Outcome) imports.Import {
	began := time.Date(2026, 6, date, 0, 0, 0, 0, time.UTC)
	return imports.Import{
		ID: fmt.Sprintf("night-%d", date), Server: "prod", Type: bigfix.TypeComplete, Origin: imports.Scheduled, State: imports.Ended,
		Outcome: outcome, BegunAt: began, EndedAt: began.Add(time.Duration(minutes) * time.Minute), FirstRunning: imports.Span{Asked: began, At: began},
	}
}

// byDay is an import that somebody started at noon.
func byDay(date, minutes int, user string, t bigfix.ImportType) imports.Import {
	return with(byNight(date, minutes, imports.Succeeded), func(i *imports.Import) {
		i.ID, i.Type, i.RequestedBy, i.Origin = fmt.Sprint("noon-", date, user), t, user, imports.Here
		i.BegunAt, i.EndedAt = i.BegunAt.Add(12*time.Hour), i.EndedAt.Add(12*time.Hour)
		i.FirstRunning = imports.Span{Asked: i.BegunAt, At: i.BegunAt}
	})
}

func TestDigestMessages(t *testing.T) {
	t.Parallel()
	of := func(loc *time.Location, servers ...digestServer) bot.Message {
		from, to, _ := aWeek(loc, nil)
		return digestMessage(digestScene{now: now, command: "/import", from: from, to: to, loc: loc, servers: servers})
	}
	week := func(loc *time.Location, imps []imports.Import, watched ...imports.Watched) digestServer {
		_, _, r := aWeek(loc, imps, watched...)
		return digestServer{server: prod, report: r}
	}
	var good, mixed []imports.Import
	for i, minutes := range []int{40, 45, 50, 55, 42, 47, 44} {
		good = append(good, byNight(15+i, minutes, imports.Succeeded))
	}
	mixed = append(mixed, good[0], good[1], byNight(17, 12, imports.Failed), byDay(17, 3, "U0ANA", bigfix.TypeRaw), byDay(18, 3, "U0ANA", bigfix.TypeRaw),
		byDay(19, 50, "U0BEN", bigfix.TypeComplete),
		with(byNight(20, 40, imports.Unclear), func(i *imports.Import) { i.Origin, i.Type = imports.Elsewhere, "<!here> new" }),
		with(byDay(21, 0, "U0BEN", ""), func(i *imports.Import) { i.State, i.Outcome, i.EndedAt = imports.Running, "", time.Time{} }))
	troubled := week(time.UTC, mixed, imports.Watched{From: day(0, 0).AddDate(0, 0, -7), To: day(0, 0).AddDate(0, 0, -3)}, imports.Watched{From: day(0, 0).AddDate(0, 0, -2), To: day(0, 0)})
	troubled.alerts, troubled.mute = seen(alarmed).known.Open(), &imports.Mute{Server: "prod", Until: day(4, 0), UserID: "U0BEN", Reason: "Patching"}
	quietLab := week(time.UTC, nil)
	quietLab.server = lab
	checkGolden(t, "digest", []shown{
		{"all well", of(berlin(t), week(berlin(t), good))},
		{"one with troubles, one without an import", of(time.UTC, troubled, quietLab)},
		{"nobody watched", of(time.UTC, week(time.UTC, nil, imports.Watched{From: day(0, 0).AddDate(0, 0, -7), To: day(1, 0).AddDate(0, 0, -7)}))},
	})
}

// weekly is a stage on which a week has gone by, and whose digest is due on that Monday at 03:00.
func weekly(t *testing.T) *stage {
	s := newStage(t)
	s.digest = &Digest{Weekday: time.Monday, Hour: 3}
	s.servers = []Server{prod, lab}
	s.store.watched = map[string][]imports.Watched{"prod": {{From: day(0, 0).AddDate(0, 0, -7), To: day(0, 0)}}}
	s.restart()
	return s
}

// digests says how many there must be.
func (s *stage) digests(want int) {
	s.t.Helper()
	if got := len(s.posts(kindDigest)); got != want {
		s.t.Errorf("%d digests, want %d:\n%s", got, want, s.slack)
	}
}

func TestADigestIsPostedOnce(t *testing.T) {
	t.Parallel()
	s := weekly(t)
	s.pass(day(2, 59).Sub(s.clock.Now()))
	s.digests(0)
	s.pass(2 * time.Minute)
	s.digests(1)
	s.restart() // on another replica
	s.pass(25 * time.Hour)
	s.digests(1)
	if m := s.posts(kindDigest)[0]; m.channel != "C0PROD" || m.thread != "" || !strings.Contains(m.text, "Mon 15 Jun to Sun 21 Jun") || strings.Contains(m.text, "lab") {
		t.Errorf("the digest is %+v; want the week of prod, in its channel", m)
	}
	s.atRest()

	s.store.watched["lab"] = []imports.Watched{{From: day(0, 0), To: day(0, 0).AddDate(0, 0, 7)}}
	s.pass(day(3, 1).AddDate(0, 0, 7).Sub(s.clock.Now()))
	s.digests(2)
	if m := s.posts(kindDigest)[1]; m.channel != "C0LAB" {
		t.Errorf("a week later the digest is %+v; want one of lab, for prod was not watched", m)
	}
	s.atRest()
}

func TestServersOfOneChannelShareADigest(t *testing.T) {
	t.Parallel()
	s := weekly(t)
	s.servers = []Server{prod, lab}
	s.servers[1].Channel = "C0PROD"
	s.store.watched["lab"] = s.store.watched["prod"]
	s.restart()
	s.pass(time.Hour)
	s.digests(1)
	if m := s.posts(kindDigest)[0]; !strings.Contains(m.text, "prod: ") || !strings.Contains(m.text, "lab: ") {
		t.Errorf("the digest says %q", m.text)
	}
}

func TestNoDigestThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	s := weekly(t)
	s.digest = nil
	s.restart()
	s.pass(time.Hour)
	s.digests(0)
	s.atRest()
}

// TestADigestAfterADowntime comes late for as long as a day; after that the next one is nearer.
func TestADigestAfterADowntime(t *testing.T) {
	t.Parallel()
	for late, want := range map[time.Duration]int{23 * time.Hour: 1, 25 * time.Hour: 0} {
		s := weekly(t)
		s.clock.advance(day(3, 0).Add(late).Sub(s.clock.Now()))
		s.restart()
		s.pass(time.Minute)
		s.digests(want)
		if want == 1 && !strings.Contains(s.posts(kindDigest)[0].text, "Mon 15 Jun to Sun 21 Jun") {
			t.Errorf("late as it is, it tells of other days: %s", s.posts(kindDigest)[0].text)
		}
		s.atRest()
	}
}

// TestADigestWhoseChannelRefuses is tried again hourly, for a day.
func TestADigestWhoseChannelRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mended time.Duration
		want   int
	}{{3 * time.Hour, 1}, {72 * time.Hour, 0}} {
		s := weekly(t)
		s.slack.fail = func(_, channel, _, _ string) (error, bool) { return refusal("is_archived", bot.ErrChannel), false }
		s.pass(c.mended)
		s.digests(0)
		s.slack.fail = nil
		s.pass(2 * time.Hour)
		s.digests(c.want)
		s.atRest()
	}
}

// TestDigestsKilledAnywhere kills the process, or lets it stand still, at every call of a digest's morning.
func TestDigestsKilledAnywhere(t *testing.T) {
	t.Parallel()
	reference := weekly(t)
	reference.pass(time.Hour)
	reference.digests(1)
	if reference.calls == 0 {
		t.Fatal("no calls")
	}
	for at := 1; at <= reference.calls; at++ {
		for way := range 4 {
			s := weekly(t)
			s.after = way&1 == 0
			if way&2 == 0 {
				s.kills = []int{at}
			} else {
				s.freezes = []int{at}
			}
			s.pass(time.Hour)
			s.wakeAll()
			s.pass(time.Minute)
			s.digests(1)
			s.atRest()
			if t.Failed() {
				t.Fatalf("call %d of %d, way %d", at, reference.calls, way)
			}
		}
	}
}

// TestADigestWhoseAnswerIsLost comes twice at most, where nobody can look whether Slack took it, and else once.
func TestADigestWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	for _, history := range []bool{true, false} {
		s := weekly(t)
		s.slack.noHistory = !history
		s.slack.fail = failing(1, kindDigest, errLost, true)
		s.pass(2 * time.Hour)
		want := 1
		if !history {
			want = 2
		}
		s.digests(want)
		s.atRest()
	}
}
