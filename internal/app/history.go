package app

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"importbot/bigfix"
	"importbot/handlers"
	"importbot/imports"
)

const (
	historyUsual = 20   // imports of each server, where nobody says how many
	historyMost  = 1000 // and at most
)

// history shows the last imports of each server, newest first.
func (p Program) history(ctx context.Context, args []string) error {
	set := p.flags("history")
	n := set.Int("n", historyUsual, "")
	asJSON := set.Bool("json", false, "")
	asCSV := set.Bool("csv", false, "")
	words, err := p.parse(set, args, 0, 1)
	switch {
	case err != nil:
		return err
	case *n < 1 || *n > historyMost:
		return misused("importbot history: -n %d: write a number from 1 to %d.", *n, historyMost)
	case *asJSON && *asCSV:
		return misused("importbot history: --json and --csv can't be had together.")
	}
	past, err := p.openPast(ctx)
	if err != nil {
		return err
	}
	defer past.Close() //nolint:errcheck // nothing was written
	servers, err := past.choose(append(words, "")[0])
	if err != nil {
		return err
	}
	found := make([][]imports.Import, len(servers))
	for i, server := range servers {
		if found[i], err = past.Recent(ctx, server, *n); err != nil {
			return past.failed(err)
		}
	}
	switch {
	case *asJSON:
		return writeJSON(p.Stdout, recordsOf(found))
	case *asCSV:
		return writeRecords(p.Stdout, recordsOf(found))
	}
	var text strings.Builder
	writeHistory(&text, servers, found, isTerminal(p.Stdout))
	_, err = io.WriteString(p.Stdout, text.String())
	return err
}

// record is one import in the form that --json and --csv print. Programs read it: names and meanings stay as they are, and what is not
// known is null.
type record struct {
	Server          string     `json:"server"`
	ID              string     `json:"id"`
	Type            *string    `json:"type"`         // raw_only, complete, or another word of the server's
	Origin          string     `json:"origin"`       // here, scheduled, elsewhere, late
	RequestedBy     *string    `json:"requested_by"` // a Slack user's ID
	BeganAt         *time.Time `json:"began_at"`
	EndedAt         *time.Time `json:"ended_at"`
	DurationSeconds *int64     `json:"duration_seconds"`
	State           string     `json:"state"`            // running, settling, ended
	Outcome         *string    `json:"outcome"`          // succeeded, failed, unclear, unknown, not_begun
	ServerStatus    *string    `json:"server_status"`    // the server's own word for the end
	Reason          *string    `json:"reason"`           // why it is unknown or has not begun
	Doubts          []string   `json:"doubts"`           // why it is unclear
	ProgressPercent *int       `json:"progress_percent"` // the last one reported
}

var recordHeader = []string{"server", "id", "type", "origin", "requested_by", "began_at", "ended_at", "duration_seconds", "state", "outcome",
	"server_status", "reason", "doubts", "progress_percent"}

func recordsOf(servers [][]imports.Import) []record {
	records := []record{} // none is [], not null
	for _, imps := range servers {
		for _, imp := range imps {
			records = append(records, newRecord(imp))
		}
	}
	return records
}

func newRecord(imp imports.Import) record {
	r := record{
		Server: imp.Server, ID: imp.ID, Type: some(string(imp.Type)), Origin: string(imp.Origin), RequestedBy: some(imp.RequestedBy),
		BeganAt: second(imp.BegunAt), EndedAt: second(imp.EndedAt), State: string(imp.State), Outcome: some(string(imp.Outcome)),
		Reason: some(string(imp.Reason.Kind)), Doubts: []string{}, ProgressPercent: imp.Progress,
	}
	if d, ok := imp.Duration(); ok {
		seconds := int64(d.Round(time.Second).Seconds())
		r.DurationSeconds = &seconds
	}
	if imp.End != nil {
		r.ServerStatus = some(string(imp.End.Status))
	}
	for _, d := range imp.Doubts {
		r.Doubts = append(r.Doubts, string(d.Kind))
	}
	return r
}

// some is a text that is known.
func some(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// second is a time that is known, in UTC and without what nobody can see.
func second(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

func writeRecords(w io.Writer, records []record) error {
	rows := make([][]string, len(records))
	for i, r := range records {
		rows[i] = []string{r.Server, r.ID, printable(cell(r.Type)), r.Origin, cell(r.RequestedBy), moment(r.BeganAt), moment(r.EndedAt), number(r.DurationSeconds),
			r.State, cell(r.Outcome), printable(cell(r.ServerStatus)), cell(r.Reason), strings.Join(r.Doubts, " "), number(r.ProgressPercent)}
	}
	return writeCSV(w, recordHeader, rows)
}

func cell(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}

func number[N int | int64](n *N) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(int64(*n), 10)
}

// writeHistory shows the imports of some servers to people, with bars that compare their durations where there is a terminal to draw on.
func writeHistory(w io.Writer, servers []string, found [][]imports.Import, bars bool) {
	if len(servers) == 0 {
		fmt.Fprintln(w, "Nothing is recorded yet.")
	}
	for i, server := range servers {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if len(found[i]) == 0 {
			fmt.Fprintf(w, "%s · no import is known yet\n", server)
			continue
		}
		fmt.Fprintf(w, "%s · the last %s, newest first\n", server, counted(len(found[i]), "import"))
		var longest time.Duration
		for _, imp := range found[i] {
			d, _ := imp.Duration()
			longest = max(longest, d)
		}
		var g grid
		for _, imp := range found[i] {
			d, known := imp.Duration()
			cells := []string{began(imp).Local().Format("2006-01-02 15:04"), shortType(imp.Type), by(imp), took(d, known)}
			if bars {
				cells = append(cells, durationBar(d, longest))
			}
			g.add(append(cells, ended(imp))...)
		}
		g.write(w, "  ")
	}
}

// counted is "1 import", "3 imports".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// began is when an import began, or what is known that comes nearest to it.
func began(imp imports.Import) time.Time {
	for _, t := range []time.Time{imp.BegunAt, imp.SendingAt, imp.AcceptedAt} {
		if !t.IsZero() {
			return t
		}
	}
	return imp.EndedAt
}

func shortType(t bigfix.ImportType) string {
	switch t {
	case "":
		return "unknown"
	case bigfix.TypeRaw:
		return "raw"
	}
	return printable(string(t))
}

// by says who set an import going.
func by(imp imports.Import) string {
	switch imp.Origin {
	case imports.Here:
		return "by " + imp.RequestedBy
	case imports.Late:
		return "begun late"
	}
	return string(imp.Origin)
}

func took(d time.Duration, known bool) string {
	if !known {
		return "–"
	}
	return about(d)
}

// durationBar compares a duration with the longest one.
func durationBar(d, longest time.Duration) string {
	if d <= 0 || longest <= 0 {
		return ""
	}
	return strings.TrimRight(handlers.Bar(int(100*d/longest)), "▱")
}

// ended says how an import ended, or that it has not.
func ended(imp imports.Import) string {
	switch imp.Outcome {
	case "":
		if imp.Progress != nil {
			return fmt.Sprintf("running, %d %%", *imp.Progress)
		}
		return "under way"
	case imports.Failed:
		return "failed" + serversWord(imp)
	case imports.Unclear:
		return "not clear"
	case imports.Unknown:
		return "not known"
	}
	return strings.ReplaceAll(string(imp.Outcome), "_", " ")
}

// serversWord is what the server says of a failed import, where that says more.
func serversWord(imp imports.Import) string {
	if imp.End == nil || imp.End.Status == "" || imp.End.Status == "failed" {
		return ""
	}
	word := []rune(printable(string(imp.End.Status)))
	if len(word) > longWord {
		word = append(word[:longWord-1], '…')
	}
	return fmt.Sprintf(" (%q)", string(word))
}

// longWord is how much of a server's word a row has room for.
const longWord = 40
