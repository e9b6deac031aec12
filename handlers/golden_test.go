package handlers

import (
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"importbot/bigfix"
	"importbot/bot"
	"importbot/imports"
	"importbot/internal/golden"
)

// shown is one message of a golden file.
type shown struct {
	name    string
	message bot.Message
}

// checkGolden compares messages with a golden file, in which a person can read them as Slack gets them.
func checkGolden(t *testing.T, file string, messages []shown) {
	t.Helper()
	var b strings.Builder
	for _, m := range messages {
		b.WriteString("## " + m.name + "\n" + readable(m.message) + "\n")
		checkMessage(t, m)
	}
	golden.Check(t, file+".golden", b.String())
}

// checkMessage holds every message against what holds for all of them.
func checkMessage(t *testing.T, m shown) {
	t.Helper()
	all := m.message.Text
	for _, block := range m.message.Blocks {
		if section, ok := block.(*slack.SectionBlock); ok {
			all += "\n" + section.Text.Text
			if len([]rune(section.Text.Text)) > bot.MaxSection {
				t.Errorf("%s: a section is too long", m.name)
			}
		}
	}
	for _, bad := range []string{"<!channel>", "<!here>", "<!everyone>", "%!", "..", " .", "  ·", "1970", "0001"} {
		if strings.Contains(strings.ReplaceAll(all, "…", ""), bad) {
			t.Errorf("%s: contains %q:\n%s", m.name, bad, all)
		}
	}
	if strings.TrimSpace(m.message.Text) == "" || len(m.message.Blocks) == 0 {
		t.Errorf("%s: no text or no blocks", m.name)
	}
	if strings.Contains(strings.ReplaceAll(m.message.Text, "*bold*", ""), "*") || strings.Contains(m.message.Text, "<!date") {
		t.Errorf("%s: markup in the top-level text: %s", m.name, m.message.Text)
	}
}

// day is a point in time on the day of these tests.
func day(hour, minute int) time.Time { return time.Date(2026, 6, 22, hour, minute, 0, 0, time.UTC) }

func yesterday(hour, minute int) time.Time { return day(hour, minute).AddDate(0, 0, -1) }

func ptr[T any](v T) *T { return &v }

var (
	now  = day(2, 41)
	prod = Server{
		Name: "prod", Channel: "C0PROD", Edition: bigfix.BFI, Operators: []string{"S0ONCALL", "U0BEN"},
		ImportsPage: "https://bfi.example.com:9081/management/imports", TokenVariable: "BIGFIX_PROD_TOKEN",
		OperatorsVariable: "IMPORT_OPERATORS", InsecureVariable: "BIGFIX_PROD_INSECURE", Announce: AnnounceFailures, PollRunning: 30 * time.Second,
	}
	lab = Server{
		Name: "lab", Channel: "C0LAB", Edition: bigfix.ILMT, Operators: []string{"*"}, Insecure: true,
		TokenVariable: "BIGFIX_LAB_TOKEN", InsecureVariable: "BIGFIX_LAB_INSECURE",
	}
	hostile = "<!channel> *bold* `code` & <https://evil.example|click>\u202e\n\n" + strings.Repeat("x", 400)
	refused = &imports.Failure{Kind: imports.FailUnavailable, Reason: "connection refused", At: day(2, 41)}
)

// started is an import that somebody asked for at 02:14.
func started(state imports.State) imports.Import {
	return imports.Import{
		ID: "imp-1", Server: "prod", Type: bigfix.TypeComplete, Origin: imports.Here, State: state,
		RequestedBy: "U0ANA", RequestKey: "key-1", RequestedIn: "C0PROD", Followers: []string{"U0ANA"},
		AcceptedAt: day(2, 13), Revision: 3,
		Baseline: &imports.Baseline{
			Mode: bigfix.ModeIdle, LastStatus: bigfix.StatusSuccessful, LastImportType: bigfix.TypeComplete,
			LastSuccessTime: yesterday(0, 47), LastImportTime: yesterday(0, 47),
			NextImportTime: day(0, 0).AddDate(0, 0, 1), NextImportType: bigfix.TypeComplete,
		},
	}
}

// running is one that was seen running at 02:14, and is at 59 percent.
func running() imports.Import {
	imp := started(imports.Running)
	imp.SendingAt, imp.BegunAt, imp.LastLook, imp.LastRun = day(2, 14), day(2, 14), day(2, 41), day(2, 41)
	imp.FirstRunning = imports.Span{Asked: day(2, 14), At: day(2, 14)}
	imp.Progress = ptr(59)
	return imp
}

// over is one that ended at 02:56.
func over(outcome imports.Outcome) imports.Import {
	imp := running()
	imp.State, imp.Outcome, imp.EndedAt = imports.Ended, outcome, day(2, 56)
	imp.End = &imports.End{
		Status: bigfix.StatusSuccessful, Type: bigfix.TypeComplete, ImportTime: day(2, 56), SuccessTime: day(2, 56), SeenAt: day(2, 56),
	}
	return imp
}

// history are imports that took 40 to 55 minutes.
func history(t bigfix.ImportType) []imports.Import {
	var out []imports.Import
	for i, minutes := range []int{45, 55, 40, 48} {
		began := yesterday(0, 0).AddDate(0, 0, -i)
		out = append(out, imports.Import{
			ID: "old-" + string(rune('a'+i)), Server: "prod", Type: t, Origin: imports.Scheduled, State: imports.Ended,
			Outcome: imports.Succeeded, BegunAt: began, EndedAt: began.Add(time.Duration(minutes) * time.Minute),
			FirstRunning: imports.Span{Asked: began, At: began},
			End:          &imports.End{Status: bigfix.StatusSuccessful, Type: t, SuccessTime: began.Add(47 * time.Minute)},
		})
	}
	return out
}

// idle is a server that was seen idle a moment ago.
func idle() imports.Server {
	b := *started(imports.Accepted).Baseline
	return imports.Server{
		Name: "prod", Quiet: &b,
		Last: imports.Observation{Span: imports.Span{Asked: day(2, 41), At: day(2, 41)}},
		Good: imports.Observation{
			Span:   imports.Span{Asked: day(2, 41), At: day(2, 41)},
			Status: &bigfix.Status{Mode: bigfix.ModeIdle, CanRunImports: ptr(true)},
		},
	}
}

// in makes a scene, with what is usual known.
func in(imp imports.Import, change ...func(*scene)) scene {
	s := scene{now: now, imp: imp, server: prod, known: idle(), recent: history(bigfix.TypeComplete)}
	if imp.State == imports.Ended {
		s.now = day(2, 57)
	}
	for _, f := range change {
		f(&s)
	}
	return s
}

func with(imp imports.Import, change func(*imports.Import)) imports.Import {
	change(&imp)
	return imp
}

func noHistory(s *scene) { s.recent = nil }

func TestCards(t *testing.T) {
	t.Parallel()
	lost := func(i *imports.Import) { i.Lost, i.LastFailure = day(2, 42), refused }
	cases := []struct {
		name string
		s    scene
	}{
		{"about to be started", in(started(imports.Accepted))},
		{"sent, no sign yet", in(with(started(imports.Sent), func(i *imports.Import) { i.SendingAt, i.LastLook = day(2, 14), day(2, 15) }))},
		{"sent, then out of sight", in(with(started(imports.Sent), func(i *imports.Import) { i.SendingAt = day(2, 14); lost(i) }))},
		{"running, with history", in(running())},
		{"running, no history", in(running(), noHistory)},
		{"at rest for longer than was left", in(atRest(day(2, 30)))},
		{"at rest, but for less than was left", in(atRest(day(2, 40)))},
		{"at rest for longer than any before", in(atRest(day(2, 30)), seldomRests)},
		{"at rest, and somebody was alerted", in(atRest(day(1, 10)), stalledAlert)},
		{"at rest, somebody was alerted, nothing is usual", in(atRest(day(1, 10)), stalledAlert, noHistory)},
		{"at rest, another one stalled before", in(atRest(day(2, 40)), stalledAlert, func(s *scene) { s.known.Alerts[0].ImportID = "old-a" })},
		{"at rest, out of sight", in(with(atRest(day(2, 30)), lost), seldomRests)},
		{"running on License Metric Tool, which has no word for its type", in(running(), func(s *scene) { s.server, s.recent = lab, history("") })},
		{"running since before the first look", in(with(running(), func(i *imports.Import) {
			i.Origin, i.RequestedBy, i.Followers, i.Midway = imports.Elsewhere, "", nil, true
		}))},
		{"running, no progress", in(with(running(), func(i *imports.Import) { i.Progress = nil }), noHistory)},
		{"running, at the very end", in(with(running(), func(i *imports.Import) { i.Progress = ptr(99) }), noHistory)},
		{"running since yesterday", in(with(running(), func(i *imports.Import) { i.SendingAt, i.BegunAt = yesterday(1, 0), yesterday(1, 0) }))},
		{"scheduled", in(with(running(), func(i *imports.Import) { i.Origin, i.RequestedBy, i.Followers = imports.Scheduled, "", nil }))},
		{"elsewhere, type not known", in(with(running(), func(i *imports.Import) {
			i.Origin, i.RequestedBy, i.Followers, i.Type = imports.Elsewhere, "", nil, ""
		}))},
		{"begun late", in(with(running(), func(i *imports.Import) { i.Origin, i.RequestedBy, i.Type = imports.Late, "", "" }))},
		{"out of sight", in(with(running(), lost))},
		{"out of sight, the server spoke", in(with(running(), func(i *imports.Import) {
			i.Lost, i.LastFailure = day(2, 42), &imports.Failure{Kind: imports.FailBadRequest, HTTP: 500, Reason: "HTTP 500", Message: hostile}
		}))},
		{"out of sight, credentials rejected", in(with(running(), func(i *imports.Import) {
			i.Lost, i.LastFailure = day(2, 42), &imports.Failure{Kind: imports.FailUnauthorized, HTTP: 401, Reason: "HTTP 401"}
		}))},
		{"settling", in(with(running(), func(i *imports.Import) { i.State = imports.Settling }))},
		{"succeeded", in(over(imports.Succeeded))},
		{"failed", in(with(over(imports.Failed), func(i *imports.Import) { i.End.Status = "failed" }))},
		{"unclear", in(with(over(imports.Unclear), func(i *imports.Import) {
			i.Doubts = []imports.Doubt{{Kind: imports.DoubtGap, From: day(1, 40), To: day(2, 30)}}
		}))},
		{"unknown", in(unknownEnd())},
		{"not begun", in(notBegun())},
		{"refused after the card was up", in(with(started(imports.Ended), func(i *imports.Import) {
			i.Outcome, i.EndedAt, i.Reason = imports.Refused, day(2, 15), imports.Reason{Kind: imports.ReasonRunning}
		}))},
		{"expired after the card was up", in(with(started(imports.Ended), func(i *imports.Import) {
			i.Outcome, i.EndedAt, i.Reason = imports.Expired, day(2, 15), imports.Reason{Kind: imports.ReasonTooLate, Failure: refused}
		}))},
		{"a type nobody knows", in(with(running(), func(i *imports.Import) { i.Type = bigfix.ImportType("<!here> new") }))},
	}
	var out []shown
	for _, c := range cases {
		out = append(out, shown{c.name, cardMessage(c.s)})
	}
	checkGolden(t, "cards", out)
}

// quietAsBefore has the server report what it did before the import.
func quietAsBefore(s *scene) { s.known.Quiet = s.imp.Baseline }

// afterRaw has a raw import have succeeded before, at 01:10.
func afterRaw(imp imports.Import) imports.Import {
	b := *imp.Baseline
	b.LastImportType, b.LastImportTime, b.LastSuccessTime = bigfix.TypeRaw, day(1, 10), day(1, 10)
	imp.Baseline, imp.End.SuccessTime = &b, day(1, 10)
	return imp
}

// afterComplete has the complete import of yesterday be the last one that counts.
func afterComplete(s *scene) {
	s.known.Fresh = yesterday(0, 47)
	s.known.Quiet.LastStatus, s.known.Quiet.LastImportTime, s.known.Quiet.LastSuccessTime = "failed", day(2, 56), day(1, 10)
}

// atRest is an import that has stood at 96 percent since a point in time.
func atRest(since time.Time) imports.Import {
	return with(running(), func(i *imports.Import) {
		i.Progress, i.RestSince, i.BegunAt, i.SendingAt = ptr(96), since, since.Add(-25*time.Minute), since.Add(-25*time.Minute)
	})
}

// seldomRests has earlier imports have rested for a minute at most.
func seldomRests(s *scene) {
	for i := range s.recent {
		s.recent[i].RestSince, s.recent[i].LongestRest = s.recent[i].BegunAt, time.Minute
	}
}

// stalledAlert has an alert be open that says that the import stands still.
func stalledAlert(s *scene) {
	s.known.Alerts = []imports.Alert{{Kind: imports.AlertStalled, ImportID: s.imp.ID, Since: s.imp.RestSince, Progress: s.imp.Progress}}
}

func unknownEnd() imports.Import {
	return with(over(imports.Unknown), func(i *imports.Import) {
		i.End, i.Progress, i.LastRun = nil, ptr(83), day(1, 40)
		i.Settle = &imports.Settle{Since: day(1, 52), Looks: 2}
		i.Reason = imports.Reason{Kind: imports.ReasonNothingMoved}
	})
}

// waits is a start that waits since 01:50 for what runs.
func waits() imports.Import {
	return with(started(imports.Waiting), func(i *imports.Import) {
		i.ID, i.WishedAt, i.AcceptedAt, i.Baseline, i.After = "imp-2", day(1, 50), time.Time{}, nil, "imp-1"
	})
}

// takenBack is one that somebody took back.
func takenBack(by string) imports.Import {
	return with(waits(), func(i *imports.Import) {
		i.State, i.Outcome, i.EndedAt = imports.Ended, imports.Cancelled, day(2, 10)
		i.Reason = imports.Reason{Kind: imports.ReasonCancelled, By: by}
	})
}

func notBegun() imports.Import {
	return with(started(imports.Ended), func(i *imports.Import) {
		i.SendingAt, i.Outcome, i.EndedAt = day(2, 14), imports.NotBegun, day(2, 20)
		i.Reason = imports.Reason{Kind: imports.ReasonNoSign}
	})
}

func TestMilestones(t *testing.T) {
	t.Parallel()
	out := []shown{}
	add := func(name string, s scene, n imports.Milestone) {
		out = append(out, shown{name, milestoneMessage(s, n)})
	}
	add("started", in(running()), imports.Milestone{Kind: imports.MilestoneStarted, At: day(2, 14)})
	add("started, no history", in(running(), noHistory), imports.Milestone{Kind: imports.MilestoneStarted, At: day(2, 14)})
	add("half", in(running()), imports.Milestone{Kind: imports.MilestoneProgress, At: day(2, 38), Progress: 50})
	add("half, no history", in(running(), noHistory), imports.Milestone{Kind: imports.MilestoneProgress, At: day(2, 38), Progress: 50})
	add("at rest for longer than was left", in(atRest(day(2, 30))), imports.Milestone{Kind: imports.MilestoneProgress, At: day(2, 30), Progress: 90})
	add("lost", in(running()), imports.Milestone{Kind: imports.MilestoneLost, At: day(2, 40), Failure: refused})
	add("lost, hostile words", in(running()), imports.Milestone{Kind: imports.MilestoneLost, At: day(2, 40),
		Failure: &imports.Failure{Kind: imports.FailNotServer, Reason: "HTML page", Message: hostile}})
	add("seen again, running", in(running()), imports.Milestone{Kind: imports.MilestoneSeen, At: day(2, 41)})
	add("seen again, over", in(with(running(), func(i *imports.Import) { i.State = imports.Settling })), imports.Milestone{Kind: imports.MilestoneSeen, At: day(2, 41)})
	checkGolden(t, "milestones", out)
}

func TestFinished(t *testing.T) {
	t.Parallel()
	raw := func(i *imports.Import) {
		i.Type, i.End.Type, i.BegunAt, i.FirstRunning = bigfix.TypeRaw, bigfix.TypeRaw, day(2, 53), imports.Span{Asked: day(2, 53), At: day(2, 53)}
	}
	failed := func(word string) imports.Import {
		return with(over(imports.Failed), func(i *imports.Import) {
			i.End.Status, i.End.SuccessTime = bigfix.LastStatus(word), yesterday(0, 47)
		})
	}
	doubts := func(d ...imports.Doubt) imports.Import {
		return with(over(imports.Unclear), func(i *imports.Import) { i.Doubts = d })
	}
	cases := []struct {
		name string
		s    scene
	}{
		{"succeeded", in(over(imports.Succeeded))},
		{"succeeded, no history, two mentioned", in(with(over(imports.Succeeded), func(i *imports.Import) { i.Followers = []string{"U0ANA", "U0BEN"} }), noHistory)},
		{"succeeded, longer than usual", in(with(over(imports.Succeeded), func(i *imports.Import) { i.BegunAt = day(1, 10) }))},
		{"succeeded, shorter than usual", in(with(over(imports.Succeeded), func(i *imports.Import) { i.BegunAt = day(2, 50) }))},
		{"succeeded, never seen running", in(with(over(imports.Succeeded), func(i *imports.Import) { i.FirstRunning = imports.Span{} }))},
		{"succeeded, its end unseen", in(with(over(imports.Succeeded), func(i *imports.Import) {
			i.EndUnseen, i.LastRunning = true, imports.Span{Asked: i.EndedAt.Add(-2 * time.Minute), At: i.EndedAt.Add(-2 * time.Minute)}
		}))},
		{"begun late, succeeded", in(with(over(imports.Succeeded), func(i *imports.Import) { i.Origin, i.RequestedBy = imports.Late, "" }))},
		{"raw succeeded", in(with(over(imports.Succeeded), raw))},
		{"raw succeeded, last complete not known", in(with(over(imports.Succeeded), func(i *imports.Import) {
			raw(i)
			i.Baseline.LastImportType = bigfix.TypeRaw
		}), noHistory, quietAsBefore)},
		{"failed", in(failed("failed"))},
		{"failed, the last success was raw", in(afterRaw(failed("failed")), afterComplete)},
		{"failed, the last success was raw, the complete one is forgotten", in(afterRaw(failed("failed")), afterComplete, noHistory)},
		{"failed on License Metric Tool, which has no word for its types", in(with(failed("failed"), func(i *imports.Import) {
			i.Baseline.LastImportType, i.Type = "", ""
		}), func(s *scene) { s.server, s.recent = lab, nil })},
		{"failed, a complete one has succeeded since", in(afterRaw(failed("failed")), func(s *scene) { s.known.Fresh = day(3, 30) })},
		{"failed, the word is hostile", in(failed(hostile))},
		{"failed, no word", in(failed(""))},
		{"scheduled failed, nobody asked", in(with(failed("failed"), func(i *imports.Import) { i.Origin, i.RequestedBy, i.Followers = imports.Scheduled, "", nil }))},
		{"scheduled succeeded, all are announced", in(with(over(imports.Succeeded), func(i *imports.Import) { i.Origin, i.RequestedBy, i.Followers = imports.Scheduled, "", nil }))},
		{"elsewhere failed", in(with(failed("failed"), func(i *imports.Import) { i.Origin, i.RequestedBy, i.Followers = imports.Elsewhere, "", nil }))},
		{"elsewhere, unknown", in(with(unknownEnd(), func(i *imports.Import) { i.Origin, i.RequestedBy, i.Followers = imports.Elsewhere, "", nil }))},
		{"unclear, a gap", in(doubts(imports.Doubt{Kind: imports.DoubtGap, From: day(1, 40), To: day(2, 50)}))},
		{"unclear, everything", in(with(doubts(
			imports.Doubt{Kind: imports.DoubtFellBack}, imports.Doubt{Kind: imports.DoubtNightly}, imports.Doubt{Kind: imports.DoubtType},
			imports.Doubt{Kind: imports.DoubtTime}, imports.Doubt{Kind: imports.DoubtNoBaseline}, imports.Doubt{Kind: imports.DoubtTypeUnknown},
			imports.Doubt{Kind: imports.DoubtAnother}, imports.Doubt{Kind: imports.DoubtStale}, imports.Doubt{Kind: imports.DoubtRefused},
			imports.Doubt{Kind: "brand_new"}), func(i *imports.Import) { i.End.Status = "failed" }))},
		{"unclear, no word", in(with(doubts(), func(i *imports.Import) { i.End.Status = "" }))},
		{"unknown, nothing moved", in(unknownEnd())},
		{"unknown, last complete not known", in(with(unknownEnd(), func(i *imports.Import) { i.Baseline.LastImportType = bigfix.TypeRaw }), noHistory, quietAsBefore)},
		{"unknown, out of sight for a day", in(with(unknownEnd(), func(i *imports.Import) {
			i.Reason, i.LastFailure, i.Settle = imports.Reason{Kind: imports.ReasonOutOfSight}, refused, nil
		}))},
		{"unknown, history went backwards", in(with(unknownEnd(), func(i *imports.Import) { i.Reason.Kind = imports.ReasonHistory }))},
		{"unknown, no word", in(with(unknownEnd(), func(i *imports.Import) {
			i.Reason.Kind, i.End = imports.ReasonNoWord, &imports.End{ImportTime: day(2, 30)}
		}))},
		{"unknown, never seen running, no baseline", in(with(unknownEnd(), func(i *imports.Import) { i.LastRun, i.Baseline, i.Settle = time.Time{}, nil, nil }), noHistory)},
		{"not begun", in(notBegun())},
		{"not begun, the server answered", in(with(notBegun(), func(i *imports.Import) {
			i.SendAnswer = &imports.Failure{Kind: imports.FailBadRequest, HTTP: 500, Reason: "HTTP 500", Message: hostile}
		}))},
		{"not begun, refused", in(with(notBegun(), func(i *imports.Import) {
			f := &imports.Failure{Kind: imports.FailForbidden, HTTP: 403, Reason: "HTTP 403"}
			i.Reason = imports.Reason{Kind: imports.ReasonNotPermitted, Failure: f}
		}))},
	}
	var out []shown
	for _, c := range cases {
		out = append(out, shown{c.name, finishedMessage(c.s)})
	}
	checkGolden(t, "finished", out)
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	const card = "https://example.slack.com/archives/C0PROD/p1"
	refusedFor := func(r imports.Reason) imports.Import {
		return with(started(imports.Ended), func(i *imports.Import) {
			i.Outcome, i.EndedAt, i.Reason, i.Type = imports.Refused, day(2, 13), r, bigfix.TypeRaw
		})
	}
	sent := with(started(imports.Sent), func(i *imports.Import) { i.SendingAt, i.Type = day(2, 14), bigfix.TypeRaw })
	other := in(with(running(), func(i *imports.Import) { i.ID, i.Origin, i.RequestedBy = "imp-0", imports.Elsewhere, "" }))
	says := func(kind imports.FailureKind, code int, reason, message string) *imports.Failure {
		return &imports.Failure{Kind: kind, HTTP: code, Reason: reason, Message: message}
	}
	cases := []struct {
		name string
		a    answer
	}{
		{"starting", answer{scene: in(sent), card: card}},
		{"starting, no link to be had", answer{scene: in(sent)}},
		{"ended within seconds", answer{scene: in(over(imports.Succeeded)), card: card}},
		{"already running, joined", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonRunning, Other: "imp-0"})), other: &other, otherCard: card}},
		{"already running, its card is not up yet", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonRunning, Other: "imp-0"})), other: &other}},
		{"already running, nothing known of it", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonRunning}))}},
		{"already sent, joined", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonRunning, Other: "imp-0"})), otherCard: card,
			other: ptr(in(with(started(imports.Sent), func(i *imports.Import) { i.SendingAt = day(2, 40) })))}},
		{"may not run imports", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonNotPermitted}))}},
		{"403", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonNotPermitted, Failure: says(imports.FailForbidden, 403, "HTTP 403", "")}))}},
		{"credentials rejected", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonUnauthorized, Failure: says(imports.FailUnauthorized, 401, "HTTP 401", hostile)}))}},
		{"unreachable", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonUnreachable, Failure: says(imports.FailUnavailable, 0, "no answer within 20s", "")}))}},
		{"unreachable, never seen", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonUnreachable, Failure: refused}), func(s *scene) { s.known = imports.Server{} })}},
		{"not this server", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonNotServer, Failure: says(imports.FailNotServer, 200, "an HTML page", "")}))}},
		{"bad request", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonBadRequest, Failure: says(imports.FailBadRequest, 500, "HTTP 500", hostile)}))}},
		{"unknown mode", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonUnknownMode}), func(s *scene) { s.known.Good.Status.Mode = "<!here>" })}},
		{"archived", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonNoCard, Detail: "the channel takes no card: chat.postMessage: is_archived"}))}},
		{"not in channel", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonNoCard, Detail: "the channel takes no card: chat.postMessage: not_in_channel"}))}},
		{"no such channel", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonNoCard, Detail: "the channel takes no card: chat.postMessage: channel_not_found"}))}},
		{"restricted", answer{scene: in(refusedFor(imports.Reason{Kind: imports.ReasonNoCard, Detail: "the channel takes no card: chat.postMessage: restricted_action"}))}},
		{"a reason nobody knows", answer{scene: in(refusedFor(imports.Reason{Kind: "brand_new", Detail: "words"}))}},
		{"expired", answer{scene: in(with(refusedFor(imports.Reason{Kind: imports.ReasonTooLate, Failure: refused}), func(i *imports.Import) { i.Outcome = imports.Expired }))}},
		{"expired, nothing known", answer{scene: in(with(refusedFor(imports.Reason{Kind: imports.ReasonTooLate}), func(i *imports.Import) { i.Outcome = imports.Expired }))}},
		{"by direct message: started", answer{scene: in(sent), card: card, direct: true}},
		{"by direct message: expired", answer{scene: in(with(refusedFor(imports.Reason{Kind: imports.ReasonTooLate}), func(i *imports.Import) { i.Outcome = imports.Expired })), direct: true}},
		{"by direct message: started after what ran", answer{scene: in(with(sent, func(i *imports.Import) { i.WishedAt = day(1, 50) })), card: card, direct: true}},
		{"by direct message: taken back by another", answer{scene: in(takenBack("U0BEN")), direct: true}},
		{"by direct message: waited in vain", answer{scene: in(with(takenBack(""), func(i *imports.Import) {
			i.Outcome, i.Reason = imports.Expired, imports.Reason{Kind: imports.ReasonWaited}
		})), direct: true}},
		{"by direct message: waited in vain, out of sight", answer{scene: in(with(takenBack(""), func(i *imports.Import) {
			i.Outcome, i.Reason = imports.Expired, imports.Reason{Kind: imports.ReasonWaited, Failure: refused}
		})), direct: true}},
		{"by direct message: over", answer{scene: in(unknownEnd()), card: card, direct: true}},
	}
	var out []shown
	for _, c := range cases {
		out = append(out, shown{c.name, c.a.message()})
	}
	checkGolden(t, "answers", out)
}
