package app

import (
	"io"
	stdlog "log"
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
		log.SetFormatter(&logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano, DisableHTMLEscape: true})
	}
	log.AddHook(durations{})
	redact(log, cfg)
	return log
}

// isText says whether a logger writes for people.
func isText(log *logrus.Logger) bool {
	formatter := log.Formatter
	if r, ok := formatter.(*redacting); ok {
		formatter = r.inner
	}
	_, ok := formatter.(*logrus.TextFormatter)
	return ok
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

// redact cuts secrets out of whatever a logger writes. It works on finished lines, so that it makes no difference in which field, error
// or struct a secret came.
func redact(log *logrus.Logger, cfg *config.Config) {
	if _, already := log.Formatter.(*redacting); already {
		return
	}
	log.SetFormatter(&redacting{log.Formatter, newRedactor(cfg)})
}

type redacting struct {
	inner logrus.Formatter
	*redactor
}

// Format formats an entry and cuts the secrets out.
func (r *redacting) Format(entry *logrus.Entry) ([]byte, error) {
	line, err := r.inner.Format(entry)
	if err != nil {
		return nil, err
	}
	return []byte(r.text(string(line))), nil
}

// adoptStandardLog leads what libraries write with the standard library's own logger to ours: net/http's client quotes there what a
// server sends unasked, and a server may send anything. It returns what undoes that.
func adoptStandardLog(log logrus.FieldLogger) (undo func()) {
	out, flags, prefix := stdlog.Writer(), stdlog.Flags(), stdlog.Prefix()
	stdlog.SetOutput(standardLog{log})
	stdlog.SetFlags(0)
	stdlog.SetPrefix("")
	return func() {
		stdlog.SetOutput(out)
		stdlog.SetFlags(flags)
		stdlog.SetPrefix(prefix)
	}
}

type standardLog struct{ log logrus.FieldLogger }

// Write logs a line. Nothing that our code wants to be seen comes this way.
func (s standardLog) Write(line []byte) (int, error) {
	s.log.Debug(strings.TrimSpace(string(line)))
	return len(line), nil
}
