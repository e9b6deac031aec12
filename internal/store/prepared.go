package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
)

// keptStatements is how many statements one connection keeps prepared: more than the store has different ones. A bound all
// the same, for what nobody has thought of.
const keptStatements = 128

// openPool opens a pool on an SQLite file, whose connections keep what they prepared.
func openPool(dsn string) (pool, error) {
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return pool{}, err
	}
	return pool{sql.OpenDB(keeper{c})}, nil
}

// keeper makes connections that keep the statements they have run prepared for the next time: SQLite reads and plans most of ours for
// longer than it runs them, and its driver forgets them at once. They are kept here and not as *sql.Stmt, since the pool of one
// connection could prepare none in the middle of a transaction.
type keeper struct{ driver.Connector }

// Connect opens a connection.
func (k keeper) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := c.(sqliteConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the driver's %T lacks a method", c), c.Close())
	}
	return &keptConn{sqliteConn: conn, idle: make(map[string]sqliteStmt)}, nil
}

// sqliteConn is what connections of the driver offer to database/sql, all of which has to be handed through.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// sqliteStmt is what its statements offer.
type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// keptConn is a connection with its prepared statements. database/sql uses a connection, and what it has made, for one call at a
// time.
type keptConn struct {
	sqliteConn
	idle map[string]sqliteStmt // by their text: those that nobody reads from just now
}

// worthKeeping says whether a statement is one of those that run again and again. What a migration makes it makes once.
func worthKeeping(query string) bool {
	verb, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	switch verb {
	case "SELECT", "INSERT", "UPDATE", "DELETE":
		return true
	}
	return false
}

// ExecContext runs a statement to its end.
func (c *keptConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if !worthKeeping(query) {
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	stmt, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	res, err := stmt.ExecContext(ctx, args)
	return res, c.giveBack(query, stmt, err)
}

// QueryContext begins to read. Until the rows are closed their statement is nobody else's: the same query in the middle of reading
// is another one.
func (c *keptConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if !worthKeeping(query) {
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	stmt, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, args)
	if err != nil {
		return nil, c.giveBack(query, stmt, err)
	}
	return &keptRows{Rows: rows, conn: c, query: query, stmt: stmt}, nil
}

// take returns a statement that nobody uses.
func (c *keptConn) take(ctx context.Context, query string) (sqliteStmt, error) {
	if stmt, ok := c.idle[query]; ok {
		delete(c.idle, query)
		return stmt, nil
	}
	made, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	stmt, ok := made.(sqliteStmt)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the driver's %T lacks a method", made), made.Close())
	}
	return stmt, nil
}

// giveBack keeps a statement for the next time, unless it failed, and returns why it did.
func (c *keptConn) giveBack(query string, stmt sqliteStmt, failed error) error {
	if _, again := c.idle[query]; again || failed != nil {
		_ = stmt.Close() // what it did is done, or failed for the reason that is known
		return failed
	}
	c.idle[query] = stmt
	for other, stmt := range c.idle {
		if len(c.idle) <= keptStatements {
			break
		}
		delete(c.idle, other)
		_ = stmt.Close()
	}
	return nil
}

// Close closes the connection with its statements.
func (c *keptConn) Close() error {
	var errs []error
	for _, stmt := range c.idle {
		errs = append(errs, stmt.Close())
	}
	clear(c.idle)
	return errors.Join(append(errs, c.sqliteConn.Close())...)
}

// keptRows are rows that give their statement back.
type keptRows struct {
	driver.Rows
	conn  *keptConn
	query string
	stmt  sqliteStmt
}

// Close ends the reading.
func (r *keptRows) Close() error {
	return r.conn.giveBack(r.query, r.stmt, r.Rows.Close())
}
