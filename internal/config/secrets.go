package config

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// leastPart is the shortest part of a secret URL that is a secret by itself: shorter ones are words like "ping".
const leastPart = 12

// Secrets returns every text that must appear nowhere, each once. What travels in a URL is listed in both forms, plain and escaped.
func (c *Config) Secrets() []string {
	found := []string{c.Slack.BotToken.Reveal(), c.Slack.AppToken.Reveal()}
	for _, s := range c.Servers {
		found = append(found, s.Token.Reveal(), s.Password.Reveal())
	}
	if u, ok := parsePostgres(c.Database.Reveal()); ok {
		found = append(found, u.passwords()...)
	}
	found = append(found, partsOf(c.HeartbeatURL.Reveal())...)
	for _, p := range c.proxies {
		found = append(found, p.Reveal())
	}
	var texts []string
	for _, plain := range found {
		for _, form := range []string{plain, url.QueryEscape(plain), url.PathEscape(plain)} {
			if form != "" && !slices.Contains(texts, form) {
				texts = append(texts, form)
			}
		}
	}
	return texts
}

// partsOf lists a secret URL and those of its parts that are secrets without the rest: what names the check in the path or behind the
// ?, and a password.
func partsOf(address string) []string {
	u, err := url.Parse(address)
	if err != nil || address == "" {
		return nil
	}
	parts := []string{address}
	if path := u.RequestURI(); len(path) > leastPart {
		parts = append(parts, path)
	}
	for _, part := range strings.FieldsFunc(u.EscapedPath()+"/"+u.RawQuery, func(r rune) bool { return strings.ContainsRune("/&=", r) }) {
		if len(part) >= leastPart {
			parts = append(parts, part)
		}
	}
	return append(parts, loginOf(u)...)
}

// loginOf lists a URL's password, and the form in which it travels in a header.
func loginOf(u *url.URL) []string {
	password, set := u.User.Password()
	if !set || password == "" {
		return nil
	}
	return []string{password, base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password))}
}

// tokenLike is what looks like a token of Slack's, in whatever variable it was put.
var tokenLike = regexp.MustCompile(`(?i)\bx(?:ox[a-z]|app)-[a-z0-9-]{8,}`)

// hide takes secrets out of what is said of a configuration: they are found in the variable next to the right one, too.
func (r *reader) hide(text string) string {
	for _, v := range variables {
		if !v.secret {
			continue
		}
		for _, name := range r.settable(v) {
			for _, layer := range r.layers {
				if value := strings.TrimSpace(layer[name]); len(value) >= leastPart && !strings.HasSuffix(name, fileSuffix) && r.secretIn(v.name, value) {
					text = strings.ReplaceAll(text, value, hidden)
				}
			}
		}
	}
	return tokenLike.ReplaceAllString(text, hidden)
}

// proxies returns the passwords of the proxies in the environment. Go's HTTP client reads these variables from there itself, and from
// no .env.
func (r *reader) proxies() []Secret {
	var found []Secret
	for name, text := range r.layers[0] {
		switch strings.ToUpper(name) {
		case "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY":
		default:
			continue
		}
		for _, part := range r.proxyLogin(name, text) {
			found = append(found, NewSecret(part))
		}
	}
	return found
}

// proxyLogin returns what must not be shown of a proxy's address. Where the password breaks the address to pieces, because it holds what
// has to be escaped, each piece is: error messages name one as the host.
func (r *reader) proxyLogin(name, text string) []string {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	_, rest, _ := strings.Cut(text, "://")
	at := strings.LastIndex(rest, "@")
	if err == nil && (at < 0 || !strings.ContainsAny(rest[:at], "@/?#")) {
		return loginOf(u)
	}
	r.warn("%s can't be read as it stands: write it like http://user:PASSWORD@proxy.example.com:3128; %s", name, escapes)
	_, password, _ := strings.Cut(rest[:max(at, 0)], ":")
	pieces := []string{password}
	for _, piece := range strings.FieldsFunc(password, func(r rune) bool { return strings.ContainsRune("@/?#", r) }) {
		if len(piece) >= 4 {
			pieces = append(pieces, piece)
		}
	}
	return pieces
}
