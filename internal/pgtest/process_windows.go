package pgtest

import (
	"os"
	"syscall"
)

// whoRuns: PostgreSQL drops an administrator's rights by itself.
func whoRuns() (*owner, error) { return nil, nil }

func (o *owner) attributes() *syscall.SysProcAttr { return new(syscall.SysProcAttr) }

// interrupt: there is no signal to ask with.
func interrupt(p *os.Process) error { return p.Kill() }

// gone: nobody is asked; what was left behind stays.
func gone(int) bool { return false }
