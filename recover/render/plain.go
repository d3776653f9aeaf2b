package render

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/gobwas/glob"

	"github.com/rekindle-io/rekindle/recover/object"
)

// plain reads a plain folder, or one file.
func (r *renderer) plain(ctx context.Context, t target) ([]*object.Object, error) {
	scan, err := r.scan(ctx, t)
	if err != nil {
		return nil, err
	}
	parts, err := r.partsOf(scan.kustomizations)
	if err != nil {
		return nil, err
	}
	var faults faults
	var list []*object.Object
	var read int64
	ahead := r.readAhead(ctx, scan.found)
	defer ahead.stop()
	for _, f := range scan.found {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if f.kustomization {
			objects, err := r.nested(ctx, f.path, parts)
			faults.add(err)
			list = append(list, objects...)
			continue
		}
		file, err := ahead.next(ctx)
		switch {
		case err != nil:
			return nil, err
		case file.readErr != nil:
			faults.add(fileFault(f.path, file.readErr))
			continue
		}
		if read += file.size; read > r.limits.TotalBytes {
			return nil, fmt.Errorf("folder %q has more than %d bytes of manifests: name a smaller folder or raise the limit", t.path, r.limits.TotalBytes)
		}
		objects, err := manifests{r: r, lines: true}.of(file.docs, file.parseErr)
		faults.add(err)
		list = append(list, objects...)
	}
	return list, faults.err()
}

// fileFault gives err the file's name, unless it has it.
func fileFault(file string, err error) error {
	var fault *FileError
	if errors.As(err, &fault) {
		return fault
	}
	var in *fs.PathError
	msg := err.Error()
	if errors.As(err, &in) {
		msg = in.Err.Error()
	}
	return &FileError{File: file, Message: msg, Err: err}
}

// nested builds a kustomization that a plain folder holds.
func (r *renderer) nested(ctx context.Context, dir string, parts map[string]string) ([]*object.Object, error) {
	if why, ok := parts[dir]; ok {
		r.note(NoteSkipped, dir, 0, "not built by itself: %s", why)
		return nil, nil
	}
	r.note(NoteChosen, dir, 0, "built as a kustomization, as Flux would; say --kind plain to read its files as they are")
	return r.kustomize(ctx, dir)
}

// found is a file to read or a kustomization to build.
type found struct {
	path          string
	kustomization bool
}

type scanner struct {
	r              *renderer
	root           string
	asIs           bool
	exclude        []glob.Glob
	found          []found
	kustomizations []string
}

// scan lists what the folder has, in lexical order.
func (r *renderer) scan(ctx context.Context, t target) (*scanner, error) {
	s := &scanner{r: r, root: t.path, asIs: t.asIs}
	for _, pattern := range r.opts.Exclude {
		g, err := glob.Compile(strings.TrimPrefix(pattern, "./"), '/')
		if err != nil {
			return nil, fmt.Errorf("exclude %q is no glob: %w", pattern, err)
		}
		s.exclude = append(s.exclude, g)
	}
	if t.file {
		s.found = []found{{path: t.path}}
		return s, nil
	}
	err := fs.WalkDir(r.tree, t.path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read folder %q: %w", p, err)
		}
		if ctxErr := ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		if d.IsDir() {
			return s.folder(p)
		}
		return s.file(p, d)
	})
	return s, err
}

// folder decides whether to descend into p.
func (s *scanner) folder(p string) error {
	if p == s.root {
		return nil
	}
	if isHidden(p) || s.excluded(p) {
		return fs.SkipDir
	}
	entries, err := fs.ReadDir(s.r.tree, p)
	if err != nil {
		return fmt.Errorf("read folder %q: %w", p, err)
	}
	if !s.asIs && kustomizationFile(entries) != "" {
		s.found = append(s.found, found{path: p, kustomization: true})
		s.kustomizations = append(s.kustomizations, p)
		return fs.SkipDir
	}
	if has(entries, "Chart.yaml") {
		s.r.note(NoteSkipped, p, 0, "left out: a Helm chart in a plain folder; render it by its own path")
		return fs.SkipDir
	}
	return nil
}

func (s *scanner) file(p string, d fs.DirEntry) error {
	if isHidden(p) || !isManifest(p) || s.excluded(p) {
		return nil
	}
	if d.Type()&fs.ModeSymlink != 0 {
		info, err := fs.Stat(s.r.tree, p)
		if err == nil && info.IsDir() {
			s.r.note(NoteSkipped, p, 0, "left out: a symlink to a folder")
			return nil
		}
		// Reading reports a link that leads nowhere or out of the tree.
	} else if !d.Type().IsRegular() {
		s.r.note(NoteSkipped, p, 0, "left out: neither a file nor a folder")
		return nil
	}
	if len(s.found) >= s.r.limits.Files {
		return fmt.Errorf("folder %q has more than %d manifest files: name a smaller folder or raise the limit", s.root, s.r.limits.Files)
	}
	s.found = append(s.found, found{path: p})
	return nil
}

func (s *scanner) excluded(p string) bool {
	rel := p
	if s.root != "." {
		rel = strings.TrimPrefix(p, s.root+"/")
	}
	for _, g := range s.exclude {
		if g.Match(rel) {
			return true
		}
	}
	return false
}

func isHidden(p string) bool { return strings.HasPrefix(path.Base(p), ".") }
