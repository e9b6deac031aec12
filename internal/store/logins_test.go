package store_test

import (
	"testing"
	"time"

	"importbot/internal/store"
)

func TestARejectedLoginIsKeptForItsCredentialsAlone(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		c := &clock{noon}
		s := openAt(t, url, c)
		until := noon.Add(time.Hour)
		for _, earlier := range []time.Time{noon, until} { // the second replaces the first
			if err := s.HoldLogin(t.Context(), "prod", 4711, earlier); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}

		s = openAt(t, url, c)
		for _, row := range []struct {
			name        string
			server      string
			fingerprint uint16
			want        time.Time
		}{
			{"the same", "prod", 4711, until.Truncate(time.Millisecond)},
			{"another password", "prod", 4712, time.Time{}},
			{"another server", "lab", 4711, time.Time{}},
		} {
			if got := held(t, s, row.server, row.fingerprint); !got.Equal(row.want) {
				t.Errorf("%s: held until %v, want %v", row.name, got, row.want)
			}
		}
	})
}

func held(t *testing.T, s *store.Store, server string, fingerprint uint16) time.Time {
	t.Helper()
	until, err := s.LoginHeld(t.Context(), server, fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return until
}
