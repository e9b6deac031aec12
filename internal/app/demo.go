package app

import (
	"context"

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
	return d.Run(ctx)
}
