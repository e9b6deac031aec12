package slackweb

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// upgrades makes a request for a WebSocket of another origin.
func upgrades(origin string) func(*http.Request) {
	return func(r *http.Request) {
		for name, value := range map[string]string{
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": origin,
		} {
			r.Header.Set(name, value)
		}
	}
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func TestWhoElseAsksIsTurnedAway(t *testing.T) {
	w := newWorld(t, &fakePanel{})
	const hello = `{"user":"U1","channel":"C1","text":"hello"}`
	for _, test := range []struct {
		what, method, path string
		change             func(*http.Request)
		want               int
	}{
		{"another origin", "POST", "/api/message", header("Origin", "https://evil.example"), 403},
		{"another port of this machine", "POST", "/api/message", header("Origin", "http://127.0.0.1:1"), 403},
		{"no origin to speak of", "POST", "/api/message", header("Origin", "null"), 403},
		{"another site", "POST", "/api/message", header("Sec-Fetch-Site", "cross-site"), 403},
		{"another site's switch", "POST", "/api/panel", header("Sec-Fetch-Site", "same-site"), 403},
		{"another site reading", "GET", "/api/workspace?user=U1", header("Sec-Fetch-Site", "cross-site"), 403},
		{"another site listening", "GET", "/api/events?user=U1", header("Sec-Fetch-Site", "same-site"), 403},
		{"another site listening, by its origin", "GET", "/api/events?user=U1", upgrades("https://evil.example"), 403},
		{"another port listening", "GET", "/api/events?user=U1", upgrades("http://127.0.0.1:1"), 403},
		{"who can't listen", "GET", "/api/events?user=U1", nil, 400},
		{"a name of theirs with our address", "POST", "/api/message", host("evil.example"), 403},
		{"and with our port", "GET", "/api/workspace?user=U1", host("evil.example:8080"), 403},
		{"a name that looks like ours", "GET", "/", host("localhost.evil.example"), 403},
		{"an address that is not this machine's", "GET", "/", host("192.0.2.1:80"), 403},
		{"no name", "GET", "/", host("[]"), 403},
		{"a form", "POST", "/api/message", header("Content-Type", "text/plain"), 415},
		{"no type", "POST", "/api/message", header("Content-Type", ""), 415},
		{"this page", "POST", "/api/message", header("Sec-Fetch-Site", "same-origin"), 200},
		{"a program", "POST", "/api/message", nil, 200},
		{"a type with a charset", "POST", "/api/message", header("Content-Type", "application/json; charset=UTF-8"), 200},
		{"a link from elsewhere", "GET", "/", header("Sec-Fetch-Site", "cross-site"), 200},
		{"localhost", "GET", "/", host("LocalHost:8080"), 200},
		{"IPv6", "GET", "/", host("[::1]:8080"), 200},
		{"IPv6 without a port", "GET", "/", host("[::1]"), 200},
	} {
		body := ""
		if test.method == "POST" {
			body = hello
		}
		got := w.ask(test.method, test.path, body, test.change)
		if got.status != test.want {
			t.Errorf("%s: %d %s, want %d", test.what, got.status, got.body, test.want)
		}
		if got.status != 200 {
			checkWords(t, test.what, got)
		}
	}
	if got := len(w.sim.Messages("C1")); got != 3 {
		t.Errorf("%d messages were written, want 3", got)
	}
}

// checkWords sees that a refusal is a sentence for a person.
func checkWords(t *testing.T, what string, got reply) {
	t.Helper()
	var said map[string]string
	if err := json.Unmarshal([]byte(got.body), &said); err != nil || len(said) != 1 || !strings.HasSuffix(said["error"], ".") {
		t.Errorf("%s: answered with %q", what, got.body)
	}
}

func TestWhatNobodyCanDoIsRefusedInWords(t *testing.T) {
	w := newWorld(t, nil)
	ts := w.sim.Say("U1", "C1", "hello", "")
	dm := w.sim.DM("U1")
	for _, test := range []struct {
		path, body string
		want       int
		words      string
	}{
		{"/api/message", ``, 400, "JSON object"},
		{"/api/message", `null`, 400, "JSON object"},
		{"/api/message", `[]`, 400, "JSON object"},
		{"/api/message", `{"user":7}`, 400, "JSON object"},
		{"/api/message", `{"user":"U1"} {}`, 400, "JSON object"},
		{"/api/message", `{"user":"U1","channel":"C1","text":"x","as":"admin"}`, 400, "JSON object"},
		{"/api/message", `{"text":"` + strings.Repeat("x", maxBody) + `"}`, 413, "65536 bytes"},
		{"/api/message", `{"user":"U1","channel":"C1","text":"` + strings.Repeat("x", maxTyped+1) + `"}`, 422, "12001 characters; 12000"},
		{"/api/message", `{"channel":"C1","text":"x"}`, 403, "Nobody"},
		{"/api/message", `{"user":"U0BOT","channel":"C1","text":"x"}`, 403, "Nobody"},
		{"/api/message", `{"user":"U2","channel":"C2","text":"x"}`, 404, "no channel"},
		{"/api/message", `{"user":"U2","channel":"` + dm + `","text":"x"}`, 404, "no channel"},
		{"/api/message", `{"user":"U1","channel":"` + dm + `","text":"x"}`, 422, "turned off"},
		{"/api/message", `{"user":"U1","channel":"C1","text":" \n"}`, 422, "nothing to send"},
		{"/api/message", `{"user":"U1","channel":"C1","text":"x","thread_ts":"1.000001"}`, 422, "no thread"},
		{"/api/message", `{"user":"U1","channel":"C1","text":"/boil","thread_ts":"` + ts + `"}`, 422, "not in threads"},
		{"/api/command", `{"user":"U1","channel":"C1","text":"/boil","thread_ts":"` + ts + `"}`, 422, "in a thread"},
		{"/api/command", `{"user":"U1","channel":"C1","text":"/brew tea"}`, 422, `"/brew" is no command here`},
		{"/api/command", `{"user":"U1","channel":"C1","text":"boil"}`, 422, `"boil" is no command here`},
		{"/api/command", `{"user":"U1","channel":"` + dm + `","text":"/boil"}`, 422, "turned off"},
		{"/api/press", `{"user":"U1","channel":"C1","ts":"` + ts + `","action_id":"heat"}`, 422, "nothing to press"},
		{"/api/press", `{"user":"U1","channel":"C1","ts":"1.000001","action_id":"heat"}`, 422, "no message"},
		{"/api/press", `{"user":"U1","channel":"C9","ts":"` + ts + `","action_id":"heat"}`, 404, "no channel"},
		{"/api/press", `{"user":"U9","action_id":"heat"}`, 403, "Nobody"},
		{"/api/home", `{"user":"U9"}`, 403, "Nobody"},
		{"/api/panel", `{"switch":"x"}`, 404, "nothing at this address"},
		{"/api/nothing", `{}`, 404, "nothing at this address"},
		{"/api/workspace", `{}`, 405, "POST does nothing here"},
		{"/", `{}`, 405, "POST does nothing here"},
	} {
		got := w.ask(http.MethodPost, test.path, test.body, nil)
		if got.status != test.want || !strings.Contains(got.body, strings.ReplaceAll(test.words, `"`, `\"`)) {
			t.Errorf("%s %.80s: %d %s, want %d %q", test.path, test.body, got.status, got.body, test.want, test.words)
		}
		checkWords(t, test.path, got)
	}
	if got := w.sim.Seq(); got != 1 {
		t.Errorf("%d events came of it", got-1)
	}
}

func TestMethods(t *testing.T) {
	w := newWorld(t, &fakePanel{})
	for path, allow := range map[string]string{
		"/api/command": "POST", "/api/workspace": "GET", "/api/panel": "POST", "/": "GET, HEAD",
	} {
		got := w.ask(http.MethodDelete, path, "", nil)
		if allowed := got.header.Get("Allow"); got.status != http.StatusMethodNotAllowed || allowed != allow {
			t.Errorf("DELETE %s: %d, Allow %q, want %q", path, got.status, allowed, allow)
		}
	}
	for _, path := range []string{"/api/workspace?user=U9", "/api/events?user=U9", "/api/events"} {
		if got := w.ask(http.MethodGet, path, "", nil); got.status != http.StatusForbidden {
			t.Errorf("GET %s: %d %s", path, got.status, got.body)
		}
	}
	if got := w.ask(http.MethodHead, "/api/events?user=U1", "", nil); got.status != http.StatusMethodNotAllowed {
		t.Errorf("HEAD of a stream: %d", got.status)
	}
	if got := w.ask(http.MethodHead, "/", "", nil); got.status != http.StatusOK || got.body != "" {
		t.Errorf("HEAD /: %d %q", got.status, got.body)
	}
}

// Whatever is answered, a browser is told what it may do with it.
func TestEveryAnswerIsGuarded(t *testing.T) {
	w := newWorld(t, nil)
	for _, test := range []struct {
		path   string
		change func(*http.Request)
	}{{"/", nil}, {"/nothing", nil}, {"/api/workspace?user=U1", nil}, {"/api/nothing", nil}, {"/", host("evil.example")}} {
		h := w.ask(http.MethodGet, test.path, "", test.change).header
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
				"font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store", "Access-Control-Allow-Origin": "",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", test.path, name, got, want)
			}
		}
	}
}

// What arrives in half is not done.
func TestABodyThatBreaksOff(t *testing.T) {
	w := newWorld(t, nil)
	r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.web.URL+"/api/message", io.MultiReader(
		strings.NewReader(`{"user":"U1","channel":"C1","text":"half`), brokenReader{}))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
		t.Errorf("answered %d", resp.StatusCode)
	}
	if got := w.sim.Messages("C1"); len(got) != 0 {
		t.Errorf("wrote %+v", got)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
