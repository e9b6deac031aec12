package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"importbot/bigfix/bigfixtest"
	"importbot/imports"
	"importbot/internal/golden"
	"importbot/internal/slacksim"
	"importbot/internal/store"
)

// practice is what a doctor looks at: a Slack, a BigFix server and a database, all of which are well.
type practice struct {
	slack   *slacksim.Sim
	bigfix  *bigfixtest.Server
	path    string
	environ []string
}

func newPractice(t *testing.T, more ...string) *practice {
	t.Helper()
	p := &practice{slack: slacksim.New(), bigfix: bigfixtest.NewTLSServer()}
	t.Cleanup(func() { p.slack.Close(); p.bigfix.Close() })
	p.slack.AddUser("U0123456789", "ana")
	p.slack.AddUserGroup("S0123456789", "oncall", "U0123456789")
	dir := t.TempDir()
	p.path = filepath.Join(dir, "bot.db")
	certificate, err := p.bigfix.WriteCertificate(dir)
	if err != nil {
		t.Fatal(err)
	}
	p.environ = append([]string{
		"SLACK_BOT_TOKEN=" + p.slack.BotToken, "SLACK_APP_TOKEN=" + p.slack.AppToken, "SLACK_API_URL=" + p.slack.APIURL(), "SLACK_CHANNEL=C0123456789",
		"IMPORT_OPERATORS=U0123456789,S0123456789", "BIGFIX_NAME=prod", "BIGFIX_URL=" + p.bigfix.URL, "BIGFIX_TOKEN=" + p.bigfix.Token,
		"BIGFIX_CA_FILE=" + certificate, "DATABASE_URL=" + p.path,
	}, more...)
	return p
}

// prepared makes the database, as a bot that looked at prod three minutes ago left it.
func (p *practice) prepared(t *testing.T) {
	t.Helper()
	db, err := store.Open(t.Context(), p.path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lead, err := db.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-3 * time.Minute)
	srv := imports.Server{Name: "prod", Last: imports.Observation{Span: imports.Span{Asked: at, At: at}}}
	if err := db.Record(t.Context(), lead.Lead().Epoch, srv, nil); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDoctorFindsAllWell(t *testing.T) {
	p := newPractice(t)
	var first, got result
	t.Run("before the first start", func(t *testing.T) { first = call(t, p.environ, "doctor") })
	if first.code != exitWell || !strings.Contains(first.out, "is not there yet: the bot makes it at its first start") {
		t.Errorf("before the first start: got %d\n%s%s", first.code, first.out, first.err)
	}
	p.prepared(t)
	t.Run("beside a bot", func(t *testing.T) { got = call(t, p.environ, "doctor") })
	if got.code != exitWell {
		t.Errorf("got %d, %s", got.code, got.err)
	}
	golden.Check(t, "doctor.txt", strings.NewReplacer(p.path, "/var/lib/importbot/importbot.db", p.slack.BotUserID, "U0IMPORTBOT").Replace(got.out))
	if calls := p.slack.Calls("chat.postMessage"); len(calls) > 0 || len(p.bigfix.Journal().Requests) != 2 {
		t.Errorf("it posted %d messages, and asked the server %d times in two visits", len(calls), len(p.bigfix.Journal().Requests))
	}
}

// Each thing that can be wrong is named with what to do, and the rest is checked all the same.
func TestDoctorFindsWhatIsWrong(t *testing.T) {
	for _, tc := range []struct {
		name    string
		environ []string
		spoil   func(t *testing.T, p *practice)
		want    string // begins the line that says it
		count   int    // of the lines that begin with FAIL
	}{
		{"a fault of the configuration", []string{"SLACK_CHANNEL=#general", "POLL_IDLE=30"}, nil, `FAIL  Configuration     POLL_IDLE is "30", a number without a unit: write 30s`, 2},
		{"a revoked bot token", nil, func(_ *testing.T, p *practice) { p.slack.RevokeBotToken() }, "FAIL  Bot token         Slack refuses SLACK_BOT_TOKEN (token_revoked). Reinstall the app", 1},
		{"a revoked app token", nil, func(_ *testing.T, p *practice) { p.slack.RevokeAppToken() }, "FAIL  App token         Slack refuses SLACK_APP_TOKEN (token_revoked). Make a new app-level token", 1},
		{"no Slack", []string{"SLACK_API_URL=http://127.0.0.1:1/api/"}, nil, "FAIL  Bot token         Slack did not say: ", 2},
		{"a scope for groups", nil, func(_ *testing.T, p *practice) { p.slack.SetScopes("commands", "chat:write", "users:read") },
			"FAIL  Scopes            usergroups:read is missing, and without it Slack does not tell who is in the user groups", 1},
		{"a scope for everybody", []string{"IMPORT_OPERATORS=*"}, func(_ *testing.T, p *practice) { p.slack.SetScopes("commands", "chat:write") },
			"FAIL  Scopes            users:read is missing, and without it guests can't be told from others,", 1},
		{"a group that is not there", []string{"IMPORT_OPERATORS=S0NOBODY"}, nil, "FAIL  Operators         Slack does not tell who is in the user group S0NOBODY (IMPORT_OPERATORS)", 1},
		{"an empty group", []string{"IMPORT_OPERATORS=S0EMPTY"}, func(_ *testing.T, p *practice) { p.slack.AddUserGroup("S0EMPTY", "empty") },
			"FAIL  Operators         the user group S0EMPTY (IMPORT_OPERATORS) is empty", 1},
		{"a certificate that is not trusted", []string{"BIGFIX_CA_FILE="}, nil, "FAIL  Server prod       I can't reach prod: certificate not trusted. Give its certificate with BIGFIX_CA_FILE.\n", 1},
		{"a certificate that expired", nil, func(t *testing.T, p *practice) {
			p.certified(t, time.Date(2001, 1, 2, 3, 4, 0, 0, time.UTC), time.Date(2002, 1, 2, 3, 4, 0, 0, time.UTC), "127.0.0.1")
		}, "FAIL  Server prod       I can't reach prod: certificate expired 2002-01-02 03:04 UTC. If the clock of this machine is right (it shows ", 1},
		{"a certificate that is not valid yet", nil, func(t *testing.T, p *practice) {
			p.certified(t, time.Date(2099, 1, 2, 3, 4, 0, 0, time.UTC), time.Date(2100, 1, 2, 3, 4, 0, 0, time.UTC), "127.0.0.1")
		}, "FAIL  Server prod       I can't reach prod: certificate not valid before 2099-01-02 03:04 UTC. If the clock of this machine is right (it shows ", 1},
		{"a certificate for other hosts", nil, func(t *testing.T, p *practice) {
			p.certified(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "bigfix.example.com", "192.0.2.1")
		}, "FAIL  Server prod       I can't reach prod: certificate is for another host name. It is for bigfix.example.com, 192.0.2.1: give the server's address with that name, or have the server given a certificate for 127.0.0.1.\n", 1},
		{"a certificate for no host", nil, func(t *testing.T, p *practice) {
			p.certified(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		}, "FAIL  Server prod       I can't reach prod: certificate names no host in its SAN; the server needs a new one. It has to have 127.0.0.1 among its subject alternative names.\n", 1},
		{"a wrong token", []string{"BIGFIX_TOKEN=wrong"}, nil, "FAIL  Server prod       prod rejects the credentials", 1},
		{"a server that is down", []string{"BIGFIX_URL=https://127.0.0.1:1"}, nil, "FAIL  Server prod       I can't reach prod: connection refused. Check that https://127.0.0.1:1 is the right address and port, that the server and its service run, and that no firewall between here and there is in the way\n", 1},
		{"a server that is starting", nil, func(_ *testing.T, p *practice) {
			p.bigfix.Fail(bigfixtest.Fault{Answer: bigfixtest.Answer503, On: bigfixtest.Looks})
		},
			"FAIL  Server prod       I can't reach prod: HTTP 503. Something answers at https://127.0.0.1:", 1},
		{"no permission", nil, func(t *testing.T, p *practice) {
			s := bigfixtest.NewServer(bigfixtest.WithDoubts(bigfixtest.Doubts{Permission: bigfixtest.PermissionFlag}))
			t.Cleanup(s.Close)
			p.environ = append(p.environ, "BIGFIX_URL="+s.URL, "BIGFIX_TOKEN="+s.Token)
		}, "FAIL  Server prod       answers (idle), but the user of BIGFIX_TOKEN may not start imports there: give it the permission Manage Imports", 1},
		{"a file that is no database", nil, func(t *testing.T, p *practice) {
			p.path = filepath.Join(t.TempDir(), "note.txt")
			writeFile(t, p.path, strings.Repeat("not a database\n", 100))
			p.environ = append(p.environ, "DATABASE_URL="+p.path)
		}, "FAIL  Database          ", 1},
		{"a database that nobody prepared", nil, func(t *testing.T, p *practice) { writeFile(t, p.path, "") }, "note  Database          ", 0},
		{"no PostgreSQL", []string{"DATABASE_URL=postgres://bot:doctorsecret@127.0.0.1:1/bot?sslmode=disable"}, nil, "FAIL  Database          ", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPractice(t, tc.environ...)
			if tc.spoil != nil {
				tc.spoil(t, p)
			}
			got := call(t, p.environ, "doctor")
			if wantCode := min(tc.count, 1); got.code != wantCode {
				t.Errorf("got %d, want %d; %s", got.code, wantCode, got.err)
			}
			if !strings.Contains("\n"+got.out, "\n"+tc.want) || strings.Count("\n"+got.out, "\nFAIL") != tc.count {
				t.Errorf("no %q, or not %d failures, in\n%s", tc.want, tc.count, got.out)
			}
			for _, secret := range []string{p.slack.BotToken, p.slack.AppToken, p.bigfix.Token, "doctorsecret"} {
				if strings.Contains(got.out+got.err, secret) {
					t.Errorf("it shows a secret:\n%s%s", got.out, got.err)
				}
			}
		})
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// certified gives the server a self-signed certificate, which the configuration trusts.
func (p *practice) certified(t *testing.T, from, till time.Time, hosts ...string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: from, NotAfter: till,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	path := filepath.Join(t.TempDir(), "own.pem")
	writeFile(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	p.environ = append(p.environ, "BIGFIX_URL="+srv.URL, "BIGFIX_CA_FILE="+path)
}
