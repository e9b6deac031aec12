//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

// Databases that a world can stand on.
const (
	onSQLite   = "sqlite"
	onPostgres = "postgres"
)

// People and channels of the simulated workspace. Cleo may not start imports.
const (
	ana  = "U0123ANA"
	ben  = "U0123BEN"
	cleo = "U0123CLEO"
	talk = "C0123TALK" // a channel that belongs to no server
	// oncall is mentioned in alerts, and sirens is where they may go.
	oncall = "U0123DORA"
	sirens = "C012SIRENS"
)

// Plan is a world before it runs: all of it is dealt from the seed, so the same seed deals the same plan. What comes of it also
// hangs on how the processes are scheduled.
type Plan struct {
	Seed     uint64
	Database string
	Replicas int
	Faults   []string
	// History: the bot is granted the history scopes. Public: it may post where it is no member. Handover: Slack gives envelopes of a
	// broken socket to another one.
	History, Public, Handover bool
	// TLS: the servers speak HTTPS. Own: PostgreSQL is this world's own, so that it can be stopped. SmallDisk: the database
	// lies on a file system that can be filled.
	TLS, Own, SmallDisk bool
	Announce            string
	AlertChannel        string // empty: each server's own
	Confirm             string // IMPORT_CONFIRM
	Digest              bool   // the week's report is due when the world begins
	Servers             []ServerPlan
	Length              time.Duration
	Steps               []Step
	only                bool // its one fault was chosen by hand
}

// ServerPlan is one simulated server.
type ServerPlan struct {
	Name, Channel string
	Raw, Complete time.Duration // how long imports take, about
	Due           time.Duration // when the scheduled import comes, after the beginning; 0: none
	Doubts        bigfixtest.Doubts
	Fails         float64 // the share of imports that fail
	Brief         float64 // the share of imports started by hand that are over between two polls
}

// Step is something that is done at a time after the beginning.
type Step struct {
	At    time.Duration // less than 0: before any process is started
	Fault string        // by which it was dealt; empty for what people do
	Text  string
	do    func(ctx context.Context, w *world)
}

// dealer deals a plan.
type dealer struct {
	*Plan
	rng   *rand.Rand
	fault string
}

// choice is what is to be dealt: one fault alone, or whatever the seed says. Quick leaves out what takes half a minute and more.
type choice struct {
	only  string
	quick bool
}

// deal makes the plan of a seed.
func deal(seed uint64, database string, from choice) Plan {
	p := Plan{
		Seed: seed, Database: database, Replicas: 1, Public: true, Handover: true, Announce: "all",
		Confirm: "never", Length: 7 * time.Second, only: from.only != "",
	}
	d := dealer{Plan: &p, rng: rand.New(rand.NewPCG(seed, 22))}
	if database == onPostgres {
		p.Replicas = 2 + d.rng.IntN(2)
	}
	p.History = d.chance(0.5)
	p.Handover = d.chance(0.8)
	switch d.rng.IntN(8) {
	case 0, 1:
		p.Announce = "failures"
	case 2:
		p.Announce = "none"
	}
	if d.chance(0.3) {
		p.AlertChannel = sirens
	}
	if d.chance(0.2) {
		p.Confirm = oneOf(&d, "overlap", "all")
	}
	d.Digest = d.chance(0.5)
	d.servers()
	chosen := d.choose(from)
	for _, f := range chosen {
		if f.setup != nil {
			f.setup(&d)
		}
	}
	for i := range p.Servers {
		d.people(p.Servers[i])
		d.wishes(p.Servers[i])
	}
	for _, f := range chosen {
		d.fault = f.name
		p.Faults = append(p.Faults, f.name)
		f.deal(&d)
	}
	slices.SortStableFunc(p.Steps, func(a, b Step) int { return int(a.At - b.At) })
	return p
}

// servers deals one or two servers, with the doubts that do not hide an import.
func (d *dealer) servers() {
	names := []string{"prod", "lab"}[:1+d.rng.IntN(2)]
	for i, name := range names {
		s := ServerPlan{
			Name: name, Channel: fmt.Sprintf("C012345678%d", i), Fails: 0.15,
			Raw: d.between(600, 1300), Complete: d.between(900, 2000),
			Doubts: bigfixtest.Doubts{
				RunAnswer: oneOf(d, bigfixtest.AnswerStatus, bigfixtest.AnswerStatus, bigfixtest.AnswerStale, bigfixtest.AnswerEmpty,
					bigfixtest.AnswerHTML, bigfixtest.Answer500),
				ImportTime: oneOf(d, bigfixtest.MomentEnd, bigfixtest.MomentStart),
				Progress: oneOf(d, bigfixtest.ProgressUsual, bigfixtest.ProgressUsual, bigfixtest.ProgressLinear, bigfixtest.ProgressRests,
					bigfixtest.ProgressFallsBack, bigfixtest.ProgressJumps, bigfixtest.ProgressAbsent),
				WhileRunning: oneOf(d, bigfixtest.RunDropped, bigfixtest.RunRefused),
			},
		}
		if d.chance(0.3) {
			s.Doubts.StartLag = d.between(50, 500)
		}
		if d.chance(0.2) {
			s.Doubts.EndLag = d.between(20, 120)
		}
		if d.chance(0.3) {
			s.Doubts.FailureWord = "Fehlgeschlagen <!channel>"
		}
		if d.chance(0.15) {
			s.Due = d.between(1500, 6000)
		}
		d.Servers = append(d.Servers, s)
	}
}

// possible are the faults that can be dealt on a database, here.
func possible(database string, quick bool) []fault {
	return slices.DeleteFunc(faults(), func(f fault) bool {
		return f.on != "" && f.on != database || quick && f.slow || f.possible != nil && f.possible() != nil
	})
}

// choose picks the faults: one alone as often as several together.
func (d *dealer) choose(from choice) []fault {
	for _, f := range faults() {
		if from.only == f.name && (f.on == "" || f.on == d.Database) {
			return []fault{f}
		}
	}
	can := possible(d.Database, from.quick)
	n := oneOf(d, 1, 1, 2, 3)
	var chosen []fault
	for len(chosen) < n && len(can) > 0 {
		i := d.weighted(can)
		f := can[i]
		can = slices.Delete(can, i, i+1)
		if f.rival == "" || !slices.ContainsFunc(chosen, func(other fault) bool { return other.rival == f.rival }) {
			chosen = append(chosen, f)
		}
	}
	return chosen
}

func (d *dealer) weighted(can []fault) int {
	sum := 0
	for _, f := range can {
		sum += f.weight
	}
	n := d.rng.IntN(sum)
	for i, f := range can {
		if n -= f.weight; n < 0 {
			return i
		}
	}
	return 0
}

// people deals what is typed about a server, and what somebody starts in its web pages.
func (d *dealer) people(s ServerPlan) {
	for at := d.between(100, 1200); at < d.Length; at += d.between(1300, 2500) {
		if d.chance(0.15) {
			d.byHand(at, s)
			continue
		}
		d.types(at, d.operator(), d.start()+" "+s.Name)
		switch d.rng.IntN(8) {
		case 0: // two people at once
			d.types(at, d.operator(), d.start()+" "+s.Name)
		case 1:
			d.types(at+d.between(1, 40), d.operator(), d.start()+" "+s.Name)
		case 2:
			d.types(at+d.between(0, 900), cleo, d.start()+" "+s.Name)
		case 3:
			d.types(at+d.between(200, 1500), d.operator(), d.start()+" "+s.Name)
		}
	}
	for range 2 {
		text := oneOf(d, "status", "status "+s.Name, "", "help", "statsu", "cancel "+s.Name, "raw nowhere", "status nowhere")
		d.types(d.upTo(d.Length), oneOf(d, ana, ben, cleo), text)
	}
}

// wishes deals what people ask for beside plain starts: starts that wait, and are taken back; mutes, and their end; buttons, pressed once or
// twice; the Home tab.
func (d *dealer) wishes(s ServerPlan) {
	for range d.rng.IntN(3) {
		at := d.upTo(d.Length - time.Second)
		d.types(at, d.operator(), d.start()+" "+s.Name+" after")
		switch d.rng.IntN(4) {
		case 0:
			d.types(at+d.between(50, 1200), d.operator(), "cancel "+s.Name)
		case 1: // joined
			d.types(at+d.between(0, 600), d.operator(), d.start()+" "+s.Name+" after")
		case 2:
			d.types(at+d.between(0, 600), cleo, "cancel "+s.Name)
		}
	}
	if d.chance(0.3) {
		at := d.upTo(d.Length / 2)
		d.types(at, d.operator(), "mute "+s.Name+" 1h Patching <!channel> & more")
		if d.chance(0.7) {
			d.types(at+d.between(800, 4000), d.operator(), "unmute "+s.Name)
		}
	}
	for range d.rng.IntN(4) {
		who := oneOf(d, ana, ben, cleo)
		d.presses(d.busy(), who, s, oneOf(d, "refresh", "start_raw", "start_complete", "notify", "notify", "notify_direct", "cancel_waiting", "status"), 1+d.rng.IntN(2))
	}
	if d.Confirm != "never" {
		for _, user := range []string{ana, ben} {
			d.presses(d.busy(), user, s, "confirm_start", 1+d.rng.IntN(2))
		}
	}
	if d.chance(0.4) {
		d.opens(d.upTo(d.Length/2), oneOf(d, ana, cleo))
	}
}

// presses deals somebody pressing a button of the newest message that has it, once or twice in a moment.
func (d *dealer) presses(at time.Duration, user string, s ServerPlan, button string, times int) {
	d.Steps = append(d.Steps, Step{At: at, Text: fmt.Sprintf("%s presses %s in the channel of %s, %d time(s)", user, button, s.Name, times), do: func(ctx context.Context, w *world) {
		for range times {
			w.presses(user, s.Channel, button)
		}
	}})
}

// opens deals somebody opening the Home tab.
func (d *dealer) opens(at time.Duration, user string) {
	d.Steps = append(d.Steps, Step{At: at, Text: user + " opens the Home tab", do: func(_ context.Context, w *world) { w.opens(user) }})
}

func (d *dealer) operator() string { return oneOf(d, ana, ben) }

func (d *dealer) start() string { return oneOf(d, "raw", "complete") }

// types deals a command.
func (d *dealer) types(at time.Duration, user, text string) {
	channel := talk
	if d.chance(0.5) {
		channel = d.Servers[0].Channel
	}
	d.Steps = append(d.Steps, Step{At: at, Text: fmt.Sprintf("%s types /import %s", user, text), do: func(_ context.Context, w *world) {
		w.types(user, channel, text)
	}})
}

// byHand deals an import started in the web pages.
func (d *dealer) byHand(at time.Duration, s ServerPlan) {
	t := oneOf(d, bigfix.TypeRaw, bigfix.TypeComplete)
	d.Steps = append(d.Steps, Step{At: at, Text: fmt.Sprintf("somebody starts a %s import on %s in the web pages", t, s.Name), do: func(_ context.Context, w *world) {
		server := w.servers[s.Name]
		server.StartByHand(server.Clock().Now(), t)
	}})
}

// does deals a step of the fault that is being dealt.
func (d *dealer) does(at time.Duration, text string, do func(ctx context.Context, w *world)) {
	fault := d.fault
	d.Steps = append(d.Steps, Step{At: at, Fault: d.fault, Text: text, do: func(ctx context.Context, w *world) {
		do(context.WithValue(ctx, faultKey{}, fault), w)
	}})
}

// server picks one.
func (d *dealer) server() ServerPlan { return d.Servers[d.rng.IntN(len(d.Servers))] }

// busy is a moment in the midst of things.
func (d *dealer) busy() time.Duration {
	return 500*time.Millisecond + d.upTo(d.Length-1500*time.Millisecond)
}

// between is a length of time between two numbers of milliseconds.
func (d *dealer) between(low, high int) time.Duration {
	return time.Duration(low+d.rng.IntN(high-low+1)) * time.Millisecond
}

func (d *dealer) upTo(most time.Duration) time.Duration {
	return time.Duration(d.rng.Int64N(int64(most))).Round(time.Millisecond)
}

func (d *dealer) chance(p float64) bool { return d.rng.Float64() < p }

func oneOf[T any](d *dealer, from ...T) T { return from[d.rng.IntN(len(from))] }

// odd are the doubts that are not answered in the plainest way.
func odd(d bigfixtest.Doubts) string {
	var out strings.Builder
	v := reflect.ValueOf(d)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			fmt.Fprintf(&out, ", %s %v", v.Type().Field(i).Name, v.Field(i))
		}
	}
	return out.String()
}

// String is the plan as a timeline.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d on %s, %d replica(s), faults: %s\n", p.Seed, p.Database, p.Replicas, strings.Join(p.Faults, ", "))
	fmt.Fprintf(&b, "history scopes %t, chat:write.public %t, envelopes handed over %t, TLS %t, announce %s, alerts to %q, confirm %s, digest due %t\n",
		p.History, p.Public, p.Handover, p.TLS, p.Announce, p.AlertChannel, p.Confirm, p.Digest)
	for _, s := range p.Servers {
		fmt.Fprintf(&b, "server %s: raw %s, complete %s, scheduled after %s, %.0f %% fail%s\n", s.Name, s.Raw, s.Complete, s.Due, 100*s.Fails, odd(s.Doubts))
	}
	for _, s := range p.Steps {
		from := ""
		if s.Fault != "" {
			from = "  [" + s.Fault + "]"
		}
		fmt.Fprintf(&b, "%7.3f s  %s%s\n", s.At.Seconds(), s.Text, from)
	}
	return b.String()
}
