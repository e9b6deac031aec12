//go:build unix

package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// open makes a directory that everybody can enter, below the test's own one, which nobody else can: what stands in it counts as
// readable only once the test's own is opened too.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != filepath.Dir(d); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for d := dir; ; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&1 == 0 {
			t.Skipf("others can't enter %s, so that nothing below it counts as open: set TMPDIR to a directory that all can enter", d)
		}
		if d == filepath.Dir(d) {
			return dir
		}
	}
}

func TestSecretsThatOthersCanRead(t *testing.T) {
	dir := openDir(t)
	at := func(name string, mode os.FileMode, text string) string {
		path := write(t, dir, name, text)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if err := os.Mkdir(filepath.Join(dir, "closed"), 0o750); err != nil {
		t.Fatal(err)
	}
	secrets := "SLACK_BOT_TOKEN=xoxb-1\n"
	const all, owner = 0o644, 0o600
	for _, tc := range []struct {
		name    string
		changes []string
		dotEnv  string
		want    []string // with {} for the directory
	}{
		{".env with a token", nil, at(".env", all, secrets), []string{"{}/.env holds secrets, and every user of this machine can read it (mode 0644): run chmod 600 {}/.env"}},
		{".env that is one's own", nil, at(".env-own", owner, secrets), nil},
		{".env that a group may read", nil, at(".env-group", 0o640, secrets), nil},
		{".env without a secret", nil, at(".env-plain", all, "POLL_IDLE=60s\nBIGFIX_TOKEN=\nSLACK_APP_TOKEN_FILE=\nDATABASE_URL="+dir+"/a.db\n"), nil},
		{".env with a password of a database", nil, at(".env-pg", all, "DATABASE_URL=postgres://a:b@127.0.0.1/d\n"), []string{"{}/.env-pg holds secrets, "}},
		{".env with a token of one server", []string{"BIGFIX_SERVERS", "lab"}, at(".env-lab", 0o604, "BIGFIX_LAB_TOKEN=secretive\n"), []string{"{}/.env-lab holds secrets, and every user of this machine can read it (mode 0604)"}},
		{"a token in a file", []string{"BIGFIX_TOKEN", "-", "BIGFIX_TOKEN_FILE", at("it's a token", 0o444, "secretive")}, "",
			[]string{`{}/it's a token (BIGFIX_TOKEN_FILE) holds secrets, and every user of this machine can read it (mode 0444): run chmod 600 '{}/it'\''s a token'`}},
		{"one file for two", []string{"BIGFIX_SERVERS", "prod,lab", "BIGFIX_LAB_URL", "https://lab", "BIGFIX_TOKEN", "-", "BIGFIX_TOKEN_FILE", at("two", all, "secretive")}, "",
			[]string{"{}/two (BIGFIX_TOKEN_FILE) holds secrets, "}},
		{"a path in a file", []string{"DATABASE_URL_FILE", at("path", all, dir+"/a.db")}, "", nil},
		{"a heartbeat in a file", []string{"HEARTBEAT_URL_FILE", at("beat", all, "https://hc.example.com/secretive")}, "", []string{"{}/beat (HEARTBEAT_URL_FILE) holds secrets, "}},
		{"where others can't come", []string{"BIGFIX_TOKEN", "-", "BIGFIX_TOKEN_FILE", at("closed/token", all, "secretive")}, "", nil},
		{"an audit log", []string{"AUDIT_LOG", at("audit", all, "{}\n")}, "", []string{"{}/audit (AUDIT_LOG) tells who asked for what, and every user of this machine can read it (mode 0644): run chmod 640 {}/audit"}},
		{"an audit log of a group", []string{"AUDIT_LOG", at("audit-group", 0o640, "{}\n")}, "", nil},
		{"an audit log to come", []string{"AUDIT_LOG", dir + "/audit-new"}, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src := environ(with(enough(), tc.changes...))
			src.DotEnv = tc.dotEnv
			got := mustBot(t, src).Warnings
			fits := slices.EqualFunc(got, tc.want, func(got, want string) bool {
				return strings.HasPrefix(got, strings.ReplaceAll(want, "{}", dir))
			})
			if !fits {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
			if strings.Contains(fmt.Sprint(got), "secretive") {
				t.Errorf("a secret is shown: %q", got)
			}
		})
	}
}

// Kubernetes mounts secrets as links into a directory that it swaps, and chmod does nothing there.
func TestSecretsMountedByKubernetes(t *testing.T) {
	dir := openDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "..2026"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(write(t, filepath.Join(dir, "..2026"), "token", "secretive"), 0o644); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"..data": "..2026", "token": "..data/token"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	got := mustBot(t, environ(with(enough(), "BIGFIX_TOKEN", "-", "BIGFIX_TOKEN_FILE", dir+"/token"))).Warnings
	if len(got) != 1 || !strings.Contains(got[0], "(mode 0644): Kubernetes mounts it so; set defaultMode: 0440 on the volume, and fsGroup") {
		t.Errorf("got %q", got)
	}
}

// Whoever may not read a file is named, for the person who reads this is often another user. (Root may read all, so the system's
// refusal is made here.)
func TestForbiddenFileSaysToWhomAndWhatToDo(t *testing.T) {
	dir := t.TempDir()
	mounted := filepath.Join(dir, "mounted")
	if err := os.MkdirAll(filepath.Join(mounted, "..data"), 0o700); err != nil {
		t.Fatal(err)
	}
	own := write(t, dir, "my token", "secretive")
	for path, want := range map[string]string{
		own:                                "give it to that user with chown " + self() + " '" + own + "' && chmod 600 '" + own + "', or start Importbot as",
		filepath.Join(dir, "unseen/token"): "let that user enter the directories above it",
		write(t, mounted, "token", "x"):    "set defaultMode: 0440 on the volume, and fsGroup in",
	} {
		problem, do := cantRead(path, &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES})
		if want := "can't be read by user " + self() + " (permission denied)"; problem != want {
			t.Errorf("got %q, want %q", problem, want)
		}
		if !strings.HasPrefix(do, want) {
			t.Errorf("got  %q\nwant %q", do, want)
		}
	}
}
