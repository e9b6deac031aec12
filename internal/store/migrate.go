package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/sirupsen/logrus"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrate brings the schema to the version this program knows. Each migration runs in a transaction of its own: one
// that is cut runs again at the next start. The version is kept in goose's table in the same database.
func migrate(ctx context.Context, s *Store) (version int64, err error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return 0, fmt.Errorf("reading the embedded migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.write, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return 0, s.explain("reading the embedded migrations", err)
	}
	have, know, err := p.GetVersions(ctx)
	if err != nil {
		return 0, s.explain("reading the version of the database", err)
	}
	if have > know {
		return 0, fmt.Errorf("the database %s was made by a newer Importbot (schema %d, this one knows %d): run that version again, or give this one another file", s.path, have, know)
	}
	done, err := p.Up(ctx)
	if err != nil {
		return 0, s.explain("bringing the database up to date", err)
	}
	for _, m := range done {
		s.log.WithFields(logrus.Fields{"schema": m.Source.Version, "took": m.Duration.String()}).Debug("database migrated")
	}
	return know, nil
}
