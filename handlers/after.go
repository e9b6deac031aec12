package handlers

import (
	"context"
	"slices"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// afterWords are those that ask for a start once what runs now is over.
var afterWords = []string{"after", "afterwards", "then"}

// takeAfter takes them out of what was typed, wherever they stand.
func takeAfter(args []string) (rest []string, after bool) {
	for _, word := range args {
		if slices.Contains(afterWords, word) {
			after = true
			continue
		}
		rest = append(rest, word)
	}
	return rest, after
}

// startAfter stores a wish that waits for what runs now. Where nothing runs there is nothing to wait for, and where nobody
// knows it is not guessed.
func (h *Handlers) startAfter(ctx context.Context, c *call, srv Server, t bigfix.ImportType) error {
	v := h.views(ctx, []Server{srv}, c.UserID)[0]
	s := v.scene
	s.imp = imports.Import{Server: srv.Name, Type: t}
	first, coming := h.firstOf(ctx, srv)
	switch {
	case v.busy(), coming:
	case !v.sees():
		c.refuse(whyNotSeen)
		return c.Answer(ctx, h.afterUnseenMessage(s))
	default:
		c.refuse(whyNothingRuns)
		return c.Answer(ctx, h.nothingRunsMessage(s, memo{Server: srv.Name, Type: t, Key: c.ID, Drawn: s.now.Unix()}))
	}
	c.Ack()
	imp, created, err := h.Intake.After(ctx, imports.Wish{
		Server: srv.Name, Type: t, UserID: c.UserID, ChannelID: c.ChannelID, Key: c.ID, After: first.ID,
	})
	if err != nil {
		return h.notAccepted(ctx, c, srv, err)
	}
	why := ""
	if !created && imp.RequestKey == c.ID { // else another one waits already, and is joined
		why = whyRepeated
	}
	c.accepted(imp, why)
	h.Log.WithFields(map[string]any{"server": srv.Name, "import": imp.ID, "type": t, "user": c.UserID, "channel": c.ChannelID}).
		Info("A start waits for what runs")
	return c.Answer(ctx, h.waitsMessage(v, imp, c.UserID, c.ID))
}

// firstOf is what is under way on a server, or about to be: a start that was accepted a moment ago, on whichever replica, is
// something to wait for too.
func (h *Handlers) firstOf(ctx context.Context, srv Server) (imports.Import, bool) {
	ctx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	active, err := h.Store.Active(ctx, srv.Name)
	if err != nil {
		active = h.Board.Active(srv.Name)
	}
	i := slices.IndexFunc(active, func(imp imports.Import) bool { return imp.State != imports.Waiting })
	if i < 0 {
		return imports.Import{}, false
	}
	return active[i], true
}

// busy says whether something is under way on the server, so that nothing can be started now.
func (v view) busy() bool {
	st := v.good()
	return v.active || st != nil && st.Mode == bigfix.ModeRunning && v.known.Last.Failure == nil && !v.stale()
}

// sees says whether it is known how the server stands now.
func (v view) sees() bool {
	return v.good() != nil && v.known.Last.Failure == nil && !v.stale()
}

// waitsMessage says that a start waits: the one that was asked for with this key, or one that waited already, which this person
// asked for before, or joins.
func (h *Handlers) waitsMessage(v view, imp imports.Import, userID, key string) bot.Message {
	s := v.scene
	s.imp = imp
	m := simple(v.now, func(p pen) []string {
		first := capital(s.wanted(p)) + " waits already for " + before(p, imp, v.waiting) + "; "
		switch {
		case imp.RequestKey == key:
			first = "I start " + s.wanted(p) + " right after " + before(p, imp, v.waiting) + "."
		case imp.RequestedBy == userID:
			first += "you asked for it " + p.when(imp.WishedAt) + ". It counts once."
		default:
			first += p.user(imp.RequestedBy) + " asked for it " + p.when(imp.WishedAt) + ". I'll mention you when it ends."
		}
		return []string{first, v.untilFree(p), "Nothing is started if that takes more than 12 hours. " +
			p.code(join(h.Command, "cancel", s.server.Name)) + " takes it back."}
	})
	if imp.RequestedBy != userID {
		return m
	}
	return withRow(m, s.server.Name, button(actTakeBack, memo{Server: s.server.Name, Import: imp.ID, Drawn: v.now.Unix()}, "Take it back"))
}

// before is all that comes before a start that waits: what runs, and those of the waiting that are of the same server and came
// first. They are released one at a time, the oldest first.
func before(p pen, imp imports.Import, waiting []imports.Import) string {
	parts := []string{"what runs now"}
	for _, other := range waiting {
		if other.Server == imp.Server && other.ID != imp.ID && !other.WishedAt.After(imp.WishedAt) {
			parts = append(parts, "the "+p.kind(other.Type)+" that waits")
		}
	}
	return list(parts, "and")
}

// untilFree says what is waited for.
func (v view) untilFree(p pen) string {
	if !v.active {
		return ""
	}
	if left, ok := v.left(); ok {
		return capital(articled(p.kind(v.imp.Type))) + " is running now, about " + p.span(left) + " left."
	}
	return ""
}

// nothingRunsMessage refuses to wait for nothing, and offers to start now.
func (h *Handlers) nothingRunsMessage(s scene, about memo) bot.Message {
	m := simple(s.now, func(p pen) []string {
		return []string{
			"Nothing runs on " + p.name(s.server.Name) + " now, so there is nothing to wait for. " + nothing,
			join("I can start "+s.wanted(p)+" at once:", "the button works for a minute, once.", s.nextLine(p), s.overlapLine(p)),
		}
	})
	return withRow(m, s.server.Name, button(actConfirm, about, "Start it now"))
}

// afterUnseenMessage refuses where nobody knows whether anything runs.
func (h *Handlers) afterUnseenMessage(s scene) bot.Message {
	return simple(s.now, func(p pen) []string {
		return []string{
			"I can't see " + p.name(s.server.Name) + " now" + s.lastSeen(p) + ", so I don't know whether there is anything to wait for. " + nothing,
			p.code(join(h.Command, "status", s.server.Name)) + " says more.",
		}
	})
}

// waitingLine says that a start waits: for what, who asked for it, since when. waiting are all that wait on its server.
func waitingLine(p pen, imp imports.Import, waiting []imports.Import) string {
	return "Waiting: " + articled(p.kind(imp.Type)) + " on " + p.name(imp.Server) + " after " + before(p, imp, waiting) +
		", asked for by " + p.user(imp.RequestedBy) + " " + p.when(imp.WishedAt)
}
