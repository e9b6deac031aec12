package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // machines and images without zone files know DIGEST's zone too

	"importbot/imports"
)

// This file reads when alerts are raised, who hears of them, and when the digest is posted.

// soonest is the default of the thresholds that are not learned.
const soonest = 15 * time.Minute

// alerts reads when and where a server's alerts are raised.
func (r *reader) alerts(sc scope, s *Server) {
	s.StaleAfter = value(r, sc, staleAfter, imports.Auto, learned)
	s.StallAfter = value(r, sc, stallAfter, imports.Auto, learned)
	s.UnreachableAfter = value(r, sc, unreachableAfter, imports.Threshold(soonest), fixed)
	s.MissedAfter = value(r, sc, missedAfter, imports.Threshold(soonest), fixed)
	s.AlertChannel = value(r, sc, alertChannel, "", channel)
	s.AlertMention = value(r, sc, alertMention, "", mention)
}

// learned reads a threshold that can be learned from the server's own history: auto, a duration, or off.
func learned(text string) (imports.Threshold, error) {
	if strings.EqualFold(text, "auto") {
		return imports.Auto, nil
	}
	return threshold(text, "auto, off, or a duration")
}

// fixed reads a threshold that nothing is learned for: a duration, or off.
func fixed(text string) (imports.Threshold, error) {
	if strings.EqualFold(text, "auto") {
		return 0, &wrong{`is "auto", and nothing is learned for it`, fmt.Sprintf("write a duration like %dm, or off", int(soonest.Minutes()))}
	}
	return threshold(text, "off, or a duration")
}

func threshold(text, forms string) (imports.Threshold, error) {
	switch {
	case strings.EqualFold(text, "off"):
		return imports.Off, nil
	case !strings.ContainsAny(text, "0123456789"):
		return 0, &wrong{"is " + shown(text), "write " + forms + " like 90s, 15m or 36h"}
	}
	d, err := duration(text)
	return imports.Threshold(d), err
}

var mentionID = regexp.MustCompile(`^[UWS][A-Z0-9]{2,}$`)

// mention reads whom alerts mention: one user, or one user group.
func mention(text string) (string, error) {
	if mentionID.MatchString(text) {
		return text, nil
	}
	problem := "is " + shown(text) + ", which is no user or user group ID"
	if len(list(text)) > 1 {
		problem = "is " + shown(text) + ", which is more than one ID"
	}
	return "", &wrong{problem, "write one ID: of a user group, S…, from its page, ⋮, Copy group ID; or of a person, U… or W…, from the profile, ⋮, Copy member ID"}
}

// warnOfThresholds tells of thresholds that can't be kept, or are bound to be exceeded while all is well.
func (r *reader) warnOfThresholds(servers []Server) {
	var told []string
	warn := func(s Server, v variable, format string, args ...any) {
		name := r.nameOf(scopeOf(s, r.several), v)
		text := fmt.Sprintf("%s "+format, append([]any{name}, args...)...)
		if !slices.Contains(told, text) { // servers that inherit it
			told = append(told, text)
			r.warn("%s", text)
		}
	}
	for _, s := range servers {
		if d := time.Duration(s.UnreachableAfter); d > 0 && d < looksBefore*s.PollIdle {
			warn(s, unreachableAfter, "is %s, and %d looks without an answer take %s at POLL_IDLE=%s: no alert comes sooner than that", brief(d), looksBefore, brief(looksBefore*s.PollIdle), brief(s.PollIdle))
		}
		if d := time.Duration(s.MissedAfter); d > 0 && d < s.PollIdle {
			warn(s, missedAfter, "is %s, and nobody looks more often than POLL_IDLE=%s: no alert comes sooner than that", brief(d), brief(s.PollIdle))
		}
		if d, least := time.Duration(s.StallAfter), 2*s.PollRunning; d > 0 && d < least {
			warn(s, stallAfter, "is %s, less than two looks at POLL_RUNNING=%s: every import would seem to stand still", brief(d), brief(s.PollRunning))
		}
		if d := time.Duration(s.StaleAfter); d > 0 && d < time.Hour {
			warn(s, staleAfter, "is %s: imports often take longer than that, and no success can be fresher than its import", brief(d))
		}
	}
}

// looksBefore is how many looks without an answer an alert waits for.
const looksBefore = 5

// scopeOf is the scope that a server was read in.
func scopeOf(s Server, several bool) scope {
	if !several {
		return scope{server: s.Name}
	}
	return scope{server: s.Name, prefix: prefixOf(s.Name)}
}

// brief is a duration as people write it: 15m, not 15m0s.
func brief(d time.Duration) string {
	text := d.String()
	if d >= time.Minute && strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if d >= time.Hour && strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Digest is when the week's report is posted: a weekday and a time of day in a zone.
type Digest struct {
	Weekday      time.Weekday
	Hour, Minute int
	Location     *time.Location
}

// digest reads DIGEST.
func (r *reader) digest() *Digest {
	return value(r, whole, digest, nil, weekly)
}

const digestExample = "mon 09:00 Europe/Berlin"

// weekly reads a weekday, a time of day, and a zone, which is UTC where it is missing; or off.
func weekly(text string) (*Digest, error) {
	if strings.EqualFold(text, "off") {
		return nil, nil
	}
	parts := strings.Fields(text)
	if len(parts) < 2 || len(parts) > 3 {
		return nil, &wrong{"is " + shown(text), "write a weekday, a time and a zone, like " + digestExample + ", or off"}
	}
	d := &Digest{Location: time.UTC}
	var err error
	if d.Weekday, err = weekday(parts[0]); err != nil {
		return nil, err
	}
	if d.Hour, d.Minute, err = timeOfDay(parts[1]); err != nil {
		return nil, err
	}
	if len(parts) == 3 {
		if d.Location, err = zone(parts[2]); err != nil {
			return nil, &wrong{"has the zone " + shown(parts[2]) + ", which is not known", err.Error()}
		}
	}
	return d, nil
}

func weekday(text string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := d.String(); strings.EqualFold(text, name) || strings.EqualFold(text, name[:3]) {
			return d, nil
		}
	}
	return 0, &wrong{"has the weekday " + shown(text), "write mon, tue, wed, thu, fri, sat or sun, like " + digestExample}
}

func timeOfDay(text string) (hour, minute int, err error) {
	h, m, ok := strings.Cut(text, ":")
	hour, errHour := strconv.Atoi(h)
	minute, errMinute := strconv.Atoi(m)
	if !ok || errHour != nil || errMinute != nil || !onlyDigits(h+m) || len(h) > 2 || len(m) != 2 || hour > 23 || minute > 59 {
		return 0, 0, &wrong{"has the time " + shown(text), "write hours and minutes from 00:00 to 23:59, like " + digestExample}
	}
	return hour, minute, nil
}

// zone reads the name of a time zone. The error says what to do.
func zone(name string) (*time.Location, error) {
	if !strings.EqualFold(name, "local") {
		if l, err := time.LoadLocation(name); err == nil {
			return l, nil
		}
		if better := capitalised(name); better != name {
			if _, err := time.LoadLocation(better); err == nil {
				return nil, fmt.Errorf("write %s", better)
			}
		}
	}
	return nil, fmt.Errorf("write continent and city, like Europe/Berlin, or UTC")
}

// Zone reads the name of a time zone as DIGEST takes it. The error says what is wrong and what to do.
func Zone(name string) (*time.Location, error) {
	l, err := zone(name)
	if err != nil {
		return nil, fmt.Errorf("there is no zone %s: %w", shown(name), err)
	}
	return l, nil
}

// capitalised writes a zone's name as the list of zones does.
func capitalised(name string) string {
	out := []byte(strings.ToLower(name))
	for i := range out {
		if (i == 0 || strings.IndexByte("/_-", out[i-1]) >= 0) && out[i] >= 'a' && out[i] <= 'z' {
			out[i] -= 'a' - 'A'
		}
	}
	return string(out)
}
