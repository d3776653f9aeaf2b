package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/version"
)

// resource is one resource of one group version, as discovery tells it.
type resource struct {
	group, version, kind, plural, scope string
	verbs                               []string
}

func (r resource) String() string {
	return strings.Join([]string{cmp.Or(r.group, "-"), r.version, r.kind, r.plural, r.scope, strings.Join(r.verbs, ",")}, " ")
}

// served returns one line for each resource that the release in root serves by
// default, without subresources: groups by name, in each the preferred version
// first, in that the kinds by name.
func served(root fs.FS) (string, error) {
	all, err := known(root)
	if err != nil {
		return "", err
	}
	on, err := defaults(root, groupsOf(all))
	if err != nil {
		return "", err
	}
	list := slices.DeleteFunc(all, func(r resource) bool { return !on.has(r) })
	if missing := on.without(list); len(missing) > 0 {
		return "", fmt.Errorf("on by default, but unknown to api/discovery: %s", strings.Join(missing, ", "))
	}
	slices.SortFunc(list, func(a, b resource) int {
		return cmp.Or(cmp.Compare(a.group, b.group), version.CompareKubeAwareVersionStrings(b.version, a.version), cmp.Compare(a.kind, b.kind))
	})
	var b strings.Builder
	for _, r := range list {
		fmt.Fprintln(&b, r)
	}
	return b.String(), nil
}

// groupsOf are the names of the groups, "" for the core.
func groupsOf(all []resource) []string {
	var names []string
	for _, r := range all {
		names = append(names, r.group)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// known reads everything that a release can serve. The core is told in the older
// format alone, the groups together in one file.
func known(root fs.FS) ([]resource, error) {
	var core struct {
		Resources []struct {
			Name, Kind string
			Namespaced bool
			Verbs      []string
		}
	}
	if err := decode(root, &core, "api/discovery/api__v1.json"); err != nil {
		return nil, err
	}
	var list []resource
	for _, r := range core.Resources {
		if strings.Contains(r.Name, "/") {
			continue
		}
		scope := "Cluster"
		if r.Namespaced {
			scope = "Namespaced"
		}
		list = append(list, resource{"", "v1", r.Kind, r.Name, scope, sorted(r.Verbs)})
	}
	var groups struct {
		Items []struct {
			Metadata struct{ Name string }
			Versions []struct {
				Version   string
				Resources []struct {
					Resource, Scope string
					ResponseKind    struct{ Kind string }
					Verbs           []string
				}
			}
		}
	}
	if err := decode(root, &groups, "api/discovery/aggregated_v2.json", "api/discovery/aggregated_v2beta1.json"); err != nil {
		return nil, err
	}
	for _, g := range groups.Items {
		for _, v := range g.Versions {
			for _, r := range v.Resources {
				list = append(list, resource{g.Metadata.Name, v.Version, r.ResponseKind.Kind, r.Resource, r.Scope, sorted(r.Verbs)})
			}
		}
	}
	return list, nil
}

func sorted(verbs []string) []string { return slices.Sorted(slices.Values(verbs)) }

// decode reads the first of the files that there is.
func decode(root fs.FS, into any, names ...string) error {
	for _, name := range names {
		raw, err := fs.ReadFile(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	return fmt.Errorf("it has no %s", strings.Join(names, " or "))
}
