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
		status         string // once this process has looked itself: before that it tells of the one before
		logins         int    // in all
	}{
		{"the first start", "wrong", "rejects Importbot's credentials (401)", 1},
		{"a second start", "wrong", "rejects Importbot's credentials. ", 1}, // the server did not say so again
		{"a start with the right password", bigfixtest.DefaultPassword, "idle", 2},
	} {
		p := w.start(t, with(run.password)).ready(t)
		w.looked(t, run.status)
		if got := w.logins(); got != run.logins {
			t.Errorf("%s: got %d logins in all, want %d", run.name, got, run.logins)
		}
		p.signal(t, syscall.SIGTERM)
		if got := p.exit(t); got != exitWell {
			t.Fatalf("%s: got exit status %d, want 0\n%s", run.name, got, p.log)
		}
	}
}

// looked waits until status says so.
func (w *world) looked(t *testing.T, want string) {
	t.Helper()
	var said string
	for range 200 {
		m, err := w.command(t, "status").WaitAnswer(deadline(t), whatever)
		if err != nil {
			t.Fatal(err)
		}
		if said = m.Text; strings.Contains(said, want) {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	t.Fatalf("status never said %q, but: %s", want, said)
}

func (w *world) logins() (n int) {
	for _, r := range w.bigfix.Journal().Requests {
		if strings.HasSuffix(r.Path, "get_token") {
			n++
		}
	}
	return n
}
