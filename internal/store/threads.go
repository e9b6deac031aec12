package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"importbot/imports"
)

// Unpublished returns the ids of imports whose thread has something to do: a revision or a follower it has not taken
// account of, or unfinished work that is due. Ended ones come first, so that an end never waits behind progress; then
// the oldest. An import that waits or is only accepted is not listed: the start puts up its card.
func (s *Store) Unpublished(ctx context.Context, limit int) (ids []string, err error) {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	const doing = "reading what is to be published"
	rows, err := s.read.QueryContext(ctx, `
		SELECT i.id FROM threads t JOIN imports i ON i.id = t.import_id
		WHERE t.due <= $1 AND i.state NOT IN ('waiting', 'accepted')
		ORDER BY CASE WHEN i.state = 'ended' THEN 0 ELSE 1 END, i.created_at, i.id
		LIMIT $2`, millis(s.now()), limit)
	if err != nil {
		return nil, s.explain(doing, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, s.explain(doing, err)
		}
		ids = append(ids, id)
	}
	return ids, s.explain(doing, rows.Err())
}

// NextTry says when the next thread is due, for a timer; ok is false where nothing is. A time that is past (or zero)
// means that Unpublished has something now.
func (s *Store) NextTry(ctx context.Context) (at time.Time, ok bool, err error) {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	var due sql.NullInt64
	err = s.read.QueryRowContext(ctx, `
		SELECT MIN(t.due) FROM threads t JOIN imports i ON i.id = t.import_id
		WHERE t.due < $1 AND i.state NOT IN ('waiting', 'accepted')`, int64(never)).Scan(&due)
	if err != nil || !due.Valid {
		return time.Time{}, false, s.explain("reading when the next is due", err)
	}
	return fromMillis(due.Int64), true, nil
}

// Thread returns what the publisher noted last. An import nothing was noted of has an empty one.
func (s *Store) Thread(ctx context.Context, importID string) (imports.Thread, error) {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	t := imports.Thread{ImportID: importID}
	var next int64
	var body string
	err := s.read.QueryRowContext(ctx,
		`SELECT shown, followers, refresh_asked, refresh_taken, done, next_try, body FROM threads WHERE import_id = $1`, importID).
		Scan(&t.Shown, &t.Followers, &t.Asked, &t.Refreshed, &t.Done, &next, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return t, nil
	}
	if err != nil {
		return imports.Thread{}, s.explain("reading a thread", err)
	}
	t.NextTry = fromMillis(next)
	if body != "" {
		t.Body = []byte(body)
	}
	return t, nil
}

// SaveThread notes what was shown. ErrNotLeader; ErrNotFound where the import is not stored.
func (s *Store) SaveThread(ctx context.Context, epoch imports.Epoch, t imports.Thread) error {
	return s.inTx(ctx, "noting what was shown", func(ctx context.Context, tx *transaction) error {
		if err := s.guard(ctx, tx, epoch); err != nil {
			return err
		}
		due := millis(t.NextTry)
		done := 0
		if t.Done {
			due, done = never, 1
		}
		stored, err := affected(tx.ExecContext(ctx, `
			UPDATE threads SET shown = $2, followers = $3, refresh_taken = $4, done = $5, next_try = $6, due = $7, body = $8 WHERE import_id = $1`,
			t.ImportID, t.Shown, t.Followers, t.Refreshed, done, millis(t.NextTry), due, string(t.Body)))
		if err != nil {
			return err
		}
		if !stored {
			return fmt.Errorf("%w: %s", imports.ErrNotFound, t.ImportID)
		}
		return news(ctx, tx, t)
	})
}

// Refresh asks the publisher to show on an import's card what is known now. Every wish counts: one that comes while the publisher is
// busy with an earlier one is news to it (see news). Only where none was open is the thread due for it, and whoever wants to know
// of the import woken, on other replicas too; asked says so. So it is where a program of schema 3 has settled the thread without them.
func (s *Store) Refresh(ctx context.Context, importID string) (asked bool, err error) {
	err = s.inTx(ctx, "asking for a fresh card", func(ctx context.Context, tx *transaction) error {
		counted, err := affected(tx.ExecContext(ctx, `
			UPDATE threads SET refresh_asked = refresh_asked + 1 WHERE import_id = $1
				AND EXISTS (SELECT 1 FROM imports WHERE id = $1 AND state NOT IN ('waiting', 'accepted'))`, importID))
		if err != nil || !counted {
			return err
		}
		asked, err = affected(tx.ExecContext(ctx, `
			UPDATE threads SET due = 0 WHERE import_id = $1 AND (refresh_asked = refresh_taken + 1 OR due = $2)`, importID, int64(never)))
		if err != nil || !asked {
			return err
		}
		return s.dialect.tell(ctx, tx, []string{importID})
	})
	return asked && err == nil, err
}

// affected says whether a statement changed a row.
func affected(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// news makes a thread due at once where the import has moved on meanwhile. It is a statement of its own, after the
// row was locked by the first: a follower who joins in between, or a wish for a fresh card, is seen here or sets due afterwards.
func news(ctx context.Context, tx *transaction, t imports.Thread) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE threads SET due = 0 WHERE import_id = $1 AND (refresh_asked > $4 OR
			(SELECT revision FROM imports WHERE id = $1) > $2 OR
			(SELECT COUNT(*) FROM followers WHERE import_id = $1) > $3)`,
		t.ImportID, t.Shown, t.Followers, t.Asked)
	return err
}
