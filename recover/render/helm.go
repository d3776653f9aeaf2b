package render

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"

	"github.com/rekindle-io/rekindle/recover/object"
)

// helm renders the chart in dir as `helm install` would: the files in crds/
// first, then the hooks before the installation, the manifests, and the hooks
// after it. Nothing is looked up in a cluster or on the network.
func (r *renderer) helm(ctx context.Context, dir string) ([]*object.Object, error) {
	c, err := r.openChart(dir)
	if err != nil {
		return nil, err
	}
	first, err := c.render(ctx, false)
	if err != nil {
		return nil, err
	}
	// A second rendering, at another time, shows what does not come from the
	// commit. Its notes would repeat those of the first.
	notes := r.result.Notes
	second, err := c.render(ctx, true)
	r.result.Notes = notes
	if err != nil {
		return nil, err
	}
	c.noteFloating(first, second)
	c.setNamespaces(first)
	return first, nil
}

// releaseName checks and returns the name of the release.
func releaseName(opts HelmOptions, dir, chartName string) (string, error) {
	name := opts.Release
	if name == "" {
		name = path.Base(dir)
	}
	if name == "." {
		name = chartName
	}
	if err := chartutil.ValidateReleaseName(name); err != nil {
		return "", fmt.Errorf("release name %q of chart %s: %w: say another one", name, dir, err)
	}
	return name, nil
}

// objects sorts what the templates made into the order of an installation.
func (c *helmChart) objects(files map[string]string) ([]*object.Object, error) {
	var faults faults
	crds, err := c.crds()
	faults.add(err)
	var pre, main, post []*object.Object
	for _, name := range sortedKeys(files) {
		made, err := c.manifests(name, files[name])
		faults.add(err)
		for _, o := range made {
			switch c.hookOf(o) {
			case noHook:
				main = append(main, o)
			case preInstall:
				pre = append(pre, o)
			case postInstall:
				post = append(post, o)
			}
		}
	}
	sortByKind(main)
	sortHooks(pre)
	sortHooks(post)
	return slices.Concat(crds, pre, main, post), faults.err()
}

// manifests reads what one template made.
func (c *helmChart) manifests(template, text string) ([]*object.Object, error) {
	file, made := c.place(template)
	m := manifests{r: c.r, made: made, strict: true}
	list, err := m.read(file, []byte(text))
	if err != nil {
		return list, c.inRendered(err)
	}
	return list, nil
}

// inRendered says of the errors that their lines are those of the rendered text.
func (c *helmChart) inRendered(err error) error {
	var faults faults
	faults.add(err)
	for i, err := range faults.list {
		if e, ok := err.(*FileError); ok {
			said := *e
			said.Line, said.Column = 0, 0
			said.Message = fmt.Sprintf("line %d of what the template renders to (release %s): %s", e.Line, c.release, e.Message)
			faults.list[i] = &said
		}
	}
	return faults.err()
}

// crds reads the files of the crds folders of the chart and its subcharts.
func (c *helmChart) crds() ([]*object.Object, error) {
	var faults faults
	var list []*object.Object
	for _, crd := range c.chart.CRDObjects() {
		file, made := c.place(crd.Filename)
		m := manifests{r: c.r, made: made, strict: true, lines: true}
		objects, err := m.read(file, crd.File.Data)
		faults.add(err)
		list = append(list, objects...)
	}
	return list, faults.err()
}

// hook is when an object is made in an installation.
type hook int

const (
	noHook hook = iota
	preInstall
	postInstall
	notInstalled
)

// hookOf returns when o is made, and notes it when it is not made at all.
func (c *helmChart) hookOf(o *object.Object) hook {
	types, ok := o.GetAnnotations()[release.HookAnnotation]
	if !ok {
		return noHook
	}
	when := notInstalled
	for _, t := range strings.Split(types, ",") {
		switch release.HookEvent(strings.ToLower(strings.TrimSpace(t))) {
		case release.HookPreInstall:
			return preInstall
		case release.HookPostInstall:
			when = postInstall
		}
	}
	if when == notInstalled {
		c.r.note(NoteSkipped, o.From.File, 0, "%s is left out: it is a hook for %s, and an installation does not run it", o.ID(), types)
	}
	return when
}

func weight(o *object.Object) int {
	w, err := strconv.Atoi(o.GetAnnotations()[release.HookWeightAnnotation])
	if err != nil {
		return 0
	}
	return w
}

// sortHooks orders by weight, then as manifests, then by name, as Helm does.
func sortHooks(list []*object.Object) {
	slices.SortStableFunc(list, func(a, b *object.Object) int {
		return cmp.Or(cmp.Compare(weight(a), weight(b)), compareKinds(a.GetKind(), b.GetKind()), cmp.Compare(a.GetName(), b.GetName()))
	})
}

func sortByKind(list []*object.Object) {
	slices.SortStableFunc(list, func(a, b *object.Object) int { return compareKinds(a.GetKind(), b.GetKind()) })
}

// compareKinds orders kinds as Helm installs them; those that it does not know
// come last, by name.
func compareKinds(a, b string) int {
	at, bt := slices.Index(releaseutil.InstallOrder, a), slices.Index(releaseutil.InstallOrder, b)
	switch {
	case at < 0 && bt < 0:
		return cmp.Compare(a, b)
	case at < 0:
		return 1
	case bt < 0:
		return -1
	}
	return cmp.Compare(at, bt)
}
