package imports

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"importbot/bigfix"
)

func TestFailureOf(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 0, 0, 0, time.FixedZone("CET", 3600))
	answer := func(kind bigfix.Kind, status int) error {
		return fmt.Errorf("looking: %w", &bigfix.Error{Kind: kind, Op: "status", Status: status, Message: "Bad Request"})
	}
	for _, tc := range []struct {
		err  error
		want Failure
	}{
		{answer(bigfix.ErrUnauthorized, 401), Failure{Kind: FailUnauthorized, HTTP: 401, Reason: "HTTP 401", Message: "Bad Request"}},
		{answer(bigfix.ErrForbidden, 403), Failure{Kind: FailForbidden, HTTP: 403, Reason: "HTTP 403", Message: "Bad Request"}},
		{answer(bigfix.ErrNotThisServer, 404), Failure{Kind: FailNotServer, HTTP: 404, Reason: "HTTP 404", Message: "Bad Request"}},
		{answer(bigfix.ErrBadRequest, 500), Failure{Kind: FailBadRequest, HTTP: 500, Reason: "HTTP 500", Message: "Bad Request"}},
		{answer(bigfix.ErrUnavailable, 502), Failure{Kind: FailUnavailable, HTTP: 502, Reason: "HTTP 502", Message: "Bad Request"}},
		{bigfix.ErrUnsupported, Failure{Kind: FailBadRequest, Reason: bigfix.ErrUnsupported.Error()}},
		{errors.New("no route"), Failure{Kind: FailUnavailable, Reason: "no route"}},
	} {
		tc.want.At = at.UTC()
		if got := FailureOf(tc.err, at); *got != tc.want {
			t.Errorf("FailureOf(%v)\ngot  %+v\nwant %+v", tc.err, *got, tc.want)
		}
	}
	if got := FailureOf(nil, at); got != nil {
		t.Errorf("no error is %+v", got)
	}
}
