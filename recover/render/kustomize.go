package render

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"

	"github.com/rekindle-io/rekindle/recover/object"
)

// buildLock serializes kustomize, which keeps the OpenAPI schema of a build in
// a variable of its own package (kyaml/openapi). A lock for a foreign global
// can only be a global.
var buildLock sync.Mutex //nolint:gochecknoglobals // see above

// kustomize builds the kustomization in dir, with the options that `kubectl
// kustomize` has: files only from below the kustomization that names them, bases
// from anywhere in the repository, no plugins that run programs.
//
// With AllowRemote, kustomize fetches files over http(s) and clones bases with
// the git program, into folders for temporary files that it removes; neither
// can be cancelled before its own timeout, and what they give is noted as
// floating.
func (r *renderer) kustomize(ctx context.Context, dir string) ([]*object.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k, err := r.newKustFS()
	if err != nil {
		return nil, err
	}
	built, err := build(k, dir)
	if err != nil {
		return nil, kustomizeFault(r.tree, dir, k, err)
	}
	origins := r.origins(k, dir)
	made := "kustomization " + dir
	var faults faults
	list := make([]*object.Object, 0, built.Size())
	for _, res := range built.Resources() {
		o, err := r.kustomized(res, origins[res.CurId().String()], dir, made)
		faults.add(err)
		if o != nil {
			list = append(list, o)
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(k.guard.remote)) {
		r.note(NoteFloating, dir, 0, "uses the remote %q: another day it may give other objects", ref)
	}
	return list, faults.err()
}

func (r *renderer) newKustFS() (*kustFS, error) {
	k := &kustFS{
		tree:    r.tree,
		limits:  r.limits,
		guard:   kustGuard{limits: r.limits, allowRemote: r.opts.AllowRemote, remote: map[string]bool{}, secrets: secretTexts{}},
		open:    r.openFile,
		rewrite: modernized,
	}
	if !r.opts.AllowRemote {
		return k, nil
	}
	var err error
	k.clones, err = newCloneFS()
	return k, err
}

// build runs kustomize. It may panic on hostile input, as any large parser.
func build(k *kustFS, dir string) (m resmap.ResMap, err error) {
	buildLock.Lock()
	defer buildLock.Unlock()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("kustomize failed unexpectedly: %v", p)
		}
	}()
	return krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(k, path.Join(treeRoot, dir))
}

// kustomized turns a resource of kustomize's into an object.
func (r *renderer) kustomized(res *resource.Resource, origin *resource.Origin, dir, made string) (*object.Object, error) {
	from := r.origin(res, origin, dir, made)
	raw, err := res.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", from, res.CurId(), err)
	}
	var content map[string]any
	if err := utiljson.Unmarshal(raw, &content); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", from, res.CurId(), err)
	}
	gvk, err := typeOf(content)
	if err == nil {
		err = checkIdentity(gvk, content)
	}
	if err != nil {
		return nil, &FileError{File: from.File, Line: from.Line, Message: fmt.Sprintf("%v (%s)", err, made)}
	}
	if r.documents++; r.documents > r.limits.Documents {
		return nil, fmt.Errorf("%s makes more than %d objects: raise the limit", made, r.limits.Documents)
	}
	o := object.New(content, from)
	if origin != nil && origin.ConfiguredIn != "" && isSecret(o) && ciphertextInside(o) {
		return nil, &EncryptedError{ID: o.ID(), From: from}
	}
	return o, nil
}

// origins builds once more, this time with kustomize's origin annotations, and
// returns them by identity. It is a build of its own because the annotations
// change what JSON patches of annotations do. A failure only costs provenance.
func (r *renderer) origins(k *kustFS, dir string) map[string]*resource.Origin {
	head := kustomizationHead(r.tree, dir)
	second := *k
	second.rewrite = func(name string, data []byte) []byte {
		data = modernized(name, data)
		if name != head {
			return data
		}
		return withField(data, "buildMetadata", func(v any) any {
			list, _ := v.([]any)
			return append(list, "originAnnotations")
		})
	}
	origins := map[string]*resource.Origin{}
	if len(k.guard.remote) > 0 {
		return origins // not a second download
	}
	built, err := build(&second, dir)
	if err != nil {
		return origins
	}
	for _, res := range built.Resources() {
		if origin, err := res.GetOrigin(); err == nil && origin != nil {
			origins[res.CurId().String()] = origin
		}
	}
	return origins
}

// buildConfig is what kustomize's messages quote of a generator or transformer,
// the literals of secrets among it.
var buildConfig = regexp.MustCompile("(?s) with config: `.*`|\\s*(?:with error: .*)?(?: from \\[.*\\])| \\[\n.*\\]")

// kustomizeFault explains what kustomize says.
func kustomizeFault(tree fs.FS, dir string, k *kustFS, err error) error {
	var located *FileError
	if errors.As(k.fault, &located) {
		return k.fault
	}
	if k.fault != nil {
		return fmt.Errorf("kustomization %s: %w", dir, k.fault)
	}
	msg := buildConfig.ReplaceAllString(err.Error(), "")
	msg = anchorName.ReplaceAllString(msg, "anchor") // it may be an unquoted password
	for _, secret := range k.guard.secrets.longestFirst() {
		msg = strings.ReplaceAll(msg, secret, "[redacted]")
	}
	msg = strings.ReplaceAll(msg, treeRoot+"/", "")
	msg = strings.ReplaceAll(msg, treeRoot, ".")
	fault := kustomizationFault(tree, dir, strings.TrimSpace(msg))
	fault.Message = shortened(fault.Message)
	return fault
}
