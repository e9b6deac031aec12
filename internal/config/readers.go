package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// secretFile is a file that was found to hold a secret, and the variable that named it.
type secretFile struct{ variable, path string }

// warnOfReaders tells of files with secrets that every user of the machine can read, and of an audit log, which holds people's names
// and words. A group that may read is somebody's choice; a file beneath a directory that others can't enter is read by none of them.
func (r *reader) warnOfReaders(audit string) {
	if r.dotEnvRead && r.secretInDotEnv() {
		r.files = append([]secretFile{{"", r.dotEnv}}, r.files...)
	}
	for _, f := range r.files {
		if mode, open := openToAll(f.path); open {
			r.warn("%s holds secrets, and every user of this machine can read it (mode %04o): %s", f, mode, closing(f.path))
		}
	}
	if audit == "" || audit == "stderr" {
		return
	}
	if mode, open := openToAll(audit); open {
		r.warn("%s (%s) tells who asked for what, and every user of this machine can read it (mode %04o): run chmod 640 %s", audit, auditLog.name, mode, quoted(audit))
	}
}

// String names the file as the person knows it who wrote the configuration.
func (f secretFile) String() string {
	if f.variable == "" {
		return f.path
	}
	return fmt.Sprintf("%s (%s)", f.path, f.variable)
}

// holds notes that a file holds a secret.
func (r *reader) holds(name, path, value string) {
	f := secretFile{name, path}
	if r.secretIn(strings.TrimSuffix(name, fileSuffix), value) && !r.noted(f) {
		r.files = append(r.files, f)
	}
}

func (r *reader) noted(f secretFile) bool {
	for _, known := range r.files {
		if known.path == f.path {
			return true
		}
	}
	return false
}

// secretIn says whether the value of a variable is worth hiding: that of DATABASE_URL is only where it has a password.
func (r *reader) secretIn(name, value string) bool {
	if name != databaseURL.name {
		return value != "" && value != unreadable
	}
	u, ok := parsePostgres(value)
	return ok && (u.password != "" || u.query.Has("password") || u.query.Has("sslpassword"))
}

// secretInDotEnv says whether .env holds a secret itself, and not only the names of files with them.
func (r *reader) secretInDotEnv() bool {
	dotEnv := r.layers[len(r.layers)-1]
	for _, v := range variables {
		if !v.secret {
			continue
		}
		for _, name := range r.settable(v) {
			value := strings.TrimSpace(dotEnv[name])
			if value != "" && !strings.HasSuffix(name, fileSuffix) && r.secretIn(v.name, value) {
				return true
			}
		}
	}
	return false
}

// closing says how to take a file from those whom it does not concern.
func closing(path string) string {
	if fromKubernetes(path) {
		return "Kubernetes mounts it so; set defaultMode: 0440 on the volume, and fsGroup in the pod's securityContext to the group that Importbot runs as"
	}
	if own, ours := owner(path); !ours {
		return fmt.Sprintf("it belongs to another user than Importbot runs as; run chown %d %s && chmod 600 %s", own, quoted(path), quoted(path))
	}
	return "run chmod 600 " + quoted(path)
}

// cantRead says that a file can't be read, and what to do. Where it is not allowed, that is for the user whom it is not allowed to:
// the person who reads this is often another one, who can read it.
func cantRead(path string, err error) (problem, do string) {
	if !errors.Is(err, fs.ErrPermission) {
		return "can't be read", reasonOf(err)
	}
	name := self()
	problem = fmt.Sprintf("can't be read by user %s (%s)", name, reasonOf(err))
	_, hidden := os.Stat(path)
	switch {
	case os.Geteuid() < 0: // Windows
		return problem, "let that user read it"
	case hidden != nil:
		return problem, "let that user enter the directories above it (chmod +x), or put it where it can"
	case fromKubernetes(path):
		return problem, "set defaultMode: 0440 on the volume, and fsGroup in the pod's securityContext to a group of that user"
	}
	return problem, fmt.Sprintf("give it to that user with chown %s %s && chmod 600 %s, or start Importbot as the user whom it belongs to", name, quoted(path), quoted(path))
}

// self is the user that this process runs as: its name, or its number where it has none, as in a container.
func self() string {
	uid := os.Geteuid()
	if uid < 0 { // Windows
		if u, err := user.Current(); err == nil {
			return u.Username
		}
		return "unknown"
	}
	number := strconv.Itoa(uid)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return number
}

// fromKubernetes says whether a file is of a volume that Kubernetes made of a Secret: chown and chmod do nothing there.
func fromKubernetes(path string) bool {
	_, err := os.Lstat(filepath.Join(filepath.Dir(path), "..data"))
	return err == nil
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t\"'\\$`!*?[](){}<>|&;#~") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
