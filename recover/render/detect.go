package render

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// target is what is to be rendered: a folder, or one file of a plain folder.
type target struct {
	path string
	kind Kind
	file bool
	// asIs reads nested kustomizations as plain files.
	asIs bool
}

// kustomizationNames are the names that kustomize looks for.
func kustomizationNames() []string {
	return []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}
}

// detect finds out what p is, unless the options say it.
func (r *renderer) detect(p string) (target, error) {
	info, err := fs.Stat(r.tree, p)
	if err != nil {
		return target{}, notThere("path", p, err)
	}
	kind := r.opts.Kind
	if !info.IsDir() {
		return fileTarget(p, kind)
	}
	entries, err := fs.ReadDir(r.tree, p)
	if err != nil {
		return target{}, fmt.Errorf("read folder %q: %w", p, err)
	}
	isKustomization := kustomizationFile(entries) != ""
	isChart := has(entries, "Chart.yaml")
	switch kind {
	case KindAuto, "":
		if isKustomization && isChart {
			r.note(NoteChosen, p, 0, "the folder is both a kustomization and a chart: it is built as a kustomization; say --kind helm for the chart")
		}
		switch {
		case isKustomization:
			return target{path: p, kind: KindKustomize}, nil
		case isChart:
			return target{path: p, kind: KindHelm}, nil
		}
		return target{path: p, kind: KindPlain}, nil
	case KindPlain:
		return target{path: p, kind: KindPlain, asIs: true}, nil
	case KindKustomize:
		if !isKustomization {
			return target{}, fmt.Errorf("folder %q has no kustomization.yaml: name the folder that has one, or leave the kind to be detected", p)
		}
	case KindHelm:
		if !isChart {
			return target{}, fmt.Errorf("folder %q has no Chart.yaml: name the chart's folder, or leave the kind to be detected", p)
		}
	default:
		return target{}, fmt.Errorf("unknown kind %q of folder: it is auto, plain, kustomize or helm", kind)
	}
	return target{path: p, kind: kind}, nil
}

// fileTarget is the target for one file: the kustomization or chart that it is
// the head of, or the plain file.
func fileTarget(p string, kind Kind) (target, error) {
	dir, base := path.Dir(p), path.Base(p)
	auto := kind == KindAuto || kind == ""
	switch {
	case slices.Contains(kustomizationNames(), base) && (auto || kind == KindKustomize):
		return target{path: dir, kind: KindKustomize}, nil
	case base == "Chart.yaml" && (auto || kind == KindHelm):
		return target{path: dir, kind: KindHelm}, nil
	case auto || kind == KindPlain:
		return target{path: p, kind: KindPlain, file: true, asIs: true}, nil
	}
	return target{}, fmt.Errorf("%q is a file, and kind %s needs a folder", p, kind)
}

func kustomizationFile(entries []fs.DirEntry) string {
	for _, name := range kustomizationNames() {
		if has(entries, name) {
			return name
		}
	}
	return ""
}

func has(entries []fs.DirEntry, name string) bool {
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name && !e.IsDir() })
}

// isManifest tells whether a plain folder reads the file.
func isManifest(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}
