package handlers

import (
	"strings"
	"testing"
	"time"

	"importbot/imports"
)

// toldAlone lets an import end that Eve wants to be told of by direct message, and Ana in the channel.
func toldAlone(s *stage) {
	follow := func(i *imports.Import) { i.Followers, i.Direct = []string{"U0ANA", "U0EVE"}, []string{"U0EVE"} }
	s.put(with(running(), follow))
	s.put(with(over(imports.Succeeded), func(i *imports.Import) { follow(i); i.AnsweredAt = day(2, 15) }))
	s.pass(publishPoll)
}

// checkToldAlone says what must hold then.
func (s *stage) checkToldAlone() {
	s.t.Helper()
	var channel, direct []*posted
	for _, m := range s.posts(kindFinished) {
		if m.channel == "U0EVE" {
			direct = append(direct, m)
			continue
		}
		channel = append(channel, m)
	}
	if len(channel) != 1 || len(direct) != 1 {
		s.t.Fatalf("%d end notices in the channel and %d to Eve alone, want one each:\n%s", len(channel), len(direct), s.slack)
	}
	if text := channel[0].text; !strings.Contains(text, "<@U0ANA>") || strings.Contains(text, "U0EVE") {
		s.t.Errorf("the channel reads %q; want Ana mentioned and Eve not", text)
	}
	s.atRest()
}

// TestWhoWantsIsToldByDirectMessage once, wherever the process is killed or stands still.
func TestWhoWantsIsToldByDirectMessage(t *testing.T) {
	t.Parallel()
	reference := newStage(t)
	toldAlone(reference)
	reference.checkToldAlone()
	for at := 1; at <= reference.calls; at++ {
		for way := range 4 {
			s := newStage(t)
			s.after = way&1 == 0
			if way&2 == 0 {
				s.kills = []int{at}
			} else {
				s.freezes = []int{at}
			}
			toldAlone(s)
			s.wakeAll()
			s.pass(2 * time.Minute)
			s.checkToldAlone()
			if t.Failed() {
				t.Fatalf("call %d of %d, way %d", at, reference.calls, way)
			}
		}
	}
	t.Logf("%d calls", reference.calls)
}
