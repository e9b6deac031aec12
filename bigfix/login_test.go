package bigfix_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

// loginStory is a server and a client that knows user and password only. Both
// live by one clock.
func loginStory(t *testing.T, opts ...bigfixtest.Option) (*bigfixtest.Server, *bigfix.Client) {
	t.Helper()
	srv := newServer(t, opts...)
	cfg := srv.LoginConfig()
	cfg.Now = srv.Clock().Now
	return srv, newClient(t, cfg)
}

// logins counts the requests for a token.
func logins(srv *bigfixtest.Server) int {
	n := 0
	for _, r := range srv.Journal().Requests {
		if r.Path == "/api/get_token" {
			n++
		}
	}
	return n
}

func TestTokenByPassword(t *testing.T) {
	for _, edition := range []bigfix.Edition{bigfix.BFI, bigfix.ILMT} {
		srv, c := loginStory(t, bigfixtest.WithEdition(edition))
		mustStatus(t, c)
		mustStatus(t, c)
		if _, err := c.Start(patient(t), bigfix.TypeComplete); err != nil {
			t.Errorf("%s: %v", edition, err)
		}
		if got := logins(srv); got != 1 {
			t.Errorf("%s: %d logins, want 1", edition, got)
		}
	}
}

// A start needs no look before it to have a token, and its run= is still one.
func TestStartFetchesAToken(t *testing.T) {
	srv, c := loginStory(t)
	if _, err := c.Start(patient(t), bigfix.TypeRaw); err != nil {
		t.Error(err)
	}
	if runs := srv.Journal().Runs(); len(runs) != 1 || !runs[0].Right {
		t.Errorf("runs: %+v", runs)
	}
}

// A look that is answered 401 fetches the token again and asks once more.
func TestTokenExpires(t *testing.T) {
	srv, c := loginStory(t)
	mustStatus(t, c)
	srv.RevokeTokens()
	mustStatus(t, c)
	if got := logins(srv); got != 2 {
		t.Errorf("%d logins, want 2", got)
	}
}

// A start that is answered 401 is not sent again. The next look makes good.
func TestTokenExpiresAtStart(t *testing.T) {
	srv, c := loginStory(t)
	mustStatus(t, c)
	srv.RevokeTokens()
	if _, err := c.Start(patient(t), bigfix.TypeRaw); !errors.Is(err, bigfix.ErrUnauthorized) {
		t.Errorf("start: %v", err)
	}
	if runs := srv.Journal().Runs(); len(runs) != 1 {
		t.Errorf("run= was sent %d times", len(runs))
	}
	mustStatus(t, c)
	if _, err := c.Start(patient(t), bigfix.TypeRaw); err != nil {
		t.Errorf("second start: %v", err)
	}
}

// Servers that show their login page in place of a 401 are understood too.
func TestTokenExpiresIntoALoginPage(t *testing.T) {
	for _, page := range []bigfixtest.Answer{bigfixtest.AnswerHTML, bigfixtest.AnswerRedirect} {
		srv, c := loginStory(t, bigfixtest.WithDoubts(bigfixtest.Doubts{WrongToken: page, TokenLifetime: 8 * time.Hour}))
		mustStatus(t, c)
		srv.Clock().Advance(9 * time.Hour)
		mustStatus(t, c)
		if got := logins(srv); got != 2 {
			t.Errorf("%s: %d logins, want 2", page, got)
		}
	}
}

// Invariant 10: a rejected password is left alone for an hour, whatever is
// asked and however often, because accounts get locked.
func TestRejectedPasswordIsLeftAlone(t *testing.T) {
	for _, edition := range []bigfix.Edition{bigfix.BFI, bigfix.ILMT} {
		t.Run(string(edition), func(t *testing.T) {
			srv := newServer(t, bigfixtest.WithEdition(edition))
			cfg := srv.LoginConfig()
			cfg.Password, cfg.Now = "wrong", srv.Clock().Now
			c := newClient(t, cfg)
			for range 59 {
				_, err := c.Status(patient(t))
				_, err2 := c.Start(patient(t), bigfix.TypeComplete)
				if !errors.Is(err, bigfix.ErrUnauthorized) || !errors.Is(err2, bigfix.ErrUnauthorized) || !asError(t, err2).NotSent() {
					t.Fatalf("look: %v\nstart: %v", err, err2)
				}
				srv.Clock().Advance(time.Minute)
			}
			if got := logins(srv); got != 1 {
				t.Errorf("%d logins within the hour, want 1", got)
			}
			_, err := c.Status(patient(t))
			if want := "user and password were rejected; not tried again before 13:00 UTC"; asError(t, err).Reason() != want {
				t.Errorf("reason is %q, want %q", asError(t, err).Reason(), want)
			}
			if until, ok := c.LoginRejectedUntil(); !ok || until != midday.Add(time.Hour) {
				t.Errorf("held until %s, %t", until, ok)
			}
			srv.Clock().Advance(time.Minute)
			if _, ok := c.LoginRejectedUntil(); ok {
				t.Error("held for longer than an hour")
			}
			_, _ = c.Status(patient(t))
			if got := logins(srv); got != 2 {
				t.Errorf("%d logins after the hour, want 2", got)
			}
		})
	}
}

// A program that was restarted can remember the rejection.
func TestRejectionOutlivesTheProgram(t *testing.T) {
	srv := newServer(t)
	cfg := srv.LoginConfig()
	cfg.Now, cfg.NoLoginBefore = srv.Clock().Now, midday.Add(20*time.Minute)
	c := newClient(t, cfg)
	if _, err := c.Status(patient(t)); !errors.Is(err, bigfix.ErrUnauthorized) || logins(srv) != 0 {
		t.Errorf("got %v after %d logins", err, logins(srv))
	}
	srv.Clock().Advance(20 * time.Minute)
	mustStatus(t, c)
}

// A token that get_token gives and the import API rejects is tried at the
// caller's pace, but costs one login an hour and not one each time.
func TestFreshTokenIsRejected(t *testing.T) {
	srv, c := loginStory(t)
	srv.Fail(bigfixtest.Fault{On: bigfixtest.Looks, Answer: bigfixtest.Answer401})
	for range 30 {
		if _, err := c.Status(patient(t)); !errors.Is(err, bigfix.ErrUnauthorized) {
			t.Fatal(err)
		}
		srv.Clock().Advance(time.Minute)
	}
	if got := logins(srv); got != 1 {
		t.Errorf("%d logins in half an hour, want 1", got)
	}
	srv.Heal()
	mustStatus(t, c)
}

// What is no clear rejection is tried again sooner: a server in mid-import
// answers anything with 500.
func TestLoginInTrouble(t *testing.T) {
	for _, tt := range []struct {
		answer bigfixtest.Answer
		kind   bigfix.Kind
		pause  time.Duration
	}{
		{bigfixtest.Answer500, bigfix.ErrBadRequest, 5 * time.Minute},
		{bigfixtest.Answer500Bare, bigfix.ErrUnavailable, 5 * time.Minute},
		{bigfixtest.Answer403, bigfix.ErrUnauthorized, time.Hour},
		{bigfixtest.Answer502, bigfix.ErrUnavailable, 0},
		{bigfixtest.AnswerDrop, bigfix.ErrUnavailable, 0},
		{bigfixtest.Answer404, bigfix.ErrNotThisServer, 0},
		{bigfixtest.AnswerHTML, bigfix.ErrNotThisServer, 5 * time.Minute},
		{bigfixtest.AnswerRedirect, bigfix.ErrNotThisServer, 5 * time.Minute},
		{bigfixtest.AnswerEmpty, bigfix.ErrUnavailable, 5 * time.Minute},
		{bigfixtest.AnswerText, bigfix.ErrUnavailable, 5 * time.Minute},
	} {
		t.Run(string(tt.answer), func(t *testing.T) {
			srv, c := loginStory(t)
			srv.Fail(bigfixtest.Fault{On: bigfixtest.Logins, Answer: tt.answer, Times: 1})
			_, err := c.Status(patient(t))
			if !errors.Is(err, tt.kind) {
				t.Errorf("got %v, want %q", err, tt.kind)
			}
			if tt.pause > 0 {
				srv.Clock().Advance(tt.pause - time.Second)
				if _, err := c.Status(patient(t)); !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), "not tried again before") {
					t.Errorf("just before the pause is over: %v", err)
				}
				srv.Clock().Advance(time.Second)
			}
			mustStatus(t, c)
		})
	}
}

// A server may show a wrong password in a way that nobody documented. Asked
// every minute for an hour, it gets two logins, and one an hour from then on.
func TestDoubtfulRejectionsLockNoAccount(t *testing.T) {
	for _, answer := range []bigfixtest.Answer{bigfixtest.AnswerHTML, bigfixtest.AnswerRedirect, bigfixtest.AnswerText,
		bigfixtest.AnswerEmpty, bigfixtest.AnswerNoMode, bigfixtest.Answer500, bigfixtest.Answer500Bare} {
		t.Run(string(answer), func(t *testing.T) {
			srv, c := loginStory(t)
			srv.Fail(bigfixtest.Fault{On: bigfixtest.Logins, Answer: answer})
			for hour, want := range []int{2, 3, 4} {
				for range 60 {
					if _, err := c.Status(patient(t)); err == nil {
						t.Fatal("a look went well without a token")
					}
					srv.Clock().Advance(time.Minute)
				}
				if got := logins(srv); got != want {
					t.Errorf("%d logins in %d hours, want %d", got, hour+1, want)
				}
			}
		})
	}
}

// Where single sign-on is on there is no token by password, and the error says
// what helps.
func TestSingleSignOn(t *testing.T) {
	srv, c := loginStory(t, bigfixtest.WithDoubts(bigfixtest.Doubts{SingleSignOn: true, LoginAnswer: bigfixtest.AnswerRedirect}))
	_, err := c.Status(patient(t))
	if !errors.Is(err, bigfix.ErrNotThisServer) || !strings.Contains(err.Error(), "single sign-on") {
		t.Errorf("got %v", err)
	}
	mustStatus(t, newClient(t, srv.Config()))
}

// However many ask at once, one of them logs in.
func TestOneLoginForAll(t *testing.T) {
	srv, c := loginStory(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := c.Status(patient(t)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := logins(srv); got != 1 {
		t.Errorf("%d logins, want 1", got)
	}
}

// A configured token is never replaced, and is tried as often as the caller likes.
func TestConfiguredTokenIsRejected(t *testing.T) {
	srv := newServer(t)
	cfg := srv.Config()
	cfg.Token, cfg.User, cfg.Password = "outdated", "me", "pw"
	c := newClient(t, cfg)
	for range 3 {
		if _, err := c.Status(patient(t)); !errors.Is(err, bigfix.ErrUnauthorized) {
			t.Error(err)
		}
	}
	if got := srv.Journal().Requests; len(got) != 3 {
		t.Errorf("%d requests, want 3 looks", len(got))
	}
}
