package bot

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/slack-go/slack/socketmode"
)

// receive is the one place that envelopes come to. Each is acked: here, by
// its handler's answer, or by a timer. It never blocks on a handler.
func (b *Bot) receive(s *socket, event socketmode.Event) {
	if event.Request == nil || event.Request.EnvelopeID == "" {
		return
	}
	r := newRequest(b, s, event)
	if b.pulse.look() != s.breaks {
		b.leaveOld(s, r)
		return
	}
	if r == nil {
		b.log.WithField("type", event.Type).Debug("Nothing here serves this kind of envelope")
		_ = s.ack(event.Request.EnvelopeID, nil, sentAck{})
		return
	}
	b.unacked.Add(1) // before draining is asked about: who stops waits for this one, or it is left alone
	stopping := b.draining.Load()
	if stopping && !b.alone() {
		b.unacked.Add(-1)
		b.cfg.Observer.left(r, "stopping")
		b.requestLog(r).Info("Left a request to another process")
		return
	}
	if earlier, first := b.seen.first(r, r.received); !first {
		b.cfg.Observer.repeated(r.Kind)
		b.again(r, earlier)
		b.unacked.Add(-1)
		return
	}
	if why, words := b.refusal(r, stopping); words != "" {
		b.turnAway(r, why, words)
		return
	}
	if r.Kind == Home { // which has no answer that the ack could carry
		r.Ack()
	} else {
		r.ackTimer.Store(time.AfterFunc(b.cfg.AckWithin, r.Ack))
	}
	switch b.handlers.submit(func() { b.serve(r) }) {
	case queued:
		r.Ack() // who stands in line has no time for the ack
	case refused:
		b.turnAway(r, "busy", wordsBusy)
	}
}

// leaveOld leaves alone what came on a socket from before a standstill: it may
// have lain there for long. Unacked, it is not lost: Slack has told the person,
// or gives it to another connection. r is nil for what nobody serves.
func (b *Bot) leaveOld(s *socket, r *Request) {
	s.cancel(errFrozen) // it has been told already; a socket that hears and does nothing must not stay
	if r != nil {
		b.cfg.Observer.left(r, "late")
		b.requestLog(r).Warn("Left a request alone that came while this process stood still")
	}
}

// again acks what Slack sends a second time and does nothing else. If the
// answer travelled in the first ack, it travels in this one too: Slack would not
// have sent the request again if it had got that.
func (b *Bot) again(r, earlier *Request) {
	var payload json.RawMessage
	if earlier != nil {
		b.chores.submit(earlier.Ack) // on its own connection, which may be stuck
		if m := earlier.answerOfAck(); m != nil {
			payload, _ = json.Marshal(newReply(*m)) // it was marshalled before
		}
	}
	b.log.WithField("kind", r.Kind).Debug("Slack sent a request again")
	_ = r.socket.ack(r.envelopeID, payload, sentAck{r.Kind, r.received})
}

// refusal says why a request is not for the handler, in a word for Observer and
// in words for the person; nothing when it is.
func (b *Bot) refusal(r *Request, stopping bool) (why, words string) {
	switch {
	case stopping:
		return "stopping", wordsStopping
	case b.identity.Load() == nil:
		return "starting", wordsStarting
	case r.Foreign && !b.serves(r.UserID):
		return "team", wordsOtherTeam
	case r.Kind == Command && r.Command != b.cfg.Command:
		return "command", fmt.Sprintf(wordsOtherCmd, b.cfg.Command, Escape(strings.ReplaceAll(r.Command, "`", "")))
	}
	return "", ""
}

// serves tells whether somebody of another workspace is handed on all the same.
func (b *Bot) serves(userID string) bool { return b.cfg.Serves != nil && b.cfg.Serves(userID) }

// turnAway answers in the ack, or acks and leaves the words to the chores. Who
// opened a Home tab asked for nothing and is told nothing.
func (b *Bot) turnAway(r *Request, why, words string) {
	b.cfg.Observer.refused(r, why)
	if r.Kind == Home {
		b.requestLog(r).WithField("why", why).Info("Left a Home tab as it is")
		r.Ack()
		return
	}
	b.requestLog(r).WithField("said", words).Warn("Refused a request")
	m, err := fit(Message{Text: words})
	if err == nil && r.answerInAck(m) {
		return
	}
	r.Ack()
	b.owe(r, words)
}

// owe lets words be said off the connections' path.
func (b *Bot) owe(r *Request, words string) {
	if b.chores.submit(func() { b.tell(r, words) }) == refused {
		b.requestLog(r).Error("Too many people wait for an answer; one of them got none")
	}
}

// owing is the context of words that the bot owes somebody: they are said even
// while it stops.
func (b *Bot) owing() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(b.work), 2*b.cfg.HTTPTimeout)
}

// tell says words to the person: as an answer, or else as a direct message. Who
// opened a Home tab waits for none.
func (b *Bot) tell(r *Request, words string) {
	if r.Kind == Home {
		return
	}
	ctx, cancel := b.owing()
	defer cancel()
	err := r.Answer(ctx, Message{Text: words})
	if errors.Is(err, ErrLapsed) {
		return // somebody else has the word
	}
	if err != nil && !r.Foreign && r.UserID != "" {
		_, _, err = b.Post(ctx, Post{Channel: r.UserID, Message: Message{Text: words}})
	}
	if err != nil {
		b.requestLog(r).WithError(err).Error("Could not answer a person")
	}
}

// serve runs the handler and speaks for it where it does not.
func (b *Bot) serve(r *Request) {
	ctx, cancel := context.WithDeadline(b.work, r.received.Add(b.cfg.HandleWithin))
	defer cancel()
	b.atWork.Store(r, cancel)
	defer b.atWork.Delete(r)
	switch {
	case r.lapsed():
		return
	case ctx.Err() != nil && b.draining.Load():
		b.tell(r, wordsStopping)
		return
	case ctx.Err() != nil:
		b.apologise(r, wordsLate, errors.New("it stood in line too long"))
		return
	}
	overdue := time.AfterFunc(time.Until(r.received.Add(b.cfg.HandleWithin))+overdueGrace, func() { guard(b.broke, func() { b.overdue(r) }) })
	err := b.protect(ctx, r)
	overdue.Stop()
	defer r.Ack() // last, so that an apology can travel in the ack: it may be the only way left
	if err == nil && r.Kind == Command && !r.answered() {
		err = errors.New("the handler said nothing")
	}
	if err != nil {
		b.apologise(r, wordsFailed, err)
	}
}

// endHandler ends the context of a request's handler, if it is at work.
func (b *Bot) endHandler(r *Request) {
	if cancel, ok := b.atWork.Load(r); ok {
		cancel.(context.CancelFunc)()
	}
}

// overdueGrace is left to a handler for its own words when its time is over.
const overdueGrace = time.Second

// overdue speaks for a handler that neither came back nor answered.
func (b *Bot) overdue(r *Request) {
	if r.answered() {
		return
	}
	b.chores.submit(func() { b.apologise(r, wordsOverdue, errors.New("the handler does not come back")) })
}

// protect turns a panic into an error.
func (b *Bot) protect(ctx context.Context, r *Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			b.requestLog(r).WithField("stack", redact(string(debug.Stack()))).Error("A handler panicked")
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return b.handler(ctx, r)
}

// broke logs a panic outside the handler. Nobody may die of it: another person's request is at work.
func (b *Bot) broke(panicked any) {
	b.log.WithFields(logrus.Fields{"error": redact(fmt.Sprint(panicked)), "stack": redact(string(debug.Stack()))}).
		Error("Something in the bot itself panicked; the process goes on")
}

// apologise tells the person, once, that a request went wrong, with a
// reference that also stands in the log. Of a Home tab it is only logged.
func (b *Bot) apologise(r *Request, words string, err error) {
	if !r.apologised.CompareAndSwap(false, true) {
		return
	}
	ref := newReference()
	b.requestLog(r).WithFields(logrus.Fields{"ref": ref, "error": redact(err.Error())}).Error("A request failed")
	if strings.Count(words, "%s") == 2 {
		words = fmt.Sprintf(words, short(b.cfg.HandleWithin), ref)
	} else {
		words = fmt.Sprintf(words, ref)
	}
	b.tell(r, words)
}

// newReference is short enough to be read out on the phone.
func newReference() string { return strings.ToLower(rand.Text()[:6]) }

// requestLog names a request without its text, which may hold anything.
func (b *Bot) requestLog(r *Request) logrus.FieldLogger {
	return b.log.WithFields(logrus.Fields{"kind": r.Kind, "user": r.UserID, "team": r.TeamID})
}

// unreadable acks an envelope that the library could not parse, in words
// where Slack shows them. The event carries no Request, only the raw message.
func (b *Bot) unreadable(s *socket, bad *socketmode.ErrorBadMessage) {
	var envelope struct {
		Type       string `json:"type"`
		EnvelopeID string `json:"envelope_id"`
		InAck      bool   `json:"accepts_response_payload"`
	}
	ref := newReference()
	err := json.Unmarshal(bad.Message, &envelope)
	b.log.WithFields(logrus.Fields{"ref": ref, "type": envelope.Type, "error": redact(fmt.Sprint(bad.Cause))}).Error("Slack sent something unreadable")
	if err != nil || envelope.EnvelopeID == "" {
		return
	}
	var payload json.RawMessage
	if envelope.InAck && envelope.Type == socketmode.RequestTypeSlashCommands {
		payload, _ = json.Marshal(newReply(Message{Text: fmt.Sprintf(wordsUnreadable, ref)}))
	}
	_ = s.ack(envelope.EnvelopeID, payload, sentAck{})
}
