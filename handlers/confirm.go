package handlers

import (
	"time"

	"importbot/bigfix"
)

// Confirm says which starts that somebody typed are asked about once more.
type Confirm string

// The policies, each asking more than the one before, but for ConfirmNever.
const (
	ConfirmNever    Confirm = "never"
	ConfirmOverlap  Confirm = "overlap"  // those that may still run when the next scheduled import is due
	ConfirmComplete Confirm = "complete" // besides, every complete one
	ConfirmAll      Confirm = "all"
)

const (
	// questionLives is how long a question may be answered: it was asked about the moment.
	questionLives = time.Minute
	// overlapUnknown is how near the next scheduled import must be for a start to be asked about where nobody knows how long
	// it takes.
	overlapUnknown = 10 * time.Minute
	// overdueFor is how long after its time a scheduled import may still begin: the server's schedule is not to the second.
	overdueFor = 5 * time.Minute
)

// question is why a start is asked about.
type question string

const (
	askNothing question = ""
	askOverlap question = "overlap"
	askPolicy  question = "policy"
)

// question says whether to ask before an import of the scene's type is started, given what a dialog said before.
func (srv Server) question(s scene, before warned) question {
	if srv.Confirm == ConfirmNever {
		return askNothing
	}
	if _, overlaps := s.overlaps(); overlaps && before != toldOverlap {
		return askOverlap
	}
	every := srv.Confirm == ConfirmAll || srv.Confirm == ConfirmComplete && s.imp.Type == bigfix.TypeComplete
	if every && before == toldNothing {
		return askPolicy
	}
	return askNothing
}

// overlaps says whether an import of the scene's type that is started now may still run when the next scheduled one is due,
// and in how long that is: negative where its time has just come.
func (s scene) overlaps() (away time.Duration, ok bool) {
	b := s.known.Quiet
	if b == nil || b.NextImportTime.IsZero() {
		return 0, false
	}
	reach := overlapUnknown
	if usual, ok := s.usual(); ok {
		reach = usual.High
	}
	away = b.NextImportTime.Sub(s.serverNow())
	return away, away > -overdueFor && away <= reach
}

// usualLine says how long an import of the scene's type takes.
func (s scene) usualLine(p pen) string {
	usual, ok := s.usual()
	if !ok {
		return ""
	}
	return "It usually takes " + p.between(usual.Low, usual.High) + "."
}

// nextLine says when the next scheduled import is.
func (s scene) nextLine(p pen) string {
	b := s.known.Quiet
	if b == nil || b.NextImportTime.IsZero() {
		return ""
	}
	what := "The next scheduled import"
	if b.NextImportType != "" {
		what += " (" + p.typeWord(b.NextImportType) + ")"
	}
	away := b.NextImportTime.Sub(s.serverNow())
	if away <= 0 {
		return what + " was due " + p.when(b.NextImportTime) + "."
	}
	return what + " is due " + p.when(b.NextImportTime) + ", in " + p.span(away) + "."
}

// overlapLine says what is overlapped.
func (s scene) overlapLine(p pen) string {
	away, ok := s.overlaps()
	_, usual := s.usual()
	switch {
	case !ok:
		return ""
	case away <= 0:
		return "That one may begin any moment; a server runs one import at a time."
	case !usual:
		return "This one may still run by then, and the scheduled one would not begin on time."
	}
	return "This one is likely to run still by then, and the scheduled one would not begin on time."
}
