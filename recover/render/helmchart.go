package render

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"

	"github.com/rekindle-io/rekindle/recover/object"
)

// helmChart is one chart that is being rendered.
type helmChart struct {
	r   *renderer
	dir string
	// files are those of the chart, archives of subcharts unpacked.
	files []*archive.BufferedFile
	// chart is the one rendered last; rendering changes it.
	chart   *chart.Chart
	release string
	// namespace is that of the release.
	namespace string
}

// openChart reads the chart's files.
func (r *renderer) openChart(dir string) (*helmChart, error) {
	reader := &chartReader{r: r, dir: dir}
	files, err := reader.read()
	if err != nil {
		return nil, err
	}
	c := &helmChart{r: r, dir: dir, files: files, namespace: r.opts.Helm.Namespace}
	if c.namespace == "" {
		c.namespace = "default"
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	c.release, err = releaseName(r.opts.Helm, dir, c.chart.Name())
	return c, err
}

// load makes a fresh chart of the files.
func (c *helmChart) load() error {
	loaded, err := loader.LoadFiles(c.files)
	if err != nil {
		return fmt.Errorf("chart %s: %w", c.dir, err)
	}
	c.chart = loaded
	if loaded.Metadata.Type == "library" {
		return fmt.Errorf("chart %s is a library chart: it makes no objects, name the chart that uses it", c.dir)
	}
	return c.checkDependencies()
}

// checkDependencies names the subcharts that the chart wants and the tree has
// not: fetching them would not give what they were at this commit.
func (c *helmChart) checkDependencies() error {
	var missing []string
	for _, want := range c.chart.Metadata.Dependencies {
		found := slices.ContainsFunc(c.chart.Dependencies(), func(have *chart.Chart) bool { return have.Name() == want.Name })
		if !found {
			missing = append(missing, strings.TrimSpace(fmt.Sprintf("%s %s (%s)", want.Name, want.Version, want.Repository)))
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("%s: the chart depends on charts that are not in %s: %s: run `helm dependency build` and commit what it puts there",
		path.Join(c.dir, "Chart.yaml"), path.Join(c.dir, "charts"), strings.Join(missing, ", "))
}

// render renders the chart once, from its files on, because templates can
// change the values. elsewhen renders at another time.
func (c *helmChart) render(ctx context.Context, elsewhen bool) ([]*object.Object, error) {
	if err := c.load(); err != nil {
		return nil, err
	}
	values, err := c.values()
	if err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependencies(c.chart, values); err != nil {
		return nil, c.redact(values, fmt.Errorf("chart %s: dependencies: %w", c.dir, err))
	}
	caps, err := c.capabilities()
	if err != nil {
		return nil, err
	}
	options := common.ReleaseOptions{Name: c.release, Namespace: c.namespace, Revision: 1, IsInstall: true}
	// The schemas are validated here, not by Helm, which would follow their
	// references to the network and the disk.
	top, err := commonutil.ToRenderValuesWithSchemaValidation(c.chart, values, options, caps, true)
	if err != nil {
		return nil, c.redact(values, fmt.Errorf("chart %s: values: %w", c.dir, err))
	}
	all, _ := top["Values"].(common.Values)
	if err := validateSchemas(c.dir, c.chart, all); err != nil {
		return nil, err
	}
	files, err := c.execute(ctx, top, elsewhen)
	if err != nil {
		return nil, c.redact(all, err)
	}
	return c.objects(files)
}

// capabilities returns what templates are told of the target.
func (c *helmChart) capabilities() (*common.Capabilities, error) {
	caps := common.DefaultCapabilities.Copy()
	catalogue := c.r.opts.Catalogue
	version := c.r.opts.KubeVersion
	if version == "" && catalogue != nil {
		version = catalogue.Server
	}
	if version != "" {
		v, err := common.ParseKubeVersion(version)
		if err != nil {
			return nil, fmt.Errorf("version %q of Kubernetes: %w", version, err)
		}
		caps.KubeVersion = *v
	}
	versions := slices.Clone(caps.APIVersions)
	if catalogue != nil {
		versions = nil
		for _, k := range catalogue.All() {
			gv := k.GroupVersion().String()
			versions = append(versions, gv, gv+"/"+k.Kind)
		}
	}
	// An installation makes the chart's own CRDs before it renders.
	crds, err := c.crds()
	if err != nil {
		return nil, err
	}
	for kind := range definedKinds(crds) {
		gv := kind.GroupVersion().String()
		versions = append(versions, gv, gv+"/"+kind.Kind)
	}
	slices.Sort(versions)
	caps.APIVersions = slices.Compact(versions)
	if want := c.chart.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, caps.KubeVersion.String()) {
		return nil, fmt.Errorf("%s: the chart wants Kubernetes %s and the target is %s", path.Join(c.dir, "Chart.yaml"), want, caps.KubeVersion.Version)
	}
	return caps, nil
}

// place returns the file in the tree for a file of the chart, which Helm names
// after the charts and not after their folders, and the words for its maker.
func (c *helmChart) place(name string) (file, made string) {
	made = fmt.Sprintf("chart %s, release %s", c.dir, c.release)
	_, rest, _ := strings.Cut(path.Clean(name), "/")
	file = path.Join(c.dir, rest)
	if _, err := fs.Stat(c.r.tree, file); err != nil {
		return path.Join(c.dir, "Chart.yaml"), made + ", template " + name
	}
	return file, made
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// chartReader reads the files of a chart within the limits.
type chartReader struct {
	r     *renderer
	dir   string
	rules ignoreRules
	files []*archive.BufferedFile
	size  int64
}

func (c *chartReader) read() ([]*archive.BufferedFile, error) {
	rules, err := readIgnore(c.r.tree, path.Join(c.dir, ".helmignore"), c.r.limits.FileBytes)
	if err != nil {
		return nil, err
	}
	c.rules = rules
	if err := c.walk(c.dir, 0); err != nil {
		return nil, err
	}
	return c.unpacked(c.files)
}

// walk adds the files below dir. Helm follows symlinks to folders, the way
// subcharts are shared in one repository.
func (c *chartReader) walk(dir string, links int) error {
	if links > 8 {
		return fmt.Errorf("chart %s: symlinks to folders nest too deeply at %s", c.dir, dir)
	}
	return fs.WalkDir(c.r.tree, dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("chart %s: read %q: %w", c.dir, p, err)
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(p, c.dir), "/")
		if c.dir == "." {
			rel = p
		}
		if p == dir {
			return nil
		}
		info, err := d.Info()
		if err == nil && d.Type()&fs.ModeSymlink != 0 {
			info, err = fs.Stat(c.r.tree, p)
		}
		if err != nil {
			return fileFault(p, err)
		}
		if c.rules.Ignore(rel, info) || d.IsDir() && d.Name() == ".git" {
			return skipDir(d)
		}
		switch {
		case d.IsDir():
			return nil
		case info.IsDir():
			return c.walk(p, links+1)
		case !info.Mode().IsRegular():
			return &FileError{File: p, Message: "is no regular file: a chart cannot have it"}
		}
		return c.file(p, rel)
	})
}

func skipDir(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

func (c *chartReader) file(p, rel string) error {
	data, err := readFile(c.r.tree, p, c.r.limits.FileBytes)
	if err != nil {
		return fileFault(p, err)
	}
	return c.add(&archive.BufferedFile{Name: rel, Data: bytes.TrimPrefix(data, utf8BOM)}, &c.files)
}

func (c *chartReader) add(f *archive.BufferedFile, to *[]*archive.BufferedFile) error {
	c.size += int64(len(f.Data))
	if c.size > c.r.limits.TotalBytes || len(*to) >= c.r.limits.Files {
		return fmt.Errorf("chart %s is larger than the limits of %d bytes and %d files: add what it does not need to .helmignore", c.dir, c.r.limits.TotalBytes, c.r.limits.Files)
	}
	if helmReads(f.Name) {
		if err := checkAliases(path.Join(c.dir, f.Name), f.Data, c.r.limits); err != nil {
			return err
		}
	}
	*to = append(*to, f)
	return nil
}

// helmReads tells whether Helm itself, and not a template, reads the file as YAML.
func helmReads(name string) bool {
	return slices.Contains([]string{"Chart.yaml", "Chart.lock", "values.yaml", "requirements.yaml", "requirements.lock"}, path.Base(name)) &&
		!strings.Contains("/"+name, "/templates/")
}

// subchartArchive matches the archive of a subchart, at any depth.
var subchartArchive = regexp.MustCompile(`^(charts/[^/]+/)*charts/[^/._][^/]*\.tgz$`)

// unpacked replaces archives of subcharts by their files, so that one limit
// holds for all of them together.
func (c *chartReader) unpacked(files []*archive.BufferedFile) ([]*archive.BufferedFile, error) {
	var out []*archive.BufferedFile
	for _, f := range files {
		if !subchartArchive.MatchString(f.Name) {
			out = append(out, f)
			continue
		}
		inner, err := archive.LoadArchiveFiles(bytes.NewReader(f.Data))
		if err != nil {
			return nil, &FileError{File: path.Join(c.dir, f.Name), Message: "is no chart archive: " + err.Error(), Err: err}
		}
		var added []*archive.BufferedFile
		for _, in := range inner {
			in.Name = strings.TrimSuffix(f.Name, ".tgz") + "-archive/" + in.Name
			if err := c.add(in, &added); err != nil {
				return nil, err
			}
		}
		if added, err = c.unpacked(added); err != nil {
			return nil, err
		}
		out = append(out, added...)
	}
	return out, nil
}
