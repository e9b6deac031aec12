package slacksim

import (
	"net/http"
	"slices"
)

// Point is a moment in the life of one call.
type Point int

const (
	// Arrived: the call was read and nothing has come of it yet.
	Arrived Point = iota
	// Taken: it had its effect, and its answer has not left. Calls that are
	// refused never come here.
	Taken
	// Answered: the answer, whatever it says, was handed to the network.
	Answered
)

func (p Point) String() string {
	return [...]string{"arrived", "taken", "answered"}[p]
}

// Verdict is how a call goes on after a [Point].
type Verdict int

const (
	// Pass lets it go on.
	Pass Verdict = iota
	// Cut closes its connection, without an answer where none was given yet.
	Cut
)

// Intercept asks f at every point of every call, those by response_url among
// them, until cancel is called. f runs in the call's own goroutine and without
// a lock: it may block, so that a test can kill the bot at exactly that moment,
// and it may call the simulator. While it blocks, Close waits for it. A call
// that it cuts counts as Faulty. Where several intercept, one Cut is enough.
func (s *Sim) Intercept(f func(Point, Call) Verdict) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := &f
	s.interceptors = append(s.interceptors, added)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.interceptors = slices.DeleteFunc(s.interceptors, func(other *func(Point, Call) Verdict) bool { return other == added })
	}
}

// cuts asks everybody who intercepts and reports whether the call ends here.
func (s *Sim) cuts(call *Call, at Point) bool {
	s.mu.Lock()
	asked := slices.Clone(s.interceptors)
	seen := call.copy()
	s.mu.Unlock()
	cut := false
	for _, f := range asked {
		cut = (*f)(at, seen) == Cut || cut
	}
	if cut {
		s.set(func() { call.Faulty = true })
	}
	return cut
}

// sent hands what was written to the network, where somebody wants to know that it left, and asks them.
func (s *Sim) sent(w http.ResponseWriter, call *Call) {
	s.mu.Lock()
	watched := len(s.interceptors) > 0
	s.mu.Unlock()
	if !watched {
		return
	}
	http.NewResponseController(w).Flush() //nolint:errcheck // the client may be gone
	if s.cuts(call, Answered) {
		cutConnection(w)
	}
}
