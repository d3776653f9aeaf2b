package nights

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
)

// refusedHead is a commit that begins well and cannot be restored: the API server
// takes the ConfigMap and refuses the Deployment.
const refusedHead = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: new-in-head, namespace: shop}
data: {color: blue}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: other}}
    spec: {containers: [{name: web, image: "example.test/web:1"}]}
`

// push makes text the head of the repository, and returns the commit.
func (e evening) push(text string) string {
	e.t.Helper()
	dir := filepath.Join(e.dir, "repo")
	e.write("repo/shop.yaml", text)
	e.git("-C", dir, "commit", "--quiet", "-am", "Change the shop")
	return e.git("-C", dir, "rev-parse", "HEAD")
}

// fallBack declares that the last commit that verified may come back.
func (e evening) fallBack(more string) {
	e.t.Helper()
	e.write("rekindle.yaml", strings.Replace(e.dev(more), `07:00-20:00"`, `07:00-20:00", fallback: last-verified`, 1))
}

// verifiedAs wants that a run ended verified on a commit.
func (e evening) verifiedAs(r run.Run, commit string) {
	e.t.Helper()
	report, err := rebuild.ReportOf(r)
	if err != nil || r.Outcome != run.Done || !report.Verified || report.Commit.SHA != commit {
		raw, _ := json.Marshal(report)
		e.t.Fatalf("run %s (%s, %v) is not commit %s, verified: %s", r.ID, r.Outcome, err, commit, raw)
	}
}

// fallsBack pushes a head that is refused and lets the next morning come, on which
// the cluster falls back. It returns the commit.
func (e evening) fallsBack() string {
	e.t.Helper()
	bad := e.push(refusedHead)
	e.sleepOver(6)
	for range 3 {
		e.retry()
	}
	e.await("awake")
	return bad
}

// sleepOver lets that evening come, and the next morning.
func (e evening) sleepOver(evening int) {
	e.t.Helper()
	e.clock.set(at(evening, 20, 0))
	e.await("asleep")
	e.gone()
	e.clock.set(at(evening+1, 7, 0))
}

// A head that cannot be restored: after three failures the last commit that
// verified comes back, exactly, and people are told which and why. The nights
// after go as always, and a head that is mended is restored.
func TestFallback(t *testing.T) {
	e := newEvening(t, at(6, 19, 0), "")
	e.fallBack("")
	good := e.git("-C", filepath.Join(e.dir, "repo"), "rev-parse", "HEAD")
	e.up()
	e.verifiedAs(e.runs("restore")[0], good)
	bad := e.fallsBack()
	list := e.runs("restore")
	if outcomes(list) != "done unverified unverified unverified done" {
		t.Fatalf("restores: %s", outcomes(list))
	}
	e.verifiedAs(list[4], good)
	if err := e.find("dev", "new-in-head"); err == nil {
		t.Error("what the failed attempts made is still there")
	}
	for _, attempt := range []string{"attempt 1", "attempt 3"} {
		n := e.told("failure", attempt)
		for _, part := range []string{"1 not applied", "Deployment.apps shop/web", "shop.yaml:10", "selector"} {
			if !strings.Contains(n.Text, part) {
				t.Errorf("%s: %q is not told: %q", attempt, part, n.Text)
			}
		}
	}
	n := e.told("recovery", "awake after 4 attempts")
	for _, part := range []string{good[:12], "last commit that verified", "1 not applied"} {
		if !strings.Contains(n.Subject+"\n"+n.Text, part) {
			t.Errorf("the notice does not say %q: %s\n%s", part, n.Subject, n.Text)
		}
	}
	t.Logf("%s\n%s", n.Subject, n.Text)
	schedule := e.must("schedule", "list")
	if !strings.Contains(schedule, "fell back on "+good[:12]) {
		t.Errorf("schedule list:\n%s", schedule)
	}
	if runs := e.must("runs", "list", "--cluster", "dev"); strings.Count(runs, " unverified ") != 3 {
		t.Errorf("runs list:\n%s", runs)
	}
	if show := e.must("runs", "show", list[4].ID); !strings.Contains(show, good[:12]) {
		t.Errorf("runs show:\n%s", show)
	}
	mended := e.push(strings.Replace(refusedHead, "app: other", "app: web", 1))
	if mended == bad {
		t.Fatal("the head was not mended")
	}
	e.sleepOver(7)
	e.await("awake")
	list = e.runs("restore")
	if outcomes(list) != "done unverified unverified unverified done done" {
		t.Fatalf("restores: %s", outcomes(list))
	}
	e.verifiedAs(list[5], mended)
	if schedule := e.must("schedule", "list"); strings.Contains(schedule, "fell back") {
		t.Errorf("schedule list:\n%s", schedule)
	}
	if list := e.runs("teardown"); outcomes(list) != "done done" {
		t.Errorf("teardowns: %s", outcomes(list))
	}
}

// Without a fallback it stays failed, is tried again and again, and each failure
// is told, until the head is mended.
func TestNoFallback(t *testing.T) {
	e := newEvening(t, at(6, 19, 0), "")
	e.up()
	e.push(refusedHead)
	e.sleepOver(6)
	for range 4 {
		e.retry()
	}
	e.told("failure", "attempt 5")
	if list := e.runs("restore"); outcomes(list) != "done unverified unverified unverified unverified unverified" {
		t.Errorf("restores: %s", outcomes(list))
	}
	if v := e.cluster("dev"); v.State != "failed" || v.Attempts != 5 || !strings.Contains(v.LastError, "1 not applied") {
		t.Errorf("it is %+v", v)
	}
	mended := e.push(strings.Replace(refusedHead, "app: other", "app: web", 1))
	e.retry()
	e.await("awake")
	list := e.runs("restore")
	e.verifiedAs(list[len(list)-1], mended)
	e.told("recovery", "awake after 6 attempts")
}

// With a fallback but nothing that ever verified, the declared revision is tried
// on, so that a head that is mended comes up.
func TestNothingToFallBackOn(t *testing.T) {
	e := newEvening(t, at(6, 19, 0), "")
	e.fallBack("")
	e.push(refusedHead)
	e.start()
	for range 3 {
		e.retry()
	}
	e.told("failure", "attempt 4")
	mended := e.push(strings.Replace(refusedHead, "app: other", "app: web", 1))
	e.retry()
	e.await("awake")
	list := e.runs("restore")
	e.verifiedAs(list[len(list)-1], mended)
	if n := e.told("recovery", "awake after 5 attempts"); strings.Contains(n.Subject, "fell back") {
		t.Errorf("told %q", n.Subject)
	}
}

// A cluster that was whole before somebody restored the head onto it by hand, and
// that no teardown took away, may hold what is nowhere else: it is not made anew.
func TestFallbackInPlace(t *testing.T) {
	e := newEvening(t, at(6, 19, 0), "")
	e.fallBack("    protected: true\n")
	good := e.git("-C", filepath.Join(e.dir, "repo"), "rev-parse", "HEAD")
	e.up()
	e.push(refusedHead)
	if err := e.command("restore", "dev", "--yes").Run(); err == nil {
		t.Fatal("the head was restored")
	}
	e.clock.set(at(6, 20, 0))
	e.told("missed", "it is protected")
	e.clock.set(at(7, 7, 0))
	for range 3 {
		e.retry()
	}
	e.await("awake")
	list := e.runs("restore")
	if outcomes(list) != "done unverified unverified unverified unverified done" {
		t.Fatalf("restores: %s", outcomes(list))
	}
	e.verifiedAs(list[5], good)
	first, err := rebuild.ReportOf(list[0])
	if err != nil || !rebuild.MadeBy(list[0], first.ID) {
		t.Fatalf("run %s made no cluster (%v)", list[0].ID, err)
	}
	if last, err := rebuild.ReportOf(list[5]); err != nil || last.ID != first.ID {
		t.Errorf("the cluster was made anew (%v)", err)
	}
	if err := e.find("dev", "new-in-head"); err == nil {
		t.Error("what the failed attempts made is still there")
	}
}
