package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/imports"
	"importbot/internal/store"
)

// waiting is a start that waits for another import to end.
func waiting(id, user string) imports.Import {
	return imports.Import{
		ID: id, Server: "prod", Type: bigfix.TypeComplete, Origin: imports.Here, State: imports.Waiting,
		RequestedBy: user, RequestKey: "key " + id, RequestedIn: "C1", WishedAt: noon, After: "the nightly one", Revision: 1,
	}
}

// released is what the leader makes of it, cancelled what somebody else may.
func released(imp imports.Import) imports.Import {
	imp.State, imp.AcceptedAt = imports.Accepted, noon.Add(time.Hour)
	imp.Revision++
	return imp
}

func cancelled(imp imports.Import) imports.Import {
	imp.State, imp.Outcome, imp.EndedAt = imports.Ended, imports.Cancelled, noon.Add(time.Hour)
	imp.Reason = imports.Reason{Kind: imports.ReasonCancelled, By: "Uben"}
	imp.Revision++
	return imp
}

// replicas are two on a database that takes two, else the same one twice.
func replicas(t *testing.T, url string) (one, two *store.Store) {
	t.Helper()
	one = openAt(t, url, &clock{noon})
	if !strings.HasPrefix(url, "postgres") {
		return one, one
	}
	return one, openAt(t, url, &clock{noon})
}

func ids(t testing.TB, list []imports.Import, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, imp := range list {
		all = append(all, imp.ID)
	}
	return strings.Join(all, " ")
}

func active(t testing.TB, s *store.Store) string {
	t.Helper()
	list, err := s.Active(t.Context(), "prod")
	return ids(t, list, err)
}

func unpublished(t testing.TB, s *store.Store) string {
	t.Helper()
	list, err := s.Unpublished(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, " ")
}

// Who asks for what waits already follows that one.
func TestOneOfAKindWaits(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s, other := replicas(t, url)
		take := func(s *store.Store, imp imports.Import, want string, created bool) imports.Import {
			t.Helper()
			got, ok, err := s.Accept(ctx, imp)
			if err != nil || ok != created || got.ID != want {
				t.Fatalf("accepting %s: got %s, created %t, %v", imp.ID, got.ID, ok, err)
			}
			return got
		}
		take(s, waiting("1", "Uana"), "1", true)
		take(other, waiting("1", "Uana"), "1", false)
		if got := take(other, waiting("2", "Uben"), "1", false); !slices.Equal(got.Followers, []string{"Uana", "Uben"}) || got.After != "the nightly one" {
			t.Errorf("joined: %+v", got)
		}
		if err := s.Follow(ctx, "1", "Uben", true, noon); err != nil {
			t.Fatal(err)
		}
		if got := take(other, waiting("3", "Uben"), "1", false); !slices.Equal(got.Direct, []string{"Uben"}) {
			t.Errorf("who asks again changed how they are told: %+v", got)
		}
		raw, lab := waiting("raw", "Uana"), waiting("lab", "Uana")
		raw.Type, lab.Server = bigfix.TypeRaw, "lab"
		take(s, raw, "raw", true)
		take(s, lab, "lab", true)
		take(s, wish("at once"), "at once", true)
		if got := active(t, s); got != "1 at once raw" {
			t.Errorf("active: %s", got)
		}
		if got, err := s.ActiveServers(ctx); err != nil || !slices.Equal(got, []string{"lab", "prod"}) {
			t.Errorf("servers with imports: %v, %v", got, err)
		}
		if ok, err := s.Change(ctx, 0, cancelled(waiting("1", "Uana")), imports.Waiting); !ok || err != nil {
			t.Fatalf("taking back: %t, %v", ok, err)
		}
		take(other, waiting("4", "Uben"), "4", true)
	})
}

// Many ask at once, on two replicas: one waits, and all follow it.
func TestManyWaitAtOnce(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		one, two := replicas(t, url)
		const n = 12
		var created sync.Map
		var g sync.WaitGroup
		for i := range n {
			g.Go(func() {
				s := []*store.Store{one, two}[i%2]
				imp, ok, err := s.Accept(t.Context(), waiting(fmt.Sprint(i), fmt.Sprintf("U%02d", i)))
				if err != nil {
					t.Error(err)
				}
				if ok {
					created.Store(imp.ID, true)
				}
			})
		}
		g.Wait()
		list, err := one.Active(t.Context(), "prod")
		if err != nil || len(list) != 1 || len(list[0].Followers) != n {
			t.Fatalf("%d wait, %v: %+v", len(list), err, list)
		}
		created.Range(func(id, _ any) bool {
			if id != list[0].ID {
				t.Errorf("%s was said to be made, %s waits", id, list[0].ID)
			}
			return true
		})
	})
}

// Of a cancel, another one and a release at the same time, one wins.
func TestCancelRacesRelease(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		leader, other := replicas(t, url)
		epoch := lead(t, leader)
		for round := range 15 {
			imp := waiting(fmt.Sprint(round), "Uana")
			if _, _, err := leader.Accept(t.Context(), imp); err != nil {
				t.Fatal(err)
			}
			tries := []func() (bool, error){
				func() (bool, error) { return leader.Change(t.Context(), epoch, released(imp), imports.Waiting) },
				func() (bool, error) { return other.Change(t.Context(), 0, cancelled(imp), imports.Waiting) },
				func() (bool, error) { return leader.Change(t.Context(), 0, cancelled(imp), imports.Waiting) },
			}
			won := make([]bool, len(tries))
			var g sync.WaitGroup
			for i, try := range tries {
				g.Go(func() {
					var err error
					if won[i], err = try(); err != nil {
						t.Error(err)
					}
				})
			}
			g.Wait()
			got := get(t, other, imp.ID)
			wins := slices.DeleteFunc(slices.Clone(won), func(w bool) bool { return !w })
			if len(wins) != 1 || won[0] != (got.State == imports.Accepted) {
				t.Fatalf("round %d: won %v, and it is %s", round, won, got.State)
			}
			if won[0] { // make room for the next
				got.State, got.Outcome, got.EndedAt = imports.Ended, imports.Expired, noon
				record(t, leader, epoch, got)
			}
		}
	})
}

func TestChange(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := openAt(t, url, &clock{noon})
		term, err := s.Lead(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := term.Release(ctx); err != nil {
			t.Fatal(err)
		}
		epoch := lead(t, s)
		imp, _, err := s.Accept(ctx, waiting("1", "Uana"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Follow(ctx, "1", "Uben", false, noon); err != nil {
			t.Fatal(err)
		}
		if got := unpublished(t, s); got != "" {
			t.Errorf("to be published while it waits: %s", got)
		}
		if at, ok, err := s.NextTry(ctx); ok || err != nil {
			t.Errorf("something is due at %s, %v", at, err)
		}
		for _, stale := range []imports.Epoch{term.Lead().Epoch, epoch + 1} {
			if ok, err := s.Change(ctx, stale, released(imp), imports.Waiting); ok || !errors.Is(err, imports.ErrNotLeader) {
				t.Errorf("a leader of epoch %d: %t, %v", stale, ok, err)
			}
		}
		if ok, err := s.Change(ctx, epoch, released(imp), imports.Running); ok || err != nil {
			t.Errorf("from another state: %t, %v", ok, err)
		}
		if _, err := s.Change(ctx, epoch, released(waiting("none", "Uana")), imports.Waiting); !errors.Is(err, imports.ErrNotFound) {
			t.Errorf("of none: %v", err)
		}
		if got := get(t, s, "1"); got.State != imports.Waiting || got.Revision != 1 {
			t.Fatalf("it was changed all the same: %+v", got)
		}
		if ok, err := s.Change(ctx, epoch, released(imp), imports.Waiting); !ok || err != nil {
			t.Fatalf("releasing: %t, %v", ok, err)
		}
		if got := unpublished(t, s); got != "" { // the start puts up its card
			t.Errorf("to be published once it is accepted: %s", got)
		}
		got := get(t, s, "1")
		if got.State != imports.Accepted || !got.AcceptedAt.Equal(noon.Add(time.Hour)) || !got.WishedAt.Equal(noon) || len(got.Followers) != 2 || !got.AnsweredAt.IsZero() {
			t.Errorf("released: %+v", got)
		}
		got.State = imports.Sending
		record(t, s, epoch, got)
		if got := unpublished(t, s); got != "1" {
			t.Errorf("to be published once it is sent: %s", got)
		}
		list, err := s.Unaudited(ctx, noon)
		if got := ids(t, list, err); got != "" {
			t.Errorf("unaudited: %s", got)
		}

		two := cancelled(waiting("2", "Uben"))
		if _, _, err := s.Accept(ctx, waiting("2", "Uben")); err != nil {
			t.Fatal(err)
		}
		two.AnsweredAt = two.EndedAt
		if ok, err := s.Change(ctx, 0, two, imports.Waiting); !ok || err != nil {
			t.Fatalf("taking back: %t, %v", ok, err)
		}
		if got := get(t, s, "2"); got.Outcome != imports.Cancelled || !got.AnsweredAt.Equal(two.EndedAt.Truncate(time.Millisecond)) || got.Reason.By != "Uben" {
			t.Errorf("taken back: %+v", got)
		}
		if got := unpublished(t, s); got != "2 1" {
			t.Errorf("to be published once it was taken back: %s", got)
		}
	})
}

// The one that waited expires, and the audit learns of it although it was never accepted.
func TestAnExpiredWaitIsAudited(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		epoch := lead(t, s)
		imp := waiting("1", "Uana")
		if _, _, err := s.Accept(t.Context(), imp); err != nil {
			t.Fatal(err)
		}
		imp.State, imp.Outcome, imp.EndedAt = imports.Ended, imports.Expired, noon.Add(12*time.Hour)
		if ok, err := s.Change(t.Context(), epoch, imp, imports.Waiting); !ok || err != nil {
			t.Fatal(ok, err)
		}
		list, err := s.Unaudited(t.Context(), noon)
		if got := ids(t, list, err); got != "1" {
			t.Errorf("unaudited: %q", got)
		}
	})
}

// A follower who changes how they are told is news for the publisher, once.
func TestFollowingByDirectMessage(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := openAt(t, url, &clock{noon})
		epoch := lead(t, s)
		running := wish("1")
		running.State, running.BegunAt = imports.Running, noon
		record(t, s, epoch, running)
		for _, row := range []struct {
			user         string
			direct, news bool
			want         []string
		}{
			{"Uben", true, true, []string{"Uben"}},
			{"Uben", true, false, []string{"Uben"}},
			{"Uana", true, true, []string{"Uana", "Uben"}},
			{"Uben", false, true, []string{"Uana"}},
			{"Uben", false, false, []string{"Uana"}},
		} {
			shown := imports.Thread{ImportID: "1", Shown: running.Revision, Followers: len(get(t, s, "1").Followers), Done: true}
			if err := s.SaveThread(ctx, epoch, shown); err != nil {
				t.Fatal(err)
			}
			if err := s.Follow(ctx, "1", row.user, row.direct, noon); err != nil {
				t.Fatal(err)
			}
			got := get(t, s, "1")
			if !slices.Equal(got.Direct, row.want) || unpublished(t, s) == "" == row.news {
				t.Errorf("%s, direct %t: %v of %v, to be published %q", row.user, row.direct, got.Direct, got.Followers, unpublished(t, s))
			}
		}
		list, err := s.Recent(ctx, "prod", 1)
		if err != nil || !slices.Equal(list[0].Direct, []string{"Uana"}) {
			t.Errorf("in a list: %+v, %v", list, err)
		}
	})
}
