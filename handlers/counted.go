package handlers

import "strings"

// This file names what people type and press, for the metrics, which count it under names that are known beforehand.

// Namer returns a function that says which command a text behind the slash command types, by its name in Commands: in
// whatever case it is written, and for each of its aliases. It says "" where a text types none.
func Namer() func(text string) string {
	h := &Handlers{Config: Config{Servers: make([]Server, 1)}} // as for Commands
	h.commands = h.table()
	return func(text string) string {
		c, ok := h.typed(strings.Fields(strings.ToLower(text)))
		if !ok {
			return ""
		}
		return c.name
	}
}

// Actions are the names of the buttons that can be pressed, as Slack tells of a press.
func Actions() []string {
	return []string{actRefresh, actStatus, actStartRaw, actStartComplete, actConfirm, actNotify, actNotifyDirect, actTakeBack, actMute, actOpen}
}
