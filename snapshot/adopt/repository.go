package adopt

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object/field"
)

// repository is a tree with the kustomizations that it holds.
type repository struct {
	tree fs.FS
	// target is the folder that is rendered, roots are others that clusters are
	// made of.
	target string
	roots  []string
	// kustomizations are by folder.
	kustomizations map[string]*kustomization
	// users are, by folder, the kustomizations that build upon it; listed, by
	// file, those that name it. Links lead to what they stand for.
	users, listed map[string][]string
	// links are, by file, the symbolic links that lead to it.
	links map[string][]string
}

// kustomization is one kustomization file.
type kustomization struct {
	dir, file string
	head      map[string]any
	// uses are the folders and files that it names, from the root of the tree.
	uses []string
}

// maxHead is the size of a kustomization file that is still read.
const maxHead = 4 << 20

// readRepository reads every kustomization of the tree. One that cannot be read
// is left out: if it mattered, rendering says what is wrong with it.
func readRepository(tree fs.FS, target string, roots []string) (*repository, error) {
	r := &repository{tree: tree, target: target, kustomizations: map[string]*kustomization{}, users: map[string][]string{}, listed: map[string][]string{}, links: map[string][]string{}}
	if info, err := fs.Stat(tree, target); err == nil && !info.IsDir() {
		r.target = path.Dir(target)
	}
	for _, root := range roots {
		if root = path.Clean("./" + root); root != r.target {
			r.roots = append(r.roots, root)
		}
	}
	err := fs.WalkDir(tree, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read folder %q: %w", p, err)
		}
		isLink := d.Type()&fs.ModeSymlink != 0
		if isLink {
			if at, err := r.real(p); err == nil {
				r.links[at] = append(r.links[at], p)
			}
		}
		if (isLink || d.Type().IsRegular()) && isKustomizationFile(path.Base(p)) {
			if k := readKustomization(tree, p); k != nil {
				r.kustomizations[k.dir] = k
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, dir := range sortedKeys(r.kustomizations) {
		k := r.kustomizations[dir]
		for i, used := range k.uses {
			if at, err := r.real(used); err == nil {
				used, k.uses[i] = at, at
			}
			if r.kustomizations[used] != nil {
				r.users[used] = append(r.users[used], dir)
			} else {
				r.listed[used] = append(r.listed[used], dir)
			}
		}
	}
	return r, nil
}

func isKustomizationFile(base string) bool {
	return base == "kustomization.yaml" || base == "kustomization.yml" || base == "Kustomization"
}

func readKustomization(tree fs.FS, file string) *kustomization {
	info, err := fs.Stat(tree, file)
	if err != nil || info.Size() > maxHead {
		return nil
	}
	data, err := fs.ReadFile(tree, file)
	if err != nil {
		return nil
	}
	k := &kustomization{dir: path.Dir(file), file: file, uses: []string{file}} // which may be a link
	if yaml.Unmarshal(data, &k.head) != nil {
		return nil
	}
	for _, key := range []string{"resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators", "patchesStrategicMerge"} {
		for _, v := range field.List(k.head, key) {
			if s, ok := v.(string); ok {
				k.use(s)
			}
		}
	}
	for _, key := range []string{"patches", "patchesJson6902", "replacements"} {
		for _, entry := range field.Maps(k.head, key) {
			k.use(field.Text(entry, "path"))
		}
	}
	for _, key := range []string{"configMapGenerator", "secretGenerator"} {
		for _, entry := range field.Maps(k.head, key) {
			k.useGenerator(entry)
		}
	}
	return k
}

func (k *kustomization) useGenerator(entry map[string]any) {
	k.use(field.Text(entry, "env"))
	for _, key := range []string{"files", "envs"} {
		for _, v := range field.List(entry, key) {
			s, _ := v.(string)
			if _, after, ok := strings.Cut(s, "="); ok {
				s = after
			}
			k.use(s)
		}
	}
}

// use notes a path that k names; inline patches and URLs are none.
func (k *kustomization) use(s string) {
	if s == "" || strings.Contains(s, "\n") || strings.Contains(s, "://") || path.IsAbs(s) {
		return
	}
	if p := path.Join(k.dir, s); fs.ValidPath(p) {
		k.uses = append(k.uses, p)
	}
}

// real follows the symbolic links on the way to a file.
func (r *repository) real(file string) (string, error) {
	return overlaid{tree: r.tree}.real(file)
}

// chain returns the kustomizations that dir is made of, itself first.
func (r *repository) chain(dir string) []*kustomization {
	var list []*kustomization
	seen := map[string]bool{}
	queue := []string{dir}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		k := r.kustomizations[next]
		if k == nil || seen[next] {
			continue
		}
		seen[next] = true
		list = append(list, k)
		queue = append(queue, k.uses...)
	}
	return list
}

// above returns dirs and every kustomization that builds upon one of them.
func (r *repository) above(dirs ...string) map[string]bool {
	seen := map[string]bool{}
	for queue := slices.Clone(dirs); len(queue) > 0; queue = queue[1:] {
		if !seen[queue[0]] {
			seen[queue[0]] = true
			queue = append(queue, r.users[queue[0]]...)
		}
	}
	return seen
}

// strangers returns who else would see a change of what the kustomizations in
// owners name, when it is made for the kustomization in dir: kustomizations that
// are neither a part of dir nor build upon it, and the roots of other clusters.
// also are those that build upon dir, which see every change of it.
func (r *repository) strangers(dir string, owners ...string) (strangers, also []string) {
	parts := map[string]bool{}
	for _, k := range r.chain(dir) {
		parts[k.dir] = true
	}
	built := r.above(dir)
	for _, d := range sortedKeys(r.above(owners...)) {
		switch {
		case d == dir:
		case built[d]:
			also = append(also, d)
		case !parts[d] || len(r.rootsAround(d)) > 0:
			strangers = append(strangers, d)
		}
	}
	return strangers, also
}

// rootsAround returns the roots of other clusters that hold the file or folder p,
// or a link to it, and do not hold what is rendered as well.
func (r *repository) rootsAround(p string) []string {
	var around []string
	for _, root := range r.roots {
		holds := func(at string) bool { return within(at, root) }
		if (holds(p) || slices.ContainsFunc(r.links[p], holds)) && !holds(r.target) {
			around = append(around, root)
		}
	}
	return around
}

func within(p, dir string) bool {
	return dir == "." || p == dir || strings.HasPrefix(p, dir+"/")
}
