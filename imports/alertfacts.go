package imports

import (
	"slices"
	"strconv"
	"time"

	"importbot/bigfix"
)

// succeeded says whether there was a success since an alert about a lack of one, and whose. Any success will do where it
// is about a raw import. A success that is not whose yet is waited for: it ends with the next look or two.
func (w *alarms) succeeded(a Alert, any bool) (by string, ok bool) {
	if w.settling() {
		return "", false
	}
	by = w.lastSuccess(a.Since, any)
	return by, by != "" || w.srv.Fresh.After(a.Success)
}

// settling says whether this look shows that something ended, and it is not settled yet what.
func (w *alarms) settling() bool {
	return w.look.Status.Mode.NotRunning() &&
		(slices.ContainsFunc(w.active, func(i Import) bool { return i.Settle != nil && i.Settle.End != nil }) ||
			w.srv.Moved != nil && !w.srv.Moved.held(w.Rules, w.look.At))
}

// lastSuccess is the newest import that ended after a time, and whose success counts.
func (w *alarms) lastSuccess(after time.Time, any bool) string {
	for _, imp := range w.recent {
		well := imp.Outcome == Succeeded || imp.Outcome == Unclear && !imp.NeedsAttention()
		if well && imp.EndedAt.After(after) && (any || w.OneKind || imp.Type != bigfix.TypeRaw) {
			return imp.ID
		}
	}
	return ""
}

// running is the import that this look shows running; the zero Import where it shows none.
func (w *alarms) running() Import {
	if w.look.Status.Mode == bigfix.ModeRunning {
		for _, imp := range w.active {
			if imp.State == Running {
				return imp
			}
		}
	}
	return Import{}
}

// seenFrom is since when the running import is certainly this one: before a time in which nobody saw it for long, it may
// have been another.
func (w *alarms) seenFrom(imp Import) time.Time {
	from := imp.BegunAt
	for _, d := range imp.Doubts {
		if d.Kind == DoubtGap && d.To.Sub(d.From) > w.AwayAfter {
			from = later(from, d.To)
		}
	}
	return from
}

// under is an import that has not ended.
func (w *alarms) under(id string) (Import, bool) {
	i := slices.IndexFunc(w.active, func(i Import) bool { return i.ID == id })
	if i < 0 {
		return Import{}, false
	}
	return w.active[i], true
}

// usual is how long imports of a type take. All are of one where a server knows one only, whatever word it has for it.
func (w *alarms) usual(kind bigfix.ImportType) (Usual, bool) {
	return w.usualOf(w.recent, kind)
}

// usualBut is what was usual before an import.
func (w *alarms) usualBut(imp Import) (Usual, bool) {
	others := slices.DeleteFunc(slices.Clone(w.recent), func(i Import) bool { return i.ID == imp.ID })
	return w.usualOf(others, imp.Type)
}

func (w *alarms) usualOf(past []Import, kind bigfix.ImportType) (Usual, bool) {
	if w.OneKind {
		past = Alike(past, kind)
	}
	return UsualOf(past, kind)
}

func (w *alarms) sameKind(imp Import, kind bigfix.ImportType) bool {
	return w.OneKind || imp.Type == kind
}

func (i Import) doubted(kind DoubtKind) bool {
	return slices.ContainsFunc(i.Doubts, func(d Doubt) bool { return d.Kind == kind })
}

// atMost is how long an import can have taken: from before it can't have begun to when it was seen to be over.
func (i Import) atMost() (d time.Duration, ok bool) {
	from, to := i.SendingAt, i.EndedAt
	if from.IsZero() && i.Baseline != nil {
		from = i.Baseline.Span.asked()
	}
	if i.FirstRunning.At.IsZero() && i.End != nil {
		to = i.End.SeenAt
	}
	return to.Sub(from), !from.IsZero() && to.After(from)
}

// stamp is a time as it stands in an ID.
func stamp(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
