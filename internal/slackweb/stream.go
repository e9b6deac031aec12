package slackweb

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

const (
	keepAlive = 15 * time.Second // how often a silent stream says that it is there, so that nothing between takes it for dead
	takenIn   = 30 * time.Second // how long a browser may take nothing in, before it has to come back and go on where it was
)

// stream is what is sent to one browser. A WebSocket carries it, because a browser opens six ordinary connections to one server and no
// more, for all of its tabs together.
type stream struct {
	socket *websocket.Conn
	err    error         // the first, after which nothing is sent
	heard  chan struct{} // closed when nobody is listened to any more
}

// news is one message of a stream: one of the two.
type news struct {
	ID    string `json:"id,omitempty"` // of the event, to go on behind it
	Event any    `json:"event,omitempty"`
	Panel any    `json:"panel,omitempty"`
}

// upgrader has the check of where who asks comes from that it has by default: this page's own origin.
var upgrader = websocket.Upgrader{
	HandshakeTimeout: 10 * time.Second,
	Error: func(w http.ResponseWriter, _ *http.Request, status int, _ error) {
		words := "Events are sent over a WebSocket alone."
		if status == http.StatusForbidden {
			words = anotherSite
		}
		refuse(w, &refusal{status, words})
	},
}

// open begins a stream, whose context ends when the browser is gone; false where it has refused instead.
func open(w http.ResponseWriter, r *http.Request) (_ *stream, _ context.Context, ok bool) {
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil, nil, false
	}
	ctx, gone := context.WithCancel(r.Context())
	s := &stream{socket: socket, heard: make(chan struct{})}
	go func() {
		defer close(s.heard)
		defer gone()
		s.listen()
	}()
	return s, ctx, true
}

// listen returns when the browser is gone. It has nothing to say.
func (s *stream) listen() {
	s.socket.SetReadLimit(1024)
	for {
		if _, _, err := s.socket.NextReader(); err != nil {
			return
		}
	}
}

func (s *stream) close() {
	s.socket.Close()
	<-s.heard
}

func (s *stream) send(n news) {
	if s.err == nil {
		s.socket.SetWriteDeadline(time.Now().Add(takenIn)) //nolint:errcheck // it never fails
		s.err = s.socket.WriteJSON(n)
	}
}

func (s *stream) stillHere() {
	if s.err == nil {
		s.err = s.socket.WriteControl(websocket.PingMessage, nil, time.Now().Add(takenIn))
	}
}
