package slacksim

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// workspace is a simulator with ana, ben and #imports.
func workspace(t *testing.T, options ...Option) *Sim {
	t.Helper()
	s := New(options...)
	t.Cleanup(s.Close)
	s.AddUser("U1", "ana")
	s.AddUser("U2", "ben")
	s.AddChannel("C1", "imports")
	return s
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// answer is what a method answered.
type answer struct {
	Status int
	Header http.Header
	body   map[string]any
}

func (a answer) str(key string) string {
	s, _ := a.body[key].(string)
	return s
}

// api calls a method with the bot's token and a JSON body.
func api(t *testing.T, s *Sim, method string, args map[string]any) answer {
	t.Helper()
	a, err := tryAPI(s, s.BotToken, method, args)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return a
}

func tryAPI(s *Sim, token, method string, args map[string]any) (answer, error) {
	body, err := json.Marshal(args)
	if err != nil {
		return answer{}, err
	}
	return post(s.APIURL()+method, token, "application/json; charset=utf-8", string(body))
}

func post(url, token, contentType, body string) (answer, error) {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", contentType)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{Status: resp.StatusCode, Header: resp.Header, body: map[string]any{}}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		err = json.NewDecoder(resp.Body).Decode(&a.body)
	}
	return a, err
}

// client is a bare Socket Mode client.
type client struct {
	t  *testing.T
	ws *websocket.Conn
}

func dial(t *testing.T, s *Sim) *client {
	t.Helper()
	a, err := tryAPI(s, s.AppToken, "apps.connections.open", nil)
	if err != nil || a.body["ok"] != true {
		t.Fatalf("apps.connections.open: %v %v", err, a.body)
	}
	ws, _, err := websocket.DefaultDialer.Dial(a.str("url"), nil)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { ws.Close() })
	return &client{t, ws}
}

// connect dials and waits for hello.
func connect(t *testing.T, s *Sim) *client {
	t.Helper()
	c := dial(t, s)
	if got := c.next(); got["type"] != "hello" {
		t.Fatalf("got %v, want hello", got)
	}
	return c
}

func (c *client) next() map[string]any {
	c.t.Helper()
	got, err := c.read()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return got
}

func (c *client) read() (map[string]any, error) {
	var got map[string]any
	c.ws.SetReadDeadline(time.Now().Add(20 * time.Second))
	return got, c.ws.ReadJSON(&got)
}

func (c *client) ack(envelope any, payload any) {
	c.t.Helper()
	if err := c.ws.WriteJSON(map[string]any{"envelope_id": envelope, "payload": payload}); err != nil {
		c.t.Fatalf("ack: %v", err)
	}
}

func TestCommandFromEnvelopeToAnswers(t *testing.T) {
	s := workspace(t)
	c := connect(t, s)
	inv, err := s.Type(Typed{UserID: "U1", ChannelID: "C1", Command: "/import", Text: "raw"})
	if err != nil {
		t.Fatal(err)
	}
	envelope := c.next()
	payload := envelope["payload"].(map[string]any)
	if envelope["type"] != "slash_commands" || payload["command"] != "/import" || payload["text"] != "raw" || payload["user_id"] != "U1" {
		t.Errorf("got the envelope %v", envelope)
	}
	c.ack(envelope["envelope_id"], map[string]any{"text": "Starting"})
	if err := inv.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	if got := string(inv.AckPayload()); got != `{"text":"Starting"}` {
		t.Errorf("the ack's payload is %s", got)
	}
	if _, err := post(inv.ResponseURL, "", "application/json", `{"text":"Started","replace_original":true}`); err != nil {
		t.Fatal(err)
	}
	answers := inv.Answers()
	if len(answers) != 1 || answers[0].Text != "Started" || answers[0].For != "U1" || len(answers[0].Edits) != 1 {
		t.Errorf("got the answers %+v", answers)
	}
	if got := s.Messages("C1"); len(got) != 0 {
		t.Errorf("others can read %+v", got)
	}
	s.Check(t)
}

func TestNoConnectionIsToldAtOnce(t *testing.T) {
	s := workspace(t)
	_, err := s.Command(soon(t), Typed{UserID: "U1", ChannelID: "C1", Command: "/import"})
	var failed *FailedError
	if !errors.As(err, &failed) || failed.Code != DispatchFailed {
		t.Errorf("got %v, want %s", err, DispatchFailed)
	}
}
