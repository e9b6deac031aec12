package demo

import (
	"encoding/json"
	"html"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Styles are runes of the private use area in texts under way, so that wrapping can count them as nothing; paint turns them into what
// the terminal takes, or takes them out. Texts from outside lose theirs first.
const (
	boldOn = '\uE000' + iota
	boldOff
	codeOn
	codeOff
	linkOn
	linkOff
	dimOn
	dimOff
)

var colours = map[rune]string{
	boldOn: "\x1b[1m", boldOff: "\x1b[22m", codeOn: "\x1b[36m", codeOff: "\x1b[39m",
	linkOn: "\x1b[4m", linkOff: "\x1b[24m", dimOn: "\x1b[2m", dimOff: "\x1b[22m",
}

// paint makes the styles of a line visible, or leaves them out.
func paint(line string, terminal bool) string {
	var b strings.Builder
	dim := false
	for _, r := range line {
		switch {
		case r == '\u00a0': // no line ended at it, and whoever searches the output types another
			b.WriteByte(' ')
		case !isStyle(r):
			b.WriteRune(r)
		case terminal:
			b.WriteString(colours[r])
			if r == dimOn || r == dimOff {
				dim = r == dimOn
			}
			if r == boldOff && dim { // the one code ends both
				b.WriteString(colours[dimOn])
			}
		case r == codeOn || r == codeOff:
			b.WriteByte('`')
		}
	}
	return b.String()
}

func isStyle(r rune) bool { return r >= boldOn && r <= dimOff }

func styled(on rune, text string) string { return string(on) + text + string(on+1) }

// clean takes out what could move the cursor, and what would count as a style.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\u00a0' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
}

// namer knows the names behind Slack's identifiers.
type namer interface {
	UserName(id string) string
	ChannelName(id string) string
	// Plain renders mrkdwn without any style: it knows the names of user groups.
	Plain(mrkdwn string) string
}

// reader renders what Slack would show.
type reader struct {
	names namer
	now   func() time.Time
}

// textObject is Block Kit's text.
type textObject struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// element is whatever stands in an actions or context block.
type element struct {
	Type string          `json:"type"`
	Text json.RawMessage `json:"text"` // a string, or a text object
	URL  string          `json:"url"`
}

type block struct {
	Type      string              `json:"type"`
	Text      *textObject         `json:"text"`
	Fields    []textObject        `json:"fields"`
	Elements  []element           `json:"elements"`
	Accessory *element            `json:"accessory"`
	Title     string              `json:"title"`
	Chart     chart               `json:"chart"`
	Rows      [][]json.RawMessage `json:"rows"`
}

// lines renders a message: its blocks, or its text where it has none or has some that a terminal can't show.
func (r reader) lines(text string, blocks json.RawMessage) []string {
	var list []block
	if len(blocks) == 0 || json.Unmarshal(blocks, &list) != nil || len(list) == 0 {
		return strings.Split(r.mrkdwn(text), "\n")
	}
	var out []string
	for _, b := range list {
		lines, ok := r.block(b)
		if !ok {
			return strings.Split(r.mrkdwn(text), "\n")
		}
		out = append(out, lines...)
	}
	return out
}

func (r reader) block(b block) (lines []string, ok bool) {
	switch b.Type {
	case "header":
		lines = append(lines, styled(boldOn, r.object(b.Text)))
	case "section":
		if b.Text != nil {
			lines = append(lines, strings.Split(r.object(b.Text), "\n")...)
		}
		for i := range b.Fields {
			lines = append(lines, strings.Split(r.object(&b.Fields[i]), "\n")...)
		}
		if b.Accessory != nil {
			lines = append(lines, r.element(*b.Accessory))
		}
	case "context", "actions":
		var parts []string
		for _, e := range b.Elements {
			if part := r.element(e); part != "" {
				parts = append(parts, part)
			}
		}
		text := strings.Join(parts, "  ")
		if b.Type == "context" {
			text = styled(dimOn, strings.ReplaceAll(text, "\n", string(dimOff)+"\n"+string(dimOn)))
		}
		lines = append(lines, strings.Split(text, "\n")...)
	case "data_visualization":
		lines = append(lines, r.chart(b.Title, b.Chart)...)
	case "table":
		lines = append(lines, r.table(b.Rows)...)
	case "divider":
		lines = append(lines, styled(dimOn, strings.Repeat("─", 24)))
	default:
		return nil, false
	}
	return lines, true
}

func (r reader) object(o *textObject) string {
	switch {
	case o == nil:
		return ""
	case o.Type == "plain_text":
		return clean(o.Text)
	}
	return r.mrkdwn(o.Text)
}

func (r reader) element(e element) string {
	var plain string
	var object textObject
	switch {
	case json.Unmarshal(e.Text, &plain) == nil:
		if e.Type == "plain_text" {
			return clean(plain)
		}
		return r.mrkdwn(plain)
	case json.Unmarshal(e.Text, &object) != nil:
		return ""
	}
	label := "[" + r.object(&object) + "]"
	if e.URL == "" {
		return label
	}
	return label + " " + styled(linkOn, clean(e.URL))
}

var special = regexp.MustCompile(`<([^<>]+)>`)

// mrkdwn renders Slack's markup.
func (r reader) mrkdwn(text string) string {
	text = clean(text)
	var out strings.Builder
	for {
		at := special.FindStringSubmatchIndex(text)
		if at == nil {
			out.WriteString(text)
			break
		}
		out.WriteString(text[:at[0]])
		out.WriteString(r.angle(text[at[2]:at[3]]))
		text = text[at[1]:]
	}
	return html.UnescapeString(emphasis(out.String()))
}

// angle renders what stands in <…>: a mention, a date, a link.
func (r reader) angle(inner string) string {
	ref, label, labelled := strings.Cut(inner, "|")
	switch {
	case strings.HasPrefix(ref, "@"):
		return styled(boldOn, "@"+r.names.UserName(ref[1:]))
	case strings.HasPrefix(ref, "#"):
		return "#" + r.names.ChannelName(ref[1:])
	case strings.HasPrefix(ref, "!date^"):
		return r.date(ref, label)
	case strings.HasPrefix(ref, "!"):
		name, _, _ := strings.Cut(ref[1:], "^")
		switch {
		case labelled:
			name = strings.TrimPrefix(label, "@")
		case name == "subteam":
			name = strings.TrimPrefix(r.names.Plain("<"+ref+">"), "@")
		}
		return styled(boldOn, "@"+name)
	case labelled:
		return styled(linkOn, label)
	}
	return styled(linkOn, ref)
}

var token = regexp.MustCompile(`\{[a-z_]+\}`)

// date renders <!date^unix^format^link|fallback> in the zone of this machine, as Slack does in the reader's.
func (r reader) date(ref, fallback string) string {
	parts := strings.Split(ref, "^")
	if len(parts) < 3 {
		return fallback
	}
	unix, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return fallback
	}
	t, now := time.Unix(unix, 0).Local(), r.now().Local()
	return token.ReplaceAllStringFunc(parts[2], func(name string) string {
		switch name {
		case "{time}":
			return t.Format("15:04")
		case "{time_secs}":
			return t.Format("15:04:05")
		case "{date_num}":
			return t.Format("2006-01-02")
		}
		if strings.HasSuffix(name, "_pretty}") {
			if day := relativeDay(t, now); day != "" {
				return day
			}
		}
		if strings.HasPrefix(name, "{date_long") {
			return t.Format("Monday 2 January 2006")
		}
		return t.Format("2 Jan 2006")
	})
}

func relativeDay(t, now time.Time) string {
	for days, name := range map[int]string{-1: "yesterday", 0: "today", 1: "tomorrow"} {
		y, m, d := now.AddDate(0, 0, days).Date()
		if ty, tm, td := t.Date(); ty == y && tm == m && td == d {
			return name
		}
	}
	return ""
}

var (
	bold = regexp.MustCompile(`(^|[^\pL\pN*])\*([^\s*](?:[^*\n]*[^\s*])?)\*`)
	code = regexp.MustCompile("`([^`\n]+)`")
	soft = regexp.MustCompile(`(^|[^\pL\pN_])_([^\s_](?:[^_\n]*[^\s_])?)_([^\pL\pN]|$)`)
)

// emphasis renders `code`, *bold* and _italic_, outside code only.
func emphasis(text string) string {
	var out strings.Builder
	for {
		at := code.FindStringSubmatchIndex(text)
		if at == nil {
			out.WriteString(emphasised(text))
			return out.String()
		}
		out.WriteString(emphasised(text[:at[0]]))
		out.WriteString(styled(codeOn, text[at[2]:at[3]]))
		text = text[at[1]:]
	}
}

func emphasised(text string) string {
	text = bold.ReplaceAllString(text, "${1}"+string(rune(boldOn))+"${2}"+string(rune(boldOff)))
	return soft.ReplaceAllString(text, "${1}${2}${3}")
}

// wrap breaks a line at spaces so that no part is wider than width. A word that is wider by itself is cut.
func wrap(line string, width int) []string {
	var out []string
	var current strings.Builder
	used := 0
	flush := func() {
		out = append(out, strings.TrimRight(current.String(), " "))
		current.Reset()
		used = 0
	}
	for _, word := range strings.SplitAfter(line, " ") {
		if used > 0 && used+cells(strings.TrimRight(word, " ")) > width {
			flush()
		}
		for _, r := range word {
			n := cell(r)
			if used+n > width && n > 0 && r != ' ' {
				flush()
			}
			current.WriteRune(r)
			used += n
		}
	}
	flush()
	return out
}

// cells is how many columns a text takes.
func cells(text string) int {
	n := 0
	for _, r := range text {
		n += cell(r)
	}
	return n
}

func cell(r rune) int {
	switch {
	case isStyle(r), unicode.Is(unicode.Mn, r), r == '\u200d', r == '\ufe0f':
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff:
		return 2
	}
	return 1
}
