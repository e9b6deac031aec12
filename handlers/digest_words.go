package handlers

import (
	"fmt"
	"time"

	"importbot/bot"
	"importbot/imports"
)

// digestScene is what a digest is written from.
type digestScene struct {
	now      time.Time
	from, to time.Time // local midnights: from in, to not
	loc      *time.Location
	servers  []digestServer
}

// digestServer is the week of one server.
type digestServer struct {
	server Server
	report imports.Report
	alerts []imports.Alert // open now
	mute   *imports.Mute
	imps   []imports.Import // of the week, newest first
}

func digestMessage(d digestScene) bot.Message {
	m := simple(d.now, func(p pen) []string {
		var out []string
		for _, s := range d.servers {
			out = append(out, fmt.Sprintf("%s: fresh data on %d of %d days", p.name(s.server.Name), s.report.Covered, len(s.report.Days)))
		}
		return out
	})
	m.Metadata = &bot.Metadata{EventType: eventType, Payload: map[string]any{"id": "", "server": "", "kind": kindDigest}}
	return m
}
