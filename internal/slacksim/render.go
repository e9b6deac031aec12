package slacksim

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Plain returns mrkdwn as a person reads it in a terminal: mentions by name,
// links by their label, dates in the reader's zone, entities unescaped.
// Emphasis stays as it is written.
func (s *Sim) Plain(mrkdwn string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plain(mrkdwn)
}

var anglePattern = regexp.MustCompile(`<([^<>]+)>`)

var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// plain is Plain with s.mu held.
func (s *Sim) plain(mrkdwn string) string {
	return unescape.Replace(anglePattern.ReplaceAllStringFunc(mrkdwn, func(match string) string {
		inside, label, labelled := strings.Cut(match[1:len(match)-1], "|")
		return s.reference(inside, label, labelled)
	}))
}

// reference reads what stands between < and >.
func (s *Sim) reference(inside, label string, labelled bool) string {
	switch {
	case strings.HasPrefix(inside, "@"):
		return "@" + s.userName(inside[1:])
	case strings.HasPrefix(inside, "#"):
		if c := s.channels[inside[1:]]; c != nil {
			return "#" + c.name
		}
	case strings.HasPrefix(inside, "!subteam^"):
		if g := s.groups[strings.TrimPrefix(inside, "!subteam^")]; g != nil {
			return "@" + g.handle
		}
	case strings.HasPrefix(inside, "!date^"):
		if text, ok := s.date(inside); ok {
			return text
		}
	case strings.HasPrefix(inside, "!"):
		return "@" + inside[1:]
	}
	if labelled {
		return label
	}
	return inside
}

// dateFormats are the tokens of Slack's dates and what they stand for.
var dateFormats = map[string]string{
	"date_num": "2006-01-02", "date": "January 2, 2006", "date_short": "Jan 2, 2006", "date_long": "Monday, January 2, 2006",
	"time": "15:04", "time_secs": "15:04:05",
}

var datePattern = regexp.MustCompile(`\{([a-z_]+)\}`)

// date reads !date^UNIX^FORMAT, perhaps with ^LINK behind it.
func (s *Sim) date(inside string) (string, bool) {
	parts := strings.Split(inside, "^")
	if len(parts) < 3 {
		return "", false
	}
	unix, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return "", false
	}
	at, now := time.Unix(unix, 0).In(s.cfg.location), s.Now().In(s.cfg.location)
	return datePattern.ReplaceAllStringFunc(parts[2], func(token string) string {
		return dateToken(strings.Trim(token, "{}"), at, now)
	}), true
}

func dateToken(name string, at, now time.Time) string {
	plain, pretty := strings.CutSuffix(name, "_pretty")
	if pretty {
		const day = "2006-01-02"
		switch at.Format(day) {
		case now.Format(day):
			return "today"
		case now.AddDate(0, 0, -1).Format(day):
			return "yesterday"
		case now.AddDate(0, 0, 1).Format(day):
			return "tomorrow"
		}
	}
	if format, ok := dateFormats[plain]; ok {
		return at.Format(format)
	}
	if name == "ago" {
		return now.Sub(at).Round(time.Minute).String() + " ago"
	}
	return "{" + name + "}"
}

// Lines returns a message as a person sees it: its blocks, a line or more for
// each, or its text where it has none.
func (s *Sim) Lines(m Message) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines(m.Text, m.Blocks)
}

// ViewLines returns a modal or a Home tab as a person sees it.
func (s *Sim) ViewLines(v View) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := s.lines("", v.Blocks)
	if v.Title != "" {
		lines = append([]string{v.Title}, lines...)
	}
	return lines
}

func (s *Sim) lines(text string, raw json.RawMessage) []string {
	var blocks []map[string]any
	if len(raw) == 0 || json.Unmarshal(raw, &blocks) != nil {
		return strings.Split(s.plain(text), "\n")
	}
	var out []string
	for _, block := range blocks {
		out = append(out, s.blockLines(block)...)
	}
	return out
}

func (s *Sim) blockLines(block map[string]any) []string {
	switch block["type"] {
	case "divider":
		return []string{strings.Repeat("─", 24)}
	case "section":
		return s.sectionLines(block)
	case "header":
		return []string{s.textOf(block["text"])}
	case "markdown":
		text, _ := block["text"].(string)
		return strings.Split(text, "\n")
	case "context", "actions":
		return strings.Split(strings.Join(s.each(block["elements"], s.elementLine), "  "), "\n")
	case "input":
		return []string{s.textOf(block["label"]) + ": " + s.elementLine(block["element"])}
	case "image":
		alt, _ := block["alt_text"].(string)
		return []string{"[" + alt + "]"}
	case "table":
		return s.each(block["rows"], func(row any) string { return strings.Join(s.each(row, s.cell), " | ") })
	case "data_visualization":
		return s.chartLines(block)
	}
	return []string{strings.Join(treeStrings(block), "")} // rich_text
}

func (s *Sim) sectionLines(block map[string]any) (out []string) {
	if block["text"] != nil {
		out = strings.Split(s.textOf(block["text"]), "\n")
	}
	out = append(out, s.each(block["fields"], s.textOf)...)
	if block["accessory"] != nil {
		out = append(out, s.elementLine(block["accessory"]))
	}
	return out
}

// each maps the items of a JSON list.
func (s *Sim) each(list any, one func(any) string) []string {
	items, _ := list.([]any)
	out := make([]string, 0, len(items))
	for _, item := range items {
		out = append(out, one(item))
	}
	return out
}

// textOf reads a text object.
func (s *Sim) textOf(object any) string {
	fields, _ := object.(map[string]any)
	text, _ := fields["text"].(string)
	if fields["type"] == "plain_text" {
		return text
	}
	return s.plain(text)
}

// elementLine draws a button as [its label], a text as itself.
func (s *Sim) elementLine(object any) string {
	fields, _ := object.(map[string]any)
	switch fields["type"] {
	case "mrkdwn", "plain_text":
		return s.textOf(object)
	case "button":
		return "[" + s.textOf(fields["text"]) + "]"
	case "image":
		return fmt.Sprintf("[%v]", fields["alt_text"])
	}
	if label := s.textOf(fields["placeholder"]); label != "" {
		return "[" + label + " ▾]"
	}
	return "[          ]"
}

func (s *Sim) cell(object any) string {
	fields, _ := object.(map[string]any)
	if text, ok := fields["text"].(string); ok {
		return text
	}
	if value, ok := fields["value"].(float64); ok {
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	return strings.Join(treeStrings(object), "")
}

// chartLines tells a chart: its title, and each series or slice with its values.
func (s *Sim) chartLines(block map[string]any) []string {
	type point struct {
		Label string
		Value float64
	}
	var b struct {
		Title string
		Chart struct {
			Segments []point
			Series   []struct {
				Name string
				Data []point
			}
		}
	}
	raw, err := json.Marshal(block)
	if err != nil || json.Unmarshal(raw, &b) != nil {
		return nil
	}
	tell := func(points []point) string {
		var out []string
		for _, p := range points {
			out = append(out, p.Label+" "+strconv.FormatFloat(p.Value, 'f', -1, 64))
		}
		return strings.Join(out, ", ")
	}
	lines := []string{b.Title}
	if len(b.Chart.Segments) > 0 {
		lines = append(lines, tell(b.Chart.Segments))
	}
	for _, series := range b.Chart.Series {
		lines = append(lines, series.Name+": "+tell(series.Data))
	}
	return lines
}
