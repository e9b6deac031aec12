package slackweb

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"importbot/internal/slacksim"
)

const (
	maxBody  = 64 << 10
	maxTyped = 12_000 // characters: Slack's limit for what people write
)

// refusal is why something was not done: a sentence for the person.
type refusal struct {
	status int
	words  string
}

func (r *refusal) Error() string { return r.words }

func refuse(w http.ResponseWriter, err error) {
	status := http.StatusUnprocessableEntity
	if r, ok := errors.AsType[*refusal](err); ok {
		status = r.status
	}
	answer(w, status, map[string]string{"error": err.Error()})
}

func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // who asked is gone
}

// act serves something that a person does: its words are read strictly, and what it returns is the answer.
func act[T any](do func(ctx context.Context, said T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var said T
		err := read(w, r, &said)
		var done any
		if err == nil {
			done, err = do(r.Context(), said)
		}
		if err != nil {
			refuse(w, err)
			return
		}
		answer(w, http.StatusOK, done)
	}
}

// read takes in one JSON object and nothing else. That it has to be called JSON keeps out the forms of other sites.
func read(w http.ResponseWriter, r *http.Request, said any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return &refusal{http.StatusUnsupportedMediaType, "What is sent here has to be application/json."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("That is longer than %d bytes.", tooLong.Limit)}
	}
	if err != nil {
		return &refusal{http.StatusBadRequest, "The request broke off."}
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(said)
	if _, more := decoder.Token(); err != nil || more != io.EOF || !strings.HasPrefix(strings.TrimSpace(string(body)), "{") {
		return &refusal{http.StatusBadRequest, "The request can't be read: it has to be one JSON object of the known fields."}
	}
	return nil
}

// who finds the person whom somebody is here.
func (p *Page) who(user string) error {
	if !slices.Contains(p.people, user) {
		return &refusal{http.StatusForbidden, "Nobody on this page is " + quoted(user) + "."}
	}
	return nil
}

// where finds a channel that the person is in. What they are not in they can't even know of.
func (p *Page) where(user, channel string) error {
	if err := p.who(user); err != nil {
		return err
	}
	in := func(c slacksim.Channel) bool { return c.ID == channel }
	if !slices.ContainsFunc(p.slack.Channels(user), in) {
		return &refusal{http.StatusNotFound, fmt.Sprintf("%s is in no channel %s.", p.slack.UserName(user), quoted(channel))}
	}
	return nil
}

// quoted is something that came from outside, short enough for a sentence.
func quoted(text string) string {
	if utf8.RuneCountInString(text) > 40 {
		text = string([]rune(text)[:40]) + "…"
	}
	return fmt.Sprintf("%q", text)
}

// impossible is what Slack does not let a person do, in words.
func impossible(format string, args ...any) error {
	return &refusal{http.StatusUnprocessableEntity, fmt.Sprintf(format, args...)}
}

// line is what a person types and sends off.
type line struct {
	User     string `json:"user"`
	Channel  string `json:"channel"`
	Text     string `json:"text"`
	ThreadTS string `json:"thread_ts"`
}

// check refuses what nobody could type here.
func (p *Page) check(typed line) error {
	if err := p.where(typed.User, typed.Channel); err != nil {
		return err
	}
	if strings.TrimSpace(typed.Text) == "" {
		return impossible("There is nothing to send.")
	}
	if n := utf8.RuneCountInString(typed.Text); n > maxTyped {
		return impossible("That has %d characters; %d can be sent at once.", n, maxTyped)
	}
	return nil
}

// done is what came of an act: an id by which to know the events that belong to it.
type done struct {
	Trigger string `json:"trigger,omitempty"`
	TS      string `json:"ts,omitempty"`
}

func (p *Page) command(_ context.Context, typed line) (any, error) {
	if err := p.check(typed); err != nil {
		return nil, err
	}
	word, rest, _ := strings.Cut(strings.TrimSpace(typed.Text), " ")
	if typed.ThreadTS != "" {
		return nil, impossible("%s does not work in a thread: Slack takes commands in channels only.", quoted(word))
	}
	known := func(c slacksim.SlashCommand) bool { return c.Command == word }
	if commands := p.slack.SlashCommands(); !slices.ContainsFunc(commands, known) {
		return nil, impossible("%s is no command here. Slack takes every line that begins with a slash for one; put a space before it to send it "+
			"as a message.", quoted(word))
	}
	invocation, err := p.slack.Type(slacksim.Typed{UserID: typed.User, ChannelID: typed.Channel, Command: word, Text: rest})
	if err != nil {
		return nil, impossible("That can't be done: %s.", err)
	}
	return done{Trigger: invocation.TriggerID}, nil
}

func (p *Page) message(_ context.Context, typed line) (any, error) {
	if err := p.check(typed); err != nil {
		return nil, err
	}
	if strings.HasPrefix(typed.Text, "/") {
		word, _, _ := strings.Cut(typed.Text, " ")
		return nil, impossible("%s begins with a slash, and so is a command, which works in channels only, not in threads. Put a space before it "+
			"to send it as a message.", quoted(word))
	}
	ts, err := p.slack.Write(slacksim.Written{
		UserID: typed.User, ChannelID: typed.Channel, Text: strings.TrimSpace(typed.Text), ThreadTS: typed.ThreadTS,
	})
	if err != nil {
		return nil, impossible("That can't be sent: %s.", err)
	}
	return done{TS: ts}, nil
}

// pressed is a person using a button or a menu, of a message or, without ts, of their Home tab: as they saw it, which the app may have
// changed in the meantime. A button has to have this value.
type pressed struct {
	User     string `json:"user"`
	Channel  string `json:"channel"`
	TS       string `json:"ts"`
	ActionID string `json:"action_id"`
	BlockID  string `json:"block_id"`
	Value    string `json:"value"`
}

// reasons are why an app did not react, in words, by Slack's code for it.
var reasons = map[string]string{
	slacksim.DispatchFailed:   "The app is not connected, so it never heard of this.",
	slacksim.OperationTimeout: "The app did not answer in time.",
	slacksim.InvalidResponse:  "The app's answer could not be read.",
}

// press answers when the app took it, or did not within the seconds that Slack gives it: until then the person sees that it is under way.
func (p *Page) press(ctx context.Context, on pressed) (any, error) {
	err := p.who(on.User)
	if on.TS != "" && err == nil {
		err = p.where(on.User, on.Channel)
	}
	if err != nil {
		return nil, err
	}
	invocation, err := p.slack.Press(ctx, slacksim.Pressed{
		UserID: on.User, ChannelID: on.Channel, TS: on.TS, ActionID: on.ActionID, BlockID: on.BlockID, Value: on.Value, Old: true,
	})
	if failed, ok := errors.AsType[*slacksim.FailedError](err); ok {
		return nil, impossible("%s", cmp.Or(reasons[failed.Code], err.Error()+"."))
	}
	if err != nil {
		return nil, impossible("That can't be pressed: %s.", err)
	}
	return done{Trigger: invocation.TriggerID}, nil
}

type visitor struct {
	User string `json:"user"`
}

func (p *Page) home(_ context.Context, v visitor) (any, error) {
	if err := p.who(v.User); err != nil {
		return nil, err
	}
	app := p.slack.App()
	if !app.HomeTab {
		return nil, impossible("%s has no Home tab.", app.Name)
	}
	return done{Trigger: p.slack.OpenHome(v.User).TriggerID}, nil
}
