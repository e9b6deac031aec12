package slacksim

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

type user struct {
	id, name      string
	title         string
	bot           bool
	deleted       bool
	guest, single bool   // limited to some channels, or to one
	team          string // the workspace that they belong to, where it is another one
}

type userGroup struct {
	id, handle string
	members    []string
}

type channel struct {
	id, name string
	topic    string
	private  bool
	shared   bool   // with other workspaces (Slack Connect)
	dm       string // the other side of a direct message
	members  map[string]bool
	open     bool // every user is a member
	botIn    bool
	archived bool
	messages []*Message // in order of ts, deleted ones included
}

// has tells whether somebody is a member. What is open is so to everybody of this
// workspace, guests too, and to people of others where it is shared.
func (c *channel) has(u *user) bool {
	return c.members[u.id] || c.open && (u.team == "" || c.shared)
}

// find returns the message with that ts if it is still there.
func (c *channel) find(ts string) *Message {
	i, ok := slices.BinarySearchFunc(c.messages, ts, func(m *Message, ts string) int { return strings.Compare(m.TS, ts) })
	if !ok || c.messages[i].Deleted {
		return nil
	}
	return c.messages[i]
}

// Metadata is what a program attached to a message for programs.
type Metadata struct {
	EventType string         `json:"event_type"`
	Payload   map[string]any `json:"event_payload"`
}

// Version is what a message said before an edit.
type Version struct {
	Until    time.Time
	Text     string
	Blocks   json.RawMessage
	Metadata *Metadata
}

// Message is one message as it stands now. All values are copies.
type Message struct {
	Channel  string
	TS       string // unique in the workspace, also for ephemeral ones
	ThreadTS string // of the message whose thread this is in, else empty
	User     string // who wrote it
	Text     string
	Blocks   json.RawMessage // as the bot sent them; empty when there are none
	Metadata *Metadata

	// Broadcast is a reply that the channel shows too (reply_broadcast).
	Broadcast bool
	// For is the one user who sees an ephemeral message; empty for all others.
	For string
	// Trigger is the invocation that this message answers, if it came in an ack
	// or by a response_url.
	Trigger string

	Posted  time.Time
	Edited  time.Time // zero when never
	Edits   []Version // what it said before, oldest first, as far as it is remembered
	Deleted bool
}

// Ephemeral reports whether only one person sees it.
func (m Message) Ephemeral() bool { return m.For != "" }

var mentionPattern = regexp.MustCompile(`<(?:@|!subteam\^)([A-Z0-9]+)(?:\|[^>]*)?>`)

// Mentions returns the users and user groups that the text or the blocks
// mention, each once.
func (m Message) Mentions() []string {
	var ids []string
	for _, text := range append([]string{m.Text}, blockStrings(m.Blocks)...) {
		for _, match := range mentionPattern.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(ids, match[1]) {
				ids = append(ids, match[1])
			}
		}
	}
	return ids
}

// copy returns a value that shares nothing that will change.
func (m *Message) copy() Message {
	out := *m
	out.Blocks = slices.Clone(m.Blocks)
	out.Edits = slices.Clone(m.Edits)
	if m.Metadata != nil {
		out.Metadata = &Metadata{EventType: m.Metadata.EventType, Payload: maps.Clone(m.Metadata.Payload)}
	}
	return out
}

// UserOption is something about a person; see [Sim.AddUser].
type UserOption func(*user)

// Title is what a person does, as it stands on their profile.
func Title(title string) UserOption { return func(u *user) { u.title = title } }

// Guest is a person who belongs to this workspace with limits.
func Guest() UserOption { return func(u *user) { u.guest = true } }

// SingleChannelGuest is a guest who is let into one channel only.
func SingleChannelGuest() UserOption { return func(u *user) { u.guest, u.single = true, true } }

// Foreign is a person of another workspace, who is met in shared channels.
func Foreign(teamID string) UserOption { return func(u *user) { u.team = teamID } }

// Deactivated is a person who has left.
func Deactivated() UserOption { return func(u *user) { u.deleted = true } }

// AddUser makes a person, or makes them anew. It returns its id.
func (s *Sim) AddUser(id, name string, about ...UserOption) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := &user{id: id, name: name}
	for _, option := range about {
		option(u)
	}
	s.users[id] = u
	return id
}

// AddChannel makes a public channel with the bot in it, and with those members,
// or with everybody where none are named. It returns its id.
func (s *Sim) AddChannel(id, name string, members ...string) string {
	return s.addChannel(&channel{id: id, name: name, botIn: true}, members)
}

// AddPrivateChannel is AddChannel for a private one, which a bot that is no
// member can't even see.
func (s *Sim) AddPrivateChannel(id, name string, members ...string) string {
	return s.addChannel(&channel{id: id, name: name, private: true, botIn: true}, members)
}

// AddSharedChannel is AddChannel for one that is shared with other workspaces:
// their people are in it, too.
func (s *Sim) AddSharedChannel(id, name string, members ...string) string {
	return s.addChannel(&channel{id: id, name: name, botIn: true, shared: true}, members)
}

func (s *Sim) addChannel(c *channel, members []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.open, c.members = len(members) == 0, map[string]bool{}
	for _, id := range members {
		c.members[id] = true
	}
	s.channels[c.id] = c
	return c.id
}

// AddUserGroup makes a user group, or changes its members. It returns its id.
func (s *Sim) AddUserGroup(id, handle string, members ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[id] = &userGroup{id: id, handle: handle, members: slices.Clone(members)}
	return id
}

// SetArchived archives a channel or takes it back.
func (s *Sim) SetArchived(channelID string, archived bool) {
	s.changeChannel(channelID, func(c *channel) { c.archived = archived })
}

// RemoveBot takes the bot out of a channel. It may go on posting in a public
// one if it has chat:write.public.
func (s *Sim) RemoveBot(channelID string) {
	s.changeChannel(channelID, func(c *channel) { c.botIn = false })
}

// InviteBot puts the bot back into a channel.
func (s *Sim) InviteBot(channelID string) {
	s.changeChannel(channelID, func(c *channel) { c.botIn = true })
}

// RemoveChannel deletes a channel and all that is in it.
func (s *Sim) RemoveChannel(channelID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.channels, channelID)
	s.touch()
}

func (s *Sim) changeChannel(id string, change func(*channel)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[id]
	if c == nil {
		panic(fmt.Sprintf("slacksim: there is no channel %q", id))
	}
	change(c)
	s.touch()
}

// DeleteMessage removes a message, as an administrator would.
func (s *Sim) DeleteMessage(channelID, ts string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channelID]
	if c == nil {
		return false
	}
	m := c.find(ts)
	if m == nil {
		return false
	}
	s.remove(m)
	return true
}

// Say puts an ordinary message of a person's into a channel, whether or not they
// could; see [Sim.Write]. It returns its ts.
func (s *Sim) Say(userID, channelID, text, threadTS string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.post(&Message{Channel: channelID, User: userID, Text: text, ThreadTS: threadTS}).TS
}

// DM returns the channel of the bot's direct messages with a user.
func (s *Sim) DM(userID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dm(userID).id
}

// dm finds or opens that channel. s.mu is held.
func (s *Sim) dm(userID string) *channel {
	for _, c := range s.channels {
		if c.dm == userID {
			return c
		}
	}
	c := &channel{id: s.id("D"), dm: userID, private: true, botIn: true, members: map[string]bool{userID: true}}
	s.channels[c.id] = c
	return c
}

// UserName returns a person's name, or the id where there is no such person.
func (s *Sim) UserName(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.userName(id)
}

func (s *Sim) userName(id string) string {
	if u := s.users[id]; u != nil {
		return u.name
	}
	return id
}

// ChannelName returns a channel's name without its #, or for a direct message
// that of the person.
func (s *Sim) ChannelName(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[id]
	switch {
	case c == nil:
		return id
	case c.dm != "":
		return s.userName(c.dm)
	}
	return c.name
}

// Messages returns what everybody in a channel can read, threads included, in
// order of ts.
func (s *Sim) Messages(channelID string) []Message {
	return s.messages(channelID, func(m *Message) bool { return !m.Ephemeral() && !m.Deleted })
}

// Thread returns the replies to a message.
func (s *Sim) Thread(channelID, ts string) []Message {
	return s.messages(channelID, func(m *Message) bool {
		return !m.Ephemeral() && !m.Deleted && m.ThreadTS == ts
	})
}

// Ephemerals returns what one person alone can read, in all channels.
func (s *Sim) Ephemerals(userID string) []Message {
	return s.messages("", func(m *Message) bool { return m.For == userID && !m.Deleted })
}

// messages returns copies of those that match, of one channel or of all.
func (s *Sim) messages(channelID string, match func(*Message) bool) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	for id, c := range s.channels {
		if channelID != "" && id != channelID {
			continue
		}
		for _, m := range c.messages {
			if match(m) {
				out = append(out, m.copy())
			}
		}
	}
	slices.SortFunc(out, func(a, b Message) int { return strings.Compare(a.TS, b.TS) })
	return out
}

// Message returns one message by its ts.
func (s *Sim) Message(channelID, ts string) (Message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[channelID]; c != nil {
		if m := c.find(ts); m != nil {
			return m.copy(), true
		}
	}
	return Message{}, false
}

// post puts a message into its channel and tells it. s.mu is held.
func (s *Sim) post(m *Message) *Message {
	m.TS, m.Posted = s.timestamp(), s.Now()
	c := s.channels[m.Channel]
	if c == nil { // an answer by response_url into a channel the app can't see
		c = &channel{id: m.Channel, private: true, members: map[string]bool{}}
		s.channels[m.Channel] = c
	}
	c.messages = append(without(c.messages, s.forgets(len(c.messages))), m)
	kind := MessagePosted
	if m.Ephemeral() {
		kind = EphemeralShown
	}
	s.tell(Event{Kind: kind, User: m.User, Message: m.copy()})
	return m
}

// content is what an edit may change.
type content struct {
	text     string
	blocks   json.RawMessage
	metadata *Metadata
}

// edit changes a message and keeps what it said. s.mu is held.
func (s *Sim) edit(m *Message, to content) {
	before := m.copy()
	now := s.Now()
	m.Edits = append(without(m.Edits, s.forgets(len(m.Edits)+1)), Version{Until: now, Text: m.Text, Blocks: m.Blocks, Metadata: m.Metadata})
	m.Text, m.Blocks, m.Metadata, m.Edited = to.text, to.blocks, to.metadata, now
	kind := MessageEdited
	if m.Ephemeral() {
		kind = EphemeralEdited
	}
	s.tell(Event{Kind: kind, User: m.User, Message: m.copy(), Before: &before})
}

// remove deletes a message. s.mu is held.
func (s *Sim) remove(m *Message) {
	m.Deleted = true
	s.tell(Event{Kind: MessageDeleted, User: m.User, Message: m.copy()})
}
