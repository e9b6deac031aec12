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

const muteColumns = `SELECT server, since, ends_at, user_id, reason FROM mutes `

// Mute keeps a server quiet, on whichever replica somebody asks for it; the last one counts. It wakes who wants to know of
// that server, in this process too.
func (s *Store) Mute(ctx context.Context, m imports.Mute) error {
	err := s.inTx(ctx, "storing a mute", func(ctx context.Context, tx *transaction) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO mutes (server, since, ends_at, user_id, reason) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (server) DO UPDATE SET since = excluded.since, ends_at = excluded.ends_at, user_id = excluded.user_id, reason = excluded.reason`,
			m.Server, millis(m.Since), millis(m.Until), m.UserID, m.Reason)
		if err != nil {
			return err
		}
		return s.dialect.tell(ctx, tx, []string{imports.ServerSignal(m.Server)})
	})
	if err == nil {
		s.signal.Wake(imports.ServerSignal(m.Server))
	}
	return err
}

// Unmute ends the mute of a server and returns it as it was until then. imports.ErrNotFound where none holds at that time.
func (s *Store) Unmute(ctx context.Context, server string, at time.Time) (m imports.Mute, err error) {
	err = s.inTx(ctx, "ending a mute", func(ctx context.Context, tx *transaction) error {
		m, err = scanMute(tx.QueryRowContext(ctx, muteColumns+`WHERE server = $1 AND ends_at > $2`, server, millis(at)))
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("%w: %s is not muted", imports.ErrNotFound, server)
		}
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE mutes SET ends_at = $2 WHERE server = $1 AND ends_at > $2`, server, millis(at))
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
	if err := row.Scan(&m.Server, &since, &until, &m.UserID, &m.Reason); err != nil {
		return imports.Mute{}, err
	}
	m.Since, m.Until = fromMillis(since), fromMillis(until)
	return m, nil
}
