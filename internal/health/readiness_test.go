package health

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
)

// noted is a log that can be read.
func noted() (*logrus.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	log := logrus.New()
	log.SetOutput(&b)
	log.SetLevel(logrus.DebugLevel)
	return log, &b
}

// after lets time pass on a synctest clock.
func after(d time.Duration) { <-time.After(d) }

func well(name string) Probe {
	return Probe{Name: name, Ask: func(context.Context) []Check { return []Check{{Name: name, OK: true, Detail: "fine"}} }}
}

func mustReport(t *testing.T, r *Readiness) []Check {
	t.Helper()
	report, err := r.Report(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return report.Checks
}

func TestAHundredQuestionsASecondAskTheProbesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		log, _ := noted()
		r := NewReadiness(log, Probe{Name: "database", Ask: func(context.Context) []Check {
			asked.Add(1)
			after(200 * time.Millisecond)
			return []Check{{Name: "database", OK: true}}
		}})
		const seconds = 6
		var answered atomic.Int64
		for range 100 * seconds {
			go func() {
				if r.Ready(t.Context()) {
					answered.Add(1)
				}
			}()
			after(10 * time.Millisecond)
		}
		after(time.Second)
		synctest.Wait()
		if got := answered.Load(); got != 100*seconds {
			t.Errorf("%d of %d questions were answered with ready", got, 100*seconds)
		}
		if got := asked.Load(); got < seconds-1 || got > seconds {
			t.Errorf("the probe was asked %d times in %d s", got, seconds)
		}
	})
}

func TestAProbeThatHangsFailsAfterTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		var asked atomic.Int64
		log, _ := noted()
		r := NewReadiness(log, well("slack"), Probe{Name: "database", Ask: func(context.Context) []Check {
			if asked.Add(1) == 2 {
				<-hang // whatever its context says
			}
			return []Check{{Name: "database", OK: true}, {Name: "schema", OK: true}}
		}})
		fine := []Check{{"slack", true, "fine"}, {"database", true, ""}, {"schema", true, ""}}
		if diff := cmp.Diff(fine, mustReport(t, r)); diff != "" {
			t.Fatal(diff)
		}
		after(Fresh)
		began := time.Now()
		hung := []Check{{"slack", true, "fine"}, {"database", false, "no answer within 2s"}, {"schema", false, "no answer within 2s"}}
		if diff := cmp.Diff(hung, mustReport(t, r)); diff != "" {
			t.Error(diff)
		}
		if took := time.Since(began); took != ProbeWithin {
			t.Errorf("the report took %s", took)
		}
		after(Fresh)
		hung[1].Detail, hung[2].Detail = "no answer within 5s", "no answer within 5s"
		if diff := cmp.Diff(hung, mustReport(t, r)); diff != "" {
			t.Error(diff)
		}
		if got := asked.Load(); got != 2 {
			t.Errorf("a probe that hangs was asked %d times", got-1)
		}

		// Its late answer is of then; the next question gets one of now.
		close(hang)
		after(time.Hour)
		if diff := cmp.Diff(fine, mustReport(t, r)); diff != "" {
			t.Error(diff)
		}
		if got := asked.Load(); got != 3 {
			t.Errorf("asked %d times, want 3: the late answer was passed off as a new one", got)
		}
	})
}

func TestAProbeThatNeverAnsweredFailsByItsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := noted()
		r := NewReadiness(log, Probe{Name: "database", Ask: func(ctx context.Context) []Check {
			<-ctx.Done()
			after(time.Second)
			return nil
		}})
		want := []Check{{"database", false, "no answer within 2s"}}
		if diff := cmp.Diff(want, mustReport(t, r)); diff != "" {
			t.Error(diff)
		}
		after(time.Minute)
	})
}

func TestReadyTakesAllChecks(t *testing.T) {
	failing := Probe{Name: "lead", Ask: func(context.Context) []Check {
		return []Check{Result("lead", errors.New("nobody leads"), "held")}
	}}
	panics := Probe{Name: "broken", Ask: func(context.Context) []Check { panic("secret words") }}
	for name, c := range map[string]struct {
		probes []Probe
		ready  bool
		failed string
	}{
		"no probe":     {nil, false, ""},
		"all well":     {[]Probe{well("a"), well("b")}, true, ""},
		"one fails":    {[]Probe{well("a"), failing, well("b")}, false, "lead: nobody leads"},
		"one panics":   {[]Probe{panics, well("b")}, false, "broken: the check itself failed (string)"},
		"a long story": {[]Probe{{"a", func(context.Context) []Check { return []Check{{"a", false, strings.Repeat("é", 300)}} }}}, false, "a: " + strings.Repeat("é", 250) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			log, _ := noted()
			r := NewReadiness(log, c.probes...)
			report, err := r.Report(t.Context())
			if err != nil || report.Ready != c.ready || report.Failed() != c.failed {
				t.Errorf("got ready %t, failed %q, %v; want %t, %q", report.Ready, report.Failed(), err, c.ready, c.failed)
			}
		})
	}
}

func TestWhoAsksAndGoesAwayTakesTheAnswerFromNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := noted()
		r := NewReadiness(log, Probe{Name: "slow", Ask: func(ctx context.Context) []Check {
			after(time.Second)
			return []Check{Result("slow", ctx.Err(), "fine")}
		}})
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		patient := make(chan bool)
		go func() { patient <- r.Ready(t.Context()) }()
		if _, err := r.Report(hasty); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if r.Ready(hasty) {
			t.Error("ready was said without knowing")
		}
		if !<-patient {
			t.Error("the one who waited was told that it is not ready")
		}
	})
}

func TestChangesAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true) // as every process is when it starts
		log, said := noted()
		r := NewReadiness(log, Probe{Name: "database", Ask: func(context.Context) []Check {
			if down.Load() {
				return []Check{{"database", false, "connection refused"}}
			}
			return []Check{{"database", true, "answers"}}
		}})
		for _, d := range []bool{true, true, false, false, true, true, false} {
			down.Store(d)
			mustReport(t, r)
			after(10 * time.Second)
		}
		var got []string
		for line := range strings.Lines(said.String()) {
			_, message, _ := strings.Cut(line, "level=")
			got = append(got, strings.TrimSpace(message))
		}
		want := []string{
			`info msg="Ready, after 20s in which it was not"`,
			`warning msg="Not ready: database: connection refused"`,
			`info msg="Ready, after 20s in which it was not"`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
