//go:build unix

package app

import (
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"importbot/internal/pgtest"
	"importbot/internal/slacksim"
)

// The Home tab is opened on one of two replicas, and shows what changes later, whichever of them leads.
func TestHome(t *testing.T) {
	t.Parallel()
	w := newNight(t, 2*time.Second)
	environ := w.environ("DATABASE_URL=" + pgtest.Server(t).Database(t))
	all := []*process{w.named(t, "one", environ), w.named(t, "two", environ)}
	for _, p := range all {
		p.ready(t)
	}
	leader(t, all)
	inv := w.slack.OpenHome(ben)
	w.awaitHome(t, ben, "prod", "idle")
	t.Logf("opened on %s", inv.Envelopes()[0].Process)
	if _, published := w.slack.Home(ana); published {
		t.Error("a Home tab is published for somebody who never opened it")
	}
	w.mustAnswer(t, ana, "raw prod", "Starting a raw import on prod")
	w.awaitHome(t, ben, "raw", "succeeded")
	for _, p := range all {
		w.stop(t, p)
	}
}

// awaitHome waits until somebody's Home tab says all this.
func (w *world) awaitHome(t *testing.T, user string, says ...string) {
	t.Helper()
	var text string
	err := w.slack.Wait(deadline(t), func() bool {
		v, ok := w.slack.Home(user)
		if !ok {
			return false
		}
		text = strings.Join(w.slack.ViewLines(v), "\n")
		return !slices.ContainsFunc(says, func(s string) bool { return !strings.Contains(text, s) })
	})
	if err != nil {
		t.Fatalf("the Home tab does not say %q: %v\n%s", says, err, text)
	}
}

// History is a chart, and a table where the workspace knows no charts. In the terminal it is read beside the running bot.
func TestHistory(t *testing.T) {
	t.Parallel()
	w := newNight(t, 600*time.Millisecond)
	p := w.start(t, w.environ("ANNOUNCE=all")).ready(t)
	w.byHand(t, p, 1)
	w.mustAnswer(t, ana, "raw prod", "Starting a raw import")
	w.message(t, "finished", saying("Raw import on prod succeeded"))

	has := func(block string) func(slacksim.Message) bool {
		return func(m slacksim.Message) bool { return strings.Contains(string(m.Blocks), `"type":"`+block+`"`) }
	}
	for _, tt := range []struct{ block, refused string }{{"data_visualization", "none"}, {"table", "data_visualization"}} { // in this order: a refusal is remembered
		w.slack.RefuseBlocks(tt.refused)
		inv := w.command(t, "history prod 5")
		if _, err := inv.WaitAnswer(deadline(t), has(tt.block)); err != nil {
			t.Errorf("%s: %v", tt.block, err)
		}
	}
	w.slack.RefuseBlocks()

	list := w.start(t, w.environ(), "history", "prod", "--json")
	if got := list.exit(t); got != exitWell {
		t.Fatalf("history: exit status %d\n%s", got, list.log)
	}
	if !json.Valid([]byte(list.out.String())) || !strings.Contains(list.out.String(), `"outcome": "succeeded"`) {
		t.Errorf("history --json:\n%s", list.out)
	}
	today := time.Now().UTC().Format(time.DateOnly)
	report := w.start(t, w.environ(), "report", "--from", today, "--to", today, "--csv")
	if got := report.exit(t); got != exitWell {
		t.Fatalf("report: exit status %d\n%s", got, report.log)
	}
	if rows, err := csv.NewReader(strings.NewReader(report.out.String())).ReadAll(); err != nil || len(rows) < 2 {
		t.Errorf("report --csv: %v\n%s", err, report.out)
	}
	t.Logf("\n%s\n%s", list.out, report.out)
	w.looks(t, 2) // the bot was not disturbed
	w.stop(t, p)
}
