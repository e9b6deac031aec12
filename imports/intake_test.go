package imports_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"importbot/bigfix"
	"importbot/imports"
)

func TestAWishThatIsNotStoredIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, _, err := imports.NewIntake(stuck{}, new(imports.Signal), nil).
			Start(t.Context(), imports.Wish{Server: "prod", Type: bigfix.TypeRaw, UserID: "U1", Key: "k"})
		if !errors.Is(err, imports.ErrStore) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want ErrStore for the deadline", err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %s to say so", took)
		}
	})
}

// stuck is a store that does not answer.
type stuck struct{ imports.Store }

func (stuck) Accept(ctx context.Context, _ imports.Import) (imports.Import, bool, error) {
	<-ctx.Done()
	return imports.Import{}, false, ctx.Err()
}

// lossy is a store whose answers to Accept go as a list says, whatever it did.
type lossy struct {
	imports.Store
	answers []lossyAnswer
	calls   int
}

type lossyAnswer struct {
	stores bool
	err    error
}

func (l *lossy) Accept(ctx context.Context, imp imports.Import) (stored imports.Import, created bool, err error) {
	a := l.answers[l.calls]
	l.calls++
	if a.stores {
		if stored, created, err = l.Store.Accept(ctx, imp); err != nil {
			return stored, created, err
		}
	}
	if a.err != nil {
		return imports.Import{}, false, a.err
	}
	return stored, created, nil
}

// Where the answer to a commit is lost the wish is accepted once, or nobody says that it was not.
func TestTheAnswerToAWishIsLost(t *testing.T) {
	t.Parallel()
	refused := errors.New("connection refused")
	lost := fmt.Errorf("%w: the connection broke", imports.ErrUnsure)
	for _, tt := range []struct {
		name    string
		answers []lossyAnswer
		want    error
		stored  int
	}{
		{"refused", []lossyAnswer{{false, refused}}, imports.ErrStore, 0},
		{"lost behind the commit", []lossyAnswer{{true, lost}, {true, nil}}, nil, 1},
		{"lost before the commit", []lossyAnswer{{false, lost}, {true, nil}}, nil, 1},
		{"lost behind the commit, then refused", []lossyAnswer{{true, lost}, {false, refused}}, imports.ErrUnsure, 1},
		{"lost before the commit, then refused", []lossyAnswer{{false, lost}, {false, refused}}, imports.ErrUnsure, 0},
		{"lost twice", []lossyAnswer{{true, lost}, {true, lost}}, imports.ErrUnsure, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			woken, cancel := r.signal.Subscribe()
			defer cancel()
			db := &lossy{Store: r.store, answers: tt.answers}
			in := imports.NewIntake(db, r.signal, r.clock)
			imp, created, err := in.Start(t.Context(), imports.Wish{Server: "prod", Type: bigfix.TypeRaw, UserID: "U1", Key: "k"})
			if !errors.Is(err, tt.want) || tt.want == imports.ErrUnsure && errors.Is(err, imports.ErrStore) || db.calls != len(tt.answers) {
				t.Errorf("got %v after %d tries, want %v", err, db.calls, tt.want)
			}
			got := r.active()
			if len(got) != tt.stored || err == nil && got[0].ID != imp.ID {
				t.Errorf("stored %+v, returned %+v", got, imp)
			}
			if created != (err == nil) {
				t.Errorf("the first wish with its key: created %t", created)
			}
			if err == nil {
				again, created, err := r.intake.Start(t.Context(), imports.Wish{Server: "prod", Type: bigfix.TypeRaw, UserID: "U1", Key: "k"})
				if err != nil || created || again.ID != imp.ID {
					t.Errorf("delivered again: %s, created %t, %v", again.ID, created, err)
				}
			}
			if told := len(woken) > 0; told != (err == nil) {
				t.Errorf("the engine was told: %t", told)
			}
		})
	}
}

// hung is a store that hangs, and does not look at its context.
type hung struct {
	imports.Store
	release chan struct{}
}

func (h hung) Accept(_ context.Context, imp imports.Import) (imports.Import, bool, error) {
	<-h.release
	return imp, true, nil
}

// A disk that hangs keeps nobody waiting. What it does with the wish when it goes on is told to the engine.
func TestAStoreThatHangsKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, signal := hung{release: make(chan struct{})}, new(imports.Signal)
		woken, cancel := signal.Subscribe()
		defer cancel()
		began := time.Now()
		_, _, err := imports.NewIntake(db, signal, nil).Start(t.Context(), imports.Wish{Server: "prod", Key: "k"})
		if took := time.Since(began); !errors.Is(err, imports.ErrUnsure) || took != 3*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
		close(db.release)
		<-woken
	})
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

func TestFollow(t *testing.T) {
	r := newRig(t)
	asked := r.ask("ana", bigfix.TypeRaw)
	woken, cancel := r.signal.Subscribe(asked.ID)
	defer cancel()
	for range 2 {
		if err := r.intake.Follow(t.Context(), asked.ID, "Uben", false); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-woken:
	default:
		t.Error("a new follower woke nobody")
	}
	if got := r.stored(asked.ID); !slices.Equal(got.Followers, []string{"Uana", "Uben"}) {
		t.Errorf("followed by %v", got.Followers)
	}
	if err := r.intake.Follow(t.Context(), "nobody's", "Uben", false); !errors.Is(err, imports.ErrNotFound) {
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
