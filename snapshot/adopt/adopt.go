// Package adopt writes live values back into the manifests that made the
// objects. In goes the tree of a commit, how it is rendered, and by object what
// is wanted: other fields, its deletion, its creation. Out comes an overlay of
// changed and deleted files, with a refusal for each change that cannot be made.
//
// Nothing in an overlay is a guess. Each change is tried at the places that may
// have made the value, the most fitting first: a transformer (images, replicas),
// a patch that sets it, a generator, the very document, and at last a patch of
// our own in the overlay. The tree with the change is rendered, and the change
// is kept only if the rendered objects differ from the old ones by exactly what
// is wanted. A base that other kustomizations build upon is not changed for one
// of them. Comments, order and style of a file stay, see package edit.
//
// Helm's output and the values of Secrets are refused: the first with the value
// to change where it can be found, the second because plain values do not
// belong into git. The package reads the tree and writes nothing.
package adopt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/render"
	"github.com/rekindle-io/rekindle/snapshot/adopt/edit"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// Renderer renders a folder of a tree, always to the same objects.
type Renderer interface {
	Render(ctx context.Context, tree fs.FS, opts render.Options) (*render.Result, error)
}

// RenderFunc is a Renderer; render.Render is one.
type RenderFunc func(context.Context, fs.FS, render.Options) (*render.Result, error)

// Render calls f.
func (f RenderFunc) Render(ctx context.Context, tree fs.FS, opts render.Options) (*render.Result, error) {
	return f(ctx, tree, opts)
}

// Request is what is to be adopted into which tree.
type Request struct {
	// Tree is the repository at the commit, and Options says which folder of it
	// is rendered, and how.
	Tree     fs.FS
	Options  render.Options
	Renderer Renderer
	// Roots are other folders of the repository that clusters are made of. What
	// they build upon is not changed.
	Roots []string
	// Wanted has one entry for each object.
	Wanted []Wanted
}

// Wanted is what is to become of one object: fields of it change, or it goes,
// or it comes.
type Wanted struct {
	ID object.ID
	// Fields are as a comparison of the commit with the cluster gives them: each
	// becomes Have, and goes when Have is nil.
	Fields []drift.Field
	// Delete: the object is missing in the cluster and goes from git.
	Delete bool
	// Create is the canonical content of an object that git does not have.
	Create map[string]any
}

// Result is what came of a request. Adopted and Refused are in the order in
// which things were wanted.
type Result struct {
	Overlay Overlay `json:"-"`
	// Rendered are the objects of the tree with the overlay, under the names that
	// they had before.
	Rendered *object.Set `json:"-"`
	Adopted  []Adopted   `json:"adopted,omitempty"`
	Refused  []Refusal   `json:"refused,omitempty"`
}

// Adopted is one change that the overlay makes.
type Adopted struct {
	ID object.ID `json:"object"`
	// Path is the field, empty when the whole object goes or comes.
	Path string `json:"path,omitempty"`
	// Where says what was edited: "deploy/web.yaml:12", "images of
	// overlays/prod/kustomization.yaml", "new file deploy/cache.yaml".
	Where string `json:"where"`
	// Renamed is the object's new name, when it holds a hash of the content. Those
	// that name it follow.
	Renamed string `json:"renamed,omitempty"`
	// Also are other kustomizations that build upon what was edited, and so
	// change too, because they build upon the folder that was asked for.
	Also []string `json:"also,omitempty"`
}

// Refusal is one change that the overlay does not make.
type Refusal struct {
	ID   object.ID `json:"object"`
	Path string    `json:"path,omitempty"`
	// Reason is why the most fitting place would not do, Tried the same for all.
	Reason string   `json:"reason"`
	Tried  []string `json:"tried,omitempty"`
	// Remedy is what a person can do instead; may be empty.
	Remedy string `json:"remedy,omitempty"`
}

// String returns the refusal as one sentence.
func (r Refusal) String() string {
	what := r.ID.String()
	if r.Path != "" {
		what += ": " + r.Path
	}
	if r.Remedy == "" {
		return what + ": " + r.Reason
	}
	return what + ": " + r.Reason + ": " + r.Remedy
}

// Adopt works out the overlay. Its error is one of the tree or of rendering it
// as it is; what cannot be adopted is a refusal. Cancelling ctx ends it.
func Adopt(ctx context.Context, req Request) (*Result, error) {
	before, err := req.Renderer.Render(ctx, req.Tree, req.Options)
	if err != nil {
		return nil, fmt.Errorf("render what is to be changed: %w", err)
	}
	r, err := readRepository(req.Tree, path.Clean("./"+req.Options.Path), req.Roots)
	if err != nil {
		return nil, err
	}
	a := &adoption{req: req, repo: r, overlay: Overlay{}, before: contents(before.Objects), objects: before.Objects, rendered: before.Objects, folders: map[string]*folder{}}
	for _, w := range req.Wanted {
		a.plan(ctx, w)
	}
	if err := a.settle(ctx, a.tasks); err != nil {
		return nil, err
	}
	return a.result(), nil
}

// adoption is one request under way.
type adoption struct {
	req     Request
	repo    *repository
	objects *object.Set
	// before are the contents as they are rendered now.
	before map[object.ID]map[string]any
	tasks  []*task
	// overlay is what was proven so far.
	overlay  Overlay
	rendered *object.Set
	renamed  map[object.ID]string
	// folders are those that new files were given names for.
	folders map[string]*folder
}

// task is one change and the places where it may be made.
type task struct {
	id   object.ID
	path string
	// expect returns what the object is to render to; nil when it goes.
	expect func(map[string]any) (map[string]any, error)
	// met tells whether a rendered content, nil when there is none, has the
	// change, whatever else it has.
	met   func(map[string]any) bool
	sites []site
	// hashed: the object's name may hold a hash of its content.
	hashed bool
	// next is the site to try; tried says why those before it would not do.
	next  int
	tried []string
	// refused is set when the task is given up, done when it is proven.
	refused *Refusal
	done    bool
}

// site is a place where a change may be made.
type site struct {
	where string
	also  []string
	// file is one that others may name, and that changes; empty when that is known
	// otherwise.
	file string
	// edit makes the change upon an overlay of the repository.
	edit func(tree fs.FS, o Overlay) error
	// lists is what edit leaves to be listed, nil when that is nothing: many things
	// are listed in one kustomization at once.
	lists *listing
	// several: edit changes more than one file.
	several bool
}

// listing is an item that a list of a kustomization gets.
type listing struct {
	k    *kustomization
	key  string
	item any
}

func (a *adoption) refuse(id object.ID, field, remedy, format string, args ...any) {
	a.tasks = append(a.tasks, &task{id: id, path: field, refused: &Refusal{ID: id, Path: field, Reason: fmt.Sprintf(format, args...), Remedy: remedy}})
}

// plan makes the tasks of one wanted change.
func (a *adoption) plan(ctx context.Context, w Wanted) {
	if w.Create != nil {
		a.planCreate(w)
		return
	}
	o := a.lookup(w.ID)
	if o == nil {
		a.refuse(w.ID, "", "", "it is not among the objects of %s", a.repo.target)
		return
	}
	switch {
	case strings.HasPrefix(o.From.Made, "chart "):
		a.planHelm(ctx, o, w)
	case o.From.File == "" && !strings.HasPrefix(o.From.Made, madeByKustomize):
		a.refuse(w.ID, "", "", "no file makes it (%s)", o.From)
	case w.Delete:
		a.tasks = append(a.tasks, &task{
			id:     o.ID(),
			expect: func(map[string]any) (map[string]any, error) { return nil, nil },
			met:    func(content map[string]any) bool { return content == nil },
			sites:  a.deleteSites(o),
		})
	default:
		for _, f := range w.Fields {
			a.planField(o, f)
		}
	}
}

func (a *adoption) lookup(id object.ID) *object.Object { return Lookup(a.objects, id) }

// Lookup finds an object by the identity that a cluster knows it by: git may
// leave out the namespace. It is nil when there is none.
func Lookup(rendered *object.Set, id object.ID) *object.Object {
	if o := rendered.Get(id); o != nil {
		return o
	}
	id.Namespace = ""
	return rendered.Get(id)
}

// Values that nobody is shown (drift.Hides) are not written into git either.
const (
	plainValues    = "plain values of a Secret are not written into git"
	encryptInstead = "keep it encrypted: a SOPS file, a SealedSecret or an ExternalSecret"
)

// isLabel tells whether a field is the labels of an object or one of them, which
// are no secret.
func isLabel(field string) bool {
	rest, ok := strings.CutPrefix(field, "metadata.labels")
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func (a *adoption) planField(o *object.Object, f drift.Field) {
	id := o.ID()
	if drift.Hides(id) && !isLabel(f.Path) {
		a.refuse(id, f.Path, encryptInstead, plainValues)
		return
	}
	at, err := edit.Find(o.Object, f.Path, f.Want)
	if err != nil {
		a.refuse(id, f.Path, "", "%v in what %s renders to", err, o.From)
		return
	}
	have := f.Have
	if was, ok := edit.Get(o.Object, at); ok {
		have = withoutDefaults(was, f.Want, have)
		if list, isList := was.([]any); isList && len(list) > 0 && have != nil {
			if _, ok := have.([]any); !ok {
				a.refuse(id, f.Path, "reorder it by hand if that matters", "only the order of the list differs")
				return
			}
		}
	} else if have == nil {
		a.refuse(id, f.Path, "", "git does not set it, nor does the cluster")
		return
	}
	c := change{object: o, at: at, value: have, remove: have == nil}
	a.tasks = append(a.tasks, &task{
		id:     id,
		path:   f.Path,
		expect: c.on,
		met:    c.in,
		sites:  a.fieldSites(c),
		hashed: a.isGenerated(o),
	})
}

// change is one field of one rendered object that changes.
type change struct {
	object *object.Object
	at     edit.Path
	value  any
	remove bool
}

// on returns content with the change.
func (c change) on(content map[string]any) (map[string]any, error) {
	var v any
	var err error
	if c.remove {
		v, err = edit.Without(content, c.at)
	} else {
		v, err = edit.With(content, c.at, c.value)
	}
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it is no object any more")
	}
	return m, nil
}

// in tells whether content has the change.
func (c change) in(content map[string]any) bool {
	got, has := edit.Get(content, c.at)
	return has != c.remove && (c.remove || edit.Equal(got, c.value))
}

// isStampMap tells whether at leads to the labels or annotations of an object:
// when they are empty, they are none.
func isStampMap(at edit.Path) bool {
	return len(at) == 2 && at[0].Key == "metadata" && (at[1].Key == "labels" || at[1].Key == "annotations")
}

// result sums up the tasks.
func (a *adoption) result() *Result {
	r := &Result{Overlay: a.overlay.against(a.req.Tree), Rendered: a.rendered}
	for _, t := range a.tasks {
		if t.done {
			s := t.sites[t.next]
			r.Adopted = append(r.Adopted, Adopted{ID: t.id, Path: t.path, Where: s.where, Also: s.also, Renamed: a.renamed[t.id]})
			continue
		}
		r.Refused = append(r.Refused, *t.refused)
	}
	return r
}

func contents(set *object.Set) map[object.ID]map[string]any {
	m := make(map[object.ID]map[string]any, set.Len())
	for o := range set.All() {
		m[o.ID()] = o.Object
	}
	return m
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
