// Package render turns a folder of a commit into Kubernetes objects. What goes
// in is the repository at the commit as an fs.FS and what the folder is; what
// comes out is a set of objects, each with its provenance, and the notes that a
// person should read. It reads nothing but the tree: no cluster and, unless
// remote kustomize bases are allowed, no network and no disk.
//
// # What a folder is
//
// A folder with a kustomization file is a kustomization, one with a Chart.yaml
// is a chart, any other is plain. With both, the kustomization wins, because
// Flux and kubectl would build it, and a note says so. Kind overrules all this.
//
// # Plain folders
//
// Every *.yaml, *.yml and *.json below the folder is read, in lexical order;
// hidden files and folders are not. Real repositories mix things in such
// folders, and what the tools do differs: Argo CD reads files only, Flux builds
// a kustomization that it meets on the way down. Detected plain folders follow
// Flux, because repositories laid out for it need it: a nested kustomization is
// built, once, and its folder not read as plain files. A kustomization
// that another one in the same folder uses is built only as its part, and a
// Component never alone. A nested chart is left out, with a note: its values
// are unknown. When a caller says KindPlain, every file is read as it is, and
// only charts are left out.
//
// A document with neither apiVersion nor kind (values, workflows, compose
// files) is left out with a note. One with only half an identity is an error.
//
// # YAML
//
// Documents mean what they mean to kubectl: YAML 1.1 scalars as sigs.k8s.io/yaml
// reads them (yes, on, 0777, 0b1), integral floats become integers, and a merge
// key overrides what stands before it in its mapping. In one thing this package
// is stricter: a key that is given twice is an error, where kubectl takes the
// last one silently.
package render

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/sops"
)

// Kind says what a folder is.
type Kind string

// The kinds of folders. The empty Kind is KindAuto.
const (
	KindAuto      Kind = "auto"
	KindPlain     Kind = "plain"
	KindKustomize Kind = "kustomize"
	KindHelm      Kind = "helm"
)

// Options says what to render and for which target.
type Options struct {
	// Commit is the full SHA, recorded in the provenance of every object.
	Commit string
	// Path is the folder, or the one file, from the root of the tree with
	// slashes; "" and "." are the root.
	Path string
	// Kind is what the folder is; KindAuto detects it.
	Kind Kind
	// Exclude are globs relative to Path that leave files out of plain
	// folders; "*" stays within one folder, "**" does not.
	Exclude []string
	// Helm is what a chart is rendered with.
	Helm HelmOptions
	// KubeVersion is the version of the target, "v1.36.3". Empty: the version
	// in Catalogue, or that of the Kubernetes libraries.
	KubeVersion string
	// Catalogue is what the target serves; nil when there is no target yet.
	Catalogue *object.Catalogue
	// AllowRemote lets kustomizations fetch files over http(s), and bases with
	// the git program. What they give is not fixed by the commit, see kustomize.
	AllowRemote bool
	// Secrets decrypts Secrets that SOPS has encrypted; nil refuses them.
	Secrets *sops.Opener
	// KeepDigests gives Secrets of which the commit holds keyed digests alone in
	// Result.Digests; otherwise each of them is an error.
	KeepDigests bool
	// Limits bound hostile input; zero fields have defaults.
	Limits Limits
}

// HelmOptions is what `helm install` would be told.
type HelmOptions struct {
	// Release is the name of the release; empty: the name of the chart's folder.
	Release string `json:"release,omitempty"`
	// Namespace is where the release lives; empty: "default".
	Namespace string `json:"namespace,omitempty"`
	// ValuesFiles are paths in the tree, from its root; later ones win.
	ValuesFiles []string `json:"valuesFiles,omitempty"`
	// Values are laid over the values files.
	Values map[string]any `json:"values,omitempty"`
	// Set are values in Helm's own syntax, "a.b=c"; they win over all.
	Set []string `json:"set,omitempty"`
}

// Note is something that a person should know about a rendering that went well.
type Note struct {
	// Code is stable, for programs: one of the Note constants.
	Code string `json:"code"`
	// File and Line say where, as in a Provenance; Line may be 0.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Text is the note in words.
	Text string `json:"text"`
}

// The codes of notes.
const (
	NoteSkipped  = "skipped"  // something in the folder was left out
	NoteFloating = "floating" // the same commit would give another object next time
	NoteChosen   = "chosen"   // a decision that the caller may want to overrule
)

// String returns "file:line: text".
func (n Note) String() string {
	at := object.Provenance{File: n.File, Line: n.Line}.String()
	if at == "" {
		return n.Text
	}
	return at + ": " + n.Text
}

// Result is what a folder renders to.
type Result struct {
	// Objects are in the order of their files, or in the order in which Helm
	// or kustomize lists them.
	Objects *object.Set
	// Kind is what the folder turned out to be; never KindAuto.
	Kind Kind
	// Digests are Secrets with keyed digests in place of their values. They can
	// be compared, and must never be applied.
	Digests []*object.Object
	// Notes are what a person should know, in the order in which it was found.
	Notes []Note
}

// Render renders opts.Path of tree, which is the whole repository at one commit.
//
// Its errors name the file and, where there is one, the line. Up to 20 faults
// are collected in one joined error: *FileError for a file that cannot be read
// as objects, which wraps what package sops says of one that cannot be decrypted,
// *EncryptedError for an object that would be applied encrypted, *DigestsError
// for one whose values the commit does not have, *object.DuplicateError for two objects of one identity. A Path that is not
// there gives an error that is fs.ErrNotExist. Values of Secrets are not part
// of any error.
func Render(ctx context.Context, tree fs.FS, opts Options) (*Result, error) {
	r := &renderer{
		tree:   confine(tree),
		opts:   opts,
		limits: opts.Limits.withDefaults(),
		result: &Result{Objects: object.NewSet()},
	}
	folder, err := cleanPath(opts.Path)
	if err != nil {
		return nil, err
	}
	t, err := r.detect(folder)
	if err != nil {
		return nil, err
	}
	r.result.Kind = t.kind
	list, err := r.renderTarget(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := r.collect(list); err != nil {
		return nil, err
	}
	return r.result, nil
}

// renderer is one rendering under way.
type renderer struct {
	tree   fs.FS
	opts   Options
	limits Limits
	result *Result
	// documents counts all documents and list items read so far.
	documents int
	// values are what sealed files hold, opened tells from which kustomize's are.
	values sops.Values
	opened map[string]bool
	// lines are where objects begin in the files of kustomizations.
	lines map[string][]namedLine
}

func (r *renderer) renderTarget(ctx context.Context, t target) ([]*object.Object, error) {
	switch t.kind {
	case KindKustomize:
		return r.kustomize(ctx, t.path)
	case KindHelm:
		return r.helm(ctx, t.path)
	default:
		return r.plain(ctx, t)
	}
}

// collect puts the objects in the result and reports those that cannot be
// there: encrypted ones, those that are digests and duplicates.
func (r *renderer) collect(list []*object.Object) error {
	var faults faults
	for _, o := range list {
		err := r.unseal(o)
		switch {
		case err != nil:
			faults.add(err)
		case !isSecret(o) || !sops.HoldsDigests(o.Object):
			faults.add(r.result.Objects.Add(o))
		case r.opts.KeepDigests:
			r.result.Digests = append(r.result.Digests, o)
		default:
			faults.add(&DigestsError{ID: o.ID(), From: o.From})
		}
	}
	return faults.err()
}

func (r *renderer) note(code, file string, line int, format string, args ...any) {
	r.result.Notes = append(r.result.Notes, Note{Code: code, File: file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// cleanPath returns p as a path within an fs.FS.
func cleanPath(p string) (string, error) {
	clean := path.Clean(strings.TrimSuffix(strings.TrimPrefix(p, "./"), "/"))
	if p == "" {
		clean = "."
	}
	if !fs.ValidPath(clean) {
		return "", fmt.Errorf("path %q is not a path inside the repository: give it from the root of the repository, with slashes and without parent folders", p)
	}
	return clean, nil
}

// notThere explains a path that the tree does not have.
func notThere(what, p string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s %q is not in the repository at this commit: %w", what, p, fs.ErrNotExist)
	}
	return fmt.Errorf("%s %q: %w", what, p, err)
}
