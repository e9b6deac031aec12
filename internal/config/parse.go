package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// wrong says what is wrong with a value and what to do. Its text never holds a secret, for the parsers of secrets put none into it.
type wrong struct{ problem, do string }

func (w *wrong) Error() string { return w.problem + ": " + w.do }

// value reads a variable: the default where it is not set, and a fault where parse refuses it.
func value[T any](r *reader, sc scope, v variable, byDefault T, parse func(string) (T, error)) T {
	s, ok := r.get(sc, v)
	if !ok {
		return byDefault
	}
	return checked(r, s, byDefault, parse)
}

// required is value for what has to be set; do says how to come by it.
func required[T any](r *reader, sc scope, v variable, do string, parse func(string) (T, error)) T {
	var none T
	s, ok := r.get(sc, v)
	if !ok {
		r.missing(sc.own(v), do)
		return none
	}
	return checked(r, s, none, parse)
}

func checked[T any](r *reader, s setting, byDefault T, parse func(string) (T, error)) T {
	if s.value == unreadable {
		return byDefault
	}
	got, err := parse(s.value)
	if err == nil {
		return got
	}
	var w *wrong
	if errors.As(err, &w) {
		r.add(Fault{Variable: s.name, Problem: w.problem, Do: w.do})
	} else {
		r.add(Fault{Variable: s.name, Problem: "is wrong", Do: err.Error()})
	}
	return byDefault
}

// shown quotes a value that is no secret, as far as it helps to see it.
func shown(value string) string {
	const enough = 60
	if runes := []rune(value); len(runes) > enough {
		value = string(runes[:enough]) + "…"
	}
	return strconv.Quote(value)
}

// duration reads a Go duration of at least a millisecond.
func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil && onlyDigits(text):
		return 0, &wrong{"is " + shown(text) + ", a number without a unit", "write " + text + "s for seconds, or with ms, m or h"}
	case err != nil && strings.HasSuffix(text, "d") && onlyDigits(strings.TrimSuffix(text, "d")):
		days, _ := strconv.Atoi(strings.TrimSuffix(text, "d"))
		return 0, &wrong{"is " + shown(text) + ", and days are no unit here", fmt.Sprintf("write %dh", days*24)}
	case err != nil:
		return 0, &wrong{"is " + shown(text) + ", which is no duration", "write it like 90s, 5m or 1h30m"}
	case d < time.Millisecond:
		return 0, &wrong{"is " + shown(text) + ", which is too short", "1ms is the least, some seconds are sensible"}
	}
	return d, nil
}

func onlyDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// boolean reads a switch.
func boolean(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, &wrong{"is " + shown(text), "write true or false"}
}

// oneOf reads one of a few words, in any case.
func oneOf[T ~string](words ...T) func(string) (T, error) {
	return func(text string) (T, error) {
		for _, word := range words {
			if strings.EqualFold(text, string(word)) {
				return word, nil
			}
		}
		names := make([]string, len(words))
		for i, word := range words {
			names[i] = string(word)
		}
		last := len(names) - 1
		return "", &wrong{"is " + shown(text), "write " + strings.Join(names[:last], ", ") + " or " + names[last]}
	}
}

// between reads a whole number.
func between(low, high int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < low || n > high {
			return 0, &wrong{"is " + shown(text), fmt.Sprintf("write a number from %d to %d", low, high)}
		}
		return n, nil
	}
}

// plainText reads a text that needs no check.
func plainText(text string) (string, error) { return text, nil }

// secretText reads a password: anything.
func secretText(text string) (Secret, error) { return NewSecret(text), nil }

// token reads a token of the BigFix server, which travels in a URL or a header.
func token(text string) (Secret, error) {
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return Secret{}, &wrong{"has spaces or line ends in it", "paste the token alone, as the server's Profile page shows it"}
	}
	return NewSecret(text), nil
}

// otherTokens are the kinds that get pasted in each other's place.
var otherTokens = []struct{ prefix, name string }{
	{"xoxb-", "a bot token"}, {"xapp-", "an app-level token"}, {"xoxp-", "a user token"}, {"xoxe", "a token that expires"},
}

// slackToken reads a token of Slack's that begins with prefix. The commonest fault is that the two were swapped.
func slackToken(prefix, where string) func(string) (Secret, error) {
	return func(text string) (Secret, error) {
		switch {
		case strings.ContainsFunc(text, unicode.IsSpace):
			return Secret{}, &wrong{"has spaces or line ends in it", "paste the token alone"}
		case strings.HasPrefix(text, prefix) && len(text) > len(prefix):
			return NewSecret(text), nil
		}
		for _, other := range otherTokens {
			if strings.HasPrefix(text, other.prefix) && other.prefix != prefix {
				return Secret{}, &wrong{"holds " + other.name + ", " + other.prefix + "…", "it takes the one that begins with " + prefix + ", " + where}
			}
		}
		return Secret{}, &wrong{"does not begin with " + prefix, "it takes the token " + where}
	}
}

var (
	channelID  = regexp.MustCompile(`^[CG][A-Z0-9]{2,}$`)
	operatorID = regexp.MustCompile(`^[UWS][A-Z0-9]{2,}$`)
	serverName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
)

// channel reads a channel's ID.
func channel(text string) (string, error) {
	if channelID.MatchString(text) {
		return text, nil
	}
	return "", &wrong{"is " + shown(text) + ", which is no channel ID", "it begins with C: in Slack open the channel's details, it stands at the bottom"}
}

// operators reads a list of user IDs and user group IDs, or *.
func operators(text string) ([]string, error) {
	ids := list(text)
	if len(ids) == 0 {
		return nil, &wrong{"names nobody", "list user IDs (U…), user group IDs (S…), or *"}
	}
	for _, id := range ids {
		if id != "*" && !operatorID.MatchString(id) {
			return nil, &wrong{"has " + shown(id) + ", which is no user or user group ID",
				"IDs begin with U, W or S: in Slack open the person's profile, ⋮, Copy member ID; of a group its page, ⋮, Copy group ID"}
		}
	}
	return ids, nil
}

// list splits at commas and spaces, and drops what is named twice.
func list(text string) []string {
	var items []string
	seen := map[string]bool{}
	for _, item := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) }) {
		if !seen[item] {
			seen[item] = true
			items = append(items, item)
		}
	}
	return items
}

// command reads a slash command's name by Slack's rules: a slash, lower case, no spaces, at most 32 characters.
func command(text string) (string, error) {
	name, ok := strings.CutPrefix(text, "/")
	switch {
	case !ok:
		return "", &wrong{"is " + shown(text), "write it with its slash: /" + strings.ToLower(text)}
	case name == "" || len(text) > 32 || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || r == '/' }):
		return "", &wrong{"is " + shown(text), "a command is a slash and one word of at most 31 letters"}
	case name != strings.ToLower(name):
		return "", &wrong{"is " + shown(text), "Slack has commands in lower case only: " + strings.ToLower(text)}
	}
	return text, nil
}

// address reads a URL of which nothing but scheme, host and path is used.
func address(example string) func(string) (*url.URL, error) {
	return func(text string) (*url.URL, error) {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
			return nil, &wrong{"is no URL of a server", "write it like " + example}
		case u.User != nil:
			return nil, &wrong{"has a user or a password in it", "write it like " + example}
		case u.RawQuery != "" || u.Fragment != "":
			return nil, &wrong{"has something behind a ? or #", "write it like " + example}
		}
		return u, nil
	}
}

// loopback says whether a host is this machine and nothing else.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
