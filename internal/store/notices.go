package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"importbot/imports"
)

const noticeColumns = `SELECT id, kind, server, created_at, done, next_try, body FROM notices `

// Notice returns one notice. imports.ErrNotFound.
func (s *Store) Notice(ctx context.Context, id string) (imports.Notice, error) {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	n, err := scanNotice(s.read.QueryRowContext(ctx, noticeColumns+`WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return imports.Notice{}, fmt.Errorf("%w: notice %s", imports.ErrNotFound, id)
	}
	return n, s.explain("reading a notice", err)
}

// Notices returns those that are not done, the oldest first.
func (s *Store) Notices(ctx context.Context) (found []imports.Notice, err error) {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	const doing = "reading the notices"
	rows, err := s.read.QueryContext(ctx, noticeColumns+`WHERE done = 0 ORDER BY created_at, id`)
	if err != nil {
		return nil, s.explain(doing, err)
	}
	defer rows.Close()
	for rows.Next() {
		n, err := scanNotice(rows)
		if err != nil {
			return nil, s.explain(doing, err)
		}
		found = append(found, n)
	}
	return found, s.explain(doing, rows.Err())
}

// SaveNotice stores a notice, new or changed. imports.ErrNotLeader.
func (s *Store) SaveNotice(ctx context.Context, epoch imports.Epoch, n imports.Notice) error {
	return s.inTx(ctx, "storing a notice", func(ctx context.Context, tx *transaction) error {
		if err := s.guard(ctx, tx, epoch); err != nil {
			return err
		}
		done := 0
		if n.Done {
			done = 1
		}
		_, err := tx.ExecContext(ctx, `
			INSERT INTO notices (id, kind, server, created_at, done, next_try, body) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, server = excluded.server, created_at = excluded.created_at,
				done = excluded.done, next_try = excluded.next_try, body = excluded.body`,
			n.ID, n.Kind, n.Server, millis(n.CreatedAt), done, millis(n.NextTry), string(n.Body))
		return err
	})
}

func scanNotice(row interface{ Scan(...any) error }) (imports.Notice, error) {
	var n imports.Notice
	var created, next, done int64
	var body string
	if err := row.Scan(&n.ID, &n.Kind, &n.Server, &created, &done, &next, &body); err != nil {
		return imports.Notice{}, err
	}
	n.CreatedAt, n.NextTry, n.Done = fromMillis(created), fromMillis(next), done != 0
	if body != "" {
		n.Body = []byte(body)
	}
	return n, nil
}
