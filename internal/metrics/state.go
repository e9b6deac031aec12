package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"importbot/bigfix"
	"importbot/imports"
	"importbot/internal/health"
)

// state collects what is, at the moment of a scrape.
type state struct {
	src   Sources
	descs []*prometheus.Desc

	ready, check                             *prometheus.Desc
	leading, epoch                           *prometheus.Desc
	waiting, failing                         *prometheus.Desc
	connections, connectionsUp, lastCall     *prometheus.Desc
	lastLook, lastSuccess, running, progress *prometheus.Desc
	alerts, muted, asked                     *prometheus.Desc
}

func newState(src Sources) *state {
	s := &state{src: src}
	gauge := func(name, help string, labels ...string) *prometheus.Desc {
		d := prometheus.NewDesc(name, help, labels, nil)
		s.descs = append(s.descs, d)
		return d
	}
	s.ready = gauge("importbot_ready", "1 while /readyz says that this process can be relied on.")
	s.check = gauge("importbot_check_ok", "1 while a check of /readyz is well.", "check")
	s.leading = gauge("importbot_leading", "1 in the process that leads: it watches, starts and publishes.")
	s.epoch = gauge("importbot_leader_epoch", "The epoch under which this process leads or led last; 0 if it never did.")
	s.waiting = gauge("importbot_reconcile_waiting", "Imports with something left to be shown in Slack; 0 where this process does not lead.")
	s.failing = gauge("importbot_reconcile_failing", "Pieces of work whose last try failed and which are tried again; 0 where this process does not lead.")
	s.connections = gauge("importbot_slack_connections", "Socket Mode connections that this process means to hold.")
	s.connectionsUp = gauge("importbot_slack_connections_up", "Socket Mode connections that Slack has greeted and that stand.")
	s.lastCall = gauge("importbot_slack_last_good_call_timestamp_seconds", "When a call to Slack's Web API with the bot token last went well; 0 if none did.")
	s.lastLook = gauge("importbot_last_good_look_timestamp_seconds", "When a server was last looked at and answered, as far as this process knows; 0 if it never did.", "server")
	s.lastSuccess = gauge("importbot_last_success_timestamp_seconds", "When the server says that an import last succeeded, by the server's clock; 0 if it named no time.", "server")
	s.running = gauge("importbot_import_running", "1 while an import runs, as last seen; 0 where this process does not lead.", "server")
	s.progress = gauge("importbot_import_progress_ratio", "How far the running import is, as last seen, from 0 to 1; 0 where none runs or this process does not lead.", "server")
	s.alerts = gauge("importbot_alerts", "Alerts that are open; 0 where this process does not lead.", "server", "kind")
	s.muted = gauge("importbot_muted", "1 while a server's alerts are kept quiet, as far as this process knows.", "server")
	s.asked = gauge("importbot_waiting", "Imports that were asked for and wait for another one to end; 0 where this process does not lead.", "server")
	return s
}

// Describe implements prometheus.Collector.
func (s *state) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range s.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *state) Collect(ch chan<- prometheus.Metric) {
	leads := s.src.Leading != nil && s.src.Leading()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s.collectHealth(gauge)
	s.collectSlack(gauge)
	s.collectLead(gauge, leads)
	for _, server := range s.src.Servers {
		s.collectServer(gauge, server, leads)
	}
}

type gaugeFunc func(d *prometheus.Desc, v float64, labels ...string)

// collectWithin is how long a scrape waits for the probes: a little longer than they may take.
const collectWithin = health.ProbeWithin + time.Second

func (s *state) collectHealth(gauge gaugeFunc) {
	var report health.Report
	if s.src.Readiness != nil {
		ctx, cancel := context.WithTimeout(context.Background(), collectWithin)
		defer cancel()
		report, _ = s.src.Readiness.Report(ctx) // not known in time is not ready
	}
	gauge(s.ready, truth(report.Ready))
	for _, c := range report.Checks {
		gauge(s.check, truth(c.OK), c.Name)
	}
}

func (s *state) collectSlack(gauge gaugeFunc) {
	var all, up int
	var last time.Time
	if s.src.SlackHealth != nil {
		h := s.src.SlackHealth()
		all, last = len(h.Connections), h.LastCall
		for _, c := range h.Connections {
			if !c.Hello.IsZero() {
				up++
			}
		}
	}
	gauge(s.connections, float64(all))
	gauge(s.connectionsUp, float64(up))
	gauge(s.lastCall, timestamp(last))
}

func (s *state) collectLead(gauge gaugeFunc, leads bool) {
	var epoch imports.Epoch
	if s.src.Epoch != nil {
		epoch = s.src.Epoch()
	}
	var waiting, failing int
	if leads && s.src.Backlog != nil {
		waiting, failing = s.src.Backlog()
	}
	gauge(s.leading, truth(leads))
	gauge(s.epoch, float64(epoch))
	gauge(s.waiting, float64(waiting))
	gauge(s.failing, float64(failing))
}

func (s *state) collectServer(gauge gaugeFunc, name string, leads bool) {
	var srv imports.Server
	var running, progress float64
	if s.src.Board != nil {
		srv, _ = s.src.Board.Server(name)
		if leads {
			running, progress = s.run(name, srv)
		}
	}
	gauge(s.lastLook, timestamp(srv.Good.At), name)
	gauge(s.lastSuccess, timestamp(lastSuccess(srv)), name)
	gauge(s.running, running, name)
	gauge(s.progress, progress, name)
	s.collectAlerts(gauge, name, srv, leads)
}

func (s *state) collectAlerts(gauge gaugeFunc, name string, srv imports.Server, leads bool) {
	open := make(map[string]int)
	waiting := 0
	if leads && s.src.Board != nil {
		for _, a := range srv.Open() {
			open[alertKinds.of(string(a.Kind))]++
		}
		for _, imp := range s.src.Board.Active(name) {
			if imp.State == imports.Waiting {
				waiting++
			}
		}
	}
	each(alertKinds, func(kind string) { gauge(s.alerts, float64(open[kind]), name, kind) })
	gauge(s.muted, truth(s.src.Muted != nil && s.src.Muted(name)), name)
	gauge(s.asked, float64(waiting), name)
}

// run says whether an import runs, and how far it is.
func (s *state) run(name string, srv imports.Server) (running, progress float64) {
	for _, imp := range s.src.Board.Active(name) {
		if imp.State != imports.Running {
			continue
		}
		if imp.Progress != nil {
			return 1, float64(*imp.Progress) / 100
		}
		return 1, 0
	}
	return truth(srv.Good.Status != nil && srv.Good.Status.Mode == bigfix.ModeRunning), 0
}

// lastSuccess is what the server last said of it. While an import runs it says nothing, so what it said before counts.
func lastSuccess(srv imports.Server) time.Time {
	if st := srv.Good.Status; st != nil && !st.LastSuccessTime.IsZero() {
		return st.LastSuccessTime
	}
	if srv.Quiet != nil {
		return srv.Quiet.LastSuccessTime
	}
	return time.Time{}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// timestamp is a time as Prometheus has it; 0 for none.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
