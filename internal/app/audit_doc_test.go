package app

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"importbot/internal/audit"
	"importbot/internal/pgtest"
	"importbot/internal/store"
)

// The queries of docs/audit.md are pasted by people who have no time: each finds what it says, on the database that it is for.
func TestAuditDocument(t *testing.T) {
	data, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, word := range []string{
		audit.Command, audit.Action, audit.Submission, audit.Start, audit.Lost, audit.Answered, audit.Accepted, audit.Refused, audit.Failed, audit.Sent, audit.Expired,
	} {
		if !strings.Contains(text, "`"+word+"`") {
			t.Errorf("it does not explain %q", word)
		}
	}
	now := time.Now().UTC()
	entries := []audit.Entry{
		{At: now.Add(-2 * time.Second), Kind: audit.Command, UserID: "U1", UserName: "ana", Text: "raw prod", Server: "prod", ImportID: "1", Result: audit.Accepted},
		{At: now.Add(-time.Second), Kind: audit.Start, UserID: "U1", Server: "prod", ImportID: "1", Result: audit.Sent},
		{At: now, Kind: audit.Command, UserID: "U2", UserName: "ben", Text: "complete prod", Result: audit.Refused, Reason: "not_operator"},
	}
	for dialect, want := range map[string][]string{"sqlite": {"ben", "complete prod", "not_operator"}, "postgresql": {"ana", "raw prod", "sent"}} {
		t.Run(dialect, func(t *testing.T) {
			query := regexp.MustCompile("(?s)```sql\n-- " + dialect + ":(.*?)```").FindString(text)
			if query == "" {
				t.Fatal("there is no query for it")
			}
			query = strings.TrimSuffix(strings.TrimPrefix(query, "```sql\n"), "```")
			driver, address := "sqlite", filepath.Join(t.TempDir(), "importbot.db")
			if dialect == "postgresql" {
				driver, address = "pgx", pgtest.Server(t).Database(t)
			}
			got := answerOf(t, driver, address, entries, query)
			if len(got) != 1 {
				t.Fatalf("got %d rows, want one: %q", len(got), got)
			}
			for _, word := range want {
				if !strings.Contains(got[0], word) {
					t.Errorf("got %s, want %q in it", got[0], word)
				}
			}
		})
	}
}

// answerOf asks a database with entries, beside the store that wrote them.
func answerOf(t *testing.T, driver, address string, entries []audit.Entry, query string) (rows []string) {
	t.Helper()
	s, err := store.Open(t.Context(), address, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, e := range entries {
		if err := s.Audit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for found.Next() {
		values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := found.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var row []string
		for _, v := range values {
			row = append(row, v.String)
		}
		rows = append(rows, strings.Join(row, " | "))
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}
