package handlers

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"importbot/bot"
	"importbot/imports"
	"importbot/internal/slacksim"
)

// TestNothingLeavesWithoutTheLead makes every call that the publisher makes with the real bot, while this process leads
// and when it does not any more.
func TestNothingLeavesWithoutTheLead(t *testing.T) {
	t.Parallel()
	sim := slacksim.New()
	defer sim.Close()
	sim.AddChannel("C0PROD", "prod")
	sim.AddUser("U0ANA", "ana")
	b, err := bot.New(bot.Config{BotToken: sim.BotToken, AppToken: sim.AppToken, APIURL: sim.APIURL(), Command: "/import", Connections: 1, Log: quiet()},
		func(context.Context, *bot.Request) error { return nil })
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	select {
	case <-b.Ready():
	case <-ctx.Done():
		t.Fatal("the bot is not ready")
	}

	var lost atomic.Bool
	slack := underLead{b, imports.Lead{Held: func() error {
		if lost.Load() {
			return fmt.Errorf("%w: this one stood still", imports.ErrNotLeader)
		}
		return nil
	}}}
	message := simple(now, func(pen) []string { return []string{"words"} })
	message.Metadata = &bot.Metadata{EventType: eventType, Payload: map[string]any{"id": "", "kind": kindAway}}
	none := func(map[string]any) bool { return false }
	var ts string
	calls := map[string]func() error{
		"post": func() error {
			posted, _, err := slack.Post(ctx, bot.Post{Channel: "C0PROD", Message: message})
			if err == nil {
				ts = posted
			}
			return err
		},
		"direct message": func() error {
			_, _, err := slack.Post(ctx, bot.Post{Channel: "U0ANA", Message: message})
			return err
		},
		"edit": func() error { return slack.Update(ctx, "C0PROD", ts, message) },
		"find": func() error {
			_, _, err := slack.Find(ctx, "C0PROD", "", eventType, none, time.Time{})
			return err
		},
	}
	for name, call := range calls {
		if name == "edit" {
			continue // there is nothing to edit yet, and the first edits have to wait
		}
		if err := whenever(ctx, call); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	before := len(sim.Journal())
	lost.Store(true)
	for name, call := range calls {
		err := whenever(ctx, call)
		if !errors.Is(err, imports.ErrNotLeader) || bot.MaybeTaken(err) {
			t.Errorf("%s: %v; want it refused for want of the lead, and surely not taken", name, err)
		}
	}
	for _, c := range sim.Journal()[before:] {
		if c.Method != "auth.test" && c.Method != "apps.connections.open" {
			t.Errorf("%s left all the same", c.Method)
		}
	}
}

// whenever calls as soon as the bot's own limits let it.
func whenever(ctx context.Context, call func() error) error {
	for {
		err := call()
		limited := (*bot.RateLimitedError)(nil)
		if !errors.As(err, &limited) {
			return err
		}
		timer := time.NewTimer(limited.After)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TestRunEndsWithTheLead: whoever leads no more stops, and says why; also where it is an announcement that finds out.
func TestRunEndsWithTheLead(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"before it begins", "at a wake-up", "at an announcement"} {
		t.Run(how, func(t *testing.T) {
			s := newStage(t)
			var lost atomic.Bool
			lost.Store(how == "before it begins")
			lead := imports.Lead{Epoch: s.epoch, Held: func() error {
				if lost.Load() {
					return errors.New("this one stood still")
				}
				return nil
			}}
			signal := new(imports.Signal)
			p, err := NewPublisher(PublisherConfig{
				Servers: s.servers, Store: s.store, Board: s.board, Slack: seat{s.slack, lead}, Signal: signal, Log: quiet(),
			})
			must(t, err)
			ended := make(chan error, 1)
			go func() { ended <- p.Run(t.Context(), lead) }()
			lost.Store(true)
			switch how {
			case "at a wake-up":
				signal.Wake()
			case "at an announcement":
				if err := p.Announce(t.Context(), started(imports.Accepted)); !errors.Is(err, imports.ErrNotLeader) {
					t.Errorf("Announce() = %v; want ErrNotLeader", err)
				}
			}
			if err := <-ended; !errors.Is(err, imports.ErrNotLeader) {
				t.Errorf("Run() = %v; want ErrNotLeader", err)
			}
		})
	}
}
