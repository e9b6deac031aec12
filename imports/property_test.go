package imports

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"importbot/bigfix"
)

// order is in which order an import goes through its states.
var order = []State{Accepted, Sending, Sent, Running, Settling, Ended}

// FuzzNext shows the judge looks that no server would give, in any order and at any pace, and checks what must hold
// whatever comes: an import never goes back, nothing changes one that has ended, a failed look ends nothing but what
// was out of sight for a day, no end is claimed without evidence, and a change that people see raises the revision.
func FuzzNext(f *testing.F) {
	tapes := uint64(300)
	if underRace {
		tapes = 30
	}
	for seed := range tapes {
		rng := rand.New(rand.NewPCG(seed, 0))
		looks := make([]byte, 4*(5+rng.IntN(60)))
		for i := range looks {
			looks[i] = byte(rng.Uint32())
		}
		f.Add(looks)
	}
	f.Fuzz(func(t *testing.T, looks []byte) {
		d, stored := fuzzDesk(), fuzzDesk()
		d.check = func(before, after Import, o Observation) { mustHold(t, before, after, o) }
		now := tapeStart
		for chunk := range slices.Chunk(looks, 4) {
			if len(chunk) < 4 {
				break
			}
			now = now.Add(paces[int(chunk[0])%len(paces)])
			o := fuzzLook(now, chunk)
			untouched := asJSON(t, d.active)
			input, alerts := slices.Clone(d.active), d.srv.Alerts
			raised := asJSON(t, alerts)
			d.look(o)
			if got := asJSON(t, alerts); got != raised {
				t.Fatalf("the alerts that were handed in were changed:\n%s\n%s", raised, got)
			}
			if got := asJSON(t, input); got != untouched {
				t.Fatalf("what was handed in was changed:\n%s\n%s", untouched, got)
			}
			mustNotShare(t, d, input, now)
			stored.look(o)
			throughJSON(t, &stored.active)
			throughJSON(t, &stored.ended)
			throughJSON(t, &stored.srv)
			if chunk[3]%16 == 0 {
				d.startOne(now)
				stored.startOne(now)
			}
		}
		if got, want := stored.String(), d.String(); got != want {
			t.Fatalf("stored and read back after each look, it comes out as\n%s\nand not as\n%s", got, want)
		}
		if got, want := asJSON(t, stored.srv.Alerts), asJSON(t, d.srv.Alerts); got != want {
			t.Fatalf("stored and read back after each look, the alerts come out as\n%s\nand not as\n%s", got, want)
		}
		for _, imp := range d.ended {
			mustBeGrounded(t, imp)
		}
	})
}

func fuzzDesk() *desk {
	d := &desk{alarms: true}
	d.srv.Name = "prod"
	return d
}

// startOne starts an import where nothing is under way.
func (d *desk) startOne(now time.Time) {
	if len(d.active) == 0 {
		d.start(Import{Server: "prod", Type: bigfix.TypeComplete}, now, nil)
	}
}

var paces = []time.Duration{0, time.Second, 10 * time.Second, 30 * time.Second, 30 * time.Second, time.Minute, 3 * time.Minute, 5 * time.Hour}

// fuzzLook makes a look of some bytes.
func fuzzLook(now time.Time, b []byte) Observation {
	span := Span{Asked: now.Add(-time.Duration(b[0]>>4) * time.Second), At: now}
	if b[1]%4 == 0 {
		return Observe(span, bigfix.Status{}, errors.New("connection refused"))
	}
	pick := func(n byte, of ...time.Duration) time.Time {
		ago := of[int(n)%len(of)]
		if ago == 0 {
			return time.Time{}
		}
		return now.Add(-ago).Truncate(time.Second)
	}
	percent := int(b[2]) - 20
	in := time.Duration(int8(b[3])) * time.Minute
	st := bigfix.Status{
		Mode:            []bigfix.Mode{"running", "running", "idle", "idle", "pending", "none", "maintenance"}[b[1]%7],
		Progress:        &percent,
		LastStatus:      []bigfix.LastStatus{"successful", "successful", "failed", "", "Fehler"}[b[2]%5],
		LastImportType:  []bigfix.ImportType{"complete", "complete", "raw_only", "", "full"}[b[3]%5],
		LastImportTime:  pick(b[2]>>3, 0, time.Second, time.Minute, time.Hour, 24*time.Hour, -time.Minute),
		LastSuccessTime: pick(b[3]>>3, 0, time.Second, time.Minute, time.Hour, 24*time.Hour),
		NextImportTime:  now.Add(in).Truncate(time.Second), NextImportIn: &in,
	}
	if b[1]>>6 == 0 {
		st.Progress, st.NextImportIn, st.Date = nil, nil, now
	}
	return Observe(span, st, nil)
}

// mustHold checks one step.
func mustHold(t *testing.T, before, after Import, o Observation) {
	t.Helper()
	from, to := slices.Index(order, before.State), slices.Index(order, after.State)
	switch {
	case to < from:
		t.Fatalf("went back from %s to %s", before.State, after.State)
	case before.State == Ended && !reflect.DeepEqual(before, after):
		t.Fatal("an import that had ended changed")
	case after.Revision < before.Revision:
		t.Fatal("the revision fell")
	case visible(before) != visible(after) && after.Revision == before.Revision:
		t.Fatalf("people see a change, and the revision is the same:\n%s\n%s", visible(before), visible(after))
	case o.Status == nil && after.State != before.State && after.Reason.Kind != ReasonOutOfSight:
		t.Fatalf("a failed look made it %s", after.State)
	case after.State == Ended && after.Reason.Kind == ReasonOutOfSight && o.At.Sub(after.LastLook) < 24*time.Hour:
		t.Fatal("given up within a day")
	}
}

// mustNotShare checks that judging an import once more, otherwise, leaves what came of it before as it was.
func mustNotShare(t *testing.T, d *desk, input []Import, now time.Time) {
	t.Helper()
	before := asJSON(t, d.active)
	low := 1
	for _, imp := range input {
		for _, o := range []Observation{
			{Span: Span{At: now.Add(time.Hour)}, Status: &bigfix.Status{Mode: bigfix.ModeRunning, Progress: &low}},
			{Span: Span{At: now.Add(time.Hour)}, Status: &bigfix.Status{Mode: bigfix.ModeIdle}},
			{Span: Span{At: now.Add(time.Hour)}},
		} {
			d.rules.Next(imp, o, o.At)
		}
	}
	if got := asJSON(t, d.active); got != before {
		t.Fatalf("judging it otherwise changed what came of it before:\n%s\n%s", before, got)
	}
}

// visible is what the messages about an import are made of, but for the time of the last look.
func visible(i Import) string {
	i.LastLook, i.LastRun, i.LastRunning, i.FirstRunning = time.Time{}, time.Time{}, Span{}, Span{}
	i.LongestRest, i.RestSince = 0, time.Time{}
	i.Settle, i.Early, i.Missed, i.LastFailure, i.Baseline, i.Revision = nil, nil, nil, nil, nil, 0
	for n := range i.Doubts {
		i.Doubts = slices.Clone(i.Doubts)
		i.Doubts[n].From, i.Doubts[n].To = time.Time{}, time.Time{}
	}
	out, err := json.Marshal(i)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// mustBeGrounded checks that an outcome has what it takes.
func mustBeGrounded(t *testing.T, i Import) {
	t.Helper()
	ok := !i.EndedAt.IsZero()
	switch i.Outcome {
	case Succeeded, Failed:
		ok = ok && i.End != nil && len(i.Doubts) == 0 && i.Begun()
	case Unclear:
		ok = ok && i.End != nil && len(i.Doubts) > 0 && i.Begun()
	case Unknown, NotBegun:
		ok = ok && i.Reason.Kind != ""
	default:
		ok = false
	}
	if !ok {
		t.Errorf("ended without ground: %+v", i)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// throughJSON does to v what a store does to it.
func throughJSON[T any](t *testing.T, v *T) {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var read T
	if err := json.Unmarshal(out, &read); err != nil {
		t.Fatal(err)
	}
	*v = read
}
