// Package deploy holds what Importbot is watched with: alerts for Prometheus and a dashboard for Grafana. Its tests hold both against the
// metrics that Importbot really serves.
package deploy

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"importbot/handlers"
	"importbot/internal/health"
	"importbot/internal/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// promtool is the path of Prometheus' checker, or the test ends here.
func promtool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		const how = "promtool is not installed: apt-get install prometheus (Debian), or put it into the PATH"
		if os.Getenv("CI_STRICT") == "1" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	return path
}

// tool runs promtool and fails the test where it complains.
func tool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), promtool(t), args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// served is what a process that has just started answers to a scrape.
func served(t *testing.T) string {
	t.Helper()
	log := logrus.New()
	log.SetOutput(&bytes.Buffer{})
	m := metrics.New(metrics.Sources{
		Version: "v1.2.3", Servers: []string{"prod", "lab"}, Commands: handlers.Commands(), CommandOf: handlers.Namer(), Actions: handlers.Actions(),
		Readiness: health.NewReadiness(log, health.Probe{Name: "database", Ask: func(context.Context) []health.Check {
			return []health.Check{{Name: "database", OK: true}}
		}}),
	})
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// series are the names of what is served, each with the sets of labels it has: "importbot_polls_total" with "result server".
func series(t *testing.T) map[string]map[string]bool {
	t.Helper()
	all := make(map[string]map[string]bool)
	for line := range strings.Lines(served(t)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, labels := split(line)
		if all[name] == nil {
			all[name] = make(map[string]bool)
		}
		all[name][labels] = true
	}
	return all
}

var labelName = regexp.MustCompile(`([a-z_]+)="[^"]*"`)

// split takes a series apart: its name, and the names of its labels without those that Prometheus adds.
func split(s string) (name, labels string) {
	name, rest, _ := strings.Cut(s, "{")
	name, _, _ = strings.Cut(name, " ")
	var names []string
	for _, m := range labelName.FindAllStringSubmatch(rest, -1) {
		if m[1] != "job" && m[1] != "instance" {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return name, strings.Join(names, " ")
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPrometheusTakesTheMetrics(t *testing.T) { tool(t, served(t), "check", "metrics") }

func TestAlertsAreRules(t *testing.T) { tool(t, "", "check", "rules", "alerts.yml") }

func TestAlertsFireAndKeepSilent(t *testing.T) { tool(t, "", "test", "rules", "alerts_test.yml") }

func TestEachAlertIsSeenToFireAndToKeepSilent(t *testing.T) {
	alerts := regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatch(read(t, "alerts.yml"), -1)
	if len(alerts) == 0 {
		t.Fatal("no alert was found")
	}
	cases := read(t, "alerts_test.yml")
	for _, a := range alerts {
		name := regexp.QuoteMeta(a[1])
		if !regexp.MustCompile(`alertname: ` + name + `\n +exp_alerts:\n +- `).MatchString(cases) {
			t.Errorf("%s is nowhere seen to fire", a[1])
		}
		if !regexp.MustCompile(`alertname: ` + name + `\}`).MatchString(cases) {
			t.Errorf("%s is nowhere seen to keep silent", a[1])
		}
	}
}

// The tests of the alerts make up their series: they must be ones that exist.
func TestAlertsAreTestedWithRealSeries(t *testing.T) {
	real := series(t)
	found := regexp.MustCompile(`series: '([^']+)'`).FindAllStringSubmatch(read(t, "alerts_test.yml"), -1)
	if len(found) == 0 {
		t.Fatal("no series was found")
	}
	for _, s := range found {
		if name, labels := split(s[1]); !real[name][labels] {
			t.Errorf("%s is not served: its labels are %v", s[1], real[name])
		}
	}
}

var metricName = regexp.MustCompile(`\b(?:importbot|go|process)_[a-z0-9_]+\b`)

func TestAlertsNameOnlyMetricsThatExist(t *testing.T) {
	real := series(t)
	for _, name := range metricName.FindAllString(read(t, "alerts.yml"), -1) {
		if real[name] == nil {
			t.Errorf("alerts.yml names %s, which is not served", name)
		}
	}
}

// query is an expression and where it stands.
type query struct{ where, expr string }

// documented are the examples in docs/metrics.md.
func documented(t *testing.T) []query {
	t.Helper()
	var all []query
	for _, m := range regexp.MustCompile("(?s)```promql\n(.+?)\n```").FindAllStringSubmatch(read(t, "../docs/metrics.md"), -1) {
		all = append(all, query{"docs/metrics.md", m[1]})
	}
	return all
}

// Every expression that people see is evaluated by Prometheus itself over the series that Importbot serves, and has to find some: a
// wrong name or label finds none.
func TestEveryExpressionFindsSomething(t *testing.T) {
	queries := append(documented(t), dashboardQueries(t)...)
	if len(queries) < 50 {
		t.Fatalf("only %d expressions were found", len(queries))
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "expressions_test.yml")
	if err := os.WriteFile(path, []byte(findsSomething(queries, served(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "", "test", "rules", path)
}

var grouping = regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`)

// groupings are the labels that an expression groups by or matches on.
func groupings(expr string) []string {
	var all []string
	for _, m := range grouping.FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(m[1], ",") {
			if label = strings.TrimSpace(label); label != "" {
				all = append(all, label)
			}
		}
	}
	return all
}

// Grouping by a label that isn't there finds something all the same: one line where many are meant.
func TestEveryExpressionGroupsByLabelsThatExist(t *testing.T) {
	real := series(t)
	for _, q := range append(documented(t), dashboardQueries(t)...) {
		have := []string{"job", "instance"}
		for _, name := range metricName.FindAllString(q.expr, -1) {
			for labels := range real[name] {
				have = append(have, strings.Fields(labels)...)
			}
		}
		for _, label := range groupings(q.expr) {
			if !slices.Contains(have, label) {
				t.Errorf("%s: %s groups by %s, which nothing in it has", q.where, q.expr, label)
			}
		}
	}
}

// filter is a comparison that keeps some series only, and rightly none of a process that has just started.
var filter = regexp.MustCompile(`\s+(==|>)\s+[0-9]+`)

// findsSomething writes a test for promtool that each query has a result.
func findsSomething(queries []query, served string) string {
	var b strings.Builder
	b.WriteString("evaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n")
	for line := range strings.Lines(served) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndex(line, " ")
		fmt.Fprintf(&b, "  - {series: %s, values: %s}\n", strconv.Quote(scraped(line[:i])), strconv.Quote(strings.TrimSpace(line[i:])+"x10"))
	}
	b.WriteString("  promql_expr_test:\n")
	for _, q := range queries {
		expr := "count(" + filter.ReplaceAllString(q.expr, "") + ") > bool 0"
		fmt.Fprintf(&b, "  - {eval_time: 10m, expr: %s, exp_samples: [{labels: '{}', value: 1}]}\n", strconv.Quote(expr))
	}
	return b.String()
}

// scraped is a series as Prometheus keeps it, with its target's labels.
func scraped(s string) string {
	name, labels, ok := strings.Cut(s, "{")
	if !ok {
		return name + `{job="importbot",instance="a"}`
	}
	return name + `{job="importbot",instance="a",` + labels
}
