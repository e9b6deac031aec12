package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	"importbot/internal/slacksim"
)

// posting is a bot whose token was checked, without connections.
func posting(t *testing.T, options ...slacksim.Option) *world {
	t.Helper()
	return newWorld(t, echo, nil, options...).checked()
}

func (w *world) checked() *world {
	w.t.Helper()
	if err := w.bot.checkToken(w.ctx()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.bot.http.CloseIdleConnections)
	return w
}

func (w *world) posts(p Post) (ts, channel string) {
	w.t.Helper()
	ts, channel, err := w.bot.Post(w.ctx(), p)
	if err != nil {
		w.t.Fatal(err)
	}
	return ts, channel
}

func section(text string) []slack.Block {
	return []slack.Block{slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", text, false, false), nil, nil)}
}

func TestPostUpdateAndReply(t *testing.T) {
	w := posting(t, slacksim.WithoutLimits())
	meta := &Metadata{EventType: "importbot_import", Payload: map[string]any{"id": "i1", "kind": "card"}}
	ts, channel := w.posts(Post{Channel: "C1", Message: Message{Text: "running, 10 %", Blocks: section("10 %"), Metadata: meta}})
	if err := w.bot.Update(w.ctx(), channel, ts, Message{Text: "running, 20 %", Blocks: section("20 %"), Metadata: meta}); err != nil {
		t.Fatal(err)
	}
	w.bot.limits = newLimits(longAgo()) // a second has passed, as it were
	reply, _ := w.posts(Post{Channel: "C1", ThreadTS: ts, Broadcast: true, Message: words("over")})

	card, _ := w.sim.Message(channel, ts)
	if card.Text != "running, 20 %" || !strings.Contains(string(card.Blocks), "20 %") || card.Metadata.Payload["id"] != "i1" || len(card.Edits) != 1 {
		t.Errorf("the card is %+v", card)
	}
	over, _ := w.sim.Message("C1", reply)
	if over.ThreadTS != ts || !over.Broadcast {
		t.Errorf("the reply is %+v", over)
	}
	if got, want := w.bot.Permalink(channel, ts), w.sim.Permalink(card); got != want {
		t.Errorf("permalink %s, want %s", got, want)
	}
}

func TestDirectMessageTellsItsChannel(t *testing.T) {
	w := posting(t)
	ts, channel := w.posts(Post{Channel: "U1", Message: words("psst")})
	if m, ok := w.sim.Message(channel, ts); !ok || channel != w.sim.DM("U1") || m.Text != "psst" {
		t.Errorf("posted to %s: %+v", channel, m)
	}
}

func TestTooLongIsCutNotRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := moved(t, echo, nil).checked()
		long := Message{Text: strings.Repeat("&amp;", 20_000)}
		for range 30 {
			long.Blocks = append(long.Blocks, section(strings.Repeat("<@U1> ", 900))...)
			long.Blocks = append(long.Blocks, slack.NewHeaderBlock(slack.NewTextBlockObject("plain_text", strings.Repeat("x", 300), false, false)))
		}
		ts, channel := w.posts(Post{Channel: "C1", Message: long})
		if err := w.bot.Update(w.ctx(), channel, ts, long); err != nil {
			t.Error(err)
		}
	})
}

func TestRateLimitsComeInThreeShapes(t *testing.T) {
	for name, tt := range map[string]struct {
		fault slacksim.Fault
		after time.Duration
	}{
		"429 with Retry-After":    {slacksim.Fault{RetryAfter: 7 * time.Second}, 7 * time.Second},
		"429 without":             {slacksim.Fault{Status: 429, Shape: slacksim.NoRetryAfter}, defaultRetryAfter},
		"ok false":                {slacksim.Fault{Error: "ratelimited", Shape: slacksim.OKFalse}, defaultRetryAfter},
		"ok false, how long":      {slacksim.Fault{RetryAfter: 9 * time.Second, Shape: slacksim.OKFalse}, 9 * time.Second},
		"ok false, the other way": {slacksim.Fault{Error: "rate_limited"}, defaultRetryAfter},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := moved(t, echo, nil).checked()
				ts, channel := w.posts(Post{Channel: "C1", Message: words("card")})
				w.sim.Fail(methodUpdate, tt.fault)
				for i, asked := range []int{1, 1, 1} { // the second and third time nobody asks
					err := w.bot.Update(w.ctx(), channel, ts, words("edit"))
					var limited *RateLimitedError
					if !errors.As(err, &limited) || limited.Method != methodUpdate || limited.After > tt.after || limited.After < tt.after-time.Second {
						t.Errorf("call %d: %v, want to wait %s", i, err, tt.after)
					}
					if MaybeTaken(err) {
						t.Error("a refused call may have been taken")
					}
					if n := len(w.sim.Calls(methodUpdate)); n != asked {
						t.Errorf("Slack was asked %d times, want %d", n, asked)
					}
				}
				w.posts(Post{Channel: "C2X", Message: words("other")}.in(w))
			})
		})
	}
}

// in makes the post's channel exist.
func (p Post) in(w *world) Post {
	w.sim.AddChannel(p.Channel, strings.ToLower(p.Channel))
	return p
}

func TestOwnLimiterAnswersWithoutAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := moved(t, echo, nil).checked()
		w.posts(Post{Channel: "C1", Message: words("one")})
		_, _, err := w.bot.Post(w.ctx(), Post{Channel: "C1", Message: words("two")})
		var limited *RateLimitedError
		if !errors.As(err, &limited) || limited.After > time.Second || len(w.sim.Calls(methodPost)) != 1 {
			t.Errorf("%v after %d calls", err, len(w.sim.Calls(methodPost)))
		}
	})
}

func TestErrorsSayWhatACallerCanDo(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(w *world, ts string)
		want    error
		code    string
	}{
		"archived":    {func(w *world, _ string) { w.sim.SetArchived("C1", true) }, ErrChannel, "is_archived"},
		"deleted":     {func(w *world, ts string) { w.sim.DeleteMessage("C1", ts) }, ErrMessageGone, "message_not_found"},
		"no channel":  {func(w *world, _ string) { w.sim.RemoveChannel("C1") }, ErrChannel, "channel_not_found"},
		"too old":     {func(w *world, _ string) { w.fail(slacksim.Fault{Error: "edit_window_closed"}) }, ErrMessageGone, "edit_window_closed"},
		"blocks":      {func(w *world, _ string) { w.fail(slacksim.Fault{Error: "invalid_blocks"}) }, ErrInvalid, "invalid_blocks"},
		"a new word":  {func(w *world, _ string) { w.fail(slacksim.Fault{Error: "never_heard_of"}) }, ErrInvalid, "never_heard_of"},
		"read only":   {func(w *world, _ string) { w.fail(slacksim.Fault{Error: "restricted_action_read_only_channel"}) }, ErrChannel, "restricted_action_read_only_channel"},
		"frozen":      {func(w *world, _ string) { w.fail(slacksim.Fault{Error: "is_inactive"}) }, ErrChannel, "is_inactive"},
		"org rules":   {func(w *world, _ string) { w.fail(slacksim.Fault{Error: "team_access_not_granted"}) }, ErrChannel, "team_access_not_granted"},
		"their fault": {func(w *world, _ string) { w.fail(slacksim.Fault{Error: "internal_error"}) }, ErrUnavailable, "internal_error"},
	} {
		t.Run(name, func(t *testing.T) {
			w := posting(t)
			ts, channel := w.posts(Post{Channel: "C1", Message: words("card")})
			tt.prepare(w, ts)
			err := w.bot.Update(w.ctx(), channel, ts, words("edit"))
			var api *APIError
			if !errors.Is(err, tt.want) || !errors.As(err, &api) || api.Code != tt.code || api.Method != methodUpdate {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if MaybeTaken(err) != (tt.want == ErrUnavailable) {
				t.Errorf("MaybeTaken(%v) = %v", err, MaybeTaken(err))
			}
		})
	}
}

// Words with which Slack turns a call away at the door: nothing was done, and asking again may help.
func TestTurnedAwayIsSurelyNotTaken(t *testing.T) {
	for _, code := range []string{"org_login_required", "team_added_to_org", "accesslimited"} {
		w := posting(t)
		ts, channel := w.posts(Post{Channel: "C1", Message: words("card")})
		w.fail(slacksim.Fault{Error: code})
		if err := w.bot.Update(w.ctx(), channel, ts, words("edit")); !errors.Is(err, ErrUnavailable) || MaybeTaken(err) {
			t.Errorf("%v, MaybeTaken %v; want unavailable, and surely not taken", err, MaybeTaken(err))
		}
	}
}

func (w *world) fail(f slacksim.Fault) { w.sim.Fail(methodUpdate, f) }

// After a lost answer nobody knows; after a refused connection everybody does.
func TestMaybeTaken(t *testing.T) {
	for name, tt := range map[string]struct {
		fault slacksim.Fault
		taken bool
	}{
		"answer lost":                        {slacksim.Fault{TakeThenDrop: true}, true},
		"no answer":                          {slacksim.Fault{TakeThenHang: true}, true},
		"request lost, which looks the same": {slacksim.Fault{Drop: true}, true},
		"5xx":                                {slacksim.Fault{Status: 502}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := moved(t, echo, nil).checked()
				w.sim.Fail(methodPost, tt.fault)
				_, _, err := w.bot.Post(w.ctx(), Post{Channel: "C1", Message: words("once")})
				if !errors.Is(err, ErrUnavailable) || MaybeTaken(err) != tt.taken {
					t.Errorf("%v, MaybeTaken %v, want %v", err, MaybeTaken(err), tt.taken)
				}
				if n := len(w.sim.Calls(methodPost)); n != 1 {
					t.Errorf("%d requests, want one", n)
				}
			})
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		w := posting(t)
		w.bot.http.CloseIdleConnections() // on a kept one the request may be under way before it breaks
		w.sim.Close()
		_, _, err := w.bot.Post(w.ctx(), Post{Channel: "C1", Message: words("once")})
		if !errors.Is(err, ErrUnavailable) || MaybeTaken(err) {
			t.Errorf("%v, MaybeTaken %v, want surely not", err, MaybeTaken(err))
		}
	})
	t.Run("given up before", func(t *testing.T) {
		w := posting(t)
		ctx, cancel := context.WithCancel(w.ctx())
		cancel()
		_, _, err := w.bot.Post(ctx, Post{Channel: "C1", Message: words("once")})
		if !errors.Is(err, context.Canceled) || MaybeTaken(err) {
			t.Errorf("%v, MaybeTaken %v, want surely not", err, MaybeTaken(err))
		}
	})
}

func TestGroupMembers(t *testing.T) {
	w := posting(t)
	w.sim.AddUserGroup("S1", "oncall", "U1", "U2")
	if got, err := w.bot.GroupMembers(w.ctx(), "S1"); err != nil || fmt.Sprint(got) != "[U1 U2]" {
		t.Errorf("got %v, %v", got, err)
	}
	w = posting(t, slacksim.WithScopes("commands", "chat:write"))
	if _, err := w.bot.GroupMembers(w.ctx(), "S1"); !errors.Is(err, ErrNoScope) {
		t.Errorf("without the scope: %v, want ErrNoScope", err)
	}
	if n := len(w.sim.Calls(methodMembers)); n != 0 {
		t.Errorf("Slack was asked %d times for what was not granted", n)
	}
}

// A bot that was killed looks for what it posted as soon as it is back. Until it knows its own name it would recognise
// nothing, take that for "not there", and post it again.
func TestFindKnowsItselfFirst(t *testing.T) {
	w := newWorld(t, echo, nil, slacksim.WithoutLimits())
	t.Cleanup(w.bot.http.CloseIdleConnections)
	meta := &Metadata{EventType: "importbot_import", Payload: map[string]any{"id": "i1"}}
	posted, _ := w.posts(Post{Channel: "C1", Message: Message{Text: "over", Metadata: meta}})
	whatever := func(map[string]any) bool { return true }
	find := func(ctx context.Context) (string, bool, error) {
		return w.bot.Find(ctx, "C1", "", "importbot_import", whatever, time.Now().Add(-time.Minute))
	}

	gone, cancel := context.WithCancel(w.ctx())
	cancel()
	if _, found, err := find(gone); found || !errors.Is(err, ErrUnavailable) {
		t.Errorf("before Slack said who it is: found %t, %v; want ErrUnavailable", found, err)
	}
	if err := w.bot.checkToken(w.ctx()); err != nil {
		t.Fatal(err)
	}
	if ts, found, err := find(w.ctx()); !found || ts != posted || err != nil {
		t.Errorf("afterwards: %q, %t, %v; want %q", ts, found, err, posted)
	}
}

func TestFind(t *testing.T) {
	w := posting(t, slacksim.WithoutLimits())
	begin := time.Now().Add(-time.Minute)
	post := func(thread, id, kind string) string {
		w.bot.limits = newLimits(longAgo())
		ts, _ := w.posts(Post{Channel: "C1", ThreadTS: thread, Message: Message{
			Text: kind, Metadata: &Metadata{EventType: "importbot_import", Payload: map[string]any{"id": id, "kind": kind}},
		}})
		return ts
	}
	card := post("", "i1", "card")
	for i := range 5 {
		w.sim.Say("U1", "C1", fmt.Sprint("chatter ", i), "")
	}
	finished := post(card, "i1", "finished")
	post("", "i2", "card")
	is := func(id, kind string) func(map[string]any) bool {
		return func(p map[string]any) bool { return p["id"] == id && p["kind"] == kind }
	}
	for name, tt := range map[string]struct {
		thread, id, kind, want string
		oldest                 time.Time
	}{
		"card":            {"", "i1", "card", card, begin},
		"in its thread":   {card, "i1", "finished", finished, begin},
		"not in another":  {card, "i2", "finished", "", begin},
		"no such":         {"", "i3", "card", "", begin},
		"before the time": {"", "i1", "card", "", time.Now().Add(time.Hour)},
	} {
		ts, found, err := w.bot.Find(w.ctx(), "C1", tt.thread, "importbot_import", is(tt.id, tt.kind), tt.oldest)
		if err != nil || ts != tt.want || found != (tt.want != "") {
			t.Errorf("%s: %q, %v, %v, want %q", name, ts, found, err, tt.want)
		}
	}
	w = posting(t, slacksim.WithScopes("commands", "chat:write"))
	if _, _, err := w.bot.Find(w.ctx(), "C1", "", "x", nil, begin); !errors.Is(err, ErrNoScope) {
		t.Errorf("without history scopes: %v, want ErrNoScope", err)
	}
}

func TestNoSecretInAnyError(t *testing.T) {
	for name, err := range map[string]error{
		"library": &APIError{Method: methodPost, kind: ErrUnavailable, cause: errors.New(`Post "https://x/?token=xoxb-1-abc": refused`)},
		"socket":  &APIError{Method: opens, kind: ErrUnavailable, cause: errors.New(`dial wss://x/link?ticket=abc-def&app=1: refused`)},
		"app":     &APIError{Method: opens, kind: ErrUnavailable, cause: errors.New(`bad header xapp-1-A1-abc`)},
	} {
		for _, secret := range []string{"abc", "def"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestRetryAfterIsReadWithCare(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"3": 3 * time.Second, " 1.5 ": 1500 * time.Millisecond, "0": defaultRetryAfter, "-4": defaultRetryAfter,
		"NaN": defaultRetryAfter, "Wed, 21 Oct 2026 07:28:00 GMT": defaultRetryAfter, "1e12": defaultRetryAfter,
	} {
		if got := parseRetryAfter(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}
