package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// Kind is what a person did.
type Kind string

const (
	Command    Kind = "command"    // typed a slash command
	Action     Kind = "action"     // pressed a button or chose from a menu
	Submission Kind = "submission" // sent a form
)

// Request is one thing that a person did, handed to the handler once. It may be
// answered for half an hour, also after the handler returned.
type Request struct {
	Kind Kind
	ID   string // Slack's trigger_id: the same when Slack sends it again, and good for opening a form within 3 s

	Command, Text string // of a Command: "/import", "raw prod"

	TeamID, UserID, UserName string
	ChannelID                string // empty for a Submission

	ActionID  string // of an Action: its action_id; of a Submission: the form's callback_id
	Value     string // of an Action: the button's value or the choice; of a Submission: its private_metadata
	MessageTS string // of an Action: the message that holds the button

	// Interaction is all that Slack sent of an Action or a Submission, nil for a Command.
	Interaction *slack.InteractionCallback

	bot         *Bot
	socket      *socket
	envelopeID  string
	inAck       bool // Slack shows words that travel in this ack
	responseURL string
	received    time.Time
	foreign     bool // of another workspace: nothing but its own response_url reaches the person

	ackState   atomic.Int32
	apologised atomic.Bool
	ackTimer   atomic.Pointer[time.Timer]

	turn     sync.Mutex // answers go out one after another
	mu       sync.Mutex // guards what follows
	inAckWas *Message   // the answer that travelled in the ack, while it is the only one
	answers  int
	uses     int       // of the response_url
	ackedAt  time.Time // with words
}

// newRequest reads an event of the library's; nil for one that no handler serves.
func newRequest(b *Bot, s *socket, event socketmode.Event) *Request {
	r := &Request{bot: b, socket: s, envelopeID: event.Request.EnvelopeID, received: b.now()}
	switch data := event.Data.(type) {
	case slack.SlashCommand:
		r.fromCommand(data)
		r.inAck = event.Request.AcceptsResponsePayload
	case slack.InteractionCallback:
		if !r.fromInteraction(&data) {
			return nil
		}
	default:
		return nil
	}
	if r.ID == "" {
		r.ID = r.envelopeID
	}
	return r
}

func (r *Request) fromCommand(c slack.SlashCommand) {
	r.Kind, r.ID = Command, c.TriggerID
	r.Command, r.Text = c.Command, c.Text
	r.TeamID, r.UserID, r.UserName, r.ChannelID = c.TeamID, c.UserID, c.UserName, c.ChannelID
	r.responseURL = c.ResponseURL
	r.foreign = !r.bot.isOwnTeam(c.TeamID, c.EnterpriseID, c.IsEnterpriseInstall)
}

func (r *Request) fromInteraction(c *slack.InteractionCallback) bool {
	r.ID, r.Interaction = c.TriggerID, c
	r.TeamID, r.UserID, r.UserName, r.ChannelID = c.Team.ID, c.User.ID, c.User.Name, c.Channel.ID
	r.responseURL = c.ResponseURL
	r.foreign = !r.bot.isOwnTeam(c.Team.ID, c.Enterprise.ID, c.IsEnterpriseInstall)
	switch {
	case c.Type == slack.InteractionTypeBlockActions && len(c.ActionCallback.BlockActions) > 0:
		action := c.ActionCallback.BlockActions[0]
		r.Kind, r.ActionID, r.Value = Action, action.ActionID, action.Value
		if r.Value == "" {
			r.Value = action.SelectedOption.Value
		}
		r.MessageTS = c.Container.MessageTs
		if r.ChannelID == "" {
			r.ChannelID = c.Container.ChannelID
		}
	case c.Type == slack.InteractionTypeViewSubmission:
		r.Kind, r.ActionID, r.Value = Submission, c.View.CallbackID, c.View.PrivateMetadata
	default:
		return false
	}
	return true
}

// isOwnTeam tells whether something came from this bot's workspace, or, for
// an app that is installed in a whole organisation, from that.
func (b *Bot) isOwnTeam(team, enterprise string, wholeEnterprise bool) bool {
	id := b.Identity()
	if team != "" && team == id.TeamID {
		return true
	}
	return wholeEnterprise && enterprise != "" && enterprise == id.EnterpriseID
}

// Ack tells Slack that the request has come, without words. A handler calls
// it before it asks somebody else. It never waits long and does nothing the second time.
func (r *Request) Ack() {
	if r.socket == nil || r.lapsed() || !r.claimAck() {
		return
	}
	defer r.bot.unacked.Add(-1) // once it is in the socket's queue
	if err := r.socket.ack(r.envelopeID, nil, sentAck{r.Kind, r.received}); err != nil {
		r.bot.log.WithError(err).WithField("connection", r.socket.link.number).Debug("An ack could not be sent; Slack may send the request again")
	}
}

// What became of the ack. Only the first change counts.
const (
	ackOpen int32 = iota
	ackClaimed
	ackLapsed // see ErrLapsed
)

func (r *Request) claimAck() bool {
	if !r.ackState.CompareAndSwap(ackOpen, ackClaimed) {
		return false
	}
	if timer := r.ackTimer.Load(); timer != nil {
		timer.Stop()
	}
	return true
}

// ErrLapsed: the request was not acked while Slack waited for that, because
// this process stood still. Slack has told the person of a failure and may have
// given the request to another process. Say nothing, by no other way either.
var ErrLapsed = errors.New("the request was not acked in time and is not ours any more")

// lapsed tells whether the time for an ack has passed without one, and ends the
// handler if so. Acks never stand in line, so that this happens to a process
// that was frozen, or starved.
func (r *Request) lapsed() bool {
	if isPast(r.received.Add(slackWaits), r.bot.now()) && r.ackState.CompareAndSwap(ackOpen, ackLapsed) {
		r.bot.unacked.Add(-1)
		r.bot.cfg.Observer.left(r, "late")
		r.bot.requestLog(r).Warn("Left a request alone that this process was too late for")
	}
	if r.ackState.Load() != ackLapsed {
		return false
	}
	r.bot.endHandler(r)
	return true
}

// ErrUnanswerable: neither the ack nor a response_url can carry words, because
// there is none, it is used up, or too old. Say it in a direct message.
var ErrUnanswerable = errors.New("the request can't be answered any more")

// Answer says something to the person alone. The first answer to a command
// travels in the ack while that is open; later ones replace the one before,
// up to five times in half an hour. The answer to an Action stands by itself and
// leaves the message that holds the button alone. A Submission has no place to answer in.
//
// Errors: ErrUnanswerable, ErrLapsed, ErrInvalid, ErrUnavailable, *RateLimitedError.
func (r *Request) Answer(ctx context.Context, m Message) error {
	m, err := fit(m)
	if err != nil {
		return err
	}
	if r.bot == nil {
		return ErrUnanswerable
	}
	r.turn.Lock()
	defer r.turn.Unlock()
	if r.lapsed() {
		return ErrLapsed
	}
	if r.answerInAck(m) {
		return nil
	}
	r.Ack()
	return r.respond(ctx, m)
}

// reply is an answer as Slack reads it, in an ack or by response_url.
type reply struct {
	ResponseType    string        `json:"response_type"`
	Text            string        `json:"text"`
	Blocks          []slack.Block `json:"blocks,omitempty"`
	ReplaceOriginal *bool         `json:"replace_original,omitempty"`
}

func newReply(m Message) reply {
	return reply{ResponseType: "ephemeral", Text: m.Text, Blocks: m.Blocks}
}

// answerInAck lets m travel in the ack; false when that is no longer or not possible.
func (r *Request) answerInAck(m Message) bool {
	if !r.inAck || r.ackState.Load() != ackOpen || r.lapsed() {
		return false
	}
	payload, err := json.Marshal(newReply(m))
	if err != nil || len(payload) > MaxAck-ackOverhead || !r.claimAck() {
		return false
	}
	defer r.bot.unacked.Add(-1)
	// Noted before it is sent: the socket may end between the two.
	r.noteInAck(&m, +1)
	r.socket.remember(r)
	if err := r.socket.ack(r.envelopeID, payload, sentAck{r.Kind, r.received}); err != nil {
		r.noteInAck(nil, -1)
		return false
	}
	return true
}

func (r *Request) noteInAck(m *Message, answers int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inAckWas, r.ackedAt = m, time.Now()
	r.answers += answers
}

// ackLead is the start that words in an ack get over those that replace them:
// the ack takes another way, and overtaken it would hide what is newer.
const ackLead = 250 * time.Millisecond

// respond says m by response_url.
func (r *Request) respond(ctx context.Context, m Message) error {
	if !pause(ctx, r.leadLeft()) {
		return fmt.Errorf("wait for the ack to arrive: %w", ctx.Err())
	}
	r.mu.Lock()
	usable := r.responseURL != "" && r.uses < maxResponseURL && !isPast(r.received.Add(30*time.Minute), r.bot.now())
	replace := r.Kind == Command && r.answers > 0
	if usable {
		r.uses++
	}
	r.mu.Unlock()
	if !usable {
		return ErrUnanswerable
	}
	answer := newReply(m)
	answer.ReplaceOriginal = &replace
	body, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if err := r.bot.respondTo(ctx, r.responseURL, body); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers++
	r.inAckWas = nil
	return nil
}

func (r *Request) leadLeft() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inAckWas == nil {
		return 0
	}
	return time.Until(r.ackedAt.Add(ackLead))
}

// repeat says again what was put into an ack that may not have got out. It
// replaces what the person sees, if they see it.
func (r *Request) repeat() {
	r.turn.Lock()
	defer r.turn.Unlock()
	m := r.answerOfAck()
	if m == nil {
		return
	}
	ctx, cancel := r.bot.owing()
	defer cancel()
	if err := r.respond(ctx, *m); err != nil {
		r.bot.log.WithError(err).Warn("An answer may have been lost with its connection")
	}
}

// answerOfAck is the answer that travelled in the ack, nil when there was none
// or another came after it.
func (r *Request) answerOfAck() *Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inAckWas
}

// answered tells whether the person got words.
func (r *Request) answered() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answers > 0
}

const methodRespond = "response_url"

// respondTo posts to a response_url. The address never shows in an error.
func (b *Bot) respondTo(ctx context.Context, url string, body []byte) error {
	ctx, trip := withTrip(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: its response_url is no address", ErrUnanswerable)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	begin := time.Now()
	err = b.respondOnce(req, trip)
	b.cfg.Observer.call(methodRespond, err, time.Since(begin))
	return err
}

func (b *Bot) respondOnce(req *http.Request, trip *trip) error {
	resp, err := b.http.Do(req)
	if err != nil {
		return classify(methodRespond, err, trip)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	return judgeResponse(resp.StatusCode, said, err, trip)
}

// judgeResponse reads the answer to an answer: "ok", {"ok":true}, or a word
// such as used_url, bare or in JSON.
func judgeResponse(status int, said []byte, err error, trip *trip) error {
	var verdict struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}
	code := strings.TrimSpace(string(said))
	if json.Unmarshal(said, &verdict) == nil {
		code = verdict.Error
	}
	switch {
	case status == http.StatusTooManyRequests || limitedWords[code]:
		return &RateLimitedError{Method: methodRespond, After: trip.retryAfter()}
	case status >= 500 || err != nil:
		return &APIError{Method: methodRespond, kind: ErrUnavailable, cause: fmt.Errorf("answered %d", status), taken: true}
	case status == http.StatusOK && (code == "ok" || code == ""):
		return nil
	case strings.HasSuffix(code, "_url") || status == http.StatusNotFound:
		return &APIError{Method: methodRespond, Code: word(code), kind: ErrUnanswerable}
	}
	return &APIError{Method: methodRespond, Code: word(code), kind: ErrInvalid, cause: fmt.Errorf("answered %d", status)}
}

// word is code if it looks like one of Slack's, and nothing if it is a page.
func word(code string) string {
	if len(code) > 60 || strings.ContainsAny(code, " <>\n") {
		return ""
	}
	return code
}
