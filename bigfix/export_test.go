package bigfix

import "time"

// Redact is how a client that knows the secret cleans a server's text.
func Redact(secret, text string) string { return newSecrets(secret).redact(text) }

// SetWall makes a client read the wall clock elsewhere. What it waits for it
// still waits for by the machine's own.
func SetWall(c *Client, now func() time.Time) { c.wire.now = now }
