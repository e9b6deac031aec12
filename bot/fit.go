package bot

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"
)

// fit returns m cut to Slack's limits. The caller's blocks stay as they are.
func fit(m Message) (Message, error) {
	if strings.TrimSpace(m.Text) == "" {
		return m, fmt.Errorf("%w: a message needs a text that says its whole state in words", ErrInvalid)
	}
	m.Text = Cut(m.Text, MaxText)
	fitted, err := fitBlocks(m.Blocks)
	m.Blocks = fitted[:min(len(fitted), MaxBlocks)]
	return m, err
}

// fitBlocks cuts each block, and leaves out those of which nothing remains.
func fitBlocks(blocks []slack.Block) ([]slack.Block, error) {
	out := make([]slack.Block, 0, len(blocks))
	c := cutter{tables: MaxTables}
	for i, block := range blocks {
		fitted, err := c.fit(block)
		if err != nil {
			return nil, fmt.Errorf("%w: block %d: %w", ErrInvalid, i+1, err)
		}
		if fitted != nil {
			out = append(out, fitted)
		}
	}
	return out, nil
}

// rawBlock is a block whose JSON was changed after the library made it.
type rawBlock struct {
	slack.Block
	raw json.RawMessage
}

func (b rawBlock) MarshalJSON() ([]byte, error) { return b.raw, nil }

// object is a piece of a block in its JSON form.
type object = map[string]any

// cutter cuts the blocks of one message, in place.
type cutter struct {
	changed bool // the block under way
	tables  int  // characters that its tables may still have
}

// fit cuts a block in its JSON form: there every kind of block, also one that
// the library learns later, is the same few names. It returns nil for one that has
// nothing left.
func (c *cutter) fit(block slack.Block) (slack.Block, error) {
	raw, err := json.Marshal(block)
	if err != nil {
		return nil, err
	}
	var tree object
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	c.changed = false
	if c.block(tree); !c.changed {
		return block, nil
	}
	if isBare(tree) {
		return nil, nil
	}
	if raw, err = json.Marshal(tree); err != nil {
		return nil, err
	}
	return rawBlock{block, raw}, nil
}

// isBare tells whether all that a block showed was left out.
func isBare(block object) bool {
	for _, name := range []string{"elements", "rows"} {
		if list, ok := block[name].([]any); ok && len(list) == 0 {
			return true
		}
	}
	return false
}

func (c *cutter) block(block object) {
	switch block["type"] {
	case "section":
		c.text(block["text"], "text", MaxSection)
		for _, field := range c.list(block, "fields", MaxFields) {
			c.text(field, "text", MaxField)
		}
		if accessory, ok := block["accessory"].(object); ok && c.element(accessory) {
			delete(block, "accessory")
		}
	case "header":
		c.text(block["text"], "text", MaxHeader)
	case "context":
		for _, element := range c.list(block, "elements", MaxElements) {
			c.text(element, "text", MaxContext)
		}
	case "markdown":
		c.text(block, "text", MaxMarkdown)
	case "actions":
		c.keep(block, "elements", func(element any) bool { return !c.element(element) })
		c.list(block, "elements", MaxActions)
	case "table":
		c.table(block)
	case "data_visualization":
		c.chart(block)
	}
}

// text cuts what stands under name.
func (c *cutter) text(in any, name string, most int) {
	fields, _ := in.(object)
	text, _ := fields[name].(string)
	if utf16Len(text) > most {
		fields[name] = Cut(text, most)
		c.changed = true
	}
}

// list cuts the list under name to so many members, and returns them.
func (c *cutter) list(in any, name string, most int) []any {
	fields, _ := in.(object)
	list, _ := fields[name].([]any)
	if len(list) > most {
		list = list[:most]
		fields[name] = list
		c.changed = true
	}
	return list
}

// keep leaves out of the list under name what is not to be kept.
func (c *cutter) keep(in any, name string, kept func(any) bool) {
	fields, _ := in.(object)
	list, _ := fields[name].([]any)
	left := slices.DeleteFunc(list, func(member any) bool { return !kept(member) })
	if len(left) < len(list) {
		fields[name] = left
		c.changed = true
	}
}

// element cuts the texts of a button or menu, and tells whether it has to be
// left out: half a value or address means something else.
func (c *cutter) element(element any) (leaveOut bool) {
	fields, _ := element.(object)
	for name, most := range map[string]int{"action_id": MaxActionID, "value": MaxValue, "url": MaxURL} {
		if text, _ := fields[name].(string); utf16Len(text) > most {
			c.changed = true
			return true
		}
	}
	c.text(fields["text"], "text", MaxButton)
	c.text(fields, "accessibility_label", MaxButton)
	confirm, _ := fields["confirm"].(object)
	c.text(confirm["title"], "text", MaxConfirmTitle)
	c.text(confirm["text"], "text", MaxConfirmText)
	c.text(confirm["confirm"], "text", MaxConfirmButton)
	c.text(confirm["deny"], "text", MaxConfirmButton)
	options, _ := fields["options"].([]any)
	for _, option := range options {
		entry, _ := option.(object)
		c.text(entry["text"], "text", MaxButton)
		c.text(entry["description"], "text", MaxButton)
	}
	return false
}

// table cuts cells, columns and rows; rows from the end, also where all tables
// of the message together are too long. Slack takes no empty cell.
func (c *cutter) table(block object) {
	rows := c.list(block, "rows", MaxTableRows)
	c.list(block, "column_settings", MaxTableColumns)
	for i, row := range rows {
		cells, _ := row.([]any)
		if len(cells) > MaxTableColumns {
			cells = cells[:MaxTableColumns]
			rows[i], c.changed = cells, true
		}
		length := 0
		for _, cell := range cells {
			length += c.cell(cell)
		}
		if length > c.tables {
			block["rows"], c.changed = rows[:i], true
			return
		}
		c.tables -= length
	}
}

// cell cuts a cell and returns how long it is.
func (c *cutter) cell(cell any) int {
	fields, _ := cell.(object)
	if fields["type"] == "raw_text" && fields["text"] == "" {
		fields["text"], c.changed = " ", true
	}
	c.text(fields, "text", MaxCell)
	return textIn(fields)
}

// textIn is the length of all texts within.
func textIn(node any) (length int) {
	switch node := node.(type) {
	case []any:
		for _, member := range node {
			length += textIn(member)
		}
	case object:
		if text, ok := node["text"].(string); ok {
			length = utf16Len(text)
		}
		length += textIn(node["elements"])
	}
	return length
}

// chart cuts names and numbers of series and points. Each series needs exactly
// one point for every category, and all names have to differ: also when cut.
func (c *cutter) chart(block object) {
	c.text(block, "title", MaxChartTitle)
	chart, _ := block["chart"].(object)
	axis, _ := chart["axis_config"].(object)
	c.text(axis, "x_label", MaxChartTitle)
	c.text(axis, "y_label", MaxChartTitle)
	c.labels(c.list(chart, "segments", MaxChartSeries), "label")
	series := c.list(chart, "series", MaxChartSeries)
	c.labels(series, "name")
	c.categories(axis, series)
}

// categories cuts a chart's categories, and its points with them.
func (c *cutter) categories(axis object, series []any) {
	all, _ := axis["categories"].([]any)
	had := len(all)
	categories := c.list(axis, "categories", MaxChartPoints)
	shorter := distinct(categories, MaxChartLabel)
	for i, category := range categories {
		name, _ := category.(string)
		if shorter[name] != name {
			categories[i], c.changed = shorter[name], true
		}
	}
	for _, one := range series {
		if had > len(categories) {
			c.keep(one, "data", func(point any) bool {
				fields, _ := point.(object)
				label, _ := fields["label"].(string)
				_, kept := shorter[label]
				return kept
			})
		}
		fields, _ := one.(object)
		points, _ := fields["data"].([]any)
		c.rename(points, "label", shorter)
	}
}

// labels cuts the names that members have, so that they still differ.
func (c *cutter) labels(members []any, name string) {
	names := make([]any, len(members))
	for i, member := range members {
		fields, _ := member.(object)
		names[i] = fields[name]
	}
	c.rename(members, name, distinct(names, MaxChartLabel))
}

func (c *cutter) rename(members []any, name string, to map[string]string) {
	for _, member := range members {
		fields, _ := member.(object)
		was, _ := fields[name].(string)
		if shorter := to[was]; shorter != "" && shorter != was {
			fields[name], c.changed = shorter, true
		}
	}
}

// distinct cuts names so that those that differ still do: by a number at the end.
func distinct(names []any, most int) map[string]string {
	cut, taken := map[string]string{}, map[string]bool{}
	for _, name := range names {
		if name, _ := name.(string); utf16Len(name) <= most {
			cut[name], taken[name] = name, true
		}
	}
	for _, name := range names {
		name, _ := name.(string)
		if _, done := cut[name]; done {
			continue
		}
		shorter := Cut(name, most)
		for n := 2; taken[shorter]; n++ {
			number := fmt.Sprintf(" %d", n)
			shorter = Cut(name, most-len(number)) + number
		}
		cut[name], taken[shorter] = shorter, true
	}
	return cut
}
