package demo

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/internal/slacksim"
)

// happening is something that befalls what is around the bot, or the bot itself. It is typed in the terminal, or switched on the panel
// of the page: this is the one table of both.
type happening struct {
	whom, words string // what is typed: "server", "nightly fails"
	does        string // what it does, for the terminal's help and beside the switch

	// label is what the panel's switch says; one that takes another back, or is two others in one, has none of its own.
	label string
	// in is the section of the panel, where it is not that of whom.
	in string
	// undo are the words of what takes it back, and on says whether there is something to take back: a switch of two positions.
	undo string
	on   func(*stage) bool

	cant func(*stage) string // why it makes no sense now; nil where it always does
	do   func(*stage) (told string, err error)
	// settle, where there is one, returns when the bot is over it as far as it ever will be: for lines that are typed one behind the other.
	settle func(context.Context, *stage)
}

// Whom something befalls.
const (
	toServer  = "server"
	toSlack   = "slack"
	toBot     = "bot"
	inThePage = "web" // the section of what people do in the server's own web pages
)

const (
	// soon is how far ahead the nightly import is set, so that the bot sees it coming as it does on every other day, and how long a
	// restart of the server takes.
	soon = 4 * time.Second
	// aheadOfAll is the same for an import that does not begin: only one that was announced clearly before its time is missed.
	aheadOfAll = 10 * time.Second
	// asGoodAs is how long before it is due an import counts for the nightly one.
	asGoodAs = 5 * time.Minute
	// forEver is how long an import rests that hangs.
	forEver = 365 * 24 * time.Hour
	// refusesFor is how long Slack refuses everything.
	refusesFor = 10 * time.Second
	// refusesAgain is how long the bot is told to wait each time.
	refusesAgain = 3 * time.Second
)

// happenings is the table, in the order in which one would try them.
var happenings = slices.Concat(serverHappenings, slackHappenings, botHappenings)

var serverHappenings = []happening{
	{whom: toServer, words: "nightly", does: "the nightly import begins in 4 s", label: "Run the nightly import now",
		cant: (*stage).passesOver, do: func(s *stage) (string, error) {
			s.nightlyIn(soon, false)
			return "Midnight comes early: the nightly import begins in 4 s.", nil
		}},
	{whom: toServer, words: "nightly fails", does: "the nightly import begins in 4 s, and fails",
		cant: first((*stage).passesOver, (*stage).isPlanned), do: func(s *stage) (string, error) {
			s.plan("fail", bigfixtest.Plan{Duration: s.Pace / 4, Fails: true})
			s.nightlyIn(soon, false)
			return "Midnight comes early: the nightly import begins in 4 s, and will fail.", nil
		}},
	{whom: toServer, words: "fails", does: "the next import fails, whoever starts it", label: "Make the next import fail",
		cant: (*stage).isPlanned, do: func(s *stage) (string, error) {
			s.plan("fail", bigfixtest.Plan{Duration: s.Pace / 4, Fails: true})
			return "The next import will fail.", nil
		}},
	{whom: toServer, words: "hangs", does: "the next import stands still at 96 % until the server restarts", label: "Let the next import hang",
		cant: (*stage).isPlanned, do: func(s *stage) (string, error) {
			s.plan("hang", bigfixtest.Plan{RestAt: 96, RestFor: forEver})
			return "The next import will stand still at 96 % until the server is restarted.", nil
		}},
	{whom: toServer, words: "rests", does: "the next import stands still at 59 % for a while", label: "Let the next import rest",
		cant: (*stage).isPlanned, do: func(s *stage) (string, error) {
			s.plan("rest", bigfixtest.Plan{RestAt: 59, RestFor: s.Pace * 3 / 5})
			return "The next import will stand still at 59 % for a while.", nil
		}},
	{whom: toServer, words: "misses", does: "the nightly import is due in 10 s, and does not begin", label: "Miss the nightly import",
		cant: (*stage).countsForNightly, do: func(s *stage) (string, error) {
			s.nightlyIn(aheadOfAll, true)
			return "The nightly import is due in 10 s, and will not begin.", nil
		}},
	{whom: toServer, words: "restarts", does: "it restarts, which takes 4 s, and forgets what runs", label: "Restart the server",
		cant: (*stage).isRestarting, do: func(s *stage) (string, error) {
			now := s.bigfix.Clock().Now()
			s.bigfix.RestartAt(now, soon)
			s.back = now.Add(soon)
			return "The server restarts, which takes 4 s.", nil
		}},
	{whom: toServer, words: "rejects", does: "it rejects Importbot's token", label: "Reject the token",
		undo: "accepts", on: func(s *stage) bool { return s.rejecting },
		cant: unless(func(s *stage) bool { return !s.rejecting }, "The server rejects every token already."),
		do: func(s *stage) (string, error) {
			s.bigfix.RejectTokens()
			s.rejecting = true
			return "The server rejects every token.", nil
		}},
	{whom: toServer, words: "accepts", does: "it accepts the token again",
		cant: unless(func(s *stage) bool { return s.rejecting }, "The server accepts the token already."),
		do: func(s *stage) (string, error) {
			s.bigfix.AcceptTokens()
			s.rejecting = false
			return "The server accepts the token again.", nil
		}},
	{whom: toServer, words: "down", does: "it is gone from the network", label: "Take the server away",
		undo: "up", on: func(s *stage) bool { return s.away },
		cant: unless(func(s *stage) bool { return !s.away }, "The server is gone already."),
		do: func(s *stage) (string, error) {
			s.bigfix.Stop()
			s.away = true
			return "The server is gone from the network.", nil
		}},
	{whom: toServer, words: "up", does: "it is back",
		cant: unless(func(s *stage) bool { return s.away }, "The server is there already."),
		do: func(s *stage) (string, error) {
			if err := s.bigfix.Start(); err != nil {
				return "", refusal("The server could not be started again: " + clean(err.Error()))
			}
			s.away = false
			return "The server is back.", nil
		}},
	{whom: toServer, words: "web raw", does: "somebody starts a raw import in the web pages", label: "Start a raw import", in: inThePage,
		cant: first((*stage).isBusy, (*stage).isRestarting), do: func(s *stage) (string, error) { return s.byHand(bigfix.TypeRaw) }},
	{whom: toServer, words: "web complete", does: "somebody starts a complete import in the web pages", label: "Start a complete import", in: inThePage,
		cant: first((*stage).isBusy, (*stage).isRestarting), do: func(s *stage) (string, error) { return s.byHand(bigfix.TypeComplete) }},
	{whom: toServer, words: "pending", does: "somebody changes something in the web pages", label: "Change something", in: inThePage,
		do: func(s *stage) (string, error) {
			s.bigfix.SetPending(true)
			return "Changes made in the web pages wait for a complete import.", nil
		}},
}

var slackHappenings = []happening{
	{whom: toSlack, words: "cut", does: "every connection of the bot's is cut, without a word", label: "Cut the connections",
		cant: unless(func(s *stage) bool { return s.slack.Connections() > 0 }, "No connection stands."),
		do: func(s *stage) (string, error) {
			n := s.slack.CutSockets(0)
			return fmt.Sprintf("Slack cut %s.", counted(n, "connection")), nil
		},
		settle: func(ctx context.Context, s *stage) {
			within, cancel := context.WithTimeout(ctx, readyWithin)
			defer cancel()
			s.slack.Wait(within, func() bool { return s.bot.alive() == nil || s.slack.Ready() > 0 }) //nolint:errcheck // then it takes longer
		}},
	{whom: toSlack, words: "refuses", does: "it answers everything with “too many requests” for 10 s", label: "Refuse everything for 10 s",
		cant: unless(func(s *stage) bool { return time.Now().After(s.refuses) }, "Slack refuses everything already."),
		do: func(s *stage) (string, error) {
			s.refuse()
			return "Slack answers everything with “too many requests” for 10 s; the connections stand.", nil
		}},
}

var botHappenings = []happening{
	{whom: toBot, words: "kill", does: "its process is killed, as kill -9 does", label: "Kill it (kill -9)",
		cant: unless(func(s *stage) bool { return s.bot.alive() != nil }, "The bot does not run."),
		do: func(s *stage) (string, error) {
			p := s.bot.kill()
			if p == nil {
				return "", refusal("The bot does not run.")
			}
			return fmt.Sprintf("The bot was killed with kill -9: process %d is gone.", p.pid()), nil
		}},
	{whom: toBot, words: "start", does: "it is started again", label: "Start it again",
		cant: unless(func(s *stage) bool { return s.bot.alive() == nil }, "The bot runs already."),
		do: func(s *stage) (string, error) {
			p, err := s.bot.start()
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("The bot starts again: process %d.", p.pid()), nil
		},
		settle: func(ctx context.Context, s *stage) {
			if p := s.bot.alive(); p != nil {
				s.bot.await(ctx, p) //nolint:errcheck // what comes of it is told
			}
		}},
}

// id is what the panel's switch is called in programs.
func (h happening) id() string { return strings.ReplaceAll(h.whom+" "+h.words, " ", "-") }

// section is where the panel shows it.
func (h happening) section() string {
	if h.in != "" {
		return h.in
	}
	return h.whom
}

// named finds a happening.
func named(whom, words string) (happening, bool) {
	i := slices.IndexFunc(happenings, func(h happening) bool { return h.whom == whom && h.words == words })
	if i < 0 {
		return happening{}, false
	}
	return happenings[i], true
}

// behind is what stands as it is behind the workspace besides what the simulators know of themselves. Its lock is held while something
// happens, so that of several who do something each finds what the one before left.
type behind struct {
	sync.Mutex
	away, rejecting bool
	back            time.Time // when the server is back that restarts
	plans           []string  // what the next imports will do
	begun           int       // how many imports had begun before the first of them
	refuses         time.Time // until when Slack refuses everything
	heal            *time.Timer
}

// befall does what the table says, and tells whoever looks.
func (s *stage) befall(h happening) (told string, err error) {
	s.behind.Lock()
	told, err = s.done(h)
	s.behind.Unlock()
	if err == nil {
		s.note(told)
	}
	return told, err
}

// done does it unless it makes no sense. The lock is held.
func (s *stage) done(h happening) (told string, err error) {
	if h.cant != nil {
		if why := h.cant(s); why != "" {
			return "", refusal(why)
		}
	}
	return h.do(s)
}

// happens is somebody typing what is to happen.
func (s *stage) happens(whom, words string) (settle func(context.Context)) {
	words = strings.Join(strings.Fields(words), " ")
	h, ok := named(whom, words)
	if !ok {
		var all []string
		for _, h := range happenings {
			if h.whom == whom {
				all = append(all, styled(codeOn, whom+" "+h.words))
			}
		}
		s.screen.say("There is " + strings.Join(all, ", ") + ".")
		return nil
	}
	if _, err := s.befall(h); err != nil {
		s.screen.say(err.Error())
		return nil
	}
	if h.settle == nil {
		return nil
	}
	return func(ctx context.Context) { h.settle(ctx, s) }
}

// first is the first reason of several.
func first(reasons ...func(*stage) string) func(*stage) string {
	return func(s *stage) string {
		for _, reason := range reasons {
			if why := reason(s); why != "" {
				return why
			}
		}
		return ""
	}
}

// unless is a reason where something does not hold.
func unless(holds func(*stage) bool, why string) func(*stage) string {
	return func(s *stage) string {
		if holds(s) {
			return ""
		}
		return why
	}
}

func (s *stage) passesOver() string {
	if s.running() {
		return "An import runs: the server would pass the nightly one over. Try this again when it has ended."
	}
	return ""
}

func (s *stage) isBusy() string {
	if s.bigfix.Busy(s.bigfix.Clock().Now()) {
		return "An import runs already; the web pages start no second one."
	}
	return ""
}

func (s *stage) isRestarting() string {
	if s.bigfix.Clock().Now().Before(s.back) {
		return "The server is restarting."
	}
	return ""
}

func (s *stage) countsForNightly() string {
	now := s.bigfix.Clock().Now()
	switch imp, ok := s.bigfix.Latest(now); {
	case ok && imp.Outcome == bigfixtest.Running:
		return s.passesOver()
	case ok && now.Sub(imp.Ended) < asGoodAs:
		return "An import ran less than five minutes ago, which would count for the nightly one. Try this again later, or first of all."
	}
	return ""
}

// plan decides the course of the next import.
func (s *stage) plan(word string, plan bigfixtest.Plan) {
	if s.planned() == "" {
		s.plans, s.begun = nil, len(s.bigfix.Imports(s.bigfix.Clock().Now()))
	}
	s.plans = append(s.plans, word)
	s.bigfix.PlanNext(plan)
}

// planned is what the next import will do, where it was decided.
func (s *stage) planned() string {
	if len(s.plans) == 0 {
		return ""
	}
	begun := len(s.bigfix.Imports(s.bigfix.Clock().Now())) - s.begun
	if begun >= len(s.plans) {
		return ""
	}
	return s.plans[begun]
}

func (s *stage) isPlanned() string {
	if word := s.planned(); word != "" {
		return "The next import is to " + word + " already."
	}
	return ""
}

// nightlyIn moves the daily import, which then begins or does not.
func (s *stage) nightlyIn(ahead time.Duration, dead bool) {
	now := s.bigfix.Clock().Now()
	due := now.Add(ahead)
	s.bigfix.Set(func(d *bigfixtest.Doubts) { d.ScheduleDead = dead })
	s.bigfix.SetSchedule(now, bigfixtest.Schedule{At: due.Sub(due.Truncate(24 * time.Hour)), Type: bigfix.TypeComplete})
}

func (s *stage) byHand(kind bigfix.ImportType) (string, error) {
	s.bigfix.StartByHand(s.bigfix.Clock().Now(), kind)
	return "Somebody starts a " + typeWord(kind) + " import in the web pages.", nil
}

// everything is how the simulated Slack calls all methods.
const everything = "*"

// refuse makes Slack refuse everything for a while.
func (s *stage) refuse() {
	s.refuses = time.Now().Add(refusesFor)
	s.slack.Fail(everything, slacksim.Fault{Status: http.StatusTooManyRequests, RetryAfter: refusesAgain, Times: -1})
	s.heal = time.AfterFunc(refusesFor, func() {
		s.slack.Heal(everything)
		s.note("Slack answers again.")
	})
}

// running says whether the server runs an import.
func (s *stage) running() bool {
	imp, ok := s.bigfix.Latest(s.bigfix.Clock().Now())
	return ok && imp.Outcome == bigfixtest.Running
}

func typeWord(kind bigfix.ImportType) string {
	if kind == bigfix.TypeRaw {
		return "raw"
	}
	return "complete"
}

// counted is "1 connection", "2 connections".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
