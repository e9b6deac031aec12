package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"importbot/bigfix"
	"importbot/imports"
	"importbot/internal/store"
)

// event is an import that the bot watched on this server before the story begins.
type event struct {
	nights  int           // how many nights before the last one
	after   time.Duration // how long after the nightly import's hour
	kind    bigfix.ImportType
	origin  imports.Origin
	percent int // of what imports of that type take
	fails   bool
}

// past is what was there: ten nights, one of which failed, was noticed and made up for by hand in the morning; and raw imports in
// between, enough of them that it is known what is usual.
var past = append(nights(100, 97, 108, 93, 104, 31, 99, 102, 96, 105, 101), []event{
	{8, 9 * time.Hour, bigfix.TypeRaw, imports.Here, 110, false},
	{6, 11 * time.Hour, bigfix.TypeRaw, imports.Here, 96, false},
	{failedNight, 8 * time.Hour, bigfix.TypeComplete, imports.Here, 103, false},
	{3, 10 * time.Hour, bigfix.TypeRaw, imports.Elsewhere, 103, false},
	{2, 9 * time.Hour, bigfix.TypeRaw, imports.Here, 99, false},
}...)

// failedNight is how many nights before the last one the nightly import failed.
const failedNight = 5

func nights(percents ...int) (all []event) {
	for i, percent := range percents {
		ago := len(percents) - 1 - i
		all = append(all, event{ago, 0, bigfix.TypeComplete, imports.Scheduled, percent, ago == failedNight})
	}
	return all
}

// usual is how long imports of a type take in this demo.
func (d Demo) usual(kind bigfix.ImportType) time.Duration {
	if kind == bigfix.TypeRaw {
		return d.Pace / 2
	}
	return d.Pace
}

// remember fills the bot's database with its past, so that the demo shows a history and an estimate where a bot that has run for a while
// would. They took as long as imports take in this demo, for that is what the person is about to see. What there was to say of them was
// said; and the
// server was watched all the time.
func (s *stage) remember(ctx context.Context, now time.Time) (err error) {
	db, err := store.Open(ctx, s.database, store.Options{})
	if err != nil {
		return fmt.Errorf("opening the demo's database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	lead, err := db.Lead(ctx)
	if err != nil {
		return err
	}
	epoch := lead.Lead().Epoch
	var all []imports.Import
	for i, e := range past {
		all = append(all, s.watched(fmt.Sprintf("demo-%02d", i+1), e, now))
	}
	for at := all[0].BegunAt; at.Before(now); at = at.Add(imports.WatchedPause) {
		if err := db.Record(ctx, epoch, imports.Server{Name: server, Good: imports.Observation{Span: imports.Span{At: at}}}, nil); err != nil {
			return err
		}
	}
	if err := db.Record(ctx, epoch, imports.Server{Name: server}, all); err != nil {
		return err
	}
	for _, imp := range all {
		told := imports.Thread{ImportID: imp.ID, Shown: imp.Revision, Done: true}
		if imp.RequestedBy != "" {
			told.Followers = 1
		}
		if err := db.SaveThread(ctx, epoch, told); err != nil {
			return err
		}
	}
	return nil
}

// watched is an import that the bot saw from beginning to end.
func (s *stage) watched(id string, e event, now time.Time) imports.Import {
	began := lastDue(now).AddDate(0, 0, -e.nights).Add(e.after).UTC()
	ended := began.Add(s.usual(e.kind) * time.Duration(e.percent) / 100).Truncate(time.Second)
	imp := imports.Import{
		ID: id, Server: server, Type: e.kind, Origin: e.origin, State: imports.Ended, Outcome: imports.Succeeded,
		AcceptedAt: began, BegunAt: began, EndedAt: ended, LastLook: ended, LastRun: ended,
		FirstRunning: imports.Span{Asked: began, At: began}, LastRunning: imports.Span{Asked: ended, At: ended},
		End:      &imports.End{Status: bigfix.StatusSuccessful, Type: e.kind, ImportTime: ended, SuccessTime: ended, SeenAt: ended},
		Revision: 1,
	}
	if e.origin == imports.Here {
		imp.RequestedBy, imp.RequestKey, imp.RequestedIn, imp.AnsweredAt = ana, id, channel, began
	}
	if e.fails {
		imp.Outcome = imports.Failed
		imp.End.Status, imp.End.SuccessTime = "failed", time.Time{}
	}
	return imp
}
