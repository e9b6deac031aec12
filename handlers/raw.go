package handlers

import (
	"context"

	"importbot/bigfix"
)

// rawCommand starts a raw import: quick, and visible through the REST API only.
func (h *Handlers) rawCommand() command {
	return command{
		name:    "raw",
		aliases: []string{"raw_only", "raw-only", "rawonly"},
		usage:   "raw" + h.nameHint() + " [after]",
		says:    "starts a raw import: quick, and its data is to be had through the REST API only. With `after`, right behind what runs now. For operators.",
		example: "raw" + h.nameExample() + " after",
		run: func(ctx context.Context, c *call, args []string) error {
			return h.start(ctx, c, "raw", bigfix.TypeRaw, args)
		},
	}
}
