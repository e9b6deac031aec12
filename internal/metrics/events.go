package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
	"importbot/internal/audit"
)

// The values that labels can have, besides "other".
var (
	kinds          = known(string(bot.Command), string(bot.Action), string(bot.Submission), string(bot.Home))
	commandResults = known(audit.Answered, audit.Accepted, audit.Refused, audit.Failed)
	refusals       = known("team", "command", "busy", "stopping", "starting")
	leavings       = known("stopping", "late")
	slackMethods   = known("auth.test", "apps.connections.open", "chat.postMessage", "chat.update", "usergroups.users.list",
		"users.info", "views.publish", "conversations.history", "conversations.replies", "response_url")
	slackResults   = known("ok", "rate_limited", "auth", "channel", "gone", "invalid", "unavailable", "lost", "fenced")
	disconnections = known("warning", "refresh_requested", "link_disabled", "too_many_websockets", "closed", "silent", "stuck", "frozen",
		"stopping", "error")
	pollResults = known(pollOK, string(imports.FailUnauthorized), string(imports.FailForbidden), string(imports.FailNotServer),
		string(imports.FailBadRequest), string(imports.FailUnavailable))
	importTypes    = known("raw", "complete", "unknown")
	importOrigins  = known(string(imports.Here), string(imports.Scheduled), string(imports.Elsewhere), string(imports.Late))
	importOutcomes = known(string(imports.Succeeded), string(imports.Failed), string(imports.Unclear), unclearSuccessful,
		string(imports.Unknown), string(imports.NotBegun), string(imports.Refused), string(imports.Expired), string(imports.Cancelled))
	timedOutcomes = known(string(imports.Succeeded), string(imports.Failed))
	beatResults   = known("ok", "failed")
	alertKinds    = alertWords()
)

func alertWords() words {
	w := known()
	for _, kind := range imports.AlertKinds {
		w[string(kind)] = true
	}
	return w
}

const (
	// noAction is the action of a form, which has none.
	noAction = "none"
	pollOK   = "ok"
	// unclearSuccessful is an import whose end is unclear, and the server's last word is that it was successful: the one
	// kind of doubt that nobody has to be woken for.
	unclearSuccessful = "unclear_successful"
)

// The buckets, in seconds. Slack waits 3 s for an ack. An import takes from a minute to a day.
var (
	ackBuckets    = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 3}
	callBuckets   = []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	pollBuckets   = []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20}
	importBuckets = []float64{60, 120, 300, 600, 1200, 1800, 2700, 3600, 5400, 7200, 10800, 14400, 21600, 43200, 86400}
)

// events are the metrics that count what happened in this process.
type events struct {
	commands, interactions *prometheus.CounterVec
	refused, left          *prometheus.CounterVec
	repeated               *prometheus.CounterVec
	ack                    *prometheus.HistogramVec
	calls                  *prometheus.CounterVec
	callTook               *prometheus.HistogramVec
	connects               prometheus.Counter
	disconnects            *prometheus.CounterVec
	polls                  *prometheus.CounterVec
	pollTook               *prometheus.HistogramVec
	imports                *prometheus.CounterVec
	importTook             *prometheus.HistogramVec
	alerts                 *prometheus.CounterVec
	heartbeats             *prometheus.CounterVec
}

func newEvents() events {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}
	return events{
		commands:     counter("importbot_commands_total", "Commands typed in Slack and delivered to this process, by what came of them.", "command", "result"),
		interactions: counter("importbot_interactions_total", "Buttons pressed and forms sent in Slack and delivered to this process, by what came of them.", "kind", "action", "result"),
		refused:      counter("importbot_requests_refused_total", "Requests from Slack that were refused in words before any command was looked at, by why.", "reason"),
		left:         counter("importbot_requests_left_total", "Requests from Slack that were neither acked nor answered by this process, by why; another one may have taken them.", "reason"),
		repeated:     counter("importbot_requests_repeated_total", "Requests that Slack delivered again and that were dropped.", "kind"),
		ack:          histogram("importbot_ack_duration_seconds", "Time from reading an envelope to its ack being written; Slack waits 3 seconds.", ackBuckets, "kind"),
		calls:        counter("importbot_slack_calls_total", "Calls to Slack's Web API and to response_urls, by what came of them.", "method", "result"),
		callTook:     histogram("importbot_slack_call_duration_seconds", "Time a call to Slack took, however it ended.", callBuckets, "method"),
		connects: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "importbot_slack_connects_total", Help: "Socket Mode connections that Slack greeted.",
		}),
		disconnects: counter("importbot_slack_disconnects_total", "Socket Mode connections that ended after Slack had greeted them, by why; all but stopping are opened again.", "reason"),
		polls:       counter("importbot_polls_total", "Looks at a server made by this process while it led.", "server", "result"),
		pollTook:    histogram("importbot_poll_duration_seconds", "Time a look at a server took, answered or not.", pollBuckets, "server"),
		imports:     counter("importbot_imports_total", "Imports whose end this process recorded while it led.", "server", "type", "origin", "outcome"),
		importTook:  histogram("importbot_import_duration_seconds", "How long imports ran whose beginning and end were both seen.", importBuckets, "server", "type", "outcome"),
		alerts:      counter("importbot_alerts_total", "Alerts that this process raised while it led.", "server", "kind"),
		heartbeats:  counter("importbot_heartbeats_total", "Heartbeats sent to the dead man's switch, by whether it took them.", "result"),
	}
}

func (e *events) register(r prometheus.Registerer) {
	r.MustRegister(e.commands, e.interactions, e.refused, e.left, e.repeated, e.ack, e.calls, e.callTook, e.connects, e.disconnects,
		e.polls, e.pollTook, e.imports, e.importTook, e.alerts, e.heartbeats)
}

// begin makes the series that can be known beforehand.
func (m *Metrics) begin() {
	each(m.words, func(command string) {
		each(commandResults, func(result string) { m.events.commands.WithLabelValues(command, result) })
	})
	each(kinds, func(kind string) {
		m.repeated.WithLabelValues(kind)
		m.ack.WithLabelValues(kind)
	})
	each(commandResults, func(result string) {
		each(m.actions, func(action string) { m.interactions.WithLabelValues(string(bot.Action), action, result) })
		m.interactions.WithLabelValues(string(bot.Submission), noAction, result)
	})
	each(refusals, func(reason string) { m.refused.WithLabelValues(reason) })
	each(leavings, func(reason string) { m.left.WithLabelValues(reason) })
	each(slackMethods, func(method string) {
		m.callTook.WithLabelValues(method)
		each(slackResults, func(result string) { m.calls.WithLabelValues(method, result) })
	})
	each(disconnections, func(reason string) { m.disconnects.WithLabelValues(reason) })
	each(beatResults, func(result string) { m.heartbeats.WithLabelValues(result) })
	each(m.servers, m.beginServer)
}

func (m *Metrics) beginServer(server string) {
	m.pollTook.WithLabelValues(server)
	each(pollResults, func(result string) { m.polls.WithLabelValues(server, result) })
	each(alertKinds, func(kind string) { m.alerts.WithLabelValues(server, kind) })
	each(importTypes, func(kind string) {
		each(timedOutcomes, func(outcome string) { m.importTook.WithLabelValues(server, kind, outcome) })
		each(importOrigins, func(origin string) {
			each(importOutcomes, func(outcome string) {
				if possible(origin, outcome) {
					m.imports.WithLabelValues(server, kind, origin, outcome)
				}
			})
		})
	})
}

// possible says whether imports of an origin can end so: only a start made here can fail before it began.
func possible(origin, outcome string) bool {
	switch imports.Outcome(outcome) {
	case imports.NotBegun, imports.Refused, imports.Expired, imports.Cancelled:
		return origin == string(imports.Here)
	}
	return true
}

func each(w words, f func(string)) {
	for v := range w {
		if v != other {
			f(v)
		}
	}
}

// Observer counts what the bot tells of: acks, calls, connections, and requests that no handler saw.
func (m *Metrics) Observer() bot.Observer {
	return bot.Observer{
		Ack: func(kind bot.Kind, took time.Duration) {
			m.ack.WithLabelValues(kinds.of(string(kind))).Observe(took.Seconds())
		},
		Call: func(method, result string, took time.Duration) {
			method = slackMethods.of(method)
			m.calls.WithLabelValues(method, slackResults.of(result)).Inc()
			m.callTook.WithLabelValues(method).Observe(took.Seconds())
		},
		Refused:      func(_ *bot.Request, why string) { m.refused.WithLabelValues(refusals.of(why)).Inc() },
		Left:         func(_ *bot.Request, why string) { m.left.WithLabelValues(leavings.of(why)).Inc() },
		Repeated:     func(kind bot.Kind) { m.repeated.WithLabelValues(kinds.of(string(kind))).Inc() },
		Connected:    m.connects.Inc,
		Disconnected: func(reason string) { m.disconnects.WithLabelValues(disconnections.of(reason)).Inc() },
	}
}

// Commanded counts what people asked for, as the audit has it: what the handlers answered or refused. Entries of other
// kinds are counted elsewhere.
func (m *Metrics) Commanded(e audit.Entry) {
	result := commandResults.of(e.Result)
	switch e.Kind {
	case audit.Command:
		m.events.commands.WithLabelValues(m.words.of(m.commandOf(e.Text)), result).Inc()
	case audit.Action:
		m.interactions.WithLabelValues(e.Kind, m.actions.of(e.ActionID), result).Inc()
	case audit.Submission:
		m.interactions.WithLabelValues(e.Kind, noAction, result).Inc()
	}
}

// firstWord is the command that a text types where nobody knows better.
func firstWord(text string) string {
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		return word
	}
	return "help"
}

// Looked counts a look at a server.
func (m *Metrics) Looked(server string, o imports.Observation) {
	result := pollOK
	switch {
	case o.Failure != nil:
		result = pollResults.of(string(o.Failure.Kind))
	case o.Status == nil:
		result = other
	}
	server = m.servers.of(server)
	m.polls.WithLabelValues(server, result).Inc()
	if took := o.At.Sub(o.Asked); took >= 0 {
		m.pollTook.WithLabelValues(server).Observe(took.Seconds())
	}
}

// Happened counts imports that ended.
func (m *Metrics) Happened(imp imports.Import, ev imports.Event) {
	if ev.Kind != imports.EventEnded {
		return
	}
	server, kind, outcome := m.servers.of(imp.Server), typeOf(imp.Type), outcomeOf(imp)
	m.imports.WithLabelValues(server, kind, importOrigins.of(string(imp.Origin)), outcome).Inc()
	if took, ok := imp.Duration(); ok && timedOutcomes[outcome] {
		m.importTook.WithLabelValues(server, kind, outcome).Observe(took.Seconds())
	}
}

// Alerted counts alerts that are raised. One that comes back shortly after it was over is still the same.
func (m *Metrics) Alerted(a imports.Alert) {
	if a.Open() && a.Reopened == 0 {
		m.alerts.WithLabelValues(m.servers.of(a.Server), alertKinds.of(string(a.Kind))).Inc()
	}
}

func typeOf(t bigfix.ImportType) string {
	switch t {
	case bigfix.TypeRaw:
		return "raw"
	case bigfix.TypeComplete:
		return "complete"
	case "":
		return "unknown"
	}
	return other
}

func outcomeOf(imp imports.Import) string {
	if imp.Outcome == imports.Unclear && imp.End != nil && imp.End.Status.Successful() {
		return unclearSuccessful
	}
	return importOutcomes.of(string(imp.Outcome))
}

// Beat counts a heartbeat.
func (m *Metrics) Beat(ok bool) {
	result := "ok"
	if !ok {
		result = "failed"
	}
	m.heartbeats.WithLabelValues(result).Inc()
}
