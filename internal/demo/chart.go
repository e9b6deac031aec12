package demo

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// chart is Block Kit's data_visualization, as far as text can show it: bars and lines become bars, one row a category.
type chart struct {
	Segments []point `json:"segments"`
	Series   []struct {
		Name string  `json:"name"`
		Data []point `json:"data"`
	} `json:"series"`
}

type point struct {
	Label string  `json:"label"`
	Value float64 `json:"value"`
}

// longest is how many columns the longest bar of a chart takes.
const longest = 32

// chart draws a chart: a row a category, with the name of the series where there are several.
func (r reader) chart(title string, c chart) []string {
	if len(c.Series) == 0 && len(c.Segments) > 0 {
		return r.bars(title, []string{""}, [][]point{c.Segments})
	}
	var names []string
	var all [][]point
	for _, series := range c.Series {
		name := ""
		if len(c.Series) > 1 {
			name = clean(series.Name)
		}
		names, all = append(names, name), append(all, series.Data)
	}
	return r.bars(title, names, all)
}

func (r reader) bars(title string, names []string, all [][]point) []string {
	most, wide := 0.0, 0
	var labels []string
	for _, points := range all {
		for _, p := range points {
			most, wide = max(most, p.Value), max(wide, cells(clean(p.Label)))
			if !slices.Contains(labels, p.Label) {
				labels = append(labels, p.Label)
			}
		}
	}
	lines := []string{styled(boldOn, clean(title))}
	for _, label := range labels {
		bar := ""
		for i, points := range all {
			if at := slices.IndexFunc(points, func(p point) bool { return p.Label == label && p.Value > 0 }); at >= 0 {
				v := points[at].Value
				length := max(int(math.Round(longest*v/most)), 1)
				bar += fmt.Sprintf(" %s %s %s", strings.Repeat("█", length), strconv.FormatFloat(v, 'f', -1, 64), names[i])
			}
		}
		lines = append(lines, strings.TrimRight(padded(clean(label), wide)+" "+bar, " "))
	}
	return lines
}

// table draws rows under each other, each column as wide as its widest cell. A cell is text, a number, or rich text.
func (r reader) table(rows [][]json.RawMessage) []string {
	var texts [][]string
	var wide []int
	for _, row := range rows {
		var line []string
		for i, raw := range row {
			text := strings.ReplaceAll(r.cellText(raw), "\n", " ")
			if i == len(wide) {
				wide = append(wide, 0)
			}
			wide[i] = max(wide[i], cells(text))
			line = append(line, text)
		}
		texts = append(texts, line)
	}
	var lines []string
	for i, row := range texts {
		line := ""
		for j, text := range row {
			line += padded(text, wide[j]) + "  "
		}
		line = strings.TrimRight(line, " ")
		if i == 0 {
			line = styled(dimOn, line)
		}
		lines = append(lines, line)
	}
	return lines
}

func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(width-cells(text), 0))
}

// rich is a cell of a table, or a part of its rich text.
type rich struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	Value     *float64        `json:"value"`
	URL       string          `json:"url"`
	UserID    string          `json:"user_id"`
	Timestamp int64           `json:"timestamp"`
	Format    string          `json:"format"`
	Fallback  string          `json:"fallback"`
	Elements  json.RawMessage `json:"elements"`
}

func (r reader) cellText(raw json.RawMessage) string {
	var c rich
	if json.Unmarshal(raw, &c) != nil {
		return ""
	}
	switch {
	case c.Type == "user":
		return styled(boldOn, "@"+r.names.UserName(c.UserID))
	case c.Type == "date":
		return r.date(fmt.Sprintf("!date^%d^%s", c.Timestamp, c.Format), clean(c.Fallback))
	case c.Text != "":
		return clean(c.Text)
	case c.Value != nil:
		return strconv.FormatFloat(*c.Value, 'f', -1, 64)
	case c.URL != "":
		return styled(linkOn, clean(c.URL))
	}
	var parts []json.RawMessage
	if json.Unmarshal(c.Elements, &parts) != nil {
		return ""
	}
	text := ""
	for _, part := range parts {
		text += r.cellText(part)
	}
	return text
}
