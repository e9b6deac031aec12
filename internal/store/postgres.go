package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/sirupsen/logrus"
)

// How long things may take on PostgreSQL. Nobody waits for ever for a database behind a network.
const (
	// connectWithin is one try to connect to one host.
	connectWithin = 5 * time.Second
	// callWithin is one call whose caller gave it no earlier deadline.
	callWithin = 10 * time.Second
	// prepareWithin is the first look at a database, without the migrations.
	prepareWithin = 15 * time.Second
	// poolIdle is how long a connection of the pool is kept for the next call; less than the server's patience below.
	poolIdle = time.Minute
	// poolSize is how many calls run beside each other. With the two connections for listening and leading that makes
	// what one replica asks of the server.
	poolSize = 6
)

// What the sessions of one kind tell the server about themselves. A process that was frozen or cut off keeps no lock
// and no session for long: the server's own timers end them.
const (
	anySession     = `SET client_encoding = 'UTF8'; SET idle_in_transaction_session_timeout = '10s'`
	poolSession    = anySession + `; SET lock_timeout = '5s'; SET statement_timeout = '10s'; SET idle_session_timeout = '5min'`
	listenSession  = anySession + `; SET lock_timeout = '5s'; SET statement_timeout = '10s'; SET idle_session_timeout = '60s'`
	readSession    = poolSession + `; SET default_transaction_read_only = on`
	migrateSession = anySession + `; SET lock_timeout = '10s'; SET statement_timeout = '10min'`
)

// postgres is the dialect of a database that several replicas share.
type postgres struct {
	s          *Store
	cfg        *pgx.ConnConfig
	migrations fs.FS
	pace       pace
	know       int64 // the newest schema this program knows
	readOnly   bool  // for a Reader
	live       atomic.Int32
	keepers    sync.WaitGroup
	closing    chan struct{}
	once       sync.Once

	mu      sync.Mutex
	ready   *installation // nil until the database was prepared
	missing error         // why it was not
	passed  handover      // the last run of the server in which another replica led
}

// installation is what one schema of one database shares: two installations in one database don't meet.
type installation struct {
	schema  string
	lock    int64  // key of the advisory lock that the leader holds
	migrate int64  // key of the one that a migration holds
	news    string // channel for what changed
	free    string // channel for a lead that was given away
}

func newInstallation(schema string) *installation {
	key := func(what string) int64 {
		sum := sha256.Sum256([]byte("importbot " + what + "\x00" + schema))
		return int64(binary.BigEndian.Uint64(sum[:]))
	}
	sum := sha256.Sum256([]byte(schema))
	suffix := hex.EncodeToString(sum[:8])
	return &installation{
		schema: schema, lock: key("lead"), migrate: key("migrate"),
		news: "importbot_news_" + suffix, free: "importbot_free_" + suffix,
	}
}

// openPostgres tries once to find and prepare the database. Only what a person must mend is an error.
func (s *Store) openPostgres(ctx context.Context, url string, migrations fs.FS, pace pace) error {
	p, err := s.usePostgres(url, migrations, poolSession)
	if err != nil {
		return err
	}
	p.pace = pace
	err = p.prepare(ctx)
	if mend := new(fault); errors.As(err, &mend) {
		return errors.Join(err, s.Close())
	}
	if err != nil {
		s.log.WithField("database", s.path).Warnf("%v; trying again", err)
	}
	return nil
}

// usePostgres gives the store its dialect and its pool, which stays closed until the database was prepared.
func (s *Store) usePostgres(url string, migrations fs.FS, session string) (*postgres, error) {
	cfg, err := postgresConfig(url, s.name)
	if err != nil {
		return nil, err
	}
	know, err := known(migrations)
	if err != nil {
		return nil, err
	}
	p := &postgres{s: s, cfg: cfg, migrations: migrations, know: know, closing: make(chan struct{}), missing: errors.New("it was not looked at yet")}
	p.live.Store(1)
	s.path, s.dialect = place(cfg), p
	s.write = pool{sql.OpenDB(gate{p.connector(session), p})}
	s.write.SetMaxOpenConns(poolSize)
	s.write.SetMaxIdleConns(poolSize)
	s.write.SetConnMaxIdleTime(poolIdle)
	s.read = s.write
	return p, nil
}

// postgresConfig reads the URL. Its errors hold neither the URL nor a password.
func postgresConfig(url, name string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, parseFault(err)
	}
	if cfg.ConnectTimeout == 0 || cfg.ConnectTimeout > connectWithin {
		cfg.ConnectTimeout = connectWithin
	}
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3}}
	cfg.DialFunc = dialer.DialContext
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = applicationName(name)
	}
	return cfg, nil
}

// applicationName is how pg_stat_activity shows this replica: at most 63 printable ASCII characters.
func applicationName(name string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, "importbot "+name)
	return ascii[:min(len(ascii), 63)]
}

// place names the database for people: host, port and name.
func place(cfg *pgx.ConnConfig) string {
	var hosts []string
	add := func(host string, port uint16) {
		h := net.JoinHostPort(host, fmt.Sprint(port))
		if len(hosts) == 0 || hosts[len(hosts)-1] != h { // sslmode=prefer names each host twice
			hosts = append(hosts, h)
		}
	}
	add(cfg.Host, cfg.Port)
	for _, f := range cfg.Fallbacks {
		add(f.Host, f.Port)
	}
	return strings.Join(hosts, ",") + "/" + cfg.Database
}

// connector makes connections whose sessions begin with those settings.
func (p *postgres) connector(settings string) driver.Connector {
	return stdlib.GetConnector(*p.with(settings))
}

func (p *postgres) with(settings string) *pgx.ConnConfig {
	cfg := p.cfg.Copy()
	cfg.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		return conn.Exec(ctx, settings).Close()
	}
	return cfg
}

// connect opens a connection of one's own.
func (p *postgres) connect(ctx context.Context, settings string) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, p.with(settings))
}

// hangUp closes a connection, also one whose other end does not listen any more.
func hangUp(conn interface{ Close(context.Context) error }) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // there is nothing left to be lost
}

// gate keeps the pool closed until the database was prepared.
type gate struct {
	driver.Connector
	p *postgres
}

func (g gate) Connect(ctx context.Context) (driver.Conn, error) {
	if _, err := g.p.installed(); err != nil {
		return nil, err
	}
	return g.Connector.Connect(ctx)
}

// installed returns what prepare found out, or why it has not yet.
func (p *postgres) installed() (*installation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ready == nil {
		return nil, p.missing
	}
	return p.ready, nil
}

// prepare looks at the database, brings its schema up to date, and opens the pool. Its errors are in words; those that
// a person must mend are *fault.
func (p *postgres) prepare(ctx context.Context) error {
	inst, version, err := p.look(ctx)
	if err != nil {
		err = p.inWords("", err)
	}
	p.mu.Lock()
	p.ready, p.missing = inst, err
	p.mu.Unlock()
	if err == nil {
		p.s.log.WithFields(logrus.Fields{"database": p.s.path, "schema": version, "search_path": inst.schema}).Info("database opened")
	}
	return err
}

func (p *postgres) look(ctx context.Context) (*installation, int64, error) {
	schema, err := p.inspect(ctx)
	if err != nil {
		return nil, 0, err
	}
	inst := newInstallation(schema)
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(inst.migrate), lock.WithLockTimeout(1, 300), lock.WithUnlockTimeout(1, 5))
	if err != nil {
		return nil, 0, err
	}
	db := sql.OpenDB(p.connector(migrateSession))
	defer db.Close()
	version, err := migrate(ctx, db, goose.DialectPostgres, p.migrations, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, 0, err
	}
	if version > p.know {
		p.s.log.WithFields(logrus.Fields{"schema": version, "known": p.know}).Info("a newer version has brought the database further; this one may go on")
	}
	return inst, version, nil
}

// inspect finds out whether this is a database that can be used, before it changes anything, even of its own session:
// behind a pooler that shares sessions a setting would reach other programs. It returns the schema for the tables.
func (p *postgres) inspect(ctx context.Context) (schema string, err error) {
	ctx, cancel := context.WithTimeout(ctx, prepareWithin)
	defer cancel()
	conn, err := pgconn.ConnectConfig(ctx, &p.cfg.Copy().Config)
	if err != nil {
		return "", err
	}
	defer hangUp(conn)
	seen, err := serverFacts(ctx, conn)
	if err != nil {
		return "", err
	}
	if p.readOnly { // which any server that has the tables is good for, a standby too
		seen.standby, seen.readOnly = false, false
	}
	if err := seen.judge(p.cfg.User, p.s.path); err != nil {
		return "", err
	}
	pooled, err := p.probe(ctx, conn)
	if err != nil {
		return "", err
	}
	if pooled {
		p.s.log.WithField("database", p.s.path).Info("the database is reached through a connection pooler in session mode")
	}
	return seen.schema, nil
}

// facts are what decides whether a server can be used.
type facts struct {
	version  int // as server_version_num: 150004
	name     string
	standby  bool
	readOnly bool
	encoding string
	schema   string // the first of the search path that exists; "" where none does
}

func serverFacts(ctx context.Context, conn *pgconn.PgConn) (facts, error) {
	row, err := one(ctx, conn, `SELECT current_setting('server_version_num'), current_setting('server_version'), pg_is_in_recovery(),
		current_setting('transaction_read_only'), current_setting('server_encoding'), current_schema()`)
	if err != nil {
		return facts{}, err
	}
	var f facts
	if _, err := fmt.Sscan(row[0], &f.version); err != nil {
		return facts{}, fmt.Errorf("reading the version of the server: %w", err)
	}
	f.name, f.standby, f.readOnly, f.encoding, f.schema = row[1], row[2] == "t", row[3] == "on", row[4], row[5]
	return f, nil
}

// oldest is the first PostgreSQL with idle_session_timeout, without which a leader that was cut off would keep the
// lead.
const oldest = 140000

// judge says in words what keeps a server from being used.
func (f facts) judge(user, place string) error {
	switch {
	case f.version < oldest:
		return newFault(nil, "PostgreSQL at %s is version %s; Importbot needs 14 or newer", place, f.name)
	case f.standby:
		return newFault(nil, "PostgreSQL at %s is a read-only standby: set DATABASE_URL to the primary, or to all hosts with target_session_attrs=read-write, as in postgres://user@one,two/importbot?target_session_attrs=read-write", place)
	case f.readOnly:
		return newFault(nil, "PostgreSQL at %s lets the role %q only read (default_transaction_read_only): take that setting from the role or the database", place, user)
	case f.encoding != "UTF8":
		return newFault(nil, "the database %s is encoded in %s; Importbot needs one in UTF8: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", place, f.encoding)
	case f.schema == "":
		return newFault(nil, "the search path of the role %q on %s names no schema that exists: create it, or change search_path", user, place)
	}
	return nil
}

// one asks by the simple protocol, which leaves nothing behind in the session, and returns the only row as text.
func one(ctx context.Context, conn *pgconn.PgConn, query string) ([]string, error) {
	results, err := conn.Exec(ctx, query).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) == 0 || len(results[0].Rows) != 1 {
		return nil, errors.New("the server answered without a row")
	}
	var row []string
	for _, value := range results[0].Rows[0] {
		row = append(row, string(value))
	}
	return row, nil
}

func (p *postgres) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, callWithin)
}

func (p *postgres) guard() string {
	return `SELECT 1 FROM lead WHERE id = 1 AND epoch = $1 AND holder = $2 FOR SHARE`
}

// notification is what one replica tells the others.
type notification struct {
	From string   `json:"from"`          // the id of the replica, which needs not be told
	IDs  []string `json:"ids,omitempty"` // what changed; none: anything may have
}

// maxPayload is a little less than what NOTIFY takes.
const maxPayload = 7900

func (n notification) payload() (string, error) {
	body, err := encode("a notification", n)
	if err == nil && len(body) > maxPayload {
		return encode("a notification", notification{From: n.From})
	}
	return body, err
}

func (p *postgres) tell(ctx context.Context, tx *transaction, ids []string) error {
	inst, err := p.installed()
	if err != nil {
		return err
	}
	payload, err := notification{p.s.id, ids}.payload()
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `SELECT pg_notify($1, $2)`, inst.news, payload)
	return err
}

// hear passes on what another replica told.
func (p *postgres) hear(payload string) {
	var n notification
	if err := json.Unmarshal([]byte(payload), &n); err != nil {
		p.s.signal.Wake() // a newer version's, perhaps: look at everything
		return
	}
	if n.From != p.s.id {
		p.s.signal.Wake(n.IDs...)
	}
}

func (p *postgres) shares() int { return max(1, int(p.live.Load())) }

func (p *postgres) close() error {
	p.mu.Lock()
	p.once.Do(func() { close(p.closing) })
	p.mu.Unlock()
	p.keepers.Wait()
	return nil
}
