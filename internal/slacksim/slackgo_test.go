package slacksim

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// goClient is slack-go, the library that our own bot uses.
func goClient(s *Sim) *slack.Client {
	return slack.New(s.BotToken, slack.OptionAPIURL(s.APIURL()), slack.OptionAppLevelToken(s.AppToken))
}

func TestSlackGoPostsAndReads(t *testing.T) {
	s := workspace(t)
	s.AddUserGroup("S1", "oncall", "U1", "U2")
	ctx, api := soon(t), goClient(s)
	me, err := api.AuthTestContext(ctx)
	if err != nil || me.TeamID != s.TeamID || me.UserID != s.BotUserID || me.URL != s.TeamURL {
		t.Fatalf("auth.test: %+v, %v", me, err)
	}
	channel, ts, err := api.PostMessageContext(ctx, "C1", slack.MsgOptionText("card", false),
		slack.MsgOptionBlocks(slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", "card", false, false), nil, nil)),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "e", EventPayload: map[string]any{"id": "7"}}))
	if err != nil || channel != "C1" {
		t.Fatalf("chat.postMessage: %s, %v", channel, err)
	}
	if _, _, _, err := api.UpdateMessageContext(ctx, "C1", ts, slack.MsgOptionText("card 2", false),
		slack.MsgOptionBlocks(slack.NewDividerBlock())); err != nil {
		t.Fatalf("chat.update: %v", err)
	}
	page, err := api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{ChannelID: "C1", IncludeAllMetadata: true})
	if err != nil || len(page.Messages) != 1 || page.Messages[0].Metadata.EventPayload["id"] != "7" {
		t.Fatalf("conversations.history: %+v, %v", page, err)
	}
	if members, err := api.GetUserGroupMembersContext(ctx, "S1"); err != nil || len(members) != 2 {
		t.Errorf("usergroups.users.list: %v, %v", members, err)
	}
	s.Check(t)
}

func TestSlackGoReadsErrorsAndLimits(t *testing.T) {
	s := workspace(t)
	ctx, api := soon(t), goClient(s)
	_, _, err := api.PostMessageContext(ctx, "C1", slack.MsgOptionText("x", false), slack.MsgOptionBlocks(slack.NewHeaderBlock(slack.NewTextBlockObject("plain_text", "", false, false))))
	var refused slack.SlackErrorResponse
	if !errors.As(err, &refused) || refused.Err != "invalid_blocks" || len(refused.ResponseMetadata.Messages) == 0 {
		t.Errorf("invalid blocks: %#v", err)
	}
	s.Fail("chat.postMessage", Fault{RetryAfter: 7 * time.Second})
	_, _, err = api.PostMessageContext(ctx, "C1", slack.MsgOptionText("x", false))
	var limited *slack.RateLimitedError
	if !errors.As(err, &limited) || limited.RetryAfter != 7*time.Second {
		t.Errorf("documented 429: %#v", err)
	}
	s.Fail("auth.test", Fault{Status: 429})
	s.Fail("auth.test", Fault{Status: 429, RetryAfter: time.Second, Shape: NoRetryAfter})
	s.Fail("auth.test", Fault{Status: 429, Shape: OKFalse})
	var status slack.StatusCodeError
	for range 2 {
		if _, err = api.AuthTestContext(ctx); !errors.As(err, &status) || status.Code != 429 {
			t.Errorf("429 without Retry-After: %#v", err)
		}
	}
	if _, err = api.AuthTestContext(ctx); err == nil || err.Error() != "ratelimited" {
		t.Errorf("ok false: %#v", err)
	}
}

func TestSlackGoInSocketMode(t *testing.T) {
	s := workspace(t)
	ctx, cancel := context.WithCancel(soon(t))
	client := socketmode.New(goClient(s))
	ended := make(chan error, 1)
	go func() { ended <- client.RunContext(ctx) }()
	go func() {
		for {
			select {
			case event := <-client.Events: // which is never closed: the client may still write to it when it has ended
				if command, ok := event.Data.(slack.SlashCommand); ok {
					client.AckCtx(ctx, event.Request.EnvelopeID, map[string]any{"text": "you said " + command.Text})
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	if err := s.Wait(ctx, func() bool { return s.Ready() == 1 }); err != nil {
		t.Fatal(err)
	}
	inv, err := s.Command(ctx, typed("raw prod"))
	if err != nil {
		t.Fatal(err)
	}
	if got := inv.Answers(); len(got) != 1 || got[0].Text != "you said raw prod" {
		t.Errorf("got %+v", got)
	}
	s.Disconnect(RefreshRequested, 0)
	if err := s.Wait(ctx, func() bool { return s.Ready() == 1 }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Command(ctx, typed("again")); err != nil {
		t.Error(err)
	}
	s.Check(t)
	cancel()
	<-ended
}
