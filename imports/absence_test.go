package imports_test

import (
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/imports"
)

func TestAbsence(t *testing.T) {
	answered := func(at time.Time) imports.Observation {
		return imports.Observe(imports.Span{Asked: at.Add(-time.Second), At: at}, bigfix.Status{Mode: bigfix.ModeIdle}, nil)
	}
	failed := func(at time.Time) imports.Observation {
		return imports.Observe(imports.Span{Asked: at.Add(-time.Second), At: at}, bigfix.Status{}, &bigfix.Error{Kind: bigfix.ErrUnavailable})
	}
	const second = time.Second
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	away := func(from, to time.Duration) imports.Absence {
		return imports.Absence{Since: at(from), Until: at(to)}
	}
	slow := imports.Rules{PollRunning: time.Hour}
	for _, tt := range []struct {
		name  string
		rules imports.Rules
		looks []imports.Observation
		want  imports.Absence
	}{
		{"the first look ever", imports.Rules{}, []imports.Observation{answered(at(0))}, imports.Absence{}},
		{"in time", imports.Rules{}, []imports.Observation{answered(at(0)), answered(at(15*time.Minute + second))}, imports.Absence{}},
		{"too late", imports.Rules{}, []imports.Observation{answered(at(0)), answered(at(15*time.Minute + 2*second))}, away(0, 15*time.Minute+second)},
		{"a look that failed is one too", imports.Rules{}, []imports.Observation{
			answered(at(0)), failed(at(10 * time.Minute)), failed(at(20 * time.Minute)), answered(at(30 * time.Minute)),
		}, imports.Absence{}},
		{"from a look that failed to one that failed", imports.Rules{}, []imports.Observation{
			answered(at(0)), failed(at(time.Minute)), failed(at(6 * time.Hour)),
		}, away(time.Minute, 6*time.Hour-second)},
		{"it stays", imports.Rules{}, []imports.Observation{
			answered(at(0)), answered(at(time.Hour)), answered(at(time.Hour + time.Minute)),
		}, away(0, time.Hour-second)},
		{"until the next one", imports.Rules{}, []imports.Observation{
			answered(at(0)), answered(at(time.Hour)), answered(at(3 * time.Hour)),
		}, away(time.Hour, 3*time.Hour-second)},
		{"the clock is put back", imports.Rules{}, []imports.Observation{answered(at(6 * time.Hour)), answered(at(0)), answered(at(time.Minute))}, imports.Absence{}},
		{"slow polls", slow, []imports.Observation{answered(at(0)), answered(at(14 * time.Hour))}, imports.Absence{}},
		{"slower than slow polls", slow, []imports.Observation{answered(at(0)), answered(at(16 * time.Hour))}, away(0, 16*time.Hour-second)},
		{"a machine that slept in the middle of a look", imports.Rules{}, []imports.Observation{
			answered(at(0)), imports.Observe(imports.Span{Asked: at(time.Minute), At: at(8 * time.Hour)}, bigfix.Status{Mode: bigfix.ModeIdle}, nil),
			answered(at(8*time.Hour + time.Minute)),
		}, away(0, 8*time.Hour+time.Millisecond)},
		{"as is said", imports.Rules{AwayAfter: time.Minute}, []imports.Observation{answered(at(0)), answered(at(2 * time.Minute))}, away(0, 2*time.Minute-second)},
	} {
		var srv imports.Server
		for _, o := range tt.looks {
			srv = tt.rules.See(srv, o)
		}
		got := srv.Absence
		got.Before = nil
		if got != tt.want {
			t.Errorf("%s: away from %s to %s, want %s to %s", tt.name, got.Since, got.Until, tt.want.Since, tt.want.Until)
		}
	}
}

// Nobody looked: because no process ran, or because the one that did was suspended with its machine. Either way the next
// one who looks knows, and so does whoever reads the store.
func TestNobodyLooked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		absent func(r *rig, e *running)
	}{
		{"no process ran", func(r *rig, e *running) {
			r.bury(e)
			r.clock.Advance(6 * time.Hour)
			r.open()
			r.run(r.config())
		}},
		{"the machine was suspended", func(r *rig, _ *running) {
			r.clock.Advance(6 * time.Hour)
			r.rest(r.config())
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			cfg := r.config()
			e := r.run(cfg)
			r.pass(cfg, 2*time.Minute)
			left := r.clock.Now()
			woken, cancel := r.signal.Subscribe()
			defer cancel()
			tt.absent(r, e)
			if len(woken) == 0 {
				t.Error("nobody was told of it")
			}
			r.soon("the absence is recorded", func() bool {
				srv, err := r.store.Server(t.Context(), "prod")
				return err == nil && srv.Absence.Since.Equal(left) && srv.Absence.Until.Equal(left.Add(6*time.Hour)) &&
					srv.Absence.Before != nil && srv.Absence.Before.Span.At.Equal(left)
			})
			r.pass(cfg, 20*time.Minute)
			if srv, _ := r.board.Server("prod"); !srv.Absence.Until.Equal(left.Add(6 * time.Hour)) {
				t.Errorf("twenty minutes later: %+v", srv.Absence)
			}
		})
	}
}
