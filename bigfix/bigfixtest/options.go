package bigfixtest

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"importbot/bigfix"
)

// Option sets up a [Sim] or a [Server].
type Option func(*settings)

type settings struct {
	edition   bigfix.Edition
	token     string
	user      string
	password  string
	clock     *Clock
	doubts    Doubts
	schedule  Schedule
	durations map[bigfix.ImportType]time.Duration
	plan      func(Import) Plan
	last      *Last // nil: as if last night's import had gone well
	seed      uint64
	journal   int // requests and imports that are kept; 0: all
}

// The credentials of a simulated server unless options give others.
const (
	DefaultToken    = "5f2b8c1d9e7a4036b1c8d2e4f6a79013c5d7e9f1"
	DefaultUser     = "importer"
	DefaultPassword = "correct horse battery staple"
)

func newSettings(opts []Option) *settings {
	s := &settings{
		edition: bigfix.BFI, token: DefaultToken, user: DefaultUser, password: DefaultPassword,
		schedule: Schedule{Type: bigfix.TypeComplete},
		durations: map[bigfix.ImportType]time.Duration{
			bigfix.TypeRaw: 3 * time.Minute, bigfix.TypeComplete: 42 * time.Minute,
		},
	}
	for _, o := range opts {
		o(s)
	}
	return s
}

// WithEdition makes the server speak as that edition documents; BFI by default.
func WithEdition(e bigfix.Edition) Option { return func(s *settings) { s.edition = e } }

// WithToken sets the API token that the server takes.
func WithToken(token string) Option { return func(s *settings) { s.token = token } }

// WithLogin sets the user and password for which get_token gives a token.
func WithLogin(user, password string) Option {
	return func(s *settings) { s.user, s.password = user, password }
}

// WithClock sets the clock that a Server lives by; RealClock by default. A Sim
// has none: it is told the time with every call.
func WithClock(c *Clock) Option { return func(s *settings) { s.clock = c } }

// WithDoubts answers the open questions.
func WithDoubts(d Doubts) Option { return func(s *settings) { s.doubts = d } }

// WithSchedule sets the daily import; a complete one at midnight UTC by default.
func WithSchedule(daily Schedule) Option { return func(s *settings) { s.schedule = daily } }

// WithDuration sets how long imports of a type take: 3 minutes raw and 42
// minutes complete by default.
func WithDuration(t bigfix.ImportType, d time.Duration) Option {
	return func(s *settings) {
		s.durations = maps.Clone(s.durations)
		s.durations[t] = d
	}
}

// WithPlan decides the course of each import when it begins. It is called with
// what is known of the import then, and must not call the Sim.
func WithPlan(plan func(Import) Plan) Option { return func(s *settings) { s.plan = plan } }

// WithLast sets what the server remembers of its last import at the beginning.
// By default last night's scheduled import went well; Last{} is a server that
// never ran one, whose mode is none.
func WithLast(l Last) Option { return func(s *settings) { s.last = &l } }

// WithSeed sets what the server's own chances are dealt from.
func WithSeed(seed uint64) Option { return func(s *settings) { s.seed = seed } }

// WithJournal keeps the newest n requests and n imports in the Journal, and up
// to a quarter more for a while: for a server that runs for days. By default
// all are kept.
func WithJournal(n int) Option { return func(s *settings) { s.journal = n } }

// newest is a list without its oldest, where one more would be too many to keep.
func newest[T any](list []T, keep int) []T {
	if keep > 0 && len(list) >= keep+max(keep/4, 1) {
		return slices.Clone(list[len(list)-keep:])
	}
	return list
}

func (s *settings) rand() *rand.Rand { return rand.New(rand.NewPCG(s.seed, 0x1a7)) }
