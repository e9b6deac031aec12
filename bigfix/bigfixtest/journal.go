package bigfixtest

import "time"

// Journal is everything that a server was asked and did, unless [WithJournal]
// keeps the newest of both only.
type Journal struct {
	Requests []Request
	Imports  []Import
}

// Runs are the requests that had run= in them.
func (j Journal) Runs() []Request {
	var runs []Request
	for _, r := range j.Requests {
		if r.Run != "" {
			runs = append(runs, r)
		}
	}
	return runs
}

// Request is one request that reached the server. Tokens and passwords are
// not in it.
type Request struct {
	N        int       // 1, 2, 3, …
	Time     time.Time // when it came, by the true clock
	Method   string
	Path     string
	Format   string // value of format=
	Run      string // value of run=, "" for a look
	Language string // Accept-Language
	Proto    string // "HTTP/1.1"
	// Conn is the connection it came on: 1, 2, 3, … as they were opened.
	// Reused tells that it was not the first on it, Close that the client
	// said that it would be the last.
	Conn   int
	Reused bool
	Close  bool
	// Token is where a token was: "query", "header", "both", or "". Right
	// tells whether the server took it, or for get_token the password.
	Token string
	Right bool
	// Status is the HTTP status that was sent, 0 where none was.
	Status int
	Answer Answer
	Down   bool   // it came while the server was restarting
	Did    string // what a run= request did: "started import 3", "dropped"
}
