package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"importbot/bigfix"
	"importbot/handlers"
	"importbot/imports"
	"importbot/internal/config"
)

// rules is how the imports of a server are judged.
func rules(s config.Server) imports.Rules {
	return imports.Rules{
		StartGrace:  s.StartGrace,
		EndGrace:    s.EndGrace,
		PollRunning: s.PollRunning,
		PollIdle:    s.PollIdle,
		OneKind:     s.Edition == bigfix.ILMT,

		StaleAfter: s.StaleAfter, StallAfter: s.StallAfter, UnreachableAfter: s.UnreachableAfter, MissedAfter: s.MissedAfter,
	}
}

// start is the command that starts an import and follows it. It is the same judge as the bot's that says how the import ended.
func (p Program) start(ctx context.Context, args []string) error {
	set := p.flags("start")
	yes := set.Bool("yes", false, "")
	noWait := set.Bool("no-wait", false, "")
	words, err := p.parse(set, args, 1, 2)
	if err != nil {
		return err
	}
	kind, err := typeNamed(words[0])
	if err != nil {
		return err
	}
	server, err := p.oneServer(append(words, "")[1])
	if err != nil {
		return err
	}
	if kind == bigfix.TypeRaw && server.Edition == bigfix.ILMT {
		return misused("%s Nothing was started.", oneKind(server))
	}
	asker, err := client(server, time.Time{})
	if err != nil {
		return err
	}
	defer asker.Close()
	run := &run{server: server, kind: kind, asker: asker, rules: rules(server), page: asker.ImportsPage, out: newDisplay(p.Stdout)}
	if !*yes {
		if err := p.confirm(ctx, run); err != nil {
			return err
		}
	}
	if err := run.send(ctx); err != nil {
		return err
	}
	if *noWait {
		return run.leave()
	}
	return run.follow(ctx)
}

func typeNamed(word string) (bigfix.ImportType, error) {
	switch strings.ToLower(word) {
	case "raw", string(bigfix.TypeRaw):
		return bigfix.TypeRaw, nil
	case "complete":
		return bigfix.TypeComplete, nil
	}
	return "", misused("importbot start: %q is no kind of import. %s", word, usageOf("start"))
}

// oneServer is the server that is meant. With several a start needs a name.
func (p Program) oneServer(name string) (config.Server, error) {
	servers, err := p.servers(name)
	if err != nil {
		return config.Server{}, err
	}
	if len(servers) > 1 {
		var names []string
		for _, s := range servers {
			names = append(names, s.Name)
		}
		return config.Server{}, misused("On which server? Configured: %s. %s", strings.Join(names, ", "), usageOf("start"))
	}
	return servers[0], nil
}

// confirm looks, says how the server stands, and asks whether to start.
func (p Program) confirm(ctx context.Context, r *run) error {
	if !isTerminal(p.Stdin) {
		return misused("There is no terminal to ask at: add --yes to start without being asked. Nothing was started.")
	}
	st, err := r.look(ctx)
	if err != nil {
		return err
	}
	newReport(r.server, st, nil).write(p.Stdout, time.Now())
	fmt.Fprintf(p.Stdout, "Start a %s import on %s? [y/N] ", typeWords(r.kind), r.server.Name)
	answer := make(chan string, 1)
	go func() { // ends with the line, or with the process: a read of a terminal can't be cancelled
		line, _ := bufio.NewReader(p.Stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return failed("\nNothing was started.")
	case line := <-answer:
		if line != "y" && line != "yes" {
			return failed("Nothing was started.")
		}
		return nil
	}
}

// asker is what a run needs of the client.
type asker interface {
	Status(ctx context.Context) (bigfix.Status, error)
	Start(ctx context.Context, t bigfix.ImportType) (bigfix.Status, error)
}

// run is one import that was started at the command line.
type run struct {
	server config.Server
	kind   bigfix.ImportType
	asker  asker
	rules  imports.Rules
	page   func() string
	out    *display

	imp  imports.Import
	seen imports.Server
}

// look asks once before the start, and says in words why there can be none.
func (r *run) look(ctx context.Context) (bigfix.Status, error) {
	span := imports.Span{Asked: time.Now()}
	st, err := r.asker.Status(ctx)
	span.At = time.Now()
	if err != nil {
		return st, &exit{codeOf(err), errors.New(printable(explain(r.server, err)) + " Nothing was started.")}
	}
	r.seen = r.rules.See(imports.Server{Name: r.server.Name}, imports.Observe(span, st, nil))
	switch {
	case st.Mode == bigfix.ModeRunning:
		soFar := ""
		if st.Progress != nil {
			soFar = fmt.Sprintf(", %d %%", *st.Progress)
		}
		return st, failed("An import is already running on %s%s. Nothing was started; `importbot status %s` shows how it goes on.", r.server.Name, soFar, r.server.Name)
	case !st.Mode.NotRunning():
		return st, failed("%s is in a mode that I don't know, %q, so I can't be sure that nothing runs. Nothing was started.", r.server.Name, printable(string(st.Mode)))
	case !st.MayRun():
		return st, misused("The user of %s may not start imports on %s: it needs the permission Manage Imports. Nothing was started.", r.server.TokenVariable, r.server.Name)
	}
	return st, nil
}

// send looks, and starts the import: once, whatever comes back.
func (r *run) send(ctx context.Context) error {
	if _, err := r.look(ctx); err != nil {
		return err
	}
	now := time.Now()
	r.imp = imports.Import{
		ID: "cli", Server: r.server.Name, Type: r.kind, Origin: imports.Here, State: imports.Sent,
		AcceptedAt: now, SendingAt: now, Baseline: r.seen.Quiet,
	}
	_, err := r.asker.Start(ctx, r.kind)
	var e *bigfix.Error
	switch {
	case err == nil:
		r.out.line("Asked %s for a %s import.", r.server.Name, typeWords(r.kind))
	case errors.As(err, &e) && e.NotSent():
		return &exit{codeOf(err), errors.New(printable(explain(r.server, err)) + " Nothing was started.")}
	default:
		r.imp.SendAnswer = imports.FailureOf(err, time.Now())
		r.out.line("%s Whether the import began all the same is to be seen.", printable(explain(r.server, err)))
	}
	return nil
}

// leave ends without following.
func (r *run) leave() error {
	r.out.line("`importbot status %s` shows how it goes on.", r.server.Name)
	if f := r.imp.SendAnswer; f != nil && f.Kind == imports.FailUnavailable {
		return silent(exitUnreachable)
	} else if f != nil {
		return silent(exitFailed)
	}
	return nil
}

// quick is how long an import is looked at three times as often.
const quick = 2 * time.Minute

func (r *run) pause() time.Duration {
	if time.Since(r.imp.SendingAt) < quick {
		return r.rules.PollRunning / 3
	}
	return r.rules.PollRunning
}

// follow looks until the judge says that the import is over.
func (r *run) follow(ctx context.Context) error {
	defer r.out.finish()
	for {
		if !r.wait(ctx) {
			r.out.line("No longer watching. The import goes on; `importbot status %s` shows how.", r.server.Name)
			return silent(exitFailed)
		}
		span := imports.Span{Asked: time.Now()}
		st, err := r.asker.Status(ctx)
		span.At = time.Now()
		if ctx.Err() != nil {
			continue
		}
		notices := len(r.imp.Milestones)
		r.imp, _ = r.rules.Next(r.imp, imports.Observe(span, st, err), span.At)
		for _, n := range r.imp.Milestones[min(notices, len(r.imp.Milestones)):] {
			r.tell(n)
		}
		if r.imp.State == imports.Ended {
			r.out.line("%s", r.verdict())
			return silent(r.code())
		}
		r.out.show(r.line(err))
	}
}

// wait pauses until the next look, and lets the line at the bottom show the time that passes.
func (r *run) wait(ctx context.Context) bool {
	over := time.NewTimer(r.pause())
	defer over.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-over.C:
			return true
		case <-second.C:
			r.out.redraw()
		}
	}
}

// tell writes a milestone.
func (r *run) tell(n imports.Milestone) {
	switch n.Kind {
	case imports.MilestoneStarted:
		r.out.line("It runs, since %s.", n.At.Local().Format("15:04:05"))
	case imports.MilestoneProgress:
		r.out.plain("%d %% after %s.", n.Progress, about(n.At.Sub(r.imp.SendingAt)))
	case imports.MilestoneLost:
		reason := "no answer"
		if n.Failure != nil {
			reason = printable(n.Failure.Reason)
		}
		r.out.line("%s does not answer (%s). That is common in mid-import; I keep looking.", r.server.Name, reason)
	case imports.MilestoneSeen:
		r.out.line("%s answers again.", r.server.Name)
	}
}

// line is how the import stands, for the bottom of a terminal.
func (r *run) line(lookErr error) func(now time.Time) string {
	imp := r.imp
	return func(now time.Time) string {
		passed := about(now.Sub(imp.SendingAt))
		switch {
		case lookErr != nil:
			return fmt.Sprintf("%s  %s  not seen since %s", stand(imp), passed, imp.LastLook.Local().Format("15:04:05"))
		case imp.State == imports.Running:
			return fmt.Sprintf("%s  %s", stand(imp), passed)
		case imp.State == imports.Settling:
			return fmt.Sprintf("%s  %s  no longer running; making sure how it ended", stand(imp), passed)
		}
		return fmt.Sprintf("%s  no sign of it yet", passed)
	}
}

// stand is the progress as last seen: it never moves by itself.
func stand(imp imports.Import) string {
	if imp.Progress == nil {
		return "running"
	}
	return fmt.Sprintf("%s %3d %%", handlers.Bar(*imp.Progress), *imp.Progress)
}

// code is the exit status for the import's outcome. What is not known to be well is not reported as well.
func (r *run) code() int {
	switch {
	case r.imp.Outcome == imports.Succeeded:
		return exitWell
	case r.imp.Reason.Kind == imports.ReasonOutOfSight || r.imp.Reason.Kind == imports.ReasonUnreachable:
		return exitUnreachable
	case r.imp.Reason.Kind == imports.ReasonUnauthorized || r.imp.Reason.Kind == imports.ReasonNotPermitted:
		return exitUsage
	}
	return exitFailed
}
