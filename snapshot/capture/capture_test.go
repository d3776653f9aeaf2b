package capture_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/rule"
)

func parse(t testing.TB, text string) (object.ID, *unstructured.Unstructured) {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return object.IDOf(u), u
}

func filter(t testing.TB, opts capture.Options) *capture.Filter {
	t.Helper()
	f, err := capture.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWhatKubernetesMakesIsLeftOut(t *testing.T) {
	for _, c := range []struct{ manifest, class, why string }{
		{`{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}}`, "", "taken"},
		{`{apiVersion: v1, kind: Event, metadata: {name: e, namespace: shop}}`, "derived", "a message"},
		{`{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: l, namespace: shop}}`, "derived", "at work now"},
		{`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: web-1, namespace: shop, ownerReferences: [{kind: Deployment, name: web}]}}`, "derived", "owned by a Deployment (Deployment web)"},
		{`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: alone, namespace: shop}}`, "", "taken"},
		{`{apiVersion: v1, kind: Secret, metadata: {name: by-hand, namespace: shop, ownerReferences: [{kind: Cluster, name: c}], managedFields: [{manager: kubectl-create}, {manager: capi}]}}`, "", "taken"},
		{`{apiVersion: v1, kind: Secret, metadata: {name: edited, namespace: shop, ownerReferences: [{kind: Other, name: o}, {kind: Postgres, name: p, controller: true}], managedFields: [{manager: kubectl-edit}]}}`,
			"derived", "owned by a Postgres (Postgres p)"},
		{`{apiVersion: v1, kind: Secret, metadata: {name: made, namespace: shop, ownerReferences: [{kind: Cluster, name: c}], managedFields: [{manager: capi}]}}`, "derived", "owned by a Cluster"},
		{`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: "system:ours", namespace: shop}}`, "", "taken"},
		{`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: "system:x", namespace: kube-public}}`, "system", "a role of Kubernetes"},
		{`{apiVersion: v1, kind: Secret, metadata: {name: sh.helm.release.v1.mine, namespace: shop}, type: Opaque}`, "", "taken"},
		{`{apiVersion: v1, kind: Secret, metadata: {name: db-token-admin, namespace: shop, annotations: {kubernetes.io/service-account.name: db}}, type: Opaque}`, "", "taken"},
		{`{apiVersion: v1, kind: ConfigMap, metadata: {name: kube-root-ca.crt, namespace: shop}}`, "system", "each namespace"},
		{`{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}`, "system", "default account"},
		{`{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop, managedFields: [{manager: kube-controller-manager}, {manager: kubectl-patch}]}}`, "", "taken"},
		{`{apiVersion: v1, kind: Namespace, metadata: {name: default, managedFields: [{manager: kube-apiserver}, {manager: kubectl-label}]}}`, "", "taken"},
		{`{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}, imagePullSecrets: [{name: pull}]}`, "", "somebody else made or changed it"},
		{`{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}, imagePullSecrets: [{name: default-dockercfg-x7k2q}]}`, "system", "default account"},
		{`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: "system:x", managedFields: [{manager: kube-apiserver}, {manager: evil}]}}`, "", "taken"},
		{`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: edit, managedFields: [{manager: kube-apiserver}, {manager: clusterrole-aggregation-controller}]}}`, "system", "a role of Kubernetes"},
		{`{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: shop, labels: {kubernetes.io/bootstrapping: rbac-defaults}}}`, "", "taken"},
		{`{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot, namespace: shop}}`, "", "taken"},
		{`{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}`, "system", "every cluster has"},
		{`{apiVersion: v1, kind: ConfigMap, metadata: {name: mine, namespace: kube-system}}`, "baseline", "not recorded (kube-system)"},
		{`{apiVersion: v1, kind: Service, metadata: {name: kubernetes, namespace: default}}`, "system", "API server"},
		{`{apiVersion: v1, kind: Service, metadata: {name: kubernetes, namespace: shop}}`, "", "taken"},
		{`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: "system:x"}}`, "system", "a role of Kubernetes"},
		{`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: edit}}`, "system", "a role of Kubernetes"},
		{`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: "team:x"}}`, "", "taken"},
		{`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: x, labels: {kubernetes.io/bootstrapping: rbac-defaults}}}`, "system", "when it starts"},
		{`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.apps, labels: {kube-aggregator.kubernetes.io/automanaged: onstart}}}`, "system", "own groups"},
		{`{apiVersion: flowcontrol.apiserver.k8s.io/v1, kind: FlowSchema, metadata: {name: x, annotations: {apf.kubernetes.io/autoupdate-spec: "true"}}}`, "system", "flow control"},
		{`{apiVersion: v1, kind: Secret, metadata: {name: sh.helm.release.v1.web.v3, namespace: shop}}`, "derived", "Helm's record"},
		{`{apiVersion: v1, kind: ConfigMap, metadata: {name: sh.helm.release.v1.web.v3, namespace: shop, labels: {owner: helm}}}`, "derived", "Helm's record"},
		{`{apiVersion: v1, kind: ConfigMap, metadata: {name: sh.helm.release.v1.notes, namespace: shop}}`, "", "taken"},
		{`{apiVersion: v1, kind: Secret, metadata: {name: robot-token-x7k2q, namespace: shop, annotations: {kubernetes.io/service-account.name: robot}}}`, "derived", "1.23"},
		{`{apiVersion: v1, kind: Secret, metadata: {name: robot-token, namespace: shop, annotations: {kubernetes.io/service-account.name: robot}}}`, "", "taken"},
		{`{apiVersion: v1, kind: PersistentVolume, metadata: {name: pvc-1, annotations: {pv.kubernetes.io/provisioned-by: x}}}`, "derived", "provisioned for a claim"},
		{`{apiVersion: v1, kind: PersistentVolume, metadata: {name: disk}}`, "", "taken"},
		{`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data-db-0, namespace: shop, managedFields: [{manager: kube-controller-manager}, {manager: kube-controller-manager, subresource: status}]}}`,
			"derived", "made by kube-controller-manager"},
		{`{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, namespace: shop, managedFields: [{manager: kubectl-create}, {manager: kube-controller-manager}]}}`, "", "taken"},
		{`{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: by-hand, namespace: shop, managedFields: [{manager: kubectl}]}}`, "", "taken"},
		{`{apiVersion: v1, kind: Endpoints, metadata: {name: web, namespace: shop, managedFields: [{manager: kube-controller-manager}]}}`, "derived", "made by kube-controller-manager"},
		{`{apiVersion: v1, kind: Endpoints, metadata: {name: by-hand, namespace: shop, managedFields: [{manager: kubectl-create}]}}`, "", "taken"},
		{`{apiVersion: v1, kind: Endpoints, metadata: {name: empty, namespace: shop}}`, "derived", "made from Services"},
		{`{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web-1, namespace: shop, labels: {endpointslice.kubernetes.io/managed-by: endpointslicemirroring-controller.k8s.io}}}`, "derived", "made from Services"},
		{`{apiVersion: v1, kind: Pod, metadata: {name: etcd-node, namespace: shop, annotations: {kubernetes.io/config.mirror: x}}}`, "derived", "static Pod"},
		{`{apiVersion: networking.k8s.io/v1, kind: ServiceCIDR, metadata: {name: kubernetes}}`, "system", "address range"},
		{`{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: system-node-critical}}`, "system", "priority of Kubernetes"},
		{`{apiVersion: v1, kind: Secret, metadata: {name: rekindle, namespace: shop, labels: {applyset.kubernetes.io/id: x}}}`, "system", "inventory"},
	} {
		id, u := parse(t, c.manifest)
		v := filter(t, capture.Options{}).Judge(id, u)
		if string(v.Class) != c.class || !strings.Contains(v.String()+": "+v.Why, c.why) {
			t.Errorf("%s: %q, %q; want %q, %q", id, v.Class, v, c.class, c.why)
		}
	}
}

func TestTheEmptyClustersOwnIsLeftOutByRecord(t *testing.T) {
	f := filter(t, capture.Options{Birth: capture.Birth{{Kind: "ConfigMap", Namespace: "kube-system", Name: "coredns"}: {}}})
	id, u := parse(t, `{apiVersion: v1, kind: ConfigMap, metadata: {name: coredns, namespace: kube-system}}`)
	if v := f.Judge(id, u); v.Class != capture.Baseline {
		t.Errorf("%s: %s", id, v)
	}
	id, u = parse(t, `{apiVersion: v1, kind: ConfigMap, metadata: {name: added, namespace: kube-system}}`)
	if v := f.Judge(id, u); !v.Taken() {
		t.Errorf("what came later is somebody's: %s: %s", id, v)
	}
}

// What the new cluster had counts as soon as somebody touches it, and the record of
// it keeps when that was.
func TestWhatTheClusterHadCountsWhenItIsChanged(t *testing.T) {
	id, u := parse(t, `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: standard, managedFields: [{manager: kubectl-create, time: "2026-11-22T10:00:00Z"}]}}`)
	raw, err := json.Marshal(capture.Birth{id: capture.Touched(u)})
	if err != nil {
		t.Fatal(err)
	}
	var birth, old capture.Birth
	if err := errors.Join(json.Unmarshal(raw, &birth), json.Unmarshal([]byte(`[{"group":"storage.k8s.io","kind":"StorageClass","name":"standard"}]`), &old)); err != nil {
		t.Fatal(err)
	}
	_, later := parse(t, `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: standard, managedFields: [{manager: kubectl-create, time: "2026-11-22T10:00:00Z"}, {manager: kubectl-annotate, time: "2026-11-22T10:05:00Z"}]}}`)
	for _, c := range []struct {
		birth capture.Birth
		u     *unstructured.Unstructured
		want  capture.Class
	}{{birth, u, capture.Baseline}, {birth, later, capture.Taken}, {old, later, capture.Baseline}} {
		if v := filter(t, capture.Options{Birth: c.birth}).Judge(id, c.u); v.Class != c.want {
			t.Errorf("%v: %q (%s), want %q", c.birth, v.Class, v, c.want)
		}
	}
}

func TestTheNameOfAManagerTellsWhatItIs(t *testing.T) {
	for name, want := range map[string]capture.Hand{
		"kubectl-edit": capture.Somebody, "evil": capture.Somebody, "ancient-changes": capture.Somebody, "unknown": capture.Somebody,
		"k9s": capture.Somebody, "OpenAPI-Generator": capture.Somebody, "argocd-controller": capture.Somebody, "kustomize-controller": capture.Somebody,
		"helm-controller": capture.Somebody, "HashiCorp": capture.Somebody, "Terraform": capture.Somebody, "kubectl-client-side-apply": capture.Somebody,
		"kube-controller-manager": capture.Component, "kubelet/v1.36": capture.Component, "vpa-updater": capture.Component, "kwok": capture.Component,
		"api-priority-and-fairness-config-producer-v1": capture.Component,
		"ingress-controller":                           capture.Controller, "PrometheusOperator": capture.Controller, "cert-manager-certificates-issuing": capture.Controller,
		"cainjector": capture.Controller, "manager": capture.Controller, "aws-load-balancer-webhook": capture.Controller,
	} {
		if have := capture.HandOf(name); have != want {
			t.Errorf("%s: %d, want %d", name, have, want)
		}
	}
}

func TestHelpersOfTheNewClustersProgramsAreDerived(t *testing.T) {
	f := filter(t, capture.Options{Birth: capture.Birth{{Kind: "Namespace", Name: "local-path-storage"}: {}}})
	for manifest, want := range map[string]capture.Class{
		`{apiVersion: v1, kind: Pod, metadata: {name: helper-pod-delete-pvc-1, namespace: local-path-storage,
  managedFields: [{manager: local-path-provisioner, operation: Update}]}}`: capture.Derived,
		`{apiVersion: v1, kind: Pod, metadata: {name: mine, namespace: local-path-storage,
  managedFields: [{manager: kubectl-run, operation: Update}]}}`: capture.Taken,
		`{apiVersion: v1, kind: ConfigMap, metadata: {name: mine, namespace: local-path-storage}}`: capture.Taken,
		`{apiVersion: v1, kind: Pod, metadata: {name: mine, namespace: shop}}`:                     capture.Taken,
	} {
		id, u := parse(t, manifest)
		if v := f.Judge(id, u); v.Class != want {
			t.Errorf("%s: %q (%s), want %q", id, v.Class, v, want)
		}
	}
}

func TestRulesIncludeAndExclude(t *testing.T) {
	for _, c := range []struct {
		name, manifest   string
		include, exclude []capture.Rule
		why              string
	}{
		{"a kind", `{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: b}}`, nil, []capture.Rule{{Kind: "Secret", Reason: "none of ours"}}, "excluded by the rule kind=Secret (none of ours)"},
		{"a kind with its group", `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: b}}`, nil, []capture.Rule{{Kind: "Deployment.apps"}}, "excluded"},
		{"a kind of another group", `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: b}}`, nil, []capture.Rule{{Kind: "Deployment.extensions"}}, "taken"},
		{"the core group", `{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: b}}`, nil, []capture.Rule{{Group: "core"}}, "excluded"},
		{"a namespace by glob", `{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: team-1}}`, nil, []capture.Rule{{Namespace: "team-*"}}, "excluded"},
		{"the namespace itself goes with it", `{apiVersion: v1, kind: Namespace, metadata: {name: team-1}}`, nil, []capture.Rule{{Namespace: "team-*"}}, "excluded"},
		{"what has no namespace does not", `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: team-1}}`, nil, []capture.Rule{{Namespace: "team-*"}}, "taken"},
		{"a label", `{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: b, labels: {app: web}}}`, nil, []capture.Rule{{Labels: "app in (web, db)"}}, "excluded"},
		{"another label", `{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: b, labels: {app: x}}}`, nil, []capture.Rule{{Labels: "app in (web, db)"}}, "taken"},
		{"included", `{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: b}}`, []capture.Rule{{Namespace: "b"}}, nil, "taken"},
		{"not included", `{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: c}}`, []capture.Rule{{Namespace: "b"}}, nil, "no include rule"},
		{"exclude wins", `{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: b}}`, []capture.Rule{{Namespace: "b"}}, []capture.Rule{{Name: "{a,z}"}}, "excluded"},
		{"included, but derived", `{apiVersion: v1, kind: Event, metadata: {name: a, namespace: b}}`, []capture.Rule{{Namespace: "b"}}, nil, "a message"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, u := parse(t, c.manifest)
			v := filter(t, capture.Options{Include: c.include, Exclude: c.exclude}).Judge(id, u)
			if !strings.Contains(v.String(), c.why) {
				t.Errorf("%q, want %q", v, c.why)
			}
		})
	}
}

func TestKindsThatNobodyWantsAreNotListed(t *testing.T) {
	f := filter(t, capture.Options{Include: []capture.Rule{{Kind: "ConfigMap", Namespace: "shop"}, {Kind: "Secret"}}, Exclude: []capture.Rule{{Kind: "Secret"}}})
	for kind, want := range map[string]bool{"ConfigMap": false, "Secret": true, "Pod": true, "Event": true} {
		if _, skipped := f.Skips(schema.GroupKind{Kind: kind}); skipped != want {
			t.Errorf("%s: skipped %v, want %v", kind, skipped, want)
		}
	}
	if _, skipped := filter(t, capture.Options{}).Skips(schema.GroupKind{Kind: "Secret"}); skipped {
		t.Error("without rules Secrets are listed")
	}
}

func TestABrokenRuleIsNamed(t *testing.T) {
	for text, r := range map[string]capture.Rule{
		"rekindle.yaml:7: include or exclude rule: it is about everything": {At: "rekindle.yaml:7"},
		`name: "[a" is no glob`: {Name: "[a"},
		"is no label selector":  {Labels: "a in b"},
		"more than 512 bytes":   {Kind: strings.Repeat("x", 600)},
	} {
		_, err := capture.New(capture.Options{Exclude: []capture.Rule{r}})
		var invalid *rule.InvalidError
		if !errors.As(err, &invalid) || !strings.Contains(err.Error(), text) {
			t.Errorf("%+v: %v, want %q", r, err, text)
		}
	}
}

// What is not listed at all would not have been taken.
func TestSkippedKindsHaveNothingToTake(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"", "a", "b", "ConfigMap", "Secret", "Event", "*", "core"})
		rule := rapid.Custom(func(t *rapid.T) capture.Rule {
			return capture.Rule{Kind: word.Draw(t, "kind"), Group: word.Draw(t, "group"), Namespace: word.Draw(t, "namespace"), Name: word.Draw(t, "name")}
		}).Filter(func(r capture.Rule) bool { return len(r.Check()) == 0 })
		f, err := capture.New(capture.Options{Include: rapid.SliceOfN(rule, 0, 3).Draw(t, "include"), Exclude: rapid.SliceOfN(rule, 0, 3).Draw(t, "exclude")})
		if err != nil {
			t.Fatal(err)
		}
		id := object.ID{Kind: rapid.SampledFrom([]string{"ConfigMap", "Secret", "Event"}).Draw(t, "kind"), Namespace: word.Draw(t, "in"), Name: word.Draw(t, "named")}
		u := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": id.Name, "namespace": id.Namespace}}}
		if _, skipped := f.Skips(id.GroupKind()); skipped && f.Judge(id, u).Taken() {
			t.Fatalf("%s is taken, and its kind is not listed", id)
		}
	})
}

func TestTheExplanationCountsByReason(t *testing.T) {
	tally := capture.NewTally(true)
	f := filter(t, capture.Options{})
	for _, text := range []string{
		`{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: shop, ownerReferences: [{kind: ReplicaSet, name: web-1}]}}`,
		`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop, ownerReferences: [{kind: ReplicaSet, name: web-1}]}}`,
		`{apiVersion: v1, kind: ConfigMap, metadata: {name: mine, namespace: shop}}`,
	} {
		id, u := parse(t, text)
		part := tally.Fork()
		part.Count(id, f.Judge(id, u))
		tally.Add(part)
	}
	v, _ := f.Skips(schema.GroupKind{Kind: "Event"})
	tally.CountKind("Event", v)
	pod := func(name string) capture.Omission {
		return capture.Omission{ID: object.ID{Kind: "Pod", Namespace: "shop", Name: name}, Detail: "ReplicaSet web-1"}
	}
	want := capture.Explanation{Taken: 1, LeftOut: []capture.Group{
		{Class: capture.Derived, Why: "an event is a message, not a state", Kinds: []string{"Event"}},
		{Class: capture.Derived, Why: "owned by a ReplicaSet", Count: 2, Objects: []capture.Omission{pod("a"), pod("b")}},
	}}
	if diff := cmp.Diff(want, tally.Explain()); diff != "" {
		t.Errorf("explained (-want +have):\n%s", diff)
	}
}

func FuzzRule(f *testing.F) {
	f.Add("Deployment.*", "{a,b}", "app=web,tier!=x")
	f.Add("[", "{{", "a in (")
	f.Add("[^", "\\", "!a")
	f.Fuzz(func(t *testing.T, kind, name, labels string) {
		filter, err := capture.New(capture.Options{Exclude: []capture.Rule{{Kind: kind, Name: name, Labels: labels}}})
		if err != nil {
			t.Skip()
		}
		filter.Rules(object.ID{Kind: "Deployment", Group: "apps", Name: "web"}, map[string]string{"app": "web"})
	})
}

// TestRulesThatAreAboutNothing: a rule is used when something is there that it is
// about, whatever another rule says of that.
func TestRulesThatAreAboutNothing(t *testing.T) {
	f, err := capture.New(capture.Options{
		Include: []capture.Rule{{Namespace: "shop"}, {Namespace: "none"}},
		Exclude: []capture.Rule{{Kind: "Secret"}, {Kind: "Nothing"}, {Labels: "app=web"}, {Kind: "ConfigMap", Name: "we*"}, {Kind: "ConfigMap", Name: "w?b", Labels: "app=db"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Met(object.ID{Kind: "ConfigMap", Namespace: "shop", Name: "web"}, map[string]string{"app": "web"})
	var used []capture.State
	for _, s := range f.Statuses([]schema.GroupKind{{Kind: "Secret"}, {Kind: "ConfigMap"}}) {
		used = append(used, s.State)
	}
	want := []capture.State{capture.Used, capture.Unmatched, capture.Used, capture.Unmatched, capture.Used, capture.Used, capture.Unmatched}
	if !slices.Equal(used, want) {
		t.Errorf("got %q, want %q", used, want)
	}
	for group, skipped := range map[string]bool{"metrics.example.com": true, "example.com": false, "": false} {
		g, err := capture.New(capture.Options{Exclude: []capture.Rule{{Group: "metrics.*"}, {Kind: "A", Group: "example.com"}, {Group: "example.com", Name: "b"}}})
		if err != nil || g.SkipsGroup(group) != skipped {
			t.Errorf("group %q: %v, %v", group, g.SkipsGroup(group), err)
		}
	}
}
