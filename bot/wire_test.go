package bot

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"importbot/internal/slacksim"
)

// The simulated Slack speaks plain ws. Over TLS, as at the real one, the bot
// dials for the library: acks, Slack's word for closing and the close frame pass
// through what it puts in between.
func TestSecureSocket(t *testing.T) {
	acked, closed := make(chan string, 1), make(chan error, 1)
	var reason string
	mux := http.NewServeMux()
	slack := httptest.NewTLSServer(mux)
	t.Cleanup(slack.Close)
	mux.HandleFunc("/api/apps.connections.open", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"ok":true,"url":"wss://%s/link/?ticket=1"}`, slack.Listener.Addr())
	})
	mux.HandleFunc("/link/", func(w http.ResponseWriter, r *http.Request) {
		ws, err := (&websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.Close()
		say := func(text string) { ws.WriteMessage(websocket.TextMessage, []byte(text)) } //nolint:errcheck // the bot's side tells
		say(`{"type":"hello","num_connections":1,"connection_info":{"app_id":"A1"}}`)
		say(`{"type":"slash_commands","envelope_id":"E1","accepts_response_payload":true,"payload":{"command":"/import","trigger_id":"1.2"}}`)
		_, ack, err := ws.ReadMessage()
		if err != nil {
			t.Error(err)
		}
		acked <- string(ack)
		if reason != "" {
			say(`{"type":"disconnect","reason":"` + reason + `","debug_info":{}}`)
		}
		_, _, err = ws.ReadMessage()
		closed <- err
	})

	seen, watch := watching()
	w := newWorld(t, echo, func(c *Config) { watch(c); c.APIURL = slack.URL + "/api/" })
	pool := slack.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	w.bot.http.Transport.(tripper).TLSClientConfig = &tls.Config{RootCAs: pool}
	t.Cleanup(w.bot.http.CloseIdleConnections)
	w.bot.work = t.Context()

	reason = slacksim.RefreshRequested
	_, err := w.bot.converse(t.Context(), w.bot.links[0])
	if !errors.Is(err, errDisconnected) || !strings.Contains(err.Error(), reason) {
		t.Errorf("it ended with %v, want Slack's word", err)
	}
	if got := <-acked; !strings.Contains(got, `"E1"`) {
		t.Errorf("acked %s", got)
	}
	<-closed
	w.wait("the ack to be noticed as written", func() bool { return seen.count("ack command") == 1 })
	if seen.count("disconnected "+reason) != 1 {
		t.Errorf("saw %s", seen)
	}

	reason = ""
	ended := make(chan error, 1)
	go func() { _, err := w.bot.converse(t.Context(), w.bot.links[0]); ended <- err }()
	<-acked
	w.bot.leaving.Store(true)
	w.bot.goodbye(t.Context())
	if got := <-closed; !websocket.IsCloseError(got, websocket.CloseNormalClosure) {
		t.Errorf("Slack saw %v, want a close frame of 1000", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
	w.bot.chores.drain(w.ctx()) // the words of the first ack are said once more: nobody knows whether they got out
}

// Words that only look like Slack's are not taken for the reason.
func TestReasonIsSlacksOwn(t *testing.T) {
	for said, want := range map[string]string{
		`{"type":"disconnect","reason":"warning"}`:                            "warning",
		`{"type": "disconnect", "reason" : "link_disabled", "debug_info":{}}`: "link_disabled",
		`{"type":"disconnect","reason":"something new"}`:                      "",
		`{"type":"slash_commands","payload":{"text":"the reason: warning"}}`:  "",
		``: "",
	} {
		server, client := net.Pipe()
		c := &framedConn{Conn: client}
		go func() { io.WriteString(server, strings.Repeat("x", 3000)+said); server.Close() }() //nolint:errcheck // the other side tells
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{c}); err != nil {
			t.Error(err)
		}
		if got := c.reason(); got != want || len(c.tail) > tailLength {
			t.Errorf("%s: %q of %d bytes, want %q", said, got, len(c.tail), want)
		}
	}
}
