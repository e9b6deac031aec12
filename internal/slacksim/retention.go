package slacksim

import (
	"maps"
	"strings"
)

// WithRetention limits what a workspace remembers that is to run for days: the
// newest n events, calls, broken rules and things that people did, of each
// channel the newest n messages and of each message the newest n edits; up to a
// quarter more of each for a while. What is forgotten is gone for people and for
// the bot, as where a workspace deletes what is old. The default is to remember
// everything.
func WithRetention(n int) Option { return func(c *config) { c.retention = n } }

// forgets is how many of the oldest a list of that length loses.
func (s *Sim) forgets(length int) (n int) {
	if keep := s.cfg.retention; keep > 0 && length > keep+keep/4 {
		return length - keep
	}
	return 0
}

// without is a list without its first n. It is copied, so that these are freed.
func without[T any](list []T, n int) []T {
	if n == 0 {
		return list
	}
	return append(make([]T, 0, len(list)), list[n:]...)
}

// retire forgets what people did first, with the addresses and the envelopes
// that belong to it. s.mu is held.
func (s *Sim) retire() {
	n := s.forgets(len(s.invoked))
	for _, inv := range s.invoked[:n] {
		delete(s.triggers, inv.TriggerID)
		delete(s.hooks, strings.TrimPrefix(inv.ResponseURL, s.URL()))
		for _, d := range inv.deliveries {
			delete(d.conn.pending, d.envelope)
		}
	}
	s.invoked = without(s.invoked, n)
}

// retireTickets forgets those that are good for nothing any more. s.mu is held.
func (s *Sim) retireTickets() {
	if s.forgets(len(s.tickets)) > 0 {
		maps.DeleteFunc(s.tickets, func(_ string, t *ticket) bool { return s.Now().Sub(t.made) > ticketLife })
	}
}

// retireViews forgets modals that nobody looks at any more. s.mu is held.
func (s *Sim) retireViews() {
	if s.forgets(len(s.views)) > 0 {
		maps.DeleteFunc(s.views, func(_ string, v *view) bool { return v.Type == "modal" && !v.Open })
	}
}
