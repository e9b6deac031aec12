//go:build unix

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib"

	"importbot/internal/pgtest"
)

// cluster is a database of one world on a PostgreSQL server.
type cluster struct {
	reader
	server *pgtest.Cluster
	name   string
	at     string // URL
	own    string // directory, where the server is this world's own
}

// shared returns the server that most worlds share, started the first time.
func (ds *databases) shared() (*pgtest.Cluster, error) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if ds.server != nil || ds.failed != nil {
		return ds.server, ds.failed
	}
	ds.server, ds.dir, ds.failed = startPostgres()
	return ds.server, ds.failed
}

// startPostgres starts a server in a directory that its user can reach, wherever the logs are.
func startPostgres() (*pgtest.Cluster, string, error) {
	dir, err := os.MkdirTemp("", "importbot-chaos-pg-")
	if err != nil {
		return nil, "", fmt.Errorf("a directory for PostgreSQL: %w", err)
	}
	server, err := pgtest.Start(dir)
	if err != nil {
		os.RemoveAll(dir) //nolint:errcheck // at worst it is left
		return nil, "", err
	}
	return server, dir, nil
}

func (ds *databases) openPostgres(plan Plan) (database, error) {
	c := &cluster{name: fmt.Sprintf("world_%d", plan.Seed)}
	var err error
	if plan.Own {
		c.server, c.own, err = startPostgres()
	} else {
		c.server, err = ds.shared()
	}
	if err != nil {
		return nil, err
	}
	if c.at, err = c.server.CreateDatabase(c.name); err != nil {
		c.close()
		return nil, fmt.Errorf("a database for the world: %w", err)
	}
	if c.db, err = sql.Open("pgx", c.at); err != nil {
		c.close()
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	c.db.SetMaxOpenConns(1)
	return c, nil
}

func (c *cluster) url() string { return c.at }

func (c *cluster) password() string {
	u, err := url.Parse(c.at)
	if err != nil {
		return ""
	}
	password, _ := u.User.Password()
	return password
}

// lock locks the tables as a program would that changes them.
func (c *cluster) lock(ctx context.Context) (func() error, error) {
	tx, err := c.db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return nil, fmt.Errorf("locking the tables: %w", err)
	}
	if _, err := tx.Exec(`LOCK TABLE imports, threads, servers IN ACCESS EXCLUSIVE MODE`); err != nil {
		return nil, errors.Join(fmt.Errorf("locking the tables: %w", err), tx.Rollback())
	}
	return tx.Rollback, nil
}

func (c *cluster) fill(context.Context) (func() error, error) {
	return nil, errors.New("only SQLite's disk is filled")
}

func (c *cluster) endSessions() error {
	name := strings.ReplaceAll(c.name, "'", "''")
	return c.server.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '` + name + `' AND pid <> pg_backend_pid()`)
}

func (c *cluster) takeAway(hard bool) (func() error, error) {
	end := c.server.Stop
	if hard {
		end = c.server.Kill
	}
	if err := end(); err != nil {
		return nil, fmt.Errorf("stopping PostgreSQL: %w", err)
	}
	return c.server.Restart, nil
}

func (c *cluster) texts() map[string]string { return c.rows() }

func (c *cluster) close() {
	if c.db != nil {
		c.db.Close() //nolint:errcheck // it was only read
	}
	if c.own != "" {
		c.server.Stop()     //nolint:errcheck // it ends with this program at the latest
		os.RemoveAll(c.own) //nolint:errcheck // at worst it is left
	}
}
