package app

import (
	"bytes"
	"errors"
	"fmt"
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
