package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/internal/slackweb"
)

// backstage is a stage with the stand-in as its bot, and nobody who types.
func backstage(t *testing.T, out io.Writer) panel {
	t.Helper()
	d := Demo{Stdin: strings.NewReader(""), Stdout: out, Bot: []string{os.Args[0], standIn, "stays"}, Manifest: manifest, Pace: 400 * time.Millisecond}
	s, err := d.stage(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	p, err := s.bot.start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.bot.stop(); err != nil {
			t.Error(err)
		}
	})
	if err := s.bot.await(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return panel{s}
}

// flip uses a switch, and returns what it looks like afterwards.
func (p panel) flip(t *testing.T, id string) (told string, now slackweb.PanelSwitch) {
	t.Helper()
	told, err := p.Flip(t.Context(), id)
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return told, p.find(t, id)
}

func (p panel) find(t *testing.T, id string) slackweb.PanelSwitch {
	t.Helper()
	for _, section := range p.State().Sections {
		for _, s := range section.Switches {
			if s.ID == id {
				return s
			}
		}
	}
	t.Fatalf("there is no switch %s", id)
	return slackweb.PanelSwitch{}
}

func (p panel) sectionOf(id string) slackweb.PanelSection {
	all := p.State().Sections
	return all[slices.IndexFunc(all, func(s slackweb.PanelSection) bool { return s.ID == id })]
}

// ended starts an import as somebody in the web pages does, and returns it when it is over.
func ended(t *testing.T, on *server, kind bigfix.ImportType) bigfixtest.Import {
	t.Helper()
	on.StartByHand(on.now(), kind)
	over, stop := on.Clock().Until(on.now().Add(8 * on.fast))
	defer stop()
	<-over
	imp, _ := on.Latest(on.now())
	return imp
}

// Every switch does what it says.
func TestSwitches(t *testing.T) {
	tests := map[string]func(*testing.T, panel){
		"server-nightly": func(t *testing.T, p panel) {
			p.flip(t, "server-nightly")
			now := p.prod().now()
			if due := p.prod().nextDue(now); due.Sub(now) > soon || p.prod().Doubts().ScheduleDead {
				t.Errorf("it is due in %s", due.Sub(now))
			}
		},
		"server-misses": func(t *testing.T, p panel) {
			p.flip(t, "server-misses")
			now := p.prod().now()
			if due := p.prod().nextDue(now); due.Sub(now) > aheadOfAll || !p.prod().Doubts().ScheduleDead {
				t.Errorf("it is due in %s", due.Sub(now))
			}
			// One that has just run would count for it.
			last := ended(t, p.prod(), bigfix.TypeRaw)
			told, _ := p.flip(t, "server-misses")
			due := p.prod().nextDue(p.prod().now())
			if late := due.Sub(last.Ended.Add(asGoodAs)); late < 0 || late > aheadOfAll || !strings.Contains(told, due.Local().Format(time.TimeOnly)) {
				t.Errorf("after another it is due %s late, and told %q", late, told)
			}
		},
		"server-fails": func(t *testing.T, p panel) {
			if _, now := p.flip(t, "server-fails"); now.Disabled != "The next import is to fail already." || p.find(t, "server-hangs").Disabled == "" {
				t.Errorf("it looks like %+v", now)
			}
			if imp := ended(t, p.prod(), bigfix.TypeRaw); imp.Outcome != bigfixtest.Failed {
				t.Errorf("it %s", imp.Outcome)
			}
			if now := p.find(t, "server-fails"); now.Disabled != "" {
				t.Errorf("then it looks like %+v", now)
			}
		},
		"server-hangs": func(t *testing.T, p panel) {
			p.flip(t, "server-hangs")
			if imp := ended(t, p.prod(), bigfix.TypeRaw); imp.Outcome != bigfixtest.Running {
				t.Errorf("it %s", imp.Outcome)
			}
			if is := p.sectionOf(toServer); is.Progress == nil || *is.Progress != 96 || is.Summary != "Running a raw import: 96 %." || is.Tone != slackweb.ToneBusy {
				t.Errorf("the server is %+v", is)
			}
			p.flip(t, "server-restarts")
			if is := p.sectionOf(toServer); !strings.HasPrefix(is.Summary, "Restarting") || p.find(t, "server-web-raw").Disabled == "" {
				t.Errorf("the server is %+v", is)
			}
		},
		"server-rests": func(t *testing.T, p panel) {
			p.flip(t, "server-rests")
			if is := p.sectionOf(toServer); !slices.Contains(is.Facts, slackweb.PanelFact{Label: "Next import", Value: "will rest"}) {
				t.Errorf("the server is %+v", is)
			}
		},
		"server-restarts": func(t *testing.T, p panel) {
			p.prod().StartByHand(p.prod().now(), bigfix.TypeComplete)
			if _, now := p.flip(t, "server-restarts"); now.Disabled != "The server is restarting." {
				t.Errorf("it looks like %+v", now)
			}
			if imp, _ := p.prod().Latest(p.prod().now()); imp.Outcome != bigfixtest.Interrupted {
				t.Errorf("it %s", imp.Outcome)
			}
		},
		"server-rejects": func(t *testing.T, p panel) {
			if _, now := p.flip(t, "server-rejects"); now.On == nil || !*now.On || lookAt(p.prod()) != bigfix.ErrUnauthorized {
				t.Errorf("it looks like %+v, and the server %v", now, lookAt(p.prod()))
			}
			if told, now := p.flip(t, "server-rejects"); *now.On || lookAt(p.prod()) != nil || told != "The server prod accepts the token again." {
				t.Errorf("then it looks like %+v", now)
			}
		},
		"server-down": func(t *testing.T, p panel) {
			if _, now := p.flip(t, "server-down"); now.On == nil || !*now.On || now.Hint != "Brings the server back." || lookAt(p.prod()) != bigfix.ErrUnavailable {
				t.Errorf("it looks like %+v, and the server %v", now, lookAt(p.prod()))
			}
			if told, now := p.flip(t, "server-down"); *now.On || lookAt(p.prod()) != nil || now.Hint != "Takes the server off the network." || told != "The server prod is back." {
				t.Errorf("then it looks like %+v", now)
			}
		},
		"server-web-raw": func(t *testing.T, p panel) {
			if _, now := p.flip(t, "server-web-raw"); now.Disabled == "" || p.find(t, "server-web-complete").Disabled == "" {
				t.Errorf("it looks like %+v", now)
			}
			if imp, _ := p.prod().Latest(p.prod().now()); imp.Type != bigfix.TypeRaw || imp.Origin != bigfixtest.ByHand {
				t.Errorf("it is %+v", imp)
			}
		},
		"server-web-complete": func(t *testing.T, p panel) {
			p.flip(t, "server-web-complete")
			if imp, _ := p.prod().Latest(p.prod().now()); imp.Type != bigfix.TypeComplete || imp.Origin != bigfixtest.ByHand {
				t.Errorf("it is %+v", imp)
			}
		},
		"server-pending": func(t *testing.T, p panel) {
			p.flip(t, "server-pending")
			if status, err := p.prod().Status(p.prod().now()); err != nil || status.Mode != bigfix.ModePending {
				t.Errorf("it is %s, %v", status.Mode, err)
			}
		},
		"lab-nightly": func(t *testing.T, p panel) {
			p.flip(t, "lab-nightly")
			now := p.lab().now()
			if due := p.lab().nextDue(now); due.Sub(now) > soon {
				t.Errorf("it is due in %s", due.Sub(now))
			}
			if due := p.prod().nextDue(now); due.Sub(now) <= soon {
				t.Error("that of the other one is due as well")
			}
		},
		"lab-fails": func(t *testing.T, p panel) {
			if _, now := p.flip(t, "lab-fails"); now.Disabled != "The next import is to fail already." || p.find(t, "lab-brief").Disabled == "" {
				t.Errorf("it looks like %+v", now)
			}
			if now := p.find(t, "server-fails"); now.Disabled != "" {
				t.Errorf("that of the other one looks like %+v", now)
			}
			if imp := ended(t, p.lab(), bigfix.TypeComplete); imp.Outcome != bigfixtest.Failed {
				t.Errorf("it %s", imp.Outcome)
			}
		},
		"lab-brief": func(t *testing.T, p panel) {
			p.flip(t, "lab-brief")
			if is := p.sectionOf(lab); !slices.Contains(is.Facts, slackweb.PanelFact{Label: "Next import", Value: "will end too soon"}) {
				t.Errorf("the server is %+v", is)
			}
			if imp := ended(t, p.lab(), bigfix.TypeComplete); imp.Outcome != bigfixtest.Succeeded || imp.Ended.Sub(imp.Began) > p.lab().usual(imp.Type)/3 {
				t.Errorf("it %s after %s", imp.Outcome, imp.Ended.Sub(imp.Began))
			}
			if now := p.find(t, "lab-brief"); !strings.HasPrefix(now.Disabled, "The last import on lab was that fast") {
				t.Errorf("then it looks like %+v", now)
			}
		},
		"lab-down": func(t *testing.T, p panel) {
			if _, now := p.flip(t, "lab-down"); now.On == nil || !*now.On || lookAt(p.lab()) != bigfix.ErrUnavailable || lookAt(p.prod()) != nil {
				t.Errorf("it looks like %+v, and the servers %v and %v", now, lookAt(p.lab()), lookAt(p.prod()))
			}
			if told, now := p.flip(t, "lab-down"); *now.On || lookAt(p.lab()) != nil || told != "The server lab is back." {
				t.Errorf("then it looks like %+v", now)
			}
		},
		"slack-cut": func(t *testing.T, p panel) {
			told, _ := p.flip(t, "slack-cut")
			err := p.slack.Wait(t.Context(), func() bool { return p.slack.Connections() == 0 })
			if err != nil || told != "Slack cut 1 connection." || p.sectionOf(toSlack).Tone != slackweb.ToneBad {
				t.Errorf("it tells %q, and Slack is %+v, %v", told, p.sectionOf(toSlack), err)
			}
		},
		"slack-refuses": func(t *testing.T, p panel) {
			if _, now := p.flip(t, "slack-refuses"); now.Disabled == "" || !strings.HasPrefix(p.sectionOf(toSlack).Summary, "Everything that the bot asks for is refused") {
				t.Errorf("it looks like %+v", now)
			}
		},
		"bot-kill": func(t *testing.T, p panel) {
			before := p.bot.stands()
			if _, now := p.flip(t, "bot-kill"); now.Disabled != "The bot does not run." || p.bot.stands().state != killed {
				t.Errorf("it looks like %+v, and the bot is %+v", now, p.bot.stands())
			}
			p.flip(t, "bot-start")
			settled, _ := named(toBot, "start")
			settled.settle(t.Context(), p.stage)
			if after := p.bot.stands(); after.state != serving || after.pid == before.pid || after.starts != 2 {
				t.Errorf("the bot is %+v", after)
			}
		},
		"bot-start": func(t *testing.T, p panel) {
			if now := p.find(t, "bot-start"); now.Disabled != "The bot runs already." {
				t.Errorf("it looks like %+v", now)
			}
			if _, err := p.Flip(t.Context(), "bot-start"); err == nil || err.Error() != "The bot runs already." {
				t.Errorf("it answers %v", err)
			}
		},
		"bot-strict": func(t *testing.T, p panel) {
			settled, _ := named(toBot, "strict")
			isTold := func() bool { return slices.Contains(p.environ("bot"), "BIGFIX_PROD_STALE_AFTER=1.2s") }
			before := p.bot.stands()
			if told, now := p.flip(t, "bot-strict"); now.On == nil || !*now.On || !isTold() || !strings.HasPrefix(told, "The bot is started anew with BIGFIX_PROD_STALE_AFTER=1.2s: ") {
				t.Errorf("it tells %q and looks like %+v", told, now)
			}
			settled.settle(t.Context(), p.stage)
			if after := p.bot.stands(); after.state != serving || after.pid == before.pid {
				t.Errorf("the bot is %+v", after)
			}
			p.flip(t, "bot-kill")
			if told, now := p.flip(t, "bot-strict"); *now.On || isTold() || told != "When it is started again, the bot will run without BIGFIX_PROD_STALE_AFTER." {
				t.Errorf("it tells %q and looks like %+v", told, now)
			}
		},
	}
	for _, h := range happenings {
		if h.label != "" && tests[h.id()] == nil {
			t.Errorf("nobody tests %s", h.id())
		}
	}
	for id, does := range tests {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			p := backstage(t, &out)
			if found := p.find(t, id); found.Label == "" || found.Hint == "" {
				t.Errorf("it looks like %+v", found)
			}
			does(t, p)
		})
	}
}

// lookAt is what a client of the server is told.
func lookAt(server *server) error {
	client, err := bigfix.New(server.Config())
	if err != nil {
		return err
	}
	_, err = client.Status(context.Background())
	for _, kind := range []bigfix.Kind{bigfix.ErrUnauthorized, bigfix.ErrUnavailable} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return err
}

func TestEveryHappeningIsFound(t *testing.T) {
	seen := map[string]bool{}
	for _, h := range happenings {
		if found, ok := named(h.whom, h.words); !ok || found.id() != h.id() || seen[h.id()] || h.does == "" || h.do == nil {
			t.Errorf("%s %s is not found, or not complete", h.whom, h.words)
		}
		seen[h.id()] = true
		if _, ok := named(h.whom, h.undo); h.undo != "" && (!ok || h.on == nil) {
			t.Errorf("%s %s is taken back by nothing", h.whom, h.words)
		}
	}
}

// What something does stands in a column of its own, however narrow the terminal.
func TestPlaybookKeepsItsColumns(t *testing.T) {
	const width = 60
	lines := playbook(width)
	wrapped := 0
	for _, line := range lines[1:] {
		if cells(line) > width || cells(line) <= playbookColumn || !strings.HasPrefix(line, "  ") {
			t.Errorf("%q", line)
		}
		if strings.TrimSpace(line[:playbookColumn]) == "" {
			wrapped++
		}
	}
	if wrapped == 0 || len(playbook(200)) != len(lines)-wrapped {
		t.Errorf("%d lines were wrapped in\n%s", wrapped, strings.Join(lines, "\n"))
	}
}

// What is typed in the terminal stands in the panel's log, and what is switched is told in the terminal; what made no sense does neither.
func TestTerminalAndPanelTellTheSame(t *testing.T) {
	var out bytes.Buffer
	p := backstage(t, &out)
	p.happens(toServer, " nightly  fails")
	p.happens(toServer, "nightly fails")
	p.flip(t, "server-pending")
	if _, err := p.Flip(t.Context(), "server-nightly-fails"); !errors.Is(err, slackweb.ErrNoSwitch) {
		t.Errorf("what is no switch of its own: %v", err)
	}
	told := []string{"Midnight comes early on prod: the nightly import begins in 4 s, and will fail.",
		"Changes made in the web pages of prod wait for a complete import."}
	var logged []string
	for i, line := range p.State().Log {
		logged = append(logged, line.Text)
		if line.Seq != uint64(i+1) || line.Time.IsZero() {
			t.Errorf("line %d is %+v", i, line)
		}
	}
	if !slices.Equal(logged, told) {
		t.Errorf("the panel has %q", logged)
	}
	for _, line := range append(told, "The next import is to fail already.") {
		if strings.Count(strings.Join(strings.Fields(out.String()), " "), line) != 1 {
			t.Errorf("%q is not told once in\n%s", line, out.String())
		}
	}
}

// Several browsers and a terminal may do everything at once.
func TestManyAtOnce(t *testing.T) {
	var out bytes.Buffer
	p := backstage(t, &out)
	var all sync.WaitGroup
	for _, h := range happenings {
		all.Go(func() { p.Flip(t.Context(), h.id()) }) //nolint:errcheck // what makes no sense is refused
		all.Go(func() { p.State() })
		all.Go(func() { p.happens(h.whom, h.words) })
	}
	all.Wait()
	if n := len(p.State().Log); n == 0 {
		t.Error("nothing was done")
	}
}
