package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"importbot/imports"
	"importbot/internal/audit"
)

var _ audit.Sink = (*Store)(nil)

// Audit stores an entry. The same entry stored twice is there once, and so is what became of a start, whoever tells it: the
// first word stays.
func (s *Store) Audit(ctx context.Context, e audit.Entry) error {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	body, err := encode("an audit entry", e)
	if err != nil {
		return err
	}
	same := body
	if e.Kind == audit.Start && e.ImportID != "" {
		same = plain(e.Kind + " " + e.ImportID)
	}
	id := sha256.Sum256([]byte(same))
	_, err = s.write.ExecContext(ctx, `
		INSERT INTO audit (id, at, kind, user_id, server, import_id, result, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT DO NOTHING`,
		hex.EncodeToString(id[:16]), millis(e.At), e.Kind, e.UserID, e.Server, e.ImportID, e.Result, body)
	return s.explain("storing an audit entry", err)
}

// Unaudited returns the starts accepted, or expired without having been, at or after a time of which it is stored what became of them, and of which the audit
// does not say so, the oldest first: whoever stored it did not live to note it.
func (s *Store) Unaudited(ctx context.Context, since time.Time) ([]imports.Import, error) {
	const margin = time.Hour // between the clocks of two replicas
	found, err := s.imports(ctx, `origin = 'here' AND (accepted_at >= $1 OR outcome = 'expired' AND ended_at >= $1) AND state <> 'accepted' AND NOT EXISTS (
		SELECT 1 FROM audit WHERE audit.import_id = imports.id AND audit.kind = 'start' AND audit.at >= $2)`,
		`ORDER BY created_at, id`, millis(since), millis(since.Add(-margin)))
	return slices.DeleteFunc(found, func(imp imports.Import) bool {
		return imp.State == imports.Sending && !imp.Unconfirmed // the engine tells of it, once it knows
	}), err
}

// Audits returns the entries from that time on, the oldest first, at most limit of them.
func (s *Store) Audits(ctx context.Context, since time.Time, limit int) (found []audit.Entry, err error) {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	const doing = "reading the audit entries"
	rows, err := s.read.QueryContext(ctx, `SELECT body FROM audit WHERE at >= $1 ORDER BY at, id LIMIT $2`, millis(since), limit)
	if err != nil {
		return nil, s.explain(doing, err)
	}
	defer rows.Close()
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return nil, s.explain(doing, err)
		}
		var e audit.Entry
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			return nil, fmt.Errorf("decoding an audit entry: %w", err)
		}
		found = append(found, e)
	}
	return found, s.explain(doing, rows.Err())
}
