package slacksim

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const howToGetBolt = "run `npm ci` in internal/slacksim/testdata/bolt with Node.js 20 or later to let Bolt for JavaScript judge the simulator"

// boltFolder finds the judge, or skips the test.
func boltFolder(t *testing.T) string {
	t.Helper()
	folder := filepath.Join("testdata", "bolt")
	_, noNode := exec.LookPath("node")
	_, noModules := os.Stat(filepath.Join(folder, "node_modules", "@slack", "bolt"))
	if noNode != nil || noModules != nil {
		if os.Getenv("CI_STRICT") == "1" {
			t.Fatal(howToGetBolt)
		}
		t.Skip(howToGetBolt)
	}
	return folder
}

// said is one line that the app wrote.
type said struct {
	Event    string   `json:"event"`
	Text     string   `json:"text"`
	Seconds  int      `json:"seconds"`
	User     string   `json:"user"`
	Value    string   `json:"value"`
	Block    string   `json:"block"`
	Scopes   []string `json:"scopes"`
	Code     string   `json:"code"`
	Error    string   `json:"error"`
	Messages []string `json:"messages"`
	TS       string   `json:"ts"`
	View     string   `json:"view"`

	Ephemeral bool `json:"ephemeral"`
	Message   bool `json:"message"` // there is a message, or a channel
}

// boltApp is the running app.
type boltApp struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{} // closed when all it wrote was read

	mu      sync.Mutex
	lines   []said
	changed chan struct{}
}

func startBolt(t *testing.T, s *Sim) *boltApp {
	t.Helper()
	cmd := exec.Command("node", "app.js")
	cmd.Dir = boltFolder(t)
	cmd.Env = append(os.Environ(), "SLACK_BOT_TOKEN="+s.BotToken, "SLACK_APP_TOKEN="+s.AppToken, "SLACK_API_URL="+s.APIURL())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a := &boltApp{t: t, cmd: cmd, done: make(chan struct{}), changed: make(chan struct{})}
	go func() {
		defer close(a.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			a.heard(lines.Bytes())
		}
	}()
	t.Cleanup(a.kill)
	return a
}

func (a *boltApp) heard(line []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var one said
	if err := json.Unmarshal(line, &one); err != nil {
		one = said{Event: "garbage", Text: string(line)}
	}
	a.lines = append(a.lines, one)
	close(a.changed)
	a.changed = make(chan struct{})
}

// wait returns the nth (from 1) line with this event.
func (a *boltApp) wait(ctx context.Context, event string, n int) said {
	a.t.Helper()
	for {
		a.mu.Lock()
		lines, changed := slices.Clone(a.lines), a.changed
		a.mu.Unlock()
		left := n
		for _, line := range lines {
			if line.Event == event {
				if left--; left == 0 {
					return line
				}
			}
		}
		select {
		case <-changed:
		case <-a.done:
			a.t.Fatalf("the app ended before %q number %d; it said %+v", event, n, lines)
		case <-ctx.Done():
			a.t.Fatalf("the app never said %q number %d; it said %+v", event, n, lines)
		}
	}
}

// all returns the lines with this event.
func (a *boltApp) all(event string) []said {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(a.lines), func(line said) bool { return line.Event != event })
}

func (a *boltApp) kill() {
	a.cmd.Process.Kill()
	<-a.done
	a.cmd.Wait()
}

// stop ends the app as its host would, and says how it ended.
func (a *boltApp) stop(ctx context.Context) error {
	a.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-a.done:
		return a.cmd.Wait()
	case <-ctx.Done():
		return fmt.Errorf("it does not stop: %w", ctx.Err())
	}
}

// TestBoltCanNotTell lets Slack's own SDK judge: an app on Bolt for JavaScript
// goes through a working day here and must not notice anything unusual.
func TestBoltCanNotTell(t *testing.T) {
	boltFolder(t)
	s := workspace(t)
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	app := startBolt(t, s)
	started := app.wait(ctx, "started", 1)
	if started.User != s.BotUserID || !slices.Contains(started.Scopes, "chat:write") {
		t.Errorf("auth.test told the app %+v", started)
	}

	judge := func(text string) *Invocation {
		t.Helper()
		inv, err := s.Command(ctx, Typed{UserID: "U1", ChannelID: "C1", Command: "/judge", Text: text})
		if err != nil {
			t.Fatal(err)
		}
		return inv
	}
	t.Run("command, ack, message, response_url", func(t *testing.T) { boltPosts(t, ctx, s, judge) })
	t.Run("button, modal, update", func(t *testing.T) { boltRenames(t, ctx, s, app) })
	t.Run("history, thread, direct message", func(t *testing.T) { boltThreads(t, ctx, s, judge) })
	t.Run("question that one person sees", func(t *testing.T) { boltAsks(t, ctx, s, app, judge) })
	t.Run("home", func(t *testing.T) { boltAtHome(t, ctx, s, app) })
	t.Run("refresh", func(t *testing.T) { boltIsRefreshed(t, ctx, s, app, judge) })
	if odd := append(app.all("warn"), append(app.all("error"), app.all("garbage")...)...); len(odd) > 0 {
		t.Errorf("the app noticed %+v", odd)
	}
	// From here on there is something to notice.
	t.Run("rate limit", func(t *testing.T) { boltIsLimited(t, ctx, s, app, judge) })
	t.Run("broken connection", func(t *testing.T) { boltIsCut(t, ctx, s, app, judge) })
	s.Check(t)
	t.Run("refusals", func(t *testing.T) { boltIsRefused(t, ctx, app, judge) })
	if err := app.stop(ctx); err != nil {
		t.Errorf("the app ended with %v", err)
	}
	if err := s.Wait(ctx, func() bool { return s.Connections() == 0 }); err != nil {
		t.Errorf("%d connections stand after the app stopped: %v", s.Connections(), err)
	}
}

func boltPosts(t *testing.T, ctx context.Context, s *Sim, judge func(string) *Invocation) {
	inv := judge("post")
	if got := string(inv.AckPayload()); !strings.Contains(got, "Working on it") {
		t.Errorf("the ack carried %s", got)
	}
	answer, err := inv.WaitAnswer(ctx, func(m Message) bool { return strings.HasPrefix(m.Text, "Done: ") })
	if err != nil {
		t.Fatal(err)
	}
	messages := s.Messages("C1")
	if len(messages) != 1 || len(messages[0].Blocks) == 0 || messages[0].Metadata.Payload["id"] != "7" {
		t.Fatalf("the channel shows %+v", messages)
	}
	if want := "Done: " + s.Permalink(messages[0]); answer.Text != want || len(answer.Edits) != 1 || answer.For != "U1" {
		t.Errorf("got the answer %+v, want %q after one edit", answer, want)
	}
}

func boltRenames(t *testing.T, ctx context.Context, s *Sim, app *boltApp) {
	card := s.Messages("C1")[0]
	if _, err := s.Press(ctx, Pressed{UserID: "U1", ChannelID: "C1", TS: card.TS, ActionID: "rename"}); err != nil {
		t.Fatal(err)
	}
	if got := app.wait(ctx, "pressed", 1); got.Value != "v1" || got.User != "U1" || got.Block != "controls" {
		t.Errorf("the app saw %+v", got)
	}
	if err := s.Wait(ctx, func() bool { return len(s.Views("U1")) == 1 }); err != nil {
		t.Fatal(err)
	}
	modal := s.Views("U1")[0]
	if _, err := s.Submit(ctx, Submission{UserID: "U1", ViewID: modal.ID}); err != nil {
		t.Fatal(err)
	}
	if got := s.Views("U1"); len(got) != 1 || got[0].Errors["name"] != "A thing needs a name" {
		t.Fatalf("an empty name left the modal %+v", got)
	}
	if _, err := s.Submit(ctx, Submission{UserID: "U1", ViewID: modal.ID, Values: map[string]string{"value": "second"}}); err != nil {
		t.Fatal(err)
	}
	if got := s.Views("U1"); len(got) != 0 {
		t.Errorf("the modal is still there: %+v", got)
	}
	if _, err := s.WaitMessage(ctx, func(m Message) bool { return m.For == "U1" && m.Text == "Renamed to second" }); err != nil {
		t.Fatal(err)
	}
	got, _ := s.Message("C1", card.TS)
	if got.Text != "A thing named second" || len(got.Blocks) == 0 || len(got.Edits) != 1 || got.Metadata == nil {
		t.Errorf("the message is %+v", got)
	}
}

func boltThreads(t *testing.T, ctx context.Context, s *Sim, judge func(string) *Invocation) {
	judge("thread")
	direct, err := s.WaitMessage(ctx, func(m Message) bool { return m.Text == "Just for you" })
	if err != nil {
		t.Fatal(err)
	}
	if direct.Channel != s.DM("U1") {
		t.Errorf("the direct message is in %s, want %s", direct.Channel, s.DM("U1"))
	}
	thread := s.Thread("C1", s.Messages("C1")[0].TS)
	if len(thread) != 2 || thread[0].Text != "Reply to 7" || !thread[1].Broadcast {
		t.Errorf("the thread is %+v", thread)
	}
}

func boltAsks(t *testing.T, ctx context.Context, s *Sim, app *boltApp, judge func(string) *Invocation) {
	inv := judge("ask")
	question, err := inv.WaitAnswer(ctx, func(m Message) bool { return m.Text == "Really?" })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Press(ctx, Pressed{UserID: "U1", ChannelID: "C1", TS: question.TS, ActionID: "confirm"}); err != nil {
		t.Fatal(err)
	}
	if got := app.wait(ctx, "confirmed", 1); got.Value != "yes" || got.Text != "Sure?" || !got.Ephemeral || got.Message {
		t.Errorf("the app saw %+v", got)
	}
	answer, err := inv.WaitAnswer(ctx, func(m Message) bool { return m.Text == "Confirmed" })
	if err != nil {
		t.Fatal(err)
	}
	if answer.TS != question.TS || answer.For != "U1" || len(answer.Blocks) != 0 {
		t.Errorf("the question became %+v", answer)
	}
}

func boltAtHome(t *testing.T, ctx context.Context, s *Sim, app *boltApp) {
	shows := func(text string) string {
		t.Helper()
		var home View
		err := s.Wait(ctx, func() bool {
			home, _ = s.Home("U2")
			return strings.Contains(string(home.Blocks), text)
		})
		if err != nil {
			t.Fatalf("the Home tab never showed %q: %v", text, err)
		}
		return home.ID
	}
	open := func() {
		t.Helper()
		if err := s.OpenHome("U2").Wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
	press := func(actionID string) {
		t.Helper()
		if _, err := s.Press(ctx, Pressed{UserID: "U2", ActionID: actionID}); err != nil {
			t.Fatal(err)
		}
	}
	open()
	id := shows("Welcome home")
	open()
	shows("Welcome back")
	if first, second := app.wait(ctx, "home", 1), app.wait(ctx, "home", 2); first.View != "" || second.View != id || second.Text != "home" {
		t.Errorf("the app saw %+v, then %+v, of the tab %s", first, second, id)
	}
	press("refresh")
	if got := app.wait(ctx, "refreshed", 1); got.View != id || got.User != "U2" || got.Message {
		t.Errorf("the app saw %+v", got)
	}
	shows("Refreshed")
	press("visit")
	if got := app.wait(ctx, "visited", 1); got.Text != "https://example.com/" {
		t.Errorf("the app saw %+v", got)
	}
}

func boltIsLimited(t *testing.T, ctx context.Context, s *Sim, app *boltApp, judge func(string) *Invocation) {
	s.Fail("chat.postMessage", Fault{Status: 429, RetryAfter: time.Second})
	judge("burst")
	posted := app.wait(ctx, "posted", 2)
	if got := app.all("rate_limited"); len(got) != 1 || got[0].Seconds != 1 {
		t.Errorf("the app was limited %+v, want once for a second", got)
	}
	if _, ok := s.Message("C1", posted.TS); !ok {
		t.Errorf("the message %s is not in the channel", posted.TS)
	}
}

func boltIsRefreshed(t *testing.T, ctx context.Context, s *Sim, app *boltApp, judge func(string) *Invocation) {
	s.Disconnect(RefreshRequested, 0)
	app.wait(ctx, "connected", 2)
	judge("burst")
	app.wait(ctx, "posted", 1)
}

func boltIsCut(t *testing.T, ctx context.Context, s *Sim, app *boltApp, judge func(string) *Invocation) {
	s.CutSockets(0)
	app.wait(ctx, "connected", 3)
	judge("burst")
	app.wait(ctx, "posted", 3)
}

func boltIsRefused(t *testing.T, ctx context.Context, app *boltApp, judge func(string) *Invocation) {
	judge("refused")
	app.wait(ctx, "refusals_done", 1)
	want := []string{
		"invalid_blocks: [[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]]",
		"invalid_blocks: [[ERROR] unsupported type: task_card [json-pointer:/blocks/0/type]]",
		"no_text: []",
		"channel_not_found: []",
	}
	var got []string
	for _, line := range app.all("refused") {
		if line.Code != "slack_webapi_platform_error" {
			t.Errorf("the SDK takes %q for %s", line.Error, line.Code)
		}
		got = append(got, fmt.Sprintf("%s: %v", line.Error, line.Messages))
	}
	if !slices.Equal(got, want) {
		t.Errorf("refused\n%q\nwant\n%q", got, want)
	}
}
