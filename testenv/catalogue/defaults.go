package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// defaultsFile says what is on by default; the variables whose names end so list
// whole group versions, and single resources of versions that are off otherwise.
const (
	defaultsFile  = "pkg/controlplane/instance.go"
	versionsOn    = "EnabledByDefault"
	resourcesOn   = "EnabledByDefaultResources"
	schemeVersion = "SchemeGroupVersion"
)

// apiPackages are where the packages of group versions lie: group/version.
var apiPackages = []string{"k8s.io/api/", "k8s.io/kubernetes/pkg/apis/"}

// switchedOn is what a release serves unless it is told otherwise.
type switchedOn struct {
	versions  map[schema.GroupVersion]bool
	resources map[schema.GroupVersionResource]bool
}

func (on switchedOn) has(r resource) bool {
	gv := schema.GroupVersion{Group: r.group, Version: r.version}
	return on.versions[gv] || on.resources[gv.WithResource(r.plural)]
}

// without names what is on and has nothing in list.
func (on switchedOn) without(list []resource) []string {
	var missing []string
	for gv := range on.versions {
		if !slices.ContainsFunc(list, func(r resource) bool { return r.group == gv.Group && r.version == gv.Version }) {
			missing = append(missing, gv.String())
		}
	}
	for gvr := range on.resources {
		if !slices.ContainsFunc(list, func(r resource) bool {
			return r.group == gvr.Group && r.version == gvr.Version && r.plural == gvr.Resource
		}) {
			missing = append(missing, gvr.String())
		}
	}
	slices.Sort(missing)
	return missing
}

// defaults reads what is on by default. groups are those that the release knows,
// by which a Go package of k8s.io/api is told which group it holds.
func defaults(root fs.FS, groups []string) (switchedOn, error) {
	on := switchedOn{
		// Of the two servers that stand before kube-apiserver's own: their only
		// stable versions, always on.
		versions: map[schema.GroupVersion]bool{
			{Group: "apiextensions.k8s.io", Version: "v1"}:   true,
			{Group: "apiregistration.k8s.io", Version: "v1"}: true,
		},
		resources: map[schema.GroupVersionResource]bool{},
	}
	source, err := fs.ReadFile(root, defaultsFile)
	if err != nil {
		return on, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), defaultsFile, source, 0)
	if err != nil {
		return on, err
	}
	r := reader{on: on, groups: groups, packages: importsOf(file)}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is || len(spec.Names) != 1 || len(spec.Values) != 1 || err != nil {
			return err == nil
		}
		name := spec.Names[0].Name
		if list, is := spec.Values[0].(*ast.CompositeLit); is && (strings.HasSuffix(name, versionsOn) || strings.HasSuffix(name, resourcesOn)) {
			if err = r.read(list); err != nil {
				err = fmt.Errorf("%s: %s: %w", defaultsFile, name, err)
			}
		}
		return false
	})
	if err == nil && len(on.versions) < 3 {
		err = fmt.Errorf("%s: only %d group versions are on by default: is it written in another way now?", defaultsFile, len(on.versions))
	}
	return on, err
}

// reader reads the elements of the lists in a release's source.
type reader struct {
	on       switchedOn
	groups   []string
	packages map[string]string // import paths by the names that the file gives them
}

// read takes pkg.SchemeGroupVersion and pkg.SchemeGroupVersion.WithResource("x").
func (r reader) read(list *ast.CompositeLit) error {
	for _, element := range list.Elts {
		call, single := element.(*ast.CallExpr)
		if !single {
			gv, err := r.groupVersion(element)
			if err != nil {
				return err
			}
			r.on.versions[gv] = true
			continue
		}
		method, is := call.Fun.(*ast.SelectorExpr)
		if !is || method.Sel.Name != "WithResource" || len(call.Args) != 1 {
			return fmt.Errorf("what is called here is unknown")
		}
		gv, err := r.groupVersion(method.X)
		if err != nil {
			return err
		}
		literal, is := call.Args[0].(*ast.BasicLit)
		if !is {
			return fmt.Errorf("%s: the resource is no literal", gv)
		}
		plural, err := strconv.Unquote(literal.Value)
		if err != nil {
			return err
		}
		r.on.resources[gv.WithResource(plural)] = true
	}
	return nil
}

func (r reader) groupVersion(e ast.Expr) (schema.GroupVersion, error) {
	selector, is := e.(*ast.SelectorExpr)
	if !is || selector.Sel.Name != schemeVersion {
		return schema.GroupVersion{}, fmt.Errorf("an element is no %s", schemeVersion)
	}
	pkg, is := selector.X.(*ast.Ident)
	if !is {
		return schema.GroupVersion{}, fmt.Errorf("a %s is not that of a package", schemeVersion)
	}
	folder := r.packages[pkg.Name]
	for _, prefix := range apiPackages {
		folder = strings.TrimPrefix(folder, prefix)
	}
	if strings.Count(folder, "/") != 1 {
		return schema.GroupVersion{}, fmt.Errorf("%s (%s) is no package of a group version", pkg.Name, folder)
	}
	name, version := path.Dir(folder), path.Base(folder)
	if name == "core" {
		return schema.GroupVersion{Version: version}, nil
	}
	for _, group := range r.groups { // k8s.io/api/flowcontrol/v1 is flowcontrol.apiserver.k8s.io/v1
		if first, _, _ := strings.Cut(group, "."); first == name {
			return schema.GroupVersion{Group: group, Version: version}, nil
		}
	}
	return schema.GroupVersion{}, fmt.Errorf("no group of api/discovery begins with %q", name)
}

// importsOf returns the paths that a file imports under a name of its own.
func importsOf(file *ast.File) map[string]string {
	paths := map[string]string{}
	for _, spec := range file.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil && spec.Name != nil {
			paths[spec.Name.Name] = p
		}
	}
	return paths
}
