package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// alertPrefix begins the ids of the jobs, and of the notices, of alerts. The alert's ID is the rest.
const alertPrefix = "alert:"

const (
	// carriedPoll is how often it is looked whether the end notice that tells an alert is there.
	carriedPoll = time.Second
	// mutedPoll is how often it is looked whether a server is still muted.
	mutedPoll = 5 * time.Second
)

// alertRecord is what is noted of an alert.
type alertRecord struct {
	// Alert is what it was when it was worked on last: it is not kept with its server for ever.
	Alert imports.Alert
	// Rounds are the times it was so: one, and one more for each time it came again.
	Rounds []alertRound
	// Refused is when the channel last refused a message, zero after it took one.
	Refused time.Time
}

// alertRound is one time that it was so, and what was said of it.
type alertRound struct {
	Reopened int
	// Told is the alert; of a later round, the line in its thread. Where the alert is told by another message (the end notice
	// of its import, or what is said after an absence) it is the root of that one's thread.
	Told Post
	// Carried says that another message tells it.
	Carried bool `json:",omitempty"`
	// Over is the recovery, in the thread.
	Over Post
	// Direct is the alert for the person it mentions, where the channel refuses it, and OverDirect that it is over.
	Direct, OverDirect Post
	// Sent and SentOver count how often they were sent, with what Slack may have taken.
	Sent, SentOver int
}

// settledAlert is how an alert stood when nothing was left to do about it.
type settledAlert struct {
	over     time.Time
	reopened int
}

func stateOf(a imports.Alert) settledAlert { return settledAlert{a.OverAt, a.Reopened} }

// unsettledAlerts are the jobs of the alerts that are ahead of what was said of them.
func (p *Publisher) unsettledAlerts() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []string
	for _, srv := range p.Servers {
		known, _ := p.Board.Server(srv.Name)
		for _, a := range known.Alerts {
			id := alertPrefix + a.ID
			settled, ok := p.settledAlerts[id]
			if (!ok || settled != stateOf(a)) && p.waitsNoMore(id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// alertChannel is where a server's alerts go.
func (srv Server) alertChannel() string {
	if srv.AlertChannel != "" {
		return srv.AlertChannel
	}
	return srv.Channel
}

// tellAlert does what is to be done about an alert.
func (p *Publisher) tellAlert(ctx context.Context, id string) error {
	return p.alone(ctx, id, p.Log.WithField("alert", strings.TrimPrefix(id, alertPrefix)), func(c courier) error {
		b := &bell{jotter: jotter{courier: c, notice: imports.Notice{ID: id, Kind: kindAlert}}}
		b.body, b.courier.record = &b.told, b.note
		if err := b.run(ctx); err != nil {
			return b.rested(ctx, err)
		}
		return nil
	})
}

// bell tells of one alert.
type bell struct {
	jotter
	told   alertRecord
	server Server
	alert  imports.Alert
	// muted is until when nothing new is said; zero where it may be.
	muted time.Time
	// carrier is the message that tells the alert in its stead.
	carrier carrier
}

// carrier is another message that tells an alert.
type carrier struct {
	wait bool // it may come, and is not there yet
	told bool // it does
	root Post // the root of its thread
}

// run reconciles.
func (b *bell) run(ctx context.Context) error {
	known, err := b.load(ctx)
	if err != nil {
		return err
	}
	if !known {
		return b.forget(ctx)
	}
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := b.lead.Check(); err != nil {
			return err
		}
		st := b.situation().next()
		if st.do == bellNothing || st.at.After(b.Clock.Now()) {
			return b.rest(ctx, st)
		}
		if err := b.do(ctx, st.do); err != nil {
			return err
		}
	}
}

// load reads the alert and what was said of it. known is false where neither its server nor a record has it.
func (b *bell) load(ctx context.Context) (known bool, err error) {
	found, err := b.read(ctx)
	if err != nil {
		return false, err
	}
	id := strings.TrimPrefix(b.notice.ID, alertPrefix)
	for _, srv := range b.Servers {
		state, err := b.Store.Server(ctx, srv.Name)
		if err != nil {
			return false, fmt.Errorf("reading the alerts of %s: %w", srv.Name, err)
		}
		i := slices.IndexFunc(state.Alerts, func(a imports.Alert) bool { return a.ID == id })
		if i < 0 {
			continue
		}
		b.server, b.alert = srv, state.Alerts[i]
		b.told.Alert, b.notice.Server = b.alert, srv.Name
		b.begin()
		return true, b.learn(ctx)
	}
	if !found {
		return false, nil
	}
	return false, nil
}

// begin makes sure that there is a round for the alert as it stands.
func (b *bell) begin() {
	last := len(b.told.Rounds) - 1
	switch {
	case last < 0:
		b.told.Rounds = []alertRound{{Reopened: b.alert.Reopened}}
	case b.told.Rounds[last].Reopened == b.alert.Reopened:
	case !b.told.Rounds[last].Told.over(), b.told.Rounds[last].Told.State == Sent && b.told.Rounds[last].Over.State == Pending:
		b.told.Rounds[last].Reopened = b.alert.Reopened // nobody was told that it had been over
	default:
		b.told.Rounds = append(b.told.Rounds, alertRound{Reopened: b.alert.Reopened})
	}
}

// learn finds out what else decides: whether the server is muted, and whether another message tells the alert.
func (b *bell) learn(ctx context.Context) error {
	mutes, err := b.Store.Mutes(ctx)
	if err != nil {
		return fmt.Errorf("reading what is muted: %w", err)
	}
	b.muted = time.Time{}
	if m := muteOf(mutes, b.server.Name, b.Clock.Now()); m != nil {
		b.muted = m.Until
	}
	b.carrier = carrier{}
	if b.alert.Kind != imports.AlertFailed || b.told.Rounds[0].Told.State != Pending {
		return nil
	}
	b.carrier, err = b.carriedBy(ctx)
	return err
}

// carriedBy finds the message that tells a failed import in the channel of the alert.
func (b *bell) carriedBy(ctx context.Context) (carrier, error) {
	imp, err := b.Store.Import(ctx, b.alert.ImportID)
	if errors.Is(err, imports.ErrNotFound) {
		return carrier{}, nil
	}
	if err != nil {
		return carrier{}, fmt.Errorf("reading the import of an alert: %w", err)
	}
	w := &worker{courier: b.courier}
	if err := w.load(ctx, imp); err != nil {
		return carrier{}, err
	}
	w.refresh()
	s := w.s
	switch {
	case s.channel() != b.server.alertChannel():
		return carrier{}, nil
	case s.told && b.server.AlertMention != "":
		return carrier{}, nil // what is said after an absence calls for nobody
	case s.told:
		return b.toldAway(ctx, imp)
	case !s.undecided.IsZero():
		return carrier{wait: true}, nil
	case !s.announced() || !s.sent() || s.thread.Finished.State == GivenUp || s.refuses() || s.abandoned():
		return carrier{}, nil
	case s.thread.Finished.State != Sent:
		return carrier{wait: true}, nil
	case !s.thread.Alerted:
		return carrier{}, nil
	}
	root := s.thread.Card
	if root.State != Sent || s.thread.CardGone {
		root = s.thread.Finished
	}
	return carrier{told: true, root: root}, nil
}

// toldAway is what was said after an absence, where that tells of the import.
func (b *bell) toldAway(ctx context.Context, imp imports.Import) (carrier, error) {
	r, _, err := readRecord(ctx, b.Store, b.server.Channel)
	if err != nil {
		return carrier{}, err
	}
	i := slices.IndexFunc(r.Absences, func(a absence) bool { return a.tells(imp) })
	if i < 0 || r.Absences[i].Post.State == GivenUp {
		return carrier{}, nil
	}
	post := r.Absences[i].Post
	return carrier{wait: post.State != Sent, told: post.State == Sent, root: post}, nil
}

// forget ends the work on an alert that is not kept any more: it was over long ago, or its server is not configured.
func (b *bell) forget(ctx context.Context) error {
	if len(b.stored.Body) == 0 {
		b.setDue(time.Time{}) // it is about to be stored
		return nil
	}
	return b.settle(ctx, true, time.Time{})
}

// bellStep is what is to be done next about an alert.
type bellStep struct {
	do bellDo
	at time.Time
	// last says that nothing is left to do until the alert changes.
	last bool
}

type bellDo int

const (
	bellNothing    bellDo = iota
	bellTell              // post the alert, or the line that it is so again
	bellCarried           // note that another message tells it
	bellDirect            // send it to the person it mentions
	bellOver              // post the recovery
	bellOverDirect        // send it to the person it mentioned
)

// bellSituation is all that decides what is to be done next about an alert.
type bellSituation struct {
	alert   imports.Alert
	round   alertRound
	first   bool // no round before it
	muted   time.Time
	carrier carrier
	person  bool // whom it mentions can be sent a direct message
	now     time.Time
	// holdTell, holdDirect and holdOver are until when the messages wait for Slack; refused is when the channel last refused one.
	holdTell, holdDirect, holdOver time.Time
	refused                        time.Time
}

// next is pure: what to do is the same for whoever finds the record.
func (s bellSituation) next() bellStep {
	told := s.round.Told
	switch {
	case told.State == Sent:
		return s.recovery()
	case !s.alert.Open() && s.round.Direct.State == Sent && !s.round.OverDirect.over():
		return bellStep{do: bellOverDirect, at: s.holdOver}
	case told.State == GivenUp, s.abandoned():
		return bellStep{last: true}
	case told.State == Pending && s.carrier.told:
		return bellStep{do: bellCarried} // over by now or not: what was told has a recovery
	case told.State == Pending && s.carrier.wait:
		return bellStep{at: s.now.Add(carriedPoll)}
	case told.State == Pending && !s.alert.Open():
		return bellStep{last: true} // it was over before anybody was told
	case told.State == Pending && s.muted.After(s.now):
		return bellStep{at: earliest(s.muted, s.now.Add(mutedPoll))}
	case (!s.refused.IsZero() || told.unheard()) && s.person && !s.round.Direct.over() && (!s.holdDirect.After(s.now) || s.holdDirect.Before(s.holdTell)):
		return bellStep{do: bellDirect, at: s.holdDirect}
	}
	return bellStep{do: bellTell, at: s.holdTell}
}

// recovery is what is left once the alert was told.
func (s bellSituation) recovery() bellStep {
	if s.alert.Open() && s.round.Over.State == Pending || s.round.Over.over() || s.abandoned() {
		return bellStep{last: true}
	}
	return bellStep{do: bellOver, at: s.holdOver}
}

// abandoned says that a channel which refuses won't be tried any more.
func (s bellSituation) abandoned() bool {
	return !s.refused.IsZero() && !s.alert.Open() && s.now.Sub(s.alert.OverAt) > refusedAtMost
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (b *bell) round() *alertRound { return &b.told.Rounds[len(b.told.Rounds)-1] }

func (b *bell) situation() bellSituation {
	r := *b.round()
	return bellSituation{
		alert: b.alert, round: r, first: len(b.told.Rounds) == 1, muted: b.muted, carrier: b.carrier,
		person: isUser(b.server.AlertMention), now: b.Clock.Now(), refused: b.told.Refused,
		holdTell: b.held(r.Told, b.told.Refused), holdDirect: b.held(r.Direct, time.Time{}), holdOver: b.held(r.Over, b.told.Refused),
	}
}

func isUser(id string) bool { return strings.HasPrefix(id, "U") || strings.HasPrefix(id, "W") }

// rest notes that nothing is left to do now.
func (b *bell) rest(ctx context.Context, st bellStep) error {
	done := st.last && !b.alert.Open()
	if st.last && b.round().Told.State == Pending && len(b.told.Rounds) == 1 && len(b.stored.Body) == 0 {
		b.settled(time.Time{}) // nobody was told, and nothing is to be kept
	} else if err := b.settle(ctx, done, st.at); err != nil {
		return err
	}
	b.refusedBefore(b.told.Refused)
	if st.last {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.settledAlerts[b.notice.ID] = stateOf(b.alert)
	}
	return nil
}

func (b *bell) do(ctx context.Context, do bellDo) error {
	r := b.round()
	if do == bellCarried {
		r.Carried = true
		r.Told = Post{State: Sent, Channel: b.carrier.root.Channel, TS: b.carrier.root.TS, At: b.Clock.Now()}
		return b.noteSurely(ctx)
	}
	s, err := b.scene(ctx)
	if err != nil {
		return err
	}
	root := b.told.Rounds[0].Told
	switch do {
	case bellTell:
		m := say{post: &r.Told, sent: &r.Sent, refused: &b.told.Refused, message: alertMessage(s), channel: b.server.alertChannel(), kind: kindAlert}
		if len(b.told.Rounds) > 1 && root.State == Sent {
			m.message, m.channel, m.thread = b.numbered(reopenedMessage(s)), root.Channel, root.TS
		}
		return b.inThread(ctx, m)
	case bellOver:
		return b.inThread(ctx, say{
			post: &r.Over, sent: &r.SentOver, refused: &b.told.Refused, message: b.numbered(recoveredMessage(s)),
			channel: root.Channel, thread: root.TS, kind: kindRecovered,
		})
	case bellDirect:
		return b.toPerson(ctx, &r.Direct, alertMessage(s), kindAlert)
	case bellOverDirect:
		return b.toPerson(ctx, &r.OverDirect, recoveredMessage(s), kindRecovered)
	}
	return nil
}

// numbered tells the messages of later rounds apart from those of the rounds before, where Slack's history is searched for one.
func (b *bell) numbered(m bot.Message) bot.Message {
	if n := len(b.told.Rounds) - 1; n > 0 {
		m.Metadata.Payload["again"] = strconv.Itoa(n)
	}
	return m
}

// toPerson sends a direct message to whom the alert mentions. Where Slack won't have it, there is no other way left.
func (b *bell) toPerson(ctx context.Context, post *Post, m bot.Message, kind string) error {
	refusal, err := b.deliver(ctx, delivery{post: post, message: m, channel: b.server.AlertMention, kind: kind, keep: func() {}})
	if errors.Is(refusal, bot.ErrChannel) || errors.Is(refusal, bot.ErrNoScope) || errors.Is(refusal, bot.ErrMessageGone) {
		post.State = GivenUp
	}
	return err
}

// inThread posts a message; one whose thread is gone has nowhere to go.
func (b *bell) inThread(ctx context.Context, s say) error {
	refusal, err := b.post(ctx, s)
	if err == nil && s.thread != "" && errors.Is(refusal, bot.ErrMessageGone) {
		s.post.State = GivenUp
		err = b.noteSurely(ctx)
	}
	return err
}

// scene collects what the message is written from.
func (b *bell) scene(ctx context.Context) (s alertScene, err error) {
	s = alertScene{now: b.Clock.Now(), server: b.server, alert: b.alert, command: b.Command}
	s.unmuted = b.muteEnded(ctx)
	if s.known, err = b.Store.Server(ctx, b.server.Name); err != nil {
		return s, fmt.Errorf("reading what is known of %s: %w", b.server.Name, err)
	}
	if s.imp, err = b.found(ctx, b.alert.ImportID); err != nil {
		return s, err
	}
	types := []bigfix.ImportType{bigfix.TypeComplete}
	if s.imp != nil && s.imp.Type != bigfix.TypeComplete {
		types = append(types, s.imp.Type)
	}
	if s.recent, err = b.gather.recent(ctx, b.server.Name, types...); err != nil {
		return s, fmt.Errorf("reading the imports of %s: %w", b.server.Name, err)
	}
	if s.ended, err = b.found(ctx, b.alert.EndedBy); err != nil {
		return s, err
	}
	if s.imp != nil {
		s.card, err = b.gather.card(ctx, s.imp.ID)
	}
	return s, err
}

// muteEnded says whether the alert was raised while a mute held that is over by now.
func (b *bell) muteEnded(ctx context.Context) bool {
	mutes, err := b.Store.Mutes(ctx)
	return err == nil && slices.ContainsFunc(mutes, func(m imports.Mute) bool {
		return m.Server == b.server.Name && !b.alert.RaisedAt.Before(m.Since) && b.alert.RaisedAt.Before(m.Until)
	})
}

// found is an import; nil where there is none, or it is not kept any more.
func (b *bell) found(ctx context.Context, id string) (*imports.Import, error) {
	if id == "" {
		return nil, nil
	}
	imp, err := b.Store.Import(ctx, id)
	if errors.Is(err, imports.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the import of an alert: %w", err)
	}
	return &imp, nil
}
