package bigfix_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"importbot/bigfix"
)

// A token and a password as nasty as they come: every one of these characters
// is escaped by somebody. Shown is what of them must not show anywhere.
const (
	nastyToken    = `ab+C/d=e&f%g"h<i>'j\k~9e8d7c6b5a`
	nastyPassword = `pässwörd & "mehr" 4711`
)

// leaks lists where a text holds a secret, looked at through a few layers of
// unescaping, as a person would who found it in a log.
func leaks(text string, secrets ...string) []string {
	views := map[string]bool{text: true}
	layer := []string{text}
	for range 3 {
		var next []string
		for _, v := range layer {
			for _, u := range unescaped(v) {
				if !views[u] {
					views[u] = true
					next = append(next, u)
				}
			}
		}
		layer = next
	}
	var found []string
	for v := range views {
		for _, secret := range secrets {
			if strings.Contains(strings.ToLower(v), strings.ToLower(secret)) {
				found = append(found, fmt.Sprintf("%q shows a secret", text))
			}
		}
	}
	return found
}

// unescaped takes one layer of escapes off a text.
func unescaped(text string) []string {
	all := []string{html.UnescapeString(text)}
	if s, err := url.QueryUnescape(text); err == nil {
		all = append(all, s)
	}
	if s, err := url.PathUnescape(text); err == nil {
		all = append(all, s)
	}
	var s string
	if json.Unmarshal([]byte(`"`+text+`"`), &s) == nil {
		all = append(all, s)
	}
	return all
}

// texts are all the ways to get a text out of an error, whole and in parts.
func texts(err error) []string {
	if err == nil {
		return nil
	}
	all := []string{err.Error(), fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), fmt.Sprintf("%q", err), fmt.Sprintf("%s", err)}
	if e, ok := err.(*bigfix.Error); ok {
		all = append(all, e.Message, e.Reason(), fmt.Sprintf("%+v", *e), fmt.Sprintf("%#v", *e))
		if b, err := json.Marshal(e); err == nil {
			all = append(all, string(b))
		}
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, inner := range many.Unwrap() {
			all = append(all, texts(inner)...)
		}
	}
	return append(all, texts(errors.Unwrap(err))...)
}

// half is the first half of the token: what is left of it where somebody cuts
// a text before looking for secrets.
var half = nastyToken[:len(nastyToken)/2]

// escapes are the ways in which servers write back what they were sent.
var escapes = map[string]func(string) string{
	"plain":            func(s string) string { return s },
	"query":            url.QueryEscape,
	"path":             url.PathEscape,
	"query, small hex": func(s string) string { return strings.ToLower(url.QueryEscape(s)) },
	"query twice":      func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"HTML":             html.EscapeString,
	"JSON":             func(s string) string { b, _ := json.Marshal(s); return strings.Trim(string(b), `"`) },
	"JSON of query":    func(s string) string { b, _ := json.Marshal(url.QueryEscape(s)); return strings.Trim(string(b), `"`) },
	"every octet": func(s string) string {
		var b strings.Builder
		for _, octet := range []byte(s) {
			fmt.Fprintf(&b, "%%%02X", octet)
		}
		return b.String()
	},
	"upper case": strings.ToUpper,
	"address":    func(s string) string { return "/api/import_status.json?format=json&token=" + url.QueryEscape(s) },
}

// echoes are the places of an answer in which a server can write them back.
var echoes = map[string]func(w http.ResponseWriter, said string){
	"text of 400": func(w http.ResponseWriter, said string) { http.Error(w, "no such token: "+said, 400) },
	"text of 401": func(w http.ResponseWriter, said string) {
		http.Error(w, "no such token: "+said, http.StatusUnauthorized)
	},
	"text of 403": func(w http.ResponseWriter, said string) { http.Error(w, "not for "+said, http.StatusForbidden) },
	"text of 404": func(w http.ResponseWriter, said string) { http.Error(w, "not found: "+said, 404) },
	"text of 500": func(w http.ResponseWriter, said string) { http.Error(w, "wrong parameter: "+said, 500) },
	"text of 502": func(w http.ResponseWriter, said string) { http.Error(w, "upstream "+said, http.StatusBadGateway) },
	"object of 500": func(w http.ResponseWriter, said string) {
		w.WriteHeader(500)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"message": "wrong: " + said}}})
	},
	"many of 500": func(w http.ResponseWriter, said string) { http.Error(w, strings.Repeat("x", 280)+said, 500) },
	"page":        func(w http.ResponseWriter, said string) { fmt.Fprintf(w, "<html>%s</html>", said) },
	"not JSON":    func(w http.ResponseWriter, said string) { fmt.Fprint(w, said) },
	"half a JSON": func(w http.ResponseWriter, said string) { fmt.Fprintf(w, `{"mode":%q`, said) },
	"redirect": func(w http.ResponseWriter, said string) {
		w.Header().Set("Location", "/login/"+said+"?x="+said)
		w.WriteHeader(302)
	},
	"redirect off": func(w http.ResponseWriter, said string) {
		w.Header().Set("Location", "https://sso/"+said)
		w.WriteHeader(302)
	},
	"end of a long word": func(w http.ResponseWriter, said string) {
		_ = json.NewEncoder(w).Encode(map[string]any{"mode": strings.Repeat("x", 230) + said, "last_status": strings.Repeat("x", 230) + said})
	},
	"words of a status": func(w http.ResponseWriter, said string) {
		_ = json.NewEncoder(w).Encode(map[string]any{"mode": said, "last_status": said, "last_import_type": said,
			"next_import_type": said, "import_create_url": said, "import_status_url": said})
	},
	"no protocol at all": func(w http.ResponseWriter, said string) { raw(w, said+"\r\n\r\n") },
	"status line":        func(w http.ResponseWriter, said string) { raw(w, "HTTP/1.1 abc "+said+"\r\n\r\n") },
	"status text":        func(w http.ResponseWriter, said string) { raw(w, "HTTP/1.1 500 "+said+"\r\nContent-Length: 0\r\n\r\n") },
	"header line":        func(w http.ResponseWriter, said string) { raw(w, "HTTP/1.1 200 OK\r\n"+said+"\r\n\r\n") },
	"length": func(w http.ResponseWriter, said string) {
		raw(w, "HTTP/1.1 200 OK\r\nContent-Length: "+said+"\r\n\r\n")
	},
	"encoding": func(w http.ResponseWriter, said string) {
		raw(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "+said+"\r\n\r\n")
	},
	"chunk": func(w http.ResponseWriter, said string) {
		raw(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+said+"\r\n")
	},
	"address in a header": func(w http.ResponseWriter, said string) {
		w.Header().Set("Location", "http://%zz/"+said)
		w.WriteHeader(301)
	},
}

// raw takes the connection away from net/http and writes to it.
func raw(w http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	fmt.Fprint(conn, text)
	conn.Close()
}

// Whatever a server does with a token, it shows in no error and in no status.
func TestNoSecretShows(t *testing.T) {
	for place, echo := range echoes {
		for how, escape := range escapes {
			for _, in := range []bigfix.TokenIn{bigfix.TokenInQuery, bigfix.TokenInHeader} {
				t.Run(fmt.Sprintf("%s/%s/%s", place, how, in), func(t *testing.T) {
					srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { echo(w, escape(nastyToken)) }))
					defer srv.Close()
					c := newClient(t, bigfix.Config{URL: srv.URL, Token: nastyToken, TokenIn: in})
					s, err := c.Status(patient(t))
					_, err2 := c.Start(patient(t), bigfix.TypeRaw)
					checkTexts(t, append(texts(err), texts(err2)...))
					checkTexts(t, []string{fmt.Sprintf("%+v", s), c.ImportsPage()})
				})
			}
		}
	}
}

// The same for a user's password, which goes to get_token alone, and for the
// token that comes back.
func TestNoPasswordShows(t *testing.T) {
	for place, echo := range echoes {
		for how, escape := range escapes {
			t.Run(place+"/"+how, func(t *testing.T) {
				srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					echo(w, escape(nastyPassword)+" "+escape(nastyToken))
				}))
				defer srv.Close()
				c := newClient(t, bigfix.Config{URL: srv.URL, User: "me", Password: nastyPassword + nastyToken})
				_, err := c.Status(patient(t))
				for _, text := range texts(err) {
					for _, leak := range leaks(text, nastyPassword+nastyToken) {
						t.Errorf("%s", leak)
					}
				}
			})
		}
	}
}

// A token that was fetched is as secret as one that was configured.
func TestNoFetchedTokenShows(t *testing.T) {
	const fetched = "0123456789abcdef0123456789abcdef01234567"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			fmt.Fprintf(w, `{"token":%q}`, fetched)
			return
		}
		http.Error(w, "I don't know "+r.URL.String(), 500)
	}))
	defer srv.Close()
	c := newClient(t, bigfix.Config{URL: srv.URL, User: "me", Password: "pw"})
	_, err := c.Status(patient(t))
	if e := asError(t, err); e.Kind != bigfix.ErrBadRequest || !strings.Contains(e.Message, "[cut]") {
		t.Errorf("got %v", err)
	}
	for _, text := range texts(err) {
		for _, leak := range leaks(text, fetched) {
			t.Error(leak)
		}
	}
}

// Nor does a token show where the trouble is on this side of the wire.
func TestNoSecretShowsWithoutAServer(t *testing.T) {
	for name, url := range map[string]string{
		"refused": "http://127.0.0.1:1", "refused below TLS": "https://127.0.0.1:1",
	} {
		c := newClient(t, bigfix.Config{URL: url, Token: nastyToken})
		_, err := c.Status(patient(t))
		_, err2 := c.Start(patient(t), bigfix.TypeRaw)
		if err == nil || err2 == nil {
			t.Errorf("%s: no error", name)
		}
		checkTexts(t, append(texts(err), texts(err2)...))
	}
	c := newClient(t, bigfix.Config{URL: "http://127.0.0.1:1", Token: nastyToken, Dial: quotingDialer})
	_, err := c.Status(patient(t))
	checkTexts(t, texts(err))
}

// quotingDialer fails with errors that a careless tunnel might make.
func quotingDialer(ctx context.Context, _, _ string) (net.Conn, error) {
	asked := &url.Error{Op: "Get", URL: "http://x/?token=" + url.QueryEscape(nastyToken), Err: errors.New("no tunnel for " + nastyToken)}
	return nil, fmt.Errorf("tunnel: %w", errors.Join(errors.New("first"), asked))
}

// No way to print a configuration or a client shows what is in it.
func TestNoSecretShowsInValues(t *testing.T) {
	cfg := bigfix.Config{URL: "https://inventory.example.com", Token: nastyToken, User: "me", Password: nastyPassword}
	c := newClient(t, cfg)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "cfg", cfg, "client", c)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "cfg", cfg, "client", c)
	asJSON, err := json.Marshal(map[string]any{"cfg": cfg, "client": c})
	if err != nil {
		t.Fatal(err)
	}
	checkTexts(t, []string{
		fmt.Sprintf("%v %+v %#v %s %q", cfg, cfg, cfg, cfg, cfg), fmt.Sprintf("%v %+v %#v %s", &cfg, &cfg, &cfg, &cfg),
		fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c, c), log.String(), string(asJSON),
	})
}

func checkTexts(t *testing.T, all []string) {
	t.Helper()
	for _, text := range all {
		for _, leak := range leaks(text, half, nastyPassword) {
			t.Errorf("%s", leak)
		}
	}
}

// FuzzRedact: no token of printable ASCII comes through in any of the escapes,
// whatever stands around it.
func FuzzRedact(f *testing.F) {
	f.Add(nastyToken, "no such token: ", " (see the log)")
	f.Add("0123456789abcdef0123456789abcdef01234567", "/api/import_status.json?token=", "&run=complete")
	f.Add("%2541%25", "%25", "41")
	f.Add(`\\u0041\"x`, `\`, `"`)
	f.Fuzz(func(t *testing.T, token, before, after string) {
		// A token that looks like what stands in its place can't be told from it.
		if len(token) < 8 || strings.ContainsAny(token, "[]") || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Skip()
		}
		if len(before)+len(after) > 500 || len(leaks(before+" "+after, token)) > 0 {
			t.Skip()
		}
		for how, escape := range escapes {
			got := bigfix.Redact(token, before+" "+escape(token)+" "+after)
			for _, leak := range leaks(got, token) {
				t.Errorf("%s: %s", how, leak)
			}
		}
	})
}
