package bigfixtest

import (
	"time"
)

// Answer is a way to answer a request.
type Answer string

// The ways. All but the first two keep the status from whoever asked.
const (
	AnswerStatus   Answer = ""         // 200 with the status
	AnswerStale    Answer = "stale"    // 200 with the status as it was before the request
	AnswerEmpty    Answer = "empty"    // 200 with nothing
	AnswerText     Answer = "text"     // 200 with "OK"
	AnswerNoMode   Answer = "nomode"   // 200 with an object without mode
	AnswerOddMode  Answer = "oddmode"  // 200 with a status whose mode nobody documented
	AnswerHTML     Answer = "html"     // 200 with an HTML login page
	AnswerRedirect Answer = "redirect" // 302 to a login page
	AnswerCut      Answer = "cut"      // 200, and the body breaks off
	AnswerHuge     Answer = "huge"     // 200 with a body over 1 MiB
	AnswerDrop     Answer = "drop"     // the connection is closed once the request was read
	AnswerHang     Answer = "hang"     // nothing at all, until the client goes
	Answer400      Answer = "400"
	Answer401      Answer = "401"
	Answer403      Answer = "403"
	Answer404      Answer = "404"
	Answer500      Answer = "500"     // with a message
	Answer500Bare  Answer = "500bare" // with an HTML error page
	Answer502      Answer = "502"
	Answer503      Answer = "503"
)

// Target is which requests a fault strikes.
type Target string

// Targets.
const (
	Everything Target = ""
	Looks      Target = "looks"  // requests without run=
	Runs       Target = "runs"   // requests with run=
	Logins     Target = "logins" // get_token
)

// Fault spoils answers.
type Fault struct {
	On     Target
	Answer Answer
	// Times is how many requests it strikes; 0 is all until Heal. Beware of
	// AnswerDrop with a few: net/http asks again by itself where a connection
	// breaks that it used before, so one dropped look goes unnoticed.
	Times int
	// Message is the server's message where the answer has one; "" is a usual one.
	Message string
	// Delay comes before the answer, by the server's clock. With AnswerStatus
	// it makes a server that is slow and right.
	Delay time.Duration
	// Taken: a run= request starts its import before the answer is spoiled.
	Taken bool
}

// oddMode is a mode that nobody documented.
const oddMode = "maintenance"

// code is the HTTP status of an answer.
func (a Answer) code() int {
	switch a {
	case AnswerRedirect:
		return 302
	case Answer400:
		return 400
	case Answer401:
		return 401
	case Answer403:
		return 403
	case Answer404:
		return 404
	case Answer500, Answer500Bare:
		return 500
	case Answer502:
		return 502
	case Answer503:
		return 503
	}
	return 200
}

// said is the message that goes with an answer, if it has one.
func (r reply) said() string {
	if r.message != "" {
		return r.message
	}
	switch r.answer {
	case Answer400, Answer500:
		return "Bad Request"
	case Answer401:
		return "Invalid token"
	case Answer403:
		return "Permission denied"
	}
	return ""
}
