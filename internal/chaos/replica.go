//go:build unix

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// replica is one place in which the program runs: started, killed, frozen, stopped and started again, each time as a
// process of its own with the same environment.
type replica struct {
	name    string
	program string
	environ func(process string) []string
	dir     string
	log     *os.File // everything that its processes print, one after the other

	mu     sync.Mutex
	life   *life // the newest process; nil before the first
	lives  []*life
	frozen bool
	wake   chan struct{} // closed and replaced when something changed
}

// life is one process of a replica, from its start to its end.
type life struct {
	cmd     *exec.Cmd
	ended   chan struct{}
	partial []byte // of a line that is not complete yet

	// Under the replica's lock.
	Life
}

// Life is what is told of one process.
type Life struct {
	Replica string
	Process string // the replica's name with the number of this life: what the simulated Slack knows it by
	PID     int
	Started time.Time
	Ready   time.Time   // zero where it never was
	Led     []time.Time // each time that it took the lead
	Killed  time.Time   // -9; zero where it was not
	Asked   time.Time   // SIGTERM; zero where it was not asked to stop
	Ended   time.Time
	Status  int    // -1 where a signal ended it
	Last    string // line that it printed
	// Second is a process that was to find out that it is one too many.
	Second bool
}

func newReplica(name, program, dir string, environ func(process string) []string) (*replica, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the log of %s: %w", name, err)
	}
	return &replica{name: name, program: program, environ: environ, dir: dir, log: log, wake: make(chan struct{})}, nil
}

// start starts a process unless one lives.
func (r *replica) start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life != nil && r.life.Ended.IsZero() {
		return nil
	}
	l := &life{cmd: exec.Command(r.program, "run"), ended: make(chan struct{})}
	out := &lines{replica: r, life: l}
	l.Replica, l.Process, l.Started = r.name, fmt.Sprintf("%s.%d", r.name, len(r.lives)+1), time.Now()
	l.cmd.Dir, l.cmd.Env, l.cmd.Stdout, l.cmd.Stderr = r.dir, r.environ(l.Process), out, out
	if err := l.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", r.name, err)
	}
	l.PID = l.cmd.Process.Pid
	r.life, r.frozen = l, false
	r.lives = append(r.lives, l)
	r.touch()
	go r.reap(l)
	return nil
}

// reap waits for the end of a process.
func (r *replica) reap(l *life) {
	l.cmd.Wait() //nolint:errcheck // ProcessState has it
	r.mu.Lock()
	defer r.mu.Unlock()
	l.Ended, l.Status = time.Now(), l.cmd.ProcessState.ExitCode()
	if rest := bytes.TrimSpace(l.partial); len(rest) > 0 {
		l.Last = string(rest)
	}
	close(l.ended)
	r.touch()
}

// touch tells whoever waits that something changed. r.mu is held.
func (r *replica) touch() {
	close(r.wake)
	r.wake = make(chan struct{})
}

// kill kills -9 and waits until the process is gone. It reports whether there was one.
func (r *replica) kill() bool {
	r.mu.Lock()
	l := r.life
	if l == nil || !l.Ended.IsZero() {
		r.mu.Unlock()
		return false
	}
	l.Killed = time.Now()
	l.cmd.Process.Kill() //nolint:errcheck // it may have ended this moment
	r.mu.Unlock()
	<-l.ended
	return true
}

// terminate asks the process to stop, as a supervisor does, and returns a channel that is closed when it has.
func (r *replica) terminate() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.life
	if l == nil || !l.Ended.IsZero() {
		done := make(chan struct{})
		close(done)
		return done
	}
	if l.Asked.IsZero() { // a second signal would end it at once
		l.Asked = time.Now()
		l.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended this moment
	}
	return l.ended
}

// freeze stops the process where it stands, as a machine without a free cycle does. It reports whether there was one.
func (r *replica) freeze() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life == nil || !r.life.Ended.IsZero() || r.frozen {
		return false
	}
	r.frozen = r.life.cmd.Process.Signal(syscall.SIGSTOP) == nil
	return r.frozen
}

// thaw lets it go on.
func (r *replica) thaw() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frozen && r.life.Ended.IsZero() {
		r.life.cmd.Process.Signal(syscall.SIGCONT) //nolint:errcheck // it may have ended this moment
	}
	r.frozen = false
}

// dead reports whether no process is there at all.
func (r *replica) dead() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.life == nil || !r.life.Ended.IsZero()
}

// process is the name of the newest one.
func (r *replica) process() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life == nil {
		return ""
	}
	return r.life.Process
}

// led is when the process that lives took the lead last; zero where it did not.
func (r *replica) led() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life == nil || !r.life.Ended.IsZero() || len(r.life.Led) == 0 {
		return time.Time{}
	}
	return r.life.Led[len(r.life.Led)-1]
}

// told are all its processes so far.
func (r *replica) told() []Life {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Life, len(r.lives))
	for i, l := range r.lives {
		out[i] = l.Life
		out[i].Led = append([]time.Time(nil), l.Led...)
	}
	return out
}

// close ends everything at once.
func (r *replica) close() {
	r.thaw()
	r.kill()
	r.log.Close() //nolint:errcheck // it was written without a buffer
}

// lines writes what a process prints into the log, and notices the lines that tell how it stands.
type lines struct {
	replica *replica
	life    *life
}

func (w *lines) Write(p []byte) (int, error) {
	r, l := w.replica, w.life
	r.mu.Lock()
	defer r.mu.Unlock()
	l.partial = append(l.partial, p...)
	for {
		i := bytes.IndexByte(l.partial, '\n')
		if i < 0 {
			break
		}
		line := l.partial[:i]
		l.partial = l.partial[i+1:]
		l.Last = string(line)
		switch {
		case bytes.Contains(line, []byte(`"msg":"Taking commands`)):
			l.Ready = time.Now()
			r.touch()
		case bytes.Contains(line, []byte(`"msg":"this process leads"`)), bytes.Contains(line, []byte(`"msg":"This process leads`)):
			l.Led = append(l.Led, time.Now())
			r.touch()
		}
	}
	return r.log.Write(p)
}
