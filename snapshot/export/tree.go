package export

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// treeBuilder makes git's folders of a flat list of files. The same files give
// the same objects.
type treeBuilder struct {
	files   map[string]plumbing.Hash
	modes   map[string]filemode.FileMode // of those that are no regular files
	paths   []string                     // sorted by bytes, which is git's own order of entries
	folders []builtFolder
}

type builtFolder struct {
	hash    plumbing.Hash
	content []byte
}

func newTreeBuilder(files map[string]plumbing.Hash, modes map[string]filemode.FileMode) *treeBuilder {
	return &treeBuilder{files: files, modes: modes, paths: slices.Sorted(maps.Keys(files))}
}

// build returns the root's name; folders has every folder, the root last.
func (t *treeBuilder) build() (plumbing.Hash, error) {
	for _, path := range t.paths {
		for i, c := range path {
			if c != '/' {
				continue
			}
			if _, isFile := t.files[path[:i]]; isFile {
				return plumbing.ZeroHash, &PathError{Path: path, Reason: "lies below another file"}
			}
		}
	}
	return t.folder(t.paths, 0), nil
}

// folder builds the folder of paths, which share their first skip bytes.
func (t *treeBuilder) folder(paths []string, skip int) plumbing.Hash {
	var content bytes.Buffer
	for i := 0; i < len(paths); {
		name, _, isFolder := strings.Cut(paths[i][skip:], "/")
		if !isFolder {
			h := t.files[paths[i]]
			fmt.Fprintf(&content, "%o %s\x00", uint32(cmp.Or(t.modes[paths[i]], filemode.Regular)), name)
			content.Write(h[:])
			i++
			continue
		}
		prefix := paths[i][:skip+len(name)+1]
		end := i
		for end < len(paths) && strings.HasPrefix(paths[end], prefix) {
			end++
		}
		h := t.folder(paths[i:end], len(prefix))
		content.WriteString("40000 " + name + "\x00")
		content.Write(h[:])
		i = end
	}
	h := plumbing.ComputeHash(plumbing.TreeObject, content.Bytes())
	t.folders = append(t.folders, builtFolder{hash: h, content: content.Bytes()})
	return h
}
