package slacksim

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
)

// Slack's limits for Socket Mode.
const (
	maxConnections = 10
	maxAck         = 20_000 // bytes
	ticketLife     = 30 * time.Second
	// disconnectGrace is how long a connection still stands after a disconnect
	// message that warns of it.
	disconnectGrace = 10 * time.Second
	// silentPings is after how many unanswered pings a connection is dropped,
	// though not before leastSilence, however fast a test makes them.
	silentPings  = 3
	leastSilence = time.Second
	// writeWait bounds a write to a client that doesn't read.
	writeWait = 10 * time.Second
)

// Reasons of a disconnect message. Any other text can be given as well.
const (
	Warning           = "warning"             // the connection closes in about ten seconds
	RefreshRequested  = "refresh_requested"   // it has stood for hours; open another
	TooManyWebsockets = "too_many_websockets" // the eleventh
	LinkDisabled      = "link_disabled"       // Socket Mode was switched off
)

// ticket is one WebSocket address, good for one connection.
type ticket struct {
	process string
	made    time.Time
	used    bool
}

// helloFault makes connections end, or go dead, right after their hello.
type helloFault struct {
	reason string
	freeze bool
	left   int // below 0: all
}

// conn is one WebSocket connection. The simulator's lock guards its fields.
type conn struct {
	ws       *websocket.Conn
	process  string
	ready    bool // hello was sent and no disconnect
	gone     bool
	frozen   bool // half open: nothing goes out, nothing is heard
	faulted  bool // broken by the test, so what it misses is not the bot's fault
	heard    time.Time
	pending  map[string]*delivery
	messages chan []byte // to the writer
	end      chan struct{}
	ended    sync.Once
}

// cut ends the connection without a word.
func (c *conn) cut() {
	c.ended.Do(func() {
		close(c.end)
		reset(c.ws.NetConn())
	})
}

// send hands a message to the writer. A client that has not read a thousand
// messages is cut, as Slack would.
func (c *conn) send(message any) {
	text, err := json.Marshal(message)
	if err != nil {
		panic("slacksim: " + err.Error())
	}
	c.sendText(text)
}

func (c *conn) sendText(text []byte) {
	if c.frozen {
		return
	}
	select {
	case c.messages <- text:
	default:
		c.cut()
	}
}

func (s *Sim) openConnection(r *request) (reply, error) {
	s.retireTickets()
	id := uuid.NewString()
	s.tickets[id] = &ticket{process: r.call.Process, made: s.Now()}
	return reply{"url": "ws://" + s.listener.Addr().String() + "/link/?ticket=" + id + "&app_id=" + s.AppID}, nil
}

// redeem takes a ticket and says whose it is, and with which HTTP status to refuse it, or 0.
func (s *Sim) redeem(id string) (process string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tickets[id]
	switch {
	case t == nil:
		return "", http.StatusForbidden
	case t.used:
		s.violate(UsedTicket, "a WebSocket address is good for one connection; ask apps.connections.open for another")
		return "", http.StatusRequestTimeout
	case s.Now().Sub(t.made) > ticketLife:
		s.violate(UsedTicket, "a WebSocket address is good for %s", ticketLife)
		return "", http.StatusRequestTimeout
	}
	t.used = true
	return t.process, 0
}

var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

func (s *Sim) serveSocket(w http.ResponseWriter, r *http.Request) {
	process, status := s.redeem(r.URL.Query().Get("ticket"))
	if status != 0 {
		http.Error(w, http.StatusText(status), status)
		return
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	c := &conn{ws: ws, process: process, pending: map[string]*delivery{}, messages: make(chan []byte, 1024), end: make(chan struct{})}
	ws.SetPingHandler(func(data string) error { return s.pong(c, data) })
	ws.SetPongHandler(func(string) error { s.hear(c); return nil })
	ws.SetCloseHandler(func(code int, _ string) error { return s.bye(c, code) })

	stop := context.AfterFunc(s.closing, c.cut)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.writeTo(c)
	}()
	s.welcome(c)
	s.readFrom(c)
	s.leave(c)
	<-done
	ws.Close()
}

// welcome says hello, or that there are connections enough.
func (s *Sim) welcome(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.heard = time.Now()
	if len(s.conns) >= maxConnections {
		s.violate(TooManySockets, "connection number %d", len(s.conns)+1)
		s.disconnect(c, TooManyWebsockets, 0)
		return
	}
	s.conns = append(s.conns, c)
	c.ready = true
	c.send(reply{
		"type": "hello", "num_connections": len(s.conns), "connection_info": reply{"app_id": s.AppID},
		"debug_info": reply{"host": "applink-sim-1", "build_number": 1, "approximate_connection_time": 18060},
	})
	if s.afterHello.left != 0 {
		s.afterHello.left--
		c.faulted = true
		if s.afterHello.freeze {
			c.frozen = true
		} else {
			s.disconnect(c, s.afterHello.reason, 0)
		}
	}
	s.deliverOrphans()
	s.touch()
}

// writeTo sends messages and pings until the connection ends.
func (s *Sim) writeTo(c *conn) {
	ping := time.NewTicker(s.cfg.pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-c.end:
			return
		case text := <-c.messages:
			c.ws.SetWriteDeadline(time.Now().Add(writeWait))
			if text == nil { // a close was asked for
				c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(writeWait))
				continue
			}
			if err := c.ws.WriteMessage(websocket.TextMessage, text); err != nil {
				c.cut()
				return
			}
		case <-ping.C:
			s.ping(c)
		}
	}
}

// ping pings, unless the test has forbidden it, and drops a connection from
// which nothing comes back.
func (s *Sim) ping(c *conn) {
	s.mu.Lock()
	silent, quiet := time.Since(c.heard), c.frozen || s.pingsStopped
	s.mu.Unlock()
	if quiet {
		return
	}
	if silent > max(leastSilence, silentPings*s.cfg.pingEvery) {
		c.cut()
		return
	}
	c.ws.WriteControl(websocket.PingMessage, []byte("Ping from applink-sim-1"), time.Now().Add(writeWait))
}

func (s *Sim) hear(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.frozen {
		c.heard = time.Now()
	}
}

// pong answers the client's own pings.
func (s *Sim) pong(c *conn, data string) error {
	s.hear(c)
	s.mu.Lock()
	frozen := c.frozen
	s.mu.Unlock()
	if frozen {
		return nil
	}
	c.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeWait))
	return nil
}

// bye completes the client's closing.
func (s *Sim) bye(c *conn, code int) error {
	s.mu.Lock()
	frozen := c.frozen
	if !frozen && c.ready { // not in answer to ours
		s.farewells = append(without(s.farewells, s.forgets(len(s.farewells))), code)
	}
	s.mu.Unlock()
	if !frozen {
		c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(writeWait))
	}
	return nil
}

// readFrom takes acks until the connection ends.
func (s *Sim) readFrom(c *conn) {
	for {
		_, text, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		s.heardAck(c, text)
	}
}

// leave forgets a connection and hands over what waits on it.
func (s *Sim) leave(c *conn) {
	c.cut()
	s.mu.Lock()
	defer s.mu.Unlock()
	c.gone, c.ready = true, false
	s.conns = slices.DeleteFunc(s.conns, func(other *conn) bool { return other == c })
	s.deliverOrphans()
	s.touch()
}

// disconnect tells a client to go, and closes after grace. s.mu is held.
func (s *Sim) disconnect(c *conn, reason string, grace time.Duration) {
	c.ready = false
	c.send(reply{"type": "disconnect", "reason": reason, "debug_info": reply{"host": "applink-sim-1"}})
	if grace == 0 {
		c.sendText(nil)
		grace = writeWait // for the client to close its side
	}
	time.AfterFunc(grace, c.cut)
}

// Farewells returns the codes of the close frames with which clients ended
// connections by themselves. Those that just went away are not among them.
func (s *Sim) Farewells() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.farewells)
}

// Connections returns how many WebSocket connections stand.
func (s *Sim) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Ready returns how many of them take envelopes.
func (s *Sim) Ready() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.conns {
		if c.ready && !c.frozen {
			n++
		}
	}
	return n
}

// Disconnect sends a disconnect message with this reason to all connections, or
// to the n oldest where n is above 0. [Warning] and [RefreshRequested] leave
// ten seconds before the connection is closed, as Slack does; others none. It
// returns how many were told.
func (s *Sim) Disconnect(reason string, n int) int {
	grace := time.Duration(0)
	if reason == Warning || reason == RefreshRequested {
		grace = disconnectGrace
	}
	return s.some(n, func(c *conn) {
		c.faulted = true
		s.disconnect(c, reason, grace)
	})
}

// DisconnectAfterHello sends a disconnect message with this reason straight
// after the hello of the next so many connections: all of them where times is
// below 0, none any more where it is 0.
func (s *Sim) DisconnectAfterHello(reason string, times int) {
	s.set(func() { s.afterHello = helloFault{reason: reason, left: times} })
}

// HalfOpenAfterHello makes the next so many connections half open, as
// [Sim.HalfOpen] does, straight after their hello: all of them where times is
// below 0, none any more where it is 0.
func (s *Sim) HalfOpenAfterHello(times int) {
	s.set(func() { s.afterHello = helloFault{freeze: true, left: times} })
}

// Excuse is for a test that freezes or stops a process of the bot (see
// [Sim.APIURLOf]): what its connections of now miss is not held against it.
func (s *Sim) Excuse(process string) {
	s.set(func() {
		for _, c := range s.conns {
			c.faulted = c.faulted || c.process == process
		}
	})
}

// ConnectionsOf returns how many of the connections that take envelopes are
// this process's (see [Sim.APIURLOf]).
func (s *Sim) ConnectionsOf(process string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.conns {
		if c.process == process && c.ready && !c.frozen {
			n++
		}
	}
	return n
}

// CutSockets breaks all connections, or the n oldest where n is above 0,
// without a word. It returns how many there were.
func (s *Sim) CutSockets(n int) int {
	return s.some(n, func(c *conn) {
		c.faulted = true
		c.cut()
	})
}

// HalfOpen makes all connections, or the n oldest where n is above 0, look
// alive and be dead: nothing comes from them any more, what is sent on them is
// lost, and Slack goes on giving them envelopes.
func (s *Sim) HalfOpen(n int) int {
	return s.some(n, func(c *conn) { c.faulted, c.frozen = true, true })
}

// StopPings ends the pings on all connections until [Sim.ResumePings].
func (s *Sim) StopPings() { s.set(func() { s.pingsStopped = true }) }

// ResumePings takes StopPings back.
func (s *Sim) ResumePings() { s.set(func() { s.pingsStopped = false }) }

// SendRaw sends any text on one connection, to see how a client takes what it
// can't read. It reports whether there was one.
func (s *Sim) SendRaw(text string) bool {
	return s.some(1, func(c *conn) { c.sendText([]byte(text)) }) == 1
}

func (s *Sim) some(n int, do func(*conn)) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	chosen := slices.Clone(s.conns)
	if n > 0 && n < len(chosen) {
		chosen = chosen[:n]
	}
	for _, c := range chosen {
		do(c)
	}
	s.touch()
	return len(chosen)
}

// heardAck takes a message from a client: an ack, or something wrong.
func (s *Sim) heardAck(c *conn, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.frozen {
		return
	}
	c.heard = time.Now()
	var ack struct {
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(text, &ack); err != nil {
		s.violate(BadAck, "no JSON: %.80q", text)
		return
	}
	d := c.pending[ack.EnvelopeID]
	switch {
	case ack.EnvelopeID == "":
		s.violate(UnknownAck, "an ack without an envelope_id: hello has none and wants no ack")
	case d == nil:
		s.violate(UnknownAck, "no envelope %s was sent on this connection", ack.EnvelopeID)
	case !d.acked.IsZero():
		s.violate(DoubleAck, "%s was acked twice", d.inv.What)
	case len(text) >= maxAck:
		s.violate(BigAck, "the ack of %s has %d bytes; Slack drops it and the person sees a failure", d.inv.What, len(text))
	default:
		d.acked = time.Now()
		s.acked(d, ack.Payload)
		s.touch()
	}
}
