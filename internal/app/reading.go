package app

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"importbot/bigfix"
	"importbot/internal/config"
	"importbot/internal/store"
)

// This file is what the commands share that read what the bot has recorded, beside a running one or without it.

// past is the database, opened to be read, and the servers that there are.
type past struct {
	*store.Reader
	servers []string // the configured ones in their order, then those that are not configured any more
	config  *config.Config
	redact  *redactor
}

// openPast opens the database of the configuration. It changes nothing there, and takes nothing from a bot that runs.
func (p Program) openPast(ctx context.Context) (*past, error) {
	cfg, err := config.Reading(p.source())
	if err != nil {
		return nil, err
	}
	for _, line := range cfg.Warnings {
		fmt.Fprintln(p.Stderr, "warning:", line)
	}
	red := newRedactor(cfg)
	reader, err := store.OpenReader(ctx, cfg.Database.Reveal(), store.Options{Version: Version()})
	if err != nil {
		return nil, misused("The database can't be read: %w", red.error(err))
	}
	recorded, err := reader.Servers(ctx)
	if err != nil {
		reader.Close() //nolint:errcheck // why it can't be read says more
		return nil, failed("%w", red.error(err))
	}
	return &past{Reader: reader, servers: merged(names(cfg.Servers), recorded), config: cfg, redact: red}, nil
}

// failed is an error of reading.
func (p *past) failed(err error) error { return failed("%w", p.redact.error(err)) }

// oneKind says whether every import of a server counts for its reports, as far as its edition is configured here.
func (p *past) oneKind(server string) bool {
	for _, s := range p.config.Servers {
		if s.Name == server {
			return s.Edition == bigfix.ILMT
		}
	}
	return false
}

func merged(first, more []string) []string {
	all := slices.Clone(first)
	for _, name := range more {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// choose returns the servers that are meant: the one that is named, or all.
func (p *past) choose(name string) ([]string, error) {
	if name == "" {
		return p.servers, nil
	}
	for _, s := range p.servers {
		if strings.EqualFold(s, name) {
			return []string{s}, nil
		}
	}
	if len(p.servers) == 0 {
		return nil, misused("There is no server %q. None is configured, and nothing is recorded yet.", name)
	}
	return nil, misused("There is no server %q. Known: %s.", name, strings.Join(p.servers, ", "))
}

// writeJSON writes a value for programs.
func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// writeCSV writes a table for spreadsheets, as RFC 4180 has it.
func writeCSV(w io.Writer, header []string, rows [][]string) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(header); err != nil {
		return err
	}
	for _, row := range rows {
		harmless := make([]string, len(row))
		for i, cell := range row {
			harmless[i] = inert(cell)
		}
		if err := out.Write(harmless); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// inert takes from a cell what a spreadsheet would run as a formula: an apostrophe before it makes it a text. Words of a server get here.
func inert(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// grid is rows of cells for people, in columns that are as wide as what stands in them.
type grid struct{ rows [][]string }

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// write indents each row.
func (g *grid) write(w io.Writer, indent string) {
	for _, line := range g.lines() {
		fmt.Fprintln(w, indent+line)
	}
}

// lines are the rows as they are shown. The last cell of a row is as long as it is.
func (g *grid) lines() []string {
	var widths []int
	for _, row := range g.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(cell))
		}
	}
	var lines []string
	for _, row := range g.rows {
		line := ""
		for i, cell := range row {
			line += cell
			if i < len(row)-1 {
				line += strings.Repeat(" ", widths[i]-width(cell)+2)
			}
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}

// or is lines, or what is said where there are none.
func (g *grid) or(nothing string) []string {
	if len(g.rows) == 0 {
		return []string{nothing}
	}
	return g.lines()
}

func width(s string) int { return len([]rune(s)) }
