package bot

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"importbot/internal/slacksim"
)

var errLost = errors.New("the lead is lost")

// door is a Web API over TLS that counts how far calls come.
type door struct {
	*httptest.Server
	connections, handshakes, served atomic.Int64
}

func newDoor(t *testing.T) *door {
	d := &door{}
	d.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			d.served.Add(1)
		}
		io.WriteString(w, `{"ok":true,"ts":"1.000001","channel":"C1"}`)
	}))
	d.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			d.connections.Add(1)
		}
	}
	d.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that end unused
	d.EnableHTTP2 = true                           // and is not spoken all the same
	d.StartTLS()
	t.Cleanup(d.Close)
	return d
}

func (d *door) bot(t *testing.T) *Bot {
	b, err := New(Config{BotToken: "xoxb-1", AppToken: "xapp-1", APIURL: d.URL + "/api/", Command: "/import"}, echo)
	if err != nil {
		t.Fatal(err)
	}
	b.limits = newLimits(longAgo())
	cfg := d.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	cfg.VerifyConnection = func(tls.ConnectionState) error { d.handshakes.Add(1); return nil }
	b.http.Transport.(tripper).TLSClientConfig = cfg
	t.Cleanup(b.http.CloseIdleConnections)
	return b
}

// post posts to a channel of its own, so that the limits are not in the way.
func (d *door) post(ctx context.Context, b *Bot, channel string) error {
	_, _, err := b.Post(ctx, Post{Channel: channel, Message: words("x")})
	return err
}

func TestFenceIsAskedWhenTheConnectionStands(t *testing.T) {
	d := newDoor(t)
	b := d.bot(t)
	var handshakes, served []int64
	ctx := WithFence(t.Context(), func() error {
		handshakes, served = append(handshakes, d.handshakes.Load()), append(served, d.served.Load())
		return nil
	})
	if err := d.post(ctx, b, "C1"); err != nil {
		t.Fatal(err)
	}
	if n := len(handshakes); n == 0 || handshakes[n-1] != 1 {
		t.Errorf("asked after %v handshakes, want the last time after one", handshakes)
	}
	if slices.Max(served) != 0 || d.served.Load() != 1 {
		t.Errorf("asked when %v calls were served, want before the first", served)
	}
}

// refusing refuses from the nth time on that it is asked.
func refusing(n int64) func() error {
	var asked atomic.Int64
	return func() error {
		if asked.Add(1) >= n {
			return errLost
		}
		return nil
	}
}

func TestFencedCallIsNeverServed(t *testing.T) {
	for name, times := range map[string]int64{"before there is a connection": 1, "when it stands": 2} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			b := d.bot(t)
			for i := range 5 {
				err := d.post(WithFence(t.Context(), refusing(times)), b, string(rune('A'+i)))
				if !errors.Is(err, ErrFenced) || !errors.Is(err, errLost) || MaybeTaken(err) || resultOf(err) != "fenced" {
					t.Fatalf("%v, MaybeTaken %v, %s; want fenced, and surely not taken", err, MaybeTaken(err), resultOf(err))
				}
			}
			if err := d.post(t.Context(), b, "Z"); err != nil {
				t.Error("afterwards:", err)
			}
			if n := d.served.Load(); n != 1 {
				t.Errorf("%d calls were served, want the last alone", n)
			}
		})
	}
}

// Not one byte of the call leaves, so that nothing can be made of it.
func TestFencedCallLeavesNoByte(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	came := make(chan []byte, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		all, _ := io.ReadAll(conn) // until the bot closes it
		came <- all
	}()
	b, err := New(Config{BotToken: "xoxb-1", AppToken: "xapp-1", APIURL: "http://" + listener.Addr().String() + "/api/", Command: "/import"}, echo)
	if err != nil {
		t.Fatal(err)
	}
	b.limits = newLimits(longAgo())
	if _, _, err := b.Post(WithFence(t.Context(), refusing(2)), Post{Channel: "C1", Message: words("x")}); !errors.Is(err, errLost) {
		t.Errorf("got %v", err)
	}
	if got := <-came; len(got) != 0 {
		t.Errorf("%d bytes left: %q", len(got), got)
	}
}

// Connections that are kept are not used up by calls that may not leave.
func TestKeptConnectionsOutliveFences(t *testing.T) {
	d := newDoor(t)
	b := d.bot(t)
	var together sync.WaitGroup
	gate := make(chan struct{})
	for i := range 4 {
		together.Go(func() {
			<-gate
			if err := d.post(t.Context(), b, string(rune('a'+i))); err != nil {
				t.Error(err)
			}
		})
	}
	close(gate)
	together.Wait()
	kept := d.connections.Load()
	if err := d.post(WithFence(t.Context(), refusing(1)), b, "A"); !errors.Is(err, ErrFenced) {
		t.Errorf("got %v", err)
	}
	if err := d.post(WithFence(t.Context(), refusing(2)), b, "B"); !errors.Is(err, ErrFenced) {
		t.Errorf("got %v", err)
	}
	for i := range 4 {
		if err := d.post(t.Context(), b, string(rune('m'+i))); err != nil {
			t.Error(err)
		}
	}
	if n := d.connections.Load(); n > kept+1 {
		t.Errorf("%d connections were made after %d, want one more at most", n-kept, kept)
	}
}

func TestFencesAddUp(t *testing.T) {
	calls := ""
	ctx := WithFence(t.Context(), func() error { calls += "o"; return nil })
	ctx = WithFence(ctx, func() error { calls += "i"; return errLost })
	if held := mayLeave(ctx); held == nil || !errors.Is(held.cause, errLost) || calls != "oi" {
		t.Errorf("got %v after %q", held, calls)
	}
	if held := mayLeave(t.Context()); held != nil {
		t.Errorf("without a fence: %v", held)
	}
}

// frozenContext is one whose deadline passed while no timer could fire.
type frozenContext struct {
	context.Context
	deadline atomic.Pointer[time.Time]
}

func (c *frozenContext) Deadline() (time.Time, bool) { return *c.deadline.Load(), true }

func (c *frozenContext) passes(deadline time.Time) { c.deadline.Store(&deadline) }

// A process that was frozen between having a connection and writing to it.
func TestNothingLeavesAfterItsDeadline(t *testing.T) {
	d := newDoor(t)
	b := d.bot(t)
	for name, call := range map[string]func(context.Context) error{
		"chat.postMessage": func(ctx context.Context) error { return d.post(ctx, b, "C1") },
		"auth.test":        b.checkToken,
		"response_url":     func(ctx context.Context) error { return b.respondTo(ctx, d.URL+"/commands/x", []byte(`{"text":"x"}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx := &frozenContext{Context: t.Context()}
			ctx.passes(time.Now().Add(time.Second))
			thaws := WithFence(ctx, func() error {
				ctx.passes(time.Now().Add(-time.Millisecond)) // noticed the next time
				return nil
			})
			if err := call(thaws); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnavailable) || MaybeTaken(err) {
				t.Errorf("%v, MaybeTaken %v; want its deadline exceeded, and surely not taken", err, MaybeTaken(err))
			}
			if n := d.served.Load(); n != 0 {
				t.Errorf("%d calls were served", n)
			}
		})
	}
}

// Against Slack as the other tests know it: a fenced post is in no journal.
func TestFencedPostIsInNoJournal(t *testing.T) {
	w := posting(t)
	_, _, err := w.bot.Post(WithFence(w.ctx(), refusing(2)), Post{Channel: "C1", Message: words("x")})
	if !errors.Is(err, ErrFenced) || len(w.sim.Calls(methodPost)) != 0 {
		t.Errorf("%v, %d calls", err, len(w.sim.Calls(methodPost)))
	}
	w = posting(t, slacksim.WithoutLimits())
	if _, _, err := w.bot.Post(WithFence(w.ctx(), func() error { return nil }), Post{Channel: "C1", Message: words("x")}); err != nil {
		t.Error(err)
	}
}
