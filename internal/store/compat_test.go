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
