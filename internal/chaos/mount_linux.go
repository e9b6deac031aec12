package main

import (
	"fmt"
	"os"
	"sync"
	"syscall"
)

// mountSmall mounts a file system of some bytes.
func mountSmall(dir string, size int) (unmount func(), err error) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); err != nil {
		return nil, fmt.Errorf("mounting a small file system: %w", err)
	}
	return func() { syscall.Unmount(dir, syscall.MNT_DETACH) }, nil //nolint:errcheck // it ends with the machine at the latest
}

// canMount says why none can be mounted here.
var canMount = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "importbot-chaos-disk-")
	if err != nil {
		return fmt.Errorf("a directory to mount on: %w", err)
	}
	defer os.Remove(dir) //nolint:errcheck // it is empty
	unmount, err := mountSmall(dir, 1<<16)
	if err != nil {
		return fmt.Errorf("no small file system can be mounted, which takes root on Linux: %w", err)
	}
	unmount()
	return nil
})
