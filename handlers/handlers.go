// Package handlers is what Importbot says and does in Slack: the answers to its commands, and the cards and notices of
// imports in the servers' channels.
//
// Handlers answers the person who typed a command. What changes something is only written down as an intent (package
// imports' Intake) and answered once it is decided; everything else is answered from memory, in the acknowledgement
// itself. There is one file a command: status.go, history.go, raw.go, complete.go, cancel.go, mute.go, help.go; unknown.go
// answers the rest. To add a command, write such a file and name it in the table, in commands.go.
//
// Publisher shows imports. It compares what is stored of an import with what its thread in Slack shows, and does the
// difference, one step at a time, each recorded before and after it is done. Where a process dies, the next one finds
// in the store what was shown, and goes on in the same card and thread.
//
// Buttons are drawn in buttons.go and answered in actions.go. A button carries no right and no state but what was so when it
// was drawn: who may press it is found out on the press, and so is whether what it says still holds. The Home tab, home.go,
// shows every server at once, and is published again when that changes.
//
// Every message is written by a function from data to a bot.Message (cardMessage, milestoneMessage, finishedMessage,
// statusMessage, answer.message …) with a pen, which writes it for the eye and in plain words at once and escapes what
// came from elsewhere. testdata/*.golden shows them all.
package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/slack-go/slack"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
	"importbot/internal/audit"
)

// Announce says which of the imports that nobody started here are shown.
type Announce string

// The policies. An import that somebody follows is always shown.
const (
	AnnounceAll      Announce = "all"
	AnnounceFailures Announce = "failures" // only those that somebody has to look at, when they ended
	AnnounceNone     Announce = "none"
)

// Server is one server as people in Slack know it.
type Server struct {
	Name      string
	Channel   string // ID of the channel where its imports are shown
	Edition   bigfix.Edition
	Operators []string // user IDs, user group IDs, or "*"
	Announce  Announce // "" is AnnounceFailures
	Confirm   Confirm  // "" is ConfirmOverlap
	// AlertChannel is the ID of the channel where its alerts go, "" for Channel. AlertMention is the user or the user group
	// that they mention, "" for nobody.
	AlertChannel, AlertMention string
	// PollRunning is how often it is asked while an import runs; the limits on edits and milestones follow from it.
	PollRunning time.Duration
	// PollIdle is how often it is asked otherwise, 60 s where it is 0: a status says when that has not been done for long.
	PollIdle time.Duration
	// Insecure: its TLS certificate is not verified.
	Insecure bool
	// ImportsPage is the address of Management > Data Imports in its web pages, never an API address.
	ImportsPage string
	// TokenVariable and OperatorsVariable name the variables to change: "BIGFIX_PROD_TOKEN", "IMPORT_OPERATORS".
	TokenVariable, OperatorsVariable string
	// InsecureVariable names the variable that switched the verification off: "BIGFIX_INSECURE".
	InsecureVariable string
}

// Intake takes what people ask for; *imports.Intake is one.
type Intake interface {
	Start(ctx context.Context, w imports.Wish) (stored imports.Import, created bool, err error)
	After(ctx context.Context, w imports.Wish) (stored imports.Import, created bool, err error)
	Cancel(ctx context.Context, importID, userID string, at time.Time) (imports.Import, error)
	Follow(ctx context.Context, importID, userID string, direct bool) error
	Refresh(ctx context.Context, importID string) error
	Await(ctx context.Context, importID string) (imports.Import, error)
}

// Books is what Handlers keeps in the store beside what the publisher does; *store.Store is one.
type Books interface {
	Store
	// Mute keeps a server's alerts quiet; the last one for a server counts.
	Mute(ctx context.Context, m imports.Mute) error
	// Unmute ends the mute of a server and returns it; imports.ErrNotFound where none holds.
	Unmute(ctx context.Context, server string, at time.Time, key string) (imports.Mute, error)
	// Mutes returns those that hold, and some that ended lately.
	Mutes(ctx context.Context) ([]imports.Mute, error)
}

// Workspace is what Handlers needs of Slack; *bot.Bot is one. Its errors are package bot's.
type Workspace interface {
	Links
	PublishHome(ctx context.Context, userID string, blocks []slack.Block) error
	Person(ctx context.Context, userID string) (bot.Person, error)
	Known(userID string) (p bot.Person, ok bool)
}

// Links makes links to messages; *bot.Bot is one.
type Links interface {
	Permalink(channel, ts string) string
}

// Config is what Handlers needs.
type Config struct {
	Servers []Server
	Command string // "/import"
	Intake  Intake
	Board   *imports.Board
	Store   Books
	Slack   Workspace
	// Signal is woken when something changed that the Home tabs show; nil: they are looked at every minute alone.
	Signal *imports.Signal
	// Clock is what Run waits by; nil: the machine's.
	Clock imports.Clock
	// Operators knows the members of user groups.
	Operators *Operators
	// Audit gets one entry for each command, answered, accepted, refused or failed, and must not block; nil: nobody does.
	Audit func(audit.Entry)
	Now   func() time.Time // nil: time.Now
	Log   logrus.FieldLogger
}

// Handlers answers commands. It is safe for concurrent use.
type Handlers struct {
	Config
	gather   gather
	commands []command
	replies  *replies
	homes    *homes
	shapes   *shapes
	patience time.Duration // decideWithin, but in tests
}

// command is one word that people can type.
type command struct {
	name    string
	aliases []string
	// usage is how it is typed, says what it does, example one that works as it stands. A hidden command has none:
	// help does not list it.
	usage, says, example string
	run                  func(ctx context.Context, c *call, args []string) error
}

// New checks the configuration. It asks nobody.
func New(cfg Config) (*Handlers, error) {
	switch {
	case len(cfg.Servers) == 0:
		return nil, errors.New("handlers: no server is configured")
	case cfg.Intake == nil || cfg.Board == nil || cfg.Store == nil || cfg.Slack == nil || cfg.Operators == nil:
		return nil, errors.New("handlers: the configuration is incomplete")
	}
	cfg.Servers = slices.Clone(cfg.Servers)
	for i := range cfg.Servers {
		cfg.Servers[i].defaults()
	}
	if cfg.Command == "" {
		cfg.Command = "/import"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Signal == nil {
		cfg.Signal = new(imports.Signal)
	}
	if cfg.Clock == nil {
		cfg.Clock = imports.SystemClock{}
	}
	if cfg.Log == nil {
		cfg.Log = logrus.StandardLogger()
	}
	h := &Handlers{
		Config: cfg, gather: gather{cfg.Store, cfg.Board, cfg.Slack, cfg.Now}, replies: newReplies(), homes: newHomes(cfg.Servers), shapes: new(shapes),
		patience: decideWithin,
	}
	h.commands = h.table()
	return h, nil
}

// defaults fills in what was not set.
func (srv *Server) defaults() {
	if srv.Announce == "" {
		srv.Announce = AnnounceFailures
	}
	if srv.Confirm == "" {
		srv.Confirm = ConfirmOverlap
	}
	if srv.PollRunning <= 0 {
		srv.PollRunning = 30 * time.Second
	}
	if srv.PollIdle <= 0 {
		srv.PollIdle = time.Minute
	}
	if srv.OperatorsVariable == "" {
		srv.OperatorsVariable = "IMPORT_OPERATORS"
	}
	if srv.InsecureVariable == "" {
		srv.InsecureVariable = "BIGFIX_INSECURE"
	}
}

// Handle answers one request; it is a bot.Handler.
func (h *Handlers) Handle(ctx context.Context, r *bot.Request) error {
	c := h.newCall(r)
	if r.Kind == bot.Home { // asks for nothing
		c.sink = nil
	}
	panicked := true
	defer func() {
		if panicked {
			c.entry.Result, c.entry.Reason = audit.Failed, whyPanic
			c.note()
		}
	}()
	err := h.serve(ctx, c)
	panicked = false
	c.end(err)
	return err
}

func (h *Handlers) serve(ctx context.Context, c *call) error {
	if c.Foreign {
		h = h.forStranger(c.UserID)
		c.h = h
	}
	if len(h.Servers) == 0 {
		c.refuse(whyForeign)
		return c.Answer(ctx, h.strangerMessage())
	}
	switch c.Kind {
	case bot.Command:
		return h.command(ctx, c)
	case bot.Action:
		return h.press(ctx, c)
	case bot.Home:
		return h.openHome(ctx, c)
	}
	return fmt.Errorf("handlers: no %v is known", c.Kind)
}

// command answers what somebody typed. Words are read in small letters, but for a reason, which is kept as it was typed.
func (h *Handlers) command(ctx context.Context, c *call) error {
	words := strings.Fields(strings.ToLower(c.Text))
	if command, ok := h.typed(words); ok {
		c.typed = strings.Fields(c.Text)[min(len(words), 1):]
		return command.run(ctx, c, words[min(len(words), 1):])
	}
	c.refuse(whyUnknownCommand)
	return c.Answer(ctx, h.unknownMessage(words))
}

// typed is the command that words name: help, where there are none.
func (h *Handlers) typed(words []string) (command, bool) {
	if len(words) == 0 {
		words = []string{"help"}
	}
	i := slices.IndexFunc(h.commands, func(c command) bool { return c.name == words[0] || slices.Contains(c.aliases, words[0]) })
	if i < 0 {
		return command{}, false
	}
	return h.commands[i], true
}

// Close waits until the answers that are under way are given, or ctx ends. What was not answered then goes to the
// person by direct message later.
func (h *Handlers) Close(ctx context.Context) { h.replies.close(ctx) }

// server finds a server by the name that somebody typed.
func (h *Handlers) server(name string) (Server, bool) {
	for _, srv := range h.Servers {
		if srv.Name == name {
			return srv, true
		}
	}
	return Server{}, false
}

// only is the server meant where none was named: the only one there is, or the one whose channel it was typed in.
func (h *Handlers) only(channel string) (Server, bool) {
	if len(h.Servers) == 1 {
		return h.Servers[0], true
	}
	found := h.here(channel)
	if len(found) != 1 {
		return Server{}, false
	}
	return found[0], true
}

// here are the servers whose channel this is.
func (h *Handlers) here(channel string) (found []Server) {
	for _, srv := range h.Servers {
		if srv.Channel == channel {
			found = append(found, srv)
		}
	}
	return found
}

// staleAfter is how long after the last look at a server what it showed is not taken for the present any more: nobody
// leads, or the one that does has just begun to.
func (srv Server) staleAfter() time.Duration {
	return max(3*time.Minute, 3*srv.PollIdle, 3*srv.PollRunning)
}

// names are the servers' names, in the order of the configuration.
func (h *Handlers) names() []string {
	out := make([]string, len(h.Servers))
	for i, srv := range h.Servers {
		out[i] = srv.Name
	}
	return out
}

// some are how many earlier imports are read for what is usual.
const some = 60

// successes are how many imports of a type that succeeded are read where those are too few among the earlier ones.
const successes = 20

// glance bounds what an answer out of memory waits for the database: it goes without what that would add.
const glance = 250 * time.Millisecond

// replies are the answers under way in the background, a bounded number of them.
type replies struct {
	slots chan struct{}
	group sync.WaitGroup
	ctx   context.Context
	stop  context.CancelFunc
}

// maxReplies bounds the people who wait for a decision at the same time. Who comes after them is answered by direct
// message.
const maxReplies = 256

func newReplies() *replies {
	ctx, stop := context.WithCancel(context.Background())
	return &replies{slots: make(chan struct{}, maxReplies), ctx: ctx, stop: stop}
}

// do runs f in the background unless too many run already.
func (rs *replies) do(f func(context.Context)) bool {
	select {
	case rs.slots <- struct{}{}:
	default:
		return false
	}
	rs.group.Go(func() {
		defer func() { <-rs.slots }()
		f(rs.ctx)
	})
	return true
}

func (rs *replies) close(ctx context.Context) {
	done := make(chan struct{})
	go func() { rs.group.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	rs.stop()
	<-done
}
