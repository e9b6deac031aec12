//go:build unix

package main

import (
	"testing"
	"time"

	"importbot/imports"
)

// TestRulesOfTelling doctors what was told of alerts, as TestRules does.
func TestRulesOfTelling(t *testing.T) {
	doctored(t, wellWatched, []doctoring{
		{"an alert that nobody was told", func(e *Evidence) { e.without(absence, "alert"); e.without(absence, "recovered") }, "alert", "was told to nobody"},
		{"open, and nobody was told", func(e *Evidence) {
			e.without(absence, "alert")
			e.without(absence, "recovered")
			e.Alerts[1].OverAt = time.Time{}
			e.killed(20_050)
		}, "alert", "was told to nobody"},
		{"over before it could be told, for the process was killed", func(e *Evidence) {
			e.without(absence, "alert")
			e.without(absence, "recovered")
			e.killed(20_050)
		}, "", ""},
		{"over in a moment", func(e *Evidence) {
			e.without(absence, "alert")
			e.without(absence, "recovered")
			e.Alerts[1].OverAt = at(22_000)
		}, "", ""},
		{"twice", func(e *Evidence) { e.alert(20_900, absence, "alert", "", "prod is not seen.", "6.8") }, "alert", "second alert message"},
		{"twice, and the answer to the first was lost", func(e *Evidence) {
			e.call(absence, "alert").Status = 0
			e.alert(20_900, absence, "alert", "", "prod is not seen.", "6.8")
		}, "", ""},
		{"twice, and the history could be read", func(e *Evidence) {
			e.History = true
			e.call(absence, "alert").Status = 0
			e.alert(20_900, absence, "alert", "", "prod is not seen.", "6.8")
		}, "alert", "could be found in the history"},
		{"no recovery", func(e *Evidence) { e.without(absence, "recovered") }, "alert", "is over since"},
		{"no recovery behind a finished message", func(e *Evidence) { e.without(nightFailed, "recovered") }, "alert", "is over since"},
		{"two recoveries", func(e *Evidence) { e.alert(31_000, absence, "recovered", "6.1", "Over.", "6.9") }, "alert", "second recovered message"},
		{"a recovery without its alert", func(e *Evidence) { e.without(absence, "alert") }, "alert", "was never told"},
		{"a recovery outside the thread", func(e *Evidence) { delete(e.call(absence, "recovered").Args, "thread_ts") }, "alert", "in no thread"},
		{"a recovery in another thread", func(e *Evidence) { e.call(absence, "recovered").Args["thread_ts"] = "5.1" }, "alert", "in no thread"},
		{"a recovery of what is open", func(e *Evidence) { e.Alerts[1].OverAt = time.Time{} }, "alert", "is said to be over"},
		{"it came again, and was over again", func(e *Evidence) {
			e.Alerts[1].Reopened, e.Alerts[1].OverAt = 1, at(36_000)
			e.alert(34_000, absence, "alert", "6.1", "Again.", "6.3")
			e.alert(36_100, absence, "recovered", "6.1", "Over again.", "6.4")
		}, "", ""},
		{"told with all that happened while nobody looked", func(e *Evidence) {
			e.without("imp-3", "card")
			e.without("imp-3", "finished")
			e.post(4100, "", "away", "C1", "An import failed on prod while I was away.", "5.0")
			e.alert(4150, "failed:prod:imp-3", "alert", "", "Scheduled import on prod failed. <@"+oncall+">", "5.1")
		}, "", ""},
		{"told with all that happened while nobody looked, which calls for nobody", func(e *Evidence) {
			e.without("imp-3", "card")
			e.without("imp-3", "finished")
			e.post(4100, "", "away", "C1", "An import failed on prod while I was away.", "5.1")
		}, "alert", "was never told"},
		{"no recovery, for people deleted the alert", func(e *Evidence) {
			e.without(absence, "recovered")
			for i, m := range e.Messages {
				e.Messages[i].Deleted = m.TS == "6.1"
			}
		}, "", ""},
		{"an alert of nothing", func(e *Evidence) { e.alert(35_000, "stale:prod:9", "alert", "", "Stale.", "6.5") }, "alert", "not in the database"},
		{"refused by the channel, and told to whoever is on call", func(e *Evidence) {
			e.without(absence, "recovered")
			c := e.call(absence, "alert")
			c.Taken, c.Error = false, "is_archived"
			e.alert(20_900, absence, "alert", "", "prod is not seen.", "8.8").Args["channel"] = oncall
		}, "", ""},
		{"refused by the channel, and told to nobody", func(e *Evidence) {
			e.without(absence, "recovered")
			c := e.call(absence, "alert")
			c.Taken, c.Error = false, "is_archived"
		}, "alert", "got no direct message"},
		{"the finished message mentions nobody on call", func(e *Evidence) {
			e.call("imp-3", "finished").Args["text"] = "Scheduled import on prod failed."
		}, "alert", "was never told"},
		{"the finished message stands where no alerts go", func(e *Evidence) { e.AlertChannel = sirens }, "alert", "was never told"},
		{"muted, and never told after", func(e *Evidence) {
			e.Alerts = append(e.Alerts, imports.Alert{ID: "credentials:prod:1", Kind: imports.AlertCredentials, Server: "prod", RaisedAt: at(45_000)})
		}, "alert", "was told to nobody"},
	})
}
