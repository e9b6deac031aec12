//go:build !unix

package demo

import "os"

// notifyResized does nothing: there is no signal for it here, and the prompt keeps the width that it began with.
func notifyResized(chan<- os.Signal) {}
