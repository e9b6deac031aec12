package handlers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// absence is one time in which nobody looked at servers of a channel, as the channel is told of it. It holds what was
// known when it was written down, so that the message says the same however often it has to be sent.
type absence struct {
	// Since and Until lie around the time in which nobody looked at any of Servers.
	Since, Until time.Time
	// Whole says that nobody looked at any server of the channel in that time: then Importbot was away. Otherwise it
	// was some server that it did not watch, one that was not in its configuration for instance.
	Whole bool
	// Server is the name of the channel's server, where it has one alone.
	Server  string `json:",omitempty"`
	Servers []awayServer

	Post Post
	// Messages counts how often it was posted, with the attempts that Slack may have taken. Refused is when the channel
	// last refused it, zero after it took it.
	Messages int
	Refused  time.Time
}

// awayServer is what happened on one server.
type awayServer struct {
	Name string
	// Until is the end of the server's own imports.Absence; zero where it had not been looked at since.
	Until    time.Time
	Happened []happening
}

// sight is a kind of evidence for what happened.
type sight string

const (
	sawReport  sight = "report"    // the server reports an import as its last, and did not before
	sawChanged sight = "changed"   // it says something else of the same last import
	sawLast    sight = "last"      // it reports a last import, and nothing tells whether that is new
	sawNothing sight = "nothing"   // it reports nothing new
	sawHistory sight = "history"   // its history went backwards
	sawDue     sight = "due"       // an import was due, and there is no sign of it
	sawMaybe   sight = "maybe_due" // an import was due, and it is open whether it ran

	sawEnd     sight = "end"     // an import that was under way is over
	sawStill   sight = "still"   // it runs on
	sawStopped sight = "stopped" // it runs no more, and how it ended is being found out
	sawStart   sight = "start"   // a start was under way, and is not seen running
	sawBefore  sight = "before"  // it was under way, and the server is not seen
	sawRunning sight = "running" // an import runs that did not run before
	sawExpired sight = "expired" // a start came to nothing

	sawUnseen sight = "unseen"  // the server does not answer
	sawMode   sight = "mode"    // it is in a state that nobody knows
	sawNotYet sight = "not_yet" // nobody has looked yet
)

// happening is one thing that is known of what happened on a server.
type happening struct {
	Kind    sight
	ID      string            `json:",omitempty"` // of the import, where it is a known one
	Type    bigfix.ImportType `json:",omitempty"`
	Outcome imports.Outcome   `json:",omitempty"`
	Status  bigfix.LastStatus `json:",omitempty"` // the server's word
	Mode    bigfix.Mode       `json:",omitempty"`
	// At is when: by the server's clock where the server reported it, by ours where it was seen.
	At time.Time `json:",omitzero"`
	// Success is the last success that the server names, Due when an import was due: both by the server's clock.
	Success  time.Time         `json:",omitzero"`
	Due      time.Time         `json:",omitzero"`
	Began    time.Time         `json:",omitzero"` // when it was to start, by our clock
	DueType  bigfix.ImportType `json:",omitempty"`
	Progress *int              `json:",omitempty"`
	Failure  *imports.Failure  `json:",omitempty"`
	Card     string            `json:",omitempty"` // link to its card
	Alarm    alarm             `json:",omitempty"`
}

// alarm says why somebody has to look at what happened; empty where nobody has.
type alarm string

const (
	alarmFailed  alarm = "failed"
	alarmUnknown alarm = "unknown" // it ended, and how is not known
	alarmMissed  alarm = "missed"  // it was due, and there is no sign of it
)

// tells says whether the message tells of the end of an import.
func (a absence) tells(imp imports.Import) bool {
	i := slices.IndexFunc(a.Servers, func(s awayServer) bool { return s.Name == imp.Server })
	return i >= 0 && slices.ContainsFunc(a.Servers[i].Happened, func(h happening) bool {
		switch h.Kind {
		case sawEnd:
			return h.ID == imp.ID
		case sawReport, sawChanged:
			same := imp.End != nil && h.At.Equal(imp.End.ImportTime) && h.Status == imp.End.Status
			return same || h.ID != "" && h.ID == imp.ID
		}
		return false
	})
}

// alarming says whether somebody has to look at a server, and why.
func (s awayServer) alarming() alarm {
	for _, h := range s.Happened {
		if h.Alarm != "" {
			return h.Alarm
		}
	}
	return ""
}

// quiet says whether nothing happened, as far as is known.
func (s awayServer) quiet() bool { return len(s.Happened) == 1 && s.Happened[0].Kind == sawNothing }

// What a message about an absence shows of many servers: so many that something happened on, by name, and quiet ones by
// name only where they are few.
const (
	maxAwayServers = 20
	maxQuietNamed  = 3
	maxNamed       = 5 // in the first line
)

// awayMessage tells a channel of an absence. servers are those that are configured.
func awayMessage(now time.Time, a absence, servers []Server) bot.Message {
	write := func(p pen) (head, lines, small []string) {
		head = append(a.headlines(p), a.wasAway(p))
		for _, s := range a.shown() {
			lines = append(lines, s.line(p, configured(servers, s.Name)))
		}
		lines = append(lines, a.others()...)
		if a.reports() {
			small = append(small, "A server tells of its last import only: there may have been others")
		}
		return head, lines, small
	}
	words, more, small := write(pen{plain: true, now: now})
	m := bot.Message{Text: sentences(slices.Concat(words, more, small))}
	head, lines, small := write(pen{now: now})
	m.Blocks = append(m.Blocks, section(strings.Join(filled(head), "\n")))
	for _, text := range packed(lines) {
		m.Blocks = append(m.Blocks, section(text))
	}
	for _, text := range small {
		m.Blocks = append(m.Blocks, slack.NewContextBlock("", slack.NewTextBlockObject(slack.MarkdownType, text, false, false)))
	}
	m.Metadata = &bot.Metadata{EventType: eventType, Payload: map[string]any{
		"id": "", "server": a.Server, "kind": kindAway, "until": a.Until.UTC().Format(time.RFC3339),
	}}
	return m
}

// configured is a server as it is configured, or its name alone where it is not any more.
func configured(servers []Server, name string) Server {
	for _, srv := range servers {
		if srv.Name == name {
			return srv
		}
	}
	return Server{Name: name}
}

// packed puts lines into as few texts as fit into a section each.
func packed(lines []string) []string {
	var out []string
	for _, line := range filled(lines) {
		line = bot.Cut(line, maxSection)
		if n := len(out); n > 0 && len(out[n-1])+1+len(line) <= maxSection {
			out[n-1] += "\n" + line
			continue
		}
		out = append(out, line)
	}
	return out
}

// headlines name what somebody has to look at, before anything else.
func (a absence) headlines(p pen) []string {
	on := make(map[alarm][]string)
	for _, s := range a.Servers {
		if why := s.alarming(); why != "" {
			on[why] = append(on[why], p.name(s.Name))
		}
	}
	var out []string
	for _, why := range []alarm{alarmFailed, alarmUnknown, alarmMissed} {
		names := on[why]
		if len(names) == 0 {
			continue
		}
		one := len(names) == 1
		out = append(out, why.words(abridged(names), one, a.Whole))
	}
	return out
}

func (why alarm) words(on string, one, whole bool) string {
	meanwhile := " while I was away"
	if !whole {
		meanwhile = " while I did not look"
	}
	switch {
	case why == alarmFailed && one:
		return "An import failed on " + on + meanwhile + "."
	case why == alarmFailed:
		return "Imports failed on " + on + meanwhile + "."
	case why == alarmUnknown && one:
		return "An import ended on " + on + meanwhile + ", and how is not known."
	case why == alarmUnknown:
		return "Imports ended on " + on + meanwhile + ", and how is not known."
	case one:
		return "An import was due on " + on + meanwhile + ", and there is no sign of it."
	}
	return "Imports were due on " + on + meanwhile + ", and there is no sign of them."
}

// wasAway says since when, until when, how long; of less than a minute only when that was.
func (a absence) wasAway(p pen) string {
	long := a.Until.Sub(a.Since)
	span := "from " + p.at(a.Since) + " to " + p.at(a.Until) + " (" + p.span(long) + ")"
	if long < time.Minute {
		span = "for " + p.span(long) + ", " + p.when(a.Since)
	}
	if a.Whole {
		return "I was away " + span + ". Meanwhile:"
	}
	names := make([]string, len(a.Servers))
	for i, s := range a.Servers {
		names[i] = p.name(s.Name)
	}
	return "I did not look at " + abridged(names) + " " + span + ". Meanwhile:"
}

// abridged lists names, the first few of many.
func abridged(names []string) string {
	if n := len(names); n > maxNamed {
		names = append(names[:maxNamed:maxNamed], fmt.Sprintf("%d more", n-maxNamed))
	}
	return list(names, "and")
}

// shown are the servers that get a line of their own: those that somebody has to look at first.
func (a absence) shown() []awayServer {
	quiet := a.quietOnes()
	var out []awayServer
	for _, s := range a.Servers {
		if !s.quiet() || quiet <= maxQuietNamed {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(x, y awayServer) int { return x.rank() - y.rank() })
	return out[:min(len(out), maxAwayServers)]
}

// rank orders servers by how much they need somebody.
func (s awayServer) rank() int {
	switch {
	case s.alarming() == alarmFailed:
		return 0
	case s.alarming() != "":
		return 1
	case s.quiet():
		return 3
	}
	return 2
}

func (a absence) quietOnes() (n int) {
	for _, s := range a.Servers {
		if s.quiet() {
			n++
		}
	}
	return n
}

// others say in a line what the servers without a line of their own are.
func (a absence) others() (out []string) {
	quiet := a.quietOnes()
	if quiet <= maxQuietNamed {
		quiet = 0
	}
	shown := len(a.shown())
	more := len(a.Servers) - shown - quiet
	switch {
	case more == 1:
		out = append(out, "Something happened on one more server. Ask me for its status.")
	case more > 1:
		out = append(out, fmt.Sprintf("Something happened on %d more servers. Ask me for their status.", more))
	}
	switch {
	case quiet > 0 && shown == 0:
		out = append(out, fmt.Sprintf("All %d servers: no newer import is reported, and none was due.", quiet))
	case quiet > 0:
		out = append(out, fmt.Sprintf("%d more servers: no newer import is reported, and none was due.", quiet))
	}
	return out
}

// reports says whether the message tells of last imports, which may have hidden others.
func (a absence) reports() bool {
	return slices.ContainsFunc(a.Servers, func(s awayServer) bool {
		return slices.ContainsFunc(s.Happened, func(h happening) bool { return h.Kind == sawReport })
	})
}

// line is what happened on a server.
func (s awayServer) line(p pen, srv Server) string {
	said := make([]string, len(s.Happened))
	for i, h := range s.Happened {
		words := h.words(p, srv)
		if i > 0 {
			words = capital(words)
		}
		said[i] = words + "."
	}
	return p.name(s.Name) + ": " + strings.Join(said, " ")
}

// words say what happened, as a sentence behind the server's name, without its full stop.
func (h happening) words(p pen, srv Server) string {
	switch h.Kind {
	case sawReport, sawChanged, sawLast, sawNothing, sawHistory:
		return h.reported(p, srv)
	case sawDue:
		return articled(p.kind(h.DueType)) + " was due " + p.when(h.Due) + ", and the server reports " + h.nothingNewer(p)
	case sawMaybe:
		return articled(p.kind(h.DueType)) + " was due " + p.when(h.Due) + ", and I can't say whether it ran"
	case sawUnseen:
		said := "not seen " + p.when(h.At) + unseenFor(p, h.Failure) + ". I can't say what happened there"
		if h.Failure != nil && h.Failure.Kind == imports.FailUnauthorized {
			said += ". " + strings.TrimSuffix(srv.renew(p), ".")
		}
		return said
	case sawMode:
		return "in a state that I don't know, " + p.quote(string(h.Mode)) + ". I can't say what happened there"
	case sawNotYet:
		return "not looked at yet. I can't say what happened there"
	case sawExpired:
		return articled(p.kind(h.Type)) + " that was asked for " + p.when(h.At) + " was not started: when I was back, that was too long ago"
	}
	return h.followed(p)
}

func unseenFor(p pen, f *imports.Failure) string {
	if f == nil {
		return ""
	}
	return ": " + p.failure(*f)
}

func (h happening) nothingNewer(p pen) string {
	if h.At.IsZero() {
		return "none"
	}
	return "none newer than that of " + p.at(h.At)
}

// reported is what the server itself says of its last import.
func (h happening) reported(p pen, srv Server) string {
	what := "the " + p.kind(h.Type) + " of " + p.at(h.At)
	due := ""
	if !h.Due.IsZero() {
		due = " (one was due " + p.at(h.Due) + ")"
	}
	switch {
	case h.Kind == sawNothing && h.Mode == bigfix.ModeNone:
		return "no import was ever started there"
	case h.Kind == sawNothing && h.At.IsZero():
		return "idle; it reports no import"
	case h.Kind == sawNothing:
		return "it reports no import newer than that of " + p.at(h.At) + h.which(p)
	case h.Kind == sawHistory:
		return "its history went backwards, as after a restored database: its last import is now " + what + ". I conclude nothing from that"
	case h.Kind == sawLast:
		return "its last import is " + what + h.which(p) + ". I can't say whether that was meanwhile"
	case h.Kind == sawChanged:
		return "it says " + p.quote(string(h.Status)) + " of its last import, " + what + ", and said something else before" + h.lastSuccess(p, srv)
	}
	switch h.success() {
	case imports.Succeeded:
		return what + " succeeded" + due
	case imports.Failed:
		return what + " failed" + due + ": the server says " + p.quote(string(h.Status)) + h.lastSuccess(p, srv)
	case imports.Unclear:
		return what + due + " is over, and I can't be sure how it ended: the server says " + p.quote(string(h.Status)) +
			", and names no success after " + p.at(h.Success)
	}
	return what + due + " is over, and the server does not say how it ended" + h.lastSuccess(p, srv)
}

// success reads the server's word for its last import, as the judge does.
func (h happening) success() imports.Outcome {
	switch {
	case h.Status == bigfix.StatusSuccessful && !h.Success.IsZero() && h.Outcome == imports.Unclear:
		return imports.Unclear
	case h.Status == bigfix.StatusSuccessful, h.Status == "" && h.Success.Equal(h.At):
		return imports.Succeeded
	case h.Status == "":
		return imports.Unknown
	}
	return imports.Failed
}

// which says how a last import went that is no news.
func (h happening) which(p pen) string {
	switch {
	case h.Status == bigfix.StatusSuccessful:
		return ", which succeeded"
	case h.Status != "":
		return ", of which it says " + p.quote(string(h.Status))
	}
	return ""
}

// lastSuccess is what people ask next where something failed, and where they can look.
func (h happening) lastSuccess(p pen, srv Server) string {
	last := "the server names no success at all"
	if !h.Success.IsZero() {
		last = "the last success it names is of " + p.at(h.Success)
	}
	return "; " + last + ". See " + p.dataImports(srv)
}

// followed is what came of an import that is known.
func (h happening) followed(p pen) string {
	kind := "the " + p.kind(h.Type)
	at := ""
	if h.Progress != nil {
		at = ", " + p.percent(*h.Progress)
	}
	follow := ""
	if h.Card != "" {
		follow = ". See " + p.link(h.Card, "its card")
	}
	switch h.Kind {
	case sawStill:
		return kind + " that was running when I left was still running " + p.when(h.At) + at + follow
	case sawStopped:
		return kind + " that was under way when I left runs no more, and I am making sure of how it ended" + follow
	case sawStart:
		return kind + " that was to start " + p.when(h.Began) + " was not seen running " + p.when(h.At) + ", and I am making sure of what came of it" + follow
	case sawBefore:
		return articled(p.kind(h.Type)) + " was under way when I left" + follow
	case sawRunning:
		return articled(p.kind(h.Type)) + " was running " + p.when(h.At) + at + ", which I saw for the first time then" + follow
	}
	if h.Outcome == imports.NotBegun {
		return kind + " that was to start " + p.when(h.Began) + " did not begin" + follow
	}
	return kind + " that was under way when I left " + h.ended(p) + follow
}

// ended is how an import ended that was under way.
func (h happening) ended(p pen) string {
	switch h.Outcome {
	case imports.Succeeded:
		return "succeeded"
	case imports.Failed:
		return "failed: the server says " + p.quote(string(h.Status))
	case imports.Unclear:
		return "is over, and it is not clear whether the end that the server reports is its own"
	}
	return "is over, and I can't say how it ended"
}
