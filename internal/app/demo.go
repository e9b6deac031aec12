package app

import (
	"context"
	"io"
	"os/signal"
	"syscall"

	"importbot/internal/demo"
)

func (p Program) demo(ctx context.Context, args []string) error {
	set := p.flags("demo")
	verbose := set.Bool("verbose", false, "")
	if _, err := p.parse(set, args, 0, 0); err != nil {
		return err
	}
	d := demo.Demo{Stdin: p.Stdin, Stdout: p.Stdout, Bot: runBot, Look: look}
	if *verbose {
		d.Log = p.Stderr
	}
	// A terminal window that is closed must not leave the demo's state behind.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	return d.Run(ctx)
}

// look is a command line that reads the demo's database beside its bot, as people do beside theirs.
func look(ctx context.Context, args []string, database string, out io.Writer) {
	p := Program{Args: args, Stdout: out, Stderr: out, Environ: []string{"DATABASE_URL=" + database}, noDotEnv: true}
	p.Main(ctx)
}
