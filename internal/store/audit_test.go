package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"importbot/imports"
	"importbot/internal/audit"
	"importbot/internal/store"
)

func TestAuditEntries(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		full := audit.Entry{
			At: noon.Truncate(time.Millisecond), Kind: audit.Command, UserID: "Uana", UserName: "ana", TeamID: "T1", ChannelID: "C1", Command: "/import",
			Text: "raw prod \ufffd 'quoted' \"ü\"", ActionID: "start", Server: "prod", ImportID: "1", Result: audit.Refused, Reason: "who is that", Replica: "here:1",
		}
		want := []audit.Entry{full}
		for i := range 3 {
			e := full
			e.At, e.Text = full.At.Add(time.Duration(i+1)*time.Minute), fmt.Sprint(i)
			want = append(want, e)
		}
		for _, i := range []int{2, 0, 3, 1, 0, 2} { // some twice, as whoever lost the answer brings them
			if err := s.Audit(t.Context(), want[i]); err != nil {
				t.Fatal(err)
			}
		}
		for _, row := range []struct {
			since time.Time
			limit int
			want  []audit.Entry
		}{
			{time.Time{}, 10, want},
			{full.At, 2, want[:2]},
			{full.At.Add(time.Minute), 10, want[1:]},
			{full.At.Add(time.Hour), 10, nil},
		} {
			got, err := s.Audits(t.Context(), row.since, row.limit)
			if diff := cmp.Diff(row.want, got); diff != "" || err != nil {
				t.Errorf("since %s, %d at most: %v (-want +got)\n%s", row.since, row.limit, err, diff)
			}
		}
	})
}

func TestNotices(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		epoch := lead(t, s)
		at := noon.Truncate(time.Millisecond)
		older := imports.Notice{ID: "b", Kind: "away", Server: "prod", CreatedAt: at.Add(-time.Hour), NextTry: at, Body: []byte(`{"ts":"1.2"}`)}
		newer := imports.Notice{ID: "a", Kind: "away", CreatedAt: at}
		save := func(n imports.Notice) {
			t.Helper()
			if err := s.SaveNotice(t.Context(), epoch, n); err != nil {
				t.Fatal(err)
			}
		}
		open := func(want ...imports.Notice) {
			t.Helper()
			got, err := s.Notices(t.Context())
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("to be said: %v (-want +got)\n%s", err, diff)
			}
		}
		open()
		save(newer)
		save(older)
		open(older, newer)
		older.Done, older.Body = true, []byte(`{}`)
		save(older)
		open(newer)
		if got, err := s.Notice(t.Context(), "b"); err != nil || cmp.Diff(older, got) != "" {
			t.Errorf("it came back as %+v, %v", got, err)
		}
		if _, err := s.Notice(t.Context(), "c"); !errors.Is(err, imports.ErrNotFound) {
			t.Errorf("one that is not there: %v", err)
		}
	})
}

// Nothing is kept for longer than the imports are.
func TestPurgeTakesAuditAndNotices(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		epoch := lead(t, s)
		for _, days := range []int{399, 401} {
			at := noon.AddDate(0, 0, -days)
			if err := s.Audit(t.Context(), audit.Entry{At: at, Kind: audit.Command, Text: fmt.Sprint(days)}); err != nil {
				t.Fatal(err)
			}
			if err := s.SaveNotice(t.Context(), epoch, imports.Notice{ID: fmt.Sprint(days), CreatedAt: at}); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.Purge(t.Context(), epoch, noon.Add(-imports.Keep)); err != nil || n != 0 {
			t.Errorf("purged %d imports, %v", n, err)
		}
		if got, err := s.Audits(t.Context(), time.Time{}, 10); err != nil || len(got) != 1 || got[0].Text != "399" {
			t.Errorf("audit entries left: %+v, %v", got, err)
		}
		if got, err := s.Notices(t.Context()); err != nil || len(got) != 1 || got[0].ID != "399" {
			t.Errorf("notices left: %+v, %v", got, err)
		}
	})
}

func TestOneReplicaOnAFile(t *testing.T) {
	s, err := store.Open(t.Context(), databases["sqlite"](t), store.Options{Name: "here:1", Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := s.Replicas(t.Context())
	if err != nil || len(got) != 1 || got[0].Name != "here:1" || got[0].Version != "v1" || s.Shares() != 1 {
		t.Errorf("the replicas are %+v, %v; %d shares", got, err, s.Shares())
	}
}
