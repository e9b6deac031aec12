package app

import (
	"bytes"
	"encoding/ascii85"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"mime/quotedprintable"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// needles are the secrets that must be found nowhere, by their names.
type needles struct {
	mu     sync.Mutex
	values map[string]string
}

// add names a secret. Short ones would be found by chance.
func (n *needles) add(name, value string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(value) < 10 {
		panic(name + " is too short to be looked for")
	}
	if n.values == nil {
		n.values = map[string]string{}
	}
	n.values[name] = value
	return value
}

// find returns where in a text which secret stands, in which form: a line for each.
func (n *needles) find(place, text string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []string
	for name, value := range n.values {
		var forms []string
		around := ""
		for form, look := range looks(value) {
			if at := strings.Index(text, look); at >= 0 {
				forms = append(forms, form)
				around = text[max(0, at-60):min(len(text), at+len(look)+60)]
			}
		}
		if len(forms) > 0 {
			slices.Sort(forms)
			found = append(found, fmt.Sprintf("%s: %s (%s): …%q…", place, name, strings.Join(forms, "; "), around))
		}
	}
	slices.Sort(found)
	return found
}

// looks lists what a secret looks like in each form in which it might get out, halves of it among them: a text that is cut to length
// before it is redacted keeps the half of a token.
func looks(value string) map[string]string {
	quoted := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return string(text[1 : len(text)-1])
	}
	var plain, printable bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	writer := quotedprintable.NewWriter(&printable)
	if encoder.Encode(value) != nil || writer.Close() != nil {
		panic("a secret can't be encoded")
	}
	inQuotes := strings.Trim(strconv.Quote(value), `"`)
	inJSON := strings.TrimSpace(plain.String())
	forms := map[string]string{
		"plain": value, "in JSON": inJSON[1 : len(inJSON)-1], "in JSON for HTML": quoted(value), "in JSON in JSON": quoted(quoted(value)),
		"quoted": inQuotes, "quoted in JSON": quoted(inQuotes), "quoted in ASCII": strings.Trim(strconv.QuoteToASCII(value), `"`),
		"in a query": url.QueryEscape(value), "in a path": url.PathEscape(value), "in a query in a query": url.QueryEscape(url.QueryEscape(value)),
		"in HTML": html.EscapeString(value), "in Slack's markup": strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(value),
		"hexadecimal": hex.EncodeToString([]byte(value)), "HEXADECIMAL": strings.ToUpper(hex.EncodeToString([]byte(value))),
		"as Go prints bytes": strings.Trim(fmt.Sprint([]byte(value)), "[]"), "first half": value[:(len(value)+1)/2], "last half": value[len(value)/2:],
	}
	for offset := range 3 {
		padded := append(bytes.Repeat([]byte("\x00"), offset), value...)
		for name, alphabet := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64 for URLs": base64.RawURLEncoding} {
			whole := alphabet.EncodeToString(padded)
			// The first and the last characters also hold bits of what stands beside the secret.
			forms[fmt.Sprintf("%s, %d bytes behind a boundary", name, offset)] = whole[[]int{0, 2, 3}[offset] : len(padded)*8/6]
		}
	}
	return forms
}

// The search for secrets is worth what it finds: each form is hidden in a text as real encoders write it, and looked for.
func TestNeedlesAreFound(t *testing.T) {
	const secret = `p@ss/w+rd "<&>%41\é=0123456789`
	var asJSON, deep, inQuotes bytes.Buffer
	if err := json.NewEncoder(&asJSON).Encode(map[string]string{"error": "asking with " + secret}); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(&deep).Encode(map[string]string{"body": asJSON.String()}); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(&inQuotes).Encode(map[string]string{"msg": fmt.Sprintf("it said %q", "x"+secret)}); err != nil {
		t.Fatal(err)
	}
	address := url.URL{Scheme: "https", Host: "h", Path: "/ping/" + secret, RawQuery: url.Values{"token": {secret}}.Encode()}
	for name, text := range map[string]string{
		"plain":                     "with " + secret + ".",
		"JSON":                      asJSON.String(),
		"JSON in JSON":              deep.String(),
		"%q in JSON":                inQuotes.String(),
		"%q":                        fmt.Sprintf("got %q", "with "+secret),
		"%+q":                       fmt.Sprintf("got %+q", "with "+secret),
		"%x":                        fmt.Sprintf("got %x", "with "+secret),
		"%X":                        fmt.Sprintf("got %X", secret),
		"%v of bytes":               fmt.Sprintf("got %v", []byte("with "+secret+".")),
		"a URL's query":             "https://h/?" + address.RawQuery,
		"a URL's path":              "https://h/" + url.PathEscape(secret),
		"a URL in a URL":            "https://h/?to=" + url.QueryEscape("https://h/?"+address.RawQuery),
		"HTML":                      "<p>" + html.EscapeString("with "+secret),
		"Slack's markup":            strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace("with " + secret),
		"basic authentication, 0":   base64.StdEncoding.EncodeToString([]byte("abc:" + secret + "x")),
		"basic authentication, 1":   base64.StdEncoding.EncodeToString([]byte("ab:" + secret)),
		"basic authentication, 2":   base64.StdEncoding.EncodeToString([]byte("a:" + secret + "xy")),
		"base64 for URLs":           base64.URLEncoding.EncodeToString([]byte("a:" + secret)),
		"cut in the middle":         "with " + secret[:20] + "…",
		"the rest of what was cut":  "…" + secret[len(secret)-20:],
		"bytes of a database page":  "\x00\x01\x80" + secret + "\xff\xfe",
		"a line of a flight record": "ticket=" + secret + "&app_id=1",
	} {
		var n needles
		n.add("the password", secret)
		if got := n.find("here", text); len(got) == 0 {
			t.Errorf("%s: not found in %s", name, text)
		}
	}
	var n needles
	n.add("the password", secret)
	for name, text := range map[string]string{"nothing": "", "another": strings.ToUpper(secret), "stars": "with ***", "what it can't know": ascii(secret)} {
		if got := n.find("here", text); len(got) != 0 {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// ascii is an encoding that nothing here writes.
func ascii(text string) string {
	out := make([]byte, ascii85.MaxEncodedLen(len(text)))
	return string(out[:ascii85.Encode(out, []byte(text))])
}
