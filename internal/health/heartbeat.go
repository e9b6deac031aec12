package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	// beatWithin is how long one request may take, redirects and the answer's end included.
	beatWithin = 10 * time.Second
	// unreadyPause is how often a process that is not ready looks whether it is.
	unreadyPause = time.Second
	maxRedirects = 3
	// maxAnswer is how much of an answer is read, so that the connection can be used again.
	maxAnswer = 64 << 10
)

// Heartbeat asks for an address once a minute while this process is ready, and at once when it becomes so. What stands
// behind the address, a dead man's switch, raises the alarm when it has not been asked for a while: because the process
// is not ready, is gone, or its machine is.
//
// Whoever knows the address can keep the alarm from being raised, so it stands in no log line and no error, nor does any
// part of it. A redirect is followed on the same host and never from https to http: a request that is redirected tells
// the new host the old address.
type Heartbeat struct {
	// URL is asked with GET; any 2xx is well.
	URL   string
	Ready func(context.Context) bool
	// Every is the time between two beats: a minute where it is 0.
	Every time.Duration
	// Transport is a fresh one, which honours HTTPS_PROXY, where it is nil.
	Transport http.RoundTripper
	// Sent is told how each beat went; may be nil.
	Sent func(ok bool)
	Log  logrus.FieldLogger
}

// Run beats until ctx ends, and then returns nil. A beat that fails is logged once for a row of failures. The error is an
// address that can't be one, without the address.
func (h Heartbeat) Run(ctx context.Context) error {
	address, err := url.Parse(h.URL)
	if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return errors.New("HEARTBEAT_URL is not an address like https://example.org/ping/…")
	}
	if h.Every <= 0 {
		h.Every = time.Minute
	}
	client, done := h.client()
	defer done()
	var row row
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		if !h.Ready(ctx) {
			pause.Reset(unreadyPause)
			continue
		}
		pause.Reset(h.Every)
		err := beat(ctx, client, address.String())
		if ctx.Err() != nil {
			return nil
		}
		if h.Sent != nil {
			h.Sent(err == nil)
		}
		row.note(h.Log, err)
	}
}

// client is one that leads nowhere else; done ends its connections.
func (h Heartbeat) client() (c *http.Client, done func()) {
	transport := h.Transport
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		transport = own
	}
	c = &http.Client{Transport: transport, Timeout: beatWithin, CheckRedirect: stay}
	return c, c.CloseIdleConnections
}

// errElsewhere is a redirect that is not followed.
var errElsewhere = errors.New("it redirects to another host, which is not followed; put the final address into HEARTBEAT_URL")

func stay(next *http.Request, via []*http.Request) error {
	last := via[len(via)-1].URL
	switch {
	case next.URL.Hostname() != last.Hostname(), last.Scheme == "https" && next.URL.Scheme != "https":
		return errElsewhere
	case len(via) > maxRedirects:
		return errRound
	}
	return nil
}

var errRound = errors.New("it redirects in circles")

// beat asks once. Its error holds no part of the address.
func beat(ctx context.Context, client *http.Client, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("the address can't be asked for")
	}
	request.Header.Set("User-Agent", "importbot")
	response, err := client.Do(request)
	if err != nil {
		return errors.New(plain(err))
	}
	defer response.Body.Close()
	io.CopyN(io.Discard, response.Body, maxAnswer) //nolint:errcheck // the status is the answer
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	return nil
}

// plain says why a request failed in words of our own: those of net/http quote the address, or the host, or a proxy with
// its password.
func plain(err error) string {
	var (
		timeout  net.Error
		unknown  *net.DNSError
		signer   x509.UnknownAuthorityError
		name     x509.HostnameError
		invalid  x509.CertificateInvalidError
		untrust  *tls.CertificateVerificationError
		alert    tls.AlertError
		record   tls.RecordHeaderError
		errno    syscall.Errno
		tooShort = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	)
	switch {
	case errors.Is(err, errElsewhere):
		return errElsewhere.Error()
	case errors.Is(err, errRound):
		return errRound.Error()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("no answer within %s", beatWithin)
	case errors.As(err, &unknown):
		return "its host name can't be resolved"
	case errors.As(err, &signer):
		return "its certificate is signed by nobody this machine trusts"
	case errors.As(err, &name):
		return "its certificate is for another host"
	case errors.As(err, &invalid), errors.As(err, &untrust):
		return "its certificate is not valid"
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return "it does not speak TLS; is it http:// perhaps?"
	case errors.As(err, &alert):
		return "it refuses TLS: " + alert.Error()
	case errors.As(err, &errno):
		return errno.Error()
	case tooShort:
		return "it closed the connection without an answer"
	}
	return "no usable answer"
}

// row is a row of beats that failed.
type row struct {
	since time.Time
	beats int
}

// note logs the first failure of a row, and the end of the row.
func (r *row) note(log logrus.FieldLogger, err error) {
	switch {
	case err != nil && r.beats == 0:
		log.Warnf("The heartbeat was not taken: %v. It is tried again every time it is due; this is said once", err)
		*r = row{time.Now(), 1}
	case err != nil:
		r.beats++
	case r.beats > 0:
		log.Infof("The heartbeat is taken again, after %d that failed in %s", r.beats, time.Since(r.since).Round(time.Second))
		*r = row{}
	}
}
