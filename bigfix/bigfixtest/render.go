package bigfixtest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"importbot/bigfix"
)

// field is one member of an answer, in the order in which the documentation
// lists them. A nil value is a field that doesn't apply.
type field struct {
	name  string
	value any // string, int, bool or nil
}

// fieldsOf lists what the server says of itself.
func fieldsOf(s bigfix.Status) []field {
	return []field{
		{"mode", string(s.Mode)},
		{"can_run_imports", orNil(s.CanRunImports)},
		{"import_status_url", text(s.ImportStatusURL)},
		{"import_create_url", text(s.ImportCreateURL)},
		{"progress", orNil(s.Progress)},
		{"last_status", text(string(s.LastStatus))},
		{"last_success_time", moment(s.LastSuccessTime)},
		{"last_import_time", moment(s.LastImportTime)},
		{"last_import_type", text(string(s.LastImportType))},
		{"next_import_time", moment(s.NextImportTime)},
		{"next_import_time_in", seconds(s.NextImportIn)},
		{"next_import_type", text(string(s.NextImportType))},
	}
}

func orNil[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

func seconds(d *time.Duration) any {
	if d == nil {
		return nil
	}
	return int(d.Seconds())
}

// writer returns what writes a reply in the format that was asked for.
func (s *Server) writer(rep reply, format string) func(http.ResponseWriter) {
	d := s.Doubts()
	return func(w http.ResponseWriter) {
		switch rep.answer {
		case AnswerStatus, AnswerStale:
			send(w, 200, contentType(format), document(rep.status, d, format))
		case AnswerOddMode:
			rep.status.Mode = oddMode
			send(w, 200, contentType(format), document(rep.status, d, format))
		case AnswerEmpty:
			send(w, 200, contentType(format), "")
		case AnswerText:
			send(w, 200, "text/plain", "OK")
		case AnswerNoMode:
			send(w, 200, "application/json", "{}")
		case AnswerHTML:
			send(w, 200, "text/html; charset=utf-8", loginPage)
		case AnswerRedirect:
			w.Header().Set("Location", "/login")
			send(w, 302, "text/html", "")
		case AnswerCut:
			cutOff(w, contentType(format), document(rep.status, d, format))
		case AnswerHuge:
			huge(w)
		case Answer404, Answer500Bare, Answer502, Answer503:
			send(w, rep.answer.code(), "text/html; charset=utf-8", errorPage(rep.answer.code()))
		default:
			send(w, rep.answer.code(), "application/json", problem(rep.said()))
		}
	}
}

const loginPage = "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><form method=post action=/login></form></body></html>\n"

func errorPage(code int) string {
	return fmt.Sprintf("<html><head><title>%d</title></head><body>%s</body></html>\n", code, http.StatusText(code))
}

func problem(message string) string {
	b, err := json.Marshal(map[string]string{"message": message})
	if err != nil {
		return "{}"
	}
	return string(b)
}

func contentType(format string) string {
	if format == "xml" {
		return "application/xml"
	}
	return "application/json"
}

func send(w http.ResponseWriter, code int, contentType, body string) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	sendPart(w, code, contentType, body)
}

// sendPart leaves open how much more comes.
func sendPart(w http.ResponseWriter, code int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(code)
	io.WriteString(w, body) //nolint:errcheck // the client went
}

// cutOff sends half of a body in chunks, as servers do that stream, and closes
// the connection.
func cutOff(w http.ResponseWriter, contentType, body string) {
	sendPart(w, 200, contentType, body[:len(body)/2])
	http.NewResponseController(w).Flush() //nolint:errcheck // about to break off anyway
	panic(http.ErrAbortHandler)
}

// huge sends a status with more white space in front of it than anybody
// should read.
func huge(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	blank := strings.Repeat(" ", 1<<16)
	for range 17 {
		if _, err := io.WriteString(w, blank); err != nil {
			return
		}
	}
	io.WriteString(w, `{"mode":"idle"}`) //nolint:errcheck // the client went
}

// document writes a status as JSON or XML.
func document(s bigfix.Status, d Doubts, format string) string {
	var b strings.Builder
	fields := fieldsOf(s)
	if format == "xml" {
		b.WriteString(xml.Header + "<import_status>")
		for _, f := range fields {
			writeXML(&b, f)
		}
		b.WriteString("</import_status>\n")
		return b.String()
	}
	b.WriteString("{")
	for _, f := range fields {
		if f.value == nil && !d.NullsForAbsent {
			continue
		}
		if b.Len() > 1 {
			b.WriteString(",")
		}
		if n, ok := f.value.(int); ok && d.NumbersAsStrings {
			f.value = fmt.Sprint(n)
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			continue
		}
		fmt.Fprintf(&b, "%q:%s", f.name, value)
	}
	b.WriteString("}\n")
	return b.String()
}

func writeXML(b *strings.Builder, f field) {
	if f.value == nil {
		return
	}
	b.WriteString("<" + f.name + ">")
	xml.EscapeText(b, []byte(fmt.Sprint(f.value))) //nolint:errcheck // a strings.Builder takes everything
	b.WriteString("</" + f.name + ">")
}

// date is what the server's clock shows, for the Date header.
func (r reply) date(now time.Time) time.Time {
	if r.status.Date.IsZero() {
		return now
	}
	return r.status.Date
}

// page answers everything that is not the API: the web page of data imports
// and, where it has none, 404.
func (s *Server) page(in *Request) (reply, func(http.ResponseWriter)) {
	now := s.clock.Now()
	if in.Path != "/management/imports" && in.Path != "/import_status" {
		return s.plainReply(now, Answer404)
	}
	rep, _ := s.plainReply(now, AnswerHTML)
	return rep, func(w http.ResponseWriter) {
		send(w, 200, "text/html; charset=utf-8", importsPage(s.Imports(now)))
	}
}

// importsPage lists the imports as a person would see them.
func importsPage(imports []Import) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html>\n<html><head><title>Data Imports</title></head><body><h1>Data Imports</h1><table>\n")
	b.WriteString("<tr><th>Began</th><th>Ended</th><th>Type</th><th>Started</th><th>Outcome</th></tr>\n")
	for _, imp := range imports {
		ended := "–"
		if !imp.Ended.IsZero() {
			ended = imp.Ended.Format(time.RFC3339)
		}
		fmt.Fprintf(&b, "<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n",
			imp.Began.Format(time.RFC3339), ended, imp.Type, imp.Origin, imp.Outcome)
	}
	b.WriteString("</table></body></html>\n")
	return b.String()
}
