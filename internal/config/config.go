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
	"net/url"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/bigfix"
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
	Servers []Server // at least one, in the order of BIGFIX_SERVERS, each name once
	// Database is the path of the SQLite file, in a directory that exists and can be written to.
	Database Secret
	Log      Log
	// Warnings are for the log: settings that are dangerous, without effect, or probably misspelt.
	Warnings []string
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

// Secrets returns every text that must appear nowhere. What travels in a URL is listed in both forms, plain and escaped.
func (c *Config) Secrets() []string {
	found := []Secret{c.Slack.BotToken, c.Slack.AppToken}
	for _, s := range c.Servers {
		found = append(found, s.Token, s.Password)
	}
	if u, err := url.Parse(c.Database.Reveal()); err == nil && u.User != nil {
		password, _ := u.User.Password()
		found = append(found, NewSecret(password))
	}
	var texts []string
	for _, s := range found {
		plain := s.Reveal()
		if plain == "" {
			continue
		}
		texts = append(texts, plain)
		for _, escaped := range []string{url.QueryEscape(plain), url.PathEscape(plain)} {
			if escaped != plain {
				texts = append(texts, escaped)
			}
		}
	}
	return texts
}

// Bot reads everything that the bot needs. The error is an [*Error].
func Bot(src Source) (*Config, error) {
	r := newReader(src)
	cfg := &Config{
		Slack:    r.slack(),
		Database: r.database(),
		Log:      r.log(),
	}
	for _, sc := range r.scopes() {
		srv := r.bigfix(sc)
		r.inSlack(sc, &srv)
		cfg.Servers = append(cfg.Servers, srv)
	}
	r.warnOfSettings(cfg)
	r.warnOfUnknown()
	cfg.Warnings = r.warnings
	return cfg, r.err()
}

// Servers reads what is needed to speak with the BigFix servers, and neither asks for nor checks anything of Slack's or of the
// database: the command line's status and start work where the bot itself was never set up. The error is an [*Error].
func Servers(src Source) (*Config, error) {
	r := newReader(src)
	cfg := &Config{}
	for _, sc := range r.scopes() {
		cfg.Servers = append(cfg.Servers, r.bigfix(sc))
	}
	r.warnOfSettings(cfg)
	r.warnOfUnknown()
	cfg.Warnings = r.warnings
	return cfg, r.err()
}
