package handlers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"importbot/bot"
	"importbot/imports"
)

// How many imports a history shows.
const (
	historyUsual = 10
	historyMost  = 20
)

// historyWithin is how long a history waits for the database.
const historyWithin = 5 * time.Second

// historyCommand shows how the last imports went.
func (h *Handlers) historyCommand() command {
	return command{
		name:    "history",
		aliases: []string{"last", "past"},
		usage:   "history" + h.nameHint() + " [N]",
		says:    "shows the last imports, 10 or up to 20: type, who, start, duration, outcome, and a chart.",
		example: "history" + h.nameExample() + " 20",
		run:     h.history,
	}
}

func (h *Handlers) history(ctx context.Context, c *call, args []string) error {
	args, asked, no := h.howMany(c, args)
	if no != nil {
		return c.Answer(ctx, *no)
	}
	servers, no := h.historyServers(c, args)
	if no != nil {
		return c.Answer(ctx, *no)
	}
	if len(servers) == 1 {
		c.entry.Server = servers[0].Name
	}
	n := min(asked, historyMost)
	c.Ack() // by response_url alone it is heard whether the workspace knows charts
	reading, cancel := context.WithTimeout(ctx, historyWithin)
	defer cancel()
	pages := make([]page, len(servers))
	for i, srv := range servers {
		imps, err := h.Store.Recent(reading, srv.Name, n)
		if err != nil {
			h.Log.WithError(err).WithField("server", srv.Name).Error("The history could not be read")
			c.fail(whyStore)
			return c.Answer(ctx, h.noHistoryMessage())
		}
		pages[i] = page{srv, imps}
	}
	return h.draw(func(s shape) error {
		m := h.historyMessage(pages, s)
		if asked > historyMost {
			m = joined(m, h.mostMessage())
		}
		return c.AnswerOutside(ctx, m)
	})
}

// howMany takes the number out of what was typed. It may be more than a history shows.
func (h *Handlers) howMany(c *call, args []string) (rest []string, n int, no *bot.Message) {
	n = historyUsual
	for _, word := range args {
		number, err := strconv.Atoi(word)
		_, named := h.server(word)
		if named || err != nil && !errors.Is(err, strconv.ErrRange) {
			rest = append(rest, word)
			continue
		}
		if number < 1 {
			c.refuse(whyTooManyWords)
			return nil, 0, new(h.howManyMessage(word))
		}
		n = number
	}
	return rest, n, nil
}

// historyServers are the server that is named, else those of the channel, as long as they fit into one message.
func (h *Handlers) historyServers(c *call, args []string) ([]Server, *bot.Message) {
	if len(args) == 0 {
		if found := h.here(c.ChannelID); len(h.Servers) > 1 && len(found) > 1 && len(found) <= chartsInOne {
			return found, nil
		}
	}
	srv, no := h.startServer(c, "history", args)
	return []Server{srv}, no
}

// page is the history of one server.
type page struct {
	server Server
	imps   []imports.Import
}

// historyMessage lists the last imports, with a chart of how long they took where the workspace knows charts.
func (h *Handlers) historyMessage(pages []page, s shape) bot.Message {
	var m bot.Message
	for i, pg := range pages {
		if i > 0 {
			m.Blocks = append(m.Blocks, slack.NewDividerBlock())
		}
		m = joined(m, h.pageMessage(pg, s))
	}
	return m
}

func (h *Handlers) pageMessage(pg page, s shape) bot.Message {
	now := h.Now()
	if len(pg.imps) == 0 {
		return simple(now, func(p pen) []string { return []string{"I have seen no import on " + p.name(pg.server.Name) + " yet."} })
	}
	title, order := fmt.Sprintf("last %d imports", len(pg.imps)), ", newest first:"
	if len(pg.imps) == 1 {
		title, order = "last import", ":"
	}
	head := func(p pen) string { return "The " + title + " of " + p.name(pg.server.Name) + order }
	rows := func(p pen) []string { return rowsOf(p, pg.imps) }
	m := simple(now, func(p pen) []string { return append([]string{head(p)}, rows(p)...) })
	text := m.Text
	switch s {
	case shapeChart:
		if chart, ok := chartOf(pg.server.Name+", "+title, pg.imps, time.UTC); ok {
			m.Blocks = append([]slack.Block{chart}, m.Blocks...)
		}
	case shapeTable:
		m = simple(now, func(p pen) []string { return []string{head(p)} })
		m.Blocks = append(m.Blocks, tableOf(pen{now: now}, pg.imps))
	}
	m.Text = text
	return m
}

// shape is how a history is drawn: each is for workspaces that refuse the one before it.
type shape int

const (
	shapeChart shape = iota // a chart, and lines under it
	shapeTable
	shapeLines
)

// shapes remembers for an hour what the workspace refused, so that not every history is refused first.
type shapes struct {
	mu      sync.Mutex
	refused shape // up to here
	until   time.Time
}

const shapesHold = time.Hour

// best is the first that the workspace is not known to refuse.
func (s *shapes) best(now time.Time) shape {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.After(s.until) {
		return shapeChart
	}
	return s.refused + 1
}

func (s *shapes) rule(sh shape, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused, s.until = sh, now.Add(shapesHold)
}

// draw sends something in the best shape that the workspace takes.
func (h *Handlers) draw(send func(shape) error) error {
	for s := h.shapes.best(h.Now()); ; s++ {
		err := send(s)
		if !errors.Is(err, bot.ErrInvalid) || s == shapeLines {
			return err
		}
		h.Log.WithError(err).Info("The workspace refuses a kind of block; it gets another one for an hour")
		h.shapes.rule(s, h.Now())
	}
}

func (h *Handlers) noHistoryMessage() bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{"My own database does not answer, so I can't tell what was.", "Try again in a minute. If it goes on, tell whoever runs Importbot."}
	})
}

// mostMessage stands below a history of which more was asked for than it shows.
func (h *Handlers) mostMessage() bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{fmt.Sprintf("I show %d at most here. On the machine that runs me, ", historyMost) + p.code("importbot history -n N") + " prints more."}
	})
}

func (h *Handlers) howManyMessage(typed string) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{"I can't show " + p.typed(typed) + " imports: say a number from 1 to 20."}
	})
}
