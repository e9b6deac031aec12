package handlers

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"importbot/imports"
)

// Slack's limits on a chart.
const (
	maxCategories  = 20
	maxCategory    = 20 // characters
	maxChartTitle  = 50
	chartsInOne    = 2 // message or Home tab
	maxTableText   = 100
	monthDayMinute = "2 Jan 15:04"
	monthDaySecond = "2 Jan 15:04:05"
)

// chartOf draws how long imports took, in minutes or seconds, oldest on the left: one series an outcome, which is what gives them their
// colours. imps are newest first, as the store gives them; what is beyond the newest twenty is left out, and so is what
// still runs. Slack wants a point of every series in every category, so the others have a bar of no height there. ok is
// false where none has a duration: then there is nothing to draw.
func chartOf(title string, imps []imports.Import, loc *time.Location) (chart slack.Block, ok bool) {
	var shown []imports.Import
	for _, imp := range imps {
		if imp.State == imports.Ended && len(shown) < maxCategories {
			shown = append(shown, imp)
		}
	}
	slices.Reverse(shown)
	categories := make([]string, len(shown))
	var outcomes []imports.Outcome
	var longest time.Duration
	for i, imp := range shown {
		categories[i] = category(imp, loc, categories[:i])
		if !slices.Contains(outcomes, imp.Outcome) {
			outcomes = append(outcomes, imp.Outcome)
		}
		took, known := imp.Duration()
		ok, longest = ok || known, max(longest, took)
	}
	if !ok {
		return nil, false
	}
	unit, unitWord := chartUnit(longest)
	step := chartStep(longest, unit)
	slices.SortFunc(outcomes, func(a, b imports.Outcome) int {
		return slices.Index(outcomeOrder, a) - slices.Index(outcomeOrder, b)
	})
	series := make([]slack.DataVisualizationDataSeries, len(outcomes))
	for i, outcome := range outcomes {
		series[i] = seriesOf(outcome, shown, categories, unit, step)
	}
	axes := slack.NewDataVisualizationAxisConfig(categories...).WithXLabel("Start, " + zoneWord(loc)).WithYLabel(capital(unitWord))
	return slack.NewDataVisualizationBlock(cutRunes(title, maxChartTitle-len(unitWord)-2)+": "+unitWord, slack.NewDataVisualizationBarChart(axes, series...)), true
}

// chartUnit is what durations are drawn in: seconds where the longest is but a few minutes, else minutes.
func chartUnit(longest time.Duration) (unit time.Duration, word string) {
	if longest < 3*time.Minute {
		return time.Second, "seconds"
	}
	return time.Minute, "minutes"
}

// chartStep is to what durations are rounded, as a share of the unit: to whole ones, unless the longest is but a few.
func chartStep(longest, unit time.Duration) float64 {
	if longest < 10*unit {
		return 0.1
	}
	return 1
}

// drawn is a duration in units, rounded, and more than nothing where it took any time: a bar of no height would not show.
func drawn(took, unit time.Duration, step float64) float64 {
	if took <= 0 {
		return 0
	}
	long := float64(took) / float64(unit)
	if rounded := math.Round(long/step) * step; rounded >= step {
		long = rounded
	}
	return max(math.Round(long*10)/10, 0.1)
}

// outcomeOrder is the order of the series: of what is well first.
var outcomeOrder = []imports.Outcome{imports.Succeeded, imports.Failed, imports.Unclear, imports.Unknown, imports.NotBegun}

func seriesOf(outcome imports.Outcome, shown []imports.Import, categories []string, unit time.Duration, step float64) slack.DataVisualizationDataSeries {
	points := make([]slack.DataVisualizationDataPoint, len(shown))
	for i, imp := range shown {
		long := 0.0
		if took, known := imp.Duration(); known && imp.Outcome == outcome {
			long = drawn(took, unit, step)
		}
		points[i] = slack.NewDataVisualizationDataPoint(categories[i], long)
	}
	return slack.NewDataVisualizationDataSeries(outcomeWord(outcome), points...)
}

// category names an import by when it began; where two began in the same minute, the later has the second, or else a number.
func category(imp imports.Import, loc *time.Location, taken []string) string {
	at := began(imp).In(loc)
	name := at.Format(monthDayMinute)
	if slices.Contains(taken, name) {
		name = at.Format(monthDaySecond)
	}
	unique := name
	for n := 2; slices.Contains(taken, unique); n++ {
		unique = fmt.Sprintf("%s (%d)", name, n)
	}
	return cutRunes(unique, maxCategory)
}

// began is when an import began as far as is known.
func began(imp imports.Import) time.Time {
	for _, at := range []time.Time{imp.BegunAt, imp.SendingAt, imp.AcceptedAt} {
		if !at.IsZero() {
			return at
		}
	}
	return imp.EndedAt
}

// zoneWord names a zone for the eye: "UTC", "Europe/Berlin".
func zoneWord(loc *time.Location) string {
	if loc == time.UTC || loc == nil {
		return "UTC"
	}
	return cutRunes(loc.String(), 40)
}

func cutRunes(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// outcomeWord says in a word or two how an import ended.
func outcomeWord(o imports.Outcome) string {
	switch o {
	case imports.Succeeded:
		return "succeeded"
	case imports.Failed:
		return "failed"
	case imports.Unclear:
		return "unclear"
	case imports.Unknown:
		return "unknown"
	case imports.NotBegun:
		return "not begun"
	case imports.Refused:
		return "refused"
	case imports.Expired:
		return "expired"
	case imports.Cancelled:
		return "taken back"
	}
	return "under way"
}

// originWord says who set an import going.
func originWord(o imports.Origin) string {
	switch o {
	case imports.Here:
		return "here"
	case imports.Scheduled:
		return "scheduled"
	case imports.Late:
		return "begun late"
	}
	return "elsewhere"
}

// tableOf lists imports as a table: type, origin, who, start, duration, outcome. The times are in the reader's own zone.
func tableOf(p pen, imps []imports.Import) slack.Block {
	table := slack.NewTableBlock("")
	head := []slack.TableCell{}
	for _, name := range []string{"Start", "Type", "Origin", "Who", "Duration", "Outcome"} {
		head = append(head, slack.NewTableRawTextCell(name))
	}
	table.AddRow(head...)
	plain := pen{plain: true, now: p.now}
	for _, imp := range imps {
		took, ok := imp.Duration()
		lasted := "–"
		if ok {
			lasted = pen{now: p.now}.span(took)
		}
		table.AddRow(dateCell(plain, began(imp)), textCell(typeOf(plain, imp)), textCell(originWord(imp.Origin)), userCell(imp.RequestedBy),
			textCell(lasted), textCell(outcomeWord(imp.Outcome)))
	}
	return table
}

// typeOf names the type of an import, for the column of a table.
func typeOf(p pen, imp imports.Import) string {
	if imp.Type == "" {
		return "unknown"
	}
	return p.typeWord(imp.Type)
}

func textCell(s string) slack.TableCell { return slack.NewTableRawTextCell(cutRunes(s, maxTableText)) }

func userCell(id string) slack.TableCell {
	if id == "" {
		return textCell("–")
	}
	return slack.NewTableRichTextCell(slack.NewRichTextSection(slack.NewRichTextSectionUserElement(id, nil)))
}

func dateCell(p pen, t time.Time) slack.TableCell {
	if t.IsZero() {
		return textCell("–")
	}
	fallback := p.at(t)
	return slack.NewTableRichTextCell(slack.NewRichTextSection(
		slack.NewRichTextSectionDateElement(t.Unix(), "{date_short_pretty} {time}", nil, &fallback)))
}

// rowsOf lists imports as lines, one each.
func rowsOf(p pen, imps []imports.Import) []string {
	out := make([]string, len(imps))
	for i, imp := range imps {
		kind := "import"
		if imp.Type != "" {
			kind = p.typeWord(imp.Type)
		}
		parts := []string{p.at(began(imp)), kind + " " + p.strong(outcomeWord(imp.Outcome))}
		if took, ok := imp.Duration(); ok {
			parts[1] += " after " + p.span(took)
		}
		if imp.RequestedBy != "" {
			parts = append(parts, "by "+p.user(imp.RequestedBy))
		} else {
			parts = append(parts, originWord(imp.Origin))
		}
		out[i] = strings.Join(parts, ", ")
	}
	return out
}
