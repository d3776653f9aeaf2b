// Package walls keeps the project's import walls: which of its folders may
// import which. Imports run downward only, from cmd to object; a provider knows
// no other provider and no recipe; the TUI reaches neither clusters nor recipes;
// one package alone talks to API servers.
//
// What goes in is the source tree, what comes out is a list of broken rules.
// Its test is the check.
package walls

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/rekindle-io/rekindle"

// layers are the folders of the project from the bottom up. A package belongs
// to the longest folder that holds it, and may import what lies in a lower
// layer, or in its own folder.
func layers() [][]string {
	return [][]string{
		{"recover/nearest", "schedule/moment"},
		{"recover/object", "recover/run", "recover/sops"},
		{"recover/convert", "recover/kube", "recover/source", "recover/render", "recover/plan", "snapshot", "providers"},
		{"recover/rebuild", "recover/teardown", "recover/drill", "recover/api"},
		{"schedule", "tui"},
		{"cmd"},
	}
}

// sideways lists the imports within one layer that are fine.
func sideways() map[string][]string {
	return map[string][]string{
		"recover/plan":     {"recover/convert"},
		"recover/teardown": {"recover/rebuild"},
		"recover/drill":    {"recover/rebuild", "recover/teardown"},
		"providers":        {"recover/kube"},
		"snapshot":         {"recover/kube", "recover/source", "recover/render"},
	}
}

// tree is what the packages of a source tree import, by path from the root:
// Imports of the program, and of the tests alone.
type tree struct {
	imports, testImports map[string][]string
}

// read parses the imports of every Go file below root, whatever its build tags
// say; nested modules and testdata are left out.
func read(root string) (tree, error) {
	t := tree{imports: map[string][]string{}, testImports: map[string][]string{}}
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skip(root, file, d.Name())
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(files, file, nil, parser.ImportsOnly)
		if err != nil {
			return fmt.Errorf("reading imports: %w", err)
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		into, pkg := t.imports, filepath.ToSlash(rel)
		if strings.HasSuffix(file, "_test.go") {
			into = t.testImports
		}
		list := into[pkg] // stays nil, but in the map, when it imports nothing
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			list = append(list, imported)
		}
		into[pkg] = list
		return nil
	})
	return t, err
}

func skip(root, dir, name string) error {
	if dir == root {
		return nil
	}
	if name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

// broken returns one line for each import that breaks a rule, sorted.
func (t tree) broken() []string {
	var out []string
	complain := func(pkg, imported, why string) {
		out = append(out, fmt.Sprintf("%s imports %s: %s", pkg, imported, why))
	}
	for _, pkg := range slices.Sorted(maps.Keys(t.imports)) {
		if under(pkg, "testenv") {
			continue
		}
		if layer, _ := place(pkg); layer < 0 {
			out = append(out, fmt.Sprintf("%s lies in no layer: say in testenv/walls where it belongs", pkg))
		}
		for _, imported := range t.imports[pkg] {
			if ours, ok := own(imported); ok {
				if why := forbidden(pkg, ours); why != "" {
					complain(pkg, ours, why)
				}
			} else if under(imported, "k8s.io/client-go") && !under(pkg, "recover/kube") {
				complain(pkg, imported, "only recover/kube talks to API servers")
			}
		}
		if under(pkg, "tui") {
			for _, reached := range t.reach(pkg) {
				if why := hiddenFromTUI(reached); why != "" {
					complain(pkg, reached, why)
				}
			}
		}
	}
	for pkg, list := range t.testImports {
		for _, imported := range list {
			if ours, ok := own(imported); ok && under(pkg, "providers") {
				if why := forbiddenToProvider(pkg, ours); why != "" {
					complain(pkg+" (test)", ours, why)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// forbidden says why pkg may not import another of our packages, "" when it may.
func forbidden(pkg, imported string) string {
	if under(imported, "testenv") {
		return "testenv is for tests"
	}
	if under(imported, "providers/providertest") && !under(pkg, "providers/providertest") {
		return "providertest is for tests"
	}
	if under(pkg, "providers") {
		if why := forbiddenToProvider(pkg, imported); why != "" {
			return why
		}
	}
	from, fromFolder := place(pkg)
	to, toFolder := place(imported)
	switch {
	case from < 0 || to < 0 || fromFolder == toFolder || to < from:
		return ""
	case to > from:
		return "imports run downward only"
	case slices.Contains(sideways()[fromFolder], toFolder):
		return ""
	}
	return "the two lie side by side, and neither builds on the other"
}

func forbiddenToProvider(pkg, imported string) string {
	if under(imported, "recover/rebuild") || under(imported, "recover/teardown") {
		return "a provider does not know the recipes"
	}
	other := subfolder(imported)
	if under(imported, "providers") && other != "" && other != subfolder(pkg) && other != "providertest" {
		return "a provider does not know another"
	}
	return ""
}

func hiddenFromTUI(pkg string) string {
	for _, folder := range []string{"recover/kube", "recover/rebuild", "recover/teardown", "providers"} {
		if under(pkg, folder) {
			return "the TUI sees the daemon through an interface of its own"
		}
	}
	return ""
}

// reach returns what pkg imports of ours, directly or not.
func (t tree) reach(pkg string) []string {
	seen := map[string]bool{}
	var visit func(string)
	visit = func(p string) {
		for _, imported := range t.imports[p] {
			if ours, ok := own(imported); ok && !seen[ours] {
				seen[ours] = true
				visit(ours)
			}
		}
	}
	visit(pkg)
	return slices.Sorted(maps.Keys(seen))
}

// place returns the layer and the folder of a package, -1 when it has none.
func place(pkg string) (layer int, folder string) {
	layer = -1
	for i, folders := range layers() {
		for _, f := range folders {
			if under(pkg, f) && len(f) > len(folder) {
				layer, folder = i, f
			}
		}
	}
	return layer, folder
}

// own returns the path of one of our packages from the root.
func own(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

func under(pkg, folder string) bool {
	return pkg == folder || strings.HasPrefix(pkg, folder+"/")
}

// subfolder returns the first element of a package's path below its top folder.
func subfolder(pkg string) string {
	_, rest, _ := strings.Cut(path.Clean(pkg), "/")
	first, _, _ := strings.Cut(rest, "/")
	return first
}
