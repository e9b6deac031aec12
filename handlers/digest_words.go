package handlers

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// digestScene is what a digest is written from.
type digestScene struct {
	now      time.Time
	command  string
	from, to time.Time // local midnights: from in, to not
	loc      *time.Location
	servers  []digestServer
}

// digestServer is the week of one server.
type digestServer struct {
	server Server
	report imports.Report
	alerts []imports.Alert // open now
	mute   *imports.Mute
}

// digestMessage tells of a week what an auditor asks for: on how many days the reports got fresh data and why not on the
// others, how imports ended, how long they took, who started what, and when nobody watched. Days are those of the digest's
// zone, whoever reads.
func digestMessage(d digestScene) bot.Message {
	m := simple(d.now, func(p pen) []string {
		return []string{p.strong("The week of data imports") + ", " + d.days(d.from, d.to) + " (" + zoneWord(d.loc) + "):"}
	})
	for _, s := range d.servers {
		m = joined(m, simple(d.now, func(p pen) []string { return d.server(p, s) }))
	}
	m = joined(m, compose(d.now, func(p pen) sheet { return sheet{small: []string{d.more(p)}} }))
	m.Metadata = &bot.Metadata{EventType: eventType, Payload: map[string]any{"id": "", "server": "", "kind": kindDigest}}
	return m
}

// server tells the week of one.
func (d digestScene) server(p pen, s digestServer) []string {
	out := []string{d.covered(p, s), d.gaps(s.report)}
	for _, t := range typesCounted(s.report.ByType) {
		out = append(out, typeWeek(p, t, s.report))
	}
	if s.report.Running > 0 {
		out = append(out, "Under way when the week ended: "+strconv.Itoa(s.report.Running))
	}
	out = append(out, startedWeek(p, s.report.Started), d.unwatched(s.report))
	for _, a := range s.alerts {
		out = append(out, alertLine(p, d.now, a))
	}
	if s.mute != nil {
		out = append(out, mutedLine(p, *s.mute))
	}
	return out
}

// covered is the line that most people read and no other. Where nobody watched throughout it claims no more than is known.
func (d digestScene) covered(p pen, s digestServer) string {
	r := s.report
	got := p.name(s.server.Name) + ": the reports got fresh data on "
	if slices.ContainsFunc(r.Gaps, func(g imports.Gap) bool { return g.Why == imports.GapUnwatched }) {
		got = p.name(s.server.Name) + ": the reports are known to have got fresh data on "
	}
	switch {
	case len(r.Gaps) == 0:
		return got + fmt.Sprintf("all %d days.", len(r.Days))
	case r.Covered > 0:
		return got + p.strong(fmt.Sprintf("%d of %d days", r.Covered, len(r.Days))) + "."
	case len(r.Gaps) == 1:
		return got + p.strong("no day") + ": " + gapWord[r.Gaps[0].Why] + "."
	}
	return got + p.strong("no day") + "."
}

// gapWord says why a day is without fresh data.
var gapWord = map[imports.GapReason]string{
	imports.GapFailed:    "an import failed or ended unknown",
	imports.GapUnclear:   "a success that may be another import's",
	imports.GapUnwatched: "no success known, and not watched throughout",
	imports.GapRaw:       "raw imports only",
	imports.GapNone:      "no import ended",
}

// gaps are the days that are not covered, and why.
func (d digestScene) gaps(r imports.Report) string {
	if len(r.Gaps) == 0 || r.Covered == 0 && len(r.Gaps) == 1 {
		return ""
	}
	parts := make([]string, len(r.Gaps))
	for i, gap := range r.Gaps {
		parts[i] = d.days(gap.From, gap.To) + " (" + gapWord[gap.Why] + ")"
	}
	return "Not on " + list(parts, "and") + "."
}

// days is one day, or the first and the last of several, up to a midnight.
func (d digestScene) days(from, to time.Time) string {
	const form = "Mon 2 Jan"
	year, month, day := to.In(d.loc).Date()
	first, last := from.In(d.loc).Format(form), imports.StartOfDay(year, month, day-1, d.loc).Format(form)
	if first == last {
		return first
	}
	return first + " to " + last
}

// typesCounted lists types: complete ones, raw ones, then others.
func typesCounted[V any](counts map[bigfix.ImportType]V) []bigfix.ImportType {
	known := []bigfix.ImportType{bigfix.TypeComplete, bigfix.TypeRaw}
	rank := func(t bigfix.ImportType) int {
		if i := slices.Index(known, t); i >= 0 {
			return i
		}
		return len(known)
	}
	return slices.SortedFunc(maps.Keys(counts), func(a, b bigfix.ImportType) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(string(a), string(b))
	})
}

// typeWeek says how the imports of one type ended, and how long the successful ones took.
func typeWeek(p pen, t bigfix.ImportType, r imports.Report) string {
	what := "Of unknown type"
	if t != "" {
		what = capital(p.typeWord(t))
	}
	var parts []string
	for _, o := range outcomeOrder {
		n := r.ByType[t][o]
		if n == 0 {
			continue
		}
		part := strconv.Itoa(n) + " " + outcomeWord(o)
		if o == imports.Succeeded {
			part += tookWeek(p, t, r.Durations)
		}
		parts = append(parts, part)
	}
	return what + ": " + list(parts, "and")
}

// tookWeek says how long the successful imports of a type took, as far as they were seen from beginning to end.
func tookWeek(p pen, t bigfix.ImportType, all []imports.Durations) string {
	i := slices.IndexFunc(all, func(d imports.Durations) bool { return d.Type == t })
	if i < 0 {
		return ""
	}
	took, median := p.between(all[i].Low, all[i].High), ""
	if all[i].N > 2 {
		median = ", median " + p.span(all[i].Median)
	}
	return " (" + took + median + ")"
}

// startedWeek says who set imports going.
func startedWeek(p pen, started []imports.Started) string {
	var parts []string
	for _, s := range started {
		parts = append(parts, strconv.Itoa(s.Imports)+" "+starterWord(p, s))
	}
	if len(parts) == 0 {
		return ""
	}
	return "Started: " + list(parts, "and")
}

func starterWord(p pen, s imports.Started) string {
	switch s.Origin {
	case imports.Here:
		return "by " + p.user(s.UserID)
	case imports.Scheduled:
		return "by the schedule"
	case imports.Late:
		return "begun late"
	}
	return "elsewhere"
}

// unwatched names the days of which not everything is known.
func (d digestScene) unwatched(r imports.Report) string {
	var parts []string
	for i := 0; i < len(r.Days); i++ {
		if r.Days[i].Seen {
			continue
		}
		first := r.Days[i]
		for i+1 < len(r.Days) && !r.Days[i+1].Seen {
			i++
		}
		parts = append(parts, d.days(first.Date, r.Days[i].Until))
	}
	if len(parts) == 0 {
		return ""
	}
	return "Not watched throughout: " + list(parts, "and") + ". What happened meanwhile may be missing."
}

// more says where there is more of it.
func (d digestScene) more(p pen) string {
	year, month, day := d.to.In(d.loc).Date()
	last := time.Date(year, month, day-1, 12, 0, 0, 0, d.loc)
	report := "importbot report --from " + d.from.In(d.loc).Format(time.DateOnly) + " --to " + last.Format(time.DateOnly)
	if d.loc != time.UTC {
		report += " --zone " + d.loc.String()
	}
	return p.code(join(d.command, "history")) + " lists the last imports; " + p.code(report) + " prints this week, and with " + p.code("--csv") + " every import of it"
}
