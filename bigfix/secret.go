package bigfix

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// cut stands where a secret was.
const cut = "[cut]"

// secrets knows what must never be shown and cuts it out of texts. Servers
// like to quote the address they were asked for, token and all, and they
// escape it in the manner of the day: so a secret is recognised in any mixture
// of percent, HTML and JSON escapes, in upper and lower case.
type secrets struct {
	mu       sync.RWMutex
	patterns []*regexp.Regexp
	lasting  int // the first of them, which were configured
}

// maxSecrets bounds how many are remembered: tokens that were fetched long ago
// are no longer worth hiding.
const maxSecrets = 16

func newSecrets(known ...string) *secrets {
	s := new(secrets)
	for _, secret := range known {
		s.add(secret)
	}
	s.lasting = len(s.patterns)
	return s
}

// proxyLogin is the password of the proxy on the way to a server, and the form
// in which it travels: a proxy that refuses may quote it.
func proxyLogin(base *url.URL) []string {
	proxy, err := tunnelOnly(&http.Request{URL: base})
	if err != nil || proxy == nil {
		return nil
	}
	password, _ := proxy.User.Password()
	if len(password) < 4 { // would take every text to pieces
		return nil
	}
	return []string{password, base64.StdEncoding.EncodeToString([]byte(proxy.User.Username() + ":" + password))}
}

func (s *secrets) add(secret string) {
	if secret == "" {
		return
	}
	pattern := regexp.MustCompile(secretPattern(secret))
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.patterns) == maxSecrets {
		s.patterns = slices.Delete(s.patterns, s.lasting, s.lasting+1)
	}
	s.patterns = append(s.patterns, pattern)
}

// secretPattern is a regular expression for a secret however it is escaped.
func secretPattern(secret string) string {
	var b strings.Builder
	b.WriteString("(?i)")
	for _, r := range secret {
		b.WriteString(`(?:\\*`)
		b.WriteString(regexp.QuoteMeta(string(r)))
		b.WriteString("|")
		for _, octet := range []byte(string(r)) {
			fmt.Fprintf(&b, `%%(?:25)*%02x`, octet)
		}
		fmt.Fprintf(&b, `|\\+u%04x|\\+x%02x|&#0*%d;|&#x0*%x;`, r, r, r, r)
		if name, ok := named[r]; ok {
			b.WriteString("|")
			b.WriteString(name)
		}
		b.WriteString(")")
	}
	return b.String()
}

// named are the ways to write a character that are not its number.
var named = map[rune]string{' ': `\+`, '&': "&amp;", '<': "&lt;", '>': "&gt;", '"': "&quot;", '\'': "&apos;"}

// quoted finds tokens that are not ours to know, such as the beginning of one
// that a server cut off itself, by the name in front of them.
var quoted = regexp.MustCompile(`(?i)((?:token|password)"?(?:=|%(?:25)*3d|":\s*"))[^\s"'<>&;]+`)

// redact returns the text without secrets.
func (s *secrets) redact(text string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, p := range s.patterns {
		text = p.ReplaceAllLiteralString(text, cut)
	}
	return quoted.ReplaceAllString(text, "${1}"+cut)
}

// clean returns err if no text in its whole tree holds a secret, and otherwise
// an error of its redacted text alone: what wraps can also be unwrapped, so it
// is not enough to redact the outermost text.
func (s *secrets) clean(err error) error {
	// This one holds the connection itself, which nobody should print.
	holdsConn := errors.As(err, new(tls.RecordHeaderError))
	if err == nil || !holdsConn && s.isClean(err) {
		return err
	}
	if words := reasonOf(err); words != "" {
		return reason(s.redact(words))
	}
	return reason(s.redact(err.Error()))
}

func (s *secrets) isClean(err error) bool {
	if text := err.Error(); s.redact(text) != text {
		return false
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, inner := range many.Unwrap() {
			if !s.isClean(inner) {
				return false
			}
		}
		return true
	}
	inner := errors.Unwrap(err)
	return inner == nil || s.isClean(inner)
}
