package bot

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/slack-go/slack"
)

// Slack's limits for a Home tab.
const (
	MaxHomeBlocks = 100
	MaxHome       = 250_000 // bytes of the whole view as JSON
)

// PublishHome shows blocks as somebody's Home tab, in place of what it showed
// before. It never waits for a rate limit: it returns *RateLimitedError. Texts that
// are too long are cut, as a message's are; a tab with more than MaxHomeBlocks
// blocks or MaxHome bytes is not sent, and is ErrInvalid. Other errors are as
// Post's; ErrChannel where the person is unknown or the app has no Home tab
// (not_enabled). A tab that was published twice is the same tab: MaybeTaken need
// not be asked.
func (b *Bot) PublishHome(ctx context.Context, userID string, blocks []slack.Block) error {
	view, err := homeView(blocks)
	if err != nil {
		return err
	}
	return b.call(ctx, methodPublish, "", func(ctx context.Context) error {
		_, err := b.api.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: userID, View: view})
		return err
	})
}

func homeView(blocks []slack.Block) (slack.HomeTabViewRequest, error) {
	view := slack.HomeTabViewRequest{Type: slack.VTHomeTab}
	if len(blocks) > MaxHomeBlocks {
		return view, fmt.Errorf("%w: the Home tab has %d blocks, and Slack takes %d", ErrInvalid, len(blocks), MaxHomeBlocks)
	}
	fitted, err := fitBlocks(blocks)
	if err != nil {
		return view, err
	}
	view.Blocks.BlockSet = fitted
	raw, err := json.Marshal(view)
	if err != nil {
		return view, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(raw) > MaxHome {
		return view, fmt.Errorf("%w: the Home tab is %d bytes long, and Slack takes %d", ErrInvalid, len(raw), MaxHome)
	}
	return view, nil
}
