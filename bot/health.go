package bot

import (
	"fmt"
	"time"
)

// Health is how the bot stands with Slack. Ages are the reader's to judge;
// Checks judges them as this package would.
type Health struct {
	Connections []ConnectionHealth
	LastCall    time.Time // when the last Web API call with the bot token that went well began
	Refused     []Refusal // tokens that worked before and are refused now
	Draining    bool

	heardWithin, workedWithin time.Duration // as the configuration has it
}

// ConnectionHealth is one of the connections held. Zero times: not since it
// was last opened.
type ConnectionHealth struct {
	Hello      time.Time // when Slack greeted; zero while it is not up
	LastRead   time.Time // when a byte was last read
	Doubtful   bool      // the one before had fallen silent, and of this one nothing but its hello was heard
	Reconnects int       // sockets opened after the first
	Failures   int       // short-lived ones in a row: a storm when it grows
	LastError  string    // why the one before ended
}

// Health is cheap and may be asked at any time.
func (b *Bot) Health() Health {
	h := Health{
		LastCall:    b.lastCall.get(),
		Draining:    b.draining.Load(),
		heardWithin: b.cfg.Silence * 8 / 9, workedWithin: b.cfg.CheckEvery * 11 / 6,
	}
	for _, t := range []*token{&b.botToken, &b.appToken} {
		if refused := t.refusal(); refused != nil {
			h.Refused = append(h.Refused, *refused)
		}
	}
	for _, l := range b.links {
		h.Connections = append(h.Connections, l.health(b.cfg.Stable/4))
	}
	return h
}

// health is that of one connection. After settled it does not count as one of
// those that failed before it.
func (l *link) health(settled time.Duration) ConnectionHealth {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := ConnectionHealth{Reconnects: max(0, l.opened-1), Failures: l.failures}
	if l.lastErr != nil {
		h.LastError = redact(l.lastErr.Error())
	}
	if l.socket == nil {
		return h
	}
	h.Hello, h.LastRead = l.hello, l.socket.lastRead.get()
	h.Doubtful = l.silent && !h.LastRead.IsZero() && !h.LastRead.After(l.socket.greeted.get())
	if !h.Hello.IsZero() && time.Since(h.Hello) >= settled {
		h.Failures = 0
	}
	return h
}

// How old a sign of life may be, with the configuration's defaults. Both are
// below a minute, so that whoever looks finds out within one. Slack pings more often than every
// 30 s, and a call is made every 30 s, of which one may get lost.
const (
	heardWithin   = 40 * time.Second
	workedWithin  = 55 * time.Second
	stormFailures = 4
)

// Check is one condition that has to hold for the bot to be relied on.
type Check struct {
	Name    string
	Problem string // in words; empty when it holds
}

// Checks tells whether the bot can be relied on now, always by the same names in the same order:
//
//	slack_connections  a connection is up and was heard from, and the app token is not refused
//	slack_reconnects   none of the connections fails over and over
//	slack_web_api      a call with the bot token went well lately, and it is not refused
//
// What stops working shows within a minute. now comes from time.Now, and holds
// its monotonic reading: so a clock that is put back makes nothing look younger.
func (h Health) Checks(now time.Time) []Check {
	return []Check{
		{"slack_connections", h.connectionsProblem(now)},
		{"slack_reconnects", h.reconnectsProblem()},
		{"slack_web_api", h.webAPIProblem(now)},
	}
}

func (h Health) connectionsProblem(now time.Time) string {
	switch refused := h.refused(VarAppToken, now); {
	case h.Draining:
		return "the bot is stopping and takes no more commands"
	case refused != "":
		return refused
	}
	within := orDefault(h.heardWithin, heardWithin)
	silent := time.Duration(-1)
	for _, c := range h.Connections {
		switch {
		case c.Hello.IsZero():
		case passed(c.LastRead, now) >= within:
			silent = max(silent, passed(c.LastRead, now))
		case !c.Doubtful:
			return ""
		default:
			silent = max(silent, passed(c.Hello, now))
		}
	}
	if silent >= 0 {
		return fmt.Sprintf("no connection to Slack was heard from for %s", silent.Round(time.Second))
	}
	for _, c := range h.Connections {
		if c.LastError != "" {
			return "no connection to Slack is up: " + c.LastError
		}
	}
	return "no connection to Slack is up"
}

func (h Health) reconnectsProblem() string {
	for i, c := range h.Connections {
		if c.Failures >= stormFailures {
			return fmt.Sprintf("connection %d to Slack failed %d times in a row: %s", i+1, c.Failures, c.LastError)
		}
	}
	return ""
}

func (h Health) webAPIProblem(now time.Time) string {
	switch refused := h.refused(VarBotToken, now); {
	case refused != "":
		return refused
	case h.LastCall.IsZero():
		return "no Web API call to Slack went well yet"
	case passed(h.LastCall, now) >= orDefault(h.workedWithin, workedWithin):
		return fmt.Sprintf("no Web API call to Slack went well for %s", passed(h.LastCall, now).Round(time.Second))
	}
	return ""
}

// refused words the refusal of a token.
func (h Health) refused(variable string, now time.Time) string {
	for _, r := range h.Refused {
		if r.Variable == variable {
			return fmt.Sprintf("Slack refuses %s (%s) for %s. %s", r.Variable, r.Code, now.Sub(r.Since).Round(time.Second), r.Advice)
		}
	}
	return ""
}

func orDefault(d, fallback time.Duration) time.Duration {
	or(&d, fallback)
	return d
}
