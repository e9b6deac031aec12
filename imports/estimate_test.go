package imports_test

import (
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/imports"
)

// took are past imports that succeeded, by their minutes.
func took(minutes ...int) (past []imports.Import) {
	for _, m := range minutes {
		past = append(past, imports.Import{
			Type: bigfix.TypeComplete, State: imports.Ended, Outcome: imports.Succeeded,
			BegunAt: noon, FirstRunning: imports.Span{At: noon}, EndedAt: noon.Add(time.Duration(m) * time.Minute),
		})
	}
	return past
}

func TestUsual(t *testing.T) {
	failed := took(1)
	failed[0].Outcome = imports.Failed
	unseen := took(1)
	unseen[0].FirstRunning = imports.Span{}
	raw := took(1)
	raw[0].Type = bigfix.TypeRaw
	many := took(40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 40, 41, 42, 43, 44, 45, 46, 1, 200, 300)

	cases := []struct {
		name              string
		past              []imports.Import
		n                 int
		low, median, high int
	}{
		{"none", nil, 0, 0, 0, 0},
		{"too few", took(40, 41), 0, 0, 0, 0},
		{"three", took(55, 40, 42), 3, 40, 42, 55},
		{"an even number", took(40, 50, 42, 60), 4, 40, 46, 60},
		{"others don't count", append(append(append(failed, unseen...), raw...), took(40, 41)...), 0, 0, 0, 0},
		{"the extremes of many don't count", many, 20, 40, 44, 49},
		{"only the last twenty", append(many, took(1, 1, 1, 1, 1)...), 20, 40, 44, 49},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, ok := imports.UsualOf(c.past, bigfix.TypeComplete)
			want := imports.Usual{N: c.n, Low: minutes(c.low), Median: minutes(c.median), High: minutes(c.high)}
			if ok != (c.n > 0) || got != want {
				t.Errorf("got %+v, %v; want %+v", got, ok, want)
			}
		})
	}
}

func TestLeft(t *testing.T) {
	usual, _ := imports.UsualOf(took(40, 42, 50), bigfix.TypeComplete)
	cases := []struct {
		name     string
		usual    imports.Usual
		progress int // negative: none
		running  int
		want     int // negative: nothing can be said
	}{
		{"just begun", usual, 0, 0, 42},
		{"without progress", usual, -1, 12, 30},
		{"past the median", usual, -1, 45, 5},
		{"past the longest, without progress", usual, -1, 60, -1},
		{"past the longest, half done", usual, 50, 60, 60},
		{"as usual", usual, 50, 21, 21},
		{"slower than usual", usual, 25, 21, 31}, // a quarter of 63 by progress, three quarters of 21 by history
		{"one percent tells nothing", usual, 1, 20, 22},
		{"a hundred percent", usual, 100, 20, 22},
		{"no history, half done", imports.Usual{}, 50, 10, 10},
		{"no history, no progress", imports.Usual{}, -1, 10, -1},
		{"no history, one percent", imports.Usual{}, 1, 10, -1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var progress *int
			if c.progress >= 0 {
				progress = &c.progress
			}
			left, ok := c.usual.Left(progress, minutes(c.running))
			if ok != (c.want >= 0) || ok && left.Truncate(time.Minute) != minutes(c.want) {
				t.Errorf("got %s, %v; want %d min", left, ok, c.want)
			}
		})
	}
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }
