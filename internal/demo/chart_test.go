package demo

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestChartsAndTables(t *testing.T) {
	for name, tc := range map[string]struct {
		blocks string
		want   []string
	}{
		"a series an outcome": {
			`[{"type":"data_visualization","title":"Minutes","chart":{"type":"bar","series":[
				{"name":"succeeded","data":[{"label":"18 May","value":40},{"label":"19 May","value":0}]},
				{"name":"failed","data":[{"label":"18 May","value":0},{"label":"19 May","value":12.5}]}]}}]`,
			[]string{"Minutes", "18 May  " + strings.Repeat("█", 32) + " 40 succeeded", "19 May  " + strings.Repeat("█", 10) + " 12.5 failed"},
		},
		"one series": {
			`[{"type":"data_visualization","title":"Minutes","chart":{"type":"line","series":[{"name":"all","data":[{"label":"a","value":1},{"label":"bb","value":320}]}]}}]`,
			[]string{"Minutes", "a   █ 1", "bb  " + strings.Repeat("█", 32) + " 320"},
		},
		"slices, none of them large": {
			`[{"type":"data_visualization","title":"Ends","chart":{"type":"pie","segments":[{"label":"a","value":0},{"label":"b","value":0}]}}]`,
			[]string{"Ends", "a", "b"},
		},
		"a table": {
			`[{"type":"table","rows":[
				[{"type":"raw_text","text":"Start"},{"type":"raw_text","text":"Who"},{"type":"raw_text","text":"Min"}],
				[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"date","timestamp":1779278400,"format":"{date_short_pretty} {time}","fallback":"x"}]}]},
				 {"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"user","user_id":"U1"},{"type":"text","text":" in\nSlack"}]}]},
				 {"type":"raw_number","value":42}]]}]`,
			[]string{"Start        Who            Min", "today 12:00  @ana in Slack  42"},
		},
		"what a terminal can't show": {`[{"type":"video"}]`, []string{"the text"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, line := range testReader().lines("the text", json.RawMessage(tc.blocks)) {
				got = append(got, paint(line, false))
			}
			if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}
