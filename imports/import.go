package imports

import (
	"time"

	"importbot/bigfix"
)

// Origin says who set an import going, as far as the server lets one know.
type Origin string

const (
	// Here: a person asked Importbot for it.
	Here Origin = "here"
	// Scheduled: nobody asked here, and the server had said it was due.
	Scheduled Origin = "scheduled"
	// Elsewhere: nobody asked here, and it was not due: the web pages, the API, another tool.
	Elsewhere Origin = "elsewhere"
	// Late: it began after a start made here had been given up, without a sign or for a refusal: "begun late, perhaps yours".
	Late Origin = "late"
)

// State is where an import stands in its life. It only ever moves down this list.
type State string

const (
	// Waiting: asked for with "after": it is accepted once what runs now is over. Until then anybody's replica may cancel it.
	Waiting State = "waiting"
	// Accepted: the intent is stored; no run= request has left.
	Accepted State = "accepted"
	// Sending: written before the run= request leaves. Found after a restart it is only watched, never sent again.
	Sending State = "sending"
	// Sent: the request has left and nothing was seen running yet.
	Sent State = "sent"
	// Running: a look said so.
	Running State = "running"
	// Settling: a look says that nothing runs (any more), and the evidence of how it ended is not complete.
	Settling State = "settling"
	// Ended: over, with an Outcome. Nothing changes it again.
	Ended State = "ended"
)

// Outcome is how an import ended; empty until State is Ended.
type Outcome string

const (
	// Succeeded: the server reports this import as successful.
	Succeeded Outcome = "succeeded"
	// Failed: the server reports this import with any other word, kept in End.Status.
	Failed Outcome = "failed"
	// Unclear: it is over and the server reports an end, but something speaks against its being this one (Import.Doubts).
	Unclear Outcome = "unclear"
	// Unknown: it is over, or out of sight for a day, and nothing says how it ended.
	Unknown Outcome = "unknown"
	// NotBegun: run= was sent, and the server showed no sign of an import within the start grace, or refused.
	NotBegun Outcome = "not_begun"
	// Refused: nothing was sent; Import.Reason says why.
	Refused Outcome = "refused"
	// Expired: nothing was sent, for it could not be within two minutes of being accepted, or within 12 h of being asked for
	// with "after".
	Expired Outcome = "expired"
	// Cancelled: it was taken back while it was waiting for another to end.
	Cancelled Outcome = "cancelled"
)

// NeedsAttention says whether somebody has to look: failed, unknown, or unclear with any last word but "successful".
func (i Import) NeedsAttention() bool {
	switch i.Outcome {
	case Failed, Unknown:
		return true
	case Unclear:
		return i.End == nil || i.End.Status != bigfix.StatusSuccessful
	}
	return false
}

// Import is one data import of one server, from the wish (or the first sign) to its end.
// Times are Importbot's clock in UTC unless they are said to be the server's.
type Import struct {
	ID     string
	Server string
	// Type is what was asked for, or what the server reported at the end; empty while nobody can know.
	Type    bigfix.ImportType
	Origin  Origin
	State   State
	Outcome Outcome

	// RequestedBy is the Slack user who asked, empty for imports not started here. RequestKey is unique for each wish
	// (Slack's trigger_id). RequestedIn is the channel it was typed in.
	RequestedBy, RequestKey, RequestedIn string
	// Followers are mentioned at the end: who asked first, then who joined. The store keeps them beside the import,
	// so that saving an import never loses one; Save ignores this field.
	Followers []string
	// Direct are those of the followers who want to be told of the end by direct message instead; kept like Followers.
	Direct []string `json:",omitempty"`
	// AnsweredAt is when the person who asked got the answer with the link or the refusal; kept by the store like Followers.
	AnsweredAt time.Time

	// WishedAt is when it was asked for with "after", After the import that ran then, where that is known.
	WishedAt time.Time `json:",omitzero"`
	After    string    `json:",omitempty"`

	AcceptedAt time.Time // the intent was stored, or what it waited for was over
	SendingAt  time.Time // just before run= left
	BegunAt    time.Time // the first look that said running; for an import that was never seen running, the best that is known
	EndedAt    time.Time // the first look that said that nothing runs any more; where there was none, when it was given up
	LastLook   time.Time // the last look that was answered with a mode we know
	LastRun    time.Time // the last look that said running
	// Progress is the last one reported, in percent; nil where none was.
	Progress *int
	// LongestRest is how long its progress stood still at most, between looks that were answered, and RestSince is the first
	// look that showed the present progress; zero where no progress was ever seen.
	LongestRest time.Duration `json:",omitempty"`
	RestSince   time.Time     `json:",omitzero"`
	// Baseline is what the server reported before this import: the look before the start, or the last one that was not running.
	Baseline *Baseline
	// FirstRunning and LastRunning bracket the looks that said running, with the request's times.
	FirstRunning, LastRunning Span
	// SendAnswer is how the run= request was answered when that was not a plain 200; nil otherwise.
	SendAnswer *Failure
	// Unconfirmed says that another process marked it as Sending and did not live, or not lead, to say how run= was
	// answered: nobody knows whether the request left.
	Unconfirmed bool `json:",omitempty"`
	// Midway says that it ran already at the first look ever at its server: BegunAt is that look, and nobody knows when it began.
	Midway bool `json:",omitempty"`
	// EndUnseen says that three looks or more were not made, or not answered, before the first one that said that nothing
	// runs any more: the end lies somewhere between LastRunning and EndedAt.
	EndUnseen bool `json:",omitempty"`
	// Doubts speak against a reported end being this import's, in the order they came up.
	Doubts []Doubt
	// Settle counts the looks since nothing runs any more, or since the start without a sign.
	Settle *Settle
	// Early is an end that the server reported before this import was first seen running; nil as a rule. Some servers
	// may write the time of an import down when it begins: then it proves nothing about the end.
	Early *End
	// End is what the server reported when it was over; nil where it reported nothing new.
	End *End
	// Missed is the present row of failed looks; nil while the server answers.
	Missed *Missed
	// Lost is when the server went out of sight during this import (the first failed look of a row that is too long to
	// be a lost poll or two); zero while it is seen.
	Lost time.Time
	// LastFailure is the last failed look's; it stays nil while all looks were answered.
	LastFailure *Failure
	// Reason says why it was refused, expired, not begun or unknown.
	Reason Reason
	// LateFor is the ID of the start that was given up, or refused by the server, shortly before this import began; for
	// Late only.
	LateFor string
	// Milestones are in the order they happened.
	Milestones []Milestone `json:"Notices"` // what it was called when the first databases were written
	// Revision rises with each change that people may see. The publisher compares it with what is shown.
	Revision int64
}

// Begun says whether this import, as far as is known, ever began on the server.
func (i Import) Begun() bool {
	return !i.BegunAt.IsZero() || i.State == Running ||
		i.Outcome == Succeeded || i.Outcome == Failed || i.Outcome == Unclear
}

// Duration is from the beginning to the end as seen from here; ok is false where either is not known.
// An import that was never seen running, or whose beginning or end nobody saw, has no duration that can be claimed.
func (i Import) Duration() (d time.Duration, ok bool) {
	if i.BegunAt.IsZero() || i.EndedAt.IsZero() || i.FirstRunning.At.IsZero() || i.Midway || i.EndUnseen {
		return 0, false
	}
	return i.EndedAt.Sub(i.BegunAt), true
}

// Span is when one request was asked and when its answer was there, by our clock.
type Span struct{ Asked, At time.Time }

// Baseline is what a look reported of the past and of the schedule. Zero times mean that the server did not say.
type Baseline struct {
	Span            Span
	Mode            bigfix.Mode
	LastStatus      bigfix.LastStatus
	LastSuccessTime time.Time // the server's clock
	LastImportTime  time.Time // the server's clock
	LastImportType  bigfix.ImportType
	NextImportTime  time.Time // the server's clock
	NextImportType  bigfix.ImportType
	// DueTime and DueType are the last entry of the schedule whose time had come without an import being seen since, as
	// far as it is known; zero as a rule. It may begin any moment although NextImportTime says tomorrow.
	DueTime time.Time // the server's clock
	DueType bigfix.ImportType
	// Unsettled says that shortly before this look the time of the last import had moved, and nothing else: something may
	// be about to run, or more about to be written down of what ran.
	Unsettled bool
	// Ahead is how far the server's clock is ahead of ours, nil where it gave no way to tell.
	Ahead *time.Duration
}

// End is the server's report that an import's end was read from.
type End struct {
	Status      bigfix.LastStatus
	Type        bigfix.ImportType
	ImportTime  time.Time // last_import_time, the server's clock
	SuccessTime time.Time // last_success_time, the server's clock
	SeenAt      time.Time
}

// Settle is what has been seen since nothing runs.
type Settle struct {
	Since time.Time // the first answered look of the row
	Looks int       // answered looks of the row
	End   *End      // the end that is waited on to hold, nil where nothing moved
}

// Missed is a row of failed looks.
type Missed struct {
	Since time.Time // the first of the row
	Looks int
}

// Doubt is one thing that speaks against an end being this import's.
type Doubt struct {
	Kind     DoubtKind
	From, To time.Time // for a gap: between which looks nothing was seen
}

// DoubtKind says what kind of doubt it is.
type DoubtKind string

const (
	DoubtGap         DoubtKind = "gap"          // answered looks more than two minutes apart
	DoubtFellBack    DoubtKind = "fell_back"    // progress fell by more than ten points, or to less than half
	DoubtNightly     DoubtKind = "nightly"      // a scheduled import was due in the same minutes
	DoubtType        DoubtKind = "type"         // the reported type is another one
	DoubtTime        DoubtKind = "time"         // the reported time fits neither the beginning nor the end
	DoubtNoBaseline  DoubtKind = "no_baseline"  // never seen before it ran, and no clock to compare with
	DoubtTypeUnknown DoubtKind = "type_unknown" // the server gave no type
	// DoubtAnother: signs of a second import in the same minutes: idle for one look in mid-import, an end that was
	// replaced by another while it was waited on, "failed" although the last success moved.
	DoubtAnother DoubtKind = "another"
	// DoubtStale: nothing but the time of the last import moved, so the server's word may still be that of the one before.
	DoubtStale DoubtKind = "stale"
	// DoubtRefused: the server refused run= for want of permission or a good token, yet an import ran.
	DoubtRefused DoubtKind = "refused"
)

// Reason says why an import was not sent, did not begin, or can't be judged.
type Reason struct {
	Kind ReasonKind
	// Failure is the server's answer, where there was one.
	Failure *Failure
	// Other is the import in the way, for ReasonRunning.
	Other string
	// Detail is for people, already free of secrets: Slack's error for ReasonNoCard.
	Detail string
	// By is the user who took it back, for ReasonCancelled.
	By string `json:",omitempty"`
}

// ReasonKind says which reason it is.
type ReasonKind string

const (
	ReasonRunning      ReasonKind = "running"       // another import runs
	ReasonNotPermitted ReasonKind = "not_permitted" // can_run_imports is false, or 403
	ReasonUnauthorized ReasonKind = "unauthorized"  // the credentials were rejected
	ReasonUnreachable  ReasonKind = "unreachable"   // no look was answered
	ReasonNotServer    ReasonKind = "not_server"    // something answers that is not this server
	ReasonBadRequest   ReasonKind = "bad_request"   // the server refused the request in words
	ReasonUnknownMode  ReasonKind = "unknown_mode"  // a mode we don't know: can't be sure that nothing runs
	ReasonNoCard       ReasonKind = "no_card"       // the channel takes no card
	ReasonTooLate      ReasonKind = "too_late"      // could not be sent within two minutes
	ReasonWaited       ReasonKind = "waited"        // what it was to come after did not end within 12 h
	ReasonCancelled    ReasonKind = "cancelled"     // somebody took it back
	ReasonNoSign       ReasonKind = "no_sign"       // sent, and no sign of an import within the start grace
	ReasonNothingMoved ReasonKind = "nothing_moved" // was running, is not any more, and the server reports nothing new
	ReasonOutOfSight   ReasonKind = "out_of_sight"  // no answer for a day
	ReasonHistory      ReasonKind = "history"       // the server's own history went backwards
	ReasonNoWord       ReasonKind = "no_word"       // it ended, and the server gave no word for how
)

// Failure is a look or a start that was not answered with a status, in a form that can be stored and shown.
type Failure struct {
	Kind    FailureKind
	HTTP    int    // status code, 0 where there was none
	Reason  string // a few words: "connection refused"
	Message string // the server's own words, free of the token, not yet escaped for Slack
	At      time.Time
}

// FailureKind mirrors bigfix's sentinels, so that it can be stored.
type FailureKind string

const (
	FailUnauthorized FailureKind = "unauthorized"
	FailForbidden    FailureKind = "forbidden"
	FailNotServer    FailureKind = "not_server"
	FailBadRequest   FailureKind = "bad_request"
	FailUnavailable  FailureKind = "unavailable"
)

// Milestone is a step on the way of an import that people are told of.
type Milestone struct {
	Kind     MilestoneKind
	At       time.Time
	Progress int      // percent, for MilestoneProgress: 25, 50 or 75
	Failure  *Failure // for MilestoneLost
}

// MilestoneKind is a kind of milestone.
type MilestoneKind string

const (
	MilestoneStarted  MilestoneKind = "started"
	MilestoneProgress MilestoneKind = "progress"
	MilestoneLost     MilestoneKind = "lost" // the server is not seen
	MilestoneSeen     MilestoneKind = "seen" // it is seen again
)

// Observation is one look at a server: an answer, or a failure to get one.
type Observation struct {
	Span
	Status  *bigfix.Status // nil where there was none
	Failure *Failure       // nil where there was an answer
}

// Server is what is known of one server, kept across restarts.
type Server struct {
	Name string
	// Last is the last look, answered or not.
	Last Observation
	// Good is the last answered one.
	Good Observation
	// Quiet is the last look that was answered with a mode in which nothing runs; nil before the first.
	Quiet *Baseline
	// DownSince is when the first of the present row of failed looks came; zero while it answers. DownLooks counts them.
	DownSince time.Time
	DownLooks int
	// Absence is the last time that nobody looked at this server for long; zero where there was none.
	Absence Absence
	// Alerts are the open ones, and those that were over within the last week, oldest first.
	Alerts []Alert `json:",omitempty"`
	// Schedule is what the looks showed of its schedule.
	Schedule Schedule `json:",omitzero"`
	// Fresh is the last success that counts for the reports, by the server's clock: a raw one brings nothing to them. As far
	// as the types are known; a success of unknown type counts. Zero where none is known.
	Fresh time.Time `json:",omitzero"`
	// FreshFrom is before when nothing is held against the age of Fresh, by the server's clock; zero as a rule. It is set
	// where the server never told of a success, or its history was put back.
	FreshFrom time.Time `json:",omitzero"`
	// SeenAt is the last look that said whether something runs. SeenSince is the first of those that follow each other
	// without a pause of more than a lost look, WatchedSince without one that would make an absence.
	SeenAt, SeenSince, WatchedSince time.Time `json:",omitzero"`
	// PendingSince is the first of the answers in a row that all said pending, but for those while an import ran; zero while the
	// last one did not.
	PendingSince time.Time `json:",omitzero"`
	// Unseen is the present row of failed looks as alerts count them: begun anew after an Absence, and after a look that was
	// rejected twice in a row. Denied is the present row of looks that were rejected for want of credentials or permission.
	Unseen, Denied Missed `json:",omitzero"`
	// Moved is an end that the server reports and nobody has waited out yet; Told the last one that was. For the judge alone.
	Moved *Moved
	Told  *End
}

// Absence is a time in which nobody looked at a server: no process led, or the one that did was frozen.
type Absence struct {
	Since time.Time // the last look before it that was recorded, answered or not
	Until time.Time // when the first one after it was asked; where one was under way all the while, right after its answer
	// Before is what the server last reported before it with nothing running; nil where it never did.
	Before *Baseline
}

// Moved is an end that showed up between two looks at a server on which nothing was seen running.
type Moved struct {
	Before Baseline // the look before it
	End    End
	Since  time.Time // the first look that reported this end
	Looks  int       // how many did
	Again  bool      // it replaced another end that was waited on
	Unseen bool      // no import was seen running at the last answered look before it
}

// Event is something that happened to an import in one step of the judge, for logs, metrics and tests.
type Event struct {
	Kind     EventKind
	ImportID string
}

// EventKind is a kind of event.
type EventKind string

const (
	EventSent     EventKind = "sent" // the run= request of a start has left, or, where it is Unconfirmed, may have
	EventBegan    EventKind = "began"
	EventProgress EventKind = "progress"
	EventLost     EventKind = "lost"
	EventSeen     EventKind = "seen"
	EventSettling EventKind = "settling"
	EventEnded    EventKind = "ended"
)
