package slackweb

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// keepAlive is how often a silent stream says that it is there, so that nothing between takes it for dead.
const keepAlive = 15 * time.Second

// stream is an answer of server-sent events.
type stream struct {
	w       io.Writer
	control *http.ResponseController
	err     error // the first, after which nothing is written
}

// open begins such an answer. A browser that loses it comes back after a second.
func open(w http.ResponseWriter) *stream {
	s := &stream{w: w, control: http.NewResponseController(w)}
	s.control.SetWriteDeadline(time.Time{}) //nolint:errcheck // a server without deadlines has none to lift
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	s.write("retry: 1000\n\n")
	return s
}

func (s *stream) write(text string) {
	if s.err == nil {
		_, s.err = io.WriteString(s.w, text)
	}
}

// send writes one event. JSON is one line.
func (s *stream) send(id string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		s.err = err
		return
	}
	s.write("id: " + id + "\ndata: " + string(data) + "\n\n")
}

// sendNamed writes one of another kind, in JSON already. It has no place among the others: who comes back goes on behind the last of those.
func (s *stream) sendNamed(name string, data []byte) {
	s.write("event: " + name + "\ndata: " + string(data) + "\n\n")
}

func (s *stream) comment() { s.write(": still here\n\n") }

// flush puts on the wire what was written, and reports whether somebody still reads.
func (s *stream) flush() bool {
	if s.err == nil {
		s.err = s.control.Flush()
	}
	return s.err == nil
}
