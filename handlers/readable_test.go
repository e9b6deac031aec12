package handlers

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"importbot/bot"
)

// readable is a message as text: its top-level text, each block, its metadata.
func readable(m bot.Message) string {
	var b strings.Builder
	b.WriteString("text: " + strings.ReplaceAll(m.Text, "\n", "\n      ") + "\n")
	for _, block := range m.Blocks {
		b.WriteString(readableBlock(block))
	}
	if m.Metadata != nil {
		p := m.Metadata.Payload
		b.WriteString("  # " + m.Metadata.EventType)
		for _, key := range []string{"id", "server", "kind"} {
			if value, ok := p[key].(string); ok {
				b.WriteString(" " + value)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

func readableBlock(block slack.Block) string {
	switch block := block.(type) {
	case *slack.SectionBlock:
		out := "  | " + strings.ReplaceAll(block.Text.Text, "\n", "\n  | ") + "\n"
		if block.Accessory != nil {
			out += readableButton(block.Accessory.ButtonElement)
		}
		return out
	case *slack.HeaderBlock:
		return "  = " + block.Text.Text + "\n"
	case *slack.ContextBlock:
		var out string
		for _, e := range block.ContextElements.Elements {
			out += "  . " + e.(*slack.TextBlockObject).Text + "\n"
		}
		return out
	case *slack.DividerBlock:
		return "  ----\n"
	case *slack.ActionBlock:
		var out string
		for _, e := range block.Elements.ElementSet {
			out += readableButton(e.(*slack.ButtonBlockElement))
		}
		return out
	case *slack.DataVisualizationBlock:
		return readableChart(block)
	case *slack.TableBlock:
		return readableTable(block)
	}
	return fmt.Sprintf("  ? %T\n", block)
}

func readableButton(b *slack.ButtonBlockElement) string {
	out := "  [" + b.Text.Text + "] " + b.ActionID
	if b.URL != "" {
		out += " " + b.URL
	}
	if b.Style != "" {
		out += " " + string(b.Style)
	}
	if b.Value != "" {
		out += " " + b.Value
	}
	if c := b.Confirm; c != nil {
		out += "\n      asks: " + c.Title.Text + " / " + c.Text.Text + " [" + c.Confirm.Text + "] [" + c.Deny.Text + "]"
	}
	return out + "\n"
}

func readableChart(block *slack.DataVisualizationBlock) string {
	chart := block.Chart.(*slack.DataVisualizationBarChart)
	out := "  chart: " + block.Title + " (" + chart.AxisConfig.YLabel + " by " + chart.AxisConfig.XLabel + ")\n"
	for _, series := range chart.Series {
		out += "    " + series.Name + ":"
		for _, p := range series.Data {
			out += fmt.Sprintf(" %s = %g;", p.Label, p.Value)
		}
		out += "\n"
	}
	return out
}

func readableTable(block *slack.TableBlock) string {
	var out string
	for _, row := range block.Rows {
		var cells []string
		for _, cell := range row {
			cells = append(cells, readableCell(cell))
		}
		out += "  # " + strings.Join(cells, " | ") + "\n"
	}
	return out
}

func readableCell(cell slack.TableCell) string {
	switch cell := cell.(type) {
	case *slack.TableRawTextCell:
		return cell.Text
	case *slack.TableRichTextCell:
		switch e := cell.Elements[0].(*slack.RichTextSection).Elements[0].(type) {
		case *slack.RichTextSectionUserElement:
			return "@" + e.UserID
		case *slack.RichTextSectionDateElement:
			return *e.Fallback
		}
	}
	return fmt.Sprintf("? %T", cell)
}
