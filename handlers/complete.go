package handlers

import (
	"context"

	"importbot/bigfix"
)

// completeCommand starts a complete import, as the web pages do.
func (h *Handlers) completeCommand() command {
	return command{
		name:    "complete",
		aliases: []string{"full"},
		usage:   "complete" + h.nameHint() + " [after]",
		says:    "starts a complete import, the same as from the web pages. With `after`, right behind what runs now. For operators.",
		example: "complete" + h.nameExample() + " after",
		run: func(ctx context.Context, c *call, args []string) error {
			return h.start(ctx, c, "complete", bigfix.TypeComplete, args)
		},
	}
}
