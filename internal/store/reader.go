package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"importbot/bigfix"
	"importbot/imports"
)

// Reader reads what Importbot keeps, beside a bot that runs or with none: for the commands of a terminal. It writes nothing to
// the database nor beside it, takes no lock that would keep a bot from starting or leading, and leaves the schema as it is.
// It is safe for concurrent use.
type Reader struct{ s *Store }

// OpenReader opens the database at a URL as Open takes it. The error says in words what is wrong and what can be done, and
// holds no password: there is no such file, it is no database of Importbot's, or its schema is older or newer than this
// program reads. Other than for Open a PostgreSQL that is away is an error, and a standby is not.
//
// A file that a bot uses is read as it is at each call. Of one that nobody uses the reader makes a private copy, which Close
// deletes, for SQLite would make files beside it.
func OpenReader(ctx context.Context, databaseURL string, opts Options) (*Reader, error) {
	onPostgres, err := isPostgres(databaseURL)
	if err != nil {
		return nil, err
	}
	s, err := newStore(opts)
	if err != nil {
		return nil, err
	}
	migrations, err := opts.schema()
	if err != nil {
		return nil, err
	}
	know, err := known(migrations)
	if err != nil {
		return nil, err
	}
	if onPostgres {
		err = s.readPostgres(ctx, databaseURL, migrations)
	} else {
		err = s.readFile(databaseURL)
	}
	if err != nil {
		return nil, err
	}
	if err := s.readable(ctx, know); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &Reader{s}, nil
}

// readPostgres opens a database that must be there, to be read only.
func (s *Store) readPostgres(ctx context.Context, url string, migrations fs.FS) error {
	p, err := s.usePostgres(url, migrations, readSession)
	if err != nil {
		return err
	}
	p.readOnly = true
	schema, err := p.inspect(ctx)
	if err != nil {
		return errors.Join(p.inWords("", err), s.Close())
	}
	p.mu.Lock()
	p.ready = newInstallation(schema)
	p.mu.Unlock()
	return nil
}

// readable says in words why this program can't read the schema that is there.
func (s *Store) readable(ctx context.Context, know int64) error {
	ctx, cancel := s.dialect.bounded(ctx)
	defer cancel()
	var have int64
	err := s.read.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version`).Scan(&have)
	if err == nil && have > know {
		err = compatible(ctx, s.read.DB, have, know)
	}
	newer := new(newerError)
	switch {
	case errors.As(err, &newer):
		return fmt.Errorf("the database %s was made by a newer Importbot (schema %d, this one reads %d): use that version here", s.path, have, know)
	case noTable(err), err == nil && have == 0:
		return &unprepared{fmt.Sprintf("%s is a database, but Importbot has made nothing in it: set DATABASE_URL to the one that the bot uses, or start the bot once to prepare it", s.path)}
	case err != nil:
		return s.explain("reading the version of the schema", err)
	case have < know:
		return &unprepared{fmt.Sprintf("the database %s was made by an older Importbot (schema %d, this one reads %d): update the bot, which brings it up to date when it starts, or use the bot's version here", s.path, have, know)}
	}
	return nil
}

func noTable(err error) bool {
	var pe *pgconn.PgError
	return err != nil && (errors.As(err, &pe) && pe.Code == "42P01" || strings.Contains(err.Error(), "no such table"))
}

// Path says where the database is, as Store's does.
func (r *Reader) Path() string { return r.s.path }

// Close closes the database.
func (r *Reader) Close() error { return r.s.Close() }

// Recent returns the newest n imports of a server that began or ended, newest first.
func (r *Reader) Recent(ctx context.Context, server string, n int) ([]imports.Import, error) {
	return r.s.Recent(ctx, server, n)
}

// Succeeded returns the newest n imports of a type that succeeded on a server, newest first.
func (r *Reader) Succeeded(ctx context.Context, server string, t bigfix.ImportType, n int) ([]imports.Import, error) {
	return r.s.Succeeded(ctx, server, t, n)
}

// Active returns the imports of a server that have not ended, oldest first.
func (r *Reader) Active(ctx context.Context, server string) ([]imports.Import, error) {
	return r.s.Active(ctx, server)
}

// History returns the imports of a server, or of all where it is "", that began or ended at or after from and before to, the
// oldest first.
func (r *Reader) History(ctx context.Context, server string, from, to time.Time) ([]imports.Import, error) {
	return r.s.History(ctx, server, from, to)
}

// Watched returns the stretches in which a server was watched that reach into a time, the oldest first.
func (r *Reader) Watched(ctx context.Context, server string, from, to time.Time) ([]imports.Watched, error) {
	return r.s.Watched(ctx, server, from, to)
}

// Mutes returns the mutes that hold, or ended within the last day, by server.
func (r *Reader) Mutes(ctx context.Context) ([]imports.Mute, error) { return r.s.Mutes(ctx) }

// Server returns what was last recorded of a server; the zero value, with its name, where nothing was.
func (r *Reader) Server(ctx context.Context, name string) (imports.Server, error) {
	return r.s.Server(ctx, name)
}

// Servers returns the names of all servers of which anything is recorded, also of those that are not configured any more.
func (r *Reader) Servers(ctx context.Context) ([]string, error) {
	return r.s.serverNames(ctx, `SELECT name FROM servers UNION SELECT server FROM imports ORDER BY 1`)
}
