//go:build unix

package main

import (
	"fmt"
	"slices"
	"strings"

	"importbot/imports"
)

// These are the rules about starts that wait, about who is to be told of an end, and about the Home tab.

// waited looks at each start that was asked for with "after". That it is sent once at most is judged with all others, and that it does not
// wait for ever too: a world does not rest while it does.
func (e *Evidence) waited() (found []string) {
	posts := e.posts()
	for _, imp := range e.Imports {
		if imp.WishedAt.IsZero() || imp.State != imports.Ended {
			continue
		}
		told := len(taken(posts, imp.ID, "answer", true)) > 0
		switch sent := len(e.sentBy(imp)) > 0 || !imp.SendingAt.IsZero(); {
		case imp.Outcome == imports.Cancelled && sent:
			found = append(found, fmt.Sprintf("%s was taken back, and sent at %s", describe(imp), clock(imp.SendingAt)))
		case imp.Outcome == imports.Cancelled && imp.Reason.By != imp.RequestedBy && !told:
			found = append(found, fmt.Sprintf("%s was taken back by %s, and %s was not told", describe(imp), imp.Reason.By, imp.RequestedBy))
		case !sent && imp.Outcome != imports.Cancelled && !told:
			found = append(found, fmt.Sprintf("%s was never sent, and %s was not told", describe(imp), imp.RequestedBy))
		}
	}
	for _, c := range e.Commands {
		if server, ok := c.cancels(); ok && c.says(saysTakenBack) && !e.cancelled(server, c) {
			found = append(found, fmt.Sprintf("%s was told at %s that a start on %s is taken back, and none is", c.User, clock(c.At), server))
		}
	}
	return found
}

// cancels reports whether a command takes back a start, and on which server.
func (c Command) cancels() (server string, ok bool) { return strings.CutPrefix(c.Text, "cancel ") }

// cancelled reports whether a start on a server was taken back by a command.
func (e *Evidence) cancelled(server string, c Command) bool {
	return slices.ContainsFunc(e.Imports, func(imp imports.Import) bool {
		return imp.Server == server && imp.Outcome == imports.Cancelled && !imp.EndedAt.Before(c.At.Add(-sendSlack))
	})
}

// untold looks, for each end that was told, for those who had asked to be told of it and were not. Where the channel refused, the rule about
// ends does.
func (e *Evidence) untold() (found []string) {
	posts := e.posts()
	for _, imp := range e.Imports {
		said := taken(posts, imp.ID, "finished", false)
		if imp.State != imports.Ended || len(said) == 0 || e.refused(posts, imp.ID) {
			continue
		}
		private := taken(posts, imp.ID, "finished", true)
		for _, user := range imp.Followers {
			named := slices.ContainsFunc(said, func(p post) bool { return strings.Contains(p.Args["text"], "<@"+user+">") })
			alone := slices.ContainsFunc(private, func(p post) bool { return e.reaches(p, user) })
			switch direct := slices.Contains(imp.Direct, user); {
			case direct && !alone:
				found = append(found, fmt.Sprintf("%s wanted a direct message about the end of %s, and got none", user, describe(imp)))
			case !direct && !named && !alone:
				found = append(found, fmt.Sprintf("%s follows %s, and no finished message names them", user, describe(imp)))
			}
		}
	}
	return found
}

// reaches reports whether a direct message went to a person.
func (e *Evidence) reaches(p post, user string) bool { return p.Args["channel"] == user }

// homeless looks for people who opened the Home tab and saw nothing.
func (e *Evidence) homeless() (found []string) {
	for _, o := range e.Homes {
		seen, spoilt := false, false
		for _, c := range e.Calls {
			if c.Method == "views.publish" && c.Args["user_id"] == o.User && !c.Time.Before(o.At) {
				seen, spoilt = seen || c.Taken, spoilt || c.Faulty
			}
		}
		killed := e.killedBefore(Command{At: o.At, Envelopes: o.Envelopes})
		if o.Acked && !seen && !spoilt && !killed {
			found = append(found, fmt.Sprintf("%s opened the Home tab at %s, and nothing was published", o.User, clock(o.At)))
		}
	}
	return found
}
