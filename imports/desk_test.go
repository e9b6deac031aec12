package imports

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// desk judges looks at one server in the order in which an Engine does, and keeps what comes of it in memory.
type desk struct {
	rules  Rules
	srv    Server
	active []Import // not ended
	ended  []Import // newest first
	all    []string // every ID, in the order of arrival
	check  func(before, after Import, o Observation)
	alarms bool // watch for alerts too
}

// look takes one look.
func (d *desk) look(o Observation) {
	still := d.active[:0]
	for _, imp := range d.active {
		next, _ := d.rules.Next(imp, o, o.At)
		if d.check != nil {
			d.check(imp, next, o)
		}
		still = d.keep(still, next)
	}
	for _, imp := range d.rules.Arrivals(d.srv, still, d.ended, o, o.At, d.newID) {
		still = d.keep(still, imp)
	}
	d.active = still
	before := d.srv
	d.srv = d.rules.See(before, o)
	if d.alarms {
		d.srv.Alerts = d.rules.Watch(before, d.srv, d.active, d.ended, o, o.At)
	}
}

func (d *desk) keep(active []Import, imp Import) []Import {
	if imp.State != Ended {
		return append(active, imp)
	}
	d.ended = slices.Insert(d.ended, 0, imp)
	if d.alarms {
		d.ended = remember(d.ended)
	}
	return active
}

func (d *desk) newID() string {
	id := fmt.Sprint("import ", len(d.all)+1)
	d.all = append(d.all, id)
	return id
}

// start sends run= at a time, answered as failure says.
func (d *desk) start(imp Import, at time.Time, failure *Failure) {
	imp.ID, imp.Origin, imp.State = d.newID(), Here, Sent
	imp.AcceptedAt, imp.SendingAt, imp.Baseline, imp.SendAnswer = at, at, d.srv.Quiet, failure
	d.active = append(d.active, imp)
}

// imports returns all imports in the order in which they came up.
func (d *desk) imports() []Import {
	known := append(slices.Clone(d.ended), d.active...)
	slices.SortFunc(known, func(a, b Import) int {
		return slices.Index(d.all, a.ID) - slices.Index(d.all, b.ID)
	})
	return known
}

// String says what became of all imports.
func (d *desk) String() string {
	var out []string
	for _, imp := range d.imports() {
		words := fate(imp)
		if imp.Origin != Here {
			words = string(imp.Origin) + ": " + words
		}
		out = append(out, words)
	}
	return strings.Join(out, "; ")
}

// fate says in a few words how an import stands, and why so.
func fate(imp Import) string {
	if imp.State != Ended {
		return string(imp.State)
	}
	var why []string
	switch imp.Outcome {
	case Unclear:
		for _, d := range imp.Doubts {
			why = append(why, string(d.Kind))
		}
	case Succeeded, Failed:
	default:
		why = []string{string(imp.Reason.Kind)}
	}
	out := string(imp.Outcome)
	if len(why) > 0 {
		out += ": " + strings.Join(why, " ")
	}
	if imp.Outcome != Failed && imp.End != nil && imp.End.Status != "" && imp.End.Status != "successful" {
		out += " (" + string(imp.End.Status) + ")"
	}
	return out
}
