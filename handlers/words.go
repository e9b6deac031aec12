package handlers

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"importbot/bigfix"
	"importbot/bot"
)

// pen writes down what a message says. The same message is written twice: with blocks for people who look at it (bold
// names, dates in the reader's own zone, a bar), and in plain words for notifications and screen readers, which read a
// message's top-level text and nothing else. A pen takes text that nobody vouches for and escapes it; so no message
// function touches markup itself, and none can forget to escape.
type pen struct {
	plain bool
	now   time.Time
}

// sheet is what one message says: lines of body, and facts in small print under them.
type sheet struct {
	body  []string
	small []string
}

// compose writes a message in both ways.
func compose(now time.Time, write func(pen) sheet) bot.Message {
	words, shown := write(pen{plain: true, now: now}), write(pen{now: now})
	m := bot.Message{Text: sentences(append(words.body, words.small...))}
	if body := lines(shown.body); body != "" {
		m.Blocks = append(m.Blocks, section(body))
	}
	if small := strings.Join(filled(shown.small), " · "); small != "" {
		m.Blocks = append(m.Blocks, slack.NewContextBlock("",
			slack.NewTextBlockObject(slack.MarkdownType, bot.Cut(small, maxSmall), false, false)))
	}
	return m
}

// How long the text of a block may be, a little under Slack's own limits. No message gets near them unless a server is
// talkative.
const (
	maxSection = bot.MaxSection - 100
	maxSmall   = bot.MaxContext - 100
)

// maxServerWords bounds what is quoted of a server's own words: enough to recognise the error, not a whole page.
const maxServerWords = 300

func section(text string) slack.Block {
	return slack.NewSectionBlock(
		slack.NewTextBlockObject(slack.MarkdownType, bot.Cut(text, maxSection), false, false), nil, nil)
}

// simple is a message without blocks' ornaments: the same lines, nothing in small print.
func simple(now time.Time, write func(pen) []string) bot.Message {
	return compose(now, func(p pen) sheet { return sheet{body: write(p)} })
}

// simpleBlocks are the blocks of a message whose own were refused: an edit must have some, or it would drop what stands
// there without a word.
func simpleBlocks(text string) []slack.Block { return []slack.Block{section(text)} }

func filled(parts []string) []string {
	var out []string
	for _, part := range parts {
		if part != "" {
			out = append(out, part)
		}
	}
	return out
}

func lines(parts []string) string { return strings.Join(filled(parts), "\n") }

// sentences joins parts to running text: each ends with a full stop where it has none yet.
func sentences(parts []string) string {
	parts = filled(parts)
	for i, part := range parts {
		if !strings.ContainsAny(part[len(part)-1:], ".?:") && !strings.HasSuffix(part, "…") {
			parts[i] = part + "."
		}
	}
	return strings.Join(parts, " ")
}

// capital makes the first letter of s a capital one.
func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[size:]
}

// name writes a server's name, or whatever else the message is about.
func (p pen) name(s string) string { return p.strong(s) }

func (p pen) strong(s string) string {
	s = bot.Escape(s)
	if p.plain {
		return s
	}
	return "*" + s + "*"
}

// code writes something to type.
func (p pen) code(s string) string {
	return "`" + bot.Escape(strings.ReplaceAll(s, "`", "'")) + "`"
}

// quote gives words of a server (or of a person) as they came, cut and escaped, on one line. Backticks and asterisks
// stay: inside quotation marks they do no harm beyond their looks, and the words stay the server's.
func (p pen) quote(s string) string {
	s = strings.Join(strings.Fields(strings.Map(printable, s)), " ")
	return "\"" + bot.Cut(bot.Escape(s), maxServerWords) + "\""
}

// printable drops control characters and the invisible ones that turn text around.
func printable(r rune) rune {
	switch {
	case r == '\n' || r == '\t' || r == '\r':
		return ' '
	case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
		return -1
	}
	return r
}

// sep parts a headline from its state.
func (p pen) sep() string {
	if p.plain {
		return ": "
	}
	return " · "
}

// at writes a point in time: in the reader's own zone where Slack can, in UTC where it can't.
func (p pen) at(t time.Time) string { return p.date(t, "{date_short_pretty} {time}") }

// clock writes the time of day alone where that is clear: for a time less than 12 hours from now.
func (p pen) clock(t time.Time) string {
	if p.now.Sub(t).Abs() < 12*time.Hour {
		return p.date(t, "{time}")
	}
	return p.at(t)
}

func (p pen) date(t time.Time, format string) string {
	t = t.UTC()
	if !p.plain {
		return fmt.Sprintf("<!date^%d^%s|%s>", t.Unix(), format, t.Format("2006-01-02 15:04 UTC"))
	}
	now := p.now.UTC()
	switch {
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04 UTC")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04 UTC")
	}
	return t.Format("2 Jan 2006 15:04 UTC")
}

// when is at with the preposition that plain words need and a Slack date ("today 02:14") does not.
func (p pen) when(t time.Time) string {
	if p.plain {
		return "at " + p.at(t)
	}
	return p.at(t)
}

// user mentions a person. In what only one person sees it notifies nobody.
func (p pen) user(id string) string { return "<@" + bot.Escape(id) + ">" }

// users mentions several.
func (p pen) users(ids []string) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = p.user(id)
	}
	return strings.Join(out, " ")
}

// link writes words that lead to url. Only https and http URLs become links; in plain words the URL stands behind.
func (p pen) link(url, words string) string {
	if url == "" || (!strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://")) {
		return words
	}
	if p.plain {
		return words + " (" + bot.Escape(url) + ")"
	}
	url = strings.NewReplacer("|", "%7C", ">", "%3E", "<", "%3C", " ", "%20").Replace(url)
	return "<" + bot.Escape(url) + "|" + words + ">"
}

// percent writes a progress.
func (p pen) percent(n int) string {
	if p.plain {
		return fmt.Sprintf("%d percent", n)
	}
	return p.glued(fmt.Sprintf("%d %%", n))
}

// noBreak is a space at which no line ends.
const noBreak = "\u00a0"

// glued keeps a number and its unit on one line. Plain words are for ears and for programs.
func (p pen) glued(s string) string {
	if p.plain {
		return s
	}
	return strings.ReplaceAll(s, " ", noBreak)
}

// span writes a length of time, as exactly as a person would say it.
func (p pen) span(d time.Duration) string { return p.glued(p.loose(d)) }

// loose is span with spaces like any other.
func (p pen) loose(d time.Duration) string {
	d = d.Abs()
	minutes := int(math.Round(d.Minutes()))
	hours := int(math.Round(d.Hours()))
	switch {
	case d < 90*time.Second:
		return p.unit(int(math.Round(d.Seconds())), "s", "second")
	case minutes < 60:
		return p.unit(minutes, "min", "minute")
	case minutes < 10*60 && minutes%60 != 0:
		return p.unit(minutes/60, "h", "hour") + " " + p.unit(minutes%60, "min", "minute")
	case hours < 48:
		return p.unit(hours, "h", "hour")
	}
	return p.unit(int(math.Round(d.Hours()/24)), "days", "day")
}

func (p pen) unit(n int, short, long string) string {
	switch {
	case !p.plain:
		return fmt.Sprintf("%d %s", n, short)
	case n == 1:
		return "1 " + long
	}
	return fmt.Sprintf("%d %ss", n, long)
}

// between writes a range of lengths: "40–55 min".
func (p pen) between(low, high time.Duration) string {
	from, to := p.loose(low), p.loose(high)
	if from == to {
		return "about " + p.glued(to)
	}
	number, unit, _ := strings.Cut(from, " ")
	if _, other, _ := strings.Cut(to, " "); other == unit && !strings.Contains(unit, " ") {
		from = number
	}
	if p.plain || strings.Contains(from, " ") || strings.Count(to, " ") > 1 {
		return p.glued(from) + " to " + p.glued(to)
	}
	return p.glued(from + "–" + to)
}

// bar draws a progress. It is left out in plain words, where the percentage says the same.
func (p pen) bar(percent int) string {
	if p.plain {
		return ""
	}
	return Bar(percent)
}

// Bar draws a progress, from 0 to 100 percent, in ten cells: rounded, and full at 100 only.
func Bar(percent int) string {
	const width = 10
	full := (percent + width/2) / width
	switch {
	case percent >= 100:
		full = width
	case full >= width:
		full = width - 1
	case full < 0:
		full = 0
	}
	return strings.Repeat("▰", full) + strings.Repeat("▱", width-full)
}

// kind names an import's type: "raw import".
func (p pen) kind(t bigfix.ImportType) string {
	switch t {
	case bigfix.TypeRaw:
		return "raw import"
	case bigfix.TypeComplete:
		return "complete import"
	case "":
		return "data import"
	}
	return "import of type " + p.quote(string(t))
}

// typeWord names a type alone: "raw".
func (p pen) typeWord(t bigfix.ImportType) string {
	switch t {
	case bigfix.TypeRaw:
		return "raw"
	case bigfix.TypeComplete:
		return "complete"
	}
	return p.quote(string(t))
}

// articled puts the article before a kind of import.
func articled(kind string) string {
	if strings.HasPrefix(kind, "import") {
		return "an " + kind
	}
	return "a " + kind
}

// product names an edition.
func product(e bigfix.Edition) string {
	if e == bigfix.ILMT {
		return "License Metric Tool"
	}
	return "BigFix Inventory"
}

// list writes "a, b and c".
func list(parts []string, and string) string {
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return parts[0]
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " " + and + " " + parts[len(parts)-1]
}

// dataImports points at the page of a server where people start, stop and look up imports.
func (p pen) dataImports(srv Server) string {
	return p.link(srv.ImportsPage, bot.Escape("Management > Data Imports"))
}
