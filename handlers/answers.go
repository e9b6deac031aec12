package handlers

import (
	"strings"

	"importbot/bot"
	"importbot/imports"
)

// answer is what the person who asked for an import is told once it is decided.
type answer struct {
	scene
	card  string // link to the import's card, "" where there is none
	other *scene // the import in the way, where there is one
	// otherCard is the link to its card.
	otherCard string
	direct    bool // it goes by direct message, some time after it was asked
}

// message writes the answer.
func (a answer) message() bot.Message {
	m := simple(a.now, func(p pen) []string {
		lead := ""
		if a.direct {
			lead = "You asked for " + a.wanted(p) + " " + a.asked(p) + "."
		}
		return append([]string{lead}, a.outcome(p)...)
	})
	if a.direct {
		return a.mark(m, kindAnswer)
	}
	return m
}

// asked says when it was asked for, and that it was to wait where it was.
func (a answer) asked(p pen) string {
	if a.imp.WishedAt.IsZero() {
		return p.when(a.imp.AcceptedAt)
	}
	return p.when(a.imp.WishedAt) + ", right after what ran then"
}

func (a answer) outcome(p pen) []string {
	switch {
	case a.imp.Outcome == imports.Cancelled:
		return []string{a.cancelled(p)}
	case a.imp.Outcome == imports.Expired && a.imp.Reason.Kind == imports.ReasonWaited:
		return []string{a.waitedInVain(p)}
	case a.imp.Outcome == imports.Refused && a.imp.Reason.Kind == imports.ReasonRunning:
		return a.joined(p)
	case a.imp.Outcome == imports.Refused:
		return []string{a.refusal(p)}
	case a.imp.Outcome == imports.Expired:
		return []string{a.expiry(p)}
	case a.imp.State == imports.Ended:
		return []string{a.verdict(p), a.why(p), a.follow(p, a.card)}
	case a.direct:
		return []string{"It was started" + a.started(p) + ". " + a.follow(p, a.card)}
	}
	return []string{"Starting " + a.wanted(p) + ". " + a.follow(p, a.card)}
}

// cancelled says who took a waiting start back.
func (s scene) cancelled(p pen) string {
	by := "It was taken back"
	if s.imp.Reason.By != "" {
		by = p.user(s.imp.Reason.By) + " took it back"
	}
	return by + " " + p.when(s.imp.EndedAt) + ", while it waited. " + nothing
}

// waitedInVain says that what a start waited for was not over in time.
func (s scene) waitedInVain(p pen) string {
	why := "what was to end first was not over within 12 hours"
	if f := s.imp.Reason.Failure; f != nil {
		why = "within 12 hours I did not see that what was to end first was over: " + p.failure(*f)
	}
	return "I could not start " + s.wanted(p) + ": " + why + ". " + nothing + " Ask again if you still want it."
}

func (a answer) started(p pen) string {
	if a.imp.SendingAt.IsZero() {
		return ""
	}
	return " " + p.when(a.imp.SendingAt)
}

// follow points at a card.
func (a answer) follow(p pen, card string) string {
	switch {
	case card != "":
		return "Follow it " + p.link(card, "here") + "."
	case a.server.Channel != "":
		return "Follow it in <#" + bot.Escape(a.server.Channel) + ">."
	}
	return ""
}

// joined says what runs already, and that the person hears of its end.
func (a answer) joined(p pen) []string {
	if a.other == nil {
		return []string{"An import is running on " + p.name(a.server.Name) + " already, so nothing was started."}
	}
	return []string{
		capital(a.other.running(p)) + " I'll mention you when it ends. " + a.follow(p, a.otherCard),
		"Nothing else was started.",
	}
}

// running says that an import is under way: "a complete import is already running on prod, 59 %, started elsewhere …".
func (s scene) running(p pen) string {
	verb := " is already running on "
	if s.imp.State != imports.Running && s.imp.BegunAt.IsZero() {
		verb = " is already starting on "
	}
	parts := []string{articled(p.kind(s.imp.Type)) + verb + p.name(s.server.Name)}
	if s.imp.Progress != nil && s.imp.State == imports.Running {
		parts = append(parts, p.percent(*s.imp.Progress))
	}
	if left, ok := s.left(); ok {
		parts = append(parts, "about "+p.span(left)+" left")
	} else if s.still() {
		parts = append(parts, "stands still since "+p.at(s.imp.RestSince))
	}
	for _, from := range s.origin(p) {
		parts = append(parts, lowerFirst(from))
	}
	return strings.Join(parts, ", ") + "."
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// wanted is what was asked for: "a raw import on prod".
func (s scene) wanted(p pen) string {
	return articled(p.kind(s.imp.Type)) + " on " + p.name(s.server.Name)
}

// nothing is the sentence that people look for when a start was refused.
const nothing = "Nothing was started."

// refusal says why a start was refused: what, since when, who can do what about it.
func (s scene) refusal(p pen) string {
	server, r := p.name(s.server.Name), s.imp.Reason
	f := imports.Failure{}
	if r.Failure != nil {
		f = *r.Failure
	}
	switch r.Kind {
	case imports.ReasonRunning:
		return "Another import was running on " + server + " already. " + nothing
	case imports.ReasonNotPermitted:
		return server + " does not let Importbot's user start imports" + httpCode(f) + ". " + nothing +
			" Whoever administers " + server + " has to give that user the permission Manage Imports."
	case imports.ReasonUnauthorized:
		return server + " rejects Importbot's credentials" + httpCode(f) + saying(p, f) + ". " + nothing + " " + s.server.renew(p)
	case imports.ReasonUnreachable:
		return "I can't reach " + server + ": " + p.failure(f) + s.lastSeen(p) + ". " + nothing
	case imports.ReasonNotServer:
		return "What answers at the address of " + server + " is not " + product(s.server.Edition) + reasonIn(p, f) + s.lastSeen(p) + ". " + nothing +
			" Whoever runs Importbot has to check its address, and whether a proxy or a login page answers instead."
	case imports.ReasonBadRequest:
		return server + " refuses to answer" + httpCode(f) + saying(p, f) + s.lastSeen(p) + ". " + nothing +
			" Servers do that in mid-import and around its end too: try again in some minutes."
	case imports.ReasonUnknownMode:
		mode := ""
		if s.known.Good.Status != nil {
			mode = " (" + p.quote(string(s.known.Good.Status.Mode)) + ")"
		}
		return server + " reports a state that I don't know" + mode + ", so I can't be sure that no import runs. " + nothing
	case imports.ReasonNoCard:
		return s.noCard(p)
	}
	detail := ""
	if r.Detail != "" {
		detail = ": " + p.quote(r.Detail)
	}
	return "I could not start " + s.wanted(p) + detail + ". " + nothing
}

// noCard says that an import nobody could follow is not started, and what to do about the channel.
func (s scene) noCard(p pen) string {
	channel := "<#" + bot.Escape(s.server.Channel) + ">"
	_, code, _ := strings.Cut(s.imp.Reason.Detail, "chat.postMessage: ")
	why, todo := "", "Look whether I am a member of the channel and may write there"
	switch {
	case code == "is_archived":
		why, todo = ": it is archived", "Unarchive it, or have me use another channel"
	case code == "not_in_channel":
		why, todo = ": I am not a member of it", "Invite me there"
	case code == "channel_not_found":
		why, todo = ": Slack knows no such channel, or it is private and I am not a member", "Invite me there, or check the channel's ID"
	case code != "":
		why = ": Slack says " + p.quote(code)
	}
	return "I can't post in " + channel + why + ". " + nothing + " An import that nobody can follow is not started. " + todo + ", and ask again."
}

// expiry says why a start came to nothing in its two minutes.
func (s scene) expiry(p pen) string {
	why := ""
	if f := s.imp.Reason.Failure; f != nil {
		why = ": " + p.failure(*f)
	} else if s.imp.Reason.Detail != "" {
		why = ": " + p.quote(s.imp.Reason.Detail)
	}
	return "I could not start " + s.wanted(p) + " within two minutes of being asked" + why + ". " + nothing +
		" What was asked longer ago is not started any more; ask again if you still want it."
}

// lastSeen says when the server last answered.
func (s scene) lastSeen(p pen) string {
	if s.known.Good.At.IsZero() {
		return ""
	}
	return ", last seen " + p.when(s.known.Good.At)
}

// saying quotes the server's own words.
func saying(p pen, f imports.Failure) string {
	if f.Message == "" {
		return ""
	}
	return ": it says " + p.quote(f.Message)
}

// renew says who has to do what about rejected credentials.
func (srv Server) renew(p pen) string {
	if srv.TokenVariable == "" {
		return "Whoever runs Importbot has to renew them."
	}
	return "Whoever runs Importbot has to renew " + p.code(srv.TokenVariable) + "."
}
