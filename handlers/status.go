package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// statusCommand tells how a server stands: from the last look, so that the answer is there at once, also while the
// server hangs.
func (h *Handlers) statusCommand() command {
	return command{
		name:    "status",
		aliases: []string{"stat"},
		usage:   "status" + h.statusHint(),
		says:    "tells how it stands: progress, the last import and the last success, the next one, what can be done now.",
		example: "status" + h.nameExample(),
		run:     h.status,
	}
}

// statusHint is nameHint, with the word for all of them.
func (h *Handlers) statusHint() string {
	if len(h.Servers) < 2 {
		return ""
	}
	return " [SERVER|all]"
}

func (h *Handlers) status(ctx context.Context, c *call, args []string) error {
	if len(args) > 1 {
		c.refuse(whyTooManyWords)
		return c.Answer(ctx, h.tooManyMessage("status", args))
	}
	servers := h.Servers
	if len(args) == 1 && !h.meansAll(args[0]) {
		srv, ok := h.server(args[0])
		if !ok {
			c.refuse(whyUnknownServer)
			return c.Answer(ctx, h.unknownServerMessage(args[0], "status"))
		}
		servers = []Server{srv}
	} else if srv, ok := h.only(c.ChannelID); ok && len(args) == 0 {
		servers = []Server{srv}
	}
	if len(servers) == 1 {
		c.entry.Server = servers[0].Name
	}
	h.awaitLooks(ctx, c.Request, servers)
	views := h.views(ctx, servers, c.UserID)
	for i := range views {
		views[i].whole = len(args) == 1 && h.meansAll(args[0])
	}
	return c.Answer(ctx, h.statusMessage(views))
}

// meansAll says whether a word stands for all servers. A server may be called so; then it is meant.
func (h *Handlers) meansAll(word string) bool {
	_, named := h.server(word)
	return !named && (word == "all" || word == everybody)
}

// lookWithin is how long a status waits for the first look at a server, just after the process began; lookEvery is how
// often it is checked whether it was made.
const (
	lookWithin = 2 * time.Second
	lookEvery  = 50 * time.Millisecond
)

// awaitLooks waits a moment for servers that were never looked at, or not for long. All others are answered of in the ack.
func (h *Handlers) awaitLooks(ctx context.Context, r *bot.Request, servers []Server) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	for _, srv := range servers {
		for !h.lookedAt(ctx, srv) {
			r.Ack()
			timer := time.NewTimer(lookEvery)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
		}
	}
}

// lookedAt says whether anything is known of a server as it is now, here or in the database.
func (h *Handlers) lookedAt(ctx context.Context, srv Server) bool {
	known, ok := h.Board.Server(srv.Name)
	if !ok {
		ctx, cancel := context.WithTimeout(ctx, glance)
		defer cancel()
		known, _ = h.Store.Server(ctx, srv.Name)
	}
	seen := known.Good.Status != nil || known.Last.Failure != nil
	return seen && !scene{now: h.Now(), server: srv, known: known}.stale()
}

// view is what a status is written from.
type view struct {
	scene         // imp is the import that runs, if active
	active   bool //
	card     string
	may      bool // whether the person may start imports, as far as is known at once
	unsure   bool // they may unless they are a guest
	told     bool // they are told of the end of what runs anyway
	usersMay []string
	several  bool // more than one server is shown
	whole    bool // as the Home tab shows it: with the last imports
	unread   bool // the database did not say which imports there were
	// waiting are the starts that wait for what runs, mute is what keeps the alerts quiet, nil where nothing does.
	waiting []imports.Import
	mute    *imports.Mute
}

// views looks at servers, for a moment at most: what only the database knows is left out where that does not answer.
func (h *Handlers) views(ctx context.Context, servers []Server, userID string) []view {
	ctx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	return h.viewsOf(ctx, servers, userID)
}

// viewsOf looks at servers for as long as ctx lets it.
func (h *Handlers) viewsOf(ctx context.Context, servers []Server, userID string) []view {
	mutes, _ := h.Store.Mutes(ctx)
	out := make([]view, len(servers))
	for i, srv := range servers {
		out[i] = h.view(ctx, srv, userID)
		out[i].mute = muteOf(mutes, srv.Name, out[i].now)
	}
	return out
}

// muteOf is the mute that holds for a server; nil where none does.
func muteOf(mutes []imports.Mute, server string, now time.Time) *imports.Mute {
	for _, m := range mutes {
		if m.Server == server && m.Active(now) {
			return &m
		}
	}
	return nil
}

// view looks at a server, from memory first. What only the database knows is left out where that does not answer.
func (h *Handlers) view(ctx context.Context, srv Server, userID string) view {
	v := view{scene: scene{now: h.Now(), server: srv}}
	known, ok := h.Board.Server(srv.Name)
	active := h.Board.Active(srv.Name)
	if !ok {
		known, _ = h.Store.Server(ctx, srv.Name)
		active, _ = h.Store.Active(ctx, srv.Name)
	}
	v.known = known
	v.may, v.unsure = h.mayAtOnce(srv, userID)
	v.usersMay = srv.Operators
	for _, imp := range active {
		if imp.State == imports.Accepted || imp.State == imports.Waiting {
			continue
		}
		v.imp, v.active, v.told = imp, true, isTold(imp, userID)
		v.card = h.cardLink(ctx, imp.ID)
		break
	}
	v.waiting = h.waits(ctx, srv)
	recent, err := h.gather.recent(ctx, srv.Name, bigfix.TypeRaw, bigfix.TypeComplete)
	v.recent, v.unread = recent, err != nil
	return v
}

// cardLink is the link to an import's card; empty where there is none, or it can't be had now.
func (h *Handlers) cardLink(ctx context.Context, importID string) string {
	link, _ := h.gather.card(ctx, importID)
	return link
}

// maxStatusServers is how many servers one message shows in full; more would pass Slack's limit on blocks, and are shown in a
// line each. Buttons for each are there for so many at most.
const (
	maxStatusServers = 15
	maxStatusButtons = 8
)

// statusMessage shows one server or several, with what can be done about each.
func (h *Handlers) statusMessage(views []view) bot.Message {
	var m bot.Message
	shown := views[:min(len(views), maxStatusServers)]
	for i, v := range shown {
		v.several = len(views) > 1
		if i > 0 {
			m.Blocks = append(m.Blocks, slack.NewDividerBlock())
		}
		if len(views) > maxStatusButtons {
			m = joined(m, compose(v.now, func(p pen) sheet { return h.statusSheet(p, v).with(v.waits(p)...) }))
			continue
		}
		m = joined(m, compose(v.now, func(p pen) sheet { return h.statusSheet(p, v) }))
		for _, imp := range v.waiting[:min(len(v.waiting), maxWaitingShown)] {
			m = h.withWaiting(m, imp, v.waiting)
		}
		m.Blocks = append(m.Blocks, v.buttons(true)...)
	}
	m = joined(m, h.inBrief(views[len(shown):]))
	if len(views) > maxStatusButtons {
		m.Blocks = append(m.Blocks, row("", []slack.BlockElement{button(actRefresh, memo{Drawn: h.Now().Unix()}, "Refresh")})...)
	}
	return m
}

// How many servers are shown in a line each: so many in one block, in so many blocks at most.
const (
	briefInBlock = 8
	briefBlocks  = 4
)

// inBrief shows servers in a line each, for which there is no room in full.
func (h *Handlers) inBrief(views []view) bot.Message {
	var m bot.Message
	left := views[min(len(views), briefInBlock*briefBlocks):]
	for some := range slices.Chunk(views[:len(views)-len(left)], briefInBlock) {
		m = joined(m, simple(h.Now(), func(p pen) []string {
			out := make([]string, len(some))
			for i, v := range some {
				out[i] = v.brief(p)
			}
			return out
		}))
	}
	if len(left) > 0 {
		m = joined(m, simple(h.Now(), func(p pen) []string {
			return []string{fmt.Sprintf("There are %d more servers. Ask for one by its name: ", len(left)) + p.code(h.Command+" status SERVER") + "."}
		}))
	}
	return m
}

// brief says in a line how a server stands.
func (v view) brief(p pen) string {
	parts := []string{v.mode(p)}
	if n := len(v.known.Open()); n > 0 {
		parts = append(parts, p.strong(counted(n, "alert")))
	}
	if v.mute != nil {
		parts = append(parts, "muted until "+p.at(v.mute.Until))
	}
	if n := len(v.waiting); n > 0 {
		parts = append(parts, counted(n, "start")+" waiting")
	}
	parts = append(parts, lowerFirst(v.lastInBrief(p)), lowerFirst(v.lastSuccess(p)), lowerFirst(v.coming(p)))
	return p.name(v.server.Name) + p.sep() + strings.Join(filled(parts), "; ")
}

// counted is "1 alert", "3 alerts".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// waits is a line for each start that waits.
func (v view) waits(p pen) []string {
	out := make([]string, len(v.waiting))
	for i, imp := range v.waiting {
		out[i] = waitingLine(p, imp, v.waiting)
	}
	return out
}

// with adds lines to the body.
func (s sheet) with(lines ...string) sheet {
	s.body = append(s.body, lines...)
	return s
}

// maxWaitingShown is how many starts that wait on a server have a button of their own: there is one of each type at most.
const maxWaitingShown = 2

// joined puts one message under another.
func joined(m, below bot.Message) bot.Message {
	m.Text = lines([]string{m.Text, below.Text})
	m.Blocks = append(m.Blocks, below.Blocks...)
	return m
}

// withWaiting adds a start that waits, with the button that takes it back.
func (h *Handlers) withWaiting(m bot.Message, imp imports.Import, waiting []imports.Import) bot.Message {
	line := simple(h.Now(), func(p pen) []string { return []string{waitingLine(p, imp, waiting)} })
	about := memo{Server: imp.Server, Import: imp.ID, Drawn: h.Now().Unix()}
	line.Blocks[0].(*slack.SectionBlock).Accessory = slack.NewAccessory(button(actTakeBack, about, "Take it back"))
	return joined(m, line)
}

// buttons are what can be done about a server as it stands. But for those who are told of the end anyway they are the same for all: who
// may is found out on the press, and whoever may not is told whom to ask. In a message of several there is one to refresh it all, drawn
// with each, for it has to be near whoever reads.
func (v view) buttons(refresh bool) []slack.Block {
	m := memo{Server: v.server.Name, Drawn: v.now.Unix()}
	if newest, ok := v.newest(); ok {
		m.Import = newest.ID
	}
	var buttons []slack.BlockElement
	if refresh {
		again := memo{Server: v.server.Name, Drawn: m.Drawn}
		if v.several {
			again.Server = ""
		}
		buttons = append(buttons, button(actRefresh, again, "Refresh"))
	}
	switch {
	case v.active && !v.told:
		buttons = append(buttons, button(actNotify, m, "Notify me"))
	case v.active:
	case v.free():
		buttons = append(buttons, v.startButtons(m)...)
	}
	return row(v.server.Name, append(buttons, openButtons(v.server)...))
}

// free says whether an import could be started now, as far as is known.
func (v view) free() bool {
	return v.sees() && v.good().Mode.NotRunning() && v.good().MayRun()
}

func (h *Handlers) statusSheet(p pen, v view) sheet {
	head := p.name(v.server.Name) + p.sep() + v.mode(p)
	if p.plain {
		head += ", " + product(v.server.Edition)
	} else {
		head += " · " + product(v.server.Edition)
	}
	out := sheet{body: []string{head, v.bar(p), v.unwatched(), v.trouble(p), v.running(p)}}
	out.body = append(out.body, openAlerts(p, v.known)...)
	if v.mute != nil {
		out.body = append(out.body, mutedLine(p, *v.mute))
	}
	out.body = append(out.body, v.past(p)...)
	out.body = append(out.body, v.coming(p), v.pending(), h.whatNow(p, v))
	out.small = append(out.small, v.usually(p))
	if last := over10(v.recent); v.whole && len(last) > 0 {
		out.small = append(out.small, lastLine(p, last))
	}
	if !v.known.Good.At.IsZero() {
		out.small = append(out.small, "Last look "+p.when(v.known.Good.At))
	}
	if v.server.Insecure {
		out.small = append(out.small, "The TLS certificate of this server is not verified ("+p.code(v.server.InsecureVariable)+")")
	}
	return out
}

// good is the last answered look.
func (v view) good() *bigfix.Status { return v.known.Good.Status }

// mode is how the server stands, in the first line.
func (v view) mode(p pen) string {
	st := v.good()
	switch {
	case st == nil && v.known.Last.Failure == nil:
		return "not looked at yet"
	case v.stale():
		return "not looked at since " + p.at(v.known.Last.At)
	case st == nil:
		return "never seen so far"
	case !v.known.DownSince.IsZero():
		return "not seen since " + p.at(v.known.Good.At)
	case st.Mode == bigfix.ModeRunning:
		return v.runningMode(p)
	case st.Mode == bigfix.ModeNone:
		return "no import was ever started here"
	case st.Mode.NotRunning() && v.active && v.imp.State == imports.Sent:
		return "an import was started, and is not seen running yet"
	case st.Mode.NotRunning():
		return "idle"
	}
	return "in a state that I don't know, " + p.quote(string(st.Mode))
}

func (v view) runningMode(p pen) string {
	out := "running"
	if progress := v.good().Progress; progress != nil {
		out += ", " + p.percent(*progress)
	}
	if outlook := v.outlook(p); outlook != "" && v.active {
		out += ", " + outlook
	}
	return out
}

// bar is the progress of what runs, as last seen.
func (v view) bar(p pen) string {
	if st := v.good(); st != nil && st.Mode == bigfix.ModeRunning && st.Progress != nil && !v.stale() {
		return p.bar(*st.Progress)
	}
	return ""
}

// stale says whether the last look at the server is too long ago to say how it stands.
func (s scene) stale() bool {
	return !s.known.Last.At.IsZero() && s.now.Sub(s.known.Last.At) > s.server.staleAfter()
}

// unwatched says that what is known is of the past, for it is not the server that fails.
func (v view) unwatched() string {
	if !v.stale() {
		return ""
	}
	return "Nobody has watched it since. What follows was so then."
}

// trouble says why the server is not seen.
func (v view) trouble(p pen) string {
	f := v.known.Last.Failure
	if f == nil {
		return ""
	}
	said := "It does not answer: " + p.failure(*f) + "."
	switch f.Kind {
	case imports.FailUnauthorized:
		said = "It rejects Importbot's credentials" + httpCode(*f) + saying(p, *f) + ". " + v.server.renew(p)
	case imports.FailForbidden:
		said = "It does not let Importbot's user see or start imports" + httpCode(*f) + saying(p, *f) +
			". That user needs the permission Manage Imports."
	case imports.FailNotServer:
		said = "What answers at its address is not " + product(v.server.Edition) + reasonIn(p, *f) + "."
	}
	if v.good() != nil && !v.stale() {
		said += " What follows is what I saw last."
	}
	return said
}

// running says who started what runs, and where to follow it.
func (v view) running(p pen) string {
	if !v.active {
		return ""
	}
	line := capital(p.kind(v.imp.Type))
	for _, from := range v.origin(p) {
		line += ", " + lowerFirst(from)
	}
	if v.card != "" {
		line += ". " + p.link(v.card, "Follow it here")
	}
	return line + "."
}

// past is the last import and the last success. While an import runs the server does not tell them; then they are from
// the last look before it.
func (v view) past(p pen) []string {
	b := v.known.Quiet
	if b == nil || b.LastImportTime.IsZero() && b.LastStatus == "" {
		return nil
	}
	var parts []string
	if b.LastImportType != "" {
		parts = append(parts, p.typeWord(b.LastImportType))
	}
	ended := endedWord(b.LastStatus)
	if b.LastStatus != "" && !b.LastStatus.Successful() {
		ended += ": the server says " + p.quote(string(b.LastStatus))
	}
	parts = append(parts, ended)
	if !b.LastImportTime.IsZero() {
		parts = append(parts, p.at(b.LastImportTime))
	}
	return []string{"Last import: " + strings.Join(parts, ", "), v.sinceThen(p), v.lastSuccess(p), v.rawRemark(p)}
}

// lastInBrief is the last import without the server's words for it.
func (v view) lastInBrief(p pen) string {
	b := v.known.Quiet
	if b == nil || b.LastImportTime.IsZero() {
		return ""
	}
	kind := ""
	if b.LastImportType != "" {
		kind = p.typeWord(b.LastImportType) + ", "
	}
	return "Last import: " + kind + endedWord(b.LastStatus) + ", " + p.at(b.LastImportTime)
}

// endedWord is how the last import ended, as far as the server says it.
func endedWord(said bigfix.LastStatus) string {
	switch {
	case said.Successful():
		return "succeeded"
	case strings.EqualFold(string(said), "failed"):
		return "failed"
	case said == "":
		return "the server does not say how it ended"
	}
	return "not a success"
}

// sinceThen tells of an import whose end nobody knows, where the server still reports the one before it.
func (v view) sinceThen(p pen) string {
	last := over10(v.recent)
	if len(last) == 0 || last[0].Outcome != imports.Unknown || last[0].BegunAt.IsZero() {
		return ""
	}
	if b := last[0].Baseline; b == nil || b.LastImportTime.IsZero() || !b.LastImportTime.Equal(v.known.Quiet.LastImportTime) {
		return ""
	}
	return "Since then: the " + p.kind(last[0].Type) + " seen " + p.when(last[0].BegunAt) + " runs no more, and I can't say how it ended."
}

// rawRemark says what the web pages show where the last success was raw, also when another import has failed since.
func (v view) rawRemark(p pen) string {
	b, fresh := v.known.Quiet, v.known.Fresh
	since := !fresh.IsZero() && b.LastSuccessTime.After(fresh)
	if !since && (b.LastImportType != bigfix.TypeRaw || !b.LastStatus.Successful()) {
		return ""
	}
	of := ""
	if v.completed(fresh) {
		of = ", of " + p.at(fresh)
	}
	return "That one was raw: the web pages still show the last complete import" + of + "."
}

// lastSuccess is the last success with its age.
func (v view) lastSuccess(p pen) string {
	b := v.known.Quiet
	switch {
	case b == nil:
		return ""
	case b.LastSuccessTime.IsZero():
		return "Last success: the server names none"
	}
	return "Last success: " + p.at(b.LastSuccessTime) + ", " + p.span(v.serverNow().Sub(b.LastSuccessTime)) + " ago"
}

// serverNow is the time by the server's clock, as far as that is known.
func (s scene) serverNow() time.Time {
	if b := s.known.Quiet; b != nil && b.Ahead != nil {
		return s.now.Add(*b.Ahead)
	}
	return s.now
}

// coming is the next scheduled import.
func (v view) coming(p pen) string {
	b := v.known.Quiet
	if b == nil || b.NextImportTime.IsZero() {
		return ""
	}
	what := ""
	if b.NextImportType != "" {
		what = p.typeWord(b.NextImportType) + ", "
	}
	away := b.NextImportTime.Sub(v.serverNow())
	if away <= 0 {
		return "Next: " + what + "it was due " + p.at(b.NextImportTime)
	}
	return "Next: " + what + p.at(b.NextImportTime) + ", in " + p.span(away)
}

// usually says how long imports take, while none runs.
func (v view) usually(p pen) string {
	if v.active {
		return ""
	}
	var parts []string
	for _, t := range []bigfix.ImportType{bigfix.TypeComplete, bigfix.TypeRaw} {
		if t == bigfix.TypeRaw && v.server.Edition == bigfix.ILMT {
			continue // all were counted
		}
		v.imp = imports.Import{Type: t}
		if usual, ok := v.usual(); ok {
			parts = append(parts, p.typeWord(t)+" "+p.between(usual.Low, usual.High))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "Usually: " + strings.Join(parts, ", ")
}

// pending says what that mode means.
func (v view) pending() string {
	if st := v.good(); st != nil && st.Mode == bigfix.ModePending {
		return "Changes made in the web pages are waiting for an import."
	}
	return ""
}

// whatNow is what the person may do now.
func (h *Handlers) whatNow(p pen, v view) string {
	st, name := v.good(), ""
	if v.several || len(h.Servers) > 1 {
		name = v.server.Name
	}
	raw, complete := p.code(join(h.Command, "raw", name)), p.code(join(h.Command, "complete", name))
	starts := raw + " or " + complete
	if v.server.Edition == bigfix.ILMT {
		starts = complete
	}
	switch {
	case st == nil || v.known.Last.Failure != nil || v.stale():
		return ""
	case !st.Mode.Known():
		return "I can't be sure that nothing runs, so I start no import."
	case st.Mode == bigfix.ModeRunning && v.may && v.told:
		return "You are told when it ends; nothing else can be started while it runs. " + p.code(join(h.Command, "complete", name, "after")) +
			" starts one right behind it."
	case st.Mode == bigfix.ModeRunning && v.may:
		unless := "; "
		if v.unsure {
			unless = ". Unless you are a guest, "
		}
		return "Nothing can be started while it runs" + unless + complete + " adds you to those mentioned at its end, " +
			p.code(join(h.Command, "complete", name, "after")) + " starts one right behind it."
	case st.Mode == bigfix.ModeRunning || v.active:
		return ""
	case !st.MayRun():
		return "Importbot's user may not start imports on it: that user needs the permission Manage Imports."
	case v.may && v.unsure && slices.Contains(v.usersMay, everybody):
		return "Everybody but guests can start one now: " + starts + "."
	case v.may && v.unsure:
		return "Operators can start one now: " + starts + "."
	case v.may:
		return starts + " starts one now."
	case slices.Contains(v.usersMay, everybody):
		return "Imports are started by everybody but guests."
	}
	return "Imports are started by " + h.Operators.named(p, v.usersMay) + "."
}

// openAlerts is a line for each open alert of a server. Those that nothing tells apart to the minute have one together.
func openAlerts(p pen, known imports.Server) []string {
	var out []string
	times := make(map[string]int)
	for _, a := range known.Open() {
		line := alertLine(p, p.now, a)
		if times[line]++; times[line] == 1 {
			out = append(out, line)
		}
	}
	for i, line := range out {
		if n := times[line]; n > 1 {
			out[i] += fmt.Sprintf(" (%d of them)", n)
		}
	}
	return out
}
