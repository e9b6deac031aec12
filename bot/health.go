package bot

import (
	"fmt"
	"time"
)

// Health is how the bot stands with Slack. Ages are the reader's to judge;
// Problems judges them as this package would.
type Health struct {
	Connections []ConnectionHealth
	LastCall    time.Time // the last Web API call with the bot token that went well
	Draining    bool
}

// ConnectionHealth is one of the connections held. Zero times: not since it
// was last opened.
type ConnectionHealth struct {
	Hello      time.Time // when Slack greeted; zero while it is not up
	LastRead   time.Time // when a byte was last read
	Reconnects int       // sockets opened after the first
	Failures   int       // short-lived ones in a row: a storm when it grows
	LastError  string    // why the one before ended
}

// Health is cheap and may be asked at any time.
func (b *Bot) Health() Health {
	h := Health{Draining: b.draining.Load()}
	if n := b.lastCall.Load(); n != 0 {
		h.LastCall = time.Unix(0, n)
	}
	for _, l := range b.links {
		h.Connections = append(h.Connections, l.health())
	}
	return h
}

func (l *link) health() ConnectionHealth {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := ConnectionHealth{Reconnects: max(0, l.opened-1), Failures: l.failures}
	if l.lastErr != nil {
		h.LastError = redact(l.lastErr.Error())
	}
	if l.socket != nil {
		h.Hello = l.hello
		if n := l.socket.lastRead.Load(); n != 0 {
			h.LastRead = time.Unix(0, n)
		}
	}
	return h
}

const (
	healthyFor    = time.Minute // how old the last sign of life may be
	stormFailures = 4
)

// Problems says in words why the bot can't be relied on now, nothing when it
// can: a connection is up and heard from in the last minute, none fails over
// and over, and the bot token worked in the last minute.
func (h Health) Problems(now time.Time) []string {
	var problems []string
	alive := false
	for i, c := range h.Connections {
		if !c.Hello.IsZero() && now.Sub(c.LastRead) < healthyFor {
			alive = true
		}
		if c.Failures >= stormFailures {
			problems = append(problems, fmt.Sprintf("connection %d to Slack failed %d times in a row: %s", i+1, c.Failures, c.LastError))
		}
	}
	if !alive {
		problems = append(problems, "no connection to Slack was heard from in the last minute")
	}
	switch {
	case h.LastCall.IsZero():
		problems = append(problems, "no Web API call to Slack went well yet")
	case now.Sub(h.LastCall) >= healthyFor:
		problems = append(problems, fmt.Sprintf("no Web API call to Slack went well for %s", now.Sub(h.LastCall).Round(time.Second)))
	}
	if h.Draining {
		problems = append(problems, "the bot is stopping")
	}
	return problems
}
