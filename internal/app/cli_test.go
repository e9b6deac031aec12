package app

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/internal/config"
	"importbot/internal/golden"
)

// result is what a run of the program left behind.
type result struct {
	code     int
	out, err string
}

// call runs the program in this process, in a directory of its own, with no terminal.
func call(t *testing.T, environ []string, args ...string) result {
	t.Helper()
	t.Chdir(t.TempDir())
	var out, err strings.Builder
	p := Program{Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &err, Environ: environ}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return result{p.Main(ctx), out.String(), err.String()}
}

// reach is the environment that leads to a simulated server, with a pace for tests.
func reach(s *bigfixtest.Server, more ...string) []string {
	return append([]string{
		"BIGFIX_URL=" + s.URL, "BIGFIX_TOKEN=" + s.Token, "BIGFIX_NAME=prod",
		"POLL_RUNNING=30ms", "START_GRACE=300ms", "END_GRACE=60ms",
	}, more...)
}

func TestUsage(t *testing.T) {
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"statsu"}, exitUsage, "importbot: I don't know \"statsu\". Did you mean `importbot status`?"},
		{[]string{"dance"}, exitUsage, `importbot: I don't know "dance". ` + "`importbot help`"},
		{[]string{"doctro"}, exitUsage, "Did you mean `importbot doctor`?"},
		{[]string{"doctor", "prod"}, exitUsage, `importbot doctor: "prod" is a word too many. Use: importbot doctor`},
		{[]string{"status", "a", "b"}, exitUsage, "Use: importbot status [--json] [SERVER]"},
		{[]string{"status", "--jsno"}, exitUsage, "Use: importbot status [--json] [SERVER]"},
		{[]string{"version", "now"}, exitUsage, `importbot version: "now" is a word too many. Use: importbot version`},
		{[]string{"start"}, exitUsage, "importbot start: something is missing. Use: importbot start raw|complete [SERVER] [--no-wait] [--yes]"},
		{[]string{"start", "partial"}, exitUsage, `"partial" is no kind of import`},
		{[]string{"help", "statsu"}, exitUsage, "Did you mean `importbot status`?"},
		{[]string{"help"}, exitWell, "importbot start raw|complete [SERVER] [--no-wait] [--yes]"},
		{[]string{"help"}, exitWell, "1 the import failed, was not started or not watched to its end, or a check failed;"},
		{[]string{"help"}, exitWell, "without --from for 30 days, without --to until yesterday, without --zone in UTC"},
		{[]string{"--help"}, exitWell, "importbot demo"},
		{[]string{"status", "-h"}, exitWell, "Use: importbot status [--json] [SERVER]"},
		{[]string{"help", "start"}, exitWell, "Use: importbot start"},
		{[]string{"help", "help"}, exitWell, "Use: importbot help [COMMAND]"},
		{[]string{"version"}, exitWell, "importbot "},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			got := call(t, nil, tc.args...)
			if got.code != tc.code || !strings.Contains(got.out+got.err, tc.want) {
				t.Errorf("got %d, %q, %q; want %d, %q", got.code, got.out, got.err, tc.code, tc.want)
			}
		})
	}
}

func TestManifest(t *testing.T) {
	for name, environ := range map[string][]string{
		"manifest.yaml":           nil,
		"manifest-groups.yaml":    {"SLACK_COMMAND=/data-import", "IMPORT_OPERATORS=U012345,S012345"},
		"manifest-everybody.yaml": {"BIGFIX_SERVERS=prod,lab", "IMPORT_OPERATORS=U012345", "BIGFIX_LAB_OPERATORS=*"},
	} {
		var got result
		t.Run(name, func(t *testing.T) { got = call(t, environ, "manifest") })
		if got.code != exitWell {
			t.Fatalf("got %d, %s", got.code, got.err)
		}
		golden.Check(t, name, got.out)
	}
	got := call(t, []string{"SLACK_COMMAND=import"}, "manifest")
	if got.code != exitUsage || !strings.Contains(got.err, "SLACK_COMMAND") {
		t.Errorf("a faulty command: got %d, %q", got.code, got.err)
	}
}

func TestStatusExits(t *testing.T) {
	well := bigfixtest.NewServer()
	defer well.Close()
	for _, tc := range []struct {
		name    string
		environ []string
		args    []string
		code    int
		want    string
	}{
		{"well", reach(well), []string{"status"}, exitWell, "prod · idle · BigFix Inventory"},
		{"by name", reach(well), []string{"status", "PROD"}, exitWell, "prod · idle"},
		{"another name", reach(well), []string{"status", "lab"}, exitUsage, `There is no server "lab". Configured: prod.`},
		{"a wrong token", reach(well, "BIGFIX_TOKEN=wrong"), []string{"status"}, exitUsage, "Renew BIGFIX_TOKEN."},
		{"nobody there", reach(well, "BIGFIX_URL=http://127.0.0.1:1"), []string{"status"}, exitUnreachable, "I can't reach prod: connection refused."},
		{"nothing configured", nil, []string{"status"}, exitUsage, "BIGFIX_URL is missing"},
		{"one of two is down", reach(well, "BIGFIX_SERVERS=prod,lab", "BIGFIX_LAB_URL=http://127.0.0.1:1"), []string{"status"}, exitUnreachable, "I can't reach lab"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := call(t, tc.environ, tc.args...)
			if got.code != tc.code || !strings.Contains(got.out+got.err, tc.want) {
				t.Errorf("got %d, %q, %q; want %d, %q", got.code, got.out, got.err, tc.code, tc.want)
			}
			if strings.Contains(got.out+got.err, well.Token) {
				t.Error("the token is shown")
			}
		})
	}
}

// A self-signed certificate is what a first try mostly meets: the answer names the variable that makes it trusted.
func TestCertificateHint(t *testing.T) {
	s, other := bigfixtest.NewTLSServer(), bigfixtest.NewTLSServer()
	defer s.Close()
	defer other.Close()
	own, err := s.WriteCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := other.WriteCertificate(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		more []string
		code int
		want string
	}{
		{"none", nil, exitUnreachable, "I can't reach prod: certificate not trusted. Give its certificate with BIGFIX_CA_FILE."},
		{"none of several", []string{"BIGFIX_SERVERS=prod"}, exitUnreachable, "Give its certificate with BIGFIX_PROD_CA_FILE."},
		{"another one", []string{"BIGFIX_CA_FILE=" + wrong}, exitUnreachable, "certificate not trusted. BIGFIX_CA_FILE names another one"},
		{"its own", []string{"BIGFIX_CA_FILE=" + own}, exitWell, "prod · idle"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := call(t, reach(s, tc.more...), "status")
			if got.code != tc.code || !strings.Contains(got.out, tc.want) {
				t.Errorf("got %d, %q, want %d, %q", got.code, got.out, tc.code, tc.want)
			}
		})
	}
}

func TestStatusJSON(t *testing.T) {
	s := bigfixtest.NewServer()
	defer s.Close()
	got := call(t, reach(s, "BIGFIX_SERVERS=prod,lab", "BIGFIX_LAB_URL=http://127.0.0.1:1"), "status", "--json")
	var reports []struct {
		Server, Mode   string
		LastImportType string `json:"last_import_type"`
		Error          *struct{ Kind, Reason, Words string }
	}
	if err := json.Unmarshal([]byte(got.out), &reports); err != nil {
		t.Fatalf("%v in %s", err, got.out)
	}
	if len(reports) != 2 || reports[0].Server != "prod" || reports[0].Mode != "idle" || reports[0].LastImportType != "complete" ||
		reports[1].Error == nil || reports[1].Error.Reason != "connection refused" {
		t.Errorf("got %s", got.out)
	}
	if got.code != exitUnreachable {
		t.Errorf("got exit status %d, want %d: one of them can't be reached", got.code, exitUnreachable)
	}
}

// The command line asks the servers itself: whatever the bot's own settings are, it opens no database.
func TestStatusAndStartNeedNothingOfTheBot(t *testing.T) {
	s := bigfixtest.NewServer(bigfixtest.WithDuration(bigfix.TypeRaw, 200*time.Millisecond))
	defer s.Close()
	database := filepath.Join(t.TempDir(), "importbot.db")
	environ := reach(s, "DATABASE_URL="+database, "SLACK_CHANNEL=#nonsense", "LOG_LEVEL=loud")
	for _, args := range [][]string{{"status"}, {"start", "raw", "--yes"}} {
		if got := call(t, environ, args...); got.code != exitWell {
			t.Errorf("%v: got %d, %s", args, got.code, got.err)
		}
	}
	if _, err := os.Stat(database); !os.IsNotExist(err) {
		t.Errorf("there is a database: %v", err)
	}
}

func TestStatusText(t *testing.T) {
	now := time.Date(2026, 5, 20, 9, 30, 0, 0, time.UTC)
	at := func(days, hour, minute int) time.Time {
		return time.Date(2026, 5, 20+days, hour, minute, 0, 0, time.UTC)
	}
	no, half := false, 59
	in := at(1, 0, 0).Sub(now)
	idle := bigfix.Status{
		Mode: bigfix.ModeIdle, LastStatus: bigfix.StatusSuccessful, LastImportType: bigfix.TypeComplete, LastImportTime: at(0, 0, 47),
		LastSuccessTime: at(0, 0, 47), NextImportTime: at(1, 0, 0), NextImportIn: &in, NextImportType: bigfix.TypeComplete,
	}
	broken := idle
	broken.LastStatus, broken.LastSuccessTime, broken.Mode, broken.CanRunImports = "fehlgeschlagen \x1b[31m", at(-3, 0, 47), bigfix.ModePending, &no
	prod := config.Server{Name: "prod", Edition: bigfix.BFI, TokenVariable: "BIGFIX_TOKEN"}
	lab := config.Server{Name: "lab", Edition: bigfix.ILMT, TokenVariable: "BIGFIX_LAB_TOKEN", Insecure: true, InsecureVariable: "BIGFIX_INSECURE"}
	var text strings.Builder
	p := Program{Stdout: &text}
	err := p.print([]report{
		newReport(prod, idle, nil),
		newReport(prod, broken, nil),
		newReport(lab, bigfix.Status{Mode: bigfix.ModeRunning, Progress: &half}, nil),
		newReport(lab, bigfix.Status{Mode: bigfix.ModeNone}, nil),
		newReport(lab, bigfix.Status{Mode: "paused"}, nil),
		newReport(lab, bigfix.Status{}, &bigfix.Error{Kind: bigfix.ErrBadRequest, Op: "status", Status: 500, Message: "database \x1b[2J is busy"}),
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "status.txt", text.String())
}

func TestStart(t *testing.T) {
	for _, tc := range []struct {
		name   string
		doubts bigfixtest.Doubts
		plan   bigfixtest.Plan
		more   []string
		args   []string
		code   int
		want   string
		runs   int
	}{
		{"raw succeeds", bigfixtest.Doubts{}, bigfixtest.Plan{}, nil, []string{"raw", "--yes"}, exitWell,
			"The raw data is available through the REST API only; the web pages, but for the Metering Data report,", 1},
		{"complete succeeds", bigfixtest.Doubts{}, bigfixtest.Plan{}, nil, []string{"complete", "prod", "--yes"}, exitWell, "Complete import on prod succeeded", 1},
		{"it fails", bigfixtest.Doubts{}, bigfixtest.Plan{Fails: true}, nil, []string{"raw", "--yes"}, exitFailed, `the server says "failed"`, 1},
		{"it never begins", bigfixtest.Doubts{DropRun: true}, bigfixtest.Plan{}, nil, []string{"raw", "--yes"}, exitFailed, "did not begin", 1},
		{"nothing moves", bigfixtest.Doubts{OnFailure: bigfixtest.FailureSilent}, bigfixtest.Plan{Fails: true}, nil, []string{"raw", "--yes"}, exitFailed, "I can't say how it ended", 1},
		{"without waiting", bigfixtest.Doubts{}, bigfixtest.Plan{}, nil, []string{"--no-wait", "raw", "--yes"}, exitWell, "`importbot status prod` shows how it goes on", 1},
		{"the answer is lost", bigfixtest.Doubts{RunAnswer: bigfixtest.AnswerDrop}, bigfixtest.Plan{}, nil, []string{"raw", "--yes"}, exitWell, "Whether the import began all the same is to be seen.", 1},
		{"not permitted", bigfixtest.Doubts{Permission: bigfixtest.PermissionFlag}, bigfixtest.Plan{}, nil, []string{"raw", "--yes"}, exitUsage, "needs the permission Manage Imports. Nothing was started.", 0},
		{"forbidden", bigfixtest.Doubts{Permission: bigfixtest.PermissionAll403}, bigfixtest.Plan{}, nil, []string{"raw", "--yes"}, exitUsage, "Manage Imports", 0},
		{"no terminal", bigfixtest.Doubts{}, bigfixtest.Plan{}, nil, []string{"raw"}, exitUsage, "add --yes", 0},
		{"a wrong token", bigfixtest.Doubts{}, bigfixtest.Plan{}, []string{"BIGFIX_TOKEN=wrong"}, []string{"raw", "--yes"}, exitUsage, "Nothing was started.", 0},
		{"nobody there", bigfixtest.Doubts{}, bigfixtest.Plan{}, []string{"BIGFIX_URL=http://127.0.0.1:1"}, []string{"raw", "--yes"}, exitUnreachable, "Nothing was started.", 0},
		{"raw on ILMT", bigfixtest.Doubts{}, bigfixtest.Plan{}, []string{"BIGFIX_EDITION=ilmt"}, []string{"raw", "--yes"}, exitUsage, "Try `importbot start complete prod`. Nothing was started.", 0},
		{"which of two", bigfixtest.Doubts{}, bigfixtest.Plan{}, []string{"BIGFIX_SERVERS=prod,lab", "BIGFIX_LAB_URL=http://127.0.0.1:1"}, []string{"raw", "--yes"}, exitUsage, "On which server? Configured: prod, lab.", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := bigfixtest.NewServer(bigfixtest.WithDoubts(tc.doubts), bigfixtest.WithPlan(func(bigfixtest.Import) bigfixtest.Plan { return tc.plan }),
				bigfixtest.WithDuration(bigfix.TypeRaw, 300*time.Millisecond), bigfixtest.WithDuration(bigfix.TypeComplete, 300*time.Millisecond),
				bigfixtest.WithSchedule(bigfixtest.Schedule{Off: true}))
			defer s.Close()
			got := call(t, reach(s, tc.more...), append([]string{"start"}, tc.args...)...)
			if got.code != tc.code || !strings.Contains(got.out+got.err, tc.want) {
				t.Errorf("got %d\n%s%s\nwant %d, %q", got.code, got.out, got.err, tc.code, tc.want)
			}
			if runs := runsOf(s); runs != tc.runs {
				t.Errorf("got %d run= requests, want %d", runs, tc.runs)
			}
			if strings.Contains(got.out+got.err, s.Token) {
				t.Error("the token is shown")
			}
		})
	}
}

func TestStartFindsOneRunning(t *testing.T) {
	s := bigfixtest.NewServer()
	defer s.Close()
	if got := call(t, reach(s), "start", "raw", "--yes", "--no-wait"); got.code != exitWell {
		t.Fatalf("the first: got %d, %s", got.code, got.err)
	}
	got := call(t, reach(s), "start", "complete", "--yes")
	if want := "An import is already running on prod"; got.code != exitFailed || !strings.Contains(got.err, want) {
		t.Errorf("got %d, %q, want %d, %q", got.code, got.err, exitFailed, want)
	}
	if runs := runsOf(s); runs != 1 {
		t.Errorf("got %d run= requests, want 1", runs)
	}
}

// runsOf counts the requests that may start an import.
func runsOf(s *bigfixtest.Server) int {
	n := 0
	for _, r := range s.Journal().Requests {
		if r.Run != "" {
			n++
		}
	}
	return n
}
