package pgtest

import "syscall"

// dieWithParent has the kernel stop the server, at once and with all its processes, when this one dies.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGQUIT }
