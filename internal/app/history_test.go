package app

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/imports"
	"importbot/internal/golden"
	"importbot/internal/store"
)

// then is when the tests of the past take place.
var then = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// pastImport is one that began at a time and took so long.
func pastImport(id string, t bigfix.ImportType, origin imports.Origin, began time.Time, took time.Duration, outcome imports.Outcome) imports.Import {
	imp := imports.Import{ID: id, Server: "prod", Type: t, Origin: origin, State: imports.Ended, Outcome: outcome, AcceptedAt: began, SendingAt: began,
		BegunAt: began, EndedAt: began.Add(took), FirstRunning: imports.Span{Asked: began, At: began}, LastLook: began.Add(took)}
	if origin == imports.Here {
		imp.RequestedBy, imp.RequestKey = "U012345ANA", id
	}
	switch outcome {
	case imports.Succeeded:
		imp.End = &imports.End{Status: bigfix.StatusSuccessful, Type: t}
	case imports.Failed:
		imp.End = &imports.End{Status: "failed", Type: t}
	}
	return imp
}

// eventful is a day with an import of every kind, newest first.
func eventful() []imports.Import {
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 1, hour, minute, 0, 0, time.UTC) }
	half := 59
	running := imports.Import{ID: "i9", Server: "prod", Type: bigfix.TypeComplete, Origin: imports.Here, RequestedBy: "U012345BEN", RequestKey: "i9", State: imports.Running,
		BegunAt: then.Add(-20 * time.Minute), AcceptedAt: then.Add(-20 * time.Minute), FirstRunning: imports.Span{At: then.Add(-20 * time.Minute)}, Progress: &half}
	formula := pastImport("i8", bigfix.TypeComplete, imports.Elsewhere, at(20, 0).Add(123*time.Millisecond), 12*time.Minute, imports.Failed)
	formula.End.Status = "=HYPERLINK(\"http://x\"),\x1b[2J"
	unclear := pastImport("i7", bigfix.TypeComplete, imports.Late, at(18, 0), 3*time.Hour, imports.Unclear)
	unclear.End = &imports.End{Status: bigfix.StatusSuccessful}
	unclear.Doubts = []imports.Doubt{{Kind: imports.DoubtGap}, {Kind: imports.DoubtTime}}
	unknown := pastImport("i6", "", imports.Elsewhere, at(12, 0), time.Hour, imports.Unknown)
	unknown.Reason.Kind = imports.ReasonNothingMoved
	silent := pastImport("i5", bigfix.TypeRaw, imports.Here, at(10, 0), 0, imports.NotBegun)
	silent.BegunAt, silent.FirstRunning, silent.EndedAt = time.Time{}, imports.Span{}, at(10, 5)
	silent.Reason.Kind = imports.ReasonNoSign
	return []imports.Import{running, formula, unclear, unknown, silent,
		pastImport("i4", bigfix.TypeRaw, imports.Here, at(9, 0), 3*time.Minute, imports.Succeeded),
		pastImport("i3", bigfix.TypeComplete, imports.Scheduled, at(0, 0), 42*time.Minute, imports.Succeeded),
	}
}

func TestHistoryAsPeopleSeeIt(t *testing.T) {
	var text strings.Builder
	for _, bars := range []bool{false, true} {
		fmt.Fprintf(&text, "# a terminal: %t\n", bars)
		writeHistory(&text, []string{"prod", "lab"}, [][]imports.Import{eventful(), nil}, bars)
	}
	writeHistory(&text, nil, nil, true)
	golden.Check(t, "history.txt", text.String())
	for line := range strings.Lines(text.String()) {
		if width(strings.TrimRight(line, "\n")) > 80 && !strings.Contains(line, "HYPERLINK") {
			t.Errorf("%d columns: %s", width(line), line)
		}
	}
}

func TestHistoryForPrograms(t *testing.T) {
	records := recordsOf([][]imports.Import{eventful(), nil})
	var asJSON, asCSV strings.Builder
	if err := writeJSON(&asJSON, records); err != nil {
		t.Fatal(err)
	}
	if err := writeRecords(&asCSV, records); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "history.json", asJSON.String())
	golden.Check(t, "history.csv", strings.ReplaceAll(asCSV.String(), "\r\n", "\n"))
	if lines := strings.Count(asCSV.String(), "\r\n"); lines != len(records)+1 {
		t.Errorf("got %d lines that end as RFC 4180 says, want %d", lines, len(records)+1)
	}
}

// FuzzInert: whatever a server says, no cell begins a formula, and what it said can be had back.
func FuzzInert(f *testing.F) {
	for _, s := range []string{"", "=1+1", "+1", "-1", "@x", "\t=1", "\r\n=1", "plain", "'quoted", "ä"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, said string) {
		got := inert(said)
		if got != "" && strings.ContainsAny(got[:1], "=+-@\t\r\n") {
			t.Errorf("%q begins a formula", got)
		}
		if got != said && got != "'"+said {
			t.Errorf("%q became %q", said, got)
		}
	})
}

// recorded makes a database with imports of prod in it, and returns it open, as a running bot has it.
func recorded(t *testing.T, imps ...imports.Import) (db *store.Store, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "bot.db")
	db, err := store.Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	lead, err := db.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, imp := range imps {
		srv := imports.Server{Name: imp.Server}
		if err := db.Record(t.Context(), lead.Lead().Epoch, srv, []imports.Import{imp}); err != nil {
			t.Fatal(err)
		}
	}
	return db, path
}

func TestHistoryBesideARunningBot(t *testing.T) {
	lab := pastImport("l1", bigfix.TypeComplete, imports.Scheduled, then, time.Hour, imports.Succeeded)
	lab.Server = "lab"
	_, path := recorded(t, append(eventful(), lab)...)
	environ := []string{"DATABASE_URL=" + path, "BIGFIX_SERVERS=lab,prod"}
	before, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		want []string // in this order
	}{
		{[]string{"history"}, []string{"lab · the last 1 import,", "complete  scheduled  60 min", "prod · the last 7 imports, newest first", "by U012345BEN", "running, 59 %", "by U012345ANA"}},
		{[]string{"history", "PROD", "-n", "2"}, []string{"prod · the last 2 imports", `failed ("=HYPERLINK`}},
		{[]string{"history", "-n=1", "--csv", "prod"}, []string{"server,id,type,", "prod,i9,complete,here,U012345BEN,2026-11-02T08:40:00Z,,,running,,,,,59\r\n"}},
		{[]string{"history", "lab", "--json"}, []string{`"server": "lab"`, `"began_at": "2026-11-02T09:00:00Z"`, `"duration_seconds": 3600`}},
		{[]string{"report", "lab", "--from=2026-11-01", "--to=2026-11-02"}, []string{"Data imports on lab", "on 1 of 2 days"}},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			got := call(t, environ, tc.args...)
			if got.code != exitWell || got.err != "" {
				t.Fatalf("got %d, %s", got.code, got.err)
			}
			rest, found := got.out, true
			for _, want := range tc.want {
				if _, rest, found = strings.Cut(rest, want); !found {
					t.Fatalf("no %q, or not there, in\n%s", want, got.out)
				}
			}
			if tc.args[0] == "history" && strings.Contains(got.out, "\x1b") {
				t.Errorf("a server's word reaches the terminal as it is: %q", got.out)
			}
		})
	}
	after, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(before, after, func(a, b os.DirEntry) bool { return a.Name() == b.Name() }) {
		t.Errorf("reading left something behind: %v, then %v", before, after)
	}
}

func TestHistoryAndReportRefuse(t *testing.T) {
	_, path := recorded(t, eventful()...)
	none := filepath.Join(t.TempDir(), "none.db")
	for _, tc := range []struct {
		url, args, want string
	}{
		{path, "history tset", `There is no server "tset". Known: prod.`},
		{path, "history -n 0", "importbot history: -n 0: write a number from 1 to 1000."},
		{path, "history -n many", "Use: importbot history [SERVER] [-n N] [--json|--csv]"},
		{path, "history --json --csv", "can't be had together"},
		{path, "report --json --csv", "can't be had together"},
		{path, "report prod --server lab", "name the server once. Use: importbot report"},
		{path, "report --server lab", `There is no server "lab". Known: prod.`},
		{path, "report --zone CEST", `importbot report: --zone: there is no zone "CEST": write continent and city, like Europe/Berlin, or UTC`},
		{path, "report --from 1.10.2026", `importbot report: --from "1.10.2026" is no date: write year, month and day, like 2026-10-01`},
		{path, "report --to 2026-10-1", `importbot report: --to "2026-10-1" is no date`},
		{path, "report --from 2026-02-30", "importbot report: --from 2026-02-30: there is no such day"},
		{path, "report --from 2026-01-31 --to 2026-01-01", "--from 2026-01-31 comes after --to 2026-01-01: put the earlier day first"},
		{path, "report --from 2999-01-01", "--from 2999-01-01 is still to come"},
		{path, "report --from 1999-01-01 --to 2026-01-01", "are more than ten years"},
		{none, "history", "The database can't be read: there is no database " + none},
		{none, "report", "The database can't be read: there is no database " + none},
		{"mysql://x", "history", `DATABASE_URL begins with "mysql://"`},
	} {
		t.Run(tc.args, func(t *testing.T) {
			got := call(t, []string{"DATABASE_URL=" + tc.url}, strings.Fields(tc.args)...)
			if got.code != exitUsage || !strings.Contains(got.err, tc.want) {
				t.Errorf("got %d, %q, want %q", got.code, got.err, tc.want)
			}
		})
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("reading made a database")
	}
}

// A month with everything in it: in Berlin, across the end of summer time, in which a day has 25 hours.
func month(t *testing.T) (span, []account) {
	t.Helper()
	when, err := spanOf("2026-10-01", "2026-10-31", "Europe/Berlin", then)
	if err != nil {
		t.Fatal(err)
	}
	in := imports.ReportInput{Server: "prod", From: when.from, To: when.until, Location: when.zone}
	for day := when.from; day.Before(when.until); day = midnight(day, 1) {
		id := day.Format("0102")
		switch day.Day() {
		case 4:
			in.Imports = append(in.Imports, pastImport(id, bigfix.TypeComplete, imports.Scheduled, day, 12*time.Minute, imports.Failed))
		case 10, 11, 12, 13:
		case 20:
			in.Imports = append(in.Imports, pastImport(id, bigfix.TypeRaw, imports.Here, day.Add(9*time.Hour), 3*time.Minute, imports.Succeeded))
		case 31:
		default:
			in.Imports = append(in.Imports, pastImport(id, bigfix.TypeComplete, imports.Scheduled, day, time.Duration(37+day.Day())*time.Minute, imports.Succeeded))
		}
	}
	in.Imports = append(in.Imports, pastImport("again", bigfix.TypeComplete, imports.Here, when.from.Add(9*time.Hour), 41*time.Minute, imports.Succeeded))
	away, back := time.Date(2026, 10, 10, 14, 0, 0, 0, when.zone), time.Date(2026, 10, 13, 9, 30, 0, 0, when.zone)
	in.Watched = []imports.Watched{{From: when.from.Add(-time.Hour), To: away}, {From: back, To: when.until.Add(time.Hour)}}
	lab := imports.ReportInput{Server: "lab", From: when.from, To: when.until, Location: when.zone}
	return when, []account{{imports.ReportOf(in), in.Imports}, {imports.ReportOf(lab), nil}}
}

func TestReportAsPeopleSeeIt(t *testing.T) {
	when, accounts := month(t)
	var text strings.Builder
	when.write(&text, accounts)
	golden.Check(t, "report.txt", text.String())
	for line := range strings.Lines(text.String()) {
		if width(strings.TrimRight(line, "\n")) > 80 {
			t.Errorf("%d columns: %s", width(line), line)
		}
	}
}

func TestReportForPrograms(t *testing.T) {
	when, accounts := month(t)
	var asJSON, asCSV strings.Builder
	if err := writeJSON(&asJSON, when.json(accounts)); err != nil {
		t.Fatal(err)
	}
	if err := writeCSV(&asCSV, dayHeader, dayRows(accounts)); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "report.csv", strings.ReplaceAll(asCSV.String(), "\r\n", "\n"))
	var got jsonReport
	if err := json.Unmarshal([]byte(asJSON.String()), &got); err != nil {
		t.Fatal(err)
	}
	prod := got.Servers[0]
	if got.From != "2026-10-01" || got.To != "2026-10-31" || got.Zone != "Europe/Berlin" || prod.DaysTotal != 31 || prod.DaysCovered != 24 || len(prod.Imports) != 27 {
		t.Errorf("got %s to %s in %s, %d of %d days, %d imports", got.From, got.To, got.Zone, prod.DaysCovered, prod.DaysTotal, len(prod.Imports))
	}
	var covered int
	rows, err := csv.NewReader(strings.NewReader(asCSV.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row[0] == "prod" && row[2] == "true" {
			covered++
		}
	}
	if covered != prod.DaysCovered || len(rows) != 1+2*31 {
		t.Errorf("the CSV has %d rows and %d covered days, the JSON %d", len(rows), covered, prod.DaysCovered)
	}
	if i := slices.IndexFunc(prod.Days, func(d jsonDay) bool { return d.Date == "2026-10-25" }); prod.Days[i].WatchedSeconds != 25*60*60 {
		t.Errorf("the day on which clocks are put back was watched for %d s", prod.Days[i].WatchedSeconds)
	}
	short := got
	short.Servers = []jsonAccount{{Server: "lab", Gaps: got.Servers[1].Gaps}}
	golden.Check(t, "report.json", indented(t, struct {
		Prod jsonAccount
		Rest jsonReport
	}{trimmed(prod), short}))
}

// trimmed keeps of long lists what shows their form.
func trimmed(a jsonAccount) jsonAccount {
	a.Days, a.Imports = a.Days[3:5], a.Imports[3:4]
	return a
}

func indented(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

func TestSpanOf(t *testing.T) {
	for _, tc := range []struct {
		name, from, to, zone string
		want                 string
		open                 bool
	}{
		{"the last thirty days that are over", "", "", "UTC", "2026-10-03T00:00:00Z 2026-11-02T00:00:00Z 2026-11-01", false},
		{"thirty days up to one", "", "2026-10-31", "UTC", "2026-10-02T00:00:00Z 2026-11-01T00:00:00Z 2026-10-31", false},
		{"from a day on", "2026-10-30", "", "UTC", "2026-10-30T00:00:00Z 2026-11-02T00:00:00Z 2026-11-01", false},
		{"from today on", "2026-11-02", "", "UTC", "2026-11-02T00:00:00Z 2026-11-02T09:00:00Z 2026-11-02", true},
		{"one day", "2026-10-25", "2026-10-25", "Europe/Berlin", "2026-10-25T00:00:00+02:00 2026-10-26T00:00:00+01:00 2026-10-25", false},
		{"days to come are left out", "2026-11-01", "2026-11-30", "Europe/Berlin", "2026-11-01T00:00:00+01:00 2026-11-02T10:00:00+01:00 2026-11-02", true},
		{"where today is tomorrow", "", "", "Pacific/Kiritimati", "2026-10-03T00:00:00+14:00 2026-11-02T00:00:00+14:00 2026-11-01", false},
		{"a day that begins at one", "2026-09-06", "2026-09-06", "America/Santiago", "2026-09-06T01:00:00-03:00 2026-09-07T00:00:00-03:00 2026-09-06", false},
	} {
		got, err := spanOf(tc.from, tc.to, tc.zone, then)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		text := strings.Join([]string{got.from.Format(time.RFC3339), got.until.In(got.zone).Format(time.RFC3339), got.last.Format(dateForm)}, " ")
		if text != tc.want || got.open != tc.open {
			t.Errorf("%s: got %s, %t, want %s, %t", tc.name, text, got.open, tc.want, tc.open)
		}
	}
}

// docs/history.md shows what the program prints, as the golden files have it.
func TestTheDocumentShowsRealOutput(t *testing.T) {
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	document := read("../../docs/history.md")
	_, terminal, _ := strings.Cut(read("testdata/history.txt"), "# a terminal: true\n")
	table, _, _ := strings.Cut(terminal, "\n\n")
	report, _, _ := strings.Cut(read("testdata/report.txt"), "\n\n")
	for _, shown := range []string{table, report, strings.Join(recordHeader, ","), strings.Join(dayHeader, ","), usageOf("history")[len("Use: "):], usageOf("report")[len("Use: "):]} {
		if !strings.Contains(document, "```\n"+shown+"\n") {
			t.Errorf("docs/history.md does not show\n%s", shown)
		}
	}
	for _, name := range slices.Concat(recordHeader, dayHeader) {
		if !strings.Contains(document, "`"+name+"`") {
			t.Errorf("docs/history.md does not explain %s", name)
		}
	}
}

// Whatever days are asked for, those that are reported on are days, in their order, and none is to come.
func FuzzSpanOf(f *testing.F) {
	f.Add("2026-10-01", "2026-10-31", "Europe/Berlin")
	f.Add("", "2026-11-02", "UTC")
	f.Add("0000-01-01", "9999-12-31", "Asia/Tehran")
	f.Add("2011-12-30", "2011-12-31", "Pacific/Apia") // a day that Samoa left out
	f.Fuzz(func(t *testing.T, from, to, zone string) {
		s, err := spanOf(from, to, zone, then)
		if err != nil {
			return
		}
		if !s.from.Before(s.until) || s.until.After(then.Add(24*time.Hour)) || s.last.Before(s.from) || s.until.Sub(s.from) > (reportMost+2)*24*time.Hour {
			t.Errorf("%q to %q in %q: got %+v", from, to, zone, s)
		}
	})
}
