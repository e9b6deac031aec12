package demo

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"importbot/internal/slacksim"
)

// press is a button that somebody presses.
type press struct {
	who    person
	on     slacksim.Pressed
	button button
}

// button is Block Kit's, as far as it matters to who presses it.
type button struct {
	Type     string     `json:"type"`
	Text     textObject `json:"text"`
	ActionID string     `json:"action_id"`
	URL      string     `json:"url"`
	Confirm  *struct {
		Title   textObject `json:"title"`
		Text    textObject `json:"text"`
		Confirm textObject `json:"confirm"`
		Deny    textObject `json:"deny"`
	} `json:"confirm"`

	block string // the block_id of its block
}

// surface is something with buttons: a message, or a Home tab where TS is empty.
type surface struct {
	channel, ts string
	blocks      json.RawMessage
}

// presses is a person pressing the button with that label, of the newest message in their sight that has one, or of an older one where
// a number stands before the label. A button that asks first waits for a yes, which only a terminal can give.
func (s *stage) presses(ctx context.Context, who person, text string) (settle func(context.Context)) {
	nth, label := 1, text
	if first, rest, ok := strings.Cut(text, " "); ok {
		if n, err := strconv.Atoi(first); err == nil && n > 0 {
			nth, label = n, strings.TrimSpace(rest)
		}
	}
	label = strings.Trim(label, "[]")
	p, labels := s.find(who, label, nth)
	switch {
	case p == nil && len(labels) == 0:
		s.screen.say("Nothing here has a button yet. Try " + styled(codeOn, "/import status") + " first.")
		return nil
	case p == nil:
		s.screen.say("No button says " + styled(codeOn, clean(label)) + ". These do: [" + strings.Join(labels, "] [") + "].")
		return nil
	case p.button.Confirm == nil:
		return s.push(ctx, *p)
	}
	s.screen.say(s.dialog(p.button)...)
	if s.terminal == nil {
		return s.push(ctx, *p)
	}
	s.asked = p
	return nil
}

// dialog is what Slack asks before it tells the app.
func (s *stage) dialog(b button) []string {
	r, c := s.screen.reader, b.Confirm
	lines := append([]string{"Slack asks: " + styled(boldOn, r.object(&c.Title))}, strings.Split(r.object(&c.Text), "\n")...)
	lines = append(lines, "["+r.object(&c.Confirm)+"] ["+r.object(&c.Deny)+"]")
	if s.terminal != nil {
		lines[len(lines)-1] += "  " + styled(boldOn, "y") + " or " + styled(boldOn, "n") + ":"
	}
	return lines
}

// answered takes a line as the answer to a dialog. Whatever is neither yes nor no closes the dialog and counts as typed.
func (s *stage) answered(ctx context.Context, line string) (settle func(context.Context), answered bool) {
	p := *s.asked
	s.asked = nil
	switch strings.ToLower(line) {
	case "y", "yes":
		return s.push(ctx, p), true
	case "", "n", "no":
		s.screen.say("Nothing was pressed.")
		return nil, true
	}
	s.screen.say("The dialog was closed; nothing was pressed.")
	return nil, false
}

// push presses it.
func (s *stage) push(ctx context.Context, p press) (settle func(context.Context)) {
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	undo := s.screen.mine(slacksim.ActionPressed, p.who.id)
	inv, err := s.slack.Tap(p.on)
	if err != nil {
		undo()
	} else {
		err = inv.Wait(within)
	}
	if err != nil && within.Err() == nil {
		s.screen.say(clean(err.Error()))
		return nil
	}
	if p.button.URL != "" {
		s.screen.say("A browser opens " + styled(linkOn, clean(p.button.URL)))
	}
	return func(ctx context.Context) {
		if p.on.TS == "" {
			s.opensHome(ctx, p.who)
		}
		s.awaitQuiet(ctx, quiet, answers)
	}
}

// find returns the button of the nth newest message that has one with that label, or nil and the labels that there are.
func (s *stage) find(who person, label string, nth int) (found *press, labels []string) {
	for _, on := range s.surfaces(who) {
		for _, b := range buttons(on.blocks) {
			text := s.screen.reader.object(&b.Text)
			if !slices.Contains(labels, text) {
				labels = append(labels, text)
			}
			if !strings.EqualFold(text, label) {
				continue
			}
			if nth--; nth == 0 {
				return &press{who: who, button: b, on: slacksim.Pressed{
					UserID: who.id, ChannelID: on.channel, TS: on.ts, ActionID: b.ActionID, BlockID: b.block}}, nil
			}
			break
		}
	}
	return nil, labels
}

// surfaces are what a person sees that may have buttons, as it stands now, newest first.
func (s *stage) surfaces(who person) []surface {
	var all []surface
	visited, open := s.visits[who.id]
	home := func() {
		if v, ok := s.slack.Home(who.id); ok {
			all = append(all, surface{blocks: v.Blocks})
		}
		open = false
	}
	events := s.slack.Events()
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		if open && visited >= e.Seq {
			home()
		}
		if e.Kind != slacksim.MessagePosted && e.Kind != slacksim.EphemeralShown {
			continue
		}
		m, ok := s.slack.Message(e.Message.Channel, e.Message.TS)
		if !ok || m.Ephemeral() && m.For != who.id || strings.HasPrefix(m.Channel, "D") && m.Channel != s.slack.DM(who.id) {
			continue
		}
		all = append(all, surface{channel: m.Channel, ts: m.TS, blocks: m.Blocks})
	}
	if open { // everything before it is forgotten
		home()
	}
	return all
}

// buttons are those of a message, in their order.
func buttons(raw json.RawMessage) []button {
	var blocks []struct {
		BlockID   string            `json:"block_id"`
		Elements  []json.RawMessage `json:"elements"`
		Accessory json.RawMessage   `json:"accessory"`
	}
	if len(raw) == 0 || json.Unmarshal(raw, &blocks) != nil {
		return nil
	}
	var all []button
	for _, b := range blocks {
		for _, e := range append(b.Elements, b.Accessory) {
			found := button{block: b.BlockID}
			if json.Unmarshal(e, &found) == nil && found.Type == "button" {
				all = append(all, found)
			}
		}
	}
	return all
}

// homeWithin is how long an opened Home tab waits for what the bot publishes, before it is shown as it was.
const homeWithin = 3 * time.Second

// opensHome is a person opening the app's Home tab. It is drawn once, as it stands when the bot has published it: what is published
// later is drawn when it is opened again.
func (s *stage) opensHome(ctx context.Context, who person) {
	within, cancel := context.WithTimeout(ctx, homeWithin)
	defer cancel()
	before := s.slack.Seq()
	s.slack.OpenHome(who.id)
	_, err := s.slack.WaitEvent(within, before, func(e slacksim.Event) bool {
		return e.Kind == slacksim.HomePublished && (e.User == who.id || e.View != nil && e.View.User == who.id)
	})
	view, ok := s.slack.Home(who.id)
	switch {
	case ctx.Err() != nil:
		return
	case !ok:
		s.screen.say("Importbot has published no Home tab.")
		return
	case err != nil:
		s.screen.say("Importbot published nothing new; this is what stood there.")
	}
	s.visits[who.id] = s.slack.Seq()
	s.screen.home(who.id, view.Blocks)
}
