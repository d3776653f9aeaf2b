package rebuild_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

// nobodyAnswers is an APIService without a server behind it.
const nobodyAnswers = `{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1beta1.broken.example.com},
spec: {group: broken.example.com, version: v1beta1, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true,
service: {name: nobody, namespace: default}}}`

const apiServices = "/apis/apiregistration.k8s.io/v1/apiservices"

// awaitUntil fails the test unless ok comes true within half a minute.
func awaitUntil(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-time.After(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain until " + what)
		}
	}
}

// A cluster that cannot say what it has is not given back, whatever loss was
// agreed to: objects of kinds that nobody can list may be ours, or others' in a
// namespace of ours.
func TestKindsThatCannotBeListed(t *testing.T) {
	g := newGuest(t)
	g.commit(t, shop, settings("own", "1", ""))
	g.verified(t)
	live := g.by(t, "team-b")
	live.post(apiServices, nobodyAnswers)
	awaitUntil(t, "the APIService is unavailable", func() bool {
		return strings.Contains(words(t, live.get(apiServices+"/v1beta1.broken.example.com")), `"status": "False"`)
	})
	agreed := func(r *rebuild.DeleteRequest) { r.AllowDataLoss = true }
	if err := g.leave(t, agreed, nil); err == nil || !strings.Contains(err.Error(), "broken.example.com/v1beta1") {
		t.Errorf("given back: %v", err)
	}
	if live.has(configMapPath("own")) || live.get(shopPath).GetDeletionTimestamp() != nil || !live.has(inventory) {
		t.Error("what is known was kept, or the namespace or the inventory was not")
	}
	if _, err := g.Remains(t.Context(), g.req.Provider, g.req.Cluster); err != nil {
		t.Errorf("the record is gone: %v", err)
	}
	live.delete(shopPath) // nothing of ours is left but the inventory
	live.delete(apiServices + "/v1beta1.broken.example.com")
	awaitUntil(t, "the cluster is given back", func() bool { return g.leave(t, nil, nil) == nil })
	if live.has(inventory) {
		t.Error("the inventory is still there")
	}
}

// What others make in a namespace of ours while we leave is theirs.
func TestStrangersWhoComeLate(t *testing.T) {
	g := newGuest(t)
	g.commit(t, shop, settings("own", "1", ", finalizers: [example.com/hold]"))
	g.verified(t)
	team := g.by(t, "team-b")
	left := make(chan error, 1)
	go func() { left <- g.leave(t, nil, nil) }()
	awaitUntil(t, "what is ours is being removed", func() bool { return team.get(configMapPath("own")).GetDeletionTimestamp() != nil })
	team.post("/api/v1/namespaces/shop/configmaps", settings("late", "theirs", ""))
	team.patch(configMapPath("own"), `{"metadata":{"finalizers":null}}`)
	if err := <-left; err != nil {
		t.Fatal(err)
	}
	if !team.has(shopPath) {
		t.Fatal("the namespace went with what somebody made in it meanwhile")
	}
	namespace := team.get(shopPath)
	if namespace.GetDeletionTimestamp() != nil || !team.has(configMapPath("late")) {
		t.Error("what somebody made meanwhile went along")
	}
	if namespace.GetAnnotations()[object.AppliedAnnotation] != "" {
		t.Error("the namespace still bears our marks")
	}
	if team.has(inventory) {
		t.Error("the inventory is still there")
	}
}
