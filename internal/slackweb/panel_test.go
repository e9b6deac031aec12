package slackweb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakePanel has one switch, the gas, and notes each time that it is turned.
type fakePanel struct {
	looked chan struct{} // gets one each time that somebody looks, if it is there

	mu  sync.Mutex
	on  bool
	log []PanelLine
}

func (f *fakePanel) State() PanelState {
	select {
	case f.looked <- struct{}{}:
	default:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return PanelState{Title: "Stove", Log: f.log, Sections: []PanelSection{
		{ID: "stove", Title: "Stove", Tone: ToneGood, Summary: "It stands.", Progress: new(0), Switches: []PanelSwitch{{ID: "gas", Label: "Gas", On: new(f.on)}},
			Facts: []PanelFact{{Label: "Flames", Value: "4"}, {Label: "Bought", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}},
		{ID: "sink"},
	}}
}

func (f *fakePanel) Flip(_ context.Context, id string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch id {
	case "gas":
		f.on = !f.on
		f.log = append(f.log, PanelLine{Seq: uint64(len(f.log) + 1), Text: "The gas was turned."})
		return "The gas is turned.", nil
	case "water":
		return "", errors.New("The pipe is frozen.") //nolint:staticcheck // a sentence for the person
	}
	return "", fmt.Errorf("%w: %s", ErrNoSwitch, id)
}

func TestPanel(t *testing.T) {
	panel := &fakePanel{}
	w := newWorld(t, panel)
	if got := w.ask(http.MethodGet, "/api/workspace?user=U1", "", nil).body; !strings.HasSuffix(got, `"panel":true}`) {
		t.Errorf("got the workspace %s", got)
	}
	stream := w.stream("/api/events?user=U1")
	got, err := stream.data("panel")
	want := `{"title":"Stove","sections":[{"id":"stove","title":"Stove","tone":"good","summary":"It stands.","progress":0,` +
		`"facts":[{"label":"Flames","value":"4"},{"label":"Bought","time":"2026-01-02T03:04:05Z"}],` +
		`"switches":[{"id":"gas","label":"Gas","hint":"","on":false,"disabled":""}]},` +
		`{"id":"sink","title":"","tone":"","summary":"","facts":[],"switches":[]}],"log":[]}`
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v, -want +got:\n%s", err, diff)
	}
	if got := w.do("/api/panel", map[string]string{"switch": "gas"})["told"]; got != "The gas is turned." {
		t.Errorf("told %q", got)
	}
	changed := stream.panel()
	if !*changed.Sections[0].Switches[0].On || len(changed.Log) != 1 {
		t.Errorf("got %+v", changed)
	}
	for id, want := range map[string]int{"water": http.StatusUnprocessableEntity, "beer": http.StatusNotFound} {
		got := w.ask(http.MethodPost, "/api/panel", fmt.Sprintf(`{"switch":%q}`, id), nil)
		if got.status != want {
			t.Errorf("%s: %d %s", id, got.status, got.body)
		}
		checkWords(t, id, got)
	}
}

// Looking often does not mean sending often: between two states that differ, there is nothing.
func TestPanelIsSentWhenItChanged(t *testing.T) {
	panel := &fakePanel{looked: make(chan struct{})}
	w := newWorld(t, panel)
	stream := w.stream("/api/events?user=U1")
	stream.panel()
	for range 3 {
		select {
		case <-panel.looked:
		case <-w.ctx.Done():
			t.Fatal("nobody looks at the panel again")
		}
	}
	for range 60 {
		w.do("/api/panel", map[string]string{"switch": "gas"})
	}
	var last PanelState
	for last.Log == nil || last.Log[len(last.Log)-1].Seq < 60 {
		state := stream.panel()
		if last.Title != "" && cmp.Equal(last, state) {
			t.Errorf("twice the same: %+v", state)
		}
		last = state
	}
	if got := last.Log; len(got) != maxLogLines || got[0].Seq != 11 {
		t.Errorf("the log has %d lines from %d", len(got), got[0].Seq)
	}
	if strings.Count(stream.raw.String(), `"log":[]`) != 1 {
		t.Errorf("the first state came more than once:\n%s", stream.raw.String())
	}
}

// The panel travels among the events of the workspace, and takes none of their places: who comes back goes on behind the last event.
func TestPanelAndEventsShareAStream(t *testing.T) {
	w := newWorld(t, &fakePanel{})
	w.sim.Say("U2", "C1", "before", "")
	ana := w.stream("/api/events?user=U1")
	if got := next[event](ana).Message.Text; got != "before" {
		t.Errorf("got %q", got)
	}
	last := ana.last
	ana.panel()
	w.do("/api/panel", map[string]string{"switch": "gas"})
	if got := ana.panel(); len(got.Log) != 1 {
		t.Errorf("got %+v", got)
	}
	if ana.last != last {
		t.Errorf("behind the panel stands %q, want %q", ana.last, last)
	}
	w.sim.Say("U2", "C1", "after", "")
	again := w.stream("/api/events?user=U1&after=" + last)
	for who, stream := range map[string]*reader{"who stayed": ana, "who comes back": again} {
		if got := next[event](stream).Message.Text; got != "after" {
			t.Errorf("%s gets %q", who, got)
		}
	}
	if got := again.panel(); len(got.Log) != 1 {
		t.Errorf("who comes back gets %+v", got)
	}
}
