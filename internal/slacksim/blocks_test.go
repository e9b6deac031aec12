package slacksim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// many is n copies of a piece of JSON, with commas.
func many(n int, piece string) string {
	return strings.TrimSuffix(strings.Repeat(piece+",", n), ",")
}

func TestBlocks(t *testing.T) {
	const text = `{"type":"mrkdwn","text":"x"}`
	button := func(id, more string) string {
		return fmt.Sprintf(`{"type":"button","action_id":%q,"text":{"type":"plain_text","text":"Go"}%s}`, id, more)
	}
	bar := func(series string) string {
		return `[{"type":"data_visualization","title":"t","chart":{"type":"bar","axis_config":{"categories":["a","b"]},"series":[` + series + `]}}]`
	}
	pie := func(segments string) string {
		return `[{"type":"data_visualization","title":"t","chart":{"type":"pie","segments":[` + segments + `]}}]`
	}
	const slice = `{"type":"data_visualization","title":"t","chart":{"type":"pie","segments":[{"label":"a","value":1}]}}`
	const series = `{"name":"n","data":[{"label":"a","value":-1},{"label":"b","value":2}]}`

	for _, test := range []struct {
		name, blocks string
		want         []string
	}{
		{"section", `[{"type":"section","text":` + text + `}]`, nil},
		{"section with button", `[{"type":"section","text":` + text + `,"accessory":` + button("a", `,"style":"primary","value":"v"`) + `}]`, nil},
		{"header, context, divider", `[{"type":"header","text":{"type":"plain_text","text":"x","emoji":true}},{"type":"context","elements":[` + text + `]},{"type":"divider"}]`, nil},
		{"actions with a confirmation", `[{"type":"actions","elements":[` + button("a", `,"confirm":{"title":{"type":"plain_text","text":"t"},"text":`+text+`,"confirm":{"type":"plain_text","text":"y"},"deny":{"type":"plain_text","text":"n"}}`) + `]}]`, nil},
		{"markdown, image, table", `[{"type":"markdown","text":"x"},{"type":"image","alt_text":"a","image_url":"https://x"},{"type":"table","rows":[[{"type":"raw_text","text":"a"},{"type":"raw_number","value":1}]]}]`, nil},
		{"rich text", `[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"x"}]}]}]`, nil},
		{"bars", bar(series), nil},
		{"pie", pie(`{"label":"a","value":1}`), nil},

		{"no object", `["x"]`, []string{"must provide an object [json-pointer:/blocks/0]"}},
		{"no type", `[{}]`, []string{"missing required field: type [json-pointer:/blocks/0]"}},
		{"unknown", `[{"type":"plan"}]`, []string{"unsupported type: plan [json-pointer:/blocks/0/type]"}},
		{"unknown property", `[{"type":"divider","color":"red"}]`, []string{"invalid additional property: color [json-pointer:/blocks/0]"}},
		{"too many", "[" + many(51, `{"type":"divider"}`) + "]", []string{"no more than 50 items allowed [json-pointer:/blocks]"}},
		{"long section", `[{"type":"section","text":{"type":"mrkdwn","text":"` + strings.Repeat("é", 3001) + `"}}]`, []string{"must be less than 3001 characters [json-pointer:/blocks/0/text/text]"}},
		{"longest section", `[{"type":"section","text":{"type":"mrkdwn","text":"` + strings.Repeat("é", 3000) + `"}}]`, nil},
		{"empty section", `[{"type":"section","text":{"type":"mrkdwn","text":""}}]`, []string{"must be more than 0 characters [json-pointer:/blocks/0/text/text]"}},
		{"section of nothing", `[{"type":"section"}]`, []string{"missing required field: text [json-pointer:/blocks/0]"}},
		{"long header", `[{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("x", 151) + `"}}]`, []string{"must be less than 151 characters [json-pointer:/blocks/0/text/text]"}},
		{"header in mrkdwn", `[{"type":"header","text":` + text + `}]`, []string{`value mrkdwn is not one of ["plain_text"] [json-pointer:/blocks/0/text/type]`}},
		{"eleven fields", `[{"type":"section","fields":[` + many(11, text) + `]}]`, []string{"no more than 10 items allowed [json-pointer:/blocks/0/fields]"}},
		{"emoji in mrkdwn", `[{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}]`, []string{"invalid additional property: emoji [json-pointer:/blocks/0/text/emoji]"}},
		{"26 buttons", `[{"type":"actions","elements":[` + many(26, `{"type":"button","text":{"type":"plain_text","text":"Go"}}`) + `]}]`, []string{"no more than 25 items allowed [json-pointer:/blocks/0/elements]"}},
		{"the same action twice", `[{"type":"actions","elements":[` + button("a", "") + `,` + button("a", "") + `]}]`, []string{"`action_id` must be unique within a block: a [json-pointer:/blocks/0/elements/1/action_id]"}},
		{"the same block twice", `[{"type":"divider","block_id":"b"},{"type":"divider","block_id":"b"}]`, []string{"`block_id` must be unique: b [json-pointer:/blocks/1/block_id]"}},
		{"bad style", `[{"type":"actions","elements":[` + button("a", `,"style":"green"`) + `]}]`, []string{`value green is not one of ["primary" "danger"] [json-pointer:/blocks/0/elements/0/style]`}},
		{"three charts", "[" + many(3, slice) + "]", []string{"no more than 2 data_visualization blocks allowed [json-pointer:/blocks]"}},
		{"seven slices", pie(many(7, `{"label":"a","value":1}`)), []string{"no more than 6 items allowed [json-pointer:/blocks/0/chart/segments]"}},
		{"empty slice", pie(`{"label":"a","value":0}`), []string{"must be greater than 0 [json-pointer:/blocks/0/chart/segments/0/value]"}},
		{"no slice", pie(``), []string{"no fewer than 1 items allowed [json-pointer:/blocks/0/chart/segments]"}},
		{"series without a point", bar(`{"name":"n","data":[{"label":"a","value":1}]}`), []string{"must have exactly one point for every category [json-pointer:/blocks/0/chart/series/0/data]"}},
		{"series of the same name", bar(series + "," + series), []string{"must be unique [json-pointer:/blocks/0/chart/series/1/name]"}},
		{"tables too long", "[" + many(4, `{"type":"table","rows":[[{"type":"raw_text","text":"`+strings.Repeat("é", 2501)+`"}]]}`) + "]", []string{"no more than 10000 characters allowed in tables [json-pointer:/blocks]"}},
		{"longest tables", "[" + many(4, `{"type":"table","rows":[[{"type":"raw_text","text":"`+strings.Repeat("é", 2500)+`"}]]}`) + "]", nil},
		{"101 rows", `[{"type":"table","rows":[` + many(101, `[{"type":"raw_text","text":"a"}]`) + `]}]`, []string{"no more than 100 items allowed [json-pointer:/blocks/0/rows]"}},
		{"21 columns", `[{"type":"table","rows":[[` + many(21, `{"type":"raw_text","text":"a"}`) + `]]}]`, []string{"no more than 20 items allowed [json-pointer:/blocks/0/rows/0]"}},
		{"empty cell", `[{"type":"table","rows":[[{"type":"raw_text","text":""}]]}]`, []string{"must be more than 0 characters [json-pointer:/blocks/0/rows/0/0/text]"}},
		{"long confirmation", `[{"type":"actions","elements":[` + button("a", `,"confirm":{"title":{"type":"plain_text","text":"`+strings.Repeat("t", 101)+`"},"text":{"type":"plain_text","text":"`+strings.Repeat("x", 301)+`"},"confirm":{"type":"plain_text","text":"`+strings.Repeat("y", 31)+`"},"deny":{"type":"plain_text","text":"`+strings.Repeat("n", 31)+`"}}`) + `]}]`, []string{
			"must be less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/confirm/text]",
			"must be less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/deny/text]",
			"must be less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]",
			"must be less than 101 characters [json-pointer:/blocks/0/elements/0/confirm/title/text]",
		}},
		{"confirmation without a way out", `[{"type":"actions","elements":[` + button("a", `,"confirm":{"title":{"type":"plain_text","text":"t"},"text":`+text+`,"confirm":{"type":"plain_text","text":"y"}}`) + `]}]`, []string{"missing required field: deny [json-pointer:/blocks/0/elements/0/confirm]"}},
		{"unknown chart", `[{"type":"data_visualization","title":"t","chart":{"type":"donut"}}]`, []string{"unsupported type: donut [json-pointer:/blocks/0/chart/type]"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var blocks []any
			if err := json.Unmarshal([]byte(test.blocks), &blocks); err != nil {
				t.Fatalf("%v in %s", err, test.blocks)
			}
			if got := checkBlocks(blocks, inMessage); !slices.Equal(got, test.want) {
				t.Errorf("got\n%q\nwant\n%q", got, test.want)
			}
		})
	}
}

// Whatever comes, it is checked and shown without a panic.
func FuzzBlocks(f *testing.F) {
	f.Add(`[{"type":"section","text":{"type":"mrkdwn","text":"x"},"accessory":{"type":"button"}}]`, "<@U1> <!date^1^{date}|x>")
	f.Add(`[{"type":"data_visualization","title":1,"chart":{"type":"bar","series":[{"data":[{}]}]}}]`, "<!date^^>")
	f.Add(`[{"type":"actions","elements":[null,1,[]]},{"type":"table","rows":[1,[null]]}]`, "<!subteam^S1|x>")
	s := New()
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, raw, text string) {
		var blocks []any
		if json.Unmarshal([]byte(raw), &blocks) == nil {
			checkBlocks(blocks, inMessage)
			checkBlocks(blocks, inModal)
		}
		m := Message{Text: text, Blocks: json.RawMessage(raw)}
		s.Lines(m)
		m.Mentions()
		withIDs(m.Blocks)
	})
}
