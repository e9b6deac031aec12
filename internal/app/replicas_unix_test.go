//go:build unix

package app

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"importbot/internal/pgtest"
)

// These tests run several processes on one PostgreSQL.

// replicas starts so many processes on a database of their own, and waits until all of them are ready and one leads.
func (w *world) replicas(t *testing.T, n int) []*process {
	t.Helper()
	environ := w.environ("DATABASE_URL=" + pgtest.Server(t).Database(t))
	var all []*process
	for range n {
		all = append(all, w.start(t, environ))
	}
	for _, p := range all {
		p.ready(t)
	}
	leader(t, all)
	return all
}

const leading = `"msg":"this process leads"`

// leader waits until one of the processes leads for the first time, and returns it with the others.
func leader(t *testing.T, all []*process) (first *process, others []*process) {
	t.Helper()
	ctx := deadline(t)
	for {
		var more []<-chan struct{}
		for i, p := range all {
			text, news := p.log.now()
			if strings.Contains(text, leading) {
				others = append(others, all[:i]...)
				return p, append(others, all[i+1:]...)
			}
			more = append(more, news)
		}
		if !anyOf(ctx, more) {
			t.Fatal("none of the processes leads")
		}
	}
}

// anyOf waits for one of the channels; false when ctx ended first.
func anyOf(ctx context.Context, all []<-chan struct{}) bool {
	got := make(chan struct{}, len(all))
	done := make(chan struct{})
	defer close(done)
	for _, c := range all {
		go func() {
			select {
			case <-c:
				got <- struct{}{}
			case <-done:
			}
		}()
	}
	select {
	case <-got:
		return true
	case <-ctx.Done():
		return false
	}
}

// unheard is for how long a leader that says nothing leads at least.
const unheard = 12 * time.Second

// Commands land on any of three replicas; the one that leads is killed in mid-import, and another goes on in the same thread.
func TestReplicas(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, 8*time.Second)
	all := w.replicas(t, 3)
	for range 6 {
		inv := w.command(t, "status")
		if _, err := inv.WaitAnswer(deadline(t), saying("prod")); err != nil {
			t.Fatal(err)
		}
	}
	inv := w.command(t, "raw")
	if _, err := inv.WaitAnswer(deadline(t), saying("Starting a raw import on prod")); err != nil {
		t.Fatal(err)
	}
	card := w.message(t, "card", saying("running"))

	old, others := leader(t, all)
	old.signal(t, syscall.SIGKILL)
	killed := time.Now()
	next, _ := leader(t, others)
	took := time.Since(killed)
	t.Logf("another leads %s after kill -9", took.Round(time.Millisecond))
	if took > unheard {
		t.Errorf("it took %s until another led, as if nothing had told that this one is gone", took)
	}

	// A command that lands on a replica that does not lead is answered as well.
	if _, err := w.command(t, "raw").WaitAnswer(deadline(t), saying("already")); err != nil {
		t.Fatal(err)
	}
	finished := w.message(t, "finished", saying("Raw import on prod succeeded"))
	if finished.ThreadTS != card.TS {
		t.Errorf("the thread of the card did not go on: %+v", finished)
	}
	w.message(t, "card", saying("succeeded"))
	next.signal(t, syscall.SIGTERM)
	given := time.Now()
	if got := next.exit(t); got != exitWell {
		t.Errorf("after SIGTERM: got exit status %d, want 0\n%s", got, next.log)
	}
	for _, p := range others {
		if p != next {
			leader(t, []*process{p})
		}
	}
	t.Logf("the last one leads %s after SIGTERM to the second", time.Since(given).Round(time.Millisecond))
	w.once(t)
}

// once says that there was one import, shown once and started once.
func (w *world) once(t *testing.T) {
	t.Helper()
	if got := w.kinds(); got["card"] != 1 || got["finished"] != 1 {
		t.Errorf("got %v, want one card and one finished message", got)
	}
	if got := runsOf(w.bigfix); got != 1 {
		t.Errorf("got %d run= requests, want 1", got)
	}
}

// The leader is frozen in mid-import for longer than its lead lasts. Another takes over and brings it to its end; the frozen one wakes
// up, says nothing a second time, and goes on as a replica that answers commands.
func TestFrozenLeader(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, 30*time.Second)
	all := w.replicas(t, 2)
	if _, err := w.command(t, "complete").WaitAnswer(deadline(t), saying("Starting a complete import on prod")); err != nil {
		t.Fatal(err)
	}
	w.message(t, "card", saying("running"))
	frozen, others := leader(t, all)
	frozen.signal(t, syscall.SIGSTOP)
	began := time.Now()
	others[0].log.awaitFor(t, time.Minute, "next leader", func(log string) bool { return strings.Contains(log, leading) })
	t.Logf("another leads %s after the leader was frozen", time.Since(began).Round(100*time.Millisecond))
	w.message(t, "finished", saying("Complete import on prod succeeded"))
	w.message(t, "card", saying("succeeded"))

	calls := len(w.slack.Journal())
	frozen.signal(t, syscall.SIGCONT)
	frozen.log.await(t, "end of its lead", func(log string) bool { return strings.Contains(log, "leads no more") })
	for range 4 { // both processes hold connections: some of these land on the one that was frozen
		if _, err := w.command(t, "status").WaitAnswer(deadline(t), saying("succeeded")); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range w.slack.Journal()[calls:] {
		if strings.HasPrefix(c.Method, "chat.") {
			t.Errorf("after it woke up it called %s", c.Method)
		}
	}
	w.once(t)
	for _, p := range all {
		p.signal(t, syscall.SIGTERM)
		if got := p.exit(t); got != exitWell {
			t.Errorf("after SIGTERM: got exit status %d, want 0\n%s", got, p.log)
		}
	}
}

// The database is away when the bot starts: commands are answered in words, and when it comes, imports are watched.
func TestDatabaseAwayAtStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cluster := pgtest.New(t)
	url := cluster.Database(t)
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	p := w.start(t, w.environ("DATABASE_URL="+url)).ready(t)
	inv := w.command(t, "raw")
	if _, err := inv.WaitAnswer(deadline(t), saying("My own database does not answer")); err != nil {
		t.Fatal(err)
	}
	if status, body := p.get(t, "/readyz"); status != 503 || !strings.Contains(body, `"database"`) {
		t.Errorf("while the database is away /readyz says %d\n%s", status, body)
	}
	if err := cluster.Restart(); err != nil {
		t.Fatal(err)
	}
	p.awaitReadyz(t, true)
	if _, err := w.command(t, "raw").WaitAnswer(deadline(t), saying("Starting a raw import on prod")); err != nil {
		t.Fatal(err)
	}
	w.message(t, "finished", saying("succeeded"))
	w.once(t)
}
