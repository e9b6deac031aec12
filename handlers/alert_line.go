package handlers

import (
	"time"

	"importbot/imports"
)

// alertLine is an open alert in a line: what is wrong, since when.
func alertLine(p pen, _ time.Time, a imports.Alert) string {
	return "Alert: " + alertWord(a.Kind) + ", since " + p.at(a.Since)
}

func alertWord(k imports.AlertKind) string {
	switch k {
	case imports.AlertFailed:
		return "an import did not succeed"
	case imports.AlertMissed:
		return "a scheduled import did not run"
	case imports.AlertStale:
		return "no success for too long"
	case imports.AlertStalled:
		return "progress stands still"
	case imports.AlertOverrun:
		return "an import takes longer than usual"
	case imports.AlertBrief:
		return "an import ended suspiciously fast"
	case imports.AlertUnreachable:
		return "the server is not seen"
	case imports.AlertCredentials:
		return "credentials are rejected"
	case imports.AlertPending:
		return "changes wait for an import"
	}
	return string(k)
}
