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

// event is an import that the bot watched on a server before the story begins.
type event struct {
	nights  int           // how many nights before the last one
	after   time.Duration // how long after the nightly import's hour
	kind    bigfix.ImportType
	origin  imports.Origin
	percent int // of what imports of that type take
	fails   bool
}

// prodPast is what was there: ten nights, one of which failed, was noticed and made up for by hand in the morning; and raw imports in
// between, enough of them that it is known what is usual.
var prodPast = append(nights(5, 100, 97, 108, 93, 104, 31, 99, 102, 96, 105, 101), []event{
	{8, 9 * time.Hour, bigfix.TypeRaw, imports.Here, 110, false},
	{6, 11 * time.Hour, bigfix.TypeRaw, imports.Here, 96, false},
	{5, 8 * time.Hour, bigfix.TypeComplete, imports.Here, 103, false},
	{3, 10 * time.Hour, bigfix.TypeRaw, imports.Elsewhere, 103, false},
	{2, 9 * time.Hour, bigfix.TypeRaw, imports.Here, 99, false},
}...)

// labPast is shorter: nine nights, of which the week's report tells seven, and somebody who could not wait for the last one.
var labPast = append(nights(3, 101, 98, 106, 92, 112, 26, 99, 108, 91), []event{
	{3, 7 * time.Hour, bigfix.TypeComplete, imports.Here, 101, false},
	{1, 11 * time.Hour, bigfix.TypeComplete, imports.Elsewhere, 106, false},
}...)

// nights are nightly imports that took so long, of which the one so many nights before the last one failed.
func nights(failed int, percents ...int) (all []event) {
	for i, percent := range percents {
		ago := len(percents) - 1 - i
		all = append(all, event{ago, 0, bigfix.TypeComplete, imports.Scheduled, percent, ago == failed})
	}
	return all
}

// remember fills the bot's database with its past, so that the demo shows a history and an estimate where a bot that has run for a while
// would. They took as long as imports take in this demo, for that is what the person is about to see. What there was to say of them was
// said; and the servers were watched all the time.
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
	for _, srv := range s.servers {
		if err := srv.remember(ctx, db, lead.Lead().Epoch, now); err != nil {
			return err
		}
	}
	return nil
}

// remember records the past of one server.
func (s *server) remember(ctx context.Context, db *store.Store, epoch imports.Epoch, now time.Time) error {
	var all []imports.Import
	for i, e := range s.past {
		all = append(all, s.watched(fmt.Sprintf("demo-%s-%02d", s.name, i+1), e, now))
	}
	if err := db.RecordWatched(ctx, epoch, s.name, imports.Watched{From: all[0].BegunAt, To: now}); err != nil {
		return err
	}
	if err := db.Record(ctx, epoch, imports.Server{Name: s.name}, all); err != nil {
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

// when is when an import of the past began and ended.
func (s *server) when(e event, now time.Time) (began, ended time.Time) {
	began = s.lastDue(now).AddDate(0, 0, -e.nights).Add(e.after).UTC()
	return began, began.Add(s.usual(e.kind) * time.Duration(e.percent) / 100).Truncate(time.Second)
}

// watched is an import that the bot saw from beginning to end.
func (s *server) watched(id string, e event, now time.Time) imports.Import {
	began, ended := s.when(e, now)
	imp := imports.Import{
		ID: id, Server: s.name, Type: e.kind, Origin: e.origin, State: imports.Ended, Outcome: imports.Succeeded,
		AcceptedAt: began, BegunAt: began, EndedAt: ended, LastLook: ended, LastRun: ended,
		FirstRunning: imports.Span{Asked: began, At: began}, LastRunning: imports.Span{Asked: ended, At: ended},
		End:      &imports.End{Status: bigfix.StatusSuccessful, Type: e.kind, ImportTime: ended, SuccessTime: ended, SeenAt: ended},
		Revision: 1,
	}
	if e.origin == imports.Here {
		imp.RequestedBy, imp.RequestKey, imp.RequestedIn, imp.AnsweredAt = ana, id, s.channel, began
	}
	if e.fails {
		imp.Outcome = imports.Failed
		imp.End.Status, imp.End.SuccessTime = "failed", time.Time{}
	}
	return imp
}
