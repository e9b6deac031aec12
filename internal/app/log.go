package app

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/internal/config"
)

// newLogger makes the logger of the bot. No secret of the configuration gets through it, at any level.
func newLogger(cfg *config.Config, out io.Writer) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(out)
	log.SetLevel(cfg.Log.Level)
	format := cfg.Log.Format
	if format == config.LogAuto {
		format = config.LogJSON
		if isTerminal(out) {
			format = config.LogText
		}
	}
	if format == config.LogText {
		log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true})
	} else {
		log.SetFormatter(&logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano})
	}
	log.AddHook(durations{})
	redact(log, cfg)
	return log
}

// durations writes lengths of time as people do: 4s, where JSON would have 4000000000.
type durations struct{}

func (durations) Levels() []logrus.Level { return logrus.AllLevels }

func (durations) Fire(entry *logrus.Entry) error {
	for name, v := range entry.Data {
		if d, ok := v.(time.Duration); ok {
			entry.Data[name] = d.Round(time.Millisecond).String()
		}
	}
	return nil
}

// redact cuts the secrets of a configuration out of whatever a logger writes. It works on finished lines, so that it makes no
// difference in which field, error or struct a secret came.
func redact(log *logrus.Logger, cfg *config.Config) {
	if pairs := replacements(cfg.Secrets()); len(pairs) > 0 {
		log.SetFormatter(&redacting{log.Formatter, strings.NewReplacer(pairs...)})
	}
}

type redacting struct {
	inner    logrus.Formatter
	replacer *strings.Replacer
}

// Format formats an entry and cuts the secrets out.
func (r *redacting) Format(entry *logrus.Entry) ([]byte, error) {
	line, err := r.inner.Format(entry)
	if err != nil {
		return nil, err
	}
	return []byte(r.replacer.Replace(string(line))), nil
}

// leastSecret is the shortest text that is cut out: shorter ones would take harmless words to pieces, and hide nothing.
const leastSecret = 4

// replacements lists each secret in the forms in which formatters write it, the longest first, so that none leaves a rest.
func replacements(secrets []string) []string {
	var forms []string
	for _, s := range secrets {
		if len(s) < leastSecret {
			continue
		}
		forms = append(forms, s, unquoted(strconv.Quote(s)))
		for _, escapeHTML := range []bool{true, false} {
			var b bytes.Buffer
			encoder := json.NewEncoder(&b)
			encoder.SetEscapeHTML(escapeHTML)
			if encoder.Encode(s) == nil {
				forms = append(forms, unquoted(strings.TrimSpace(b.String())))
			}
		}
	}
	slices.SortFunc(forms, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	var pairs []string
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, "***")
	}
	return pairs
}

func unquoted(s string) string { return s[1 : len(s)-1] }
