package bigfixtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certificate is a self-signed one for loopback.
type certificate struct {
	pair tls.Certificate
	pem  []byte
}

// newCertificate panics where the machine has no randomness, as NewTLSServer
// does where it has no port.
func newCertificate() *certificate {
	c, err := selfSigned()
	if err != nil {
		panic(fmt.Errorf("bigfixtest: certificate: %w", err))
	}
	return c
}

func selfSigned() (*certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "bigfixtest"},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &certificate{
		pair: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem:  pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	}, nil
}

// handshake is the certificate for one more connection.
func (s *Server) handshake(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &s.cert.pair, nil
}

// RenewCertificate gives the server a new self-signed certificate, which who
// trusts the one before does not trust: what administrators do once a year and
// tell nobody. It counts from the next handshake on: connections that are open
// stay open, and Stop and Start cut them. restore puts the certificate back
// that was there before. Without TLS nothing happens.
func (s *Server) RenewCertificate() (restore func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.cert
	if before == nil {
		return func() {}
	}
	s.cert = newCertificate()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cert = before
	}
}

// CertificatePEM is the server's certificate, to trust it; nil without TLS.
func (s *Server) CertificatePEM() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cert == nil {
		return nil
	}
	return s.cert.pem
}

// WriteCertificate writes the certificate into a file in dir and returns the
// file's path, for [bigfix.Config.CAFile].
func (s *Server) WriteCertificate(dir string) (string, error) {
	path := filepath.Join(dir, "bigfixtest.pem")
	if err := os.WriteFile(path, s.CertificatePEM(), 0o600); err != nil {
		return "", fmt.Errorf("bigfixtest: %w", err)
	}
	return path, nil
}
