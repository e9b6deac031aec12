package slacksim

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kinds of envelope.
const (
	kindCommand     = "slash_commands"
	kindInteractive = "interactive"
	kindEvent       = "events_api"
)

// Why Slack tells a person that a command failed.
const (
	// OperationTimeout: no ack within 3 s.
	OperationTimeout = "operation_timeout"
	// DispatchFailed: the app holds no connection.
	DispatchFailed = "dispatch_failed"
	// InvalidResponse: Slack could not use what came with the ack.
	InvalidResponse = "invalid_command_response"
)

// FailedError is what a person sees of an app that did not react.
type FailedError struct {
	What string // e.g. "/import raw"
	Code string // e.g. [OperationTimeout]
}

func (e *FailedError) Error() string { return e.What + " failed with the error " + e.Code }

// Invocation is one thing that a person did and an app has to react to: a
// command, a button, a modal.
type Invocation struct {
	// TriggerID is what the app got for views.open, unique to this invocation.
	TriggerID string
	// ResponseURL is where the app may answer, empty for modals and events.
	ResponseURL string
	UserID      string
	ChannelID   string
	// What was done, in words: all that was typed, or what was pressed.
	What string
	// At is when, by the simulator's clock.
	At time.Time

	s       *Sim
	kind    string
	payload any
	accepts bool
	onAck   func(payload json.RawMessage) string // returns Slack's code for what is wrong with it
	done    chan struct{}

	// Under the simulator's lock.
	orphan     bool // waits for a connection
	deliveries []*delivery
	attempt    int
	isAcked    bool
	latency    time.Duration
	ackPayload json.RawMessage
	failure    string
	answers    []*Message
	original   *Message // what replace_original replaces
	timers     []func() bool
}

// Typed is a slash command as a person types it.
type Typed struct {
	UserID, ChannelID string
	Command           string // with its slash
	Text              string // what follows
	// TeamID makes it come from another workspace than the person's.
	TeamID string
}

// Command types a slash command and waits until the app acked it. A
// [FailedError] is what the person sees when it does not; the invocation is
// returned all the same.
func (s *Sim) Command(ctx context.Context, typed Typed) (*Invocation, error) {
	inv, err := s.Type(typed)
	if err != nil {
		return nil, err
	}
	return inv, inv.Wait(ctx)
}

// Type is Command without the waiting.
func (s *Sim) Type(typed Typed) (*Invocation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.place(typed.UserID, typed.ChannelID)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(typed.Command, "/") {
		return nil, fmt.Errorf("%q is no slash command: it begins with a slash", typed.Command)
	}
	if err := s.closedTo(c); err != nil {
		return nil, err
	}
	if !s.hasCommand(typed.Command) {
		return nil, fmt.Errorf("%s is no command here", typed.Command)
	}
	line := strings.TrimSpace(typed.Command + " " + typed.Text)
	inv := s.invoke(kindCommand, line, typed.UserID, c.id, true)
	inv.ResponseURL = s.newHook(inv, "commands")
	inv.onAck = inv.showAck
	inv.payload = reply{
		"token": "sim-verification", "team_id": s.teamOf(typed.UserID, typed.TeamID), "team_domain": s.TeamName,
		"channel_id": c.id, "channel_name": channelLabel(c), "user_id": typed.UserID, "user_name": s.userName(typed.UserID),
		"command": typed.Command, "text": strings.TrimSpace(typed.Text), "api_app_id": s.AppID,
		"is_enterprise_install": false, "response_url": inv.ResponseURL, "trigger_id": inv.TriggerID,
	}
	s.tell(Event{Kind: CommandTyped, User: typed.UserID, Channel: c.id, Text: line, Trigger: inv.TriggerID})
	s.start(inv)
	return inv, nil
}

// channelLabel is the name that payloads give to a channel.
func channelLabel(c *channel) string {
	switch {
	case c.dm != "":
		return "directmessage"
	case c.private:
		return "privategroup"
	}
	return c.name
}

// teamOf is the workspace that a person belongs to, unless another is named.
// s.mu is held.
func (s *Sim) teamOf(userID, other string) string {
	if u := s.users[userID]; other == "" && u != nil {
		other = u.team
	}
	return cmp.Or(other, s.TeamID)
}

// place finds where a person does something, and whether they can. s.mu is held.
func (s *Sim) place(userID, channelID string) (*channel, error) {
	c, u := s.channels[channelID], s.users[userID]
	switch {
	case u == nil:
		return nil, fmt.Errorf("there is no user %q; see AddUser", userID)
	case u.deleted:
		return nil, fmt.Errorf("%s can't do anything: the account is deactivated", userID)
	case c == nil:
		return nil, fmt.Errorf("there is no channel %q; see AddChannel", channelID)
	case !c.has(u):
		return nil, fmt.Errorf("%s is no member of %s", userID, channelID)
	case c.archived:
		return nil, fmt.Errorf("nobody can do anything in %s: it is archived", channelID)
	}
	return c, nil
}

// invoke makes an invocation. s.mu is held.
func (s *Sim) invoke(kind, what, userID, channelID string, accepts bool) *Invocation {
	inv := &Invocation{
		UserID: userID, ChannelID: channelID, s: s, kind: kind, What: what, accepts: accepts, done: make(chan struct{}),
	}
	inv.TriggerID = s.newTrigger(inv)
	return inv
}

// start sends an invocation on its way. s.mu is held.
func (s *Sim) start(inv *Invocation) {
	s.open = append(s.open, inv)
	s.retire()
	s.invoked = append(s.invoked, inv)
	inv.At = s.Now()
	if inv.kind == kindEvent {
		if !s.deliver(inv, false) {
			inv.retry()
		}
		return
	}
	if !s.dispatch(inv) {
		inv.fail(DispatchFailed)
		return
	}
	inv.after(s.cfg.ackDeadline, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		inv.fail(OperationTimeout)
	})
}

// after runs f later unless the invocation is over by then. s.mu is held.
func (inv *Invocation) after(d time.Duration, f func()) {
	inv.timers = append(inv.timers, inv.s.cfg.clock.AfterFunc(d, f))
}

func (inv *Invocation) stopTimers() {
	for _, stop := range inv.timers {
		stop()
	}
}

func (inv *Invocation) last() *delivery {
	if len(inv.deliveries) == 0 {
		return nil
	}
	return inv.deliveries[len(inv.deliveries)-1]
}

func (inv *Invocation) settled() bool { return inv.isAcked || inv.failure != "" }

// settle ends the waiting. s.mu is held.
func (inv *Invocation) settle() {
	s := inv.s
	s.open = slices.DeleteFunc(s.open, func(other *Invocation) bool { return other == inv })
	close(inv.done)
	s.touch()
}

// fail shows the person that nothing came. s.mu is held.
func (inv *Invocation) fail(code string) {
	if inv.settled() || inv.s.closing.Err() != nil {
		return
	}
	inv.failure = code
	inv.s.tell(Event{
		Kind: inv.failureKind(), User: inv.UserID, Channel: inv.ChannelID, Trigger: inv.TriggerID, Error: code,
		Text: fmt.Sprintf("%s failed with the error %q", inv.What, code),
	})
	inv.settle()
}

func (inv *Invocation) failureKind() EventKind {
	if inv.kind == kindCommand {
		return CommandFailed
	}
	return ActionFailed
}

// acked notes an ack and does what its payload says. s.mu is held.
func (s *Sim) acked(d *delivery, payload json.RawMessage) {
	inv := d.inv
	if inv.settled() { // late, or of an envelope that was sent again
		return
	}
	if isEmpty(payload) {
		payload = nil
	}
	inv.latency, inv.ackPayload = time.Since(d.sent), payload
	inv.stopTimers()
	if payload != nil && !inv.accepts {
		s.violate(BadAck, "%s accepts no payload in its ack: %.80s", inv.What, payload)
	}
	if inv.onAck != nil && inv.accepts {
		if code := inv.onAck(payload); code != "" {
			s.violate(BadAck, "the ack of %s: %s", inv.What, code)
			inv.fail(InvalidResponse)
			return
		}
	}
	inv.isAcked = true
	inv.settle()
}

// isEmpty reports whether there is nothing in an ack's payload.
func isEmpty(payload json.RawMessage) bool {
	switch strings.TrimSpace(string(payload)) {
	case "", "null", "{}", `""`:
		return true
	}
	return false
}

// retryReason is what an event that is sent again says why.
func (inv *Invocation) retryReason() string {
	if inv.attempt == 0 {
		return ""
	}
	return "timeout"
}

// retry plans the next delivery of an event, or gives it up. s.mu is held.
func (inv *Invocation) retry() {
	delays := inv.s.cfg.redeliveries
	if inv.settled() {
		return
	}
	if inv.attempt >= len(delays) {
		inv.fail(OperationTimeout)
		return
	}
	delay := delays[inv.attempt]
	inv.attempt++
	inv.after(delay, func() {
		inv.s.mu.Lock()
		defer inv.s.mu.Unlock()
		if !inv.settled() && inv.s.closing.Err() == nil && !inv.s.deliver(inv, false) {
			inv.retry()
		}
	})
}

// Wait returns when the app acked, with a [FailedError] when the person was
// told that it did not.
func (inv *Invocation) Wait(ctx context.Context) error {
	select {
	case <-inv.done:
	case <-ctx.Done():
		return fmt.Errorf("wait for the ack of %s: %w", inv.What, ctx.Err())
	case <-inv.s.closing.Done():
		return errClosed
	}
	if code := inv.Failure(); code != "" {
		return &FailedError{What: inv.What, Code: code}
	}
	return nil
}

// Done is closed when the app acked or the person was told that it did not.
func (inv *Invocation) Done() <-chan struct{} { return inv.done }

// Acked reports whether an ack came in time.
func (inv *Invocation) Acked() bool {
	inv.s.mu.Lock()
	defer inv.s.mu.Unlock()
	return inv.isAcked
}

// Failure is Slack's code for what the person was shown, empty where all went
// well so far.
func (inv *Invocation) Failure() string {
	inv.s.mu.Lock()
	defer inv.s.mu.Unlock()
	return inv.failure
}

// AckLatency is the time, on the real clock, from the envelope to its ack.
func (inv *Invocation) AckLatency() time.Duration {
	inv.s.mu.Lock()
	defer inv.s.mu.Unlock()
	return inv.latency
}

// AckPayload is what came with the ack, nil when nothing did.
func (inv *Invocation) AckPayload() json.RawMessage {
	inv.s.mu.Lock()
	defer inv.s.mu.Unlock()
	return slices.Clone(inv.ackPayload)
}

// Deliveries is how many envelopes it took.
func (inv *Invocation) Deliveries() int {
	inv.s.mu.Lock()
	defer inv.s.mu.Unlock()
	return len(inv.deliveries)
}

// Answers returns what the app answered, in the ack and by response_url, as it
// stands now: what was replaced is one answer with edits.
func (inv *Invocation) Answers() []Message {
	inv.s.mu.Lock()
	defer inv.s.mu.Unlock()
	var out []Message
	for _, m := range inv.answers {
		if !m.Deleted {
			out = append(out, m.copy())
		}
	}
	return out
}

// WaitAnswer returns the first answer that matches, waiting for it.
func (inv *Invocation) WaitAnswer(ctx context.Context, match func(Message) bool) (Message, error) {
	var found Message
	var seen []Message
	err := inv.s.Wait(ctx, func() bool {
		seen = inv.Answers()
		i := slices.IndexFunc(seen, match)
		if i >= 0 {
			found = seen[i]
		}
		return i >= 0
	})
	if err != nil {
		return Message{}, fmt.Errorf("wait for an answer to %s: %w; there are %s", inv.What, err, listMessages(seen))
	}
	return found, nil
}

// isShared tells whether people of other workspaces are in a channel. s.mu is held.
func (s *Sim) isShared(channelID string) bool {
	c := s.channels[channelID]
	return c != nil && c.shared
}

// SendEvent sends the app an event of the Events API, e.g.
// {"type": "app_mention", "channel": "C1", "user": "U1", "text": "…"}. One that is
// not acked is sent again after the delays of [WithRedeliveries]. One that the app's
// manifest does not ask for is not sent.
func (s *Sim) SendEvent(event map[string]any) *Invocation {
	s.mu.Lock()
	defer s.mu.Unlock()
	what, _ := event["type"].(string)
	userID, _ := event["user"].(string)
	channelID, _ := event["channel"].(string)
	inv := s.invoke(kindEvent, "the event "+what, userID, channelID, false)
	if !s.hears(what) {
		inv.settle()
		return inv
	}
	inv.payload = reply{
		"token": "sim-verification", "team_id": s.TeamID, "api_app_id": s.AppID, "type": "event_callback",
		"event": event, "event_id": s.id("Ev"), "event_time": s.Now().Unix(), "is_ext_shared_channel": s.isShared(channelID),
		"authorizations": []reply{{
			"enterprise_id": nil, "team_id": s.TeamID, "user_id": s.BotUserID, "is_bot": true, "is_enterprise_install": false,
		}},
	}
	s.start(inv)
	return inv
}
