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
		if err == nil {
			failures = 0
			b.untilQuiet(ctx)
		} else {
			wait := b.recheckIn(err, failures)
			failures++
			b.log.WithError(err).WithField("next_in", wait).Warn("Slack's Web API can't be used")
			pause(ctx, wait)
		}
		err = b.checkToken(ctx)
	}
}

// untilQuiet waits until no call went well for a while.
func (b *Bot) untilQuiet(ctx context.Context) {
	for {
		wait := time.Until(b.lastGoodCall().Add(b.cfg.CheckEvery))
		if wait <= 0 || !pause(ctx, wait) {
			return
		}
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
	err := b.call(ctx, methodAuth, "", func(ctx context.Context) (err error) {
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
		b.stop(newFatal(VarBotToken, "missing_scope", "chat:write"))
	}
	if b.identity.Swap(id) == nil {
		b.log.WithField("team", id.Team).WithField("team_id", id.TeamID).WithField("bot", id.UserID).Info("Slack knows the bot token")
	}
	return nil
}

func scopes(header http.Header) []string {
	return strings.FieldsFunc(header.Get("X-OAuth-Scopes"), func(r rune) bool { return r == ',' || r == ' ' })
}

// wrongAddress recognises a 404 before anything ever went well: SLACK_API_URL
// then leads elsewhere. Later ones pass, as outages do.
func (b *Bot) wrongAddress(err error) error {
	var status slack.StatusCodeError
	if errors.As(err, &status) && status.Code == http.StatusNotFound && b.lastCall.Load() == 0 {
		return &FatalError{Variable: VarAPIURL, Code: "404", Advice: "there is no Slack Web API at " + redact(b.cfg.APIURL) + ". Put its address there, or leave it empty for " + slack.APIURL + "."}
	}
	return err
}
