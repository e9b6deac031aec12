package bot

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"
)

// Kind is what a person did.
type Kind string

const (
	Command    Kind = "command"    // typed a slash command
	Action     Kind = "action"     // pressed a button or chose from a menu
	Submission Kind = "submission" // sent a form
	Home       Kind = "home"       // opened the app's Home tab; see PublishHome
)

// Request is one thing that a person did, handed to the handler once. It may be
// answered for half an hour, also after the handler returned. A Home has nothing
// to answer: it is acked at once, and an error of its handler only logged.
type Request struct {
	Kind Kind
	// ID is Slack's trigger_id, of a Home its event_id: the same when Slack sends
	// it again. A trigger_id is good for opening a form within 3 s.
	ID string

	Command, Text string // of a Command: "/import", "raw prod"

	TeamID, UserID, UserName string // TeamID is the person's own, where Slack tells it; a Home has no UserName
	ChannelID                string // empty for a Submission, a Home, and an Action in a view

	// Foreign: the person is of another workspace (Slack Connect); such requests
	// come only of those whom Config.Serves names. Within an Enterprise organisation
	// a press does not tell its people from others: there Person does.
	Foreign bool

	ActionID  string // of an Action: its action_id; of a Submission: the form's callback_id
	Value     string // of an Action: the button's value or the choice; of a Submission: its private_metadata
	MessageTS string // of an Action: the message that holds the button, empty where a view does
	ViewID    string // of an Action in a Home tab or a form: that view; of a Submission: the form
	Ephemeral bool   // of an Action: only the person sees the message that holds the button

	// Interaction is all that Slack sent of an Action or a Submission, nil for a Command.
	Interaction *slack.InteractionCallback

	bot         *Bot
	socket      *socket
	envelopeID  string
	inAck       bool // Slack shows words that travel in this ack
	responseURL string
	received    time.Time

	ackState   atomic.Int32
	apologised atomic.Bool
	ackTimer   atomic.Pointer[time.Timer]

	turn     sync.Mutex // answers go out one after another
	mu       sync.Mutex // guards what follows
	inAckWas *Message   // the answer that travelled in the ack, while it is the only one
	answers  int
	uses     int       // of the response_url
	ackedAt  time.Time // with words
}

// newRequest reads an event of the library's; nil for one that no handler serves.
func newRequest(b *Bot, s *socket, event socketmode.Event) *Request {
	r := &Request{bot: b, socket: s, envelopeID: event.Request.EnvelopeID, received: b.now()}
	switch data := event.Data.(type) {
	case slack.SlashCommand:
		r.fromCommand(data)
		r.inAck = event.Request.AcceptsResponsePayload
	case slack.InteractionCallback:
		if !r.fromInteraction(&data) {
			return nil
		}
	case slackevents.EventsAPIEvent:
		if !r.fromEvent(data) {
			return nil
		}
	default:
		return nil
	}
	if r.ID == "" {
		r.ID = r.envelopeID
	}
	return r
}

func (r *Request) fromCommand(c slack.SlashCommand) {
	r.Kind, r.ID = Command, c.TriggerID
	r.Command, r.Text = c.Command, c.Text
	r.TeamID, r.UserID, r.UserName, r.ChannelID = c.TeamID, c.UserID, c.UserName, c.ChannelID
	r.responseURL = c.ResponseURL
	r.Foreign = !r.bot.isOwnTeam(c.TeamID, c.EnterpriseID, c.IsEnterpriseInstall)
}

func (r *Request) fromInteraction(c *slack.InteractionCallback) bool {
	r.ID, r.Interaction = c.TriggerID, c
	r.TeamID, r.UserID, r.UserName, r.ChannelID = c.Team.ID, c.User.ID, c.User.Name, c.Channel.ID
	r.responseURL = c.ResponseURL
	r.Foreign = !r.bot.isOwnTeam(c.Team.ID, c.Enterprise.ID, c.IsEnterpriseInstall)
	if c.User.TeamID != "" {
		r.TeamID = c.User.TeamID
		r.Foreign = r.bot.isForeign(c.User.TeamID, r.Foreign)
	}
	switch {
	case c.Type == slack.InteractionTypeBlockActions && len(c.ActionCallback.BlockActions) > 0:
		action := c.ActionCallback.BlockActions[0]
		r.Kind, r.ActionID, r.Value = Action, action.ActionID, action.Value
		if r.Value == "" {
			r.Value = action.SelectedOption.Value
		}
		r.MessageTS, r.ViewID, r.Ephemeral = c.Container.MessageTs, c.Container.ViewID, c.Container.IsEphemeral
		if r.ChannelID == "" {
			r.ChannelID = c.Container.ChannelID
		}
	case c.Type == slack.InteractionTypeViewSubmission:
		r.Kind, r.ActionID, r.Value, r.ViewID = Submission, c.View.CallbackID, c.View.PrivateMetadata, c.View.ID
	default:
		return false
	}
	return true
}

// fromEvent reads an event of the Events API: only the opening of the Home tab
// is served.
func (r *Request) fromEvent(e slackevents.EventsAPIEvent) bool {
	envelope, isCallback := e.Data.(*slackevents.EventsAPICallbackEvent)
	opened, isOpening := e.InnerEvent.Data.(*slackevents.AppHomeOpenedEvent)
	if !isCallback || !isOpening || opened.Tab != "home" {
		return false
	}
	r.Kind, r.ID, r.UserID, r.TeamID = Home, envelope.EventID, opened.User, envelope.TeamID
	whole := len(envelope.Authorizations) > 0 && envelope.Authorizations[0].IsEnterpriseInstall
	r.Foreign = !r.bot.isOwnTeam(envelope.TeamID, envelope.EnterpriseID, whole)
	return true
}

// isOwnTeam tells whether something came from this bot's workspace, or, for
// an app that is installed in a whole organisation, from that.
func (b *Bot) isOwnTeam(team, enterprise string, wholeEnterprise bool) bool {
	id := b.Identity()
	if team != "" && team == id.TeamID {
		return true
	}
	return wholeEnterprise && enterprise != "" && enterprise == id.EnterpriseID
}

// isForeign tells whether a person who belongs to that workspace is of another
// than the bot. In a shared channel that says more than where the press came from,
// elsewhere. In an Enterprise organisation people belong to any of its workspaces,
// or to itself, and Slack does not say whose a workspace is: there it is left at that.
func (b *Bot) isForeign(team string, elsewhere bool) bool {
	id := b.Identity()
	return team != id.TeamID && (elsewhere || id.EnterpriseID == "")
}

// Ack tells Slack that the request has come, without words. A handler calls
// it before it asks somebody else. It never waits long and does nothing the second time.
func (r *Request) Ack() {
	if r.socket == nil || r.lapsed() || !r.claimAck() {
		return
	}
	defer r.bot.unacked.Add(-1) // once it is in the socket's queue
	if err := r.socket.ack(r.envelopeID, nil, sentAck{r.Kind, r.received}); err != nil {
		r.bot.log.WithError(err).WithField("connection", r.socket.link.number).Debug("An ack could not be sent; Slack may send the request again")
	}
}

// What became of the ack. Only the first change counts.
const (
	ackOpen int32 = iota
	ackClaimed
	ackLapsed // see ErrLapsed
)

func (r *Request) claimAck() bool {
	if !r.ackState.CompareAndSwap(ackOpen, ackClaimed) {
		return false
	}
	if timer := r.ackTimer.Load(); timer != nil {
		timer.Stop()
	}
	return true
}

// ErrLapsed: the request was not acked while Slack waited for that, because
// this process stood still. Slack has told the person of a failure and may have
// given the request to another process. Say nothing, by no other way either.
var ErrLapsed = errors.New("the request was not acked in time and is not ours any more")

// lapsed tells whether the time for an ack has passed without one, and ends the
// handler if so. Acks never stand in line, so that this happens to a process
// that was frozen, or starved.
func (r *Request) lapsed() bool {
	if isPast(r.received.Add(slackWaits), r.bot.now()) && r.ackState.CompareAndSwap(ackOpen, ackLapsed) {
		r.bot.unacked.Add(-1)
		r.bot.cfg.Observer.left(r, "late")
		r.bot.requestLog(r).Warn("Left a request alone that this process was too late for")
	}
	if r.ackState.Load() != ackLapsed {
		return false
	}
	r.bot.endHandler(r)
	return true
}
