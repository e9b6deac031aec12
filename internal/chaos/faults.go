//go:build unix

package main

import (
	"context"
	"fmt"
	"time"

	"importbot/bigfix/bigfixtest"
	"importbot/internal/slacksim"
)

// fault is one thing that goes wrong, by name.
type fault struct {
	name   string
	on     string // the database it needs; empty for any
	weight int    // how often it is dealt, beside the others
	rival  string // faults with the same rival are not dealt together
	slow   bool   // takes half a minute and more
	// possible says why it can't be done on this machine; nil where it always can.
	possible func() error
	setup    func(*dealer) // what the world must be like; nil where it makes no difference
	deal     func(*dealer)
}

// faults is the table of everything that is dealt.
func faults() []fault {
	table := []fault{
		{name: "nothing", weight: 2, deal: func(*dealer) {}},

		// Processes.
		{name: "kill -9", weight: 12, deal: kills},
		{name: "kill -9, all at once", on: onPostgres, weight: 3, deal: killsAll},
		{name: "SIGTERM in mid-import", weight: 8, deal: stops},
		{name: "SIGTERM behind a command", weight: 5, deal: stopsBehindCommand},
		{name: "rolling restart", on: onPostgres, weight: 3, deal: rolls},
		{name: "frozen for a moment", weight: 4, deal: freezesShortly},
		{name: "frozen leader", on: onPostgres, weight: 2, rival: "long", slow: true, setup: longer(36), deal: freezesLeader},
		{name: "a second process", on: onSQLite, weight: 2, deal: secondProcess},

		// Sockets.
		{name: "sockets cut", weight: 4, deal: sockets("cut", func(s *slacksim.Sim, n int) { s.CutSockets(n) })},
		{name: "sockets half-open", weight: 4, deal: halfOpen},
		{name: "sockets refreshed", weight: 4, deal: sockets("refreshed", func(s *slacksim.Sim, n int) { s.Disconnect(slacksim.RefreshRequested, n) })},
		{name: "sockets warned", weight: 2, deal: sockets("warned", func(s *slacksim.Sim, n int) { s.Disconnect(slacksim.Warning, n) })},
		{name: "app token refused for a moment", weight: 2, deal: tokenRefused("app", (*slacksim.Sim).RevokeAppToken, (*slacksim.Sim).RestoreAppToken)},
		{name: "sockets refused", weight: 3, deal: socketsRefused},
		{name: "too_many_websockets", weight: 3, deal: disconnects(slacksim.TooManyWebsockets)},
		{name: "link_disabled", weight: 2, deal: disconnects(slacksim.LinkDisabled)},
		{name: "envelopes twice", weight: 4, deal: redelivers("at once", 0, 60)},
		{name: "envelopes late", weight: 4, deal: redelivers("late", 800, 4000)},
		{name: "envelopes after a kill", weight: 4, deal: redeliversAfterKill},

		// Slack's Web API.
		{name: "429 with Retry-After", weight: 5, deal: limited},
		{name: "5xx from Slack", weight: 4, deal: slackFails("answers 503", slacksim.Fault{Status: 503}, 1, 6, "*")},
		{name: "Slack hangs", weight: 2, deal: slackFails("hangs", slacksim.Fault{Hang: true}, 1, 1, "chat.postMessage", "chat.update", slacksim.ResponseURL)},
		{name: "Slack cuts calls", weight: 3, deal: slackFails("cuts the call", slacksim.Fault{Drop: true}, 1, 4, "chat.postMessage", "chat.update", slacksim.ResponseURL)},
		{name: "taken, answer lost", weight: 8, deal: slackFails("takes the call and loses the answer", slacksim.Fault{TakeThenDrop: true}, 1, 1,
			"chat.postMessage", "chat.postMessage", "chat.postMessage", "chat.update", slacksim.ResponseURL)},
		{name: "bot token refused for a moment", weight: 3, deal: tokenRefused("bot", (*slacksim.Sim).RevokeBotToken, (*slacksim.Sim).RestoreBotToken)},
		{name: "card deleted", weight: 4, deal: deletesCard},
		{name: "channel archived", weight: 3, deal: archives},
		{name: "week's report taken, answer lost", weight: 3, setup: (*dealer).weekly, deal: losesDigest},
		{name: "channel archived, the week's report due", weight: 2, setup: (*dealer).weekly, deal: archivesFirst},
		{name: "bot removed from the channel", weight: 3, setup: func(d *dealer) { d.Public = false }, deal: removesBot},

		// The BigFix server.
		{name: "BigFix hangs", weight: 4, deal: bigfixFails("hangs", bigfixtest.Fault{On: bigfixtest.Looks, Answer: bigfixtest.AnswerHang}, 1, 2)},
		{name: "BigFix answers 500", weight: 4, deal: bigfixFails("answers 500", bigfixtest.Fault{Answer: bigfixtest.Answer500}, 1, 20)},
		{name: "BigFix answers HTML", weight: 3, deal: bigfixFails("answers with a login page", bigfixtest.Fault{Answer: bigfixtest.AnswerHTML}, 1, 12)},
		{name: "BigFix cuts its JSON", weight: 3, deal: bigfixFails("cuts its JSON", bigfixtest.Fault{Answer: bigfixtest.AnswerCut}, 1, 20)},
		{name: "run= taken, answer lost", weight: 5, deal: bigfixFails("takes run= and drops the answer", bigfixtest.Fault{On: bigfixtest.Runs, Answer: bigfixtest.AnswerDrop, Taken: true}, 1, 3)},
		{name: "run= dropped", weight: 4, deal: bigfixFails("drops run=", bigfixtest.Fault{On: bigfixtest.Runs, Answer: bigfixtest.AnswerDrop}, 1, 2)},
		{name: "run= answered 500", weight: 3, deal: bigfixFails("answers run= with 500", bigfixtest.Fault{On: bigfixtest.Runs, Answer: bigfixtest.Answer500}, 1, 2)},
		{name: "run= hangs", weight: 3, deal: bigfixFails("takes run= and hangs", bigfixtest.Fault{On: bigfixtest.Runs, Answer: bigfixtest.AnswerHang, Taken: true}, 1, 1)},
		{name: "token rejected in mid-import", weight: 4, deal: tokenRejected},
		{name: "certificate changed", weight: 4, setup: func(d *dealer) { d.TLS = true }, deal: changesCertificate},
		{name: "BigFix restarts in mid-import", weight: 6, deal: restartsBigFix},
		{name: "BigFix away and back, again and again", weight: 3, deal: bigfixFlaps},
		{name: "BigFix away", weight: 4, deal: bigfixAway},
		{name: "over between two polls", weight: 4, setup: brief, deal: byHandOften},
		{name: "another right behind", weight: 4, deal: rightBehind},
		{name: "clock an hour off", weight: 3, setup: hourOff, deal: func(*dealer) {}},
		{name: "clock set by an hour", weight: 2, deal: clockSet},

		// The database.
		{name: "database locked", weight: 6, rival: "database", deal: locksDatabase},
		{name: "disk full", on: onSQLite, weight: 5, rival: "database", possible: canMount, setup: func(d *dealer) { d.SmallDisk = true }, deal: fillsDisk},
		{name: "sessions of PostgreSQL ended", on: onPostgres, weight: 4, deal: endsSessions},
		{name: "PostgreSQL restarted", on: onPostgres, weight: 4, rival: "database", setup: ownCluster, deal: restartsPostgres},
		{name: "PostgreSQL gone for a while", on: onPostgres, weight: 3, rival: "database", setup: ownCluster, deal: takesPostgres(2000, 12_000)},
		{name: "PostgreSQL gone for a minute", on: onPostgres, weight: 1, slow: true, rival: "database", setup: ownCluster, deal: takesPostgres(60_000, 60_000)},
	}
	for _, p := range points() {
		table = append(table, fault{name: p.name(), weight: 2, setup: p.setup, deal: killsAt(p)})
	}
	return table
}

// alarming makes a world in which imports fail and succeed, and alerts are messages of their own.
func (d *dealer) alarming() {
	d.AlertChannel = sirens
	for i := range d.Servers {
		d.Servers[i].Fails = 0.5
	}
}

// kills kills -9 at random moments, and starts again.
func kills(d *dealer) {
	most := 1500
	if d.Replicas > 1 {
		most = 4000
	}
	for range 1 + d.rng.IntN(3) {
		again := d.between(0, most)
		leader := d.chance(0.6)
		n := d.rng.IntN(d.Replicas)
		d.does(d.busy(), fmt.Sprintf("kill -9 of %s, started again after %s", d.which(leader, n), again), func(ctx context.Context, w *world) {
			w.kill(ctx, w.replica(leader, n), again)
		})
	}
}

func (d *dealer) which(leader bool, n int) string {
	if leader {
		return "the leader"
	}
	return fmt.Sprintf("replica %d", n+1)
}

func killsAll(d *dealer) {
	again := d.between(0, 1500)
	d.does(d.busy(), fmt.Sprintf("kill -9 of all, started again after %s", again), func(ctx context.Context, w *world) {
		w.all(func(r *replica) { w.kill(ctx, r, again) })
	})
}

// stops stops the leader while an import runs, and starts it again.
func stops(d *dealer) {
	for range 1 + d.rng.IntN(2) {
		again := d.between(0, 800)
		d.does(d.busy(), fmt.Sprintf("SIGTERM to the leader in mid-import, started again after %s", again), func(ctx context.Context, w *world) {
			w.await(ctx, 3*time.Second, w.importing)
			w.stop(ctx, w.replica(true, 0), again)
		})
	}
}

func stopsBehindCommand(d *dealer) {
	for range 1 + d.rng.IntN(2) {
		at, s := d.busy(), d.server()
		d.types(at, d.operator(), d.start()+" "+s.Name)
		n := d.rng.IntN(d.Replicas)
		d.does(at+d.between(0, 400), fmt.Sprintf("SIGTERM to replica %d, started again", n+1), func(ctx context.Context, w *world) {
			w.stop(ctx, w.replicas[n], 0)
		})
	}
}

func rolls(d *dealer) {
	d.does(d.busy()/2, "rolling restart of all replicas", func(ctx context.Context, w *world) {
		for _, r := range w.replicas {
			w.stop(ctx, r, 0)
			w.await(ctx, 10*time.Second, func() bool { lives := r.told(); return !lives[len(lives)-1].Ready.IsZero() })
		}
	})
}

func freezesShortly(d *dealer) {
	for range 1 + d.rng.IntN(2) {
		leader, n, long := d.chance(0.6), d.rng.IntN(d.Replicas), d.between(200, 4000)
		d.does(d.busy(), fmt.Sprintf("SIGSTOP to %s for %s", d.which(leader, n), long), func(ctx context.Context, w *world) {
			w.freeze(ctx, w.replica(leader, n), long)
		})
	}
}

// freezesLeader freezes the leader for longer than its lead lasts.
func freezesLeader(d *dealer) {
	long := d.between(22_000, 30_000)
	d.does(d.between(500, 4000), fmt.Sprintf("SIGSTOP to the leader for %s", long), func(ctx context.Context, w *world) {
		w.freeze(ctx, w.replica(true, 0), long)
	})
}

// longer makes the world last so many seconds.
func longer(seconds int) func(*dealer) {
	return func(d *dealer) { d.Length = time.Duration(seconds) * time.Second }
}

// secondProcess starts a second process on the same file: it has to say so and go.
func secondProcess(d *dealer) {
	d.does(d.busy(), "a second process on the same database", func(ctx context.Context, w *world) { w.second(ctx) })
}

func sockets(what string, do func(*slacksim.Sim, int)) func(*dealer) {
	return func(d *dealer) {
		for range 1 + d.rng.IntN(3) {
			n := d.rng.IntN(3)
			d.does(d.busy(), fmt.Sprintf("%s sockets %s", some(n), what), func(ctx context.Context, w *world) {
				w.did(ctx, didSockets, "", "%s sockets %s", some(n), what)
				do(w.slack, n)
			})
		}
	}
}

func some(n int) string {
	if n == 0 {
		return "all"
	}
	return fmt.Sprint(n)
}

func halfOpen(d *dealer) {
	n, long := d.rng.IntN(2), d.between(500, 4000)
	d.does(d.busy(), fmt.Sprintf("%s sockets half-open for %s", some(n), long), func(ctx context.Context, w *world) {
		w.did(ctx, didSockets, "", "%s sockets half-open", some(n))
		w.slack.HalfOpen(n)
		w.after(ctx, long)
		w.did(ctx, didSockets, "", "all sockets cut")
		w.slack.CutSockets(0)
	})
}

func socketsRefused(d *dealer) {
	times := 1 + d.rng.IntN(4)
	refusal := oneOf(d,
		refusal{fmt.Sprintf("with 503, %d times", times), slacksim.Fault{Status: 503, Times: times}},
		refusal{fmt.Sprintf("with internal_error, %d times", times), slacksim.Fault{Error: "internal_error", Times: times}},
		refusal{fmt.Sprintf("by a broken connection, %d times", times), slacksim.Fault{Drop: true, Times: times}},
		refusal{"with Retry-After 2s", slacksim.Fault{RetryAfter: 2 * time.Second, Times: 1}})
	d.does(d.busy(), "all sockets cut, and new ones refused "+refusal.how, func(ctx context.Context, w *world) {
		w.did(ctx, didSockets, "", "sockets cut and refused")
		w.slack.Fail("apps.connections.open", refusal.fault)
		w.slack.CutSockets(0)
	})
}

// refusal is a way in which Slack refuses a socket, in words.
type refusal struct {
	how   string
	fault slacksim.Fault
}

func disconnects(reason string) func(*dealer) {
	return func(d *dealer) {
		n, times := d.rng.IntN(2), d.rng.IntN(3)
		d.does(d.busy(), fmt.Sprintf("%s sockets told %s, and the next %d after hello", some(n), reason, times), func(ctx context.Context, w *world) {
			w.did(ctx, didSockets, "", "sockets told %s", reason)
			w.slack.DisconnectAfterHello(reason, times)
			w.slack.Disconnect(reason, n)
		})
	}
}

// redelivers sends envelopes a second time, on whichever socket is next.
func redelivers(when string, low, high int) func(*dealer) {
	return func(d *dealer) {
		for range 3 {
			wait := d.between(low, high)
			d.does(d.busy(), fmt.Sprintf("the newest command is delivered again %s, after %s", when, wait), func(ctx context.Context, w *world) {
				inv := w.newest()
				if inv == nil {
					return
				}
				w.after(ctx, wait)
				w.did(ctx, didOther, "", "delivered again: %t", inv.RedeliverElsewhere())
			})
		}
	}
}

func redeliversAfterKill(d *dealer) {
	s, at := d.server(), d.busy()
	d.types(at, d.operator(), d.start()+" "+s.Name)
	d.does(at+d.between(5, 600), "kill -9 of all, and the newest command is delivered again to what is started after", func(ctx context.Context, w *world) {
		inv := w.newest()
		w.all(func(r *replica) { w.kill(ctx, r, 0) })
		w.await(ctx, 15*time.Second, func() bool { return w.slack.Ready() > 0 })
		if inv != nil {
			w.did(ctx, didOther, "", "delivered again: %t", inv.Redeliver())
		}
	})
}

func limited(d *dealer) {
	for range 1 + d.rng.IntN(3) {
		method := oneOf(d, "chat.postMessage", "chat.postMessage", "chat.update", "auth.test")
		f := slacksim.Fault{RetryAfter: d.between(1000, 3000), Shape: oneOf(d, slacksim.RetryAfterHeader, slacksim.RetryAfterHeader, slacksim.OKFalse)}
		d.does(d.busy(), fmt.Sprintf("%s answers 429 with Retry-After %s, shape %d", method, f.RetryAfter, f.Shape), func(ctx context.Context, w *world) {
			w.did(ctx, didOther, "", "%s limited", method)
			w.slack.Fail(method, f)
		})
	}
}

func slackFails(what string, f slacksim.Fault, least, most int, methods ...string) func(*dealer) {
	return func(d *dealer) {
		for range 1 + d.rng.IntN(2) {
			method := oneOf(d, methods...)
			f := f
			f.Times = least + d.rng.IntN(most-least+1)
			d.does(d.busy(), fmt.Sprintf("%s %s, %d times", method, what, f.Times), func(ctx context.Context, w *world) {
				w.did(ctx, didOther, "", "%s %s", method, what)
				w.slack.Fail(method, f)
			})
		}
	}
}

func deletesCard(d *dealer) {
	s := d.server()
	d.does(d.busy(), "the newest card of "+s.Name+" is deleted", func(ctx context.Context, w *world) {
		cards := w.cards(s)
		if len(cards) == 0 {
			return
		}
		newest := cards[len(cards)-1]
		w.did(ctx, didOther, "", "card of %s deleted", importOf(newest))
		w.slack.DeleteMessage(newest.Channel, newest.TS)
	})
}

func archives(d *dealer) {
	s, long := d.server(), d.between(500, 4000)
	d.does(d.busy(), fmt.Sprintf("the channel of %s is archived for %s", s.Name, long), func(ctx context.Context, w *world) {
		w.did(ctx, didOther, "", "channel archived")
		w.slack.SetArchived(s.Channel, true)
		w.after(ctx, long)
		w.slack.SetArchived(s.Channel, false)
		w.did(ctx, didHeal, "", "channel restored")
	})
}

func removesBot(d *dealer) {
	s, long := d.server(), d.between(500, 4000)
	d.does(d.busy(), fmt.Sprintf("the bot is removed from the channel of %s for %s", s.Name, long), func(ctx context.Context, w *world) {
		w.did(ctx, didOther, "", "bot removed")
		w.slack.RemoveBot(s.Channel)
		w.after(ctx, long)
		w.slack.InviteBot(s.Channel)
		w.did(ctx, didHeal, "", "bot invited")
	})
}

func bigfixFails(what string, f bigfixtest.Fault, least, most int) func(*dealer) {
	return func(d *dealer) {
		for range 1 + d.rng.IntN(2) {
			s, f := d.server(), f
			f.Times = least + d.rng.IntN(most-least+1)
			d.does(d.busy(), fmt.Sprintf("%s %s, %d times", s.Name, what, f.Times), func(ctx context.Context, w *world) {
				w.did(ctx, didOther, "", "%s %s", s.Name, what)
				w.servers[s.Name].Fail(f)
			})
		}
	}
}

func tokenRejected(d *dealer) {
	s, times := d.server(), 1+d.rng.IntN(4)
	d.does(d.busy(), fmt.Sprintf("%s rejects the token in mid-import, %d times", s.Name, times), func(ctx context.Context, w *world) {
		server := w.servers[s.Name]
		w.await(ctx, 3*time.Second, func() bool { return server.Busy(server.Clock().Now()) })
		w.did(ctx, didOther, "", "%s rejects the token", s.Name)
		server.Fail(bigfixtest.Fault{Answer: bigfixtest.Answer401, Times: times})
	})
}

// changesCertificate gives a server a certificate that nobody trusts, until it has the old one back or the bot gets the new one.
func changesCertificate(d *dealer) {
	s, long, taught := d.server(), d.between(300, 3000), d.chance(0.5)
	d.does(d.busy(), fmt.Sprintf("%s has another certificate; the bot learns it after %s: %t", s.Name, long, taught), func(ctx context.Context, w *world) {
		w.did(ctx, didOther, "", "another certificate on %s", s.Name)
		server := w.servers[s.Name]
		restore := server.RenewCertificate()
		server.Stop()
		w.bigfixBack(ctx, s.Name)
		w.after(ctx, long)
		if !taught {
			restore()
			w.did(ctx, didHeal, "", "%s has its certificate back", s.Name)
			return
		}
		if err := w.writeCAs(); err != nil {
			w.did(ctx, didOther, "", "%v", err)
		}
		for _, r := range w.replicas {
			w.stop(ctx, r, 0)
		}
	})
}

func tokenRefused(which string, revoke, restore func(*slacksim.Sim)) func(*dealer) {
	return func(d *dealer) {
		long := d.between(300, 4000)
		d.does(d.busy(), fmt.Sprintf("Slack refuses the %s token for %s", which, long), func(ctx context.Context, w *world) {
			w.did(ctx, didToken, "", "%s token refused", which)
			revoke(w.slack)
			w.after(ctx, long)
			restore(w.slack)
			w.did(ctx, didHeal, "", "%s token good again", which)
			w.raiseDead(ctx)
		})
	}
}

func restartsBigFix(d *dealer) {
	for range 1 + d.rng.IntN(2) {
		s, down, wait := d.server(), d.between(200, 1500), d.between(0, 900)
		then := oneOf(d, bigfixtest.RestartForgets, bigfixtest.RestartFails, bigfixtest.RestartAnew, bigfixtest.RestartResumes)
		d.does(d.busy(), fmt.Sprintf("%s restarts in mid-import, is away for %s, and its import afterwards %q", s.Name, down, then), func(ctx context.Context, w *world) {
			server := w.servers[s.Name]
			w.await(ctx, 3*time.Second, func() bool { return server.Busy(server.Clock().Now()) })
			w.after(ctx, wait)
			w.did(ctx, didOther, "", "%s restarts", s.Name)
			server.Set(func(d *bigfixtest.Doubts) { d.AfterRestart = then })
			server.RestartAt(server.Clock().Now(), down)
		})
	}
}

func bigfixAway(d *dealer) {
	s, long := d.server(), d.between(200, 3000)
	d.does(d.busy(), fmt.Sprintf("%s can't be reached for %s", s.Name, long), func(ctx context.Context, w *world) {
		w.did(ctx, didOther, "", "%s away", s.Name)
		w.servers[s.Name].Stop()
		w.after(ctx, long)
		w.bigfixBack(ctx, s.Name)
	})
}

// bigfixFlaps takes a server off the network for long enough to be alerted, more than once.
func bigfixFlaps(d *dealer) {
	s := d.server()
	var long, short [2]time.Duration
	for i := range long {
		long[i], short[i] = d.between(2200, 4500), d.between(300, 1500)
	}
	d.Length = max(d.Length, 13*time.Second)
	d.does(d.between(300, 1500), fmt.Sprintf("%s can't be reached for %s, and after %s again for %s", s.Name, long[0], short[0], long[1]), func(ctx context.Context, w *world) {
		for i := range long {
			w.did(ctx, didOther, "", "%s away", s.Name)
			w.servers[s.Name].Stop()
			w.after(ctx, long[i])
			w.bigfixBack(ctx, s.Name)
			w.after(ctx, short[i])
		}
	})
}

// brief makes imports that are started in the web pages as short as a moment between two polls.
func brief(d *dealer) {
	for i := range d.Servers {
		d.Servers[i].Brief = 0.8
	}
}

func byHandOften(d *dealer) {
	for range 3 {
		d.byHand(d.busy(), d.server())
	}
}

func rightBehind(d *dealer) {
	s, gap := d.server(), d.between(0, 250)
	d.does(0, fmt.Sprintf("on %s another import begins %s behind each end", s.Name, gap), func(ctx context.Context, w *world) {
		w.did(ctx, didOther, "", "others right behind on %s", s.Name)
		w.servers[s.Name].Set(func(d *bigfixtest.Doubts) { d.RightBehind, d.BehindGap = true, gap })
	})
	d.does(d.Length*2/3, "and no more", func(ctx context.Context, w *world) {
		w.servers[s.Name].Set(func(d *bigfixtest.Doubts) { d.RightBehind = false })
	})
}

func hourOff(d *dealer) {
	for i := range d.Servers {
		d.Servers[i].Doubts.Skew = oneOf(d, -time.Hour, time.Hour)
	}
}

func clockSet(d *dealer) {
	s, by := d.server(), oneOf(d, -time.Hour, time.Hour)
	d.does(d.busy(), fmt.Sprintf("the clock of %s is set by %s", s.Name, by), func(ctx context.Context, w *world) {
		w.did(ctx, didOther, "", "clock of %s set by %s", s.Name, by)
		w.servers[s.Name].Set(func(d *bigfixtest.Doubts) { d.Skew += by })
	})
}

func locksDatabase(d *dealer) {
	for range 1 + d.rng.IntN(2) {
		long := d.between(300, 6000)
		d.does(d.busy(), fmt.Sprintf("another program holds the database for %s", long), func(ctx context.Context, w *world) {
			w.breakDatabase(ctx, "database locked", long, w.db.lock)
		})
	}
}

func fillsDisk(d *dealer) {
	long := d.between(300, 6000)
	d.does(d.busy(), fmt.Sprintf("the disk is full for %s", long), func(ctx context.Context, w *world) {
		w.breakDatabase(ctx, "disk full", long, w.db.fill)
	})
}

// ownCluster gives the world a PostgreSQL of its own, since others would suffer with it.
func ownCluster(d *dealer) { d.Own = true }

func endsSessions(d *dealer) {
	for range 1 + d.rng.IntN(3) {
		d.does(d.busy(), "all sessions of PostgreSQL are ended", func(ctx context.Context, w *world) {
			w.did(ctx, didOther, "", "sessions ended")
			if err := w.db.endSessions(); err != nil {
				w.did(ctx, didOther, "", "%v", err)
			}
		})
	}
}

func restartsPostgres(d *dealer) {
	for range 1 + d.rng.IntN(2) {
		hard := d.chance(0.5)
		how := "stopped"
		if hard {
			how = "killed -9"
		}
		d.does(d.busy(), "PostgreSQL is "+how+" and started again", func(ctx context.Context, w *world) {
			w.breakDatabase(ctx, "PostgreSQL is "+how, 0, func(context.Context) (func() error, error) { return w.db.takeAway(hard) })
		})
	}
}

func takesPostgres(low, high int) func(*dealer) {
	return func(d *dealer) {
		long, hard := d.between(low, high), d.chance(0.5)
		d.does(d.busy(), fmt.Sprintf("PostgreSQL is gone for %s", long), func(ctx context.Context, w *world) {
			w.breakDatabase(ctx, "PostgreSQL gone", long, func(context.Context) (func() error, error) { return w.db.takeAway(hard) })
		})
	}
}
