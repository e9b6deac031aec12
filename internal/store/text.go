package store

import (
	"bytes"
	"context"
	"database/sql"
	"strings"
	"unicode/utf8"
)

// plain is a text as both databases take it: PostgreSQL refuses zeros and bytes that are no UTF-8, and a row that is refused
// today is refused for ever. Each of them becomes U+FFFD, as bytes that are no text do in JSON. SQLite would take them; what
// comes back is the same everywhere.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r == 0 {
			return utf8.RuneError
		}
		return r
	}, text)
}

// plainJSON takes the zeros out of JSON, where they stand escaped: PostgreSQL stores them so, and fails whoever asks for the
// text with ->>.
func plainJSON(body []byte) []byte {
	const zero, unknown = `\u0000`, `\ufffd`
	if !bytes.Contains(body, []byte(zero)) {
		return body
	}
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		if bytes.HasPrefix(body[i:], []byte(zero)) {
			copy(body[i:], unknown)
		}
		i++ // what is escaped may be a backslash itself
	}
	return body
}

// plainArgs makes the texts among the arguments of a query plain.
func plainArgs(args []any) []any {
	for i, arg := range args {
		switch text := arg.(type) {
		case string:
			args[i] = plain(text)
		case sql.NullString:
			text.String = plain(text.String)
			args[i] = text
		}
	}
	return args
}

// pool is a database whose queries get plain texts, whoever writes them.
type pool struct{ *sql.DB }

func (p pool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return p.DB.ExecContext(ctx, query, plainArgs(args)...)
}

func (p pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return p.DB.QueryContext(ctx, query, plainArgs(args)...)
}

func (p pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return p.DB.QueryRowContext(ctx, query, plainArgs(args)...)
}

// begin begins a transaction whose queries do, too.
func (p pool) begin(ctx context.Context, opts *sql.TxOptions) (*transaction, error) {
	tx, err := p.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &transaction{tx}, nil
}

type transaction struct{ *sql.Tx }

func (t *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.Tx.ExecContext(ctx, query, plainArgs(args)...)
}

func (t *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.Tx.QueryContext(ctx, query, plainArgs(args)...)
}

func (t *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return t.Tx.QueryRowContext(ctx, query, plainArgs(args)...)
}
