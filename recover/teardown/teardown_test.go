package teardown_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/run"
)

// A whole evening: what people made by hand is on the branch, what stands for
// things outside is gone before the cluster is, and nothing is left.
func TestEvening(t *testing.T) {
	w := newWorld(t, web, db)
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
	} {
		if !slices.Contains(report.Removed, id) {
			t.Errorf("%s was not removed", id)
		}
	}
	if len(report.Removed) != 4 || len(report.Stuck)+len(report.Leftovers)+len(report.Losses) > 0 {
		t.Errorf("%s", words(t, report))
	}
	again := w.down(nil)
	if !again.Absent || again.Deleted {
		t.Errorf("torn down twice: %s", words(t, again))
	}
}
