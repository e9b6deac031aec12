//go:build unix

package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// openToAll returns the mode of a file, and whether every user of this machine can read it: it lets them, and so do all directories
// above it.
func openToAll(path string) (fs.FileMode, bool) {
	const readable, enterable = 0o004, 0o001
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return 0, false // there is none
	}
	info, err := os.Stat(real)
	if err != nil || info.Mode().Perm()&readable == 0 {
		return 0, false
	}
	if real, err = filepath.Abs(real); err != nil {
		return 0, false
	}
	for dir := filepath.Dir(real); ; dir = filepath.Dir(dir) {
		above, err := os.Stat(dir)
		if err != nil || above.Mode().Perm()&enterable == 0 {
			return 0, false
		}
		if dir == filepath.Dir(dir) {
			return info.Mode().Perm(), true
		}
	}
}

// owner returns the user that this process runs as, and whether a file which only its owner may read could still be read by it.
func owner(path string) (uid int, ours bool) {
	uid = os.Geteuid()
	info, err := os.Stat(path)
	if err != nil || uid == 0 {
		return uid, true
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return uid, !ok || int(stat.Uid) == uid
}
