package slackweb

import (
	"crypto/rand"
	"maps"
	"net/http"
	"slices"
	"strings"

	"importbot/internal/slacksim"
)

// Options say what a page shows.
type Options struct {
	// Slack is the workspace.
	Slack *slacksim.Sim
	// People are the ids of the users whom one can be on this page, the first of them at first. There is at least one.
	People []string
	// Panel is what stands beside the workspace; nil for none.
	Panel Panel
}

// Page serves the page and what it asks for. It holds no state but the simulator's, and what is open ends with that: [http.Server.Close]
// ends requests, but no streams of events.
type Page struct {
	slack  *slacksim.Sim
	people []string
	panel  Panel
	run    string // tells the events of this workspace from those of another that had the same address
	handle http.Handler
}

// New returns a page for a workspace that has its people already. Those may change later, the options not.
func New(options Options) *Page {
	p := &Page{slack: options.Slack, people: slices.Clone(options.People), panel: options.Panel, run: rand.Text()}
	mux := http.NewServeMux()
	mux.Handle("/", methods{http.MethodGet: serveBuilt, http.MethodHead: serveBuilt})
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, &refusal{http.StatusNotFound, "There is nothing at this address."})
	})
	mux.Handle("/api/workspace", methods{http.MethodGet: p.serveWorkspace})
	mux.Handle("/api/events", methods{http.MethodGet: p.serveEvents})
	mux.Handle("/api/command", methods{http.MethodPost: act(p.command)})
	mux.Handle("/api/message", methods{http.MethodPost: act(p.message)})
	mux.Handle("/api/press", methods{http.MethodPost: act(p.press)})
	mux.Handle("/api/home", methods{http.MethodPost: act(p.home)})
	if p.panel != nil {
		mux.Handle("/api/panel", methods{http.MethodPost: act(p.flip)})
	}
	p.handle = guard(mux)
	return p
}

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handle.ServeHTTP(w, r) }

// methods are what can be done at one address.
type methods map[string]http.HandlerFunc

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if handle, ok := m[r.Method]; ok {
		handle(w, r)
		return
	}
	w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(m)), ", "))
	refuse(w, &refusal{http.StatusMethodNotAllowed, r.Method + " does nothing here."})
}
