package imports

import (
	"time"

	"importbot/bigfix"
)

// AlertKind is something that somebody on call has to know of.
type AlertKind string

const (
	// AlertFailed: an import failed, or ended unknown or unclear without a success. Over with the next success that counts.
	AlertFailed AlertKind = "failed"
	// AlertMissed: a scheduled import did not run.
	AlertMissed AlertKind = "missed"
	// AlertStale: there was no success that counts for the reports for too long.
	AlertStale AlertKind = "stale"
	// AlertStalled: the progress of an import stands still.
	AlertStalled AlertKind = "stalled"
	// AlertOverrun: an import takes longer than twice its usual time.
	AlertOverrun AlertKind = "overrun"
	// AlertBrief: an import succeeded suspiciously fast.
	AlertBrief AlertKind = "brief"
	// AlertUnreachable: the server is not seen.
	AlertUnreachable AlertKind = "unreachable"
	// AlertCredentials: the server rejects Importbot's credentials, or its user's permission.
	AlertCredentials AlertKind = "credentials"
	// AlertPending: changes made in the web pages have been waiting for an import for a day.
	AlertPending AlertKind = "pending"
)

// AlertKinds are all of them, in the order in which people are shown them.
var AlertKinds = []AlertKind{
	AlertFailed, AlertMissed, AlertStale, AlertStalled, AlertOverrun, AlertBrief, AlertUnreachable, AlertCredentials, AlertPending,
}

// Alert is one time that something was wrong, from its being noticed to its being over. It is kept with the server, so
// that whoever leads next neither raises it again nor forgets to say that it is over.
// Times are Importbot's clock in UTC unless they are said to be the server's.
type Alert struct {
	// ID is unique, and the same for the same occasion whoever notices it: kind, server and what it is about.
	ID     string
	Kind   AlertKind
	Server string
	// ImportID is the import it is about, Type what is known of that one's type; empty for an alert about no import.
	ImportID string            `json:",omitempty"`
	Type     bigfix.ImportType `json:",omitempty"`
	// Since is since when it is so, RaisedAt when it was noticed, OverAt when it was over; zero while it is not.
	Since, RaisedAt time.Time
	OverAt          time.Time `json:",omitzero"`
	// ReopenedAt is when it was noticed again, last, after it had been over for a short while, and Reopened how often that
	// was. It is the same alert then: OverAt is zero again, Since is when it began anew, and Times counts on.
	ReopenedAt time.Time `json:",omitzero"`
	Reopened   int       `json:",omitempty"`
	// SwitchedOff says that it is over because people switched its kind off: nothing is known of what it was about.
	SwitchedOff bool `json:",omitempty"`
	// EndedBy is the import whose success ended it; empty where something else did.
	EndedBy string `json:",omitempty"`

	// Due and DueType are the schedule's entry of a missed import, by the server's clock.
	Due     time.Time         `json:",omitzero"`
	DueType bigfix.ImportType `json:",omitempty"`
	// Success is the last success that counts for the reports, as known when the alert was raised, by the server's clock.
	Success time.Time `json:",omitzero"`
	// Limit is what was exceeded: the threshold of a stale or stalled one, what is usual for an overrun or brief one.
	Limit time.Duration `json:",omitempty"`
	// Usual is what was usual, where Limit comes from that.
	Usual *Usual `json:",omitempty"`
	// Progress is where a stalled import rests, in percent.
	Progress *int `json:",omitempty"`
	// Failure is the last failed look, for an unreachable server or rejected credentials.
	Failure *Failure `json:",omitempty"`
	// Times counts the alerts of this kind on this server within a day, this one included.
	Times int `json:",omitempty"`
}

// Open says whether it is not over.
func (a Alert) Open() bool { return a.OverAt.IsZero() }

// Open returns the alerts that are not over, by AlertKinds' order, and of one kind the oldest first.
func (s Server) Open() []Alert {
	var open []Alert
	for _, kind := range AlertKinds {
		for _, a := range s.Alerts {
			if a.Kind == kind && a.Open() {
				open = append(open, a)
			}
		}
	}
	return open
}

// Threshold is how long something may last before an alert is raised: a positive duration, Auto or Off.
type Threshold time.Duration

const (
	// Auto is the default of the threshold: learned from the server's own schedule and history, or a fixed one.
	Auto Threshold = 0
	// Off raises no such alert.
	Off Threshold = -1
)

// Of returns the threshold, and standard where it is Auto; ok is false where it is Off.
func (t Threshold) Of(standard time.Duration) (limit time.Duration, ok bool) {
	switch {
	case t < 0:
		return 0, false
	case t == Auto:
		return standard, true
	}
	return time.Duration(t), true
}
