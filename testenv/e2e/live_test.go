package e2e

import (
	"maps"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
)

// connect connects to a cluster of the machine, past rekindle; false when it
// does not run.
func (m *machine) connect(cluster string) (*kube.Cluster, bool) {
	m.t.Helper()
	p, err := local.New(local.Options{Root: m.root(), Now: time.Now})
	if err != nil {
		m.t.Fatal(err)
	}
	kubeconfig, err := p.Connect(m.t.Context(), cluster)
	if err != nil {
		return nil, false
	}
	c, err := kube.Connect(kubeconfig, "", kube.Options{UserAgent: "e2e", Now: time.Now})
	if err != nil {
		m.t.Fatal(err)
	}
	return c, true
}

// restoredUIDs are the uids of the objects that restores made, by identity.
// Empty when the cluster does not answer yet.
func (m *machine) restoredUIDs(cluster string) map[string]string {
	m.t.Helper()
	uids := map[string]string{}
	c, ok := m.connect(cluster)
	if !ok {
		return uids
	}
	catalogue, err := c.Discover(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	for _, kind := range catalogue.Kinds() {
		if !kind.Can("list") {
			continue
		}
		err := c.List(m.t.Context(), kind, kube.ListOptions{MetadataOnly: true, LabelSelector: "applyset.kubernetes.io/part-of"}, func(u *unstructured.Unstructured) error {
			if len(u.GetOwnerReferences()) > 0 {
				return nil // a controller's: it copied the label
			}
			uids[kind.GroupKind().String()+" "+u.GetNamespace()+"/"+u.GetName()] = string(u.GetUID())
			return nil
		})
		if err != nil {
			m.t.Fatal(err)
		}
	}
	return uids
}

// sameObjects fails the test when an object of before is gone or was made anew.
func (m *machine) sameObjects(before, after map[string]string) {
	m.t.Helper()
	for _, id := range slices.Sorted(maps.Keys(before)) {
		if after[id] != before[id] {
			m.t.Errorf("%s was made twice: uid %s, then %q", id, before[id], after[id])
		}
	}
}

// kind is a kind of the cluster.
func kindOf(t *testing.T, c *kube.Cluster, group, version, kind string) object.Kind {
	t.Helper()
	catalogue, err := c.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	k, ok := catalogue.Lookup(schema.GroupVersionKind{Group: group, Version: version, Kind: kind})
	if !ok {
		t.Fatalf("the cluster serves no %s of %s/%s", kind, group, version)
	}
	return k
}
