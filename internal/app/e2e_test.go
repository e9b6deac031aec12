package app

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/internal/slacksim"
)

// These tests start the real program, as a process of its own, between the simulated Slack and the simulated BigFix server.

const (
	ana     = "U0123ANA"
	channel = "C0123456789"
	pace    = 3 * time.Second // of an import
)

// world is what surrounds the bot.
type world struct {
	slack  *slacksim.Sim
	bigfix *bigfixtest.Server
	dir    string
}

func newWorld(t *testing.T) *world { return newWorldOf(t, pace) }

// newWorldOf makes a world in which an import takes so long.
func newWorldOf(t *testing.T, pace time.Duration) *world {
	t.Helper()
	w := &world{
		slack: slacksim.New(),
		bigfix: bigfixtest.NewServer(bigfixtest.WithDuration(bigfix.TypeRaw, pace), bigfixtest.WithDuration(bigfix.TypeComplete, pace),
			bigfixtest.WithSchedule(bigfixtest.Schedule{Off: true})),
		dir: t.TempDir(),
	}
	w.slack.AddUser(ana, "ana")
	w.slack.AddChannel(channel, "bigfix")
	t.Cleanup(func() {
		w.slack.Check(t)
		w.slack.Close()
		w.bigfix.Close()
	})
	return w
}

// environ is a configuration for this world, at the pace of a test.
func (w *world) environ(more ...string) []string {
	return append([]string{
		"SLACK_BOT_TOKEN=" + w.slack.BotToken, "SLACK_APP_TOKEN=" + w.slack.AppToken, "SLACK_API_URL=" + w.slack.APIURL(),
		"SLACK_CHANNEL=" + channel, "IMPORT_OPERATORS=" + ana,
		"BIGFIX_URL=" + w.bigfix.URL, "BIGFIX_TOKEN=" + w.bigfix.Token, "BIGFIX_NAME=prod",
		"POLL_RUNNING=50ms", "POLL_IDLE=200ms", "START_GRACE=2s", "END_GRACE=300ms",
		"DATABASE_URL=" + filepath.Join(w.dir, "importbot.db"), "HOME=" + w.dir, "PATH=/nowhere",
		"HTTP_ADDR=127.0.0.1:0",
	}, more...)
}

// process is a running importbot.
type process struct {
	*exec.Cmd
	out, log *buffer
	ended    chan struct{}
}

func (w *world) start(t *testing.T, environ []string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(binary(t), args...), out: newBuffer(), log: newBuffer(), ended: make(chan struct{})}
	p.Env, p.Dir, p.Stdout, p.Stderr = environ, w.dir, p.out, p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.Wait() //nolint:errcheck // ProcessState has it
	}()
	t.Cleanup(func() {
		p.Process.Kill() //nolint:errcheck // mostly it is over
		<-p.ended
	})
	return p
}

// ready waits until commands arrive.
func (p *process) ready(t *testing.T) *process {
	t.Helper()
	p.log.await(t, "Taking commands", func(log string) bool { return strings.Contains(log, "Taking commands") })
	return p
}

// exit waits for the end and returns the status. How long stopping may take is the program's own affair: what does
// not stop in its time shows in the status, or in what was not said (TestALayerThatHangsLeavesTimeToTheNext).
func (p *process) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.ProcessState.ExitCode()
	case <-deadline(t).Done():
		t.Fatalf("it does not end\n%s", p.log)
		return -1
	}
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// command types a command and waits for its ack.
func (w *world) command(t *testing.T, text string) *slacksim.Invocation {
	t.Helper()
	inv, err := w.slack.Command(deadline(t), slacksim.Typed{UserID: ana, ChannelID: channel, Command: "/import", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// message waits for a message of the bot's of one kind that fits.
func (w *world) message(t *testing.T, kind string, fits func(slacksim.Message) bool) slacksim.Message {
	t.Helper()
	m, err := w.slack.WaitMessage(deadline(t), func(m slacksim.Message) bool { return kindOf(m) == kind && fits(m) })
	if err != nil {
		t.Fatalf("no %s: %v", kind, err)
	}
	return m
}

func kindOf(m slacksim.Message) string {
	if m.Metadata == nil {
		return ""
	}
	kind, _ := m.Metadata.Payload["kind"].(string)
	return kind
}

func whatever(slacksim.Message) bool { return true }

func saying(text string) func(slacksim.Message) bool {
	return func(m slacksim.Message) bool { return strings.Contains(m.Text, text) }
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// kinds counts the messages of the channel by kind.
func (w *world) kinds() map[string]int {
	counts := map[string]int{}
	for _, m := range w.slack.Messages(channel) {
		counts[kindOf(m)]++
	}
	return counts
}

func TestFollowAnImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	binary(t)
	began := time.Now()
	p := w.start(t, w.environ()).ready(t)
	t.Logf("ready after %s", time.Since(began).Round(time.Millisecond))

	inv := w.command(t, "raw")
	if _, err := inv.WaitAnswer(deadline(t), saying("Starting a raw import on prod")); err != nil {
		t.Fatal(err)
	}
	card := w.message(t, "card", saying("running"))
	finished := w.message(t, "finished", saying("Raw import on prod succeeded"))
	if finished.ThreadTS != card.TS || !finished.Broadcast || len(finished.Mentions()) != 1 || finished.Mentions()[0] != ana {
		t.Errorf("the finished message is not a broadcast reply to the card that mentions who asked: %+v", finished)
	}
	w.message(t, "card", saying("succeeded"))

	p.signal(t, syscall.SIGTERM)
	if got := p.exit(t); got != exitWell {
		t.Errorf("after SIGTERM: got exit status %d, want 0\n%s", got, p.log)
	}
	if got := runsOf(w.bigfix); got != 1 {
		t.Errorf("got %d run= requests, want 1", got)
	}
	if want := "path\":\"" + filepath.Join(w.dir, "importbot.db"); !strings.Contains(p.log.String(), want) {
		t.Errorf("the absolute path of the database is not logged:\n%s", p.log)
	}
	for _, secret := range []string{w.slack.BotToken, w.slack.AppToken, w.bigfix.Token} {
		if strings.Contains(p.log.String()+p.out.String(), secret) {
			t.Errorf("%s is logged", secret)
		}
	}
}

// Killed with -9 at any moment and started again: the same card and thread go on, with one finished message and one run= request.
func TestKilledAndStartedAgain(t *testing.T) {
	t.Parallel()
	for name, moment := range map[string]func(*testing.T, *world){
		"when the card was posted": func(t *testing.T, w *world) { w.message(t, "card", whatever) },
		"when run= was sent": func(t *testing.T, w *world) {
			if _, err := w.bigfix.Wait(deadline(t), func(r bigfixtest.Request) bool { return r.Run != "" }); err != nil {
				t.Fatal(err)
			}
		},
		"in mid-import": func(t *testing.T, w *world) {
			w.message(t, "milestone", whatever)
			w.message(t, "card", saying("percent"))
		},
		"when the end was announced": func(t *testing.T, w *world) { w.message(t, "finished", whatever) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.start(t, w.environ()).ready(t)
			inv := w.command(t, "raw")
			moment(t, w)
			p.signal(t, syscall.SIGKILL)
			p.exit(t)

			p = w.start(t, w.environ()).ready(t)
			finished := w.message(t, "finished", whatever)
			card := w.message(t, "card", func(m slacksim.Message) bool {
				return m.TS == finished.ThreadTS && !strings.Contains(m.Text, "running")
			})
			p.signal(t, syscall.SIGTERM)
			if got := p.exit(t); got != exitWell {
				t.Errorf("got exit status %d, want 0\n%s", got, p.log)
			}
			if got := w.kinds(); got["card"] != 1 || got["finished"] != 1 {
				t.Errorf("got %v, want one card and one finished message", got)
			}
			if got := runsOf(w.bigfix); got > 1 {
				t.Errorf("got %d run= requests, want one at most", got)
			}
			if !strings.Contains(card.Text, "succeeded") && runsOf(w.bigfix) == 1 && name == "in mid-import" {
				t.Errorf("the card says %q", card.Text)
			}
			t.Logf("answered %d times; the end: %s", len(inv.Answers()), finished.Text)
		})
	}
}

// The bot hangs neither on Slack nor on the server when it is told to stop, and a second process is told who is in the way.
func TestStopsWhileNothingAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, w.environ()).ready(t)
	second := w.start(t, w.environ())
	if got := second.exit(t); got != exitUsage {
		t.Errorf("a second process on the same database: got exit status %d, want %d\n%s", got, exitUsage, second.log)
	}
	t.Logf("the second process: %s", lastLine(second.log.String()))

	w.bigfix.Fail(bigfixtest.Fault{On: bigfixtest.Looks, Answer: bigfixtest.AnswerHang})
	w.slack.Fail("*", slacksim.Fault{Hang: true, Times: -1})
	if _, err := w.slack.Type(slacksim.Typed{UserID: ana, ChannelID: channel, Command: "/import", Text: "raw"}); err != nil {
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGTERM)
	if got := p.exit(t); got != exitWell {
		t.Errorf("got exit status %d, want 0\n%s", got, p.log)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, w.environ()).ready(t)
	w.slack.Fail("*", slacksim.Fault{Hang: true, Times: -1})
	w.command(t, "raw")
	p.signal(t, syscall.SIGTERM)
	p.log.await(t, "Stopping", func(log string) bool { return strings.Contains(log, "Stopping") })
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-p.ended: // in any case: stopping takes a while, but has its limit
			if status, ok := p.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
				t.Errorf("it ended by itself: %v", p.ProcessState)
			}
			return
		case <-again.C:
			p.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may be over
		}
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func TestFaultyConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, w.environ("SLACK_CHANNEL=#bigfix", "POLL_IDLE=30", "BIGFIX_TOKEN="))
	if got := p.exit(t); got != exitUsage {
		t.Errorf("got exit status %d, want %d", got, exitUsage)
	}
	for _, want := range []string{"3 faults", "SLACK_CHANNEL is", "POLL_IDLE is", "BIGFIX_TOKEN is missing"} {
		if !strings.Contains(p.log.String(), want) {
			t.Errorf("no %q in\n%s", want, p.log)
		}
	}
}

func TestRefusedTokensEndTheProgram(t *testing.T) {
	t.Parallel()
	for variable, token := range map[string]string{"SLACK_BOT_TOKEN": "xoxb-wrong", "SLACK_APP_TOKEN": "xapp-wrong"} {
		t.Run(variable, func(t *testing.T) {
			w := newWorld(t)
			p := w.start(t, w.environ(variable+"="+token))
			if got := p.exit(t); got != exitUsage {
				t.Errorf("got exit status %d, want %d", got, exitUsage)
			}
			if last := lastLine(p.log.String()); !strings.Contains(last, `"msg":"Slack refuses `+variable) || strings.Contains(last, token) {
				t.Errorf("the last line is %q", last)
			}
		})
	}
}

// The bot watches on while Slack is down from the start, and its thread catches up when Slack is back.
func TestSlackDownAtStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.slack.Fail("*", slacksim.Fault{Status: 503, Times: -1})
	p := w.start(t, w.environ("ANNOUNCE=all"))
	if _, err := w.bigfix.Wait(deadline(t), func(r bigfixtest.Request) bool { return r.Run == "" }); err != nil {
		t.Fatal(err)
	}
	w.bigfix.StartByHand(w.bigfix.Clock().Now(), bigfix.TypeComplete)
	p.log.await(t, "import that began elsewhere", func(log string) bool { return strings.Contains(log, `"event":"began"`) })
	w.slack.Heal("*")
	w.message(t, "finished", saying("succeeded"))
	p.signal(t, syscall.SIGTERM)
	if got := p.exit(t); got != exitWell {
		t.Errorf("got exit status %d, want 0\n%s", got, p.log)
	}
}

// The story of the demo, with a hostile environment around it: it reads neither environment nor .env, and leaves nothing behind.
func TestDemoFromAPipe(t *testing.T) {
	t.Parallel()
	dir, temp := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte("BIGFIX_URL=nonsense\nthis is no line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t), "demo")
	cmd.Dir = dir
	cmd.Env = []string{"TMPDIR=" + temp, "SLACK_BOT_TOKEN=nonsense", "BIGFIX_SERVERS=!", "DATABASE_URL=/proc/nonsense"}
	cmd.Stdin = strings.NewReader("/import status\n/import raw\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rest := string(out)
	for _, want := range []string{
		"Importbot runs and watches", "ana types /import status", "only you see this", "prod · idle · BigFix Inventory",
		"Last import: complete, succeeded", "Next: complete,", "ana types /import raw", "importbot · #bigfix-imports", "Raw import on prod",
		"Starting a raw import on prod.", "running", "▰", "left (usually ", "has passed 50 %", "in the thread, and shown in #bigfix-imports",
		"Raw import on prod succeeded after", "@ana", "REST API", "the card now: Raw import on prod · succeeded",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("no %q (in this place) in\n%s", want, out)
		}
		rest = after
	}
	if strings.ContainsAny(string(out), "\x1b\r") {
		t.Error("there are control characters in what goes into a pipe")
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
	t.Logf("\n%s", out)
}
