package imports

import (
	"errors"
	"time"

	"importbot/bigfix"
)

// FailureOf puts the error of a look or a start in a form that can be stored and shown; nil for a nil error. An error
// that is not bigfix's own counts as unavailable.
func FailureOf(err error, at time.Time) *Failure {
	if err == nil {
		return nil
	}
	f := &Failure{Kind: failureKind(err), At: at.UTC()}
	if answer := (*bigfix.Error)(nil); errors.As(err, &answer) {
		f.HTTP, f.Reason, f.Message = answer.Status, answer.Reason(), answer.Message
		return f
	}
	f.Reason = err.Error()
	return f
}

func failureKind(err error) FailureKind {
	switch {
	case errors.Is(err, bigfix.ErrUnauthorized):
		return FailUnauthorized
	case errors.Is(err, bigfix.ErrForbidden):
		return FailForbidden
	case errors.Is(err, bigfix.ErrNotThisServer):
		return FailNotServer
	case errors.Is(err, bigfix.ErrBadRequest), errors.Is(err, bigfix.ErrUnsupported):
		return FailBadRequest
	}
	return FailUnavailable
}
