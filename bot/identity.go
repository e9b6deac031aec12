package bot

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// Identity is who the bot is, by auth.test.
type Identity struct {
	TeamID       string
	Team         string // the workspace's name
	TeamURL      string // https://example.slack.com/
	EnterpriseID string // set where the workspace belongs to an Enterprise organisation
	UserID       string // the bot user, U…
	BotID        string // B…
	Scopes       []string
}

// HasScope tells whether the bot token was granted a scope, and true when
// Slack did not say what was granted.
func (i Identity) HasScope(scope string) bool {
	return len(i.Scopes) == 0 || slices.Contains(i.Scopes, scope)
}

// Identity is zero until the first auth.test was answered.
func (b *Bot) Identity() Identity {
	if id := b.identity.Load(); id != nil {
		return *id
	}
	return Identity{}
}

// firstCheckWithin is how long connecting waits for the first auth.test. A
// Web API that is down must not make the bot deaf as well.
const firstCheckWithin = 3 * time.Second

func (b *Bot) awaitFirstCheck(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstCheckWithin)
	defer cancel()
	select {
	case <-b.checked:
	case <-ctx.Done():
	}
}

// keepIdentity tries the bot token at start, and again whenever no other call
// went well for a while. A revoked one would otherwise leave a bot that hears and
// can't speak: the connections use the app's token alone.
func (b *Bot) keepIdentity(ctx context.Context) {
	failures := 0
	err := b.checkToken(ctx)
	close(b.checked)
	for ctx.Err() == nil {
		switch {
		case b.botToken.refusal() != nil: // said once, in the log, by refuse
			pause(ctx, b.retryRefused())
		case err == nil:
			failures = 0
			b.untilQuiet(ctx)
		default:
			wait := b.recheckIn(err, failures)
			failures++
			b.log.WithError(err).WithField("next_in", wait).Warn("Slack's Web API can't be used")
			pause(ctx, wait)
		}
		err = b.checkToken(ctx)
	}
}

// untilQuiet waits until no call went well for a while, or the token is in doubt.
func (b *Bot) untilQuiet(ctx context.Context) {
	for {
		timer := time.NewTimer(b.cfg.CheckEvery - b.sinceGoodCall())
		select {
		case <-timer.C:
		case <-b.doubt:
			timer.Stop()
			return
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if b.sinceGoodCall() >= b.cfg.CheckEvery {
			return
		}
	}
}

// recheck wakes untilQuiet.
func (b *Bot) recheck() {
	select {
	case b.doubt <- struct{}{}:
	default:
	}
}

// recheckIn doubles from a thirtieth to a third of CheckEvery: with the
// defaults from 1 s to 10 s, so that one lost call does not make the bot unready.
func (b *Bot) recheckIn(err error, failures int) time.Duration {
	if limited := (*RateLimitedError)(nil); errors.As(err, &limited) {
		return limited.After
	}
	return min(b.cfg.CheckEvery/30<<min(failures, 10), b.cfg.CheckEvery/3)
}

func (b *Bot) checkToken(ctx context.Context) error {
	var got *slack.AuthTestResponse
	err := b.call(ctx, methodAuth, VarBotToken, func(ctx context.Context) (err error) {
		got, err = b.api.AuthTestContext(ctx)
		return err
	})
	if err != nil {
		return err
	}
	id := &Identity{
		TeamID: got.TeamID, Team: got.Team, TeamURL: got.URL, EnterpriseID: got.EnterpriseID,
		UserID: got.UserID, BotID: got.BotID, Scopes: scopes(got.Header),
	}
	if !id.HasScope("chat:write") {
		b.refuse(&b.botToken, methodAuth, newFatal(VarBotToken, "missing_scope", "chat:write"))
		return nil
	}
	b.accept(&b.botToken, func(_ string, refused *FatalError) bool {
		return refused.scope == "" || len(id.Scopes) > 0 && grantsAny(id, refused.scope)
	})
	if b.identity.Swap(id) == nil {
		b.log.WithField("team", id.Team).WithField("team_id", id.TeamID).WithField("bot", id.UserID).Info("Slack knows the bot token")
	}
	return nil
}

// grantsAny tells whether one of the scopes that Slack named as needed is there.
func grantsAny(id *Identity, needed string) bool {
	return slices.ContainsFunc(strings.Split(needed, ","), func(scope string) bool { return id.HasScope(strings.TrimSpace(scope)) })
}

// keepAppToken asks for the app token what keepIdentity asks for the bot's. A
// revoked one would otherwise show only when a socket is replaced, hours later.
// That auth.test takes app tokens is not promised anywhere: where it never did,
// nothing is concluded, and the sockets alone tell.
func (b *Bot) keepAppToken(ctx context.Context) {
	select {
	case <-b.ready:
	case <-ctx.Done():
		return
	}
	taken := false
	for {
		err := b.ask(ctx, methodAuth, VarAppToken, func(ctx context.Context) error {
			_, err := b.appAPI.AuthTestContext(ctx)
			return err
		})
		api := (*APIError)(nil)
		switch refused := errors.As(err, &api) && api.Code != "" && api.kind != ErrUnavailable; {
		case err == nil:
			taken = true
			b.accept(&b.appToken, func(by string, _ *FatalError) bool { return by == methodAuth })
		case refused && !taken:
			return
		case refused && api.kind == ErrAuth:
			b.refuse(&b.appToken, methodAuth, newFatal(VarAppToken, api.Code, ""))
		}
		next := b.cfg.CheckEvery
		if b.appToken.refusal() != nil {
			next = b.retryRefused()
		}
		if !pause(ctx, next) {
			return
		}
	}
}

func scopes(header http.Header) []string {
	return strings.FieldsFunc(header.Get("X-OAuth-Scopes"), func(r rune) bool { return r == ',' || r == ' ' })
}

// wrongAddress recognises a 404 before anything ever went well: SLACK_API_URL
// then leads elsewhere. Later ones pass, as outages do.
func (b *Bot) wrongAddress(err error) error {
	var status slack.StatusCodeError
	if errors.As(err, &status) && status.Code == http.StatusNotFound && b.lastCall.get().IsZero() {
		return &FatalError{Variable: VarAPIURL, Code: "404", Advice: "there is no Slack Web API at " + redact(b.cfg.APIURL) + ". Put its address there, or leave it empty for " + slack.APIURL + "."}
	}
	return err
}
