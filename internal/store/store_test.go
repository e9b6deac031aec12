package store_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"importbot/bigfix"
	"importbot/imports"
	"importbot/internal/pgtest"
	"importbot/internal/store"
)

// TestMain lets more tests run beside each other than there are processors: those that may do so mostly wait.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(pgtest.Tests{M: m})
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 123456789, time.UTC)

// clock is a time that tests set.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// databases are what every test of the store runs on: each makes a new one and returns its URL.
var databases = map[string]func(testing.TB) string{
	"sqlite":   func(t testing.TB) string { return filepath.Join(t.TempDir(), "importbot.db") },
	"postgres": func(t testing.TB) string { return pgtest.Server(t).Database(t) },
}

// each runs a test on every database, beside the other tests: all of it is its own.
func each(t *testing.T, test func(t *testing.T, url string)) {
	t.Parallel()
	for name, make := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, make(t))
		})
	}
}

func eachBenchmark(b *testing.B, run func(b *testing.B, url string)) {
	for name, make := range databases {
		b.Run(name, func(b *testing.B) { run(b, make(b)) })
	}
}

func openAt(t testing.TB, path string, c *clock) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), path, store.Options{Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func lead(t testing.TB, s *store.Store) imports.Epoch {
	t.Helper()
	term, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return term.Lead().Epoch
}

// wish is an accepted import.
func wish(id string) imports.Import {
	return imports.Import{
		ID: id, Server: "prod", Type: bigfix.TypeRaw, Origin: imports.Here, State: imports.Accepted,
		RequestedBy: "Uana", RequestKey: "key " + id, RequestedIn: "C1", AcceptedAt: noon, Revision: 1,
	}
}

func accept(t testing.TB, s *store.Store, id string) imports.Import {
	t.Helper()
	imp, created, err := s.Accept(t.Context(), wish(id))
	if err != nil || !created {
		t.Fatalf("accepting %s: created %v, %v", id, created, err)
	}
	return imp
}

func record(t testing.TB, s *store.Store, epoch imports.Epoch, imps ...imports.Import) {
	t.Helper()
	if err := s.Record(t.Context(), epoch, imports.Server{Name: "prod"}, imps); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, s *store.Store, id string) imports.Import {
	t.Helper()
	imp, err := s.Import(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return imp
}

// full is an import in which everything is set that can be.
func full(id string) imports.Import {
	imp := wish(id)
	progress, ahead := 59, -3*time.Second
	span := imports.Span{Asked: noon, At: noon.Add(time.Second)}
	failure := &imports.Failure{Kind: imports.FailUnavailable, HTTP: 502, Reason: "HTTP 502", Message: `<b>"sorry"</b>`, At: noon}
	imp.State, imp.Revision = imports.Running, 7
	imp.SendingAt, imp.BegunAt, imp.LastLook, imp.LastRun = noon, noon, noon, noon
	imp.Progress = &progress
	imp.Baseline = &imports.Baseline{Span: span, Mode: bigfix.ModeIdle, LastStatus: "fehlgeschlagen", LastImportTime: noon, Ahead: &ahead}
	imp.FirstRunning, imp.LastRunning = span, span
	imp.SendAnswer, imp.LastFailure = failure, failure
	imp.Unconfirmed = true
	imp.Doubts = []imports.Doubt{{Kind: imports.DoubtGap, From: noon, To: noon.Add(time.Hour)}}
	imp.Milestones = []imports.Milestone{{Kind: imports.MilestoneStarted, At: noon}}
	imp.Settle = &imports.Settle{Since: noon, Looks: 2, End: &imports.End{Status: "failed", ImportTime: noon, SeenAt: noon}}
	return imp
}

func TestWhatIsStoredComesBack(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		epoch := lead(t, s)
		want := full("1")
		look := imports.Observation{Span: want.FirstRunning, Status: &bigfix.Status{Mode: bigfix.ModeRunning, Progress: want.Progress}}
		srv := imports.Server{Name: "prod", Last: look, Good: look, Quiet: want.Baseline, DownSince: noon, DownLooks: 3}
		if err := s.Record(t.Context(), epoch, srv, []imports.Import{want}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}

		s = openAt(t, url, &clock{noon})
		want.Followers = []string{"Uana"}
		if diff := cmp.Diff(want, get(t, s, "1")); diff != "" {
			t.Errorf("the import came back changed (-stored +read):\n%s", diff)
		}
		got, err := s.Server(t.Context(), "prod")
		if diff := cmp.Diff(srv, got); diff != "" || err != nil {
			t.Errorf("the server came back changed: %v (-stored +read):\n%s", err, diff)
		}
		if lead(t, s) <= epoch {
			t.Error("the epoch did not rise")
		}
	})
}

func TestWhatIsNotThere(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		ctx := t.Context()
		if _, err := s.Import(ctx, "1"); !errors.Is(err, imports.ErrNotFound) {
			t.Errorf("Import: %v", err)
		}
		if err := s.Follow(ctx, "1", "U", false, noon); !errors.Is(err, imports.ErrNotFound) {
			t.Errorf("Follow: %v", err)
		}
		if err := s.Answered(ctx, "1", noon); !errors.Is(err, imports.ErrNotFound) {
			t.Errorf("Answered: %v", err)
		}
		if err := s.SaveThread(ctx, lead(t, s), imports.Thread{ImportID: "1"}); !errors.Is(err, imports.ErrNotFound) {
			t.Errorf("SaveThread: %v", err)
		}
		if th, err := s.Thread(ctx, "1"); err != nil || th.ImportID != "1" || th.Shown != 0 {
			t.Errorf("Thread: %+v, %v", th, err)
		}
		if srv, err := s.Server(ctx, "prod"); err != nil || srv.Name != "prod" || srv.Quiet != nil {
			t.Errorf("Server: %+v, %v", srv, err)
		}
		if err := s.Ping(ctx); err != nil {
			t.Errorf("Ping: %v", err)
		}
	})
}

func TestAWishIsAcceptedOnce(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		first := accept(t, s, "1")
		again := wish("2")
		again.RequestKey = first.RequestKey
		got, created, err := s.Accept(t.Context(), again)
		if err != nil || created || got.ID != "1" {
			t.Errorf("the same key again: %s, created %v, %v", got.ID, created, err)
		}
		taken := wish("1")
		taken.RequestKey = "another"
		if _, _, err := s.Accept(t.Context(), taken); !errors.Is(err, imports.ErrDuplicate) {
			t.Errorf("the same id again: %v", err)
		}
		epoch := lead(t, s)
		for _, id := range []string{"3", "4"} { // nobody asked for these: no key is no duplicate
			record(t, s, epoch, imports.Import{ID: id, Server: "prod", State: imports.Running, Origin: imports.Elsewhere, BegunAt: noon})
		}
		stolen := imports.Import{ID: "5", Server: "prod", RequestKey: first.RequestKey, State: imports.Running}
		if err := s.Record(t.Context(), epoch, imports.Server{Name: "prod"}, []imports.Import{stolen}); !errors.Is(err, imports.ErrDuplicate) {
			t.Errorf("recording with another's key: %v", err)
		}
	})
}

func TestManyAcceptAtOnce(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		const n = 50
		errs := make(chan error)
		for i := range n {
			go func() {
				imp := wish(fmt.Sprint(i))
				imp.RequestKey = fmt.Sprint(i % 5)
				_, _, err := s.Accept(t.Context(), imp)
				errs <- err
			}()
		}
		for range n {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if got, err := s.Active(t.Context(), "prod"); err != nil || len(got) != 5 {
			t.Errorf("%d imports of 5 wishes, %v", len(got), err)
		}
	})
}

// Every write of a reconciler carries its epoch, and one that is over changes nothing.
func TestOnlyTheLeaderWrites(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		accept(t, s, "1")
		first, err := s.Lead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		old := first.Lead().Epoch
		if err := first.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		epoch := lead(t, s)
		ctx := t.Context()
		ended := wish("1")
		ended.State, ended.Outcome, ended.EndedAt = imports.Ended, imports.Expired, noon
		writes := map[string]func(imports.Epoch) error{
			"Record": func(e imports.Epoch) error {
				return s.Record(ctx, e, imports.Server{Name: "prod", DownLooks: 1}, []imports.Import{ended})
			},
			"SaveNotice": func(e imports.Epoch) error { return s.SaveNotice(ctx, e, imports.Notice{ID: "away"}) },
			"SaveThread": func(e imports.Epoch) error { return s.SaveThread(ctx, e, imports.Thread{ImportID: "1", Shown: 9}) },
			"Purge": func(e imports.Epoch) error {
				_, err := s.Purge(ctx, e, noon.Add(-time.Hour))
				return err
			},
		}
		for name, write := range writes {
			for _, stale := range []imports.Epoch{0, old, epoch + 1} {
				if err := write(stale); !errors.Is(err, imports.ErrNotLeader) {
					t.Errorf("%s with epoch %d: %v", name, stale, err)
				}
			}
		}
		if got := get(t, s, "1"); got.State != imports.Accepted {
			t.Errorf("a stale leader made it %s", got.State)
		}
		if srv, _ := s.Server(ctx, "prod"); srv.DownLooks != 0 {
			t.Error("a stale leader changed the server")
		}
		for name, write := range writes {
			if err := write(epoch); err != nil {
				t.Errorf("%s by the leader: %v", name, err)
			}
		}
	})
}

func TestSavingAnImportLosesNoFollower(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		imp := accept(t, s, "1")
		epoch := lead(t, s)
		for _, u := range []string{"Uben", "Ucat", "Uben", "Uana"} {
			if err := s.Follow(t.Context(), "1", u, false, noon); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Answered(t.Context(), "1", noon); err != nil {
			t.Fatal(err)
		}
		imp.State, imp.Followers = imports.Running, []string{"somebody else"}
		record(t, s, epoch, imp)
		got := get(t, s, "1")
		if want := []string{"Uana", "Uben", "Ucat"}; !slices.Equal(got.Followers, want) || got.State != imports.Running {
			t.Errorf("%s, followed by %v, want %v", got.State, got.Followers, want)
		}
		if !got.AnsweredAt.Equal(noon.Truncate(time.Millisecond)) {
			t.Errorf("answered at %s", got.AnsweredAt)
		}
	})
}

func TestWhatHasEndedStays(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		imp := accept(t, s, "1")
		epoch := lead(t, s)
		imp.State, imp.Outcome, imp.EndedAt = imports.Ended, imports.Succeeded, noon
		record(t, s, epoch, imp)
		imp.State, imp.Outcome = imports.Running, ""
		record(t, s, epoch, imp)
		if got := get(t, s, "1"); got.State != imports.Ended || got.Outcome != imports.Succeeded {
			t.Errorf("it is %s %s", got.State, got.Outcome)
		}
	})
}

func TestLists(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		epoch := lead(t, s)
		add := func(id, server string, minute int, change func(*imports.Import)) {
			imp := imports.Import{ID: id, Server: server, Origin: imports.Elsewhere, State: imports.Running}
			imp.BegunAt = noon.Add(time.Duration(minute) * time.Minute)
			change(&imp)
			record(t, s, epoch, imp)
		}
		end := func(o imports.Outcome) func(*imports.Import) {
			return func(i *imports.Import) { i.State, i.Outcome, i.EndedAt = imports.Ended, o, i.BegunAt.Add(time.Minute) }
		}
		add("old", "prod", 1, end(imports.Succeeded))
		add("newer", "prod", 5, end(imports.NotBegun))
		add("refused", "prod", 6, end(imports.Refused))
		add("expired", "prod", 7, end(imports.Expired))
		add("running", "prod", 9, func(*imports.Import) {})
		add("wish", "prod", 8, func(i *imports.Import) { i.State, i.AcceptedAt, i.BegunAt = imports.Accepted, i.BegunAt, time.Time{} })
		add("other", "lab", 4, func(i *imports.Import) { i.State = imports.Settling })
		ids := func(list []imports.Import, err error) string {
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, i := range list {
				ids = append(ids, i.ID)
			}
			return strings.Join(ids, " ")
		}
		if got := ids(s.Active(t.Context(), "prod")); got != "wish running" {
			t.Errorf("active: %s", got)
		}
		if got := ids(s.Recent(t.Context(), "prod", 10)); got != "running newer old" {
			t.Errorf("recent: %s", got)
		}
		if got := ids(s.Recent(t.Context(), "prod", 2)); got != "running newer" {
			t.Errorf("the last two: %s", got)
		}
		if got := ids(s.Expired(t.Context(), "prod", noon.Add(8*time.Minute))); got != "expired" {
			t.Errorf("expired: %s", got)
		}
		if got := ids(s.Expired(t.Context(), "prod", noon.Add(9*time.Minute))) + ids(s.Expired(t.Context(), "lab", noon)); got != "" {
			t.Errorf("expired since, or elsewhere: %s", got)
		}
		if got, err := s.ActiveServers(t.Context()); err != nil || !slices.Equal(got, []string{"lab", "prod"}) {
			t.Errorf("servers: %v, %v", got, err)
		}
	})
}

func TestPurge(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		epoch := lead(t, s)
		for id, age := range map[string]int{"401": 401, "399": 399, "running": 500} {
			imp := wish(id)
			imp.AcceptedAt = noon.AddDate(0, 0, -age)
			imp.State, imp.Outcome, imp.EndedAt = imports.Ended, imports.Succeeded, imp.AcceptedAt.Add(time.Hour)
			if id == "running" {
				imp.State, imp.Outcome, imp.EndedAt = imports.Running, "", time.Time{}
			}
			record(t, s, epoch, imp)
		}
		n, err := s.Purge(t.Context(), epoch, noon.Add(-imports.Keep))
		if err != nil || n != 1 {
			t.Fatalf("purged %d, %v", n, err)
		}
		if _, err := s.Import(t.Context(), "401"); !errors.Is(err, imports.ErrNotFound) {
			t.Errorf("401 days old: %v", err)
		}
		get(t, s, "399")
		get(t, s, "running")
		if got, err := s.Unpublished(t.Context(), 10); err != nil || len(got) != 2 {
			t.Errorf("threads left: %v, %v", got, err)
		}
		again := wish("401") // its key and its followers went with it
		if _, created, err := s.Accept(t.Context(), again); err != nil || !created {
			t.Errorf("created %v, %v", created, err)
		}
	})
}

func TestWhatIsToBePublished(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		c := &clock{noon}
		s := openAt(t, url, c)
		epoch := lead(t, s)
		imp := accept(t, s, "1")
		unpublished := func(want ...string) {
			t.Helper()
			got, err := s.Unpublished(t.Context(), 10)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("unpublished: %v, %v; want %v", got, err, want)
			}
		}
		next := func(want time.Time, wantOK bool) {
			t.Helper()
			at, ok, err := s.NextTry(t.Context())
			if err != nil || ok != wantOK || !at.Equal(want) {
				t.Errorf("next try: %s, %v, %v; want %s, %v", at, ok, err, want, wantOK)
			}
		}
		save := func(th imports.Thread) {
			t.Helper()
			th.ImportID = "1"
			if err := s.SaveThread(t.Context(), epoch, th); err != nil {
				t.Fatal(err)
			}
		}

		unpublished() // only accepted: the start puts up its card
		next(time.Time{}, false)

		imp.State, imp.Revision = imports.Running, 3
		record(t, s, epoch, imp)
		unpublished("1")
		next(time.Time{}, true)

		want := imports.Thread{Shown: 3, Followers: 1, Done: true, Body: []byte(`{"card":"1.2"}`)}
		save(want)
		unpublished()
		next(time.Time{}, false)
		want.ImportID = "1"
		if got, err := s.Thread(t.Context(), "1"); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("the thread came back as %+v, %v", got, err)
		}

		record(t, s, epoch, imp) // nothing that people see
		unpublished()
		if err := s.Follow(t.Context(), "1", "Uana", false, noon); err != nil { // follows already
			t.Fatal(err)
		}
		unpublished()
		if err := s.Follow(t.Context(), "1", "Uben", false, noon); err != nil {
			t.Fatal(err)
		}
		unpublished("1")

		later := noon.Add(time.Minute).Truncate(time.Millisecond)
		save(imports.Thread{Shown: 3, Followers: 2, NextTry: later})
		unpublished()
		next(later, true)
		c.now = later
		unpublished("1")

		save(imports.Thread{Shown: 3, Followers: 2, NextTry: later.Add(time.Hour)})
		imp.Revision = 4
		record(t, s, epoch, imp) // news don't wait for the next try
		unpublished("1")

		save(imports.Thread{Shown: 3, Followers: 2, Done: true}) // it moved on while this was shown
		unpublished("1")
		save(imports.Thread{Shown: 4, Followers: 1, Done: true}) // somebody joined while this was shown
		unpublished("1")

		other := full("0")
		other.RequestKey, other.State, other.AcceptedAt = "", imports.Running, noon.Add(-time.Hour)
		record(t, s, epoch, other)
		unpublished("0", "1") // the older first
		imp.State, imp.Outcome, imp.EndedAt, imp.Revision = imports.Ended, imports.Succeeded, noon, 5
		record(t, s, epoch, imp)
		unpublished("1", "0") // an end first
		if got, err := s.Unpublished(t.Context(), 1); err != nil || len(got) != 1 {
			t.Errorf("one at most: %v, %v", got, err)
		}
	})
}

// Until the publisher has taken account of a wish for a fresh card, the next ones wake nobody and hurry nothing; one that comes while
// the publisher is busy with those before is news.
func TestAskingForAFreshCard(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s := openAt(t, url, &clock{noon})
		epoch := lead(t, s)
		ask := func(want bool) {
			t.Helper()
			if asked, err := s.Refresh(ctx, "1"); err != nil || asked != want {
				t.Errorf("asked: %t, %v; want %t", asked, err, want)
			}
		}
		var th imports.Thread
		read := func(asked, refreshed int64) {
			t.Helper()
			var err error
			if th, err = s.Thread(ctx, "1"); err != nil || th.Asked != asked || th.Refreshed != refreshed {
				t.Errorf("the thread: %+v, %v; want %d asked, %d taken account of", th, err, asked, refreshed)
			}
		}
		save := func(refreshed int64, want string) {
			t.Helper()
			th.Shown, th.Followers, th.Refreshed, th.Done, th.NextTry = 9, 9, refreshed, refreshed == th.Asked, noon.Add(time.Hour)
			if err := s.SaveThread(ctx, epoch, th); err != nil {
				t.Fatal(err)
			}
			if got := unpublished(t, s); got != want {
				t.Errorf("to be published: %q, want %q", got, want)
			}
		}
		ask(false) // there is no such import
		imp := accept(t, s, "1")
		ask(false) // it has no card yet
		imp.State = imports.Running
		record(t, s, epoch, imp)
		read(0, 0)
		save(0, "")
		ask(true)
		ask(false)
		save(0, "1") // the wishes came after the thread was read
		read(2, 0)
		save(0, "") // held back
		ask(false)
		if got := unpublished(t, s); got != "" {
			t.Errorf("to be published: %q; a press hurries nothing that is held back", got)
		}
		read(3, 0)
		save(3, "")
		ask(true)
		read(4, 3)
		ask(false)
		save(4, "1") // the second one came after the thread was read
		read(5, 4)
		save(5, "")
		ask(true)
		save(5, "1") // and so did this
		read(6, 5)
	})
}

func TestTheFilesAreTheOwnersOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "import bot?%23#.db") // no character of the path means anything
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	log, out := logrus.New(), new(bytes.Buffer)
	log.SetOutput(out)
	s, err := store.Open(t.Context(), path, store.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	accept(t, s, "1")
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %#o", info.Name(), mode)
		}
	}
	if !strings.Contains(out.String(), "0644") || !strings.Contains(out.String(), "database opened") {
		t.Errorf("logged: %s", out)
	}
}

func TestThePathIsAbsolute(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := openAt(t, "importbot.db", &clock{noon})
	want, err := filepath.EvalSymlinks(filepath.Join(dir, "importbot.db"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Path() != want {
		t.Errorf("the path is %s, want %s", s.Path(), want)
	}
}

func TestASecondProcessIsRefusedInWords(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "importbot.db")
	s := openAt(t, path, &clock{noon})
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		_, err := store.Open(t.Context(), name, store.Options{})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("in use by process %d", os.Getpid())) {
			t.Errorf("opening %s a second time: %v", name, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openAt(t, link, &clock{noon})
}

func TestWordsForWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{
		"":                                  "set DATABASE_URL",
		"mysql://db/importbot":              "must be the path of a file",
		":memory:":                          "must be the path of a file",
		filepath.Join(dir, "no", "such.db"): "does not exist: create it",
		dir:                                 "is not a file",
		text:                                "is not a database",
	}
	for url, want := range cases {
		_, err := store.Open(t.Context(), url, store.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("opening %q: %v; want it to say %q", url, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "importbot.db.lock")); err == nil {
		t.Error("a lock was left")
	}
}

func TestClosedIsAnError(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Ping(t.Context()); err == nil {
			t.Error("a closed store answers")
		}
		if _, _, err := s.Accept(t.Context(), wish("1")); err == nil {
			t.Error("a closed store accepts")
		}
	})
}

func BenchmarkAccept(b *testing.B) {
	eachBenchmark(b, func(b *testing.B, url string) {
		s := openAt(b, url, &clock{noon})
		for i := 0; b.Loop(); i++ {
			if _, _, err := s.Accept(b.Context(), wish(fmt.Sprint(i))); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	eachBenchmark(b, func(b *testing.B, url string) {
		s := openAt(b, url, &clock{noon})
		epoch := lead(b, s)
		imp := full("1")
		srv := imports.Server{Name: "prod", Quiet: imp.Baseline}
		for b.Loop() {
			imp.Revision++
			srv.Good.At = noon.Add(time.Duration(imp.Revision) * time.Minute)
			if err := s.Record(b.Context(), epoch, srv, []imports.Import{imp}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What an idle publisher asks, with more than a year of imports stored.
func BenchmarkUnpublishedOf5000(b *testing.B) {
	eachBenchmark(b, func(b *testing.B, url string) {
		s := openAt(b, url, &clock{noon})
		epoch := lead(b, s)
		var past []imports.Import
		for i := range 5000 {
			imp := full(fmt.Sprint(i))
			imp.State, imp.Outcome, imp.EndedAt = imports.Ended, imports.Succeeded, noon
			past = append(past, imp)
		}
		record(b, s, epoch, past...)
		for _, imp := range past {
			if err := s.SaveThread(b.Context(), epoch, imports.Thread{ImportID: imp.ID, Shown: imp.Revision, Followers: 1, Done: true}); err != nil {
				b.Fatal(err)
			}
		}
		for b.Loop() {
			if _, err := s.Unpublished(b.Context(), 100); err != nil {
				b.Fatal(err)
			}
		}
	})
}
