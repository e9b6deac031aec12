package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// The absence of these tests is from 02:10 to 08:30.
var (
	left, back = day(2, 10), day(8, 30)
	nightly    = day(5, 0)
)

// returned is a server that was seen idle before the absence, and is seen idle after it.
func returned(change ...func(*imports.Server)) imports.Server {
	before := *started(imports.Accepted).Baseline
	before.Span = imports.Span{Asked: left, At: left}
	before.NextImportTime = nightly.AddDate(0, 0, 1)
	after := before
	after.Span = imports.Span{Asked: back, At: back}
	status := bigfix.Status{Mode: bigfix.ModeIdle, CanRunImports: ptr(true)}
	look := imports.Observation{Span: after.Span, Status: &status}
	srv := imports.Server{
		Name: "prod", Last: look, Good: look, Quiet: &after,
		Absence: imports.Absence{Since: left, Until: back, Before: &before},
	}
	for _, f := range change {
		f(&srv)
	}
	return srv
}

// reports is a server that reports an import that it did not report before.
func reports(word bigfix.LastStatus, at time.Time) func(*imports.Server) {
	return func(s *imports.Server) {
		s.Quiet.LastStatus, s.Quiet.LastImportTime = word, at
		if word == bigfix.StatusSuccessful {
			s.Quiet.LastSuccessTime = at
		}
	}
}

func due(at time.Time) func(*imports.Server) {
	return func(s *imports.Server) { s.Absence.Before.NextImportTime = at }
}

func silentNow(kind imports.FailureKind, code int, reason, message string) func(*imports.Server) {
	return func(s *imports.Server) {
		s.Last = imports.Observation{Span: s.Last.Span, Failure: &imports.Failure{Kind: kind, HTTP: code, Reason: reason, Message: message}}
		s.Good.Span = imports.Span{Asked: left, At: left}
		s.Quiet = s.Absence.Before
	}
}

func runsNow(percent int) func(*imports.Server) {
	return func(s *imports.Server) {
		s.Last.Status = &bigfix.Status{Mode: bigfix.ModeRunning, Progress: &percent}
		s.Good, s.Quiet = s.Last, s.Absence.Before
	}
}

// after is what is known after it.
func after(srv imports.Server, change ...func(*aftermath)) aftermath {
	a := aftermath{server: prod, known: srv, looked: true, now: back.Add(10 * time.Second), cards: map[string]string{}}
	for _, f := range change {
		f(&a)
	}
	return a
}

// active adds an import that has not ended, with its card.
func active(card string, change func(*imports.Import)) func(*aftermath) {
	return func(a *aftermath) {
		imp := with(running(), func(i *imports.Import) {
			i.SendingAt, i.BegunAt, i.LastLook = day(1, 50), day(1, 50), back
			i.FirstRunning = imports.Span{Asked: day(1, 50), At: day(1, 50)}
		})
		a.active = append(a.active, with(imp, change))
		if card != "" {
			a.cards[imp.ID] = card
		}
	}
}

// finished adds one that is over.
func finished(card string, outcome imports.Outcome, change func(*imports.Import)) func(*aftermath) {
	return func(a *aftermath) {
		imp := with(over(outcome), func(i *imports.Import) {
			i.ID, i.SendingAt, i.BegunAt, i.EndedAt = "imp-2", day(1, 50), day(1, 50), back
			i.FirstRunning = imports.Span{Asked: day(1, 50), At: day(1, 50)}
			if outcome == imports.Failed {
				i.End.Status = "failed"
			}
		})
		a.recent = append(a.recent, with(imp, change))
		if card != "" {
			a.cards[imp.ID] = card
		}
	}
}

// foreign makes it one that nobody here asked for, and that was never seen running.
func foreign(i *imports.Import) {
	i.Origin, i.RequestedBy, i.RequestKey, i.Followers = imports.Elsewhere, "", "", nil
	i.SendingAt, i.FirstRunning = time.Time{}, imports.Span{}
}

const aCard = "https://example.slack.com/archives/C0PROD/p1"

func TestAwayMessages(t *testing.T) {
	t.Parallel()
	keep := func(*imports.Import) {}
	alone := []struct {
		name string
		a    aftermath
	}{
		{"nothing happened", after(returned())},
		{"the nightly import succeeded", after(returned(due(nightly), reports(bigfix.StatusSuccessful, day(5, 12))))},
		{"another import succeeded", after(returned(reports(bigfix.StatusSuccessful, day(5, 12))))},
		{"the nightly import failed", after(returned(due(nightly), reports("failed", day(5, 12))))},
		{"it failed, and nobody is to be told of failures", after(returned(due(nightly), reports("failed", day(5, 12))), func(a *aftermath) { a.server.Announce = AnnounceNone })},
		{"it failed after a success", after(returned(reports("failed", day(5, 12)), func(s *imports.Server) { s.Quiet.LastSuccessTime = day(3, 1) }))},
		{"hostile words", after(returned(reports(bigfix.LastStatus(hostile), day(5, 12)), func(s *imports.Server) { s.Quiet.LastImportType = "<!here>" }))},
		{"no word, no success", after(returned(reports("", day(5, 12))))},
		{"no word, but the success moved", after(returned(reports("", day(5, 12)), func(s *imports.Server) { s.Quiet.LastSuccessTime = day(5, 12) }))},
		{"a word that may be the one of before", after(returned(reports(bigfix.StatusSuccessful, day(5, 12)), func(s *imports.Server) { s.Quiet.LastSuccessTime = yesterday(0, 47) }))},
		{"only the word changed", after(returned(func(s *imports.Server) { s.Quiet.LastStatus = "failed" }))},
		{"the nightly import left no sign", after(returned(due(nightly)))},
		{"one was due a moment ago", after(returned(due(day(8, 25))))},
		{"the server's clock is an hour behind", after(returned(due(day(8, 0)), func(s *imports.Server) {
			s.Quiet.Ahead, s.Absence.Before.Ahead = ptr(-time.Hour), ptr(-time.Hour)
		}))},
		{"history went backwards", after(returned(reports(bigfix.StatusSuccessful, yesterday(0, 1))))},
		{"never seen before", after(returned(reports(bigfix.StatusSuccessful, day(5, 12)), func(s *imports.Server) { s.Absence.Before = nil }))},
		{"never seen before, its clock is known", after(returned(reports(bigfix.StatusSuccessful, day(5, 12)), func(s *imports.Server) {
			s.Absence.Before, s.Quiet.Ahead = nil, ptr(time.Second)
		}))},
		{"no import ever", after(returned(func(s *imports.Server) {
			*s.Quiet = imports.Baseline{Span: s.Quiet.Span, Mode: bigfix.ModeNone}
			*s.Absence.Before = *s.Quiet
		}))},
		{"the first import ever", after(returned(reports(bigfix.StatusSuccessful, day(5, 12)), func(s *imports.Server) {
			*s.Absence.Before = imports.Baseline{Span: s.Absence.Before.Span, Mode: bigfix.ModeNone}
		}))},
		{"the server does not answer", after(returned(silentNow(imports.FailUnavailable, 0, "connection refused", "")))},
		{"it does not answer, and an import was due", after(returned(due(nightly), silentNow(imports.FailBadRequest, 500, "HTTP 500", hostile)))},
		{"it rejects the credentials", after(returned(silentNow(imports.FailUnauthorized, 401, "HTTP 401", "")))},
		{"it does not answer, in mid-import", after(returned(silentNow(imports.FailUnavailable, 0, "no answer within 20s", "")), active(aCard, func(i *imports.Import) { i.LastLook = left }))},
		{"an unknown state", after(returned(func(s *imports.Server) { s.Last.Status.Mode = "<!channel> upgrading" }))},
		{"not looked at yet", after(imports.Server{Name: "prod"}, func(a *aftermath) { a.looked = false })},
		{"ours runs on", after(returned(runsNow(83)), active(aCard, func(i *imports.Import) { i.Progress = ptr(83) }))},
		{"another runs that did not before", after(returned(due(nightly), runsNow(12)), active("", func(i *imports.Import) {
			foreign(i)
			i.BegunAt, i.FirstRunning, i.Progress, i.Type = back, imports.Span{Asked: back, At: back}, ptr(12), ""
		}))},
		{"ours runs no more", after(returned(reports("failed", day(5, 12))), active(aCard, func(i *imports.Import) { i.State = imports.Settling }))},
		{"one from elsewhere runs no more", after(returned(reports("failed", day(5, 12))), active("", func(i *imports.Import) {
			i.Origin, i.RequestedBy, i.Followers, i.SendingAt, i.State = imports.Elsewhere, "", nil, time.Time{}, imports.Settling
		}))},
		{"ours was never seen running", after(returned(), active(aCard, func(i *imports.Import) {
			i.State, i.SendingAt, i.BegunAt, i.FirstRunning = imports.Sent, day(2, 9), time.Time{}, imports.Span{}
		}))},
		{"ours has succeeded", after(returned(reports(bigfix.StatusSuccessful, day(2, 56))), finished(aCard, imports.Succeeded, keep))},
		{"ours has failed", after(returned(), finished(aCard, imports.Failed, keep))},
		{"ours is not clear", after(returned(), finished(aCard, imports.Unclear, keep))},
		{"ours is unknown", after(returned(), finished(aCard, imports.Unknown, func(i *imports.Import) { i.End = nil }))},
		{"ours did not begin", after(returned(), finished(aCard, imports.NotBegun, func(i *imports.Import) { i.End, i.SendingAt = nil, day(2, 9) }))},
		{"one from elsewhere was unknown", after(returned(), finished("", imports.Unknown, func(i *imports.Import) {
			i.Origin, i.RequestedBy, i.Followers, i.SendingAt, i.End = imports.Elsewhere, "", nil, time.Time{}, nil
		}))},
		{"the judge was quicker", after(returned(due(nightly), reports("failed", day(5, 12))), finished("", imports.Unclear, func(i *imports.Import) {
			foreign(i)
			i.End.ImportTime, i.End.Status, i.End.SuccessTime = day(5, 12), "failed", yesterday(0, 47)
		}))},
		{"starts that came to nothing", after(returned(), func(a *aftermath) {
			a.expired = []imports.Import{started(imports.Ended), with(started(imports.Ended), func(i *imports.Import) { i.Type = bigfix.TypeRaw })}
		})},
	}
	var out []shown
	for _, c := range alone {
		a := absence{Since: left, Until: back, Whole: true, Server: "prod", Servers: []awayServer{c.a.story()}}
		out = append(out, shown{c.name, awayMessage(c.a.now, a, []Server{prod})})
	}
	long := absence{Since: left.AddDate(0, 0, -3), Until: back, Whole: true, Server: "prod", Servers: []awayServer{after(returned()).story()}}
	out = append(out, shown{"three days", awayMessage(back, long, []Server{prod})})
	part := absence{Since: left, Until: back, Servers: []awayServer{after(returned(reports("failed", day(5, 12)))).story()}}
	out = append(out, shown{"one of several servers was not looked at", awayMessage(back, part, []Server{prod, lab})})
	out = append(out, shown{"two servers", awayMessage(back, absence{Since: left, Until: back, Whole: true, Servers: []awayServer{
		named("prod", after(returned(due(nightly), reports(bigfix.StatusSuccessful, day(5, 12))))),
		named("lab", after(returned(silentNow(imports.FailUnavailable, 0, "connection refused", "")))),
	}}, []Server{prod, lab})})
	for _, n := range []int{4, 16, 40} {
		out = append(out, shown{fmt.Sprintf("%d servers", n), awayMessage(back, crowd(n, 2), nil)})
	}
	out = append(out, shown{"twelve quiet servers", awayMessage(back, crowd(12, 0), nil)})
	nothing := []awayServer{named("prod", after(returned()))}
	for _, short := range []time.Duration{27 * time.Second, time.Minute} {
		for _, whole := range []bool{true, false} {
			out = append(out, shown{fmt.Sprintf("for %s, whole %v", short, whole), awayMessage(back, absence{Since: left, Until: left.Add(short), Whole: whole, Servers: nothing}, nil)})
		}
	}
	checkGolden(t, "away", out)
}

func named(name string, a aftermath) awayServer {
	s := a.story()
	s.Name = name
	return s
}

// crowd are n servers: on the first few of each four something happened.
func crowd(n, busy int) absence {
	a := absence{Since: left, Until: back, Whole: true}
	for i := range n {
		srv := returned()
		switch {
		case i%4 < busy && i%8 == 1:
			srv = returned(reports("failed", day(5, 12)))
		case i%4 < busy && i%8 == 4:
			srv = returned(due(nightly))
		case i%4 < busy:
			srv = returned(reports(bigfix.StatusSuccessful, day(5, 12)))
		}
		a.Servers = append(a.Servers, named(fmt.Sprintf("bfi-%02d", i+1), after(srv)))
	}
	return a
}

// TestAwayMessagesFitIntoSlack makes the longest there can be.
func TestAwayMessagesFitIntoSlack(t *testing.T) {
	t.Parallel()
	a := absence{Since: left, Until: back, Whole: true}
	for i := range 200 {
		srv := returned(reports(bigfix.LastStatus(hostile), day(5, 12)), func(s *imports.Server) { s.Quiet.LastImportType = bigfix.ImportType(hostile) })
		a.Servers = append(a.Servers, named(fmt.Sprintf("%02d-%s", i, strings.Repeat("n", 60)), after(srv)))
	}
	m := awayMessage(back, a, nil)
	checkMessage(t, shown{"long", m})
	if len(m.Blocks) > bot.MaxBlocks {
		t.Errorf("%d blocks", len(m.Blocks))
	}
}

// gone lets the bot be away, on the stage, as the engine would note it: the servers as they are looked at again.
func (s *stage) gone(servers ...imports.Server) {
	s.clock.now = back
	s.seen(servers...)
}

// seen notes looks at servers.
func (s *stage) seen(servers ...imports.Server) {
	for _, srv := range servers {
		s.store.servers[srv.Name] = srv
		s.board.Set(srv, nil)
	}
}

// sharing lets lab be shown in prod's channel.
func (s *stage) sharing() {
	for i := range s.servers {
		s.servers[i].Channel = "C0PROD"
	}
	s.restart()
}

func asLab(s *imports.Server) { s.Name = "lab" }

func TestAwayIsSaidOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.gone(returned(reports(bigfix.StatusSuccessful, day(5, 12))))
	s.survive(s.pump)
	got := s.posts(kindAway)
	if len(got) != 1 || got[0].channel != "C0PROD" || !strings.Contains(got[0].text, "I was away from 02:10 UTC to 08:30 UTC (6 hours 20 minutes)") {
		t.Fatalf("want one message:\n%s", s.slack)
	}
	s.pass(10 * time.Minute)
	s.restart()
	s.pass(10 * time.Minute)
	if b := s.p.Backlog(); len(s.posts(kindAway)) != 1 || b != (Backlog{}) {
		t.Errorf("Backlog() = %+v\n%s", b, s.slack)
	}
	// The next one is another one.
	later := returned(func(srv *imports.Server) {
		srv.Absence.Since, srv.Absence.Until = s.clock.Now(), s.clock.Now().Add(time.Hour)
		srv.Last.At = srv.Absence.Until
	})
	s.clock.advance(time.Hour)
	s.seen(later)
	s.pass(time.Minute)
	if len(s.posts(kindAway)) != 2 {
		t.Errorf("want a message about the second absence:\n%s", s.slack)
	}
}

func TestAwayWaitsForAllServersOfTheChannel(t *testing.T) {
	t.Parallel()
	for _, seen := range []bool{true, false} {
		s := newStage(t)
		s.sharing()
		old := returned(asLab, func(srv *imports.Server) { srv.Absence, srv.Last.At = imports.Absence{}, left })
		s.gone(returned(), old)
		s.pass(50 * time.Second)
		if len(s.posts(kindAway)) != 0 {
			t.Fatalf("did not wait:\n%s", s.slack)
		}
		want := "lab: not looked at yet"
		if seen {
			s.seen(returned(asLab, reports("failed", day(5, 12)), func(srv *imports.Server) {
				srv.Absence.Until, srv.Quiet.Span.At = back.Add(50*time.Second), back.Add(50*time.Second)
			}))
			want = "lab: the complete import of 05:12 UTC failed"
		}
		s.pass(20 * time.Second)
		if got := s.posts(kindAway); len(got) != 1 || !strings.Contains(got[0].text, want) || !strings.Contains(got[0].text, "I was away") {
			t.Errorf("want %q:\n%s", want, s.slack)
		}
		// Who is looked at only now is no new absence.
		s.seen(returned(asLab, func(srv *imports.Server) { srv.Absence.Until = back.Add(50 * time.Second) }))
		s.pass(5 * time.Minute)
		if len(s.posts(kindAway)) != 1 {
			t.Errorf("told twice:\n%s", s.slack)
		}
	}
}

// TestAServerAloneThatWasNotLookedAt: where the others were watched, nobody was away.
func TestAServerAloneThatWasNotLookedAt(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.sharing()
	s.gone(returned(), returned(asLab, func(srv *imports.Server) { srv.Absence = imports.Absence{} }))
	s.pass(time.Second)
	if got := s.posts(kindAway); len(got) != 1 || !strings.Contains(got[0].text, "I did not look at prod from") || strings.Contains(got[0].text, "away") {
		t.Errorf("want prod alone:\n%s", s.slack)
	}
}

// arrived is an import that was over before it was seen, as the judge finds it a minute after an absence.
func arrived(outcome imports.Outcome, word bigfix.LastStatus) imports.Import {
	return with(over(outcome), func(i *imports.Import) {
		foreign(i)
		i.BegunAt, i.EndedAt, i.LastLook = back, back.Add(time.Minute), back.Add(time.Minute)
		i.Baseline.Span = imports.Span{Asked: left, At: left}
		i.End.ImportTime, i.End.Status = day(5, 12), word
	})
}

// TestWhatFellIntoTheAbsenceIsToldOnce: in the message, or by itself, and never both nor neither.
func TestWhatFellIntoTheAbsenceIsToldOnce(t *testing.T) {
	t.Parallel()
	failed := returned(reports("failed", day(5, 12)))
	const alarming, calm = "An import failed on prod while I was away.", "I was away"
	succeeded := returned(reports(bigfix.StatusSuccessful, day(5, 12)))
	cases := []struct {
		name     string
		announce Announce
		srv      imports.Server
		imp      imports.Import
		// How the message begins, and how many cards there are: where the judge finds the import after the message was
		// written, as it does as a rule, and where it was quicker.
		late, early           string
		lateCards, earlyCards int
	}{
		{"a failure", AnnounceFailures, failed, arrived(imports.Unclear, "failed"), alarming, alarming, 0, 0},
		{"a failure, all are shown", AnnounceAll, failed, arrived(imports.Unclear, "failed"), alarming, alarming, 0, 0},
		{"a failure, none are shown", AnnounceNone, failed, arrived(imports.Unclear, "failed"), calm, calm, 0, 0},
		{"a success, all are shown", AnnounceAll, succeeded, arrived(imports.Unclear, bigfix.StatusSuccessful), calm, calm, 0, 0},
		{"one that the server did not report at once", AnnounceFailures, returned(), arrived(imports.Unclear, "failed"), calm, alarming, 1, 0},
		{"another word than at once", AnnounceFailures, succeeded, arrived(imports.Unclear, "failed"), calm, alarming, 1, 0},
		{"somebody joined it", AnnounceFailures, failed, with(arrived(imports.Unclear, "failed"), func(i *imports.Import) { i.Followers = []string{"U0ANA"} }), alarming, calm, 1, 1},
		{"it began after", AnnounceFailures, failed, with(arrived(imports.Failed, "failed"), func(i *imports.Import) {
			i.Baseline.Span.At, i.End.ImportTime = back.Add(time.Minute), back.Add(2*time.Minute)
			i.FirstRunning = imports.Span{Asked: back.Add(2 * time.Minute), At: back.Add(2 * time.Minute)}
		}), alarming, alarming, 1, 1},
	}
	for _, c := range cases {
		s := func(t *testing.T) *stage {
			s := newStage(t)
			s.servers[0].Announce = c.announce
			s.restart()
			return s
		}
		check := func(s *stage, first string, cards int) {
			s.t.Helper()
			if away := s.posts(kindAway); len(away) != 1 || !strings.HasPrefix(away[0].text, first) {
				s.t.Errorf("want %q:\n%s", first, s.slack)
			}
			if len(s.posts(kindCard)) != cards || len(s.posts(kindFinished)) != cards {
				s.t.Errorf("want %d cards, each with its end:\n%s", cards, s.slack)
			}
		}
		t.Run(c.name, func(t *testing.T) {
			s := s(t)
			s.gone(c.srv)
			s.pass(time.Minute)
			s.put(c.imp)
			s.pass(time.Minute)
			check(s, c.late, c.lateCards)
		})
		t.Run(c.name+", found at once", func(t *testing.T) {
			s := s(t)
			s.gone(c.srv)
			s.board.Set(imports.Server{Name: "prod"}, nil) // the publisher does not know of the absence yet
			s.store.put(c.imp)
			s.pass(3 * time.Second)
			if n := len(s.slack.messages); c.earlyCards == 0 && n > 0 {
				t.Fatalf("did not wait for the message:\n%s", s.slack)
			}
			s.board.Set(c.srv, nil)
			s.pass(2 * time.Minute)
			check(s, c.early, c.earlyCards)
		})
	}
}

// TestAnAnnouncedImportStillGetsItsEnd: the message about the absence takes nothing from who waits for an import.
func TestAnAnnouncedImportStillGetsItsEnd(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.clock.now = day(2, 0)
	tl := begin(s)
	tl.send()
	tl.run(30)
	tl.pass(time.Minute)
	s.gone(returned(reports(bigfix.StatusSuccessful, day(2, 56))))
	tl.set(func(i *imports.Import) { i.State = imports.Settling })
	tl.pass(time.Minute)
	tl.end(imports.Succeeded)
	tl.pass(time.Minute)
	if got := s.posts(kindAway); len(got) != 1 || !strings.Contains(got[0].text, "making sure of how it ended. See its card (https://") {
		t.Errorf("want its card in the message:\n%s", s.slack)
	}
	s.expect(1, 1, 1)
}

// TestAwayKilledAnywhere kills the process, or lets it stand still, at every call around the message.
func TestAwayKilledAnywhere(t *testing.T) {
	t.Parallel()
	play := func(s *stage) {
		s.sharing()
		s.gone(returned(reports("failed", day(5, 12))), returned(asLab))
		s.pass(time.Minute)
		s.put(arrived(imports.Unclear, "failed"))
		s.pass(2 * time.Minute)
	}
	reference := newStage(t)
	play(reference)
	if reference.calls < 6 {
		t.Fatalf("%d calls", reference.calls)
	}
	for _, history := range []bool{true, false} {
		for _, after := range []bool{true, false} {
			for _, freeze := range []bool{true, false} {
				for at := 1; at <= reference.calls; at++ {
					s := newStage(t)
					s.after, s.slack.noHistory = after, !history
					if freeze {
						s.freezes = []int{at}
					} else {
						s.kills = []int{at}
					}
					play(s)
					s.wakeAll()
					most := 2
					if history {
						most = 1
					}
					if n := len(s.posts(kindAway)); n < 1 || n > most || len(s.slack.messages) != n {
						t.Fatalf("call %d, after %v, freeze %v, history %v: %d messages\n%s", at, after, freeze, history, n, s.slack)
					}
				}
			}
		}
	}
	t.Logf("%d calls", reference.calls)
}

func TestAwayWhereSlackIsDifficult(t *testing.T) {
	t.Parallel()
	t.Run("answers are lost", func(t *testing.T) {
		s := newStage(t)
		s.slack.noHistory = true
		s.slack.fail = failing(-1, kindAway, errLost, true)
		s.gone(returned())
		s.pass(time.Minute)
		if n := len(s.posts(kindAway)); n != blindly {
			t.Errorf("sent %d times at once, want %d", n, blindly)
		}
		if b := s.p.Backlog(); b.Refused != 1 || b.Waiting != 1 || b.RefusedSince.IsZero() {
			t.Errorf("Backlog() = %+v; want a message that waits", b)
		}
		for range 24 {
			s.clock.advance(time.Hour)
			s.survive(s.pump)
		}
		if n := len(s.posts(kindAway)); n != maxMessages-keptMessages {
			t.Errorf("sent %d times in all, want %d, as a card", n, maxMessages-keptMessages)
		}
		if b := s.p.Backlog(); b != (Backlog{}) {
			t.Errorf("Backlog() = %+v; want it given up", b)
		}
	})
	t.Run("the channel is archived for a day", func(t *testing.T) {
		s := newStage(t)
		s.slack.fail = failing(-1, kindAway, refusal("is_archived", bot.ErrChannel), false)
		s.gone(returned())
		for range 24 {
			s.clock.advance(time.Hour)
			s.survive(s.pump)
		}
		if b := s.p.Backlog(); b.Refused != 1 || b.Failing != 0 || !strings.Contains(b.Refusal, "is_archived") {
			t.Errorf("Backlog() = %+v; want what the channel refuses", b)
		}
		s.restart()
		s.survive(s.pump)
		if b := s.p.Backlog(); b.Refused != 1 || b.RefusedSince.IsZero() || b.Refusal == "" {
			t.Errorf("Backlog() = %+v; want what an earlier process met with", b)
		}
		s.slack.fail = nil
		s.pass(time.Hour + time.Minute)
		if len(s.posts(kindAway)) != 1 {
			t.Errorf("want it when the channel takes messages again:\n%s", s.slack)
		}
	})
	t.Run("for ever", func(t *testing.T) {
		s := newStage(t)
		s.slack.fail = failing(-1, kindAway, refusal("channel_not_found", bot.ErrChannel), false)
		s.gone(returned())
		s.pass(time.Minute)
		s.clock.advance(8 * 24 * time.Hour)
		s.survive(s.pump)
		if b := s.p.Backlog(); b != (Backlog{}) {
			t.Errorf("Backlog() = %+v; want nothing after a week", b)
		}
	})
	t.Run("blocks are refused", func(t *testing.T) {
		s := newStage(t)
		s.slack.fail = failing(1, kindAway, refusal("invalid_blocks", bot.ErrInvalid), false)
		s.gone(returned())
		s.pass(time.Second)
		if got := s.posts(kindAway); len(got) != 1 || got[0].blocks != 0 {
			t.Errorf("want the text alone:\n%s", s.slack)
		}
	})
	t.Run("the database fails", func(t *testing.T) {
		s := newStage(t)
		s.store.err, s.store.errs = fmt.Errorf("disk full"), -1
		s.gone(returned())
		s.pass(30 * time.Second)
		if b := s.p.Backlog(); len(s.slack.messages) != 0 || b.Failing != 1 || !strings.Contains(b.Reason, "disk full") {
			t.Errorf("Backlog() = %+v\n%s", b, s.slack)
		}
		s.store.errs = 0
		s.pass(2 * time.Minute)
		if b := s.p.Backlog(); len(s.posts(kindAway)) != 1 || b != (Backlog{}) {
			t.Errorf("Backlog() = %+v\n%s", b, s.slack)
		}
	})
}

// TestWhatCantBeReadIsBehind: that nobody knows what there is to show must be seen too.
func TestWhatCantBeReadIsBehind(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.store.unreadable = fmt.Errorf("the database is away")
	s.p.dispatch(context.Background(), func(string) { t.Error("something is worked on") })
	since := s.clock.Now()
	s.clock.advance(time.Minute)
	s.p.dispatch(context.Background(), func(string) {})
	if b := s.p.Backlog(); b.Failing != 1 || !b.Since.Equal(since) || !strings.Contains(b.Reason, "away") {
		t.Errorf("Backlog() = %+v", b)
	}
	s.store.unreadable = nil
	s.p.dispatch(context.Background(), func(string) {})
	if b := s.p.Backlog(); b != (Backlog{}) {
		t.Errorf("Backlog() = %+v; want nothing", b)
	}
}

// TestOldAbsences: what nobody wrote down in time is not told any more, and a record does not grow for ever.
func TestOldAbsences(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.clock.now = back.Add(awayAtMost + time.Hour)
	s.seen(returned())
	s.pass(time.Minute)
	if len(s.slack.messages) != 0 {
		t.Errorf("told of yesterday's:\n%s", s.slack)
	}
	for range keptAbsences + 3 {
		since := s.clock.Now()
		s.clock.advance(time.Hour)
		s.seen(returned(func(srv *imports.Server) {
			srv.Absence.Since, srv.Absence.Until, srv.Last.At = since, s.clock.Now(), s.clock.Now()
		}))
		s.survive(s.pump)
	}
	r, _, err := readRecord(t.Context(), s.store, "C0PROD")
	if err != nil || len(r.Absences) != keptAbsences || len(s.posts(kindAway)) != keptAbsences+3 {
		t.Errorf("%d absences are kept (%v), %d were told", len(r.Absences), err, len(s.posts(kindAway)))
	}
	if !slices.IsSortedFunc(r.Absences, func(a, b absence) int { return a.Until.Compare(b.Until) }) {
		t.Error("not the newest are kept")
	}
}
