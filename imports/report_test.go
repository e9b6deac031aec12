package imports_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"importbot/bigfix"
	"importbot/imports"
)

// day says in short what a report says of a day.
func day(d imports.Day, loc *time.Location) string {
	text := fmt.Sprintf("%s %dh", d.Date.In(loc).Format("02 15:04"), int(d.Until.Sub(d.Date).Hours()))
	for _, part := range []struct {
		n    int
		name string
	}{{d.Succeeded, "succeeded"}, {d.RawOnly, "raw"}, {d.Failed, "failed"}, {d.Unclear, "unclear"}} {
		if part.n > 0 {
			text += fmt.Sprintf(" %d %s", part.n, part.name)
		}
	}
	if d.Covered {
		text += " covered"
	}
	if d.Seen {
		text += " seen"
	}
	return text + " " + d.Watched.String()
}

func gaps(r imports.Report, loc *time.Location) (all []string) {
	for _, g := range r.Gaps {
		all = append(all, fmt.Sprintf("%s–%s %d %s", g.From.In(loc).Format("02"), g.To.In(loc).Format("02"), g.Days, g.Why))
	}
	return all
}

// endedAt makes an import that ended then.
func endedAt(at time.Time, kind bigfix.ImportType, o imports.Outcome, took time.Duration) imports.Import {
	imp := imports.Import{Server: "prod", Type: kind, Origin: imports.Scheduled, State: imports.Ended, Outcome: o, EndedAt: at}
	if took > 0 {
		imp.BegunAt = at.Add(-took)
		imp.FirstRunning.At = imp.BegunAt
	}
	if o == imports.Unclear {
		imp.End = &imports.End{Status: bigfix.StatusSuccessful}
	}
	return imp
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// Days are those of the place, whatever its clocks do; those that nobody watched are never said to have been without import.
func TestReportDays(t *testing.T) {
	berlin, beirut := zone(t, "Europe/Berlin"), zone(t, "Asia/Beirut")
	all := []imports.Watched{{From: noon.AddDate(-1, 0, 0), To: noon.AddDate(1, 0, 0)}}
	at := func(loc *time.Location, month time.Month, date, hour, minute int) time.Time {
		return time.Date(2026, month, date, hour, minute, 0, 0, loc)
	}
	for _, tt := range []struct {
		name     string
		loc      *time.Location
		from, to time.Time
		imports  []imports.Import
		watched  []imports.Watched
		oneKind  bool
		days     []string
		gaps     []string
	}{
		{
			name: "clocks go forward", loc: berlin, from: at(berlin, 3, 28, 0, 0), to: at(berlin, 3, 31, 0, 0), watched: all,
			imports: []imports.Import{
				endedAt(at(berlin, 3, 28, 23, 59), bigfix.TypeComplete, imports.Succeeded, time.Hour),
				endedAt(at(berlin, 3, 30, 0, 0), bigfix.TypeComplete, imports.Succeeded, time.Hour),
			},
			days: []string{"28 00:00 24h 1 succeeded covered seen 24h0m0s", "29 00:00 23h seen 23h0m0s", "30 00:00 24h 1 succeeded covered seen 24h0m0s"},
			gaps: []string{"29–30 1 none"},
		},
		{
			name: "clocks go back", loc: berlin, from: at(berlin, 10, 25, 0, 0), to: at(berlin, 10, 26, 0, 0), watched: all,
			imports: []imports.Import{endedAt(at(berlin, 10, 25, 23, 59), bigfix.TypeComplete, imports.Succeeded, 0)},
			days:    []string{"25 00:00 25h 1 succeeded covered seen 25h0m0s"},
		},
		{
			name: "clocks go forward at midnight", loc: beirut, from: at(beirut, 3, 28, 12, 0), to: at(beirut, 3, 30, 12, 0), watched: all,
			days: []string{"28 00:00 24h seen 12h0m0s", "29 01:00 23h seen 23h0m0s", "30 00:00 24h seen 12h0m0s"},
			gaps: []string{"28–31 3 none"},
		},
		{
			name: "clocks go back at midnight", loc: beirut, from: at(beirut, 10, 24, 0, 0), to: at(beirut, 10, 26, 0, 0), watched: all,
			days: []string{"24 00:00 25h seen 25h0m0s", "25 00:00 24h seen 24h0m0s"},
			gaps: []string{"24–26 2 none"},
		},
		{
			name: "no place", from: at(time.UTC, 3, 1, 0, 0), to: at(time.UTC, 3, 1, 6, 0), watched: all,
			days: []string{"01 00:00 24h seen 6h0m0s"}, gaps: []string{"01–02 1 none"},
		},
		{
			name: "no time", from: at(time.UTC, 3, 1, 0, 0), to: at(time.UTC, 3, 1, 0, 0), watched: all,
		},
		{
			name: "reasons, merged", from: at(time.UTC, 3, 1, 0, 0), to: at(time.UTC, 3, 9, 0, 0),
			imports: []imports.Import{
				endedAt(at(time.UTC, 3, 1, 1, 0), bigfix.TypeComplete, imports.Failed, 0),
				endedAt(at(time.UTC, 3, 2, 1, 0), bigfix.TypeComplete, imports.Unknown, 0),
				endedAt(at(time.UTC, 3, 3, 1, 0), bigfix.TypeComplete, imports.Unclear, 0),
				endedAt(at(time.UTC, 3, 4, 1, 0), bigfix.TypeRaw, imports.Succeeded, 0),
				endedAt(at(time.UTC, 3, 8, 1, 0), bigfix.TypeRaw, imports.Succeeded, 0),
				endedAt(at(time.UTC, 3, 8, 2, 0), bigfix.TypeRaw, imports.Failed, 0),
				endedAt(at(time.UTC, 3, 8, 3, 0), "", imports.Succeeded, 0),
			},
			watched: []imports.Watched{
				{From: at(time.UTC, 3, 1, 0, 0), To: at(time.UTC, 3, 5, 23, 40)},
				{From: at(time.UTC, 3, 7, 0, 0), To: at(time.UTC, 3, 7, 10, 0)},
				{From: at(time.UTC, 3, 7, 9, 0), To: at(time.UTC, 3, 7, 12, 0)}, // a clock was put back
				{From: at(time.UTC, 3, 7, 12, 31), To: at(time.UTC, 3, 9, 0, 0)},
			},
			days: []string{
				"01 00:00 24h 1 failed seen 24h0m0s", "02 00:00 24h 1 failed seen 24h0m0s", "03 00:00 24h 1 unclear seen 24h0m0s",
				"04 00:00 24h 1 raw seen 24h0m0s", "05 00:00 24h seen 23h40m0s", "06 00:00 24h 0s", "07 00:00 24h 23h29m0s",
				"08 00:00 24h 1 succeeded 1 raw 1 failed covered seen 24h0m0s",
			},
			gaps: []string{"01–03 2 failed", "03–04 1 unclear", "04–05 1 raw", "05–06 1 none", "06–08 2 unwatched"},
		},
		{
			name: "every import counts", oneKind: true, from: at(time.UTC, 3, 1, 0, 0), to: at(time.UTC, 3, 2, 0, 0),
			imports: []imports.Import{endedAt(at(time.UTC, 3, 1, 1, 0), bigfix.TypeRaw, imports.Succeeded, 0)},
			days:    []string{"01 00:00 24h 1 succeeded covered 0s"},
		},
		{
			name: "a raw one that nobody watched", from: at(time.UTC, 3, 1, 0, 0), to: at(time.UTC, 3, 2, 0, 0),
			imports: []imports.Import{endedAt(at(time.UTC, 3, 1, 1, 0), bigfix.TypeRaw, imports.Succeeded, 0)},
			days:    []string{"01 00:00 24h 1 raw 0s"}, gaps: []string{"01–02 1 unwatched"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := imports.ReportOf(imports.ReportInput{
				Server: "prod", From: tt.from, To: tt.to, Location: tt.loc, OneKind: tt.oneKind, Imports: tt.imports, Watched: tt.watched,
			})
			loc := tt.loc
			if loc == nil {
				loc = time.UTC
			}
			var days []string
			covered := 0
			for _, d := range got.Days {
				days = append(days, day(d, loc))
				if d.Covered {
					covered++
				}
			}
			if diff := cmp.Diff(tt.days, days); diff != "" {
				t.Errorf("days (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.gaps, gaps(got, loc)); diff != "" || got.Covered != covered {
				t.Errorf("%d covered, gaps (-want +got):\n%s", got.Covered, diff)
			}
		})
	}
}

// Outcomes, who started what, and how long it took; what was never sent, is another server's or another time's is left out.
func TestReportCounts(t *testing.T) {
	end := noon
	by := func(imp imports.Import, user string) imports.Import {
		imp.Origin, imp.RequestedBy = imports.Here, user
		return imp
	}
	other := endedAt(end, bigfix.TypeRaw, imports.Succeeded, time.Hour)
	other.Server = "lab"
	late := endedAt(end, bigfix.TypeRaw, imports.Succeeded, 0)
	late.Origin, late.RequestedBy = imports.Late, "Uana"
	began := endedAt(end.AddDate(0, 0, 1), bigfix.TypeComplete, imports.Succeeded, 13*time.Hour) // ends beyond
	running := imports.Import{Server: "prod", Type: bigfix.TypeRaw, Origin: imports.Elsewhere, State: imports.Running, BegunAt: end}
	before := endedAt(end.Add(-12*time.Hour), bigfix.TypeComplete, imports.Succeeded, time.Hour) // began before
	strange := endedAt(end, "sideways", imports.Succeeded, time.Minute)
	strange.Origin = imports.Elsewhere
	unsent := imports.Import{Server: "prod", Origin: imports.Here, State: imports.Ended, RequestedBy: "Uana", EndedAt: end}
	var list []imports.Import
	for _, o := range []imports.Outcome{imports.Refused, imports.Expired, imports.Cancelled} {
		unsent.Outcome = o
		list = append(list, unsent)
	}
	waits := unsent
	waits.State, waits.Outcome, waits.EndedAt = imports.Waiting, "", time.Time{}
	list = append(list, waits, other, late, began, before, running, strange,
		by(endedAt(end, bigfix.TypeRaw, imports.NotBegun, 0), "Uben"),
		by(endedAt(end, bigfix.TypeRaw, imports.Failed, time.Minute), "Uana"),
		by(endedAt(end, bigfix.TypeRaw, imports.Succeeded, 3*time.Minute), "Uana"),
		endedAt(end, bigfix.TypeComplete, imports.Succeeded, 60*time.Minute),
		endedAt(end, bigfix.TypeComplete, imports.Succeeded, 40*time.Minute),
		endedAt(end, bigfix.TypeComplete, imports.Succeeded, 0),
		endedAt(end.AddDate(0, 0, -1), bigfix.TypeComplete, imports.Succeeded, time.Minute),
	)
	got := imports.ReportOf(imports.ReportInput{
		Server: "prod", From: noon.Add(-12 * time.Hour), To: noon.Add(12 * time.Hour), Location: time.UTC, Imports: list,
	})
	var lines []string
	for _, s := range got.Started {
		lines = append(lines, fmt.Sprintf("%s %s %d %v %v", s.Origin, s.UserID, s.Imports, s.ByType, s.Outcomes))
	}
	for _, d := range got.Durations {
		lines = append(lines, fmt.Sprintf("%s %d %s %s %s", d.Type, d.N, d.Low, d.Median, d.High))
	}
	lines = append(lines, fmt.Sprintf("%v, %d running", got.Outcomes, got.Running), fmt.Sprint(got.ByType))
	want := []string{
		"here Uana 2 map[raw_only:2] map[failed:1 succeeded:1]",
		"here Uben 1 map[raw_only:1] map[not_begun:1]",
		"scheduled  4 map[complete:4] map[succeeded:4]",
		"elsewhere  2 map[raw_only:1 sideways:1] map[succeeded:1]",
		"late  1 map[raw_only:1] map[succeeded:1]",
		"complete 3 40m0s 1h0m0s 1h0m0s",
		"raw_only 1 3m0s 3m0s 3m0s",
		"sideways 1 1m0s 1m0s 1m0s",
		"map[failed:1 not_begun:1 succeeded:7], 2 running",
		"map[complete:map[succeeded:4] raw_only:map[failed:1 not_begun:1 succeeded:2] sideways:map[succeeded:1]]",
	}
	if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(lines, "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
