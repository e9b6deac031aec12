package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is what a process has taken so far.
type usage struct {
	resident  int64         // bytes
	processor time.Duration // user and system
}

var errNoUsage = errors.New("this system has no /proc")

// clockTick is the unit of processor time in /proc/PID/stat: USER_HZ, which Linux fixes at 100 for all programs.
const clockTick = time.Second / 100

// usageOf reads it from /proc, as proc(5) describes: stat's fields 14 and 15, statm's second.
func usageOf(pid int) (usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) {
		return usage{}, errNoUsage
	}
	if err != nil {
		return usage{}, err
	}
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return usage{}, err
	}
	// The program's name, in parentheses, may hold spaces: count from behind it. The first field there is the third.
	_, behind, _ := strings.Cut(string(stat), ") ")
	fields, sizes := strings.Fields(behind), strings.Fields(string(statm))
	if len(fields) < 13 || len(sizes) < 2 {
		return usage{}, fmt.Errorf("can't read /proc/%d/stat", pid)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	pages, err3 := strconv.ParseInt(sizes[1], 10, 64)
	return usage{
		resident:  pages * int64(os.Getpagesize()),
		processor: time.Duration(user+system) * clockTick,
	}, errors.Join(err1, err2, err3)
}
