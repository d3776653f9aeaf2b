package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/providers"
)

func TestSharedSettings(t *testing.T) {
	c, err := Load("f.yaml", []byte(`providers:
  picky:
    nodes: 1
    allow: {accounts: ["1"]}
    tags: {team: a}
clusters:
  own: {source: {repo: r}, provider: picky, settings: {nodes: 2, tags: null}}
  same: {source: {repo: r}, provider: picky}
  other: {source: {repo: r}, provider: local}
`))
	if err != nil {
		t.Fatal(err)
	}
	allow, tags := map[string]any{"accounts": []any{"1"}}, map[string]any{"team": "a"}
	want := map[string]providers.Settings{
		"own":   {"nodes": 2, "allow": allow, "tags": nil},
		"same":  {"nodes": 1, "allow": allow, "tags": tags},
		"other": nil,
	}
	have := map[string]providers.Settings{}
	for name, cl := range c.Clusters {
		have[name] = cl.Settings
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("settings (-want +have):\n%s", diff)
	}
	have["same"]["allow"].(map[string]any)["accounts"] = "changed"
	if diff := cmp.Diff(allow, c.With("picky", nil)["allow"]); diff != "" {
		t.Errorf("a cluster's settings are not its own:\n%s", diff)
	}
	for _, tc := range []struct{ cluster, key, want string }{
		{"own", "nodes", "clusters.own.settings.nodes f.yaml:7:56"},
		{"own", "allow", "providers.picky.allow f.yaml:4:5"},
		{"same", "nodes", "providers.picky.nodes f.yaml:3:5"},
	} {
		if field, at := c.SettingAt(tc.cluster, tc.key); field+" "+at.String() != tc.want {
			t.Errorf("%s of %s is from %s %s, want %s", tc.key, tc.cluster, field, at, tc.want)
		}
	}
	if none := (*Config)(nil).With("picky", nil); none != nil {
		t.Errorf("no file shares %v", none)
	}
}

func TestCheckProvidersOfSharedSettings(t *testing.T) {
	registry, err := providers.NewRegistry(picky{})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"unused": {`providers:
  picky: {node: 2}
  pick: {}
`, []string{
			`f.yaml:2:11: providers.picky.node: unknown field`,
			`f.yaml:3:3: providers.pick: unknown provider "pick", did you mean "picky"? (known: [picky])`,
		}},
		"said once, where it stands": {`providers:
  picky:
    nodes: 9
clusters:
  a: {source: {repo: r}, provider: picky}
  b: {source: {repo: r}, provider: picky, settings: {ports: [{}, {host: 0}]}}
`, []string{
			`f.yaml:3:5: providers.picky.nodes: too many`,
			`f.yaml:5:3: clusters.a.settings.ports[1].host: 0 is no port`,
			`f.yaml:5:3: clusters.a.settings: they do not go together: leave one out`,
			`f.yaml:6:53: clusters.b.settings: they do not go together: leave one out`,
			`f.yaml:6:67: clusters.b.settings.ports[1].host: 0 is no port`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Load("f.yaml", []byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, strings.Split(c.CheckProviders(registry).Error(), "\n")); diff != "" {
				t.Errorf("problems (-want +have):\n%s", diff)
			}
		})
	}
	schema := compiled(t)
	if err := validate(t, schema, []byte("providers: {picky: {nodes: 2, anything: [1]}}")); err != nil {
		t.Error(err)
	}
	if validate(t, schema, []byte("providers: {picky: 3}")) == nil {
		t.Error("the schema takes a number for settings")
	}
	if _, err := Load("f.yaml", []byte("providers: {picky: 3}")); err == nil || !strings.Contains(err.Error(), "f.yaml:1:20: providers.picky: want a mapping, have a number") {
		t.Errorf("error %v", err)
	}
}
