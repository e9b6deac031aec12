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
	does        string // what who types it, or presses its switch, does by that: for the terminal's help and beside the switch

	// label is what the panel's switch says; one that takes another back, or is two others in one, has none of its own.
	label string
	// in is the section of the panel, where it is not that of whom.
	in string
	// undo are the words of what takes it back, and on says whether there is something to take back: a switch of two positions.
	undo string
	on   func(*stage) bool

	cant func(*stage) string // why it makes no sense now; nil where it always does
	do   func(*stage) (told string, err error)
	// last, where there is one, is what remains to be done and may take a while, when everybody may look and act again. Then it is what
	// tells.
	last func(*stage) (told string, err error)
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
var happenings = slices.Concat(befalling(prodSite, (*stage).prod), befalling(labSite, (*stage).lab), slackHappenings, botHappenings)

// serverHappening is one that befalls a server, whichever.
type serverHappening struct {
	words, does  string
	label, there string // of the switch, of the one server and of the other, which has fewer
	in           string
	undo         string
	on           func(*server) bool
	alone        string // the name of the only server that it makes sense for

	cant func(*server) string
	do   func(*server) (told string, err error)
}

// befalling are the happenings of one server.
func befalling(at site, of func(*stage) *server) (all []happening) {
	for _, h := range serverHappenings {
		if h.alone != "" && h.alone != at.name {
			continue
		}
		one := happening{whom: at.whom, words: h.words, does: h.does, label: h.label, in: h.in, undo: h.undo, on: lifted(of, h.on), cant: lifted(of, h.cant),
			do: func(s *stage) (string, error) { return h.do(of(s)) }}
		if at.name == lab {
			one.label, one.in = h.there, ""
		}
		all = append(all, one)
	}
	return all
}

// lifted is something that is asked of a server, asked of the stage that it stands on; nil for nil.
func lifted[T any](of func(*stage) *server, ask func(*server) T) func(*stage) T {
	if ask == nil {
		return nil
	}
	return func(s *stage) T { return ask(of(s)) }
}

var serverHappenings = []serverHappening{
	{words: "nightly", does: "lets the nightly import begin in 4 s", label: "Run the nightly import now", there: "Run lab's nightly import now",
		cant: (*server).passesOver, do: func(s *server) (string, error) {
			s.nightlyAt(s.now().Add(soon), false)
			return "Midnight comes early on " + s.name + ": the nightly import begins in 4 s.", nil
		}},
	{words: "nightly fails", does: "lets the nightly import begin in 4 s, and fail",
		cant: first((*server).passesOver, (*server).isPlanned), do: func(s *server) (string, error) {
			s.plan("fail", bigfixtest.Plan{Duration: s.fast, Fails: true})
			s.nightlyAt(s.now().Add(soon), false)
			return "Midnight comes early on " + s.name + ": the nightly import begins in 4 s, and will fail.", nil
		}},
	{words: "fails", does: "makes the next import fail, whoever starts it", label: "Make the next import fail", there: "Make lab's next import fail",
		cant: (*server).isPlanned, do: func(s *server) (string, error) {
			s.plan("fail", bigfixtest.Plan{Duration: s.fast, Fails: true})
			return "The next import on " + s.name + " will fail.", nil
		}},
	{words: "brief", does: "makes the next import succeed after a few seconds, where three minutes are usual", there: "Make lab's next import too fast", alone: lab,
		cant: first((*server).isPlanned, (*server).isNoWonder), do: func(s *server) (string, error) {
			s.briefs++
			s.plan("end too soon", bigfixtest.Plan{Duration: s.fast})
			return "The next import on " + s.name + " will succeed after a few seconds, where three minutes are usual.", nil
		}},
	{words: "hangs", does: "lets the next import stand still at 96 % until the server restarts", label: "Let the next import hang",
		cant: (*server).isPlanned, do: func(s *server) (string, error) {
			s.plan("hang", bigfixtest.Plan{RestAt: 96, RestFor: forEver})
			return "The next import on " + s.name + " will stand still at 96 % until the server is restarted.", nil
		}},
	{words: "rests", does: "lets the next import stand still at 59 % for a while", label: "Let the next import rest",
		cant: (*server).isPlanned, do: func(s *server) (string, error) {
			s.plan("rest", bigfixtest.Plan{RestAt: 59, RestFor: s.takes * 3 / 5})
			return "The next import on " + s.name + " will stand still at 59 % for a while.", nil
		}},
	{words: "misses", does: "lets the nightly import be due in 10 s, or five minutes after the last import, and not begin", label: "Miss the nightly import",
		cant: (*server).passesOver, do: func(s *server) (string, error) {
			now := s.now()
			due := now.Add(aheadOfAll)
			if last, ok := s.Latest(now); ok && now.Sub(last.Ended) < asGoodAs {
				due = last.Ended.Add(asGoodAs + aheadOfAll)
				s.nightlyAt(due, true)
				return "The nightly import on " + s.name + " is due at " + due.Local().Format(time.TimeOnly) +
					", and will not begin. Before that the last import would count for it.", nil
			}
			s.nightlyAt(due, true)
			return "The nightly import on " + s.name + " is due in 10 s, and will not begin.", nil
		}},
	{words: "restarts", does: "restarts the server, which takes 4 s; it forgets what runs", label: "Restart the server",
		cant: (*server).isRestarting, do: func(s *server) (string, error) {
			now := s.now()
			s.RestartAt(now, soon)
			s.back = now.Add(soon)
			return "The server " + s.name + " restarts, which takes 4 s.", nil
		}},
	{words: "rejects", does: "makes the server reject Importbot's token", label: "Reject the token",
		undo: "accepts", on: func(s *server) bool { return s.rejecting },
		cant: unless(func(s *server) bool { return !s.rejecting }, "The server rejects every token already."),
		do: func(s *server) (string, error) {
			s.RejectTokens()
			s.rejecting = true
			return "The server " + s.name + " rejects every token.", nil
		}},
	{words: "accepts", does: "makes the server accept the token again",
		cant: unless(func(s *server) bool { return s.rejecting }, "The server accepts the token already."),
		do: func(s *server) (string, error) {
			s.AcceptTokens()
			s.rejecting = false
			return "The server " + s.name + " accepts the token again.", nil
		}},
	{words: "down", does: "takes the server off the network", label: "Take the server away", there: "Take lab away",
		undo: "up", on: func(s *server) bool { return s.away },
		cant: unless(func(s *server) bool { return !s.away }, "The server is gone already."),
		do: func(s *server) (string, error) {
			s.Stop()
			s.away = true
			return "The server " + s.name + " is gone from the network.", nil
		}},
	{words: "up", does: "brings the server back",
		cant: unless(func(s *server) bool { return s.away }, "The server is there already."),
		do: func(s *server) (string, error) {
			if err := s.Start(); err != nil {
				return "", refusal("The server could not be started again: " + clean(err.Error()))
			}
			s.away = false
			return "The server " + s.name + " is back.", nil
		}},
	{words: "web raw", does: "starts a raw import as somebody in the web pages does", label: "Start a raw import", in: inThePage, alone: prod,
		cant: first((*server).isBusy, (*server).isRestarting), do: func(s *server) (string, error) { return s.byHand(bigfix.TypeRaw) }},
	{words: "web complete", does: "starts a complete import as somebody in the web pages does", label: "Start a complete import", in: inThePage,
		cant: first((*server).isBusy, (*server).isRestarting), do: func(s *server) (string, error) { return s.byHand(bigfix.TypeComplete) }},
	{words: "pending", does: "changes something as somebody in the web pages does", label: "Change something", in: inThePage,
		do: func(s *server) (string, error) {
			s.SetPending(true)
			return "Changes made in the web pages of " + s.name + " wait for a complete import.", nil
		}},
}

var slackHappenings = []happening{
	{whom: toSlack, words: "cut", does: "cuts every connection of the bot's, without a word", label: "Cut the connections",
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
	{whom: toSlack, words: "refuses", does: "makes Slack answer everything with “too many requests” for 10 s", label: "Refuse everything for 10 s",
		cant: unless(func(s *stage) bool { return time.Now().After(s.refuses) }, "Slack refuses everything already."),
		do: func(s *stage) (string, error) {
			s.refuse()
			return "Slack answers everything with “too many requests” for 10 s; the connections stand.", nil
		}},
}

var botHappenings = []happening{
	{whom: toBot, words: "kill", does: "kills the bot's process, as kill -9 does", label: "Kill it (kill -9)",
		cant: first((*stage).isAnew, unless(func(s *stage) bool { return s.bot.alive() != nil }, "The bot does not run.")),
		do: func(s *stage) (string, error) {
			p := s.bot.kill()
			if p == nil {
				return "", refusal("The bot does not run.")
			}
			return fmt.Sprintf("The bot was killed with kill -9: process %d is gone.", p.pid()), nil
		}},
	{whom: toBot, words: "start", does: "starts the bot again", label: "Start it again",
		cant: first((*stage).isAnew, unless(func(s *stage) bool { return s.bot.alive() == nil }, "The bot runs already.")),
		do: func(s *stage) (string, error) {
			p, err := s.bot.start()
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("The bot starts again: process %d.", p.pid()), nil
		},
		settle: awaitBot},
	{whom: toBot, words: "strict", does: "starts the bot anew with STALE_AFTER=60s for prod, whose reports are too old then", label: "Call reports old after 1 min",
		undo: "lenient", on: func(s *stage) bool { return s.strict.Load() },
		cant: first((*stage).isAnew, unless(func(s *stage) bool { return !s.strict.Load() }, "The bot is told to be strict already.")),
		do:   func(s *stage) (string, error) { return s.beStrict(true) }, last: (*stage).startAnew, settle: awaitBot},
	{whom: toBot, words: "lenient", does: "starts the bot anew without that",
		cant: first((*stage).isAnew, unless(func(s *stage) bool { return s.strict.Load() }, "The bot is not told to be strict.")),
		do:   func(s *stage) (string, error) { return s.beStrict(false) }, last: (*stage).startAnew, settle: awaitBot},
}

// awaitBot waits for a bot that was started to take commands.
func awaitBot(ctx context.Context, s *stage) {
	if p := s.bot.alive(); p != nil {
		s.bot.await(ctx, p) //nolint:errcheck // what comes of it is told
	}
}

// beStrict gives the bot another setting, as an operator would, for which it has to be started anew. Hours that may pass without a success
// can't be had here, but the hours since the last night can be too many.
func (s *stage) beStrict(strict bool) (string, error) {
	s.strict.Store(strict)
	s.anew = true
	return "", nil
}

// startAnew starts the bot with the setting that it was given. One that doesn't start leaves the setting as it was.
func (s *stage) startAnew() (string, error) {
	p, err := s.bot.restart()
	s.behind.Lock()
	defer s.behind.Unlock()
	s.anew = false
	strict := s.strict.Load()
	setting := "without " + staleAfter
	if strict {
		setting = "with " + s.strictness()
	}
	switch {
	case err != nil:
		s.strict.Store(!strict)
		return "", err
	case p == nil:
		return "When it is started again, the bot will run " + setting + ".", nil
	}
	return fmt.Sprintf("The bot is started anew %s: process %d.", setting, p.pid()), nil
}

func (s *stage) isAnew() string {
	if s.anew {
		return "The bot is being started anew: try this again when it runs."
	}
	return ""
}

// staleAfter is the setting of how old the reports of prod may be, and strictness all of it for a bot that is told to be strict.
const staleAfter = "BIGFIX_PROD_STALE_AFTER"

func (s *stage) strictness() string { return fmt.Sprintf("%s=%gs", staleAfter, (3 * s.Pace).Seconds()) }

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
// happens, so that of several who do something each finds what the one before left, but for no longer than a moment: who looks takes it too.
type behind struct {
	sync.Mutex
	anew    bool      // the bot is being started anew
	refuses time.Time // until when Slack refuses everything
	heal    *time.Timer
}

// befall does what the table says, and tells whoever looks.
func (s *stage) befall(h happening) (told string, err error) {
	s.behind.Lock()
	told, err = s.done(h)
	s.behind.Unlock()
	if err == nil && h.last != nil {
		told, err = h.last(s)
	}
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
func first[T any](reasons ...func(T) string) func(T) string {
	return func(s T) string {
		for _, reason := range reasons {
			if why := reason(s); why != "" {
				return why
			}
		}
		return ""
	}
}

// unless is a reason where something does not hold.
func unless[T any](holds func(T) bool, why string) func(T) string {
	return func(s T) string {
		if holds(s) {
			return ""
		}
		return why
	}
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
