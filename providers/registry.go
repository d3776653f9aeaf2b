package providers

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rekindle-io/rekindle/recover/nearest"
)

// Registry is the set of providers a process knows. It is a plain value, filled
// in one place.
type Registry struct {
	byName map[string]Provider
}

// NewRegistry returns a registry of the given providers. Two of one name are a
// programming error and are reported as such.
func NewRegistry(list ...Provider) (*Registry, error) {
	r := &Registry{byName: make(map[string]Provider, len(list))}
	for _, p := range list {
		if _, dup := r.byName[p.Name()]; dup {
			return nil, fmt.Errorf("two providers are named %q", p.Name())
		}
		r.byName[p.Name()] = p
	}
	return r, nil
}

// Get returns the provider of that name, or an *UnknownError that suggests the
// nearest.
func (r *Registry) Get(name string) (Provider, error) {
	if p, ok := r.byName[name]; ok {
		return p, nil
	}
	return nil, &UnknownError{Name: name, Known: r.Names(), Suggestion: nearest.Name(name, r.Names())}
}

// Names returns the names of all providers, sorted.
func (r *Registry) Names() []string {
	return slices.Sorted(maps.Keys(r.byName))
}
