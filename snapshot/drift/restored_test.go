package drift

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

func TestWhatAServerMakesOfGitIsNoWordOfGits(t *testing.T) {
	kind := schema.GroupKind{Group: "apps", Kind: "Deployment"}
	for _, c := range []struct {
		name            string
		git, want, have string
		owned           bool
		fields          []Field
	}{{
		name: "a policy would put another value where the cluster has git's",
		git:  `{spec: {replicas: 1}}`, want: `{spec: {replicas: 2}}`, have: `{spec: {replicas: 1}}`, owned: true,
	}, {
		name: "a policy would add what neither has",
		git:  `{spec: {containers: [{name: a}]}}`, want: `{metadata: {labels: {p: p}}, spec: {containers: [{name: a}, {name: side}]}}`, have: `{spec: {containers: [{name: a}]}}`, owned: true,
	}, {
		name: "a policy would change a default that nobody owns",
		git:  `{spec: {}}`, want: `{spec: {minReadySeconds: 6}}`, have: `{spec: {minReadySeconds: 3}}`,
	}, {
		name: "a policy would change a default that its creator owns",
		git:  `{spec: {}}`, want: `{spec: {terminationGracePeriodSeconds: 60}}`, have: `{spec: {terminationGracePeriodSeconds: 30}}`, owned: true,
	}, {
		name: "the minus side is git's",
		git:  `{spec: {replicas: 1}}`, want: `{spec: {replicas: 2}}`, have: `{spec: {replicas: 5}}`, owned: true,
		fields: []Field{{"spec.replicas", 1.0, 5.0, nil}},
	}, {
		name: "or what the server makes of it, when that says the same",
		git:  `{spec: {ports: [{port: 80}]}}`, want: `{spec: {ports: [{port: 80, protocol: TCP}]}}`, have: `{spec: {ports: [{port: 80, protocol: TCP}, {port: 81, protocol: TCP}]}}`, owned: true,
		fields: []Field{{"spec.ports", []any{map[string]any{"port": 80.0, "protocol": "TCP"}}, []any{map[string]any{"port": 80.0, "protocol": "TCP"}, map[string]any{"port": 81.0, "protocol": "TCP"}}, nil}},
	}, {
		name: "what somebody owns and git does not have goes",
		git:  `{spec: {}}`, want: `{spec: {paused: false}}`, have: `{spec: {paused: true}}`, owned: true,
		fields: []Field{{"spec.paused", nil, true, nil}},
	}, {
		name: "an empty selector says something",
		git:  `{peer: {namespaceSelector: {}}}`, want: `{peer: {namespaceSelector: {}}}`, have: `{peer: {}}`,
		fields: []Field{{"peer.namespaceSelector", map[string]any{}, nil, nil}},
	}, {
		name: "a quantity in other words",
		git:  `{resources: {requests: {storage: 1024Mi}}}`, want: `{resources: {requests: {storage: 1500Mi}}}`, have: `{resources: {requests: {storage: 1Gi}}}`,
	}} {
		t.Run(c.name, func(t *testing.T) {
			fields := restored(kind, content(t, c.git), content(t, c.want), content(t, c.have), func(string) bool { return c.owned })
			if diff := cmp.Diff(c.fields, append([]Field(nil), fields...)); diff != "" {
				t.Errorf("fields (-want +have):\n%s", diff)
			}
		})
	}
}

func TestQuantitiesAreComparedByWhatTheyAreWorth(t *testing.T) {
	e := eyeFor(schema.GroupKind{Kind: "PersistentVolumeClaim"})
	for _, c := range []struct {
		path       string
		want, have any
		same       bool
	}{
		{"spec.resources.requests.storage", "1024Mi", "1Gi", true},
		{"spec.template.spec.containers[a].resources.limits.cpu", int64(1), "1000m", true},
		{"spec.template.spec.containers[a].resources.requests.cpu", 0.5, "500m", true},
		{`spec.hard["requests.cpu"]`, "2", "2000m", true},
		{`spec.limits[0].max.memory`, "1024Mi", "1Gi", true},
		{"spec.template.spec.volumes[a].emptyDir.sizeLimit", "1024Mi", "1Gi", true},
		{"spec.resources.requests.storage", "1024Mi", "1G", false},
		{"data.storage", "1024Mi", "1Gi", false},
		{"spec.template.spec.containers[requests].image", "1", "1000m", false},
		{"spec.resources.requests.storage", "much", "more", false},
	} {
		if e.same(c.path, c.want, c.have) != c.same {
			t.Errorf("%s: %v and %v: same is not %t", c.path, c.want, c.have, c.same)
		}
	}
	other := eyeFor(schema.GroupKind{Group: "example.com", Kind: "Lamp"})
	if other.same("spec.limits.cpu", "1", "1000m") {
		t.Error("of kinds that are not built in nobody knows what is a quantity")
	}
}

// A field that differs and was added is named once, and what is left to machines is
// not named, where the server cannot be asked.
func TestEachFieldIsNamedOnce(t *testing.T) {
	at := fieldpath.MakePathOrDie
	added := func(path string, p fieldpath.Path) addition {
		return addition{Field: Field{Path: path, Have: "x"}, at: p}
	}
	s := suspect{
		fields: []Field{{Path: "c[web].env[C]", Have: "x"}, {Path: "c[web].image", Want: "a", Have: "b"}, {Path: "c[side].image", Have: "y"}, {Path: "selector", Want: "a", Have: "b"}},
		touches: touches{
			added: []addition{added("c[web].env[C]", at("c", "env")), added("selector.tier", at("selector", "tier")), added("label", at("label"))},
			left:  []addition{added("c[side]", at("c"))},
		},
	}
	var have []string
	for _, f := range s.alone() {
		have = append(have, f.Path)
	}
	if diff := cmp.Diff([]string{"c[web].image", "selector", "c[web].env[C]", "label"}, have); diff != "" {
		t.Errorf("fields (-want +have):\n%s", diff)
	}
}
