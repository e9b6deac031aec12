package config

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/bigfix"
)

// whole is the scope of what holds for the whole program.
var whole = scope{}

const (
	appPage      = "api.slack.com/apps"
	slackExample = "https://slack.com/api/"
)

// slack reads how to reach Slack.
func (r *reader) slack() Slack {
	const (
		botWhere = `from your app's page "OAuth & Permissions"`
		appWhere = `from your app's page "Basic Information", App-Level Tokens, scope connections:write`
	)
	s := Slack{
		BotToken: required(r, whole, slackBotToken, "the bot token, xoxb-…, "+botWhere+" on "+appPage+"; `importbot manifest` prints what to make the app from",
			slackToken("xoxb-", botWhere)),
		AppToken: required(r, whole, slackAppToken, "the app-level token, xapp-…, "+appWhere,
			slackToken("xapp-", appWhere)),
		Command:     value(r, whole, slackCommand, "/import", command),
		Connections: value(r, whole, slackConnections, 2, between(1, 10)),
	}
	if u := value(r, whole, slackAPIURL, &url.URL{Scheme: "https", Host: "slack.com", Path: "/api/"}, address(slackExample)); u != nil {
		if u.Scheme == "http" && !loopback(u.Hostname()) {
			r.add(Fault{Variable: slackAPIURL.name, Problem: "is http://, which would send the bot's tokens in the clear", Do: "write it with https://"})
		}
		s.APIURL = strings.TrimSuffix(u.String(), "/") + "/"
	}
	return s
}

// App is what the manifest of the Slack app depends on.
type App struct {
	Command string // with its slash
	// Groups says that an operator list names a user group, Everybody that one is *. Both let people in whom nobody named by
	// themselves, so that guests have to be told from others.
	Groups, Everybody bool
}

// AppOf reads it, from a configuration that may be unfinished. The error is an [*Error].
func AppOf(src Source) (App, error) {
	r := newReader(src)
	app := App{Command: value(r, whole, slackCommand, "/import", command)}
	for _, sc := range r.scopes() {
		for _, id := range value(r, sc, importOperators, nil, operators) {
			app.Groups = app.Groups || strings.HasPrefix(id, "S")
			app.Everybody = app.Everybody || id == "*"
		}
	}
	return app, r.err()
}

func (r *reader) log() Log {
	level := value(r, whole, logLevel, "info", oneOf("error", "warn", "info", "debug", "trace"))
	parsed, err := logrus.ParseLevel(level)
	if err != nil {
		parsed = logrus.InfoLevel
	}
	return Log{Level: parsed, Format: value(r, whole, logFormat, LogAuto, oneOf(LogText, LogJSON))}
}

// bigfix reads one server, as far as it does not concern Slack.
func (r *reader) bigfix(sc scope) Server {
	s := Server{
		Name:        sc.server,
		Edition:     value(r, sc, bigfixEdition, bigfix.BFI, oneOf(bigfix.BFI, bigfix.ILMT)),
		CAFile:      value(r, sc, bigfixCAFile, "", caFile),
		Insecure:    value(r, sc, bigfixInsecure, false, boolean),
		Timeout:     value(r, sc, bigfixTimeout, 20*time.Second, duration),
		PollRunning: value(r, sc, pollRunning, 30*time.Second, duration),
		PollIdle:    value(r, sc, pollIdle, time.Minute, duration),
		StartGrace:  value(r, sc, startGrace, 5*time.Minute, duration),
		EndGrace:    value(r, sc, endGrace, time.Minute, duration),
	}
	byEdition := bigfix.TokenInQuery
	if s.Edition == bigfix.ILMT {
		byEdition = bigfix.TokenInHeader
	}
	s.TokenIn = value(r, sc, bigfixTokenIn, byEdition, oneOf(bigfix.TokenInQuery, bigfix.TokenInHeader))
	s.InsecureVariable = r.nameOf(sc, bigfixInsecure)
	s.CAFileVariable = sc.own(bigfixCAFile)
	if s.CAFile != "" {
		s.CAFileVariable = r.nameOf(sc, bigfixCAFile)
	}
	s.URL = r.serverURL(sc, s.Insecure)
	r.credentials(sc, &s)
	return s
}

func (r *reader) serverURL(sc scope, insecure bool) string {
	const example = "https://bigfix.example.com:9081"
	u := required(r, sc, bigfixURL, "the address of the BigFix Inventory or License Metric Tool server, like "+example, address(example))
	if u == nil {
		return ""
	}
	from, _ := r.get(sc, bigfixURL)
	if u.Scheme == "http" && !insecure && !loopback(u.Hostname()) && r.settled(sc, bigfixInsecure) {
		r.add(Fault{Variable: from.name, Problem: "is http://, which would send the token in the clear",
			Do: fmt.Sprintf("write it with https://, or set %s=true if that is what you want", sc.own(bigfixInsecure))})
	}
	trimmed := strings.TrimSuffix(u.String(), "/")
	if strings.HasSuffix(trimmed, "/api") || strings.Contains(trimmed, "/api/") {
		r.add(Fault{Variable: from.name, Problem: "has /api in it", Do: "write only what stands before it, like " + example})
	}
	return trimmed
}

// credentials reads a token, or a user and a password. A server that has its own of one kind does not inherit the other kind.
func (r *reader) credentials(sc scope, s *Server) {
	tokenSet, hasToken := r.get(sc, bigfixToken)
	userSet, hasUser := r.get(sc, bigfixUser)
	passwordSet, hasPassword := r.get(sc, bigfixPassword)
	if sc.prefix != "" && hasToken && (hasUser || hasPassword) {
		ownToken := strings.HasPrefix(tokenSet.name, sc.prefix)
		ownLogin := hasUser && strings.HasPrefix(userSet.name, sc.prefix) || hasPassword && strings.HasPrefix(passwordSet.name, sc.prefix)
		switch {
		case ownToken && !ownLogin:
			hasUser, hasPassword = false, false
		case ownLogin && !ownToken:
			hasToken = false
		}
	}
	s.TokenVariable = sc.own(bigfixToken)
	switch {
	case hasToken && (hasUser || hasPassword):
		login := userSet.name
		if !hasUser {
			login = passwordSet.name
		}
		r.add(Fault{Variable: tokenSet.name, Problem: "and " + login + " are both set", Do: "keep the token, or the user and the password"})
	case hasToken:
		s.Token = checked(r, tokenSet, Secret{}, token)
		s.TokenVariable = tokenSet.name
	case hasUser && hasPassword:
		s.User = checked(r, userSet, "", plainText)
		s.Password = checked(r, passwordSet, Secret{}, secretText)
		s.TokenVariable = passwordSet.name
	case hasUser:
		r.missing(sc.own(bigfixPassword), userSet.name+" is set, and a user needs a password")
	case hasPassword:
		r.missing(sc.own(bigfixUser), passwordSet.name+" is set, and a password needs its user")
	default:
		r.missing(sc.own(bigfixToken), fmt.Sprintf(
			"the API token of a user who has the permission Manage Imports, from Profile, Show token; or set %s and %s",
			sc.own(bigfixUser), sc.own(bigfixPassword)))
	}
}

// inSlack reads where a server's imports are shown, and who may start them.
func (r *reader) inSlack(sc scope, s *Server) {
	forAll := ""
	if sc.prefix != "" {
		forAll = fmt.Sprintf(" (or %s for all servers)", slackChannel.name)
	}
	s.Channel = required(r, sc, slackChannel, "the ID, C…, of the channel where imports are shown: in Slack open the channel's details, it stands at the bottom"+forAll, channel)
	if sc.prefix != "" {
		forAll = fmt.Sprintf(" (or %s for all servers)", importOperators.name)
	}
	s.Operators = required(r, sc, importOperators, "who may start imports: user IDs (U…) and user group IDs (S…), with commas between, or * for everybody"+forAll, operators)
	s.OperatorsVariable = r.nameOf(sc, importOperators)
	s.Announce = value(r, sc, announce, AnnounceFailures, oneOf(AnnounceAll, AnnounceFailures, AnnounceNone))
	s.Confirm = value(r, sc, importConfirm, ConfirmOverlap, oneOf(ConfirmOverlap, ConfirmComplete, ConfirmAll, ConfirmNever))
}

// caFile reads the path of a file with at least one certificate in it.
func caFile(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		problem, do := cantRead(path, err)
		return "", &wrong{"names " + shown(path) + ", which " + problem, do}
	}
	if !x509.NewCertPool().AppendCertsFromPEM(data) {
		return "", &wrong{"names " + shown(path) + ", which holds no certificate", "it has to be PEM: lines that begin with -----BEGIN CERTIFICATE-----"}
	}
	return path, nil
}
