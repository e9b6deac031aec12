//go:build !race

// The program that the browser drives is built without the race detector in any case; .ci/run runs this by itself.

package app

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const (
	howToGetBrowser = "install Chromium (Debian's package chromium) and Node.js 20 or later, and run `npm ci` in internal/app/testdata/browser, to let a browser use the demo's page"
	browserWithin   = 8 * time.Minute // all of it, on a busy machine
)

// chromium finds a browser and what drives it, or skips the test.
func chromium(t *testing.T) (path string) {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); name != "" && err == nil {
			path = found
			break
		}
	}
	_, noNode := exec.LookPath("node")
	_, noModules := os.Stat(filepath.Join("testdata", "browser", "node_modules", "playwright-core"))
	if path == "" || noNode != nil || noModules != nil {
		if os.Getenv("CI_STRICT") == "1" {
			t.Fatal(howToGetBrowser)
		}
		t.Skip(howToGetBrowser)
	}
	return path
}

// The demo's page does in a real browser what it promises: testdata/browser/page.test.mjs says what that is.
func TestPage(t *testing.T) {
	t.Parallel()
	path := chromium(t)
	ctx, cancel := context.WithTimeout(t.Context(), browserWithin)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", "page.test.mjs")
	node.Dir = filepath.Join("testdata", "browser")
	node.Env = append(os.Environ(), "IMPORTBOT="+binary(t), "CHROMIUM="+path)
	node.WaitDelay = 10 * time.Second
	out, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
