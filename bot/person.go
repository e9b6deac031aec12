package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/slack-go/slack"
)

// Person is somebody whom Slack knows.
type Person struct {
	ID, Name string // Name as Slack shows it; it comes from outside, see Escape
	TeamID   string // the workspace that the person belongs to

	Guest   bool // of this workspace, limited to some channels
	Foreign bool // of another workspace (Slack Connect), or of another organisation
	Bot     bool
	Deleted bool // deactivated
}

const (
	personFresh = 10 * time.Minute // what is known is not asked again for so long
	personStale = time.Hour        // and serves for so long where Slack does not answer
	maxPeople   = 5_000            // in a generation
)

// Person says who somebody is. It asks Slack once in ten minutes and person,
// however many want to know at once; where Slack gives no answer, or wants to be
// left alone, it goes on saying for an hour what Slack said last. It never waits
// for a rate limit.
//
// Errors: ErrNoScope without users:read, ErrChannel for somebody whom the bot
// can't see, *RateLimitedError, ErrUnavailable, ErrAuth.
func (b *Bot) Person(ctx context.Context, userID string) (Person, error) {
	if b.identity.Load() == nil {
		b.awaitFirstCheck(ctx)
	}
	if b.identity.Load() == nil {
		return Person{}, fmt.Errorf("look up a person: Slack has not said yet who I am: %w", ErrUnavailable)
	}
	if !b.Identity().HasScope("users:read") {
		return Person{}, &APIError{Method: methodPerson, Code: "missing_scope", kind: ErrNoScope}
	}
	for {
		known, asking, mine := b.people.find(userID, b.now())
		if asking == nil {
			return known, nil
		}
		if mine {
			b.answer(ctx, userID, asking)
		}
		select {
		case <-asking.done:
		case <-ctx.Done():
			return b.people.remembered(userID, b.now(), fmt.Errorf("look up a person: %w", ctx.Err()))
		}
		if mine || !asking.wasGivenUp() {
			return b.people.settle(userID, asking, b.now())
		}
	}
}

// Known is what Slack said of somebody within the last hour; it asks nobody. ok
// is false where Slack was not asked, or said nothing.
func (b *Bot) Known(userID string) (p Person, ok bool) {
	b.people.mu.Lock()
	defer b.people.mu.Unlock()
	known, ok := b.people.recall(userID)
	if !ok || passed(known.at, b.now()) >= personStale {
		return Person{}, false
	}
	return known.Person, true
}

// answer looks somebody up and wakes those who wait for it, whatever happens.
func (b *Bot) answer(ctx context.Context, userID string, asking *asking) {
	asking.err = ErrUnavailable
	defer func() { b.people.learn(userID, asking, b.now()) }()
	asking.person, asking.err = b.lookUp(ctx, userID)
}

// lookUp asks Slack.
func (b *Bot) lookUp(ctx context.Context, userID string) (p Person, err error) {
	var got *slack.User
	err = b.call(ctx, methodPerson, "", func(ctx context.Context) (err error) {
		got, err = b.api.GetUserInfoContext(ctx, userID)
		if err == nil && got.ID != userID {
			return errOtherPerson
		}
		return err
	})
	if err != nil {
		return Person{}, err
	}
	return Person{
		ID: got.ID, TeamID: got.TeamID,
		Name:    cmp.Or(got.Profile.DisplayName, got.RealName, got.Profile.RealName, got.Name),
		Guest:   got.IsRestricted || got.IsUltraRestricted,
		Foreign: got.IsStranger || !b.isColleague(got),
		Bot:     got.IsBot || got.IsWorkflowBot || got.IsConnectorBot,
		Deleted: got.Deleted,
	}, nil
}

// errOtherPerson: who may do what hangs on the answer, so one that is about
// somebody else is none.
var errOtherPerson = errors.New("the answer is about somebody else")

// isColleague tells whether somebody belongs to this workspace, or to one of
// the same Enterprise organisation.
func (b *Bot) isColleague(u *slack.User) bool {
	id := b.Identity()
	if u.TeamID == id.TeamID || u.TeamID == "" {
		return true
	}
	return id.EnterpriseID != "" && (u.TeamID == id.EnterpriseID || u.Enterprise.EnterpriseID == id.EnterpriseID)
}

// people remembers who was looked up, for up to two hours, in two generations
// that take turns, so that memory is bounded.
type people struct {
	mu       sync.Mutex
	now, old map[string]acquaintance
	turned   time.Time
	asking   map[string]*asking
}

type acquaintance struct {
	Person
	at time.Time
}

// asking is a look-up under way. Its fields are read after done is closed.
type asking struct {
	done   chan struct{}
	person Person
	err    error
}

// wasGivenUp tells whether it failed for reasons of whoever began it, which are
// none for the others.
func (a *asking) wasGivenUp() bool {
	return errors.Is(a.err, context.Canceled) || errors.Is(a.err, context.DeadlineExceeded) || errors.Is(a.err, ErrFenced)
}

// find returns what is known and fresh, or the look-up to wait for, which is
// mine when nobody had begun it.
func (p *people) find(id string, now time.Time) (known Person, under *asking, mine bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.recall(id); ok && passed(known.at, now) < personFresh {
		return known.Person, nil, false
	}
	if under := p.asking[id]; under != nil {
		return Person{}, under, false
	}
	if p.asking == nil {
		p.asking = map[string]*asking{}
	}
	p.asking[id] = &asking{done: make(chan struct{})}
	return Person{}, p.asking[id], true
}

// recall is what Slack said last. p.mu is held.
func (p *people) recall(id string) (acquaintance, bool) {
	if known, ok := p.now[id]; ok {
		return known, true
	}
	known, ok := p.old[id]
	return known, ok
}

// learn notes the outcome of a look-up and wakes those who wait for it.
func (p *people) learn(id string, got *asking, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if got.err == nil {
		if p.now == nil || passed(p.turned, now) >= personStale || len(p.now) >= maxPeople {
			p.now, p.old, p.turned = map[string]acquaintance{}, p.now, now
		}
		p.now[id] = acquaintance{got.person, now}
	}
	delete(p.asking, id)
	close(got.done)
}

// settle is what a finished look-up means for one who waited for it.
func (p *people) settle(id string, got *asking, now time.Time) (Person, error) {
	if got.err == nil {
		return got.person, nil
	}
	return p.remembered(id, now, got.err)
}

// remembered is what Slack said within the hour, where err means that it says
// nothing now.
func (p *people) remembered(id string, now time.Time, err error) (Person, error) {
	limited := (*RateLimitedError)(nil)
	silent := errors.Is(err, ErrUnavailable) || errors.As(err, &limited) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, ok := p.recall(id); ok && silent && passed(known.at, now) < personStale {
		return known.Person, nil
	}
	return Person{}, err
}
