package handlers

import (
	"slices"
	"testing"
)

func TestNamer(t *testing.T) {
	t.Parallel()
	name := Namer()
	for text, want := range map[string]string{
		"": "help", "status": "status", "  RAW_only  prod ": "raw", "full": "complete", "stop prod": "cancel", "?": "help", "history prod 5": "history", "dance": "",
	} {
		if got := name(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if got := name(text); got != "" && !slices.Contains(Commands(), got) {
			t.Errorf("%q: %q is not among the commands", text, got)
		}
	}
}

// TestActions holds the list against the constants, of which one is easily added without it.
func TestActions(t *testing.T) {
	t.Parallel()
	for name, action := range constants(parsed(t, "."), "act") {
		if !slices.Contains(Actions(), action) {
			t.Errorf("%s, %q, is not counted", name, action)
		}
	}
}
