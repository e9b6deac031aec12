package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	"importbot/internal/slacksim"
)

// plainText and button make blocks short to write.
func plainText(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject("plain_text", text, false, false)
}

func button(actionID, value, label string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(actionID, value, plainText(label))
}

func barChart(title string, categories []string, series ...string) slack.Block {
	var all []slack.DataVisualizationDataSeries
	for _, name := range series {
		one := slack.NewDataVisualizationDataSeries(name)
		for i, category := range categories {
			one.Data = append(one.Data, slack.NewDataVisualizationDataPoint(category, float64(i+1)))
		}
		all = append(all, one)
	}
	return slack.NewDataVisualizationBlock(title, slack.NewDataVisualizationBarChart(slack.NewDataVisualizationAxisConfig(categories...).WithYLabel("minutes"), all...))
}

func table(rows ...[]string) slack.Block {
	block := slack.NewTableBlock("")
	for _, row := range rows {
		var cells []slack.TableCell
		for _, text := range row {
			cells = append(cells, slack.NewTableRawTextCell(text))
		}
		block = block.AddRow(cells...)
	}
	return block
}

// Whoever opens the Home tab is shown it: the first time, and again when there
// is one already, whatever it holds.
func TestHomeTabIsOpenedAndPublished(t *testing.T) {
	opened := make(chan *Request, 9)
	var repeated atomic.Int32
	var w *world
	w = start(t, func(ctx context.Context, r *Request) error {
		defer func() { opened <- r }()
		start := button("start_raw", "prod", "Start raw")
		start.Confirm = slack.NewConfirmationBlockObject(plainText("Start?"), plainText("It takes 3 min."), plainText("Start"), plainText("Leave"))
		return w.bot.PublishHome(ctx, r.UserID, append(section("*prod* · idle"),
			slack.NewActionBlock("", start), barChart("Durations", []string{"mon", "tue"}, "succeeded"), table([]string{"raw", "3 min"})))
	}, func(c *Config) { c.Observer.Repeated = func(Kind) { repeated.Add(1) } })
	for range 2 {
		inv := w.sim.OpenHome("U1")
		if err := inv.Wait(w.ctx()); err != nil {
			t.Fatal(err)
		}
		r := <-opened
		if r.Kind != Home || r.UserID != "U1" || r.TeamID != w.sim.TeamID || !strings.HasPrefix(r.ID, "Ev") || r.Foreign || r.ChannelID != "" {
			t.Errorf("got %+v", r)
		}
		inv.Redeliver()
		for name, say := range map[string]func(context.Context, Message) error{"Answer": r.Answer, "AnswerOutside": r.AnswerOutside, "Replace": r.Replace} {
			if err := say(w.ctx(), words("x")); !errors.Is(err, ErrUnanswerable) {
				t.Errorf("%s: %v, want ErrUnanswerable", name, err)
			}
		}
	}
	if home, ok := w.sim.Home("U1"); !ok || !strings.Contains(string(home.Blocks), "*prod*") {
		t.Errorf("Ana's Home tab is %+v", home)
	}
	w.wait("the second deliveries", func() bool { return repeated.Load() == 2 })
	if n := len(opened); n != 0 {
		t.Errorf("%d openings were handed on again", n)
	}
}

func TestOtherEventsAreAckedAndDropped(t *testing.T) {
	w := start(t, func(_ context.Context, r *Request) error {
		t.Errorf("the handler got %+v", r)
		return nil
	}, nil)
	for _, event := range []map[string]any{
		{"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "messages", "event_ts": "1.0"},
		{"type": "app_home_opened", "user": "U1", "channel": "D1", "event_ts": "1.0"},
		{"type": "app_mention", "user": "U1", "channel": "C1", "text": "hello", "ts": "1.0", "event_ts": "1.0"},
		{"type": "something_new", "user": "U1"},
	} {
		if err := w.sim.SendEvent(event).Wait(w.ctx()); err != nil {
			t.Errorf("%v: %v", event, err)
		}
	}
}

// Nobody waits for words about a Home tab. What goes wrong stands in the log.
func TestWhatGoesWrongWithAHomeTabIsOnlyLogged(t *testing.T) {
	for name, tt := range map[string]struct {
		logged  string
		handler Handler
	}{
		"error":   {"the store is gone", func(context.Context, *Request) error { return errors.New("the store is gone") }},
		"panic":   {"index out of range", func(context.Context, *Request) error { panic("index out of range") }},
		"silence": {"", func(context.Context, *Request) error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			began := make(chan struct{})
			w := start(t, func(ctx context.Context, r *Request) error {
				close(began)
				return tt.handler(ctx, r)
			}, nil)
			if err := w.sim.OpenHome("U1").Wait(w.ctx()); err != nil {
				t.Fatal(err)
			}
			<-began
			w.bot.handlers.drain(w.ctx())
			w.bot.chores.drain(w.ctx())
			if !strings.Contains(w.log.String(), tt.logged) {
				t.Errorf("the log has no %q:\n%s", tt.logged, w.log)
			}
			if got := w.sim.Messages(w.sim.DM("U1")); len(got) != 0 {
				t.Errorf("Ana was written %+v", got)
			}
		})
	}
}

func TestAHomeTabThatCanNotBeServedIsLeftAlone(t *testing.T) {
	release, refused := make(chan struct{}), make(chan string, 1)
	w := start(t, func(ctx context.Context, r *Request) error {
		r.Ack()
		<-release
		return r.Answer(ctx, words("done"))
	}, func(c *Config) {
		c.Workers, c.QueueLength = 1, 1
		c.Observer.Refused = func(_ *Request, why string) { refused <- why }
	})
	w.types("first")
	w.types("second")
	if err := w.sim.OpenHome("U2").Wait(w.ctx()); err != nil {
		t.Fatal(err)
	}
	if why := <-refused; why != "busy" {
		t.Errorf("refused because of %q, want busy", why)
	}
	close(release)
	w.bot.handlers.drain(w.ctx())
	w.bot.chores.drain(w.ctx())
	if got := w.sim.Messages(w.sim.DM("U2")); len(got) != 0 {
		t.Errorf("Ben was written %+v", got)
	}
}

// A press in the Home tab has no place to answer in, and one on a link needs no
// answer: whoever says nothing is not spoken for.
func TestPressInTheHomeTab(t *testing.T) {
	pressed := make(chan *Request, 1)
	w := start(t, func(ctx context.Context, r *Request) error {
		if r.ActionID == "start" {
			if err := r.Answer(ctx, words("x")); !errors.Is(err, ErrUnanswerable) {
				t.Errorf("answering: %v, want ErrUnanswerable", err)
			}
		}
		pressed <- r
		return nil
	}, nil)
	link := button("open", "", "Open BigFix Inventory").WithURL("https://bigfix.example/")
	if err := w.bot.PublishHome(w.ctx(), "U1", []slack.Block{slack.NewActionBlock("", button("start", "prod", "Start"), link)}); err != nil {
		t.Fatal(err)
	}
	home, _ := w.sim.Home("U1")
	for _, action := range []string{"start", "open"} {
		if _, err := w.sim.Press(w.ctx(), slacksim.Pressed{UserID: "U1", ActionID: action}); err != nil {
			t.Fatal(err)
		}
		r := <-pressed
		if r.Kind != Action || r.ActionID != action || r.ViewID != home.ID || r.ChannelID != "" || r.MessageTS != "" || r.Ephemeral {
			t.Errorf("got %+v", r)
		}
	}
	w.bot.handlers.drain(w.ctx())
	w.bot.chores.drain(w.ctx())
	if got := w.sim.Messages(w.sim.DM("U1")); len(got) != 0 {
		t.Errorf("Ana was written %+v", got)
	}
}

func TestPublishHomeErrors(t *testing.T) {
	long := strings.Repeat("x", MaxSection)
	var heavy, many []slack.Block
	for range 90 {
		heavy = append(heavy, section(long)...)
	}
	for range MaxHomeBlocks + 1 {
		many = append(many, slack.NewDividerBlock())
	}
	for name, tt := range map[string]struct {
		user   string
		blocks []slack.Block
		before func(*slacksim.Sim)
		want   error
		says   string
		asked  int
	}{
		"fits":              {blocks: many[1:], asked: 1},
		"too many blocks":   {blocks: many, want: ErrInvalid, says: "101 blocks, and Slack takes 100"},
		"too long":          {blocks: heavy, want: ErrInvalid, says: fmt.Sprintf("bytes long, and Slack takes %d", MaxHome)},
		"unknown block":     {blocks: []slack.Block{barChart("t", []string{"a"}, "s")}, before: func(s *slacksim.Sim) { s.RefuseBlocks("data_visualization") }, want: ErrInvalid, says: "invalid_blocks", asked: 1},
		"unknown person":    {user: "U404", want: ErrChannel, says: "user_not_found", asked: 1},
		"no Home tab":       {before: func(s *slacksim.Sim) { s.SetHomeTab(false) }, want: ErrChannel, says: "not_enabled", asked: 1},
		"Slack is down":     {before: func(s *slacksim.Sim) { s.Fail(methodPublish, slacksim.Fault{Status: 503}) }, want: ErrUnavailable, asked: 1},
		"answer never came": {before: func(s *slacksim.Sim) { s.Fail(methodPublish, slacksim.Fault{TakeThenDrop: true}) }, want: ErrUnavailable, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := posting(t)
			if tt.before != nil {
				tt.before(w.sim)
			}
			if tt.user == "" {
				tt.user = "U1"
			}
			err := w.bot.PublishHome(w.ctx(), tt.user, append([]slack.Block{}, tt.blocks...))
			if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v saying %q", err, tt.want, tt.says)
			}
			if n := len(w.sim.Calls(methodPublish)); n != tt.asked {
				t.Errorf("Slack was asked %d times, want %d", n, tt.asked)
			}
		})
	}
}

func TestPublishHomeNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := moved(t, echo, nil).checked()
		w.bot.limits = newLimits(longAgo())
		w.bot.SetShare(5)
		limited := (*RateLimitedError)(nil)
		published := 0
		for range 5 {
			err := w.bot.PublishHome(w.ctx(), "U1", section("x"))
			if err == nil {
				published++
			} else if !errors.As(err, &limited) || limited.Method != methodPublish || limited.After <= 0 || limited.After > 4*time.Second {
				t.Errorf("got %v, want a *RateLimitedError within seconds", err)
			}
		}
		if published < 2 || published > 3 {
			t.Errorf("%d of 5 were published at once, want a fifth of ten", published)
		}
	})
}

// Who presses there and gets no answer is written to: a press was meant.
func TestWhatGoesWrongWithAPressInTheHomeTabIsTold(t *testing.T) {
	w := start(t, func(context.Context, *Request) error { return errors.New("broken") }, nil)
	if err := w.bot.PublishHome(w.ctx(), "U1", []slack.Block{slack.NewActionBlock("", button("start", "prod", "Start"))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.sim.Press(w.ctx(), slacksim.Pressed{UserID: "U1", ActionID: "start"}); err != nil {
		t.Fatal(err)
	}
	if m := w.reads("in the log under"); m.Channel != w.sim.DM("U1") {
		t.Errorf("got %+v, want a direct message", m)
	}
}
