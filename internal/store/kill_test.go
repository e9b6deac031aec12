package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"importbot/imports"
	"importbot/internal/store"
)

// victim is the environment variable that makes this test program a process to be killed.
const victim = "STORE_TEST_VICTIM"

// TestKillMinusNine kills a process that does nothing but accept. What it had said to be accepted is there afterwards,
// and the database is free.
func TestKillMinusNine(t *testing.T) {
	if url := os.Getenv(victim); url != "" {
		acceptForEver(url)
	}
	each(t, killed)
}

func killed(t *testing.T, url string) {
	for round := range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKillMinusNine$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s", victim, url))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var accepted []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			id, ok := strings.CutPrefix(lines.Text(), "accepted ")
			if !ok {
				continue // the test program's own words
			}
			accepted = append(accepted, id)
			if len(accepted) == 20 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed, and says so

		s, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for _, id := range accepted {
			get(t, s, id)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func acceptForEver(url string) {
	ctx := context.Background()
	s, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		imp := wish(fmt.Sprintf("%d-%d", os.Getpid(), i))
		if i%2 == 1 { // one that waits, of each server
			imp.Server, imp.State, imp.WishedAt, imp.AcceptedAt = imp.ID, imports.Waiting, noon, time.Time{}
		}
		if _, _, err := s.Accept(ctx, imp); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println("accepted", imp.ID)
	}
}
