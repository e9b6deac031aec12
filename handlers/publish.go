package handlers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"importbot/bot"
	"importbot/imports"
)

// announce posts the card, now or not at all: the start waits for it.
func (w *worker) announce(ctx context.Context, imp imports.Import) error {
	if err := w.load(ctx, imp); err != nil {
		return err
	}
	for {
		w.refresh()
		switch card := w.s.thread.Card; {
		case card.State == Sent:
			return nil
		case card.State == GivenUp || w.s.channel() == "" || card.Again.After(w.s.now):
			return fmt.Errorf("%w: none can be posted", imports.ErrNoCard)
		case w.s.holdPost.After(w.s.now):
			return fmt.Errorf("posting the card: Slack is asked again in %s", w.s.holdPost.Sub(w.s.now).Round(time.Second))
		}
		failed, err := w.postCard(ctx)
		switch {
		case err != nil:
			return err
		case errors.Is(failed, bot.ErrChannel), errors.Is(failed, bot.ErrNoScope):
			return fmt.Errorf("%w: %w", imports.ErrNoCard, failed)
		case failed != nil && !errors.Is(failed, bot.ErrInvalid):
			return fmt.Errorf("posting the card: %w", failed)
		}
	}
}

// do does one step. What Slack refuses is noted in the thread and held back, and is no error: only the store's errors
// are, for without it nothing may be done.
func (w *worker) do(ctx context.Context, st step) error {
	switch st.do {
	case doCard:
		_, err := w.postCard(ctx)
		return err
	case doFinished:
		return w.postFinished(ctx)
	case doDirect:
		return w.sendDirect(ctx, st.user)
	case doAnswer:
		return w.sendAnswer(ctx)
	case doAnswered:
		return w.answered(ctx)
	case doMilestone:
		return w.tell(ctx, st.notice)
	case doEdit:
		return w.editCard(ctx)
	}
	return nil
}

// delivery is one message on its way.
type delivery struct {
	post     *Post
	message  bot.Message
	channel  string
	thread   string
	kind     string
	once     bool // never sent again where Slack may have taken it
	countIn  bool // counts among the messages of the channel; what does not goes to a person
	most     int  // where it counts: how many messages of the channel it may bring that to, sent blindly
	onlyFind bool // it is not wanted any more, unless it is there already
	keep     func()
}

// deliver sends a message: recorded before it leaves, and once Slack took it. It returns Slack's refusal apart from the
// store's error.
func (w *worker) deliver(ctx context.Context, d delivery) (refusal, err error) {
	if d.post.State == Sending {
		if found, refusal := w.recover(ctx, d); found || refusal != nil || d.post.over() {
			d.keep()
			return refusal, w.noteSurely(ctx)
		}
	}
	before := *d.post
	w.attempt(d)
	if err := w.note(ctx); err != nil {
		*d.post = before
		return nil, err
	}
	callCtx, cancel := outlive(ctx, slackWithin)
	defer cancel()
	m := d.message
	if d.post.Plain {
		m.Blocks = nil
	}
	ts, channel, refusal := w.Slack.Post(callCtx, bot.Post{
		Channel: d.channel, ThreadTS: d.thread, Broadcast: d.kind == kindFinished && d.thread != "", Message: m,
	})
	if refusal == nil {
		d.sent(ts, channel, w.Clock.Now())
		w.went(&w.failsPost)
	} else {
		refusal = d.meant(before, refusal)
		w.refused(d, before, refusal)
	}
	d.keep()
	return refusal, w.noteSurely(ctx)
}

// sent records that Slack has the message.
func (d delivery) sent(ts, channel string, at time.Time) {
	d.post.State, d.post.TS, d.post.Channel, d.post.At = Sent, ts, channel, at
	d.post.Unsure, d.post.Again = 0, time.Time{}
}

// meant is what a refusal comes down to. Who takes not even plain words, has a message of its own "gone", or leaves the
// same message without an answer twice, is as good as a channel that refuses: asking again and again would help nobody,
// while another way to the people may be open.
func (d delivery) meant(before Post, refusal error) error {
	switch {
	case errors.Is(refusal, bot.ErrInvalid) && before.Plain,
		errors.Is(refusal, bot.ErrMessageGone) && d.thread == "",
		d.countIn && !d.once && bot.MaybeTaken(refusal) && d.post.Unsure >= blindly:
		return fmt.Errorf("%w: %w", bot.ErrChannel, refusal)
	}
	return refusal
}

// attempt records that a message is about to leave.
func (w *worker) attempt(d delivery) {
	d.post.State = Sending
	d.post.Attempts++
	d.post.Unsure++
	d.post.Again = again(d.post.Unsure, !d.countIn, w.Clock.Now())
	if d.post.At.IsZero() {
		d.post.At = w.Clock.Now()
	}
	if d.countIn {
		w.s.thread.Messages++
	}
	d.keep()
}

// refused records what came of a message that Slack did not confirm.
func (w *worker) refused(d delivery, before Post, refusal error) {
	limited := (*bot.RateLimitedError)(nil)
	isLimited := errors.As(refusal, &limited)
	if bot.MaybeTaken(refusal) {
		if d.once {
			d.post.State = GivenUp
		}
	} else {
		d.post.State, d.post.Unsure, d.post.Again = before.State, before.Unsure, before.Again
		if d.countIn {
			w.s.thread.Messages--
		}
		if isLimited {
			*d.post = before
		}
	}
	switch {
	case isLimited:
		w.hold(&w.holdPost, limited.After)
	case errors.Is(refusal, bot.ErrInvalid) && !d.post.Plain:
		d.post.Plain = true // once more at once, with the words alone
		w.log.WithError(refusal).Error("Slack does not accept the blocks of a message; its text goes alone")
	case errors.Is(refusal, bot.ErrChannel), errors.Is(refusal, bot.ErrMessageGone), errors.Is(refusal, bot.ErrNoScope):
		w.noteFailure(refusal) // what follows from it is for the step
	default:
		w.failed(&w.holdPost, &w.failsPost, refusal)
	}
}

// hold keeps from asking Slack for a while, at its own wish. That is no failure.
func (w *worker) hold(until *time.Time, after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*until = w.Clock.Now().Add(max(after, time.Millisecond))
}

func (w *worker) noteFailure(err error) {
	w.log.WithError(err).Warn("Slack refused a message")
}

// recover deals with a message that was recorded as sending and not as sent: Slack may have it. Where history may be
// read it is looked for. Otherwise it is sent once more, as often as the limits allow, unless one too few is better than
// one too many.
func (w *worker) recover(ctx context.Context, d delivery) (found bool, refusal error) {
	if d.once {
		d.post.State = GivenUp
		return false, nil
	}
	callCtx, cancel := context.WithTimeout(ctx, slackWithin)
	defer cancel()
	match := func(payload map[string]any) bool {
		return payload["id"] == w.s.imp.ID && payload["kind"] == d.kind
	}
	ts, found, err := w.Slack.Find(callCtx, d.channel, d.thread, eventType, match, d.post.At.Add(-time.Minute))
	limited := (*bot.RateLimitedError)(nil)
	switch {
	case err == nil && found:
		d.sent(ts, d.channel, w.Clock.Now())
		return true, nil
	case err == nil:
		w.surelyNot(d)
	case errors.As(err, &limited):
		w.hold(&w.holdPost, limited.After)
		return false, err
	case errors.Is(err, bot.ErrUnavailable):
		w.failed(&w.holdPost, &w.failsPost, err)
		return false, err
	}
	if d.onlyFind || w.exhausted(d) {
		d.post.State = GivenUp
	}
	return false, nil // not there, or it can't be looked for
}

// surelyNot takes back what was counted of a message that Slack's history does not have.
func (w *worker) surelyNot(d delivery) {
	if d.countIn {
		w.s.thread.Messages = max(0, w.s.thread.Messages-d.post.Unsure)
	}
	d.post.Unsure, d.post.Again = 0, time.Time{}
}

// exhausted says whether a message may not be sent blindly any more.
func (w *worker) exhausted(d delivery) bool {
	if d.post.Unsure == 0 {
		return false
	}
	if d.countIn {
		return w.s.thread.Messages >= d.most
	}
	return d.post.Unsure >= blindlyDirect
}

// postCard posts the card.
func (w *worker) postCard(ctx context.Context) (refusal, err error) {
	s, err := w.gather.scene(ctx, w.s.server, w.s.imp)
	if err != nil {
		return nil, err
	}
	t := &w.s.thread
	refusal, err = w.deliver(ctx, delivery{
		post: &t.Card, message: cardMessage(s), channel: w.s.channel(), kind: kindCard, countIn: true, most: maxMessages - keptMessages,
		onlyFind: w.s.imp.State == imports.Ended && !w.s.sent(),
		keep: func() {
			if t.Card.State == Sending || t.Card.State == Sent {
				t.Face = faceOf(w.s.imp)
			}
		},
	})
	w.heed(refusal, t.Card.State == Sent)
	if err == nil && !t.Refused.IsZero() {
		err = w.noteSurely(ctx)
	}
	return refusal, err
}

// heed notes whether the channel takes messages: took is that it just did.
func (w *worker) heed(refusal error, took bool) {
	switch {
	case refusal == nil && took:
		w.s.thread.Refused = time.Time{}
	case errors.Is(refusal, bot.ErrChannel), errors.Is(refusal, bot.ErrNoScope):
		w.s.thread.Refused = w.Clock.Now()
	}
}

// postFinished posts the end notice. Where the thread is gone the card is posted afresh once, and then the notice
// stands by itself.
func (w *worker) postFinished(ctx context.Context) error {
	s, err := w.gather.scene(ctx, w.s.server, w.s.imp)
	if err != nil {
		return err
	}
	t := &w.s.thread
	d := delivery{
		post: &t.Finished, message: finishedMessage(s), channel: w.s.channel(), kind: kindFinished,
		countIn: true, most: maxMessages, keep: func() {},
	}
	if t.Card.State == Sent && !t.CardGone {
		d.thread = t.Card.TS
	}
	refusal, err := w.deliver(ctx, d)
	if errors.Is(refusal, bot.ErrMessageGone) {
		w.cardGone()
	}
	w.heed(refusal, t.Finished.State == Sent)
	if err == nil && !t.Refused.IsZero() {
		err = w.noteSurely(ctx)
	}
	return err
}

// cardGone posts the card afresh, once and where the messages left allow it; else it is let be.
func (w *worker) cardGone() {
	t := &w.s.thread
	if t.Reposted || t.Messages+keptMessages >= maxMessages {
		t.CardGone = true
		return
	}
	t.Reposted = true
	t.Card = Post{}
}

// sendDirect sends the end notice to one person.
func (w *worker) sendDirect(ctx context.Context, user string) error {
	s, err := w.gather.scene(ctx, w.s.server, w.s.imp)
	if err != nil {
		return err
	}
	t := &w.s.thread
	if t.Direct == nil {
		t.Direct = make(map[string]Post)
	}
	post := t.Direct[user]
	_, err = w.toPerson(ctx, user, delivery{
		post: &post, message: finishedMessage(s), kind: kindFinished, keep: func() { t.Direct[user] = post },
	})
	return err
}

// toPerson sends a direct message. Where Slack won't have it, there is no other way left to the person.
func (w *worker) toPerson(ctx context.Context, user string, d delivery) (refusal, err error) {
	d.channel = user
	refusal, err = w.deliver(ctx, d)
	if errors.Is(refusal, bot.ErrChannel) || errors.Is(refusal, bot.ErrNoScope) || errors.Is(refusal, bot.ErrMessageGone) {
		d.post.State = GivenUp
		d.keep()
	}
	return refusal, err
}

// sendAnswer tells the person who asked what became of it.
func (w *worker) sendAnswer(ctx context.Context) error {
	a, err := w.gather.answer(ctx, w.s.server, w.s.imp)
	if err != nil {
		return err
	}
	a.direct = true
	_, err = w.toPerson(ctx, w.s.imp.RequestedBy, delivery{
		post: &w.s.thread.Answer, message: a.message(), kind: kindAnswer, keep: func() {},
	})
	return err
}

// answered notes that the person knows.
func (w *worker) answered(ctx context.Context) error {
	if err := w.Store.Answered(ctx, w.s.imp.ID, w.Clock.Now()); err != nil {
		return fmt.Errorf("noting the answer: %w", err)
	}
	w.s.imp.AnsweredAt = w.Clock.Now()
	return nil
}

// tell tells a milestone. All before it are passed over.
func (w *worker) tell(ctx context.Context, notice int) error {
	s, err := w.gather.scene(ctx, w.s.server, w.s.imp)
	if err != nil {
		return err
	}
	t := &w.s.thread
	post := Post{}
	if n := len(t.Milestones); n > 0 && t.Milestones[n-1].Notice == notice {
		post = t.Milestones[n-1].Post
		t.Milestones = t.Milestones[:n-1]
	}
	told := len(t.Milestones)
	refusal, err := w.deliver(ctx, delivery{
		post: &post, message: milestoneMessage(s, w.s.imp.Milestones[notice]), channel: w.s.channel(), thread: t.Card.TS,
		kind: kindMilestone, once: true, countIn: true,
		keep: func() {
			t.Milestones = append(t.Milestones[:told], Milestone{Notice: notice, Post: post})
			if post.over() {
				t.Heard, t.ToldAt = notice+1, w.Clock.Now()
			}
		},
	})
	if errors.Is(refusal, bot.ErrMessageGone) {
		w.cardGone()
	}
	if errors.Is(refusal, bot.ErrInvalid) && post.Attempts > 1 {
		t.Heard = notice + 1
	}
	w.heed(refusal, post.State == Sent)
	return err
}

// editCard brings the card up to date.
func (w *worker) editCard(ctx context.Context) error {
	s, err := w.gather.scene(ctx, w.s.server, w.s.imp)
	if err != nil {
		return err
	}
	t := &w.s.thread
	before, face := *t, faceOf(w.s.imp)
	t.Edits++
	t.EditedAt = w.Clock.Now()
	if w.s.imp.State == imports.Ended {
		t.LastEdits++
	}
	if err := w.note(ctx); err != nil {
		return err
	}
	m := cardMessage(s)
	if t.Card.Plain {
		m.Blocks = simpleBlocks(m.Text)
	}
	callCtx, cancel := outlive(ctx, slackWithin)
	defer cancel()
	refusal := w.Slack.Update(callCtx, t.Card.Channel, t.Card.TS, m)
	if refusal == nil {
		t.Face = face
		w.went(&w.failsEdit)
	} else {
		if errors.Is(refusal, bot.ErrInvalid) && before.Card.Plain {
			refusal = fmt.Errorf("%w: %w", bot.ErrChannel, refusal)
		}
		w.editRefused(before, face, refusal)
	}
	w.heed(refusal, refusal == nil)
	return w.noteSurely(ctx)
}

// editRefused records what came of an edit that Slack did not confirm. Where Slack may have it, it is not sent a second
// time: the next change will show. Only the last state is, for a card must not go on saying "running".
func (w *worker) editRefused(before thread, face Face, refusal error) {
	t := &w.s.thread
	limited := (*bot.RateLimitedError)(nil)
	if !bot.MaybeTaken(refusal) {
		t.Edits, t.EditedAt, t.LastEdits = before.Edits, before.EditedAt, before.LastEdits
	} else if w.s.imp.State != imports.Ended {
		t.Face = face
	}
	switch {
	case errors.As(refusal, &limited):
		w.hold(&w.holdEdit, limited.After)
	case errors.Is(refusal, bot.ErrMessageGone):
		w.noteFailure(refusal)
		if w.s.imp.State == imports.Ended {
			t.CardGone = true // its end was told; a new card would help nobody
			return
		}
		w.cardGone()
	case errors.Is(refusal, bot.ErrInvalid) && !t.Card.Plain:
		t.Card.Plain = true
		w.log.WithError(refusal).Error("Slack does not accept the blocks of a card; its text goes alone")
	case errors.Is(refusal, bot.ErrChannel), errors.Is(refusal, bot.ErrNoScope):
		w.noteFailure(refusal)
	default:
		w.failed(&w.holdEdit, &w.failsEdit, refusal)
	}
}
