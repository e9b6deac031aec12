package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
)

var at = time.Date(2026, 5, 20, 2, 14, 7, 123_456_789, time.FixedZone("CEST", 2*60*60))

func TestLine(t *testing.T) {
	long := strings.Repeat("ü", 1001)
	for _, tc := range []struct {
		name  string
		entry Entry
		want  string
	}{
		{"all fields, in this order", Entry{
			At: at, Kind: Command, UserID: "U1", UserName: "ana", TeamID: "T1", ChannelID: "C1", Command: "/import", Text: "raw prod", ActionID: "a",
			Server: "prod", ImportID: "0196", Result: Refused, Reason: "no operator", Replica: "bot-1:42",
		}, `{"at":"2026-05-20T00:14:07.123Z","kind":"command","user_id":"U1","user_name":"ana","team_id":"T1","channel_id":"C1","command":"/import","text":"raw prod","action_id":"a","server":"prod","import_id":"0196","result":"refused","reason":"no operator","replica":"bot-1:42"}`},
		{"the least", Entry{Result: Answered}, `{"at":"2026-01-01T00:00:00.000Z","kind":"","result":"answered","replica":"here"}`},
		{"what a terminal would act upon", Entry{At: at, Text: "a\x1b[2J\r\n\x00\u0085\u009b\u2028\u202eb\xffc\U000e0001<&>\"\\"},
			`{"at":"2026-05-20T00:14:07.123Z","kind":"","text":"a\u001b[2J\r\n` + "\ufffd" + `\u0085\u009b\u2028\u202eb` + "\ufffd" + `c\udb40\udc01<&>\"\\","result":"","replica":"here"}`},
		{"long texts", Entry{At: at, Text: long, Reason: long[:2000], Server: strings.Repeat("s", 300)},
			`{"at":"2026-05-20T00:14:07.123Z","kind":"","text":"` + long[:2*999] + `…","server":"` + strings.Repeat("s", 199) + `…","result":"","reason":"` + long[:2000] + `","replica":"here"}`},
		{"what was pasted into the wrong window", Entry{At: at, Text: "raw SECRET", UserName: "SECRET", Reason: "no server SECRET"},
			`{"at":"2026-05-20T00:14:07.123Z","kind":"","user_name":"***","text":"raw ***","result":"","reason":"no server ***","replica":"here"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			l, _ := newLog(t, Config{Path: "stderr", Stderr: &out, Redact: func(s string) string { return strings.ReplaceAll(s, "SECRET", "***") }})
			l.Note(tc.entry)
			finish(l)
			if diff := cmp.Diff(tc.want+"\n", out.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			var back Entry
			if err := json.Unmarshal(out.Bytes(), &back); err != nil {
				t.Fatal(err)
			}
			again, err := back.MarshalJSON()
			if err != nil || string(again)+"\n" != out.String() {
				t.Errorf("read and written again it is %s, %v", again, err)
			}
		})
	}
}

// The store encodes entries with json.Marshal, and makes the key of a row from that.
func TestRowsAreAlike(t *testing.T) {
	e := Entry{At: at, Kind: Start, Result: Sent}.kept(at, "here", strings.Clone)
	first, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back Entry
	if err := json.Unmarshal(first, &back); err != nil {
		t.Fatal(err)
	}
	if second, err := json.Marshal(back); err != nil || !bytes.Equal(first, second) || !back.At.Equal(e.At) {
		t.Errorf("got %s, %v, want %s", second, err, first)
	}
}

// newLog makes a log whose clock stands still at the beginning of 2026, and shows what it logs.
func newLog(t *testing.T, c Config) (*Log, *logtest.Hook) {
	t.Helper()
	logger, hook := logtest.NewNullLogger()
	c.Log, c.Replica = logger, "here"
	c.Now = func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return l, hook
}

// finish runs a log that is told to stop before it began: all that was noted is written.
func finish(l *Log) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	l.Run(ctx) //nolint:errcheck // it is always nil
}

// start runs a log until stop is called.
func start(t *testing.T, l *Log) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Run(ctx) //nolint:errcheck // it is always nil
	}()
	return func() { cancel(); <-done }
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, _ := newLog(t, Config{Path: path})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); runtime.GOOS != "windows" && got != 0o600 {
		t.Errorf("got mode %o, want 600", got)
	}
	for i := range 3 {
		l.Note(Entry{Text: fmt.Sprint(i)})
	}
	finish(l)
	if got := texts(t, path); !slices.Equal(got, []string{"0", "1", "2"}) {
		t.Errorf("got %q", got)
	}
}

// What was there stays, a line that was cut off by a power failure too.
func TestFileIsAppendedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	const before = "{\"at\":\"2026-01-01T00:00:00.000Z\",\"kind\":\"comm"
	if err := os.WriteFile(path, []byte(before), 0o640); err != nil {
		t.Fatal(err)
	}
	l, _ := newLog(t, Config{Path: path})
	l.Note(Entry{Text: "a"})
	l.Note(Entry{Text: "b"})
	finish(l)
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(got), "\n")
	if len(lines) != 4 || lines[0] != before || !strings.Contains(lines[1], `"text":"a"`) || !strings.Contains(lines[2], `"text":"b"`) || lines[3] != "" {
		t.Errorf("got %q", lines)
	}
}

// logrotate renames the file, and makes no other one: the next line does, with the same mode.
func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, _ := newLog(t, Config{Path: path})
	stop := start(t, l)
	l.Note(Entry{Text: "before"})
	await(t, func() bool { return len(texts(t, path)) == 1 })
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	l.Note(Entry{Text: "after"})
	stop()
	if before, after := texts(t, path+".1"), texts(t, path); !slices.Equal(before, []string{"before"}) || !slices.Equal(after, []string{"after"}) {
		t.Errorf("got %q and %q", before, after)
	}
}

func TestFilesThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir:                               "which is no file: name a file, or stderr",
		filepath.Join(dir, "no", "audit"): "which can't be written to: ",
		os.DevNull:                        "which is no file",
	} {
		_, err := New(Config{Path: path, Log: logrus.New()})
		if err == nil || !strings.HasPrefix(err.Error(), "AUDIT_LOG names "+path+", ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}

// The file's directory is gone for a while: nothing stops, and nothing is lost.
func TestFileGoneForAWhile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(dir, "audit.jsonl")
		l, hook := newLog(t, Config{Path: path})
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		stop := start(t, l)
		for i := range 5 {
			l.Note(Entry{Text: fmt.Sprint(i)})
			synctest.Wait()
		}
		advance(time.Hour)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		advance(lastRetry + time.Second)
		if got := texts(t, path); !slices.Equal(got, []string{"0", "1", "2", "3", "4"}) {
			t.Errorf("got %q", got)
		}
		stop()
		if got := logged(hook); len(got) != 2 || !strings.HasPrefix(got[0], "error: An audit line can't be written") || got[1] != "info: Audit lines are written again" {
			t.Errorf("logged %q", got)
		}
	})
}

// sink is a store that can be away.
type sink struct {
	mu   sync.Mutex
	away error
	hang bool
	rows []Entry
	asks int
}

func (s *sink) Audit(ctx context.Context, e Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks++
	if s.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if s.away == nil {
		s.rows = append(s.rows, e)
	}
	return s.away
}

func (s *sink) set(away error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// The database is away for an hour: lines are written meanwhile, rows later, and it is not asked more often than needed.
func TestDatabaseAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		db := &sink{away: errors.New("connection refused")}
		l, hook := newLog(t, Config{Path: "stderr", Stderr: &out, Sink: db})
		stop := start(t, l)
		for i := range 20 {
			l.Note(Entry{Text: fmt.Sprint(i)})
		}
		synctest.Wait()
		if got := strings.Count(out.String(), "\n"); got != 20 {
			t.Errorf("got %d lines while the database is away, want 20", got)
		}
		advance(time.Hour)
		synctest.Wait()
		if db.asks < 100 || db.asks > 130 {
			t.Errorf("asked %d times in an hour, want about every %s", db.asks, lastRetry)
		}
		db.set(nil)
		advance(lastRetry)
		synctest.Wait()
		if len(db.rows) != 20 || db.rows[0].Text != "0" || db.rows[19].Text != "19" {
			t.Errorf("got %d rows, want all 20 in their order", len(db.rows))
		}
		stop()
		if got := logged(hook); len(got) != 2 {
			t.Errorf("logged %q, want two lines", got)
		}
	})
}

// More than there is room for: the first thousand are kept, and the record says itself how many are missing and since when.
func TestTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &sink{away: errors.New("away")}
		l, hook := newLog(t, Config{Sink: db})
		for i := range most + 7 {
			l.Note(Entry{Kind: Command, Text: fmt.Sprint(i), At: at.Add(time.Duration(i) * time.Second)})
		}
		stop := start(t, l)
		synctest.Wait()
		db.set(nil)
		advance(firstRetry)
		synctest.Wait()
		l.Note(Entry{Kind: Command, Text: "later"})
		stop()
		if len(db.rows) != most+2 {
			t.Fatalf("got %d rows, want %d", len(db.rows), most+2)
		}
		want := Entry{At: at.Add(most * time.Second).UTC().Truncate(time.Millisecond), Kind: Lost, Result: Failed, Reason: "7 rows found no room from this time on", Replica: "here"}
		if diff := cmp.Diff(want, db.rows[most]); diff != "" {
			t.Errorf("behind the thousandth: -want +got\n%s", diff)
		}
		if db.rows[most-1].Text != fmt.Sprint(most-1) || db.rows[most+1].Text != "later" {
			t.Errorf("around it: %q, %q", db.rows[most-1].Text, db.rows[most+1].Text)
		}
		if got := logged(hook); !slices.Contains(got, "error: Audit rows are lost: 1000 wait already") {
			t.Errorf("logged %q", got)
		}
	})
}

// At the end a database that hangs costs two seconds, and what is lost is counted.
func TestEndWhileTheDatabaseHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &sink{hang: true}
		l, hook := newLog(t, Config{Sink: db})
		stop := start(t, l)
		for range 3 {
			l.Note(Entry{Kind: Command})
		}
		synctest.Wait()
		began := time.Now()
		stop()
		if took := time.Since(began); took != drainWithin {
			t.Errorf("the end took %s, want %s", took, drainWithin)
		}
		if got := logged(hook); !slices.Contains(got, "error: 3 audit rows are lost: they could not be written before the end") {
			t.Errorf("logged %q", got)
		}
	})
}

// A handler that ends later than all else is recorded all the same.
func TestNotedAfterTheEnd(t *testing.T) {
	path, db := filepath.Join(t.TempDir(), "audit.jsonl"), &sink{}
	l, _ := newLog(t, Config{Path: path, Sink: db})
	finish(l)
	l.Note(Entry{Text: "late"})
	if got := texts(t, path); !slices.Equal(got, []string{"late"}) || len(db.rows) != 1 {
		t.Errorf("got %q and %d rows", got, len(db.rows))
	}
}

// Many note at once: each line is whole, and each entry there once.
func TestManyAtOnce(t *testing.T) {
	path, db := filepath.Join(t.TempDir(), "audit.jsonl"), &sink{}
	l, _ := newLog(t, Config{Path: path, Sink: db})
	stop := start(t, l)
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			for j := range 50 {
				l.Note(Entry{Text: fmt.Sprintf("%d-%d", i, j)})
			}
		})
	}
	all.Wait()
	stop()
	got := texts(t, path)
	slices.Sort(got)
	if len(slices.Compact(got)) != 500 || len(db.rows) != 500 {
		t.Errorf("got %d different lines and %d rows, want 500", len(got), len(db.rows))
	}
}

func TestNothingToKeep(t *testing.T) {
	l, _ := newLog(t, Config{})
	l.Note(Entry{})
	finish(l)
}

// texts returns the texts of the lines of a file, and fails where one is no entry.
func texts(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var found []string
	for _, line := range strings.SplitAfter(string(data), "\n") {
		if line == "" {
			continue
		}
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || !strings.HasSuffix(line, "\n") {
			t.Fatalf("%q is no line: %v", line, err)
		}
		found = append(found, e.Text)
	}
	return found
}

func logged(hook *logtest.Hook) []string {
	var lines []string
	for _, e := range hook.AllEntries() {
		lines = append(lines, e.Level.String()+": "+e.Message)
	}
	return lines
}

// await waits until something holds that another goroutine brings about.
func await(t *testing.T, holds func() bool) {
	t.Helper()
	deadline, again := time.After(10*time.Second), time.NewTicker(time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("it did not happen within 10 s")
		}
	}
}

// advance lets that much of a bubble's time pass.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
