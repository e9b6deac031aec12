package handlers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// quiet is a log that says nothing.
func quiet() *logrus.Logger {
	log, _ := logtest.NewNullLogger()
	return log
}

// groups tells members of user groups, or fails.
type groups struct {
	members map[string][]string
	err     error
}

func (g *groups) GroupMembers(_ context.Context, id string) ([]string, error) {
	return g.members[id], g.err
}

// offline are handlers for the messages that need nobody: nothing answers behind them.
func offline(t *testing.T, servers ...Server) *Handlers {
	t.Helper()
	type nobody struct {
		Intake
		Books
		Workspace
	}
	g := &groups{members: map[string][]string{"S0ONCALL": {"U0ANA"}}}
	operators := NewOperators(servers, g, func() time.Time { return now }, quiet())
	h, err := New(Config{
		Servers: servers, Intake: nobody{}, Store: nobody{}, Slack: nobody{}, Board: new(imports.Board), Operators: operators,
		Now: func() time.Time { return now }, Log: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for group := range g.members {
		if err := operators.Refresh(t.Context(), group); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func TestStatusMessages(t *testing.T) {
	t.Parallel()
	h := offline(t, prod)
	fails := func(kind imports.FailureKind, code int, reason, message string) func(*view) {
		return func(v *view) {
			v.known.Last = imports.Observation{Failure: &imports.Failure{Kind: kind, HTTP: code, Reason: reason, Message: message}}
			v.known.DownSince = day(2, 42)
		}
	}
	mode := func(m bigfix.Mode) func(*view) { return func(v *view) { v.known.Good.Status.Mode = m } }
	active := func(imp imports.Import, card string) func(*view) {
		return func(v *view) { v.imp, v.active, v.card = imp, true, card }
	}
	runs := func(v *view) {
		v.known.Good.Status = &bigfix.Status{Mode: bigfix.ModeRunning, Progress: ptr(59)}
	}
	cases := []struct {
		name   string
		change []func(*view)
	}{
		{"idle, an operator asks", nil},
		{"idle, somebody else asks", []func(*view){func(v *view) { v.may = false }}},
		{"idle, nobody knows whether it is a guest who asks", []func(*view){func(v *view) { v.unsure = true }}},
		{"idle, everybody may, nobody knows whether it is a guest who asks", []func(*view){func(v *view) { v.unsure, v.usersMay = true, []string{"*"} }}},
		{"idle, a guest asks where everybody may", []func(*view){func(v *view) { v.may, v.usersMay = false, []string{"*"} }}},
		{"pending", []func(*view){mode(bigfix.ModePending)}},
		{"no import ever", []func(*view){mode(bigfix.ModeNone), func(v *view) { v.known.Quiet = &imports.Baseline{Mode: bigfix.ModeNone} }}},
		{"unknown mode", []func(*view){mode("<!channel> upgrading")}},
		{"running, followed here", []func(*view){runs, active(running(), "https://example.slack.com/archives/C0PROD/p1")}},
		{"running, whoever started it asks", []func(*view){runs, active(running(), ""), func(v *view) { v.told = true }}},
		{"running, nobody knows whether it is a guest who asks", []func(*view){runs, active(running(), ""), func(v *view) { v.unsure = true }}},
		{"running, stands still", []func(*view){runs, active(atRest(day(2, 30)), ""), func(v *view) {
			v.known.Good.Status.Progress = ptr(96)
			seldomRests(&v.scene)
		}}},
		{"running elsewhere, not shown", []func(*view){runs, active(with(running(), func(i *imports.Import) {
			i.Origin, i.RequestedBy, i.Type = imports.Elsewhere, "", ""
		}), ""), func(v *view) { v.may = false }}},
		{"started, not seen running", []func(*view){active(with(started(imports.Sent), func(i *imports.Import) { i.SendingAt = day(2, 40) }), "")}},
		{"never looked at", []func(*view){func(v *view) { v.known = imports.Server{} }}},
		{"never seen", []func(*view){func(v *view) { v.known = imports.Server{} }, fails(imports.FailUnavailable, 0, "connection refused", "")}},
		{"not seen any more", []func(*view){fails(imports.FailUnavailable, 0, "no answer within 20s", "")}},
		{"not seen any more in mid-import", []func(*view){runs, fails(imports.FailBadRequest, 500, "HTTP 500", hostile), active(running(), "")}},
		{"credentials rejected", []func(*view){fails(imports.FailUnauthorized, 401, "HTTP 401", "")}},
		{"forbidden", []func(*view){fails(imports.FailForbidden, 403, "HTTP 403", "")}},
		{"not this server", []func(*view){fails(imports.FailNotServer, 200, "an HTML page", "")}},
		{"may not run imports", []func(*view){func(v *view) { v.known.Good.Status.CanRunImports = ptr(false) }}},
		{"last import failed", []func(*view){func(v *view) {
			v.known.Quiet.LastStatus, v.known.Quiet.LastImportTime = "failed", day(0, 12)
		}}},
		{"last import, hostile word", []func(*view){func(v *view) {
			v.known.Quiet.LastStatus, v.known.Quiet.LastImportType = bigfix.LastStatus(hostile), "<!here>"
		}}},
		{"last import without a word, no success ever", []func(*view){func(v *view) {
			v.known.Quiet.LastStatus, v.known.Quiet.LastSuccessTime = "", time.Time{}
		}}},
		{"last success was raw", []func(*view){func(v *view) { v.known.Quiet.LastImportType = bigfix.TypeRaw }}},
		{"last success was raw, after a complete one that is known", []func(*view){func(v *view) {
			v.known.Quiet.LastImportType, v.known.Quiet.LastSuccessTime, v.known.Fresh = bigfix.TypeRaw, day(1, 10), yesterday(0, 47)
		}}},
		{"last import failed, last success was raw", []func(*view){func(v *view) {
			v.known.Quiet.LastStatus, v.known.Quiet.LastImportTime = "failed", day(2, 12)
			v.known.Quiet.LastSuccessTime, v.known.Fresh = day(1, 10), yesterday(0, 47)
		}}},
		{"last import failed, last success was raw, the complete one is forgotten", []func(*view){func(v *view) {
			v.known.Quiet.LastStatus, v.known.Quiet.LastImportTime = "failed", day(2, 12)
			v.known.Quiet.LastSuccessTime, v.known.Fresh, v.recent = day(1, 10), yesterday(0, 47), nil
		}}},
		{"the end of the last import is unknown", []func(*view){func(v *view) { v.recent = append([]imports.Import{unknownEnd()}, v.recent...) }}},
		{"the end of the last import was unknown, and another ran since", []func(*view){func(v *view) {
			v.recent = append([]imports.Import{unknownEnd()}, v.recent...)
			v.known.Quiet.LastImportTime, v.known.Quiet.LastSuccessTime = day(2, 30), day(2, 30)
		}}},
		{"the server's clock is two hours ahead", []func(*view){func(v *view) { v.known.Quiet.Ahead = ptr(2 * time.Hour) }}},
		{"the next one is overdue", []func(*view){func(v *view) { v.known.Quiet.NextImportTime = day(0, 0) }}},
		{"nobody has looked for an hour", []func(*view){func(v *view) { v.now = v.now.Add(time.Hour) }}},
		{"nobody has looked for an hour, it was running", []func(*view){runs, active(running(), ""), func(v *view) { v.now = v.now.Add(time.Hour) }}},
		{"insecure", []func(*view){func(v *view) { v.server.Insecure = true }}},
		{"license metric tool, insecure", []func(*view){func(v *view) { v.server = lab }}},
	}
	var out []shown
	for _, c := range cases {
		v := view{scene: scene{now: now, server: prod, known: idle(), recent: history(bigfix.TypeComplete)}, may: true, usersMay: prod.Operators}
		for _, change := range c.change {
			change(&v)
		}
		out = append(out, shown{c.name, h.statusMessage([]view{v})})
	}
	both := offline(t, prod, lab)
	out = append(out, shown{"two servers", both.statusMessage([]view{
		{scene: scene{now: now, server: prod, known: idle()}, may: true, usersMay: prod.Operators},
		{scene: scene{now: now, server: lab, known: idle()}, may: true, usersMay: lab.Operators},
	})})
	many := make([]view, maxStatusServers+1)
	for i := range many {
		many[i] = view{scene: scene{now: now, server: prod, known: idle()}}
	}
	if m := both.statusMessage(many); len(m.Blocks) > bot.MaxBlocks {
		t.Errorf("%d servers make %d blocks", len(many), len(m.Blocks))
	}
	checkGolden(t, "status", out)
}

// The last import is told with the same words in a line among others and by itself.
func TestTheLastImportInBrief(t *testing.T) {
	t.Parallel()
	for said, want := range map[bigfix.LastStatus]string{
		"successful": "succeeded",
		"Failed":     "failed",
		"cancelled":  "not a success",
		"":           "the server does not say how it ended",
	} {
		v := view{scene: scene{now: now, server: prod, known: idle()}}
		v.known.Quiet.LastStatus = said
		p := pen{plain: true, now: now}
		if got, want := v.lastInBrief(p), "Last import: complete, "+want+", "+p.at(v.known.Quiet.LastImportTime); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
		if got := v.past(p)[0]; !strings.Contains(got, ", "+want) {
			t.Errorf("%q, by itself: %q, want %q in it", said, got, want)
		}
	}
}

func TestOtherMessages(t *testing.T) {
	t.Parallel()
	one, two := offline(t, prod), offline(t, prod, lab)
	out := []shown{
		{"help, one server", one.helpMessage()},
		{"help, two servers", two.helpMessage()},
		{"cancel", one.cancelMessage(one.Servers)},
		{"cancel, two servers", two.cancelMessage(two.Servers)},
		{"cancel, nothing runs", one.nothingToCancelMessage(one.Servers)},
		{"cancel, nothing runs on two servers", two.nothingToCancelMessage(two.Servers)},
		{"unknown server", two.unknownServerMessage("prdo", "raw")},
		{"unknown server, nothing near", two.unknownServerMessage("<!channel>", "status")},
		{"unknown server, there is one", one.unknownServerMessage("lab", "status")},
		{"which server", two.whichMessage("raw")},
		{"too many words", two.tooManyMessage("raw", []string{"prod", "now", "please"})},
		{"asking", one.askingMessage(prod)},
		{"the database is down", one.notStoredMessage(prod)},
		{"the database does not say", one.unsureMessage(prod)},
		{"the database does not say, no channel", one.unsureMessage(Server{Name: "prod"})},
		{"not decided yet", one.undecidedMessage(prod, started(imports.Accepted))},
		{"not decided yet, nothing could be read", one.undecidedMessage(prod, imports.Import{})},
		{"answered already", one.answeredMessage(prod, started(imports.Sent))},
		{"raw on license metric tool", two.oneKindMessage(lab)},
		{"not an operator", one.notOperatorMessage(prod, deedStart, true)},
		{"operators not known", one.notOperatorMessage(prod, deedStart, false)},
		{"nobody may", one.notOperatorMessage(Server{Name: "prod", OperatorsVariable: "BIGFIX_PROD_OPERATORS"}, deedStart, true)},
	}
	checkGolden(t, "others", out)
}

func TestDidYouMean(t *testing.T) {
	t.Parallel()
	h := offline(t, prod, lab)
	var out []shown
	for _, typed := range [][]string{
		{"statsu"}, {"statsu", "prod"}, {"rwa", "lab"}, {"compelte"}, {"hlep"}, {"prod"}, {"prod", "raw"}, {"lab", "stauts"}, {"start", "raw", "prod"},
		{"start"}, {"run", "prod"}, {"progress"}, {"cancle"}, {"histroy", "prod"}, {"chart"}, {"umnute"}, {"mtue", "lab"}, {"undo"}, {"xyzzy"}, {"<!channel>"}, {hostile}, {"🙂"},
	} {
		name := typed[0]
		if len(typed) > 1 {
			name += " " + typed[1]
		}
		if len(name) > 20 {
			name = "hostile"
		}
		out = append(out, shown{name, h.unknownMessage(typed)})
	}
	checkGolden(t, "didyoumean", out)
}

func TestOperators(t *testing.T) {
	t.Parallel()
	clock := now
	g := &groups{members: map[string][]string{"S0ONCALL": {"U0ANA"}}}
	log, hook := logtest.NewNullLogger()
	all := prod
	all.Operators = []string{"*"}
	o := NewOperators([]Server{prod, all}, g, func() time.Time { return clock }, log)
	if len(hook.AllEntries()) != 1 || hook.LastEntry().Level != logrus.WarnLevel {
		t.Errorf("log = %v, want one warning that everybody may", hook.AllEntries())
	}
	expect := func(user string, srv Server, may, sure bool) {
		t.Helper()
		if gotMay, gotSure := o.May(srv, user); gotMay != may || gotSure != sure {
			t.Errorf("May(%s) = %v, %v; want %v, %v", user, gotMay, gotSure, may, sure)
		}
	}
	expect("U0BEN", prod, true, true)   // named
	expect("U0ANA", prod, false, false) // in a group that was not read yet
	expect("U0ANYONE", all, true, true)
	if err := o.Refresh(t.Context(), "S0ONCALL"); err != nil {
		t.Fatal(err)
	}
	expect("U0ANA", prod, true, true)
	expect("U0EVE", prod, false, true)

	g.err = errors.New("Slack is down")
	clock = clock.Add(59 * time.Minute)
	if err := o.Refresh(t.Context(), "S0ONCALL"); err == nil {
		t.Fatal("want an error")
	}
	expect("U0ANA", prod, true, true) // the last known hold for an hour
	clock = clock.Add(2 * time.Minute)
	expect("U0ANA", prod, false, false) // then nobody
	expect("U0BEN", prod, true, true)   // but those who are named
}
