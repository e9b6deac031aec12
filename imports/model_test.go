package imports

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"importbot/bigfix/bigfixtest"
)

var (
	games       = flag.Int("games", 100_000, "how many imports the model test plays")
	gamesSeed   = flag.Uint64("games.seed", 1, "what they are dealt from")
	gamesFail   = flag.Float64("games.fail", 0.05, "the share of imports that fail; the more do, the more claims are wrong")
	gamesByHand = flag.Float64("games.byhand", 0.1, "the share of disturbed games with an import started by hand in the same minutes")
)

// TestModel plays a hundred thousand imports on servers that are strange in every way facts are missing for, with bot,
// polls, nightlies, restarts and other people in between, and compares what the judge claims with what the simulated
// server did. Some of it can't be told from outside at all; so a clear claim may be wrong, in one of ten thousand, and
// in the ways that are known (docs/decisions/0006). On an ordinary server, seen throughout, it is always clear and right.
//
//	go test ./imports -run TestModel -v -games 1000000 -games.seed 7
func TestModel(t *testing.T) {
	t.Parallel()
	n := *games
	if underRace || testing.Short() {
		n = min(n, 2_000)
	}
	claims := playAll(*gamesSeed, n)
	t.Logf("%d games of seed %d\n%s", n, *gamesSeed, shares(claims))
	ways := map[string]int{}
	clear, wrong, failed, praised := 0, 0, 0, 0
	for _, c := range claims {
		switch {
		case c.ordinary && (!c.clear() || c.wrong()):
			t.Errorf("game %d is an ordinary one, and its import ended %s; in truth it %s", c.game, c.fate, c.truth)
		case c.wrong() && c.why == "":
			t.Errorf("game %d: claimed %s, in truth %s, and nobody knows why", c.game, c.fate, c.truth)
		case c.wrong():
			ways[c.why]++
		}
		if c.clear() {
			clear++
		}
		if c.truth == Failed {
			failed++
			if c.outcome == Succeeded {
				praised++
			}
		}
		if c.wrong() {
			wrong++
			t.Logf("game %d: claimed %s, in truth %s: %s", c.game, c.fate, c.truth, c.why)
		}
	}
	t.Logf("%d of %d clear claims are wrong, %.2f in 10,000", wrong, clear, 10_000*float64(wrong)/float64(clear))
	t.Logf("of %d imports that failed in truth and were told of, %d were called succeeded", failed, praised)
	for _, why := range slices.Sorted(maps.Keys(ways)) {
		t.Logf("%4d × %s", ways[why], why)
	}
	if allowed := max(clear/10_000, 1); wrong > allowed {
		t.Errorf("%d clear claims are wrong, more than %d", wrong, allowed)
	}
}

// claim is what was said of one import, and what is true.
type claim struct {
	game     uint64
	kind     string // of import, for the table
	ordinary bool   // game
	fate     string
	outcome  Outcome // as it was judged; empty where it has not ended
	truth    Outcome // Succeeded, Failed, or Unknown for one that was cut off; empty where none ran
	why      string  // of a wrong claim
}

func (c claim) clear() bool { return c.outcome == Succeeded || c.outcome == Failed }

func (c claim) wrong() bool { return c.clear() && c.outcome != c.truth }

// shares is a table of how imports were judged.
func shares(claims []claim) string {
	outcomes := []Outcome{Succeeded, Failed, Unclear, Unknown, NotBegun, ""}
	kinds := []string{"ordinary", "disturbed", "not started here"}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\timports\tsucceeded\tfailed\tunclear\tunknown\tnot begun\tnot over\t\n")
	for _, kind := range kinds {
		count, all := map[Outcome]int{}, 0
		for _, c := range claims {
			if c.kind == kind {
				count[c.outcome]++
				all++
			}
		}
		fmt.Fprintf(w, "%s\t%d\t", kind, all)
		for _, o := range outcomes {
			fmt.Fprintf(w, "%.1f %%\t", 100*float64(count[o])/float64(max(all, 1)))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	return b.String()
}

// playAll plays n games, on all cores; what comes out depends on the seed alone.
func playAll(seed uint64, n int) []claim {
	workers := runtime.GOMAXPROCS(0)
	parts := make([][]claim, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				g := newGame(seed, uint64(i))
				g.play()
				parts[w] = append(parts[w], g.claims(uint64(i))...)
			}
		})
	}
	wg.Wait()
	all := slices.Concat(parts...)
	slices.SortStableFunc(all, func(a, b claim) int { return cmp.Compare(a.game, b.game) })
	return all
}

// claims compares what was judged with the truth.
func (g *game) claims(n uint64) (out []claim) {
	truth := g.sim.Imports(g.now)
	for _, imp := range g.desk.imports() {
		c := claim{game: n, ordinary: g.ordinary, fate: fate(imp), outcome: imp.Outcome, kind: "disturbed"}
		switch {
		case imp.Origin != Here:
			c.kind = "not started here"
		case g.ordinary:
			c.kind = "ordinary"
		}
		if i := g.ownOr(imp, truth); i >= 0 {
			c.truth = outcomeOf(truth, i)
		}
		if c.wrong() {
			c.why = g.why(imp, truth)
		}
		out = append(out, c)
	}
	return out
}

// ownOr is the import that run= began, or else the one that was watched.
func (g *game) ownOr(imp Import, truth []bigfixtest.Import) int {
	own := slices.IndexFunc(truth, func(t bigfixtest.Import) bool { return t.Origin == bigfixtest.Requested })
	if imp.Origin == Here && own >= 0 {
		return own
	}
	return g.watched(imp, truth)
}

// watched is the import that the looks showed: the one that ran at the first running look, or else the one whose end
// was reported.
func (g *game) watched(imp Import, truth []bigfixtest.Import) int {
	if !imp.FirstRunning.At.IsZero() {
		for _, at := range g.looks {
			if at.Before(imp.FirstRunning.Asked) || at.After(imp.FirstRunning.At) {
				continue
			}
			for i, t := range truth {
				if !t.Began.After(at) && (t.Ended.IsZero() || t.Ended.After(at)) {
					return i
				}
			}
		}
		return -1
	}
	if imp.End == nil {
		return -1
	}
	told, before := imp.End.ImportTime, -1
	for i, t := range truth {
		began, ended := g.there(t.Began), g.there(t.Ended)
		if told.Equal(began) || told.Equal(ended) {
			return i
		}
		if told.After(began) { // cut off by a restart, and written down when the server was back
			before = i
		}
	}
	return before
}

// there is a true time as the server writes it.
func (g *game) there(t time.Time) time.Time { return t.Add(g.doubts.Skew).Truncate(time.Second) }

// why says how a claim could go wrong. In each of these ways a server that is as strange as that shows exactly what
// another one shows on which the claim is right: no look tells them apart. Empty where it can't be said.
func (g *game) why(imp Import, truth []bigfixtest.Import) string {
	i := g.ownOr(imp, truth)
	if i < 0 {
		return ""
	}
	own := truth[i]
	switch {
	case g.doubts.HideRunning:
		return "the mode never says running"
	case !g.shown(own):
		return "over before any look showed it, without a trace, and another began within the start grace"
	case imp.Origin == Here && g.watched(imp, truth) != i:
		return "another began a moment before it, and was taken for it"
	case i+1 < len(truth) && truth[i+1].Began.Sub(own.Ended) < 2*time.Minute:
		return "another began right behind it, and neither the percentage nor a look between them gave that away"
	case i > 0 && own.Began.Sub(truth[i-1].Ended) < 2*time.Minute:
		return "another was over just before it, between two looks, and its own end left no trace"
	case g.doubts.MovedBeforeRunning && own.Outcome == bigfixtest.Interrupted:
		return "cut off without a trace after its time was written down, and the word is still the last one's"
	}
	return ""
}

// shown says whether any look showed the import running.
func (g *game) shown(imp bigfixtest.Import) bool {
	return slices.ContainsFunc(g.looks, func(at time.Time) bool {
		return !at.Before(imp.Began.Add(g.doubts.ShowLag)) && (imp.Ended.IsZero() || at.Before(imp.Ended))
	})
}

// outcomeOf is what became of an import. One that the server began anew after a restart counts as one with that.
func outcomeOf(truth []bigfixtest.Import, i int) Outcome {
	switch t := truth[i]; {
	case t.Outcome == bigfixtest.Succeeded:
		return Succeeded
	case t.Outcome == bigfixtest.Failed, t.Word != "":
		return Failed
	case i+1 < len(truth) && truth[i+1].Origin == bigfixtest.Restarted:
		return outcomeOf(truth, i+1)
	}
	return Unknown
}
