//go:build unix

package main

import (
	"strings"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/imports"
	"importbot/internal/slacksim"
)

// Alerts of the watched world.
const (
	nightFailed = "failed:prod:imp-3"
	absence     = "unreachable:prod:1"
)

// wellWatched is the evidence of a world in which all went well: what wellPlayed is, and behind that a scheduled import that failed, one that
// succeeded, a server that was away, a mute, a start that waited and was taken back, one that waited and ran, and people who wanted to be told.
func wellWatched() *Evidence {
	e := wellPlayed()
	e.At, e.Announce = at(80_000), "all"
	e.Imports[0].Direct = []string{ben}
	e.post(1255, "imp-1", "finished", ben, "Raw import on prod succeeded.", "8.1")

	nightly := func(id string, from, to int, outcome imports.Outcome) imports.Import {
		return imports.Import{
			ID: id, Server: "prod", Type: bigfix.TypeComplete, Origin: imports.Scheduled, State: imports.Ended, Outcome: outcome,
			FirstRunning: imports.Span{Asked: at(from), At: at(from + 1)}, BegunAt: at(from), EndedAt: at(to),
		}
	}
	e.Imports = append(e.Imports, nightly("imp-3", 3000, 4000, imports.Failed), nightly("imp-4", 5000, 6000, imports.Succeeded))
	e.journal(func(j *bigfixtest.Journal) {
		j.Imports = append(j.Imports,
			bigfixtest.Import{ID: 2, Type: bigfix.TypeComplete, Began: at(2990), Ended: at(3990), Outcome: bigfixtest.Failed, Word: "failed"},
			bigfixtest.Import{ID: 3, Type: bigfix.TypeComplete, Began: at(4990), Ended: at(5990), Outcome: bigfixtest.Succeeded, Word: "successful"},
			bigfixtest.Import{ID: 4, Type: bigfix.TypeRaw, Origin: bigfixtest.Requested, Asked: at(6102), Began: at(6102), Ended: at(7000), Outcome: bigfixtest.Succeeded, Word: "successful"})
		j.Requests = append(j.Requests, bigfixtest.Request{Time: at(6102), Run: "raw_only", Proto: "HTTP/1.1", Status: 200, Did: "started import 4"})
	})
	e.card(3010, "imp-3", "5.1", "failed")
	e.reply(4050, "imp-3", "finished", "5.1", "Scheduled import on prod failed. <@"+oncall+">", "5.2")
	e.card(5010, "imp-4", "5.3", "succeeded")
	e.reply(6050, "imp-4", "finished", "5.3", "Scheduled import on prod succeeded.", "5.4")
	e.Alerts = []imports.Alert{
		{ID: nightFailed, Kind: imports.AlertFailed, Server: "prod", ImportID: "imp-3", RaisedAt: at(4040), OverAt: at(6040)},
		{ID: absence, Kind: imports.AlertUnreachable, Server: "prod", RaisedAt: at(20_000), OverAt: at(30_000)},
	}
	e.alert(6060, nightFailed, "recovered", "5.1", "Over: an import on prod succeeded.", "5.5")
	e.alert(20_100, absence, "alert", "", "prod is not seen. <@"+oncall+">", "6.1")
	e.alert(30_100, absence, "recovered", "6.1", "Over: prod answers again.", "6.2")

	waiting := imports.Import{ID: "imp-5", Server: "prod", Type: bigfix.TypeRaw, Origin: imports.Here, State: imports.Ended, Outcome: imports.Succeeded,
		RequestedBy: ana, RequestKey: "trigger-4", Followers: []string{ana}, WishedAt: at(5100), AcceptedAt: at(6090), SendingAt: at(6100), BegunAt: at(6110), EndedAt: at(7010)}
	taken := imports.Import{ID: "imp-6", Server: "prod", Type: bigfix.TypeComplete, Origin: imports.Here, State: imports.Ended, Outcome: imports.Cancelled,
		RequestedBy: ana, RequestKey: "trigger-5", WishedAt: at(5200), EndedAt: at(5400), Reason: imports.Reason{By: ana}}
	e.Imports = append(e.Imports, waiting, taken)
	e.card(6095, "imp-5", "7.1", "succeeded")
	e.reply(7050, "imp-5", "finished", "7.1", "Raw import on prod succeeded. <@"+ana+">", "7.2")

	e.say(5095, ana, "raw prod after", "trigger-4", "A raw import on prod starts when the running one is over.")
	e.say(5195, ana, "complete prod after", "trigger-5", "A complete import on prod starts when the running one is over.")
	e.say(5390, ana, "cancel prod", "trigger-6", "Taken back: a complete import on prod.")
	e.say(40_000, ana, "mute prod 1h patching", "trigger-7", "The alerts of prod "+saysMuted+" 10:00.")
	e.say(50_000, ben, "unmute prod", "trigger-8", "Alerts of prod "+saysUnmuted+".")
	e.Mutes = []imports.Mute{{Server: "prod", Since: at(40_005), Until: at(50_005), UserID: ana}}
	e.Homes = []Opening{{At: at(60_000), User: cleo, Acked: true, Envelopes: []slacksim.Envelope{{Process: "replica-1.1", Sent: at(60_000), Acked: true}}}}
	e.Calls = append(e.Calls, slacksim.Call{Method: "views.publish", Time: at(60_050), Status: 200, Taken: true, Args: map[string]string{"user_id": cleo}})
	return e
}

// card adds a card, as it stands at the end.
func (e *Evidence) card(ms int, id, ts, says string) {
	e.post(ms, id, "card", "C1", "Import on prod: running.", ts)
	e.Messages = append(e.Messages, slacksim.Message{Channel: "C1", TS: ts, Text: "Import on prod: " + says, Metadata: meta(id, "card")})
}

// reply adds a message in a thread.
func (e *Evidence) reply(ms int, id, kind, thread, text, ts string) {
	e.post(ms, id, kind, "C1", text, ts).Args["thread_ts"] = thread
	e.Messages = append(e.Messages, slacksim.Message{Channel: "C1", TS: ts, ThreadTS: thread, Text: text, Metadata: meta(id, kind)})
}

// alert adds a message about an alert.
func (e *Evidence) alert(ms int, id, kind, thread, text, ts string) *slacksim.Call {
	c := e.post(ms, "", kind, "C1", text, ts)
	c.Args["metadata"] = strings.Replace(c.Args["metadata"], `"kind"`, `"alert":"`+id+`","kind"`, 1)
	if thread != "" {
		c.Args["thread_ts"] = thread
	}
	e.Messages = append(e.Messages, slacksim.Message{Channel: "C1", TS: ts, ThreadTS: thread, Text: text})
	return c
}

// say adds a command that was answered.
func (e *Evidence) say(ms int, user, text, trigger, answer string) {
	e.Commands = append(e.Commands, Command{
		At: at(ms), User: user, Text: text, Operator: user != cleo, Trigger: trigger, Acked: true, AckAfter: time.Millisecond, Answers: []string{answer},
		Envelopes: []slacksim.Envelope{{Process: "replica-1.1", Sent: at(ms), Acked: true}},
	})
}

// without takes away the calls about an alert, of one kind.
func (e *Evidence) without(alert, kind string) {
	var left []slacksim.Call
	for _, c := range e.Calls {
		if metaKind(c) != kind || !strings.Contains(c.Args["metadata"], alert) {
			left = append(left, c)
		}
	}
	e.Calls = left
}

// unsay takes a command away.
func (e *Evidence) unsay(trigger string) {
	for i, c := range e.Commands {
		if c.Trigger == trigger {
			e.Commands = append(e.Commands[:i], e.Commands[i+1:]...)
			return
		}
	}
}

// call finds the first call about an alert or an import, of one kind.
func (e *Evidence) call(about, kind string) *slacksim.Call {
	for i, c := range e.Calls {
		if metaKind(c) == kind && strings.Contains(c.Args["metadata"], about) {
			return &e.Calls[i]
		}
	}
	panic("there is no " + kind + " of " + about)
}

// imp finds an import.
func (e *Evidence) imp(id string) *imports.Import {
	for i := range e.Imports {
		if e.Imports[i].ID == id {
			return &e.Imports[i]
		}
	}
	panic("there is no import " + id)
}

// TestRulesOfWatching doctors a world that was watched, as TestRules does.
func TestRulesOfWatching(t *testing.T) {
	doctored(t, wellWatched, []doctoring{
		{"all well", func(*Evidence) {}, "", ""},

		{"unattended, and nothing was said", func(e *Evidence) {
			e.without("imp-3", "card")
			e.without("imp-3", "finished")
			e.Alerts = e.Alerts[1:]
			e.without(nightFailed, "recovered")
		}, "unattended", "has no finished message"},
		{"unattended, nothing is announced, and no alert is raised", func(e *Evidence) {
			e.Announce = "none"
			e.without("imp-3", "card")
			e.without("imp-3", "finished")
			e.Alerts = e.Alerts[1:]
			e.without(nightFailed, "recovered")
		}, "unattended", "neither a finished message nor an alert"},
		{"unattended, nothing is announced, and it is alerted", func(e *Evidence) {
			e.Announce = "none"
			e.without("imp-3", "card")
			e.without("imp-3", "finished")
			e.without(nightFailed, "recovered")
			e.alert(4050, nightFailed, "alert", "", "failed", "5.8")
			e.alert(6060, nightFailed, "recovered", "5.8", "over", "5.9")
		}, "", ""},

		{"a mute that is gone", func(e *Evidence) { e.unsay("trigger-8") }, "mute", "is muted, and it is not"},
		{"a mute that holds", func(e *Evidence) {
			e.unsay("trigger-8")
			e.Mutes[0].Until = at(40_000).Add(time.Hour)
		}, "", ""},
		{"a mute that stays", func(e *Evidence) { e.Mutes[0].Until = at(40_000).Add(time.Hour) }, "mute", "is not muted any more, and it is"},
		{"a mute that nobody confirmed", func(e *Evidence) {
			e.unsay("trigger-8")
			e.Commands[len(e.Commands)-1].Answers = []string{"My own database does not answer."}
		}, "", ""},
		{"alerted while it was muted", func(e *Evidence) {
			e.Alerts = append(e.Alerts, imports.Alert{ID: "credentials:prod:1", Kind: imports.AlertCredentials, Server: "prod", RaisedAt: at(45_000)})
			e.alert(45_100, "credentials:prod:1", "alert", "", "rejected", "6.6")
		}, "mute", "alerted at"},
		{"muted, and told after", func(e *Evidence) {
			e.Alerts = append(e.Alerts, imports.Alert{ID: "credentials:prod:1", Kind: imports.AlertCredentials, Server: "prod", RaisedAt: at(45_000)})
			e.alert(50_100, "credentials:prod:1", "alert", "", "rejected", "6.6")
		}, "", ""},

		{"taken back, and sent", func(e *Evidence) {
			e.imp("imp-5").Outcome = imports.Cancelled
			e.imp("imp-5").Reason.By = ana
		}, "after", "was taken back, and sent"},
		{"taken back by another, and not told", func(e *Evidence) { e.imp("imp-6").Reason.By = ben }, "after", "was not told"},
		{"taken back by another, and told", func(e *Evidence) {
			e.imp("imp-6").Reason.By = ben
			e.post(5450, "imp-6", "answer", ana, "Ben took it back.", "8.2")
		}, "", ""},
		{"expired, and not told", func(e *Evidence) { e.imp("imp-6").Outcome = imports.Expired }, "after", "was never sent"},
		{"said to be taken back", func(e *Evidence) {
			e.say(70_000, ana, "cancel prod", "trigger-9", "Taken back: a raw import on prod.")
		}, "after", "and none is"},
		{"sent twice", func(e *Evidence) { e.runAgain(6300) }, "one run=", "2 run= requests belong to import imp-5"},

		{"wanted a direct message, and got none", func(e *Evidence) {
			e.Calls = append(e.Calls[:5], e.Calls[6:]...)
		}, "followers", "wanted a direct message"},
		{"follows, and is named nowhere", func(e *Evidence) { e.imp("imp-5").Followers = []string{ana, cleo} }, "followers", cleo + " follows"},

		{"no Home tab", func(e *Evidence) { e.Calls = e.Calls[:len(e.Calls)-1] }, "Home", "nothing was published"},
		{"no Home tab, and its process was killed", func(e *Evidence) {
			e.Calls = e.Calls[:len(e.Calls)-1]
			e.killed(60_010)
		}, "", ""},
		{"a press by who may not", func(e *Evidence) {
			e.say(5000, cleo, "[start_raw]", "trigger-4b", "Starting.")
			e.Commands[len(e.Commands)-1].Pressed = "start_raw"
			e.imp("imp-5").RequestKey = "trigger-4b"
		}, "once", "who may not"},
		{"a question that was confirmed", func(e *Evidence) { e.imp("imp-5").RequestKey = "confirmed trigger-4" }, "", ""},
		{"a press that nobody answered", func(e *Evidence) {
			e.say(5000, cleo, "[notify]", "trigger-4b", "")
			e.Commands[len(e.Commands)-1].Pressed = "notify"
		}, "answer", "got no answer"},
		{"a press that is answered in its own message", func(e *Evidence) {
			e.say(5000, cleo, "[refresh]", "trigger-4b", "")
			c := &e.Commands[len(e.Commands)-1]
			c.Pressed, c.Private = "refresh", true
		}, "", ""},
		{"a press that starts nothing", func(e *Evidence) {
			e.say(5000, ana, "[refresh]", "trigger-4b", "prod: idle.")
			e.Commands[len(e.Commands)-1].Pressed = "refresh"
			e.imp("imp-5").RequestKey = "trigger-4b"
		}, "once", `was accepted from "[refresh]"`},
	})
}
