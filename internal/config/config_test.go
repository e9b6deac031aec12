package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/bigfix"
	"importbot/imports"
	"importbot/internal/golden"
)

// enough is the least that a bot needs.
func enough() map[string]string {
	return map[string]string{
		"SLACK_BOT_TOKEN":  "xoxb-1",
		"SLACK_APP_TOKEN":  "xapp-1",
		"SLACK_CHANNEL":    "C0123456789",
		"IMPORT_OPERATORS": "U0123456789",
		"BIGFIX_URL":       "https://bigfix.example.com:9081",
		"BIGFIX_TOKEN":     "7adc3efb175e2bc0f4484bdd2efca54a8fa04623",
	}
}

// with changes a set of variables; the value "-" takes one away.
func with(vars map[string]string, changes ...string) map[string]string {
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "-" {
			delete(vars, changes[i])
		} else {
			vars[changes[i]] = changes[i+1]
		}
	}
	return vars
}

func environ(vars map[string]string) Source {
	var src Source
	for name, value := range vars {
		src.Environ = append(src.Environ, name+"="+value)
	}
	return src
}

func mustBot(t *testing.T, src Source) *Config {
	t.Helper()
	cfg, err := Bot(src)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// faults returns the faults as lines, or fails where there are none.
func faults(t *testing.T, err error) []string {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	var lines []string
	for _, f := range e.Faults {
		lines = append(lines, f.String())
	}
	return lines
}

func TestDefaults(t *testing.T) {
	cfg := mustBot(t, environ(enough()))
	if got, want := cfg.Slack.Command, "/import"; got != want {
		t.Errorf("command: got %q, want %q", got, want)
	}
	if got, want := cfg.Slack.APIURL, "https://slack.com/api/"; got != want {
		t.Errorf("API: got %q, want %q", got, want)
	}
	if got, want := cfg.Slack.Connections, 2; got != want {
		t.Errorf("connections: got %d, want %d", got, want)
	}
	if got, want := cfg.Database.Reveal(), "importbot.db"; got != want {
		t.Errorf("database: got %q, want %q", got, want)
	}
	if got, want := cfg.HTTP.Addr, "127.0.0.1:9480"; got != want {
		t.Errorf("HTTP: got %q, want %q", got, want)
	}
	if !cfg.HeartbeatURL.Empty() || cfg.AuditLog != "" {
		t.Errorf("there is a heartbeat, or an audit log %q, that nobody asked for", cfg.AuditLog)
	}
	if got, want := cfg.Log, (Log{Level: logrus.InfoLevel, Format: LogAuto}); got != want {
		t.Errorf("log: got %v, want %v", got, want)
	}
	if cfg.Digest != nil {
		t.Errorf("there is a digest that nobody asked for: %+v", cfg.Digest)
	}
	if len(cfg.Warnings) != 0 {
		t.Errorf("warnings: got %q, want none", cfg.Warnings)
	}
	got := cfg.Servers[0]
	if got.Token.Reveal() != enough()["BIGFIX_TOKEN"] {
		t.Error("the server's token is not the one that was set")
	}
	got.Token = Secret{}
	want := Server{
		Name: "bigfix", Channel: "C0123456789", Operators: []string{"U0123456789"}, Announce: AnnounceFailures, Confirm: ConfirmOverlap,
		StaleAfter: imports.Auto, StallAfter: imports.Auto, UnreachableAfter: imports.Threshold(15 * time.Minute), MissedAfter: imports.Threshold(15 * time.Minute),
		URL: "https://bigfix.example.com:9081", Edition: bigfix.BFI, TokenIn: bigfix.TokenInQuery, Timeout: 20 * time.Second,
		PollRunning: 30 * time.Second, PollIdle: time.Minute, StartGrace: 5 * time.Minute, EndGrace: time.Minute,
		TokenVariable: "BIGFIX_TOKEN", OperatorsVariable: "IMPORT_OPERATORS", InsecureVariable: "BIGFIX_INSECURE",
		CAFileVariable: "BIGFIX_CA_FILE",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("server: got %+v, want %+v", got, want)
	}
}

func TestEditionDecidesWhereTheTokenTravels(t *testing.T) {
	for _, tc := range []struct {
		edition, in string
		want        bigfix.TokenIn
	}{
		{"bfi", "-", bigfix.TokenInQuery},
		{"ilmt", "-", bigfix.TokenInHeader},
		{"ILMT", "query", bigfix.TokenInQuery},
		{"bfi", "header", bigfix.TokenInHeader},
	} {
		cfg := mustBot(t, environ(with(enough(), "BIGFIX_EDITION", tc.edition, "BIGFIX_TOKEN_IN", tc.in)))
		if got := cfg.Servers[0].TokenIn; got != tc.want {
			t.Errorf("%s, %s: got %q, want %q", tc.edition, tc.in, got, tc.want)
		}
	}
}

func TestEveryFault(t *testing.T) {
	dir := t.TempDir()
	empty := write(t, dir, "empty", "\n")
	noCert := write(t, dir, "ca.pem", "not a certificate")
	for _, tc := range []struct {
		name    string
		changes []string
		want    []string // each begins a fault
	}{
		{"bot and app token swapped", []string{"SLACK_BOT_TOKEN", "xapp-1-A", "SLACK_APP_TOKEN", "xoxb-1-B"}, []string{
			"SLACK_BOT_TOKEN holds an app-level token, xapp-…: it takes the one that begins with xoxb-",
			"SLACK_APP_TOKEN holds a bot token, xoxb-…: it takes the one that begins with xapp-"}},
		{"a token of another kind", []string{"SLACK_BOT_TOKEN", "secretive"}, []string{"SLACK_BOT_TOKEN does not begin with xoxb-"}},
		{"a token with a line end", []string{"SLACK_BOT_TOKEN", "xoxb-1\nxoxb-2"}, []string{"SLACK_BOT_TOKEN has spaces"}},
		{"a channel's name", []string{"SLACK_CHANNEL", "#bigfix"}, []string{`SLACK_CHANNEL is "#bigfix", which is no channel ID`}},
		{"an operator's name", []string{"IMPORT_OPERATORS", "U012345, @ana"}, []string{`IMPORT_OPERATORS has "@ana"`}},
		{"operators of commas", []string{"IMPORT_OPERATORS", ","}, []string{"IMPORT_OPERATORS names nobody"}},
		{"a command without a slash", []string{"SLACK_COMMAND", "import"}, []string{`SLACK_COMMAND is "import": write it with its slash: /import`}},
		{"a command in capitals", []string{"SLACK_COMMAND", "/Import"}, []string{`SLACK_COMMAND is "/Import": Slack has commands in lower case only: /import`}},
		{"a command of two words", []string{"SLACK_COMMAND", "/import now"}, []string{`SLACK_COMMAND is "/import now"`}},
		{"too many connections", []string{"SLACK_CONNECTIONS", "11"}, []string{`SLACK_CONNECTIONS is "11": write a number from 1 to 10`}},
		{"Slack in the clear", []string{"SLACK_API_URL", "http://slack.example.com/api"}, []string{"SLACK_API_URL is http://"}},
		{"BigFix in the clear", []string{"BIGFIX_URL", "http://bigfix.example.com"}, []string{"BIGFIX_URL is http://, which would send the token in the clear"}},
		{"no URL", []string{"BIGFIX_URL", "bigfix.example.com:9081"}, []string{"BIGFIX_URL is no URL of a server"}},
		{"a URL with a password", []string{"BIGFIX_URL", "https://a:secretive@b:9081"}, []string{"BIGFIX_URL has a user or a password in it"}},
		{"a URL with a token", []string{"BIGFIX_URL", "https://b:9081?token=secretive"}, []string{"BIGFIX_URL has something behind a ?"}},
		{"a URL of the API", []string{"BIGFIX_URL", "https://b:9081/api/import_status.json"}, []string{"BIGFIX_URL has /api in it"}},
		{"no credentials", []string{"BIGFIX_TOKEN", "-"}, []string{"BIGFIX_TOKEN is missing: the API token of a user who has the permission Manage Imports"}},
		{"a user alone", []string{"BIGFIX_TOKEN", "-", "BIGFIX_USER", "ana"}, []string{"BIGFIX_PASSWORD is missing: BIGFIX_USER is set"}},
		{"a password alone", []string{"BIGFIX_TOKEN", "-", "BIGFIX_PASSWORD", "secretive"}, []string{"BIGFIX_USER is missing: BIGFIX_PASSWORD is set"}},
		{"token and user", []string{"BIGFIX_USER", "ana", "BIGFIX_PASSWORD", "secretive"}, []string{"BIGFIX_TOKEN and BIGFIX_USER are both set"}},
		{"an edition", []string{"BIGFIX_EDITION", "sua"}, []string{`BIGFIX_EDITION is "sua": write bfi or ilmt`}},
		{"where the token travels", []string{"BIGFIX_TOKEN_IN", "cookie"}, []string{`BIGFIX_TOKEN_IN is "cookie": write query or header`}},
		{"a CA file that is not there", []string{"BIGFIX_CA_FILE", filepath.Join(dir, "none")}, []string{"BIGFIX_CA_FILE names "}},
		{"a CA file without a certificate", []string{"BIGFIX_CA_FILE", noCert}, []string{"BIGFIX_CA_FILE names "}},
		{"a switch", []string{"BIGFIX_INSECURE", "maybe"}, []string{`BIGFIX_INSECURE is "maybe": write true or false`}},
		{"a duration without a unit", []string{"POLL_IDLE", "30"}, []string{`POLL_IDLE is "30", a number without a unit: write 30s`}},
		{"days", []string{"START_GRACE", "2d"}, []string{`START_GRACE is "2d", and days are no unit here: write 48h`}},
		{"no duration", []string{"END_GRACE", "soon"}, []string{`END_GRACE is "soon", which is no duration`}},
		{"nothing of a duration", []string{"POLL_RUNNING", "0s"}, []string{`POLL_RUNNING is "0s", which is too short`}},
		{"less than nothing", []string{"BIGFIX_TIMEOUT", "-5s"}, []string{`BIGFIX_TIMEOUT is "-5s", which is too short`}},
		{"below a millisecond", []string{"POLL_RUNNING", "900us"}, []string{`POLL_RUNNING is "900us", which is too short`}},
		{"announce", []string{"ANNOUNCE", "some"}, []string{`ANNOUNCE is "some": write all, failures or none`}},
		{"another database", []string{"DATABASE_URL", "mysql://a:secretive@b/c"}, []string{`DATABASE_URL begins with "mysql://"`}},
		{"a database without its scheme", []string{"DATABASE_URL", "a:secretive@b/c"}, []string{"DATABASE_URL is no path of a file"}},
		{"a database without its scheme, on its own", []string{"DATABASE_URL", "a:secretive@b"}, []string{"DATABASE_URL is no path of a file"}},
		{"a database of another driver", []string{"DATABASE_URL", "jdbc:postgresql://b/c?user=a&password=secretive"}, []string{`DATABASE_URL begins with "jdbc:postgresql://"`}},
		{"a database as key=value", []string{"DATABASE_URL", "host=b user=a password=secretive dbname=c"}, []string{"DATABASE_URL is a list of key=value: write it as a URL, like postgres://"}},
		{"a password that is not escaped, @", []string{"DATABASE_URL", "postgres://a:secretive@x@b/c"}, []string{"DATABASE_URL is no URL that can be read"}},
		{"a password that is not escaped, /", []string{"DATABASE_URL", "postgres://a:secretive/x@b/c"}, []string{"DATABASE_URL is no URL that can be read: write it like postgres://importbot:PASSWORD@"}},
		{"a password that is not escaped, %", []string{"DATABASE_URL", "postgres://a:secretive%zz@b/c"}, []string{"DATABASE_URL is no URL that can be read"}},
		{"a password and no user", []string{"DATABASE_URL", "postgres://:secretive@b/c"}, []string{"DATABASE_URL names no user"}},
		{"a server without a database", []string{"DATABASE_URL", "postgres://a:secretive@b"}, []string{"DATABASE_URL names no database"}},
		{"a database without a user", []string{"DATABASE_URL", "postgres://b/c"}, []string{"DATABASE_URL names no user"}},
		{"a port of a database", []string{"DATABASE_URL", "postgres://a:secretive@b:many/c"}, []string{"DATABASE_URL can't be used: invalid port"}},
		{"how it is encrypted", []string{"DATABASE_URL", "postgresql://a:secretive@b/c?sslmode=maybe"}, []string{"DATABASE_URL can't be used: failed to configure TLS (sslmode is invalid); write it like"}},
		{"an authority that is not there", []string{"DATABASE_URL", "postgres://a:secretive@b/c?sslmode=verify-full&sslrootcert=" + dir + "/none"},
			[]string{"DATABASE_URL can't be used: failed to configure TLS (unable to read CA file: open " + dir + "/none: no such file"}},
		{"a password where the driver quotes it", []string{"DATABASE_URL", "postgres://a:secretive@b/c?target_session_attrs=secretive"},
			[]string{"DATABASE_URL can't be used: write it like postgres://"}},
		{"a token in the wrong variable", []string{"SLACK_COMMAND", "xoxb-123456-secretive"}, []string{`SLACK_COMMAND is "***": write it with its slash: /***`}},
		{"a password in the wrong variable", []string{"BIGFIX_NAME", "secretive secretive", "BIGFIX_TOKEN", "-", "BIGFIX_USER", "ana", "BIGFIX_PASSWORD", "secretive secretive"},
			[]string{`BIGFIX_NAME has the name "***"`}},
		{"a port alone", []string{"HTTP_ADDR", "9480"}, []string{`HTTP_ADDR is "9480", a port alone: write 127.0.0.1:9480 for this machine alone, or :9480 for all addresses`}},
		{"a host alone", []string{"HTTP_ADDR", "localhost"}, []string{`HTTP_ADDR is "localhost", which is no host:port`}},
		{"an address without a port", []string{"HTTP_ADDR", "::1"}, []string{`HTTP_ADDR is "::1", which has no port: write [::1]:9480`}},
		{"all addresses, as others write it", []string{"HTTP_ADDR", "*:9480"}, []string{`HTTP_ADDR is "*:9480": write :9480 for all addresses`}},
		{"a port that is none", []string{"HTTP_ADDR", "127.0.0.1:94800"}, []string{`HTTP_ADDR is "127.0.0.1:94800", whose port is no number`}},
		{"a port's name", []string{"HTTP_ADDR", "127.0.0.1:http"}, []string{`HTTP_ADDR is "127.0.0.1:http", whose port is no number`}},
		{"a URL to listen on", []string{"HTTP_ADDR", "http://127.0.0.1:9480"}, []string{`HTTP_ADDR is "http://127.0.0.1:9480", a URL`}},
		{"a heartbeat without its scheme", []string{"HEARTBEAT_URL", "hc.example.com/ping/secretive"}, []string{"HEARTBEAT_URL is no URL that can be asked: write it like https://"}},
		{"a heartbeat of another kind", []string{"HEARTBEAT_URL", "ftp://hc.example.com/secretive"}, []string{"HEARTBEAT_URL is no URL that can be asked"}},
		{"an audit log in a directory that is not there", []string{"AUDIT_LOG", dir + "/no/audit.jsonl"}, []string{`AUDIT_LOG names a file in "` + dir + `/no", which does not exist`}},
		{"a directory as audit log", []string{"AUDIT_LOG", dir}, []string{`AUDIT_LOG is the directory "` + dir + `"`}},
		{"a device as audit log", []string{"AUDIT_LOG", os.DevNull}, []string{`AUDIT_LOG is "` + os.DevNull + `", which is no file`}},
		{"an audit log that is off", []string{"AUDIT_LOG", "off"}, []string{`AUDIT_LOG is "off": write the path of a file`}},
		{"a database in a directory that is not there", []string{"DATABASE_URL", dir + "/no/importbot.db"}, []string{`DATABASE_URL names a file in "` + dir + `/no", which does not exist`}},
		{"a database in a file", []string{"DATABASE_URL", empty + "/importbot.db"}, []string{`DATABASE_URL names a file in "` + empty + `", which is no directory`}},
		{"a directory as database", []string{"DATABASE_URL", dir}, []string{`DATABASE_URL is the directory "` + dir + `"`}},
		{"a database in memory", []string{"DATABASE_URL", ":memory:"}, []string{`DATABASE_URL is ":memory:"`}},
		{"a threshold without a unit", []string{"STALE_AFTER", "36"}, []string{`STALE_AFTER is "36", a number without a unit: write 36s`}},
		{"a threshold in days", []string{"STALE_AFTER", "2d"}, []string{`STALE_AFTER is "2d", and days are no unit here: write 48h`}},
		{"a threshold that is a word", []string{"STALL_AFTER", "never"}, []string{`STALL_AFTER is "never": write auto, off, or a duration like 90s, 15m or 36h`}},
		{"a threshold that is nothing", []string{"STALL_AFTER", "0s"}, []string{`STALL_AFTER is "0s", which is too short`}},
		{"a threshold that is less than nothing", []string{"MISSED_AFTER", "-15m"}, []string{`MISSED_AFTER is "-15m", which is too short`}},
		{"a threshold that nothing is learned for", []string{"UNREACHABLE_AFTER", "Auto"}, []string{`UNREACHABLE_AFTER is "auto", and nothing is learned for it: write a duration like 15m, or off`}},
		{"a fixed threshold that is a word", []string{"MISSED_AFTER", "none"}, []string{`MISSED_AFTER is "none": write off, or a duration like 90s`}},
		{"a mention by name", []string{"ALERT_MENTION", "@oncall"}, []string{`ALERT_MENTION is "@oncall", which is no user or user group ID: write one ID`}},
		{"a mention of everybody", []string{"ALERT_MENTION", "!channel"}, []string{`ALERT_MENTION is "!channel", which is no user or user group ID`}},
		{"two mentions", []string{"ALERT_MENTION", "U0123, S0123"}, []string{`ALERT_MENTION is "U0123, S0123", which is more than one ID`}},
		{"an alert channel's name", []string{"ALERT_CHANNEL", "#oncall"}, []string{`ALERT_CHANNEL is "#oncall", which is no channel ID`}},
		{"what to confirm", []string{"IMPORT_CONFIRM", "raw"}, []string{`IMPORT_CONFIRM is "raw": write overlap, complete, all or never`}},
		{"a digest without a time", []string{"DIGEST", "mon"}, []string{`DIGEST is "mon": write a weekday, a time and a zone, like mon 09:00 Europe/Berlin, or off`}},
		{"a digest of many words", []string{"DIGEST", "mon 09:00 Europe / Berlin"}, []string{`DIGEST is "mon 09:00 Europe / Berlin": write a weekday`}},
		{"a digest every day", []string{"DIGEST", "daily 09:00"}, []string{`DIGEST has the weekday "daily": write mon, tue, wed, thu, fri, sat or sun, like`}},
		{"a digest at nine", []string{"DIGEST", "mon 9am"}, []string{`DIGEST has the time "9am": write hours and minutes from 00:00 to 23:59, like`}},
		{"a digest at midnight, from behind", []string{"DIGEST", "mon 24:00"}, []string{`DIGEST has the time "24:00"`}},
		{"a digest at half a minute", []string{"DIGEST", "mon 09:5"}, []string{`DIGEST has the time "09:5"`}},
		{"a digest before all time", []string{"DIGEST", "mon -9:00"}, []string{`DIGEST has the time "-9:00"`}},
		{"a digest in summer", []string{"DIGEST", "mon 09:00 CEST"}, []string{`DIGEST has the zone "CEST", which is not known: write continent and city, like Europe/Berlin, or UTC`}},
		{"a digest where the bot happens to run", []string{"DIGEST", "mon 09:00 Local"}, []string{`DIGEST has the zone "Local", which is not known`}},
		{"a digest from a file", []string{"DIGEST", "mon 09:00 ../../etc/passwd"}, []string{`DIGEST has the zone "../../etc/passwd", which is not known`}},
		{"log level", []string{"LOG_LEVEL", "loud"}, []string{`LOG_LEVEL is "loud": write error, warn, info, debug or trace`}},
		{"log format", []string{"LOG_FORMAT", "xml"}, []string{`LOG_FORMAT is "xml": write text or json`}},
		{"a name", []string{"BIGFIX_NAME", "Prod"}, []string{`BIGFIX_NAME has the name "Prod": use a-z and 0-9`}},
		{"names of servers", []string{"BIGFIX_SERVERS", "prod,Lab"}, []string{`BIGFIX_SERVERS has the name "Lab": use a-z and 0-9`}},
		{"no server", []string{"BIGFIX_SERVERS", " , "}, []string{"BIGFIX_SERVERS names no server"}},
		{"a server named ca", []string{"BIGFIX_SERVERS", "ca,lab"}, []string{`BIGFIX_SERVERS has a server named "ca", whose variables could not be told from BIGFIX_CA_FILE`}},
		{"a server named token", []string{"BIGFIX_SERVERS", "token"}, []string{`BIGFIX_SERVERS has a server named "token", whose variables could not be told from BIGFIX_TOKEN`}},
		{"token and its file", []string{"BIGFIX_TOKEN_FILE", empty}, []string{"BIGFIX_TOKEN and BIGFIX_TOKEN_FILE are both set: keep one of them"}},
		{"an empty file", []string{"BIGFIX_TOKEN", "-", "BIGFIX_TOKEN_FILE", empty}, []string{"BIGFIX_TOKEN_FILE names " + empty + ", which is empty"}},
		{"no such file", []string{"BIGFIX_TOKEN", "-", "BIGFIX_TOKEN_FILE", dir + "/no"}, []string{"BIGFIX_TOKEN_FILE names " + dir + "/no, which can't be read: no such file or directory"}},
		{"a folder", []string{"BIGFIX_TOKEN", "-", "BIGFIX_TOKEN_FILE", dir}, []string{"BIGFIX_TOKEN_FILE names " + dir + ", which can't be read: it is no file"}},
		{"an inherited fault is named once", []string{"BIGFIX_SERVERS", "prod,lab", "BIGFIX_LAB_URL", "https://lab", "POLL_IDLE", "30"}, []string{`POLL_IDLE is "30"`}},
		{"two servers at the one address", []string{"BIGFIX_SERVERS", "prod,lab"},
			[]string{"BIGFIX_SERVERS names prod and lab, which have the same address, https://bigfix.example.com:9081: set BIGFIX_PROD_URL and BIGFIX_LAB_URL, each to the address of its own server"}},
		{"one address, written in three ways", []string{"BIGFIX_SERVERS", "prod,lab,eu-1,us", "BIGFIX_URL", "https://b.example.com", "BIGFIX_LAB_URL", "HTTPS://B.Example.com:443/", "BIGFIX_EU_1_URL", "https://b.example.com.//", "BIGFIX_US_URL", "https://b.example.com/us"},
			[]string{"BIGFIX_SERVERS names prod, lab and eu-1, which have the same address, https://b.example.com: set BIGFIX_PROD_URL, BIGFIX_LAB_URL and BIGFIX_EU_1_URL,"}},
		{"two pairs", []string{"BIGFIX_SERVERS", "a,b,c,d", "BIGFIX_C_URL", "http://127.0.0.1", "BIGFIX_D_URL", "http://127.0.0.1:80"},
			[]string{"BIGFIX_SERVERS names a and b, ", "BIGFIX_SERVERS names c and d, "}},
		{"a server's own fault", []string{"BIGFIX_SERVERS", "prod,lab", "BIGFIX_LAB_URL", "https://lab", "BIGFIX_LAB_POLL_IDLE", "30"}, []string{`BIGFIX_LAB_POLL_IDLE is "30"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Bot(environ(with(enough(), tc.changes...)))
			got := faults(t, err)
			if len(got) != len(tc.want) {
				t.Fatalf("got %q, want %d faults", got, len(tc.want))
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tc.want[i]) {
					t.Errorf("got  %s\nwant %s…", got[i], tc.want[i])
				}
			}
			if strings.Contains(err.Error(), "secretive") {
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}

// What a person sees who starts the bot with nothing set, and with much set wrongly.
func TestMessageNamesAllFaultsAtOnce(t *testing.T) {
	for name, vars := range map[string]map[string]string{
		"nothing": {},
		"several": with(enough(), "BIGFIX_SERVERS", "prod,lab", "BIGFIX_URL", "-", "BIGFIX_TOKEN", "-", "SLACK_CHANNEL", "-",
			"BIGFIX_PROD_URL", "http://prod:9081", "BIGFIX_PROD_TOKEN", "1", "BIGFIX_LAB_USER", "ana", "POLL_IDLE", "30"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Bot(environ(vars))
			golden.Check(t, name+".txt", err.Error()+"\n")
		})
	}
}

func TestSeveralServers(t *testing.T) {
	cfg := mustBot(t, environ(with(enough(),
		"BIGFIX_SERVERS", "prod, lab,prod-eu",
		"BIGFIX_LAB_URL", "https://lab.example.com:9081/",
		"BIGFIX_LAB_EDITION", "ilmt",
		"BIGFIX_LAB_USER", "ana",
		"BIGFIX_LAB_PASSWORD", "hunter2",
		"BIGFIX_LAB_CHANNEL", "CLAB",
		"BIGFIX_LAB_OPERATORS", "SGROUP UANA",
		"BIGFIX_LAB_POLL_IDLE", "1500ms",
		"BIGFIX_LAB_ANNOUNCE", "all",
		"BIGFIX_LAB_CONFIRM", "never",
		"BIGFIX_LAB_STALE_AFTER", "off",
		"BIGFIX_LAB_UNREACHABLE_AFTER", "1h",
		"BIGFIX_LAB_ALERT_CHANNEL", "GONCALL",
		"ALERT_MENTION", "SONCALL",
		"BIGFIX_PROD_EU_URL", "http://127.0.0.1:9081", // on another host, the same port
		"BIGFIX_PROD_EU_TIMEOUT", "5s",
		"BIGFIX_PROD_EU_TOKEN", "abc",
	)))
	var names []string
	for _, s := range cfg.Servers {
		names = append(names, s.Name)
	}
	if want := []string{"prod", "lab", "prod-eu"}; !slices.Equal(names, want) {
		t.Fatalf("servers: got %q, want %q", names, want)
	}
	prod, lab, eu := cfg.Servers[0], cfg.Servers[1], cfg.Servers[2]
	if prod.URL != enough()["BIGFIX_URL"] || prod.Token.Reveal() != enough()["BIGFIX_TOKEN"] || prod.TokenVariable != "BIGFIX_TOKEN" {
		t.Errorf("prod does not inherit: %+v", prod)
	}
	if lab.URL != "https://lab.example.com:9081" || !lab.Token.Empty() || lab.User != "ana" || lab.Password.Reveal() != "hunter2" ||
		lab.TokenVariable != "BIGFIX_LAB_PASSWORD" || lab.TokenIn != bigfix.TokenInHeader {
		t.Errorf("lab does not have its own login: %+v", lab)
	}
	if lab.CAFileVariable != "BIGFIX_LAB_CA_FILE" {
		t.Errorf("lab: its certificate is given with %s", lab.CAFileVariable)
	}
	if lab.Channel != "CLAB" || !slices.Equal(lab.Operators, []string{"SGROUP", "UANA"}) || lab.OperatorsVariable != "BIGFIX_LAB_OPERATORS" || lab.PollIdle != 1500*time.Millisecond || lab.Announce != AnnounceAll {
		t.Errorf("lab does not have its own settings: %+v", lab)
	}
	if lab.Confirm != ConfirmNever || lab.StaleAfter != imports.Off || lab.UnreachableAfter != imports.Threshold(time.Hour) || lab.AlertChannel != "GONCALL" || lab.AlertMention != "SONCALL" {
		t.Errorf("lab does not have its own alerts: %+v", lab)
	}
	if prod.Confirm != ConfirmOverlap || prod.AlertChannel != "" || prod.AlertMention != "SONCALL" {
		t.Errorf("prod has what is lab's: %+v", prod)
	}
	if eu.Timeout != 5*time.Second || eu.Token.Reveal() != "abc" || eu.TokenVariable != "BIGFIX_PROD_EU_TOKEN" || eu.Channel != "C0123456789" {
		t.Errorf("prod-eu: %+v", eu)
	}
}

// Whatever two servers are called, no variable belongs to both: the one pair of NAMEs of which one ends in the other is looked for among
// the names of the servers.
func TestServersShareNoVariable(t *testing.T) {
	var names []string
	for _, v := range variables {
		if v.of != "" {
			names = append(names, withFile(v, v.of)...)
		}
	}
	for _, a := range names {
		for _, b := range names {
			before, ambiguous := strings.CutSuffix(a, "_"+b)
			if !ambiguous {
				continue
			}
			other := "x-" + strings.ToLower(strings.ReplaceAll(before, "_", "-"))
			for _, servers := range []string{"x," + other, other + ",x"} {
				_, err := Servers(environ(with(enough(), "BIGFIX_SERVERS", servers, "BIGFIX_X_URL", "https://x")))
				if got := faults(t, err); len(got) != 1 || !strings.Contains(got[0], "BIGFIX_X_"+a+" could be meant for either") {
					t.Errorf("%s, BIGFIX_X_%s: got %q", servers, a, got)
				}
			}
		}
	}
}

// A start from the command line must not reach another server than the one that was named either.
func TestServersKeepsThemApart(t *testing.T) {
	_, err := Servers(environ(with(enough(), "BIGFIX_SERVERS", "prod,lab")))
	if got := faults(t, err); len(got) != 1 || !strings.HasPrefix(got[0], "BIGFIX_SERVERS names prod and lab, which have the same address") {
		t.Errorf("got %q", got)
	}
}

func TestServersNeedsNothingOfSlack(t *testing.T) {
	cfg, err := Servers(environ(map[string]string{"BIGFIX_URL": "http://127.0.0.1:1", "BIGFIX_TOKEN": "a", "SLACK_CHANNEL": "#nonsense", "LOG_LEVEL": "loud"}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := cfg.Servers[0].URL, "http://127.0.0.1:1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEnvironmentWinsOverDotEnv(t *testing.T) {
	dir := t.TempDir()
	tokenFile := write(t, dir, "token", "from-a-file\n")
	lines := []string{"# ours", "export POLL_IDLE=7s", "POLL_RUNNING=9s", "BIGFIX_TOKEN_FILE=" + tokenFile, "SLACK_COMMAND='/von$punkt'", ""}
	for name, value := range with(enough(), "BIGFIX_TOKEN", "-") {
		lines = append(lines, name+"="+value)
	}
	src := Source{DotEnv: write(t, dir, ".env", strings.Join(lines, "\r\n"))}

	cfg := mustBot(t, src)
	if s := cfg.Servers[0]; s.PollIdle != 7*time.Second || s.Token.Reveal() != "from-a-file" || cfg.Slack.Command != "/von$punkt" {
		t.Errorf(".env alone: %+v, token %q, command %s", s, s.Token.Reveal(), cfg.Slack.Command)
	}
	src.Environ = []string{"POLL_IDLE=8s", "BIGFIX_TOKEN=from-the-environment", "POLL_RUNNING="}
	s := mustBot(t, src).Servers[0]
	if s.PollIdle != 8*time.Second || s.PollRunning != 30*time.Second {
		t.Errorf("polls: got %s and %s, want 8s of the environment and the default 30s, for an empty variable hides .env's", s.PollIdle, s.PollRunning)
	}
	if got, want := s.Token.Reveal(), "from-the-environment"; got != want {
		t.Errorf("token: got %q, want %q: NAME in the environment is stronger than NAME_FILE in .env", got, want)
	}
}

func TestFaultyDotEnvIsNotQuoted(t *testing.T) {
	path := write(t, t.TempDir(), ".env", "POLL_IDLE=1s\nNOTE='two\nlines'\nBIGFIX PASS!WORD secretive\nPOLL_RUNNING=1s\n")
	_, err := Bot(Source{DotEnv: path, Environ: environ(enough()).Environ})
	got := faults(t, err)
	if want := path + " has a fault in line 4"; len(got) != 1 || !strings.HasPrefix(got[0], want) {
		t.Errorf("got %q, want %s", got, want)
	}
	if strings.Contains(err.Error(), "secretive") {
		t.Errorf("a line of .env is shown: %v", err)
	}
}

// What stands in a .env that can't be used is not known, so nothing is called missing: the cause would drown in that. What is wrong in
// the environment is named all the same.
func TestUnusableDotEnvIsTheOnlyCauseNamed(t *testing.T) {
	folder := t.TempDir()
	faulty := write(t, folder, ".env", "SLACK_BOT_TOKEN xoxb-1\n")
	inTheClear := "BIGFIX_LAB_URL is http://, which would send the token in the clear"
	for _, tc := range []struct {
		name, dotEnv string
		environ      []string
		want         []string // each begins a fault
	}{
		{"can't be read", folder, nil, []string{folder + " can't be read: is a directory"}},
		{"has a faulty line", faulty, nil, []string{faulty + " has a fault in line 1"}},
		{"half a login", faulty, []string{"BIGFIX_USER=ana"}, []string{faulty}},
		{"the other half", faulty, []string{"BIGFIX_PASSWORD=a"}, []string{faulty}},
		{"several servers", faulty, []string{"BIGFIX_SERVERS=prod,lab"}, []string{faulty}},
		{"several servers at one address, for all it is known", faulty, []string{"BIGFIX_SERVERS=prod,lab", "BIGFIX_URL=https://b"}, []string{faulty}},
		{"several servers at one address", faulty, []string{"BIGFIX_SERVERS=prod,lab", "BIGFIX_PROD_URL=https://b", "BIGFIX_LAB_URL=https://b"}, []string{faulty, "BIGFIX_SERVERS names prod and lab"}},
		{"really wrong", faulty, []string{"POLL_IDLE=30"}, []string{faulty, `POLL_IDLE is "30"`}},
		{"a file of a variable", faulty, []string{"BIGFIX_TOKEN_FILE=" + folder}, []string{faulty, "BIGFIX_TOKEN_FILE names " + folder + ", which can't be read"}},
		{"in the clear, for all it is known", faulty, []string{"BIGFIX_SERVERS=lab", "BIGFIX_LAB_URL=http://lab", "BIGFIX_INSECURE=false"}, []string{faulty}},
		{"in the clear", faulty, []string{"BIGFIX_SERVERS=lab", "BIGFIX_LAB_URL=http://lab", "BIGFIX_LAB_INSECURE=false"}, []string{faulty, inTheClear}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Bot(Source{DotEnv: tc.dotEnv, Environ: tc.environ})
			got := faults(t, err)
			if !slices.EqualFunc(got, tc.want, strings.HasPrefix) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
			if want := "Nothing of " + tc.dotEnv + " could be used"; !strings.Contains(err.Error(), want) {
				t.Errorf("got %s\nwant %q in it", err, want)
			}
		})
	}
}

// A file of one variable that can't be read leaves that variable not missing, and what others lack is named.
func TestUnreadableFileOfAVariableIsNotMissing(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for _, name := range []string{"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "BIGFIX_TOKEN", "DATABASE_URL", "HEARTBEAT_URL"} {
		_, err := Bot(environ(with(enough(), name, "-", name+"_FILE", none, "SLACK_CHANNEL", "-")))
		got := faults(t, err)
		want := []string{"SLACK_CHANNEL is missing", name + "_FILE names " + none + ", which can't be read"}
		if !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	dotEnv := write(t, t.TempDir(), ".env", "BIGFIX_NOTE=\"pa$word\"\nLOG_LEVEL='$x'\n")
	for _, tc := range []struct {
		name    string
		changes []string
		dotEnv  string
		want    []string
	}{
		{"foreign ones are none of ours", []string{"PATH", "/bin", "SLACK_WEBHOOK_URL", "x", "IMPORT_PATH", "y"}, "", nil},
		{"misspelt", []string{"SLACK_CHANEL", "C1"}, "", []string{"SLACK_CHANEL is not read: did you mean SLACK_CHANNEL?"}},
		{"misspelt, BigFix", []string{"BIGFIX_TOKNE", "C1"}, "", []string{"BIGFIX_TOKNE is not read: did you mean BIGFIX_TOKEN?"}},
		{"in lower case", []string{"poll_idle", "1s"}, "", []string{"poll_idle is not read: did you mean POLL_IDLE?"}},
		{"with a prefix too many", []string{"BIGFIX_POLL_IDLE", "1s"}, "", []string{"BIGFIX_POLL_IDLE is not read: did you mean POLL_IDLE?"}},
		{"unknown", []string{"BIGFIX_COLOUR", "blue"}, "", []string{"BIGFIX_COLOUR is not read: there is no such variable (.env.example lists all)"}},
		{"a file of what takes none", []string{"SLACK_CHANNEL_FILE", "/x"}, "", []string{"SLACK_CHANNEL_FILE is not read: only tokens, passwords, DATABASE_URL and HEARTBEAT_URL can stand in a file; set SLACK_CHANNEL"}},
		{"a server without a list", []string{"BIGFIX_LAB_URL", "x"}, "", []string{"BIGFIX_LAB_URL is not read: for a server named lab set BIGFIX_SERVERS=lab, or drop the name for the only server"}},
		{"a server not listed", []string{"BIGFIX_SERVERS", "prod,lab", "BIGFIX_LAB_URL", "https://lab", "BIGFIX_LAV_POLL_IDLE", "1s"}, "", []string{"BIGFIX_LAV_POLL_IDLE is not read: BIGFIX_SERVERS names no lav, but prod, lab"}},
		{"misspelt of a server", []string{"BIGFIX_SERVERS", "prod,lab", "BIGFIX_LAB_URL", "https://lab", "BIGFIX_LAB_TOKN", "1s"}, "", []string{"BIGFIX_LAB_TOKN is not read: did you mean BIGFIX_LAB_TOKEN?"}},
		{"for the whole program", []string{"BIGFIX_SERVERS", "prod", "BIGFIX_PROD_LOG_LEVEL", "warn", "BIGFIX_PROD_BOT_TOKEN", "x"}, "",
			[]string{"BIGFIX_PROD_BOT_TOKEN is not read: SLACK_BOT_TOKEN holds for the whole program", "BIGFIX_PROD_LOG_LEVEL is not read: LOG_LEVEL holds for the whole program"}},
		{"a name and a list", []string{"BIGFIX_SERVERS", "prod", "BIGFIX_NAME", "main"}, "", []string{"BIGFIX_NAME has no effect: BIGFIX_SERVERS names the servers"}},
		{"insecure", []string{"BIGFIX_INSECURE", "true"}, "", []string{"the certificate of bigfix is not verified (BIGFIX_INSECURE): anybody between here and there can read its token and answer in its place"}},
		{"thresholds as they may be", []string{"STALE_AFTER", "off", "STALL_AFTER", "auto", "UNREACHABLE_AFTER", "5m", "MISSED_AFTER", "off"}, "", nil},
		{"unreachable too soon", []string{"UNREACHABLE_AFTER", "299s"}, "",
			[]string{"UNREACHABLE_AFTER is 4m59s, and 5 looks without an answer take 5m at POLL_IDLE=1m: no alert comes sooner than that"}},
		{"unreachable too soon, told once of what is inherited", []string{"BIGFIX_SERVERS", "prod,lab", "BIGFIX_LAB_URL", "https://lab", "UNREACHABLE_AFTER", "1m"}, "",
			[]string{"UNREACHABLE_AFTER is 1m, and 5 looks without an answer take 5m at POLL_IDLE=1m: no alert comes sooner than that"}},
		{"unreachable too soon for one", []string{"BIGFIX_SERVERS", "prod,lab", "BIGFIX_LAB_URL", "https://lab", "BIGFIX_LAB_POLL_IDLE", "1h"}, "",
			[]string{"UNREACHABLE_AFTER is 15m, and 5 looks without an answer take 5h at POLL_IDLE=1h: no alert comes sooner than that",
				"MISSED_AFTER is 15m, and nobody looks more often than POLL_IDLE=1h: no alert comes sooner than that"}},
		{"missed too soon", []string{"MISSED_AFTER", "30s"}, "",
			[]string{"MISSED_AFTER is 30s, and nobody looks more often than POLL_IDLE=1m: no alert comes sooner than that"}},
		{"stalled too soon", []string{"STALL_AFTER", "59s"}, "",
			[]string{"STALL_AFTER is 59s, less than two looks at POLL_RUNNING=30s: every import would seem to stand still"}},
		{"stale too soon", []string{"BIGFIX_SERVERS", "prod", "BIGFIX_PROD_STALE_AFTER", "90s"}, "",
			[]string{"BIGFIX_PROD_STALE_AFTER is 1m30s: imports often take longer than that, and no success can be fresher than its import"}},
		{"a heartbeat in the clear", []string{"HEARTBEAT_URL", "http://hc.example.com/ping/secretive"}, "",
			[]string{"HEARTBEAT_URL is http://: anybody between here and there can read it, and then keep the alarm quiet; write it with https://"}},
		{"a heartbeat in the clear on this machine", []string{"HEARTBEAT_URL", "http://127.0.0.1:1/ping"}, "", nil},
		{"a database that may be anybody's", []string{"DATABASE_URL", "postgres://a:secretive@b:5432/c"}, "",
			[]string{"DATABASE_URL does not say whether the connection to b is encrypted, so what PostgreSQL offers is taken, and nothing proves that it is your server: add sslmode=verify-full (with sslrootcert=/path/of/its/ca.pem), or sslmode=disable if the network is yours alone"}},
		{"a proxy's password", []string{"HTTPS_PROXY", "http://bot:pa@secretive@proxy:3128"}, "",
			[]string{"HTTPS_PROXY can't be read as it stands: write it like http://user:PASSWORD@proxy.example.com:3128; " + escapes}},
		{"a proxy", []string{"HTTPS_PROXY", "http://bot:pa%40secretive@proxy:3128", "http_proxy", "proxy:3128"}, "", nil},
		{"dollars in .env", []string{"LOG_LEVEL", "info"}, dotEnv, []string{
			".env line 1: the $ in BIGFIX_NOTE is read as another variable's name; put the value between 'single quotes' if it is meant as it stands",
			"BIGFIX_NOTE is not read: did you mean BIGFIX_NAME?"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src := environ(with(enough(), tc.changes...))
			src.DotEnv = tc.dotEnv
			if got := mustBot(t, src).Warnings; !slices.Equal(got, tc.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		})
	}
}

func TestSecretNeverPrints(t *testing.T) {
	secret := NewSecret("hunter2")
	holder := struct {
		Shown  Secret
		hidden Secret
		List   []Secret
	}{secret, secret, []Secret{secret}}
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, secret), fmt.Sprintf(verb, holder), fmt.Sprintf(verb, &holder))
	}
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	texts = append(texts, string(asJSON), fmt.Sprint(errors.New("with "+secret.String())))
	entry, err := logrus.WithField("token", secret).WithField("config", holder).String()
	if err != nil {
		t.Fatal(err)
	}
	texts = append(texts, entry)
	for _, text := range texts {
		if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("it prints: %s", text)
		}
	}
	if got, want := string(asJSON), `{"Shown":"***","List":["***"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := fmt.Sprintf("%v|%s", Secret{}, Secret{}); got != "|" {
		t.Errorf("an empty one prints %q, want nothing", got)
	}
}

func TestSecretsListsEveryForm(t *testing.T) {
	got := mustBot(t, environ(with(enough(), "BIGFIX_TOKEN", "-", "BIGFIX_USER", "ana", "BIGFIX_PASSWORD", "a b&c",
		"DATABASE_URL", "postgres://u:pg%3Dpw@h1:1,h2:2/d?sslmode=disable&sslpassword=key+pw",
		"HEARTBEAT_URL", "https://u:beat@hc.example.com/ping/0123-4567-89ab?key=abcdefabcdef",
		"https_proxy", "u:pro%20xy@proxy:3128", "ALL_PROXY", "http://u:broken@to/pieces@proxy",
	))).Secrets()
	for _, want := range []string{
		"xoxb-1", "xapp-1", "a b&c", "a+b%26c", "a%20b&c", "pg=pw", "pg%3Dpw", "key pw",
		"https://u:beat@hc.example.com/ping/0123-4567-89ab?key=abcdefabcdef", "/ping/0123-4567-89ab?key=abcdefabcdef", "0123-4567-89ab", "abcdefabcdef",
		"beat", "dTpiZWF0" /* u:beat */, "pro xy", "dTpwcm8geHk=", /* u:pro xy */
		"broken@to/pieces", "broken", "pieces",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
	if slices.Contains(got, "ping") || slices.Contains(got, "") {
		t.Errorf("got %q, with what is no secret", got)
	}
}

// A path is no secret, and a password that PostgreSQL's programs find elsewhere is one.
func TestSecretsOfTheDatabase(t *testing.T) {
	t.Setenv("PGPASSWORD", "from-elsewhere")
	path := filepath.Join(t.TempDir(), "importbot.db")
	if got := mustBot(t, environ(with(enough(), "DATABASE_URL", path))).Secrets(); slices.Contains(got, path) || slices.Contains(got, "from-elsewhere") {
		t.Errorf("SQLite: got %q", got)
	}
	if got := mustBot(t, environ(with(enough(), "DATABASE_URL", "postgres://u@/d?host=/run/postgresql"))).Secrets(); !slices.Contains(got, "from-elsewhere") {
		t.Errorf("PostgreSQL: got %q, want PGPASSWORD in it", got)
	}
}

func TestPostgresIsTaken(t *testing.T) {
	for _, text := range []string{
		"postgres://a:b@c/d?sslmode=disable", "postgresql://a@c:5433/d?sslmode=require", "postgres://a:b%40c@h1:5432,h2:5432/d?sslmode=disable&target_session_attrs=read-write",
		"postgres://c/d?user=a&password=b&sslmode=disable", "postgres:///d?host=/run/postgresql", "postgres://a:b@[::1]:5432/d", "postgres://a:b#c@127.0.0.1/d",
	} {
		cfg := mustBot(t, environ(with(enough(), "DATABASE_URL", text)))
		if got := cfg.Database.Reveal(); got != text || len(cfg.Warnings) > 0 {
			t.Errorf("got %q with %q, want %q", got, cfg.Warnings, text)
		}
	}
}

func TestWatchingIsRead(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		addr, audit         string
		wantAddr, wantAudit string
	}{
		{"off", "stderr", "", "stderr"},
		{"OFF", "StdErr", "", "stderr"},
		{":9480", filepath.Join(dir, "new.jsonl"), ":9480", filepath.Join(dir, "new.jsonl")},
		{"[::1]:0", write(t, dir, "old.jsonl", "{}\n"), "[::1]:0", filepath.Join(dir, "old.jsonl")},
		{"bot.example.com:80", "", "bot.example.com:80", ""},
	} {
		cfg := mustBot(t, environ(with(enough(), "HTTP_ADDR", tc.addr, "AUDIT_LOG", tc.audit)))
		if cfg.HTTP.Addr != tc.wantAddr || cfg.AuditLog != tc.wantAudit {
			t.Errorf("%s, %s: got %q, %q", tc.addr, tc.audit, cfg.HTTP.Addr, cfg.AuditLog)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("asking whether a file can be written leaves %q, %v", left, err)
	}
}

func TestHeartbeatFromAFile(t *testing.T) {
	const address = "https://hc.example.com/ping/0123456789ab"
	cfg := mustBot(t, environ(with(enough(), "HEARTBEAT_URL_FILE", write(t, t.TempDir(), "beat", address+"\n"))))
	if got := cfg.HeartbeatURL.Reveal(); got != address {
		t.Errorf("got %q, want %q", got, address)
	}
}

// The example lists every variable, and what it gives as defaults are the defaults.
func TestExampleIsTheTable(t *testing.T) {
	data, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]string{}
	for _, line := range strings.Split(string(data), "\n") {
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "#"), "=")
		if ok && !strings.ContainsAny(name, " .`(") && name == strings.ToUpper(name) {
			vars[name] = value
		}
	}
	for _, v := range variables {
		if _, ok := vars[v.name]; !ok {
			t.Errorf(".env.example does not show %s", v.name)
		}
	}
	// As a new user does: copy it, and fill in what is required.
	filled := string(data)
	for name, value := range enough() {
		filled = strings.ReplaceAll(filled, "\n"+name+"=", "\n"+name+"="+value+"\n#")
	}
	cfg := mustBot(t, Source{DotEnv: write(t, t.TempDir(), ".env", filled)})
	if len(cfg.Warnings) != 0 {
		t.Errorf("the example as it is gives warnings: %q", cfg.Warnings)
	}
	// The defaults that stand commented out are the real ones.
	plain := mustBot(t, environ(enough()))
	all := enough()
	for name, value := range vars {
		_, required := all[name]
		if !required && value != "" && !strings.HasPrefix(name, "BIGFIX_PROD") && !strings.HasPrefix(name, "BIGFIX_LAB") && name != "BIGFIX_SERVERS" {
			all[name] = value
		}
	}
	uncommented := mustBot(t, environ(all))
	uncommented.Servers[0].Token, plain.Servers[0].Token = Secret{}, Secret{}
	if !reflect.DeepEqual(uncommented.Servers, plain.Servers) {
		t.Errorf("got %+v\nwant %+v", uncommented.Servers, plain.Servers)
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// However a password spoils the URL that it stands in, what is said of it does not hold the password.
func FuzzDatabaseURL(f *testing.F) {
	const marked = "MARKEDsecret"
	for _, before := range []string{"", "@", "/", "?", "#", ":", "%", "%40", "[", "1/", "?sslmode=", "/c?host="} {
		for _, after := range []string{"", "@", "/", ":"} {
			f.Add(before, after, "b/c")
			f.Add(before, after, "b/c?sslmode=maybe")
		}
	}
	f.Fuzz(func(t *testing.T, before, after, rest string) {
		text := "postgres://a:" + before + marked + after + "@" + rest
		r := newReader(environ(map[string]string{"DATABASE_URL": text}))
		r.database()
		if said := fmt.Sprint(r.faults, r.warnings); strings.Contains(said, marked) {
			t.Errorf("%q: %s", text, said)
		}
	})
}
