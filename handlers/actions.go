package handlers

import (
	"context"
	"errors"
	"time"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// startButtonLives is how long after it was drawn a button starts an import.
const startButtonLives = 12 * time.Hour

// pressing answers the press of one kind of button about a server.
type pressing func(ctx context.Context, c *call, srv Server, m memo) error

// pressings are what buttons do.
func (h *Handlers) pressings() map[string]pressing {
	return map[string]pressing{
		actStatus:        h.pressStatus,
		actStartRaw:      h.pressStart(bigfix.TypeRaw),
		actStartComplete: h.pressStart(bigfix.TypeComplete),
		actConfirm:       h.confirmed,
		actNotify:        h.pressNotify,
		actNotifyDirect:  h.pressNotifyDirect,
		actTakeBack:      h.pressTakeBack,
		actMute:          h.pressMute,
	}
}

// press answers a button. What it may do, and whether what it was drawn for still holds, is found out now.
func (h *Handlers) press(ctx context.Context, c *call) error {
	if c.ActionID == actOpen { // Slack has opened the page
		c.Ack()
		return nil
	}
	m, read := readMemo(c.Value)
	do, known := h.pressings()[c.ActionID]
	if !read || !known && c.ActionID != actRefresh {
		c.refuse(whyUnknownButton)
		return c.Answer(ctx, h.unknownButtonMessage())
	}
	srv, there := h.server(m.Server)
	if there {
		c.entry.Server = srv.Name
	}
	switch {
	case c.ActionID == actRefresh && m.Server == "":
		return h.refresh(ctx, c, h.Servers)
	case !there:
		c.refuse(whyUnknownServer)
		return c.Answer(ctx, h.unknownServerMessage(m.Server, "status"))
	case c.ActionID == actRefresh && m.Import != "":
		return h.refreshCard(ctx, c, srv, m.Import)
	case c.ActionID == actRefresh:
		return h.refresh(ctx, c, []Server{srv})
	}
	return do(ctx, c, srv, m)
}

// refresh shows the status anew, in place of the one that holds the button.
func (h *Handlers) refresh(ctx context.Context, c *call, servers []Server) error {
	c.Ack()
	if c.ViewID != "" {
		return h.freshenHome(ctx, c)
	}
	c.replaces = c.Ephemeral
	return c.Answer(ctx, h.statusMessage(h.views(ctx, servers, c.UserID)))
}

// refreshCard has the publisher bring a card up to what is known now, as far as it shows anything older, and says to whoever
// pressed how the server stands: so a press always shows something, also where others have just pressed before.
func (h *Handlers) refreshCard(ctx context.Context, c *call, srv Server, importID string) error {
	c.Ack()
	c.entry.ImportID = importID
	remark := h.wantFresh(ctx, importID)
	status := h.statusMessage(h.views(ctx, []Server{srv}, c.UserID))
	if remark == "" {
		return c.Answer(ctx, status)
	}
	return c.Answer(ctx, joined(h.refreshRemark(srv, remark), status))
}

// What there is to say of a card that is not refreshed.
const (
	cardOver      = "The import of this card is over."
	cardForgotten = "I don't know the import of this card any more."
	cardStays     = "This card stays as it is for now: my own database does not answer."
)

// wantFresh asks for a fresh card of an import that is under way, and returns what there is to say where there is none to come.
func (h *Handlers) wantFresh(ctx context.Context, importID string) (remark string) {
	imp, err := h.Store.Import(ctx, importID)
	switch {
	case errors.Is(err, imports.ErrNotFound):
		return cardForgotten
	case err == nil && imp.State == imports.Ended:
		return cardOver
	case err == nil:
		err = h.Intake.Refresh(ctx, importID)
	}
	if err != nil {
		h.Log.WithError(err).WithField("import", importID).Warn("That a card is wanted fresh could not be noted")
		return cardStays
	}
	return ""
}

// refreshRemark is the remark on a card, with what follows it.
func (h *Handlers) refreshRemark(srv Server, remark string) bot.Message {
	return simple(h.Now(), func(p pen) []string { return []string{remark + " How " + p.name(srv.Name) + " stands now:"} })
}

func (h *Handlers) pressStatus(ctx context.Context, c *call, srv Server, _ memo) error {
	c.Ack()
	return c.Answer(ctx, h.statusMessage(h.views(ctx, []Server{srv}, c.UserID)))
}

// pressStart starts an import as if it had been typed, unless what the button was drawn for is over. Its dialog, where it
// had one, counts as the question that a typed start may be asked.
func (h *Handlers) pressStart(t bigfix.ImportType) pressing {
	return func(ctx context.Context, c *call, srv Server, m memo) error {
		if no := h.mayStart(ctx, c, srv, t); no != nil {
			return c.Answer(ctx, *no)
		}
		c.Ack() // the database has the word, and more than a glance to say it
		v := h.viewToStart(ctx, c, srv)
		if old := v.outdated(m); old != notOld {
			c.refuse(whyOldButton)
			return c.Answer(ctx, h.oldMessage(v, m, old))
		}
		if v.unread {
			c.refuse(whyStore)
			return c.Answer(ctx, h.ageUnknownMessage(srv))
		}
		if ask, q := h.ask(ctx, c, srv, t, m.Told); ask {
			return c.Answer(ctx, q)
		}
		return h.accept(ctx, c, srv, t, c.ID)
	}
}

// ageWithin is how long it may take to find out what has begun since a button was drawn. Without that it starts nothing: what
// somebody wanted hours ago may be done by now.
const ageWithin = 2 * time.Second

func (h *Handlers) viewToStart(ctx context.Context, c *call, srv Server) view {
	ctx, cancel := context.WithTimeout(ctx, ageWithin)
	defer cancel()
	return h.viewsOf(ctx, []Server{srv}, c.UserID)[0]
}

// ageUnknownMessage says that nobody can tell whether a button is old.
func (h *Handlers) ageUnknownMessage(srv Server) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{"My own database does not answer, so I can't see whether another import on " + p.name(srv.Name) + " has begun since that button was made. " + nothing,
			"Try again in a minute. If it goes on, tell whoever runs Importbot."}
	})
}

// age is why a button that starts an import is too old to.
type age int

const (
	notOld   age = iota
	oldHours     // it was drawn long ago
	oldNewer     // a newer import has begun, or ended, since
)

// outdated says whether a button was drawn for something that is over.
func (v view) outdated(m memo) age {
	newest, ok := v.newest()
	switch {
	case ok && m.Import != "" && newest.ID != m.Import, ok && m.Import == "" && newest.BegunAt.After(m.drawn()):
		return oldNewer
	case v.now.Sub(m.drawn()) > startButtonLives:
		return oldHours
	}
	return notOld
}

// newest is the newest import that is known of the server: the one under way, else the last one that ended.
func (v view) newest() (imports.Import, bool) {
	if v.active {
		return v.imp, true
	}
	if len(v.recent) > 0 {
		return v.recent[0], true
	}
	return imports.Import{}, false
}

// oldMessage says that a button is too old to start anything, and how the server stands now.
func (h *Handlers) oldMessage(v view, m memo, why age) bot.Message {
	status := h.statusMessage([]view{v})
	head := simple(v.now, func(p pen) []string {
		if why == oldHours {
			return []string{"That button is of " + p.at(m.drawn()) + ", more than 12 hours old. " + nothing + " How it stands now:"}
		}
		return []string{"That button is old: another import on " + p.name(v.server.Name) + " has begun since " + p.at(m.drawn()) + ". " + nothing +
			" How it stands now:"}
	})
	return bot.Message{Text: head.Text + "\n" + status.Text, Blocks: append(head.Blocks, status.Blocks...)}
}

// unknownButtonMessage answers a button that this version does not know.
func (h *Handlers) unknownButtonMessage() bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{"I don't know that button any more: the message is of another version of me. Nothing was done.",
			p.code(h.Command+" status") + " shows how things stand, with buttons that work."}
	})
}
