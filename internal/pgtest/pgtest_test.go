package pgtest_test

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"importbot/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Tests{M: m}) }

func ask(t *testing.T, url, query string) (answer string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, query).Scan(&answer)
	return answer, err
}

func TestADatabaseIsItsRolesOwn(t *testing.T) {
	c := pgtest.Server(t)
	if again := pgtest.Server(t); again != c {
		t.Error("it is not shared")
	}
	one, two := c.Database(t), c.Database(t)
	if one == two {
		t.Fatal("two tests share a database")
	}
	if got, err := ask(t, one, `SELECT current_user || ' ' || usesuper FROM pg_user WHERE usename = current_user`); err != nil || got != "bot false" {
		t.Errorf("it is %q, %v", got, err)
	}
	u, err := url.Parse(one)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("bot", "wrong")
	if _, err := ask(t, u.String(), `SELECT ''`); err == nil || !strings.Contains(err.Error(), "password authentication failed") {
		t.Errorf("with a wrong password: %v", err)
	}
}

func TestStopKillRestart(t *testing.T) {
	c := pgtest.New(t)
	db := c.Database(t)
	if err := c.ExecIn(db, `CREATE TABLE kept AS SELECT 'kept' AS what; GRANT SELECT ON kept TO bot`); err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]func() error{"stop": c.Stop, "kill": c.Kill} {
		if err := end(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := ask(t, db, `SELECT ''`); err == nil {
			t.Fatalf("%s: it still answers", name)
		}
		if err := c.Restart(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := ask(t, db, `SELECT what FROM kept`); err != nil || got != "kept" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestAFrozenProxyKeepsTheConnection(t *testing.T) {
	proxy, through := pgtest.Proxied(t, pgtest.Server(t).Database(t))
	conn, err := pgx.Connect(t.Context(), through)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	proxy.Freeze()
	answered := make(chan error, 1)
	go func() { answered <- conn.Ping(context.Background()) }()
	select {
	case err := <-answered:
		t.Fatalf("it answered: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	proxy.Thaw()
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	proxy.Cut()
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("it is not cut")
	}
}

// victim is the environment variable that makes this test program one that is killed.
const victim = "PGTEST_VICTIM"

func TestAKilledProgramLeavesNoServer(t *testing.T) {
	if os.Getenv(victim) != "" {
		fmt.Println(pgtest.Server(t).URL())
		select {}
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a process of its parent's death")
	}
	pgtest.Server(t) // skips where there is none
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), victim+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	victims := strings.TrimSpace(line)
	if _, err := ask(t, victims, `SELECT ''`); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed, and says so
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := ask(t, victims, `SELECT ''`); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("its server goes on")
		}
	}
	pgtest.New(t) // a new one clears away what the dead left
	left, err := filepath.Glob(filepath.Join(os.TempDir(), fmt.Sprintf("importbot-pg-%d-*", cmd.Process.Pid)))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
