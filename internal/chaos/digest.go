//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"importbot/imports"
	"importbot/internal/slacksim"
	"importbot/internal/store"
)

// This is about the week's report: worlds that are due one, what befalls it, and the rule about it.

// beforehand is when steps are done that must be ready before any process is started: what is due at once comes before all others.
const beforehand = -time.Second

// weekly makes a world in which each channel is due a week's report.
func (d *dealer) weekly() { d.Digest = true }

// losesDigest deals a report that Slack takes, and whose answer never leaves.
func losesDigest(d *dealer) {
	d.does(beforehand, "the first week's report: Slack takes it and loses the answer", func(ctx context.Context, w *world) {
		spring := make(chan struct{}, 1)
		spring <- struct{}{}
		w.trap(w.slack.Intercept(func(at slacksim.Point, c slacksim.Call) slacksim.Verdict {
			if at != slacksim.Taken || metaKind(c) != "digest" {
				return slacksim.Pass
			}
			select {
			case <-spring:
				w.did(ctx, didOther, "", "the answer to the week's report is lost")
				return slacksim.Cut
			default:
				return slacksim.Pass
			}
		}))
	})
}

// archivesFirst deals a channel that takes nothing when its report is due.
func archivesFirst(d *dealer) {
	s := d.server()
	d.does(beforehand, fmt.Sprintf("the channel of %s is archived", s.Name), func(ctx context.Context, w *world) {
		w.did(ctx, didOther, "", "channel archived")
		w.slack.SetArchived(s.Channel, true)
	})
	d.does(d.between(0, 2000), "and restored", func(ctx context.Context, w *world) {
		w.slack.SetArchived(s.Channel, false)
		w.did(ctx, didHeal, "", "channel restored")
	})
}

// digest is DIGEST: a minute before the world was made, whichever process asks, and however often it was started.
func (w *world) digest() string {
	return strings.ToLower(w.built.UTC().Add(-time.Minute).Format("Mon 15:04")) + " UTC"
}

// remember gives the bot a past: some days ago every server was looked at. A week of which nothing is known is not reported on.
func (w *world) remember(ctx context.Context) (err error) {
	db, err := store.Open(ctx, w.db.url(), store.Options{Name: "past"})
	if err != nil {
		return fmt.Errorf("opening the database for its past: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	lead, err := db.Lead(ctx)
	if err != nil {
		return fmt.Errorf("writing the past: %w", err)
	}
	epoch := lead.Lead().Epoch
	for _, s := range w.plan.Servers {
		looked := imports.Server{Name: s.Name, Good: imports.Observation{Span: imports.Span{At: w.built.AddDate(0, 0, -3)}}}
		// What the server said then is forgotten: it is only known that it was looked at.
		for _, srv := range []imports.Server{looked, {Name: s.Name}} {
			if err := db.Record(ctx, epoch, srv, nil); err != nil {
				return fmt.Errorf("writing the past: %w", err)
			}
		}
	}
	return lead.Release(ctx)
}

// digests are the channels that are due a week's report.
func (p Plan) digests() (channels []string) {
	for _, s := range p.Servers {
		if p.Digest {
			channels = append(channels, s.Channel)
		}
	}
	return channels
}

// weekly looks for the week's report in each channel.
func (e *Evidence) weekly() (found []string) {
	sent := map[string][]post{}
	for _, p := range e.posts() {
		if p.kind == "digest" {
			sent[p.Args["channel"]] = append(sent[p.Args["channel"]], p)
		}
	}
	for _, channel := range slices.Sorted(maps.Keys(sent)) {
		if !slices.Contains(e.Digests, channel) {
			found = append(found, fmt.Sprintf("%s got a week's report at %s, and is due none", channel, clock(sent[channel][0].Time)))
		}
	}
	for _, channel := range e.Digests {
		told := slices.DeleteFunc(slices.Clone(sent[channel]), func(p post) bool { return !p.Taken })
		found = append(found, e.doubled("the channel "+channel, "week's report", told)...)
		if len(told) == 0 && !e.turnedAway(sent[channel]) {
			found = append(found, fmt.Sprintf("the channel %s has no week's report, and took everything", channel))
		}
	}
	return found
}
