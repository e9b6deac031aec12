//go:build unix

package store

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"importbot/imports"
)

// What makes this test program a replica of its own, and how fast it lives.
const (
	replicaURL  = "STORE_TEST_REPLICA"
	replicaPace = "STORE_TEST_PACE"
)

// TestReplicaProcess is the replica that other tests start as a process. It does nothing by itself.
func TestReplicaProcess(t *testing.T) {
	url := os.Getenv(replicaURL)
	if url == "" {
		return
	}
	pace := usualPace
	if os.Getenv(replicaPace) == "quick" {
		pace = quickPace
	}
	s, err := Open(t.Context(), url, Options{pace: pace})
	if err != nil {
		t.Fatal(err)
	}
	c := &child{s: s, out: json.NewEncoder(os.Stdout), spans: make(map[imports.Epoch]*span)}
	go func() { _ = s.Run(context.Background()) }()
	go c.leadAgainAndAgain()
	go c.sample()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		c.do(t, lines.Text())
	}
	os.Exit(0) // the parent is gone
}

// line is what a replica says on its standard output.
type line struct {
	Says  string
	Epoch imports.Epoch           `json:",omitempty"`
	Error string                  `json:",omitempty"`
	Held  bool                    `json:",omitempty"`
	Spans map[imports.Epoch]*span `json:",omitempty"`
}

// span is when a replica's Held was nil in one epoch: the moment before the last time, and after the first.
type span struct{ First, Last int64 }

type child struct {
	s   *Store
	out *json.Encoder

	mu    sync.Mutex
	terms []*Lead
	spans map[imports.Epoch]*span
}

func (c *child) say(l line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.out.Encode(l)
}

func (c *child) leadAgainAndAgain() {
	for {
		term, err := c.s.Lead(context.Background())
		if err != nil {
			c.say(line{Says: "failed", Error: err.Error()})
			return
		}
		c.mu.Lock()
		c.terms = append(c.terms, term)
		c.mu.Unlock()
		c.say(line{Says: "leading", Epoch: term.epoch})
		<-term.Done()
		c.say(line{Says: "lost", Epoch: term.epoch, Error: term.over().Error()})
	}
}

// sample asks Held all the time, and says what the first answer is after this process stood still.
func (c *child) sample() {
	last := time.Now()
	for range time.Tick(2 * time.Millisecond) {
		c.mu.Lock()
		var term *Lead
		if len(c.terms) > 0 {
			term = c.terms[len(c.terms)-1]
		}
		c.mu.Unlock()
		if term == nil {
			continue
		}
		before := time.Now()
		held := term.Lead().Check() == nil
		after := time.Now()
		if before.Sub(last) > 5*time.Second {
			c.say(line{Says: "woke", Epoch: term.epoch, Held: held})
		}
		last = after
		if held {
			c.mu.Lock()
			if c.spans[term.epoch] == nil {
				c.spans[term.epoch] = &span{First: after.UnixNano()}
			}
			c.spans[term.epoch].Last = before.UnixNano()
			c.mu.Unlock()
		}
	}
}

// do obeys. What is recorded is recorded as the first term of this process.
func (c *child) do(t *testing.T, command string) {
	c.mu.Lock()
	var epoch imports.Epoch
	if len(c.terms) > 0 {
		epoch = c.terms[0].epoch
	}
	c.mu.Unlock()
	ctx := context.Background()
	var err error
	switch command {
	case "record":
		err = c.s.Record(ctx, epoch, imports.Server{Name: "prod", DownLooks: 99}, nil)
	case "thread":
		err = c.s.SaveThread(ctx, epoch, imports.Thread{ImportID: "1", Shown: 99})
	case "notice":
		err = c.s.SaveNotice(ctx, epoch, imports.Notice{ID: "1"})
	case "freeze": // in the middle of a write that holds the rows of the epoch and of an import's thread
		err = c.s.inTx(ctx, "freezing", func(ctx context.Context, tx *transaction) error {
			if err := c.s.guard(ctx, tx, epoch); err != nil {
				return err
			}
			if err := c.s.follow(ctx, tx, "1", "Ufrozen", time.Now()); err != nil {
				return err
			}
			c.say(line{Says: "freezing"})
			err := syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			<-time.After(time.Second) // the signal stops one thread after the other
			return err
		})
	case "spans":
		c.mu.Lock()
		defer c.mu.Unlock()
		_ = c.out.Encode(line{Says: "spans", Spans: c.spans})
		return
	default:
		t.Errorf("what is %q?", command)
	}
	l := line{Says: command}
	if err != nil {
		l.Error = err.Error()
		l.Held = !errors.Is(err, imports.ErrNotLeader)
	}
	c.say(l)
}

// replica is such a process, as its parent sees it.
type replica struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan line
	heard []line // and not waited for yet
}

func startReplica(t *testing.T, url, pace string) *replica {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestReplicaProcess$")
	cmd.Env = append(os.Environ(), replicaURL+"="+url, replicaPace+"="+pace)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &replica{t: t, cmd: cmd, in: in, lines: make(chan line, 1000)}
	go func() {
		defer close(r.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			var l line
			if json.Unmarshal(s.Bytes(), &l) == nil && l.Says != "" {
				r.lines <- l
			}
		}
	}()
	t.Cleanup(r.kill)
	return r
}

func (r *replica) kill() {
	_ = r.cmd.Process.Kill()
	for range r.lines {
	}
	_ = r.cmd.Wait() // it was killed, and says so
}

func (r *replica) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// hears waits for a line, and keeps others for later.
func (r *replica) hears(says string, within time.Duration) line {
	r.t.Helper()
	late := time.After(within)
	for {
		if i := slices.IndexFunc(r.heard, func(l line) bool { return l.Says == says }); i >= 0 {
			l := r.heard[i]
			r.heard = slices.Delete(r.heard, i, i+1)
			return l
		}
		select {
		case l, ok := <-r.lines:
			if !ok {
				r.t.Fatalf("it ended before it said %q", says)
			}
			r.heard = append(r.heard, l)
		case <-late:
			r.t.Fatalf("it did not say %q within %s", says, within)
		}
	}
}

// read keeps what was said until now.
func (r *replica) read() {
	for {
		select {
		case l, ok := <-r.lines:
			if !ok {
				return
			}
			r.heard = append(r.heard, l)
		default:
			return
		}
	}
}

func (r *replica) tell(command string) {
	r.t.Helper()
	if _, err := fmt.Fprintln(r.in, command); err != nil {
		r.t.Fatal(err)
	}
}

// refused has a replica write as its first term, and wants that to be refused.
func (r *replica) refused() {
	r.t.Helper()
	for _, write := range []string{"record", "thread", "notice"} {
		r.tell(write)
		if l := r.hears(write, 15*time.Second); l.Held || !strings.Contains(l.Error, imports.ErrNotLeader.Error()) {
			r.t.Errorf("%s of one that was replaced: %q", write, l.Error)
		}
	}
}
