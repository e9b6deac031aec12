// Package app is Importbot as a program: its command line, and the wiring of the bot.
//
// A [Program] is one run of it, with everything that a process has as values: tests start it as main does, with other values.
//
//	os.Exit(app.Program{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()}.Main(ctx))
package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/agnivade/levenshtein"
	"golang.org/x/term"

	"importbot/internal/config"
)

// The exit statuses.
const (
	exitWell        = 0 // done, and well
	exitFailed      = 1 // the import failed, was not started, or was not watched to its end
	exitUsage       = 2 // usage, configuration or credentials
	exitUnreachable = 3 // the server can't be reached
)

// Program is one run of importbot.
type Program struct {
	Args           []string // without the program's name
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Environ        []string

	noDotEnv bool // .env is not for it: the demo's
}

// command is one word of the command line.
type command struct {
	name  string
	usage string // what follows the name
	does  string
	run   func(p Program, ctx context.Context, args []string) error
}

func commands() []command {
	return []command{
		{"run", "", "the bot itself, and what runs without a command: reads the environment and .env", Program.run},
		{"demo", "[--addr HOST:PORT] [--no-web] [--verbose]", "everything on this machine, with simulated servers and a simulated Slack, in the browser and here", Program.demo},
		{"status", "[--json] [SERVER]", "asks the servers, or one, how they stand", Program.status},
		{"start", "raw|complete [SERVER] [--no-wait] [--yes]", "starts an import and follows it to its end", Program.start},
		{"history", "[SERVER] [-n N] [--json|--csv]", "the last imports, from the database, also beside a running bot", Program.history},
		{"report", "[--from DATE] [--to DATE] [--zone ZONE] [--server SERVER] [--json|--csv]", "what an auditor asks for: days with fresh data and without, outcomes, durations, who started what; without --from for 30 days, without --to until yesterday, without --zone in UTC", Program.report},
		{"doctor", "", "checks configuration, tokens, scopes, servers and database; a line each with what to do", Program.doctor},
		{"manifest", "", "prints the Slack app manifest to paste at api.slack.com/apps", Program.manifest},
		{"version", "", "prints the version", Program.version},
		{"help", "[COMMAND]", "prints this, or how one command is used", Program.help},
	}
}

// exit is an error that knows its exit status.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

// failed and misused make errors with their exit status.
func failed(format string, args ...any) error {
	return &exit{exitFailed, fmt.Errorf(format, args...)}
}

func misused(format string, args ...any) error {
	return &exit{exitUsage, fmt.Errorf(format, args...)}
}

// silent ends with a status and without another word, where everything was said on the way.
func silent(code int) error {
	if code == exitWell {
		return nil
	}
	return &exit{code, errSilent}
}

var errSilent = errors.New("told already")

// Main runs the command that Args name, until it is done or ctx ends, and returns the exit status.
func (p Program) Main(ctx context.Context) int {
	err := p.dispatch(ctx)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitWell
	}
	if !errors.Is(err, errSilent) {
		fmt.Fprintln(p.Stderr, err)
	}
	return statusOf(err)
}

// statusOf is the exit status of an error.
func statusOf(err error) int {
	var known *exit
	var faults *config.Error
	switch {
	case errors.As(err, &known):
		return known.code
	case errors.As(err, &faults):
		return exitUsage
	}
	return exitFailed
}

func (p Program) dispatch(ctx context.Context) error {
	if len(p.Args) == 0 {
		return p.run(ctx, nil)
	}
	name, args := p.Args[0], p.Args[1:]
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	for _, c := range commands() {
		if c.name == name {
			return c.run(p, ctx, args)
		}
	}
	return misused("importbot: I don't know %q.%s `importbot help` lists all commands.", name, didYouMean(name))
}

// didYouMean finds the command that was probably meant.
func didYouMean(name string) string {
	best, distance := "", 3
	for _, c := range commands() {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), c.name); d < distance {
			best, distance = c.name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean `importbot %s`?", best)
}

// flags makes a flag set that says on -h how its command is used.
func (p Program) flags(name string) *flag.FlagSet {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	return set
}

// parse reads flags and words in any order, for people write `start raw --yes`, and checks how many words there are.
func (p Program) parse(set *flag.FlagSet, args []string, least, most int) ([]string, error) {
	var words []string
	for {
		err := set.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			p.usage(p.Stdout, set.Name())
			return nil, flag.ErrHelp
		case err != nil:
			return nil, misused("importbot %s: %v. %s", set.Name(), err, usageOf(set.Name()))
		case set.NArg() == 0:
			if len(words) < least {
				return nil, misused("importbot %s: something is missing. %s", set.Name(), usageOf(set.Name()))
			}
			if len(words) > most {
				return nil, misused("importbot %s: %q is a word too many. %s", set.Name(), words[most], usageOf(set.Name()))
			}
			return words, nil
		}
		words = append(words, set.Arg(0))
		args = set.Args()[1:]
	}
}

func usageOf(name string) string {
	for _, c := range commands() {
		if c.name == name {
			return strings.TrimSpace("Use: importbot " + c.name + " " + c.usage)
		}
	}
	return ""
}

func (p Program) usage(w io.Writer, name string) {
	for _, c := range commands() {
		if c.name == name {
			fmt.Fprintf(w, "%s\n  %s\n", usageOf(name), c.does)
		}
	}
}

func (p Program) help(_ context.Context, args []string) error {
	if len(args) > 0 {
		if usageOf(args[0]) == "" {
			return misused("importbot help: there is no command %q.%s", args[0], didYouMean(args[0]))
		}
		p.usage(p.Stdout, args[0])
		return nil
	}
	fmt.Fprint(p.Stdout, "Importbot runs and watches BigFix Inventory data imports from Slack.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(p.Stdout, "  importbot %s\n      %s\n", strings.TrimSpace(c.name+" "+c.usage), c.does)
	}
	fmt.Fprint(p.Stdout, `
Configuration comes from the environment and from the file .env; .env.example explains every variable.
Exit status: 0 done and well; 1 the import failed, was not started or not watched to its end, or a check failed;
2 usage, configuration or credentials; 3 the server can't be reached.
`)
	return nil
}

// source is where the configuration is read from.
func (p Program) source() config.Source {
	if p.noDotEnv {
		return config.Source{Environ: p.Environ}
	}
	return config.Source{Environ: p.Environ, DotEnv: ".env"}
}

// isTerminal says whether a person sits at this end.
func isTerminal(end any) bool {
	f, ok := end.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
