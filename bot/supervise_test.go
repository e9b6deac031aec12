package bot

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// scheduled runs the supervisors of n connections against open, on a moved
// clock, and returns when they asked for a socket.
func scheduled(t *testing.T, n int, d time.Duration, open func(context.Context, *Bot, *link) (time.Duration, error)) []time.Duration {
	t.Helper()
	b, err := New(Config{BotToken: "xoxb-1", AppToken: "xapp-1", Command: "/import", Connections: n}, func(context.Context, *Request) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	var asked []time.Duration
	calls := make(chan time.Duration, 100_000)
	begin := time.Now()
	b.open = func(ctx context.Context, l *link) (time.Duration, error) {
		calls <- time.Since(begin)
		return open(ctx, b, l)
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	for i, l := range b.links {
		go b.supervise(ctx, l, time.Duration(i)*b.cfg.Stagger)
	}
	<-ctx.Done()
	synctest.Wait()
	close(calls)
	for at := range calls {
		asked = append(asked, at)
	}
	return asked
}

func within(asked []time.Duration, d time.Duration) (n int) {
	for _, at := range asked {
		if at < d {
			n++
		}
	}
	return n
}

// The bound that matters: whatever Slack does, and however many connections
// are held, at most 30 opens in the first minute, and no minute is worse.
func TestNoStormWhateverSlackDoes(t *testing.T) {
	hello := func(_ context.Context, b *Bot, l *link) { b.gate.greeted(l) }
	for name, open := range map[string]func(context.Context, *Bot, *link) (time.Duration, error){
		"disconnect straight after hello": func(ctx context.Context, b *Bot, l *link) (time.Duration, error) {
			hello(ctx, b, l)
			return time.Millisecond, errDisconnected
		},
		"refused": func(context.Context, *Bot, *link) (time.Duration, error) {
			return 0, &APIError{Method: methodOpen, kind: ErrUnavailable}
		},
		"disconnect a second after hello": func(ctx context.Context, b *Bot, l *link) (time.Duration, error) {
			hello(ctx, b, l)
			pause(ctx, time.Second)
			return time.Second, errDisconnected
		},
	} {
		for _, connections := range []int{1, 2, 10} {
			t.Run(fmt.Sprintf("%s, %d connections", name, connections), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					asked := scheduled(t, connections, 10*time.Minute, open)
					for i, from := range asked {
						if n := within(asked[i:], from+time.Minute); n > 30 {
							t.Fatalf("%d opens in the minute after %s", n, from)
						}
					}
					if n := within(asked, time.Minute); n < 4 {
						t.Errorf("only %d opens in the first minute: too shy", n)
					}
				})
			})
		}
	}
}

func TestConnectionThatLastedIsReplacedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := scheduled(t, 1, 3*time.Hour+time.Second, func(ctx context.Context, b *Bot, l *link) (time.Duration, error) {
			b.gate.greeted(l)
			pause(ctx, time.Hour)
			return time.Hour, errDisconnected
		})
		if len(asked) != 4 || asked[3] != 3*time.Hour {
			t.Errorf("opened at %v, want on the hour", asked)
		}
	})
}

func TestConnectionsStayApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Slack cuts both at the same moment, again and again.
		asked := scheduled(t, 2, 10*time.Minute, func(ctx context.Context, b *Bot, l *link) (time.Duration, error) {
			b.gate.greeted(l)
			left := 2*time.Minute - time.Duration(time.Now().UnixNano())%(2*time.Minute)
			pause(ctx, left)
			return left, errDisconnected
		})
		for i := 1; i < len(asked); i += 2 {
			if apart := asked[i] - asked[i-1]; apart < 5*time.Second {
				t.Errorf("opened %s apart at %s, want 5s", apart, asked[i])
			}
		}
	})
}

func TestRetryAfterHoldsForAllConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		asked := scheduled(t, 3, 2*time.Minute, func(ctx context.Context, b *Bot, l *link) (time.Duration, error) {
			if first {
				first = false
				return 0, &RateLimitedError{Method: methodOpen, After: 50 * time.Second}
			}
			b.gate.greeted(l)
			<-ctx.Done()
			return 0, nil
		})
		if n := within(asked, 50*time.Second); n != 1 {
			t.Errorf("%d opens while Slack wanted none: %v", n, asked)
		}
		if len(asked) != 4 {
			t.Errorf("opened at %v, want all three connections up in the end", asked)
		}
	})
}

// However many connections there are, they try a refused token together once in
// ten seconds, and notice at once when one of them got through.
func TestRefusedAppTokenIsTriedGently(t *testing.T) {
	for _, connections := range []int{1, 2, 10} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			asked := scheduled(t, connections, 10*time.Minute, func(ctx context.Context, b *Bot, l *link) (time.Duration, error) {
				at := time.Since(begin)
				switch {
				case at < time.Minute: // works
				case at < 4*time.Minute:
					return 0, newFatal(VarAppToken, "token_revoked", "")
				}
				b.accept(&b.appToken, func(string, *FatalError) bool { return true })
				b.gate.greeted(l)
				if at < time.Minute {
					pause(ctx, time.Minute-at+time.Duration(l.number)*time.Second)
					return time.Minute, errDisconnected
				}
				<-ctx.Done()
				return 0, nil
			})
			refused := within(asked, 4*time.Minute) - within(asked, time.Minute)
			if most := 3*6 + connections; refused > most || refused < 3*6-2 {
				t.Errorf("%d connections tried a refused token %d times in three minutes, want up to %d", connections, refused, most)
			}
			back := within(asked, 4*time.Minute+15*time.Second) - within(asked, 4*time.Minute)
			if want := min(connections, 2); back < want {
				t.Errorf("%d of %d connections were asked for in the 15 s after the token was taken again", back, connections)
			}
		})
	}
}

func TestBackoffDoublesToItsLimit(t *testing.T) {
	b := &Bot{cfg: Config{BackoffMin: time.Second, BackoffMax: 30 * time.Second}}
	for failures, longest := range []time.Duration{0, 1, 2, 4, 8, 16, 30, 30} {
		longest *= time.Second
		for range 100 {
			if got := b.backoff(failures); got > longest || got < longest/2 {
				t.Fatalf("after %d failures %s, want %s to %s", failures, got, longest/2, longest)
			}
		}
	}
	if got := b.backoff(1000); got > 30*time.Second {
		t.Errorf("after 1000 failures %s", got)
	}
}

func TestFatalErrorsNameTheVariableAndWhatToDo(t *testing.T) {
	for _, tt := range []struct{ variable, code string }{
		{VarBotToken, "token_revoked"}, {VarBotToken, "missing_scope"}, {VarBotToken, "token_expired"},
		{VarAppToken, "not_allowed_token_type"}, {VarAppToken, "missing_scope"},
	} {
		err := error(newFatal(tt.variable, tt.code, "chat:write"))
		var fatal *FatalError
		if !errors.As(err, &fatal) || fatal.Variable != tt.variable || len(fatal.Advice) < 40 {
			t.Errorf("%s %s: %v", tt.variable, tt.code, err)
		}
	}
}
