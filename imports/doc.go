// Package imports is the domain: what a data import is, how it is judged, started and watched. It knows no Slack, no
// HTTP and no SQL.
//
// # The idea
//
// A server gives its imports no names. It says "running, 59 %" or "idle, the last one was successful", and nothing
// ties one answer to the next. Whoever says "your import succeeded" has drawn a conclusion, and this package is where
// it is drawn: by Rules.Next, a pure function of what was known of an import and one more look at its server.
//
//	imp, events := rules.Next(imp, look, now)
//
// Everything else here gathers looks and writes down what follows from them. An Engine leads: one loop a server looks
// at it, starts what was accepted, has every look judged and records the result. An Intake takes wishes on any replica
// and waits for their fate; where another process leads, Mirror keeps what it sees at hand. The ports (Store, Client,
// Announcer) are small, and implemented elsewhere.
//
// # The life of an import
//
//	waiting ─▶ accepted ─▶ sending ─▶ sent ─▶ running ─▶ settling ─▶ ended
//
// Only those wait that were asked for to come after another. An import may skip steps and never goes back. What it
// ended as is its Outcome, and each has its price in evidence:
//
//   - Succeeded and Failed: the server reports an end that is later than anything it reported before this import, of
//     the right type, at the right time, and nothing speaks against its being this import's.
//   - Unclear: the server reports such an end, and something does speak against it: Import.Doubts says what.
//   - Unknown: it is over, or the server was out of sight for a day, and nothing says how it ended.
//   - NotBegun: the server was seen throughout and showed no sign of an import, or refused it.
//   - Refused, Expired and Cancelled: nothing was sent.
//
// A look that failed is not evidence of anything. Server times are compared with server times only. The truth table,
// with a row for each case, is judge_test.go; how often the judge is right where nobody can know for certain is
// measured in model_test.go.
//
// # Who leads
//
// An Engine works for one term of leading, its Lead, and nothing that it knows in memory outlives that. What it writes
// carries the term's Epoch, and what leaves for a server asks Lead.Check right before its first byte does. So a leader
// that was frozen, replaced and woken neither records nor sends anything more, wherever it was held up.
//
//	term, err := db.Lead(ctx) // waits until this process leads
//	err = imports.NewEngine(cfg).Run(ctx, term.Lead())
//
// # Alerts
//
// Rules.Watch is the other judge: of what somebody on call has to know. It too is a pure function of what was known and
// one more look, and claims nothing of a time in which nobody looked:
//
//	srv := rules.See(before, look)
//	srv.Alerts = rules.Watch(before, srv, active, recent, look, now)
//
// An Alert is one time that something was wrong, with one beginning and one end. Thresholds that are Auto are learned:
// Server.Schedule from how the next import's time moves on, Usual from past imports, Import.LongestRest from their
// progress. What each kind takes is a table in docs/decisions/0024, and alert_test.go has a line for each case.
//
// # How a look is judged
//
// For one look the order is: every active import through Rules.Next, then Rules.Arrivals with those that are active
// still, for what nobody here started, then Rules.See for what is kept of the server, then Rules.Watch for its alerts.
// Arrivals takes the Server as it was before the look. Before a start, Rules.See(server, look).Quiet is the import's
// Baseline.
package imports
