package teardown_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/teardown"
)

// kept is a claim on a volume that outlives it.
const kept = `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: keep}
provisioner: rekindle.io/local
reclaimPolicy: Retain
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: archive, namespace: shop, annotations: {rekindle.io/data-saved-by: it is kept}}
spec: {storageClassName: keep, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

const pool = "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: spot, namespace: shop}\nspec: {}\n"

// A whole evening: what people made by hand is on the branch, what stands for
// things outside is gone before the cluster is, and nothing is left.
func TestEvening(t *testing.T) {
	w := newWorld(t, web, db, kept, definition("karpenter.sh", "v1", "NodePool", "nodepools"), pool)
	w.restore()
	w.hand().apply(shopPath+"/configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: by-hand}\ndata: {a: b}\n")
	report := w.down(nil)
	if report.Outcome != run.Done || !report.Deleted || report.Export == nil || report.Export.Commit != w.tip() || !report.Export.Pushed {
		t.Errorf("%s", words(t, report))
	}
	if !strings.Contains(w.exported("live/shop/config-map/by-hand.yaml"), "a: b") {
		t.Error("what was made by hand is lost")
	}
	for _, id := range []object.ID{
		{Kind: "Service", Namespace: "shop", Name: "web"}, {Group: "networking.k8s.io", Kind: "Ingress", Namespace: "shop", Name: "web"},
		{Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "data-db-0"}, {Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "data-db-1"},
		{Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "archive"}, {Group: "karpenter.sh", Kind: "NodePool", Namespace: "shop", Name: "spot"},
	} {
		if !slices.Contains(report.Removed, id) {
			t.Errorf("%s was not removed", id)
		}
	}
	if len(report.Removed) != 6 || len(report.Stuck)+len(report.Leftovers)+len(report.Losses) > 0 {
		t.Errorf("%s", words(t, report))
	}
	if r := report.Retained; len(r) != 1 || r[0].Claim != "shop/archive" || r[0].Handle == "" {
		t.Errorf("what is retained is not named: %s", words(t, r))
	}
	again := w.down(nil)
	if !again.Absent || again.Deleted {
		t.Errorf("torn down twice: %s", words(t, again))
	}
}

// A cluster that was made for a trial goes without an export, and no other does.
func TestThrowaway(t *testing.T) {
	w := newWorld(t, web, unsaved)
	w.restore()
	runs, err := w.store.Runs(t.Context(), run.Filter{Recipe: rebuild.Recipe})
	if err != nil || len(runs) != 1 {
		t.Fatal(runs, err)
	}
	w.restore() // in place: this one has not made the cluster
	second, err := w.store.Runs(t.Context(), run.Filter{Recipe: rebuild.Recipe, Limit: 1})
	if err != nil || second[0].ID == runs[0].ID {
		t.Fatal(second, err)
	}
	if err := w.refused(func(req *teardown.Request) { req.Throwaway = second[0].ID }); outcomeOf(err) != run.Refused || !strings.Contains(err.Error(), "no throwaway") {
		t.Errorf("%v", err)
	}
	report := w.down(func(req *teardown.Request) { req.Export, req.Throwaway = nil, runs[0].ID })
	if report.Export != nil || len(report.Removed) != 3 || w.tip() != "" {
		t.Errorf("%s", words(t, report))
	}
}
