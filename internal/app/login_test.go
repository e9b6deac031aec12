package app

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"importbot/bigfix/bigfixtest"
)

// Accounts get locked: a supervisor that starts the bot again and again must not try a rejected password each time, but a new password at once.
func TestARejectedLoginIsNotTriedAgainAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	with := func(password string) []string {
		return w.environ("BIGFIX_TOKEN=", "BIGFIX_USER="+bigfixtest.DefaultUser, "BIGFIX_PASSWORD="+password)
	}
	for _, run := range []struct {
		name, password string
		logins         int // in all
	}{
		{"the first start", "wrong", 1},
		{"a second start", "wrong", 1},
		{"a start with the right password", bigfixtest.DefaultPassword, 2},
	} {
		p := w.start(t, with(run.password)).ready(t)
		w.looked(t)
		if got := w.logins(); got != run.logins {
			t.Errorf("%s: got %d logins in all, want %d", run.name, got, run.logins)
		}
		p.signal(t, syscall.SIGTERM)
		if got := p.exit(t, 15*time.Second); got != exitWell {
			t.Fatalf("%s: got exit status %d, want 0\n%s", run.name, got, p.log)
		}
	}
}

// looked waits until status has the answer of a look: words that say what the server's part was.
func (w *world) looked(t *testing.T) {
	t.Helper()
	for range 100 {
		inv := w.command(t, "status")
		m, err := inv.WaitAnswer(deadline(t), whatever)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(m.Text, "not looked") {
			t.Logf("status: %s", m.Text)
			return
		}
	}
	t.Fatal("the server was never looked at")
}

func (w *world) logins() (n int) {
	for _, r := range w.bigfix.Journal().Requests {
		if strings.HasSuffix(r.Path, "get_token") {
			n++
		}
	}
	return n
}
