package edit_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
	"github.com/rekindle-io/rekindle/testenv/corpora"
)

// leaves lists the paths of the scalars of v.
func leaves(v any, at edit.Path, to *[]edit.Path) {
	at = at[:len(at):len(at)]
	switch v := v.(type) {
	case map[string]any:
		for k, below := range v {
			leaves(below, append(at, edit.Key(k)), to)
		}
	case []any:
		for i, below := range v {
			leaves(below, append(at, edit.Index(i)), to)
		}
	default:
		*to = append(*to, at)
	}
}

// other draws a value of the kind that v is, so that a style that held v holds
// it as well.
func other(t *rapid.T, v any) any {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "\n") {
			lines := strings.Split(strings.TrimRight(v, "\n"), "\n")
			i := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
			lines[i] = "changed: line"
			return strings.Join(lines, "\n") + v[len(strings.TrimRight(v, "\n")):]
		}
		return "changed" + v
	case bool:
		return !v
	case int64:
		return v + 1
	case float64:
		return v + 1.5
	}
	return "set"
}

// roundTrip edits one scalar of f and edits it back.
func roundTrip(t *rapid.T, f *edit.File) {
	at, path := place(t, f)
	if path == nil {
		return
	}
	at.Path = path
	old, _ := f.Value(at)
	value := other(t, old)
	changed, err := f.Set(at, value)
	if err != nil {
		if strings.Contains(err.Error(), "used again") || strings.Contains(err.Error(), "merge key") {
			return
		}
		t.Fatalf("%s: %v", path, err)
	}
	if v, _ := changed.Value(at); !edit.Equal(v, value) {
		t.Fatalf("%s is %v and not %v", path, v, value)
	}
	before, after := f.Bytes(), changed.Bytes()
	if lines := differing(before, after); lines > 1 {
		t.Fatalf("%s: %d lines differ", path, lines)
	}
	back, err := changed.Set(at, old)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, back.Bytes()) && written(f, at, old) {
		t.Fatalf("%s: edited back, it is not what it was:\n%s", path, firstDifference(before, back.Bytes()))
	}
}

// written tells whether the value at a is written in the one way in which an
// edit writes it: not as yes, 0777 or ~, not folded.
func written(f *edit.File, a edit.Address, v any) bool {
	line := strings.Split(string(f.Bytes()), "\n")[f.Line(a)-1]
	if text, ok := v.(string); ok {
		first, _, _ := strings.Cut(text, "\n")
		return strings.Contains(line, first) && !strings.Contains(line, ">") || strings.Contains(line, "|")
	}
	return v != nil && strings.Contains(line, fmt.Sprint(v))
}

// differing counts the lines that are not in common at both ends.
func differing(a, b []byte) int {
	x, y := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for len(x) > 0 && len(y) > 0 && bytes.Equal(x[0], y[0]) {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && bytes.Equal(x[len(x)-1], y[len(y)-1]) {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	return len(y)
}

func firstDifference(a, b []byte) string {
	x, y := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range x {
		if i >= len(y) || x[i] != y[i] {
			return fmt.Sprintf("line %d:\n%.200q\n%.200q", i+1, x[i], append(y, "")[i])
		}
	}
	return ""
}

// TestOverManifests edits manifests that people wrote, and edits them back.
func TestOverManifests(t *testing.T) {
	files := manifests(t)
	t.Logf("%d files", len(files))
	some := rapid.Custom(func(t *rapid.T) *edit.File {
		return files[rapid.IntRange(0, len(files)-1).Draw(t, "file")]
	})
	t.Run("a value changes, and nothing but its lines", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { roundTrip(t, some.Draw(t, "in")) })
	})
	t.Run("a key comes and goes without a trace", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { comeAndGo(t, some.Draw(t, "in")) })
	})
	t.Run("anything goes", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			f := some.Draw(t, "in")
			at, path := place(t, f)
			if path == nil {
				return
			}
			at.Path = path[:rapid.IntRange(1, len(path)).Draw(t, "depth")]
			removed, err := f.Remove(at)
			if err != nil {
				t.Fatalf("%s: %v", at.Path, err)
			}
			if _, has := removed.Value(at); has && !at.Path[len(at.Path)-1].Item {
				t.Fatalf("%s is still there", at.Path)
			}
		})
	})
}

// place draws a scalar of f.
func place(t *rapid.T, f *edit.File) (edit.Address, edit.Path) {
	doc := rapid.IntRange(0, f.Docs()-1).Draw(t, "document")
	whole, _ := f.Value(edit.Address{Doc: doc})
	var paths []edit.Path
	leaves(whole, nil, &paths)
	slices.SortFunc(paths, func(a, b edit.Path) int { return strings.Compare(a.String(), b.String()) })
	if len(paths) == 0 || len(paths[0]) == 0 {
		return edit.Address{}, nil
	}
	return edit.Address{Doc: doc}, rapid.SampledFrom(paths).Draw(t, "path")
}

// comeAndGo adds a key beside a value, and removes it.
func comeAndGo(t *rapid.T, f *edit.File) {
	at, path := place(t, f)
	for len(path) > 0 && path[len(path)-1].Item {
		path = path[:len(path)-1]
	}
	if len(path) == 0 {
		return
	}
	at.Path = slices.Concat(path[:len(path)-1], edit.Path{edit.Key(rapid.SampledFrom([]string{"added", "zz/new: key", "42"}).Draw(t, "key"))})
	value := rapid.SampledFrom([]any{"a: b", int64(1), nil, []any{"x", map[string]any{"l": "b\nc\n"}}, map[string]any{"k": map[string]any{}}}).Draw(t, "value")
	added, err := f.Set(at, value)
	if err != nil {
		t.Fatalf("%s: %v", at.Path, err)
	}
	back, err := added.Remove(at)
	if err != nil {
		t.Fatal(err)
	}
	was := f.Bytes()
	if !bytes.HasSuffix(was, []byte("\n")) {
		was = asEnded(was, back.Bytes())
	}
	if !bytes.Equal(was, back.Bytes()) {
		t.Fatalf("%s: came and gone, the file is not what it was:\n%s", at.Path, firstDifference(was, back.Bytes()))
	}
}

// lastHeader is the header of a block scalar with which a file ends; the
// indentation of what follows it is not looked at.
var lastHeader = regexp.MustCompile(`(?s)(.*(?:: |- )[|>][1-9]?)[+]?((?: +#[^\n]*)?\r?\n.*)`)

// asEnded is what a file without a line end may be once something came behind it
// and went: a block that came needed a line end, and one that was there had to be
// told that it has none.
func asEnded(was, now []byte) []byte {
	ended := bytes.TrimSuffix(bytes.TrimSuffix(now, []byte("\n")), []byte("\r"))
	if told := lastHeader.ReplaceAll(was, []byte("${1}-${2}")); bytes.Equal(told, ended) {
		return now
	}
	if bytes.Equal(was, ended) {
		return now
	}
	return was
}

// manifests parses the manifests of the project and of the corpora.
func manifests(t *testing.T) []*edit.File {
	t.Helper()
	var files []*edit.File
	for _, root := range manifestRoots(t) {
		err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".yaml") && !strings.HasSuffix(p, ".json") {
				return err
			}
			data, err := os.ReadFile(p)
			if err != nil || len(data) > 100_000 {
				return err
			}
			f, err := edit.Parse(data)
			if err != nil {
				if !strings.Contains(string(data), "{{") {
					t.Errorf("%s: %v", p, err)
				}
				return nil
			}
			if f.Docs() > 0 {
				files = append(files, f)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// manifestRoots are the folders with manifests: those of the project and, when
// they are there, the corpora.
func manifestRoots(t *testing.T) []string {
	t.Helper()
	roots := []string{"../../../testenv/example", "../../../testenv/workload"}
	for _, name := range corpora.All() {
		dir := filepath.Join(t.TempDir(), name)
		if err := exec.CommandContext(t.Context(), "git", "clone", "-q", corpora.Path(t, name), dir).Run(); err != nil {
			t.Fatal(err)
		}
		roots = append(roots, dir)
	}
	return roots
}
