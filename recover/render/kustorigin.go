package render

import (
	"io/fs"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/resource"

	"github.com/rekindle-io/rekindle/recover/object"
)

// kustomizationHead returns the path of the kustomization file in dir.
func kustomizationHead(tree fs.FS, dir string) string {
	entries, err := fs.ReadDir(tree, dir)
	if err != nil {
		return ""
	}
	return path.Join(dir, kustomizationFile(entries))
}

// origin returns the provenance of a resource: the file that it was read from,
// with the line when the file still shows it, or the kustomization whose
// generator made it.
func (r *renderer) origin(res *resource.Resource, origin *resource.Origin, dir, made string) object.Provenance {
	from := object.Provenance{Commit: r.opts.Commit, File: kustomizationHead(r.tree, dir), Made: made}
	switch {
	case origin == nil:
	case origin.Repo != "":
		from.File = ""
		from.Made += ", from " + strings.TrimSpace(origin.Repo+" "+origin.Ref+" "+origin.Path)
	case origin.Path != "":
		if isURL(origin.Path) {
			from.File = ""
			from.Made += ", from " + origin.Path
			break
		}
		from.File = path.Join(dir, origin.Path)
		from.Line = r.lineIn(from.File, res.GetKind(), res.GetName())
	case origin.ConfiguredIn != "":
		from.File = path.Join(dir, origin.ConfiguredIn)
	}
	return from
}

// lineIn returns the line at which the object of that kind and name begins in
// file. kustomize puts prefixes and suffixes around names; without the very name
// it is the longest one that the name contains. 0 when there is none.
func (r *renderer) lineIn(file, kind, name string) int {
	places, ok := r.lines[file]
	if !ok {
		places = r.linesIn(file)
		if r.lines == nil {
			r.lines = map[string][]namedLine{}
		}
		r.lines[file] = places
	}
	best := namedLine{}
	for _, p := range places {
		switch {
		case p.kind != kind:
		case p.name == name:
			return p.line
		case strings.Contains(name, p.name) && len(p.name) > len(best.name):
			best = p
		}
	}
	return best.line
}

// namedLine is where an object begins in a file.
type namedLine struct {
	kind, name string
	line       int
}

func (r *renderer) linesIn(file string) []namedLine {
	var lines []namedLine
	data, err := readFile(r.tree, file, r.limits.FileBytes)
	if err != nil {
		return lines
	}
	docs, _ := parseDocuments(file, data) // kustomize has read it before
	for _, doc := range docs {
		nodes := append(itemNodes(doc.root), doc.root)
		for _, n := range nodes {
			kind, meta := field(n, "kind"), field(n, "metadata")
			if kind == nil || meta == nil {
				continue
			}
			if name := field(meta, "name"); name != nil {
				lines = append(lines, namedLine{kind.Value, name.Value, doc.line(follow(n))})
			}
		}
	}
	return lines
}

// partsOf returns which of the kustomizations that a plain folder holds are not
// to be built by themselves, and why: Components, and those that another one of
// them uses.
func (r *renderer) partsOf(dirs []string) (map[string]string, error) {
	parts := map[string]string{}
	for _, dir := range dirs {
		head := kustomizationHead(r.tree, dir)
		data, err := readFile(r.tree, head, r.limits.FileBytes)
		if err != nil {
			return nil, fileFault(head, err)
		}
		docs, err := parseDocuments(head, data)
		if err != nil || len(docs) == 0 {
			continue // building it says what is wrong
		}
		if kind := field(docs[0].root, "kind"); kind != nil && kind.Value == "Component" {
			parts[dir] = "it is a Component, a part for other kustomizations"
		}
		for _, key := range folderFields() {
			list := field(docs[0].root, key)
			if list == nil {
				continue
			}
			for _, n := range scalars(list) {
				used := path.Join(dir, n.Value)
				if used != dir {
					parts[used] = "it is a part of " + dir
				}
			}
		}
	}
	return parts, nil
}
