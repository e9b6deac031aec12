package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// newerError is a schema that this program is too old for.
type newerError struct{ have, know, oldest int64 }

func (e *newerError) Error() string {
	return fmt.Sprintf("it was made by a newer Importbot (schema %d, this one knows %d, and schema %d is the oldest that may still use it): run that version again, or give this one a database of its own",
		e.have, e.know, e.oldest)
}

// migrate brings the schema to the version this program knows, and returns the version that the database has then. A
// database that a newer program has brought further is fine as long as that program says so. Each migration runs in a
// transaction of its own: one that is cut runs again at the next start. The version is kept in goose's table in the
// same database.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, files fs.FS, opts ...goose.ProviderOption) (version int64, err error) {
	p, err := goose.NewProvider(dialect, db, files, append(opts, goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return 0, fmt.Errorf("reading the embedded migrations: %w", err)
	}
	have, know, err := p.GetVersions(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the version of the schema: %w", err)
	}
	switch {
	case have > know:
		return have, compatible(ctx, db, have, know)
	case have == know:
		return have, nil // asks for no right to change anything
	}
	if _, err := p.Up(ctx); err != nil {
		return 0, fmt.Errorf("bringing the schema up to date: %w", err)
	}
	return know, nil
}

// compatible returns a *newerError where a program of the schema that is known may not use the schema that is there.
func compatible(ctx context.Context, db *sql.DB, have, know int64) error {
	var oldest int64
	if err := db.QueryRowContext(ctx, `SELECT oldest FROM compat WHERE id = 1`).Scan(&oldest); err != nil {
		return fmt.Errorf("reading which versions may use the database: %w", err)
	}
	if oldest > know {
		return &newerError{have, know, oldest}
	}
	return nil
}

// known is the newest version that migrations lead to.
func known(files fs.FS) (int64, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return 0, err
	}
	var newest int64
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return 0, fmt.Errorf("reading the embedded migrations: %w", err)
		}
		newest = max(newest, version)
	}
	return newest, nil
}
