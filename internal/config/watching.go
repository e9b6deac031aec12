package config

import (
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// This file reads what those need who watch the bot: where health and metrics are served, the heartbeat, the audit log.

const (
	listenExample    = "127.0.0.1:9480 for this machine alone, or :9480 for all addresses"
	heartbeatExample = "https://hc.example.com/ping/YOUR-ID"
)

// listenAddr reads host:port, or off, which is "".
func listenAddr(text string) (string, error) {
	if strings.EqualFold(text, "off") {
		return "", nil
	}
	problem := "is " + shown(text)
	host, port, err := net.SplitHostPort(text)
	switch {
	case err != nil && onlyDigits(text):
		return "", &wrong{problem + ", a port alone", "write 127.0.0.1:" + text + " for this machine alone, or :" + text + " for all addresses"}
	case strings.Contains(text, "://"):
		return "", &wrong{problem + ", a URL", "write " + listenExample}
	case err != nil && net.ParseIP(text) != nil:
		return "", &wrong{problem + ", which has no port", "write " + net.JoinHostPort(text, "9480")}
	case err != nil:
		return "", &wrong{problem + ", which is no host:port", "write " + listenExample + "; an IPv6 address stands in [brackets]; off switches it off"}
	case host == "*":
		return "", &wrong{problem, "write :" + port + " for all addresses"}
	case strings.ContainsFunc(host, func(r rune) bool { return unicode.IsSpace(r) || r == '/' || r == '@' }):
		return "", &wrong{problem + ", which is no host:port", "write " + listenExample}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "", &wrong{problem + ", whose port is no number from 1 to 65535", "write " + listenExample}
	}
	return text, nil
}

// heartbeat reads HEARTBEAT_URL.
func (r *reader) heartbeat() Secret {
	found := value(r, whole, heartbeatURL, Secret{}, heartbeatAddress)
	if u, err := url.Parse(found.Reveal()); err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		r.warn("%s is http://: anybody between here and there can read it, and then keep the alarm quiet; write it with https://", r.nameOf(whole, heartbeatURL))
	}
	return found
}

// heartbeatAddress reads a URL that is a secret, so nothing of it is quoted.
func heartbeatAddress(text string) (Secret, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") || strings.ContainsFunc(text, unicode.IsSpace) {
		return Secret{}, &wrong{"is no URL that can be asked", "write it like " + heartbeatExample}
	}
	return NewSecret(text), nil
}

// audit reads AUDIT_LOG.
func (r *reader) audit() string {
	return value(r, whole, auditLog, "", func(text string) (string, error) {
		if strings.EqualFold(text, "stderr") {
			return "stderr", nil
		}
		return text, auditFile(text)
	})
}

// auditFile checks that lines can be appended to a file, which is made at the first one.
func auditFile(path string) error {
	const do = "write the path of a file, like /var/log/importbot/audit.jsonl, or stderr"
	if strings.EqualFold(path, "off") || strings.EqualFold(path, "stdout") || strings.Contains(path, "://") {
		return &wrong{"is " + shown(path), do + "; leave it empty for no audit log"}
	}
	if err := inDirectory(path, do); err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return &wrong{"is the directory " + shown(path), "write the path of a file in it, like " + filepath.Join(path, "audit.jsonl")}
	case err == nil && !info.Mode().IsRegular():
		return &wrong{"is " + shown(path) + ", which is no file", do}
	}
	if err := appendable(path, err == nil); err != nil {
		return &wrong{"is " + shown(path) + ", which can't be written to", reasonOf(err)}
	}
	return nil
}

// appendable tries it, without leaving anything behind.
func appendable(path string, exists bool) error {
	if exists {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		return f.Close()
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".importbot-*")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}
