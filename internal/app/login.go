package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"importbot/bigfix"
	"importbot/internal/config"
	"importbot/internal/store"
)

// rememberingClient is a client whose rejected logins outlive the process: a supervisor that restarts Importbot again and again
// must not lock the server's account. Only the engine's one loop a server uses it.
type rememberingClient struct {
	*bigfix.Client
	server      config.Server
	fingerprint uint16
	hinted      bool // the log says how to make the certificate trusted
	kept        time.Time
	store       *store.Store
	log         logrus.FieldLogger
}

// remembering makes the client of a server, held back where its user and password were rejected within the last hour.
func remembering(ctx context.Context, db *store.Store, s config.Server, log logrus.FieldLogger) (*rememberingClient, error) {
	fingerprint := fingerprintOf(s.User, s.Password.Reveal())
	held, err := db.LoginHeld(ctx, s.Name, fingerprint)
	if err != nil {
		return nil, failed("%w", err)
	}
	c, err := client(s, held)
	if err != nil {
		return nil, err
	}
	return &rememberingClient{Client: c, server: s, fingerprint: fingerprint, kept: held, store: db, log: log}, nil
}

// Status asks the server, and keeps what becomes of the login.
func (c *rememberingClient) Status(ctx context.Context) (bigfix.Status, error) {
	st, err := c.Client.Status(ctx)
	c.keep(ctx)
	c.hint(err)
	return st, err
}

// Start asks the server for an import, and keeps what becomes of the login.
func (c *rememberingClient) Start(ctx context.Context, t bigfix.ImportType) (bigfix.Status, error) {
	st, err := c.Client.Start(ctx, t)
	c.keep(ctx)
	return st, err
}

func (c *rememberingClient) keep(ctx context.Context) {
	until, held := c.LoginRejectedUntil()
	if !held || until.Equal(c.kept) {
		return
	}
	if err := c.store.HoldLogin(ctx, c.server.Name, c.fingerprint, until); err != nil {
		c.log.WithError(err).WithField("server", c.server.Name).Warn("A rejected login could not be kept for the next start")
		return
	}
	c.kept = until
}

// hint says in the log, once, what to do about what a person has to mend: a certificate that is not trusted, a token, a permission, an
// address.
func (c *rememberingClient) hint(err error) {
	mend := certificateHint(c.server, err) != "" || errors.Is(err, bigfix.ErrUnauthorized) || errors.Is(err, bigfix.ErrForbidden) ||
		errors.Is(err, bigfix.ErrNotThisServer)
	if mend && !c.hinted {
		c.log.WithField("server", c.server.Name).Warn(explain(c.server, err))
	}
	c.hinted = mend
}

// fingerprintOf stands for a user and a password in the database. Sixteen bits tell a changed password from the old one nearly
// always, and say next to nothing of either to whoever reads the file.
func fingerprintOf(user, password string) uint16 {
	sum := sha256.Sum256([]byte(user + "\x00" + password))
	return uint16(sum[0])<<8 | uint16(sum[1])
}
