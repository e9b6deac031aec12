// Package slackweb is a Slack client in the browser for a simulated workspace: a page that feels like Slack, over
// [importbot/internal/slacksim] alone. It knows no app. What an app posts is drawn as Slack would draw it, and what a person does
// here reaches the app as it would from Slack.
//
//	page := slackweb.New(slackweb.Options{Slack: sim, People: []string{"U0ANA", "U0BEN"}, Panel: panel})
//	http.Serve(listener, page)
//
// Beside the workspace it can show a panel: what is behind it, and switches to break that. The panel is whoever serves the page's, and
// as little known here as the app: see [Panel].
//
// The page is a React app in the folder client. What Vite makes of it stands in dist, is committed and embedded, so that Go alone
// serves it; .ci/run builds it anew and fails where the two differ.
//
// # What browser and server say to each other
//
// The browser loads a workspace once, then follows its events, all in one stream, and works out everything it shows from them: channels,
// threads, edits, what is unread. Who loses that stream loads the workspace again, and goes on behind the last event they had. Whoever
// asks says as whom, because a person may be anyone of People here; events and answers are those that this person would see in Slack.
//
//	GET  /api/workspace?user=U     Workspace; without user, of the first of People
//	GET  /api/events?user=U        a WebSocket, of which each message is one of {"id","event":Event} and {"panel":PanelState}: what
//	                               happened, then what happens; the panel at once and whenever it has changed. With after=ID (or a seq) it
//	                               goes on behind that event
//	POST /api/command              {"user","channel","text"}             a slash command, all of the line
//	POST /api/message              {"user","channel","text","thread_ts"} an ordinary message
//	POST /api/press                {"user","channel","ts","action_id","block_id","value"}; without ts: in the Home tab. Value is what was
//	                               chosen or what the button has: it may be one that the app has changed since
//	POST /api/home                 {"user"}                              opens the Home tab
//	POST /api/panel                {"switch":"ID"}                       {"told":"what happens now"}
//
// A POST answers 200 with an object, or 4xx with {"error":"a sentence for the person"}. What comes of it arrives as events. JSON alone
// is accepted, from this page's own origin alone, under a loopback host name alone.
//
//	Workspace {
//	  "run": "…",                    // of this workspace: one that is begun anew at this address has another
//	  "seq": 17,                     // the newest event: what is older is read already
//	  "forgotten": 0,                // the newest event that the workspace has forgotten: who has not seen that far begins anew
//	  "user": "U0ANA",
//	  "team": {"id","name","url"},   // url: ends in a slash; its messages are at URL + "archives/CHANNEL/pTS"
//	  "app":  {"name","user_id","description","home":true},
//	  "users":    [{"id","name","title","bot"}],      // title: what they do, as on a Slack profile
//	  "people":   ["U0ANA","U0BEN"],                  // whom one can be here
//	  "groups":   [{"id","handle","mine"}],             // mine: this user is in it, and so is mentioned with it
//	  "channels": [{"id","name","topic","dm":false,   // that this user is in; dm is the one with the app
//	                "read_only":false}],              // people can write nothing there, as the app's manifest has it
//	  "commands": [{"command","description","usage_hint"}],
//	  "panel": true                                   // whether there is one
//	}
//
//	Event {
//	  "seq", "time",                 // RFC 3339
//	  "kind",                        // slacksim.EventKind
//	  "user", "channel", "text", "error", "trigger",
//	  "reason",                      // why the app did not react, a sentence for the person
//	  "message": {"channel","ts","thread_ts","user","text","blocks":[…],"broadcast","ephemeral","posted","edited","trigger"},
//	  "view":    {"id","type","title","blocks":[…]}
//	}
//
// Of the past, a message's last edit (or its deletion) alone is sent, in the place of that, and of a Home tab the newest: an edit may be
// the first that a browser hears of a message. Blocks have the ids that Slack gives to those without.
//
// The id of an event also names the run. Who comes back with one of another run, as a page does that was left open while the program
// was started anew, gets 410, and has to load all of it again. So does who comes back with one before what was forgotten, where the
// workspace does not remember everything; and a stream that is taken in so slowly that what comes next is forgotten ends.
//
// Answers: to a command, a press and a home {"trigger"}, as the events have it that belong to it; to a message {"ts"}. A press is answered
// when the app took it, and refused where it did not in time.
//
//	PanelState {
//	  "title": "Behind the scenes",
//	  "sections": [{
//	    "id", "title", "tone",       // tone: "good", "bad", "busy" or "", never the only sign of anything
//	    "summary",                   // a sentence: how it stands
//	    "progress": 59,              // percent, or absent
//	    "facts":    [{"label","value","time"}],  // time, RFC 3339, instead of value: shown in the viewer's zone
//	    "switches": [{"id","label","hint","on":true|false|null,"disabled":"why, or empty"}]  // on: for what can be on or off
//	  }],
//	  "log": [{"seq","time","text"}] // what was done here, newest last, the last 50
//	}
package slackweb
