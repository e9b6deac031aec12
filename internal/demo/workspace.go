package demo

import (
	"fmt"
	"sync/atomic"
	"time"

	"importbot/internal/slacksim"
)

// Who and where.
const (
	ana        = "U0ANA"
	ben        = "U0BEN"
	gus        = "U0GUS"
	oncall     = "S0ONCALL"
	channel    = "C0IMPORTS"
	labChannel = "C0LAB"
	general    = "C0GENERAL"
	prod       = "prod"
	lab        = "lab"
	command    = "/import"
)

// remembered is how many events, calls, requests and imports the simulators remember, so that a demo may be left alone for days. It is some fifty
// imports.
const remembered = 2000

// person is somebody in the simulated workspace.
type person struct {
	id, name string
	is       []slacksim.UserOption
}

// people are who one can be here: ana is on call and may start imports, ben may on one of the servers alone, and gus is on call, but a
// guest.
var people = []person{
	{id: ana, name: "ana", is: []slacksim.UserOption{slacksim.Title("On call, may start imports")}},
	{id: ben, name: "ben", is: []slacksim.UserOption{slacksim.Title("Licence manager, may start imports on lab alone")}},
	{id: gus, name: "gus", is: []slacksim.UserOption{slacksim.Title("Contractor, a guest"), slacksim.Guest()}},
}

// talk is what was said in #it-general before the demo began.
var talk = []struct {
	ago       time.Duration
	who, text string
}{
	{52 * time.Minute, ben, "The licence review with the auditors is tomorrow at ten. How old will the numbers be?"},
	{49 * time.Minute, ana, "From tonight's import. If that fails I start one in the morning: it takes less than an hour."},
	{48 * time.Minute, ben, "Good. I watch <#" + channel + ">, then."},
}

// aside says whether a message is none for whoever sits at the terminal, in #bigfix-imports: talk elsewhere, and the other server's report.
func aside(m slacksim.Message) bool {
	return m.Channel == general || m.Channel == labChannel && m.Metadata != nil && m.Metadata.Payload["kind"] == "digest"
}

// workspace makes a simulated Slack with people, channels, and the app as its manifest installs it.
func workspace(manifest []byte, more ...slacksim.Option) (*slacksim.Sim, error) {
	clock := new(setBack)
	slack, err := slacksim.Start(append(more,
		slacksim.WithTeam("T0DEMO", "demo"), slacksim.WithManifest(manifest), slacksim.WithClock(clock), slacksim.WithRetention(remembered))...)
	if err != nil {
		return nil, fmt.Errorf("starting the simulated Slack: %w", err)
	}
	for _, p := range people {
		slack.AddUser(p.id, p.name, p.is...)
	}
	slack.AddUserGroup(oncall, "oncall", ana, gus) // who is a guest all the same
	slack.AddChannel(channel, "bigfix-imports")
	slack.SetTopic(channel, "Data imports of BigFix Inventory. /import status says how it stands")
	slack.AddChannel(labChannel, "lab-imports")
	slack.SetTopic(labChannel, "Data imports of the License Metric Tool")
	slack.AddChannel(general, "it-general")
	slack.SetTopic(general, "Everything else")
	for _, line := range talk {
		clock.by.Store(int64(line.ago))
		slack.Say(line.who, general, line.text, "")
	}
	clock.by.Store(0)
	return slack, nil
}

// setBack is this machine's clock, set back while what was said before is said.
type setBack struct{ by atomic.Int64 }

func (c *setBack) Now() time.Time { return time.Now().Add(-time.Duration(c.by.Load())) }

func (c *setBack) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return time.AfterFunc(d, f).Stop
}
