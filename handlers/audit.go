package handlers

import (
	"cmp"
	"context"
	"time"

	"importbot/bot"
	"importbot/imports"
	"importbot/internal/audit"
)

// Why a command was refused, as the audit has it; a start that the leader refused has the imports.ReasonKind.
const (
	whyUnknownCommand   = "unknown_command"
	whyUnknownServer    = "unknown_server"
	whyWhichServer      = "which_server"      // several servers, and none was named
	whyTooManyWords     = "too_many_words"    // behind the command stood something that means nothing
	whyOneKind          = "one_kind"          // a raw import where there is only one kind
	whyNotOperator      = "not_operator"      // may not start imports
	whyOperatorsUnknown = "operators_unknown" // Slack does not say who belongs to the group of those who may
	whyStore            = "store"             // the database did not take the wish
	whyUnsure           = "unsure"            // the database may have taken the wish: an entry of the start says whether it did
	whyRepeated         = "repeated"          // of an accepted start: Slack delivered it before, and it counts once
	whyPanic            = "panic"             // a fault of the program: its log has it
	whyConfirm          = "confirm"           // asked about once more before it is started
	whyGuest            = "guest"             // of this workspace, and not named
	whyForeign          = "foreign"           // of another workspace, and not named
	whyPersonUnknown    = "person_unknown"    // Slack does not say whether it is a guest
	whyOldButton        = "old_button"        // what the button was drawn for is over
	whyUnknownButton    = "unknown_button"    // of an earlier version, or not ours
	whyTooLate          = "question_over"     // the question was asked more than a minute ago
	whyNothingRuns      = "nothing_runs"      // there is nothing to wait for the end of
	whyNotSeen          = "not_seen"          // nobody knows whether anything runs
	whyNotWaiting       = "not_waiting"       // there is nothing to take back, or not any more
	whyWhichWaiting     = "which_waiting"     // several wait, and none was named
	whyImportOver       = "import_over"       // whose end was to be told
	whyDuration         = "duration"          // a mute without one, or with one that is too short or too long
	whyNotMuted         = "not_muted"         // there is no mute to end
	whyMutedLonger      = "muted_longer"      // a mute that holds lasts longer than the button's
	whyUnconfirmed      = "unconfirmed"       // of a start: the process that sent it, or was about to, did not live or lead to say so
)

// call is one command or press on its way, with the audit's entry of it.
type call struct {
	*bot.Request
	h     *Handlers
	typed []string // what stood behind the command, as it was typed
	// replaces: the answer takes the place of the message that holds the button.
	replaces bool
	entry    audit.Entry
	sink     func(audit.Entry)
	noted    bool
}

func (h *Handlers) newCall(r *bot.Request) *call {
	e := entryOf(r)
	e.At = h.Now().UTC()
	return &call{Request: r, h: h, entry: e, sink: h.Audit}
}

// Answer says something to the person alone, where they asked for it: to a command and to a button in a message beside it
// or in its place, to a button in the Home tab at the top of that.
func (c *call) Answer(ctx context.Context, m bot.Message) error {
	switch {
	case c.Kind == bot.Action && c.ViewID != "":
		return c.h.sayInHome(ctx, c, m)
	case c.replaces:
		return c.Replace(ctx, m)
	}
	return c.Request.Answer(ctx, m)
}

// standsAlone says that an answer takes no other's place, and none takes its: those to a button in a message that stays.
func (c *call) standsAlone() bool { return c.Kind == bot.Action && c.ViewID == "" && !c.replaces }

// entryOf is who asked for what, and where.
func entryOf(r *bot.Request) audit.Entry {
	return audit.Entry{
		Kind: string(r.Kind), UserID: r.UserID, UserName: r.UserName, TeamID: r.TeamID, ChannelID: r.ChannelID,
		Command: r.Command, Text: cmp.Or(r.Text, r.Value), ActionID: r.ActionID,
	}
}

// refuse says in the audit that a command was not followed, and why.
func (c *call) refuse(why string) { c.entry.Result, c.entry.Reason = audit.Refused, why }

// fail says in the audit that it can't be told whether a command was followed, and why.
func (c *call) fail(why string) { c.entry.Result, c.entry.Reason = audit.Failed, why }

// accepted notes that a wish is stored. It is noted before it is answered: from here on an import may start, whatever
// becomes of this process.
func (c *call) accepted(imp imports.Import, why string) {
	if c.noted {
		return
	}
	c.entry.Result, c.entry.Reason, c.entry.ImportID = audit.Accepted, why, imp.ID
	c.note()
}

// changed notes that what somebody wanted changed is stored.
func (c *call) changed(importID string) {
	if importID != "" {
		c.entry.ImportID = importID
	}
	c.entry.Result = audit.Accepted
}

// asked notes that a start was asked about once more, and nothing was done yet.
func (c *call) asked(why string) { c.entry.Result, c.entry.Reason = audit.Answered, why }

// note hands the entry on, once.
func (c *call) note() {
	if c.noted || c.sink == nil {
		return
	}
	c.noted = true
	c.sink(c.entry)
}

// end notes what has not been noted yet. A refusal stays one where its words could not be brought to the person.
func (c *call) end(err error) {
	switch {
	case c.entry.Result != "":
	case err != nil:
		c.entry.Result, c.entry.Reason = audit.Failed, err.Error()
	default:
		c.entry.Result = audit.Answered
	}
	c.note()
}

// RefusedEntry is the audit's entry of a request that the bot refused before any handler saw it; why is the bot's word.
func RefusedEntry(r *bot.Request, why string) audit.Entry {
	e := entryOf(r)
	e.At, e.Result, e.Reason = time.Now().UTC(), audit.Refused, why
	return e
}

// MissedEntry is StartEntry for whoever finds a start as it is stored, and was not told when it happened. ok is false where
// nothing is settled yet.
func MissedEntry(imp imports.Import) (e audit.Entry, ok bool) {
	ev := imports.Event{Kind: imports.EventSent, ImportID: imp.ID}
	switch {
	case imp.State == imports.Waiting, imp.State == imports.Accepted, imp.State == imports.Sending && !imp.Unconfirmed:
		return audit.Entry{}, false
	case imp.Outcome == imports.Refused, imp.Outcome == imports.Expired, imp.Outcome == imports.Cancelled:
		ev.Kind = imports.EventEnded
	}
	return StartEntry(imp, ev)
}

// StartEntry is the audit's entry of what became of a start that was accepted: the request was sent, or the start was
// refused, taken back or expired. ok is false for everything else that happens to imports. Whoever leads notes it, once it is stored.
func StartEntry(imp imports.Import, ev imports.Event) (e audit.Entry, ok bool) {
	if imp.Origin != imports.Here {
		return audit.Entry{}, false
	}
	e = audit.Entry{
		Kind: audit.Start, UserID: imp.RequestedBy, ChannelID: imp.RequestedIn, Text: string(imp.Type),
		Server: imp.Server, ImportID: imp.ID,
	}
	switch {
	case ev.Kind == imports.EventSent:
		e.At, e.Result = imp.SendingAt, audit.Sent
		switch {
		case imp.Unconfirmed:
			e.Reason = whyUnconfirmed
		case imp.SendAnswer != nil:
			e.Reason = "answered " + string(imp.SendAnswer.Kind) // an import may have begun all the same
		}
	case ev.Kind == imports.EventEnded && (imp.Outcome == imports.Refused || imp.Outcome == imports.Cancelled):
		e.At, e.Result, e.Reason = imp.EndedAt, audit.Refused, string(imp.Reason.Kind)
	case ev.Kind == imports.EventEnded && imp.Outcome == imports.Expired:
		e.At, e.Result, e.Reason = imp.EndedAt, audit.Expired, string(imp.Reason.Kind)
	default:
		return audit.Entry{}, false
	}
	e.At = e.At.UTC()
	return e, true
}
