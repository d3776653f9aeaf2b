package adopt

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// planCreate makes the task of an object that git does not have.
func (a *adoption) planCreate(w Wanted) {
	m := w.Create
	switch {
	case field.Text(m, "kind") == "" || field.Text(m, "apiVersion") == "" || field.Text(m, "metadata", "name") == "":
		a.refuse(w.ID, "", "", "its content has no apiVersion, kind and name")
		return
	case drift.Hides(w.ID):
		a.refuse(w.ID, "", encryptInstead, plainValues)
		return
	case a.lookup(w.ID) != nil:
		a.refuse(w.ID, "", "", "git has it already, at %s", a.lookup(w.ID).From)
		return
	case a.isChart():
		a.refuse(w.ID, "", "add a template to the chart, or keep the object in a folder of manifests", "%s is a Helm chart", a.repo.target)
		return
	}
	id := object.New(m, object.Provenance{}).ID()
	a.tasks = append(a.tasks, &task{
		id: id,
		expect: func(was map[string]any) (map[string]any, error) {
			if was != nil && !edit.Equal(was, m) {
				return nil, fmt.Errorf("it is made twice")
			}
			return m, nil
		},
		met:   func(content map[string]any) bool { return edit.Equal(content, m) },
		sites: a.createSites(id, m),
	})
}

func (a *adoption) isChart() bool {
	for o := range a.objects.All() {
		return strings.HasPrefix(o.From.Made, "chart ")
	}
	return a.req.Options.Kind == render.KindHelm
}

// createSites lists where the file of a new object may go: beside its kin, and
// in the folder that is rendered.
func (a *adoption) createSites(id object.ID, content map[string]any) []site {
	var sites []site
	tried := map[string]bool{}
	try := func(dir, built string) {
		k, also, ok := a.ownerOf(dir, built)
		if tried[dir] || !ok {
			return
		}
		tried[dir] = true
		s := a.newFile(dir, k, id, content)
		if why := a.moved(id, k, built); why != "" {
			s = impossible(s.where, errors.New(why))
		}
		s.also = also
		sites = append(sites, s)
	}
	for _, near := range a.kin(id) {
		built, ok := kustomizationOf(near)
		if !ok {
			built = a.repo.target
		}
		try(path.Dir(near.From.File), built)
		if ok {
			try(built, built)
		}
	}
	try(a.repo.target, a.repo.target)
	return sites
}

// moved tells why an object that the kustomization k lists, a part of the one in
// built, would not come out under its name; empty when nothing is known of that.
func (a *adoption) moved(id object.ID, k *kustomization, built string) string {
	for _, k := range []*kustomization{k, a.repo.kustomizations[built]} {
		if k == nil {
			continue
		}
		prefix, suffix, namespace := field.Text(k.head, "namePrefix"), field.Text(k.head, "nameSuffix"), field.Text(k.head, "namespace")
		switch {
		case !strings.HasPrefix(id.Name, prefix):
			return fmt.Sprintf("namePrefix %s of %s would rename it", prefix, k.file)
		case !strings.HasSuffix(id.Name, suffix):
			return fmt.Sprintf("nameSuffix %s of %s would rename it", suffix, k.file)
		case namespace != "" && id.Namespace != "" && id.Namespace != namespace:
			return fmt.Sprintf("namespace %s of %s would move it", namespace, k.file)
		}
	}
	return ""
}

// ownerOf returns the kustomization that would list a new file in dir, as a part
// of the one that is built; nil when dir is a plain folder. Not ok: strangers
// build upon it, or another cluster is made of it.
func (a *adoption) ownerOf(dir, built string) (k *kustomization, also []string, ok bool) {
	if a.repo.kustomizations[built] == nil || a.req.Options.Kind == render.KindPlain {
		return nil, nil, len(a.repo.rootsAround(dir)) == 0
	}
	at := dir
	for a.repo.kustomizations[at] == nil && at != "." {
		at = path.Dir(at)
	}
	if k = a.repo.kustomizations[at]; k == nil {
		return nil, nil, false
	}
	strangers, also := a.repo.strangers(built, at)
	return k, also, len(strangers) == 0
}

// kin returns one object for each folder with objects like id, the most alike
// first: by kind and namespace, by namespace, by kind.
func (a *adoption) kin(id object.ID) []*object.Object {
	type folder struct {
		first                 *object.Object
		both, namespace, kind int
	}
	folders := map[string]*folder{}
	for o := range a.objects.All() {
		sameKind, sameNamespace := o.ID().GroupKind() == id.GroupKind(), o.GetNamespace() == id.Namespace
		if o.From.File == "" || strings.HasPrefix(o.From.Made, "chart ") || !sameKind && !sameNamespace {
			continue
		}
		dir := path.Dir(o.From.File)
		if folders[dir] == nil {
			folders[dir] = &folder{first: o}
		}
		switch {
		case sameKind && sameNamespace:
			folders[dir].both++
		case sameNamespace:
			folders[dir].namespace++
		default:
			folders[dir].kind++
		}
	}
	dirs := sortedKeys(folders)
	slices.SortStableFunc(dirs, func(x, y string) int {
		p, q := folders[x], folders[y]
		return cmp.Or(cmp.Compare(q.both, p.both), cmp.Compare(q.namespace, p.namespace), cmp.Compare(q.kind, p.kind))
	})
	list := make([]*object.Object, len(dirs))
	for i, dir := range dirs {
		list[i] = folders[dir].first
	}
	return list
}

// newFile is the site that writes the file, and lists it where k does not find
// it by itself.
func (a *adoption) newFile(dir string, k *kustomization, id object.ID, content map[string]any) site {
	name := a.nameFor(dir, id)
	file := path.Join(dir, name)
	s := site{where: "new file " + file}
	if k != nil {
		s.lists = &listing{k: k, key: "resources", item: strings.TrimPrefix(file, k.dir+"/")}
	}
	s.edit = func(tree fs.FS, o Overlay) error {
		if _, err := fs.Stat(tree, file); err == nil {
			return fmt.Errorf("%s is there already", file)
		}
		if k == nil {
			o[file] = object.YAML(content)
			return nil
		}
		bare, err := k.withoutAffixes(content)
		if err != nil {
			return err
		}
		o[file] = object.YAML(bare)
		return nil
	}
	return s
}

// withoutAffixes takes off the name what k puts around it.
func (k *kustomization) withoutAffixes(content map[string]any) (map[string]any, error) {
	prefix, suffix := field.Text(k.head, "namePrefix"), field.Text(k.head, "nameSuffix")
	name := field.Text(content, "metadata", "name")
	bare := strings.TrimSuffix(strings.TrimPrefix(name, prefix), suffix)
	if bare == name {
		return content, nil
	}
	v, err := edit.With(content, edit.Path{edit.Key("metadata"), edit.Key("name")}, bare)
	if err != nil {
		return nil, err
	}
	m, _ := v.(map[string]any)
	return m, nil
}

// folder is how the files of a folder are named.
type folder struct {
	taken     map[string]bool // in lower case
	kindFirst bool
}

func (a *adoption) folder(dir string) *folder {
	f := a.folders[dir]
	if f == nil {
		f = &folder{taken: map[string]bool{}, kindFirst: a.kindFirst(dir)}
		entries, _ := fs.ReadDir(a.req.Tree, dir) // a new folder has none
		for _, e := range entries {
			f.taken[strings.ToLower(e.Name())] = true
		}
		a.folders[dir] = f
	}
	return f
}

// nameFor returns a file name for a new object in dir that is not taken, in the
// way in which the files there are named, and takes it.
func (a *adoption) nameFor(dir string, id object.ID) string {
	f := a.folder(dir)
	kind, name := fileName(strings.ToLower(id.Kind)), fileName(id.Name)
	forms := []string{name + "-" + kind, kind + "-" + name, name, kind + "-" + name + "-" + fileName(id.Namespace), kind + "-" + fileName(id.Group) + "-" + name}
	if f.kindFirst {
		forms[0], forms[1] = forms[1], forms[0]
	}
	for i := 2; f.taken[forms[0]+".yaml"]; i++ {
		if forms = forms[1:]; len(forms) == 0 {
			forms = []string{fmt.Sprintf("%s-%s-%d", kind, name, i)}
		}
	}
	f.taken[forms[0]+".yaml"] = true
	return forms[0] + ".yaml"
}

// kindFirst tells whether files in dir are named after the kind and then the
// object, rather than the other way round.
func (a *adoption) kindFirst(dir string) bool {
	first, last := 0, 0
	for o := range a.objects.All() {
		if path.Dir(o.From.File) != dir {
			continue
		}
		base := strings.TrimSuffix(path.Base(o.From.File), path.Ext(o.From.File))
		kind := strings.ToLower(o.GetKind())
		switch {
		case base == kind || o.GetName() == "":
		case strings.HasPrefix(strings.ToLower(base), kind):
			first++
		case strings.HasSuffix(strings.ToLower(base), kind):
			last++
		}
	}
	return first >= last
}

// fileName makes of a name what is one on every file system.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '.' || r == '_') {
			return unicode.ToLower(r)
		}
		return '-'
	}, name)
	if len(name) > 120 {
		name = name[:120]
	}
	return strings.Trim(name, ".-")
}

// wholeFile is the site that gives a file another content.
func wholeFile(file, text string) site {
	return site{where: file, file: file, edit: func(tree fs.FS, o Overlay) error {
		if at, err := (overlaid{tree: tree}).real(file); err != nil || at != file {
			return fmt.Errorf("%s is a symbolic link: edit %s by hand", file, at)
		}
		if _, err := fs.Stat(tree, file); err != nil {
			return err
		}
		o[file] = []byte(text)
		return nil
	}}
}
