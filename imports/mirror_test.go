package imports_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/imports"
)

// replica is a process that does not lead: it has a board and a signal of its own, and the store in common.
type replica struct {
	store  *deaf
	signal *imports.Signal
	board  *imports.Board
}

// deaf is a store that can't be read for as long as it is told to, and counts.
type deaf struct {
	imports.Store
	down  atomic.Bool
	reads atomic.Int32
}

var errAway = errors.New("connection refused")

func (d *deaf) Server(ctx context.Context, name string) (imports.Server, error) {
	d.reads.Add(1)
	if d.down.Load() {
		return imports.Server{}, errAway
	}
	return d.Store.Server(ctx, name)
}

// mirror runs one until the test ends.
func (r *rig) mirror(servers ...string) *replica {
	r.t.Helper()
	rep := &replica{store: &deaf{Store: r.store}, signal: new(imports.Signal), board: new(imports.Board)}
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() {
		done <- imports.Mirror(ctx, imports.MirrorConfig{
			Store: rep.store, Board: rep.board, Signal: rep.signal, Servers: servers, Clock: r.clock,
		})
	}()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("Mirror returned %v", err)
		}
	})
	return rep
}

// waiting waits until so many wait for the clock.
func (r *rig) waiting(n int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if err := r.clock.Await(ctx, n); err != nil {
		r.t.Fatal(err)
	}
}

// last is when the board's last look was, and what runs.
func (rep *replica) last(server string) (at time.Time, active []imports.State) {
	srv, _ := rep.board.Server(server)
	for _, imp := range rep.board.Active(server) {
		active = append(active, imp.State)
	}
	return srv.Last.At, active
}

// What the leader sees is on the board of a process that does not lead as soon as it is told, and soon where it is not.
// Looks at the server cost it none.
func TestMirror(t *testing.T) {
	r := newRig(t)
	rep := r.mirror("prod", "lab")
	r.waiting(2)
	if _, ok := rep.board.Server("prod"); ok {
		t.Error("it knows a server that was never seen")
	}
	cfg := r.config()
	r.run(cfg)
	r.waiting(4)

	rep.signal.Wake(imports.ServerSignal("prod"))
	r.soon("the first look", func() bool { at, _ := rep.last("prod"); return at.Equal(r.clock.Now()) })
	if _, ok := rep.board.Server("lab"); ok {
		t.Error("it knows a server of which nothing is stored")
	}

	asked := r.ask("ana", bigfix.TypeComplete)
	r.soon("it runs", func() bool { return r.stored(asked.ID).State == imports.Running })
	if _, active := rep.last("prod"); len(active) != 0 {
		t.Error("nobody told it, and it knows")
	}
	looks := r.looks()
	r.clock.Advance(10 * time.Second)
	r.soon("what runs", func() bool {
		_, active := rep.last("prod")
		return slices.Equal(active, []imports.State{imports.Running})
	})
	r.waiting(4)
	if got := r.looks() - looks; got != 1 {
		t.Errorf("%d looks at the server, want the leader's one", got)
	}
}

// While the store can't be read the board stays as it was, the store is left alone longer and longer, and then all is
// as before.
func TestMirrorWhileTheStoreIsAway(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	leader := r.run(cfg)
	if err := leader.stop(); err != nil {
		t.Fatal(err)
	}
	rep := r.mirror("prod")
	r.soon("the board", func() bool { at, _ := rep.last("prod"); return at.Equal(noon) })
	r.waiting(1)

	rep.store.down.Store(true)
	before := rep.store.reads.Load()
	for range 5 * 60 {
		r.clock.Advance(time.Second)
		r.waiting(1)
	}
	if got := rep.store.reads.Load() - before; got < 5 || got > 14 {
		t.Errorf("%d tries in five minutes", got)
	}
	if at, _ := rep.last("prod"); !at.Equal(noon) {
		t.Errorf("the board changed: %s", at)
	}

	rep.store.down.Store(false)
	srv := imports.Server{Name: "prod", Last: imports.Observation{Span: imports.Span{At: r.clock.Now()}}}
	lead, err := r.store.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.store.Record(t.Context(), lead.Lead().Epoch, srv, nil); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(time.Minute)
	r.soon("it is read again", func() bool { at, _ := rep.last("prod"); return at.Equal(srv.Last.At) })
}
