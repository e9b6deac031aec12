package demo

import (
	"slices"
	"strings"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

// happening is something that befalls the simulated BigFix server, which the bot knows nothing of until it looks.
type happening struct {
	words, does string
	do          func(*stage) (told string)
}

const (
	// soon is how far ahead the nightly import is set, so that the bot sees it coming as it does on every other day.
	soon = 4 * time.Second
	// aheadOfAll is the same for an import that does not begin: only one that was announced clearly before its time is missed.
	aheadOfAll = 10 * time.Second
	// asGoodAs is how long before it is due an import counts for the nightly one.
	asGoodAs = 5 * time.Minute
	// forEver is how long an import rests that hangs.
	forEver = 365 * 24 * time.Hour
)

// passedOver is why there is no nightly import now.
const passedOver = "An import runs: the server would pass the nightly one over. Try this again when it has ended."

// happenings are what one can do to the server.
var happenings = []happening{
	{"nightly", "tonight's import begins in 4 s", func(s *stage) string {
		if s.running() {
			return passedOver
		}
		s.nightlyIn(soon, false)
		return "Midnight comes early: the nightly import begins in 4 s."
	}},
	{"nightly fails", "or begins, and fails", func(s *stage) string {
		if s.running() {
			return passedOver
		}
		s.bigfix.PlanNext(bigfixtest.Plan{Duration: s.Pace / 4, Fails: true})
		s.nightlyIn(soon, false)
		return "Midnight comes early: the nightly import begins in 4 s, and will fail."
	}},
	{"misses", "tonight's import is due in 10 s, and does not begin", func(s *stage) string {
		now := s.bigfix.Clock().Now()
		if imp, ok := s.bigfix.Latest(now); ok && now.Sub(imp.Ended) < asGoodAs {
			return "An import ran less than five minutes ago, which would count for the nightly one. Try this again later, or first of all."
		}
		s.nightlyIn(aheadOfAll, true)
		return "The nightly import is due in 10 s, and will not begin."
	}},
	{"fails", "the next import fails, whoever starts it", func(s *stage) string {
		s.bigfix.PlanNext(bigfixtest.Plan{Duration: s.Pace / 4, Fails: true})
		return "The next import will fail."
	}},
	{"rests", "the next import stands still at 59 % for a while", func(s *stage) string {
		s.bigfix.PlanNext(bigfixtest.Plan{RestAt: 59, RestFor: s.Pace * 3 / 5})
		return "The next import will stand still at 59 % for a while."
	}},
	{"hangs", "the next import stands still at 96 % for ever", func(s *stage) string {
		s.bigfix.PlanNext(bigfixtest.Plan{RestAt: 96, RestFor: forEver})
		return "The next import will stand still at 96 % until the server is restarted."
	}},
	{"restarts", "it restarts, and forgets what runs", func(s *stage) string {
		s.bigfix.RestartAt(s.bigfix.Clock().Now(), soon)
		return "The server restarts, which takes 4 s."
	}},
	{"web raw", "somebody starts an import in the web pages", func(s *stage) string { return s.byHand(bigfix.TypeRaw) }},
	{"web complete", "or a complete one", func(s *stage) string { return s.byHand(bigfix.TypeComplete) }},
	{"down", "it is gone from the network", func(s *stage) string {
		s.bigfix.Stop()
		return "The server is gone from the network."
	}},
	{"up", "it is back", func(s *stage) string {
		if err := s.bigfix.Start(); err != nil {
			return "The server could not be started again: " + err.Error()
		}
		return "The server is back."
	}},
	{"rejects", "it rejects Importbot's token", func(s *stage) string {
		s.bigfix.RejectTokens()
		return "The server rejects every token."
	}},
	{"accepts", "it accepts the token again", func(s *stage) string {
		s.bigfix.AcceptTokens()
		return "The server accepts the token again."
	}},
	{"pending", "somebody changes something in the web pages", func(s *stage) string {
		s.bigfix.SetPending(true)
		return "Changes made in the web pages wait for a complete import."
	}},
}

// happens lets something befall the server.
func (s *stage) happens(words string) {
	words = strings.Join(strings.Fields(words), " ")
	i := slices.IndexFunc(happenings, func(h happening) bool { return h.words == words })
	if i < 0 {
		var all []string
		for _, h := range happenings {
			all = append(all, styled(codeOn, "server "+h.words))
		}
		s.screen.say("To the server can happen: " + strings.Join(all, ", ") + ".")
		return
	}
	s.screen.aside(happenings[i].do(s))
}

// nightlyIn moves the daily import, which then begins or does not.
func (s *stage) nightlyIn(ahead time.Duration, dead bool) {
	now := s.bigfix.Clock().Now()
	due := now.Add(ahead)
	s.bigfix.Set(func(d *bigfixtest.Doubts) { d.ScheduleDead = dead })
	s.bigfix.SetSchedule(now, bigfixtest.Schedule{At: due.Sub(due.Truncate(24 * time.Hour)), Type: bigfix.TypeComplete})
}

func (s *stage) byHand(kind bigfix.ImportType) string {
	now := s.bigfix.Clock().Now()
	if s.bigfix.Busy(now) {
		return "An import runs already; the web pages start no second one."
	}
	s.bigfix.StartByHand(now, kind)
	word := "complete"
	if kind == bigfix.TypeRaw {
		word = "raw"
	}
	return "Somebody starts a " + word + " import in the web pages."
}
