//go:build !unix

package demo

import "os/exec"

// setApart does nothing: where a Ctrl-C reaches the bot too, it stops as it is asked to a moment later.
func setApart(*exec.Cmd) {}

// askToStop ends its standard input: there is no signal to ask with.
func askToStop(p *process) error { return p.leash.Close() }
