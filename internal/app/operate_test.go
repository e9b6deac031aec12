package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/internal/audit"
	"importbot/internal/slacksim"
	"importbot/internal/store"
)

// Every command leaves a line in AUDIT_LOG and a row in the store, refusals too, and so does what became of a start.
func TestAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const ben = "U0123BEN"
	w.slack.AddUser(ben, "ben")
	file := filepath.Join(w.dir, "audit.jsonl")
	p := w.start(t, w.environ("AUDIT_LOG="+file)).ready(t)
	for _, typed := range []slacksim.Typed{
		{UserID: ana, ChannelID: channel, Command: "/import", Text: "status"},
		{UserID: ben, ChannelID: channel, Command: "/import", Text: "raw prod"},
		{UserID: ana, ChannelID: channel, Command: "/import", Text: "raw nowhere"},
		{UserID: ana, ChannelID: channel, Command: "/import", Text: "raw prod"},
	} {
		if _, err := w.slack.Command(deadline(t), typed); err != nil {
			t.Fatal(err)
		}
	}
	w.message(t, "finished", saying("succeeded"))
	p.signal(t, syscall.SIGTERM)
	if got := p.exit(t); got != exitWell {
		t.Errorf("got exit status %d, want 0\n%s", got, p.log)
	}

	want := []string{
		"command U0123ANA status prod answered",
		"command U0123BEN raw prod prod refused not_operator",
		"command U0123ANA raw nowhere refused unknown_server",
		"command U0123ANA raw prod prod accepted",
		"start U0123ANA raw_only prod sent",
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []audit.Entry
	for line := range strings.Lines(string(text)) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		lines = append(lines, e)
	}
	db, err := store.Open(t.Context(), filepath.Join(w.dir, "importbot.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Audits(t.Context(), time.Time{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for where, entries := range map[string][]audit.Entry{"the file": lines, "the store": rows} {
		found := make(map[string]bool)
		for _, e := range entries {
			words := []string{e.Kind, e.UserID, e.Text, e.Server, e.Result, e.Reason}
			found[strings.Join(strings.Fields(strings.Join(words, " ")), " ")] = true
			if e.At.IsZero() || e.Replica == "" {
				t.Errorf("%s: an entry lacks its time or its process: %+v", where, e)
			}
		}
		for _, line := range want {
			if !found[line] {
				t.Errorf("%s lacks %q: %v", where, line, found)
			}
		}
		if len(entries) != len(want) {
			t.Errorf("%s has %d entries, want %d", where, len(entries), len(want))
		}
	}
}

// After an absence in which an import of the server's own schedule failed, the channel gets one message, whatever else is on.
func TestAwayMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, w.environ("ANNOUNCE=all")).ready(t)
	if _, err := w.bigfix.Wait(deadline(t), func(r bigfixtest.Request) bool { return r.Run == "" }); err != nil {
		t.Fatal(err)
	}
	p.awaitReadyz(t, true)
	p.signal(t, syscall.SIGKILL)
	p.exit(t)

	// An absence is 15 idle looks long, three seconds here; the import takes as long, on the server's clock.
	clock := w.bigfix.Clock()
	w.bigfix.StartByHand(clock.Now(), bigfix.TypeComplete)
	over, stop := clock.Until(clock.Now().Add(pace + time.Second))
	defer stop()
	<-over
	p = w.start(t, w.environ("ANNOUNCE=all")).ready(t)
	away := w.message(t, "away", whatever)
	t.Logf("%s", away.Text)
	for _, want := range []string{"I was away", "prod", "complete", "succeeded"} {
		if !strings.Contains(away.Text, want) {
			t.Errorf("the message lacks %q: %s", want, away.Text)
		}
	}
	p.signal(t, syscall.SIGKILL)
	p.exit(t)
	p = w.start(t, w.environ("ANNOUNCE=all")).ready(t)
	p.awaitReadyz(t, true)
	if got := w.kinds(); got["away"] != 1 || got["card"] != 0 || got["finished"] != 0 {
		t.Errorf("got %v, want the one message alone", got)
	}
}

// What /readyz says is what docs/health.md explains.
func TestChecksAreExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/health.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	p := w.start(t, w.environ()).ready(t)
	body, _ := p.awaitReadyz(t, true)
	var answer struct{ Checks []struct{ Name string } }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range answer.Checks {
		names = append(names, c.Name)
		if heading := "### " + strings.Replace(c.Name, "server prod", "server NAME", 1) + "\n"; !strings.Contains(string(text), heading) {
			t.Errorf("docs/health.md does not explain %q", c.Name)
		}
	}
	if got, want := strings.Count(string(text), "\n### "), len(names); got != want {
		t.Errorf("docs/health.md explains %d checks, and there are %d: %v", got, want, names)
	}
}
