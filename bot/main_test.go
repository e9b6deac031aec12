package bot

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childAPI); url != "" {
		os.Exit(child(url))
	}
	goleak.VerifyTestMain(m)
}
