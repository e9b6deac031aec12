//go:build unix

package demo

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyResized sends on c whenever the terminal's size changes.
func notifyResized(c chan<- os.Signal) { signal.Notify(c, syscall.SIGWINCH) }
