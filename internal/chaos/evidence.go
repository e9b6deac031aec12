//go:build unix

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"importbot/bigfix/bigfixtest"
	"importbot/imports"
	"importbot/internal/slacksim"
)

// Evidence is everything that is left of a world when all is over. It is what the rules judge, and it is plain data:
// the tests of the rules doctor it.
type Evidence struct {
	// History: the bot may read the channel's history, and so look for a message whose answer was lost.
	History bool
	// Unsettled says what was still missing when the world was given up; empty where it came to rest.
	Unsettled string

	Commands []Command
	// Imports are the rows of the bot's database.
	Imports []imports.Import
	// Alerts are those that it keeps with its servers, Mutes the newest of each server.
	Alerts []imports.Alert
	Mutes  []imports.Mute
	// AlertChannel is where alerts go; empty where that is the server's own channel. Announce is ANNOUNCE.
	AlertChannel, Announce string
	// Digests are the channels that are due a week's report.
	Digests []string
	// Homes are the times that somebody opened the Home tab.
	Homes []Opening
	// At is when all this was gathered.
	At time.Time
	// Messages are those of all channels and direct messages, as they stand at the end.
	Messages   []slacksim.Message
	Calls      []slacksim.Call
	Violations []slacksim.Violation
	// Servers has each simulated server's journal by its name.
	Servers map[string]bigfixtest.Journal
	Lives   []Life
	Deeds   []Deed
	// Deaf are the times in which no socket took envelopes.
	Deaf []Span
	// Stalls are the times in which the machine had no time for the harness.
	Stalls []Span
	// Outputs are the texts in which no secret may stand, by where they were found; Secrets what is looked for.
	Outputs map[string]string
	Secrets map[string]string
}

// Command is what a person typed or pressed, and what came of it.
type Command struct {
	At       time.Time
	User     string
	Text     string // without the slash command itself
	Operator bool   // may start imports
	Trigger  string // Slack's id for it
	Path     string // of its response_url
	Pressed  string // the button that was pressed instead of typing; empty for a command
	TS       string // of the message with that button
	Private  bool   // it was pressed in a message that only they see, which may be changed instead of answered
	Acked    bool
	AckAfter time.Duration
	Failure  string   // Slack's code for what the person was shown instead
	Answers  []string // as they stand at the end
	// Envelopes are its deliveries, each to a process.
	Envelopes []slacksim.Envelope
}

// starts reports whether it asks for an import.
func (c Command) starts() bool {
	switch c.Pressed {
	case "start_raw", "start_complete", "confirm_start":
		return true
	}
	word, _, _ := strings.Cut(c.Text, " ")
	return word == "raw" || word == "complete"
}

// Opening is a person opening the Home tab.
type Opening struct {
	At    time.Time
	User  string
	Acked bool
	// Envelopes are its deliveries, each to a process.
	Envelopes []slacksim.Envelope
}

// Deed is something that the harness did.
type Deed struct {
	At      time.Time
	Fault   string // by which it was dealt; empty for what belongs to no fault
	Kind    deedKind
	Replica string
	Text    string
}

type deedKind string

// Kinds of deed, as far as the rules make a difference.
const (
	didKill     deedKind = "kill"
	didFreeze   deedKind = "freeze"
	didThaw     deedKind = "thaw"
	didStop     deedKind = "stop"     // SIGTERM
	didStart    deedKind = "start"    // a process
	didSockets  deedKind = "sockets"  // something about Slack's connections
	didDatabase deedKind = "database" // something about the database, until didHeal
	didHeal     deedKind = "heal"
	didStall    deedKind = "stall"
	didToken    deedKind = "token" // Slack refuses a token, until didHeal
	didOther    deedKind = "other"
)

// Span is a stretch of time; To is zero while it lasts.
type Span struct{ From, To time.Time }

// kind is what a message of the bot's says that it is.
func kind(m slacksim.Message) string { return payload(m, "kind") }

// importOf is the id of the import that a message is about.
func importOf(m slacksim.Message) string { return payload(m, "id") }

func payload(m slacksim.Message, key string) string {
	if m.Metadata == nil {
		return ""
	}
	text, _ := m.Metadata.Payload[key].(string)
	return text
}

// deeds are those of some kinds that were done between two times.
func (e *Evidence) deeds(from, to time.Time, kinds ...deedKind) []Deed {
	var out []Deed
	for _, d := range e.Deeds {
		if slices.Contains(kinds, d.Kind) && !d.At.Before(from) && !d.At.After(to) {
			out = append(out, d)
		}
	}
	return out
}

// row is the import that a command became, if it was accepted.
func (e *Evidence) row(c Command) (imports.Import, bool) {
	for _, imp := range e.Imports {
		if wish(imp) == c.Trigger {
			return imp, true
		}
	}
	return imports.Import{}, false
}

// wish is the trigger of the command that an import was asked for with: of one that had to be confirmed, the command that was asked about.
func wish(imp imports.Import) string { return strings.TrimPrefix(imp.RequestKey, "confirmed ") }

// about are the messages of one kind about one import.
func (e *Evidence) about(id, what string) []slacksim.Message {
	var out []slacksim.Message
	for _, m := range e.Messages {
		if importOf(m) == id && kind(m) == what {
			out = append(out, m)
		}
	}
	return out
}

// command finds one by its trigger.
func (e *Evidence) command(trigger string) (Command, bool) {
	for _, c := range e.Commands {
		if c.Trigger == trigger {
			return c, true
		}
	}
	return Command{}, false
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

func describe(imp imports.Import) string {
	return fmt.Sprintf("import %s (%s on %s, %s, %s %s)", imp.ID, imp.Type, imp.Server, imp.Origin, imp.State, imp.Outcome)
}
