package imports

import "time"

// Mute keeps a server's alerts quiet for a while: work on it is known. What is not over by then is told then.
type Mute struct {
	Server       string
	Since, Until time.Time
	// UserID is who asked for it, Reason their own words, not escaped; empty where they gave none.
	UserID, Reason string
	// Key is unique for each wish (Slack's trigger_id), however often that is delivered.
	Key string
}

// Active says whether it holds at a time.
func (m Mute) Active(now time.Time) bool { return now.Before(m.Until) }
