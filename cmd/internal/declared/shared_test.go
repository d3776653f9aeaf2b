package declared

import (
	"testing"

	"github.com/rekindle-io/rekindle/cmd/internal/config"
	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

// Settings are a provider's own: who moves onto another one takes what its clusters
// share, and nothing of the first.
func TestAnotherProviderSharesItsOwnSettings(t *testing.T) {
	file, err := config.Load("f.yaml", []byte(`providers:
  cloud: {region: here, size: 3}
  local: {nodes: 2}
clusters:
  dev:
    source: {repo: https://example.com/r}
    provider: local
    settings: {simulate: fast}
    schedule: {zone: UTC, drill: {at: 0 3 * * 1, provider: cloud, settings: {size: 1}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	dev := file.Clusters["dev"]
	for name, tc := range map[string]struct {
		have rebuild.Request
		by   string
		want providers.Settings
	}{
		"as declared":        {Request(dev), "local", providers.Settings{"nodes": 2, "simulate": "fast"}},
		"the drill's":        {Drill(file, dev, "").Restore, "cloud", providers.Settings{"region": "here", "size": 1}},
		"the drill, by hand": {Drill(file, dev, "kind").Restore, "kind", nil},
	} {
		if tc.have.Provider != tc.by || len(tc.have.Settings) != len(tc.want) {
			t.Errorf("%s: %s with %v, want %s with %v", name, tc.have.Provider, tc.have.Settings, tc.by, tc.want)
		}
		for key, value := range tc.want {
			if tc.have.Settings[key] != value {
				t.Errorf("%s: %s is %v, want %v", name, key, tc.have.Settings[key], value)
			}
		}
	}
	same := Request(dev)
	Onto(file, &same, "local")
	if same.Settings["simulate"] != "fast" {
		t.Errorf("the same provider: %v", same.Settings)
	}
	none := Request(dev)
	Onto(nil, &none, "cloud")
	if none.Provider != "cloud" || none.Settings != nil {
		t.Errorf("without a file: %s with %v", none.Provider, none.Settings)
	}
}
