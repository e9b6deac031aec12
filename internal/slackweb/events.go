package slackweb

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"importbot/internal/slacksim"
)

// event is a [slacksim.Event] as the browser gets it.
type event struct {
	Seq     int                `json:"seq"`
	Time    time.Time          `json:"time"`
	Kind    slacksim.EventKind `json:"kind"`
	User    string             `json:"user,omitempty"`
	Channel string             `json:"channel,omitempty"`
	Text    string             `json:"text,omitempty"`
	Error   string             `json:"error,omitempty"`
	Reason  string             `json:"reason,omitempty"`
	Trigger string             `json:"trigger,omitempty"`
	Message *message           `json:"message,omitempty"`
	View    *view              `json:"view,omitempty"`
}

type message struct {
	Channel   string          `json:"channel"`
	TS        string          `json:"ts"`
	ThreadTS  string          `json:"thread_ts,omitempty"`
	User      string          `json:"user"`
	Text      string          `json:"text"`
	Blocks    json.RawMessage `json:"blocks"`
	Broadcast bool            `json:"broadcast"`
	Ephemeral bool            `json:"ephemeral"`
	Posted    time.Time       `json:"posted"`
	Edited    time.Time       `json:"edited,omitzero"`
	Trigger   string          `json:"trigger,omitempty"`
}

type view struct {
	ID     string          `json:"id"`
	Type   string          `json:"type"`
	Title  string          `json:"title"`
	Blocks json.RawMessage `json:"blocks"`
}

func toEvent(e slacksim.Event) event {
	out := event{
		Seq: e.Seq, Time: e.Time.UTC(), Kind: e.Kind, User: e.User, Channel: e.Channel, Text: e.Text, Error: e.Error, Trigger: e.Trigger,
		Reason: reasons[e.Error],
	}
	if m := e.Message; m.TS != "" {
		out.Message = &message{
			Channel: m.Channel, TS: m.TS, ThreadTS: m.ThreadTS, User: m.User, Text: m.Text, Blocks: list(m.RenderedBlocks()),
			Broadcast: m.Broadcast, Ephemeral: m.Ephemeral(), Posted: m.Posted.UTC(), Edited: m.Edited.UTC(), Trigger: m.Trigger,
		}
	}
	if v := e.View; v != nil {
		out.View = &view{ID: v.ID, Type: v.Type, Title: v.Title, Blocks: list(v.Blocks)}
	}
	return out
}

// list is blocks where there may be none.
func list(blocks json.RawMessage) json.RawMessage {
	if len(blocks) == 0 {
		return json.RawMessage("[]")
	}
	return blocks
}

// compact leaves out of the past what was edited later: nobody sees it any more. An edit, or a deletion, stands for all of its message
// before it, and a Home tab for the ones it replaced.
func compact(events []slacksim.Event) []slacksim.Event {
	var out []slacksim.Event
	newer := map[string]bool{}
	for _, e := range slices.Backward(events) {
		of := subject(e)
		if of != "" && newer[of] {
			continue
		}
		newer[of] = true
		out = append(out, e)
	}
	slices.Reverse(out)
	return out
}

// subject is what an event shows anew, whole: a message or a Home tab; empty for all else.
func subject(e slacksim.Event) string {
	switch e.Kind {
	case slacksim.MessagePosted, slacksim.MessageEdited, slacksim.MessageDeleted, slacksim.EphemeralShown, slacksim.EphemeralEdited:
		return e.Message.TS
	case slacksim.HomePublished:
		return "home of " + e.User
	}
	return ""
}

// gone is the answer to a browser that goes on behind events of another workspace, one that had this address before, or that this one has
// forgotten.
var gone = &refusal{http.StatusGone, "The workspace that this page shows is gone: load the page again."}

// lookEvery is how often it is looked at what stands behind the workspace.
const lookEvery = 300 * time.Millisecond

// serveEvents sends what a person sees happen, from the beginning or behind an event, and then as it happens; in the same stream the
// panel's state. The panel is looked at rather than told of: what stands behind it moves by itself, as a clock or a server does.
func (p *Page) serveEvents(w http.ResponseWriter, r *http.Request) {
	userID := r.URL.Query().Get("user")
	if err := p.who(userID); err != nil {
		refuse(w, err)
		return
	}
	newest := p.slack.Seq()
	after, err := p.position(cmp.Or(r.URL.Query().Get("after"), "0"))
	if err == nil && (after > newest || p.hasForgotten(after)) {
		err = gone
	}
	if err != nil {
		refuse(w, err)
		return
	}
	out, ctx, ok := open(w, r)
	if !ok {
		return
	}
	defer out.close()
	happens := p.slack.SubscribeAfter(ctx, after)
	if p.hasForgotten(after) { // meanwhile: who comes back is told that it is gone
		return
	}
	if after < newest {
		for _, e := range compact(p.past(userID, happens, newest)) {
			out.send(p.told(e))
		}
	}
	p.follow(out, userID, happens)
}

// hasForgotten says whether some of what comes behind an event is not remembered any more. Who begins misses nothing by that.
func (p *Page) hasForgotten(after int) bool { return after > 0 && after < p.slack.Forgotten() }

// follow sends what a person sees from now on, until they or the workspace are gone.
func (p *Page) follow(out *stream, userID string, happens <-chan slacksim.Event) {
	alive, look := time.NewTicker(keepAlive), time.NewTicker(lookEvery)
	defer alive.Stop()
	defer look.Stop()
	shown := p.showPanel(out, nil)
	for out.err == nil {
		select {
		case e, more := <-happens:
			if !more {
				return
			}
			if p.slack.Sees(userID, e) {
				out.send(p.told(e))
			}
		case <-look.C:
			shown = p.showPanel(out, shown)
		case <-alive.C:
			out.stillHere()
		}
	}
}

// showPanel sends the panel's state where it differs from what was shown before, and returns what is shown now.
func (p *Page) showPanel(out *stream, shown []byte) []byte {
	if p.panel == nil {
		return nil
	}
	now := p.panelState()
	if !bytes.Equal(now, shown) {
		out.send(news{Panel: json.RawMessage(now)})
	}
	return now
}

// past takes the events up to the newest one, those that a person sees.
func (p *Page) past(userID string, events <-chan slacksim.Event, newest int) (out []slacksim.Event) {
	for e := range events {
		if p.slack.Sees(userID, e) {
			out = append(out, e)
		}
		if e.Seq >= newest {
			break
		}
	}
	return out
}

// told is an event as it is sent. Its id is what a browser comes back with, to go on behind it.
func (p *Page) told(e slacksim.Event) news {
	return news{ID: p.run + "-" + strconv.Itoa(e.Seq), Event: toEvent(e)}
}

// position reads such an id, or the number alone.
func (p *Page) position(id string) (seq int, err error) {
	run, number, hasRun := strings.Cut(id, "-")
	if !hasRun {
		number = run
	} else if run != p.run {
		return 0, gone
	}
	seq, err = strconv.Atoi(number)
	if err != nil || seq < 0 {
		return 0, &refusal{http.StatusBadRequest, quoted(id) + " is the place of no event."}
	}
	return seq, nil
}
