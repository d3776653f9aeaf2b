package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/rekindle-io/rekindle/providers"
)

// With returns the settings of a cluster of a provider that has own settings: those
// that all clusters of the provider share, and over them, key by key, its own. It is
// nil when there are neither. c may be nil.
func (c *Config) With(provider string, own providers.Settings) providers.Settings {
	var merged providers.Settings
	if c != nil {
		merged = copied(map[string]any(c.Providers[provider])).(map[string]any)
	}
	if len(merged) == 0 {
		return own
	}
	maps.Copy(merged, own)
	return merged
}

// copied copies what decoding makes, so that who changes one cluster's settings does
// not change another's.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[key] = copied(value)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, value := range v {
			l[i] = copied(value)
		}
		return l
	}
	return v
}

// SettingAt returns where a key of a cluster's settings is from: the path of the
// field, in the cluster itself or below providers, and its position.
func (c *Config) SettingAt(cluster, key string) (field string, at Position) {
	own := []string{"clusters", cluster, "settings", key}
	shared := []string{"providers", c.Clusters[cluster].Provider, key}
	path := own
	if !c.has(own...) && c.has(shared...) {
		path = shared
	}
	return joinPath(path...), c.Position(path...)
}

func (c *Config) has(path ...string) bool {
	_, is := c.positions[joinPath(path...)]
	return is
}

// settingsPath is where the setting of a cluster stands that a problem names: what
// all clusters of its provider share is not the cluster's.
func (c *Config) settingsPath(cluster string, setting []string) []string {
	if len(setting) > 0 {
		key, _, _ := strings.Cut(setting[0], "[") // "nodes[0]" is in nodes
		provider := c.Clusters[cluster].Provider
		if !c.has("clusters", cluster, "settings", key) && c.has("providers", provider, key) {
			return slices.Concat([]string{"providers", provider}, setting)
		}
	}
	return slices.Concat([]string{"clusters", cluster, "settings"}, setting)
}

// sharedProblems says what is wrong with the settings that clusters share, whether
// there is a cluster of that provider or not. That something is missing is no
// problem here: clusters may have it.
func (c *Config) sharedProblems(registry *providers.Registry) []Problem {
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		p, err := registry.Get(name)
		if err != nil {
			problems = append(problems, Problem{
				Position: c.Position("providers", name), Field: joinPath("providers", name),
				Message: err.Error(),
			})
			continue
		}
		for _, one := range settingsErrors(p.Check(c.Providers[name])) {
			if len(one.setting) == 0 {
				continue
			}
			key, _, _ := strings.Cut(one.setting[0], "[")
			if path := []string{"providers", name}; c.has(append(path, key)...) {
				path = append(path, one.setting...)
				problems = append(problems, Problem{Position: c.Position(path...), Field: joinPath(path...), Message: one.message})
			}
		}
	}
	return problems
}
