package health

import "syscall"

// What Windows calls an address that is taken, is not this machine's, or is forbidden.
const (
	errInUse   = syscall.Errno(10048) // WSAEADDRINUSE
	errNotOurs = syscall.Errno(10049) // WSAEADDRNOTAVAIL
	errDenied  = syscall.WSAEACCES
)
