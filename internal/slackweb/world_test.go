package slackweb

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"go.uber.org/goleak"

	"importbot/internal/slacksim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kettleManifest is that of the app of these tests: it boils water.
const kettleManifest = `
display_information: {name: Kettle, description: Boils water}
features:
  app_home: {home_tab_enabled: true, messages_tab_enabled: true, messages_tab_read_only_enabled: true}
  bot_user: {display_name: kettle}
  slash_commands:
    - {command: /boil, description: Boil water, usage_hint: "now | later"}
oauth_config: {scopes: {bot: [commands, chat:write]}}
settings:
  event_subscriptions: {bot_events: [app_home_opened]}
  interactivity: {is_enabled: true}
  socket_mode_enabled: true
`

// world is a workspace with ana and ben, a page on it, and an app perhaps.
type world struct {
	t    *testing.T
	ctx  context.Context
	sim  *slacksim.Sim
	api  *slack.Client
	page *Page
	web  *httptest.Server
}

// newWorld makes a world whose page has this panel.
func newWorld(t *testing.T, panel Panel, options ...slacksim.Option) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	options = append(options, slacksim.WithTeam("T1", "works"), slacksim.WithManifest([]byte(kettleManifest)), slacksim.WithoutLimits())
	sim := slacksim.New(options...)
	sim.AddUser("U1", "ana", slacksim.Title("Makes tea"))
	sim.AddUser("U2", "ben")
	sim.AddUserGroup("S1", "drinkers", "U1")
	sim.AddChannel("C1", "kitchen")
	sim.SetTopic("C1", "Tea")
	sim.AddPrivateChannel("C2", "cellar", "U1")
	w := &world{t: t, ctx: ctx, sim: sim, page: New(Options{Slack: sim, People: []string{"U1", "U2"}, Panel: panel})}
	w.web = httptest.NewServer(w.page)
	w.api = slack.New(sim.BotToken, slack.OptionAPIURL(sim.APIURL()), slack.OptionAppLevelToken(sim.AppToken))
	t.Cleanup(func() {
		cancel()
		w.web.CloseClientConnections()
		w.web.Close()
		sim.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return w
}

// boil runs the app until the test ends: it answers the command with an ephemeral message and a public one with a button, which
// edits it, and it has a Home tab.
func (w *world) boil() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.ctx)
	client := socketmode.New(w.api)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		client.RunContext(ctx) //nolint:errcheck // it ends with the test
	}()
	handled := make(chan struct{})
	go func() {
		defer close(handled)
		for {
			select {
			case event := <-client.Events:
				w.handle(ctx, client, event)
			case <-ctx.Done():
				return
			}
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		<-ended
		<-handled
	})
	if err := w.sim.Wait(ctx, func() bool { return w.sim.Ready() == 1 }); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) handle(ctx context.Context, client *socketmode.Client, event socketmode.Event) {
	var err error
	switch data := event.Data.(type) {
	case slack.SlashCommand:
		client.AckCtx(ctx, event.Request.EnvelopeID, nil) //nolint:errcheck // the test sees
		_, _, err = w.api.PostMessageContext(ctx, data.ChannelID, slack.MsgOptionText("You said "+data.Text, false),
			slack.MsgOptionResponseURL(data.ResponseURL, slack.ResponseTypeEphemeral))
		if err == nil {
			_, _, err = w.api.PostMessageContext(ctx, data.ChannelID, kettle("Water is cold"))
		}
	case slack.InteractionCallback:
		client.AckCtx(ctx, event.Request.EnvelopeID, nil) //nolint:errcheck // the test sees
		if data.Container.MessageTs != "" {
			_, _, _, err = w.api.UpdateMessageContext(ctx, data.Channel.ID, data.Container.MessageTs, kettle("Water is hot"))
		} else {
			err = w.publish(ctx, data.User.ID, "Kettle is off")
		}
	default:
		if event.Type == socketmode.EventTypeEventsAPI {
			client.AckCtx(ctx, event.Request.EnvelopeID, nil) //nolint:errcheck // the test sees
			err = w.publish(ctx, "U1", "Kettle is on")
		}
	}
	if err != nil && ctx.Err() == nil {
		w.t.Errorf("the app: %v", err)
	}
}

// kettle is a message with a button, twice, since an action_id is unique in its block only.
func kettle(text string) slack.MsgOption {
	button := func(value string) slack.Block {
		return slack.NewActionBlock("", slack.NewButtonBlockElement("heat", value, slack.NewTextBlockObject("plain_text", "Heat "+value, false, false)))
	}
	return slack.MsgOptionCompose(slack.MsgOptionText(text, false), slack.MsgOptionBlocks(
		slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", text, false, false), nil, nil), button("more"), button("less")))
}

func (w *world) publish(ctx context.Context, userID, text string) error {
	_, err := w.api.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: userID, View: slack.HomeTabViewRequest{
		Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: []slack.Block{
			slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", text, false, false), nil,
				slack.NewAccessory(slack.NewButtonBlockElement("off", "", slack.NewTextBlockObject("plain_text", "Off", false, false)))),
		}},
	}})
	return err
}

// reply is what the page answered.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask sends a request that change may change.
func (w *world) ask(method, path, body string, change func(*http.Request)) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.ctx, method, w.web.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(read)}
}

// do posts something that has to succeed, and returns the answer.
func (w *world) do(path string, said any) map[string]string {
	w.t.Helper()
	body, err := json.Marshal(said)
	if err != nil {
		w.t.Fatal(err)
	}
	got := w.ask(http.MethodPost, path, string(body), nil)
	var out map[string]string
	if err := json.Unmarshal([]byte(got.body), &out); err != nil || got.status != http.StatusOK {
		w.t.Fatalf("POST %s %s: %d %s", path, body, got.status, got.body)
	}
	return out
}

// run is what tells this workspace from others.
func (w *world) run() string {
	w.t.Helper()
	var known struct{ Run string }
	if err := json.Unmarshal([]byte(w.ask(http.MethodGet, "/api/workspace", "", nil).body), &known); err != nil || known.Run == "" {
		w.t.Fatalf("the workspace is of the run %q: %v", known.Run, err)
	}
	return known.Run
}

// reader reads a stream as a browser does.
type reader struct {
	w      *world
	socket *websocket.Conn
	last   string // the last id
	raw    bytes.Buffer
}

func (w *world) stream(path string) *reader {
	w.t.Helper()
	socket, answer, err := websocket.DefaultDialer.DialContext(w.ctx, "ws"+strings.TrimPrefix(w.web.URL, "http")+path, nil)
	if err != nil {
		w.t.Fatalf("GET %s: %v %+v", path, err, answer)
	}
	stop := context.AfterFunc(w.ctx, func() { socket.Close() })
	w.t.Cleanup(func() {
		stop()
		socket.Close()
	})
	return &reader{w: w, socket: socket}
}

// data returns the next "event" or "panel". What is between is left out.
func (r *reader) data(what string) (string, error) {
	for {
		_, message, err := r.socket.ReadMessage()
		if err != nil {
			return "", err
		}
		r.raw.Write(message)
		fields := map[string]json.RawMessage{}
		if err := json.Unmarshal(message, &fields); err != nil {
			return "", err
		}
		if id, ok := fields["id"]; ok {
			if err := json.Unmarshal(id, &r.last); err != nil {
				return "", err
			}
		}
		if data, ok := fields[what]; ok {
			return string(data), nil
		}
	}
}

// next decodes the next event.
func next[T any](r *reader) T {
	r.w.t.Helper()
	return decoded[T](r, "event")
}

// panel decodes the next state of the panel.
func (r *reader) panel() PanelState {
	r.w.t.Helper()
	return decoded[PanelState](r, "panel")
}

func decoded[T any](r *reader, what string) T {
	r.w.t.Helper()
	var out T
	data, err := r.data(what)
	if err == nil {
		err = json.Unmarshal([]byte(data), &out)
	}
	if err != nil {
		r.w.t.Fatalf("next %s: %v; %s", what, err, data)
	}
	return out
}

// until returns the events up to the first that matches.
func (r *reader) until(match func(event) bool) []event {
	r.w.t.Helper()
	var out []event
	for {
		e := next[event](r)
		if out = append(out, e); match(e) {
			return out
		}
	}
}

func says(kind slacksim.EventKind, text string) func(event) bool {
	return func(e event) bool {
		return e.Kind == kind && (e.Text == text || e.Message != nil && e.Message.Text == text || e.View != nil && strings.Contains(string(e.View.Blocks), text))
	}
}
