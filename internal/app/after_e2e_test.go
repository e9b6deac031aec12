//go:build unix

package app

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"importbot/internal/pgtest"
	"importbot/internal/slacksim"
)

// named starts a process that Slack knows by a name.
func (w *world) named(t *testing.T, name string, environ []string) *process {
	t.Helper()
	return w.start(t, append(environ, "SLACK_API_URL="+w.slack.APIURLOf(name)))
}

// A start that is to wait is asked for on a replica that does not lead. The leader is killed while the import before it runs: the start
// follows all the same, once.
func TestAfterOnAReplica(t *testing.T) {
	t.Parallel()
	w := newNight(t, 6*time.Second)
	environ := w.environ("DATABASE_URL=" + pgtest.Server(t).Database(t))
	names := []string{"one", "two", "three"}
	var all []*process
	for _, name := range names {
		all = append(all, w.named(t, name, environ))
	}
	for _, p := range all {
		p.ready(t)
	}
	old, _ := leader(t, all)
	w.mustAnswer(t, ana, "raw prod after", "Nothing runs on prod") // refused in words: it may be started now
	w.mustAnswer(t, ana, "complete prod", "Starting a complete import on prod")
	w.message(t, "card", saying("running"))

	asked := w.elsewhere(t, func(process string) bool { return all[indexOf(names, process)] != old })
	t.Logf("asked for on %s: %s", asked.Envelopes()[0].Process, asked.Answers()[0].Text)
	w.await(t, "status that shows what waits", func() bool { return strings.Contains(w.shown(t, ben, "status prod"), "Waiting: a raw import") })
	old.signal(t, syscall.SIGKILL)
	old.exit(t)

	finished := w.message(t, "finished", saying("Raw import on prod succeeded"))
	mustMention(t, finished, ana)
	if got := runsOf(w.bigfix); got != 2 {
		t.Errorf("got %d run= requests, want 2", got)
	}
	w.mustCount(t, channel, map[string]int{"card": 2, "finished": 2})
}

// elsewhere asks for a raw import after the one that runs, until that lands on a process that will do; what landed on another is taken back.
func (w *world) elsewhere(t *testing.T, will func(process string) bool) *slacksim.Invocation {
	t.Helper()
	for range 30 {
		inv := w.mustAnswer(t, ana, "raw prod after", "right after what runs now")
		if will(inv.Envelopes()[0].Process) {
			return inv
		}
		w.mustAnswer(t, ana, "cancel prod", "Taken back: ")
	}
	t.Fatal("every command lands on the leader")
	return nil
}

func indexOf(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return 0
}

// A start that was taken back is not sent, though the process is killed and started again in between, and who may not take it back can't.
func TestCancelWhatWaits(t *testing.T) {
	t.Parallel()
	w := newNight(t, 3*time.Second)
	p := w.start(t, w.environ()).ready(t)
	w.mustAnswer(t, ana, "raw prod", "Starting a raw import on prod")
	w.message(t, "card", saying("running"))
	w.mustAnswer(t, ana, "complete prod after", "right after what runs now")
	w.mustAnswer(t, ben, "cancel prod", "Only <@"+ana+"> may")
	w.mustAnswer(t, ana, "cancel prod", "Taken back: ")
	p.signal(t, syscall.SIGKILL)
	p.exit(t)

	p = w.start(t, w.environ()).ready(t)
	w.message(t, "finished", saying("Raw import on prod succeeded"))
	w.looks(t, 5)
	if text := w.shown(t, ana, "status prod"); strings.Contains(text, "Waiting") {
		t.Errorf("something waits:\n%s", text)
	}
	w.stop(t, p)
	if got := runsOf(w.bigfix); got != 1 {
		t.Errorf("got %d run= requests, want 1", got)
	}
}
