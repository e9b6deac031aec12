package slackweb

import (
	"embed"
	"io/fs"
	"net/http"

	"importbot/internal/slacksim"
)

//go:embed all:dist
var built embed.FS

// Options say what a page shows.
type Options struct {
	// Slack is the workspace.
	Slack *slacksim.Sim
	// People are the ids of the users whom one can be on this page, the first of them at first.
	People []string
	// Panel is what stands beside the workspace; nil for none.
	Panel Panel
}

// Page serves the page and what it asks for. It holds no state but the simulator's and starts nothing that outlives a request: closing
// the server ([http.Server.Close]) or the simulator ends what is open.
type Page struct {
	slack  *slacksim.Sim
	people []string
	panel  Panel
	handle http.Handler
}

// New returns a page for a workspace that has its people already. Those may be changed later, the options not.
func New(options Options) *Page {
	p := &Page{slack: options.Slack, people: options.People, panel: options.Panel}
	root, _ := fs.Sub(built, "dist")
	p.handle = http.FileServerFS(root)
	return p
}

func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handle.ServeHTTP(w, r) }
