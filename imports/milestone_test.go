package imports

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestMilestones shows what is told on the way, look by look as in the truth table.
func TestMilestones(t *testing.T) {
	for _, tc := range []struct{ name, looks, want string }{
		{"each quarter once", ". > 1 2 3 4 5 6 7 8 9 S", "started 25 50 75"},
		{"only the highest of those passed at once", ". > 1 9 S", "started 75"},
		{"not again after a fall", ". > 1 3 1 3 6 S", "started 25 50"},
		{"none for what was passed before it was seen", ". . 6 7 8 9 S", "started 75"},
		{"one or two lost polls are no news", ". > 1 x x 2 S", "started"},
		{"three are", ". > 1 x x x 2 S", "started lost seen"},
		{"and are told once", ". > 1 x x x x x x 3 S", "started lost seen 25"},
		{"nothing of an import that was never seen running", ". > S S S", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			words := strings.Fields(tc.looks)
			tape := newTape(someServer{clock: "schedule", timeIs: "end"}, words)
			for _, word := range words {
				tape.step(word)
			}
			var got []string
			for _, n := range tape.desk.imports()[0].Milestones {
				word := string(n.Kind)
				if n.Kind == MilestoneProgress {
					word = fmt.Sprint(n.Progress)
				}
				got = append(got, word)
			}
			if strings.Join(got, " ") != tc.want {
				t.Errorf("%s\ngot  %v\nwant %s", tc.looks, got, tc.want)
			}
		})
	}
}

// TestOutOfSight shows since when a server is said to be out of sight: since the first failed look, not the third.
func TestOutOfSight(t *testing.T) {
	words := strings.Fields(". > 1 x x x")
	tape := newTape(someServer{clock: "date", timeIs: "end"}, words)
	for _, word := range words {
		tape.step(word)
	}
	imp := tape.desk.active[0]
	if want := tapeStart.Add(2 * lookEvery); !imp.Lost.Equal(want) || imp.State != Running {
		t.Errorf("%s, out of sight since %s, want running and %s", imp.State, imp.Lost, want)
	}
	tape.step("2")
	if imp = tape.desk.active[0]; !imp.Lost.IsZero() || imp.LastLook != tape.now {
		t.Errorf("seen again, it is out of sight since %s, last look %s", imp.Lost, imp.LastLook)
	}
}

// TestDuration shows that a duration is claimed for what was seen running and whose end was seen only, and ends with the
// first idle look.
func TestDuration(t *testing.T) {
	for looks, want := range map[string]time.Duration{
		". > 1 5 9 S":     3 * lookEvery,
		"f > 1 5 9 F F F": 3 * lookEvery, // it had to hold, and took no longer for it
		". > 1 5 x x S":   4 * lookEvery, // lost polls
		". > 1 x x x 9 S": 5 * lookEvery, // not at the end
		". > 1 5 x x x S": 0,
		". > 1 5 ~ S":     0,
		". > S S S":       0,
	} {
		words := strings.Fields(looks)
		tape := newTape(someServer{clock: "date", timeIs: "end"}, words)
		for _, word := range words {
			tape.step(word)
		}
		got, ok := tape.desk.ended[0].Duration()
		if got != want || ok != (want > 0) {
			t.Errorf("%s: %s, %v; want %s", looks, got, ok, want)
		}
	}
}
