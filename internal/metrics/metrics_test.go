package metrics

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/handlers"
	"importbot/imports"
	"importbot/internal/audit"
	"importbot/internal/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Date(2026, 11, 23, 2, 14, 0, 0, time.UTC)

// stage is a process whose metrics are looked at.
type stage struct {
	*Metrics
	board   *imports.Board
	leads   bool
	slack   bot.Health
	checks  []health.Check
	waiting int
	failing int
	muted   string
	epoch   imports.Epoch
}

func newStage(servers ...string) *stage {
	s := &stage{board: new(imports.Board), checks: []health.Check{{Name: "database", OK: true}}}
	log := logrus.New()
	log.SetLevel(logrus.PanicLevel)
	s.Metrics = New(Sources{
		Version: "v1.2.3", Servers: servers, Commands: handlers.Commands(), CommandOf: handlers.Namer(), Actions: handlers.Actions(),
		Muted:       func(server string) bool { return server == s.muted },
		SlackHealth: func() bot.Health { return s.slack },
		Board:       s.board,
		Backlog:     func() (int, int) { return s.waiting, s.failing },
		Leading:     func() bool { return s.leads },
		Epoch:       func() imports.Epoch { return s.epoch },
		Readiness:   health.NewReadiness(log, health.Probe{Name: "database", Ask: func(context.Context) []health.Check { return s.checks }}),
	})
	return s
}

// served is a process that has just started.
func served(t *testing.T) *Metrics {
	t.Helper()
	return newStage("prod", "lab").Metrics
}

// values are the series of the text that Prometheus gets.
func (s *stage) values(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for line := range strings.Lines(scrape(t, s.Metrics)) {
		if !strings.HasPrefix(line, "#") {
			i := strings.LastIndex(line, " ")
			all[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return all
}

func scrape(t testing.TB, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// expect compares some series with what they should be.
func (s *stage) expect(t *testing.T, want map[string]string) {
	t.Helper()
	got := s.values(t)
	for series, value := range want {
		if got[series] != value {
			t.Errorf("%s is %q, want %q", series, got[series], value)
		}
	}
}

func TestNamesFollowPrometheusConventions(t *testing.T) {
	problems, err := testutil.GatherAndLint(served(t).Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestEverySeriesIsThereFromTheStart(t *testing.T) {
	s := newStage("prod", "lab")
	got := s.values(t)
	for _, server := range []string{"prod", "lab"} {
		for _, series := range []string{
			`importbot_polls_total{result="unavailable",server="%s"}`,
			`importbot_imports_total{origin="scheduled",outcome="failed",server="%s",type="complete"}`,
			`importbot_imports_total{origin="here",outcome="expired",server="%s",type="raw"}`,
			`importbot_import_duration_seconds_count{outcome="succeeded",server="%s",type="raw"}`,
			`importbot_last_good_look_timestamp_seconds{server="%s"}`,
			`importbot_last_success_timestamp_seconds{server="%s"}`,
			`importbot_import_running{server="%s"}`,
			`importbot_import_progress_ratio{server="%s"}`,
			`importbot_alerts{kind="stale",server="%s"}`,
			`importbot_alerts_total{kind="unreachable",server="%s"}`,
			`importbot_muted{server="%s"}`,
			`importbot_waiting{server="%s"}`,
		} {
			if series = fmt.Sprintf(series, server); got[series] != "0" {
				t.Errorf("%s is %q, want 0", series, got[series])
			}
		}
	}
	for series := range got {
		if strings.Contains(series, `="other"`) {
			t.Errorf("%s is there although nothing happened", series)
		}
		if strings.Contains(series, `origin="scheduled",outcome="expired"`) || strings.Contains(series, `origin="elsewhere",outcome="cancelled"`) {
			t.Errorf("%s can never happen", series)
		}
	}
}

func TestWhatTheBotTells(t *testing.T) {
	s := newStage("prod")
	o := s.Observer()
	o.Ack(bot.Command, 3*time.Millisecond)
	o.Ack(bot.Command, 2*time.Second)
	o.Ack("dance", time.Second)
	o.Call("chat.update", "ok", 80*time.Millisecond)
	o.Call("chat.update", "lost", 10*time.Second)
	o.Call("https://hooks.slack.com/secret", "secret", time.Second)
	o.Refused(&bot.Request{UserID: "U1"}, "busy")
	o.Refused(nil, "secret")
	o.Left(&bot.Request{UserID: "U1"}, "stopping")
	o.Left(nil, "secret")
	o.Repeated(bot.Action)
	o.Connected()
	o.Disconnected("refresh_requested")
	o.Disconnected("wss://secret")
	s.Beat(true)
	s.Beat(false)
	s.expect(t, map[string]string{
		`importbot_ack_duration_seconds_count{kind="command"}`:              "2",
		`importbot_ack_duration_seconds_bucket{kind="command",le="0.005"}`:  "1",
		`importbot_ack_duration_seconds_bucket{kind="command",le="3"}`:      "2",
		`importbot_ack_duration_seconds_count{kind="other"}`:                "1",
		`importbot_slack_calls_total{method="chat.update",result="ok"}`:     "1",
		`importbot_slack_calls_total{method="chat.update",result="lost"}`:   "1",
		`importbot_slack_calls_total{method="other",result="other"}`:        "1",
		`importbot_slack_call_duration_seconds_count{method="chat.update"}`: "2",
		`importbot_slack_call_duration_seconds_sum{method="chat.update"}`:   "10.08",
		`importbot_requests_refused_total{reason="busy"}`:                   "1",
		`importbot_requests_refused_total{reason="other"}`:                  "1",
		`importbot_requests_left_total{reason="stopping"}`:                  "1",
		`importbot_requests_left_total{reason="other"}`:                     "1",
		`importbot_requests_repeated_total{kind="action"}`:                  "1",
		`importbot_slack_connects_total`:                                    "1",
		`importbot_slack_disconnects_total{reason="refresh_requested"}`:     "1",
		`importbot_slack_disconnects_total{reason="other"}`:                 "1",
		`importbot_heartbeats_total{result="ok"}`:                           "1",
		`importbot_heartbeats_total{result="failed"}`:                       "1",
	})
	if text := scrape(t, s.Metrics); strings.Contains(text, "secret") || strings.Contains(text, "U1") {
		t.Error("a word from outside became a label")
	}
}

func TestCommands(t *testing.T) {
	s := newStage("prod")
	for _, e := range []audit.Entry{
		{Kind: audit.Command, Command: "/import", Text: "raw prod", Result: audit.Accepted, UserID: "U1"},
		{Kind: audit.Command, Command: "/import", Text: "  RAW_only  prod", Result: audit.Refused},
		{Kind: audit.Command, Command: "/import", Text: "", Result: audit.Answered},
		{Kind: audit.Command, Command: "/import", Text: "help", Result: audit.Answered},
		{Kind: audit.Command, Command: "/import", Text: "<blink>", Result: audit.Answered},
		{Kind: audit.Command, Command: "/import", Text: "status", Result: "elated"},
		{Kind: audit.Action, ActionID: "start_raw", Result: audit.Refused},
		{Kind: audit.Action, ActionID: "blink", Result: audit.Answered},
		{Kind: audit.Submission, Result: audit.Failed},
		{Kind: audit.Start, Text: "raw", Result: audit.Sent}, // counted as an import
		{Kind: audit.Lost, Reason: "12"},
	} {
		s.Commanded(e)
	}
	s.expect(t, map[string]string{
		`importbot_commands_total{command="raw",result="accepted"}`:                       "1",
		`importbot_commands_total{command="raw",result="refused"}`:                        "1",
		`importbot_commands_total{command="raw",result="answered"}`:                       "0",
		`importbot_commands_total{command="help",result="answered"}`:                      "2",
		`importbot_commands_total{command="other",result="answered"}`:                     "1",
		`importbot_commands_total{command="status",result="other"}`:                       "1",
		`importbot_interactions_total{action="start_raw",kind="action",result="refused"}`: "1",
		`importbot_interactions_total{action="refresh",kind="action",result="answered"}`:  "0",
		`importbot_interactions_total{action="other",kind="action",result="answered"}`:    "1",
		`importbot_interactions_total{action="none",kind="submission",result="failed"}`:   "1",
		`importbot_interactions_total{action="none",kind="submission",result="refused"}`:  "0",
	})
	if strings.Contains(scrape(t, s.Metrics), "blink") {
		t.Error("what somebody typed became a label")
	}
}

func TestWhoKnowsBetterWhatATextTypesIsAsked(t *testing.T) {
	m := New(Sources{Commands: []string{"cancel"}, CommandOf: func(text string) string {
		if text == "stop" {
			return "cancel"
		}
		return ""
	}})
	s := &stage{Metrics: m}
	m.Commanded(audit.Entry{Kind: audit.Command, Text: "stop", Result: audit.Answered})
	m.Commanded(audit.Entry{Kind: audit.Command, Text: "start", Result: audit.Answered})
	s.expect(t, map[string]string{
		`importbot_commands_total{command="cancel",result="answered"}`: "1",
		`importbot_commands_total{command="other",result="answered"}`:  "1",
	})
}

func look(at time.Time, took time.Duration, st *bigfix.Status, failed imports.FailureKind) imports.Observation {
	o := imports.Observation{Span: imports.Span{Asked: at.Add(-took), At: at}, Status: st}
	if failed != "" {
		o.Failure = &imports.Failure{Kind: failed, At: at}
	}
	return o
}

func TestLooks(t *testing.T) {
	s := newStage("prod")
	idle := &bigfix.Status{Mode: bigfix.ModeIdle}
	s.Looked("prod", look(t0, 40*time.Millisecond, idle, ""))
	s.Looked("prod", look(t0, 20*time.Second, nil, imports.FailUnavailable))
	s.Looked("prod", look(t0, time.Second, nil, imports.FailUnauthorized))
	s.Looked("prod", look(t0, -time.Hour, idle, "")) // a clock that was put back meanwhile
	s.Looked("gone", look(t0, time.Second, nil, "quite new"))
	s.expect(t, map[string]string{
		`importbot_polls_total{result="ok",server="prod"}`:              "2",
		`importbot_polls_total{result="unavailable",server="prod"}`:     "1",
		`importbot_polls_total{result="unauthorized",server="prod"}`:    "1",
		`importbot_polls_total{result="forbidden",server="prod"}`:       "0",
		`importbot_polls_total{result="other",server="other"}`:          "1",
		`importbot_poll_duration_seconds_count{server="prod"}`:          "3",
		`importbot_poll_duration_seconds_sum{server="prod"}`:            "21.04",
		`importbot_poll_duration_seconds_bucket{server="prod",le="20"}`: "3",
	})
}

func TestImportsThatEnded(t *testing.T) {
	ended := imports.Event{Kind: imports.EventEnded}
	success := &imports.End{Status: bigfix.StatusSuccessful}
	seen := func(imp imports.Import, took time.Duration) imports.Import {
		imp.BegunAt, imp.EndedAt = t0, t0.Add(took)
		imp.FirstRunning.At = t0
		return imp
	}
	for name, c := range map[string]struct {
		imp    imports.Import
		event  imports.Event
		counts string // the series that rises; empty for none
		timed  string
	}{
		"succeeded": {seen(imports.Import{Server: "prod", Type: bigfix.TypeRaw, Origin: imports.Here, Outcome: imports.Succeeded, End: success}, 3*time.Minute), ended,
			`{origin="here",outcome="succeeded",server="prod",type="raw"}`, `{outcome="succeeded",server="prod",type="raw"}`},
		"failed": {seen(imports.Import{Server: "prod", Type: bigfix.TypeComplete, Origin: imports.Scheduled, Outcome: imports.Failed}, time.Hour), ended,
			`{origin="scheduled",outcome="failed",server="prod",type="complete"}`, `{outcome="failed",server="prod",type="complete"}`},
		"never seen running": {imports.Import{Server: "prod", Type: bigfix.TypeRaw, Origin: imports.Here, Outcome: imports.Succeeded, BegunAt: t0, EndedAt: t0}, ended,
			`{origin="here",outcome="succeeded",server="prod",type="raw"}`, ""},
		"unknown": {seen(imports.Import{Server: "prod", Origin: imports.Elsewhere, Outcome: imports.Unknown}, time.Hour), ended,
			`{origin="elsewhere",outcome="unknown",server="prod",type="unknown"}`, ""},
		"unclear, though the last word is success": {imports.Import{Server: "prod", Type: bigfix.TypeRaw, Origin: imports.Late, Outcome: imports.Unclear, End: success}, ended,
			`{origin="late",outcome="unclear_successful",server="prod",type="raw"}`, ""},
		"unclear, and the last word is not": {imports.Import{Server: "prod", Type: bigfix.TypeRaw, Origin: imports.Here, Outcome: imports.Unclear, End: &imports.End{Status: "failed"}}, ended,
			`{origin="here",outcome="unclear",server="prod",type="raw"}`, ""},
		"unclear without a word": {imports.Import{Server: "prod", Type: bigfix.TypeRaw, Origin: imports.Here, Outcome: imports.Unclear}, ended,
			`{origin="here",outcome="unclear",server="prod",type="raw"}`, ""},
		"refused": {imports.Import{Server: "prod", Type: bigfix.TypeRaw, Origin: imports.Here, Outcome: imports.Refused}, ended,
			`{origin="here",outcome="refused",server="prod",type="raw"}`, ""},
		"of a server that is not configured any more": {imports.Import{Server: "old", Type: "quite new", Origin: imports.Here, Outcome: imports.Unknown}, ended,
			`{origin="here",outcome="unknown",server="other",type="other"}`, ""},
		"only began": {imports.Import{Server: "prod", Type: bigfix.TypeRaw, Origin: imports.Here}, imports.Event{Kind: imports.EventBegan}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage("prod")
			s.Happened(c.imp, c.event)
			for series, value := range s.values(t) {
				labels, counter := strings.CutPrefix(series, "importbot_imports_total")
				if want := one(labels == c.counts); counter && value != want {
					t.Errorf("%s is %s, want %s", series, value, want)
				}
				labels, timer := strings.CutPrefix(series, "importbot_import_duration_seconds_count")
				if want := one(labels == c.timed); timer && value != want {
					t.Errorf("%s is %s, want %s", series, value, want)
				}
			}
			if c.counts != "" && s.values(t)["importbot_imports_total"+c.counts] != "1" {
				t.Errorf("%s is not there", c.counts)
			}
		})
	}
}

func one(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}

func TestTheStateOfALeader(t *testing.T) {
	s := newStage("prod", "lab")
	progress := 59
	s.leads, s.epoch, s.waiting, s.failing = true, 7, 3, 1
	s.slack = bot.Health{Connections: []bot.ConnectionHealth{{Hello: t0}, {}}, LastCall: t0}
	running := imports.Server{Name: "prod",
		Good:  look(t0.Add(time.Hour), time.Second, &bigfix.Status{Mode: bigfix.ModeRunning, Progress: &progress}, ""),
		Quiet: &imports.Baseline{LastSuccessTime: t0.Add(-24 * time.Hour)}}
	s.board.Set(running, []imports.Import{{State: imports.Accepted}, {State: imports.Running, Progress: &progress}})
	s.board.Set(imports.Server{Name: "lab", Good: look(t0.Add(1500*time.Millisecond), time.Second,
		&bigfix.Status{Mode: bigfix.ModeIdle, LastSuccessTime: t0.Add(-time.Hour)}, "")}, nil)
	s.expect(t, map[string]string{
		`importbot_ready`:                                                              "1",
		`importbot_check_ok{check="database"}`:                                         "1",
		`importbot_leading`:                                                            "1",
		`importbot_leader_epoch`:                                                       "7",
		`importbot_reconcile_waiting`:                                                  "3",
		`importbot_reconcile_failing`:                                                  "1",
		`importbot_slack_connections`:                                                  "2",
		`importbot_slack_connections_up`:                                               "1",
		`importbot_slack_last_good_call_timestamp_seconds`:                             seconds(t0),
		`importbot_last_good_look_timestamp_seconds{server="prod"}`:                    seconds(t0.Add(time.Hour)),
		`importbot_last_good_look_timestamp_seconds{server="lab"}`:                     seconds(t0.Add(1500 * time.Millisecond)),
		`importbot_last_success_timestamp_seconds{server="prod"}`:                      seconds(t0.Add(-24 * time.Hour)),
		`importbot_last_success_timestamp_seconds{server="lab"}`:                       seconds(t0.Add(-time.Hour)),
		`importbot_import_running{server="prod"}`:                                      "1",
		`importbot_import_progress_ratio{server="prod"}`:                               "0.59",
		`importbot_import_running{server="lab"}`:                                       "0",
		`importbot_build_info{goversion="` + runtime.Version() + `",version="v1.2.3"}`: "1",
	})
}

func TestWhoDoesNotLeadShowsNothingOfTheLeaders(t *testing.T) {
	s := newStage("prod")
	progress := 59
	s.waiting, s.failing = 3, 1
	s.board.Set(imports.Server{Name: "prod", Good: look(t0, time.Second, &bigfix.Status{Mode: bigfix.ModeRunning}, "")},
		[]imports.Import{{State: imports.Running, Progress: &progress}})
	s.expect(t, map[string]string{
		`importbot_leading`:                                         "0",
		`importbot_reconcile_waiting`:                               "0",
		`importbot_reconcile_failing`:                               "0",
		`importbot_import_running{server="prod"}`:                   "0",
		`importbot_import_progress_ratio{server="prod"}`:            "0",
		`importbot_last_good_look_timestamp_seconds{server="prod"}`: seconds(t0),
	})
}

func TestAProcessThatIsNotReady(t *testing.T) {
	s := newStage("prod")
	s.checks = []health.Check{{Name: "database", OK: false, Detail: "password secret is wrong"}, {Name: "lead", OK: true}}
	s.expect(t, map[string]string{
		`importbot_ready`:                      "0",
		`importbot_check_ok{check="database"}`: "0",
		`importbot_check_ok{check="lead"}`:     "1",
	})
	if strings.Contains(scrape(t, s.Metrics), "secret") {
		t.Error("the detail of a check became a label")
	}
}

func TestADatabaseThatHangsDelaysAScrapeByTwoSecondsAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		log := logrus.New()
		log.SetLevel(logrus.PanicLevel)
		s := &stage{Metrics: New(Sources{Readiness: health.NewReadiness(log, health.Probe{Name: "database", Ask: func(context.Context) []health.Check {
			<-hang
			return nil
		}})})}
		began := time.Now()
		s.expect(t, map[string]string{`importbot_ready`: "0", `importbot_check_ok{check="database"}`: "0"})
		if took := time.Since(began); took != health.ProbeWithin {
			t.Errorf("the scrape took %s", took)
		}
		close(hang)
	})
}

func TestNoSourceIsNeeded(t *testing.T) {
	s := &stage{Metrics: New(Sources{Servers: []string{"prod"}})}
	s.expect(t, map[string]string{
		`importbot_ready`: "0", `importbot_leading`: "0", `importbot_slack_connections`: "0",
		`importbot_last_good_look_timestamp_seconds{server="prod"}`: "0",
	})
}

// seconds is a time as the text format writes it.
func seconds(at time.Time) string {
	return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'g', -1, 64)
}

func BenchmarkScrape(b *testing.B) {
	s := newStage("prod", "lab", "dev")
	for b.Loop() {
		scrape(b, s.Metrics)
	}
}

func BenchmarkAck(b *testing.B) {
	o := newStage("prod").Observer()
	for b.Loop() {
		o.Ack(bot.Command, time.Millisecond)
	}
}

// What is open is told by who leads, what was raised is counted once, and mutes are known everywhere.
func TestAlerts(t *testing.T) {
	s := newStage("prod", "lab")
	s.board.Set(imports.Server{Name: "prod", Alerts: []imports.Alert{
		{ID: "1", Kind: imports.AlertStale, Server: "prod", RaisedAt: t0},
		{ID: "2", Kind: imports.AlertFailed, Server: "prod", RaisedAt: t0},
		{ID: "3", Kind: imports.AlertFailed, Server: "prod", RaisedAt: t0},
		{ID: "4", Kind: imports.AlertMissed, Server: "prod", RaisedAt: t0, OverAt: t0},
	}}, []imports.Import{{ID: "a", Server: "prod", State: imports.Running}, {ID: "b", Server: "prod", State: imports.Waiting}})
	s.muted = "lab"
	zero := map[string]string{
		`importbot_alerts{kind="stale",server="prod"}`: "0", `importbot_waiting{server="prod"}`: "0",
		`importbot_muted{server="lab"}`: "1", `importbot_muted{server="prod"}`: "0",
	}
	s.expect(t, zero)
	s.leads = true
	s.expect(t, map[string]string{
		`importbot_alerts{kind="stale",server="prod"}`:  "1",
		`importbot_alerts{kind="failed",server="prod"}`: "2",
		`importbot_alerts{kind="missed",server="prod"}`: "0",
		`importbot_alerts{kind="failed",server="lab"}`:  "0",
		`importbot_waiting{server="prod"}`:              "1",
		`importbot_muted{server="lab"}`:                 "1",
	})

	raised := imports.Alert{ID: "5", Kind: imports.AlertUnreachable, Server: "prod", RaisedAt: t0}
	over, again := raised, raised
	over.OverAt = t0.Add(time.Hour)
	again.Reopened, again.ReopenedAt = 1, t0.Add(2*time.Hour)
	for _, a := range []imports.Alert{raised, over, again, over, {Kind: "blink", Server: "gone"}} {
		s.Alerted(a)
	}
	s.expect(t, map[string]string{
		`importbot_alerts_total{kind="unreachable",server="prod"}`: "1",
		`importbot_alerts_total{kind="unreachable",server="lab"}`:  "0",
		`importbot_alerts_total{kind="other",server="other"}`:      "1",
	})
}
