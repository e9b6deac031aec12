package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"importbot/bot"
	"importbot/imports"
)

// jotter works on one notice: it notes how far its messages have come. What it notes is in body.
type jotter struct {
	courier
	notice imports.Notice // as it is to be stored, but for what changes with each note
	stored imports.Notice
	body   any
}

// read fills body with what is noted; found is false where nothing is.
func (j *jotter) read(ctx context.Context) (found bool, err error) {
	j.stored, err = j.Store.Notice(ctx, j.notice.ID)
	if errors.Is(err, imports.ErrNotFound) {
		return false, nil
	}
	if err == nil && len(j.stored.Body) > 0 {
		err = json.Unmarshal(j.stored.Body, j.body)
	}
	if err != nil {
		return false, fmt.Errorf("reading what was said of %s: %w", j.notice.ID, err)
	}
	return true, nil
}

// note records the state while work on it goes on: whoever finds it goes on at once.
func (j *jotter) note(ctx context.Context) error { return j.save(ctx, false) }

// settle notes that nothing is left to do now: ever, where it is done, and otherwise until a time; zero is until it changes.
// That time is not noted: whoever leads next works it out anew.
func (j *jotter) settle(ctx context.Context, done bool, at time.Time) error {
	if err := j.save(ctx, done); err != nil {
		return err
	}
	j.settled(at)
	return nil
}

func (j *jotter) save(ctx context.Context, done bool) error {
	body, err := json.Marshal(j.body)
	if err != nil {
		return fmt.Errorf("writing down what was said of %s: %w", j.notice.ID, err)
	}
	n := j.notice
	n.Done, n.Body, n.CreatedAt = done, body, j.stored.CreatedAt
	if n.CreatedAt.IsZero() {
		n.CreatedAt = j.Clock.Now().UTC()
	}
	if n.Done == j.stored.Done && bytes.Equal(n.Body, j.stored.Body) {
		return nil
	}
	if err := j.Store.SaveNotice(ctx, j.lead.Epoch, n); err != nil {
		return fmt.Errorf("noting what was said of %s: %w", n.ID, err)
	}
	j.stored = n
	return nil
}

// say is one message of a notice: where it goes, and what is noted of it.
type say struct {
	post    *Post
	sent    *int       // how often it was sent, with what Slack may have taken
	refused *time.Time // when the channel last refused a message
	message bot.Message
	channel string
	thread  string
	kind    string
}

// post posts a message by the rules of a card: once more where its answer was lost, and again hourly where the channel
// refuses it.
func (j *jotter) post(ctx context.Context, s say) (refusal, err error) {
	j.messages = s.sent
	refusal, err = j.deliver(ctx, delivery{
		post: s.post, message: s.message, channel: s.channel, thread: s.thread, kind: s.kind,
		countIn: true, most: maxMessages - keptMessages, keep: func() {},
	})
	j.heed(s.refused, refusal, s.post.State == Sent)
	if err == nil && !s.refused.IsZero() {
		err = j.noteSurely(ctx)
	}
	return refusal, err
}

// held is until when a message to a channel waits: Slack asked for it, its answer was lost, or the channel refused one.
func (j *jotter) held(p Post, refused time.Time) time.Time {
	j.mu.Lock()
	hold := j.holdPost
	j.mu.Unlock()
	if !refused.IsZero() {
		refused = refused.Add(refusedFor)
	}
	return latest(hold, refused, p.Again)
}
