// Package slacksim is a simulated Slack: a workspace, its Web API and its
// Socket Mode, over real HTTP and WebSocket on a loopback port.
//
// It exists because the real Slack can't be had in a test, and because what
// goes wrong between a bot and Slack (a disconnect straight after hello, a
// message that was taken while its answer was lost, a rate limit in one of
// three shapes) has to be had on demand. It is right when a client that its
// authors did not write can't tell: the official Bolt for JavaScript runs
// against it in the tests.
//
// # The three sides of it
//
// A bot sees Slack. Give it [Sim.APIURL], [Sim.BotToken] and [Sim.AppToken]:
//
//	sim := slacksim.New()
//	defer sim.Close()
//	sim.AddUser("U1", "ana")
//	sim.AddChannel("C1", "imports")
//	startMyBot(sim.APIURL(), sim.BotToken, sim.AppToken)
//
// Not all people are alike: some are guests ([Guest]), some belong to another
// workspace ([Foreign]) and are met in a shared channel ([Sim.AddSharedChannel]).
// What the app may do is everything, or what its manifest says ([WithManifest]).
//
// People type, press and read. What they do is a method ([Sim.Command],
// [Sim.Press], [Sim.Submit], [Sim.OpenHome], [Sim.Write]); what they see is
// [Sim.Messages], [Sim.Ephemerals], [Sim.Views], [Sim.Home], and all of it as it happens in
// [Sim.Subscribe], of which [Sim.Sees] tells what is on one person's screen:
//
//	answer, err := sim.Command(ctx, slacksim.Typed{UserID: "U1", ChannelID: "C1", Command: "/import", Text: "raw"})
//	card, err := sim.WaitMessage(ctx, func(m slacksim.Message) bool { return m.Channel == "C1" })
//
// A test is the third side: it breaks things ([Sim.Fail], [Sim.FailEnvelopes],
// [Sim.Disconnect], [Sim.CutSockets], [Sim.HalfOpen], [Sim.RevokeBotToken],
// [Sim.RefuseBlocks]),
// stands between a call and its effect ([Sim.Intercept]), reads what the bot asked
// for ([Sim.Journal]) and, at the end, whether it kept Slack's rules:
//
//	sim.Check(t) // fails the test for a late ack, an update that drops its blocks, …
//
// # What is simulated, and how strictly
//
// Rate limits, block and text limits, error codes, scopes, single-use
// WebSocket tickets, at most ten connections, the three seconds for an ack and
// a trigger_id, the five uses and thirty minutes of a response_url. Where
// Slack's own behaviour is not documented, docs/decisions/0003-slack-simulator.md
// says what was chosen.
//
// Several processes of the bot may run at once; limits count them together.
// Where a test has to tell them apart, it gives each an address of its own
// ([Sim.APIURLOf]).
//
// State is held in memory and outlives the bot: a test may kill the bot, start
// it again and find the same channels, messages and counters. Nothing is
// forgotten, unless [WithRetention] says so for a program that runs for days.
//
// Time is real unless [WithClock] is given a [ManualClock]: limits, deadlines,
// expiries and timestamps then follow that clock, the pings never do.
package slacksim
