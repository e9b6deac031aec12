package slacksim

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

func TestPlain(t *testing.T) {
	at := time.Date(2026, 3, 5, 14, 30, 0, 0, time.UTC)
	s := workspace(t, WithClock(NewManualClock(at)), WithLocation(time.UTC))
	s.AddUserGroup("S1", "oncall", "U1")
	for mrkdwn, want := range map[string]string{
		"hi <@U1> and <@U9>":                                 "hi @ana and @U9",
		"<!subteam^S1> look":                                 "@oncall look",
		"in <#C1> or <#C9|far>":                              "in #imports or far",
		"<https://x.test|there>":                             "there",
		"<https://x.test>":                                   "https://x.test",
		"<!here>":                                            "@here",
		"a &lt;b&gt; &amp; c":                                "a <b> & c",
		"<!date^1772721000^{time}|x>":                        "14:30",
		"<!date^1772721000^{date_short_pretty} {time}|x>":    "today 14:30",
		"<!date^1772634600^{date_short_pretty}|x>":           "yesterday",
		"<!date^1772807400^{date_pretty}|x>":                 "tomorrow",
		"<!date^1770000000^{date_short_pretty} at {time}|x>": "Feb 2, 2026 at 02:40",
		"<!date^1772721000^{date_num}^https://x.test|x>":     "2026-03-05",
		"<!date^never^{time}|the fallback>":                  "the fallback",
	} {
		if got := s.Plain(mrkdwn); got != want {
			t.Errorf("%q is read as %q, want %q", mrkdwn, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	s := workspace(t)
	blocks := `[{"type":"header","text":{"type":"plain_text","text":"Title"}},
		{"type":"section","text":{"type":"mrkdwn","text":"*one*\ntwo <@U1>"},"fields":[{"type":"mrkdwn","text":"f"}],"accessory":{"type":"button","text":{"type":"plain_text","text":"Go"}}},
		{"type":"divider"},
		{"type":"context","elements":[{"type":"mrkdwn","text":"c1"},{"type":"image","alt_text":"pic","image_url":"https://x"}]},
		{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"A"}},{"type":"static_select","placeholder":{"type":"plain_text","text":"Pick"}}]},
		{"type":"table","rows":[[{"type":"raw_text","text":"a"},{"type":"raw_number","value":1.5}]]},
		{"type":"data_visualization","title":"Chart","chart":{"type":"bar","series":[{"name":"n","data":[{"label":"x","value":3}]}]}},
		{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"rich"}]}]}]`
	want := []string{
		"Title", "*one*", "two @ana", "f", "[Go]", "────────────────────────", "c1  [pic]", "[A]  [Pick ▾]", "a | 1.5", "Chart", "n: x 3", "rich",
	}
	if got := s.Lines(Message{Text: "short", Blocks: json.RawMessage(blocks)}); !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if got := s.Lines(Message{Text: "one\ntwo"}); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("got %q", got)
	}
}

func TestMentions(t *testing.T) {
	m := Message{Text: "<@U1> and <@U1>", Blocks: json.RawMessage(`[{"type":"section","text":{"type":"mrkdwn","text":"<!subteam^S1|@oncall>"}}]`)}
	if got := m.Mentions(); !slices.Equal(got, []string{"U1", "S1"}) {
		t.Errorf("got %q", got)
	}
}
