//go:build unix

package main

import "testing"

// wellReported is the evidence of a world in which all went well: what wellWatched is, and before it the report of the week.
func wellReported() *Evidence {
	e := wellWatched()
	e.Digests = []string{"C1"}
	e.report(-300, "C1", "0.1")
	return e
}

// report adds a week's report.
func (e *Evidence) report(ms int, channel, ts string) {
	e.post(ms, "", "digest", channel, "The week of data imports, Mon 23 Feb to Sun 1 Mar (UTC): …", ts)
}

// turnAway has the channel refuse the report.
func (e *Evidence) turnAway() {
	c := e.call("", "digest")
	c.Taken, c.TS, c.Error = false, "", "is_archived"
}

// TestRulesOfTheWeek doctors the report of a week, as TestRules does.
func TestRulesOfTheWeek(t *testing.T) {
	doctored(t, wellReported, []doctoring{
		{"all well", func(*Evidence) {}, "", ""},
		{"no report", func(e *Evidence) { e.drop("digest") }, "digest", "C1 has no week's report, and took everything"},
		{"no report in one of two channels", func(e *Evidence) { e.Digests = append(e.Digests, "C2") }, "digest", "C2 has no week's report"},
		{"one in each of two channels", func(e *Evidence) {
			e.Digests = append(e.Digests, "C2")
			e.report(-290, "C2", "0.2")
		}, "", ""},
		{"no report, and none is due", func(e *Evidence) { e.Digests = nil; e.drop("digest") }, "", ""},
		{"a report that nobody asked for", func(e *Evidence) { e.Digests = nil }, "digest", "C1 got a week's report at 08:59:59.700, and is due none"},
		{"a report to one person", func(e *Evidence) { e.report(-290, ana, "0.2") }, "digest", ana + " got a week's report"},
		{"the channel refused it", func(e *Evidence) { e.turnAway() }, "", ""},
		{"the channel refused it, and it came later", func(e *Evidence) { e.turnAway(); e.report(900, "C1", "0.2") }, "", ""},
		{"Slack was in trouble, and it never came", func(e *Evidence) {
			c := e.call("", "digest")
			c.Taken, c.Status = false, 503
		}, "digest", "took everything"},
		{"twice", func(e *Evidence) { e.report(900, "C1", "0.2") }, "digest", "second week's report"},
		{"twice, and the answer to the first was lost", func(e *Evidence) {
			e.call("", "digest").Status = 0
			e.report(900, "C1", "0.2")
		}, "", ""},
		{"twice, and the history could be read", func(e *Evidence) {
			e.History = true
			e.call("", "digest").Status = 0
			e.report(900, "C1", "0.2")
		}, "digest", "could be found in the history"},
		{"twice, and the process was killed between them", func(e *Evidence) {
			e.killed(-295)
			e.report(900, "C1", "0.2")
		}, "", ""},
		{"twice, and the process was killed before", func(e *Evidence) {
			e.killed(-400)
			e.report(900, "C1", "0.2")
		}, "digest", "second week's report"},
	})
}
