package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/sirupsen/logrus"

	"importbot/imports"
	"importbot/internal/pgtest"
)

// changed is a URL with something else in it.
func changed(t *testing.T, database string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

func withQuery(t *testing.T, database, key, value string) string {
	return changed(t, database, func(u *url.URL) {
		q := u.Query()
		q.Set(key, value)
		u.RawQuery = q.Encode()
	})
}

// Faults that a person must mend end the start, in words, and the words give nothing away.
func TestWordsForWhatIsWrongWithPostgreSQL(t *testing.T) {
	t.Parallel()
	c := pgtest.Server(t)
	good := c.Database(t)
	own := c.Database(t)
	if err := c.ExecIn(own, `CREATE ROLE reader LOGIN PASSWORD '`+c.Password()+`'; REVOKE CREATE ON SCHEMA public FROM PUBLIC`); err != nil {
		t.Fatal(err)
	}
	latin := "latin"
	if err := c.Exec(`CREATE DATABASE latin OWNER bot ENCODING 'LATIN1' TEMPLATE template0`); err != nil {
		t.Fatal(err)
	}
	readOnly := c.Database(t)
	if err := c.Exec(fmt.Sprintf(`ALTER DATABASE %s SET default_transaction_read_only = on`, strings.TrimPrefix(pathOf(t, readOnly), "/"))); err != nil {
		t.Fatal(err)
	}
	secret := "s3cret-" + c.Password()
	for name, row := range map[string]struct {
		url  string
		want string
	}{
		"wrong password": {
			changed(t, good, func(u *url.URL) { u.User = url.UserPassword("bot", secret) }),
			`rejects the password of the role "bot": check DATABASE_URL`,
		},
		"no such role": {
			changed(t, good, func(u *url.URL) { u.User = url.UserPassword("robot", secret) }),
			`rejects the password of the role "robot"`,
		},
		"no such database": {changed(t, good, func(u *url.URL) { u.Path = "/nosuch" }), "has no such database: create it"},
		"no right to create tables": {
			changed(t, own, func(u *url.URL) { u.User = url.UserPassword("reader", c.Password()) }),
			`the role "reader" lacks a right in 127.0.0.1:`,
		},
		"no schema":           {withQuery(t, good, "search_path", "nosuch"), `names no schema that exists: create it, or change search_path`},
		"another encoding":    {changed(t, good, func(u *url.URL) { u.Path = "/" + latin }), "is encoded in LATIN1; Importbot needs one in UTF8"},
		"only reading":        {readOnly, "only read (default_transaction_read_only)"},
		"TLS that is not":     {withQuery(t, good, "sslmode", "require"), "speaks no TLS, which sslmode in DATABASE_URL asks for"},
		"a parameter unknown": {withQuery(t, good, "pool_max_conns", "3"), "does not know a parameter of DATABASE_URL"},
		"a CA that is not": {
			withQuery(t, withQuery(t, good, "sslmode", "verify-full"), "sslrootcert", "/no/such/ca.pem"),
			"the TLS parameters of DATABASE_URL can't be used: unable to read CA file: open /no/such/ca.pem",
		},
		"a password as it is":  {"postgres://bot:" + secret + "/#%@127.0.0.1/importbot", "with the characters :/?#[]@% of a password percent-encoded"},
		"a port that is not":   {"postgres://bot:" + secret + "@127.0.0.1:port/importbot", "is no URL of a PostgreSQL database"},
		"a broken query":       {"postgres://bot@127.0.0.1/importbot?password=" + secret + "&connect_timeout=x", "is no URL of a PostgreSQL database"},
		"the name for a space": {"postgres://bot:" + secret + " @127.0.0.1:1:2/x", "is no URL of a PostgreSQL database"},
	} {
		t.Run(name, func(t *testing.T) {
			log, out := logrus.New(), new(syncBuffer)
			log.SetOutput(out)
			log.SetLevel(logrus.TraceLevel)
			s, err := Open(t.Context(), row.url, Options{Log: log})
			if err == nil {
				s.Close()
				t.Fatal("it opened")
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("got  %v\nwant %s", err, row.want)
			}
			if mend := new(fault); !errors.As(err, &mend) {
				t.Errorf("it is no fault: %#v", err)
			}
			for _, hidden := range []string{c.Password(), secret, row.url, "postgres://bot"} {
				if strings.Contains(err.Error()+out.String(), hidden) {
					t.Errorf("it tells %q: %v %s", hidden, err, out)
				}
			}
		})
	}
}

func pathOf(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	return u.Path
}

// syncBuffer takes what several goroutines log.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Servers that can't be had for a test.
func TestWhatAServerMustBe(t *testing.T) {
	good := facts{version: 140000, name: "14.0", encoding: "UTF8", schema: "public"}
	for name, row := range map[string]struct {
		change func(*facts)
		want   string
	}{
		"fine":    {func(f *facts) {}, ""},
		"old":     {func(f *facts) { f.version, f.name = 130023, "13.23 (Debian)" }, "is version 13.23 (Debian); Importbot needs 14 or newer"},
		"standby": {func(f *facts) { f.standby, f.readOnly = true, true }, "is a read-only standby: set DATABASE_URL to the primary, or to all hosts with target_session_attrs=read-write"},
	} {
		f := good
		row.change(&f)
		err := f.judge("bot", "db:5432/importbot")
		if got := fmt.Sprint(err); row.want == "" && err != nil || !strings.Contains(got, row.want) && row.want != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the server says, and whether it stays so until somebody does something.
func TestServerWords(t *testing.T) {
	cfg, err := postgresConfig("postgres://bot:pa%2Fss@one:5432,two:5433/importbot?sslmode=prefer", "test:1")
	if err != nil {
		t.Fatal(err)
	}
	p := &postgres{s: &Store{path: place(cfg)}, cfg: cfg}
	if p.s.path != "one:5432,two:5433/importbot" {
		t.Errorf("the place is %s", p.s.path)
	}
	for _, row := range []struct {
		code, message, want string
		mend                bool
	}{
		{"28000", "no pg_hba.conf entry for host", "does not let the role \"bot\" in: no pg_hba.conf entry for host; check", true},
		{"53300", "sorry, too many clients already", "has no connection left: sorry, too many clients already; each replica uses up to 8", false},
		{"53100", "could not extend file", "the disk of PostgreSQL at one:5432,two:5433/importbot is full", false},
		{"25006", "cannot execute UPDATE in a read-only transaction", "only reads now, as a standby does", false},
		{"57014", "canceling statement due to statement timeout", "took too long", false},
		{"57P01", "terminating connection due to administrator command", "says: terminating connection", false},
		{"08P01", "password authentication failed", "the pooler at one:5432,two:5433/importbot rejects the password", true},
		{"08P01", "no such database: importbot", "the pooler at one:5432,two:5433/importbot knows no such database", true},
		{"08P01", "unsupported startup parameter: search_path", "refuses a parameter of DATABASE_URL", true},
		{"08P01", "server login has been failing, try again later", "says: server login has been failing", false},
		{"XX000", "the password is pa/ss, or pa%2Fss", "says: the password is …, or … (SQLSTATE XX000)", false},
	} {
		words, mend := p.words(fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: row.code, Message: row.message}))
		if !strings.Contains(words, row.want) || mend != row.mend {
			t.Errorf("%s %s: %q, %v", row.code, row.message, words, mend)
		}
	}
}

func TestAPooler(t *testing.T) {
	t.Parallel()
	c := pgtest.Server(t)
	for _, row := range []struct {
		mode string
		size int
		want string
	}{
		{"transaction", 10, "is a connection pooler that shares sessions between clients (PgBouncer: pool_mode = transaction): use session mode"},
		{"transaction", 1, "shares sessions between clients"},
		{"statement", 10, "shares sessions between clients"},
		{"session", 10, ""},
	} {
		t.Run(fmt.Sprint(row.mode, " ", row.size), func(t *testing.T) {
			t.Parallel()
			through := c.Pooler(t, row.mode, row.size)
			log, out := logrus.New(), new(syncBuffer)
			log.SetOutput(out)
			database := c.Database(t)
			if row.want != "" {
				if s, err := Open(t.Context(), through(database), Options{Log: log}); err == nil || !strings.Contains(err.Error(), row.want) {
					t.Errorf("got %v, %v", s, err)
				}
				return
			}
			var signal imports.Signal
			s := openURL(t, through(database), Options{Log: log, Signal: &signal})
			if !strings.Contains(out.String(), "pooler in session mode") {
				t.Errorf("logged: %s", out)
			}
			awaitReplicas(t, s, 1)
			term := mustLead(t, s, patience)
			if err := s.Record(t.Context(), term.epoch, imports.Server{Name: "prod"}, []imports.Import{wished("1")}); err != nil {
				t.Error(err)
			}
			direct := openURL(t, database, Options{})
			woken, cancel := signal.Subscribe("2")
			defer cancel()
			if err := acceptOne(t.Context(), direct, "2"); err != nil {
				t.Fatal(err)
			}
			await(t, "being told through the pooler", woken, patience)
			if err := term.Release(t.Context()); err != nil {
				t.Error(err)
			}
			mustLead(t, direct, patience)
		})
	}
	t.Run("wrong password", func(t *testing.T) {
		bad := changed(t, c.Pooler(t, "session", 10)(c.Database(t)), func(u *url.URL) { u.User = url.UserPassword("bot", "wrong-one") })
		_, err := Open(t.Context(), bad, Options{})
		if mend := new(fault); !errors.As(err, &mend) || strings.Contains(err.Error(), "wrong-one") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("too small", func(t *testing.T) {
		s, err := Open(t.Context(), c.Pooler(t, "session", 1)(c.Database(t)), Options{})
		if err != nil { // it may be busy with others now
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "a second connection gets no answer") {
			t.Errorf("got %v", err)
		}
	})
}

// migrations are this program's and more.
func migrations(t *testing.T, more map[string]string) fs.FS {
	t.Helper()
	files := fstest.MapFS{}
	own, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range own {
		text, err := fs.ReadFile(migrationFiles, name)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(name, "migrations/")] = &fstest.MapFile{Data: text}
	}
	for name, text := range more {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

var (
	additive     = map[string]string{"00005_more.sql": "-- +goose Up\nALTER TABLE imports ADD COLUMN more TEXT NOT NULL DEFAULT 'more';\nCREATE TABLE mores (id TEXT PRIMARY KEY);\n"}
	incompatible = map[string]string{
		"00005_more.sql": additive["00005_more.sql"],
		"00006_less.sql": "-- +goose Up\nALTER TABLE threads RENAME TO posts;\nUPDATE compat SET oldest = 6 WHERE id = 1;\n",
	}
)

// A newer version migrates while the old one runs. As long as that only adds, the old one goes on, and may restart.
func TestARollingUpdate(t *testing.T) {
	t.Parallel()
	url := pgtest.Server(t).Database(t)
	old, err := Open(t.Context(), url, Options{Version: "old"})
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { ended <- old.Run(ctx) }()
	term := mustLead(t, old, patience)
	use := func(s *Store, id string) {
		t.Helper()
		if err := acceptOne(t.Context(), s, id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		if _, err := s.Import(t.Context(), id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	use(old, "before")

	newer := openURL(t, url, Options{Version: "newer", migrations: migrations(t, additive)})
	use(newer, "by the newer")
	use(old, "by the old")
	if err := old.Record(t.Context(), term.epoch, imports.Server{Name: "prod"}, []imports.Import{wished("before")}); err != nil {
		t.Errorf("the old leader: %v", err)
	}
	awaitReplicas(t, newer, 2)
	if err := term.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := mustLead(t, newer, patience)
	restarted := openURL(t, url, Options{Version: "old, restarted"})
	use(restarted, "by the old, restarted")
	if err := again.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustLead(t, restarted, patience)
	select {
	case err := <-ended:
		t.Fatalf("the old one ended: %v", err)
	default:
	}

	openURL(t, url, Options{migrations: migrations(t, incompatible)})
	err = await(t, "the old one's end", ended, patience)
	if err == nil || !strings.Contains(err.Error(), "made by a newer Importbot (schema 6, this one knows 4, and schema 6 is the oldest that may still use it)") {
		t.Errorf("the old one ended with %v", err)
	}
	if _, err := Open(t.Context(), url, Options{}); err == nil || !strings.Contains(err.Error(), "made by a newer Importbot") {
		t.Errorf("the old one started again: %v", err)
	}
	if _, err := Open(t.Context(), url, Options{migrations: migrations(t, additive)}); err == nil || !strings.Contains(err.Error(), "this one knows 5") {
		t.Errorf("the one between started again: %v", err)
	}
}

// The same on a file, where a new version is tried and taken back.
func TestAnUpdateTakenBackOnAFile(t *testing.T) {
	s := openFile(t)
	path := s.path
	for _, row := range []struct {
		more map[string]string
		want string
	}{
		{additive, ""}, {nil, ""}, {incompatible, ""}, {nil, "newer Importbot (schema 6, this one knows 4"},
	} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		next, err := Open(t.Context(), path, Options{migrations: migrations(t, row.more)})
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Fatalf("with %d more: %v", len(row.more), err)
		}
		if err == nil {
			s = next
			t.Cleanup(func() { _ = next.Close() })
		}
	}
}

func TestManyStartAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Server(t).Database(t)
	const n = 5
	errs := make(chan error)
	for range n {
		go func() {
			s, err := Open(context.WithoutCancel(t.Context()), url, Options{})
			if err == nil {
				err = errors.Join(s.Ping(context.WithoutCancel(t.Context())), s.Close())
			}
			errs <- err
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// Nothing listens there; a host that is unknown is no fault either, for names come and go with what they name.
func TestAHostThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	for host, want := range map[string]string{
		addr:              "can't be reached: connection refused",
		addr + "," + addr: "can't be reached: connection refused",
		"nosuch.invalid":  "the name nosuch.invalid can't be resolved",
	} {
		s, err := Open(t.Context(), "postgres://bot:secret@"+host+"/importbot", Options{})
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		if err := s.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", host, err)
		}
		s.Close()
	}
}

// A failover: for a while there is only a standby, which reads.
func TestAStandby(t *testing.T) {
	t.Parallel()
	c := pgtest.New(t)
	url := c.Database(t)
	s := openURL(t, url, Options{})
	term := mustLead(t, s, patience)
	if err := acceptOne(t.Context(), s, "1"); err != nil {
		t.Fatal(err)
	}
	if err := c.Demote(); err != nil {
		t.Fatal(err)
	}
	await(t, "losing the lead", term.Done(), patience)
	again := leading(t, s)
	if _, err := Open(t.Context(), url, Options{}); err == nil || !strings.Contains(err.Error(), "is a read-only standby: set DATABASE_URL to the primary") {
		t.Errorf("starting on a standby: %v", err)
	}
	waits, err := Open(t.Context(), withQuery(t, url, "target_session_attrs", "read-write"), Options{})
	if err != nil {
		t.Fatalf("with hosts to choose from, there may be a primary soon: %v", err)
	}
	defer waits.Close()
	if err := waits.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "none of the hosts is a primary now") {
		t.Errorf("waiting for a primary: %v", err)
	}
	soon(t, "being told that this is a standby", func() bool {
		err := acceptOne(t.Context(), s, "2")
		return err != nil && strings.Contains(err.Error(), "only reads now, as a standby does")
	})
	if _, err := s.Import(t.Context(), "1"); err != nil {
		t.Errorf("reading from a standby: %v", err)
	}
	select {
	case <-again:
		t.Error("it leads on a standby")
	default:
	}
	if err := c.Promote(); err != nil {
		t.Fatal(err)
	}
	await(t, "leading again", again, patience)
	if err := acceptOne(t.Context(), s, "2"); err != nil {
		t.Error(err)
	}
}

// Where roles may not change schemas at run time, one that has the rows is enough once the tables are there.
func TestARoleThatMayOnlyChangeRows(t *testing.T) {
	t.Parallel()
	c := pgtest.Server(t)
	owners := c.Database(t)
	s, err := Open(t.Context(), owners, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err = c.ExecIn(owners, `CREATE ROLE rows LOGIN PASSWORD '`+c.Password()+`'; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO rows`)
	if err != nil {
		t.Fatal(err)
	}
	url := changed(t, owners, func(u *url.URL) { u.User = url.UserPassword("rows", c.Password()) })
	limited := openURL(t, url, Options{})
	awaitReplicas(t, limited, 1)
	term := mustLead(t, limited, patience)
	if err := limited.Record(t.Context(), term.epoch, imports.Server{Name: "prod"}, []imports.Import{wished("1")}); err != nil {
		t.Error(err)
	}
	if _, err := Open(t.Context(), url, Options{migrations: migrations(t, additive)}); err == nil || !strings.Contains(err.Error(), `the role "rows" lacks a right`) {
		t.Errorf("a new schema without the right to make it: %v", err)
	}
}
