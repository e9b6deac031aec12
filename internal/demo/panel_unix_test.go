//go:build unix

package demo

import (
	"io"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"importbot/internal/slackweb"
)

// Whoever looks sees a bot that is slow to stop as it is, and waits for nothing.
func TestABotThatIsSlowToStopKeepsNobodyFromLooking(t *testing.T) {
	p := backstage(t, io.Discard)
	before := p.bot.stands()
	if err := syscall.Kill(before.pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	flipped := make(chan error, 1)
	go func() {
		_, err := p.Flip(t.Context(), "bot-strict")
		flipped <- err
	}()
	for p.sectionOf(toBot).Summary != "Stopping." {
		select {
		case err := <-flipped:
			t.Fatalf("nobody saw it stop: %v", err)
		default:
			runtime.Gosched()
		}
	}
	for _, id := range []string{"bot-strict", "bot-start", "bot-kill"} {
		if _, err := p.Flip(t.Context(), id); err == nil || err.Error() != "The bot is being started anew: try this again when it runs." {
			t.Errorf("%s meanwhile: %v", id, err)
		}
	}
	if err := syscall.Kill(before.pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := <-flipped; err != nil {
		t.Fatal(err)
	}
	if after := p.bot.stands(); after.pid == before.pid || !slices.Contains(p.environ("bot"), p.strictness()) {
		t.Errorf("the bot is %+v", after)
	}
}

// A bot that can't be started leaves the switch as it was, and the panel says that none runs.
func TestAStartAnewThatFails(t *testing.T) {
	p := backstage(t, io.Discard)
	command := p.bot.command
	p.bot.command = []string{t.TempDir()}
	if told, err := p.Flip(t.Context(), "bot-strict"); err == nil {
		t.Errorf("it tells %q", told)
	}
	if now, is := p.find(t, "bot-strict"), p.sectionOf(toBot); *now.On || is.Summary != "Stopped." || is.Tone != slackweb.ToneBad {
		t.Errorf("it looks like %+v, and the bot is %+v", now, is)
	}
	p.bot.command = command
	if _, now := p.flip(t, "bot-start"); now.Disabled == "" || p.strict.Load() {
		t.Errorf("then it looks like %+v", now)
	}
}
