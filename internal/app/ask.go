package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"importbot/bigfix"
	"importbot/internal/config"
)

// client makes the REST client of one server. noLoginBefore holds back a login that was rejected; zero where none is known.
func client(s config.Server, noLoginBefore time.Time) (*bigfix.Client, error) {
	c, err := bigfix.New(bigfix.Config{
		URL:      s.URL,
		Edition:  s.Edition,
		Token:    s.Token.Reveal(),
		User:     s.User,
		Password: s.Password.Reveal(),
		TokenIn:  s.TokenIn,
		CAFile:   s.CAFile,
		Insecure: s.Insecure,
		Timeout:  s.Timeout,

		NoLoginBefore: noLoginBefore,
	})
	if err != nil {
		return nil, &exit{exitUsage, fmt.Errorf("server %s: %w", s.Name, err)}
	}
	return c, nil
}

// choose returns the servers that are meant: the one that is named, or all.
func choose(servers []config.Server, name string) ([]config.Server, error) {
	if name == "" {
		return servers, nil
	}
	var names []string
	for _, s := range servers {
		if strings.EqualFold(s.Name, name) {
			return []config.Server{s}, nil
		}
		names = append(names, s.Name)
	}
	return nil, misused("There is no server %q. Configured: %s.", name, strings.Join(names, ", "))
}

// codeOf is the exit status that stands for an error of the client.
func codeOf(err error) int {
	switch {
	case err == nil:
		return exitWell
	case errors.Is(err, bigfix.ErrUnavailable):
		return exitUnreachable
	case errors.Is(err, bigfix.ErrUnauthorized), errors.Is(err, bigfix.ErrForbidden), errors.Is(err, bigfix.ErrNotThisServer),
		errors.Is(err, bigfix.ErrUnsupported):
		return exitUsage
	}
	return exitFailed
}

// explain says what an error of the client means and what to do, in a sentence or two.
func explain(s config.Server, err error) string {
	var e *bigfix.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	words := ""
	if e.Message != "" {
		words = fmt.Sprintf(" It says: %q.", e.Message)
	}
	switch {
	case errors.Is(err, bigfix.ErrUnauthorized):
		return fmt.Sprintf("%s rejects the credentials (%s). Renew %s.%s", s.Name, e.Reason(), s.TokenVariable, words)
	case errors.Is(err, bigfix.ErrForbidden):
		return fmt.Sprintf("%s does not permit it (%s). The user of %s needs the permission Manage Imports.%s", s.Name, e.Reason(), s.TokenVariable, words)
	case errors.Is(err, bigfix.ErrNotThisServer):
		return fmt.Sprintf("What answers at %s is no BigFix Inventory or License Metric Tool: %s. Check the address, and the credentials: some servers answer a wrong token with their login page.%s",
			s.URL, e.Reason(), words)
	case errors.Is(err, bigfix.ErrUnavailable):
		return fmt.Sprintf("I can't reach %s: %s.%s%s", s.Name, e.Reason(), certificateHint(s, err), words)
	case errors.Is(err, bigfix.ErrUnsupported):
		return oneKind(s)
	}
	return fmt.Sprintf("%s refuses: %s.%s", s.Name, e.Reason(), words)
}

// oneKind answers who wants a raw import of a License Metric Tool.
func oneKind(s config.Server) string {
	return fmt.Sprintf("License Metric Tool knows one kind of import only. Try `importbot start complete %s`.", s.Name)
}

// certificateHint says what to do about a certificate: servers have a self-signed one unless somebody gave them another, so a first
// try mostly ends here. It is "" for every other error.
func certificateHint(s config.Server, err error) string {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	switch {
	case !errors.As(err, new(*tls.CertificateVerificationError)):
		return ""
	case errors.As(err, &host):
		return hostHint(host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf(" If the clock of this machine is right (it shows %s), the server has to be given another; a self-signed one has to be given with %s, too.",
			time.Now().UTC().Format("2006-01-02 15:04 UTC"), s.CAFileVariable)
	case s.CAFile != "":
		return fmt.Sprintf(" %s names another one: give the server's own, or that of the authority that signed it.", s.CAFileVariable)
	}
	return fmt.Sprintf(" Give its certificate with %s.", s.CAFileVariable)
}

// maxHosts is how many hosts of a certificate are named.
const maxHosts = 5

// hostHint says for which hosts a certificate is, and what to do where the address names another.
func hostHint(e x509.HostnameError) string {
	var hosts []string
	if e.Certificate != nil {
		hosts = slices.Clone(e.Certificate.DNSNames)
		for _, ip := range e.Certificate.IPAddresses {
			hosts = append(hosts, ip.String())
		}
	}
	if len(hosts) == 0 {
		return fmt.Sprintf(" It has to have %s among its subject alternative names.", e.Host)
	}
	and := ""
	if more := len(hosts) - maxHosts; more > 0 {
		hosts, and = hosts[:maxHosts], fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf(" It is for %s%s: give the server's address with that name, or have the server given a certificate for %s.",
		printable(strings.Join(hosts, ", ")), and, e.Host)
}
