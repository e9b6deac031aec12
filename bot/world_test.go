package bot

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/internal/slacksim"
)

// world is a bot that talks to a simulated Slack over real HTTP and WebSocket.
// In it Ana (U1) and Ben (U2) sit in the channel C1.
type world struct {
	t    testing.TB
	sim  *slacksim.Sim
	bot  *Bot
	log  *safeBuffer
	stop context.CancelFunc
	ran  chan error

	patience time.Duration // how long wait waits
}

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// untilTheEnd writes while the test runs: what outlives it a little must not fail the next one.
type untilTheEnd struct {
	mu  sync.Mutex
	out io.Writer
}

func (u *untilTheEnd) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.out.Write(p)
}

func (u *untilTheEnd) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.out = io.Discard
}

// newWorld makes the two without starting the bot.
func newWorld(t testing.TB, handler Handler, change func(*Config), options ...slacksim.Option) *world {
	t.Helper()
	w := &world{t: t, sim: slacksim.New(options...), log: &safeBuffer{}, ran: make(chan error, 1), patience: 30 * time.Second}
	w.sim.AddUser("U1", "ana")
	w.sim.AddUser("U2", "ben")
	w.sim.AddChannel("C1", "imports")
	t.Cleanup(func() {
		w.sim.Close()
		w.sim.Check(t)
	})
	log := logrus.New()
	log.SetLevel(logrus.DebugLevel)
	out := &untilTheEnd{out: t.Output()}
	t.Cleanup(out.end)
	log.SetOutput(io.MultiWriter(w.log, out))
	cfg := Config{
		BotToken: w.sim.BotToken, AppToken: w.sim.AppToken, APIURL: w.sim.APIURL(), Command: "/import",
		Log: log, Stagger: time.Millisecond, BackoffMin: 10 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if w.bot, err = New(cfg, handler); err != nil {
		t.Fatal(err)
	}
	w.bot.limits = newLimits(longAgo())
	// Reconnecting is fast in tests; what the gate bounds has tests of its own.
	w.bot.gate.rate.SetLimit(1000)
	return w
}

// start makes both, starts the bot and waits until all its connections are up.
func start(t testing.TB, handler Handler, change func(*Config), options ...slacksim.Option) *world {
	t.Helper()
	w := newWorld(t, handler, change, options...)
	w.run()
	w.wait("all connections", func() bool { return w.sim.Ready() == w.bot.cfg.Connections })
	return w
}

func (w *world) run() {
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() { w.ran <- w.bot.Run(ctx) }()
	w.t.Cleanup(func() {
		stop()
		if err := w.ended(); err != nil {
			w.t.Errorf("Run returned %v", err)
		}
		for _, secret := range []string{w.bot.cfg.BotToken, w.bot.cfg.AppToken, "ticket=", "/commands/T"} {
			if strings.Contains(w.log.String(), secret) {
				w.t.Errorf("the log holds the secret %q", secret)
			}
		}
	})
}

// ended waits for Run to return. What it returned the first time is not
// returned again.
func (w *world) ended() error {
	w.t.Helper()
	select {
	case err, ok := <-w.ran:
		if ok {
			close(w.ran)
		}
		return err
	case <-time.After(w.patience * 3 / 2):
		w.t.Fatal("Run does not return")
		return nil
	}
}

func (w *world) wait(what string, done func() bool) {
	w.t.Helper()
	deadline := time.After(w.patience)
	tick := time.NewTicker(w.patience / 5000)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("waited for %s in vain", what)
		}
	}
}

// ctx ends when no test should still be waiting.
func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), w.patience)
	w.t.Cleanup(cancel)
	return ctx
}

// types a command as Ana and waits for its ack.
func (w *world) types(text string) *slacksim.Invocation {
	w.t.Helper()
	return w.typesAs(slacksim.Typed{UserID: "U1", ChannelID: "C1", Command: "/import", Text: text})
}

func (w *world) typesAs(typed slacksim.Typed) *slacksim.Invocation {
	w.t.Helper()
	inv, err := w.sim.Command(w.ctx(), typed)
	if err != nil {
		w.t.Fatal(err)
	}
	return inv
}

// reads waits until Ana alone can read something that contains text.
func (w *world) reads(text string) slacksim.Message {
	w.t.Helper()
	m, err := w.sim.WaitMessage(w.ctx(), func(m slacksim.Message) bool { return strings.Contains(m.Text, text) })
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// longAgo is when a bot was made whose allowances are full by now.
func longAgo() time.Time { return time.Now().Add(-time.Hour) }

// problems are what Checks finds.
func problems(h Health, now time.Time) []string {
	var found []string
	for _, c := range h.Checks(now) {
		if c.Problem != "" {
			found = append(found, c.Name+": "+c.Problem)
		}
	}
	return found
}

func words(text string) Message { return Message{Text: text} }

// echo answers with what was typed.
func echo(ctx context.Context, r *Request) error { return r.Answer(ctx, words("echo "+r.Text)) }
