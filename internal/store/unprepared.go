package store

import "errors"

// ErrUnprepared is in the error of OpenReader where a database is there that the next start of a bot prepares: it is empty, or of an
// older schema.
var ErrUnprepared = errors.New("the database is not prepared yet")

// unprepared says in words what is there instead.
type unprepared struct{ words string }

func (e *unprepared) Error() string        { return e.words }
func (e *unprepared) Is(target error) bool { return target == ErrUnprepared }
