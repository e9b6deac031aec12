package app

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/internal/pgtest"
	"importbot/internal/slacksim"
)

// No secret gets out (invariant 6). These tests lead the real program through every failure that quotes what it sent, at the lowest log
// level, and then look for its secrets in all that it wrote: logs, messages, answers, files, tables, the process list.

// The secrets, with characters that encoders change where the real ones may have them.
const (
	botSecret      = "xoxb-5550199887-NeedleOfTheBotToken"
	appSecret      = "xapp-1-A0SIM-5550199887-NeedleOfTheAppToken"
	querySecret    = `Query<&>"'+/=%41\NeedleInTheQuery`
	headerSecret   = `Header<&>"'+/=%41\NeedleInTheHeader`
	passwordSecret = `pässword<&>"'+/=%41\NeedleOfTheUser`
	proxySecret    = `pr@xy<&>"'+/=%41\NeedleOfTheProxy`
	databaseSecret = `datab@se<&>"'+/=%41\NeedleOfTheDatabase`
	heartSecret    = "4f1c2d3e-NeedleOfTheHeartbeat-6a7b8c9d"
	pastedSecret   = "xoxp-5550199887-NeedleThatIsNoneOfOurs"
)

// stage is a world with secrets, with fronts that play tricks on the bot.
type stage struct {
	*world
	needles                    needles
	slackFront, prod, lab, hub *front   // hub takes heartbeats, and what goes through a proxy
	seen                       []string // lines about secrets that were found
	looked                     map[string]int
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{looked: map[string]int{}, world: &world{
		slack: slacksim.New(slacksim.WithoutLimits()), dir: t.TempDir(),
		bigfix: bigfixtest.NewServer(bigfixtest.WithToken(querySecret), bigfixtest.WithDuration(bigfix.TypeRaw, 200*time.Millisecond),
			bigfixtest.WithSchedule(bigfixtest.Schedule{Off: true})),
	}}
	s.slack.BotToken, s.slack.AppToken = botSecret, appSecret
	s.slack.AddUser(ana, "ana")
	s.slack.AddChannel(channel, "bigfix")
	for name, value := range map[string]string{
		"the bot token": botSecret, "the app token": appSecret, "the token in the query": querySecret, "the token in the header": headerSecret,
		"the user's password": passwordSecret, "the proxy's password": proxySecret, "the database's password": databaseSecret,
		"the heartbeat's address": heartSecret, "a token that was pasted": pastedSecret,
	} {
		s.needles.add(name, value)
	}
	s.slackFront = newFront(t, &s.needles, s.slack.URL())
	s.prod, s.lab, s.hub = newFront(t, &s.needles, s.bigfix.URL), newFront(t, &s.needles, ""), newFront(t, &s.needles, "")
	t.Cleanup(func() { s.slack.Close(); s.bigfix.Close() })
	return s
}

// environ is a configuration in which everything is a secret or has one in it.
func (s *stage) environ(more ...string) []string {
	return append([]string{
		"SLACK_BOT_TOKEN=" + botSecret, "SLACK_APP_TOKEN=" + appSecret, "SLACK_API_URL=" + s.slackFront.URL + "/api/",
		"SLACK_CHANNEL=" + channel, "IMPORT_OPERATORS=" + ana, "BIGFIX_SERVERS=prod,lab,tls,dns,gone",
		"BIGFIX_URL=" + s.prod.URL, "BIGFIX_PROD_TOKEN=" + querySecret, "BIGFIX_TIMEOUT=500ms",
		"BIGFIX_LAB_URL=" + s.lab.URL, "BIGFIX_LAB_TOKEN=" + headerSecret, "BIGFIX_LAB_TOKEN_IN=header",
		"BIGFIX_TLS_URL=" + strings.Replace(s.lab.URL, "http:", "https:", 1), "BIGFIX_TLS_USER=admin", "BIGFIX_TLS_PASSWORD=" + passwordSecret,
		"BIGFIX_DNS_URL=https://bigfix.invalid:9081", "BIGFIX_DNS_TOKEN=" + querySecret,
		"BIGFIX_GONE_URL=http://127.0.0.1:1", "BIGFIX_GONE_TOKEN=" + querySecret,
		"POLL_RUNNING=50ms", "POLL_IDLE=200ms", "START_GRACE=2s", "END_GRACE=300ms", "UNREACHABLE_AFTER=1s", "ALERT_MENTION=" + ana, "LOG_LEVEL=trace",
		"DATABASE_URL=" + filepath.Join(s.dir, "importbot.db"), "AUDIT_LOG=" + filepath.Join(s.dir, "audit.jsonl"),
		"HEARTBEAT_URL=" + s.hub.URL + "/ping/" + heartSecret + "?key=" + heartSecret, "HTTP_ADDR=127.0.0.1:0", "HOME=" + s.dir, "PATH=/nowhere",
	}, more...)
}

// look looks for secrets in a text.
func (s *stage) look(place, text string) {
	s.looked[place] += len(text)
	s.seen = append(s.seen, s.needles.find(place, text)...)
}

// lookAt looks at what a process has written and what it answers, where it does.
func (s *stage) lookAt(t *testing.T, name string, p *process) {
	t.Helper()
	s.look(name+"'s log", p.log.String())
	s.look(name+"'s output", p.out.String())
	if command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.Process.Pid)); err == nil {
		s.look(name+" in the process list", string(command))
	}
	address := listens.FindStringSubmatch(p.log.String())
	if address == nil {
		return
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/nothing?token=here"} {
		answer, err := http.Get("http://" + address[1] + path)
		if err != nil {
			continue // it has ended
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err == nil {
			s.look(name+"'s "+path, fmt.Sprint(answer.Header)+string(body))
		}
	}
}

var listens = regexp.MustCompile(`"?addr"?[:=]"?(127\.0\.0\.1:\d+)`)

// lookAround looks at all that is left behind: the files, and what people in Slack and Slack itself were told.
func (s *stage) lookAround(t *testing.T) {
	t.Helper()
	s.lookAtFiles(t)
	for _, inv := range s.slack.Invocations() {
		if inv.ResponseURL != "" {
			s.needles.add("the response_url of "+inv.TriggerID, filepath.Base(inv.ResponseURL))
		}
	}
	texts := map[string]any{"Slack's journal": s.journal(), "the channel": s.slack.Messages(channel), "what only ana sees": s.slack.Ephemerals(ana)}
	if home, ok := s.slack.Home(ana); ok {
		texts["the Home tab"] = home
	}
	for _, inv := range s.slack.Invocations() {
		texts["the ack of "+inv.TriggerID], texts["the answers to "+inv.TriggerID] = string(inv.AckPayload()), inv.Answers()
	}
	for place, what := range texts {
		s.look(place, asJSON(t, what))
	}
}

// journal is what Slack was asked for, without the addresses of answers, which it notes itself.
func (s *stage) journal() []slacksim.Call {
	calls := s.slack.Journal()
	for _, call := range calls {
		if call.Method == slacksim.ResponseURL {
			delete(call.Args, "path")
		}
	}
	return calls
}

func (s *stage) lookAtFiles(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		s.look("the file "+entry.Name(), string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// lookIntoTables looks at every row of every table.
func (s *stage) lookIntoTables(t *testing.T, address string) {
	t.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	strings := func(query string) []string {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var all []string
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			all = append(all, text)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return all
	}
	for _, table := range strings(`SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`) {
		for _, row := range strings(`SELECT row::text FROM ` + table + ` AS row`) {
			s.look("the table "+table, row)
		}
	}
}

// verdict fails for each secret that was found, and where places are missing that should have been looked at.
func (s *stage) verdict(t *testing.T, places ...string) {
	t.Helper()
	slices.Sort(s.seen)
	for _, line := range slices.Compact(s.seen) {
		t.Error(line)
	}
	for _, place := range places {
		if s.looked[place] == 0 {
			t.Errorf("%s was not looked at, or is empty; looked at: %q", place, slices.Sorted(maps.Keys(s.looked)))
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// typed types a command and does not wait for what becomes of it.
func (s *stage) typed(t *testing.T, text string) *slacksim.Invocation {
	t.Helper()
	inv, err := s.slack.Type(slacksim.Typed{UserID: ana, ChannelID: channel, Command: "/import", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// acked waits until a command has its ack.
func acked(t *testing.T, inv *slacksim.Invocation) {
	t.Helper()
	if err := inv.Wait(deadline(t)); err != nil {
		t.Fatalf("%s: %v", inv.What, err)
	}
}

// through leads bots through every failure, one after another on the same database, for what failed is tried again ever more seldom.
// It returns the last, which still runs.
func (s *stage) through(t *testing.T, environ []string) *process {
	t.Helper()
	p := s.start(t, environ).ready(t)
	s.pasteSecrets(t)
	s.openHome(t)
	for _, name := range slices.Sorted(maps.Keys(tricks)) {
		s.trick(t, name)
		s.lookAt(t, "a bot in trouble", p)
		p.signal(t, syscall.SIGKILL)
		p.exit(t)
		p = s.start(t, environ).ready(t)
	}
	s.refuseAnswers(t)
	s.trickSockets(t)
	s.bigfix.RejectTokens()
	acked(t, s.typed(t, "raw prod"))
	s.bigfix.AcceptTokens()
	s.slack.RevokeBotToken()
	acked(t, s.typed(t, "raw prod"))
	s.lookAt(t, "a bot whose token is revoked", p)
	s.slack.RestoreBotToken()
	return p
}

// pasteSecrets types what people type who are in the wrong window.
func (s *stage) pasteSecrets(t *testing.T) {
	t.Helper()
	for _, secret := range []string{botSecret, appSecret, querySecret, passwordSecret, pastedSecret, "https://hooks.slack.com/commands/T0SIM/" + pastedSecret} {
		for _, form := range []string{"%s", "raw %s", "status %s", "complete prod %s", "mute prod 2h %s", "history %s", "cancel %s", "raw prod after %s"} {
			acked(t, s.typed(t, fmt.Sprintf(form, secret)))
		}
	}
}

// openHome opens the Home tab, which shows what was typed as the reason of a mute, and waits for what is published.
func (s *stage) openHome(t *testing.T) {
	t.Helper()
	s.slack.OpenHome(ana)
	if err := s.slack.Wait(deadline(t), func() bool { _, ok := s.slack.Home(ana); return ok }); err != nil {
		t.Fatalf("no Home tab: %v", err)
	}
}

// awaitAlerts waits until all servers that can't be seen are alerted, with what failed in the words.
func (s *stage) awaitAlerts(t *testing.T) {
	t.Helper()
	for _, name := range []string{"tls", "dns", "gone"} {
		s.message(t, "alert", func(m slacksim.Message) bool { return strings.Contains(m.Text+string(m.Blocks), name) })
	}
}

// trick has Slack and the servers play a trick on the bot.
func (s *stage) trick(t *testing.T, name string) {
	t.Helper()
	s.slackFront.play(name, "/api/chat.")
	s.lab.play(name, "")
	acked(t, s.typed(t, "raw prod"))
	s.slackFront.await(t, 1)
	s.prod.play(name, "")
	acked(t, s.typed(t, "raw prod"))
	acked(t, s.typed(t, "status all"))
	s.prod.await(t, 2)
	s.lab.await(t, 2)
	s.slackFront.play("", "")
	s.prod.play("", "")
}

// refuseAnswers lets every way of answering a command fail.
func (s *stage) refuseAnswers(t *testing.T) {
	t.Helper()
	for _, fault := range []slacksim.Fault{
		{Status: http.StatusNotFound}, {Status: http.StatusInternalServerError}, {Status: http.StatusForbidden, Error: "expired_url"},
		{Drop: true}, {TakeThenDrop: true}, {Status: http.StatusTooManyRequests, RetryAfter: time.Second},
	} {
		fault.Times = -1
		calls := len(s.slack.Calls(slacksim.ResponseURL))
		s.slack.Fail(slacksim.ResponseURL, fault)
		acked(t, s.typed(t, "raw prod"))
		if err := s.slack.Wait(deadline(t), func() bool { return len(s.slack.Calls(slacksim.ResponseURL)) > calls }); err != nil {
			t.Fatalf("no response_url is asked: %v", err)
		}
		s.slack.Heal(slacksim.ResponseURL)
	}
}

// trickSockets has WebSockets refused by whoever stands behind the address with the ticket, and sends nonsense through those that stand.
func (s *stage) trickSockets(t *testing.T) {
	t.Helper()
	s.slack.SendRaw(`{"type":"slash_commands","envelope_id":17,"payload":{"response_url":"` + s.slack.URL() + `/commands/T0SIM/` + pastedSecret + `"}}`)
	s.slack.SendRaw(`{"type":"` + pastedSecret + `","envelope_id":"1","payload":"` + pastedSecret + `"}`)
	s.slack.SendRaw(pastedSecret)
	for trick, path := range map[string]string{"403": "/link/", "an odd header": "/link/", "nothing at all": "/link/", "500": "/api/apps.", "odd JSON": "/api/apps."} {
		s.slackFront.play(trick, path)
		s.slack.CutSockets(10)
		s.slackFront.await(t, 1)
		s.slackFront.play("", "")
		if err := s.slack.Wait(deadline(t), func() bool { return s.slack.Ready() > 0 }); err != nil {
			t.Fatalf("after %q of %s: %v", trick, path, err)
		}
	}
}

func TestNoSecretGetsOut(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		s := newStage(t)
		s.hub.play("sent elsewhere", "")
		p := s.through(t, s.environ())
		second := s.start(t, s.environ())
		second.exit(t)
		s.lookAt(t, "a second bot", second)
		s.hub.await(t, 1)
		s.awaitAlerts(t)
		s.lookAtFiles(t) // with what is not yet moved from the -wal
		s.lookAt(t, "the bot", p)
		s.end(t, p, syscall.SIGQUIT, "SIGQUIT")
		s.verdict(t, "the bot's log", "the bot in the process list", "the bot's /healthz", "the bot's /readyz", "the bot's /metrics", "the file importbot.db",
			"the file importbot.db-wal", "the file audit.jsonl", "Slack's journal", "the channel", "the Home tab")
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		cluster := pgtest.New(t)
		s := newStage(t)
		address := withPassword(t, cluster, cluster.Database(t))
		s.hub.play("an odd header", "")
		p := s.start(t, s.environ("DATABASE_URL="+address, "LOG_FORMAT=text")).ready(t)
		s.pasteSecrets(t)
		s.openHome(t)
		s.trick(t, "500")
		s.awaitAlerts(t)
		s.withoutDatabase(t, p, cluster, address)
		s.lookIntoTables(t, address)
		s.lookAt(t, "the bot", p)
		s.end(t, p, syscall.SIGTERM, "Stopped")
		s.verdict(t, "the bot's log", "the bot's /readyz", "the bot's /metrics", "the table imports", "the table audit", "the table mutes", "the table notices", "the file audit.jsonl", "Slack's journal", "the channel", "the Home tab")
	})
}

// end ends the bot with a signal, and looks at what it says then and leaves behind.
func (s *stage) end(t *testing.T, p *process, with syscall.Signal, says string) {
	t.Helper()
	p.signal(t, with)
	p.exit(t)
	if !strings.Contains(p.log.String(), says) {
		t.Errorf("the end is not told with %q:\n%s", says, lastLine(p.log.String()))
	}
	s.lookAt(t, "the bot", p)
	s.lookAround(t)
}

// withPassword gives the role of a database the password that is looked for, and returns the URL with it.
func withPassword(t *testing.T, cluster *pgtest.Cluster, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	setPassword(t, cluster, u.User.Username(), databaseSecret)
	u.User = url.UserPassword(u.User.Username(), databaseSecret)
	return u.String()
}

func setPassword(t *testing.T, cluster *pgtest.Cluster, role, password string) {
	t.Helper()
	if err := cluster.Exec(`ALTER ROLE ` + role + ` PASSWORD '` + strings.ReplaceAll(password, "'", "''") + `'`); err != nil {
		t.Fatal(err)
	}
}

// withoutDatabase takes the database away while the bot runs, in each way in which it can go.
func (s *stage) withoutDatabase(t *testing.T, p *process, cluster *pgtest.Cluster, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	role := u.User.Username()
	for name, away := range map[string]func(){
		"stopped": func() {
			if err := cluster.Stop(); err != nil {
				t.Fatal(err)
			}
		},
		"with another password": func() {
			setPassword(t, cluster, role, "another")
			if err := cluster.Restart(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		away()
		acked(t, s.typed(t, "raw prod"))
		acked(t, s.typed(t, "status all"))
		p.awaitStatus(t, http.StatusServiceUnavailable)
		s.lookAt(t, "the bot whose database is "+name, p)
		if err := cluster.Restart(); err != nil {
			t.Fatal(err)
		}
		setPassword(t, cluster, role, databaseSecret)
	}
	p.awaitDatabase(t)
}

// awaitStatus waits until /readyz answers so.
func (p *process) awaitStatus(t *testing.T, want int) {
	t.Helper()
	p.awaitHTTP(t, func(status int, _ string) bool { return status == want })
}

// awaitDatabase waits until the database is well again.
func (p *process) awaitDatabase(t *testing.T) {
	t.Helper()
	p.awaitHTTP(t, func(_ int, body string) bool { return strings.Contains(body, `"name":"database","ok":true`) })
}

func (p *process) awaitHTTP(t *testing.T, fits func(int, string) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 75*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	last := ""
	for {
		if address := listens.FindStringSubmatch(p.log.String()); address != nil {
			if answer, err := http.Get("http://" + address[1] + "/readyz"); err == nil {
				body, _ := io.ReadAll(answer.Body) //nolint:errcheck // it is asked again
				answer.Body.Close()
				if last = string(body); fits(answer.StatusCode, last) {
					return
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("/readyz does not say what is expected:\n%s\n%s", last, p.log)
		}
	}
}

// Where nothing works from the start: tokens that are refused with an echo, a proxy that refuses, a database that quotes the password.
func TestNoSecretGetsOutAtTheStart(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	proxy := "http://" + url.UserPassword("bot", proxySecret).String() + "@" + s.hub.Listener.Addr().String()
	role := url.UserPassword("bot", databaseSecret).String()
	s.needles.add("the proxy's login", base64.StdEncoding.EncodeToString([]byte("bot:"+proxySecret)))
	for name, environ := range map[string][]string{
		"a proxy": {"HTTPS_PROXY=" + proxy, "SLACK_API_URL=https://slack.invalid/api/", "BIGFIX_URL=https://bigfix.invalid:9081", "HEARTBEAT_URL=https://hc.invalid/" + heartSecret},
		"a proxy that is gone": {"HTTPS_PROXY=" + strings.Replace(proxy, s.hub.Listener.Addr().String(), "127.0.0.1:1", 1),
			"SLACK_API_URL=https://slack.invalid/api/", "BIGFIX_URL=https://bigfix.invalid:9081"},
		"a proxy that is none": {"HTTPS_PROXY=" + strings.Replace(proxy, "http:", "gopher:", 1), "SLACK_API_URL=https://slack.invalid/api/", "BIGFIX_URL=https://bigfix.invalid:9081"},
		"a proxy that can't be read": {"HTTPS_PROXY=http://bot:" + proxySecret + "@[::1", "SLACK_API_URL=https://slack.invalid/api/",
			"BIGFIX_URL=https://bigfix.invalid:9081"},
		"TLS":                {"SLACK_API_URL=" + strings.Replace(s.lab.URL, "http:", "https:", 1) + "/api/"},
		"DNS":                {"SLACK_API_URL=https://slack.invalid/api/"},
		"nobody there":       {"SLACK_API_URL=http://127.0.0.1:1/api/"},
		"another Slack":      {"SLACK_API_URL=" + s.lab.URL + "/api/"},
		"a database":         {"DATABASE_URL=postgres://" + role + "@" + refusingDatabase(t) + "/importbot?sslmode=disable"},
		"no database":        {"DATABASE_URL=postgres://" + role + "@127.0.0.1:1/importbot?sslmode=disable"},
		"a database's URL":   {"DATABASE_URL=postgres://bot:" + databaseSecret + "@127.0.0.1:1/importbot"},
		"key=value":          {"DATABASE_URL=host=db password=" + databaseSecret + " dbname=importbot"},
		"tokens mixed up":    {"SLACK_BOT_TOKEN=" + appSecret, "SLACK_APP_TOKEN=" + botSecret},
		"tokens anywhere":    {"BIGFIX_URL=https://h:9081/?token=" + querySecret, "SLACK_COMMAND=" + botSecret, "SLACK_API_URL=https://a:" + passwordSecret + "@slack.com"},
		"a heartbeat's URL":  {"HEARTBEAT_URL=hc.example.com/" + heartSecret},
		"a wrong bot token":  {"SLACK_BOT_TOKEN=" + s.needles.add("a wrong bot token", "xoxb-5550199887-WrongBotNeedle")},
		"a wrong app token":  {"SLACK_APP_TOKEN=" + s.needles.add("a wrong app token", "xapp-1-A0SIM-5550199887-WrongAppNeedle")},
		"an address in use":  {"HTTP_ADDR=" + s.hub.Listener.Addr().String()},
		"an audit log":       {"AUDIT_LOG=/dev/null/" + heartSecret[:5]},
		"a .env with faults": nil,
	} {
		t.Run(name, func(t *testing.T) {
			played := []string{""}
			if name == "a proxy" || name == "another Slack" {
				played = []string{"401", "500", "odd JSON", "an odd status", "an odd reason", "an odd header", "nothing at all", "sent to nowhere"}
			}
			for i, trick := range played {
				s.hub.play(trick, "")
				s.lab.play(trick, "")
				s.dir = t.TempDir()
				if name == "a .env with faults" {
					text := fmt.Sprintf("SLACK_BOT_TOKEN=%s\nBIGFIX_TOKEN='%s\nHEARTBEAT_URL %s\n", botSecret, "open", heartSecret)
					if err := os.WriteFile(filepath.Join(s.dir, ".env"), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				p := s.start(t, s.environ(environ...))
				p.awaitTrouble(t)
				s.lookAt(t, name, p)
				p.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended by itself
				p.exit(t)
				s.lookAt(t, name, p)
				if name != "a .env with faults" {
					s.lookAtFiles(t)
				}
				t.Logf("%d: exit status %d, %d bytes of log, the last: %.300s", i, p.ProcessState.ExitCode(), len(p.log.String()), lastLine(p.log.String()))
			}
			s.verdict(t, name+"'s log")
			s.seen = nil
		})
	}
}

// awaitTrouble waits until a process has ended, or told of three things that do not work.
func (p *process) awaitTrouble(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	for {
		text, more := p.log.now()
		if strings.Count(text, `"level":"warning"`)+strings.Count(text, `"level":"error"`) >= 7 {
			return
		}
		select {
		case <-more:
		case <-p.ended:
			return
		case <-ctx.Done():
			return // less trouble than that: what there is is looked at
		}
	}
}

// The commands that ask a server print what it says.
func TestNoSecretGetsOutInTheTerminal(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, name := range slices.Sorted(maps.Keys(tricks)) {
		for how, credentials := range map[string][]string{
			"query":    {"BIGFIX_TOKEN=" + querySecret},
			"header":   {"BIGFIX_TOKEN=" + headerSecret, "BIGFIX_TOKEN_IN=header"},
			"password": {"BIGFIX_USER=admin", "BIGFIX_PASSWORD=" + passwordSecret},
		} {
			environ := append([]string{"BIGFIX_URL=" + s.lab.URL, "BIGFIX_TIMEOUT=500ms", "START_GRACE=300ms", "POLL_RUNNING=50ms", "PATH=/nowhere"}, credentials...)
			for _, args := range [][]string{{"status"}, {"status", "--json"}, {"start", "raw", "--yes"}} {
				s.lab.play(name, "")
				p := s.start(t, environ, args...)
				p.exit(t)
				s.lookAt(t, fmt.Sprintf("%s, %s, %v", name, how, args), p)
			}
		}
	}
	s.verdict(t)
}
