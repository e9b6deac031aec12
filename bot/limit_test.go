package bot

import (
	"testing"
	"time"
)

// busiestMinute asks as often as it may for five minutes and returns the most
// calls that got through in any one of them.
func busiestMinute(l *limits, method, channel string) int {
	start := time.Unix(1_000_000, 0)
	var taken []time.Time
	for at := start; at.Before(start.Add(5 * time.Minute)); at = at.Add(50 * time.Millisecond) {
		if l.take(method, channel, at) == 0 {
			taken = append(taken, at)
		}
	}
	most := 0
	for i, first := range taken {
		n := 0
		for _, at := range taken[i:] {
			if at.Sub(first) < time.Minute {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func TestLimitsKeepWithinSlacks(t *testing.T) {
	for method, most := range map[string]int{methodPost: 60, methodUpdate: 50, methodMembers: 100} {
		got := busiestMinute(newLimits(time.Unix(0, 0)), method, "C1")
		if got > most || got < most*17/20 {
			t.Errorf("%s: %d in the busiest minute, want just under %d", method, got, most)
		}
	}
}

func TestLimitsOfOneDoNotHoldUpAnother(t *testing.T) {
	l, now := newLimits(longAgo()), time.Now()
	if wait := l.take(methodPost, "C1", now); wait != 0 {
		t.Fatalf("first post has to wait %s", wait)
	}
	if wait := l.take(methodPost, "C1", now); wait <= 0 || wait > time.Second {
		t.Errorf("second post to the channel has to wait %s, want up to a second", wait)
	}
	if wait := l.take(methodPost, "C2", now); wait != 0 {
		t.Errorf("a post to another channel has to wait %s", wait)
	}
	l.block(methodPost, now.Add(30*time.Second))
	l.block(methodPost, now.Add(10*time.Second)) // shorter: changes nothing
	if wait := l.take(methodPost, "C3", now); wait != 30*time.Second {
		t.Errorf("while blocked, a post has to wait %s, want 30s", wait)
	}
	if wait := l.take(methodUpdate, "C1", now); wait != 0 {
		t.Errorf("an edit has to wait %s for the posts", wait)
	}
	if wait := l.take(methodPost, "C1", now.Add(30*time.Second)); wait != 0 {
		t.Errorf("after Retry-After a post has to wait %s", wait)
	}
}

func TestLimitsForgetIdleChannels(t *testing.T) {
	l, now := newLimits(longAgo()), time.Now()
	for i := range 1000 {
		l.take(methodPost, string(rune('a'+i)), now)
	}
	l.take(methodPost, "later", now.Add(2*time.Minute))
	if n := len(l.buckets); n != 1 {
		t.Errorf("%d buckets are kept, want the one in use", n)
	}
}
