package handlers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
)

// decideWithin is how long a person's answer waits for the decision. An intent is sent, refused or expires within two
// minutes; what takes longer is answered by direct message.
const decideWithin = 2*time.Minute + 30*time.Second

// What an answer may take, from the decision to the note that it was given. The decision may fall while the line before
// the answer is still under way, and a replica that does not lead may hear of it late; so all of them together are over
// before the publisher takes the answer for lost (answerAfter) and says it a second time.
const (
	// hearWithin is how long after the decision it is known here where nobody says so: imports.Intake's slow look.
	hearWithin = 2 * time.Second
	// askWithin bounds the line before the answer.
	askWithin = 3 * time.Second
	// cardWithin is how long the answer waits for what it is written from: above all for the link to a card that is
	// not up yet.
	cardWithin = 3 * time.Second
	// answerWithin bounds the answer itself, by response_url.
	answerWithin = 6 * time.Second
	// noteAnswerWithin bounds noting that an answer was given. It is done even when the process has to end.
	noteAnswerWithin = 2 * time.Second
)

// membersWithin is how long a start waits for the first word of who belongs to the groups, just after the process began.
const membersWithin = 5 * time.Second

// start takes the wish for an import that somebody typed: who may not, or asks for what can't be, is told so at once, and
// what would be in the way of the next scheduled import is asked about once more.
func (h *Handlers) start(ctx context.Context, c *call, word string, t bigfix.ImportType, args []string) error {
	args, after := takeAfter(args)
	srv, no := h.startServer(c, word, args)
	if no != nil {
		return c.Answer(ctx, *no)
	}
	c.entry.Server = srv.Name
	if no := h.mayStart(ctx, c, srv, t); no != nil {
		return c.Answer(ctx, *no)
	}
	if after {
		return h.startAfter(ctx, c, srv, t)
	}
	if ask, m := h.ask(ctx, c, srv, t, toldNothing); ask {
		return c.Answer(ctx, m)
	}
	return h.accept(ctx, c, srv, t, c.ID)
}

// accept stores a wish, says so in a line that the answer replaces, and lets that follow once the leader has decided. Where
// the line would stay for ever, beside the answer, there is none; nor where the wish came before, for Slack allows five words
// behind one command, however often it delivers that. A press that came before needs no answer of its own: the one that came
// first has it.
func (h *Handlers) accept(ctx context.Context, c *call, srv Server, t bigfix.ImportType, key string) error {
	c.Ack() // the answer comes by response_url: storing and deciding take longer than an ack may
	imp, created, err := h.Intake.Start(ctx, imports.Wish{
		Server: srv.Name, Type: t, UserID: c.UserID, ChannelID: c.ChannelID, Key: key,
	})
	if err != nil {
		return h.notAccepted(ctx, c, srv, err)
	}
	why, said := "", "A start was accepted"
	if !created {
		why, said = whyRepeated, "A start was accepted before; it was asked for again"
	}
	c.accepted(imp, why)
	h.Log.WithFields(map[string]any{"server": srv.Name, "import": imp.ID, "type": t, "user": c.UserID, "channel": c.ChannelID}).
		Info(said)
	if !created && c.Kind == bot.Action {
		return nil
	}
	if !imp.AnsweredAt.IsZero() { // only one that came before can be
		return c.Answer(ctx, h.answeredMessage(srv, imp))
	}
	line := created && !c.standsAlone()
	if line {
		if err := h.say(ctx, c, h.askingMessage(srv), askWithin); err != nil {
			h.Log.WithError(err).WithField("import", imp.ID).Warn("The line before the answer could not be sent")
		}
	}
	h.replies.do(func(ctx context.Context) { h.decide(ctx, c, srv, imp.ID, line) })
	return nil
}

// notAccepted tells a person that their wish does not count, or may not.
func (h *Handlers) notAccepted(ctx context.Context, c *call, srv Server, err error) error {
	log := h.Log.WithError(err).WithField("server", srv.Name)
	if errors.Is(err, imports.ErrUnsure) {
		log.Error("The database did not say whether it took a start")
		c.fail(whyUnsure)
		return c.Answer(ctx, h.unsureMessage(srv))
	}
	log.Error("A start was refused: it could not be stored")
	c.refuse(whyStore)
	return c.Answer(ctx, h.notStoredMessage(srv))
}

// may says whether who asks may start imports. Where that hangs on a group that Slack is just being asked about for the
// first time, it waits for that.
func (h *Handlers) may(ctx context.Context, r *bot.Request, srv Server) (may, sure bool) {
	may, sure = h.Operators.May(srv, r.UserID)
	if may || sure || h.Operators.asked() {
		return may, sure
	}
	r.Ack()
	ctx, cancel := context.WithTimeout(ctx, membersWithin)
	defer cancel()
	h.Operators.awaitAsked(ctx)
	return h.Operators.May(srv, r.UserID)
}

// startServer is the server that a start is meant for. It is never guessed.
func (h *Handlers) startServer(c *call, word string, args []string) (Server, *bot.Message) {
	var m bot.Message
	switch {
	case len(args) > 1:
		c.refuse(whyTooManyWords)
		m = h.tooManyMessage(word, args)
	case len(args) == 1:
		srv, ok := h.server(args[0])
		if ok {
			return srv, nil
		}
		c.refuse(whyUnknownServer)
		m = h.unknownServerMessage(args[0], word)
	default:
		srv, ok := h.only(c.ChannelID)
		if ok {
			return srv, nil
		}
		c.refuse(whyWhichServer)
		m = h.whichMessage(word)
	}
	return Server{}, &m
}

// say answers within a time.
func (h *Handlers) say(ctx context.Context, c *call, m bot.Message, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return c.Answer(ctx, m)
}

// decide waits for the decision and answers. What goes wrong here is made good by the publisher: an import whose person
// is not noted as answered is answered by direct message. line says whether there is a line whose place the answer takes.
func (h *Handlers) decide(ctx context.Context, c *call, srv Server, id string, line bool) {
	log := h.Log.WithField("import", id)
	await, cancel := context.WithTimeout(ctx, h.patience)
	defer cancel()
	imp, err := h.Intake.Await(await, id)
	if err == nil {
		err = h.tell(ctx, c, srv, imp)
	}
	switch {
	case errors.Is(err, errAnswered) && !line:
		return
	case errors.Is(err, errAnswered):
		if err := h.say(ctx, c, h.answeredMessage(srv, imp), answerWithin); err != nil {
			log.WithError(err).Debug("The line before an answer that another process gave stays")
		}
		return
	case errors.Is(err, context.DeadlineExceeded) && await.Err() != nil:
		log.Warn("Nobody has decided about a start; the answer is left to a direct message")
		if err := h.say(ctx, c, h.undecidedMessage(srv, imp), answerWithin); err != nil {
			log.WithError(err).Debug("The line before an answer that is still to come stays")
		}
		return
	case err != nil:
		log.WithError(err).Warn("The answer to a start is left to a direct message")
		return
	}
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteAnswerWithin)
	defer cancel()
	if err := h.Store.Answered(noting, id, h.Now()); err != nil {
		log.WithError(err).Warn("That a start was answered could not be noted; the answer may come a second time")
	}
}

// errAnswered: the person has the answer, by another replica or by direct message.
var errAnswered = errors.New("answered already")

// tell gives the answer, unless somebody else did. All of it has one time, which is over before the publisher would
// answer instead: a process that stood still meanwhile finds it over when it goes on, and says nothing.
func (h *Handlers) tell(ctx context.Context, c *call, srv Server, imp imports.Import) error {
	ctx, cancel := context.WithTimeout(ctx, cardWithin+answerWithin)
	defer cancel()
	answered, err := h.answer(ctx, srv, imp)
	if err != nil {
		return err
	}
	if imp, err = h.Store.Import(ctx, imp.ID); err != nil {
		return fmt.Errorf("reading whether it was answered: %w", err)
	}
	if !imp.AnsweredAt.IsZero() {
		return errAnswered
	}
	return h.say(ctx, c, answered.message(), answerWithin)
}

// answer gathers what the answer is written from.
func (h *Handlers) answer(ctx context.Context, srv Server, imp imports.Import) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, cardWithin)
	defer cancel()
	out, err := h.gather.answer(ctx, srv, imp)
	if err != nil {
		return out, err
	}
	// The card of an import that somebody joined may be on its way up. Its link is worth a moment.
	for out.other != nil && out.otherCard == "" {
		timer := time.NewTimer(cardWithin / 16)
		select {
		case <-ctx.Done():
			timer.Stop()
			return out, nil
		case <-timer.C:
			out.otherCard = h.cardLink(ctx, out.other.imp.ID)
		}
	}
	return out, nil
}

// gather collects what messages are written from.
type gather struct {
	store Store
	board *imports.Board
	slack Links
	now   func() time.Time
}

// scene is what a message about an import is written from.
func (g gather) scene(ctx context.Context, srv Server, imp imports.Import) (scene, error) {
	known, ok := g.board.Server(srv.Name)
	if !ok {
		var err error
		if known, err = g.store.Server(ctx, srv.Name); err != nil {
			return scene{}, fmt.Errorf("reading what is known of %s: %w", srv.Name, err)
		}
	}
	recent, err := g.recent(ctx, srv.Name, imp.Type)
	if err != nil {
		return scene{}, fmt.Errorf("reading earlier imports of %s: %w", srv.Name, err)
	}
	return scene{now: g.now(), imp: imp, server: srv, known: known, recent: recent}, nil
}

// recent are earlier imports of a server, newest first, with those behind them that tell what is usual for these types:
// where many raw imports lie between complete ones, those few would not.
func (g gather) recent(ctx context.Context, server string, types ...bigfix.ImportType) ([]imports.Import, error) {
	out, err := g.store.Recent(ctx, server, some)
	if err != nil || len(out) < some {
		return out, err
	}
	known := make(map[string]bool, len(out))
	for _, imp := range out {
		known[imp.ID] = true
	}
	for _, t := range types {
		if t == "" {
			continue
		}
		more, err := g.store.Succeeded(ctx, server, t, successes)
		if err != nil {
			return nil, err
		}
		for _, imp := range more {
			if !known[imp.ID] {
				out = append(out, imp)
			}
		}
	}
	return out, nil
}

// answer is what the answer to a start is written from.
func (g gather) answer(ctx context.Context, srv Server, imp imports.Import) (answer, error) {
	s, err := g.scene(ctx, srv, imp)
	if err != nil {
		return answer{}, err
	}
	out := answer{scene: s}
	if out.card, err = g.card(ctx, imp.ID); err != nil {
		return out, err
	}
	if imp.Reason.Other == "" {
		return out, nil
	}
	other, err := g.store.Import(ctx, imp.Reason.Other)
	if errors.Is(err, imports.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("reading the import in the way: %w", err)
	}
	otherScene := s
	otherScene.imp = other
	out.other = &otherScene
	out.otherCard, err = g.card(ctx, other.ID)
	return out, err
}

// card is the link to an import's card, "" where it has none.
func (g gather) card(ctx context.Context, id string) (string, error) {
	stored, err := g.store.Thread(ctx, id)
	if err != nil {
		return "", fmt.Errorf("reading the thread: %w", err)
	}
	t, err := decode(stored)
	if err != nil || t.Card.State != Sent || t.CardGone {
		return "", err
	}
	return g.slack.Permalink(t.Card.Channel, t.Card.TS), nil
}

// askingMessage is the line before the answer.
func (h *Handlers) askingMessage(srv Server) bot.Message {
	return simple(h.Now(), func(p pen) []string { return []string{"Asking " + p.name(srv.Name) + " …"} })
}

// notStoredMessage says that a wish does not count.
func (h *Handlers) notStoredMessage(srv Server) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{
			"My own database does not answer, so I could not note that you want an import on " + p.name(srv.Name) + ". " + nothing,
			"Try again in a minute. If it goes on, tell whoever runs Importbot.",
		}
	})
}

// unsureMessage says that a wish may count or not. It must not be read as a refusal: whoever tries again may start two.
func (h *Handlers) unsureMessage(srv Server) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		card := "its card appears within two minutes"
		if srv.Channel != "" {
			card = "its card appears in <#" + bot.Escape(srv.Channel) + "> within two minutes"
		}
		return []string{
			"I could not make sure that my database noted that you want an import on " + p.name(srv.Name) + ": its answer was lost.",
			"If it did, " + card + ", or I tell you why not. If neither has come after three minutes, nothing was started, and you can ask again.",
		}
	})
}

// answeredMessage stands in for an answer that the person has already: from another replica, to which Slack delivered the
// same command, or by direct message, because this process stood still.
func (h *Handlers) answeredMessage(srv Server, imp imports.Import) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		return []string{"I have answered your wish for " + scene{imp: imp, server: srv}.wanted(p) +
			" already, here or by direct message. It counts once."}
	})
}

// undecidedMessage takes the place of the line before an answer that does not come: nobody leads, or the database is away.
func (h *Handlers) undecidedMessage(srv Server, imp imports.Import) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		what := "an import on " + p.name(srv.Name)
		if imp.ID != "" {
			what = scene{imp: imp, server: srv}.wanted(p)
		}
		return []string{
			"I can't tell yet what became of your wish for " + what + ": the part of me that starts imports has given no sign for two minutes.",
			"You hear from me as soon as I know, and need not ask again.",
		}
	})
}

// oneKindMessage refuses a raw import where there is none.
func (h *Handlers) oneKindMessage(srv Server) bot.Message {
	return simple(h.Now(), func(p pen) []string {
		name := ""
		if len(h.Servers) > 1 {
			name = srv.Name
		}
		return []string{p.name(srv.Name) + " is a License Metric Tool, which knows one kind of import only. " + nothing +
			" Try " + p.code(join(h.Command, "complete", name)) + "."}
	})
}
