package adopt

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
)

// patch is one patch that a kustomization applies: a file, or text within the
// kustomization file.
type patch struct {
	k *kustomization
	// file is empty for an inline patch, which stands at in the kustomization.
	file string
	at   edit.Path
	text *edit.File
	// ours: the file bears the name that we give.
	ours bool
}

// patches returns the patches of k that can be read.
func (k *kustomization) patches(r *repository) []patch {
	var list []patch
	add := func(at edit.Path, inline, file string) {
		p := patch{k: k, at: at}
		data := []byte(inline)
		if inline == "" {
			if file == "" || strings.Contains(file, "://") {
				return
			}
			real, err := r.real(path.Join(k.dir, file))
			if err != nil {
				return
			}
			p.file, p.ours = real, strings.HasPrefix(path.Base(file), ourPrefix)
			if data, err = fs.ReadFile(r.tree, real); err != nil {
				return
			}
		}
		var err error
		if p.text, err = edit.Parse(data); err == nil {
			list = append(list, p)
		}
	}
	for _, key := range []string{"patches", "patchesJson6902"} {
		for i, v := range field.List(k.head, key) {
			entry, _ := v.(map[string]any)
			add(edit.Path{edit.Key(key), edit.Index(i), edit.Key("patch")}, field.Text(entry, "patch"), field.Text(entry, "path"))
		}
	}
	for i, v := range field.List(k.head, "patchesStrategicMerge") {
		s, _ := v.(string)
		at := edit.Path{edit.Key("patchesStrategicMerge"), edit.Index(i)}
		if strings.Contains(s, "\n") {
			add(at, s, "")
		} else {
			add(at, "", s)
		}
	}
	return list
}

// where names p for people.
func (p patch) where() string {
	if p.file != "" {
		return p.file
	}
	return p.at[0].Key + " of " + p.k.file
}

// site is the site that edits p.
func (p patch) site(change func(*edit.File) (*edit.File, error)) site {
	s := site{where: p.where()}
	if p.file != "" {
		s.edit = editFile(p.file, change)
		return s
	}
	s.edit = editFile(p.k.file, func(f *edit.File) (*edit.File, error) {
		at := edit.Address{Path: p.at}
		v, _ := f.Value(at)
		text, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("the inline patch is not found")
		}
		inner, err := edit.Parse([]byte(text))
		if err != nil {
			return nil, err
		}
		if inner, err = change(inner); err != nil {
			return nil, err
		}
		return f.Set(at, string(inner.Bytes()))
	})
	return s
}

// sites returns where p sets the field of c, and, apart, p itself when it is a
// patch of ours for that object.
func (p patch) sites(c change, names []string) (sets, extends []site) {
	for doc := range p.text.Docs() {
		v, _ := p.text.Value(edit.Address{Doc: doc})
		switch v := v.(type) {
		case []any:
			ops, more := p.operations(c, doc, v)
			sets, extends = append(sets, ops...), append(extends, more...)
		case map[string]any:
			if v["kind"] != c.object.GetKind() || !slices.Contains(names, field.Text(v, "metadata", "name")) {
				continue
			}
			at := edit.Address{Doc: doc, Path: c.at}
			if _, has := edit.Get(v, c.at); has {
				sets = append(sets, p.site(func(f *edit.File) (*edit.File, error) {
					if c.remove {
						return f.Remove(at)
					}
					return f.Set(at, c.value)
				}))
			}
			if p.ours {
				extends = append(extends, p.site(func(f *edit.File) (*edit.File, error) {
					whole, _ := f.Value(edit.Address{Doc: doc})
					return f.Set(edit.Address{Doc: doc}, merged(whole, c.at, c))
				}))
			}
		}
	}
	return sets, extends
}

// operations returns the sites in a JSON patch.
func (p patch) operations(c change, doc int, ops []any) (sets, extends []site) {
	pointer, ok := pointerTo(c)
	if !ok {
		return nil, nil
	}
	for i := len(ops) - 1; i >= 0; i-- { // the last one wins
		op, _ := ops[i].(map[string]any)
		at, kind := field.Text(op, "path"), field.Text(op, "op")
		if at != pointer || kind != "replace" && kind != "add" {
			continue
		}
		sets = append(sets, p.site(func(f *edit.File) (*edit.File, error) {
			if c.remove {
				return f.Remove(edit.Address{Doc: doc, Path: edit.Path{edit.Index(i)}})
			}
			return f.Set(edit.Address{Doc: doc, Path: edit.Path{edit.Index(i), edit.Key("value")}}, c.value)
		}))
	}
	if p.ours && p.targets(c) {
		extends = append(extends, p.site(func(f *edit.File) (*edit.File, error) {
			return f.Set(edit.Address{Doc: doc, Path: edit.Path{edit.Index(len(ops))}}, operation(c, pointer))
		}))
	}
	return sets, extends
}

// targets tells whether p, a JSON patch, is for the object of c.
func (p patch) targets(c change) bool {
	return path.Base(p.file) == path.Base(ourFile(c, jsonSuffix))
}

// pointerTo returns the JSON pointer to the field of c.
func pointerTo(c change) (string, bool) {
	var b strings.Builder
	v := any(c.object.Object)
	for i, s := range c.at {
		b.WriteByte('/')
		list, isList := v.([]any)
		if s.Item != isList && v != nil {
			return "", false
		}
		switch {
		case isList:
			var at int
			if at, isList = indexIn(list, s); !isList {
				if i < len(c.at)-1 {
					return "", false
				}
				b.WriteByte('-')
				return b.String(), true
			}
			b.WriteString(strconv.Itoa(at))
		default:
			b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(s.Key))
		}
		v, _ = edit.Get(v, edit.Path{s})
	}
	return b.String(), true
}

func indexIn(list []any, s edit.Step) (int, bool) {
	for i, item := range list {
		m, _ := item.(map[string]any)
		if s.Name != "" && m["name"] == s.Name || s.Name == "" && s.Index == i {
			return i, true
		}
	}
	return 0, false
}

// operation is c as one operation of a JSON patch.
func operation(c change, pointer string) map[string]any {
	if c.remove {
		return map[string]any{"op": "remove", "path": pointer}
	}
	op := "add"
	if _, has := edit.Get(c.object.Object, c.at); has {
		op = "replace"
	}
	return map[string]any{"op": op, "path": pointer, "value": c.value}
}

// merged returns a strategic merge patch, v so far, that makes the change c at
// the path at.
func merged(v any, at edit.Path, c change) any {
	if len(at) == 0 {
		if c.remove {
			return nil
		}
		return c.value
	}
	s := at[0]
	if !s.Item {
		m, _ := v.(map[string]any)
		out := map[string]any{}
		for k, below := range m {
			out[k] = below
		}
		out[s.Key] = merged(m[s.Key], at[1:], c)
		return out
	}
	list, _ := v.([]any)
	list = slices.Clone(list)
	var item any = map[string]any{"name": s.Name}
	i, has := indexIn(list, s)
	if has {
		item = list[i]
	}
	switch {
	case len(at) == 1 && c.remove:
		item = map[string]any{"name": s.Name, "$patch": "delete"}
	default:
		item = merged(item, at[1:], c)
	}
	if has {
		list[i] = item
		return list
	}
	return append(list, item)
}

// ourPrefix begins the names of the patch files that we make.
const (
	ourPrefix   = "adopted-"
	mergeSuffix = "patch"
	jsonSuffix  = "jsonpatch"
)

// ourFile is the name of the patch file for the object of c.
func ourFile(c change, suffix string) string {
	parts := []string{strings.ToLower(c.object.GetKind()), c.object.GetNamespace(), c.object.GetName()}
	return ourPrefix + fileName(strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "-")) + "-" + suffix + ".yaml"
}

// newPatches are patch files of our own in the folder of k: a strategic merge
// where every list on the way is one of named items, and a JSON patch.
func (k *kustomization) newPatches(c change, d document) []site {
	var sites []site
	id := c.object.ID()
	target := map[string]any{"kind": id.Kind, "name": c.object.GetName()}
	identity := map[string]any{"name": c.object.GetName()}
	apiVersion := c.object.GetAPIVersion()
	namespace := c.object.GetNamespace()
	if d.name != "" {
		identity["name"], namespace = d.name, d.namespace
		target["name"] = d.name
	}
	if namespace != "" {
		identity["namespace"] = namespace
	}
	if id.Group != "" {
		target["group"] = id.Group
	}
	if ns := c.object.GetNamespace(); ns != "" && d.namespace == ns {
		target["namespace"] = ns
	}
	if named(c.at) {
		content := map[string]any{"apiVersion": apiVersion, "kind": id.Kind, "metadata": identity}
		if m, ok := merged(content, c.at, c).(map[string]any); ok {
			sites = append(sites, k.newPatch(ourFile(c, mergeSuffix), m, nil, func(f *edit.File) (*edit.File, error) {
				whole, _ := f.Value(edit.Address{})
				return f.Set(edit.Address{}, merged(whole, c.at, c))
			}))
		}
	}
	if pointer, ok := pointerTo(c); ok {
		op := operation(c, pointer)
		sites = append(sites, k.newPatch(ourFile(c, jsonSuffix), []any{op}, target, func(f *edit.File) (*edit.File, error) {
			whole, _ := f.Value(edit.Address{})
			ops, _ := whole.([]any)
			return f.Set(edit.Address{Path: edit.Path{edit.Index(len(ops))}}, op)
		}))
	}
	return sites
}

// named tells whether every item on the path has a name.
func named(at edit.Path) bool {
	return !slices.ContainsFunc(at, func(s edit.Step) bool { return s.Item && s.Name == "" })
}

// newPatch is the site that writes a patch file and lists it. When another
// change has just made the file, extend adds this one to it.
func (k *kustomization) newPatch(name string, content any, target map[string]any, extend func(*edit.File) (*edit.File, error)) site {
	file := path.Join(k.dir, name)
	return site{where: "patch " + file, several: true, edit: func(tree fs.FS, o Overlay) error {
		if o[file] != nil {
			return editFile(file, extend)(tree, o)
		}
		if _, err := fs.Stat(tree, file); err == nil {
			return fmt.Errorf("%s is there already", file)
		}
		entry := map[string]any{"path": name}
		if target != nil {
			entry["target"] = target
		}
		o[file] = edit.Write(content)
		return k.list("patches", entry)(tree, o)
	}}
}

// list adds items to a list of the kustomization.
func (k *kustomization) list(key string, items ...any) func(fs.FS, Overlay) error {
	return editFile(k.file, func(f *edit.File) (*edit.File, error) {
		at := edit.Address{Path: edit.Path{edit.Key(key)}}
		v, _ := f.Value(at)
		list, _ := v.([]any)
		return f.Set(at, slices.Concat(list, items))
	})
}
