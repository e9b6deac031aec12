package handlers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/bot"
	"importbot/imports"
)

// courier delivers the messages of one job, and is alone at it. Each message is recorded before it leaves, and once
// Slack took it: where a process dies in between, the next one finds which of them Slack may have.
type courier struct {
	*Publisher
	*job
	log *logrus.Entry
	// record stores how far the job has come.
	record func(context.Context) error
	// messages counts what was posted in the channel, with what Slack may have taken.
	messages *int
}

// underLead is Slack for one term of leading. Every call is made under the term's fence: it leaves as long as this
// process may count on leading and not a moment longer, for what it would say may have been said by another one.
type underLead struct {
	Slack
	lead imports.Lead
}

func (s underLead) Post(ctx context.Context, p bot.Post) (ts, channel string, err error) {
	return s.Slack.Post(bot.WithFence(ctx, s.lead.Check), p)
}

func (s underLead) Update(ctx context.Context, channel, ts string, m bot.Message) error {
	return s.Slack.Update(bot.WithFence(ctx, s.lead.Check), channel, ts, m)
}

func (s underLead) Find(ctx context.Context, channel, threadTS, eventType string, match func(map[string]any) bool, oldest time.Time) (string, bool, error) {
	return s.Slack.Find(bot.WithFence(ctx, s.lead.Check), channel, threadTS, eventType, match, oldest)
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
	leaves   func() // notes what the message shows, as it leaves: one that is found later shows that and nothing newer; nil for most
}

// deliver sends a message: recorded before it leaves, and once Slack took it. It returns Slack's refusal apart from the
// store's error.
func (c *courier) deliver(ctx context.Context, d delivery) (refusal, err error) {
	if d.post.State == Sending {
		found, refusal := c.recover(ctx, d)
		switch {
		case errors.Is(refusal, imports.ErrNotLeader):
			return nil, refusal
		case found || refusal != nil || d.post.over():
			d.keep()
			return refusal, c.noteSurely(ctx)
		}
	}
	before := *d.post
	c.attempt(d)
	if err := c.record(ctx); err != nil {
		*d.post = before
		return nil, err
	}
	callCtx, cancel := outlive(ctx, slackWithin)
	defer cancel()
	m := d.message
	if d.post.Plain {
		m.Blocks = nil
	}
	ts, channel, refusal := c.slack.Post(callCtx, bot.Post{
		Channel: d.channel, ThreadTS: d.thread, Broadcast: d.kind == kindFinished && d.thread != "", Message: m,
	})
	if errors.Is(refusal, imports.ErrNotLeader) {
		c.takeBack(d, before)
		return nil, c.unsaid(ctx, refusal)
	}
	if refusal == nil {
		d.sent(ts, channel, c.Clock.Now())
		c.went(&c.failsPost)
	} else {
		refusal = d.meant(before, refusal)
		c.refused(d, before, refusal)
	}
	d.keep()
	return refusal, c.noteSurely(ctx)
}

// sent records that Slack has the message.
func (d delivery) sent(ts, channel string, at time.Time) {
	d.post.State, d.post.TS, d.post.Channel, d.post.At = Sent, ts, channel, at
	d.post.Unsure, d.post.Again = 0, time.Time{}
}

// isIt recognises the message among others by its metadata.
func (d delivery) isIt(payload map[string]any) bool {
	for name, value := range d.message.Metadata.Payload {
		if payload[name] != value {
			return false
		}
	}
	return true
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
func (c *courier) attempt(d delivery) {
	d.post.State = Sending
	if d.leaves != nil {
		d.leaves()
	}
	d.post.Attempts++
	d.post.Unsure++
	d.post.Again = again(d.post.Unsure, !d.countIn, c.Clock.Now())
	if d.post.At.IsZero() {
		d.post.At = c.Clock.Now()
	}
	if d.countIn {
		*c.messages++
	}
	d.keep()
}

// takeBack undoes attempt: Slack surely did not take the message.
func (c *courier) takeBack(d delivery, before Post) {
	*d.post = before
	if d.countIn {
		*c.messages--
	}
	d.keep()
}

// unsaid ends the work of a process that may not count on leading any more. That nothing has left is recorded if the
// store still takes it; otherwise whoever leads finds a message on its way, and deals with it as with any other.
func (c *courier) unsaid(ctx context.Context, why error) error {
	ctx, cancel := outlive(ctx, drainWithin)
	defer cancel()
	if err := c.record(ctx); err != nil {
		c.log.WithError(err).Debug("That a message was held back could not be noted")
	}
	return why
}

// refused records what came of a message that Slack did not confirm.
func (c *courier) refused(d delivery, before Post, refusal error) {
	limited := (*bot.RateLimitedError)(nil)
	isLimited := errors.As(refusal, &limited)
	if bot.MaybeTaken(refusal) {
		if d.once {
			d.post.State = GivenUp
		}
	} else {
		attempts, at := d.post.Attempts, d.post.At
		c.takeBack(d, before)
		if !isLimited {
			d.post.Attempts, d.post.At = attempts, at
		}
	}
	switch {
	case isLimited:
		c.hold(&c.holdPost, limited.After)
	case errors.Is(refusal, bot.ErrInvalid) && !d.post.Plain:
		d.post.Plain = true // once more at once, with the words alone
		c.log.WithError(refusal).Error("Slack does not accept the blocks of a message; its text goes alone")
	case errors.Is(refusal, bot.ErrChannel), errors.Is(refusal, bot.ErrMessageGone), errors.Is(refusal, bot.ErrNoScope):
		c.noteFailure(refusal) // what follows from it is for the step
	default:
		c.failed(&c.holdPost, &c.failsPost, refusal)
	}
}

// hold keeps from asking Slack for a while, at its own wish. That is no failure.
func (c *courier) hold(until *time.Time, after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*until = c.Clock.Now().Add(max(after, time.Millisecond))
}

func (c *courier) noteFailure(err error) {
	c.log.WithError(err).Warn("Slack refused a message")
}

// clocksApart is how far our clock may be ahead of Slack's, by which the history is searched.
const clocksApart = time.Hour

// recover deals with a message that was recorded as sending and not as sent: Slack may have it. Where history may be
// read it is looked for. Otherwise it is sent once more, as often as the limits allow, unless one too few is better than
// one too many.
func (c *courier) recover(ctx context.Context, d delivery) (found bool, refusal error) {
	if d.once {
		d.post.State = GivenUp
		return false, nil
	}
	callCtx, cancel := context.WithTimeout(ctx, slackWithin)
	defer cancel()
	ts, found, err := c.slack.Find(callCtx, d.channel, d.thread, eventType, d.isIt, d.post.At.Add(-clocksApart))
	limited := (*bot.RateLimitedError)(nil)
	switch {
	case errors.Is(err, imports.ErrNotLeader):
		return false, err
	case err == nil && found:
		d.sent(ts, d.channel, c.Clock.Now())
		return true, nil
	case err == nil:
		c.surelyNot(d)
	case errors.As(err, &limited):
		c.hold(&c.holdPost, limited.After)
		return false, err
	case errors.Is(err, bot.ErrUnavailable):
		c.failed(&c.holdPost, &c.failsPost, err)
		return false, err
	}
	if d.onlyFind || c.exhausted(d) {
		d.post.State = GivenUp
	}
	return false, nil // not there, or it can't be looked for
}

// surelyNot takes back what was counted of a message that Slack's history does not have.
func (c *courier) surelyNot(d delivery) {
	if d.countIn {
		*c.messages = max(0, *c.messages-d.post.Unsure)
	}
	d.post.Unsure, d.post.Again = 0, time.Time{}
}

// exhausted says whether a message may not be sent blindly any more.
func (c *courier) exhausted(d delivery) bool {
	if d.post.Unsure == 0 {
		return false
	}
	if d.countIn {
		return *c.messages >= d.most
	}
	return d.post.Unsure >= blindlyDirect
}

// settled notes that nothing is left to do now; the rest at a time, where there is one.
func (c *courier) settled(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due, c.rests, c.failsStore = at, time.Time{}, 0
	if at.IsZero() {
		c.recovered()
		c.refusing, c.refusal = time.Time{}, ""
	}
}

// rested notes that not even the state could be noted, for the store did not answer, and leaves the job alone for a while.
func (c *courier) rested(ctx context.Context, err error) error {
	if errors.Is(err, imports.ErrNotLeader) || ctx.Err() != nil {
		return err
	}
	c.failed(&c.rests, &c.failsStore, err)
	c.setDue(c.rests)
	return err
}

func (c *courier) setDue(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = at
}

// heed notes whether the channel takes messages: took is that it just did. refused is when it last refused one.
func (c *courier) heed(refused *time.Time, refusal error, took bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case refusal == nil && took:
		*refused = time.Time{}
		c.refusing, c.refusal = time.Time{}, ""
	case errors.Is(refusal, bot.ErrChannel), errors.Is(refusal, bot.ErrNoScope):
		*refused = c.Clock.Now()
		c.refusal = refusal.Error()
		if c.refusing.IsZero() {
			c.refusing = *refused
		}
	}
}

// refusedBefore notes since when the channel refuses messages, where only the store knew it.
func (c *courier) refusedBefore(refused time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !refused.IsZero() && c.refusing.IsZero() && !c.due.IsZero() {
		c.refusing, c.refusal = refused, "the channel refused a message"
	}
}

// noteSurely records what Slack has done. As long as that is not recorded nothing else may be done about this import:
// it would be done twice. So this only ends a little after the context, or when another process leads.
func (c *courier) noteSurely(ctx context.Context) error {
	ctx, cancel := outlive(ctx, noteWithin)
	defer cancel()
	for tries := 0; ; tries++ {
		err := c.record(ctx)
		if err == nil || errors.Is(err, imports.ErrNotLeader) || errors.Is(err, imports.ErrNotFound) || ctx.Err() != nil {
			return err
		}
		c.failed(nil, nil, err)
		c.log.WithError(err).Error("What was posted could not be noted; nothing else is done about this import before it is")
		timer, stop := c.Clock.Until(c.Clock.Now().Add(backoff(tries)))
		select {
		case <-timer:
		case <-ctx.Done():
		}
		stop()
	}
}

// outlive returns a context that ends a little after ctx, and after longest at the latest.
func outlive(ctx context.Context, longest time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(drainWithin, cancel)
		context.AfterFunc(late, func() { timer.Stop() })
	})
	return late, func() { stop(); cancel() }
}

// failed notes a failure, and holds back what failed for a while.
func (c *courier) failed(hold *time.Time, fails *int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Clock.Now()
	if c.failing.IsZero() {
		c.failing = now
	}
	c.lastError = err.Error()
	if hold != nil {
		*hold = now.Add(backoff(*fails))
		*fails++
	}
}

// went notes a success.
func (c *courier) went(fails *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*fails = 0
	if c.failsPost == 0 && c.failsEdit == 0 {
		c.recovered()
	}
}

// recovered forgets that work failed; c.mu is held.
func (c *courier) recovered() { c.failing, c.lastError = time.Time{}, "" }

// backoff doubles from a second to a minute.
func backoff(fails int) time.Duration {
	if fails > 6 {
		return longestBackoff
	}
	return min(time.Second<<fails, longestBackoff)
}
