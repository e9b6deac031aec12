package slacksim

import (
	"fmt"
	"slices"
	"time"
)

// Shape is how Slack says that a method is called too often. All three have
// been met.
type Shape int

const (
	// RetryAfterHeader is HTTP 429 with a Retry-After in seconds: the documented one.
	RetryAfterHeader Shape = iota
	// NoRetryAfter is HTTP 429 without it.
	NoRetryAfter
	// OKFalse is HTTP 200 with {"ok":false,"error":"ratelimited"}, and a
	// Retry-After only if [Fault].RetryAfter is set.
	OKFalse
)

// ResponseURL is the name under which [Sim.Fail] and the journal know the
// calls of response_urls.
const ResponseURL = "response_url"

// Fault is one way for a call to go wrong. The zero value but for Error or
// Status is an answer; the others are about the connection.
type Fault struct {
	// Error answers {"ok":false,"error":Error}, with Status if that is set.
	Error string
	// Status answers with this HTTP status: a page of HTML where Error is empty,
	// as Slack's front does when what is behind it is down. 429 takes RetryAfter
	// and Shape into account.
	Status int
	// RetryAfter makes it a 429 and refuses the method until it has passed.
	RetryAfter time.Duration
	Shape      Shape

	// Drop cuts the connection without having done anything.
	Drop bool
	// TakeThenDrop does what was asked and cuts the connection without an answer.
	TakeThenDrop bool
	// Hang takes the request, does nothing and never answers.
	Hang bool
	// TakeThenHang does what was asked and never answers.
	TakeThenHang bool
	// Delay passes, in real time, before anything else; alone, the call then
	// goes as usual.
	Delay time.Duration

	// Times is how many calls go wrong: 0 is one, below 0 is all until [Sim.Heal].
	Times int
	// Match limits it to calls with such arguments, e.g. one channel's.
	Match func(args map[string]string) bool

	left int
}

// Fail makes the next call of a method (or "*", or [ResponseURL]) go wrong.
// Faults of one method wait in line.
func (s *Sim) Fail(method string, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fault.left = max(1, fault.Times)
	s.faults[method] = append(s.faults[method], &fault)
}

// Heal takes back what [Sim.Fail] did to these methods, or to all where none is
// named, and then what [Sim.FailEnvelopes] did, too. Calls that hang go on hanging.
func (s *Sim) Heal(methods ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(methods) == 0 {
		clear(s.faults)
		s.envelopeFaults = nil
	}
	for _, method := range methods {
		delete(s.faults, method)
	}
}

// takeFault returns the fault that is due for a call, or nil. s.mu is held.
func (s *Sim) takeFault(method string, args map[string]string) *Fault {
	for _, name := range []string{method, anyMethod} {
		for i, f := range s.faults[name] {
			if f.Match != nil && !f.Match(args) {
				continue
			}
			if f.Times >= 0 {
				f.left--
			}
			if f.left == 0 {
				s.faults[name] = append(s.faults[name][:i:i], s.faults[name][i+1:]...)
			}
			return f
		}
	}
	return nil
}

// RevokeBotToken makes the bot token useless: token_revoked from now on.
func (s *Sim) RevokeBotToken() { s.set(func() { s.botRevoked = true }) }

// RevokeAppToken makes the app token useless. Connections that stand go on, as
// they do at Slack, until they are cut or refreshed.
func (s *Sim) RevokeAppToken() { s.set(func() { s.appRevoked = true }) }

// RestoreBotToken takes RevokeBotToken back.
func (s *Sim) RestoreBotToken() { s.set(func() { s.botRevoked = false }) }

// RestoreAppToken takes RevokeAppToken back.
func (s *Sim) RestoreAppToken() { s.set(func() { s.appRevoked = false }) }

// RestoreTokens takes both revocations back.
func (s *Sim) RestoreTokens() { s.set(func() { s.botRevoked, s.appRevoked = false, false }) }

// SetScopes changes what the bot token was granted, as a reinstallation does.
func (s *Sim) SetScopes(scopes ...string) { s.set(func() { s.cfg.scopes = scopes }) }

// RefuseBlocks makes this a workspace that does not know these types of blocks
// yet, "data_visualization" for one: every method and response_url refuses them
// with invalid_blocks, which is nothing that the bot does wrong. Called without
// types it knows all again.
func (s *Sim) RefuseBlocks(types ...string) { s.set(func() { s.refused = types }) }

// SetHomeTab switches the app's Home tab off or on, as its settings do.
func (s *Sim) SetHomeTab(on bool) { s.set(func() { s.homeOff = !on }) }

// refuseTypes is what [Sim.RefuseBlocks] makes of blocks. s.mu is held.
func (s *Sim) refuseTypes(blocks []any) error {
	var faults []string
	for i, block := range blocks {
		fields, _ := block.(map[string]any)
		if kind, _ := fields["type"].(string); slices.Contains(s.refused, kind) {
			faults = append(faults, fmt.Sprintf("unsupported type: %s [json-pointer:/blocks/%d/type]", kind, i))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return &apiError{code: "invalid_blocks", messages: faults}
}

func (s *Sim) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.touch()
}
