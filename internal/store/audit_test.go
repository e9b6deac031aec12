package store_test

import (
	"errors"
	"fmt"
	"slices"
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

// What became of a start is there once, whoever tells it and in whatever words.
func TestAStartIsAuditedOnce(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		at := noon.Truncate(time.Millisecond)
		first := audit.Entry{At: at, Kind: audit.Start, ImportID: "1", Result: audit.Sent, Replica: "here:1"}
		again := audit.Entry{At: at.Add(time.Second), Kind: audit.Start, ImportID: "1", Result: audit.Sent, Reason: "unconfirmed", Replica: "there:2"}
		command, another := again, again
		command.Kind, another.ImportID = audit.Command, "2"
		for _, e := range []audit.Entry{first, again, command, another, first} {
			if err := s.Audit(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Audits(t.Context(), at, 10)
		if err != nil || len(got) != 3 || got[0] != first || slices.Contains(got, again) {
			t.Errorf("stored %+v, %v", got, err)
		}
	})
}

func TestUnaudited(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		s := openAt(t, url, &clock{noon})
		epoch := lead(t, s)
		put := func(id string, change func(*imports.Import)) {
			imp := wish(id)
			imp.State, imp.SendingAt = imports.Sent, noon
			change(&imp)
			record(t, s, epoch, imp)
		}
		put("sent", func(*imports.Import) {})
		put("told", func(*imports.Import) {})
		put("refused", func(i *imports.Import) { i.State, i.Outcome = imports.Ended, imports.Refused })
		put("over", func(i *imports.Import) { i.State, i.Outcome, i.BegunAt = imports.Ended, imports.Succeeded, noon })
		put("unconfirmed", func(i *imports.Import) { i.State, i.Unconfirmed = imports.Sending, true })
		put("sending", func(i *imports.Import) { i.State = imports.Sending })
		put("accepted", func(i *imports.Import) { i.State = imports.Accepted })
		put("elsewhere", func(i *imports.Import) { i.Origin, i.State = imports.Elsewhere, imports.Running })
		put("old", func(i *imports.Import) { i.AcceptedAt = noon.Add(-time.Hour) })
		for id, kind := range map[string]string{"told": audit.Start, "sent": audit.Command} {
			if err := s.Audit(t.Context(), audit.Entry{At: noon, Kind: kind, ImportID: id}); err != nil {
				t.Fatal(err)
			}
		}
		found, err := s.Unaudited(t.Context(), noon.Add(-time.Minute))
		var got []string
		for _, imp := range found {
			got = append(got, imp.ID)
		}
		if want := []string{"over", "refused", "sent", "unconfirmed"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v; want %v", got, err, want)
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
