// Package config reads Importbot's configuration from the environment and from a .env file.
//
// Three habits make it kind to whoever sets the bot up:
//
//   - Every fault is named at once. [Bot] and [Servers] return one [*Error] that lists, for each variable, what is wrong and what to
//     do, instead of the first fault of many.
//   - What has no effect is said. A variable that nothing reads, because it is misspelt or belongs to a server that is not listed,
//     becomes a line of Warnings with the name that was probably meant.
//   - A secret is a [Secret]: it prints as *** whatever is done with it, and the text of a fault never holds one.
//
// The environment wins over .env, also where one has NAME and the other NAME_FILE. A variable that is set to nothing counts as not
// set, so an empty one in the environment hides the one in .env.
//
//	cfg, err := config.Bot(config.Source{Environ: os.Environ(), DotEnv: ".env"})
//	if err != nil {
//		fmt.Fprintln(os.Stderr, err) // all faults, a line each
//		os.Exit(2)
//	}
//	for _, line := range cfg.Warnings { … }
package config

import (
	"time"

	"github.com/sirupsen/logrus"

	"importbot/bigfix"
	"importbot/imports"
)

// Source says where variables are read from.
type Source struct {
	// Environ holds NAME=value as [os.Environ] gives them.
	Environ []string
	// DotEnv is the path of the .env file. A file that does not exist is no fault; "" reads none.
	DotEnv string
}

// Config is what the bot runs with. All of it has been checked, and nothing of it dials.
type Config struct {
	Slack   Slack
	Servers []Server // at least one, in the order of BIGFIX_SERVERS, each name and each address once
	// Database is the path of the SQLite file, in a directory that exists, or the URL of a PostgreSQL database: postgres://… or
	// postgresql://….
	Database Secret
	HTTP     HTTP
	// HeartbeatURL is asked once a minute while the bot is ready; empty for no heartbeat. Whoever knows it can keep the alarm quiet.
	HeartbeatURL Secret
	// Digest is when the week's report is posted, nil where it is not.
	Digest *Digest
	// AuditLog is the path of the file that gets a line for each command, "stderr", or "" for no lines.
	AuditLog string
	Log      Log
	// Warnings are for the log: settings that are dangerous, without effect, or probably misspelt, and files with secrets that others
	// can read.
	Warnings []string

	// proxies are the passwords of HTTPS_PROXY and its kin, which nothing here uses and error messages of others quote.
	proxies []Secret
}

// HTTP is where health and metrics are served.
type HTTP struct {
	Addr string // host:port, port 0 for any free one; "" where they are switched off
}

// Slack is how the bot reaches Slack.
type Slack struct {
	BotToken, AppToken Secret
	APIURL             string // with a slash at its end
	Command            string // with its slash: /import
	Connections        int    // 1 to 10
}

// Server is one BigFix server, and what is said of it where.
type Server struct {
	Name      string
	Channel   string   // a channel's ID
	Operators []string // user IDs, user group IDs, or "*"
	Announce  Announce
	// Confirm says which typed starts are asked about once more.
	Confirm Confirm

	// When alerts are raised. UnreachableAfter and MissedAfter are never Auto.
	StaleAfter, StallAfter, UnreachableAfter, MissedAfter imports.Threshold
	AlertChannel                                          string // a channel's ID; "" for Channel
	AlertMention                                          string // a user's or a user group's ID; "" for nobody

	URL         string // without a slash at its end
	Edition     bigfix.Edition
	Token       Secret // or User and Password
	User        string
	Password    Secret
	TokenIn     bigfix.TokenIn // never empty
	CAFile      string
	Insecure    bool
	Timeout     time.Duration
	PollRunning time.Duration
	PollIdle    time.Duration
	StartGrace  time.Duration
	EndGrace    time.Duration

	// The variables that these came from, or would be set by, for messages to people: "BIGFIX_PROD_TOKEN" (or the password's),
	// "IMPORT_OPERATORS", "BIGFIX_INSECURE", "BIGFIX_PROD_CA_FILE".
	TokenVariable, OperatorsVariable, InsecureVariable, CAFileVariable string
}

// Announce says which imports that nobody started here are told of.
type Announce string

const (
	AnnounceAll      Announce = "all"
	AnnounceFailures Announce = "failures"
	AnnounceNone     Announce = "none"
)

// Confirm says which typed starts have to be confirmed with a button.
type Confirm string

const (
	ConfirmOverlap  Confirm = "overlap"  // those that are likely to run into the next scheduled import
	ConfirmComplete Confirm = "complete" // those of complete imports
	ConfirmAll      Confirm = "all"
	ConfirmNever    Confirm = "never"
)

// Log is how much is logged, and in which form.
type Log struct {
	Level  logrus.Level
	Format LogFormat
}

// LogFormat is a form of log lines.
type LogFormat string

const (
	LogAuto LogFormat = ""     // text on a terminal, else JSON
	LogText LogFormat = "text" // for people
	LogJSON LogFormat = "json" // an object a line
)

// Bot reads everything that the bot needs. The error is an [*Error].
func Bot(src Source) (*Config, error) {
	r := newReader(src)
	cfg := &Config{
		Slack:    r.slack(),
		Database: r.database(),
		HTTP:     HTTP{Addr: value(r, whole, httpAddr, "127.0.0.1:9480", listenAddr)},
		AuditLog: r.audit(),
		Digest:   r.digest(),
		Log:      r.log(),

		HeartbeatURL: r.heartbeat(),
		proxies:      r.proxies(),
	}
	for _, sc := range r.scopes() {
		srv := r.bigfix(sc)
		r.inSlack(sc, &srv)
		r.alerts(sc, &srv)
		cfg.Servers = append(cfg.Servers, srv)
	}
	r.apart(cfg.Servers)
	r.warnOfSettings(cfg)
	r.warnOfUnknown()
	r.warnOfReaders(cfg.AuditLog)
	cfg.Warnings = r.warnings
	return cfg, r.err()
}

// Servers reads what is needed to speak with the BigFix servers, and neither asks for nor checks anything of Slack's or of the
// database: the command line's status and start work where the bot itself was never set up. The error is an [*Error].
func Servers(src Source) (*Config, error) {
	r := newReader(src)
	cfg := &Config{proxies: r.proxies()}
	for _, sc := range r.scopes() {
		cfg.Servers = append(cfg.Servers, r.bigfix(sc))
	}
	r.apart(cfg.Servers)
	r.warnOfSettings(cfg)
	r.warnOfUnknown()
	r.warnOfReaders(cfg.AuditLog)
	cfg.Warnings = r.warnings
	return cfg, r.err()
}

// Reading reads what is needed to look into the database, beside a running bot or without one: where it is, and the names and
// editions of the servers as far as any are configured. Nothing of Slack or BigFix has to be set, and nothing else of theirs is checked. The error is an [*Error].
func Reading(src Source) (*Config, error) {
	r := newReader(src)
	cfg := &Config{Database: r.database(), proxies: r.proxies()}
	_, named := r.get(whole, bigfixName)
	_, addressed := r.get(whole, bigfixURL)
	scopes := r.scopes()
	if r.several || named || addressed {
		for _, sc := range scopes {
			cfg.Servers = append(cfg.Servers, Server{Name: sc.server, Edition: value(r, sc, bigfixEdition, bigfix.BFI, oneOf(bigfix.BFI, bigfix.ILMT))})
		}
	}
	r.warnOfUnknown()
	r.warnOfReaders("")
	cfg.Warnings = r.warnings
	return cfg, r.err()
}
