package slacksim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// surface is where blocks are to be shown.
type surface string

const (
	inMessage surface = "message"
	inModal   surface = "modal"
	inHome    surface = "home"
)

// checkBlocks says what Slack would refuse, in Slack's words and with Slack's
// JSON pointers; nothing when all is well.
func checkBlocks(blocks []any, where surface) []string {
	c := &checker{actions: map[string]bool{}, blockIDs: map[string]bool{}, where: where}
	most := 50
	if where != inMessage {
		most = 100
	}
	if len(blocks) > most {
		c.fault("/blocks", "no more than %d items allowed", most)
	}
	charts, cells := 0, 0
	for i, block := range blocks {
		c.block(fmt.Sprintf("/blocks/%d", i), block)
		fields, _ := block.(map[string]any)
		switch fields["type"] {
		case "data_visualization":
			charts++
		case "table":
			for _, text := range cellTexts(fields["rows"]) {
				cells += utf8.RuneCountInString(text)
			}
		}
	}
	if charts > maxCharts {
		c.fault("/blocks", "no more than %d data_visualization blocks allowed", maxCharts)
	}
	if cells > maxCells {
		c.fault("/blocks", "no more than %d characters allowed in tables", maxCells)
	}
	return c.faults
}

// What one message may have.
const (
	maxCharts = 2
	maxCells  = 10_000 // characters in the cells of all tables
)

// cellTexts returns every text in the rows of a table.
func cellTexts(node any) (out []string) {
	switch node := node.(type) {
	case []any:
		for _, item := range node {
			out = append(out, cellTexts(item)...)
		}
	case map[string]any:
		if text, ok := node["text"].(string); ok {
			out = append(out, text)
		}
		out = append(out, cellTexts(node["elements"])...)
	}
	return out
}

// checker walks blocks and collects faults.
type checker struct {
	where    surface
	faults   []string
	actions  map[string]bool // of the block under way
	blockIDs map[string]bool
}

func (c *checker) fault(pointer, format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...)+" [json-pointer:"+pointer+"]")
}

// rule checks one value.
type rule func(c *checker, pointer string, value any)

// shape is what an object may and must have. "type" and "block_id" or
// "action_id" are added by those who use it.
type shape struct {
	need  []string
	rules map[string]rule
	also  rule // about the object as a whole
}

func (c *checker) object(pointer string, value any, s shape) {
	fields, ok := value.(map[string]any)
	if !ok {
		c.fault(pointer, "must provide an object")
		return
	}
	for _, name := range s.need {
		if fields[name] == nil {
			c.fault(pointer, "missing required field: %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		check, known := s.rules[name]
		switch {
		case !known:
			c.fault(pointer, "invalid additional property: %s", name)
		case fields[name] != nil:
			check(c, pointer+"/"+name, fields[name])
		}
	}
	if s.also != nil {
		s.also(c, pointer, value)
	}
}

// text is a string of at least least and at most most characters.
func text(least, most int) rule {
	return func(c *checker, pointer string, value any) {
		s, ok := value.(string)
		n := utf8.RuneCountInString(s)
		switch {
		case !ok:
			c.fault(pointer, "must provide a string")
		case n < least:
			c.fault(pointer, "must be more than %d characters", least-1)
		case n > most:
			c.fault(pointer, "must be less than %d characters", most+1)
		}
	}
}

// list is a list of at least least and at most most items, each checked.
func list(least, most int, each rule) rule {
	return func(c *checker, pointer string, value any) {
		items, ok := value.([]any)
		if !ok {
			c.fault(pointer, "must provide an array")
			return
		}
		if len(items) < least {
			c.fault(pointer, "no fewer than %d items allowed", least)
		}
		if len(items) > most {
			c.fault(pointer, "no more than %d items allowed", most)
		}
		for i, item := range items {
			each(c, fmt.Sprintf("%s/%d", pointer, i), item)
		}
	}
}

// oneOf is one of these strings.
func oneOf(allowed ...string) rule {
	return func(c *checker, pointer string, value any) {
		if s, ok := value.(string); !ok || !slices.Contains(allowed, s) {
			c.fault(pointer, "value %v is not one of %q", value, allowed)
		}
	}
}

func anything(*checker, string, any) {}

func boolean(c *checker, pointer string, value any) {
	if _, ok := value.(bool); !ok {
		c.fault(pointer, "must provide a boolean")
	}
}

func number(c *checker, pointer string, value any) {
	if _, ok := value.(float64); !ok {
		c.fault(pointer, "must provide a number")
	}
}

// object is a rule for one shape.
func object(s shape) rule {
	return func(c *checker, pointer string, value any) { c.object(pointer, value, s) }
}

// textObject is {"type": one of kinds, "text": …} with so many characters.
func textObject(most int, kinds ...string) rule {
	return func(c *checker, pointer string, value any) {
		rules := map[string]rule{"type": oneOf(kinds...), "text": text(1, most), "emoji": boolean, "verbatim": boolean}
		if fields, ok := value.(map[string]any); ok && fields["type"] == "mrkdwn" {
			rules["emoji"] = func(c *checker, pointer string, _ any) {
				c.fault(pointer, "invalid additional property: emoji")
			}
		}
		c.object(pointer, value, shape{need: []string{"type", "text"}, rules: rules})
	}
}

func plain(most int) rule { return textObject(most, "plain_text") }

func anyText(most int) rule { return textObject(most, "plain_text", "mrkdwn") }

// typed dispatches on "type".
func (c *checker) typed(pointer string, value any, shapes map[string]shape) {
	fields, ok := value.(map[string]any)
	if !ok {
		c.fault(pointer, "must provide an object")
		return
	}
	kind, ok := fields["type"].(string)
	if !ok {
		c.fault(pointer, "missing required field: type")
		return
	}
	s, known := shapes[kind]
	if !known {
		c.fault(pointer+"/type", "unsupported type: %s", kind)
		return
	}
	c.object(pointer, value, s)
}

func (c *checker) block(pointer string, value any) {
	clear(c.actions)
	c.typed(pointer, value, blockShapes())
	fields, _ := value.(map[string]any)
	if id, ok := fields["block_id"].(string); ok {
		if c.blockIDs[id] {
			c.fault(pointer+"/block_id", "`block_id` must be unique: %s", id)
		}
		c.blockIDs[id] = true
	}
}

// block makes the shape of one kind of block.
func blockShape(need []string, rules map[string]rule) shape {
	rules["type"], rules["block_id"] = anything, text(0, 255)
	return shape{need: need, rules: rules}
}

// blockShapes are the blocks that chat.postMessage and views take. What is not
// here (alert, task_card, plan and what Slack may invent) is refused.
func blockShapes() map[string]shape {
	section := blockShape(nil, map[string]rule{
		"text": anyText(3000), "fields": list(1, 10, anyText(2000)), "accessory": element, "expand": boolean,
	})
	section.also = func(c *checker, pointer string, value any) {
		fields := value.(map[string]any)
		if fields["text"] == nil && fields["fields"] == nil {
			c.fault(pointer, "missing required field: text")
		}
	}
	return map[string]shape{
		"section": section,
		"header":  blockShape([]string{"text"}, map[string]rule{"text": plain(150), "level": number}),
		"divider": blockShape(nil, map[string]rule{}),
		"context": blockShape([]string{"elements"}, map[string]rule{"elements": list(1, 10, contextElement)}),
		"actions": blockShape([]string{"elements"}, map[string]rule{"elements": list(1, 25, element)}),
		"image": blockShape([]string{"alt_text"}, map[string]rule{
			"alt_text": text(1, 2000), "image_url": text(1, 3000), "slack_file": anything, "title": plain(2000),
		}),
		"input": blockShape([]string{"label", "element"}, map[string]rule{
			"label": plain(2000), "element": element, "hint": plain(2000), "optional": boolean, "dispatch_action": boolean,
		}),
		"markdown":           blockShape([]string{"text"}, map[string]rule{"text": text(1, 12000)}),
		"rich_text":          blockShape([]string{"elements"}, map[string]rule{"elements": list(1, 1000, richText)}),
		"table":              blockShape([]string{"rows"}, map[string]rule{"rows": list(1, 100, list(1, 20, tableCell)), "column_settings": list(1, 20, anything)}),
		"data_visualization": blockShape([]string{"title", "chart"}, map[string]rule{"title": text(1, 50), "chart": chart}),
		"video": blockShape([]string{"alt_text", "title", "thumbnail_url", "video_url"}, map[string]rule{
			"alt_text": text(1, 2000), "title": plain(200), "thumbnail_url": text(1, 3000), "video_url": text(1, 3000),
			"title_url": text(1, 3000), "author_name": text(0, 50), "description": plain(200), "provider_name": text(0, 50), "provider_icon_url": text(0, 3000),
		}),
	}
}

func contextElement(c *checker, pointer string, value any) {
	fields, _ := value.(map[string]any)
	if fields["type"] == "image" {
		element(c, pointer, value)
		return
	}
	anyText(3000)(c, pointer, value)
}

func tableCell(c *checker, pointer string, value any) {
	c.typed(pointer, value, map[string]shape{
		"raw_text":   {need: []string{"text"}, rules: map[string]rule{"type": anything, "text": text(1, 3000)}},
		"raw_number": {need: []string{"value"}, rules: map[string]rule{"type": anything, "value": number, "text": text(0, 3000)}},
		"rich_text":  {need: []string{"elements"}, rules: map[string]rule{"type": anything, "elements": list(1, 1000, richText), "block_id": anything}},
	})
}

func richText(c *checker, pointer string, value any) {
	section := shape{need: []string{"elements"}, rules: map[string]rule{
		"type": anything, "elements": list(0, 1000, anything), "style": anything, "indent": number, "offset": number, "border": number, "language": anything,
	}}
	c.typed(pointer, value, map[string]shape{
		"rich_text_section": section, "rich_text_list": section, "rich_text_quote": section, "rich_text_preformatted": section,
	})
}

// element is anything interactive, or an image.
func element(c *checker, pointer string, value any) {
	c.typed(pointer, value, elementShapes())
	fields, _ := value.(map[string]any)
	if id, ok := fields["action_id"].(string); ok && id != "" {
		if c.actions[id] {
			c.fault(pointer+"/action_id", "`action_id` must be unique within a block: %s", id)
		}
		c.actions[id] = true
	}
}

func elementShapes() map[string]shape {
	shapes := map[string]shape{
		"image": {need: []string{"alt_text"}, rules: map[string]rule{
			"type": anything, "alt_text": text(1, 2000), "image_url": text(1, 3000), "slack_file": anything,
		}},
		"button": interactive([]string{"text"}, map[string]rule{
			"text": plain(75), "url": text(1, 3000), "value": text(0, 2000), "style": oneOf("primary", "danger"), "accessibility_label": text(0, 75),
		}),
		"static_select": interactive(nil, map[string]rule{
			"options": list(1, 100, option), "option_groups": list(1, 100, optionGroup), "initial_option": option, "placeholder": plain(150),
		}),
		"multi_static_select": interactive(nil, map[string]rule{
			"options": list(1, 100, option), "option_groups": list(1, 100, optionGroup), "initial_options": list(1, 100, option),
			"placeholder": plain(150), "max_selected_items": number,
		}),
		"overflow":      interactive([]string{"options"}, map[string]rule{"options": list(1, 5, option)}),
		"checkboxes":    interactive([]string{"options"}, map[string]rule{"options": list(1, 10, option), "initial_options": list(1, 10, option)}),
		"radio_buttons": interactive([]string{"options"}, map[string]rule{"options": list(1, 10, option), "initial_option": option}),
		"plain_text_input": interactive(nil, map[string]rule{
			"initial_value": text(0, 3000), "multiline": boolean, "min_length": number, "max_length": number,
			"placeholder": plain(150), "dispatch_action_config": anything,
		}),
		"number_input": interactive([]string{"is_decimal_allowed"}, map[string]rule{
			"is_decimal_allowed": boolean, "initial_value": anything, "min_value": anything, "max_value": anything,
			"placeholder": plain(150), "dispatch_action_config": anything,
		}),
	}
	for _, kind := range []string{"external_select", "users_select", "conversations_select", "channels_select"} {
		shapes[kind] = interactive(nil, map[string]rule{
			"placeholder": plain(150), "initial_user": anything, "initial_conversation": anything, "initial_channel": anything, "initial_option": option,
			"min_query_length": number, "default_to_current_conversation": boolean, "response_url_enabled": boolean, "filter": anything,
		})
	}
	for _, kind := range []string{"datepicker", "timepicker", "datetimepicker", "email_text_input", "url_text_input"} {
		shapes[kind] = interactive(nil, map[string]rule{
			"initial_date": anything, "initial_time": anything, "initial_date_time": number, "initial_value": anything,
			"timezone": anything, "placeholder": plain(150), "dispatch_action_config": anything,
		})
	}
	return shapes
}

// interactive makes the shape of an element with an action_id.
func interactive(need []string, rules map[string]rule) shape {
	rules["type"], rules["action_id"], rules["focus_on_load"] = anything, text(0, 255), boolean
	rules["confirm"] = object(shape{need: []string{"title", "text", "confirm", "deny"}, rules: map[string]rule{
		"title": plain(100), "text": anyText(300), "confirm": plain(30), "deny": plain(30), "style": oneOf("primary", "danger"),
	}})
	return shape{need: need, rules: rules}
}

func option(c *checker, pointer string, value any) {
	c.object(pointer, value, shape{need: []string{"text", "value"}, rules: map[string]rule{
		"text": anyText(75), "value": text(1, 150), "description": anyText(75), "url": text(0, 3000),
	}})
}

func optionGroup(c *checker, pointer string, value any) {
	c.object(pointer, value, shape{need: []string{"label", "options"}, rules: map[string]rule{
		"label": plain(75), "options": list(1, 100, option),
	}})
}

// chart is what a data_visualization block draws.
func chart(c *checker, pointer string, value any) {
	series := shape{
		need: []string{"series", "axis_config"},
		rules: map[string]rule{
			"type": anything,
			"series": list(1, 6, object(shape{need: []string{"name", "data"}, rules: map[string]rule{
				"name": text(1, 20), "data": list(1, 20, point),
			}})),
			"axis_config": object(shape{need: []string{"categories"}, rules: map[string]rule{
				"categories": list(1, 20, text(1, 20)), "x_label": text(0, 50), "y_label": text(0, 50),
			}}),
		},
		also: checkSeries,
	}
	pie := shape{need: []string{"segments"}, rules: map[string]rule{"type": anything, "segments": list(1, 6, segment)}}
	c.typed(pointer, value, map[string]shape{"pie": pie, "bar": series, "line": series, "area": series})
}

func point(c *checker, pointer string, value any) {
	c.object(pointer, value, shape{need: []string{"label", "value"}, rules: map[string]rule{"label": text(1, 20), "value": number}})
}

func segment(c *checker, pointer string, value any) {
	point(c, pointer, value)
	fields, _ := value.(map[string]any)
	if n, ok := fields["value"].(float64); ok && n <= 0 {
		c.fault(pointer+"/value", "must be greater than 0")
	}
}

// checkSeries sees that series have different names and a point for every
// category, and none besides.
func checkSeries(c *checker, pointer string, value any) {
	var parsed struct {
		Series []struct {
			Name string
			Data []struct{ Label string }
		}
		Axis struct{ Categories []string } `json:"axis_config"`
	}
	raw, err := json.Marshal(value)
	if err != nil || json.Unmarshal(raw, &parsed) != nil {
		return // its types were refused before
	}
	want := slices.Sorted(slices.Values(parsed.Axis.Categories))
	if len(slices.Compact(slices.Clone(want))) != len(want) {
		c.fault(pointer+"/axis_config/categories", "must be unique")
	}
	names := map[string]bool{}
	for i, series := range parsed.Series {
		if names[series.Name] {
			c.fault(fmt.Sprintf("%s/series/%d/name", pointer, i), "must be unique")
		}
		names[series.Name] = true
		var got []string
		for _, p := range series.Data {
			got = append(got, p.Label)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			c.fault(fmt.Sprintf("%s/series/%d/data", pointer, i), "must have exactly one point for every category")
		}
	}
}

// withIDs gives blocks and elements the ids that Slack gives to those without.
func withIDs(blocks json.RawMessage) json.RawMessage {
	var parsed []map[string]any
	if len(blocks) == 0 || json.Unmarshal(blocks, &parsed) != nil {
		return blocks
	}
	for i, block := range parsed {
		if id, _ := block["block_id"].(string); id == "" {
			block["block_id"] = fmt.Sprintf("sim%02d", i)
		}
		elements, _ := block["elements"].([]any)
		for j, candidate := range append(elements, block["accessory"], block["element"]) {
			element, _ := candidate.(map[string]any)
			_, acts := elementShapes()[fmt.Sprint(element["type"])]
			if acts && element["type"] != "image" && element["action_id"] == nil {
				element["action_id"] = fmt.Sprintf("act%02d%02d", i, j)
			}
		}
	}
	out, err := json.Marshal(parsed)
	if err != nil {
		panic("slacksim: " + err.Error()) // it was JSON a moment ago
	}
	return out
}
