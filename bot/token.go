package bot

import (
	"sync"
	"time"
)

// token is how one of the two tokens stands with Slack. One that Slack never
// took is a mistake in the configuration, and ends Run at once. One that it took
// before and refuses now was revoked, perhaps by somebody who is about to put it
// right: the bot stays for a while, unready, and tries on.
type token struct {
	variable string

	mu      sync.Mutex
	works   bool // Slack took it once
	refused *FatalError
	by      string // the method that was refused
	since   time.Time
	turn    time.Time     // when the last of those who try again does
	well    chan struct{} // closed when it is taken again; nil while it is not refused
}

// Refusal is a token that Slack took before and refuses now.
type Refusal struct {
	Variable string // VarBotToken or VarAppToken
	Code     string // Slack's word: "token_revoked"
	Advice   string // what to do, a sentence
	Since    time.Time
}

// refuse notes that Slack refused a call because of its token, and ends Run
// where there is no use in waiting.
func (b *Bot) refuse(t *token, by string, fatal *FatalError) {
	now := time.Now()
	t.mu.Lock()
	first := t.refused == nil
	if t.works && first {
		t.since, t.turn, t.well = now, now, make(chan struct{})
	}
	if t.works {
		t.refused, t.by = fatal, by
	}
	hopeless := !t.works || now.Sub(t.since) >= b.cfg.RefusedFor
	t.mu.Unlock()
	switch {
	case hopeless:
		b.stop(fatal)
	case first:
		b.log.WithError(fatal).WithFields(map[string]any{"variable": t.variable, "code": fatal.Code}).
			Errorf("Slack refuses a token that worked before. I stay, not ready, and stop if that lasts %s", short(b.cfg.RefusedFor))
		b.recheck()
	}
}

// accept notes that Slack took a token. mends tells whether that proves a
// refusal by a method to be over.
func (b *Bot) accept(t *token, mends func(by string, refused *FatalError) bool) {
	t.mu.Lock()
	t.works = true
	over := t.refused != nil && mends(t.by, t.refused)
	lasted := time.Since(t.since)
	if over {
		t.refused = nil
		close(t.well)
		t.well = nil
	}
	t.mu.Unlock()
	if over {
		b.log.WithField("variable", t.variable).WithField("after", lasted.Round(time.Second)).Info("Slack takes the token again")
	}
}

// refusal is nil while the token is taken.
func (t *token) refusal() *Refusal {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused == nil {
		return nil
	}
	return &Refusal{Variable: t.variable, Code: t.refused.Code, Advice: t.refused.Advice, Since: t.since}
}

// tryIn returns how long one of several has to wait before it tries a refused
// token, so that together they do so once a pace, and what is closed when the
// token is taken before that.
func (t *token) tryIn(pace time.Duration) (time.Duration, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused == nil {
		return 0, nil
	}
	now := time.Now()
	t.turn = maxTime(t.turn, now).Add(pace)
	return t.turn.Sub(now), t.well
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// retryRefused is how often a refused token is tried: 10 s with the defaults.
func (b *Bot) retryRefused() time.Duration { return b.cfg.CheckEvery / 3 }
