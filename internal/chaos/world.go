//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/imports"
	"importbot/internal/slacksim"
)

// How long a world may take for what has no time of its own.
const (
	readyWithin  = 30 * time.Second
	settleWithin = 90 * time.Second
	stopWithin   = 10 * time.Second // what the product promises
	stopPatience = 20 * time.Second
	// held is how far ahead the next try of work must lie for the world to count as quiet: what Importbot holds back for longer is waited
	// for only where a rule misses it.
	held = 2 * time.Second
	// calm is how long nothing may be missing before the world counts as settled.
	calm = 700 * time.Millisecond
)

// world is one simulated surroundings with the real program in it.
type world struct {
	plan     Plan
	dir      string
	slack    *slacksim.Sim
	servers  map[string]*bigfixtest.Server
	tokens   map[string]string
	db       database
	replicas []*replica
	program  string
	built    time.Time // before any process was started
	began    time.Time
	running  sync.WaitGroup

	mu       sync.Mutex
	commands []*typed
	homes    []*typed // people opening the Home tab
	deeds    []Deed
	deaf     []Span
	stalls   []Span
	closing  bool // nothing is started again
	extra    []*replica
	armed    []func() // take back what waits for its moment
}

// typed is a command that a person typed, or a button that they pressed.
type typed struct {
	at         time.Time
	user, text string
	pressed    string // the button; empty for a command
	ts         string // of the message with the button
	private    bool   // in a message that only they see
	inv        *slacksim.Invocation
}

// play runs a plan to its end and returns what is left. Logs and database stay in dir.
func play(ctx context.Context, plan Plan, program, dir string, databases *databases) (*Evidence, error) {
	w, err := build(plan, program, dir, databases)
	if err != nil {
		return nil, err
	}
	defer w.close()
	watching, stopWatching := context.WithCancel(ctx)
	w.running.Go(func() { w.watchSockets(watching) })
	w.running.Go(func() { w.watchMachine(watching) })
	defer stopWatching()
	if err := w.raise(ctx); err != nil {
		return nil, err
	}
	w.act(ctx)
	w.heal(ctx)
	unsettled := w.settle(ctx)
	stopWatching()
	w.end(ctx)
	e, err := w.evidence(ctx)
	if err != nil {
		return nil, err
	}
	e.Unsettled = unsettled
	if err := w.outputs(e); err != nil {
		return nil, err
	}
	return e, ctx.Err()
}

// build makes everything and starts none of the processes.
func build(plan Plan, program, dir string, databases *databases) (*world, error) {
	w := &world{plan: plan, dir: dir, program: program, built: time.Now(), servers: map[string]*bigfixtest.Server{}, tokens: map[string]string{}}
	scopes := []string{"commands", "chat:write", "im:write", "users:read", "usergroups:read", "channels:read"}
	if plan.Public {
		scopes = append(scopes, "chat:write.public")
	}
	if plan.History {
		scopes = append(scopes, "channels:history", "groups:history", "im:history", "mpim:history")
	}
	options := []slacksim.Option{slacksim.WithScopes(scopes...), slacksim.WithPings(5 * time.Second)}
	if !plan.Handover {
		options = append(options, slacksim.WithoutHandover())
	}
	var err error
	if w.slack, err = slacksim.Start(options...); err != nil {
		return nil, err
	}
	w.slack.AddUser(ana, "ana")
	w.slack.AddUser(ben, "ben")
	w.slack.AddUser(cleo, "cleo")
	w.slack.AddUser(oncall, "dora")
	w.slack.AddChannel(talk, "talk")
	w.slack.AddChannel(sirens, "sirens")
	for i, s := range plan.Servers {
		w.slack.AddChannel(s.Channel, "imports-"+s.Name)
		w.addServer(i, s)
	}
	if w.db, err = databases.open(plan, dir); err != nil {
		w.close()
		return nil, err
	}
	for n := range plan.Replicas {
		r, err := newReplica(fmt.Sprintf("replica-%d", n+1), program, dir, w.environ)
		if err != nil {
			w.close()
			return nil, err
		}
		w.replicas = append(w.replicas, r)
	}
	return w, nil
}

// addServer makes a simulated BigFix server.
func (w *world) addServer(i int, s ServerPlan) {
	token := fmt.Sprintf("%016x%016x5ec2e7a1", w.plan.Seed*0x9e3779b97f4a7c15+uint64(i), w.plan.Seed^0xb19f1c5ec2e70000)
	now := time.Now().UTC()
	schedule := bigfixtest.Schedule{Off: true}
	if s.Due > 0 {
		due := now.Add(s.Due + s.Doubts.Skew)
		schedule = bigfixtest.Schedule{At: due.Sub(due.Truncate(24 * time.Hour)), Type: bigfix.TypeComplete}
	}
	options := []bigfixtest.Option{
		bigfixtest.WithToken(token), bigfixtest.WithSeed(w.plan.Seed + uint64(i)), bigfixtest.WithDoubts(s.Doubts),
		bigfixtest.WithSchedule(schedule), bigfixtest.WithPlan(w.course(i, s)),
	}
	w.tokens[s.Name] = token
	if w.plan.TLS {
		w.servers[s.Name] = bigfixtest.NewTLSServer(options...)
		return
	}
	w.servers[s.Name] = bigfixtest.NewServer(options...)
}

// course decides how imports of a server go, each by its number and the seed.
func (w *world) course(i int, s ServerPlan) func(bigfixtest.Import) bigfixtest.Plan {
	return func(imp bigfixtest.Import) bigfixtest.Plan {
		rng := rand.New(rand.NewPCG(w.plan.Seed, uint64(1000*i+imp.ID)))
		long := s.Raw
		if imp.Type == bigfix.TypeComplete {
			long = s.Complete
		}
		p := bigfixtest.Plan{Duration: long*4/5 + time.Duration(rng.Int64N(int64(long)*2/5)), Fails: rng.Float64() < s.Fails}
		if imp.Origin == bigfixtest.ByHand && rng.Float64() < s.Brief {
			p.Duration = time.Duration(10+rng.IntN(50)) * time.Millisecond
		}
		return p
	}
}

// environ is the configuration, at the pace of a world in which imports take a second or two.
func (w *world) environ(process string) []string {
	env := []string{
		"SLACK_BOT_TOKEN=" + w.slack.BotToken, "SLACK_APP_TOKEN=" + w.slack.AppToken, "SLACK_API_URL=" + w.slack.APIURLOf(process),
		"SLACK_CHANNEL=" + talk, "IMPORT_OPERATORS=" + ana + "," + ben, "ANNOUNCE=" + w.plan.Announce,
		"POLL_RUNNING=150ms", "POLL_IDLE=300ms", "START_GRACE=" + startGrace.String(), "END_GRACE=400ms", "BIGFIX_TIMEOUT=2s",
		"DATABASE_URL=" + w.db.url(), "HTTP_ADDR=off", "AUDIT_LOG=stderr", "LOG_LEVEL=debug", "LOG_FORMAT=json", "HOME=" + w.dir, "PATH=/nowhere",
		"GOMAXPROCS=2", "ALERT_MENTION=" + oncall, "UNREACHABLE_AFTER=1s", "IMPORT_CONFIRM=" + w.plan.Confirm,
	}
	if w.plan.AlertChannel != "" {
		env = append(env, "ALERT_CHANNEL="+w.plan.AlertChannel)
	}
	if w.plan.Digest {
		env = append(env, "DIGEST="+w.digest())
	}
	var names []string
	for _, s := range w.plan.Servers {
		names = append(names, s.Name)
		prefix := "BIGFIX_" + strings.ToUpper(s.Name) + "_"
		env = append(env, prefix+"URL="+w.servers[s.Name].URL, prefix+"TOKEN="+w.tokens[s.Name], prefix+"CHANNEL="+s.Channel)
		if w.plan.TLS {
			env = append(env, prefix+"CA_FILE="+w.caPath(s.Name))
		}
	}
	return append(env, "BIGFIX_SERVERS="+strings.Join(names, ","))
}

func (w *world) caPath(server string) string { return filepath.Join(w.dir, server+".pem") }

// writeCAs writes the servers' certificates to where the bot looks for them.
func (w *world) writeCAs() error {
	for name, s := range w.servers {
		if pem := s.CertificatePEM(); pem != nil {
			if err := os.WriteFile(w.caPath(name), pem, 0o600); err != nil {
				return fmt.Errorf("the certificate of %s: %w", name, err)
			}
		}
	}
	return nil
}

// raise starts all replicas and waits until they are ready.
func (w *world) raise(ctx context.Context) error {
	if err := w.writeCAs(); err != nil {
		return err
	}
	if w.plan.Digest {
		if err := w.remember(ctx); err != nil {
			return err
		}
	}
	for _, s := range w.plan.Steps {
		if s.At < 0 {
			s.do(ctx, w)
		}
	}
	for _, r := range w.replicas {
		if err := r.start(); err != nil {
			return err
		}
	}
	if !w.await(ctx, readyWithin, w.allReady) {
		return errors.Join(errNotReady, ctx.Err())
	}
	w.began = time.Now()
	return nil
}

var errNotReady = errors.New("the program did not get ready before anything was done to it: see its log")

func (w *world) allReady() bool {
	for _, r := range w.replicas {
		lives := r.told()
		if len(lives) == 0 || lives[len(lives)-1].Ready.IsZero() || !lives[len(lives)-1].Ended.IsZero() {
			return false
		}
	}
	return true
}

// act does the steps of the plan, each at its time, and returns when all are done.
func (w *world) act(ctx context.Context) {
	var acting sync.WaitGroup
	for _, s := range w.plan.Steps {
		acting.Go(func() {
			if s.At >= 0 && w.after(ctx, time.Until(w.began.Add(s.At))) {
				s.do(ctx, w)
			}
		})
	}
	acting.Go(func() { w.after(ctx, w.plan.Length) })
	acting.Wait()
}

// after waits for a length of time. It reports whether the world still goes on.
func (w *world) after(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// await waits until something is so, as long as is given for it.
func (w *world) await(ctx context.Context, within time.Duration, so func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		if so() {
			return true
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return false
		}
	}
}

// faultKey is under which a context has the name of the fault that is being dealt.
type faultKey struct{}

// did notes a deed, with the fault that it belongs to.
func (w *world) did(ctx context.Context, kind deedKind, replica, format string, args ...any) {
	fault, _ := ctx.Value(faultKey{}).(string)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deeds = append(w.deeds, Deed{At: time.Now(), Fault: fault, Kind: kind, Replica: replica, Text: fmt.Sprintf(format, args...)})
}

// types types a command. Who can't, because the channel is archived, does not.
func (w *world) types(user, channel, text string) {
	at := time.Now()
	inv, err := w.slack.Type(slacksim.Typed{UserID: user, ChannelID: channel, Command: "/import", Text: text})
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commands = append(w.commands, &typed{at: at, user: user, text: text, inv: inv})
}

// presses presses a button of the newest message that has it, among those of a channel and those that only the person sees. Where there
// is none, nobody can.
func (w *world) presses(user, channel, button string) {
	seen := append(w.slack.Messages(channel), w.slack.Ephemerals(user)...)
	seen = slices.DeleteFunc(seen, func(m slacksim.Message) bool {
		return m.Deleted || !strings.Contains(string(m.Blocks), `"action_id":"`+button+`"`)
	})
	if len(seen) == 0 {
		return
	}
	newest := slices.MaxFunc(seen, func(a, b slacksim.Message) int { return strings.Compare(a.TS, b.TS) })
	at := time.Now()
	over, cancel := context.WithCancel(context.Background())
	cancel() // its ack is not waited for
	inv, _ := w.slack.Press(over, slacksim.Pressed{UserID: user, ChannelID: newest.Channel, TS: newest.TS, ActionID: button})
	if inv == nil {
		return // the channel is archived
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commands = append(w.commands, &typed{at: at, user: user, text: "[" + button + "]", pressed: button, ts: newest.TS, private: newest.Ephemeral(), inv: inv})
}

// opens opens the Home tab.
func (w *world) opens(user string) {
	o := &typed{at: time.Now(), user: user, inv: w.slack.OpenHome(user)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.homes = append(w.homes, o)
}

// newest is the newest command, nil before the first.
func (w *world) newest() *slacksim.Invocation {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.commands) == 0 {
		return nil
	}
	return w.commands[len(w.commands)-1].inv
}

// importing reports whether an import runs on any server.
func (w *world) importing() bool {
	for _, s := range w.servers {
		if s.Busy(s.Clock().Now()) {
			return true
		}
	}
	return false
}

// cards are the cards of a server's channel, oldest first.
func (w *world) cards(s ServerPlan) []slacksim.Message {
	return slices.DeleteFunc(w.slack.Messages(s.Channel), func(m slacksim.Message) bool { return kind(m) != "card" })
}

// replica is the one that leads, as far as its log tells, or the n-th.
func (w *world) replica(leader bool, n int) *replica {
	newest := w.replicas[n]
	if !leader {
		return newest
	}
	for _, r := range w.replicas {
		if led := r.led(); led.After(newest.led()) {
			newest = r
		}
	}
	return newest
}

// all does something to all replicas at once.
func (w *world) all(do func(*replica)) {
	var doing sync.WaitGroup
	for _, r := range w.replicas {
		doing.Go(func() { do(r) })
	}
	doing.Wait()
}

// kill kills -9, and starts again after a while.
func (w *world) kill(ctx context.Context, r *replica, again time.Duration) {
	w.did(ctx, didKill, r.name, "kill -9 of %s", r.name)
	r.thaw()
	if !r.kill() {
		return
	}
	w.after(ctx, again)
	w.start(ctx, r)
}

// start starts a process unless one lives or the world is over.
func (w *world) start(ctx context.Context, r *replica) {
	w.mu.Lock()
	closing := w.closing
	w.mu.Unlock()
	if closing {
		return
	}
	w.did(ctx, didStart, r.name, "%s started", r.name)
	if err := r.start(); err != nil {
		w.did(ctx, didOther, r.name, "%v", err)
	}
}

// stop asks a process to stop, waits for it, and starts it again after a while.
func (w *world) stop(ctx context.Context, r *replica, again time.Duration) {
	r.thaw()
	w.did(ctx, didStop, r.name, "SIGTERM to %s", r.name)
	select {
	case <-r.terminate():
	case <-time.After(stopPatience):
		r.kill()
	}
	w.after(ctx, again)
	w.start(ctx, r)
}

// freeze stops a process where it stands for a while.
func (w *world) freeze(ctx context.Context, r *replica, long time.Duration) {
	w.did(ctx, didFreeze, r.name, "SIGSTOP to %s", r.name)
	if !r.freeze() {
		return
	}
	w.after(ctx, long)
	r.thaw()
	w.did(ctx, didThaw, r.name, "SIGCONT to %s", r.name)
}

// second starts one process more than the database bears, and waits for its end.
func (w *world) second(ctx context.Context) {
	n := 1
	w.mu.Lock()
	n += len(w.extra)
	w.mu.Unlock()
	r, err := newReplica(fmt.Sprintf("second-%d", n), w.program, w.dir, w.environ)
	if err == nil {
		err = r.start()
	}
	if err != nil {
		w.did(ctx, didOther, "", "a second process: %v", err)
		return
	}
	r.mu.Lock()
	r.life.Second = true
	ended := r.life.ended
	r.mu.Unlock()
	w.did(ctx, didOther, "", "a second process is started")
	w.mu.Lock()
	w.extra = append(w.extra, r)
	w.mu.Unlock()
	select {
	case <-ended:
	case <-time.After(3 * time.Second): // it found the file free, because the first one was killed just then
		<-r.terminate()
		w.raiseDead(ctx)
	case <-ctx.Done():
	}
}

// bigfixBack brings a server back that was taken off the network.
func (w *world) bigfixBack(ctx context.Context, name string) {
	if err := w.servers[name].Start(); err != nil {
		w.did(ctx, didOther, "", "%v", err)
		return
	}
	w.did(ctx, didHeal, "", "%s back", name)
}

// breakDatabase takes the database away for a while. What could not start meanwhile is started after, as a supervisor does.
func (w *world) breakDatabase(ctx context.Context, what string, long time.Duration, do func(context.Context) (undo func() error, err error)) {
	w.did(ctx, didDatabase, "", "%s", what)
	undo, err := do(ctx)
	if err != nil {
		w.did(ctx, didHeal, "", "that could not be done: %v", err)
		return
	}
	w.after(ctx, long)
	if err := undo(); err != nil {
		w.did(ctx, didOther, "", "the database could not be brought back: %v", err)
	}
	w.did(ctx, didHeal, "", "the database is back")
	w.raiseDead(ctx)
}

// raiseDead starts what does not live, as a supervisor does.
func (w *world) raiseDead(ctx context.Context) {
	for _, r := range w.replicas {
		if r.dead() {
			w.start(ctx, r)
		}
	}
}

// watchSockets notes when no socket takes envelopes.
func (w *world) watchSockets(ctx context.Context) {
	for {
		if w.slack.Wait(ctx, func() bool { return w.slack.Ready() == 0 }) != nil {
			return
		}
		w.mu.Lock()
		w.deaf = append(w.deaf, Span{From: time.Now()})
		w.mu.Unlock()
		err := w.slack.Wait(ctx, func() bool { return w.slack.Ready() > 0 })
		w.mu.Lock()
		w.deaf[len(w.deaf)-1].To = time.Now()
		w.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// stall is how long this program may get no time without that being noted.
const stall = 400 * time.Millisecond

// watchMachine notes when the machine had no time for this program, and so probably none for the bot either.
func (w *world) watchMachine(ctx context.Context) {
	tick := time.NewTicker(stall / 8)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		if now.Sub(last) > stall {
			w.did(ctx, didStall, "", "the machine had no time for %s", now.Sub(last).Round(time.Millisecond))
			w.mu.Lock()
			w.stalls = append(w.stalls, Span{From: last, To: now})
			w.mu.Unlock()
		}
		last = now
	}
}

// heal takes back all that was broken.
func (w *world) heal(ctx context.Context) {
	w.disarm()
	w.slack.Heal()
	w.slack.RestoreTokens()
	w.slack.DisconnectAfterHello("", 0)
	w.slack.ResumePings()
	for _, s := range w.plan.Servers {
		w.slack.SetArchived(s.Channel, false)
		w.slack.InviteBot(s.Channel)
		server := w.servers[s.Name]
		server.Heal()
		server.Set(func(d *bigfixtest.Doubts) { d.RightBehind = false })
		w.bigfixBack(ctx, s.Name)
	}
	for _, r := range w.replicas {
		r.thaw()
	}
	w.raiseDead(ctx)
	w.did(ctx, didHeal, "", "all healed")
}

// settle waits until nothing is under way any more. It returns what is missing when the time for that is over.
func (w *world) settle(ctx context.Context) string {
	missing, since := "", time.Time{}
	w.await(ctx, settleWithin, func() bool {
		now := time.Now()
		if missing = w.missing(ctx); missing != "" {
			since = time.Time{}
			return false
		}
		if since.IsZero() {
			since = now
		}
		return now.Sub(since) >= calm
	})
	if missing == "" && since.IsZero() {
		return "it never came to rest"
	}
	return missing
}

// missing says what is still under way, or has not been told yet though it will be.
func (w *world) missing(ctx context.Context) string {
	if w.importing() {
		return "an import runs"
	}
	if !w.allReady() {
		return "not all replicas are ready"
	}
	w.mu.Lock()
	open := slices.ContainsFunc(w.commands, func(c *typed) bool {
		select {
		case <-c.inv.Done():
			return false
		default:
			return true
		}
	})
	w.mu.Unlock()
	if open {
		return "a command waits for its ack"
	}
	due, err := w.db.due(ctx, held)
	if err != nil {
		return err.Error()
	}
	if due != "" {
		return due
	}
	e, err := w.evidence(ctx)
	if err != nil {
		return err.Error()
	}
	for _, r := range eventually() {
		if found := r.find(e); len(found) > 0 {
			return r.name + ": " + found[0]
		}
	}
	return ""
}

// end stops every process as a supervisor does.
func (w *world) end(ctx context.Context) {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.all(func(r *replica) {
		r.thaw()
		w.did(ctx, didStop, r.name, "SIGTERM to %s", r.name)
		select {
		case <-r.terminate():
		case <-time.After(stopPatience):
			r.kill()
		}
	})
}

// evidence gathers what is known now.
func (w *world) evidence(ctx context.Context) (*Evidence, error) {
	rows, err := w.db.imports(ctx)
	if err != nil {
		return nil, err
	}
	alerts, mutes, err := w.db.watch(ctx)
	if err != nil {
		return nil, err
	}
	e := &Evidence{
		At: time.Now(), Alerts: alerts, Mutes: mutes, AlertChannel: w.plan.AlertChannel, Announce: w.plan.Announce, Digests: w.plan.digests(),
		History: w.plan.History, Imports: rows, Calls: w.slack.Journal(), Violations: w.slack.Violations(),
		Servers: map[string]bigfixtest.Journal{}, Outputs: map[string]string{}, Secrets: map[string]string{},
	}
	for name, s := range w.servers {
		e.Servers[name] = s.Journal()
	}
	for _, s := range w.plan.Servers {
		e.Messages = append(e.Messages, w.slack.Messages(s.Channel)...)
	}
	e.Messages = append(e.Messages, append(w.slack.Messages(talk), w.slack.Messages(sirens)...)...)
	for _, user := range []string{ana, ben, cleo, oncall} {
		if dm := w.slack.DM(user); dm != "" {
			e.Messages = append(e.Messages, w.slack.Messages(dm)...)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range append(slices.Clone(w.replicas), w.extra...) {
		e.Lives = append(e.Lives, r.told()...)
	}
	e.Deeds, e.Deaf, e.Stalls = slices.Clone(w.deeds), slices.Clone(w.deaf), slices.Clone(w.stalls)
	for _, c := range w.commands {
		told := Command{
			At: c.at, User: c.user, Text: c.text, Pressed: c.pressed, TS: c.ts, Private: c.private, Operator: c.user != cleo, Trigger: c.inv.TriggerID, Path: path(c.inv.ResponseURL), Acked: c.inv.Acked(), Envelopes: c.inv.Envelopes(),
			AckAfter: c.inv.AckLatency(), Failure: c.inv.Failure(),
		}
		for _, m := range c.inv.Answers() {
			told.Answers = append(told.Answers, m.Text)
		}
		e.Commands = append(e.Commands, told)
	}
	for _, o := range w.homes {
		e.Homes = append(e.Homes, Opening{At: o.at, User: o.user, Acked: o.inv.Acked(), Envelopes: o.inv.Envelopes()})
	}
	return e, nil
}

// outputs adds everything in which no secret may stand, and the secrets.
func (w *world) outputs(e *Evidence) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range append(slices.Clone(w.replicas), w.extra...) {
		text, err := os.ReadFile(r.log.Name())
		if err != nil {
			return fmt.Errorf("reading a log: %w", err)
		}
		e.Outputs["the log of "+r.name] = string(text)
	}
	for name, text := range w.db.texts() {
		e.Outputs[name] = text
	}
	said, err := json.Marshal(struct {
		Calls    []slacksim.Call
		Messages []slacksim.Message
	}{withoutPaths(e.Calls), e.Messages})
	if err != nil {
		return fmt.Errorf("writing down what was said in Slack: %w", err)
	}
	e.Outputs["what was said in Slack"] = string(said)
	e.Secrets = map[string]string{"the bot token": w.slack.BotToken, "the app token": w.slack.AppToken, "a socket's ticket": "/link/?ticket="}
	for name, token := range w.tokens {
		e.Secrets["the token of "+name] = token
	}
	if password := w.db.password(); password != "" {
		e.Secrets["the database's password"] = password
	}
	for i, c := range w.commands {
		e.Secrets[fmt.Sprintf("the response_url of command %d", i+1)] = strings.TrimPrefix(strings.TrimPrefix(path(c.inv.ResponseURL), "/commands/"), "/actions/")
	}
	return nil
}

// withoutPaths leaves out where a response_url leads: that is whom the call went to and not what was said.
func withoutPaths(calls []slacksim.Call) []slacksim.Call {
	calls = slices.Clone(calls)
	for i, c := range calls {
		if c.Method != slacksim.ResponseURL {
			continue
		}
		args := map[string]string{}
		for k, v := range c.Args {
			if k != "path" {
				args[k] = v
			}
		}
		calls[i].Args = args
	}
	return calls
}

// close ends everything that is still there.
func (w *world) close() {
	w.mu.Lock()
	w.closing = true
	extra := w.extra
	w.mu.Unlock()
	for _, r := range append(slices.Clone(w.replicas), extra...) {
		r.close()
	}
	if w.slack != nil {
		w.slack.Close()
	}
	w.running.Wait()
	for _, s := range w.servers {
		s.Close()
	}
	if w.db != nil {
		w.db.close()
	}
}

// decode reads an import as the database has it.
func decode(body string, followers []string, answered time.Time) (imports.Import, error) {
	var imp imports.Import
	if err := json.Unmarshal([]byte(body), &imp); err != nil {
		return imp, fmt.Errorf("reading an import from the database: %w", err)
	}
	imp.Followers, imp.AnsweredAt = followers, answered
	return imp, nil
}

// path is where in the simulated Slack a response_url leads.
func path(responseURL string) string {
	u, err := url.Parse(responseURL)
	if err != nil {
		return ""
	}
	return u.Path
}
