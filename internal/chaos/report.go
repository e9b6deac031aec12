//go:build unix

package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"importbot/imports"
	"importbot/internal/slacksim"
)

// tell prints a world: a line, and all of it where something was found.
func (r result) tell(out io.Writer, verbose bool) {
	if len(r.found) > 0 {
		fmt.Fprintf(out, "\nBROKEN: %d finding(s) in the world of seed %d on %s\n%s\nLogs: %s\nAgain: go run ./internal/chaos -seed %d -worlds 1 -db %s -v%s\n\n",
			len(r.found), r.plan.Seed, r.plan.Database, r.story(), r.dir, r.plan.Seed, r.plan.Database, r.only())
		return
	}
	if verbose {
		fmt.Fprintf(out, "\n%s%s\n", r.plan, r.what())
	}
	fmt.Fprintf(out, "%s seed %d: %s, %.1f s\n", r.plan.Database, r.plan.Seed, strings.Join(r.plan.Faults, ", "), r.took.Seconds())
}

// only is the flag that dealt a fault alone, where one was.
func (r result) only() string {
	if len(r.plan.Faults) == 1 && r.plan.only {
		return fmt.Sprintf(" -fault %q", r.plan.Faults[0])
	}
	return ""
}

// story is everything about a world that helps to find out why it failed.
func (r result) story() string {
	var b strings.Builder
	for _, v := range r.found {
		fmt.Fprintf(&b, "  * %s\n", v)
	}
	if r.err != nil {
		fmt.Fprintf(&b, "  * %v\n", r.err)
	}
	fmt.Fprintf(&b, "\n%s", r.plan)
	if r.evidence != nil {
		fmt.Fprintf(&b, "%s", r.what())
	}
	return b.String()
}

// moment is one line of what happened.
type moment struct {
	at   time.Time
	text string
}

// what tells what happened, in order.
func (r result) what() string {
	e := r.evidence
	var all []moment
	note := func(at time.Time, format string, args ...any) {
		all = append(all, moment{at, fmt.Sprintf(format, args...)})
	}
	for _, d := range e.Deeds {
		note(d.At, "harness: %s", d.Text)
	}
	for _, l := range e.Lives {
		note(l.Ready, "%s (%d) is ready", l.Replica, l.PID)
		note(l.Ended, "%s (%d) has ended, status %d", l.Replica, l.PID, l.Status)
		for _, at := range l.Led {
			note(at, "%s (%d) leads", l.Replica, l.PID)
		}
	}
	for _, c := range e.Commands {
		note(c.At, "%s types %q: acked %t after %s%s, answers %.160q", c.User, c.Text, c.Acked, c.AckAfter.Round(time.Microsecond), failure(c), c.Answers)
	}
	for name, j := range e.Servers {
		for _, run := range j.Runs() {
			note(run.Time, "%s: run=%s, answered %d %s, %s", name, run.Run, run.Status, run.Answer, run.Did)
		}
		for _, imp := range j.Imports {
			note(imp.Began, "%s: import %d begins (%s, %s)", name, imp.ID, imp.Type, imp.Origin)
			note(imp.Ended, "%s: import %d %s %q", name, imp.ID, imp.Outcome, imp.Word)
		}
	}
	for _, c := range e.Calls {
		if c.Method == "chat.postMessage" || c.Method == "chat.update" || c.Method == "views.publish" || c.Error != "" || c.Faulty || c.Status == 0 {
			note(c.Time, "Slack: %s %s %s: %d %s taken %t: %.100q", c.Method, c.Args["channel"], short(c.Args["metadata"]), c.Status, c.Error, c.Taken, c.Args["text"])
		}
	}
	for _, a := range e.Alerts {
		note(a.RaisedAt, "database: %s is raised, came again %d time(s)", name(a), a.Reopened)
		note(a.OverAt, "database: %s is over", name(a))
	}
	for _, o := range e.Homes {
		note(o.At, "%s opens the Home tab: acked %t", o.User, o.Acked)
	}
	for _, imp := range e.Imports {
		note(imp.EndedAt, "database: %s %+v %v", describe(imp), imp.Reason.Kind, imp.Doubts)
	}
	slices.SortStableFunc(all, func(a, b moment) int { return a.at.Compare(b.at) })
	var b strings.Builder
	b.WriteString("what happened:\n")
	for _, m := range all {
		if !m.at.IsZero() {
			fmt.Fprintf(&b, "  %s %s\n", clock(m.at), m.text)
		}
	}
	return b.String()
}

func failure(c Command) string {
	if c.Failure == "" {
		return ""
	}
	return ", saw " + c.Failure
}

// short is a metadata's kind and the end of its id.
func short(metadata string) string {
	p := (&Evidence{Calls: []slacksim.Call{{Method: "chat.postMessage", Args: map[string]string{"metadata": metadata}}}}).posts()
	if len(p) == 0 {
		return ""
	}
	about := cmp.Or(p[0].alert, p[0].id)
	return p[0].kind + " …" + about[max(0, len(about)-6):]
}

// tally adds up what came of all worlds.
type tally struct {
	seed     uint64
	began    time.Time
	bases    map[string]*figures
	faults   map[string]*faultFigures
	broken   []Violation
	brokenBy map[string]int
}

// figures are those of one database.
type figures struct {
	worlds, imports, foreign   int // imports that ran, and of these the ones nobody asked for here
	accepted, runs             int
	finished, direct           int
	alerts, recoveries         int
	waited, takenBack, mutes   int
	presses, homes, digests    int
	permitted, indistinct      int
	kills, freezes, stops      int
	commands, unacked          int
	resumed, takeovers, thawed []time.Duration
	acks, exits                []time.Duration
	violations                 int
}

// faultFigures are those of one fault: how often it was dealt, and how the imports of its worlds were judged.
type faultFigures struct {
	worlds, dealt                              int
	clear, unclear, unknown, notBegun, notSent int
}

func newTally(seed uint64) *tally {
	return &tally{seed: seed, began: time.Now(), bases: map[string]*figures{}, faults: map[string]*faultFigures{}, brokenBy: map[string]int{}}
}

func (t *tally) failed() bool { return len(t.broken) > 0 }

// add counts a world, and returns how many imports ran in it.
func (t *tally) add(r result) int {
	e := r.evidence
	f := t.bases[r.plan.Database]
	if f == nil {
		f = &figures{}
		t.bases[r.plan.Database] = f
	}
	f.worlds++
	ran := 0
	for _, j := range e.Servers {
		ran += len(j.Imports)
		f.runs += len(j.Runs())
		for _, imp := range j.Imports {
			if imp.Asked.IsZero() {
				f.foreign++
			}
		}
	}
	f.imports += ran
	for _, imp := range e.Imports {
		if imp.RequestKey != "" {
			f.accepted++
		}
	}
	f.addSaid(e)
	f.addWishes(e)
	f.permitted += e.permitted()
	f.indistinct += e.indistinctClaims()
	f.violations += len(r.found)
	t.broken = append(t.broken, r.found...)
	for _, v := range r.found {
		t.brokenBy[v.Rule]++
	}
	f.addTimes(r)
	t.addFaults(r)
	return ran
}

// addSaid counts the messages that Slack took.
func (f *figures) addSaid(e *Evidence) {
	for _, p := range e.posts() {
		switch {
		case !p.Taken:
		case p.kind == "finished" && p.direct:
			f.direct++
		case p.kind == "finished":
			f.finished++
		case p.kind == "alert":
			f.alerts++
		case p.kind == "recovered":
			f.recoveries++
		case p.kind == "digest":
			f.digests++
		}
	}
}

// addWishes counts what people asked for beside plain starts.
func (f *figures) addWishes(e *Evidence) {
	for _, imp := range e.Imports {
		switch {
		case imp.WishedAt.IsZero():
		case imp.Outcome == imports.Cancelled:
			f.takenBack++
		case !imp.SendingAt.IsZero():
			f.waited++
		}
	}
	for _, c := range e.Commands {
		if c.Pressed != "" {
			f.presses++
		}
		if c.says(saysMuted) {
			f.mutes++
		}
	}
	f.homes += len(e.Homes)
}

func (f *figures) addTimes(r result) {
	e := r.evidence
	for _, d := range e.Deeds {
		switch d.Kind {
		case didKill:
			f.kills++
		case didFreeze:
			f.freezes++
		case didStop:
			f.stops++
		}
	}
	for _, c := range e.Commands {
		f.commands++
		if c.Acked {
			f.acks = append(f.acks, c.AckAfter)
		} else {
			f.unacked++
		}
	}
	for i, l := range e.Lives {
		if !l.Asked.IsZero() && l.Killed.IsZero() {
			f.exits = append(f.exits, l.Ended.Sub(l.Asked))
		}
		if i > 0 && e.Lives[i-1].Replica == l.Replica && !e.Lives[i-1].Killed.IsZero() && !l.Ready.IsZero() {
			f.resumed = append(f.resumed, l.Ready.Sub(l.Started))
		}
	}
	if r.plan.Replicas > 1 {
		f.addTakeovers(e)
	}
}

// addTakeovers measures, for each process that led and was killed or frozen, how long it took until another led.
func (f *figures) addTakeovers(e *Evidence) {
	for _, l := range e.Lives {
		if len(l.Led) == 0 || len(e.deeds(time.Time{}, endOf(l).Add(time.Minute), didDatabase)) > 0 {
			continue // while the database is away nobody can lead
		}
		if !l.Killed.IsZero() {
			if took, ok := e.nextLead(l, l.Killed); ok {
				f.takeovers = append(f.takeovers, took)
			}
			continue
		}
		for _, d := range e.deeds(l.Led[0], l.Ended, didFreeze) {
			if took, ok := e.nextLead(l, d.At); ok && d.Replica == l.Replica && len(e.deeds(d.At, d.At.Add(took), didThaw)) == 0 {
				f.thawed = append(f.thawed, took)
			}
		}
	}
}

// nextLead is how long after a time another process than l took the lead, if l had it until then.
func (e *Evidence) nextLead(l Life, at time.Time) (time.Duration, bool) {
	var next time.Time
	for _, other := range e.Lives {
		for _, led := range other.Led {
			switch {
			case led.After(l.Led[len(l.Led)-1]) && led.Before(at):
				return 0, false // another led by then
			case other.PID != l.PID && led.After(at) && (next.IsZero() || led.Before(next)):
				next = led
			}
		}
	}
	return next.Sub(at), !next.IsZero()
}

func (t *tally) addFaults(r result) {
	for _, name := range r.plan.Faults {
		f := t.faults[name]
		if f == nil {
			f = &faultFigures{}
			t.faults[name] = f
		}
		f.worlds++
		for _, d := range r.evidence.Deeds {
			if d.Fault == name && d.Kind != didHeal && d.Kind != didStart && d.Kind != didThaw {
				f.dealt++
			}
		}
		for _, imp := range r.evidence.Imports {
			switch imp.Outcome {
			case imports.Succeeded, imports.Failed:
				f.clear++
			case imports.Unclear:
				f.unclear++
			case imports.Unknown:
				f.unknown++
			case imports.NotBegun:
				f.notBegun++
			default:
				f.notSent++
			}
		}
	}
}

// print prints everything that was counted.
func (t *tally) print(out io.Writer) {
	fmt.Fprintf(out, "\nseed %d, %s\n\n", t.seed, time.Since(t.began).Round(time.Second))
	printTable(out, t.summary())
	fmt.Fprintln(out)
	printTable(out, t.byFault())
	for _, name := range slices.Sorted(maps.Keys(t.brokenBy)) {
		fmt.Fprintf(out, "broken: %s, %d times\n", name, t.brokenBy[name])
	}
}

// summary is a table with a column for each database.
func (t *tally) summary() [][]string {
	names := slices.Sorted(maps.Keys(t.bases))
	slices.Reverse(names) // SQLite first
	rows := [][]string{append([]string{""}, names...)}
	row := func(name string, value func(*figures) string) {
		cells := []string{name}
		for _, base := range names {
			cells = append(cells, value(t.bases[base]))
		}
		rows = append(rows, cells)
	}
	count := func(name string, value func(*figures) int) {
		row(name, func(f *figures) string { return fmt.Sprint(value(f)) })
	}
	count("worlds", func(f *figures) int { return f.worlds })
	count("imports that ran", func(f *figures) int { return f.imports })
	count("of these, started by nobody here", func(f *figures) int { return f.foreign })
	count("commands typed", func(f *figures) int { return f.commands })
	count("commands that met no living socket", func(f *figures) int { return f.unacked })
	row("envelope to ack, p50 / p99 / slowest", func(f *figures) string { return spread(f.acks, 0.5, 0.99, 1) })
	count("starts accepted", func(f *figures) int { return f.accepted })
	count("run= requests", func(f *figures) int { return f.runs })
	count("finished messages", func(f *figures) int { return f.finished })
	count("finished, as direct messages", func(f *figures) int { return f.direct })
	count("cards and finished messages sent once more, in the permitted window", func(f *figures) int { return f.permitted })
	count("claims that are another import's, which no look could tell", func(f *figures) int { return f.indistinct })
	count("alerts, as messages of their own", func(f *figures) int { return f.alerts })
	count("recoveries", func(f *figures) int { return f.recoveries })
	count("starts that waited, and were sent", func(f *figures) int { return f.waited })
	count("starts that waited, and were taken back", func(f *figures) int { return f.takenBack })
	count("mutes", func(f *figures) int { return f.mutes })
	count("buttons pressed", func(f *figures) int { return f.presses })
	count("weekly digests", func(f *figures) int { return f.digests })
	count("Home tabs opened", func(f *figures) int { return f.homes })
	count("kill -9", func(f *figures) int { return f.kills })
	count("SIGTERM", func(f *figures) int { return f.stops })
	count("SIGSTOP", func(f *figures) int { return f.freezes })
	row("started after kill -9 to ready, p50 / slowest", func(f *figures) string { return spread(f.resumed, 0.5, 1) })
	row("leader killed to the next one leading, p50 / slowest", func(f *figures) string { return spread(f.takeovers, 0.5, 1) })
	row("leader frozen to the next one leading, p50 / slowest", func(f *figures) string { return spread(f.thawed, 0.5, 1) })
	row("SIGTERM to exit, p50 / slowest", func(f *figures) string { return spread(f.exits, 0.5, 1) })
	count("promises broken", func(f *figures) int { return f.violations })
	return rows
}

// spread writes quantiles of lengths of time.
func spread(times []time.Duration, quantiles ...float64) string {
	if len(times) == 0 {
		return "–"
	}
	times = slices.Clone(times)
	slices.Sort(times)
	var out []string
	for _, q := range quantiles {
		d := times[min(int(q*float64(len(times))), len(times)-1)]
		out = append(out, d.Round(max(d/1000, 10*time.Microsecond).Truncate(10*time.Microsecond)).String())
	}
	return strings.Join(out, " / ")
}

// byFault is a table with a row for each fault.
func (t *tally) byFault() [][]string {
	rows := [][]string{{"fault, alone or with others", "worlds", "dealt", "imports clear", "unclear", "unknown", "not begun", "not sent"}}
	names := slices.SortedFunc(maps.Keys(t.faults), func(a, b string) int { return cmp.Compare(order(a), order(b)) })
	for _, name := range names {
		f := t.faults[name]
		row := []string{name}
		for _, n := range []int{f.worlds, f.dealt, f.clear, f.unclear, f.unknown, f.notBegun, f.notSent} {
			row = append(row, fmt.Sprint(n))
		}
		rows = append(rows, row)
	}
	return rows
}

// order is a fault's place in the table of faults.
func order(name string) int {
	return slices.IndexFunc(faults(), func(f fault) bool { return f.name == name })
}

func printTable(out io.Writer, rows [][]string) {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush() //nolint:errcheck // whoever can't read it sees that
}

// The marks between which the figures stand in a Markdown file.
const (
	beginMark = "<!-- figures: written by go run ./internal/chaos -markdown -->"
	endMark   = "<!-- end of figures -->"
)

// writeMarkdown writes the figures between the two marks of a file.
func (t *tally) writeMarkdown(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	before, rest, found := bytes.Cut(text, []byte(beginMark))
	_, after, closed := bytes.Cut(rest, []byte(endMark))
	if !found || !closed {
		return errors.New("writing the figures: " + path + " has not both marks, " + beginMark + " and " + endMark)
	}
	var b bytes.Buffer
	b.Write(before)
	fmt.Fprintf(&b, "%s\n\nSeed %d, %s, in %s.\n\n%s\n%s\n%s", beginMark, t.seed, t.began.UTC().Format("2 January 2006"),
		time.Since(t.began).Round(time.Second), markdown(t.summary()), markdown(t.byFault()), endMark)
	b.Write(after)
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	return nil
}

func markdown(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	return b.String()
}
