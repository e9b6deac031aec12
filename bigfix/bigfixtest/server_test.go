package bigfixtest_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"importbot/bigfix"
	"importbot/bigfix/bigfixtest"
)

func newServer(t *testing.T, opts ...bigfixtest.Option) *bigfixtest.Server {
	t.Helper()
	opts = append([]bigfixtest.Option{bigfixtest.WithClock(bigfixtest.NewClock(midday))}, opts...)
	srv := bigfixtest.NewServer(opts...)
	t.Cleanup(srv.Close)
	return srv
}

func newClient(t *testing.T, cfg bigfix.Config) *bigfix.Client {
	t.Helper()
	c, err := bigfix.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// get asks as a program would that is not ours.
func get(t *testing.T, url string, header ...string) (code int, contentType, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(patient(t), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(b)
}

const statusPath = "/api/import_status.json"

func TestJSON(t *testing.T) {
	srv := newServer(t)
	code, contentType, body := get(t, srv.URL+statusPath+"?token="+srv.Token)
	want := `{"mode":"idle","can_run_imports":true,"import_status_url":"/import_status","import_create_url":"/management/imports",` +
		`"last_status":"successful","last_success_time":"2026-03-04T00:42:00Z","last_import_time":"2026-03-04T00:42:00Z","last_import_type":"complete",` +
		`"next_import_time":"2026-03-05T00:00:00Z","next_import_time_in":43200,"next_import_type":"complete"}` + "\n"
	if code != 200 || contentType != "application/json" || body != want {
		t.Errorf("%d %s\n%s\nwant\n%s", code, contentType, body, want)
	}
	srv.Set(func(d *bigfixtest.Doubts) { d.NumbersAsStrings, d.NullsForAbsent = true, true })
	_, _, body = get(t, srv.URL+"/api/management/imports.json?token="+srv.Token)
	for _, want := range []string{`"next_import_time_in":"43200"`, `"progress":null`} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing in %s", want, body)
		}
	}
}

func TestXML(t *testing.T) {
	srv := newServer(t)
	code, contentType, body := get(t, srv.URL+statusPath+"?format=xml&run=complete&token="+srv.Token)
	var got struct {
		XMLName  xml.Name `xml:"import_status"`
		Mode     string   `xml:"mode"`
		Progress *int     `xml:"progress"`
		Last     *string  `xml:"last_status"`
	}
	if err := xml.Unmarshal([]byte(body), &got); err != nil || code != 200 || contentType != "application/xml" {
		t.Fatalf("%d %s %v\n%s", code, contentType, err, body)
	}
	if got.Mode != "running" || got.Progress == nil || *got.Progress != 0 || got.Last != nil {
		t.Errorf("got %+v from %s", got, body)
	}
}

func TestParametersAreChecked(t *testing.T) {
	for _, tt := range []struct {
		edition bigfix.Edition
		query   string
		code    int
	}{
		{bigfix.BFI, "format=json", 200},
		{bigfix.BFI, "format=yaml", 500},
		{bigfix.BFI, "run=complete", 200},
		{bigfix.BFI, "run=raw_only", 200},
		{bigfix.BFI, "run=true", 500},
		{bigfix.BFI, "run=delta", 500},
		{bigfix.ILMT, "run=true", 200},
		{bigfix.ILMT, "run=complete", 500},
		{bigfix.ILMT, "run=raw_only", 500},
	} {
		srv := newServer(t, bigfixtest.WithEdition(tt.edition))
		code, _, body := get(t, srv.URL+statusPath+"?"+tt.query+"&token="+srv.Token)
		if code != tt.code || code == 500 && !strings.Contains(body, "invalid value of parameter") {
			t.Errorf("%s %s: %d %s", tt.edition, tt.query, code, body)
		}
		if began := len(srv.Journal().Imports); began > 0 && code != 200 {
			t.Errorf("%s %s: an import began", tt.edition, tt.query)
		}
	}
}

func TestTokens(t *testing.T) {
	const right = bigfixtest.DefaultToken
	for _, tt := range []struct {
		edition       bigfix.Edition
		via           bigfixtest.TokenVia
		query, header string
		code          int
	}{
		{bigfix.BFI, "", right, "", 200},
		{bigfix.BFI, "", "", right, 401},
		{bigfix.BFI, "", "wrong", "", 401},
		{bigfix.BFI, "", "", "", 500},
		{bigfix.ILMT, "", right, "", 200},
		{bigfix.ILMT, "", "", right, 200},
		{bigfix.ILMT, "", "wrong", right, 200}, // the URL's is ignored
		{bigfix.ILMT, "", right, "wrong", 401},
		{bigfix.ILMT, bigfixtest.TokenHeaderOnly, right, "", 401},
		{bigfix.ILMT, bigfixtest.TokenHeaderOnly, "", right, 200},
	} {
		srv := newServer(t, bigfixtest.WithEdition(tt.edition), bigfixtest.WithDoubts(bigfixtest.Doubts{TokenVia: tt.via}))
		url, header := srv.URL+statusPath, []string(nil)
		if tt.query != "" {
			url += "?token=" + tt.query
		}
		if tt.header != "" {
			header = []string{"Token", tt.header}
		}
		if code, _, body := get(t, url, header...); code != tt.code {
			t.Errorf("%+v: %d %s", tt, code, body)
		}
	}
}

func TestWrongTokenDoubts(t *testing.T) {
	for answer, code := range map[bigfixtest.Answer]int{
		"": 401, bigfixtest.Answer403: 403, bigfixtest.Answer500: 500, bigfixtest.AnswerHTML: 200, bigfixtest.AnswerRedirect: 302,
	} {
		srv := newServer(t, bigfixtest.WithDoubts(bigfixtest.Doubts{WrongToken: answer}))
		if got, _, _ := get(t, srv.URL+statusPath+"?run=complete&token=wrong"); got != code {
			t.Errorf("%q: %d, want %d", answer, got, code)
		}
		if len(srv.Journal().Imports) != 0 {
			t.Errorf("%q: an import began", answer)
		}
	}
}

// Neither the journal nor anything in it shows a token.
func TestJournalHasNoToken(t *testing.T) {
	srv := newServer(t)
	c := newClient(t, srv.Config())
	_, _ = c.Status(patient(t))
	_, _ = c.Start(patient(t), bigfix.TypeRaw)
	_, _ = newClient(t, srv.LoginConfig()).Status(patient(t))
	text := fmt.Sprintf("%+v", srv.Journal())
	if strings.Contains(text, bigfixtest.DefaultToken) || strings.Contains(text, bigfixtest.DefaultPassword) {
		t.Error(text)
	}
	runs := srv.Journal().Runs()
	if len(runs) != 1 || runs[0].Did != "started import 1" || runs[0].Reused || !runs[0].Close {
		t.Errorf("runs: %+v", runs)
	}
}

// get_token answers as each edition documents it, and as doubts and faults say.
func TestGetToken(t *testing.T) {
	for _, tt := range []struct {
		name     string
		edition  bigfix.Edition
		doubts   bigfixtest.Doubts
		fault    bigfixtest.Answer
		password string
		code     int
	}{
		{"right", bigfix.BFI, bigfixtest.Doubts{}, "", "secret", 200},
		{"wrong", bigfix.BFI, bigfixtest.Doubts{}, "", "Secret", 401},
		{"wrong", bigfix.ILMT, bigfixtest.Doubts{}, "", "Secret", 500},
		{"wrong, another answer", bigfix.BFI, bigfixtest.Doubts{LoginAnswer: bigfixtest.Answer403}, "", "Secret", 403},
		{"single sign-on", bigfix.BFI, bigfixtest.Doubts{SingleSignOn: true}, "", "secret", 401},
		{"fault", bigfix.BFI, bigfixtest.Doubts{}, bigfixtest.Answer503, "secret", 503},
	} {
		srv := newServer(t, bigfixtest.WithEdition(tt.edition), bigfixtest.WithDoubts(tt.doubts), bigfixtest.WithLogin("me", "secret"))
		if tt.fault != "" {
			srv.Fail(bigfixtest.Fault{On: bigfixtest.Logins, Answer: tt.fault})
		}
		req, err := http.NewRequestWithContext(patient(t), http.MethodPost, srv.URL+"/api/get_token", strings.NewReader(fmt.Sprintf(`{"user":"me","password":%q}`, tt.password)))
		if err != nil {
			t.Fatal(err)
		}
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.code {
			t.Errorf("%s, %s: %d, want %d", tt.edition, tt.name, resp.StatusCode, tt.code)
		}
	}
}

func TestTokenLifetime(t *testing.T) {
	srv := newServer(t, bigfixtest.WithDoubts(bigfixtest.Doubts{TokenLifetime: time.Hour}))
	cfg := srv.LoginConfig()
	c := newClient(t, cfg)
	for range 3 {
		if _, err := c.Status(patient(t)); err != nil {
			t.Error(err)
		}
		srv.Clock().Advance(time.Hour)
	}
	rejected := 0
	for _, r := range srv.Journal().Requests {
		if !r.Right {
			rejected++
		}
	}
	if rejected != 2 {
		t.Errorf("%d requests with an expired token, want 2", rejected)
	}
}

// A server with TLS is trusted by whoever has its certificate, and by nobody else.
func TestTLS(t *testing.T) {
	srv := bigfixtest.NewTLSServer(bigfixtest.WithToken("0123456789"))
	defer srv.Close()
	if _, err := newClient(t, srv.Config()).Status(patient(t)); kind(err) != bigfix.ErrUnavailable {
		t.Errorf("without its certificate: %v", err)
	}
	cfg := srv.Config()
	var err error
	if cfg.CAFile, err = srv.WriteCertificate(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t, cfg).Status(patient(t)); err != nil {
		t.Errorf("with its certificate: %v", err)
	}
}

// A slow answer waits for the server's clock, not for the machine's.
func TestSlowByTheServersClock(t *testing.T) {
	srv := newServer(t)
	srv.Fail(bigfixtest.Fault{Delay: time.Hour, Times: 1})
	answered := make(chan error, 1)
	c := newClient(t, srv.Config())
	go func() {
		_, err := c.Status(patient(t))
		answered <- err
	}()
	if err := srv.Clock().Await(patient(t), 1); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-answered:
		t.Fatalf("answered before its time: %v", err)
	default:
	}
	srv.Clock().Advance(time.Hour)
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// A server that is closed lets go of everything that hangs.
func TestCloseLetsGo(t *testing.T) {
	srv := newServer(t)
	srv.Fail(bigfixtest.Fault{Answer: bigfixtest.AnswerHang, On: bigfixtest.Looks})
	answered := make(chan error, 1)
	c := newClient(t, srv.Config())
	go func() {
		_, err := c.Status(patient(t))
		answered <- err
	}()
	if _, err := srv.Wait(patient(t), func(r bigfixtest.Request) bool { return r.Answer == bigfixtest.AnswerHang }); err != nil {
		t.Fatal(err)
	}
	srv.Close()
	if err := <-answered; kind(err) != bigfix.ErrUnavailable {
		t.Error(err)
	}
	srv.Close() // twice does no harm
}

// Stop takes the server off the network, not out of the world: an import goes
// on, and the address stays.
func TestStopAndStart(t *testing.T) {
	srv := newServer(t)
	c := newClient(t, srv.Config())
	if _, err := c.Start(patient(t), bigfix.TypeRaw); err != nil {
		t.Fatal(err)
	}
	srv.Stop()
	srv.Clock().Advance(2 * time.Minute)
	if _, err := c.Status(patient(t)); kind(err) != bigfix.ErrUnavailable {
		t.Errorf("stopped: %v", err)
	}
	for range 2 {
		if err := srv.Start(); err != nil {
			t.Fatal(err)
		}
	}
	st, err := c.Status(patient(t))
	if err != nil || st.Mode != bigfix.ModeRunning || *st.Progress < 50 {
		t.Errorf("back: %+v, %v", st, err)
	}
}

func TestFaultsAreUsedUp(t *testing.T) {
	srv := newServer(t)
	c := newClient(t, srv.Config())
	srv.Fail(bigfixtest.Fault{Answer: bigfixtest.Answer503, On: bigfixtest.Looks, Times: 2})
	srv.Fail(bigfixtest.Fault{Answer: bigfixtest.Answer500, On: bigfixtest.Looks, Times: 1, Message: "Lost the database."})
	srv.Fail(bigfixtest.Fault{Answer: bigfixtest.AnswerDrop, On: bigfixtest.Runs, Taken: true})
	var got []string
	for range 4 {
		_, err := c.Status(patient(t))
		var e *bigfix.Error
		if errors.As(err, &e) {
			got = append(got, fmt.Sprint(e.Status, e.Message))
		} else {
			got = append(got, "ok")
		}
	}
	if diff := cmp.Diff([]string{"503", "503", "500Lost the database.", "ok"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := c.Start(patient(t), bigfix.TypeRaw); err == nil {
		t.Error("a dropped start has no error")
	}
	if imports := srv.Journal().Imports; len(imports) != 1 {
		t.Errorf("imports: %+v", imports)
	}
	srv.Heal()
	if st, err := c.Status(patient(t)); err != nil || st.Mode != bigfix.ModeRunning {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestPages(t *testing.T) {
	srv := newServer(t)
	c := newClient(t, srv.Config())
	_, _ = c.Start(patient(t), bigfix.TypeRaw)
	code, contentType, body := get(t, c.ImportsPage())
	if code != 200 || !strings.HasPrefix(contentType, "text/html") || !strings.Contains(body, "raw_only") {
		t.Errorf("%d %s %s", code, contentType, body)
	}
	if code, _, _ := get(t, srv.URL+"/elsewhere"); code != 404 {
		t.Errorf("elsewhere: %d", code)
	}
}

// What a Sim says that a client would make of an answer is what the client
// does make of it, over the wire, whatever the doubts and faults.
func TestSimAgreesWithTheWire(t *testing.T) {
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 3))
		doubts := bigfixtest.Random(r)
		// Ways to spoil answers, but hanging, which takes real time, and 404,
		// to which a client tries the alias.
		faults := []bigfixtest.Answer{"", "empty", "text", "nomode", "oddmode", "html", "redirect", "cut", "huge", "drop", "400", "401", "403", "500", "500bare", "502", "503"}
		if doubts.RunAnswer == bigfixtest.AnswerHang {
			doubts.RunAnswer = bigfixtest.AnswerDrop
		}
		doubts.NumbersAsStrings, doubts.NullsForAbsent = r.IntN(2) == 0, r.IntN(2) == 0
		opts := []bigfixtest.Option{bigfixtest.WithDoubts(doubts), bigfixtest.WithSeed(seed)}
		sim := bigfixtest.NewSim(midday, opts...)
		srv := newServer(t, opts...)
		c := newClient(t, srv.Config())
		for range 60 {
			srv.Clock().Advance(time.Duration(r.Int64N(int64(20 * time.Minute))))
			now := srv.Clock().Now()
			if r.IntN(4) == 0 {
				f := bigfixtest.Fault{Answer: faults[r.IntN(len(faults))], Times: 1, Taken: r.IntN(2) == 0}
				sim.Fail(f)
				srv.Fail(f)
			}
			if r.IntN(20) == 0 {
				sim.RestartAt(now, time.Minute)
				srv.RestartAt(now, time.Minute)
			}
			c.Close() // net/http would ask again where a kept connection breaks
			var want, got bigfix.Status
			var wantErr, gotErr error
			if r.IntN(5) == 0 {
				want, wantErr = sim.Run(now, bigfix.TypeRaw)
				got, gotErr = c.Start(patient(t), bigfix.TypeRaw)
			} else {
				want, wantErr = sim.Status(now)
				got, gotErr = c.Status(patient(t))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d at %s, sim (-), wire (+):\n%s%v\n%v", seed, now, diff, wantErr, gotErr)
			}
			if diff := cmp.Diff(gist(wantErr), gist(gotErr)); diff != "" {
				t.Fatalf("seed %d at %s, sim (-), wire (+):\n%s%v\n%v", seed, now, diff, wantErr, gotErr)
			}
		}
		if diff := cmp.Diff(sim.Imports(srv.Clock().Now()), srv.Journal().Imports); diff != "" {
			t.Fatalf("seed %d: truths differ:\n%s", seed, diff)
		}
	}
}

// gist is what programs decide on. What a server that is away looks like
// differs: the simulation refuses connections, the wire cuts them.
func gist(err error) []any {
	var e *bigfix.Error
	if !errors.As(err, &e) {
		return []any{err}
	}
	return []any{e.Kind, e.Op, e.Status, e.Message}
}

// A server that runs for days keeps the newest requests, whose numbers go on; one that is cut long after it came is no mistake.
func TestJournalIsBounded(t *testing.T) {
	const keep = 8
	srv := newServer(t, bigfixtest.WithJournal(keep))
	held, release := make(chan struct{}), make(chan struct{})
	cancel := srv.Intercept(func(at bigfixtest.Point, r bigfixtest.Request) bigfixtest.Verdict {
		if at == bigfixtest.Taken && r.Path == "/held" {
			close(held)
			<-release
			return bigfixtest.Cut
		}
		return bigfixtest.Pass
	})
	defer cancel()
	cut := make(chan error, 1)
	go func() {
		resp, err := http.Get(srv.URL + "/held")
		if err == nil {
			resp.Body.Close()
		}
		cut <- err
	}()
	<-held
	for range 5 * keep {
		get(t, srv.URL+statusPath+"?token="+srv.Token)
	}
	close(release)
	if err := <-cut; err == nil {
		t.Error("the one that was held was answered")
	}
	kept := srv.Journal().Requests
	if n := len(kept); n < keep || n > keep+keep/4 {
		t.Errorf("%d requests are kept", n)
	}
	for i, r := range kept {
		if want := 5*keep + 1 - (len(kept) - 1 - i); r.N != want || r.Path != statusPath {
			t.Errorf("request %d of those kept is %d, %s, want %d", i, r.N, r.Path, want)
		}
	}
	if _, err := srv.Wait(patient(t), func(r bigfixtest.Request) bool { return r.N == 5*keep+1 }); err != nil {
		t.Error(err)
	}
}
