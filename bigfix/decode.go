package bigfix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxWord bounds every text that is taken from an answer, in runes. The
// longest documented one is a relative URL of some twenty.
const maxWord = 256

// maxText bounds what is read into a text at all, in bytes: what is longer is
// no word, and too much to search for secrets.
const maxText = 16 << 10

// ParseStatus reads the JSON body of an answer. It is lenient where servers
// differ: a number may come as a string, any field but mode may be null or
// missing, dates come in several spellings, unknown fields are passed over. A
// value it can't read counts as absent and is named in [Status.Unread]. It is
// strict where programs decide: the body is one JSON object and nothing else,
// with exactly one mode, a non-empty string.
//
// An answer that was cut short is therefore always an error.
func ParseStatus(body []byte) (Status, error) {
	return parseStatus(body, func(word string) string { return word })
}

// parseStatus passes each text through clean before it is cut to length,
// because half a secret would no longer be recognised.
func parseStatus(body []byte, clean func(string) string) (Status, error) {
	f, err := readFields(body)
	if err != nil {
		return Status{}, err
	}
	f.clean = clean
	mode, err := f.mode()
	if err != nil {
		return Status{}, err
	}
	s := Status{
		Mode:            mode,
		CanRunImports:   f.boolean("can_run_imports"),
		Progress:        f.percent("progress"),
		LastStatus:      LastStatus(f.word("last_status")),
		LastSuccessTime: f.time("last_success_time"),
		LastImportTime:  f.time("last_import_time"),
		LastImportType:  ImportType(f.word("last_import_type")),
		NextImportTime:  f.time("next_import_time"),
		NextImportIn:    f.seconds("next_import_time_in"),
		NextImportType:  ImportType(f.word("next_import_type")),
		ImportStatusURL: f.word("import_status_url"),
		ImportCreateURL: f.word("import_create_url"),
	}
	s.Unread = f.unread
	return s, nil
}

// fields are the members of an answer, each still as it was written.
type fields struct {
	raw    map[string]json.RawMessage
	clean  func(string) string
	unread []string
}

// readFields splits the object by hand, because decoding into a map or a
// struct silently takes the last of two equal names, and two different modes
// in one answer must not be read as either.
func readFields(body []byte) (*fields, error) {
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil {
		return nil, fmt.Errorf("answer is not JSON: %w", cutShort(err))
	} else if t != json.Delim('{') {
		return nil, errors.New("answer is not a JSON object")
	}
	f := &fields{raw: make(map[string]json.RawMessage)}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("answer is not JSON: %w", cutShort(err))
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("answer is not JSON: %w", cutShort(err))
		}
		if _, twice := f.raw[name.(string)]; twice && name == "mode" {
			return nil, errors.New("answer gives mode twice")
		}
		f.raw[name.(string)] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("answer is not JSON: %w", cutShort(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("answer goes on after the JSON object")
	}
	return f, nil
}

// cutShort gives every way in which a body can end too early one error.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (f *fields) mode() (Mode, error) {
	raw, ok := f.raw["mode"]
	if !ok {
		return "", errors.New("answer has no mode")
	}
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", errors.New("answer has a mode that is not a string")
	}
	if strings.TrimSpace(s) == "" {
		return "", errors.New("answer has an empty mode")
	}
	if len(s) > maxText {
		return "", errors.New("answer has a mode of more than 16 KiB")
	}
	return Mode(bound(f.clean(s))), nil
}

// text returns a member's value without JSON's quotes; ok is false when it is
// missing, null or empty. Objects and lists count as unreadable.
func (f *fields) text(name string) (text string, ok bool) {
	raw := f.raw[name]
	if len(raw) == 0 || string(raw) == "null" {
		return "", false
	}
	switch raw[0] {
	case '{', '[':
		f.unreadable(name)
		return "", false
	case '"':
		if err := json.Unmarshal(raw, &text); err != nil {
			f.unreadable(name)
			return "", false
		}
	default:
		text = string(raw)
	}
	text = strings.TrimSpace(text)
	return text, text != ""
}

func (f *fields) unreadable(name string) { f.unread = append(f.unread, name) }

func (f *fields) word(name string) string {
	text, _ := f.text(name)
	if len(text) > maxText {
		f.unreadable(name)
		return ""
	}
	return bound(f.clean(text))
}

func (f *fields) boolean(name string) *bool {
	text, ok := f.text(name)
	if !ok {
		return nil
	}
	switch strings.ToLower(text) {
	case "true", "1", "yes":
		return new(true)
	case "false", "0", "no":
		return new(false)
	}
	f.unreadable(name)
	return nil
}

// percent drops values outside 0 to 100 instead of clamping them: a server
// that says 4711 % has told nothing about progress.
func (f *fields) percent(name string) *int {
	text, ok := f.text(name)
	if !ok {
		return nil
	}
	n, ok := number(strings.TrimSpace(strings.TrimSuffix(text, "%")))
	if !ok || n < 0 || n > 100 {
		f.unreadable(name)
		return nil
	}
	return new(int(n))
}

func (f *fields) seconds(name string) *time.Duration {
	text, ok := f.text(name)
	if !ok {
		return nil
	}
	n, ok := number(text)
	if !ok || math.Abs(n) > (100*365*24*time.Hour).Seconds() {
		f.unreadable(name)
		return nil
	}
	return new(time.Duration(n) * time.Second)
}

// number reads a decimal number and drops its fraction.
func number(text string) (float64, bool) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, false
	}
	return math.Trunc(n), true
}

// layouts are the spellings of a time that are taken, the documented RFC 3339
// first. One without a zone is UTC, as the documentation says all of them are.
var layouts = [...]string{
	time.RFC3339,
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05 Z0700",
	"2006-01-02 15:04:05 MST",
	"2006-01-02 15:04:05",
}

func (f *fields) time(name string) time.Time {
	text, ok := f.text(name)
	if !ok {
		return time.Time{}
	}
	if t, ok := parseTime(text); ok {
		return t
	}
	f.unreadable(name)
	return time.Time{}
}

func parseTime(text string) (time.Time, bool) {
	for _, layout := range layouts {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		// An abbreviation other than UTC is parsed with an offset of nothing,
		// which would be wrong by hours and look right.
		if zone, _ := t.Zone(); strings.HasSuffix(layout, "MST") && zone != "UTC" && zone != "GMT" {
			return time.Time{}, false
		}
		t = t.UTC()
		return t, t.Year() >= 1970 && t.Year() <= 9999
	}
	return time.Time{}, false
}

// bound cuts a text from a server to maxWord runes. Bytes that are no UTF-8, and
// zeros, which JSON can write and databases refuse, become the sign for what
// can't be shown.
func bound(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) <= maxWord || utf8.RuneCountInString(s) <= maxWord {
		return s
	}
	return string([]rune(s)[:maxWord-1]) + "…"
}
