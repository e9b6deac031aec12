package slacksim

import (
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// connectAs connects as one of several processes of the bot.
func connectAs(t *testing.T, s *Sim, process string) *client {
	t.Helper()
	a, err := post(s.APIURLOf(process)+"apps.connections.open", s.AppToken, "application/x-www-form-urlencoded", "")
	if err != nil || a.body["ok"] != true {
		t.Fatalf("apps.connections.open: %v %v", err, a.body)
	}
	ws, _, err := websocket.DefaultDialer.Dial(a.str("url"), nil)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { ws.Close() })
	c := &client{t, ws}
	if got := c.next(); got["type"] != "hello" {
		t.Fatalf("got %v, want hello", got)
	}
	return c
}

func TestProcessesAreToldApart(t *testing.T) {
	s := workspace(t)
	a, b := connectAs(t, s, "a"), connectAs(t, s, "b")
	post(s.APIURLOf("b")+"auth.test", s.BotToken, "application/x-www-form-urlencoded", "") //nolint:errcheck // the journal tells
	var processes []string
	for _, c := range s.Journal() {
		processes = append(processes, c.Process)
	}
	if len(processes) != 3 || processes[0] != "a" || processes[1] != "b" || processes[2] != "b" {
		t.Errorf("the journal has calls of %q", processes)
	}
	if s.ConnectionsOf("a") != 1 || s.ConnectionsOf("b") != 1 || s.ConnectionsOf("") != 0 {
		t.Errorf("%d, %d and %d connections", s.ConnectionsOf("a"), s.ConnectionsOf("b"), s.ConnectionsOf(""))
	}
	for _, c := range []*client{a, b} {
		inv := mustType(t, s, "raw")
		c.ack(c.next()["envelope_id"], nil)
		if err := inv.Wait(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	all := s.Invocations()
	if len(all) != 2 || all[0].Envelopes()[0].Process != "a" || all[1].Envelopes()[0].Process != "b" {
		t.Errorf("%d invocations", len(all))
	}
	if e := all[0].Envelopes()[0]; !e.Acked || e.Latency <= 0 || all[0].At.IsZero() || all[0].What != "/import raw" {
		t.Errorf("got %+v of %+v", e, all[0])
	}
	s.Check(t)
}

func TestEnvelopesTwiceAndToAnotherProcess(t *testing.T) {
	s := workspace(t)
	a, b := connectAs(t, s, "a"), connectAs(t, s, "b")
	s.FailEnvelopes(EnvelopeFault{Twice: true, Elsewhere: true})
	inv := mustType(t, s, "raw")
	first, second := a.next(), b.next()
	a.ack(first["envelope_id"], map[string]any{"text": "once"})
	if err := inv.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	b.ack(second["envelope_id"], map[string]any{"text": "twice"})
	if first["envelope_id"] == second["envelope_id"] {
		t.Error("both have the same envelope_id")
	}
	if x, y := triggerOf(first), triggerOf(second); x != y || x != inv.TriggerID {
		t.Errorf("trigger_ids %q and %q, want %q", x, y, inv.TriggerID)
	}
	if err := s.Wait(soon(t), func() bool { e := inv.Envelopes(); return len(e) == 2 && e[1].Acked && e[1].Process == "b" }); err != nil {
		t.Errorf("%v: %+v", err, inv.Envelopes())
	}
	if !inv.RedeliverElsewhere() {
		t.Fatal("there is no connection")
	}
	a.ack(a.next()["envelope_id"], nil) // b had it last
	once := mustType(t, s, "status")    // the fault is used up
	a2 := once.Envelopes()
	if len(a2) != 1 {
		t.Errorf("the next came %d times", len(a2))
	}
	for _, c := range []*client{a, b} {
		if a2[0].Process == "a" && c == a || a2[0].Process == "b" && c == b {
			c.ack(c.next()["envelope_id"], nil)
		}
	}
	if err := once.Wait(soon(t)); err != nil {
		t.Error(err)
	}
	s.Check(t)
}

func triggerOf(envelope map[string]any) string {
	payload, _ := envelope["payload"].(map[string]any)
	id, _ := payload["trigger_id"].(string)
	return id
}

// One that comes when the person was already told of a failure.
func TestLateEnvelope(t *testing.T) {
	clock := NewManualClock(time.Unix(1_700_000_000, 0))
	s := workspace(t, WithClock(clock))
	c := connect(t, s)
	s.FailEnvelopes(EnvelopeFault{Delay: 5 * time.Second})
	inv := mustType(t, s, "raw")
	clock.Advance(4 * time.Second)
	if got := inv.Failure(); got != OperationTimeout || inv.Deliveries() != 0 {
		t.Errorf("after 4 s: %q, %d envelopes", got, inv.Deliveries())
	}
	clock.Advance(2 * time.Second)
	c.ack(c.next()["envelope_id"], map[string]any{"text": "too late"})
	if err := s.Wait(soon(t), func() bool { return inv.Envelopes()[0].Acked }); err != nil {
		t.Fatal(err)
	}
	if inv.Acked() || len(inv.Answers()) != 0 {
		t.Error("the late ack counts")
	}
	s.Check(t)
}

func TestHalfOpenAfterHello(t *testing.T) {
	s := workspace(t, WithPings(5*time.Millisecond))
	s.HalfOpenAfterHello(1)
	dead := connect(t, s)
	living := connect(t, s)
	if n := s.Ready(); n != 1 || s.Connections() != 2 {
		t.Errorf("%d of %d connections are alive, want 1 of 2", n, s.Connections())
	}
	pinged := make(chan struct{}, 100)
	for c, want := range map[*client]bool{dead: false, living: true} {
		c.ws.SetPingHandler(func(string) error {
			if !want {
				t.Error("the dead one was pinged")
			}
			pinged <- struct{}{}
			return nil
		})
		go c.ws.ReadMessage() //nolint:errcheck // it ends with the connection
	}
	<-pinged
}

func TestExcusedProcessBreaksNoRule(t *testing.T) {
	clock := NewManualClock(time.Unix(1_700_000_000, 0))
	s := workspace(t, WithClock(clock))
	frozen := connectAs(t, s, "frozen")
	mustType(t, s, "one")
	s.Excuse("frozen")
	clock.Advance(4 * time.Second)
	frozen.next()
	wantRules(t, s)
	slow := connectAs(t, s, "slow")
	for range 2 { // one to each
		mustType(t, s, "two")
	}
	slow.next()
	clock.Advance(4 * time.Second)
	wantRules(t, s, LateAck)
}

func TestRevokedTokensComeBackOneByOne(t *testing.T) {
	s := workspace(t)
	ok := func(token string) bool {
		a, err := tryAPI(s, token, "auth.test", nil)
		return err == nil && a.body["ok"] == true
	}
	s.RevokeBotToken()
	s.RevokeAppToken()
	if ok(s.BotToken) || ok(s.AppToken) {
		t.Error("a revoked token works")
	}
	s.RestoreBotToken()
	if !ok(s.BotToken) || ok(s.AppToken) {
		t.Error("not the bot's token alone works")
	}
	s.RestoreAppToken()
	if !ok(s.AppToken) {
		t.Error("the app's token does not work")
	}
}

func TestFarewells(t *testing.T) {
	s := workspace(t)
	polite, rude := connect(t, s), connect(t, s)
	polite.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	rude.ws.Close()
	if err := s.Wait(soon(t), func() bool { return s.Connections() == 0 }); err != nil {
		t.Fatal(err)
	}
	if got := s.Farewells(); len(got) != 1 || got[0] != 1000 {
		t.Errorf("got %v, want the polite one's 1000", got)
	}
}
