//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"importbot/bigfix/bigfixtest"
	"importbot/internal/slacksim"
)

// point is an exact moment around what Importbot says to the world: just before a request has any effect, after the effect and before
// the answer, and just after the answer has left. Killed there, it can't know which of them it was.
type point struct {
	request string // what it is about
	at      slacksim.Point
	call    func(slacksim.Call) bool      // nil for requests to a BigFix server
	asks    func(bigfixtest.Request) bool // nil for calls of Slack
	setup   func(*dealer)                 // what the world must be like; nil where it makes no difference
	first   bool                          // it comes as soon as a process runs, and not again
}

func (p point) name() string {
	words := map[slacksim.Point]string{slacksim.Arrived: "had arrived", slacksim.Taken: "was taken", slacksim.Answered: "was answered"}
	return fmt.Sprintf("kill -9 when %s %s", p.request, words[p.at])
}

// points are all of them: around start, post, update and finish.
func points() []point {
	message := func(kind string) func(slacksim.Call) bool {
		return func(c slacksim.Call) bool { return c.Method == "chat.postMessage" && metaKind(c) == kind }
	}
	edit := func(last bool) func(slacksim.Call) bool {
		return func(c slacksim.Call) bool {
			over := slices.ContainsFunc(endings, func(words string) bool { return strings.Contains(c.Args["text"], words) })
			return c.Method == "chat.update" && over == last
		}
	}
	var out []point
	for _, at := range []slacksim.Point{slacksim.Arrived, slacksim.Taken, slacksim.Answered} {
		out = append(out,
			point{request: "the card", at: at, call: message("card")},
			point{request: "a look", at: at, asks: func(r bigfixtest.Request) bool { return r.Run == "" }},
			point{request: "run=", at: at, asks: func(r bigfixtest.Request) bool { return r.Run != "" }},
			point{request: "an answer", at: at, call: func(c slacksim.Call) bool { return c.Method == slacksim.ResponseURL }},
			point{request: "a milestone", at: at, call: message("milestone")},
			point{request: "an edit", at: at, call: edit(false)},
			point{request: "the last edit", at: at, call: edit(true)},
			point{request: "the finished message", at: at, call: message("finished")},
			point{request: "an alert", at: at, call: message("alert"), setup: (*dealer).alarming},
			point{request: "a recovery", at: at, call: message("recovered"), setup: (*dealer).alarming},
			point{request: "the week's report", at: at, call: message("digest"), setup: (*dealer).weekly, first: true},
		)
	}
	return out
}

func metaKind(c slacksim.Call) string {
	var meta slacksim.Metadata
	if json.Unmarshal([]byte(c.Args["metadata"]), &meta) != nil {
		return ""
	}
	kind, _ := meta.Payload["kind"].(string)
	return kind
}

// killsAt deals a kill -9 at a point.
func killsAt(p point) func(*dealer) {
	return func(d *dealer) {
		if p.first {
			d.killsAt(p, beforehand)
			return
		}
		for range 2 {
			d.killsAt(p, d.upTo(d.Length/2))
		}
	}
}

// killsAt deals one, from a time on.
func (d *dealer) killsAt(p point, from time.Duration) {
	again := d.between(0, 1200)
	d.does(from, fmt.Sprintf("the next time: %s, started again after %s", p.name(), again), func(ctx context.Context, w *world) {
		w.arm(ctx, p, again)
	})
}

// arm waits for a point, and kills there who made the request.
func (w *world) arm(ctx context.Context, p point, again time.Duration) {
	spring := make(chan struct{}, 1)
	spring <- struct{}{}
	strike := func(who func() *replica) bool {
		select {
		case <-spring:
		default:
			return false
		}
		r := who()
		w.did(ctx, didKill, r.name, "%s: %s", p.name(), r.name)
		if r.kill() {
			w.running.Go(func() {
				w.after(ctx, again)
				w.start(ctx, r)
			})
		}
		return true
	}
	if p.call != nil {
		w.trap(w.slack.Intercept(func(at slacksim.Point, c slacksim.Call) slacksim.Verdict {
			if at == p.at && p.call(c) && strike(func() *replica { return w.caller(c) }) && at != slacksim.Answered {
				return slacksim.Cut
			}
			return slacksim.Pass
		}))
		return
	}
	for _, s := range w.servers { // its points are numbered as Slack's are
		w.trap(s.Intercept(func(at bigfixtest.Point, r bigfixtest.Request) bigfixtest.Verdict {
			if slacksim.Point(at) == p.at && p.asks(r) && strike(func() *replica { return w.replica(true, 0) }) && at != bigfixtest.Answered {
				return bigfixtest.Cut
			}
			return bigfixtest.Pass
		}))
	}
}

// trap keeps what is armed, to take it back at the end.
func (w *world) trap(cancel func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = append(w.armed, cancel)
}

// disarm takes back everything that waits for its moment.
func (w *world) disarm() {
	w.mu.Lock()
	armed := w.armed
	w.armed = nil
	w.mu.Unlock()
	for _, cancel := range armed {
		cancel()
	}
}

// caller is the replica that called Slack: the one whose address it used, or, of a response_url, the one that had the command.
func (w *world) caller(c slacksim.Call) *replica {
	process := c.Process
	if c.Method == slacksim.ResponseURL {
		w.mu.Lock()
		for _, typed := range w.commands {
			if path(typed.inv.ResponseURL) == c.Args["path"] {
				for _, envelope := range typed.inv.Envelopes() {
					process = envelope.Process
				}
			}
		}
		w.mu.Unlock()
	}
	for _, r := range w.replicas {
		if r.process() == process {
			return r
		}
	}
	return w.replica(true, 0)
}
