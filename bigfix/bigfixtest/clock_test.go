package bigfixtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"importbot/bigfix/bigfixtest"
)

func TestClockStandsStill(t *testing.T) {
	c := bigfixtest.NewClock(midday)
	early, stopEarly := c.Until(midday.Add(time.Minute))
	late, stopLate := c.Until(midday.Add(time.Hour))
	defer stopEarly()
	if got := c.Waiters(); got != 2 {
		t.Errorf("%d wait, want 2", got)
	}
	c.Advance(time.Minute)
	<-early
	select {
	case <-late:
		t.Error("an hour passed in a minute")
	default:
	}
	stopLate()
	if got := c.Waiters(); got != 0 {
		t.Errorf("%d wait, want none", got)
	}
	if got := c.Now(); got != midday.Add(time.Minute) {
		t.Errorf("it is %s", got)
	}
	c.Set(midday)
	past, stop := c.Until(midday)
	defer stop()
	<-past
}

// A clock that runs reaches a time by itself, and sooner when it is moved.
func TestClockRuns(t *testing.T) {
	c := bigfixtest.FastClock(midday, 36000) // an hour in a tenth of a second
	reached, stop := c.Until(midday.Add(time.Hour))
	defer stop()
	<-reached
	if got := c.Now(); got.Before(midday.Add(time.Hour)) {
		t.Errorf("reached an hour at %s", got)
	}
	slow := bigfixtest.RealClock()
	reached, stop = slow.Until(slow.Now().Add(time.Hour))
	defer stop()
	slow.Advance(time.Hour)
	<-reached
}

func TestAwaitGivesUp(t *testing.T) {
	c := bigfixtest.NewClock(midday)
	ctx, cancel := context.WithCancel(patient(t))
	cancel()
	if err := c.Await(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	waited := make(chan error)
	go func() { waited <- c.Await(patient(t), 1) }()
	_, stop := c.Until(midday.Add(time.Hour))
	defer stop()
	if err := <-waited; err != nil {
		t.Error(err)
	}
}
