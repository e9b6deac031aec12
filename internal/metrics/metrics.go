// Package metrics counts what the bot does and shows it to Prometheus.
//
// Things that happen are told to a [Metrics] by whoever makes them happen: the bot (Observer), the engine (Looked,
// Happened, Alerted), the audit (Commanded), the heartbeat (Beat). Things that are, it asks for when it is scraped, from the
// [Sources]. Telling it costs less than a microsecond and never blocks, so the hooks may be called from anywhere.
//
// docs/metrics.md explains every metric, and a test keeps it and this package in step. Three rules hold for all of them:
//
//   - A label's values come from a list that is known beforehand; what is not on it is counted as "other". No user, channel
//     or import is a label, and no text from a server or from Slack.
//   - Every series that can be known beforehand is there from the start, as zero: rate() and increase() then see the first
//     event too, and an alert's silence means that nothing happened.
//   - What is true of the one process that leads, and would be stale or doubled elsewhere, is zero in those that don't
//     lead, so that max by (server) over all of them is right.
package metrics

import (
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"importbot/bot"
	"importbot/imports"
	"importbot/internal/health"
)

// Sources are what the metrics are asked from at a scrape. The functions must return at once; each may be nil, and so may
// Board and Readiness: then what they would say is zero.
type Sources struct {
	Version string
	// Servers are the configured ones: their series exist from the start.
	Servers []string
	// Commands are the words that can be typed behind the slash command. CommandOf says which one a text types, "" for
	// none; where it is nil that is the text's first word, and help without one.
	Commands  []string
	CommandOf func(text string) string
	// Actions are the names of the buttons that can be pressed.
	Actions []string
	// SlackHealth is how the bot stands with Slack.
	SlackHealth func() bot.Health
	// Board is what this process knows of the servers.
	Board *imports.Board
	// Backlog is how many imports have something left to be shown in Slack, and how many pieces of work fail at present;
	// both count only while this process leads.
	Backlog func() (waiting, failing int)
	// Muted says whether a server's alerts are kept quiet at present.
	Muted func(server string) bool
	// Leading says whether this process leads, Epoch under which epoch it does, or did last; 0 where it never did.
	Leading func() bool
	Epoch   func() imports.Epoch
	// Readiness is asked for its last report, so a scrape waits for its probes where that is older than a second.
	Readiness *health.Readiness
}

// Metrics is all that can be scraped. It is safe for concurrent use.
type Metrics struct {
	registry  *prometheus.Registry
	servers   words
	words     words // the commands
	actions   words
	commandOf func(text string) string
	events
}

// New makes the metrics on a registry of their own, with those of the Go runtime and the process.
func New(src Sources) *Metrics {
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		servers:   known(src.Servers...),
		words:     known(src.Commands...),
		actions:   known(src.Actions...),
		commandOf: src.CommandOf,
		events:    newEvents(),
	}
	if m.commandOf == nil {
		m.commandOf = firstWord
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "importbot_build_info", Help: "1, with the version of Importbot and of Go it was built from.",
	}, []string{"version", "goversion"})
	build.WithLabelValues(src.Version, runtime.Version()).Set(1)
	m.registry.MustRegister(build, newState(src),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.events.register(m.registry)
	m.begin()
	return m
}

// Limits of a scrape.
const (
	maxScrapes   = 10
	scrapeWithin = 10 * time.Second
)

// Handler answers scrapes with Prometheus' text format. Where one collector fails, the others are shown all the same.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes, Timeout: scrapeWithin,
	})
}

// Gatherer is the same for a program: tests read it.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// other is what a label says of a value that is not on its list.
const other = "other"

// words are the values that a label can have.
type words map[string]bool

func known(values ...string) words {
	w := words{other: true}
	for _, v := range values {
		w[v] = true
	}
	return w
}

// of returns a value where it is known, else "other".
func (w words) of(value string) string {
	if w[value] {
		return value
	}
	return other
}
