package bigfixtest

import (
	"math/rand/v2"
	"time"

	"importbot/bigfix"
)

// Random deals out an answer to every open question that has to do with how
// imports show, for tests that play many imports. About half of the questions
// get the plain answer each time, so that oddities are met alone and in
// company. Permission, tokens and the wire are left plain: they don't blur
// what can be known of an import, they hide all of it.
func Random(r *rand.Rand) Doubts {
	d := Doubts{
		RunAnswer:    pick(r, AnswerStatus, AnswerStale, AnswerEmpty, AnswerText, AnswerNoMode, AnswerCut, AnswerDrop, AnswerHang, Answer500, Answer502),
		WhileRunning: pick(r, RunDropped, RunQueued, RunRefused),
		ImportTime:   pick(r, MomentEnd, MomentStart),
		SuccessTime:  pick(r, MomentDefault, MomentEnd, MomentStart),
		OnFailure:    pick(r, FailureMoves, FailureWordOnly, FailureSilent),
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
	d.DropRun = sometimes(r, 20, true)
	d.MovedBeforeRunning = sometimes(r, 8, true)
	d.NoLastStatus = sometimes(r, 10, true)
	d.NoLastType = sometimes(r, 10, true)
	d.HideRunning = sometimes(r, 15, true)
	d.RightBehind = sometimes(r, 8, true)
	d.ScheduleDead = sometimes(r, 20, true)
	return d
}

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
