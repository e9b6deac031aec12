package slackweb

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// A Panel is what stands beside the workspace: how things are behind it, and switches to break them. It is data, so that the page can
// draw it without knowing what it is about.
type Panel interface {
	// State is how things stand now. It is asked several times a second while somebody looks, and may be asked by several at once.
	State() PanelState
	// Flip does what the switch with this id says, and answers with a sentence of what happens now. An error of it is a sentence for
	// the person too; [ErrNoSwitch] where there is no such switch.
	Flip(ctx context.Context, id string) (told string, err error)
}

// A PanelState is all that the panel shows.
type PanelState struct {
	Title    string         `json:"title"`
	Sections []PanelSection `json:"sections"`
	Log      []PanelLine    `json:"log"` // what was done here, newest last; the last 50 are shown
}

// A PanelSection is one thing behind the workspace: a server, a connection, a process.
type PanelSection struct {
	ID       string        `json:"id"`
	Title    string        `json:"title"`
	Tone     Tone          `json:"tone"`
	Summary  string        `json:"summary"`            // a sentence: how it stands
	Progress *int          `json:"progress,omitempty"` // percent, 0 to 100; nil: there is none
	Facts    []PanelFact   `json:"facts"`
	Switches []PanelSwitch `json:"switches"`
}

// A Tone says whether how it stands is good. It is never the only sign of that.
type Tone string

// The tones.
const (
	TonePlain Tone = ""
	ToneGood  Tone = "good"
	ToneBad   Tone = "bad"
	ToneBusy  Tone = "busy"
)

// A PanelFact is a label with a value or, instead of it, a time, which is shown in the viewer's zone.
type PanelFact struct {
	Label string    `json:"label"`
	Value string    `json:"value,omitempty"`
	Time  time.Time `json:"time,omitzero"`
}

// A PanelSwitch is something that a person can do to what is behind the workspace.
type PanelSwitch struct {
	ID       string `json:"id"`
	Label    string `json:"label"`
	Hint     string `json:"hint"`
	On       *bool  `json:"on"`       // nil: it does something, and is neither on nor off
	Disabled string `json:"disabled"` // why it can't be used now, or empty
}

// A PanelLine is something that was done here.
type PanelLine struct {
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// ErrNoSwitch is [Panel.Flip] asked for a switch that there isn't.
var ErrNoSwitch = errors.New("there is no such switch")

// maxLogLines is how many lines of the log are shown.
const maxLogLines = 50

// panelState is the state in JSON, whose lists are lists even where the panel left them out.
func (p *Page) panelState() []byte {
	state := p.panel.State()
	state.Log = append([]PanelLine{}, state.Log[max(0, len(state.Log)-maxLogLines):]...)
	state.Sections = append([]PanelSection{}, state.Sections...)
	for i, section := range state.Sections {
		state.Sections[i].Facts = append([]PanelFact{}, section.Facts...)
		state.Sections[i].Switches = append([]PanelSwitch{}, section.Switches...)
	}
	out, err := json.Marshal(state)
	if err != nil { // there is nothing in it that could fail, but for a time beyond the year 9999
		return []byte("null")
	}
	return out
}

type flipped struct {
	Switch string `json:"switch"`
}

func (p *Page) flip(ctx context.Context, f flipped) (any, error) {
	told, err := p.panel.Flip(ctx, f.Switch)
	switch {
	case errors.Is(err, ErrNoSwitch):
		return nil, &refusal{http.StatusNotFound, "There is no switch " + quoted(f.Switch) + "."}
	case err != nil:
		return nil, impossible("%s", err)
	}
	return map[string]string{"told": told}, nil
}
