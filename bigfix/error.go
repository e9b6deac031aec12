package bigfix

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// Kind says what an [Error] means for the caller. Kinds are errors, to be
// asked for with errors.Is:
//
//	if errors.Is(err, bigfix.ErrUnauthorized) { … }
type Kind string

// The kinds, one for each thing that a caller can do about an error.
const (
	// ErrUnauthorized: the server rejects the token, or the user and password.
	// Somebody has to renew them; asking again at once is of no use.
	ErrUnauthorized Kind = "not authorized"
	// ErrForbidden: the token is right and its owner lacks the permission
	// Manage Imports.
	ErrForbidden Kind = "not permitted"
	// ErrNotThisServer: something answers at this address, but not this API:
	// an HTML page, a redirect, 404. The address is wrong, a proxy answers, or
	// it is the login page of a server that doesn't know the token.
	ErrNotThisServer Kind = "not this server"
	// ErrBadRequest: the server understood and refuses, mostly with a message.
	// It documents status 500 for that, so this is also what a server says
	// that has trouble with its database in mid-import.
	ErrBadRequest Kind = "bad request"
	// ErrUnavailable: no usable answer. Nothing can be concluded from it about
	// any import, and the next look may well be answered.
	ErrUnavailable Kind = "unavailable"
	// ErrUnsupported: this edition can't do that. Nothing was sent.
	ErrUnsupported Kind = "not supported"
)

func (k Kind) Error() string { return "bigfix: " + string(k) }

// Error is what every method of a [Client] returns when it fails. No text in
// it, and none in the errors that it wraps, holds the token or the password,
// not even where the server sent them back.
type Error struct {
	Kind    Kind
	Op      string // what was being done: "status", "start raw_only", "get token"
	Status  int    // HTTP status of the answer, 0 if there was none
	Message string // the server's own words, at most 300 runes, "" if it had none
	Unsent  bool   // see NotSent
	Err     error  // the cause underneath; may be nil
}

// Error names the operation, the reason and the server's message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("bigfix: ")
	b.WriteString(e.Op)
	b.WriteString(": ")
	reason := e.Reason()
	if !strings.HasPrefix(reason, string(e.Kind)) {
		b.WriteString(string(e.Kind))
		b.WriteString(": ")
	}
	b.WriteString(reason)
	if e.Message != "" {
		fmt.Fprintf(&b, ": %q", e.Message)
	}
	return b.String()
}

// GoString is Error: so that no verb of package fmt shows more.
func (e *Error) GoString() string { return e.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrUnauthorized) and the like work.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

// NotSent reports whether it is certain that the request never reached the
// server: the connection was refused, the name unknown, the TLS handshake
// failed, or the request was held back on this side, by a fence (see
// [WithFence]) or because its time was over. After a failed
// [Client.Start] it tells apart "nothing was started" (true) from "nobody
// knows, keep looking" (false).
func (e *Error) NotSent() bool { return e.Unsent }

// Reason says in a few words for people what went wrong: "connection refused",
// "no answer within 20s", "HTTP 502", "certificate not trusted". It has no
// server message in it.
func (e *Error) Reason() string {
	if e.Err != nil {
		if words := reasonOf(e.Err); words != "" {
			return words
		}
		return oneLine(e.Err.Error())
	}
	if e.Status != 0 {
		return fmt.Sprintf("HTTP %d", e.Status)
	}
	return string(e.Kind)
}

// reason is an error whose text is already made for people.
type reason string

func (r reason) Error() string { return string(r) }

// reasonOf finds the words for errors that come from below HTTP.
func reasonOf(err error) string {
	var made reason
	var slow tooSlow
	var dns *net.DNSError
	var netErr net.Error
	switch {
	case errors.As(err, &made):
		return string(made)
	case errors.As(err, &slow):
		return slow.Error()
	case errors.As(err, new(tooLate)):
		return tooLate{}.Error()
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return "no such host name"
		}
		return "host name can't be resolved"
	case isCertificate(err):
		return certificateWords(err)
	case errors.As(err, new(tls.RecordHeaderError)), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS there"
	case errors.As(err, new(tls.AlertError)):
		return "TLS handshake failed"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to the server"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return "no answer in time"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "answer cut short"
	case errors.Is(err, io.EOF):
		return "connection closed without an answer"
	}
	return ""
}

func isCertificate(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(x509.CertificateInvalidError))
}

func certificateWords(err error) string {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	switch {
	case errors.As(err, &host) && namesNoHost(host.Certificate):
		return "certificate names no host in its SAN; the server needs a new one"
	case errors.As(err, &host):
		return "certificate is for another host name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return validityWords(invalid.Cert, time.Now())
	}
	return "certificate not trusted"
}

// validityWords says when a certificate expired, or from when it is valid.
func validityWords(c *x509.Certificate, now time.Time) string {
	const minute = "2006-01-02 15:04 UTC"
	switch {
	case c == nil:
		return "certificate expired or not yet valid"
	case now.Before(c.NotBefore):
		return "certificate not valid before " + c.NotBefore.UTC().Format(minute)
	}
	return "certificate expired " + c.NotAfter.UTC().Format(minute)
}

// namesNoHost tells certificates that have a host in their common name alone,
// where nothing looks for it any more: no setting on this side helps.
func namesNoHost(c *x509.Certificate) bool {
	return c != nil && len(c.DNSNames) == 0 && len(c.IPAddresses) == 0
}
