package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	databaseExample = "postgres://importbot:PASSWORD@db.example.com:5432/importbot?sslmode=verify-full"
	databaseDo      = "write the path of a SQLite file, like /var/lib/importbot/importbot.db, or the URL of a PostgreSQL database, like " + databaseExample
	// escapes is what is wrong with most URLs that can't be read.
	escapes = "in a user or password write %40 for @, %3A for :, %2F for /, %3F for ?, %23 for # and %25 for %"
)

func (r *reader) database() Secret {
	from, ok := r.get(whole, databaseURL)
	if !ok && r.skipped {
		return Secret{} // it may stand in .env
	}
	if !ok {
		from = setting{databaseURL.name, "importbot.db"} // checked too: the directory that Importbot starts in may be read-only
	}
	found := checked(r, from, Secret{}, database)
	if u, ok := parsePostgres(found.Reveal()); ok && u.openly() {
		r.warn("%s does not say whether the connection to %s is encrypted, so what PostgreSQL offers is taken, and nothing proves that it is your server: add sslmode=verify-full (with sslrootcert=/path/of/its/ca.pem), or sslmode=disable if the network is yours alone", from.name, u.config.Host)
	}
	return found
}

// database reads DATABASE_URL.
func database(text string) (Secret, error) {
	scheme, _, isURL := strings.Cut(text, "://")
	switch {
	case isURL && (scheme == "postgres" || scheme == "postgresql"):
		return databaseServer(text)
	case isURL:
		return Secret{}, &wrong{"begins with " + shown(scheme+"://"), databaseDo}
	case keyValue.MatchString(text):
		return Secret{}, &wrong{"is a list of key=value", "write it as a URL, like " + databaseExample + "; " + escapes}
	case withoutScheme.MatchString(text):
		return Secret{}, &wrong{"is no path of a file", databaseDo}
	case text == ":memory:" || strings.HasPrefix(text, "file:"):
		return Secret{}, &wrong{"is " + shown(text), "write the plain path of a SQLite file: what Importbot promises must outlive it"}
	}
	return databaseFile(text)
}

var (
	// keyValue is the other form in which PostgreSQL's programs take what they connect to. As a path it would be the name of a file,
	// with the password in it.
	keyValue = regexp.MustCompile(`(?i)(^|\s)(host|hostaddr|port|user|password|dbname|service|sslmode)\s*=`)
	// withoutScheme is a URL of which the beginning was forgotten: user:password@host.
	withoutScheme = regexp.MustCompile(`^[^/]*:.*@`)
)

// databaseFile reads the path of the SQLite file. The file is made at the first start, so only its directory has to be there.
func databaseFile(path string) (Secret, error) {
	if err := inDirectory(path, databaseDo); err != nil {
		return Secret{}, err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return Secret{}, &wrong{"is the directory " + shown(path), "write the path of a file in it, like " + filepath.Join(path, "importbot.db")}
	}
	return NewSecret(path), nil
}

// inDirectory checks that the directory of a file is there.
func inDirectory(path, do string) error {
	dir := filepath.Dir(path)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &wrong{"names a file in " + shown(dir) + ", which does not exist", "make that directory, or name another one"}
	case err != nil:
		return &wrong{"names a file in " + shown(dir) + ", which can't be used", reasonOf(err)}
	case !info.IsDir():
		return &wrong{"names a file in " + shown(dir) + ", which is no directory", do}
	}
	return nil
}

// databaseServer reads the URL of a PostgreSQL database, as far as that goes without asking the server. What the driver says of a URL
// that it can't read is not passed on where it may quote the password.
func databaseServer(text string) (Secret, error) {
	u, err := newPostgres(text)
	var parse *pgconn.ParseConfigError
	switch {
	case errors.As(err, &parse) && u.readable() && !strings.Contains(parse.Error(), "failed to parse"): // that quotes any part
		return Secret{}, &wrong{"can't be used", u.without(parse)}
	case err != nil, strings.Contains(u.behind, "@"):
		return Secret{}, &wrong{"is no URL that can be read", "write it like " + databaseExample + "; " + escapes}
	case u.config.Database == "":
		return Secret{}, &wrong{"names no database", "write its name behind the host, like " + databaseExample}
	case u.user == "" && os.Getenv("PGUSER") == "" && !socket(u.config.Host):
		return Secret{}, &wrong{"names no user", "write it before the host, like " + databaseExample}
	}
	return NewSecret(text), nil
}

// postgres is the URL of a PostgreSQL database, taken apart.
type postgres struct {
	config   *pgconn.Config // nil where it can't be read
	user     string         // of the URL, as it stands there
	password string         // between user and host, as it stands there
	behind   string         // from the host to the query
	query    url.Values
}

// parsePostgres returns false for what is no URL of a PostgreSQL database.
func parsePostgres(text string) (postgres, bool) {
	scheme, _, isURL := strings.Cut(text, "://")
	if !isURL || (scheme != "postgres" && scheme != "postgresql") {
		return postgres{}, false
	}
	u, _ := newPostgres(text) //nolint:errcheck // what could be read is all that is wanted
	return u, true
}

// newPostgres takes a URL apart. Its hosts may be several, which net/url does not know.
func newPostgres(text string) (postgres, error) {
	_, rest, _ := strings.Cut(text, "://")
	var u postgres
	if at := strings.IndexAny(rest, "@/"); at >= 0 && rest[at] == '@' {
		u.user, u.password, _ = strings.Cut(rest[:at], ":")
		rest = rest[at+1:]
	}
	var query string
	u.behind, query, _ = strings.Cut(rest, "?")
	u.query, _ = url.ParseQuery(query) //nolint:errcheck // the driver judges it
	if u.user == "" {
		u.user = u.query.Get("user")
	}
	var err error
	u.config, err = pgconn.ParseConfig(text)
	return u, err
}

// readable says whether it is clear which part of the URL is the password: if so, it can be cut out of what the driver says.
func (u postgres) readable() bool {
	_, err := url.PathUnescape(u.password)
	return err == nil && !strings.ContainsAny(u.password, ":?#") && !strings.Contains(u.behind, "@")
}

// without is what the driver says, which quotes the URL first.
func (u postgres) without(parse *pgconn.ParseConfigError) string {
	said := parse.Error()
	if i := strings.LastIndex(said, "`: "); i >= 0 {
		said = said[i+len("`: "):]
	}
	for _, password := range u.passwords() {
		if strings.Contains(said, password) {
			return "write it like " + databaseExample + "; " + escapes
		}
	}
	return fmt.Sprintf("%s; write it like %s", said, databaseExample)
}

// passwords lists what must be shown nowhere, both as it stands in the URL and as it is meant. One that PGPASSWORD or a password file
// gives is among them.
func (u postgres) passwords() []string {
	found := []string{u.password, u.query.Get("password"), u.query.Get("sslpassword")}
	if plain, err := url.PathUnescape(u.password); err == nil {
		found = append(found, plain)
	}
	if u.config != nil {
		found = append(found, u.config.Password)
	}
	var passwords []string
	for _, p := range found {
		if p != "" {
			passwords = append(passwords, p)
		}
	}
	return passwords
}

// openly says whether it was left open if the way to another machine is encrypted.
func (u postgres) openly() bool {
	return u.config != nil && !u.query.Has("sslmode") && !u.query.Has("ssl") && os.Getenv("PGSSLMODE") == "" &&
		!socket(u.config.Host) && !loopback(u.config.Host)
}

// socket says whether a host is the directory of a Unix socket.
func socket(host string) bool {
	return strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || filepath.IsAbs(host)
}
