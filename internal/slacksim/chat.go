package slacksim

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Slack's limits for messages, in characters unless said otherwise.
const (
	maxPostText   = 40_000
	maxUpdateText = 4_000
	maxMetadata   = 8_000 // bytes
)

func (s *Sim) apiTest(r *request) (reply, error) {
	if code := r.args["error"]; code != "" {
		return nil, &apiError{code: code, fields: reply{"args": r.args}}
	}
	return reply{"args": r.args}, nil
}

func (s *Sim) authTest(r *request) (reply, error) {
	if r.token == appToken {
		return reply{"app_name": s.BotName, "app_id": s.AppID}, nil
	}
	return reply{
		"url": s.TeamURL, "team": s.TeamName, "team_id": s.TeamID,
		"user": s.BotName, "user_id": s.BotUserID, "bot_id": s.BotID, "is_enterprise_install": false,
	}, nil
}

// target finds the channel that the bot wants to write to: by id, by a user's
// id, or by name. s.mu is held.
func (s *Sim) target(r *request) (*channel, error) {
	id := r.args["channel"]
	if u := s.users[id]; u != nil && !u.bot {
		if u.deleted {
			return nil, fail("user_disabled")
		}
		return s.dm(id), nil
	}
	c := s.channels[id]
	if c == nil {
		for _, other := range s.channels {
			if other.name != "" && other.name == strings.TrimPrefix(id, "#") {
				c = other
			}
		}
	}
	if c == nil || c.private && !c.botIn {
		return nil, fail("channel_not_found")
	}
	return c, nil
}

// mayWrite reports whether the bot may write to a channel that it can see.
func (s *Sim) mayWrite(c *channel) bool { return c.botIn || s.hasScope("chat:write.public") }

// content reads what is to be shown. s.mu is held.
func (s *Sim) content(r *request, maxText int) (content, error) {
	c := content{text: r.args["text"]}
	if n := utf8.RuneCountInString(c.text); n > maxText {
		s.violate(LongText, "%s: %d characters of text, %d are allowed", r.method, n, maxText)
		return c, fail("msg_too_long")
	}
	blocks, err := s.readBlocks(r.method, r.args["blocks"], inMessage)
	if err != nil {
		return c, err
	}
	c.blocks = blocks
	if strings.TrimSpace(c.text) == "" && len(c.blocks) == 0 && r.args["attachments"] == "" {
		return c, fail("no_text")
	}
	c.metadata, err = readMetadata(r.args["metadata"])
	if err == nil {
		s.inspect(r.method, c)
	}
	return c, err
}

// readBlocks parses and checks blocks; none and an empty list are both nil.
// s.mu is held.
func (s *Sim) readBlocks(method, raw string, where surface) (json.RawMessage, error) {
	if raw == "" {
		return nil, nil
	}
	var list []any
	if err := json.Unmarshal([]byte(raw), &list); err != nil {
		s.violate(BadBlocks, "%s: the blocks are no JSON list: %v", method, err)
		return nil, fail("invalid_blocks_format")
	}
	if len(list) == 0 {
		return nil, nil
	}
	if err := s.refuseTypes(list); err != nil {
		return nil, err
	}
	if faults := checkBlocks(list, where); len(faults) > 0 {
		s.violate(BadBlocks, "%s: %s", method, strings.Join(faults, "; "))
		return nil, &apiError{code: "invalid_blocks", messages: faults}
	}
	return json.RawMessage(raw), nil
}

func readMetadata(raw string) (*Metadata, error) {
	if raw == "" || raw == "{}" {
		return nil, nil
	}
	if len(raw) > maxMetadata {
		return nil, fail("metadata_too_large")
	}
	var m Metadata
	if err := json.Unmarshal([]byte(raw), &m); err != nil || m.EventType == "" || m.Payload == nil {
		return nil, fail("invalid_metadata_format")
	}
	return &m, nil
}

func (s *Sim) postMessage(r *request) (reply, error) {
	c, err := s.target(r)
	if err != nil {
		return nil, err
	}
	if c.archived {
		return nil, fail("is_archived")
	}
	if !s.mayWrite(c) {
		return nil, fail("not_in_channel")
	}
	if c.dm != "" && !s.app.MessagesTab {
		return nil, fail("messages_tab_disabled")
	}
	what, err := s.content(r, maxPostText)
	if err != nil {
		return nil, err
	}
	thread := r.args["thread_ts"]
	if err := threadTakesReplies(c, thread); err != nil {
		return nil, err
	}
	m := s.post(&Message{
		Channel: c.id, User: s.BotUserID, ThreadTS: thread, Broadcast: thread != "" && r.flag("reply_broadcast"),
		Text: what.text, Blocks: what.blocks, Metadata: what.metadata,
	})
	r.call.TS = m.TS
	return reply{"channel": c.id, "ts": m.TS, "message": s.render(c, m, true)}, nil
}

// threadTakesReplies refuses a thread whose first message is gone or is itself
// a reply.
func threadTakesReplies(c *channel, ts string) error {
	if ts == "" {
		return nil
	}
	parent := c.find(ts)
	switch {
	case parent == nil, parent.Ephemeral():
		return fail("thread_not_found")
	case parent.ThreadTS != "":
		return fail("cannot_reply_to_message")
	}
	return nil
}

// own finds a message of the bot's that it may change. s.mu is held.
func (s *Sim) own(r *request, refusal string) (*channel, *Message, error) {
	c := s.channels[r.args["channel"]]
	if c == nil || c.private && !c.botIn {
		return nil, nil, fail("channel_not_found")
	}
	m := c.find(r.args["ts"])
	switch {
	case m == nil, m.Ephemeral():
		return nil, nil, fail("message_not_found")
	case m.User != s.BotUserID:
		return nil, nil, fail(refusal)
	case c.archived:
		return nil, nil, fail("is_archived")
	case !s.mayWrite(c):
		return nil, nil, fail("not_in_channel")
	}
	return c, m, nil
}

func (s *Sim) update(r *request) (reply, error) {
	c, m, err := s.own(r, "cant_update_message")
	if err != nil {
		return nil, err
	}
	if s.cfg.editWindow > 0 && s.Now().Sub(m.Posted) > s.cfg.editWindow {
		return nil, fail("edit_window_closed")
	}
	what, err := s.content(r, maxUpdateText)
	if err != nil {
		return nil, err
	}
	if len(m.Blocks) > 0 && len(what.blocks) == 0 {
		s.violate(LostBlocks, "chat.update of %s in %s: text without blocks removes the blocks it had", m.TS, c.id)
	}
	if _, given := r.args["metadata"]; !given {
		what.metadata = m.Metadata
	}
	if r.flag("reply_broadcast") && m.ThreadTS != "" {
		m.Broadcast = true
	}
	s.edit(m, what)
	r.call.TS = m.TS
	return reply{"channel": c.id, "ts": m.TS, "text": m.Text, "message": s.render(c, m, true)}, nil
}

func (s *Sim) delete(r *request) (reply, error) {
	c, m, err := s.own(r, "cant_delete_message")
	if err != nil {
		return nil, err
	}
	s.remove(m)
	r.call.TS = m.TS
	return reply{"channel": c.id, "ts": m.TS}, nil
}

func (s *Sim) postEphemeral(r *request) (reply, error) {
	c, err := s.target(r)
	if err != nil {
		return nil, err
	}
	switch who := r.args["user"]; {
	case c.archived:
		return nil, fail("is_archived")
	case !c.botIn:
		return nil, fail("not_in_channel")
	case s.users[who] == nil || !c.has(s.users[who]):
		return nil, fail("user_not_in_channel")
	}
	what, err := s.content(r, maxPostText)
	if err != nil {
		return nil, err
	}
	m := s.post(&Message{
		Channel: c.id, User: s.BotUserID, ThreadTS: r.args["thread_ts"], For: r.args["user"],
		Text: what.text, Blocks: what.blocks, Metadata: what.metadata,
	})
	r.call.TS = m.TS
	return reply{"message_ts": m.TS}, nil
}

func (s *Sim) getPermalink(r *request) (reply, error) {
	c := s.channels[r.args["channel"]]
	if c == nil || c.private && !c.botIn {
		return nil, fail("channel_not_found")
	}
	m := c.find(r.args["message_ts"])
	if m == nil || m.Ephemeral() {
		return nil, fail("message_not_found")
	}
	return reply{"channel": c.id, "permalink": s.permalink(m)}, nil
}

// Permalink is a message's address, as chat.getPermalink gives it.
func (s *Sim) Permalink(m Message) string { return s.permalink(&m) }

func (s *Sim) permalink(m *Message) string {
	link := fmt.Sprintf("%sarchives/%s/p%s", s.TeamURL, m.Channel, strings.Replace(m.TS, ".", "", 1))
	if m.ThreadTS != "" {
		link += "?thread_ts=" + m.ThreadTS + "&cid=" + m.Channel
	}
	return link
}

// render gives a message the form it has in Slack's answers. s.mu is held.
func (s *Sim) render(c *channel, m *Message, withMetadata bool) reply {
	out := reply{"type": "message", "user": m.User, "text": m.Text, "ts": m.TS, "team": s.TeamID}
	if m.User == s.BotUserID {
		out["bot_id"], out["app_id"] = s.BotID, s.AppID
		out["bot_profile"] = reply{"id": s.BotID, "app_id": s.AppID, "name": s.BotName, "team_id": s.TeamID, "deleted": false}
	}
	if m.Broadcast {
		out["subtype"] = "thread_broadcast"
	}
	if len(m.Blocks) > 0 {
		out["blocks"] = withIDs(m.Blocks)
	}
	if m.ThreadTS != "" {
		out["thread_ts"] = m.ThreadTS
	}
	if !m.Edited.IsZero() {
		out["edited"] = reply{"user": m.User, "ts": fmt.Sprintf("%d.000000", m.Edited.Unix())}
	}
	if withMetadata && m.Metadata != nil {
		out["metadata"] = m.Metadata
	}
	s.renderThread(c, m, out)
	return out
}

// renderThread says of a message with replies how many there are.
func (s *Sim) renderThread(c *channel, m *Message, out reply) {
	count, latest := 0, ""
	for _, other := range c.messages {
		if other.ThreadTS == m.TS && !other.Deleted && !other.Ephemeral() {
			count, latest = count+1, other.TS
		}
	}
	if count > 0 {
		out["thread_ts"], out["reply_count"], out["latest_reply"] = m.TS, count, latest
	}
}
