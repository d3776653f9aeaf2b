package adopt

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
)

// deleteSites lists where an object may be taken out of git.
func (a *adoption) deleteSites(o *object.Object) []site {
	dir, built := kustomizationOf(o)
	d, err := a.repo.documentOf(o)
	if !built {
		if err != nil {
			return []site{impossible(o.From.File, err)}
		}
		return []site{a.ownOnly(d.file, a.repo.without(d, nil))}
	}
	var sites []site
	chain := a.repo.chain(dir)
	if i := slices.IndexFunc(chain, func(k *kustomization) bool { return k.file == o.From.File }); i >= 0 {
		if strangers, also := a.repo.strangers(dir, a.repo.owners(chain[i])...); len(strangers) == 0 {
			for _, s := range chain[i].withoutGenerator(o) {
				s.also = also
				sites = append(sites, s)
			}
		}
	}
	if err == nil {
		owners := a.repo.ownersOf(o, d)
		if strangers, also := a.repo.strangers(dir, owners...); len(strangers) == 0 {
			s := a.repo.without(d, chain)
			s.also = also
			sites = append(sites, s)
		}
	}
	if k := a.repo.kustomizations[dir]; k != nil {
		c := change{object: o, at: edit.Path{edit.Key("$patch")}, value: "delete"}
		sites = append(sites, k.newPatches(c, d)[0])
	}
	return sites
}

// withoutGenerator are the sites that remove the generator of o.
func (k *kustomization) withoutGenerator(o *object.Object) []site {
	var sites []site
	for _, key := range []string{"configMapGenerator", "secretGenerator"} {
		for i, entry := range field.Maps(k.head, key) {
			name := field.Text(entry, "name")
			if name != "" && strings.Contains(o.GetName(), name) && strings.HasPrefix(strings.ToLower(key), strings.ToLower(o.GetKind())) {
				sites = append(sites, k.unset(k.entry(key, i)))
			}
		}
	}
	return sites
}

// without is the site that removes the document d: with its file when nothing
// else is in that, and then from the kustomizations that list it; and with the
// patches of chain that are for it.
func (r *repository) without(d document, chain []*kustomization) site {
	return site{where: fmt.Sprintf("%s:%d", d.file, d.line), several: true, edit: func(tree fs.FS, o Overlay) error {
		f, err := readFile(tree, d.file)
		if err != nil {
			return err
		}
		at, err := d.find(f)
		if err != nil {
			return err
		}
		left, err := f.RemoveObject(at)
		if err != nil {
			return fmt.Errorf("%s: %w", d.file, err)
		}
		for _, k := range chain {
			if err := r.withoutPatches(k, d, o); err != nil {
				return err
			}
		}
		if left != nil {
			o[d.file] = left.Bytes()
			return nil
		}
		o[d.file] = nil
		return r.unlist(d.file, o)
	}}
}

// unlist takes a file out of the kustomizations that name it. What they look
// like now, with the overlay, counts.
func (r *repository) unlist(file string, o Overlay) error {
	for _, dir := range r.listed[file] {
		head := r.kustomizations[dir].file
		err := editFile(head, func(f *edit.File) (*edit.File, error) {
			for _, key := range []string{"resources", "bases", "crds", "patchesStrategicMerge", "patches"} {
				v, _ := f.Value(edit.Address{Path: edit.Path{edit.Key(key)}})
				list, _ := v.([]any)
				for i := len(list) - 1; i >= 0; i-- {
					name, ok := list[i].(string)
					if m, isMap := list[i].(map[string]any); isMap {
						name, ok = field.Text(m, "path"), true
					}
					if !ok || name == "" || path.Join(dir, name) != file {
						continue
					}
					at := edit.Address{Path: edit.Path{edit.Key(key), edit.Index(i)}}
					if len(list) == 1 {
						at.Path = at.Path[:1]
					}
					var err error
					if f, err = f.Remove(at); err != nil {
						return nil, err
					}
					list = slices.Delete(list, i, i+1)
				}
			}
			return f, nil
		})(o.On(r.tree), o)
		if err != nil {
			return err
		}
	}
	return nil
}

// withoutPatches removes the patch files of k that are for d and nothing else:
// a patch whose object is gone does not build.
func (r *repository) withoutPatches(k *kustomization, d document, o Overlay) error {
	for _, p := range k.patches(r) {
		if p.file == "" || p.text.Docs() == 0 {
			continue
		}
		only := true
		for doc := range p.text.Docs() {
			v, _ := p.text.Value(edit.Address{Doc: doc})
			m, _ := v.(map[string]any)
			only = only && m["kind"] == d.kind && field.Text(m, "metadata", "name") == d.name
		}
		if !only {
			continue
		}
		o[p.file] = nil
		if err := r.unlist(p.file, o); err != nil {
			return err
		}
	}
	return nil
}
