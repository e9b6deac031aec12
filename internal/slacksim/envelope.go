package slacksim

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// delivery is one envelope on its way.
type delivery struct {
	inv      *Invocation
	envelope string // its id
	conn     *conn
	sent     time.Time // real, for the latency
	handed   bool      // it was on another connection before
	acked    time.Time // real; zero while it is not
}

// Envelope is one delivery of an [Invocation], for a test to read.
type Envelope struct {
	Process string        // whose connection it went to, as in [Call].Process
	Sent    time.Time     // on the real clock
	Acked   bool          // also where it came too late to be of use
	Latency time.Duration // from Sent to the ack
}

// EnvelopeFault is one way for envelopes to go astray between Slack and the bot.
type EnvelopeFault struct {
	// Delay passes before the first envelope leaves. The person's three seconds
	// run meanwhile; one that is longer arrives when they were told of a failure.
	Delay time.Duration
	// Twice sends the same once more, in a new envelope and whether or not the
	// first was acked, so much later.
	Twice bool
	Later time.Duration
	// Elsewhere gives the second to another process of the bot where one is
	// connected, else to another connection.
	Elsewhere bool
	// Times is how many invocations it meets: 0 is one, below 0 is all until [Sim.Heal].
	Times int

	left int
}

// FailEnvelopes makes the envelopes of what people do next go astray. Faults
// wait in line.
func (s *Sim) FailEnvelopes(fault EnvelopeFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fault.left = max(1, fault.Times)
	s.envelopeFaults = append(s.envelopeFaults, &fault)
}

// takeEnvelopeFault returns what is to go wrong with a new invocation. s.mu is held.
func (s *Sim) takeEnvelopeFault() EnvelopeFault {
	if len(s.envelopeFaults) == 0 {
		return EnvelopeFault{}
	}
	f := s.envelopeFaults[0]
	if f.Times >= 0 {
		f.left--
	}
	if f.left == 0 {
		s.envelopeFaults = s.envelopeFaults[1:]
	}
	return *f
}

// dispatch sends an invocation on its way, as the faults have it. It reports
// whether there was a connection. s.mu is held.
func (s *Sim) dispatch(inv *Invocation) bool {
	fault := s.takeEnvelopeFault()
	if fault.Twice {
		inv.beyond(fault.Delay+fault.Later, func() { inv.again(fault.Elsewhere) })
	}
	if fault.Delay <= 0 {
		return s.deliver(inv, false)
	}
	if s.pick(nil) == nil {
		return false
	}
	inv.after(fault.Delay, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closing.Err() == nil {
			s.deliver(inv, false)
		}
	})
	return true
}

// beyond runs f later, even if the invocation is over by then. s.mu is held.
func (inv *Invocation) beyond(d time.Duration, f func()) {
	inv.s.cfg.clock.AfterFunc(d, func() {
		inv.s.mu.Lock()
		defer inv.s.mu.Unlock()
		if inv.s.closing.Err() == nil {
			f()
		}
	})
}

// again delivers once more. s.mu is held.
func (inv *Invocation) again(elsewhere bool) bool {
	last := inv.last()
	if !elsewhere || last == nil {
		return inv.s.deliver(inv, false)
	}
	for _, other := range []func(*conn) bool{
		func(c *conn) bool { return c.process != last.conn.process },
		func(c *conn) bool { return c != last.conn },
	} {
		if c := inv.s.pick(other); c != nil {
			inv.s.enclose(inv, c, false)
			return true
		}
	}
	return inv.s.deliver(inv, false)
}

// Redeliver sends the same once more in a new envelope, as Slack does with what
// it believes undelivered: same trigger_id or event_id. It goes to whichever
// connection is next, of any process. It reports whether there was one.
func (inv *Invocation) Redeliver() bool {
	inv.s.mu.Lock()
	defer inv.s.mu.Unlock()
	return inv.again(false)
}

// RedeliverElsewhere is Redeliver to another process than had it last, where one
// is connected, else to another connection.
func (inv *Invocation) RedeliverElsewhere() bool {
	inv.s.mu.Lock()
	defer inv.s.mu.Unlock()
	return inv.again(true)
}

// pick chooses the connection for the next envelope, each in turn, among those
// that match; nil for all. s.mu is held.
func (s *Sim) pick(match func(*conn) bool) *conn {
	for range s.conns {
		c := s.conns[s.nextConn%len(s.conns)]
		s.nextConn++
		if c.ready && !c.gone && (match == nil || match(c)) {
			return c
		}
	}
	return nil
}

// deliver puts an invocation into an envelope for exactly one connection. s.mu
// is held. It reports whether there was one.
func (s *Sim) deliver(inv *Invocation, handed bool) bool {
	c := s.pick(nil)
	if c == nil {
		inv.orphan = true
		return false
	}
	s.enclose(inv, c, handed)
	return true
}

// enclose puts an invocation into an envelope for this connection. s.mu is held.
func (s *Sim) enclose(inv *Invocation, c *conn, handed bool) {
	envelope := uuid.NewString()
	d := &delivery{inv: inv, envelope: envelope, conn: c, sent: time.Now(), handed: handed}
	message := reply{
		"envelope_id": envelope, "type": inv.kind, "payload": inv.payload, "accepts_response_payload": inv.accepts,
	}
	if inv.kind == kindEvent {
		message["retry_attempt"], message["retry_reason"] = inv.attempt, inv.retryReason()
	}
	inv.orphan = false
	inv.deliveries = append(inv.deliveries, d)
	c.pending[envelope] = d
	inv.after(s.cfg.ackDeadline, func() { s.overdue(d) })
	c.send(message)
}

// deliverOrphans hands envelopes of broken connections to others. s.mu is held.
func (s *Sim) deliverOrphans() {
	if !s.cfg.keepUndelivered {
		return
	}
	for _, inv := range slices.Clone(s.open) {
		if inv.settled() {
			continue
		}
		if last := inv.last(); inv.orphan || last != nil && last.conn.gone {
			s.deliver(inv, true)
		}
	}
}

// overdue notes an envelope that was not acked in time.
func (s *Sim) overdue(d *delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !d.acked.IsZero() || s.closing.Err() != nil {
		return
	}
	if !d.handed && !d.conn.faulted && !d.conn.gone {
		s.violate(LateAck, "%s was not acked within %s", d.inv.What, s.cfg.ackDeadline)
	}
	if d.inv.kind == kindEvent {
		d.inv.retry()
	}
}

// Invocations returns all that people did and events that were sent, in order,
// as far as it is remembered.
func (s *Sim) Invocations() []*Invocation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.invoked)
}

// Envelopes returns the deliveries so far, in order.
func (inv *Invocation) Envelopes() []Envelope {
	inv.s.mu.Lock()
	defer inv.s.mu.Unlock()
	out := make([]Envelope, len(inv.deliveries))
	for i, d := range inv.deliveries {
		out[i] = Envelope{Process: d.conn.process, Sent: d.sent, Acked: !d.acked.IsZero()}
		if out[i].Acked {
			out[i].Latency = d.acked.Sub(d.sent)
		}
	}
	return out
}
