package handlers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestTheReasonsInTheAuditDocument holds those that docs/audit.md lists against those that the code gives: people search for
// them.
func TestTheReasonsInTheAuditDocument(t *testing.T) {
	t.Parallel()
	here, domain, slack := parsed(t, "."), parsed(t, "../imports"), parsed(t, "../bot")
	ours := constants(here, "why")
	want := map[string][]string{
		"accepted command, action": {whyRepeated},
		"answered command, action": {whyConfirm},
		"failed command, action":   {whyPanic, whyUnsure},
		"sent start":               {whyUnconfirmed},
	}
	for name, kind := range constants(domain, "Fail") {
		if name != "Failed" { // an outcome
			want["sent start"] = append(want["sent start"], "answered "+kind)
		}
	}
	for _, why := range calls(here, "refuse", 0) {
		if name, ok := why.(*ast.Ident); ok {
			want["refused command, action"] = append(want["refused command, action"], ours[name.Name])
		}
	}
	for name, why := range ours {
		if all := slices.Concat(slices.Collect(maps.Values(want))...); !slices.Contains(all, why) {
			t.Errorf("%s is the reason of no result that this test knows", name)
		}
	}
	want["refused command, action"] = append(want["refused command, action"], turnedAway(slack)...)
	for name, why := range constants(domain, "Reason") {
		switch {
		case name == "ReasonCancelled":
			want["refused start"] = append(want["refused start"], why)
		case name == "ReasonWaited":
			want["expired start"] = append(want["expired start"], why)
		case !mentions(domain["start.go"], name): // why an import that was sent is not known to have begun, or ended
		case name == "ReasonTooLate":
			want["expired start"] = append(want["expired start"], why)
		default:
			want["refused start"] = append(want["refused start"], why)
		}
	}
	got := documented(t)
	for _, row := range slices.Sorted(maps.Keys(want)) {
		slices.Sort(want[row])
		if reasons := slices.Compact(want[row]); !slices.Equal(got[row], reasons) {
			t.Errorf("%s: the document has %q; the code %q", row, got[row], reasons)
		}
		delete(got, row)
	}
	if len(got) > 0 {
		t.Errorf("the document has reasons that no code gives: %q", got)
	}
}

// documented are the reasons by result and what it is of, as the table of the document has them.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	data, err := os.ReadFile("../docs/audit.md")
	must(t, err)
	word := regexp.MustCompile("`([a-z_ ]+)`")
	rows := map[string][]string{}
	for _, line := range strings.Split(string(data), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !strings.Contains(cells[1], "`") || strings.Contains(cells[1], "result") {
			continue
		}
		row := strings.Trim(cells[1], " `") + " " + strings.TrimSpace(cells[2])
		for _, m := range word.FindAllStringSubmatch(cells[4], -1) {
			if m[1] != "start" && m[1] != "user_id" { // a kind and a field, by which to find more
				rows[row] = append(rows[row], m[1])
			}
		}
		slices.Sort(rows[row])
	}
	return rows
}

// parsed are the files of a package, without its tests.
func parsed(t *testing.T, dir string) map[string]*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	must(t, err)
	files := map[string]*ast.File{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		files[filepath.Base(path)], err = parser.ParseFile(token.NewFileSet(), path, nil, 0)
		must(t, err)
	}
	return files
}

// walk visits all that is in files.
func walk(files map[string]*ast.File, visit func(ast.Node)) {
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			visit(n)
			return true
		})
	}
}

// constants are the values of the text constants whose names begin so.
func constants(files map[string]*ast.File, prefix string) map[string]string {
	found := map[string]string{}
	walk(files, func(n ast.Node) {
		decl, ok := n.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			return
		}
		for _, spec := range decl.Specs {
			v := spec.(*ast.ValueSpec)
			for i, value := range v.Values {
				if text, ok := literal(value); ok && strings.HasPrefix(v.Names[i].Name, prefix) {
					found[v.Names[i].Name] = text
				}
			}
		}
	})
	return found
}

// calls are what methods so called get as an argument.
func calls(files map[string]*ast.File, method string, arg int) (found []ast.Expr) {
	walk(files, func(n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) <= arg {
			return
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == method {
			found = append(found, call.Args[arg])
		}
	})
	return found
}

// turnedAway are package bot's words for what it refuses: those that it turns requests away with, and those it has from its
// method refusal.
func turnedAway(files map[string]*ast.File) (found []string) {
	for _, why := range slices.Concat(calls(files, "turnAway", 1), calls(files, "refused", 1)) {
		if text, ok := literal(why); ok {
			found = append(found, text)
		}
	}
	walk(files, func(n ast.Node) {
		f, ok := n.(*ast.FuncDecl)
		if !ok || f.Name.Name != "refusal" {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) > 0 {
				if why, ok := literal(r.Results[0]); ok && why != "" {
					found = append(found, why)
				}
			}
			return true
		})
	})
	return found
}

func mentions(file *ast.File, name string) (found bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		if ident, ok := n.(*ast.Ident); ok && ident.Name == name {
			found = true
		}
		return !found
	})
	return found
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}
