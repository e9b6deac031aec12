package bot

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/slack-go/slack"
)

// What a caller can do about a call that failed. Test with errors.Is; the
// error itself is an *APIError or a *RateLimitedError.
var (
	// ErrChannel: Slack knows no such channel or person, it is archived, the bot
	// is no member, or rules forbid the message, the channel's or the workspace's.
	// Asking again helps only after a person changed something.
	ErrChannel = errors.New("the channel can't be posted to")
	// ErrMessageGone: the message to edit or reply to was deleted or may no
	// longer be edited. Post afresh.
	ErrMessageGone = errors.New("the message is gone or can't be edited")
	// ErrInvalid: Slack will never take this call as it stands: a fault in
	// the message (invalid_blocks), or an answer that this package does not
	// know. Words alone may still get through; where they don't, a caller
	// does best to see it as ErrChannel.
	ErrInvalid = errors.New("the call is not accepted as it stands")
	// ErrAuth: the token is wrong, revoked or expired. Run ends because of it,
	// at once or after Config.RefusedFor.
	ErrAuth = errors.New("the token is refused")
	// ErrNoScope: the token lacks a scope that this one method needs.
	ErrNoScope = errors.New("the token lacks a scope")
	// ErrUnavailable: no answer, a broken one, or one that says that Slack
	// itself failed. Ask again later; MaybeTaken tells whether that may double.
	ErrUnavailable = errors.New("no usable answer from Slack")
)

// APIError is a Web API call, or an answer to a response_url, that failed.
// Its text holds no token and no URL.
type APIError struct {
	Method string // "chat.postMessage"
	Code   string // Slack's own word, "channel_not_found"; empty where it gave none

	kind   error // one of the sentinels
	cause  error
	taken  bool
	unsent bool // held back on purpose
}

func (e *APIError) Error() string {
	switch {
	case e.Code != "":
		return e.Method + ": " + e.Code
	case e.cause != nil:
		return e.Method + ": " + redact(e.cause.Error())
	}
	return e.Method + ": " + e.kind.Error()
}

// Unwrap lets errors.Is find the sentinel, and context.Canceled.
func (e *APIError) Unwrap() []error { return []error{e.kind, e.cause} }

// MaybeTaken tells whether Slack may have done what a failed call asked for.
// It is false only when that is certain: the request never left, or Slack
// refused it. Repeating a call that may have been taken may show a message twice.
func MaybeTaken(err error) bool {
	var (
		limited *RateLimitedError
		api     *APIError
	)
	switch {
	case err == nil, errors.As(err, &limited):
		return false
	case errors.As(err, &api):
		return api.taken
	}
	return !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrUnanswerable) && !errors.Is(err, ErrLapsed)
}

// RateLimitedError says that a method may be called again only after a while.
// It is also returned without asking Slack, when this bot's own limiter says so.
type RateLimitedError struct {
	Method string
	After  time.Duration
}

func (e *RateLimitedError) Error() string {
	return fmt.Sprintf("%s: rate limited, may be called again in %s", e.Method, e.After.Round(time.Millisecond))
}

// The variables that a FatalError can name.
const (
	VarBotToken = "SLACK_BOT_TOKEN"
	VarAppToken = "SLACK_APP_TOKEN"
	VarAPIURL   = "SLACK_API_URL"
)

// FatalError ends Run: no retry can help, a person has to change a variable.
type FatalError struct {
	Variable string // VarBotToken, VarAppToken or VarAPIURL
	Code     string // Slack's word: "token_revoked"
	Advice   string // what to do, a sentence

	scope string // that is missing
}

func (e *FatalError) Error() string {
	if e.Variable == VarAPIURL {
		return e.Variable + ": " + e.Advice
	}
	return fmt.Sprintf("Slack refuses %s (%s). %s", e.Variable, e.Code, e.Advice)
}

// newFatal words a refusal of a token for the person who can renew it.
func newFatal(variable, code, scope string) *FatalError {
	kind, renew := "a bot token, xoxb-…", "Reinstall the app (api.slack.com/apps, Install App) and put its Bot User OAuth Token into "+VarBotToken+"."
	if variable == VarAppToken {
		kind, renew = "an app-level token, xapp-…", "Make a new app-level token with the scope connections:write (api.slack.com/apps, Basic Information, App-Level Tokens) and put it into "+VarAppToken+"."
	}
	advice := renew
	switch code {
	case "not_allowed_token_type":
		advice = "It has to be " + kind + ". " + renew
	case "token_expired":
		advice = "Switch token rotation off for this app: its tokens run out after hours. " + renew
	case "missing_scope":
		if variable == VarBotToken {
			advice = fmt.Sprintf("Add the bot scope %s (api.slack.com/apps, OAuth & Permissions). %s", scope, renew)
		}
	}
	return &FatalError{Variable: variable, Code: code, Advice: advice, scope: scope}
}

// tokenRefused holds Slack's words for a token that no retry will mend.
var tokenRefused = map[string]bool{
	"invalid_auth": true, "not_authed": true, "account_inactive": true,
	"token_revoked": true, "token_expired": true, "not_allowed_token_type": true,
	"forbidden_team": true,
}

// kinds maps Slack's words to what a caller can do about them. Whatever is
// not here is ErrInvalid: a word that nobody foresaw is no reason to hammer.
var kinds = map[string]error{
	"channel_not_found": ErrChannel, "not_in_channel": ErrChannel, "is_archived": ErrChannel,
	"restricted_action": ErrChannel, "user_not_found": ErrChannel, "cannot_dm_bot": ErrChannel,
	"messages_tab_disabled": ErrChannel, "user_disabled": ErrChannel, "team_not_found": ErrChannel,
	"access_denied": ErrChannel, "ekm_access_denied": ErrChannel,
	"is_inactive": ErrChannel, "external_channel_migrating": ErrChannel,
	"team_access_not_granted": ErrChannel, "enterprise_is_restricted": ErrChannel,
	"users_not_found": ErrChannel, "user_not_visible": ErrChannel, "cannot_dm_self": ErrChannel,
	"user_is_bot": ErrChannel, "user_is_restricted": ErrChannel, "user_is_ultra_restricted": ErrChannel,
	"not_enabled":                             ErrChannel, // the app has no Home tab
	"method_not_supported_for_channel_type":   ErrChannel,
	"slack_connect_file_link_sharing_blocked": ErrChannel, "two_factor_setup_required": ErrChannel,

	"message_not_found": ErrMessageGone, "cant_update_message": ErrMessageGone,
	"edit_window_closed": ErrMessageGone, "thread_not_found": ErrMessageGone,
	"invalid_thread_ts": ErrMessageGone, "cannot_reply_to_message": ErrMessageGone,
	"streaming_state_conflict": ErrMessageGone,

	"missing_scope": ErrNoScope, "no_permission": ErrNoScope,

	"internal_error": ErrUnavailable, "fatal_error": ErrUnavailable,
	"service_unavailable": ErrUnavailable, "request_timeout": ErrUnavailable,
	"update_failed":     ErrUnavailable,
	"team_added_to_org": ErrUnavailable, "org_login_required": ErrUnavailable, "accesslimited": ErrUnavailable,
}

// turnedAway holds the words of ErrUnavailable with which Slack says that it
// did not even look at the call. After the others it may have done it.
var turnedAway = map[string]bool{"team_added_to_org": true, "org_login_required": true, "accesslimited": true}

// limitedWords are the ways in which Slack says "too often" in a 200.
var limitedWords = map[string]bool{"ratelimited": true, "rate_limited": true, "message_limit_exceeded": true}

// defaultRetryAfter is waited for when a 429 does not say for how long.
const defaultRetryAfter = 10 * time.Second

// classify turns what the library returned for a call into this package's
// errors. trip holds what the library does not hand on.
func classify(method string, err error, trip *trip) error {
	if err == nil {
		return nil
	}
	if held := trip.heldBack(); held != nil {
		return &APIError{Method: method, kind: held.kind, cause: held.cause, unsent: true}
	}
	var (
		answer  slack.SlackErrorResponse
		limited *slack.RateLimitedError
		status  slack.StatusCodeError
	)
	isStatus := errors.As(err, &status)
	isAnswer := errors.As(err, &answer)
	switch {
	case errors.As(err, &limited),
		isStatus && status.Code == http.StatusTooManyRequests,
		trip.limited(), // Retry-After was no number, and the library stumbled over it
		isAnswer && limitedWords[answer.Err]:
		after := trip.retryAfter()
		if limited != nil && limited.RetryAfter > 0 {
			after = limited.RetryAfter
		}
		return &RateLimitedError{Method: method, After: after}
	case isAnswer:
		kind := kindOf(answer.Err)
		return &APIError{Method: method, Code: answer.Err, kind: kind, cause: err, taken: kind == ErrUnavailable && !turnedAway[answer.Err]}
	}
	return &APIError{Method: method, kind: ErrUnavailable, cause: withoutURL(err), taken: trip.left()}
}

func kindOf(code string) error {
	if tokenRefused[code] {
		return ErrAuth
	}
	if kind := kinds[code]; kind != nil {
		return kind
	}
	if strings.HasPrefix(code, "restricted_action") {
		return ErrChannel
	}
	return ErrInvalid
}

// withoutURL takes the address out of what net/http says: a response_url and
// a WebSocket ticket are as good as a password while they last.
func withoutURL(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		if wrapped.Timeout() && !errors.Is(wrapped.Err, context.DeadlineExceeded) {
			return errors.New("no answer in time")
		}
		return plain(wrapped.Err)
	}
	return err
}

// plain lets through what net/http says in words of its own. The rest quotes
// whoever answered, who may quote what was sent to them: a proxy its login.
func plain(err error) error {
	var (
		network net.Error
		status  = err.Error()
		cert    *tls.CertificateVerificationError
		alert   tls.AlertError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &network), errors.As(err, &cert), errors.As(err, &alert), errors.As(err, &record),
		errors.Is(err, http.ErrSchemeMismatch), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, new(syscall.Errno)):
		return err
	}
	for code := 100; code < 600; code++ {
		if http.StatusText(code) == status {
			return fmt.Errorf("the proxy answers %d %s", code, status)
		}
	}
	return errNoHTTP
}

var errNoHTTP = errors.New("no usable answer")

var secrets = regexp.MustCompile(`xox[a-z]?[a-z.]*-[0-9A-Za-z-]+|xapp-[0-9A-Za-z-]+|ticket=[^&\s"]+`)

// redact cuts everything that looks like a token or a ticket out of a text
// that somebody else wrote.
func redact(text string) string { return secrets.ReplaceAllString(text, "[secret]") }
