//go:build !windows

package bot

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/internal/slacksim"
)

// childAPI holds the address of the Web API for a bot in a process of its own.
const childAPI = "BOT_TEST_CHILD_API"

// child is the bot that TestFrozenProcess freezes: this test binary again.
func child(url string) int {
	log := logrus.New()
	log.SetOutput(os.Stdout)
	b, err := New(Config{
		BotToken: os.Getenv("BOT_TEST_BOT"), AppToken: os.Getenv("BOT_TEST_APP"), APIURL: url, Command: "/import",
		Stagger: time.Millisecond, DrainWithin: time.Second, Log: log,
	}, func(ctx context.Context, r *Request) error {
		if strings.HasPrefix(r.Text, "slow") {
			r.Ack()
			<-ctx.Done()
		}
		return r.Answer(ctx, words("child "+r.Text))
	})
	if err != nil {
		return 2
	}
	b.SetShare(2)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { io.Copy(io.Discard, os.Stdin); cancel() }() //nolint:errcheck // its end is the sign to stop
	if err := b.Run(ctx); err != nil {
		return 1
	}
	return 0
}

// startChild runs the bot in a process of its own, until the test ends.
func (w *world) startChild(name string) (cmd *exec.Cmd, stop func()) {
	w.t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childAPI+"="+w.sim.APIURLOf(name), "BOT_TEST_BOT="+w.sim.BotToken, "BOT_TEST_APP="+w.sim.AppToken)
	cmd.Stdout, cmd.Stderr = w.log, w.log
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cmd.Process.Signal(syscall.SIGCONT) //nolint:errcheck // it may run
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			w.t.Errorf("the other process: %v", err)
		}
		if w.t.Failed() {
			w.t.Log(w.log)
		}
	})
	w.t.Cleanup(stop)
	w.wait("the other process to connect", func() bool { return w.sim.ConnectionsOf(name) == 2 })
	return cmd, stop
}

// A process that is stopped with commands on its sockets, and goes on when Slack
// has long told people of a failure, says nothing to them, neither in an ack nor
// by response_url. What it had acked before it was stopped it still answers for.
func TestFrozenProcessKeepsSilent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, echo, nil)
	cmd, stop := w.startChild("frozen")
	w.types("first")
	acked := w.types("slow, and acked")

	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("it does not stand still: %v", err)
	}
	w.sim.Excuse("frozen")
	var lost []*slacksim.Invocation
	for _, text := range []string{"raw one", "raw two", "slow three"} {
		inv, err := w.sim.Type(slacksim.Typed{UserID: "U1", ChannelID: "C1", Command: "/import", Text: text})
		if err != nil {
			t.Fatal(err)
		}
		lost = append(lost, inv)
	}
	for _, inv := range lost {
		var failed *slacksim.FailedError
		if err := inv.Wait(w.ctx()); !errors.As(err, &failed) || failed.Code != slacksim.OperationTimeout {
			t.Fatalf("while it stood still: %v", err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	// It notices, and replaces both connections: then all that lay on the old ones is dealt with.
	w.wait("new connections", func() bool { return len(w.sim.Calls(opens)) >= 4 && w.sim.ConnectionsOf("frozen") == 2 })
	after := w.types("after")
	if _, err := after.WaitAnswer(w.ctx(), func(m slacksim.Message) bool { return m.Text == "child after" }); err != nil {
		t.Error(err)
	}
	for _, inv := range lost {
		if got := inv.Answers(); len(got) != 0 {
			t.Errorf("%s was answered too late: %q", inv.What, got[0].Text)
		}
		for _, e := range inv.Envelopes() {
			if e.Acked {
				t.Errorf("%s was acked too late", inv.What)
			}
		}
	}
	stop()
	if !acked.Acked() || len(acked.Answers()) != 1 {
		t.Errorf("what was acked before got the answers %+v", acked.Answers())
	}
}
