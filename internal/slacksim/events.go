package slacksim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// EventKind is a kind of [Event].
type EventKind string

// What a person in the workspace can see happen.
const (
	MessagePosted   EventKind = "message"
	MessageEdited   EventKind = "edit"
	MessageDeleted  EventKind = "delete"
	EphemeralShown  EventKind = "ephemeral"
	EphemeralEdited EventKind = "ephemeral_edit"
	// CommandTyped is a person typing a slash command: Text has all of it. Nobody
	// else sees it.
	CommandTyped EventKind = "command"
	// CommandFailed is Slack itself telling the person that a command went wrong,
	// in Text, with Slack's code for it in Error.
	CommandFailed EventKind = "command_failed"
	// ActionPressed is a person using a button or menu: Text has what it says.
	ActionPressed EventKind = "action"
	// ActionFailed is the warning sign that Slack puts beside it.
	ActionFailed  EventKind = "action_failed"
	ViewOpened    EventKind = "view"
	ViewUpdated   EventKind = "view_update"
	ViewSubmitted EventKind = "view_submit"
	ViewRefused   EventKind = "view_errors" // the app found faults in what was entered
	ViewClosed    EventKind = "view_close"
	ViewFailed    EventKind = "view_failed"
	HomePublished EventKind = "home"
)

// Event is one thing that a person in the workspace sees happen.
type Event struct {
	Seq  int // from 1, without gaps
	Time time.Time
	Kind EventKind
	// User is who did it, or whose screen it happens on.
	User    string
	Channel string
	Text    string
	Error   string
	Trigger string // of the invocation it belongs to
	Message Message
	Before  *Message // the message before an edit
	View    *View
}

// tell records what was seen and wakes who waits. s.mu is held.
func (s *Sim) tell(e Event) {
	e.Seq, e.Time = s.seq()+1, s.Now()
	if e.Channel == "" {
		e.Channel = e.Message.Channel
	}
	if e.Trigger == "" {
		e.Trigger = e.Message.Trigger
	}
	n := s.forgets(len(s.story) + 1)
	s.story, s.forgotten = append(without(s.story, n), e), s.forgotten+n
	s.touch()
}

// Events returns all that was seen so far, as far as it is remembered.
func (s *Sim) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.story)
}

// EventsAfter returns what was seen after the event with that Seq.
func (s *Sim) EventsAfter(seq int) []Event {
	events, _ := s.eventsAfter(seq)
	return slices.Clone(events)
}

// Seq is that of the newest event, 0 where nothing was seen yet.
func (s *Sim) Seq() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seq()
}

// seq is Seq for who holds s.mu.
func (s *Sim) seq() int { return s.forgotten + len(s.story) }

// Forgotten is the Seq of the newest event that is not remembered any more, 0
// where all are; see [WithRetention].
func (s *Sim) Forgotten() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forgotten
}

// Subscribe returns what is seen from now on, in order, without loss and
// however slowly it is read. The channel is closed when ctx ends or the
// simulator is closed, once everything until then was delivered or ctx ended,
// and where it is read so slowly that what comes next is forgotten.
func (s *Sim) Subscribe(ctx context.Context) <-chan Event {
	return s.SubscribeAfter(ctx, s.Seq())
}

// SubscribeAfter is Subscribe from after the event with that Seq: 0 for all
// that are remembered.
func (s *Sim) SubscribeAfter(ctx context.Context, seq int) <-chan Event {
	out := make(chan Event)
	if !s.enter() {
		close(out)
		return out
	}
	seq = max(seq, s.Forgotten())
	go func() {
		defer s.running.Done()
		defer close(out)
		for {
			events, changed := s.eventsAfter(seq)
			if len(events) > 0 && events[0].Seq > seq+1 {
				return
			}
			for _, e := range events {
				select {
				case out <- e:
					seq = e.Seq
				case <-ctx.Done():
					return
				case <-s.closing.Done():
					return
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			case <-s.closing.Done():
				return
			}
		}
	}()
	return out
}

func (s *Sim) eventsAfter(seq int) ([]Event, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.story[min(max(seq-s.forgotten, 0), len(s.story)):], s.changed
}

// errClosed is why a wait ends when the simulator does.
var errClosed = errors.New("the simulated Slack was closed")

// Wait returns once done says so. It is asked again after every change.
func (s *Sim) Wait(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing.Done():
			return errClosed
		}
	}
}

// WaitMessage returns the first message, oldest first and ephemeral ones
// included, that matches: one that is there, or the first that comes or is
// edited until it does. The error lists what there was instead.
func (s *Sim) WaitMessage(ctx context.Context, match func(Message) bool) (Message, error) {
	seen := s.Seq()
	there := s.messages("", func(m *Message) bool { return !m.Deleted })
	if i := slices.IndexFunc(there, match); i >= 0 {
		return there[i], nil
	}
	e, err := s.WaitEvent(ctx, seen, func(e Event) bool { return e.showsMessage() && match(e.Message) })
	if err != nil {
		there = s.messages("", func(m *Message) bool { return !m.Deleted })
		return Message{}, fmt.Errorf("wait for a message: %w; there are %s", err, listMessages(there))
	}
	return e.Message, nil
}

// showsMessage reports whether a message is new or changed.
func (e Event) showsMessage() bool {
	switch e.Kind {
	case MessagePosted, MessageEdited, EphemeralShown, EphemeralEdited:
		return true
	}
	return false
}

// WaitEvent returns the first event after seq that matches.
func (s *Sim) WaitEvent(ctx context.Context, seq int, match func(Event) bool) (Event, error) {
	var found Event
	err := s.Wait(ctx, func() bool {
		events, _ := s.eventsAfter(seq)
		for _, e := range events {
			seq = e.Seq
			if match(e) {
				found = e
				return true
			}
		}
		return false
	})
	return found, err
}

func listMessages(messages []Message) string {
	if len(messages) == 0 {
		return "none"
	}
	var lines string
	for _, m := range messages[max(0, len(messages)-20):] {
		who := "all"
		if m.Ephemeral() {
			who = m.For
		}
		lines += fmt.Sprintf("\n\t%s %s (to %s, thread %q): %.200q", m.Channel, m.TS, who, m.ThreadTS, m.Text)
	}
	return lines
}

// blockStrings returns every text in blocks, in order.
func blockStrings(blocks json.RawMessage) []string {
	if len(blocks) == 0 {
		return nil
	}
	var tree any
	if json.Unmarshal(blocks, &tree) != nil {
		return nil
	}
	return treeStrings(tree)
}

func treeStrings(node any) (out []string) {
	switch node := node.(type) {
	case []any:
		for _, item := range node {
			out = append(out, treeStrings(item)...)
		}
	case map[string]any:
		if text, ok := node["text"].(string); ok {
			out = append(out, text)
		}
		for _, key := range []string{"text", "fields", "elements", "accessory", "title", "rows", "label", "hint", "options", "blocks"} {
			switch node[key].(type) {
			case []any, map[string]any:
				out = append(out, treeStrings(node[key])...)
			}
		}
	}
	return out
}
