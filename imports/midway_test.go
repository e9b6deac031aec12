package imports

import (
	"testing"
	"time"

	"importbot/bigfix"
)

// TestBegunBeforeTheFirstLook: of an import that ran already when its server was first looked at, nobody knows how long it took.
func TestBegunBeforeTheFirstLook(t *testing.T) {
	t.Parallel()
	n := newNight(firstNoon, time.UTC)
	n.tell(t, "complete away=40m 10m complete 1h")
	if len(n.desk.ended) != 2 {
		t.Fatalf("%d imports ended", len(n.desk.ended))
	}
	second, first := n.desk.ended[0], n.desk.ended[1]
	if d, ok := first.Duration(); ok || first.Outcome != Succeeded {
		t.Errorf("the first: %s, took %s", first.Outcome, d)
	}
	if d, ok := second.Duration(); !ok || d < 40*time.Minute {
		t.Errorf("the second: took %s, %v", d, ok)
	}
	if u, ok := UsualOf([]Import{first, first, first}, bigfix.TypeComplete); ok {
		t.Errorf("usual is %+v", u)
	}
}
