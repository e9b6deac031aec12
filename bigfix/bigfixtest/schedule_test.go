package bigfixtest_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("it needs the time zones, of the system or of Go's lib/time: %v", err)
	}
	return zone
}

// The daily import is due by the clocks on the wall: across the change of
// daylight saving time, and where the hour is left out or comes twice, once a
// day all the same.
func TestLocalSchedule(t *testing.T) {
	zone := berlin(t)
	for _, tt := range []struct {
		name  string
		daily bigfixtest.Schedule
		begin time.Time
		gaps  []time.Duration
	}{
		{"midnight, into summer", bigfixtest.Schedule{Location: zone},
			time.Date(2026, 3, 28, 12, 0, 0, 0, zone), []time.Duration{23 * time.Hour, 24 * time.Hour}},
		{"midnight, out of summer", bigfixtest.Schedule{Location: zone},
			time.Date(2026, 10, 24, 12, 0, 0, 0, zone), []time.Duration{25 * time.Hour, 24 * time.Hour}},
		{"the hour that is left out", bigfixtest.Schedule{Location: zone, At: 2*time.Hour + 30*time.Minute},
			time.Date(2026, 3, 27, 12, 0, 0, 0, zone), []time.Duration{24 * time.Hour, 23 * time.Hour}},
		{"the hour that comes twice", bigfixtest.Schedule{Location: zone, At: 2*time.Hour + 30*time.Minute},
			time.Date(2026, 10, 23, 12, 0, 0, 0, zone), []time.Duration{25 * time.Hour, 24 * time.Hour}},
		{"in UTC nothing changes", bigfixtest.Schedule{},
			time.Date(2026, 3, 28, 12, 0, 0, 0, zone), []time.Duration{24 * time.Hour, 24 * time.Hour}},
		{"on workdays only", bigfixtest.Schedule{Days: []time.Weekday{time.Friday, time.Monday}},
			time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC), []time.Duration{72 * time.Hour, 96 * time.Hour}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &story{Sim: bigfixtest.NewSim(tt.begin, bigfixtest.WithSchedule(tt.daily)), t: t, now: tt.begin}
			s.pass(11 * 24 * time.Hour)
			all := s.Imports(s.now)
			var gaps []time.Duration
			for i := range min(len(all)-1, len(tt.gaps)) {
				gaps = append(gaps, all[i+1].Began.Sub(all[i].Began))
			}
			if !slices.Equal(gaps, tt.gaps) {
				t.Errorf("they lie %v apart, want %v: %v", gaps, tt.gaps, all)
			}
		})
	}
}

// What is said of the next import agrees with when it begins, in the night in
// which the clocks change too.
func TestLocalScheduleIsAnnounced(t *testing.T) {
	zone := berlin(t)
	begin := time.Date(2026, 3, 28, 12, 0, 0, 0, zone)
	s := &story{Sim: bigfixtest.NewSim(begin, bigfixtest.WithSchedule(bigfixtest.Schedule{Location: zone, At: 4 * time.Hour})), t: t, now: begin}
	got := s.look()
	if want := begin.Add(15 * time.Hour).UTC(); !got.NextImportTime.Equal(want) || *got.NextImportIn != 15*time.Hour {
		t.Errorf("next in %s at %s, want %s", got.NextImportIn, got.NextImportTime, want)
	}
	if want := time.Date(2026, 3, 28, 4, 42, 0, 0, zone); !got.LastImportTime.Equal(want) {
		t.Errorf("last at %s, want %s", got.LastImportTime.In(zone), want)
	}
	s.pass(15*time.Hour + time.Second)
	s.mode(bigfix.ModeRunning)
}

// Somebody moves the schedule, takes it away and brings it back.
func TestScheduleIsChanged(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{})
	s.SetSchedule(s.now, bigfixtest.Schedule{At: 15 * time.Hour, Type: bigfix.TypeRaw})
	if got := s.look(); !got.NextImportTime.Equal(midday.Add(3*time.Hour)) || got.NextImportType != bigfix.TypeRaw {
		t.Errorf("moved: next is %s, %s", got.NextImportType, got.NextImportTime)
	}
	s.pass(14 * time.Hour) // past what was the schedule before
	if all := s.Imports(s.now); len(all) != 1 || all[0].Type != bigfix.TypeRaw {
		t.Errorf("moved: imports: %+v", all)
	}
	s.SetSchedule(s.now, bigfixtest.Schedule{Off: true})
	if got := s.look(); !got.NextImportTime.IsZero() || got.NextImportIn != nil {
		t.Errorf("taken away: next is %s", got.NextImportTime)
	}
	s.pass(100 * time.Hour)
	s.SetSchedule(s.now, bigfixtest.Schedule{At: time.Hour})
	if n := len(s.Imports(s.now)); n != 1 {
		t.Errorf("%d imports, though none was scheduled", n)
	}
	if s.Schedule().At != time.Hour || s.look().NextImportTime.IsZero() {
		t.Errorf("brought back: %+v", s.look())
	}
}

// What is planned for the next imports goes before what WithPlan says, once
// each.
func TestPlanNext(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{}, bigfixtest.WithPlan(func(bigfixtest.Import) bigfixtest.Plan {
		return bigfixtest.Plan{Duration: 7 * time.Minute}
	}))
	s.PlanNext(bigfixtest.Plan{Fails: true, Duration: time.Minute})
	s.PlanNext(bigfixtest.Plan{Duration: 9 * time.Minute})
	var got []string
	for range 3 {
		s.start(bigfix.TypeRaw)
		s.pass(10 * time.Minute)
		imp, _ := s.Latest(s.now)
		got = append(got, fmt.Sprint(imp.Outcome, " after ", imp.Ended.Sub(imp.Began)))
	}
	if want := []string{"failed after 1m0s", "succeeded after 9m0s", "succeeded after 7m0s"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An import that rests shows one progress for that long, goes on from there,
// and takes longer by it.
func TestRest(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{Progress: bigfixtest.ProgressLinear})
	s.PlanNext(bigfixtest.Plan{Duration: 100 * time.Minute, RestAt: 59, RestFor: time.Hour})
	s.start(bigfix.TypeComplete)
	for _, step := range []struct {
		pass time.Duration
		want int
	}{{50 * time.Minute, 50}, {9 * time.Minute, 59}, {30 * time.Minute, 59}, {30 * time.Minute, 59}, {11 * time.Minute, 70}, {29 * time.Minute, 99}} {
		s.pass(step.pass)
		if got := *s.look().Progress; got != step.want {
			t.Errorf("after %s: %d %%, want %d", s.now.Sub(midday), got, step.want)
		}
	}
	s.pass(time.Minute)
	s.mode(bigfix.ModeIdle)
	if imp := s.truth(1); imp.Outcome != bigfixtest.Succeeded || imp.Ended.Sub(imp.Began) != 160*time.Minute {
		t.Errorf("got %+v", imp)
	}
}

// One that rests for ever is ended by a restart only.
func TestHang(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{})
	s.PlanNext(bigfixtest.Plan{RestAt: 96, RestFor: 365 * 24 * time.Hour})
	s.start(bigfix.TypeComplete)
	s.pass(30 * 24 * time.Hour)
	if got := s.look(); got.Mode != bigfix.ModeRunning || *got.Progress != 96 {
		t.Errorf("a month later: %s, %d %%", got.Mode, *got.Progress)
	}
	s.RestartAt(s.now, time.Minute)
	s.pass(2 * time.Minute)
	s.mode(bigfix.ModeIdle)
}
