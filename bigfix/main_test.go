package bigfix_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// midday is when the stories of these tests begin: nothing is due for hours.
var midday = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// newServer starts a server at midday whose clock stands still.
func newServer(t *testing.T, opts ...bigfixtest.Option) *bigfixtest.Server {
	t.Helper()
	opts = append([]bigfixtest.Option{bigfixtest.WithClock(bigfixtest.NewClock(midday))}, opts...)
	srv := bigfixtest.NewServer(opts...)
	t.Cleanup(srv.Close)
	return srv
}

func newClient(t *testing.T, cfg bigfix.Config) *bigfix.Client {
	t.Helper()
	c, err := bigfix.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// asError is err as the type that every method promises.
func asError(t *testing.T, err error) *bigfix.Error {
	t.Helper()
	var e *bigfix.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %T (%v), want *bigfix.Error", err, err)
	}
	return e
}

func mustStatus(t *testing.T, c *bigfix.Client) bigfix.Status {
	t.Helper()
	s, err := c.Status(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
