package slacksim

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

func (s *Sim) openConversation(r *request) (reply, error) {
	if id := r.args["channel"]; id != "" {
		c := s.channels[id]
		if c == nil || c.dm == "" {
			return nil, fail("channel_not_found")
		}
		return reply{"channel": reply{"id": c.id}, "no_op": true, "already_open": true}, nil
	}
	ids := strings.FieldsFunc(r.args["users"], func(c rune) bool { return c == ',' || c == ' ' })
	switch {
	case len(ids) == 0:
		return nil, fail("users_list_not_supplied")
	case len(ids) > 1: // group conversations are of no use to the programs tested here
		return nil, fail("method_not_supported_for_channel_type")
	}
	u := s.users[ids[0]]
	if u == nil || u.bot {
		return nil, fail("user_not_found")
	}
	return reply{"channel": reply{"id": s.dm(u.id).id}}, nil
}

// scopeFor names a scope by the kind of channel it is for.
func scopeFor(c *channel, right string) string {
	switch {
	case c.dm != "":
		return "im:" + right
	case c.private:
		return "groups:" + right
	}
	return "channels:" + right
}

func (s *Sim) conversationInfo(r *request) (reply, error) {
	c := s.channels[r.args["channel"]]
	if c == nil || c.private && !c.botIn {
		return nil, fail("channel_not_found")
	}
	if err := s.needScope(scopeFor(c, "read")); err != nil {
		return nil, err
	}
	info := reply{
		"id": c.id, "is_archived": c.archived, "is_private": c.private, "is_im": c.dm != "",
		"is_shared": c.shared, "is_ext_shared": c.shared, "is_org_shared": false,
		"is_channel": c.dm == "" && !c.private, "is_group": c.dm == "" && c.private, "is_mpim": false,
	}
	if c.dm != "" {
		info["user"] = c.dm
	} else {
		info["topic"] = reply{"value": c.topic}
		info["name"], info["name_normalized"], info["is_member"] = c.name, c.name, c.botIn
	}
	return reply{"channel": info}, nil
}

// readable finds a channel that the bot may read the past of.
func (s *Sim) readable(r *request) (*channel, error) {
	c := s.channels[r.args["channel"]]
	if c == nil || c.private && !c.botIn {
		return nil, fail("channel_not_found")
	}
	if err := s.needScope(scopeFor(c, "history")); err != nil {
		return nil, err
	}
	if !c.botIn {
		return nil, fail("not_in_channel")
	}
	return c, nil
}

func (s *Sim) history(r *request) (reply, error) {
	c, err := s.readable(r)
	if err != nil {
		return nil, err
	}
	var found []*Message
	for _, m := range c.messages {
		if (m.ThreadTS == "" || m.Broadcast) && r.within(m) {
			found = append(found, m)
		}
	}
	slices.Reverse(found)
	return s.page(r, c, found, 100)
}

func (s *Sim) replies(r *request) (reply, error) {
	c, err := s.readable(r)
	if err != nil {
		return nil, err
	}
	parent := c.find(r.args["ts"])
	if parent == nil || parent.Ephemeral() {
		return nil, fail("thread_not_found")
	}
	found := []*Message{parent} // which comes whatever the times asked for
	for _, m := range c.messages {
		if m.ThreadTS == parent.TS && r.within(m) {
			found = append(found, m)
		}
	}
	return s.page(r, c, found, 1000)
}

// within reports whether everybody can see a message and its time is asked for.
// Timestamps compare as texts: their lengths are the same for centuries.
func (r *request) within(m *Message) bool {
	if m.Deleted || m.Ephemeral() {
		return false
	}
	oldest, latest := r.args["oldest"], r.args["latest"]
	if r.flag("inclusive") && (m.TS == oldest || m.TS == latest) {
		return true
	}
	return (oldest == "" || later(m.TS, oldest)) && (latest == "" || later(latest, m.TS))
}

// later compares two timestamps, of which one may come without microseconds.
func later(a, b string) bool {
	x, errX := micros(a)
	y, errY := micros(b)
	return errX == nil && errY == nil && x > y
}

func micros(ts string) (int64, error) {
	seconds, fraction, _ := strings.Cut(ts, ".")
	fraction = (fraction + "000000")[:6]
	return strconv.ParseInt(seconds+fraction, 10, 64)
}

// page cuts a list to what was asked for, and says how to get the rest.
func (s *Sim) page(r *request, c *channel, found []*Message, limit int) (reply, error) {
	limit = min(999, r.number("limit", limit))
	if limit <= 0 {
		return nil, fail("invalid_limit")
	}
	start := 0
	if cursor := r.args["cursor"]; cursor != "" {
		decoded, err := base64.StdEncoding.DecodeString(cursor)
		ts, ok := strings.CutPrefix(string(decoded), "next_ts:")
		if start = slices.IndexFunc(found, func(m *Message) bool { return m.TS == ts }); err != nil || !ok || start < 0 {
			return nil, fail("invalid_cursor")
		}
	}
	end := min(len(found), start+limit)
	messages := []reply{}
	for _, m := range found[start:end] {
		messages = append(messages, s.render(c, m, r.flag("include_all_metadata")))
	}
	out := reply{"messages": messages, "has_more": end < len(found)}
	if end < len(found) {
		cursor := base64.StdEncoding.EncodeToString([]byte("next_ts:" + found[end].TS))
		out["response_metadata"] = reply{"next_cursor": cursor}
	}
	return out, nil
}

func (s *Sim) userInfo(r *request) (reply, error) {
	u := s.users[r.args["user"]]
	if u == nil {
		return nil, fail("user_not_found")
	}
	team := s.teamOf(u.id, "")
	out := reply{
		"id": u.id, "team_id": team, "name": u.name, "real_name": u.name, "deleted": u.deleted, "is_bot": u.bot,
		"tz": "Etc/UTC", "tz_label": "UTC", "tz_offset": 0, "is_app_user": false,
		"profile": reply{"display_name": u.name, "real_name": u.name, "title": u.title, "team": team},
	}
	if u.team != "" {
		out["is_stranger"] = !s.isMet(u)
	}
	if !u.deleted && u.team == "" {
		out["is_restricted"], out["is_ultra_restricted"] = u.guest, u.single
		out["is_admin"], out["is_owner"], out["is_primary_owner"] = false, false, false
	}
	return reply{"user": out}, nil
}

// isMet tells whether the bot shares a channel with somebody of another
// workspace: to Slack only the others are strangers. s.mu is held.
func (s *Sim) isMet(u *user) bool {
	for _, c := range s.channels {
		if c.shared && c.botIn && c.has(u) {
			return true
		}
	}
	return false
}

func (s *Sim) listGroups(r *request) (reply, error) {
	groups := []reply{}
	for _, g := range s.groups {
		one := reply{
			"id": g.id, "team_id": s.TeamID, "is_usergroup": true, "name": g.handle, "handle": g.handle,
			"is_external": false, "date_delete": 0, "user_count": len(g.members),
		}
		if r.flag("include_users") {
			one["users"] = append([]string{}, g.members...)
		}
		groups = append(groups, one)
	}
	slices.SortFunc(groups, func(a, b reply) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
	return reply{"usergroups": groups}, nil
}

func (s *Sim) listGroupUsers(r *request) (reply, error) {
	g := s.groups[r.args["usergroup"]]
	if g == nil {
		return nil, fail("no_such_subteam")
	}
	return reply{"users": append([]string{}, g.members...)}, nil
}
