package slacksim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Call is one request that the bot made.
type Call struct {
	Method string
	Time   time.Time
	// Args are its arguments; lists and objects as JSON. No token.
	Args map[string]string
	// Status is the HTTP status it was answered with, 0 where it never was.
	Status int
	// Error is Slack's error code, empty when all went well.
	Error string
	// TS is that of the message it made or changed.
	TS string
	// Taken reports whether Slack did what was asked, whatever it answered.
	Taken bool
	// Faulty reports that a [Fault] or an [Intercept] had to do with it.
	Faulty bool
	// Limited reports that Slack's own rate limits refused it, not a [Fault] nor
	// the time that one asked to wait.
	Limited bool
	// Process is who called, as given to [Sim.APIURLOf]; empty for [Sim.APIURL]
	// and for calls of response_urls.
	Process string
}

// copy returns a value that shares nothing that will change.
func (c *Call) copy() Call {
	out := *c
	out.Args = maps.Clone(c.Args)
	return out
}

// Journal returns every call so far that is remembered, in order of arrival,
// those by response_url among them.
func (s *Sim) Journal() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Call, len(s.journal))
	for i, c := range s.journal {
		out[i] = c.copy()
	}
	return out
}

// Calls returns those of one method.
func (s *Sim) Calls(method string) []Call {
	return slices.DeleteFunc(s.Journal(), func(c Call) bool { return c.Method != method })
}

// tokenKind is what a method wants to be called with.
type tokenKind int

const (
	botToken tokenKind = iota
	appToken
	anyToken // either
	noToken
)

// method is one method of the Web API.
type method struct {
	token  tokenKind
	scopes []string // any one of these
	do     func(*Sim, *request) (reply, error)
}

// reply is an answer's fields besides ok.
type reply map[string]any

// request is a call under way.
type request struct {
	method string
	args   map[string]string
	token  tokenKind // whose it is; noToken when none was given
	call   *Call
}

func (r *request) flag(name string) bool { return isTrue(r.args[name]) }

func isTrue(value string) bool { return value == "true" || value == "1" }

func (r *request) number(name string, otherwise int) int {
	if n, err := strconv.Atoi(r.args[name]); err == nil {
		return n
	}
	return otherwise
}

// apiError is an answer with ok false.
type apiError struct {
	code     string
	messages []string // for response_metadata
	fields   reply
	wait     time.Duration // of a 429
	shape    Shape
	status   int
}

func (e *apiError) Error() string { return e.code }

func fail(code string) error { return &apiError{code: code} }

// webAPI lists the methods that there are.
func webAPI() map[string]method {
	chat := []string{"chat:write"}
	history := []string{"channels:history", "groups:history", "im:history", "mpim:history"}
	reading := []string{"channels:read", "groups:read", "im:read", "mpim:read"}
	return map[string]method{
		"api.test":              {token: noToken, do: (*Sim).apiTest},
		"auth.test":             {token: anyToken, do: (*Sim).authTest},
		"apps.connections.open": {token: appToken, do: (*Sim).openConnection},
		"chat.postMessage":      {scopes: chat, do: (*Sim).postMessage},
		"chat.update":           {scopes: chat, do: (*Sim).update},
		"chat.postEphemeral":    {scopes: chat, do: (*Sim).postEphemeral},
		"chat.delete":           {scopes: chat, do: (*Sim).delete},
		"chat.getPermalink":     {do: (*Sim).getPermalink},
		"conversations.open":    {scopes: []string{"im:write", "mpim:write"}, do: (*Sim).openConversation},
		"conversations.info":    {scopes: reading, do: (*Sim).conversationInfo},
		"conversations.history": {scopes: history, do: (*Sim).history},
		"conversations.replies": {scopes: history, do: (*Sim).replies},
		"users.info":            {scopes: []string{"users:read"}, do: (*Sim).userInfo},
		"usergroups.list":       {scopes: []string{"usergroups:read"}, do: (*Sim).listGroups},
		"usergroups.users.list": {scopes: []string{"usergroups:read"}, do: (*Sim).listGroupUsers},
		"views.open":            {do: (*Sim).openView},
		"views.push":            {do: (*Sim).pushView},
		"views.update":          {do: (*Sim).updateView},
		"views.publish":         {do: (*Sim).publishView},
	}
}

// maxBody is far above what any method takes.
const maxBody = 4 << 20

func (s *Sim) serveAPI(w http.ResponseWriter, r *http.Request) {
	_, name, _ := strings.Cut(r.URL.Path, "/api/")
	args, err := arguments(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	token := s.takeToken(name, args, r)
	call := s.record(name, args)
	call.Process = r.PathValue("process")
	fault := s.takeFault(name, args)
	s.mu.Unlock()

	req := &request{method: name, args: args, token: token, call: call}
	s.answer(w, r, call, fault, func() (reply, error) {
		s.setScopeHeaders(w.Header(), req)
		return s.perform(req)
	})
}

// record puts a call into the journal. s.mu is held.
func (s *Sim) record(name string, args map[string]string) *Call {
	call := &Call{Method: name, Time: s.Now(), Args: args}
	s.journal = append(without(s.journal, s.forgets(len(s.journal))), call)
	s.touch()
	return call
}

// arguments reads a call's arguments from wherever Slack accepts them.
func arguments(w http.ResponseWriter, r *http.Request) (map[string]string, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read the call: %w", err)
	}
	args := map[string]string{}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		return args, jsonArguments(body, args)
	case "multipart/form-data":
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err := r.ParseMultipartForm(maxBody); err != nil {
			return nil, fmt.Errorf("read the form: %w", err)
		}
		formArguments(r.PostForm, args)
		return args, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("read the form: %w", err)
	}
	formArguments(r.URL.Query(), args)
	formArguments(form, args)
	return args, nil
}

func formArguments(form url.Values, args map[string]string) {
	for key, values := range form {
		args[key] = values[len(values)-1]
	}
}

// jsonArguments makes of a JSON body what the same call as a form would have
// been: strings and numbers bare, lists and objects as JSON.
func jsonArguments(body []byte, args map[string]string) error {
	var object map[string]json.RawMessage
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, &object); err != nil {
		return fmt.Errorf("invalid_json: %w", err)
	}
	for key, value := range object {
		var text string
		switch {
		case string(value) == "null":
		case json.Unmarshal(value, &text) == nil:
			args[key] = text
		default:
			args[key] = string(value)
		}
	}
	return nil
}

// takeToken finds out who calls and takes the token out of the arguments.
// s.mu is held.
func (s *Sim) takeToken(name string, args map[string]string, r *http.Request) tokenKind {
	token, inBody := args["token"]
	delete(args, "token")
	isJSON := strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
	if r.URL.Query().Has("token") {
		s.violate(LooseToken, "%s: the token stands in the URL", name)
		return noToken
	}
	if inBody && isJSON {
		s.violate(LooseToken, "%s: the token stands in a JSON body, where Slack doesn't look", name)
		token = ""
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		token = bearer
	}
	switch token {
	case "":
		return noToken
	case s.BotToken:
		return botToken
	case s.AppToken:
		return appToken
	}
	return wrongToken
}

// wrongToken is a token that nobody was given.
const wrongToken tokenKind = -1

// perform checks and does what was asked.
func (s *Sim) perform(r *request) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, known := s.methods[r.method]
	if !known {
		return nil, &apiError{code: "unknown_method", fields: reply{"req_method": r.method}}
	}
	if err := s.authorize(m, r); err != nil {
		return nil, err
	}
	refused := s.limits.admit(r.method, r.args["channel"], r.call.Process, s.Now())
	if refused.hammered {
		s.violate(Hammering, "%s was called again %s before its Retry-After had passed", r.method, refused.wait.Round(time.Millisecond))
	}
	if refused.wait > 0 {
		r.call.Limited = refused.own
		return nil, &apiError{code: "ratelimited", status: http.StatusTooManyRequests, wait: refused.wait}
	}
	out, err := m.do(s, r)
	r.call.Taken = err == nil
	return out, err
}

// authorize checks token and scopes. s.mu is held.
func (s *Sim) authorize(m method, r *request) error {
	switch {
	case m.token == noToken:
		return nil
	case r.token == noToken:
		return fail("not_authed")
	case r.token == wrongToken:
		return fail("invalid_auth")
	case r.token == botToken && s.botRevoked, r.token == appToken && s.appRevoked:
		return fail("token_revoked")
	case m.token != anyToken && m.token != r.token:
		return fail("not_allowed_token_type")
	}
	return s.needScope(m.scopes...)
}

// needScope returns missing_scope unless the bot has one of these. s.mu is held.
func (s *Sim) needScope(scopes ...string) error {
	if len(scopes) == 0 || slices.ContainsFunc(scopes, s.hasScope) {
		return nil
	}
	return &apiError{code: "missing_scope", fields: reply{
		"needed": strings.Join(scopes, ","), "provided": strings.Join(s.cfg.scopes, ","),
	}}
}

func (s *Sim) hasScope(scope string) bool { return slices.Contains(s.cfg.scopes, scope) }

// setScopeHeaders says in the headers what the token may do, and what for.
func (s *Sim) setScopeHeaders(header http.Header, r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.token {
	case botToken:
		header.Set("X-OAuth-Scopes", strings.Join(s.cfg.scopes, ","))
	case appToken:
		header.Set("X-OAuth-Scopes", "connections:write")
	}
	if m := s.methods[r.method]; len(m.scopes) > 0 {
		header.Set("X-Accepted-OAuth-Scopes", strings.Join(m.scopes, ","))
	}
}

// answer plays the fault, if any, and does the call unless the fault or who
// intercepts is in its way.
func (s *Sim) answer(w http.ResponseWriter, r *http.Request, call *Call, fault *Fault, do func() (reply, error)) {
	if s.cuts(call, Arrived) {
		cutConnection(w)
		return
	}
	if fault == nil {
		s.finish(w, call, do)
		return
	}
	s.set(func() { call.Faulty = true })
	if fault.Delay > 0 && !s.pause(r.Context(), fault.Delay) {
		return
	}
	if fault.TakeThenDrop || fault.TakeThenHang {
		_, err := do()
		s.set(func() { call.Error = codeOf(err) })
		if err == nil && s.cuts(call, Taken) {
			cutConnection(w)
			return
		}
	}
	switch {
	case fault.Drop, fault.TakeThenDrop:
		cutConnection(w)
	case fault.Hang, fault.TakeThenHang:
		s.pause(r.Context(), 0)
	case fault.RetryAfter > 0, fault.Status == http.StatusTooManyRequests:
		s.write(w, call, nil, s.refuse(call, fault))
	case fault.Error != "":
		s.write(w, call, nil, &apiError{code: fault.Error, status: fault.Status})
	case fault.Status != 0:
		s.set(func() { call.Status, call.Error = fault.Status, "" })
		page := fmt.Sprintf("<!DOCTYPE html><title>%d</title><h1>Sorry. Slack is having trouble.</h1>", fault.Status)
		s.put(w, call, "text/html; charset=utf-8", []byte(page))
	default:
		s.finish(w, call, do)
	}
}

// finish does the call and answers it.
func (s *Sim) finish(w http.ResponseWriter, call *Call, do func() (reply, error)) {
	out, err := do()
	if err == nil && s.cuts(call, Taken) {
		cutConnection(w)
		return
	}
	s.write(w, call, out, err)
}

// put writes an answer whose status stands in the journal. It names its length,
// so that a client has all of it as soon as it was sent.
func (s *Sim) put(w http.ResponseWriter, call *Call, kind string, text []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(call.Status)
	w.Write(text) //nolint:errcheck // the client may be gone
	s.sent(w, call)
}

// refuse makes a 429 on demand, and remembers it against hammering.
func (s *Sim) refuse(call *Call, fault *Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fault.RetryAfter > 0 && fault.Shape != NoRetryAfter {
		_, c := s.limits.of(call.Method, call.Args["channel"])
		c.block(s.Now(), wholeSeconds(fault.RetryAfter), call.Process)
		c.byFault = true
	}
	return &apiError{code: "ratelimited", status: http.StatusTooManyRequests, wait: fault.RetryAfter, shape: fault.Shape}
}

// pause waits for d, or for ever where d is 0, and reports whether the client
// and the simulator are still there.
func (s *Sim) pause(ctx context.Context, d time.Duration) bool {
	var passed <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-passed:
		return true
	case <-ctx.Done():
	case <-s.closing.Done():
	}
	return false
}

// cutConnection ends an HTTP exchange without an answer.
func cutConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	reset(conn)
}

// reset closes so that the other side sees a broken connection, not an end.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// write answers, and notes the answer in the journal.
func (s *Sim) write(w http.ResponseWriter, call *Call, out reply, err error) {
	status, body := http.StatusOK, reply{"ok": err == nil}
	maps.Copy(body, out)
	var refusal *apiError
	if errors.As(err, &refusal) {
		status = refusal.fill(w.Header(), body)
	}
	s.set(func() { call.Status, call.Error = status, codeOf(err) })
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.put(w, call, "application/json; charset=utf-8", text)
}

// fill puts an error into an answer and returns the HTTP status.
func (e *apiError) fill(header http.Header, body reply) (status int) {
	body["error"] = e.code
	maps.Copy(body, e.fields)
	if len(e.messages) > 0 {
		tagged := make([]string, len(e.messages))
		for i, message := range e.messages {
			tagged[i] = "[ERROR] " + message
		}
		body["errors"] = e.messages
		body["response_metadata"] = reply{"messages": tagged}
	}
	status = e.status
	if status == 0 {
		status = http.StatusOK
	}
	if status == http.StatusTooManyRequests {
		if e.wait > 0 && e.shape != NoRetryAfter {
			header.Set("Retry-After", strconv.Itoa(int(wholeSeconds(e.wait)/time.Second)))
		}
		if e.shape == OKFalse {
			status = http.StatusOK
		}
	}
	return status
}
