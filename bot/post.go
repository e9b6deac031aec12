package bot

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"
)

// The Web API methods in use.
const (
	methodAuth    = "auth.test"
	methodOpen    = "apps.connections.open"
	methodPost    = "chat.postMessage"
	methodUpdate  = "chat.update"
	methodMembers = "usergroups.users.list"
	methodHistory = "conversations.history"
	methodReplies = "conversations.replies"
	methodPerson  = "users.info"
	methodPublish = "views.publish"
)

// Message is what is said. Text says the whole state in words: notifications
// and screen readers read nothing else. Texts from elsewhere that stand in it or
// in a block go through Escape first. Whatever is longer than Slack takes is cut.
type Message struct {
	Text     string
	Blocks   []slack.Block
	Metadata *Metadata
}

// Metadata travels with a message, for programs. Every app of the workspace
// can read it.
type Metadata struct {
	EventType string
	Payload   map[string]any
}

// Post is a message to be sent.
type Post struct {
	Channel   string // a channel's ID, or a user's for a direct message
	ThreadTS  string // the message to reply to; empty for none
	Broadcast bool   // show the reply in the channel too
	Message
}

// Post sends a message and returns its ts and the channel it stands in, which
// for a direct message is D…. It never waits for a rate limit: it returns
// *RateLimitedError. Other errors: ErrChannel, ErrMessageGone (the thread),
// ErrInvalid, ErrNoScope, ErrAuth, ErrUnavailable; see MaybeTaken before sending again.
func (b *Bot) Post(ctx context.Context, p Post) (ts, channel string, err error) {
	options, err := p.Message.options()
	if err != nil {
		return "", "", err
	}
	options = append(options, slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	if p.ThreadTS != "" {
		options = append(options, slack.MsgOptionTS(p.ThreadTS))
		if p.Broadcast {
			options = append(options, slack.MsgOptionBroadcast())
		}
	}
	err = b.call(ctx, methodPost, p.Channel, func(ctx context.Context) (err error) {
		channel, ts, err = b.api.PostMessageContext(ctx, p.Channel, options...)
		if err == nil && !(messageTS.MatchString(ts) && conversationID.MatchString(channel)) {
			return errNoMessage
		}
		return err
	})
	if err != nil {
		return "", "", err
	}
	return ts, channel, nil
}

// What names a message is stored and shown in links, so it is taken from an
// answer only if it looks like it: what stands between here and Slack may
// answer with anything, with the token that it was sent too.
var (
	messageTS      = regexp.MustCompile(`^[0-9]{1,16}\.[0-9]{1,16}$`)
	conversationID = regexp.MustCompile(`^[A-Z0-9]{1,32}$`)
)

// errNoMessage leaves open whether the message was taken.
var errNoMessage = errors.New("the answer names no message")

// Update replaces a message. Errors are as Post's; ErrMessageGone means that
// it was deleted or may no longer be edited.
func (b *Bot) Update(ctx context.Context, channel, ts string, m Message) error {
	options, err := m.options()
	if err != nil {
		return err
	}
	return b.call(ctx, methodUpdate, channel, func(ctx context.Context) error {
		_, _, _, err := b.api.UpdateMessageContext(ctx, channel, ts, options...)
		return err
	})
}

// options always names the blocks: an edit with a text and no blocks would
// drop them silently, one with an empty list does so on purpose.
func (m Message) options() ([]slack.MsgOption, error) {
	m, err := fit(m)
	if err != nil {
		return nil, err
	}
	options := []slack.MsgOption{slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(m.Blocks...)}
	if m.Metadata != nil {
		options = append(options, slack.MsgOptionMetadata(slack.SlackMetadata{
			EventType: m.Metadata.EventType, EventPayload: m.Metadata.Payload,
		}))
	}
	return options, nil
}

// Permalink is the address of a message. It asks nobody; it is empty until
// the workspace's own address is known.
func (b *Bot) Permalink(channel, ts string) string {
	url := b.Identity().TeamURL
	if url == "" || channel == "" || ts == "" {
		return ""
	}
	return strings.TrimSuffix(url, "/") + "/archives/" + channel + "/p" + strings.ReplaceAll(ts, ".", "")
}

// GroupMembers lists the users of a user group. ErrNoScope where
// usergroups:read was not granted.
func (b *Bot) GroupMembers(ctx context.Context, groupID string) (users []string, err error) {
	if !b.Identity().HasScope("usergroups:read") {
		return nil, &APIError{Method: methodMembers, Code: "missing_scope", kind: ErrNoScope}
	}
	err = b.call(ctx, methodMembers, "", func(ctx context.Context) (err error) {
		users, err = b.api.GetUserGroupMembersContext(ctx, groupID)
		return err
	})
	return users, err
}

const (
	findPage  = 200
	findPages = 10
)

// Find looks for a message of this bot's whose metadata is of eventType and
// matches, not older than oldest: in a thread when threadTS is given, else in
// the channel. It looks at the newest 2,000 messages of a channel, or the
// oldest 2,000 of a thread. ErrNoScope where history scopes were not granted.
func (b *Bot) Find(ctx context.Context, channel, threadTS, eventType string, match func(payload map[string]any) bool, oldest time.Time) (ts string, found bool, err error) {
	// Before Slack has said who the bot is, none of the messages there would be recognised as its own.
	if b.identity.Load() == nil {
		b.awaitFirstCheck(ctx)
	}
	if b.identity.Load() == nil {
		return "", false, fmt.Errorf("look for a message: Slack has not said yet who I am: %w", ErrUnavailable)
	}
	if !b.mayReadHistory() {
		return "", false, &APIError{Method: methodHistory, Code: "missing_scope", kind: ErrNoScope}
	}
	cursor := ""
	for range findPages {
		var messages []slack.Message
		messages, cursor, err = b.page(ctx, channel, threadTS, cursor, oldest)
		if err != nil {
			return "", false, err
		}
		for _, m := range messages {
			if b.isOwn(m) && m.Metadata.EventType == eventType && match(m.Metadata.EventPayload) {
				return m.Timestamp, true, nil
			}
		}
		if cursor == "" {
			return "", false, nil
		}
	}
	return "", false, nil
}

// mayReadHistory is generous: which of the scopes a channel needs depends on
// its kind, and Slack tells soon enough.
func (b *Bot) mayReadHistory() bool {
	id := b.Identity()
	return id.HasScope("channels:history") || id.HasScope("groups:history") || id.HasScope("im:history")
}

// isOwn keeps other apps from passing their messages off as this bot's.
func (b *Bot) isOwn(m slack.Message) bool {
	id := b.Identity()
	return m.User != "" && m.User == id.UserID || m.BotID != "" && m.BotID == id.BotID
}

func (b *Bot) page(ctx context.Context, channel, threadTS, cursor string, oldest time.Time) (messages []slack.Message, next string, err error) {
	since := strconv.FormatInt(oldest.Unix(), 10) + ".000000"
	if threadTS != "" {
		err = b.call(ctx, methodReplies, "", func(ctx context.Context) (err error) {
			messages, _, next, err = b.api.GetConversationRepliesContext(ctx, &slack.GetConversationRepliesParameters{
				ChannelID: channel, Timestamp: threadTS, Cursor: cursor, Oldest: since, Inclusive: true,
				Limit: findPage, IncludeAllMetadata: true,
			})
			return err
		})
		return messages, next, err
	}
	err = b.call(ctx, methodHistory, "", func(ctx context.Context) error {
		got, err := b.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
			ChannelID: channel, Cursor: cursor, Oldest: since, Inclusive: true,
			Limit: findPage, IncludeAllMetadata: true,
		})
		if got != nil {
			messages, next = got.Messages, got.ResponseMetaData.NextCursor
		}
		return err
	})
	return messages, next, err
}

// call makes one Web API call with the bot token, and draws from its outcome
// what it says about that.
func (b *Bot) call(ctx context.Context, method, by string, do func(context.Context) error) error {
	begin := b.now()
	err := b.ask(ctx, method, by, do)
	if err == nil {
		b.worked(begin)
		if method != methodAuth { // which looks at the scopes, too
			b.accept(&b.botToken, func(_ string, refused *FatalError) bool { return refused.scope == "" || speaks(method) })
		}
		return nil
	}
	switch fatal := b.fatalFor(err); {
	case fatal == nil:
	case fatal.Variable == VarBotToken:
		b.refuse(&b.botToken, method, fatal)
	default:
		b.stop(fatal)
	}
	return err
}

// ask makes one Web API call: within the limits, with its outcome judged. by is as in
// limits.take.
func (b *Bot) ask(ctx context.Context, method, by string, do func(context.Context) error) error {
	begin := time.Now()
	if wait := b.limits.take(method, by, begin); wait > 0 {
		return &RateLimitedError{Method: method, After: wait}
	}
	ctx, trip := withTrip(ctx)
	err := classify(method, do(ctx), trip)
	b.cfg.Observer.call(method, err, time.Since(begin))
	if limited := (*RateLimitedError)(nil); errors.As(err, &limited) {
		b.limits.block(method, time.Now().Add(limited.After))
	}
	return err
}

// worked notes a call that went well. What it proves, it proves of the moment
// when it began.
func (b *Bot) worked(begin time.Time) { b.lastCall.advance(begin) }

// speaks tells whether a method is one that the bot can't do without.
func speaks(method string) bool { return method == methodPost || method == methodUpdate }

// fatalFor tells whether an answer means that this bot can't go on. A scope
// that only a nicety needs does not.
func (b *Bot) fatalFor(err error) *FatalError {
	api := (*APIError)(nil)
	if !errors.As(err, &api) {
		return nil
	}
	switch {
	case api.kind == ErrAuth:
		return newFatal(VarBotToken, api.Code, "")
	case api.Code == "missing_scope" && (speaks(api.Method) || api.Method == methodAuth):
		return newFatal(VarBotToken, api.Code, neededScope(api))
	case api.Method == methodAuth:
		if wrong := (*FatalError)(nil); errors.As(b.wrongAddress(err), &wrong) {
			return wrong
		}
	}
	return nil
}

// neededScope is what Slack says is missing.
func neededScope(err *APIError) string {
	var answer slack.SlackErrorResponse
	if errors.As(err, &answer) && answer.Needed != "" {
		return answer.Needed
	}
	return "chat:write"
}

func (b *Bot) sinceGoodCall() time.Duration { return passed(b.lastCall.get(), b.now()) }
