package handlers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"importbot/bot"
	"importbot/imports"
)

// stage is where the publisher's stories are played: a clock that is moved, a store and a Slack in memory, and the
// publisher, driven by hand. Each call of the store and of Slack is a point at which the process can be killed.
type stage struct {
	t     *testing.T
	clock *handClock
	store *memory
	slack *wall
	p     *Publisher
	epoch imports.Epoch
	board *imports.Board
	// calls counts the store's and Slack's. At those numbered in kills the process dies, before they have their effect
	// or after.
	calls     int
	kills     []int
	killAfter bool
}

// killed is what a process that dies does: nothing runs after it.
type killed struct{}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, clock: &handClock{now: now}, board: new(imports.Board)}
	s.store = &memory{s: s, imports: map[string]imports.Import{}, threads: map[string]imports.Thread{}, answered: map[string]time.Time{}}
	s.slack = &wall{s: s}
	s.board.Set(idle(), nil)
	s.restart()
	return s
}

// restart begins a new process on the same store and the same Slack.
func (s *stage) restart() {
	p, err := NewPublisher(PublisherConfig{
		Servers: []Server{prod, lab}, Store: s.store, Board: s.board, Slack: s.slack, Signal: new(imports.Signal), Clock: s.clock, Log: quiet(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.epoch++
	s.p = p
	p.begin(imports.Lead{Epoch: s.epoch})
}

// point is a call of the store or of Slack.
func (s *stage) point(effect func()) {
	s.calls++
	dies := slices.Contains(s.kills, s.calls)
	if dies && !s.killAfter {
		panic(killed{})
	}
	effect()
	if dies {
		panic(killed{})
	}
}

// survive runs f, and whenever the process dies in it begins a new one and runs f again.
func (s *stage) survive(f func()) {
	for s.dies(f) {
		s.restart()
	}
}

func (s *stage) dies(f func()) (died bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
			died = true
		}
	}()
	f()
	return false
}

// pump works until nothing is left to do at this moment.
func (s *stage) pump() {
	for range 100 {
		ids, err := s.store.Unpublished(context.Background(), batch)
		if err != nil {
			s.t.Fatal(err)
		}
		for id, j := range s.p.jobs {
			if !j.due.IsZero() && !j.due.After(s.clock.Now()) && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { return s.p.jobs[id] != nil && s.p.jobs[id].rests.After(s.clock.Now()) })
		if len(ids) == 0 {
			return
		}
		for _, id := range ids {
			_ = s.p.workOn(context.Background(), id)
		}
	}
	s.t.Fatal("the publisher does not come to rest")
}

// pass lets time go by, and work be done as it falls due.
func (s *stage) pass(d time.Duration) {
	tick := time.Second
	if d >= time.Minute {
		tick = 5 * time.Second
	}
	for end := s.clock.Now().Add(d); s.clock.Now().Before(end); {
		s.clock.advance(min(tick, end.Sub(s.clock.Now())))
		s.survive(s.pump)
	}
}

// put stores an import as the engine does, and lets the publisher work.
func (s *stage) put(imp imports.Import) {
	s.store.put(imp)
	s.survive(s.pump)
}

// announce puts up the card as the engine asks for it.
func (s *stage) announce(imp imports.Import) (err error) {
	s.store.put(imp)
	s.survive(func() { err = s.p.Announce(context.Background(), imp) })
	return err
}

// posts are the messages of a kind that people see.
func (s *stage) posts(kind string) []*posted {
	var out []*posted
	for _, m := range s.slack.messages {
		if m.kind == kind && !m.deleted {
			out = append(out, m)
		}
	}
	return out
}

// expect says how many messages of each kind there must be.
func (s *stage) expect(card, milestones, finished int) {
	s.t.Helper()
	got := fmt.Sprintf("%d cards, %d milestones, %d finished", len(s.posts(kindCard)), len(s.posts(kindMilestone)), len(s.posts(kindFinished)))
	if want := fmt.Sprintf("%d cards, %d milestones, %d finished", card, milestones, finished); got != want {
		s.t.Errorf("Slack has %s; want %s\n%s", got, want, s.slack)
	}
}

// handClock is moved by hand. Nobody waits on it: the stage drives.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Until moves the clock itself: who waits on the stage is alone there.
func (c *handClock) Until(t time.Time) (<-chan struct{}, func()) {
	if d := t.Sub(c.Now()); d > 0 {
		c.advance(d)
	}
	reached := make(chan struct{})
	close(reached)
	return reached, func() {}
}

// memory is a store that holds everything in memory.
type memory struct {
	s        *stage
	imports  map[string]imports.Import
	threads  map[string]imports.Thread
	answered map[string]time.Time
	err      error // what writes return
	errs     int   // for so many writes; below 0 for all
}

func (m *memory) put(imp imports.Import) {
	imp.Revision = m.imports[imp.ID].Revision + 1
	m.imports[imp.ID] = imp
}

func (m *memory) Unpublished(_ context.Context, limit int) (ids []string, err error) {
	for id, imp := range m.imports {
		t, ok := m.threads[id]
		news := !ok || imp.Revision > t.Shown || len(imp.Followers) > t.Followers
		if imp.State != imports.Accepted && (news || !t.Done && !t.NextTry.After(m.s.clock.Now())) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids[:min(len(ids), limit)], nil
}

func (m *memory) Import(_ context.Context, id string) (imp imports.Import, err error) {
	m.s.point(func() {
		var ok bool
		if imp, ok = m.imports[id]; !ok {
			err = imports.ErrNotFound
		}
		imp.AnsweredAt = m.answered[id]
	})
	return imp, err
}

func (m *memory) Recent(context.Context, string, int) ([]imports.Import, error) { return nil, nil }
func (m *memory) Active(context.Context, string) ([]imports.Import, error)      { return nil, nil }
func (m *memory) Server(context.Context, string) (imports.Server, error) {
	return imports.Server{}, nil
}

func (m *memory) Answered(_ context.Context, id string, at time.Time) error {
	m.s.point(func() { m.answered[id] = at })
	return nil
}

func (m *memory) Thread(_ context.Context, id string) (imports.Thread, error) {
	t := m.threads[id]
	t.ImportID = id
	return t, nil
}

func (m *memory) SaveThread(_ context.Context, epoch imports.Epoch, t imports.Thread) (err error) {
	m.s.point(func() {
		switch {
		case epoch != m.s.epoch:
			err = imports.ErrNotLeader
		case m.errs != 0:
			m.errs--
			err = m.err
		default:
			m.threads[t.ImportID] = t
		}
	})
	return err
}

// wall is a Slack that holds its messages in memory.
type wall struct {
	s        *stage
	messages []*posted
	updates  int
	editedAt []time.Time
	// fail says how a call goes wrong; taken that Slack did it all the same.
	fail      func(method, channel, kind string, thread string) (err error, taken bool)
	noHistory bool
}

type posted struct {
	channel, ts, thread, kind, id, text string
	payload                             map[string]any
	broadcast, deleted                  bool
	blocks                              int
	at                                  time.Time
}

func (w *wall) String() string {
	var b strings.Builder
	for _, m := range w.messages {
		fmt.Fprintf(&b, "  %s %s %-9s %s\n", m.at.Format("15:04:05"), m.channel, m.kind, m.text)
	}
	return b.String()
}

func (w *wall) Permalink(channel, ts string) string {
	return "https://example.slack.com/archives/" + channel + "/" + ts
}

func (w *wall) Post(_ context.Context, p bot.Post) (ts, channel string, err error) {
	kind, id := p.Metadata.Payload["kind"].(string), p.Metadata.Payload["id"].(string)
	payload := maps.Clone(p.Metadata.Payload)
	w.s.point(func() {
		taken := true
		if w.fail != nil {
			err, taken = w.fail("post", p.Channel, kind, p.ThreadTS)
			taken = taken || err == nil
		}
		if !taken {
			return
		}
		ts = fmt.Sprintf("%d.%06d", w.s.clock.Now().Unix(), len(w.messages))
		w.messages = append(w.messages, &posted{channel: p.Channel, ts: ts, thread: p.ThreadTS, kind: kind, id: id, payload: payload, text: p.Text,
			broadcast: p.Broadcast, blocks: len(p.Blocks), at: w.s.clock.Now()})
	})
	if err != nil {
		return "", "", err
	}
	return ts, p.Channel, nil
}

func (w *wall) Update(_ context.Context, channel, ts string, m bot.Message) (err error) {
	w.s.point(func() {
		var taken bool
		if w.fail != nil {
			err, taken = w.fail("update", channel, kindCard, ts)
		}
		if err != nil && !taken {
			return
		}
		i := slices.IndexFunc(w.messages, func(p *posted) bool { return p.ts == ts && !p.deleted })
		if i < 0 {
			err = refusal("message_not_found", bot.ErrMessageGone)
			return
		}
		w.updates++
		w.editedAt = append(w.editedAt, w.s.clock.Now())
		w.messages[i].text, w.messages[i].blocks = m.Text, len(m.Blocks)
	})
	return err
}

func (w *wall) Find(_ context.Context, channel, thread, _ string, match func(map[string]any) bool, oldest time.Time) (ts string, found bool, err error) {
	if w.noHistory {
		return "", false, refusal("missing_scope", bot.ErrNoScope)
	}
	w.s.point(func() {
		for _, m := range w.messages {
			if m.channel == channel && m.thread == thread && !m.at.Before(oldest) && match(m.payload) {
				ts, found = m.ts, true
			}
		}
	})
	return ts, found, nil
}

// slackRefusal is an error as package bot makes it: Slack answered, and did not take it.
type slackRefusal struct {
	answer *bot.APIError
	kind   error
}

func refusal(code string, kind error) error {
	return slackRefusal{&bot.APIError{Method: "chat.postMessage", Code: code}, kind}
}

func (e slackRefusal) Error() string   { return "chat.postMessage: " + e.answer.Code }
func (e slackRefusal) Unwrap() []error { return []error{e.kind, error(e.answer)} }

// errLost is an answer of Slack's that never came.
var errLost = fmt.Errorf("no answer: %w", bot.ErrUnavailable)
