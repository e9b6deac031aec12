package handlers

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"importbot/bigfix"
	"importbot/imports"
)

// What buttons do, as their action_id names it.
const (
	actRefresh       = "refresh"        // show the status anew, in the same message; on a card, have that shown anew
	actStatus        = "status"         // show the status to whoever presses
	actStartRaw      = "start_raw"      // start a raw import
	actStartComplete = "start_complete" // start a complete import
	actConfirm       = "confirm_start"  // start after all what was asked about
	actNotify        = "notify"         // be mentioned at the end
	actNotifyDirect  = "notify_direct"  // be told of the end by direct message
	actTakeBack      = "cancel_waiting" // take a waiting start back
	actMute          = "mute"           // mute a server's alerts
	actOpen          = "open"           // a link: Slack opens it by itself, and tells of the press all the same
)

// warned is what the dialog of a button that starts an import said before the press.
type warned string

const (
	toldNothing warned = ""  // there was no dialog
	toldUsual   warned = "d" // what is started, and how long it takes
	toldOverlap warned = "o" // besides, that it overlaps the next scheduled import
)

// memo is what a button remembers of the moment it was drawn. It travels as the button's value, through Slack and back,
// where anybody who sees the button can read it: it holds ids and times, and gives nobody a right.
type memo struct {
	Server string `json:"s,omitempty"`
	// Import is the one that the button is about; of a button that starts one, the newest known of that server.
	Import string            `json:"i,omitempty"`
	Drawn  int64             `json:"a,omitempty"` // when, in Unix seconds
	Key    string            `json:"k,omitempty"` // of a question: the wish that it asks about
	Type   bigfix.ImportType `json:"t,omitempty"` // of a question: what is to be started
	Told   warned            `json:"d,omitempty"`
	Alert  string            `json:"l,omitempty"` // the id of the alert to have quiet about
}

// readMemo reads a button's value; ok is false for one that this program did not write.
func readMemo(value string) (m memo, ok bool) {
	if err := json.Unmarshal([]byte(value), &m); err != nil {
		return memo{}, false
	}
	return m, true
}

func (m memo) String() string {
	data, err := json.Marshal(m)
	if err != nil { // strings and a number: it can't fail
		return "{}"
	}
	return string(data)
}

func (m memo) drawn() time.Time { return time.Unix(m.Drawn, 0).UTC() }

// button draws one.
func button(action string, m memo, words string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(action, m.String(), plainText(words))
}

func plainText(words string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, words, false, false)
}

// row is a block of buttons about one server; no block where there are none.
func row(server string, buttons []slack.BlockElement) []slack.Block {
	if len(buttons) == 0 {
		return nil
	}
	return []slack.Block{slack.NewActionBlock("do/"+server, buttons...)}
}

// openButtons is the link to the page of the web interface where imports are seen, started and stopped.
func openButtons(srv Server) []slack.BlockElement {
	if !isLink(srv.ImportsPage) {
		return nil
	}
	open := slack.NewButtonBlockElement(actOpen, "", plainText("Open "+product(srv.Edition)))
	open.URL = srv.ImportsPage
	return []slack.BlockElement{open}
}

func isLink(url string) bool {
	return strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://")
}

// cardButtons are those of a card: to have it brought up to date, or see what has become of the server since; while its import runs,
// to be told of the end; once it is over, to start the next one.
func cardButtons(s scene) []slack.Block {
	m := memo{Server: s.server.Name, Import: s.imp.ID, Drawn: s.now.Unix()}
	buttons := []slack.BlockElement{button(actRefresh, m, "Refresh")}
	if s.imp.State == imports.Ended {
		buttons = append(buttons, s.startButtons(m)...)
	} else {
		buttons = append(buttons, button(actNotify, m, "Notify me"))
	}
	return row(s.server.Name, append(buttons, openButtons(s.server)...))
}

// alertButtons are those of an alert: what may be done about it, and to have quiet while that is done.
func alertButtons(s scene, a imports.Alert) []slack.Block {
	m := memo{Server: s.server.Name, Import: a.ImportID, Drawn: s.now.Unix()}
	var buttons []slack.BlockElement
	switch a.Kind {
	case imports.AlertFailed, imports.AlertMissed, imports.AlertStale, imports.AlertPending, imports.AlertBrief:
		if a.Open() {
			buttons = append(buttons, s.startButton(m, s.remedy()))
		}
	}
	buttons = append(buttons, button(actStatus, m, "Status"))
	if a.Open() {
		quiet := m
		quiet.Alert = a.ID
		buttons = append(buttons, button(actMute, quiet, "Mute for 2 h"))
	}
	return row(s.server.Name, append(buttons, openButtons(s.server)...))
}

// remedy is the type of import that makes good what went wrong: a raw one for a raw one, else a complete one.
func (s scene) remedy() bigfix.ImportType {
	if s.isRaw() && s.server.Edition != bigfix.ILMT {
		return bigfix.TypeRaw
	}
	return bigfix.TypeComplete
}

// startButtons start the kinds of import that there are on the server.
func (s scene) startButtons(m memo) []slack.BlockElement {
	if s.server.Edition == bigfix.ILMT {
		return []slack.BlockElement{s.startButton(m, bigfix.TypeComplete)}
	}
	return []slack.BlockElement{s.startButton(m, bigfix.TypeRaw), s.startButton(m, bigfix.TypeComplete)}
}

// startButton starts an import. A complete one has a dialog before it; a raw one where it would be asked about if it were typed.
func (s scene) startButton(m memo, t bigfix.ImportType) *slack.ButtonBlockElement {
	action, words := actStartComplete, "Start complete"
	if t == bigfix.TypeRaw {
		action, words = actStartRaw, "Start raw"
	}
	if s.server.Edition == bigfix.ILMT {
		words = "Start import"
	}
	s.imp = imports.Import{Type: t} // what is usual for it
	ask := s.server.question(s, toldNothing)
	if t == bigfix.TypeRaw && ask == askNothing {
		return button(action, m, words)
	}
	m.Told = toldUsual
	if _, overlaps := s.overlaps(); overlaps {
		m.Told = toldOverlap
	}
	b := button(action, m, words)
	return b.WithConfirm(s.dialog(t))
}

// dialog asks before a button starts an import. It has plain words only, so its times are UTC; and it may be read hours after
// it was drawn, so it says dates, and not in how long something is.
func (s scene) dialog(t bigfix.ImportType) *slack.ConfirmationBlockObject {
	p := pen{plain: true, now: s.now}
	lines := filled([]string{s.usualLine(p), s.nextDate(p), s.overlapLine(p)})
	if len(lines) == 0 {
		lines = []string{"How long it takes is not known yet."}
	}
	title := fmt.Sprintf("Start %s on %s?", articled(p.kind(t)), s.server.Name)
	return slack.NewConfirmationBlockObject(plainText(title), plainText(strings.Join(lines, " ")), plainText("Start"), plainText("Not now"))
}
