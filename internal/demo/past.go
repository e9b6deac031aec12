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

// past are the imports that the bot watched on this server before the story begins: how many days ago, and how their durations
// differed from the usual one, in percent. Three of a type are the least that an estimate is made from.
var past = []struct {
	kind          bigfix.ImportType
	days, percent int
}{
	{bigfix.TypeRaw, 9, 110}, {bigfix.TypeComplete, 8, 97}, {bigfix.TypeRaw, 6, 96}, {bigfix.TypeComplete, 5, 108},
	{bigfix.TypeRaw, 3, 103}, {bigfix.TypeComplete, 2, 104},
}

// remember fills the bot's database with its past, so that the demo shows an estimate where a bot that has run for a while would. They
// took as long as imports take in this demo, for that is what the person is about to see.
func (s *stage) remember(ctx context.Context, now time.Time) (err error) {
	db, err := store.Open(ctx, s.cfg.Database.Reveal(), store.Options{})
	if err != nil {
		return fmt.Errorf("opening the demo's database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	lead, err := db.Lead(ctx)
	if err != nil {
		return err
	}
	var all []imports.Import
	for _, p := range past {
		began := now.UTC().AddDate(0, 0, -p.days).Add(-3 * time.Hour).Truncate(time.Second)
		all = append(all, watched(p.kind, began, began.Add(s.Pace*time.Duration(p.percent)/100)))
	}
	return db.Record(ctx, lead.Lead().Epoch, imports.Server{Name: server}, all)
}

// watched is an import that somebody started in the web pages, and the bot saw from beginning to end.
func watched(kind bigfix.ImportType, began, ended time.Time) imports.Import {
	return imports.Import{
		ID: "demo-" + began.Format("20060102"), Server: server, Type: kind, Origin: imports.Elsewhere,
		State: imports.Ended, Outcome: imports.Succeeded,
		AcceptedAt: began, BegunAt: began, EndedAt: ended, LastLook: ended, LastRun: ended,
		FirstRunning: imports.Span{Asked: began, At: began}, LastRunning: imports.Span{Asked: ended, At: ended},
		End:      &imports.End{Status: bigfix.StatusSuccessful, Type: kind, ImportTime: ended, SuccessTime: ended, SeenAt: ended},
		Revision: 1,
	}
}
