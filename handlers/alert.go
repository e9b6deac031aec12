package handlers

import (
	"strings"
	"time"

	"importbot/bot"
	"importbot/imports"
)

// What kinds of message there are besides those about imports, as their metadata names them.
const (
	kindAlert     = "alert"
	kindRecovered = "recovered"
	kindDigest    = "digest"
)

// alertScene is what a message about an alert is written from.
type alertScene struct {
	now     time.Time
	server  Server
	alert   imports.Alert
	imp     *imports.Import // the import it is about; nil where none, or not known any more
	ended   *imports.Import // the import that ended it; nil
	known   imports.Server
	recent  []imports.Import // newest first
	card    string           // link to the card of imp; ""
	command string           // "/import"
	unmuted bool             // it is told because a mute is over, and was raised before
}

func (s alertScene) mark(m bot.Message, kind string) bot.Message {
	m.Metadata = &bot.Metadata{EventType: eventType, Payload: map[string]any{
		"id": s.alert.ImportID, "server": s.server.Name, "kind": kind, "alert": s.alert.ID,
	}}
	return m
}

func alertMessage(s alertScene) bot.Message {
	m := simple(s.now, func(p pen) []string {
		return []string{join(alertLine(p, s.now, s.alert)+".", p.mention(s.server.AlertMention))}
	})
	m.Blocks = append(m.Blocks, alertButtons(s.server, s.alert)...)
	return s.mark(m, kindAlert)
}

func recoveredMessage(s alertScene) bot.Message {
	return s.mark(simple(s.now, func(p pen) []string { return []string{"Over: " + alertLine(p, s.now, s.alert) + "."} }), kindRecovered)
}

func reopenedMessage(s alertScene) bot.Message {
	m := s.mark(simple(s.now, func(p pen) []string { return []string{"Again: " + alertLine(p, s.now, s.alert) + "."} }), kindAlert)
	m.Metadata.Payload["again"] = s.alert.Reopened
	return m
}

// mention mentions a user or a user group; "" for "".
func (p pen) mention(id string) string {
	switch {
	case id == "":
		return ""
	case strings.HasPrefix(id, "S"):
		return p.group(id)
	}
	return p.user(id)
}
