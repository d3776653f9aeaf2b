package rebuild_test

import (
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

// cloud is a provider whose clusters would be of a version that the settings name.
type cloud struct{ *local.Provider }

func (cloud) PlannedVersion(s providers.Settings) string {
	version, _ := s["version"].(string)
	return version
}

// A commit is planned for the Kubernetes that the provider would make; where
// nothing is known of that, the error says what is known.
func TestPlansForTheReleaseThatWouldBeMade(t *testing.T) {
	p := newPlace(t)
	var err error
	if p.Providers, err = providers.NewRegistry(cloud{p.local}); err != nil {
		t.Fatal(err)
	}
	p.commit(t, `{apiVersion: flowcontrol.apiserver.k8s.io/v1beta3, kind: FlowSchema, metadata: {name: one}}`)
	planned := func(version string) (*rebuild.Planned, error) {
		return p.Plan(t.Context(), rebuild.Request{Provider: "local", Source: p.req.Source, Settings: providers.Settings{"version": version}})
	}
	old, err := planned("v1.31")
	if err != nil || len(old.Plan.Unserved) != 0 || !strings.HasSuffix(old.Target, "Kubernetes v1.31") {
		t.Errorf("v1.31: %v, %+v", err, old)
	}
	newer, err := planned("v1.32")
	if err != nil || len(newer.Plan.Unserved) != 1 {
		t.Errorf("v1.32: %v, %+v", err, newer)
	}
	for _, version := range []string{"v1.29", "v1.99"} {
		_, err := planned(version)
		if err == nil || !strings.Contains(err.Error(), `"`+version+`"`) || !strings.Contains(err.Error(), "knows v1.30 to v1.36") {
			t.Errorf("%s: %v", version, err)
		}
	}
}
