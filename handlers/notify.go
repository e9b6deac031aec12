package handlers

import (
	"context"
	"errors"
	"slices"

	"importbot/bot"
	"importbot/imports"
)

// pressNotify has a person mentioned at the end of an import.
func (h *Handlers) pressNotify(ctx context.Context, c *call, srv Server, m memo) error {
	return h.follow(ctx, c, srv, m, false)
}

// pressNotifyDirect has them told by direct message instead.
func (h *Handlers) pressNotifyDirect(ctx context.Context, c *call, srv Server, m memo) error {
	c.replaces = c.Ephemeral
	return h.follow(ctx, c, srv, m, true)
}

// follow notes that a person wants to be told of an end, unless it has come already.
func (h *Handlers) follow(ctx context.Context, c *call, srv Server, m memo, direct bool) error {
	c.entry.ImportID = m.Import
	c.Ack()
	if no := h.mayFollow(ctx, c, srv); no != nil {
		return c.Answer(ctx, *no)
	}
	imp, err := h.Store.Import(ctx, m.Import)
	switch {
	case errors.Is(err, imports.ErrNotFound), err == nil && imp.Server != srv.Name:
		c.refuse(whyImportOver)
		return c.Answer(ctx, h.forgottenMessage(srv))
	case err != nil:
		return h.notChanged(ctx, c, srv, err)
	case imp.State == imports.Ended:
		c.refuse(whyImportOver)
		return c.Answer(ctx, h.overMessage(srv, imp, h.cardLink(ctx, imp.ID)))
	}
	if err := h.Intake.Follow(ctx, imp.ID, c.UserID, direct); err != nil {
		return h.notChanged(ctx, c, srv, err)
	}
	c.changed(imp.ID)
	return c.Answer(ctx, h.followsMessage(srv, imp, c.UserID, direct))
}

// followsMessage says how the person hears of the end. imp is as it was before they asked.
func (h *Handlers) followsMessage(srv Server, imp imports.Import, userID string, direct bool) bot.Message {
	s := scene{now: h.Now(), server: srv, imp: imp}
	the := func(p pen) string { return "the " + p.kind(imp.Type) + " on " + p.name(srv.Name) }
	if direct {
		return simple(s.now, func(p pen) []string {
			return []string{"I'll send you a direct message when " + the(p) + " ends. You are not mentioned in the channel."}
		})
	}
	m := simple(s.now, func(p pen) []string {
		switch {
		case !slices.Contains(mentioned(imp), userID):
			return []string{"I'll mention you when " + the(p) + " ends."}
		case imp.RequestedBy == userID:
			return []string{"You asked for " + the(p) + ", so I mention you anyway when it ends."}
		}
		return []string{"I'll mention you when " + the(p) + " ends, as you asked before."}
	})
	about := memo{Server: srv.Name, Import: imp.ID, Drawn: s.now.Unix()}
	return withRow(m, srv.Name, button(actNotifyDirect, about, "Send me a direct message instead"))
}

// overMessage says how an import ended whose end somebody wanted to be told.
func (h *Handlers) overMessage(srv Server, imp imports.Import, card string) bot.Message {
	s := scene{now: h.Now(), server: srv, imp: imp}
	return simple(s.now, func(p pen) []string {
		when := ""
		if !imp.EndedAt.IsZero() {
			when = " It ended " + p.when(imp.EndedAt) + "."
		}
		look := ""
		if card != "" {
			look = p.link(card, "Its card") + " says more."
		}
		return []string{"That import is over: the " + p.kind(imp.Type) + " on " + p.name(srv.Name) + " " + s.ended(p) + "." + when, look}
	})
}

// forgottenMessage answers for an import that is not in the books.
func (h *Handlers) forgottenMessage(srv Server) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{"I don't know that import on " + p.name(srv.Name) + " any more. Nothing was changed.",
			p.code(join(h.Command, "status", srv.Name)) + " tells how it stands now."}
	})
}
