package imports

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

// game is one import started here on one simulated server, watched as an Engine would, with whatever may come between.
// It is dealt from a seed, and the same seed plays the same game.
type game struct {
	rng      *rand.Rand
	ordinary bool // nothing comes between, and the import is seen from its beginning to its end
	doubts   bigfixtest.Doubts
	sim      *bigfixtest.Sim
	desk     desk
	typ      bigfix.ImportType

	now    time.Time // by our clock, which is right
	send   time.Time // when run= is to be sent
	cutoff time.Time // when nobody watches any longer
	sent   bool
	crash  bool          // the process dies while it sends
	away   [2]time.Time  // no looks
	dark   [2]time.Time  // looks, and no answers
	denied [2]time.Time  // the token is taken for wrong
	lost   float64       // the share of polls that are lost
	odd    float64       // the share of looks that are answered in a mode nobody documented
	slow   time.Duration // how long an answer takes at most
	looks  []time.Time   // when the server answered, for the answered ones

	what []string // what comes between, in words
}

// gameStart is roughly when games begin, on a day like any other.
var gameStart = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func newGame(seed, n uint64) *game {
	g := &game{rng: rand.New(rand.NewPCG(seed, n))}
	g.now = gameStart.Add(g.upTo(24 * time.Hour)).Truncate(time.Millisecond)
	g.send = g.now.Add(g.between(2*time.Minute, 3*time.Minute))
	g.cutoff = g.now.Add(14 * time.Hour)
	g.ordinary = g.chance(0.15)
	g.slow = 2 * time.Second
	g.typ = bigfix.TypeRaw
	length := g.between(10*time.Second, 6*time.Minute)
	if g.chance(0.6) {
		g.typ, length = bigfix.TypeComplete, g.between(time.Minute, 40*time.Minute)
	}
	g.doubts = bigfixtest.Random(g.rng)
	if g.ordinary {
		g.doubts, length = g.plainDoubts(), max(length, time.Minute)
	}
	schedule := bigfixtest.Schedule{At: g.send.Add(12*time.Hour+g.doubts.Skew).Sub(gameStart.Add(g.doubts.Skew).Truncate(24*time.Hour)) % (24 * time.Hour)}
	opts := []bigfixtest.Option{bigfixtest.WithDoubts(g.doubts), bigfixtest.WithPlan(g.plan(length))}
	if !g.ordinary {
		schedule = g.disturb(length, schedule)
	}
	opts = append(opts, bigfixtest.WithSchedule(schedule), bigfixtest.WithSeed(g.rng.Uint64()), bigfixtest.WithLast(g.last()))
	g.sim = bigfixtest.NewSim(g.now, opts...)
	g.disturbServer(length)
	g.desk.srv.Name = "prod"
	return g
}

// plainDoubts are what a server may do and still be an ordinary one.
func (g *game) plainDoubts() bigfixtest.Doubts {
	d := bigfixtest.Random(g.rng)
	plain := bigfixtest.Doubts{
		RunAnswer: d.RunAnswer, WhileRunning: d.WhileRunning, ImportTime: d.ImportTime, SuccessTime: d.SuccessTime,
		FailureWord: d.FailureWord, Skew: d.Skew,
		StartLag: min(d.StartLag, 30*time.Second), EndLag: min(d.EndLag, 30*time.Second),
	}
	if d.RunAnswer == bigfixtest.Answer401 || d.RunAnswer == bigfixtest.Answer403 {
		plain.RunAnswer = bigfixtest.AnswerStatus // to refuse a start and begin the import is not ordinary
	}
	if d.Progress != bigfixtest.ProgressFallsBack && d.Progress != bigfixtest.ProgressResets {
		plain.Progress = d.Progress
	}
	return plain
}

// plan is the course of every import of the game.
func (g *game) plan(length time.Duration) func(bigfixtest.Import) bigfixtest.Plan {
	return func(imp bigfixtest.Import) bigfixtest.Plan {
		p := bigfixtest.Plan{Duration: length}
		if imp.Origin != bigfixtest.Requested {
			p.Duration = g.between(10*time.Second, 20*time.Minute)
		}
		if p.Fails = g.chance(*gamesFail); p.Fails && !g.ordinary {
			p.Duration = max(time.Duration(g.rng.Float64()*float64(p.Duration)), time.Second)
		}
		return p
	}
}

// last is what the server remembers: mostly a success, sometimes a failure, now and then nothing.
func (g *game) last() bigfixtest.Last {
	at := g.now.Add(g.doubts.Skew - 20*time.Hour).Truncate(time.Second)
	word := bigfix.LastStatus(cmp.Or(g.doubts.SuccessWord, string(bigfix.StatusSuccessful)))
	last := bigfixtest.Last{Status: word, SuccessTime: at, ImportTime: at, Type: bigfix.TypeComplete}
	switch g.rng.IntN(20) {
	case 0:
		return bigfixtest.Last{}
	case 1, 2, 3:
		last.Status = bigfix.LastStatus(cmp.Or(g.doubts.FailureWord, "failed"))
		last.SuccessTime = at.Add(-24 * time.Hour)
	}
	return last
}

// disturb deals what comes between on our side, and a nightly in the same minutes.
func (g *game) disturb(length time.Duration, far bigfixtest.Schedule) bigfixtest.Schedule {
	if g.chance(0.2) {
		g.lost = g.rng.Float64() * 0.6
		g.note("polls lost")
	}
	if g.chance(0.1) {
		g.slow = 20 * time.Second
		g.note("slow answers")
	}
	if g.chance(0.1) {
		from := g.send.Add(g.upTo(length+2*time.Minute) - time.Minute)
		g.away = [2]time.Time{from, from.Add(g.between(10*time.Second, 3*time.Hour))}
		g.note("bot away")
	}
	if g.chance(0.1) {
		from := g.send.Add(g.upTo(length+2*time.Minute) - time.Minute)
		g.dark = [2]time.Time{from, from.Add(g.between(30*time.Second, 20*time.Minute))}
		g.note("out of sight")
	}
	if g.chance(0.04) {
		from := g.send.Add(g.upTo(length+2*time.Minute) - time.Minute)
		g.denied = [2]time.Time{from, from.Add(g.between(10*time.Second, time.Hour))}
		g.note("token taken for wrong")
	}
	if g.chance(0.03) {
		g.odd = g.rng.Float64() * 0.6
		g.note("a mode nobody documented")
	}
	if g.chance(0.03) {
		g.crash = true
		g.away = [2]time.Time{g.send.Add(time.Second), g.send.Add(g.between(2*time.Second, 10*time.Minute))}
		g.note("killed while sending")
	}
	if !g.chance(0.1) {
		return far
	}
	g.note("nightly in the same minutes")
	due := g.send.Add(g.upTo(4*time.Minute) - 2*time.Minute)
	if g.chance(0.5) {
		due = due.Add(length)
	}
	return bigfixtest.Schedule{At: sinceMidnight(due.Add(g.doubts.Skew)), Type: g.anyType()}
}

func sinceMidnight(t time.Time) time.Duration { return t.Sub(t.Truncate(24 * time.Hour)) }

// disturbServer deals what comes between on the server's side.
func (g *game) disturbServer(length time.Duration) {
	if g.ordinary {
		return
	}
	if g.chance(*gamesByHand) {
		g.sim.StartByHand(g.send.Add(g.upTo(length+6*time.Minute)-3*time.Minute), g.anyType())
		g.note("started by hand in the same minutes")
	}
	if g.chance(0.1) {
		g.sim.RestartAt(g.send.Add(g.upTo(length)), g.between(5*time.Second, 10*time.Minute))
		g.note("server restarted")
	}
	if g.chance(0.1) {
		g.sim.SetPending(true)
	}
}

func (g *game) note(what string) { g.what = append(g.what, what) }

func (g *game) anyType() bigfix.ImportType {
	if g.chance(0.5) {
		return bigfix.TypeRaw
	}
	return bigfix.TypeComplete
}

func (g *game) chance(p float64) bool { return g.rng.Float64() < p }

func (g *game) upTo(d time.Duration) time.Duration { return time.Duration(g.rng.Int64N(int64(d))) }

func (g *game) between(low, high time.Duration) time.Duration { return low + g.upTo(high-low) }

// play watches until the import is over and for some minutes more, for what may come behind it.
func (g *game) play() {
	quietSince := g.now
	for g.now.Before(g.cutoff) {
		g.step()
		if len(g.desk.active) > 0 || !g.sent || g.sim.Busy(g.now) {
			quietSince = g.now
		}
		if g.now.Sub(quietSince) > 7*time.Minute {
			return
		}
	}
}

// step waits for the next look, takes it, and sends run= when it is time and the server says that nothing runs.
func (g *game) step() {
	g.now = g.now.Add(g.pace())
	if !g.now.Before(g.away[0]) && g.now.Before(g.away[1]) {
		g.now = g.away[1]
	}
	g.look()
	last := g.desk.srv.Last
	if f := last.Failure; f != nil && f.Kind == FailForbidden && !g.now.Before(g.send) {
		g.sent = true // the wish is refused, and nothing sent
		return
	}
	if g.sent || g.now.Before(g.send) || len(g.desk.active) > 0 || last.Status == nil || !last.Status.Mode.NotRunning() {
		return
	}
	if can := last.Status.CanRunImports; can != nil && !*can {
		g.sent = true // the wish is refused, and nothing sent
		return
	}
	g.start()
}

// start sends run=, and looks at once what came of it, unless the process dies while it sends.
func (g *game) start() {
	g.sent = true
	g.now = g.now.Add(g.upTo(3 * time.Second))
	at := g.now
	var err error
	if !g.crash || g.chance(0.5) {
		at := g.now.Add(g.upTo(time.Second))
		g.deny(at)
		_, err = g.sim.Run(at, g.typ)
	}
	g.now = g.now.Add(time.Second)
	g.desk.start(Import{Server: "prod", Type: g.typ}, at, FailureOf(err, g.now))
	if g.crash {
		g.desk.active[0].State, g.desk.active[0].SendAnswer = Sending, nil
		if g.away[1].After(g.now) {
			g.now = g.away[1]
		}
	} else if f := g.desk.active[0].SendAnswer; f != nil && f.Kind == FailUnauthorized {
		g.desk.srv = g.desk.rules.See(g.desk.srv, Observation{Span: Span{Asked: g.now, At: g.now}, Failure: f})
		return // credentials that were rejected have their rest
	}
	g.look()
}

// deny has the server take the token for wrong at the next request, if it is to be so at that time.
func (g *game) deny(at time.Time) {
	if !at.Before(g.denied[0]) && at.Before(g.denied[1]) {
		g.sim.Fail(bigfixtest.Fault{Answer: cmp.Or(g.doubts.WrongToken, bigfixtest.Answer401), Times: 1})
	}
}

// pace is how long after a look the next one follows, as the Engine has it.
func (g *game) pace() time.Duration {
	switch {
	case g.desk.srv.Last.Failure != nil && g.desk.srv.Last.Failure.Kind == FailUnauthorized,
		len(g.desk.active) == 0 && (g.sent || g.now.Before(g.send)):
		return time.Minute
	case len(g.desk.active) == 0:
		return 10 * time.Second
	}
	imp := g.desk.active[len(g.desk.active)-1]
	since := imp.SendingAt
	if since.IsZero() {
		since = imp.BegunAt
	}
	if g.now.Sub(since) < 2*time.Minute {
		return 10 * time.Second
	}
	return 30 * time.Second
}

var errLost = errors.New("connection reset")

func (g *game) look() {
	span := Span{Asked: g.now}
	took := g.upTo(g.slow)
	g.now = g.now.Add(took)
	span.At = g.now
	answered := span.Asked.Add(time.Duration(g.rng.Float64() * float64(took)))
	if g.chance(g.lost) || !answered.Before(g.dark[0]) && answered.Before(g.dark[1]) {
		g.desk.look(Observe(span, bigfix.Status{}, errLost))
		return
	}
	g.deny(answered)
	if g.chance(g.odd) {
		g.sim.Fail(bigfixtest.Fault{On: bigfixtest.Looks, Answer: bigfixtest.AnswerOddMode, Times: 1})
	}
	st, err := g.sim.Status(answered)
	if err == nil && (st.Mode == bigfix.ModeRunning || st.Mode.NotRunning()) {
		g.looks = append(g.looks, answered)
	}
	g.desk.look(Observe(span, st, err))
}
