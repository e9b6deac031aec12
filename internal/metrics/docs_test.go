package metrics

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
)

// described is a metric as docs/metrics.md or the registry has it.
type described struct {
	Type   string
	Labels []string
	// Values are the values of the labels that have a list of them.
	Values map[string][]string
	// Query says that there is an example in which the metric stands.
	Query bool
}

// free are the labels whose values depend on the configuration or the build.
var free = []string{"server", "check", "version", "goversion"}

var (
	typeLine = regexp.MustCompile(`^(Counter|Gauge|Histogram), [^.]+\. (?:No labels|Labels ([^.]+))\.$`)
	ticked   = regexp.MustCompile("`([^`]+)`")
)

func TestTheDocumentSaysWhatTheRegistryHas(t *testing.T) {
	documented := readDocument(t)
	real := readRegistry(t)
	for _, d := range real {
		d.Query = true
	}
	if diff := cmp.Diff(documented, real); diff != "" {
		t.Errorf("docs/metrics.md (-) differs from what is served (+):\n%s", diff)
	}
}

// readDocument reads a "### `name`" heading, the line behind it, its list of label values and its query.
func readDocument(t *testing.T) map[string]*described {
	t.Helper()
	b, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]*described)
	for section := range strings.SplitSeq(string(b), "\n### ") {
		heading, body, _ := strings.Cut(section, "\n")
		if !strings.HasPrefix(heading, "`importbot_") {
			continue
		}
		name := strings.Trim(heading, "`")
		if all[name] != nil {
			t.Errorf("%s is described twice", name)
		}
		body, _, _ = strings.Cut(body, "\n## ")
		all[name] = readSection(t, name, body)
	}
	return all
}

func readSection(t *testing.T, name, body string) *described {
	t.Helper()
	first, rest, _ := strings.Cut(body, "\n")
	m := typeLine.FindStringSubmatch(first)
	if m == nil {
		t.Fatalf("%s: the line %q does not say type, unit and labels", name, first)
	}
	d := &described{Type: strings.ToUpper(m[1]), Values: map[string][]string{}}
	for _, l := range ticked.FindAllStringSubmatch(m[2], -1) {
		d.Labels = append(d.Labels, l[1])
	}
	slices.Sort(d.Labels)
	text, query, _ := strings.Cut(rest, "```promql\n")
	d.Query = strings.Contains(query, name)
	for item := range strings.SplitSeq(text, "\n- ") {
		label, values, ok := strings.Cut(item, "`: ")
		label = strings.TrimPrefix(label, "`")
		if !ok || !slices.Contains(d.Labels, label) || slices.Contains(free, label) {
			continue
		}
		for _, v := range ticked.FindAllStringSubmatch(values, -1) {
			if !slices.Contains(d.Values[label], v[1]) {
				d.Values[label] = append(d.Values[label], v[1])
			}
		}
		slices.Sort(d.Values[label])
	}
	return d
}

func readRegistry(t *testing.T) map[string]*described {
	t.Helper()
	families, err := served(t).Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]*described)
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "importbot_") {
			all[f.GetName()] = readFamily(f)
		} else if !strings.HasPrefix(f.GetName(), "go_") && !strings.HasPrefix(f.GetName(), "process_") {
			t.Errorf("%s is served, and the document has no word for its like", f.GetName())
		}
	}
	return all
}

func readFamily(f *dto.MetricFamily) *described {
	d := &described{Type: f.GetType().String(), Values: map[string][]string{}}
	values := make(map[string]map[string]bool)
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			if values[l.GetName()] == nil {
				values[l.GetName()] = make(map[string]bool)
			}
			values[l.GetName()][l.GetValue()] = true
		}
	}
	for label, set := range values {
		d.Labels = append(d.Labels, label)
		if !slices.Contains(free, label) {
			d.Values[label] = slices.Sorted(maps.Keys(set))
		}
	}
	slices.Sort(d.Labels)
	return d
}

// What the document says of Go's runtime and the process is there on the system the tests run on.
func TestTheDocumentNamesNothingThatIsNotServed(t *testing.T) {
	b, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	families, err := served(t).Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, f := range families {
		names[f.GetName()] = true
	}
	for _, name := range regexp.MustCompile(`\b(importbot|go|process)_[a-z0-9_]+[a-z0-9]\b`).FindAllString(string(b), -1) {
		base := strings.TrimSuffix(name, "_bucket")
		if !names[name] && !names[base] && name != "importbot_reconcile" {
			t.Errorf("docs/metrics.md speaks of %s, which is not served", name)
		}
	}
}
