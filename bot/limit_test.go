package bot

import (
	"slices"
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
	return busiest(taken)
}

// busiest returns the most of these moments, in order, that lie within a minute.
func busiest(taken []time.Time) int {
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
	t.Parallel()
	for method, most := range map[string]int{methodPost: 60, methodUpdate: 50, methodMembers: 100, methodPublish: 100, methodPerson: 100} {
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

// Whoever asks all the time takes each turn as it comes free.
func TestOneTokenIsTriedHoweverOftenTheOtherIs(t *testing.T) {
	l, now := newLimits(longAgo()), time.Now()
	for l.take(methodAuth, VarBotToken, now) == 0 {
	}
	if wait := l.take(methodAuth, VarAppToken, now); wait != 0 {
		t.Errorf("the app token has to wait %s for the bot token", wait)
	}
}

// A leader that was killed used all it might; who takes over, however long it
// stood by, and whoever comes after that one, stays within what is left.
func TestNewLeadersKeepTheLimitsOfTheOld(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_000_000, 0)
	for name, born := range map[string]time.Time{"standing by": time.Unix(0, 0), "just started": start} {
		for _, method := range []string{methodPost, methodUpdate, methodHistory} {
			var taken []time.Time
			leaders := []*limits{newLimits(time.Unix(0, 0)), newLimits(born), newLimits(born)}
			for at := start; at.Before(start.Add(3 * time.Minute)); at = at.Add(20 * time.Millisecond) {
				lead := 0
				switch since := at.Sub(start); {
				case since > 95*time.Second:
					lead = 2
				case since > 70*time.Second:
					lead = 1
				}
				if leaders[lead].take(method, "C1", at) == 0 {
					taken = append(taken, at)
				}
			}
			most := map[string]int{methodPost: 62, methodUpdate: 50, methodHistory: 110}[method] // Slack lets short bursts of posts pass
			if got := busiest(taken); got > most {
				t.Errorf("%s, %s: %d in the busiest minute, want %d at most", name, method, got, most)
			}
		}
	}
}

func TestAJustStartedProcessDoesNotPresumeThatNothingWasUsed(t *testing.T) {
	born := time.Unix(1_000_000, 0)
	for method, first := range map[string]time.Duration{methodPost: time.Second, methodUpdate: time.Minute / 46, methodAuth: 0} {
		if wait := newLimits(born).take(method, "C1", born); wait.Round(time.Millisecond) != first.Round(time.Millisecond) {
			t.Errorf("%s: the first has to wait %s, want %s", method, wait, first)
		}
		if wait := newLimits(born).take(method, "C1", born.Add(2*time.Second)); wait != 0 {
			t.Errorf("%s: after two seconds the first has to wait %s", method, wait)
		}
	}
}

func TestWhatEveryProcessCallsIsDivided(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_000_000, 0)
	for _, processes := range []int{1, 2, 5, 10} {
		var taken []time.Time
		for range processes {
			l := newLimits(time.Unix(0, 0))
			l.take(methodAuth, VarBotToken, start.Add(-time.Hour)) // the bucket was there before the share was known
			l.setShare(processes, start)
			for at := start; at.Before(start.Add(3 * time.Minute)); at = at.Add(50 * time.Millisecond) {
				for _, token := range []string{VarBotToken, VarAppToken} {
					if l.take(methodAuth, token, at) == 0 {
						taken = append(taken, at)
					}
				}
				if l.take(methodUpdate, "C1", at) > 0 && at == start {
					t.Errorf("%d processes: the leader's own is divided", processes)
				}
			}
		}
		slices.SortFunc(taken, time.Time.Compare)
		if got := busiest(taken); got > 100 || got < 80 {
			t.Errorf("%d processes: %d in the busiest minute, want 80 to 100", processes, got)
		}
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
