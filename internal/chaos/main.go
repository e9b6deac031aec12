//go:build unix

// Chaos pulls plugs. It builds the real program, starts it as processes between a simulated Slack and simulated BigFix servers, lets
// people type and imports run, breaks things meanwhile, heals them all, waits until everything has come to its end, and then holds the
// journals of the simulators against what Importbot promises.
//
//	go run ./internal/chaos -imports 1000 -db both
//
// A world is one such run. Everything in it is dealt from a seed (what is typed when, which faults come when), so that a seed deals the
// same plan again; what comes of it also hangs on how the machine schedules the processes. A world that breaks a promise is told with its
// seed, its plan as a timeline, what was found, and where its logs are kept:
//
//	go run ./internal/chaos -seed 7315 -worlds 1 -db sqlite -v
//
// What is judged, and what is excused, stands in check.go, one rule a promise, and in docs/decisions/0022. -list prints the faults.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	seed     uint64
	imports  int
	worlds   int
	database string
	parallel int
	fault    string
	keep     string
	markdown string
	race     bool
	quick    bool
	program  string
	verbose  bool
}

func parse(args []string, out io.Writer) (settings, error) {
	var s settings
	var list bool
	set := flag.NewFlagSet("chaos", flag.ContinueOnError)
	set.SetOutput(out)
	set.Uint64Var(&s.seed, "seed", rand.Uint64()>>44, "what the first world is dealt from; the others have the seeds behind it")
	set.IntVar(&s.imports, "imports", 1000, "how many imports are to run, on each database")
	set.IntVar(&s.worlds, "worlds", 0, "how many worlds are to be played instead, on each database")
	set.StringVar(&s.database, "db", "both", "sqlite, postgres or both")
	set.IntVar(&s.parallel, "parallel", 6, "how many worlds run at the same time")
	set.StringVar(&s.fault, "fault", "", "deal this fault alone")
	set.StringVar(&s.keep, "keep", "", "where the logs of failed worlds are kept (a new temporary directory)")
	set.StringVar(&s.markdown, "markdown", "", "write the figures into this file, between its two marks")
	set.BoolVar(&s.race, "race", false, "build the program with the race detector")
	set.BoolVar(&s.quick, "quick", false, "deal no fault that takes half a minute and more, as go test does")
	set.StringVar(&s.program, "program", "", "play with this binary instead of building one")
	set.BoolVar(&s.verbose, "v", false, "tell each world, with its plan")
	set.BoolVar(&list, "list", false, "print the faults and end")
	if err := set.Parse(args); err != nil {
		return s, err
	}
	if list {
		listFaults(out)
		return s, flag.ErrHelp
	}
	return s, s.valid()
}

func (s settings) valid() error {
	if s.database != "both" && s.database != onSQLite && s.database != onPostgres {
		return fmt.Errorf("-db is %q: use sqlite, postgres or both", s.database)
	}
	if s.parallel < 1 {
		return errors.New("-parallel must be 1 or more")
	}
	if s.fault == "" {
		return nil
	}
	i := slices.IndexFunc(faults(), func(f fault) bool { return f.name == s.fault })
	if i < 0 {
		return fmt.Errorf("there is no fault %q: -list prints them all", s.fault)
	}
	if f := faults()[i]; f.possible != nil && f.possible() != nil {
		return fmt.Errorf("the fault %q can't be dealt here: %w", s.fault, f.possible())
	}
	return nil
}

func listFaults(out io.Writer) {
	for _, f := range faults() {
		note := ""
		if f.on != "" {
			note = " (" + f.on + ")"
		}
		if f.possible != nil {
			if err := f.possible(); err != nil {
				note += ", skipped here: " + err.Error()
			}
		}
		fmt.Fprintf(out, "%s%s\n", f.name, note)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	s, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	arena, err := newArena(s.keep, s.program, s.race)
	if err != nil {
		return err
	}
	defer arena.close()
	fmt.Fprintf(out, "seed %d; logs of failed worlds are kept in %s\n", s.seed, arena.dir)
	t := newTally(s.seed)
	for _, database := range []string{onSQLite, onPostgres} {
		if s.database == database || s.database == "both" {
			err = errors.Join(err, playMany(ctx, s, database, arena, t, out))
		}
	}
	t.print(out)
	if s.markdown != "" {
		err = errors.Join(err, t.writeMarkdown(s.markdown))
	}
	if t.failed() {
		err = errors.Join(err, errBroken)
	}
	return err
}

var errBroken = errors.New("a promise was broken: see above")

// arena is where worlds are played: the built program, and a directory for all that they leave.
type arena struct {
	dir       string
	program   string
	built     bool // the program is this arena's own
	databases databases
}

func newArena(dir, program string, race bool) (*arena, error) {
	var err error
	if dir == "" {
		dir, err = os.MkdirTemp("", "importbot-chaos-")
	} else {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("a directory for the logs: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("a directory for the logs: %w", err)
	}
	a := &arena{dir: dir, program: program}
	if program != "" {
		a.program, err = filepath.Abs(program)
		return a, err
	}
	a.program, a.built = filepath.Join(dir, "importbot"), true
	args := []string{"build", "-o", a.program}
	if race {
		args = append(args, "-race")
	}
	if said, err := exec.Command("go", append(args, "importbot")...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the program: %w\n%s", err, said)
	}
	return a, nil
}

// close leaves nothing behind but what failed worlds left.
func (a *arena) close() {
	a.databases.close()
	if a.built {
		os.Remove(a.program) //nolint:errcheck // at worst it is left
	}
	os.Remove(a.dir) //nolint:errcheck // it stays where failed worlds left something
}

// result is what came of one world.
type result struct {
	plan     Plan
	evidence *Evidence
	found    []Violation
	dir      string
	err      error
	took     time.Duration
}

// world plays one world, and keeps what it leaves if something was found.
func (a *arena) world(ctx context.Context, plan Plan) result {
	r := result{plan: plan, dir: filepath.Join(a.dir, fmt.Sprintf("%s-%d", plan.Database, plan.Seed))}
	began := time.Now()
	if r.err = os.MkdirAll(r.dir, 0o700); r.err != nil {
		return r
	}
	r.evidence, r.err = play(ctx, plan, a.program, r.dir, &a.databases)
	r.took = time.Since(began)
	if r.err == nil {
		r.found = check(r.evidence)
	}
	if r.err == nil && len(r.found) == 0 {
		os.RemoveAll(r.dir) //nolint:errcheck // at worst it is left
		return r
	}
	story := filepath.Join(r.dir, "story.txt")
	if err := os.WriteFile(story, []byte(r.story()), 0o600); err != nil {
		r.err = errors.Join(r.err, err)
	}
	return r
}

// playMany plays worlds of consecutive seeds until enough imports ran: first one with each fault alone, so that none is left to chance,
// then whatever the seeds deal.
func playMany(ctx context.Context, s settings, database string, a *arena, t *tally, out io.Writer) error {
	var mu sync.Mutex
	var failures []error
	var alone []fault
	if s.fault == "" && s.worlds == 0 {
		alone = possible(database, s.quick)
	}
	next, imports := s.seed, 0
	more := func() (seed uint64, only string, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		played := int(next - s.seed)
		enough := imports >= s.imports
		if s.worlds > 0 {
			enough = played >= s.worlds
		}
		if enough || ctx.Err() != nil || len(failures) > 0 {
			return 0, "", false
		}
		next++
		only = s.fault
		if played < len(alone) {
			only = alone[played].name
		}
		return next - 1, only, true
	}
	var playing sync.WaitGroup
	for range s.parallel {
		playing.Go(func() {
			for seed, only, ok := more(); ok; seed, only, ok = more() {
				r := a.world(ctx, deal(seed, database, choice{only: only, quick: s.quick}))
				mu.Lock()
				if r.err != nil && ctx.Err() == nil {
					failures = append(failures, fmt.Errorf("the world of seed %d on %s could not be played (see %s): %w", seed, database, r.dir, r.err))
				} else if r.err == nil {
					imports += t.add(r)
					r.tell(out, s.verbose)
				}
				mu.Unlock()
			}
		})
	}
	playing.Wait()
	return errors.Join(append(failures, ctx.Err())...)
}
