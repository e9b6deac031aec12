package slacksim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Slack's limits for views.
const (
	maxViewStack       = 3
	maxViewTitle       = 24
	maxPrivateMetadata = 3_000
	maxView            = 250_000 // bytes
)

// View is a modal or a person's Home tab as it stands now.
type View struct {
	ID, Hash   string
	User       string
	Type       string // modal or home
	CallbackID string
	Title      string
	Blocks     json.RawMessage
	// Errors is what the app found wrong with what was entered, by block.
	Errors map[string]string
	Open   bool
}

// view is one with what the app sent.
type view struct {
	View
	sent       map[string]any
	externalID string
	root       string
	previous   string
}

func (v *view) copy() View {
	out := v.View
	out.Blocks = slices.Clone(v.Blocks)
	return out
}

// Views returns a person's open modals, the one in front last.
func (s *Sim) Views(userID string) []View {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []View
	for _, v := range s.stack(userID) {
		out = append(out, v.copy())
	}
	return out
}

// stack returns a person's open modals, oldest first. s.mu is held.
func (s *Sim) stack(userID string) []*view {
	var out []*view
	for _, v := range s.views {
		if v.User == userID && v.Open && v.Type == "modal" {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b *view) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// Home returns a person's Home tab, if the app has published one.
func (s *Sim) Home(userID string) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.homes[userID]
	if v == nil {
		return View{}, false
	}
	return v.copy(), true
}

// redeemTrigger takes a trigger_id. s.mu is held.
func (s *Sim) redeemTrigger(id string) (*trigger, error) {
	t := s.triggers[id]
	switch {
	case t == nil:
		return nil, fail("invalid_trigger_id")
	case t.used:
		return nil, fail("exchanged_trigger_id")
	case s.Now().Sub(t.made) > s.cfg.triggerLife:
		return nil, fail("expired_trigger_id")
	}
	t.used = true
	return t, nil
}

func (s *Sim) openView(r *request) (reply, error) { return s.showView(r, "") }

func (s *Sim) pushView(r *request) (reply, error) {
	t := s.triggers[r.args["trigger_id"]]
	if t == nil {
		return nil, fail("invalid_trigger_id")
	}
	stack := s.stack(t.inv.UserID)
	switch {
	case len(stack) == 0:
		return nil, fail("not_found")
	case len(stack) >= maxViewStack:
		return nil, fail("push_limit_reached")
	}
	return s.showView(r, stack[len(stack)-1].ID)
}

// showView opens a modal, on top of another or alone. s.mu is held.
func (s *Sim) showView(r *request, previous string) (reply, error) {
	sent, err := s.readView(r.method, r.args["view"], "modal")
	if err != nil {
		return nil, err
	}
	t, err := s.redeemTrigger(r.args["trigger_id"])
	if err != nil {
		return nil, err
	}
	if previous == "" { // there is one stack at a time
		for _, v := range s.stack(t.inv.UserID) {
			v.Open = false
		}
	}
	v := s.newView(sent, t.inv.UserID, previous)
	s.tell(Event{Kind: ViewOpened, User: v.User, Trigger: t.inv.TriggerID, Text: v.Title, View: new(v.copy())})
	return reply{"view": s.renderView(v, nil)}, nil
}

// newView keeps a view. s.mu is held.
func (s *Sim) newView(sent map[string]any, userID, previous string) *view {
	v := &view{View: View{ID: s.id("V"), User: userID, Open: true}, previous: previous}
	v.root = v.ID
	if before := s.views[previous]; before != nil {
		v.root = before.root
	}
	s.fillView(v, sent)
	s.retireViews()
	s.views[v.ID] = v
	return v
}

// fillView gives a view what the app sent for it. s.mu is held.
func (s *Sim) fillView(v *view, sent map[string]any) {
	s.serial++
	v.sent, v.Hash, v.Errors = sent, fmt.Sprintf("%d.sim%05d", s.Now().Unix(), s.serial), nil
	v.Type, _ = sent["type"].(string)
	v.CallbackID, _ = sent["callback_id"].(string)
	v.externalID, _ = sent["external_id"].(string)
	v.Title = plainText(sent["title"])
	blocks, err := json.Marshal(sent["blocks"])
	if err != nil {
		panic("slacksim: " + err.Error()) // it was JSON when it came
	}
	v.Blocks = withIDs(blocks)
}

func plainText(object any) string {
	fields, _ := object.(map[string]any)
	text, _ := fields["text"].(string)
	return text
}

// readView parses and checks a view. s.mu is held.
func (s *Sim) readView(method, raw, kind string) (map[string]any, error) {
	var sent map[string]any
	if json.Unmarshal([]byte(raw), &sent) != nil || sent == nil {
		return nil, invalidView("must provide an object [json-pointer:/view]")
	}
	if len(raw) > maxView {
		s.violate(BadBlocks, "%s: a view of %d bytes", method, len(raw))
		return nil, fail("view_too_large")
	}
	var faults []string
	if sent["type"] != kind {
		faults = append(faults, fmt.Sprintf("must be %q [json-pointer:/view/type]", kind))
	}
	blocks, ok := sent["blocks"].([]any)
	if !ok {
		faults = append(faults, "missing required field: blocks [json-pointer:/view]")
	}
	if err := s.refuseTypes(blocks); err != nil {
		return nil, err
	}
	for _, fault := range checkBlocks(blocks, surface(kind)) {
		faults = append(faults, strings.Replace(fault, "[json-pointer:/blocks", "[json-pointer:/view/blocks", 1))
	}
	if kind == "modal" {
		faults = append(faults, checkModal(sent, blocks)...)
	}
	if text, _ := sent["private_metadata"].(string); len(text) > maxPrivateMetadata {
		faults = append(faults, "must be less than 3001 characters [json-pointer:/view/private_metadata]")
	}
	if len(faults) > 0 {
		s.violate(BadBlocks, "%s: %s", method, strings.Join(faults, "; "))
		return nil, invalidView(faults...)
	}
	s.inspectTexts(method, treeStrings(sent["blocks"]))
	return sent, nil
}

func invalidView(faults ...string) error {
	return &apiError{code: "invalid_arguments", messages: faults}
}

func checkModal(sent map[string]any, blocks []any) (faults []string) {
	switch title := plainText(sent["title"]); {
	case title == "":
		faults = append(faults, "missing required field: title [json-pointer:/view]")
	case utf8.RuneCountInString(title) > maxViewTitle:
		faults = append(faults, "must be less than 25 characters [json-pointer:/view/title/text]")
	}
	hasInput := slices.ContainsFunc(blocks, func(b any) bool {
		block, _ := b.(map[string]any)
		return block["type"] == "input"
	})
	if hasInput && sent["submit"] == nil {
		faults = append(faults, "`submit` is required when an `input` is in the `blocks` [json-pointer:/view]")
	}
	return faults
}

func (s *Sim) updateView(r *request) (reply, error) {
	v := s.views[r.args["view_id"]]
	if external := r.args["external_id"]; external != "" {
		for _, other := range s.views {
			if other.externalID == external && other.Open {
				v = other
			}
		}
	}
	if v == nil || !v.Open {
		return nil, fail("not_found")
	}
	if hash := r.args["hash"]; hash != "" && hash != v.Hash {
		return nil, fail("hash_conflict")
	}
	sent, err := s.readView(r.method, r.args["view"], v.Type)
	if err != nil {
		return nil, err
	}
	s.fillView(v, sent)
	s.tell(Event{Kind: ViewUpdated, User: v.User, Text: v.Title, View: new(v.copy())})
	return reply{"view": s.renderView(v, nil)}, nil
}

func (s *Sim) publishView(r *request) (reply, error) {
	u := s.users[r.args["user_id"]]
	switch {
	case s.homeOff:
		return nil, fail("not_enabled")
	case u == nil, u.bot, u.deleted:
		return nil, fail("user_not_found")
	}
	v := s.homes[u.id]
	if hash := r.args["hash"]; v != nil && hash != "" && hash != v.Hash {
		return nil, fail("hash_conflict")
	}
	sent, err := s.readView(r.method, r.args["view"], "home")
	if err != nil {
		return nil, err
	}
	if v == nil {
		v = s.newView(sent, u.id, "")
		s.homes[u.id] = v
	} else {
		s.fillView(v, sent)
	}
	s.tell(Event{Kind: HomePublished, User: u.id, View: new(v.copy())})
	return reply{"view": s.renderView(v, nil)}, nil
}

// renderView gives a view the form it has in answers and payloads. s.mu is held.
func (s *Sim) renderView(v *view, state map[string]any) reply {
	if state == nil {
		state = map[string]any{}
	}
	out := reply{
		"callback_id": "", "private_metadata": "", "external_id": "", "close": nil, "submit": nil,
		"clear_on_close": false, "notify_on_close": false, "submit_disabled": false,
	}
	for key, value := range v.sent {
		out[key] = value
	}
	out["id"], out["team_id"], out["app_id"], out["bot_id"], out["hash"] = v.ID, s.TeamID, s.AppID, s.BotID, v.Hash
	out["blocks"], out["state"] = v.Blocks, reply{"values": state}
	out["root_view_id"], out["app_installed_team_id"], out["previous_view_id"] = v.root, s.TeamID, nil
	if v.previous != "" {
		out["previous_view_id"] = v.previous
	}
	return out
}
