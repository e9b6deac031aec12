package bot

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"importbot/internal/slacksim"
)

// memory is a network within a test's bubble (testing/synctest), whose clock moves
// on when nobody has anything to do: a minute there takes no time, and no
// load on the machine makes anything late.
type memory struct {
	calls  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

func newMemory() *memory { return &memory{calls: make(chan net.Conn), closed: make(chan struct{})} }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case conn := <-m.calls:
		return conn, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error {
	m.close.Do(func() { close(m.closed) })
	return nil
}

func (m *memory) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case m.calls <- far:
		return near, nil
	case <-m.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// moved makes a bot and a Slack that talk over such a network, with the times
// and the bounds that hold in life. It is called within a bubble.
func moved(t *testing.T, handler Handler, change func(*Config), options ...slacksim.Option) *world {
	t.Helper()
	network := newMemory()
	w := newWorld(t, handler, func(c *Config) {
		c.Stagger, c.BackoffMin = 0, 0
		if change != nil {
			change(c)
		}
	}, append(options, slacksim.WithListener(network))...)
	w.patience = 10 * time.Minute
	w.bot.dial = network.dial
	w.bot.http.Transport.(tripper).DialContext = gated(network.dial)
	w.bot.gate = newGate(w.bot.cfg.Stagger)
	return w
}

// startMoved is start in a bubble.
func startMoved(t *testing.T, handler Handler, change func(*Config), options ...slacksim.Option) *world {
	t.Helper()
	w := moved(t, handler, change, options...)
	w.run()
	w.wait("readiness", func() bool {
		return w.sim.Ready() == w.bot.cfg.Connections && len(problems(w.bot.Health(), time.Now())) == 0
	})
	return w
}

// waits lets so much time pass.
func (w *world) waits(d time.Duration) {
	w.t.Helper()
	begin := time.Now()
	w.wait(d.String()+" to pass", func() bool { return time.Since(begin) >= d })
}

// within waits, and fails the test where that took longer than d.
func (w *world) within(d time.Duration, what string, done func() bool) {
	w.t.Helper()
	begin := time.Now()
	w.wait(what, done)
	if took := time.Since(begin); took > d {
		w.t.Errorf("waited %s for %s, want %s at most", took, what, d)
	}
}
