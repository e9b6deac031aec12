package demo

import (
	"context"
	"time"
)

// scene is one line of the story, what has to be there before the next (how many messages of each kind), and how long that may take
// before the story goes on without it.
type scene struct {
	line   string
	until  func(kinds map[string]int) bool
	within time.Duration
}

// story is what is played where standard input is empty: the main job, then a night that goes wrong and what becomes of it. It takes
// less than a minute.
var story = []scene{
	{"/import raw", func(kinds map[string]int) bool { return kinds["finished"] > 0 }, sceneWithin},
	{"server nightly fails", func(kinds map[string]int) bool { return kinds["finished"] > 1 }, sceneWithin},
	{"/import complete", func(kinds map[string]int) bool { return kinds["finished"] > 2 }, sceneWithin},
	{"# whereupon the alert is over", func(kinds map[string]int) bool { return kinds["recovered"] > 0 }, afterwords},
}

const (
	sceneWithin = 90 * time.Second
	// afterwords is how long Slack's limit of a message a second may hold the last one back.
	afterwords = 5 * time.Second
)

// tell plays the story.
func (s *stage) tell(ctx context.Context) error {
	for _, scene := range story {
		if settle := s.enter(ctx, scene.line); settle != nil {
			settle(ctx)
		}
		within, cancel := context.WithTimeout(ctx, scene.within)
		s.slack.Wait(within, func() bool { return scene.until(s.kinds()) }) //nolint:errcheck // the end of the story waits for what is left
		s.awaitQuiet(within, quiet, anything)
		cancel()
	}
	return s.awaitEnd(ctx)
}

// kinds counts what the bot has posted in the channel, by what its metadata says it is.
func (s *stage) kinds() map[string]int {
	kinds := map[string]int{}
	for _, m := range s.slack.Messages(channel) {
		if m.Metadata != nil {
			kind, _ := m.Metadata.Payload["kind"].(string)
			kinds[kind]++
		}
	}
	return kinds
}
