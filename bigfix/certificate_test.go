package bigfix_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"importbot/bigfix"
)

// A certificate that is trusted, and for another host, or for none (the older servers' own have the host in the common name alone), or at
// another time.
func TestCertificateThatIsTrustedAndNoGood(t *testing.T) {
	const form = "2006-01-02 15:04 UTC"
	now := time.Now().UTC()
	long, ago, soon := now.Add(-48*time.Hour), now.Add(-24*time.Hour), now.Add(24*time.Hour)
	for _, tt := range []struct {
		name       string
		hosts      []string
		from, till time.Time
		want       string
	}{
		{"common name only", nil, ago, soon, "certificate names no host in its SAN; the server needs a new one"},
		{"another host", []string{"other.example.com"}, ago, soon, "certificate is for another host name"},
		{"expired", []string{"other.example.com"}, long, ago, "certificate expired " + ago.Format(form)},
		{"not yet valid", nil, soon, soon.Add(time.Hour), "certificate not valid before " + soon.Format(form)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pair, ca := certificateFor(t, tt.hosts, tt.from, tt.till)
			srv := httptest.NewUnstartedServer(http.NotFoundHandler())
			srv.Config.ErrorLog = log.New(io.Discard, "", 0)
			srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
			srv.StartTLS()
			defer srv.Close()
			c := newClient(t, bigfix.Config{URL: srv.URL, Token: "0123456789", CAFile: ca})
			_, err := c.Status(patient(t))
			if e := asError(t, err); e.Reason() != tt.want || !e.NotSent() {
				t.Errorf("got %v, not sent %t; want %q", err, e.NotSent(), tt.want)
			}
		})
	}
}

// certificateFor makes a self-signed certificate, and writes it to a file.
func certificateFor(t *testing.T, hosts []string, from, till time.Time) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, DNSNames: hosts,
		NotBefore: from, NotAfter: till,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}
