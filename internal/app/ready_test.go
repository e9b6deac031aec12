package app

import (
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"importbot/internal/pgtest"
	"importbot/internal/slacksim"
)

var httpAddr = regexp.MustCompile(`"addr":"(127\.0\.0\.1:\d+)"`)

// get asks the process over HTTP.
func (p *process) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	var addr string
	p.log.await(t, "HTTP address", func(log string) bool {
		m := httpAddr.FindStringSubmatch(log)
		if m != nil {
			addr = m[1]
		}
		return m != nil
	})
	resp, err := http.Get("http://" + addr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// awaitReadyz asks /readyz until it says so, and returns what it said and after how long.
func (p *process) awaitReadyz(t *testing.T, ready bool) (body string, after time.Duration) {
	t.Helper()
	want := http.StatusServiceUnavailable
	if ready {
		want = http.StatusOK
	}
	began := time.Now()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		status, body := p.get(t, "/readyz")
		if status == want {
			return body, time.Since(began)
		}
		if time.Since(began) > 75*time.Second {
			t.Fatalf("/readyz still says %d, want %d\n%s\n%s", status, want, body, p.log)
		}
		<-tick.C
	}
}

// Health that can't lie: whatever keeps the bot from its work turns /readyz to 503 within a minute, with a line that says what, and it is
// ready again soon after that is over.
func TestReadiness(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		check       string
		fault, mend func(*slacksim.Sim)
	}{
		"the bot's token is revoked":        {"slack_web_api", (*slacksim.Sim).RevokeBotToken, (*slacksim.Sim).RestoreBotToken},
		"the app's token is revoked":        {"slack_connections", (*slacksim.Sim).RevokeAppToken, (*slacksim.Sim).RestoreAppToken}, // the sockets stand
		"the same, and the sockets are cut": {"slack_connections", func(s *slacksim.Sim) { s.RevokeAppToken(); s.CutSockets(10) }, (*slacksim.Sim).RestoreAppToken},
		"the sockets are half-open":         {"slack_connections", func(s *slacksim.Sim) { s.HalfOpenAfterHello(100); s.HalfOpen(10) }, func(s *slacksim.Sim) { s.HalfOpenAfterHello(0) }},
		"the pings stop":                    {"slack_connections", (*slacksim.Sim).StopPings, (*slacksim.Sim).ResumePings},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.start(t, w.environ()).ready(t)
			p.awaitReadyz(t, true)
			// All connections, or one that is still to be opened finds out what the standing ones can't tell.
			if err := w.slack.Wait(deadline(t), func() bool { return w.slack.Ready() == 2 }); err != nil {
				t.Fatal(err)
			}
			c.fault(w.slack)
			body, after := p.awaitReadyz(t, false)
			t.Logf("unready after %s:\n%s", after.Round(100*time.Millisecond), body)
			if after > time.Minute {
				t.Errorf("it was ready for another %s, want a minute at most", after)
			}
			if failing(t, body)[c.check] == "" {
				t.Errorf("the check %s does not say so:\n%s", c.check, body)
			}
			c.mend(w.slack)
			_, after = p.awaitReadyz(t, true)
			t.Logf("ready again after %s", after.Round(100*time.Millisecond))
			p.signal(t, syscall.SIGTERM)
			if got := p.exit(t); got != exitWell {
				t.Errorf("got exit status %d, want 0\n%s", got, p.log)
			}
		})
	}
	t.Run("the database is stopped", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		cluster := pgtest.New(t)
		p := w.start(t, w.environ("DATABASE_URL="+cluster.Database(t))).ready(t)
		p.awaitReadyz(t, true)
		if err := cluster.Stop(); err != nil {
			t.Fatal(err)
		}
		body, after := p.awaitReadyz(t, false)
		t.Logf("unready after %s:\n%s", after.Round(100*time.Millisecond), body)
		if failing(t, body)["database"] == "" {
			t.Errorf("the check of the database does not say so:\n%s", body)
		}
		if err := cluster.Restart(); err != nil {
			t.Fatal(err)
		}
		_, after = p.awaitReadyz(t, true)
		t.Logf("ready again after %s", after.Round(100*time.Millisecond))
	})
}

// A database that answers and takes nothing is no database: its disk is full, or, which is easier to come by, another program holds it.
func TestNotReadyWhileTheDatabaseTakesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, w.environ()).ready(t)
	p.awaitReadyz(t, true)
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "importbot.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("PRAGMA busy_timeout = 10000"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	body, _ := p.awaitReadyz(t, false)
	if got := failing(t, body)["database"]; !strings.Contains(got, "holds the database") {
		t.Errorf("the check of the database says %q", got)
	}
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	p.awaitReadyz(t, true)
}

// failing are the checks that are not well, with what they say.
func failing(t *testing.T, body string) map[string]string {
	t.Helper()
	var answer struct {
		Ready  bool
		Checks []struct {
			Name, Detail string
			OK           bool
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	found := map[string]string{}
	for _, c := range answer.Checks {
		if !c.OK {
			found[c.Name] = c.Detail
		}
	}
	return found
}

// A server that is down is shown, and leaves the bot ready; /healthz and /metrics answer.
func TestReadyWhileAServerIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, w.environ()).ready(t)
	p.awaitReadyz(t, true)
	w.bigfix.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; {
		status, body := p.get(t, "/readyz")
		if status != http.StatusOK {
			t.Fatalf("it is not ready because a server is down:\n%s", body)
		}
		if strings.Contains(body, "not seen since") {
			break
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("it does not show that the server is down:\n%s", body)
		}
		<-tick.C
	}
	if status, _ := p.get(t, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz says %d", status)
	}
	if status, body := p.get(t, "/metrics"); status != http.StatusOK || !strings.Contains(body, "go_goroutines") {
		t.Errorf("/metrics says %d\n%s", status, body)
	}
}

// The dead man's switch hears from a bot that is ready.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	var beats atomic.Int64
	heard := make(chan struct{}, 1)
	monitor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		beats.Add(1)
		select {
		case heard <- struct{}{}:
		default:
		}
	}))
	defer monitor.Close()
	w := newWorld(t)
	p := w.start(t, w.environ("HEARTBEAT_URL="+monitor.URL+"/ping/s3cr3t-id"))
	select {
	case <-heard:
	case <-deadline(t).Done():
		t.Fatalf("no heartbeat\n%s", p.log)
	}
	if strings.Contains(p.log.String(), "s3cr3t-id") {
		t.Error("the heartbeat's address is logged")
	}
}
