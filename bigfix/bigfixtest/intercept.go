package bigfixtest

import (
	"net/http"
	"slices"
)

// Point is a moment in the life of one request.
type Point int

const (
	// Arrived: the request was read and nothing has come of it yet. It is not
	// in the journal, and its N is 0.
	Arrived Point = iota
	// Taken: the server has decided on it and done what it does, an import
	// that begins included (Request.Did says so), and its answer has not left.
	Taken
	// Answered: the answer, whatever it says, was handed to the network. What
	// is spoiled so that there is no whole answer never comes here.
	Answered
)

func (p Point) String() string {
	return [...]string{"arrived", "taken", "answered"}[p]
}

// Verdict is how a request goes on after a [Point].
type Verdict int

const (
	// Pass lets it go on.
	Pass Verdict = iota
	// Cut closes its connection, without an answer where none was given yet.
	// A look that is cut on a connection that was used before is asked again
	// by net/http itself, as with [AnswerDrop].
	Cut
)

// Intercept asks f at every point of every request, those for tokens and pages
// among them, until cancel is called. It is for tests of what becomes of a
// program, or of its network, at one exact moment:
//
//	cancel := srv.Intercept(func(at bigfixtest.Point, r bigfixtest.Request) bigfixtest.Verdict {
//		if at == bigfixtest.Taken && r.Run != "" {
//			program.Process.Kill() // the import has begun, and it will never know
//			return bigfixtest.Cut
//		}
//		return bigfixtest.Pass
//	})
//
// f runs in the request's own goroutine and without a lock: it may block for
// as long as it likes, and it may call the server. Stop and Close don't wait
// for it. Where several intercept, all are asked and one Cut is enough. A
// request that comes while the server restarts reaches nobody.
func (s *Server) Intercept(f func(Point, Request) Verdict) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := &f
	s.interceptors = append(s.interceptors, added)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.interceptors = slices.DeleteFunc(s.interceptors, func(other *func(Point, Request) Verdict) bool { return other == added })
	}
}

// cuts asks everybody who intercepts and tells whether the request ends here.
func (s *Server) cuts(at Point, r Request) bool {
	s.mu.Lock()
	asked := slices.Clone(s.interceptors)
	s.mu.Unlock()
	cut := false
	for _, f := range asked {
		cut = (*f)(at, r) == Cut || cut
	}
	return cut
}

// drop ends a request without an answer, and says so in the journal.
func (s *Server) drop(r Request) {
	r.Status, r.Answer = 0, AnswerDrop
	s.mu.Lock()
	if r.N == 0 {
		s.add(r)
	} else if i := len(s.requests) - 1 - (s.asked - r.N); i >= 0 { // it may have stood still for long
		s.requests[i] = r
	}
	s.mu.Unlock()
	panic(http.ErrAbortHandler)
}

// left hands what was written to the network, and asks whether the connection
// ends behind it.
func (s *Server) left(w http.ResponseWriter, r Request) {
	http.NewResponseController(w).Flush() //nolint:errcheck // the client may be gone
	if s.cuts(Answered, r) {
		panic(http.ErrAbortHandler)
	}
}
