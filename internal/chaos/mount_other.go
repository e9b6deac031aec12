//go:build unix && !linux

package main

import "errors"

var errNoMount = errors.New("a small file system is mounted on Linux only")

func mountSmall(string, int) (unmount func(), err error) { return nil, errNoMount }

func canMount() error { return errNoMount }
