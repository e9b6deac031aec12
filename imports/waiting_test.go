package imports_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/imports"
)

// after types a command with "after".
func (r *rig) after(key string, kind bigfix.ImportType) imports.Import {
	r.t.Helper()
	imp, _, err := r.intake.After(r.t.Context(), imports.Wish{Server: "prod", Type: kind, UserID: "U" + key, ChannelID: "C1", Key: key, After: "what runs"})
	if err != nil {
		r.t.Fatal(err)
	}
	return imp
}

// elsewhere lets somebody else start a raw import and waits until it is seen.
func (r *rig) elsewhere(cfg imports.EngineConfig) imports.Import {
	r.t.Helper()
	r.server.StartByHand(r.clock.Now().Add(time.Second), bigfix.TypeRaw)
	runs := func() bool {
		return slices.ContainsFunc(r.active(), func(i imports.Import) bool { return i.State == imports.Running })
	}
	r.until(cfg, 10*time.Minute, "it runs", runs)
	list := r.active()
	return list[slices.IndexFunc(list, func(i imports.Import) bool { return i.State == imports.Running })]
}

// What was asked for with "after" begins once, right after what ran, and the next one after that.
func TestAStartAfterWhatRuns(t *testing.T) {
	r := newRig(t, bigfixtest.WithDoubts(bigfixtest.Doubts{EndLag: 55 * time.Second}))
	cfg := r.config()
	cfg.Store = &changing{Store: r.store, each: func() {
		if busy := slices.DeleteFunc(r.active(), func(i imports.Import) bool { return i.State == imports.Waiting }); len(busy) > 0 {
			t.Errorf("released while there is another, %s", busy[0].State)
		}
	}}
	r.run(cfg)
	first := r.elsewhere(cfg)
	raw := r.after("ana", bigfix.TypeRaw)
	if raw.State != imports.Waiting || !raw.WishedAt.Equal(r.clock.Now()) || !raw.AcceptedAt.IsZero() || raw.After != "what runs" {
		t.Errorf("it waits as %+v", raw)
	}
	complete := r.after("ben", bigfix.TypeComplete)
	if joined, created, err := r.intake.After(t.Context(), imports.Wish{Server: "prod", Type: bigfix.TypeRaw, UserID: "Ucleo", Key: "cleo"}); err != nil || created || joined.ID != raw.ID {
		t.Errorf("the same once more: %s, created %t, %v", joined.ID, created, err)
	}
	r.soon("the board shows both", func() bool { return len(r.board.Active("prod")) == 3 })
	if r.runs() != 0 || len(r.cards.up) != 0 {
		t.Fatalf("%d run= requests and the cards %v while another runs", r.runs(), r.cards.up)
	}
	r.step = 20 * time.Second
	one, two := r.ended(cfg, raw.ID), r.ended(cfg, complete.ID)
	first = r.stored(first.ID)
	if one.Outcome != imports.Succeeded || two.Outcome != imports.Succeeded || r.runs() != 2 {
		t.Errorf("ended %s %v and %s %v with %d run= requests", one.Outcome, one.Reason, two.Outcome, two.Reason, r.runs())
	}
	if one.SendingAt.Before(first.EndedAt) || one.SendingAt.Sub(first.EndedAt) > 2*time.Minute || two.SendingAt.Before(one.EndedAt) {
		t.Errorf("the first ended %s, then %s was sent, and ended %s, then %s", first.EndedAt, one.SendingAt, one.EndedAt, two.SendingAt)
	}
	if !slices.Equal(one.Followers, []string{"Uana", "Ucleo"}) || !slices.Equal(r.cards.up, []string{raw.ID, complete.ID}) || !one.AnsweredAt.IsZero() {
		t.Errorf("followed by %v, with the cards %v, answered %s", one.Followers, r.cards.up, one.AnsweredAt)
	}
}

// A process that is killed anywhere around the release starts it once when it is begun again; after days, not at all.
func TestKilledAroundARelease(t *testing.T) {
	t.Parallel()
	for n, at := range []string{"", "changing from waiting", "changed to accepted", "stored as sent"} {
		for i, away := range []time.Duration{10 * time.Second, 72 * time.Hour} {
			if imports.Thinned(2*n + i + n/2) {
				continue
			}
			t.Run(fmt.Sprintf("%s, away %s", at, away), func(t *testing.T) {
				r := newRig(t)
				g := new(grave)
				cfg := mortal(r.config(), g)
				e := r.run(cfg)
				r.elsewhere(cfg)
				asked := r.after("ana", bigfix.TypeRaw)
				g.at.Store(&at)
				if at == "" {
					g.dead.Store(true)
				}
				r.until(cfg, 20*time.Minute, "its death", g.gone)
				r.bury(e)

				r.clock.Advance(away)
				r.open()
				r.step = 20 * time.Second
				cfg = r.config()
				r.run(cfg)
				end := r.ended(cfg, asked.ID)
				want, runs := imports.Succeeded, 1
				switch {
				case away > time.Hour && at == "stored as sent":
					want = end.Outcome // away while others ran: the judge's tests tell
				case away > time.Hour:
					want, runs = imports.Expired, 0
				}
				if end.Outcome != want || r.runs() != runs {
					t.Errorf("ended %s (%v) with %d run= requests, want %s with %d", end.Outcome, end.Reason, r.runs(), want, runs)
				}
			})
		}
	}
}

// A bot that was away starts what still waits within 12 h, and nothing older. A clock that was wrong for years holds nothing up.
func TestHowLongAStartWaits(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		away time.Duration
		want imports.Outcome
	}{{11 * time.Hour, imports.Succeeded}, {12 * time.Hour, imports.Expired}, {-365 * 24 * time.Hour, imports.Expired}} {
		t.Run(row.away.String(), func(t *testing.T) {
			r := newRig(t)
			asked := r.after("ana", bigfix.TypeRaw)
			r.clock.Advance(max(row.away, 0))
			if row.away < 0 {
				r.clock.Set(r.clock.Now().Add(row.away))
			}
			cfg := r.config()
			r.run(cfg)
			end := r.ended(cfg, asked.ID)
			if end.Outcome != row.want || row.want == imports.Expired && (end.Reason.Kind != imports.ReasonWaited || r.runs() != 0) {
				t.Errorf("ended %s, %+v, with %d run= requests", end.Outcome, end.Reason, r.runs())
			}
		})
	}
}

// Where the server does not answer nothing is released; nor for one that is not configured any more. Both expire.
func TestAWaitWithoutASight(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"prod", "another"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			asked := r.after("ana", bigfix.TypeRaw)
			if name == "prod" {
				r.server.Stop()
			}
			cfg := r.config()
			cfg.Servers[0].Name = name
			r.step = 20 * time.Minute
			r.run(cfg)
			end := r.ended(cfg, asked.ID)
			if age := end.EndedAt.Sub(end.WishedAt); end.Outcome != imports.Expired || end.Reason.Kind != imports.ReasonWaited || age < 12*time.Hour || age > 13*time.Hour {
				t.Errorf("ended %s, %+v, after %s", end.Outcome, end.Reason, age)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	r.run(cfg)
	r.elsewhere(cfg)
	own, others := r.after("ana", bigfix.TypeRaw), r.after("ben", bigfix.TypeComplete)
	r.soon("the board shows both", func() bool { return len(r.board.Active("prod")) == 3 })
	for _, row := range []struct {
		imp      imports.Import
		answered bool
	}{{own, true}, {others, false}} {
		got, err := r.intake.Cancel(t.Context(), row.imp.ID, "Uana", r.clock.Now())
		if err != nil || got.Outcome != imports.Cancelled || got.State != imports.Ended {
			t.Fatalf("taken back: %+v, %v", got, err)
		}
		stored := r.stored(row.imp.ID)
		if stored.Reason.By != "Uana" || stored.AnsweredAt.IsZero() == row.answered || !stored.EndedAt.Equal(r.clock.Now()) {
			t.Errorf("stored as taken back by %q, answered %s", stored.Reason.By, stored.AnsweredAt)
		}
		if got, err := r.intake.Cancel(t.Context(), row.imp.ID, "Ucleo", r.clock.Now()); !errors.Is(err, imports.ErrNotWaiting) || got.Reason.By != "Uana" {
			t.Errorf("taken back twice: %+v, %v", got, err)
		}
	}
	if _, err := r.intake.Cancel(t.Context(), "none", "Uana", r.clock.Now()); !errors.Is(err, imports.ErrNotFound) {
		t.Errorf("taking back none: %v", err)
	}
	r.soon("the board shows what runs", func() bool { return len(r.board.Active("prod")) == 1 })
	r.pass(cfg, 6*time.Minute)
	if got := r.active(); r.runs() != 0 || len(got) != 0 {
		t.Errorf("%d run= requests, active %+v", r.runs(), got)
	}
}

// changing is a store in which something happens around a change, or its answer is lost.
type changing struct {
	imports.Store
	each          func() // before each
	before, after func() // once
	err           error  // instead of the answer, once
}

func (c *changing) Change(ctx context.Context, epoch imports.Epoch, imp imports.Import, from imports.State) (bool, error) {
	run := func(f *func()) {
		if *f != nil {
			(*f)()
			*f = nil
		}
	}
	if c.each != nil {
		c.each()
	}
	run(&c.before)
	changed, err := c.Store.Change(ctx, epoch, imp, from)
	run(&c.after)
	if c.err != nil && err == nil {
		changed, err, c.err = false, c.err, nil
	}
	return changed, err
}

// Somebody takes it back at the moment in which the leader would release it: it stays taken back.
func TestTakenBackAtTheLastMoment(t *testing.T) {
	r := newRig(t)
	asked := r.after("ana", bigfix.TypeRaw)
	cfg := r.config()
	var err error
	cfg.Store = &changing{Store: r.store, before: func() { _, err = r.intake.Cancel(context.Background(), asked.ID, "Uana", r.clock.Now()) }}
	r.run(cfg)
	r.pass(cfg, time.Minute)
	if got := r.stored(asked.ID); err != nil || got.Outcome != imports.Cancelled || r.runs() != 0 {
		t.Errorf("%v; it is %s %s, with %d run= requests", err, got.State, got.Outcome, r.runs())
	}
}

// The other way round whoever takes it back is told that it does not wait any more.
func TestReleasedAtTheLastMoment(t *testing.T) {
	r := newRig(t)
	asked := r.after("ana", bigfix.TypeRaw)
	cfg := r.config()
	in := imports.NewIntake(&changing{Store: r.store, before: func() {
		r.run(cfg)
		r.soon("it runs", func() bool { return r.runs() == 1 })
	}}, r.signal, r.clock)
	got, err := in.Cancel(t.Context(), asked.ID, "Uben", r.clock.Now())
	if !errors.Is(err, imports.ErrNotWaiting) || got.State == imports.Waiting || got.State == imports.Ended {
		t.Errorf("told %v of one that is %s", err, got.State)
	}
	if end := r.ended(cfg, asked.ID); end.Outcome != imports.Succeeded || r.runs() != 1 {
		t.Errorf("ended %s", end.Outcome)
	}
}

// The answer to the commit is lost: the leader finds in the store that it was released, and a cancel that it was taken back.
func TestTheAnswerToAChangeIsLost(t *testing.T) {
	t.Parallel()
	lost := fmt.Errorf("%w: the connection broke", imports.ErrUnsure)
	t.Run("release", func(t *testing.T) {
		r := newRig(t)
		asked := r.after("ana", bigfix.TypeRaw)
		cfg := r.config()
		cfg.Store = &changing{Store: r.store, err: lost}
		r.run(cfg)
		if end := r.ended(cfg, asked.ID); end.Outcome != imports.Succeeded || r.runs() != 1 {
			t.Errorf("ended %s %+v with %d run= requests", end.Outcome, end.Reason, r.runs())
		}
	})
	t.Run("cancel", func(t *testing.T) {
		r := newRig(t)
		asked := r.after("ana", bigfix.TypeRaw)
		in := imports.NewIntake(&changing{Store: r.store, err: lost}, r.signal, r.clock)
		if got, err := in.Cancel(t.Context(), asked.ID, "Uben", r.clock.Now()); err != nil || got.Outcome != imports.Cancelled {
			t.Errorf("told %v of %+v", err, got)
		}
	})
}

// Another import begins at the moment of the release: it is refused as any start is, and all who wait for it follow the other.
func TestAnotherBeginsAtTheRelease(t *testing.T) {
	r := newRig(t)
	asked := r.after("ana", bigfix.TypeRaw)
	if err := r.intake.Follow(t.Context(), asked.ID, "Uben", true); err != nil {
		t.Fatal(err)
	}
	cfg := r.config()
	cfg.OnLook = func(string, imports.Observation) { r.clock.Advance(time.Millisecond) } // an answer takes its time
	cfg.Store = &changing{Store: r.store, after: func() { r.server.StartByHand(r.clock.Now(), bigfix.TypeRaw) }}
	r.run(cfg)
	end := r.ended(cfg, asked.ID)
	if end.Outcome != imports.Refused || end.Reason.Kind != imports.ReasonRunning || r.runs() != 0 {
		t.Fatalf("ended %s, %+v, with %d run= requests", end.Outcome, end.Reason, r.runs())
	}
	if other := r.stored(end.Reason.Other); !slices.Equal(other.Followers, []string{"Uana", "Uben"}) || !slices.Equal(other.Direct, []string{"Uben"}) {
		t.Errorf("the other one is followed by %v, by direct message %v", other.Followers, other.Direct)
	}
}

// A leader that has lost the lead without knowing releases nothing.
func TestAFrozenLeaderReleasesNothing(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	lead, err := r.store.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := cfg
	other.Store = &changing{Store: r.store, before: func() {
		if _, err := r.store.Lead(context.Background()); err != nil {
			t.Error(err)
		}
	}}
	asked := r.after("ana", bigfix.TypeRaw)
	e := r.runAs(other, lead.Lead())
	if err := e.over(t); !errors.Is(err, imports.ErrNotLeader) {
		t.Errorf("the term ended with %v", err)
	}
	if got := r.stored(asked.ID); got.State != imports.Waiting || r.runs() != 0 {
		t.Errorf("it is %s, with %d run= requests", got.State, r.runs())
	}
}

// What waits is on the board of every replica, as soon as it is told.
func TestTheMirrorShowsWhatWaits(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	r.run(cfg)
	r.elsewhere(cfg)
	rep := r.mirror("prod")
	in := imports.NewIntake(r.store, rep.signal, r.clock)
	states := func(want ...imports.State) func() bool {
		return func() bool { _, got := rep.last("prod"); return slices.Equal(got, want) }
	}
	r.soon("what runs", states(imports.Running))
	asked, _, err := in.After(t.Context(), imports.Wish{Server: "prod", Type: bigfix.TypeRaw, UserID: "Uana", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	r.soon("what waits", states(imports.Running, imports.Waiting))
	if _, err := in.Cancel(t.Context(), asked.ID, "Uana", r.clock.Now()); err != nil {
		t.Fatal(err)
	}
	r.soon("nothing waits", states(imports.Running))
}
