//go:build unix

package app

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"importbot/internal/slackweb"
)

// A demo that is killed takes its bot with it.
func TestDemoLeavesNoOrphan(t *testing.T) {
	t.Parallel()
	d := show(t)
	state := panelOf(t, d.url, "a bot that takes commands", func(s slackweb.PanelState) bool { return section(s, "bot").Tone == slackweb.ToneGood })
	pid, err := strconv.Atoi(section(state, "bot").Facts[0].Value)
	if err != nil || gone(pid) {
		t.Fatalf("the panel says of the bot %+v, %v", section(state, "bot"), err)
	}
	d.signal(t, syscall.SIGKILL)
	<-d.ended
	within, look := time.NewTimer(20*time.Second), time.NewTicker(20*time.Millisecond)
	defer within.Stop()
	defer look.Stop()
	for !gone(pid) {
		select {
		case <-look.C:
		case <-within.C:
			syscall.Kill(pid, syscall.SIGKILL) //nolint:errcheck // the test failed
			t.Fatalf("process %d is still there", pid)
		}
	}
}

// A script may read the first line, which says where the page is, and no more.
func TestDemoWhoseOutputNobodyReads(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	d := exec.CommandContext(deadline(t), binary(t), "demo", "--addr", "127.0.0.1:0")
	d.Env, d.Dir = []string{"TMPDIR=" + temp}, t.TempDir()
	stdin, err := d.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := d.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	first := firstLine.FindStringSubmatch(line)
	if first == nil {
		t.Fatalf("the first line is %q, %v", line, err)
	}
	stdout.Close() //nolint:errcheck // it was only read
	panelOf(t, first[1], "a bot that takes commands", func(s slackweb.PanelState) bool { return section(s, "bot").Tone == slackweb.ToneGood })
	post(t, first[1]+"/api/panel", map[string]string{"switch": "server-pending"}) // which the terminal is told of
	post(t, first[1]+"/api/command", map[string]string{"user": "U0ANA", "channel": "C0IMPORTS", "text": "/import help"})
	fmt.Fprintln(stdin, "exit")
	if err := d.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(temp, "*")); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// gone says whether a process has ended, one included that nobody has asked for its status.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(stat, []byte(") Z "))
}
