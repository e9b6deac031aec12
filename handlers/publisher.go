package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	Board   *imports.Board
	Slack   Slack
	Signal  *imports.Signal
	Clock   imports.Clock // nil: the machine's
	Log     logrus.FieldLogger
}

// Publisher shows imports in Slack. It is a reconciler: it reads which imports are ahead of what is shown of them, does
// the next thing about each, and notes it. However many changes came while Slack was away or busy, what is shown after
// is the last one.
//
// One process runs it, the one that leads. Work that fails is tried again, after a minute at most; it is dropped never.
type Publisher struct {
	PublisherConfig
	gather gather

	leads     chan struct{} // closed when the first epoch is known
	leadsOnce sync.Once

	mu      sync.Mutex
	epoch   imports.Epoch
	started time.Time
	jobs    map[string]*job
}

// job is the work on one import, as far as memory holds it.
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
	failing              time.Time // since when its work fails; zero while it does not
	lastError            string
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
	cfg.Servers = append([]Server(nil), cfg.Servers...)
	for i := range cfg.Servers {
		cfg.Servers[i].defaults()
	}
	return &Publisher{
		PublisherConfig: cfg,
		gather:          gather{cfg.Store, cfg.Board, cfg.Slack, cfg.Clock.Now},
		leads:           make(chan struct{}),
		jobs:            make(map[string]*job),
	}, nil
}

// Run shows what is to be shown until ctx ends, and returns nil then. It returns imports.ErrNotLeader when another
// process leads: what can't be recorded is not sent.
func (p *Publisher) Run(ctx context.Context, epoch imports.Epoch) error {
	p.lead(epoch)
	changed, unsubscribe := p.Signal.Subscribe()
	defer unsubscribe()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	defer workers.Wait()
	slots, ended := make(chan struct{}, publishers), make(chan struct{}, 1)
	for {
		next := p.dispatch(ctx, func(id string) {
			workers.Go(func() {
				defer p.rest(id, ended)
				select {
				case slots <- struct{}{}:
					defer func() { <-slots }()
				case <-ctx.Done():
					return
				}
				if err := p.work(ctx, id, imports.Import{}); errors.Is(err, imports.ErrNotLeader) {
					cancel(err)
				}
			})
		})
		timer, stop := p.Clock.Until(p.Clock.Now().Add(next))
		select {
		case <-ctx.Done():
			stop()
			if err := context.Cause(ctx); errors.Is(err, imports.ErrNotLeader) {
				return err
			}
			return nil
		case <-changed:
		case <-ended:
		case <-timer:
		}
		stop()
	}
}

// lead takes the epoch, and lets waiting announcements go on.
func (p *Publisher) lead(epoch imports.Epoch) {
	p.mu.Lock()
	p.epoch, p.started = epoch, p.Clock.Now()
	p.mu.Unlock()
	p.leadsOnce.Do(func() { close(p.leads) })
}

// dispatch hands out what is due and not under way, and says how long until more may be.
func (p *Publisher) dispatch(ctx context.Context, do func(id string)) time.Duration {
	ids, err := p.Store.Unpublished(ctx, batch)
	if err != nil {
		if ctx.Err() == nil {
			p.Log.WithError(err).Error("What there is to show could not be read")
		}
		return time.Second
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	next, now := publishPoll, p.Clock.Now()
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
	// Waiting is how many imports have something left to be shown, Failing how many of them because of errors.
	Waiting, Failing int
	// Since is when the oldest of the failing ones began to fail, and Reason its last error.
	Since  time.Time
	Reason string
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
		if j.failing.IsZero() {
			continue
		}
		b.Failing++
		if b.Since.IsZero() || j.failing.Before(b.Since) {
			b.Since, b.Reason = j.failing, j.lastError
		}
	}
	return b
}

// Announce puts up the card of an import that is about to be started; it implements imports.Announcer. nil: it stands.
// imports.ErrNoCard, with Slack's word for it, where the channel takes none.
func (p *Publisher) Announce(ctx context.Context, imp imports.Import) error {
	select {
	case <-p.leads:
	case <-ctx.Done():
		return ctx.Err()
	}
	return p.work(ctx, imp.ID, imp)
}

// work does what is to be done about one import, until nothing is left or the rest has to wait. With an import to
// announce, it puts up its card.
func (p *Publisher) work(ctx context.Context, id string, announce imports.Import) error {
	p.mu.Lock()
	j := p.job(id)
	epoch, started := p.epoch, p.started
	p.mu.Unlock()
	select {
	case j.turn <- struct{}{}:
		defer func() { <-j.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	w := worker{Publisher: p, job: j, epoch: epoch, log: p.Log.WithField("import", id)}
	w.s.started = started
	var err error
	if announce.ID != "" {
		w.s.announcing = true
		err = w.announce(ctx, announce)
	} else {
		err = w.run(ctx, id)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, imports.ErrNotLeader) {
		w.log.WithError(err).Warn("Showing an import did not succeed; it is tried again")
	}
	return err
}

// worker works on one import, alone.
type worker struct {
	*Publisher
	*job
	epoch     imports.Epoch
	s         situation
	followers int // as the store has them
	log       *logrus.Entry
}

// run reconciles. An error that is returned kept it from even noting the state: the store did not answer.
func (w *worker) run(ctx context.Context, id string) error {
	imp, err := w.Store.Import(ctx, id)
	if err == nil {
		err = w.load(ctx, imp)
	}
	for err == nil {
		if ctx.Err() != nil {
			return ctx.Err()
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
	if errors.Is(err, imports.ErrNotLeader) || ctx.Err() != nil {
		return err
	}
	w.failed(&w.rests, &w.failsStore, err)
	w.setDue(w.rests)
	return err
}

// refresh brings the situation up to the moment.
func (w *worker) refresh() {
	w.s.now = w.Clock.Now()
	w.mu.Lock()
	w.s.holdPost, w.s.holdEdit = w.holdPost, w.holdEdit
	w.mu.Unlock()
}

// load reads what is shown.
func (w *worker) load(ctx context.Context, imp imports.Import) error {
	stored, err := w.Store.Thread(ctx, imp.ID)
	if err != nil {
		return fmt.Errorf("reading the thread: %w", err)
	}
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
	return nil
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
	var due *time.Time
	if !at.IsZero() {
		due = &at
	}
	if err := w.save(ctx, due); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due, w.rests, w.failsStore = at, time.Time{}, 0
	if at.IsZero() {
		w.recovered()
	}
	return nil
}

func (w *worker) setDue(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = at
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
	if err := w.Store.SaveThread(ctx, w.epoch, stored); err != nil {
		return fmt.Errorf("noting what is shown: %w", err)
	}
	return nil
}

// noteSurely records what Slack has done. As long as that is not recorded nothing else may be done about this import:
// it would be done twice. So this only ends a little after the context, or when another process leads.
func (w *worker) noteSurely(ctx context.Context) error {
	ctx, cancel := outlive(ctx, noteWithin)
	defer cancel()
	for tries := 0; ; tries++ {
		err := w.note(ctx)
		if err == nil || errors.Is(err, imports.ErrNotLeader) || errors.Is(err, imports.ErrNotFound) || ctx.Err() != nil {
			return err
		}
		w.failed(nil, nil, err)
		w.log.WithError(err).Error("What was posted could not be noted; nothing else is done about this import before it is")
		timer, stop := w.Clock.Until(w.Clock.Now().Add(backoff(tries)))
		select {
		case <-timer:
		case <-ctx.Done():
		}
		stop()
	}
}

// outlive returns a context that ends a little after ctx, and after longest at the latest.
func outlive(ctx context.Context, longest time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(drainWithin, cancel)
		context.AfterFunc(late, func() { timer.Stop() })
	})
	return late, func() { stop(); cancel() }
}

// failed notes a failure, and holds back what failed for a while.
func (w *worker) failed(hold *time.Time, fails *int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.Clock.Now()
	if w.failing.IsZero() {
		w.failing = now
	}
	w.lastError = err.Error()
	if hold != nil {
		*hold = now.Add(backoff(*fails))
		*fails++
	}
}

// went notes a success.
func (w *worker) went(fails *int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*fails = 0
	if w.failsPost == 0 && w.failsEdit == 0 {
		w.recovered()
	}
}

// recovered forgets that work failed; w.mu is held.
func (w *worker) recovered() { w.failing, w.lastError = time.Time{}, "" }

// backoff doubles from a second to a minute.
func backoff(fails int) time.Duration {
	if fails > 6 {
		return longestBackoff
	}
	return min(time.Second<<fails, longestBackoff)
}
