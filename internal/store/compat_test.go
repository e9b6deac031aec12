package store

import (
	"path/filepath"
	"testing"
	"time"

	"importbot/imports"
	"importbot/internal/pgtest"
)

// asked2 are the questions by which a program of schema 2 finds work, as it asks them. During an update it may lead, or
// publish, beside one of schema 3.
var asked2 = map[string]string{
	"what is to be published": `SELECT i.id FROM threads t JOIN imports i ON i.id = t.import_id
		WHERE t.due <= 1700000000000 AND i.state <> 'accepted'`,
	"when the next is due": `SELECT i.id FROM threads t JOIN imports i ON i.id = t.import_id
		WHERE t.due < 9223372036854775807 AND i.state <> 'accepted'`,
	"what has not ended":            `SELECT id FROM imports WHERE server = 'prod' AND state IN ('accepted', 'sending', 'sent', 'running', 'settling')`,
	"what is remembered":            `SELECT id FROM imports WHERE server = 'prod' AND (begun_at > 0 OR state = 'ended') AND outcome NOT IN ('refused', 'expired')`,
	"what the audit does not have":  `SELECT id FROM imports WHERE origin = 'here' AND accepted_at >= 1 AND state <> 'accepted'`,
	"what is old enough to be gone": `SELECT id FROM imports WHERE state = 'ended' AND CASE WHEN ended_at > 0 THEN ended_at ELSE created_at END < 1800000000000`,
}

// written2 is what it writes in the tables that schema 3 adds to, beside what every replica does.
var written2 = []string{
	`INSERT INTO followers (import_id, user_id, position, followed_at)
		SELECT 'waits', 'Uold', COALESCE(MAX(position), 0) + 1, 1 FROM followers WHERE import_id = 'waits' ON CONFLICT DO NOTHING`,
	`DELETE FROM imports WHERE state = 'ended' AND CASE WHEN ended_at > 0 THEN ended_at ELSE created_at END < 1`,
}

// A program of schema 2 finds nothing to do with what waits, and what it writes leaves that alone.
func TestAnOlderVersionLeavesAloneWhatWaits(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "importbot.db") },
		"postgres": func(t *testing.T) string { return pgtest.Server(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openURL(t, url(t), Options{})
			imp := imports.Import{ID: "waits", Server: "prod", Type: "complete", Origin: imports.Here, State: imports.Waiting, RequestedBy: "Uana", RequestKey: "k", WishedAt: time.UnixMilli(5)}
			if _, _, err := s.Accept(t.Context(), imp); err != nil {
				t.Fatal(err)
			}
			for _, write := range written2 {
				if _, err := s.write.ExecContext(t.Context(), write); err != nil {
					t.Errorf("%s: %v", write, err)
				}
			}
			for what, query := range asked2 {
				found, err := s.serverNames(t.Context(), query)
				if err != nil || len(found) > 0 {
					t.Errorf("%s: %v, %v", what, found, err)
				}
			}
			got, err := s.Import(t.Context(), "waits")
			if err != nil || got.State != imports.Waiting || len(got.Followers) != 2 || len(got.Direct) != 0 {
				t.Errorf("it is %+v, %v", got, err)
			}
		})
	}
}

// saved3 is how a program of schema 3 settles a thread. It knows of no wishes for a fresh card.
const saved3 = `UPDATE threads SET shown = $2, followers = $3, done = $4, next_try = $5, due = $6, body = $7 WHERE import_id = $1`

// An older version that leads leaves a wish for a fresh card alone, and the next press is one all the same.
func TestAWishThatAnOlderVersionPassedOver(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "importbot.db") },
		"postgres": func(t *testing.T) string { return pgtest.Server(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openURL(t, url(t), Options{})
			term := mustLead(t, s, patience)
			imp := imports.Import{ID: "1", Server: "prod", Type: "complete", Origin: imports.Here, State: imports.Running, RequestedBy: "Uana", RequestKey: "k", BegunAt: time.UnixMilli(5)}
			if err := s.Record(t.Context(), term.epoch, imports.Server{Name: "prod"}, []imports.Import{imp}); err != nil {
				t.Fatal(err)
			}
			for i := range int64(2) {
				if asked, err := s.Refresh(t.Context(), "1"); err != nil || !asked {
					t.Errorf("press %d: %t, %v", i+1, asked, err)
				}
				due, err := s.Unpublished(t.Context(), 10)
				th, err2 := s.Thread(t.Context(), "1")
				if err != nil || err2 != nil || len(due) != 1 || th.Asked != i+1 || th.Refreshed != 0 {
					t.Errorf("press %d: due %v, %v; the thread is %+v, %v", i+1, due, err, th, err2)
				}
				if _, err := s.write.ExecContext(t.Context(), saved3, "1", 9, 9, 1, 0, int64(never), "{}"); err != nil {
					t.Fatal(err)
				}
				if due, err := s.Unpublished(t.Context(), 10); err != nil || len(due) != 0 {
					t.Errorf("settled, and due: %v, %v", due, err)
				}
			}
		})
	}
}
