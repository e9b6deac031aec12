package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"importbot/bot"
	"importbot/imports"
)

const (
	// homeFresh is how long after somebody opened their Home tab it is kept fresh.
	homeFresh = time.Hour
	// homesKept bounds the people whose tabs are kept fresh here; who opened theirs longest ago is forgotten first.
	homesKept = 200
	// homeApart is how far the publications of one person's tab lie apart at most, unless they press something in it: half
	// of POLL_RUNNING, as nothing that runs changes faster than it is looked at.
	homeApart = 15 * time.Second
	// homesEvery is how often the tabs are looked at where nobody says that something changed, homesRest how long it is
	// left between two looks: a running import changes something every second.
	homesEvery = time.Minute
	homesRest  = 2 * time.Second
	// homesAtOnce is how many tabs are kept fresh in one look: 60 a minute. Slack takes 100 of an app, and those who open
	// theirs or press something in it must not wait for the others.
	homesAtOnce = 2
	// homeWithin bounds the reading for one look.
	homeWithin = 3 * time.Second
	// saidFor is how long the answer to a press stays at the top.
	saidFor = 2 * time.Minute
	// patientFor is how long an answer waits for its turn with Slack.
	patientFor = 5 * time.Second
)

// How much of each server the Home tab shows: it has 100 blocks at most.
const (
	homeWhole   = 8  // servers, beyond which each is shown with less
	homeServers = 25 // servers, beyond which the rest is shown in a line each
	homeLast    = 10 // imports of each
)

// homes are the Home tabs that people opened in this process lately. Another process does not know of them, and need not:
// Slack tells it when somebody opens theirs again.
type homes struct {
	apart  time.Duration // at most homeApart
	mu     sync.Mutex
	people map[string]*visitor
	held   time.Time // Slack wants to be left alone until then
}

// visitor is a person who opened their Home tab.
type visitor struct {
	userID  string
	foreign bool
	turn    chan struct{} // held by whoever publishes: what is older must not come after what is newer
	// The rest is guarded by homes.mu.
	opened, published time.Time
	shown             string      // the gist of what was published last
	said              bot.Message // what came of the last press
	saidAt            time.Time
}

func newHomes(servers []Server) *homes {
	hs := &homes{apart: homeApart, people: make(map[string]*visitor)}
	for _, srv := range servers {
		hs.apart = min(hs.apart, srv.PollRunning/2)
	}
	return hs
}

// visitor returns the one with that ID, who has just done something.
func (hs *homes) visitor(userID string, foreign bool, now time.Time) *visitor {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	v := hs.people[userID]
	if v == nil {
		v = &visitor{userID: userID, turn: make(chan struct{}, 1)}
		hs.people[userID] = v
	}
	v.foreign, v.opened = foreign, now
	if len(hs.people) > homesKept {
		oldest := v
		for _, other := range hs.people {
			if other.opened.Before(oldest.opened) {
				oldest = other
			}
		}
		delete(hs.people, oldest.userID)
	}
	return v
}

// lately are those whose tabs are to be kept fresh, in the order in which they were published last. The others are forgotten.
func (hs *homes) lately(now time.Time) []*visitor {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	var out []*visitor
	for id, v := range hs.people {
		if now.Sub(v.opened) > homeFresh {
			delete(hs.people, id)
			continue
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b *visitor) int { return a.published.Compare(b.published) })
	return out
}

// due is when a visitor's tab may be published next.
func (hs *homes) due(v *visitor) time.Time {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return latest(hs.held, v.published.Add(hs.apart))
}

func (hs *homes) forget(userID string) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	delete(hs.people, userID)
}

func (hs *homes) hold(until time.Time) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.held = latest(hs.held, until)
}

// say keeps what came of a press.
func (hs *homes) say(v *visitor, m bot.Message, now time.Time) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	v.said, v.saidAt = m, now
}

// saying is what a tab says at its top; nothing where that was too long ago.
func (hs *homes) saying(v *visitor, now time.Time) bot.Message {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if now.Sub(v.saidAt) > saidFor {
		return bot.Message{}
	}
	return v.said
}

func (hs *homes) isShown(v *visitor, gist string) bool {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return v.shown == gist
}

func (hs *homes) shown(v *visitor, gist string, now time.Time) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	v.shown, v.published = gist, now
}

// Run keeps the Home tabs fresh that people opened lately in this process, until ctx ends, and returns nil then. A tab is
// published again when something changed that is more than the time going by.
func (h *Handlers) Run(ctx context.Context) error {
	changed, unsubscribe := h.Signal.Subscribe()
	defer unsubscribe()
	for ctx.Err() == nil {
		next := h.freshen(ctx)
		if !h.pause(ctx, h.Clock.Now().Add(homesRest), nil) || !h.pause(ctx, next, changed) {
			return nil
		}
	}
	return nil
}

// pause waits until a time, or until something changed; false where ctx ended.
func (h *Handlers) pause(ctx context.Context, until time.Time, changed <-chan struct{}) bool {
	reached, stop := h.Clock.Until(until)
	defer stop()
	select {
	case <-ctx.Done():
		return false
	case <-changed:
	case <-reached:
	}
	return true
}

// freshen publishes the tabs that show something old, and says when to look again at the latest.
func (h *Handlers) freshen(ctx context.Context) (next time.Time) {
	now := h.Now()
	rest := func(until time.Time) time.Time { return h.Clock.Now().Add(until.Sub(now)) }
	next = now.Add(homesEvery)
	people := h.homes.lately(now)
	if len(people) == 0 {
		return rest(next)
	}
	all := h.look(ctx, h.Servers)
	tried := 0
	for _, v := range people {
		page := h.homeOf(v, all)
		if h.homes.isShown(v, page.gist) {
			continue
		}
		if due := h.homes.due(v); due.After(now) {
			next = earlier(next, due)
			continue
		}
		if tried++; tried > homesAtOnce {
			return rest(now) // the others in the next look
		}
		if err := h.publish(ctx, v, page); err != nil && ctx.Err() == nil {
			next = earlier(next, h.unpublished(v, err))
		}
	}
	return rest(next)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// unpublished takes account of a tab that Slack did not take, and says when to try again.
func (h *Handlers) unpublished(v *visitor, err error) time.Time {
	limited := (*bot.RateLimitedError)(nil)
	switch {
	case errors.As(err, &limited):
		h.homes.hold(h.Now().Add(limited.After))
		return h.Now().Add(limited.After)
	case errors.Is(err, bot.ErrChannel), errors.Is(err, bot.ErrInvalid), errors.Is(err, bot.ErrNoScope):
		h.Log.WithError(err).WithField("user", v.userID).Warn("A Home tab can't be published; it is left until it is opened again")
		h.homes.forget(v.userID)
	default:
		h.Log.WithError(err).WithField("user", v.userID).Debug("A Home tab could not be published")
	}
	return h.Now().Add(homeApart)
}

// openHome shows somebody their Home tab.
func (h *Handlers) openHome(ctx context.Context, c *call) error {
	v := h.homes.visitor(c.UserID, c.Foreign, h.Now())
	page := h.homeOf(v, h.look(ctx, h.Servers))
	if h.homes.isShown(v, page.gist) && h.homes.due(v).After(h.Now()) {
		return nil // it was opened a moment ago
	}
	return h.publishPatiently(ctx, v, page)
}

// freshenHome publishes a tab whose Refresh was pressed.
func (h *Handlers) freshenHome(ctx context.Context, c *call) error {
	return h.sayInHome(ctx, c, bot.Message{})
}

// sayInHome answers a press in somebody's Home tab: at the top of it, for Slack has no other way beside it.
func (h *Handlers) sayInHome(ctx context.Context, c *call, m bot.Message) error {
	c.Ack()
	v := h.homes.visitor(c.UserID, c.Foreign, h.Now())
	h.homes.say(v, m, h.Now())
	return h.publishPatiently(ctx, v, h.homeOf(v, h.look(ctx, h.Servers)))
}

// publishPatiently publishes a tab that somebody looks at now: where Slack wants to be left alone for a moment, it waits for
// that.
func (h *Handlers) publishPatiently(ctx context.Context, v *visitor, page homePage) error {
	err := h.publish(ctx, v, page)
	limited := (*bot.RateLimitedError)(nil)
	if errors.As(err, &limited) && limited.After <= patientFor {
		if !h.pause(ctx, h.Clock.Now().Add(limited.After), nil) {
			return ctx.Err()
		}
		err = h.publish(ctx, v, page)
	}
	return err
}

// publish shows a page in somebody's tab, in the best shape that the workspace takes.
func (h *Handlers) publish(ctx context.Context, v *visitor, page homePage) error {
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	err := h.draw(func(s shape) error { return h.Slack.PublishHome(ctx, v.userID, h.homeBlocks(page, s)) })
	if err == nil {
		h.homes.shown(v, page.gist, h.Now())
	}
	return err
}

// homePage is what a Home tab is written from.
type homePage struct {
	views []view
	said  bot.Message
	gist  string
}

// look is how all servers stand, for nobody in particular.
func (h *Handlers) look(ctx context.Context, servers []Server) []view {
	ctx, cancel := context.WithTimeout(ctx, homeWithin)
	defer cancel()
	return h.viewsOf(ctx, servers, "")
}

// homeOf is the page of one person: what they may differs, and so does what a person of another workspace sees.
func (h *Handlers) homeOf(v *visitor, all []view) homePage {
	page := homePage{said: h.homes.saying(v, h.Now())}
	for _, one := range all {
		if v.foreign && !slices.Contains(one.server.Operators, v.userID) {
			continue
		}
		one.may, one.unsure = h.mayAtOnce(one.server, v.userID)
		one.told = one.active && isTold(one.imp, v.userID)
		one.several = len(all) > 1
		page.views = append(page.views, one)
	}
	page.gist = gistOf(page)
	return page
}

// gistOf is what a page says, without what changes with the time alone. Pages with the same gist need not be published
// one after the other.
func gistOf(page homePage) string {
	type one struct {
		Server, Mode, Failure, Newest, State, Outcome, Card string
		Progress                                            int
		Down, Stale, May, Unsure, Told                      bool
		Seen                                                [3]time.Time // the last import, the last success, the next one
		Alerts, Waiting                                     []string
		Mute                                                *imports.Mute
	}
	var all []any
	for _, v := range page.views {
		o := one{Server: v.server.Name, Down: !v.known.DownSince.IsZero(), Stale: v.stale(), May: v.may, Unsure: v.unsure, Told: v.told, Mute: v.mute, Card: v.card}
		if st := v.good(); st != nil {
			o.Mode = string(st.Mode)
			if st.Progress != nil {
				o.Progress = *st.Progress / progressStep
			}
		}
		if f := v.known.Last.Failure; f != nil {
			o.Failure = string(f.Kind) + f.Reason + f.Message
		}
		if newest, ok := v.newest(); ok {
			o.Newest, o.State, o.Outcome = newest.ID, string(newest.State), string(newest.Outcome)
		}
		if b := v.known.Quiet; b != nil {
			o.Seen = [3]time.Time{b.LastImportTime.UTC(), b.LastSuccessTime.UTC(), b.NextImportTime.UTC()}
		}
		for _, a := range v.known.Open() {
			o.Alerts = append(o.Alerts, a.ID)
		}
		for _, imp := range v.waiting {
			o.Waiting = append(o.Waiting, imp.ID)
		}
		all = append(all, o)
	}
	gist, err := json.Marshal(append(all, page.said.Text))
	if err != nil { // plain values: it can't fail
		return ""
	}
	return string(gist)
}

// homeBlocks writes a Home tab.
func (h *Handlers) homeBlocks(page homePage, s shape) []slack.Block {
	views := page.views[:min(len(page.views), homeServers)]
	blocks := saidBlocks(page.said)
	blocks = append(blocks, slack.NewHeaderBlock(plainText("Data imports")))
	blocks = append(blocks, row("", []slack.BlockElement{button(actRefresh, memo{Drawn: h.Now().Unix()}, "Refresh")})...)
	for _, v := range views {
		blocks = append(blocks, slack.NewDividerBlock())
		if len(views) > homeWhole {
			blocks = append(blocks, h.homeBrief(v)...)
			continue
		}
		blocks = append(blocks, h.homeServer(v, s, len(views) <= chartsInOne)...)
	}
	return append(blocks, h.inBrief(page.views[len(views):]).Blocks...)
}

// saidBlocks are what came of the last press. The ids of its blocks are made anew: the same buttons may stand below.
func saidBlocks(m bot.Message) []slack.Block {
	if len(m.Blocks) == 0 {
		return nil
	}
	out := make([]slack.Block, 0, len(m.Blocks)+1)
	for _, block := range m.Blocks {
		if actions, ok := block.(*slack.ActionBlock); ok {
			again := *actions
			again.BlockID = "said/" + actions.BlockID
			block = &again
		}
		out = append(out, block)
	}
	return append(out, slack.NewDividerBlock())
}

// homeServer shows one server: how it stands, what waits, how the last imports went, and what can be done.
func (h *Handlers) homeServer(v view, s shape, roomy bool) []slack.Block {
	m := compose(v.now, func(p pen) sheet { return h.statusSheet(p, v) })
	for _, imp := range v.waiting[:min(len(v.waiting), maxWaitingShown)] {
		m = h.withWaiting(m, imp, v.waiting)
	}
	return slices.Concat(m.Blocks, lastBlocks(v, s, roomy), v.buttons(false))
}

// lastBlocks show the last imports: as a chart or a table where there is room for one, else in a line.
func lastBlocks(v view, s shape, roomy bool) []slack.Block {
	last := over10(v.recent)
	if len(last) == 0 {
		return nil
	}
	if roomy {
		if chart, ok := chartOf("Last imports of "+v.server.Name, last, time.UTC); ok && s == shapeChart {
			return []slack.Block{chart}
		}
		if s == shapeTable {
			return []slack.Block{tableOf(pen{now: v.now}, last)}
		}
	}
	return compose(v.now, func(p pen) sheet { return sheet{small: []string{lastLine(p, last)}} }).Blocks
}

// over10 are the last ten imports that are over.
func over10(recent []imports.Import) (out []imports.Import) {
	for _, imp := range recent {
		if imp.State == imports.Ended && len(out) < homeLast {
			out = append(out, imp)
		}
	}
	return out
}

// lastLine says in a line how the last imports went: of which type they were, since when.
func lastLine(p pen, last []imports.Import) string {
	alike := len(last) > 1 && !slices.ContainsFunc(last, func(imp imports.Import) bool { return imp.Type != last[0].Type })
	parts := make([]string, len(last))
	for i, imp := range last {
		if parts[i] = outcomeAndTime(p, imp); !alike && imp.Type != "" {
			parts[i] = p.typeWord(imp.Type) + " " + parts[i]
		}
	}
	since := p.at(began(last[len(last)-1]))
	if len(last) == 1 {
		return "Last import, begun " + since + ": " + parts[0]
	}
	all := ""
	if alike && last[0].Type != "" {
		all = "all " + p.typeWord(last[0].Type) + ", "
	}
	return fmt.Sprintf("Last %d imports, %ssince %s, newest first: %s", len(last), all, since, list(parts, "and"))
}

// outcomeAndTime is how long an import took, and how it ended where that was no success.
func outcomeAndTime(p pen, imp imports.Import) string {
	took, known := imp.Duration()
	switch {
	case imp.Outcome == imports.Succeeded && known:
		return p.span(took)
	case known:
		return p.strong(outcomeWord(imp.Outcome)) + " after " + p.span(took)
	}
	return outcomeWord(imp.Outcome)
}

// homeBrief shows one server of many.
func (h *Handlers) homeBrief(v view) []slack.Block {
	m := simple(v.now, func(p pen) []string {
		out := []string{p.name(v.server.Name) + p.sep() + v.mode(p) + " · " + product(v.server.Edition), v.bar(p)}
		if open := v.known.Open(); len(open) > 0 {
			out = append(out, alertLine(p, v.now, open[0]))
			if n := len(open) - 1; n > 0 {
				out = append(out, "and "+counted(n, "more alert"))
			}
		}
		if v.mute != nil {
			out = append(out, mutedLine(p, *v.mute))
		}
		out = append(out, v.waits(p)...)
		return append(out, v.lastInBrief(p), v.lastSuccess(p), v.coming(p))
	})
	return append(m.Blocks, v.buttons(false)...)
}
