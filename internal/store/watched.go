package store

import (
	"context"
	"time"

	"importbot/imports"
)

// extend notes that a server answered at a time: it makes the stretch in which it was watched longer, or begins a new one
// after a pause. A stretch that ends far off in the future, written by a clock that was wrong, is left alone.
func extend(ctx context.Context, tx *transaction, server string, at time.Time) error {
	if at.IsZero() {
		return nil
	}
	res, err := tx.ExecContext(ctx, `
		UPDATE watched SET seen_at = CASE WHEN seen_at < $2 THEN $2 ELSE seen_at END
		WHERE server = $1 AND since = (SELECT MAX(since) FROM watched WHERE server = $1 AND seen_at BETWEEN $3 AND $4)`,
		server, millis(at), millis(at.Add(-imports.WatchedPause)), millis(at.Add(imports.WatchedPause)))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO watched (server, since, seen_at) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING`, server, millis(at))
	return err
}

// RecordWatched notes a stretch in which a server was watched, for a past that is recorded at once and not look by look.
func (s *Store) RecordWatched(ctx context.Context, epoch imports.Epoch, server string, w imports.Watched) error {
	return s.inTx(ctx, "recording when a server was watched", func(ctx context.Context, tx *transaction) error {
		if err := s.guard(ctx, tx, epoch); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO watched (server, since, seen_at) VALUES ($1, $2, $3)
			ON CONFLICT (server, since) DO UPDATE SET seen_at = CASE WHEN watched.seen_at < excluded.seen_at THEN excluded.seen_at ELSE watched.seen_at END`,
			server, millis(w.From), millis(w.To))
		return err
	})
}

// Watched returns the stretches in which a server was looked at and answered without a pause longer than
// imports.WatchedPause, as far as they reach into the time from from to to, the oldest first. They are not cut to it, and
// may overlap where a clock was put back. What was seen before schema 3 is not known.
func (s *Store) Watched(ctx context.Context, server string, from, to time.Time) (found []imports.Watched, err error) {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	const doing = "reading when the server was watched"
	rows, err := s.read.QueryContext(ctx, `
		SELECT since, seen_at FROM watched WHERE server = $1 AND seen_at >= $2 AND since < $3 ORDER BY since`,
		server, millis(from), millis(to))
	if err != nil {
		return nil, s.explain(doing, err)
	}
	defer rows.Close()
	for rows.Next() {
		var since, seen int64
		if err := rows.Scan(&since, &seen); err != nil {
			return nil, s.explain(doing, err)
		}
		found = append(found, imports.Watched{From: fromMillis(since), To: fromMillis(seen)})
	}
	return found, s.explain(doing, rows.Err())
}
