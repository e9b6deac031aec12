package handlers

import (
	"importbot/bot"
	"importbot/imports"
)

// milestoneMessage is one step on the way, told in the card's thread.
func milestoneMessage(s scene, n imports.Milestone) bot.Message {
	m := simple(s.now, func(p pen) []string {
		server, kind := p.name(s.server.Name), p.kind(s.imp.Type)
		switch n.Kind {
		case imports.MilestoneStarted:
			line := capital(kind) + " on " + server + " is running, seen " + p.when(n.At) + "."
			if usual, ok := s.usual(); ok {
				line += " It usually takes " + p.between(usual.Low, usual.High) + "."
			}
			return []string{line}
		case imports.MilestoneProgress:
			line := capital(kind) + " on " + server + " has passed " + p.percent(n.Progress) + ", seen " + p.when(n.At) + "."
			if left, ok := s.left(); ok {
				line += " About " + p.span(left) + " left."
			}
			return []string{line}
		case imports.MilestoneLost:
			return []string{s.silent(p, "since "+p.at(n.At), n.Failure)}
		case imports.MilestoneSeen:
			return []string{server + " answers again since " + p.at(n.At) + ", and the " + kind + s.after(p) + "."}
		}
		return []string{capital(kind) + " on " + server + " goes on."}
	})
	return s.mark(m, kindMilestone)
}

// after says how an import stands once its server is seen again.
func (s scene) after(p pen) string {
	switch {
	case s.imp.State != imports.Running:
		return " is not running any more; I am making sure of how it ended"
	case s.imp.Progress != nil:
		return " is running, " + p.percent(*s.imp.Progress)
	}
	return " is running"
}
