package slacksim

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Pressed is a person using a button or a menu: of a message (ChannelID and
// TS), of a modal (ViewID) or of their Home tab (neither).
type Pressed struct {
	UserID        string
	ChannelID, TS string
	ViewID        string
	ActionID      string
	BlockID       string // only where the action_id alone is not enough
	// Value is the option chosen, by its value; a button has its own.
	Value string
	// Old lets it be an element of an earlier state of the message or the Home
	// tab: what people see is as old as the network to them is slow, and a dialog
	// stays open while the app changes what it came from. Of the states with such
	// an element the newest counts; a button has to have Value there.
	Old bool
	// TeamID makes it come from another workspace, the whole payload of it; by
	// itself a person of another workspace presses in this one.
	TeamID string
}

// Press uses a button or a menu and waits until the app acked it.
func (s *Sim) Press(ctx context.Context, pressed Pressed) (*Invocation, error) {
	inv, err := s.Tap(pressed)
	if err != nil {
		return nil, err
	}
	return inv, inv.Wait(ctx)
}

// Tap is Press without the waiting.
func (s *Sim) Tap(p Pressed) (*Invocation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[p.UserID] == nil {
		return nil, fmt.Errorf("there is no user %q; see AddUser", p.UserID)
	}
	if !s.app.Interactive {
		return nil, errors.New("this app takes no presses: its manifest has interactivity switched off")
	}
	if p.TS != "" {
		return s.pressInMessage(p)
	}
	return s.pressInView(p)
}

func (s *Sim) pressInMessage(p Pressed) (*Invocation, error) {
	c, err := s.place(p.UserID, p.ChannelID)
	if err != nil {
		return nil, err
	}
	m := c.find(p.TS)
	if m == nil || m.Ephemeral() && m.For != p.UserID {
		return nil, fmt.Errorf("%s sees no message %s in %s", p.UserID, p.TS, p.ChannelID)
	}
	states := []json.RawMessage{m.Blocks}
	for _, version := range slices.Backward(m.Edits) {
		states = append(states, version.Blocks)
	}
	action, err := findAction(states, p)
	if err != nil {
		return nil, err
	}
	inv := s.invoke(kindInteractive, "the action "+p.ActionID, p.UserID, c.id, false)
	inv.ResponseURL, inv.original = s.newHook(inv, "actions"), m
	payload := s.interaction(inv, "block_actions", p.TeamID)
	payload["actions"], payload["response_url"] = []any{s.acted(action)}, inv.ResponseURL
	payload["channel"] = reply{"id": c.id, "name": channelLabel(c)}
	payload["state"] = reply{"values": reply{}}
	container := reply{"type": "message", "message_ts": m.TS, "channel_id": c.id, "is_ephemeral": m.Ephemeral()}
	if m.ThreadTS != "" {
		container["thread_ts"] = m.ThreadTS
	}
	payload["container"] = container
	if !m.Ephemeral() {
		payload["message"] = s.render(c, m, true)
	}
	inv.payload = payload
	s.tell(Event{
		Kind: ActionPressed, User: p.UserID, Channel: c.id, Text: plainText(action["text"]), Trigger: inv.TriggerID, Message: m.copy(),
	})
	s.start(inv)
	return inv, nil
}

func (s *Sim) pressInView(p Pressed) (*Invocation, error) {
	v := s.views[p.ViewID]
	if p.ViewID == "" {
		v = s.homes[p.UserID]
	}
	if v == nil || !v.Open || v.User != p.UserID {
		return nil, fmt.Errorf("%s has no view %q open", p.UserID, p.ViewID)
	}
	states := []json.RawMessage{v.Blocks}
	for _, e := range slices.Backward(s.story) {
		if e.View != nil && e.View.ID == v.ID && p.Old {
			states = append(states, e.View.Blocks)
		}
	}
	action, err := findAction(states, p)
	if err != nil {
		return nil, err
	}
	inv := s.invoke(kindInteractive, "the action "+p.ActionID, p.UserID, "", false)
	payload := s.interaction(inv, "block_actions", p.TeamID)
	payload["actions"] = []any{s.acted(action)}
	payload["container"] = reply{"type": "view", "view_id": v.ID}
	payload["view"] = s.renderView(v, nil)
	inv.payload = payload
	s.tell(Event{Kind: ActionPressed, User: p.UserID, Text: plainText(action["text"]), Trigger: inv.TriggerID, View: new(v.copy())})
	s.start(inv)
	return inv, nil
}

// interaction is what every interactive payload begins with. s.mu is held.
func (s *Sim) interaction(inv *Invocation, kind, team string) reply {
	name := s.userName(inv.UserID)
	return reply{
		"type": kind, "token": "sim-verification", "api_app_id": s.AppID, "trigger_id": inv.TriggerID,
		"team":       reply{"id": cmp.Or(team, s.TeamID), "domain": s.TeamName},
		"user":       reply{"id": inv.UserID, "username": name, "name": name, "team_id": s.teamOf(inv.UserID, team)},
		"enterprise": nil, "is_enterprise_install": false,
	}
}

// acted stamps an action. s.mu is held.
func (s *Sim) acted(action map[string]any) map[string]any {
	action["action_ts"] = s.timestamp()
	return action
}

// findAction looks for an element and makes of it what a payload says of it.
// The states are those of a message or a view, the present one first.
func findAction(states []json.RawMessage, p Pressed) (map[string]any, error) {
	if !p.Old {
		states = states[:1]
	}
	for _, blocks := range states {
		for _, element := range interactiveElements(withIDs(blocks)) {
			if p.means(element) {
				return chooseValue(element, p.Value)
			}
		}
	}
	var known []string
	for _, element := range interactiveElements(states[0]) {
		known = append(known, fmt.Sprint(element["action_id"]))
	}
	return nil, fmt.Errorf("there is nothing to press with action_id %q; there is %q", p.ActionID, known)
}

// means reports whether this is the element that was pressed.
func (p Pressed) means(element map[string]any) bool {
	value, _ := element["value"].(string)
	other := p.Old && element["type"] == "button" && value != p.Value
	return element["action_id"] == p.ActionID && (p.BlockID == "" || p.BlockID == element["block_id"]) && !other
}

// interactiveElements returns all elements with an action_id, each with the
// block_id of its block.
func interactiveElements(blocks json.RawMessage) []map[string]any {
	var list []map[string]any
	if json.Unmarshal(blocks, &list) != nil {
		return nil
	}
	var out []map[string]any
	for _, block := range list {
		elements, _ := block["elements"].([]any)
		for _, candidate := range append(elements, block["accessory"], block["element"]) {
			if element, ok := candidate.(map[string]any); ok && element["action_id"] != nil {
				element["block_id"] = block["block_id"]
				out = append(out, element)
			}
		}
	}
	return out
}

// chooseValue gives an element what the person chose in it, in the field that
// belongs to its kind.
func chooseValue(element map[string]any, value string) (map[string]any, error) {
	out := map[string]any{"action_id": element["action_id"], "block_id": element["block_id"], "type": element["type"]}
	switch kind, _ := element["type"].(string); kind {
	case "button":
		for _, key := range []string{"text", "value", "style", "url", "confirm"} {
			if element[key] != nil {
				out[key] = element[key]
			}
		}
	case "static_select", "radio_buttons", "overflow", "external_select":
		option, err := findOption(element, value)
		if err != nil {
			return nil, err
		}
		out["selected_option"] = option
	case "multi_static_select", "checkboxes":
		options := []any{}
		for _, one := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' }) {
			option, err := findOption(element, one)
			if err != nil {
				return nil, err
			}
			options = append(options, option)
		}
		out["selected_options"] = options
	default:
		out[valueField(kind)] = orNull(value)
	}
	return out, nil
}

// valueField is where a payload has what was entered into other elements.
func valueField(kind string) string {
	switch kind {
	case "users_select":
		return "selected_user"
	case "conversations_select":
		return "selected_conversation"
	case "channels_select":
		return "selected_channel"
	case "datepicker":
		return "selected_date"
	case "timepicker":
		return "selected_time"
	}
	return "value"
}

func orNull(value string) any {
	if value == "" {
		return nil
	}
	return value
}

func findOption(element map[string]any, value string) (any, error) {
	if value == "" {
		return nil, nil
	}
	options, _ := element["options"].([]any)
	groups, _ := element["option_groups"].([]any)
	for _, group := range groups {
		of, _ := group.(map[string]any)
		more, _ := of["options"].([]any)
		options = append(options, more...)
	}
	for _, candidate := range options {
		if option, ok := candidate.(map[string]any); ok && option["value"] == value {
			return option, nil
		}
	}
	return nil, fmt.Errorf("%v has no option %q", element["action_id"], value)
}

// Submission is a person sending a modal off.
type Submission struct {
	UserID string
	ViewID string
	// Values is what was entered, by action_id: a text, an option's value, or
	// several separated by commas.
	Values map[string]string
}

// Submit sends a modal off and waits until the app acked it. What the app
// found wrong with the values is then in the [View]'s Errors.
func (s *Sim) Submit(ctx context.Context, sub Submission) (*Invocation, error) {
	inv, err := s.submit(sub)
	if err != nil {
		return nil, err
	}
	return inv, inv.Wait(ctx)
}

func (s *Sim) submit(sub Submission) (*Invocation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.front(sub.UserID, sub.ViewID)
	if err != nil {
		return nil, err
	}
	state, err := enter(v.Blocks, sub.Values)
	if err != nil {
		return nil, err
	}
	inv := s.invoke(kindInteractive, "the modal "+v.Title, v.User, "", true)
	payload := s.interaction(inv, "view_submission", "")
	payload["view"], payload["response_urls"] = s.renderView(v, state), []any{}
	inv.payload = payload
	inv.onAck = func(payload json.RawMessage) string { return s.afterSubmit(inv, v, payload) }
	s.tell(Event{Kind: ViewSubmitted, User: v.User, Text: v.Title, Trigger: inv.TriggerID, View: new(v.copy())})
	s.start(inv)
	return inv, nil
}

// front finds a modal and sees that it is the one in front. s.mu is held.
func (s *Sim) front(userID, viewID string) (*view, error) {
	stack := s.stack(userID)
	if len(stack) == 0 || stack[len(stack)-1].ID != viewID {
		return nil, fmt.Errorf("%s has no modal %q in front", userID, viewID)
	}
	return stack[len(stack)-1], nil
}

// enter makes the state that a submission carries: every input with what was
// entered, or what it had from the beginning.
func enter(blocks json.RawMessage, values map[string]string) (map[string]any, error) {
	state := map[string]any{}
	var known []string
	for _, element := range interactiveElements(blocks) {
		actionID, _ := element["action_id"].(string)
		blockID, _ := element["block_id"].(string)
		known = append(known, actionID)
		if element["type"] == "button" {
			continue
		}
		value, given := values[actionID]
		if initial, ok := element["initial_value"].(string); ok && !given {
			value = initial
		}
		chosen, err := chooseValue(element, value)
		if err != nil {
			return nil, err
		}
		delete(chosen, "action_id")
		delete(chosen, "block_id")
		if option := element["initial_option"]; option != nil && !given {
			chosen["selected_option"] = option
		}
		of, _ := state[blockID].(map[string]any)
		if of == nil {
			of = map[string]any{}
			state[blockID] = of
		}
		of[actionID] = chosen
	}
	for actionID := range values {
		if !slices.Contains(known, actionID) {
			return nil, fmt.Errorf("the modal has no input %q; it has %q", actionID, known)
		}
	}
	return state, nil
}

// afterSubmit does with the modal what the app's ack says. s.mu is held.
func (s *Sim) afterSubmit(inv *Invocation, v *view, payload json.RawMessage) string {
	var answer struct {
		Action string            `json:"response_action"`
		View   json.RawMessage   `json:"view"`
		Errors map[string]string `json:"errors"`
	}
	if payload != nil && json.Unmarshal(payload, &answer) != nil {
		return "its payload can't be read"
	}
	switch answer.Action {
	case "", "clear":
		s.closeViews(v, answer.Action == "clear")
	case "errors":
		return s.refuseSubmit(inv, v, answer.Errors)
	case "update", "push":
		sent, err := s.readView("the ack of "+inv.What, string(answer.View), "modal")
		if err != nil {
			return codeOf(err)
		}
		kind := ViewUpdated
		if answer.Action == "push" {
			v, kind = s.newView(sent, v.User, v.ID), ViewOpened
		} else {
			s.fillView(v, sent)
		}
		s.tell(Event{Kind: kind, User: v.User, Text: v.Title, Trigger: inv.TriggerID, View: new(v.copy())})
	default:
		return fmt.Sprintf("there is no response_action %q", answer.Action)
	}
	return ""
}

// refuseSubmit shows what the app found wrong, beside the inputs. s.mu is held.
func (s *Sim) refuseSubmit(inv *Invocation, v *view, faults map[string]string) string {
	var blocks []map[string]any
	if err := json.Unmarshal(v.Blocks, &blocks); err != nil || len(faults) == 0 {
		return "errors without errors"
	}
	for blockID := range faults {
		if !slices.ContainsFunc(blocks, func(b map[string]any) bool { return b["block_id"] == blockID }) {
			return fmt.Sprintf("errors for the block %q, which the modal doesn't have", blockID)
		}
	}
	v.Errors = faults
	s.tell(Event{Kind: ViewRefused, User: v.User, Text: v.Title, Trigger: inv.TriggerID, View: new(v.copy())})
	return ""
}

// closeViews closes a modal, or its whole stack. s.mu is held.
func (s *Sim) closeViews(v *view, all bool) {
	for _, other := range s.stack(v.User) {
		if all || other == v {
			other.Open = false
			s.tell(Event{Kind: ViewClosed, User: v.User, Text: other.Title, View: new(other.copy())})
		}
	}
}

// CloseView is a person closing a modal. The app hears of it, in the returned
// invocation, if the view has notify_on_close; else that is nil.
func (s *Sim) CloseView(ctx context.Context, userID, viewID string) (*Invocation, error) {
	s.mu.Lock()
	v, err := s.front(userID, viewID)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	s.closeViews(v, false)
	if notify, _ := v.sent["notify_on_close"].(bool); !notify {
		s.mu.Unlock()
		return nil, nil
	}
	inv := s.invoke(kindInteractive, "closing the modal "+v.Title, userID, "", false)
	payload := s.interaction(inv, "view_closed", "")
	payload["view"], payload["is_cleared"] = s.renderView(v, nil), false
	inv.payload = payload
	s.start(inv)
	s.mu.Unlock()
	return inv, inv.Wait(ctx)
}

// OpenHome is a person opening the app's Home tab.
func (s *Sim) OpenHome(userID string) *Invocation {
	event := map[string]any{"type": "app_home_opened", "user": userID, "channel": s.DM(userID), "tab": "home"}
	s.mu.Lock()
	event["event_ts"] = s.timestamp()
	if v := s.homes[userID]; v != nil {
		event["view"] = s.renderView(v, nil)
	}
	s.mu.Unlock()
	return s.SendEvent(event)
}
