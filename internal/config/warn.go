package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

func (r *reader) warn(format string, args ...any) {
	r.warnings = append(r.warnings, r.hide(fmt.Sprintf(format, args...)))
}

// warnOfSettings tells of what is allowed and dangerous, or can't do what was meant by it. (Of operators that are everybody those warn
// who ask for them.)
func (r *reader) warnOfSettings(cfg *Config) {
	for _, s := range cfg.Servers {
		if s.Insecure {
			r.warn("the certificate of %s is not verified (%s): anybody between here and there can read its token and answer in its place", s.Name, s.InsecureVariable)
		}
	}
	r.warnOfThresholds(cfg.Servers)
}

// settable lists the names under which a variable can be set here.
func (r *reader) settable(v variable) []string {
	names := withFile(v, v.name)
	if v.of == "" || !r.several {
		return names
	}
	for _, server := range r.servers {
		names = append(names, withFile(v, prefixOf(server)+v.of)...)
	}
	return names
}

func (r *reader) isSet(name string) bool {
	for _, layer := range r.layers {
		if value, ok := layer[name]; ok {
			return value != ""
		}
	}
	return false
}

// warnOfUnknown tells of variables that nothing reads: all that begin with BIGFIX_, and those that look like a misspelt one.
func (r *reader) warnOfUnknown() {
	var known []string
	for _, v := range variables {
		known = append(known, r.settable(v)...)
	}
	var unknown []string
	for _, layer := range r.layers {
		for name := range layer {
			if !slices.Contains(known, name) && !slices.Contains(unknown, name) && r.isSet(name) {
				unknown = append(unknown, name)
			}
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		if text := r.aboutUnknown(name, known); text != "" {
			r.warn("%s", text)
		}
	}
}

// aboutUnknown says what is to be said of a variable that nothing reads; "" for the many that are none of ours.
func (r *reader) aboutUnknown(name string, known []string) string {
	if plain, ok := strings.CutSuffix(name, fileSuffix); ok && slices.Contains(known, plain) {
		return fmt.Sprintf("%s is not read: only tokens, passwords, DATABASE_URL and HEARTBEAT_URL can stand in a file; set %s", name, plain)
	}
	if plain, ok := strings.CutPrefix(name, "BIGFIX_"); ok && slices.Contains(known, plain) {
		return fmt.Sprintf("%s is not read: did you mean %s?", name, plain)
	}
	if hint := r.ofAnotherServer(name); hint != "" {
		return hint
	}
	near := nearest(strings.ToUpper(name), known)
	switch {
	case near != "":
		return fmt.Sprintf("%s is not read: did you mean %s?", name, near)
	case strings.HasPrefix(name, "BIGFIX_"):
		return name + " is not read: there is no such variable (.env.example lists all)"
	}
	return ""
}

// ofAnotherServer recognises BIGFIX_<SERVER>_<NAME> of a server that is not listed, and of a NAME that is not a server's.
func (r *reader) ofAnotherServer(name string) string {
	rest, ours := strings.CutPrefix(name, "BIGFIX_")
	if !ours {
		return ""
	}
	for _, v := range variables {
		for _, server := range r.servers {
			if r.several && name == prefixOf(server)+shortName(v) && v.of == "" {
				return fmt.Sprintf("%s is not read: %s holds for the whole program", name, v.name)
			}
		}
	}
	best := ""
	for _, v := range variables {
		for _, short := range withFile(v, v.of) {
			server, ok := strings.CutSuffix(rest, "_"+short)
			if v.of != "" && ok && server != "" && len(short) > len(best) {
				best = short
			}
		}
	}
	if best == "" {
		return ""
	}
	server := strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(rest, "_"+best), "_", "-"))
	switch {
	case !r.several && collision(server) == "":
		return fmt.Sprintf("%s is not read: for a server named %s set BIGFIX_SERVERS=%s, or drop the name for the only server", name, server, server)
	case r.several:
		return fmt.Sprintf("%s is not read: BIGFIX_SERVERS names no %s, but %s", name, server, strings.Join(r.servers, ", "))
	}
	return ""
}

// shortName is what a variable would be called behind BIGFIX_<SERVER>_.
func shortName(v variable) string {
	for _, prefix := range []string{"BIGFIX_", "SLACK_"} {
		if short, ok := strings.CutPrefix(v.name, prefix); ok {
			return short
		}
	}
	return v.name
}

// nearest returns the known name that a person may have meant: two letters away at most, or one in a short name.
func nearest(name string, known []string) string {
	best, bestDistance := "", 3
	if len(name) < 8 {
		bestDistance = 2
	}
	for _, candidate := range known {
		if d := levenshtein.ComputeDistance(name, candidate); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}
