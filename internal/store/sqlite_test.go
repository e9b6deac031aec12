package store

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sirupsen/logrus"

	"importbot/imports"
)

func openFile(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "importbot.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func acceptOne(ctx context.Context, s *Store, id string) error {
	_, _, err := s.Accept(ctx, imports.Import{ID: id, Server: "prod", RequestKey: id, State: imports.Accepted, RequestedIn: strings.Repeat("x", 4000)})
	return err
}

func TestEveryWriteIsOnTheDisk(t *testing.T) {
	s := openFile(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		if err := s.write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", pragma, got, err, want)
		}
	}
	if _, err := s.read.Exec(`DELETE FROM imports`); err == nil {
		t.Error("a reader can write")
	}
}

func TestAFullDiskInWords(t *testing.T) {
	s := openFile(t)
	if err := acceptOne(t.Context(), s, "0"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.Exec(`PRAGMA max_page_count = 1`); err != nil { // as many as there are
		t.Fatal(err)
	}
	var err error
	for i := 0; err == nil && i < 100; i++ {
		err = acceptOne(t.Context(), s, strings.Repeat("i", i+1))
	}
	if err == nil || !strings.Contains(err.Error(), "is full; make room there") {
		t.Fatalf("on a full disk: %v", err)
	}
	if _, err := s.write.Exec(`PRAGMA max_page_count = 100000`); err != nil {
		t.Fatal(err)
	}
	if err := acceptOne(t.Context(), s, "after"); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// A program that does not know our lock file, such as a backup or the sqlite3 shell.
func TestALockedDatabaseInWords(t *testing.T) {
	t.Parallel()
	s := openFile(t)
	other, err := sql.Open("sqlite", dsn(s.path))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.Begin() // immediate: it holds the write lock
	if err != nil {
		t.Fatal(err)
	}
	err = acceptOne(t.Context(), s, "1")
	if err == nil || !strings.Contains(err.Error(), "another program holds the database") {
		t.Errorf("on a locked database: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := acceptOne(t.Context(), s, "1"); err != nil {
		t.Errorf("unlocked again: %v", err)
	}
}

// A process that is started while a backup holds the file waits for its turn; it does not end over it.
func TestLeadingWaitsForALockedDatabase(t *testing.T) {
	t.Parallel()
	s := openFile(t)
	told := make(chan struct{})
	log := logrus.New()
	log.SetOutput(io.Discard)
	log.AddHook(&onWarning{do: sync.OnceFunc(func() { close(told) })})
	s.log = log
	other, err := sql.Open("sqlite", dsn(s.path))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	lead := leading(t, s)
	await(t, "word that the database is locked", told, patience)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if term := await(t, "the lead", lead, patience); term == nil || term.Lead().Check() != nil {
		t.Errorf("the file is free, and the term is %v", term)
	}
}

// onWarning does something at each warning.
type onWarning struct{ do func() }

func (h *onWarning) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel} }

func (h *onWarning) Fire(*logrus.Entry) error { h.do(); return nil }

func TestADatabaseOfANewerVersion(t *testing.T) {
	s := openFile(t)
	if _, err := s.write.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.Exec(`UPDATE compat SET oldest = 98`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), s.path, Options{})
	if err == nil || !strings.Contains(err.Error(), "newer Importbot (schema 99, this one knows 4") {
		t.Errorf("got %v", err)
	}
}

func TestExplainKeepsTheSentinels(t *testing.T) {
	s := openFile(t)
	for _, want := range []error{imports.ErrNotLeader, imports.ErrNotFound, imports.ErrDuplicate, context.Canceled} {
		if err := s.explain("testing", want); !errors.Is(err, want) {
			t.Errorf("%v became %v", want, err)
		}
	}
	if s.explain("testing", nil) != nil {
		t.Error("no error became one")
	}
}
