package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// maxNameLength keeps server names short enough for messages, buttons and variables.
const maxNameLength = 32

// scopes returns a scope for each server. Where names are at fault the good ones are gone on with, so that their faults are named too.
func (r *reader) scopes() []scope {
	listed, several := r.get(whole, bigfixServers)
	if !several {
		name := value(r, whole, bigfixName, "bigfix", func(text string) (string, error) {
			if err := checkName(text); err != nil {
				return "", err
			}
			return text, nil
		})
		r.servers = []string{name}
		return []scope{{server: name}}
	}
	r.several = true
	if _, named := r.get(whole, bigfixName); named {
		r.warn("BIGFIX_NAME has no effect: BIGFIX_SERVERS names the servers")
	}
	names := list(listed.value)
	if len(names) == 0 {
		r.add(Fault{Variable: listed.name, Problem: "names no server", Do: "write it like prod,lab"})
	}
	var scopes []scope
	for _, name := range names {
		if err := checkName(name); err != nil {
			r.add(Fault{Variable: listed.name, Problem: err.problem, Do: err.do})
			continue
		}
		if other := collision(name); other != "" {
			r.add(Fault{Variable: listed.name, Problem: fmt.Sprintf("has a server named %q, whose variables could not be told from %s", name, other),
				Do: "give it another name"})
			continue
		}
		if v, other := r.shared(name); v != "" {
			r.add(Fault{Variable: listed.name, Problem: fmt.Sprintf("has servers named %q and %q, and %s could be meant for either", other, name, v),
				Do: "give one of them another name"})
			continue
		}
		r.servers = append(r.servers, name)
		scopes = append(scopes, scope{server: name, prefix: prefixOf(name)})
	}
	return scopes
}

func checkName(name string) *wrong {
	switch {
	case len(name) > maxNameLength:
		return &wrong{"has the name " + shown(name) + ", which is too long", fmt.Sprintf("use at most %d characters", maxNameLength)}
	case !serverName.MatchString(name):
		return &wrong{"has the name " + shown(name), "use a-z and 0-9, with single - between: like prod-eu"}
	}
	return nil
}

// collision returns the plain variable that reads like one of a server with this name: BIGFIX_CA_FILE belongs to no server "ca".
func collision(name string) string {
	prefix := prefixOf(name)
	for _, v := range variables {
		for _, plain := range withFile(v, v.name) {
			if strings.HasPrefix(plain, prefix) || plain+"_" == prefix {
				return plain
			}
		}
	}
	return ""
}

// shared returns a variable that would belong to a server of this name and to one of those before it: BIGFIX_LAB_ALERT_CHANNEL is the
// alert channel of lab, and the channel of lab-alert.
func (r *reader) shared(name string) (variable, other string) {
	mine := ownNames(name)
	for _, other := range r.servers {
		for _, theirs := range ownNames(other) {
			if other != name && slices.Contains(mine, theirs) {
				return theirs, other
			}
		}
	}
	return "", ""
}

// ownNames lists the variables that belong to a server alone.
func ownNames(server string) []string {
	var names []string
	for _, v := range variables {
		if v.of != "" {
			names = append(names, withFile(v, prefixOf(server)+v.of)...)
		}
	}
	return names
}

// apart checks that no two servers have the same address. One that was given none of its own has that of BIGFIX_URL: it would show the
// other server's imports as its own, and a start meant for it would run there.
func (r *reader) apart(servers []Server) {
	var order []string
	at := map[string][]Server{}
	for _, s := range servers {
		if s.URL == "" || !r.settled(scope{s.Name, prefixOf(s.Name)}, bigfixURL) {
			continue
		}
		key := plainly(s.URL)
		if at[key] == nil {
			order = append(order, key)
		}
		at[key] = append(at[key], s)
	}
	for _, key := range order {
		same := at[key]
		if len(same) == 1 {
			continue
		}
		var names, urls []string
		for _, s := range same {
			names, urls = append(names, s.Name), append(urls, prefixOf(s.Name)+bigfixURL.of)
		}
		r.add(Fault{Variable: bigfixServers.name, Problem: fmt.Sprintf("names %s, which have the same address, %s", enumerated(names), same[0].URL),
			Do: fmt.Sprintf("set %s, each to the address of its own server, or take out the names that are too many", enumerated(urls))})
	}
}

// plainly is one text for all ways to write the same address.
func plainly(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	return u.Scheme + "://" + net.JoinHostPort(host, port) + strings.TrimRight(u.Path, "/")
}

// enumerated is "prod and lab", "prod, lab and eu".
func enumerated(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
