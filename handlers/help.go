package handlers

import (
	"context"

	"importbot/bot"
)

// helpCommand lists what there is.
func (h *Handlers) helpCommand() command {
	return command{
		name:    "help",
		aliases: []string{"?", "-h", "--help", "hilfe", "usage"},
		usage:   "help",
		says:    "shows this.",
		example: "help",
		run:     h.help,
	}
}

func (h *Handlers) help(ctx context.Context, c *call, _ []string) error {
	return c.Answer(ctx, h.helpMessage())
}

// helpMessage lists every command with an example.
func (h *Handlers) helpMessage() bot.Message {
	return compose(h.Now(), func(p pen) sheet {
		body := []string{"I start and watch data imports of BigFix servers, and say here how they go. What you can type:"}
		for _, c := range h.commands {
			if c.usage == "" {
				continue
			}
			line := p.code(h.Command+" "+c.usage) + " " + c.says
			if c.usage != c.example {
				line += " Example: " + p.code(h.Command+" "+c.example)
			}
			body = append(body, line)
		}
		var small []string
		if len(h.Servers) > 1 {
			small = append(small, "Servers: "+list(codes(p, h.names()), "and"))
		}
		return sheet{body: body, small: append(small,
			"My Home tab shows every server, with buttons. An import's card, its thread and its end stand in the server's channel. Only you see this.")}
	})
}

// nameHint and nameExample are how a server is named in usage and example: not at all where there is only one.
func (h *Handlers) nameHint() string {
	if len(h.Servers) < 2 {
		return ""
	}
	return " [SERVER]"
}

func (h *Handlers) nameExample() string {
	if len(h.Servers) < 2 {
		return ""
	}
	return " " + h.Servers[0].Name
}

func codes(p pen, words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = p.code(w)
	}
	return out
}
