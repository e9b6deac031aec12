package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"importbot/bigfix"
	"importbot/imports"
)

func TestHistory(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		epoch := lead(t, s)
		at := func(minute int) time.Time {
			return noon.Truncate(time.Millisecond).Add(time.Duration(minute) * time.Minute)
		}
		add := func(id, server string, kind bigfix.ImportType, o imports.Outcome, begun, ended int) {
			imp := imports.Import{ID: id, Server: server, Type: kind, Origin: imports.Elsewhere, State: imports.Running, BegunAt: at(begun)}
			if ended > 0 {
				imp.State, imp.Outcome, imp.EndedAt = imports.Ended, o, at(ended)
			}
			if begun < 0 { // never
				imp.BegunAt = time.Time{}
			}
			record(t, s, epoch, imp)
		}
		add("a", "prod", bigfix.TypeComplete, imports.Succeeded, 0, 30)
		add("refused", "prod", bigfix.TypeRaw, imports.Refused, -1, 31)
		add("b", "prod", bigfix.TypeRaw, imports.Succeeded, 40, 50)
		add("cancelled", "prod", bigfix.TypeRaw, imports.Cancelled, -1, 51)
		add("expired", "prod", bigfix.TypeRaw, imports.Expired, -1, 52)
		add("unsent", "prod", bigfix.TypeRaw, imports.NotBegun, -1, 55)
		add("c", "lab", bigfix.TypeComplete, imports.Succeeded, 60, 70)
		add("d", "prod", bigfix.TypeComplete, imports.Failed, 60, 75)
		add("e", "prod", bigfix.TypeComplete, imports.Succeeded, 80, 90)
		add("f", "prod", bigfix.TypeComplete, "", 100, 0)
		for _, row := range []struct {
			server   string
			from, to int
			want     string
		}{
			{"prod", 0, 1000, "a b unsent d e f"},
			{"", 0, 1000, "a b unsent c d e f"},
			{"lab", 0, 1000, "c"},
			{"prod", 30, 40, "a"},        // ended then
			{"prod", 10, 30, ""},         // ran all the time
			{"prod", 40, 41, "b"},        // began then
			{"prod", 100, 101, "f"},      // runs
			{"prod", 101, 1000, ""},      // runs since before
			{"", 55, 61, "unsent c d"},   // from is in it
			{"none", 0, 1000, ""},        //
			{"prod", -600, 0, ""},        // to is not
			{"prod", -600, 1, "a"},       //
			{"prod", 1000, 0, ""},        // never mind
			{"prod", 75, 80, "d"},        //
			{"prod", 75, 81, "d e"},      //
			{"prod", 76, 80, ""},         //
			{"prod' OR ''='", 0, 99, ""}, //
		} {
			list, err := s.History(t.Context(), row.server, at(row.from), at(row.to))
			if got := ids(t, list, err); got != row.want {
				t.Errorf("%q from %d to %d: %q, want %q", row.server, row.from, row.to, got, row.want)
			}
		}
		for want, ask := range map[string]struct {
			kind bigfix.ImportType
			n    int
		}{"e a": {bigfix.TypeComplete, 5}, "e": {bigfix.TypeComplete, 1}, "b": {bigfix.TypeRaw, 5}, "": {"", 5}} {
			list, err := s.Succeeded(t.Context(), "prod", ask.kind, ask.n)
			if got := ids(t, list, err); got != want {
				t.Errorf("the last %d successful of type %q: %q, want %q", ask.n, ask.kind, got, want)
			}
		}
		list, err := s.Recent(t.Context(), "prod", 3)
		if got := ids(t, list, err); got != "f e d" {
			t.Errorf("recent: %s", got)
		}
	})
}

// One that waited for another counts from when that was over, in every list.
func TestWhatWaitedComesAfterWhatItWaitedFor(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		epoch := lead(t, s)
		imp, _, err := s.Accept(t.Context(), waiting("waited", "Uana"))
		if err != nil {
			t.Fatal(err)
		}
		record(t, s, epoch, imports.Import{ID: "began meanwhile", Server: "prod", State: imports.Running, BegunAt: noon.Add(time.Minute)})
		if ok, err := s.Change(t.Context(), epoch, released(imp), imports.Waiting); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if got := active(t, s); got != "began meanwhile waited" {
			t.Errorf("active: %s", got)
		}
	})
}

// Each answered look makes a stretch longer; what failed does not, and a long pause begins a new one. A clock that was put back
// a little makes no difference.
func TestWatched(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		epoch := lead(t, s)
		start := noon.Truncate(time.Millisecond)
		look := func(server string, minute int) {
			t.Helper()
			srv := imports.Server{Name: server}
			if minute >= 0 {
				srv.Good.At = start.Add(time.Duration(minute) * time.Minute)
			}
			if err := s.Record(t.Context(), epoch, srv, nil); err != nil {
				t.Fatal(err)
			}
		}
		look("prod", -1) // never seen
		for _, minute := range []int{0, 1, 1, 30, 60, 60, 95, 96, 90, 300, 2, 301} {
			look("prod", minute)
		}
		look("lab", 50)
		for _, until := range []int{200, 150} {
			w := imports.Watched{From: start.Add(100 * time.Minute), To: start.Add(time.Duration(until) * time.Minute)}
			if err := s.RecordWatched(t.Context(), epoch, "eu", w); err != nil {
				t.Fatal(err)
			}
		}
		look("eu", 230)
		stretch := func(from, to int) string { return fmt.Sprintf("%d–%d", from, to) }
		for _, row := range []struct {
			server   string
			from, to int
			want     []string
		}{
			{"prod", 0, 1000, []string{stretch(0, 60), stretch(2, 2), stretch(95, 96), stretch(300, 301)}},
			{"prod", 60, 95, []string{stretch(0, 60)}},
			{"prod", 61, 95, nil},
			{"prod", 96, 97, []string{stretch(95, 96)}},
			{"lab", 0, 1000, []string{stretch(50, 50)}},
			{"eu", 0, 1000, []string{stretch(100, 230)}},
			{"none", 0, 1000, nil},
		} {
			found, err := s.Watched(t.Context(), row.server, start.Add(time.Duration(row.from)*time.Minute), start.Add(time.Duration(row.to)*time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range found {
				got = append(got, stretch(int(w.From.Sub(start).Minutes()), int(w.To.Sub(start).Minutes())))
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("%s from %d to %d (-want +got):\n%s", row.server, row.from, row.to, diff)
			}
		}
	})
}

func TestMutes(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		ctx := t.Context()
		c := &clock{noon.Truncate(time.Second)}
		s := openAt(t, url, c)
		mute := func(server, reason string, d time.Duration) imports.Mute {
			t.Helper()
			m := imports.Mute{Server: server, Since: c.now.UTC(), Until: c.now.UTC().Add(d), UserID: "Uana", Reason: reason}
			if err := s.Mute(ctx, m); err != nil {
				t.Fatal(err)
			}
			return m
		}
		lists := func(want ...imports.Mute) {
			t.Helper()
			got, err := s.Mutes(ctx)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
		lists()
		if _, err := s.Unmute(ctx, "prod", c.now, ""); !errors.Is(err, imports.ErrNotFound) {
			t.Errorf("unmuting what is not muted: %v", err)
		}
		mute("prod", "patches", time.Hour)
		prod, lab := mute("prod", "", 2*time.Hour), mute("lab", "moving house", time.Hour)
		lists(lab, prod)
		c.now = c.now.Add(30 * time.Minute)
		got, err := s.Unmute(ctx, "prod", c.now, "")
		if diff := cmp.Diff(prod, got); err != nil || diff != "" {
			t.Errorf("unmuted: %v (-want +got):\n%s", err, diff)
		}
		if _, err := s.Unmute(ctx, "prod", c.now, ""); !errors.Is(err, imports.ErrNotFound) {
			t.Errorf("unmuting twice: %v", err)
		}
		prod.Until = c.now.UTC()
		lists(lab, prod)
		if prod.Active(c.now) || !lab.Active(c.now) {
			t.Error("the wrong one is quiet")
		}
		c.now = c.now.Add(24 * time.Hour)
		lists(lab) // ended half an hour later
		if _, err := s.Purge(ctx, lead(t, s), lab.Until); err != nil {
			t.Fatal(err)
		}
		c.now = noon
		lists(lab)
	})
}

// Slack may deliver a command again, to another replica: neither a mute nor its end comes back.
func TestMutesDeliveredTwice(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		ctx := t.Context()
		c := &clock{noon.Truncate(time.Second)}
		s := openAt(t, url, c)
		once := imports.Mute{Server: "lab", Since: c.now.UTC(), Until: c.now.UTC().Add(time.Hour), UserID: "Uben", Key: "first"}
		again := imports.Mute{Server: "lab", Since: c.now.UTC(), Until: c.now.UTC().Add(3 * time.Hour), UserID: "Uana", Key: "second"}
		for i, step := range []struct {
			do   func() error
			want error
		}{
			{func() error { return s.Mute(ctx, once) }, nil},
			{func() error { _, err := s.Unmute(ctx, "lab", c.now, "end"); return err }, nil},
			{func() error { return s.Mute(ctx, once) }, imports.ErrRepeated},
			{func() error { return s.Mute(ctx, again) }, nil},
			{func() error { _, err := s.Unmute(ctx, "lab", c.now, "end"); return err }, imports.ErrRepeated},
		} {
			if err := step.do(); !errors.Is(err, step.want) {
				t.Errorf("step %d: %v, want %v", i, err, step.want)
			}
		}
		got, err := s.Mutes(ctx)
		if diff := cmp.Diff([]imports.Mute{again}, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}

// What is too old goes, what is not stays.
func TestPurgeTakesWatched(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		epoch := lead(t, s)
		for _, days := range []int{401, 399, 0} {
			if err := s.Record(t.Context(), epoch, imports.Server{Name: "prod", Good: imports.Observation{Span: imports.Span{At: noon.AddDate(0, 0, -days)}}}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Purge(t.Context(), epoch, noon.Add(-imports.Keep)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Watched(t.Context(), "prod", time.Time{}, noon.Add(time.Hour)); err != nil || len(got) != 2 {
			t.Errorf("left: %v, %v", got, err)
		}
	})
}
