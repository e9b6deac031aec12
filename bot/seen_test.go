package bot

import (
	"strconv"
	"testing"
	"time"
)

func TestSeenRemembersForAnHour(t *testing.T) {
	var s seen
	start := time.Now()
	r := &Request{ID: "trigger"}
	if _, first := s.first(r, start); !first {
		t.Fatal("the first one was taken for a second")
	}
	for _, after := range []time.Duration{0, time.Minute, time.Hour} {
		earlier, first := s.first(&Request{ID: "trigger"}, start.Add(after))
		if first || earlier != r {
			t.Errorf("after %s: first %v, earlier %p, want %p", after, first, earlier, r)
		}
	}
	s.first(&Request{ID: "other"}, start.Add(2*time.Hour))
	if _, first := s.first(&Request{ID: "trigger"}, start.Add(4*time.Hour)); !first {
		t.Error("still remembered after four hours")
	}
}

func TestSeenIsBounded(t *testing.T) {
	t.Parallel()
	var s seen
	now := time.Now()
	for i := range 3 * seenMost {
		s.first(&Request{ID: strconv.Itoa(i)}, now)
	}
	if n := len(s.now) + len(s.old); n > 2*seenMost {
		t.Errorf("%d IDs are remembered, want at most %d", n, 2*seenMost)
	}
	held := 0
	for _, generation := range []map[seenKey]*Request{s.now, s.old} {
		for _, r := range generation {
			if r != nil {
				held++
			}
		}
	}
	if held > answerKept {
		t.Errorf("%d requests are held, want at most %d", held, answerKept)
	}
	if _, first := s.first(&Request{ID: strconv.Itoa(3*seenMost - 1)}, now); first {
		t.Error("the newest was forgotten")
	}
}
