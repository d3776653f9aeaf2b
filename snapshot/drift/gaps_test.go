package drift_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/snapshot/capture"
	"github.com/rekindle-io/rekindle/snapshot/drift"
)

// shelf is a cluster of which some kinds cannot be listed whole.
type shelf struct {
	objects []*unstructured.Unstructured
	// breaks says after how many objects the list of a kind breaks off, and how.
	breaks map[string]error
	after  int
}

func (s *shelf) List(_ context.Context, kind object.Kind, _ bool, each func(*unstructured.Unstructured) error) error {
	n := 0
	for _, u := range s.objects {
		if u.GetKind() != kind.Kind {
			continue
		}
		if n == s.after && s.breaks[kind.Kind] != nil {
			return s.breaks[kind.Kind]
		}
		n++
		if err := each(u.DeepCopy()); err != nil {
			return err
		}
	}
	return s.breaks[kind.Kind]
}

func (s *shelf) Get(_ context.Context, kind object.Kind, namespace, name string) (*unstructured.Unstructured, error) {
	for _, u := range s.objects {
		if u.GetKind() == kind.Kind && u.GetNamespace() == namespace && u.GetName() == name {
			return u.DeepCopy(), nil
		}
	}
	return nil, errors.New("not found")
}

// DryRun says that what is applied is what would be stored.
func (s *shelf) DryRun(_ context.Context, _ object.Kind, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return o, nil
}

func manifest(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

func kind(name string, namespaced bool) object.Kind {
	return object.Kind{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: name}, Resource: strings.ToLower(name) + "s", Namespaced: namespaced, Verbs: []string{"list"}}
}

func expect(list ...*unstructured.Unstructured) []drift.Expected {
	var expected []drift.Expected
	for _, u := range list {
		expected = append(expected, drift.Expected{Object: &object.Object{Unstructured: u}, Kind: kind(u.GetKind(), true)})
	}
	return expected
}

func configMap(t testing.TB, name, value string) *unstructured.Unstructured {
	return manifest(t, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: %s, namespace: shop}, data: {a: %q}}", name, value))
}

func secret(t testing.TB, name string) *unstructured.Unstructured {
	return manifest(t, "{apiVersion: v1, kind: Secret, metadata: {name: "+name+", namespace: shop}, data: {a: cGxhaW4=}}")
}

// witness takes down what an observer is shown.
type witness struct {
	mu     sync.Mutex
	seen   []string
	listed map[string]error
	fail   error
}

func (w *witness) See(s drift.Sighting) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, fmt.Sprintf("%s %s expected=%v form=%v", s.ID, s.Verdict, s.Expected != nil, s.Canonical != nil))
	return w.fail
}

func (w *witness) Listed(kind object.Kind, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listed[kind.Kind] = err
}

func catalogueOf() *object.Catalogue {
	return object.NewCatalogue("v1.36.3", []object.Kind{kind("ConfigMap", true), kind("Secret", true), kind("Namespace", false), kind("Event", true)})
}

var errForbidden = errors.New("forbidden: you may not")

// A list that breaks off in its middle says nothing about its kind: neither that
// what it showed is as it is, nor that what it did not show is gone.
func TestAKindThatBreaksOffIsUnknown(t *testing.T) {
	cluster := &shelf{after: 1, breaks: map[string]error{"ConfigMap": errForbidden}, objects: []*unstructured.Unstructured{
		configMap(t, "a", "changed"), configMap(t, "stranger", "x"), configMap(t, "b", "1"), secret(t, "s"), manifest(t, "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}"),
	}}
	w := &witness{listed: map[string]error{}}
	tally := capture.NewTally(false)
	report, err := drift.Compare(t.Context(), cluster, expect(configMap(t, "a", "1"), configMap(t, "b", "1"), secret(t, "s"), secret(t, "gone")),
		drift.Options{Catalogue: catalogueOf(), Tolerant: true, Observer: w, Tally: tally})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Changed)+len(report.Unexpected) != 1 || report.Unexpected[0].ID.Name != "shop" {
		t.Errorf("something of a broken list was believed: %s", words(report))
	}
	if len(report.Missing) != 1 || report.Missing[0].ID.Name != "gone" {
		t.Errorf("missing: %s", words(report.Missing))
	}
	if len(report.Unknown) != 1 || report.Unknown[0].Kind != "ConfigMap" || len(report.Unknown[0].Objects) != 2 || !strings.Contains(report.Unknown[0].Reason, "you may not") {
		t.Errorf("unknown: %s", words(report.Unknown))
	}
	if report.Knows(object.ID{Kind: "ConfigMap", Name: "x"}) || !report.Knows(object.ID{Kind: "Secret", Name: "x"}) {
		t.Error("it is not told apart what is known")
	}
	if !errors.Is(w.listed["ConfigMap"], errForbidden) || w.listed["Secret"] != nil {
		t.Errorf("the observer was told %v", w.listed)
	}
	if _, listed := w.listed["Event"]; listed {
		t.Error("events were listed")
	}
	if e := tally.Explain(); e.Taken != 2 {
		t.Errorf("counted: %s", words(e))
	}
}

func TestAStrictComparisonWantsEveryKind(t *testing.T) {
	cluster := &shelf{breaks: map[string]error{"ConfigMap": errForbidden}}
	_, err := drift.Compare(t.Context(), cluster, expect(configMap(t, "a", "1")), drift.Options{Catalogue: catalogueOf()})
	if !errors.Is(err, errForbidden) {
		t.Errorf("%v", err)
	}
}

func TestAClusterOfWhichNothingCanBeListedIsAnError(t *testing.T) {
	all := map[string]error{"ConfigMap": errForbidden, "Secret": errForbidden, "Namespace": errForbidden}
	_, err := drift.Compare(t.Context(), &shelf{breaks: all}, expect(configMap(t, "a", "1")), drift.Options{Catalogue: catalogueOf(), Tolerant: true})
	if !errors.Is(err, errForbidden) {
		t.Errorf("%v", err)
	}
}

func TestTheObserverSeesEachObjectOnce(t *testing.T) {
	cluster := &shelf{objects: []*unstructured.Unstructured{configMap(t, "a", "1"), configMap(t, "kube-root-ca.crt", "x"), secret(t, "s")}}
	w := &witness{listed: map[string]error{}}
	if _, err := drift.Compare(t.Context(), cluster, expect(configMap(t, "a", "1")), drift.Options{Catalogue: catalogueOf(), Observer: w}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(w.seen)
	want := []string{
		"ConfigMap shop/a taken expected=true form=true",
		"ConfigMap shop/kube-root-ca.crt the certificate that Kubernetes puts into each namespace expected=false form=false",
		"Secret shop/s taken expected=false form=false",
	}
	if !slices.Equal(w.seen, want) {
		t.Errorf("seen:\n%s", strings.Join(w.seen, "\n"))
	}
}

func TestAnObserverThatFailsEndsTheComparison(t *testing.T) {
	full := errors.New("the disk is full")
	cluster := &shelf{objects: []*unstructured.Unstructured{configMap(t, "a", "1"), secret(t, "s")}}
	for _, tolerant := range []bool{false, true} {
		_, err := drift.Compare(t.Context(), cluster, expect(configMap(t, "a", "1")),
			drift.Options{Catalogue: catalogueOf(), Tolerant: tolerant, Observer: &witness{listed: map[string]error{}, fail: full}})
		if !errors.Is(err, full) {
			t.Errorf("tolerant %v: %v", tolerant, err)
		}
	}
}

// rules ignores by what test tables say: "ConfigMap shop/a data.a kubectl-edit".
type rules map[string]string

func (r rules) Ignores(id object.ID, path, manager string) (string, bool) {
	for _, manager := range []string{manager, "*"} {
		if rule, ok := r[fmt.Sprintf("%s %s %s", id, path, manager)]; ok {
			return rule, true
		}
	}
	return "", false
}

func TestWhatRulesIgnoreIsListedApart(t *testing.T) {
	changed, hidden := configMap(t, "changed", "1"), secret(t, "hidden")
	live := configMap(t, "changed", "2")
	if err := unstructured.SetNestedField(live.Object, "3", "data", "b"); err != nil {
		t.Fatal(err)
	}
	live.SetManagedFields(manifest(t, `{metadata: {managedFields: [
  {manager: kubectl-edit, operation: Update, apiVersion: v1, fieldsType: FieldsV1, time: "2026-11-20T10:00:00Z", fieldsV1: {"f:data": {"f:a": {}}}},
  {manager: robot, operation: Update, apiVersion: v1, fieldsType: FieldsV1, time: "2026-11-21T10:00:00Z", fieldsV1: {"f:data": {"f:a": {}, "f:b": {}}}}]}}`).GetManagedFields())
	secretLive := secret(t, "hidden")
	secretLive.Object["data"] = map[string]any{"a": "b3RoZXI="}
	cluster := &shelf{objects: []*unstructured.Unstructured{live, secretLive, configMap(t, "stranger", "1"), manifest(t, "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}")}}
	compare := func(ignore rules) *drift.Report {
		report, err := drift.Compare(t.Context(), cluster, expect(changed, hidden, configMap(t, "gone", "1")), drift.Options{Catalogue: catalogueOf(), Ignore: ignore})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	all := compare(rules{
		"ConfigMap shop/changed data.a kubectl-edit": "people may", "ConfigMap shop/changed data.a robot": "robots may", "ConfigMap shop/changed data.b *": "b is free",
		"ConfigMap shop/gone  *": "it comes and goes", "ConfigMap shop/stranger  *": "let it be", "Secret shop/hidden data.a *": "rotated", "Namespace shop  *": "made elsewhere",
	})
	if !all.Clean() || len(all.Ignored) != 6 {
		t.Errorf("not all is ignored: %s", words(all))
	}
	if text := words(all); strings.Contains(text, "b3RoZXI=") || strings.Contains(text, "cGxhaW4=") {
		t.Errorf("a Secret's value got out: %s", text)
	}
	some := compare(rules{"ConfigMap shop/changed data.a robot": "robots may", "ConfigMap shop/changed data.b robot": "robots may"})
	i := slices.IndexFunc(some.Changed, func(c drift.Change) bool { return c.ID.Name == "changed" })
	if i < 0 || len(some.Changed[i].Fields) != 1 || some.Changed[i].Fields[0].Path != "data.a" {
		t.Fatalf("a field that a person set, too, counts: %s", words(some))
	}
	by := some.Changed[i].Fields[0].By
	if len(by) != 2 || by[0].Manager != "robot" || by[1].Manager != "kubectl-edit" || by[1].Time.Day() != 20 {
		t.Errorf("who set it: %s", words(by))
	}
}

// scaled is a cluster in which something is scaled after it was listed.
type scaled struct{ *shelf }

func (s scaled) DryRun(_ context.Context, _ object.Kind, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	live := s.objects[0]
	live.SetResourceVersion("2")
	live.Object["spec"].(map[string]any)["replicas"] = int64(5)
	stored := live.DeepCopy()
	stored.Object["spec"].(map[string]any)["image"] = o.Object["spec"].(map[string]any)["image"]
	return stored, nil
}

// What others change between the list and the dry run is no difference.
func TestWhatChangesWhileItIsComparedIsNoDifference(t *testing.T) {
	web := func(spec string) *unstructured.Unstructured {
		return manifest(t, `{apiVersion: v1, kind: ConfigMap, metadata: {name: web, namespace: shop, resourceVersion: "1"}, spec: `+spec+`}`)
	}
	report, err := drift.Compare(t.Context(), scaled{&shelf{objects: []*unstructured.Unstructured{web("{image: b, replicas: 3}")}}}, expect(web("{image: a}")), drift.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Changed) != 1 || len(report.Changed[0].Fields) != 1 || report.Changed[0].Fields[0].Path != "spec.image" {
		t.Errorf("%s", words(report.Changed))
	}
}

// What Helm keeps of a release has Secrets in it, also where it is a ConfigMap.
func TestTheValuesOfAReleaseAreHidden(t *testing.T) {
	cluster := &shelf{objects: []*unstructured.Unstructured{configMap(t, "sh.helm.release.v1.web.v1", "hunter2")}}
	report, err := drift.Compare(t.Context(), cluster, expect(configMap(t, "sh.helm.release.v1.web.v1", "hunter1")), drift.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if text := words(report); len(report.Changed) != 1 || strings.Contains(text, "hunter") {
		t.Errorf("%s", text)
	}
}

// A fingerprint is printed, and holds nothing that values could be tried against.
func TestTheFingerprintIsNotOfSecrets(t *testing.T) {
	fingerprint := func(password, setting string) string {
		live := secret(t, "s")
		live.Object["data"] = map[string]any{"a": password}
		report, err := drift.Compare(t.Context(), &shelf{objects: []*unstructured.Unstructured{live, configMap(t, "a", setting)}},
			expect(secret(t, "s"), configMap(t, "a", "1")), drift.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return report.Fingerprint
	}
	if fingerprint("b25l", "1") != fingerprint("dHdv", "1") {
		t.Error("it tells one value of a Secret from another")
	}
	if fingerprint("b25l", "1") == fingerprint("b25l", "2") {
		t.Error("it does not tell one setting from another")
	}
}

// What people leave out by rule is neither compared nor unexpected.
func TestExcludedObjectsAreNotCompared(t *testing.T) {
	filter, err := capture.New(capture.Options{Exclude: []capture.Rule{{Namespace: "shop", Kind: "ConfigMap"}}})
	if err != nil {
		t.Fatal(err)
	}
	cluster := &shelf{objects: []*unstructured.Unstructured{configMap(t, "changed", "2"), configMap(t, "stranger", "2")}}
	report, err := drift.Compare(t.Context(), cluster, expect(configMap(t, "changed", "1"), configMap(t, "gone", "1")), drift.Options{Catalogue: catalogueOf(), Capture: filter})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Clean() || len(report.Excluded) != 2 || report.Compared != 0 {
		t.Errorf("%s", words(report))
	}
}
