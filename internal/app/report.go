package app

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"importbot/bigfix"
	"importbot/imports"
	"importbot/internal/config"
)

const (
	reportUsual = 30           // days, where nobody says from when
	reportMost  = 10*365 + 3   // days, and at most
	dateForm    = "2006-01-02" // how days are written
	dateExample = "2026-10-01" // one of them
)

// span is the time that a report is about.
type span struct {
	from, until time.Time // until is not in it
	last        time.Time // its last day
	zone        *time.Location
	open        bool // it reaches up to now: its last day is not over
}

// report shows what an auditor asks for.
func (p Program) report(ctx context.Context, args []string) error {
	set := p.flags("report")
	from, to, zone := set.String("from", "", ""), set.String("to", "", ""), set.String("zone", "UTC", "")
	name := set.String("server", "", "")
	asJSON, asCSV := set.Bool("json", false, ""), set.Bool("csv", false, "")
	words, err := p.parse(set, args, 0, 1)
	switch {
	case err != nil:
		return err
	case *asJSON && *asCSV:
		return misused("importbot report: --json and --csv can't be had together.")
	case len(words) > 0 && *name != "":
		return misused("importbot report: name the server once. %s", usageOf("report"))
	case len(words) > 0:
		*name = words[0]
	}
	when, err := spanOf(*from, *to, *zone, time.Now())
	if err != nil {
		return misused("importbot report: %w", err)
	}
	past, err := p.openPast(ctx)
	if err != nil {
		return err
	}
	defer past.Close() //nolint:errcheck // nothing was written
	servers, err := past.choose(*name)
	if err != nil {
		return err
	}
	accounts := make([]account, len(servers))
	for i, server := range servers {
		if accounts[i], err = past.account(ctx, server, when); err != nil {
			return past.failed(err)
		}
	}
	switch {
	case *asJSON:
		return writeJSON(p.Stdout, when.json(accounts))
	case *asCSV:
		return writeCSV(p.Stdout, dayHeader, dayRows(accounts))
	}
	var text strings.Builder
	when.write(&text, accounts)
	_, err = io.WriteString(p.Stdout, text.String())
	return err
}

// account is what there is to be said of one server.
type account struct {
	imports.Report
	imports []imports.Import
}

func (p *past) account(ctx context.Context, server string, when span) (account, error) {
	imps, err := p.History(ctx, server, when.from, when.until)
	if err != nil {
		return account{}, err
	}
	watched, err := p.Watched(ctx, server, when.from, when.until)
	if err != nil {
		return account{}, err
	}
	return account{imports.ReportOf(imports.ReportInput{
		Server: server, From: when.from, To: when.until, Location: when.zone, OneKind: p.oneKind(server), Imports: imps, Watched: watched,
	}), imps}, nil
}

// spanOf reads which days are meant: both ends are in it. Without them those are the last 30 that are over; days to come are left out.
// The error says what is wrong and what to write.
func spanOf(from, to, zone string, now time.Time) (span, error) {
	loc, err := config.Zone(zone)
	if err != nil {
		return span{}, fmt.Errorf("--zone: %w", err)
	}
	s := span{zone: loc}
	today := midnight(now.In(loc), 0)
	s.last = midnight(today, -1)
	if to != "" {
		if s.last, err = date("--to", to, loc); err != nil {
			return span{}, err
		}
	}
	s.from = midnight(s.last, 1-reportUsual)
	if from != "" {
		if s.from, err = date("--from", from, loc); err != nil {
			return span{}, err
		}
	}
	switch {
	case s.from.After(today):
		return span{}, fmt.Errorf("--from %s is still to come", s.from.Format(dateForm))
	case to == "" && s.from.After(s.last):
		s.last = today // from today on
	case s.from.After(s.last):
		return span{}, fmt.Errorf("--from %s comes after --to %s: put the earlier day first", s.from.Format(dateForm), s.last.Format(dateForm))
	case s.last.Sub(s.from) > reportMost*24*time.Hour:
		return span{}, fmt.Errorf("from %s to %s are more than ten years: ask for fewer", s.from.Format(dateForm), s.last.Format(dateForm))
	}
	if s.until = midnight(s.last, 1); s.until.After(now) {
		s.last, s.until, s.open = today, now, true
	}
	return s, nil
}

// date reads a day.
func date(flag, text string, loc *time.Location) (time.Time, error) {
	t, err := time.Parse(dateForm, text)
	if err == nil {
		return midnight(time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, loc), 0), nil
	}
	var y, m, d int
	if n, _ := fmt.Sscanf(text, "%4d-%2d-%2d", &y, &m, &d); n == 3 && len(text) == len(dateForm) { //nolint:errcheck // the count says it
		return time.Time{}, fmt.Errorf("%s %s: there is no such day", flag, text)
	}
	return time.Time{}, fmt.Errorf("%s %q is no date: write year, month and day, like %s", flag, text, dateExample)
}

// midnight is when the day begins that lies so many days after that of t.
func midnight(t time.Time, days int) time.Time {
	return imports.StartOfDay(t.Year(), t.Month(), t.Day()+days, t.Location())
}

// write shows the report to people, in lines of 80 columns at most unless a name is longer.
func (s span) write(w io.Writer, accounts []account) {
	if len(accounts) == 0 {
		fmt.Fprintln(w, "Nothing is recorded yet.")
	}
	for i, a := range accounts {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "Data imports on %s\n%s, %s, %s\n", a.Server, days(s.from, s.last), counted(len(a.Days), "day"), s.zone)
		if s.open {
			fmt.Fprintf(w, "%s is not over: it is reported on as it stands at %s.\n", s.last.Format(dateForm), s.until.Format("15:04"))
		}
		paragraph(w, "Fresh data", a.freshness())
		paragraph(w, "Outcomes", a.outcomes())
		paragraph(w, "Durations", a.durations())
		paragraph(w, "Started", a.started())
		paragraph(w, "Watched", a.watched())
	}
}

// paragraph writes lines beneath each other, with a word before the first.
func paragraph(w io.Writer, label string, lines []string) {
	for _, line := range lines {
		fmt.Fprintf(w, "  %-10s  %s\n", label, line)
		label = ""
	}
}

// days is one day, or the first and the last of several.
func days(first, last time.Time) string {
	if first.Format(dateForm) == last.Format(dateForm) {
		return first.Format(dateForm)
	}
	return first.Format(dateForm) + " to " + last.Format(dateForm)
}

var gapWords = map[imports.GapReason]string{
	imports.GapFailed:    "an import failed or ended unknown",
	imports.GapUnclear:   "a success that may be another import's",
	imports.GapUnwatched: "no success known; not watched throughout",
	imports.GapRaw:       "raw imports only",
	imports.GapNone:      "no import ended",
}

// freshness says on which days the reports got fresh data.
func (a account) freshness() []string {
	head := fmt.Sprintf("on %d of %s", a.Covered, counted(len(a.Days), "day"))
	if len(a.Gaps) > 0 {
		head += "; not on"
	}
	var gaps grid
	for _, gap := range a.Gaps {
		gaps.add(days(gap.From, midnight(gap.To, -1)), gapWords[gap.Why])
	}
	return append([]string{head}, gaps.lines()...)
}

// outcomes says how imports ended, by their type.
func (a account) outcomes() []string {
	var g grid
	for _, t := range typesOf(a.ByType) {
		g.add(shortType(t), outcomeCounts(a.ByType[t]))
	}
	if a.Running > 0 {
		g.add(fmt.Sprintf("%d under way", a.Running))
	}
	return g.or("no import ended")
}

// durations says how long successful imports took.
func (a account) durations() []string {
	var g grid
	for _, d := range a.Report.Durations {
		text := fmt.Sprintf("%s to %s, median %s", about(d.Low), about(d.High), about(d.Median))
		if about(d.Low) == about(d.High) {
			text = about(d.Median)
		}
		g.add(shortType(d.Type), fmt.Sprintf("%s (%s)", text, counted(d.N, "import")))
	}
	return g.or("no successful import was seen from beginning to end")
}

// started says who set imports going.
func (a account) started() []string {
	var g grid
	for _, s := range a.Report.Started {
		var counts []string
		for _, t := range typesOf(s.ByType) {
			counts = append(counts, fmt.Sprintf("%d %s", s.ByType[t], shortType(t)))
		}
		g.add(starter(s), strings.Join(counts, ", "), outcomeCounts(s.Outcomes))
	}
	return g.or("none")
}

func starter(s imports.Started) string {
	switch s.Origin {
	case imports.Here:
		return "by " + s.UserID
	case imports.Late:
		return "begun late"
	}
	return string(s.Origin)
}

// watched says on which days nobody looked, or not all the time.
func (a account) watched() []string {
	var all int
	var g grid
	for i := 0; i < len(a.Days); {
		first := a.Days[i]
		if first.Seen {
			all++
			i++
			continue
		}
		last, sum := first, first.Watched
		for i++; i < len(a.Days) && !a.Days[i].Seen && (a.Days[i].Watched == 0) == (first.Watched == 0); i++ {
			last = a.Days[i]
			sum += last.Watched
		}
		g.add(days(first.Date, last.Date), watchedWords(sum, a.within(last.Until).Sub(a.within(first.Date))))
	}
	head := fmt.Sprintf("throughout on %d of %s", all, counted(len(a.Days), "day"))
	if len(g.rows) > 0 {
		head += "; not on"
	}
	return append([]string{head}, g.lines()...)
}

// within cuts a time to the report's.
func (a account) within(t time.Time) time.Time {
	switch {
	case t.Before(a.From):
		return a.From
	case t.After(a.To):
		return a.To
	}
	return t
}

func watchedWords(sum, of time.Duration) string {
	if sum == 0 {
		return "not at all"
	}
	return fmt.Sprintf("for %s of %s", hours(sum), hours(of))
}

// hours is a duration as sums of days are compared.
func hours(d time.Duration) string {
	return strconv.FormatFloat(d.Hours(), 'f', 1, 64) + " h"
}

// typesOf lists the types that are counted: complete ones, raw ones, then others.
func typesOf[V any](counts map[bigfix.ImportType]V) []bigfix.ImportType {
	rank := func(t bigfix.ImportType) int {
		return slices.Index([]bigfix.ImportType{"", bigfix.TypeRaw, bigfix.TypeComplete}, t)
	}
	return slices.SortedFunc(maps.Keys(counts), func(a, b bigfix.ImportType) int {
		if d := rank(b) - rank(a); d != 0 {
			return d
		}
		return strings.Compare(string(a), string(b))
	})
}

// outcomeCounts is "28 succeeded, 2 failed".
func outcomeCounts(counts map[imports.Outcome]int) string {
	var words []string
	for _, o := range []imports.Outcome{imports.Succeeded, imports.Failed, imports.Unclear, imports.Unknown, imports.NotBegun} {
		if n := counts[o]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, ended(imports.Import{Outcome: o})))
		}
	}
	return strings.Join(words, ", ")
}
