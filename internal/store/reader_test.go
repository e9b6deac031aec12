package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"importbot/imports"
	"importbot/internal/pgtest"
)

// files is what lies in a directory, byte for byte, but for locks and the memory that SQLite's processes share.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if strings.HasSuffix(e.Name(), "-shm") {
			sum = [32]byte{}
		}
		found[e.Name()] = fmt.Sprintf("%d %x", len(text), sum[:4])
	}
	return found
}

func openReader(t *testing.T, url string) *Reader {
	t.Helper()
	r, err := OpenReader(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// reads asks a reader for everything it has.
func reads(t *testing.T, r *Reader, want ...string) {
	t.Helper()
	var got []string
	for _, ask := range []func() ([]imports.Import, error){
		func() ([]imports.Import, error) { return r.Active(t.Context(), "prod") },
		func() ([]imports.Import, error) { return r.Recent(t.Context(), "prod", 100) },
		func() ([]imports.Import, error) { return r.Succeeded(t.Context(), "prod", "", 100) },
		func() ([]imports.Import, error) { return r.History(t.Context(), "", time.Time{}, time.Now()) },
	} {
		found, err := ask()
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range found {
			got = append(got, imp.ID)
		}
	}
	names, err := r.Servers(t.Context())
	_, errWatched := r.Watched(t.Context(), "prod", time.Time{}, time.Now())
	_, errMutes := r.Mutes(t.Context())
	_, errServer := r.Server(t.Context(), "prod")
	if err := errors.Join(err, errWatched, errMutes, errServer); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, " ") != strings.Join(want, " ") || strings.Join(names, " ") != "prod" {
		t.Errorf("read %q of %q, want %q", got, names, want)
	}
}

// Beside a bot that holds the file and writes, a reader sees what was written last, and changes nothing.
func TestReadingBesideARunningBot(t *testing.T) {
	bot := openFile(t)
	mustLead(t, bot, patience)
	if err := acceptOne(t.Context(), bot, "1"); err != nil {
		t.Fatal(err)
	}
	before := files(t, filepath.Dir(bot.path))
	r := openReader(t, bot.path)
	reads(t, r, "1")
	if after := files(t, filepath.Dir(bot.path)); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the files were %v and are %v", before, after)
	}
	for i := range 50 {
		if err := acceptOne(t.Context(), bot, fmt.Sprint(2+i)); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := r.Active(t.Context(), "prod"); err != nil || len(found) != 51 {
		t.Errorf("read %d, %v; want 51", len(found), err)
	}
	if r.Path() != bot.path {
		t.Errorf("it reads %s, the bot has %s", r.Path(), bot.path)
	}
	if _, err := Open(t.Context(), bot.path, Options{}); err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("a second bot: %v", err)
	}
	if err := bot.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), bot.path, Options{}) // while the reader still has it
	if err != nil {
		t.Fatalf("starting again beside a reader: %v", err)
	}
	defer again.Close()
	mustLead(t, again, patience)
}

// With no bot at work nothing is made beside the file: neither where it was stopped, nor where it was killed, nor where a
// backup was taken of the file and its log.
func TestReadingWithoutABot(t *testing.T) {
	bot := openFile(t)
	for _, id := range []string{"1", "2"} {
		if err := acceptOne(t.Context(), bot, id); err != nil {
			t.Fatal(err)
		}
	}
	snapshot := func(name string, suffixes ...string) string {
		t.Helper()
		dir := t.TempDir()
		for _, suffix := range suffixes {
			if err := copyFile(filepath.Join(dir, "importbot.db"+suffix), bot.path+suffix); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		return filepath.Join(dir, "importbot.db")
	}
	killed := snapshot("killed", "", "-wal", "-shm")
	backup := snapshot("backup", "", "-wal")
	if err := bot.Close(); err != nil {
		t.Fatal(err)
	}
	stopped := snapshot("stopped", "")
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(stopped, link); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"killed": killed, "backup": backup, "stopped": stopped, "linked": link} {
		before := files(t, filepath.Dir(path))
		r, err := OpenReader(t.Context(), path, Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		reads(t, r, "1", "2")
		at := ""
		if f, ok := r.s.dialect.(*fileReader); ok {
			at = f.copied
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if after := files(t, filepath.Dir(path)); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("%s: the files were %v and are %v", name, before, after)
		}
		if _, err := os.Stat(at); at != "" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the copy %s is left: %v", name, at, err)
		}
	}
}

// older are the migrations up to a version.
func older(t *testing.T, last string) fs.FS {
	t.Helper()
	all := migrations(t, nil).(fstest.MapFS)
	for name := range all {
		if name > last+"~" {
			delete(all, name)
		}
	}
	return all
}

func TestWordsForWhatCantBeRead(t *testing.T) {
	dir := t.TempDir()
	make := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	made := func(name string, opts Options) string {
		path := filepath.Join(dir, name)
		s, err := Open(t.Context(), path, opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, row := range []struct{ path, want string }{
		{"", "set DATABASE_URL"},
		{"mysql://db/importbot", "must be the path of a file"},
		{filepath.Join(dir, "none.db"), "there is no database " + filepath.Join(dir, "none.db") + ": set DATABASE_URL to the file that the bot uses"},
		{filepath.Join(dir, "no", "such.db"), "there is no database"},
		{dir, "is not a file"},
		{make("notes.txt", strings.Repeat("this is not a database\n", 100)), "is not a database"},
		{make("empty.db", ""), "is a database, but Importbot has made nothing in it"},
		{made("old.db", Options{migrations: older(t, "00002")}), "made by an older Importbot (schema 2, this one reads 4): update the bot"},
		{made("new.db", Options{migrations: migrations(t, incompatible)}), "made by a newer Importbot (schema 6, this one reads 4): use that version"},
		{made("more.db", Options{migrations: migrations(t, additive)}), ""},
		{made("now.db", Options{}), ""},
	} {
		r, err := OpenReader(t.Context(), row.path, Options{})
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("reading %q: %v; want it to say %q", row.path, err, row.want)
		}
		if err == nil {
			_ = r.Close()
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("made beside the files: %q, %v", left, err)
	}
}

// On PostgreSQL a role that may only read is enough, and a reader with every right can't write.
func TestReadingFromPostgreSQL(t *testing.T) {
	t.Parallel()
	c := pgtest.Server(t)
	url := c.Database(t)
	if _, err := OpenReader(t.Context(), url, Options{}); err == nil || !strings.Contains(err.Error(), "Importbot has made nothing in it") {
		t.Errorf("an empty database: %v", err)
	}
	bot := openURL(t, url, Options{})
	mustLead(t, bot, patience)
	if err := acceptOne(t.Context(), bot, "1"); err != nil {
		t.Fatal(err)
	}
	r := openReader(t, url)
	reads(t, r, "1")
	if err := acceptOne(t.Context(), r.s, "2"); err == nil || !strings.Contains(err.Error(), "only reads") {
		t.Errorf("writing through a reader: %v", err)
	}
	awaitReplicas(t, bot, 1) // a reader is none
	wrong := changed(t, url, func(u *neturl.URL) { u.User = neturl.UserPassword("bot", "wrong-password") })
	if _, err := OpenReader(t.Context(), wrong, Options{}); err == nil || !strings.Contains(err.Error(), "rejects the password") || strings.Contains(err.Error(), "wrong-password") {
		t.Errorf("with a wrong password: %v", err)
	}
	if _, err := OpenReader(t.Context(), "postgres://bot@127.0.0.1:1/none", Options{}); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("nothing listens there: %v", err)
	}
}
