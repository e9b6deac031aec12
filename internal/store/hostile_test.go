package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"importbot/bigfix"
	"importbot/imports"
	"importbot/internal/audit"
	"importbot/internal/store"
)

// hostilities are what texts from outside may hold: what PostgreSQL refuses, what JSON and SQL escape, what is no text.
var hostilities = []string{
	"\x00", "\xff", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "\uFFFD", "\uFFFE", "\U0010FFFF", `\u0000`, `\`, `"`, `'`, `\x00`, "$1", "%", "_",
	"\r\n", "\t", "\x1b[2J", "\x7f", "\u2028", "\u202e", "😀", "ü", "</script>", "{", ";--", " ", "raw",
}

// hostile makes texts out of them, no two alike. A zero is in each, and so is what is no UTF-8.
func hostile(rng *rand.Rand) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d\x00\xff", rng.Uint32())
	for range rng.IntN(8) {
		b.WriteString(hostilities[rng.IntN(len(hostilities))])
	}
	return b.String()
}

// filled is a value with a hostile text wherever one fits in.
func filled[T any](rng *rand.Rand) (v T) {
	grow(reflect.ValueOf(&v).Elem())
	texts(reflect.ValueOf(&v).Elem(), func(string) string { return hostile(rng) })
	return v
}

// shown is a value as it comes back.
func shown[T any](v T) T {
	texts(reflect.ValueOf(&v).Elem(), func(text string) string {
		return strings.Map(func(r rune) rune {
			if r == 0 {
				return '\uFFFD'
			}
			return r
		}, text)
	})
	return v
}

// grow makes room for texts: no pointer is nil, and no list is empty.
func grow(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				grow(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		grow(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			grow(v.Index(i))
		}
	}
}

// texts passes each text in a value through f.
func texts(v reflect.Value, f func(string) string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(f(v.String()))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				texts(v.Field(i), f)
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			texts(v.Elem(), f)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(f(string(v.Bytes()))))
			return
		}
		for i := range v.Len() {
			texts(v.Index(i), f)
		}
	}
}

// Whatever texts come from outside (from Slack, from a server, from whoever types), the store takes them, on both databases,
// finds them again, and hands out the same on both: a row that is refused once is refused for ever, and a leader that can't
// record starts nothing.
func TestHostileTexts(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		c := &clock{noon}
		s, err := store.Open(t.Context(), url, store.Options{Now: c.Now, Name: "here\x00\xff", Version: "v\x00"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // with a name that is refused nobody would ever lead
		defer cancel()
		term, err := s.Lead(ctx)
		if err != nil {
			t.Fatal(err)
		}
		epoch := term.Lead().Epoch
		for seed := range uint64(40) {
			h := hostileRun{T: t, s: s, epoch: epoch, rng: rand.New(rand.NewPCG(seed, 0))}
			h.wishes()
			h.records()
			h.notes()
			if t.Failed() {
				t.Fatalf("with seed %d", seed)
			}
		}
		mustReadJSON(t, url)
	})
}

// hostileRun stores one of each.
type hostileRun struct {
	*testing.T
	s     *store.Store
	epoch imports.Epoch
	rng   *rand.Rand
}

func (h hostileRun) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func same[T any](h hostileRun, what string, want, got T, err error) {
	h.Helper()
	if diff := cmp.Diff(shown(want), got); diff != "" || err != nil {
		h.Errorf("%s: %v (-stored +read)\n%s", what, err, diff)
	}
}

// wishes are what people ask for.
func (h hostileRun) wishes() {
	ctx := h.Context()
	imp := filled[imports.Import](h.rng)
	imp.State, imp.AcceptedAt = imports.Accepted, noon
	_, created, err := h.s.Accept(ctx, imp)
	if err != nil || !created {
		h.Fatalf("accepting: created %v, %v", created, err)
	}
	again := imp
	again.ID = hostile(h.rng)
	if stored, created, err := h.s.Accept(ctx, again); err != nil || created || stored.ID != shown(imp.ID) {
		h.Errorf("the same wish again: %q, created %v, %v", stored.ID, created, err)
	}
	follower := hostile(h.rng)
	h.must(h.s.Follow(ctx, imp.ID, follower, false, noon))
	h.must(h.s.Follow(ctx, imp.ID, follower, true, noon))
	h.must(h.s.Answered(ctx, imp.ID, noon))
	imp.Followers, imp.Direct, imp.AnsweredAt = []string{imp.RequestedBy, follower}, []string{follower}, noon.Truncate(time.Millisecond)
	got, err := h.s.Import(ctx, imp.ID)
	same(h, "a wish", imp, got, err)
	active, err := h.s.Active(ctx, imp.Server)
	same(h, "what is active", []imports.Import{imp}, active, err)
}

// records are what servers say.
func (h hostileRun) records() {
	ctx := h.Context()
	srv, imp := filled[imports.Server](h.rng), filled[imports.Import](h.rng)
	imp.State, imp.Server, imp.BegunAt = imports.Running, srv.Name, noon
	for range 2 { // inserted, then updated
		h.must(h.s.Record(ctx, h.epoch, srv, []imports.Import{imp}))
		imp.Type = bigfix.ImportType(hostile(h.rng))
	}
	h.must(h.s.Record(ctx, h.epoch, srv, []imports.Import{imp}))
	gotServer, err := h.s.Server(ctx, srv.Name)
	same(h, "a server", srv, gotServer, err)
	imp.Followers, imp.Direct, imp.AnsweredAt = []string{imp.RequestedBy}, nil, time.Time{}
	recent, err := h.s.Recent(ctx, srv.Name, 5)
	same(h, "recent ones", []imports.Import{imp}, recent, err)

	thread := imports.Thread{ImportID: imp.ID, Shown: 1, Body: []byte(hostile(h.rng))}
	h.must(h.s.SaveThread(ctx, h.epoch, thread))
	gotThread, err := h.s.Thread(ctx, imp.ID)
	same(h, "a thread", string(thread.Body), string(gotThread.Body), err)
	if _, err := h.s.Unpublished(ctx, 1000); err != nil {
		h.Error(err)
	}
	if _, err := h.s.ActiveServers(ctx); err != nil {
		h.Error(err)
	}
	if _, err := h.s.Expired(ctx, srv.Name, noon); err != nil {
		h.Error(err)
	}
}

// notes are what is kept beside the imports.
func (h hostileRun) notes() {
	ctx := h.Context()
	n := filled[imports.Notice](h.rng)
	n.CreatedAt = noon.Truncate(time.Millisecond)
	h.must(h.s.SaveNotice(ctx, h.epoch, n))
	got, err := h.s.Notice(ctx, n.ID)
	same(h, "a notice", n, got, err)

	e := filled[audit.Entry](h.rng)
	e.At = noon.Add(time.Duration(h.rng.Int64N(int64(time.Hour)))).Truncate(time.Millisecond)
	for range 2 {
		h.must(h.s.Audit(ctx, e))
	}
	entries, err := h.s.Audits(ctx, e.At, 1)
	same(h, "an audit entry", []audit.Entry{e}, entries, err)

	m := filled[imports.Mute](h.rng)
	m.Since, m.Until = noon.Truncate(time.Millisecond), noon.Add(time.Hour).Truncate(time.Millisecond)
	h.must(h.s.Mute(ctx, m))
	ended, err := h.s.Unmute(ctx, m.Server, noon, "end")
	same(h, "a mute", m, ended, err)

	server, until := hostile(h.rng), noon.Truncate(time.Millisecond)
	h.must(h.s.HoldLogin(ctx, server, 7, until))
	held, err := h.s.LoginHeld(ctx, server, 7)
	same(h, "a login", until, held, err)
}

// mustReadJSON asks for texts out of the bodies, as the queries in the documentation do: a zero, even one that JSON escapes,
// would fail them on PostgreSQL.
func mustReadJSON(t *testing.T, url string) {
	t.Helper()
	driver, text := "sqlite", `json_extract(body, '$.%s')`
	if strings.HasPrefix(url, "postgres") {
		driver, text = "pgx", `body::json ->> '%s'`
	}
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for table, field := range map[string]string{"audit": "text", "imports": "RequestedBy", "servers": "Name"} {
		var rows, found int
		err := db.QueryRowContext(t.Context(), `SELECT COUNT(*), COUNT(`+fmt.Sprintf(text, field)+`) FROM `+table).Scan(&rows, &found)
		if err != nil || rows == 0 || found != rows {
			t.Errorf("of %d rows of %s, %d say %s: %v", rows, table, found, field, err)
		}
	}
}
