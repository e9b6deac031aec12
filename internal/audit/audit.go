// Package audit keeps the record of what people asked Importbot for and what came of it, refusals included: who, where, what, on
// which server, with which result.
//
// An [Entry] is written twice. As a line of JSON to a file or to standard error, for those who ship their logs to where the bot can't
// reach them any more; and as a row through a [Sink], which is the store, for those who ask with SQL. Neither waits for the other,
// and whoever notes an entry waits for neither:
//
//	log, err := audit.New(audit.Config{Path: "/var/log/importbot/audit.jsonl", Sink: store, Replica: "bot-1:42", Log: logger})
//	if err != nil { … }
//	go log.Run(ctx)
//	log.Note(audit.Entry{Kind: audit.Command, UserID: "U1", Command: "/import", Text: "raw prod", Result: audit.Accepted})
//
// Entries that a full disk or an absent database holds up wait in memory, a thousand of each at most; what finds no room is counted,
// and the count becomes an entry of its own, so that a gap in the record can be told from a quiet night.
package audit

import (
	"context"
	"time"
)

// What an entry may be of.
const (
	Command    = "command"    // a slash command, also one written as a message to the bot
	Action     = "action"     // a button that was pressed
	Submission = "submission" // a form that was sent
	Start      = "start"      // what became of a start that was accepted: noted by the process that leads
	Lost       = "lost"       // entries that could not be kept: Reason says how many
)

// What may have come of it.
const (
	Answered = "answered" // it asked for nothing but an answer, and got one
	Accepted = "accepted" // a start, or another change, was stored and will be done
	Refused  = "refused"  // it was not done: Reason says why
	Failed   = "failed"   // it could not be done, or not be answered: Reason says why
	Sent     = "sent"     // of a start: the request went to the server
	Expired  = "expired"  // of a start: it could not be sent in time, and will not be
)

// Entry is one thing that was asked for or done. It holds no secret; its texts are people's.
type Entry struct {
	At        time.Time `json:"at"`                  // UTC, to the millisecond
	Kind      string    `json:"kind"`                // Command, Action, Submission, Start or Lost
	UserID    string    `json:"user_id,omitempty"`   // of who asked: U0123…
	UserName  string    `json:"user_name,omitempty"` // as Slack told it: people change theirs
	TeamID    string    `json:"team_id,omitempty"`
	ChannelID string    `json:"channel_id,omitempty"`
	Command   string    `json:"command,omitempty"`   // "/import"
	Text      string    `json:"text,omitempty"`      // what was typed behind it, or the value of what was pressed; at most 1,000 characters
	ActionID  string    `json:"action_id,omitempty"` // of a button or form
	Server    string    `json:"server,omitempty"`    // its name in the configuration; "" where none was meant
	ImportID  string    `json:"import_id,omitempty"` // as in the store and in the metadata of Slack messages
	Result    string    `json:"result"`              // Answered, Accepted, Refused, Failed; of a Start: Sent, Refused, Expired
	Reason    string    `json:"reason,omitempty"`    // why it was refused or failed; at most 1,000 characters
	Replica   string    `json:"replica,omitempty"`   // the process that noted it
}

// Sink takes entries for good: the store. An error means that the same entry is brought again later; one that is brought twice must
// be kept once.
type Sink interface {
	Audit(ctx context.Context, e Entry) error
}
