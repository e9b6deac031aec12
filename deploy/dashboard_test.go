package deploy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dashboard is as much of Grafana's model as can be checked without it.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct{ List []variable }
	Annotations   struct{ List []annotation }
	Panels        []panel
}

type variable struct {
	Name, Type, Definition string
	Datasource             *source
}

type annotation struct {
	Name, Expr string
	Datasource source
	BuiltIn    int
}

type source struct{ Type, UID string }

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int }
	Datasource               source
	Targets                  []struct {
		RefID, Expr, LegendFormat string
		Datasource                source
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, "dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// dashboardQueries are all expressions of the dashboard, with values for what Grafana puts in.
func dashboardQueries(t *testing.T) []query {
	t.Helper()
	fill := strings.NewReplacer("$__rate_interval", "5m", "$__interval", "5m", "$__range", "1h", "$job", "importbot", "$server", "prod")
	var all []query
	add := func(where, expr string) {
		expr = fill.Replace(expr)
		if strings.Contains(expr, "$") {
			t.Errorf("%s uses a variable that the dashboard doesn't have: %s", where, expr)
		}
		all = append(all, query{where, expr})
	}
	d := readDashboard(t)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			add(p.Title, target.Expr)
		}
	}
	for _, a := range d.Annotations.List {
		if a.BuiltIn == 0 {
			add(a.Name, a.Expr)
		}
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			metric, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(v.Definition, "label_values("), ")"), ",")
			add(v.Name, metric)
		}
	}
	return all
}

func TestTheDashboardNamesOnlyMetricsThatExist(t *testing.T) {
	real := series(t)
	for _, q := range dashboardQueries(t) {
		names := metricName.FindAllString(q.expr, -1)
		if len(names) == 0 {
			t.Errorf("%s: no metric in %s", q.where, q.expr)
		}
		for _, name := range names {
			if real[name] == nil {
				t.Errorf("%s names %s, which is not served", q.where, name)
			}
		}
	}
}

func TestTheDashboardAsksTheChosenDataSource(t *testing.T) {
	d := readDashboard(t)
	chosen := source{Type: "prometheus", UID: "${datasource}"}
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		if p.Datasource != chosen {
			t.Errorf("%s asks %v", p.Title, p.Datasource)
		}
		for _, target := range p.Targets {
			if target.Datasource != chosen {
				t.Errorf("%s asks %v", p.Title, target.Datasource)
			}
		}
	}
	kinds := make(map[string]string)
	for _, v := range d.Templating.List {
		kinds[v.Name] = v.Type
		if v.Type == "query" && (v.Datasource == nil || *v.Datasource != chosen) {
			t.Errorf("the variable %s asks %v", v.Name, v.Datasource)
		}
	}
	if kinds["datasource"] != "datasource" || kinds["server"] != "query" || d.SchemaVersion < 38 {
		t.Errorf("variables %v, schema %d", kinds, d.SchemaVersion)
	}
}

var legendLabel = regexp.MustCompile(`\{\{(\w+)\}\}`)

// A legend can only show labels that the expression keeps.
func TestLegendsNameLabelsThatAreThere(t *testing.T) {
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			for _, l := range legendLabel.FindAllStringSubmatch(target.LegendFormat, -1) {
				if kept := groupings(target.Expr); len(kept) > 0 && !slices.Contains(kept, l[1]) {
					t.Errorf("%s shows %s, and %s keeps %v", p.Title, l[0], target.Expr, kept)
				}
			}
		}
	}
}

// Every panel has its own place, a name, words that explain it, and something to show.
func TestPanelsAreCompleteAndDontOverlap(t *testing.T) {
	taken := make(map[[2]int]string)
	ids := make(map[int]bool)
	for _, p := range readDashboard(t).Panels {
		if ids[p.ID] || p.ID == 0 || p.Title == "" {
			t.Errorf("panel %d, %q: no id of its own, or no title", p.ID, p.Title)
		}
		ids[p.ID] = true
		if p.Type != "row" && (p.Description == "" || len(p.Targets) == 0) {
			t.Errorf("%s has no description or shows nothing", p.Title)
		}
		refs := make(map[string]bool)
		for _, target := range p.Targets {
			if refs[target.RefID] || target.Expr == "" {
				t.Errorf("%s: target %q is double or empty", p.Title, target.RefID)
			}
			refs[target.RefID] = true
		}
		g := p.GridPos
		if g.X < 0 || g.X+g.W > 24 || g.W <= 0 || g.H <= 0 {
			t.Errorf("%s stands at %+v, outside of 24 columns", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%s lies over %s at %s", p.Title, other, fmt.Sprint(x, ",", y))
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}
