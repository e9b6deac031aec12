package slackweb

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

//go:embed all:dist
var dist embed.FS

// kinds are the files that a page is made of, and which of them gzip makes smaller. The list is our own: that of the system differs
// from one machine to the next.
var kinds = map[string]struct {
	contentType string
	packs       bool
}{
	".html":  {"text/html; charset=utf-8", true},
	".js":    {"text/javascript; charset=utf-8", true},
	".css":   {"text/css; charset=utf-8", true},
	".svg":   {"image/svg+xml", true},
	".json":  {"application/json; charset=utf-8", true},
	".txt":   {"text/plain; charset=utf-8", true},
	".md":    {"text/plain; charset=utf-8", true},
	".png":   {"image/png", false},
	".ico":   {"image/x-icon", false},
	".woff2": {"font/woff2", false},
}

// hashed is a file whose name changes with what is in it.
var hashed = regexp.MustCompile(`^assets/[\w.]*[\w.-]*-[\w-]{8}\.\w+$`)

// file is one of those that were built.
type file struct {
	name   string
	plain  []byte
	packed []byte // by gzip; nil where that is no use
}

// files reads and packs what was built, once in a process.
var files = sync.OnceValue(func() map[string]file {
	out := map[string]file{}
	err := fs.WalkDir(dist, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		plain, err := dist.ReadFile(name)
		f := file{name: strings.TrimPrefix(name, "dist/"), plain: plain}
		if kinds[path.Ext(name)].packs {
			f.packed = pack(plain)
		}
		out[f.name] = f
		return err
	})
	if err != nil {
		panic("slackweb: " + err.Error()) // what is embedded can be read
	}
	return out
})

func pack(plain []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is one of gzip's
	w.Write(plain)                                          //nolint:errcheck // into memory
	w.Close()                                               //nolint:errcheck // into memory
	if out.Len() >= len(plain) {
		return nil
	}
	return out.Bytes()
}

// serveBuilt serves the page's own files.
func serveBuilt(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" {
		name = "index.html"
	}
	f, ok := files()[name]
	if !ok {
		http.Error(w, "There is nothing at this address.", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	if kind, known := kinds[path.Ext(name)]; known {
		h.Set("Content-Type", kind.contentType)
	}
	if hashed.MatchString(name) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := f.plain
	if f.packed != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body = f.packed
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) //nolint:errcheck // who asked is gone
}

// takesGzip reads Accept-Encoding, where q=0 is a refusal.
func takesGzip(r *http.Request) bool {
	for offer := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, weight, _ := strings.Cut(strings.ReplaceAll(offer, " ", ""), ";")
		if strings.EqualFold(coding, "gzip") {
			q, err := strconv.ParseFloat(strings.TrimPrefix(weight, "q="), 64)
			return weight == "" || err == nil && q > 0
		}
	}
	return false
}
