//go:build !windows

package health

import "syscall"

// What the system calls an address that is taken, is not this machine's, or is forbidden.
const (
	errInUse   = syscall.EADDRINUSE
	errNotOurs = syscall.EADDRNOTAVAIL
	errDenied  = syscall.EACCES
)
