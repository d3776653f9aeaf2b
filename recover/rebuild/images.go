package rebuild

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/object/field"
	"github.com/rekindle-io/rekindle/recover/run"
)

// loadImages lets a provider that can bring images of this machine onto the
// nodes do so, before the first pod asks a registry for them. What is brought
// is what the settings say; it is told which images the commit names.
func (r *restore) loadImages(ctx context.Context, s *run.Scope) error {
	loader, can := r.provider.(providers.ImageLoader)
	if !can {
		return nil
	}
	spec := providers.Spec{Name: r.req.Cluster, ID: r.id, Settings: r.req.Settings}
	loaded, err := loader.LoadImages(ctx, spec, imagesOf(r.rendered.Objects), progress(s))
	if err != nil {
		return Guarded(err)
	}
	if len(loaded) > 0 {
		s.Eventf(run.LevelInfo, "images.loaded", "the nodes have of this machine's images: %s", few(loaded, 10))
	}
	return nil
}

// imagesOf returns the images that the pods of a set of objects run, sorted:
// those of containers wherever an object has some, in a pod template of any kind
// or in a custom resource, and of image volumes.
func imagesOf(set *object.Set) []string {
	found := map[string]bool{}
	for o := range set.All() {
		gatherImages(o.Object, found)
	}
	return slices.Sorted(maps.Keys(found))
}

// Images returns the images that the pods of one object run, sorted.
func Images(content map[string]any) []string {
	found := map[string]bool{}
	gatherImages(content, found)
	return slices.Sorted(maps.Keys(found))
}

func gatherImages(value any, into map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		for _, list := range []string{"containers", "initContainers", "ephemeralContainers"} {
			for _, container := range field.Maps(v, list) {
				addImage(field.Text(container, "image"), into)
			}
		}
		for _, volume := range field.Maps(v, "volumes") {
			addImage(field.Text(volume, "image", "reference"), into)
		}
		for _, inner := range v {
			gatherImages(inner, into)
		}
	case []any:
		for _, inner := range v {
			gatherImages(inner, into)
		}
	}
}

// addImage leaves out what cannot be a reference: the provider hands it to
// commands.
func addImage(ref string, into map[string]bool) {
	if ref == "" || len(ref) > 512 || strings.HasPrefix(ref, "-") || strings.ContainsFunc(ref, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return
	}
	into[ref] = true
}

// few lists the first n of several names.
func few(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
}
