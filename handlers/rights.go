package handlers

import (
	"context"
	"errors"
	"slices"
	"time"

	"importbot/bigfix"
	"importbot/bot"
)

// personWithin is how long it may take to find out whether somebody is a guest.
const personWithin = 3 * time.Second

// deed is something that not everybody may do, in the words of a refusal.
type deed struct {
	what    string // "start imports on"
	nothing string // what was not done
}

var (
	deedStart = deed{"start imports on", nothing}
	deedMute  = deed{"mute the alerts of", "Nothing was changed."}
	deedBack  = deed{"take back what others asked for on", "It stays."}
	deedTold  = deed{"ask to be told of imports on", "Nothing was changed."}
)

// mayStart says why whoever asks can't have an import of that type started; nil where they can.
func (h *Handlers) mayStart(ctx context.Context, c *call, srv Server, t bigfix.ImportType) *bot.Message {
	if t == bigfix.TypeRaw && srv.Edition == bigfix.ILMT {
		c.refuse(whyOneKind)
		return new(h.oneKindMessage(srv))
	}
	no := h.mayChange(ctx, c, srv, deedStart)
	if no != nil {
		h.Log.WithFields(map[string]any{"server": srv.Name, "user": c.UserID, "type": t, "why": c.entry.Reason}).Info("A start was refused")
	}
	return no
}

// mayChange says why whoever asks may not do a deed on a server that its operators may; nil where they may. Who is named by
// their ID may, whoever they are. Whom a group or "*" lets in may unless they are a guest or of another workspace, and Slack
// has to say so: whoever opened the door to everybody meant their colleagues.
func (h *Handlers) mayChange(ctx context.Context, c *call, srv Server, d deed) *bot.Message {
	if slices.Contains(srv.Operators, c.UserID) {
		return nil
	}
	if c.Foreign {
		c.refuse(whyForeign)
		return new(h.outsiderMessage(srv, d, wordForeign))
	}
	may, sure := h.may(ctx, c.Request, srv)
	switch {
	case !may && !sure:
		c.refuse(whyOperatorsUnknown)
		return new(h.notOperatorMessage(srv, d, false))
	case !may:
		c.refuse(whyNotOperator)
		return new(h.notOperatorMessage(srv, d, true))
	}
	person, err := h.person(ctx, c)
	switch {
	case err != nil:
		h.Log.WithError(err).WithField("user", c.UserID).Warn("Slack does not say whether somebody is a guest")
		c.refuse(whyPersonUnknown)
		return new(h.personUnknownMessage(srv, d, err))
	case person.Foreign:
		c.refuse(whyForeign)
		return new(h.outsiderMessage(srv, d, wordForeign))
	case person.Guest:
		c.refuse(whyGuest)
		return new(h.outsiderMessage(srv, d, wordGuest))
	}
	return nil
}

// mayAtOnce says whether somebody may start imports, as far as that is known without asking Slack: unsure is that they may unless
// they are a guest.
func (h *Handlers) mayAtOnce(srv Server, userID string) (may, unsure bool) {
	if may, _ = h.Operators.May(srv, userID); !may || slices.Contains(srv.Operators, userID) {
		return may, false
	}
	person, known := h.Slack.Known(userID)
	return !known || !person.Guest && !person.Foreign, !known
}

// Whom a refusal is about.
const (
	wordForeign = "people of other workspaces"
	wordGuest   = "guests"
)

// mayFollow says why whoever asks may not be told of an import's end; nil where they may: everybody but guests and people of
// other workspaces. Where Slack does not tell who they are they may: being mentioned in a channel changes nothing on a server.
func (h *Handlers) mayFollow(ctx context.Context, c *call, srv Server) *bot.Message {
	if slices.Contains(srv.Operators, c.UserID) {
		return nil
	}
	person, err := h.person(ctx, c)
	switch {
	case c.Foreign, err == nil && person.Foreign:
		c.refuse(whyForeign)
		return new(h.outsiderMessage(srv, deedTold, wordForeign))
	case err == nil && person.Guest:
		c.refuse(whyGuest)
		return new(h.outsiderMessage(srv, deedTold, wordGuest))
	}
	return nil
}

// person asks Slack who somebody is, after the ack.
func (h *Handlers) person(ctx context.Context, c *call) (bot.Person, error) {
	c.Ack()
	ctx, cancel := context.WithTimeout(ctx, personWithin)
	defer cancel()
	return h.Slack.Person(ctx, c.UserID)
}

// Named says whether a person is named, by their ID, among the operators of a server. People of other workspaces are
// served only if they are; see bot.Config.
func (h *Handlers) Named(userID string) bool {
	return slices.ContainsFunc(h.Servers, func(srv Server) bool { return slices.Contains(srv.Operators, userID) })
}

// forStranger is what a person of another workspace deals with: the servers among whose operators they are named, as if there
// were no others.
func (h *Handlers) forStranger(userID string) *Handlers {
	theirs := *h
	theirs.Servers = nil
	for _, srv := range h.Servers {
		if slices.Contains(srv.Operators, userID) {
			theirs.Servers = append(theirs.Servers, srv)
		}
	}
	theirs.commands = theirs.table()
	return &theirs
}

// strangerMessage refuses a person of another workspace who is named nowhere.
func (h *Handlers) strangerMessage() bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{
			"I serve people of another workspace only where an operator list names them. Nothing was done.",
			"Ask whoever runs Importbot to add you to the operators of a server.",
		}
	})
}

// outsiderMessage refuses a guest, or a person of another workspace.
func (h *Handlers) outsiderMessage(srv Server, d deed, whom string) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{
			capital(whom) + " may " + d.what + " " + p.name(srv.Name) + " only where they are named. " + d.nothing,
			h.askWhom(p, srv),
		}
	})
}

// askWhom says whom to ask instead.
func (h *Handlers) askWhom(p pen, srv Server) string {
	ask := "Ask whoever runs Importbot to name you in " + p.code(srv.OperatorsVariable) + "."
	if people := without(srv.Operators, everybody); len(people) > 0 {
		ask = "Ask " + h.Operators.listed(p, people, "or") + ", or whoever runs Importbot to name you in " + p.code(srv.OperatorsVariable) + "."
	}
	return ask
}

func without(ids []string, id string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(s string) bool { return s == id })
}

// personUnknownMessage refuses somebody of whom Slack does not say whether they are a guest.
func (h *Handlers) personUnknownMessage(srv Server, d deed, err error) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		first := "I can't find out whether you are a guest, and guests may not " + d.what + " " + p.name(srv.Name)
		if errors.Is(err, bot.ErrNoScope) {
			return []string{
				first + ": my Slack app lacks the scope " + p.code("users:read") + ". " + d.nothing,
				"Whoever runs Importbot has to add that scope and reinstall the app, or to name you in " + p.code(srv.OperatorsVariable) + ".",
			}
		}
		return []string{
			first + ": Slack does not tell me now. " + d.nothing,
			"Try again in some minutes. Whoever is named in " + p.code(srv.OperatorsVariable) + " may at any time.",
		}
	})
}

// notOperatorMessage says who may. sure is false where the members of a group are not known now.
func (h *Handlers) notOperatorMessage(srv Server, d deed, sure bool) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		who, ask := "only "+h.Operators.named(p, srv.Operators), "Ask one of them, or whoever runs Importbot to add you to "
		if len(srv.Operators) == 0 {
			who, ask = "nobody", "Ask whoever runs Importbot to add you to "
		}
		if !sure {
			return []string{
				"I can't find out whether you may " + d.what + " " + p.name(srv.Name) + ": Slack does not tell me who belongs to " +
					h.Operators.groups(p, srv.Operators) + ". " + d.nothing,
				"Try again in some minutes, or ask whoever runs Importbot to name you in " + p.code(srv.OperatorsVariable) + ".",
			}
		}
		return []string{
			capital(who) + " may " + d.what + " " + p.name(srv.Name) + ". " + d.nothing,
			ask + p.code(srv.OperatorsVariable) + ".",
		}
	})
}
