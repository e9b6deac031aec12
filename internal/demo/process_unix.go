//go:build unix

package demo

import (
	"os/exec"
	"syscall"
)

// setApart keeps the terminal's signals from a process: Ctrl-C is for the demo, which then asks its bot to stop.
func setApart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// askToStop is what a supervisor does.
func askToStop(p *process) error { return p.cmd.Process.Signal(syscall.SIGTERM) }
