package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"importbot/internal/demo"
)

// demoAddr is where the demo's page is served unless --addr says otherwise, or somebody else is there.
const demoAddr = "127.0.0.1:9490"

func (p Program) demo(ctx context.Context, args []string) error {
	set := p.flags("demo")
	verbose := set.Bool("verbose", false, "")
	addr := set.String("addr", "", "")
	noWeb := set.Bool("no-web", false, "")
	if _, err := p.parse(set, args, 0, 0); err != nil {
		return err
	}
	if *noWeb && *addr != "" {
		return misused("importbot demo: --addr says where the page is served, and --no-web that there is none. Give one of them.")
	}
	program, err := os.Executable()
	if err != nil {
		return failed("importbot demo: this program's file can't be found, so the bot can't be started: %w", err)
	}
	d := demo.Demo{Stdin: p.Stdin, Stdout: p.Stdout, Bot: botOf(program), Manifest: manifestFor, Look: look}
	if *verbose {
		d.Log = p.Stderr
	}
	if !*noWeb {
		if d.Page, err = listenForPage(*addr); err != nil {
			return misused("importbot demo: %w", err)
		}
	}
	// A terminal window that is closed must not leave the demo's state behind, nor a script that reads the first line and no more.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	return d.Run(ctx)
}

// listenForPage takes the port for the page: the one that was asked for, or else the usual one if it is free, or any.
func listenForPage(addr string) (net.Listener, error) {
	if addr == "" {
		l, err := net.Listen("tcp", demoAddr)
		if err != nil {
			l, err = net.Listen("tcp", "127.0.0.1:0")
		}
		return l, err
	}
	if err := checkPageAddr(addr); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("--addr %s is taken by another program; give another port, or leave --addr out for any free one", addr)
	case err != nil:
		return nil, fmt.Errorf("--addr %s: %w", addr, err)
	case !l.Addr().(*net.TCPAddr).IP.IsLoopback(): // a localhost that somebody gave another address
		return nil, errors.Join(fmt.Errorf("--addr %s would let other machines in: it is %s here", addr, l.Addr()), l.Close())
	}
	return l, nil
}

// checkPageAddr refuses what is no address of this machine alone: whoever reaches the page can press its switches.
func checkPageAddr(addr string) error {
	const example = "write it like " + demoAddr
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("--addr %q is no host:port; %s", addr, example)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("--addr %q has no port from 1 to 65535; %s", addr, example)
	}
	if ip := net.ParseIP(host); !strings.EqualFold(host, "localhost") && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--addr %q would let other machines in; %s, an address of this machine alone", addr, example)
	}
	return nil
}

// botOf is the command line that runs a program's bot for as long as whoever started it lives.
func botOf(program string) []string { return []string{program, "run", "--" + whileHeld} }

// whileHeld is a flag of run that no help names: the bot then ends with its standard input, too. Whoever started it holds the other end
// of that pipe, and the system closes it when they die, however they do and on every system.
const whileHeld = "while-stdin-is-held"

// untilReleased returns a context that ends when nobody holds the other end of standard input any more.
func untilReleased(ctx context.Context, stdin io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() { // ends with the pipe, or with the process: a read can't be cancelled
		defer cancel()
		io.Copy(io.Discard, stdin) //nolint:errcheck // its end is all that matters
	}()
	return ctx
}

// manifestFor writes the manifest that `importbot manifest` prints for a configuration.
func manifestFor(environ []string) ([]byte, error) {
	var out bytes.Buffer
	p := Program{Stdout: &out, Environ: environ, noDotEnv: true}
	err := p.manifest(context.Background(), nil)
	return out.Bytes(), err
}

// look is a command line that reads the demo's database beside its bot, as people do beside theirs.
func look(ctx context.Context, args []string, database string, out io.Writer) {
	p := Program{Args: args, Stdout: out, Stderr: out, Environ: []string{"DATABASE_URL=" + database}, noDotEnv: true}
	p.Main(ctx)
}
