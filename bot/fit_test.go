package bot

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/slack-go/slack"

	"importbot/internal/slacksim"
)

// A server's name may be as long as it likes: it spoils lines, and Slack takes
// the message by every way there is.
func TestNoNameIsTooLong(t *testing.T) {
	for _, length := range []int{10, 30, 76, 101, 301, 4000} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := moved(t, echo, nil, slacksim.WithoutLimits()).checked()
				for _, blocks := range namesIn(strings.Repeat("ü", length)) {
					ts, channel := w.posts(Post{Channel: "C1", Message: Message{Text: "x", Blocks: blocks}})
					if err := w.bot.Update(w.ctx(), channel, ts, Message{Text: "x", Blocks: blocks}); err != nil {
						t.Errorf("update: %v", err)
					}
					if err := w.bot.PublishHome(w.ctx(), "U1", blocks); err != nil {
						t.Errorf("Home tab: %v", err)
					}
					w.bot.limits = newLimits(longAgo())
				}
			})
		})
	}
}

// namesIn are blocks that have a name wherever one can stand.
func namesIn(name string) [][]slack.Block {
	start := button("start_raw", `{"s":"prod"}`, "Start raw on "+name)
	start.Confirm = slack.NewConfirmationBlockObject(plainText("Start on "+name+"?"), plainText("It overlaps "+name), plainText("Start "+name), plainText("Leave "+name))
	start.AccessibilityLabel = "Start raw on " + name
	menu := slack.NewOptionsSelectBlockElement("static_select", plainText("which"), "menu",
		slack.NewOptionBlockObject("v", plainText(name), plainText(name)))
	rows := [][]string{{"server", "", "took"}}
	for range 120 {
		rows = append(rows, []string{name, "", "3 min"})
	}
	wide := make([]string, 25)
	for i := range wide {
		wide[i] = name
	}
	categories, series := make([]string, 22), make([]string, 8)
	for i := range categories {
		categories[i] = fmt.Sprint(name, " ", i)
	}
	for i := range series {
		series[i] = fmt.Sprint(name, " ", i)
	}
	pie := slack.NewDataVisualizationPieChart()
	for i := range 8 {
		pie.Segments = append(pie.Segments, slack.NewDataVisualizationSegment(fmt.Sprint(name, i), 1))
	}
	return [][]slack.Block{
		{slack.NewHeaderBlock(plainText(name)), slack.NewSectionBlock(plainText(name), nil, slack.NewAccessory(start)),
			slack.NewActionBlock("", start, button(name, "v", "x"), button("b", name, "x"), button("c", "", "x").WithURL("https://x/"+name)), slack.NewActionBlock("", menu)},
		{slack.NewActionBlock("", button("b", strings.Repeat(name, 600), "x")), slack.NewDividerBlock()},
		{table(rows...), table(wide), table(rows...)},
		{barChart(name, categories, series...), slack.NewDataVisualizationBlock(name, pie)},
	}
}

// fitted is a block as it is sent, and nil where it is not.
func fitted(t *testing.T, block slack.Block) map[string]any {
	t.Helper()
	m, err := fit(Message{Text: "x", Blocks: []slack.Block{block}})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Blocks) == 0 {
		return nil
	}
	raw, err := json.Marshal(m.Blocks[0])
	if err != nil {
		t.Fatal(err)
	}
	return into[map[string]any](t, string(raw))
}

// Half a value would mean something else.
func TestButtonsThatCanNotCarryTheirMeaningAreLeftOut(t *testing.T) {
	long := strings.Repeat("x", MaxURL+1)
	for name, tt := range map[string]struct {
		buttons []slack.BlockElement
		want    string
	}{
		"value":     {[]slack.BlockElement{button("a", long, "A"), button("b", "v", "B")}, "[b]"},
		"action_id": {[]slack.BlockElement{button("a", "v", "A"), button(long, "v", "B")}, "[a]"},
		"url":       {[]slack.BlockElement{button("a", "", "A").WithURL("https://x/" + long), button("b", "v", "B")}, "[b]"},
		"longest":   {[]slack.BlockElement{button(long[:MaxActionID], long[:MaxValue], "A").WithURL(long[:MaxURL])}, "[" + long[:MaxActionID] + "]"},
		"all":       {[]slack.BlockElement{button("a", long, "A")}, "[]"},
	} {
		var kept []any
		block := fitted(t, slack.NewActionBlock("", tt.buttons...))
		elements, _ := block["elements"].([]any)
		for _, element := range elements {
			kept = append(kept, element.(map[string]any)["action_id"])
		}
		if got := fmt.Sprint(kept); got != tt.want || (block == nil) != (len(kept) == 0) {
			t.Errorf("%s: %s is kept, want %s", name, got, tt.want)
		}
	}
	section := slack.NewSectionBlock(plainText("x"), nil, slack.NewAccessory(button("a", long, "A")))
	if got := fitted(t, section); got["accessory"] != nil || got["text"] == nil {
		t.Errorf("the section is %v", got)
	}
}

// All points keep their category and all names differ, also when cut.
func TestCutChartsStayWhole(t *testing.T) {
	got := fitted(t, barChart("Durations", []string{"mon", "production-server-eu-1", "production-server-eu-2"}, "succeeded on the primary server", "succeeded on the primary one"))
	chart := got["chart"].(map[string]any)
	categories := chart["axis_config"].(map[string]any)["categories"].([]any)
	if want := []any{"mon", "production-server-e…", "production-server… 2"}; !slices.Equal(categories, want) {
		t.Errorf("categories %q, want %q", categories, want)
	}
	var names []any
	for _, series := range chart["series"].([]any) {
		names = append(names, series.(map[string]any)["name"])
		for i, point := range series.(map[string]any)["data"].([]any) {
			fields := point.(map[string]any)
			if fields["label"] != categories[i] || fields["value"] != float64(i+1) {
				t.Errorf("point %d is %v", i, fields)
			}
		}
	}
	if want := []any{"succeeded on the pr…", "succeeded on the… 2"}; !slices.Equal(names, want) {
		t.Errorf("series %q, want %q", names, want)
	}
}

func TestTablesLoseRowsFromTheEnd(t *testing.T) {
	var rows [][]string
	for i := range 60 {
		rows = append(rows, []string{fmt.Sprint(i), strings.Repeat("x", 298)})
	}
	got := fitted(t, table(rows...))["rows"].([]any)
	if len(got) != 33 {
		t.Errorf("%d rows of 300 characters are kept, want 33", len(got))
	}
	if first := fmt.Sprint(got[0]); !strings.Contains(first, "text:0 ") {
		t.Errorf("the first row is %s", first)
	}
}

// Whatever a block looks like, cutting it does no harm, and what was cut once fits.
func FuzzFit(f *testing.F) {
	for _, blocks := range namesIn(strings.Repeat("ü", 21)) {
		for _, block := range blocks {
			raw, err := json.Marshal(block)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	f.Add([]byte(`{"type":"table","rows":[1,[null,{"type":"raw_text"}]],"column_settings":{}}`))
	f.Add([]byte(`{"type":"data_visualization","chart":{"series":[1,{"data":[[],{"label":2}]}],"axis_config":{"categories":[1,null,""]}}}`))
	f.Add([]byte(`{"type":"actions","elements":[null,{"confirm":[],"options":[1],"value":7}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var shape map[string]any
		if json.Unmarshal(raw, &shape) != nil {
			return
		}
		once, err := fitBlocks([]slack.Block{rawBlock{raw: raw}})
		if err != nil || len(once) == 0 {
			return
		}
		c := cutter{tables: MaxTables}
		if _, err := c.fit(once[0]); err != nil || c.changed {
			again, _ := json.Marshal(once[0])
			t.Errorf("%s was cut to %s, and still does not fit: %v", raw, again, err)
		}
	})
}
