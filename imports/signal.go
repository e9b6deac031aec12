package imports

import "sync"

// Signal tells everybody in this process that something in the store changed. It carries no message: who is woken
// reads the store. Wake-ups coalesce, so a slow reader finds one wake-up waiting for it, however many there were,
// and a wake-up that comes while it works is kept until it asks again. The zero value is ready.
type Signal struct {
	mu   sync.Mutex
	subs map[chan struct{}]struct{}
}

// Subscribe returns a channel on which wake-ups arrive, and what ends the subscription. Read the store after
// subscribing, not before, and nothing is missed.
func (s *Signal) Subscribe() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subs == nil {
		s.subs = make(map[chan struct{}]struct{})
	}
	s.subs[c] = struct{}{}
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.subs, c)
	}
}

// Wake wakes all who subscribed. It never blocks.
func (s *Signal) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.subs {
		select {
		case c <- struct{}{}:
		default: // one is waiting for it already
		}
	}
}
