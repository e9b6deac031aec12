package store

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"raw prod ü 😀\t\x01\x7f": "raw prod ü 😀\t\x01\x7f",
		"\x00":                   "\uFFFD",
		"raw\x00x\x00":           "raw\uFFFDx\uFFFD",
		"a\xff\xfeb":             "a\uFFFD\uFFFDb",
		"\xed\xa0\x80":           "\uFFFD\uFFFD\uFFFD", // half a surrogate pair
		"\uFFFD":                 "\uFFFD",
		`\u0000`:                 `\u0000`,
	} {
		if got := plain(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// FuzzPlain: a text and the JSON that it stands in are made plain alike, for what is searched by column is read from the body.
func FuzzPlain(f *testing.F) {
	for _, text := range []string{"raw\x00x", `\u0000`, `\\u0000`, "\\\x00", "\\\\\x00u0000", `"\`, "a\xff\x00\xfe", "\u2028<&>"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body, err := encode("a text", map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%q became %s: %v", text, body, err)
		}
		want := plain(text)
		if value, ok := got[want]; !ok || value != want || !utf8.ValidString(want) || plain(want) != want {
			t.Errorf("%q is %q by itself, and %s in JSON", text, want, body)
		}
	})
}
