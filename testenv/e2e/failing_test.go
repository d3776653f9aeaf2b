package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekindle-io/rekindle/recover/kube"
	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
)

const calm = `apiVersion: v1
kind: Namespace
metadata: {name: app}
---
apiVersion: v1
kind: Namespace
metadata: {name: stuck}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: held, namespace: stuck, finalizers: [example.com/nobody-comes]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: fixed, namespace: app}
immutable: true
data: {color: blue}
`

// trouble is what fails, each thing in its own way, beside what does not.
const trouble = `---
apiVersion: v1
kind: ConfigMap
metadata: {name: more, namespace: stuck}
---
apiVersion: v1
kind: Service
metadata: {name: invalid, namespace: app}
spec: {ports: [{port: 99999}]}
---
apiVersion: v1
kind: Service
metadata: {name: nobody, namespace: app}
spec: {selector: {app: nobody}, ports: [{port: 443}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: dead-guard}
webhooks:
- name: guard.example.com
  failurePolicy: Fail
  sideEffects: None
  admissionReviewVersions: [v1]
  timeoutSeconds: 2
  clientConfig: {service: {namespace: app, name: nobody}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [secrets]}]
---
apiVersion: v1
kind: Secret
metadata: {name: guarded, namespace: app}
stringData: {a: b}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.nowhere.example.com}
spec: {group: nowhere.example.com, version: v1, groupPriorityMinimum: 100, versionPriority: 100, service: {namespace: app, name: nobody}, insecureSkipTLSVerify: true}
---
apiVersion: v1
kind: Namespace
metadata: {name: tight}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: none, namespace: tight}
spec: {hard: {pods: "0"}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: app}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: "registry.example.com/job:1"}]}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: --all}
rules: []
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "evil\e[31m", namespace: app}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: good, namespace: app}
---
`

// TestFailingObjects: in one commit fails what can fail. Each is named with the
// reason, within --wait, and everything else is there.
func TestFailingObjects(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	repo := gitRepo(t, files{"calm.yaml": calm}, files{
		"calm.yaml":    strings.Replace(calm, "blue", "red", 1),
		"trouble.yaml": trouble + deployment("app", "nowhere", "      nodeSelector: {planet: mars}\n") + "---\n" + deployment("tight", "too-many", "") + "---\n" + deployment("app", "fine", ""),
	})
	restore := func(at string) []string {
		return []string{"restore", "--repo", repo, "--at", at, "--provider", "local", "--name", "mixed", "--wait", "8s", "--yes", "--json"}
	}
	m.must(0, restore("main~1")...)
	c, _ := m.connect("mixed")
	if err := c.Delete(t.Context(), kindOf(t, c, "", "v1", "Namespace"), "", "stuck", "", kube.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	r := m.must(4, restore("main")...)
	if took := time.Since(began); took > time.Minute {
		t.Errorf("with --wait 8s it took %s", took)
	}
	report := r.report(t)
	for _, want := range []struct{ object, reason string }{
		{"Namespace stuck", "finalizer"},
		{"ConfigMap stuck/more", "namespace stuck"},
		{"ConfigMap app/fixed", "immutable"},
		{"Service app/invalid", "99999"},
		{"ValidatingWebhookConfiguration.admissionregistration.k8s.io dead-guard", "endpoint"},
		{"APIService.apiregistration.k8s.io v1.nowhere.example.com", "endpoint"},
		{"ConfigMap app/evil\x1b[31m", "evil"},
	} {
		if have := reasonNotApplied(report, want.object); !strings.Contains(strings.ToLower(have), want.reason) {
			t.Errorf("%q was not applied because of %q, want a word about %q", want.object, have, want.reason)
		}
	}
	for _, want := range []struct{ object, reason string }{
		{"Deployment.apps app/nowhere", "node"},
		{"Deployment.apps tight/too-many", "quota"},
	} {
		if have := reasonUnsettled(report, want.object); !strings.Contains(strings.ToLower(have), want.reason) {
			t.Errorf("%q did not settle because of %q, want a word about %q", want.object, have, want.reason)
		}
	}
	uids := m.restoredUIDs("mixed")
	for _, id := range []string{"ConfigMap app/good", "Secret app/guarded", "Deployment.apps app/fine", "Job.batch app/once",
		"ClusterRole.rbac.authorization.k8s.io /--all", "ResourceQuota tight/none"} {
		if uids[id] == "" {
			t.Errorf("%s is not there, although nothing is wrong with it: %q", id, reasonNotApplied(report, strings.Replace(id, " /", " ", 1)))
		}
	}
	if t.Failed() {
		t.Logf("stderr:\n%s", r.err)
	}
	// People read the same, with nothing raw in it.
	harmless(t, m.must(0, "runs", "show", report.Run))
	harmless(t, m.must(0, "runs", "events", report.Run))
	harmless(t, m.must(4, "verify", "--repo", repo, "--at", "main", "--provider", "local", "--name", "mixed"))
	m.must(0, "clusters", "delete", "mixed", "--confirm", "mixed")
}

func reasonNotApplied(report *rebuild.Report, id string) string {
	i := slices.IndexFunc(report.NotApplied, func(n rebuild.NotApplied) bool { return name(n.ID) == id })
	if i < 0 {
		return ""
	}
	return report.NotApplied[i].Reason
}

func reasonUnsettled(report *rebuild.Report, id string) string {
	i := slices.IndexFunc(report.Unsettled, func(st kube.Status) bool { return name(st.ID) == id })
	if i < 0 {
		return ""
	}
	return report.Unsettled[i].Reason + ": " + report.Unsettled[i].Message
}

// name is an object as these tests write it.
func name(id object.ID) string {
	if id.Namespace == "" {
		return id.GroupKind().String() + " " + id.Name
	}
	return id.GroupKind().String() + " " + id.Namespace + "/" + id.Name
}
