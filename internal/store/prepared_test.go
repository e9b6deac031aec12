package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"modernc.org/sqlite"
)

// counting makes connections to a real file that count what they prepare, and what of it is closed.
type counting struct {
	driver.Connector
	prepared, closed *atomic.Int64
}

func (c counting) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return countingConn{conn.(sqliteConn), c.prepared, c.closed}, nil
}

type countingConn struct {
	sqliteConn
	prepared, closed *atomic.Int64
}

func (c countingConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.sqliteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c.prepared.Add(1)
	return countingStmt{stmt.(sqliteStmt), c.closed}, nil
}

type countingStmt struct {
	sqliteStmt
	closed *atomic.Int64
}

func (s countingStmt) Close() error {
	s.closed.Add(1)
	return s.sqliteStmt.Close()
}

// openCounting opens a file with the numbers 1 to 3, over one connection, and counts from there. In the end all that was prepared must
// have been closed, whatever the test did: what is not holds its connection open.
func openCounting(t *testing.T) (db *sql.DB, prepared *atomic.Int64) {
	t.Helper()
	c, err := sqlite.NewConnector(dsn(filepath.Join(t.TempDir(), "numbers.db"), "journal_mode(WAL)"))
	if err != nil {
		t.Fatal(err)
	}
	prepared = new(atomic.Int64)
	var before int64
	var closed atomic.Int64
	db = sql.OpenDB(keeper{counting{c, prepared, &closed}})
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if made := before + prepared.Load(); closed.Load() != made {
			t.Errorf("%d statements were prepared, and %d closed", made, closed.Load())
		}
	})
	db.SetMaxOpenConns(1)
	for _, query := range []string{`CREATE TABLE numbers (n BIGINT PRIMARY KEY)`, `INSERT INTO numbers VALUES (1), (2), (3)`} {
		if _, err := db.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	before = prepared.Swap(0)
	return db, prepared
}

// querier is a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

const (
	allNumbers  = `SELECT n FROM numbers ORDER BY n`
	upToNumbers = `SELECT n FROM numbers WHERE n <= $1 ORDER BY n`
)

// numbers reads whole numbers, and does something between two of them.
func numbers(t *testing.T, db querier, query string, between func(), args ...any) (found []int) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		found = append(found, n)
		if between != nil {
			between()
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

func wantNumbers(t *testing.T, got []int, want ...int) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read %v, want %v", got, want)
	}
}

func inTransaction(t *testing.T, db *sql.DB, f func(tx *sql.Tx)) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	f(tx)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestAStatementIsPreparedOnce(t *testing.T) {
	db, prepared := openCounting(t)
	const add = `INSERT INTO numbers VALUES ($1)`
	wantNumbers(t, numbers(t, db, upToNumbers, nil, 2), 1, 2)
	wantNumbers(t, numbers(t, db, upToNumbers, nil, 0))
	for n := 4; n <= 5; n++ {
		inTransaction(t, db, func(tx *sql.Tx) {
			if _, err := tx.Exec(add, n); err != nil {
				t.Fatal(err)
			}
			wantNumbers(t, numbers(t, tx, upToNumbers, nil, 1), 1)
		})
	}
	wantNumbers(t, numbers(t, db, upToNumbers, nil, 9), 1, 2, 3, 4, 5)
	if n := prepared.Load(); n != 2 {
		t.Errorf("prepared %d times, want once each", n)
	}
}

func TestAQueryInTheMiddleOfItself(t *testing.T) {
	db, prepared := openCounting(t)
	for range 2 {
		inTransaction(t, db, func(tx *sql.Tx) {
			outer := numbers(t, tx, upToNumbers, func() {
				wantNumbers(t, numbers(t, tx, upToNumbers, nil, 1), 1)
			}, 3)
			wantNumbers(t, outer, 1, 2, 3)
		})
	}
	if n := prepared.Load(); n > 3 {
		t.Errorf("prepared %d times: one is kept, and the other needed once in each transaction", n)
	}
}

func TestAStatementThatFailedWorksAgain(t *testing.T) {
	db, _ := openCounting(t)
	const add = `INSERT INTO numbers VALUES ($1)`
	for _, n := range []int{4, 5} {
		if _, err := db.Exec(add, 1); err == nil {
			t.Fatal("1 was added twice")
		}
		if _, err := db.Exec(add, n); err != nil {
			t.Fatal(err)
		}
	}
	wantNumbers(t, numbers(t, db, allNumbers, nil), 1, 2, 3, 4, 5)
}

// A query that is read in part and left, one that is cancelled while it runs, and one after them.
func TestAStatementThatWasLeftWorksAgain(t *testing.T) {
	db, _ := openCounting(t)
	rows, err := db.Query(upToNumbers, 3)
	if err != nil {
		t.Fatal(err)
	}
	if !rows.Next() || rows.Close() != nil {
		t.Fatal("no first row")
	}
	wantNumbers(t, numbers(t, db, upToNumbers, nil, 2), 1, 2)

	const count = `SELECT COUNT(*) FROM (WITH RECURSIVE up(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM up WHERE i < $1) SELECT i FROM up)`
	wantNumbers(t, numbers(t, db, count, nil, 10), 10)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var n int64
	if err := db.QueryRowContext(ctx, count, int64(1)<<60).Scan(&n); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("counting for ever: %d, %v", n, err)
	}
	wantNumbers(t, numbers(t, db, count, nil, 10), 10)
	wantNumbers(t, numbers(t, db, upToNumbers, nil, 2), 1, 2)
}

func TestAKeptStatementSeesANewSchema(t *testing.T) {
	db, _ := openCounting(t)
	const all = `SELECT * FROM numbers WHERE n = 1`
	columns := func() (names []string) {
		rows, err := db.Query(all)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		if names, err = rows.Columns(); err != nil {
			t.Fatal(err)
		}
		return names
	}
	if got := columns(); len(got) != 1 {
		t.Fatalf("before: %v", got)
	}
	var path string
	if err := db.QueryRow(`SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(&path); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Exec(`ALTER TABLE numbers ADD COLUMN name TEXT`); err != nil {
		t.Fatal(err)
	}
	if got := columns(); len(got) != 2 || got[1] != "name" {
		t.Errorf("after: %v", got)
	}
}

func TestStatementsAreKeptUpToABound(t *testing.T) {
	db, prepared := openCounting(t)
	for i := range 3 * keptStatements {
		wantNumbers(t, numbers(t, db, fmt.Sprintf(`SELECT %d`, i), nil), i)
	}
	if n := prepared.Load(); n != 3*keptStatements {
		t.Fatalf("prepared %d times", n)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error {
		if n := len(c.(*keptConn).idle); n != keptStatements {
			return fmt.Errorf("%d statements are kept, want %d", n, keptStatements)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// SQLite takes its log away with the last connection, and a connection lives as long as one of its statements.
func TestNoStatementOutlivesItsStore(t *testing.T) {
	s := openFile(t)
	if err := acceptOne(t.Context(), s, "1"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Import(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.path + "-wal"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, beside := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(s.path + beside); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the store is closed, and %s is still there: %v", beside, err)
		}
	}
}
