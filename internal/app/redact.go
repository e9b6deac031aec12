package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"importbot/bot"
	"importbot/internal/config"
	"importbot/internal/health"
)

// A redactor cuts secrets out of texts. It is the second net: no secret is meant to come into a text at all, and this is for the one
// that does, because a server echoed it, a library quoted it, or a person pasted it.
//
// It knows the secrets of a configuration in every form in which formatters and encoders write them; and by their look those that Slack
// makes up as it goes, response_urls and tickets, which nobody can list beforehand, and tokens of Slack's that are none of ours.
type redactor struct {
	known    *strings.Replacer
	patterns []pattern
}

// pattern is a secret known by what stands around it.
type pattern struct {
	looks *regexp.Regexp
	keep  string // what is left of it
}

// redacted stands where a secret was.
const redacted = "***"

func newRedactor(cfg *config.Config) *redactor {
	hosts := `hooks\.[a-z0-9.-]*slack[a-z0-9-]*\.[a-z]+`
	if u, err := url.Parse(cfg.Slack.APIURL); err == nil && u.Host != "" {
		hosts += "|" + regexp.QuoteMeta(u.Host)
	}
	// Slashes come plain, as \/ from Slack's JSON, with that backslash escaped again, and as %2F.
	const slash, colon = `(?:\\*/|%2[Ff])`, `(?::|%3[Aa])`
	return &redactor{
		known: strings.NewReplacer(replacements(cfg.Secrets())...),
		patterns: []pattern{
			{regexp.MustCompile(`(?i)(` + colon + slash + slash + `(?:` + hosts + `)` + slash + `(?:commands|actions|app|services|workflows|triggers)` + slash + `)[^\s"'<>?&]+`), "${1}" + redacted},
			{regexp.MustCompile(`(?i)(\bticket(?:=|%3D|\\*"\s*:\s*\\*"))[^&\s"'\\]+`), "${1}" + redacted},
			{regexp.MustCompile(`\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{8,}`), redacted},
		},
	}
}

// text returns a text without secrets.
func (r *redactor) text(text string) string {
	text = r.known.Replace(text)
	for _, p := range r.patterns {
		text = p.looks.ReplaceAllString(text, p.keep)
	}
	return text
}

// request cuts secrets out of what a person sent, for people paste into the wrong window, and answers quote what was typed.
func (r *redactor) request(req *bot.Request) {
	req.Text, req.Value = r.text(req.Text), r.text(req.Value)
}

// probes cuts secrets out of what checks tell.
func (r *redactor) probes(probes []health.Probe) []health.Probe {
	for i, p := range probes {
		probes[i].Ask = func(ctx context.Context) []health.Check {
			checks := p.Ask(ctx)
			for i := range checks {
				checks[i].Detail = r.text(checks[i].Detail)
			}
			return checks
		}
	}
	return probes
}

// error returns an error whose words hold no secret, and which is in all else the one that it was.
func (r *redactor) error(err error) error {
	if err == nil || r.text(err.Error()) == err.Error() {
		return err
	}
	return &redactedError{r.text(err.Error()), err}
}

type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.err }

// leastSecret is the shortest text that is cut out: shorter ones would take harmless words to pieces, and hide nothing. leastEncoded is
// the same for what an encoder made of one, of which the first and last characters depend on what stood beside it.
const (
	leastSecret  = 4
	leastEncoded = 8
)

// replacements lists each secret in the forms in which formatters and encoders write it, the longest first, so that none leaves a rest.
func replacements(secrets []string) []string {
	var forms []string
	for _, s := range secrets {
		if len(s) < leastSecret {
			continue
		}
		forms = append(forms, s)
		for _, once := range written(s) {
			forms = append(append(forms, once), written(once)...)
		}
		forms = append(forms, encoded(s)...)
	}
	slices.SortFunc(forms, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	var pairs []string
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, redacted)
	}
	return pairs
}

// written returns a text as it stands in what quotes it: in Go's quotes, and in JSON, which others write with \/.
func written(s string) []string {
	return []string{unquoted(strconv.Quote(s)), marshalled(s, true), marshalled(s, false), strings.ReplaceAll(marshalled(s, false), "/", `\/`)}
}

func marshalled(s string, escapeHTML bool) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(escapeHTML)
	if encoder.Encode(s) != nil {
		return s
	}
	return unquoted(strings.TrimSpace(b.String()))
}

// encoded returns a text in hexadecimal digits, and what is certain of it in base64: that depends on where in a longer text it stood.
func encoded(s string) []string {
	small := hex.EncodeToString([]byte(s))
	forms := []string{small, strings.ToUpper(small)}
	for offset := range 3 {
		first, last := (offset*8+5)/6, (offset+len(s))*8/6
		if last-first < leastEncoded {
			continue
		}
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, alphabet.EncodeToString([]byte("\x00\x00"[:offset] + s))[first:last])
		}
	}
	return forms
}

func unquoted(s string) string { return s[1 : len(s)-1] }
