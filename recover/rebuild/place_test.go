package rebuild_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/recover/object"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/snapshot/drift"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// place is one cluster, and the repository that it is restored from again and
// again.
type place struct {
	*bench
	repo *gitserver.Repository
	req  rebuild.Request
}

func newPlace(t *testing.T) *place {
	t.Helper()
	repo := gitserver.Repo(t)
	return &place{bench: newBench(t), repo: repo, req: rebuild.Request{
		Cluster: "place", Provider: "local", Wait: time.Minute, Source: rebuild.Source{Repo: repo.Dir, Revision: "main"},
	}}
}

// commit makes manifests the whole content of the repository.
func (p *place) commit(t *testing.T, manifests ...string) string {
	t.Helper()
	return p.repo.CommitFile("all.yaml", strings.Join(manifests, "\n---\n"), "a commit")
}

// try restores the newest commit and agrees to everything. The report is never
// nil; what was asked comes with it.
func (p *place) try(t *testing.T, change func(*rebuild.Request)) (*rebuild.Report, []rebuild.InPlace, error) {
	t.Helper()
	req, consent := p.req, &agree{}
	if change != nil {
		change(&req)
	}
	report, err := p.Restore(t.Context(), req, consent.consent, nil)
	if report == nil {
		t.Fatalf("no report: %v", err)
	}
	return report, consent.asked, err
}

// verified restores the newest commit and fails the test unless the cluster is
// that commit afterwards.
func (p *place) verified(t *testing.T) *rebuild.Report {
	t.Helper()
	report, _, err := p.try(t, nil)
	if err != nil || !report.Verified {
		t.Fatalf("the restore: %v: %s", err, words(t, report))
	}
	return report
}

func (p *place) verify(t *testing.T) *rebuild.Report {
	t.Helper()
	report, err := p.Verify(t.Context(), p.req)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return report
}

// journaled is everything that the journal keeps, as JSON.
func (p *place) journaled(t *testing.T) string {
	t.Helper()
	runs, err := p.store.Runs(t.Context(), run.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	everything := []any{runs}
	for _, r := range runs {
		events, err := p.store.Events(t.Context(), r.ID, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		everything = append(everything, events)
	}
	records, err := p.ClusterRecords(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return words(t, append(everything, records))
}

// hand is somebody who talks to the cluster past rekindle, as a field manager.
type hand struct {
	t             *testing.T
	client        *http.Client
	host, manager string
}

// by is a hand on the cluster of p.
func (p *place) by(t *testing.T, manager string) hand {
	t.Helper()
	kubeconfig, err := p.local.Connect(t.Context(), p.req.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	return handOn(t, kubeconfig, manager)
}

// handOn is a hand on the cluster of a kubeconfig.
func handOn(t *testing.T, kubeconfig []byte, manager string) hand {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return hand{t: t, client: client, host: config.Host, manager: manager}
}

func (h hand) send(method, path, contentType string, body []byte) (int, []byte) {
	h.t.Helper()
	query := url.Values{"fieldManager": {h.manager}}
	if contentType == applyYAML {
		query.Set("force", "true")
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.host+path+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, answer
}

// must is send for what has to succeed.
func (h hand) must(method, path, contentType string, body []byte) []byte {
	h.t.Helper()
	code, answer := h.send(method, path, contentType, body)
	if code/100 != 2 {
		h.t.Fatalf("%s %s as %s: %d: %s", method, path, h.manager, code, answer)
	}
	return answer
}

const (
	plainJSON  = "application/json"
	mergePatch = "application/merge-patch+json"
	jsonPatch  = "application/json-patch+json"
	applyYAML  = "application/apply-patch+yaml"
)

// patch sends a merge patch, a JSON patch when it begins with a bracket, or a
// forced server-side apply when it begins as a manifest does.
func (h hand) patch(path, patch string) {
	h.t.Helper()
	contentType := mergePatch
	switch {
	case strings.HasPrefix(patch, "["):
		contentType = jsonPatch
	case strings.HasPrefix(patch, "apiVersion"):
		contentType = applyYAML
	}
	h.must(http.MethodPatch, path, contentType, []byte(patch))
}

func (h hand) post(collection, manifest string) {
	h.t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(manifest))
	if err != nil {
		h.t.Fatal(err)
	}
	h.must(http.MethodPost, collection, plainJSON, raw)
}

func (h hand) delete(path string) {
	h.t.Helper()
	h.must(http.MethodDelete, path, plainJSON, nil)
}

func (h hand) get(path string) *unstructured.Unstructured {
	h.t.Helper()
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(h.must(http.MethodGet, path, plainJSON, nil)); err != nil {
		h.t.Fatal(err)
	}
	return u
}

// has tells whether there is an object at path.
func (h hand) has(path string) bool {
	h.t.Helper()
	code, answer := h.send(http.MethodGet, path, plainJSON, nil)
	if code != http.StatusOK && code != http.StatusNotFound {
		h.t.Fatalf("GET %s: %d: %s", path, code, answer)
	}
	return code == http.StatusOK
}

func configMapPath(name string) string { return "/api/v1/namespaces/shop/configmaps/" + name }

func configMap(name string) object.ID {
	return object.ID{Kind: "ConfigMap", Namespace: "shop", Name: name}
}

// settings is the manifest of a ConfigMap in the namespace shop; more are
// further lines of its metadata in flow style: `, labels: {…}`.
func settings(name, value, more string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + ", namespace: shop" + more + "}\ndata: {value: \"" + value + "\"}\n"
}

const shop = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"

// changeOf is what a report says about one object that differs.
func changeOf(r *rebuild.Report, id object.ID) (drift.Change, bool) {
	if r.Drift == nil {
		return drift.Change{}, false
	}
	i := slices.IndexFunc(r.Drift.Changed, func(c drift.Change) bool { return c.ID == id })
	if i < 0 {
		return drift.Change{}, false
	}
	return r.Drift.Changed[i], true
}

func fieldNamed(part string) func(drift.Field) bool {
	return func(f drift.Field) bool { return strings.Contains(f.Path, part) }
}

// reasonFor is why an object was not applied, or kept; empty when it is not in
// the list.
func reasonFor(list []rebuild.NotApplied, id object.ID) string {
	for _, n := range list {
		if n.ID == id {
			return n.Reason
		}
	}
	return ""
}

// stepOf is the journaled step of a run.
func (p *place) stepOf(t *testing.T, id, name string) run.Step {
	t.Helper()
	r, err := p.store.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	step, ok := r.Step(name)
	if !ok {
		t.Fatalf("run %s has no step %s", id, name)
	}
	return *step
}
