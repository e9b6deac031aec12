// Figures prints what Importbot costs on this machine: how fast it acknowledges under load, what it takes when idle, how often it asks a
// server, and how much it says about an import. It builds the program, runs it as a process between a simulated Slack and a
// simulated server on loopback ports, and measures from outside.
//
//	go run ./internal/figures          all of it, about two minutes
//	go run ./internal/figures -short   the same with less of each, for CI
//
// It asserts no time: machines differ. It fails only where a command was lost or a rule of Slack's was broken.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"importbot/bigfix/bigfixtest"
	"importbot/internal/slacksim"
)

func main() {
	short := flag.Bool("short", false, "measure less of each")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	size := full
	if *short {
		size = brief
	}
	if err := run(ctx, size); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		stop()
		os.Exit(1)
	}
}

// extent is how much of each thing is measured.
type extent struct {
	idle      time.Duration // how long the idle process is watched
	load      time.Duration // how long commands are typed
	polls     time.Duration // how long polls are counted
	followers []int
}

var (
	full  = extent{idle: 30 * time.Second, load: 20 * time.Second, polls: 15 * time.Second, followers: []int{1, 100, 1000}}
	brief = extent{idle: 5 * time.Second, load: 3 * time.Second, polls: 4 * time.Second, followers: []int{1, 100}}
)

// rate is how many commands are typed a second under load.
const rate = 200

func run(ctx context.Context, size extent) error {
	dir, err := os.MkdirTemp("", "importbot-figures-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "importbot")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "importbot").CombinedOutput(); err != nil {
		return fmt.Errorf("build importbot: %w\n%s", err, out)
	}
	info, err := os.Stat(program)
	if err != nil {
		return err
	}
	fmt.Printf("size of the program            %.1f MB\n", float64(info.Size())/1e6)
	for _, measure := range []func(context.Context, string, extent) error{idle, load, polls, words} {
		if err := measure(ctx, program, size); err != nil {
			return err
		}
	}
	return nil
}

// idle measures the start, and the process when nothing happens.
func idle(ctx context.Context, program string, size extent) error {
	s, err := newStage(ctx, program)
	if err != nil {
		return err
	}
	defer s.close()
	ready, err := s.start(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("start to ready                 %d ms\n", ready.Milliseconds())
	before, err := usageOf(s.process.Process.Pid)
	if errors.Is(err, errNoUsage) {
		fmt.Println("idle                           not measured:", err)
		return nil
	}
	if err != nil {
		return err
	}
	if err := pause(ctx, size.idle); err != nil {
		return err
	}
	after, err := usageOf(s.process.Process.Pid)
	if err != nil {
		return err
	}
	share := 100 * (after.processor - before.processor).Seconds() / size.idle.Seconds()
	fmt.Printf("idle, one server, %-5v        %.1f MB resident, %.2f %% of one core\n", size.idle, float64(after.resident)/1e6, share)
	return s.verdict()
}

// load types commands while the server hangs and edits are refused, and measures from envelope to acknowledgement.
func load(ctx context.Context, program string, size extent) error {
	s, err := newStage(ctx, program)
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := s.start(ctx); err != nil {
		return err
	}
	s.server.Fail(bigfixtest.Fault{Answer: bigfixtest.AnswerHang})
	s.slack.Fail("chat.update", slacksim.Fault{RetryAfter: time.Minute, Times: -1})

	texts := []string{"status", "raw", "help", "status prod", "complete", "statsu", ""}
	total := int(size.load.Seconds() * rate)
	took := make([]time.Duration, total)
	lost := make([]error, total)
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	var typing sync.WaitGroup
	for i := range total {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		typing.Go(func() {
			inv, err := s.typed(ctx, operator(i%people), texts[i%len(texts)])
			if err != nil {
				lost[i] = err
				return
			}
			took[i] = inv.AckLatency()
		})
	}
	typing.Wait()
	lost = slices.DeleteFunc(lost, func(err error) bool { return err == nil })
	if len(lost) > 0 {
		return fmt.Errorf("%d of %d commands were lost, the first: %w", len(lost), total, lost[0])
	}
	slices.Sort(took)
	fmt.Printf("envelope to ack, %d/s, %-4v     p50 %.2f ms, p99 %.2f ms, slowest %.2f ms; %d commands, none lost\n",
		rate, size.load, ms(took[total/2]), ms(took[total*99/100]), ms(took[total-1]), total)
	return s.verdict()
}

// polls counts how often the server is asked while people follow an import.
func polls(ctx context.Context, program string, size extent) error {
	for _, followers := range size.followers {
		if err := pollsWith(ctx, program, size.polls, followers); err != nil {
			return err
		}
	}
	return nil
}

func pollsWith(ctx context.Context, program string, watched time.Duration, followers int) error {
	s, err := newStage(ctx, program, "POLL_RUNNING=1s", "POLL_IDLE=1s")
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := s.start(ctx); err != nil {
		return err
	}
	for i := range followers {
		if _, err := s.typed(ctx, operator(i), "complete"); err != nil {
			return err
		}
	}
	if err := s.began(ctx); err != nil {
		return err
	}
	before := len(s.server.Journal().Requests)
	if err := pause(ctx, watched); err != nil {
		return err
	}
	asked := len(s.server.Journal().Requests) - before
	// In the first two minutes of an import the interval is a third of POLL_RUNNING.
	interval := time.Second / 3
	fmt.Printf("polls an interval, %4d followers   %.2f (%d requests in %v, one run=: %v)\n",
		followers, float64(asked)/(watched.Seconds()/interval.Seconds()), asked, watched, len(s.server.Journal().Runs()) == 1)
	return s.verdict()
}

// words counts what is said about one import, from its start to its end.
func words(ctx context.Context, program string, _ extent) error {
	s, err := newStage(ctx, program, "POLL_RUNNING=300ms", "POLL_IDLE=300ms")
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := s.start(ctx); err != nil {
		return err
	}
	if _, err := s.typed(ctx, operator(0), "raw"); err != nil {
		return err
	}
	_, err = s.slack.WaitMessage(ctx, func(m slacksim.Message) bool { return m.Broadcast })
	if err != nil {
		return err
	}
	messages, edits := 0, 0
	for _, m := range s.slack.Messages(channelID) {
		messages++
		edits += len(m.Edits)
	}
	fmt.Printf("said about an import           %d messages (at most 8), %d edits (at most 20)\n", messages, edits)
	return s.verdict()
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
