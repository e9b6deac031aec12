package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// HoldLogin keeps until when a server's user and password are not tried again, so that a program which is restarted
// again and again locks no account. The fingerprint stands for the pair that was rejected.
func (s *Store) HoldLogin(ctx context.Context, server string, fingerprint uint16, until time.Time) error {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	_, err := s.write.ExecContext(ctx, `INSERT INTO logins (server, fingerprint, held_until) VALUES ($1, $2, $3)
		ON CONFLICT (server) DO UPDATE SET fingerprint = excluded.fingerprint, held_until = excluded.held_until`,
		server, int64(fingerprint), millis(until))
	return s.explain("keeping a rejected login", err)
}

// LoginHeld returns until when a server's user and password are not to be tried; zero when nothing holds this pair.
func (s *Store) LoginHeld(ctx context.Context, server string, fingerprint uint16) (time.Time, error) {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	var until int64
	err := s.read.QueryRowContext(ctx, `SELECT held_until FROM logins WHERE server = $1 AND fingerprint = $2`,
		server, int64(fingerprint)).Scan(&until)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return fromMillis(until), s.explain("reading a rejected login", err)
}
