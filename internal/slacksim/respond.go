package slacksim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Slack's limits for a response_url and a trigger_id.
const (
	maxHookUses = 5
	hookLife    = 30 * time.Minute
)

// hook is one response_url.
type hook struct {
	inv  *Invocation
	made time.Time
	uses int
}

// trigger is one trigger_id.
type trigger struct {
	inv  *Invocation
	made time.Time
	used bool
}

// newHook makes a response_url. s.mu is held.
func (s *Sim) newHook(inv *Invocation, kind string) string {
	path := "/" + kind + "/" + s.TeamID + "/" + strings.ReplaceAll(uuid.NewString(), "-", "")
	s.hooks[path] = &hook{inv: inv, made: s.Now()}
	return s.URL() + path
}

// newTrigger makes a trigger_id. s.mu is held.
func (s *Sim) newTrigger(inv *Invocation) string {
	s.serial++
	id := fmt.Sprintf("%d.%d.%s", s.serial, s.Now().UnixMilli(), strings.ReplaceAll(uuid.NewString(), "-", ""))
	s.triggers[id] = &trigger{inv: inv, made: s.Now()}
	return id
}

// loose is a bool that Slack also takes as a text.
type loose bool

func (b *loose) UnmarshalJSON(raw []byte) error {
	*b = loose(isTrue(strings.Trim(string(raw), `"`)))
	return nil
}

// response is what an app answers in an ack or by response_url.
type response struct {
	Text         string          `json:"text"`
	Blocks       json.RawMessage `json:"blocks"`
	Attachments  json.RawMessage `json:"attachments"`
	ResponseType string          `json:"response_type"`
	Replace      loose           `json:"replace_original"`
	Delete       loose           `json:"delete_original"`
	ThreadTS     string          `json:"thread_ts"`
	Metadata     *Metadata       `json:"metadata"`
}

func (s *Sim) serveHook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	args := map[string]string{}
	invalid := jsonArguments(body, args)
	args["path"] = r.URL.Path
	s.mu.Lock()
	call := s.record(ResponseURL, args)
	fault := s.takeFault(ResponseURL, args)
	s.mu.Unlock()

	s.answer(w, r, call, fault, func() (reply, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		err := s.respond(r.URL.Path, body, invalid)
		call.Taken = err == nil
		return nil, err
	})
}

// respond does what was asked of a response_url. s.mu is held.
func (s *Sim) respond(path string, body []byte, invalid error) error {
	h := s.hooks[path]
	switch {
	case h == nil:
		return &apiError{code: "no_hook", status: http.StatusNotFound}
	case s.Now().Sub(h.made) > hookLife:
		s.violate(WornResponseURL, "that of %s was used after %s", h.inv.What, hookLife)
		return &apiError{code: "expired_url", status: http.StatusNotFound}
	case h.uses >= maxHookUses:
		s.violate(WornResponseURL, "that of %s was used more than %d times", h.inv.What, maxHookUses)
		return &apiError{code: "used_url", status: http.StatusNotFound}
	case invalid != nil:
		return &apiError{code: "invalid_payload", status: http.StatusBadRequest}
	}
	h.uses++
	return h.inv.show(ResponseURL, body)
}

// showAck shows what came with the ack of a command, if anything did, and
// returns Slack's code for what is wrong with it. s.mu is held.
func (inv *Invocation) showAck(payload json.RawMessage) string {
	if payload == nil {
		return ""
	}
	return codeOf(inv.show("ack", payload))
}

// show puts an answer before the person. s.mu is held.
func (inv *Invocation) show(method string, body []byte) error {
	s := inv.s
	var r response
	if json.Unmarshal(body, &r) != nil {
		if json.Unmarshal(body, &r.Text) != nil { // a bare string will do
			return &apiError{code: "invalid_payload", status: http.StatusBadRequest}
		}
	}
	if bool(r.Delete) {
		if inv.original != nil && !inv.original.Deleted {
			s.remove(inv.original)
		}
		return nil
	}
	what, err := s.responseContent(method, r)
	if err != nil {
		return err
	}
	if bool(r.Replace) && inv.mayReplace() {
		s.edit(inv.original, what)
		return nil
	}
	m := &Message{
		Channel: inv.ChannelID, User: s.BotUserID, ThreadTS: r.ThreadTS, Trigger: inv.TriggerID,
		Text: what.text, Blocks: what.blocks, Metadata: what.metadata,
	}
	if r.ResponseType != "in_channel" {
		m.For = inv.UserID
	}
	inv.answers = append(inv.answers, s.post(m))
	if inv.kind == kindCommand {
		inv.original = m
	}
	return nil
}

// mayReplace reports whether there is something to replace. s.mu is held.
func (inv *Invocation) mayReplace() bool {
	if inv.original == nil || inv.original.Deleted {
		return false
	}
	return inv.kind != kindCommand || inv.s.cfg.commandsReplace
}

// responseContent checks an answer as chat.postMessage would. s.mu is held.
func (s *Sim) responseContent(method string, r response) (content, error) {
	what := content{text: r.Text, metadata: r.Metadata}
	if n := utf8.RuneCountInString(r.Text); n > maxPostText {
		s.violate(LongText, "%s: %d characters of text, %d are allowed", method, n, maxPostText)
		return what, &apiError{code: "msg_too_long", status: http.StatusBadRequest}
	}
	raw := string(r.Blocks)
	if raw == "null" {
		raw = ""
	}
	var quoted string
	if json.Unmarshal(r.Blocks, &quoted) == nil {
		raw = quoted
	}
	blocks, err := s.readBlocks(method, raw, inMessage)
	if err != nil {
		return what, badRequest(err)
	}
	what.blocks = blocks
	if strings.TrimSpace(r.Text) == "" && len(blocks) == 0 && isEmpty(r.Attachments) {
		return what, &apiError{code: "no_text", status: http.StatusBadRequest}
	}
	s.inspect(method, what)
	return what, nil
}

// badRequest gives an error the status that response_urls answer with.
func badRequest(err error) error {
	if e, ok := err.(*apiError); ok {
		e.status = http.StatusBadRequest
	}
	return err
}
