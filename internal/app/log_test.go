package app

import (
	"bytes"
	"errors"
	"fmt"
	stdlog "log"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/internal/config"
)

func TestDurationsAreReadable(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&config.Config{Log: config.Log{Level: logrus.InfoLevel, Format: config.LogJSON}}, &out)
	kept := log.WithField("next_in", 1500*time.Millisecond)
	kept.Info("one")
	kept.Info("two")
	if got := strings.Count(out.String(), `"next_in":"1.5s"`); got != 2 {
		t.Errorf("got %s", out.String())
	}
}

func TestNoSecretIsLogged(t *testing.T) {
	secrets := []string{"xoxb-123-secret", "xapp-456-secret", `pass"word <&>\é`, "0123456789abcdef"}
	cfg := &config.Config{
		Slack: config.Slack{BotToken: config.NewSecret(secrets[0]), AppToken: config.NewSecret(secrets[1])},
		Servers: []config.Server{
			{Password: config.NewSecret(secrets[2])},
			{Token: config.NewSecret(secrets[3])},
			{Password: config.NewSecret("ab")}, // too short to be cut out
		},
		Database: config.NewSecret("postgres://bot:data%20base@host/db"),
		Log:      config.Log{Level: logrus.TraceLevel},
	}
	for _, format := range []config.LogFormat{config.LogText, config.LogJSON} {
		cfg.Log.Format = format
		var out bytes.Buffer
		log := newLogger(cfg, &out)
		for _, secret := range append(secrets, "data base", "data%20base") {
			log.WithField("token", secret).WithError(fmt.Errorf("asking https://h/?token=%s: %w", secret, errors.New(secret))).Info("with " + secret)
			log.WithField("nested", struct{ Inner map[string]string }{map[string]string{"k": secret}}).Debug("deep")
			log.WithField(secret, 1).Trace("as a key")
		}
		log.WithField("config", cfg).Error("all of it")
		for _, secret := range append(secrets, `pass\"word`, "xoxb-123", "data base", "data%20base") {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s: %s shows in\n%s", format, secret, out.String())
			}
		}
		if !strings.Contains(out.String(), "***") || !strings.Contains(out.String(), "deep") {
			t.Errorf("%s: too much is cut out: %s", format, out.String())
		}
	}
}

// Secrets that nobody can list beforehand are known by their look, on Slack's hosts and on whatever SLACK_API_URL names.
func TestRedactorKnowsSecretsByTheirLook(t *testing.T) {
	r := newRedactor(&config.Config{Slack: config.Slack{APIURL: "http://127.0.0.1:4711/of/one/api/"}})
	for text, want := range map[string]string{
		"Post https://hooks.slack.com/commands/T0123/456/abcDEF: EOF":                     "Post https://hooks.slack.com/commands/*** EOF",
		`{"response_url":"https:\/\/hooks.slack.com\/actions\/T0123\/456\/abcDEF","x":1}`: `{"response_url":"https:\/\/hooks.slack.com\/actions\/***","x":1}`,
		`"url=https%3A%2F%2Fhooks.slack-gov.com%2Fapp%2FT0123%2F456%2Fabc&more"`:          `"url=https%3A%2F%2Fhooks.slack-gov.com%2Fapp%2F***&more"`,
		"http://127.0.0.1:4711/commands/T0SIM/0123abcd failed":                            "http://127.0.0.1:4711/commands/*** failed",
		"dial wss://wss-primary.slack.com/link/?ticket=01ab-cd&app_id=2: refused":         "dial wss://wss-primary.slack.com/link/?ticket=***&app_id=2: refused",
		`{"ticket": "01ab-cd"}`: `{"ticket": "***"}`,
		"ticket%3D01ab-cd":      "ticket%3D***",
		"pasted xoxp-12345678-abcdef, xapp-1-A0-123456 and xoxe.xoxp-1-Mi0yLTEyMzQ": "pasted ***, *** and xoxe.***",
		"https://bigfix.example.com/actions/list, xox-1, a ticketless ride":         "https://bigfix.example.com/actions/list, xox-1, a ticketless ride",
	} {
		if got := r.text(text); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

// Whatever a library writes to the standard library's logger comes without secrets, and only where much is asked for.
func TestStandardLogIsAdopted(t *testing.T) {
	var out bytes.Buffer
	cfg := &config.Config{Slack: config.Slack{BotToken: config.NewSecret("xoxb-123-secret")}, Log: config.Log{Level: logrus.DebugLevel, Format: config.LogJSON}}
	undo := adoptStandardLog(newLogger(cfg, &out))
	stdlog.Printf("Unsolicited response starting with %q", "xoxb-123-secret")
	undo()
	if got := out.String(); !strings.Contains(got, "starting with") || !strings.Contains(got, `"level":"debug"`) || strings.Contains(got, "xoxb-123") {
		t.Errorf("got %s", got)
	}
	if stdlog.Flags() == 0 {
		t.Error("it is not undone")
	}
}

func TestRedactedErrorsAreStillWhatTheyWere(t *testing.T) {
	r := newRedactor(&config.Config{Slack: config.Slack{BotToken: config.NewSecret("xoxb-123-secret")}})
	inner := errors.New("refused xoxb-123-secret")
	err := r.error(&exit{exitUsage, inner})
	var known *exit
	if got, want := err.Error(), "refused ***"; got != want || !errors.As(err, &known) || known.code != exitUsage || !errors.Is(err, inner) {
		t.Errorf("got %q, %v, want %q with its status", got, known, want)
	}
	if r.error(nil) != nil || r.error(inner) == nil {
		t.Error("no error became one, or the other way round")
	}
}
