package handlers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/bot"
	"importbot/imports"
	"importbot/internal/audit"
	"importbot/internal/slacksim"
	"importbot/internal/store"
)

// These stories are played between a simulated Slack and simulated BigFix servers, over real HTTP and WebSocket, with
// the real store and engine: what people type, and what they see.

// town is where they happen.
type town struct {
	t      *testing.T
	slack  *slacksim.Sim
	prod   *bigfixtest.Server
	lab    *bigfixtest.Server
	intake *troubledIntake
	board  *imports.Board
	signal *imports.Signal
	store  *store.Store
	p      *Publisher
	h      *Handlers
	who    *Operators
	clock  *bigfixtest.Clock // everybody's but Slack's
	dir    string            // of the database
	stop   func()            // ends the bot
	audit  ledger
	// apart: what answers the commands does not lead. It knows of the servers what it reads in the database.
	apart bool
}

// ledger keeps the audit's entries.
type ledger struct {
	mu      sync.Mutex
	entries []audit.Entry
}

func (l *ledger) note(e audit.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
}

// of are the entries so far of a kind with a result; "" is any.
func (l *ledger) of(kind, result string) (out []audit.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.entries {
		if (kind == "" || e.Kind == kind) && (result == "" || e.Result == result) {
			out = append(out, e)
		}
	}
	return out
}

// troubledIntake is an intake whose store fails when it is told to.
type troubledIntake struct {
	*imports.Intake
	broken, unsure bool
	// decided is called between the decision and its being known here.
	decided func(importID string)
	// silent: nobody decides anything.
	silent bool
}

func (i *troubledIntake) Await(ctx context.Context, importID string) (imports.Import, error) {
	if i.silent {
		<-ctx.Done()
		return imports.Import{}, ctx.Err()
	}
	imp, err := i.Intake.Await(ctx, importID)
	if i.decided != nil {
		i.decided(importID)
	}
	return imp, err
}

func (i *troubledIntake) Refresh(ctx context.Context, importID string) error {
	if i.broken {
		return errors.New("disk I/O error")
	}
	return i.Intake.Refresh(ctx, importID)
}

func (i *troubledIntake) Start(ctx context.Context, w imports.Wish) (imports.Import, bool, error) {
	if i.broken {
		return imports.Import{}, false, errors.Join(imports.ErrStore, errors.New("disk I/O error"))
	}
	imp, created, err := i.Intake.Start(ctx, w)
	if i.unsure && err == nil {
		return imports.Import{}, false, fmt.Errorf("%w: the connection broke", imports.ErrUnsure)
	}
	return imp, created, err
}

const takes = 1500 * time.Millisecond // one import

// halfMinute is what an import takes in an unhurried town: less than anything there waits for, and more than what is
// typed meanwhile takes on any machine. The test moves the clock to its end.
const halfMinute = 30 * time.Second

func unhurried(tn *town) {
	slow := []bigfixtest.Option{
		bigfixtest.WithClock(tn.clock), bigfixtest.WithDuration(bigfix.TypeRaw, halfMinute), bigfixtest.WithDuration(bigfix.TypeComplete, halfMinute),
		bigfixtest.WithSchedule(bigfixtest.Schedule{Off: true}),
	}
	tn.prod.Close()
	tn.lab.Close()
	tn.prod, tn.lab = bigfixtest.NewServer(slow...), bigfixtest.NewServer(append(slow, bigfixtest.WithEdition(bigfix.ILMT))...)
}

// newTown builds it. What prepare does happens before anything runs.
func newTown(t *testing.T, prepare ...func(*town)) *town {
	t.Helper()
	clock := bigfixtest.RealClock()
	quickly := []bigfixtest.Option{
		bigfixtest.WithClock(clock), bigfixtest.WithPlan(func(i bigfixtest.Import) bigfixtest.Plan {
			return bigfixtest.Plan{Fails: i.Origin == bigfixtest.ByHand}
		}),
		bigfixtest.WithDuration(bigfix.TypeRaw, takes), bigfixtest.WithDuration(bigfix.TypeComplete, takes),
		bigfixtest.WithSchedule(bigfixtest.Schedule{Off: true}),
	}
	tn := &town{
		t: t, clock: clock, dir: t.TempDir(), slack: slacksim.New(), prod: bigfixtest.NewServer(quickly...),
		lab: bigfixtest.NewServer(append(quickly, bigfixtest.WithEdition(bigfix.ILMT))...),
	}
	for id, name := range map[string]string{"U0ANA": "ana", "U0BEN": "ben", "U0EVE": "eve"} {
		tn.slack.AddUser(id, name)
	}
	tn.slack.AddUser("U0GIN", "gin", slacksim.Guest())
	tn.slack.AddUser("U0FAY", "fay", slacksim.Foreign("T0AWAY"))
	tn.slack.AddChannel("C0PROD", "prod")
	tn.slack.AddChannel("C0LAB", "lab")
	tn.slack.AddChannel("C0OTHER", "random")
	tn.slack.AddUserGroup("S0ONCALL", "oncall", "U0ANA")
	for _, f := range prepare {
		f(tn)
	}
	tn.start()
	t.Cleanup(func() {
		tn.stop()
		tn.slack.Check(t)
		tn.slack.Close()
		tn.prod.Close()
		tn.lab.Close()
	})
	return tn
}

// start ties the parts together, as the program does.
func (tn *town) start() {
	t := tn.t
	ctx, cancel := context.WithCancel(context.Background())
	signal, board := new(imports.Signal), new(imports.Board)
	db, err := store.Open(ctx, filepath.Join(tn.dir, "importbot.db"), store.Options{Now: tn.clock.Now, Signal: signal})
	must(t, err)
	lead, err := db.Lead(ctx)
	must(t, err)

	tn.board, tn.signal, tn.store = board, signal, db
	if tn.apart {
		tn.board = new(imports.Board)
	}
	var h *Handlers
	b, err := bot.New(bot.Config{
		BotToken: tn.slack.BotToken, AppToken: tn.slack.AppToken, APIURL: tn.slack.APIURL(), Command: "/import", Log: quiet(), Connections: 1,
		Serves: func(userID string) bool { return h.Named(userID) },
	}, func(ctx context.Context, r *bot.Request) error { return h.Handle(ctx, r) })
	must(t, err)
	shown := []Server{prod, lab}
	shown[0].PollRunning, shown[1].PollRunning = 50*time.Millisecond, 50*time.Millisecond
	tn.p, err = NewPublisher(PublisherConfig{Servers: shown, Store: db, Board: board, Slack: b, Signal: signal, Clock: tn.clock, Log: quiet()})
	must(t, err)
	rules := imports.Rules{
		StartGrace: 2 * time.Second, EndGrace: 300 * time.Millisecond, AwayAfter: time.Minute,
		PollRunning: 50 * time.Millisecond, PollIdle: 100 * time.Millisecond,
	}
	engine := imports.NewEngine(imports.EngineConfig{
		Store: db, Announcer: tn.p, Signal: signal, Board: board, Clock: tn.clock, Log: quiet(),
		Servers: []imports.ServerConfig{tn.watched("prod", tn.prod, bigfix.BFI, rules), tn.watched("lab", tn.lab, bigfix.ILMT, rules)},
		OnEvent: func(imp imports.Import, ev imports.Event) {
			if e, ok := StartEntry(imp, ev); ok {
				tn.audit.note(e)
			}
		},
	})
	operators := NewOperators(shown, b, nil, quiet())
	tn.who = operators
	tn.intake = &troubledIntake{Intake: imports.NewIntake(db, signal, tn.waiting())}
	h, err = New(Config{
		Servers: shown, Intake: tn.intake, Board: tn.board, Store: db, Slack: b, Operators: operators, Audit: tn.audit.note, Now: tn.clock.Now, Log: quiet(),
		Signal: signal, Clock: tn.clock,
	})
	must(t, err)

	tn.h = h
	var g errgroup.Group
	g.Go(func() error { return b.Run(ctx) })
	g.Go(func() error { return engine.Run(ctx, lead.Lead()) })
	g.Go(func() error { return tn.p.Run(ctx, lead.Lead()) })
	g.Go(func() error { return operators.Run(ctx) })
	g.Go(func() error { return h.Run(ctx) })
	if tn.apart {
		g.Go(func() error {
			return imports.Mirror(ctx, imports.MirrorConfig{Store: db, Board: tn.board, Signal: signal, Servers: []string{"prod", "lab"}, Clock: tn.clock, Log: quiet()})
		})
	}
	select {
	case <-b.Ready():
	case <-tn.patience().Done():
		t.Fatal("the bot is not ready")
	}
	tn.stop = func() {
		cancel()
		h.Close(ctx)
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("a part ended with %v", err)
		}
		must(t, db.Close())
	}
}

// waiting is the clock by which answers look at the database for themselves. On a replica that does not lead it stands
// still: there they come because they are told.
func (tn *town) waiting() imports.Clock {
	if tn.apart {
		return bigfixtest.NewClock(tn.clock.Now())
	}
	return tn.clock
}

func (tn *town) watched(name string, srv *bigfixtest.Server, edition bigfix.Edition, rules imports.Rules) imports.ServerConfig {
	client, err := bigfix.New(srv.Config())
	must(tn.t, err)
	tn.t.Cleanup(client.Close)
	rules.OneKind = edition == bigfix.ILMT
	return imports.ServerConfig{Name: name, Client: client, Edition: edition, Rules: rules}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (tn *town) patience() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	tn.t.Cleanup(cancel)
	return ctx
}

// until waits until something holds.
func (tn *town) until(holds func() bool) {
	tn.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for patience := tn.patience(); !holds(); {
		select {
		case <-tick.C:
		case <-patience.Done():
			tn.t.Fatal("waited in vain")
		}
	}
}

// settled waits until what is asked for at the start is known: before that, some answers wait for it.
func (tn *town) settled() {
	tn.t.Helper()
	tn.who.awaitAsked(tn.patience())
	tn.until(func() bool {
		_, prodSeen := tn.board.Server("prod")
		_, labSeen := tn.board.Server("lab")
		return prodSeen && labSeen
	})
}

// types a command, and waits for its ack.
func (tn *town) types(user, channel, text string) *slacksim.Invocation {
	tn.t.Helper()
	inv, err := tn.slack.Command(tn.patience(), slacksim.Typed{UserID: user, ChannelID: channel, Command: "/import", Text: text})
	must(tn.t, err)
	return inv
}

// reads waits until a person sees words that only they see.
func (tn *town) reads(user string, words ...string) slacksim.Message {
	tn.t.Helper()
	m, err := tn.slack.WaitMessage(tn.patience(), func(m slacksim.Message) bool { return m.For == user && holds(m, words) })
	if err != nil {
		tn.t.Fatalf("%s does not read %q: %v; but\n%s", user, words, err, texts(tn.slack.Ephemerals(user)))
	}
	return m
}

// sees waits for a message of a kind in a channel.
func (tn *town) sees(channel, kind string, words ...string) slacksim.Message {
	tn.t.Helper()
	m, err := tn.slack.WaitMessage(tn.patience(), func(m slacksim.Message) bool {
		return m.Channel == channel && m.Metadata != nil && m.Metadata.Payload["kind"] == kind && holds(m, words)
	})
	if err != nil {
		tn.t.Fatalf("no %s with %q in %s: %v; but\n%s", kind, words, channel, err, texts(tn.slack.Messages(channel)))
	}
	return m
}

func holds(m slacksim.Message, words []string) bool {
	for _, w := range words {
		if !strings.Contains(m.Text, w) {
			return false
		}
	}
	return true
}

func texts(messages []slacksim.Message) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString("  " + m.Text + "\n")
	}
	return b.String()
}

func TestStoryOfAnImport(t *testing.T) {
	t.Parallel()
	tn := newTown(t, unhurried)
	tn.types("U0BEN", "C0PROD", "RAW") // whose channel belongs to prod alone
	answer := tn.reads("U0BEN", "Starting a raw import on prod", "/archives/C0PROD/p")
	card := tn.sees("C0PROD", kindCard, "Raw import on prod")
	if !strings.Contains(answer.Text, strings.ReplaceAll(card.TS, ".", "")) {
		t.Errorf("the answer %q does not lead to the card %s", answer.Text, card.TS)
	}
	if n := len(tn.slack.Ephemerals("U0BEN")); n != 1 {
		t.Errorf("%d answers stand; want the line replaced by the answer", n)
	}
	if len(answer.Edits) == 0 || !strings.Contains(answer.Edits[0].Text, "Asking prod") {
		t.Errorf("the answer before was %+v; want a line at once", answer.Edits)
	}

	tn.types("U0ANA", "C0OTHER", "complete Prod") // a member of the group joins
	tn.reads("U0ANA", "A raw import is already", "I'll mention you", strings.ReplaceAll(card.TS, ".", ""))

	tn.clock.Advance(halfMinute * 6 / 10)
	tn.sees("C0PROD", kindMilestone, "Raw import on prod")
	tn.clock.Advance(halfMinute / 2)
	finished := tn.sees("C0PROD", kindFinished, "Raw import on prod succeeded", "REST API only", "<@U0BEN> <@U0ANA>")
	if finished.ThreadTS != card.TS || !finished.Broadcast {
		t.Errorf("finished = %+v; want a broadcast reply to the card", finished)
	}
	tn.sees("C0PROD", kindCard, "Raw import on prod: succeeded") // nobody looked while the clock was moved: how long it took is not claimed
	if runs := tn.prod.Journal().Runs(); len(runs) != 1 {
		t.Errorf("%d run= requests, want one", len(runs))
	}
	tn.types("U0EVE", "C0OTHER", "status prod")
	tn.reads("U0EVE", "prod: idle", "Last import: raw, succeeded", "Imports are started by")
}

// TestStoryOfAnswers types what is answered out of memory: in the ack, whatever else is down.
func TestStoryOfAnswers(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	tn.settled()
	tn.slack.Fail("*", slacksim.Fault{Status: 503, Times: -1}) // Slack's Web API and response_url are down
	defer tn.slack.Heal()
	for _, c := range []struct{ user, channel, text, want string }{
		{"U0EVE", "C0OTHER", "", "What you can type"},
		{"U0EVE", "C0OTHER", " HELP ", "/import raw [SERVER]"},
		{"U0EVE", "C0OTHER", "statsu", "Did you mean `/import status`?"},
		{"U0EVE", "C0OTHER", "Abort", "There is nothing to take back"},
		{"U0EVE", "C0OTHER", "stop nowhere", "I know no server `nowhere`"},
		{"U0EVE", "C0OTHER", "status moon", "The servers are `prod` and `lab`"},
		{"U0EVE", "C0LAB", "status", "lab: "},
		{"U0EVE", "C0OTHER", "status", "prod: "},
		{"U0EVE", "C0OTHER", "status LAB", "not verified (`BIGFIX_LAB_INSECURE`)"},
		{"U0EVE", "C0OTHER", "status prod lab", "I don't know what `lab` means"},
		{"U0BEN", "C0OTHER", "raw", "On which server?"},
		{"U0BEN", "C0OTHER", "raw prod now", "I don't know what `now` means"},
		{"U0BEN", "C0OTHER", "raw prdo", "Did you mean `/import raw prod`?"},
		{"U0EVE", "C0PROD", "raw", "may start imports on prod. Nothing was started."},
		{"U0EVE", "C0LAB", "raw", "License Metric Tool"},
	} {
		inv := tn.types(c.user, c.channel, c.text)
		if got := string(inv.AckPayload()); !strings.Contains(got, strings.ReplaceAll(c.want, "\"", "\\\"")) {
			t.Errorf("/import %s: the ack says %s; want %q", c.text, got, c.want)
		}
	}
	if n := len(tn.prod.Journal().Imports); n != 0 {
		t.Errorf("%d imports were started", n)
	}
}

// TestStoryOfTheFirstMoments types commands while what they hang on is being asked for, for the first time.
func TestStoryOfTheFirstMoments(t *testing.T) {
	t.Parallel()
	const slow = time.Second
	tn := newTown(t, func(tn *town) {
		tn.slack.Fail("usergroups.users.list", slacksim.Fault{Delay: slow})
		tn.prod.Fail(bigfixtest.Fault{On: bigfixtest.Looks, Answer: bigfixtest.AnswerStatus, Times: 1, Delay: slow})
	})
	status, raw := tn.types("U0EVE", "C0PROD", "status"), tn.types("U0EVE", "C0PROD", "raw")
	if got := string(status.AckPayload()) + string(raw.AckPayload()); strings.Contains(got, "text") {
		t.Errorf("the acks say %s; want no words before anything is known", got)
	}
	tn.reads("U0EVE", "prod: idle")
	tn.reads("U0EVE", "may start imports on prod", "Nothing was started")
	for _, m := range tn.slack.Ephemerals("U0EVE") {
		if strings.Contains(m.Text, "can't find out") || strings.Contains(m.Text, "not looked at yet") {
			t.Errorf("Eve reads %q", m.Text)
		}
	}
}

func TestStoryOfRefusals(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	t.Run("the database is down", func(t *testing.T) {
		tn.intake.broken = true
		tn.types("U0BEN", "C0PROD", "raw")
		tn.reads("U0BEN", "My own database does not answer", "Nothing was started")
		tn.intake.broken = false
	})
	t.Run("the database does not say", func(t *testing.T) {
		tn.slack.SetArchived("C0PROD", true)
		tn.intake.unsure = true // it did take it
		tn.types("U0BEN", "C0OTHER", "raw prod")
		tn.reads("U0BEN", "could not make sure that my database noted", "its card appears in <#C0PROD> within two minutes")
		tn.intake.unsure = false
		tn.until(func() bool { return len(tn.audit.of(audit.Start, audit.Refused)) == 1 })
		tn.clock.Advance(answerAfter)
		tn.sees(tn.slack.DM("U0BEN"), kindAnswer, "I can't post in <#C0PROD>: it is archived", "Nothing was started")
		tn.slack.SetArchived("C0PROD", false)
	})
	t.Run("the channel is archived", func(t *testing.T) {
		tn.slack.SetArchived("C0PROD", true)
		tn.types("U0BEN", "C0OTHER", "raw prod")
		tn.reads("U0BEN", "I can't post in <#C0PROD>: it is archived", "Nothing was started")
		tn.slack.SetArchived("C0PROD", false)
	})
	t.Run("may not run imports", func(t *testing.T) {
		tn.prod.Set(func(d *bigfixtest.Doubts) { d.Permission = bigfixtest.PermissionFlag })
		tn.types("U0BEN", "C0PROD", "complete")
		tn.reads("U0BEN", "does not let Importbot's user start imports", "Nothing was started")
		tn.prod.Set(func(d *bigfixtest.Doubts) { d.Permission = bigfixtest.PermissionGranted })
	})
	t.Run("the server is down", func(t *testing.T) {
		tn.prod.Stop()
		tn.until(func() bool { known, _ := tn.board.Server("prod"); return known.Last.Failure != nil })
		tn.types("U0BEN", "C0PROD", "raw")
		tn.reads("U0BEN", "I can't reach prod: connection refused", "Nothing was started")
		tn.types("U0BEN", "C0PROD", "status")
		tn.reads("U0BEN", "not seen since", "connection refused")
	})
	if n := len(tn.slack.Messages("C0PROD")); n != 0 {
		t.Errorf("%d messages in the channel:\n%s", n, texts(tn.slack.Messages("C0PROD")))
	}
}

func TestStoryOfAChannelThatIsArchivedOnTheWay(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	tn.types("U0BEN", "C0PROD", "complete")
	tn.sees("C0PROD", kindCard, "running")
	tn.slack.SetArchived("C0PROD", true)
	tn.sees(tn.slack.DM("U0BEN"), kindFinished, "Complete import on prod succeeded", "<@U0BEN>")
	if b := tn.p.Backlog(); b.Waiting == 0 {
		t.Errorf("Backlog() = %+v; want the channel's messages still to come", b)
	}
}

func TestStoryOfAnImportFromElsewhereThatSomebodyJoins(t *testing.T) {
	t.Parallel()
	tn := newTown(t, unhurried)
	client, err := bigfix.New(tn.lab.Config())
	must(t, err)
	defer client.Close()
	if _, err := client.Start(t.Context(), bigfix.TypeComplete); err != nil {
		t.Fatal(err)
	}
	asked := len(tn.lab.Journal().Requests)
	_, err = tn.lab.Wait(tn.patience(), func(r bigfixtest.Request) bool { return r.N > asked+1 }) // the engine has seen it
	must(t, err)
	tn.types("U0EVE", "C0LAB", "complete")
	tn.reads("U0EVE", "already", "I'll mention you", "/archives/C0LAB/p")
	tn.clock.Advance(halfMinute)
	tn.sees("C0LAB", kindFinished, "on lab", "<@U0EVE>")
	if n := len(tn.lab.Journal().Imports); n != 1 {
		t.Errorf("%d imports ran, want the one from elsewhere", n)
	}
}
