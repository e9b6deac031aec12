package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"importbot/internal/demo"
)

// played is what the demo prints, with the real bot in it, when these lines are typed.
func played(t *testing.T, lines ...string) string {
	t.Helper()
	var out bytes.Buffer
	d := demo.Demo{Stdin: strings.NewReader(strings.Join(lines, "\n")), Stdout: &out, Bot: botOf(binary(t)), Manifest: manifestFor, Look: look, Pace: 4 * time.Second}
	if err := d.Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	t.Logf("\n%s", out.String())
	return out.String()
}

// What takes hours or minutes in life can be played as well: an import that was suspiciously fast, and reports that are too old. Both are
// over when they are, though the bot is started anew meanwhile.
func TestDemoOfAlertsThatTakeTime(t *testing.T) {
	t.Parallel()
	stdin, typed := io.Pipe()
	out := newBuffer()
	d := demo.Demo{
		Stdin: stdin, Stdout: out, Bot: botOf(binary(t)), Manifest: manifestFor, Look: look,
		Pace: 4 * time.Second, LabPace: 72 * time.Second, // clearly more than the minute that would be suspicious there
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	for _, scene := range []struct{ line, until string }{
		{"lab brief", "will succeed after a few seconds"},
		{"/import complete lab", "Complete import on lab succeeded suspiciously fast"},
		{"press Start import", "Starting a complete import on lab"},
		{"bot strict", "Reports of prod are out of date"},
		{"/import complete", "Over: a complete import on prod succeeded"},
		{"bot lenient", "The bot is started anew without BIGFIX_PROD_STALE_AFTER"},
		{"", "Over: a complete import on lab took as long as usual"},
	} {
		fmt.Fprintln(typed, scene.line) //nolint:errcheck // what does not come of it is missed below
		out.awaitFor(t, 2*time.Minute, scene.until, func(out string) bool { return strings.Contains(out, scene.until) })
	}
	typed.Close() //nolint:errcheck // it can't fail
	if err := <-ended; err != nil {
		t.Error(err)
	}
	t.Logf("\n%s", out)
}

// Each of two servers has its own channel, its own people and its own trouble, and all of it is seen at a glance.
func TestDemoOfTwoServers(t *testing.T) {
	t.Parallel()
	inOrder(t, played(t, "/import status", "/import status all", "as ben /import complete", "as ben /import raw lab", "lab fails", "as ben /import complete lab", "prod web raw",
		"/import history lab 3", "home"),
		"ana types /import status", "prod · idle · BigFix Inventory", "ana types /import status all", "prod · idle", "lab · idle · License Metric Tool",
		"Only @oncall may start imports on prod.", "which knows one kind of import only",
		"ben types /import complete lab", "importbot · #lab-imports",
		"Somebody starts a raw import in the web pages of prod.", "last 3 imports", "importbot · Home tab of ana", "prod", "lab",
	)
}

// inOrder fails unless the texts stand in the output, one behind the other.
func inOrder(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, want := range texts {
		_, after, found := strings.Cut(out, want)
		if !found {
			t.Fatalf("no %q (in this place)", want)
		}
		out = after
	}
}

// An empty pipe tells a story: an import, a night that goes wrong, whom that wakes, and how it ends.
func TestDemoStory(t *testing.T) {
	t.Parallel()
	inOrder(t, played(t),
		"ana types /import raw", "Raw import on prod succeeded after", "@ana",
		"the nightly import begins in 4 s, and will fail", "Scheduled complete import on prod failed after",
		"ana types /import complete", "Complete import on prod succeeded after")
}

// What can be tried besides starting: history, buttons, the Home tab, other people, the command line.
func TestDemoOfEverythingElse(t *testing.T) {
	t.Parallel()
	inOrder(t, played(t, "/import history 5", "/import status", "server hangs", "press Start complete", "/import status", "press Notify me", "/import raw after",
		"/import cancel", "as ben /import raw", "as gus /import raw", "home", "/import mute 2h trying it", "/import unmute", "importbot history -n 1", "server restarts"),
		"ana types /import history 5", "last 5 imports",
		"ana types /import status", "[Refresh]", "[Start raw]", "[Open BigFix Inventory]",
		"Slack asks: Start a complete import on prod?", "[Start]", "ana presses [Start complete]", "Starting a complete import on prod.",
		"ana presses [Notify me]", "only you see this",
		"ana types /import raw after", "right after", "ana types /import cancel", "Taken back",
		"only ben sees this", "Only @oncall may start imports on prod.",
		"only gus sees this", "Guests may start imports",
		"importbot · Home tab of ana", "Data imports", "[Refresh]",
		"ana types /import mute 2h trying it", "trying it", "ana types /import unmute",
		"$ importbot history -n 1", "prod · the last 1 import, newest first", "running",
		"The server prod restarts", "@ana", // whom it is told that nobody knows how it ended
	)
}

// A script ends when what waits for another import has had its turn, too.
func TestDemoWaitsForWhatWaits(t *testing.T) {
	t.Parallel()
	out := played(t, "/import raw", "/import complete after")
	inOrder(t, out, "Raw import on prod succeeded after", "Complete import on prod succeeded after")
}
