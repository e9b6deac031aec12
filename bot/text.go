package bot

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackutilsx"
)

// Slack's limits, in characters unless said otherwise. Post, Update and
// Answer cut to them, so that a long server name spoils a line and never a message.
const (
	MaxText        = 4000   // top-level text; Slack takes 40,000 and shows 4,000 well
	MaxSection     = 3000   // text of a section
	MaxField       = 2000   // each of a section's fields
	MaxFields      = 10     // fields of a section
	MaxHeader      = 150    // a header
	MaxContext     = 2000   // each text of a context block
	MaxElements    = 10     // elements of a context block
	MaxActions     = 25     // elements of an actions block
	MaxButton      = 75     // a button's label
	MaxMarkdown    = 12000  // a markdown block
	MaxBlocks      = 50     // blocks of a message
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

// fit returns m cut to Slack's limits. The caller's blocks stay as they are.
func fit(m Message) (Message, error) {
	if strings.TrimSpace(m.Text) == "" {
		return m, fmt.Errorf("%w: a message needs a text that says its whole state in words", ErrInvalid)
	}
	m.Text = Cut(m.Text, MaxText)
	fitted, err := fitBlocks(m.Blocks[:min(len(m.Blocks), MaxBlocks)])
	m.Blocks = fitted
	return m, err
}

func fitBlocks(blocks []slack.Block) ([]slack.Block, error) {
	out := make([]slack.Block, len(blocks))
	for i, block := range blocks {
		fitted, err := fitBlock(block)
		if err != nil {
			return nil, fmt.Errorf("%w: block %d: %w", ErrInvalid, i+1, err)
		}
		out[i] = fitted
	}
	return out, nil
}

// rawBlock is a block whose JSON was changed after the library made it.
type rawBlock struct {
	slack.Block
	raw json.RawMessage
}

func (b rawBlock) MarshalJSON() ([]byte, error) { return b.raw, nil }

// fitBlock cuts a block in its JSON form: there every kind of block, also one
// that the library learns later, is the same few names.
func fitBlock(block slack.Block) (slack.Block, error) {
	raw, err := json.Marshal(block)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	if !cutBlock(tree) {
		return block, nil
	}
	if raw, err = json.Marshal(tree); err != nil {
		return nil, err
	}
	return rawBlock{block, raw}, nil
}

// cutBlock cuts in place and tells whether there was anything to cut.
func cutBlock(block map[string]any) bool {
	switch block["type"] {
	case "section":
		cut := cutIn(block["text"], "text", MaxSection)
		cut = cutList(block, "fields", MaxFields, MaxField) || cut
		return cutElement(block["accessory"]) || cut
	case "header":
		return cutIn(block["text"], "text", MaxHeader)
	case "context":
		return cutList(block, "elements", MaxElements, MaxContext)
	case "markdown":
		return cutIn(block, "text", MaxMarkdown)
	case "actions":
		return cutList(block, "elements", MaxActions, MaxButton)
	}
	return false
}

// cutList shortens the list under name to max members and the text of each.
func cutList(block map[string]any, name string, max, each int) bool {
	list, _ := block[name].([]any)
	cut := len(list) > max
	if cut {
		list = list[:max]
		block[name] = list
	}
	for _, member := range list {
		cut = cutIn(member, "text", each) || cut
		cut = cutElement(member) || cut
	}
	return cut
}

// cutElement cuts the label of an interactive element, which is a text object.
func cutElement(element any) bool {
	fields, _ := element.(map[string]any)
	return cutIn(fields["text"], "text", MaxButton)
}

func cutIn(object any, name string, max int) bool {
	fields, _ := object.(map[string]any)
	text, _ := fields[name].(string)
	if utf16Len(text) <= max {
		return false
	}
	fields[name] = Cut(text, max)
	return true
}
