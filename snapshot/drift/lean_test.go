package drift_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

func TestLeanLeavesOutWhatServersPutThere(t *testing.T) {
	type m = map[string]any
	pod := func() m {
		return m{
			"dnsPolicy": "ClusterFirst", "schedulerName": "mine", "securityContext": m{}, "restartPolicy": "Always",
			"containers": []any{m{"name": "a", "image": "x:1", "imagePullPolicy": "Always", "terminationMessagePath": "/dev/termination-log", "resources": m{"limits": m{"cpu": "1"}}}},
		}
	}
	id := object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	content := m{"spec": m{"replicas": int64(1), "template": m{"metadata": m{"labels": m{}}, "spec": pod()}}}
	lean := func(container m, more m) m {
		container["name"], container["image"], container["resources"] = "a", "x:1", m{"limits": m{"cpu": "1"}}
		more["schedulerName"], more["containers"] = "mine", []any{container}
		return m{"spec": m{"replicas": int64(1), "template": m{"spec": more}}}
	}
	for _, tt := range []struct {
		keep []string
		want m
	}{
		{nil, lean(m{}, m{})},
		{[]string{"spec.template.spec.containers[a].imagePullPolicy", "spec.template.spec.dnsPolicy"}, lean(m{"imagePullPolicy": "Always"}, m{"dnsPolicy": "ClusterFirst"})},
	} {
		got, ok := drift.Lean(id, content, tt.keep...)
		if diff := cmp.Diff(tt.want, got); diff != "" || !ok {
			t.Errorf("keeping %q: -want +got:\n%s", tt.keep, diff)
		}
	}
	if diff := cmp.Diff(m{"spec": m{"replicas": int64(1), "template": m{"metadata": m{"labels": m{}}, "spec": pod()}}}, content); diff != "" {
		t.Errorf("what went in has changed:\n%s", diff)
	}
	if _, ok := drift.Lean(object.ID{Group: "example.com", Kind: "Deployment"}, content); ok {
		t.Error("what another server puts into its own kinds is not known")
	}
	if _, ok := drift.Lean(id, content, "spec"); ok {
		t.Error("what is kept was left out")
	}
}
