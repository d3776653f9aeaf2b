package nights

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A head that is mended while the cluster runs on its fallback comes at once: one
// that fails, too, gives way to the fallback again, and a cluster with live changes
// is left to people, who are told.
func TestMendedByDay(t *testing.T) {
	e := newEvening(t, at(6, 19, 0), "")
	e.fallBack("")
	good := e.git("-C", filepath.Join(e.dir, "repo"), "rev-parse", "HEAD")
	e.up()
	e.fallsBack()

	const more = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: more, namespace: shop}\n"
	e.push(refusedHead + more)
	e.later(6 * time.Minute)
	if n := e.told("failure", "the declared revision failed again"); !strings.Contains(n.Text, "Deployment.apps shop/web") {
		t.Errorf("told %q", n.Text)
	}
	e.eventually("the fallback is back", func() bool {
		return outcomes(e.runs("restore")) == "done unverified unverified unverified done unverified done"
	})
	e.await("awake")
	e.verifiedAs(e.runs("restore")[6], good)

	if err := e.create("dev", "by-hand", at(7, 8, 0)); err != nil {
		t.Fatal(err)
	}
	mended := e.push(strings.Replace(refusedHead, "app: other", "app: web", 1))
	e.later(6 * time.Minute)
	if n := e.told("failure", "left on its fallback"); !strings.Contains(n.Text, "0 changed, 0 missing, 1 unexpected") || !strings.Contains(n.Text, mended[:12]) {
		t.Errorf("told %q", n.Text)
	}
	e.await("awake")
	if n := len(e.runs("restore")); n != 7 {
		t.Errorf("%d restores, although people work on it", n)
	}

	client, err := e.configMaps("dev")
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Delete(t.Context(), "by-hand", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	e.later(6 * time.Minute)
	e.told("recovery", "the declared revision is back")
	e.verifiedAs(e.runs("restore")[7], mended)
	if schedule := e.must("schedule", "list"); strings.Contains(schedule, "fell back") {
		t.Errorf("schedule list:\n%s", schedule)
	}
}

// later is so much later.
func (e evening) later(d time.Duration) {
	e.t.Helper()
	e.clock.set(e.clock.now().Add(d))
}
