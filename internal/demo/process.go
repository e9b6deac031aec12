package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"

	"importbot/bigfix/bigfixtest"
	"importbot/internal/slacksim"
)

const (
	// readyWithin is how long a started bot may take until commands arrive.
	readyWithin = 15 * time.Second
	// stopWithin is how long it may take to stop, as every supervisor has such a bound.
	stopWithin = 10 * time.Second
	// lookWithin is how long a bot that Slack has greeted is waited for until it has looked at its servers, which may be away.
	lookWithin = 500 * time.Millisecond
)

// supervisor runs the bot as an operator's does: as a process of its own, which is told what its environment says and nothing else, may
// be killed, and may be started again. It keeps one at a time.
type supervisor struct {
	command []string
	dir     string
	environ func(name string) []string // of the process that the simulated Slack knows by this name
	slack   *slacksim.Sim
	servers []*server
	log     io.Writer             // gets what the bot logs; nil is nowhere
	told    func(sentence string) // is told of what nobody asked for in the same moment
	fell    chan *process         // gets the one that ended by itself

	mu     sync.Mutex
	starts int
	now    *process // the newest; nil before the first
	closed bool
}

// process is one life of the bot.
type process struct {
	name  string
	cmd   *exec.Cmd
	leash io.Closer // its standard input, at whose end it stops: that of a demo that was killed ends, too
	log   *tail
	again bool // it is not the first
	began time.Time
	ready chan struct{} // closed once commands arrive
	over  chan struct{} // closed when it is gone

	// Under the supervisor's lock.
	killed, asked bool // to end
	ended         time.Time
}

// state is how the bot stands.
type state string

const (
	starting state = "starting"
	serving  state = "serving"
	killed   state = "killed"
	fallen   state = "fallen" // it ended by itself
	stopping state = "stopping"
	stopped  state = "stopped"
)

// standing is what there is to say of the bot.
type standing struct {
	state  state
	pid    int
	since  time.Time // of the state, or where it runs of the process
	starts int
	words  string // the last ones of a process that ended by itself
}

// refusal is why something was not done: a sentence for the person.
type refusal string

func (r refusal) Error() string { return string(r) }

// start starts a process where none runs.
func (s *supervisor) start() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, refusal("The demo ends.")
	case s.now != nil && s.now.ended.IsZero():
		return nil, refusal("The bot runs already.")
	}
	s.starts++
	p := &process{
		name: fmt.Sprintf("bot.%d", s.starts), log: &tail{to: s.log}, again: s.starts > 1, began: time.Now(),
		ready: make(chan struct{}), over: make(chan struct{}),
	}
	p.cmd = exec.Command(s.command[0], s.command[1:]...)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = s.dir, s.environ(p.name), p.log, p.log
	setApart(p.cmd)
	var err error
	if p.leash, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("the bot can't be started: %w", err)
	}
	s.now = p
	go s.watch(p)
	return p, nil
}

// watch notes when a process takes commands, and when it ends.
func (s *supervisor) watch(p *process) {
	ctx, cancel := context.WithCancel(context.Background())
	greeted := make(chan struct{})
	go func() {
		defer close(greeted)
		s.awaitGreeting(ctx, p)
	}()
	p.cmd.Wait() //nolint:errcheck // ProcessState has it
	cancel()
	<-greeted
	s.mu.Lock()
	p.ended = time.Now()
	asked := p.asked
	s.mu.Unlock()
	defer close(p.over) // when everything is told
	if !asked {
		s.tellEnd(p)
	}
}

// tellEnd tells of an end that nobody here asked for. Of one that never began its await says it.
func (s *supervisor) tellEnd(p *process) {
	began := p.again
	select {
	case <-p.ready:
		began = true
	default:
	}
	switch {
	case p.cmd.ProcessState.ExitCode() < 0:
		s.told(fmt.Sprintf("Somebody killed the bot, process %d, from outside.", p.pid()))
	case began:
		s.told("The bot ended by itself: " + p.lastWords())
		select {
		case s.fell <- p:
		default:
		}
	}
}

// awaitGreeting closes ready once Slack has greeted the process and it has looked at its servers, which may be away.
func (s *supervisor) awaitGreeting(ctx context.Context, p *process) {
	if s.slack.Wait(ctx, func() bool { return s.slack.ConnectionsOf(p.name) > 0 }) != nil {
		return
	}
	within, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	for _, srv := range s.servers {
		srv.Wait(within, func(r bigfixtest.Request) bool { return !r.Time.Before(p.began) }) //nolint:errcheck // it may be away
	}
	if ctx.Err() != nil {
		return
	}
	close(p.ready)
	if p.again {
		s.told(fmt.Sprintf("The bot takes commands again, %.2f s after its start: process %d.", time.Since(p.began).Seconds(), p.pid()))
	}
}

// await returns once the process takes commands, was killed, or ctx ends.
func (s *supervisor) await(ctx context.Context, p *process) error {
	wait := time.NewTimer(readyWithin)
	defer wait.Stop()
	select {
	case <-p.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return errors.New("the bot was not ready in time; try `importbot demo --verbose`")
	case <-p.over:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.asked {
		return nil
	}
	return fmt.Errorf("the bot did not start: %s", p.lastWords())
}

// alive returns the process that runs and was not told to end, or nil.
func (s *supervisor) alive() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.now; p != nil && p.ended.IsZero() && !p.asked {
		return p
	}
	return nil
}

// kill kills the process as kill -9 does, and returns it when it is gone; nil where there was none.
func (s *supervisor) kill() *process {
	s.mu.Lock()
	p := s.now
	if p == nil || !p.ended.IsZero() {
		s.mu.Unlock()
		return nil
	}
	p.asked, p.killed = true, true
	p.cmd.Process.Kill() //nolint:errcheck // it may have ended this moment
	s.mu.Unlock()
	<-p.over
	return p
}

// stop ends the process, and lets none be started any more.
func (s *supervisor) stop() error {
	s.mu.Lock()
	s.closed = true
	p := s.now
	if p == nil {
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	return s.end(p)
}

// restart asks the process to stop and starts another, which it returns; nil where none runs.
func (s *supervisor) restart() (*process, error) {
	p := s.alive()
	if p == nil {
		return nil, nil
	}
	s.end(p) //nolint:errcheck // that it ended matters here, and not how
	return s.start()
}

// end asks a process to stop, and kills one that does not in time.
func (s *supervisor) end(p *process) error {
	s.mu.Lock()
	if !p.ended.IsZero() {
		s.mu.Unlock()
		<-p.over
		return nil
	}
	p.asked = true
	askToStop(p) //nolint:errcheck // it may have ended this moment
	s.mu.Unlock()
	within := time.NewTimer(stopWithin)
	defer within.Stop()
	select {
	case <-p.over:
	case <-within.C:
		p.cmd.Process.Kill() //nolint:errcheck // it may have ended this moment
		<-p.over
		return fmt.Errorf("it did not stop within %s, and was killed", stopWithin)
	}
	if p.cmd.ProcessState.ExitCode() > 0 { // not one that the signal met before it could take it
		return errors.New(p.lastWords())
	}
	return nil
}

// stands says how the bot stands now.
func (s *supervisor) stands() standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.now
	if p == nil {
		return standing{state: starting}
	}
	is := standing{state: starting, pid: p.pid(), since: p.began, starts: s.starts}
	select {
	case <-p.ready:
		is.state = serving
	default:
	}
	switch {
	case !p.ended.IsZero() && (p.killed || p.cmd.ProcessState.ExitCode() < 0):
		is.state, is.since = killed, p.ended
	case !p.ended.IsZero() && !p.asked:
		is.state, is.since, is.words = fallen, p.ended, p.lastWords()
	case !p.ended.IsZero():
		is.state, is.since = stopped, p.ended
	case p.asked:
		is.state = stopping
	}
	return is
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// lastWords is why a process ended by itself, as far as it said so.
func (p *process) lastWords() string {
	words, logged := p.log.last()
	switch {
	case words != "":
		return words
	case logged != "":
		return p.cmd.ProcessState.String() + ", after it had logged: " + logged
	}
	return p.cmd.ProcessState.String()
}
