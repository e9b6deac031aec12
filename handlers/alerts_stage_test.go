package handlers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"importbot/bot"
	"importbot/imports"
)

const (
	onCall = "S0ONCALL"
	sirens = "C0SIRENS"
)

// unseen is an alert about a server that does not answer.
func unseen(s *stage) imports.Alert {
	at := s.clock.Now()
	return imports.Alert{
		ID: "unreachable:prod:1", Kind: imports.AlertUnreachable, Server: "prod", Since: at.Add(-16 * time.Minute), RaisedAt: at, Failure: refused, Times: 1,
	}
}

// failedAlert is the alert about an import that failed.
func failedAlert(s *stage, imp imports.Import) imports.Alert {
	at := s.clock.Now()
	return imports.Alert{ID: "failed:prod:" + imp.ID, Kind: imports.AlertFailed, Server: imp.Server, ImportID: imp.ID, Since: at, RaisedAt: at, Times: 1}
}

// alarmed stores an alert as the engine does, and lets the publisher work.
func (s *stage) alarmed(a imports.Alert) {
	s.note(a)
	s.survive(s.pump)
}

// note stores an alert, new or changed.
func (s *stage) note(a imports.Alert) {
	srv := s.store.servers[a.Server]
	if srv.Name == "" {
		srv = idle()
		srv.Name = a.Server
	}
	srv.Alerts = slices.Clone(srv.Alerts)
	if i := slices.IndexFunc(srv.Alerts, func(b imports.Alert) bool { return b.ID == a.ID }); i >= 0 {
		srv.Alerts[i] = a
	} else {
		srv.Alerts = append(srv.Alerts, a)
	}
	s.seen(srv)
}

// ends lets an alert be over now.
func (s *stage) ends(a imports.Alert) imports.Alert {
	a.OverAt = s.clock.Now()
	s.alarmed(a)
	return a
}

// reopens lets it be so again.
func (s *stage) reopens(a imports.Alert) imports.Alert {
	a.OverAt, a.ReopenedAt, a.Since = time.Time{}, s.clock.Now(), s.clock.Now()
	a.Reopened++
	a.Times++
	s.alarmed(a)
	return a
}

// alerting configures where alerts of prod go and whom they mention.
func (s *stage) alerting(channel, mention string) {
	s.servers = slices.Clone(s.servers)
	s.servers[0].AlertChannel, s.servers[0].AlertMention = channel, mention
	s.restart()
}

// told says how many alerts and recoveries there must be.
func (s *stage) told(alerts, recovered int) {
	s.t.Helper()
	got := fmt.Sprintf("%d alerts, %d recoveries", len(s.posts(kindAlert)), len(s.posts(kindRecovered)))
	if want := fmt.Sprintf("%d alerts, %d recoveries", alerts, recovered); got != want {
		s.t.Errorf("Slack has %s; want %s\n%s", got, want, s.slack)
	}
}

// atRest says that nothing is left to do.
func (s *stage) atRest() {
	s.t.Helper()
	if b := s.p.Backlog(); b != (Backlog{}) {
		s.t.Errorf("Backlog() = %+v; want nothing", b)
	}
}

func TestAnAlertIsToldOnceAndThatItIsOver(t *testing.T) {
	t.Parallel()
	for _, channel := range []string{"", sirens} {
		s := newStage(t)
		s.alerting(channel, onCall)
		a := unseen(s)
		s.alarmed(a)
		s.pass(10 * time.Minute)
		s.restart()
		s.pass(10 * time.Minute)
		s.told(1, 0)
		a = s.ends(a)
		s.pass(10 * time.Minute)
		s.restart()
		s.pass(10 * time.Minute)
		s.told(1, 1)
		s.atRest()
		if t.Failed() {
			return
		}
		alert, over := s.posts(kindAlert)[0], s.posts(kindRecovered)[0]
		want := channel
		if want == "" {
			want = "C0PROD"
		}
		if alert.channel != want || over.channel != want || alert.thread != "" || over.thread != alert.ts || over.broadcast {
			t.Errorf("alert = %+v, recovery = %+v; want both in %s, the recovery in the thread", alert, over, want)
		}
		if !strings.Contains(alert.text, "<!subteam^"+onCall) || strings.Contains(over.text, onCall) {
			t.Errorf("want the alert alone to mention who is on call:\n%s", s.slack)
		}
		if alert.payload["alert"] != a.ID || over.payload["alert"] != a.ID || alert.payload["id"] != "" || alert.payload["server"] != "prod" {
			t.Errorf("metadata: %v and %v", alert.payload, over.payload)
		}
	}
}

// TestWhatWasOverBeforeItWasTold gets neither an alert nor a recovery.
func TestWhatWasOverBeforeItWasTold(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a := unseen(s)
	a.OverAt = s.clock.Now()
	s.alarmed(a)
	s.pass(time.Hour)
	s.restart()
	s.pass(time.Minute)
	s.told(0, 0)
	s.atRest()
}

func TestAnAlertThatComesAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.alerting(sirens, onCall)
	a := unseen(s)
	s.alarmed(a)
	for range 2 {
		s.pass(5 * time.Minute)
		a = s.ends(a)
		s.pass(5 * time.Minute)
		a = s.reopens(a)
	}
	s.pass(5 * time.Minute)
	s.ends(a)
	s.pass(5 * time.Minute)
	s.told(3, 3)
	s.atRest()
	root := s.posts(kindAlert)[0].ts
	for i, m := range s.slack.messages {
		if want := []string{kindAlert, kindRecovered}[i%2]; m.kind != want || i > 0 && m.thread != root || m.channel != sirens {
			t.Errorf("message %d is %+v; want a %s in the thread of the first", i, m, want)
		}
		if mentions := strings.Contains(m.text, onCall); mentions != (m.kind == kindAlert) {
			t.Errorf("message %d mentions who is on call: %v; want that each alert does, for its reader was told that it was over: %s", i, mentions, m.text)
		}
	}
}

// TestAnAlertThatComesAgainUnheard: nobody was told that it had been over, so nothing is to be said.
func TestAnAlertThatComesAgainUnheard(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a := unseen(s)
	s.alarmed(a)
	a.Reopened, a.ReopenedAt = 1, s.clock.Now() // over and open again between two looks of the publisher
	s.alarmed(a)
	s.pass(time.Minute)
	s.told(1, 0)
	s.ends(a)
	s.pass(time.Minute)
	s.told(1, 1)
	s.atRest()
}

func TestMutes(t *testing.T) {
	t.Parallel()
	mute := func(s *stage, d time.Duration) {
		s.store.mutes = []imports.Mute{{Server: "prod", Since: s.clock.Now(), Until: s.clock.Now().Add(d), UserID: "U0ANA"}}
	}
	cases := []struct {
		name              string
		play              func(s *stage)
		alerts, recovered int
	}{
		{"open throughout", func(s *stage) {
			mute(s, time.Hour)
			s.alarmed(unseen(s))
			s.pass(59 * time.Minute)
			s.told(0, 0)
			s.pass(2 * time.Minute)
		}, 1, 0},
		{"over before the end", func(s *stage) {
			mute(s, time.Hour)
			a := unseen(s)
			s.alarmed(a)
			s.pass(10 * time.Minute)
			s.ends(a)
			s.pass(time.Hour)
		}, 0, 0},
		{"told before", func(s *stage) {
			a := unseen(s)
			s.alarmed(a)
			mute(s, time.Hour)
			s.pass(10 * time.Minute)
			s.ends(a)
			s.pass(10 * time.Minute)
		}, 1, 1},
		{"unmuted before its time", func(s *stage) {
			mute(s, 12*time.Hour)
			s.alarmed(unseen(s))
			s.pass(10 * time.Minute)
			s.store.mutes[0].Until = s.clock.Now()
			s.pass(10 * time.Second)
		}, 1, 0},
		{"another leader meanwhile", func(s *stage) {
			mute(s, time.Hour)
			s.alarmed(unseen(s))
			s.restart()
			s.pass(10 * time.Minute)
			s.told(0, 0)
			s.restart()
			s.pass(time.Hour)
		}, 1, 0},
		{"another server's", func(s *stage) {
			mute(s, time.Hour)
			s.store.mutes[0].Server = "lab"
			s.alarmed(unseen(s))
			s.pass(time.Minute)
		}, 1, 0},
		{"again while muted", func(s *stage) {
			a := unseen(s)
			s.alarmed(a)
			s.pass(time.Minute)
			a = s.ends(a)
			mute(s, time.Hour)
			a = s.reopens(a)
			s.pass(10 * time.Minute)
			s.ends(a)
			s.pass(2 * time.Hour)
		}, 1, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			c.play(s)
			s.told(c.alerts, c.recovered)
			s.atRest()
		})
	}
}

// TestTheEndThatIsTheAlert: where an import is shown in the channel of the alerts, its end notice is the alert.
func TestTheEndThatIsTheAlert(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name                string
		channel             string
		announce            Announce
		muted               bool
		alerts, finished    int
		mentioned           bool // by the end notice
		recoveredInTheCards bool
	}{
		{"shown where alerts go", "", AnnounceFailures, false, 0, 1, true, true},
		{"all are shown", "", AnnounceAll, false, 0, 1, true, true},
		{"alerts go elsewhere", sirens, AnnounceFailures, false, 1, 1, false, false},
		{"not shown", "", AnnounceNone, false, 1, 0, false, false},
		{"muted", "", AnnounceFailures, true, 1, 1, false, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.servers = slices.Clone(s.servers)
			s.servers[0].Announce = c.announce
			s.alerting(c.channel, onCall)
			if c.muted {
				s.store.mutes = []imports.Mute{{Server: "prod", Since: now, Until: now.Add(time.Hour)}}
			}
			a := s.scheduledFails()
			if c.muted {
				s.pass(30 * time.Minute)
				s.told(0, 0)
				s.pass(time.Hour)
			}
			s.pass(5 * time.Minute)
			s.told(c.alerts, 0)
			s.expect(c.finished, 0, c.finished)
			s.ends(a)
			s.pass(5 * time.Minute)
			s.told(c.alerts, 1)
			s.atRest()
			if t.Failed() {
				return
			}
			s.checkCarried(a, c.mentioned, c.recoveredInTheCards)
		})
	}
}

// scheduledFails is an import that nobody here asked for, and that fails.
func (s *stage) scheduledFails() imports.Alert {
	imp := with(over(imports.Failed), foreign)
	imp.End.Status, imp.EndedAt, imp.End.SuccessTime = "failed", s.clock.Now(), yesterday(0, 47)
	a := failedAlert(s, imp)
	s.note(a) // in one transaction with the import's end
	s.put(imp)
	return a
}

// checkCarried says whom the end notice mentions, and where the recovery stands.
func (s *stage) checkCarried(a imports.Alert, mentioned, inTheCards bool) {
	s.t.Helper()
	if fin := s.posts(kindFinished); len(fin) > 0 && strings.Contains(fin[0].text, onCall) != mentioned {
		s.t.Errorf("the end notice says %q; want that it mentions who is on call: %v", fin[0].text, mentioned)
	}
	over := s.posts(kindRecovered)[0]
	root := s.posts(kindAlert)
	if inTheCards {
		root = s.posts(kindCard)
	}
	if over.thread != root[0].ts || over.channel != root[0].channel || over.payload["alert"] != a.ID {
		s.t.Errorf("the recovery is %+v; want it in the thread of %+v", over, root[0])
	}
}

// aNight has everything that alerts do: one that comes again, one that the end notice tells, and one that is muted at first.
func aNight(s *stage) {
	s.alerting("", onCall)
	a := unseen(s)
	s.alarmed(a)
	s.pass(5 * time.Second)
	f := s.scheduledFails()
	s.pass(5 * time.Second)
	a = s.ends(a)
	s.pass(5 * time.Second)
	a = s.reopens(a)
	s.store.mutes = []imports.Mute{{Server: "prod", Since: s.clock.Now(), Until: s.clock.Now().Add(10 * time.Second)}}
	m := unseen(s)
	m.ID, m.Kind = "credentials:prod:1", imports.AlertCredentials
	s.alarmed(m)
	s.pass(20 * time.Second)
	s.ends(a)
	s.ends(f)
	s.ends(m)
	s.pass(10 * time.Second)
}

// checkNight says what must hold of it however often processes died or stood still.
func (s *stage) checkNight(name string, exact bool) {
	s.t.Helper()
	twice := 0
	count := map[string]int{}
	for _, m := range s.slack.messages {
		key := m.kind
		for _, name := range []string{"alert", "again"} {
			if v := m.payload[name]; v != nil {
				key += fmt.Sprintf(" %v", v)
			}
		}
		count[key]++
		if count[key] > 1 {
			twice++
		}
	}
	for _, key := range []string{
		"card", "finished", "recovered failed:prod:imp-1", "alert unreachable:prod:1", "recovered unreachable:prod:1",
		"alert unreachable:prod:1 1", "recovered unreachable:prod:1 1", "alert credentials:prod:1", "recovered credentials:prod:1",
	} {
		if count[key] == 0 {
			s.t.Errorf("%s: there is no %s", name, key)
		}
	}
	if fin := s.posts(kindFinished); len(fin) > 0 && !strings.Contains(fin[0].text, onCall) || count["alert failed:prod:imp-1"] != 0 {
		s.t.Errorf("%s: the end notice does not tell the alert, or not it alone", name)
	}
	if most := 1; exact && twice > 0 || twice > most {
		s.t.Errorf("%s: %d messages came twice", name, twice)
	}
	s.atRest()
	if s.t.Failed() {
		s.t.Log("\n" + s.slack.String())
	}
}

// TestAlertsKilledAnywhere kills the process, or lets it stand still, at every call of a night.
func TestAlertsKilledAnywhere(t *testing.T) {
	t.Parallel()
	reference := newStage(t)
	aNight(reference)
	reference.checkNight("nobody dies", true)
	if t.Failed() {
		return
	}
	for at := 1; at <= reference.calls; at++ {
		for way := range 8 {
			if rarely(at + way) {
				continue
			}
			history, after, freeze := way&1 == 0, way&2 == 0, way&4 == 0
			s := newStage(t)
			s.after, s.slack.noHistory, s.sleeps = after, !history, []int{1, 7, 0}[at%3]
			if freeze {
				s.freezes = []int{at}
			} else {
				s.kills = []int{at}
			}
			aNight(s)
			s.wakeAll()
			s.checkNight(fmt.Sprintf("call %d (after %v), stands still %v, history %v", at, after, freeze, history), history)
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("%d calls", reference.calls)
}

// TestAlertsKilledAgainAndAgain kills it many times at random.
func TestAlertsKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for round := range rounds(60) {
		s := newStage(t)
		s.after, s.sleeps = round%2 == 0, random.IntN(40)
		for call := 1; call < 400; call++ {
			switch random.IntN(16) {
			case 0:
				s.kills = append(s.kills, call)
			case 1:
				s.freezes = append(s.freezes, call)
			}
		}
		aNight(s)
		s.wakeAll()
		s.pass(time.Minute)
		s.checkNight(fmt.Sprintf("round %d", round), true)
		if t.Failed() {
			return
		}
	}
}

func TestAlertsWhoseAnswersAreLost(t *testing.T) {
	t.Parallel()
	for _, taken := range []bool{true, false} {
		for _, history := range []bool{true, false} {
			t.Run(fmt.Sprintf("taken %v, history %v", taken, history), func(t *testing.T) {
				t.Parallel()
				s := newStage(t)
				s.slack.noHistory = !history
				s.slack.fail = failing(1, kindAlert, errLost, taken)
				a := unseen(s)
				s.alarmed(a)
				s.pass(10 * time.Minute)
				s.slack.fail = failing(1, kindRecovered, errLost, taken)
				s.ends(a)
				s.pass(10 * time.Minute)
				n := 1
				if taken && !history {
					n = 2 // one too many rather than none
				}
				s.told(n, n)
				s.atRest()
			})
		}
	}
}

// A process that dies while it waits for the second answer notes no refusal; the person on call is told all the same.
func TestAnAlertLeftWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for _, limited := range []time.Duration{0, time.Second} { // Slack took another message just now
		for left, want := range map[int]string{1: "C0SIRENS", 2: "U0DORA"} {
			wait := limited
			s := newStage(t)
			s.slack.noHistory = true
			s.alerting("C0SIRENS", "U0DORA")
			s.slack.fail = func(_, channel, kind, _ string) (error, bool) {
				switch {
				case kind == kindAlert && channel == "C0SIRENS" && left > 0:
					left--
					panic(killed{})
				case kind == kindAlert && wait > 0:
					after := wait
					wait = 0
					return &bot.RateLimitedError{After: after}, false
				}
				return nil, true
			}
			s.alarmed(unseen(s))
			s.pass(10 * time.Second)
			got := s.posts(kindAlert)
			if len(got) != 1 || got[0].channel != want {
				t.Errorf("limited for %s, want one alert in %s\n%s", limited, want, s.slack)
			}
		}
	}
}

func TestAlertsWhileSlackLimits(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.slack.fail = failing(3, kindAlert, &bot.RateLimitedError{After: 20 * time.Second}, false)
	s.alarmed(unseen(s))
	s.pass(50 * time.Second)
	s.told(0, 0)
	s.pass(20 * time.Second)
	s.told(1, 0)
	s.atRest()
}

// TestTheAlertChannelRefuses: the person on call hears of it by direct message, and a group can't.
func TestTheAlertChannelRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, mention string
		directly      int
	}{{"a person", "U0BEN", 1}, {"a group", onCall, 0}, {"nobody", "", 0}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.alerting(sirens, c.mention)
			tries := 0
			s.slack.fail = func(method, channel, _, _ string) (error, bool) {
				if channel != sirens {
					return nil, true
				}
				tries++
				return refusal("is_archived", bot.ErrChannel), false
			}
			a := unseen(s)
			s.alarmed(a)
			s.pass(time.Minute)
			s.told(c.directly, 0)
			if b := s.p.Backlog(); b.Refused != 1 || b.Refusal == "" || b.Waiting != 1 {
				t.Errorf("Backlog() = %+v; want one that is refused", b)
			}
			s.restart()
			s.pass(150 * time.Minute)
			if tries != 3 {
				t.Errorf("the channel was tried %d times in two and a half hours; want hourly", tries)
			}
			if b := s.p.Backlog(); b.Refused != 1 {
				t.Errorf("Backlog() = %+v after another took the lead; want one that is refused", b)
			}
			s.told(c.directly, 0)
			s.slack.fail = nil
			s.pass(time.Hour)
			s.told(c.directly+1, 0)
			s.ends(a)
			s.pass(5 * time.Minute)
			s.told(c.directly+1, 1)
			s.atRest()
		})
	}
}

// TestAnAlertThatIsOverWhileItsChannelRefuses: who was told by direct message is told the same way that it is over, and the channel is
// not told of what nobody there knows.
func TestAnAlertThatIsOverWhileItsChannelRefuses(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.alerting(sirens, "U0BEN")
	s.slack.fail = func(_, channel, _, _ string) (error, bool) {
		if channel != sirens {
			return nil, true
		}
		return refusal("is_archived", bot.ErrChannel), false
	}
	a := unseen(s)
	s.alarmed(a)
	s.pass(time.Minute)
	s.ends(a)
	s.pass(time.Minute)
	s.slack.fail = nil
	s.pass(2 * time.Hour)
	s.told(1, 1)
	for _, m := range s.slack.messages {
		if m.channel != "U0BEN" {
			t.Errorf("%+v; want direct messages alone", m)
		}
	}
	s.atRest()
}

// TestAFailureWhoseChannelRefuses is said once to whom it wakes, and once in the channel, whichever message gets there first.
func TestAFailureWhoseChannelRefuses(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.alerting("", "U0BEN")
	s.slack.fail = func(_, channel, _, _ string) (error, bool) {
		if channel != "C0PROD" {
			return nil, true
		}
		return refusal("not_in_channel", bot.ErrChannel), false
	}
	a := s.scheduledFails()
	s.pass(10 * time.Minute)
	if got := s.posts(kindAlert); len(got) != 1 || got[0].channel != "U0BEN" {
		t.Errorf("want one direct message:\n%s", s.slack)
	}
	s.slack.fail = nil
	s.pass(2 * time.Hour)
	calls := 0
	for _, m := range s.slack.messages {
		if m.channel == "C0PROD" && strings.Contains(m.text, "<@U0BEN>") {
			calls++
		}
	}
	if calls != 1 {
		t.Errorf("the channel calls for who is on call %d times; want once:\n%s", calls, s.slack)
	}
	s.ends(a)
	s.pass(10 * time.Minute)
	if n := len(s.posts(kindRecovered)); n != 1 {
		t.Errorf("%d recoveries:\n%s", n, s.slack)
	}
	s.atRest()
}

// TestAFailureToldWithAnAbsence is alerted by itself only where somebody is to be mentioned: what is said after an absence calls for nobody.
func TestAFailureToldWithAnAbsence(t *testing.T) {
	t.Parallel()
	for mention, alerts := range map[string]int{onCall: 1, "": 0} {
		s := newStage(t)
		s.alerting("", mention)
		s.gone(returned(reports("failed", day(5, 12))))
		s.pass(time.Minute)
		imp := arrived(imports.Unclear, "failed")
		a := failedAlert(s, imp)
		s.note(a)
		s.put(imp)
		s.pass(10 * time.Minute)
		s.told(alerts, 0)
		s.restart()
		s.ends(a)
		s.pass(10 * time.Minute)
		s.told(alerts, 1)
		s.atRest()
		root := s.posts(kindAway)
		if len(root) != 1 || len(s.posts(kindFinished)) != 0 {
			t.Fatalf("want one message about the absence, and no finished message:\n%s", s.slack)
		}
		if alerts > 0 {
			root = s.posts(kindAlert)
		}
		if over := s.posts(kindRecovered); len(root) != 1 || len(over) != 1 || over[0].thread != root[0].ts || !strings.Contains(root[0].text, mention) {
			t.Errorf("mention %q: want the recovery in the thread of what mentions it:\n%s", mention, s.slack)
		}
	}
}

// TestTheAlertIsDeleted: its thread is gone, and the recovery with it.
func TestTheAlertIsDeleted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	a := unseen(s)
	s.alarmed(a)
	s.slack.fail = failing(-1, kindRecovered, refusal("thread_not_found", bot.ErrMessageGone), false)
	s.ends(a)
	s.pass(time.Hour)
	s.told(1, 0)
	s.atRest()
}

// TestAnAlertOfAServerThatIsGone: its server is not configured any more, and nothing is said.
func TestAnAlertOfAServerThatIsGone(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.slack.fail = failing(1, kindAlert, refusal("is_archived", bot.ErrChannel), false)
	s.alarmed(unseen(s))
	s.servers = []Server{lab}
	s.board = new(imports.Board)
	s.restart()
	s.pass(2 * time.Hour)
	s.told(0, 0)
	s.atRest()
}
