//go:build unix

package app

import (
	"bytes"
	"errors"
	"fmt"
	"os"
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

// gone says whether a process has ended, one included that nobody has asked for its status.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(stat, []byte(") Z "))
}
