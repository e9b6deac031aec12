package handlers

import (
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"importbot/bot"
)

// maxEcho bounds what is repeated of what somebody typed.
const maxEcho = 40

// unknownMessage answers a word that is no command.
func (h *Handlers) unknownMessage(words []string) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{
			strings.TrimSpace("I don't know " + p.typed(words[0]) + ". " + h.didYouMean(p, words)),
			p.code(h.Command+" help") + " lists all.",
		}
	})
}

// didYouMean is the question behind it; empty where nothing comes near.
func (h *Handlers) didYouMean(p pen, words []string) string {
	rest := h.known(words[1:])
	if _, ok := h.server(words[0]); ok {
		if c, ok := h.nearest(first(words[1:])); ok {
			return "Did you mean " + p.code(join(h.Command, c, words[0])) + "?"
		}
		return "Did you mean " + p.code(join(h.Command, "status", words[0])) + "?"
	}
	if wordsToStart[words[0]] {
		if c, ok := h.nearest(first(words[1:])); ok && (c == "raw" || c == "complete") {
			return "Did you mean " + p.code(join(h.Command, c, h.known(words[1:]))) + "?"
		}
		return "Did you mean " + p.code(join(h.Command, "raw", rest)) + " or " + p.code(join(h.Command, "complete", rest)) + "?"
	}
	if c, ok := h.nearest(words[0]); ok {
		return "Did you mean " + p.code(join(h.Command, c, rest)) + "?"
	}
	return ""
}

// wordsToStart are what people type before the type of an import.
var wordsToStart = map[string]bool{"start": true, "run": true, "begin": true, "import": true, "launch": true, "trigger": true}

// meant are words for commands that no spelling comes near to.
var meant = map[string]string{"state": "status", "progress": "status", "info": "status", "show": "status", "running": "status", "everything": "complete", "all": "complete",
	"chart": "history", "log": "history", "recent": "history", "undo": "cancel", "withdraw": "cancel", "quiet": "mute", "hush": "mute"}

// nearest is the command whose name is spelt most like a word, where one is alike enough to ask.
func (h *Handlers) nearest(word string) (string, bool) {
	if c, ok := meant[word]; ok {
		return c, true
	}
	best, distance := "", len(word)
	for _, c := range h.commands {
		for _, name := range append([]string{c.name}, c.aliases...) {
			if d, ok := alike(word, name); ok && d < distance {
				best, distance = c.name, d
			}
		}
	}
	return best, best != ""
}

// alike says whether a word may be meant for a name: a letter of three is wrong at most, or two changed places. Names
// of one or two letters are like everything, and count for nothing.
func alike(word, name string) (distance int, ok bool) {
	distance = levenshtein.ComputeDistance(word, name)
	if len(name) < 3 {
		return distance, false
	}
	return distance, distance <= max(1, len(name)/3) || distance == 2 && letters(word) == letters(name)
}

// letters are those of a word, in order.
func letters(word string) string {
	sorted := []rune(word)
	slices.Sort(sorted)
	return string(sorted)
}

// nearestServer is the server whose name is spelt most like a word.
func (h *Handlers) nearestServer(word string) (string, bool) {
	best, distance := "", len(word)
	for _, name := range h.names() {
		if d := levenshtein.ComputeDistance(word, name); d < distance && d <= len(name)/2 {
			best, distance = name, d
		}
	}
	return best, best != ""
}

// known is the first of the words that names a server.
func (h *Handlers) known(words []string) string {
	for _, w := range words {
		if _, ok := h.server(w); ok {
			return w
		}
	}
	return ""
}

// unknownServerMessage lists the servers there are.
func (h *Handlers) unknownServerMessage(typed, command string) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		first := "I know no server " + p.typed(typed) + "."
		if name, ok := h.nearestServer(typed); ok {
			first += " Did you mean " + p.code(join(h.Command, command, name)) + "?"
		}
		if len(h.Servers) == 1 {
			return []string{first, "There is one server, " + p.name(h.Servers[0].Name) + ", and it need not be named."}
		}
		return []string{first, "The servers are " + list(codes(p, h.names()), "and") + "."}
	})
}

// whichMessage asks for a server's name; behind it stands what else was typed, or has to be.
func (h *Handlers) whichMessage(command string, behind ...string) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		var ways []string
		for _, name := range h.names() {
			ways = append(ways, p.code(join(append([]string{h.Command, command, name}, behind...)...)))
		}
		done := "Nothing was done."
		if command == "raw" || command == "complete" {
			done = nothing
		}
		return []string{"On which server? Say " + list(ways, "or") + ". " + done}
	})
}

// tooManyMessage answers words behind a command that it can't make sense of.
func (h *Handlers) tooManyMessage(command string, args []string) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{
			"I don't know what " + p.typed(strings.Join(args[1:], " ")) + " means behind " + p.code(join(h.Command, command, args[0])) + ", so I did nothing.",
			p.code(h.Command+" help") + " shows what can be typed.",
		}
	})
}

// typed repeats what somebody typed.
func (p pen) typed(s string) string {
	return p.code(bot.Cut(strings.Map(printable, s), maxEcho))
}

func join(words ...string) string { return strings.Join(filled(words), " ") }

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}
