package bot

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"importbot/internal/slacksim"
)

// seenBy is an Observer that counts.
type seenBy struct {
	mu     sync.Mutex
	counts map[string]int
	acks   []time.Duration
}

func (s *seenBy) add(what ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[fmt.Sprint(what...)]++
}

func (s *seenBy) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[what]
}

func (s *seenBy) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(slices.Sorted(maps.Keys(s.counts)))
}

func watching() (*seenBy, func(*Config)) {
	s := &seenBy{counts: map[string]int{}}
	return s, func(c *Config) {
		c.Observer = Observer{
			Ack: func(kind Kind, took time.Duration) {
				s.add("ack ", kind)
				s.mu.Lock()
				defer s.mu.Unlock()
				s.acks = append(s.acks, took)
			},
			Call:         func(method, result string, took time.Duration) { s.add(method, " ", result) },
			Refused:      func(r *Request, why string) { s.add("refused ", why) },
			Left:         func(r *Request, why string) { s.add("left ", why) },
			Repeated:     func(kind Kind) { s.add("repeated ", kind) },
			Connected:    func() { s.add("connected") },
			Disconnected: func(reason string) { s.add("disconnected ", reason) },
		}
	}
}

func TestObserverSeesCommandsAndConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen, watch := watching()
		w := startMoved(t, func(ctx context.Context, r *Request) error {
			if r.Text == "slow" {
				<-time.After(2 * r.bot.cfg.AckWithin)
			}
			return echo(ctx, r)
		}, watch)
		inv := w.types("one")
		inv.Redeliver()
		w.typesAs(slacksim.Typed{UserID: "U1", ChannelID: "C1", Command: "/other"})
		w.typesAs(slacksim.Typed{UserID: "U1", ChannelID: "C1", Command: "/import", TeamID: "T9"})
		sees := func(what string, n int) {
			t.Helper()
			w.wait(what, func() bool { return seen.count(what) == n })
		}
		sees("ack command", 4)
		sees("repeated command", 1)
		sees("refused command", 1)
		sees("refused team", 1)
		w.types("slow")
		sees("ack command", 5)
		seen.mu.Lock()
		if want := []time.Duration{0, 0, 0, 0, w.bot.cfg.AckWithin}; !slices.Equal(seen.acks, want) { // the clock moves while all wait
			t.Errorf("the acks took %v, want %v", seen.acks, want)
		}
		seen.mu.Unlock()
		sees("connected", 2)
		sees(opens+" ok", 2)
		for _, reason := range []string{slacksim.RefreshRequested, slacksim.LinkDisabled} {
			w.sim.Disconnect(reason, 1)
			sees("disconnected "+reason, 1)
			w.wait("the replacement", func() bool { return w.sim.Ready() == 2 })
		}
		w.sim.CutSockets(1)
		sees("disconnected closed", 1)
		w.wait("the replacement", func() bool { return w.sim.Ready() == 2 })
		sees("connected", 5) // by the bot, too
		w.stop()
		if err := w.ended(); err != nil {
			t.Error(err)
		}
		sees("disconnected stopping", 2)
	})
}

func TestObserverSeesHowCallsEnd(t *testing.T) {
	fault := func(f slacksim.Fault) func(w *world) { return func(w *world) { w.sim.Fail(methodPost, f) } }
	for result, prepare := range map[string]func(w *world){
		"ok":           func(*world) {},
		"rate_limited": fault(slacksim.Fault{RetryAfter: time.Minute}),
		"auth":         fault(slacksim.Fault{Error: "token_revoked"}),
		"channel":      func(w *world) { w.sim.SetArchived("C1", true) },
		"gone":         fault(slacksim.Fault{Error: "thread_not_found"}),
		"invalid":      fault(slacksim.Fault{Error: "invalid_blocks"}),
		"unavailable":  fault(slacksim.Fault{Status: 502}),
		"lost":         fault(slacksim.Fault{TakeThenDrop: true}),
	} {
		t.Run(result, func(t *testing.T) {
			seen, watch := watching()
			w := newWorld(t, echo, watch)
			t.Cleanup(w.bot.http.CloseIdleConnections)
			w.bot.botToken.works = true
			prepare(w)
			w.bot.Post(w.ctx(), Post{Channel: "C1", Message: words("x")}) //nolint:errcheck // the observer is told
			if got, want := seen.String(), "[chat.postMessage "+result+"]"; got != want {
				t.Errorf("saw %s, want %s", got, want)
			}
			if result != "rate_limited" {
				return
			}
			w.bot.Post(w.ctx(), Post{Channel: "C1", Message: words("x")}) //nolint:errcheck // held back by the bot itself
			if n := seen.count("chat.postMessage rate_limited"); n != 1 {
				t.Errorf("saw %d calls, want the one that was made", n)
			}
		})
	}
}

func TestObserverSeesAnswersAndOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen, watch := watching()
		w := startMoved(t, func(ctx context.Context, r *Request) error {
			r.Ack()
			return r.Answer(ctx, words("by response_url"))
		}, watch)
		w.types("x")
		w.reads("by response_url")
		w.wait("the answer", func() bool { return seen.count("response_url ok") == 1 })
		for result, fault := range map[string]slacksim.Fault{
			"unavailable": {Status: 503}, "lost": {Drop: true}, "auth": {Error: "invalid_auth"}, "rate_limited": {RetryAfter: time.Second},
		} {
			w.sim.Fail(opens, fault)
			w.sim.CutSockets(1)
			w.wait(result, func() bool { return seen.count(opens+" "+result) == 1 })
		}
	})
}

// What a bot that stops leaves to another process is no refusal: the other takes it.
func TestLeavingToAnotherIsNoRefusal(t *testing.T) {
	seen, watch := watching()
	w := newWorld(t, echo, nil)
	old := w.replica("old", 2, echo, watch)
	w.wait("it to connect", func() bool { return w.sim.ConnectionsOf("old") == 2 })
	old.bot.draining.Store(true) // as between its being told to stop and the end of its sockets
	inv, err := w.sim.Type(slacksim.Typed{UserID: "U1", ChannelID: "C1", Command: "/import", Text: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	w.wait("it to be left", func() bool { return seen.count("left stopping") == 1 })
	w.replica("new", 2, echo, nil)
	w.wait("the other to connect", func() bool { return w.sim.ConnectionsOf("new") == 2 })
	w.gone(old)
	if err := inv.Wait(w.ctx()); err != nil {
		t.Error(err)
	}
	w.reads("echo raw")
	if n := seen.count("refused stopping"); n != 0 {
		t.Errorf("%d refusals were told of", n)
	}
}

// Nor is what a process was too late for, which another one may have.
func TestBeingTooLateIsNoRefusal(t *testing.T) {
	seen, watch := watching()
	w := newWorld(t, echo, watch)
	r := &Request{bot: w.bot, socket: &socket{}, Kind: Command, received: time.Now().Add(-slackWaits)}
	if err := r.Answer(w.ctx(), words("too late")); err != ErrLapsed || seen.String() != "[left late]" {
		t.Errorf("%v, saw %s", err, seen)
	}
}
