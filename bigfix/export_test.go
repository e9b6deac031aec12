package bigfix

// Redact is how a client that knows the secret cleans a server's text.
func Redact(secret, text string) string { return newSecrets(secret).redact(text) }
