package handlers

import (
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
	whyUnconfirmed      = "unconfirmed"       // of a start: the process that sent it, or was about to, did not live or lead to say so
)

// call is one command on its way, with the audit's entry of it.
type call struct {
	*bot.Request
	entry audit.Entry
	sink  func(audit.Entry)
	noted bool
}

func (h *Handlers) newCall(r *bot.Request) *call {
	e := entryOf(r)
	e.At = h.Now().UTC()
	return &call{Request: r, entry: e, sink: h.Audit}
}

// entryOf is who asked for what, and where.
func entryOf(r *bot.Request) audit.Entry {
	return audit.Entry{
		Kind: string(r.Kind), UserID: r.UserID, UserName: r.UserName, TeamID: r.TeamID, ChannelID: r.ChannelID,
		Command: r.Command, Text: r.Text, ActionID: r.ActionID,
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
	case imp.State == imports.Accepted, imp.State == imports.Sending && !imp.Unconfirmed:
		return audit.Entry{}, false
	case imp.Outcome == imports.Refused, imp.Outcome == imports.Expired:
		ev.Kind = imports.EventEnded
	}
	return StartEntry(imp, ev)
}

// StartEntry is the audit's entry of what became of a start that was accepted: the request was sent, or the start was
// refused or expired. ok is false for everything else that happens to imports. Whoever leads notes it, once it is stored.
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
	case ev.Kind == imports.EventEnded && imp.Outcome == imports.Refused:
		e.At, e.Result, e.Reason = imp.EndedAt, audit.Refused, string(imp.Reason.Kind)
	case ev.Kind == imports.EventEnded && imp.Outcome == imports.Expired:
		e.At, e.Result, e.Reason = imp.EndedAt, audit.Expired, string(imp.Reason.Kind)
	default:
		return audit.Entry{}, false
	}
	e.At = e.At.UTC()
	return e, true
}
