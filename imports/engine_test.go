package imports_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/imports"
)

func TestAnImportFromTheWishToItsEnd(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	var events []string
	var looked atomic.Int32
	cfg.OnLook = func(server string, o imports.Observation) {
		if server != "prod" || o.At.IsZero() {
			t.Errorf("told of a look at %q: %+v", server, o)
		}
		looked.Add(1)
	}
	cfg.OnEvent = func(_ imports.Import, ev imports.Event) { events = append(events, string(ev.Kind)) }
	woken, cancel := r.signal.Subscribe()
	defer cancel()
	if _, ok := r.board.Server("prod"); ok {
		t.Error("the board knows a server that was never seen")
	}
	e := r.run(cfg)
	<-woken // by the first look
	if srv, ok := r.board.Server("prod"); !ok || srv.Good.Status == nil {
		t.Error("the first look is not on the board")
	}
	r.pass(cfg, 30*time.Second)

	before := r.looks()
	asked := r.ask("ana", bigfix.TypeRaw)
	if asked.State != imports.Accepted {
		t.Fatalf("just asked, it is %s", asked.State)
	}
	sent, err := r.intake.Await(t.Context(), asked.ID)
	if err != nil || sent.State != imports.Sent && sent.State != imports.Running {
		t.Fatalf("awaited: %s, %v", sent.State, err)
	}
	r.soon("the look behind the start", func() bool { return r.stored(asked.ID).State == imports.Running })
	if got := r.looks() - before; got != 2 {
		t.Errorf("a start took %d looks, want one before and one after", got)
	}
	if !slices.Equal(r.cards.up, []string{asked.ID}) {
		t.Errorf("cards that stand: %v", r.cards.up)
	}
	if got := r.board.Active("prod"); len(got) != 1 || got[0].State != imports.Running {
		t.Errorf("the board shows %+v", got)
	}

	end := r.ended(cfg, asked.ID)
	if end.Outcome != imports.Succeeded || len(end.Doubts) > 0 || !slices.Equal(end.Followers, []string{"Uana"}) {
		t.Errorf("ended %s with doubts %v, followed by %v", end.Outcome, end.Doubts, end.Followers)
	}
	if d, ok := end.Duration(); !ok || d < 2*time.Minute || d > 4*time.Minute {
		t.Errorf("it took %s, %v", d, ok)
	}
	if r.runs() != 1 || int(looked.Load()) != r.looks() {
		t.Errorf("%d run= requests; told of %d looks out of %d", r.runs(), looked.Load(), r.looks())
	}
	if got := len(r.board.Active("prod")); got != 0 {
		t.Errorf("%d imports are left on the board", got)
	}
	if err := e.stop(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	if len(events) < 3 || events[0] != "sent" || events[1] != "began" || events[len(events)-1] != "ended" {
		t.Errorf("events: %v", events)
	}
}

// A process that is killed anywhere around a start and begun again sends run= at most once, and follows what it sent to
// its end.
func TestKilledAroundAStart(t *testing.T) {
	t.Parallel()
	points := []struct {
		at   string
		soon imports.Outcome // started again at once
		late imports.Outcome // started again after three days
		runs [2]int
	}{
		{"accepted", imports.Succeeded, imports.Expired, [2]int{1, 0}},
		{"looked", imports.Succeeded, imports.Expired, [2]int{1, 0}},
		{"announced", imports.Succeeded, imports.Expired, [2]int{1, 0}},
		{"stored as sending", imports.NotBegun, "", [2]int{0, 0}},
		{"answered", imports.Succeeded, "", [2]int{1, 1}},
		{"stored as sent", imports.Succeeded, "", [2]int{1, 1}},
		{"stored as running", imports.Succeeded, "", [2]int{1, 1}},
		{"stored as settling", imports.Succeeded, "", [2]int{1, 1}},
	}
	for n, p := range points {
		for i, away := range []time.Duration{10 * time.Second, 72 * time.Hour} {
			if imports.Thinned(2*n + i + n/2) {
				continue
			}
			t.Run(fmt.Sprintf("%s, away %s", p.at, away), func(t *testing.T) {
				r := newRig(t, bigfixtest.WithDoubts(bigfixtest.Doubts{EndLag: 55 * time.Second}))
				asked := r.killed(p.at)

				r.clock.Advance(away)
				r.open()
				r.step = 20 * time.Second
				cfg := r.config()
				r.run(cfg)
				end := r.ended(cfg, asked.ID)

				if got := r.runs(); got != p.runs[i] {
					t.Errorf("%d run= requests, want %d", got, p.runs[i])
				}
				want := []imports.Outcome{p.soon, p.late}[i]
				if want == "" { // it was away while others ran: whatever is said, it must not be a clear word
					if end.Outcome == imports.Succeeded || end.Outcome == imports.Failed {
						t.Errorf("ended %s after three days out of sight", end.Outcome)
					}
				} else if end.Outcome != want {
					t.Errorf("ended %s (%v %v), want %s", end.Outcome, end.Reason, end.Doubts, want)
				}
			})
		}
	}
}

// killed runs an engine that dies at the point, and buries it.
func (r *rig) killed(at string) imports.Import {
	r.t.Helper()
	if at == "accepted" {
		asked := r.ask("ana", bigfix.TypeRaw)
		r.bury(nil)
		return asked
	}
	g := new(grave)
	cfg := mortal(r.config(), g)
	e := r.run(cfg)
	r.pass(cfg, 30*time.Second)
	g.at.Store(&at) // from here on: the looks before are others
	asked := r.ask("ana", bigfix.TypeRaw)
	for end := r.clock.Now().Add(10 * time.Minute); !g.dead.Load(); r.pass(cfg, r.step) {
		if r.clock.Now().After(end) {
			r.t.Fatal("it never came to that point")
		}
	}
	r.bury(e)
	return asked
}

// bury ends a dead process: its file lock goes with it.
func (r *rig) bury(e *running) {
	r.t.Helper()
	if e != nil {
		_ = e.stop()
	}
	if err := r.store.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// A process that is told to end just when a start was marked as sent, sends it and notes the answer: whoever comes next
// takes the mark for sent.
func TestToldToEndInMidStart(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	told := &onSending{Store: r.store}
	cfg.Store = told
	e := r.run(cfg)
	ended := make(chan struct{})
	told.then = func() {
		go func() {
			_ = e.stop()
			close(ended)
		}()
		<-e.ending
	}
	asked := r.ask("ana", bigfix.TypeRaw)
	<-ended
	if got := r.stored(asked.ID); got.State != imports.Sent || r.runs() != 1 {
		t.Errorf("it is %s, with %d run= requests", got.State, r.runs())
	}
	r.run(r.config())
	if end := r.ended(r.config(), asked.ID); end.Outcome != imports.Succeeded || r.runs() != 1 {
		t.Errorf("ended %s with %d run= requests", end.Outcome, r.runs())
	}
}

// onSending does something once an import is stored as being sent.
type onSending struct {
	imports.Store
	then func()
}

func (o *onSending) Record(ctx context.Context, epoch imports.Epoch, srv imports.Server, imps []imports.Import) error {
	err := o.Store.Record(ctx, epoch, srv, imps)
	if slices.ContainsFunc(imps, func(i imports.Import) bool { return i.State == imports.Sending }) {
		o.then()
	}
	return err
}

// A leader that is frozen just before it marks a start as sent, and wakes when another one leads, sends nothing.
func TestAFrozenLeaderSendsNothing(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	frozen := &frozenAnnouncer{cards: r.cards, in: make(chan struct{}), out: make(chan struct{})}
	cfg.Announcer = frozen
	old := r.run(cfg)
	asked := r.ask("ana", bigfix.TypeRaw)
	<-frozen.in

	cfg2 := r.config()
	cfg2.Signal, cfg2.Board = new(imports.Signal), new(imports.Board)
	r.run(cfg2)
	r.soon("the new leader's start", func() bool { return r.runs() == 1 })
	close(frozen.out)

	if err := old.over(t); !errors.Is(err, imports.ErrNotLeader) {
		t.Errorf("the old leader ended with %v", err)
	}
	if end := r.ended(cfg2, asked.ID); end.Outcome != imports.Succeeded || r.runs() != 1 {
		t.Errorf("ended %s with %d run= requests", end.Outcome, r.runs())
	}
}

// frozenAnnouncer holds the first announcement up until it is let out.
type frozenAnnouncer struct {
	*cards
	in, out chan struct{}
}

func (f *frozenAnnouncer) Announce(ctx context.Context, imp imports.Import) error {
	close(f.in)
	<-f.out
	return f.cards.Announce(ctx, imp)
}

// A look from before the wish says nothing of what began in between.
func TestAStartLooksForItself(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	r.run(cfg)
	r.rest(cfg)
	r.clock.Advance(2 * time.Second)
	r.server.StartByHand(r.clock.Now(), bigfix.TypeComplete)

	end := r.ended(cfg, r.ask("ana", bigfix.TypeRaw).ID)

	if end.Outcome != imports.Refused || end.Reason.Kind != imports.ReasonRunning {
		t.Errorf("ended %s (%v), want it refused because another runs", end.Outcome, end.Reason)
	}
	if r.runs() != 0 {
		t.Errorf("%d run= requests, want none", r.runs())
	}
}

func TestTwoAtOnceStartOne(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	first, second := r.ask("ana", bigfix.TypeRaw), r.ask("ben", bigfix.TypeComplete)
	again := r.ask("ana", bigfix.TypeRaw)
	if again.ID != first.ID {
		t.Errorf("the same wish became import %s and %s", first.ID, again.ID)
	}
	r.run(cfg)
	if got := r.stored(second.ID); got.Outcome != imports.Refused || got.Reason.Kind != imports.ReasonRunning || got.Reason.Other != first.ID {
		t.Errorf("the second ended %q, %+v", got.Outcome, got.Reason)
	}
	if got := r.stored(first.ID).Followers; !slices.Equal(got, []string{"Uana", "Uben"}) {
		t.Errorf("the first is followed by %v", got)
	}
	if got := r.ended(cfg, first.ID); got.Outcome != imports.Succeeded {
		t.Errorf("the first ended %s", got.Outcome)
	}
	if r.runs() != 1 || slices.Contains(r.cards.up, second.ID) {
		t.Errorf("%d run= requests, cards %v", r.runs(), r.cards.up)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		prepare func(*rig, *imports.EngineConfig)
		want    imports.ReasonKind
	}{
		{"somebody's import runs", func(r *rig, _ *imports.EngineConfig) {
			r.server.StartByHand(noon.Add(time.Second), bigfix.TypeComplete)
			r.clock.Advance(time.Minute)
		}, imports.ReasonRunning},
		{"no permission, said in the status", func(r *rig, _ *imports.EngineConfig) {
			r.server.Set(func(d *bigfixtest.Doubts) { d.Permission = bigfixtest.PermissionFlag })
		}, imports.ReasonNotPermitted},
		{"no permission, said by 403", func(r *rig, _ *imports.EngineConfig) {
			r.server.Set(func(d *bigfixtest.Doubts) { d.Permission = bigfixtest.PermissionAll403 })
		}, imports.ReasonNotPermitted},
		{"a wrong token", func(r *rig, cfg *imports.EngineConfig) {
			c := r.server.Config()
			c.Token = strings.Repeat("0", 40)
			client, err := bigfix.New(c)
			if err != nil {
				r.t.Fatal(err)
			}
			r.t.Cleanup(client.Close)
			cfg.Servers[0].Client = client
		}, imports.ReasonUnauthorized},
		{"a login page", func(r *rig, _ *imports.EngineConfig) {
			r.server.Fail(bigfixtest.Fault{Answer: bigfixtest.AnswerHTML})
		}, imports.ReasonNotServer},
		{"the server is away", func(r *rig, _ *imports.EngineConfig) { r.server.Stop() }, imports.ReasonUnreachable},
		{"a mode nobody knows", func(r *rig, _ *imports.EngineConfig) {
			r.server.Fail(bigfixtest.Fault{Answer: bigfixtest.AnswerOddMode})
		}, imports.ReasonUnknownMode},
		{"raw on License Metric Tool", func(_ *rig, cfg *imports.EngineConfig) {
			cfg.Servers[0].Edition = bigfix.ILMT
		}, imports.ReasonBadRequest},
		{"a channel that takes no card", func(r *rig, _ *imports.EngineConfig) {
			r.cards.failWith(fmt.Errorf("%w: is_archived", imports.ErrNoCard))
		}, imports.ReasonNoCard},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			cfg := r.config()
			c.prepare(r, &cfg)
			r.run(cfg)
			asked := r.ask("ana", bigfix.TypeRaw)
			got, err := r.intake.Await(t.Context(), asked.ID)
			if err != nil || got.Outcome != imports.Refused || got.Reason.Kind != c.want {
				t.Errorf("ended %q, %+v, %v; want refused, %s", got.Outcome, got.Reason, err, c.want)
			}
			if r.runs() != 0 {
				t.Errorf("%d run= requests", r.runs())
			}
			if c.want == imports.ReasonRunning {
				other := r.stored(got.Reason.Other)
				if other.Origin != imports.Elsewhere || !slices.Contains(other.Followers, "Uana") {
					t.Errorf("in the way: %s import, followed by %v", other.Origin, other.Followers)
				}
			}
		})
	}
}

func TestWhatCanNotBeSentExpires(t *testing.T) {
	t.Parallel()
	t.Run("no card for two minutes", func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		r.cards.failWith(errors.New("Slack does not answer"))
		e := r.run(cfg)
		asked := r.ask("ana", bigfix.TypeRaw)
		r.soon("a trouble", func() bool { return len(e.Troubles()) == 1 })
		end := r.ended(cfg, asked.ID)
		if end.Outcome != imports.Expired || end.EndedAt.Sub(end.AcceptedAt) > 2*time.Minute+15*time.Second {
			t.Errorf("ended %s after %s", end.Outcome, end.EndedAt.Sub(end.AcceptedAt))
		}
		r.cards.failWith(nil)
		r.pass(cfg, 5*time.Minute)
		if r.runs() != 0 || len(e.Troubles()) != 0 {
			t.Errorf("%d run= requests, troubles %v", r.runs(), e.Troubles())
		}
	})
	t.Run("a card after a minute", func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		r.cards.failWith(errors.New("Slack does not answer"))
		r.run(cfg)
		asked := r.ask("ana", bigfix.TypeRaw)
		r.pass(cfg, time.Minute)
		r.cards.failWith(nil)
		if end := r.ended(cfg, asked.ID); end.Outcome != imports.Succeeded || r.runs() != 1 {
			t.Errorf("ended %s with %d run= requests", end.Outcome, r.runs())
		}
	})
	t.Run("the mark can't be recorded", func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		cfg.Store = noMark{r.store}
		r.run(cfg)
		asked := r.ask("ana", bigfix.TypeRaw)
		if end := r.ended(cfg, asked.ID); end.Outcome != imports.Expired || r.runs() != 0 {
			t.Errorf("ended %s with %d run= requests", end.Outcome, r.runs())
		}
	})
	t.Run("nothing can be recorded", func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		broken := &failing{Store: r.store, now: r.clock.Now}
		cfg.Store = broken
		r.run(cfg)
		broken.broken.Store(true)
		asked := r.ask("ana", bigfix.TypeRaw)
		r.pass(cfg, 3*time.Minute)
		broken.broken.Store(false)
		if end := r.ended(cfg, asked.ID); end.Outcome != imports.Expired || r.runs() != 0 {
			t.Errorf("ended %s with %d run= requests", end.Outcome, r.runs())
		}
	})
}

// noMark is a store that takes everything but the mark of a start.
type noMark struct{ imports.Store }

func (n noMark) Record(ctx context.Context, epoch imports.Epoch, srv imports.Server, imps []imports.Import) error {
	if slices.ContainsFunc(imps, func(i imports.Import) bool { return i.State == imports.Sending }) {
		return errFull
	}
	return n.Store.Record(ctx, epoch, srv, imps)
}

// The end of one import and the beginning of the next would be each other's evidence: a start waits until it is clear
// how the one before ended.
func TestAStartWaitsForTheEndBefore(t *testing.T) {
	r := newRig(t, bigfixtest.WithDoubts(bigfixtest.Doubts{EndLag: 55 * time.Second}))
	cfg := r.config()
	r.run(cfg)
	first := r.ask("ana", bigfix.TypeRaw)
	r.until(cfg, 10*time.Minute, "settling", func() bool { return r.stored(first.ID).State == imports.Settling })
	second := r.ask("ben", bigfix.TypeRaw)
	one, two := r.ended(cfg, first.ID), r.ended(cfg, second.ID)
	if one.Outcome != imports.Succeeded || two.Outcome != imports.Succeeded || two.SendingAt.Before(one.EndedAt) || r.runs() != 2 {
		t.Errorf("ended %s %v and %s %v with %d run= requests", one.Outcome, one.Doubts, two.Outcome, two.Doubts, r.runs())
	}
	if wait := two.SendingAt.Sub(two.AcceptedAt); wait > 2*time.Minute {
		t.Errorf("the second was sent after %s", wait)
	}
}

func TestWhileSlackDithers(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		takes time.Duration
		begin time.Duration // somebody's import begins so long after; 0: none
		looks int           // before the start, and behind it if it was sent
		want  imports.Outcome
	}{
		{"a moment", 2 * time.Second, 0, 2, imports.Succeeded},
		{"ten seconds", 10 * time.Second, 0, 3, imports.Succeeded},
		{"ten seconds, and another import begins", 10 * time.Second, 5 * time.Second, 2, imports.Refused},
		{"three minutes", 3 * time.Minute, 0, 2, imports.Expired},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			cfg := r.config()
			cfg.Announcer = slow{r, c.takes, c.begin}
			r.run(cfg)
			r.pass(cfg, 30*time.Second)
			before := r.looks()
			asked := r.ask("ana", bigfix.TypeRaw)
			r.soon("it is decided", func() bool {
				s := r.stored(asked.ID).State
				return s == imports.Running || s == imports.Ended
			})
			r.rest(cfg)
			if got := r.looks() - before; got != c.looks {
				t.Errorf("%d looks, want %d", got, c.looks)
			}
			if end := r.ended(cfg, asked.ID); end.Outcome != c.want {
				t.Errorf("ended %s, %+v", end.Outcome, end.Reason)
			}
		})
	}
}

// slow is a Slack that takes its time.
type slow struct {
	*rig
	takes, begin time.Duration
}

func (s slow) Announce(ctx context.Context, imp imports.Import) error {
	if s.begin > 0 {
		s.server.StartByHand(s.clock.Now().Add(s.begin), bigfix.TypeComplete)
	}
	s.clock.Advance(s.takes)
	return s.cards.Announce(ctx, imp)
}

// A clock that is put back by hours stops no looks, and one that is put forward shows as a gap.
func TestTheClockIsPutBackAndForth(t *testing.T) {
	r := newRig(t, bigfixtest.WithDuration(bigfix.TypeComplete, 30*time.Minute))
	r.step = 20 * time.Second
	cfg := r.config()
	r.run(cfg)
	r.pass(cfg, 5*time.Minute)
	r.clock.Advance(-3 * time.Hour)
	before := r.looks()
	r.signal.Wake() // on the machine's clock it wakes by itself within ten seconds
	r.soon("a look", func() bool { return r.looks() > before })
	r.rest(cfg)
	r.pass(cfg, 5*time.Minute)
	if got := r.looks() - before; got < 5 || got > 7 {
		t.Errorf("%d looks in five minutes after the clock was put back", got)
	}
	asked := r.ask("ana", bigfix.TypeComplete)
	r.soon("running", func() bool { return r.stored(asked.ID).State == imports.Running })
	r.rest(cfg)
	r.clock.Advance(20 * time.Minute)
	end := r.ended(cfg, asked.ID)
	if end.Outcome != imports.Unclear || len(end.Doubts) == 0 || end.Doubts[0].Kind != imports.DoubtGap {
		t.Errorf("ended %s, %v, after 20 minutes that nobody looked", end.Outcome, end.Doubts)
	}
}

// ourClock is the clock on our wall, which is set while the server's goes on.
type ourClock struct {
	*bigfixtest.Clock
	set atomic.Int64 // how far it was put forth, in nanoseconds
}

func (c *ourClock) ahead() time.Duration { return time.Duration(c.set.Load()) }

func (c *ourClock) Now() time.Time { return c.Clock.Now().Add(c.ahead()) }

func (c *ourClock) Until(t time.Time) (<-chan struct{}, func()) {
	return c.Clock.Until(t.Add(-c.ahead()))
}

// A clock that is put back in mid-import, or while one waits for a sign, makes nobody deaf: each is noticed as soon as
// if it had not been.
func TestTheClockIsPutBackInMidImport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		doubts bigfixtest.Doubts
		after  time.Duration // the start, it is put back
		want   imports.Outcome
		within time.Duration // of putting it back
	}{
		{"seen running", bigfixtest.Doubts{}, 10 * time.Minute, imports.Succeeded, 21 * time.Minute},
		{"seen running, its time is its beginning", bigfixtest.Doubts{ImportTime: bigfixtest.MomentStart}, 10 * time.Minute, imports.Succeeded, 21 * time.Minute},
		{"before it is seen running", bigfixtest.Doubts{StartLag: time.Minute}, 20 * time.Second, imports.Succeeded, 32 * time.Minute},
		{"no sign", bigfixtest.Doubts{DropRun: true}, 20 * time.Second, imports.NotBegun, 6 * time.Minute},
		{"the end holds", bigfixtest.Doubts{OnFailure: bigfixtest.FailureSilent, SuccessWord: "fertig"}, 30*time.Minute + 20*time.Second, imports.Unclear, 3 * time.Minute},
	}
	for i, tt := range tests {
		if imports.Thinned(i) {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, bigfixtest.WithDuration(bigfix.TypeComplete, 30*time.Minute), bigfixtest.WithDoubts(tt.doubts))
			r.step = 10 * time.Second
			ours := &ourClock{Clock: r.clock}
			cfg := r.config()
			cfg.Clock = ours
			r.intake = imports.NewIntake(r.store, r.signal, ours)
			r.run(cfg)
			r.pass(cfg, time.Minute)
			asked := r.ask("ana", bigfix.TypeComplete)
			r.soon("the start", func() bool { return r.runs() == 1 })
			r.rest(cfg)
			r.pass(cfg, tt.after)
			ours.set.Store(int64(-3 * time.Hour))
			r.signal.Wake()
			r.rest(cfg)
			r.until(cfg, tt.within, "the end", func() bool { return r.stored(asked.ID).State == imports.Ended })
			if end := r.stored(asked.ID); end.Outcome != tt.want {
				t.Errorf("ended %s, %v %+v; want %s", end.Outcome, end.Doubts, end.Reason, tt.want)
			}
		})
	}
}

func TestNoAnswerToAStartIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	answers := []bigfixtest.Answer{
		bigfixtest.AnswerDrop, bigfixtest.AnswerCut, bigfixtest.AnswerHTML, bigfixtest.AnswerStale, bigfixtest.AnswerEmpty,
		bigfixtest.Answer500, bigfixtest.Answer503, bigfixtest.Answer401, bigfixtest.Answer403,
	}
	for way, taken := range []bool{true, false} {
		for i, answer := range answers {
			if imports.Thinned(i + way) {
				continue
			}
			t.Run(fmt.Sprintf("%s, taken %t", answer, taken), func(t *testing.T) {
				r := newRig(t)
				cfg := r.config()
				r.run(cfg)
				r.server.Set(func(d *bigfixtest.Doubts) { d.DropRun = !taken })
				r.server.Fail(bigfixtest.Fault{On: bigfixtest.Runs, Answer: answer, Taken: taken})
				asked := r.ask("ana", bigfix.TypeRaw)
				end := r.ended(cfg, asked.ID)
				if r.runs() != 1 {
					t.Errorf("%d run= requests", r.runs())
				}
				began := end.Outcome == imports.Succeeded || end.Outcome == imports.Unclear
				if began != taken && answer != bigfixtest.AnswerStale {
					t.Errorf("ended %s, %+v", end.Outcome, end.Reason)
				}
			})
		}
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	count := func(r *rig, cfg imports.EngineConfig, d time.Duration) int {
		before := r.looks()
		r.pass(cfg, d)
		return r.looks() - before
	}
	t.Run("an import", func(t *testing.T) {
		r := newRig(t, bigfixtest.WithDuration(bigfix.TypeComplete, 30*time.Minute))
		cfg := r.config()
		r.run(cfg)
		if got := count(r, cfg, 10*time.Minute); got != 10 {
			t.Errorf("idle for 10 minutes: %d looks", got)
		}
		asked := r.ask("ana", bigfix.TypeComplete)
		r.soon("running", func() bool { return r.stored(asked.ID).State == imports.Running })
		r.rest(cfg)
		if got := count(r, cfg, 2*time.Minute); got != 12 {
			t.Errorf("the first two minutes: %d looks", got)
		}
		if got := count(r, cfg, 10*time.Minute); got != 20 {
			t.Errorf("ten minutes of running: %d looks", got)
		}
	})
	t.Run("a rejected token", func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		r.run(cfg)
		asked := r.ask("ana", bigfix.TypeRaw)
		r.soon("running", func() bool { return r.stored(asked.ID).State == imports.Running })
		r.server.Fail(bigfixtest.Fault{Answer: bigfixtest.Answer401})
		r.pass(cfg, time.Minute)
		if got := count(r, cfg, 10*time.Minute); got != 10 {
			t.Errorf("10 minutes of a rejected token while an import runs: %d looks", got)
		}
		before := r.looks()
		for i := range 5 {
			ben := r.ask(fmt.Sprint("ben", i), bigfix.TypeRaw)
			if got, err := r.intake.Await(t.Context(), ben.ID); err != nil || got.Outcome != imports.Refused {
				t.Errorf("%s %v, %v", got.State, got.Reason, err)
			}
		}
		if got := r.looks() - before; got != 0 {
			t.Errorf("five commands tried the rejected token %d times", got)
		}
	})
}

func TestARejectedStartIsNoReasonToTryTheTokenAgain(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	r.run(cfg)
	r.server.Fail(bigfixtest.Fault{Answer: bigfixtest.Answer401, On: bigfixtest.Runs})
	before := len(r.server.Journal().Requests)
	asked := r.ask("ana", bigfix.TypeRaw)
	r.soon("sent", func() bool { return r.stored(asked.ID).State == imports.Sent })
	r.rest(cfg)
	r.pass(cfg, 55*time.Second)
	if got := len(r.server.Journal().Requests) - before; got != 1 { // the first look of all served as the one before
		t.Errorf("%d requests in the minute after a start was rejected, want the start alone", got)
	}
	if end := r.ended(cfg, asked.ID); end.Outcome != imports.NotBegun || end.Reason.Kind != imports.ReasonUnauthorized {
		t.Errorf("ended %s, %+v", end.Outcome, end.Reason)
	}
}

func TestFollowersCostNoLooks(t *testing.T) {
	t.Parallel()
	followers := []int{1, 100, 1000}
	if imports.UnderRace {
		followers = followers[:2]
	}
	for _, n := range followers {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newRig(t, bigfixtest.WithDuration(bigfix.TypeComplete, 2*time.Hour))
			cfg := r.config()
			r.run(cfg)
			asked := r.ask("ana", bigfix.TypeComplete)
			r.soon("running", func() bool { return r.stored(asked.ID).State == imports.Running })
			r.pass(cfg, 3*time.Minute)
			before := r.looks()
			for i := range n - 1 {
				if err := r.intake.Follow(t.Context(), asked.ID, fmt.Sprintf("U%04d", i), false); err != nil {
					t.Fatal(err)
				}
			}
			r.soon("all followers on the board", func() bool {
				active := r.board.Active("prod")
				return len(active) == 1 && len(active[0].Followers) == n
			})
			r.pass(cfg, 10*time.Minute)
			if got := r.looks() - before; got != 20 {
				t.Errorf("%d looks in 20 intervals", got)
			}
			t.Logf("%d followers: %d looks in 20 intervals", n, r.looks()-before)
		})
	}
}

// While the store fails the engine goes on looking, starts nothing, tries less and less often, and loses nothing.
func TestWhileTheStoreFails(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	broken := &failing{Store: r.store, now: r.clock.Now}
	cfg.Store = broken
	e := r.run(cfg)
	asked := r.ask("ana", bigfix.TypeRaw)
	r.soon("running", func() bool { return r.stored(asked.ID).State == imports.Running })
	r.rest(cfg)

	broken.broken.Store(true)
	before := r.looks()
	r.pass(cfg, 20*time.Minute) // it begins, runs and ends unrecorded
	if got := r.looks() - before; got < 20 {
		t.Errorf("%d looks in 20 minutes without a store", got)
	}
	if got := e.Troubles(); len(got) != 1 || !errors.Is(got[0].Err, errFull) {
		t.Errorf("troubles: %v", got)
	}
	if n := len(broken.tries); n < 20 || n > 30 {
		t.Errorf("%d tries in 20 minutes", n)
	}
	for i := 1; i < len(broken.tries); i++ {
		if d := broken.tries[i].Sub(broken.tries[i-1]); d > 65*time.Second {
			t.Errorf("%s between two tries", d)
		}
	}
	if got := r.stored(asked.ID).State; got != imports.Running {
		t.Errorf("stored meanwhile as %s", got)
	}

	broken.broken.Store(false)
	end := r.ended(cfg, asked.ID)
	if d, _ := end.Duration(); end.Outcome != imports.Succeeded || d < 2*time.Minute || d > 4*time.Minute {
		t.Errorf("ended %s after %s: the looks in between are lost", end.Outcome, d)
	}
	if got := e.Troubles(); len(got) != 0 {
		t.Errorf("troubles are left: %v", got)
	}
}

func TestImportsNobodyStartedHereAreRemembered(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	r.run(cfg)
	r.server.StartByHand(noon.Add(10*time.Minute), bigfix.TypeComplete)
	r.until(cfg, 12*time.Minute, "its beginning", func() bool { return len(r.active()) == 1 })
	id := r.active()[0].ID
	end := r.ended(cfg, id)
	if end.Origin != imports.Elsewhere || end.Outcome != imports.Succeeded || end.Type != bigfix.TypeComplete {
		t.Errorf("%s %s import ended %s, %v", end.Origin, end.Type, end.Outcome, end.Doubts)
	}
	r.pass(cfg, 10*time.Minute)
	if past, err := r.store.Recent(t.Context(), "prod", 10); err != nil || len(past) != 1 {
		t.Errorf("%d imports are remembered, %v", len(past), err)
	}
}

func TestAServerThatIsNotConfiguredAnyMore(t *testing.T) {
	r := newRig(t)
	asked := r.killed("stored as running")
	r.open()
	cfg := r.config()
	cfg.Servers[0].Name = "other"
	r.step = 5 * time.Minute
	r.run(cfg)
	end := r.ended(cfg, asked.ID)
	if end.Outcome != imports.Unknown || end.Reason.Kind != imports.ReasonOutOfSight || end.EndedAt.Sub(end.BegunAt) > 25*time.Hour {
		t.Errorf("ended %s, %+v, after %s", end.Outcome, end.Reason, end.EndedAt.Sub(end.BegunAt))
	}
}

// A server that hangs holds nobody up but those who ask for it.
func TestOneServerHangs(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	hangs := imports.ServerConfig{Name: "lab", Client: hanging{}, Edition: bigfix.BFI}
	cfg.Servers = append(cfg.Servers, hangs)
	e := r.runAs(cfg, imports.Lead{})
	_ = e.stop()
	lead, err := r.store.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e = r.runAs(cfg, lead.Lead())
	asked := r.ask("ana", bigfix.TypeRaw)
	r.soon("running", func() bool { return r.stored(asked.ID).State == imports.Running })
	if err := e.stop(); err != nil {
		t.Errorf("Run returned %v", err)
	}
	if srv, err := r.store.Server(t.Context(), "lab"); err != nil || srv.DownLooks != 0 {
		t.Errorf("a look that was cut by the end counts as failed: %+v, %v", srv, err)
	}
}

type hanging struct{}

func (hanging) Status(ctx context.Context) (bigfix.Status, error) {
	<-ctx.Done()
	return bigfix.Status{}, ctx.Err()
}

func (hanging) Start(ctx context.Context, _ bigfix.ImportType) (bigfix.Status, error) {
	<-ctx.Done()
	return bigfix.Status{}, ctx.Err()
}

func TestOldImportsGo(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	e := r.run(cfg)
	asked := r.ask("ana", bigfix.TypeRaw)
	r.ended(cfg, asked.ID)
	_ = e.stop()
	r.clock.Advance(imports.Keep - 2*time.Hour)
	e = r.run(cfg)
	r.stored(asked.ID)
	_ = e.stop()
	r.clock.Advance(3 * time.Hour)
	r.run(cfg)
	r.soon("it is deleted", func() bool {
		_, err := r.store.Import(t.Context(), asked.ID)
		return errors.Is(err, imports.ErrNotFound)
	})
}

// What administrators, and clocks, do to a server in mid-import: nothing of it makes an import that went well end badly,
// and no start is sent again.
func TestWhatIsDoneToAServerInMidImport(t *testing.T) {
	t.Parallel()
	skew := func(d time.Duration) func(*rig) {
		return func(r *rig) { r.server.Set(func(doubts *bigfixtest.Doubts) { doubts.Skew += d }) }
	}
	rejected := func(d time.Duration) func(*rig) {
		return func(r *rig) {
			r.server.RejectTokens()
			r.pass(r.config(), d)
			r.server.AcceptTokens()
		}
	}
	for i, tt := range []struct {
		name string
		skew time.Duration // from the beginning
		do   func(*rig)
		want imports.Outcome
	}{
		{"its clock is an hour ahead", time.Hour, func(*rig) {}, imports.Succeeded},
		{"its clock is an hour behind", -time.Hour, func(*rig) {}, imports.Succeeded},
		{"its clock is put forward by an hour", 0, skew(time.Hour), imports.Succeeded},
		{"its clock is put back by an hour", 0, skew(-time.Hour), imports.Succeeded},
		{"the token is rejected for a minute", 0, rejected(time.Minute), imports.Succeeded},
		{"the token is rejected for ten minutes", 0, rejected(10 * time.Minute), imports.Unclear},
	} {
		if imports.Thinned(i) {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, bigfixtest.WithDuration(bigfix.TypeComplete, 30*time.Minute), bigfixtest.WithDoubts(bigfixtest.Doubts{Skew: tt.skew}))
			r.step = 10 * time.Second
			cfg := r.config()
			r.run(cfg)
			asked := r.ask("ana", bigfix.TypeComplete)
			r.soon("running", func() bool { return r.stored(asked.ID).State == imports.Running })
			r.pass(cfg, 5*time.Minute)
			tt.do(r)
			end := r.ended(cfg, asked.ID)
			if end.Outcome != tt.want || end.NeedsAttention() || r.runs() != 1 {
				t.Errorf("ended %s (%v %+v) with %d run= requests, want %s", end.Outcome, end.Doubts, end.Reason, r.runs(), tt.want)
			}
		})
	}
}
