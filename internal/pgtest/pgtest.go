// Package pgtest runs private PostgreSQL servers for tests, from the programs that are installed on the machine:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		url := pgtest.Server(t).Database(t) // a database of its own on the server that the test program shares
//		…
//	}
//
// A server listens on a loopback port and a socket in its directory, asks for passwords (scram-sha-256), and does not
// care whether its data survives a crash of the machine. Where the tests run as root, which PostgreSQL refuses to, it
// runs as postgres or nobody. It ends with the test program, however that ends, as far as the system lets it: on Linux
// the kernel stops it; elsewhere a killed test program leaves it running.
package pgtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// startWithin is how long a server may take until it answers; a busy machine needs seconds for a new cluster.
	startWithin = 60 * time.Second
	// stopWithin is how long a server may take to end before it is killed.
	stopWithin = time.Minute
	// admin is the role that owns the cluster, role the one that owns the databases, as a bot's would.
	admin = "admin"
	role  = "bot"
	// Oldest is the first major version that Importbot works with.
	Oldest = 14
)

// Cluster is one PostgreSQL server with its data.
type Cluster struct {
	bin      string // the directory of the programs
	dir      string
	owner    *owner // nil where this process may run PostgreSQL itself
	port     int
	password string
	names    atomic.Int64

	mu     sync.Mutex
	server *process // nil while it is stopped
}

// ErrMissing is returned where PostgreSQL is not installed.
var ErrMissing = fmt.Errorf("PostgreSQL %d or newer is not installed: on Debian, apt-get install postgresql; elsewhere have initdb and postgres in the PATH", Oldest)

var shared struct {
	sync.Mutex
	cluster *Cluster
	err     error
}

// Server returns the cluster that this test program shares, which it starts the first time. Main stops it. Where
// PostgreSQL is missing the test is skipped, or fails with CI_STRICT=1.
func Server(t testing.TB) *Cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		shared.cluster, shared.err = temporary()
	}
	unless(t, shared.err)
	return shared.cluster
}

// New starts a cluster for one test, for those that stop it.
func New(t testing.TB) *Cluster {
	t.Helper()
	c, err := temporary()
	unless(t, err)
	t.Cleanup(func() {
		if err := c.remove(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func unless(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrMissing) && os.Getenv("CI_STRICT") != "1":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// Main runs the tests and stops what they started.
func Main(m interface{ Run() int }) int {
	code := m.Run()
	if err := Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// Tests are the tests of a program as goleak runs them: with the shared cluster stopped before it looks.
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Tests{M: m}) }
type Tests struct{ M *testing.M }

// Run runs the tests and stops the shared cluster.
func (t Tests) Run() int { return Main(t.M) }

// Stop stops and removes the shared cluster, if there is one.
func Stop() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil {
		return nil
	}
	c := shared.cluster
	shared.cluster = nil
	return c.remove()
}

// prefix begins the names of the directories of temporary clusters; the process that made them follows.
const prefix = "importbot-pg-"

// temporary starts a cluster in a directory that remove removes.
func temporary() (*Cluster, error) {
	sweep()
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", prefix, os.Getpid()))
	if err != nil {
		return nil, err
	}
	c, err := Start(dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

// sweep removes what test programs left behind that were killed.
func sweep() {
	found, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range found {
		var pid int
		if _, err := fmt.Sscanf(strings.TrimPrefix(filepath.Base(dir), prefix), "%d-", &pid); err == nil && gone(pid) {
			_ = os.RemoveAll(dir) // the next one tries again
		}
	}
}

// Start makes a cluster in an empty directory that exists, and starts its server. ErrMissing where PostgreSQL is not
// installed. Stop it when done with it; the directory stays.
func Start(dir string) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, dir: dir, password: secret()}
	if c.owner, err = whoRuns(); err != nil {
		return nil, err
	}
	if c.port, err = freePort(); err != nil {
		return nil, err
	}
	if err := c.owner.give(dir); err != nil {
		return nil, err
	}
	if err := c.init(); err != nil {
		return nil, err
	}
	if err := c.Restart(); err != nil {
		return nil, err
	}
	err = c.exec(context.Background(), c.adminURL("postgres"), `CREATE ROLE `+role+` LOGIN PASSWORD '`+c.password+`'`)
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// programs finds the directory with initdb and postgres, the newest version first.
func programs() (string, error) {
	var candidates []string
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			candidates = append(candidates, filepath.Dir(path))
		}
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.Reverse(debian)
	for _, dir := range append(candidates, debian...) {
		out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
		if err != nil {
			continue
		}
		var major int
		if _, err := fmt.Sscanf(string(out), "postgres (PostgreSQL) %d", &major); err == nil && major >= Oldest {
			return dir, nil
		}
	}
	return "", ErrMissing
}

// init makes the data.
func (c *Cluster) init() error {
	file := filepath.Join(c.dir, "password")
	if err := os.WriteFile(file, []byte(c.password), 0o600); err != nil {
		return err
	}
	defer os.Remove(file)
	if err := c.owner.give(file); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(c.bin, "initdb"), "--pgdata", c.data(), "--username", admin, "--pwfile", file,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync", "--no-instructions")
	cmd.Dir = c.dir
	cmd.SysProcAttr = c.owner.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making a PostgreSQL cluster in %s: %w\n%s", c.dir, err, bytes.TrimSpace(out))
	}
	return nil
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// Port is where the server listens on 127.0.0.1.
func (c *Cluster) Port() int { return c.port }

// Password is that of both roles.
func (c *Cluster) Password() string { return c.password }

// URL is the administrator's, of the database postgres.
func (c *Cluster) URL() string { return c.adminURL("postgres") }

func (c *Cluster) adminURL(database string) string { return c.url(admin, database) }

func (c *Cluster) url(user, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, c.password), Host: fmt.Sprintf("127.0.0.1:%d", c.port), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Database makes a new database for one test and returns its URL, with the role that owns it, which has no other
// rights, and its password.
func (c *Cluster) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", c.names.Add(1))
	made, err := c.CreateDatabase(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.running() {
			if err := c.Exec(`DROP DATABASE ` + name + ` WITH (FORCE)`); err != nil {
				t.Error(err)
			}
		}
	})
	return made
}

// CreateDatabase makes a database of that name (a-z, 0-9, _) and returns its URL.
func (c *Cluster) CreateDatabase(name string) (string, error) {
	if err := c.Exec(`CREATE DATABASE ` + name + ` OWNER ` + role); err != nil {
		return "", err
	}
	return c.url(role, name), nil
}

// Exec runs SQL as the administrator, in the database postgres.
func (c *Cluster) Exec(sql string) error { return c.exec(context.Background(), c.URL(), sql) }

// ExecIn runs SQL as the administrator in the database of a URL that Database returned.
func (c *Cluster) ExecIn(database, sql string) error {
	u, err := url.Parse(database)
	if err != nil {
		return err
	}
	return c.exec(context.Background(), c.adminURL(strings.TrimPrefix(u.Path, "/")), sql)
}

func (c *Cluster) exec(ctx context.Context, database, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

// Restart starts the server, after stopping it where it runs, on the same port with the same data. It returns when the
// server answers.
func (c *Cluster) Restart() error {
	if err := c.Stop(); err != nil {
		return err
	}
	deadline := time.Now().Add(startWithin)
	for {
		err := c.start(deadline)
		if err == nil {
			return nil
		}
		// What a killed server left may keep the next one away for a moment.
		if time.Now().After(deadline) || !errors.Is(err, errEnded) {
			return err
		}
		pause(100 * time.Millisecond)
	}
}

// errEnded is a server that ended while it was to start.
var errEnded = errors.New("PostgreSQL ended")

func (c *Cluster) start(deadline time.Time) error {
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), "-D", c.data(), "-p", fmt.Sprint(c.port), "-h", "127.0.0.1")
	for _, setting := range []string{
		"unix_socket_directories=" + c.socketDir(), "fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=100",
		"authentication_timeout=20s", // a session of a client that stands still in mid-connect outlives a shutdown for as long
		"dynamic_shared_memory_type=mmap", "log_min_messages=warning", "listen_addresses=127.0.0.1", "jit=off", "autovacuum_naptime=1h",
	} {
		cmd.Args = append(cmd.Args, "-c", setting)
	}
	log := new(tail)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, log, log
	cmd.SysProcAttr = c.owner.attributes()
	dieWithParent(cmd.SysProcAttr)
	server, err := launch(cmd)
	if err != nil {
		return fmt.Errorf("starting PostgreSQL: %w", err)
	}
	for {
		err := c.ping()
		if err == nil {
			c.mu.Lock()
			c.server = server
			c.mu.Unlock()
			return nil
		}
		select {
		case <-server.ended:
			return fmt.Errorf("%w at its start: %v\n%s", errEnded, server.err, log)
		default:
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			<-server.ended
			return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, log)
		}
		pause(20 * time.Millisecond)
	}
}

// socketDir is the directory of the cluster, unless the path of the socket would be longer than sockets' may be.
func (c *Cluster) socketDir() string {
	if runtime.GOOS == "windows" || len(c.dir) > 80 {
		return ""
	}
	return c.dir
}

func (c *Cluster) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.URL())
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func (c *Cluster) running() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.server != nil
}

// Stop ends the server as an administrator would: sessions are ended, data is written. A server that does not run is
// no error.
func (c *Cluster) Stop() error { return c.end(interrupt) }

// Kill ends the server as kill -9 does. Its sessions end with it; the next start recovers.
func (c *Cluster) Kill() error { return c.end((*os.Process).Kill) }

func (c *Cluster) end(how func(*os.Process) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil {
		return nil
	}
	server := c.server
	c.server = nil
	if err := how(server.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping PostgreSQL: %w", err)
	}
	select {
	case <-server.ended:
		return nil
	case <-time.After(stopWithin):
	}
	_ = server.cmd.Process.Kill()
	<-server.ended
	return fmt.Errorf("PostgreSQL did not stop within %s and was killed", stopWithin)
}

// Demote restarts the server as a standby that only reads, as one does that follows a primary.
func (c *Cluster) Demote() error {
	if err := c.Stop(); err != nil {
		return err
	}
	signal := filepath.Join(c.data(), "standby.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		return err
	}
	if err := c.owner.give(signal); err != nil {
		return err
	}
	return c.Restart()
}

// Promote makes a primary of a standby, as a failover does.
func (c *Cluster) Promote() error { return c.Exec(`SELECT pg_promote()`) }

// remove stops the server and deletes its directory.
func (c *Cluster) remove() error {
	err := c.Stop()
	for range 50 { // processes of a killed server may still be writing
		if rmErr := os.RemoveAll(c.dir); rmErr == nil {
			return err
		}
		pause(50 * time.Millisecond)
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

// process is a program that runs.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // set before ended is closed
}

// launch starts a program on a thread that lives as long as the program does: on Linux the signal that it gets when
// its parent dies comes when the thread does that started it.
func launch(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, <-started
}

// tail keeps the end of what a program wrote.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - 4096; over > 0 {
		t.text = t.text[over:]
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

// freePort is a port that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func secret() string {
	b := make([]byte, 12)
	rand.Read(b) // never fails
	return "pw-" + hex.EncodeToString(b)
}

// pause waits between two tries.
func pause(d time.Duration) { <-time.After(d) }

// give makes this user's file or directory the owner's.
func (o *owner) give(path string) error {
	if o == nil {
		return nil
	}
	if err := os.Chown(path, o.uid, o.gid); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("giving %s to the user that runs PostgreSQL: %w", path, err)
	}
	return nil
}

// owner is the user that runs PostgreSQL where this process is root.
type owner struct{ uid, gid int }
