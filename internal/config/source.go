package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/joho/godotenv"
)

// maxSecretFile bounds what is read of a NAME_FILE: a token is some dozens of bytes, and a wrong path may name anything.
const maxSecretFile = 64 << 10

// reader collects settings, faults and warnings while the parts of a configuration are read.
type reader struct {
	// layers are where settings are looked for, the strongest first: the environment, then .env.
	layers     []map[string]string
	dotEnv     string
	dotEnvRead bool // it was there
	skipped    bool // it was there, and could not be read or parsed
	several    bool // BIGFIX_SERVERS is set
	servers    []string
	faults     []Fault
	warnings   []string
	files      []secretFile // those of NAME_FILE, in the order in which they were read
}

// setting is a value, and the name of the variable that it came from.
type setting struct{ name, value string }

func newReader(src Source) *reader {
	r := &reader{dotEnv: src.DotEnv}
	environ := map[string]string{}
	for _, pair := range src.Environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			environ[name] = value
		}
	}
	r.layers = append(r.layers, environ)
	if src.DotEnv != "" {
		r.layers = append(r.layers, r.readDotEnv(src.DotEnv))
	}
	return r
}

// readDotEnv returns the variables of a .env file. What the parser says of a faulty line is not passed on, for it quotes the line,
// and lines hold secrets; the line's number is found out instead.
func (r *reader) readDotEnv(path string) map[string]string {
	if abs, err := filepath.Abs(path); err == nil {
		r.dotEnv = abs
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	r.dotEnvRead = true
	if err != nil {
		problem, do := cantRead(r.dotEnv, err)
		r.add(Fault{Variable: path, Problem: problem, Do: do})
		r.skipped = true
		return nil
	}
	vars, err := godotenv.UnmarshalBytes(data)
	if err != nil {
		r.add(Fault{Variable: path, Problem: fmt.Sprintf("has a fault in line %d", faultyLine(data)),
			Do: "every line is NAME=value or begins with #; values with spaces, quotes, # or $ go between 'single quotes'"})
		r.skipped = true
		return nil
	}
	r.warnOfDollars(data)
	return vars
}

// faultyLine is the number of the first line from which on the text does not parse. (A quoted value over several lines does not
// parse before its last one, and that is no fault.)
func faultyLine(data []byte) int {
	lines := strings.SplitAfter(string(data), "\n")
	for n := len(lines); n > 0; n-- {
		if _, err := godotenv.Unmarshal(strings.Join(lines[:n-1], "")); err == nil {
			return n
		}
	}
	return 1
}

var (
	assignment = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z0-9_]+)\s*[=:]\s*([^'\s].*)$`)
	reference  = regexp.MustCompile(`\$(\{|[A-Za-z0-9_(])`)
)

// warnOfDollars tells of passwords that .env silently changes: outside single quotes $word stands for another variable's value.
func (r *reader) warnOfDollars(data []byte) {
	for i, line := range strings.Split(string(data), "\n") {
		m := assignment.FindStringSubmatch(line)
		if m == nil || !reference.MatchString(m[2]) {
			continue
		}
		r.warnings = append(r.warnings, fmt.Sprintf(
			".env line %d: the $ in %s is read as another variable's name; put the value between 'single quotes' if it is meant as it stands", i+1, m[1]))
	}
}

// get returns the variable's setting in this scope: a server's own one before the plain one, and for each name the environment's before .env's.
func (r *reader) get(sc scope, v variable) (setting, bool) {
	for _, name := range sc.names(v) {
		if s, ok := r.named(v, name); ok {
			return s, true
		}
	}
	return setting{}, false
}

// settled says whether a setting is what it seems: where .env could not be used, only what the environment says for this very server is.
func (r *reader) settled(sc scope, v variable) bool {
	s, ok := r.get(sc, v)
	return !r.skipped || ok && strings.TrimSuffix(s.name, fileSuffix) == sc.own(v)
}

// nameOf is the name of the variable that a setting comes from, or the plain one where it is not set.
func (r *reader) nameOf(sc scope, v variable) string {
	if s, ok := r.get(sc, v); ok {
		return s.name
	}
	return v.name
}

func (r *reader) named(v variable, name string) (setting, bool) {
	for _, layer := range r.layers {
		value, plain := layer[name]
		path, file := layer[name+fileSuffix]
		file = file && v.secret
		if !plain && !file {
			continue
		}
		value = strings.TrimSpace(value)
		path = strings.TrimSpace(path)
		switch {
		case value != "" && file && path != "":
			r.add(Fault{Variable: name, Problem: "and " + name + fileSuffix + " are both set", Do: "keep one of them"})
			return setting{name, value}, true
		case value != "":
			return setting{name, value}, true
		case path != "" && file:
			value = r.fromFile(name+fileSuffix, path)
			r.holds(name+fileSuffix, path, value)
			return setting{name + fileSuffix, value}, true
		}
		return setting{}, false // set to nothing: hides what weaker layers say
	}
	return setting{}, false
}

// unreadable stands for a value that could not be read, which was told already: it satisfies "required" and is checked no further.
const unreadable = "\x00"

func (r *reader) fromFile(name, path string) string {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() && info.Mode()&fs.ModeNamedPipe == 0 {
		err = errors.New("it is no file")
	}
	if err == nil && info.Size() > maxSecretFile {
		err = fmt.Errorf("it has %d bytes, and a secret has less than %d", info.Size(), maxSecretFile)
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		problem, do := cantRead(path, err)
		r.add(Fault{Variable: name, Problem: fmt.Sprintf("names %s, which %s", path, problem), Do: do})
		return unreadable
	}
	value := strings.TrimSpace(string(data))
	if value == "" {
		r.add(Fault{Variable: name, Problem: fmt.Sprintf("names %s, which is empty", path), Do: "write the value into it, and nothing else"})
		return unreadable
	}
	return value
}

// reasonOf is the system's word for what went wrong with a file, without the path that the message has already.
func reasonOf(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}
