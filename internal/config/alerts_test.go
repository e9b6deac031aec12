package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDigestIsRead(t *testing.T) {
	for _, tc := range []struct {
		text    string
		weekday time.Weekday
		clock   string
		zone    string
	}{
		{"mon 09:00 Europe/Berlin", time.Monday, "09:00", "Europe/Berlin"},
		{"Sunday 0:05", time.Sunday, "00:05", "UTC"},
		{"  FRI   23:59  America/Argentina/Buenos_Aires ", time.Friday, "23:59", "America/Argentina/Buenos_Aires"},
		{"thu 12:30 UTC", time.Thursday, "12:30", "UTC"},
	} {
		d := mustBot(t, environ(with(enough(), "DIGEST", tc.text))).Digest
		if d == nil {
			t.Errorf("%s: there is none", tc.text)
			continue
		}
		clock := time.Date(2026, 1, 1, d.Hour, d.Minute, 0, 0, d.Location).Format("15:04")
		if d.Weekday != tc.weekday || clock != tc.clock || d.Location.String() != tc.zone {
			t.Errorf("%s: got %s %s %s", tc.text, d.Weekday, clock, d.Location)
		}
	}
	if d := mustBot(t, environ(with(enough(), "DIGEST", "OFF"))).Digest; d != nil {
		t.Errorf("off: got %+v", d)
	}
}

// A machine without zone files knows the zones, and what is nearly one is helped.
func TestZone(t *testing.T) {
	t.Setenv("ZONEINFO", filepath.Join(t.TempDir(), "none"))
	berlin, err := Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	if _, offset := time.Date(2026, 7, 1, 12, 0, 0, 0, berlin).Zone(); offset != 2*60*60 {
		t.Errorf("Berlin in July is %d s ahead of UTC", offset)
	}
	for text, want := range map[string]string{
		"Europe/Berln": `there is no zone "Europe/Berln": write continent and city, like Europe/Berlin, or UTC`,
		"+02:00":       `there is no zone "+02:00": write continent and city`,
	} {
		if _, err := Zone(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	// A file system that tells no capitals apart takes it as it is.
	if _, err := Zone("america/new_york"); err != nil && err.Error() != `there is no zone "america/new_york": write America/New_York` {
		t.Errorf("got %v", err)
	}
}

// Whoever reads the database needs nothing of Slack or BigFix.
func TestReading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	for _, tc := range []struct {
		name    string
		vars    map[string]string
		servers string
	}{
		{"the database alone", map[string]string{"DATABASE_URL": path}, ""},
		{"everything", with(enough(), "DATABASE_URL", path), "bigfix"},
		{"a name", map[string]string{"DATABASE_URL": path, "BIGFIX_NAME": "main"}, "main"},
		{"several, without addresses", map[string]string{"DATABASE_URL": path, "BIGFIX_SERVERS": "prod,lab"}, "prod lab"},
		{"nonsense elsewhere", map[string]string{"DATABASE_URL": path, "SLACK_BOT_TOKEN": "x", "POLL_IDLE": "30", "DIGEST": "daily"}, ""},
	} {
		cfg, err := Reading(environ(tc.vars))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		var names []string
		for _, s := range cfg.Servers {
			names = append(names, s.Name)
		}
		if got := strings.Join(names, " "); got != tc.servers || cfg.Database.Reveal() != path {
			t.Errorf("%s: got servers %q, database %s", tc.name, got, cfg.Database.Reveal())
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("reading the configuration made the database")
	}
	_, err := Reading(environ(map[string]string{"DATABASE_URL": "mysql://x"}))
	if got := faults(t, err); len(got) != 1 || !strings.HasPrefix(got[0], `DATABASE_URL begins with "mysql://"`) {
		t.Errorf("got %q", got)
	}
}

// What the manifest asks of Slack depends on who may start.
func TestAppOf(t *testing.T) {
	for operators, want := range map[string]App{
		"U0123":      {Command: "/import"},
		"U0123,S012": {Command: "/import", Groups: true},
		"*":          {Command: "/import", Everybody: true},
	} {
		got, err := AppOf(environ(map[string]string{"IMPORT_OPERATORS": operators}))
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v", operators, got, err)
		}
	}
}

// Whatever is written, what is read is a time that there is in every week.
func FuzzDigest(f *testing.F) {
	for _, text := range []string{"off", "mon 09:00 Europe/Berlin", "sun 0:00", "fri 23:59 UTC", "mon 24:00", "mon +9:00", "mon 09:00 ../x", "’mon 9:00", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := weekly(text)
		if err != nil || d == nil {
			return
		}
		if d.Weekday < time.Sunday || d.Weekday > time.Saturday || d.Hour < 0 || d.Hour > 23 || d.Minute < 0 || d.Minute > 59 || d.Location == nil {
			t.Errorf("%q: got %+v", text, d)
		}
	})
}
