//go:build unix

package app

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/imports"
	"importbot/internal/pgtest"
	"importbot/internal/store"
)

// The week's report was due while nobody ran. Of two replicas one posts it, in the zone that it was asked for in, and the other does not when
// the first is killed. Beside them a terminal reads the same database, and changes nothing.
func TestDigest(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	due := time.Now().In(zone).Add(-time.Hour)
	w := newNight(t, 500*time.Millisecond)
	url := pgtest.Server(t).Database(t)
	remember(t, url, pastImport("past", bigfix.TypeComplete, imports.Scheduled, due.AddDate(0, 0, -3).UTC(), 42*time.Minute, imports.Succeeded))
	environ := w.environ("DATABASE_URL="+url, "DIGEST="+strings.ToLower(due.Format("Mon 15:04 "))+zone.String())
	all := []*process{w.named(t, "one", environ), w.named(t, "two", environ)}
	for _, p := range all {
		p.ready(t)
	}
	digest := w.message(t, "digest", saying("The week of data imports"))
	week := due.AddDate(0, 0, -7).Format("Mon 2 Jan") + " to " + due.AddDate(0, 0, -1).Format("Mon 2 Jan") + " (Asia/Kolkata)"
	if digest.Channel != channel || !strings.Contains(digest.Text, week) || !strings.Contains(digest.Text, "1 succeeded (about 42 minutes)") {
		t.Errorf("it says in %s: %s; want the week of %s", digest.Channel, digest.Text, week)
	}

	first, others := leader(t, all)
	first.signal(t, syscall.SIGKILL)
	first.exit(t)
	if second, _ := leader(t, others); second != others[0] {
		t.Fatal("nobody takes over")
	}
	w.mustAnswer(t, ana, "raw prod", "Starting a raw import")
	w.message(t, "finished", saying("Raw import on prod succeeded"))
	for _, args := range [][]string{{"history", "--csv"}, {"report", "--to", due.Format(time.DateOnly), "--zone", "Asia/Kolkata"}} {
		read := w.start(t, environ, args...)
		if got := read.exit(t); got != exitWell || !strings.Contains(read.out.String(), "prod") {
			t.Errorf("%s: exit status %d\n%s%s", args[0], got, read.out, read.log)
		}
	}
	w.looks(t, 2)
	if got := w.kinds()["digest"]; got != 1 {
		t.Errorf("%d digests, want 1", got)
	}
	w.stop(t, others[0])
}

// remember puts imports into a database before any bot runs.
func remember(t *testing.T, url string, imps ...imports.Import) {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lead, err := db.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Record(t.Context(), lead.Lead().Epoch, imports.Server{Name: "prod"}, imps); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
