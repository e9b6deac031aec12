package bigfixtest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

// cutRuns cuts requests with run= at a point.
func cutRuns(at bigfixtest.Point) func(bigfixtest.Point, bigfixtest.Request) bigfixtest.Verdict {
	return func(point bigfixtest.Point, r bigfixtest.Request) bigfixtest.Verdict {
		if point == at && r.Run != "" {
			return bigfixtest.Cut
		}
		return bigfixtest.Pass
	}
}

// What a cut leaves behind depends on where it comes: nothing, an import that nobody was told of, or all that would have
// been anyway.
func TestCutAtEachPoint(t *testing.T) {
	for _, tt := range []struct {
		at       bigfixtest.Point
		imports  int
		answered bool
		answer   bigfixtest.Answer
		did      string
	}{
		{bigfixtest.Arrived, 0, false, bigfixtest.AnswerDrop, ""},
		{bigfixtest.Taken, 1, false, bigfixtest.AnswerDrop, "started import 1"},
		{bigfixtest.Answered, 1, true, bigfixtest.AnswerStatus, "started import 1"},
	} {
		t.Run(tt.at.String(), func(t *testing.T) {
			srv := newServer(t)
			cancel := srv.Intercept(cutRuns(tt.at))
			c := newClient(t, srv.Config())
			if _, err := c.Status(patient(t)); err != nil {
				t.Fatalf("a look that nobody cuts: %v", err)
			}
			_, err := c.Start(patient(t), bigfix.TypeRaw)
			if answered := err == nil; answered != tt.answered {
				t.Errorf("the start returned %v", err)
			}
			j := srv.Journal()
			if len(j.Imports) != tt.imports {
				t.Errorf("%d imports began, want %d", len(j.Imports), tt.imports)
			}
			runs := j.Runs()
			if len(runs) != 1 || runs[0].N != 2 || runs[0].Answer != tt.answer || runs[0].Did != tt.did || (runs[0].Status == 0) == tt.answered {
				t.Errorf("the journal has %+v", runs)
			}

			cancel()
			srv.Clock().Advance(time.Hour)
			if _, err := c.Start(patient(t), bigfix.TypeRaw); err != nil {
				t.Errorf("cut after it was cancelled: %v", err)
			}
		})
	}
}

// Who intercepts is told of every request, in the order of the points; may block, and ask the server meanwhile.
func TestInterceptMayBlock(t *testing.T) {
	srv := newServer(t)
	reached, release := make(chan struct{}), make(chan struct{})
	points := make(chan bigfixtest.Point, 4)
	srv.Intercept(func(at bigfixtest.Point, r bigfixtest.Request) bigfixtest.Verdict {
		points <- at
		if at == bigfixtest.Taken {
			if last := srv.Journal().Requests; len(last) != 1 || last[0].N != r.N {
				t.Errorf("taken, the journal has %+v", last)
			}
			close(reached)
			<-release
		}
		return bigfixtest.Pass
	})
	c := newClient(t, srv.Config())
	done := make(chan error)
	go func() {
		_, err := c.Start(patient(t), bigfix.TypeComplete)
		done <- err
	}()
	<-reached
	if !srv.Busy(midday) {
		t.Error("between its effect and its answer, no import runs")
	}
	select {
	case err := <-done:
		t.Errorf("answered before it was let go: %v", err)
	default:
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, want := range []bigfixtest.Point{bigfixtest.Arrived, bigfixtest.Taken, bigfixtest.Answered} {
		if got := <-points; got != want {
			t.Errorf("asked when it was %v, want %v", got, want)
		}
	}
}

// Several who intercept are all asked, and one cut is enough. A server that restarts asks nobody.
func TestSeveralIntercept(t *testing.T) {
	srv := newServer(t)
	var first, second atomic.Int32
	srv.Intercept(func(bigfixtest.Point, bigfixtest.Request) bigfixtest.Verdict { first.Add(1); return bigfixtest.Cut })
	srv.Intercept(func(bigfixtest.Point, bigfixtest.Request) bigfixtest.Verdict { second.Add(1); return bigfixtest.Pass })
	c := newClient(t, srv.Config())
	if _, err := c.Start(patient(t), bigfix.TypeRaw); err == nil {
		t.Error("not cut")
	}
	if first.Load() != 1 || second.Load() != 1 {
		t.Errorf("asked %d and %d times", first.Load(), second.Load())
	}
	srv.RestartAt(midday, time.Minute)
	if _, err := c.Start(patient(t), bigfix.TypeRaw); err == nil {
		t.Error("answered while it restarts")
	}
	if first.Load() != 1 {
		t.Error("asked while it restarts")
	}
}

// Every token is wrong for a while, in the middle of an import, and then the same ones are right again.
func TestTokensAreRejectedAndAcceptedAgain(t *testing.T) {
	for _, tt := range []struct {
		how  bigfixtest.Answer
		want bigfix.Kind
	}{
		{"", bigfix.ErrUnauthorized},
		{bigfixtest.AnswerHTML, bigfix.ErrNotThisServer},
	} {
		srv := newServer(t, bigfixtest.WithDoubts(bigfixtest.Doubts{WrongToken: tt.how}))
		c := newClient(t, srv.Config())
		if _, err := c.Start(patient(t), bigfix.TypeComplete); err != nil {
			t.Fatal(err)
		}
		srv.RejectTokens()
		if _, err := c.Status(patient(t)); !errors.Is(err, tt.want) {
			t.Errorf("rejected: %v, want %v", err, tt.want)
		}
		srv.AcceptTokens()
		if st, err := c.Status(patient(t)); err != nil || st.Mode != bigfix.ModeRunning {
			t.Errorf("accepted again: %v, %v", st.Mode, err)
		}
	}
}

// A renewed certificate is met at the next handshake, whether or not one was met before.
func TestRenewedCertificate(t *testing.T) {
	srv := bigfixtest.NewTLSServer(bigfixtest.WithClock(bigfixtest.NewClock(midday)))
	defer srv.Close()
	trust := func() *bigfix.Client {
		file, err := srv.WriteCertificate(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		cfg := srv.Config()
		cfg.CAFile = file
		return newClient(t, cfg)
	}
	trusts := func(c *bigfix.Client) bool {
		_, err := c.Status(patient(t))
		if err != nil && !errors.As(err, new(*tls.CertificateVerificationError)) {
			t.Errorf("fails otherwise: %v", err)
		}
		return err == nil
	}
	old := trust()
	if !trusts(old) {
		t.Fatal("the first certificate is not trusted by who has it")
	}
	restore := srv.RenewCertificate()
	if !trusts(old) {
		t.Error("a connection that is open was cut")
	}
	srv.Stop()
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	if trusts(old) {
		t.Error("the renewed certificate is trusted by who has the one before")
	}
	if !trusts(trust()) {
		t.Error("the renewed certificate is not trusted by who has it")
	}
	restore()
	if !trusts(old) {
		t.Error("the first certificate is back, and not trusted")
	}
	plain := newServer(t)
	plain.RenewCertificate()()
	if plain.CertificatePEM() != nil {
		t.Error("a server without TLS has a certificate")
	}
}

// A client of any kind that keeps sessions can't skip the check of a renewed certificate by resuming one.
func TestNoSessionIsResumed(t *testing.T) {
	srv := bigfixtest.NewTLSServer()
	defer srv.Close()
	sessions := tls.NewLRUClientSessionCache(1)
	for range 2 {
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ClientSessionCache: sessions}}
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialTLSContext: dialer.DialContext}}
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, srv.URL+statusPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if _, ok := sessions.Get("127.0.0.1"); ok {
		t.Error("a session can be resumed")
	}
}
