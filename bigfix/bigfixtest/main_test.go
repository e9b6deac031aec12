package bigfixtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// midday is when the stories of these tests begin: nothing is due for hours.
var midday = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// story is a Sim with a watch: a test says how much time passes and looks.
type story struct {
	*bigfixtest.Sim
	t   *testing.T
	now time.Time
}

func newStory(t *testing.T, d bigfixtest.Doubts, opts ...bigfixtest.Option) *story {
	t.Helper()
	opts = append([]bigfixtest.Option{bigfixtest.WithDoubts(d)}, opts...)
	return &story{Sim: bigfixtest.NewSim(midday, opts...), t: t, now: midday}
}

func (s *story) pass(d time.Duration) { s.now = s.now.Add(d) }

func (s *story) look() bigfix.Status {
	s.t.Helper()
	st, err := s.Status(s.now)
	if err != nil {
		s.t.Fatalf("look at %s: %v", s.now.Format(time.TimeOnly), err)
	}
	return st
}

func (s *story) start(typ bigfix.ImportType) bigfix.Status {
	s.t.Helper()
	st, err := s.Run(s.now, typ)
	if err != nil {
		s.t.Fatalf("start at %s: %v", s.now.Format(time.TimeOnly), err)
	}
	return st
}

// truth is what became of the import with that number.
func (s *story) truth(id int) bigfixtest.Import {
	s.t.Helper()
	all := s.Imports(s.now)
	if len(all) < id {
		s.t.Fatalf("there are %d imports, no number %d", len(all), id)
	}
	return all[id-1]
}

func (s *story) mode(want bigfix.Mode) {
	s.t.Helper()
	if got := s.look().Mode; got != want {
		s.t.Errorf("at %s mode is %q, want %q", s.now.Format(time.TimeOnly), got, want)
	}
}

// lastImport checks last_import_time by the time that passed since midday.
func (s *story) lastImport(want time.Duration) {
	s.t.Helper()
	if got := s.look().LastImportTime; !got.Equal(midday.Add(want)) {
		s.t.Errorf("at %s last_import_time is %s, want midday + %s", s.now.Format(time.TimeOnly), got, want)
	}
}

func kind(err error) bigfix.Kind {
	var e *bigfix.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}
