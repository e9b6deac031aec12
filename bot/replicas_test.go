package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/internal/slacksim"
)

// replica is one of several processes of the bot at one Slack.
type replica struct {
	name string
	bot  *Bot
	stop context.CancelFunc
	ran  chan error
}

// replicas adds so many processes to a world, each of which knows of all. They run.
func (w *world) replicas(n int, handler Handler, change func(*Config)) []*replica {
	w.t.Helper()
	var all []*replica
	for i := range n {
		all = append(all, w.replica(fmt.Sprint("r", i+1), n, handler, change))
	}
	w.wait("all connections", func() bool {
		return !slices.ContainsFunc(all, func(r *replica) bool { return w.sim.ConnectionsOf(r.name) != r.bot.cfg.Connections })
	})
	return all
}

func (w *world) replica(name string, of int, handler Handler, change func(*Config)) *replica {
	w.t.Helper()
	cfg := w.bot.cfg
	cfg.APIURL = w.sim.APIURLOf(name)
	cfg.Log = cfg.Log.(*logrus.Logger).WithField("replica", name)
	if change != nil {
		change(&cfg)
	}
	b, err := New(cfg, handler)
	if err != nil {
		w.t.Fatal(err)
	}
	b.limits = newLimits(longAgo())
	b.SetShare(of)
	b.gate.rate.SetLimit(1000)
	ctx, stop := context.WithCancel(context.Background())
	r := &replica{name: name, bot: b, stop: stop, ran: make(chan error, 1)}
	go func() { r.ran <- b.Run(ctx); close(r.ran) }()
	w.t.Cleanup(func() { w.gone(r) })
	return r
}

// gone stops a replica and waits until it is no more.
func (w *world) gone(r *replica) {
	w.t.Helper()
	r.stop()
	select {
	case err := <-r.ran:
		if err != nil {
			w.t.Errorf("%s: Run returned %v", r.name, err)
		}
	case <-time.After(w.patience):
		w.t.Errorf("%s: Run does not return", r.name)
	}
}

// Five processes of two connections each are as many as Slack allows. People
// notice nothing while they are replaced, one after the other.
func TestRollingUpdateLosesNothing(t *testing.T) {
	w := newWorld(t, echo, nil)
	all := w.replicas(5, echo, nil)
	for i := range 10 { // one to each connection
		w.expectsEcho(fmt.Sprint("before ", i, "."))
	}
	enough := make(chan struct{})
	var people sync.WaitGroup
	for person := range 4 {
		people.Go(func() {
			for i := 0; !closed(enough); i++ {
				w.expectsEcho(fmt.Sprintf("%d of %d.", i, person))
			}
		})
	}
	for i, old := range all {
		w.gone(old)
		w.wait("Slack to notice", func() bool { return w.sim.Connections() == 8 })
		fresh := w.replica(fmt.Sprint("n", i+1), 5, echo, nil)
		w.wait("it to connect", func() bool { return w.sim.ConnectionsOf(fresh.name) == 2 })
	}
	close(enough)
	people.Wait()
	for i := range 10 {
		w.expectsEcho(fmt.Sprint("afterwards ", i, "."))
	}
	for _, c := range w.sim.Journal() {
		if c.Limited {
			t.Errorf("%s of %s went beyond Slack's limits", c.Method, c.Process)
		}
	}
	served := map[string]int{}
	for _, inv := range w.sim.Invocations() {
		for _, e := range inv.Envelopes() {
			served[e.Process]++
		}
	}
	if len(served) != 10 {
		t.Errorf("commands came to %v, want all ten processes", served)
	}
	w.wait("ten close frames", func() bool { return slices.Equal(w.sim.Farewells(), slices.Repeat([]int{1000}, 10)) })
}

// The eleventh connection is turned away, and those that stand don't mind.
func TestTooManyReplicas(t *testing.T) {
	w := newWorld(t, echo, nil)
	w.sim.Allow(slacksim.TooManySockets)
	w.replicas(5, echo, nil)
	late := w.replica("late", 6, echo, func(c *Config) { c.Connections = 1 })
	w.wait("the reason to show", func() bool {
		h := late.bot.Health()
		return strings.Contains(h.Connections[0].LastError, slacksim.TooManyWebsockets)
	})
	w.wait("it not to be ready", func() bool { return len(problems(late.bot.Health(), time.Now())) > 0 })
	for i := range 20 {
		w.expectsEcho(fmt.Sprint("fine ", i, "."))
	}
}

// A bot that stops leaves alone what it has not begun, where another is there to take it, and brings to an end what it has.
func TestStoppingGivesWhatIsNotBegunToAnother(t *testing.T) {
	begun, release := make(chan struct{}, 10), make(chan struct{})
	slow := func(ctx context.Context, r *Request) error {
		r.Ack()
		begun <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return r.Answer(context.WithoutCancel(ctx), words("slow "+r.Text))
	}
	w := newWorld(t, echo, nil)
	old := w.replica("old", 2, slow, func(c *Config) { c.Workers = 1 })
	w.wait("it to connect", func() bool { return w.sim.ConnectionsOf("old") == 2 })
	first, second := w.types("first."), w.types("second.") // one at work, one in line
	<-begun
	w.replica("new", 2, echo, nil)
	w.wait("the other to connect", func() bool { return w.sim.ConnectionsOf("new") == 2 })
	old.stop()
	w.wait("it to take nothing more", func() bool { return w.sim.ConnectionsOf("old") == 0 })
	select {
	case <-old.ran:
		t.Error("it left work behind")
	default:
	}
	for i := range 4 {
		w.expectsEcho(fmt.Sprint("meanwhile ", i, "."))
	}
	close(release)
	w.gone(old)
	for inv, want := range map[*slacksim.Invocation]string{first: "slow first.", second: "slow second."} {
		if got := inv.Answers(); len(got) != 1 || got[0].Text != want {
			t.Errorf("answered %+v, want %q", got, want)
		}
	}
	w.wait("two close frames", func() bool { return slices.Equal(w.sim.Farewells(), []int{1000, 1000}) })
}

// What came to the socket of a bot that stops already is not acked: acked, it
// would be nobody's.
func TestStoppingSwallowsNoEnvelope(t *testing.T) {
	for round := range 3 {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			w := newWorld(t, echo, nil)
			w.replicas(1, echo, nil)
			old := w.replica("old", 2, echo, nil)
			w.wait("it to connect", func() bool { return w.sim.ConnectionsOf("old") == 2 })
			var people sync.WaitGroup
			for i := range 30 {
				people.Go(func() { w.expectsEcho(fmt.Sprintf("command %d.", i)) })
				if i == 15 {
					old.stop()
				}
			}
			people.Wait()
			w.gone(old)
		})
	}
}

// Where the process is alone, who types while it stops is told so.
func TestStoppingAloneSaysSo(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	w := start(t, func(ctx context.Context, r *Request) error {
		r.Ack()
		close(arrived)
		<-release
		return r.Answer(ctx, words("finished"))
	}, func(c *Config) { c.Workers = 1 })
	w.types("raw")
	<-arrived
	w.stop()
	w.wait("draining", func() bool { return w.bot.Health().Draining })
	if inv := w.types("another"); !strings.Contains(string(inv.AckPayload()), "stopped or restarted") {
		t.Errorf("while stopping: %s", inv.AckPayload())
	}
	close(release)
	w.reads("finished")
	if err := w.ended(); err != nil {
		t.Error(err)
	}
	w.wait("two close frames", func() bool { return slices.Equal(w.sim.Farewells(), []int{1000, 1000}) })
}

// A request in line when the time to stop is up is answered for, in words that are true.
func TestInLineWhenItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		arrived := make(chan struct{})
		w := startMoved(t, func(ctx context.Context, r *Request) error {
			r.Ack()
			close(arrived)
			<-ctx.Done()
			return nil
		}, func(c *Config) { c.Workers, c.DrainWithin = 1, time.Second })
		w.types("first")
		<-arrived
		inv := w.types("second")
		w.stop()
		if _, err := inv.WaitAnswer(w.ctx(), func(m slacksim.Message) bool { return strings.Contains(m.Text, "stopped or restarted") }); err != nil {
			t.Error(err)
		}
		if err := w.ended(); err != nil {
			t.Error(err)
		}
	})
}

// The bound for all processes together: at most 30 opens in any minute.
func TestReplicasTogetherDoNotStorm(t *testing.T) {
	for _, processes := range []int{1, 2, 3, 5, 10} {
		t.Run(fmt.Sprint(processes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
				defer cancel()
				calls := make(chan time.Duration, 100_000)
				begin := time.Now()
				for range processes {
					b, err := New(Config{BotToken: "xoxb-1", AppToken: "xapp-1", Command: "/import", Connections: 10 / processes}, echo)
					if err != nil {
						t.Fatal(err)
					}
					b.SetShare(processes)
					b.open = func(_ context.Context, l *link) (time.Duration, error) {
						calls <- time.Since(begin)
						b.gate.greeted(l)
						return time.Millisecond, errDisconnected
					}
					for i, l := range b.links {
						go b.supervise(ctx, l, time.Duration(i)*b.cfg.Stagger)
					}
				}
				<-ctx.Done()
				synctest.Wait()
				close(calls)
				var asked []time.Duration
				for at := range calls {
					asked = append(asked, at)
				}
				for i, from := range asked {
					if n := within(asked[i:], from+time.Minute); n > 30 {
						t.Fatalf("%d opens in the minute after %s", n, from)
					}
				}
				if n := within(asked, time.Minute); n < 10 {
					t.Errorf("only %d opens in the first minute: too shy", n)
				}
			})
		})
	}
}

func TestShareIsKeptWhereTheRateIsChangedLater(t *testing.T) {
	b, err := New(Config{BotToken: "xoxb-1", AppToken: "xapp-1", Command: "/import"}, echo)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		b.limits.take(methodMembers, "", time.Now())
	}
	for _, n := range []int{0, -1, 4, 1} {
		b.SetShare(n)
		if got := b.alone(); got != (n <= 1) {
			t.Errorf("share %d: alone %v", n, got)
		}
	}
	b.SetShare(5)
	bucket := b.limits.buckets[methodMembers]
	if bucket.Burst() != 2 || bucket.Limit() > 0.27 || b.gate.rate.Burst() != 1 {
		t.Errorf("a fifth is %v a second, %d at once, %d sockets at once", bucket.Limit(), bucket.Burst(), b.gate.rate.Burst())
	}
}

// An answer that was asked for twice, by two processes, is what Slack's redelivery costs; the same process answers once.
func TestRedeliveredElsewhereAndHere(t *testing.T) {
	w := newWorld(t, echo, nil)
	var repeated sync.Map
	w.replicas(2, echo, func(c *Config) {
		c.Observer.Repeated = func(kind Kind) { repeated.Store(kind, true) }
	})
	w.sim.FailEnvelopes(slacksim.EnvelopeFault{Twice: true, Elsewhere: true})
	inv := w.types("once.")
	w.wait("both to be acked", func() bool {
		e := inv.Envelopes()
		return len(e) == 2 && e[0].Acked && e[1].Acked && e[0].Process != e[1].Process
	})
	if !inv.RedeliverElsewhere() {
		t.Fatal("no connection")
	}
	w.wait("the third to be acked", func() bool { e := inv.Envelopes(); return len(e) == 3 && e[2].Acked })
	if _, ok := repeated.Load(Command); !ok {
		t.Error("nobody noticed that it came again")
	}
	var ack map[string]any
	if err := json.Unmarshal(inv.AckPayload(), &ack); err != nil || ack["text"] != "echo once." {
		t.Errorf("answered %s", inv.AckPayload())
	}
}

// An envelope that is read by a process that has just stood still may have come
// before that. It is left alone, and comes again on a connection of afterwards.
func TestEnvelopeFromBeforeAStandstillIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen, watch := watching()
		w := startMoved(t, echo, watch)
		w.bot.pulse.mu.Lock()
		w.bot.pulse.last = time.Now().Add(-time.Minute) // as after SIGCONT, before any goroutine of the bot ran
		w.bot.pulse.mu.Unlock()
		inv := w.types("raw")
		e := inv.Envelopes()
		if len(e) < 2 || e[0].Acked || !e[len(e)-1].Acked {
			t.Errorf("got %+v, want it acked the second time", e)
		}
		if n := seen.count("disconnected frozen"); n == 0 {
			t.Errorf("saw %s", seen)
		}
		w.reads("echo raw")
		w.wait("both connections", func() bool { return w.sim.Ready() == 2 })
	})
}

// A handler that was at work when its machine was suspended is ended, though its
// timer stood still as well.
func TestStandstillEndsWhatIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		begun := make(chan struct{})
		w := startMoved(t, func(ctx context.Context, r *Request) error {
			r.Ack()
			r.received = r.received.Add(-2 * time.Minute) // as it is once the machine is awake
			close(begun)
			<-ctx.Done()
			ended <- ctx.Err()
			return r.Answer(ctx, words("much too late"))
		}, nil)
		inv := w.types("raw")
		<-begun
		w.bot.stoodStill(2 * time.Minute)
		select {
		case <-ended:
		case <-w.ctx().Done():
			t.Fatal("the handler was not ended")
		}
		m, err := inv.WaitAnswer(w.ctx(), func(slacksim.Message) bool { return true })
		if err != nil || strings.Contains(m.Text, "much too late") {
			t.Errorf("answered %q, %v", m.Text, err)
		}
	})
}
