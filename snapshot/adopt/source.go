package adopt

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// document is an object as a file has it: before kustomize changes its name, and
// wherever other edits have moved it.
type document struct {
	file                        string
	kind, apiVersion, namespace string
	name                        string
	// nth counts the objects of that identity in the file.
	nth int
	// line is where it begins, at its address in the file as the commit has it.
	line int
	at   edit.Address
	text *edit.File
}

// documentOf finds the document that made o.
func (r *repository) documentOf(o *object.Object) (document, error) {
	if o.From.File == "" {
		return document{}, fmt.Errorf("its source is not in this repository (%s)", o.From.Made)
	}
	file, err := r.real(o.From.File)
	if err != nil {
		return document{}, err
	}
	f, err := readFile(r.tree, file)
	if err != nil {
		return document{}, err
	}
	list := f.Objects()
	at := indexOf(list, o)
	if at < 0 {
		return document{}, fmt.Errorf("%s: the document of %s is not found in it", file, o.ID())
	}
	e := list[at]
	d := document{file: file, kind: e.Kind, apiVersion: e.APIVersion, namespace: e.Namespace, name: e.Name, line: e.Line, at: e.At, text: f}
	for _, other := range list[:at] {
		if d.is(other) {
			d.nth++
		}
	}
	return d, nil
}

// indexOf finds o: by its line and its name, by its line alone, as kustomize may
// have changed the name, by its name alone, as something before it may have moved
// it. It is -1 when that fits none, or several.
func indexOf(list []edit.Object, o *object.Object) int {
	line := func(e edit.Object) bool { return e.Line == o.From.Line }
	name := func(e edit.Object) bool { return e.Name == o.GetName() }
	for _, is := range []func(edit.Object) bool{
		func(e edit.Object) bool { return line(e) && name(e) && e.Namespace == o.GetNamespace() },
		func(e edit.Object) bool { return line(e) && name(e) }, line, name,
	} {
		found := -1
		for i, e := range list {
			switch {
			case !isKind(e, o) || !is(e):
			case found >= 0:
				return -1
			default:
				found = i
			}
		}
		if found >= 0 {
			return found
		}
	}
	return -1
}

// isKind tells whether e, a document or an item of a typed list, can be o.
func isKind(e edit.Object, o *object.Object) bool {
	return e.Kind == o.GetKind() || e.Kind == ""
}

func (d document) is(e edit.Object) bool {
	return e.Kind == d.kind && e.Name == d.name && e.Namespace == d.namespace && e.APIVersion == d.apiVersion
}

// find returns where the document is in f now.
func (d document) find(f *edit.File) (edit.Address, error) {
	nth := d.nth
	for _, e := range f.Objects() {
		if !d.is(e) {
			continue
		}
		if nth == 0 {
			return e.At, nil
		}
		nth--
	}
	return edit.Address{}, fmt.Errorf("%s: the document of %s %s is not found in it", d.file, d.kind, d.name)
}

// inPlace edits the document itself.
func (d document) inPlace(c change) site {
	return site{
		where: fmt.Sprintf("%s:%d", d.file, d.text.Line(d.at.At(c.at...))),
		edit: editFile(d.file, func(f *edit.File) (*edit.File, error) {
			at, err := d.find(f)
			if err != nil {
				return nil, err
			}
			return c.edit(f, at)
		}),
	}
}

// edit makes the change to the object at a of f.
func (c change) edit(f *edit.File, a edit.Address) (*edit.File, error) {
	if !c.remove {
		return f.Set(a.At(c.at...), c.value)
	}
	if parent := c.at[:len(c.at)-1]; isStampMap(parent) {
		if m, ok := f.Value(a.At(parent...)); ok {
			if m, ok := m.(map[string]any); ok && len(m) == 1 && m[c.at[len(c.at)-1].Key] != nil {
				return f.Remove(a.At(parent...))
			}
		}
	}
	return f.Remove(a.At(c.at...))
}

// editFile returns an edit of one file.
func editFile(file string, change func(*edit.File) (*edit.File, error)) func(fs.FS, Overlay) error {
	return func(tree fs.FS, o Overlay) error {
		if at, err := (overlaid{tree: tree}).real(file); err != nil || at != file {
			return fmt.Errorf("%s is a symbolic link: edit %s by hand", file, at)
		}
		f, err := readFile(tree, file)
		if err != nil {
			return err
		}
		f, err = change(f)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		o[file] = f.Bytes()
		return nil
	}
}

func readFile(tree fs.FS, file string) (*edit.File, error) {
	data, err := fs.ReadFile(tree, file)
	if err != nil {
		return nil, err
	}
	f, err := edit.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return f, nil
}

// fieldSites lists where a field may be changed, the most fitting place first.
func (a *adoption) fieldSites(c change) []site {
	dir, ok := kustomizationOf(c.object)
	if !ok {
		d, err := a.repo.documentOf(c.object)
		if err != nil {
			return []site{impossible(c.object.From.File, err)}
		}
		return []site{a.ownOnly(d.file, d.inPlace(c))}
	}
	return a.kustomizeSites(dir, c)
}

// ownOnly returns s, which edits a plain file, unless another cluster is made of
// that file too. Kustomizations that name it change with it.
func (a *adoption) ownOnly(file string, s site) site {
	around := a.repo.rootsAround(file)
	s.also = sortedKeys(a.repo.above(a.repo.listed[file]...))
	for _, dir := range s.also {
		around = append(around, a.repo.rootsAround(dir)...)
	}
	if len(around) > 0 {
		return impossible(s.where, fmt.Errorf("another cluster is made of %s, and would change too", around[0]))
	}
	return s
}

// impossible is a site that says why it is none.
func impossible(where string, err error) site {
	return site{where: where, edit: func(fs.FS, Overlay) error { return err }}
}

// madeByKustomize begins what the provenance says of a kustomization's objects.
const madeByKustomize = "kustomization "

// kustomizationOf returns the folder of the kustomization that was built for o.
func kustomizationOf(o *object.Object) (string, bool) {
	dir, ok := strings.CutPrefix(o.From.Made, madeByKustomize)
	dir, _, _ = strings.Cut(dir, ", from ")
	return dir, ok
}

func sortedIDs(ids map[object.ID]bool) []object.ID {
	list := make([]object.ID, 0, len(ids))
	for id := range ids {
		list = append(list, id)
	}
	slices.SortFunc(list, object.ID.Compare)
	return list
}

// normal returns content without labels and annotations that are empty, which
// are none.
func normal(content map[string]any) map[string]any {
	meta, _ := content["metadata"].(map[string]any)
	for _, key := range []string{"labels", "annotations"} {
		if m, ok := meta[key].(map[string]any); ok && len(m) == 0 {
			meta = maps.Clone(meta)
			delete(meta, key)
			content = maps.Clone(content)
			content["metadata"] = meta
		}
	}
	return content
}

// differs says how got is not want, or nothing.
func differs(want, got map[string]any) string {
	switch {
	case want == nil && got == nil:
		return ""
	case got == nil:
		return "it is not there"
	case want == nil:
		return "it is there"
	case edit.Equal(want, got):
		return ""
	}
	if fields := drift.Both(want, got); len(fields) > 0 {
		return "at " + fields[0].Path
	}
	return "in an empty value"
}
