package pgtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// ErrNoPooler is returned where PgBouncer is not installed.
var ErrNoPooler = errors.New("PgBouncer is not installed: on Debian, apt-get install pgbouncer")

// Pooler starts a PgBouncer in front of the cluster until the test ends, and returns what turns the URL of a database
// into the one through it. mode is its pool_mode, size how many connections it keeps to one database. Where PgBouncer
// is missing the test is skipped, or fails with CI_STRICT=1.
func (c *Cluster) Pooler(t testing.TB, mode string, size int) (through func(database string) string) {
	t.Helper()
	bin, err := pgbouncer()
	if errors.Is(err, ErrNoPooler) && os.Getenv("CI_STRICT") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(c.dir, "pooler-")
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	ini := fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = %s
default_pool_size = %d
max_client_conn = 100
`, c.port, port, filepath.Join(dir, "users"), mode, size)
	for name, text := range map[string]string{"pgbouncer.ini": ini, "users": fmt.Sprintf("%q %q\n", role, c.password)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.owner.give(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.owner.give(dir); err != nil {
		t.Fatal(err)
	}
	log := new(tail)
	cmd := exec.Command(bin, filepath.Join(dir, "pgbouncer.ini"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = c.owner.attributes()
	dieWithParent(cmd.SysProcAttr)
	pooler, err := launch(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it keeps nothing
		<-pooler.ended
	})
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	for deadline := time.Now().Add(startWithin); ; pause(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("PgBouncer does not answer: %v\n%s", err, log)
		}
	}
	return func(database string) string {
		u, err := url.Parse(database)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = addr
		return u.String()
	}
}

func pgbouncer() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	const debian = "/usr/sbin/pgbouncer" // not in every user's PATH
	if _, err := os.Stat(debian); err == nil {
		return debian, nil
	}
	return "", ErrNoPooler
}
