package imports_test

import (
	"sync"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/imports"
)

// alarms remembers what an engine told of alerts, and that it was stored before.
type alarms struct {
	r    *rig
	mu   sync.Mutex
	told []string
}

func (a *alarms) hear(alert imports.Alert) {
	a.mu.Lock()
	defer a.mu.Unlock()
	words := "raised "
	if !alert.Open() {
		words = "over "
	}
	srv, err := a.r.store.Server(a.r.t.Context(), alert.Server)
	stored := err == nil && len(srv.Alerts) == 1 && srv.Alerts[0].ID == alert.ID && srv.Alerts[0].Open() == alert.Open()
	if !stored {
		words = "not stored: " + words
	}
	a.told = append(a.told, words+string(alert.Kind))
}

func (a *alarms) heard() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string{}, a.told...)
}

// An alert is told of once it is stored, once by whichever process raised it, and once more when it is over. Whoever
// shows them is woken.
func TestAlertOutlivesTheProcess(t *testing.T) {
	r := newRig(t)
	r.step = 20 * time.Second
	r.rules.UnreachableAfter = imports.Threshold(4 * time.Minute)
	ears := &alarms{r: r}
	config := func() imports.EngineConfig {
		cfg := r.config()
		cfg.OnAlert = ears.hear
		return cfg
	}
	cfg := config()
	e := r.run(cfg)
	r.pass(cfg, time.Minute)
	r.server.Fail(bigfixtest.Fault{On: bigfixtest.Looks, Answer: bigfixtest.Answer503})
	woken, cancel := r.signal.Subscribe()
	defer cancel()
	r.pass(cfg, 4*time.Minute)
	if got := ears.heard(); len(got) > 0 {
		t.Fatalf("told too soon: %v", got)
	}
	for len(woken) > 0 {
		<-woken
	}
	r.until(cfg, 3*time.Minute, "the alert", func() bool { return len(ears.heard()) > 0 })
	if len(woken) == 0 {
		t.Error("nobody was woken")
	}

	r.bury(e)
	r.open()
	cfg = config()
	r.run(cfg)
	r.pass(cfg, 10*time.Minute)
	r.server.Heal()
	r.until(cfg, 3*time.Minute, "its end", func() bool { return len(ears.heard()) > 1 })
	r.pass(cfg, 5*time.Minute)
	got := ears.heard()
	if len(got) != 2 || got[0] != "raised unreachable" || got[1] != "over unreachable" {
		t.Errorf("told %v", got)
	}
	if srv, ok := r.board.Server("prod"); !ok || len(srv.Alerts) != 1 || len(srv.Open()) != 0 {
		t.Errorf("on the board: %+v", srv.Alerts)
	}
}

// What is usual for a type that seldom runs is known to a new process too, however many of another lie between.
func TestUsualOfARareType(t *testing.T) {
	r := newRig(t)
	lead, err := r.store.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var past []imports.Import
	for i := range 80 {
		kind, took := bigfix.TypeRaw, 4*time.Minute
		if i < 4 {
			kind, took = bigfix.TypeComplete, 40*time.Minute
		}
		began := noon.Add(time.Duration(i-100) * time.Hour)
		past = append(past, imports.Import{
			ID: "past " + began.Format(time.DateTime), Server: "prod", Type: kind, Origin: imports.Elsewhere,
			State: imports.Ended, Outcome: imports.Succeeded, AcceptedAt: began,
			BegunAt: began, FirstRunning: imports.Span{At: began}, EndedAt: began.Add(took), LastLook: began.Add(took),
		})
	}
	if err := r.store.Record(t.Context(), lead.Lead().Epoch, imports.Server{Name: "prod"}, past); err != nil {
		t.Fatal(err)
	}
	ears := &alarms{r: r}
	cfg := r.config()
	cfg.OnAlert = ears.hear
	r.runAs(cfg, lead.Lead())
	r.rest(cfg)
	r.step = 20 * time.Second
	r.pass(cfg, time.Minute)
	r.server.PlanNext(bigfixtest.Plan{Duration: 3 * time.Minute})
	r.ask("1", bigfix.TypeComplete)
	r.until(cfg, 10*time.Minute, "an alert that it was over too soon", func() bool { return len(ears.heard()) > 0 })
	if got := ears.heard(); got[0] != "raised brief" {
		t.Errorf("told %v", got)
	}
}
