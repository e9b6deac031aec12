package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"

	"importbot/internal/slacksim"
)

// These tests play the demo with a stand-in for the bot, a process as the bot is one, that does what a test wants to see the demo take.

// standIn is the first word of the command line by which this test program is the stand-in.
const standIn = "stand-in"

// standInForTheBot connects to Slack as the bot does, unless it is to fail before that.
func standInForTheBot(does string) (status int) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	fmt.Fprintln(os.Stderr, `time="2026-05-20T12:00:00Z" level=info msg="Importbot starts"`)
	if does == "fails" {
		fmt.Fprintln(os.Stderr, "boom")
		return 1
	}
	ws, err := greeted()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer ws.Close()                        //nolint:errcheck // the process ends
	if does == "panics" || does == "ends" { // when the first command comes
		ws.ReadMessage() //nolint:errcheck // that something came is enough
	}
	switch does {
	case "panics":
		panic("boom")
	case "ends":
		return 0
	}
	go func() {
		io.Copy(io.Discard, os.Stdin) //nolint:errcheck // its end is all that matters
		close(asked)
	}()
	<-asked
	return 0
}

func greeted() (*websocket.Conn, error) {
	ask, err := http.NewRequest(http.MethodPost, os.Getenv("SLACK_API_URL")+"apps.connections.open", nil)
	if err != nil {
		return nil, err
	}
	ask.Header.Set("Authorization", "Bearer "+os.Getenv("SLACK_APP_TOKEN"))
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	var where struct{ URL string }
	if err := json.NewDecoder(answer.Body).Decode(&where); err != nil {
		return nil, err
	}
	ws, _, err := websocket.DefaultDialer.Dial(where.URL, nil)
	if err != nil {
		return nil, err
	}
	if _, _, err = ws.ReadMessage(); err != nil {
		return nil, err
	}
	for _, server := range []string{"BIGFIX_PROD_URL", "BIGFIX_LAB_URL"} {
		look, err := http.Get(os.Getenv(server) + "/api/import_status.json")
		if err != nil {
			return nil, err
		}
		if err := look.Body.Close(); err != nil {
			return nil, err
		}
	}
	return ws, nil
}

// manifest is one as short as it can be.
func manifest([]string) ([]byte, error) {
	return []byte("display_information: {name: Importbot}\nfeatures: {bot_user: {display_name: importbot}, slash_commands: [{command: /import, description: imports}]}\n" +
		"oauth_config: {scopes: {bot: [commands, chat:write, chat:write.public]}}\nsettings: {socket_mode_enabled: true}\n"), nil
}

// A bot that does not start, and one that ends in the middle, end the demo with an error that has its last words; leaving does not.
func TestEnds(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, tc := range []struct{ name, bot, stdin, want string }{
		{"it does not start", "fails", "", "the bot did not start: boom"},
		{"it panics", "panics", "/import status\nwait 1h\n", "the bot stopped: panic: boom"},
		{"it ends without a word", "ends", "/import status\nwait 1h\n",
			`the bot stopped: exit status 0, after it had logged: time="2026-05-20T12:00:00Z" level=info msg="Importbot starts"`},
		{"nothing is typed", "stays", "# nothing\n\n", ""},
		{"exit is typed", "stays", "nonsense\n/other\nexit\n/import raw\n", ""},
		{"it was killed", "stays", "bot kill\nbot kill\n", ""},
		{"it was killed and started", "stays", "bot kill\nbot start\nbot start\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			d := Demo{Stdin: strings.NewReader(tc.stdin), Stdout: &out, Bot: []string{os.Args[0], standIn, tc.bot}, Manifest: manifest}
			got := ""
			if err := d.Run(t.Context()); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			t.Logf("\n%s", out.String())
		})
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// A terminal draws what others do, in a browser perhaps, and what they are told; not what was typed on it, which stands there, nor what
// is said in a channel that nobody looks at.
func TestTerminalDrawsWhatWasDoneElsewhere(t *testing.T) {
	var out bytes.Buffer
	size := func() int { return 90 }
	s := newScreen(&out, testReader(), "U1", true, size, size)
	s.unread = func(m slacksim.Message) bool { return m.Channel == "C2" }
	s.mine(slacksim.CommandTyped, "U1")
	undone := s.mine(slacksim.ActionPressed, "U1")
	undone()
	for i, e := range []slacksim.Event{
		{Kind: slacksim.CommandTyped, User: "U1", Channel: "C1", Text: "/import here"},
		{Kind: slacksim.CommandTyped, User: "U1", Channel: "C1", Text: "/import in the browser"},
		{Kind: slacksim.ActionPressed, User: "U1", Channel: "C1", Text: "A button"},
		{Kind: slacksim.CommandFailed, User: "B", Channel: "C1", Text: "it failed"},
		{Kind: slacksim.MessagePosted, User: "U1", Channel: "C2", Message: slacksim.Message{Channel: "C2", User: "U1", Text: "unread"}},
		{Kind: slacksim.EphemeralShown, User: "B", Channel: "C2", Message: slacksim.Message{Channel: "C2", User: "B", For: "U1", Text: "an answer there"}},
	} {
		e.Seq = i + 1
		s.show(e)
	}
	drawn := out.String()
	for _, want := range []string{"ana types \x1b[1m/import in the browser", "ana presses [A button]", "only importbot sees this", "an answer there"} {
		if !strings.Contains(drawn, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(drawn, "/import here") || strings.Contains(drawn, "unread") {
		t.Error("it draws too much")
	}
	if _, seen := s.until(); seen != 6 {
		t.Errorf("%d were seen", seen)
	}
	t.Logf("%q", drawn)
}
