package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"importbot/bigfix"
	"importbot/handlers"
	"importbot/internal/config"
)

// askAtOnce bounds how many servers are asked at the same time.
const askAtOnce = 8

// report is one server's answer, or why there is none, in the form that --json prints.
type report struct {
	Server          string            `json:"server"`
	Edition         bigfix.Edition    `json:"edition"`
	Insecure        bool              `json:"insecure,omitempty"`
	Mode            bigfix.Mode       `json:"mode,omitempty"`
	Progress        *int              `json:"progress,omitempty"`
	CanRunImports   *bool             `json:"can_run_imports,omitempty"`
	LastStatus      bigfix.LastStatus `json:"last_status,omitempty"`
	LastImportType  bigfix.ImportType `json:"last_import_type,omitempty"`
	LastImportTime  *time.Time        `json:"last_import_time,omitempty"`
	LastSuccessTime *time.Time        `json:"last_success_time,omitempty"`
	NextImportType  bigfix.ImportType `json:"next_import_type,omitempty"`
	NextImportTime  *time.Time        `json:"next_import_time,omitempty"`
	ServerTime      *time.Time        `json:"server_time,omitempty"`
	Error           *reportError      `json:"error,omitempty"`

	config config.Server
	status bigfix.Status
	err    error
}

// reportError is why a server gave no status.
type reportError struct {
	Kind    string `json:"kind"`
	Reason  string `json:"reason"`
	HTTP    int    `json:"http,omitempty"`
	Message string `json:"message,omitempty"`
	Words   string `json:"words"` // for people
}

func (p Program) status(ctx context.Context, args []string) error {
	set := p.flags("status")
	asJSON := set.Bool("json", false, "")
	words, err := p.parse(set, args, 0, 1)
	if err != nil {
		return err
	}
	servers, err := p.servers(append(words, "")[0])
	if err != nil {
		return err
	}
	reports, err := ask(ctx, servers)
	if err != nil {
		return err
	}
	if *asJSON {
		encoder := json.NewEncoder(p.Stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(reports)
	} else {
		err = p.print(reports, time.Now())
	}
	if err != nil {
		return err
	}
	worst := exitWell
	for _, r := range reports {
		worst = max(worst, codeOf(r.err))
	}
	return silent(worst)
}

// servers reads the configuration of the command line: what it says of the servers, and nothing else.
func (p Program) servers(name string) ([]config.Server, error) {
	cfg, err := config.Servers(p.source())
	if err != nil {
		return nil, err
	}
	for _, line := range cfg.Warnings {
		fmt.Fprintln(p.Stderr, "warning:", line)
	}
	return choose(cfg.Servers, name)
}

// ask looks at all servers at once. Only a client that can't be made is an error; a server that does not answer is a report.
func ask(ctx context.Context, servers []config.Server) ([]report, error) {
	reports := make([]report, len(servers))
	group := errgroup.Group{}
	group.SetLimit(askAtOnce)
	for i, s := range servers {
		c, err := client(s, time.Time{})
		if err != nil {
			return nil, err
		}
		group.Go(func() error {
			defer c.Close()
			st, err := c.Status(ctx)
			reports[i] = newReport(s, st, err)
			return nil
		})
	}
	return reports, group.Wait()
}

func newReport(s config.Server, st bigfix.Status, err error) report {
	r := report{Server: s.Name, Edition: s.Edition, Insecure: s.Insecure, config: s, status: st, err: err}
	if err != nil {
		r.Error = &reportError{Kind: "unknown", Reason: err.Error(), Words: explain(s, err)}
		var e *bigfix.Error
		if errors.As(err, &e) {
			r.Error.Kind, r.Error.Reason, r.Error.HTTP, r.Error.Message = string(e.Kind), e.Reason(), e.Status, e.Message
		}
		return r
	}
	r.Mode, r.Progress, r.CanRunImports = st.Mode, st.Progress, st.CanRunImports
	r.LastStatus, r.LastImportType, r.NextImportType = st.LastStatus, st.LastImportType, st.NextImportType
	r.LastImportTime, r.LastSuccessTime, r.NextImportTime = known(st.LastImportTime), known(st.LastSuccessTime), known(st.NextImportTime)
	r.ServerTime = known(st.ServerTime())
	return r
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (p Program) print(reports []report, now time.Time) error {
	var text strings.Builder
	for i, r := range reports {
		if i > 0 {
			text.WriteByte('\n')
		}
		r.write(&text, now)
	}
	_, err := io.WriteString(p.Stdout, text.String())
	return err
}

// write shows one server to a person.
func (r report) write(w io.Writer, now time.Time) {
	if r.err != nil {
		fmt.Fprintf(w, "%s · no status · %s\n  %s\n", r.Server, product(r.Edition), printable(r.Error.Words))
		return
	}
	fmt.Fprintf(w, "%s · %s · %s\n", r.Server, modeWords(r.status), product(r.Edition))
	serverNow := r.status.ServerTime()
	if serverNow.IsZero() {
		serverNow = now
	}
	for _, line := range r.lines(serverNow, now) {
		fmt.Fprintf(w, "  %s\n", line)
	}
}

// lines are what is known besides the mode. Ages are by the server's own clock.
func (r report) lines(serverNow, now time.Time) []string {
	st := r.status
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if st.Progress != nil && st.Mode == bigfix.ModeRunning {
		add("%s  %d %%", handlers.Bar(*st.Progress), *st.Progress)
	}
	if !st.LastImportTime.IsZero() {
		add("Last import:  %s, %s, %s, %s ago", typeWords(st.LastImportType), lastWords(st.LastStatus), at(st.LastImportTime, now), about(serverNow.Sub(st.LastImportTime)))
	}
	if !st.LastSuccessTime.IsZero() {
		add("Last success: %s, %s ago", at(st.LastSuccessTime, now), about(serverNow.Sub(st.LastSuccessTime)))
	}
	if !st.NextImportTime.IsZero() {
		add("Next:         %s, %s, in %s", typeWords(st.NextImportType), at(st.NextImportTime, now), about(st.NextImportTime.Sub(serverNow)))
	}
	switch st.Mode {
	case bigfix.ModeNone:
		add("No import was ever started here.")
	case bigfix.ModePending:
		add("Changes made in the web pages are waiting for an import.")
	}
	if !st.MayRun() {
		add("The user of %s may not start imports here (permission Manage Imports).", r.config.TokenVariable)
	}
	if r.Insecure {
		add("Its certificate is not verified (%s).", r.config.InsecureVariable)
	}
	return lines
}

func modeWords(st bigfix.Status) string {
	switch st.Mode {
	case bigfix.ModeNone:
		return "idle"
	case bigfix.ModePending:
		return "idle, changes pending"
	case bigfix.ModeIdle, bigfix.ModeRunning:
		return string(st.Mode)
	}
	return fmt.Sprintf("in a mode that I don't know, %q", printable(string(st.Mode)))
}

func lastWords(s bigfix.LastStatus) string {
	switch {
	case s.Successful():
		return "succeeded"
	case s == "":
		return "ended in a way that the server does not say"
	}
	return fmt.Sprintf("the server says %q", printable(string(s)))
}
