package slacksim

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func typed(text string) Typed {
	return Typed{UserID: "U1", ChannelID: "C1", Command: "/import", Text: text}
}

func mustType(t *testing.T, s *Sim, text string) *Invocation {
	t.Helper()
	inv, err := s.Type(typed(text))
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// rules returns the rules broken, in order.
func rules(s *Sim) (out []Rule) {
	for _, v := range s.Violations() {
		out = append(out, v.Rule)
	}
	return out
}

func wantRules(t *testing.T, s *Sim, want ...Rule) {
	t.Helper()
	got := rules(s)
	if len(got) != len(want) {
		t.Errorf("recorded %v, want %v", s.Violations(), want)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("recorded %v, want %v", got, want)
		}
	}
}

func TestTicketsAreGoodForOneConnectionAndHalfAMinute(t *testing.T) {
	clock := NewManualClock(time.Unix(1_700_000_000, 0))
	s := workspace(t, WithClock(clock))
	open := func() string {
		a, err := tryAPI(s, s.AppToken, "apps.connections.open", nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.str("url")
	}
	try := func(address string) int {
		ws, resp, err := websocket.DefaultDialer.Dial(address, nil)
		if err == nil {
			ws.Close()
			return http.StatusSwitchingProtocols
		}
		return resp.StatusCode
	}
	address := open()
	if got := try(address); got != http.StatusSwitchingProtocols {
		t.Errorf("the first use: %d", got)
	}
	if got := try(address); got != http.StatusRequestTimeout {
		t.Errorf("the second use: %d", got)
	}
	late := open()
	clock.Advance(time.Minute)
	if got := try(late); got != http.StatusRequestTimeout {
		t.Errorf("too late: %d", got)
	}
	if got := try("ws" + s.URL()[len("http"):] + "/link/?ticket=forged"); got != http.StatusForbidden {
		t.Errorf("forged: %d", got)
	}
	wantRules(t, s, UsedTicket, UsedTicket)
}

func TestHelloCountsConnectionsAndTheEleventhIsTurnedAway(t *testing.T) {
	s := workspace(t)
	for n := 1; n <= maxConnections; n++ {
		hello := dial(t, s).next()
		if hello["num_connections"] != float64(n) || hello["connection_info"] == nil || hello["debug_info"] == nil {
			t.Errorf("connection %d was told %v", n, hello)
		}
	}
	s.Check(t)
	extra := dial(t, s)
	if got := extra.next(); got["type"] != "disconnect" || got["reason"] != TooManyWebsockets {
		t.Errorf("the eleventh was told %v", got)
	}
	if _, err := extra.read(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("then it read %v", err)
	}
	if got := s.Connections(); got != maxConnections {
		t.Errorf("%d connections stand", got)
	}
	wantRules(t, s, TooManySockets)
}

func TestEveryEnvelopeGoesToOneConnection(t *testing.T) {
	s := workspace(t)
	clients := []*client{connect(t, s), connect(t, s)}
	seen := map[any]int{}
	for range 3 {
		for range clients {
			mustType(t, s, "raw")
		}
		for _, c := range clients {
			envelope := c.next()
			seen[envelope["envelope_id"]]++
			c.ack(envelope["envelope_id"], nil)
		}
	}
	if len(seen) != 6 {
		t.Errorf("6 commands came in %d envelopes", len(seen))
	}
}

func TestLateAckIsAFailureThatThePersonSees(t *testing.T) {
	clock := NewManualClock(time.Unix(1_700_000_000, 0))
	s := workspace(t, WithClock(clock))
	c := connect(t, s)
	inv := mustType(t, s, "raw")
	envelope := c.next()
	clock.Advance(3 * time.Second)
	var failed *FailedError
	if err := inv.Wait(soon(t)); !errors.As(err, &failed) || failed.Code != OperationTimeout {
		t.Errorf("got %v", err)
	}
	c.ack(envelope["envelope_id"], map[string]any{"text": "too late"})
	second := mustType(t, s, "status")
	c.ack(c.next()["envelope_id"], nil)
	if err := second.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	if got := inv.Answers(); len(got) != 0 {
		t.Errorf("a late ack shows %+v", got)
	}
	wantRules(t, s, LateAck)
	if _, err := s.WaitEvent(soon(t), 0, func(e Event) bool { return e.Kind == CommandFailed && e.User == "U1" && e.Error == OperationTimeout }); err != nil {
		t.Error(err)
	}
}

func TestAckRules(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(c *client, envelope any)
		want Rule
	}{
		{"hello", func(c *client, _ any) { c.ack("", nil) }, UnknownAck},
		{"unknown envelope", func(c *client, _ any) { c.ack("d0", nil) }, UnknownAck},
		{"twice", func(c *client, e any) { c.ack(e, nil); c.ack(e, nil) }, DoubleAck},
		{"too big", func(c *client, e any) { c.ack(e, map[string]any{"text": string(make([]byte, 20_000))}) }, BigAck},
		{"no JSON", func(c *client, _ any) { c.ws.WriteMessage(websocket.TextMessage, []byte("ok")) }, BadAck},
		{"blocks that Slack refuses", func(c *client, e any) {
			c.ack(e, map[string]any{"text": "x", "blocks": []any{map[string]any{"type": "plan"}}})
		}, BadBlocks},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := workspace(t)
			c := connect(t, s)
			mustType(t, s, "raw")
			test.do(c, c.next()["envelope_id"])
			if err := s.Wait(soon(t), func() bool { return len(rules(s)) > 0 }); err != nil {
				t.Fatal(err)
			}
			if got := rules(s)[0]; got != test.want {
				t.Errorf("recorded %v, want %v", got, test.want)
			}
		})
	}
}

func TestAckPayloadThatCanNotBeShownIsAFailure(t *testing.T) {
	s := workspace(t)
	c := connect(t, s)
	inv := mustType(t, s, "raw")
	c.ack(c.next()["envelope_id"], map[string]any{"blocks": []any{map[string]any{"type": "plan"}}})
	var failed *FailedError
	if err := inv.Wait(soon(t)); !errors.As(err, &failed) || failed.Code != InvalidResponse {
		t.Errorf("got %v", err)
	}
}

func TestDisconnectReasons(t *testing.T) {
	for _, reason := range []string{Warning, RefreshRequested, LinkDisabled, TooManyWebsockets, "socket_mode_is_moody"} {
		t.Run(reason, func(t *testing.T) {
			s := workspace(t)
			c := connect(t, s)
			if n := s.Disconnect(reason, 0); n != 1 {
				t.Errorf("%d were told", n)
			}
			if got := c.next(); got["type"] != "disconnect" || got["reason"] != reason {
				t.Errorf("got %v", got)
			}
			if s.Ready() != 0 {
				t.Error("the connection still takes envelopes")
			}
			if _, err := s.Command(soon(t), typed("raw")); err == nil {
				t.Error("a command went to a connection that is going")
			}
			if reason == Warning || reason == RefreshRequested {
				return // it stands for ten seconds
			}
			if _, err := c.read(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
				t.Errorf("then it read %v", err)
			}
		})
	}
}

func TestAckIsTakenFromAConnectionThatIsToGo(t *testing.T) {
	s := workspace(t)
	c := connect(t, s)
	inv := mustType(t, s, "raw")
	envelope := c.next()
	s.Disconnect(RefreshRequested, 0)
	c.next()
	c.ack(envelope["envelope_id"], map[string]any{"text": "ok"})
	if err := inv.Wait(soon(t)); err != nil {
		t.Error(err)
	}
	s.Check(t)
}

func TestDisconnectAfterHello(t *testing.T) {
	s := workspace(t)
	s.DisconnectAfterHello(LinkDisabled, 2)
	for range 2 {
		c := connect(t, s)
		if got := c.next(); got["reason"] != LinkDisabled {
			t.Errorf("got %v", got)
		}
		c.ws.Close()
	}
	connect(t, s)
	if err := s.Wait(soon(t), func() bool { return s.Ready() == 1 && s.Connections() == 1 }); err != nil {
		t.Errorf("%d of %d are ready: %v", s.Ready(), s.Connections(), err)
	}
}

func TestWhatABrokenConnectionHadGoesToAnother(t *testing.T) {
	s := workspace(t)
	first := connect(t, s)
	inv := mustType(t, s, "raw")
	before := first.next()
	second := connect(t, s)
	s.CutSockets(1)
	after := second.next()
	if before["envelope_id"] == after["envelope_id"] {
		t.Error("it came in the same envelope")
	}
	id := func(e map[string]any) any { return e["payload"].(map[string]any)["trigger_id"] }
	if id(before) != id(after) {
		t.Errorf("its trigger_id was %v and is %v", id(before), id(after))
	}
	second.ack(after["envelope_id"], nil)
	if err := inv.Wait(soon(t)); err != nil || inv.Deliveries() != 2 {
		t.Errorf("%v after %d deliveries", err, inv.Deliveries())
	}
	s.Check(t)
}

func TestWhatABrokenConnectionHadWaitsForTheNext(t *testing.T) {
	s := workspace(t)
	first := connect(t, s)
	inv := mustType(t, s, "raw")
	first.next()
	s.CutSockets(0)
	if err := s.Wait(soon(t), func() bool { return s.Connections() == 0 }); err != nil {
		t.Fatal(err)
	}
	second := connect(t, s)
	second.ack(second.next()["envelope_id"], nil)
	if err := inv.Wait(soon(t)); err != nil {
		t.Error(err)
	}
	s.Check(t)
}

func TestWithoutHandoverItIsLost(t *testing.T) {
	clock := NewManualClock(time.Unix(1_700_000_000, 0))
	s := workspace(t, WithClock(clock), WithoutHandover())
	connect(t, s)
	inv := mustType(t, s, "raw")
	connect(t, s)
	s.CutSockets(1)
	if err := s.Wait(soon(t), func() bool { return s.Connections() == 1 }); err != nil {
		t.Fatal(err)
	}
	clock.Advance(3 * time.Second)
	if err := inv.Wait(soon(t)); err == nil || inv.Deliveries() != 1 {
		t.Errorf("%v after %d deliveries", err, inv.Deliveries())
	}
	s.Check(t) // the test broke it, not the bot
}

func TestHalfOpenSwallowsEverything(t *testing.T) {
	clock := NewManualClock(time.Unix(1_700_000_000, 0))
	s := workspace(t, WithClock(clock), WithPings(5*time.Millisecond))
	c := connect(t, s)
	if n := s.HalfOpen(0); n != 1 {
		t.Errorf("%d are half open", n)
	}
	inv := mustType(t, s, "raw")
	clock.Advance(3 * time.Second)
	if err := inv.Wait(soon(t)); err == nil {
		t.Error("it was acked")
	}
	s.Check(t)
	c.ws.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, _, err := c.ws.ReadMessage(); err == nil {
		t.Error("something came")
	}
}

func TestPings(t *testing.T) {
	s := workspace(t, WithPings(5*time.Millisecond))
	c := connect(t, s)
	pings := make(chan string, 100)
	c.ws.SetPingHandler(func(data string) error {
		pings <- data
		return c.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
	})
	gone := make(chan error, 1)
	go func() {
		_, _, err := c.ws.ReadMessage()
		gone <- err
	}()
	for range 5 {
		select {
		case <-pings:
		case err := <-gone:
			t.Fatalf("the connection ended: %v", err)
		}
	}
	s.StopPings()
	if err := c.ws.WriteControl(websocket.PingMessage, []byte("mine"), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	s.CutSockets(0)
	<-gone
}

func TestAClientThatAnswersNoPingsIsDropped(t *testing.T) {
	s := workspace(t, WithPings(5*time.Millisecond))
	c := connect(t, s)
	c.ws.SetPingHandler(func(string) error { return nil })
	if _, err := c.read(); err == nil {
		t.Error("it still stands")
	}
}

func TestEventsAreSentAgainUntilAcked(t *testing.T) {
	clock := NewManualClock(time.Unix(1_700_000_000, 0))
	s := workspace(t, WithClock(clock))
	c := connect(t, s)
	inv := s.SendEvent(map[string]any{"type": "app_mention", "user": "U1", "channel": "C1", "text": "hi"})
	var ids []any
	for attempt, wait := range []time.Duration{0, time.Minute, 5 * time.Minute} {
		envelope := c.next()
		if envelope["retry_attempt"] != float64(attempt) {
			t.Errorf("attempt %d says %v", attempt, envelope["retry_attempt"])
		}
		ids = append(ids, envelope["payload"].(map[string]any)["event_id"])
		clock.Advance(3 * time.Second)
		clock.Advance(wait)
	}
	last := c.next()
	c.ack(last["envelope_id"], nil)
	if err := inv.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if id != last["payload"].(map[string]any)["event_id"] {
			t.Errorf("its event_id changed: %v", ids)
		}
	}
	wantRules(t, s, LateAck, LateAck, LateAck)
}

func TestRedeliver(t *testing.T) {
	s := workspace(t)
	c := connect(t, s)
	inv := mustType(t, s, "raw")
	c.ack(c.next()["envelope_id"], map[string]any{"text": "once"})
	if err := inv.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	if !inv.Redeliver() {
		t.Fatal("there is no connection")
	}
	c.ack(c.next()["envelope_id"], map[string]any{"text": "twice"})
	other := mustType(t, s, "status")
	c.ack(c.next()["envelope_id"], nil)
	if err := other.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	if got := inv.Answers(); len(got) != 1 || got[0].Text != "once" {
		t.Errorf("got the answers %+v", got)
	}
	s.Check(t)
}

func TestRawText(t *testing.T) {
	s := workspace(t)
	c := connect(t, s)
	if !s.SendRaw(`{"type":"slash_commands","envelope_id":"e1","payload":"nonsense"}`) {
		t.Fatal("there is no connection")
	}
	if got := c.next(); got["payload"] != "nonsense" {
		t.Errorf("got %v", got)
	}
}
