package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"importbot/bigfix"
	"importbot/imports"
)

// insert stores an import that is not stored yet, and its empty thread. created is false where its request key is
// stored already.
func (s *Store) insert(ctx context.Context, tx *transaction, imp imports.Import) (created bool, err error) {
	body, err := encodeImport(imp)
	if err != nil {
		return false, err
	}
	res, err := tx.ExecContext(ctx, `
		INSERT INTO imports (id, server, type, origin, state, outcome, request_key, requested_by, created_at,
			accepted_at, begun_at, ended_at, answered_at, revision, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13, $14)
		ON CONFLICT DO NOTHING`,
		imp.ID, imp.Server, string(imp.Type), string(imp.Origin), string(imp.State), string(imp.Outcome),
		nullable(imp.RequestKey), imp.RequestedBy, millis(s.createdAt(imp)),
		millis(imp.AcceptedAt), millis(imp.BegunAt), millis(imp.EndedAt), imp.Revision, body)
	if err != nil {
		return false, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	due := int64(0)
	if imp.State == imports.Waiting {
		due = never // nothing is shown of it before it is accepted, by a publisher of an older version either
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO threads (import_id, shown, followers, done, next_try, due, body)
		VALUES ($1, 0, 0, 0, 0, $2, '')`, imp.ID, due)
	return true, err
}

// createdAt is the first that is known of an import, by which they are ordered. One that waited counts from when what it
// waited for was over.
func (s *Store) createdAt(imp imports.Import) time.Time {
	for _, t := range []time.Time{imp.AcceptedAt, imp.WishedAt, imp.BegunAt, imp.FirstRunning.At, imp.EndedAt, imp.LastLook} {
		if !t.IsZero() {
			return t
		}
	}
	return s.now()
}

// Accept stores an intent, once for each RequestKey; one that waits also once for each server and type: who asks for the same
// again follows the one that is there, and gets it. imports.ErrUnsure also where it found one stored already, but could not
// read it.
func (s *Store) Accept(ctx context.Context, imp imports.Import) (stored imports.Import, created bool, err error) {
	id := imp.ID
	err = s.inTx(ctx, "storing the request", func(ctx context.Context, tx *transaction) error {
		if id, created, err = s.acceptIn(ctx, tx, imp); err != nil {
			return err
		}
		switch {
		case imp.State == imports.Waiting:
			return s.dialect.tell(ctx, tx, []string{id, imports.ServerSignal(imp.Server)}) // who mirrors the server shows it
		case created:
			return s.dialect.tell(ctx, tx, []string{id})
		}
		return nil
	})
	if err != nil {
		return imports.Import{}, false, err
	}
	if created {
		imp.AnsweredAt = time.Time{}
		imp.Followers, imp.Direct = nil, nil
		if imp.RequestedBy != "" {
			imp.Followers = []string{imp.RequestedBy}
		}
		return imp, true, nil
	}
	if stored, err = s.Import(ctx, id); err != nil {
		return imports.Import{}, false, fmt.Errorf("%w: %w", imports.ErrUnsure, err) // it is stored, but not to be seen
	}
	return stored, false, nil
}

// acceptTries is how often an intent that waits is tried to be stored, where the one it would have joined is decided in the
// middle of that.
const acceptTries = 3

// acceptIn stores an intent, or finds the one that is there in its place.
func (s *Store) acceptIn(ctx context.Context, tx *transaction, imp imports.Import) (id string, created bool, err error) {
	for range acceptTries {
		if created, err = s.insert(ctx, tx, imp); err != nil {
			return "", false, err
		}
		if created {
			return imp.ID, true, s.follow(ctx, tx, imp.ID, imp.RequestedBy, since(imp))
		}
		err = tx.QueryRowContext(ctx, `SELECT id FROM imports WHERE request_key = $1`, nullable(imp.RequestKey)).Scan(&id)
		if !errors.Is(err, sql.ErrNoRows) {
			return id, false, err
		}
		if imp.State != imports.Waiting {
			return "", false, imports.ErrDuplicate
		}
		err = tx.QueryRowContext(ctx, `SELECT id FROM imports WHERE server = $1 AND type = $2 AND state = 'waiting'`, imp.Server, string(imp.Type)).Scan(&id)
		if !errors.Is(err, sql.ErrNoRows) {
			if err == nil {
				err = s.follow(ctx, tx, id, imp.RequestedBy, since(imp))
			}
			return id, false, err
		}
	}
	return "", false, imports.ErrDuplicate
}

// since is when somebody asked for an import.
func since(imp imports.Import) time.Time {
	if imp.AcceptedAt.IsZero() {
		return imp.WishedAt
	}
	return imp.AcceptedAt
}

// Follow adds a follower, or changes whether they are told by direct message, and gives the publisher the news.
func (s *Store) Follow(ctx context.Context, importID, userID string, direct bool, at time.Time) error {
	return s.inTx(ctx, "adding a follower", func(ctx context.Context, tx *transaction) error {
		if err := exists(ctx, tx, importID); err != nil {
			return err
		}
		if err := s.follow(ctx, tx, importID, userID, at); err != nil {
			return err
		}
		wish := int64(0)
		if direct {
			wish = 1
		}
		res, err := tx.ExecContext(ctx, `UPDATE followers SET direct = $3 WHERE import_id = $1 AND user_id = $2 AND direct <> $3`, importID, userID, wish)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n > 0 {
			if err := publishNow(ctx, tx, importID); err != nil {
				return err
			}
		}
		return s.dialect.tell(ctx, tx, []string{importID})
	})
}

// follow adds a follower who is mentioned at the end. One who follows already is left as they are.
func (s *Store) follow(ctx context.Context, tx *transaction, importID, userID string, at time.Time) error {
	if userID == "" {
		return nil
	}
	res, err := tx.ExecContext(ctx, `
		INSERT INTO followers (import_id, user_id, position, followed_at)
		SELECT $1, $2, COALESCE(MAX(position), 0) + 1, $3 FROM followers WHERE import_id = $1
		ON CONFLICT DO NOTHING`, importID, userID, millis(at))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return publishNow(ctx, tx, importID)
}

// publishNow makes the thread of an import due, unless the import waits: nothing is shown of it then.
func publishNow(ctx context.Context, tx *transaction, importID string) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE threads SET due = 0 WHERE import_id = $1
			AND EXISTS (SELECT 1 FROM imports WHERE id = $1 AND state <> 'waiting')`, importID)
	return err
}

// Change stores an import, if it still stands in the state from: of several who change it at the same time one does, and the
// others get false. An epoch of 0 is any replica's; with another only the leader's write counts, else imports.ErrNotLeader.
// imports.ErrNotFound. Where AnsweredAt is set, the answer counts as given with it. It wakes who wants to know of the import
// or its server, in this process too.
func (s *Store) Change(ctx context.Context, epoch imports.Epoch, imp imports.Import, from imports.State) (changed bool, err error) {
	news := []string{imp.ID, imports.ServerSignal(imp.Server)}
	err = s.inTx(ctx, "changing the import", func(ctx context.Context, tx *transaction) error {
		if epoch != 0 {
			if err := s.guard(ctx, tx, epoch); err != nil {
				return err
			}
		}
		if err := exists(ctx, tx, imp.ID); err != nil {
			return err
		}
		if changed, err = s.changeIn(ctx, tx, imp, from); err != nil || !changed {
			return err
		}
		return s.dialect.tell(ctx, tx, news)
	})
	if err != nil {
		return false, err
	}
	if changed {
		s.signal.Wake(news...)
	}
	return changed, nil
}

func (s *Store) changeIn(ctx context.Context, tx *transaction, imp imports.Import, from imports.State) (bool, error) {
	body, err := encodeImport(imp)
	if err != nil {
		return false, err
	}
	res, err := tx.ExecContext(ctx, `
		UPDATE imports SET type = $2, origin = $3, state = $4, outcome = $5, created_at = $6, accepted_at = $7, begun_at = $8,
			ended_at = $9, answered_at = CASE WHEN answered_at = 0 THEN $10 ELSE answered_at END, revision = $11, body = $12
		WHERE id = $1 AND state = $13`,
		imp.ID, string(imp.Type), string(imp.Origin), string(imp.State), string(imp.Outcome),
		millis(s.createdAt(imp)), millis(imp.AcceptedAt), millis(imp.BegunAt), millis(imp.EndedAt), millis(imp.AnsweredAt),
		imp.Revision, body, string(from))
	if err != nil {
		return false, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	return true, publishNow(ctx, tx, imp.ID)
}

// Answered notes when the person who asked got the answer. The first time stays.
func (s *Store) Answered(ctx context.Context, importID string, at time.Time) error {
	return s.inTx(ctx, "noting an answer", func(ctx context.Context, tx *transaction) error {
		if err := exists(ctx, tx, importID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE imports SET answered_at = $2 WHERE id = $1 AND answered_at = 0`, importID, millis(at))
		return err
	})
}

func exists(ctx context.Context, tx *transaction, importID string) error {
	var one int
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM imports WHERE id = $1`, importID).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return imports.ErrNotFound
	}
	return err
}

// Record stores what the leader knows of a server and of imports of it, in one transaction.
func (s *Store) Record(ctx context.Context, epoch imports.Epoch, srv imports.Server, imps []imports.Import) error {
	return s.inTx(ctx, "recording what was seen", func(ctx context.Context, tx *transaction) error {
		if err := s.guard(ctx, tx, epoch); err != nil {
			return err
		}
		if err := s.recordServer(ctx, tx, srv); err != nil {
			return err
		}
		if err := extend(ctx, tx, srv.Name, srv.Good.At); err != nil {
			return err
		}
		changed := []string{imports.ServerSignal(srv.Name)}
		for _, imp := range imps {
			if err := s.recordImport(ctx, tx, imp); err != nil {
				return err
			}
			changed = append(changed, imp.ID)
		}
		return s.dialect.tell(ctx, tx, changed)
	})
}

func (s *Store) recordServer(ctx context.Context, tx *transaction, srv imports.Server) error {
	body, err := encode("a server", srv)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO servers (name, updated_at, body) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at, body = excluded.body`,
		srv.Name, millis(s.now()), body)
	return err
}

// recordImport inserts or updates. What has ended stays as it is.
func (s *Store) recordImport(ctx context.Context, tx *transaction, imp imports.Import) error {
	created, err := s.insert(ctx, tx, imp)
	if err != nil {
		return err
	}
	if created {
		return s.follow(ctx, tx, imp.ID, imp.RequestedBy, since(imp))
	}
	if err := exists(ctx, tx, imp.ID); errors.Is(err, imports.ErrNotFound) {
		return imports.ErrDuplicate // the request key is another import's
	} else if err != nil {
		return err
	}
	body, err := encodeImport(imp)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE imports SET type = $2, origin = $3, state = $4, outcome = $5, begun_at = $6, ended_at = $7, revision = $8, body = $9
		WHERE id = $1 AND state <> $10`,
		imp.ID, string(imp.Type), string(imp.Origin), string(imp.State), string(imp.Outcome),
		millis(imp.BegunAt), millis(imp.EndedAt), imp.Revision, body, string(imports.Ended))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE threads SET due = 0 WHERE import_id = $1 AND shown < $2`, imp.ID, imp.Revision)
	return err
}

// Import returns one import.
func (s *Store) Import(ctx context.Context, id string) (imports.Import, error) {
	found, err := s.imports(ctx, `id = $1`, ``, id)
	if err != nil {
		return imports.Import{}, err
	}
	if len(found) == 0 {
		return imports.Import{}, fmt.Errorf("%w: %s", imports.ErrNotFound, id)
	}
	return found[0], nil
}

// notEnded are the states of imports that have not ended.
const notEnded = `('waiting', 'accepted', 'sending', 'sent', 'running', 'settling')`

// Active returns the imports of a server that have not ended, oldest first.
func (s *Store) Active(ctx context.Context, server string) ([]imports.Import, error) {
	return s.imports(ctx, `server = $1 AND state IN `+notEnded,
		`ORDER BY created_at, id`, server)
}

// ActiveServers returns the names of the servers that have imports which have not ended.
func (s *Store) ActiveServers(ctx context.Context) ([]string, error) {
	return s.serverNames(ctx, `SELECT DISTINCT server FROM imports WHERE state IN `+notEnded+` ORDER BY server`)
}

// serverNames reads the names of servers.
func (s *Store) serverNames(ctx context.Context, query string) (names []string, err error) {
	const doing = "reading the servers"
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	rows, err := s.read.QueryContext(ctx, query)
	if err != nil {
		return nil, s.explain(doing, err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, s.explain(doing, err)
		}
		names = append(names, name)
	}
	return names, s.explain(doing, rows.Err())
}

// Recent returns the newest n imports of a server that began, or that ended after a request had been sent, newest
// first. What was refused, expired or taken back was never an import.
func (s *Store) Recent(ctx context.Context, server string, n int) ([]imports.Import, error) {
	return s.imports(ctx, `server = $1 AND (begun_at > 0 OR state = 'ended') AND `+wasOne,
		`ORDER BY created_at DESC, id DESC LIMIT $2`, server, n)
}

// wasOne leaves out what was never sent.
const wasOne = `outcome NOT IN ('refused', 'expired', 'cancelled')`

// Succeeded returns the newest n imports of a type that succeeded on a server, newest first, however many others lie between
// them: what estimates are made of.
func (s *Store) Succeeded(ctx context.Context, server string, t bigfix.ImportType, n int) ([]imports.Import, error) {
	return s.imports(ctx, `server = $1 AND type = $2 AND state = 'ended' AND outcome = 'succeeded'`,
		`ORDER BY created_at DESC, id DESC LIMIT $3`, server, string(t), n)
}

// History returns the imports of a server, or of all where it is "", that began or ended at or after from and before to, the
// oldest first. What was refused, expired or taken back was never an import.
func (s *Store) History(ctx context.Context, server string, from, to time.Time) ([]imports.Import, error) {
	return s.imports(ctx, `($1 = '' OR server = $1) AND `+wasOne+`
		AND (begun_at > 0 AND begun_at >= $2 AND begun_at < $3 OR ended_at > 0 AND ended_at >= $2 AND ended_at < $3)`,
		`ORDER BY created_at, id`, server, millis(from), millis(to))
}

// Expired returns the starts of a server that expired at or after a time, the oldest first.
func (s *Store) Expired(ctx context.Context, server string, since time.Time) ([]imports.Import, error) {
	return s.imports(ctx, `server = $1 AND state = 'ended' AND outcome = 'expired' AND ended_at >= $2`,
		`ORDER BY created_at, id`, server, millis(since))
}

// imports reads imports with their followers. where and order are constants of this file.
func (s *Store) imports(ctx context.Context, where, order string, args ...any) (found []imports.Import, err error) {
	const doing = "reading imports"
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	tx, err := s.read.begin(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, s.explain(doing, err)
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	rows, err := tx.QueryContext(ctx, `SELECT body, answered_at FROM imports WHERE `+where+` `+order, args...)
	if err != nil {
		return nil, s.explain(doing, err)
	}
	if found, err = scanImports(rows); err != nil || len(found) == 0 {
		return nil, s.explain(doing, err)
	}
	who, err := followers(ctx, tx, `SELECT id FROM imports WHERE `+where+` `+order, args...)
	if err != nil {
		return nil, s.explain("reading followers", err)
	}
	for i := range found {
		found[i].Followers, found[i].Direct = who[found[i].ID].all, who[found[i].ID].direct
	}
	return found, nil
}

func scanImports(rows *sql.Rows) (found []imports.Import, err error) {
	defer rows.Close()
	for rows.Next() {
		var body string
		var answered int64
		if err := rows.Scan(&body, &answered); err != nil {
			return nil, err
		}
		var imp imports.Import
		if err := json.Unmarshal([]byte(body), &imp); err != nil {
			return nil, fmt.Errorf("decoding an import: %w", err)
		}
		imp.AnsweredAt = fromMillis(answered)
		found = append(found, imp)
	}
	return found, rows.Err()
}

// audience is who follows an import, in order, and which of them are told by direct message.
type audience struct{ all, direct []string }

// followers reads who follows the imports whose ids a query selects.
func followers(ctx context.Context, tx *transaction, ids string, args ...any) (map[string]audience, error) {
	rows, err := tx.QueryContext(ctx, `SELECT import_id, user_id, direct FROM followers WHERE import_id IN (`+ids+`)
		ORDER BY position, followed_at, user_id`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(map[string]audience)
	for rows.Next() {
		var id, user string
		var direct int64
		if err := rows.Scan(&id, &user, &direct); err != nil {
			return nil, err
		}
		who := found[id]
		who.all = append(who.all, user)
		if direct != 0 {
			who.direct = append(who.direct, user)
		}
		found[id] = who
	}
	return found, rows.Err()
}

// Server returns what was last recorded of a server.
func (s *Store) Server(ctx context.Context, name string) (imports.Server, error) {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	var body string
	err := s.read.QueryRowContext(ctx, `SELECT body FROM servers WHERE name = $1`, name).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return imports.Server{Name: name}, nil
	}
	if err != nil {
		return imports.Server{}, s.explain("reading a server", err)
	}
	var srv imports.Server
	if err := json.Unmarshal([]byte(body), &srv); err != nil {
		return imports.Server{}, fmt.Errorf("decoding the server %s: %w", name, err)
	}
	return srv, nil
}

// Purge deletes the imports that ended before that time, with their followers and threads, and the audit entries, notices,
// mutes and times of watching of that age. It says how many imports it deleted.
func (s *Store) Purge(ctx context.Context, epoch imports.Epoch, before time.Time) (n int64, err error) {
	err = s.inTx(ctx, "deleting old imports", func(ctx context.Context, tx *transaction) error {
		if err := s.guard(ctx, tx, epoch); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `
			DELETE FROM imports WHERE state = 'ended' AND
				CASE WHEN ended_at > 0 THEN ended_at ELSE created_at END < $1`, millis(before))
		if err != nil {
			return err
		}
		if n, err = res.RowsAffected(); err != nil {
			return err
		}
		for _, old := range []string{
			`DELETE FROM audit WHERE at < $1`,
			`DELETE FROM notices WHERE created_at < $1`,
			`DELETE FROM mutes WHERE ends_at < $1`,
			`DELETE FROM watched WHERE seen_at < $1`,
		} {
			if _, err := tx.ExecContext(ctx, old, millis(before)); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// encodeImport makes the body of an import, without what the store keeps beside it.
func encodeImport(imp imports.Import) (string, error) {
	imp.Followers, imp.Direct = nil, nil
	imp.AnsweredAt = time.Time{}
	return encode("an import", imp)
}
