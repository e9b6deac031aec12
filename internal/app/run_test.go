package app

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/imports"
	"importbot/internal/config"
	"importbot/internal/store"
)

// What hangs while the program stops takes from nobody behind it the time for the last words: audit entries are written then.
func TestALayerThatHangsLeavesTimeToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, hangs := new(parts), make(chan struct{})
		defer close(hangs)
		fail := func(error) {}
		first, second := p.newLayer(t.Context(), fail), p.newLayer(t.Context(), fail)
		first.run("hanging", func(context.Context) error { <-hangs; return nil })
		said := make(chan bool, 1)
		second.run("the last words", func(ctx context.Context) error {
			<-ctx.Done()
			<-time.After(lastMoments - time.Millisecond)
			said <- true
			return nil
		})
		began := time.Now()
		if err := endAll(began.Add(stopWithin), first, second); !errors.Is(err, errSlow) {
			t.Errorf("got %v, want that something was too slow", err)
		}
		select {
		case <-said:
		default:
			t.Errorf("nobody waited for the last words; it was over after %s", time.Since(began))
		}
	})
}

// The epoch outlives the term, for importbot_leader_epoch only rises.
func TestEpochOfTheLastTerm(t *testing.T) {
	t.Parallel()
	cfg, err := config.Bot(config.Source{Environ: newWorld(t).environ("HTTP_ADDR=off")})
	if err != nil {
		t.Fatal(err)
	}
	log := newLogger(cfg, t.Output())
	db, err := store.Open(t.Context(), cfg.Database.Reveal(), store.Options{Log: logrus.FieldLogger(log)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	signal := new(imports.Signal)
	p, err := wire(cfg, db, signal, "test", log)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.epoch(); got != 0 {
		t.Errorf("before the first term: epoch %d", got)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	lead, err := db.Lead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.serve(ctx, lead) }()
	looked, unsubscribe := signal.Subscribe()
	defer unsubscribe()
	for !p.lookedAtAll() {
		select {
		case <-looked:
		case err := <-ended:
			t.Fatalf("the term ended with %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if p.leads() || p.epoch() != lead.Lead().Epoch {
		t.Errorf("after the term: leads %t, epoch %d, want none and %d", p.leads(), p.epoch(), lead.Lead().Epoch)
	}
}
