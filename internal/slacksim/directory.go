package slacksim

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// User is a person or the app's bot, as everybody here can look them up.
type User struct {
	ID, Name string
	Title    string // what they do
	Bot      bool
	Deleted  bool
}

// Group is a user group.
type Group struct {
	ID, Handle string
	Members    []string
}

// Channel is one that a person is in.
type Channel struct {
	ID, Name string // without #; of the direct messages with the app, the app's
	Topic    string
	DM       bool // the direct messages with the app
	Private  bool
	ReadOnly bool // the person can write nothing there
}

// Users returns everybody here, by id.
func (s *Sim) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]User, 0, len(s.users))
	for _, u := range s.users {
		out = append(out, User{ID: u.id, Name: u.name, Title: u.title, Bot: u.bot, Deleted: u.deleted})
	}
	slices.SortFunc(out, func(a, b User) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Groups returns the user groups, by handle.
func (s *Sim) Groups() []Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Group, 0, len(s.groups))
	for _, g := range s.groups {
		out = append(out, Group{ID: g.id, Handle: g.handle, Members: slices.Clone(g.members)})
	}
	slices.SortFunc(out, func(a, b Group) int { return cmp.Compare(a.Handle, b.Handle) })
	return out
}

// Channels returns those that a person is in and sees at their side: by name and
// direct messages last, archived ones left out.
func (s *Sim) Channels(userID string) []Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Channel
	for _, c := range s.channels {
		if c.archived || !s.isIn(userID, c) || c.dm != "" && !s.app.MessagesTab {
			continue
		}
		one := Channel{ID: c.id, Name: c.name, Topic: c.topic, DM: c.dm != "", Private: c.private, ReadOnly: s.closedTo(c) != nil}
		if one.DM {
			one.Name = s.app.Name
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b Channel) int {
		if a.DM != b.DM && a.DM {
			return 1
		} else if a.DM != b.DM {
			return -1
		}
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// isIn reports whether a person is in a channel. s.mu is held.
func (s *Sim) isIn(userID string, c *channel) bool {
	u := s.users[userID]
	return u != nil && !u.deleted && c.has(u)
}

// Sees reports whether an event happens on a person's screen: what is written in
// their channels, and what they alone see and do.
func (s *Sim) Sees(userID string, e Event) bool {
	if m := e.Message; e.Kind == MessagePosted || e.Kind == MessageEdited || e.Kind == MessageDeleted {
		if !m.Ephemeral() {
			s.mu.Lock()
			defer s.mu.Unlock()
			c := s.channels[m.Channel]
			return c != nil && s.isIn(userID, c)
		}
	}
	if e.Message.Ephemeral() && e.Message.For != userID {
		return false
	}
	return e.User == userID || e.Kind == EphemeralShown || e.Kind == EphemeralEdited || e.Kind == MessageDeleted
}

// SetTopic sets what a channel's head says it is for.
func (s *Sim) SetTopic(channelID, topic string) {
	s.changeChannel(channelID, func(c *channel) { c.topic = topic })
}

// Written is an ordinary message as a person writes it.
type Written struct {
	UserID, ChannelID string
	Text              string // as it is typed: @ana, not <@U1>
	ThreadTS          string // of the message whose thread it goes to
}

// Write is a person writing an ordinary message where they can. It returns its ts.
// Where [Sim.Say] takes mrkdwn, this takes what is typed, and makes mrkdwn of it.
func (s *Sim) Write(w Written) (ts string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.place(w.UserID, w.ChannelID)
	if err != nil {
		return "", err
	}
	if err := s.closedTo(c); err != nil {
		return "", err
	}
	if strings.TrimSpace(w.Text) == "" {
		return "", errors.New("there is nothing in that message")
	}
	if threadTakesReplies(c, w.ThreadTS) != nil {
		return "", fmt.Errorf("there is no thread %s in %s", w.ThreadTS, w.ChannelID)
	}
	return s.post(&Message{Channel: c.id, User: w.UserID, Text: s.typed(w.Text), ThreadTS: w.ThreadTS}).TS, nil
}

// closedTo is why people can write nothing in a channel, nil where they can. s.mu is held.
func (s *Sim) closedTo(c *channel) error {
	if c.dm == "" || !s.byManifest || s.app.MessagesTab && !s.app.MessagesReadOnly {
		return nil
	}
	return errors.New("sending messages to this app is turned off")
}

var (
	escape  = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	atNames = regexp.MustCompile(`(^|[\s(])@([\w.-]*\w)`)
)

// typed makes mrkdwn of what a person typed: mentions of who is there, and no markup
// but that. s.mu is held.
func (s *Sim) typed(text string) string {
	return atNames.ReplaceAllStringFunc(escape.Replace(text), func(match string) string {
		before, name, _ := strings.Cut(match, "@")
		for _, u := range s.users {
			if u.name == name {
				return before + "<@" + u.id + ">"
			}
		}
		for _, g := range s.groups {
			if g.handle == name {
				return before + "<!subteam^" + g.id + ">"
			}
		}
		return match
	})
}

// RenderedBlocks are the message's blocks as Slack gives them to its clients: every
// block with a block_id, every element that acts with an action_id.
func (m Message) RenderedBlocks() json.RawMessage { return withIDs(m.Blocks) }
