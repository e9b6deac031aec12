package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/bot"
	"importbot/imports"
)

// Slack is what the publisher needs of Slack; *bot.Bot is one. Its errors are package bot's.
type Slack interface {
	Links
	Post(ctx context.Context, p bot.Post) (ts, channel string, err error)
	Update(ctx context.Context, channel, ts string, m bot.Message) error
	Find(ctx context.Context, channel, threadTS, eventType string, match func(payload map[string]any) bool, oldest time.Time) (ts string, found bool, err error)
}

// PublisherConfig is what a Publisher needs.
type PublisherConfig struct {
	Servers []Server
	Store   Store
	Board   *imports.Board // as the engine of the same term writes it
	Slack   Slack
	Signal  *imports.Signal
	Command string        // "/import", for what people are told to type
	Digest  *Digest       // nil: none is posted
	Clock   imports.Clock // nil: the machine's
	Log     logrus.FieldLogger
}

// Publisher shows imports in Slack. It is a reconciler: it reads which imports are ahead of what is shown of them, does
// the next thing about each, and notes it. However many changes came while Slack was away or busy, what is shown after
// is the last one.
//
// The process that leads runs it, and makes a new one for each term of leading: nothing of a term outlives it. Work that
// fails is tried again, after a minute at most; it is dropped never.
type Publisher struct {
	PublisherConfig
	gather gather

	leads chan struct{} // closed when the term has begun; lead and slack are set then and stay
	lead  imports.Lead
	slack Slack

	mu   sync.Mutex
	jobs map[string]*job
	lost error // not nil: this process leads no more
	// nextFresh is when the next turn is of a card that somebody wants fresh.
	nextFresh time.Time
	// unread is since when what there is to show can't be read, zero while it can; unreadError why.
	unread      time.Time
	unreadError string
	heard       heard
	// settledAlerts are the alerts, and digested the digests, about which nothing is left to do, by the ids of their jobs.
	settledAlerts map[string]settledAlert
	digested      map[string]bool
}

// job is the work on one import, alert or digest, or on what one channel is told of an absence, as far as memory holds it.
type job struct {
	turn chan struct{} // held by whoever works on it
	busy bool          // Run has a worker on it
	due  time.Time     // when the rest is due; zero: nothing is left

	// rests is until when nothing at all is done about it: the store failed.
	rests      time.Time
	failsStore int
	// holdPost and holdEdit are until when Slack is not asked.
	holdPost, holdEdit   time.Time
	failsPost, failsEdit int
	freshAt              time.Time // when it is its turn among the cards that somebody wants fresh; zero while it has none
	failing              time.Time // since when its work fails; zero while it does not
	lastError            string
	// refusing is since when the channel refuses its messages, zero while it takes them; refusal is Slack's last word.
	refusing time.Time
	refusal  string
}

const (
	// publishers is how many imports are worked on at the same time.
	publishers = 4
	// batch is how many ids are read at once.
	batch = 200
	// publishPoll is how often the store is read where nobody says that something changed.
	publishPoll = 5 * time.Second
	// slackWithin bounds one call.
	slackWithin = 30 * time.Second
	// noteWithin bounds how long one record is tried, before the work begins afresh from what is recorded.
	noteWithin = 10 * time.Minute
	// drainWithin is how long a call that is under way may take, with its record, once this process has to end: what
	// Slack took and nobody noted would be sent once more.
	drainWithin = 2500 * time.Millisecond
	// longestBackoff bounds the time between two tries.
	longestBackoff = time.Minute
)

// NewPublisher checks the configuration. It asks nobody.
func NewPublisher(cfg PublisherConfig) (*Publisher, error) {
	if len(cfg.Servers) == 0 || cfg.Store == nil || cfg.Slack == nil || cfg.Board == nil || cfg.Signal == nil {
		return nil, errors.New("publisher: the configuration is incomplete")
	}
	if cfg.Clock == nil {
		cfg.Clock = imports.SystemClock{}
	}
	if cfg.Log == nil {
		cfg.Log = logrus.StandardLogger()
	}
	if cfg.Command == "" {
		cfg.Command = "/import"
	}
	cfg.Servers = append([]Server(nil), cfg.Servers...)
	for i := range cfg.Servers {
		cfg.Servers[i].defaults()
	}
	return &Publisher{
		PublisherConfig: cfg,
		heard:           heard{until: make(map[string]time.Time), waits: make(map[string]time.Time)},
		gather:          gather{cfg.Store, cfg.Board, cfg.Slack, cfg.Clock.Now},
		leads:           make(chan struct{}),
		jobs:            make(map[string]*job),
		settledAlerts:   make(map[string]settledAlert),
		digested:        make(map[string]bool),
	}, nil
}

// Run shows what is to be shown until ctx ends, and returns nil then; or until the lead is lost, and then it returns
// imports.ErrNotLeader: what can't be recorded is not sent, nor is anything once this process can't be sure that it
// leads. What Slack has by then is recorded, for up to 2.5 s. Run must not be called again.
func (p *Publisher) Run(ctx context.Context, lead imports.Lead) error {
	p.begin(lead)
	changed, unsubscribe := p.Signal.Subscribe()
	defer unsubscribe()
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer func() { cancel(); workers.Wait() }()
	slots, ended := make(chan struct{}, publishers), make(chan struct{}, 1)
	for {
		if err := p.leading(); err != nil {
			return err
		}
		next := p.dispatch(ctx, func(id string) {
			workers.Go(func() {
				defer p.rest(id, ended)
				select {
				case slots <- struct{}{}:
					defer func() { <-slots }()
				case <-ctx.Done():
					return
				}
				_ = p.workOn(ctx, id) // noted with the job
			})
		})
		timer, stop := p.Clock.Until(p.Clock.Now().Add(next))
		select {
		case <-ctx.Done():
			stop()
			return p.lostLead()
		case <-changed:
		case <-ended:
		case <-timer:
		}
		stop()
	}
}

// begin begins the term, and lets waiting announcements go on.
func (p *Publisher) begin(lead imports.Lead) {
	p.lead, p.slack = lead, underLead{p.Slack, lead}
	close(p.leads)
}

// leading returns nil for as long as this process may count on leading.
func (p *Publisher) leading() error {
	if err := p.lostLead(); err != nil {
		return err
	}
	return p.lead.Check()
}

func (p *Publisher) lostLead() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// dispatch hands out what is due and not under way, and says how long until more may be.
func (p *Publisher) dispatch(ctx context.Context, do func(id string)) time.Duration {
	ids, err := p.behind(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Clock.Now()
	if err != nil {
		p.couldNotRead(ctx, now, err)
		return time.Second
	}
	p.unread, p.unreadError = time.Time{}, ""
	next := publishPoll
	for _, id := range ids {
		if j := p.job(id); !j.busy && !j.rests.After(now) {
			j.busy = true
			do(id)
		}
	}
	for id, j := range p.jobs {
		switch {
		case j.busy || j.due.IsZero():
		case j.due.After(now):
			next = min(next, j.due.Sub(now))
		default:
			j.busy = true
			do(id)
		}
	}
	return next
}

// behind are the jobs that have something to do, whatever memory knows of them.
func (p *Publisher) behind(ctx context.Context) ([]string, error) {
	ids, err := p.Store.Unpublished(ctx, batch)
	if err != nil {
		return nil, fmt.Errorf("reading what there is to show: %w", err)
	}
	channels, err := p.unheardChannels(ctx)
	if err != nil {
		return nil, err
	}
	for _, channel := range channels {
		ids = append(ids, awayPrefix+channel)
	}
	ids = append(ids, p.unsettledAlerts()...)
	return append(ids, p.dueDigests()...), nil
}

// couldNotRead notes that the store did not say what there is to show; p.mu is held.
func (p *Publisher) couldNotRead(ctx context.Context, now time.Time, err error) {
	if ctx.Err() != nil {
		return
	}
	if p.unread.IsZero() {
		p.unread = now
	}
	p.unreadError = err.Error()
	p.Log.WithError(err).Error("What there is to show could not be read")
}

// job is the job of an import; p.mu is held.
func (p *Publisher) job(id string) *job {
	j := p.jobs[id]
	if j == nil {
		j = &job{turn: make(chan struct{}, 1)}
		p.jobs[id] = j
	}
	return j
}

// rest ends a worker's turn. The store is read again at once: what changed meanwhile is found there.
func (p *Publisher) rest(id string, ended chan<- struct{}) {
	p.mu.Lock()
	if j := p.jobs[id]; j != nil {
		j.busy = false
		if j.due.IsZero() && j.failing.IsZero() && len(j.turn) == 0 {
			delete(p.jobs, id)
		}
	}
	p.mu.Unlock()
	select {
	case ended <- struct{}{}:
	default:
	}
}

// Backlog is what is behind.
type Backlog struct {
	// Waiting is how many imports and other messages have something left to be shown, Failing how many of them because
	// of errors. What there is to show not being readable counts as one that fails.
	Waiting, Failing int
	// Since is when the oldest of the failing ones began to fail, and Reason its last error.
	Since  time.Time
	Reason string
	// Refused is how many wait because their channel refuses messages (archived, not a member): a person has to mend
	// that, and trying goes on hourly. RefusedSince is when the first refusal of them was, Refusal Slack's word for it.
	Refused      int
	RefusedSince time.Time
	Refusal      string
}

// Backlog says what is behind, for a health check: failing work is tried again for ever, and that must be seen.
func (p *Publisher) Backlog() Backlog {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b Backlog
	for _, j := range p.jobs {
		if j.busy || !j.due.IsZero() {
			b.Waiting++
		}
		b.fails(j.failing, j.lastError)
		if j.refusing.IsZero() {
			continue
		}
		b.Refused++
		if b.RefusedSince.IsZero() || j.refusing.Before(b.RefusedSince) {
			b.RefusedSince, b.Refusal = j.refusing, j.refusal
		}
	}
	b.fails(p.unread, p.unreadError)
	return b
}

// fails counts something that fails since a time, if that is not zero.
func (b *Backlog) fails(since time.Time, reason string) {
	if since.IsZero() {
		return
	}
	b.Failing++
	if b.Since.IsZero() || since.Before(b.Since) {
		b.Since, b.Reason = since, reason
	}
}

// Announce puts up the card of an import that is about to be started; it implements imports.Announcer. nil: it stands.
// imports.ErrNoCard, with Slack's word for it, where the channel takes none.
func (p *Publisher) Announce(ctx context.Context, imp imports.Import) error {
	select {
	case <-p.leads:
	case <-ctx.Done():
		return ctx.Err()
	}
	return p.turn(ctx, imp.ID, func(ctx context.Context, w *worker) error {
		w.s.announcing = true
		return w.announce(ctx, imp)
	})
}

// workOn does what is to be done about one job, until nothing is left or the rest has to wait.
func (p *Publisher) workOn(ctx context.Context, id string) error {
	if channel, ok := strings.CutPrefix(id, awayPrefix); ok {
		return p.tellAway(ctx, channel)
	}
	switch {
	case strings.HasPrefix(id, alertPrefix):
		return p.tellAlert(ctx, id)
	case strings.HasPrefix(id, digestPrefix):
		return p.tellDigest(ctx, id)
	}
	return p.turn(ctx, id, func(ctx context.Context, w *worker) error { return w.run(ctx, id) })
}

// turn works on one import, alone.
func (p *Publisher) turn(ctx context.Context, id string, do func(context.Context, *worker) error) error {
	return p.alone(ctx, id, p.Log.WithField("import", id), func(c courier) error {
		w := &worker{courier: c}
		w.record, w.messages = w.note, &w.s.thread.Messages
		return do(ctx, w)
	})
}

// alone does something about a job while nobody else does.
func (p *Publisher) alone(ctx context.Context, id string, log *logrus.Entry, do func(courier) error) error {
	p.mu.Lock()
	j := p.job(id)
	p.mu.Unlock()
	select {
	case j.turn <- struct{}{}:
		defer func() { <-j.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	err := do(courier{Publisher: p, job: j, log: log})
	switch {
	case errors.Is(err, imports.ErrNotLeader):
		p.lose(err)
	case err != nil && ctx.Err() == nil:
		log.WithError(err).Warn("Showing something did not succeed; it is tried again")
	}
	return err
}

// lose ends the term.
func (p *Publisher) lose(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lost == nil {
		p.lost = err
	}
	p.Signal.Wake()
}

// worker works on one import, alone.
type worker struct {
	courier
	s         situation
	followers int // as the store has them
}

// run reconciles. An error that is returned kept it from even noting the state: the store did not answer.
func (w *worker) run(ctx context.Context, id string) error {
	err := w.find(ctx, id)
	for err == nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err = w.lead.Check(); err != nil {
			break
		}
		w.refresh()
		st := w.s.next()
		if st.do == doNothing {
			return w.settle(ctx, st.at)
		}
		err = w.do(ctx, st)
	}
	if errors.Is(err, imports.ErrNotFound) {
		w.setDue(time.Time{}) // purged meanwhile
		return nil
	}
	return w.rested(ctx, err)
}

// refresh brings the situation up to the moment.
func (w *worker) refresh() {
	w.s.now = w.Clock.Now()
	w.mu.Lock()
	w.s.holdPost, w.s.holdEdit, w.s.freshAt = w.holdPost, w.holdEdit, w.freshAt
	w.mu.Unlock()
}

// find reads what is shown of an import, and only then the import: whatever wish for a fresh card it knows of, the look it reads is no
// older.
func (w *worker) find(ctx context.Context, id string) error {
	stored, err := w.Store.Thread(ctx, id)
	if err != nil {
		return fmt.Errorf("reading the thread: %w", err)
	}
	imp, err := w.Store.Import(ctx, id)
	if err != nil {
		return err
	}
	return w.see(ctx, imp, stored)
}

// load reads what is shown of an import.
func (w *worker) load(ctx context.Context, imp imports.Import) error {
	stored, err := w.Store.Thread(ctx, imp.ID)
	if err != nil {
		return fmt.Errorf("reading the thread: %w", err)
	}
	return w.see(ctx, imp, stored)
}

// see begins the situation with an import and what is shown of it.
func (w *worker) see(ctx context.Context, imp imports.Import, stored imports.Thread) error {
	t, err := decode(stored)
	if err != nil {
		return err
	}
	t.id = imp.ID
	w.followers = len(imp.Followers)
	if imp.Followers, err = w.concerned(ctx, imp); err != nil {
		return err
	}
	w.s.imp, w.s.thread, w.s.server = imp, t, w.serverOf(imp)
	return w.hear(ctx)
}

// concerned are the followers of an import, and those of the start that it may have come from, late.
func (w *worker) concerned(ctx context.Context, imp imports.Import) ([]string, error) {
	if imp.LateFor == "" {
		return imp.Followers, nil
	}
	givenUp, err := w.Store.Import(ctx, imp.LateFor)
	if errors.Is(err, imports.ErrNotFound) {
		return imp.Followers, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the start that was given up: %w", err)
	}
	all := mentioned(givenUp)
	for _, user := range imp.Followers {
		if !slices.Contains(all, user) {
			all = append(all, user)
		}
	}
	return all, nil
}

// serverOf is the server of an import. One that is not configured any more has no channel but the card's.
func (w *worker) serverOf(imp imports.Import) Server {
	for _, srv := range w.Servers {
		if srv.Name == imp.Server {
			return srv
		}
	}
	srv := Server{Name: imp.Server, Announce: AnnounceNone}
	srv.defaults()
	return srv
}

// settle notes that nothing is left to do now; the rest at a time, where there is one.
func (w *worker) settle(ctx context.Context, at time.Time) error {
	if w.s.imp.State == imports.Ended {
		w.s.thread.Heard = len(w.s.imp.Milestones) // progress of the past is told nobody
	}
	if _, wanted := w.s.refresh(); !wanted {
		w.s.thread.refreshed = w.s.thread.asked // the card shows what there is to show
	}
	var due *time.Time
	if !at.IsZero() {
		due = &at
	}
	if err := w.save(ctx, due); err != nil {
		return err
	}
	w.settled(at)
	w.refusedBefore(w.s.thread.Refused)
	return nil
}

// note records the thread while work on it goes on: whoever finds it goes on at once.
func (w *worker) note(ctx context.Context) error {
	at := time.Time{}
	return w.save(ctx, &at)
}

func (w *worker) save(ctx context.Context, due *time.Time) error {
	stored, err := w.s.thread.encode(w.s.imp, w.followers, due)
	if err != nil {
		return err
	}
	if err := w.Store.SaveThread(ctx, w.lead.Epoch, stored); err != nil {
		return fmt.Errorf("noting what is shown: %w", err)
	}
	return nil
}
