package recoverability_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/snapshot/recoverability"
)

func parse(t testing.TB, text string) map[string]any {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(raw); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return u.Object
}

// live returns an object that the commit does not have. With a second text it is
// the reason for which the comparison leaves it out.
func live(t testing.TB, text string, why ...string) drift.Sighting {
	t.Helper()
	u := &unstructured.Unstructured{Object: parse(t, text)}
	s := drift.Sighting{ID: object.IDOf(u), Live: u}
	if len(why) > 0 {
		s.Verdict = capture.Verdict{Class: capture.Derived, Why: why[0]}
	}
	return s
}

// inGit returns an object that the commit has too.
func inGit(t testing.TB, text string) drift.Sighting {
	t.Helper()
	s := live(t, text)
	s.Expected = &object.Object{Unstructured: s.Live, From: object.Provenance{File: "a.yaml", Line: 3}}
	return s
}

func survey(t testing.TB, opts recoverability.Options, seen ...drift.Sighting) *recoverability.Report {
	t.Helper()
	for _, o := range seen {
		if o.Expected != nil {
			opts.Expected = append(opts.Expected, o.Expected)
		}
	}
	s := recoverability.New(opts)
	for _, o := range seen {
		if err := s.See(o); err != nil {
			t.Fatal(err)
		}
	}
	return s.Report(nil)
}

// short is a finding in one line: rule, subject, points.
func short(r *recoverability.Report) []string {
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, fmt.Sprintf("%s %s %d", f.Rule, f.Subject, f.Points))
	}
	return lines
}

const claim = `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, namespace: shop, labels: {app: db}},
  spec: {storageClassName: fast, volumeName: pv-1, resources: {requests: {storage: 5Gi}}}, status: {phase: Bound, capacity: {storage: 8Gi}}}`

const (
	nodeVolume  = `{apiVersion: v1, kind: PersistentVolume, metadata: {name: pv-1}, spec: {hostPath: {path: /x}}}`
	cloudVolume = `{apiVersion: v1, kind: PersistentVolume, metadata: {name: pv-1}, spec: {csi: {driver: ebs.csi.aws.com}}}`
	rookVolume  = `{apiVersion: v1, kind: PersistentVolume, metadata: {name: pv-1}, spec: {csi: {driver: rook-ceph.rbd.csi.ceph.com}}}`
)

func TestClaims(t *testing.T) {
	velero := func(template, status string) string {
		return `{apiVersion: velero.io/v1, kind: Schedule, metadata: {name: nightly, namespace: velero}, spec: {schedule: "@daily", template: {` +
			template + `}}, status: {` + status + `}}`
	}
	ran := `phase: Enabled, lastBackup: "2026-11-21T00:00:00Z"`
	for _, tc := range []struct {
		name  string
		seen  []string
		want  string
		saved int
	}{
		{"on a node, nothing saves it", []string{claim, nodeVolume}, "claim-unsaved PersistentVolumeClaim shop/data 20", 0},
		{"in the cluster's own storage", []string{claim, rookVolume}, "claim-unsaved PersistentVolumeClaim shop/data 20", 0},
		{"on a disk of a cloud", []string{claim, cloudVolume}, "claim-unsaved PersistentVolumeClaim shop/data 10", 0},
		{"somewhere", []string{claim}, "claim-unsaved PersistentVolumeClaim shop/data 15", 0},
		{"by the class alone", []string{claim, `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: fast}, provisioner: rancher.io/local-path}`},
			"claim-unsaved PersistentVolumeClaim shop/data 20", 0},
		{"gone with its Pod", []string{strings.Replace(claim, "labels:", "ownerReferences: [{kind: Pod, name: p, apiVersion: v1, uid: u}], labels:", 1)}, "", 0},
		{"no data yet", []string{strings.Replace(claim, "Bound", "Pending", 1)}, "", 0},

		{"said on the claim", []string{strings.Replace(claim, "labels:", "annotations: {rekindle.io/data-saved-by: dumps}, labels:", 1)}, "", 1},
		{"said on the namespace", []string{claim, `{apiVersion: v1, kind: Namespace, metadata: {name: shop, annotations: {rekindle.io/data-saved-by: dumps}}}`}, "", 1},
		{"said on another namespace", []string{claim, nodeVolume, `{apiVersion: v1, kind: Namespace, metadata: {name: a, annotations: {rekindle.io/data-saved-by: dumps}}}`},
			"claim-unsaved PersistentVolumeClaim shop/data 20", 0},
		{"said on the class", []string{claim, `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: fast, annotations: {rekindle.io/data-saved-by: "-"}}, provisioner: x}`}, "", 1},
		{"said on the volume", []string{claim, strings.Replace(nodeVolume, "name: pv-1", "name: pv-1, annotations: {rekindle.io/data-saved-by: x}", 1)}, "", 1},
		{"said with nothing", []string{strings.Replace(claim, "labels:", `annotations: {rekindle.io/data-saved-by: " "}, labels:`, 1), nodeVolume}, "claim-unsaved PersistentVolumeClaim shop/data 20", 0},

		{"Velero, all", []string{claim, cloudVolume, velero("", ran)}, "", 1},
		{"Velero, snapshots of storage that goes along", []string{claim, rookVolume, velero("", ran)}, "claim-near PersistentVolumeClaim shop/data 20", 0},
		{"Velero, moved away", []string{claim, rookVolume, velero("snapshotMoveData: true", ran)}, "", 1},
		{"Velero, files", []string{claim, nodeVolume, velero("defaultVolumesToFsBackup: true", ran)}, "", 1},
		{"Velero, has not run", []string{claim, cloudVolume, velero("", "")}, "claim-waiting PersistentVolumeClaim shop/data 5", 0},
		{"Velero, this namespace", []string{claim, cloudVolume, velero("includedNamespaces: [sh*]", ran)}, "", 1},
		{"Velero, other namespaces", []string{claim, cloudVolume, velero("includedNamespaces: [a, b]", ran)}, "claim-unsaved PersistentVolumeClaim shop/data 10", 0},
		{"Velero, but not this namespace", []string{claim, cloudVolume, velero("excludedNamespaces: [shop]", ran)}, "claim-unsaved PersistentVolumeClaim shop/data 10", 0},
		{"Velero, other resources", []string{claim, cloudVolume, velero("includedResources: [configmaps]", ran)}, "claim-unsaved PersistentVolumeClaim shop/data 10", 0},
		{"Velero, no volumes", []string{claim, cloudVolume, velero("snapshotVolumes: false", ran)}, "claim-unsaved PersistentVolumeClaim shop/data 10", 0},
		{"Velero, by labels", []string{claim, cloudVolume, velero("labelSelector: {matchLabels: {app: db}}", ran)}, "", 1},
		{"Velero, by other labels", []string{claim, cloudVolume, velero("labelSelector: {matchLabels: {app: web}}", ran)}, "claim-unsaved PersistentVolumeClaim shop/data 10", 0},
		{"Velero, chosen by a Pod", []string{claim, nodeVolume, velero("snapshotVolumes: false", ran),
			`{apiVersion: v1, kind: Pod, metadata: {name: db-0, namespace: shop, ownerReferences: [{kind: StatefulSet, name: db, apiVersion: apps/v1, uid: u}],
  annotations: {backup.velero.io/backup-volumes: "x, d"}}, spec: {volumes: [{name: d, persistentVolumeClaim: {claimName: data}}]}}`}, "", 1},

		{"a snapshot", []string{claim, rookVolume, `{apiVersion: snapshot.storage.k8s.io/v1, kind: VolumeSnapshot, metadata: {name: s, namespace: shop, ownerReferences: [{kind: X, name: x, apiVersion: v1, uid: u}]},
  spec: {source: {persistentVolumeClaimName: data}}, status: {readyToUse: true}}`}, "claim-near PersistentVolumeClaim shop/data 20", 0},
		{"a snapshot of another", []string{claim, cloudVolume, `{apiVersion: snapshot.storage.k8s.io/v1, kind: VolumeSnapshot, metadata: {name: s, namespace: other, ownerReferences: [{kind: X, name: x, apiVersion: v1, uid: u}]},
  spec: {source: {persistentVolumeClaimName: data}}, status: {readyToUse: true}}`}, "claim-unsaved PersistentVolumeClaim shop/data 10", 0},
		{"VolSync", []string{claim, nodeVolume, `{apiVersion: volsync.backube/v1alpha1, kind: ReplicationSource, metadata: {name: s, namespace: shop},
  spec: {sourcePVC: data, restic: {}}, status: {lastSyncTime: "x"}}`}, "", 1},
		{"K8up", []string{claim, nodeVolume, `{apiVersion: k8up.io/v1, kind: Schedule, metadata: {name: s, namespace: shop}, spec: {backup: {schedule: "@daily"}}}`}, "", 1},
		{"Kasten", []string{claim, nodeVolume, `{apiVersion: config.kio.kasten.io/v1alpha1, kind: Policy, metadata: {name: s, namespace: kasten-io},
  spec: {actions: [{action: backup}, {action: export}], selector: {matchExpressions: [{key: k10.kasten.io/appNamespace, operator: In, values: [shop]}]}}}`}, "", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var seen []drift.Sighting
			for _, text := range tc.seen {
				o := live(t, text)
				o.Expected = &object.Object{Unstructured: o.Live}
				seen = append(seen, o)
			}
			r := survey(t, recoverability.Options{}, seen...)
			var data []string
			for _, line := range short(r) {
				if strings.HasPrefix(line, "claim-") {
					data = append(data, line)
				}
			}
			if have := strings.Join(data, "\n"); have != tc.want || r.Saved != tc.saved {
				t.Errorf("have %q, %d saved; want %q, %d", have, r.Saved, tc.want, tc.saved)
			}
			for _, f := range r.Findings {
				if f.Category == recoverability.Data && (f.Size != "8Gi" || f.Class != "fast") {
					t.Errorf("its size is %q, its class %q", f.Size, f.Class)
				}
			}
		})
	}
}

func TestSecrets(t *testing.T) {
	secret := func(metadata, rest string) string {
		return `{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: shop` + metadata + `}, type: Opaque` + rest + `}`
	}
	for _, tc := range []struct{ name, text, finding, maker string }{
		{"by hand", secret("", ""), "secret-unexpected Secret shop/s 4", ""},
		{"cert-manager", secret(", annotations: {cert-manager.io/certificate-name: web}", ""), "", "issued by cert-manager"},
		{"sealed", secret(", ownerReferences: [{kind: SealedSecret, name: s, apiVersion: bitnami.com/v1alpha1, uid: u}]", ""), "", "unsealed by Sealed Secrets"},
		{"external", secret(`, labels: {reconcile.external-secrets.io/managed: "true"}`, ""), "", "fetched by External Secrets"},
		{"an operator's", secret(", ownerReferences: [{kind: Postgres, name: s, apiVersion: x/v1, uid: u}]", ""), "", "owned by a Postgres"},
		{"by hand, removed with another", secret(", ownerReferences: [{kind: Cluster, name: c, apiVersion: x/v1, uid: u}], managedFields: [{manager: kubectl-create, operation: Update}]", ""),
			"secret-unexpected Secret shop/s 4", ""},
		{"kept elsewhere", secret(", annotations: {rekindle.io/data-saved-by: the safe}", ""), "", "kept elsewhere, people say: the safe"},
		{"a sealing key", secret(`, labels: {sealedsecrets.bitnami.com/sealed-secrets-key: active}`, ""), "secret-key Secret shop/s 15", ""},
		{"a compromised sealing key", secret(`, labels: {sealedsecrets.bitnami.com/sealed-secrets-key: compromised}`, ""), "secret-unexpected Secret shop/s 4", ""},
		{"an age key", secret("", `, data: {keys.agekey: c2VjcmV0}`), "secret-key Secret shop/s 15", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := survey(t, recoverability.Options{}, live(t, tc.text))
			if have := strings.Join(short(r), "\n"); have != tc.finding {
				t.Errorf("have finding %q, want %q", have, tc.finding)
			}
			maker := ""
			for _, m := range r.Makers {
				maker = m.By
			}
			if maker != tc.maker {
				t.Errorf("have maker %q, want %q", maker, tc.maker)
			}
		})
	}
	if r := survey(t, recoverability.Options{}, inGit(t, secret("", ""))); r.Score != 100 || len(r.Makers) > 0 {
		t.Errorf("a Secret of the commit costs something: %+v", r)
	}
}

func TestSecretsThatGitNeeds(t *testing.T) {
	for name, spec := range map[string]string{
		"variable":      "template: {spec: {containers: [{env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: a}}}]}]}}",
		"all variables": "template: {spec: {containers: [{envFrom: [{secretRef: {name: s}}]}]}}",
		"volume":        "template: {spec: {volumes: [{name: v, secret: {secretName: s}}]}}",
		"pull secret":   "template: {spec: {imagePullSecrets: [{name: s}]}}",
		"TLS":           "tls: [{hosts: [a], secretName: s}]",
	} {
		t.Run(name, func(t *testing.T) {
			r := survey(t, recoverability.Options{}, inGit(t, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {"+spec+"}}"),
				live(t, "{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: shop}, type: Opaque}"),
				live(t, "{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: other}, type: Opaque}"))
			if diff := cmp.Diff([]string{"secret-unexpected Secret shop/s 6", "secret-unexpected Secret other/s 4"}, short(r)); diff != "" {
				t.Fatalf("findings (-want +have):\n%s", diff)
			}
			if !strings.HasSuffix(r.Findings[0].What, ", and Deployment.apps shop/web, which is in git, needs it") {
				t.Errorf("it says %q", r.Findings[0].What)
			}
		})
	}
}

func pod(name, image, id string) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: shop, labels: {pod-template-hash: abc},
  ownerReferences: [{kind: ReplicaSet, name: web-abc, apiVersion: apps/v1, uid: u}]},
  spec: {containers: [{name: c, image: %q}]}, status: {containerStatuses: [{name: c, image: x, imageID: %q}]}}`, name, image, id)
}

func TestImages(t *testing.T) {
	const one, two = "sha256:1111", "sha256:2222"
	for _, tc := range []struct {
		name, image string
		ids         []string
		want        string
		digests     int
	}{
		{"no tag", "nginx", []string{"docker.io/library/nginx@" + one}, "image-latest nginx 3", 1},
		{"latest", "r.io:5000/a/nginx:latest", []string{"docker-pullable://nginx@" + one}, "image-latest r.io:5000/a/nginx:latest 3", 1},
		{"a port is no tag", "r.io:5000/nginx", []string{"x@" + one}, "image-latest r.io:5000/nginx 3", 1},
		{"moving", "nginx:1.25", []string{"x@" + one}, "image-moving nginx:1.25 2", 1},
		{"branch", "web:main", []string{"x@" + one}, "image-moving web:main 2", 1},
		{"version", "nginx:1.25.3-alpine", []string{"x@" + one}, "image-version nginx:1.25.3-alpine 0", 1},
		{"commit", "web:3f9a1c2", []string{"x@" + one}, "image-version web:3f9a1c2 0", 1},
		{"build", "web:main-20261122", []string{"x@" + one}, "image-version web:main-20261122 0", 1},
		{"moved", "nginx:1.25.3", []string{"x@" + one, "x@" + two}, "image-version nginx:1.25.3 3", 2},
		{"pinned", "nginx:1.25@" + one, []string{"x@" + one}, "", 0},
		{"from nowhere", "web:1.2.3", []string{"sha256:abcd"}, "image-local web:1.2.3 3", 0},
		{"not running", "web:1.2.3", []string{""}, "image-version web:1.2.3 0", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var seen []drift.Sighting
			for i, id := range tc.ids {
				seen = append(seen, live(t, pod(fmt.Sprint("p", i), tc.image, id), "owned by a ReplicaSet"))
			}
			r := survey(t, recoverability.Options{}, seen...)
			if have := strings.Join(short(r), "\n"); have != tc.want || r.Images != 1 {
				t.Fatalf("have %q of %d images, want %q", have, r.Images, tc.want)
			}
			for _, f := range r.Findings {
				if len(f.Digests) != tc.digests || strings.Join(f.UsedBy, " ") != "Deployment shop/web" {
					t.Errorf("have digests %v, used by %v", f.Digests, f.UsedBy)
				}
			}
		})
	}
}

const definition = `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: caches.example.com%s},
  spec: {group: example.com, names: {kind: Cache}, versions: [{name: v1, served: true}, {name: v1beta1, served: false}]}, status: {storedVersions: [v1]}}`

func TestObjectsAndDefinitions(t *testing.T) {
	crd, installed := fmt.Sprintf(definition, ""), fmt.Sprintf(definition, ", labels: {app.kubernetes.io/managed-by: Helm}")
	owner := ", ownerReferences: [{kind: Operator, name: caches, apiVersion: x/v1, uid: u"
	cache := `{apiVersion: example.com/v1, kind: Cache, metadata: {name: a, namespace: shop}}`
	removed := func(gvk schema.GroupVersionKind) (string, bool) { return "removed in v1.25", gvk.Version == "v1beta1" }
	for _, tc := range []struct {
		name string
		seen []drift.Sighting
		want []string
	}{
		{"unexpected, by what they are", []drift.Sighting{
			live(t, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}`), live(t, `{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}`),
			live(t, `{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}}`), live(t, cache),
			live(t, `{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: b}}`, "owned by a Deployment"),
		}, []string{"object-unexpected Cache.example.com shop/a 3", "object-unexpected Deployment.apps a 3", "object-unexpected ConfigMap a 2", "object-unexpected Pod a 1"}},
		{"in git", []drift.Sighting{inGit(t, crd), inGit(t, cache)}, nil},
		{"without a definition", []drift.Sighting{live(t, crd), inGit(t, cache)}, []string{"definition-missing CustomResourceDefinition.apiextensions.k8s.io caches.example.com 5"}},
		{"with an installed one", []drift.Sighting{live(t, installed), inGit(t, cache)}, []string{"definition-missing CustomResourceDefinition.apiextensions.k8s.io caches.example.com 2"}},
		{"with one that its operator installs", []drift.Sighting{live(t, fmt.Sprintf(definition, owner+", controller: true}]")), inGit(t, cache)},
			[]string{"definition-missing CustomResourceDefinition.apiextensions.k8s.io caches.example.com 2"}},
		{"with one that a person made, and an owner takes along", []drift.Sighting{live(t, fmt.Sprintf(definition, owner+"}], managedFields: [{manager: kubectl-create, operation: Update}]")), inGit(t, cache)},
			[]string{"definition-missing CustomResourceDefinition.apiextensions.k8s.io caches.example.com 5"}},
		{"an unused one", []drift.Sighting{live(t, crd)}, []string{"definition-unused CustomResourceDefinition.apiextensions.k8s.io caches.example.com 1"}},
		{"removed version", []drift.Sighting{inGit(t, `{apiVersion: policy/v1beta1, kind: PodDisruptionBudget, metadata: {name: a}}`)}, []string{"version-removed PodDisruptionBudget.policy a 2"}},
		{"stored version", []drift.Sighting{inGit(t, strings.Replace(crd, "storedVersions: [v1]", "storedVersions: [v1, v1beta1]", 1))},
			[]string{"version-stored CustomResourceDefinition.apiextensions.k8s.io caches.example.com 1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, short(survey(t, recoverability.Options{Removed: removed}, tc.seen...))); diff != "" {
				t.Errorf("findings (-want +have):\n%s", diff)
			}
		})
	}
}

func TestDriftCostsToo(t *testing.T) {
	s := recoverability.New(recoverability.Options{})
	s.Listed(object.Kind{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Secret"}}, errors.New("forbidden"))
	s.Listed(object.Kind{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "Pod"}}, nil)
	r := s.Report(&drift.Report{
		Changed: []drift.Change{{ID: object.ID{Kind: "ConfigMap", Name: "a"}, Fields: []drift.Field{{Path: "data.a"}}}},
		Unknown: []drift.Unknown{{Kind: "Deployment.apps"}}, Unlisted: map[string]string{"metrics.k8s.io/v1beta1": "503"},
	})
	if r.Score != 99 || !r.AtMost {
		t.Errorf("have %d, at most: %v", r.Score, r.AtMost)
	}
	if diff := cmp.Diff([]string{"Deployment.apps", "Secret", "metrics.k8s.io/v1beta1"}, r.Unknown); diff != "" {
		t.Errorf("unknown (-want +have):\n%s", diff)
	}
}

func TestNamesAloneAreNotEnough(t *testing.T) {
	r := survey(t, recoverability.Options{}, live(t, `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a, namespace: b}}`))
	if !r.AtMost || len(r.Unknown) != 1 {
		t.Errorf("a claim of which only metadata was seen is held for none: %+v", r)
	}
}

func TestExcludedObjectsCostNothing(t *testing.T) {
	o := live(t, claim)
	o.Verdict = capture.Verdict{Class: capture.Excluded, Why: "excluded by the rule"}
	if r := survey(t, recoverability.Options{}, o); r.Score != 100 || r.Claims != 0 {
		t.Errorf("have %+v", r)
	}
}

// world is one of each, to be shown in any order.
func world(t testing.TB) []drift.Sighting {
	return []drift.Sighting{
		inGit(t, claim), live(t, rookVolume, "provisioned for a claim"),
		live(t, strings.Replace(claim, "name: data", "name: more", 1)),
		live(t, `{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: a}, type: Opaque, data: {marker: bWFya2Vy, keys.agekey: bWFya2Vy}}`),
		live(t, `{apiVersion: v1, kind: Secret, metadata: {name: r, namespace: a}, type: Opaque, data: {marker: bWFya2Vy}}`),
		live(t, `{apiVersion: v1, kind: Secret, metadata: {name: t, namespace: a, annotations: {cert-manager.io/certificate-name: x}}, type: Opaque}`),
		live(t, pod("p1", "nginx", "x@sha256:2"), "owned by a ReplicaSet"), live(t, pod("p2", "nginx", "x@sha256:1"), "owned by a ReplicaSet"),
		live(t, pod("p3", "web:1.2", "x@sha256:3"), "owned by a ReplicaSet"),
		live(t, fmt.Sprintf(definition, "")), live(t, `{apiVersion: example.com/v1, kind: Cache, metadata: {name: a, namespace: shop}}`),
		live(t, `{apiVersion: snapshot.storage.k8s.io/v1, kind: VolumeSnapshot, metadata: {name: s2, namespace: shop}, spec: {source: {persistentVolumeClaimName: data}}, status: {readyToUse: true}}`),
		live(t, `{apiVersion: snapshot.storage.k8s.io/v1, kind: VolumeSnapshot, metadata: {name: s1, namespace: shop}, spec: {source: {persistentVolumeClaimName: data}}, status: {readyToUse: true}}`),
		live(t, `{apiVersion: velero.io/v1, kind: Schedule, metadata: {name: b, namespace: v}, spec: {template: {}}}`),
		live(t, `{apiVersion: velero.io/v1, kind: Schedule, metadata: {name: a, namespace: v}, spec: {template: {}}}`),
	}
}

func TestTheOrderOfObjectsDoesNotMatter(t *testing.T) {
	all := world(t)
	want, err := json.MarshalIndent(survey(t, recoverability.Options{}, all...), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(want), "bWFya2Vy") {
		t.Fatal("a value of a Secret is in the report")
	}
	rapid.Check(t, func(rt *rapid.T) {
		have, err := json.MarshalIndent(survey(t, recoverability.Options{}, rapid.Permutation(all).Draw(rt, "order")...), "", " ")
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(have)); diff != "" {
			rt.Fatalf("the report depends on the order:\n%s", diff)
		}
	})
}

func TestTheScoreIsWhatItIsSaidToBe(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := world(t)
		r := survey(t, recoverability.Options{}, rapid.Permutation(all).Draw(rt, "order")[:rapid.IntRange(0, len(all)).Draw(rt, "n")]...)
		lost, most := 0, 0
		for _, c := range r.Categories {
			points := 0
			for _, f := range r.Findings {
				if f.Category == c.Category {
					points += f.Points
				}
			}
			if points != c.Points || c.Lost != min(c.Points, c.Most) {
				rt.Fatalf("%s: %+v, but its findings have %d points", c.Category, c, points)
			}
			lost += c.Lost
			most += c.Most
		}
		if r.Score != 100-lost || most != 100 || r.Score < 0 {
			rt.Fatalf("the score is %d, %d of %d are lost", r.Score, lost, most)
		}
		for _, f := range r.Findings {
			if f.What == "" || f.Do == "" || f.Subject == "" {
				rt.Fatalf("a finding says too little: %+v", f)
			}
		}
	})
}

func FuzzSee(f *testing.F) {
	for _, seed := range []string{claim, nodeVolume, fmt.Sprintf(definition, ""), pod("a", "b", "c"),
		`{apiVersion: velero.io/v1, kind: Schedule, metadata: 1, spec: {template: {includedNamespaces: [1], labelSelector: {matchLabels: 3}}}}`,
		`{apiVersion: config.kio.kasten.io/v1alpha1, kind: Policy, spec: {actions: [{action: backup}], selector: {matchExpressions: [{key: "a b", operator: X}]}}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var content map[string]any
		if yaml.Unmarshal([]byte(text), &content) != nil || content == nil {
			t.Skip()
		}
		u := &unstructured.Unstructured{Object: content}
		s := recoverability.New(recoverability.Options{})
		for _, o := range []drift.Sighting{
			{ID: object.IDOf(u), Live: u},
			{ID: object.IDOf(u), Live: u, Verdict: capture.Verdict{Class: capture.Derived}},
			live(t, claim),
		} {
			if err := s.See(o); err != nil {
				t.Fatal(err)
			}
		}
		if r := s.Report(nil); r.Score < 0 || r.Score > 100 {
			t.Fatalf("the score is %d", r.Score)
		}
	})
}

// A survey of 30,000 objects, most of them Pods, beside a comparison that lists
// them.
func BenchmarkSurvey(b *testing.B) {
	var seen []drift.Sighting
	for i := range 30_000 {
		seen = append(seen, live(b, pod(fmt.Sprint("p", i), fmt.Sprint("web:", i%50), "x@sha256:1"), "owned by a ReplicaSet"))
	}
	b.ReportAllocs()
	for b.Loop() {
		s := recoverability.New(recoverability.Options{})
		for _, o := range seen {
			if err := s.See(o); err != nil {
				b.Fatal(err)
			}
		}
		s.Report(nil)
	}
}
