package imports

import (
	"slices"
	"time"

	"importbot/bigfix"
)

// lostPoll is how much longer than its interval a poll may take that gets lost.
const lostPoll = 30 * time.Second

// heed keeps account, with each look, of what alerts are judged by. before is the server as it was known until then.
func (r Rules) heed(srv *Server, before Server, o Observation) {
	away := srv.Absence != before.Absence
	if away {
		srv.Unseen, srv.Denied = Missed{}, Missed{}
	}
	if o.Status == nil {
		srv.unanswered(o)
		return
	}
	srv.Unseen, srv.Denied = Missed{}, Missed{}
	if o.Status.Mode.Known() {
		r.answered(srv, before, o, away)
	}
}

// denied says whether a look failed for want of credentials or permission.
func (f *Failure) denied() bool {
	return f != nil && (f.Kind == FailUnauthorized || f.Kind == FailForbidden)
}

// unanswered counts a failed look. One that is rejected among many that are not answered is one of those: only the
// second in a row is a rejection.
func (srv *Server) unanswered(o Observation) {
	if !o.Failure.denied() {
		srv.Denied = Missed{}
		srv.Unseen = srv.Unseen.more(o)
		return
	}
	srv.Denied = srv.Denied.more(o)
	srv.Unseen = srv.Unseen.more(o)
	if srv.Denied.Looks >= twoLooks {
		srv.Unseen = Missed{}
	}
}

// more is the row with one more look. Where our clock was put back, it begins anew.
func (m Missed) more(o Observation) Missed {
	if m.Looks == 0 {
		m.Since = o.At
	}
	return Missed{Since: earlier(m.Since, o.At), Looks: m.Looks + 1}
}

// answered takes account of a look that says whether something runs.
func (r Rules) answered(srv *Server, before Server, o Observation, away bool) {
	pause, first := o.asked().Sub(before.SeenAt), before.SeenAt.IsZero()
	if first || pause < 0 || pause > r.seenThroughout() {
		srv.SeenSince = o.At
	}
	if first || pause > r.AwayAfter {
		srv.WatchedSince = o.At
	}
	srv.SeenAt = o.At
	if o.Status.Mode == bigfix.ModeRunning {
		return // that says nothing of the past, of what waits, and of the schedule
	}
	srv.freshen(before.Quiet, o, r.OneKind)
	srv.pending(before, o, away)
	if !slices.Contains(o.Status.Unread, "next_import_time") {
		next := scheduled{o.Status.NextImportTime, o.Status.NextImportType}
		srv.Schedule = srv.Schedule.follow(next, latestThere(o), r.OneKind)
	}
}

// seenThroughout is how far two answers may lie apart for a server to have been seen throughout: two polls, and what one
// that gets lost may take.
func (r Rules) seenThroughout() time.Duration {
	return 2*max(r.PollIdle, r.PollRunning, time.Minute) + lostPoll
}

// pending keeps account of since when changes have been waiting. What waits after a success that counts was changed while that
// one ran; an import that failed, or a raw one, leaves all of it waiting.
func (srv *Server) pending(before Server, o Observation, away bool) {
	broughtIn := srv.Fresh.After(before.Fresh)
	switch {
	case o.Status.Mode != bigfix.ModePending:
		srv.PendingSince = time.Time{}
	case srv.PendingSince.IsZero(), broughtIn, away, o.At.Before(srv.PendingSince):
		srv.PendingSince = o.At
	}
}

// freshen keeps account of the last success that counts for the reports. quiet is what was reported before, nil where
// nothing was. Where nobody looked for long since, imports may have come and gone whose type nobody knows.
func (srv *Server) freshen(quiet *Baseline, o Observation, every bool) {
	now := o.Status.LastSuccessTime
	if now.IsZero() {
		if srv.Fresh.IsZero() && srv.FreshFrom.IsZero() && o.Status.Mode != bigfix.ModeNone {
			srv.FreshFrom = latestThere(o)
		}
		return
	}
	var before time.Time
	unseen := true
	if quiet != nil {
		before, unseen = quiet.LastSuccessTime, srv.WatchedSince.After(quiet.Span.At)
	}
	switch {
	case srv.Fresh.IsZero():
		srv.Fresh = now
	case now.Before(before) || before.IsZero() && now.Before(srv.Fresh):
		if now.Before(srv.Fresh) {
			srv.Fresh, srv.FreshFrom = now, latestThere(o)
		}
	case now.After(before) && (every || unseen || !rawSuccess(o.Status)):
		srv.Fresh = now
	}
}

// rawSuccess says whether the last success that a server reports is known to be of a raw import.
func rawSuccess(st *bigfix.Status) bool {
	last := st.LastStatus.Successful() || st.LastStatus == "" && st.LastSuccessTime.Equal(st.LastImportTime)
	return last && st.LastImportType == bigfix.TypeRaw
}

// latestThere is what the server's clock showed at a look at the latest; zero where it shows none.
func latestThere(o Observation) time.Time {
	clock, ok := clockOf(o)
	if !ok {
		return time.Time{}
	}
	return o.middle().Add(clock.ahead + giveOrTake + clock.slop)
}
