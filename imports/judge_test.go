package imports

import (
	"strings"
	"testing"
	"time"
)

// The truth table of an import's life. A row is what one sees, look by look, half a minute apart:
//
//	.  idle, nothing new          S  idle, reports this import as successful     1-9  running, 10 % to 90 %
//	p  pending, nothing new       F  idle, reports it as failed                  R    running, no percentage
//	n  no import ever             f  idle, the word "failed", an old time        x    no answer
//	?  a mode nobody documented   E  idle, the time it began, an old word        ~    nobody looks for an hour
//	>  run= is sent here (403> and 500> answer it so, crash> does not live to see it)
//	!  a scheduled import is due here
//
// and, each an S with one thing wrong: T its time fits nothing, O it is of the other type, U of no type, W has no word
// but the last success moved, w has no word and it did not, C is "successful" but the last success did not move, A is
// "failed" and the last success moved, B is older than what was reported before.
//
// Each row is played on 36 servers: last_import_time is an import's begin or its end, the clock is shown by the
// schedule, by the Date header or not at all, and is right, an hour fast or three slow, and answers come at once or
// after 4 s. @begin, @end, @clock and @noclock choose among them, @ilmt makes them License Metric Tool. START_GRACE is
// 3 minutes here, END_GRACE one.
var truth = []struct{ name, looks, want string }{
	{"seen throughout", ". > 1 5 9 S", "succeeded"},
	{"the first import ever", "n > 1 5 S", "succeeded"},
	{"it failed", ". > 1 5 F", "failed"},
	{"it failed, as the one before", "f > 1 5 F F F", "failed"},
	{"it failed, as the one before, and the word might be that one's yet", "f > 1 5 F F", "settling"},
	{"it succeeded after a failure", "f > 1 5 S", "succeeded"},
	{"the answers say pending", "p > 1 p p p", "unknown: nothing_moved"},
	{"run= was not answered", ". 500> . 1 5 S", "succeeded"},
	{"idle for a while first", ". > . . . 1 5 S", "succeeded"},
	{"found after a crash", ". crash> 1 5 S", "succeeded"},
	{"still running", ". > 1 5 9 9 9 9 9 9 9", "running"},
	{"lost polls", ". > 1 x 5 x x 7 S", "succeeded"},
	{"the end is written late", ". > 1 5 . S", "succeeded"},

	{"too quick to be seen, not held yet", ". > S S", "sent"},
	{"too quick to be seen, held", ". > S S S S", "succeeded"},
	{"too quick, and the end changed while it was waited on", ". > S F F F F F F F", "unclear: another (failed)"},
	{"too quick, and another runs", ". > S 1 2", "unclear: another; elsewhere: running"},

	{"time written down early", "@begin . > E E 1 5 S", "succeeded"},
	{"time written down early, and another at the end", "@end . > E 1 5 S S S", "unclear: another"},
	{"time written down early, then interrupted", ". > E 1 5 E E E", "unknown: nothing_moved"},
	{"time written down early, seen too late, then interrupted", ". > 1 5 E E E", "unclear: stale"},
	{"time written down early, not seen running yet", ". > E E E E", "sent"},
	{"time written down early, never seen running", ". > E E E E E E E", "unclear: stale"},
	{"time written down early, never seen running, and its word comes when it was given up", "@end @clock . > E E E E E E E S S S", "unclear: stale; elsewhere: unclear: another time stale"},
	{"something began as it was sent", "@end . E > 1 5 S S S", "unclear: another"},

	{"no sign", ". > . . . . . . .", "not_begun: no_sign"},
	{"no sign, and one look alone was answered", ". > . x x x x x x", "sent"},
	{"no sign, and an hour without looks", ". > . ~ . . .", "unknown: no_sign"},
	{"refused for want of permission", ". 403> .", "not_begun: not_permitted"},
	{"refused, and nobody saw what then", ". 403> x x", "sent"},
	{"refused, yet one runs", ". 403> 1 5 S S S S", "unclear: refused"},
	{"refused, yet one begins later", ". 403> . . 1 5 S S S", "not_begun: not_permitted; late: succeeded"},
	{"begun after it was given up", ". > . . . . . . . . 1 5 S", "not_begun: no_sign; late: succeeded"},

	{"over, and nothing moved", ". > 1 5 . . .", "unknown: nothing_moved"},
	{"over, seen idle twice only", ". > 1 5 . .", "settling"},
	{"over, no look answered", ". > 1 5 . x x x x", "running"},
	{"over, the word alone changed", ". > 1 5 f f f", "unknown: nothing_moved (failed)"},
	{"over, and the history is older than before", ". > 1 5 B B B", "unknown: history"},
	{"idle for one look", ". > 1 3 . 5 S S S S", "unclear: another"},
	{"idle for two, and running again", "@end . > 1 3 . . 5 S", "unknown: nothing_moved; elsewhere: unclear: another"},

	{"an hour without looks, running before and after", ". > 1 ~ 5 S", "unclear: gap"},
	{"an hour without looks, over after it", ". > 1 ~ S", "unclear: gap"},
	{"an hour without looks, failed after it", ". > 1 ~ F", "unclear: gap (failed)"},
	{"an hour out of sight", ". > 1" + strings.Repeat(" x", 120) + " S", "unclear: gap"},
	{"a day out of sight", ". > 1" + strings.Repeat(" x", 24*120+2), "unknown: out_of_sight"},
	{"progress fell", ". > 5 6 2 8 S", "unclear: fell_back"},
	{"progress fell by ten points", ". > 5 6 5 8 S", "succeeded"},
	{"a nightly was due as it was sent", "@clock . ! > 1 2 3 4 5 6 7 8 9 S", "unclear: nightly"},
	{"a nightly was due as it ended", "@clock . > 1 5 9 ! S", "unclear: nightly"},
	{"a nightly was due, and the end is far from it", "@clock . > 1 2 ! 3 4 5 6 7 8 9 S", "succeeded"},
	{"the other type", ". > 1 5 O O O", "unclear: type"},
	{"no type", ". > 1 5 U U U", "unclear: type_unknown"},
	{"no type, of a server that knows one kind only", "@ilmt . > 1 5 U", "succeeded"},
	{"the time fits nothing", "@clock . > 1 5 T T T", "unclear: time stale"},
	{"the time fits nothing, and nobody can tell", "@noclock . > 1 5 T", "succeeded"},
	{"no word, but the success moved", ". > 1 5 W W W", "succeeded"},
	{"no word at all", ". > 1 5 w w w", "unknown: no_word"},
	{"successful, but the last success is old", ". > 1 5 C C C", "unclear: stale"},
	{"failed, but there was a success", ". > 1 5 A A A", "unclear: another (failed)"},
	{"a doubt is not hurried", ". > 1 5 O O", "settling"},
	{"and may go away", ". > 1 5 C S", "succeeded"},

	{"a mode nobody documented is not idle", ". > 1 5 ? ? ? ?", "running"},
	{"a day of it, never seen running", ". >" + strings.Repeat(" ?", 24*120+2), "unknown: unknown_mode"},
	{"a day of it in mid-run", ". > 1" + strings.Repeat(" ?", 24*120+2), "unknown: unknown_mode"},
	{"nor is it a look", ". > 1 5 ? ? ? ? ? S", "unclear: gap"},

	{"started elsewhere", ". . 1 5 S", "elsewhere: succeeded"},
	{"scheduled", "@clock . . ! 1 5 S", "scheduled: succeeded"},
	{"scheduled, begun a minute late", "@clock . . ! . . 1 5 F", "scheduled: failed"},
	{"scheduled, of the other type", "@clock . . ! 1 5 O O O", "scheduled: unclear: type"},
	{"elsewhere, over between two looks", ". . S S S", "elsewhere: succeeded"},
	{"elsewhere, over between two looks, not held yet", ". . S S", ""},
	{"scheduled, failed between two looks", "@clock . . ! F F F", "scheduled: failed"},
	{"scheduled, failed without moving the time", "@clock . . ! f f f", "scheduled: unknown: nothing_moved (failed)"},
	{"elsewhere, while nobody looked", ". . ~ S S S", "elsewhere: unclear: gap"},
	{"running at the first look ever", "@clock @end 1 5 S", "elsewhere: succeeded"},
	{"running at the first look ever, and it failed", "@clock @end 1 5 F F F", "elsewhere: unclear: no_baseline (failed)"},
	{"running at the first look ever, the word is no success and the success moved", "@clock @end 1 5 A A A", "elsewhere: unclear: no_baseline (failed)"},
	{"running at the first look ever, the time is before that", "@clock @begin 1 5 S S S", "elsewhere: unknown: nothing_moved"},
	{"running at the first look ever, and no clock", "@noclock 1 5 S S S", "elsewhere: unclear: no_baseline"},
	{"nothing but looks", ". . . ~ . x .", ""},
}

func TestTruth(t *testing.T) {
	t.Parallel()
	for _, row := range truth {
		t.Run(row.name, func(t *testing.T) {
			for _, srv := range servers() {
				if got, ok := play(srv, row.looks); ok && got != row.want {
					t.Fatalf("on %+v:\n%s\ngot  %s\nwant %s", srv, row.looks, got, row.want)
				}
			}
		})
	}
}

// someServer is one way a server may be, as far as a row leaves it open.
type someServer struct {
	clock   string        // how it shows its clock: "schedule", "date", "none"
	timeIs  string        // what last_import_time is: "begin", "end"
	ahead   time.Duration // its clock
	latency time.Duration
}

func servers() (all []someServer) {
	for _, clock := range []string{"schedule", "date", "none"} {
		for _, timeIs := range []string{"begin", "end"} {
			for _, ahead := range []time.Duration{0, time.Hour, -3 * time.Hour} {
				for _, latency := range []time.Duration{0, 4 * time.Second} {
					all = append(all, someServer{clock, timeIs, ahead, latency})
				}
			}
		}
	}
	return all
}

// play plays a row on a server and says what came of it; ok is false where the row is not meant for this one.
func play(srv someServer, row string) (got string, ok bool) {
	fits := map[string]bool{
		"@begin": srv.timeIs == "begin", "@end": srv.timeIs == "end",
		"@clock": srv.clock != "none", "@noclock": srv.clock == "none",
		"@ilmt": true,
	}
	words := strings.Fields(row)
	for words[0][0] == '@' {
		if !fits[words[0]] {
			return "", false
		}
		words = words[1:]
	}
	tape := newTape(srv, words)
	tape.desk.rules.OneKind = strings.HasPrefix(row, "@ilmt")
	for _, word := range words {
		tape.step(word)
	}
	return tape.desk.String(), true
}
