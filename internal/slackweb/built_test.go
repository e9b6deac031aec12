package slackweb

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxPage is what the page may weigh on the wire, all of it.
const maxPage = 400_000

func TestThePageIsLight(t *testing.T) {
	sum := 0
	for _, f := range files() {
		if f.packed != nil {
			sum += len(f.packed)
		} else {
			sum += len(f.plain)
		}
	}
	if sum > maxPage || sum == 0 {
		t.Errorf("the page weighs %d bytes, %d are allowed", sum, maxPage)
	}
}

// What others wrote goes out with their licences, none of which asks for more than that.
func TestLicencesGoAlong(t *testing.T) {
	var wanted struct{ Dependencies map[string]string }
	text, err := os.ReadFile("client/package.json")
	if err == nil {
		err = json.Unmarshal(text, &wanted)
	}
	if err != nil || len(wanted.Dependencies) == 0 {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^## (\S+) - (\S+) \((.*)\)$`).FindAllStringSubmatch(string(files()["licenses.md"].plain), -1) {
		named[m[1]+" "+m[2]] = true
		if !slices.Contains([]string{"MIT", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause"}, m[3]) {
			t.Errorf("%s is licensed by %s", m[1], m[3])
		}
	}
	for name, version := range wanted.Dependencies {
		if !named[name+" "+version] {
			t.Errorf("there is no licence of %s %s", name, version)
		}
	}
}

var (
	tags    = regexp.MustCompile(`(?s)<([a-zA-Z]+)([^>]*)>([^<]*)`)
	links   = regexp.MustCompile(`(?i)\b(?:src|href|srcset|action|data|poster)\s*=\s*["']?([^"'\s>]*)`)
	inlined = regexp.MustCompile(`(?i)\s(?:style|on\w+)\s*=`)
)

// faultsOf lists what in an HTML file the policy would keep from working, or what it would ask of somebody else.
func faultsOf(html string, has func(name string) bool) (faults []string) {
	for _, tag := range tags.FindAllStringSubmatch(html, -1) {
		name, attributes, content := strings.ToLower(tag[1]), tag[2], strings.TrimSpace(tag[3])
		if name == "style" || name == "base" || name == "script" && content != "" || inlined.MatchString(attributes) {
			faults = append(faults, "inline: "+tag[0])
		}
		for _, link := range links.FindAllStringSubmatch(attributes, -1) {
			if target := link[1]; !strings.HasPrefix(target, "data:image/") && !has(strings.TrimPrefix(strings.TrimPrefix(target, "."), "/")) {
				faults = append(faults, "not ours: "+target)
			}
		}
	}
	return faults
}

func TestThePageNeedsNothingButItself(t *testing.T) {
	has := func(name string) bool { _, ok := files()[name]; return ok }
	index := string(files()["index.html"].plain)
	if faults := faultsOf(index, has); len(faults) > 0 || !strings.Contains(index, "<!doctype html>") && !strings.Contains(index, "<!DOCTYPE html>") {
		t.Errorf("index.html: %q", faults)
	}
	for _, bad := range []string{
		`<script>1</script>`, `<style>a{}</style>`, `<p style="color:red">`, `<img src="/index.html" onerror=x>`, `<base href="/index.html">`,
		`<script src="https://cdn.example/x.js"></script>`, `<link href=//cdn.example/x.css>`, `<script src="/assets/none.js"></script>`,
	} {
		if len(faultsOf(bad, has)) == 0 {
			t.Errorf("%s passes", bad)
		}
	}
	for name, f := range files() {
		if ext := path.Ext(name); ext == ".css" && regexp.MustCompile(`(?i)(?:url\(\s*["']?|@import\s+["'])(?:https?:)?//`).Match(f.plain) {
			t.Errorf("%s loads something from elsewhere", name)
		} else if _, known := kinds[ext]; !known {
			t.Errorf("%s: nobody knows what kind of file that is", name)
		}
	}
}

// The page knows Slack and no app: whatever bot is on the other side, it would show that.
func TestThePageKnowsNoApp(t *testing.T) {
	read := 0
	look := func(root fs.FS, name string) {
		t.Helper()
		err := fs.WalkDir(root, name, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := fs.ReadFile(root, name)
			for _, word := range []string{"bigfix", "importbot", "raw_only", "data import"} {
				if bytes.Contains(bytes.ToLower(text), []byte(word)) {
					t.Errorf("%s says %q", name, word)
				}
			}
			read++
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	look(dist, "dist")
	look(os.DirFS("."), "client/src")
	if read < 3 {
		t.Errorf("%d files were read", read)
	}
}

func TestFilesAreServedPackedAndKept(t *testing.T) {
	w := newWorld(t, nil)
	for name, f := range files() {
		plain := w.ask(http.MethodGet, "/"+name, "", header("Accept-Encoding", "br, gzip;q=0"))
		if plain.status != http.StatusOK || plain.body != string(f.plain) || plain.header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d, %d bytes, %v", name, plain.status, len(plain.body), plain.header)
		}
		if got := plain.header.Get("Content-Type"); got != kinds[path.Ext(name)].contentType {
			t.Errorf("%s is %q", name, got)
		}
		want := "no-store"
		if strings.HasPrefix(name, "assets/") {
			want = "public, max-age=31536000, immutable"
		}
		if got := plain.header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control is %q, want %q", name, got, want)
		}
		if f.packed == nil {
			continue
		}
		packed := w.ask(http.MethodGet, "/"+name, "", header("Accept-Encoding", "br, gzip"))
		if got := unpack(t, packed.body); !bytes.Equal(got, f.plain) || packed.header.Get("Content-Encoding") != "gzip" ||
			packed.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s, packed: %d bytes, %v", name, len(got), packed.header)
		}
	}
	if got := w.ask(http.MethodGet, "/", "", nil).body; got != string(files()["index.html"].plain) {
		t.Errorf("/ is %q", got)
	}
	for _, path := range []string{"/assets/", "/assets", "/../page.go", "/dist/index.html", "/index.html/"} {
		if got := w.ask(http.MethodGet, path, "", nil); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

func unpack(t *testing.T, packed string) []byte {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
