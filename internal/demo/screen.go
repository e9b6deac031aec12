package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"importbot/internal/slacksim"
)

// screen draws the conversation as text. On a terminal an edited message is drawn again in its place as long as nothing else came
// below it, and after that as one line that keeps itself up to date; elsewhere every change worth a line gets one.
type screen struct {
	mu       sync.Mutex
	out      io.Writer
	reader   reader
	me       string                      // whose terminal it is
	unread   func(slacksim.Message) bool // whether nobody looks at a message here, so that it is not drawn; nil: at each
	width    func() int
	height   func() int
	terminal bool

	fresh  bool              // nothing was drawn yet
	bottom placed            // what was drawn last
	shown  map[string]string // by message: the line that was shown of it last, of as many as the workspace remembers
	order  []string          // the messages in it, oldest first
	seen   int               // events drawn
	drawn  chan struct{}     // has a value after each event
	own    map[string]int    // by kind and person: what was done at this terminal, and not yet seen to happen
}

// placed is something drawn that could be drawn again in its place.
type placed struct {
	key  string // of the message; "" where there is nothing to draw again
	rows int
	kind shape
}

// shape is how something was drawn.
type shape int

const (
	asBlock  shape = iota // a message with its heading
	asThread              // a message in a thread
	asEdit                // the line for an edit
)

func newScreen(out io.Writer, r reader, me string, terminal bool, width, height func() int) *screen {
	return &screen{
		out: out, reader: r, me: me, terminal: terminal, width: width, height: height,
		fresh: true, shown: map[string]string{}, drawn: make(chan struct{}, 1), own: map[string]int{},
	}
}

// show draws one event.
func (s *screen) show(e slacksim.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unread == nil || e.Message.Ephemeral() || !s.unread(e.Message) {
		s.draw(e)
	}
	s.seen = e.Seq
	select {
	case s.drawn <- struct{}{}:
	default:
	}
}

func (s *screen) draw(e slacksim.Event) {
	switch e.Kind {
	case slacksim.CommandTyped:
		if !s.typedHere(e) {
			s.block("", fmt.Sprintf("%s types %s", s.who(e.User), styled(boldOn, clean(e.Text))))
		}
	case slacksim.ActionPressed:
		if !s.typedHere(e) {
			s.block("", fmt.Sprintf("%s presses [%s]", s.who(e.User), clean(e.Text)))
		}
	case slacksim.ActionFailed:
		s.block("", "Slack · a warning sign beside the button"+s.of(e.User), clean(e.Text))
	case slacksim.CommandFailed:
		s.block("", "Slack · "+s.onlyFor(e.User), clean(e.Text))
	case slacksim.MessagePosted, slacksim.EphemeralShown:
		s.message(e.Message)
	case slacksim.MessageEdited, slacksim.EphemeralEdited:
		s.edited(e.Message)
	case slacksim.MessageDeleted:
		s.block("", "A message was deleted", s.headline(e.Message))
	}
}

// mine notes that the person at this terminal is about to do something, so that it is not drawn below what they typed. Undo is for what
// does not come to be.
func (s *screen) mine(kind slacksim.EventKind, user string) (undo func()) {
	count := func(n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.own[string(kind)+user] += n
	}
	count(1)
	return func() { count(-1) }
}

// typedHere says whether what a person does stands on the terminal already, as they typed it. What was done in a browser does not.
func (s *screen) typedHere(e slacksim.Event) bool {
	if !s.terminal || s.own[string(e.Kind)+e.User] == 0 {
		return false
	}
	s.own[string(e.Kind)+e.User]--
	return true
}

// until returns a channel that has a value when something was drawn since, and how much was drawn so far.
func (s *screen) until() (<-chan struct{}, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drawn, s.seen
}

// say writes lines of the demo's own.
func (s *screen) say(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(asBlock, ours, "", lines)
}

// ours is the key of what the demo says itself: nothing there is drawn again.
const ours = "demo"

// aside writes what happens off the stage, on the simulated server.
func (s *screen) aside(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(asBlock, ours, "", []string{styled(dimOn, "── "+line)})
}

// home draws somebody's Home tab.
func (s *screen) home(user string, blocks json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(asBlock, ours, "importbot · Home tab of "+s.who(user), s.reader.lines("", blocks))
}

// printed draws what a command line printed, in another terminal so to speak.
func (s *screen) printed(command, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(asBlock, ours, "$ "+clean(command), strings.Split(strings.TrimRight(clean(text), "\n"), "\n"))
}

// typed notes that the person's own line stands at the bottom now.
func (s *screen) typed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bottom = placed{}
}

func (s *screen) who(id string) string { return s.reader.names.UserName(id) }

func key(m slacksim.Message) string { return m.Channel + " " + m.TS }

// message draws a message that is new.
func (s *screen) message(m slacksim.Message) {
	s.shows(m, s.headline(m))
	lines := s.reader.lines(m.Text, m.Blocks)
	if m.ThreadTS != "" && !m.Broadcast {
		s.write(asThread, key(m), "", lines)
		return
	}
	s.block(key(m), s.heading(m), lines...)
}

func (s *screen) block(key, heading string, lines ...string) {
	s.write(asBlock, key, heading, lines)
}

// heading says who speaks, where, and who can read it.
func (s *screen) heading(m slacksim.Message) string {
	where := "#" + s.reader.names.ChannelName(m.Channel)
	if strings.HasPrefix(m.Channel, "D") {
		where = "direct message to " + s.reader.names.ChannelName(m.Channel)
	}
	switch {
	case m.Ephemeral():
		where = s.onlyFor(m.For)
	case m.Broadcast:
		where = "in the thread, and shown in " + where
	}
	return s.who(m.User) + " · " + where
}

// onlyFor says that one person alone sees something.
func (s *screen) onlyFor(user string) string {
	if user == s.me {
		return "only you see this"
	}
	return "only " + s.who(user) + " sees this"
}

// of is whose something is, where it is not that of whose terminal this is.
func (s *screen) of(user string) string {
	if user == s.me {
		return ""
	}
	return " of " + s.who(user)
}

// edited draws a message that has changed: in its place where that is possible, else as a line.
func (s *screen) edited(m slacksim.Message) {
	line := s.headline(m)
	before := s.shown[key(m)]
	inPlace := s.terminal && s.bottom.key == key(m) && s.bottom.rows < s.height()-2
	switch {
	case inPlace && s.bottom.kind != asEdit:
		s.erase()
		s.message(m)
	case line == before:
	case m.Ephemeral():
		s.shows(m, line)
		s.block(key(m), s.heading(m)+instead(before), s.reader.lines(m.Text, m.Blocks)...)
	case inPlace:
		s.erase()
		s.edit(m, line)
	case s.terminal || worthALine(before, line):
		s.edit(m, line)
	}
}

// shows notes the line that is shown of a message.
func (s *screen) shows(m slacksim.Message, line string) {
	if _, known := s.shown[key(m)]; !known {
		s.order = append(s.order, key(m))
	}
	s.shown[key(m)] = line
	if len(s.order) > remembered {
		delete(s.shown, s.order[0])
		s.order = s.order[1:]
	}
}

// instead says what a message that only one person sees stands in place of.
func instead(before string) string {
	const most = 40
	before = paint(before, false)
	if runes := []rune(before); len(runes) > most {
		before = strings.TrimRight(string(runes[:most-1]), " ") + "…"
	}
	return fmt.Sprintf(", in place of “%s”", before)
}

func (s *screen) edit(m slacksim.Message, line string) {
	s.shows(m, line)
	s.write(asEdit, key(m), "", []string{styled(dimOn, "the card now: ") + line})
}

// erase takes away what was drawn last.
func (s *screen) erase() {
	fmt.Fprintf(s.out, "\x1b[%dA\x1b[J", s.bottom.rows)
}

var (
	percentage = regexp.MustCompile(`(\d+)[ \x{a0}]?%`)
	numbers    = regexp.MustCompile(`\d+|[▰▱]`)
)

// enoughProgress is how many points of progress are worth a line where lines can't be taken back.
const enoughProgress = 10

// worthALine says whether an edit changed more than some figures.
func worthALine(before, after string) bool {
	if numbers.ReplaceAllString(before, "") != numbers.ReplaceAllString(after, "") {
		return true
	}
	return percent(after)-percent(before) >= enoughProgress
}

func percent(line string) int {
	if m := percentage.FindStringSubmatch(line); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}

// headline is a message in one line: its first, and its bar where it has one.
func (s *screen) headline(m slacksim.Message) string {
	lines := s.reader.lines(m.Text, m.Blocks)
	if len(lines) == 0 {
		return ""
	}
	for _, line := range lines[1:] {
		if strings.ContainsAny(line, "▰▱") {
			return lines[0] + "  " + line
		}
	}
	return lines[0]
}

// The margins show where a message belongs: a block stands in the channel, a bar runs along what belongs to the card above.
const (
	blockMargin  = "  "
	threadMargin = "    │ "
	editMargin   = "    ✎ "
)

// write draws lines under a heading, wrapped, and remembers how many rows they took.
func (s *screen) write(kind shape, key, heading string, lines []string) {
	var rows []string
	margin, rest := blockMargin, blockMargin
	switch kind {
	case asThread:
		margin, rest = threadMargin, threadMargin
	case asEdit:
		margin, rest = editMargin, "      "
	}
	if !s.fresh && (kind == asBlock || s.apart(key)) {
		rows = append(rows, "")
	}
	s.fresh = false
	if heading != "" {
		rows = append(rows, s.fit(styled(dimOn, heading), "", "")...)
	}
	for _, line := range lines {
		rows = append(rows, s.fit(line, margin, rest)...)
	}
	io.WriteString(s.out, strings.Join(rows, "\n")+"\n") //nolint:errcheck // a terminal that is gone can't be told
	s.bottom = placed{key: key, rows: len(rows), kind: kind}
}

// apart says whether what was drawn last belongs to something else than the card that this message belongs to.
func (s *screen) apart(key string) bool {
	return s.bottom.kind == asBlock && s.bottom.key != "" && s.bottom.key != key
}

// fits is how wide lines with a margin may be.
func (s *screen) fits(margin string) int { return max(s.width()-1-cells(margin), 20) }

func (s *screen) fit(line, margin, rest string) []string {
	rows := wrap(line, s.fits(margin))
	for i := range rows {
		if i > 0 {
			margin = rest
		}
		rows[i] = paint(margin+rows[i], s.terminal)
	}
	return rows
}

// through changes where the screen is drawn: through the prompt while there is one, which it then stands below of.
func (s *screen) through(out io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = out
}

// logs is where a terminal's log lines go: between the messages, above the prompt.
type logs struct{ screen *screen }

func (l logs) Write(line []byte) (int, error) {
	l.screen.mu.Lock()
	defer l.screen.mu.Unlock()
	l.screen.bottom = placed{}
	return l.screen.out.Write(line)
}
