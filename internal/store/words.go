package store

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// failure is an error of PostgreSQL in words. Its text is the words alone: what drivers write may hold more than
// people should see.
type failure struct {
	words string
	err   error
}

func (f *failure) Error() string { return f.words }
func (f *failure) Unwrap() error { return f.err }

// fault is a failure that stays until a person mends it.
type fault struct{ failure }

func newFault(err error, format string, args ...any) *fault {
	return &fault{failure{fmt.Sprintf(format, args...), err}}
}

// parseFault puts into words why a URL can't be read. It quotes as little of it as can be: no parser can tell for sure
// which part of a broken URL is the password.
func parseFault(err error) error {
	cause := errors.Unwrap(err)
	if cause != nil && strings.Contains(err.Error(), "failed to configure TLS") {
		return newFault(nil, "the TLS parameters of DATABASE_URL can't be used: %v", cause)
	}
	return newFault(nil, "DATABASE_URL is no URL of a PostgreSQL database: write it as postgres://USER:PASSWORD@HOST:5432/DATABASE, with the characters :/?#[]@%% of a password percent-encoded")
}

// inWords puts an error into words, unless it is already.
func (p *postgres) inWords(doing string, err error) error {
	if known := new(fault); errors.As(err, &known) {
		return err
	}
	if known := new(failure); errors.As(err, &known) {
		return err
	}
	if newer := new(newerError); errors.As(err, &newer) {
		return newFault(err, "the database %s can't be used: %v", p.s.path, newer)
	}
	words, mend := p.words(err)
	if mend {
		return newFault(err, "%s", words)
	}
	if doing != "" {
		words = doing + ": " + words
	}
	return &failure{words, err}
}

func (p *postgres) explain(doing string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", doing, context.Canceled)
	}
	known := new(fault)
	if errors.As(err, &known) {
		return &failure{doing + ": " + known.words, err}
	}
	words, _ := p.words(err)
	return &failure{doing + ": " + words, err}
}

// words are what is wrong and what can be done, and whether it stays until a person mends it.
func (p *postgres) words(err error) (words string, mend bool) {
	if known := new(failure); errors.As(err, &known) {
		return known.words, false
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return p.serverWords(pe)
	}
	at := p.s.path
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var op *net.OpError
	switch {
	case errors.Is(err, errNoSecond):
		return fmt.Sprintf("PostgreSQL at %s: %v", at, errNoSecond), false
	case errors.As(err, &cert):
		return fmt.Sprintf("PostgreSQL at %s shows a certificate that can't be verified: %v; set sslrootcert to its CA in DATABASE_URL", at, cert.Err), true
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return fmt.Sprintf("PostgreSQL at %s speaks no TLS, which sslmode in DATABASE_URL asks for", at), true
	case strings.Contains(err.Error(), "ValidateConnect failed"):
		return fmt.Sprintf("PostgreSQL at %s: none of the hosts is a primary now (target_session_attrs in DATABASE_URL)", at), false
	case errors.As(err, &dns):
		return fmt.Sprintf("PostgreSQL at %s can't be reached: the name %s can't be resolved; check the host in DATABASE_URL", at, dns.Name), false
	case pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("PostgreSQL at %s does not answer in time", at), false
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("PostgreSQL at %s can't be reached: connection refused", at), false
	case errors.As(err, &op):
		return fmt.Sprintf("PostgreSQL at %s can't be reached: %v", at, op.Err), false
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, pgconn.ErrConnClosed), errors.Is(err, sql.ErrConnDone), errors.Is(err, sql.ErrTxDone):
		return fmt.Sprintf("PostgreSQL at %s closed the connection", at), false
	}
	return fmt.Sprintf("PostgreSQL at %s: %s", at, p.scrub(err.Error())), false
}

// serverWords are the words for what the server (or a pooler in front of it) says.
func (p *postgres) serverWords(pe *pgconn.PgError) (words string, mend bool) {
	at, user := p.s.path, p.cfg.User
	said := p.scrub(pe.Message)
	switch pe.Code {
	case "28P01":
		return fmt.Sprintf("PostgreSQL at %s rejects the password of the role %q: check DATABASE_URL", at, user), true
	case "28000":
		return fmt.Sprintf("PostgreSQL at %s does not let the role %q in: %s; check DATABASE_URL and the server's pg_hba.conf", at, user, said), true
	case "3D000":
		return fmt.Sprintf("PostgreSQL at %s has no such database: create it (CREATE DATABASE … OWNER …), or check DATABASE_URL", at), true
	case "42501":
		return fmt.Sprintf("the role %q lacks a right in %s: %s; it must own the database, or be allowed to create tables in its schema (GRANT CREATE, USAGE ON SCHEMA … TO …)", user, at, said), true
	case "42704", "22023":
		return fmt.Sprintf("PostgreSQL at %s does not know a parameter of DATABASE_URL: %s", at, said), true
	case "25006":
		return fmt.Sprintf("PostgreSQL at %s only reads now, as a standby does: %s", at, said), false
	case "42P01", "3F000":
		return fmt.Sprintf("tables of Importbot are missing in %s: %s; they were dropped, or search_path was changed", at, said), false
	case "53100":
		return fmt.Sprintf("the disk of PostgreSQL at %s is full; make room there", at), false
	case "53300":
		return fmt.Sprintf("PostgreSQL at %s has no connection left: %s; each replica uses up to 8 (max_connections)", at, said), false
	case "55P03", "57014":
		return fmt.Sprintf("PostgreSQL at %s took too long: %s", at, said), false
	case "08P01":
		return p.poolerWords(said)
	}
	return fmt.Sprintf("PostgreSQL at %s says: %s (SQLSTATE %s)", at, said, pe.Code), false
}

// poolerWords are for PgBouncer, which before version 1.19 had one code for everything.
func (p *postgres) poolerWords(said string) (words string, mend bool) {
	at := p.s.path
	has := func(some ...string) bool {
		for _, s := range some {
			if strings.Contains(strings.ToLower(said), s) {
				return true
			}
		}
		return false
	}
	switch {
	case has("password authentication failed", "auth failed", "no such user", "authentication failed"):
		return fmt.Sprintf("the pooler at %s rejects the password of the role %q, or does not know it: check DATABASE_URL and the pooler's list of users", at, p.cfg.User), true
	case has("no such database"):
		return fmt.Sprintf("the pooler at %s knows no such database: check DATABASE_URL and the pooler's list of databases", at), true
	case has("unsupported startup parameter"):
		return fmt.Sprintf("the pooler at %s refuses a parameter of DATABASE_URL: %s; set it on the role instead (ALTER ROLE … SET …), or let the pooler ignore it", at, said), true
	}
	return fmt.Sprintf("the pooler at %s says: %s", at, said), false
}

// scrub takes the password out of a text, in the ways in which it may stand there.
func (p *postgres) scrub(text string) string {
	secret := p.cfg.Password
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
		if len(form) > 3 { // a shorter one would be found in any text
			text = strings.ReplaceAll(text, form, "…")
		}
	}
	return text
}

// again: a deadlock or a conflict of two transactions, of which the server gave up this one.
func (p *postgres) again(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40P01" || pe.Code == "40001")
}

// unsure: unless the server itself said that it did not commit, or nothing was sent to it, it may have. A FATAL error
// is no such word: a server that shuts down says it to sessions whose commit was done. Nor is what the driver says of
// its own: it calls a COMMIT whose answer was cut off safe to be sent again, for the connection is closed by then.
func (p *postgres) unsure(err error) bool {
	var pe *pgconn.PgError
	switch {
	case errors.As(err, &pe):
		return pe.SeverityUnlocalized != "ERROR"
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return false
	case err == context.DeadlineExceeded, errors.Is(err, sql.ErrTxDone):
		return false // as it is, it comes from database/sql, which then has sent nothing
	}
	return true
}
