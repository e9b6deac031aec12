package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
	"importbot/internal/store"
)

// seen is a view of prod, idle, by an operator.
func seen(change ...func(*view)) view {
	v := view{scene: scene{now: now, server: prod, known: idle(), recent: history(bigfix.TypeComplete)}, may: true, usersMay: prod.Operators}
	for _, f := range change {
		f(&v)
	}
	return v
}

// nextIn has the next scheduled import come in so long.
func nextIn(d time.Duration) func(*view) {
	return func(v *view) { v.known.Quiet.NextImportTime = v.now.Add(d) }
}

// underWay has one import run.
func underWay(v *view) {
	v.known.Good.Status = &bigfix.Status{Mode: bigfix.ModeRunning, Progress: ptr(59)}
	v.imp, v.active, v.card = running(), true, "https://example.slack.com/archives/C0PROD/p1"
}

// muted has alerts be quiet, waiting one start wait, alarmed two alerts be open.
func muted(v *view) {
	v.mute = &imports.Mute{Server: "prod", Since: day(2, 0), Until: day(4, 0), UserID: "U0BEN", Reason: "Patching " + hostile}
}
func waiting(v *view) { v.waiting = []imports.Import{waits()} }
func alarmed(v *view) {
	v.known.Alerts = []imports.Alert{
		{ID: "a", Kind: imports.AlertStale, Server: "prod", Since: yesterday(1, 0), RaisedAt: yesterday(1, 0), Limit: 27 * time.Hour},
		{ID: "b", Kind: imports.AlertFailed, Server: "prod", ImportID: "imp-1", Type: bigfix.TypeComplete, Since: day(0, 12), RaisedAt: day(0, 12)},
		{ID: "c", Kind: imports.AlertMissed, Server: "prod", Since: day(0, 12), RaisedAt: day(0, 12), OverAt: day(0, 30)},
	}
}

func TestStatusOfMore(t *testing.T) {
	t.Parallel()
	h := offline(t, prod)
	out := []shown{
		{"muted, with alerts", h.statusMessage([]view{seen(alarmed, muted)})},
		{"several of a kind", h.statusMessage([]view{seen(func(v *view) {
			failed := func(t bigfix.ImportType, at time.Time) imports.Alert {
				return imports.Alert{Kind: imports.AlertFailed, Server: "prod", Type: t, Since: at, RaisedAt: at}
			}
			v.known.Alerts = []imports.Alert{
				failed(bigfix.TypeComplete, day(0, 12)), failed(bigfix.TypeRaw, day(1, 30)), failed(bigfix.TypeRaw, day(1, 30)), failed("", day(1, 50)),
				{Kind: imports.AlertMissed, Server: "prod", DueType: bigfix.TypeComplete, Since: day(0, 0)},
			}
		})})},
		{"one runs, one waits", h.statusMessage([]view{seen(underWay, waiting)})},
		{"one runs, two wait", h.statusMessage([]view{seen(underWay, waiting, func(v *view) {
			v.waiting = append(v.waiting, with(waits(), func(i *imports.Import) { i.ID, i.Type, i.WishedAt = "imp-3", bigfix.TypeRaw, day(2, 20) }))
		})})},
		{"the next one is near", h.statusMessage([]view{seen(nextIn(30 * time.Minute))})},
		{"the next one is near, and nobody knows how long it takes", h.statusMessage([]view{seen(nextIn(5*time.Minute), func(v *view) { v.recent = nil })})},
		{"the next one is due now", h.statusMessage([]view{seen(nextIn(-time.Minute))})},
		{"raw ones between", h.statusMessage([]view{seen(func(v *view) {
			v.recent = append(history(bigfix.TypeRaw), v.recent...)
		})})},
	}
	var nine []view
	for i := range maxStatusButtons + 1 {
		nine = append(nine, seen(waiting, func(v *view) { v.server.Name = fmt.Sprint("prod", i) }))
	}
	out = append(out, shown{"nine servers have one button", h.statusMessage(nine)})
	eight := slices.Clone(nine[:maxStatusButtons])
	for i := range eight {
		eight[i].waiting = slices.Repeat(eight[i].waiting, 2)
	}
	if got := len(h.statusMessage(eight).Blocks); got > bot.MaxBlocks {
		t.Errorf("%d servers with all that may wait make %d blocks", len(eight), got)
	}
	out = append(out, shown{"all of one", h.statusMessage([]view{seen(func(v *view) { v.whole = true })})})
	out = append(out, shown{"all of one, of two types", h.statusMessage([]view{seen(func(v *view) {
		v.whole = true
		v.recent = append([]imports.Import{with(over(imports.Failed), func(i *imports.Import) { i.Type = bigfix.TypeRaw })}, v.recent...)
	})})})
	out = append(out, shown{"all of one that ran once", h.statusMessage([]view{seen(func(v *view) { v.whole, v.recent = true, v.recent[:1] })})})
	many := slices.Repeat(nine, 9) // 81 servers
	for i := range many {
		many[i].server.Name = fmt.Sprint("server-", i)
	}
	alarmed(&many[15])
	muted(&many[15])
	m := h.statusMessage(many)
	if len(m.Blocks) > bot.MaxBlocks {
		t.Errorf("%d servers make %d blocks", len(many), len(m.Blocks))
	}
	m.Text, m.Blocks = "the end of many", m.Blocks[len(m.Blocks)-6:]
	for _, b := range m.Blocks[:4] {
		text := b.(*slack.SectionBlock).Text
		text.Text = strings.Join(strings.SplitAfter(text.Text, "\n")[:2], "")
	}
	out = append(out, shown{"many servers, the last six blocks", m})
	checkGolden(t, "statusmore", out)
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	ask := func(t bigfix.ImportType, change ...func(*view)) bot.Message {
		s := seen(change...).scene
		s.imp = imports.Import{Server: "prod", Type: t}
		return questionMessage(s, memo{Server: "prod", Type: t, Key: "key-1", Drawn: now.Unix()})
	}
	h := offline(t, prod)
	s := scene{now: now, server: prod, imp: imports.Import{Type: bigfix.TypeRaw}}
	checkGolden(t, "questions", []shown{
		{"it overlaps", ask(bigfix.TypeComplete, nextIn(30*time.Minute))},
		{"it may overlap", ask(bigfix.TypeRaw, nextIn(5*time.Minute))},
		{"the next one is due now", ask(bigfix.TypeComplete, nextIn(-time.Minute))},
		{"every one is asked about", ask(bigfix.TypeComplete)},
		{"nothing is known", ask(bigfix.TypeRaw, func(v *view) { v.known, v.recent = imports.Server{}, nil })},
		{"too late", h.tooLateMessage(s)},
	})
}

// TestQuestion says when a start is asked about.
func TestQuestion(t *testing.T) {
	t.Parallel()
	const usual = 55 * time.Minute // the longest of history
	cases := []struct {
		name   string
		policy Confirm
		t      bigfix.ImportType
		next   time.Duration // until the next scheduled import; 0: none
		before warned
		want   question
	}{
		{"nothing is scheduled", ConfirmOverlap, bigfix.TypeComplete, 0, toldNothing, askNothing},
		{"it is over by then", ConfirmOverlap, bigfix.TypeComplete, usual + time.Minute, toldNothing, askNothing},
		{"it still runs then", "", bigfix.TypeComplete, usual, toldNothing, askOverlap},
		{"it was said so", ConfirmOverlap, bigfix.TypeComplete, usual, toldOverlap, askNothing},
		{"it was not said so", ConfirmOverlap, bigfix.TypeComplete, usual, toldUsual, askOverlap},
		{"its length is not known, far", ConfirmOverlap, bigfix.TypeRaw, overlapUnknown + time.Minute, toldNothing, askNothing},
		{"its length is not known, near", ConfirmOverlap, bigfix.TypeRaw, overlapUnknown, toldNothing, askOverlap},
		{"due a moment ago", ConfirmOverlap, bigfix.TypeRaw, -time.Minute, toldNothing, askOverlap},
		{"due long ago", ConfirmOverlap, bigfix.TypeRaw, -time.Hour, toldNothing, askNothing},
		{"never", ConfirmNever, bigfix.TypeComplete, time.Minute, toldNothing, askNothing},
		{"every complete one", ConfirmComplete, bigfix.TypeComplete, 0, toldNothing, askPolicy},
		{"every complete one, by its dialog", ConfirmComplete, bigfix.TypeComplete, 0, toldUsual, askNothing},
		{"a raw one, where complete ones are", ConfirmComplete, bigfix.TypeRaw, 0, toldNothing, askNothing},
		{"all", ConfirmAll, bigfix.TypeRaw, 0, toldNothing, askPolicy},
	}
	for _, c := range cases {
		v := seen(nextIn(c.next))
		if c.next == 0 {
			v.known.Quiet.NextImportTime = time.Time{}
		}
		v.imp, v.server.Confirm = imports.Import{Type: c.t}, c.policy
		if got := v.server.question(v.scene, c.before); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	one, two := offline(t, prod), offline(t, prod, lab)
	m := imports.Mute{Server: "prod", Since: now, Until: now.Add(2 * time.Hour), UserID: "U0BEN", Reason: "Patching the DB"}
	known := seen(alarmed).known
	s := seen().scene
	s.imp = imports.Import{Server: "prod", Type: bigfix.TypeRaw}
	queued := seen(underWay)
	for i, at := range []time.Time{day(1, 45), day(1, 50), day(1, 55)} { // the second is the one that is asked about
		queued.waiting = append(queued.waiting, with(waits(), func(imp *imports.Import) {
			imp.ID, imp.Type, imp.WishedAt = fmt.Sprintf("imp-%d", i+1), bigfix.TypeRaw, at
		}))
	}
	both := []imports.Import{waits(), with(waits(), func(i *imports.Import) { i.ID, i.Type, i.WishedAt = "imp-3", bigfix.TypeRaw, day(2, 20) })}
	onLab := with(waits(), func(i *imports.Import) { i.ID, i.Server, i.WishedAt = "imp-4", "lab", day(1, 0) })
	key := memo{Server: "prod", Type: bigfix.TypeRaw, Key: "key-1", Drawn: now.Unix()}
	checkGolden(t, "changes", []shown{
		{"muted", one.mutedMessage(prod, idle(), m, nil)},
		{"muted, with open alerts", one.mutedMessage(prod, known, m, nil)},
		{"muted, hostile reason", one.mutedMessage(prod, idle(), imports.Mute{Since: now, Until: now.Add(14 * 24 * time.Hour), Reason: hostile}, nil)},
		{"muted, in place of another", one.mutedMessage(prod, known, imports.Mute{Since: now, Until: now.Add(time.Hour)}, &m)},
		{"muted for longer already", one.mutedLongerMessage(prod, m)},
		{"mute: the alert is over", one.alertOverMessage(seen(), day(1, 30))},
		{"mute: the alert is forgotten", one.alertOverMessage(seen(muted), time.Time{})},
		{"mute: for how long", one.muteDurationMessage(prod, "", false)},
		{"mute: not a length", two.muteDurationMessage(prod, "tomorrow", false)},
		{"mute: too short or long", two.muteDurationMessage(prod, "", true)},
		{"mute: which server", two.whichMessage("mute", "2h")},
		{"unmuted", one.unmutedMessage(prod, idle(), m)},
		{"unmuted, with open alerts", one.unmutedMessage(prod, known, m)},
		{"not muted", one.notMutedMessage(prod)},
		{"delivered twice, muted now", one.muteRepeatedMessage(seen(func(v *view) { v.mute = &m }))},
		{"delivered twice, not muted now", one.muteRepeatedMessage(seen(func(*view) {}))},
		{"the database is down", one.notChangedMessage(prod)},
		{"the database does not say", one.unsureChangeMessage(prod)},
		{"waits", one.waitsMessage(seen(underWay), waits(), "U0ANA", waits().RequestKey)},
		{"waits already", one.waitsMessage(seen(underWay), waits(), "U0BEN", "key-9")},
		{"waits already, asked for by the same person", one.waitsMessage(seen(underWay), waits(), "U0ANA", "key-9")},
		{"waits behind one that waits", one.waitsMessage(queued, waits(), "U0ANA", waits().RequestKey)},
		{"waits already, behind one that waits", one.waitsMessage(queued, waits(), "U0BEN", "key-9")},
		{"nothing runs", one.nothingRunsMessage(s, key)},
		{"nobody sees whether anything runs", one.afterUnseenMessage(s)},
		{"taken back", one.takenBackMessage(prod, waits(), "U0ANA")},
		{"taken back for another", one.takenBackMessage(prod, waits(), "U0BEN")},
		{"not waiting: started", one.notWaitingMessage(prod, running())},
		{"not waiting: over", one.notWaitingMessage(prod, over(imports.Succeeded))},
		{"not waiting: refused", one.notWaitingMessage(prod, with(started(imports.Ended), func(i *imports.Import) { i.Outcome = imports.Refused }))},
		{"not waiting: taken back", one.notWaitingMessage(prod, takenBack("U0BEN"))},
		{"not waiting: not known", one.notWaitingMessage(prod, imports.Import{})},
		{"several wait", two.whichWaitingMessage(both, append(both, onLab))},
		{"nobody knows what waits", one.waitsUnknownMessage()},
		{"nobody knows what has begun since a button was made", one.ageUnknownMessage(prod)},
		{"another type waits", one.otherWaitingMessage(bigfix.TypeRaw, []imports.Import{waits()})},
		{"mentioned at the end", one.followsMessage(prod, running(), "U0EVE", false)},
		{"mentioned anyway", one.followsMessage(prod, running(), "U0ANA", false)},
		{"mentioned, as asked before", one.followsMessage(prod, with(running(), func(i *imports.Import) { i.Followers = []string{"U0EVE"} }), "U0EVE", false)},
		{"told by direct message", one.followsMessage(prod, running(), "U0EVE", true)},
		{"an import that is over", one.overMessage(prod, with(over(imports.Failed), func(i *imports.Import) { i.End.Status = "failed" }), "https://example.slack.com/archives/C0PROD/p1")},
		{"an import that is forgotten", one.forgottenMessage(prod)},
		{"an old button", one.oldMessage(seen(underWay), memo{Server: "prod", Import: "old-a", Drawn: day(1, 0).Unix()}, oldNewer)},
		{"a button of yesterday", one.oldMessage(seen(), memo{Server: "prod", Drawn: yesterday(1, 0).Unix()}, oldHours)},
		{"refreshed, though its import is over", one.refreshRemark(prod, cardOver)},
		{"refreshed, though its import is forgotten", one.refreshRemark(prod, cardForgotten)},
		{"refreshed, while the database is down", one.refreshRemark(prod, cardStays)},
		{"a button nobody knows", one.unknownButtonMessage()},
		{"a guest", one.outsiderMessage(prod, deedStart, wordGuest)},
		{"a guest, where everybody may", two.outsiderMessage(two.Servers[1], deedMute, wordGuest)},
		{"of another workspace", one.outsiderMessage(prod, deedTold, wordForeign)},
		{"of another workspace, named nowhere", one.strangerMessage()},
		{"nobody says whether it is a guest", one.personUnknownMessage(prod, deedStart, bot.ErrUnavailable)},
		{"no scope to say whether it is a guest", one.personUnknownMessage(prod, deedBack, bot.ErrNoScope)},
		{"may not mute", one.notOperatorMessage(prod, deedMute, true)},
		{"may not take back", one.notOperatorMessage(prod, deedBack, true)},
	})
}

func TestHistoryMessages(t *testing.T) {
	t.Parallel()
	h := offline(t, prod, lab)
	imps := append([]imports.Import{
		running(),
		with(over(imports.Succeeded), func(i *imports.Import) { i.ID, i.BegunAt, i.Type = "raw", day(2, 50), bigfix.TypeRaw }),
		with(over(imports.Failed), func(i *imports.Import) { i.ID, i.BegunAt = "failed", day(2, 50) }),
		unknownEnd(),
		with(over(imports.Unclear), func(i *imports.Import) { i.Type, i.Origin, i.RequestedBy = "<!here>", imports.Elsewhere, "" }),
		with(notBegun(), func(i *imports.Import) { i.Type = "" }),
	}, history(bigfix.TypeComplete)...)
	one := []page{{prod, imps}}
	var out []shown
	for s, name := range []string{"with a chart", "with a table", "as lines"} {
		out = append(out, shown{name, h.historyMessage(one, shape(s))})
	}
	out = append(out,
		shown{"two servers", h.historyMessage([]page{{prod, imps[6:7]}, {lab, nil}}, shapeChart)},
		shown{"nothing to draw", h.historyMessage([]page{{prod, imps[:1]}}, shapeChart)},
		shown{"the database is down", h.noHistoryMessage()},
		shown{"how many", h.howManyMessage("0")},
		shown{"more than there is room for", h.mostMessage()},
	)
	checkGolden(t, "history", out)
}

// TestCharts holds charts against Slack's limits, whatever the imports.
func TestCharts(t *testing.T) {
	t.Parallel()
	var imps []imports.Import
	outcomes := []imports.Outcome{imports.Succeeded, imports.Failed, imports.Unclear, imports.Unknown, imports.NotBegun, "brand_new"}
	for i := range 30 {
		imp := over(outcomes[i%len(outcomes)]) // all in the same minute
		imps = append(imps, imp)
	}
	zone, err := time.LoadLocation("America/Argentina/ComodRivadavia")
	must(t, err)
	block, ok := chartOf(strings.Repeat("long ", 20), imps, zone)
	if !ok {
		t.Fatal("no chart")
	}
	if err := block.(*slack.DataVisualizationBlock).Validate(); err != nil {
		t.Error(err)
	}
	quick := with(over(imports.Succeeded), func(i *imports.Import) { i.EndedAt = i.BegunAt.Add(90 * time.Second) })
	if block, _ := chartOf("prod", []imports.Import{quick}, time.UTC); !strings.Contains(readableBlock(block), "prod: seconds (Seconds by Start, UTC)\n    succeeded: 22 Jun 02:14 = 90;") {
		t.Errorf("what takes 90 seconds is drawn as %s", readableBlock(block))
	}
	if _, ok := chartOf("t", []imports.Import{running(), unstarted()}, time.UTC); ok {
		t.Error("a chart of nothing")
	}
}

func unstarted() imports.Import { return notBegun() }

func TestHome(t *testing.T) {
	t.Parallel()
	one, two := offline(t, prod), offline(t, prod, lab)
	of := func(h *Handlers, s shape, said bot.Message, views ...view) bot.Message {
		for i := range views {
			views[i].several = len(views) > 1
		}
		return bot.Message{Text: "Home", Blocks: h.homeBlocks(homePage{views: views, said: said}, s)}
	}
	idleLab := seen(func(v *view) { v.server, v.recent = lab, nil })
	three := []view{seen(), seen(func(v *view) { v.server.Name = "test" }), idleLab}
	question := questionMessage(scene{now: now, server: prod, known: idle(), imp: imports.Import{Type: bigfix.TypeRaw}},
		memo{Server: "prod", Type: bigfix.TypeRaw, Key: "k", Drawn: now.Unix()})
	out := []shown{
		{"one server", of(one, shapeChart, bot.Message{}, seen(alarmed, muted))},
		{"two servers, one runs and one waits, after a press", of(two, shapeTable, question, seen(underWay, waiting), idleLab)},
		{"two servers, lines", of(two, shapeLines, bot.Message{}, seen(), idleLab)},
		{"three servers", of(two, shapeChart, bot.Message{}, three...)},
	}
	for _, n := range []int{homeWhole, homeWhole + 1, homeServers, 60} {
		many := make([]view, n)
		for i := range many {
			many[i] = seen(alarmed, muted, waiting, func(v *view) { v.server.Name = fmt.Sprintf("server-%d", i) })
		}
		m := of(two, shapeChart, question, many...)
		if len(m.Blocks) > bot.MaxHomeBlocks {
			t.Errorf("%d servers make %d blocks", n, len(m.Blocks))
		}
		if raw, err := json.Marshal(m.Blocks); err != nil || len(raw) > bot.MaxHome*9/10 {
			t.Errorf("%d servers make %d bytes, %v", n, len(raw), err)
		}
		if n == homeWhole+1 {
			m.Blocks = m.Blocks[:10]
			out = append(out, shown{"many servers", m})
		}
	}
	checkGolden(t, "home", out)
}

// TestGist says what is worth publishing a Home tab again.
func TestGist(t *testing.T) {
	t.Parallel()
	gist := func(v view) string { return gistOf(homePage{views: []view{v}}) }
	before := gist(seen())
	later := seen(func(v *view) {
		v.now = v.now.Add(50 * time.Second)
		v.known.Last.At, v.known.Good.At = v.now, v.now
	})
	if gist(later) != before {
		t.Error("the time alone changes it")
	}
	for name, change := range map[string]func(*view){
		"runs": underWay, "muted": muted, "waiting": waiting, "alarmed": alarmed,
		"progress":       func(v *view) { underWay(v); v.known.Good.Status.Progress = ptr(60) },
		"down":           func(v *view) { v.known.DownSince = now },
		"next":           func(v *view) { v.known.Quiet.NextImportTime = now },
		"stale":          func(v *view) { v.now = v.now.Add(time.Hour) },
		"card":           func(v *view) { v.card = "https://example.slack.com/archives/C0PROD/p2" },
		"may not":        func(v *view) { v.may = false },
		"may, it seems":  func(v *view) { v.unsure = true },
		"a newer import": func(v *view) { v.recent = append([]imports.Import{over(imports.Failed)}, v.recent...) },
	} {
		if gist(seen(change)) == before {
			t.Errorf("%s does not change it", name)
		}
	}
}

func TestOutdated(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration, id string) memo {
		return memo{Server: "prod", Import: id, Drawn: now.Add(d).Unix()}
	}
	cases := []struct {
		name string
		v    view
		m    memo
		want age
	}{
		{"drawn now", seen(), at(0, "old-a"), notOld},
		{"drawn 12 h ago", seen(), at(-startButtonLives, "old-a"), notOld},
		{"drawn longer ago", seen(), at(-startButtonLives-time.Second, "old-a"), oldHours},
		{"another has begun", seen(underWay), at(-time.Minute, "old-a"), oldNewer},
		{"another has ended", seen(), at(-time.Minute, "old-b"), oldNewer},
		{"nothing was known, and nothing is", seen(func(v *view) { v.recent = nil }), at(-time.Minute, ""), notOld},
		{"of an alert about none", seen(), at(-time.Hour, ""), notOld},
		{"of an alert about none, before the last one", seen(), at(-30*time.Hour, ""), oldNewer},
	}
	for _, c := range cases {
		if got := c.v.outdated(c.m); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSpanTyped(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]time.Duration{
		"2h": 2 * time.Hour, "90m": 90 * time.Minute, "90min": 90 * time.Minute, "1d12h": 36 * time.Hour, "14d": longestMute, "2h30m": 150 * time.Minute,
		"99999999999999999999d": longestMute + time.Hour, "0h": 0,
	} {
		if got, ok := spanTyped(word); !ok || got != want {
			t.Errorf("%s: %v, %v; want %v", word, got, ok, want)
		}
	}
	for _, word := range []string{"", "2", "h", "2s", "-2h", "1.5h", "2h3d", "prod", "tomorrow"} {
		if got, ok := spanTyped(word); ok {
			t.Errorf("%q is read as %v", word, got)
		}
	}
}

func TestTakeAfter(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"": " false", "prod": "prod false", "prod after": "prod true", "after prod": "prod true", "after": " true", "afterwards prod now": "prod now true",
	} {
		rest, after := takeAfter(strings.Fields(typed))
		if got := fmt.Sprint(strings.Join(rest, " "), " ", after); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

// TestMemo: what a button carries comes back as it went, and what is not ours is known.
func TestMemo(t *testing.T) {
	t.Parallel()
	m := memo{Server: "prod", Import: "imp-1", Drawn: now.Unix(), Key: "k", Type: bigfix.TypeRaw, Told: toldOverlap}
	if got, ok := readMemo(m.String()); !ok || got != m {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, value := range []string{"", "prod", "[]", `{"s":1}`, `"x"`} {
		if got, ok := readMemo(value); ok {
			t.Errorf("%q is read as %+v", value, got)
		}
	}
}

func TestCardAndAlertButtons(t *testing.T) {
	t.Parallel()
	show := func(name string, blocks []slack.Block) shown {
		return shown{name, bot.Message{Text: name, Blocks: blocks}}
	}
	out := []shown{
		show("card of one that runs", cardButtons(in(running()))),
		show("card of one that is over", cardButtons(in(over(imports.Succeeded)))),
		show("card on License Metric Tool", cardButtons(in(over(imports.Succeeded), func(s *scene) { s.server = lab }))),
	}
	for _, kind := range imports.AlertKinds {
		a := imports.Alert{ID: "a", Kind: kind, Server: "prod", ImportID: "imp-1", RaisedAt: day(2, 0), Since: day(1, 0)}
		out = append(out, show("alert "+string(kind), alertButtons(in(running()), a)))
	}
	over := imports.Alert{ID: "a", Kind: imports.AlertFailed, Server: "prod", RaisedAt: day(2, 0), OverAt: day(3, 0)}
	checkGolden(t, "buttons", append(out, show("alert that is over", alertButtons(in(running()), over))))
}

// TestHomesAreFreshenedByTheFew: however many look, those whose tabs are kept fresh leave room for those who press.
func TestHomesAreFreshenedByTheFew(t *testing.T) {
	t.Parallel()
	h, shows := offline(t, prod), &counting{shown: map[string]int{}}
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "importbot.db"), store.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	h.Slack, h.Store, h.gather.store = shows, db, db
	h.Board.Set(idle(), nil)
	const people = 7
	for i := range people {
		h.homes.visitor(fmt.Sprint("U", i), false, h.Now())
	}
	for look := 1; look <= 4; look++ {
		next := h.freshen(t.Context())
		if want := min(look*homesAtOnce, people); len(shows.shown) != want {
			t.Fatalf("after %d looks %d people are shown something, want %d", look, len(shows.shown), want)
		}
		if left := next.Sub(h.Clock.Now()); (look < 4) != (left < homesRest) {
			t.Errorf("after look %d the next is in %v", look, left)
		}
	}
	for user, n := range shows.shown {
		if n != 1 {
			t.Errorf("%s is shown it %d times", user, n)
		}
	}

	shows.err = &bot.RateLimitedError{After: 40 * time.Second}
	h.homes.visitor("U0NEW", false, h.Now())
	for range 3 {
		if next := h.freshen(t.Context()); next.Sub(h.Clock.Now()).Round(time.Second) != 40*time.Second {
			t.Errorf("where Slack wants 40 s the next look is in %v", next.Sub(h.Clock.Now()))
		}
	}
	if shows.shown["U0NEW"] != 1 {
		t.Errorf("Slack was asked %d times, though it wants to be left alone", shows.shown["U0NEW"])
	}
}

// counting is a Slack that counts what it is to show.
type counting struct {
	Workspace
	shown map[string]int
	err   error
}

func (c *counting) PublishHome(_ context.Context, userID string, _ []slack.Block) error {
	c.shown[userID]++
	return c.err
}
func (*counting) Permalink(string, string) string { return "" }
func (*counting) Known(string) (bot.Person, bool) { return bot.Person{}, false }
