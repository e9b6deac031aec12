package demo

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"importbot/handlers"
	"importbot/internal/slacksim"
	"importbot/internal/store"
)

const (
	// answerWithin is how long a typed line waits for its answer before the next one is typed all the same.
	answerWithin = 15 * time.Second
	// quiet is how long nothing may come for an answer to count as complete: some are a line first, replaced by another once the card
	// stands, which may have to wait a second for its turn.
	quiet = 1300 * time.Millisecond
	// settled is how long nothing may come after the last import's end for the story to count as told.
	settled = 2 * time.Second
	// endWithin bounds the waiting for imports.
	endWithin = 5 * time.Minute
)

// script types the lines of standard input, each when the one before was answered, and waits for what runs. Without any it tells the
// story.
func (s *stage) script(ctx context.Context) error {
	lines := make(chan string)
	go func() { // ends with the input, or with the process: a read can't be cancelled
		defer close(lines)
		scanner := bufio.NewScanner(s.Stdin)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for empty := true; ; empty = false {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case line, more := <-lines:
			if !more && empty && len(s.slack.Invocations()) == 0 { // nobody did anything in a browser either
				return s.tell(ctx)
			}
			if !more {
				return s.awaitEnd(ctx)
			}
			line = strings.TrimSpace(line)
			if isExit(line) {
				return nil
			}
			if settle := s.enter(ctx, line); settle != nil {
				settle(ctx)
			}
		}
	}
}

func isExit(line string) bool {
	return line == "exit" || line == "quit" || line == "/exit" || line == "/quit"
}

// awaitAnswer returns when the command was answered, and nothing has come for a moment.
func (s *stage) awaitAnswer(ctx context.Context, invocation *slacksim.Invocation) {
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if invocation.Wait(within) != nil {
		return // Slack told the person, and the screen has it
	}
	if _, err := invocation.WaitAnswer(within, func(slacksim.Message) bool { return true }); err != nil {
		return
	}
	s.awaitQuiet(within, quiet, answers)
}

// answers says whether an event is part of an answer: what one person sees, or what is new in the channel. A card that moves on and its
// milestones are not.
func answers(e slacksim.Event) bool {
	switch e.Kind {
	case slacksim.MessageEdited, slacksim.HomePublished:
		return false
	case slacksim.MessagePosted:
		return e.Message.ThreadTS == "" || e.Message.Broadcast
	}
	return true
}

// anything is every event.
func anything(slacksim.Event) bool { return true }

// awaitQuiet returns when everything was drawn, and nothing that counts has come for so long.
func (s *stage) awaitQuiet(ctx context.Context, long time.Duration, counts func(slacksim.Event) bool) {
	drawn, from := s.screen.until()
	over := time.NewTimer(long)
	defer over.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-over.C:
			if !slices.ContainsFunc(s.slack.EventsAfter(from), counts) {
				return
			}
			over.Reset(long)
		case <-drawn:
			_, seen := s.screen.until()
			news := func(e slacksim.Event) bool { return e.Seq <= seen && counts(e) }
			if slices.ContainsFunc(s.slack.EventsAfter(from), news) {
				over.Reset(long)
			}
			from = seen
		}
	}
}

// awaitEnd returns when no import runs any more, and all of them were told to their end, which a bot that was killed never does.
func (s *stage) awaitEnd(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	for {
		err := s.slack.Wait(within, func() bool { return s.allTold() || s.bot.alive() == nil })
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return errors.New("an import was not told to its end within five minutes")
		case s.bot.alive() == nil && !s.allTold():
			s.screen.say("The bot does not run any more, so nobody tells how the import goes on.")
			return nil
		}
		if len(s.shown()) > 0 {
			s.awaitQuiet(within, settled, anything)
		}
		if err != nil || s.bot.alive() == nil || s.allTold() && !s.underWay(within) {
			return nil
		}
	}
}

// underWay says whether the bot has something left to do that nothing in the channel tells of: a start that waits for the end of another
// import, or is about to be sent.
func (s *stage) underWay(ctx context.Context) bool {
	r, err := store.OpenReader(ctx, s.database, store.Options{})
	if err != nil {
		return false
	}
	defer r.Close() //nolint:errcheck // it was only read
	return slices.ContainsFunc(s.servers[:], func(srv *server) bool {
		active, err := r.Active(ctx, srv.name)
		return err == nil && len(active) > 0
	})
}

// shown is what stands in the channels of the servers.
func (s *stage) shown() (all []slacksim.Message) {
	for _, srv := range s.servers {
		all = append(all, s.slack.Messages(srv.channel)...)
	}
	return all
}

// allTold says whether every card has its finished message.
func (s *stage) allTold() bool {
	open := map[any]bool{}
	for _, m := range s.shown() {
		if m.Metadata == nil {
			continue
		}
		switch id := m.Metadata.Payload["id"]; m.Metadata.Payload["kind"] {
		case "card":
			open[id] = true
		case "finished":
			delete(open, id)
		}
	}
	return len(open) == 0 && !slices.ContainsFunc(s.servers[:], (*server).running)
}

// prompt lets a person type until they leave.
func (s *stage) prompt(ctx context.Context) error {
	fd := int(s.terminal.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return err
	}
	defer term.Restore(fd, before) //nolint:errcheck // there is no more to be done about it
	keys := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{s.terminal, s.Stdout}, "\x1b[1mana\x1b[22m in #bigfix-imports › ")
	keys.AutoCompleteCallback = complete
	stop := s.followSize(keys)
	defer stop()
	s.screen.through(keys)
	defer s.screen.through(s.Stdout)
	ended := make(chan error, 1)
	go func() { ended <- s.readLines(ctx, keys) }() // where ctx ends first, it ends with the process
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case err = <-ended:
	}
	io.WriteString(s.Stdout, "\r\n") //nolint:errcheck // a terminal that is gone can't be told
	return err
}

func (s *stage) readLines(ctx context.Context, keys *term.Terminal) error {
	for {
		line, err := keys.ReadLine()
		if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
			return nil //nolint:nilerr // Ctrl-D and Ctrl-C: the person leaves
		}
		s.screen.typed()
		line = strings.TrimSpace(line)
		if isExit(line) {
			return nil
		}
		s.enter(ctx, line)
	}
}

// followSize tells the prompt how wide the terminal is, now and whenever that changes.
func (s *stage) followSize(keys *term.Terminal) (stop func()) {
	fit := func() {
		if w, h, ok := size(s.Stdout); ok {
			keys.SetSize(w, h) //nolint:errcheck // a size is a wish
		}
		s.screen.typed() // what was drawn for another width can't be drawn over
	}
	fit()
	changed := make(chan os.Signal, 1)
	notifyResized(changed)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-changed:
				fit()
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(changed); close(done) }
}

// completions are what Tab offers, in the order in which one would try them: the bot's own table of commands, then what else one can
// do here, and the way out.
func completions() []string {
	var lines []string
	for _, word := range handlers.Commands() {
		lines = append(lines, command+" "+word)
	}
	lines = append(lines, command+" status all", command+" complete "+lab, "press", "home", "importbot history", "importbot report", "as ben "+command+" raw", "help")
	for _, e := range happenings {
		lines = append(lines, e.whom+" "+e.words)
	}
	return append(lines, "exit")
}

// complete is Tab: it extends the line to the first completion, or, where the line is one already, changes it for the next.
func complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' || pos != len(line) {
		return "", 0, false
	}
	all := completions()
	if i := slices.Index(all, line); i >= 0 {
		next := all[(i+1)%len(all)]
		return next, len(next), true
	}
	for _, c := range all {
		if strings.HasPrefix(c, line) {
			return c, len(c), true
		}
	}
	return "", 0, false
}
