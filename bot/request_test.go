package bot

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	"importbot/internal/slacksim"
)

func TestAnswerFromMemoryTravelsInTheAck(t *testing.T) {
	w := start(t, func(ctx context.Context, r *Request) error {
		if r.Kind != Command || r.UserID != "U1" || r.UserName != "ana" || r.ChannelID != "C1" || r.TeamID != r.bot.Identity().TeamID || r.ID == "" {
			t.Errorf("got %+v", r)
		}
		return echo(ctx, r)
	}, nil)
	inv := w.types("status prod")
	if got := string(inv.AckPayload()); !strings.Contains(got, "echo status prod") || !strings.Contains(got, "ephemeral") {
		t.Errorf("the ack carries %s", got)
	}
	if n := len(w.sim.Calls(slacksim.ResponseURL)); n != 0 {
		t.Errorf("%d calls of the response_url, want none", n)
	}
}

func TestLaterAnswersReplaceTheLineBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startMoved(t, func(ctx context.Context, r *Request) error {
			for i := range 4 {
				if err := r.Answer(ctx, words(fmt.Sprintf("line %d", i))); err != nil {
					return err
				}
			}
			return nil
		}, nil)
		inv := w.types("raw")
		w.reads("line 3")
		if got := inv.Answers(); len(got) != 1 || got[0].Text != "line 3" || len(got[0].Edits) != 3 {
			t.Errorf("Ana reads %+v", got)
		}
	})
}

func TestAfterAnAckTheAnswerComesByResponseURL(t *testing.T) {
	asked := make(chan struct{})
	w := start(t, func(ctx context.Context, r *Request) error {
		r.Ack()
		r.Ack()
		<-asked
		return r.Answer(ctx, words("after all"))
	}, nil)
	inv := w.types("raw")
	if inv.AckPayload() != nil {
		t.Errorf("the ack carries %s", inv.AckPayload())
	}
	close(asked)
	w.reads("after all")
}

func TestAnswerIsPossibleAfterTheHandlerReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := make(chan *Request, 1)
		w := startMoved(t, func(ctx context.Context, r *Request) error {
			requests <- r
			return r.Answer(ctx, words("Starting"))
		}, nil)
		w.types("raw")
		r := <-requests
		if err := r.Answer(w.ctx(), words("Started")); err != nil {
			t.Fatal(err)
		}
		if m := w.reads("Started"); len(m.Edits) != 1 {
			t.Errorf("the first line was not replaced: %+v", m)
		}
	})
}

func TestAnswersEndWithTheResponseURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := make(chan *Request, 1)
		w := startMoved(t, func(ctx context.Context, r *Request) error {
			requests <- r
			return r.Answer(ctx, words("0"))
		}, nil)
		w.types("raw")
		r := <-requests
		for i := range maxResponseURL {
			if err := r.Answer(w.ctx(), words(fmt.Sprint(i+1))); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Answer(w.ctx(), words("one too many")); !errors.Is(err, ErrUnanswerable) {
			t.Errorf("got %v, want ErrUnanswerable", err)
		}
	})
}

func TestLongAnswerGoesByResponseURLAndIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startMoved(t, func(ctx context.Context, r *Request) error {
			m := words(strings.Repeat("long ", 2000))
			for range 60 {
				m.Blocks = append(m.Blocks, slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", strings.Repeat("<&>", 1200), false, false), nil, nil))
			}
			return r.Answer(ctx, m)
		}, nil)
		inv := w.types("status")
		if m := w.reads("long"); inv.AckPayload() != nil || len(m.Text) > MaxText+2 {
			t.Errorf("ack of %d bytes, text of %d", len(inv.AckPayload()), len(m.Text))
		}
	})
}

func TestSlowHandlerIsAckedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := startMoved(t, func(ctx context.Context, r *Request) error {
			<-release
			return r.Answer(ctx, words("late but there"))
		}, nil)
		inv := w.types("status")
		if inv.AckPayload() != nil || inv.AckLatency() != 500*time.Millisecond {
			t.Errorf("acked after %s with %s", inv.AckLatency(), inv.AckPayload())
		}
		close(release)
		w.reads("late but there")
	})
}

// Whatever goes wrong, the person reads words with a reference, and the log
// has the reason under that reference.
func TestWhateverGoesWrongIsAnsweredInWords(t *testing.T) {
	for name, tt := range map[string]struct {
		handler Handler
		reason  string
	}{
		"error":                 {func(context.Context, *Request) error { return errors.New("the disk is full, xoxb-leaked-token") }, "the disk is full"},
		"panic":                 {func(context.Context, *Request) error { panic("index out of range") }, "index out of range"},
		"says nothing":          {func(context.Context, *Request) error { return nil }, "the handler said nothing"},
		"acks and says nothing": {func(_ context.Context, r *Request) error { r.Ack(); return nil }, "the handler said nothing"},
		"errs after a first line": {func(ctx context.Context, r *Request) error {
			_ = r.Answer(ctx, words("Starting"))
			return errors.New("could not be stored")
		}, "could not be stored"},
		"never comes back": {func(context.Context, *Request) error { <-time.After(time.Hour); return nil }, "does not come back"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startMoved(t, tt.handler, nil)
				t.Cleanup(func() { w.bot.handlers.drain(context.Background()) }) // who never comes back does, in an hour
				inv := w.types("raw")
				m := w.reads("in the log under")
				ref := regexp.MustCompile("under `([a-z2-7]{6})`").FindStringSubmatch(m.Text)
				if ref == nil {
					t.Fatalf("no reference in %q", m.Text)
				}
				if got := len(inv.Answers()); got != 1 {
					t.Errorf("%d lines are shown, want 1", got)
				}
				log := w.log.String()
				if !strings.Contains(log, "ref="+ref[1]) || !strings.Contains(log, tt.reason) {
					t.Errorf("the log has no %s with %q:\n%s", ref[1], tt.reason, log)
				}
				if strings.Contains(log, "xoxb-leaked") || strings.Contains(m.Text, tt.reason) {
					t.Error("the reason was shown, or a token was logged")
				}
			})
		})
	}
}

func TestWordsReachThePersonDirectlyWhereTheResponseURLFails(t *testing.T) {
	w := start(t, func(ctx context.Context, r *Request) error {
		r.Ack()
		return errors.New("broken")
	}, nil)
	w.sim.Fail(slacksim.ResponseURL, slacksim.Fault{Status: 500, Times: -1})
	w.types("raw")
	if m := w.reads("in the log under"); m.Ephemeral() || m.Channel != w.sim.DM("U1") {
		t.Errorf("got %+v, want a direct message", m)
	}
}

func TestRedeliveredRequestIsServedOnce(t *testing.T) {
	var served atomic.Int32
	w := start(t, func(ctx context.Context, r *Request) error {
		served.Add(1)
		return echo(ctx, r)
	}, nil)
	inv := w.types("raw")
	for range 5 {
		inv.Redeliver()
	}
	w.types("done") // one on either connection, behind the others
	w.types("done")
	if n := served.Load(); n != 3 {
		t.Errorf("served %d times, want 3", n)
	}
}

// An answer in an ack that Slack never got is given again, and nothing is done
// twice. If the connection breaks at once it goes by response_url; if
// that is noticed later, with the next delivery.
func TestAnswerLostWithItsConnectionIsGivenAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		after   time.Duration
		options []slacksim.Option
		byURL   int
	}{
		"breaks at once, Slack does not send it again": {0, []slacksim.Option{slacksim.WithoutHandover()}, 1},
		"breaks later, Slack sends it again":           {2 * unsureFor, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := loseAnAnswer(t, tt.after, tt.options...)
				w.reads("echo raw")
				if n := len(w.sim.Calls(slacksim.ResponseURL)); n != tt.byURL {
					t.Errorf("%d answers by response_url, want %d", n, tt.byURL)
				}
			})
		})
	}
}

// loseAnAnswer lets an answer travel in an ack on a connection that is dead
// already, and cuts that after a while.
func loseAnAnswer(t *testing.T, after time.Duration, options ...slacksim.Option) *world {
	var served atomic.Int32
	arrived, release, answered := make(chan struct{}), make(chan struct{}), make(chan struct{})
	w := startMoved(t, func(ctx context.Context, r *Request) error {
		served.Add(1)
		close(arrived)
		<-release
		defer close(answered)
		return echo(ctx, r)
	}, nil, options...)
	t.Cleanup(func() {
		if n := served.Load(); n != 1 {
			t.Errorf("served %d times", n)
		}
	})
	_, err := w.sim.Type(slacksim.Typed{UserID: "U1", ChannelID: "C1", Command: "/import", Text: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	<-arrived
	w.sim.HalfOpen(0)
	close(release)
	<-answered
	w.waits(after)
	w.sim.CutSockets(0)
	return w
}

func TestApologyTravelsInTheAckWhileTheWebAPIIsDown(t *testing.T) {
	w := start(t, func(context.Context, *Request) error { return errors.New("broken") }, nil)
	w.sim.Fail("*", slacksim.Fault{Status: 503, Times: -1})
	if inv := w.types("raw"); !strings.Contains(string(inv.AckPayload()), "in the log under") {
		t.Errorf("the ack carries %s", inv.AckPayload())
	}
}

func TestStrangersAreAnsweredInWords(t *testing.T) {
	w := start(t, func(context.Context, *Request) error {
		t.Error("the handler was called")
		return nil
	}, nil)
	for _, tt := range []struct {
		typed slacksim.Typed
		want  string
	}{
		{slacksim.Typed{Command: "/import", Text: "raw", TeamID: "T0OTHER"}, "another workspace"},
		{slacksim.Typed{Command: "/imp<ort`"}, "I answer to `/import`, not to `/imp&lt;ort`"},
	} {
		tt.typed.UserID, tt.typed.ChannelID = "U1", "C1"
		inv := w.typesAs(tt.typed)
		if got := inv.Answers(); len(got) != 1 || !strings.Contains(got[0].Text, tt.want) || inv.AckPayload() == nil {
			t.Errorf("%+v: answered %+v", tt.typed, got)
		}
	}
}

func TestTooMuchIsAnsweredInWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := startMoved(t, func(ctx context.Context, r *Request) error {
			r.Ack()
			<-release
			return echo(ctx, r)
		}, func(c *Config) { c.Workers, c.QueueLength = 1, 1 })
		w.types("first")
		if inv := w.types("second"); inv.AckLatency() != 0 {
			t.Errorf("who stood in line was acked after %s", inv.AckLatency())
		}
		third := w.types("third")
		if got := third.Answers(); len(got) != 1 || !strings.Contains(got[0].Text, "too much to do") {
			t.Errorf("the third reads %+v", got)
		}
		close(release)
		w.reads("echo first")
		w.reads("echo second")
	})
}

func TestWaitingTooLongInLineIsAnsweredInWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := startMoved(t, func(ctx context.Context, r *Request) error {
			r.Ack()
			if r.Text == "second" {
				t.Error("the handler was called for what stood in line too long")
			}
			<-release
			return echo(ctx, r)
		}, func(c *Config) { c.Workers = 1 })
		w.types("first")
		second := w.types("second")
		w.wait("the first to be overdue", func() bool { return strings.Contains(w.log.String(), "does not come back") })
		close(release)
		m, err := second.WaitAnswer(w.ctx(), func(slacksim.Message) bool { return true })
		if err != nil || !strings.Contains(m.Text, "I did not get to this") {
			t.Errorf("the second reads %q, %v", m.Text, err)
		}
	})
}

func TestUnreadableEnvelopesAreAckedAndDoNoHarm(t *testing.T) {
	w := start(t, echo, func(c *Config) { c.Connections = 1 })
	w.sim.Allow(slacksim.UnknownAck) // the simulator did not send these itself
	for _, raw := range []string{
		`{"envelope_id":"E1","type":"slash_commands","accepts_response_payload":true,"payload":{"is_enterprise_install":7}}`,
		`{"envelope_id":"E2","type":"a_new_kind","payload":{}}`,
		`{"envelope_id":"E3","type":"interactive","payload":{"type":"shortcut","trigger_id":"1"}}`,
		`{"envelope_id":"","type":"a_new_kind"}`, `{"type":7}`, `[]`, `no JSON`, ``,
	} {
		w.sim.SendRaw(raw)
	}
	w.types("still there")
	var acked []string
	for _, v := range w.sim.Violations() {
		acked = append(acked, v.Detail)
	}
	if got := strings.Join(acked, " "); len(acked) != 3 || !strings.Contains(got, "E1") || !strings.Contains(got, "E2") || !strings.Contains(got, "E3") {
		t.Errorf("acked: %q", acked)
	}
}

func TestButtonsAndFormsComeAsRequests(t *testing.T) {
	requests := make(chan *Request, 2)
	w := start(t, func(ctx context.Context, r *Request) error {
		defer func() { requests <- r }()
		if r.Kind == Submission {
			if err := r.Answer(ctx, words("x")); !errors.Is(err, ErrUnanswerable) {
				t.Errorf("answering a form: %v, want ErrUnanswerable", err)
			}
			return nil
		}
		_, err := r.bot.api.OpenViewContext(ctx, r.ID, slack.ModalViewRequest{
			Type: slack.VTModal, CallbackID: "sure", PrivateMetadata: "prod",
			Title:  slack.NewTextBlockObject("plain_text", "Sure?", false, false),
			Submit: slack.NewTextBlockObject("plain_text", "Yes", false, false),
			Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewDividerBlock()}},
		})
		return errors.Join(err, r.Answer(ctx, words("A form is open")))
	}, nil)
	button := slack.NewButtonBlockElement("start", "prod", slack.NewTextBlockObject("plain_text", "Start", false, false))
	card := Message{Text: "a card", Blocks: []slack.Block{slack.NewActionBlock("b", button)}}
	ts, channel, err := w.bot.Post(w.ctx(), Post{Channel: "C1", Message: card})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.sim.Press(w.ctx(), slacksim.Pressed{UserID: "U1", ChannelID: channel, TS: ts, ActionID: "start"}); err != nil {
		t.Fatal(err)
	}
	r := <-requests
	if r.Kind != Action || r.ActionID != "start" || r.Value != "prod" || r.MessageTS != ts || r.ChannelID != "C1" || r.UserID != "U1" || r.Interaction == nil {
		t.Errorf("got %+v", r)
	}
	w.reads("A form is open")
	if m, _ := w.sim.Message(channel, ts); m.Text != "a card" || len(m.Edits) != 0 {
		t.Errorf("the card was touched: %+v", m)
	}
	views := w.sim.Views("U1")
	if _, err := w.sim.Submit(w.ctx(), slacksim.Submission{UserID: "U1", ViewID: views[0].ID}); err != nil {
		t.Fatal(err)
	}
	if r := <-requests; r.Kind != Submission || r.ActionID != "sure" || r.Value != "prod" || r.TeamID != w.sim.TeamID {
		t.Errorf("got %+v", r)
	}
}

func TestEventsAreAcked(t *testing.T) {
	w := start(t, echo, nil)
	if err := w.sim.OpenHome("U1").Wait(w.ctx()); err != nil {
		t.Error(err)
	}
}

func TestStoppingLetsHandlersFinish(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	w := start(t, func(ctx context.Context, r *Request) error {
		r.Ack()
		close(arrived)
		select {
		case <-release:
		case <-ctx.Done():
			return ctx.Err()
		}
		return r.Answer(ctx, words("finished"))
	}, nil)
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
	if n := w.sim.Connections(); n != 0 {
		w.wait("the connections to end", func() bool { return w.sim.Connections() == 0 })
	}
}

func TestStoppingDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		arrived, release := make(chan struct{}), make(chan struct{})
		w := startMoved(t, func(ctx context.Context, r *Request) error {
			r.Ack()
			close(arrived)
			<-release
			return nil
		}, nil)
		t.Cleanup(func() {
			close(release)
			w.bot.handlers.drain(context.Background()) // who comes back too late still speaks, and logs
		})
		w.types("raw")
		<-arrived
		begin := time.Now()
		w.stop()
		if err := w.ended(); err != nil || time.Since(begin) > 10*time.Second {
			t.Errorf("Run returned %v after %s", err, time.Since(begin))
		}
	})
}

func TestManyPeopleAtOnce(t *testing.T) {
	w := start(t, func(ctx context.Context, r *Request) error {
		r.Ack()
		return echo(ctx, r)
	}, func(c *Config) { c.Workers = 8 })
	var people sync.WaitGroup
	for i := range 100 {
		people.Go(func() { w.expectsEcho(fmt.Sprintf("command %d.", i)) })
	}
	people.Wait()
}

// The bot's own work beside the handler may not end the process either.
func TestAPanicBesideTheHandlerEndsNothing(t *testing.T) {
	w := start(t, func(ctx context.Context, r *Request) error { return r.Answer(ctx, words("fine")) }, nil)
	w.bot.chores.submit(func() { panic("in a chore") })
	w.wait("the log of it", func() bool { return strings.Contains(w.log.String(), "in a chore") })
	guard(w.bot.broke, func() { w.bot.overdue(nil) })
	if !strings.Contains(w.log.String(), "nil pointer") {
		t.Error("a panic in overdue is not logged")
	}
	ran := make(chan struct{})
	w.bot.chores.submit(func() { close(ran) })
	<-ran
	w.bot.chores.drain(w.ctx())
	w.bot.chores.mu.Lock()
	defer w.bot.chores.mu.Unlock()
	if w.bot.chores.running != 0 {
		t.Errorf("%d chores are thought to run", w.bot.chores.running)
	}
}
