package handlers

// table is every command there is. What is typed, help and the question whether another one was meant read it, and so does Commands.
func (h *Handlers) table() []command {
	return []command{
		h.statusCommand(), h.historyCommand(), h.rawCommand(), h.completeCommand(), h.cancelCommand(), h.muteCommand(), h.unmuteCommand(),
		h.helpCommand(),
	}
}

// Commands are the words that can be typed behind the slash command, without their aliases, in the order of help, and
// behind them those that help does not list.
func Commands() []string {
	h := &Handlers{Config: Config{Servers: make([]Server, 1)}} // how a command is named does not depend on the servers
	var names []string
	for _, c := range h.table() {
		names = append(names, c.name)
	}
	return names
}
