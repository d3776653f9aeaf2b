package teardown_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/rekindle-io/rekindle/providers"
	"github.com/rekindle-io/rekindle/providers/local"
	"github.com/rekindle-io/rekindle/recover/rebuild"
	"github.com/rekindle-io/rekindle/recover/run"
	"github.com/rekindle-io/rekindle/recover/sops"
	"github.com/rekindle-io/rekindle/recover/source"
	"github.com/rekindle-io/rekindle/recover/teardown"
	"github.com/rekindle-io/rekindle/testenv"
	"github.com/rekindle-io/rekindle/testenv/gitserver"
)

// world is one machine: a state directory, an engine on it, the repository that
// its cluster "dev" is restored from, and the one that it is exported to.
type world struct {
	*teardown.Engine
	t        *testing.T
	state    string
	store    *run.Store
	local    *local.Provider
	maker    *wrapped
	repo, to *gitserver.Repository
	env      map[string]string
}

// wrapped is a provider of which a test overrides what it likes.
type wrapped struct {
	providers.Provider
	find      func() (providers.Cluster, error)
	remove    func(ctx context.Context, name, id string) error
	leftovers func(ctx context.Context) ([]providers.Leftover, error)
}

func (w *wrapped) Find(ctx context.Context, name string) (providers.Cluster, error) {
	if w.find != nil {
		return w.find()
	}
	return w.Provider.Find(ctx, name)
}

func (w *wrapped) Delete(ctx context.Context, name, id string, progress providers.Progress) error {
	if w.remove != nil {
		if err := w.remove(ctx, name, id); err != nil {
			return err
		}
	}
	return w.Provider.Delete(ctx, name, id, progress)
}

func (w *wrapped) Leftovers(ctx context.Context) ([]providers.Leftover, error) {
	if w.leftovers != nil {
		return w.leftovers(ctx)
	}
	return w.Provider.(providers.LeftoverFinder).Leftovers(ctx)
}

func newWorld(t *testing.T, manifests ...string) *world {
	t.Helper()
	t.Parallel() // they wait more than they work
	state := t.TempDir()
	w := &world{t: t, state: state, env: map[string]string{}, repo: gitserver.Repo(t)}
	w.repo.CommitFile("all.yaml", strings.Join(append([]string{shop}, manifests...), "\n---\n"), "a commit")
	w.to = gitserver.Repo(t).Mirror(t.TempDir(), "live.git")
	w.Engine = w.engine(state)
	t.Cleanup(w.removeAll)
	return w
}

// engine is another process on the same state directory.
func (w *world) engine(state string) *teardown.Engine {
	w.t.Helper()
	e, parts, err := newEngine(state, testenv.Binary(w.t), true, func(name string) string {
		if v, ok := w.env[name]; ok {
			return v
		}
		return os.Getenv(name)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.store, w.local, w.maker = parts.store, parts.local, parts.maker
	return e
}

type parts struct {
	store *run.Store
	local *local.Provider
	maker *wrapped
}

func newEngine(state, binary string, tethered bool, getenv func(string) string) (*teardown.Engine, parts, error) {
	p := parts{}
	var err error
	if p.local, err = local.New(local.Options{Root: filepath.Join(state, "clusters"), Binary: binary, Now: time.Now, Tethered: tethered, StopTimeout: 2 * time.Second}); err != nil {
		return nil, p, err
	}
	p.maker = &wrapped{Provider: p.local}
	registry, err := providers.NewRegistry(p.maker)
	if err != nil {
		return nil, p, err
	}
	if p.store, err = run.OpenStore(state, run.StoreOptions{}); err != nil {
		return nil, p, err
	}
	return &teardown.Engine{Retry: 20 * time.Millisecond, Rebuild: &rebuild.Engine{
		Providers: registry, Journal: p.store,
		Executor: &run.Executor{Journal: p.store, Leases: p.store.Leases(), Now: time.Now, Chance: rand.Reader, FlushEvery: time.Millisecond},
		Source:   source.Options{CacheDir: filepath.Join(state, "cache"), Getenv: getenv, Now: time.Now},
		Secrets:  &sops.Opener{Getenv: getenv}, ExportDir: filepath.Join(state, "exports"),
		SealKey: func(string) ([]byte, error) { return bytes.Repeat([]byte{7}, sops.KeySize), nil },
		Now:     time.Now, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler), Version: "test",
	}}, p, nil
}

func (w *world) removeAll() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	clusters, err := w.local.List(ctx)
	if err != nil {
		w.t.Error(err)
	}
	for _, c := range clusters {
		if err := w.local.Delete(ctx, c.Name, c.ID, nil); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) source() rebuild.Request { return sourceAt(w.repo.Dir) }

func sourceAt(repo string) rebuild.Request {
	return rebuild.Request{Cluster: "dev", Provider: "local", Wait: 3 * time.Minute, Source: rebuild.Source{Repo: repo, Revision: "main"}}
}

// restore makes the cluster.
func (w *world) restore() {
	w.t.Helper()
	agree := func(context.Context, rebuild.InPlace) (bool, error) { return true, nil }
	if _, err := w.Rebuild.Restore(w.t.Context(), w.source(), agree, nil); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) request(change func(*teardown.Request)) teardown.Request {
	return requestOf(w.source(), w.to.Dir, change)
}

func requestOf(from rebuild.Request, to string, change func(*teardown.Request)) teardown.Request {
	from.Confirm = from.Cluster
	req := teardown.Request{
		DriftRequest: rebuild.DriftRequest{Request: from, Export: &rebuild.ExportTarget{Repo: to, Branch: "rekindle/dev"}},
		Waits:        teardown.Waits{Answer: 10 * time.Second, Drain: 30 * time.Second, Suspend: 20 * time.Second, Delete: time.Minute, Leftovers: 20 * time.Second},
	}
	if change != nil {
		change(&req)
	}
	return req
}

// down tears the cluster down, which must go well.
func (w *world) down(change func(*teardown.Request)) *teardown.Report {
	w.t.Helper()
	report, err := w.Teardown(w.t.Context(), w.request(change), w.log)
	if err != nil {
		w.t.Fatalf("%v: %s", err, words(w.t, report))
	}
	w.gone()
	return report
}

// refused is a teardown that must not come to pass, and touch nothing.
func (w *world) refused(change func(*teardown.Request)) error {
	w.t.Helper()
	report, err := w.Teardown(w.t.Context(), w.request(change), nil)
	if err == nil {
		w.t.Fatalf("it was torn down: %s", words(w.t, report))
	}
	if report != nil && (report.Deleted || len(report.Removed)+len(report.Suspended) > 0) {
		w.t.Errorf("it was touched: %s", words(w.t, report))
	}
	return err
}

func (w *world) log(e run.Event) {
	w.t.Logf("%s %s %s %s", e.Step, e.Type, e.Object, e.Message)
}

// gone fails the test unless nothing is left of the cluster.
func (w *world) gone() {
	w.t.Helper()
	if _, err := w.local.Find(w.t.Context(), "dev"); !errors.Is(err, providers.ErrNotFound) {
		w.t.Errorf("the cluster: %v", err)
	}
	if left, err := w.local.Leftovers(w.t.Context()); err != nil || len(left) > 0 {
		w.t.Errorf("left over: %v, %v", left, err)
	}
	if records, err := w.Rebuild.ClusterRecords(w.t.Context()); err != nil || len(records) > 0 {
		w.t.Errorf("recorded: %v, %v", records, err)
	}
}

func (w *world) tip() string {
	sha, _ := w.to.Try("rev-parse", "--verify", "-q", "refs/heads/rekindle/dev") // "" when there is none
	return sha
}

func (w *world) exported(name string) string {
	content, _ := w.to.Try("show", "rekindle/dev:"+name)
	return content
}

func words(t testing.TB, v any) string {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func outcomeOf(err error) run.Outcome {
	var o interface{ Outcome() run.Outcome }
	if errors.As(err, &o) {
		return o.Outcome()
	}
	return ""
}

// hand is somebody who talks to the cluster past rekindle.
type hand struct {
	t      *testing.T
	client *http.Client
	host   string
}

func (w *world) hand() hand {
	w.t.Helper()
	kubeconfig, err := w.local.Connect(w.t.Context(), "dev")
	if err != nil {
		w.t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		w.t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(client.CloseIdleConnections)
	return hand{t: w.t, client: client, host: config.Host}
}

// apply makes objects; the paths are those of their collections.
func (h hand) apply(collection, manifest string) {
	h.t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(manifest))
	if err != nil {
		h.t.Fatal(err)
	}
	h.must(http.MethodPost, collection, "application/json", raw)
}

func (h hand) merge(path, patch string) {
	h.t.Helper()
	h.must(http.MethodPatch, path, "application/merge-patch+json", []byte(patch))
}

func (h hand) must(method, path, contentType string, body []byte) []byte {
	h.t.Helper()
	code, answer := h.send(method, path, contentType, body)
	if code/100 != 2 {
		h.t.Fatalf("%s %s: %d: %s", method, path, code, answer)
	}
	return answer
}

func (h hand) send(method, path, contentType string, body []byte) (int, []byte) {
	h.t.Helper()
	code, answer, err := h.try(method, path, contentType, body)
	if err != nil {
		h.t.Fatal(err)
	}
	return code, answer
}

// try is send for any goroutine.
func (h hand) try(method, path, contentType string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.host+path+"?fieldManager=kubectl-create", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", contentType)
	res, err := h.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

func (h hand) get(path string) *unstructured.Unstructured {
	h.t.Helper()
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(h.must(http.MethodGet, path, "", nil)); err != nil {
		h.t.Fatal(err)
	}
	return u
}

// eventually waits until check holds.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !check() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

const shop = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"

const shopPath = "/api/v1/namespaces/shop"

// web is a Service of type LoadBalancer and what goes with it.
const web = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {name: inner, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
`

// db is a StatefulSet whose claims others save, people say.
const db = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: db:1, volumeMounts: [{name: data, mountPath: /data}]}]}
  volumeClaimTemplates:
  - metadata: {name: data, annotations: {rekindle.io/data-saved-by: a dump at night}}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`
