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
	"time"

	"github.com/slack-go/slack"
)

// ErrUnanswerable: neither the ack nor a response_url can carry words, because
// there is none (a Submission, a Home, an Action in a view), it is used up, or too
// old. Say it in a direct message, or publish the Home tab again.
var ErrUnanswerable = errors.New("the request can't be answered any more")

// Answer says something to the person alone. The first answer to a command
// travels in the ack while that is open; later ones replace the one before,
// up to five times in half an hour. The answer to an Action stands by itself and
// leaves the message that holds the button alone; see Replace.
//
// Errors: ErrUnanswerable, ErrLapsed, ErrInvalid, ErrUnavailable,
// *RateLimitedError. What travels in the ack fails silently where Slack refuses
// its blocks; see AnswerOutside.
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
	return r.respond(ctx, r.later(m))
}

// AnswerOutside is Answer by response_url, never in the ack: only there does
// Slack tell that it refuses the blocks, with ErrInvalid. It acks first.
func (r *Request) AnswerOutside(ctx context.Context, m Message) error {
	return r.outside(ctx, m, r.later)
}

// Replace puts m in place of the message that holds the pressed button, be it
// one for all or one that only the person sees; of a command, in place of the
// last answer. It acks first. Errors are as Answer's.
func (r *Request) Replace(ctx context.Context, m Message) error {
	return r.outside(ctx, m, inPlace)
}

// outside acks and says m by response_url, in the form that as gives it.
func (r *Request) outside(ctx context.Context, m Message, as func(Message) reply) error {
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
	r.Ack()
	return r.respond(ctx, as(m))
}

// reply is an answer as Slack reads it, in an ack or by response_url.
type reply struct {
	ResponseType    string        `json:"response_type,omitempty"`
	Text            string        `json:"text"`
	Blocks          []slack.Block `json:"blocks,omitempty"`
	ReplaceOriginal *bool         `json:"replace_original,omitempty"`
}

func newReply(m Message) reply {
	return reply{ResponseType: "ephemeral", Text: m.Text, Blocks: m.Blocks}
}

// later is m as an answer by response_url: a command's replaces the one before.
func (r *Request) later(m Message) reply {
	answer := newReply(m)
	answer.ReplaceOriginal = new(r.Kind == Command && r.answered())
	return answer
}

// inPlace is m in place of what the response_url belongs to. Who sees that does
// not change, so nothing is said of it.
func inPlace(m Message) reply {
	return reply{Text: m.Text, Blocks: m.Blocks, ReplaceOriginal: new(true)}
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

// respond says something by response_url.
func (r *Request) respond(ctx context.Context, answer reply) error {
	if !pause(ctx, r.leadLeft()) {
		return fmt.Errorf("wait for the ack to arrive: %w", ctx.Err())
	}
	r.mu.Lock()
	usable := r.responseURL != "" && r.uses < maxResponseURL && !isPast(r.received.Add(30*time.Minute), r.bot.now())
	if usable {
		r.uses++
	}
	r.mu.Unlock()
	if !usable {
		return ErrUnanswerable
	}
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
	if err := r.respond(ctx, r.later(*m)); err != nil {
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
	case strings.HasPrefix(code, "invalid_blocks"):
		return &APIError{Method: methodRespond, Code: word(code), kind: ErrInvalid}
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
