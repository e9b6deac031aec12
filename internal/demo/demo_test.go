package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"importbot/bigfix"
	"importbot/handlers"
	"importbot/imports"
	"importbot/internal/golden"
	"importbot/internal/slacksim"
	"importbot/internal/store"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC
	if len(os.Args) > 1 && os.Args[1] == standIn {
		os.Exit(standInForTheBot(os.Args[2]))
	}
	goleak.VerifyTestMain(m)
}

type names struct{}

func (names) UserName(id string) string    { return map[string]string{"U1": "ana", "B": "importbot"}[id] }
func (names) Plain(mrkdwn string) string   { return map[string]string{"<!subteam^S1>": "@dba"}[mrkdwn] }
func (names) ChannelName(id string) string { return map[string]string{"C1": "bigfix"}[id] }

var noon = time.Date(2026, 5, 20, 12, 0, 0, 0, time.UTC)

func testReader() reader { return reader{names{}, func() time.Time { return noon }} }

func TestMrkdwn(t *testing.T) {
	unix := func(days, hour int) int64 {
		return noon.AddDate(0, 0, days).Add(time.Duration(hour) * time.Hour).Unix()
	}
	for _, tc := range []struct{ in, want string }{
		{"plain", "plain"},
		{"*Raw import* on *prod*", "[Raw import] on [prod]"},
		{"2 * 3 * 4", "2 * 3 * 4"},
		{"a*b*c", "a*b*c"},
		{"_soft_ and snake_case_name", "soft and snake_case_name"},
		{"type `/import *raw*`", "type `/import *raw*`"},
		{"&lt;b&gt; &amp; co", "<b> & co"},
		{"&amp;lt;", "&lt;"},
		{"<@U1> in <#C1>", "[@ana] in #bigfix"},
		{"<!subteam^S1|@oncall> <!subteam^S1> <!channel> <!here|here>", "[@oncall] [@dba] [@channel] [@here]"},
		{"<https://h/x|*Data* Imports> <https://h/y>", "{[Data] Imports} {https://h/y}"},
		{fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|old>", unix(0, 1)), "today 13:00"},
		{fmt.Sprintf("<!date^%d^{date_pretty} at {time_secs}|old>", unix(-1, 0)), "yesterday at 12:00:00"},
		{fmt.Sprintf("<!date^%d^{date_short_pretty}^https://h|old>", unix(1, 0)), "tomorrow"},
		{fmt.Sprintf("<!date^%d^{date_num} {date_long} {date}|old>", unix(-9, 0)), "2026-05-11 Monday 11 May 2026 11 May 2026"},
		{"<!date^soon^{time}|at noon>", "at noon"},
		{"with \x1b[31m and \uE000 in it\u202e", "with [31m and  in it"},
		{"*two\nlines*", "*two\nlines*"},
	} {
		got := strings.NewReplacer(string(rune(boldOn)), "[", string(rune(boldOff)), "]", string(rune(linkOn)), "{", string(rune(linkOff)), "}",
			string(rune(codeOn)), "`", string(rune(codeOff)), "`").Replace(testReader().mrkdwn(tc.in))
		if got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.in, got, tc.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tc := range []struct {
		line  string
		width int
		want  []string
	}{
		{"one two three", 20, []string{"one two three"}},
		{"one two three", 9, []string{"one two", "three"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"abcdefghij kl", 4, []string{"abcd", "efgh", "ij", "kl"}},
		{styled(boldOn, "one") + " two", 7, []string{styled(boldOn, "one") + " two"}},
		{"▰▰▰▱ 30 %", 9, []string{"▰▰▰▱ 30 %"}},
		{"after 20\u00a0s", 9, []string{"after", "20\u00a0s"}},
		{"測試 x", 5, []string{"測試", "x"}},
		{"", 5, []string{""}},
	} {
		if got := wrap(tc.line, tc.width); strings.Join(got, "|") != strings.Join(tc.want, "|") {
			t.Errorf("%q in %d: got %q, want %q", tc.line, tc.width, got, tc.want)
		}
	}
}

func FuzzMrkdwn(f *testing.F) {
	f.Add("*a* <@U1> `c` _d_ <!date^1^{time}|x> &amp;", 10)
	f.Add("<<<>>>|*`*`_", 1)
	f.Fuzz(func(t *testing.T, text string, width int) {
		width = min(max(width, 2), 200)
		for _, line := range strings.Split(testReader().mrkdwn(text), "\n") {
			for _, row := range wrap(line, width) {
				if cells(row) > width {
					t.Errorf("%q is wider than %d", row, width)
				}
				if plain := paint(row, false); strings.ContainsAny(plain, "\x1b\r\a\b") {
					t.Errorf("%q has control characters in it", plain)
				}
			}
		}
	})
}

func TestComplete(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"", "/import status"},
		{"/im", "/import status"},
		{"/import r", "/import raw"},
		{"/import raw", "/import complete"},
		{"/import ca", "/import cancel"},
		{"exit", "/import status"},
		{"/import x", ""},
	} {
		if got, _, _ := complete(tc.line, len(tc.line), '\t'); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.line, got, tc.want)
		}
	}
	if _, _, ok := complete("/im", 3, 'p'); ok {
		t.Error("it completes without Tab")
	}
}

// Whatever stands in the bot's table of commands, Tab finds.
func TestCompleteKnowsEveryCommand(t *testing.T) {
	for _, word := range handlers.Commands() {
		if got, _, _ := complete("/import "+word[:len(word)-1], len(word)+7, '\t'); got != "/import "+word {
			t.Errorf("%s: got %q", word, got)
		}
	}
}

// The pasts hold enough for an estimate, and on lab that of a fast import is suspicious: the one that is to be so is fast enough, and the
// next one after it is not.
func TestThePastTellsWhatIsUsual(t *testing.T) {
	d := Demo{Pace: pace}
	s := &stage{Demo: d, servers: d.servers(noon), database: filepath.Join(t.TempDir(), "importbot.db")}
	if err := s.remember(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), s.database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // it was only read
	for _, srv := range s.servers {
		past, err := db.Recent(t.Context(), srv.name, 20)
		if err != nil {
			t.Fatal(err)
		}
		kinds := []bigfix.ImportType{bigfix.TypeRaw, bigfix.TypeComplete}
		if srv.edition == bigfix.ILMT {
			kinds = kinds[1:]
		}
		for _, kind := range kinds {
			usual := srv.usual(kind)
			u, ok := imports.UsualOf(past, kind)
			if !ok || u.Low < usual*9/10 || u.High > usual*115/100 {
				t.Errorf("%s, %s: got %+v, %t", srv.name, kind, u, ok)
			}
			if short := u.TooShort(); srv.name == lab && (srv.fast >= short || usual <= short) {
				t.Errorf("on lab less than %s is suspicious", short)
			}
		}
		watched, err := db.Watched(t.Context(), srv.name, noon.AddDate(0, 0, -30), noon)
		if err != nil || len(watched) != 1 || noon.Sub(watched[0].To) > imports.WatchedPause || noon.Sub(watched[0].From) < 6*24*time.Hour {
			t.Errorf("%s was watched %v, %v", srv.name, watched, err)
		}
	}
}

// conversation is what a card and its thread look like while an import runs.
func conversation() []slacksim.Event {
	section := func(texts ...string) json.RawMessage {
		var blocks []map[string]any
		for i, text := range texts {
			object := map[string]any{"type": "mrkdwn", "text": text}
			if i == 0 {
				blocks = append(blocks, map[string]any{"type": "section", "text": object})
			} else {
				blocks = append(blocks, map[string]any{"type": "context", "elements": []any{object}})
			}
		}
		blocks = append(blocks, map[string]any{"type": "actions", "elements": []any{
			map[string]any{"type": "button", "text": map[string]any{"type": "plain_text", "text": "Data Imports"}, "url": "https://bigfix:9081/management/imports"},
		}})
		raw, _ := json.Marshal(blocks) //nolint:errchkjson // it is made of strings
		return raw
	}
	card := func(state, bar string) slacksim.Message {
		return slacksim.Message{Channel: "C1", TS: "1", User: "B", Text: "plain",
			Blocks: section("*Raw import* on *prod* · "+state+"\n"+bar, "Asked for by <@U1>")}
	}
	answer := slacksim.Message{Channel: "C1", TS: "0", User: "B", For: "U1", Text: "Asking *prod* …"}
	link := answer
	link.Text = "Starting a raw import on *prod*. Follow it <https://sim.slack.com/x|here>."
	help := slacksim.Message{Channel: "C1", TS: "8", User: "B", For: "U1", Text: "A long answer to something else that was asked for in between, so long that it needs more than a line"}
	events := []slacksim.Event{
		{Kind: slacksim.CommandTyped, User: "U1", Text: "/import raw"},
		{Kind: slacksim.EphemeralShown, Message: answer},
		{Kind: slacksim.EphemeralEdited, Message: link},
		{Kind: slacksim.MessagePosted, Message: card("running, 0 %", "▱▱▱▱▱▱▱▱▱▱")},
		{Kind: slacksim.MessageEdited, Message: card("running, 5 %", "▰▱▱▱▱▱▱▱▱▱")},
		{Kind: slacksim.MessagePosted, Message: slacksim.Message{Channel: "C1", TS: "2", ThreadTS: "1", User: "B", Text: "It is running."}},
		{Kind: slacksim.MessageEdited, Message: card("running, 15 %", "▰▰▱▱▱▱▱▱▱▱")},
		{Kind: slacksim.MessageEdited, Message: card("running, 18 %", "▰▰▱▱▱▱▱▱▱▱")},
		{Kind: slacksim.EphemeralShown, Message: help},
		{Kind: slacksim.MessageEdited, Message: card("running, 28 %", "▰▰▰▱▱▱▱▱▱▱")},
		{Kind: slacksim.CommandFailed, User: "U1", Text: `/import raw failed with the error "operation_timeout"`},
		{Kind: slacksim.MessagePosted, Message: slacksim.Message{Channel: "C1", TS: "3", ThreadTS: "1", User: "B", Broadcast: true, Text: "Raw import on *prod* succeeded. <@U1>"}},
		{Kind: slacksim.MessageEdited, Message: card("succeeded", "")},
	}
	for i := range events {
		events[i].Seq = i + 1
	}
	return events
}

func TestScreen(t *testing.T) {
	for name, terminal := range map[string]bool{"pipe.txt": false, "terminal.txt": true} {
		var out bytes.Buffer
		size := func() int { return 70 }
		s := newScreen(&out, testReader(), "U1", terminal, size, size)
		s.mine(slacksim.CommandTyped, "U1")
		for _, e := range conversation() {
			s.show(e)
		}
		// Escapes are written so that they can be read, and rows that were drawn over stay in sight.
		golden.Check(t, name, strings.ReplaceAll(out.String(), "\x1b", "␛"))
	}
}

func TestTheNightlyStaysOutOfTheStory(t *testing.T) {
	for hour := range 24 {
		now := time.Date(2026, 5, 20, hour, 30, 0, 0, time.UTC)
		for _, srv := range (Demo{Pace: pace}).servers(now) {
			due := now.Truncate(24 * time.Hour).Add(srv.nightly(now))
			if due.Before(now) {
				due = due.AddDate(0, 0, 1)
			}
			if due.Sub(now) < 30*time.Minute {
				t.Errorf("at %s that of %s is due in %s", now.Format("15:04"), srv.name, due.Sub(now))
			}
			if !srv.last.ImportTime.Before(now) || now.Sub(srv.last.ImportTime) > 25*time.Hour {
				t.Errorf("at %s the last one of %s was at %s", now.Format("15:04"), srv.name, srv.last.ImportTime)
			}
		}
	}
}
