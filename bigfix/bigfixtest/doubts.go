package bigfixtest

import (
	"time"

	"importbot/bigfix"
)

// Doubts are the questions about a real server that its documentation leaves
// open. The zero value is the plainest answer to each of them. A program that
// watches imports should be right whichever way they are answered: Random
// deals them out for tests that play many.
type Doubts struct {
	// About starting.

	// RunAnswer is how run= is answered. "" is the status after the request;
	// AnswerStale is the status as it was before. The others hide the status,
	// and the import begins all the same.
	RunAnswer Answer
	// StartLag is how long the server stays as it was after run= before the
	// import begins.
	StartLag time.Duration
	// ShowLag is how long an import of any origin runs before mode says so.
	ShowLag time.Duration
	// DropRun: run= is answered as if taken, and no import ever begins.
	DropRun bool
	// WhileRunning is what happens to run= while an import runs.
	WhileRunning WhileRunning

	// About last_status, last_import_time and their like.

	// ImportTime is the moment that last_import_time tells of.
	ImportTime Moment
	// SuccessTime is the moment that last_success_time tells of.
	SuccessTime Moment
	// MovedBeforeRunning: last_import_time and last_import_type move when run=
	// is taken, or an import of another origin begins, while mode says idle
	// for StartLag or ShowLag yet. last_status keeps the old word until the end.
	MovedBeforeRunning bool
	// OnFailure is what of last_… moves when an import fails.
	OnFailure OnFailure
	// FailureWord is last_status after a failure, "failed" if empty.
	// SuccessWord is "successful" if empty; only that word is documented.
	FailureWord, SuccessWord string
	// NoLastStatus and NoLastType leave these fields out.
	NoLastStatus, NoLastType bool
	// EndLag is how long the server says idle after an end before last_… move.
	EndLag time.Duration
	// HideRunning: mode never says running; imports show in last_… only.
	HideRunning bool

	// About progress.

	Progress Progress

	// About what comes between and behind.

	// AfterRestart is what becomes of an import that was running when the
	// server was restarted.
	AfterRestart AfterRestart
	// RightBehind: somebody in the web pages starts another import, of the
	// type BehindType (complete if empty), BehindGap after each end.
	RightBehind bool
	BehindGap   time.Duration
	BehindType  bigfix.ImportType
	// ScheduleDead: scheduled imports are announced and don't run.
	ScheduleDead bool
	// LooksFail is the share, 0 to 1, of looks that are answered with a
	// complaint about the database while an import runs and in the half minute
	// around its end.
	LooksFail float64
	// Skew is how far the server's clock is ahead of the true one.
	Skew time.Duration

	// About permission and tokens.

	// Permission is how the server treats a token whose owner may not manage
	// imports.
	Permission Permission
	// WrongToken is how a wrong token is answered, Answer401 if "".
	WrongToken Answer
	// NoToken is how a request without any token is answered, Answer500 if "":
	// that is documented for parameters that are missing.
	NoToken Answer
	// TokenVia is where the server looks for the token.
	TokenVia TokenVia
	// SingleSignOn: get_token is refused, with LoginAnswer (as for a wrong
	// password if ""). Tokens from the web pages work.
	SingleSignOn bool
	// LoginAnswer is how a wrong password is answered; "" is what the edition
	// documents, Answer401 for BFI and Answer500 for ILMT.
	LoginAnswer Answer
	// TokenLifetime is how long a fetched token lives; 0 is for ever.
	TokenLifetime time.Duration

	// About the wire.

	// NumbersAsStrings writes "59" for 59.
	NumbersAsStrings bool
	// NullsForAbsent writes null where a field would be left out.
	NullsForAbsent bool
	// NoMainPath and NoAliasPath answer 404 on one of the two paths.
	NoMainPath, NoAliasPath bool
	// Latency is how long every answer takes, by the server's clock.
	Latency time.Duration
}

// WhileRunning is what happens to run= while an import runs.
type WhileRunning string

// What can happen to it.
const (
	RunDropped WhileRunning = ""        // answered with the status, nothing else
	RunQueued  WhileRunning = "queued"  // begins when the one that runs ends
	RunRefused WhileRunning = "refused" // answered with 500 and a message
)

// Moment is the moment of an import that a time tells of.
type Moment string

// Moments. MomentDefault is the end for last_import_time, and the same as
// last_import_time for last_success_time.
const (
	MomentDefault Moment = ""
	MomentEnd     Moment = "end"
	MomentStart   Moment = "start"
)

// OnFailure is what of last_… moves when an import fails.
type OnFailure string

// What can move.
const (
	FailureMoves    OnFailure = ""        // last_status, last_import_time, last_import_type
	FailureWordOnly OnFailure = "word"    // last_status alone
	FailureSilent   OnFailure = "nothing" // as if there had been no import
)

// Progress is the shape of the progress of an import.
type Progress string

// Shapes. None of the documented facts rules any of them out.
const (
	ProgressUsual     Progress = ""       // rises throughout, at uneven speed
	ProgressLinear    Progress = "linear" // 0 to 100 evenly
	ProgressRests     Progress = "rests"  // at 99 for the last third
	ProgressFallsBack Progress = "falls"  // falls by 15 points halfway
	ProgressResets    Progress = "resets" // begins anew after two thirds
	ProgressJumps     Progress = "jumps"  // 0 until nearly the end, then 100
	ProgressAbsent    Progress = "absent" // never given
)

// AfterRestart is what becomes of an import that ran when the server restarted.
type AfterRestart string

// What can become of it.
const (
	RestartForgets AfterRestart = ""        // nothing is ever said of it
	RestartFails   AfterRestart = "fails"   // recorded as failed when the server is back
	RestartAnew    AfterRestart = "anew"    // another of the same type begins when the server is back
	RestartResumes AfterRestart = "resumes" // it goes on where it was
)

// Permission is how a missing permission shows.
type Permission string

// How it can show.
const (
	PermissionGranted Permission = ""       // it is not missing
	PermissionFlag    Permission = "flag"   // can_run_imports is false, run= does nothing
	PermissionRun403  Permission = "run403" // can_run_imports is false, run= is answered 403
	PermissionAll403  Permission = "all403" // every request is answered 403
)

// TokenVia is where the server looks for the token.
type TokenVia string

// Where it can look. By default BFI looks into the query and ILMT into both;
// where both hold one, the header's counts.
const (
	TokenByEdition  TokenVia = ""
	TokenQueryOnly  TokenVia = "query"
	TokenHeaderOnly TokenVia = "header" // api_token_in_url_enabled=false
	TokenEither     TokenVia = "either"
)
