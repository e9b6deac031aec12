// Importbot lets an on-call team run and watch BigFix Inventory data imports from Slack. `importbot help` lists what it can do.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"importbot/internal/app"
)

func main() {
	log.SetOutput(io.Discard) // libraries quote there what servers send; the bot itself leads it to its own log, without secrets
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first signal asks to stop; the second one has its usual effect, at once
	os.Exit(app.Program{Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()}.Main(ctx))
}
