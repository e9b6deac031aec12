package handlers

import (
	"context"
	"errors"
	"slices"
	"time"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// cancelCommand takes back a start that waits. It also answers what people try when an import must stop, which the API can't.
func (h *Handlers) cancelCommand() command {
	return command{
		name:    "cancel",
		aliases: []string{"stop", "abort", "kill"},
		usage:   "cancel" + h.nameHint(),
		says:    "takes back an import that waits for another one. One that runs can't be stopped from here.",
		example: "cancel" + h.nameExample(),
		run:     h.cancel,
	}
}

func (h *Handlers) cancel(ctx context.Context, c *call, args []string) error {
	args, kind := takeType(args)
	if len(args) > 1 {
		c.refuse(whyTooManyWords)
		return c.Answer(ctx, h.tooManyMessage("cancel", args))
	}
	servers := h.Servers
	if srv, ok := h.only(c.ChannelID); ok {
		servers = []Server{srv}
	}
	if len(args) > 0 {
		srv, ok := h.server(args[0])
		if !ok {
			c.refuse(whyUnknownServer)
			return c.Answer(ctx, h.unknownServerMessage(args[0], "cancel"))
		}
		servers = []Server{srv}
	}
	all, err := h.waitingOn(ctx, servers)
	if err != nil {
		h.Log.WithError(err).Error("What waits could not be read")
		c.refuse(whyStore)
		return c.Answer(ctx, h.waitsUnknownMessage())
	}
	waiting := slices.DeleteFunc(slices.Clone(all), func(imp imports.Import) bool { return kind != "" && imp.Type != kind })
	switch len(waiting) {
	case 0:
		c.refuse(whyNotWaiting)
		if len(all) > 0 {
			return c.Answer(ctx, h.otherWaitingMessage(kind, all))
		}
		if running := h.runningOn(ctx, c, servers); len(running) > 0 {
			return c.Answer(ctx, h.cancelMessage(running))
		}
		return c.Answer(ctx, h.nothingToCancelMessage(servers))
	case 1:
		srv, _ := h.server(waiting[0].Server)
		return h.takeBack(ctx, c, srv, waiting[0])
	}
	c.refuse(whyWhichWaiting)
	return c.Answer(ctx, h.whichWaitingMessage(waiting, all))
}

// waitsUnknownMessage says that nobody can tell what waits.
func (h *Handlers) waitsUnknownMessage() bot.Message {
	return simple(h.Now(), func(pen) []string {
		return []string{"My own database does not answer, so I can't see what waits. Nothing was changed.",
			"Try again in a minute. If it goes on, tell whoever runs Importbot."}
	})
}

// takeType takes the type of an import out of what was typed.
func takeType(args []string) (rest []string, t bigfix.ImportType) {
	for _, word := range args {
		switch word {
		case "raw":
			t = bigfix.TypeRaw
		case "complete", "full":
			t = bigfix.TypeComplete
		default:
			rest = append(rest, word)
		}
	}
	return rest, t
}

// waitingWithin is how long it may take to find out what waits, for somebody who wants that taken back.
const waitingWithin = 2 * time.Second

// waitingOn are the starts that wait on servers, oldest first on each. Only the store knows: that nothing waits must not be said of
// what memory does not know yet.
func (h *Handlers) waitingOn(ctx context.Context, servers []Server) (found []imports.Import, err error) {
	ctx, cancel := context.WithTimeout(ctx, waitingWithin)
	defer cancel()
	for _, srv := range servers {
		active, err := h.Store.Active(ctx, srv.Name)
		if err != nil {
			return nil, err
		}
		found = append(found, onlyWaiting(active)...)
	}
	return found, nil
}

// runningOn are those servers on which something runs or is about to, as far as that is known.
func (h *Handlers) runningOn(ctx context.Context, c *call, servers []Server) (found []Server) {
	ctx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	for _, v := range h.viewsOf(ctx, servers, c.UserID) {
		if _, coming := h.firstOf(ctx, v.server); v.busy() || coming {
			found = append(found, v.server)
		}
	}
	return found
}

// waits are the starts that wait on a server. The store is asked first: any replica may have changed them a moment ago.
func (h *Handlers) waits(ctx context.Context, srv Server) (found []imports.Import) {
	active, err := h.Store.Active(ctx, srv.Name)
	if err != nil {
		active = h.Board.Active(srv.Name)
	}
	return onlyWaiting(active)
}

func onlyWaiting(active []imports.Import) (found []imports.Import) {
	for _, imp := range active {
		if imp.State == imports.Waiting {
			found = append(found, imp)
		}
	}
	return found
}

// pressTakeBack is the button beside a start that waits.
func (h *Handlers) pressTakeBack(ctx context.Context, c *call, srv Server, m memo) error {
	c.Ack()
	imp, err := h.Store.Import(ctx, m.Import)
	if err != nil || imp.Server != srv.Name {
		return h.notTakenBack(ctx, c, srv, imp, err)
	}
	return h.takeBack(ctx, c, srv, imp)
}

// takeBack takes a waiting start back: whoever asked for it may, and the operators.
func (h *Handlers) takeBack(ctx context.Context, c *call, srv Server, imp imports.Import) error {
	c.entry.Server, c.entry.ImportID = srv.Name, imp.ID
	if imp.RequestedBy != c.UserID {
		if no := h.mayChange(ctx, c, srv, deedBack); no != nil {
			return c.Answer(ctx, *no)
		}
	}
	c.Ack()
	now, err := h.Intake.Cancel(ctx, imp.ID, c.UserID, h.Now())
	if err != nil {
		return h.notTakenBack(ctx, c, srv, now, err)
	}
	c.changed(imp.ID)
	if e, ok := MissedEntry(now); ok && h.Audit != nil {
		h.Audit(e)
	}
	h.Log.WithFields(map[string]any{"server": srv.Name, "import": imp.ID, "user": c.UserID}).Info("A waiting start was taken back")
	return c.Answer(ctx, h.takenBackMessage(srv, imp, c.UserID))
}

// notTakenBack says why not.
func (h *Handlers) notTakenBack(ctx context.Context, c *call, srv Server, imp imports.Import, err error) error {
	log := h.Log.WithError(err).WithField("server", srv.Name)
	switch {
	case errors.Is(err, imports.ErrNotWaiting), errors.Is(err, imports.ErrNotFound), err == nil:
		c.refuse(whyNotWaiting)
		return c.Answer(ctx, h.notWaitingMessage(srv, imp))
	case errors.Is(err, imports.ErrUnsure):
		log.Error("The database did not say whether a waiting start was taken back")
		c.fail(whyUnsure)
		return c.Answer(ctx, h.unsureChangeMessage(srv))
	}
	log.Error("A waiting start could not be taken back")
	c.refuse(whyStore)
	return c.Answer(ctx, h.notChangedMessage(srv))
}

// takenBackMessage says that nothing waits any more.
func (h *Handlers) takenBackMessage(srv Server, imp imports.Import, userID string) bot.Message {
	s := scene{now: h.Now(), server: srv, imp: imp}
	return simple(s.now, func(p pen) []string {
		line := "Taken back: " + s.wanted(p) + " that waited since " + p.at(imp.WishedAt) + ". It won't be started."
		if imp.RequestedBy != userID {
			return []string{line, "I tell " + p.user(imp.RequestedBy) + ", who asked for it."}
		}
		return []string{line}
	})
}

// notWaitingMessage says what became of a start that was to be taken back.
func (h *Handlers) notWaitingMessage(srv Server, imp imports.Import) bot.Message {
	s := scene{now: h.Now(), server: srv, imp: imp}
	return simple(s.now, func(p pen) []string {
		switch {
		case imp.ID == "":
			return []string{"That start waits no more on " + p.name(srv.Name) + ". Nothing was changed."}
		case imp.Outcome == imports.Cancelled && imp.Reason.By != "":
			return []string{capital(s.wanted(p)) + " was taken back already, by " + p.user(imp.Reason.By) + " " + p.when(imp.EndedAt) + "."}
		case imp.State == imports.Ended && !imp.Begun():
			return []string{capital(s.wanted(p)) + " waits no more: it " + s.ended(p) + "."}
		case imp.State == imports.Ended:
			return []string{capital(s.wanted(p)) + " waits no more: it ran, and " + s.ended(p) + "."}
		}
		return []string{
			"It is too late: " + s.wanted(p) + " has been started. The server's API has no way to stop it.",
			"It can be stopped in the web pages: " + p.dataImports(srv) + ".",
		}
	})
}

// whichWaitingMessage lists those of all that wait that may be meant, each with its button.
func (h *Handlers) whichWaitingMessage(meant, all []imports.Import) bot.Message {
	m := simple(h.Now(), func(p pen) []string { return []string{"Several imports wait. Which one do you want to take back?"} })
	return h.withAllWaiting(m, meant, all)
}

// otherWaitingMessage says that none of the type that was named waits, and lists what does, each with its button.
func (h *Handlers) otherWaitingMessage(t bigfix.ImportType, waiting []imports.Import) bot.Message {
	m := simple(h.Now(), func(p pen) []string {
		return []string{"No " + p.kind(t) + " waits, and one that runs can't be stopped from here, only in the web pages. Nothing was changed."}
	})
	return h.withAllWaiting(m, waiting, waiting)
}

// withAllWaiting adds some of all the starts that wait, as many as one message shows.
func (h *Handlers) withAllWaiting(m bot.Message, some, all []imports.Import) bot.Message {
	for _, imp := range some[:min(len(some), maxStatusServers)] {
		m = h.withWaiting(m, imp, all)
	}
	return m
}

// nothingToCancelMessage says that nothing waits, and nothing is known to run. Where a server is out of sight that is not to say
// that nothing does.
func (h *Handlers) nothingToCancelMessage(servers []Server) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		var names []string
		for _, srv := range servers {
			names = append(names, p.name(srv.Name))
		}
		return []string{
			"There is nothing to take back: no start waits on " + list(names, "or") + ", and I know of no import that runs there.",
			"One that runs I can't stop: the server's API has no way to. It is done in the web pages, under Management &gt; Data Imports.",
		}
	})
}

// cancelMessage says that nothing waits, that the API can't stop what runs, and where one can.
func (h *Handlers) cancelMessage(servers []Server) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		var pages []string
		for _, srv := range servers {
			pages = append(pages, p.dataImports(srv)+" on "+p.name(srv.Name))
		}
		return []string{
			"No start waits here that could be taken back, and I can't stop an import that runs: the server's API has no way to. Nothing was changed.",
			"It can be stopped in the web pages, by somebody who may manage imports: " + list(pages, "or") + ".",
			"I see it when it stops, and say so in its card.",
		}
	})
}
