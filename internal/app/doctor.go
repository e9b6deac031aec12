package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/internal/config"
	"importbot/internal/store"
)

// doctor checks what is configured against what is there, and says of each thing in a line how it stands and what to do. It changes
// nothing: no message is posted, no import is started, no connection of Slack's is opened, and the database is only read.
func (p Program) doctor(ctx context.Context, args []string) error {
	if _, err := p.parse(p.flags("doctor"), args, 0, 0); err != nil {
		return err
	}
	cfg, err := config.Bot(p.source())
	e := &examination{cfg: cfg, out: p.Stdout, redact: newRedactor(cfg)}
	if faults := (*config.Error)(nil); errors.As(err, &faults) {
		for _, f := range faults.Faults {
			e.bad("Configuration", "%s", f)
		}
		e.note("Everything else", "is not checked before the configuration can be read: run this again then")
		return e.end()
	}
	if err != nil {
		return err
	}
	needs, err := config.AppOf(p.source())
	if err != nil {
		return err
	}
	e.configuration()
	if err := e.slack(ctx, needs); err != nil {
		return err
	}
	if err := e.servers(ctx); err != nil {
		return err
	}
	e.database(ctx)
	return e.end()
}

// examination is a doctor at work.
type examination struct {
	cfg    *config.Config
	out    io.Writer
	redact *redactor
	failed int
}

// The three things that can be said of something: it is well, it is not, or it is worth knowing and can't or need not be decided.
func (e *examination) well(what, format string, args ...any) { e.say("ok", what, format, args...) }
func (e *examination) note(what, format string, args ...any) { e.say("note", what, format, args...) }
func (e *examination) bad(what, format string, args ...any) {
	e.failed++
	e.say("FAIL", what, format, args...)
}

func (e *examination) say(verdict, what, format string, args ...any) {
	text := printable(e.redact.text(fmt.Sprintf(format, args...)))
	fmt.Fprintf(e.out, "%-4s  %-16s  %s\n", verdict, printable(what), text)
}

func (e *examination) end() error {
	if e.failed > 0 {
		fmt.Fprintf(e.out, "\n%s failed.\n", counted(e.failed, "check"))
		return silent(exitFailed)
	}
	fmt.Fprintln(e.out, "\nAll that can be checked from here is well.")
	return nil
}

func (e *examination) configuration() {
	e.well("Configuration", "%s: %s", counted(len(e.cfg.Servers), "server"), strings.Join(names(e.cfg.Servers), ", "))
	for _, line := range e.cfg.Warnings {
		e.note("Configuration", "%s", line)
	}
}

// slack checks the tokens, and what the bot's may do. Only a configuration that the bot would not take either is an error.
func (e *examination) slack(ctx context.Context, needs config.App) error {
	s := e.cfg.Slack
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	b, err := bot.New(bot.Config{
		BotToken: s.BotToken.Reveal(), AppToken: s.AppToken.Reveal(), APIURL: s.APIURL, Command: s.Command, Connections: s.Connections, Log: quiet,
	}, func(context.Context, *bot.Request) error { return nil })
	if err != nil {
		return &exit{exitUsage, err}
	}
	id, err := b.CheckBotToken(ctx)
	if err != nil {
		e.bad("Bot token", "%s", slackTrouble(err))
	} else {
		e.well("Bot token", "Slack knows it: user %s in the workspace %s", id.UserID, id.Team)
		e.scopes(id, needs)
		e.groups(ctx, b, id)
	}
	if err := b.CheckAppToken(ctx); err != nil {
		e.bad("App token", "%s", slackTrouble(err))
	} else {
		e.well("App token", "Slack would let it connect")
	}
	e.channels(id)
	e.note("Buttons", "can't be checked from here: if Slack shows a warning sign at them, or no Home tab, paste what `importbot manifest` prints into the app's manifest, and reinstall it")
	return nil
}

// slackTrouble is what is wrong with a token, or with the way to Slack.
func slackTrouble(err error) string {
	if fatal := (*bot.FatalError)(nil); errors.As(err, &fatal) {
		return fatal.Error()
	}
	return fmt.Sprintf("Slack did not say: %v. Try again; if it stays so, see whether this machine reaches Slack, also through its proxy (HTTPS_PROXY)", err)
}

// scopes says which of those are missing that this configuration needs.
func (e *examination) scopes(id bot.Identity, needs config.App) {
	if len(id.Scopes) == 0 {
		e.note("Scopes", "Slack does not say which the bot token has")
		return
	}
	without := map[string]string{"commands": "there is no slash command", "chat:write": "nothing can be posted"}
	if needs.Groups {
		without["usergroups:read"] = "Slack does not tell who is in the user groups that may start imports"
	}
	if needs.Groups || needs.Everybody {
		without["users:read"] = "guests can't be told from others, and nobody who is not named may start imports"
	}
	missing := false
	for _, scope := range slices.Sorted(maps.Keys(without)) {
		if !id.HasScope(scope) {
			missing = true
			e.bad("Scopes", "%s is missing, and without it %s: add it (api.slack.com/apps, OAuth & Permissions, Bot Token Scopes) and reinstall the app", scope, without[scope])
		}
	}
	if !missing {
		e.well("Scopes", "%s", strings.Join(id.Scopes, ", "))
	}
}

// groups says whether Slack tells who is in the user groups that may start imports.
func (e *examination) groups(ctx context.Context, b *bot.Bot, id bot.Identity) {
	if !id.HasScope("usergroups:read") {
		return // said already
	}
	var asked []string
	for _, s := range e.cfg.Servers {
		for _, group := range s.Operators {
			if !strings.HasPrefix(group, "S") || slices.Contains(asked, group) {
				continue
			}
			asked = append(asked, group)
			members, err := b.GroupMembers(ctx, group)
			switch {
			case err != nil:
				e.bad("Operators", "Slack does not tell who is in the user group %s (%s): %v. Check its ID, and that the group was not disabled", group, s.OperatorsVariable, err)
			case len(members) == 0:
				e.bad("Operators", "the user group %s (%s) is empty: nobody in it can start imports", group, s.OperatorsVariable)
			default:
				e.well("Operators", "the user group %s has %s", group, counted(len(members), "member"))
			}
		}
	}
}

// channels names the channels. Whether the bot may post there is known only by posting.
func (e *examination) channels(id bot.Identity) {
	var all []string
	for _, s := range e.cfg.Servers {
		for _, c := range []string{s.Channel, s.AlertChannel} {
			if c != "" && !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	invite := "invite the bot with /invite"
	if id.HasScope("chat:write.public") && len(id.Scopes) > 0 {
		invite = "invite the bot with /invite where the channel is private"
	}
	e.note("Channels", "can't be checked without posting there (%s): %s", strings.Join(all, ", "), invite)
}

// servers looks at each server once.
func (e *examination) servers(ctx context.Context) error {
	reports, err := ask(ctx, e.cfg.Servers)
	if err != nil {
		return err
	}
	for _, r := range reports {
		what := "Server " + r.Server
		switch {
		case r.err != nil:
			e.bad(what, "%s%s", explain(r.config, r.err), reachHint(r.config, r.err))
		case !r.status.MayRun():
			e.bad(what, "answers (%s), but the user of %s may not start imports there: give it the permission Manage Imports", modeWords(r.status), r.config.TokenVariable)
		default:
			e.well(what, "%s, %s, imports may be started; %s", product(r.Edition), modeWords(r.status), encryption(r.config))
		}
	}
	return nil
}

// reachHint says what to check where a server is not reached. It is "" for every other error, and for a certificate that is not
// trusted: what to do about that is said with it.
func reachHint(s config.Server, err error) string {
	var e *bigfix.Error
	switch {
	case !errors.As(err, &e), !errors.Is(err, bigfix.ErrUnavailable), errors.As(err, new(*tls.CertificateVerificationError)):
		return ""
	case e.Status != 0:
		return fmt.Sprintf(" Something answers at %s: see whether the server is still starting, and what its log says", s.URL)
	}
	return fmt.Sprintf(" Check that %s is the right address and port, that the server and its service run, and that no firewall between here and there is in the way", s.URL)
}

// encryption says how the token travels.
func encryption(s config.Server) string {
	switch {
	case strings.HasPrefix(s.URL, "http://"):
		return "not encrypted"
	case s.Insecure:
		return "encrypted, its certificate is not verified"
	}
	return "its certificate is trusted"
}

// databaseWithin bounds looking into the database.
const databaseWithin = 20 * time.Second

// database looks into the database, as far as there is one yet.
func (e *examination) database(ctx context.Context) {
	const what = "Database"
	url := e.cfg.Database.Reveal()
	if !strings.Contains(url, "://") && !e.file(what, url) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, databaseWithin)
	defer cancel()
	reader, err := store.OpenReader(ctx, url, store.Options{Version: Version()})
	switch {
	case errors.Is(err, store.ErrUnprepared):
		e.note(what, "%v", err)
		return
	case err != nil:
		e.bad(what, "%v", err)
		return
	}
	defer reader.Close() //nolint:errcheck // nothing was written
	e.well(what, "%s can be read", reader.Path())
	for _, s := range e.cfg.Servers {
		known, err := reader.Server(ctx, s.Name)
		switch last := known.Last.At; {
		case err != nil:
			e.bad(what, "%v", err)
			return
		case last.IsZero():
			e.note(what, "no bot has looked at %s yet", s.Name)
		default:
			e.note(what, "a bot last looked at %s %s ago", s.Name, about(time.Since(last)))
		}
	}
}

// file says of an SQLite file whether there is one that this user may write, and returns whether there is more to look at.
func (e *examination) file(what, path string) bool {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	f, err := os.OpenFile(abs, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.well(what, "%s is not there yet: the bot makes it at its first start", abs)
		return false
	case errors.Is(err, fs.ErrPermission):
		e.bad(what, "%s can't be written by the user who runs this: run the bot, and this, as the user whom it belongs to, or give it to that user with chown", abs)
		return false
	case err != nil:
		e.bad(what, "%v", err)
		return false
	}
	return f.Close() == nil
}
