package bot

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	seenFor    = time.Hour
	seenMost   = 100_000 // in a generation; 28 commands a second for an hour
	answerKept = 256     // requests whose answer can be given again
)

type seenKey [16]byte

// seen remembers what came before, for one to two hours: Slack sends an
// envelope again, minutes later and under another envelope ID, when it did
// not get the ack. Two generations take turns, so that forgetting costs
// nothing and memory is bounded: some 10 MB when flooded, in which case the
// older generation goes early.
type seen struct {
	mu       sync.Mutex
	now, old map[seenKey]*Request
	turned   time.Time
	kept     []seenKey // whose *Request is still held, oldest first
}

// first notes a request and tells whether its ID is new. If not, it returns the
// earlier request, or nil when only its ID is still known.
func (s *seen) first(r *Request, at time.Time) (earlier *Request, first bool) {
	sum := sha256.Sum256([]byte(r.ID))
	key := seenKey(sum[:16])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil || at.Sub(s.turned) >= seenFor || len(s.now) >= seenMost {
		s.now, s.old, s.turned = map[seenKey]*Request{}, s.now, at
	}
	if earlier, ok := s.now[key]; ok {
		return earlier, false
	}
	if earlier, ok := s.old[key]; ok {
		return earlier, false
	}
	s.now[key] = r
	s.kept = append(s.kept, key)
	if len(s.kept) > answerKept {
		s.drop(s.kept[0])
		s.kept = s.kept[1:]
	}
	return nil, true
}

// drop keeps the ID and lets the request go.
func (s *seen) drop(key seenKey) {
	for _, generation := range []map[seenKey]*Request{s.now, s.old} {
		if _, ok := generation[key]; ok {
			generation[key] = nil
		}
	}
}
