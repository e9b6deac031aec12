//go:build unix

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"importbot/imports"
)

// database is what a world keeps its state in, from the outside.
type database interface {
	url() string
	password() string // empty where there is none
	// imports are all rows, oldest first.
	imports(ctx context.Context) ([]imports.Import, error)
	// due says what is left to do within a time, in a few words; empty for nothing.
	due(ctx context.Context, within time.Duration) (string, error)
	// lock holds it as another program would, until release.
	lock(ctx context.Context) (release func(), err error)
	// heal brings back what was taken away.
	heal()
	// texts are its contents as they lie on the disk, where they can be had.
	texts() map[string]string
	close()
}

// databases hands out a database for each world.
type databases struct{}

func (ds *databases) open(_ context.Context, plan Plan, dir string) (database, error) {
	return openSQLite(dir)
}

// close ends what the worlds shared.
func (ds *databases) close() {}

// reader reads what Importbot has written down. It is the harness's own connection: it sees the rows as any other program would.
type reader struct {
	db *sql.DB
}

// The columns are Importbot's: see internal/store/migrations.
func (r reader) imports(ctx context.Context) (found []imports.Import, err error) {
	who, err := r.followers(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := r.db.QueryContext(ctx, `SELECT id, body, answered_at FROM imports ORDER BY created_at, id`)
	if err != nil {
		return nil, fmt.Errorf("reading the imports: %w", err)
	}
	defer rows.Close() //nolint:errcheck // it was only read
	for rows.Next() {
		var id, body string
		var answered int64
		if err := rows.Scan(&id, &body, &answered); err != nil {
			return nil, fmt.Errorf("reading the imports: %w", err)
		}
		at := time.Time{}
		if answered > 0 {
			at = time.UnixMilli(answered)
		}
		imp, err := decode(body, who[id], at)
		if err != nil {
			return nil, err
		}
		found = append(found, imp)
	}
	return found, rows.Err()
}

func (r reader) followers(ctx context.Context) (map[string][]string, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT import_id, user_id FROM followers ORDER BY position`)
	if err != nil {
		return nil, fmt.Errorf("reading the followers: %w", err)
	}
	defer rows.Close() //nolint:errcheck // it was only read
	who := map[string][]string{}
	for rows.Next() {
		var id, user string
		if err := rows.Scan(&id, &user); err != nil {
			return nil, fmt.Errorf("reading the followers: %w", err)
		}
		who[id] = append(who[id], user)
	}
	return who, rows.Err()
}

func (r reader) due(ctx context.Context, within time.Duration) (string, error) {
	var open, due int
	err := r.db.QueryRowContext(ctx, `SELECT
		(SELECT COUNT(*) FROM imports WHERE state <> 'ended'),
		(SELECT COUNT(*) FROM threads WHERE due < $1)`, time.Now().Add(within).UnixMilli()).Scan(&open, &due)
	switch {
	case err != nil:
		return "", fmt.Errorf("reading what is left to do: %w", err)
	case open > 0:
		return fmt.Sprintf("%d import(s) have not ended in the bot's eyes", open), nil
	case due > 0:
		return fmt.Sprintf("%d thread(s) are behind", due), nil
	}
	return "", nil
}

// sqliteFile is a database in one file.
type sqliteFile struct {
	reader
	path string
}

func openSQLite(dir string) (*sqliteFile, error) {
	f := &sqliteFile{path: filepath.Join(dir, "importbot.db")}
	u := url.URL{Scheme: "file", Path: f.path, RawQuery: "mode=ro&_pragma=busy_timeout(1000)"}
	var err error
	f.db, err = sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	return f, nil
}

func (f *sqliteFile) url() string      { return f.path }
func (f *sqliteFile) password() string { return "" }
func (f *sqliteFile) heal()            {}
func (f *sqliteFile) close()           { f.db.Close() } //nolint:errcheck // it was only read

// lock begins to write and does not end it.
func (f *sqliteFile) lock(ctx context.Context) (func(), error) {
	u := url.URL{Scheme: "file", Path: f.path, RawQuery: "mode=rw&_txlock=immediate&_pragma=busy_timeout(3000)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	tx, err := db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("holding the database: %w", err), db.Close())
	}
	return func() {
		tx.Rollback() //nolint:errcheck // nothing was written
		db.Close()    //nolint:errcheck // nothing was written
	}, nil
}

func (f *sqliteFile) texts() map[string]string {
	texts := map[string]string{}
	for _, suffix := range []string{"", "-wal"} {
		if b, err := os.ReadFile(f.path + suffix); err == nil {
			texts["the file "+filepath.Base(f.path)+suffix] = string(b)
		}
	}
	return texts
}
