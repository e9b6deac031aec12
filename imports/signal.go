package imports

import (
	"slices"
	"sync"
)

// Signal tells those in this process who want to know that something in the store changed, and of which imports. It
// carries nothing else: who is woken reads the store. Wake-ups coalesce, so a slow reader finds one wake-up waiting
// for it, however many there were, and a wake-up that comes while it works is kept until it asks again. The zero value
// is ready.
type Signal struct {
	mu   sync.Mutex
	subs map[chan struct{}][]string // the imports each wants to know of; none: everything
}

// Subscribe returns a channel on which wake-ups arrive, and what ends the subscription: wake-ups for the imports with
// these ids, or all where none is named. Read the store after subscribing, not before, and nothing is missed.
func (s *Signal) Subscribe(ids ...string) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subs == nil {
		s.subs = make(map[chan struct{}][]string)
	}
	s.subs[c] = ids
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.subs, c)
	}
}

// Wake says that the imports with these ids changed, or that anything may have where none is named: it wakes those who
// subscribed to one of them, and those who subscribed to everything. It never blocks.
func (s *Signal) Wake(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, wanted := range s.subs {
		if len(ids) > 0 && len(wanted) > 0 && !slices.ContainsFunc(wanted, func(id string) bool { return slices.Contains(ids, id) }) {
			continue
		}
		select {
		case c <- struct{}{}:
		default: // one is waiting for it already
		}
	}
}
