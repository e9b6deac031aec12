package bot

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

func TestCut(t *testing.T) {
	for name, tt := range map[string]struct {
		in   string
		max  int
		want string
	}{
		"short stays":           {"prod", 4, "prod"},
		"long ends in dots":     {"production", 5, "prod…"},
		"runes stay whole":      {"äöüßé", 4, "äöü…"},
		"an emoji counts twice": {"ab🙂cd", 4, "ab…"},
		"entities stay whole":   {"a &amp; b", 5, "a…"},
		"a bare & is a rune":    {"a & b & c", 5, "a &…"},
		"mentions stay whole":   {"ask <@U12345> now", 8, "ask…"},
		"dates stay whole":      {"<!date^1|x> and more", 12, "<!date^1|x>…"},
		"a bare < is a rune":    {"a < b and more", 5, "a <…"},
		"< across lines":        {"a <b\nc> and more", 5, "a <b…"},
		"no room":               {"abc", 0, ""},
		"room for dots":         {"abc", 1, "…"},
		"invalid UTF-8":         {"\xff\xfe\xfd\xfc", 2, "\xff…"},
	} {
		if got := Cut(tt.in, tt.max); got != tt.want {
			t.Errorf("%s: Cut(%q, %d) = %q, want %q", name, tt.in, tt.max, got, tt.want)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add("a &amp; <@U1> 🙂", 5)
	f.Fuzz(func(t *testing.T, s string, max int) {
		got := Cut(s, max)
		if n := utf16Len(got); n > max && n > utf16Len(s) || max > 0 && n > max {
			t.Errorf("Cut(%q, %d) = %q, %d long", s, max, got, n)
		}
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("Cut(%q, %d) = %q is no UTF-8", s, max, got)
		}
		if escaped := Cut(Escape(s), max); strings.Contains(escaped, "<") {
			t.Errorf("Cut(Escape(%q), %d) = %q is not escaped any more", s, max, escaped)
		}
	})
}

func TestFitCutsToSlacksLimits(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	mrkdwn := func() *slack.TextBlockObject { return slack.NewTextBlockObject("mrkdwn", long, false, false) }
	plain := func() *slack.TextBlockObject { return slack.NewTextBlockObject("plain_text", long, false, false) }
	var fields []*slack.TextBlockObject
	var elements []slack.MixedElement
	var buttons []slack.BlockElement
	for range 30 {
		fields = append(fields, mrkdwn())
		elements = append(elements, mrkdwn())
		buttons = append(buttons, slack.NewButtonBlockElement("a", "v", plain()))
	}
	section := slack.NewSectionBlock(mrkdwn(), fields, slack.NewAccessory(slack.NewButtonBlockElement("a", "v", plain())))
	in := Message{Text: long, Blocks: []slack.Block{
		slack.NewHeaderBlock(plain()), section, slack.NewContextBlock("", elements...),
		slack.NewActionBlock("", buttons...), slack.NewDividerBlock(),
	}}
	for range 60 {
		in.Blocks = append(in.Blocks, slack.NewDividerBlock())
	}

	got, err := fit(in)
	if err != nil {
		t.Fatal(err)
	}
	if n := utf16Len(got.Text); n != MaxText {
		t.Errorf("text is %d long, want %d", n, MaxText)
	}
	if len(got.Blocks) != MaxBlocks {
		t.Errorf("%d blocks, want %d", len(got.Blocks), MaxBlocks)
	}
	if section.Text.Text != long {
		t.Error("the caller's block was changed")
	}
	raw, err := json.Marshal(got.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []struct {
		Text      struct{ Text string }
		Fields    []struct{ Text string }
		Accessory struct{ Text struct{ Text string } }
		Elements  []struct{ Text any }
	}
	if err := json.Unmarshal(raw, &blocks); err != nil {
		t.Fatal(err)
	}
	for _, check := range []struct {
		what      string
		got, want int
	}{
		{"header", utf16Len(blocks[0].Text.Text), MaxHeader},
		{"section", utf16Len(blocks[1].Text.Text), MaxSection},
		{"fields", len(blocks[1].Fields), MaxFields},
		{"field", utf16Len(blocks[1].Fields[9].Text), MaxField},
		{"accessory", utf16Len(blocks[1].Accessory.Text.Text), MaxButton},
		{"context", len(blocks[2].Elements), MaxElements},
		{"context text", utf16Len(blocks[2].Elements[0].Text.(string)), MaxContext},
		{"actions", len(blocks[3].Elements), MaxActions},
	} {
		if check.got != check.want {
			t.Errorf("%s: %d, want %d", check.what, check.got, check.want)
		}
	}
}

func TestFitRefusesAMessageWithoutWords(t *testing.T) {
	_, err := fit(Message{Text: " ", Blocks: []slack.Block{slack.NewDividerBlock()}})
	if !errors.Is(err, ErrInvalid) || MaybeTaken(err) {
		t.Errorf("got %v, want ErrInvalid, surely not taken", err)
	}
}

func TestEscapedTextPagesNobody(t *testing.T) {
	if got := Escape("<!channel> & co"); got != "&lt;!channel&gt; &amp; co" {
		t.Errorf("got %q", got)
	}
}
