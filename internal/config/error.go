package config

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that has to be put right before the bot can start.
type Fault struct {
	Variable string // its name, or that of the file at fault
	Problem  string // "is missing", "is \"30\", a number without a unit"
	Do       string // what to do: a sentence without its full stop
}

// String is the fault in one line.
func (f Fault) String() string {
	if f.Do == "" {
		return f.Variable + " " + f.Problem
	}
	return f.Variable + " " + f.Problem + ": " + f.Do
}

// Error is every fault of a configuration, each named once, those of missing variables first.
type Error struct {
	Faults []Fault
	// DotEnv is the .env file that was read, or would have been; "" where none was asked for.
	DotEnv string
	// Read says whether that file was there.
	Read bool
	// Skipped says that it was there, and that nothing of it could be used. What is not set elsewhere may stand in it, so nothing is
	// named as missing.
	Skipped bool
}

// Error is the message for the person at the terminal: a line that says how many, one line a fault, and where to go on from here.
func (e *Error) Error() string {
	var b strings.Builder
	if len(e.Faults) == 1 {
		b.WriteString("The configuration has a fault:\n")
	} else {
		fmt.Fprintf(&b, "The configuration has %d faults:\n", len(e.Faults))
	}
	for _, f := range e.Faults {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	switch {
	case e.DotEnv == "":
		b.WriteString("It was read from the environment.")
	case e.Skipped:
		fmt.Fprintf(&b, "It was read from the environment alone. Nothing of %s could be used, so what else is missing is not known yet.", e.DotEnv)
	case e.Read:
		fmt.Fprintf(&b, "It was read from the environment and from %s.", e.DotEnv)
	default:
		fmt.Fprintf(&b, "It was read from the environment alone: there is no %s.", e.DotEnv)
	}
	b.WriteString(" .env.example explains every variable; `importbot demo` needs none.")
	return b.String()
}

// add notes a fault unless it is known: servers that inherit a wrong value all meet it.
func (r *reader) add(f Fault) {
	if !slices.Contains(r.faults, f) {
		r.faults = append(r.faults, f)
	}
}

// missing notes that a variable has to be set. Where .env could not be used it may well stand there, and the cause is told already.
func (r *reader) missing(name, do string) {
	if !r.skipped {
		r.add(Fault{Variable: name, Problem: "is missing", Do: do})
	}
}

func (r *reader) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	missing := func(f Fault) int {
		if strings.HasPrefix(f.Problem, "is missing") {
			return 0
		}
		return 1
	}
	for i, f := range r.faults {
		r.faults[i].Problem, r.faults[i].Do = r.hide(f.Problem), r.hide(f.Do)
	}
	slices.SortStableFunc(r.faults, func(a, b Fault) int { return missing(a) - missing(b) })
	return &Error{Faults: r.faults, DotEnv: r.dotEnv, Read: r.dotEnvRead, Skipped: r.skipped}
}
