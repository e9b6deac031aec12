package app

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"importbot/internal/pgtest"
)

// built is where the program is built to, once for all tests that start it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// atOnce is how many tests run side by side where nobody said how many: they wait more than they work.
const atOnce = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		flag.Set("test.parallel", atOnce) //nolint:errcheck // the flag is the testing package's own
	}
	time.Local = time.UTC
	code := pgtest.Main(m)
	if built.dir != "" {
		os.RemoveAll(built.dir) //nolint:errcheck // the system empties its temporary directory too
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// binary returns the path of the real program.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "importbot-test-"); built.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", filepath.Join(built.dir, "importbot"), "importbot")
		if out, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "importbot")
}

// buffer is a bytes.Buffer that a process may write while a test reads.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed and replaced when there is more
}

func newBuffer() *buffer { return &buffer{more: make(chan struct{})} }

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.more)
	b.more = make(chan struct{})
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// now returns the text so far, and a channel that is closed when there is more.
func (b *buffer) now() (string, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String(), b.more
}

// await waits until the text so far fits.
func (b *buffer) await(t *testing.T, what string, fits func(string) bool) {
	t.Helper()
	b.awaitFor(t, 20*time.Second, what, fits)
}

// awaitFor waits so long.
func (b *buffer) awaitFor(t *testing.T, within time.Duration, what string, fits func(string) bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		text, more := b.now()
		if fits(text) {
			return
		}
		select {
		case <-more:
		case <-deadline.C:
			t.Fatalf("no %s in\n%s", what, text)
		}
	}
}
