package bot

import (
	"context"
	"errors"

	"github.com/slack-go/slack"
)

// CheckBotToken asks Slack who the bot is, while the bot does not run. A
// *FatalError where the token is refused, or SLACK_API_URL leads elsewhere: it says what to do. Other errors as Post's.
func (b *Bot) CheckBotToken(ctx context.Context) (Identity, error) {
	defer b.http.CloseIdleConnections()
	var got *slack.AuthTestResponse
	err := b.ask(ctx, methodAuth, VarBotToken, func(ctx context.Context) (err error) {
		got, err = b.api.AuthTestContext(ctx)
		return err
	})
	if fatal := b.fatalFor(err); fatal != nil {
		return Identity{}, fatal
	}
	if err != nil {
		return Identity{}, err
	}
	return Identity{
		TeamID: got.TeamID, Team: got.Team, TeamURL: got.URL, EnterpriseID: got.EnterpriseID,
		UserID: got.UserID, BotID: got.BotID, Scopes: scopes(got.Header),
	}, nil
}

// CheckAppToken asks Slack for the address of a Socket Mode connection, and opens none: the address runs out unused. Errors
// as CheckBotToken's.
func (b *Bot) CheckAppToken(ctx context.Context) error {
	defer b.http.CloseIdleConnections()
	api := slack.New(b.cfg.BotToken, slack.OptionAppLevelToken(b.cfg.AppToken), slack.OptionAPIURL(b.cfg.APIURL), slack.OptionHTTPClient(b.http))
	err := b.ask(ctx, methodOpen, "", func(ctx context.Context) error {
		_, _, err := api.StartSocketModeContext(ctx)
		return err
	})
	refused := (*APIError)(nil)
	if errors.As(err, &refused) && (refused.kind == ErrAuth || refused.kind == ErrNoScope) {
		return newFatal(VarAppToken, refused.Code, "")
	}
	return err
}
