package adopt

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
)

// kustomizeSites lists where a field of an object of the kustomization in dir
// may be changed.
func (a *adoption) kustomizeSites(dir string, c change) []site {
	r := a.repo
	names := []string{c.object.GetName()}
	d, docErr := r.documentOf(c.object)
	if docErr == nil {
		names = append(names, d.name)
	}
	var sites, extends []site
	var others []string
	add := func(to *[]site, owners []string, more ...site) {
		for _, s := range more {
			strangers, also := r.strangers(dir, slices.Concat(owners, r.listed[s.file])...)
			if len(strangers) > 0 {
				others = strangers
				continue
			}
			s.also = also
			*to = append(*to, s)
		}
	}
	chain := r.chain(dir)
	for _, k := range chain {
		add(&sites, r.owners(k), k.transformers(c, names)...)
	}
	for _, k := range chain {
		for _, p := range k.patches(r) {
			owners := r.owners(k)
			if p.file != "" {
				owners = append(owners, r.listed[p.file]...)
			}
			sets, ours := p.sites(c, names)
			add(&sites, owners, sets...)
			add(&extends, owners, ours...)
		}
	}
	if i := slices.IndexFunc(chain, func(k *kustomization) bool { return k.file == c.object.From.File }); i >= 0 {
		add(&sites, r.owners(chain[i]), chain[i].generators(c)...)
		d.name = chain[i].generatorOf(c.object)
	}
	if docErr == nil {
		add(&sites, r.ownersOf(c.object, d), d.inPlace(c))
	}
	if k := r.kustomizations[dir]; k != nil {
		add(&extends, r.owners(k), k.newPatches(c, d)...)
	}
	if sites = append(sites, extends...); len(sites) == 0 && len(others) > 0 {
		return []site{impossible(dir, fmt.Errorf("%s would change too", strings.Join(others, ", ")))}
	}
	return sites
}

// owners returns the kustomizations that a change of the file of k changes: k, and
// those whose file is a link to it.
func (r *repository) owners(k *kustomization) []string {
	return append([]string{k.dir}, r.listed[k.file]...)
}

// ownersOf returns the kustomizations that name the file of o, whose document
// is d.
func (r *repository) ownersOf(o *object.Object, d document) []string {
	return slices.Concat(r.listed[o.From.File], r.listed[d.file])
}

// transformers are the entries of images: and replicas: that made the value.
func (k *kustomization) transformers(c change, names []string) []site {
	if c.remove {
		return nil
	}
	old, _ := edit.Get(c.object.Object, c.at)
	var sites []site
	last := c.at[len(c.at)-1]
	if was, ok := old.(string); ok && last.Key == "image" {
		for i, entry := range field.Maps(k.head, "images") {
			if now, ok := c.value.(string); ok {
				sites = append(sites, k.image(i, entry, was, now)...)
			}
		}
	}
	if c.at.String() == "spec.replicas" {
		for i, entry := range field.Maps(k.head, "replicas") {
			if slices.Contains(names, field.Text(entry, "name")) {
				sites = append(sites, k.set("replicas", append(k.entry("replicas", i), edit.Key("count")), c.value))
			}
		}
	}
	return sites
}

// entry returns the path to entry i of a list of the kustomization: by its name,
// when that is its own, because other changes may remove entries before it.
func (k *kustomization) entry(list string, i int) edit.Path {
	entries := field.Maps(k.head, list)
	name, same := field.Text(entries[i], "name"), 0
	for _, e := range entries {
		if field.Text(e, "name") == name {
			same++
		}
	}
	if name == "" || same > 1 {
		return edit.Path{edit.Key(list), edit.Index(i)}
	}
	return edit.Path{edit.Key(list), edit.Named(name)}
}

// set is the site that sets one field of the kustomization.
func (k *kustomization) set(what string, at edit.Path, value any) site {
	return site{where: what + " of " + k.file, edit: editFile(k.file, func(f *edit.File) (*edit.File, error) {
		return f.Set(edit.Address{Path: at}, value)
	})}
}

// image returns the site at entry i of images when it made the image was.
func (k *kustomization) image(i int, entry map[string]any, was, now string) []site {
	oldName, oldTag, oldDigest := splitImage(was)
	newName, newTag, newDigest := splitImage(now)
	name := field.Text(entry, "newName")
	if name == "" {
		name = field.Text(entry, "name")
	}
	tag, digest := field.Text(entry, "newTag"), field.Text(entry, "digest")
	if name != oldName || tag == "" && digest == "" || tag != "" && tag != oldTag || digest != "" && digest != oldDigest {
		return nil
	}
	at := k.entry("images", i)
	return []site{{where: "images of " + k.file, edit: editFile(k.file, func(f *edit.File) (*edit.File, error) {
		var err error
		for _, part := range []struct{ key, old, now string }{
			{"newName", name, newName}, {"newTag", tag, newTag}, {"digest", digest, newDigest},
		} {
			here := edit.Address{Path: append(at[:len(at):len(at)], edit.Key(part.key))}
			_, has := f.Value(here)
			switch {
			case part.old == part.now:
			case part.now == "" && has:
				f, err = f.Remove(here)
			default:
				f, err = f.Set(here, part.now)
			}
			if err != nil {
				return nil, err
			}
		}
		return f, nil
	})}}
}

// splitImage takes an image reference apart.
func splitImage(image string) (name, tag, digest string) {
	name, digest, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, tag = name[:i], name[i+1:]
	}
	return name, tag, digest
}

// generatorOf returns the name of the one generator that may have made o, empty
// when that is not known.
func (k *kustomization) generatorOf(o *object.Object) string {
	found := ""
	for _, entry := range field.Maps(k.head, "configMapGenerator") {
		name := field.Text(entry, "name")
		switch {
		case name == "" || o.GetKind() != "ConfigMap" || !strings.Contains(o.GetName(), name):
		case found != "":
			return ""
		default:
			found = name
		}
	}
	return found
}

// generators are the entries of configMapGenerator that made the value. Those
// of secretGenerator are not edited.
func (k *kustomization) generators(c change) []site {
	if len(c.at) != 2 || c.at[0].Key != "data" || c.object.GetKind() != "ConfigMap" {
		return nil
	}
	key, value := c.at[1].Key, ""
	if !c.remove {
		text, ok := c.value.(string)
		if !ok {
			return nil
		}
		value = text
	}
	var sites []site
	for i, entry := range field.Maps(k.head, "configMapGenerator") {
		name := field.Text(entry, "name")
		if name == "" || !strings.Contains(c.object.GetName(), name) {
			continue
		}
		sites = append(sites, k.generator(i, entry, key, value, c.remove)...)
	}
	return sites
}

// isGenerated tells whether a kustomization made an object of no other file.
func (a *adoption) isGenerated(o *object.Object) bool {
	k := a.repo.kustomizations[path.Dir(o.From.File)]
	return k != nil && k.file == o.From.File
}

// generator returns the sites for one key of entry i of configMapGenerator.
func (k *kustomization) generator(i int, entry map[string]any, key, value string, remove bool) []site {
	at := k.entry("configMapGenerator", i)
	for _, v := range field.List(entry, "files") {
		name, file := splitFile(v)
		switch {
		case name != key:
		case remove:
			return []site{k.generated(append(at, edit.Key("files")), func(v any) bool { n, _ := splitFile(v); return n == key }, nil)}
		default:
			return []site{wholeFile(path.Join(k.dir, file), value)}
		}
	}
	literal := any(key + "=" + value)
	if remove {
		literal = nil
	}
	return []site{k.generated(append(at, edit.Key("literals")), func(v any) bool {
		name, _, ok := strings.Cut(fmt.Sprint(v), "=")
		return ok && name == key
	}, literal)}
}

// splitFile takes an item of a generator's files apart: "key=path" or "path".
func splitFile(v any) (key, file string) {
	key, file, ok := strings.Cut(fmt.Sprint(v), "=")
	if !ok {
		return path.Base(key), key
	}
	return key, file
}

// generated is the site that sets the item of the list at to value, or removes it
// when that is nil. Which one it is, is found when the edit is made; one that is
// not there is added.
func (k *kustomization) generated(at edit.Path, is func(any) bool, value any) site {
	return site{where: at[0].Key + " of " + k.file, edit: editFile(k.file, func(f *edit.File) (*edit.File, error) {
		v, _ := f.Value(edit.Address{Path: at})
		list, _ := v.([]any)
		i := slices.IndexFunc(list, is)
		here := edit.Address{Path: append(at[:len(at):len(at)], edit.Index(i))}
		switch {
		case value == nil && i < 0:
			return nil, fmt.Errorf("it is not among the %s", at[len(at)-1].Key)
		case value == nil && len(list) == 1:
			return f.Remove(edit.Address{Path: at})
		case value == nil:
			return f.Remove(here)
		case len(list) == 0:
			return f.Set(edit.Address{Path: at}, []any{value})
		case i < 0:
			here.Path[len(at)] = edit.Index(len(list))
		}
		return f.Set(here, value)
	})}
}

// unset is the site that removes one list item of the kustomization.
func (k *kustomization) unset(at edit.Path) site {
	return site{where: at[0].Key + " of " + k.file, edit: editFile(k.file, func(f *edit.File) (*edit.File, error) {
		return f.Remove(edit.Address{Path: at})
	})}
}
