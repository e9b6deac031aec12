package app

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version is what this program was built from: a release's tag, or the commit.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			revision = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+changes"
		}
	}
	if revision == "" {
		return "development"
	}
	return "development-" + revision + modified
}

func (p Program) version(_ context.Context, args []string) error {
	if _, err := p.parse(p.flags("version"), args, 0, 0); err != nil {
		return err
	}
	fmt.Fprintf(p.Stdout, "importbot %s (%s, %s/%s)\n", Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
