package demo

import (
	"context"
	"slices"
	"strings"
	"time"

	"importbot/internal/slacksim"
)

// enter does what one line says. Settle, where there is one, returns when what was done has had its answer.
func (s *stage) enter(ctx context.Context, line string) (settle func(context.Context)) {
	if s.asked != nil {
		var answered bool
		if settle, answered = s.answered(ctx, line); answered {
			return settle
		}
	}
	if line == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	who, line, ok := s.actor(line)
	if !ok {
		return nil
	}
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case word == command:
		return s.types(who, rest)
	case strings.HasPrefix(word, "/"):
		s.screen.say("Slack knows no command " + styled(codeOn, clean(word)) + " here. Try " + styled(codeOn, "/import help") + ".")
	case word == "press":
		return s.presses(ctx, who, rest)
	case word == "home":
		s.opensHome(ctx, who)
	case word == "importbot":
		s.looks(ctx, rest)
	case word == "wait":
		return s.waits(rest)
	case word == prod:
		return s.happens(toServer, rest)
	case word == toServer, word == lab, word == toSlack, word == toBot:
		return s.happens(word, rest)
	case word == "help":
		s.screen.say(playbook(s.screen.fits(blockMargin))...)
	default:
		s.screen.say("Commands begin with a slash: " + styled(codeOn, "/import help") + " lists them, " + styled(codeOn, "exit") + " leaves. " +
			styled(codeOn, "help") + " says what else you can do here.")
	}
	return nil
}

// actor reads who does it: "as ben …", or ana.
func (s *stage) actor(line string) (who person, rest string, ok bool) {
	word, rest, _ := strings.Cut(line, " ")
	if word != "as" {
		return people[0], line, true
	}
	name, rest, _ := strings.Cut(strings.TrimSpace(rest), " ")
	for _, p := range people {
		if strings.TrimPrefix(name, "@") == p.name && rest != "" {
			return p, strings.TrimSpace(rest), true
		}
	}
	s.screen.say("Here are ana, ben, and gus, a guest. Try " + styled(codeOn, "as ben /import raw") + ".")
	return person{}, "", false
}

// types is a person typing the slash command.
func (s *stage) types(who person, text string) (settle func(context.Context)) {
	undo := s.screen.mine(slacksim.CommandTyped, who.id)
	invocation, err := s.slack.Type(slacksim.Typed{UserID: who.id, ChannelID: channel, Command: command, Text: text})
	if err != nil {
		undo()
		s.screen.say(clean(err.Error()))
		return nil
	}
	return func(ctx context.Context) { s.awaitAnswer(ctx, invocation) }
}

// readers are the commands of importbot's own that only read the database, and so can be tried beside the bot.
var readers = []string{"history", "report"}

// looks is the person typing one of them in a terminal.
func (s *stage) looks(ctx context.Context, line string) {
	args := strings.Fields(line)
	if len(args) == 0 || !slices.Contains(readers, args[0]) {
		s.screen.say("Of the command line " + styled(codeOn, "importbot history") + " and " + styled(codeOn, "importbot report") + " can be tried here.")
		return
	}
	var out strings.Builder
	s.Look(ctx, args, s.database, &out)
	s.screen.printed("importbot "+line, out.String())
}

// waits is a pause between two lines of a script.
func (s *stage) waits(text string) (settle func(context.Context)) {
	long, err := time.ParseDuration(text)
	if err != nil || long < 0 {
		s.screen.say("Write how long: " + styled(codeOn, "wait 10s") + ".")
		return nil
	}
	return func(ctx context.Context) {
		select {
		case <-ctx.Done():
		case <-time.After(long):
		}
	}
}

// playbookColumn is where the playbook says what something does.
const playbookColumn = 25

// playbook is what one can do here besides typing slash commands, in lines of no more than a width.
func playbook(width int) []string {
	lines := []string{styled(boldOn, "What you can do here, besides typing commands")}
	add := func(what, does string) {
		for _, row := range wrap(does, max(width-playbookColumn, 20)) {
			lines = append(lines, padded("  "+what, playbookColumn)+row)
			what = ""
		}
	}
	add("press Start raw", "presses that button, of the newest message that has it")
	add("press 2 Start raw", "of the one before that")
	add("home", "opens Importbot's Home tab")
	add("importbot history", "the command line, beside the bot: also importbot report")
	add("as ben /import raw", "ben does it, who may on lab alone; or gus, a guest")
	add("/import status all", "looks at both servers: prod, and lab, a License Metric Tool")
	for _, h := range happenings {
		if _, both := named(toServer, h.words); h.whom != lab || !both {
			add(h.whom+" "+h.words, h.does)
		}
	}
	add("lab fails, lab down, …", "what can befall server can befall lab")
	add("wait 10s", "in a script: does nothing for so long")
	add("exit", "leaves")
	return lines
}
