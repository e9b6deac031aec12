package handlers

import (
	"context"
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
		usage:   "status" + h.nameHint(),
		says:    "tells how it stands: progress, the last import and the last success, the next one, what can be done now.",
		example: "status" + h.nameExample(),
		run:     h.status,
	}
}

func (h *Handlers) status(ctx context.Context, c *call, args []string) error {
	if len(args) > 1 {
		c.refuse(whyTooManyWords)
		return c.Answer(ctx, h.tooManyMessage("status", args))
	}
	servers := h.Servers
	if len(args) == 1 {
		srv, ok := h.server(args[0])
		if !ok {
			c.refuse(whyUnknownServer)
			return c.Answer(ctx, h.unknownServerMessage(args[0], "status"))
		}
		servers = []Server{srv}
	} else if srv, ok := h.only(c.ChannelID); ok {
		servers = []Server{srv}
	}
	if len(servers) == 1 {
		c.entry.Server = servers[0].Name
	}
	h.awaitLooks(ctx, c.Request, servers)
	glanceCtx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	views := make([]view, len(servers))
	for i, srv := range servers {
		views[i] = h.view(glanceCtx, srv, c.UserID)
	}
	return c.Answer(ctx, h.statusMessage(views))
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
	may      bool // whether the person may start imports
	usersMay []string
	several  bool // more than one server is shown
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
	v.may, _ = h.Operators.May(srv, userID)
	v.usersMay = srv.Operators
	for _, imp := range active {
		if imp.State == imports.Accepted {
			continue
		}
		v.imp, v.active = imp, true
		v.card = h.cardLink(ctx, imp.ID)
		break
	}
	v.recent, _ = h.Store.Recent(ctx, srv.Name, some)
	return v
}

// cardLink is the link to an import's card; empty where there is none, or it can't be had now.
func (h *Handlers) cardLink(ctx context.Context, importID string) string {
	link, _ := h.gather.card(ctx, importID)
	return link
}

// maxStatusServers is how many servers one message shows; more would pass Slack's limit on blocks.
const maxStatusServers = 15

// statusMessage shows one server or several.
func (h *Handlers) statusMessage(views []view) bot.Message {
	var m bot.Message
	var texts []string
	left := 0
	if len(views) > maxStatusServers {
		views, left = views[:maxStatusServers], len(views)-maxStatusServers
	}
	for _, v := range views {
		v.several = len(views) > 1
		one := compose(v.now, func(p pen) sheet { return h.statusSheet(p, v) })
		if len(m.Blocks) > 0 {
			m.Blocks = append(m.Blocks, slack.NewDividerBlock())
		}
		m.Blocks = append(m.Blocks, one.Blocks...)
		texts = append(texts, one.Text)
	}
	if left > 0 {
		more := simple(h.Now(), func(p pen) []string {
			return []string{"There are more servers. Ask for one by its name: " + p.code(h.Command+" status SERVER") + "."}
		})
		m.Blocks = append(m.Blocks, more.Blocks...)
		texts = append(texts, more.Text)
	}
	m.Text = strings.Join(texts, "\n")
	return m
}

func (h *Handlers) statusSheet(p pen, v view) sheet {
	head := p.name(v.server.Name) + p.sep() + v.mode(p)
	if p.plain {
		head += ", " + product(v.server.Edition)
	} else {
		head += " · " + product(v.server.Edition)
	}
	out := sheet{body: []string{head, v.bar(p), v.unwatched(), v.trouble(p), v.running(p)}}
	out.body = append(out.body, v.past(p)...)
	out.body = append(out.body, v.coming(p), v.waiting(), h.whatNow(p, v))
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
	if left, ok := v.left(); ok && v.active {
		usual, _ := v.usual()
		out += ", about " + p.span(left) + " left (usually " + p.between(usual.Low, usual.High) + ")"
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
	switch {
	case b.LastStatus == bigfix.StatusSuccessful:
		parts = append(parts, "succeeded")
	case b.LastStatus != "":
		parts = append(parts, "not a success, the server says "+p.quote(string(b.LastStatus)))
	default:
		parts = append(parts, "the server does not say how it ended")
	}
	if !b.LastImportTime.IsZero() {
		parts = append(parts, p.at(b.LastImportTime))
	}
	out := []string{"Last import: " + strings.Join(parts, ", ")}
	if b.LastSuccessTime.IsZero() {
		return append(out, "Last success: the server names none")
	}
	out = append(out, "Last success: "+p.at(b.LastSuccessTime)+", "+p.span(v.serverNow().Sub(b.LastSuccessTime))+" ago")
	if b.LastImportType == bigfix.TypeRaw && b.LastStatus == bigfix.StatusSuccessful {
		out = append(out, "That one was raw: the web pages still show the last complete import.")
	}
	return out
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

// waiting says what pending means.
func (v view) waiting() string {
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
	case st.Mode == bigfix.ModeRunning && v.may:
		return "Nothing can be started while it runs; " + complete + " adds you to those mentioned at its end."
	case st.Mode == bigfix.ModeRunning || v.active:
		return ""
	case !st.MayRun():
		return "Importbot's user may not start imports on it: that user needs the permission Manage Imports."
	case v.may:
		return starts + " starts one now."
	}
	return "Imports are started by " + h.Operators.named(p, v.usersMay) + "."
}
