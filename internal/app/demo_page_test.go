package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"importbot/internal/demo"
	"importbot/internal/slackweb"
)

// shown is a demo that runs, with its page.
type shown struct {
	*process
	stdin io.WriteCloser // which is held open
	temp  string
	url   string
}

var firstLine = regexp.MustCompile(`^  Open (http://\S+) in a browser: Slack, simulated; or stay here\.\n`)

// show starts the real program's demo, and returns it when its first line is there.
func show(t *testing.T, args ...string) *shown {
	t.Helper()
	d := &shown{temp: t.TempDir(), process: &process{Cmd: exec.Command(binary(t), append([]string{"demo"}, args...)...), out: newBuffer(), log: newBuffer(), ended: make(chan struct{})}}
	d.Env, d.Dir, d.Stdout, d.Stderr = []string{"TMPDIR=" + d.temp}, t.TempDir(), d.out, d.log
	var err error
	if d.stdin, err = d.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(d.ended)
		d.Wait() //nolint:errcheck // ProcessState has it
	}()
	t.Cleanup(func() {
		d.Process.Kill() //nolint:errcheck // mostly it is over
		<-d.ended
	})
	d.out.await(t, "first line", func(out string) bool { return strings.Contains(out, "\n") })
	if m := firstLine.FindStringSubmatch(d.out.String()); m != nil {
		d.url = m[1]
	}
	return d
}

// panelOf returns how things stand behind the workspace, once that fits.
func panelOf(t *testing.T, url string, what string, fits func(slackweb.PanelState) bool) (state slackweb.PanelState) {
	t.Helper()
	if !followed(t, url, func(_, panel []byte) bool {
		if panel == nil {
			return false
		}
		state = slackweb.PanelState{}
		if err := json.Unmarshal(panel, &state); err != nil {
			t.Fatal(err)
		}
		return fits(state)
	}) {
		t.Fatalf("the panel has not %s: %+v", what, state)
	}
	return state
}

// followed reads what ana sees, events and the state of the panel, until one fits.
func followed(t *testing.T, url string, fits func(event, panel []byte) bool) bool {
	t.Helper()
	ctx := deadline(t)
	stream, _, err := websocket.DefaultDialer.DialContext(ctx, strings.Replace(url, "http", "ws", 1)+"/api/events?user=U0ANA", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()                                      //nolint:errcheck // it was only read
	defer context.AfterFunc(ctx, func() { stream.Close() })() //nolint:errcheck // it ends the reading
	for {
		var sent struct{ Event, Panel json.RawMessage }
		if err := stream.ReadJSON(&sent); err != nil {
			return false
		}
		if fits(sent.Event, sent.Panel) {
			return true
		}
	}
}

// post does something on the page, and returns the answer.
func post(t *testing.T, url string, said any) (answered map[string]any) {
	t.Helper()
	body, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is read
	if err := json.NewDecoder(answer.Body).Decode(&answered); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %d %v, %v", url, answer.StatusCode, answered, err)
	}
	return answered
}

func section(state slackweb.PanelState, id string) slackweb.PanelSection {
	for _, s := range state.Sections {
		if s.ID == id {
			return s
		}
	}
	return slackweb.PanelSection{}
}

func TestDemoAddresses(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // the test is over
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--addr", taken.Addr().String()}, "importbot demo: --addr " + taken.Addr().String() + " is taken by another program; give another port, or leave --addr out for any free one"},
		{[]string{"--addr", "9490"}, `importbot demo: --addr "9490" is no host:port; write it like 127.0.0.1:9490`},
		{[]string{"--addr", "127.0.0.1:http"}, `importbot demo: --addr "127.0.0.1:http" has no port from 1 to 65535; write it like 127.0.0.1:9490`},
		{[]string{"--addr", "127.0.0.1:65536"}, `importbot demo: --addr "127.0.0.1:65536" has no port from 1 to 65535; write it like 127.0.0.1:9490`},
		{[]string{"--addr", ":9490"}, `importbot demo: --addr ":9490" would let other machines in; write it like 127.0.0.1:9490, an address of this machine alone`},
		{[]string{"--addr", "0.0.0.0:9490"}, `importbot demo: --addr "0.0.0.0:9490" would let other machines in; write it like 127.0.0.1:9490, an address of this machine alone`},
		{[]string{"--addr", "example.com:9490"}, `importbot demo: --addr "example.com:9490" would let other machines in; write it like 127.0.0.1:9490, an address of this machine alone`},
		{[]string{"--addr", "127.0.0.1:0", "--no-web"}, "importbot demo: --addr says where the page is served, and --no-web that there is none. Give one of them."},
	} {
		got := exec.Command(binary(t), append([]string{"demo"}, tc.args...)...)
		out, err := got.CombinedOutput()
		if got.ProcessState.ExitCode() != exitUsage || string(out) != tc.want+"\n" {
			t.Errorf("%q: got %v and %q", tc.args, err, out)
		}
	}
}

// The usual address is taken by another demo, perhaps; then any free one does. The first line says which, and the page is there.
func TestDemoTakesAnyFreePort(t *testing.T) {
	t.Parallel()
	if usual, err := net.Listen("tcp", demoAddr); err == nil {
		defer usual.Close() //nolint:errcheck // the test is over
	}
	d := show(t)
	if d.url == "" || d.url == "http://"+demoAddr {
		t.Fatalf("the first line says %q:\n%s", d.url, d.out)
	}
	answer, err := http.Get(d.url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // nothing of it is read
	if answer.StatusCode != http.StatusOK {
		t.Errorf("got status %d", answer.StatusCode)
	}
	fmt.Fprintln(d.stdin, "exit")
	if got := d.exit(t); got != exitWell {
		t.Errorf("got exit status %d\n%s", got, d.log)
	}
	if _, err := http.Get(d.url); err == nil {
		t.Error("the page is still there")
	}
}

func TestDemoWithoutAPage(t *testing.T) {
	t.Parallel()
	d := show(t, "--no-web")
	d.stdin.Close() //nolint:errcheck // nothing was written
	if strings.Contains(d.out.String(), "browser") || !strings.HasPrefix(d.out.String(), "  Importbot runs and watches") {
		t.Errorf("it prints\n%s", d.out)
	}
}

// The workspace that the page shows is the one that the manifest makes, and what is typed there is answered.
func TestDemoPageOfAPerson(t *testing.T) {
	t.Parallel()
	d := show(t, "--addr", "LocalHost:0")
	panelOf(t, d.url, "a bot that takes commands", func(s slackweb.PanelState) bool { return section(s, "bot").Tone == slackweb.ToneGood })
	answer, err := http.Get(d.url + "/api/workspace?user=U0BEN")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is read
	text, err := io.ReadAll(answer.Body)
	for _, want := range []string{`"Runs and watches BigFix Inventory data imports"`, `"command":"/import"`, `"usage_hint":"status | history | raw`, `"it-general"`, `"bigfix-imports"`,
		`"On call, may start imports"`, `"Licence manager, may start imports on lab alone"`, `"lab-imports"`, `"panel":true`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s, %v", want, text, err)
		}
	}
	post(t, d.url+"/api/command", map[string]string{"user": "U0BEN", "channel": "C0IMPORTS", "text": "/import raw"})
	d.out.await(t, "refusal", func(out string) bool {
		return strings.Contains(out, "ben types /import raw") && strings.Contains(out, "Only @oncall may start imports on prod.")
	})
}

// The bot is killed in mid-import on the page, and started again: the same card goes on, and its end comes once.
func TestDemoKillsTheBotInMidImport(t *testing.T) {
	t.Parallel()
	program := binary(t)
	page, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + page.Addr().String()
	stdin, typed := io.Pipe()
	out := newBuffer()
	d := demo.Demo{Stdin: stdin, Stdout: out, Bot: botOf(program), Manifest: manifestFor, Look: look, Page: page, Pace: 12 * time.Second}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()

	bot := func(what string, fits func(slackweb.PanelSection) bool) {
		t.Helper()
		panelOf(t, url, what, func(s slackweb.PanelState) bool { return fits(section(s, "bot")) })
	}
	bot("a bot that takes commands", func(s slackweb.PanelSection) bool { return s.Tone == slackweb.ToneGood })
	post(t, url+"/api/command", map[string]string{"user": "U0ANA", "channel": "C0IMPORTS", "text": "/import complete"})
	panelOf(t, url, "an import that runs", func(s slackweb.PanelState) bool { p := section(s, "server").Progress; return p != nil && *p >= 15 })
	if told := post(t, url+"/api/panel", map[string]string{"switch": "bot-kill"})["told"]; !strings.HasPrefix(told.(string), "The bot was killed with kill -9") {
		t.Errorf("it tells %q", told)
	}
	bot("a bot that was killed", func(s slackweb.PanelSection) bool { return strings.HasPrefix(s.Summary, "Killed.") })
	post(t, url+"/api/panel", map[string]string{"switch": "bot-start"})
	bot("a bot that takes commands again", func(s slackweb.PanelSection) bool { return s.Tone == slackweb.ToneGood })

	type event struct {
		Kind    string
		Message struct {
			Text, TS  string
			ThreadTS  string `json:"thread_ts"`
			Broadcast bool
		}
	}
	card, finished, over := "", 0, false
	last := ""
	if !followed(t, url, func(data, _ []byte) bool {
		if data == nil {
			return false
		}
		var e event
		if err := json.Unmarshal(data, &e); err != nil {
			t.Fatal(err)
		}
		last = string(data)
		m := e.Message
		switch {
		case m.Broadcast && m.ThreadTS == card && strings.HasPrefix(m.Text, "Complete import on prod succeeded"):
			finished++
		case strings.HasPrefix(m.Text, "Complete import on prod:") && m.ThreadTS == "":
			if card != "" && m.TS != card {
				t.Errorf("a second card: %s", data)
			}
			card = m.TS
			over = over || strings.Contains(m.Text, "succeeded")
		}
		return over && finished > 0
	}) {
		t.Fatalf("card %q, %d finished messages; the last event is %s\n%s", card, finished, last, out)
	}
	typed.Close() //nolint:errcheck // it can't fail
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := strings.Count(out.String(), "in the thread, and shown in #bigfix-imports"); n != 1 {
		t.Errorf("%d finished messages\n%s", n, out)
	}
}

// Ctrl-C ends it in time, and nothing stays.
func TestDemoEndsAtCtrlC(t *testing.T) {
	t.Parallel()
	d := show(t)
	panelOf(t, d.url, "a bot that takes commands", func(s slackweb.PanelState) bool { return section(s, "bot").Tone == slackweb.ToneGood })
	d.signal(t, os.Interrupt)
	if got := d.exit(t); got != exitWell {
		t.Errorf("got exit status %d\n%s", got, d.log)
	}
	if left, err := filepath.Glob(filepath.Join(d.temp, "*")); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}
