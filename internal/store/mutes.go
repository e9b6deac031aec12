package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"importbot/imports"
)

// muteShown is how long after its end a mute is still listed: long enough for whoever comes to tell what was quiet.
const muteShown = 24 * time.Hour

const muteColumns = `SELECT server, since, ends_at, user_id, reason, request_key FROM mutes `

// Mute keeps a server quiet, on whichever replica somebody asks for it; the last one counts. It wakes who wants to know of
// that server, in this process too. imports.ErrRepeated where its Key is that of the last one.
func (s *Store) Mute(ctx context.Context, m imports.Mute) error {
	err := s.inTx(ctx, "storing a mute", func(ctx context.Context, tx *transaction) error {
		res, err := tx.ExecContext(ctx, `
			INSERT INTO mutes (server, since, ends_at, user_id, reason, request_key) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (server) DO UPDATE SET since = excluded.since, ends_at = excluded.ends_at, user_id = excluded.user_id, reason = excluded.reason,
				request_key = excluded.request_key
			WHERE mutes.request_key <> excluded.request_key OR excluded.request_key = ''`,
			m.Server, millis(m.Since), millis(m.Until), m.UserID, m.Reason, m.Key)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fmt.Errorf("%w: a mute of %s", imports.ErrRepeated, m.Server)
		}
		return s.dialect.tell(ctx, tx, []string{imports.ServerSignal(m.Server)})
	})
	if err == nil {
		s.signal.Wake(imports.ServerSignal(m.Server))
	}
	return err
}

// Unmute ends the mute of a server and returns it as it was until then. imports.ErrNotFound where none holds at that time,
// imports.ErrRepeated where the last one that was ended was ended by this key.
func (s *Store) Unmute(ctx context.Context, server string, at time.Time, key string) (m imports.Mute, err error) {
	err = s.inTx(ctx, "ending a mute", func(ctx context.Context, tx *transaction) error {
		var last string
		err := tx.QueryRowContext(ctx, `SELECT end_key FROM mutes WHERE server = $1`, server).Scan(&last)
		if err == nil && last == key && key != "" {
			return fmt.Errorf("%w: the end of a mute of %s", imports.ErrRepeated, server)
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		m, err = scanMute(tx.QueryRowContext(ctx, muteColumns+`WHERE server = $1 AND ends_at > $2`, server, millis(at)))
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("%w: %s is not muted", imports.ErrNotFound, server)
		}
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE mutes SET ends_at = $2, end_key = $3 WHERE server = $1 AND ends_at > $2`, server, millis(at), key)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 { // somebody else was faster
			return fmt.Errorf("%w: %s is not muted", imports.ErrNotFound, server)
		}
		return s.dialect.tell(ctx, tx, []string{imports.ServerSignal(server)})
	})
	if err != nil {
		return imports.Mute{}, err
	}
	s.signal.Wake(imports.ServerSignal(server))
	return m, nil
}

// Mutes returns the mutes that hold, or ended within the last day, by server.
func (s *Store) Mutes(ctx context.Context) (found []imports.Mute, err error) {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	const doing = "reading the mutes"
	rows, err := s.read.QueryContext(ctx, muteColumns+`WHERE ends_at > $1 ORDER BY server`, millis(s.now().Add(-muteShown)))
	if err != nil {
		return nil, s.explain(doing, err)
	}
	defer rows.Close()
	for rows.Next() {
		m, err := scanMute(rows)
		if err != nil {
			return nil, s.explain(doing, err)
		}
		found = append(found, m)
	}
	return found, s.explain(doing, rows.Err())
}

func scanMute(row interface{ Scan(...any) error }) (imports.Mute, error) {
	var m imports.Mute
	var since, until int64
	if err := row.Scan(&m.Server, &since, &until, &m.UserID, &m.Reason, &m.Key); err != nil {
		return imports.Mute{}, err
	}
	m.Since, m.Until = fromMillis(since), fromMillis(until)
	return m, nil
}
