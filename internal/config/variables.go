package config

import "strings"

// variable is one line of the table that INTERFACE and .env.example show to people.
type variable struct {
	name string
	// of is its NAME in BIGFIX_<SERVER>_<NAME>; empty for one that holds for the whole program.
	of string
	// secret ones can be given as NAME_FILE, and are never shown.
	secret bool
}

var (
	slackBotToken    = variable{name: "SLACK_BOT_TOKEN", secret: true}
	slackAppToken    = variable{name: "SLACK_APP_TOKEN", secret: true}
	slackChannel     = variable{name: "SLACK_CHANNEL", of: "CHANNEL"}
	slackCommand     = variable{name: "SLACK_COMMAND"}
	slackAPIURL      = variable{name: "SLACK_API_URL"}
	slackConnections = variable{name: "SLACK_CONNECTIONS"}
	importOperators  = variable{name: "IMPORT_OPERATORS", of: "OPERATORS"}
	importConfirm    = variable{name: "IMPORT_CONFIRM", of: "CONFIRM"}
	bigfixURL        = variable{name: "BIGFIX_URL", of: "URL"}
	bigfixToken      = variable{name: "BIGFIX_TOKEN", of: "TOKEN", secret: true}
	bigfixUser       = variable{name: "BIGFIX_USER", of: "USER"}
	bigfixPassword   = variable{name: "BIGFIX_PASSWORD", of: "PASSWORD", secret: true}
	bigfixEdition    = variable{name: "BIGFIX_EDITION", of: "EDITION"}
	bigfixTokenIn    = variable{name: "BIGFIX_TOKEN_IN", of: "TOKEN_IN"}
	bigfixCAFile     = variable{name: "BIGFIX_CA_FILE", of: "CA_FILE"}
	bigfixInsecure   = variable{name: "BIGFIX_INSECURE", of: "INSECURE"}
	bigfixTimeout    = variable{name: "BIGFIX_TIMEOUT", of: "TIMEOUT"}
	bigfixName       = variable{name: "BIGFIX_NAME"}
	bigfixServers    = variable{name: "BIGFIX_SERVERS"}
	pollRunning      = variable{name: "POLL_RUNNING", of: "POLL_RUNNING"}
	pollIdle         = variable{name: "POLL_IDLE", of: "POLL_IDLE"}
	startGrace       = variable{name: "START_GRACE", of: "START_GRACE"}
	endGrace         = variable{name: "END_GRACE", of: "END_GRACE"}
	announce         = variable{name: "ANNOUNCE", of: "ANNOUNCE"}
	staleAfter       = variable{name: "STALE_AFTER", of: "STALE_AFTER"}
	stallAfter       = variable{name: "STALL_AFTER", of: "STALL_AFTER"}
	unreachableAfter = variable{name: "UNREACHABLE_AFTER", of: "UNREACHABLE_AFTER"}
	missedAfter      = variable{name: "MISSED_AFTER", of: "MISSED_AFTER"}
	alertChannel     = variable{name: "ALERT_CHANNEL", of: "ALERT_CHANNEL"}
	alertMention     = variable{name: "ALERT_MENTION", of: "ALERT_MENTION"}
	digest           = variable{name: "DIGEST"}
	databaseURL      = variable{name: "DATABASE_URL", secret: true}
	httpAddr         = variable{name: "HTTP_ADDR"}
	heartbeatURL     = variable{name: "HEARTBEAT_URL", secret: true}
	auditLog         = variable{name: "AUDIT_LOG"}
	logLevel         = variable{name: "LOG_LEVEL"}
	logFormat        = variable{name: "LOG_FORMAT"}
)

// variables is the whole table, in its order.
var variables = []variable{
	slackBotToken, slackAppToken, slackChannel, slackCommand, slackAPIURL, slackConnections, importOperators, importConfirm,
	bigfixURL, bigfixToken, bigfixUser, bigfixPassword, bigfixEdition, bigfixTokenIn, bigfixCAFile, bigfixInsecure, bigfixTimeout,
	bigfixName, bigfixServers, pollRunning, pollIdle, startGrace, endGrace, announce,
	staleAfter, stallAfter, unreachableAfter, missedAfter, alertChannel, alertMention, digest,
	databaseURL, httpAddr, heartbeatURL, auditLog, logLevel, logFormat,
}

// fileSuffix ends the name of a variable that holds the path of a file with the value.
const fileSuffix = "_FILE"

// scope is the servers' part of a name: the plain variables alone for the one server of a small setup, or those of one of several,
// which come before the plain ones.
type scope struct {
	server string // its name
	prefix string // "BIGFIX_PROD_", or "" for the only server
}

// names returns the variable's names in this scope, the first that is set wins.
func (s scope) names(v variable) []string {
	if s.prefix == "" || v.of == "" {
		return []string{v.name}
	}
	return []string{s.prefix + v.of, v.name}
}

// own is the name by which a person would set this variable for this server.
func (s scope) own(v variable) string { return s.names(v)[0] }

// prefixOf is how the variables of a server begin.
func prefixOf(server string) string {
	return "BIGFIX_" + strings.ToUpper(strings.ReplaceAll(server, "-", "_")) + "_"
}

// withFile lists a variable's name, and the one of its file where it has one.
func withFile(v variable, name string) []string {
	if v.secret {
		return []string{name, name + fileSuffix}
	}
	return []string{name}
}
