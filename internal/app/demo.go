package app

import (
	"context"
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
	d := demo.Demo{Stdin: p.Stdin, Stdout: p.Stdout, Bot: runBot}
	if *verbose {
		d.Log = p.Stderr
	}
	// A terminal window that is closed must not leave the demo's state behind.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	return d.Run(ctx)
}
