package slacksim

import (
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Rule is one of Slack's rules that a bot can break.
type Rule string

const (
	// LateAck: an envelope was not acked in time although its connection stood.
	LateAck Rule = "late ack"
	// UnknownAck: what was acked is no envelope that waits on this connection, as
	// when hello is acked.
	UnknownAck Rule = "unknown ack"
	// DoubleAck: an envelope was acked twice.
	DoubleAck Rule = "double ack"
	// BigAck: an ack of 20 kB or more, which Slack drops without a word.
	BigAck Rule = "ack over 20 kB"
	// BadAck: an ack whose payload Slack can't use.
	BadAck Rule = "unusable ack"
	// LongText: a text over Slack's limit.
	LongText Rule = "text too long"
	// BadBlocks: blocks that Slack refuses, unknown ones among them.
	BadBlocks Rule = "invalid blocks"
	// NoText: a message without top-level text, so that screen readers and
	// notifications have nothing to read.
	NoText Rule = "no text"
	// LostBlocks: an update with a text and without blocks, where there were blocks.
	LostBlocks Rule = "update drops the blocks"
	// Broadcast: <!channel>, <!here> or <!everyone> reached Slack unescaped.
	Broadcast Rule = "unescaped broadcast"
	// WornResponseURL: a response_url used more than five times or after 30 minutes.
	WornResponseURL Rule = "response_url overused"
	// TooManySockets: more than ten connections at once.
	TooManySockets Rule = "more than 10 connections"
	// UsedTicket: a WebSocket address was dialled twice, or too late.
	UsedTicket Rule = "WebSocket address used again"
	// Hammering: a method was called again before its Retry-After had passed.
	Hammering Rule = "hammering"
	// LooseToken: a token in a URL, where logs keep it, or in a JSON body.
	LooseToken Rule = "token in the wrong place"
)

// Violation is one rule broken once.
type Violation struct {
	Time   time.Time
	Rule   Rule
	Detail string
}

func (v Violation) String() string { return string(v.Rule) + ": " + v.Detail }

// violate records a broken rule. s.mu is held.
func (s *Sim) violate(rule Rule, format string, args ...any) {
	v := Violation{Time: s.Now(), Rule: rule, Detail: fmt.Sprintf(format, args...)}
	s.violations = append(without(s.violations, s.forgets(len(s.violations))), v)
	s.touch()
}

// Violations returns what the bot did against Slack's rules, in order.
func (s *Sim) Violations() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Allow makes [Sim.Check] pass over rules that a test has broken on purpose.
func (s *Sim) Allow(rules ...Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rule := range rules {
		s.allowed[rule] = true
	}
}

// TB is what Check needs of a [testing.TB].
type TB interface {
	Helper()
	Errorf(format string, args ...any)
}

// Check fails a test for every rule that the bot broke. It may run in a
// t.Cleanup and after Close.
func (s *Sim) Check(t TB) {
	t.Helper()
	for _, v := range s.Violations() {
		if !s.isAllowed(v.Rule) {
			t.Errorf("Slack's rules: %s", v)
		}
	}
}

func (s *Sim) isAllowed(rule Rule) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.allowed[rule]
}

var broadcastPattern = regexp.MustCompile(`<!(channel|here|everyone)(\|[^>]*)?>`)

// inspect looks at what the bot wants shown. s.mu is held.
func (s *Sim) inspect(method string, c content) {
	s.inspectTexts(method, append([]string{c.text}, blockStrings(c.blocks)...))
	if c.text == "" {
		s.violate(NoText, "%s: only blocks; notifications and screen readers have nothing to read", method)
	}
}

// inspectTexts looks for what would notify everybody. s.mu is held.
func (s *Sim) inspectTexts(method string, texts []string) {
	for _, text := range texts {
		if found := broadcastPattern.FindString(text); found != "" {
			s.violate(Broadcast, "%s: %s in %.80q would notify everybody", method, found, text)
		}
	}
}
