package bot

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"importbot/internal/slacksim"
)

// pressIn presses the button "go" of a message.
func (w *world) pressIn(m slacksim.Message, userID string) {
	w.t.Helper()
	if _, err := w.sim.Press(w.ctx(), slacksim.Pressed{UserID: userID, ChannelID: m.Channel, TS: m.TS, ActionID: "go"}); err != nil {
		w.t.Fatal(err)
	}
}

func withButton(text string) Message {
	return Message{Text: text, Blocks: append(section(text), slack.NewActionBlock("", button("go", "v", "Go")))}
}

func TestReplacePutsAnAnswerInPlaceOfTheQuestion(t *testing.T) {
	pressed := make(chan *Request, 1)
	w := start(t, func(ctx context.Context, r *Request) error {
		if r.Kind == Command {
			return r.Answer(ctx, withButton("Sure?"))
		}
		pressed <- r
		return r.Replace(ctx, Message{Text: "Starting", Blocks: section("Starting")})
	}, nil)
	w.types("raw")
	w.pressIn(w.reads("Sure?"), "U1")
	if r := <-pressed; !r.Ephemeral || r.ViewID != "" || r.ChannelID != "C1" || r.MessageTS == "" {
		t.Errorf("got %+v", r)
	}
	m := w.reads("Starting")
	if got := w.sim.Ephemerals("U1"); len(got) != 1 || len(m.Edits) != 1 || strings.Contains(string(m.Blocks), "Go") {
		t.Errorf("Ana reads %+v", got)
	}
}

func TestReplaceOfAMessageForAllStaysForAll(t *testing.T) {
	w := start(t, func(ctx context.Context, r *Request) error {
		if r.Ephemeral {
			t.Error("a card is said to be ephemeral")
		}
		return errors.Join(r.Replace(ctx, words("taken")), r.Answer(ctx, words("just you")))
	}, nil)
	ts, channel := w.posts(Post{Channel: "C1", Message: withButton("who?")})
	card, _ := w.sim.Message(channel, ts)
	w.pressIn(card, "U2")
	if m := w.reads("taken"); m.TS != ts || m.Ephemeral() {
		t.Errorf("got %+v", m)
	}
	if m := w.reads("just you"); m.For != "U2" {
		t.Errorf("the answer is %+v", m)
	}
}

func TestReplaceOfACommandReplacesItsLastAnswer(t *testing.T) {
	w := start(t, func(ctx context.Context, r *Request) error {
		return errors.Join(r.AnswerOutside(ctx, words("looking")), r.Replace(ctx, words("found")))
	}, nil)
	inv := w.types("status")
	w.reads("found")
	if got := inv.Answers(); len(got) != 1 || len(got[0].Edits) != 1 || inv.AckPayload() != nil {
		t.Errorf("Ana reads %+v", got)
	}
}

// A workspace that does not know charts says so where the answer does not
// travel in the ack, and the next try is a table.
func TestRefusedBlocksAreHeardOutsideTheAck(t *testing.T) {
	chart := Message{Text: "the last imports", Blocks: []slack.Block{barChart("Durations", []string{"mon"}, "succeeded")}}
	rows := Message{Text: "the last imports", Blocks: []slack.Block{table([]string{"mon", "3 min"})}}
	for name, say := range map[string]func(*Request) func(context.Context, Message) error{
		"AnswerOutside": func(r *Request) func(context.Context, Message) error { return r.AnswerOutside },
		"Replace":       func(r *Request) func(context.Context, Message) error { return r.Replace },
	} {
		t.Run(name, func(t *testing.T) {
			first := make(chan error, 1)
			w := start(t, func(ctx context.Context, r *Request) error {
				err := say(r)(ctx, chart)
				first <- err
				if err != nil {
					err = say(r)(ctx, rows)
				}
				return err
			}, nil)
			w.sim.RefuseBlocks("data_visualization")
			w.types("history")
			if err := <-first; !errors.Is(err, ErrInvalid) || MaybeTaken(err) || !strings.Contains(err.Error(), "invalid_blocks") {
				t.Errorf("the chart: %v, want ErrInvalid", err)
			}
			if m := w.reads("the last imports"); !strings.Contains(string(m.Blocks), `"table"`) {
				t.Errorf("Ana reads %s", m.Blocks)
			}
			w.sim.RefuseBlocks()
			w.types("history")
			if err := <-first; err != nil {
				t.Errorf("where charts are known: %v", err)
			}
		})
	}
}

// Wherever Slack says that it refuses blocks, it is heard.
func TestWordsOfARefusalByResponseURL(t *testing.T) {
	for said, want := range map[string]error{
		`400 {"ok":false,"error":"invalid_blocks"}`: ErrInvalid,
		`200 {"ok":false,"error":"invalid_blocks"}`: ErrInvalid,
		`404 invalid_blocks`:                        ErrInvalid,
		`500 invalid_blocks_format`:                 ErrInvalid,
		`404 {"ok":false,"error":"used_url"}`:       ErrUnanswerable,
		`404 {"ok":false,"error":"expired_url"}`:    ErrUnanswerable,
		`404 no_hook`:                               ErrUnanswerable,
		`500 oops`:                                  ErrUnavailable,
		`200 ok`:                                    nil,
		`200 {"ok":true}`:                           nil,
	} {
		status := map[string]int{"200": 200, "400": 400, "404": 404, "500": 500}[said[:3]]
		if err := judgeResponse(status, []byte(said[4:]), nil, nil); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", said, err, want)
		}
	}
}

// People of another workspace are turned away in words, wherever Slack says
// that they are, unless they are served.
func TestPeopleOfOtherWorkspaces(t *testing.T) {
	for name, tt := range map[string]struct {
		typed  slacksim.Typed
		serves func(string) bool
		served bool
	}{
		"own":                   {slacksim.Typed{UserID: "U1"}, nil, true},
		"a stranger":            {slacksim.Typed{UserID: "U9"}, nil, false},
		"a stranger served":     {slacksim.Typed{UserID: "U9"}, func(id string) bool { return id == "U9" }, true},
		"another one is served": {slacksim.Typed{UserID: "U9"}, func(id string) bool { return id == "U8" }, false},
		"all from elsewhere":    {slacksim.Typed{UserID: "U1", TeamID: "T8"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			requests := make(chan *Request, 2)
			w := start(t, func(ctx context.Context, r *Request) error {
				requests <- r
				return r.Answer(ctx, words("served "+string(r.Kind)))
			}, func(c *Config) { c.Serves = tt.serves })
			w.sim.AddUser("U9", "eve", slacksim.Foreign("T9"))
			w.sim.AddSharedChannel("C9", "both-of-us")
			ts, _ := w.posts(Post{Channel: "C9", Message: withButton("card")})
			typed := tt.typed
			typed.ChannelID, typed.Command = "C9", "/import"
			inv := w.typesAs(typed)
			if _, err := w.sim.Press(w.ctx(), slacksim.Pressed{UserID: typed.UserID, TeamID: typed.TeamID, ChannelID: "C9", TS: ts, ActionID: "go"}); err != nil {
				t.Fatal(err)
			}
			if !tt.served {
				w.reads("I work for another workspace")
				w.wait("both to be told", func() bool { return len(w.sim.Ephemerals(typed.UserID)) == 2 })
				if got := inv.Answers(); len(got) != 1 || !strings.Contains(got[0].Text, "another workspace") {
					t.Errorf("%s reads %+v", typed.UserID, got)
				}
				return
			}
			w.reads("served command")
			w.reads("served action")
			for range 2 {
				if r := <-requests; r.Foreign != (typed.UserID == "U9") || r.Foreign != (r.TeamID == "T9") {
					t.Errorf("%s of %s: foreign %t", r.Kind, r.TeamID, r.Foreign)
				}
			}
		})
	}
}

// What Slack says of where somebody is from, in all its forms.
func TestWhoIsForeign(t *testing.T) {
	var (
		single = Identity{TeamID: "T1"}
		grid   = Identity{TeamID: "T1", EnterpriseID: "E1"}
	)
	command := func(payload string) any { return into[slack.SlashCommand](t, payload) }
	press := func(payload string) any {
		return into[slack.InteractionCallback](t, `{"type":"block_actions","actions":[{"type":"button","block_id":"b","action_id":"a"}],`+payload[1:])
	}
	home := func(payload string) any {
		event, err := slackevents.ParseEvent(json.RawMessage(`{"type":"event_callback","event_id":"Ev1","event":{"type":"app_home_opened","user":"U1","tab":"home"},`+payload[1:]), slackevents.OptionNoVerifyToken())
		if err != nil {
			t.Fatal(err)
		}
		return event
	}
	for name, tt := range map[string]struct {
		bot  Identity
		data any
		want bool
	}{
		"command":                                    {single, command(`{"team_id":"T1"}`), false},
		"command, another workspace":                 {single, command(`{"team_id":"T9"}`), true},
		"command, no workspace":                      {single, command(`{}`), true},
		"command, another of the organisation":       {grid, command(`{"team_id":"T2","enterprise_id":"E1"}`), true},
		"command, installed in the organisation":     {grid, command(`{"team_id":"T2","enterprise_id":"E1","is_enterprise_install":true}`), false},
		"command, installed in another organisation": {grid, command(`{"team_id":"T2","enterprise_id":"E2","is_enterprise_install":true}`), true},
		"press":                                         {single, press(`{"team":{"id":"T1"},"user":{"id":"U1","team_id":"T1"}}`), false},
		"press, the person's workspace unsaid":          {single, press(`{"team":{"id":"T1"},"user":{"id":"U1"}}`), false},
		"press, a person of another workspace":          {single, press(`{"team":{"id":"T1"},"user":{"id":"U1","team_id":"T9"}}`), true},
		"press, all of another workspace":               {single, press(`{"team":{"id":"T9"},"user":{"id":"U1","team_id":"T9"}}`), true},
		"press, own person in another workspace":        {single, press(`{"team":{"id":"T9"},"user":{"id":"U1","team_id":"T1"}}`), false},
		"press, a colleague from another workspace":     {grid, press(`{"team":{"id":"T1"},"enterprise":{"id":"E1"},"user":{"id":"U1","team_id":"T2"}}`), false},
		"press, of another workspace and organisation":  {grid, press(`{"team":{"id":"T9"},"enterprise":{"id":"E9"},"user":{"id":"U1","team_id":"T9"}}`), true},
		"press, the organisation":                       {grid, press(`{"team":{"id":"T1"},"enterprise":{"id":"E1"},"user":{"id":"U1","team_id":"E1"}}`), false},
		"press, installed in the organisation":          {grid, press(`{"team":null,"enterprise":{"id":"E1"},"is_enterprise_install":true,"user":{"id":"U1","team_id":"T2"}}`), false},
		"Home tab":                                      {single, home(`{"team_id":"T1"}`), false},
		"Home tab, another workspace":                   {single, home(`{"team_id":"T9"}`), true},
		"Home tab, installed in the organisation":       {grid, home(`{"team_id":"T2","enterprise_id":"E1","authorizations":[{"is_enterprise_install":true}]}`), false},
		"Home tab, not installed in the organisation":   {grid, home(`{"team_id":"T2","enterprise_id":"E1","authorizations":[{"is_enterprise_install":false}]}`), true},
		"Home tab, installed in another's organisation": {grid, home(`{"team_id":"T2","enterprise_id":"E2","authorizations":[{"is_enterprise_install":true}]}`), true},
	} {
		b := answering(t, `{"ok":true}`)
		b.identity.Store(&tt.bot)
		r := newRequest(b, nil, socketmode.Event{Data: tt.data, Request: &socketmode.Request{EnvelopeID: "1"}})
		if r == nil || r.Foreign != tt.want {
			t.Errorf("%s: %+v, want foreign: %t", name, r, tt.want)
		}
	}
}

func into[T any](t *testing.T, payload string) (out T) {
	t.Helper()
	if err := json.Unmarshal([]byte(payload), &out); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	return out
}
