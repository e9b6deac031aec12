// Package bigfixtest simulates a BigFix Inventory or License Metric Tool
// server and its data imports, in the manner of net/http/httptest: for tests
// and demonstrations of programs that talk to one, in whatever language they
// are written.
//
//	srv := bigfixtest.NewServer()
//	defer srv.Close()
//	resp, err := http.Get(srv.URL + "/api/import_status.json?token=" + srv.Token)
//
// # What it simulates
//
// The documented contract of both editions: api/import_status.json and its
// alias api/management/imports.json in JSON and XML, run= with the values that
// the edition knows, tokens in query and header, api/get_token, the errors.
// Behind it, a server on which imports begin, take their time and end: by
// request, every midnight, or because somebody in the web pages started one.
// PlanNext makes the next one fail, rest at 59 percent or hang, and SetSchedule
// moves the daily one, in a time zone with daylight saving time if you like.
// What an import is in truth and what the server tells of it are kept apart,
// which is the point: [Server.Journal] has the truth, to hold against what
// your program concluded from the answers.
//
// # Doubts
//
// Much about real servers is documented nowhere: what run= answers, whether
// last_import_time is the start or the end, what becomes of an import when the
// server restarts. [Doubts] has a field for each such question, of which the
// zero value is the plainest answer. Give them with [WithDoubts], change them
// with Set while the server runs, or let [Random] deal them out: a program is
// right when it is right whichever way they fall.
//
//	srv := bigfixtest.NewServer(bigfixtest.WithDoubts(bigfixtest.Doubts{
//		StartLag:   time.Minute,            // stays idle for a while after run=
//		ImportTime: bigfixtest.MomentStart, // last_import_time is when it began
//	}))
//
// # Faults
//
// A [Fault] spoils answers: a login page, a body cut in the middle, a hang, a
// dropped connection after the import was started all the same. Stop takes the
// whole server off the network, RestartAt restarts it at a time, in mid-import
// or not.
//
//	srv.Fail(bigfixtest.Fault{On: bigfixtest.Looks, Answer: bigfixtest.Answer503, Times: 3})
//
// [Server.Intercept] stops a request at one exact point: before it has any
// effect, between its effect and the answer, behind the answer. RejectTokens
// and RenewCertificate do what administrators do on a Friday.
//
// # Time
//
// A server lives by a [Clock]. With [NewClock] an import of hours takes as
// long as your test moves the clock; with [RealClock], the default, and
// [WithDuration] it takes as many real seconds as you like; [FastClock] runs a
// night in a minute. Nothing happens in the background: the server works out
// what happened when it is asked.
//
// # Without HTTP
//
// [Sim] is the same server as plain function calls, which are told the time
// and answer what a [bigfix.Client] would have returned. It plays a
// hundred thousand imports in a second or two, enough to try a program's judgement
// against every combination of doubts that chance comes up with.
package bigfixtest
