package edit_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	doc := rapid.IntRange(0, f.Docs()-1).Draw(t, "document")
	whole, _ := f.Value(edit.Address{Doc: doc})
	var paths []edit.Path
	leaves(whole, nil, &paths)
	if len(paths) == 0 {
		return
	}
	slices.SortFunc(paths, func(a, b edit.Path) int { return strings.Compare(a.String(), b.String()) })
	path := rapid.SampledFrom(paths).Draw(t, "path")
	at := edit.Address{Doc: doc, Path: path}
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

// TestRoundTripsOverManifests edits values of manifests that people wrote, and
// edits them back: nothing but the lines of the value changes, and it comes back.
func TestRoundTripsOverManifests(t *testing.T) {
	var files []*edit.File
	for _, root := range manifestRoots(t) {
		err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".yaml") && !strings.HasSuffix(p, ".json") {
				return err
			}
			data, err := os.ReadFile(p)
			if err != nil || len(data) > 200_000 {
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
	t.Logf("%d files", len(files))
	rapid.Check(t, func(t *rapid.T) {
		roundTrip(t, files[rapid.IntRange(0, len(files)-1).Draw(t, "file")])
	})
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
