package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// stage is where the publisher's stories are played: a clock that is moved, a store and a Slack in memory, and the
// publisher, driven by hand. Each call of the store and of Slack is a point at which the process can be killed, or stand
// still while another one takes the lead.
type stage struct {
	t       *testing.T
	clock   *handClock
	store   *memory
	slack   *wall
	p       *Publisher
	epoch   imports.Epoch
	board   *imports.Board
	servers []Server
	digest  *Digest
	// calls counts the store's and Slack's. At those numbered in kills the process dies, at those in freezes it stands
	// still: before they have their effect, or after it.
	calls          int
	kills, freezes []int
	after          bool
	// meanwhile is what others do right after each of the calls.
	meanwhile func(call int)
	// sleeps is for how many further calls a process stands still; 0: until wakeAll.
	sleeps  int
	running *process // whose turn it is
	frozen  []*process
}

// killed is what a process that dies does: nothing runs after it.
type killed struct{}

// process is one life of the publisher, as far as it can stand still in the middle of a call.
type process struct {
	still chan struct{} // closed when it stands still
	wake  chan struct{} // closed when it goes on
	done  chan any      // what it panicked with, nil where it did not
	wakes int           // goes on at this call of the others'; 0: when it is told to
	woken bool
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, clock: &handClock{now: now}, board: new(imports.Board), servers: []Server{prod, lab}}
	s.store = &memory{
		s: s, imports: map[string]imports.Import{}, threads: map[string]imports.Thread{}, answered: map[string]time.Time{},
		servers: map[string]imports.Server{}, notices: map[string]imports.Notice{},
	}
	s.slack = &wall{s: s}
	s.board.Set(idle(), nil)
	s.restart()
	t.Cleanup(s.wakeAll)
	return s
}

// restart begins a new process on the same store and the same Slack. What still stands somewhere leads no more.
func (s *stage) restart() {
	s.epoch++
	epoch := s.epoch
	lead := imports.Lead{Epoch: epoch, Held: func() error {
		if s.epoch != epoch {
			return fmt.Errorf("%w: this one stood still", imports.ErrNotLeader)
		}
		return nil
	}}
	s.lead(lead)
}

// lead begins a process that has a lead.
func (s *stage) lead(lead imports.Lead) {
	p, err := NewPublisher(PublisherConfig{
		Servers: s.servers, Store: s.store, Board: s.board, Slack: seat{s.slack, lead}, Signal: new(imports.Signal),
		Digest: s.digest, Clock: s.clock, Log: quiet(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.p = p
	p.begin(lead)
}

// point is a call of the store or of Slack.
func (s *stage) point(effect func()) {
	if me := s.running; me != nil && me.woken {
		effect()
		return
	}
	s.calls++
	s.wakeDue()
	dies, stands := slices.Contains(s.kills, s.calls), slices.Contains(s.freezes, s.calls)
	if dies && !s.after {
		panic(killed{})
	}
	if stands && !s.after {
		s.stand()
	}
	effect()
	if dies && s.after {
		panic(killed{})
	}
	if stands && s.after {
		s.stand()
	}
	if s.meanwhile != nil {
		s.meanwhile(s.calls)
	}
}

// stand lets the running process stand still, in the middle of its call, until it is woken.
func (s *stage) stand() {
	me := s.running
	if s.sleeps > 0 {
		me.wakes = s.calls + s.sleeps
	}
	close(me.still)
	<-me.wake
}

// wakeDue lets those go on that have stood still long enough.
func (s *stage) wakeDue() {
	for _, p := range s.frozen {
		if p.wakes > 0 && s.calls >= p.wakes {
			s.goOn(p)
		}
	}
}

// wakeAll lets all go on that stand still.
func (s *stage) wakeAll() {
	for _, p := range s.frozen {
		s.goOn(p)
	}
}

// goOn lets a process go on to its end, while everything else waits for it.
func (s *stage) goOn(p *process) {
	if p.woken {
		return
	}
	before := s.running
	p.woken, s.running = true, p
	close(p.wake)
	s.panicked(<-p.done)
	s.running = before
}

// survive runs f, and whenever the process dies or stands still in it begins a new one and runs f again.
func (s *stage) survive(f func()) {
	for s.dies(f) {
		s.restart()
	}
}

func (s *stage) dies(f func()) (died bool) {
	me := &process{still: make(chan struct{}), wake: make(chan struct{}), done: make(chan any, 1)}
	s.running = me
	defer func() { s.running = nil }()
	go func() {
		defer func() { me.done <- recover() }()
		f()
	}()
	select {
	case r := <-me.done:
		return s.panicked(r)
	case <-me.still:
		s.frozen = append(s.frozen, me)
		return true
	}
}

// panicked says whether a process was killed.
func (s *stage) panicked(r any) bool {
	if _, dead := r.(killed); !dead && r != nil {
		panic(r)
	}
	return r != nil
}

// pump works until nothing is left to do at this moment, or the process leads no more.
func (s *stage) pump() {
	p := s.p
	for range 100 {
		var ids []string
		p.dispatch(context.Background(), func(id string) { ids = append(ids, id) })
		if len(ids) == 0 {
			return
		}
		slices.Sort(ids)
		for _, id := range ids {
			if p != s.p {
				return
			}
			_ = p.workOn(context.Background(), id)
			p.rest(id, make(chan struct{}, 1))
		}
	}
	s.t.Error("the publisher does not come to rest")
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
	s.survive(func() {
		p := s.p
		if said := p.Announce(context.Background(), imp); p == s.p {
			err = said
		}
	})
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
	s          *stage
	imports    map[string]imports.Import
	threads    map[string]imports.Thread
	answered   map[string]time.Time
	servers    map[string]imports.Server
	notices    map[string]imports.Notice
	mutes      []imports.Mute
	watched    map[string][]imports.Watched
	err        error // what writes return
	unreadable error // what reading what there is to show returns
	errs       int   // for so many writes; below 0 for all
}

func (m *memory) put(imp imports.Import) {
	imp.Revision = m.imports[imp.ID].Revision + 1
	m.imports[imp.ID] = imp
}

func (m *memory) Unpublished(_ context.Context, limit int) (ids []string, err error) {
	if m.unreadable != nil {
		return nil, m.unreadable
	}
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

// some returns the imports of a server that a condition holds for, oldest first.
func (m *memory) some(server string, holds func(imports.Import) bool) (out []imports.Import) {
	for _, id := range slices.Sorted(maps.Keys(m.imports)) {
		if imp := m.imports[id]; imp.Server == server && holds(imp) {
			out = append(out, imp)
		}
	}
	return out
}

func (m *memory) Recent(_ context.Context, server string, n int) ([]imports.Import, error) {
	out := m.some(server, func(i imports.Import) bool {
		return (!i.BegunAt.IsZero() || i.State == imports.Ended) && i.Outcome != imports.Refused && i.Outcome != imports.Expired
	})
	slices.Reverse(out)
	return out[:min(len(out), n)], nil
}

func (m *memory) Succeeded(_ context.Context, server string, t bigfix.ImportType, n int) ([]imports.Import, error) {
	out := m.some(server, func(i imports.Import) bool { return i.Type == t && i.Outcome == imports.Succeeded })
	slices.Reverse(out)
	return out[:min(len(out), n)], nil
}

func (m *memory) History(_ context.Context, server string, from, to time.Time) ([]imports.Import, error) {
	in := func(t time.Time) bool { return !t.Before(from) && t.Before(to) }
	return m.some(server, func(i imports.Import) bool { return in(i.BegunAt) || in(i.EndedAt) }), nil
}

func (m *memory) Watched(_ context.Context, server string, from, to time.Time) ([]imports.Watched, error) {
	var out []imports.Watched
	for _, w := range m.watched[server] {
		if w.From.Before(to) && w.To.After(from) {
			out = append(out, w)
		}
	}
	return out, nil
}

func (m *memory) Mutes(context.Context) ([]imports.Mute, error) {
	return slices.Clone(m.mutes), nil
}

func (m *memory) Active(_ context.Context, server string) ([]imports.Import, error) {
	return m.some(server, func(i imports.Import) bool { return i.State != imports.Ended }), nil
}

func (m *memory) Expired(_ context.Context, server string, since time.Time) ([]imports.Import, error) {
	return m.some(server, func(i imports.Import) bool { return i.Outcome == imports.Expired && !i.EndedAt.Before(since) }), nil
}

func (m *memory) Server(_ context.Context, name string) (imports.Server, error) {
	return m.servers[name], nil
}

func (m *memory) Notice(_ context.Context, id string) (n imports.Notice, err error) {
	m.s.point(func() {
		var ok bool
		if n, ok = m.notices[id]; !ok {
			err = imports.ErrNotFound
		}
	})
	return n, err
}

func (m *memory) Notices(context.Context) (out []imports.Notice, err error) {
	for _, n := range m.notices {
		if !n.Done {
			out = append(out, n)
		}
	}
	return out, nil
}

func (m *memory) SaveNotice(_ context.Context, epoch imports.Epoch, n imports.Notice) (err error) {
	m.s.point(func() {
		if err = m.write(epoch); err == nil {
			m.notices[n.ID] = n
		}
	})
	return err
}

// write says how a write goes.
func (m *memory) write(epoch imports.Epoch) error {
	switch {
	case epoch != m.s.epoch:
		return imports.ErrNotLeader
	case m.errs != 0:
		m.errs--
		return m.err
	}
	return nil
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
		if err = m.write(epoch); err == nil {
			if asked := m.threads[t.ImportID].Asked; asked > t.Asked { // meanwhile
				t.Asked, t.Done, t.NextTry = asked, false, time.Time{}
			}
			m.threads[t.ImportID] = t
		}
	})
	return err
}

// ask wants a fresh card, as a press on any replica does.
func (m *memory) ask(id string) {
	t := m.threads[id]
	if t.Asked++; t.Asked == t.Refreshed+1 || t.Done {
		t.Done, t.NextTry = false, time.Time{}
	}
	m.threads[id] = t
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

// seat is a process at the wall. What it says goes as package bot sends it: where the lead does not stand right before
// it would leave, it does not leave.
type seat struct {
	*wall
	lead imports.Lead
}

func (s seat) fence() error {
	if err := s.lead.Check(); err != nil {
		return slackRefusal{&bot.APIError{Method: "chat.postMessage"}, fmt.Errorf("%w: %w", bot.ErrFenced, err)}
	}
	return nil
}

func (w *wall) Permalink(channel, ts string) string {
	return "https://example.slack.com/archives/" + channel + "/" + ts
}

// overTheWire is a payload as Slack gives it back.
func overTheWire(payload map[string]any) (out map[string]any) {
	sent, err := json.Marshal(payload)
	if err == nil {
		err = json.Unmarshal(sent, &out)
	}
	if err != nil {
		panic(err)
	}
	return out
}

func (w seat) Post(_ context.Context, p bot.Post) (ts, channel string, err error) {
	kind, id := p.Metadata.Payload["kind"].(string), p.Metadata.Payload["id"].(string)
	payload := overTheWire(p.Metadata.Payload)
	w.s.point(func() {
		if err = w.fence(); err != nil {
			return
		}
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

func (w seat) Update(_ context.Context, channel, ts string, m bot.Message) (err error) {
	w.s.point(func() {
		if err = w.fence(); err != nil {
			return
		}
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

func (w seat) Find(_ context.Context, channel, thread, _ string, match func(map[string]any) bool, oldest time.Time) (ts string, found bool, err error) {
	if w.noHistory {
		return "", false, refusal("missing_scope", bot.ErrNoScope)
	}
	w.s.point(func() {
		if err = w.fence(); err != nil {
			return
		}
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
