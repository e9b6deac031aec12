package bot

import (
	"errors"
	"time"

	"github.com/slack-go/slack"
)

// Observer is told what happens, for metrics. Each function may be nil. They
// are called inline, from many goroutines, and must return at once.
type Observer struct {
	// Ack: an ack was written. took is from the envelope being read to that.
	Ack func(kind Kind, took time.Duration)
	// Call: a request to Slack is over, method "chat.postMessage" and so on, or
	// "response_url". What this bot's own limiter held back is none. result:
	//
	//	ok            it did what was asked
	//	rate_limited  Slack wants to be left alone for a while
	//	auth          the token is refused, or lacks a scope
	//	channel       the channel can't be posted to
	//	gone          the message, or the response_url, is no more
	//	invalid       not accepted as it stands
	//	unavailable   Slack could not be reached, or says that it failed
	//	lost          it was sent, and no answer came: it may have been taken
	//	fenced        held back, see WithFence
	Call func(method, result string, took time.Duration)
	// Refused: a request never reached the handler, and the person is told so in
	// words, but for a Home. why: "team" (another workspace's), "command" (another one), "busy",
	// "stopping", "starting" (Slack has not said yet which workspace the bot is in).
	Refused func(r *Request, why string)
	// Left: a request was left alone, neither acked nor answered. why: "stopping"
	// (another process gets it from Slack), "late" (this process was frozen, and
	// Slack has told the person of a failure, or gives it to another one).
	Left func(r *Request, why string)
	// Repeated: Slack sent a request again, and it was not handed on again.
	Repeated func(kind Kind)
	// Connected: a socket said hello. Disconnected: one that had, ended. reason:
	// Slack's word ("refresh_requested", "warning", "too_many_websockets",
	// "link_disabled"), "closed" where it gave none, "silent", "stuck", "frozen",
	// "stopping", or "error".
	Connected    func()
	Disconnected func(reason string)
}

func (o Observer) ack(kind Kind, took time.Duration) {
	if o.Ack != nil {
		o.Ack(kind, took)
	}
}

func (o Observer) call(method string, err error, took time.Duration) {
	if o.Call != nil {
		o.Call(method, resultOf(err), took)
	}
}

func (o Observer) refused(r *Request, why string) {
	if o.Refused != nil {
		o.Refused(r, why)
	}
}

func (o Observer) left(r *Request, why string) {
	if o.Left != nil {
		o.Left(r, why)
	}
}

func (o Observer) repeated(kind Kind) {
	if o.Repeated != nil {
		o.Repeated(kind)
	}
}

func (o Observer) connected() {
	if o.Connected != nil {
		o.Connected()
	}
}

func (o Observer) disconnected(reason string) {
	if o.Disconnected != nil {
		o.Disconnected(reason)
	}
}

// resultOf words an outcome for [Observer].Call.
func resultOf(err error) string {
	var (
		limited *RateLimitedError
		status  slack.StatusCodeError
		api     *APIError
	)
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &limited):
		return "rate_limited"
	case errors.As(err, &api) && api.unsent:
		return "fenced"
	case errors.Is(err, ErrAuth), errors.Is(err, ErrNoScope):
		return "auth"
	case errors.Is(err, ErrChannel):
		return "channel"
	case errors.Is(err, ErrMessageGone), errors.Is(err, ErrUnanswerable):
		return "gone"
	case errors.Is(err, ErrInvalid):
		return "invalid"
	case api != nil && api.taken && api.Code == "" && !errors.As(err, &status):
		return "lost"
	}
	return "unavailable"
}
