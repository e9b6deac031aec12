package bigfixtest

import (
	"math/rand/v2"
	"time"

	"importbot/bigfix"
)

// Random deals out an answer to every open question that has to do with how
// imports are started and how they show, for tests that play many imports.
// About half of the questions get the plain answer each time, so that oddities
// are met alone and in company. Answers to run= that hide what became of it
// are dealt with the import taken and without. How tokens are fetched and sent,
// and the wire, are left plain: a client gets them right or nothing at all.
func Random(r *rand.Rand) Doubts {
	d := Doubts{
		RunAnswer:    pick(r, AnswerStatus, runAnswers...),
		WhileRunning: pick(r, RunDropped, RunQueued, RunRefused),
		ImportTime:   pick(r, MomentEnd, MomentStart),
		SuccessTime:  pick(r, MomentDefault, MomentEnd, MomentStart),
		OnFailure:    pick(r, FailureMoves, FailureWordOnly, FailureSilent),
		SuccessWord:  sometimes(r, 20, "Erfolgreich"),
		FailureWord:  pick(r, "failed", "error", "Fehler", "unsuccessful"),
		Progress:     pick(r, ProgressUsual, ProgressLinear, ProgressRests, ProgressFallsBack, ProgressResets, ProgressJumps, ProgressAbsent),
		AfterRestart: pick(r, RestartForgets, RestartFails, RestartAnew, RestartResumes),
		BehindType:   pick(r, bigfix.TypeComplete, bigfix.TypeRaw),
	}
	d.StartLag = sometimes(r, 4, time.Duration(r.Int64N(int64(3*time.Minute))))
	d.ShowLag = sometimes(r, 8, time.Duration(r.Int64N(int64(time.Minute))))
	d.EndLag = sometimes(r, 8, time.Duration(r.Int64N(int64(time.Minute))))
	d.BehindGap = time.Duration(r.Int64N(int64(2 * time.Minute)))
	d.Skew = sometimes(r, 3, time.Duration(r.Int64N(int64(2*time.Hour))-int64(time.Hour)))
	d.LooksFail = sometimes(r, 3, r.Float64()*0.5)
	d.DropRun = sometimes(r, 20, true) || d.RunAnswer.hides() && sometimes(r, 5, true)
	d.MovedBeforeRunning = sometimes(r, 8, true)
	d.NoLastStatus = sometimes(r, 10, true)
	d.NoLastType = sometimes(r, 10, true)
	d.HideRunning = sometimes(r, 15, true)
	d.RightBehind = sometimes(r, 8, true)
	d.ScheduleDead = sometimes(r, 20, true)
	d.Permission = sometimes(r, 20, pick(r, PermissionRun403, PermissionFlag, PermissionAll403))
	d.WrongToken = pick(r, Answer401, Answer403, Answer500, AnswerHTML, AnswerRedirect, Answer404)
	return d
}

// runAnswers are the ways to answer run= other than with the status.
var runAnswers = []Answer{
	AnswerStale, AnswerEmpty, AnswerText, AnswerNoMode, AnswerOddMode, AnswerHTML, AnswerRedirect, AnswerCut, AnswerHuge,
	AnswerDrop, AnswerHang, Answer400, Answer401, Answer403, Answer404, Answer500, Answer500Bare, Answer502, Answer503,
}

// hides says whether an answer keeps from whoever asked what became of the request.
func (a Answer) hides() bool { return a != AnswerStatus && a != AnswerStale }

// pick returns the first choice in half of the cases.
func pick[T any](r *rand.Rand, plain T, odd ...T) T {
	if r.IntN(2) == 0 {
		return plain
	}
	return odd[r.IntN(len(odd))]
}

// sometimes returns v in one of n cases, and nothing in the others.
func sometimes[T any](r *rand.Rand, n int, v T) T {
	if r.IntN(n) != 0 {
		var none T
		return none
	}
	return v
}
