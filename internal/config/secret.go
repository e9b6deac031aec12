package config

import "fmt"

// hidden is what a secret prints as.
const hidden = "***"

// Secret is a text that does not print: whatever verb, encoder or logger gets hold of it sees ***, and an empty one as nothing.
// The zero value is empty.
type Secret struct {
	// A pointer, for fmt can't call the methods of a field that is not exported: where a Secret sits in one, an address is
	// printed, not the text.
	text *string
}

// NewSecret hides text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the text itself: for the request that needs it, and for nothing else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty says whether there is no secret.
func (s Secret) Empty() bool { return s.text == nil }

// String returns *** in the place of the text.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return hidden
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// Format is String for every verb: %x of a secret would be the secret.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText is String, for JSON and whatever else encodes texts.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON is String in quotes.
func (s Secret) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", s.String()), nil }
