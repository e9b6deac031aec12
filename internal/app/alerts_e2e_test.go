package app

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"importbot/bigfix/bigfixtest"
	"importbot/internal/slacksim"
)

// What on-call needs at three in the morning, with the real program: nobody typed anything, and something is wrong.

// The nightly import fails, and nobody had typed a command: a card, a finished message that calls for whoever is on call, and after the next
// success the word that it is over, in the same thread. Before and after, while all is well, nothing is said.
func TestNightlyImportFails(t *testing.T) {
	t.Parallel()
	w := newNight(t, 500*time.Millisecond)
	p := w.start(t, w.night()).ready(t)
	w.byHand(t, p, 1) // goes well: not a word
	w.bigfix.PlanNext(bigfixtest.Plan{Duration: 700 * time.Millisecond, Fails: true})
	w.due(1500 * time.Millisecond)

	finished := w.message(t, "finished", saying("failed"))
	mustMention(t, finished, oncall)
	if !strings.HasPrefix(finished.Text, "Scheduled complete import on ") {
		t.Errorf("it does not say that the import was a scheduled one: %s", finished.Text)
	}
	card := w.message(t, "card", saying("failed"))
	if finished.ThreadTS != card.TS || !finished.Broadcast {
		t.Errorf("the finished message is no broadcast reply to the card: %+v", finished)
	}
	w.byHand(t, p, 3)
	recovered := w.message(t, "recovered", whatever)
	if recovered.ThreadTS != card.TS {
		t.Errorf("the recovery is not in the card's thread: %+v", recovered)
	}
	t.Logf("%s\n%s", finished.Text, recovered.Text)
	w.stop(t, p)
	w.mustCount(t, channel, map[string]int{"card": 1, "finished": 1, "recovered": 1})
}

// Whatever goes wrong with a server is alerted once, and its end once, in the alert's thread, though the bot is killed on the way.
func TestServerInTrouble(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wrong, well func(*bigfixtest.Server)
	}{
		"unreachable": {
			wrong: (*bigfixtest.Server).Stop,
			well: func(s *bigfixtest.Server) {
				if err := s.Start(); err != nil {
					t.Error(err)
				}
			},
		},
		"credentials": {(*bigfixtest.Server).RejectTokens, (*bigfixtest.Server).AcceptTokens},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newNight(t, pace)
			environ := w.night("ALERT_CHANNEL=" + sirens)
			p := w.start(t, environ).ready(t)
			w.looks(t, 2)
			c.wrong(w.bigfix)
			alert := w.message(t, "alert", whatever)
			mustMention(t, alert, oncall)
			if alert.Channel != sirens {
				t.Errorf("the alert is in %s", alert.Channel)
			}
			p.signal(t, syscall.SIGKILL)
			p.exit(t)

			p = w.start(t, environ).ready(t)
			c.well(w.bigfix)
			recovered := w.message(t, "recovered", whatever)
			mustMention(t, recovered)
			if recovered.ThreadTS != alert.TS || recovered.Channel != sirens {
				t.Errorf("the recovery is not in the alert's thread: %+v", recovered)
			}
			t.Logf("%s\n%s", alert.Text, recovered.Text)
			w.looks(t, 5)
			w.stop(t, p)
			w.mustCount(t, sirens, map[string]int{"alert": 1, "recovered": 1})
			w.mustCount(t, channel, nil)
		})
	}
}

// Where alerts have a channel of their own, an import that failed is alerted there, and its finished message calls for nobody.
func TestAlertChannel(t *testing.T) {
	t.Parallel()
	w := newNight(t, 500*time.Millisecond)
	p := w.start(t, w.night("ALERT_CHANNEL="+sirens)).ready(t)
	w.bigfix.PlanNext(bigfixtest.Plan{Duration: 500 * time.Millisecond, Fails: true})
	w.byHand(t, p, 1)
	mustMention(t, w.message(t, "finished", saying("failed")))
	alert := w.message(t, "alert", whatever)
	mustMention(t, alert, oncall)
	w.stop(t, p)
	w.mustCount(t, channel, map[string]int{"card": 1, "finished": 1})
	w.mustCount(t, sirens, map[string]int{"alert": 1})
}

// A mute holds over kill -9, keeps quiet what goes wrong meanwhile, and what is still wrong when it ends is told then.
func TestMute(t *testing.T) {
	t.Parallel()
	w := newNight(t, pace)
	p := w.start(t, w.night()).ready(t)
	w.mustAnswer(t, ana, "mute prod 2h New disks & <!channel>", "are quiet until")
	p.signal(t, syscall.SIGKILL)
	p.exit(t)
	w.bigfix.RejectTokens()

	p = w.start(t, w.night()).ready(t)
	w.await(t, "open alert", func() bool {
		_, metrics := p.get(t, "/metrics")
		return strings.Contains(metrics, `importbot_alerts{kind="credentials",server="prod"} 1`) && strings.Contains(metrics, `importbot_muted{server="prod"} 1`)
	})
	if text := w.shown(t, ben, "status prod"); !strings.Contains(text, "New disks & ") || !strings.Contains(text, "muted until") {
		t.Errorf("the status does not show the mute:\n%s", text)
	}
	w.mustCount(t, channel, nil)
	w.mustAnswer(t, ben, "unmute prod", "Only <@"+ana+"> may")
	w.mustAnswer(t, ana, "unmute prod", "are told again")
	alert := w.message(t, "alert", whatever)
	mustMention(t, alert, oncall)
	w.bigfix.AcceptTokens()
	w.message(t, "recovered", func(m slacksim.Message) bool { return m.ThreadTS == alert.TS })
	w.stop(t, p)
	w.mustCount(t, channel, map[string]int{"alert": 1, "recovered": 1})
}
