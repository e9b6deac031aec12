package bigfix_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"importbot/bigfix"
)

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func TestParseStatus(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       bigfix.Status
	}{
		{"never imported", `{"mode":"none","can_run_imports":true,"import_status_url":"/import_status","import_create_url":"/management/imports"}`,
			bigfix.Status{Mode: bigfix.ModeNone, CanRunImports: new(true), ImportStatusURL: "/import_status", ImportCreateURL: "/management/imports"}},
		{"running", `{"mode":"running","can_run_imports":false,"progress":59}`,
			bigfix.Status{Mode: bigfix.ModeRunning, CanRunImports: new(false), Progress: new(59)}},
		{"idle", `{"mode":"idle","last_status":"successful","last_success_time":"2015-06-18T04:00:29Z",
			"last_import_time":"2015-06-18T04:00:29Z","last_import_type":"raw_only","next_import_time":"2015-06-20T06:00:00Z",
			"next_import_time_in":75057,"next_import_type":"complete"}`,
			bigfix.Status{Mode: bigfix.ModeIdle, LastStatus: bigfix.StatusSuccessful,
				LastSuccessTime: utc("2015-06-18T04:00:29Z"), LastImportTime: utc("2015-06-18T04:00:29Z"), LastImportType: bigfix.TypeRaw,
				NextImportTime: utc("2015-06-20T06:00:00Z"), NextImportIn: new(75057 * time.Second), NextImportType: bigfix.TypeComplete}},
		{"words nobody documented", `{"mode":"Idle","last_status":"erfolgreich","last_import_type":"delta","next_import_type":"none"}`,
			bigfix.Status{Mode: "Idle", LastStatus: "erfolgreich", LastImportType: "delta", NextImportType: "none"}},
		{"everything as strings", `{"mode":"running","can_run_imports":"True","progress":"59","next_import_time_in":" 60 "}`,
			bigfix.Status{Mode: bigfix.ModeRunning, CanRunImports: new(true), Progress: new(59), NextImportIn: new(time.Minute)}},
		{"numbers with more to them", `{"mode":"running","can_run_imports":0,"progress":59.9,"next_import_time_in":6e1}`,
			bigfix.Status{Mode: bigfix.ModeRunning, CanRunImports: new(false), Progress: new(59), NextImportIn: new(time.Minute)}},
		{"percent sign", `{"mode":"running","progress":"7 %"}`, bigfix.Status{Mode: bigfix.ModeRunning, Progress: new(7)}},
		{"nulls", `{"mode":"idle","can_run_imports":null,"progress":null,"last_status":null,"last_import_time":null,"next_import_time_in":null}`,
			bigfix.Status{Mode: bigfix.ModeIdle}},
		{"empty strings", `{"mode":"idle","can_run_imports":"","progress":" ","last_status":"","last_import_time":"","next_import_time_in":""}`,
			bigfix.Status{Mode: bigfix.ModeIdle}},
		{"overdue", `{"mode":"idle","next_import_time_in":-5}`, bigfix.Status{Mode: bigfix.ModeIdle, NextImportIn: new(-5 * time.Second)}},
		{"unreadable", `{"mode":"idle","can_run_imports":"maybe","progress":101,"last_import_time":"yesterday","last_success_time":["x"],
			"last_status":{"a":1},"next_import_time":"0000-00-00T00:00:00Z","next_import_time_in":1e300}`,
			bigfix.Status{Mode: bigfix.ModeIdle, Unread: []string{"can_run_imports", "progress", "last_status", "last_success_time", "last_import_time", "next_import_time", "next_import_time_in"}}},
		{"unknown fields, byte order mark, space around", "\uFEFF \n{\"steps\":[{\"mode\":\"running\"}],\"mode\":\"pending\",\"x\":{}}\r\n ",
			bigfix.Status{Mode: bigfix.ModePending}},
		{"last of two values", `{"mode":"idle","last_status":"a","last_status":"b"}`, bigfix.Status{Mode: bigfix.ModeIdle, LastStatus: "b"}},
		{"broken UTF-8", "{\"mode\":\"idle\",\"last_status\":\"a\xff\"}", bigfix.Status{Mode: bigfix.ModeIdle, LastStatus: "a\uFFFD"}},
		{"zeros", `{"mode":"i\u0000dle","last_status":"a\u0000","last_import_type":"\u0000","next_import_type":"\\u0000","import_status_url":"\ud800\udfff/\ud800"}`,
			bigfix.Status{Mode: "i\uFFFDdle", LastStatus: "a\uFFFD", LastImportType: "\uFFFD", NextImportType: `\u0000`, ImportStatusURL: "\U000103ff/\uFFFD"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := bigfix.ParseStatus([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

func TestParseTime(t *testing.T) {
	noon := utc("2026-03-04T12:00:00Z")
	for text, want := range map[string]time.Time{
		"2026-03-04T12:00:00Z":      noon,
		"2026-03-04T12:00:00.000Z":  noon,
		"2026-03-04T14:00:00+02:00": noon,
		"2026-03-04T14:00:00+0200":  noon,
		"2026-03-04T12:00:00":       noon,
		"2026-03-04 12:00:00":       noon,
		"2026-03-04 12:00:00 UTC":   noon,
		"2026-03-04 14:00:00 +0200": noon,
		"2026-03-04 07:00:00 EST":   {}, // would be off by five hours
		"0001-01-01T00:00:00Z":      {},
		"1772625600":                {},
		"04.03.2026 12:00":          {},
	} {
		s, err := bigfix.ParseStatus(fmt.Appendf(nil, `{"mode":"idle","last_import_time":%q}`, text))
		if err != nil || !s.LastImportTime.Equal(want) || want.IsZero() != (len(s.Unread) == 1) {
			t.Errorf("%q is %s, unread %v, %v; want %s", text, s.LastImportTime, s.Unread, err, want)
		}
	}
}

// An answer without exactly one clear mode is none, and neither is one that
// was cut anywhere or goes on behind its end.
func TestParseStatusRefuses(t *testing.T) {
	for body, want := range map[string]string{
		``:                                 "unexpected EOF",
		`null`:                             "not a JSON object",
		`"idle"`:                           "not a JSON object",
		`[{"mode":"idle"}]`:                "not a JSON object",
		`{}`:                               "no mode",
		`{"Mode":"idle"}`:                  "no mode",
		`{"mode":null}`:                    "not a string",
		`{"mode":1}`:                       "not a string",
		`{"mode":["idle"]}`:                "not a string",
		`{"mode":""}`:                      "empty mode",
		`{"mode":" "}`:                     "empty mode",
		`{"mode":"idle","mode":"running"}`: "mode twice",
		`{"mode":"idle"}{"mode":"idle"}`:   "goes on",
		`{"mode":"idle"} x`:                "goes on",
		`{"mode":"idle",}`:                 "not JSON",
		`{mode:"idle"}`:                    "not JSON",
		`<import_status/>`:                 "not JSON",
	} {
		if s, err := bigfix.ParseStatus([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v; want %q", body, s, err, want)
		}
	}
	whole := `{"mode":"idle","can_run_imports":true,"last_status":"successful","next_import_time_in":75057}`
	for n := range len(whole) {
		if s, err := bigfix.ParseStatus([]byte(whole[:n])); err == nil {
			t.Errorf("cut to %q, it is %+v", whole[:n], s)
		}
	}
}

func TestMode(t *testing.T) {
	for mode, want := range map[bigfix.Mode][2]bool{
		bigfix.ModeNone: {true, true}, bigfix.ModeIdle: {true, true}, bigfix.ModePending: {true, true},
		bigfix.ModeRunning: {true, false}, "": {false, false}, "IDLE": {false, false}, "queued": {false, false},
	} {
		if got := [2]bool{mode.Known(), mode.NotRunning()}; got != want {
			t.Errorf("%q: known, not running = %v, want %v", mode, got, want)
		}
	}
}

func TestServerTime(t *testing.T) {
	noon := utc("2026-03-04T12:00:00Z")
	for name, tt := range map[string]struct {
		status bigfix.Status
		want   time.Time
	}{
		"nothing":          {},
		"header":           {bigfix.Status{Date: noon}, noon},
		"schedule":         {bigfix.Status{Date: noon, NextImportTime: noon.Add(3 * time.Hour), NextImportIn: new(2 * time.Hour)}, noon.Add(time.Hour)},
		"half a schedule":  {bigfix.Status{Date: noon, NextImportIn: new(2 * time.Hour)}, noon},
		"another half one": {bigfix.Status{Date: noon, NextImportTime: noon}, noon},
	} {
		if got := tt.status.ServerTime(); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// FuzzParseStatus: no body makes the decoder panic, and what it lets through
// keeps the promises that programs build on.
func FuzzParseStatus(f *testing.F) {
	f.Add([]byte(`{"mode":"none","can_run_imports":true,"import_status_url":"/import_status","import_create_url":"/management/imports"}`))
	f.Add([]byte(`{"mode":"running","progress":59}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := bigfix.ParseStatus(body)
		if err != nil {
			if diff := cmp.Diff(bigfix.Status{}, s); diff != "" {
				t.Errorf("an error came with a status:\n%s", diff)
			}
			return
		}
		if s.Mode == "" {
			t.Error("no mode and no error")
		}
		if s.Progress != nil && (*s.Progress < 0 || *s.Progress > 100) {
			t.Errorf("progress is %d", *s.Progress)
		}
		if s.NextImportIn != nil && (*s.NextImportIn)%time.Second != 0 {
			t.Errorf("next import in %s", *s.NextImportIn)
		}
		for _, word := range []string{string(s.Mode), string(s.LastStatus), string(s.LastImportType), string(s.NextImportType), s.ImportStatusURL, s.ImportCreateURL} {
			if !utf8.ValidString(word) || strings.ContainsRune(word, 0) || utf8.RuneCountInString(word) > 256 {
				t.Errorf("word %.300q", word)
			}
		}
		for _, when := range []time.Time{s.LastImportTime, s.LastSuccessTime, s.NextImportTime} {
			if !when.IsZero() && (when.Location() != time.UTC || when.Year() < 1970 || when.Year() > 9999) {
				t.Errorf("time %s", when)
			}
		}
		again, err := bigfix.ParseStatus(body)
		if err != nil || !cmp.Equal(s, again) {
			t.Errorf("a second reading differs: %v", err)
		}
	})
}
