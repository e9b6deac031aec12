package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// timeLayout is RFC 3339 with always the same digits, so that lines sort as their times do.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// How much is kept of what people and servers wrote, in characters.
const (
	maxText = 1000 // of Text and Reason
	maxName = 200  // of all else
)

// MarshalJSON writes the entry as its line has it, without the line's end: always the same order, times in UTC to the millisecond, and
// no character in it that a terminal or a viewer of logs acts upon.
func (e Entry) MarshalJSON() ([]byte, error) {
	type fields Entry // without methods
	body := struct {
		At string `json:"at"`
		fields
	}{e.At.UTC().Format(timeLayout), fields(e)}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, fmt.Errorf("encoding an audit entry: %w", err)
	}
	return visible(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// visible escapes what json leaves as it is and people would not see: controls beyond ASCII's, line separators, and the marks that
// turn the direction of writing round. JSON has such characters within its strings only.
func visible(line []byte) []byte {
	if !bytes.ContainsFunc(line, unseen) {
		return line
	}
	var b bytes.Buffer
	for _, r := range string(line) {
		switch {
		case !unseen(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}

func unseen(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// kept is the entry as it is written everywhere: with a time, cut to length, and with each text run through redact.
func (e Entry) kept(at time.Time, replica string, redact func(string) string) Entry {
	if e.At.IsZero() {
		e.At = at
	}
	e.At = e.At.UTC().Truncate(time.Millisecond)
	if e.Replica == "" {
		e.Replica = replica
	}
	for _, text := range []*string{&e.Text, &e.Reason} {
		*text = cut(redact(*text), maxText)
	}
	for _, name := range []*string{&e.Kind, &e.UserID, &e.UserName, &e.TeamID, &e.ChannelID, &e.Command, &e.ActionID, &e.Server, &e.ImportID, &e.Result, &e.Replica} {
		*name = cut(redact(*name), maxName)
	}
	return e
}

// cut shortens a text to that many characters, the last of them an ellipsis then. Bytes that are no text, and zeros, which databases
// refuse, become the sign for what can't be shown.
func cut(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\ufffd")
	if len(text) <= most {
		return text
	}
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
