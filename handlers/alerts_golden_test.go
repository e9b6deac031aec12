package handlers

import (
	"testing"
	"time"

	"importbot/bigfix"
	"importbot/imports"
)

// alerted makes the scene of an alert that is noticed at 02:41 and mentions who is on call.
func alerted(kind imports.AlertKind, since time.Time, change ...func(*alertScene)) alertScene {
	s := alertScene{
		now: now, server: prod, known: idle(), recent: history(bigfix.TypeComplete), command: "/import",
		alert: imports.Alert{
			ID: string(kind) + ":prod:1", Kind: kind, Server: "prod", Since: since, RaisedAt: now, Success: yesterday(0, 47), Times: 1,
		},
	}
	s.server.AlertMention = onCall
	for _, f := range change {
		f(&s)
	}
	return s
}

// of has an alert be about an import, whose card is up.
func of(imp imports.Import) func(*alertScene) {
	return func(s *alertScene) {
		s.imp, s.alert.ImportID, s.card = &imp, imp.ID, "https://example.slack.com/archives/C0PROD/p1"
	}
}

// endedAt has it be over, by the success of an import where one is given.
func endedAt(at time.Time, imp *imports.Import) func(*alertScene) {
	return func(s *alertScene) {
		s.now, s.alert.OverAt, s.ended = at, at, imp
		if imp != nil {
			s.alert.EndedBy = imp.ID
		}
	}
}

// fresh has the reports be fresh again.
func fresh(at time.Time) func(*alertScene) {
	return func(s *alertScene) { s.known.Fresh = at }
}

func usually(s *alertScene) {
	u, _ := imports.UsualOf(s.recent, bigfix.TypeComplete)
	s.alert.Usual = &u
}

func ofTheSchedule(i *imports.Import) {
	i.Origin, i.RequestedBy, i.Followers = imports.Scheduled, "", nil
	i.SendingAt = time.Time{}
}

// nightlyFailed is a scheduled import that failed after 12 minutes.
func nightlyFailed() imports.Import {
	return with(over(imports.Failed), func(i *imports.Import) {
		ofTheSchedule(i)
		i.BegunAt, i.EndedAt, i.End.Status, i.End.SuccessTime = day(2, 28), day(2, 40), "failed", yesterday(0, 47)
	})
}

func TestAlertMessages(t *testing.T) {
	t.Parallel()
	var out []shown
	add := func(name string, s alertScene) { out = append(out, shown{name, alertMessage(s)}) }
	rests := with(running(), ofTheSchedule)
	due := func(s *alertScene) {
		s.alert.Due, s.alert.DueType = day(0, 0), bigfix.TypeComplete
	}
	limit := func(d time.Duration) func(*alertScene) { return func(s *alertScene) { s.alert.Limit = d } }
	failure := func(f *imports.Failure) func(*alertScene) { return func(s *alertScene) { s.alert.Failure = f } }
	noSuccess := func(s *alertScene) { s.alert.Success = time.Time{} }
	inMidImport := func(s *alertScene) {
		s.known.Good.Status = &bigfix.Status{Mode: bigfix.ModeRunning, Progress: ptr(59)}
	}

	add("failed", alerted(imports.AlertFailed, day(2, 40), of(nightlyFailed())))
	add("failed, somebody's", alerted(imports.AlertFailed, day(2, 40), of(with(nightlyFailed(), func(i *imports.Import) {
		i.Origin, i.RequestedBy = imports.Here, "U0ANA"
	}))))
	add("failed, a raw one", alerted(imports.AlertFailed, day(2, 40), of(with(nightlyFailed(), func(i *imports.Import) {
		i.Origin, i.Type = imports.Elsewhere, bigfix.TypeRaw
	}))))
	add("failed, a raw one succeeded before", alerted(imports.AlertFailed, day(2, 40), of(nightlyFailed()), fresh(yesterday(0, 47)), func(s *alertScene) {
		s.known.Quiet.LastSuccessTime = day(1, 10)
	}))
	add("failed, a raw one succeeded before, the complete one is forgotten", alerted(imports.AlertFailed, day(2, 40), of(nightlyFailed()), fresh(yesterday(0, 47)), func(s *alertScene) {
		s.known.Quiet.LastSuccessTime, s.known.Quiet.LastStatus, s.recent = day(1, 10), "failed", nil
	}))
	add("failed, not shown", alerted(imports.AlertFailed, day(2, 40), of(nightlyFailed()), func(s *alertScene) { s.card = "" }))
	add("failed, unknown", alerted(imports.AlertFailed, day(1, 52), of(with(unknownEnd(), ofTheSchedule))))
	add("failed, unclear", alerted(imports.AlertFailed, day(2, 40), of(with(over(imports.Unclear), func(i *imports.Import) {
		ofTheSchedule(i)
		i.End.Status, i.Doubts = "failed", []imports.Doubt{{Kind: imports.DoubtGap, From: day(1, 40), To: day(2, 30)}}
	}))))
	add("failed, forgotten, no success ever", alerted(imports.AlertFailed, day(2, 40), noSuccess))
	add("failed, told when a mute ended", alerted(imports.AlertFailed, day(1, 40), of(nightlyFailed()), func(s *alertScene) {
		s.alert.RaisedAt, s.unmuted = day(1, 40), true
	}))
	add("missed", alerted(imports.AlertMissed, day(0, 0), due))
	add("missed, told while another runs", alerted(imports.AlertMissed, day(0, 0), due, inMidImport))
	add("missed, another ran since", alerted(imports.AlertMissed, day(0, 0), due, func(s *alertScene) { s.known.Quiet.LastImportTime = day(1, 30) }))
	add("stale", alerted(imports.AlertStale, day(2, 31), limit(25*time.Hour+44*time.Minute)))
	add("stale, raw ones since", alerted(imports.AlertStale, day(2, 31), limit(25*time.Hour+44*time.Minute), func(s *alertScene) {
		s.known.Quiet.LastImportType, s.known.Quiet.LastSuccessTime = bigfix.TypeRaw, day(1, 10)
	}))
	add("stale, no success ever", alerted(imports.AlertStale, day(2, 31), limit(25*time.Hour+44*time.Minute), noSuccess))
	add("stalled", alerted(imports.AlertStalled, day(1, 56), of(rests), limit(45*time.Minute), func(s *alertScene) { s.alert.Progress = ptr(59) }))
	add("stalled, again", alerted(imports.AlertStalled, day(1, 11), of(rests), limit(45*time.Minute), func(s *alertScene) {
		s.alert.Progress, s.alert.Times = ptr(59), 2
	}))
	add("overrun", alerted(imports.AlertOverrun, day(2, 39), of(with(rests, func(i *imports.Import) { i.BegunAt = day(1, 8) })), usually, limit(93*time.Minute)))
	add("overrun, it stands still", alerted(imports.AlertOverrun, day(2, 39), of(with(rests, func(i *imports.Import) { i.BegunAt = day(1, 8) })), usually, limit(93*time.Minute), func(s *alertScene) {
		still := imports.Alert{ID: "stalled:prod:1", Kind: imports.AlertStalled, Server: "prod", ImportID: rests.ID, Since: day(1, 56), RaisedAt: day(2, 41), Progress: ptr(59)}
		s.known.Alerts = []imports.Alert{still, s.alert}
	}))
	add("overrun, it stood still, and another one does", alerted(imports.AlertOverrun, day(2, 39), of(with(rests, func(i *imports.Import) { i.BegunAt = day(1, 8) })), usually, limit(93*time.Minute), func(s *alertScene) {
		over := imports.Alert{ID: "stalled:prod:2", Kind: imports.AlertStalled, Server: "prod", ImportID: rests.ID, Since: day(1, 16), RaisedAt: day(2, 1), OverAt: day(2, 10)}
		other := imports.Alert{ID: "stalled:prod:0", Kind: imports.AlertStalled, Server: "prod", ImportID: "imp-0", Since: day(0, 10), RaisedAt: day(1, 0)}
		s.known.Alerts = []imports.Alert{over, other, s.alert}
	}))
	add("overrun, forgotten", alerted(imports.AlertOverrun, day(2, 39), usually, limit(93*time.Minute)))
	add("brief", alerted(imports.AlertBrief, day(2, 40), usually, of(with(over(imports.Succeeded), func(i *imports.Import) {
		ofTheSchedule(i)
		i.BegunAt, i.EndedAt = day(2, 35), day(2, 40)
	}))))
	add("brief, never seen running", alerted(imports.AlertBrief, day(2, 40), usually, of(with(over(imports.Succeeded), func(i *imports.Import) {
		ofTheSchedule(i)
		i.FirstRunning = imports.Span{}
	}))))
	add("unreachable", alerted(imports.AlertUnreachable, day(2, 25), failure(refused)))
	add("unreachable, it was running", alerted(imports.AlertUnreachable, day(2, 25), failure(refused), inMidImport))
	add("unreachable, fourth time", alerted(imports.AlertUnreachable, day(0, 25), failure(refused), func(s *alertScene) { s.alert.Times = 4 }))
	add("unreachable, hostile words", alerted(imports.AlertUnreachable, day(2, 25), failure(&imports.Failure{
		Kind: imports.FailBadRequest, HTTP: 500, Reason: "HTTP 500", Message: hostile,
	})))
	add("credentials", alerted(imports.AlertCredentials, day(2, 39), failure(&imports.Failure{Kind: imports.FailUnauthorized, HTTP: 401, Reason: "HTTP 401"})))
	add("credentials, not permitted", alerted(imports.AlertCredentials, day(2, 39), failure(&imports.Failure{Kind: imports.FailForbidden, HTTP: 403, Reason: "HTTP 403", Message: hostile})))
	add("pending", alerted(imports.AlertPending, yesterday(2, 40), limit(24*time.Hour)))
	add("a kind nobody knows", alerted("brand_new", day(2, 40)))
	add("License Metric Tool, mentions a person", alerted(imports.AlertMissed, day(0, 0), due, func(s *alertScene) {
		s.server, s.alert.DueType = lab, ""
		s.server.AlertMention = "U0BEN"
	}))
	checkGolden(t, "alerts", out)
}

func TestRecoveredMessages(t *testing.T) {
	t.Parallel()
	var out []shown
	add := func(name string, s alertScene) { out = append(out, shown{name, recoveredMessage(s)}) }
	later := with(over(imports.Succeeded), func(i *imports.Import) { i.ID, i.EndedAt = "imp-9", day(8, 20) })
	raw := with(later, func(i *imports.Import) { i.Type = bigfix.TypeRaw })
	morning := endedAt(day(8, 20), &later)

	add("failed", alerted(imports.AlertFailed, day(2, 40), of(nightlyFailed()), morning, fresh(day(8, 20))))
	add("failed, and a raw one succeeded", alerted(imports.AlertFailed, day(2, 40), of(nightlyFailed()), endedAt(day(8, 20), &raw)))
	add("failed, nobody saw what succeeded", alerted(imports.AlertFailed, day(2, 40), endedAt(day(8, 20), nil), fresh(day(8, 5))))
	add("missed", alerted(imports.AlertMissed, day(0, 0), morning, fresh(day(8, 20))))
	add("stale", alerted(imports.AlertStale, day(2, 31), morning, fresh(day(8, 20))))
	for _, kind := range []imports.AlertKind{imports.AlertMissed, imports.AlertStale, imports.AlertStalled, imports.AlertUnreachable} {
		add(string(kind)+", switched off", alerted(kind, day(2, 31), of(running()), endedAt(day(8, 20), nil), func(s *alertScene) { s.alert.SwitchedOff = true }))
	}
	add("stale, what succeeded is forgotten", alerted(imports.AlertStale, day(2, 31), endedAt(day(8, 20), nil)))
	add("stalled, it moves", alerted(imports.AlertStalled, day(1, 56), of(with(running(), func(i *imports.Import) { i.Progress = ptr(61) })), endedAt(day(3, 0), nil)))
	add("stalled, it is over", alerted(imports.AlertStalled, day(1, 56), of(with(over(imports.Succeeded), ofTheSchedule)), endedAt(day(3, 0), nil)))
	add("overrun, it succeeded", alerted(imports.AlertOverrun, day(2, 39), usually, of(with(over(imports.Succeeded), func(i *imports.Import) { i.BegunAt = day(1, 8) })), endedAt(day(3, 0), nil)))
	add("overrun, it failed", alerted(imports.AlertOverrun, day(2, 39), usually, of(nightlyFailed()), endedAt(day(3, 0), nil)))
	add("overrun, unknown", alerted(imports.AlertOverrun, day(2, 39), usually, of(unknownEnd()), endedAt(day(3, 0), nil)))
	add("brief, another took its time", alerted(imports.AlertBrief, day(2, 40), endedAt(day(8, 20), &later)))
	add("brief, a day later", alerted(imports.AlertBrief, day(2, 40), endedAt(day(2, 40).AddDate(0, 0, 1), nil)))
	add("unreachable", alerted(imports.AlertUnreachable, day(2, 25), endedAt(day(3, 0), nil)))
	add("credentials", alerted(imports.AlertCredentials, day(2, 39), endedAt(day(9, 10), nil)))
	add("pending", alerted(imports.AlertPending, yesterday(2, 40), endedAt(day(3, 0), nil)))
	add("pending, an import succeeded", alerted(imports.AlertPending, yesterday(2, 40), morning))
	add("a kind nobody knows", alerted("brand_new", day(2, 40), endedAt(day(3, 0), nil)))
	checkGolden(t, "recovered", out)
}

func TestReopenedMessages(t *testing.T) {
	t.Parallel()
	again := func(s *alertScene) { s.alert.Reopened, s.alert.ReopenedAt, s.alert.Times = 1, now, 2 }
	checkGolden(t, "reopened", []shown{
		{"unreachable", reopenedMessage(alerted(imports.AlertUnreachable, day(2, 10), again, func(s *alertScene) { s.alert.Failure = refused }))},
		{"stalled", reopenedMessage(alerted(imports.AlertStalled, day(1, 11), again, of(running()), func(s *alertScene) { s.alert.Progress = ptr(59) }))},
		{"credentials", reopenedMessage(alerted(imports.AlertCredentials, day(2, 37), again, func(s *alertScene) {
			s.alert.Failure = &imports.Failure{Kind: imports.FailUnauthorized, HTTP: 401, Reason: "HTTP 401"}
		}))},
	})
}
