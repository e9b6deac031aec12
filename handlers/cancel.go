package handlers

import (
	"context"

	"importbot/bot"
)

// cancelCommand answers what people try when an import must stop. Help does not list it: there is nothing it can do.
func (h *Handlers) cancelCommand() command {
	return command{name: "cancel", aliases: []string{"stop", "abort", "kill"}, run: h.cancel}
}

func (h *Handlers) cancel(ctx context.Context, c *call, args []string) error {
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
	return c.Answer(ctx, h.cancelMessage(servers))
}

// cancelMessage says that the API can't, and where one can.
func (h *Handlers) cancelMessage(servers []Server) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		var pages []string
		for _, srv := range servers {
			pages = append(pages, p.dataImports(srv)+" on "+p.name(srv.Name))
		}
		return []string{
			"I can't stop an import: the server's API has no way to. Nothing was changed.",
			"It can be stopped in the web pages, by somebody who may manage imports: " + list(pages, "or") + ".",
			"I see it when it stops, and say so in its card.",
		}
	})
}
