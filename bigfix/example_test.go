package bigfix_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

// A whole program: look, start, follow to the end. The server is a simulated
// one whose clock stands still until it is moved, where a real program waits.
func Example() {
	clock := bigfixtest.NewClock(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	srv := bigfixtest.NewServer(bigfixtest.WithClock(clock))
	defer srv.Close()
	wait := func() { clock.Advance(time.Minute) } // really: a time.Ticker and ctx.Done()

	ctx := context.Background()
	c, err := bigfix.New(bigfix.Config{URL: srv.URL, Token: srv.Token})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	before, err := c.Status(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if !before.Mode.NotRunning() || !before.MayRun() {
		log.Fatalf("can't start now: mode %s, may start: %t", before.Mode, before.MayRun())
	}
	if _, err := c.Start(ctx, bigfix.TypeRaw); err != nil {
		var e *bigfix.Error
		if errors.As(err, &e) && e.NotSent() {
			log.Fatal("nothing was started: ", err)
		}
		log.Print("perhaps started: ", err) // look, and never start again
	}
	for {
		wait()
		s, err := c.Status(ctx)
		switch {
		case err != nil:
			fmt.Println("no answer, looking again later")
		case s.Mode == bigfix.ModeRunning && s.Progress != nil:
			fmt.Printf("running, %d %%\n", *s.Progress)
		case s.Mode.NotRunning() && s.LastImportTime.After(before.LastImportTime):
			fmt.Printf("the server reports a %s import: %s\n", s.LastImportType, s.LastStatus)
			return
		}
	}
	// Output:
	// running, 33 %
	// running, 65 %
	// the server reports a raw_only import: successful
}

func ExampleClient_Status() {
	srv := bigfixtest.NewServer(bigfixtest.WithClock(bigfixtest.NewClock(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))))
	defer srv.Close()
	c, err := bigfix.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	s, err := c.Status(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("mode:", s.Mode)
	fmt.Println("last import:", s.LastImportType, s.LastStatus, s.LastImportTime)
	fmt.Println("last success:", s.ServerTime().Sub(s.LastSuccessTime), "ago")
	fmt.Println("next import:", s.NextImportType, "in", s.NextImportIn)
	// Output:
	// mode: idle
	// last import: complete successful 2026-03-04 00:42:00 +0000 UTC
	// last success: 11h18m0s ago
	// next import: complete in 12h0m0s
}

// License Metric Tool knows one kind of import only.
func ExampleClient_Start() {
	srv := bigfixtest.NewServer(bigfixtest.WithEdition(bigfix.ILMT))
	defer srv.Close()
	c, err := bigfix.New(bigfix.Config{URL: srv.URL, Edition: bigfix.ILMT, Token: srv.Token})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	_, err = c.Start(context.Background(), bigfix.TypeRaw)
	fmt.Println(err)
	s, err := c.Start(context.Background(), bigfix.TypeComplete)
	fmt.Println(s.Mode, err)
	// Output:
	// bigfix: start raw_only: not supported: License Metric Tool knows one kind of import only: start a complete one
	// running <nil>
}

// Each kind of error calls for something else.
func ExampleError() {
	srv := bigfixtest.NewServer()
	defer srv.Close()
	c, err := bigfix.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	for _, answer := range []bigfixtest.Answer{bigfixtest.Answer401, bigfixtest.Answer403, bigfixtest.AnswerHTML, bigfixtest.Answer500, bigfixtest.AnswerCut} {
		srv.Fail(bigfixtest.Fault{Answer: answer, Times: 1})
		_, err := c.Status(context.Background())
		var e *bigfix.Error
		if !errors.As(err, &e) {
			log.Fatal(err)
		}
		switch {
		case errors.Is(err, bigfix.ErrUnauthorized):
			fmt.Println("renew the token:", e.Reason())
		case errors.Is(err, bigfix.ErrForbidden):
			fmt.Println("ask for Manage Imports:", e.Reason())
		case errors.Is(err, bigfix.ErrNotThisServer):
			fmt.Println("check the address:", e.Reason())
		case errors.Is(err, bigfix.ErrBadRequest):
			fmt.Println("the server says:", e.Message)
		case errors.Is(err, bigfix.ErrUnavailable):
			fmt.Println("look again later:", e.Reason())
		}
	}
	// Output:
	// renew the token: HTTP 401
	// ask for Manage Imports: HTTP 403
	// check the address: answers with an HTML page
	// the server says: Bad Request
	// look again later: answer cut short
}

// A start whose answer is lost may have been taken. It is not sent again.
func ExampleError_NotSent() {
	srv := bigfixtest.NewServer()
	defer srv.Close()
	c, err := bigfix.New(srv.Config())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	start := func() {
		_, err := c.Start(context.Background(), bigfix.TypeComplete)
		var e *bigfix.Error
		if errors.As(err, &e) {
			fmt.Printf("%s; certainly not sent: %t\n", e.Reason(), e.NotSent())
		}
	}

	srv.Fail(bigfixtest.Fault{On: bigfixtest.Runs, Answer: bigfixtest.AnswerDrop, Taken: true, Times: 1})
	start()
	fmt.Println("imports on the server:", len(srv.Journal().Imports))
	srv.Stop()
	start()
	// Output:
	// connection closed without an answer; certainly not sent: false
	// imports on the server: 1
	// connection refused; certainly not sent: true
}

// With user and password the client fetches a token, and another one when the
// server takes it no longer.
func ExampleConfig() {
	srv := bigfixtest.NewTLSServer(bigfixtest.WithLogin("importer", "secret"))
	defer srv.Close()
	cfg := bigfix.Config{
		URL:      srv.URL,
		User:     "importer",
		Password: "secret",
		Insecure: true, // better: CAFile with the server's certificate in it
		Timeout:  30 * time.Second,
	}
	c, err := bigfix.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		s, err := c.Status(context.Background())
		fmt.Println(s.Mode, err)
		srv.RevokeTokens()
	}
	// Output:
	// idle <nil>
	// idle <nil>
}

// The decoder can be had without a client, for answers that were stored.
func ExampleParseStatus() {
	s, err := bigfix.ParseStatus([]byte(`{"mode": "running", "progress": "59"}`))
	fmt.Println(s.Mode, *s.Progress, err)
	_, err = bigfix.ParseStatus([]byte(`{"mode": "running", "prog`))
	fmt.Println(err)
	// Output:
	// running 59 <nil>
	// answer is not JSON: unexpected EOF
}
