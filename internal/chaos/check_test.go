//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
	"importbot/imports"
	"importbot/internal/slacksim"
)

// begin is when the doctored worlds begin.
var begin = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// at is a moment of a doctored world, in milliseconds.
func at(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }

// wellPlayed is the evidence of a world in which all went well: two people asked, one import ran and ended, one command was answered.
func wellPlayed() *Evidence {
	imp := imports.Import{
		ID: "imp-1", Server: "prod", Type: bigfix.TypeRaw, Origin: imports.Here, State: imports.Ended, Outcome: imports.Succeeded,
		RequestedBy: ana, RequestKey: "trigger-1", Followers: []string{ana, ben},
		AcceptedAt: at(10), SendingAt: at(100), BegunAt: at(150), EndedAt: at(1200),
	}
	joined := imports.Import{
		ID: "imp-2", Server: "prod", Type: bigfix.TypeRaw, Origin: imports.Here, State: imports.Ended, Outcome: imports.Refused,
		RequestedBy: ben, RequestKey: "trigger-2", AcceptedAt: at(300), EndedAt: at(320),
		Reason: imports.Reason{Kind: imports.ReasonRunning, Other: "imp-1"},
	}
	e := &Evidence{
		Imports: []imports.Import{imp, joined},
		Commands: []Command{
			{At: at(5), User: ana, Text: "raw prod", Operator: true, Trigger: "trigger-1", Acked: true, AckAfter: time.Millisecond, Answers: []string{"Starting a raw import on prod."}},
			{At: at(290), User: ben, Text: "raw prod", Operator: true, Trigger: "trigger-2", Acked: true, AckAfter: time.Millisecond, Answers: []string{"A raw import is already running on prod."}},
			{At: at(400), User: cleo, Text: "status", Trigger: "trigger-3", Acked: true, AckAfter: time.Millisecond, Answers: []string{"prod: running."}},
		},
		Servers: map[string]bigfixtest.Journal{"prod": {
			Requests: []bigfixtest.Request{
				{Time: at(90), Status: 200, Right: true},
				{Time: at(101), Run: "raw_only", Proto: "HTTP/1.1", Status: 200, Did: "started import 1"},
				{Time: at(1201), Status: 200, Right: true},
			},
			Imports: []bigfixtest.Import{{
				ID: 1, Type: bigfix.TypeRaw, Origin: bigfixtest.Requested, Asked: at(101), Began: at(102), Ended: at(1100),
				Outcome: bigfixtest.Succeeded, Word: "successful",
			}},
		}},
		Lives: []Life{{Replica: "replica-1", Process: "replica-1.1", PID: 7, Started: at(-500), Ready: at(-400), Asked: at(80_000), Ended: at(80_100)}},
		Outputs: map[string]string{
			"the log of replica-1": `{"msg":"Ready"}`, "what was said in Slack": "Starting a raw import on prod.",
		},
		Secrets: map[string]string{"the bot token": "xoxb-secret"},
	}
	for i := range e.Commands {
		e.Commands[i].Envelopes = []slacksim.Envelope{{Process: "replica-1.1", Sent: e.Commands[i].At, Acked: true}}
	}
	e.post(95, "imp-1", "card", "C1", "Raw import on prod: starting.", "1.1")
	e.edit(160, "1.1", "Raw import on prod: running.")
	e.post(170, "imp-1", "milestone", "C1", "Raw import on prod has passed 25 percent.", "1.2")
	e.post(1250, "imp-1", "finished", "C1", "Raw import on prod succeeded. <@"+ana+"> <@"+ben+">", "1.3")
	e.edit(1260, "1.1", "Raw import on prod: succeeded after 1 second.")
	e.Messages = []slacksim.Message{{Channel: "C1", TS: "1.1", Text: "Raw import on prod: succeeded after 1 second.", Metadata: meta("imp-1", "card")}}
	return e
}

func meta(id, kind string) *slacksim.Metadata {
	return &slacksim.Metadata{EventType: "importbot_import", Payload: map[string]any{"id": id, "server": "prod", "kind": kind}}
}

// post adds a message that Slack took.
func (e *Evidence) post(ms int, id, kind, channel, text, ts string) *slacksim.Call {
	encoded, err := json.Marshal(meta(id, kind))
	if err != nil {
		panic(err)
	}
	e.Calls = append(e.Calls, slacksim.Call{
		Method: "chat.postMessage", Time: at(ms), Status: 200, Taken: true, TS: ts, Process: "replica-1.1",
		Args: map[string]string{"channel": channel, "text": text, "metadata": string(encoded)},
	})
	return &e.Calls[len(e.Calls)-1]
}

func (e *Evidence) edit(ms int, ts, text string) {
	e.Calls = append(e.Calls, slacksim.Call{
		Method: "chat.update", Time: at(ms), Status: 200, Taken: true, Args: map[string]string{"channel": "C1", "ts": ts, "text": text},
	})
}

// refresh adds a press on a message's Refresh.
func (e *Evidence) refresh(ms int, ts string) {
	e.say(ms, cleo, "[refresh]", "trigger-4b", "prod: running.")
	c := &e.Commands[len(e.Commands)-1]
	c.Pressed, c.TS = "refresh", ts
}

// drop takes the calls of one kind of message away.
func (e *Evidence) drop(kind string) {
	var left []slacksim.Call
	for _, c := range e.Calls {
		if metaKind(c) != kind {
			left = append(left, c)
		}
	}
	e.Calls = left
}

func (e *Evidence) killed(ms int) {
	e.Deeds = append(e.Deeds, Deed{At: at(ms), Kind: didKill, Replica: "replica-1"})
	e.Lives[0].Killed, e.Lives[0].Ended, e.Lives[0].Asked = at(ms), at(ms), time.Time{}
}

func (e *Evidence) journal(change func(*bigfixtest.Journal)) {
	j := e.Servers["prod"]
	change(&j)
	e.Servers["prod"] = j
}

// runAgain adds a second run= request.
func (e *Evidence) runAgain(ms int) {
	e.journal(func(j *bigfixtest.Journal) {
		j.Requests = append(j.Requests, bigfixtest.Request{Time: at(ms), Run: "raw_only", Proto: "HTTP/1.1", Status: 200})
	})
}

// truly changes how the import ended in truth.
func (e *Evidence) truly(outcome bigfixtest.Outcome, word string) {
	e.journal(func(j *bigfixtest.Journal) { j.Imports[0].Outcome, j.Imports[0].Word = outcome, word })
}

// TestRules feeds the rules doctored journals: each breaks one promise, and has to be found out by that rule and no other; or looks broken,
// and is excused.
func TestRules(t *testing.T) {
	doctored(t, wellPlayed, []doctoring{
		{"all well", func(*Evidence) {}, "", ""},
		{"never came to rest", func(e *Evidence) { e.Unsettled = "an import runs" }, "rest", "an import runs"},

		{"two run= for one import", func(e *Evidence) { e.runAgain(2000) }, "one run=", "2 run= requests belong to import imp-1"},
		{"run= before it was marked", func(e *Evidence) { e.runAgain(50) }, "one run=", "only 1 belong to"},
		{"run= for what was refused", func(e *Evidence) {
			e.Imports[1].SendingAt = at(500)
			e.runAgain(505)
			e.post(510, "imp-2", "finished", "C1", "was not started", "1.6")
		}, "one run=", "is said not to have been sent"},
		{"run= on a connection that was used", func(e *Evidence) {
			e.journal(func(j *bigfixtest.Journal) { j.Requests[1].Reused = true })
		}, "one run=", "was used before"},

		{"one command, two imports", func(e *Evidence) { e.Imports[1].RequestKey = "trigger-1" }, "once", "one command became two imports"},
		{"started by who may not", func(e *Evidence) { e.Commands[0].Operator = false }, "once", "who may not"},
		{"started by nobody", func(e *Evidence) { e.Imports[1].RequestKey = "trigger-9" }, "once", "nobody typed that"},

		{"no finished message", func(e *Evidence) { e.drop("finished") }, "one end", "has no finished message, and its channel took everything"},
		{"two finished messages", func(e *Evidence) {
			e.post(1900, "imp-1", "finished", "C1", "<@"+ana+">", "1.9")
		}, "one end", "second finished message"},
		{"two, and the answer to the first was lost", func(e *Evidence) {
			e.Calls[3].Status = 0
			e.post(1900, "imp-1", "finished", "C1", "<@"+ana+">", "1.9")
		}, "", ""},
		{"two, and the history could be read", func(e *Evidence) {
			e.History = true
			e.Calls[3].Status = 0
			e.post(1900, "imp-1", "finished", "C1", "<@"+ana+">", "1.9")
		}, "one end", "could be found in the history"},
		{"two, and the process was killed between them", func(e *Evidence) {
			e.killed(1255)
			e.post(1900, "imp-1", "finished", "C1", "<@"+ana+">", "1.9")
		}, "", ""},
		{"two cards", func(e *Evidence) { e.post(700, "imp-1", "card", "C1", "running", "1.8") }, "one end", "second card"},
		{"a card again, where people deleted the first", func(e *Evidence) {
			e.post(700, "imp-1", "card", "C1", "running", "1.8")
			e.Messages[0].TS = "1.8"
		}, "", ""},
		{"the channel refused, and both were told", func(e *Evidence) {
			e.drop("finished")
			e.refuse(1240)
			e.post(1300, "imp-1", "finished", ana, "succeeded", "2.1")
			e.post(1300, "imp-1", "finished", ben, "succeeded", "2.2")
		}, "", ""},
		{"the channel refused, and one was not told", func(e *Evidence) {
			e.drop("finished")
			e.refuse(1240)
			e.post(1300, "imp-1", "finished", ana, "succeeded", "2.1")
		}, "one end", ben + " got no direct message"},

		{"called succeeded, and failed", func(e *Evidence) { e.truly(bigfixtest.Failed, "failed") }, "true outcome", "in truth it failed"},
		{"called succeeded, and cut off", func(e *Evidence) { e.truly(bigfixtest.Interrupted, "") }, "true outcome", "in truth it was cut off"},
		{"called failed, and succeeded", func(e *Evidence) { e.Imports[0].Outcome = imports.Failed }, "true outcome", "in truth it succeeded"},
		{"called not begun, and succeeded", func(e *Evidence) { e.Imports[0].Outcome = imports.NotBegun }, "true outcome", "in truth it began"},
		{"called unclear", func(e *Evidence) { e.Imports[0].Outcome = imports.Unclear }, "", ""},
		{"called unknown, and failed", func(e *Evidence) {
			e.Imports[0].Outcome = imports.Unknown
			e.truly(bigfixtest.Failed, "failed")
		}, "", ""},
		{"called succeeded, and began nothing", func(e *Evidence) {
			e.journal(func(j *bigfixtest.Journal) { j.Imports = nil })
		}, "true outcome", "began nothing"},
		{"somebody else's, seen apart", func(e *Evidence) { e.another(1300, bigfixtest.Succeeded, at(1202)) }, "true outcome", "in truth it failed"},
		{"somebody else's, right behind it and unseen", func(e *Evidence) { e.another(1300, bigfixtest.Succeeded, time.Time{}) }, "", ""},
		{"somebody else's, and the first that is seen since the request", func(e *Evidence) { e.another(1300, bigfixtest.Succeeded, at(1500)) }, "", ""},
		{"the same, begun when ours was given up", func(e *Evidence) { e.another(3200, bigfixtest.Succeeded, at(3300)) }, "true outcome", "in truth it failed"},
		{"an import of others, claimed wrong", func(e *Evidence) {
			e.Imports = append(e.Imports, imports.Import{
				ID: "imp-3", Server: "prod", Origin: imports.Elsewhere, State: imports.Ended, Outcome: imports.Failed,
				FirstRunning: imports.Span{Asked: at(500), At: at(501)}, EndedAt: at(1200),
			})
			e.post(1280, "imp-3", "finished", "C1", "Import on prod failed.", "1.9")
		}, "true outcome", "no import that prod had"},

		{"the card goes on", func(e *Evidence) { e.Messages[0].Text = "Raw import on prod: running, 59 percent." }, "card", "59 percent"},
		{"the card goes on, for its last edit was lost", func(e *Evidence) {
			e.Messages[0].Text = "Raw import on prod: running, 59 percent."
			e.Calls[4].Status = 0
		}, "", ""},

		{"no ack", func(e *Evidence) { e.silence(2, slacksim.OperationTimeout) }, "ack", "nothing kept the bot from it"},
		{"an ack after the three seconds", func(e *Evidence) { e.Commands[2].AckAfter = 3100 * time.Millisecond }, "ack", "3.1s"},
		{"no ack, and its process was killed", func(e *Evidence) {
			e.silence(2, slacksim.OperationTimeout)
			e.killed(450)
		}, "", ""},
		{"no ack, and another process was killed", func(e *Evidence) {
			e.silence(2, slacksim.OperationTimeout)
			e.Lives = append(e.Lives, Life{Replica: "replica-2", Process: "replica-2.1", Started: at(0), Ready: at(1), Killed: at(450), Ended: at(450)})
			e.Deeds = []Deed{{At: at(450), Kind: didKill, Replica: "replica-2"}}
		}, "ack", "nothing kept the bot from it"},
		{"no ack, and its process was frozen", func(e *Evidence) {
			e.silence(2, slacksim.OperationTimeout)
			e.Deeds = []Deed{{At: at(300), Kind: didFreeze, Replica: "replica-1"}, {At: at(9000), Kind: didThaw, Replica: "replica-1"}}
		}, "", ""},
		{"no ack, and its process had been frozen before", func(e *Evidence) {
			e.silence(2, slacksim.OperationTimeout)
			e.Deeds = []Deed{{At: at(300), Kind: didFreeze, Replica: "replica-1"}, {At: at(350), Kind: didThaw, Replica: "replica-1"}}
		}, "ack", "nothing kept the bot from it"},
		{"no socket, for they were cut", func(e *Evidence) {
			e.silence(2, slacksim.DispatchFailed)
			e.Deeds = []Deed{{At: at(380), Kind: didSockets}}
			e.Deaf = []Span{{at(381), at(900)}}
		}, "", ""},
		{"no socket, and nobody cut them", func(e *Evidence) {
			e.silence(2, slacksim.DispatchFailed)
			e.Deaf = []Span{{at(381), at(900)}}
		}, "ack", "dispatch_failed"},
		{"no ack, and the machine stood still", func(e *Evidence) {
			e.silence(2, slacksim.OperationTimeout)
			e.Stalls = []Span{{at(390), at(3900)}}
		}, "", ""},

		{"no answer", func(e *Evidence) { e.Commands[2].Answers = nil }, "answer", "got no answer"},
		{"an empty answer", func(e *Evidence) { e.Commands[2].Answers = []string{""} }, "answer", "got no answer"},
		{"no answer, and its process was killed", func(e *Evidence) {
			e.Commands[2].Answers = nil
			e.killed(410)
		}, "", ""},
		{"no answer, and its process was killed a minute later", func(e *Evidence) {
			e.Commands[2].Answers = nil
			e.killed(60_000)
		}, "answer", "no process was killed that could have had one"},
		{"accepted, and only asked", func(e *Evidence) {
			e.Imports[0].Followers = []string{ana}
			e.Commands[1].Answers = []string{"Asking prod …"}
			e.drop("finished")
			e.post(1250, "imp-1", "finished", "C1", "Raw import on prod succeeded. <@"+ana+">", "1.3")
		}, "answer", "were never told"},
		{"accepted, killed, and never told", func(e *Evidence) {
			e.Imports[0].Followers = []string{ana}
			e.Commands[1].Answers = []string{"Asking prod …"}
			e.drop("finished")
			e.post(1250, "imp-1", "finished", "C1", "Raw import on prod succeeded. <@"+ana+">", "1.3")
			e.killed(330)
		}, "answer", "were never told"},
		{"accepted, killed, and told by direct message", func(e *Evidence) {
			e.Imports[0].Followers = []string{ana}
			e.Commands[1].Answers = []string{"Asking prod …"}
			e.drop("finished")
			e.post(1250, "imp-1", "finished", "C1", "Raw import on prod succeeded. <@"+ana+">", "1.3")
			e.post(1300, "imp-2", "answer", ben, "You asked for a raw import on prod.", "2.1")
		}, "", ""},

		{"twenty-one edits", func(e *Evidence) {
			for i := range 19 {
				e.edit(500+i, "1.1", fmt.Sprint(i))
			}
		}, "few messages", "edited 21 times"},
		{"twenty-one edits, one of which was asked for", func(e *Evidence) {
			for i := range 19 {
				e.edit(500+i, "1.1", fmt.Sprint(i))
			}
			e.refresh(600, "1.1")
		}, "", ""},
		{"twenty-one edits, while another message was asked for", func(e *Evidence) {
			for i := range 19 {
				e.edit(500+i, "1.1", fmt.Sprint(i))
			}
			e.refresh(600, "1.4")
		}, "few messages", "edited 21 times"},
		{"nine messages", func(e *Evidence) {
			for i := range 6 {
				e.post(500+i, "imp-1", "milestone", "C1", fmt.Sprint(i), fmt.Sprint("3.", i))
			}
		}, "few messages", "9 messages"},
		{"a milestone twice", func(e *Evidence) {
			e.post(500, "imp-1", "milestone", "C1", "Raw import on prod has passed 25 percent.", "1.7")
		}, "said once", "said 2 times"},

		{"a rule of Slack's", func(e *Evidence) {
			e.Violations = []slacksim.Violation{{Time: at(1), Rule: slacksim.LostBlocks, Detail: "chat.update"}}
		}, "Slack's rules", "update drops the blocks"},
		{"a late ack", func(e *Evidence) {
			e.Violations = []slacksim.Violation{{Time: at(3400), Rule: slacksim.LateAck, Detail: "/import status"}}
		}, "Slack's rules", "late ack"},
		{"called too often", func(e *Evidence) {
			e.Calls[1].Error, e.Calls[1].Limited = "ratelimited", true
		}, "Slack's limits", "chat.update was called too often"},

		{"a token in the log", func(e *Evidence) { e.Outputs["the log of replica-1"] += "token=xoxb-secret" }, "secrets", "the bot token stands in the log of replica-1"},
		{"a token in Slack", func(e *Evidence) { e.Outputs["what was said in Slack"] += "xoxb-secret" }, "secrets", "what was said in Slack"},

		{"slow to stop", func(e *Evidence) { e.Lives[0].Ended = at(91_000) }, "stop", "took 11s to stop"},
		{"had to be killed", func(e *Evidence) { e.Lives[0].Killed, e.Lives[0].Ended = at(100_000), at(100_000) }, "stop", "did not stop within 10s"},
		{"stopped with status 1", func(e *Evidence) { e.Lives[0].Status = 1 }, "stop", "status 1 after SIGTERM"},
		{"ended by itself", func(e *Evidence) { e.Lives[0].Asked, e.Lives[0].Status = time.Time{}, 1 }, "stop", "ended by itself"},
		{"could not start without its database", func(e *Evidence) {
			e.Lives = append(e.Lives, Life{Replica: "replica-1", Process: "replica-1.2", Started: at(4000), Ended: at(4100), Status: 2})
			e.Deeds = []Deed{{At: at(3900), Kind: didDatabase}}
		}, "", ""},
		{"could not start, and the database was back", func(e *Evidence) {
			e.Lives = append(e.Lives, Life{Replica: "replica-1", Process: "replica-1.2", Started: at(4000), Ended: at(4100), Status: 2})
			e.Deeds = []Deed{{At: at(3800), Kind: didDatabase}, {At: at(3900), Kind: didHeal}}
		}, "stop", "ended by itself"},
		{"a second process that stays", func(e *Evidence) {
			e.Lives = append(e.Lives, Life{Replica: "second-1", Second: true, Started: at(5), Asked: at(6), Ended: at(7)})
		}, "stop", "a second one on the same database"},
		{"a second process that found the file free", func(e *Evidence) {
			e.killed(2000)
			e.Lives = append(e.Lives, Life{Replica: "second-1", PID: 8, Second: true, Started: at(2010), Led: []time.Time{at(2020)}, Asked: at(5000), Ended: at(5010)})
		}, "", ""},
		{"a second process that leads beside the first", func(e *Evidence) {
			e.Lives = append(e.Lives, Life{Replica: "second-1", PID: 8, Second: true, Started: at(2010), Led: []time.Time{at(2020)}, Asked: at(5000), Ended: at(5010)})
		}, "stop", "a second one on the same database"},

		{"a panic", func(e *Evidence) { e.Outputs["the log of replica-1"] += "panic: oh" }, "sound", "panic"},
		{"a data race", func(e *Evidence) { e.Outputs["the log of replica-1"] += "WARNING: DATA RACE" }, "sound", "DATA RACE"},
	})
}

// doctoring is one way in which evidence is doctored.
type doctoring struct {
	name   string
	doctor func(*Evidence)
	rule   string // that finds it; empty where nothing may be found
	says   string
}

// doctored doctors evidence in each way, and holds what is found against what was to be.
func doctored(t *testing.T, well func() *Evidence, ways []doctoring) {
	t.Helper()
	for _, c := range ways {
		t.Run(c.name, func(t *testing.T) {
			e := well()
			c.doctor(e)
			found := check(e)
			if c.rule == "" && len(found) > 0 {
				t.Fatalf("found %v, want nothing", found)
			}
			if c.rule == "" {
				return
			}
			if len(found) == 0 || !strings.Contains(found[0].Text, c.says) {
				t.Fatalf("found %q, want that %q says %q", found, c.rule, c.says)
			}
			for _, v := range found {
				if v.Rule != c.rule {
					t.Errorf("the rule %q finds it too: %s", v.Rule, v.Text)
				}
			}
		})
	}
}

func (e *Evidence) silence(i int, failure string) {
	e.Commands[i].Acked, e.Commands[i].AckAfter, e.Commands[i].Failure, e.Commands[i].Answers = false, 0, failure, nil
	e.Commands[i].Envelopes[0].Acked = false
}

// refuse adds a finished message that the channel did not take.
func (e *Evidence) refuse(ms int) {
	c := e.post(ms, "imp-1", "finished", "C1", "succeeded", "")
	c.Taken, c.Error = false, "is_archived"
}

// another has the import fail, and one of somebody else's run behind it; a look in between is answered if there is one.
func (e *Evidence) another(ms int, outcome bigfixtest.Outcome, look time.Time) {
	e.truly(bigfixtest.Failed, "failed")
	e.journal(func(j *bigfixtest.Journal) {
		j.Requests = j.Requests[:2]
		if !look.IsZero() {
			j.Requests = append(j.Requests, bigfixtest.Request{Time: look, Status: 200, Right: true})
		}
		j.Imports = append(j.Imports, bigfixtest.Import{
			ID: 2, Type: bigfix.TypeRaw, Origin: bigfixtest.ByHand, Began: at(ms), Ended: at(ms + 500), Outcome: outcome, Word: "successful",
		})
	})
}
