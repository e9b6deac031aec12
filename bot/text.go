package bot

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/slack-go/slack/slackutilsx"
)

// Slack's limits, in characters unless said otherwise. Whatever is sent is cut
// to them, so that a long server name spoils a line and never a message. What can't
// be cut without meaning something else is left out: a button whose value, action_id or
// address is too long.
const (
	MaxText     = 4000  // top-level text; Slack takes 40,000 and shows 4,000 well
	MaxSection  = 3000  // text of a section
	MaxField    = 2000  // each of a section's fields
	MaxFields   = 10    // fields of a section
	MaxHeader   = 150   // a header
	MaxContext  = 2000  // each text of a context block
	MaxElements = 10    // elements of a context block
	MaxActions  = 25    // elements of an actions block
	MaxMarkdown = 12000 // a markdown block
	MaxBlocks   = 50    // blocks of a message

	MaxButton        = 75   // a button's label, and an option's
	MaxActionID      = 255  // an action_id
	MaxValue         = 2000 // a button's value
	MaxURL           = 3000 // a button's address
	MaxConfirmTitle  = 100  // a confirm dialog
	MaxConfirmText   = 300
	MaxConfirmButton = 30 // either of its buttons

	MaxTableRows    = 100
	MaxTableColumns = 20
	MaxTables       = 10_000 // the cells of all tables of a message together
	MaxCell         = 1000   // one cell; Slack names no limit

	MaxChartTitle  = 50 // and the names of its axes
	MaxChartLabel  = 20 // a series, a category, a segment
	MaxChartSeries = 6  // series, or a pie's segments
	MaxChartPoints = 20 // categories

	MaxAck         = 20_000 // bytes of an ack; Slack drops longer ones without a word
	ackOverhead    = 256    // bytes of an ack around its payload, generously
	maxResponseURL = 5      // uses of a response_url
)

// Escape makes a text that came from elsewhere safe to stand in a message:
// without it <!channel> in a server's error message pages everybody.
func Escape(s string) string { return slackutilsx.EscapeMessage(s) }

// Cut shortens s to at most max characters and ends it with "…" where it was
// longer. It cuts neither through a rune nor through what Slack reads as one
// thing: an entity (&amp;), a mention, link or date (<…>). Characters are
// counted as UTF-16 does, so that an emoji is two: Slack does not say how it
// counts, and this way is never too long.
func Cut(s string, max int) string {
	if utf16Len(s) <= max {
		return s
	}
	room, end := max-1, 0
	for end < len(s) {
		size := atom(s[end:])
		room -= utf16Len(s[end : end+size])
		if room < 0 {
			break
		}
		end += size
	}
	if max < 1 {
		return ""
	}
	return strings.TrimRight(s[:end], " \n") + "…"
}

// atom is the length in bytes of the first indivisible piece of s.
func atom(s string) int {
	switch s[0] {
	case '&':
		for _, entity := range []string{"&amp;", "&lt;", "&gt;"} {
			if strings.HasPrefix(s, entity) {
				return len(entity)
			}
		}
	case '<':
		if end := strings.IndexAny(s[1:], "<>\n"); end >= 0 && s[1+end] == '>' {
			return end + 2
		}
	}
	_, size := utf8.DecodeRuneInString(s)
	return size
}

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}
