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
		if err := w.lead.Check(); err != nil {
			return err
		}
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
		return w.editCard(ctx, w.countEdit)
	case doRefresh:
		if !w.takeTurn() {
			return nil // it has one now, which the situation waits for
		}
		return w.editCard(ctx, w.countRefresh)
	}
	return nil
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
		keep:     func() {},
		leaves:   func() { t.Face = s.face() },
	})
	w.heed(&t.Refused, refusal, t.Card.State == Sent)
	if err == nil && !t.Refused.IsZero() {
		err = w.noteSurely(ctx)
	}
	return refusal, err
}

// postFinished posts the end notice. Where the thread is gone the card is posted afresh once, and then the notice
// stands by itself.
func (w *worker) postFinished(ctx context.Context) error {
	s, err := w.gather.scene(ctx, w.s.server, w.s.imp)
	if err != nil {
		return err
	}
	if s.alert, err = w.alertToTell(ctx); err != nil {
		return err
	}
	t := &w.s.thread
	d := delivery{
		post: &t.Finished, message: finishedMessage(s), channel: w.s.channel(), kind: kindFinished,
		countIn: true, most: maxMessages, keep: func() {}, leaves: func() { t.Alerted = s.alert != nil },
	}
	if t.Card.State == Sent && !t.CardGone {
		d.thread = t.Card.TS
	}
	refusal, err := w.deliver(ctx, d)
	if errors.Is(refusal, bot.ErrMessageGone) {
		w.cardGone()
	}
	w.heed(&t.Refused, refusal, t.Finished.State == Sent)
	if err == nil && !t.Refused.IsZero() {
		err = w.noteSurely(ctx)
	}
	return err
}

// alertToTell is the open alert about the import, where its end notice stands in for it: in the channel where alerts of the
// server go, unless they are muted. nil otherwise.
func (w *worker) alertToTell(ctx context.Context) (*imports.Alert, error) {
	if !w.s.imp.NeedsAttention() || w.s.channel() != w.s.server.alertChannel() {
		return nil, nil
	}
	known, err := w.Store.Server(ctx, w.s.imp.Server)
	if err != nil {
		return nil, fmt.Errorf("reading the alerts of %s: %w", w.s.imp.Server, err)
	}
	mutes, err := w.Store.Mutes(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading what is muted: %w", err)
	}
	for _, a := range known.Open() {
		if a.Kind == imports.AlertFailed && a.ImportID == w.s.imp.ID && muteOf(mutes, a.Server, w.Clock.Now()) == nil {
			return &a, nil
		}
	}
	return nil, nil
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
	w.heed(&t.Refused, refusal, post.State == Sent)
	return err
}

// countEdit counts an edit among those that a card has.
func (w *worker) countEdit(t *thread) {
	t.Edits++
	t.EditedAt = w.Clock.Now()
	if w.s.imp.State == imports.Ended {
		t.LastEdits++
	}
}

// countRefresh notes when a card was edited because somebody asked for it.
func (w *worker) countRefresh(t *thread) { t.RefreshedAt = w.Clock.Now() }

// takeTurn says whether it is this card's turn to be edited because somebody asked for it. Where it has none, or missed it, it gets the
// next one.
func (w *worker) takeTurn() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.Clock.Now()
	if now.Sub(w.freshAt) >= freshTurn {
		w.freshAt = latest(now, w.nextFresh)
		w.nextFresh = w.freshAt.Add(freshTurn)
	}
	if w.freshAt.After(now) {
		return false
	}
	w.freshAt = time.Time{}
	return true
}

// editCard brings the card up to date, with an edit that is counted before it leaves.
func (w *worker) editCard(ctx context.Context, count func(*thread)) error {
	s, err := w.gather.scene(ctx, w.s.server, w.s.imp)
	if err != nil {
		return err
	}
	t := &w.s.thread
	before := *t
	count(t)
	s.unrevised = t.Edits >= editsUntilUntrue
	face := s.face()
	if err := w.note(ctx); err != nil {
		return err
	}
	m := cardMessage(s)
	if t.Card.Plain {
		m.Blocks = simpleBlocks(m.Text)
	}
	callCtx, cancel := outlive(ctx, slackWithin)
	defer cancel()
	refusal := w.slack.Update(callCtx, t.Card.Channel, t.Card.TS, m)
	if errors.Is(refusal, imports.ErrNotLeader) {
		*t = before
		return w.unsaid(ctx, refusal)
	}
	if refusal == nil {
		t.Face, t.refreshed = face, t.asked
		w.went(&w.failsEdit)
	} else {
		if errors.Is(refusal, bot.ErrInvalid) && before.Card.Plain {
			refusal = fmt.Errorf("%w: %w", bot.ErrChannel, refusal)
		}
		w.editRefused(before, face, refusal)
	}
	w.heed(&t.Refused, refusal, refusal == nil)
	return w.noteSurely(ctx)
}

// editRefused records what came of an edit that Slack did not confirm. Where Slack may have it, it is not sent a second
// time: the next change will show. Only the last state is, for a card must not go on saying "running".
func (w *worker) editRefused(before thread, face Face, refusal error) {
	t := &w.s.thread
	limited := (*bot.RateLimitedError)(nil)
	if !bot.MaybeTaken(refusal) {
		t.Edits, t.EditedAt, t.LastEdits = before.Edits, before.EditedAt, before.LastEdits
		t.RefreshedAt = before.RefreshedAt
	} else {
		t.refreshed = t.asked
		if w.s.imp.State != imports.Ended {
			t.Face = face
		}
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
