package imports

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/bigfix"
)

const (
	// storePoll is the slow look at the store behind the Signal.
	storePoll = 10 * time.Second
	// quick is how long after its beginning an import is looked at three times as often.
	quick = 2 * time.Minute
	// remembered is how many imports that are over the judge gets to see, to know an end that was told already, and what
	// is usual.
	remembered = 60
)

// watcher is the loop of one server. Nothing else looks at it, starts on it or records it.
type watcher struct {
	e    *Engine
	cfg  ServerConfig
	lead Lead
	log  logrus.FieldLogger

	srv    Server
	active []Import // not ended, oldest first, at least as new as what is stored
	recent []Import // over lately, newest first

	unsaved []Import // judged, and not stored yet
	dirty   bool     // so is srv
	news    bool     // among what is not stored there is something that people see
	events  []happened
	alarms  []Alert // raised or over, and not stored yet

	loaded   bool // what was known before is known to memory
	looked   bool // at least once
	store    backoff
	storeAt  time.Time // the store failed: not tried again before
	nextLook time.Time
	attempts map[string]*attempt // of the intents that are being started
}

// happened is an event that is told once it is stored.
type happened struct {
	imp   Import
	event Event
}

func newWatcher(e *Engine, cfg ServerConfig, lead Lead) *watcher {
	cfg.Rules = cfg.Rules.withDefaults()
	cfg.Rules.OneKind = cfg.Rules.OneKind || cfg.Edition == bigfix.ILMT
	return &watcher{
		e: e, cfg: cfg, lead: lead, log: e.cfg.Log.WithField("server", cfg.Name),
		srv: Server{Name: cfg.Name}, attempts: make(map[string]*attempt),
	}
}

// run steps until ctx ends (nil) or the lead is lost (ErrNotLeader).
func (w *watcher) run(ctx context.Context) error {
	changed, cancel := w.e.cfg.Signal.Subscribe()
	defer cancel()
	for {
		if err := w.step(ctx); errors.Is(err, ErrNotLeader) {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		c, stop := w.e.cfg.Clock.Until(w.due())
		select {
		case <-ctx.Done():
		case <-changed:
		case <-c:
		}
		stop()
	}
}

// step does what is due. The only error that ends the loop is ErrNotLeader; what else fails was noted, and is due
// again later.
func (w *watcher) step(ctx context.Context) error {
	if err := w.lead.Check(); err != nil {
		return err
	}
	if err := w.sync(ctx); err != nil {
		return err
	}
	if !w.loaded {
		return nil // without what was known before, a look would have nothing to be compared with
	}
	if err := w.expire(ctx); err != nil {
		return err
	}
	if err := w.expireWaiting(ctx); err != nil {
		return err
	}
	if w.lookDue() {
		if err := w.look(ctx); err != nil {
			return err
		}
	}
	if err := w.release(ctx); err != nil {
		return err
	}
	if err := w.start(ctx); err != nil {
		return err
	}
	w.post()
	return nil
}

// now is the time on the wall. The monotonic clock of a machine that was suspended leaves that time out, and a gap in
// what was seen would not be noticed.
func (w *watcher) now() time.Time { return w.e.cfg.Clock.Now().UTC().Round(0) }

// waits says whether a point in time that was set not longer ago than atMost before it is still to come. One that is
// further away was set before the clock on the wall was put back, and counts as passed.
func (w *watcher) waits(until time.Time, atMost time.Duration) bool {
	left := until.Sub(w.now())
	return left > 0 && left <= atMost
}

// lookDue says that it is time to look.
func (w *watcher) lookDue() bool { return !w.waits(w.nextLook, w.slowest()) }

// slowest is the longest time there is between two looks.
func (w *watcher) slowest() time.Duration {
	return max(w.cfg.Rules.PollIdle, w.cfg.Rules.PollRunning)
}

// due is when the next thing is: a look, another try, or the slow look at the store.
func (w *watcher) due() time.Time {
	now := w.now()
	next := now.Add(storePoll)
	earlier := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	if w.loaded {
		earlier(w.nextLook)
	}
	if w.storeRests() {
		earlier(w.storeAt)
	}
	for _, a := range w.attempts {
		if a.next.After(now) {
			earlier(a.next)
		}
	}
	return next
}

// sync brings memory and store together: what the store lacks goes there, what it has beyond memory (new intents, new
// followers) comes here.
func (w *watcher) sync(ctx context.Context) error {
	if w.storeRests() {
		return nil
	}
	if w.dirty || len(w.unsaved) > 0 {
		if err := w.save(ctx); err != nil {
			return w.leaderOnly(err)
		}
	}
	err := w.read(ctx)
	w.noteStore(ctx, err)
	return w.leaderOnly(err)
}

// leaderOnly keeps ErrNotLeader and drops everything else, which was noted where it came up.
func (w *watcher) leaderOnly(err error) error {
	if errors.Is(err, ErrNotLeader) {
		return err
	}
	return nil
}

// noteStore notes how a call of the store went; after a failure the store has its peace for a while.
func (w *watcher) noteStore(ctx context.Context, err error) {
	if errors.Is(err, ErrNotLeader) || ctx.Err() != nil {
		return
	}
	w.e.storeTrouble(w.cfg.Name+": using the database", err)
	w.store.note(err)
	w.storeAt = time.Time{}
	if err != nil {
		w.storeAt = w.now().Add(w.store.delay())
	}
}

// storeRests says that the store failed a moment ago and is left alone.
func (w *watcher) storeRests() bool { return w.waits(w.storeAt, backoffMax) }

// read takes over what is stored, the first time all of it.
func (w *watcher) read(ctx context.Context) error {
	if !w.loaded {
		srv, err := w.e.cfg.Store.Server(ctx, w.cfg.Name)
		if err != nil {
			return err
		}
		recent, err := w.e.recall(ctx, w.cfg.Name)
		if err != nil {
			return err
		}
		w.srv, w.recent = srv, recent
	}
	stored, err := w.e.cfg.Store.Active(ctx, w.cfg.Name)
	if err != nil {
		return err
	}
	w.merge(stored)
	if !w.loaded {
		w.adopt()
		w.loaded, w.nextLook = true, w.now()
	}
	return nil
}

// adopt takes over the starts that another process marked as being sent, and of which it did not record what came: that
// they may have been sent is told once, by whoever finds them first.
func (w *watcher) adopt() {
	for _, imp := range slices.Clone(w.active) {
		if imp.State == Sending && !imp.Unconfirmed {
			imp.Unconfirmed = true
			w.keep(imp, false, Event{Kind: EventSent, ImportID: imp.ID})
		}
	}
}

// merge adds stored imports that memory does not know, and what the store alone keeps to those it does. What memory
// knows is never older than what is stored: nobody else writes it, and all of it was stored just before.
func (w *watcher) merge(stored []Import) {
	w.mergeWaiting(stored)
	for _, s := range stored {
		i := slices.IndexFunc(w.active, func(a Import) bool { return a.ID == s.ID })
		if i < 0 {
			w.active = append(w.active, s)
			continue
		}
		w.active[i].Followers, w.active[i].Direct, w.active[i].AnsweredAt = s.Followers, s.Direct, s.AnsweredAt
	}
}

// look asks the server once, judges the answer, and stores what came of it.
func (w *watcher) look(ctx context.Context) error {
	asked := w.now()
	status, err := w.cfg.Client.Status(bigfix.WithFence(ctx, w.lead.Check))
	if errors.Is(err, ErrNotLeader) {
		return err // it did not leave: the new leader looks
	}
	if ctx.Err() != nil {
		return nil // cut by us: that says nothing about the server
	}
	o := Observe(Span{Asked: asked, At: w.now()}, status, err)
	w.e.cfg.OnLook(w.cfg.Name, o)
	w.judge(o)
	w.nextLook = o.At.Add(w.pace())
	if !w.looked {
		w.looked, w.news = true, true // somebody may be waiting for the first one
		w.post()
	}
	if w.storeRests() {
		return nil
	}
	return w.leaderOnly(w.save(ctx))
}

// judge works out what a look means for the imports that are under way, and whether there are new ones.
func (w *watcher) judge(o Observation) {
	w.logLook(o)
	for _, imp := range slices.Clone(w.active) {
		if imp.unsent() {
			continue // no look says anything about it
		}
		next, events := w.cfg.Rules.Next(imp, o, o.At)
		w.keep(next, next.Revision != imp.Revision, events...)
	}
	for _, imp := range w.cfg.Rules.Arrivals(w.srv, w.underWay(), w.recent, o, o.At, w.e.cfg.NewID) {
		w.keep(imp, true, arrivalEvents(imp)...)
	}
	before := w.srv
	w.srv = w.cfg.Rules.See(before, o)
	w.dirty = true
	w.news = w.news || w.srv.Absence != before.Absence // people are told of one
	w.alarm(before, o)
}

// arrivalEvents are what happened to an import that nobody started here when it is first seen.
func arrivalEvents(imp Import) []Event {
	if imp.State == Ended {
		return []Event{{Kind: EventEnded, ImportID: imp.ID}}
	}
	return []Event{{Kind: EventBegan, ImportID: imp.ID}}
}

// logLook says when a server goes out of sight and comes back; the other looks only at level debug.
func (w *watcher) logLook(o Observation) {
	switch {
	case o.Failure == nil:
		w.log.WithField("mode", o.Status.Mode).Debug("looked")
		if w.srv.Last.Failure != nil {
			w.log.WithField("since", w.srv.DownSince).Info("the server answers again")
		}
	case w.srv.Last.Failure == nil || w.srv.Last.Failure.Kind != o.Failure.Kind:
		w.log.WithFields(logrus.Fields{"kind": o.Failure.Kind, "http": o.Failure.HTTP, "reason": o.Failure.Reason}).Warn("the server was not seen")
	default:
		w.log.WithField("reason", o.Failure.Reason).Debug("the server was not seen")
	}
}

// keep takes a changed import into memory, to be stored with the next save.
func (w *watcher) keep(imp Import, news bool, events ...Event) {
	w.unsaved = put(w.unsaved, imp)
	w.news = w.news || news
	for _, ev := range events {
		w.events = append(w.events, happened{imp, ev})
	}
	if imp.State != Ended {
		w.active = put(w.active, imp)
		return
	}
	w.forget(imp.ID)
	w.active = slices.DeleteFunc(w.active, func(a Import) bool { return a.ID == imp.ID })
	if imp.Outcome != Refused && imp.Outcome != Expired {
		w.recent = slices.Insert(w.recent, 0, imp)
		w.recent = remember(w.recent)
	}
}

// put replaces the import in the list, or adds it at the end.
func put(list []Import, imp Import) []Import {
	if i := slices.IndexFunc(list, func(a Import) bool { return a.ID == imp.ID }); i >= 0 {
		list[i] = imp
		return list
	}
	return append(list, imp)
}

func idsOf(list []Import) []string {
	var ids []string
	for _, imp := range list {
		ids = append(ids, imp.ID)
	}
	return ids
}

// save stores everything that is not stored yet, and then tells who wants to know.
func (w *watcher) save(ctx context.Context) error {
	err := w.e.cfg.Store.Record(ctx, w.lead.Epoch, w.srv, w.unsaved)
	w.noteStore(ctx, err)
	if err != nil {
		return err
	}
	news, events, alarms, changed := w.news, w.events, w.alarms, idsOf(w.unsaved)
	w.unsaved, w.dirty, w.news, w.events, w.alarms = nil, false, false, nil, nil
	w.post()
	if news {
		w.e.cfg.Signal.Wake(changed...)
	}
	for _, h := range events {
		w.logEvent(h)
		w.e.cfg.OnEvent(h.imp, h.event)
	}
	for _, a := range alarms {
		w.logAlert(a)
		w.e.cfg.OnAlert(a)
	}
	return nil
}

// logEvent tells the log. Progress is for those who look for something.
func (w *watcher) logEvent(h happened) {
	level := logrus.InfoLevel
	if h.event.Kind == EventProgress {
		level = logrus.DebugLevel
	}
	fields := logrus.Fields{"import": h.imp.ID, "event": h.event.Kind, "state": h.imp.State}
	if h.imp.Outcome != "" {
		fields["outcome"] = h.imp.Outcome
	}
	w.log.WithFields(fields).Log(level, "import")
}

// post writes what is known on the board. Until the first look nobody can say how the server is: what the process before
// this one saw is in the store.
func (w *watcher) post() {
	if w.looked {
		w.e.cfg.Board.Set(w.srv, w.active)
	}
}

// underWay are the imports that may be running on the server: everything active but intents.
func (w *watcher) underWay() []Import {
	return slices.DeleteFunc(slices.Clone(w.active), Import.unsent)
}

// pace is how long after a look the next one follows.
func (w *watcher) pace() time.Duration {
	rules := w.cfg.Rules
	busy := w.underWay()
	if len(busy) == 0 || w.rejected() {
		return rules.PollIdle
	}
	for _, imp := range busy {
		if ago := w.now().Sub(firstSign(imp)); ago >= 0 && ago < quick { // before 0 our clock was put back
			return rules.PollRunning / 3
		}
	}
	return rules.PollRunning
}

// rejected says that the server took our credentials for wrong. They are not tried more often than an idle server is
// looked at, whatever else goes on.
func (w *watcher) rejected() bool {
	f := w.srv.Last.Failure
	return f != nil && f.Kind == FailUnauthorized
}

// firstSign is when an import was sent or first seen.
func firstSign(imp Import) time.Time {
	if !imp.SendingAt.IsZero() {
		return imp.SendingAt
	}
	return imp.BegunAt
}
