package kindtest

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/testenv/workload"
)

// TestKilled kills a restore of the guarded shop while the node boots, and
// again while it applies. What resume makes of it is one cluster, whose webhook
// came after what answers for it.
func TestKilled(t *testing.T) {
	m := newMachine(t, workload.Repo(t), 0)
	m.kill(func() bool { return len(m.containers()) > 0 && m.step() == "provision" }, "restore", m.cluster, "--at", workload.Guarded, "--wait", "90s", "--json")
	first, ok := m.newest()
	if !ok {
		t.Fatal("the run was not journaled")
	}
	m.kill(func() bool { return m.step() == "apply" }, "runs", "resume", first.ID, "--json")
	report := m.must(0, "runs", "resume", first.ID, "--json").report(t)
	if !report.Verified || report.Run != first.ID {
		t.Errorf("verified %t, run %s of %s: %s", report.Verified, report.Run, first.ID, report.Error)
	}
	if have := m.containers(); len(have) != 1 {
		t.Errorf("there are the nodes %v, want one", have)
	}
	ready, configured := guardTimes(m)
	if configured.Before(ready) {
		t.Errorf("the webhook was configured at %s, and what answers for it was ready at %s", configured, ready)
	}
	m.must(0, "verify", m.cluster, "--at", workload.Guarded)
}

// kill starts a command and kills it as soon as when says so.
func (m *machine) kill(when func() bool, args ...string) {
	m.t.Helper()
	cmd := m.command(args...)
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	eventually(m.t, "the moment to kill", when)
	at := m.step()
	_ = cmd.Process.Kill() // it may have ended just now
	_ = cmd.Wait()         // the state says it
	if code := cmd.ProcessState.ExitCode(); code != -1 {
		m.t.Fatalf("rekindle %v ended with exit code %d before it was killed", args, code)
	}
	m.t.Logf("killed in %q", at)
}

// newest is the newest run on the cluster.
func (m *machine) newest() (run.Run, bool) {
	m.t.Helper()
	journal, err := run.OpenStore(filepath.Join(m.dir, "state", "rekindle"), run.StoreOptions{})
	if err != nil {
		m.t.Fatal(err)
	}
	list, err := journal.Runs(m.t.Context(), run.Filter{Cluster: m.cluster, Limit: 1})
	if err != nil {
		m.t.Fatal(err)
	}
	if len(list) == 0 {
		return run.Run{}, false
	}
	return list[0], true
}

// step is the name of the step that the newest run is in, "" when in none.
func (m *machine) step() string {
	m.t.Helper()
	r, _ := m.newest()
	i := slices.IndexFunc(r.Steps, func(s run.Step) bool { return s.State == run.Running })
	if i < 0 {
		return ""
	}
	return r.Steps[i].Name
}

// guardTimes are when the Pod behind the webhook became ready, and when the
// webhook was configured, to the second.
func guardTimes(m *machine) (ready, configured time.Time) {
	m.t.Helper()
	pods(m, "guard", func(p *unstructured.Unstructured) {
		conditions, _, _ := unstructured.NestedSlice(p.Object, "status", "conditions")
		for _, c := range conditions {
			if c, ok := c.(map[string]any); ok && c["type"] == "Ready" && c["status"] == "True" {
				text, _ := c["lastTransitionTime"].(string)
				ready, _ = time.Parse(time.RFC3339, text) // zero: not ready, as told below
			}
		}
	})
	if ready.IsZero() {
		m.t.Error("the Pod behind the webhook is not ready")
	}
	kind := object.Kind{GroupVersionKind: schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingWebhookConfiguration"}, Resource: "validatingwebhookconfigurations"}
	u, err := m.connect().Get(m.t.Context(), kind, "", "guard")
	if err != nil {
		m.t.Fatal(err)
	}
	return ready, u.GetCreationTimestamp().Time
}
