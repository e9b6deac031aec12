package imports_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/imports"
)

func TestAWishThatIsNotStoredIsRefused(t *testing.T) {
	r := newRig(t)
	in := imports.NewIntake(stuck{r.store}, r.signal, r.clock)
	began := time.Now()
	_, err := in.Start(t.Context(), imports.Wish{Server: "prod", Type: bigfix.TypeRaw, UserID: "U1", Key: "k"})
	if !errors.Is(err, imports.ErrStore) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrStore for the deadline", err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %s to say so", took)
	}
	if got := r.active(); len(got) != 0 {
		t.Errorf("stored all the same: %+v", got)
	}
}

// stuck is a store that does not answer.
type stuck struct{ imports.Store }

func (stuck) Accept(ctx context.Context, _ imports.Import) (imports.Import, bool, error) {
	<-ctx.Done()
	return imports.Import{}, false, ctx.Err()
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	r := newRig(t)
	asked := r.ask("ana", bigfix.TypeRaw) // nobody leads: nothing becomes of it
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error)
	go func() {
		imp, err := r.intake.Await(ctx, asked.ID)
		if imp.ID != asked.ID {
			err = errors.New("the import is lost")
		}
		got <- err
	}()
	if err := r.clock.Await(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := r.intake.Await(t.Context(), "nobody's"); !errors.Is(err, imports.ErrNotFound) {
		t.Errorf("awaiting what isn't there: %v", err)
	}
}

func TestFollowAndAnswered(t *testing.T) {
	r := newRig(t)
	asked := r.ask("ana", bigfix.TypeRaw)
	woken, cancel := r.signal.Subscribe()
	defer cancel()
	for range 2 {
		if err := r.intake.Follow(t.Context(), asked.ID, "Uben"); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-woken:
	default:
		t.Error("a new follower woke nobody")
	}
	if err := r.intake.Answered(t.Context(), asked.ID); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Minute)
	if err := r.intake.Answered(t.Context(), asked.ID); err != nil {
		t.Fatal(err)
	}
	got := r.stored(asked.ID)
	if !slices.Equal(got.Followers, []string{"Uana", "Uben"}) || !got.AnsweredAt.Equal(noon) {
		t.Errorf("followed by %v, answered at %s", got.Followers, got.AnsweredAt)
	}
	if err := r.intake.Follow(t.Context(), "nobody's", "Uben"); !errors.Is(err, imports.ErrNotFound) {
		t.Errorf("following what isn't there: %v", err)
	}
}

func TestSignalCoalesces(t *testing.T) {
	var s imports.Signal
	s.Wake() // nobody there
	woken, cancel := s.Subscribe()
	for range 3 {
		s.Wake()
	}
	for want := range 2 {
		select {
		case <-woken:
			if want == 1 {
				t.Error("three wake-ups arrived as more than one")
			}
		default:
			if want == 0 {
				t.Error("no wake-up arrived")
			}
		}
	}
	cancel()
	s.Wake()
	if len(woken) != 0 {
		t.Error("woken after it was cancelled")
	}
}

// Hundreds may wait for as many imports: a change of one is no news to the others.
func TestSignalWakesThoseWhoWantToKnow(t *testing.T) {
	var s imports.Signal
	one, cancelOne := s.Subscribe("one")
	defer cancelOne()
	all, cancelAll := s.Subscribe()
	defer cancelAll()
	for _, row := range []struct {
		name     string
		wake     []string
		one, all int
	}{
		{"its own", []string{"two", "one"}, 1, 1},
		{"another's", []string{"two"}, 0, 1},
		{"anything", nil, 1, 1},
	} {
		s.Wake(row.wake...)
		if len(one) != row.one || len(all) != row.all {
			t.Errorf("%s: woke %d who wanted to know of one, %d of all; want %d, %d", row.name, len(one), len(all), row.one, row.all)
		}
		for _, c := range []<-chan struct{}{one, all} {
			select {
			case <-c:
			default:
			}
		}
	}
}

func TestBoard(t *testing.T) {
	var b imports.Board
	if _, ok := b.Server("prod"); ok || len(b.Active("prod")) != 0 {
		t.Error("an empty board knows something")
	}
	active := []imports.Import{{ID: "1"}}
	b.Set(imports.Server{Name: "prod", DownLooks: 3}, active)
	active[0].ID = "changed behind its back"
	srv, ok := b.Server("prod")
	if got := b.Active("prod"); !ok || srv.DownLooks != 3 || len(got) != 1 || got[0].ID != "1" {
		t.Errorf("the board shows %+v, %+v", srv, got)
	}
}
