package demo

import (
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
)

// BenchmarkHours is a demo that is left alone: an operation is an hour of what the simulators are asked, with ten imports told in it. With
// few hours and with many (-benchtime 10x, 100x) the memory in use afterwards is the same.
func BenchmarkHours(b *testing.B) {
	const events = 28 // an import: its card, the card's edits, and its thread
	d := Demo{Stdin: strings.NewReader(""), Stdout: io.Discard, Manifest: manifest}
	s, err := d.stage(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer s.close()
	defer http.DefaultClient.CloseIdleConnections()
	ask := func(address string, args url.Values) {
		resp, err := http.PostForm(address, args)
		if err != nil {
			b.Fatal(err)
		}
		defer resp.Body.Close() //nolint:errcheck // it is read
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			b.Fatal(err)
		}
	}
	card := strings.Repeat("x", 3000)
	for b.Loop() {
		for i := range 3600 {
			for _, srv := range s.servers {
				ask(srv.URL+"/api/import_status.json?token="+srv.Token, nil)
			}
			if i%60 == 0 {
				ask(s.slack.APIURL()+"auth.test", url.Values{"token": {s.slack.BotToken}})
			}
		}
		for range 10 * events {
			s.slack.Say(ben, channel, card, "")
		}
	}
	runtime.GC()
	var in runtime.MemStats
	runtime.ReadMemStats(&in)
	b.ReportMetric(float64(in.HeapAlloc)/1e6, "MB-in-use")
}
