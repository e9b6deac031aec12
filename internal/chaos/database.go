//go:build unix

package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	_ "modernc.org/sqlite"

	"importbot/imports"
	"importbot/internal/pgtest"
)

// database is what a world keeps its state in, from the outside.
type database interface {
	url() string
	password() string // empty where there is none
	// imports are all rows, oldest first.
	imports(ctx context.Context) ([]imports.Import, error)
	// watch is what it keeps of the servers beside: the alerts, and the newest mute of each.
	watch(ctx context.Context) ([]imports.Alert, []imports.Mute, error)
	// due says what is left to do within a time, in a few words; empty for nothing.
	due(ctx context.Context, within time.Duration) (string, error)
	// lock holds it as another program would, until it is undone; fill leaves it no room; takeAway stops the server, hard as kill -9 does;
	// endSessions ends all connections.
	lock(ctx context.Context) (undo func() error, err error)
	fill(ctx context.Context) (undo func() error, err error)
	takeAway(hard bool) (undo func() error, err error)
	endSessions() error
	// texts are its contents as they lie on the disk, where they can be had.
	texts() map[string]string
	close()
}

// databases hands out a database for each world.
type databases struct {
	mu     sync.Mutex
	server *pgtest.Cluster // shared; nil before the first world needs it
	dir    string
	failed error
}

func (ds *databases) open(plan Plan, dir string) (database, error) {
	if plan.Database == onPostgres {
		return ds.openPostgres(plan)
	}
	return openSQLite(plan, dir)
}

// close ends what the worlds shared.
func (ds *databases) close() {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if ds.server != nil {
		ds.server.Stop()     //nolint:errcheck // it ends with this program at the latest
		os.RemoveAll(ds.dir) //nolint:errcheck // at worst it is left
		ds.server = nil
	}
}

// reader reads what Importbot has written down. It is the harness's own connection: it sees the rows as any other program would.
type reader struct {
	db *sql.DB
}

// The columns are Importbot's: see internal/store/migrations.
func (r reader) imports(ctx context.Context) (found []imports.Import, err error) {
	who, direct, err := r.followers(ctx)
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
		imp.Direct = direct[id]
		found = append(found, imp)
	}
	return found, rows.Err()
}

// followers are those who are told of an end, and those of them who want a direct message, by the import's id.
func (r reader) followers(ctx context.Context) (who, direct map[string][]string, err error) {
	rows, err := r.db.QueryContext(ctx, `SELECT import_id, user_id, direct FROM followers ORDER BY position`)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the followers: %w", err)
	}
	defer rows.Close() //nolint:errcheck // it was only read
	who, direct = map[string][]string{}, map[string][]string{}
	for rows.Next() {
		var id, user string
		var alone int64
		if err := rows.Scan(&id, &user, &alone); err != nil {
			return nil, nil, fmt.Errorf("reading the followers: %w", err)
		}
		who[id] = append(who[id], user)
		if alone != 0 {
			direct[id] = append(direct[id], user)
		}
	}
	return who, direct, rows.Err()
}

func (r reader) watch(ctx context.Context) (alerts []imports.Alert, mutes []imports.Mute, err error) {
	rows, err := r.db.QueryContext(ctx, `SELECT s.body, COALESCE(m.since, 0), COALESCE(m.ends_at, 0), COALESCE(m.user_id, '')
		FROM servers s LEFT JOIN mutes m ON m.server = s.name ORDER BY s.name`)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the servers: %w", err)
	}
	defer rows.Close() //nolint:errcheck // it was only read
	for rows.Next() {
		var body, user string
		var since, until int64
		if err := rows.Scan(&body, &since, &until, &user); err != nil {
			return nil, nil, fmt.Errorf("reading the servers: %w", err)
		}
		var srv imports.Server
		if err := json.Unmarshal([]byte(body), &srv); err != nil {
			return nil, nil, fmt.Errorf("reading a server from the database: %w", err)
		}
		alerts = append(alerts, srv.Alerts...)
		if until > 0 {
			mutes = append(mutes, imports.Mute{Server: srv.Name, Since: time.UnixMilli(since), Until: time.UnixMilli(until), UserID: user})
		}
	}
	return alerts, mutes, rows.Err()
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

// rows are the contents of all tables as text, for where no file can be read.
func (r reader) rows() map[string]string {
	texts := map[string]string{}
	for _, table := range []string{"imports", "threads", "servers", "followers", "audit", "notices", "replicas", "mutes", "watched"} {
		rows, err := r.db.Query(`SELECT CAST(t.* AS TEXT) FROM ` + table + ` t`)
		if err != nil {
			continue // this version has no such table
		}
		var all strings.Builder
		for rows.Next() {
			var row string
			if rows.Scan(&row) == nil {
				all.WriteString(row + "\n")
			}
		}
		rows.Close() //nolint:errcheck // it was only read
		texts["the table "+table] = all.String()
	}
	return texts
}

// sqliteFile is a database in one file.
type sqliteFile struct {
	reader
	path    string
	unmount func() // nil where the file lies beside the logs
}

// smallDisk is as much as the file and its log of changes need, and some.
const smallDisk = 8 << 20

func openSQLite(plan Plan, dir string) (*sqliteFile, error) {
	f := &sqliteFile{}
	if plan.SmallDisk {
		dir = filepath.Join(dir, "disk")
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, fmt.Errorf("a small disk: %w", err)
		}
		var err error
		if f.unmount, err = mountSmall(dir, smallDisk); err != nil {
			return nil, err
		}
	}
	f.path = filepath.Join(dir, "importbot.db")
	u := url.URL{Scheme: "file", Path: f.path, RawQuery: "mode=ro&_pragma=busy_timeout(1000)"}
	var err error
	f.db, err = sql.Open("sqlite", u.String())
	if err != nil {
		f.close()
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	return f, nil
}

func (f *sqliteFile) url() string      { return f.path }
func (f *sqliteFile) password() string { return "" }

func (f *sqliteFile) close() {
	if f.db != nil {
		f.db.Close() //nolint:errcheck // it was only read
	}
	if f.unmount != nil {
		f.unmount()
	}
}

// lock begins to write and does not end it.
func (f *sqliteFile) lock(ctx context.Context) (func() error, error) {
	u := url.URL{Scheme: "file", Path: f.path, RawQuery: "mode=rw&_txlock=immediate&_pragma=busy_timeout(3000)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	tx, err := db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("holding the database: %w", err), db.Close())
	}
	return func() error { return errors.Join(tx.Rollback(), db.Close()) }, nil
}

// fill takes all the room that is left on the disk.
func (f *sqliteFile) fill(context.Context) (func() error, error) {
	filler := filepath.Join(filepath.Dir(f.path), "filler")
	undo := func() error { return os.Remove(filler) }
	file, err := os.Create(filler)
	if err != nil {
		return nil, fmt.Errorf("filling the disk: %w", err)
	}
	defer file.Close() //nolint:errcheck // what matters is that there is no room
	for {
		if _, err := file.Write(make([]byte, 4096)); errors.Is(err, syscall.ENOSPC) {
			return undo, nil
		} else if err != nil {
			return nil, errors.Join(fmt.Errorf("filling the disk: %w", err), undo())
		}
	}
}

func (f *sqliteFile) takeAway(bool) (func() error, error) { return nil, errNoServer }
func (f *sqliteFile) endSessions() error                  { return errNoServer }

var errNoServer = errors.New("SQLite has no server")

func (f *sqliteFile) texts() map[string]string {
	texts := map[string]string{}
	for _, suffix := range []string{"", "-wal"} {
		if b, err := os.ReadFile(f.path + suffix); err == nil {
			texts["the file "+filepath.Base(f.path)+suffix] = string(b)
		}
	}
	return texts
}
