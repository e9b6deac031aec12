package imports

import (
	"context"
	"slices"
	"time"

	"importbot/bigfix"
)

const (
	// usualOf is how many of the last imports tell what is usual, and usualFrom how many it takes to say so.
	usualOf   = 20
	usualFrom = 3
	// telling is from which percentage on the progress of an import tells something about what is left.
	telling = 5
)

// Usual is how long imports of one type take on one server.
type Usual struct {
	// N is of how many imports that is known.
	N int
	// Low and High are what most of them lie between: where there are many, the longest and the shortest tenth are left
	// out. Median is the one in the middle.
	Low, Median, High time.Duration
}

// UsualOf reads from past imports of one server, newest first, how long those of a type take: from the last 20 that
// succeeded and were seen from beginning to end. Ok is false where there are fewer than three.
func UsualOf(past []Import, kind bigfix.ImportType) (u Usual, ok bool) {
	var took []time.Duration
	for i := range past {
		if past[i].Type != kind || past[i].Outcome != Succeeded || len(took) == usualOf {
			continue
		}
		if d, known := past[i].Duration(); known && d > 0 {
			took = append(took, d)
		}
	}
	if len(took) < usualFrom {
		return Usual{}, false
	}
	slices.Sort(took)
	tenth := len(took) / 10
	return Usual{N: len(took), Low: took[tenth], Median: median(took), High: took[len(took)-1-tenth]}, true
}

// LongestRest is how long the progress of past imports of one server, newest first, stood still at most: of those of a
// type, or of all where too few of that type are known. Ok is false where fewer than three are known at all.
func LongestRest(past []Import, kind bigfix.ImportType) (rest time.Duration, ok bool) {
	if rest, ok = longestRest(past, func(i *Import) bool { return i.Type == kind }); ok {
		return rest, true
	}
	return longestRest(past, func(*Import) bool { return true })
}

func longestRest(past []Import, fits func(*Import) bool) (rest time.Duration, ok bool) {
	n := 0
	for i := range past {
		if imp := &past[i]; imp.Outcome == Succeeded && !imp.RestSince.IsZero() && fits(imp) && n < usualOf {
			n++
			rest = max(rest, imp.LongestRest)
		}
	}
	return rest, n >= usualFrom
}

// Alike are past imports as ones of a type: for a server that knows one kind only, whatever word it has for it.
func Alike(past []Import, kind bigfix.ImportType) []Import {
	same := slices.Clone(past)
	for i := range same {
		same[i].Type = kind
	}
	return same
}

// remember keeps of the imports that are over, newest first, what may still be asked for: the newest ones, and of older
// ones those that tell what is usual for a type which seldom runs.
func remember(recent []Import) []Import {
	if len(recent) <= remembered {
		return recent
	}
	telling := make(map[bigfix.ImportType]int)
	kept := recent[:0]
	for i, imp := range recent {
		_, known := imp.Duration()
		tells := imp.Outcome == Succeeded && known
		if tells {
			telling[imp.Type]++
		}
		if i < remembered || tells && telling[imp.Type] <= usualOf && len(kept) < 2*remembered {
			kept = append(kept, imp)
		}
	}
	return kept
}

// recall reads what remember would have kept.
func (e *Engine) recall(ctx context.Context, server string) ([]Import, error) {
	past, err := e.cfg.Store.Recent(ctx, server, remembered)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool)
	for _, imp := range past {
		known[imp.ID] = true
	}
	for _, kind := range []bigfix.ImportType{bigfix.TypeComplete, bigfix.TypeRaw} {
		older, err := e.cfg.Store.Succeeded(ctx, server, kind, usualOf)
		if err != nil {
			return nil, err
		}
		past = append(past, slices.DeleteFunc(older, func(i Import) bool { return known[i.ID] })...)
	}
	return slices.DeleteFunc(past, func(i Import) bool { return i.State != Ended }), nil
}

// tooShortFrom is how long imports must take for one that is over sooner to be worth a word.
const tooShortFrom = 3 * time.Minute

// TooLong is how long an import may take before somebody should look: twice as long as usual, and a quarter longer than
// most. Zero where nothing is usual.
func (u Usual) TooLong() time.Duration { return max(2*u.Median, u.High+u.High/4) }

// TooShort is how soon the end of an import is suspicious: in less than a third of what even the short ones take. Zero
// where nothing is, because nothing is usual, or imports take less than 3 minutes anyway.
func (u Usual) TooShort() time.Duration {
	if u.Low < tooShortFrom {
		return 0
	}
	return u.Low / 3
}

// median is the middle of sorted durations, of which there is at least one.
func median(sorted []time.Duration) time.Duration {
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// Left estimates how long an import that has been running for a while will run on. Both the usual duration and the
// progress have a say, the progress more the further it is: it seldom rises evenly, least of all at the beginning. ok is
// false where nothing can be said: when it takes longer than usual and shows no progress to tell by.
func (u Usual) Left(progress *int, running time.Duration) (left time.Duration, ok bool) {
	byProgress, weight := leftByProgress(progress, running)
	if u.N == 0 || running > u.High {
		return byProgress, weight > 0 && byProgress > 0
	}
	byHistory := u.Median - running
	if byHistory <= 0 {
		byHistory = u.High - running
	}
	left = time.Duration(weight*float64(byProgress) + (1-weight)*float64(byHistory))
	return left, left > 0
}

// leftByProgress is what is left if it goes on as evenly as until now, and how much that is worth, from 0 to 1.
func leftByProgress(progress *int, running time.Duration) (left time.Duration, weight float64) {
	if progress == nil || *progress < telling || *progress >= 100 || running <= 0 {
		return 0, 0
	}
	done := float64(*progress) / 100
	return time.Duration(float64(running) * (1 - done) / done), done
}
