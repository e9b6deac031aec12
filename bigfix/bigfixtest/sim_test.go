package bigfixtest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

// before is where last_import_time stands when the stories begin: last night.
const before = -11*time.Hour - 18*time.Minute

func TestPlainImport(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{})
	s.mode(bigfix.ModeIdle)
	s.lastImport(before)
	if got := s.start(bigfix.TypeComplete); got.Mode != bigfix.ModeRunning || *got.Progress != 0 {
		t.Errorf("answer to run=: %+v", got)
	}
	s.pass(21 * time.Minute)
	running := s.look()
	want := bigfix.Status{
		Mode: bigfix.ModeRunning, CanRunImports: new(true), Progress: new(47), Date: s.now,
		ImportStatusURL: "/import_status", ImportCreateURL: "/management/imports",
	}
	if diff := cmp.Diff(want, running); diff != "" {
		t.Errorf("halfway, want (-), got (+):\n%s", diff)
	}
	s.pass(21 * time.Minute)
	want = bigfix.Status{
		Mode: bigfix.ModeIdle, CanRunImports: new(true), Date: s.now,
		ImportStatusURL: "/import_status", ImportCreateURL: "/management/imports",
		LastStatus: "successful", LastSuccessTime: s.now, LastImportTime: s.now, LastImportType: "complete",
		NextImportTime: midday.Add(12 * time.Hour), NextImportIn: new(11*time.Hour + 18*time.Minute), NextImportType: "complete",
	}
	if diff := cmp.Diff(want, s.look()); diff != "" {
		t.Errorf("afterwards, want (-), got (+):\n%s", diff)
	}
	wantTruth := bigfixtest.Import{ID: 1, Type: "complete", Origin: bigfixtest.Requested, Asked: midday, Began: midday,
		Ended: s.now, Outcome: bigfixtest.Succeeded, Word: "successful"}
	if diff := cmp.Diff(wantTruth, s.truth(1)); diff != "" {
		t.Errorf("truth, want (-), got (+):\n%s", diff)
	}
}

func TestNeverImported(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{}, bigfixtest.WithLast(bigfixtest.Last{}))
	if got := s.look(); got.Mode != bigfix.ModeNone || !got.LastImportTime.IsZero() || !got.NextImportTime.IsZero() {
		t.Errorf("got %+v", got)
	}
	s.start(bigfix.TypeRaw)
	s.mode(bigfix.ModeRunning)
	s.pass(3 * time.Minute)
	s.mode(bigfix.ModeIdle)
}

func TestPending(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{})
	s.SetPending(true)
	s.mode(bigfix.ModePending)
	s.start(bigfix.TypeRaw)
	s.pass(3 * time.Minute)
	s.mode(bigfix.ModePending) // a raw import brings nothing into the pages
	s.start(bigfix.TypeComplete)
	s.mode(bigfix.ModeRunning)
	s.pass(42 * time.Minute)
	s.mode(bigfix.ModeIdle)
}

func TestSchedule(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{})
	s.pass(3*24*time.Hour + time.Minute)
	got := s.Imports(s.now)
	if len(got) != 3 || got[2].Origin != bigfixtest.Scheduled || !got[2].Began.Equal(midday.Add(60*time.Hour)) {
		t.Errorf("imports: %+v", got)
	}
	s.Set(func(d *bigfixtest.Doubts) { d.ScheduleDead = true })
	s.pass(24 * time.Hour)
	if n := len(s.Imports(s.now)); n != 3 {
		t.Errorf("%d imports, though the schedule is dead", n)
	}
	if s.look().NextImportTime.IsZero() {
		t.Error("a dead schedule is announced no more")
	}
}

// A server that is to run for days keeps the newest imports, and goes on as one that keeps all.
func TestKeptImports(t *testing.T) {
	const keep, all = 8, 100
	d := bigfixtest.Doubts{AfterRestart: bigfixtest.RestartAnew}
	s, whole := newStory(t, d, bigfixtest.WithJournal(keep)), newStory(t, d)
	for i := range all {
		for _, s := range []*story{s, whole} {
			s.StartByHand(s.now, bigfix.TypeRaw)
			if i%10 == 0 {
				s.RestartAt(s.now.Add(time.Minute), time.Minute)
			}
			s.pass(10 * time.Minute)
		}
		want := whole.Imports(whole.now)
		got := s.Imports(s.now)
		if n := len(got); n > keep+keep/4 || n < min(keep, len(want)) {
			t.Fatalf("%d of %d are kept", n, len(want))
		}
		if diff := cmp.Diff(want[len(want)-len(got):], got); diff != "" {
			t.Fatalf("want (-), got (+):\n%s", diff)
		}
		if diff := cmp.Diff(whole.look(), s.look()); diff != "" {
			t.Fatalf("status, want (-), got (+):\n%s", diff)
		}
	}
}

func TestNoSchedule(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{}, bigfixtest.WithSchedule(bigfixtest.Schedule{Off: true}))
	s.pass(100 * time.Hour)
	if got := s.look(); !got.NextImportTime.IsZero() || got.NextImportIn != nil || got.NextImportType != "" || len(s.Imports(s.now)) != 0 {
		t.Errorf("got %+v", got)
	}
}

// Skew moves every time that the server tells, and when it thinks that
// midnight is, but not the truth.
func TestSkew(t *testing.T) {
	for _, skew := range []time.Duration{10 * time.Minute, time.Hour, -time.Hour} {
		s := newStory(t, bigfixtest.Doubts{Skew: skew})
		if got := s.look(); !got.ServerTime().Equal(midday.Add(skew)) || !got.Date.Equal(got.ServerTime()) {
			t.Errorf("%s: server time is %s, Date %s", skew, got.ServerTime(), got.Date)
		}
		s.start(bigfix.TypeRaw)
		s.pass(3 * time.Minute)
		s.lastImport(3*time.Minute + skew)
		s.pass(13 * time.Hour)
		if got := s.truth(2); !got.Began.Equal(midday.Add(12*time.Hour - skew)) {
			t.Errorf("%s: the nightly import began at %s", skew, got.Began)
		}
	}
}

func TestStartDoubts(t *testing.T) {
	t.Run("idle for a while", func(t *testing.T) {
		s := newStory(t, bigfixtest.Doubts{StartLag: time.Minute})
		if got := s.start(bigfix.TypeRaw).Mode; got != bigfix.ModeIdle {
			t.Errorf("answer to run= is %q", got)
		}
		s.pass(59 * time.Second)
		s.mode(bigfix.ModeIdle)
		s.pass(time.Second)
		s.mode(bigfix.ModeRunning)
	})
	t.Run("running for a while before it shows", func(t *testing.T) {
		s := newStory(t, bigfixtest.Doubts{ShowLag: time.Minute})
		s.start(bigfix.TypeRaw)
		s.pass(59 * time.Second)
		s.mode(bigfix.ModeIdle)
		s.pass(time.Second)
		s.mode(bigfix.ModeRunning)
		s.pass(2 * time.Minute)
		s.mode(bigfix.ModeIdle)
	})
	t.Run("moved before running", func(t *testing.T) {
		s := newStory(t, bigfixtest.Doubts{StartLag: time.Minute, MovedBeforeRunning: true, ImportTime: bigfixtest.MomentStart})
		s.start(bigfix.TypeRaw)
		s.lastImport(0)
		s.mode(bigfix.ModeIdle)
		s.pass(4 * time.Minute)
		s.lastImport(0)
		if got := s.look(); got.LastStatus != "successful" || !got.LastSuccessTime.Equal(midday) {
			t.Errorf("afterwards: %+v", got)
		}
	})
	t.Run("stale answer", func(t *testing.T) {
		s := newStory(t, bigfixtest.Doubts{RunAnswer: bigfixtest.AnswerStale})
		if got := s.start(bigfix.TypeRaw).Mode; got != bigfix.ModeIdle {
			t.Errorf("answer is %q", got)
		}
		s.mode(bigfix.ModeRunning)
	})
	t.Run("an error, and it runs all the same", func(t *testing.T) {
		for _, a := range []bigfixtest.Answer{bigfixtest.AnswerDrop, bigfixtest.AnswerHang, bigfixtest.AnswerCut, bigfixtest.Answer500, bigfixtest.Answer502, bigfixtest.AnswerHTML} {
			s := newStory(t, bigfixtest.Doubts{RunAnswer: a})
			if _, err := s.Run(s.now, bigfix.TypeRaw); err == nil {
				t.Errorf("%s: no error", a)
			}
			s.mode(bigfix.ModeRunning)
		}
	})
	t.Run("dropped", func(t *testing.T) {
		s := newStory(t, bigfixtest.Doubts{DropRun: true})
		s.start(bigfix.TypeRaw)
		s.pass(time.Hour)
		if n := len(s.Imports(s.now)); n != 0 {
			t.Errorf("%d imports began", n)
		}
	})
}

func TestRunWhileRunning(t *testing.T) {
	for what, wantImports := range map[bigfixtest.WhileRunning]int{bigfixtest.RunDropped: 1, bigfixtest.RunQueued: 2, bigfixtest.RunRefused: 1} {
		s := newStory(t, bigfixtest.Doubts{WhileRunning: what})
		s.StartByHand(s.now, bigfix.TypeComplete)
		s.pass(time.Minute)
		_, err := s.Run(s.now, bigfix.TypeRaw)
		if refused := what == bigfixtest.RunRefused; refused != (kind(err) == bigfix.ErrBadRequest) {
			t.Errorf("%q: %v", what, err)
		}
		s.pass(41 * time.Minute)
		if got := s.Imports(s.now); len(got) != wantImports {
			t.Errorf("%q: imports %+v", what, got)
		}
	}
}

// The nightly import comes between a request and its beginning.
func TestNightlyInTheSameMinute(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{StartLag: time.Minute})
	s.pass(12*time.Hour - 30*time.Second)
	s.start(bigfix.TypeRaw)
	s.pass(time.Hour)
	if got := s.Imports(s.now); len(got) != 1 || got[0].Origin != bigfixtest.Scheduled {
		t.Errorf("imports: %+v", got)
	}
}

func TestEndDoubts(t *testing.T) {
	fails := bigfixtest.WithPlan(func(bigfixtest.Import) bigfixtest.Plan {
		return bigfixtest.Plan{Duration: 12 * time.Minute, Fails: true}
	})
	for _, tt := range []struct {
		name       string
		doubts     bigfixtest.Doubts
		opts       []bigfixtest.Option
		wait       time.Duration // beyond the 12 minutes that a failure takes
		status     bigfix.LastStatus
		lastImport time.Duration
		success    time.Duration
		typ        bigfix.ImportType
	}{
		{name: "failed", opts: []bigfixtest.Option{fails}, status: "failed", lastImport: 12 * time.Minute, success: before, typ: "raw_only"},
		{name: "failed in other words", opts: []bigfixtest.Option{fails}, doubts: bigfixtest.Doubts{FailureWord: "Fehler"},
			status: "Fehler", lastImport: 12 * time.Minute, success: before, typ: "raw_only"},
		{name: "failure moves the word only", opts: []bigfixtest.Option{fails}, doubts: bigfixtest.Doubts{OnFailure: bigfixtest.FailureWordOnly},
			status: "failed", lastImport: before, success: before, typ: "complete"},
		{name: "failure moves nothing", opts: []bigfixtest.Option{fails}, doubts: bigfixtest.Doubts{OnFailure: bigfixtest.FailureSilent},
			status: "successful", lastImport: before, success: before, typ: "complete"},
		{name: "time of the start", doubts: bigfixtest.Doubts{ImportTime: bigfixtest.MomentStart},
			status: "successful", lastImport: 0, success: 0, typ: "raw_only"},
		{name: "time of the start, success of the end", doubts: bigfixtest.Doubts{ImportTime: bigfixtest.MomentStart, SuccessTime: bigfixtest.MomentEnd},
			status: "successful", lastImport: 0, success: 3 * time.Minute, typ: "raw_only"},
		{name: "no word, no type", doubts: bigfixtest.Doubts{NoLastStatus: true, NoLastType: true},
			lastImport: 3 * time.Minute, success: 3 * time.Minute},
		{name: "not yet", doubts: bigfixtest.Doubts{EndLag: 10 * time.Minute}, wait: -3 * time.Minute,
			status: "successful", lastImport: before, success: before, typ: "complete"},
		{name: "at last", doubts: bigfixtest.Doubts{EndLag: 10 * time.Minute}, wait: time.Minute,
			status: "successful", lastImport: 3 * time.Minute, success: 3 * time.Minute, typ: "raw_only"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStory(t, tt.doubts, tt.opts...)
			s.start(bigfix.TypeRaw)
			s.pass(12*time.Minute + tt.wait)
			got := s.look()
			if got.LastStatus != tt.status || got.LastImportType != tt.typ ||
				!got.LastImportTime.Equal(midday.Add(tt.lastImport)) || !got.LastSuccessTime.Equal(midday.Add(tt.success)) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestHideRunning(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{HideRunning: true})
	s.start(bigfix.TypeRaw)
	s.pass(time.Minute)
	s.mode(bigfix.ModeIdle)
	s.lastImport(before)
	if !s.Busy(s.now) {
		t.Error("nothing runs")
	}
	s.pass(2 * time.Minute)
	s.lastImport(3 * time.Minute)
}

func TestAnotherRightBehind(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{RightBehind: true, BehindGap: 5 * time.Second, BehindType: bigfix.TypeRaw})
	s.start(bigfix.TypeRaw)
	s.pass(3 * time.Minute)
	s.mode(bigfix.ModeIdle)
	s.pass(5 * time.Second)
	s.mode(bigfix.ModeRunning)
	s.pass(time.Hour)
	if got := s.Imports(s.now); len(got) != 2 || got[1].Origin != bigfixtest.ByHand {
		t.Errorf("imports: %+v", got)
	}
}

func TestRestartInMidImport(t *testing.T) {
	for _, tt := range []struct {
		after      bigfixtest.AfterRestart
		outcomes   []bigfixtest.Outcome
		modeAfter  bigfix.Mode
		status     bigfix.LastStatus // an hour later
		lastImport time.Duration
	}{
		{bigfixtest.RestartForgets, []bigfixtest.Outcome{bigfixtest.Interrupted}, bigfix.ModeIdle, "successful", before},
		{bigfixtest.RestartFails, []bigfixtest.Outcome{bigfixtest.Interrupted}, bigfix.ModeIdle, "failed", 15 * time.Minute},
		{bigfixtest.RestartAnew, []bigfixtest.Outcome{bigfixtest.Interrupted, bigfixtest.Succeeded}, bigfix.ModeRunning, "successful", 57 * time.Minute},
		{bigfixtest.RestartResumes, []bigfixtest.Outcome{bigfixtest.Succeeded}, bigfix.ModeRunning, "successful", 47 * time.Minute},
	} {
		t.Run(string(tt.after), func(t *testing.T) {
			s := newStory(t, bigfixtest.Doubts{AfterRestart: tt.after})
			s.start(bigfix.TypeComplete)
			s.RestartAt(midday.Add(10*time.Minute), 5*time.Minute)
			s.pass(12 * time.Minute)
			if _, err := s.Status(s.now); kind(err) != bigfix.ErrUnavailable {
				t.Errorf("while it restarts: %v", err)
			}
			if _, err := s.Run(s.now, bigfix.TypeRaw); kind(err) != bigfix.ErrUnavailable {
				t.Errorf("while it restarts: %v", err)
			}
			s.pass(3 * time.Minute)
			s.mode(tt.modeAfter)
			s.pass(time.Hour)
			if got := s.look(); got.LastStatus != tt.status || !got.LastImportTime.Equal(midday.Add(tt.lastImport)) {
				t.Errorf("an hour later: %+v", got)
			}
			var outcomes []bigfixtest.Outcome
			for _, imp := range s.Imports(s.now) {
				outcomes = append(outcomes, imp.Outcome)
			}
			if diff := cmp.Diff(tt.outcomes, outcomes); diff != "" {
				t.Errorf("truth, want (-), got (+):\n%s", diff)
			}
		})
	}
}

// The course of an import can include a restart; a nightly import that is due
// while the server is away is missed.
func TestPlannedRestart(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{}, bigfixtest.WithPlan(func(bigfixtest.Import) bigfixtest.Plan {
		return bigfixtest.Plan{RestartAfter: time.Minute, DownFor: 2 * time.Minute}
	}))
	s.pass(12*time.Hour - 2*time.Minute)
	s.start(bigfix.TypeRaw)
	s.pass(time.Hour)
	if got := s.Imports(s.now); len(got) != 1 || got[0].Outcome != bigfixtest.Interrupted || got[0].Restarts != 1 {
		t.Errorf("imports: %+v", got)
	}
}

func TestProgressShapes(t *testing.T) {
	for shape, check := range map[bigfixtest.Progress]func(all []int) bool{
		bigfixtest.ProgressUsual:     func(all []int) bool { return falls(all) == 0 && all[0] == 0 && all[99] >= 98 },
		bigfixtest.ProgressLinear:    func(all []int) bool { return falls(all) == 0 && all[50] == 50 },
		bigfixtest.ProgressRests:     func(all []int) bool { return falls(all) == 0 && all[70] == 99 && all[99] == 99 },
		bigfixtest.ProgressFallsBack: func(all []int) bool { return falls(all) == 1 && all[99] > 95 },
		bigfixtest.ProgressResets:    func(all []int) bool { return falls(all) == 1 && all[67] < 5 },
		bigfixtest.ProgressJumps:     func(all []int) bool { return falls(all) == 0 && all[90] == 0 && all[99] == 100 },
	} {
		s := newStory(t, bigfixtest.Doubts{Progress: shape}, bigfixtest.WithDuration(bigfix.TypeComplete, 100*time.Minute))
		s.start(bigfix.TypeComplete)
		var all []int
		for range 100 {
			all = append(all, *s.look().Progress)
			s.pass(time.Minute)
		}
		if !check(all) {
			t.Errorf("%q: %v", shape, all)
		}
	}
	s := newStory(t, bigfixtest.Doubts{Progress: bigfixtest.ProgressAbsent})
	s.start(bigfix.TypeComplete)
	if got := s.look(); got.Progress != nil {
		t.Errorf("absent progress is %d", *got.Progress)
	}
}

// falls counts how often a series goes down, and checks that it is a percentage.
func falls(all []int) int {
	n := 0
	for i, p := range all {
		if p < 0 || p > 100 {
			return -1
		}
		if i > 0 && p < all[i-1] {
			n++
		}
	}
	return n
}

func TestPermission(t *testing.T) {
	for _, tt := range []struct {
		permission bigfixtest.Permission
		look, run  bigfix.Kind
		flag       bool
	}{
		{bigfixtest.PermissionGranted, "", "", true},
		{bigfixtest.PermissionFlag, "", "", false},
		{bigfixtest.PermissionRun403, "", bigfix.ErrForbidden, false},
		{bigfixtest.PermissionAll403, bigfix.ErrForbidden, bigfix.ErrForbidden, false},
	} {
		s := newStory(t, bigfixtest.Doubts{Permission: tt.permission})
		st, err := s.Status(s.now)
		if kind(err) != tt.look || err == nil && st.MayRun() != tt.flag {
			t.Errorf("%q: look %+v, %v", tt.permission, st, err)
		}
		if _, err := s.Run(s.now, bigfix.TypeRaw); kind(err) != tt.run {
			t.Errorf("%q: run %v", tt.permission, err)
		}
		if began := len(s.Imports(s.now)) > 0; began != tt.flag {
			t.Errorf("%q: an import began: %t", tt.permission, began)
		}
	}
}

func TestLooksFail(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{LooksFail: 0.3}, bigfixtest.WithSeed(7))
	s.look()
	s.start(bigfix.TypeComplete)
	failed := 0
	for range 1000 {
		if _, err := s.Status(s.now); kind(err) == bigfix.ErrBadRequest {
			failed++
		}
		s.pass(time.Second)
	}
	if failed < 250 || failed > 350 {
		t.Errorf("%d of 1000 looks failed, want about 300", failed)
	}
}

func TestHistoryIsChanged(t *testing.T) {
	s := newStory(t, bigfixtest.Doubts{})
	s.SetLast(bigfixtest.Last{Status: "successful", ImportTime: midday.Add(-100 * time.Hour)})
	s.lastImport(-100 * time.Hour)
}

// The same seed and the same questions have the same answers, and time never
// goes back.
func TestSimIsDeterministic(t *testing.T) {
	play := func() []bigfix.Status {
		r := rand.New(rand.NewPCG(1, 2))
		s := bigfixtest.NewSim(midday, bigfixtest.WithDoubts(bigfixtest.Random(r)), bigfixtest.WithSeed(9))
		var all []bigfix.Status
		for i := range 2000 {
			now := midday.Add(time.Duration(i-r.IntN(3)) * time.Minute)
			if r.IntN(50) == 0 {
				_, _ = s.Run(now, bigfix.TypeRaw)
			}
			st, _ := s.Status(now)
			all = append(all, st)
		}
		return all
	}
	if diff := cmp.Diff(play(), play()); diff != "" {
		t.Error(diff)
	}
}

// Random deals every way to start and to show imports, each with and without
// an import behind it where the answer does not tell.
func TestRandomDealsEveryDoubt(t *testing.T) {
	dealt := make(map[string]bool)
	for seed := range uint64(20_000) {
		d := bigfixtest.Random(rand.New(rand.NewPCG(seed, 4)))
		dealt[fmt.Sprintf("run %s dropped %t", d.RunAnswer, d.DropRun)] = true
		dealt["token "+string(d.WrongToken)] = true
		dealt["permission "+string(d.Permission)] = true
		dealt["success "+d.SuccessWord] = true
	}
	want := []string{"success ", "success Erfolgreich"}
	for _, a := range []string{
		"", "stale", "empty", "text", "nomode", "oddmode", "html", "redirect", "cut", "huge", "drop", "hang",
		"400", "401", "403", "404", "500", "500bare", "502", "503",
	} {
		want = append(want, "run "+a+" dropped false", "run "+a+" dropped true")
	}
	for _, a := range []string{"401", "403", "404", "500", "html", "redirect"} {
		want = append(want, "token "+a)
	}
	for _, p := range []string{"", "flag", "run403", "all403"} {
		want = append(want, "permission "+p)
	}
	for _, w := range want {
		if !dealt[w] {
			t.Errorf("never dealt: %s", w)
		}
	}
}

// However the doubts fall, the truth hangs together: one import at a time, in
// order, each ended once, and no request with more than one import.
func TestTruthHangsTogether(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 0))
		s := bigfixtest.NewSim(midday, bigfixtest.WithDoubts(bigfixtest.Random(r)), bigfixtest.WithSeed(seed),
			bigfixtest.WithPlan(func(bigfixtest.Import) bigfixtest.Plan {
				p := bigfixtest.Plan{Duration: time.Duration(1+r.IntN(7200)) * time.Second, Fails: r.IntN(4) == 0}
				if r.IntN(5) == 0 {
					p.RestartAfter, p.DownFor = p.Duration/2, time.Duration(r.IntN(600))*time.Second
				}
				return p
			}))
		now := midday
		for range 60 {
			now = now.Add(time.Duration(r.IntN(7200)) * time.Second)
			_, _ = s.Run(now, bigfix.TypeRaw)
		}
		imports := s.Imports(now.Add(48 * time.Hour))
		for i, imp := range imports {
			if imp.ID != i+1 || i > 0 && imp.Began.Before(imports[i-1].Ended) {
				t.Fatalf("seed %d: imports overlap:\n%+v\n%+v", seed, imports[max(i-1, 0)], imp)
			}
			if running := imp.Outcome == bigfixtest.Running; running != imp.Ended.IsZero() || running && i < len(imports)-1 {
				t.Fatalf("seed %d: %+v", seed, imp)
			}
		}
	}
}

// BenchmarkImport plays one import with a look every 30 seconds.
func BenchmarkImport(b *testing.B) {
	s := bigfixtest.NewSim(midday)
	now := midday
	for b.Loop() {
		_, _ = s.Run(now, bigfix.TypeRaw)
		for range 8 {
			now = now.Add(30 * time.Second)
			_, _ = s.Status(now)
		}
	}
}
